//! The executable: the exit code of [`peermon::cmd::main`].

use std::process::ExitCode;

fn main() -> ExitCode {
    peermon::cmd::main()
}
