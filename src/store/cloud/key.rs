//! Keys that `object_store` cannot represent as a path.
//!
//! An S3 key is any text: `logs//AWSLogs/…` results from a trail whose prefix was entered with a slash at its
//! end. A path of `object_store` has no empty segment, no `.` and `..`, no control character, and no slash at
//! its ends. One list page with such a key would fail as a whole. So such keys are [escaped](to_path) with a
//! character of the private use area, and [`courier`](super::courier) puts the real key into the request, and
//! the escaped one into the list.

use std::borrow::Cow;

/// Character that begins an escape.
const MARK: char = '\u{F8FF}';
/// Character that follows the mark for an empty segment.
const EMPTY: char = '-';
/// The mark as it appears in a URL.
const MARK_IN_URL: &str = "%EF%A3%BF";

/// Reports whether a path cannot have this segment.
fn is_odd(segment: &str) -> bool {
    matches!(segment, "" | "." | "..")
        || segment.contains(|c: char| c.is_ascii_control() || c == MARK)
}

/// Returns the path that represents a key.
pub(super) fn to_path(key: &str) -> Cow<'_, str> {
    // The parser of a list removes spaces around a text.
    let has_spaces = key.starts_with(' ') || key.ends_with(' ');
    if key.is_empty() || !has_spaces && !key.split('/').any(is_odd) {
        return Cow::Borrowed(key);
    }
    let last = key.len() - 1;
    let mut at = 0;
    let mut path = String::with_capacity(key.len() + 8);
    for (n, segment) in key.split('/').enumerate() {
        if n > 0 {
            path.push('/');
            at += 1;
        }
        match segment {
            "" => path.extend([MARK, EMPTY]),
            _ => {
                let is_dots = matches!(segment, "." | "..");
                for c in segment.chars() {
                    let is_end = at == 0 || at == last;
                    at += c.len_utf8();
                    match c {
                        MARK => path.extend([MARK, MARK]),
                        c if is_dots || c.is_ascii_control() || c == ' ' && is_end => {
                            path.push(MARK);
                            path.push_str(&format!("{:02x}", u32::from(c)));
                        }
                        c => path.push(c),
                    }
                }
            }
        }
    }
    Cow::Owned(path)
}

/// Returns the key that a path represents.
pub(super) fn of_path(path: &str) -> Cow<'_, str> {
    if !path.contains(MARK) {
        return Cow::Borrowed(path);
    }
    let mut key = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((plain, escaped)) = rest.split_once(MARK) {
        key.push_str(plain);
        let mut chars = escaped.chars();
        match chars.next() {
            Some(EMPTY) | None => {}
            Some(MARK) => key.push(MARK),
            Some(high) => {
                let digits = high
                    .to_digit(16)
                    .zip(chars.next().and_then(|low| low.to_digit(16)));
                key.extend(digits.and_then(|(high, low)| char::from_u32(high * 16 + low)));
            }
        }
        rest = chars.as_str();
    }
    key.push_str(rest);
    Cow::Owned(key)
}

/// Replaces the escapes in a URL's path with the keys' own characters. Returns `Err` if the key cannot be
/// requested.
pub(super) fn in_url(path: &str) -> Result<Option<String>, &'static str> {
    if !path.contains(MARK_IN_URL) {
        return Ok(None);
    }
    let mut url = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((plain, escaped)) = rest.split_once(MARK_IN_URL) {
        url.push_str(plain);
        if let Some(behind) = escaped.strip_prefix(EMPTY) {
            rest = behind;
        } else if let Some(behind) = escaped.strip_prefix(MARK_IN_URL) {
            url.push_str(MARK_IN_URL);
            rest = behind;
        } else if escaped.starts_with("2e") {
            // Every URL library removes these segments, escaped or not.
            return Err("its key has a part `.` or `..`, which a URL cannot have");
        } else {
            let (digits, behind) = escaped.split_at_checked(2).unwrap_or((escaped, ""));
            url.push('%');
            // The URL is signed as it is written here, and a store signs upper-case digits, according to AWS.
            url.push_str(&digits.to_ascii_uppercase());
            rest = behind;
        }
    }
    url.push_str(rest);
    Ok(Some(url))
}

#[cfg(test)]
mod tests {
    use object_store::path::Path;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_key_has_a_path_of_its_own(key in "[a/. \u{0}-\u{1f}\u{7f}\u{80}\u{F8FF}é-]{0,12}") {
            let path = to_path(&key);
            let parsed = Path::parse(&path);
            prop_assert!(parsed.is_ok(), "{path:?}");
            let parsed = parsed.unwrap();
            prop_assert_eq!(parsed.as_ref(), &*path, "it was changed");
            prop_assert_eq!(&*of_path(&path), &*key);
        }
    }

    #[test]
    fn a_usual_key_is_its_own_path() {
        let key = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/a_b.json.gz";
        assert!(matches!(to_path(key), Cow::Borrowed(path) if path == key));
    }

    #[test]
    fn a_url_has_the_key_itself() {
        let path = |key: &str| {
            let path = to_path(key).replace(MARK, MARK_IN_URL);
            in_url(&path).map(|url| url.unwrap_or(path))
        };
        assert_eq!(path("a/b").as_deref(), Ok("a/b"));
        assert_eq!(path("/a//b/").as_deref(), Ok("/a//b/"));
        assert_eq!(path("a\nb\u{1b}\u{7f}").as_deref(), Ok("a%0Ab%1B%7F"));
        assert_eq!(path(" a b ").as_deref(), Ok("%20a b%20"));
        assert_eq!(path("a\u{F8FF}").as_deref(), Ok("a%EF%A3%BF"));
        assert!(path("a/../b").is_err() && path("./b").is_err());
    }
}
