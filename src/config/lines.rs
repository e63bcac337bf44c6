//! What all text files have in common: a size limit, lines, comments, and findings that name file and line.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Largest text file that is read: ten thousand machines with long names; a device or a wrong file ends here.
pub const TEXT_FILE_MAX: u64 = 4 << 20;

/// Something in a file that is odd and no obstacle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The file.
    pub file: PathBuf,
    /// Its line, from 1.
    pub line: usize,
    /// What is odd there, and what becomes of it.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

/// The text in the file at `path`. Bytes that are no UTF-8 become U+FFFD, so that the line they stand in is
/// found odd and the others are used.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(TEXT_FILE_MAX + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > TEXT_FILE_MAX {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {} MiB", TEXT_FILE_MAX >> 20)));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The lines of `text` that say something, with their numbers from 1: without comments (`#` to the end) and
/// without the space around.
pub(super) fn content_lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.trim_start_matches('\u{feff}')
        .lines()
        .zip(1..)
        .map(|(line, number)| (number, line.split('#').next().unwrap_or("").trim()))
        .filter(|(_, line)| !line.is_empty())
}

/// The line, from 1, in which byte `offset` of `text` lies.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    1 + text.bytes().take(offset).filter(|byte| *byte == b'\n').count()
}
