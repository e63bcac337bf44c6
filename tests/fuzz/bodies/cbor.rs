//! What is canonical, judged by a codec that is not ours.

use ciborium::Value;

/// Panics where `bytes` are not one item in its shortest form.
pub fn check_canonical(bytes: &[u8]) {
    let mut rest = bytes;
    let value: Value = ciborium::from_reader(&mut rest).expect("what was decoded is CBOR");
    assert!(rest.is_empty(), "{} bytes are left over", rest.len());
    let mut again = Vec::new();
    ciborium::into_writer(&value, &mut again).expect("a Vec takes every byte");
    assert_eq!(again, bytes, "what was decoded was not in its shortest form");
}
