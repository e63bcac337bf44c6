//! `peermon doctor` as it is typed: its exit codes, and daemons that do not know its question. What it finds on real hosts is
//! in `lab/doctor.rs`.

use std::process::{Command, Output};

use peermon::client::Candidate;
use peermon::model::{DaemonStatus, HostView};
use serde_json::Value;

use crate::fake_daemon::{Answer, FakeDaemon, status, table};
use crate::rows::host;

fn doctor(words: &[&str]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peermon"));
    command.arg("doctor").args(words).env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command.env("XDG_CONFIG_HOME", folder.path()).env("XDG_RUNTIME_DIR", folder.path()).output().unwrap()
}

fn checks(output: &Output) -> Vec<(String, String, String)> {
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = said["checks"].as_array().unwrap().iter();
    checks.map(|check| (text(&check["check"]), text(&check["verdict"]), text(&check["says"]))).collect()
}

#[test]
fn a_daemon_of_before_is_asked_for_what_it_knows() {
    let hosts: Vec<HostView> = vec![host("node1"), host("node2")];
    let known = (table(hosts), DaemonStatus { software: "1.99.0".into(), address: [127, 0, 0, 1].into(), ..status() });
    let daemon = FakeDaemon::answering(Answer::Old(Box::new(known)));
    let at = Candidate::Unix(daemon.socket()).to_string();
    let output = doctor(&["--json", "--socket", &at]);
    let checks = checks(&output);
    let of = |name: &str| checks.iter().find(|(check, ..)| check == name).unwrap();
    assert_eq!(of("daemon").1, "ok");
    for name in ["reached", "seeds"] {
        assert_eq!(of(name).1, "skip");
        assert!(of(name).2.contains("the daemon is older than this peermon"), "{:?}", of(name));
    }
    assert_eq!(of("mixture").1, "warn");
    assert!(of("mixture").2.ends_with("and the daemon here is still 1.99.0"), "{:?}", of("mixture"));
    assert_eq!(of("key").1, "warn");
}

#[test]
fn what_answers_and_is_no_daemon_is_a_failed_check_and_wrong_usage_is_2() {
    let daemon = FakeDaemon::answering(Answer::Bytes(b"HTTP/1.0 400 Bad Request".to_vec()));
    let at = Candidate::Unix(daemon.socket()).to_string();
    let output = doctor(&["--json", "--socket", &at]);
    assert_eq!(output.status.code(), Some(1));
    let (check, verdict, says) = &checks(&output)[0];
    assert_eq!((check.as_str(), verdict.as_str()), ("daemon", "FAIL"));
    assert!(says.contains("speaks otherwise"), "{says}");
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&said["schema"], &said["self"], &said["ok"]), (&Value::from(1), &Value::Null, &Value::from(false)));
    assert_eq!(doctor(&["--jsn"]).status.code(), Some(2));
    assert_eq!(doctor(&["-p", "70000"]).status.code(), Some(2));
}
