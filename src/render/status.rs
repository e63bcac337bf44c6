//! The daemon itself, in words for an administrator on a bad day: what is wrong and what to do about it first, then
//! the figures.

use super::table::{Cell, Side, Tone, lines};
use super::{Style, safe, units};
use crate::model::{DaemonStatus, RejectCount, StateCounts};

/// The two commands that close an open network, as whoever reads them has to type them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HowToClose {
    /// Makes the key.
    pub make_key: String,
    /// Makes the daemon read it.
    pub read_key: String,
}

/// All of it. `explain` says what the name of a reason for refusing datagrams means.
#[must_use]
pub fn status(
    status: &DaemonStatus,
    how_to_close: &HowToClose,
    explain: impl Fn(&str) -> Option<&'static str>,
    style: Style,
) -> String {
    let mut rows = vec![row(
        &format!("{}:", status.name),
        &format!("peermon {}, process {}, up {}", safe(&status.software), status.pid, units::span(status.up_seconds)),
    )];
    for trouble in troubles(status) {
        rows.push(vec![
            Cell { text: trouble.name.to_owned(), tone: Tone::Alarm },
            Cell::from(format!("{} {}", trouble.what, trouble.hint)),
        ]);
    }
    rows.extend(network(status, how_to_close));
    rows.push(row(
        "address",
        &format!(
            "{}, UDP ports {} and {}; tells its load every {} s",
            status.address,
            status.port,
            u32::from(status.port) + 1,
            f64::from(status.interval_hundredths) / 100.0
        ),
    ));
    rows.push(row("hosts", &hosts(status.hosts)));
    rows.push(row("last heard", &last_heard(status)));
    let traffic = |datagrams: u64, bytes: u64| format!("{datagrams} datagrams, {}", units::data(bytes));
    rows.push(row("received", &traffic(status.datagrams_in, status.bytes_in)));
    rows.push(row("sent", &traffic(status.datagrams_out, status.bytes_out)));
    let count =
        |count: u64, zero: &str, more: &str| if count == 0 { zero.to_owned() } else { format!("{count} {more}") };
    rows.push(row(
        "lost",
        &format!(
            "{}; {}",
            count(
                status.kernel_drops,
                "nothing dropped by the kernel",
                "dropped by the kernel, because this daemon did not read in time (is the host short of CPU?)"
            ),
            count(
                status.send_errors,
                "nothing that could not be sent",
                "that could not be sent (routes? a firewall on this host?)"
            )
        ),
    ));
    rows.extend(refused(&status.rejects, explain));
    lines(&rows, &[Side::Left, Side::Left], style)
}

/// Something that an administrator should mend.
struct Trouble {
    name: &'static str,
    what: String,
    hint: &'static str,
}

fn troubles(status: &DaemonStatus) -> Vec<Trouble> {
    let mut troubles = Vec::new();
    if status.isolated {
        troubles.push(Trouble {
            name: "ISOLATED",
            what: format!("hears nobody ({}); what it offers grows old.", last_heard(status)),
            hint: "Do firewalls let its UDP ports pass? Have the others the same key and network name? Is one of them in its machines.txt?",
        });
    }
    if status.twin {
        troubles.push(Trouble {
            name: "TWIN",
            what: "another host with this host's address and port seems to be running.".to_owned(),
            hint: "Was the machine cloned? Give one of the two another address.",
        });
    }
    if status.lacking_first_key > 0 {
        troubles.push(Trouble {
            name: "KEY MISSING",
            what: format!("{} members lack the key that this host puts first.", status.lacking_first_key),
            hint: "Copy its key file to them before an older key goes.",
        });
    }
    troubles
}

fn network(status: &DaemonStatus, how_to_close: &HowToClose) -> Vec<Vec<Cell>> {
    let name = safe(&status.network);
    if status.keyed {
        return vec![row("network", &format!("{name}, closed by a key"))];
    }
    vec![
        vec![
            Cell::from("network".to_owned()),
            Cell {
                text: format!(
                    "{name}, OPEN: without a key whoever reaches UDP port {} can read it, join it and tell it lies. To close it:",
                    status.port
                ),
                tone: Tone::Caution,
            },
        ],
        row("", &format!("  {}    once; copy the file to every host", how_to_close.make_key)),
        row("", &format!("  {}    here, and likewise on every other host", how_to_close.read_key)),
    ]
}

fn hosts(counts: StateCounts) -> String {
    let StateCounts { fresh, late, suspect, left, dead } = counts;
    format!("{fresh} fresh, {late} late, {suspect} suspect, {left} left, {dead} dead")
}

fn last_heard(status: &DaemonStatus) -> String {
    let heard = |hundredths| format!("{} ago", units::age(hundredths));
    status.last_heard_hundredths.map_or("never another host".to_owned(), heard)
}

fn refused(rejects: &[RejectCount], explain: impl Fn(&str) -> Option<&'static str>) -> Vec<Vec<Cell>> {
    if rejects.is_empty() {
        return vec![row("refused", "nothing")];
    }
    let mut rows = Vec::new();
    for RejectCount { reason, count, last_sender } in rejects {
        let first = if rows.is_empty() { "refused" } else { "" };
        let sender = last_sender.map_or(String::new(), |sender| format!(", last from {sender}"));
        let why = explain(reason).map_or(String::new(), |why| format!(": {why}"));
        rows.push(row(first, &format!("{count} {}{sender}{why}", safe(reason))));
    }
    rows
}

fn row(name: &str, what: &str) -> Vec<Cell> {
    vec![name.to_owned().into(), what.to_owned().into()]
}
