//! The leaves of an object by their paths, as in a `flattened` field of Elasticsearch.
//!
//! All leaves are texts. Arrays add nothing to the path: a leaf in any of their elements counts. A key with a dot is as
//! good as two keys. What Elastic's pipeline drops is not there.

use std::borrow::Cow;

use super::java_map::{self, is_dropped};
use super::json::Value;

/// Objects whose text is as long or longer have no flattened form, in UTF-16 units.
const UNITS_MAX: usize = 32_766;

/// Calls `visit` with each leaf at `path`, or with all leaves if there is no path.
pub(super) fn each_leaf(
    object: Value<'_>,
    path: Option<&str>,
    visit: &mut dyn FnMut(Cow<'_, str>),
) {
    // Most objects are small, which is seen without printing them.
    if may_be_too_long(object) && java_map::print(object).encode_utf16().count() >= UNITS_MAX {
        return;
    }
    match path {
        Some(path) => below(object, path, visit),
        None => leaves(object, visit),
    }
}

fn may_be_too_long(object: Value<'_>) -> bool {
    fn spend(value: Value<'_>, left: &mut usize) {
        // As many as a number has, or what divides two members.
        const UNITS_OF_OTHERS: usize = 32;
        let units = value.as_str().map_or(UNITS_OF_OTHERS, str::len);
        *left = left.saturating_sub(units);
        for (key, child) in value.members() {
            *left = left.saturating_sub(key.len() + UNITS_OF_OTHERS);
            if *left > 0 {
                spend(child, left);
            }
        }
        for child in value.elements() {
            *left = left.saturating_sub(2);
            if *left > 0 {
                spend(child, left);
            }
        }
    }
    let mut left = UNITS_MAX;
    spend(object, &mut left);
    left == 0
}

fn below(value: Value<'_>, path: &str, visit: &mut dyn FnMut(Cow<'_, str>)) {
    for (key, child) in value.members() {
        match path.strip_prefix(key) {
            Some("") => leaf(child, visit),
            Some(rest) => {
                if let Some(rest) = rest.strip_prefix('.') {
                    below(child, rest, visit);
                }
            }
            None => {}
        }
    }
    for element in value.elements() {
        below(element, path, visit);
    }
}

/// Calls `visit` with a scalar, or with those of an array.
fn leaf(value: Value<'_>, visit: &mut dyn FnMut(Cow<'_, str>)) {
    if value.is_array() {
        value.elements().for_each(|element| leaf(element, visit));
    } else if !value.is_object() && !is_dropped(value) {
        visit(java_map::print(value));
    }
}

fn leaves(value: Value<'_>, visit: &mut dyn FnMut(Cow<'_, str>)) {
    value.members().for_each(|(_, child)| leaves(child, visit));
    value.elements().for_each(|child| leaves(child, visit));
    leaf_only(value, visit);
}

fn leaf_only(value: Value<'_>, visit: &mut dyn FnMut(Cow<'_, str>)) {
    if !value.is_array() {
        leaf(value, visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(json: &str, path: Option<&str>) -> Vec<String> {
        let mut bytes = json.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut bytes).unwrap();
        let mut found = Vec::new();
        each_leaf(Value::of(&tape), path, &mut |text| {
            found.push(text.into_owned())
        });
        found
    }

    #[test]
    fn leaves_are_found_through_arrays_and_dots() {
        let json = r#"{"a":[{"b":1.0},{"b":["x",null,"-"]}],"c.d":{"e":true},"c":{"d.e":"y"}}"#;
        assert_eq!(at(json, Some("a.b")), ["1.0", "x"]);
        assert_eq!(at(json, Some("c.d.e")), ["true", "y"]);
        assert_eq!(at(json, Some("a")), [""; 0]);
        assert_eq!(at(json, None), ["1.0", "x", "true", "y"]);
    }

    #[test]
    fn a_long_object_has_no_leaves() {
        let json = |n: usize| format!(r#"{{"a":"{}"}}"#, "x".repeat(n));
        // `{a=` and `}`.
        assert_eq!(at(&json(UNITS_MAX - 5), Some("a")).len(), 1);
        assert_eq!(at(&json(UNITS_MAX - 4), Some("a")).len(), 0);
        let wide = format!(r#"{{"a":"{}"}}"#, "é".repeat(20_000));
        assert_eq!(at(&wide, Some("a")).len(), 1);
    }
}
