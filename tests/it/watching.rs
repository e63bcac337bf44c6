//! `peermon query` on a terminal, and `--watch`.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use peermon::model::HostState;

use crate::command::{Outcome, Place, binary};
use crate::fake_daemon::{Answer, FakeDaemon, table};
use crate::rows::host;
use crate::skip;

/// What comes out of a shell command that runs on a terminal of 10 lines; `None` where there is no `script` to make one.
fn on_terminal(place: &Place, command: &str) -> Option<String> {
    let mut script = place.program("script", "--quiet --return --command");
    let output = script.arg(format!("stty rows 10 cols 60; {command}")).arg("/dev/null").env("TERM", "xterm").output();
    let Ok(output) = output else {
        skip::because("needs script (bsdutils)");
        return None;
    };
    Some(Outcome::from(output).stdout.replace("\r\n", "\n"))
}

fn query(daemon: &FakeDaemon, arguments: &str) -> String {
    format!("{} query {arguments} --socket {}", binary().display(), daemon.socket().display())
}

#[test]
fn a_terminal_gets_the_table_in_colour_unless_no_color_is_set() {
    let late = peermon::model::HostView { state: HostState::Late, ..host("late") };
    let daemon = FakeDaemon::knowing(vec![host("a"), late]);
    let Some(colour) = on_terminal(&Place::new(), &query(&daemon, "")) else { return };
    assert!(colour.starts_with("\x1b[1mNAME\x1b[0m"), "{colour:?}");
    assert!(colour.contains("\x1b[33mlate\x1b[0m"), "{colour:?}");
    for plain in ["NO_COLOR=1", "TERM=dumb"] {
        let text = on_terminal(&Place::new(), &format!("{plain} {}", query(&daemon, ""))).unwrap();
        assert!(text.starts_with("NAME  STATE") && !text.contains('\x1b'), "{plain}: {text:?}");
    }
    let names = on_terminal(&Place::new(), &query(&daemon, "--output names")).unwrap();
    assert_eq!(names, "a\nlate\n");
}

#[test]
fn a_watched_table_is_drawn_over_itself_and_cut_to_the_terminal() {
    let daemon = FakeDaemon::knowing((0..30).map(|number| host(&format!("n{number}"))).collect());
    let command = format!("timeout 1 {}", query(&daemon, "--watch 0.1"));
    let Some(text) = on_terminal(&Place::new(), &command) else { return };
    let frames: Vec<&str> = text.split("\x1b[H").skip(1).collect();
    assert!(frames.len() > 2, "{text:?}");
    for frame in frames {
        // Nine lines, so that the tenth is the cursor's: the header, seven hosts, and how many are hidden.
        assert_eq!(frame.matches('\n').count(), 9, "{frame:?}");
        assert!(frame.contains("NAME") && frame.contains("(23 more)"), "{frame:?}");
    }
}

#[test]
fn watched_json_is_an_object_a_line_until_nobody_reads_any_more() {
    let daemon = FakeDaemon::knowing(vec![host("a")]);
    let mut child = Place::new()
        .peermon("query --json --fields name --watch 0.1 --socket")
        .arg(daemon.socket())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || lines.next().unwrap().unwrap();
    let expected = r#"{"schema":1,"self":"a","interval_seconds":20.0,"nodes":[{"name":"a"}]}"#;
    assert_eq!([next(), next()], [expected, expected]);
    // The daemon is away for a while; the command waits for it, and says so once.
    daemon.set(Answer::Bytes(Vec::new()));
    std::thread::sleep(std::time::Duration::from_millis(600));
    daemon.set(Answer::Table(Box::new(table(vec![host("b")]))));
    while !next().contains(r#""self":"b""#) {}
    drop(lines);
    let outcome = Outcome::from(child.wait_with_output().unwrap());
    assert_eq!(outcome.stderr.matches("broke off").count(), 1, "{outcome:?}");
    assert_eq!(outcome.code, Some(0));
}

#[test]
fn a_watch_that_nobody_answers_at_the_start_ends() {
    let output = Command::new(binary()).args(["query", "--watch", "--socket", "/no/such"]).output().unwrap();
    assert_eq!(Outcome::from(output).code, Some(3));
}
