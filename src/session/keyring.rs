//! The keys of a network: read from a key file, or derived from the network's name where there is none.

use std::fmt;

use aes_gcm_siv::{Aes256GcmSiv, KeyInit};
use sha2::{Digest, Sha256};

/// Most keys in a ring. Each costs a hello wherever one is said.
pub use crate::wire::limits::KEY_IDS_MAX as KEYS_MAX;

/// Bytes of a key: what AES-256 takes.
const KEY_BYTES: usize = 32;

/// A key as it stands in a key file.
const KEY_DIGITS: usize = 2 * KEY_BYTES;

/// One key. Its bytes are not kept; nothing prints what is made of them.
#[derive(Clone)]
pub(super) struct Key {
    id: u8,
    pub cipher: Aes256GcmSiv,
}

impl Key {
    fn new(bytes: &[u8; KEY_BYTES]) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"peermon key id 1");
        hash.update(bytes);
        Self { id: hash.finalize()[0], cipher: Aes256GcmSiv::new(bytes.into()) }
    }

    /// First byte of the key's hash: picks the key at once.
    pub fn id(&self) -> u8 {
        self.id
    }
}

/// Up to four keys of 32 bytes; all open, the first that a member's card lists seals.
#[derive(Clone)]
pub struct Keyring {
    keys: Vec<Key>,
    is_keyed: bool,
}

/// Why a text is no key file. Never says what a key is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Nothing but comments and empty lines.
    #[error("there is no key in it: a key is a line of {KEY_DIGITS} hex digits")]
    Empty,
    /// Not the length of a key.
    #[error("line {line}: a key is {KEY_DIGITS} hex digits, and this line has {found} characters")]
    Length {
        /// Which line, from 1.
        line: usize,
        /// How many characters stand there.
        found: usize,
    },
    /// As long as a key, but not written in hex.
    #[error("line {line}: a key is {KEY_DIGITS} hex digits, and something else is among them")]
    Digit {
        /// Which line, from 1.
        line: usize,
    },
    /// All its bytes are the same: a place holder, which anybody would guess.
    #[error("line {line}: this is no random key")]
    Guessable {
        /// Which line, from 1.
        line: usize,
    },
    /// The same key again.
    #[error("line {line}: the same key as in line {first}")]
    Twice {
        /// Which line, from 1.
        line: usize,
        /// Where it stood first.
        first: usize,
    },
    /// Two keys with one id: a host that has only one of them could not tell which was meant.
    #[error("line {line}: this key happens to have the id of that in line {first}, so they cannot be told apart")]
    SameId {
        /// Which line, from 1.
        line: usize,
        /// Where the other one stands.
        first: usize,
    },
    /// More than [`KEYS_MAX`].
    #[error("line {line}: more than {KEYS_MAX} keys")]
    TooMany {
        /// Which line, from 1.
        line: usize,
    },
}

impl KeyError {
    /// What mends it.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Length { .. } | Self::Digit { .. } | Self::Guessable { .. } => {
                "peermon keygen FILE makes a key file; copy it to every host"
            }
            Self::SameId { .. } => "make another key with peermon keygen; this happens once in 256",
            Self::Twice { .. } | Self::TooMany { .. } => "remove the keys that are no longer used",
        }
    }
}

impl Keyring {
    /// The ring of a key file: up to [`KEYS_MAX`] keys, one a line, each 64 hex digits; what follows a `#`
    /// is a comment.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let mut keys: Vec<Key> = Vec::new();
        let mut read: Vec<(usize, [u8; KEY_BYTES])> = Vec::new();
        for (line, content) in (1..).zip(text.lines()) {
            let digits = content.split('#').next().unwrap_or_default().trim();
            if digits.is_empty() {
                continue;
            }
            let bytes = key_bytes(line, digits)?;
            if let Some((first, _)) = read.iter().find(|(_, other)| *other == bytes) {
                return Err(KeyError::Twice { line, first: *first });
            }
            if read.len() >= KEYS_MAX {
                return Err(KeyError::TooMany { line });
            }
            let key = Key::new(&bytes);
            if let Some(place) = keys.iter().position(|other| other.id == key.id) {
                return Err(KeyError::SameId { line, first: read[place].0 });
            }
            read.push((line, bytes));
            keys.push(key);
        }
        if keys.is_empty() { Err(KeyError::Empty) } else { Ok(Self { keys, is_keyed: true }) }
    }

    /// The ring of an open network: one key that is derived from the network's name. Protects against
    /// nobody; keeps networks apart and detects damage.
    #[must_use]
    pub fn open(network: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(b"peermon open network 1");
        hash.update(network);
        Self { keys: vec![Key::new(&hash.finalize().into())], is_keyed: false }
    }

    /// Whether it came from a key file.
    #[must_use]
    pub fn is_keyed(&self) -> bool {
        self.is_keyed
    }

    /// First byte of the hash of each key, in order.
    #[must_use]
    pub fn key_ids(&self) -> Vec<u8> {
        self.keys.iter().map(Key::id).collect()
    }

    /// All keys, in order.
    pub(super) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// The first of ours that a host with these keys holds; our first where it seems to hold none.
    pub(super) fn for_holder_of(&self, ids: &[u8]) -> &Key {
        self.keys.iter().find(|key| ids.contains(&key.id)).unwrap_or(&self.keys[0])
    }

    /// All that a datagram with this key id may be sealed with.
    pub(super) fn with_id(&self, id: u8) -> impl Iterator<Item = &Key> {
        self.keys.iter().filter(move |key| key.id == id)
    }
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keyring").field("keyed", &self.is_keyed).field("keys", &self.keys.len()).finish()
    }
}

/// The text of a new key file with one key of these bytes, which come from the system's entropy.
#[must_use]
pub fn new_key_file(entropy: &[u8; KEY_BYTES]) -> String {
    let digits: String = entropy.iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "# Key of a peermon network. Who has it can speak and listen there: keep it secret (mode 0600, or\n\
         # 0640 with group peermon), and copy it to every host. Up to {KEYS_MAX} keys, one a line; the first seals.\n\
         {digits}\n"
    )
}

fn key_bytes(line: usize, digits: &str) -> Result<[u8; KEY_BYTES], KeyError> {
    let found = digits.chars().count();
    if found != KEY_DIGITS {
        return Err(KeyError::Length { line, found });
    }
    let mut bytes = [0; KEY_BYTES];
    let mut values = digits.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok()));
    for byte in &mut bytes {
        let (Some(Some(high)), Some(Some(low))) = (values.next(), values.next()) else {
            return Err(KeyError::Digit { line });
        };
        *byte = high << 4 | low;
    }
    if bytes.iter().all(|byte| *byte == bytes[0]) { Err(KeyError::Guessable { line }) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Key number `number`, as in a file.
    fn digits(number: u8) -> String {
        format!("{:062x}{number:02x}", 1)
    }

    #[track_caller]
    fn check_refused(text: &str, expected: KeyError, words: &str) {
        let error = Keyring::parse(text).unwrap_err();
        assert_eq!(error, expected, "{text:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(!error.hint().is_empty());
    }

    #[test]
    fn a_key_file_has_comments_up_to_four_keys_and_either_case() {
        let text = format!("# lab\n\n  {} # new\r\n\t{}\n", digits(1).to_uppercase(), digits(2));
        let ring = Keyring::parse(&text).unwrap();
        assert!(ring.is_keyed());
        let alone = |number| Keyring::parse(&digits(number)).unwrap().key_ids()[0];
        assert_eq!(ring.key_ids(), [alone(1), alone(2)]);
        let four = (1..=4).map(digits).collect::<Vec<_>>().join("\n");
        assert_eq!(Keyring::parse(&four).unwrap().key_ids().len(), 4);
    }

    #[test]
    fn what_is_no_key_file_is_told_apart_by_line() {
        let key = digits(1);
        check_refused("", KeyError::Empty, "no key");
        check_refused("# nothing\n\n", KeyError::Empty, "64 hex digits");
        check_refused(&key[1..], KeyError::Length { line: 1, found: 63 }, "has 63");
        check_refused(&format!("#\n{key}00"), KeyError::Length { line: 2, found: 66 }, "line 2");
        check_refused("{\"k\": 1}", KeyError::Length { line: 1, found: 8 }, "hex digits");
        check_refused(&format!("{}g", &key[1..]), KeyError::Digit { line: 1 }, "something else");
        check_refused(&format!("{}é", &key[1..]), KeyError::Digit { line: 1 }, "something else");
        check_refused(&"0".repeat(64), KeyError::Guessable { line: 1 }, "no random key");
        check_refused(&format!("{key}\n\n{key}"), KeyError::Twice { line: 3, first: 1 }, "line 1");
        let five = (1..=5).map(digits).collect::<Vec<_>>().join("\n");
        check_refused(&five, KeyError::TooMany { line: 5 }, "more than 4");
    }

    #[test]
    fn two_keys_with_one_id_are_refused() {
        let id = |number| Key::new(&key_bytes(1, &digits(number)).unwrap()).id;
        let clash = (1..=u8::MAX).find_map(|b| (0..b).find(|a| id(*a) == id(b)).map(|a| (a, b)));
        let (a, b) = clash.expect("256 keys have two with one id of 256");
        let text = format!("{}\n{}", digits(a), digits(b));
        check_refused(&text, KeyError::SameId { line: 2, first: 1 }, "id");
    }

    #[test]
    fn an_open_network_has_a_key_of_its_own_name() {
        let (lab, other) = (Keyring::open("lab"), Keyring::open("other"));
        assert!(!lab.is_keyed());
        assert_eq!(lab.key_ids(), Keyring::open("lab").key_ids());
        assert_ne!(lab.key_ids(), other.key_ids());
    }

    #[test]
    fn a_new_key_file_is_read_again() {
        let mut entropy = [0; KEY_BYTES];
        entropy.iter_mut().zip(1..).for_each(|(byte, number)| *byte = number);
        let ring = Keyring::parse(&new_key_file(&entropy)).unwrap();
        assert_eq!(ring.key_ids(), [Key::new(&entropy).id]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]

        #[test]
        fn no_error_and_no_debug_text_shows_a_key(entropy: [u8; KEY_BYTES], cut in 0usize..64, junk in "[g-z]{1,4}") {
            let digits: String = entropy.iter().map(|byte| format!("{byte:02x}")).collect();
            let texts = [
                digits.clone(),
                digits[cut..].to_owned(),
                format!("{digits}{junk}"),
                format!("{}{}", &digits[..63], &junk[..1]),
                format!("{digits}\n{digits}"),
            ];
            for text in texts {
                let shown = match Keyring::parse(&text) {
                    Ok(ring) => format!("{ring:?}"),
                    Err(error) => format!("{error} {error:?} {}", error.hint()),
                };
                prop_assert!(digits.as_bytes().windows(6).all(|part| {
                    !shown.contains(std::str::from_utf8(part).unwrap())
                }), "{}", shown);
            }
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,80}|([0-9a-f]{64}\n){0,6}|(#?[0-9a-fA-F]{63,65}\n?){0,6}") {
            if let Ok(ring) = Keyring::parse(&text) {
                prop_assert!((1..=KEYS_MAX).contains(&ring.key_ids().len()));
            }
        }
    }
}
