//! A connection to another program on this host, and as whom that program runs. Nothing here waits longer than it
//! is told.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt};
use socket2::{Domain, SockAddr, Socket, Type};

use super::listeners;

/// A connection.
#[derive(Debug)]
pub struct Peer(Socket);

impl Peer {
    /// Connects to the Unix socket at `path`.
    pub fn at_path(path: &Path, patience: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Where a thousand others wait to be let in, connecting waits too, and this bounds it.
        socket.set_write_timeout(Some(patience))?;
        socket.connect(&SockAddr::unix(path)?)?;
        Ok(Self(socket))
    }

    /// Connects over TCP.
    pub fn at_address(address: SocketAddr, patience: Duration) -> io::Result<Self> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
        socket.connect_timeout(&address.into(), patience)?;
        Ok(Self(socket))
    }

    /// As whom those run who may answer: for a Unix socket whoever began to listen, for TCP whoever listens now. Empty
    /// where the kernel does not say, as over TCP to another host.
    pub fn uids(&self) -> io::Result<Vec<u32>> {
        match self.0.peer_addr()?.as_socket() {
            Some(address) => listeners::uids(address),
            None => Ok(vec![getsockopt(&self.0, sockopt::PeerCredentials)?.uid()]),
        }
    }

    /// Sends all of `bytes`.
    pub fn write(&mut self, bytes: &[u8], patience: Duration) -> io::Result<()> {
        self.0.set_write_timeout(Some(at_least_a_moment(patience)))?;
        self.0.write_all(bytes)
    }

    /// Reads what is there, or waits for the first of it. Zero: the other side closed.
    pub fn read(&mut self, into: &mut [u8], patience: Duration) -> io::Result<usize> {
        self.0.set_read_timeout(Some(at_least_a_moment(patience)))?;
        loop {
            match self.0.read(into) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }
}

/// Zero would mean to the kernel: wait for ever.
fn at_least_a_moment(patience: Duration) -> Duration {
    patience.max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::os::privileges::own_uid;

    const PATIENCE: Duration = Duration::from_secs(5);

    #[test]
    fn a_peer_is_known_by_its_user_over_both_kinds_of_socket() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1981.sock");
        let _unix = UnixListener::bind(&path).unwrap();
        assert_eq!(Peer::at_path(&path, PATIENCE).unwrap().uids().unwrap(), [own_uid()]);
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let peer = Peer::at_address(tcp.local_addr().unwrap(), PATIENCE).unwrap();
        assert_eq!(peer.uids().unwrap(), [own_uid()]);
    }

    #[test]
    fn a_peer_that_says_nothing_is_waited_for_no_longer_than_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("1981.sock");
        let _silent = UnixListener::bind(&path).unwrap();
        let mut peer = Peer::at_path(&path, PATIENCE).unwrap();
        peer.write(b"anybody?", PATIENCE).unwrap();
        let error = peer.read(&mut [0; 10], Duration::from_millis(10)).expect_err("silence");
        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    }
}
