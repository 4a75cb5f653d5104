//! Objects that stand in a record as text: JSON (Athena, Glue, OCSF) or as Java and Presto print a map.

use serde_json::Value;

use super::cloudtrail::is_field;
use super::java_map;

/// The text of the value at a path of fields, whatever the case of their names.
pub(crate) fn at(text: &str, path: &str) -> Option<String> {
    match serde_json::from_str::<Value>(text) {
        Ok(object) => {
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
        Err(_) => {
            let found = path.split('.').try_fold(text, |text, field| {
                java_map::entries(text)
                    .find_map(|(key, value)| is_field(key, field).then_some(value))
            })?;
            Some(found.to_owned()).filter(|text| !matches!(&**text, "" | "null"))
        }
    }
}

/// Where `literal` stands in the object, as a path from `place` on.
pub(crate) fn locate(text: &str, literal: &str, place: &str) -> Option<String> {
    let Ok(object) = serde_json::from_str::<Value>(text) else {
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

/// What the text says behind its own escapes, if it is JSON that has any: a text of its own, since a search in
/// the one that stands there misses it.
pub(crate) fn unescaped(text: &str) -> Option<String> {
    fn append(value: &Value, out: &mut String) {
        match value {
            Value::String(text) => out.push_str(text),
            Value::Array(elements) => elements.iter().for_each(|value| {
                append(value, out);
                out.push_str(", ");
            }),
            Value::Object(members) => members.iter().for_each(|(key, value)| {
                out.push_str(key);
                out.push('=');
                append(value, out);
                out.push_str(", ");
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
        }
    }
    let object = text
        .contains('\\')
        .then(|| serde_json::from_str::<Value>(text).ok())??;
    let mut out = String::new();
    append(&object, &mut out);
    Some(out)
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
            unescaped(r#"{"a":"\u0041B","l":["c"]}"#).as_deref(),
            Some("a=AB, l=c, , ")
        );
        assert_eq!(unescaped(r#"{"a":"b"}"#), None);
        assert_eq!(unescaped(r"no \u0041 JSON"), None);
    }
}
