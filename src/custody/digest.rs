//! A digest file, as it is written.

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::name::{DigestName, digest_name};
use super::rsa::{Hash, from_hex, hex};
use crate::event::time;

/// A digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Digest {
    /// The bucket of its object, as it says itself.
    pub bucket: String,
    /// The key of its object, as it says itself.
    pub key: String,
    /// Its first second, since 1970.
    pub start: i64,
    /// The second after its last one.
    pub end: i64,
    /// The fingerprint of the key that signed it.
    pub fingerprint: String,
    /// The digest before it. `None` if it begins a chain.
    pub previous: Option<Previous>,
    /// The hash of its text.
    pub hash: Hash,
    /// The hash that is signed.
    pub signed: Hash,
    /// The logs that it names.
    pub logs: Vec<ListedLog>,
    /// True if something follows it in its file.
    pub is_appended: bool,
    /// True if it cannot be read as a digest. Then all it says is what its name says.
    pub is_damaged: bool,
}

/// What a digest says of the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Previous {
    /// The key of its object.
    pub key: String,
    /// The hash of its text.
    pub hash: Option<Hash>,
    /// Its signature.
    pub signature: Vec<u8>,
}

/// What a digest says of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ListedLog {
    /// The key of its object.
    pub key: String,
    /// The hash of its text.
    pub hash: Option<Hash>,
    /// The time of its first event, in seconds since 1970.
    pub first: Option<i64>,
    /// The time of its last event, in seconds since 1970.
    pub last: Option<i64>,
}

/// The fields of a digest. All are texts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    #[serde(default)]
    digest_public_key_fingerprint: String,
    #[serde(default)]
    previous_digest_s3_object: Option<String>,
    #[serde(default)]
    previous_digest_hash_value: Option<String>,
    #[serde(default)]
    previous_digest_signature: Option<String>,
    log_files: Vec<LogFields>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFields {
    s3_object: String,
    hash_value: String,
    #[serde(default)]
    newest_event_time: Option<String>,
    #[serde(default)]
    oldest_event_time: Option<String>,
}

/// Returns true if a text begins as a digest does.
pub(super) fn begins_as_digest(text: &[u8]) -> bool {
    const BEGIN_BYTES: usize = 512;
    let begin = &text[..text.len().min(BEGIN_BYTES)];
    begin.trim_ascii_start().starts_with(b"{")
        && memchr::memmem::find(begin, b"\"digestStartTime\"").is_some()
}

impl Digest {
    /// Reads a digest from the text of its file. If the file has the name of a digest and is none, the digest is
    /// damaged. A file with another name may hold many digests, one after another.
    pub(super) fn read(text: &[u8], path: &str) -> Vec<Self> {
        if let Some(name) = digest_name(path) {
            let digest = Self::parse(text).map(|(digest, rest)| Self {
                is_appended: !rest.is_empty(),
                ..digest
            });
            return vec![digest.unwrap_or_else(|| Self::damaged(text, path, name))];
        }
        let mut rest = text.trim_ascii_start();
        let digests = std::iter::from_fn(|| {
            let (digest, after) = Self::parse(rest)?;
            rest = after.trim_ascii_start();
            Some(digest)
        });
        digests.collect()
    }

    /// Reads the digest at the start of a text, and returns what follows it, which was not signed.
    fn parse(text: &[u8]) -> Option<(Self, &[u8])> {
        let mut values = serde_json::Deserializer::from_slice(text).into_iter::<Fields>();
        let fields = values.next()?.ok()?;
        let (own, rest) = text.split_at(values.byte_offset());
        let hash: Hash = Sha256::digest(own).into();
        let signature = fields.previous_digest_signature;
        let to_sign = format!(
            "{}\n{}/{}\n{}\n{}",
            fields.digest_end_time,
            fields.digest_s3_bucket,
            fields.digest_s3_object,
            hex(&hash),
            signature.as_deref().unwrap_or("null")
        );
        let previous = fields.previous_digest_s3_object.map(|key| Previous {
            key,
            hash: fields
                .previous_digest_hash_value
                .and_then(|digits| hash_of(&digits)),
            signature: signature
                .and_then(|digits| from_hex(digits.as_bytes()))
                .unwrap_or_default(),
        });
        let digest = Self {
            start: seconds(&fields.digest_start_time)?,
            end: seconds(&fields.digest_end_time)?,
            bucket: fields.digest_s3_bucket,
            key: fields.digest_s3_object,
            fingerprint: fields.digest_public_key_fingerprint,
            previous,
            hash,
            signed: Sha256::digest(to_sign.as_bytes()).into(),
            logs: fields.log_files.into_iter().map(LogFields::read).collect(),
            is_appended: false,
            is_damaged: false,
        };
        Some((digest, rest))
    }

    fn damaged(text: &[u8], path: &str, name: DigestName<'_>) -> Self {
        const HOUR: i64 = 3600;
        Self {
            bucket: String::new(),
            key: path.to_owned(),
            start: name.end - HOUR,
            end: name.end,
            fingerprint: String::new(),
            previous: None,
            hash: Sha256::digest(text).into(),
            signed: Hash::default(),
            logs: Vec::new(),
            is_appended: false,
            is_damaged: true,
        }
    }
}

impl LogFields {
    fn read(self) -> ListedLog {
        let time = |text: Option<String>| text.and_then(|text| seconds(&text));
        ListedLog {
            hash: hash_of(&self.hash_value),
            first: time(self.oldest_event_time),
            last: time(self.newest_event_time),
            key: self.s3_object,
        }
    }
}

fn hash_of(digits: &str) -> Option<Hash> {
    from_hex(digits.as_bytes())?.try_into().ok()
}

fn seconds(text: &str) -> Option<i64> {
    time::micros(text).map(|micros| micros.div_euclid(1_000_000))
}
