//! CSV: a header, then a line for each host. Quoted as RFC 4180 has it; lines end as everywhere on Unix.

use super::fields::Field;
use crate::model::HostView;

/// `hosts` with these columns. What is unknown is empty, lists have spaces between.
#[must_use]
pub fn hosts(hosts: &[&HostView], fields: &[Field]) -> String {
    let mut text = line(fields.iter().map(|field| field.name().to_owned()));
    for host in hosts {
        text += &line(fields.iter().map(|field| field.of(host).to_string()));
    }
    text
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let quoted: Vec<String> = cells.map(quoted).collect();
    quoted.join(",") + "\n"
}

fn quoted(cell: String) -> String {
    if cell.contains([',', '"', '\r', '\n']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}
