//! Detects text in a form that hides the needles: base64, e-mail, colours, lines that break inside strings, drawn tables.
//!
//! In: the beginning of a text. Out: a [`Defect`] that names the form. The text is searched as it is all the same.

use memchr::{memchr_iter, memmem, memrchr};

use super::drawn;
use super::ending::{first_line, start, string_end};
use crate::report::{Code, Defect};

/// The beginnings of the base64 of compressed data.
const PACKED: [(&[u8], &str); 5] = [
    (b"H4sI", "gzip"),
    (b"KLUv/", "zstd"),
    (b"QlpoO", "bzip2"),
    (b"/Td6WFoA", "xz"),
    (b"UEsDB", "zip"),
];

/// The beginnings of the base64 of JSON: a bracket, followed by a quote, a bracket or a blank.
const JSON: [&[u8]; 10] = [
    b"eyJ", b"eyAi", b"eyAg", b"ewo", b"ewk", b"ew0K", b"W3s", b"W1s", b"WyJ", b"Wwo",
];

/// Parts of decoded JSON that is probably a record, or a container of records.
const IN_RECORDS: [&[u8]; 6] = [
    b"\"eventVersion",
    b"\"eventName",
    b"\"eventTime",
    b"\"Records\"",
    b"\"logEvents\"",
    b"\"detail-type\"",
];

/// The number of characters from which text counts as base64.
const BASE64_LEAST: usize = 48;
/// The limit for a file that contains nothing else: the base64 of an empty gzip file has 28.
const BASE64_FILE_LEAST: usize = 28;
/// The number of characters that are decoded to see what it is.
const BASE64_SHOWN: usize = 1024;

/// The smallest and the largest length of lines that a mailer breaks.
const WRAPPED: std::ops::RangeInclusive<usize> = 40..=1024;
/// The number of places at which a line must break inside a string.
const WRAPPED_LEAST: usize = 2;

/// Returns what a text with this beginning is, if the needles cannot be found in it. `has_records` is true if the
/// beginning shows a record, whose strings are data.
pub(super) fn find(head: &[u8], has_records: bool) -> Option<Defect> {
    let text = start(head);
    // Most texts are JSON: no base64 and no mail begins with a bracket.
    let is_json = matches!(text.first(), Some(b'{' | b'['));
    let encoded = if is_json { None } else { encoded(text) };
    let (at, message) = if let Some(message) = encoded {
        (0, message)
    } else if let Some((at, what)) = (!has_records).then(|| in_word(head, is_json)).flatten() {
        (
            at,
            format!("a word in it is base64 of {what}, which is not read"),
        )
    } else if let Some(at) = coloured(head) {
        let message = "colours of a terminal are inside words: names that they divide are not seen";
        (at, message.to_owned())
    } else if let Some(at) = if is_json { None } else { drawn::broken(head) } {
        let message =
            "cells of a drawn table are cut, or go on in the next line: names in them are not seen";
        (at, message.to_owned())
    } else {
        let (at, width) = wrapped(head)?;
        let message = format!(
            "lines break inside strings, at some {width} characters: names that a line's end divides are not seen"
        );
        (at, message)
    };
    Some(Defect::text(Code::UnsupportedFormat, at as u64, message))
}

/// Returns the message for a text that is encoded as a whole.
fn encoded(text: &[u8]) -> Option<String> {
    let of_base64 =
        base64(text).map(|what| format!("content is base64 of {what}, which is not read"));
    let of_mail = || {
        Some(format!(
            "content is {}: what it encodes is not read",
            mail(text)?
        ))
    };
    of_base64.or_else(of_mail)
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=')
}

/// Returns the format of compressed data in base64, by its beginning.
fn packed(text: &[u8]) -> Option<&'static str> {
    let kind = PACKED.iter().find(|(start, _)| text.starts_with(start));
    kind.map(|(_, name)| *name)
}

fn is_json(text: &[u8]) -> bool {
    JSON.iter().any(|start| text.starts_with(start))
}

/// Returns the format of the data in a base64 text, or `None` if it is not base64.
fn base64(text: &[u8]) -> Option<&'static str> {
    let body = match text.starts_with(b"begin-base64 ") {
        true => text.get(first_line(text).len() + 1..)?,
        false => text,
    };
    let content: Vec<u8> = body
        .iter()
        .copied()
        .filter(|b| !matches!(b, b'\r' | b'\n'))
        .take(BASE64_LEAST)
        .collect();
    if content.len() < BASE64_FILE_LEAST || !content.iter().all(|b| is_base64(*b)) {
        return None;
    }
    packed(&content).or_else(|| is_json(&content).then_some("JSON"))
}

/// Returns the kind of mail or answer that a text is, if it is one with encoded parts.
fn mail(text: &[u8]) -> Option<&'static str> {
    if text.starts_with(b"begin 6") && first_line(text).get(9) == Some(&b' ') {
        return Some("uuencoded");
    }
    let first = first_line(text);
    let field = |name: &[u8], values: &[&str]| {
        let head = text.to_ascii_lowercase();
        let found = memmem::find(&head, name)?;
        let value = first_line(head[found + name.len()..].trim_ascii_start());
        values
            .iter()
            .any(|one| value.starts_with(one.as_bytes()))
            .then_some(())
    };
    if first.starts_with(b"HTTP/") {
        let is_packed = field(b"\ntransfer-encoding:", &["chunked"])
            .or_else(|| field(b"\ncontent-encoding:", &["gzip", "br", "deflate", "zstd"]));
        return is_packed.map(|()| "an answer of a web server");
    }
    let name = first.split(|b| *b == b':').next()?;
    let is_header = name.len() < first.len()
        && !name.is_empty()
        && name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-');
    if !is_header && !first.starts_with(b"From ") {
        return None;
    }
    let is_encoded = field(
        b"content-transfer-encoding:",
        &["base64", "quoted-printable"],
    );
    let is_encoded = is_encoded.or_else(|| field(b"content-type:", &["multipart/"]));
    is_encoded.map(|()| "an e-mail")
}

/// Finds a word in the beginning of a text that is base64 of data that may contain records: in JSON, a string. Returns
/// its index and the format of the data.
fn in_word(head: &[u8], in_strings: bool) -> Option<(usize, &'static str)> {
    let starts = |at: &usize| match head[..*at].last() {
        Some(before) if in_strings => *before == b'"',
        before => before.is_none_or(|before| !is_base64(*before)),
    };
    (0..head.len()).filter(starts).find_map(|start| {
        let content = &head[start..];
        let n = content.iter().take_while(|b| is_base64(**b)).count();
        let content = &content[..n.min(BASE64_SHOWN)];
        if content.len() < BASE64_LEAST {
            return None;
        }
        let what = packed(content).or_else(|| {
            let decoded = is_json(content).then(|| decode(content))?;
            let is_record = IN_RECORDS
                .iter()
                .any(|key| memmem::find(&decoded, key).is_some());
            is_record.then_some("JSON")
        });
        what.map(|what| (start, what))
    })
}

/// Decodes base64.
fn decode(text: &[u8]) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        _ => 63,
    };
    let (groups, _) = text.as_chunks::<4>();
    let bytes = |group: &[u8; 4]| {
        let bits = group
            .iter()
            .fold(0_u32, |bits, byte| bits << 6 | u32::from(value(*byte)));
        let [_, bytes @ ..] = bits.to_be_bytes();
        bytes
    };
    groups.iter().flat_map(bytes).collect()
}

/// Returns the index of the first colour of a terminal that is inside a word, as `grep` marks what it found.
fn coloured(head: &[u8]) -> Option<usize> {
    memmem::find_iter(head, b"\x1b[").find(|&at| {
        let behind = &head[at + 2..];
        let n = behind
            .iter()
            .take_while(|b| b.is_ascii_digit() || **b == b';')
            .count();
        let mut rest = behind.get(n..).unwrap_or_default();
        let is_colour = rest.first() == Some(&b'm');
        // `grep` clears the rest of the line as well.
        rest = rest.get(1..).unwrap_or_default();
        rest = rest.strip_prefix(b"\x1b[K").unwrap_or(rest);
        let is_in_word = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
        is_colour && is_in_word(head[..at].last()) && is_in_word(rest.first())
    })
}

/// Finds the first line of JSON that ends inside a string, if several lines of about the same length do. Returns its
/// start and that length. The lengths of the lines distinguish raw newlines in strings from those of a mailer.
fn wrapped(head: &[u8]) -> Option<(usize, usize)> {
    // AWS delivers a single line.
    memchr_iter(b'\n', head).nth(WRAPPED_LEAST - 1)?;
    let is_start = |at: &usize| *at == 0 || head[*at - 1] == b'\n';
    let brackets = memmem::find_iter(head, b"{\"").chain(memmem::find_iter(head, b"[{\""));
    let first = (head.len() - start(head).len())..;
    let from = brackets
        .filter(|at| is_start(at) || *at == first.start)
        .min()?;
    let (mut lengths, mut place, mut i) = (Vec::new(), None, from);
    while i < head.len() {
        if head[i] != b'"' {
            i += 1;
            continue;
        }
        let end = string_end(head, i + 1).unwrap_or(head.len());
        for newline in memchr_iter(b'\n', &head[i..end]) {
            let at = i + newline;
            let line = memrchr(b'\n', &head[..at]).map_or(0, |before| before + 1);
            // This line was cut off before the next one.
            if head[at + 1..].starts_with(b"{\"") {
                return None;
            }
            place = place.or(Some(line));
            lengths.push(head[line..at].trim_ascii_end().len());
        }
        i = end + 1;
    }
    let (least, most) = (*lengths.iter().min()?, *lengths.iter().max()?);
    let is_even = WRAPPED.contains(&least) && WRAPPED.contains(&most) && least * 3 >= most * 2;
    (is_even && lengths.len() >= WRAPPED_LEAST).then_some((place?, most))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_decoded() {
        assert_eq!(decode(b"eyJldmVudE5hbWUi"), b"{\"eventName\"");
    }

    #[test]
    fn colours_inside_words_and_encoded_answers_are_a_disguise() {
        for (text, is_disguise) in [
            (
                "{\"policyArn\":\"AWS\x1b[01;31m\x1b[KCompromisedKey\x1b[m\x1b[KQuarantine\"}",
                true,
            ),
            (
                "{\"policyArn\":\"AWS\x1b[31mCompromisedKey\x1b[0mQuarantine\"}",
                true,
            ),
            (
                "\x1b[34;1m\"eventName\"\x1b[0m:\x1b[32m\"GetUser\"\x1b[0m",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40\r\n{",
                true,
            ),
            (
                "HTTP/2 200\r\ncontent-type: application/json\r\n\r\n{}",
                false,
            ),
        ] {
            assert_eq!(
                find(text.as_bytes(), false).is_some(),
                is_disguise,
                "{text}"
            );
        }
    }

    #[test]
    fn base64_of_a_record_is_a_disguise_in_strings_cells_and_lines() {
        // The base64 of `{"eventVersion":"1.09","eventName":"AttachUserPolicy"`.
        let base64 = "eyJldmVudFZlcnNpb24iOiIxLjA5IiwiZXZlbnROYW1lIjoiQXR0YWNoVXNlclBvbGljeSI";
        for text in [
            format!("{{\"message\":\"{base64}\"}}"),
            format!("_time,_raw\n2024-05-01,{base64}\n"),
            format!("2024-05-01 host ct: {base64}\n"),
        ] {
            assert!(find(text.as_bytes(), false).is_some(), "{text}");
            assert!(find(text.as_bytes(), true).is_none(), "{text}");
        }
    }

    #[test]
    fn prose_tokens_and_records_are_no_disguise() {
        for text in [
            "",
            "H4sI",
            "Subject: logs\n\nnothing of note\n",
            "{\"nextToken\":\"eyJ2IjoiMiIsImMiOiJhYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0NTY3ODkifQ\"}",
            "{\"errorMessage\":\"one\ntwo\nthree\nfour\"}",
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.c2ln",
        ] {
            assert_eq!(find(text.as_bytes(), false), None, "{text}");
        }
    }
}
