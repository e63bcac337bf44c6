//! What clients are answered.

use std::net::{IpAddr, SocketAddr};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::files::Files;
use super::seeds::Line;
use super::shared::Shared;
use crate::gossip::Input;
use crate::model::{
    Checkup, DaemonStatus, Examination, HostName, HostView, IntervalInUse, NodeId, PeerFinding, Reach, SeedFinding,
    SeedState, Timestamp,
};
use crate::os::clock;
use crate::placement::pending::{Client, Placed};
use crate::wire::client::{FrameError, HostTable, Placement, Reply, Request, decode_request, encode_reply};
use crate::wire::legacy;

/// A table that was made a moment ago answers again, so that a crowd of clients costs what one does.
const TABLE_AGE_MAX: Duration = Duration::from_millis(20);

/// What does not change while a daemon runs.
#[derive(Debug)]
pub(super) struct Facts {
    pub name: HostName,
    pub network: String,
    pub interval: Duration,
    pub port: u16,
    pub started: Timestamp,
    pub proc_root: PathBuf,
    pub bound: Option<IpAddr>,
}

/// Makes replies.
#[derive(Debug)]
pub(super) struct Answers {
    shared: Arc<Shared>,
    facts: Facts,
    table: Option<(Timestamp, Arc<[u8]>)>,
    legacy: Option<(Timestamp, Arc<[u8]>)>,
}

impl Answers {
    pub fn new(shared: Arc<Shared>, facts: Facts) -> Self {
        Self { shared, facts, table: None, legacy: None }
    }

    /// The reply to the body of a request.
    pub fn to(&mut self, now: Timestamp, client: Client, request: &[u8]) -> Result<Arc<[u8]>, FrameError> {
        let reply = match decode_request(request)? {
            Request::Hosts => return Ok(self.table(now)),
            Request::Status => Reply::Status(Box::new(self.status(now))),
            Request::Place(placements) => self.place(now, client, &placements),
            Request::Checkup => Reply::Checkup(Box::new(self.checkup())),
        };
        Ok(encode_reply(&reply).into())
    }

    /// What somebody is told who speaks otherwise.
    pub fn not_understood(why: FrameError) -> Arc<[u8]> {
        encode_reply(&Reply::Refused(why.to_string())).into()
    }

    /// The table for clients of PeerMon 1.1.
    pub fn legacy(&mut self, now: Timestamp) -> Arc<[u8]> {
        if let Some(table) = still_new(now, self.legacy.as_ref()) {
            return table;
        }
        let hosts = self.shared.node().hosts(now);
        let table: Arc<[u8]> = legacy::encode(&hosts, self.interval_hundredths()).into();
        self.legacy = Some((now, Arc::clone(&table)));
        table
    }

    fn table(&mut self, now: Timestamp) -> Arc<[u8]> {
        if let Some(table) = still_new(now, self.table.as_ref()) {
            return table;
        }
        let reply = Reply::Hosts(self.host_table(now));
        let table: Arc<[u8]> = encode_reply(&reply).into();
        self.table = Some((now, Arc::clone(&table)));
        table
    }

    fn host_table(&self, now: Timestamp) -> HostTable {
        let (own, mut hosts, isolated) = {
            let node = self.shared.node();
            (node.id(), node.hosts(clock::now()), node.summary(now).isolated)
        };
        let pending = self.shared.pending();
        for host in &mut hosts {
            host.pending_hundredths = pending.hundredths(now, host.id);
        }
        HostTable {
            own,
            interval_hundredths: self.interval_hundredths(),
            isolated,
            up_seconds: now.since(self.facts.started).as_secs(),
            hosts,
        }
    }

    fn place(&mut self, now: Timestamp, client: Client, placements: &[Placement]) -> Reply {
        let hosts = self.shared.node().hosts(now);
        // In order of ids, as the table is.
        let known = |id: NodeId| hosts.binary_search_by_key(&id, |host| host.id).ok().map(|place| &hosts[place]);
        let placed = placements.iter().filter_map(|placement| {
            let host: &HostView = known(placement.id)?;
            Some(Placed { id: placement.id, count: placement.count, cores: host.cores })
        });
        let placed: Vec<Placed> = placed.collect();
        self.table = None;
        match self.shared.pending().place(now, client, placed) {
            Ok(()) => Reply::Placed,
            Err(why) => Reply::Refused(why.to_string()),
        }
    }

    fn status(&self, now: Timestamp) -> DaemonStatus {
        let (summary, id, hosts) = {
            let node = self.shared.node();
            (node.summary(now), node.id(), node.hosts(now))
        };
        let (keyed, rejects) = {
            let session = self.shared.session();
            (session.is_keyed(), session.rejects())
        };
        let own = hosts.iter().find(|host| host.id == id);
        let traffic = &self.shared.traffic;
        DaemonStatus {
            name: self.facts.name.clone(),
            software: env!("CARGO_PKG_VERSION").into(),
            pid: std::process::id(),
            up_seconds: now.since(self.facts.started).as_secs(),
            network: self.facts.network.clone(),
            keyed,
            interval_hundredths: self.interval_hundredths(),
            port: self.facts.port,
            address: own.map_or(std::net::Ipv4Addr::UNSPECIFIED.into(), |host| host.address),
            hosts: summary.hosts,
            last_heard_hundredths: summary.last_heard.map(hundredths),
            isolated: summary.isolated,
            twin: summary.twin,
            lacking_first_key: summary.lacking_first_key,
            datagrams_in: traffic.datagrams_in.load(Ordering::Relaxed),
            datagrams_out: traffic.datagrams_out.load(Ordering::Relaxed),
            bytes_in: traffic.bytes_in.load(Ordering::Relaxed),
            bytes_out: traffic.bytes_out.load(Ordering::Relaxed),
            kernel_drops: self.shared.sockets.kernel_drops(),
            send_errors: traffic.send_errors.load(Ordering::Relaxed),
            rejects,
        }
    }

    /// What this daemon stands on, and what came of looking for others: begun now, or a moment ago.
    fn checkup(&self) -> Checkup {
        self.shared.act(Input::Examine);
        let (examination, intervals, hosts) = {
            let node = self.shared.node();
            let now = clock::now();
            (node.examination(now).unwrap_or_default(), node.intervals(), node.hosts(now))
        };
        let peer = |(id, reach): (NodeId, Reach)| {
            let host = hosts.iter().find(|host| host.id == id)?;
            Some(PeerFinding { name: host.name.clone(), address: host.address, reach })
        };
        let interval = |(hundredths, (hosts, example))| IntervalInUse { hundredths, hosts, example };
        let Files { private, settings, machines, valid_ips, key } = self.shared.files().clone();
        let seeds = self.shared.seeds().iter().map(|line| seed(line, &examination)).collect();
        Checkup {
            private,
            settings,
            machines,
            valid_ips,
            key,
            proc_root: self.facts.proc_root.as_os_str().as_bytes().into(),
            bound: self.facts.bound,
            intervals: intervals.into_iter().map(interval).collect(),
            examined_hundredths: examination.age_hundredths,
            is_over: examination.is_over,
            peers: examination.peers.into_iter().filter_map(peer).collect(),
            seeds,
        }
    }

    fn interval_hundredths(&self) -> u32 {
        u32::try_from(hundredths(self.facts.interval)).unwrap_or(u32::MAX)
    }
}

/// What came of a line of machines.txt: of several addresses one that answers suffices.
fn seed(line: &Line, examination: &Examination) -> SeedFinding {
    let asked = |address: &SocketAddr| examination.seeds.iter().find(|(asked, _)| asked == address);
    let states = line.addresses.iter().map(|address| asked(address).map_or(SeedState::NotAsked, |(_, state)| *state));
    let state = if line.is_own { SeedState::Own } else { states.min().unwrap_or(SeedState::Unresolved) };
    SeedFinding { machine: line.machine.to_string(), state }
}

/// A table that need not be made again.
fn still_new(now: Timestamp, made: Option<&(Timestamp, Arc<[u8]>)>) -> Option<Arc<[u8]>> {
    made.filter(|(made, _)| now.since(*made) < TABLE_AGE_MAX).map(|(_, table)| Arc::clone(table))
}

fn hundredths(span: Duration) -> u64 {
    u64::try_from(span.as_millis() / 10).unwrap_or(u64::MAX)
}
