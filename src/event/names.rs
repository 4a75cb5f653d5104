//! Other spellings of field names, and of a missing value.
//!
//! AWS writes `eventName` and omits what an event does not have. Exports write `eventname`, `event_name`, `Event
//! name`, `EventName` or `requestParameters{}.policyArn`, and `-`, `\N` or `null` as text.

/// Returns true for the characters in names of users, roles and keys (IAM user guide, "IAM and AWS STS quotas"),
/// except `=` and `,`, which are around a name when an object is printed as text. A word ends where no such character
/// follows: the search for names and the rules that look for them must agree on that.
pub(crate) fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+.@-_".contains(&byte) || !byte.is_ascii()
}

/// Returns true if a word ends before this text: no character of a name follows, except the full stops of a sentence.
pub(crate) fn ends_word(rest: &[u8]) -> bool {
    let after = rest.iter().find(|byte| **byte != b'.');
    after.is_none_or(|byte| !is_of_name(*byte))
}

/// Returns true if `name` is the field `field`: in CloudTrail's spelling, or in one that differs in case and in the
/// separators of its words.
pub(crate) fn is_field(name: &str, field: &str) -> bool {
    // Many names of a record begin alike. The last letter differs more often.
    let may_be = match (name.as_bytes().last(), field.as_bytes().last()) {
        (Some(last), Some(letter)) => last.eq_ignore_ascii_case(letter) || divides_words(*last),
        _ => false,
    };
    may_be
        && (name == field
            || after_field(name, field).is_some_and(|rest| rest.bytes().all(divides_words)))
}

/// Returns true if `name` differs from `field` in case only. In a record with AWS's own names that is a different field,
/// for AWS and for anyone who reads its records. A name all in lower case is Athena's.
pub(super) fn is_other_case(name: &str, field: &str) -> bool {
    name != field
        && name.eq_ignore_ascii_case(field)
        && name.bytes().any(|byte| byte.is_ascii_uppercase())
}

/// Returns the rest of `name` after the field `field`, if it begins with that.
pub(crate) fn after_field<'n>(name: &'n str, field: &str) -> Option<&'n str> {
    after(name, field, divides_words)
}

/// Returns true if `name` is the path `path` of fields, written as one name: `userIdentity.arn`, `UserIdentityArn`.
pub(crate) fn is_path(name: &str, path: &str) -> bool {
    after(name, path, divides_fields).is_some_and(|rest| rest.bytes().all(divides_fields))
}

/// Returns the rest of `name` after these letters, whatever separates them.
#[inline]
fn after<'n>(name: &'n str, letters: &str, divides: fn(u8) -> bool) -> Option<&'n str> {
    let mut rest = name.as_bytes();
    if divides(*rest.first()?) {
        return None;
    }
    // Words are separated before a capital and at a dot. A separator elsewhere is damage.
    let mut may_divide = false;
    for letter in letters.bytes() {
        if !letter.is_ascii_alphanumeric() {
            may_divide = true;
            continue;
        }
        may_divide |= letter.is_ascii_uppercase();
        loop {
            let (byte, behind) = rest.split_first()?;
            rest = behind;
            // Compare the letter first: nearly always this decides.
            if byte.eq_ignore_ascii_case(&letter) {
                break;
            }
            if !may_divide || !divides(*byte) {
                return None;
            }
        }
        may_divide = false;
    }
    name.get(name.len() - rest.len()..)
}

fn divides_words(byte: u8) -> bool {
    matches!(byte, b'_' | b' ' | b'-')
}

/// Returns true if this byte may separate a field from one inside it.
pub(crate) fn divides_fields(byte: u8) -> bool {
    divides_words(byte) || matches!(byte, b'.' | b'/' | b':' | b'{' | b'}' | b'[' | b']')
}

/// Returns true if the name of an action or a dataset is empty or contains what no name contains: quotes, brackets, commas,
/// semicolons, equals signs, control characters, characters that are not seen, blanks at an end (as columns of a fixed
/// width have), a backslash that escapes nothing, or bytes that are or were not UTF-8.
pub(crate) fn is_damaged(name: &[u8]) -> bool {
    // The letters of nearly all names.
    let is_usual = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b':' | b'-');
    if !name.is_empty() && name.iter().all(is_usual) {
        return false;
    }
    let is_unseen = |c: char| {
        matches!(
            c,
            '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}'
        )
    };
    let is_foreign = |c: char| {
        let is_mark = matches!(
            c,
            '\\' | '"'
                | '\''
                | '`'
                | '{'
                | '}'
                | '['
                | ']'
                | ','
                | ';'
                | '='
                | char::REPLACEMENT_CHARACTER
        );
        is_mark || c.is_control() || is_unseen(c)
    };
    let is_wrong = |name: &str| name.contains(is_foreign) || name.trim().len() < name.len();
    name.is_empty() || std::str::from_utf8(name).map_or(true, is_wrong)
}

/// Returns true if the name of an action in a table is damaged, or stands for none: other columns may have the name.
pub(crate) fn is_unknown(name: &[u8]) -> bool {
    is_damaged(name) || std::str::from_utf8(name).is_ok_and(is_nothing)
}

/// Texts that writers of tables use for a missing value.
const NOTHING: [&str; 29] = [
    "\\N",
    "null",
    "none",
    "nan",
    "nat",
    "nil",
    "na",
    "n/a",
    "<na>",
    "<null>",
    "(null)",
    "undefined",
    "-",
    "--",
    "–",
    "—",
    "''",
    "[]",
    "{}",
    "#n/a",
    "<nil>",
    "<none>",
    "<empty>",
    "(nil)",
    "(none)",
    "(empty)",
    "(blank)",
    "[null]",
    "[none]",
];

/// Texts for the error of a call that did not fail, if a writer puts anything there.
const DENIALS: [&str; 43] = [
    "success",
    "succeeded",
    "successful",
    "ok",
    "okay",
    "0",
    "200",
    "false",
    "no",
    "no error",
    "no errors",
    "noerror",
    "no_error",
    "empty",
    "missing",
    "blank",
    "<blank>",
    "unset",
    "not set",
    "not applicable",
    "n.a.",
    "unknown",
    "unspecified",
    "not available",
    "nothing",
    "void",
    "-1",
    "-nan",
    "nullptr",
    "pd.na",
    "__null__",
    "__none__",
    "keine",
    "kein",
    "kein fehler",
    "aucun",
    "aucune",
    "ninguno",
    "nessuno",
    "nenhum",
    "なし",
    "无",
    "нет",
];

/// Returns true if a text in an export means that there is no value.
pub(crate) fn is_nothing(text: &str) -> bool {
    const BYTES_MAX: usize = 16;
    if text.len() > BYTES_MAX {
        return false;
    }
    let text = text.trim();
    let bare = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    let text = bare.unwrap_or(text);
    let Some(first) = text.bytes().next() else {
        return true;
    };
    // Most values begin with another letter.
    let may_be = matches!(first, b'n' | b'N' | b'u' | b'U') || !first.is_ascii_alphanumeric();
    may_be
        && NOTHING
            .iter()
            .any(|nothing| text.eq_ignore_ascii_case(nothing))
}

/// Returns true if a text has nothing that anyone would write: only blanks and what damage leaves, which are control
/// characters and U+FFFD, perhaps with marks between them.
pub(super) fn is_noise(text: &str) -> bool {
    let is_left = |c: char| c.is_control() || c.is_whitespace() || c == char::REPLACEMENT_CHARACTER;
    text.contains(is_left) && !text.contains(char::is_alphanumeric)
}

/// Returns true if a text in the place of an error means that there was none, or has no letter or digit. No
/// service gives such an error.
fn denies_error(text: &str) -> bool {
    let text = text.trim();
    let is_denial = |denial: &&str| text.eq_ignore_ascii_case(denial);
    !text.contains(char::is_alphanumeric) || DENIALS.iter().any(is_denial)
}

/// Returns true if a text in the place of an error may mean that there was none: it denies an error, or a program printed
/// something else there, such as `%!s(<nil>)`, `map[]`, `System.Object[]`, or a list of the errors of several calls. A text
/// without letters, such as a part of an address, may mean so too, unless it is an error status of HTTP (400 to 599).
pub(super) fn leaves_error_open(text: &str) -> bool {
    let bare = text.trim();
    let is_list = bare.starts_with('[') && bare.ends_with(']');
    let is_one_word = !bare.contains(char::is_whitespace);
    let is_printed = || bare.contains(['%', '<', '>', '(', ')', '[', ']', '{', '}', '\\']);
    let has_no_letter = || !bare.contains(char::is_alphabetic);
    let is_printed = is_one_word && is_printed();
    denies_error(text) || is_list || is_printed || has_no_letter() && !is_error_status(bare)
}

/// Returns true for an error status of HTTP, also as pandas writes a number where others are missing: `403.0`.
fn is_error_status(text: &str) -> bool {
    let text = text.strip_suffix(".0").unwrap_or(text);
    matches!(text.as_bytes(), [b'4' | b'5', tens, ones] if tens.is_ascii_digit() && ones.is_ascii_digit())
}

/// Returns true if a text in the place of an error names none.
pub(super) fn says_nothing(text: &str) -> bool {
    is_nothing(text) || is_noise(text) || denies_error(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_known_in_any_case_and_however_its_words_are_divided() {
        for name in [
            "eventName",
            "eventname",
            "EventName",
            "event_name",
            "Event name",
            "EVENT-NAME",
            "event_name_",
        ] {
            assert!(is_field(name, "eventName"), "{name}");
        }
        for name in [
            "eventNames",
            "event.name",
            "event",
            "",
            "myEventName",
            "eventNane",
            "_eventName",
            "eve_ntName",
            "_",
        ] {
            assert!(!is_field(name, "eventName"), "{name}");
        }
        for name in [
            "userIdentity.arn",
            "UserIdentityArn",
            "user_identity_arn",
            "userIdentity{}.arn",
        ] {
            assert!(is_path(name, "userIdentity.arn"), "{name}");
        }
        assert!(!is_path("userIdentity.arns", "userIdentity.arn"));
        assert!(!is_path("e:rrorMessage", "errorMessage"));
        assert_eq!(
            after_field("request_parameters_policy_arn", "requestParameters"),
            Some("_policy_arn")
        );
        assert_eq!(after_field("requestParam", "requestParameters"), None);
    }

    #[test]
    fn nothing_has_many_spellings() {
        for nothing in NOTHING {
            assert!(is_nothing(nothing), "{nothing}");
        }
        for text in [
            "", " ", "\\N", "NULL", "null", "None", "NaN", "-", "[]", "{}", "\"\"", "\"null\"",
        ] {
            assert!(is_nothing(text), "{text}");
        }
        for text in ["AccessDenied", "0", "no", "null and void", "\\"] {
            assert!(!is_nothing(text), "{text}");
        }
    }

    #[test]
    fn an_error_that_is_none_is_known_by_its_whole_text() {
        for text in [
            "Success", "OK", " 200", "no error", "***", "FALSE", "Not set", "なし",
        ] {
            assert!(denies_error(text), "{text}");
        }
        for text in [
            "NoSuchEntity",
            "Success required",
            "404",
            "NotOk",
            "nope",
            "é",
        ] {
            assert!(!denies_error(text), "{text}");
        }
    }

    #[test]
    fn a_text_without_letters_is_no_error_unless_it_is_a_status_of_http() {
        for text in [
            "13.7",
            "2024-05-03 12:04:07",
            "399",
            "600",
            "4030",
            "200.0",
            "40٣",
        ] {
            assert!(leaves_error_open(text), "{text}");
        }
        for text in [
            "400",
            "599",
            "403.0",
            " 404 ",
            "é",
            "AccessDenied",
            "403 Forbidden",
        ] {
            assert!(!leaves_error_open(text), "{text}");
        }
    }

    #[test]
    fn noise_has_no_letter_and_what_damage_leaves() {
        for text in ["\n", " ", "\u{1}", "|\u{fffd}&", "\u{fffd}"] {
            assert!(is_noise(text), "{text:?}");
        }
        for text in ["", "-", "AccessDenied", "Acc\u{fffd}ess", "\n1", "{}", "é "] {
            assert!(!is_noise(text), "{text:?}");
        }
    }
}
