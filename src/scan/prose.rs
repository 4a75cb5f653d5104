//! Decides whether a text that names the policy is a note, written by a person for people.
//!
//! In: a whole text, and what was reported about it. A needle outside a record may be an event in a form that is not
//! supported. So only plain prose is reduced to a warning. Everything else stays as reported.

use crate::report::{Code, Defect, Space};

/// Notes are short. A longer text need not be completely in memory.
const NOTE_BYTES_MAX: usize = 64 * 1024;

/// Characters that do not occur in plain prose, but in everything that a program writes or reads.
const OF_PROGRAMS: [char; 10] = ['{', '}', '=', '|', '\\', '"', '<', '>', '&', '\t'];
/// A line of prose has at most two of each of these.
const DELIMITERS: [char; 3] = [',', ';', ':'];
/// Fields of events, in lower case and without separators.
const FIELDS: [&str; 18] = [
    "accesskeyid",
    "awsregion",
    "errorcode",
    "errormessage",
    "eventid",
    "eventname",
    "eventsource",
    "eventtime",
    "eventversion",
    "policyarn",
    "principalid",
    "recipientaccountid",
    "requestid",
    "requestparameters",
    "responseelements",
    "sourceipaddress",
    "useragent",
    "useridentity",
];
/// Words without which there is no sentence.
const WORDS: [&str; 30] = [
    "a", "an", "and", "are", "as", "be", "by", "for", "from", "has", "have", "if", "in", "is",
    "it", "not", "of", "on", "or", "our", "that", "the", "this", "to", "was", "we", "when", "with",
    "you", "your",
];
const WORDS_NEEDED: usize = 2;

/// Turns each needle outside a record that is in prose into a warning. `text` is the complete text of the defects.
pub fn let_off_notes(text: &[u8], defects: &mut [Defect]) {
    let mut text = Some(text);
    let mut notes = None;
    for defect in defects {
        let (Code::NeedleWithoutRecord, Some((Space::Text, offset))) = (defect.code, defect.offset)
        else {
            continue;
        };
        // Examined once, and only if there is a reason.
        if let Some(text) = text.take() {
            notes = as_note(text);
        }
        let Some(note) = notes else { return };
        if usize::try_from(offset).is_ok_and(|at| is_prose(paragraph(note, at))) {
            defect.code = Code::MentionOnly;
            let excerpt = defect
                .message
                .split_once(": ")
                .map_or("", |(_, excerpt)| excerpt);
            defect.message = format!("a note names it, and no event: {excerpt}");
        }
    }
}

/// Returns the text, if it contains nothing that programs write.
fn as_note(text: &[u8]) -> Option<&str> {
    if text.len() > NOTE_BYTES_MAX {
        return None;
    }
    let text = std::str::from_utf8(text).ok()?;
    let is_of_program =
        |c: char| OF_PROGRAMS.contains(&c) || c.is_control() && !matches!(c, '\n' | '\r');
    if text.contains(is_of_program) {
        return None;
    }
    let letters = text.chars().filter(char::is_ascii_alphabetic);
    let letters: String = letters.map(|c| c.to_ascii_lowercase()).collect();
    (!FIELDS.iter().any(|field| letters.contains(field))).then_some(text)
}

/// Returns the lines around a place, up to the blank ones.
fn paragraph(text: &str, at: usize) -> &str {
    let (mut start, mut found) = (0, 0..0);
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            start = end + line.len();
        }
        end += line.len();
        if at < end || found.end > 0 {
            if line.trim().is_empty() {
                break;
            }
            found = start..end;
        }
    }
    text.get(found).unwrap_or_default()
}

fn is_prose(paragraph: &str) -> bool {
    let is_even = |line: &str| {
        let line = line.trim();
        let has_few = |delimiter: &char| line.matches(*delimiter).count() <= 2;
        DELIMITERS.iter().all(has_few) && !line.contains("  ")
    };
    let words = paragraph.split(|c: char| c.is_whitespace() || "().!?'`*".contains(c));
    let words = words.map(|word| word.trim_matches([',', ';', ':']).to_ascii_lowercase());
    let mut of_sentences: Vec<String> = words
        .filter(|word| WORDS.contains(&word.as_str()))
        .collect();
    of_sentences.sort();
    of_sentences.dedup();
    of_sentences.len() >= WORDS_NEEDED
        && paragraph.lines().all(is_even)
        && !paragraph.split_whitespace().any(is_of_machine)
}

/// Returns true if a word is a time, an address, an account number, or a name that machines assign.
fn is_of_machine(word: &str) -> bool {
    let bytes = word.as_bytes();
    let is_digit = |byte: &u8| byte.is_ascii_digit();
    let between_digits = |separator: u8| {
        let around = bytes.windows(3);
        let found = around
            .filter(|three| three[1] == separator && is_digit(&three[0]) && is_digit(&three[2]));
        found.count()
    };
    let id = |start: &str| {
        word.split_once(start).is_some_and(|(_, rest)| {
            rest.bytes().take_while(u8::is_ascii_alphanumeric).count() >= 12
        })
    };
    word.contains("arn:")
        || bytes.windows(5).any(|five| five.iter().all(is_digit))
        || between_digits(b':') > 0
        || between_digits(b'.') > 1
        || ["AKIA", "ASIA", "AIDA", "AROA"].into_iter().any(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDLE: &str = "AWSCompromisedKeyQuarantineV2";

    fn is_let_off(text: &str) -> bool {
        let offset = text.find(NEEDLE).unwrap() as u64;
        let defect = Defect::text(
            Code::NeedleWithoutRecord,
            offset,
            "the needle stands in no record: x",
        );
        let mut defects = [defect];
        let_off_notes(text.as_bytes(), &mut defects);
        defects[0].code == Code::MentionOnly
    }

    #[test]
    fn a_note_is_a_note() {
        for text in [
            "AWS attaches AWSCompromisedKeyQuarantineV2 to the user when it finds a key.",
            "look for AttachUserPolicy\nand AWSCompromisedKeyQuarantineV2\n",
            "# Runbook\n\nSee `AWSCompromisedKeyQuarantineV2` in the AWS docs (https://docs.aws.amazon.com/iam/).\n\n* rotate the key",
            "Hello,\r\n\r\non 2024-05-01 we saw that AWSCompromisedKeyQuarantineV2\r\nwas attached. What is to be done?\r\n",
        ] {
            assert!(is_let_off(text), "{text}");
        }
    }

    #[test]
    fn what_may_be_an_event_is_none() {
        for text in [
            "AWSCompromisedKeyQuarantineV2",
            "AttachUserPolicy,alice,AWSCompromisedKeyQuarantineV2",
            "AttachUserPolicy by alice on 2024-05-01T12:00:00Z of AWSCompromisedKeyQuarantineV2",
            "the policy for alice is\nin arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2",
            "the user alice of the account 111122223333 has AWSCompromisedKeyQuarantineV2",
            "it was from 203.0.113.7 that the AWSCompromisedKeyQuarantineV2 was attached",
            "the key AKIAIOSFODNN7EXAMPLE is in AWSCompromisedKeyQuarantineV2",
            "the policy=AWSCompromisedKeyQuarantineV2 for a user",
            "the {AWSCompromisedKeyQuarantineV2 for a user",
            "this is the \"AWSCompromisedKeyQuarantineV2 for a user",
            "a user  the AWSCompromisedKeyQuarantineV2  for",
            "for: the; a: of: AWSCompromisedKeyQuarantineV2: b",
            "event name: for a user\n\nthe policy for a user is AWSCompromisedKeyQuarantineV2",
            "the AWSCompromisedKeyQuarantineV2 for\u{0} a user",
            "a paragraph for the reader\n\nAWSCompromisedKeyQuarantineV2\n\nand a last one",
        ] {
            assert!(!is_let_off(text), "{text}");
        }
        let long = "the policy for a user is AWSCompromisedKeyQuarantineV2\n\n".to_owned();
        assert!(is_let_off(&long));
        assert!(!is_let_off(&(long + &" a".repeat(NOTE_BYTES_MAX / 2))));
    }
}
