//! One test binary: modules by capability.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "tests stand outside: they start daemons, wait for them, and say what they skipped"
)]

mod client;
mod command;
mod command_line;
mod crates;
mod demo;
mod dns;
mod doctor;
mod documents;
mod fake_daemon;
mod faults_page;
mod fleet;
mod forged;
mod fuzz;
mod generated_files;
mod host_file;
mod install;
mod install_machine;
mod joining;
mod keygen;
mod lab;
mod launchers;
mod layering;
mod machine;
mod mpigen;
mod net;
mod other_languages;
mod packages;
mod picture;
mod protocol_page;
mod python_installed;
mod query;
mod ranking;
mod readme;
mod real_ssh;
mod recipes;
mod rows;
mod rush;
mod sealing;
mod service;
mod skip;
mod ssh;
mod ssh_config;
mod surroundings;
mod trust;
mod watching;
mod wire_golden;
