//! Where several records of one text begin and end, so that each has an offset, an index and a text of its own.
//!
//! The parser does not tell. But it has objects in the order in which they begin, and so has the text.

use std::ops::Range;

use memchr::memchr2;

/// An object of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Inner {
    pub(super) range: Range<usize>,
    /// The index of the element that it lies in, in the innermost array round it; 0 if there is none.
    pub(super) index: u64,
}

/// A bracket that is open.
struct Open {
    start: usize,
    /// Which object it is; nothing for an array.
    ordinal: Option<usize>,
    /// The index of the element that comes next in the innermost array.
    index: u64,
}

/// Finds objects of a JSON text by their ordinals, which are sorted. In a text that is no JSON to the letter less is found.
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

/// The offset of a string's last quote, or the text's end.
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

/// How much of a text must be the same for it to be found.
const SAME_BYTES: usize = 256;

fn plain(bytes: &[u8]) -> impl Iterator<Item = u8> {
    bytes.iter().copied().filter(|byte| *byte != b'\\')
}

/// Where a text begins in one that holds it behind escapes, of which only the backslashes are passed over.
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
