//! Who is on the way, as a real daemon counts it.

use std::time::Duration;

use super::in_a_lab;
use super::world::Lab;

/// The first two hosts of a lab.
const HERE: &str = "host-1";
const THERE: &str = "host-2";

/// What the daemon of the host at `place` counts on the way to `name`, in hundredths, and the load beside it.
fn pending(lab: &Lab, place: usize, name: &str) -> (u32, Option<u32>) {
    let view = lab[place].view_of(name).expect("they know each other");
    (view.pending_hundredths, view.load1_hundredths)
}

#[track_caller]
fn run(lab: &Lab, words: &str) {
    let output = lab[0].run(&words.split(' ').collect::<Vec<_>>());
    assert!(output.status.success(), "{words}: {output:?}");
}

#[test]
fn who_goes_somewhere_is_counted_there_by_the_daemon_that_was_asked_and_the_load_stays_as_it_was_said() {
    in_a_lab(|| {
        let mut lab = Lab::new(2);
        lab.seeds(1);
        lab[0].variables.push(("PEERMON_SSH".into(), "true".into()));
        let started = lab.start();
        lab.expect("both know each other", Duration::from_secs(2), started, |lab| lab.all_offer(&[0, 1]));
        let load = pending(&lab, 0, THERE).1;

        for looking in [
            "ssh -i",
            "ssh --print --no-probe",
            "ssh --no-probe --no-pending",
            "query",
            "mpigen -i",
            "mpigen --no-pending -",
        ] {
            run(&lab, looking);
        }
        assert_eq!((pending(&lab, 0, HERE).0, pending(&lab, 0, THERE)), (0, (0, load)));

        for _ in 0..3 {
            run(&lab, "ssh --no-probe --exclude host-1");
        }
        let (counted, said) = pending(&lab, 0, THERE);
        assert!((200..=300).contains(&counted), "three, a moment ago: {counted}");
        assert_eq!(said, load);
        // Another daemon knows nothing of it.
        assert_eq!((pending(&lab, 0, HERE).0, pending(&lab, 1, THERE)), (0, (0, load)));

        // However much somebody says: four for each core, of which there are 16.
        run(&lab, "mpigen -s 65536 --exclude host-1 -");
        let (counted, said) = pending(&lab, 0, THERE);
        assert!((6_000..=6_400).contains(&counted), "{counted}");
        assert_eq!(said, load);
    });
}
