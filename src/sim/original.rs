//! PeerMon as its paper describes it, for comparison: every T a host sends its whole table to three hosts;
//! who receives it keeps what is newer; what is older than ten rounds is dropped (Newhall, Libeks, Greenwood,
//! Knerr: PeerMon: A Peer-to-Peer Network Monitoring System, LISA 2010). The released program, version 1.1,
//! does worse: it never clears its list of peers.
//!
//! A model, not a program: tables are arrays of times, a table arrives whole and at once. Bytes are counted
//! as if it had this project's reports and sealing, so that only the algorithms differ.

use std::time::Duration;

use crate::model::Dice;

use super::network::FRAMING;

/// A report in CBOR with its age, and what sealing adds to a datagram.
const REPORT: u64 = 26;
const SEAL: u64 = 36;
const DATAGRAM: u64 = 1_200;

/// Hosts that a table is sent to, and rounds that an entry lives.
const PEERS: usize = 3;
const ROUNDS_MAX: u32 = 10;

/// Ages are counted in hundredths of T up to those that are dropped.
const AGES_MAX: usize = 100 * ROUNDS_MAX as usize;

/// How the three hosts are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Any three that are known.
    Random,
    /// One that was heard of last and never sent to (newcomers), the one heard of longest ago (the
    /// forgotten), and any one (old friends).
    ThreeWays,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Bytes that a host sends a second, framing and sealing included.
    pub bytes_per_second: f64,
    /// Ages in T.
    pub mean_age: f64,
    #[allow(missing_docs, reason = "as above")]
    pub p99_age: f64,
    /// Pairs without an entry, of a thousand.
    pub missing_permille: f64,
    /// Tables that the one newcomer receives in its first T, as a multiple of the three of a settled host.
    pub herd: f64,
    /// Rounds until all know the newcomer.
    pub known_after: f64,
}

/// A host's table: when the newest report of each host was made, in T; negative infinity for none.
#[derive(Clone, Debug)]
struct Table {
    made: Vec<f32>,
    sent_to: Vec<bool>,
    /// In the order in which they became known.
    known: Vec<u32>,
}

/// Runs `hosts` hosts for `rounds` of T and measures the last third; then one more joins.
#[must_use]
pub fn run(seed: u64, hosts: usize, interval: Duration, rounds: u32, choice: Choice) -> Outcome {
    let mut dice = Dice::new(seed);
    let count = hosts + 1;
    let newcomer = hosts;
    let mut tables: Vec<Table> = (0..count).map(|_| Table::new(count)).collect();
    for (host, table) in tables.iter_mut().enumerate().take(hosts) {
        // Everybody begins with the same three seeds.
        (0..PEERS.min(hosts)).chain([host]).for_each(|id| table.learn(id, 0.0));
    }
    let phases: Vec<f32> = (0..count).map(|_| dice.below(1_000) as f32 / 1_000.0).collect();
    let mut order: Vec<usize> = (0..hosts).collect();
    order.sort_by(|one, other| phases[*one].total_cmp(&phases[*other]));
    let measured_from = rounds - rounds / 3;
    let (mut ages, mut missing) = (vec![0u64; AGES_MAX + 1], 0u64);
    let mut sent = 0u64;
    for round in 0..rounds {
        for host in order.iter().copied() {
            let now = round as f32 + phases[host];
            let bytes = send_table(&mut tables, host, now, choice, &mut dice, &mut |_| {});
            sent += if round >= measured_from { bytes } else { 0 };
        }
        if round >= measured_from {
            tables.iter().take(hosts).enumerate().for_each(|(who, table)| {
                missing += table.count_ages(who, hosts, (round + 1) as f32, &mut ages);
            });
        }
    }
    let seen: u64 = ages.iter().sum();
    let sum: u64 = ages.iter().enumerate().map(|(age, count)| age as u64 * count).sum();
    let mut below = 0;
    let p99 = ages.iter().position(|count| {
        below += count;
        below * 100 >= seen * 99
    });
    let seconds = f64::from(rounds - measured_from) * interval.as_secs_f64();

    // One more comes, and tells one host.
    let contact = dice.below(hosts);
    tables[newcomer].learn(contact, rounds as f32);
    order.push(newcomer);
    order.sort_by(|one, other| phases[*one].total_cmp(&phases[*other]));
    let mut herd = 0u64;
    let mut known_after = f64::INFINITY;
    for round in rounds..rounds + 3 * ROUNDS_MAX {
        for host in order.iter().copied() {
            let now = round as f32 + phases[host];
            let mut received = |to| herd += u64::from(to == newcomer && round < rounds + 2);
            send_table(&mut tables, host, now, choice, &mut dice, &mut received);
        }
        let known = tables.iter().all(|table| table.made[newcomer].is_finite());
        if known {
            known_after = f64::from(round + 1 - rounds);
            break;
        }
    }
    Outcome {
        bytes_per_second: sent as f64 / hosts as f64 / seconds,
        mean_age: sum as f64 / seen.max(1) as f64 / 100.0,
        p99_age: p99.unwrap_or(AGES_MAX) as f64 / 100.0,
        missing_permille: missing as f64 * 1_000.0 / (missing + seen).max(1) as f64,
        herd: herd as f64 / (2 * PEERS) as f64,
        known_after,
    }
}

/// One host's turn: its own report, the drop of what is old, three tables. Returns the bytes sent.
fn send_table(
    tables: &mut [Table],
    host: usize,
    now: f32,
    choice: Choice,
    dice: &mut Dice,
    received: &mut impl FnMut(usize),
) -> u64 {
    tables[host].learn(host, now);
    tables[host].drop_old(now);
    let peers = tables[host].peers(host, choice, dice);
    let mut bytes = 0;
    for peer in peers {
        received(peer);
        let table = std::mem::replace(&mut tables[host], Table::new(0));
        bytes += bytes_of(table.known.len() as u64);
        table.known.iter().for_each(|id| tables[peer].learn(*id as usize, table.made[*id as usize]));
        tables[host] = table;
        tables[host].sent_to[peer] = true;
    }
    bytes
}

fn bytes_of(entries: u64) -> u64 {
    let payload = entries * REPORT;
    payload + payload.div_ceil(DATAGRAM - SEAL).max(1) * (SEAL + FRAMING)
}

impl Table {
    fn new(count: usize) -> Self {
        Self { made: vec![f32::NEG_INFINITY; count], sent_to: vec![false; count], known: Vec::new() }
    }

    fn learn(&mut self, id: usize, made: f32) {
        if !self.made[id].is_finite() {
            self.known.push(id as u32);
        }
        self.made[id] = self.made[id].max(made);
    }

    fn drop_old(&mut self, now: f32) {
        let made = &mut self.made;
        let sent_to = &mut self.sent_to;
        self.known.retain(|id| {
            let is_old = now - made[*id as usize] > ROUNDS_MAX as f32;
            if is_old {
                made[*id as usize] = f32::NEG_INFINITY;
                sent_to[*id as usize] = false;
            }
            !is_old
        });
    }

    fn peers(&self, me: usize, choice: Choice, dice: &mut Dice) -> Vec<usize> {
        let mut peers = Vec::with_capacity(PEERS);
        let add = |peers: &mut Vec<usize>, id: Option<u32>| {
            if let Some(id) = id.map(|id| id as usize).filter(|id| *id != me && !peers.contains(id)) {
                peers.push(id);
            }
        };
        if choice == Choice::ThreeWays {
            let others = || self.known.iter().copied().filter(|id| *id as usize != me);
            add(&mut peers, others().rev().find(|id| !self.sent_to[*id as usize]));
            let forgotten =
                others().min_by(|one, other| self.made[*one as usize].total_cmp(&self.made[*other as usize]));
            add(&mut peers, forgotten);
        }
        for _ in 0..8 * PEERS {
            if peers.len() < PEERS {
                add(&mut peers, dice.pick(&self.known).copied());
            }
        }
        peers
    }

    /// Counts this table's ages; returns how many hosts are missing.
    fn count_ages(&self, who: usize, hosts: usize, now: f32, ages: &mut [u64]) -> u64 {
        let mut missing = 0;
        for (_, made) in self.made.iter().enumerate().take(hosts).filter(|(about, _)| *about != who) {
            let age = ((now - made) * 100.0).ceil();
            if made.is_finite() && age <= AGES_MAX as f32 {
                ages[age.max(0.0) as usize] += 1;
            } else {
                missing += 1;
            }
        }
        missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_of_the_original_agrees_with_what_was_simulated_of_it_before() {
        // 2,217 B/s, mean 2.95 T, p99 5.4 T, from a simulation of its own with reports of 29 B.
        let outcome = run(1, 500, Duration::from_secs(20), 30, Choice::Random);
        assert!((1_700.0..2_400.0).contains(&outcome.bytes_per_second), "{outcome:?}");
        assert!((2.0..3.6).contains(&outcome.mean_age), "{outcome:?}");
    }

    #[test]
    fn seeking_out_the_newcomer_makes_a_herd() {
        let random = run(1, 300, Duration::from_secs(20), 30, Choice::Random);
        let three = run(1, 300, Duration::from_secs(20), 30, Choice::ThreeWays);
        assert!(three.herd > 4.0 * random.herd.max(1.0), "{random:?} {three:?}");
    }
}
