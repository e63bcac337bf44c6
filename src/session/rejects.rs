//! Why datagrams are refused: one reason each, counted, with the last sender.

use std::net::IpAddr;

use crate::model::RejectCount;

/// Why a datagram was refused, in the order in which it is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reject {
    /// The sender's address is not in valid_ips.
    Address,
    /// Wrong magic, length or kind: another program, or noise.
    NotOurs,
    /// A wire version above ours.
    NewerVersion,
    /// Sealed with a key that is not in our ring.
    UnknownKey,
    /// Sealed by this host's own session: a hello to itself, a datagram that somebody sent back, a clone.
    OwnSession,
    /// This counter of that session came already, or it is too old to tell.
    Replay,
    /// The seal does not fit.
    DoesNotOpen,
    /// A welcome that we did not ask for, or no longer.
    Unasked,
    /// A member says more than it may.
    MemberBudget,
    /// Somebody who is no member says more than may come from one address.
    StrangerBudget,
    /// More hellos than may come from one address.
    HelloBudget,
    /// An unknown session while no more can be remembered: a new session of this host is on its way.
    Crowded,
    /// Opened, and is no message.
    Malformed,
    /// Opened, and is a message of a kind that this version does not know.
    NewerMessage,
}

impl Reject {
    /// All reasons, in the order in which they are checked.
    pub const ALL: [Self; 14] = [
        Self::Address,
        Self::NotOurs,
        Self::NewerVersion,
        Self::UnknownKey,
        Self::OwnSession,
        Self::Replay,
        Self::DoesNotOpen,
        Self::Unasked,
        Self::MemberBudget,
        Self::StrangerBudget,
        Self::HelloBudget,
        Self::Crowded,
        Self::Malformed,
        Self::NewerMessage,
    ];

    /// The name in `--status` and its JSON; it stays as it is for ever.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::NotOurs => "not_ours",
            Self::NewerVersion => "newer_version",
            Self::UnknownKey => "unknown_key",
            Self::OwnSession => "own_session",
            Self::Replay => "replay",
            Self::DoesNotOpen => "does_not_open",
            Self::Unasked => "unasked_welcome",
            Self::MemberBudget => "member_budget",
            Self::StrangerBudget => "stranger_budget",
            Self::HelloBudget => "hello_budget",
            Self::Crowded => "crowded",
            Self::Malformed => "malformed",
            Self::NewerMessage => "newer_message",
        }
    }

    /// The reason of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// What an administrator makes of it, for `--status`.
    #[must_use]
    pub const fn explain(self) -> &'static str {
        match self {
            Self::Address => "the sender's address is not in valid_ips",
            Self::NotOurs => "not a datagram of peermon: another program, or noise",
            Self::NewerVersion => "sealed by a newer peermon that this one does not understand",
            Self::UnknownKey => {
                "sealed with a key that this host does not have (or a network with a key meets one without)"
            }
            Self::OwnSession => "came back to this host from itself (it is among its own seeds), or from its clone",
            Self::Replay => "came before: a copy, made by the network or by somebody who recorded it",
            Self::DoesNotOpen => {
                "sealed for another network name, for an earlier life of this host, or damaged: these look alike"
            }
            Self::Unasked => "a welcome to a hello that this host did not send, or sent long ago",
            Self::MemberBudget => "a member says far more than a healthy host does",
            Self::StrangerBudget => "a host that is no member yet says more than may come from one address",
            Self::HelloBudget => "more hellos than may come from one address",
            Self::Crowded => "an unknown session while too many are remembered; this host is drawing a new session",
            Self::Malformed => "the seal fits and the content does not: a faulty or hostile holder of the key",
            Self::NewerMessage => "a kind of message that a newer peermon sends",
        }
    }
}

/// How often each reason was met.
#[derive(Clone, Debug, Default)]
pub(super) struct Rejects {
    counts: [Count; Reject::ALL.len()],
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    times: u64,
    last_sender: Option<IpAddr>,
}

impl Rejects {
    pub fn count(&mut self, reason: Reject, sender: IpAddr) {
        let count = &mut self.counts[reason as usize];
        count.times = count.times.saturating_add(1);
        count.last_sender = Some(sender);
    }

    /// Those that were met, the most frequent first.
    pub fn list(&self) -> Vec<RejectCount> {
        let met = Reject::ALL.into_iter().zip(&self.counts).filter(|(_, count)| count.times > 0);
        let mut list: Vec<RejectCount> = met
            .map(|(reason, count)| RejectCount {
                reason: reason.as_str().to_owned(),
                count: count.times,
                last_sender: count.last_sender,
            })
            .collect();
        list.sort_by_key(|reject| std::cmp::Reverse(reject.count));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_name_of_its_own_by_which_it_is_found_again() {
        for (place, reason) in Reject::ALL.into_iter().enumerate() {
            assert_eq!(reason as usize, place);
            assert_eq!(Reject::named(reason.as_str()), Some(reason));
            assert!(reason.as_str().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'));
            assert!(!reason.explain().is_empty());
        }
        assert_eq!(Reject::named("bad luck"), None);
    }

    #[test]
    fn the_most_frequent_reason_comes_first_with_its_last_sender_and_never_wraps() {
        let sender = |host| IpAddr::from([192, 0, 2, host]);
        let mut rejects = Rejects::default();
        rejects.count(Reject::Replay, sender(1));
        rejects.count(Reject::NotOurs, sender(2));
        rejects.count(Reject::NotOurs, sender(3));
        let listed: Vec<_> = rejects.list().into_iter().map(|r| (r.reason, r.count, r.last_sender)).collect();
        let expected = [("not_ours", 2, sender(3)), ("replay", 1, sender(1))];
        assert_eq!(listed, expected.map(|(reason, count, last)| (reason.to_owned(), count, Some(last))));
        rejects.counts[Reject::Replay as usize].times = u64::MAX;
        rejects.count(Reject::Replay, sender(1));
        assert_eq!(rejects.list()[0].count, u64::MAX);
    }
}
