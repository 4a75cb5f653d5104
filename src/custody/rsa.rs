//! Opens RSA signatures with public keys (RSASSA-PKCS1-v1_5 with SHA-256, RFC 8017).
//!
//! A signature is not compared with a known hash: it is opened, and gives the hash that was signed. Only public values
//! are used, so the time that it takes shows nothing that is secret.

use md5::Md5;
use num_bigint::BigUint;
use sha2::Digest as _;

/// A SHA-256 hash.
pub(crate) type Hash = [u8; 32];

/// The sizes of moduli that are accepted, in bytes. AWS's keys have 256.
const MODULUS_BYTES: std::ops::RangeInclusive<usize> = 128..=1024;

/// The encoding of a SHA-256 hash in a signature, before the hash itself (RFC 8017, 9.2).
const SHA256_PREFIX: [u8; 19] = [
    0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05,
    0x00, 0x04, 0x20,
];

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicKey {
    modulus: BigUint,
    exponent: BigUint,
    n_bytes: usize,
    /// The MD5 of its PKCS#1 DER, as hexadecimal digits. Digests name keys by it.
    pub fingerprint: String,
}

impl PublicKey {
    /// Reads a key in DER: PKCS#1, or a `SubjectPublicKeyInfo` around it.
    #[must_use]
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        Self::from_pkcs1(der).or_else(|| {
            let mut info = Der(Der(der).content(SEQUENCE)?);
            info.content(SEQUENCE)?;
            let (no_unused_bits, key) = info.content(BIT_STRING)?.split_first()?;
            (*no_unused_bits == 0).then(|| Self::from_pkcs1(key))?
        })
    }

    fn from_pkcs1(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut key = Der(outer.content(SEQUENCE)?);
        let modulus = BigUint::from_bytes_be(key.content(INTEGER)?);
        let exponent = BigUint::from_bytes_be(key.content(INTEGER)?);
        let n_bytes = usize::try_from(modulus.bits().div_ceil(8)).ok()?;
        let is_usual = exponent.bit(0) && exponent.bits() > 1 && exponent.bits() <= 64;
        let is_key = outer.0.is_empty() && key.0.is_empty() && is_usual && modulus.bit(0);
        (is_key && MODULUS_BYTES.contains(&n_bytes)).then(|| Self {
            modulus,
            exponent,
            n_bytes,
            fingerprint: fingerprint(der),
        })
    }

    /// Opens a signature, and returns the hash that was signed. Returns `None` if the signature is not one of this key.
    #[must_use]
    pub(super) fn open(&self, signature: &[u8]) -> Option<Hash> {
        let signature = BigUint::from_bytes_be(signature);
        if signature >= self.modulus {
            return None;
        }
        let opened = self.power(&signature).to_bytes_be();
        // All bytes but those of the hash are known. The first one is zero, and is not there.
        let rest = opened.strip_prefix(&[1])?;
        let n_padding = self.n_bytes.checked_sub(3 + SHA256_PREFIX.len() + 32)?;
        let (padding, rest) = rest.split_at_checked(n_padding)?;
        let is_padding = padding.iter().all(|byte| *byte == 0xff);
        let hash = rest.strip_prefix(&[0])?.strip_prefix(&SHA256_PREFIX)?;
        is_padding.then(|| hash.try_into().ok())?
    }
}

impl PublicKey {
    /// Returns a number to the power of the exponent. That has 17 bits, and two of them are set: this takes a third of
    /// the time of `modpow`, which is for large exponents.
    fn power(&self, base: &BigUint) -> BigUint {
        let mut power = base.clone();
        for bit in (0..self.exponent.bits() - 1).rev() {
            power = &power * &power % &self.modulus;
            if self.exponent.bit(bit) {
                power = power * base % &self.modulus;
            }
        }
        power
    }
}

/// Returns the fingerprint of an encoded key.
pub(super) fn fingerprint(der: &[u8]) -> String {
    hex(&Md5::digest(der))
}

/// Returns bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok(); // writing to a string cannot fail
        text
    })
}

/// Reads hexadecimal digits.
pub(crate) fn from_hex(digits: &[u8]) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u8; 2]| u8::try_from(value(*high)? * 16 + value(*low)?).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// Values in DER that follow one another.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes the next value, and returns its content if it has this tag.
    fn content(&mut self, tag: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[tag])?;
        let (&first, rest) = rest.split_first()?;
        let (n_bytes, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            // The number of bytes in which the length is written.
            0x81..=0x84 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let add = |n: usize, byte: &u8| n << 8 | usize::from(*byte);
                (length.iter().fold(0, add), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(n_bytes)?;
        self.0 = rest;
        Some(content)
    }
}
