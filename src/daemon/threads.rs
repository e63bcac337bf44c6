//! Starting the threads, and ending them.

use std::io::{self, PipeReader, PipeWriter};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossbeam::channel::{self, Receiver, Sender};

use super::answers::{Answers, Facts};
use super::clients::{self, Door};
use super::files::Files;
use super::ground::{Doors, Ground, StartError};
use super::sender::Sending;
use super::shared::{Command, Shared};
use super::{Start, listener, place, seeds, system};
use crate::config::paths::Realm;
use crate::gossip::{HOSTS_MAX, Node, Settings};
use crate::model::SessionId;
use crate::os::clock;
use crate::os::entropy;
use crate::os::procfs::Slice;
use crate::session::Session;

/// Saying goodbye takes no longer: what has not left by then is found out by the watchers.
const GOODBYE_MAX: Duration = Duration::from_millis(500);

/// Files are put away in no longer.
const TIDYING_MAX: Duration = Duration::from_millis(300);

/// The threads of a daemon.
#[derive(Debug)]
pub(super) struct Threads {
    commands: Sender<Command>,
    /// Asked for, and not done yet.
    reload: Arc<AtomicBool>,
    /// The sender's thread holds the other end until it has said goodbye.
    goodbye: Receiver<()>,
    /// The clients' thread holds the other end until its files are put away.
    tidied: Receiver<()>,
    /// Letting go of it stops those that wait in `poll`.
    stop: PipeWriter,
}

impl Threads {
    pub fn start(start: Start, ground: Ground) -> Result<Self, StartError> {
        let Ground { name, sockets, doors, machines, valid, keyring, place, files: most_files } = ground;
        let Start { source, settings, proc_root, .. } = start;
        let now = clock::now();
        let (interval, max_datagram) = (settings.interval.get(), settings.max_datagram.get());
        let session_id = SessionId::from_entropy(entropy::draw());
        let session = Session::new(now, settings.network.as_str(), keyring, valid.clone(), max_datagram, session_id);
        let behaviour = Settings { interval, collector: settings.collector, valid, hosts_max: HOSTS_MAX, max_datagram };
        let identity = place.identity().clone();
        let node = Node::new(now, behaviour, identity, session_id, clock::wall_seconds(), entropy::draw());
        let (commands, to_do) = channel::unbounded();
        let files = Files::of(&source, &settings);
        let shared = Arc::new(Shared::new(node, session, sockets, files, commands.clone()));

        let (stopped, stop) = io::pipe().map_err(system("make a pipe"))?;
        let stopped = Arc::new(stopped);
        let listener_moved = Arc::new(AtomicBool::new(true));
        let clients_moved = Arc::new(AtomicBool::new(true));
        {
            let (shared, moved) = (Arc::clone(&shared), Arc::clone(&listener_moved));
            let stopped: Arc<PipeReader> = Arc::clone(&stopped);
            spawn("listener", move || listener::listen(&shared, stopped.as_fd(), &moved))?;
        }
        let tidied = {
            let port = settings.port.get();
            let facts = Facts {
                name,
                network: settings.network.as_str().to_owned(),
                interval,
                port,
                started: now,
                proc_root: proc_root.clone(),
                bound: place::bound(&settings),
            };
            let answers = Answers::new(Arc::clone(&shared), facts);
            let (most, moved) = (clients::clients_max(most_files), Arc::clone(&clients_moved));
            let (held, tidied) = channel::bounded::<()>(0);
            spawn("clients", move || {
                serve(&doors, stopped.as_fd(), answers, most, &moved);
                drop(doors);
                drop(held);
            })?;
            tidied
        };
        let (resolver, lists) = channel::unbounded();
        {
            let commands = commands.clone();
            let own = seeds::Own { listen: place::listen(&settings), port: settings.port.get() };
            let shared = Arc::clone(&shared);
            spawn("seeds", move || seeds::resolve(&lists, &commands, own, |lines| *shared.seeds() = lines))?;
        }
        // Answered by the resolver with the first seeds.
        let _ = resolver.send(machines);
        let slice = match settings.realm {
            Realm::System => Slice::Host,
            Realm::User => Slice::User,
        };
        let moved = vec![listener_moved, clients_moved];
        let reload = Arc::new(AtomicBool::new(false));
        let wanted = Arc::clone(&reload);
        let sending =
            Sending { wanted, shared, commands: to_do, resolver, source, settings, place, proc_root, slice, moved };
        let (held, goodbye) = channel::bounded::<()>(0);
        spawn("sender", move || {
            sending.run();
            drop(held);
        })?;
        Ok(Self { commands, reload, goodbye, tidied, stop })
    }

    /// Has the files read again, once however often it is asked until then.
    pub fn reload(&self) {
        if !self.reload.swap(true, Ordering::Relaxed) {
            let _ = self.commands.send(Command::Wake);
        }
    }

    /// Says goodbye, and puts away the files of this daemon.
    pub fn stop(self) {
        let _ = self.commands.send(Command::Stop);
        // Nothing is ever sent: the other end is let go of.
        let _ = self.goodbye.recv_timeout(GOODBYE_MAX);
        drop(self.stop);
        let _ = self.tidied.recv_timeout(TIDYING_MAX);
    }
}

fn serve(doors: &Doors, stop: impl AsFd, answers: Answers, most: usize, moved: &AtomicBool) {
    let unix = doors.unix.iter().map(|socket| Door::Unix(socket.listener()));
    let open: Vec<Door<'_>> =
        unix.chain(doors.tcp.iter().map(Door::Tcp)).chain(doors.legacy.iter().map(Door::Legacy)).collect();
    clients::serve(&open, stop, answers, most, moved);
}

fn spawn(name: &'static str, run: impl FnOnce() + Send + 'static) -> Result<(), StartError> {
    thread::Builder::new().name(name.to_owned()).spawn(run).map(drop).map_err(system("start a thread"))
}
