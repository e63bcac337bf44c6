//! What the threads share: the state machine and the sealing, each behind a lock of its own that is held for
//! pure calls only, and what the world is told of them.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crossbeam::channel::Sender as CommandSender;
use tracing::debug;

use super::files::Files;
use super::log;
use super::seeds::Line;
use crate::gossip::{Input, Node, Output};
use crate::model::{Destination, Message, SessionId};
use crate::os::clock;
use crate::os::entropy;
use crate::os::sockets::{Arrival, GossipSockets, ReceiveBuffer};
use crate::placement::pending::Pending;
use crate::session::{Opened, Session};

/// Arrivals that are taken of each socket before timers are looked at again.
const ARRIVALS_AT_ONCE: usize = 256;

/// A datagram that lay in the socket longer than this is dropped: this process was stopped, and what is in it
/// is asked for again.
const LAG_MAX: Duration = Duration::from_secs(1);

/// What the sender's thread is asked to do beside its timers.
#[derive(Debug)]
pub(super) enum Command {
    /// The next deadline came nearer, or the files are to be read again (HUP).
    Wake,
    /// Read this host's figures.
    Measure,
    /// The lines of machines.txt, resolved.
    Seeds(Vec<SocketAddr>),
    /// Say goodbye (TERM, INT).
    Stop,
}

/// What went in and out since the start.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    pub datagrams_in: AtomicU64,
    pub datagrams_out: AtomicU64,
    pub bytes_in: AtomicU64,
    pub bytes_out: AtomicU64,
    pub send_errors: AtomicU64,
}

/// What the threads share.
#[derive(Debug)]
pub(super) struct Shared {
    node: Mutex<Node>,
    session: Mutex<Session>,
    pending: Mutex<Pending>,
    seeds: Mutex<Vec<Line>>,
    files: Mutex<Files>,
    pub sockets: GossipSockets,
    pub traffic: Traffic,
    commands: CommandSender<Command>,
    /// When the sender will look at the timers, in microseconds of the clock.
    planned: AtomicI64,
}

/// A thread that panics ends the whole process, so no lock is ever poisoned.
const NEVER_POISONED: &str = "a panic ends the process";

impl Shared {
    pub fn new(
        node: Node,
        session: Session,
        sockets: GossipSockets,
        files: Files,
        commands: CommandSender<Command>,
    ) -> Self {
        Self {
            node: Mutex::new(node),
            session: Mutex::new(session),
            pending: Mutex::default(),
            seeds: Mutex::default(),
            files: Mutex::new(files),
            sockets,
            traffic: Traffic::default(),
            commands,
            planned: AtomicI64::new(0),
        }
    }

    pub fn node(&self) -> MutexGuard<'_, Node> {
        self.node.lock().expect(NEVER_POISONED)
    }

    pub fn session(&self) -> MutexGuard<'_, Session> {
        self.session.lock().expect(NEVER_POISONED)
    }

    pub fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().expect(NEVER_POISONED)
    }

    /// The lines of machines.txt, and where they lead.
    pub fn seeds(&self) -> MutexGuard<'_, Vec<Line>> {
        self.seeds.lock().expect(NEVER_POISONED)
    }

    /// The files that were read last.
    pub fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().expect(NEVER_POISONED)
    }

    /// How long the sender may wait, at most `most`. Whoever brings the deadline forward wakes it.
    pub fn plan(&self, most: Duration) -> Duration {
        let node = self.node();
        let now = clock::now();
        let until = node.next_deadline().min(now.after(most));
        self.planned.store(until.as_micros(), Ordering::Relaxed);
        until.since(now)
    }

    /// Steps, and carries out what comes of it.
    pub fn act(&self, input: Input) {
        let outputs = self.step(input);
        self.carry_out(None, outputs);
    }

    fn step(&self, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        let mut node = self.node();
        // Within the lock: time never runs backwards from one step to the next.
        node.step(clock::now(), input, &mut outputs);
        let deadline = node.next_deadline().as_micros();
        // Within the lock too, so that of two threads the nearer deadline stays.
        if deadline < self.planned.load(Ordering::Relaxed) {
            self.planned.store(deadline, Ordering::Relaxed);
            self.command(Command::Wake);
        }
        outputs
    }

    fn command(&self, command: Command) {
        // Nobody receives any more: the daemon is stopping.
        let _ = self.commands.send(command);
    }

    /// Takes in what has arrived. Whether the sockets were read empty.
    pub fn receive(&self, buffer: &mut ReceiveBuffer) -> bool {
        self.sockets.receive(buffer, ARRIVALS_AT_ONCE, |arrival| self.take(arrival))
    }

    /// Takes in what went wrong with datagrams of ours.
    pub fn receive_errors(&self, buffer: &mut ReceiveBuffer) {
        self.sockets.receive_errors(buffer, ARRIVALS_AT_ONCE, |arrival| self.take(arrival));
    }

    fn take(&self, arrival: Arrival<'_>) {
        match arrival {
            Arrival::Datagram { from, to, lag, bytes } => {
                self.traffic.datagrams_in.fetch_add(1, Ordering::Relaxed);
                self.traffic.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                if lag <= LAG_MAX {
                    self.open(from, to, lag, bytes);
                }
            }
            Arrival::Refused(address) => {
                let outputs = self.step(Input::Refused { address });
                self.carry_out(None, outputs);
            }
        }
    }

    fn open(&self, from: SocketAddr, to: Option<IpAddr>, lag: Duration, bytes: &[u8]) {
        let (opened, spent) = {
            let mut session = self.session();
            (session.open(clock::now(), from, bytes), session.is_spent())
        };
        match opened {
            Ok(Opened::Message { sender, message }) => {
                let outputs = self.step(Input::Received { sender, lag, message });
                self.carry_out(to, outputs);
            }
            Ok(Opened::Hello { reply }) => self.transmit(Leaving::Answer(to), from, &reply),
            Ok(Opened::Welcome { address, session }) => {
                let outputs = self.step(Input::Welcomed { address, session });
                self.carry_out(to, outputs);
            }
            Err(reason) => debug!("refused a datagram from {from}: {reason:?}"),
        }
        if spent {
            self.act(Input::SessionSpent);
        }
    }

    /// Does what the state machine wants done. `asked`: the address of ours to which the datagram came that is
    /// being answered.
    fn carry_out(&self, asked: Option<IpAddr>, outputs: Vec<Output>) {
        let mut outputs = VecDeque::from(outputs);
        while let Some(output) = outputs.pop_front() {
            match output {
                Output::Send { to, message } => self.send(asked, &to, &message),
                Output::Hello { to } => {
                    let sealed = self.session().hello(clock::now(), to);
                    for datagram in &sealed.datagrams {
                        self.transmit(Leaving::Unasked, sealed.to, datagram);
                    }
                }
                Output::Admit(member) => self.session().admit(clock::now(), member),
                Output::Dismiss(id) => self.session().dismiss(id),
                Output::Measure => self.command(Command::Measure),
                Output::DrawSession => {
                    let id = SessionId::from_entropy(entropy::draw());
                    self.session().begin(clock::now(), id);
                    outputs.extend(self.step(Input::SessionDrawn(id)));
                }
                Output::Event(event) => log::tell(&event),
            }
        }
    }

    fn send(&self, asked: Option<IpAddr>, to: &Destination, message: &Message) {
        let Some(sealed) = self.session().seal(clock::now(), to, message) else { return };
        let leaving = if message.is_answer() { Leaving::Answer(asked) } else { Leaving::Unasked };
        for datagram in &sealed.datagrams {
            self.transmit(leaving, sealed.to, datagram);
        }
    }

    fn transmit(&self, leaving: Leaving, to: SocketAddr, bytes: &[u8]) {
        let sent = match leaving {
            Leaving::Answer(source) => self.sockets.answer(source, to, bytes),
            Leaving::Unasked => self.sockets.send(to, bytes),
        };
        match sent {
            Ok(()) => {
                self.traffic.datagrams_out.fetch_add(1, Ordering::Relaxed);
                self.traffic.bytes_out.fetch_add(bytes.len() as u64, Ordering::Relaxed);
            }
            Err(error) => {
                self.traffic.send_errors.fetch_add(1, Ordering::Relaxed);
                debug!("cannot send to {to}: {error}");
            }
        }
    }

    /// When the sender will next look at the timers.
    pub fn is_due(&self) -> bool {
        self.node().next_deadline() <= clock::now()
    }
}

/// From which port a datagram leaves.
#[derive(Clone, Copy, Debug)]
enum Leaving {
    /// From the port that was asked, and from the address where that is known.
    Answer(Option<IpAddr>),
    /// From the port above.
    Unasked,
}
