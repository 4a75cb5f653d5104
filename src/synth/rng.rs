//! Random numbers that never change: the same seed gives the same archive on every machine, in every version.
//!
//! SplitMix64 (Steele, Lea and Flood, 2014), implemented here in ten lines: a dependency could change its stream in a
//! later version, and each record needs a generator that is cheap to create. It is not suitable for secrets. It uses no
//! floating-point functions whose last bit depends on the platform.

/// The alphabets of ids.
pub(super) const HEX: &[u8] = b"0123456789abcdef";
pub(super) const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
pub(super) const ALNUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
pub(super) const BASE64: &[u8] =
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// One stream of random numbers.
#[derive(Debug, Clone)]
pub(super) struct Rng {
    state: u64,
}

impl Rng {
    /// Creates the stream that belongs to these numbers, such as seed, file and record. Any change in them or in their
    /// order gives an unrelated stream.
    pub(super) fn of(parts: &[u64]) -> Self {
        let state = parts.iter().fold(0, |state: u64, &part| {
            mix(state.wrapping_add(GOLDEN) ^ mix(part.wrapping_add(GOLDEN)))
        });
        Self { state }
    }

    pub(super) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Returns a number below `end`, or 0 if `end` is 0. The bias of multiply-shift is below 1 in 2^32 here.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        let (_, high) = self.next().carrying_mul(end, 0);
        high
    }

    /// Returns a number from `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    /// Returns true in `n` of a thousand cases.
    pub(super) fn per_mille(&mut self, n: u64) -> bool {
        self.below(1000) < n
    }

    /// Returns a number that is at least 0 and less than 1. All 53 bits are exact, so it is the same everywhere.
    pub(super) fn unit(&mut self) -> f64 {
        const SCALE: f64 = 1.0 / (1_u64 << 53) as f64;
        (self.next() >> 11) as f64 * SCALE
    }

    /// Returns one of `choices`, which must not be empty.
    pub(super) fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        nth(choices, self.below(choices.len() as u64))
    }

    /// Appends `n` characters of an alphabet of at most 256. Each character takes one random byte: with 62 letters some
    /// are a quarter more frequent than others, which does not matter in an id.
    pub(super) fn text(&mut self, alphabet: &[u8], n: usize, out: &mut Vec<u8>) {
        let end = out.len() + n;
        while out.len() < end {
            let bytes = self.next().to_le_bytes();
            let wanted = (end - out.len()).min(bytes.len());
            out.extend(
                bytes
                    .iter()
                    .take(wanted)
                    .map(|&byte| alphabet[(usize::from(byte) * alphabet.len()) >> 8]),
            );
        }
    }

    /// Returns a version 4 UUID.
    pub(super) fn uuid(&mut self) -> [u8; 36] {
        let mut id = *b"xxxxxxxx-xxxx-4xxx-vxxx-xxxxxxxxxxxx";
        let mut digits = (u128::from(self.next()) << 64) | u128::from(self.next());
        for place in &mut id {
            let alphabet = match place {
                b'x' => HEX,
                b'v' => b"89ab89ab89ab89ab",
                _ => continue,
            };
            *place = alphabet[(digits & 15) as usize];
            digits >>= 4;
        }
        id
    }
}

/// Returns the element at an index. After the last element, counting continues from the first.
pub(super) fn nth<T>(choices: &[T], index: u64) -> &T {
    let index = usize::try_from(index % choices.len() as u64);
    &choices[index.expect("an index fits its own slice")]
}

/// 2^64 divided by the golden ratio: SplitMix64's step.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// SplitMix64's finalizer: every bit of the input affects every bit of the output.
const fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first outputs for state 0 in the published reference implementation.
        let mut rng = Rng { state: 0 };
        assert_eq!(rng.next(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(rng.next(), 0x6e78_9e6a_a1b9_65f4);
    }

    #[test]
    fn order_and_number_of_parts_matter() {
        let first = |parts: &[u64]| Rng::of(parts).next();
        assert_ne!(first(&[1, 2]), first(&[2, 1]));
        assert_ne!(first(&[0]), first(&[0, 0]));
        assert_eq!(first(&[7, 8]), first(&[7, 8]));
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut rng = Rng::of(&[1]);
        for _ in 0..2000 {
            assert!((3..=5).contains(&rng.between(3, 5)));
            assert!((0.0..1.0).contains(&rng.unit()));
        }
        assert_eq!(rng.below(0), 0);
        assert_eq!(rng.between(u64::MAX - 1, u64::MAX - 1), u64::MAX - 1);
    }

    #[test]
    fn a_uuid_has_its_shape() {
        let text = String::from_utf8(Rng::of(&[3]).uuid().to_vec()).unwrap();
        let lengths: Vec<usize> = text.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert_eq!(text.as_bytes()[14], b'4');
    }
}
