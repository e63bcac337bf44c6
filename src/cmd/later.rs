//! Commands that come with a later version, and what does their work until then.

use super::exit::{Exit, Failure};

/// `peermon dns-update`
pub fn dns_update() -> Result<Exit, Failure> {
    later("peermon query -I -n 5 prints the addresses of the five best hosts today")
}

fn later(hint: &str) -> Result<Exit, Failure> {
    Err(Failure::new(Exit::Failed, "comes with a later version of peermon", hint))
}
