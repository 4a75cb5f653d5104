//! Detects text in a form that hides the needles: base64, e-mail, colours, lines that break inside strings, drawn tables.
//!
//! In: the beginning of a text. Out: a [`Defect`] that names the form. The text is searched as it is all the same.

use memchr::{memchr_iter, memmem, memrchr};

use super::drawn;
use super::ending::{first_line, first_place, start, string_end};
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

/// Words of events of any schema.
const IN_EVENTS: [&[u8]; 3] = [b"event", b"Event", b"\"api\""];

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
    } else if let Some((at, what)) = match has_records {
        true => beside_records(head),
        false => in_word(head, is_json),
    } {
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
    let of_others = || {
        let what = other(text)?;
        Some(format!("content is {what}, which is not read"))
    };
    of_base64.or_else(of_mail).or_else(of_others)
}

/// The beginnings of other texts that are, or stand for, something else.
const OTHERS: [(&[u8], &str); 5] = [
    (b"$ANSIBLE_VAULT;", "encrypted by Ansible"),
    (
        b"version https://git-lfs.",
        "a pointer to a file that Git LFS stores elsewhere",
    ),
    (b"<~", "Ascii85"),
    (b"b'\\x1f\\x8b", "gzip as Python prints bytes"),
    (b"b\"\\x1f\\x8b", "gzip as Python prints bytes"),
];

/// The beginnings of JSON and of compressed data, in hexadecimal digits.
const IN_DIGITS: [&[u8]; 8] = [
    b"7b22",
    b"7b0a",
    b"7b20",
    b"5b7b",
    b"1f8b08",
    b"28b52ffd",
    b"425a68",
    b"504b0304",
];
/// The number of such digits that are no word.
const DIGITS_LEAST: usize = 32;

/// Returns what a text is, if it is another form of a log, or stands where a log should be.
fn other(text: &[u8]) -> Option<&'static str> {
    let mut others = OTHERS.iter();
    if let Some((_, what)) = others.find(|(start, _)| text.starts_with(start)) {
        return Some(what);
    }
    let is_long = || {
        let word = text.get(..BASE64_LEAST);
        word.is_some_and(|word| word.iter().all(|b| is_base64(*b)))
    };
    if (text.starts_with(b"D6FQ") || text.starts_with(b"PMR")) && is_long() {
        return Some("base32");
    }
    // The answer to a failed download, stored in the place of the log.
    let is_answer = text.starts_with(b"<") && {
        let near = &text[..text.len().min(BASE64_SHOWN)];
        memmem::find(near, b"<Error><Code>").is_some()
    };
    if is_answer {
        return Some("the answer to a request that failed");
    }
    let digits = digits(text);
    let is_data = IN_DIGITS.iter().any(|start| digits.starts_with(start));
    is_data.then_some("a list of hexadecimal digits")
}

/// Returns the hexadecimal digits that a text consists of, without the offset before those of a line, in lower case. They
/// are empty if there are other characters or few digits.
fn digits(text: &[u8]) -> Vec<u8> {
    let line = first_line(text);
    let n_offset = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    let has_offset = matches!(n_offset, 7 | 8) && matches!(line.get(n_offset), Some(b':' | b' '));
    let from = if has_offset { n_offset + 1 } else { 0 };
    let is_of_list = |b: &&u8| b.is_ascii_hexdigit() || matches!(b, b' ' | b':' | b'\r' | b'\n');
    let list = text[from..]
        .iter()
        .take(DIGITS_LEAST * 2)
        .take_while(is_of_list);
    let digits = list.filter(|b| b.is_ascii_hexdigit());
    let digits: Vec<u8> = digits
        .map(u8::to_ascii_lowercase)
        .take(DIGITS_LEAST)
        .collect();
    match digits.len() {
        DIGITS_LEAST.. => digits,
        _ => Vec::new(),
    }
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
    packed(&content)
        .or_else(|| is_json(&content).then_some("JSON"))
        .or_else(|| is_list_of_base64(body).then_some("something else"))
}

/// Returns true if a text is nothing but lines of base64 as programs break them, the last one shorter, or a single long
/// line. Lists of hashes or paths have other lines; certificates and tokens are shorter.
fn is_list_of_base64(text: &[u8]) -> bool {
    /// The lengths at which programs break lines, and the least length of a line that nothing breaks.
    const LENGTHS: [usize; 3] = [64, 76, 128];
    const LONG: usize = 1024;
    let is_of_it = |b: &u8| is_base64(*b) && !matches!(b, b'-' | b'_');
    let lines = text.trim_ascii_end().split(|b| *b == b'\n');
    let lines: Vec<&[u8]> = lines.map(<[u8]>::trim_ascii_end).collect();
    let Some((first, rest)) = lines.split_first() else {
        return false;
    };
    let is_broken = match rest.split_last() {
        None => first.len() > LONG,
        Some((last, rest)) => {
            let is_long = |line: &&[u8]| line.len() == first.len();
            // Of a longer text the last line is cut by the end of what is looked at.
            LENGTHS.contains(&first.len()) && rest.iter().all(is_long) && last.len() < first.len()
        }
    };
    let has = |is_kind: fn(&u8) -> bool| first.iter().any(is_kind);
    is_broken
        && !first.starts_with(b"MII")
        && has(u8::is_ascii_lowercase)
        && has(u8::is_ascii_uppercase)
        && has(u8::is_ascii_digit)
        && lines.iter().all(|line| line.iter().all(is_of_it))
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

/// Finds such a word in a text whose beginning shows a record: in lines of JSON that are no event.
fn beside_records(head: &[u8]) -> Option<(usize, &'static str)> {
    let ends = memchr_iter(b'\n', head).chain(std::iter::once(head.len()));
    let mut start = 0;
    ends.map(|end| std::mem::replace(&mut start, end + 1)..end)
        .find_map(|range| {
            let line = head.get(range.clone())?;
            // The lines of a document that is divided among lines do not begin so.
            let is_document = line.starts_with(b"{\"") && line.trim_ascii_end().ends_with(b"}");
            // What names an event, of any schema, has data of its own.
            let is_event = || {
                IN_EVENTS
                    .iter()
                    .any(|word| memmem::find(line, word).is_some())
            };
            if !is_document || is_event() || first_place(line).is_some() {
                return None;
            }
            let (at, what) = in_word(line, true)?;
            Some((range.start + at, what))
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
    fn digits_and_what_stands_in_the_place_of_a_log_are_a_disguise() {
        for text in [
            "7b225265636f726473223a5b7b226576656e74566572",
            "1F8B0800A1B2C3D4E5F60718293A4B5C6D7E8F9001",
            "00000000: 7b22 5265 636f 7264 7322 3a5b 7b22 6576  {\"Records\":[{\"ev\n",
            "00000000  7b 22 52 65 63 6f 72 64 73 22 3a 5b 7b 22 65 76  |{|\n",
            "b'\\x1f\\x8b\\x08\\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'",
            "$ANSIBLE_VAULT;1.1;AES256\n3132333435363738393031323334353637",
            "version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 12345\n",
            "<~GQ7^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D^D",
            "<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>",
        ] {
            assert!(find(text.as_bytes(), false).is_some(), "{text}");
        }
        for text in [
            "7b22",
            "1714564800 7b22",
            "deadbeef deadbeef deadbeef deadbeef deadbeef",
            "PMR is a word, and a sentence follows it that is long enough",
            "<p>a page</p>",
        ] {
            assert_eq!(find(text.as_bytes(), false), None, "{text}");
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
            // Beside records only a line of JSON that is none itself is looked at.
            let is_line = text.starts_with('{');
            assert_eq!(find(text.as_bytes(), true).is_some(), is_line, "{text}");
        }
        let record = format!("{{\"eventName\":\"a\",\"message\":\"{base64}\"}}");
        assert_eq!(find(record.as_bytes(), true), None);
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
