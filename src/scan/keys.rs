//! Defines the keys that show that an object is a record, by the key alone as it is written.
//!
//! A key in a spelling that no writer uses does not matter: the object is then a candidate with a hit like any other.

use crate::event::names::is_field;

/// Returns the role of the value of a key, and what the key marks.
pub(super) fn classify(key: &[u8]) -> (Role, Marks) {
    let decoded;
    let key = if key.contains(&b'\\') {
        if key.len() as u64 > KEY_BYTES_MAX {
            return (Role::Other, Marks::Nothing);
        }
        let quoted = [b"\"", key, b"\""].concat();
        let Ok(text) = serde_json::from_slice::<String>(&quoted) else {
            // Not a JSON string: the candidate will not parse, and that is reported then.
            return (Role::Other, Marks::Nothing);
        };
        decoded = text;
        decoded.as_bytes()
    } else {
        key
    };
    if !may_be_known(key) {
        return (Role::Other, Marks::Nothing);
    }
    KEYS.iter()
        .find(|(name, ..)| name.len() == key.len() && name.as_bytes().eq_ignore_ascii_case(key))
        .map_or((Role::Other, Marks::Nothing), |&(_, role, marks)| {
            (role, marks)
        })
}

/// Returns true if one of [`KEYS`] has this key's length and first letter. Nearly no other key of a record has.
fn may_be_known(key: &[u8]) -> bool {
    let letters = FIRST_LETTERS.get(key.len()).copied().unwrap_or(0);
    key.first()
        .is_some_and(|first| letters & letter_bit(*first) != 0)
}

/// The first letters of the keys of each length, one bit each.
const FIRST_LETTERS: [u32; KEY_LETTERS_MAX + 1] = {
    let mut letters = [0; KEY_LETTERS_MAX + 1];
    let mut i = 0;
    while i < KEYS.len() {
        let key = KEYS[i].0.as_bytes();
        letters[key.len()] |= letter_bit(key[0]);
        i += 1;
    }
    letters
};

/// Returns one bit for each letter, in either case. Other bytes share these bits.
const fn letter_bit(byte: u8) -> u32 {
    1 << (byte & 0x1f)
}

/// Returns the offset of the first key of the object at the start of this text, if the key has no escapes and marks
/// the object.
pub(super) fn marking_key(object: &[u8]) -> Option<usize> {
    let rest = object.strip_prefix(b"{")?.trim_ascii_start();
    let offset = object.len() - rest.len();
    let key = rest
        .strip_prefix(b"\"")?
        .split(|byte| *byte == b'"')
        .next()?;
    let is_mark = !key.contains(&b'\\') && classify(key).1 == Marks::ThisObject;
    is_mark.then_some(offset)
}

/// Returns true if a text ends in the key of a record's request, in any spelling, and its colon.
pub(super) fn is_request(before: &[u8]) -> bool {
    let key = before.trim_ascii_end().strip_suffix(b":");
    let key = key.and_then(|key| key.trim_ascii_end().strip_suffix(b"\""));
    let Some((key, quote)) = key.and_then(|key| Some((key, memchr::memrchr(b'"', key)?))) else {
        return false;
    };
    let quoted = [&key[quote..], b"\""].concat();
    let key = serde_json::from_slice::<String>(&quoted);
    key.is_ok_and(|key| is_field(&key, "requestParameters"))
}

/// Returns true if a text begins with a comma, on the same line, a key and its colon, as after a member of an object.
pub(super) fn is_member(rest: &[u8]) -> bool {
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let comma = rest.iter().position(|byte| !is_blank(byte));
    let key = comma.and_then(|at| rest[at..].strip_prefix(b","));
    let key = key.and_then(|rest| rest.trim_ascii_start().strip_prefix(b"\""));
    let after = key.and_then(|key| key.get(memchr::memchr(b'"', key)? + 1..));
    after.is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
}

/// The kinds of keys whose value's own keys can mark the object around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Role {
    Event,
    Api,
    #[default]
    Other,
}

/// The object that a key marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    Nothing,
    ThisObject,
    /// The array around this object, if both are in an array: a row of fields.
    RowRound,
    /// The object around this one, if this one is its value under a key with that role.
    ObjectRound(Role),
}

/// Keys of records, and of documents that must not be taken for records, in upper or lower case. The parsed value
/// decides what the object really is.
const KEYS: [(&str, Role, Marks); 20] = [
    ("eventName", Role::Other, Marks::ThisObject),
    ("eventVersion", Role::Other, Marks::ThisObject),
    // In the ways that exports separate the words.
    ("event_name", Role::Other, Marks::ThisObject),
    ("event name", Role::Other, Marks::ThisObject),
    ("event-name", Role::Other, Marks::ThisObject),
    ("event_version", Role::Other, Marks::ThisObject),
    ("event version", Role::Other, Marks::ThisObject),
    // From answers that separate names from values: a page of rows.
    ("ResultSet", Role::Other, Marks::ThisObject),
    ("QueryResultRows", Role::Other, Marks::ThisObject),
    ("columns", Role::Other, Marks::ThisObject),
    ("field", Role::Other, Marks::RowRound),
    ("insightDetails", Role::Other, Marks::ThisObject),
    ("digestStartTime", Role::Other, Marks::ThisObject),
    ("event.action", Role::Other, Marks::ThisObject),
    ("api.operation", Role::Other, Marks::ThisObject),
    // From OCSF findings, which quote records.
    ("finding_info", Role::Other, Marks::ThisObject),
    ("event", Role::Event, Marks::Nothing),
    ("action", Role::Other, Marks::ObjectRound(Role::Event)),
    ("api", Role::Api, Marks::Nothing),
    ("operation", Role::Other, Marks::ObjectRound(Role::Api)),
];

/// The longest of [`KEYS`] with each byte written as an escape.
pub(super) const KEY_BYTES_MAX: u64 = KEY_LETTERS_MAX as u64 * 6;

/// The length of the longest of [`KEYS`].
const KEY_LETTERS_MAX: usize = 15;
