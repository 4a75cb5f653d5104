//! AWS's public keys, in any text in which they are copied.
//!
//! `aws cloudtrail list-public-keys` prints them as JSON, YAML, text or a table. In each form a key is a long run of
//! base64, so the form itself does not matter.

use std::collections::BTreeMap;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine as _, alphabet};

use super::rsa::{Hash, PublicKey, fingerprint};

/// The number of letters of base64 from which on a run may be a key. A key of 1024 bits has 187.
const RUN_LETTERS_MIN: usize = 180;

/// Public keys, by their fingerprints.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    by_fingerprint: BTreeMap<String, PublicKey>,
    /// The fingerprints of other encodings of these keys.
    others: BTreeMap<String, String>,
}

impl Keys {
    /// Adds all keys in a text, and returns their number. The text may be PEM too.
    pub fn add_all(&mut self, text: &[u8]) -> usize {
        let of_pem = memchr::memmem::find(text, b"-----BEGIN ").is_some();
        // PEM has line breaks inside a key; JSON has them as `\n` in some tools.
        let joined: Vec<u8> = match of_pem {
            true => text
                .iter()
                .copied()
                .filter(|b| !b"\r\n".contains(b))
                .collect(),
            false => text.to_vec(),
        };
        let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
        let runs = joined.split(|byte| !is_base64(byte));
        let runs = runs.filter(|run| run.len() >= RUN_LETTERS_MIN);
        let ders = runs.filter_map(from_base64);
        ders.filter_map(|der| self.add(&der)).count()
    }

    fn add(&mut self, der: &[u8]) -> Option<()> {
        let key = PublicKey::from_der(der)?;
        // AWS's own example has the fingerprint of the whole text in which its key is encoded.
        let other = fingerprint(der);
        if other != key.fingerprint {
            self.others.insert(other, key.fingerprint.clone());
        }
        self.by_fingerprint.insert(key.fingerprint.clone(), key);
        Some(())
    }

    /// Returns true if there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_fingerprint.is_empty()
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_fingerprint.len()
    }

    /// Returns true if the key with this fingerprint is known.
    #[must_use]
    pub fn has(&self, fingerprint: &str) -> bool {
        self.by_fingerprint.contains_key(fingerprint) || self.others.contains_key(fingerprint)
    }

    /// Opens a signature with the key that is named, and else with any other.
    #[must_use]
    pub(super) fn open(&self, signature: &[u8], fingerprint: &str) -> Option<Hash> {
        let fingerprint = self.others.get(fingerprint).map_or(fingerprint, |one| one);
        let named = self.by_fingerprint.get(fingerprint);
        let others = self.by_fingerprint.iter();
        let others = others.filter(|(other, _)| *other != fingerprint);
        let mut keys = named.into_iter().chain(others.map(|(_, key)| key));
        keys.find_map(|key| key.open(signature))
    }
}

/// Reads base64 with padding or without.
fn from_base64(letters: &[u8]) -> Option<Vec<u8>> {
    let n_padding = letters.iter().rev().take_while(|b| **b == b'=').count();
    let config = NO_PAD.with_decode_allow_trailing_bits(true);
    let engine = GeneralPurpose::new(&alphabet::STANDARD, config);
    engine.decode(&letters[..letters.len() - n_padding]).ok()
}

#[cfg(test)]
mod tests {
    use super::super::rsa::{from_hex, hex};
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding() {
        let cases = [
            ("", ""),
            ("Zg==", "f"),
            ("Zg", "f"),
            ("Zm8=", "fo"),
            ("Zm9v", "foo"),
        ];
        for (letters, text) in cases {
            assert_eq!(from_base64(letters.as_bytes()).unwrap(), text.as_bytes());
        }
        assert_eq!(from_base64(b"Zm9vY"), None);
        assert_eq!(from_base64(b"Zm-v"), None);
    }

    /// A key and a signature that AWS prints in its user guide ("Custom implementations of CloudTrail log file integrity
    /// validation" and "CloudTrail digest file structure"): the signature is that of the digest before the example.
    #[test]
    fn the_signature_in_aws_s_guide_opens_with_the_key_printed_there() {
        const FINGERPRINT: &str = "31e8b5433410dfb61a9dc45cc65b22ff";
        const KEY: &str = concat!(
            "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAqlzPJbvZJ42UdcmLfPUqXYNfOs6I8lCfao/tOs8CmzPOEdtL",
            "WugB9xoIUz78qVHdKIqxbaG4jWHfJBiOSSFBM0lt8cdVo4TnRa7oG9io5pysS6DJhBBAeXsicufsiFJR+wrUNh8RSLxL",
            "4k6G1+BhLX20tJkZ/erT97tDGBujAelqseGg3vPZbTx9SMfOLN65PdLFudLP7Gat0Z9p5jw/rjpclKfo9Bfc3heeBxWG",
            "KwBBOKnFAaN9V57pOaosCvPKmHd9bg7jsQkI9Xp22IzGLsTFJZYVA3KiTAElDMu80iFXPHEq9hKNbt9e4URFam+1utKV",
            "EiLkR2disdCmPTK0VQIDAQAB",
        );
        const SIGNATURE: &str = concat!(
            "50887ccffad4c002b97caa37cc9dc626e3c680207d41d27fa5835458e066e0d3652fc4dfc30937e4d5f4cc7f796e7a25",
            "8fb50a43ac427f2237f6e505d4efaf373d156e15e3b68dea9f58111d395b62628d6bd367a9024d2183b5c5f6e19466d3",
            "a996b92df705bc997b8a0e13430f241d733cf95df4e41bb6c304c3f58363043572ea57a27085639ce187e679c0d81c75",
            "19b1184fa77fb7ab0b0e40a32dace6e1eefc3995c5ae182da49b62b26398cebb52a2201a6387b75b89c83e5570bcb9bb",
            "a6c34a80f2f00a1c6ebe07d1ff149eccd812dc805bb3eeff6657db32a6cb48d2d096404eb76181877bc6ebb8cd0b23f8",
            "23200155b2fd8848d428e46e8456328a",
        );
        let signature = from_hex(SIGNATURE.as_bytes()).unwrap();
        let mut keys = Keys::default();
        assert_eq!(
            keys.add_all(format!(r#"{{"Value": "{KEY}"}}"#).as_bytes()),
            1
        );
        assert!(keys.has(FINGERPRINT) && keys.len() == 1);
        let signed = "4cdaa85fddf1a1a032e5fca5d16d104d1b03f2b31641eff267d877264a44c570";
        for fingerprint in [FINGERPRINT, "another"] {
            assert_eq!(hex(&keys.open(&signature, fingerprint).unwrap()), signed);
        }
        for place in [0, 100, 255] {
            let mut changed = signature.clone();
            changed[place] ^= 1;
            assert_eq!(keys.open(&changed, FINGERPRINT), None);
        }
    }

    #[test]
    fn text_without_keys_has_none() {
        let mut keys = Keys::default();
        let noise = "A".repeat(400) + " " + &"MIIBCgKCAQEA".repeat(40);
        assert_eq!(keys.add_all(noise.as_bytes()), 0);
        assert!(keys.is_empty());
    }
}
