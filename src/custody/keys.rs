//! AWS's public keys, in any text in which they are copied.
//!
//! `aws cloudtrail list-public-keys` prints them as JSON, YAML, text or a table. In each form a key is a long run of
//! base64, so the form itself does not matter.

use std::collections::BTreeMap;

use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use base64::{Engine as _, alphabet};

use super::rsa::{Hash, PublicKey};

/// The number of letters of base64 from which on a run may be a key. A key of 1024 bits has 187.
const RUN_LETTERS_MIN: usize = 180;

/// Public keys, by their fingerprints.
#[derive(Debug, Clone, Default)]
pub struct Keys(BTreeMap<String, PublicKey>);

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
        let keys = runs.filter_map(|run| PublicKey::from_der(&from_base64(run)?));
        keys.map(|key| self.0.insert(key.fingerprint.clone(), key))
            .count()
    }

    /// Returns true if there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the number of keys.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns true if the key with this fingerprint is known.
    #[must_use]
    pub fn has(&self, fingerprint: &str) -> bool {
        self.0.contains_key(fingerprint)
    }

    /// Opens a signature with the key that is named, and else with any other.
    #[must_use]
    pub(super) fn open(&self, signature: &[u8], fingerprint: &str) -> Option<Hash> {
        let named = self.0.get(fingerprint);
        let others = self.0.iter().filter(|(other, _)| *other != fingerprint);
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

    #[test]
    fn text_without_keys_has_none() {
        let mut keys = Keys::default();
        let noise = "A".repeat(400) + " " + &"MIIBCgKCAQEA".repeat(40);
        assert_eq!(keys.add_all(noise.as_bytes()), 0);
        assert!(keys.is_empty());
    }
}
