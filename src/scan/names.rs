//! Searches for names in one pass over a text, each as a whole word.
//!
//! They are searched for like needles. The characters around a name decide whether it counts: a user called `admin` is
//! not meant in `administrator`.

use std::collections::BTreeSet;

use super::patterns::{Passed, Patterns};
use crate::event::names::{ends_word, is_of_name};

/// The beginning of an escape.
const ESCAPE: &str = "\\u00";

/// Names, and the beginning of an escape, which has the index 0.
#[derive(Debug)]
pub(super) struct Names {
    patterns: Patterns,
    lens: Vec<usize>,
}

impl Names {
    pub(super) fn new(names: BTreeSet<&str>) -> Self {
        let names = names.into_iter().filter(|name| !name.is_empty());
        let mut names: Vec<&str> = std::iter::once(ESCAPE).chain(names).collect();
        // Of several names at one place the first is found, which is the longest. If two names begin alike, the shorter
        // one is not a whole word there.
        names[1..].sort_by_key(|name| std::cmp::Reverse(name.len()));
        Self {
            patterns: Patterns::new(names.iter().map(|name| name.as_bytes())),
            lens: names.iter().map(|name| name.len()).collect(),
        }
    }

    /// Returns the places at or after `from` where a name occurs as a word or an escape begins, each with its index.
    pub(super) fn each_from(
        &self,
        text: &[u8],
        from: usize,
        passed: &mut Passed,
    ) -> impl Iterator<Item = (usize, usize)> {
        let is_word = |at: usize, index: usize| is_word(text, at, at + self.lens[index]);
        let found = self.patterns.each_from(text, from, passed);
        found.filter(move |&(at, index)| index == 0 || is_word(at, index))
    }
}

/// Returns true if no character of a name is directly before or after. A character that may belong to an escape does
/// not count.
fn is_word(text: &[u8], start: usize, end: usize) -> bool {
    let is_inside = |byte: Option<&u8>| byte.is_some_and(|byte| is_of_name(*byte));
    let begins = !is_inside(text[..start].last()) || ends_in_escape(&text[..start]);
    // An escape begins with a backslash, which is in no name. Nothing else ends a word in the middle.
    begins && ends_word(text.get(end..).unwrap_or_default())
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
    use proptest::prelude::*;

    use super::super::patterns::Many;
    use super::*;

    fn places(names: &Names, text: &str) -> Vec<usize> {
        let mut passed = Passed::default();
        let found = names.each_from(text.as_bytes(), 0, &mut passed);
        found.map(|(at, _)| at).collect()
    }

    /// Names beside others that are not there.
    fn beside(names: &[&str], n_others: usize) -> Names {
        let others: Vec<String> = (0..n_others).map(|n| format!("Other{n:03}")).collect();
        let others = others.iter().map(String::as_str);
        Names::new(names.iter().copied().chain(others).collect())
    }

    /// Searches in all ways: alone, and beside few and many other names.
    fn found(names: &[&str], text: &str) -> Vec<usize> {
        let [alone, few, many] = [0, 8, 300].map(|n| beside(names, n));
        assert!(matches!(alone.patterns, Patterns::Few(_)));
        assert!(matches!(many.patterns, Patterns::Many(Many::Automaton(_))));
        let found = places(&alone, text);
        assert_eq!(found, places(&few, text), "{text}");
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

    proptest! {
        /// Few letters, so that names are often parts of others and of longer words.
        #[test]
        fn a_name_is_found_wherever_it_stands_as_a_word(
            names in proptest::collection::btree_set("[ab-]{1,5}", 1..8),
            text in r#"([ab-]|[ab-]|[ ./"=]|\\n|\\u00){0,150}"#,
        ) {
            let bytes = text.as_bytes();
            let is_found = |at: &usize| {
                let stands = |name: &String| {
                    bytes[*at..].starts_with(name.as_bytes()) && is_word(bytes, *at, at + name.len())
                };
                bytes[*at..].starts_with(ESCAPE.as_bytes()) || names.iter().any(stands)
            };
            let expected: Vec<usize> = (0..text.len()).filter(is_found).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            for n_others in [0, 8, 300] {
                prop_assert_eq!(places(&beside(&names, n_others), &text), expected.clone());
            }
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
