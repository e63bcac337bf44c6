//! `peermon ssh-config pick`, which ssh runs while it reads its settings.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use super::super::args::{LabArgs, PickArgs};
use super::super::console::Console;
use super::super::exit::{Exit, Failure};
use super::super::ssh::{Asked, Effective, first_that_accepts, place};
use super::folder::SshFolder;
use super::not_changed;
use crate::model::HostView;
use crate::os::new_file;
use crate::os::parent::{self, Parent};

/// Set where we ask ssh for its settings: there it runs us again, and there is nothing to pick.
const INNER: &str = "PEERMON_SSH_CONFIG_INNER";

/// A pick is read within milliseconds; one that is older than this is taken away, since each costs every other ssh a
/// millisecond. On a machine that stands still for longer, ssh goes on with the plain name.
const PICK_AGE_MAX: Duration = Duration::from_secs(5);

/// The options of ssh(1) that a value follows.
const WITH_VALUE: &[u8] = b"BbcDEeFIiJLlmOoPpQRSWw";

/// Writes where the ssh that runs this goes. Where this fails ssh goes on with the plain name.
pub(super) fn run(args: &PickArgs, console: &Console) -> Result<Exit, Failure> {
    if env::var_os(INNER).is_some() {
        return Ok(Exit::Failed);
    }
    pick(&args.lab, &SshFolder::at(args.folder.clone()), console).map_err(|failure| {
        let what = format!("{}; ssh goes on with the plain name {}", failure.what, args.lab.name);
        Failure { what, ..failure }
    })
}

fn pick(args: &LabArgs, folder: &SshFolder, console: &Console) -> Result<Exit, Failure> {
    let (parent, realm) = Parent::of_process().and_then(|parent| Ok((parent, parent::realm()?))).map_err(|error| {
        let what = format!("cannot tell which ssh asks ({error})");
        Failure::new(Exit::Failed, what, "ssh runs this by itself; peermon ssh --print is for people")
    })?;
    let path = folder.picks().join(format!("{}:{realm}:{}", args.name, parent.mark));
    if path.exists() {
        // The same ssh reads its settings once more, as it does for CanonicalizeHostname.
        return Ok(Exit::Done);
    }
    take_those_of_the_dead_away(folder, &realm);
    let mut asked = Asked::ask(&args.choose, &args.client, console)?;
    let ranking = asked.choice.rank(&asked.table);
    let candidates = asked.to_try(&ranking, args.num)?;
    let connects = !only_asks(&parent.arguments);
    let probes = connects && asked.probes() && !args.no_probe;
    let effective = if probes { effective(&parent) } else { None };
    let host = match effective {
        Some(effective) => first_that_accepts(&effective, &candidates, console)?,
        None => candidates[0],
    };
    folder.make()?;
    new_file::pass(&path, &text(args, host, &parent.mark)).map_err(|error| not_changed(&path, &error))?;
    take_old_ones_away(folder, &path);
    if connects && !args.no_pending {
        place(&mut asked.client, host);
    }
    Ok(Exit::Done)
}

/// What ssh makes of all that it was given, its port among it. `None`: whoever runs this is not ssh, and what it would do
/// with `-G` nobody knows.
fn effective(parent: &Parent) -> Option<Effective> {
    let program = parent.program.as_ref().filter(|program| program.file_name() == Some(OsStr::new("ssh")))?;
    Some(Effective::said_by(Command::new(program).arg("-G").args(&parent.arguments).env(INNER, "1")))
}

/// Whether these are the arguments of an ssh that shows its settings (`-G`) and goes nowhere.
fn only_asks(arguments: &[OsString]) -> bool {
    let mut words = arguments.iter().map(|word| word.as_encoded_bytes());
    let mut host_is_named = false;
    while let Some(word) = words.next() {
        let letters = match word.strip_prefix(b"-") {
            Some(letters) if letters != b"-" => letters,
            // Options may follow the host; what follows then is the command.
            None if !host_is_named => {
                host_is_named = true;
                continue;
            }
            Some(_) | None => return false,
        };
        let with_value = letters.iter().position(|letter| WITH_VALUE.contains(letter));
        if letters[..with_value.unwrap_or(letters.len())].contains(&b'G') {
            return true;
        }
        if with_value.is_some_and(|place| place + 1 == letters.len()) {
            words.next();
        }
    }
    false
}

/// Counts for the one ssh alone whose mark it has. `sh` takes the place of whatever shell the user has.
fn text(args: &LabArgs, host: &HostView, mark: &str) -> String {
    let is_mine = format!("read s </proc/$PPID/stat; set -- $s; shift 21; test $PPID.$1 = {mark}");
    format!(
        "Match originalhost {} exec \"exec sh -c '{is_mine}'\"\n    HostName {}\n    HostKeyAlias {}\n",
        args.name, host.address, host.name
    )
}

/// Of this machine; of others nobody here knows who lives. What is still being written has a name of its own (a dot before
/// it): where it was left behind it goes with the old ones.
fn take_those_of_the_dead_away(folder: &SshFolder, realm: &str) {
    for pick in folder.all_picks() {
        let name = pick.file_name().and_then(OsStr::to_str).unwrap_or_default();
        if name.starts_with('.') {
            continue;
        }
        let mut parts = name.split(':').skip(1);
        if let (Some(found), Some(mark)) = (parts.next(), parts.next())
            && found == realm
            && !parent::lives(mark)
        {
            let _ = fs::remove_file(pick);
        }
    }
}

/// By the times of the files alone: on a shared home others write them too, and no two clocks agree.
fn take_old_ones_away(folder: &SshFolder, newest: &Path) {
    let time_of = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    let Some(now) = time_of(newest) else { return };
    for pick in folder.all_picks() {
        let is_old = |time| now.duration_since(time).is_ok_and(|age| age > PICK_AGE_MAX);
        if time_of(&pick).is_some_and(is_old) {
            let _ = fs::remove_file(pick);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ssh_that_shows_its_settings_goes_nowhere() {
        let words = |line: &str| line.split(' ').map(OsString::from).collect::<Vec<_>>();
        for line in ["-G lab", "-F config -G lab", "-vG lab", "-p 22 -4G -- lab", "lab -G"] {
            assert!(only_asks(&words(line)), "{line}");
        }
        for line in
            ["lab", "-F G lab", "-oG=1 lab", "-p22 lab make -j8", "-l G -- lab G", "-x -- lab sftp", "-tt lab ls -l"]
        {
            assert!(!only_asks(&words(line)), "{line}");
        }
    }
}
