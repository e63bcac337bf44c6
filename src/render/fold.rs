//! Names folded as ClusterShell and Slurm read them: `node[1-3,7],gpu[01-12].lab`.

use std::collections::{BTreeMap, BTreeSet};

/// Longest run of digits that is taken for a number: it fits 64 bits.
const DIGITS_MAX: usize = 18;

/// A name whose digits from `start` to `end` may be folded with those of others.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Run<'a> {
    before: &'a str,
    digits: &'a str,
    after: &'a str,
}

impl<'a> Run<'a> {
    /// All runs of digits in `name`, from left to right.
    fn all_in(name: &'a str) -> Vec<Self> {
        let mut runs = Vec::new();
        let mut rest = 0;
        while let Some(offset) = name[rest..].find(|letter: char| letter.is_ascii_digit()) {
            let start = rest + offset;
            let end = name[start..].find(|letter: char| !letter.is_ascii_digit()).map_or(name.len(), |len| start + len);
            if end - start <= DIGITS_MAX {
                runs.push(Self { before: &name[..start], digits: &name[start..end], after: &name[end..] });
            }
            rest = end;
        }
        runs
    }

    /// The width to which the number is filled with zeros, where it shows one.
    fn padding(&self) -> Option<usize> {
        (self.digits.len() > 1 && self.digits.starts_with('0')).then_some(self.digits.len())
    }
}

/// Everything but the number: hosts that share it are folded.
type Frame<'a> = (&'a str, &'a str);

/// `names` on one line with commas between, each once. Of several numbers in a name the one is folded that most
/// other names differ in, the last where that is equal. Numbers of different widths stay apart, so that unfolding
/// gives exactly these names again.
#[must_use]
pub fn fold<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.into_iter().collect();
    let mut shared: BTreeMap<Frame<'_>, usize> = BTreeMap::new();
    for run in names.iter().flat_map(|name| Run::all_in(name)) {
        *shared.entry((run.before, run.after)).or_default() += 1;
    }
    let mut groups: BTreeMap<Frame<'_>, Vec<Run<'_>>> = BTreeMap::new();
    for name in names {
        let best = Run::all_in(name).into_iter().max_by_key(|run| shared[&(run.before, run.after)]);
        // A name without a number is its own frame.
        let run = best.unwrap_or(Run { before: name, digits: "", after: "" });
        groups.entry((run.before, run.after)).or_default().push(run);
    }
    let folded: Vec<String> = groups.into_iter().flat_map(|(frame, runs)| fold_group(frame, &runs)).collect();
    folded.join(",")
}

/// One folded name for each width.
fn fold_group((before, after): Frame<'_>, runs: &[Run<'_>]) -> Vec<String> {
    let widths: BTreeSet<usize> = runs.iter().filter_map(Run::padding).collect();
    let mut by_width: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    let mut plain = Vec::new();
    for run in runs {
        match run.digits.parse() {
            // 10 goes with 01 to 09. Width 0 is "not filled".
            Ok(number) => {
                let width = if widths.contains(&run.digits.len()) { run.digits.len() } else { 0 };
                by_width.entry(width).or_default().insert(number);
            }
            Err(_) => plain.push(format!("{before}{}{after}", run.digits)),
        }
    }
    plain.extend(by_width.into_iter().map(|(width, numbers)| {
        let single = numbers.len() == 1;
        let ranges = ranges(&numbers, width);
        if single { format!("{before}{ranges}{after}") } else { format!("{before}[{ranges}]{after}") }
    }));
    plain
}

/// `1-3,7`
fn ranges(numbers: &BTreeSet<u64>, width: usize) -> String {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == *number => *last = *number,
            Some(_) | None => ranges.push((*number, *number)),
        }
    }
    let texts: Vec<String> = ranges
        .into_iter()
        .map(
            |(first, last)| {
                if first == last { format!("{first:0width$}") } else { format!("{first:0width$}-{last:0width$}") }
            },
        )
        .collect();
    texts.join(",")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check_fold(names: &[&str], folded: &str) {
        assert_eq!(fold(names.iter().copied()), folded, "{names:?}");
    }

    #[test]
    fn numbers_fold_into_ranges() {
        check_fold(&[], "");
        check_fold(&["node7"], "node7");
        check_fold(&["node7", "node2", "node1", "node3"], "node[1-3,7]");
        check_fold(&["node1", "node2", "node1"], "node[1-2]");
        check_fold(&["login", "node9", "node10", "db"], "db,login,node[9-10]");
    }

    #[test]
    fn filled_numbers_keep_their_width_and_stay_apart_from_others() {
        check_fold(&["node01", "node02", "node09", "node10"], "node[01-02,09-10]");
        check_fold(&["node1", "node01", "node001"], "node1,node01,node001");
        check_fold(&["node01", "node99", "node100"], "node100,node[01,99]");
        check_fold(&["node0", "node1"], "node[0-1]");
    }

    #[test]
    fn domains_and_other_endings_stay_behind_the_brackets() {
        check_fold(&["node1.a.edu", "node2.a.edu", "node3.b.edu"], "node[1-2].a.edu,node3.b.edu");
        check_fold(&["10.0.0.9", "10.0.0.10", "10.0.0.11"], "10.0.0.[9-11]");
        check_fold(&["rack1-node1", "rack1-node2", "rack2-node7"], "rack1-node[1-2],rack2-node7");
    }

    #[test]
    fn of_several_numbers_that_one_is_folded_in_which_most_names_differ() {
        check_fold(&["node1-ib0", "node2-ib0", "node3-ib0"], "node[1-3]-ib0");
    }

    #[test]
    fn a_number_too_large_to_count_is_a_name() {
        check_fold(&["n99999999999999999999", "n99999999999999999998"], "n99999999999999999998,n99999999999999999999");
    }

    /// What ClusterShell and Slurm make of a folded text.
    fn unfold(folded: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let mut rest = folded;
        while !rest.is_empty() {
            let bracket = rest.find('[').filter(|bracket| !rest[..*bracket].contains(','));
            let end = match bracket {
                Some(bracket) => rest[bracket..].find(']').unwrap() + bracket,
                None => 0,
            };
            let end = rest[end..].find(',').map_or(rest.len(), |comma| comma + end);
            let item = &rest[..end];
            match bracket {
                Some(bracket) => {
                    let (inside, after) = item[bracket + 1..].split_once(']').unwrap();
                    for range in inside.split(',') {
                        let (first, last) = range.split_once('-').unwrap_or((range, range));
                        let width = if first.starts_with('0') { first.len() } else { 0 };
                        for number in first.parse::<u64>().unwrap()..=last.parse().unwrap() {
                            names.insert(format!("{}{number:0width$}{after}", &item[..bracket]));
                        }
                    }
                }
                None => drop(names.insert(item.to_owned())),
            }
            rest = rest[end..].trim_start_matches(',');
        }
        names
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        #[test]
        fn unfolding_gives_the_same_names_again(
            names in prop::collection::btree_set("[a-c]{0,1}[0-9]{0,3}-?[a-b]?[0-9]{0,2}(\\.[a-b][0-2])?", 0..40),
        ) {
            let names: BTreeSet<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
            prop_assert_eq!(unfold(&fold(names.iter().map(String::as_str))), names);
        }
    }
}
