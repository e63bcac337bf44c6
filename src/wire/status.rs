//! What a daemon says of itself, in a reply.

use crate::model::{DaemonStatus, RejectCount, StateCounts};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{NETWORK_NAME_MAX, REASON_MAX, REJECTS_MAX};

/// Fields of the reply.
pub(super) const FIELDS: usize = 21;

/// Fields of the counts of hosts by state, and of a reason for refusing datagrams.
const COUNTS_FIELDS: usize = 5;
const REJECT_FIELDS: usize = 3;

pub(super) fn write(out: &mut Writer, status: &DaemonStatus) {
    out.text(status.name.as_str());
    out.text(&status.software);
    out.uint(status.pid);
    out.uint(status.up_seconds);
    out.plain_text(&status.network, NETWORK_NAME_MAX);
    out.bool(status.keyed);
    out.uint(status.interval_hundredths);
    out.uint(status.port);
    out.address(status.address);
    out.array(COUNTS_FIELDS);
    let StateCounts { fresh, late, suspect, left, dead } = status.hosts;
    [fresh, late, suspect, left, dead].into_iter().for_each(|count| out.uint(count));
    out.optional(status.last_heard_hundredths);
    out.bool(status.isolated);
    out.bool(status.twin);
    out.uint(status.lacking_first_key);
    out.uint(status.datagrams_in);
    out.uint(status.datagrams_out);
    out.uint(status.bytes_in);
    out.uint(status.bytes_out);
    out.uint(status.kernel_drops);
    out.uint(status.send_errors);
    let rejects = &status.rejects[..status.rejects.len().min(REJECTS_MAX)];
    out.array(rejects.len());
    for reject in rejects {
        out.array(REJECT_FIELDS);
        out.plain_text(&reject.reason, REASON_MAX);
        out.uint(reject.count);
        match reject.last_sender {
            Some(sender) => out.address(sender),
            None => out.null(),
        }
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<DaemonStatus, Fault> {
    Ok(DaemonStatus {
        name: reader.name()?,
        software: reader.software()?,
        pid: reader.uint()?,
        up_seconds: reader.uint()?,
        network: reader.plain_text(NETWORK_NAME_MAX)?.to_owned(),
        keyed: reader.bool()?,
        interval_hundredths: reader.uint()?,
        port: reader.port()?,
        address: reader.any_address()?,
        hosts: reader.row(COUNTS_FIELDS, read_counts)?,
        last_heard_hundredths: reader.optional()?,
        isolated: reader.bool()?,
        twin: reader.bool()?,
        lacking_first_key: reader.uint()?,
        datagrams_in: reader.uint()?,
        datagrams_out: reader.uint()?,
        bytes_in: reader.uint()?,
        bytes_out: reader.uint()?,
        kernel_drops: reader.uint()?,
        send_errors: reader.uint()?,
        rejects: reader.list(REJECTS_MAX, |reader| reader.row(REJECT_FIELDS, read_reject))?,
    })
}

fn read_counts(reader: &mut Reader<'_>) -> Result<StateCounts, Fault> {
    Ok(StateCounts {
        fresh: reader.uint()?,
        late: reader.uint()?,
        suspect: reader.uint()?,
        left: reader.uint()?,
        dead: reader.uint()?,
    })
}

fn read_reject(reader: &mut Reader<'_>) -> Result<RejectCount, Fault> {
    Ok(RejectCount {
        reason: reader.plain_text(REASON_MAX)?.to_owned(),
        count: reader.uint()?,
        last_sender: if reader.null() { None } else { Some(reader.any_address()?) },
    })
}
