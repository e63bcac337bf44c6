//! The address that others are told of this host.

use std::net::IpAddr;

use super::check::Check;
use super::facts::Facts;
use super::files::Read;
use crate::config::DaemonSettings;
use crate::config::machines::Machine;
use crate::model::NetworkList;
use crate::os::addresses::{self, Wish};
use crate::render::doctor::Finding;

/// What is known of an address.
struct Seen<'a> {
    address: IpAddr,
    /// It is a loopback address, and somebody asked for it.
    is_wanted_loopback: bool,
    /// The interface that has it.
    interface: Option<String>,
    valid: Option<&'a NetworkList>,
}

/// The address that others are told, or would be; `None`: the settings cannot be read. An error says why there is none.
pub(super) fn own(facts: &Facts, read: &Read) -> Option<Result<IpAddr, String>> {
    match (&facts.running, &facts.settings) {
        (Ok(running), _) => Some(Ok(running.status.address)),
        (Err(_), Ok(settings)) => Some(would_advertise(settings, read)),
        (Err(_), Err(_)) => None,
    }
}

pub(super) fn judge(facts: &Facts, read: &Read) -> Finding {
    let address = match own(facts, read) {
        Some(Ok(address)) => address,
        Some(Err(why)) => {
            return Check::Address.fail(why, "ip address; then --advertise or --interface, or [host] in peermon.toml");
        }
        None => return Check::Address.skip("its settings cannot be read"),
    };
    let bound = match (&facts.running, &facts.settings) {
        (Ok(running), _) => running.checkup.as_ref().and_then(|checkup| checkup.bound),
        (Err(_), Ok(settings)) => settings.advertise.filter(IpAddr::is_loopback),
        (Err(_), Err(_)) => None,
    };
    let locals = addresses::local();
    let interface = locals.iter().find(|local| local.address == address).map(|local| local.interface.clone());
    let valid = read.valid_ips.as_ref().ok().map(|(list, _)| list);
    let seen = Seen { address, is_wanted_loopback: bound == Some(address), interface, valid };
    let file = facts.files.valid_ips.path().display().to_string();
    judge_seen(&seen, &file, &facts.reload(), &facts.restart())
}

/// What a daemon would tell others, as far as it can be said without the name service.
fn would_advertise(settings: &DaemonSettings, read: &Read) -> Result<IpAddr, String> {
    let wish = match (settings.advertise, &settings.interface) {
        (Some(address), _) => Wish::Address(address),
        (None, Some(interface)) => Wish::Interface(interface.clone()),
        (None, None) => Wish::Any,
    };
    let machines = read.machines.as_ref().ok().and_then(|(machines, _)| machines.as_deref()).unwrap_or_default();
    let peers = machines.iter().filter_map(|machine| match machine {
        Machine::Address(address) => Some(*address),
        Machine::Name(..) => None,
    });
    let peers: Vec<_> = peers.collect();
    let told = addresses::choose(&wish, &peers, settings.port.get()).map_err(|error| error.to_string())?;
    Ok(told.address)
}

fn judge_seen(seen: &Seen<'_>, valid_ips: &str, reload: &str, restart: &str) -> Finding {
    let Seen { address, is_wanted_loopback, interface, valid } = seen;
    if address.is_unspecified() {
        return Check::Address.skip("this host has not told others an address yet");
    }
    if address.is_loopback() && *is_wanted_loopback {
        return Check::Address.warn(
            format!("{address} was asked for: only daemons of this machine take part"),
            format!("for a network of several machines: {restart}, without --advertise"),
        );
    }
    if address.is_loopback() {
        return Check::Address.fail(
            format!("others are told {address}, which is themselves: this host found no other address at its start"),
            format!("ip address; set advertise = \"IP\" in [host] of peermon.toml, then {restart}"),
        );
    }
    let Some(interface) = interface else {
        return Check::Address.fail(
            format!("others are told {address}, and no interface of this host has it"),
            format!("ip address; mend advertise in [host] of peermon.toml or --advertise, then {restart}"),
        );
    };
    if valid.is_some_and(|list| !list.accepts(*address)) {
        return Check::Address.fail(
            format!("this host's own address {address} is not in {valid_ips}: hosts with the same file refuse it"),
            format!("echo {address} >> {valid_ips} && {reload}; likewise on the other hosts"),
        );
    }
    let accepted = match valid {
        Some(list) if list.is_empty() => ", all addresses are accepted",
        Some(_) => ", accepted by valid_ips",
        None => "",
    };
    Check::Address.ok(format!("{address} on {interface}{accepted}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::render::doctor::Verdict;

    #[track_caller]
    fn check(address: &str, wanted: bool, interface: Option<&str>, prefix: Option<&str>, verdict: Verdict, says: &str) {
        let list = NetworkList::new(prefix.map(|line| NetworkList::parse_line(line).unwrap()).into_iter().collect());
        let seen = Seen {
            address: address.parse().unwrap(),
            is_wanted_loopback: wanted,
            interface: interface.map(str::to_owned),
            valid: Some(&list),
        };
        let found = judge_seen(&seen, "v.txt", "reload", "restart");
        assert_eq!(found.verdict, verdict, "{found:?}");
        assert!(found.says.contains(says), "{found:?}");
    }

    #[test]
    fn an_address_is_real_on_an_interface_and_accepted() {
        check("192.0.2.1", false, Some("eth0"), None, Verdict::Ok, "192.0.2.1 on eth0, all addresses");
        check("192.0.2.1", false, Some("eth0"), Some("192.0.2"), Verdict::Ok, "accepted by valid_ips");
        check("192.0.2.1", false, Some("eth0"), Some("192.0.3"), Verdict::Fail, "is not in v.txt");
        check("192.0.2.1", false, None, None, Verdict::Fail, "no interface of this host has it");
        check("127.0.0.1", false, Some("lo"), None, Verdict::Fail, "which is themselves");
        check("127.0.0.3", true, None, None, Verdict::Warn, "was asked for");
        check("0.0.0.0", false, None, None, Verdict::Skip, "not told");
    }
}
