//! `peermon net status`: the hosts of a private network.

use super::Style;
use super::table::{Cell, Side, Tone, lines};
use super::{safe, units};

/// How a host of the network is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Its daemon answers.
    Up,
    /// It does, and sees no other of the network.
    Alone,
    /// No daemon of the network is there.
    Down,
    /// It cannot be asked.
    Unknown,
}

/// A host of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetRow {
    /// As ssh knows it.
    pub host: String,
    /// How it is.
    pub standing: Standing,
    /// Of the daemon, else of the program that lies there.
    pub version: Option<String>,
    /// Since when the daemon runs.
    pub up_seconds: Option<u64>,
    /// What it says, or why it says nothing.
    pub says: String,
}

/// The table.
#[must_use]
pub fn network(rows: &[NetRow], style: Style) -> String {
    let head = ["HOST", "STATE", "VERSION", "UP", "SAYS"];
    let head = head.map(|text| Cell { text: text.to_owned(), tone: Tone::Heading }).to_vec();
    let cells = |row: &NetRow| {
        let (text, tone) = match row.standing {
            Standing::Up => ("up", Tone::Plain),
            Standing::Alone => ("up", Tone::Caution),
            Standing::Down => ("down", Tone::Alarm),
            Standing::Unknown => ("?", Tone::Caution),
        };
        let up = row.up_seconds.map(units::span);
        vec![
            Cell::from(row.host.clone()),
            Cell { text: text.to_owned(), tone },
            Cell::from(safe(row.version.as_deref().unwrap_or_default())),
            Cell::from(up.unwrap_or_default()),
            Cell::from(safe(&row.says)),
        ]
    };
    let rows: Vec<Vec<Cell>> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    lines(&rows, &[Side::Left, Side::Left, Side::Left, Side::Right, Side::Left], style)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_is_a_line_and_nothing_reaches_the_terminal_as_it_came() {
        let row = |host: &str, standing, up_seconds: Option<u64>, says: &str| NetRow {
            host: host.to_owned(),
            standing,
            version: up_seconds.map(|_| "2.0.0".to_owned()),
            up_seconds,
            says: says.to_owned(),
        };
        let rows = [
            row("node1", Standing::Up, Some(65), "sees 2 hosts"),
            row("ada@node2", Standing::Unknown, None, "ssh: \u{1b}[31m"),
            row("node3", Standing::Down, None, ""),
        ];
        let expected = "HOST       STATE  VERSION         UP  SAYS\n\
                        node1      up     2.0.0    1 min 5 s  sees 2 hosts\n\
                        ada@node2  ?                          ssh: \\u{1b}[31m\n\
                        node3      down\n";
        assert_eq!(network(&rows, Style::Plain), expected);
    }
}
