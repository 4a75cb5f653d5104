//! Searches for several short patterns in one pass over a text.
//!
//! `memmem` needs one pass for each pattern, which costs more than decoding zstd leaves room for. Here a block of
//! text is compared with two rare bytes of every pattern at once. Only where both are at their places is the pattern
//! itself compared. Patterns that have two rare bytes at the same places are searched for as one. The same pass finds
//! bytes that text does not have, and counts events.
//!
//! With more than about three patterns, the searches of the aho-corasick crate are faster: Teddy as long as it
//! accepts the patterns, then an automaton. There the control characters and the events take a pass of their own.
//! `cargo bench --bench prefilter` measures this.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickKind, Input, MatchKind, packed};
use memchr::arch::all::packedpair::Pair;

use super::marks::Counter;
use super::vectors::{self, BLOCK_BYTES, Blocks, Probe, Stop, TIME_REACH, Times};
use crate::binary::{CONTROL_MAX, find_control};
use crate::steps;

/// The beginning of an escape of an ASCII character. The characters after it decide which one.
pub(super) const ESCAPE: &[u8] = b"\\u00";

/// The longest needle that is searched for. Text that contains a longer one contains its beginning. The framer keeps
/// this many bytes across the seam between two windows.
pub(super) const NEEDLE_BYTES_MAX: usize = 256;

/// Results of a search besides the patterns that it finds.
#[derive(Debug, Default)]
pub(super) struct Passed {
    /// The first control character.
    pub(super) control: Option<usize>,
    /// The counted events.
    pub(super) events: Counter,
}

impl Passed {
    /// Counts events in text that was searched by other means.
    pub(super) fn pass_over(&mut self, text: &[u8], to: usize) {
        self.events.pass_over(text, to);
    }

    /// Takes note of the first control character of a block and what is after it, up to `end`.
    pub(super) fn look_in_block(&mut self, text: &[u8], block: usize, end: usize) {
        if self.control.is_none() {
            let seen = &text[block..text.len().min(end)];
            // Compute the minimum first, with vectors: nearly always there is no control character.
            let least = seen.iter().fold(u8::MAX, |least, byte| least.min(*byte));
            if least <= CONTROL_MAX {
                let at = seen.iter().position(|byte| *byte <= CONTROL_MAX);
                self.control = at.map(|at| block + at);
            }
        }
    }

    /// Returns the start of the first block at or after `from` that may contain the start of a pattern, or that
    /// contains a control character. Counts the events before it. The text must be counted up to `from` at least.
    /// `search` looks at the text up to `reach` bytes after a block.
    pub(super) fn first_block(
        &mut self,
        text: &[u8],
        from: usize,
        reach: usize,
        search: impl Fn(Blocks<'_>, &mut Times) -> Stop,
    ) -> Option<usize> {
        let n_bytes = text.len().checked_sub(from)?;
        let n_blocks = n_bytes.saturating_sub(reach) / BLOCK_BYTES;
        let end = from + n_blocks * BLOCK_BYTES;
        let mut blocks = Blocks { text, from, end };
        let mut times = Times::new();
        loop {
            let stop = search(blocks, &mut times);
            let (Stop::Full(at) | Stop::Marked(at) | Stop::End(at)) = stop;
            self.events.add(text, times.take(), at);
            match stop {
                Stop::Full(_) => blocks.from = at,
                Stop::Marked(_) | Stop::End(_) => return (at < text.len()).then_some(at),
            }
        }
    }

    /// Takes note of the first control character, in a part of the text that was searched by other means.
    pub(super) fn look_for_control(&mut self, text: &[u8], part: Range<usize>) {
        let from = part.start;
        self.control = (self.control).or_else(|| Some(from + find_control(text.get(part)?)?));
    }
}

/// Whether capitals count as other letters than small ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Case {
    Counts,
    Ignored,
}

/// Builds an automaton that finds any of these patterns; of several at one place, the first.
fn automaton(patterns: &[&[u8]], case: Case) -> AhoCorasick {
    let n_bytes: usize = patterns.iter().map(|one| one.len()).sum();
    let automaton = AhoCorasick::builder()
        // Some megabytes of memory double the speed.
        .kind((n_bytes <= DFA_BYTES).then_some(AhoCorasickKind::DFA))
        .match_kind(MatchKind::LeftmostFirst)
        .ascii_case_insensitive(case == Case::Ignored)
        .build(patterns);
    automaton.expect("some thousand patterns are far from the limits")
}

/// The patterns to search for.
#[derive(Debug)]
pub(super) enum Patterns {
    Few(Few),
    Many(Many),
}

/// Patterns that are searched for with a few probes.
#[derive(Debug)]
pub(super) struct Few {
    patterns: Vec<Pattern>,
    /// The bytes that a block is compared with. Wherever a pattern occurs, one of these probes matches.
    probes: Vec<Probe>,
    /// The number of bytes after a block that the rare bytes of its patterns may extend to.
    reach: usize,
}

/// Patterns that are searched for by the aho-corasick crate.
#[derive(Debug)]
pub(super) enum Many {
    Teddy(packed::Searcher),
    Automaton(AhoCorasick),
}

#[derive(Debug)]
struct Pattern {
    bytes: Box<[u8]>,
    /// The offset of a byte that is rare in text.
    rare: usize,
}

impl Probe {
    pub(super) fn new(bytes: &[u8]) -> Self {
        assert!(!bytes.is_empty(), "a pattern has a byte at least");
        let offsets = match Pair::new(bytes) {
            Some(pair) => [pair.index1().into(), pair.index2().into()],
            // A pattern of one byte.
            None => [0, 0],
        };
        Self::at(bytes, offsets)
    }

    fn at(bytes: &[u8], offsets: [usize; 2]) -> Self {
        Self {
            offsets,
            bytes: offsets.map(|offset| bytes[offset]),
        }
    }

    /// Returns one probe for both patterns, if they share two bytes at the same offsets that are rare in text at this
    /// distance.
    fn common(a: &[u8], b: &[u8]) -> Option<Self> {
        steps::take(1);
        let shared = (0..a.len().min(b.len())).filter(|&at| a[at] == b[at]);
        let first = shared.clone().max_by_key(|&at| rarity_bits(a[at]))?;
        // Bytes of one word occur together.
        let apart = shared.filter(|at| at.abs_diff(first) >= COMMON_GAP_LEAST);
        let second = apart.max_by_key(|&at| rarity_bits(a[at]))?;
        let is_rare = rarity_bits(a[first]) + rarity_bits(a[second]) >= COMMON_BITS_LEAST;
        is_rare.then(|| Self::at(a, [first, second]))
    }
}

/// The rarity that two bytes must have to replace the probes of two patterns: one block in 64 has them by chance.
const COMMON_BITS_LEAST: u32 = 12;
/// The least distance between them.
const COMMON_GAP_LEAST: usize = 8;

/// Returns the base-2 logarithm, rounded down, of the number of bytes per occurrence of this one, in 50 MB of public
/// CloudTrail records.
fn rarity_bits(byte: u8) -> u32 {
    match byte {
        b'"' | b'e' => 3,
        b':' | b'a' | b'n' | b's' | b't' => 4,
        b' ' | b',' | b'-' | b'0'..=b'3' => 5,
        b'c' | b'd' | b'i' | b'l' | b'm' | b'o' | b'r' | b'u' => 5,
        b'.' | b'4'..=b'6' | b'8' | b'A' | b'S' => 6,
        b'b' | b'f' | b'g' | b'p' | b'v' | b'w' | b'y' => 6,
        _ => 7,
    }
}

/// The largest number of probes that a block is compared with. With more, the other searches are faster.
pub(super) const PROBES_MAX: usize = 3;

/// The total size of the patterns up to which they become a table with one row for each of their bytes.
const DFA_BYTES: usize = 64 * 1024;

impl Pattern {
    /// Returns the first of these places at which the pattern occurs.
    fn find(&self, text: &[u8], places: Range<usize>) -> Option<usize> {
        let start = places.start + self.rare;
        let end = text.len().min(places.end + self.rare);
        let rare_bytes = text.get(start..end)?;
        memchr::memchr_iter(self.bytes[self.rare], rare_bytes)
            .map(|i| places.start + i)
            .find(|&at| text[at..].starts_with(&self.bytes))
    }
}

impl Patterns {
    pub(super) fn new<'p>(patterns: impl Iterator<Item = &'p [u8]>) -> Self {
        let patterns: Vec<&[u8]> = patterns.collect();
        // A probe is for two patterns at most. Each pattern is compared with each probe to find these pairs, so this
        // is not tried for more patterns than can have so few probes.
        let few = (patterns.len() <= 2 * PROBES_MAX).then(|| Few::new(&patterns));
        match few {
            Some(few) if few.probes.len() <= PROBES_MAX => Self::Few(few),
            _ => Self::Many(Many::new(&patterns)),
        }
    }

    /// Creates a search for patterns whose letters may be capitals or not.
    pub(super) fn in_any_case(patterns: &[&[u8]]) -> Self {
        Self::Many(Many::Automaton(automaton(patterns, Case::Ignored)))
    }

    /// Returns the places at or after `from` where a pattern occurs, in order, each with the index of that pattern.
    pub(super) fn each_from(
        &self,
        text: &[u8],
        mut from: usize,
        passed: &mut Passed,
    ) -> impl Iterator<Item = (usize, usize)> {
        std::iter::from_fn(move || {
            let (at, pattern) = self.find(text, from, passed)?;
            from = at + 1;
            Some((at, pattern))
        })
    }

    /// Returns the first place at or after `from` where a pattern occurs, and the index of the pattern.
    fn find(&self, text: &[u8], from: usize, passed: &mut Passed) -> Option<(usize, usize)> {
        match self {
            Self::Few(few) => few.find(text, from, passed),
            Self::Many(many) => many.find(text, from, passed),
        }
    }
}

impl Many {
    fn new(patterns: &[&[u8]]) -> Self {
        // Of several patterns at one place, the first one counts.
        let mut teddy = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostFirst)
            .builder();
        if let Some(teddy) = teddy.extend(patterns).build() {
            return Self::Teddy(teddy);
        }
        Self::Automaton(automaton(patterns, Case::Counts))
    }

    fn find(&self, text: &[u8], from: usize, passed: &mut Passed) -> Option<(usize, usize)> {
        let from = from.min(text.len());
        let found = match self {
            Self::Teddy(teddy) => teddy.find_in(text, (from..text.len()).into()),
            Self::Automaton(automaton) => automaton.find(Input::new(text).range(from..)),
        };
        let end = found.map_or(text.len(), |found| found.start());
        passed.look_for_control(text, from..end);
        passed.events.pass_over(text, end);
        found.map(|found| (found.start(), found.pattern().as_usize()))
    }
}

impl Few {
    fn new(patterns: &[&[u8]]) -> Self {
        let mut probes: Vec<Probe> = Vec::new();
        // The pattern that a probe was built from, as long as no other pattern shares the probe.
        let mut alone: Vec<Option<&[u8]>> = Vec::new();
        let patterns = patterns.iter().map(|&bytes| {
            let mut others = alone.iter_mut().enumerate();
            let joined = others.find_map(|(i, other)| {
                let common = Probe::common((*other)?, bytes)?;
                *other = None;
                Some((i, common))
            });
            match joined {
                Some((i, common)) => probes[i] = common,
                None => {
                    probes.push(Probe::new(bytes));
                    alone.push(Some(bytes));
                }
            }
            Pattern {
                bytes: bytes.into(),
                rare: Probe::new(bytes).offsets[0],
            }
        });
        let patterns = patterns.collect();
        let offsets = probes.iter().flat_map(|probe| probe.offsets);
        Self {
            reach: offsets.max().unwrap_or(0).max(TIME_REACH),
            patterns,
            probes,
        }
    }

    /// Returns the first place at or after `from` where a pattern occurs, and the index of the pattern.
    fn find(&self, text: &[u8], mut from: usize, passed: &mut Passed) -> Option<(usize, usize)> {
        passed.events.pass_over(text, from);
        loop {
            let search = |blocks: Blocks<'_>, times: &mut Times| {
                vectors::search_any(&self.probes, blocks, times)
            };
            let block = passed.first_block(text, from, self.reach, search)?;
            let end = text.len().min(block + BLOCK_BYTES);
            passed.look_in_block(text, block, end + self.reach);
            let patterns = self.patterns.iter().enumerate();
            let found = patterns.filter_map(|(i, p)| Some((p.find(text, block..end)?, i)));
            if let Some(first) = found.min() {
                return Some(first);
            }
            passed.events.pass_over(text, end);
            from = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(patterns: &[&str], text: &[u8], from: usize) -> Vec<(usize, usize)> {
        let patterns = Patterns::new(patterns.iter().map(|p| p.as_bytes()));
        patterns
            .each_from(text, from, &mut Passed::default())
            .collect()
    }

    #[test]
    fn a_pattern_is_found_wherever_it_stands_in_a_block_or_across_two() {
        for shift in 0..3 * BLOCK_BYTES {
            let text = [vec![b'.'; shift], b"Quarantine".to_vec(), vec![b'.'; 200]].concat();
            assert_eq!(all(&["Other", "Quarantine"], &text, 0), [(shift, 1)]);
            assert_eq!(all(&["Other", "Quarantine"], &text, shift), [(shift, 1)]);
            assert_eq!(all(&["Other", "Quarantine"], &text, shift + 1), []);
            let end = shift + "Quarantine".len();
            assert_eq!(all(&["Other", "Quarantine"], &text[..end], 0), [(shift, 1)]);
            assert_eq!(all(&["Other", "Quarantine"], &text[..end - 1], 0), []);
        }
    }

    #[test]
    fn patterns_with_two_rare_bytes_at_the_same_places_are_looked_for_as_one() {
        let probes = |patterns: &[&str]| {
            let patterns: Vec<&[u8]> = patterns.iter().map(|p| p.as_bytes()).collect();
            Few::new(&patterns).probes.len()
        };
        assert_eq!(probes(&["AWSCompromisedKey", "AWSExposedCredential"]), 1);
        assert_eq!(probes(&["KxQ.......", "KyQ......."]), 2);
        assert_eq!(probes(&["K.......Q1", "K.......Q2", "K.......Q3"]), 2);
        let policies = ["KQ one", "KQ two", "other"];
        let text = ["KQ-", &".".repeat(200), "otherKQ twoKQ one"].concat();
        assert_eq!(
            all(&policies, text.as_bytes(), 0),
            [(203, 2), (208, 1), (214, 0)]
        );
    }

    #[test]
    fn a_control_character_is_met_wherever_it_stands_before_a_hit() {
        let words: [&[u8]; 6] = [b"Other", b"Quarantine", b"KWQX", b"ZVJH", b"xyzw", b"5678"];
        for n in [2, 6] {
            let patterns = Patterns::new(words[..n].iter().copied());
            assert_eq!(matches!(patterns, Patterns::Many(_)), n == 6);
            for at in 0..300 {
                let mut text = [vec![b'.'; 400], b"Other".to_vec()].concat();
                text[at] = 3;
                let mut passed = Passed::default();
                let found: Vec<_> = patterns.each_from(&text, 0, &mut passed).collect();
                assert_eq!((found, passed.control), (vec![(400, 0)], Some(at)));
            }
        }
    }

    #[test]
    fn hundreds_of_patterns_are_found_by_an_automaton_each_at_its_place() {
        let words: Vec<String> = (0..300).map(|n| format!("Word{n:03}")).collect();
        let patterns = Patterns::new(words.iter().map(|word| word.as_bytes()));
        assert!(matches!(patterns, Patterns::Many(Many::Automaton(_))));
        let text = words.join("..");
        let mut passed = Passed::default();
        let found: Vec<_> = patterns
            .each_from(text.as_bytes(), 0, &mut passed)
            .collect();
        let expected: Vec<_> = (0..300).map(|n| (n * 9, n)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn patterns_are_not_compared_with_one_another_if_they_are_many() {
        let words: Vec<String> = (0..2000).map(|n| format!("AKIAWord{n:04}")).collect();
        let patterns = || words.iter().map(|word| word.as_bytes());
        let (n_steps, _) = steps::count(|| Patterns::new(patterns()));
        assert!(n_steps <= 2000, "{n_steps}");
        let pairs = ["K.......Q", "X.......Z", "V.......W"];
        let six = pairs
            .iter()
            .flat_map(|pair| [1, 2].map(|n| format!("{pair}{n}")));
        let six: Vec<String> = six.collect();
        let six = Patterns::new(six.iter().map(|word| word.as_bytes()));
        assert!(matches!(six, Patterns::Few(few) if few.probes.len() == 3));
    }

    #[test]
    fn the_events_of_a_text_are_counted_however_many_patterns_are_sought() {
        let record = r#"{"x":"..............","eventTime":"2024-05-01T12:00:00Z"}"#;
        let text = [record; 40].join("\n");
        for patterns in [&["KQ"][..], &["KQ", "WZ", "VX", "YJ", "HB"], &["eventTime"]] {
            let sought = Patterns::new(patterns.iter().map(|p| p.as_bytes()));
            let mut passed = Passed::default();
            passed.events.begin(0, text.len(), true);
            let n_found = sought.each_from(text.as_bytes(), 0, &mut passed).count();
            passed.events.end(text.as_bytes(), text.len());
            let n_expected = if patterns[0] == "eventTime" { 40 } else { 0 };
            assert_eq!((n_found, passed.events.take().native), (n_expected, 40));
        }
    }

    proptest! {
        /// Few letters, so that patterns occur often, overlap, contain one another, and share bytes.
        #[test]
        fn what_is_found_is_what_stands_there(
            patterns in proptest::collection::vec("[KW]{1,12}", 1..5),
            text in "[KW.]{0,300}",
            from in 0_usize..300,
        ) {
            let patterns: Vec<&str> = patterns.iter().map(String::as_str).collect();
            let places = from..text.len();
            let standing: Vec<_> = places
                .filter_map(|at| {
                    let pattern = patterns.iter().position(|p| text.as_bytes()[at..].starts_with(p.as_bytes()))?;
                    Some((at, pattern))
                })
                .collect();
            prop_assert_eq!(all(&patterns, text.as_bytes(), from), standing);
        }
    }
}
