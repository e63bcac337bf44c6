//! docs/protocol.md against the program: its examples are the golden bytes, its limits those of `wire::limits`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use peermon::wire::limits;

use crate::wire_golden;

/// Examples without which nobody could write a client or a daemon.
const EXAMPLES_NEEDED: &[&str] = &[
    "request-hosts",
    "request-status",
    "request-place",
    "request-checkup",
    "reply-checkup",
    "reply-refused",
    "reply-hosts",
    "reply-status",
    "reply-placed",
    "sealed-hello",
    "sealed-data",
    "handover",
    "bundle-newer",
    "found",
];

/// Each constant by its name.
macro_rules! limits {
    ($($name:ident)*) => { [$((stringify!($name), limits::$name as u64)),*] };
}

#[test]
fn the_examples_of_the_page_are_the_golden_bytes() {
    let examples = examples();
    for name in EXAMPLES_NEEDED {
        assert!(examples.contains_key(*name), "no example {name}");
    }
    for (name, bytes) in examples {
        let file = wire_golden::folder().join(&name).with_extension("hex");
        let golden = fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert_eq!(hex(&bytes), hex(&wire_golden::bytes_of(&golden)), "{name}");
    }
}

#[test]
fn the_page_names_every_limit_with_its_value() {
    let values = limits!(
        DATAGRAM_DEFAULT DATAGRAM_MIN DATAGRAM_MAX SEAL_OVERHEAD PLAINTEXT_MIN PLAINTEXT_MAX REPORT_MAX CARD_MAX
        NESTING_MAX KEY_IDS_MAX SOFTWARE_MAX CORES_MAX INTERVAL_MIN_HUNDREDTHS INTERVAL_MAX_HUNDREDTHS GROUP_BITS_MAX PORT_MAX
        CLIENT_VERSION REQUEST_MAX PLACEMENTS_MAX HOSTS_MAX REPLY_MAX NETWORK_NAME_MAX REJECTS_MAX REASON_MAX
        REFUSAL_MAX PATH_MAX MACHINE_MAX FINDINGS_MAX
    );
    let source = read("src/wire/limits.rs");
    let names: Vec<&str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.split_once(':').map(|(name, _)| name))
        .collect();
    assert_eq!(values.map(|(name, _)| name).to_vec(), names, "this test knows every constant");
    let page = read("docs/protocol.md");
    for (name, value) in values {
        let row = page.lines().find_map(|line| line.strip_prefix(&format!("| `{name}` | "))).unwrap_or_default();
        let shown = row.split('|').next().unwrap_or_default().trim().replace(',', "");
        assert_eq!(shown, value.to_string(), "{name}");
    }
}

#[test]
fn a_daemon_tells_of_every_line_of_a_machines_file() {
    assert_eq!(limits::FINDINGS_MAX, peermon::config::machines::MACHINES_MAX);
}

#[test]
fn a_table_on_the_wire_holds_as_many_hosts_as_the_gossip() {
    assert_eq!(limits::HOSTS_MAX, peermon::gossip::HOSTS_MAX);
}

/// The bytes of each fenced block ```` ```hex NAME ````; what follows a `#` is for people.
fn examples() -> BTreeMap<String, Vec<u8>> {
    let page = read("docs/protocol.md");
    let mut examples = BTreeMap::new();
    let mut open: Option<(String, String)> = None;
    for line in page.lines() {
        match (&mut open, line.strip_prefix("```hex ")) {
            (None, Some(name)) => open = Some((name.trim().to_owned(), String::new())),
            (Some((name, digits)), None) if line.starts_with("```") => {
                examples.insert(std::mem::take(name), wire_golden::bytes_of(digits));
                open = None;
            }
            (Some((_, digits)), None) => digits.push_str(line.split('#').next().unwrap_or_default()),
            (None, None) => {}
            (Some((name, _)), Some(_)) => panic!("{name} does not end"),
        }
    }
    examples
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
