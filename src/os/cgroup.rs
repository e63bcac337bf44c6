//! What a container allows: limits at the root of the control groups that this process can see, versions 1 and 2.
//!
//! Limits of the daemon's own service never count, for they say nothing about other processes of the host. A
//! limit that is absent or unreadable is no limit (docs/faults.md, 22).

use std::path::{Path, PathBuf};

use procfs::process::MountInfo;
use procfs::{FromRead, ProcessCGroups};

use super::procfs::{Slice, read};

/// What processes may use, as far as it is limited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Limits {
    /// Processors; a part of one counts as a whole one.
    pub cores: Option<u32>,
    /// Memory in KiB.
    pub memory_kib: Option<u64>,
    /// What of it is not in use, in KiB; caches count as available, as in the kernel's own figure.
    pub memory_available_kib: Option<u64>,
}

impl Limits {
    fn and(self, other: Self) -> Self {
        fn least<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
            match (a, b) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            }
        }
        Self {
            cores: least(self.cores, other.cores),
            memory_kib: least(self.memory_kib, other.memory_kib),
            memory_available_kib: least(self.memory_available_kib, other.memory_available_kib),
        }
    }
}

/// The limits that hold for whatever runs beside this process.
pub(super) fn limits(proc_root: &Path, slice: Slice) -> Limits {
    let own = read(&proc_root.join("self/cgroup"));
    let Some(Ok(own)) = own.map(|text| ProcessCGroups::from_read(text.as_bytes())) else {
        return Limits::default();
    };
    let mounts = read(&proc_root.join("self/mountinfo")).unwrap_or_default();
    mounts.lines().filter_map(|line| Hierarchy::of(line, &own)).flat_map(|tree| tree.groups(slice)).fold(
        Limits::default(),
        |limits, (version, folder)| {
            limits.and(match version {
                Version::One => version_1(&folder),
                Version::Two => version_2(&folder),
            })
        },
    )
}

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// One mounted tree of control groups.
struct Hierarchy {
    version: Version,
    mount_point: PathBuf,
    /// Where this process stands, below the mount point.
    own: String,
}

impl Hierarchy {
    /// From a line of `mountinfo`. `None`: no control groups, or those of others (a bind mount of some container).
    fn of(line: &str, own: &ProcessCGroups) -> Option<Self> {
        let mount = MountInfo::from_line(line).ok()?;
        let version = match mount.fs_type.as_str() {
            "cgroup" => Version::One,
            "cgroup2" => Version::Two,
            _ => return None,
        };
        let own = own.0.iter().find(|group| match version {
            Version::One => group.controllers.iter().any(|name| mount.super_options.contains_key(name)),
            Version::Two => group.hierarchy == 0,
        })?;
        let own = own.pathname.strip_prefix(mount.root.trim_end_matches('/'))?;
        (own.is_empty() || own.starts_with('/')).then(|| Self {
            version,
            mount_point: mount.mount_point,
            own: own.to_owned(),
        })
    }

    /// The groups whose limits count: the root, and for a private daemon the slices of users and of this user.
    fn groups(self, slice: Slice) -> Vec<(Version, PathBuf)> {
        let mut groups = vec![self.mount_point.clone()];
        let mut parts = self.own.split('/').skip(1);
        if let (Slice::User, Some(users @ "user.slice"), Some(user)) = (slice, parts.next(), parts.next()) {
            let users = self.mount_point.join(users);
            if user.starts_with("user-") && user.ends_with(".slice") {
                groups.push(users.join(user));
            }
            groups.push(users);
        }
        groups.into_iter().map(|group| (self.version, group)).collect()
    }
}

fn version_2(group: &Path) -> Limits {
    let quota = read(&group.join("cpu.max")).and_then(|text| {
        let (quota, period) = text.trim().split_once(' ')?;
        whole_cores(quota.parse().ok()?, period.parse().ok()?)
    });
    let memory = read_number(&group.join("memory.max"));
    Limits { cores: quota, memory_kib: memory.map(|bytes| bytes >> 10), memory_available_kib: None }
        .and(processors(group, "cpuset.cpus.effective"))
        .and(available(group, memory, "memory.current", &["inactive_file ", "active_file ", "slab_reclaimable "]))
}

fn version_1(group: &Path) -> Limits {
    let quota = read_number(&group.join("cpu.cfs_quota_us"))
        .and_then(|quota| whole_cores(quota, read_number(&group.join("cpu.cfs_period_us"))?));
    let memory = read_number(&group.join("memory.limit_in_bytes"));
    Limits { cores: quota, memory_kib: memory.map(|bytes| bytes >> 10), memory_available_kib: None }
        .and(processors(group, "cpuset.effective_cpus"))
        .and(available(group, memory, "memory.usage_in_bytes", &["total_inactive_file ", "total_active_file "]))
}

fn read_number(path: &Path) -> Option<u64> {
    read(path)?.trim().parse().ok()
}

fn whole_cores(quota: u64, period: u64) -> Option<u32> {
    let cores = (period > 0).then(|| quota.div_ceil(period))?;
    u32::try_from(cores.max(1)).ok()
}

fn processors(group: &Path, file: &str) -> Limits {
    let cores = read(&group.join(file)).and_then(|text| count_processors(&text));
    Limits { cores, ..Limits::default() }
}

fn available(group: &Path, limit: Option<u64>, usage: &str, caches: &[&str]) -> Limits {
    let available = || {
        let usage = read_number(&group.join(usage))?;
        let statistics = read(&group.join("memory.stat")).unwrap_or_default();
        let cached = statistics
            .lines()
            .filter_map(|line| caches.iter().find_map(|name| line.strip_prefix(name)))
            .filter_map(|number| number.trim().parse().ok())
            .fold(0, u64::saturating_add);
        Some(limit?.saturating_sub(usage.saturating_sub(cached)) >> 10)
    };
    Limits { memory_available_kib: available(), ..Limits::default() }
}

/// How many processors a list like `0-3,7` names. `None`: none, or no such list.
pub(super) fn count_processors(list: &str) -> Option<u32> {
    let count = |part: &str| -> Option<u32> {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        last.parse::<u32>().ok()?.checked_sub(first.parse().ok()?)?.checked_add(1)
    };
    list.trim().split(',').try_fold(0u32, |sum, part| sum.checked_add(count(part)?)).filter(|sum| *sum > 0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A recorded tree: `proc` with what the process sees of itself, `cgroup` with what is mounted.
    #[track_caller]
    fn check_limits(own: &str, mounts: &[&str], slice: Slice, files: &[(&str, &str)], expected: Limits) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().to_str().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("proc/self/cgroup", own);
        write("proc/self/mountinfo", &mounts.join("\n").replace("ROOT", root));
        files.iter().for_each(|(name, text)| write(name, text));
        assert_eq!(limits(&folder.path().join("proc"), slice), expected);
    }

    const TWO: &str = "30 23 0:26 / ROOT/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate";

    #[test]
    fn a_container_of_version_2_limits_cores_and_memory() {
        check_limits(
            "0::/\n",
            &["22 1 8:1 / / rw - ext4 /dev/sda1 rw", TWO],
            Slice::Host,
            &[
                ("cgroup/cpu.max", "150000 100000\n"),
                ("cgroup/cpuset.cpus.effective", "0-3,8\n"),
                ("cgroup/memory.max", "1073741824\n"),
                ("cgroup/memory.current", "536870912\n"),
                ("cgroup/memory.stat", "anon 1\ninactive_file 134217728\nactive_file 0\nslab_reclaimable 0\n"),
            ],
            Limits { cores: Some(2), memory_kib: Some(1 << 20), memory_available_kib: Some(640 << 10) },
        );
    }

    #[test]
    fn a_container_of_version_1_limits_cores_and_memory() {
        let mount = |name: &str| format!("30 23 0:26 /docker/ab ROOT/{name} ro - cgroup cgroup rw,{name}");
        check_limits(
            "5:memory:/docker/ab\n4:cpu,cpuacct:/docker/ab\n",
            &[&mount("memory"), &mount("cpu")],
            Slice::Host,
            &[
                ("cpu/cpu.cfs_quota_us", "400000"),
                ("cpu/cpu.cfs_period_us", "100000"),
                ("memory/memory.limit_in_bytes", "2147483648"),
            ],
            Limits { cores: Some(4), memory_kib: Some(2 << 20), memory_available_kib: None },
        );
    }

    #[test]
    fn the_limits_of_the_daemons_own_service_never_count() {
        check_limits(
            "0::/system.slice/peermon.service\n",
            &[TWO],
            Slice::User,
            &[
                ("cgroup/system.slice/memory.max", "1024"),
                ("cgroup/system.slice/peermon.service/memory.max", "1024"),
                ("cgroup/system.slice/peermon.service/cpu.max", "1 100000"),
            ],
            Limits::default(),
        );
    }

    #[test]
    fn the_users_slice_counts_for_a_private_daemon_alone() {
        let own = "0::/user.slice/user-7.slice/user@7.service/app.slice/peermon.service\n";
        let files = [
            ("cgroup/user.slice/user-7.slice/memory.max", "1048576"),
            ("cgroup/user.slice/user-7.slice/user@7.service/memory.max", "1024"),
        ];
        let expected = Limits { memory_kib: Some(1024), ..Limits::default() };
        check_limits(own, &[TWO], Slice::User, &files, expected);
        check_limits(own, &[TWO], Slice::Host, &files, Limits::default());
    }

    #[test]
    fn a_limit_that_is_absent_or_odd_is_no_limit() {
        let files = [("cgroup/cpu.max", "max 100000\n"), ("cgroup/memory.max", "max\n")];
        check_limits("0::/\n", &[TWO], Slice::Host, &files, Limits::default());
        let files = [("cgroup/cpu.max", "1 0"), ("cgroup/memory.max", "lots"), ("cgroup/cpuset.cpus.effective", "3-1")];
        check_limits("0::/\n", &[TWO], Slice::Host, &files, Limits::default());
        check_limits("nonsense", &[TWO, "more nonsense"], Slice::Host, &files, Limits::default());
    }

    #[test]
    fn a_bind_mount_of_somebody_elses_groups_does_not_count() {
        let mount = "30 23 0:26 /machine.slice/x ROOT/cgroup rw - cgroup2 cgroup2 rw";
        check_limits("0::/\n", &[mount], Slice::Host, &[("cgroup/memory.max", "1024")], Limits::default());
    }
}
