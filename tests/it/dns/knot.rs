//! Knot DNS 3.2.

use super::server::Server;
use super::{SECRET, Updater, addresses, check_changed, key_block, lab};
use crate::command::check_failure;
use crate::skip;

/// What is packaged for knot.conf, with the test's folders, and a zone that takes nothing. `None`: there is no Knot.
fn knot() -> Option<Server> {
    let key = format!("key:\n  - id: peermon-key\n    algorithm: hmac-sha256\n    secret: {SECRET}\n");
    let configuration = include_str!("../../../packaging/dns/knot.conf")
        .replace("include: /etc/knot/peermon.key\n", &key)
        .replace("/var/lib/knot", "{D}")
        .replace("acl:\n  - id", "acl:\n  - id: transfers\n    action: transfer\n    address: 127.0.0.1\n  - id")
        .replace("acl: peermon", "acl: [peermon, transfers]");
    let closed = "  - domain: closed.test\n    file: {D}/closed.test.db\n    acl: transfers\n";
    Server::knot(&format!("{configuration}{closed}"), &["cs.example.edu", "closed.test"])
}

#[test]
fn knots_key_and_acl_lead_from_nothing_to_the_best_hosts_and_let_nothing_else_through() {
    let Some(mut server) = knot() else { return skip::because("no knotd here") };
    let updater = Updater::knowing(lab());
    let key = updater.private_file("line", &format!("hmac-sha256:peermon-key:{SECRET}"));
    let by_key = format!("--key-file {}", key.display());
    super::check_life(&server, &updater, "cs.example.edu", &by_key);

    let wrong = updater.private_file("wrong", &key_block("peermon-key", "hmac-sha256", &SECRET.replace('c', "d")));
    let unknown = updater.key("unknown", "hmac-sha256", SECRET);
    let run = |arguments: &str| updater.run(&format!("--server {} {arguments}", server.address()));
    for (zone, arguments, what) in [
        ("cs.example.edu", format!("--key-file {}", wrong.display()), "(BADSIG)"),
        ("cs.example.edu", format!("--key-file {}", unknown.display()), "(BADKEY)"),
        ("cs.example.edu", String::new(), "cs.example.edu (NOTAUTH)"),
        ("cs.example.edu", format!("--name other {by_key}"), "(BADKEY)"),
        ("closed.test", String::new(), "closed.test (NOTAUTH)"),
    ] {
        let before = server.records(zone);
        updater.now_knowing(lab().split_off(5));
        check_failure(&run(&format!("--zone {zone} {arguments}")), 6, what, "");
        assert_eq!(server.records(zone), before, "{zone} {arguments}");
    }

    server.kill();
    let outcome = updater.run(&format!("--server {} --zone cs.example.edu {by_key} --timeout 3", server.address()));
    check_failure(&outcome, 7, "no answer from 127.0.0.1", "");
    server.start_again();
    assert_eq!(server.set("peermon.cs.example.edu A"), addresses(&[1, 3, 4]));
    let outcome = updater.run(&format!("--server {} --zone cs.example.edu {by_key} -n 2", server.address()));
    check_changed(&outcome, "added 10.0.0.6 (node6), 10.0.0.7 (node7); removed 10.0.0.1");
}
