//! What the table says of the hosts: two that are taken for one, one that is there twice, versions and intervals that
//! differ.

use std::collections::BTreeMap;

use super::check::Check;
use super::facts::{Facts, Running};
use super::{NO_DAEMON, OLD_DAEMON};
use crate::model::{HostName, HostState, HostView, IntervalInUse, PeerFinding, Reach, RejectCount};
use crate::render::doctor::Finding;
use crate::session::Reject;

/// Names that are told of one thing; the others are counted.
const NAMES_MAX: usize = 3;

/// A daemon that began less than this ago may still be taken for its former life by others.
const NEW_SECONDS: u64 = 10;

pub(super) fn twins(facts: &Facts) -> Finding {
    let Ok(running) = &facts.running else { return Check::Twins.skip(NO_DAEMON) };
    match taken_for_another(running) {
        Some(peer) => Check::Twins.fail(
            format!(
                "what {peer} sends here is meant for another daemon with the address {}: a cloned machine, or one address given twice",
                running.status.address
            ),
            UNCLONE,
        ),
        None => judge_twins(running.status.twin, &running.table.hosts),
    }
}

/// What makes a clone a machine of its own. Many DHCP servers go by the machine id.
const UNCLONE: &str =
    "on the clone: rm /etc/machine-id && systemd-machine-id-setup; give it an address and a name of its own; reboot";

/// A peer whose datagrams come here and are sealed for another session than this daemon's: it has learned of another
/// daemon with this host's address, and believes that one.
pub(super) fn taken_for_another(running: &Running) -> Option<&HostName> {
    let peers = &running.checkup.as_ref()?.peers;
    let before = refusals(&running.refused_before).map_or(0, |reject| reject.count);
    let after = refusals(&running.status.rejects).filter(|reject| reject.count > before)?;
    let is_old = running.status.up_seconds >= NEW_SECONDS;
    let unheard = |peer: &&PeerFinding| peer.reach == Reach::OnlyAnswers && after.last_sender == Some(peer.address);
    peers.iter().filter(|_| is_old).find(unheard).map(|peer| &peer.name)
}

fn refusals(rejects: &[RejectCount]) -> Option<&RejectCount> {
    rejects.iter().find(|reject| reject.reason == Reject::DoesNotOpen.as_str())
}

fn is_living(host: &HostView) -> bool {
    match host.state {
        HostState::Fresh | HostState::Late | HostState::Suspect => true,
        HostState::Left | HostState::Dead => false,
    }
}

/// A cloned machine shows in one of three ways: it speaks with this host's own address, or with another's name, or it is
/// an honest host with an address and a name of its own.
fn judge_twins(has_twin: bool, hosts: &[HostView]) -> Finding {
    let living: Vec<&HostView> = hosts.iter().filter(|host| is_living(host)).collect();
    if has_twin {
        return Check::Twins.fail(
            "another daemon speaks with this host's address and port: a cloned machine, or one address given twice",
            UNCLONE,
        );
    }
    let mut by_name: BTreeMap<&str, Vec<&HostView>> = BTreeMap::new();
    let mut by_address: BTreeMap<_, Vec<&HostView>> = BTreeMap::new();
    for host in &living {
        by_name.entry(host.name.as_str()).or_default().push(host);
        by_address.entry(host.address).or_default().push(host);
    }
    if let Some((name, twins)) = by_name.iter().find(|(_, twins)| is_of_several_addresses(twins)) {
        let places: Vec<String> = twins.iter().map(|host| place(host)).collect();
        let last = twins.last().map_or(String::new(), |host| host.address.to_string());
        return Check::Twins.fail(
            format!("{} hosts are called {name} ({}): who is sent there may land on the other", twins.len(), some(&places)),
            format!("ssh {last} hostnamectl set-hostname NAME; or name = \"NAME\" in [host] of its peermon.toml; then restart peermon there"),
        );
    }
    if let Some((address, twins)) = by_address.iter().find(|(_, twins)| twins.len() > 1) {
        let places: Vec<String> = twins.iter().map(|host| format!("{} at {}", host.name, place(host))).collect();
        return Check::Twins.warn(
            format!("one machine is there {} times ({}): its cores are counted as often", twins.len(), some(&places)),
            format!("stop all but one daemon there (ssh {address} pgrep -a peermon), or give each its own --network"),
        );
    }
    Check::Twins.ok(match living.len() {
        1 => "the only host: nobody has its name or its address".to_owned(),
        count => format!("{count} hosts, each with a name and an address of its own"),
    })
}

fn is_of_several_addresses(hosts: &[&HostView]) -> bool {
    hosts.iter().any(|host| host.address != hosts[0].address)
}

fn place(host: &HostView) -> String {
    std::net::SocketAddr::new(host.address, host.port).to_string()
}

/// The first of them, and how many more there are.
fn some(all: &[String]) -> String {
    let shown = all.iter().take(NAMES_MAX).map(String::as_str).collect::<Vec<_>>().join(", ");
    match all.len().saturating_sub(NAMES_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

pub(super) fn mixture(facts: &Facts) -> Finding {
    let Ok(running) = &facts.running else { return Check::Mixture.skip(NO_DAEMON) };
    let own = env!("CARGO_PKG_VERSION");
    if &*running.status.software != own {
        return Check::Mixture.warn(
            format!("this is peermon {own}, and the daemon here is still {}", running.status.software),
            facts.restart(),
        );
    }
    match &running.checkup {
        Some(checkup) => judge_mixture(&running.table.hosts, &checkup.intervals),
        None => Check::Mixture.skip(OLD_DAEMON),
    }
}

fn judge_mixture(hosts: &[HostView], intervals: &[IntervalInUse]) -> Finding {
    let mut versions: BTreeMap<&str, Vec<&HostView>> = BTreeMap::new();
    for host in hosts.iter().filter(|host| is_living(host)) {
        versions.entry(&host.software).or_default().push(host);
    }
    if versions.len() > 1 {
        let kinds: Vec<String> = versions
            .iter()
            .map(|(version, hosts)| format!("{version} on {} (as {})", count_of(hosts.len()), hosts[0].name))
            .collect();
        let (_, few) = versions.iter().min_by_key(|(_, hosts)| hosts.len()).expect("there are several");
        return Check::Mixture.warn(
            format!("hosts run different versions: {}", some(&kinds)),
            format!(
                "install one version, beginning with {}; peermon query --all --fields name,version shows each",
                few[0].name
            ),
        );
    }
    if intervals.len() > 1 {
        let seconds = |interval: &IntervalInUse| f64::from(interval.hundredths) / 100.0;
        let kinds: Vec<String> = intervals
            .iter()
            .map(|interval| {
                let hosts = count_of(usize::try_from(interval.hosts).unwrap_or(usize::MAX));
                format!("{} s on {hosts} (as {})", seconds(interval), interval.example)
            })
            .collect();
        let most = intervals.iter().max_by_key(|interval| interval.hosts).expect("there are several");
        return Check::Mixture.warn(
            format!("hosts tell their load at different intervals: {}", some(&kinds)),
            format!("interval = {} in [gossip] of each peermon.toml, then restart peermon there", seconds(most)),
        );
    }
    let version = versions.keys().next().copied().unwrap_or("unknown");
    let interval = intervals.first().map_or(String::new(), |interval| {
        format!(", and tell their load every {} s", f64::from(interval.hundredths) / 100.0)
    });
    Check::Mixture.ok(format!("all hosts run {version}{interval}"))
}

fn count_of(hosts: usize) -> String {
    if hosts == 1 { "1 host".to_owned() } else { format!("{hosts} hosts") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Endpoint;
    use crate::render::doctor::Verdict;

    fn host(number: u8, name: &str) -> HostView {
        let endpoint = Endpoint { address: [192, 0, 2, number].into(), port: 1288, salt: 0 };
        HostView {
            id: endpoint.id(),
            name: name.parse().unwrap(),
            address: endpoint.address,
            addresses: vec![endpoint.address],
            port: endpoint.port,
            state: HostState::Fresh,
            age_hundredths: 0,
            load1_hundredths: Some(1),
            pending_hundredths: 0,
            cores: Some(4),
            memory_available_mib: Some(1),
            memory_total_mib: Some(2),
            uptime_seconds: None,
            collector: false,
            labels: Vec::new(),
            software: "2.0.0".into(),
        }
    }

    #[track_caller]
    fn check_twins(hosts: &[HostView], verdict: Verdict, says: &str) {
        let found = judge_twins(false, hosts);
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.says.contains(says), "{found:?}");
    }

    #[test]
    fn two_hosts_of_one_name_and_one_host_twice_are_told_apart() {
        check_twins(&[host(1, "a"), host(2, "b")], Verdict::Ok, "2 hosts");
        check_twins(&[host(1, "a")], Verdict::Ok, "the only host");
        check_twins(
            &[host(1, "a"), host(2, "a")],
            Verdict::Fail,
            "2 hosts are called a (192.0.2.1:1288, 192.0.2.2:1288)",
        );
        let second = HostView { port: 1300, ..host(1, "a") };
        check_twins(
            &[host(1, "a"), second],
            Verdict::Warn,
            "one machine is there 2 times (a at 192.0.2.1:1288, a at 192.0.2.1:1300)",
        );
        let other = HostView { port: 1300, ..host(1, "b") };
        check_twins(&[host(1, "a"), other], Verdict::Warn, "one machine is there 2 times");
        let gone = HostView { state: HostState::Dead, ..host(2, "a") };
        check_twins(&[host(1, "a"), gone], Verdict::Ok, "the only host");
        assert_eq!(judge_twins(true, &[host(1, "a")]).verdict, Verdict::Fail);
    }

    #[test]
    fn many_are_counted_and_not_listed() {
        let hosts: Vec<HostView> = (1..=9).map(|number| host(number, "a")).collect();
        check_twins(
            &hosts,
            Verdict::Fail,
            "9 hosts are called a (192.0.2.1:1288, 192.0.2.2:1288, 192.0.2.3:1288 and 6 more)",
        );
    }

    #[test]
    fn versions_and_intervals_that_differ_are_named_with_a_host_that_has_them() {
        let interval = |hundredths, hosts| IntervalInUse { hundredths, hosts, example: "c".parse().unwrap() };
        let hosts = [host(1, "a"), host(2, "b"), HostView { software: "1.9".into(), ..host(3, "c") }];
        let found = judge_mixture(&hosts, &[interval(2_000, 3)]);
        assert_eq!(found.verdict, Verdict::Warn);
        assert!(found.says.ends_with("1.9 on 1 host (as c), 2.0.0 on 2 hosts (as a)"), "{found:?}");
        assert!(found.fix.unwrap().contains("beginning with c;"));
        let found = judge_mixture(&hosts[..2], &[interval(50, 1), interval(2_000, 2)]);
        assert!(found.says.ends_with("0.5 s on 1 host (as c), 20 s on 2 hosts (as c)"), "{found:?}");
        assert!(found.fix.unwrap().starts_with("interval = 20 in"));
        let found = judge_mixture(&hosts[..2], &[interval(2_000, 2)]);
        assert_eq!(
            (found.verdict, found.says.as_str()),
            (Verdict::Ok, "all hosts run 2.0.0, and tell their load every 20 s")
        );
    }
}
