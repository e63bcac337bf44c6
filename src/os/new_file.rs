//! Files that are there as a whole or not at all: new ones, and such as take the place of another.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::privileges::{Account, own_uid};

/// Makes the file at `path` with `text` in it, for its owner alone (mode 0600). What is there already stays
/// ([`io::ErrorKind::AlreadyExists`]), whatever it is. On any failure, a full disk too, nothing new is left. Root may
/// make it for another `owner`.
pub fn create(path: &Path, text: &str, owner: Option<Account>) -> io::Result<()> {
    // First as a temporary file beside it, which then gets its name: a link is refused where something has that name.
    let temporary = Temporary::beside(path)?;
    if let Some(owner) = owner {
        fchown(&temporary.file, Some(owner.uid), Some(owner.gid))?;
    }
    temporary.write(text.as_bytes())?;
    fs::hard_link(&temporary.path, path)?;
    drop(temporary);
    sync_folder_of(path);
    Ok(())
}

/// Longest chain of symbolic links that is followed, as in the kernel.
const LINKS_MAX: usize = 40;

/// Puts `text` where `path` is: the old content or the new is there, never a part of one, whenever this process or
/// the machine ends, and on any failure the old one. A file keeps its permissions; a symbolic link stays one, and what
/// it leads to is replaced; a pipe or device is written straight. A folder is refused.
pub fn replace(path: &Path, text: impl AsRef<[u8]>) -> io::Result<()> {
    let text = text.as_ref();
    let target = behind_links(path)?;
    let old = match fs::metadata(&target) {
        Ok(old) if old.is_file() => Some(old),
        Ok(old) if old.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
        Ok(_) => return OpenOptions::new().write(true).open(&target)?.write_all(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error),
    };
    let temporary = Temporary::beside(&target)?;
    if let Some(old) = &old {
        // Whose it is can be kept only by root; for everybody else it is theirs already, or becomes so.
        let _ = fchown(&temporary.file, Some(old.uid()), Some(old.gid()));
        temporary.file.set_permissions(Permissions::from_mode(old.mode() & 0o7777))?;
    } else {
        temporary.file.set_permissions(Permissions::from_mode(0o666 & !umask()))?;
    }
    temporary.write(text)?;
    fs::rename(&temporary.path, &target)?;
    sync_folder_of(&target);
    Ok(())
}

/// Puts `text` into the file at `path`, for its owner alone (mode 0600). Whoever reads it meanwhile sees all of it or
/// nothing. Nothing waits for the disk: for a file that is worth nothing a moment later.
pub fn pass(path: &Path, text: &str) -> io::Result<()> {
    let temporary = Temporary::beside(path)?;
    (&temporary.file).write_all(text.as_bytes())?;
    fs::rename(&temporary.path, path)
}

/// Where `path` leads. The last link may lead to a file that is not there yet.
fn behind_links(path: &Path) -> io::Result<PathBuf> {
    let mut target = path.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&target) {
            Ok(next) => {
                check_link(&target)?;
                target = folder_of(&target).join(next);
            }
            Err(_) => return Ok(target),
        }
    }
    Err(io::Error::from_raw_os_error(nix::libc::ELOOP))
}

/// Refuses what the kernel refuses whoever opens a file (protected_symlinks in proc(5)): a link in a folder where all may
/// write, such as `/tmp`, that neither this user nor the folder's owner made.
fn check_link(link: &Path) -> io::Result<()> {
    const STICKY_AND_OPEN_TO_ALL: u32 = 0o1002;
    let (made, folder) = (fs::symlink_metadata(link)?, fs::metadata(folder_of(link))?);
    let is_open_to_all = folder.mode() & STICKY_AND_OPEN_TO_ALL == STICKY_AND_OPEN_TO_ALL;
    if is_open_to_all && made.uid() != own_uid() && made.uid() != folder.uid() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    Ok(())
}

/// What others may not do with new files of this process. Reading it means setting it; a command has one thread.
fn umask() -> u32 {
    let mask = nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
    nix::sys::stat::umask(mask);
    mask.bits()
}

/// So that a name survives a crash; some file systems cannot.
fn sync_folder_of(path: &Path) {
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Goes with the value.
struct Temporary {
    path: PathBuf,
    file: File,
}

impl Temporary {
    fn beside(path: &Path) -> io::Result<Self> {
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let mut hidden = OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".new.{}", std::process::id()));
        let path = folder_of(path).join(hidden);
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    fn write(&self, text: &[u8]) -> io::Result<()> {
        (&self.file).write_all(text)?;
        self.file.sync_all()
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// The names in `folder`, sorted.
    fn names(folder: &Path) -> Vec<OsString> {
        let mut names: Vec<OsString> = fs::read_dir(folder).unwrap().map(|item| item.unwrap().file_name()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_its_owners_alone_and_leaves_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        create(&path, "secret", None).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "secret");
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.mode() & 0o7777, metadata.nlink()), (0o600, 1));
        assert_eq!(names(folder.path()), ["key"]);
    }

    #[test]
    fn what_is_there_already_stays_whatever_it_is() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "old").unwrap();
        fs::create_dir(folder.path().join("folder")).unwrap();
        symlink("nowhere", folder.path().join("link")).unwrap();
        for name in ["file", "folder", "link"] {
            let error = create(&folder.path().join(name), "new", None).expect_err(name);
            assert_eq!(error.kind(), io::ErrorKind::AlreadyExists, "{name}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("file")).unwrap(), "old");
        assert_eq!(names(folder.path()), ["file", "folder", "link"]);
    }

    #[test]
    fn where_no_file_can_be_made_none_is() {
        for path in ["/no/such/folder/key", "/", "..", ""] {
            assert!(create(Path::new(path), "secret", None).is_err(), "{path}");
        }
    }

    #[test]
    fn replacing_keeps_permissions_and_links_and_leaves_nothing_beside() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("hosts"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink("hosts", &link).unwrap();
        replace(&link, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        replace(&folder.path().join("fresh"), "first").unwrap();
        assert_eq!(names(folder.path()), ["fresh", "hosts", "link"]);
    }

    #[test]
    fn a_link_to_nowhere_gets_its_file_and_a_link_to_itself_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let link = folder.path().join("link");
        symlink("there", &link).unwrap();
        replace(&link, "text").unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("there")).unwrap(), "text");
        let circle = folder.path().join("circle");
        symlink("circle", &circle).unwrap();
        assert!(replace(&circle, "text").is_err());
    }

    #[test]
    fn a_folder_is_not_replaced_and_a_device_is_written_straight() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(replace(folder.path(), "text").unwrap_err().kind(), io::ErrorKind::IsADirectory);
        replace(Path::new("/dev/null"), "text").unwrap();
        assert!(replace(Path::new("/dev/full"), "text").is_err());
    }
}
