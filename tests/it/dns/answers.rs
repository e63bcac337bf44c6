//! What servers say and don't say: each told apart in words, with a hint and an exit code, and nothing changed.

use std::time::Instant;

use domain::base::iana::Rcode;

use super::fake_server::{Act, FakeServer, Manners};
use super::{SECRET, Updater, check_changed, lab};
use crate::command::{Outcome, check_failure};

/// Of another key.
const OTHER_SECRET: &str = "YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzLCB5ZXM=";

/// One run with the key `k` against a server of these manners.
fn run(manners: Manners, arguments: &str) -> (Outcome, FakeServer) {
    let server = FakeServer::with(manners);
    let updater = Updater::knowing(lab());
    let key = updater.key("k", "hmac-sha256", SECRET);
    let patience = if arguments.contains("--timeout") { "" } else { "--timeout 0.4" };
    let outcome = updater.run(&format!(
        "--zone lab.test --server {} --key-file {} {patience} {arguments}",
        server.address,
        key.display()
    ));
    (outcome, server)
}

/// Checks that a run against a server of these manners fails with these words, and that no update was made.
#[track_caller]
fn check(manners: Manners, code: i32, what: &str, hint: &str) {
    let said = format!("{manners:?}");
    let (outcome, server) = run(manners, "");
    eprintln!("{said}");
    check_failure(&outcome, code, what, hint);
    assert_eq!(server.made(), 0, "{said}");
    assert!(outcome.stderr.starts_with("peermon dns-update: "), "{outcome:?}");
}

fn to_queries(act: Act) -> Manners {
    Manners { to_queries: vec![act], ..Manners::good() }
}

fn to_updates(act: Act) -> Manners {
    Manners { to_updates: vec![act], ..Manners::good() }
}

#[test]
fn each_code_of_a_server_has_words_a_hint_and_an_exit_code_of_its_own() {
    for (code, exit, what, hint) in [
        (Rcode::REFUSED, 6, "refuses (REFUSED)", "update-policy or allow-update"),
        (Rcode::NOTIMP, 6, "refuses (NOTIMP)", "takes dynamic updates"),
        (Rcode::NOTAUTH, 6, "is not authoritative for the zone lab.test (NOTAUTH)", "--server its primary"),
        (Rcode::NOTZONE, 2, "the name is not in the zone lab.test (NOTZONE)", "is --zone the zone"),
        (Rcode::SERVFAIL, 7, "cannot do it now (SERVFAIL)", "not writable"),
        (Rcode::FORMERR, 1, "answers FORMERR", "log"),
    ] {
        check(to_queries(Act::Code(code)), exit, what, hint);
        check(to_updates(Act::Code(code)), exit, what, hint);
    }
    check(to_updates(Act::Code(Rcode::NXDOMAIN)), 2, "knows no such name (NXDOMAIN)", "is --zone the zone");
    check(to_queries(Act::FromCache), 6, "is not authoritative for the zone lab.test", "--server its primary");
}

#[test]
fn a_wrong_key_a_wrong_secret_and_a_wrong_clock_are_told_apart_and_the_clock_by_seconds() {
    let secret = |secret| Manners { secret, ..Manners::good() };
    check(secret(None), 6, "does not know the key 'k' (BADKEY)", "of the same name");
    check(secret(Some(OTHER_SECRET)), 6, "has another secret for the key 'k' (BADSIG)", "copy the key file");
    for (ahead, said) in [(1_000, "s ahead of this one (BADTIME)"), (-1_000, "s behind this one (BADTIME)")] {
        let (outcome, _) = run(Manners { ahead, ..Manners::good() }, "");
        check_failure(&outcome, 6, said, "NTP");
        let seconds: i64 = outcome.stderr.split(" is ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
        assert!((998..=1_002).contains(&seconds), "{outcome:?}");
    }
}

#[test]
fn what_cannot_be_believed_is_a_forged_answer_whatever_is_wrong_with_it() {
    for (act, what) in [
        (Act::Unsigned, "it says NOERROR and is not signed"),
        (Act::ForgedSignature, "its signature is wrong"),
        (Act::OldSignature, "it was signed at another time"),
        (Act::OtherId, "it answers another message"),
        (Act::OtherQuestion, "it answers another question"),
        (Act::Question, "it is no answer"),
        (Act::Stump, "it is not a DNS message"),
    ] {
        check(to_queries(act), 7, what, "is --server the primary itself");
        check(to_updates(act), 7, "only a forged answer from 127.0.0.1", "does it know the key");
    }
}

#[test]
fn a_forged_answer_does_not_keep_the_right_one_away() {
    let acts = vec![Act::ForgedThenWell];
    let (outcome, server) = run(Manners { to_queries: acts.clone(), to_updates: acts, ..Manners::good() }, "-n 1");
    check_changed(&outcome, "peermon.lab.test: added 10.0.0.1 (node1); removed 192.0.2.99");
    assert_eq!(server.made(), 1);
}

#[test]
fn a_truncated_answer_is_asked_for_by_tcp_and_an_error_where_that_does_not_help() {
    let cut = |by_tcp| Manners { by_tcp, ..to_queries(Act::Truncated) };
    let (outcome, _) = run(cut(Some(Act::Well)), "-n 1");
    check_changed(&outcome, "added 10.0.0.1 (node1)");
    let (outcome, server) = run(Manners { by_tcp: Some(Act::Well), ..to_updates(Act::Truncated) }, "-n 1");
    check_changed(&outcome, "added 10.0.0.1 (node1)");
    assert_eq!(server.made(), 1);
    check(cut(None), 7, "truncates its answer", "TCP");
    check(cut(Some(Act::Truncated)), 7, "it is truncated there too", "TCP");
    check(cut(Some(Act::Unsigned)), 7, "only a forged answer", "");
    check(cut(Some(Act::Code(Rcode::REFUSED))), 6, "refuses (REFUSED)", "");
}

#[test]
fn silence_is_asked_again_with_growing_waits_until_the_time_is_over() {
    let begin = Instant::now();
    let (outcome, server) = run(to_queries(Act::Silence), "--timeout 1.8s");
    check_failure(&outcome, 7, "no answer from 127.0.0.1", "primary server");
    let took = begin.elapsed().as_secs_f64();
    // At once, after 0.5 s, and 1 s later.
    assert_eq!(server.came(), (3, 0));
    assert!((1.8..18.0).contains(&took), "{took} s");
    let once = vec![Act::Silence, Act::Well];
    let manners = Manners { to_queries: once.clone(), to_updates: once, ..Manners::good() };
    check_changed(&run(manners, "-n 1 --timeout 10").0, "added 10.0.0.1 (node1)");
    check(to_updates(Act::Silence), 7, "no answer from 127.0.0.1", "");
}

#[test]
fn a_lost_race_is_run_once_more_and_then_given_up() {
    for code in [Rcode::NXRRSET, Rcode::YXRRSET] {
        let manners = Manners { to_updates: vec![Act::Code(code), Act::Well], ..Manners::good() };
        let (outcome, server) = run(manners, "-n 1");
        check_changed(&outcome, "added 10.0.0.1 (node1)");
        assert_eq!(server.came(), (4, 2));
        let (outcome, server) = run(to_updates(Act::Code(code)), "-n 1");
        check_failure(&outcome, 1, "somebody else changed peermon.lab.test at the same time, 2 times", "next run");
        assert_eq!((server.came().1, server.made()), (2, 0));
    }
}
