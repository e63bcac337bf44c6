//! Real daemons beside a real name server.

use std::process::Output;
use std::time::{Duration, Instant};

use super::alone_in_a_lab;
use super::world::Lab;
use crate::dns::server::Server;
use crate::skip;

const SECOND: Duration = Duration::from_secs(1);

/// Of the host that offers nothing and has the name server.
const COLLECTOR: usize = 8;

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_name_leads_to_the_best_hosts_forgets_the_dead_and_keeps_the_last_when_all_are_gone() {
    alone_in_a_lab(|| {
        let mut lab = Lab::new(COLLECTOR + 1);
        lab.seeds(1);
        lab[COLLECTOR].give(&["--collector"]);
        // Far enough apart that nothing is drawn and nothing comes near another: host-1 is the best.
        for (place, host) in lab.hosts_mut().iter_mut().enumerate() {
            let mut figures = host.figures;
            (figures.cores, figures.load, figures.memory_available_mib) = (4, place as f64 * 4.0, 8_192);
            host.set(figures);
        }
        let zone = "zone \"open.test\" { type primary; file \"{D}/open.test.db\"; allow-update { 127.0.0.1; }; };";
        let Some(server) = lab[COLLECTOR].network.within(|| Server::bind(zone, &["open.test"])) else {
            return skip::because("no named here");
        };
        let started = lab.start();
        let all: Vec<usize> = (0..COLLECTOR).collect();
        lab.expect("everybody knows everybody", SECOND * 2, started, |lab| lab.all_offer(&all));
        let address = server.address();
        let words = ["dns-update", "--zone", "open.test", "--n", "5", "--server", &address];
        let run = |lab: &Lab| lab[COLLECTOR].run(&words);
        let published = |lab: &Lab| lab[COLLECTOR].network.within(|| server.dig("peermon.open.test A"));
        let sorted = |lab: &Lab| {
            let mut addresses = published(lab);
            addresses.sort();
            addresses
        };
        let addresses = |places: [usize; 5]| places.map(|place| format!("10.77.0.{}", place + 1)).to_vec();

        // A young daemon waits for 2 T.
        let young = run(&lab);
        if young.status.code() != Some(0) {
            assert!(young.status.code() == Some(4) && said(&young).contains("the daemon started"), "{}", said(&young));
        }
        lab.expect("published", SECOND * 4, started, |lab| {
            let output = run(lab);
            if sorted(lab) == addresses([0, 1, 2, 3, 4]) { Ok(()) } else { Err(said(&output)) }
        });
        let quiet = run(&lab);
        assert_eq!((quiet.status.code(), said(&quiet).as_str()), (Some(0), ""));

        // Whoever asks gets the five in turn.
        let mut first = std::collections::BTreeSet::new();
        for _ in 0..200 {
            first.extend(published(&lab).first().cloned());
        }
        assert_eq!(first.into_iter().collect::<Vec<_>>(), addresses([0, 1, 2, 3, 4]));

        let killed = Instant::now();
        lab[0].kill();
        lab[3].kill();
        let rest = [1, 2, 4, 5, 6, 7];
        lab.expect("two are noticed", SECOND * 6, killed, |lab| lab.all_offer(&rest));
        let output = run(&lab);
        let what = said(&output);
        assert_eq!(output.status.code(), Some(0), "{what}");
        assert!(what.contains("added 10.77.0.6 (host-6), 10.77.0.7 (host-7); removed 10.77.0.1 (host-1: "), "{what}");
        assert_eq!(sorted(&lab), addresses([1, 2, 4, 5, 6]));

        let killed = Instant::now();
        rest.iter().for_each(|place| lab[*place].kill());
        lab.expect("all are noticed", SECOND * 12, killed, |lab| {
            let output = run(lab);
            let code = output.status.code();
            if code == Some(4) { Ok(()) } else { Err(format!("exit code {code:?}: {}", said(&output))) }
        });
        let last = sorted(&lab);
        assert_eq!(last.len(), 5);
        lab.expect("none is left", SECOND * 12, killed, |lab| lab.all_offer(&[]));
        let output = run(&lab);
        assert_eq!(output.status.code(), Some(4), "{}", said(&output));
        assert_eq!(sorted(&lab), last);
    });
}
