//! `valid_ips.txt`: which addresses may take part, one prefix a line.

use std::io;
use std::path::{Path, PathBuf};

use super::lines::{Finding, content_lines, read_text};
use crate::model::NetworkList;

/// Most prefixes that are used: every datagram is compared with each of them.
pub const PREFIXES_MAX: usize = 1000;

/// Why a file of prefixes cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ValidIpsError {
    /// It is there and cannot be read.
    #[error("cannot read {}: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the kernel said.
        error: io::Error,
    },
    /// It has lines and none of them is a prefix: taken as empty, it would accept everybody.
    #[error("no line of {} is an address prefix", .path.display())]
    NoneValid {
        /// The file.
        path: PathBuf,
        /// What is wrong with its lines.
        findings: Vec<Finding>,
    },
    /// More prefixes than are compared with every datagram; to use only some would shut others out.
    #[error("{} has more than {PREFIXES_MAX} prefixes", .0.display())]
    TooMany(PathBuf),
}

/// The prefixes in the file at `path`, and its lines that are none. A missing file accepts everybody.
pub fn read(path: &Path) -> Result<(NetworkList, Vec<Finding>), ValidIpsError> {
    match read_text(path) {
        Ok(text) => parse(path, &text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Default::default()),
        Err(error) => Err(ValidIpsError::Unreadable { path: path.into(), error }),
    }
}

/// The prefixes in `text`, which stands in the file at `path`, and its lines that are none.
pub fn parse(path: &Path, text: &str) -> Result<(NetworkList, Vec<Finding>), ValidIpsError> {
    let mut prefixes = Vec::new();
    let mut findings = Vec::new();
    for (line, content) in content_lines(text) {
        match NetworkList::parse_line(content) {
            Ok(_) if prefixes.len() == PREFIXES_MAX => return Err(ValidIpsError::TooMany(path.into())),
            Ok(prefix) => prefixes.push(prefix),
            Err(error) => {
                findings.push(Finding { file: path.into(), line, what: format!("{error}; the line is passed over") });
            }
        }
    }
    if prefixes.is_empty() && !findings.is_empty() {
        return Err(ValidIpsError::NoneValid { path: path.into(), findings });
    }
    Ok((NetworkList::new(prefixes), findings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_manuals_impossible_prefix_is_found_and_the_other_line_is_used() {
        let (list, findings) = parse(Path::new("v.txt"), "130.58.68\n256.256.256\n").unwrap();
        assert!(list.accepts("130.58.68.1".parse().unwrap()));
        assert!(!list.accepts("130.58.69.1".parse().unwrap()));
        assert_eq!(findings.len(), 1);
        assert!(findings[0].to_string().starts_with("v.txt:2: '256.256.256' is neither"), "{}", findings[0]);
    }

    #[test]
    fn a_file_without_one_valid_line_is_refused_and_an_empty_one_accepts_everybody() {
        assert!(matches!(parse(Path::new("v"), "lab\n"), Err(ValidIpsError::NoneValid { .. })));
        assert!(parse(Path::new("v"), "# nothing yet\n\n").unwrap().0.is_empty());
        assert!(read(Path::new("/nonexistent/v")).unwrap().0.is_empty());
    }
}
