//! The values that patterns of STIX 2.1 compare with, such as that of `[ipv4-addr:value = '203.0.113.7']`.

/// What a pattern compares with.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The values that an object may equal, and the networks that it may be in.
    pub(super) values: Vec<String>,
    /// What is not searched for: comparisons that are negated, and those with wildcards and expressions.
    pub(super) not_searched: Vec<String>,
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
        // A part of a path, such as `file:hashes.'SHA-256'`, or the time from or to which a pattern holds.
        if before.ends_with(['.', ':']) || is_of_time(before) {
            continue;
        }
        if let Some(before) = before
            .strip_suffix('t')
            .filter(|text| ends_in_operator(text))
        {
            found
                .not_searched
                .push(format!("{} t'{value}'", Comparison::before(before).name()));
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
            Comparison::Other(operator) => found.not_searched.push(format!("{operator} '{value}'")),
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
        let mut words = text.split_whitespace().rev();
        let last = words.next().unwrap_or_default();
        // A path may stand before `=` without a blank.
        let start = last.trim_end_matches(['=', '!', '<', '>']).len();
        let (path, operator) = match last.get(start..) {
            Some(sign) if !sign.is_empty() => (last.get(..start).unwrap_or_default(), sign),
            _ => ("", last),
        };
        let before = Some(path).filter(|path| !path.is_empty());
        let is_negated = before.or_else(|| words.next()) == Some("NOT");
        match operator {
            _ if is_negated => Self::Other("NOT"),
            "=" | "IN" | "ISSUBSET" => Self::Equal,
            operator => Self::Other(operator),
        }
    }

    fn name(self) -> &'p str {
        match self {
            Self::Equal => "=",
            Self::Other(operator) => operator,
        }
    }
}

/// Returns true if a text ends with what is before the time of a pattern: `START t`.
fn is_of_time(text: &str) -> bool {
    let mut words = text.split_whitespace().rev();
    words.next() == Some("t") && matches!(words.next(), Some("START" | "STOP"))
}

/// Returns true if a text ends with a sign that compares.
fn ends_in_operator(text: &str) -> bool {
    text.trim_end().ends_with(['=', '<', '>'])
}

/// Returns the value of a text up to its quote, with its escapes decoded, and what follows it.
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
            ("[user-account:user_id\nIN ('bob')]", &["bob"]),
            (
                "[user-account:user_id = 'alice'] START t'2024-05-01T00:00:00Z' STOP t'2024-06-01T00:00:00Z'",
                &["alice"],
            ),
        ] {
            let found = values(pattern);
            assert_eq!(found.values, expected, "{pattern}");
            assert_eq!(found.not_searched, [""; 0], "{pattern}");
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
            ("[file:hashes.'SHA-256' NOT = 'ef53']", "NOT 'ef53'"),
            ("[user-account:user_id\nNOT = 'alice']", "NOT 'alice'"),
            ("[x:'b-c' NOT IN ('bob')]", "NOT 'bob'"),
            (
                "[x:y = t'2024-05-01T00:00:00Z']",
                "= t'2024-05-01T00:00:00Z'",
            ),
        ] {
            let found = values(pattern);
            assert_eq!(found.not_searched, [other], "{pattern}");
            assert_eq!(found.values, [""; 0], "{pattern}");
        }
    }
}
