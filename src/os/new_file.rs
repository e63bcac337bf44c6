//! A new file that is there as a whole or not at all, and never in the place of another.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use super::privileges::Account;

/// Makes the file at `path` with `text` in it, for its owner alone (mode 0600). What is there already stays
/// ([`io::ErrorKind::AlreadyExists`]), whatever it is. On any failure, a full disk too, nothing new is left. Root may
/// make it for another `owner`.
pub fn create(path: &Path, text: &str, owner: Option<Account>) -> io::Result<()> {
    // First as a temporary file beside it, which then gets its name: a link is refused where something has that name.
    let temporary = Temporary::beside(path)?;
    if let Some(owner) = owner {
        fchown(&temporary.file, Some(owner.uid), Some(owner.gid))?;
    }
    temporary.write(text)?;
    fs::hard_link(&temporary.path, path)?;
    drop(temporary);
    // So that the name survives a crash; some file systems cannot.
    if let Ok(folder) = File::open(folder_of(path)) {
        let _ = folder.sync_all();
    }
    Ok(())
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

    fn write(&self, text: &str) -> io::Result<()> {
        (&self.file).write_all(text.as_bytes())?;
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
    use std::os::unix::fs::{MetadataExt, symlink};

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
}
