//! What a daemon tells `peermon doctor`, in a reply.

use crate::model::{Checkup, FileInUse, IntervalInUse, PeerFinding, Reach, SeedFinding, SeedState};

use super::cbor::{Fault, Reader, Writer};
use super::limits::{FINDINGS_MAX, MACHINE_MAX, PATH_MAX};

/// Fields of the reply.
pub(super) const FIELDS: usize = 12;

/// Fields of a file, an interval, a peer, a seed.
const FILE_FIELDS: usize = 2;
const INTERVAL_FIELDS: usize = 3;
const PEER_FIELDS: usize = 3;
const SEED_FIELDS: usize = 2;

pub(super) fn write(out: &mut Writer, checkup: &Checkup) {
    out.bool(checkup.private);
    for file in [&checkup.settings, &checkup.machines, &checkup.valid_ips, &checkup.key] {
        out.array(FILE_FIELDS);
        write_path(out, &file.path);
        out.bool(file.named);
    }
    write_path(out, &checkup.proc_root);
    match checkup.bound {
        Some(address) => out.address(address),
        None => out.null(),
    }
    let intervals = &checkup.intervals[..checkup.intervals.len().min(FINDINGS_MAX)];
    out.array(intervals.len());
    for interval in intervals {
        out.array(INTERVAL_FIELDS);
        out.uint(interval.hundredths);
        out.uint(interval.hosts);
        out.text(interval.example.as_str());
    }
    out.uint(checkup.examined_hundredths);
    out.bool(checkup.is_over);
    let peers = &checkup.peers[..checkup.peers.len().min(FINDINGS_MAX)];
    out.array(peers.len());
    for peer in peers {
        out.array(PEER_FIELDS);
        out.text(peer.name.as_str());
        out.address(peer.address);
        out.uint(number_of(peer.reach, &REACHES));
    }
    let seeds = &checkup.seeds[..checkup.seeds.len().min(FINDINGS_MAX)];
    out.array(seeds.len());
    for seed in seeds {
        out.array(SEED_FIELDS);
        out.plain_text(&seed.machine, MACHINE_MAX);
        out.uint(number_of(seed.state, &SEED_STATES));
    }
}

pub(super) fn read(reader: &mut Reader<'_>) -> Result<Checkup, Fault> {
    let read_file = |reader: &mut Reader<'_>| {
        reader.row(FILE_FIELDS, |reader| Ok(FileInUse { path: read_path(reader)?, named: reader.bool()? }))
    };
    Ok(Checkup {
        private: reader.bool()?,
        settings: read_file(reader)?,
        machines: read_file(reader)?,
        valid_ips: read_file(reader)?,
        key: read_file(reader)?,
        proc_root: read_path(reader)?,
        bound: if reader.null() { None } else { Some(reader.any_address()?) },
        intervals: reader.list(FINDINGS_MAX, |reader| reader.row(INTERVAL_FIELDS, read_interval))?,
        examined_hundredths: reader.uint()?,
        is_over: reader.bool()?,
        peers: reader.list(FINDINGS_MAX, |reader| reader.row(PEER_FIELDS, read_peer))?,
        seeds: reader.list(FINDINGS_MAX, |reader| reader.row(SEED_FIELDS, read_seed))?,
    })
}

/// What is too long for a path is none.
fn write_path(out: &mut Writer, path: &[u8]) {
    out.bytes(if path.len() <= PATH_MAX { path } else { &[] });
}

fn read_path(reader: &mut Reader<'_>) -> Result<Box<[u8]>, Fault> {
    let path = reader.bytes()?;
    if path.len() <= PATH_MAX { Ok(path.into()) } else { Err(Fault::OutOfRange) }
}

fn read_interval(reader: &mut Reader<'_>) -> Result<IntervalInUse, Fault> {
    Ok(IntervalInUse { hundredths: reader.uint()?, hosts: reader.uint()?, example: reader.name()? })
}

fn read_peer(reader: &mut Reader<'_>) -> Result<PeerFinding, Fault> {
    Ok(PeerFinding { name: reader.name()?, address: reader.any_address()?, reach: one_of(reader, &REACHES)? })
}

fn read_seed(reader: &mut Reader<'_>) -> Result<SeedFinding, Fault> {
    let machine = reader.plain_text(MACHINE_MAX)?.to_owned();
    Ok(SeedFinding { machine, state: one_of(reader, &SEED_STATES)? })
}

/// Each at the place that is its number on the wire.
const REACHES: [Reach; 3] = [Reach::Reaches, Reach::OnlyAnswers, Reach::Silent];
const SEED_STATES: [SeedState; 6] = [
    SeedState::Answers,
    SeedState::Own,
    SeedState::NotAsked,
    SeedState::Refuses,
    SeedState::Silent,
    SeedState::Unresolved,
];

fn number_of<T: PartialEq>(value: T, all: &[T]) -> u64 {
    all.iter().position(|one| *one == value).map_or(u64::MAX, |place| place as u64)
}

fn one_of<T: Copy>(reader: &mut Reader<'_>, all: &[T]) -> Result<T, Fault> {
    all.get(reader.uint::<usize>()?).copied().ok_or(Fault::OutOfRange)
}
