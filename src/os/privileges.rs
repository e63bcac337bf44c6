//! Becoming user `peermon`, wholly and for good.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::prctl;
use nix::unistd::{
    Gid, Group, Uid, User, getgroups, getresgid, getresuid, getuid, setgroups, setresgid, setresuid, setuid,
};

/// As whom the host's own daemon runs.
pub const USER: &str = "peermon";

/// A user that exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// Why privileges were not dropped. The process must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DropError {
    /// The kernel refused a step.
    #[error("cannot become user {USER}: {step}: {errno}")]
    Refused {
        /// Which step.
        step: &'static str,
        /// Why.
        errno: Errno,
    },
    /// All steps were taken, and something is left.
    #[error("became user {USER}, but {0}")]
    NotWhole(&'static str),
}

/// This process's user.
#[must_use]
pub fn own_uid() -> u32 {
    getuid().as_raw()
}

/// Whether `path` belongs to this user: itself, not what a link there leads to.
#[must_use]
pub fn owns(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|file| file.uid() == own_uid())
}

/// User `peermon`; `None` where there is none.
#[must_use]
pub fn account() -> Option<Account> {
    let user = User::from_name(USER).ok().flatten()?;
    Some(Account { uid: user.uid.as_raw(), gid: user.gid.as_raw() })
}

/// Group `peermon`, whose members may read the host's key.
#[must_use]
pub fn group() -> Option<u32> {
    Group::from_name(USER).ok().flatten().map(|group| group.gid.as_raw())
}

/// Gives up root for `account`: groups, group, user, and the way back; then looks whether that is so. Before any
/// thread is started.
pub fn drop_to(account: Account) -> Result<(), DropError> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    let refused = |step| move |errno| DropError::Refused { step, errno };
    setgroups(&[gid]).map_err(refused("setgroups"))?;
    setresgid(gid, gid, gid).map_err(refused("setresgid"))?;
    setresuid(uid, uid, uid).map_err(refused("setresuid"))?;
    prctl::set_no_new_privs().map_err(refused("no_new_privs"))?;
    check(uid, gid)
}

fn check(uid: Uid, gid: Gid) -> Result<(), DropError> {
    let users = getresuid().map_err(|errno| DropError::Refused { step: "getresuid", errno })?;
    let groups = getresgid().map_err(|errno| DropError::Refused { step: "getresgid", errno })?;
    let supplementary = getgroups().map_err(|errno| DropError::Refused { step: "getgroups", errno })?;
    if [users.real, users.effective, users.saved] != [uid; 3] {
        return Err(DropError::NotWhole("a user of before is left"));
    }
    if [groups.real, groups.effective, groups.saved] != [gid; 3] || supplementary.iter().any(|group| *group != gid) {
        return Err(DropError::NotWhole("a group of before is left"));
    }
    if !uid.is_root() && setuid(Uid::from_raw(0)).is_ok() {
        return Err(DropError::NotWhole("could become root again"));
    }
    let status = procfs::process::Process::myself().and_then(|process| process.status());
    match status {
        Ok(status) if status.capprm | status.capeff | status.capamb.unwrap_or(0) != 0 => {
            Err(DropError::NotWhole("capabilities are left"))
        }
        // Without /proc the checks above must do.
        Ok(_) | Err(_) => Ok(()),
    }
}
