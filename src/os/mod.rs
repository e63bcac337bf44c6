//! The only code that asks the kernel: /proc, clock, entropy, privileges, sockets.
#![allow(clippy::disallowed_methods, reason = "the shell: here the clock, entropy and the kernel are asked")]
