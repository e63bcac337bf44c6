//! Arguments in, exit code out; the only printer.

pub mod args;
