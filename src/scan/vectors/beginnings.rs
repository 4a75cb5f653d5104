//! Tells where one of many words begins, in any case: eight words at a time, by tables for the halves of a byte.
//!
//! Of a byte one table has, for its lower four bits, the words that have such a byte at this place; another one has
//! them for its upper four bits. A word begins where both tables name it at each place.

/// The places of a word that are compared: its first bytes.
pub(in crate::scan) const PLACES: usize = 5;

/// The words of a group have a bit each.
const GROUP: usize = 8;

/// The first bytes of up to eight words.
#[derive(Debug)]
pub(super) struct Group {
    /// For each place two tables, each twice, as a vector of AVX2 needs it.
    pub(super) low: [[u8; 32]; PLACES],
    pub(super) high: [[u8; 32]; PLACES],
}

impl Group {
    /// Returns the tables of the words that begin with one byte of each set, for as many places as there are sets.
    fn new(words: &[Vec<Vec<u8>>]) -> Self {
        let mut group = Self {
            low: [[0; 32]; PLACES],
            high: [[0; 32]; PLACES],
        };
        for (n, sets) in words.iter().enumerate() {
            let bit = 1 << n;
            for place in 0..PLACES {
                let any: Vec<u8> = (0..=u8::MAX).collect();
                for byte in sets.get(place).unwrap_or(&any) {
                    for byte in [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()] {
                        let [low, high] = [byte & 0xf, byte >> 4].map(usize::from);
                        for half in [0, 16] {
                            group.low[place][half + low] |= bit;
                            group.high[place][half + high] |= bit;
                        }
                    }
                }
            }
        }
        group
    }

    /// Returns the words that may begin here, one bit each.
    fn at(&self, text: &[u8; PLACES]) -> u8 {
        let places = text.iter().zip(&self.low).zip(&self.high);
        places.fold(u8::MAX, |words, ((byte, low), high)| {
            words & low[usize::from(byte & 0xf)] & high[usize::from(byte >> 4)]
        })
    }
}

/// The first bytes of words.
#[derive(Debug)]
pub(in crate::scan) struct Beginnings(Vec<Group>);

impl Beginnings {
    /// Returns the beginnings of these words, each as sets of bytes: the first set has its first byte, and so on.
    pub(in crate::scan) fn new(words: &[Vec<Vec<u8>>]) -> Self {
        Self(words.chunks(GROUP).map(Group::new).collect())
    }

    pub(super) fn groups(&self) -> &[Group] {
        &self.0
    }
}

/// Returns true if one of the words may begin here.
pub(super) fn begins(groups: &[Group], text: &[u8; PLACES]) -> bool {
    groups.iter().any(|group| group.at(text) != 0)
}

/// Returns a vector that is zero where a word of a group begins, of the 32 bytes from `at` on.
///
/// # Safety
///
/// The text must have these bytes, and [`PLACES`] beyond them.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
#[expect(unsafe_code, reason = "loads from places that are checked once")]
pub(super) unsafe fn differs_avx2(
    groups: &[Group],
    text: &[u8],
    at: usize,
) -> std::arch::x86_64::__m256i {
    use std::arch::x86_64::{
        _mm256_and_si256, _mm256_cmpeq_epi8, _mm256_or_si256, _mm256_setzero_si256,
        _mm256_shuffle_epi8, _mm256_srli_epi16,
    };

    use super::{all, load, own};

    let half = all(0xf);
    let (mut low, mut high) = ([half; PLACES], [half; PLACES]);
    for n in 0..PLACES {
        // SAFETY: by the condition of this function.
        let seen = unsafe { load(text, at + n) };
        low[n] = _mm256_and_si256(seen, half);
        high[n] = _mm256_and_si256(_mm256_srli_epi16::<4>(seen), half);
    }
    let mut found = _mm256_setzero_si256();
    for group in groups {
        let mut words = all(u8::MAX);
        for n in 0..PLACES {
            words = _mm256_and_si256(words, _mm256_shuffle_epi8(own(&group.low[n]), low[n]));
            words = _mm256_and_si256(words, _mm256_shuffle_epi8(own(&group.high[n]), high[n]));
        }
        found = _mm256_or_si256(found, words);
    }
    _mm256_cmpeq_epi8(found, _mm256_setzero_si256())
}
