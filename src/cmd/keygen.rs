//! `peermon keygen`: a new key, for whoever may read it and nobody else.

use std::io;
use std::path::Path;

use super::args::KeygenArgs;
use super::console::Console;
use super::exit::{Exit, Failure};
use crate::config::Environment;
use crate::os::privileges::{self, Account};
use crate::os::{entropy, new_file};
use crate::session::new_key_file;

/// Makes a key and writes it where it was asked for.
pub fn run(args: &KeygenArgs, console: &Console) -> Result<Exit, Failure> {
    let text = new_key_file(&entropy::draw_bytes());
    if args.file == Path::new("-") {
        console.print(&text)?;
    } else {
        new_file::create(&args.file, &text, owner(&args.file)).map_err(|error| failure(&args.file, &error))?;
    }
    Ok(Exit::Done)
}

/// The host's own daemon reads its key as user `peermon`, on HUP too: where root makes that key, it is for that user.
fn owner(path: &Path) -> Option<Account> {
    let is_the_hosts = path.parent() == Some(&Environment::of_process().system_config_folder());
    if is_the_hosts && privileges::own_uid() == 0 { privileges::account() } else { None }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let is_folder = path.is_dir();
    let path = path.display();
    if is_folder {
        let hint = format!("name a file in it, as {path}/gossip.key");
        return Failure::new(Exit::Failed, format_args!("cannot write {path} (it is a folder)"), hint);
    }
    if error.kind() == io::ErrorKind::AlreadyExists {
        // The second hint is how a key is changed without a moment in which hosts do not understand each other.
        let hint = format!("name another file; peermon keygen >> {path} adds a key to a file that hosts share");
        return Failure::new(Exit::Failed, format_args!("{path} exists already, and stays as it is"), hint);
    }
    let hint = match error.kind() {
        io::ErrorKind::NotFound => "make that folder first (mkdir -p), or name a file in another one",
        io::ErrorKind::PermissionDenied => "do it as root, or name a file in a folder of your own",
        _ => "name a file elsewhere; - is stdout",
    };
    Failure::new(Exit::Failed, format_args!("cannot write {path} ({error})"), hint)
}
