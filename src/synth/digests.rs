//! Digest files: for each account and region a chain, in which each names the logs of an hour and the digest before it.
//!
//! They are signed with a key whose private part is in this repository, so they prove nothing. They have the form of
//! AWS's, and AWS's own validator accepts them if it is given the public key.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use md5::Md5;
use num_bigint::BigUint;
use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};
use sha2::{Digest as _, Sha256};

use super::config::{Stopped, SynthConfig, SynthError};
use super::identity::{Account, ORGANIZATION};
use super::time;

/// The bucket that digests name.
const BUCKET: &str = "example-trail";
const HOME: &str = "us-east-1";
const HOUR: i64 = 3600;
/// The minute and second at which digests end.
const PHASE: i64 = 4 * 60 + 21;
/// The seconds after the time in its name at which a log is delivered.
const DELAY: i64 = 60;

/// What a digest says of a log.
pub(super) struct Delivered {
    pub(super) key: String,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) is_organization: bool,
    /// The time in its name, in seconds since 1970.
    pub(super) time: i64,
    pub(super) hash: [u8; 32],
    /// The times of its first and last event.
    pub(super) events: Option<(String, String)>,
}

/// A chain of digests: of the organization's trail or of an account's own, with its account and region.
type Chain = (bool, String, String);

/// Writes the digests, and beside the archive the public key and the signatures. Returns the number of digests.
pub(super) fn write(config: &SynthConfig, delivered: Vec<Delivered>) -> Result<u64, SynthError> {
    let mut chains: BTreeMap<Chain, Vec<Delivered>> = BTreeMap::new();
    // A trail of all regions has digests in those without events too.
    let regions: BTreeSet<&String> = config.regions.iter().collect();
    for account in 0..config.accounts {
        let account = String::from_utf8_lossy(&Account::new(account).id).into_owned();
        for region in &regions {
            let chain = (false, account.clone(), (*region).clone());
            chains.entry(chain).or_default();
        }
    }
    for log in delivered {
        let chain = (log.is_organization, log.account.clone(), log.region.clone());
        chains.entry(chain).or_default().push(log);
    }
    let key = Key::new();
    let made: Vec<Vec<(String, String)>> = chains
        .into_par_iter()
        .map(|(chain, logs)| write_chain(config, &key, &chain, logs))
        .collect::<Result<_, SynthError>>()?;
    let signatures: Vec<String> = made
        .iter()
        .flatten()
        .map(|(key, signature)| {
            format!(r#"{{"Path":"{key}","Metadata":{{"signature":"{signature}","signature-algorithm":"SHA256withRSA"}}}}"#)
        })
        .collect();
    let path = config.beside(".signatures.json");
    let text = format!("[{}]\n", signatures.join(",\n"));
    create(&path, text.as_bytes()).map_err(SynthError::write(&path))?;
    let path = config.beside(".public-keys.json");
    let (first, last) = ends(config);
    let text = format!(
        "{{\"PublicKeyList\":[{{\"Value\":\"{}\",\"ValidityStartTime\":\"{}\",\"ValidityEndTime\":\"{}\",\"Fingerprint\":\"{}\"}}]}}\n",
        STANDARD.encode(&key.der),
        iso(first - HOUR),
        iso(last + HOUR),
        key.fingerprint
    );
    create(&path, text.as_bytes()).map_err(SynthError::write(&path))?;
    Ok(signatures.len() as u64)
}

/// Returns the ends of the first and the last digest.
fn ends(config: &SynthConfig) -> (i64, i64) {
    let first = time::midnight(config.start) + PHASE;
    (first, first + i64::from(config.days) * 24 * HOUR)
}

/// Writes the digests of an account and region. Returns their keys and signatures.
fn write_chain(
    config: &SynthConfig,
    key: &Key,
    (is_organization, account, region): &Chain,
    mut logs: Vec<Delivered>,
) -> Result<Vec<(String, String)>, SynthError> {
    logs.sort_by(|a, b| (a.time, &a.key).cmp(&(b.time, &b.key)));
    let mut logs = logs.into_iter().peekable();
    let (folder, trail) = match is_organization {
        true => (format!("{ORGANIZATION}/"), "organization-trail"),
        false => (String::new(), "account-trail"),
    };
    let (first, last) = ends(config);
    let mut made: Vec<(String, String)> = Vec::new();
    let mut before = None;
    let mut stopped = config.stopped();
    let mut start = first - HOUR;
    loop {
        let mut end = start + HOUR;
        if let Some(Stopped { from, to }) = stopped {
            if start >= from {
                // A chain begins when logging starts again.
                (before, stopped) = (None, None);
                (start, end) = (to - HOUR, to);
            } else {
                // The last digest before that ends when logging is stopped.
                end = end.min(from);
            }
        }
        if start >= last {
            break;
        }
        let (mut day, mut second) = (Vec::new(), Vec::new());
        time::push_day(time::civil(end), &mut day);
        time::push_iso(time::civil(end), &mut second);
        let day = String::from_utf8_lossy(&day);
        let second = String::from_utf8_lossy(&second).replace(['-', ':'], "");
        let object = format!(
            "AWSLogs/{folder}{account}/CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{trail}_{HOME}_{second}.json.gz"
        );
        let mut of_hour = Vec::new();
        while let Some(log) = logs.next_if(|log| log.time + DELAY <= end) {
            of_hour.push(log);
        }
        let digest = Digest {
            account,
            object: &object,
            start,
            end,
            fingerprint: &key.fingerprint,
            before: before.as_ref(),
            logs: &of_hour,
        };
        let text = digest.text();
        let hash = hex(&Sha256::digest(text.as_bytes()));
        let signature_before = before
            .as_ref()
            .map_or("null", |(_, _, signature): &Before| signature);
        let to_sign = format!(
            "{}\n{BUCKET}/{object}\n{hash}\n{signature_before}",
            iso(end)
        );
        let signature = key.sign(to_sign.as_bytes());
        let path = config.out.join(&object);
        write_gzip(&path, text.as_bytes()).map_err(SynthError::write(&path))?;
        made.push((object.clone(), signature.clone()));
        before = Some((object, hash, signature));
        start = end;
    }
    Ok(made)
}

/// The key of a digest's object, the hash of its text, and its signature.
type Before = (String, String, String);

/// What a digest says.
struct Digest<'a> {
    account: &'a str,
    object: &'a str,
    start: i64,
    end: i64,
    fingerprint: &'a str,
    before: Option<&'a Before>,
    logs: &'a [Delivered],
}

impl Digest<'_> {
    /// Returns its text as CloudTrail writes it: on one line, with `/` escaped.
    fn text(&self) -> String {
        let quoted =
            |text: Option<&str>| text.map_or("null".to_owned(), |text| format!("\"{text}\""));
        let events = || self.logs.iter().filter_map(|log| log.events.as_ref());
        let newest = quoted(events().map(|(_, last)| last.as_str()).max());
        let oldest = quoted(events().map(|(first, _)| first.as_str()).min());
        let before = |part: fn(&Before) -> &str| quoted(self.before.map(part));
        let logs = self.logs.iter().map(|log| {
            let events = log.events.as_ref();
            format!(
                r#"{{"s3Bucket":"{BUCKET}","s3Object":"{}","hashValue":"{}","hashAlgorithm":"SHA-256","newestEventTime":{},"oldestEventTime":{}}}"#,
                log.key,
                hex(&log.hash),
                quoted(events.map(|(_, last)| last.as_str())),
                quoted(events.map(|(first, _)| first.as_str()))
            )
        });
        let logs: Vec<String> = logs.collect();
        let text = format!(
            concat!(
                r#"{{"awsAccountId":"{}","digestStartTime":"{}","digestEndTime":"{}","digestS3Bucket":"{}","#,
                r#""digestS3Object":"{}","digestPublicKeyFingerprint":"{}","digestSignatureAlgorithm":"SHA256withRSA","#,
                r#""newestEventTime":{},"oldestEventTime":{},"previousDigestS3Bucket":{},"previousDigestS3Object":{},"#,
                r#""previousDigestHashValue":{},"previousDigestHashAlgorithm":{},"previousDigestSignature":{},"#,
                r#""logFiles":[{}]}}"#
            ),
            self.account,
            iso(self.start),
            iso(self.end),
            BUCKET,
            self.object,
            self.fingerprint,
            newest,
            oldest,
            before(|_| BUCKET),
            before(|(object, ..)| object),
            before(|(_, hash, _)| hash),
            before(|_| "SHA-256"),
            before(|(.., signature)| signature),
            logs.join(",")
        );
        text.replace('/', "\\/")
    }
}

fn iso(seconds: i64) -> String {
    let mut text = Vec::new();
    time::push_iso(time::civil(seconds), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").ok(); // writing to a string cannot fail
        text
    })
}

/// Writes a new file, and its folder if necessary.
fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    File::create_new(path)?.write_all(bytes)
}

/// Writes a text as a new file. Returns the number of its bytes.
pub(super) fn write_gzip(path: &Path, text: &[u8]) -> io::Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text)?;
    let stored = encoder.finish()?;
    create(path, &stored)?;
    Ok(stored.len() as u64)
}

/// The key.
struct Key {
    primes: [BigUint; 2],
    /// The private exponent for each prime.
    exponents: [BigUint; 2],
    /// The inverse of the second prime.
    inverse: BigUint,
    /// The public key in PKCS#1.
    der: Vec<u8>,
    fingerprint: String,
}

impl Key {
    fn new() -> Self {
        let text = include_str!("key.txt");
        let mut primes = text.lines().skip(2);
        let mut prime = || {
            let digits = primes.next().unwrap_or_default();
            BigUint::parse_bytes(digits.as_bytes(), 16).expect("the file has two primes")
        };
        let primes = [prime(), prime()];
        let public = BigUint::from(65_537_u32);
        let one = BigUint::from(1_u32);
        let exponent = |prime: &BigUint| {
            let inverse = public.modinv(&(prime - &one));
            inverse.expect("the exponent has no divisor in common with them")
        };
        let exponents = [exponent(&primes[0]), exponent(&primes[1])];
        let inverse = primes[1].modinv(&primes[0]).expect("they are primes");
        let modulus = (&primes[0] * &primes[1]).to_bytes_be();
        let integers = [
            der(0x02, &[vec![0], modulus].concat()),
            vec![0x02, 3, 1, 0, 1],
        ];
        let der = der(0x30, &integers.concat());
        Self {
            fingerprint: hex(&Md5::digest(&der)),
            primes,
            exponents,
            inverse,
            der,
        }
    }

    /// Signs a text (RSASSA-PKCS1-v1_5 with SHA-256), and returns the signature as hexadecimal digits.
    fn sign(&self, text: &[u8]) -> String {
        const PREFIX: &[u8] =
            b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        const N_BYTES: usize = 256;
        let mut encoded = vec![0, 1];
        encoded.resize(N_BYTES - 1 - PREFIX.len() - 32, 0xff);
        encoded.push(0);
        encoded.extend(PREFIX);
        encoded.extend(Sha256::digest(text));
        let number = BigUint::from_bytes_be(&encoded);
        // By each prime alone, which is four times as fast as by both.
        let [p, q] = &self.primes;
        let of_p = number.modpow(&self.exponents[0], p);
        let of_q = number.modpow(&self.exponents[1], q);
        let difference = (&of_p + p - &of_q % p) % p;
        let signature = &of_q + q * (difference * &self.inverse % p);
        format!("{:0>512}", signature.to_str_radix(16))
    }
}

/// Returns a value of some hundred bytes in DER.
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len())
        .unwrap_or(u16::MAX)
        .to_be_bytes();
    [&[tag, 0x82][..], &length, content].concat()
}
