//! Searches for names in one pass over a text, each as a whole word.
//!
//! Very few names are searched for like needles. More are searched for with Aho-Corasick, which uses the vectors of
//! Teddy as long as it can. The characters around a name decide whether it counts: a user called `admin` is not meant
//! in `administrator`.

use std::collections::BTreeSet;

use aho_corasick::{AhoCorasick, Input, MatchKind};

use super::patterns::{Passed, Patterns, automaton};

/// The beginning of an escape.
const ESCAPE: &str = "\\u00";

/// The number of names, besides the escape, for which the search for needles is fast.
const FEW: usize = 2;

/// Names, and the beginning of an escape, which has the index 0.
#[derive(Debug)]
pub(super) enum Names {
    Few {
        patterns: Patterns,
        lens: Vec<usize>,
    },
    Many(AhoCorasick),
}

impl Names {
    pub(super) fn new(names: BTreeSet<&str>) -> Self {
        let names = names.into_iter().filter(|name| !name.is_empty());
        let mut names: Vec<&str> = std::iter::once(ESCAPE).chain(names).collect();
        // The longest name at each place is found. If two names begin alike, the shorter one is not a whole word
        // there.
        names[1..].sort_by_key(|name| std::cmp::Reverse(name.len()));
        if names.len() <= FEW + 1 {
            return Self::Few {
                patterns: Patterns::new(names.iter().map(|name| name.as_bytes())),
                lens: names.iter().map(|name| name.len()).collect(),
            };
        }
        Self::Many(automaton(&names, MatchKind::LeftmostLongest))
    }

    /// Returns the places at or after `from` where a name occurs as a word or an escape begins, each with its index.
    pub(super) fn each_from(
        &self,
        text: &[u8],
        mut from: usize,
        passed: &mut Passed,
    ) -> impl Iterator<Item = (usize, usize)> {
        std::iter::from_fn(move || {
            let found = self.find(text, from, passed)?;
            from = found.0 + 1;
            Some(found)
        })
    }

    /// Returns the first of these places.
    fn find(&self, text: &[u8], from: usize, passed: &mut Passed) -> Option<(usize, usize)> {
        match self {
            Self::Few { patterns, lens } => {
                let mut found = patterns.each_from(text, from, passed);
                found.find(|&(at, pattern)| pattern == 0 || is_word(text, at, at + lens[pattern]))
            }
            Self::Many(automaton) => {
                let mut at = from;
                let found = loop {
                    let input = Input::new(text).range(at.min(text.len())..);
                    let Some(found) = automaton.find(input) else {
                        break None;
                    };
                    let pattern = found.pattern().as_usize();
                    if pattern == 0 || is_word(text, found.start(), found.end()) {
                        break Some((found.start(), pattern));
                    }
                    at = found.start() + 1;
                };
                let end = found.map_or(text.len(), |(at, _)| at);
                passed.look_for_control(text, from..end);
                found
            }
        }
    }
}

/// Returns true for the characters in names of users, roles and keys (IAM user guide, "IAM and AWS STS quotas"),
/// except `=` and `,`, which are around a name when an object is printed as text.
fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+.@-_".contains(&byte) || !byte.is_ascii()
}

/// Returns true if no character of a name is directly before or after. A character that may belong to an escape does
/// not count.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let is_inside = |byte: Option<&u8>| byte.is_some_and(|byte| is_of_name(*byte));
    let begins = !is_inside(text[..start].last()) || ends_in_escape(&text[..start]);
    // An escape begins with a backslash, which is in no name. Nothing else ends a word in the middle.
    begins && !is_inside(text.get(end))
}

/// Returns true if this ends in an escape, such as `\n` or `\u002f`, which may stand for a character of no name.
fn ends_in_escape(text: &[u8]) -> bool {
    let ends = |n: usize| text.len() >= n && text[text.len() - n] == b'\\';
    ends(2) || ends(6) && text[text.len() - 5] == b'u'
}

/// Returns the longest run of characters in a name that all count as characters of a name here. JSON writes these in
/// one way only. Where a longer run is not a word, a shorter one that begins there is not one either.
pub(super) fn longest_run(name: &str) -> &str {
    let is_other = |c: char| c.is_ascii() && !u8::try_from(c).is_ok_and(is_of_name);
    let runs = name.split(is_other);
    runs.max_by_key(|run| run.len()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(names: &Names, text: &str) -> Vec<usize> {
        let mut passed = Passed::default();
        let found = names.each_from(text.as_bytes(), 0, &mut passed);
        found.map(|(at, _)| at).collect()
    }

    /// Searches in both ways.
    fn found(names: &[&str], text: &str) -> Vec<usize> {
        let few = Names::new(names.iter().copied().collect());
        let others = ["of another", "and another", "and one more"];
        let many = Names::new(names.iter().copied().chain(others).collect());
        assert!(matches!((&few, &many), (Names::Few { .. }, Names::Many(_))));
        let found = places(&few, text);
        assert_eq!(found, places(&many, text), "{text}");
        found
    }

    #[test]
    fn a_name_is_found_as_a_word_alone() {
        let names = ["admin", "admin-2"];
        for text in [
            r#""admin""#,
            "user/admin",
            r"\nadmin",
            "user=admin ",
            "{admin}",
            r#"\"admin-2\""#,
            ":admin-2",
        ] {
            assert_eq!(found(&names, text).len(), 1, "{text}");
        }
        // The escape, and the name after it.
        assert_eq!(found(&names, r"\u002fadmin"), [0, 6]);
        for text in [
            "administrator",
            "admin-3",
            "my.admin",
            "badmin",
            "admin@example.com",
            "éadmin",
        ] {
            assert_eq!(found(&names, text), [] as [usize; 0], "{text}");
        }
    }

    #[test]
    fn an_escape_is_found_wherever_it_begins() {
        assert_eq!(found(&["alice"], r"\u0061lice \u00e9"), [0, 11]);
    }

    #[test]
    fn the_longest_run_of_a_name_is_what_json_writes_as_it_is() {
        assert_eq!(longest_run("a/path/alice"), "alice");
        assert_eq!(longest_run("alice"), "alice");
        assert_eq!(longest_run("backdoor,1"), "backdoor");
        assert_eq!(longest_run("élan=x"), "élan");
        assert_eq!(longest_run("/"), "");
    }
}
