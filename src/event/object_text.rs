//! Objects that are stored in a record as text: as JSON (Athena, Glue, OCSF), as Python prints them (pandas), or as Java
//! and Presto print a map.

use std::borrow::Cow;

use serde::de::IgnoredAny;
use serde_json::Value;

use super::names::is_field;
use super::{java_map, json, python};

/// Returns the JSON of an object or a list whose text is JSON, or what Python prints; `None` if it is neither, or nested
/// too deeply.
pub(super) fn as_json(text: &str) -> Option<Cow<'_, str>> {
    let text = text.trim_start();
    if !text.starts_with(['{', '[']) {
        return None;
    }
    if is_json(text) {
        return Some(Cow::Borrowed(text));
    }
    let json = python::as_json(text).filter(|json| is_json(json));
    json.map(Cow::Owned)
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Returns the value whose text is JSON, or the object or list whose text is what Python prints.
pub(super) fn parsed(text: &str) -> Option<Value> {
    let by_python = || serde_json::from_str(&python::as_json(text)?).ok();
    serde_json::from_str(text).ok().or_else(by_python)
}

/// Returns the text of the value at a path of fields, whatever the case of their names.
pub(crate) fn at(text: &str, path: &str) -> Option<String> {
    match parsed(text) {
        Some(object) => {
            let found = path.split('.').try_fold(&object, |value, field| {
                let mut members = value.as_object()?.iter();
                members.find_map(|(key, value)| is_field(key, field).then_some(value))
            })?;
            match found {
                Value::String(text) => Some(text.clone()),
                Value::Null | Value::Object(_) | Value::Array(_) => None,
                Value::Bool(_) | Value::Number(_) => Some(found.to_string()),
            }
        }
        None => {
            let found = path.split('.').try_fold(text, |text, field| {
                java_map::entries(text)
                    .find_map(|(key, value)| is_field(key, field).then_some(value))
            })?;
            Some(found.to_owned()).filter(|text| !matches!(&**text, "" | "null"))
        }
    }
}

/// Returns the object that a text begins with, without what may be of another record. Behind an object in JSON that is the
/// next row, where a line end was lost; behind a hole in the text it is whatever follows. Any other text is returned as it
/// is.
pub(super) fn first_object(text: &str) -> &str {
    if !text.trim_start().starts_with('{') {
        return text;
    }
    if let Some(hole) = find_hole(text) {
        return text.get(..hole).unwrap_or(text);
    }
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<IgnoredAny>();
    match values.next() {
        Some(Ok(_)) => text.get(..values.byte_offset()).unwrap_or(text),
        _ => text,
    }
}

/// Returns the offset of the first run of characters that no text has, if it is too long to be an accident.
fn find_hole(text: &str) -> Option<usize> {
    const CHARS_LEAST: usize = 8;
    let is_of_hole = |c: char| matches!(c, '\0'..='\x08' | char::REPLACEMENT_CHARACTER);
    let mut n_chars = 0;
    let mut chars = text.char_indices();
    let (at, last) = chars.find(|(_, c)| {
        n_chars = if is_of_hole(*c) { n_chars + 1 } else { 0 };
        n_chars == CHARS_LEAST
    })?;
    let to_hole = text.get(..at + last.len_utf8())?;
    Some(to_hole.trim_end_matches(is_of_hole).len())
}

/// Calls `then` with an object or a list, which may be stored as the text of one. Another value is given as it is.
pub(super) fn with_object(value: json::Value<'_>, then: &mut dyn FnMut(json::Value<'_>)) {
    let is_read = value.as_str().is_some_and(|text| with_parsed(text, then));
    if !is_read {
        then(value);
    }
}

/// Calls `then` with the object or the list that a text is that of. Returns false if it is none.
fn with_parsed(text: &str, then: &mut dyn FnMut(json::Value<'_>)) -> bool {
    let Some(json) = as_json(text) else {
        return false;
    };
    let mut bytes = json.into_owned().into_bytes();
    let parsed = simd_json::to_tape(&mut bytes);
    parsed.map(|tape| then(json::Value::of(&tape))).is_ok()
}

/// Returns the path of `literal` in the object, beginning with `place`.
pub(crate) fn locate(text: &str, literal: &str, place: &str) -> Option<String> {
    let Some(object) = parsed(text) else {
        return java_map::key_of(text, literal).map(|key| format!("{place}.{key}"));
    };
    locate_below(&object, literal, place)
}

fn locate_below(value: &Value, literal: &str, place: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains(literal).then(|| place.to_owned()),
        Value::Object(members) => members.iter().find_map(|(key, value)| {
            let place = format!("{place}.{key}");
            match key.contains(literal) {
                true => Some(place),
                false => locate_below(value, literal, &place),
            }
        }),
        Value::Array(elements) => {
            let mut places = elements.iter().enumerate();
            places.find_map(|(i, value)| locate_below(value, literal, &format!("{place}[{i}]")))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns true if the text is a whole object or list: JSON, or printed in another way with matching brackets.
pub(crate) fn is_whole(text: &str) -> bool {
    let text = text.trim();
    if text == SCRIPTS_OBJECT || text.starts_with("{...") {
        return false;
    }
    if let Some(Ok(inner)) = text
        .starts_with('"')
        .then(|| serde_json::from_str::<String>(text))
    {
        return is_whole(&inner);
    }
    // PowerShell's objects begin so.
    let bare = text.strip_prefix('@').unwrap_or(text);
    if !bare.starts_with(['{', '[']) || !bare.ends_with(['}', ']']) {
        return false;
    }
    let n = |bracket| bare.matches(bracket).count();
    as_json(bare).is_some()
        || n('{') == n('}') && n('[') == n(']') && first_object(bare).len() == bare.len()
}

/// Returns true if the text was an object or list, and its rest or all of it is lost or not readable: it begins as one
/// and does not end, or it is a single word, as base64 is, or the name of a type that a script printed.
pub(crate) fn is_cut(text: &str) -> bool {
    let text = text.trim();
    if is_whole(text) {
        return false;
    }
    let is_marked = text.ends_with("...") || text.ends_with('…');
    is_marked
        || text.starts_with(['{', '['])
        || text.starts_with("@{")
        || text.starts_with("\"{")
        || is_encoded(text)
}

/// Returns true if the text begins as an object in JSON does, and cannot be read as one: it does not end, or may have an
/// escape that JSON does not have.
pub(super) fn is_torn(text: &str) -> bool {
    let text = text.trim();
    let is_begun = text
        .strip_prefix('{')
        .is_some_and(|rest| rest.trim_start().starts_with('"'));
    is_begun && as_json(text).is_none() && (text.contains('\\') || !is_whole(text))
}

/// Returns true if an object in JSON begins in the text, and does not end in it.
pub(crate) fn holds_cut(text: &str) -> bool {
    let object = text.find("{\"").and_then(|at| text.get(at..));
    object.is_some_and(|object| !is_whole(object))
}

/// Returns true if a text is one long word, without what separates the parts of an object.
fn is_encoded(text: &str) -> bool {
    const BYTES_LEAST: usize = 24;
    let prefix = text.find("base64").map_or(0, |at| at + "base64".len() + 1);
    let word = text.get(prefix..).unwrap_or_default();
    let is_of_word = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_.".contains(&byte);
    word.len() >= BYTES_LEAST && word.trim_end_matches('=').bytes().all(is_of_word)
}

/// The text that scripts produce for an object when they mean its content.
const SCRIPTS_OBJECT: &str = "[object Object]";

/// Returns the text with its own escapes decoded, if it has any. It is a separate text, since a search in the
/// original misses it. It need not be valid JSON: what is beside an escaped name does not hide that name.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    if !text.contains('\\') {
        return None;
    }
    let (mut plain, mut rest) = (String::new(), text);
    while let Some((before, behind)) = rest.split_once('\\') {
        plain.push_str(before);
        let mut chars = behind.chars();
        let escaped = chars.next();
        rest = chars.as_str();
        match escaped {
            Some('u') => match rest.get(..4).map(|hex| u16::from_str_radix(hex, 16)) {
                Some(Ok(unit)) => {
                    plain.push(char::from_u32(unit.into()).unwrap_or(char::REPLACEMENT_CHARACTER));
                    rest = rest.get(4..).unwrap_or_default();
                }
                _ => plain.push_str("\\u"),
            },
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some(c @ ('"' | '\\' | '/')) => plain.push(c),
            // No escape of JSON: damaged, or of another writer.
            other => {
                plain.push('\\');
                plain.extend(other);
            }
        }
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    const JSON: &str = r#"{"policyArn":"arn:X","a":{"userName":"u","n":1},"l":[{"b":"X"}]}"#;
    const PRINTED: &str = "{type=IAMUser, arn=arn:X, sessioncontext={attributes={mfa=false, \
        creationdate=null}, sessionissuer={username=u}}, accountid=1}";

    #[test]
    fn values_are_found_by_their_path() {
        assert_eq!(at(JSON, "a.userName").as_deref(), Some("u"));
        assert_eq!(at(JSON, "a.n").as_deref(), Some("1"));
        assert_eq!(at(JSON, "a"), None);
        assert_eq!(at(PRINTED, "arn").as_deref(), Some("arn:X"));
        assert_eq!(at(PRINTED, "accountId").as_deref(), Some("1"));
        let issuer = "sessionContext.sessionIssuer.userName";
        assert_eq!(at(PRINTED, issuer).as_deref(), Some("u"));
        assert_eq!(at(PRINTED, "sessionContext.attributes.creationDate"), None);
        assert_eq!(at("no object", "a"), None);
    }

    #[test]
    fn a_literal_is_found_in_keys_and_values() {
        assert_eq!(locate(JSON, "arn:X", "r").as_deref(), Some("r.policyArn"));
        assert_eq!(
            locate(r#"{"l":[{"b":"X"}]}"#, "X", "r").as_deref(),
            Some("r.l[0].b")
        );
        assert_eq!(locate(r#"{"aX":1}"#, "X", "r").as_deref(), Some("r.aX"));
        assert_eq!(locate(PRINTED, "arn:X", "r").as_deref(), Some("r.arn"));
    }

    #[test]
    fn escapes_in_the_text_are_seen_through() {
        assert_eq!(
            unescaped(r#"{"a":"\u0041B","a":"\"\\c",}"#).as_deref(),
            Some(r#"{"a":"AB","a":""\c",}"#)
        );
        assert_eq!(unescaped(r#"{"a":"b"}"#), None);
        assert_eq!(unescaped(r"A\dB\/\").as_deref(), Some(r"A\dB/\"));
        assert_eq!(
            unescaped(r"\u0041\ud83d\u00").as_deref(),
            Some("A\u{fffd}\\u00")
        );
        assert_eq!(unescaped("\\u004\u{e9}").as_deref(), Some("\\u004\u{e9}"));
    }

    #[test]
    fn an_object_is_cut_if_it_does_not_end_or_cannot_be_read() {
        for text in [
            JSON.split_at(20).0,
            PRINTED.split_at(40).0,
            "@{userName=bob; policyArn=arn:aws",
            "userName=bob, policyArn=arn:aws…",
            "[object Object]",
            "System.Collections.Hashtable",
            "eyJ1c2VyTmFtZSI6ImJvYiIsIn==",
            "data:application/json;base64,eyJ1c2VyTmFtZSI6ImJvYiIsIn",
        ] {
            assert!(is_cut(text), "{text}");
        }
        for text in [
            JSON,
            PRINTED,
            "",
            "7",
            "alice",
            "userName=bob, policyArn=arn:aws:iam::aws:policy/ReadOnlyAccess",
            "policyArn:arn:aws:iam::aws:policy/ReadOnlyAccess",
        ] {
            assert!(!is_cut(text), "{text}");
        }
        for text in [JSON.split_at(20).0, r#"{"a":"\S"}"#, r#"{ "a":1}{"#] {
            assert!(is_torn(text), "{text}");
        }
        for text in [JSON, PRINTED, "", "{a=", "{'a'", "\"{", r#"{"a":1,}"#] {
            assert!(!is_torn(text), "{text}");
        }
        assert!(holds_cut(r#"May 1 ct: {"a":{"b":1}"#));
        assert!(!holds_cut(r#"May 1 ct: {"a":{"b":1}}"#));
        assert!(!holds_cut("May 1 ct: {a"));
    }

    #[test]
    fn an_object_is_whole_if_its_brackets_fit() {
        for text in [
            JSON,
            PRINTED,
            "@{userName=bob; policyArn=x}",
            r#"{"a":"}"}"#,
            r#"["a"]"#,
            r#""{\"a\":1}""#,
            "{'a': 1,}",
            "{'a': 'b{'}",
        ] {
            assert!(is_whole(text), "{text}");
        }
        for text in [
            JSON.split_at(20).0,
            PRINTED.split_at(40).0,
            "[object Object]",
            "System.Collections.Hashtable",
            "x",
            "",
            "7",
            r#"{"a":{"b":1}"#,
        ] {
            assert!(!is_whole(text), "{text}");
        }
    }
}
