//! Inputs that are nearly right: a small deterministic mutator, so that a run on the stable toolchain can be repeated.

/// Longest input that is made: a datagram, a request and a settings file are shorter.
const INPUT_MAX: usize = 4_096;

/// Most changes to one input: one is found most easily, several get past what one is stopped by.
const CHANGES_MAX: usize = 6;

/// Numbers at which limits lie, and where counting ends.
const NUMBERS: [u64; 24] = [
    0,
    1,
    2,
    7,
    8,
    23,
    24,
    63,
    64,
    127,
    128,
    255,
    256,
    300,
    1_023,
    1_368,
    4_096,
    32_767,
    65_534,
    65_535,
    0x7fff_ffff,
    0xffff_ffff,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];

/// What means something in some of the formats: heads of CBOR, and words of the files.
const PIECES: [&[u8]; 34] = [
    b"\x80",
    b"\x82\x01\x00",
    b"\x9f\xff",
    b"\xa0",
    b"\xc0",
    b"\xf4",
    b"\xf5",
    b"\xf6",
    b"\xf9\x7e\x00",
    b"\xfb\x7f\xf8\x00\x00\x00\x00\x00\x00",
    b"\x18\x17",
    b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x46\xc0\x00\x02\x01\x00\x00",
    b"\x44\xff\xff\xff\xff",
    b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x81\x81\x81\x81\x81\x81\x80",
    b"PM\x01",
    b"-oProxyCommand=x",
    b"\x1b[31m",
    "\u{202e}".as_bytes(),
    b"\xff\xfe",
    b"\0",
    b"\n",
    b"\r\n",
    b"# ",
    b"= ",
    b"\"\"\"",
    b"nan",
    b"-1",
    b"1e400",
    b"99999999999999999999",
    b" kB\n",
    b"0-4294967295,",
    b"256.256.256",
];

/// A generator (SplitMix64) and the corpus that it changes.
#[derive(Debug)]
pub struct Mutator<'a> {
    state: u64,
    corpus: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// One seed gives one row of inputs. `corpus` is not empty.
    pub fn new(seed: u64, corpus: &'a [Vec<u8>]) -> Self {
        Self { state: seed, corpus }
    }

    /// The next input: one of the corpus, changed in a few places.
    pub fn next_input(&mut self) -> Vec<u8> {
        let mut input = self.pick(self.corpus).clone();
        for _ in 0..=self.below(CHANGES_MAX) {
            self.change(&mut input);
        }
        input.truncate(INPUT_MAX);
        input
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        match self.below(12) {
            0 | 1 => {
                if let Some(byte) = self.place(input) {
                    input[byte] ^= 1 << self.below(8);
                }
            }
            2 => {
                if let Some(byte) = self.place(input) {
                    input[byte] = self.number() as u8;
                }
            }
            3 => {
                if let Some(byte) = self.place(input) {
                    input[byte] = input[byte].wrapping_add([1, 255, 2, 254][self.below(4)]);
                }
            }
            4 => input.truncate(self.below(input.len() + 1)),
            5 => drop(input.drain(self.range(input.len()))),
            6 => {
                let again = input[self.range(input.len())].to_vec();
                self.insert(input, &again);
            }
            7 => {
                let other = self.pick(self.corpus);
                let piece = other[self.range(other.len())].to_vec();
                self.insert(input, &piece);
            }
            8 => {
                // The head of this one, the tail of another.
                let other = self.pick(self.corpus);
                input.truncate(self.below(input.len() + 1));
                input.extend_from_slice(&other[self.below(other.len() + 1)..]);
            }
            9 => {
                let piece = self.pick(&PIECES).to_vec();
                self.place_or_insert(input, &piece);
            }
            10 => {
                let bytes = self.pick(&NUMBERS).to_be_bytes();
                let piece = bytes[8 - [1, 2, 4, 8][self.below(4)]..].to_vec();
                self.place_or_insert(input, &piece);
            }
            _ => {
                // The same number in words, where one stands.
                let start = self.below(input.len() + 1);
                let is_digit = |byte: &u8| byte.is_ascii_digit();
                if let Some(first) = input[start..].iter().position(is_digit).map(|place| start + place) {
                    let len = input[first..].iter().take_while(|byte| is_digit(byte)).count();
                    let number = self.pick(&NUMBERS).to_string();
                    input.splice(first..first + len, number.into_bytes());
                }
            }
        }
    }

    fn place_or_insert(&mut self, input: &mut Vec<u8>, piece: &[u8]) {
        let place = self.below(input.len() + 1);
        if self.below(2) == 0 || place + piece.len() > input.len() {
            self.insert(input, piece);
        } else {
            input[place..place + piece.len()].copy_from_slice(piece);
        }
    }

    fn insert(&mut self, input: &mut Vec<u8>, piece: &[u8]) {
        let place = self.below(input.len() + 1);
        input.splice(place..place, piece.iter().copied());
    }

    /// A place in `input`, where it has one.
    fn place(&mut self, input: &[u8]) -> Option<usize> {
        (!input.is_empty()).then(|| self.below(input.len()))
    }

    /// A short stretch, most often; sometimes any.
    fn range(&mut self, len: usize) -> std::ops::Range<usize> {
        let start = self.below(len + 1);
        let longest = if self.below(4) == 0 { len } else { 16 };
        let end = start + self.below(longest.min(len - start) + 1);
        start..end
    }

    fn pick<'b, T>(&mut self, items: &'b [T]) -> &'b T {
        &items[self.below(items.len())]
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.number()) * bound as u128) >> 64) as usize
    }

    fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}
