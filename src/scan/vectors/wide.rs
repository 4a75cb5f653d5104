//! The inner loop of the search with AVX-512, whose vectors hold a whole block, and the structure of a block. The places
//! of times are noted without a branch: each record has one or two, and the processor cannot predict which block has one.

use std::arch::x86_64::{
    __m512i, _mm_loadu_si128, _mm512_and_si512, _mm512_broadcast_i32x4, _mm512_cmpeq_epi8_mask,
    _mm512_loadu_si512, _mm512_min_epu8, _mm512_movm_epi8, _mm512_or_si512, _mm512_set1_epi8,
    _mm512_setzero_si512, _mm512_shuffle_epi8, _mm512_srli_epi16, _mm512_subs_epu8,
    _mm512_ternarylogic_epi32, _mm512_testn_epi8_mask, _mm512_xor_si512,
};

use super::beginnings::{Group, PLACES};
use super::structure::{Avx2, CURLY, Instructions, Structure, StructureWork};
use super::{BLOCK_BYTES, Blocks, KEY_BEFORE, KEY_BEFORE_BYTES, Places, Probe, Stop, TIME, Times};
use crate::binary::CONTROL_MAX;

/// For each lower half of a byte the byte of [`KEY_BEFORE`] that has it, repeated for each lane of 16 bytes.
const BEFORE_BY_HALF: [u8; BLOCK_BYTES] = {
    let mut table = [0; BLOCK_BYTES];
    let mut i = 0;
    while i < BLOCK_BYTES {
        let mut n = 0;
        while n < KEY_BEFORE.len() {
            if i % 16 == (KEY_BEFORE[n] & 0xf) as usize {
                assert!(table[i] == 0, "no two of them have the same half");
                table[i] = KEY_BEFORE[n];
            }
            n += 1;
        }
        i += 1;
    }
    table
};

/// Returns true if the processor has what [`search`] needs, and gains by it: the first processors with AVX-512, which
/// lack VBMI, lower their clock rate when they use it.
#[inline]
pub(super) fn is_supported() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("avx512f")
        && std::arch::is_x86_feature_detected!("avx512bw")
        && std::arch::is_x86_feature_detected!("avx512vbmi")
}

/// AVX-512, and what [`Avx2`] has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wide(Avx2);

impl Wide {
    /// Returns the instructions if the processor has them and gains by them.
    #[inline]
    pub(super) fn detect() -> Option<Self> {
        Avx2::detect().filter(|_| is_supported()).map(Self)
    }
}

impl Instructions for Wide {
    #[inline(always)]
    #[expect(unsafe_code, reason = "vectors")]
    fn structure(self, block: &[u8; BLOCK_BYTES]) -> Structure {
        // SAFETY: a value of this type shows that the processor has AVX-512.
        unsafe { structure(block) }
    }

    #[inline(always)]
    fn between_pairs(self, bits: u64) -> u64 {
        self.0.between_pairs(bits)
    }
}

/// Runs work with these instructions.
#[target_feature(enable = "avx2,avx512f,avx512bw,bmi1,bmi2,pclmulqdq,popcnt")]
pub(super) fn run<W: StructureWork>(work: W, wide: Wide) -> W::Result {
    work.run(wide)
}

#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn structure(block: &[u8; BLOCK_BYTES]) -> Structure {
    let seen = own(block);
    let curly = _mm512_or_si512(seen, all(CURLY));
    Structure {
        quotes: _mm512_cmpeq_epi8_mask(seen, all(b'"')),
        backslashes: _mm512_cmpeq_epi8_mask(seen, all(b'\\')),
        opening: _mm512_cmpeq_epi8_mask(curly, all(b'{')),
        closing: _mm512_cmpeq_epi8_mask(curly, all(b'}')),
        newlines: _mm512_cmpeq_epi8_mask(seen, all(b'\n')),
    }
}

/// Searches blocks, as [`super::search`] does.
///
/// # Safety
///
/// [`is_supported`] must be true, and the text must have the bytes that [`super::search`] needs.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline(never)]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
pub(super) unsafe fn search<const N: usize, const HAS_WORDS: bool>(
    probes: [&Probe; N],
    words: &[Group],
    blocks: Blocks<'_>,
    times: &mut Times,
) -> Stop {
    // SAFETY: everything that is loaded is in the text, by the condition of this function.
    let load = |at: usize| unsafe { load(blocks.text, at) };
    let controls = all(CONTROL_MAX);
    let [i, m, e] = [all(TIME[0]), all(TIME[1]), all(TIME[2])];
    let keys = own(&BEFORE_BY_HALF);
    // Loops, since `map` would be compiled for any processor.
    let mut bytes = [[controls; 2]; N];
    let mut offsets = [[0; 2]; N];
    for n in 0..N {
        bytes[n] = [all(probes[n].bytes[0]), all(probes[n].bytes[1])];
        offsets[n] = probes[n].offsets;
    }
    let mut at = blocks.from;
    while at < blocks.end {
        let seen = load(at);
        // A byte becomes zero where one of these is.
        let mut mark = _mm512_subs_epu8(seen, controls);
        for n in 0..N {
            let first = _mm512_xor_si512(load(at + offsets[n][0]), bytes[n][0]);
            let both = or_differs(first, load(at + offsets[n][1]), bytes[n][1]);
            mark = _mm512_min_epu8(mark, both);
        }
        if HAS_WORDS {
            // SAFETY: as for `load`.
            mark = _mm512_min_epu8(mark, unsafe { differs(words, blocks.text, at) });
        }
        if _mm512_testn_epi8_mask(mark, mark) != 0 {
            return Stop::Marked(at);
        }
        let mut letters = _mm512_xor_si512(seen, i);
        letters = or_differs(letters, load(at + 1), m);
        letters = or_differs(letters, load(at + 2), e);
        if let Some(before) = at.checked_sub(KEY_BEFORE_BYTES) {
            let before = load(before);
            letters = or_differs(letters, _mm512_shuffle_epi8(keys, before), before);
        }
        times.push(at, places(_mm512_testn_epi8_mask(letters, letters)));
        at += BLOCK_BYTES;
        if times.is_full() {
            return Stop::Full(at);
        }
    }
    Stop::End(blocks.end)
}

/// Returns a vector that is zero where a word of a group begins, of the 64 bytes from `at` on.
///
/// # Safety
///
/// The text must have these bytes, and [`PLACES`] beyond them; the processor must have AVX-512.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
unsafe fn differs(groups: &[Group], text: &[u8], at: usize) -> __m512i {
    let half = all(0xf);
    let (mut low, mut high) = ([half; PLACES], [half; PLACES]);
    for n in 0..PLACES {
        // SAFETY: by the condition of this function.
        let seen = unsafe { load(text, at + n) };
        low[n] = _mm512_and_si512(seen, half);
        high[n] = _mm512_and_si512(_mm512_srli_epi16::<4>(seen), half);
    }
    let mut found = _mm512_setzero_si512();
    for group in groups {
        let mut words = all(u8::MAX);
        for n in 0..PLACES {
            words = _mm512_and_si512(
                words,
                _mm512_shuffle_epi8(four_times(&group.low[n]), low[n]),
            );
            words = _mm512_and_si512(
                words,
                _mm512_shuffle_epi8(four_times(&group.high[n]), high[n]),
            );
        }
        found = _mm512_or_si512(found, words);
    }
    _mm512_movm_epi8(_mm512_testn_epi8_mask(found, found))
}

/// Returns a vector that has the first half of a table four times.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "an array is loaded as a vector")]
fn four_times(table: &[u8; 32]) -> __m512i {
    // SAFETY: the array has the bytes of a vector of 16.
    _mm512_broadcast_i32x4(unsafe { _mm_loadu_si128(table.as_ptr().cast()) })
}

/// Returns `differences`, with those of two vectors.
#[target_feature(enable = "avx512f")]
#[inline]
fn or_differs(differences: __m512i, a: __m512i, b: __m512i) -> __m512i {
    /// The results of `x | (y ^ z)` for all values of three bits.
    const OR_OF_XOR: i32 = 0xf6;
    _mm512_ternarylogic_epi32::<OR_OF_XOR>(differences, a, b)
}

fn places(bits: u64) -> Places {
    let [a, b, c, d, e, f, g, h] = bits.to_le_bytes();
    [[a, b, c, d], [e, f, g, h]].map(u32::from_le_bytes)
}

/// Returns a vector that is filled with this byte.
#[target_feature(enable = "avx512f")]
#[inline]
fn all(byte: u8) -> __m512i {
    _mm512_set1_epi8(byte.cast_signed())
}

/// Returns these bytes as a vector.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "an array is loaded as a vector")]
fn own(bytes: &[u8; BLOCK_BYTES]) -> __m512i {
    // SAFETY: the array has the bytes of a vector.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Returns the 64 bytes from `at` on.
///
/// # Safety
///
/// They must be in the text.
#[target_feature(enable = "avx512f")]
#[inline]
#[expect(unsafe_code, reason = "a bounds check costs as much as the load")]
unsafe fn load(text: &[u8], at: usize) -> __m512i {
    // SAFETY: by the condition of this function.
    unsafe { _mm512_loadu_si512(text.as_ptr().add(at).cast()) }
}
