//! `peermon net` over real sshds, each host in namespaces of its own.

mod village;

use village::{Homes, Village};

#[test]
fn three_hosts_come_up_say_so_and_go_down_again() {
    let Some(village) = Village::new(3, Homes::Separate) else { return };
    let up = village.types("ada", "peermon net up node1 node2 node3");
    eprintln!("{up:?}");
    assert_eq!(up.code, Some(0), "{up:?}");
    for host in 1..=3 {
        assert_eq!(village.daemons(host, "ada").len(), 1);
    }
    let status = village.types("ada", "peermon net status");
    eprintln!("{}\n{}", status.stdout, status.stderr);
    let down = village.types("ada", "peermon net down");
    eprintln!("{down:?}");
    assert_eq!(down.code, Some(0), "{down:?}");
    for host in 1..=3 {
        assert_eq!(village.daemons(host, "ada").len(), 0);
    }
}
