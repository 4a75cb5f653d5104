//! Finds the bytes that structure JSON text, a block at a time.
//!
//! Written three times, as the search is.

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

/// A set of instructions that finds the structure of blocks. A value of such a type shows that the processor has them.
pub(in crate::scan) trait Instructions: Copy {
    /// Returns the structure of a block.
    fn structure(self, block: &[u8; BLOCK_BYTES]) -> Structure;

    /// Returns all bits from the first given one up to the second, from the third to the fourth, and so on, without the
    /// second and the fourth.
    fn between_pairs(self, bits: u64) -> u64;
}

/// Work over the structure of blocks. It is no closure, since it must be compiled for each set of instructions.
pub(in crate::scan) trait StructureWork {
    type Result;
    /// Does the work. What is not inlined into it, and it into its caller, is only slower.
    fn run(self, instructions: impl Instructions) -> Self::Result;
}

/// `{` and `[`, and `}` and `]`, differ in this bit, which is set in the first ones.
pub(super) const CURLY: u8 = 0x20;

/// Any processor.
#[derive(Debug, Clone, Copy)]
pub(in crate::scan) struct Portable;

impl Instructions for Portable {
    #[inline(always)]
    fn structure(self, block: &[u8; BLOCK_BYTES]) -> Structure {
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

    #[inline(always)]
    fn between_pairs(self, bits: u64) -> u64 {
        [1, 2, 4, 8, 16, 32]
            .iter()
            .fold(bits, |bits, n| bits ^ bits << n)
    }
}

/// AVX2, and the instructions that count, find and multiply bits.
#[cfg(target_arch = "x86_64")]
#[derive(Debug, Clone, Copy)]
pub(in crate::scan) struct Avx2(());

#[cfg(target_arch = "x86_64")]
impl Avx2 {
    #[inline]
    pub(in crate::scan) fn detect() -> Option<Self> {
        let is_there = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("pclmulqdq")
            && std::arch::is_x86_feature_detected!("popcnt");
        is_there.then_some(Self(()))
    }
}

#[cfg(target_arch = "x86_64")]
impl Instructions for Avx2 {
    #[inline(always)]
    #[expect(unsafe_code, reason = "vectors")]
    fn structure(self, block: &[u8; BLOCK_BYTES]) -> Structure {
        // SAFETY: a value of this type shows that the processor has AVX2.
        unsafe { structure_avx2(block) }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "one instruction for twelve")]
    fn between_pairs(self, bits: u64) -> u64 {
        // SAFETY: a value of this type shows that the processor has the instruction.
        unsafe { between_pairs(bits) }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,bmi2,pclmulqdq,popcnt")]
pub(super) fn run_avx2<W: StructureWork>(work: W, avx2: Avx2) -> W::Result {
    work.run(avx2)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "vectors are loaded from the block")]
fn structure_avx2(block: &[u8; BLOCK_BYTES]) -> Structure {
    use std::arch::x86_64::{__m256i, _mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_or_si256};

    use super::{all, load};

    let is = |[low, high]: [__m256i; 2], byte: u8| {
        let bits = |seen| {
            let same = _mm256_cmpeq_epi8(seen, all(byte));
            u64::from(_mm256_movemask_epi8(same).cast_unsigned())
        };
        bits(low) | bits(high) << 32
    };
    // SAFETY: a block has the bytes of two vectors.
    let seen = unsafe { [load(block, 0), load(block, 32)] };
    let curly = [
        _mm256_or_si256(seen[0], all(CURLY)),
        _mm256_or_si256(seen[1], all(CURLY)),
    ];
    Structure {
        quotes: is(seen, b'"'),
        backslashes: is(seen, b'\\'),
        opening: is(curly, b'{'),
        closing: is(curly, b'}'),
        newlines: is(seen, b'\n'),
    }
}

/// A product without carries by a number with all bits has in each bit the parity of the given bits up to it.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "pclmulqdq")]
#[inline]
fn between_pairs(bits: u64) -> u64 {
    use std::arch::x86_64::{
        _mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8,
    };

    let bits = _mm_cvtsi64_si128(bits.cast_signed());
    let product = _mm_clmulepi64_si128::<0>(bits, _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::with_structure;
    use super::*;

    /// Finds the structure of a block, and fills between its quotes.
    struct Find<'b>(&'b [u8; BLOCK_BYTES]);

    impl StructureWork for Find<'_> {
        type Result = (Structure, u64);

        fn run(self, instructions: impl Instructions) -> (Structure, u64) {
            let structure = instructions.structure(self.0);
            let in_strings = instructions.between_pairs(structure.quotes);
            (structure, in_strings)
        }
    }

    proptest! {
        #[test]
        fn all_ways_find_the_same_structure(text in "[a{}\\[\\]\"\\\\\n\u{db}\u{5d}é]{256}") {
            let (blocks, _) = text.as_bytes().as_chunks::<BLOCK_BYTES>();
            for block in blocks {
                let expected = Find(block).run(Portable);
                prop_assert_eq!(with_structure(Find(block)), expected);
                #[cfg(target_arch = "x86_64")]
                if let Some(avx2) = Avx2::detect() {
                    prop_assert_eq!(Find(block).run(avx2), expected);
                }
            }
        }
    }
}
