//! The inner loop of the search: finds the blocks of a text that may contain a pattern, a control character, or the
//! time of an event.
//!
//! Written three times: with AVX-512 and with AVX2 instructions for processors that have them, and for any processor. The
//! compiled form of the last version takes twice as long as the second.

mod beginnings;
mod structure;
#[cfg(target_arch = "x86_64")]
mod wide;

use crate::binary::CONTROL_MAX;
pub(super) use beginnings::{Beginnings, PLACES};
use beginnings::{Group, begins, differs_avx2};
#[cfg(all(test, target_arch = "x86_64"))]
pub(super) use structure::Avx2;
#[cfg(test)]
pub(super) use structure::Portable;
pub(super) use structure::{Instructions, Structure, StructureWork};

/// The text examined in one step: the size of two registers of AVX2, or one of AVX-512.
pub(super) const BLOCK_BYTES: usize = 64;

/// Letters that are in the key of each event's time: see [`super::marks`].
pub(super) const TIME: [u8; 3] = *b"ime";

/// The number of bytes after a block that the letters of [`TIME`] may extend to.
pub(super) const TIME_REACH: usize = TIME.len() - 1;

/// The places of the letters of [`TIME`] in the blocks of one search.
#[derive(Debug)]
pub(super) struct Times {
    /// The start of each block, and the places in it.
    blocks: [(usize, Places); TIMES_MAX],
    n: usize,
}

/// One bit for each byte of a block, in two halves. If they were one number, the compiler would test bit by bit
/// whether one is set.
pub(super) type Places = [u32; 2];

/// The number of blocks that are collected before they are processed together.
const TIMES_MAX: usize = 64;

impl Times {
    pub(super) fn new() -> Self {
        Self {
            blocks: [(0, [0; 2]); TIMES_MAX],
            n: 0,
        }
    }

    /// Returns the start of each block and the places of the letters in it, and clears them.
    pub(super) fn take(&mut self) -> &[(usize, Places)] {
        &self.blocks[..std::mem::take(&mut self.n)]
    }

    /// Adds a block if it has the letters. It uses no branch, since that could not be predicted.
    fn push(&mut self, block: usize, places: Places) {
        self.blocks[self.n % TIMES_MAX] = (block, places);
        self.n += usize::from(places[0] | places[1] != 0);
    }

    fn is_full(&self) -> bool {
        self.n == TIMES_MAX
    }
}

/// Returns the indices of these places in the text.
pub(super) fn each(block: usize, places: Places) -> impl Iterator<Item = usize> {
    let halves = [(block, places[0]), (block + 32, places[1])];
    halves
        .into_iter()
        .flat_map(|(start, bits)| each_bit(start, bits.into()))
}

/// Returns the indices of the bits that are set, if the lowest one has the index `start`.
pub(super) fn each_bit(start: usize, mut bits: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = (bits != 0).then(|| start + bits.trailing_zeros() as usize)?;
        bits &= bits - 1;
        Some(place)
    })
}

/// The block at which a search ended, by its start, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// The block contains both bytes of a probe, or a control character.
    Marked(usize),
    /// The search went up to this index. The times found so far must be taken first.
    Full(usize),
    /// No block is left. This is the end of the last one.
    End(usize),
}

/// Two bytes of a pattern, or of several patterns, that are rare in text, and their offsets.
#[derive(Debug, Clone, Copy)]
pub(super) struct Probe {
    pub(super) offsets: [usize; 2],
    pub(super) bytes: [u8; 2],
}

/// Runs work with the best instructions that the processor has.
#[inline]
pub(super) fn with_structure<W: StructureWork>(work: W) -> W::Result {
    #[cfg(target_arch = "x86_64")]
    {
        if let Some(avx2) = structure::Avx2::detect() {
            if let Some(wide) = wide::Wide::detect() {
                #[expect(unsafe_code, reason = "half of the time of AVX2")]
                // SAFETY: the processor has these instructions.
                return unsafe { wide::run(work, wide) };
            }
            #[expect(unsafe_code, reason = "half of the time")]
            // SAFETY: the processor has these instructions.
            return unsafe { structure::run_avx2(work, avx2) };
        }
    }
    work.run(structure::Portable)
}

/// Consecutive blocks of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'t> {
    pub(super) text: &'t [u8],
    /// The start of the first block, and the end of the last one.
    pub(super) from: usize,
    pub(super) end: usize,
}

/// Searches for one to three probes.
pub(super) fn search_any(probes: &[Probe], blocks: Blocks<'_>, times: &mut Times) -> Stop {
    match probes {
        [a] => search::<1, false>([a], &[], blocks, times),
        [a, b] => search::<2, false>([a, b], &[], blocks, times),
        [a, b, c] => search::<3, false>([a, b, c], &[], blocks, times),
        _ => unreachable!("there are one to three probes"),
    }
}

/// Searches for places where a word may begin.
pub(super) fn search_beginnings(words: &Beginnings, blocks: Blocks<'_>, times: &mut Times) -> Stop {
    search::<0, true>([], words.groups(), blocks, times)
}

/// Returns the places of a block where a word may begin. The text must extend past the block by [`PLACES`].
///
/// # Panics
///
/// Panics if it does not.
pub(super) fn beginnings(words: &Beginnings, text: &[u8], block: usize) -> Places {
    let groups = words.groups();
    assert!(
        block + BLOCK_BYTES + PLACES <= text.len(),
        "all that is looked at is in the text"
    );
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(
            unsafe_code,
            reason = "a tenth of the time of a comparison byte by byte"
        )]
        // SAFETY: the processor has AVX2, and the assertion above checks the other condition.
        return unsafe { beginnings_avx2(groups, text, block) };
    }
    beginnings_portable(groups, text, block)
}

/// # Safety
///
/// The processor must have AVX2, and the text must have the bytes that [`beginnings()`] needs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn beginnings_avx2(groups: &[Group], text: &[u8], block: usize) -> Places {
    let mut places = [0; 2];
    for (half, found) in places.iter_mut().enumerate() {
        // SAFETY: by the condition of this function.
        *found = zeros(unsafe { differs_avx2(groups, text, block + 32 * half) });
    }
    places
}

fn beginnings_portable(groups: &[Group], text: &[u8], block: usize) -> Places {
    let is_place = |at: usize| {
        let first = text[at..].first_chunk();
        begins(groups, first.expect("the text has these bytes"))
    };
    let bits = |half: usize| {
        let bit = |i: usize| u32::from(is_place(block + 32 * half + i)) << i;
        (0..32).fold(0, |all, i| all | bit(i))
    };
    [bits(0), bits(1)]
}

/// Searches blocks. The text must extend past the last block by the largest offset of a probe, by [`TIME_REACH`], and by
/// [`PLACES`] if there are words.
///
/// # Panics
///
/// Panics if it does not, or if the range is not a multiple of [`BLOCK_BYTES`].
fn search<const N: usize, const HAS_WORDS: bool>(
    probes: [&Probe; N],
    words: &[Group],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    let Blocks { text, from, end } = blocks;
    let reach = probes.iter().flat_map(|probe| probe.offsets).max();
    let words_reach = if HAS_WORDS { PLACES } else { 0 };
    let seen_to = end + reach.unwrap_or(0).max(TIME_REACH).max(words_reach);
    assert!(
        from >= end || (end - from).is_multiple_of(BLOCK_BYTES) && seen_to <= text.len(),
        "all that is looked at is in the text"
    );
    #[cfg(target_arch = "x86_64")]
    if wide::is_supported() {
        #[expect(unsafe_code, reason = "this loop takes two thirds of the time of AVX2")]
        // SAFETY: the processor has AVX-512, and the assertion above checks the other condition.
        return unsafe { wide::search::<N, HAS_WORDS>(probes, words, blocks, times) };
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "half the time of the search")]
        // SAFETY: the processor has AVX2, and the assertion above checks the other condition.
        return unsafe { search_avx2::<N, HAS_WORDS>(probes, words, blocks, times) };
    }
    search_portable::<N, HAS_WORDS>(probes, words, blocks, times)
}

/// # Safety
///
/// The processor must have AVX2, and the text must have the bytes that [`search`] needs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "its own conditions are those of what it calls")]
unsafe fn search_avx2<const N: usize, const HAS_WORDS: bool>(
    probes: [&Probe; N],
    words: &[Group],
    mut blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    while blocks.from < blocks.end {
        // SAFETY: the blocks are a part of those of the caller.
        match unsafe { first_block_avx2::<N, HAS_WORDS>(probes, words, blocks) } {
            None => return Stop::End(blocks.end),
            Some((block, true)) => return Stop::Marked(block),
            Some((block, false)) => {
                // SAFETY: the block is one of those of the caller.
                times.push(block, unsafe { places_avx2(blocks.text, block) });
                blocks.from = block + BLOCK_BYTES;
                if times.is_full() {
                    return Stop::Full(blocks.from);
                }
            }
        }
    }
    Stop::End(blocks.end)
}

/// Returns the first block that may contain something, and true if that is more than a time.
///
/// A separate function that is never inlined, so that everything it compares with stays in registers.
///
/// # Safety
///
/// The conditions of [`search_avx2`] apply.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn first_block_avx2<const N: usize, const HAS_WORDS: bool>(
    probes: [&Probe; N],
    words: &[Group],
    blocks: Blocks<'_>,
) -> Option<(usize, bool)> {
    use std::arch::x86_64::{_mm256_min_epu8, _mm256_or_si256, _mm256_subs_epu8, _mm256_xor_si256};

    // SAFETY: everything that is loaded is in the text, by the condition of this function.
    let load = |at: usize| unsafe { load(blocks.text, at) };
    let controls = all(CONTROL_MAX);
    let [i, m] = [all(TIME[0]), all(TIME[1])];
    // Loops, since `map` would be compiled for any processor, without AVX2.
    let mut bytes = [[controls; 2]; N];
    let mut offsets = [[0; 2]; N];
    for n in 0..N {
        bytes[n] = [all(probes[n].bytes[0]), all(probes[n].bytes[1])];
        offsets[n] = probes[n].offsets;
    }
    let mut at = blocks.from;
    while at < blocks.end {
        let (mut mark, mut timed) = (all(u8::MAX), all(u8::MAX));
        for half in 0..2 {
            let at = at + 32 * half;
            let seen = load(at);
            // A byte becomes zero where one of these is.
            mark = _mm256_min_epu8(mark, _mm256_subs_epu8(seen, controls));
            for n in 0..N {
                let first = _mm256_xor_si256(load(at + offsets[n][0]), bytes[n][0]);
                let second = _mm256_xor_si256(load(at + offsets[n][1]), bytes[n][1]);
                mark = _mm256_min_epu8(mark, _mm256_or_si256(first, second));
            }
            if HAS_WORDS {
                // SAFETY: as for `load`.
                mark = _mm256_min_epu8(mark, unsafe { differs_avx2(words, blocks.text, at) });
            }
            // The last letter is checked later: two letters leave few enough places.
            let letter = _mm256_xor_si256(load(at + 1), m);
            timed = _mm256_min_epu8(timed, _mm256_or_si256(_mm256_xor_si256(seen, i), letter));
        }
        if zeros(_mm256_min_epu8(mark, timed)) != 0 {
            return Some((at, zeros(mark) != 0));
        }
        at += BLOCK_BYTES;
    }
    None
}

/// Returns the places of the letters of [`TIME`] in a block, if one of the bytes that precede them in a key is before
/// them.
///
/// # Safety
///
/// The conditions of [`search_avx2`] apply, and `block` must be one of the blocks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn places_avx2(text: &[u8], block: usize) -> Places {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_or_si256, _mm256_xor_si256};

    // SAFETY: everything that is loaded is in the text, by the condition of this function.
    let load = |at: usize| unsafe { load(text, at) };
    let differs = |at: usize, byte: u8| _mm256_xor_si256(load(at), all(byte));
    let is = |seen: __m256i, byte: u8| _mm256_cmpeq_epi8(seen, all(byte));
    let mut places = [0; 2];
    for (half, found) in places.iter_mut().enumerate() {
        let at = block + 32 * half;
        let letters = _mm256_or_si256(differs(at, TIME[0]), differs(at + 1, TIME[1]));
        *found = zeros(_mm256_or_si256(letters, differs(at + 2, TIME[2])));
        if let Some(before) = at.checked_sub(KEY_BEFORE_BYTES) {
            let seen = load(before);
            let [t, low, sign, quote] = KEY_BEFORE;
            let letter = _mm256_or_si256(is(seen, t), is(seen, low));
            let mark = _mm256_or_si256(is(seen, sign), is(seen, quote));
            *found &= !zeros(_mm256_or_si256(letter, mark));
        }
    }
    places
}

/// Returns a vector that is filled with this byte.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn all(byte: u8) -> std::arch::x86_64::__m256i {
    std::arch::x86_64::_mm256_set1_epi8(byte.cast_signed())
}

/// Returns these bytes as a vector.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "an array is loaded as a vector")]
fn own(bytes: &[u8; 32]) -> std::arch::x86_64::__m256i {
    // SAFETY: the array has the bytes of a vector.
    unsafe { std::arch::x86_64::_mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// Returns the 32 bytes from `at` on.
///
/// # Safety
///
/// They must be in the text.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "a bounds check costs as much as the load")]
unsafe fn load(text: &[u8], at: usize) -> std::arch::x86_64::__m256i {
    // SAFETY: by the condition of this function.
    unsafe { std::arch::x86_64::_mm256_loadu_si256(text.as_ptr().add(at).cast()) }
}

/// Returns one bit for each byte, set where the byte is zero.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn zeros(vector: std::arch::x86_64::__m256i) -> u32 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_setzero_si256};

    _mm256_movemask_epi8(_mm256_cmpeq_epi8(vector, _mm256_setzero_si256())).cast_unsigned()
}

/// The bytes at this distance before [`TIME`] in `eventTime`, `event_time`, `@timestamp` and `"time"`.
const KEY_BEFORE: [u8; 4] = *b"t_@\"";
const KEY_BEFORE_BYTES: usize = 2;

fn search_portable<const N: usize, const HAS_WORDS: bool>(
    probes: [&Probe; N],
    words: &[Group],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    let Blocks { text, from, end } = blocks;
    for at in (from..end).step_by(BLOCK_BYTES) {
        let seen = |offset| &text[at + offset..][..BLOCK_BYTES];
        let mut marks = 0;
        let mut timed = 0;
        for probe in probes {
            let (first, second) = (seen(probe.offsets[0]), seen(probe.offsets[1]));
            for (first, second) in first.iter().zip(second) {
                marks |= u8::from((first ^ probe.bytes[0]) | (second ^ probe.bytes[1]) == 0);
            }
        }
        if HAS_WORDS {
            let places = beginnings_portable(words, text, at);
            marks |= u8::from(places != [0; 2]);
        }
        let letters = seen(0).iter().zip(seen(1)).zip(seen(2));
        for ((first, second), third) in letters {
            marks |= u8::from(*first <= CONTROL_MAX);
            let difference = (first ^ TIME[0]) | (second ^ TIME[1]) | (third ^ TIME[2]);
            timed |= u8::from(difference == 0);
        }
        if marks != 0 {
            return Stop::Marked(at);
        }
        if timed != 0 {
            let is_place = |i: usize| text[at + i..].starts_with(&TIME);
            let bits = |half: usize| {
                (0..32).fold(0, |all, i| all | u32::from(is_place(32 * half + i)) << i)
            };
            times.push(at, [bits(0), bits(1)]);
            if times.is_full() {
                return Stop::Full(at + BLOCK_BYTES);
            }
        }
    }
    Stop::End(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Returns the first bytes of a word.
    fn sets(word: &str) -> Vec<Vec<u8>> {
        word.bytes().take(PLACES).map(|byte| vec![byte]).collect()
    }

    type Search<const N: usize> = fn([&Probe; N], &[Group], Blocks<'_>, &mut Times) -> Stop;

    /// Returns the versions of the search that this processor can run. The first one is for any processor.
    fn versions<const N: usize, const HAS_WORDS: bool>() -> Vec<Search<N>> {
        let mut versions: Vec<Search<N>> = vec![search_portable::<N, HAS_WORDS>];
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "calls of what the processor has")]
        {
            if std::arch::is_x86_feature_detected!("avx2") {
                // SAFETY: the processor has AVX2, and each test passes a text that extends past the blocks.
                versions.push(|probes, words, blocks, times| unsafe {
                    search_avx2::<N, HAS_WORDS>(probes, words, blocks, times)
                });
            }
            if wide::is_supported() {
                // SAFETY: the processor has AVX-512, and each test passes a text that extends past the blocks.
                versions.push(|probes, words, blocks, times| unsafe {
                    wide::search::<N, HAS_WORDS>(probes, words, blocks, times)
                });
            }
        }
        versions
    }

    /// Returns where a search ends, and the places of possible keys of times that it finds before that.
    fn all<const N: usize>(
        search: Search<N>,
        probes: [&Probe; N],
        words: &[Group],
        mut blocks: Blocks<'_>,
    ) -> (Stop, Vec<usize>) {
        let (mut times, mut places) = (Times::new(), Vec::new());
        loop {
            let stop = search(probes, words, blocks, &mut times);
            for &(block, found) in times.take() {
                places.extend(each(block, found));
            }
            match stop {
                Stop::Full(next) => blocks.from = next,
                Stop::Marked(_) | Stop::End(_) => return (stop, places),
            }
        }
    }

    /// Checks that all versions find the same, and that those with vectors find only places after a byte of a key, which
    /// they do not look for in a block at the start of the text.
    fn check_versions<const N: usize, const HAS_WORDS: bool>(
        probes: [&Probe; N],
        words: &[Group],
        blocks: Blocks<'_>,
    ) -> Result<(), TestCaseError> {
        let is_key = |place: usize| place < 2 || KEY_BEFORE.contains(&blocks.text[place - 2]);
        let mut expected = None;
        for search in versions::<N, HAS_WORDS>() {
            let (stop, mut places) = all(search, probes, words, blocks);
            if expected.is_some() {
                let mut seen = places.iter().filter(|place| **place >= 2 + BLOCK_BYTES);
                prop_assert!(seen.all(|place| is_key(*place)), "{:?}", places);
            }
            places.retain(|place| is_key(*place));
            let expected = expected.get_or_insert_with(|| (stop, places.clone()));
            prop_assert_eq!(&(stop, places), &*expected);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn both_ways_find_the_same_beginnings(
            text in "[ka.KA]{80}",
            block in 0_usize..8,
            words in proptest::collection::vec("[ka.]{1,7}", 1..20),
        ) {
            let begun = Beginnings::new(&words.iter().map(|word| sets(word)).collect::<Vec<_>>());
            let found = beginnings(&begun, text.as_bytes(), block);
            prop_assert_eq!(found, beginnings_portable(begun.groups(), text.as_bytes(), block));
            let small = text.to_lowercase();
            let begins = |at: usize| {
                let first = words.iter().map(|word| word.get(..PLACES).unwrap_or(word));
                first.into_iter().any(|word| small.as_bytes()[at..].starts_with(word.as_bytes()))
            };
            let expected: Vec<usize> = (block..block + BLOCK_BYTES).filter(|at| begins(*at)).collect();
            prop_assert_eq!(each(block, found).collect::<Vec<_>>(), expected);
        }

        #[test]
        fn all_versions_find_the_same(
            parts in proptest::collection::vec(
                prop_oneof![
                    8 => Just("\"eventTime\":\"".to_owned()),
                    4 => Just("runtime".to_owned()),
                    1 => Just("éime, ÀÀime".to_owned()),
                    4 => "[a-z@_\"]{1,90}",
                    1 => Just("K.........Q".to_owned()),
                    1 => Just("\u{3}".to_owned()),
                ],
                0..200,
            ),
            words in proptest::collection::vec("[a-z@_.]{4,7}", 0..20),
            from in 0_usize..70,
        ) {
            let text = parts.concat();
            let n_blocks = text.len().saturating_sub(from + 10) / BLOCK_BYTES;
            let blocks = Blocks { text: text.as_bytes(), from, end: from + n_blocks * BLOCK_BYTES };
            let one = Probe { offsets: [0, 10], bytes: *b"KQ" };
            let two = Probe { offsets: [3, 1], bytes: *b"ZY" };
            let three = Probe { offsets: [2, 4], bytes: *b"qz" };
            check_versions::<1, false>([&one], &[], blocks)?;
            check_versions::<2, false>([&one, &two], &[], blocks)?;
            check_versions::<3, false>([&one, &two, &three], &[], blocks)?;
            let words = words.iter().map(|word| sets(word)).chain([sets("runtime"), sets("K...")]);
            let words = Beginnings::new(&words.collect::<Vec<_>>());
            check_versions::<0, true>([], words.groups(), blocks)?;
        }
    }
}
