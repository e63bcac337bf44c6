//! A list that is too long for one datagram, in as few parts as it takes.

use std::slice;

use super::cbor::{Writer, head_len};

/// A part of a list.
#[derive(Debug)]
pub(super) struct Part {
    /// Where in the list the next part begins.
    pub end: usize,
    /// This part as an array.
    pub array: Vec<u8>,
}

/// How the elements of a list are written, and which neighbours stay in one part where they can.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<T> {
    /// Writes one. Where it writes nothing, the element is left out.
    pub write: fn(&mut Writer, &T),
    /// Whether an element should not be parted from the one before it.
    pub belongs: fn(&T, &T) -> bool,
}

/// `items` in parts of at most `room` bytes, in order; at least one part. An element that alone is longer
/// than that is left out.
pub(super) fn split<T>(items: &[T], room: usize, elements: Elements<T>) -> Vec<Part> {
    let mut parts = Parts { room, count: 0, written: Writer::default(), taken: 0, parts: Vec::new() };
    for unit in items.chunk_by(elements.belongs) {
        if !parts.take(unit, elements.write) {
            for item in unit {
                if !parts.take(slice::from_ref(item), elements.write) {
                    parts.taken += 1;
                }
            }
        }
    }
    parts.close();
    parts.parts
}

struct Parts {
    room: usize,
    /// Elements of the part at hand, and their bytes.
    count: usize,
    written: Writer,
    /// Items that were looked at.
    taken: usize,
    parts: Vec<Part>,
}

impl Parts {
    /// Takes all of `unit` into one part. False, and nothing is taken, where no part has room for it.
    fn take<T>(&mut self, unit: &[T], write: fn(&mut Writer, &T)) -> bool {
        let mut bytes = Writer::default();
        let mut count = 0;
        for item in unit {
            let before = bytes.len();
            write(&mut bytes, item);
            count += usize::from(bytes.len() > before);
        }
        if head_len(count) + bytes.len() > self.room {
            return false;
        }
        if head_len(self.count + count) + self.written.len() + bytes.len() > self.room {
            self.close();
        }
        self.written.raw(bytes.as_bytes());
        self.count += count;
        self.taken += unit.len();
        true
    }

    /// Ends the part at hand.
    fn close(&mut self) {
        let mut array = Writer::default();
        array.array(self.count);
        array.raw(self.written.as_bytes());
        self.parts.push(Part { end: self.taken, array: array.into_bytes() });
        self.count = 0;
        self.written.clear();
    }
}
