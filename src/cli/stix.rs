//! The values that patterns of STIX 2.1 compare with, such as that of `[ipv4-addr:value = '203.0.113.7']`.

/// What a pattern compares with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The values that an object may equal, and the networks that it may be in.
    pub(super) values: Vec<String>,
    /// The other comparisons: those that are negated, and those with wildcards and expressions.
    pub(super) others: Vec<String>,
}

/// Returns the values of a pattern.
pub(super) fn values(pattern: &str) -> Found {
    let mut found = Found::default();
    let mut rest = pattern;
    // The comparison before a list of values, while that is read.
    let mut of_list = None;
    while let Some((before, behind)) = rest.split_once('\'') {
        let (value, behind) = literal(behind);
        rest = behind;
        let before = before.trim();
        // A part of a path, such as `file:hashes.'SHA-256'`, or a time.
        if before.ends_with(['.', ':']) || is_of_time(before) {
            continue;
        }
        if !before.starts_with(',') {
            of_list = None;
        }
        let comparison = of_list.unwrap_or_else(|| Comparison::before(before));
        if before.ends_with('(') || of_list.is_some() {
            of_list = Some(comparison);
        }
        match comparison {
            Comparison::Equal => found.values.push(value),
            Comparison::Other(operator) => found.others.push(format!("{operator} '{value}'")),
        }
    }
    found
}

/// A comparison with a value.
#[derive(Debug, Clone, Copy)]
enum Comparison<'p> {
    Equal,
    Other(&'p str),
}

impl<'p> Comparison<'p> {
    /// Returns the comparison that a text ends with.
    fn before(text: &'p str) -> Self {
        let text = text.trim_end_matches('(').trim_end();
        let start = text.rfind(['[', ' ', ')', '\'']).map_or(0, |at| at + 1);
        let word = text.get(start..).unwrap_or_default();
        let is_negated = text.strip_suffix(word).unwrap_or_default().trim_end();
        let is_negated = is_negated.ends_with(" NOT");
        // A path may stand before `=` without a blank.
        let operator = match word.rfind(['=', '!', '<', '>']) {
            Some(_) if word.ends_with("!=") => "!=",
            Some(_) if word.ends_with("<=") => "<=",
            Some(_) if word.ends_with(">=") => ">=",
            Some(at) => word.get(at..).unwrap_or_default(),
            None => word,
        };
        match operator {
            _ if is_negated => Self::Other("NOT"),
            "=" | "IN" | "ISSUBSET" => Self::Equal,
            operator => Self::Other(operator),
        }
    }
}

/// Returns true if a text ends with what is before a time: `START t`.
fn is_of_time(text: &str) -> bool {
    let before = text.strip_suffix('t').unwrap_or_default();
    before.is_empty() && text == "t" || before.ends_with([' ', '=', '(', '<', '>', ','])
}

/// Returns the value of a text up to its quote, with its escapes decoded, and what is behind that.
fn literal(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => return (value, chars.as_str()),
            '\\' => value.extend(chars.next()),
            c => value.push(c),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_that_an_object_may_equal_are_found() {
        for (pattern, expected) in [
            (
                r"[ipv4-addr:value = '203.0.113.7' OR url:value='it\'s']",
                &["203.0.113.7", "it's"][..],
            ),
            (
                "[ipv4-addr:value IN ('203.0.113.7', '203.0.113.8')]",
                &["203.0.113.7", "203.0.113.8"],
            ),
            (
                "[ipv4-addr:value ISSUBSET '203.0.113.0/24']",
                &["203.0.113.0/24"],
            ),
            ("[file:hashes.'SHA-256' = 'ef53']", &["ef53"]),
            (
                "[user-account:user_id = 'alice'] START t'2024-05-01T00:00:00Z' STOP t'2024-06-01T00:00:00Z'",
                &["alice"],
            ),
        ] {
            let found = values(pattern);
            assert_eq!(found.values, expected, "{pattern}");
            assert_eq!(found.others, [""; 0], "{pattern}");
        }
    }

    #[test]
    fn what_must_not_be_and_what_has_wildcards_is_no_value() {
        for (pattern, other) in [
            ("[ipv4-addr:value != '203.0.113.7']", "!= '203.0.113.7'"),
            ("[ipv4-addr:value!='203.0.113.7']", "!= '203.0.113.7'"),
            ("[user-account:user_id NOT = 'alice']", "NOT 'alice'"),
            ("[user-account:user_id NOT IN ('alice')]", "NOT 'alice'"),
            ("[user-account:user_id LIKE 'ali%']", "LIKE 'ali%'"),
            (
                "[user-account:user_id MATCHES '^ali.*']",
                "MATCHES '^ali.*'",
            ),
            ("[x:y > 'a']", "> 'a'"),
        ] {
            let found = values(pattern);
            assert_eq!(found.others, [other], "{pattern}");
            assert_eq!(found.values, [""; 0], "{pattern}");
        }
    }
}
