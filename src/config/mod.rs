//! Flags, environment and files to checked settings.
//!
//! [`paths`] says where things lie, [`file`] reads `peermon.toml`, [`machines`] and [`valid_ips`] read the
//! files of lines that PeerMon 1.1 had, [`values`] are the types of single settings: what a flag, a variable
//! and a key in the file have in common is parsed there once. [`client`] and [`choose`] settle what every client
//! needs to know. Nothing here changes the environment or the disk, and nothing prints: what is odd but no
//! obstacle comes back as a [`Finding`].
#![allow(clippy::disallowed_methods, reason = "the shell: here the environment is read")]

pub mod choose;
pub mod client;
pub mod daemon;
pub mod file;
mod lines;
pub mod machines;
mod nearest;
pub mod paths;
pub mod ssh_hosts;
pub mod valid_ips;
pub mod values;

pub use daemon::{DaemonSettings, DaemonSource, Source};
pub use file::FileSettings;
pub use lines::{Finding, TEXT_FILE_MAX};
pub use nearest::nearest;
pub use paths::Environment;
