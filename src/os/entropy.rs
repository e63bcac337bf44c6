//! The system's entropy.

use rand::TryRng;
use rand::rngs::SysRng;

/// 64 bits of the system's entropy. Waits only in the first moments after boot.
#[must_use]
pub fn draw() -> u64 {
    SysRng.try_next_u64().expect("a kernel without getrandom(2) runs no peermon")
}
