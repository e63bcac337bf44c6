//! What the log tells an operator.

use std::net::UdpSocket;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::in_a_lab;
use super::world::Lab;

const SECOND: Duration = Duration::from_secs(1);

/// The log of the host at `place` says all of `parts`, in this order, on lines of its own.
fn tells(lab: &Lab, place: usize, parts: &[&str]) -> Result<(), String> {
    let log = lab[place].log();
    let mut lines = log.lines();
    for part in parts {
        if !lines.any(|line| line.contains(part)) {
            return Err(format!("not (in its place): {part}"));
        }
    }
    Ok(())
}

#[test]
fn a_log_tells_who_joined_left_and_was_lost_when_the_host_was_alone_and_when_it_stops() {
    in_a_lab(|| {
        let mut lab = Lab::new(4);
        lab.seeds(1);
        let started = lab.start();
        lab.expect("everybody knows everybody", SECOND, started, |lab| lab.all_offer(&[0, 1, 2, 3]));
        let mut story = vec![" INFO started: host-1 at 10.77.0.1:1288, network default, interval 1 s, open"];
        lab.expect("joined", SECOND, started, |lab| {
            ["host-2 (10.77.0.2:1288)", "host-3 (10.77.0.3:1288)", "host-4 (10.77.0.4:1288)"]
                .iter()
                .try_for_each(|who| tells(lab, 0, &[story[0], &format!(" INFO joined: {who}")]))
        });
        thread::sleep(SECOND);

        lab[1].daemon().signal(Signal::SIGTERM);
        story.push(" INFO left: host-2 (10.77.0.2:1288)");
        lab.expect("left", SECOND * 2, Instant::now(), |lab| tells(lab, 0, &story));

        lab[2].kill();
        story.push(" INFO suspected: host-3 (10.77.0.3:1288)");
        lab.expect("suspected", SECOND * 6, Instant::now(), |lab| tells(lab, 0, &story));
        story.push(" INFO lost: host-3 (10.77.0.3:1288)");
        lab.expect("lost", SECOND * 7, Instant::now(), |lab| tells(lab, 0, &story));

        lab.split(&[&[0]]);
        story.push(" WARN isolated: ");
        lab.expect("isolated", SECOND * 12, Instant::now(), |lab| tells(lab, 0, &story));
        assert!(lab[0].status().unwrap().isolated);
        lab.join(1);
        story.push(" INFO reconnected: ");
        lab.expect("reconnected", SECOND * 7, Instant::now(), |lab| tells(lab, 0, &story));

        lab[0].daemon().signal(Signal::SIGTERM);
        story.push(" INFO stopping");
        lab.expect("stopping", SECOND, Instant::now(), |lab| tells(lab, 0, &story));
        assert!(lab[0].log().lines().count() < 25, "a story is short");
        assert_eq!(lab[0].out(), "");
    });
}

#[test]
fn however_much_is_refused_the_log_sums_it_up_in_one_line_a_minute() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab[0].write_config("machines.txt", "");
        lab[0].start();
        let started = Instant::now();
        lab.expect("it answers", SECOND, started, |lab| lab.all_offer(&[0]));
        let before = lab[0].log().lines().count();
        let sender = lab[1].network.within(|| UdpSocket::bind(("0.0.0.0", 0))).unwrap();
        let mut sent = 0;
        // A little longer than the pause between two such lines.
        while started.elapsed() < SECOND * 62 {
            sender.send_to(b"GET / HTTP/1.1\r\n\r\n", (lab[0].address, 1288)).unwrap();
            sent += 1;
            thread::sleep(Duration::from_millis(5));
        }
        let log = lab[0].log();
        let lines: Vec<&str> = log.lines().skip(before).collect();
        assert_eq!(lines.len(), 1, "{sent} datagrams: {lines:?}");
        let [line] = lines[..] else { unreachable!() };
        assert!(line.contains(" INFO refused datagrams since the last such line: "), "{line}");
        assert!(line.contains(" not_ours (last from 10.77.0.2)"), "{line}");
        let (_, counted) = line.split_once("line: ").unwrap();
        let counted: u32 = counted.split(' ').next().unwrap().parse().unwrap();
        assert!((1_000..=sent).contains(&counted), "{counted} of {sent}");
        assert!(lab[0].status().unwrap().rejects[0].count >= u64::from(counted));
    });
}
