//! Messages between daemons, as the plaintext inside a sealed datagram.

use crate::model::Message;

/// Why bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not canonical CBOR of the expected shape, or something is left over.
    #[error("not a message of ours")]
    Malformed,
    /// A value is outside its range, or a list is longer than its limit.
    #[error("a value is out of range")]
    OutOfRange,
    /// A message kind that this version does not know.
    #[error("a message kind of a newer version")]
    UnknownKind,
}

/// `message` as the plaintexts of as many datagrams as it takes, each at most `max` bytes. Long lists are
/// split over several messages of the same kind; a message without records becomes exactly one.
#[must_use]
pub fn encode(message: &Message, max: usize) -> Vec<Vec<u8>> {
    let _ = (message, max);
    unimplemented!()
}

/// The message in one plaintext. All of `bytes` is consumed, and encoding the result gives the same bytes.
pub fn decode(bytes: &[u8]) -> Result<Message, DecodeError> {
    let _ = bytes;
    unimplemented!()
}
