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
pub(crate) const LOOK_BYTES: usize = 512;
/// Minimum number of control characters after text that count as binary data; fewer may be damage at the end of the
/// text.
const CONTROLS_LEAST: usize = 4;

/// Minimum length of a run of zeros that cannot be an accident.
pub(crate) const HOLE_LEAST: usize = 8;

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

/// Returns true if zeros begin with these bytes, where text may have been lost.
pub(crate) fn is_hole(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\0\0")
}

/// Returns the offset of the first run of 0xFF bytes, as erased flash storage has them. No encoding of text has them.
pub(crate) fn find_erased(bytes: &[u8]) -> Option<usize> {
    let mut runs = bytes.windows(HOLE_LEAST);
    runs.position(|run| run.iter().all(|byte| *byte == 0xff))
}

/// Returns true if data that is not text begins with these bytes. The first byte must be one that no text contains. A
/// hole of zeros and single control characters do not count.
pub(crate) fn is_data(near: &[u8]) -> bool {
    !is_hole(near) && is_binary(near) && n_controls(near) >= CONTROLS_LEAST
}

/// Returns true if data with this start contains the attributes of another file, as macOS stores them.
pub(crate) fn is_of_attributes(start: &[u8]) -> bool {
    start.starts_with(APPLE_DOUBLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_dense_with_control_characters_is_data() {
        let text = br#"{"eventName":"AttachUserPolicy"}"#.repeat(40);
        let before_text = |bytes: &[u8]| is_data(&[bytes, &text].concat());
        assert_eq!(find_control(&text), None);
        assert!(!before_text(b"\x01"));
        assert!(!before_text(&[0; 4096]));
        assert!(!before_text(b"\0B\0C\0D\0"));
        assert!(before_text(&b"\0A".repeat(99)));
        assert!(before_text(&b"\x03\x99\xb1".repeat(200)));
        assert!(is_of_attributes(&[APPLE_DOUBLE, &[0, 2, 0, 0]].concat()));
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
