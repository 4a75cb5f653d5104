//! Several short patterns looked for in one pass over a text.
//!
//! `memmem` takes a pass for each pattern, which costs more than decoding zstd leaves room for. Here a block
//! of text is compared with two rare bytes of every pattern at once; only where both stand at their places
//! is the pattern itself compared. `cargo bench --bench prefilter` measures it.

use std::ops::Range;

use memchr::arch::all::packedpair::Pair;

/// Text looked at in one step: what a few vector registers hold.
const BLOCK_BYTES: usize = 64;

/// What is looked for.
#[derive(Debug)]
pub(super) struct Patterns {
    patterns: Vec<Pattern>,
    /// How far behind a block its patterns' rare bytes may lie.
    reach: usize,
}

/// A pattern and the offsets of two of its bytes that are rare in text.
#[derive(Debug)]
struct Pattern {
    bytes: Box<[u8]>,
    first: usize,
    second: usize,
}

impl Pattern {
    fn new(bytes: &[u8]) -> Self {
        assert!(!bytes.is_empty(), "a pattern has a byte at least");
        let (first, second) = match Pair::new(bytes) {
            Some(pair) => (pair.index1().into(), pair.index2().into()),
            // A pattern of one byte.
            None => (0, 0),
        };
        Self {
            bytes: bytes.into(),
            first,
            second,
        }
    }

    /// The first of these places where the pattern stands.
    fn find(&self, text: &[u8], places: Range<usize>) -> Option<usize> {
        let start = places.start + self.first;
        let end = text.len().min(places.end + self.first);
        let rare_bytes = text.get(start..end)?;
        memchr::memchr_iter(self.bytes[self.first], rare_bytes)
            .map(|i| places.start + i)
            .find(|&at| text[at..].starts_with(&self.bytes))
    }
}

impl Patterns {
    pub(super) fn new<'p>(patterns: impl Iterator<Item = &'p [u8]>) -> Self {
        let patterns: Vec<Pattern> = patterns.map(Pattern::new).collect();
        let offsets = patterns.iter().map(|p| p.first.max(p.second));
        Self {
            reach: offsets.max().unwrap_or(0),
            patterns,
        }
    }

    /// The places at or after `from` where a pattern stands, in order, each with the number of that pattern.
    pub(super) fn each_from(
        &self,
        text: &[u8],
        mut from: usize,
    ) -> impl Iterator<Item = (usize, usize)> {
        std::iter::from_fn(move || {
            let (at, pattern) = self.find(text, from)?;
            from = at + 1;
            Some((at, pattern))
        })
    }

    /// The first place at or after `from` where a pattern stands, and which one.
    fn find(&self, text: &[u8], mut from: usize) -> Option<(usize, usize)> {
        loop {
            let block = self.first_block(text, from)?;
            let end = text.len().min(block + BLOCK_BYTES);
            let patterns = self.patterns.iter().enumerate();
            let found = patterns.filter_map(|(i, p)| Some((p.find(text, block..end)?, i)));
            if let Some(first) = found.min() {
                return Some(first);
            }
            from = end;
        }
    }

    /// The start of the first block from `from` on that may hold a pattern's start.
    fn first_block(&self, text: &[u8], from: usize) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if std::arch::is_x86_feature_detected!("avx2") {
            #[expect(
                unsafe_code,
                reason = "vectors twice as wide: half the time of the search"
            )]
            // SAFETY: the processor has AVX2.
            return unsafe { self.first_block_avx2(text, from) };
        }
        self.first_block_in(text, from)
    }

    /// The same, compiled for wider vectors than every processor of this kind has.
    #[cfg(target_arch = "x86_64")]
    #[target_feature(enable = "avx2")]
    fn first_block_avx2(&self, text: &[u8], from: usize) -> Option<usize> {
        self.first_block_in(text, from)
    }

    #[inline(always)]
    fn first_block_in(&self, text: &[u8], from: usize) -> Option<usize> {
        let text_from = text.get(from..)?;
        let n_blocks = text_from.len().saturating_sub(self.reach) / BLOCK_BYTES;
        let block = match self.patterns.as_slice() {
            [a, b] => first_block([a, b], n_blocks, text_from),
            [a, b, c] => first_block([a, b, c], n_blocks, text_from),
            // The first group's block, sought for every group, would not be the first of all: in order instead.
            patterns => {
                let marks = |block: &usize| {
                    let at = block * BLOCK_BYTES;
                    let seen = &text_from[at..];
                    patterns.iter().any(|p| first_block([p], 1, seen).is_some())
                };
                (0..n_blocks).find(marks)
            }
        };
        let at = from + block.unwrap_or(n_blocks) * BLOCK_BYTES;
        (at < text.len()).then_some(at)
    }
}

/// The first of `n_blocks` blocks of `text` in which both rare bytes of a pattern stand, all whose rare bytes lie
/// in `text`. Written so that the compiler makes vector instructions of it.
#[inline(always)]
fn first_block<const N: usize>(
    patterns: [&Pattern; N],
    n_blocks: usize,
    text: &[u8],
) -> Option<usize> {
    let rows = patterns.map(|pattern| {
        [pattern.first, pattern.second].map(|offset| {
            let (blocks, _) = text
                .get(offset..)
                .unwrap_or_default()
                .as_chunks::<BLOCK_BYTES>();
            (&blocks[..n_blocks], pattern.bytes[offset])
        })
    });
    // A loop, since a closure would not be compiled for the processor that the function is compiled for.
    for block in 0..n_blocks {
        let seen = rows
            .each_ref()
            .map(|row| row.map(|(blocks, byte)| (&blocks[block], byte)));
        let mut marks = 0;
        for i in 0..BLOCK_BYTES {
            let mut difference = u8::MAX;
            for [(first, x), (second, y)] in &seen {
                difference = difference.min((first[i] ^ x) | (second[i] ^ y));
            }
            marks |= u8::from(difference == 0);
        }
        if marks != 0 {
            return Some(block);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn all(patterns: &[&str], text: &[u8], from: usize) -> Vec<(usize, usize)> {
        let patterns = Patterns::new(patterns.iter().map(|p| p.as_bytes()));
        patterns.each_from(text, from).collect()
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

    proptest! {
        /// Few letters, so that patterns stand often, overlap, and hold one another.
        #[test]
        fn what_is_found_is_what_stands_there(
            patterns in proptest::collection::vec("[ab]{1,6}", 1..5),
            text in "[abc]{0,300}",
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
