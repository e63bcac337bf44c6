//! Real daemons: garbage, clients that say nothing, hosts that are invented.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use peermon::client::HostTable;
use peermon::model::{Destination, HostView, Member, Message, NetworkList, NodeId, SessionId, Timestamp};
use peermon::session::{DATAGRAM_DEFAULT, Keyring, Opened, Session};
use peermon::wire::client::{Request, encode_request};

use crate::forged;
use crate::rows::{Effort, Report};
use crate::world::{Host, Lab, Namespace, Packet, Spoofer, flood};

const SECOND: Duration = Duration::from_secs(1);

/// T of all hosts here.
const T: f64 = 1.0;

/// The first three hosts run and know each other; the last is the attacker's.
fn lab() -> Option<Lab> {
    if let Err(why) = Namespace::new() {
        println!("not measured here: {why}");
        return None;
    }
    let mut lab = Lab::new(4);
    lab.seeds(1);
    lab.hosts_mut()[..3].iter_mut().for_each(Host::start);
    lab.expect("everybody knows everybody", SECOND * 2, Instant::now(), |lab| lab.all_offer(&[0, 1, 2]));
    thread::sleep(SECOND * 3);
    Some(lab)
}

fn v4(host: &Host) -> Ipv4Addr {
    match host.address {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => unreachable!("a lab of IPv4"),
    }
}

/// What clients and neighbours notice.
#[derive(Default)]
struct Noticed {
    queries: Vec<Duration>,
    /// The greatest age at which the others held the first host, in T.
    oldest: f64,
    looks: u64,
    /// Looks at a table in which one of the three was not offered, and in which one was not at all.
    missing: u64,
    gone: u64,
}

impl Noticed {
    fn look(&mut self, lab: &Lab) {
        let asked = Instant::now();
        let first = lab[0].table();
        self.queries.push(asked.elapsed());
        self.judge(first.ok());
        for host in &lab.hosts()[1..3] {
            let age = host.view_of("host-1").map_or(f64::INFINITY, |view| view.age_hundredths as f64 / 100.0 / T);
            self.oldest = self.oldest.max(age);
            self.judge(host.table().ok());
        }
    }

    fn judge(&mut self, table: Option<HostTable>) {
        let holds = |is_wanted: fn(&HostView) -> bool| {
            table.as_ref().is_some_and(|table| {
                ["host-1", "host-2", "host-3"]
                    .into_iter()
                    .all(|name| table.hosts.iter().any(|view| view.name.as_str() == name && is_wanted(view)))
            })
        };
        self.looks += 1;
        self.missing += u64::from(!holds(HostView::is_offered));
        self.gone += u64::from(!holds(|_| true));
    }

    fn percentile_ms(&mut self, percent: usize) -> f64 {
        self.queries.sort_unstable();
        let place = (self.queries.len() * percent / 100).min(self.queries.len().saturating_sub(1));
        self.queries.get(place).map_or(f64::INFINITY, |time| time.as_secs_f64() * 1_000.0)
    }
}

/// Looks until `work` is done in another thread.
fn watch<W: Send>(lab: &Lab, work: impl FnOnce() -> W + Send) -> (W, Noticed) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let working = scope.spawn(|| {
            let result = work();
            done.store(true, Ordering::Relaxed);
            result
        });
        let mut noticed = Noticed::default();
        while !done.load(Ordering::Relaxed) {
            noticed.look(lab);
            thread::sleep(Duration::from_millis(20));
        }
        (working.join().expect("the work ends well"), noticed)
    })
}

/// Row 2: 20,000 garbage datagrams a second.
pub fn garbage(report: &mut Report, effort: Effort) {
    let Some(mut lab) = lab() else { return };
    let socket = lab[3].network.within(|| UdpSocket::bind(("0.0.0.0", 4_000))).unwrap();
    let to = SocketAddr::new(lab[0].address, 1288);
    let key_id = Keyring::open("default").key_ids()[0];
    let span = SECOND * effort.pick(5, 20);
    let busy = ticks(&mut lab[0]);
    let (sent, mut noticed) = watch(&lab, || {
        flood(&socket, to, 20, span, |number| {
            let mut bytes: Vec<u8> = (0..40 + number % 400).map(|place| (place * 31 + number * 7) as u8).collect();
            if number % 3 > 0 {
                bytes[..4].copy_from_slice(&[0xb5, 1, 3, if number % 3 == 1 { key_id } else { !key_id }]);
            }
            bytes
        })
    });
    let cpu = (ticks(&mut lab[0]) - busy) as f64 / span.as_secs_f64();
    let rate = sent as f64 / span.as_secs_f64();
    let case = format!("{rate:.0} garbage datagrams a second");
    report.row(&format!("{case}: a client's query, p99, ms"), Some(50.0), None, noticed.percentile_ms(99));
    // A report is made every T, with 5 % jitter, and may be another T late.
    report.row(&format!("{case}: oldest that the others hold, T"), Some(2.1), Some(1.6), noticed.oldest);
    report.row(&format!("{case}: looks at which somebody was missing"), Some(0.0), None, noticed.missing as f64);
    let lost = lab[0].status().map_or(f64::INFINITY, |status| status.kernel_drops as f64 / sent as f64 * 100.0);
    report.row(&format!("{case}: dropped by the kernel, %"), None, None, lost);
    report.row(&format!("{case}: CPU of the host, % of a core"), None, Some(50.0), cpu);
    thread::sleep(Duration::from_secs_f64(T));
    let after = lab[1].view_of("host-1").map_or(f64::INFINITY, |view| view.age_hundredths as f64 / 100.0 / T);
    report.row(&format!("{case}: its age 1 T afterwards, T"), Some(1.6), None, after);
}

/// Row 28: a thousand clients that say nothing, half of something, or never read.
pub fn clients(report: &mut Report, effort: Effort) {
    let Some(lab) = lab() else { return };
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    let _ = setrlimit(Resource::RLIMIT_NOFILE, hard.min(4_000), hard);
    let request = encode_request(&Request::Hosts);
    let come = || -> Vec<UnixStream> {
        (0..1_000)
            .filter_map(|number| {
                let mut client = UnixStream::connect(lab[0].socket()).ok()?;
                let said = [&[][..], &request[..2], &request[..request.len() - 1], &request[..]][number % 4];
                client.write_all(said).ok()?;
                Some(client)
            })
            .collect()
    };
    let turns = effort.pick(2, 5);
    let (held, mut noticed) = watch(&lab, || {
        let mut held = 0;
        for _ in 0..turns {
            let clients = come();
            held = clients.len();
            // Longer than the two seconds in which a request must be whole.
            thread::sleep(Duration::from_millis(2_500));
        }
        held
    });
    let case = format!("{held} idle, slow or half-sent clients");
    report.row(&format!("{case}: a new query, worst, ms"), Some(100.0), Some(20.0), noticed.percentile_ms(100));
    report.row(&format!("{case}: oldest that the others hold, T"), Some(2.1), Some(1.6), noticed.oldest);
    report.row(&format!("{case}: looks at which somebody was missing"), Some(0.0), None, noticed.missing as f64);
}

/// Row 7: a million hosts that a key holder invents, from addresses that it forges.
pub fn invented(report: &mut Report, effort: Effort) {
    let Some(mut lab) = lab() else { return };
    let (first, attacker) = (v4(&lab[0]), v4(&lab[3]));
    let to = SocketAddr::new(first.into(), 1288);
    let (keyring, id) = (Keyring::open("default"), SessionId::from_entropy(0xbad));
    let key_ids = keyring.key_ids();
    let mut session = Session::new(Timestamp::ZERO, "default", keyring, NetworkList::default(), DATAGRAM_DEFAULT, id);
    let socket = lab[3].network.within(|| UdpSocket::bind((attacker, 4_001))).unwrap();
    socket.set_read_timeout(Some(SECOND)).unwrap();
    socket.send_to(&session.hello(Timestamp::ZERO, to).datagrams[0], to).unwrap();
    let mut bytes = [0; 2_048];
    let (length, from) = socket.recv_from(&mut bytes).unwrap();
    let Ok(Opened::Welcome { session: theirs, .. }) = session.open(Timestamp::ZERO, from, &bytes[..length]) else {
        panic!("a hello is answered");
    };
    let there = NodeId::derive(first.into(), 1288, 0);
    session.admit(Timestamp::ZERO, Member { id: there, address: to, session: theirs, key_ids });
    let spoofer = Spoofer::new(&lab[3].network);
    let hosts = effort.pick(100_000, 1_000_000u32);
    let before = resident_mib(&mut lab[0]);
    let ((), mut noticed) = watch(&lab, || {
        let begin = Instant::now();
        for number in 0..hosts / 4 {
            let message = Message::Bundle { records: forged::invented(number * 4, 4, 3, T) };
            let sealed = session.seal(Timestamp::ZERO, &Destination::Member(there), &message);
            for datagram in sealed.map(|sealed| sealed.datagrams).unwrap_or_default() {
                let turn = number % 40_000;
                let from = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 77, 64, 0)) + turn);
                spoofer.send(&Packet::forged((from, 1289), (first, 1288), &datagram));
            }
            // As fast as the daemon takes them, so that none gets lost.
            if number % 20 == 19 {
                thread::sleep((Duration::from_micros(200) * number).saturating_sub(begin.elapsed()));
            }
        }
    });
    let resident = resident_mib(&mut lab[0]);
    let table = lab[0].table().map_or(0, |table| table.hosts.len());
    let case = format!("{hosts} invented hosts");
    report.row(&format!("{case}: resident MiB of the host ({before:.1} before)"), Some(64.0), Some(32.0), resident);
    report.row(&format!("{case}: rows of its table"), Some(16_384.0), None, table as f64);
    report.row(&format!("{case}: looks at tables without a real host"), Some(0.0), None, noticed.gone as f64);
    let share = noticed.missing as f64 / noticed.looks as f64 * 100.0;
    report.row(&format!("{case}: looks at which a real host was not offered, %"), None, Some(0.0), share);
    report.row(
        &format!("{case}: a client's query of all of them, p99, ms"),
        None,
        Some(100.0),
        noticed.percentile_ms(99),
    );
}

/// Row 27: of 50 daemons one is killed and started every 200 ms, for a minute.
pub fn restarts(report: &mut Report, effort: Effort) {
    if let Err(why) = Namespace::new() {
        println!("not measured here: {why}");
        return;
    }
    let (count, span) = effort.pick((20, SECOND * 15), (50, SECOND * 60));
    let mut lab = Lab::new(count);
    lab.seeds(3);
    lab.start();
    let all: Vec<usize> = (0..count).collect();
    lab.expect("everybody knows everybody", SECOND * 4, Instant::now(), |lab| lab.all_offer(&all));
    // The first four are never restarted: they are followed.
    const FOLLOWED: usize = 4;
    let (begin, mut turn, mut missing, mut early) = (Instant::now(), 0, 0u64, None);
    while begin.elapsed() < span {
        let place = FOLLOWED + turn * 7 % (count - FOLLOWED);
        lab[place].kill();
        lab[place].start();
        turn += 1;
        let offered = lab[turn % FOLLOWED].offers().unwrap();
        missing += (0..FOLLOWED).filter(|place| !offered.contains(&lab[*place].name)).count() as u64;
        if early.is_none() && begin.elapsed() > span / 3 {
            early = Some([0, 1, 2, 3].map(|place| (resident_mib(&mut lab[place]), files(&mut lab[place]))));
        }
        thread::sleep((SECOND / 5 * turn as u32).saturating_sub(begin.elapsed()));
    }
    let early = early.expect("a third of the time is less than all of it");
    let late = [0, 1, 2, 3].map(|place| (resident_mib(&mut lab[place]), files(&mut lab[place])));
    let grown = late.iter().zip(&early).map(|(late, early)| late.0 / early.0).fold(0.0, f64::max);
    let opened = late.iter().zip(&early).map(|(late, early)| late.1 - early.1).fold(f64::MIN, f64::max);
    let rows = lab[0].table().unwrap().hosts.len() as f64;
    let healed = Instant::now();
    let whole = loop {
        match lab.all_offer(&all) {
            Ok(()) => break healed.elapsed().as_secs_f64(),
            Err(_) if healed.elapsed() > SECOND * 30 => break f64::INFINITY,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    };
    let case = format!("{turn} restarts among {count} daemons");
    report.row(&format!("{case}: looks that miss who always runs"), Some(0.0), None, missing as f64);
    report.row(&format!("{case}: memory at the end, of that after a third"), Some(1.1), Some(1.02), grown);
    report.row(&format!("{case}: descriptors more than then"), Some(2.0), Some(0.0), opened);
    report.row(&format!("{case}: rows of a table"), Some(count as f64), None, rows);
    report.row(&format!("{case}: all know all after the last, s"), Some(6.0), Some(2.0), whole);
}

fn files(host: &mut Host) -> f64 {
    std::fs::read_dir(format!("/proc/{}/fd", host.daemon().pid())).unwrap().count() as f64
}

/// Hundredths of a second on a processor so far.
fn ticks(host: &mut Host) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{}/stat", host.daemon().pid())).unwrap();
    let (_, fields) = text.rsplit_once(')').unwrap();
    // utime and stime: fields 14 and 15, where the name is the second (proc_pid_stat(5)).
    fields.split_whitespace().skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum()
}

fn resident_mib(host: &mut Host) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{}/status", host.daemon().pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
}
