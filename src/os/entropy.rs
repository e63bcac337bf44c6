//! The system's entropy.

use rand::TryRng;
use rand::rngs::SysRng;

/// Every Linux since 3.17 has it.
const KERNEL: &str = "a kernel without getrandom(2) runs no peermon";

/// 64 bits of the system's entropy. Waits only in the first moments after boot.
#[must_use]
pub fn draw() -> u64 {
    SysRng.try_next_u64().expect(KERNEL)
}

/// So many bytes of it, for a key.
#[must_use]
pub fn draw_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).expect(KERNEL);
    bytes
}
