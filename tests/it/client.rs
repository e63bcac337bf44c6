//! The library's public face, as a program of somebody else uses it.

use peermon::client::{Client, ClientError, Daemon, Placement};
use peermon::config::Environment;
use peermon::model::{HostState, HostView};
use peermon::wire::client::Reply;

use crate::fake_daemon::{Answer, FakeDaemon, status, table};
use crate::rows::{busy, host};

fn connect(daemon: &FakeDaemon) -> Result<Client, ClientError> {
    let socket = daemon.socket().to_str().unwrap().parse().unwrap();
    Client::connect(&Daemon::At(socket), &Environment::default())
}

#[test]
fn one_connection_answers_one_question_after_the_other() {
    let hosts = vec![busy("a", 0.25, 4, 8), HostView { state: HostState::Dead, ..host("b") }];
    let daemon = FakeDaemon::knowing(hosts.clone());
    let mut client = connect(&daemon).unwrap();
    assert_eq!(client.hosts().unwrap(), table(hosts.clone()));
    let placements = [Placement { id: hosts[0].id, count: 3 }, Placement { id: hosts[1].id, count: 1 }];
    client.place(&placements).unwrap();
    assert_eq!(daemon.placed(), placements);
    assert_eq!(client.hosts().unwrap(), table(hosts));
    daemon.set(Answer::Status(Box::new(status())));
    assert_eq!(connect(&daemon).unwrap().status().unwrap(), status());
}

#[test]
fn a_table_of_2000_hosts_arrives_whole() {
    let hosts: Vec<HostView> = (0..2000).map(|number| host(&format!("node{number}.lab.example.edu"))).collect();
    let daemon = FakeDaemon::knowing(hosts.clone());
    assert_eq!(connect(&daemon).unwrap().hosts().unwrap(), table(hosts));
}

#[test]
fn errors_are_told_apart() {
    let daemon = FakeDaemon::answering(Answer::Always(Reply::Refused("not now".to_owned())));
    let error = connect(&daemon).unwrap().place(&[]).expect_err("refused");
    assert!(matches!(&error, ClientError::Refused(why) if why == "not now"), "{error}");
    daemon.set(Answer::Always(Reply::Placed));
    assert!(matches!(connect(&daemon).unwrap().hosts(), Err(ClientError::OtherReply(_))));
    daemon.set(Answer::Bytes(b"\0\0\0\x05hello".to_vec()));
    assert!(matches!(connect(&daemon).unwrap().hosts(), Err(ClientError::Protocol { .. })));
    daemon.set(Answer::Bytes(b"\0\0\0\x05hel".to_vec()));
    assert!(matches!(connect(&daemon).unwrap().hosts(), Err(ClientError::Io { .. })));
    daemon.set(Answer::Silence);
    assert!(matches!(connect(&daemon).unwrap().hosts(), Err(ClientError::Timeout(_))));
    let nobody = Daemon::At("/no/such.sock".parse().unwrap());
    assert!(matches!(Client::connect(&nobody, &Environment::default()), Err(ClientError::NoDaemon(_))));
}
