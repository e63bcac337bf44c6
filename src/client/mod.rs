//! Ask a daemon.
#![allow(clippy::disallowed_methods, reason = "the shell: a client has deadlines and waits")]
