//! `peermon keygen`: a new key, for whoever may read it and nobody else.

use super::args::KeygenArgs;
use super::console::Console;
use super::exit::{Exit, Failure};

/// Makes a key and writes it where it was asked for.
pub fn run(args: &KeygenArgs, console: &Console) -> Result<Exit, Failure> {
    let _ = (args, console);
    Ok(Exit::Failed)
}
