//! `~/.ssh`, and what lies there for us.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::super::exit::{Exit, Failure};
use super::not_changed;
use crate::model::HostName;

/// Drop-ins end so.
const DROP_IN: &str = "conf";

/// The user's `~/.ssh`.
#[derive(Clone, Debug)]
pub(super) struct SshFolder(PathBuf);

impl SshFolder {
    /// Whoever runs this.
    pub fn of_user() -> Result<Self, Failure> {
        let home = dirs::home_dir().filter(|home| home.is_absolute());
        home.map(|home| Self(home.join(".ssh")))
            .ok_or_else(|| Failure::new(Exit::Failed, "you have no home folder (tried HOME)", "export HOME=/home/you"))
    }

    /// The one that was found when `install` ran: ssh does not look at HOME, and what runs ssh may have another one.
    pub fn at(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// What ssh reads.
    pub fn config(&self) -> PathBuf {
        self.0.join("config")
    }

    /// What was there before.
    pub fn backup(&self) -> PathBuf {
        self.0.join("config.before-peermon")
    }

    fn own(&self) -> PathBuf {
        self.0.join("peermon")
    }

    /// Where picks lie.
    pub fn picks(&self) -> PathBuf {
        self.own().join("picks")
    }

    /// What ssh reads for `name`.
    pub fn drop_in(&self, name: &HostName) -> PathBuf {
        self.own().join(format!("{name}.{DROP_IN}"))
    }

    /// The line in the user's file.
    pub fn include_line(&self) -> Result<String, Failure> {
        Ok(format!("Include \"{}/*.{DROP_IN}\"", for_ssh(&self.own())?))
    }

    /// All drop-ins that were made.
    pub fn drop_ins(&self) -> Vec<PathBuf> {
        files_in(&self.own()).filter(|path| path.extension().is_some_and(|extension| extension == DROP_IN)).collect()
    }

    /// All picks that are left.
    pub fn all_picks(&self) -> Vec<PathBuf> {
        files_in(&self.picks()).collect()
    }

    /// Makes the folders that are missing, for the user alone, as ssh wants them.
    pub fn make(&self) -> Result<(), Failure> {
        for folder in [&self.0, &self.own(), &self.picks()] {
            match DirBuilder::new().mode(0o700).create(folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(not_changed(folder, &error)),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }

    /// Takes away the folders that are ours. `~/.ssh` stays.
    pub fn unmake(&self) {
        for folder in [self.picks(), self.own()] {
            // Where something of somebody else lies in it, it stays too.
            let _ = fs::remove_dir(folder);
        }
    }
}

fn files_in(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// `path` as it can stand between quotes in an ssh_config, alone or in a command, whichever version of ssh and whichever
/// shell reads it. What one of them would take for something else is refused.
pub(super) fn for_ssh(path: &Path) -> Result<&str, Failure> {
    let text = path
        .to_str()
        .filter(|text| !text.contains(|letter: char| letter.is_control() || "\"'\\%$*?[]{}`!".contains(letter)));
    text.ok_or_else(|| {
        let what = format!("'{}' cannot stand in an ssh_config", path.display());
        Failure::new(Exit::Usage, what, "only without control characters, quotes and \\ % $ * ? [ ] { } ` !")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_no_ssh_and_no_shell_takes_apart_goes_into_an_ssh_config() {
        for text in ["/home/ada/.local/bin/peermon", "/mnt/home of ada/peermon", "--exclude=node1,node2", "ä"] {
            assert_eq!(for_ssh(Path::new(text)).unwrap(), text);
        }
        for text in ["it's", "a\"b", "a\\b", "100%", "$HOME", "a*", "[a]", "a\nb", "`id`", "~{a,b}"] {
            assert!(for_ssh(Path::new(text)).is_err(), "{text}");
        }
    }
}
