//! The client protocol, seen from the daemon (requests) and from a command (replies).

use peermon::model::{Checkup, DaemonStatus, HostView};
use peermon::placement::{ClassicKey, Criteria, Policy, Slots, Wanted, rank, share};
use peermon::render::hostfile::{self, HostfileFormat};
use peermon::render::names::Naming;
use peermon::render::status::HowToClose;
use peermon::render::{Field, Style, csv, explain, fold, json, names, status, table};
use peermon::session::Reject;
use peermon::wire::client::{self, FRAME_HEADER_LEN, HostTable, Reply};
use peermon::wire::limits::{REPLY_MAX, REQUEST_MAX};

use super::cbor::check_canonical;
use super::words::check_one_line;

/// The body of a request. What is decoded is encoded to no more bytes, and decoded to the same again.
pub fn request(bytes: &[u8]) -> bool {
    if let Some(Ok(len)) = bytes.first_chunk().map(|header| client::request_len(*header)) {
        assert!((1..=REQUEST_MAX).contains(&len));
    }
    let request = match client::decode_request(bytes) {
        Ok(request) => request,
        Err(error) => return refused(error),
    };
    check_canonical(bytes);
    let body = check_frame(&client::encode_request(&request), client::request_len);
    assert!(body.len() <= bytes.len());
    assert_eq!(client::decode_request(&body), Ok(request));
    true
}

/// The body of a reply. The same; and what is in it can be ranked, and shown in every form.
pub fn reply(bytes: &[u8]) -> bool {
    if let Some(Ok(len)) = bytes.first_chunk().map(|header| client::reply_len(*header)) {
        assert!((1..=REPLY_MAX).contains(&len));
    }
    let reply = match client::decode_reply(bytes) {
        Ok(reply) => reply,
        Err(error) => return refused(error),
    };
    check_canonical(bytes);
    let body = check_frame(&client::encode_reply(&reply), client::reply_len);
    assert!(body.len() <= bytes.len());
    match &reply {
        Reply::Hosts(table) => {
            check_ranked(&table.hosts);
            check_shown(table);
        }
        Reply::Status(daemon) => check_status(daemon),
        Reply::Refused(why) => check_one_line(why),
        Reply::Placed => {}
        Reply::Checkup(checkup) => check_checkup(checkup),
    }
    assert_eq!(client::decode_reply(&body), Ok(reply));
    true
}

/// Names and lines are shown as they come.
fn check_checkup(checkup: &Checkup) {
    checkup.seeds.iter().for_each(|seed| check_one_line(&seed.machine));
    checkup.peers.iter().for_each(|peer| check_one_line(&peer.name));
    checkup.intervals.iter().for_each(|interval| check_one_line(&interval.example));
}

fn refused(error: client::FrameError) -> bool {
    check_one_line(error);
    false
}

/// The body of `frame`, whose header says its length.
fn check_frame(frame: &[u8], len: impl Fn([u8; FRAME_HEADER_LEN]) -> Result<usize, client::FrameError>) -> Vec<u8> {
    let (header, body) = frame.split_first_chunk().expect("a frame has a header");
    assert_eq!(len(*header), Ok(body.len()));
    body.to_vec()
}

/// Every policy puts every host in its place, whatever its figures.
fn check_ranked(hosts: &[HostView]) {
    let policies = [
        Policy::Balanced { delta: Policy::CPU_DELTA },
        Policy::Cpu { delta: 0.0 },
        Policy::Memory { delta_bytes: Policy::MEM_DELTA_BYTES },
        Policy::Random,
        Policy::Classic { key: ClassicKey::Both, memory_step_kib: Policy::CLASSIC_MEMORY_STEP_KIB },
    ];
    for policy in policies {
        let ranking = rank(hosts, &Criteria::all(policy), 1);
        assert_eq!(ranking.eligible.len() + ranking.left_out.len(), hosts.len());
        let explained = explain::ranking(&ranking, &policy, 1, Naming::Names, Style::Plain);
        explained.lines().for_each(check_one_line);
        let shares = share(&ranking.eligible, Wanted::CpusExactly(40), Slots::PerCpu).shares;
        for format in HostfileFormat::ALL {
            hostfile::hosts(&shares, format, Naming::Names).lines().for_each(check_one_line);
        }
        for ranked in ranking.eligible {
            assert!(ranked.host.is_offered(), "{:?}", ranked.host);
            assert!(!ranked.cost.total().is_nan(), "{:?} of {:?}", ranked.cost, ranked.host);
        }
    }
}

/// A line for each host, and nothing in it that a terminal or a script could mistake.
fn check_shown(shown: &HostTable) {
    let hosts: Vec<&HostView> = shown.hosts.iter().collect();
    for text in [table::hosts(&hosts, &Field::ALL, Style::Plain), csv::hosts(&hosts, &Field::ALL)] {
        assert_eq!(text.lines().count(), 1 + hosts.len(), "{text}");
        text.lines().for_each(check_one_line);
    }
    let listed = names::hosts(&hosts, Naming::Names);
    assert_eq!(listed.lines().count(), hosts.len());
    check_one_line(fold::fold(listed.lines()));
    let object = check_json(&json::hosts(None, shown.interval_hundredths, &hosts, &Field::ALL));
    assert_eq!(object["nodes"].as_array().map(Vec::len), Some(hosts.len()));
}

fn check_status(daemon: &DaemonStatus) {
    let how_to_close = HowToClose { make_key: "keygen".to_owned(), read_key: "restart".to_owned() };
    let about = |name: &str| Reject::named(name).map(Reject::explain);
    status::status(daemon, &how_to_close, about, Style::Plain).lines().for_each(check_one_line);
    check_json(&json::status(daemon));
}

fn check_json(text: &str) -> serde_json::Value {
    let line = text.strip_suffix('\n').expect("the end of a line");
    check_one_line(line);
    serde_json::from_str(line).expect("an object")
}
