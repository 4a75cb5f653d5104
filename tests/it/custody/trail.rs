//! Makes archives with a chain of digests, signed by a key of these tests.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::LazyLock;

use num_bigint::BigUint;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::lake::gzip;

pub(crate) const BUCKET: &str = "example-trail";
pub(crate) const ACCOUNT: &str = "111122223333";
pub(crate) const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];
/// The number of digests of a region. The first is empty, as it is when a trail is made.
pub(crate) const N_DIGESTS: usize = 9;

/// The start of the first digest: 2026-03-01T21:04:21Z.
pub(crate) const START: i64 = 1_772_399_061;
pub(crate) const HOUR: i64 = 3600;

/// An archive as its objects, and the signatures in the metadata of digests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trail {
    /// The texts of logs and digests, by their keys.
    pub(crate) texts: BTreeMap<String, String>,
    /// The signatures of digests, by their keys.
    pub(crate) signatures: BTreeMap<String, String>,
    /// The keys of digests, by region, in the order of time.
    pub(crate) digests: [Vec<String>; 2],
    /// The keys of logs, with the numbers of the regions and digests that name them.
    pub(crate) logs: Vec<(String, usize, usize)>,
}

pub(crate) fn time(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap();
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn form(seconds: i64, form: &str) -> String {
    let time = jiff::Timestamp::from_second(seconds).unwrap();
    time.strftime(form).to_string()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// The modulus and the private exponent.
fn key() -> [BigUint; 2] {
    let text = include_str!("key.txt");
    let numbers: Vec<_> = text.lines().skip(1).collect();
    [0, 1].map(|n| BigUint::parse_bytes(numbers[n].as_bytes(), 16).unwrap())
}

fn sign(text: &str) -> String {
    let [modulus, exponent] = key();
    let mut encoded = vec![0, 1];
    encoded.resize(2 + 202, 0xff);
    encoded.push(0);
    encoded.extend(b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20");
    encoded.extend(Sha256::digest(text.as_bytes()));
    assert_eq!(encoded.len(), 256);
    let signature = BigUint::from_bytes_be(&encoded).modpow(&exponent, &modulus);
    format!("{:0>512}", signature.to_str_radix(16))
}

fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut value = vec![tag, 0x82];
    value.extend(u16::try_from(content.len()).unwrap().to_be_bytes());
    value.extend(content);
    value
}

/// The public key in PKCS#1.
fn pkcs1() -> Vec<u8> {
    let modulus = [vec![0], key()[0].to_bytes_be()].concat();
    der(
        0x30,
        &[der(0x02, &modulus), vec![0x02, 3, 1, 0, 1]].concat(),
    )
}

/// The public key with its algorithm around it.
pub(crate) fn spki() -> Vec<u8> {
    let algorithm = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00";
    let key = der(0x03, &[vec![0], pkcs1()].concat());
    der(0x30, &[algorithm.to_vec(), key].concat())
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let mut word = [0; 4];
        word[1..=group.len()].copy_from_slice(group);
        let word = u32::from_be_bytes(word);
        for n in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * n) & 63) as usize];
            text.push(if n <= group.len() {
                char::from(letter)
            } else {
                '='
            });
        }
    }
    text
}

/// The fingerprint of the key: the MD5 of its PKCS#1, as another program computed it.
pub(crate) const FINGERPRINT: &str = "ef1ae9bb9e20215c16105e20efefebb1";

/// What `aws cloudtrail list-public-keys` prints.
pub(crate) fn public_keys() -> String {
    let key = json!({
        "Value": base64(&pkcs1()), "ValidityStartTime": 1_772_000_000.0, "ValidityEndTime": 1_775_000_000.0,
        "Fingerprint": FINGERPRINT,
    });
    json!({ "PublicKeyList": [key] }).to_string()
}

fn record(seconds: i64, region: &str, n: i64) -> Value {
    json!({
        "eventVersion": "1.11",
        "userIdentity": {"type": "IAMUser", "accountId": ACCOUNT, "userName": "alice"},
        "eventTime": time(seconds), "eventSource": "ec2.amazonaws.com", "eventName": "DescribeInstances",
        "awsRegion": region, "sourceIPAddress": "203.0.113.7", "requestParameters": null, "responseElements": null,
        "eventID": format!("{region}-{seconds}-{n}"), "eventType": "AwsApiCall", "recipientAccountId": ACCOUNT,
        "eventCategory": "Management",
    })
}

/// The key and the text of a log whose last event is at this time.
pub(crate) fn log(region: &str, newest: i64, n_records: i64) -> (String, String) {
    let records: Vec<Value> = (0..n_records)
        .map(|n| record(newest - 40 * (n_records - 1 - n), region, n))
        .collect();
    let named = newest.div_euclid(300) * 300 + 300;
    let name = format!(
        "{ACCOUNT}_CloudTrail_{region}_{}_Letters{newest:09}.json.gz",
        form(named, "%Y%m%dT%H%MZ")
    );
    let key = format!(
        "AWSLogs/{ACCOUNT}/CloudTrail/{region}/{}/{name}",
        form(named, "%Y/%m/%d")
    );
    (key, json!({ "Records": records }).to_string())
}

/// A digest as its text, and its signature.
pub(crate) fn sign_digest(digest: &Value) -> (String, String) {
    let text = digest.to_string().replace('/', "\\/");
    let of = |name: &str| digest[name].as_str().unwrap_or("null");
    let signature = sign(&format!(
        "{}\n{}/{}\n{}\n{}",
        of("digestEndTime"),
        of("digestS3Bucket"),
        of("digestS3Object"),
        hex(&Sha256::digest(text.as_bytes())),
        of("previousDigestSignature")
    ));
    (text, signature)
}

impl Trail {
    /// Two regions with hourly digests. The first region has two logs an hour, the other one in every third hour.
    pub(crate) fn new() -> Self {
        static MADE: LazyLock<Trail> = LazyLock::new(Trail::make);
        MADE.clone()
    }

    fn make() -> Self {
        let mut trail = Self::default();
        for (region, name) in REGIONS.into_iter().enumerate() {
            let mut previous: Option<(String, String, String)> = None;
            for n in 0..N_DIGESTS {
                let logs = trail.add_logs(region, n);
                let end = START + HOUR * (i64::try_from(n).unwrap() + 1);
                let key = format!(
                    "AWSLogs/{ACCOUNT}/CloudTrail-Digest/{name}/{}/{ACCOUNT}_CloudTrail-Digest_{name}_my_trail_us-east-1_{}.json.gz",
                    form(end, "%Y/%m/%d"),
                    form(end, "%Y%m%dT%H%M%SZ")
                );
                let before = |n: usize| {
                    let (key, text, signature) = previous.as_ref()?;
                    Some(
                        [
                            key.clone(),
                            hex(&Sha256::digest(text.as_bytes())),
                            signature.clone(),
                        ][n]
                            .clone(),
                    )
                };
                let digest = json!({
                    "awsAccountId": ACCOUNT, "digestStartTime": time(end - HOUR), "digestEndTime": time(end),
                    "digestS3Bucket": BUCKET, "digestS3Object": key, "digestPublicKeyFingerprint": FINGERPRINT,
                    "digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": null, "oldestEventTime": null,
                    "previousDigestS3Bucket": previous.as_ref().map(|_| BUCKET), "previousDigestS3Object": before(0),
                    "previousDigestHashValue": before(1), "previousDigestHashAlgorithm": before(1).map(|_| "SHA-256"),
                    "previousDigestSignature": before(2), "logFiles": logs,
                });
                let (text, signature) = sign_digest(&digest);
                trail.texts.insert(key.clone(), text.clone());
                trail.signatures.insert(key.clone(), signature.clone());
                trail.digests[region].push(key.clone());
                previous = Some((key, text, signature));
            }
        }
        trail
    }

    /// Adds the logs that a digest names.
    fn add_logs(&mut self, region: usize, n: usize) -> Vec<Value> {
        let start = START + HOUR * i64::try_from(n).unwrap();
        let minutes: &[i64] = match (n, region) {
            (0, _) => &[],
            (_, 0) => &[7, 44],
            (n, _) if n % 3 == 0 => &[20],
            _ => &[],
        };
        let mut listed = Vec::new();
        for minute in minutes {
            let newest = start + minute * 60;
            let (key, text) = log(REGIONS[region], newest, 3);
            listed.push(json!({
                "s3Bucket": BUCKET, "s3Object": key, "hashValue": hex(&Sha256::digest(text.as_bytes())),
                "hashAlgorithm": "SHA-256", "newestEventTime": time(newest), "oldestEventTime": time(newest - 80),
            }));
            self.texts.insert(key.clone(), text);
            self.logs.push((key, region, n));
        }
        listed
    }

    /// The objects as they are stored.
    pub(crate) fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let stored = self.texts.iter();
        stored
            .map(|(key, text)| (key.clone(), gzip(text.as_bytes())))
            .collect()
    }

    /// What `aws s3api head-object` prints for each digest, by the name of a file.
    pub(crate) fn heads(&self) -> BTreeMap<String, String> {
        let head = |(key, signature): (&String, &String)| {
            let head = json!({"Metadata": {"signature": signature, "signature-algorithm": "SHA256withRSA"}});
            (format!("{key}.json"), head.to_string())
        };
        self.signatures.iter().map(head).collect()
    }
}
