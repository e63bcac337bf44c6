//! Who may not speak has no effect, but is counted.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::in_a_lab;
use super::world::{Host, Lab, key};

const SECOND: Duration = Duration::from_secs(1);

/// Looks again and again for `span`: it must hold all the time.
fn keeps(lab: &Lab, span: Duration, mut holds: impl FnMut(&Lab) -> Result<(), String>) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        if let Err(why) = holds(lab) {
            panic!("after {:.2?}: {why}", begin.elapsed());
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// The host at this place knows exactly those at `known`, in whatever state.
fn knows(lab: &Lab, place: usize, known: &[usize]) -> Result<(), String> {
    let table = lab[place].table().map_err(|error| error.to_string())?;
    let mut names: Vec<_> = table.hosts.iter().map(|host| host.name.to_string()).collect();
    names.sort();
    let mut wanted: Vec<_> = known.iter().map(|place| lab[*place].name.clone()).collect();
    wanted.sort();
    if names == wanted { Ok(()) } else { Err(format!("{} knows {names:?}", lab[place].name)) }
}

/// The host at this place has refused datagrams of the host at `sender` for `reason`, and `--status` shows it.
fn has_refused(lab: &Lab, place: usize, reasons: &[&str], sender: usize) -> Result<(), String> {
    let refused = |reason: &&str| lab[place].refused(reason) == Some(lab[sender].address);
    let output = lab[place].run(&["query", "--status"]);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if !reasons.iter().any(refused) {
        return Err(format!("{} does not refuse {} for {reasons:?}", lab[place].name, lab[sender].name));
    }
    let line = said.lines().find(|line| line.contains(&lab[sender].address.to_string()) && line.contains("last from"));
    line.map(|_| ()).ok_or(format!("--status does not say so:\n{said}"))
}

#[test]
fn a_sender_outside_valid_ips_is_refused_and_so_is_its_record_from_whoever_relays_it() {
    in_a_lab(|| {
        let mut lab = Lab::new(3);
        lab.seeds(3);
        lab[0].write_config("valid_ips.txt", "10.77.0.1\n10.77.0.2/32\n");
        let started = lab.start();
        lab.expect("the two that are valid know each other", SECOND, started, |lab| knows(lab, 0, &[0, 1]));
        lab.expect("the one between knows all", SECOND, started, |lab| knows(lab, 1, &[0, 1, 2]));
        lab.expect("the third is refused", SECOND * 2, started, |lab| has_refused(lab, 0, &["address"], 2));
        keeps(&lab, SECOND * 3, |lab| knows(lab, 0, &[0, 1]));
        assert!(lab[1].view_of("host-3").is_some_and(|view| view.state.is_offered()), "or there is nothing to relay");
    });
}

#[test]
fn valid_ips_that_are_narrower_after_a_hup_remove_a_host_within_an_interval() {
    in_a_lab(|| {
        let mut lab = Lab::new(4);
        lab.seeds(2);
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2, 3]));
        lab[0].write_config("valid_ips.txt", "10.77.0.1\n10.77.0.2\n10.77.0.3\n");
        lab[0].daemon().signal(Signal::SIGHUP);
        lab.expect("the fourth is gone", SECOND, Instant::now(), |lab| knows(lab, 0, &[0, 1, 2]));
        keeps(&lab, SECOND * 3, |lab| knows(lab, 0, &[0, 1, 2]));
        has_refused(&lab, 0, &["address"], 3).unwrap();
    });
}

/// Two hosts of one network and a third that `differs`: neither side takes anything from the other.
fn check_apart(differs: impl Fn(&mut [Host]), reasons: &[&str]) {
    let mut lab = Lab::new(3);
    lab.seeds(3);
    differs(lab.hosts_mut());
    let started = lab.start();
    lab.expect("the two know each other", SECOND, started, |lab| knows(lab, 0, &[0, 1]));
    lab.expect("the third is refused", SECOND * 2, started, |lab| has_refused(lab, 0, reasons, 2));
    lab.expect("and refuses", SECOND * 2, started, |lab| has_refused(lab, 2, reasons, 0));
    keeps(&lab, SECOND * 2, |lab| {
        knows(lab, 0, &[0, 1])?;
        knows(lab, 1, &[0, 1])?;
        knows(lab, 2, &[2])
    });
}

fn write_key(host: &Host, seed: u8) {
    host.write_secret("gossip.key", &key(seed));
}

/// A key that the receiver does not hold; or one whose id happens to be that of another.
const OTHER_KEY: &[&str] = &["unknown_key", "does_not_open"];

#[test]
fn hosts_with_another_key_have_no_effect() {
    in_a_lab(|| check_apart(|hosts| (1..).zip(hosts).for_each(|(seed, host)| write_key(host, seed / 3)), OTHER_KEY));
}

#[test]
fn hosts_without_a_key_have_no_effect_on_a_network_that_has_one_and_the_other_way_round() {
    in_a_lab(|| {
        check_apart(|hosts| hosts[..2].iter().for_each(|host| write_key(host, 1)), OTHER_KEY);
        check_apart(|hosts| write_key(&hosts[2], 1), OTHER_KEY);
    });
}

#[test]
fn hosts_of_a_network_with_another_name_have_no_effect_with_and_without_the_same_key() {
    in_a_lab(|| {
        check_apart(|hosts| hosts[2].give(&["--network", "other"]), OTHER_KEY);
        let same_key = |hosts: &mut [Host]| {
            hosts.iter().for_each(|host| write_key(host, 1));
            hosts[2].give(&["--network", "other"]);
        };
        check_apart(same_key, &["does_not_open"]);
    });
}
