//! The inner loop of the search: finds the blocks of a text that may contain a pattern, a control character, or the
//! time of an event.
//!
//! Written twice: with AVX2 instructions for processors that have them, and for any processor. The compiled form of
//! the second version takes twice as long.

use super::patterns::Probe;
use crate::binary::CONTROL_MAX;

/// The text examined in one step: the size of two vector registers.
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
    halves.into_iter().flat_map(|(start, mut bits)| {
        std::iter::from_fn(move || {
            let place = (bits != 0).then(|| start + bits.trailing_zeros() as usize)?;
            bits &= bits - 1;
            Some(place)
        })
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

/// Consecutive blocks of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'t> {
    pub(super) text: &'t [u8],
    /// The start of the first block, and the end of the last one.
    pub(super) from: usize,
    pub(super) end: usize,
}

/// The bit that makes a small letter of a capital.
const SMALL: u8 = 0x20;

/// The first bytes of a word, in a search without case. Two bytes of each of twenty words are in nearly every block.
#[derive(Debug)]
pub(super) struct Beginning {
    /// The bytes with the bit that small letters have, each as often as a vector has bytes.
    wide: [[u8; 32]; BEGINNING_BYTES],
}

/// The number of a word's first bytes that are compared.
pub(super) const BEGINNING_BYTES: usize = 4;

impl Beginning {
    /// Returns the beginning of a word; nothing if the word is too short.
    pub(super) fn of(word: &[u8]) -> Option<Self> {
        let bytes = word.first_chunk::<BEGINNING_BYTES>()?;
        Some(Self {
            wide: bytes.map(|byte| [byte | SMALL; 32]),
        })
    }

    /// Returns whether a text begins like the word. Other texts may too.
    pub(super) fn is_of(&self, text: &[u8]) -> bool {
        let text = text.first_chunk::<BEGINNING_BYTES>();
        let is_same = |(own, byte): (&[u8; 32], &u8)| own[0] == byte | SMALL;
        text.is_some_and(|text| self.wide.iter().zip(text).all(is_same))
    }
}

/// The largest number of probes without case.
pub(super) const PROBES_MAX: usize = 12;

/// Searches for one to three probes with case.
pub(super) fn search_any(probes: &[Probe], blocks: Blocks<'_>, times: &mut Times) -> Stop {
    match probes {
        [a] => search::<1, false>([a], &[], blocks, times),
        [a, b] => search::<2, false>([a, b], &[], blocks, times),
        [a, b, c] => search::<3, false>([a, b, c], &[], blocks, times),
        _ => unreachable!("there are one to three probes"),
    }
}

/// Searches for seven to [`PROBES_MAX`] probes, and for beginnings of words, without case. The bytes of the probes have
/// the bit that small letters have; other bytes may match too.
pub(super) fn search_in_any_case(
    probes: &[Probe],
    words: &[Beginning],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    match probes {
        [a, b, c, d, e, f, g] => search::<7, true>([a, b, c, d, e, f, g], words, blocks, times),
        // The first one again in the place of those that are not there.
        [first, ..] if probes.len() <= PROBES_MAX => {
            let all = std::array::from_fn(|n| probes.get(n).unwrap_or(first));
            search::<PROBES_MAX, true>(all, words, blocks, times)
        }
        _ => unreachable!("there are seven to twelve probes"),
    }
}

/// Returns the places of a block where a probe matches, or where the beginning of a word is, as for
/// [`search_in_any_case`]. The text must extend past the block as there.
pub(super) fn marks_in_any_case(
    probes: &[Probe],
    words: &[Beginning],
    text: &[u8],
    block: usize,
) -> Places {
    let reach = probes.iter().flat_map(|probe| probe.offsets).max();
    let reach = reach.unwrap_or(0).max(words_reach(words));
    assert!(
        block + BLOCK_BYTES + reach <= text.len(),
        "all that is looked at is in the text"
    );
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(
            unsafe_code,
            reason = "a tenth of the time of a comparison byte by byte"
        )]
        // SAFETY: the processor has AVX2, and the assertion above checks the other condition.
        return unsafe { marks_avx2(probes, words, text, block) };
    }
    marks_portable(probes, words, text, block)
}

/// # Safety
///
/// The processor must have AVX2, and the text must have the bytes that [`marks_in_any_case`] needs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn marks_avx2(probes: &[Probe], words: &[Beginning], text: &[u8], block: usize) -> Places {
    use std::arch::x86_64::{_mm256_min_epu8, _mm256_or_si256, _mm256_xor_si256};

    let small = all(SMALL);
    // SAFETY: everything that is loaded is in the text, by the condition of this function.
    let folded = |at: usize| _mm256_or_si256(unsafe { load(text, at) }, small);
    let mut places = [0; 2];
    for (half, found) in places.iter_mut().enumerate() {
        let at = block + 32 * half;
        let mut mark = all(u8::MAX);
        for Probe { offsets, bytes } in probes {
            let first = _mm256_xor_si256(folded(at + offsets[0]), all(bytes[0]));
            let second = _mm256_xor_si256(folded(at + offsets[1]), all(bytes[1]));
            mark = _mm256_min_epu8(mark, _mm256_or_si256(first, second));
        }
        for word in words {
            let mut differs = _mm256_xor_si256(folded(at), own(&word.wide[0]));
            for n in 1..BEGINNING_BYTES {
                let one = _mm256_xor_si256(folded(at + n), own(&word.wide[n]));
                differs = _mm256_or_si256(differs, one);
            }
            mark = _mm256_min_epu8(mark, differs);
        }
        *found = zeros(mark);
    }
    places
}

fn marks_portable(probes: &[Probe], words: &[Beginning], text: &[u8], block: usize) -> Places {
    let is_probe = |at: usize, probe: &Probe| {
        let is_byte = |n: usize| text[at + probe.offsets[n]] | SMALL == probe.bytes[n];
        is_byte(0) && is_byte(1)
    };
    let is_mark = |at: usize| {
        probes.iter().any(|probe| is_probe(at, probe))
            || words.iter().any(|word| word.is_of(&text[at..]))
    };
    let bits = |half: usize| {
        let mark = |i: usize| u32::from(is_mark(block + 32 * half + i)) << i;
        (0..32).fold(0, |all, i| all | mark(i))
    };
    [bits(0), bits(1)]
}

/// Searches blocks. The text must extend past the last block by the largest offset of a probe, by [`TIME_REACH`], and by
/// the beginning of a word if there are words, which there are only if case is ignored.
///
/// # Panics
///
/// Panics if it does not, or if the range is not a multiple of [`BLOCK_BYTES`].
fn search<const N: usize, const IGNORES_CASE: bool>(
    probes: [&Probe; N],
    words: &[Beginning],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    let Blocks { text, from, end } = blocks;
    let reach = probes.iter().flat_map(|probe| probe.offsets).max();
    let seen_to = end + reach.unwrap_or(0).max(TIME_REACH).max(words_reach(words));
    assert!(
        from >= end || (end - from).is_multiple_of(BLOCK_BYTES) && seen_to <= text.len(),
        "all that is looked at is in the text"
    );
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "half the time of the search")]
        // SAFETY: the processor has AVX2, and the assertion above checks the other condition.
        return unsafe { search_avx2::<N, IGNORES_CASE>(probes, words, blocks, times) };
    }
    search_portable::<N, IGNORES_CASE>(probes, words, blocks, times)
}

/// Returns the number of bytes after a block that words may extend to.
pub(super) fn words_reach(words: &[Beginning]) -> usize {
    match words.is_empty() {
        true => 0,
        false => BEGINNING_BYTES - 1,
    }
}

/// # Safety
///
/// The processor must have AVX2, and the text must have the bytes that [`search`] needs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "its own conditions are those of what it calls")]
unsafe fn search_avx2<const N: usize, const IGNORES_CASE: bool>(
    probes: [&Probe; N],
    words: &[Beginning],
    mut blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    while blocks.from < blocks.end {
        // SAFETY: the blocks are a part of those of the caller.
        match unsafe { first_block_avx2::<N, IGNORES_CASE>(probes, words, blocks) } {
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
unsafe fn first_block_avx2<const N: usize, const IGNORES_CASE: bool>(
    probes: [&Probe; N],
    words: &[Beginning],
    blocks: Blocks<'_>,
) -> Option<(usize, bool)> {
    use std::arch::x86_64::{_mm256_min_epu8, _mm256_or_si256, _mm256_subs_epu8, _mm256_xor_si256};

    // SAFETY: everything that is loaded is in the text, by the condition of this function.
    let load = |at: usize| unsafe { load(blocks.text, at) };
    let (controls, small) = (all(CONTROL_MAX), all(SMALL));
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
                let mut first = load(at + offsets[n][0]);
                let mut second = load(at + offsets[n][1]);
                if IGNORES_CASE {
                    first = _mm256_or_si256(first, small);
                    second = _mm256_or_si256(second, small);
                }
                let first = _mm256_xor_si256(first, bytes[n][0]);
                let second = _mm256_xor_si256(second, bytes[n][1]);
                mark = _mm256_min_epu8(mark, _mm256_or_si256(first, second));
            }
            if IGNORES_CASE && !words.is_empty() {
                let mut first = [small; BEGINNING_BYTES];
                for (n, first) in first.iter_mut().enumerate() {
                    *first = _mm256_or_si256(load(at + n), small);
                }
                for word in words {
                    let mut differs = _mm256_xor_si256(first[0], own(&word.wide[0]));
                    for (first, wide) in first.iter().zip(&word.wide).skip(1) {
                        let one = _mm256_xor_si256(*first, own(wide));
                        differs = _mm256_or_si256(differs, one);
                    }
                    mark = _mm256_min_epu8(mark, differs);
                }
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

fn search_portable<const N: usize, const IGNORES_CASE: bool>(
    probes: [&Probe; N],
    words: &[Beginning],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    let Blocks { text, from, end } = blocks;
    let small = if IGNORES_CASE { SMALL } else { 0 };
    for at in (from..end).step_by(BLOCK_BYTES) {
        let seen = |offset| &text[at + offset..][..BLOCK_BYTES];
        let mut marks = 0;
        let mut timed = 0;
        for probe in probes {
            let (first, second) = (seen(probe.offsets[0]), seen(probe.offsets[1]));
            for (first, second) in first.iter().zip(second) {
                let (first, second) = (first | small, second | small);
                marks |= u8::from((first ^ probe.bytes[0]) | (second ^ probe.bytes[1]) == 0);
            }
        }
        for word in words {
            let [a, b, c, d] = [seen(0), seen(1), seen(2), seen(3)];
            for (((a, b), c), d) in a.iter().zip(b).zip(c).zip(d) {
                marks |= u8::from(word.is_of(&[*a, *b, *c, *d]));
            }
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

    type Search<'a> = dyn Fn(Blocks<'_>, &mut Times) -> Stop + 'a;

    /// Returns where a search ends, and the places of possible keys of times that it finds before that.
    fn all(search: &Search<'_>, mut blocks: Blocks<'_>) -> (Stop, Vec<usize>) {
        let (mut times, mut places) = (Times::new(), Vec::new());
        loop {
            let stop = search(blocks, &mut times);
            for &(block, found) in times.take() {
                places.extend(each(block, found));
            }
            match stop {
                Stop::Full(next) => blocks.from = next,
                Stop::Marked(_) | Stop::End(_) => {
                    places
                        .retain(|&place| place < 2 || KEY_BEFORE.contains(&blocks.text[place - 2]));
                    return (stop, places);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn both_ways_find_the_same_marks(text in "[ka.KA]{80}", block in 0_usize..8) {
            let probes = [Probe { offsets: [0, 7], bytes: *b"ka" }, Probe { offsets: [2, 0], bytes: *b"k." }];
            let words = ["kaka", "A.kk"].map(|word| Beginning::of(word.as_bytes()).unwrap());
            let found = marks_in_any_case(&probes, &words, text.as_bytes(), block);
            prop_assert_eq!(found, marks_portable(&probes, &words, text.as_bytes(), block));
            let small = text.to_lowercase().into_bytes();
            let begins = |at: usize| [b"kaka", b"a.kk"].iter().any(|word| small[at..].starts_with(*word));
            for at in (block..block + BLOCK_BYTES).filter(|at| begins(*at)) {
                prop_assert!(each(block, found).any(|mark| mark == at));
            }
        }

        #[test]
        fn both_loops_find_the_same(
            parts in proptest::collection::vec(
                prop_oneof![
                    8 => Just("\"eventTime\":\"".to_owned()),
                    4 => Just("runtime".to_owned()),
                    4 => "[a-z@_\"]{1,90}",
                    1 => Just("K.........Q".to_owned()),
                    1 => Just("\u{3}".to_owned()),
                ],
                0..200,
            ),
            from in 0_usize..70,
        ) {
            let text = parts.concat();
            let probe = Probe { offsets: [0, 10], bytes: *b"KQ" };
            let other = Probe { offsets: [3, 1], bytes: *b"ZY" };
            let n_blocks = text.len().saturating_sub(from + 10) / BLOCK_BYTES;
            let end = from + n_blocks * BLOCK_BYTES;
            let blocks = Blocks { text: text.as_bytes(), from, end };
            let fast = all(&|blocks, times| search::<2, false>([&probe, &other], &[], blocks, times), blocks);
            let slow = all(&|blocks, times| search_portable::<2, false>([&probe, &other], &[], blocks, times), blocks);
            prop_assert_eq!(fast, slow);
            let probe = Probe { offsets: [0, 10], bytes: *b"kq" };
            let other = Probe { offsets: [3, 1], bytes: *b"|y" };
            let words = [Beginning::of(b"runtime").unwrap(), Beginning::of(b"K...").unwrap()];
            let fast = all(&|blocks, times| search::<2, true>([&probe, &other], &words, blocks, times), blocks);
            let slow = all(&|blocks, times| search_portable::<2, true>([&probe, &other], &words, blocks, times), blocks);
            prop_assert_eq!(fast, slow);
        }
    }
}
