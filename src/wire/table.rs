//! The table of hosts in a reply: one row a host.

use crate::model::{HostState, HostView, LABELS_MAX, NETWORK_ADDRESSES_MAX};

use super::cbor::{Fault, Reader, Writer};
use super::client::HostTable;
use super::limits::HOSTS_MAX;
use super::pieces::check_unique;

/// Fields of the reply.
pub(super) const FIELDS: usize = 5;

/// Fields of a row.
const ROW_FIELDS: usize = 15;

pub(super) fn write(out: &mut Writer, table: &HostTable) {
    out.id(table.own);
    out.uint(table.interval_hundredths);
    out.bool(table.isolated);
    out.uint(table.up_seconds);
    out.array(table.hosts.len());
    table.hosts.iter().for_each(|host| write_row(out, host));
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<HostTable, Fault> {
    let own = reader.id()?;
    let interval_hundredths = reader.uint()?;
    let isolated = reader.bool()?;
    let up_seconds = reader.uint()?;
    let hosts = reader.list(HOSTS_MAX, |reader| reader.row(ROW_FIELDS, read_row))?;
    if hosts.windows(2).any(|pair| pair[0].id >= pair[1].id) {
        return Err(Fault::OutOfRange);
    }
    Ok(HostTable { own, interval_hundredths, isolated, up_seconds, hosts })
}

fn write_row(out: &mut Writer, host: &HostView) {
    out.array(ROW_FIELDS);
    out.id(host.id);
    out.text(host.name.as_str());
    let more = host.addresses.iter().filter(|address| **address != host.address);
    out.array(1 + more.clone().count());
    out.address(host.address);
    more.for_each(|address| out.address(*address));
    out.uint(host.port);
    out.uint(state_number(host.state));
    out.uint(host.age_hundredths);
    out.optional(host.load1_hundredths);
    out.uint(host.pending_hundredths);
    out.cores(host.cores);
    out.optional(host.memory_available_mib);
    out.optional(host.memory_total_mib);
    out.optional(host.uptime_seconds);
    out.bool(host.collector);
    out.labels(&host.labels);
    out.text(&host.software);
}

fn read_row(reader: &mut Reader<'_>) -> Result<HostView, Fault> {
    let id = reader.id()?;
    let name = reader.name()?;
    let addresses = reader.list(1 + NETWORK_ADDRESSES_MAX, Reader::address)?;
    let address = *addresses.first().ok_or(Fault::Malformed)?;
    check_unique(addresses.iter())?;
    Ok(HostView {
        id,
        name,
        address,
        addresses,
        port: reader.port()?,
        state: read_state(reader)?,
        age_hundredths: reader.uint()?,
        load1_hundredths: reader.optional()?,
        pending_hundredths: reader.uint()?,
        cores: reader.cores()?,
        memory_available_mib: reader.optional()?,
        memory_total_mib: reader.optional()?,
        uptime_seconds: reader.optional()?,
        collector: reader.bool()?,
        labels: reader.list(LABELS_MAX, Reader::label)?,
        software: reader.software()?,
    })
}

fn state_number(state: HostState) -> u8 {
    match state {
        HostState::Fresh => 0,
        HostState::Late => 1,
        HostState::Suspect => 2,
        HostState::Left => 3,
        HostState::Dead => 4,
    }
}

fn read_state(reader: &mut Reader<'_>) -> Result<HostState, Fault> {
    match reader.uint::<u64>()? {
        0 => Ok(HostState::Fresh),
        1 => Ok(HostState::Late),
        2 => Ok(HostState::Suspect),
        3 => Ok(HostState::Left),
        4 => Ok(HostState::Dead),
        _ => Err(Fault::OutOfRange),
    }
}
