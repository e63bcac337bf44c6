//! The only code that asks the kernel: /proc, clock, entropy, privileges, sockets.
