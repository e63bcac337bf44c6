//! What is kept here: the key, and which hosts are in the network. Where the home is shared, it is the hosts' own folder too.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::libc;

use super::super::exit::{Exit, Failure};
use super::ports::Ports;
use crate::config::ssh_hosts::SshHost;
use crate::config::values::Port;
use crate::os::lock::{self, Lock};
use crate::os::{entropy, new_file, privileges, secret};
use crate::session::{Keyring, new_key_file};

/// Longest wait for another `peermon net`: bringing up hundreds of hosts takes minutes.
const TURN_MAX: Duration = Duration::from_secs(300);

/// How often it is looked whether it is over.
const PAUSE: Duration = Duration::from_millis(100);

/// How often a key is looked for that somebody else seems to be making.
const KEY_TRIES: u32 = 20;

/// `~/.local/share/peermon/net`
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

/// The network, as it was left.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    /// Hosts on which it came up.
    pub hosts: Vec<SshHost>,
    /// Its ports, once it has some.
    pub ports: Option<Ports>,
    /// What the user says to ssh.
    pub ssh_args: Vec<String>,
}

/// The same as it lies in the file.
#[derive(serde::Serialize, serde::Deserialize)]
struct Saved {
    hosts: Vec<String>,
    port: u16,
    client_port: u16,
    ssh_args: Vec<String>,
}

impl Folder {
    /// That of whoever runs this; it need not be there.
    pub fn of_user() -> Result<Self, Failure> {
        let data = dirs::data_dir().filter(|folder| folder.is_absolute());
        data.map(|folder| Self(folder.join("peermon").join("net")))
            .ok_or_else(|| Failure::new(Exit::Failed, "you have no home folder (tried HOME)", "export HOME=/home/you"))
    }

    /// Waits until no other `peermon net` of this user is at it. `None`: the file system knows no locks. Then nothing is damaged
    /// either, since every file is made or replaced in one step.
    pub fn take_turn(&self) -> Result<Option<Lock>, Failure> {
        let mut make = DirBuilder::new();
        make.recursive(true).mode(0o700).create(self.key_folder()).map_err(|error| cannot_write(&self.0, &error))?;
        let path = self.0.join("lock");
        let begin = Instant::now();
        loop {
            match lock::take(&path) {
                Ok(Some(lock)) => return Ok(Some(lock)),
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOLCK | libc::EOPNOTSUPP)) => return Ok(None),
                Err(error) => return Err(cannot_write(&path, &error)),
                Ok(None) if begin.elapsed() < TURN_MAX => thread::sleep(PAUSE),
                Ok(None) => {
                    let what = format!("another peermon net has been at it for {} s", TURN_MAX.as_secs());
                    return Err(Failure::new(Exit::Failed, what, "ps -C peermon -f shows it; end it, or wait"));
                }
            }
        }
    }

    /// The network as it was left; an empty one where there is none.
    pub fn network(&self) -> Result<Network, Failure> {
        let path = self.network_file();
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Network::default()),
            Err(error) => {
                let what = format!("cannot read {} ({error})", path.display());
                return Err(Failure::new(Exit::Failed, what, "is the folder yours? ls -l shows it"));
            }
        };
        Network::read(&text).ok_or_else(|| {
            let what = format!("{} is damaged", path.display());
            Failure::new(Exit::Failed, what, format_args!("rm {} and bring the network up again", path.display()))
        })
    }

    /// Keeps it.
    pub fn keep(&self, network: &Network) -> Result<(), Failure> {
        let Some(text) = network.text() else { return Ok(()) };
        let path = self.network_file();
        if fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        new_file::replace(&path, &text).map_err(|error| cannot_write(&path, &error))
    }

    /// The text of the network's key file, which is made where there is none. However many make it at the same time, there is
    /// one.
    pub fn key(&self) -> Result<String, Failure> {
        let path = self.key_folder().join("gossip.key");
        let trusted = secret::Trusted { uid: privileges::own_uid(), gid: None };
        for _ in 0..KEY_TRIES {
            let read = secret::read(&path, trusted, |text| Keyring::parse(text).is_ok()).map_err(|error| {
                let hint = error.hint().unwrap_or_else(|| "is the folder yours? ls -l shows it".to_owned());
                Failure::new(Exit::Usage, error, hint)
            })?;
            if let Some(text) = read {
                return match Keyring::parse(&text) {
                    Ok(_) => Ok(text),
                    Err(error) => {
                        let what = format!("{}: {error}", path.display());
                        Err(Failure::new(Exit::Usage, what, error.hint()))
                    }
                };
            }
            match new_file::create(&path, &new_key_file(&entropy::draw_bytes()), None) {
                Ok(()) => {}
                // Made elsewhere just now, where the home is shared.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => thread::sleep(PAUSE),
                Err(error) => return Err(cannot_write(&path, &error)),
            }
        }
        Err(cannot_write(&path, &io::ErrorKind::AlreadyExists.into()))
    }

    /// Takes away what is known of the network. The lock stays: others may be waiting for it, and a new one would be another one.
    pub fn purge(&self) {
        for file in [self.network_file(), self.key_folder().join("gossip.key")] {
            let _ = fs::remove_file(file);
        }
        // What somebody else put there stays, and so does what it lies in.
        let _ = fs::remove_dir(self.key_folder());
    }

    fn key_folder(&self) -> PathBuf {
        self.0.join("peermon")
    }

    fn network_file(&self) -> PathBuf {
        self.0.join("network.json")
    }
}

impl Network {
    fn read(text: &str) -> Option<Self> {
        let Saved { hosts, port, client_port, ssh_args } = serde_json::from_str(text).ok()?;
        let hosts = hosts.iter().map(|host| host.parse().ok()).collect::<Option<_>>()?;
        let port_of = |number: u16| number.to_string().parse::<Port>().ok();
        let ports = Ports { gossip: port_of(port)?, client: port_of(client_port)? };
        Some(Self { hosts, ports: Some(ports), ssh_args })
    }

    /// `None`: nothing is known that could be kept.
    fn text(&self) -> Option<String> {
        let Ports { gossip, client } = self.ports?;
        let hosts = self.hosts.iter().map(ToString::to_string).collect();
        let saved = Saved { hosts, port: gossip.get(), client_port: client.get(), ssh_args: self.ssh_args.clone() };
        Some(serde_json::to_string_pretty(&saved).ok()? + "\n")
    }

    /// The host of the network that somebody means who types `host`: without a user it may be one that has a user.
    pub fn meant(&self, host: &SshHost) -> SshHost {
        let named = || self.hosts.iter().find(|known| known.host() == host.to_string());
        self.hosts.iter().find(|known| *known == host).or_else(named).unwrap_or(host).clone()
    }
}

fn cannot_write(path: &Path, error: &io::Error) -> Failure {
    let what = format!("cannot write {} ({error})", path.display());
    Failure::new(Exit::Failed, what, "is the folder yours, and is there room on its disk?")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_network_is_found_as_it_was_left() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder(root.path().join("peermon/net"));
        assert_eq!(folder.network().unwrap(), Network::default());
        let turn = folder.take_turn().unwrap();
        let hosts = ["node1", "ada@node2"].map(|host| host.parse().unwrap()).to_vec();
        let ports = Some(Ports { gossip: "13000".parse().unwrap(), client: "13002".parse().unwrap() });
        let network = Network { hosts, ports, ssh_args: vec!["-p".into(), "2222".into()] };
        folder.keep(&network).unwrap();
        assert_eq!(folder.network().unwrap(), network);
        assert_eq!(network.meant(&"node2".parse().unwrap()).to_string(), "ada@node2");
        assert_eq!(network.meant(&"bob@node2".parse().unwrap()).to_string(), "bob@node2");
        let kept = fs::read_to_string(folder.network_file()).unwrap();
        for damaged in ["{".to_owned(), kept.replace("13000", "65535"), kept.replace("13002", "0")] {
            fs::write(folder.network_file(), damaged).unwrap();
            assert!(folder.network().unwrap_err().hint.starts_with("rm "));
        }
        folder.key().unwrap();
        folder.purge();
        let left =
            |path: &Path| -> Vec<_> { fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
        assert_eq!(left(&folder.0), ["lock"]);
        assert!(
            turn.is_some() && lock::take(&folder.0.join("lock")).unwrap().is_none(),
            "whoever comes now still waits"
        );
    }

    #[test]
    fn a_key_file_that_holds_no_key_or_is_open_to_others_goes_to_no_host() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder(root.path().join("net"));
        drop(folder.take_turn().unwrap());
        let path = folder.key_folder().join("gossip.key");
        folder.key().unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(folder.key().unwrap_err().hint.starts_with("chmod 600 "));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "0123").unwrap();
        assert_eq!(folder.key().unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn however_many_make_the_key_at_the_same_time_there_is_one_for_its_owner_alone() {
        let root = tempfile::tempdir().unwrap();
        let folder = Folder(root.path().join("net"));
        drop(folder.take_turn().unwrap());
        let keys: BTreeSet<String> = thread::scope(|scope| {
            let makers: Vec<_> = (0..8).map(|_| scope.spawn(|| folder.key().unwrap())).collect();
            makers.into_iter().map(|maker| maker.join().unwrap()).collect()
        });
        assert_eq!(keys.len(), 1);
        let mode = fs::metadata(folder.key_folder().join("gossip.key")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
