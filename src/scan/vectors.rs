//! The inner loop of the search: which blocks of a text may hold a pattern, a control character, or an event's time?
//!
//! Written twice: with AVX2 instructions where the processor has them, and for any processor. What the compiler makes of
//! the second one takes twice as long.

use super::patterns::Probe;
use crate::binary::CONTROL_MAX;

/// Text looked at in one step: what two vector registers hold.
pub(super) const BLOCK_BYTES: usize = 64;

/// What is in the key of each event's time: see [`super::marks`].
pub(super) const TIME: [u8; 3] = *b"ime";

/// How far behind a block the letters of [`TIME`] may lie.
pub(super) const TIME_REACH: usize = TIME.len() - 1;

/// Where letters of [`TIME`] are, in the blocks of one search.
#[derive(Debug)]
pub(super) struct Times {
    /// The start of a block, and where they are in it.
    blocks: [(usize, Places); TIMES_MAX],
    n: usize,
}

/// A bit for each byte of a block, in two halves: put together, the compiler would test bit by bit whether one is set.
pub(super) type Places = [u32; 2];

/// How many blocks are kept to be looked at together.
const TIMES_MAX: usize = 64;

impl Times {
    pub(super) fn new() -> Self {
        Self {
            blocks: [(0, [0; 2]); TIMES_MAX],
            n: 0,
        }
    }

    /// Gives the start of each block and where the letters are in it, and forgets them.
    pub(super) fn take(&mut self) -> &[(usize, Places)] {
        &self.blocks[..std::mem::take(&mut self.n)]
    }

    /// Adds a block if it has the letters: without a branch, which could not be predicted.
    fn push(&mut self, block: usize, places: Places) {
        self.blocks[self.n % TIMES_MAX] = (block, places);
        self.n += usize::from(places[0] | places[1] != 0);
    }

    fn is_full(&self) -> bool {
        self.n == TIMES_MAX
    }
}

/// Returns where in the text these places are.
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

/// The start of the block at which a search ended, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stop {
    /// Both bytes of a probe are in it, or a control character.
    Marked(usize),
    /// Up to here; the times found so far must be taken.
    Full(usize),
    /// No block is left; this is the end of the last.
    End(usize),
}

/// Blocks of a text, one after the other.
#[derive(Debug, Clone, Copy)]
pub(super) struct Blocks<'t> {
    pub(super) text: &'t [u8],
    /// Where the first one begins, and where the last one ends.
    pub(super) from: usize,
    pub(super) end: usize,
}

/// Searches blocks. From the offsets of a probe on, and from [`TIME_REACH`] on, as many bytes must be in the text.
///
/// # Panics
///
/// If they are not.
pub(super) fn search<const N: usize>(
    probes: [&Probe; N],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    let Blocks { text, from, end } = blocks;
    let reach = probes.iter().flat_map(|probe| probe.offsets).max();
    let seen_to = end + reach.unwrap_or(0).max(TIME_REACH);
    assert!(
        from >= end || (end - from).is_multiple_of(BLOCK_BYTES) && seen_to <= text.len(),
        "all that is looked at is in the text"
    );
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "half the time of the search")]
        // SAFETY: the processor has AVX2, and the assertion above is the other condition.
        return unsafe { search_avx2(probes, blocks, times) };
    }
    search_portable(probes, blocks, times)
}

/// # Safety
///
/// The processor must have AVX2, and the text must have the bytes that [`search`] needs.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "its own conditions are those of what it calls")]
unsafe fn search_avx2<const N: usize>(
    probes: [&Probe; N],
    mut blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    while blocks.from < blocks.end {
        // SAFETY: the blocks are some of the caller's.
        match unsafe { first_block_avx2(probes, blocks) } {
            None => return Stop::End(blocks.end),
            Some((block, true)) => return Stop::Marked(block),
            Some((block, false)) => {
                // SAFETY: the block is one of the caller's.
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

/// Returns the first block that may hold something, and whether that is more than a time.
///
/// A function of its own and never inlined, so that all that it compares with stays in registers.
///
/// # Safety
///
/// As for [`search_avx2`].
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn first_block_avx2<const N: usize>(
    probes: [&Probe; N],
    blocks: Blocks<'_>,
) -> Option<(usize, bool)> {
    use std::arch::x86_64::{_mm256_min_epu8, _mm256_or_si256, _mm256_subs_epu8, _mm256_xor_si256};

    // SAFETY: all that is loaded is in the text, by this function's condition.
    let load = |at: usize| unsafe { load(blocks.text, at) };
    let controls = all(CONTROL_MAX);
    let [i, m] = [all(TIME[0]), all(TIME[1])];
    // Loops, since `map` would be compiled for any processor.
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
            // Zero where one of these is.
            mark = _mm256_min_epu8(mark, _mm256_subs_epu8(seen, controls));
            for n in 0..N {
                let first = _mm256_xor_si256(load(at + offsets[n][0]), bytes[n][0]);
                let second = _mm256_xor_si256(load(at + offsets[n][1]), bytes[n][1]);
                mark = _mm256_min_epu8(mark, _mm256_or_si256(first, second));
            }
            // The last letter is left for later: two find few enough.
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

/// Returns where the letters of [`TIME`] are in a block, if what precedes them in a key is before them.
///
/// # Safety
///
/// As for [`search_avx2`]; `block` is one of the blocks.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline(never)]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn places_avx2(text: &[u8], block: usize) -> Places {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_or_si256, _mm256_xor_si256};

    // SAFETY: all that is loaded is in the text, by this function's condition.
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

/// A vector of this byte.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn all(byte: u8) -> std::arch::x86_64::__m256i {
    std::arch::x86_64::_mm256_set1_epi8(byte.cast_signed())
}

/// The 32 bytes from `at` on.
///
/// # Safety
///
/// They must be in the text.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "a bounds check costs as much as the load")]
unsafe fn load(text: &[u8], at: usize) -> std::arch::x86_64::__m256i {
    // SAFETY: by this function's condition.
    unsafe { std::arch::x86_64::_mm256_loadu_si256(text.as_ptr().add(at).cast()) }
}

/// A bit for each byte that is zero.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn zeros(vector: std::arch::x86_64::__m256i) -> u32 {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_setzero_si256};

    _mm256_movemask_epi8(_mm256_cmpeq_epi8(vector, _mm256_setzero_si256())).cast_unsigned()
}

/// The bytes that are so far before [`TIME`] in `eventTime`, `event_time`, `@timestamp` and `"time"`.
const KEY_BEFORE: [u8; 4] = *b"t_@\"";
const KEY_BEFORE_BYTES: usize = 2;

fn search_portable<const N: usize>(
    probes: [&Probe; N],
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

    /// Where a search ends, and the times whose keys it may be that it finds on its way.
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
            let fast = all(&|blocks, times| search([&probe, &other], blocks, times), blocks);
            let slow = all(&|blocks, times| search_portable([&probe, &other], blocks, times), blocks);
            prop_assert_eq!(fast, slow);
        }
    }
}
