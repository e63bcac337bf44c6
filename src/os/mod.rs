//! The only code that asks the kernel: /proc, clock, entropy, privileges, addresses, sockets.
#![allow(clippy::disallowed_methods, reason = "the shell: here the clock, entropy and the kernel are asked")]

pub mod addresses;
mod cgroup;
pub mod clock;
pub mod entropy;
pub mod listeners;
pub mod lock;
pub mod new_file;
pub mod parent;
pub mod peer;
pub mod privileges;
pub mod probe;
pub mod processes;
pub mod procfs;
pub mod runtime;
pub mod secret;
pub mod sockets;
pub mod tool;
pub mod udp;
