//! Reading a key file: only one that nobody else can read or replace.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;

/// Largest key file: four keys and their comments.
const SECRET_FILE_MAX: u64 = 64 << 10;

/// Whose key files are trusted, beside those of root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trusted {
    /// Whoever uses the key.
    pub uid: u32,
    /// The group that may read (group `peermon`), where there is one.
    pub gid: Option<u32>,
}

/// Why a key file is not used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Not there, or not for us.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
        /// Who wants to read it.
        user: u32,
        /// Whose it is, where that is why, and can be seen.
        owner: Option<u32>,
    },
    /// A folder, device or pipe.
    #[error("{} is not a regular file", .0.display())]
    NotAFile(PathBuf),
    /// Whoever may change the link chooses the key.
    #[error("{} is a symbolic link", .0.display())]
    Link(PathBuf),
    /// Its owner can replace the key.
    #[error("{} belongs to user {owner}, not to root or user {user}", .path.display())]
    Owner {
        /// The file.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who it might belong to.
        user: u32,
        /// Whether there is a key in it.
        is_key: bool,
    },
    /// Others can read or change it.
    #[error("{} is open to others (mode {mode:04o})", .path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
        /// Those that it should have: a group that is trusted goes on reading it.
        wanted: u32,
        /// Who must own it then to read it.
        give_to: Option<u32>,
        /// Whether there is a key in it.
        is_key: bool,
    },
    /// No key file is that large.
    #[error("{} is larger than {SECRET_FILE_MAX} bytes", .0.display())]
    TooLarge(PathBuf),
    /// Keys are text.
    #[error("{} is not text", .0.display())]
    NotText(PathBuf),
}

impl SecretError {
    /// What mends it, as far as that can be said: a file that holds no key, as /etc/passwd, is none to be closed to others.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Open { is_key: false, .. } | Self::Owner { is_key: false, .. } => None,
            Self::Open { path, wanted, give_to: None, .. } => Some(format!("chmod {wanted:o} {}", path.display())),
            Self::Open { path, wanted, give_to: Some(user), .. } => {
                Some(format!("chmod {wanted:o} {0} && chown {user} {0}", path.display()))
            }
            Self::Owner { path, user, is_key: true, .. } => Some(format!("chown {user} {}", path.display())),
            Self::Link(path) => Some(format!("give the file itself instead of {}", path.display())),
            Self::NotAFile(_) | Self::TooLarge(_) | Self::NotText(_) => {
                Some("peermon keygen FILE makes a key file".to_owned())
            }
            Self::Unreadable { path, user, owner: Some(owner), .. } if owner == user => {
                Some(format!("chmod 600 {}", path.display()))
            }
            Self::Unreadable { path, user, owner: Some(_), .. } => {
                Some(format!("it must be readable for the daemon's user: chown {user} {}", path.display()))
            }
            Self::Unreadable { .. } => None,
        }
    }
}

/// The text in the key file at `path`; `None` where there is no such file. `is_key`: whether a text is what it should be.
pub fn read(path: &Path, trusted: Trusted, is_key: fn(&str) -> bool) -> Result<Option<String>, SecretError> {
    let unreadable = |error: io::Error| {
        let denied = error.kind() == io::ErrorKind::PermissionDenied;
        let file = fs::symlink_metadata(path).ok().filter(|metadata| denied && metadata.is_file());
        let owner = file.map(|metadata| metadata.uid());
        SecretError::Unreadable { path: path.into(), error, user: trusted.uid, owner }
    };
    // Nonblocking, so that a pipe in its place holds nothing up.
    let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
    let file = match OpenOptions::new().read(true).custom_flags(flags.bits()).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) if error.raw_os_error() == Some(nix::libc::ELOOP) => return Err(SecretError::Link(path.into())),
        Err(error) => return Err(unreadable(error)),
    };
    let metadata = file.metadata().map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(SecretError::NotAFile(path.into()));
    }
    let holds_key = || content(path, &file).is_ok_and(|text| is_key(&text));
    if metadata.uid() != 0 && metadata.uid() != trusted.uid {
        let (owner, user, is_key) = (metadata.uid(), trusted.uid, holds_key());
        return Err(SecretError::Owner { path: path.into(), owner, user, is_key });
    }
    let mode = metadata.mode() & 0o7777;
    let group_may_read = if trusted.gid == Some(metadata.gid()) { 0o040 } else { 0 };
    if mode & 0o077 & !group_may_read != 0 {
        let wanted = 0o600 | mode & group_may_read;
        // Closed to others, a file of root is closed to a daemon that is not.
        let give_to = (metadata.uid() != trusted.uid && wanted & 0o040 == 0).then_some(trusted.uid);
        return Err(SecretError::Open { path: path.into(), mode, wanted, give_to, is_key: holds_key() });
    }
    match content(path, &file) {
        Ok(text) => Ok(Some(text)),
        Err(ContentError::Read(error)) => Err(unreadable(error)),
        Err(ContentError::Secret(error)) => Err(error),
    }
}

/// Why there is no text in a file.
enum ContentError {
    Read(io::Error),
    Secret(SecretError),
}

/// What stands in the file, which lies at `path`.
fn content(path: &Path, file: &File) -> Result<String, ContentError> {
    let mut bytes = Vec::new();
    file.take(SECRET_FILE_MAX + 1).read_to_end(&mut bytes).map_err(ContentError::Read)?;
    if bytes.len() as u64 > SECRET_FILE_MAX {
        return Err(ContentError::Secret(SecretError::TooLarge(path.into())));
    }
    String::from_utf8(bytes).map_err(|_| ContentError::Secret(SecretError::NotText(path.into())))
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, chown, symlink};

    use nix::unistd::getuid;

    use super::*;

    fn is_key(text: &str) -> bool {
        text == "secret"
    }

    fn read_with(mode: u32, trusted: Trusted) -> Result<Option<String>, SecretError> {
        read_text_with("secret", mode, trusted)
    }

    fn read_text_with(text: &str, mode: u32, trusted: Trusted) -> Result<Option<String>, SecretError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gossip.key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        read(&path, trusted, is_key)
    }

    fn me() -> Trusted {
        Trusted { uid: getuid().as_raw(), gid: None }
    }

    #[test]
    fn a_key_file_that_only_its_owner_reads_is_read() {
        assert_eq!(read_with(0o600, me()).unwrap(), Some("secret".to_owned()));
        assert_eq!(read_with(0o400, me()).unwrap(), Some("secret".to_owned()));
    }

    #[test]
    fn a_key_file_that_others_can_read_or_change_is_refused_with_the_chmod_that_mends_it() {
        for mode in [0o644, 0o604, 0o602, 0o660, 0o640, 0o610] {
            let error = read_with(mode, me()).expect_err("too open");
            assert!(matches!(error, SecretError::Open { .. }), "{mode:o}: {error}");
            assert!(error.hint().unwrap().starts_with("chmod 600 "));
        }
        let peermon = Trusted { gid: Some(nix::unistd::getgid().as_raw()), ..me() };
        assert_eq!(read_with(0o640, peermon).unwrap(), Some("secret".to_owned()));
        for mode in [0o660, 0o644] {
            let error = read_with(mode, peermon).expect_err("too open");
            assert!(error.hint().unwrap().starts_with("chmod 640 "), "{mode:o}: {error}");
        }
        if getuid().is_root() {
            let error = read_with(0o644, Trusted { uid: 950, gid: None }).expect_err("too open");
            assert!(error.hint().unwrap().contains(" && chown 950 "), "{error}");
        }
    }

    #[test]
    fn a_file_that_holds_no_key_is_refused_without_a_chmod_that_would_spoil_it() {
        let error = read_text_with("root:x:0:0:root:/root:/bin/bash", 0o644, me()).expect_err("too open");
        assert!(matches!(error, SecretError::Open { is_key: false, .. }), "{error}");
        assert_eq!(error.hint(), None);
        let passwd = read(Path::new("/etc/passwd"), me(), is_key).expect_err("no key");
        assert_eq!(passwd.hint(), None, "{passwd}");
    }

    #[test]
    fn a_link_a_folder_a_pipe_or_a_huge_file_is_no_key_file() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("/etc/hostname", &link).unwrap();
        assert!(matches!(read(&link, me(), is_key), Err(SecretError::Link(_))));
        assert!(matches!(read(folder.path(), me(), is_key), Err(SecretError::NotAFile(_))));
        let pipe = folder.path().join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert!(matches!(read(&pipe, me(), is_key), Err(SecretError::NotAFile(_))));
        let huge = folder.path().join("huge");
        fs::write(&huge, vec![b'x'; 70_000]).unwrap();
        fs::set_permissions(&huge, Permissions::from_mode(0o600)).unwrap();
        assert!(matches!(read(&huge, me(), is_key), Err(SecretError::TooLarge(_))));
        assert!(read(&folder.path().join("none"), me(), is_key).unwrap().is_none());
    }

    #[test]
    fn somebody_elses_key_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gossip.key");
        fs::write(&path, "secret").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        let owner = if getuid().is_root() { 12345 } else { getuid().as_raw() };
        chown(&path, Some(owner), None).unwrap();
        let error = read(&path, Trusted { uid: owner + 1, gid: None }, is_key).expect_err("somebody else's");
        assert!(matches!(error, SecretError::Owner { .. }), "{error}");
        assert!(read(&path, Trusted { uid: owner, gid: None }, is_key).is_ok());
    }
}
