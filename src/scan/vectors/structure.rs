//! Finds the bytes that structure JSON text, a block at a time.
//!
//! Written twice, as the search is.

use super::BLOCK_BYTES;

/// The bytes of a block that structure JSON text, in strings and outside: one bit for each, the lowest for the first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::scan) struct Structure {
    pub(in crate::scan) quotes: u64,
    pub(in crate::scan) backslashes: u64,
    pub(in crate::scan) opening: u64,
    pub(in crate::scan) closing: u64,
    pub(in crate::scan) newlines: u64,
}

/// Finds the structure of each block.
pub(in crate::scan) fn structures<'s>(
    blocks: &[[u8; BLOCK_BYTES]],
    structures: &'s mut [Structure],
) -> &'s [Structure] {
    let structures = &mut structures[..blocks.len()];
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "a fifth of the time")]
        // SAFETY: the processor has AVX2.
        unsafe {
            structures_avx2(blocks, structures);
        }
        return structures;
    }
    for (block, structure) in blocks.iter().zip(&mut *structures) {
        *structure = structure_portable(block);
    }
    structures
}

/// Work that counts and finds bits. It is no closure, since a closure is not always inlined.
pub(in crate::scan) trait BitWork {
    type Result;
    /// Does the work. What is not inlined into it, and it into its caller, is only slower.
    fn run(self) -> Self::Result;
}

/// Runs work with the instructions that count and find bits, if the processor has these.
#[inline]
pub(in crate::scan) fn with_bit_counts<W: BitWork>(work: W) -> W::Result {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("popcnt")
    {
        // With AVX2 [`structures_avx2`] can be inlined too.
        #[target_feature(enable = "avx2,bmi1,bmi2,popcnt")]
        fn run<W: BitWork>(work: W) -> W::Result {
            work.run()
        }
        #[expect(unsafe_code, reason = "half of the time")]
        // SAFETY: the processor has these instructions.
        return unsafe { run(work) };
    }
    work.run()
}

/// `{` and `[`, and `}` and `]`, differ in this bit, which is set in the first ones.
const CURLY: u8 = 0x20;

/// # Safety
///
/// The processor must have AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[expect(unsafe_code, reason = "vectors are loaded from blocks")]
unsafe fn structures_avx2(blocks: &[[u8; BLOCK_BYTES]], structures: &mut [Structure]) {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256};

    use super::{all, load};

    let is = |[low, high]: [__m256i; 2], byte: u8| {
        let bits = |seen| {
            let same = _mm256_cmpeq_epi8(seen, all(byte));
            u64::from(_mm256_movemask_epi8(same).cast_unsigned())
        };
        bits(low) | bits(high) << 32
    };
    for (block, structure) in blocks.iter().zip(structures) {
        // SAFETY: a block has the bytes of two vectors.
        let seen = unsafe { [load(block, 0), load(block, 32)] };
        let curly = [
            _mm256_or_si256(seen[0], all(CURLY)),
            _mm256_or_si256(seen[1], all(CURLY)),
        ];
        *structure = Structure {
            quotes: is(seen, b'"'),
            backslashes: is(seen, b'\\'),
            opening: is(curly, b'{'),
            closing: is(curly, b'}'),
            newlines: is(seen, b'\n'),
        };
    }
}

fn structure_portable(block: &[u8; BLOCK_BYTES]) -> Structure {
    let bits = |is: fn(u8) -> bool| {
        let bytes = block.iter().enumerate();
        bytes.fold(0, |all, (i, byte)| all | u64::from(is(*byte)) << i)
    };
    Structure {
        quotes: bits(|byte| byte == b'"'),
        backslashes: bits(|byte| byte == b'\\'),
        opening: bits(|byte| byte | CURLY == b'{'),
        closing: bits(|byte| byte | CURLY == b'}'),
        newlines: bits(|byte| byte == b'\n'),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn both_ways_find_the_same_structure(text in "[a{}\\[\\]\"\\\\\n\u{db}\u{5d}é]{256}") {
            let (blocks, _) = text.as_bytes().as_chunks::<BLOCK_BYTES>();
            let mut found = vec![Structure::default(); blocks.len()];
            let found = structures(blocks, &mut found);
            let expected: Vec<Structure> = blocks.iter().map(structure_portable).collect();
            prop_assert_eq!(found, expected);
        }
    }
}
