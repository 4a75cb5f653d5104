//! Signatures of digests that were copied beside an archive.
//!
//! A plain copy of an object loses its metadata, and with it the signature. Tools that keep the metadata write it in
//! different forms: `aws s3api head-object`, `rclone lsjson --metadata`. In each form a signature is a run of 512
//! hexadecimal digits, and the name of its digest is before it or is the name of the file.

use std::collections::HashMap;

use memchr::memmem;

use super::name::{NameKey, digest_name_in};
use super::rsa::from_hex;

/// The number of hexadecimal digits of a signature.
const SIGNATURE_DIGITS: usize = 512;

/// Signatures, with the names of their digests where these are known.
#[derive(Debug, Clone, Default)]
pub struct Signatures {
    by_name: HashMap<NameKey, Vec<Vec<u8>>>,
    others: Vec<Vec<u8>>,
}

impl Signatures {
    /// Adds all signatures in a text, and returns their number. `file_name` is the name of the file.
    pub fn add_all(&mut self, text: &[u8], file_name: &str) -> usize {
        let of_file = digest_name_in(file_name.as_bytes());
        let mut n_found = 0;
        let (mut start, mut name) = (0, None);
        for (from, digits) in runs(text) {
            let Some(signature) = from_hex(digits) else {
                continue;
            };
            // The last name before the signature.
            let before = &text[start..from];
            if let Some(at) = memmem::rfind(before, b"_CloudTrail-Digest_") {
                name = digest_name_in(&before[at.saturating_sub(12)..]);
            }
            start = from;
            match name.or(of_file) {
                Some(name) => self.add(name, signature),
                None => self.others.push(signature),
            }
            n_found += 1;
        }
        n_found
    }

    /// Adds the signature of a digest.
    pub(super) fn add(&mut self, name: NameKey, signature: Vec<u8>) {
        self.by_name.entry(name).or_default().push(signature);
    }

    /// Returns the signatures of the digest with this name.
    pub(super) fn of(&self, name: NameKey) -> &[Vec<u8>] {
        self.by_name.get(&name).map_or(&[], Vec::as_slice)
    }

    /// Returns the signatures whose digest is not known.
    pub(super) fn of_unknown(&self) -> &[Vec<u8>] {
        &self.others
    }
}

/// Returns the runs of exactly 512 hexadecimal digits, with their places.
fn runs(text: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < text.len() {
            let rest = &text[at..];
            let n_digits = rest.iter().take_while(|b| b.is_ascii_hexdigit()).count();
            let from = at;
            at += n_digits + 1;
            if n_digits == SIGNATURE_DIGITS {
                return Some((from, &rest[..n_digits]));
            }
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_belongs_to_the_name_before_it_or_to_the_file() {
        let name = |hour| {
            format!(
                "111122223333_CloudTrail-Digest_us-east-1_main.trail_us-east-1_20260301T{hour}0421Z.json.gz"
            )
        };
        let key = |hour| digest_name_in(name(hour).as_bytes()).unwrap();
        let signature = |byte: &str| byte.repeat(SIGNATURE_DIGITS / 2);
        let listed = format!(
            r#"[{{"Path":"AWSLogs/{}","Metadata":{{"signature":"{}"}}}},{{"Path":"{}","m":"{}"}}]"#,
            name("01"),
            signature("0a"),
            name("02"),
            signature("0B"),
        );
        let mut all = Signatures::default();
        assert_eq!(all.add_all(listed.as_bytes(), "list.json"), 2);
        assert_eq!(all.of(key("01")), [vec![0x0a; 256]]);
        assert_eq!(all.of(key("02")), [vec![0x0b; 256]]);
        let head = format!(r#"{{"Metadata":{{"signature":"{}"}}}}"#, signature("0c"));
        all.add_all(head.as_bytes(), &(name("03") + ".json"));
        all.add_all(head.as_bytes(), "head.json");
        assert_eq!(all.of(key("03")), [vec![0x0c; 256]]);
        assert_eq!(all.of_unknown(), [vec![0x0c; 256]]);
        let long = signature("0d") + "0";
        assert_eq!(all.add_all(long.as_bytes(), "long"), 0);
    }
}
