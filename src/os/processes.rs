//! Other processes of this host, as far as this one may see them: whose they are, what they are called, what they hold.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Uid, User};

/// Processes that are looked at in search of one: a busy login host has fewer.
const PROCESSES_MAX: usize = 20_000;

/// A process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// What the kernel calls it: the name of its program, cut to 15 bytes.
    pub name: String,
}

/// The process that holds the socket with this inode. `None`: nobody, or somebody else's process, which only root sees
/// into.
#[must_use]
pub fn holder_of_socket(inode: u64) -> Option<Process> {
    let wanted = format!("socket:[{inode}]");
    let all = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    let pids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).take(PROCESSES_MAX);
    let mut holders = pids.filter(|pid: &u32| {
        let held = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().filter_map(Result::ok);
        let mut links = held.filter_map(|entry| fs::read_link(entry.path()).ok());
        links.any(|link| link == Path::new(&wanted))
    });
    let pid = holders.next()?;
    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    Some(Process { pid, name: name.trim_end().to_owned() })
}

/// As whom a process runs.
#[must_use]
pub fn uid_of(pid: u32) -> Option<u32> {
    fs::metadata(format!("/proc/{pid}")).ok().map(|metadata| metadata.uid())
}

/// Whether a process was stopped (SIGSTOP, Ctrl-Z), and can be continued.
#[must_use]
pub fn is_stopped(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The state follows the name, which may have any letters in it (proc_pid_stat(5)).
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

/// `ada`, or `user 1000` where the name is not known.
#[must_use]
pub fn user_name(uid: u32) -> String {
    let known = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    known.map_or_else(|| format!("user {uid}"), |user| user.name)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;
    use crate::os::udp;

    #[test]
    fn this_test_holds_its_own_socket() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let seen = udp::sockets().into_iter().find(|seen| (seen.address, seen.port) == (address.ip(), address.port()));
        let holder = holder_of_socket(seen.unwrap().inode).unwrap();
        assert_eq!(holder.pid, std::process::id());
        assert!(!holder.name.is_empty() && !is_stopped(holder.pid));
        assert_eq!(uid_of(holder.pid), Some(crate::os::privileges::own_uid()));
        assert_eq!(user_name(0), "root");
    }
}
