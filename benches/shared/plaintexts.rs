//! What a hostile holder of the key would send to keep a decoder busy.

/// What costs most for its bytes: the smallest items, the deepest nesting, the most elements.
pub fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let in_unknown_records = |item: &[u8]| {
        let mut content = vec![0x00, 0x46, 1, 2, 3, 4, 5, 6, 0x01, 0x01];
        while content.len() + item.len() <= 400 {
            content.extend_from_slice(item);
        }
        let mut bytes = vec![0x82, 0x01, 0x82];
        for _ in 0..2 {
            bytes.extend([0x82, 0x04, 0x59]);
            bytes.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
            bytes.extend(&content);
        }
        bytes
    };
    let mut ids = vec![0x82, 0x09, 0x98, 160];
    (0..160u8).for_each(|id| ids.extend([0x46, 0, 0, 0, 0, 0, id]));
    vec![
        ("hostile: tails of small items", in_unknown_records(&[0x00])),
        ("hostile: tails of nested arrays", in_unknown_records(&[0x81, 0x81, 0x81, 0x81, 0x00])),
        ("hostile: a list of ids", ids),
        ("hostile: a length that lies", vec![0x82, 0x01, 0x9b, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        ("hostile: noise", (0..1_168u32).map(|byte| (byte.wrapping_mul(2_654_435_761) >> 24) as u8).collect()),
    ]
}
