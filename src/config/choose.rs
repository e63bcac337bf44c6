//! Which hosts are good: flags, environment and files to one policy, the same for all commands.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::client::{VariableError, variable};
use super::file;
use super::paths::Environment;
use super::values::{Delta, Seconds, Size, ValueError};
use crate::model::NodeId;
use crate::placement::{ClassicKey, Criteria, HostPattern, Policy};

/// A policy by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PolicyName {
    /// How crowded a host would be with one more job on it, and scarce memory.
    #[default]
    Balanced,
    /// Load per core.
    Cpu,
    /// Available memory.
    Memory,
    /// All hosts are equal.
    Random,
    /// PeerMon 1.1 to the digit.
    Classic,
}

impl PolicyName {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Balanced, Self::Cpu, Self::Memory, Self::Random, Self::Classic];

    /// As typed.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Cpu => "cpu",
            Self::Memory => "mem",
            Self::Random => "random",
            Self::Classic => "classic",
        }
    }
}

impl fmt::Display for PolicyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for PolicyName {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let found = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        found.ok_or_else(|| ValueError::of(text, "a policy (balanced, cpu, mem, random, classic)"))
    }
}

/// `-c`, `-m` and `-r`, as of old.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Letters {
    /// By CPU load per core.
    pub cpu: bool,
    /// By memory; with `cpu`: the combination.
    pub memory: bool,
    /// Any order; counts before the other two.
    pub random: bool,
}

impl Letters {
    /// What they say; `None` where there are none.
    fn policy(self) -> Option<PolicyName> {
        match (self.random, self.cpu, self.memory) {
            (true, _, _) => Some(PolicyName::Random),
            (false, true, false) => Some(PolicyName::Cpu),
            (false, false, true) => Some(PolicyName::Memory),
            (false, true, true) => Some(PolicyName::Balanced),
            (false, false, false) => None,
        }
    }

    /// What PeerMon 1.1 sorts by where they are given to it. `None`: it does not sort.
    fn classic_key(self) -> Option<ClassicKey> {
        match (self.random, self.cpu, self.memory) {
            (true, _, _) => None,
            (false, true, false) => Some(ClassicKey::Cpu),
            (false, false, true) => Some(ClassicKey::Memory),
            (false, true, true) | (false, false, false) => Some(ClassicKey::Both),
        }
    }
}

/// The choosing options of a command line.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ChooseFlags {
    /// `-c`, `-m`, `-r`
    pub letters: Letters,
    /// `--policy`
    pub policy: Option<PolicyName>,
    /// `--cpu-delta`
    pub cpu_delta: Option<Delta>,
    /// `--mem-delta`
    pub mem_delta: Option<Size>,
    /// `--exclude`
    pub exclude: Vec<HostPattern>,
    /// `--exclude-self`
    pub exclude_self: bool,
    /// `--max-age`
    pub max_age: Option<Seconds>,
}

/// Why no policy can be made of what was said.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChooseError {
    /// Only `classic` goes with letters.
    #[error("--policy {0} and -c, -m or -r say two things")]
    TwoPolicies(PolicyName),
    /// The environment.
    #[error(transparent)]
    Variable(#[from] VariableError),
}

/// Which hosts are good, settled.
#[derive(Clone, Debug, PartialEq)]
pub struct Choosing {
    /// What makes a host good.
    pub policy: Policy,
    /// Hosts to leave out.
    pub exclude: Vec<HostPattern>,
    /// Whether this host is left out.
    pub exclude_self: bool,
    /// Hosts whose figures are older are left out.
    pub max_age: Option<Duration>,
}

impl Choosing {
    /// What the flags say; where they say nothing, the environment; then the files; then the defaults.
    /// `classic_memory_step_kib` is the command's own, [`Policy::CLASSIC_MEMORY_STEP_KIB`] or that of mpigen.
    /// `classic`, wherever it was said, stays so under `-c`, `-m` and `-r`; other policies give way to them.
    pub fn settle(
        flags: ChooseFlags,
        environment: &Environment,
        files: &file::Choose,
        classic_memory_step_kib: u64,
    ) -> Result<Self, ChooseError> {
        let ChooseFlags { letters, policy, cpu_delta, mem_delta, exclude, exclude_self, max_age } = flags;
        if let (Some(policy), Some(_)) = (policy.filter(|policy| *policy != PolicyName::Classic), letters.policy()) {
            return Err(ChooseError::TwoPolicies(policy));
        }
        let named = match policy {
            None => variable("PEERMON_POLICY", environment.policy.as_deref())?.or(files.policy),
            Some(_) => policy,
        };
        let name = match (named, letters.policy()) {
            (Some(PolicyName::Classic), _) => PolicyName::Classic,
            (_, Some(by_letters)) => by_letters,
            (named, None) => named.unwrap_or_default(),
        };
        let delta = cpu_delta.or(files.cpu_delta).map_or(Policy::CPU_DELTA, |Delta(delta)| delta);
        let delta_bytes = mem_delta.or(files.mem_delta).map_or(Policy::MEM_DELTA_BYTES, |Size(bytes)| bytes);
        let policy = match name {
            PolicyName::Balanced => Policy::Balanced { delta },
            PolicyName::Cpu => Policy::Cpu { delta },
            PolicyName::Memory => Policy::Memory { delta_bytes },
            PolicyName::Random => Policy::Random,
            PolicyName::Classic => letters
                .classic_key()
                .map_or(Policy::Random, |key| Policy::Classic { key, memory_step_kib: classic_memory_step_kib }),
        };
        let exclude = if exclude.is_empty() { files.exclude.clone().unwrap_or_default() } else { exclude };
        let max_age = max_age.or(files.max_age).map(|Seconds(span)| span);
        Ok(Self { policy, exclude, exclude_self, max_age })
    }

    /// For a daemon whose own host is `own`.
    #[must_use]
    pub fn criteria(&self, own: NodeId) -> Criteria {
        Criteria {
            policy: self.policy,
            exclude: self.exclude.clone(),
            exclude_self: self.exclude_self.then_some(own),
            max_age: self.max_age,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: u64 = Policy::CLASSIC_MEMORY_STEP_KIB;
    const BALANCED: Policy = Policy::Balanced { delta: Policy::CPU_DELTA };
    const CPU: Policy = Policy::Cpu { delta: Policy::CPU_DELTA };
    const MEMORY: Policy = Policy::Memory { delta_bytes: Policy::MEM_DELTA_BYTES };

    fn letters(text: &str) -> Letters {
        Letters { cpu: text.contains('c'), memory: text.contains('m'), random: text.contains('r') }
    }

    /// Letters, `--policy`, `PEERMON_POLICY` and the file; empty is not said.
    #[track_caller]
    fn settle(given: [&str; 4]) -> Result<Policy, ChooseError> {
        let [typed, flag, environment, file] = given;
        let name = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap());
        let flags = ChooseFlags { letters: letters(typed), policy: name(flag), ..ChooseFlags::default() };
        let variable = (!environment.is_empty()).then(|| environment.into());
        let environment = Environment { policy: variable, ..Environment::default() };
        let file = file::Choose { policy: name(file), ..file::Choose::default() };
        Choosing::settle(flags, &environment, &file, STEP).map(|choosing| choosing.policy)
    }

    #[track_caller]
    fn check(given: [&str; 4], expected: Policy) {
        assert_eq!(settle(given), Ok(expected), "{given:?}");
    }

    fn classic(key: ClassicKey) -> Policy {
        Policy::Classic { key, memory_step_kib: STEP }
    }

    #[test]
    fn letters_and_names_choose_the_policy_and_the_first_source_counts() {
        check(["", "", "", ""], BALANCED);
        check(["c", "", "", ""], CPU);
        check(["m", "", "", ""], MEMORY);
        check(["cm", "", "", ""], BALANCED);
        check(["r", "", "", ""], Policy::Random);
        check(["cr", "", "", ""], Policy::Random);
        check(["", "cpu", "mem", "random"], CPU);
        check(["", "", "mem", "random"], MEMORY);
        check(["", "", "", "random"], Policy::Random);
        check(["c", "", "mem", "random"], CPU);
    }

    #[test]
    fn classic_wherever_it_was_said_stays_so_under_letters() {
        for given in [["classic", "", ""], ["", "classic", ""], ["", "", "classic"]] {
            let [flag, environment, file] = given;
            check(["", flag, environment, file], classic(ClassicKey::Both));
            check(["cm", flag, environment, file], classic(ClassicKey::Both));
            check(["c", flag, environment, file], classic(ClassicKey::Cpu));
            check(["m", flag, environment, file], classic(ClassicKey::Memory));
            check(["r", flag, environment, file], Policy::Random);
        }
    }

    #[test]
    fn letters_beside_another_policy_are_two_policies() {
        for policy in ["balanced", "cpu", "mem", "random"] {
            let error = settle(["c", policy, "", ""]).expect_err("two policies");
            assert_eq!(error.to_string(), format!("--policy {policy} and -c, -m or -r say two things"));
        }
        let error = settle(["", "", "best", ""]).expect_err("no policy");
        assert_eq!(error.to_string(), "'best' is not a policy (balanced, cpu, mem, random, classic) (PEERMON_POLICY)");
    }

    #[test]
    fn differences_ages_and_hosts_to_leave_out_come_from_the_flags_or_else_from_the_files() {
        let files = file::Choose {
            policy: None,
            cpu_delta: Some(Delta(0.5)),
            mem_delta: Some(Size(7)),
            max_age: Some("60".parse().unwrap()),
            exclude: Some(vec!["file".parse().unwrap()]),
        };
        let environment = Environment::default();
        let by_file = Choosing::settle(ChooseFlags::default(), &environment, &files, STEP).unwrap();
        assert_eq!(
            by_file,
            Choosing {
                policy: Policy::Balanced { delta: 0.5 },
                exclude: vec!["file".parse().unwrap()],
                exclude_self: false,
                max_age: Some(Duration::from_secs(60)),
            }
        );
        let flags = ChooseFlags {
            letters: letters("m"),
            mem_delta: Some(Size(9)),
            exclude: vec!["flag".parse().unwrap()],
            exclude_self: true,
            max_age: Some("5".parse().unwrap()),
            ..ChooseFlags::default()
        };
        let by_flag = Choosing::settle(flags, &environment, &files, STEP).unwrap();
        assert_eq!(by_flag.policy, Policy::Memory { delta_bytes: 9 });
        assert_eq!(by_flag.exclude, ["flag".parse().unwrap()]);
        assert_eq!(by_flag.max_age, Some(Duration::from_secs(5)));
        let own = NodeId::from_bytes([7; 6]);
        assert_eq!(by_flag.criteria(own).exclude_self, Some(own));
        assert_eq!(by_file.criteria(own).exclude_self, None);
    }
}
