//! The files of a daemon: whether they say something, and whether only those can change them who may.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::daemon::{files_hint, settings_hint};
use super::check::Check;
use super::facts::{Facts, Files};
use crate::config::Finding as Odd;
use crate::config::Source;
use crate::config::machines::Machine;
use crate::config::valid_ips::ValidIpsError;
use crate::config::values::Port;
use crate::daemon::{self, FilesError};
use crate::model::NetworkList;
use crate::os::privileges;
use crate::os::secret::{SecretError, Trusted};
use crate::render::doctor::Finding;

/// Names of these mean something else to each process.
const DIFFERENT: [&str; 4] = ["/dev/fd", "/dev/stdin", "/proc/self", "/proc/thread-self"];

/// What is in the files, read as the daemon reads them.
#[derive(Debug)]
pub(super) struct Read {
    pub machines: Result<(Option<Vec<Machine>>, Vec<Odd>), FilesError>,
    pub valid_ips: Result<(NetworkList, Vec<Odd>), FilesError>,
    pub key: Result<Key, FilesError>,
    /// One of them that is left to the daemon.
    pub unread: Option<PathBuf>,
}

/// What is known of the key.
#[derive(Debug)]
pub(super) enum Key {
    /// There are as many.
    Keys(usize),
    /// There is none.
    None,
    /// Whoever asks may not read it, which is as it should be.
    NotForUs,
}

/// Reads them.
pub(super) fn read(facts: &Facts) -> Read {
    let port = Port::GOSSIP;
    let key = daemon::keyring_in(&facts.files.key, daemon::trusted(facts.realm, facts.uid));
    let key = match key {
        Ok(Some(keyring)) => Ok(Key::Keys(keyring.key_ids().len())),
        Ok(None) => Ok(Key::None),
        Err(error) if is_kept_from_us(&error, facts) => Ok(Key::NotForUs),
        Err(error) => Err(error),
    };
    let Files { machines, valid_ips, .. } = &facts.files;
    let unread = [machines.path(), valid_ips.path()].into_iter().find(|path| is_no_file(path));
    Read {
        unread: unread.map(Path::to_owned),
        machines: if is_no_file(machines.path()) {
            Ok((None, Vec::new()))
        } else {
            daemon::machines_in(machines, port)
        },
        valid_ips: if is_no_file(valid_ips.path()) { Ok(Default::default()) } else { daemon::valid_ips_in(valid_ips) },
        key,
    }
}

/// A pipe or the like: the daemon would miss what is read of it here, and it may never say anything.
fn is_no_file(path: &Path) -> bool {
    let is_other = |path: &Path| fs::metadata(path).is_ok_and(|file| !file.is_file() && !file.is_dir());
    path != Path::new("/dev/null") && (DIFFERENT.iter().any(|folder| path.starts_with(folder)) || is_other(path))
}

/// Who is neither root nor the daemon's user may not read its files, and need not.
fn is_kept_from_us(error: &FilesError, facts: &Facts) -> bool {
    let asks_for_others = privileges::own_uid() != 0 && privileges::own_uid() != facts.uid;
    let error = match error {
        FilesError::Secret(SecretError::Unreadable { error, .. })
        | FilesError::Machines { error, .. }
        | FilesError::ValidIps(ValidIpsError::Unreadable { error, .. }) => error,
        FilesError::Secret(_)
        | FilesError::ValidIps(_)
        | FilesError::NoKeyFile(_)
        | FilesError::Key { .. }
        | FilesError::KeyRequired(_) => return false,
    };
    asks_for_others && error.kind() == std::io::ErrorKind::PermissionDenied
}

/// What keeps the daemon's user from a file that root reads, and what mends it.
fn closed_to_daemon(path: &Path, is_key: bool, trusted: Trusted) -> Option<(String, String)> {
    let lacks = |file: &fs::Metadata, bit: u32| {
        let shift = match file {
            file if file.uid() == trusted.uid => 6,
            file if trusted.gid == Some(file.gid()) => 3,
            _ => 0,
        };
        file.mode() >> shift & bit == 0
    };
    if privileges::own_uid() != 0 || trusted.uid == 0 {
        return None;
    }
    let file = fs::metadata(path).ok().filter(fs::Metadata::is_file)?;
    let shut = path.ancestors().skip(1).find(|folder| fs::metadata(folder).is_ok_and(|folder| lacks(&folder, 1)));
    let fix = match shut {
        Some(folder) => format!("chmod o+x {}", folder.display()),
        None if !lacks(&file, 4) => return None,
        None if is_key => format!("chown {} {}", trusted.uid, path.display()),
        None => format!("chmod o+r {}", path.display()),
    };
    let user = crate::os::processes::user_name(trusted.uid);
    Some((format!("{} cannot be read by {user}, as whom the daemon runs", path.display()), fix))
}

pub(super) fn judge(facts: &Facts, read: &Read) -> Finding {
    let reload = facts.reload();
    // An error first: what keeps a daemon from starting again.
    if let Err(error) = &facts.settings {
        return Check::Files.fail(error.to_string(), settings_hint(error));
    }
    if let Err(error) = &facts.client_settings {
        return Check::Files.fail(
            format!("{error}: no peermon command of yours works"),
            "mend that line or take it away: man peermon-daemon lists the keys",
        );
    }
    let errors = [read.machines.as_ref().err(), read.valid_ips.as_ref().err(), read.key.as_ref().err()];
    if let Some(error) = errors.into_iter().flatten().next() {
        return match is_kept_from_us(error, facts) {
            true => Check::Files.skip(format!("{error}: sudo peermon doctor reads it")),
            false => Check::Files.fail(error.to_string(), files_hint(error)),
        };
    }
    let trusted = daemon::trusted(facts.realm, facts.uid);
    let whole = |source: &Source, is_key| closed_to_daemon(source.path(), is_key, trusted);
    let Files { machines, valid_ips, key, settings } = &facts.files;
    let closed = || closed_to_daemon(settings, false, trusted);
    if let Some((what, fix)) =
        closed().or_else(|| whole(machines, false)).or_else(|| whole(valid_ips, false)).or_else(|| whole(key, true))
    {
        return Check::Files.fail(what, fix);
    }
    if let (Ok(Key::None), Ok(settings)) = (&read.key, &facts.settings)
        && settings.require_key
    {
        let error = FilesError::KeyRequired(facts.files.key.path().into());
        return Check::Files.fail(error.to_string(), files_hint(&error));
    }
    let files = &facts.files;
    let changeable = [&files.settings, files.machines.path(), files.valid_ips.path()];
    if let Some((what, fix)) = changeable.into_iter().find_map(|path| open_to_others(path, facts.uid)) {
        return Check::Files.fail(what, fix);
    }
    let odd = |read: Option<&Vec<Odd>>| read.and_then(|odd| odd.first()).cloned();
    let machines = odd(read.machines.as_ref().ok().map(|(_, odd)| odd));
    let valid_ips = odd(read.valid_ips.as_ref().ok().map(|(_, odd)| odd));
    if let Some(line) = machines.or(valid_ips) {
        let fix = format!("mend line {} of {}, then {reload}", line.line, line.file.display());
        let says = if may_show(&line.file, facts) { line.to_string() } else { unshown(&line) };
        return Check::Files.warn(says, fix);
    }
    if let Some(line) = facts.client_settings.as_ref().ok().and_then(|odd| odd.first()) {
        return Check::Files.warn(line.to_string(), format!("mend line {} of {}", line.line, line.file.display()));
    }
    if let Some(path) = &read.unread {
        return Check::Files.skip(format!("{} is a pipe or a device, which only the daemon reads", path.display()));
    }
    Check::Files.ok(said(facts, read))
}

/// Whether the text of a line may be told. Root can read what the daemon's user cannot, and a daemon that somebody has broken
/// into names whatever file that somebody wants to see: so root shows only what its own daemon or its own settings name.
fn may_show(path: &Path, facts: &Facts) -> bool {
    let known = [facts.known.machines.path(), facts.known.valid_ips.path()];
    let is_roots =
        |folder: &Path| fs::symlink_metadata(folder).is_ok_and(|folder| folder.is_dir() && folder.uid() == 0);
    privileges::own_uid() != 0 || facts.is_own_daemon() || known.contains(&path) && path.parent().is_some_and(is_roots)
}

fn unshown(odd: &Odd) -> String {
    format!(
        "{}:{}: the line is odd and passed over (not shown: the daemon's user may not be allowed to read it)",
        odd.file.display(),
        odd.line
    )
}

fn said(facts: &Facts, read: &Read) -> String {
    let machines = match &read.machines {
        Ok((Some(machines), _)) if machines.len() == 1 => "1 machine".to_owned(),
        Ok((Some(machines), _)) => format!("{} machines", machines.len()),
        Ok((None, _)) | Err(_) => "no machines file".to_owned(),
    };
    let prefixes = match &read.valid_ips {
        Ok((list, _)) if !list.is_empty() => "valid_ips",
        Ok(_) | Err(_) => "no valid_ips (all are accepted)",
    };
    let key = match &read.key {
        Ok(Key::Keys(1)) => "a key",
        Ok(Key::Keys(_)) => "several keys",
        Ok(Key::NotForUs) => "a key that only the daemon may read",
        Ok(Key::None) | Err(_) => "no key",
    };
    let folder = facts.files.settings.parent().unwrap_or(Path::new("/"));
    format!("{}: {machines}, {prefixes}, {key}", folder.display())
}

/// Why others could change that file or put another one in its place, and what mends it.
fn open_to_others(path: &Path, uid: u32) -> Option<(String, String)> {
    let is_stranger = |owner: u32| owner != 0 && owner != uid && owner != privileges::own_uid();
    let shown = path.display();
    let file = fs::metadata(path).ok()?;
    if is_stranger(file.uid()) {
        let owner = crate::os::processes::user_name(file.uid());
        return Some((
            format!("{shown} belongs to {owner}, who can say who takes part"),
            format!("chown root {shown}"),
        ));
    }
    if file.mode() & 0o002 != 0 {
        let mode = file.mode() & 0o7777;
        let what = format!("{shown} can be changed by everybody (mode {mode:04o})");
        return Some((what, format!("chmod go-w {shown}")));
    }
    let folder = path.parent()?;
    let above = fs::metadata(folder).ok()?;
    // Where everybody may write, the sticky bit keeps what is somebody's.
    if above.mode() & 0o1002 == 0o002 {
        let shown = folder.display();
        return Some((format!("everybody can replace the files in {shown}"), format!("chmod go-w {shown}")));
    }
    None
}

pub(super) fn key(facts: &Facts, read: &Read) -> Finding {
    let make = facts.files.key.path().display();
    let close = || format!("peermon keygen {make}; copy that file to every host; then {} on each", facts.reload());
    match (&facts.running, &read.key) {
        (Ok(running), _) if running.status.keyed && running.status.lacking_first_key > 0 => Check::Key.warn(
            format!("{} members lack the key that this host puts first", running.status.lacking_first_key),
            format!("copy {make} to them before an older key goes, and {} there", facts.reload()),
        ),
        (Ok(running), _) if running.status.keyed => Check::Key.ok("a key closes the network"),
        (Ok(running), Ok(Key::Keys(_) | Key::NotForUs)) => Check::Key.warn(
            format!(
                "the network {} is open: there is a key file, and the daemon has not read it",
                running.status.network
            ),
            facts.reload(),
        ),
        (Ok(running), Ok(Key::None) | Err(_)) => Check::Key.warn(
            format!(
                "the network {} is open: whoever reaches UDP port {} can read it, join it and tell it lies",
                running.status.network, running.status.port
            ),
            close(),
        ),
        (Err(_), Ok(Key::Keys(_) | Key::NotForUs)) => Check::Key.ok("a key would close the network"),
        (Err(_), Ok(Key::None)) => {
            Check::Key.warn("there is no key: the network would be open to whoever reaches it".to_owned(), close())
        }
        (Err(_), Err(_)) => Check::Key.skip("the key file cannot be used (see files)"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_file_that_others_can_change_or_replace_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machines.txt");
        fs::write(&file, "").unwrap();
        let own = privileges::own_uid();
        let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        for (file_mode, folder_mode, says) in [
            (0o644, 0o755, None),
            (0o664, 0o775, None),
            (0o644, 0o1777, None),
            (0o666, 0o755, Some("can be changed by everybody (mode 0666)")),
            (0o644, 0o777, Some("everybody can replace the files in")),
        ] {
            set(&file, file_mode);
            set(folder.path(), folder_mode);
            let found = open_to_others(&file, own);
            assert_eq!(found.is_some(), says.is_some(), "{found:?}");
            if let (Some((what, fix)), Some(says)) = (found, says) {
                assert!(what.contains(says) && fix.starts_with("chmod go-w "), "{what}, {fix}");
            }
        }
        assert_eq!(open_to_others(&folder.path().join("none"), own), None);
    }

    #[test]
    fn what_is_no_file_is_left_to_the_daemon() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("machines.txt");
        assert!(!is_no_file(&file));
        fs::write(&file, "").unwrap();
        assert!(!is_no_file(&file));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&pipe, &link).unwrap();
        let others = ["/dev/zero", "/dev/fd/63", "/proc/self/fd/63"].map(PathBuf::from);
        for path in others.iter().chain([&pipe, &link]) {
            assert!(is_no_file(path), "{}", path.display());
        }
        // Whoever wants no machines file says so.
        assert!(!is_no_file(Path::new("/dev/null")));
    }
}
