//! The thread that samples and ticks, and looks after what changes by itself: clocks, addresses, files.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crossbeam::channel::{Receiver, RecvTimeoutError, Sender};
use tracing::{error, info};

use super::files::{Files, read_keyring, read_machines, read_valid_ips};
use super::log::RejectSummary;
use super::notify;
use super::place::Place;
use super::shared::{Command, Shared};
use crate::config::machines::Machine;
use crate::config::{DaemonSettings, DaemonSource};
use crate::gossip::Input;
use crate::model::Timestamp;
use crate::os::clock::{self, JumpWatch};
use crate::os::procfs::{self, Slice};
use crate::os::sockets::ReceiveBuffer;

/// Longest wait. A timer of the kernel does not count suspend, so after it this is how late a report may be.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// How often this host's addresses are looked at: twice per T, within these bounds, since two looks must agree.
const ADDRESSES_PAUSE_MIN: Duration = Duration::from_secs(1);
const ADDRESSES_PAUSE_MAX: Duration = Duration::from_secs(5);

/// How often refused datagrams are summed up in the log.
const SUMMARY_PAUSE: Duration = Duration::from_secs(60);

/// Files are read again this often at most: who sends signals all the time gets no more of it.
const RELOAD_PAUSE: Duration = Duration::from_secs(1);

/// What the thread works with.
#[derive(Debug)]
pub(super) struct Sending {
    pub shared: Arc<Shared>,
    pub commands: Receiver<Command>,
    /// Whether the files are to be read again.
    pub wanted: Arc<AtomicBool>,
    /// Where lists of machines are resolved.
    pub resolver: Sender<Vec<Machine>>,
    /// Where files are read again from.
    pub source: DaemonSource,
    pub settings: DaemonSettings,
    pub place: Place,
    pub proc_root: std::path::PathBuf,
    pub slice: Slice,
    /// Set by the other threads whenever they have looked at their work.
    pub moved: Vec<Arc<AtomicBool>>,
}

impl Sending {
    /// Runs until it is told to stop, and says goodbye.
    pub fn run(mut self) {
        let mut buffer = ReceiveBuffer::default();
        let mut chores = Chores::new(clock::now(), self.settings.interval.get());
        loop {
            let command = match self.commands.recv_timeout(self.shared.plan(WAIT_MAX)) {
                Ok(command) => Some(command),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => Some(Command::Stop),
            };
            // What has arrived is read before timers run: a datagram that lies here is no silence.
            if self.shared.is_due() {
                self.shared.receive(&mut buffer);
                self.shared.act(Input::Tick);
            }
            match command {
                Some(Command::Measure) => {
                    self.shared.act(Input::Sampled(procfs::sample(&self.proc_root, self.slice)));
                }
                Some(Command::Seeds(seeds)) => {
                    self.place.set_seeds(seeds.clone());
                    self.shared.act(Input::Seeds(seeds));
                    chores.addresses_due = clock::now();
                }
                Some(Command::Stop) => break,
                Some(Command::Wake) | None => {}
            }
            self.do_chores(&mut chores);
        }
        self.shared.act(Input::Leave);
    }

    fn do_chores(&mut self, chores: &mut Chores) {
        let now = clock::now();
        if chores.reload_due <= now && self.wanted.swap(false, Ordering::Relaxed) {
            chores.reload_due = now.after(RELOAD_PAUSE);
            self.reload();
        }
        if chores.jumps.has_jumped() {
            info!("the wall clock jumped: was this machine resumed or restored? This host joins anew");
            self.shared.act(Input::ClockJumped { wall_seconds: clock::wall_seconds() });
        }
        if chores.addresses_due <= now {
            chores.addresses_due = now.after(chores.addresses_pause);
            if let Some(identity) = self.place.moved() {
                info!("this host's address is now {}", identity.endpoint.address);
                self.shared.act(Input::Moved(identity));
            }
        }
        if chores.summary_due <= now {
            chores.summary_due = now.after(SUMMARY_PAUSE);
            let rejects = self.shared.session().rejects();
            chores.summary.tell(rejects);
        }
        if let Some(pause) = chores.watchdog
            && chores.alive_due <= now
            && self.moved.iter().all(|moved| moved.load(Ordering::Relaxed))
        {
            for moved in &self.moved {
                moved.store(false, Ordering::Relaxed);
            }
            chores.alive_due = now.after(pause);
            notify::alive();
        }
    }

    /// HUP: what can be read anew is used, what can't leaves all as it was.
    fn reload(&mut self) {
        notify::reloading();
        match self.read_again() {
            Ok(()) => info!("read again: machines, accepted addresses, key and labels"),
            Err(why) => error!("HUP changes nothing: {why}"),
        }
        notify::ready();
    }

    fn read_again(&mut self) -> Result<(), String> {
        let settings = self.source.read().map_err(|error| error.to_string())?;
        let machines = read_machines(&settings).map_err(|error| error.to_string())?;
        let valid = read_valid_ips(&settings).map_err(|error| error.to_string())?;
        let keyring = read_keyring(&settings).map_err(|error| error.to_string())?;
        let key_ids = keyring.key_ids();
        self.place.set_labels(settings.labels.clone(), key_ids.clone()).map_err(|error| error.to_string())?;
        {
            let mut session = self.shared.session();
            session.set_valid(valid.clone());
            session.set_keyring(keyring);
        }
        self.shared.act(Input::Reload { valid, labels: settings.labels.clone(), key_ids });
        // The resolver is gone only when this process ends.
        let _ = self.resolver.send(machines);
        *self.shared.files() = Files::of(&self.source, &settings);
        let lacking = self.shared.node().summary(clock::now()).lacking_first_key;
        if lacking > 0 {
            info!("{lacking} hosts do not hold this host's first key (yet)");
        }
        self.settings = settings;
        Ok(())
    }
}

/// What is done now and then.
#[derive(Debug)]
struct Chores {
    jumps: JumpWatch,
    summary: RejectSummary,
    watchdog: Option<Duration>,
    addresses_pause: Duration,
    addresses_due: Timestamp,
    summary_due: Timestamp,
    reload_due: Timestamp,
    alive_due: Timestamp,
}

impl Chores {
    fn new(now: Timestamp, interval: Duration) -> Self {
        let addresses_pause = (interval / 2).clamp(ADDRESSES_PAUSE_MIN, ADDRESSES_PAUSE_MAX);
        Self {
            jumps: JumpWatch::start(),
            summary: RejectSummary::default(),
            // Twice within the time that systemd bears.
            watchdog: notify::watchdog().map(|limit| limit / 2),
            addresses_pause,
            addresses_due: now.after(addresses_pause),
            summary_due: now.after(SUMMARY_PAUSE),
            reload_due: now,
            alive_due: now,
        }
    }
}
