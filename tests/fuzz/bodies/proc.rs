//! This host's figures, read from files that say anything.

use std::cell::RefCell;
use std::fs;
use std::path::Path;

use peermon::model::Sample;
use peermon::os::procfs::{Slice, sample};
use tempfile::TempDir;

/// The files that an input can name, below a folder that stands for `/`.
const FILES: [&str; 26] = [
    "proc/loadavg",
    "proc/meminfo",
    "proc/cpuinfo",
    "proc/stat",
    "proc/uptime",
    "proc/1/status",
    "proc/self/cgroup",
    "proc/self/mountinfo",
    "cgroup/cpu.max",
    "cgroup/cpuset.cpus.effective",
    "cgroup/memory.max",
    "cgroup/memory.current",
    "cgroup/memory.stat",
    "cgroup/cpu.cfs_quota_us",
    "cgroup/cpu.cfs_period_us",
    "cgroup/cpuset.effective_cpus",
    "cgroup/memory.limit_in_bytes",
    "cgroup/memory.usage_in_bytes",
    "cgroup/user.slice/memory.max",
    "cgroup/user.slice/user-7.slice/cpu.max",
    "cgroup/user.slice/user-7.slice/cpuset.cpus.effective",
    "cgroup/user.slice/user-7.slice/memory.max",
    "cgroup/user.slice/user-7.slice/memory.current",
    "cgroup/user.slice/user-7.slice/memory.stat",
    "cgroup/user.slice/user-7.slice/memory.limit_in_bytes",
    "cgroup/user.slice/user-7.slice/cpu.cfs_quota_us",
];

/// Stands in an input for the folder that stands for `/`: mount points are whole paths.
const ROOT: &str = "ROOT";

/// A tree: a line `> NAME` before the content of each file. What stands before the first such line is in
/// all of `/proc`.
///
/// What cannot be read is unknown, never zero, and nothing that is known contradicts itself.
pub fn proc(bytes: &[u8]) -> bool {
    thread_local! { static TREE: Tree = Tree::new(); }
    TREE.with(|tree| {
        tree.write(bytes);
        let root = tree.folder.path().join("proc");
        let is_known = check_sample(sample(&root, Slice::Host));
        check_sample(sample(&root, Slice::User)) || is_known
    })
}

/// Whether anything is known.
fn check_sample(sample: Sample) -> bool {
    let Sample { load, cores, memory_total_mib, uptime_seconds } = sample;
    assert_ne!(cores, Some(0));
    assert_ne!(memory_total_mib, Some(0));
    if let (Some(total), Some(available)) = (memory_total_mib, load.memory_available_mib) {
        assert!(available <= total, "{available} of {total} MiB are available");
    }
    cores.or(load.load1_hundredths).or(memory_total_mib).is_some() || uptime_seconds.is_some()
}

/// One folder for all inputs, of which only the files that differ are touched.
struct Tree {
    folder: TempDir,
    /// What is in each of [`FILES`]; `None`: it is missing.
    contents: RefCell<Vec<Option<Vec<u8>>>>,
}

impl Tree {
    fn new() -> Self {
        // In memory, where there is such a folder: a search should not wait for a disk.
        let mut named = tempfile::Builder::new();
        named.prefix("peermon-fuzz-");
        let folder = named.tempdir_in("/dev/shm").or_else(|_| named.tempdir()).expect("a folder for the tree");
        for file in FILES {
            let path = folder.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("folders in the tree");
        }
        Self { folder, contents: RefCell::new(vec![None; FILES.len()]) }
    }

    /// Makes the tree what `bytes` say.
    fn write(&self, bytes: &[u8]) {
        let root = self.folder.path().to_string_lossy().into_owned();
        let sections = sections(bytes);
        let mut contents = self.contents.borrow_mut();
        for (file, held) in FILES.iter().zip(contents.iter_mut()) {
            let is_named = |name: Option<&[u8]>, content: &[u8]| match name {
                Some(name) => file.as_bytes() == name,
                None => file.starts_with("proc/") && !content.is_empty(),
            };
            let section = sections.iter().rev().find(|(name, content)| is_named(*name, content));
            let content = section.map(|(_, content)| replace(content, ROOT.as_bytes(), root.as_bytes()));
            if *held != content {
                let path = self.folder.path().join(file);
                match &content {
                    Some(content) => fs::write(path, content).expect("a file in the tree"),
                    None => fs::remove_file(path).expect("a file that was there"),
                }
                *held = content;
            }
        }
    }
}

/// The parts of an input: the name of a file and what is in it.
fn sections(bytes: &[u8]) -> Vec<(Option<&[u8]>, &[u8])> {
    let mut sections: Vec<(Option<&[u8]>, &[u8])> = Vec::new();
    let mut name = None;
    let (mut start, mut end) = (0, 0);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        if let Some(next) = line.strip_prefix(b"> ") {
            sections.push((name, &bytes[start..end]));
            name = Some(next.trim_ascii());
            start = end + line.len();
        }
        end += line.len();
    }
    sections.push((name, &bytes[start.min(end)..end]));
    sections
}

/// `bytes` with `to` wherever `from` stands.
fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(first) = rest.first() {
        match rest.strip_prefix(from) {
            Some(behind) => {
                out.extend_from_slice(to);
                rest = behind;
            }
            None => {
                out.push(*first);
                rest = &rest[1..];
            }
        }
    }
    out
}
