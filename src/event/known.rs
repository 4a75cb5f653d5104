//! A fixed set of names. Each has a number, which is found by one look and one comparison.

/// `N` names in `SLOTS` slots. `SLOTS` is a power of two.
pub(super) struct Known<const N: usize, const SLOTS: usize> {
    names: [&'static str; N],
    /// The number of the name in each slot.
    numbers: [u8; SLOTS],
    factor: u32,
}

/// The content of a slot without a name.
const NONE: u8 = u8::MAX;

impl<const N: usize, const SLOTS: usize> Known<N, SLOTS> {
    /// Makes the set. With this factor no two names may share a slot: such factors are found by trying.
    ///
    /// # Panics
    ///
    /// Panics if two names share a slot. Sets are constants, so this is an error of the compiler.
    pub(super) const fn new(names: [&'static str; N], factor: u32) -> Self {
        assert!(N < NONE as usize && SLOTS.is_power_of_two());
        let mut numbers = [NONE; SLOTS];
        let mut number = 0;
        while number < N {
            let slot = slot::<SLOTS>(names[number], factor);
            assert!(numbers[slot] == NONE, "two names share a slot");
            numbers[slot] = number.to_le_bytes()[0];
            number += 1;
        }
        Self {
            names,
            numbers,
            factor,
        }
    }

    /// Returns the number of a name, if it is in the set.
    #[inline]
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        let number = usize::from(self.numbers[slot::<SLOTS>(name, self.factor)]);
        let known = *self.names.get(number)?;
        is_same(known.as_bytes(), name.as_bytes()).then_some(number)
    }
}

/// Returns whether two names are the same. Some thirty names of a record are looked up, and the general comparison is a
/// call for each: names of up to 32 bytes are compared by their first and last bytes, which overlap.
#[inline]
fn is_same(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    match a.len() {
        4..8 => ends::<4>(a) == ends::<4>(b),
        8..16 => ends::<8>(a) == ends::<8>(b),
        16..=32 => ends::<16>(a) == ends::<16>(b),
        _ => a == b,
    }
}

/// Returns the first and the last `N` bytes of a name that has as many.
#[inline]
fn ends<const N: usize>(name: &[u8]) -> (Option<&[u8; N]>, Option<&[u8; N]>) {
    (name.first_chunk(), name.last_chunk())
}

/// Returns the slot of a name, by its length and three of its letters.
#[inline]
const fn slot<const SLOTS: usize>(name: &str, factor: u32) -> usize {
    let name = name.as_bytes();
    let n = name.len();
    if n < 3 {
        return 0;
    }
    let letters = u32::from_le_bytes([n.to_le_bytes()[0], name[n - 3], name[n / 2], name[n - 1]]);
    (letters.wrapping_mul(factor) >> (u32::BITS - SLOTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_one_byte_are_not_the_same() {
        for n in 0..40 {
            let name: Vec<u8> = (b'a'..).take(n).collect();
            assert!(is_same(&name, &name.clone()));
            assert!(!is_same(&name, &[&name[..], b"x"].concat()));
            for at in 0..n {
                let mut other = name.clone();
                other[at] ^= 1;
                assert!(!is_same(&name, &other), "{at} of {n}");
            }
        }
    }

    const NAMES: [&str; 3] = ["eventName", "eventTime", "eventID"];
    const KNOWN: Known<3, 16> = Known::new(NAMES, 0xef0e_a675);

    #[test]
    fn each_name_has_its_number_and_no_other_name_has_one() {
        for (n, name) in NAMES.into_iter().enumerate() {
            assert_eq!(KNOWN.number(name), Some(n), "{name}");
        }
        for name in ["", "e", "ev", "eventname", "eventNames", "@timestamp"] {
            assert_eq!(KNOWN.number(name), None, "{name}");
        }
    }
}
