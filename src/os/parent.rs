//! Who started this process, and whether others still live.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// Where the start time stands in `/proc/PID/stat`, counted behind the name, which is the second field and may hold
/// spaces (proc_pid_stat(5): field 22).
const START_TIME: usize = 19;

/// The process that started this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parent {
    /// `PID.START`, as long as both are in `/proc`: no other process has it, before, after or on another machine that
    /// shares a home with this one.
    pub mark: String,
    /// Its executable, where that may be seen.
    pub program: Option<PathBuf>,
    /// What it was called with, without its name.
    pub arguments: Vec<OsString>,
}

impl Parent {
    /// This process's own.
    pub fn of_process() -> io::Result<Self> {
        let folder = PathBuf::from(format!("/proc/{}", nix::unistd::getppid()));
        let words = fs::read(folder.join("cmdline"))?;
        let words = words.split(|byte| *byte == 0).map(|word| OsString::from_vec(word.to_vec()));
        let mut arguments: Vec<OsString> = words.skip(1).collect();
        // Each word is ended by a zero.
        arguments.pop();
        Ok(Self {
            mark: mark(&fs::read_to_string(folder.join("stat"))?).ok_or(io::ErrorKind::InvalidData)?,
            program: fs::read_link(folder.join("exe")).ok(),
            arguments,
        })
    }
}

/// Where this process counts processes: another machine, and another container, has another name. Homes may be shared.
pub fn realm() -> io::Result<String> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let numbers = fs::read_link("/proc/self/ns/pid")?;
    let digits: String = numbers.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
    Ok(format!("{}-{digits}", boot.split('-').next().unwrap_or_default()))
}

/// Whether the process of this [`Parent::mark`], in this [`realm`], is still there.
pub fn lives(wanted: &str) -> bool {
    let pid = wanted.split('.').next().unwrap_or_default();
    let is_number = !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        && fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| mark(&stat).as_deref() == Some(wanted))
}

fn mark(stat: &str) -> Option<String> {
    let (pid, rest) = stat.split_once(' ')?;
    let (_, fields) = rest.rsplit_once(')')?;
    Some(format!("{pid}.{}", fields.split_whitespace().nth(START_TIME)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_marked_by_its_number_and_its_start_whatever_it_is_called() {
        let stat = "77 (a) b) S 1 77 77 0 -1 4194560 9 0 0 0 0 0 0 0 20 0 1 0 13001 7 8 18446744073709551615";
        assert_eq!(mark(stat).as_deref(), Some("77.13001"));
        for text in ["", "77", "77 (a", "77 (a) S 1 2 3"] {
            assert_eq!(mark(text), None, "{text}");
        }
    }

    #[test]
    fn whoever_started_this_is_found() {
        let parent = Parent::of_process().unwrap();
        assert!(parent.mark.starts_with(&format!("{}.", nix::unistd::getppid())), "{parent:?}");
        assert!(parent.program.is_some() && lives(&parent.mark), "{parent:?}");
        assert!(realm().unwrap().len() > 9, "{:?}", realm());
    }

    #[test]
    fn another_process_of_the_same_number_is_not_the_one_that_was() {
        let pid = nix::unistd::getppid();
        for gone in [format!("{pid}.1"), "99999999.1".into(), "self.1".into(), String::new()] {
            assert!(!lives(&gone), "{gone}");
        }
    }
}
