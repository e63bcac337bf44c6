//! The executable: the exit code of [`peermon::cmd::main`].
fn main() {}
