//! Finds the start and the end of several records in one text, so that each has its own offset, index and text.
//!
//! The parser does not provide them. But it lists the objects in the order in which they begin, as the text does.

use std::ops::Range;

use memchr::memchr2;

/// An object in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) range: Range<usize>,
    /// The index of the element that contains it, in the innermost array around it; 0 if there is no array.
    pub(super) index: u64,
}

/// An open bracket.
struct Open {
    start: usize,
    /// The ordinal of the object; `None` for an array.
    ordinal: Option<usize>,
    /// The index of the next element in the innermost array.
    index: u64,
}

/// Finds objects of a JSON text by their ordinals, which must be sorted. In a text that is not strictly valid JSON,
/// fewer are found.
pub(super) fn find(text: &[u8], ordinals: &[usize]) -> Vec<(usize, Inner)> {
    let mut found = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    let (mut at, mut n_objects) = (0, 0);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at),
            b'{' => {
                open.push(Open {
                    start: at,
                    ordinal: Some(n_objects),
                    index: open.last().map_or(0, |open| open.index),
                });
                n_objects += 1;
            }
            b'[' => open.push(Open {
                start: at,
                ordinal: None,
                index: 0,
            }),
            b',' => {
                let array = open.last_mut().filter(|open| open.ordinal.is_none());
                array.into_iter().for_each(|array| array.index += 1);
            }
            b'}' | b']' => {
                let Some(Open {
                    start,
                    ordinal,
                    index,
                }) = open.pop()
                else {
                    break;
                };
                if let Some(ordinal) = ordinal.filter(|n| ordinals.binary_search(n).is_ok()) {
                    let range = start..at + 1;
                    found.push((ordinal, Inner { range, index }));
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

/// Returns the offset of a string's last quote, or the end of the text.
fn string_end(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(n) = memchr2(b'"', b'\\', text.get(at..).unwrap_or_default()) {
        match text[at + n] {
            b'"' => return at + n,
            _ => at += n + 2,
        }
    }
    text.len()
}

/// The number of bytes of a text that must be equal for it to be found.
const SAME_BYTES: usize = 256;

fn plain(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied().filter(|byte| *byte != b'\\')
}

/// Returns the start of `text` in `raw`, which contains it with escapes. Only the backslashes of the escapes are
/// skipped.
pub(super) fn find_escaped(raw: &[u8], text: &[u8]) -> Option<usize> {
    let wanted = || plain(text).take(SAME_BYTES);
    let n_wanted = wanted().count();
    let first = wanted().next()?;
    memchr::memchr_iter(first, raw).find(|at| {
        let there = plain(&raw[*at..]).take(n_wanted);
        there.eq(wanted())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_found_behind_its_escapes() {
        let raw = br#"{"m":"x {\"a\":1} {\"a\":{\"b\":\"\\n\"}}"}"#;
        assert_eq!(find_escaped(raw, br#"{"a":1}"#), Some(8));
        assert_eq!(find_escaped(raw, br#"{"a":{"b":"\n"}}"#), Some(18));
        assert_eq!(find_escaped(raw, br#"{"c":1}"#), None);
        assert_eq!(find_escaped(raw, b""), None);
    }

    #[test]
    fn objects_are_found_by_their_order_whatever_stands_in_strings() {
        let text = br#"{"R":[{"a":"}\"{"},[1,2],{"b":[{}]}],"c":{}}"#;
        let found: Vec<_> = find(text, &[0, 1, 2, 3, 4])
            .into_iter()
            .map(|(ordinal, inner)| {
                let bytes = &text[inner.range];
                (ordinal, std::str::from_utf8(bytes).unwrap(), inner.index)
            })
            .collect();
        let all = std::str::from_utf8(text).unwrap();
        let expected = [
            (1, r#"{"a":"}\"{"}"#, 0),
            (3, "{}", 0),
            (2, r#"{"b":[{}]}"#, 2),
            (4, "{}", 0),
            (0, all, 0),
        ];
        assert_eq!(found, expected);
        assert_eq!(find(text, &[2]).len(), 1);
    }

    #[test]
    fn a_text_that_ends_early_has_fewer() {
        for n in 0..12 {
            assert!(find(&br#"[{"a":"\"b"}]"#[..n], &[0]).is_empty());
        }
    }
}
