//! JSON: one object, one line. Its shape is a promise to users and carries a number, `schema`.

use serde::ser::{Serialize, SerializeMap, Serializer};

use super::doctor::{Finding, Verdict};
use super::fields::{Field, Value};
use super::safe;
use crate::model::{DaemonStatus, HostName, HostView, RejectCount, StateCounts};

/// Raised when a name or a meaning changes; new names may come without.
const SCHEMA: u32 = 1;

/// `{"schema":1,"self":NAME,"interval_seconds":T,"nodes":[…]}`, nodes in the order of `hosts`. `own` is `null` where
/// the daemon's own host is not in its table.
#[must_use]
pub fn hosts(own: Option<&HostName>, interval_hundredths: u32, hosts: &[&HostView], fields: &[Field]) -> String {
    #[derive(serde::Serialize)]
    struct Table<'a> {
        schema: u32,
        #[serde(rename = "self")]
        own: Option<&'a str>,
        interval_seconds: f64,
        nodes: Vec<Node<'a>>,
    }
    line(&Table {
        schema: SCHEMA,
        own: own.map(HostName::as_str),
        interval_seconds: seconds(interval_hundredths.into()),
        nodes: hosts.iter().map(|host| Node { host, fields }).collect(),
    })
}

/// The daemon itself, as `--status --json` has it.
#[must_use]
pub fn status(status: &DaemonStatus) -> String {
    let StateCounts { fresh, late, suspect, left, dead } = status.hosts;
    line(&Status {
        schema: SCHEMA,
        name: status.name.as_str(),
        version: safe(&status.software),
        pid: status.pid,
        uptime_seconds: status.up_seconds,
        network: safe(&status.network),
        keyed: status.keyed,
        interval_seconds: seconds(status.interval_hundredths.into()),
        address: status.address.to_string(),
        port: status.port,
        hosts: Hosts { fresh, late, suspect, left, dead },
        last_heard_seconds: status.last_heard_hundredths.map(seconds),
        isolated: status.isolated,
        twin: status.twin,
        members_lacking_first_key: status.lacking_first_key,
        datagrams_in: status.datagrams_in,
        datagrams_out: status.datagrams_out,
        bytes_in: status.bytes_in,
        bytes_out: status.bytes_out,
        kernel_drops: status.kernel_drops,
        send_errors: status.send_errors,
        rejects: status.rejects.iter().map(reject).collect(),
    })
}

/// `{"schema":1,"self":NAME,"ok":…,"checks":[…]}`, as `peermon doctor --json` has it: `ok` is false where a check
/// failed. `own` is `null` where no daemon answers.
#[must_use]
pub fn findings(own: Option<&HostName>, findings: &[Finding]) -> String {
    #[derive(serde::Serialize)]
    struct Checkup<'a> {
        schema: u32,
        #[serde(rename = "self")]
        own: Option<&'a str>,
        ok: bool,
        checks: Vec<Check<'a>>,
    }
    #[derive(serde::Serialize)]
    struct Check<'a> {
        check: &'a str,
        verdict: &'a str,
        says: String,
        fix: Option<String>,
    }
    let checks = findings.iter().map(|finding| Check {
        check: finding.check,
        verdict: finding.verdict.as_str(),
        says: safe(&finding.says),
        fix: finding.fix.as_deref().map(safe),
    });
    let checks = checks.collect();
    let ok = findings.iter().all(|finding| finding.verdict != Verdict::Fail);
    line(&Checkup { schema: SCHEMA, own: own.map(HostName::as_str), ok, checks })
}

fn reject(reject: &RejectCount) -> Reject {
    Reject {
        reason: safe(&reject.reason),
        count: reject.count,
        last_sender: reject.last_sender.map(|sender| sender.to_string()),
    }
}

#[derive(serde::Serialize)]
struct Status<'a> {
    schema: u32,
    name: &'a str,
    version: String,
    pid: u32,
    uptime_seconds: u64,
    network: String,
    keyed: bool,
    interval_seconds: f64,
    address: String,
    port: u16,
    hosts: Hosts,
    last_heard_seconds: Option<f64>,
    isolated: bool,
    twin: bool,
    members_lacking_first_key: u32,
    datagrams_in: u64,
    datagrams_out: u64,
    bytes_in: u64,
    bytes_out: u64,
    kernel_drops: u64,
    send_errors: u64,
    rejects: Vec<Reject>,
}

#[derive(serde::Serialize)]
struct Hosts {
    fresh: u32,
    late: u32,
    suspect: u32,
    left: u32,
    dead: u32,
}

#[derive(serde::Serialize)]
struct Reject {
    reason: String,
    count: u64,
    last_sender: Option<String>,
}

/// A host, as an object with these members.
struct Node<'a> {
    host: &'a HostView,
    fields: &'a [Field],
}

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(self.fields.len()))?;
        for field in self.fields {
            object.serialize_entry(field.name(), &field.of(self.host))?;
        }
        object.end()
    }
}

impl Serialize for Value<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Unknown => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::List(texts) => serializer.collect_seq(texts),
            Self::Labels(labels) => serializer.collect_map(labels.iter().map(|label| (label.key(), label.value()))),
        }
    }
}

fn seconds(hundredths: u64) -> f64 {
    hundredths as f64 / 100.0
}

fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("numbers and texts, and every key is a text") + "\n"
}
