//! Items of canonical CBOR: shortest integers, definite lengths, no maps, tags or floats.

use ciborium_ll::{Decoder, Encoder, Header, simple};

use super::limits::NESTING_MAX;

/// Why bytes are not what they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Not canonical CBOR of the expected shape.
    Malformed,
    /// A value outside its range, or a list longer than its limit.
    OutOfRange,
}

/// Writes item after item.
#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
}

impl Writer {
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
    }

    /// Bytes that are CBOR already.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub fn uint(&mut self, number: impl Into<u64>) {
        self.push(Header::Positive(number.into()));
    }

    pub fn bool(&mut self, truth: bool) {
        self.push(Header::Simple(if truth { simple::TRUE } else { simple::FALSE }));
    }

    /// A number, or null where it is unknown.
    pub fn optional(&mut self, number: Option<impl Into<u64>>) {
        match number {
            Some(number) => self.uint(number),
            None => self.null(),
        }
    }

    pub fn null(&mut self) {
        self.push(Header::Simple(simple::NULL));
    }

    /// The head of an array; its elements follow.
    pub fn array(&mut self, len: usize) {
        self.push(Header::Array(Some(len)));
    }

    pub fn bytes(&mut self, bytes: &[u8]) {
        self.push(Header::Bytes(Some(bytes.len())));
        self.raw(bytes);
    }

    pub fn text(&mut self, text: &str) {
        self.text_of(&[text]);
    }

    /// One text, made of several.
    pub fn text_of(&mut self, parts: &[&str]) {
        self.push(Header::Text(Some(parts.iter().map(|part| part.len()).sum())));
        parts.iter().for_each(|part| self.raw(part.as_bytes()));
    }

    fn push(&mut self, header: Header) {
        Encoder::from(&mut self.bytes).push(header).expect("a Vec takes every byte");
    }
}

/// Reads item after item.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// How many bytes are left.
    pub fn len(&self) -> usize {
        self.rest.len()
    }

    /// Fails where something is left over.
    pub fn finish(self) -> Result<(), Fault> {
        if self.rest.is_empty() { Ok(()) } else { Err(Fault::Malformed) }
    }

    pub fn uint<T: TryFrom<u64>>(&mut self) -> Result<T, Fault> {
        match self.pull()? {
            Header::Positive(number) => T::try_from(number).map_err(|_| Fault::OutOfRange),
            _ => Err(Fault::Malformed),
        }
    }

    pub fn bool(&mut self) -> Result<bool, Fault> {
        match self.pull()? {
            Header::Simple(simple::FALSE) => Ok(false),
            Header::Simple(simple::TRUE) => Ok(true),
            _ => Err(Fault::Malformed),
        }
    }

    /// A number, or null where it is unknown.
    pub fn optional<T: TryFrom<u64>>(&mut self) -> Result<Option<T>, Fault> {
        if self.null() { Ok(None) } else { self.uint().map(Some) }
    }

    /// Steps over a null, where the next item is one.
    pub fn null(&mut self) -> bool {
        let mut ahead = self.clone();
        let is_null = ahead.pull() == Ok(Header::Simple(simple::NULL));
        if is_null {
            *self = ahead;
        }
        is_null
    }

    /// The head of an array: how many elements follow, each at least one byte.
    pub fn array(&mut self) -> Result<usize, Fault> {
        match self.pull()? {
            Header::Array(Some(len)) if len <= self.rest.len() => Ok(len),
            _ => Err(Fault::Malformed),
        }
    }

    /// The same where `expected` elements must follow.
    pub fn array_of(&mut self, expected: usize) -> Result<(), Fault> {
        if self.array()? == expected { Ok(()) } else { Err(Fault::Malformed) }
    }

    /// An array whose `known` first elements `read` reads. What newer versions added behind is stepped over.
    pub fn row<T>(&mut self, known: usize, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        let count = self.array()?;
        self.fields(count, known, read)
    }

    /// The same for `count` elements whose head was read.
    pub fn fields<T>(
        &mut self,
        count: usize,
        known: usize,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let added = count.checked_sub(known).ok_or(Fault::Malformed)?;
        let value = read(self)?;
        (0..added).try_for_each(|_| self.skip())?;
        Ok(value)
    }

    /// Whether the next item is a byte string.
    pub fn is_bytes(&self) -> bool {
        matches!(self.clone().pull(), Ok(Header::Bytes(_)))
    }

    pub fn bytes(&mut self) -> Result<&'a [u8], Fault> {
        match self.pull()? {
            Header::Bytes(Some(len)) => self.take(len),
            _ => Err(Fault::Malformed),
        }
    }

    pub fn text(&mut self) -> Result<&'a str, Fault> {
        match self.pull()? {
            Header::Text(Some(len)) => std::str::from_utf8(self.take(len)?).map_err(|_| Fault::Malformed),
            _ => Err(Fault::Malformed),
        }
    }

    /// Everything that is left: items whose meaning only newer versions know.
    pub fn remainder(&mut self) -> Result<&'a [u8], Fault> {
        let all = self.rest;
        while !self.is_empty() {
            self.skip()?;
        }
        Ok(all)
    }

    /// Steps over one item of any canonical shape.
    pub fn skip(&mut self) -> Result<(), Fault> {
        self.skip_nested(NESTING_MAX)
    }

    fn skip_nested(&mut self, depth: usize) -> Result<(), Fault> {
        match self.pull()? {
            Header::Positive(_) | Header::Negative(_) => Ok(()),
            Header::Simple(simple::FALSE | simple::TRUE | simple::NULL) => Ok(()),
            Header::Bytes(Some(len)) => self.take(len).map(drop),
            Header::Text(Some(len)) => std::str::from_utf8(self.take(len)?).map(drop).map_err(|_| Fault::Malformed),
            Header::Array(Some(len)) if depth > 0 => (0..len).try_for_each(|_| self.skip_nested(depth - 1)),
            Header::Array(_)
            | Header::Bytes(None)
            | Header::Text(None)
            | Header::Map(_)
            | Header::Tag(_)
            | Header::Float(_)
            | Header::Simple(_)
            | Header::Break => Err(Fault::Malformed),
        }
    }

    /// The next head, where it is the shortest of its value.
    fn pull(&mut self) -> Result<Header, Fault> {
        let mut decoder = Decoder::from(self.rest);
        let header = decoder.pull().map_err(|_| Fault::Malformed)?;
        let len = decoder.offset();
        if shortest(header) != Some(len) {
            return Err(Fault::Malformed);
        }
        self.take(len)?;
        Ok(header)
    }

    fn take(&mut self, len: usize) -> Result<&'a [u8], Fault> {
        let (taken, rest) = self.rest.split_at_checked(len).ok_or(Fault::Malformed)?;
        self.rest = rest;
        Ok(taken)
    }
}

/// Bytes of the shortest head that says the same; `None` for what is never canonical here.
fn shortest(header: Header) -> Option<usize> {
    match header {
        Header::Positive(number) | Header::Negative(number) => Some(number_len(number)),
        Header::Bytes(Some(len)) | Header::Text(Some(len)) | Header::Array(Some(len)) => Some(head_len(len)),
        Header::Simple(simple::FALSE | simple::TRUE | simple::NULL) => Some(1),
        Header::Bytes(None)
        | Header::Text(None)
        | Header::Array(None)
        | Header::Map(_)
        | Header::Tag(_)
        | Header::Float(_)
        | Header::Simple(_)
        | Header::Break => None,
    }
}

/// Bytes before a string or an array of that length.
pub(super) fn head_len(len: usize) -> usize {
    number_len(len as u64)
}

/// Bytes of a number in its shortest form.
fn number_len(number: u64) -> usize {
    match number {
        0..24 => 1,
        24..0x100 => 2,
        0x100..0x1_0000 => 3,
        0x1_0000..0x1_0000_0000 => 5,
        _ => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::hex;
    use super::*;

    #[track_caller]
    fn check_item(text: &str, accepted: bool) {
        let bytes = hex(text);
        let outcome = Reader::new(&bytes).remainder();
        assert_eq!(outcome.is_ok(), accepted, "{text}");
    }

    #[test]
    fn an_item_has_one_form_only() {
        for shortest in ["17", "18 18", "19 0100", "1a 00010000", "1b 0000000100000000", "37", "38 18"] {
            check_item(shortest, true);
        }
        for longer in
            ["18 17", "19 00ff", "1a 0000ffff", "1b 00000000ffffffff", "38 17", "58 01 61", "78 01 61", "98 01 00"]
        {
            check_item(longer, false);
        }
    }

    #[test]
    fn maps_tags_floats_and_indefinite_lengths_are_refused() {
        for accepted in ["f4", "f5", "f6", "43 616263", "63 616263", "83 00 f6 40", "80"] {
            check_item(accepted, true);
        }
        let floats = ["f9 0000", "f9 7e00", "fa 7fc00000", "fb 7ff8000000000000"];
        let indefinite = ["5f 41 61 ff", "7f 61 61 ff", "9f 00 ff", "bf ff", "ff"];
        let simple = ["f7", "e0", "f8 18", "f8 14", "f8 ff"];
        let other = ["a0", "a1 00 00", "c0 00", "c2 41 01", "1c", "1f", "fc", "62 ff ff", "61 80"];
        for refused in [floats.as_slice(), &indefinite, &simple, &other].concat() {
            check_item(refused, false);
        }
    }

    #[test]
    fn what_ends_early_is_refused() {
        for cut in ["18", "19 01", "42 00", "62 61", "82 00", "9b ffffffffffffffff", "5b ffffffffffffffff", "81 81 81"]
        {
            check_item(cut, false);
        }
    }

    #[test]
    fn arrays_nest_four_deep_and_no_deeper() {
        check_item("81 81 81 81 00", true);
        check_item("81 81 81 81 80", false);
        check_item(&"81".repeat(1_000), false);
    }

    #[test]
    fn a_number_that_does_not_fit_is_out_of_range_and_another_item_is_malformed() {
        let read = |text: &str| Reader::new(&hex(text)).uint::<u8>();
        assert_eq!((read("18 ff"), read("19 0100")), (Ok(255), Err(Fault::OutOfRange)));
        assert_eq!(
            (read("20"), read("f4"), read("")),
            (Err(Fault::Malformed), Err(Fault::Malformed), Err(Fault::Malformed))
        );
    }
}
