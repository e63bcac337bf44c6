//! Arguments in, exit code out; the only printer.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_macros,
    reason = "the shell: arguments and environment enter here, and only here is anything printed"
)]

pub mod args;
pub mod exit;
