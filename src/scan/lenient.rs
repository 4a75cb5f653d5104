//! Turns JSON that is not strictly valid, or that exceeds the parser's limits, into JSON with the same meaning.
//!
//! In: a candidate that did not parse. Out: its meaning, as far as it is clear: numbers of any size (as text), half a
//! surrogate pair (as U+FFFD), raw control characters and NUL, comments, surplus commas, names without quotes, `NaN`
//! and similar words. A missing value, an unknown word, or what only begins like a number remains an error: it may have
//! been `null`, which means that a call did not fail.

use crate::steps;

/// The meaning of a candidate.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Lenient {
    pub(super) json: Vec<u8>,
    /// True if a part of it could not be recovered.
    pub(super) is_lossy: bool,
    /// True if it is not JSON by RFC 8259.
    pub(super) is_lenient: bool,
    /// True if a string has an escape that JSON does not have, except those that are sure to be of another language: what
    /// followed the backslash may be lost, and what follows it may be of another record.
    pub(super) has_unknown_escape: bool,
}

/// Turns a text into JSON as far as possible. The parser decides whether the result is JSON.
pub(super) fn lenient(text: &[u8]) -> Lenient {
    let mut reader = Reader {
        rest: text,
        out: Lenient {
            json: Vec::with_capacity(text.len() + 64),
            is_lossy: false,
            is_lenient: false,
            has_unknown_escape: false,
        },
        last: None,
    };
    while let Some((&byte, behind)) = reader.rest.split_first() {
        match byte {
            b'"' => {
                reader.keep(1);
                reader.string();
            }
            b'/' if matches!(behind.first(), Some(b'/' | b'*')) => reader.comment(),
            b',' => reader.comma(),
            b'}' | b']' => {
                reader.drop_comma();
                reader.keep(1);
            }
            0 => {
                // A hole that a disk or a copy left.
                reader.out.is_lenient = true;
                reader.rest = behind;
            }
            b'-' | b'+' | b'.' | b'0'..=b'9' => reader.number(),
            b'A'..=b'Z' | b'a'..=b'z' | b'_' | b'$' => reader.word(),
            _ => reader.keep(1),
        }
    }
    reader.out
}

struct Reader<'a> {
    rest: &'a [u8],
    out: Lenient,
    /// The index of the last byte in the output that is not blank. So a run of blanks is not read again for each
    /// comma that was one of them.
    last: Option<usize>,
}

impl Reader<'_> {
    /// Copies `n` bytes unchanged.
    fn keep(&mut self, n: usize) {
        let (kept, rest) = self.rest.split_at(n);
        self.append(kept);
        self.rest = rest;
    }

    fn append(&mut self, bytes: &[u8]) {
        let last = bytes.iter().rposition(|b| !b.is_ascii_whitespace());
        steps::take(bytes.len() - last.unwrap_or(0));
        self.last = last.map(|at| self.out.json.len() + at).or(self.last);
        self.out.json.extend_from_slice(bytes);
    }

    /// Skips `n` bytes, and writes others in their place.
    fn replace(&mut self, n: usize, with: &[u8]) {
        self.append(with);
        self.rest = &self.rest[n..];
    }

    /// Handles the rest of a string, after its first quote.
    fn string(&mut self) {
        while let Some(&byte) = self.rest.first() {
            match byte {
                b'"' => return self.keep(1),
                b'\\' => self.escape(),
                0..0x20 => {
                    self.out.is_lenient = true;
                    self.replace(1, format!("\\u{byte:04x}").as_bytes());
                }
                _ => self.keep(1),
            }
        }
    }

    fn escape(&mut self) {
        match self.rest.get(1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.keep(2),
            Some(b'u') => match unit(self.rest) {
                Some(0xd800..=0xdbff) => match self.rest.get(6..).and_then(unit) {
                    Some(0xdc00..=0xdfff) => self.keep(12),
                    _ => self.half_a_pair(),
                },
                Some(0xdc00..=0xdfff) => self.half_a_pair(),
                Some(_) => self.keep(6),
                None => self.literal_backslash(),
            },
            Some(b'\'') => {
                self.out.is_lenient = true;
                self.replace(2, b"'");
            }
            _ => self.literal_backslash(),
        }
    }

    fn half_a_pair(&mut self) {
        self.out.is_lossy = true;
        self.replace(6, b"\\ufffd");
    }

    fn literal_backslash(&mut self) {
        self.out.is_lenient = true;
        self.out.has_unknown_escape |= !is_of_other_language(self.rest);
        self.replace(1, b"\\\\");
    }

    fn comment(&mut self) {
        self.out.is_lenient = true;
        let is_line = self.rest.starts_with(b"//");
        let end = match is_line {
            true => memchr::memchr(b'\n', self.rest),
            false => memchr::memmem::find(&self.rest[2..], b"*/").map(|at| at + 4),
        };
        self.replace(end.unwrap_or(self.rest.len()), b" ");
    }

    fn comma(&mut self) {
        let last = self.last.map(|at| self.out.json[at]);
        if matches!(last, Some(b',' | b'[' | b'{')) {
            self.out.is_lenient = true;
            self.replace(1, b" ");
        } else {
            self.keep(1);
        }
    }

    /// Removes a comma before a closing bracket.
    fn drop_comma(&mut self) {
        let json = &mut self.out.json;
        if let Some(at) = self.last.filter(|&at| json[at] == b',') {
            json[at] = b' ';
            self.out.is_lenient = true;
        }
    }

    fn number(&mut self) {
        let is_part = |b: &&u8| matches!(b, b'+' | b'-' | b'.') || b.is_ascii_alphanumeric();
        let n = self.rest.iter().take_while(is_part).count();
        steps::take(n);
        let number = &self.rest[..n];
        if is_json_number(number) {
            return if fits(number) {
                self.keep(n)
            } else {
                self.quote(n)
            };
        }
        if !is_nearly_a_number(number) {
            return self.keep(n);
        }
        self.out.is_lenient = true;
        self.quote(n);
    }

    fn word(&mut self) {
        let is_part = |b: &&u8| matches!(b, b'_' | b'$') || b.is_ascii_alphanumeric();
        let n = self.rest.iter().take_while(is_part).count();
        steps::take(n);
        let (word, behind) = self.rest.split_at(n);
        if behind.trim_ascii_start().starts_with(b":") {
            self.out.is_lenient = true;
            return self.quote(n);
        }
        let value: &[u8] = match word {
            b"true" | b"false" | b"null" => return self.keep(n),
            b"NaN" | b"Infinity" | b"undefined" | b"None" => b"null",
            b"True" => b"true",
            b"False" => b"false",
            _ => return self.keep(n),
        };
        self.out.is_lenient = true;
        self.replace(n, value);
    }

    fn quote(&mut self, n: usize) {
        self.append(b"\"");
        self.keep(n);
        self.append(b"\"");
    }
}

/// Returns the UTF-16 unit of a `\uXXXX` that begins here.
fn unit(text: &[u8]) -> Option<u16> {
    let digits = text.strip_prefix(b"\\u")?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    u16::from_str_radix(digits, 16).ok().filter(|_| is_hex)
}

/// Returns true if other languages, but not JSON, have the escape that the text begins with: `\x41`, `\u{1f600}`,
/// `\U0001f600`, or `\0` with no digit after it.
fn is_of_other_language(text: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match text {
        [_, b'x', digits @ ..] => digits.get(..2).is_some_and(is_hex),
        [_, b'U', digits @ ..] => digits.get(..8).is_some_and(is_hex),
        [_, b'u', b'{', digits @ ..] => {
            let n = digits.iter().take(7).position(|byte| *byte == b'}');
            n.is_some_and(|n| n > 0 && is_hex(&digits[..n]))
        }
        [_, b'0', rest @ ..] => !rest.first().is_some_and(u8::is_ascii_digit),
        _ => false,
    }
}

/// Returns true if this is a number by RFC 8259, section 6.
fn is_json_number(number: &[u8]) -> bool {
    fn digits(text: &[u8]) -> (usize, &[u8]) {
        let n = text.iter().take_while(|b| b.is_ascii_digit()).count();
        (n, &text[n..])
    }
    let number = number.strip_prefix(b"-").unwrap_or(number);
    let (n, mut rest) = digits(number);
    if n == 0 || n > 1 && number.starts_with(b"0") {
        return false;
    }
    if let Some(fraction) = rest.strip_prefix(b".") {
        let (n, behind) = digits(fraction);
        if n == 0 {
            return false;
        }
        rest = behind;
    }
    if let Some(exponent) = rest.strip_prefix(b"e").or_else(|| rest.strip_prefix(b"E")) {
        let sign = exponent
            .strip_prefix(b"+")
            .or_else(|| exponent.strip_prefix(b"-"));
        let (n, behind) = digits(sign.unwrap_or(exponent));
        if n == 0 {
            return false;
        }
        rest = behind;
    }
    rest.is_empty()
}

/// Returns true if other languages write a number like this, or a version or date: with any signs and dots, as `0x1f`, with
/// an exponent or with a letter for its type. Damage that makes another word begin like a number makes none of these.
fn is_nearly_a_number(text: &[u8]) -> bool {
    let text = match text {
        [b'+' | b'-', rest @ ..] => rest,
        _ => text,
    };
    if matches!(text, b"Infinity" | b"NaN") {
        return true;
    }
    if let [b'0', b'x' | b'X', digits @ ..] = text {
        return !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    }
    let text = match text {
        [rest @ .., b'L' | b'l' | b'F' | b'f' | b'D' | b'd' | b'n'] => rest,
        _ => text,
    };
    let mut parts = text.splitn(2, |byte| matches!(byte, b'e' | b'E'));
    let has_digit = |part: &[u8]| {
        let is_part = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-');
        part.iter().all(is_part) && part.iter().any(u8::is_ascii_digit)
    };
    parts.all(has_digit)
}

/// Returns true if the parser accepts this number.
fn fits(number: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(number) else {
        return false;
    };
    match text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
        true => text.parse::<i64>().is_ok() || text.parse::<u64>().is_ok(),
        false => text.parse::<f64>().is_ok_and(f64::is_finite),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str, is_lossy: bool, is_lenient: bool) {
        let made = lenient(text.as_bytes());
        let json = String::from_utf8(made.json).unwrap();
        let flags = (made.is_lossy, made.is_lenient);
        assert_eq!(
            (&*json, flags),
            (expected, (is_lossy, is_lenient)),
            "{text}"
        );
        serde_json::from_str::<serde_json::Value>(&json).unwrap();
    }

    #[test]
    fn what_is_json_says_the_same() {
        for text in [
            r#"{"a":[1,-2.5e+3,true,false,null,"x\n\u0041\ud83d\ude00,//]"]}"#,
            "[0, 18446744073709551615, -9223372036854775808]",
        ] {
            check(text, text, false, false);
        }
        check(
            "[18446744073709551616, -9223372036854775809, 1e400]",
            r#"["18446744073709551616", "-9223372036854775809", "1e400"]"#,
            false,
            false,
        );
        check(
            r#"["\ud800x", "\udc00"]"#,
            r#"["\ufffdx", "\ufffd"]"#,
            true,
            false,
        );
    }

    #[test]
    fn what_is_nearly_json_says_what_it_means() {
        for (text, expected) in [
            ("[1,2,]", "[1,2 ]"),
            ("{\"a\":1,\n}", "{\"a\":1 \n}"),
            ("[1,,2]", "[1, 2]"),
            ("[,1]", "[ 1]"),
            ("[1, // one\n2]", "[1,  \n2]"),
            ("[1, /* one, ] */ 2]", "[1,   2]"),
            ("{a: 1, $b_2 : NaN}", "{\"a\": 1, \"$b_2\" : null}"),
            (
                "[True, None, 01, +1, .5, 0x1f]",
                r#"[true, null, "01", "+1", ".5", "0x1f"]"#,
            ),
            (
                "[-Infinity, 1.e+05, 7L, 2024-05-01, 192.0.2.1, -0.5f]",
                r#"["-Infinity", "1.e+05", "7L", "2024-05-01", "192.0.2.1", "-0.5f"]"#,
            ),
            ("[\"a\tb\0\"]", "[\"a\\u0009b\\u0000\"]"),
            ("[1,\0\0 2]", "[1, 2]"),
            (r#"["\x41 \' \u12"]"#, r#"["\\x41 ' \\u12"]"#),
        ] {
            check(text, expected, false, true);
        }
    }

    #[test]
    fn an_escape_of_no_known_language_is_told() {
        for (text, is_told) in [
            (r#"["\S"]"#, true),
            ("[\"\\", true),
            (r#"["\u12"]"#, true),
            (r#"["\x4"]"#, true),
            (r#"["\u{}"]"#, true),
            (r#"["\U0001"]"#, true),
            (r#"["\01"]"#, true),
            (r#"["\x41 \u{1f600} \U0001f600 \0 \' \\S \u0041"]"#, false),
        ] {
            assert_eq!(
                lenient(text.as_bytes()).has_unknown_escape,
                is_told,
                "{text}"
            );
        }
    }

    #[test]
    fn what_means_nothing_stays_a_fault() {
        for text in [
            r#"{"a":}"#,
            r#"{"a":b}"#,
            "[1 2]",
            "{\"a\":1",
            "[\"a]",
            "",
            "[1]]",
            // `null` with a byte damaged, which is no error of a call.
            r#"{"a":.ull}"#,
            r#"{"a":4ull}"#,
            r#"{"a":-ull}"#,
            r#"{"a":0x}"#,
            r#"{"a":1e}"#,
            r#"{"a":-}"#,
        ] {
            let made = lenient(text.as_bytes());
            assert!(
                serde_json::from_slice::<serde_json::Value>(&made.json).is_err(),
                "{text}"
            );
        }
    }
}
