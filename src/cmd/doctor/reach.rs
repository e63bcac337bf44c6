//! Whether others reach this host, and whether the machines to start from answer.

use std::net::SocketAddr;

use super::check::Check;
use super::facts::Facts;
use super::{NO_DAEMON, OLD_DAEMON, firewall, hosts};
use crate::model::{Checkup, DaemonStatus, PeerFinding, Reach, RejectCount, SeedFinding, SeedState};
use crate::render::doctor::Finding;
use crate::render::units;
use crate::session::Reject;

/// A newcomer has heard of others long before it is so old.
const JOINING_SECONDS: u64 = 3;

/// Seeds that are named; the others are counted.
const NAMED_MAX: usize = 3;

pub(super) fn reached(facts: &Facts) -> Finding {
    let Ok(running) = &facts.running else { return Check::Reached.skip(NO_DAEMON) };
    if let Some(peer) = hosts::taken_for_another(running) {
        return Check::Reached.skip(format!("what {peer} sends arrives, and is meant for another daemon (see twins)"));
    }
    match &running.checkup {
        Some(checkup) => judge_reached(checkup, &running.status, firewall::how_to_open),
        None => Check::Reached.skip(OLD_DAEMON),
    }
}

/// `how_to_open` says what opens a UDP port and the one above it.
fn judge_reached(checkup: &Checkup, status: &DaemonStatus, how_to_open: impl Fn(u16) -> String) -> Finding {
    let (port, peers) = (status.port, &checkup.peers);
    let of = |reach| peers.iter().filter(move |peer| peer.reach == reach);
    let names = |reach| listed(of(reach).map(|peer| peer.name.to_string()).collect());
    let [reaching, answering, silent] =
        [Reach::Reaches, Reach::OnlyAnswers, Reach::Silent].map(|reach| of(reach).count());
    match (reaching, answering, silent) {
        (0, 0, 0) => match status.last_heard_hundredths {
            Some(age) if status.isolated => Check::Reached.fail(
                format!("hears nobody: the last datagram of a peer came {} ago", units::age(age)),
                how_to_open(port),
            ),
            None if hears_only_answers(checkup, status) => Check::Reached.fail(
                format!(
                    "machines to start from answer this host, and what they send unasked does not arrive: UDP port {port} is closed here"
                ),
                how_to_open(port),
            ),
            Some(_) | None => Check::Reached.skip("no other host is known that could be asked"),
        },
        (0, 0, _) if checkup.peers.iter().all(|peer| refuses(peer, &checkup.seeds)) => {
            Check::Reached.skip(format!("the daemon of {} is not there any more (see seeds)", names(Reach::Silent)))
        }
        (0, 0, _) => Check::Reached.fail(
            format!(
                "no answer comes from {}: a firewall or a route, here or on the way, lets nothing out or nothing in",
                names(Reach::Silent)
            ),
            how_to_open(port),
        ),
        (0, _, _) => {
            let (answer, they_send) = if answering == 1 { ("answers", "it sends") } else { ("answer", "they send") };
            let names = names(Reach::OnlyAnswers);
            Check::Reached.fail(
                format!("{names} {answer} this host, and what {they_send} unasked does not arrive: UDP port {port} is closed here"),
                how_to_open(port),
            )
        }
        (_, 0, _) => {
            let silent = match silent {
                0 => String::new(),
                _ => format!(" ({} did not answer)", names(Reach::Silent)),
            };
            Check::Reached.ok(format!("{} of {} peers asked reach UDP port {port}{silent}", reaching, peers.len()))
        }
        (..) => Check::Reached.warn(
            format!(
                "{} reaches UDP port {port}, and what {} sends is dropped on its way in",
                names(Reach::Reaches),
                names(Reach::OnlyAnswers)
            ),
            how_to_open(port),
        ),
    }
}

/// A welcome comes back to where its hello left from, as a stateful firewall lets in. All else that a newcomer gets comes
/// to its port: who has a welcome and nothing else for so long has a port that is closed.
fn hears_only_answers(checkup: &Checkup, status: &DaemonStatus) -> bool {
    let is_answered = checkup.seeds.iter().any(|seed| seed.state == SeedState::Answers);
    is_answered && (status.isolated || status.up_seconds >= JOINING_SECONDS)
}

/// Whether nobody listens where `peer` did, as far as the machines file names it.
fn refuses(peer: &PeerFinding, seeds: &[SeedFinding]) -> bool {
    let (name, address) = (peer.name.to_string(), peer.address.to_string());
    seeds.iter().any(|seed| seed.state == SeedState::Refuses && [&*name, &*address].contains(&host_of(&seed.machine)))
}

pub(super) fn seeds(facts: &Facts) -> Finding {
    let Ok(running) = &facts.running else { return Check::Seeds.skip(NO_DAEMON) };
    let Some(checkup) = &running.checkup else { return Check::Seeds.skip(OLD_DAEMON) };
    let file = facts.files.machines.path().display().to_string();
    let mended = Mended { file: &file, reload: &facts.reload(), private: checkup.private };
    judge_seeds(checkup, &running.status, &mended, firewall::how_to_open)
}

/// What fixes are made of.
struct Mended<'a> {
    /// The machines file.
    file: &'a str,
    /// What makes the daemon read it again.
    reload: &'a str,
    /// A private network: its daemons are no services.
    private: bool,
}

fn judge_seeds(
    checkup: &Checkup,
    status: &DaemonStatus,
    mended: &Mended<'_>,
    how_to_open: impl Fn(u16) -> String,
) -> Finding {
    let Mended { file, reload, .. } = mended;
    let rejects = &status.rejects;
    let others: Vec<&SeedFinding> = checkup.seeds.iter().filter(|seed| seed.state != SeedState::Own).collect();
    if others.is_empty() {
        return Check::Seeds.warn(
            format!(
                "{file} names no other machine: after a restart this host is alone until somebody says hello to it"
            ),
            format!("echo HOST >> {file} && {reload}"),
        );
    }
    let asked: Vec<&SeedFinding> = others.iter().copied().filter(|seed| seed.state != SeedState::NotAsked).collect();
    let bad: Vec<&SeedFinding> = asked.iter().copied().filter(|seed| seed.state != SeedState::Answers).collect();
    let answering = asked.len() - bad.len();
    let counted = match others.len() - asked.len() {
        0 => format!("{answering} of {} machines to start from answer", asked.len()),
        more => format!("{answering} of {} machines to start from answer; {more} more were not asked", asked.len()),
    };
    let Some(first) = bad.first() else { return Check::Seeds.ok(counted) };
    let is_all_silent = answering == 0 && bad.iter().all(|seed| seed.state == SeedState::Silent);
    if is_all_silent && checkup.peers.iter().any(|peer| peer.reach == Reach::Reaches) {
        let (port, above) = (status.port, status.port.saturating_add(1));
        return Check::Seeds.fail(
            format!("{counted}, though peers reach UDP port {port}: what is answered to port {above} does not arrive"),
            how_to_open(port),
        );
    }
    let troubles = listed(bad.iter().map(|seed| format!("{} {}", seed.machine, trouble(seed, rejects))).collect());
    let (says, fix) = (format!("{counted}: {troubles}"), mend(first, mended));
    if answering > 0 { Check::Seeds.warn(says, fix) } else { Check::Seeds.fail(says, fix) }
}

fn trouble(seed: &SeedFinding, rejects: &[RejectCount]) -> String {
    match seed.state {
        SeedState::Answers | SeedState::Own | SeedState::NotAsked => "answers".to_owned(),
        SeedState::Unresolved => "does not resolve".to_owned(),
        SeedState::Refuses => "refuses (no daemon there)".to_owned(),
        SeedState::Silent => silence(seed, rejects),
    }
}

/// Why a seed may be silent. Who has another key speaks to this host too, which cannot open what it says.
fn silence(seed: &SeedFinding, rejects: &[RejectCount]) -> String {
    let key = Reject::UnknownKey.as_str();
    let stranger = rejects.iter().find(|reject| reject.reason == key).and_then(|reject| reject.last_sender);
    let address = seed.machine.parse::<SocketAddr>().ok().map(|address| address.ip());
    match (stranger, address) {
        (Some(stranger), Some(address)) if stranger == address => "is silent (it has another key, or none)".to_owned(),
        // A name: whether it leads to that address is for the reader to say.
        (Some(stranger), None) => format!(
            "is silent (a firewall, no such machine, or another key, as {stranger} has, whose datagrams do not open here)"
        ),
        (Some(_) | None, _) => {
            "is silent (a firewall, no such machine, or a network with another key or name)".to_owned()
        }
    }
}

fn mend(seed: &SeedFinding, mended: &Mended<'_>) -> String {
    let Mended { file, reload, private } = mended;
    let host = host_of(&seed.machine);
    match seed.state {
        SeedState::Answers | SeedState::Own | SeedState::NotAsked => String::new(),
        SeedState::Unresolved => {
            format!("getent hosts {host}; mend the name service, or its line in {file} and {reload}")
        }
        SeedState::Refuses if *private => format!(
            "peermon net up, or on {host}: peermon daemon --user --detach; or take its line out of {file} and {reload}"
        ),
        SeedState::Refuses => {
            format!("ssh {host} systemctl start peermon; or take its line out of {file} and {reload}")
        }
        SeedState::Silent => format!("ssh {host} peermon doctor; or take its line out of {file} and {reload}"),
    }
}

/// `node1` of `node1:1288`, `2001:db8::1` of `[2001:db8::1]:1288`.
fn host_of(machine: &str) -> &str {
    let host = machine.rsplit_once(':').map_or(machine, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']')
}

fn listed(all: Vec<String>) -> String {
    match all.len().saturating_sub(NAMED_MAX) {
        0 => all.join(", "),
        more => format!("{} and {more} more", all[..NAMED_MAX].join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StateCounts;
    use crate::render::doctor::Verdict;

    fn status() -> DaemonStatus {
        DaemonStatus {
            name: "me".parse().unwrap(),
            software: "2".into(),
            pid: 7,
            up_seconds: 100,
            network: "default".into(),
            keyed: true,
            interval_hundredths: 2_000,
            port: 1288,
            address: [192, 0, 2, 1].into(),
            hosts: StateCounts::default(),
            last_heard_hundredths: None,
            isolated: false,
            twin: false,
            lacking_first_key: 0,
            datagrams_in: 0,
            datagrams_out: 0,
            bytes_in: 0,
            bytes_out: 0,
            kernel_drops: 0,
            send_errors: 0,
            rejects: Vec::new(),
        }
    }

    const MENDED: Mended<'static> = Mended { file: "m.txt", reload: "reload", private: false };

    fn checkup(peers: Vec<PeerFinding>, seeds: &[(&str, SeedState)]) -> Checkup {
        let seed = |(machine, state): &(&str, SeedState)| SeedFinding { machine: (*machine).to_owned(), state: *state };
        Checkup {
            private: false,
            settings: Default::default(),
            machines: Default::default(),
            valid_ips: Default::default(),
            key: Default::default(),
            proc_root: Default::default(),
            bound: None,
            intervals: Vec::new(),
            examined_hundredths: 0,
            is_over: true,
            peers,
            seeds: seeds.iter().map(seed).collect(),
        }
    }

    #[track_caller]
    fn check_reached(reaches: &[Reach], verdict: Verdict, says: &str) {
        let peer = |(number, reach): (usize, &Reach)| PeerFinding {
            name: format!("node-{number}").parse().unwrap(),
            address: [192, 0, 2, 9].into(),
            reach: *reach,
        };
        let peers: Vec<PeerFinding> = reaches.iter().enumerate().map(peer).collect();
        let found = judge_reached(&checkup(peers, &[]), &status(), |port| format!("open {port}"));
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.says.contains(says), "{found:?}");
        assert_eq!(found.fix.is_some_and(|fix| fix == "open 1288"), !matches!(verdict, Verdict::Ok | Verdict::Skip));
    }

    #[test]
    fn whether_a_peer_reaches_this_host_is_told_from_whether_it_answers() {
        use Reach::{OnlyAnswers, Reaches, Silent};
        check_reached(&[Reaches, Reaches, Reaches], Verdict::Ok, "3 of 3 peers asked reach UDP port 1288");
        check_reached(&[Reaches, Silent], Verdict::Ok, "(node-1 did not answer)");
        check_reached(
            &[OnlyAnswers],
            Verdict::Fail,
            "node-0 answers this host, and what it sends unasked does not arrive: UDP port 1288 is closed",
        );
        check_reached(
            &[OnlyAnswers, OnlyAnswers, Silent],
            Verdict::Fail,
            "node-0, node-1 answer this host, and what they send unasked",
        );
        check_reached(&[OnlyAnswers, Reaches], Verdict::Warn, "node-1 reaches UDP port 1288, and what node-0 sends");
        check_reached(&[Silent, Silent], Verdict::Fail, "no answer comes from node-0, node-1");
        check_reached(&[], Verdict::Skip, "no other host is known");
        let isolated = DaemonStatus { isolated: true, last_heard_hundredths: Some(1_234), ..status() };
        let found = judge_reached(&checkup(Vec::new(), &[]), &isolated, |_| String::new());
        assert_eq!((found.verdict, found.says.contains("12.4 s ago")), (Verdict::Fail, true), "{found:?}");
    }

    #[test]
    fn a_newcomer_that_hears_only_answers_has_a_closed_port_and_one_that_has_just_begun_may_not_have() {
        let answered = checkup(Vec::new(), &[("a:1", SeedState::Answers)]);
        let judge = |up_seconds, checkup: &Checkup| {
            judge_reached(checkup, &DaemonStatus { up_seconds, ..status() }, |port| format!("open {port}"))
        };
        let found = judge(3, &answered);
        assert_eq!((found.verdict, found.fix.as_deref()), (Verdict::Fail, Some("open 1288")), "{found:?}");
        assert!(found.says.contains("UDP port 1288 is closed here"), "{found:?}");
        assert_eq!(judge(2, &answered).verdict, Verdict::Skip);
        assert_eq!(judge(100, &checkup(Vec::new(), &[("a:1", SeedState::Refuses)])).verdict, Verdict::Skip);
    }

    fn peer(reach: Reach) -> Vec<PeerFinding> {
        vec![PeerFinding { name: "node-0".parse().unwrap(), address: [192, 0, 2, 9].into(), reach }]
    }

    #[test]
    fn a_peer_whose_daemon_is_gone_is_no_firewall() {
        for machine in ["node-0:1288", "192.0.2.9:1288"] {
            let gone = checkup(peer(Reach::Silent), &[(machine, SeedState::Refuses)]);
            let found = judge_reached(&gone, &status(), |_| String::new());
            assert_eq!(found.verdict, Verdict::Skip, "{found:?}");
        }
        let silent = checkup(peer(Reach::Silent), &[("node-0:1288", SeedState::Silent)]);
        assert_eq!(judge_reached(&silent, &status(), |_| String::new()).verdict, Verdict::Fail);
    }

    #[test]
    fn seeds_that_all_are_silent_beside_peers_that_reach_this_host_show_that_the_second_port_is_closed() {
        let closed = checkup(peer(Reach::Reaches), &[("a:1", SeedState::Silent)]);
        let found = judge_seeds(&closed, &status(), &MENDED, |port| format!("open {port}"));
        assert_eq!((found.verdict, found.fix.as_deref()), (Verdict::Fail, Some("open 1288")), "{found:?}");
        assert!(found.says.contains("port 1289 does not arrive"), "{found:?}");
        let refused = checkup(peer(Reach::Reaches), &[("a:1", SeedState::Refuses)]);
        let found = judge_seeds(&refused, &status(), &MENDED, |port| format!("open {port}"));
        assert_ne!(found.fix.as_deref(), Some("open 1288"), "{found:?}");
    }

    #[track_caller]
    fn check_seeds(states: &[(&str, SeedState)], verdict: Verdict, says: &str, fix: &str) {
        let reason = Reject::UnknownKey.as_str().to_owned();
        let rejects = vec![RejectCount { reason, count: 1, last_sender: Some([192, 0, 2, 5].into()) }];
        let status = DaemonStatus { rejects, ..status() };
        let found = judge_seeds(&checkup(Vec::new(), states), &status, &MENDED, |_| String::new());
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.says.contains(says), "{found:?}");
        assert!(found.fix.clone().unwrap_or_default().starts_with(fix), "{found:?}");
    }

    #[test]
    fn each_way_in_which_a_seed_does_not_answer_has_words_of_its_own() {
        use SeedState::{Answers, NotAsked, Own, Refuses, Silent, Unresolved};
        check_seeds(&[("a:1", Answers), ("b:1", Own), ("c:1", Answers)], Verdict::Ok, "2 of 2 machines", "");
        check_seeds(
            &[("a:1", Answers), ("b:1", NotAsked)],
            Verdict::Ok,
            "1 of 1 machines to start from answer; 1 more",
            "",
        );
        check_seeds(&[("b:1", Own)], Verdict::Warn, "m.txt names no other machine", "echo HOST >> m.txt && reload");
        check_seeds(&[], Verdict::Warn, "m.txt names no other machine", "echo");
        check_seeds(&[("a:1", Answers), ("b:1", Unresolved)], Verdict::Warn, "b:1 does not resolve", "getent hosts b;");
        check_seeds(&[("b:1", Refuses)], Verdict::Fail, "b:1 refuses", "ssh b systemctl start peermon");
        let refused = checkup(Vec::new(), &[("b:1", Refuses)]);
        let found = judge_seeds(&refused, &status(), &Mended { private: true, ..MENDED }, |_| String::new());
        assert!(found.fix.as_ref().unwrap().starts_with("peermon net up, or on b: "), "{found:?}");
        check_seeds(&[("[::1]:9", Silent)], Verdict::Fail, "[::1]:9 is silent (a firewall", "ssh ::1 peermon doctor");
        check_seeds(&[("192.0.2.5:1", Silent)], Verdict::Fail, "another key, or none", "ssh 192.0.2.5 ");
        check_seeds(&[("192.0.2.6:1", Silent)], Verdict::Fail, "a network with another key or name", "ssh 192.0.2.6 ");
        check_seeds(&[("a:1", Silent)], Verdict::Fail, "another key, as 192.0.2.5 has", "ssh a ");
    }
}
