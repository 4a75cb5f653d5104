//! The names of logs and digests, which say what they are of, wherever a file is.

use jiff::civil::DateTime;
use jiff::tz::Offset;
use sha2::{Digest as _, Sha256};

use crate::input::layout::{is_account, is_region};

/// Identifies the last part of a file's name, without its ending and whatever its case: the start of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct NameKey([u8; 16]);

/// The endings of logs and digests, as they are delivered and as copies have them.
const ENDINGS: [&str; 6] = ["gz", "zst", "bz2", "xz", "json", "jsonl"];

impl NameKey {
    /// Returns the key of a path or an object's key.
    pub(crate) fn of(path: &str) -> Self {
        let stem = stem(last(path)).to_ascii_lowercase();
        let hash: [u8; 32] = Sha256::digest(stem.as_bytes()).into();
        let (start, _) = hash.split_first_chunk().expect("a hash is longer");
        Self(*start)
    }
}

/// Identifies a log by the path of its source, and by its path inside that if it is an archive: the start of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogKey([u8; 16]);

impl LogKey {
    /// Returns the key of a log.
    #[must_use]
    pub fn of(path: &str, member: Option<&str>) -> Self {
        let mut hash = Sha256::new_with_prefix(path);
        if let Some(member) = member {
            // No path contains a zero byte.
            hash.update([0]);
            hash.update(member);
        }
        let hash: [u8; 32] = hash.finalize().into();
        let (start, _) = hash.split_first_chunk().expect("a hash is longer");
        Self(*start)
    }
}

/// Returns the last part of a path. A `!` is before the path inside an archive.
pub(crate) fn last(path: &str) -> &str {
    // By bytes: this is done several times for each log.
    let at = path.bytes().rposition(|byte| matches!(byte, b'/' | b'!'));
    at.and_then(|at| path.get(at + 1..)).unwrap_or(path)
}

/// Returns a name without the endings that copies change.
fn stem(name: &str) -> &str {
    let mut stem = name;
    while let Some((before, ending)) = stem.rsplit_once('.') {
        if !ENDINGS
            .iter()
            .any(|known| known.eq_ignore_ascii_case(ending))
        {
            break;
        }
        stem = before;
    }
    stem
}

/// What the name of a log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogName<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The time in its name, in seconds since 1970: its newest event, rounded up to five minutes.
    pub(crate) time: i64,
}

/// Reads the name of a log of CloudTrail's events: `account_CloudTrail_region_yyyymmddThhmmZ_letters.json.gz`.
pub(crate) fn log_name(path: &str) -> Option<LogName<'_>> {
    let mut rest = stem(last(path));
    // Each part ends at an underscore, the last one too.
    let mut next = || {
        let at = rest.bytes().position(|byte| byte == b'_')?;
        let part = rest.get(..at)?;
        rest = rest.get(at + 1..)?;
        Some(part)
    };
    let account = next().filter(|part| is_account(part))?;
    next().filter(|part| part.eq_ignore_ascii_case("CloudTrail"))?;
    let (region, time) = (next()?, time(next()?, false)?);
    // Copies may have another case.
    let is_region = is_region(region) || is_region(&region.to_ascii_lowercase());
    is_region.then_some(LogName {
        account,
        region,
        time,
    })
}

/// What the name of a digest says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DigestName<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The trail and its home region, joined by `_`.
    pub(crate) trail: &'a str,
    /// The end of its hour, in seconds since 1970.
    pub(crate) end: i64,
    pub(crate) is_backfill: bool,
}

/// Reads the name of a digest: `account_CloudTrail-Digest_region_trail_home_yyyymmddThhmmssZ[_backfill].json.gz`.
pub(crate) fn digest_name(path: &str) -> Option<DigestName<'_>> {
    const BACKFILL: &str = "_backfill";
    let stem = stem(last(path));
    let (account, rest) = stem.split_once('_')?;
    let (kind, rest) = rest.split_once('_')?;
    let (region, rest) = rest.split_once('_')?;
    let cut = rest.len().saturating_sub(BACKFILL.len());
    let is_backfill = rest
        .get(cut..)
        .is_some_and(|end| end.eq_ignore_ascii_case(BACKFILL));
    let rest = match is_backfill {
        true => rest.get(..cut)?,
        false => rest,
    };
    // The name of a trail may contain `_`.
    let (trail, end) = rest.rsplit_once('_')?;
    let is_name = is_account(account) && kind.eq_ignore_ascii_case("CloudTrail-Digest");
    is_name.then_some(DigestName {
        account,
        region,
        trail,
        end: time(end, true)?,
        is_backfill,
    })
}

/// Returns true if a file has a name as CloudTrail delivers it: of a log, of a digest, or of a log of another kind, such
/// as Insight.
pub(crate) fn is_delivered(path: &str) -> bool {
    let is_of_other_kind = || {
        let mut parts = stem(last(path)).split('_');
        let has_account = parts.next().is_some_and(is_account);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        has_account && kind.starts_with("cloudtrail-")
    };
    log_name(path).is_some() || digest_name(path).is_some() || is_of_other_kind()
}

/// Returns the key of the first name of a digest in a text.
pub(crate) fn digest_name_in(text: &[u8]) -> Option<NameKey> {
    let at = memchr::memmem::find(text, b"_CloudTrail-Digest_")?.checked_sub(12)?;
    let is_letter = |byte: &&u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
    let name = &text[at..];
    let name = &name[..name.iter().take_while(is_letter).count()];
    let name = std::str::from_utf8(name).ok()?;
    digest_name(name).map(|_| NameKey::of(name))
}

/// Reads `20260301T1005Z`, or with seconds `20260301T100500Z`.
fn time(text: &str, has_seconds: bool) -> Option<i64> {
    let (date, rest) = text.as_bytes().split_first_chunk::<8>()?;
    let (mark, rest) = rest.split_first()?;
    let (last, digits) = rest.split_last()?;
    let is_form = mark.eq_ignore_ascii_case(&b'T') && last.eq_ignore_ascii_case(&b'Z');
    let n_digits = if has_seconds { 6 } else { 4 };
    if !is_form || digits.len() != n_digits {
        return None;
    }
    let two = |pair: &[u8]| {
        let digit = |byte: &u8| byte.is_ascii_digit().then(|| byte - b'0');
        let [tens, ones] = pair else { return None };
        i8::try_from(digit(tens)? * 10 + digit(ones)?).ok()
    };
    let [y1, y2, month, day] = [0, 2, 4, 6].map(|at| two(&date[at..at + 2]));
    let mut parts = digits.chunks(2).map(two);
    let mut next = || parts.next().unwrap_or(Some(0));
    let (hour, minute, second) = (next()?, next()?, next()?);
    let year = i16::from(y1?) * 100 + i16::from(y2?);
    let time = DateTime::new(year, month?, day?, hour, minute, second, 0).ok()?;
    Some(Offset::UTC.to_timestamp(time).ok()?.as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_both_ends_and_in_any_case() {
        let name =
            "a/111122223333_CloudTrail-Digest_us-east-1_my_trail.x-1_eu-west-1_20260301T010421Z";
        for (ending, is_backfill) in [
            (".json.gz", false),
            ("_backfill.json.gz", true),
            ("", false),
        ] {
            let name = format!("{name}{ending}");
            let digest = digest_name(&name).unwrap();
            assert_eq!(digest.trail, "my_trail.x-1_eu-west-1");
            assert_eq!(
                (digest.account, digest.region),
                ("111122223333", "us-east-1")
            );
            assert_eq!(
                (digest.end, digest.is_backfill),
                (1_772_327_061, is_backfill)
            );
        }
        let log = "111122223333_cloudtrail_us-east-1_20260301t1005z_xirhgiatbiovdymz.json.gz";
        assert_eq!(log_name(log).unwrap().time, 1_772_359_500);
        for other in [
            "111122223333_CloudTrail-Insight_us-east-1_20260301T1005Z_abcdefghijklmnop.json.gz",
            "README.md",
            "111122223333_CloudTrail_us-east-1_20269901T1005Z_x.json",
        ] {
            assert_eq!((log_name(other), digest_name(other)), (None, None));
            assert_eq!(is_delivered(other), other.contains("Insight"), "{other}");
        }
    }

    #[test]
    fn a_name_is_the_same_with_another_ending_or_case_or_folder() {
        let key = NameKey::of("AWSLogs/x/Name_a.json.gz");
        for same in ["name_A.json", "b/NAME_A.JSON.zst", "Name_a"] {
            assert_eq!(NameKey::of(same), key, "{same}");
        }
        assert_ne!(NameKey::of("Name_b.json.gz"), key);
    }
}
