//! Recognizes data that is not text by bytes that text does not contain.

/// Types of files without logs, by the bytes at their start.
const FOREIGN: [(&[u8], &str); 10] = [
    (b"\x89PNG\r\n", "a picture (PNG)"),
    (b"\xff\xd8\xff", "a picture (JPEG)"),
    (b"GIF8", "a picture (GIF)"),
    (b"RIFF", "a picture or a sound (RIFF)"),
    (b"%PDF-", "a PDF"),
    (b"\x7fELF", "a program (ELF)"),
    (b"MZ", "a program (PE)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a program (Java or Mach-O)"),
    (b"\0\0\0\x01Bud1", "a folder's layout (.DS_Store)"),
];

/// The start of a file in which macOS stores the attributes of another file in an archive. It is not reported.
const APPLE_DOUBLE: &[u8] = b"\0\x05\x16\x07";

/// Number of bytes of possible binary data that are examined.
const LOOK_BYTES: usize = 512;
/// Minimum number of control characters after text that count as binary data; fewer may be damage at the end of the
/// text.
const CONTROLS_LEAST: usize = 4;

/// Minimum length of a run of zeros that cannot be an accident.
const HOLE_LEAST: usize = 8;

/// Returns the type of a file by its start, if it is a type without logs.
pub(crate) fn foreign(start: &[u8]) -> Option<&'static str> {
    let mut foreign = FOREIGN.iter();
    let (_, name) = foreign.find(|(magic, _)| start.starts_with(magic))?;
    is_binary(start).then_some(name)
}

/// Returns whether data with this start has more control characters than text.
pub(crate) fn is_binary(start: &[u8]) -> bool {
    if start.starts_with(APPLE_DOUBLE) {
        return false;
    }
    let near = &start[..start.len().min(LOOK_BYTES)];
    let n_controls = n_controls(near);
    // Well-compressed data has fewer control characters, but little of it is valid UTF-8.
    let is_garbled = || {
        let chunks = near.utf8_chunks();
        let n_invalid = chunks.filter(|chunk| !chunk.invalid().is_empty()).count();
        n_invalid * 4 > near.len()
    };
    n_controls * 16 > near.len() || n_controls >= CONTROLS_LEAST && is_garbled()
}

/// Returns whether data with this start has a control character that text does not contain.
pub(crate) fn has_controls(start: &[u8]) -> bool {
    !start.starts_with(APPLE_DOUBLE) && n_controls(start) > 0
}

fn n_controls(start: &[u8]) -> usize {
    let start = &start[..start.len().min(LOOK_BYTES)];
    let is_control = |b: &&u8| matches!(b, 0..=8 | 14..=26 | 28..=31);
    start.iter().filter(is_control).count()
}

/// The largest byte that the search treats as binary. Text does not contain some larger bytes either, but binary data
/// contains bytes up to this one too.
pub(crate) const CONTROL_MAX: u8 = 8;

/// Returns the offset of the first byte that text does not contain.
pub(crate) fn find_control(bytes: &[u8]) -> Option<usize> {
    // Whole chunks come first, because the compiler turns this loop into vector instructions.
    let (chunks, _) = bytes.as_chunks::<256>();
    let least = |chunk: &[u8; 256]| chunk.iter().fold(u8::MAX, |least, byte| least.min(*byte));
    let is_clean = |chunk: &&[u8; 256]| least(chunk) > CONTROL_MAX;
    let from = chunks.iter().take_while(is_clean).count() * 256;
    let at = bytes[from..].iter().position(|byte| *byte <= CONTROL_MAX)?;
    Some(from + at)
}

/// Returns the start of the first binary data in these bytes. A hole of zeros and single control characters do not
/// count as binary data.
pub(crate) fn find_binary(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(APPLE_DOUBLE) {
        return None;
    }
    let mut from = 0;
    while let Some(control) = find_control(&bytes[from..]) {
        let at = from + control;
        let run = bytes[at..].iter().take_while(|b| **b == bytes[at]).count();
        let is_hole = bytes[at] == 0 && run > 1;
        if !is_hole && is_binary(&bytes[at..]) && n_controls(&bytes[at..]) >= CONTROLS_LEAST {
            return Some(at);
        }
        from = at + run;
    }
    None
}

/// Returns the start of a run of zeros inside a document, which means that data was lost. Between two documents nothing
/// need be missing. Zeros at either end of the bytes are judged by the bytes on the known side. Zeros at the very end
/// of a text are ignored, because the bytes before them show that the text is cut off.
pub(crate) fn find_hole(bytes: &[u8], is_last: bool) -> Option<usize> {
    if bytes.starts_with(APPLE_DOUBLE) {
        return None;
    }
    let mut from = 0;
    while let Some(at) = memchr::memchr(0, &bytes[from..]) {
        let start = from + at;
        let n_zeros = bytes[start..].iter().take_while(|b| **b == 0).count();
        from = start + n_zeros;
        let (before, after) = (bytes[..start].last(), bytes.get(from));
        let is_outside = before.is_none_or(|b| matches!(b, b'\n' | b'\r' | b'}' | b']'))
            && after.is_none_or(|b| matches!(b, b'\n' | b'\r' | b'{' | b'['));
        let is_end = is_last && after.is_none();
        if n_zeros >= HOLE_LEAST && !is_outside && !is_end {
            return Some(start);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_dense_with_control_characters_is_binary() {
        let text = br#"{"eventName":"AttachUserPolicy"}"#.repeat(40);
        let after = |bytes: &[u8]| find_binary(&[&text, bytes, &text].concat());
        assert_eq!(find_control(&text), None);
        assert_eq!(after(b""), None);
        assert_eq!(after(b"\x01"), None);
        assert_eq!(after(&[0; 4096]), None);
        assert_eq!(after(b"A\0B\0C\0D\0").map(|at| at - text.len()), None);
        assert_eq!(after(&b"A\0".repeat(99)), Some(text.len() + 1));
        assert_eq!(after(&b"\x03\x99\xb1".repeat(200)), Some(text.len()));
        assert_eq!(
            find_binary(&[APPLE_DOUBLE, &[0, 2, 0, 0].repeat(99)].concat()),
            None
        );
    }

    #[test]
    fn zeros_inside_a_document_are_a_hole_and_those_between_two_are_not() {
        let hole = [0; 512];
        let found = |before: &str, after: &str, is_last| {
            let text = [before.as_bytes(), &hole, after.as_bytes()].concat();
            find_hole(&text, is_last)
        };
        let line = "{\"a\":1}\n";
        for (before, after) in [("", line), (line, line), ("{}", "{}"), ("[1]\n", "\n[1]")] {
            assert_eq!(found(before, after, true), None, "{before} {after}");
        }
        for (before, after) in [("{\"a\":", "1}\n"), ("[{}", ",{}]"), (line, "1}\n")] {
            assert_eq!(
                found(before, after, true),
                Some(before.len()),
                "{before} {after}"
            );
        }
        assert_eq!(found("{\"a\":", "", true), None);
        assert_eq!(found("{\"a\":", "", false), Some(5));
        assert_eq!(find_hole(b"{\"a\":\"\0\0\0\"}", true), None);
    }

    #[test]
    fn a_picture_is_told_by_its_mark_and_text_that_begins_so_is_text() {
        assert_eq!(
            foreign(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"),
            Some("a picture (PNG)")
        );
        assert_eq!(foreign(b"MZ is how programs begin"), None);
    }
}
