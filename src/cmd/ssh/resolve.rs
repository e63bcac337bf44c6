//! Whether a name leads where its host is.

use std::net::{IpAddr, ToSocketAddrs};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::model::HostName;

/// A name service that takes longer is not waited for: then the address is used, which the gossip brought.
const PATIENCE: Duration = Duration::from_millis(300);

/// Whether `name` resolves to one of `addresses`, within a moment.
pub(super) fn leads_to(name: &HostName, addresses: &[IpAddr]) -> bool {
    let (found, answer) = mpsc::channel();
    let name = name.clone();
    // It may hang in the resolver; this process becomes ssh without it.
    thread::spawn(move || {
        let resolved: Vec<IpAddr> = (name.as_str(), 0)
            .to_socket_addrs()
            .map(|all| all.map(|one| one.ip().to_canonical()).collect())
            .unwrap_or_default();
        let _ = found.send(resolved);
    });
    answer.recv_timeout(PATIENCE).is_ok_and(|resolved| resolved.iter().any(|address| addresses.contains(address)))
}
