//! `peermon net up` of twenty hosts, each with an sshd, a home and a `/tmp` of its own.

use std::time::Instant;

use super::village::{Homes, Village};

const HOSTS: usize = 20;

/// What is aimed at, copy included.
const GOAL_SECONDS: f64 = 15.0;

pub fn up_of_twenty() -> bool {
    println!("peermon net over {HOSTS} hosts with an sshd each, all on this machine: seconds");
    println!("{:<52} {:>9} {:>9}", "", "separate", "shared");
    let mut columns = Vec::new();
    for homes in [Homes::Separate, Homes::Shared] {
        let Some(village) = Village::new(HOSTS, homes) else {
            println!("not here: it needs root, namespaces, ssh and sshd\n");
            return true;
        };
        let timed = |line: &str| {
            let begin = Instant::now();
            village.does("ada", line);
            begin.elapsed().as_secs_f64()
        };
        let up = format!("peermon net up {}", village.names());
        columns.push([timed(&up), timed(&up), timed("peermon net status"), timed("peermon net down")]);
    }
    let rows = ["up, with the copy, until all see each other", "up again: nothing to do", "status", "down"];
    for (row, name) in rows.iter().enumerate() {
        let goal = match (row, columns[0][0].max(columns[1][0]) <= GOAL_SECONDS) {
            (0, true) => "   goal 15: reached",
            (0, false) => "   goal 15: NOT reached",
            (_, _) => "",
        };
        println!("{name:<52} {:>9.2} {:>9.2}{goal}", columns[0][row], columns[1][row]);
    }
    println!();
    true
}
