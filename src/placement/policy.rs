//! What makes a host good: the policies, and what a host costs under each. Lower is better.

use crate::model::HostView;

/// How many of a host's KiB make a MiB, in which hosts tell their memory.
const KIB_PER_MIB: u64 = 1024;

/// As many MiB make the GiB of the `balanced` cost.
const MIB_PER_GIB: f64 = 1024.0;

/// PeerMon 1.1's `CPU_DELTA`.
const CLASSIC_CPU_DELTA: f64 = 100.0;

/// The steps of load that PeerMon 1.1 makes of one `CPU_DELTA`.
const CLASSIC_CPU_DIVISOR: f64 = 11.0;

/// What makes a host good.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Policy {
    /// How crowded it would be with one more job on it; memory matters only where it is scarce.
    Balanced {
        /// Smaller differences of cost do not count.
        delta: f64,
    },
    /// Load per core.
    Cpu {
        /// Smaller differences of cost do not count.
        delta: f64,
    },
    /// Available memory.
    Memory {
        /// Smaller differences do not count, in bytes.
        delta_bytes: u64,
    },
    /// All hosts are equal.
    Random,
    /// PeerMon 1.1 to the digit. It knows no pending jobs, and its ties are its own steps.
    Classic {
        /// What it sorts by.
        key: ClassicKey,
        /// Its `MEM_DELTA`, in KiB: [`Policy::CLASSIC_MEMORY_STEP_KIB`], or [`Policy::CLASSIC_MPIGEN_STEP_KIB`].
        memory_step_kib: u64,
    },
}

/// What PeerMon 1.1 sorts by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClassicKey {
    /// `-c`
    Cpu,
    /// `-m`
    Memory,
    /// Neither or both.
    Both,
}

/// What one host costs, in the terms of the policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Cost {
    /// The sum of both.
    Balanced {
        /// (load + pending + 1) / cores
        crowding: f64,
        /// 1 GiB / available memory
        scarcity: f64,
    },
    /// The only term.
    Cpu {
        /// (load + pending) / cores
        load_per_core: f64,
    },
    /// The less the better: minus the available memory.
    Memory {
        /// Available memory in MiB; 0 where it is unknown, so that such a host comes last.
        available_mib: u32,
    },
    /// Nothing.
    Random,
    /// `total` is `cpu`, `memory` or what PeerMon 1.1 makes of both.
    Classic {
        /// Steps of load, or the load itself on a host with no cores.
        cpu: f64,
        /// Minus the available memory in whole steps, in KiB.
        memory: f64,
        /// What is sorted by.
        total: f64,
    },
}

impl Cost {
    /// The number that is compared.
    #[must_use]
    pub fn total(&self) -> f64 {
        match *self {
            Self::Balanced { crowding, scarcity } => crowding + scarcity,
            Self::Cpu { load_per_core } => load_per_core,
            Self::Memory { available_mib } => -f64::from(available_mib),
            Self::Random => 0.0,
            Self::Classic { total, .. } => total,
        }
    }
}

impl Policy {
    /// `--cpu-delta` where nothing is said.
    pub const CPU_DELTA: f64 = 0.1;
    /// `--mem-delta` where nothing is said: 1 GiB.
    pub const MEM_DELTA_BYTES: u64 = 1 << 30;
    /// PeerMon 1.1's `MEM_DELTA` in smarterSSH.
    pub const CLASSIC_MEMORY_STEP_KIB: u64 = 1_000_000;
    /// PeerMon 1.1's `MEM_DELTA` in autoMPIgen.
    pub const CLASSIC_MPIGEN_STEP_KIB: u64 = 100_000;

    /// What `host` costs. Meaningful for hosts that say their load and cores ([`HostView::is_offered`]).
    #[must_use]
    pub fn cost(&self, host: &HostView) -> Cost {
        let load = hundredths(host.load1_hundredths.unwrap_or(0));
        let expected = load + hundredths(host.pending_hundredths);
        let cores = host.cores.unwrap_or(0);
        match *self {
            Self::Balanced { .. } => Cost::Balanced {
                crowding: per_core(expected + 1.0, cores),
                // Unknown counts as 1 GiB: better only than a host that says that it has less.
                scarcity: host.memory_available_mib.map_or(1.0, |mib| MIB_PER_GIB / f64::from(mib)),
            },
            Self::Cpu { .. } => Cost::Cpu { load_per_core: per_core(expected, cores) },
            Self::Memory { .. } => Cost::Memory { available_mib: host.memory_available_mib.unwrap_or(0) },
            Self::Random => Cost::Random,
            Self::Classic { key, memory_step_kib } => {
                let memory_kib = u64::from(host.memory_available_mib.unwrap_or(0)) * KIB_PER_MIB;
                classic(key, memory_step_kib, load, cores, memory_kib)
            }
        }
    }

    /// Hosts whose total costs differ by no more than this are equal.
    #[must_use]
    pub fn delta(&self) -> f64 {
        match *self {
            Self::Balanced { delta } | Self::Cpu { delta } => delta,
            Self::Memory { delta_bytes } => delta_bytes as f64 / f64::from(1 << 20),
            Self::Random | Self::Classic { .. } => 0.0,
        }
    }
}

fn hundredths(number: u32) -> f64 {
    f64::from(number) / 100.0
}

/// A host without a processor to use is behind all others, even when it is idle.
fn per_core(load: f64, cores: u32) -> f64 {
    if cores == 0 { f64::INFINITY } else { load / f64::from(cores) }
}

/// The sort key of PeerMon 1.1, whose division of whole numbers floors and whose `int()` truncates toward zero.
fn classic(key: ClassicKey, step_kib: u64, load: f64, cores: u32, memory_kib: u64) -> Cost {
    let cpu = match cores {
        0 => load,
        _ => (load / f64::from(cores) * CLASSIC_CPU_DELTA / CLASSIC_CPU_DIVISOR).trunc(),
    };
    let steps = (memory_kib + step_kib / 2) / step_kib;
    let memory = match steps {
        0 => -0.01 * step_kib as f64,
        _ => -((steps * step_kib) as f64),
    };
    let total = match key {
        ClassicKey::Cpu => cpu,
        ClassicKey::Memory => memory,
        ClassicKey::Both if steps == 0 => (memory / (1.0 + cpu)).trunc(),
        ClassicKey::Both => (memory / (1.0 + cpu)).floor(),
    };
    Cost::Classic { cpu, memory, total }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_classic((load, cores, memory_kib): (f64, u32, u64), step_kib: u64, keys: [f64; 3]) {
        for (key, expected) in [ClassicKey::Cpu, ClassicKey::Memory, ClassicKey::Both].into_iter().zip(keys) {
            assert_eq!(classic(key, step_kib, load, cores, memory_kib).total(), expected, "{key:?}");
        }
    }

    #[test]
    fn classic_is_peermon_1_1_to_the_digit() {
        const SSH: u64 = Policy::CLASSIC_MEMORY_STEP_KIB;
        const MPIGEN: u64 = Policy::CLASSIC_MPIGEN_STEP_KIB;
        const GIB: u64 = 1 << 20; // in KiB

        // int(4.0 / 8 * 100 / 11) = int(4.54) = 4; k = floor((134,217,728 + 500,000) / 1,000,000) = 134;
        // floor(-134,000,000 / (1 + 4)) = -26,800,000
        check_classic((4.0, 8, 128 * GIB), SSH, [4.0, -134e6, -26_800_000.0]);
        // int(0) = 0; k = floor((16,777,216 + 500,000) / 1,000,000) = 17; -17,000,000 / 1
        check_classic((0.0, 8, 16 * GIB), SSH, [0.0, -17e6, -17_000_000.0]);
        // k = floor((300,000 + 500,000) / 1,000,000) = 0: -0.01 * 1,000,000 = -10,000
        check_classic((0.0, 8, 300_000), SSH, [0.0, -10_000.0, -10_000.0]);
        // Half a step rounds up: k = floor((500,000 + 500,000) / 1,000,000) = 1
        check_classic((0.0, 8, 500_000), SSH, [0.0, -1e6, -1e6]);
        // Without whole steps int() goes toward zero: int(-10,000 / (1 + 6)) = int(-1428.57) = -1428,
        // where int(5.28 / 7 * 100 / 11) = int(6.857) = 6
        check_classic((5.28, 7, 0), SSH, [6.0, -10_000.0, -1428.0]);
        // and with them floor goes away from it: floor(-1,000,000 / 7) = floor(-142,857.14) = -142,858
        check_classic((5.28, 7, GIB), SSH, [6.0, -1e6, -142_858.0]);
        // autoMPIgen's steps are ten times as fine: k = floor((16,777,216 + 50,000) / 100,000) = 168
        check_classic((0.0, 8, 16 * GIB), MPIGEN, [0.0, -16_800_000.0, -16_800_000.0]);
        // No cores: the load itself. floor(-17,000,000 / (1 + 2.5)) = floor(-4,857,142.86) = -4,857,143
        check_classic((2.5, 0, 16 * GIB), SSH, [2.5, -17e6, -4_857_143.0]);
    }
}
