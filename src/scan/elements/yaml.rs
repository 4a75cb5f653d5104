//! Elements as YAML writes them: the scalars that are needed, in any style.
//!
//! Not a reader of YAML: it knows no anchors, tags or flow collections, which nobody writes for these elements.

use super::{ACTION, KEYS, Object, PROVIDER, RECORD};
use crate::steps;

/// Returns the number of blanks before the dash of an item, if a line begins an element.
pub(super) fn indent_of_item(line: &[u8]) -> Option<usize> {
    let indent = line.iter().take_while(|byte| **byte == b' ').count();
    let (name, _) = key(line[indent..].strip_prefix(b"- ")?)?;
    KEYS.contains(&name).then_some(indent)
}

/// Returns the key that a line begins with, and what is after its colon.
fn key(line: &[u8]) -> Option<(&str, &[u8])> {
    let n = line.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let (name, rest) = line.split_at(n);
    let rest = rest.strip_prefix(b":")?;
    let is_end = rest.first().is_none_or(u8::is_ascii_whitespace);
    let name = std::str::from_utf8(name).ok()?;
    (is_end && n > 0).then_some((name, rest))
}

/// Reads an element whose dash is after this many blanks. What is not understood is kept as text.
pub(super) fn write(element: &[u8], indent: usize, object: &mut Object<'_>) {
    let (mut others, mut at) = (Vec::new(), 0);
    let depth = indent + 2;
    while at < element.len() {
        let rest = &element[at..];
        let line_end = line_end(rest);
        steps::take(line_end);
        let dash: &[u8] = if at == 0 { b"- " } else { b"  " };
        let is_field = rest.iter().take(indent).all(|byte| *byte == b' ')
            && rest
                .get(indent..)
                .is_some_and(|rest| rest.starts_with(dash));
        let field = is_field.then(|| key(&rest[depth..line_end])).flatten();
        match field {
            Some((name @ (RECORD | ACTION | PROVIDER), value)) => {
                let start = line_end - value.len();
                let scalar = Scalar::read(rest, start, depth);
                object.member(name, &scalar.text);
                at += scalar.end;
            }
            _ => {
                others.extend_from_slice(&rest[..line_end]);
                at += line_end;
            }
        }
    }
    object.member("Resources", &others);
}

/// Returns the length of the first line, with its newline.
fn line_end(text: &[u8]) -> usize {
    memchr::memchr(b'\n', text).map_or(text.len(), |newline| newline + 1)
}

/// A value of a key, and where the text after it begins.
struct Scalar {
    text: Vec<u8>,
    end: usize,
}

impl Scalar {
    /// Reads the scalar that begins at `start`, after blanks. Its key is after `depth` blanks.
    fn read(bytes: &[u8], start: usize, depth: usize) -> Self {
        let blanks = bytes[start..].iter().take_while(|byte| **byte == b' ');
        let start = start + blanks.count();
        match bytes.get(start) {
            Some(b'\'') => Self::quoted(bytes, start + 1, &mut single),
            Some(b'"') => Self::quoted(bytes, start + 1, &mut double),
            Some(b'|' | b'>') => Self::block(bytes, start, depth),
            _ => {
                let end = start + line_end(&bytes[start..]);
                let text = bytes[start..end].trim_ascii().to_vec();
                Self { text, end }
            }
        }
    }

    /// Reads a scalar in quotes. A line end in it is a blank, and one with blank lines after it a line end less.
    fn quoted(
        bytes: &[u8],
        start: usize,
        step: &mut dyn FnMut(&[u8], &mut Vec<u8>) -> Step,
    ) -> Self {
        let (mut text, mut at) = (Vec::new(), start);
        while at < bytes.len() {
            steps::take(1);
            if bytes[at] == b'\n' {
                let (n, n_lines) = blanks(&bytes[at..]);
                steps::take(n);
                while text
                    .last()
                    .is_some_and(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
                {
                    text.pop();
                }
                match n_lines {
                    1 => text.push(b' '),
                    n_lines => text.resize(text.len() + n_lines - 1, b'\n'),
                }
                at += n;
                continue;
            }
            match step(&bytes[at..], &mut text) {
                Step::Took(n) => at += n,
                Step::End => return Self { text, end: at + 1 },
            }
        }
        Self {
            text,
            end: bytes.len(),
        }
    }

    /// Reads lines that are deeper than their key.
    fn block(bytes: &[u8], start: usize, depth: usize) -> Self {
        let (mut text, mut at) = (Vec::new(), start + line_end(&bytes[start..]));
        while at < bytes.len() {
            let line = &bytes[at..at + line_end(&bytes[at..])];
            let is_deeper = line.iter().take_while(|byte| **byte == b' ').count() > depth;
            if !is_deeper && !line.trim_ascii().is_empty() {
                break;
            }
            text.extend_from_slice(line);
            steps::take(line.len());
            at += line.len();
        }
        Self { text, end: at }
    }
}

/// What a quote or anything else in quotes is.
enum Step {
    /// So many bytes were read.
    Took(usize),
    End,
}

fn single(bytes: &[u8], text: &mut Vec<u8>) -> Step {
    match bytes {
        [b'\'', b'\'', ..] => {
            text.push(b'\'');
            Step::Took(2)
        }
        [b'\'', ..] => Step::End,
        _ => {
            text.extend(bytes.first());
            Step::Took(1)
        }
    }
}

fn double(bytes: &[u8], text: &mut Vec<u8>) -> Step {
    let plain = |text: &mut Vec<u8>, byte| {
        text.push(byte);
        Step::Took(2)
    };
    match bytes {
        [b'"', ..] => Step::End,
        [b'\\', b'"' | b'\\' | b'/' | b' ', ..] => plain(text, bytes[1]),
        [b'\\', b'n', ..] => plain(text, b'\n'),
        [b'\\', b't', ..] => plain(text, b'\t'),
        [b'\\', b'r', ..] => plain(text, b'\r'),
        // The line goes on without a blank.
        [b'\\', b'\n', ..] => Step::Took(1 + blanks(&bytes[1..]).0),
        [b'\\', kind @ (b'x' | b'u' | b'U'), ..] => {
            let n = match kind {
                b'x' => 2,
                b'u' => 4,
                _ => 8,
            };
            let digits = bytes.get(2..2 + n);
            let digits = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
            let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
            let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
            match code.and_then(char::from_u32) {
                Some(c) => {
                    text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                    Step::Took(2 + n)
                }
                None => {
                    text.push(b'\\');
                    Step::Took(1)
                }
            }
        }
        _ => {
            text.extend(bytes.first());
            Step::Took(1)
        }
    }
}

/// Returns the length of the blanks that a text begins with, and the number of newlines in them.
fn blanks(text: &[u8]) -> (usize, usize) {
    let blanks = text.iter().take_while(|byte| byte.is_ascii_whitespace());
    blanks.fold((0, 0), |(n, n_lines), byte| {
        (n + 1, n_lines + usize::from(*byte == b'\n'))
    })
}
