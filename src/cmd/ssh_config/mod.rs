//! `peermon ssh-config`: `ssh lab`, and so scp, rsync and git, go to the best host without knowing of peermon.
//!
//! `~/.ssh/config` gets one line, an Include of `~/.ssh/peermon/*.conf`. For each name that was made there is a drop-in:
//! ssh runs the command of its `Match exec` while it reads, and then an Include brings in what that command wrote, a
//! *pick*. Each ssh has a pick of its own, which counts for no other: its `Match` asks for the mark of the ssh process
//! that reads it. Without a pick, as where no daemon answers, ssh goes on with the plain name.

mod folder;
mod pick;

use std::env;
use std::fs;
use std::io;
use std::path::Path;

use super::args::{LabArgs, RemoveArgs, SshConfigAction};
use super::console::Console;
use super::exit::{Exit, Failure};
use super::settings::Settings;
use crate::client::Place;
use crate::config::client::Daemon;
use crate::os::new_file;
use crate::placement::Policy;

use folder::SshFolder;

/// Does what was typed.
pub fn run(action: &SshConfigAction, console: &Console) -> Result<Exit, Failure> {
    match action {
        SshConfigAction::Install(args) => install(args, console),
        SshConfigAction::Remove(args) => remove(args),
        SshConfigAction::Pick(args) => pick::run(args, console),
    }
}

fn install(args: &LabArgs, console: &Console) -> Result<Exit, Failure> {
    check(args, console)?;
    let folder = SshFolder::of_user()?;
    folder.make()?;
    let drop_in = folder.drop_in(&args.name);
    let text = drop_in_text(&folder, args)?;
    if fs::read(&drop_in).ok().as_deref() != Some(text.as_bytes()) {
        new_file::replace(&drop_in, &text).map_err(|error| not_changed(&drop_in, &error))?;
    }
    let config = folder.config();
    let old = read(&config)?;
    let line = folder.include_line()?;
    if lines(&old).any(|found| found == line.as_bytes()) {
        return Ok(Exit::Done);
    }
    if !old.is_empty() {
        let backup = folder.backup();
        new_file::replace(&backup, &old).map_err(|error| not_changed(&backup, &error))?;
    }
    let new = [line.as_bytes(), b"\n", &old].concat();
    replace_private(&config, &new).map_err(|error| not_changed(&config, &error))?;
    Ok(Exit::Done)
}

/// What would only come to light at each ssh.
fn check(args: &LabArgs, console: &Console) -> Result<(), Failure> {
    if args.choose.explain {
        let hint = "peermon ssh --explain shows who would be chosen";
        return Err(Failure::new(Exit::Usage, "--explain shows, and install only writes", hint));
    }
    let settings = Settings::read(console)?;
    settings.choice(args.choose.clone(), Policy::CLASSIC_MEMORY_STEP_KIB)?;
    match settings.daemon(&args.client)? {
        Daemon::At(Place::Socket(path)) if args.client.socket.is_some() && path.is_relative() => {
            let what = format!("--socket: '{}' means something else in each folder", path.display());
            Err(Failure::new(Exit::Usage, what, "give the whole path, from / on"))
        }
        Daemon::At(_) | Daemon::OfPort(_) => Ok(()),
    }
}

/// ssh asks what `originalhost` is before it runs anything, so other hosts cost nothing. It runs a shell; that becomes the
/// command (`exec`), whose parent then is ssh.
fn drop_in_text(folder: &SshFolder, args: &LabArgs) -> Result<String, Failure> {
    let program = env::current_exe().map_err(|error| {
        Failure::new(Exit::Failed, format_args!("cannot tell where peermon is ({error})"), "is /proc mounted?")
    })?;
    let (program, own) = (folder::for_ssh(&program)?, folder::for_ssh(folder.path())?);
    let mut command = vec![format!("'{program}' ssh-config pick --folder '{own}'")];
    // As they were typed: `peermon ssh-config install` and the options.
    for word in env::args_os().skip(3) {
        command.push(format!("'{}'", folder::for_ssh(Path::new(&word))?));
    }
    let (name, picks) = (&args.name, folder.picks());
    let picks = folder::for_ssh(&picks)?;
    Ok(format!(
        "# Made by peermon ssh-config install, and taken away by peermon ssh-config remove.\n\
         # ssh runs the command, which writes where to go: the host that is best now, and the name that its key is known by.\n\
         Match originalhost {name} exec \"exec {}\"\n    Include \"{picks}/{name}:*\"\n",
        command.join(" ")
    ))
}

fn remove(args: &RemoveArgs) -> Result<Exit, Failure> {
    let folder = SshFolder::of_user()?;
    let gone = |path: &Path| match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(not_changed(path, &error)),
        Ok(()) | Err(_) => Ok(()),
    };
    let made = folder.drop_ins();
    let kept = made.iter().filter(|path| args.name.as_ref().is_some_and(|name| **path != folder.drop_in(name))).count();
    if kept == 0 {
        // First, so that nothing includes what is not there.
        take_line_out(&folder)?;
    }
    for path in made.iter().filter(|path| args.name.as_ref().is_none_or(|name| **path == folder.drop_in(name))) {
        gone(path)?;
    }
    if kept == 0 {
        for pick in folder.all_picks() {
            gone(&pick)?;
        }
        folder.unmake();
    }
    Ok(Exit::Done)
}

/// What was there before is there again.
fn take_line_out(folder: &SshFolder) -> Result<(), Failure> {
    let config = folder.config();
    let old = read(&config)?;
    let line = folder.include_line()?;
    let Some(place) = lines(&old).position(|found| found == line.as_bytes()) else { return Ok(()) };
    let new = old.split_inclusive(|byte| *byte == b'\n').enumerate();
    let new: Vec<u8> = new.filter(|(number, _)| *number != place).flat_map(|(_, text)| text.iter().copied()).collect();
    let backup = folder.backup();
    let is_as_before = fs::read(&backup).is_ok_and(|before| before == new);
    let was_made = new.is_empty() && !backup.exists() && !config.is_symlink();
    let done = if was_made { fs::remove_file(&config) } else { new_file::replace(&config, &new) };
    done.map_err(|error| not_changed(&config, &error))?;
    if is_as_before {
        // Somebody who changed more since may still want it.
        let _ = fs::remove_file(&backup);
    }
    Ok(())
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii)
}

/// What there is; nothing where there is no such file.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        read => read.map_err(|error| not_changed(path, &error)),
    }
}

/// As [`new_file::replace`], and a file that was not there is for its owner alone.
fn replace_private(path: &Path, text: &[u8]) -> io::Result<()> {
    match fs::exists(path) {
        Ok(true) => {}
        Ok(false) | Err(_) if path.is_symlink() => {}
        Ok(false) | Err(_) => new_file::pass(path, "")?,
    }
    new_file::replace(path, text)
}

fn not_changed(path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot change {} ({error})", path.display());
    Failure::new(Exit::Failed, what, "ssh goes on as before; is the folder yours, and is there room on its disk?")
}
