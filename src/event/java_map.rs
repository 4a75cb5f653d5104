//! JSON as Elastic's pipeline prints it: Java's `Map.toString()`, in the key order of Java's `HashMap`.
//!
//! `{"policyArn":"arn:…","userName":"alice"}` becomes `{policyArn=arn:…, userName=alice}`. The order is that of the
//! table's buckets (`String.hashCode`, spread by `h ^ (h >>> 16)`, 16 buckets that double at a load of 0.75) and,
//! inside a bucket, that of insertion. Java turns a bucket of more than eight keys into a tree, which is not
//! imitated. A key that occurs twice is printed twice, since every reading counts.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::json::Value;
use simd_json::StaticNode;

/// Returns the text of a value, without what the pipeline drops. A string is printed as it is.
pub(crate) fn print(value: Value<'_>) -> Cow<'_, str> {
    if let Some(text) = value.as_str() {
        return Cow::Borrowed(text);
    }
    // 256 bytes hold most requests.
    let mut out = String::with_capacity(256);
    write_value(value, &mut out);
    Cow::Owned(out)
}

/// Returns true if the pipeline drops this value: null, the texts "", "-" and "none", and objects and arrays of which
/// nothing is left.
pub(crate) fn is_dropped(value: Value<'_>) -> bool {
    match value.as_str() {
        Some(text) => is_dropped_text(text),
        None if value.is_object() => value.members().all(|(_, child)| is_dropped(child)),
        None if value.is_array() => value.elements().all(is_dropped),
        None => value.is_empty(),
    }
}

/// Returns true if the pipeline drops a field with this text.
pub(crate) fn is_dropped_text(text: &str) -> bool {
    matches!(text, "" | "-" | "none")
}

/// Writes a value. Returns false, and writes nothing, if it is dropped.
fn write_value(value: Value<'_>, out: &mut String) -> bool {
    let start = out.len();
    if let Some(text) = value.as_str() {
        out.push_str(text);
        return !is_dropped_text(text);
    } else if value.is_object() {
        let mut entries: Vec<(&str, Value<'_>)> = value.members().collect();
        // The table has grown with the keys that are dropped later.
        let buckets = n_buckets(entries.len());
        // The sort is stable: inside a bucket the order is that of insertion.
        entries.sort_by_key(|(key, _)| bucket(key, buckets));
        out.push('{');
        let is_left = write_each(entries.into_iter(), out, |(key, value), out| {
            out.push_str(key);
            out.push('=');
            write_value(value, out)
        });
        out.push('}');
        return is_left || forget(out, start);
    } else if value.is_array() {
        out.push('[');
        let is_left = write_each(value.elements(), out, write_value);
        out.push(']');
        return is_left || forget(out, start);
    }
    match value.as_static() {
        None | Some(StaticNode::Null) => return false,
        Some(StaticNode::F64(number)) => write_double(number, out),
        // Writing to a String cannot fail.
        Some(node) => write!(out, "{node}").expect("a String takes all"),
    }
    true
}

fn forget(out: &mut String, start: usize) -> bool {
    out.truncate(start);
    false
}

/// Writes items with commas between them. Returns true if one was written.
fn write_each<T>(
    items: impl Iterator<Item = T>,
    out: &mut String,
    write: impl Fn(T, &mut String) -> bool,
) -> bool {
    let mut is_left = false;
    for item in items {
        let before = out.len();
        out.push_str(if is_left { ", " } else { "" });
        match write(item, out) {
            true => is_left = true,
            false => out.truncate(before),
        }
    }
    is_left
}

/// Writes a number like `Double.toString`: plain from 10⁻³ to 10⁷, else with an exponent, and always with a fraction.
pub(crate) fn write_double(number: f64, out: &mut String) {
    let size = number.abs();
    let text = if size == 0.0 || (1e-3..1e7).contains(&size) {
        format!("{number:?}")
    } else {
        let text = format!("{number:E}");
        match text.split_once('E') {
            Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
            _ => text,
        }
    };
    out.push_str(&text);
}

/// Returns the size of a `HashMap`'s table that contains `n` keys.
fn n_buckets(n: usize) -> u32 {
    let mut buckets = 16_u32;
    while n > buckets as usize / 4 * 3 {
        buckets = buckets.saturating_mul(2);
    }
    buckets
}

/// Returns the bucket of a key: `String.hashCode` over UTF-16, spread.
fn bucket(key: &str, buckets: u32) -> u32 {
    let hash = key.encode_utf16().fold(0_u32, |h, unit| {
        h.wrapping_mul(31).wrapping_add(unit.into())
    });
    (hash ^ (hash >> 16)) & (buckets - 1)
}

/// Returns the value of a key at the top level of a printed map, as well as the text allows: the printing does not
/// escape separators.
pub(crate) fn field<'t>(text: &'t str, key: &str) -> Option<&'t str> {
    entries(text).find_map(|(name, value)| (name == key).then_some(value))
}

/// Returns the first key at the top level of a printed map that contains `literal`, or whose value does.
pub(crate) fn key_of<'t>(text: &'t str, literal: &str) -> Option<&'t str> {
    entries(text)
        .find_map(|(key, value)| (key.contains(literal) || value.contains(literal)).then_some(key))
}

/// Returns the entries at the top level of a printed map. PowerShell prints a map as `@{a=b; c=d}`.
pub(crate) fn entries(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let (text, separator) = match text.strip_prefix('@') {
        Some(text) => (text, "; "),
        None => (text, ", "),
    };
    let inner = text.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
    let mut parts = parts(inner.unwrap_or_default(), separator);
    std::iter::from_fn(move || parts.by_ref().find_map(|entry| entry.split_once('=')))
}

/// Returns the elements of a printed list.
pub(crate) fn elements(text: &str) -> impl Iterator<Item = &str> {
    let inner = text.strip_prefix('[').and_then(|t| t.strip_suffix(']'));
    parts(inner.unwrap_or_default(), ", ")
}

/// Returns the parts between separators that are inside no brackets.
fn parts<'t>(mut rest: &'t str, separator: &'static str) -> impl Iterator<Item = &'t str> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut depth = 0_usize;
        let end = rest.bytes().enumerate().position(|(at, byte)| {
            match byte {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth = depth.saturating_sub(1),
                _ => {}
            }
            depth == 0 && rest.as_bytes()[at..].starts_with(separator.as_bytes())
        });
        let (part, next) = rest.split_at(end.unwrap_or(rest.len()));
        rest = next.strip_prefix(separator).unwrap_or(next);
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(json: &str) -> String {
        let mut bytes = json.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut bytes).unwrap();
        print(Value::of(&tape)).into_owned()
    }

    #[test]
    fn maps_and_lists_are_printed_as_java_does() {
        assert_eq!(
            printed(r#"{"a":{"b":"c"},"d":["e","f"],"t":true}"#),
            "{a={b=c}, d=[e, f], t=true}"
        );
        assert_eq!(
            printed(r#"[1,-2,1.5,100.0,1e10,1e-5,12345678.9]"#),
            "[1, -2, 1.5, 100.0, 1.0E10, 1.0E-5, 1.23456789E7]"
        );
        assert_eq!(printed(r#""{as it is}""#), "{as it is}");
    }

    #[test]
    fn what_the_pipeline_drops_is_not_printed() {
        assert_eq!(
            printed(r#"{"n":null,"a":["-",{"b":"none"},"x",""],"e":{"f":[[]]},"g":"None"}"#),
            "{a=[x], g=None}"
        );
        assert_eq!(printed(r#"{"a":[{"b":""}]}"#), "");
    }

    #[test]
    fn keys_stand_in_the_order_of_java_s_hash_map() {
        // Order of the buckets: policyArn before userName, whichever comes first in the JSON.
        assert_eq!(
            printed(r#"{"userName":"u","policyArn":"p"}"#),
            "{policyArn=p, userName=u}"
        );
        assert_eq!(
            printed(r#"{"policyArn":"p","userName":"u"}"#),
            "{policyArn=p, userName=u}"
        );
    }

    #[test]
    fn a_table_doubles_at_three_quarters() {
        assert_eq!(
            [n_buckets(0), n_buckets(12), n_buckets(13), n_buckets(25)],
            [16, 16, 32, 64]
        );
    }

    #[test]
    fn a_printed_map_gives_its_fields_back() {
        let text = "{policyArn=arn:aws:iam::aws:policy/X, userName=alice}";
        assert_eq!(field(text, "userName"), Some("alice"));
        assert_eq!(field(text, "other"), None);
        assert_eq!(key_of(text, "policy/X"), Some("policyArn"));
        let list = elements("[{a=b, c=d}, [e, f], g]");
        assert_eq!(list.collect::<Vec<_>>(), ["{a=b, c=d}", "[e, f]", "g"]);
        assert_eq!(elements("no list").next(), None);
    }
}
