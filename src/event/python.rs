//! Objects as Python prints them: `{'policyArn': 'arn:…', 'dryRun': True, 'tags': None}`. pandas writes such cells where
//! a table's objects were Python's own.

/// Returns, as JSON, an object or a list that Python printed; `None` if it has values that JSON does not have.
///
/// The result is JSON only if the text is what Python prints: the caller checks that.
pub(super) fn as_json(text: &str) -> Option<String> {
    if !text.trim_start().starts_with(['{', '[']) {
        return None;
    }
    let mut json = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '\'' | '"' => string(rest.strip_prefix(first)?, first, &mut json)?,
            '{' | '}' | '[' | ']' | ':' | ',' | ' ' | '+' | '-' | '.' | '0'..='9' | 'e' => {
                json.push(first);
                rest.strip_prefix(first)?
            }
            _ => word(rest, &mut json)?,
        };
    }
    Some(json)
}

/// Writes the word that a text begins with. Returns the text after it.
fn word<'t>(text: &'t str, json: &mut String) -> Option<&'t str> {
    const WORDS: [(&str, &str); 3] = [("True", "true"), ("False", "false"), ("None", "null")];
    WORDS.iter().find_map(|(word, own)| {
        let rest = text.strip_prefix(word)?;
        json.push_str(own);
        Some(rest)
    })
}

/// Writes the string that a text begins with, after its opening quote. Returns the text after it.
fn string<'t>(text: &'t str, quote: char, json: &mut String) -> Option<&'t str> {
    json.push('"');
    let mut rest = text;
    loop {
        let next = rest.chars().next()?;
        rest = rest.strip_prefix(next)?;
        match next {
            _ if next == quote => break,
            '\\' => rest = escape(rest, json)?,
            '"' => json.push_str("\\\""),
            // Python escapes these.
            c if c.is_control() => return None,
            c => json.push(c),
        }
    }
    json.push('"');
    Some(rest)
}

/// Writes the character that an escape stands for, after its backslash. Returns the text after it.
fn escape<'t>(text: &'t str, json: &mut String) -> Option<&'t str> {
    let kind = text.chars().next()?;
    let rest = text.strip_prefix(kind)?;
    let own = match kind {
        '\\' => "\\\\",
        '\'' => "'",
        '"' => "\\\"",
        'n' => "\\n",
        'r' => "\\r",
        't' => "\\t",
        _ => return escape_in_digits(kind, rest, json),
    };
    json.push_str(own);
    Some(rest)
}

/// Writes the character that an escape of hexadecimal digits stands for, after its first letter. Returns the text after
/// it.
fn escape_in_digits<'t>(kind: char, rest: &'t str, json: &mut String) -> Option<&'t str> {
    let n_digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return None,
    };
    let (digits, rest) = (rest.get(..n_digits)?, rest.get(n_digits..)?);
    let is_digits = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    let letter = char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| is_digits)?)?;
    // Python writes these as themselves, and the prefilter knows no such escapes of them.
    if letter.is_ascii() && !letter.is_control() {
        return None;
    }
    if letter.is_control() {
        json.push_str(&format!("\\u{:04x}", u32::from(letter)));
    } else {
        json.push(letter);
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_python_prints_is_read_as_json() {
        for (text, json) in [
            (
                "{'a': True, 'b': None, 'c': False}",
                r#"{"a": true, "b": null, "c": false}"#,
            ),
            (
                "{'a': [1, -2.5, 1e+20, {'b': ''}]}",
                r#"{"a": [1, -2.5, 1e+20, {"b": ""}]}"#,
            ),
            (
                r#"{"it's": 'say "x"', 'b': 'both\' "'}"#,
                r#"{"it's": "say \"x\"", "b": "both' \""}"#,
            ),
            (
                r"{'a': 'C:\\x\n\t\x1b\xa0\u2028\U0001f511é'}",
                "{\"a\": \"C:\\\\x\\n\\t\\u001b\u{a0}\u{2028}\u{1f511}é\"}",
            ),
            ("[]", "[]"),
        ] {
            let read = as_json(text).unwrap();
            assert_eq!(read, json, "{text}");
            assert!(
                serde_json::from_str::<serde_json::Value>(&read).is_ok(),
                "{json}"
            );
        }
    }

    #[test]
    fn what_json_has_no_value_for_is_not_read() {
        for text in [
            "{'a': datetime.datetime(2024, 5, 1)}",
            "{'a': b'x'}",
            "{'a': nan}",
            "{'a': array(['b'], dtype=object)}",
            "{'a': 'cut",
            r"{'a': '\q'}",
            r"{'a': '\x1",
            r"{'a': '\ud800'}",
            r"{'a': '\x+1'}",
            r"{'a': '\x41'}",
            r"{'a': '\u0041'}",
            "{'a': Trueish}",
            "True",
            "'a'",
        ] {
            let json = as_json(text);
            let is_json = |json: &String| serde_json::from_str::<serde_json::Value>(json).is_ok();
            assert!(!json.as_ref().is_some_and(is_json), "{text}: {json:?}");
        }
    }
}
