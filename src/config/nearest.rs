//! The name that was probably meant.

/// Farthest that a misspelling may be from the name that is suggested: beyond two slips it is another word.
const SLIPS_MAX: usize = 2;

/// The one of `names` that `typed` is most likely a misspelling of. Case and `-` for `_` do not count as
/// slips; short words must keep more than half of their letters.
#[must_use]
pub fn nearest<'a>(typed: &str, names: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let typed = plain(typed);
    let slips_max = SLIPS_MAX.min(typed.chars().count() / 2);
    names
        .iter()
        .map(|name| (strsim::osa_distance(&typed, &plain(name)), *name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_word_is_not() {
        let names = ["interval", "machines", "max_datagram", "port"];
        for (typed, meant) in [
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("max-datagram", Some("max_datagram")),
            ("prot", Some("port")),
            ("x", None),
            ("seeds", None),
        ] {
            assert_eq!(nearest(typed, &names), meant, "{typed}");
        }
    }
}
