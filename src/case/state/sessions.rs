//! The temporary keys that calls got, and when each ends.
//!
//! A temporary key is usable until then whatever becomes of the key that it was got with, unless a policy denies it.
//! Source: IAM user guide, "Revoke IAM role temporary security credentials".

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::Offset;

use super::attribution::{Attributed, Attribution};
use crate::case::CaseEvent;
use crate::follow::{Entity, Kind};

/// A temporary key that an intruder got, or may have got.
#[derive(Debug, Clone)]
pub struct TemporaryKey<'a> {
    /// The key.
    pub key: &'a Entity,
    /// The role that it is of, if it is of one.
    pub role: Option<Entity>,
    /// The event that issued it.
    pub given: &'a CaseEvent,
    /// Whose call that was.
    pub by: Attribution,
    /// The time when it ends, if the log shows it.
    pub ends: Option<Timestamp>,
}

/// Returns the temporary keys that an intruder got, or may have got, in the order of time.
pub(super) fn temporary_keys<'a>(events: &[Attributed<'a>]) -> Vec<TemporaryKey<'a>> {
    let mut keys = Vec::new();
    let of_intruder = events
        .iter()
        .filter(|one| one.is_done() && one.by.party.may_be_intruder());
    for one in of_intruder {
        let given = &one.event.story.traces.given;
        let mut roles = given.iter().filter(|one| one.kind == Kind::Session);
        let role = roles.find_map(|session| Entity::role_of_session(&session.name));
        let answer = one.event.story.response_elements.as_deref();
        let ends = answer.and_then(ends);
        let issued = given.iter().filter(|one| one.kind == Kind::AccessKey);
        keys.extend(issued.map(|key| TemporaryKey {
            key,
            role: role.clone(),
            given: one.event,
            by: one.by,
            ends,
        }));
    }
    keys
}

/// Returns the time after the word `expiration` in an answer of STS. The answer may be JSON or printed text.
fn ends(answer: &str) -> Option<Timestamp> {
    let mut rests = answer.split("expiration").skip(1);
    rests.find_map(|rest| {
        let rest = rest.trim_start_matches(['"', '\\', ':', '=', ' ']);
        let iso = rest.split(['"', ',', '}', '\\']).next().unwrap_or_default();
        iso.trim().parse().ok().or_else(|| printed(rest))
    })
}

/// Returns a time as CloudTrail prints it: `May 1, 2024, 9:05:00 PM`, with or without the second comma.
fn printed(text: &str) -> Option<Timestamp> {
    const MONTHS: [&str; 12] = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    // Some versions write a narrow space before the last word.
    let is_between = |c: char| c == ',' || c.is_whitespace();
    let mut words = text.split(is_between).filter(|word| !word.is_empty());
    let month = words.next()?;
    let month = MONTHS
        .iter()
        .zip(1_i8..)
        .find(|(name, _)| **name == month)?
        .1;
    let day: i8 = words.next()?.parse().ok()?;
    let year: i16 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.splitn(3, ':').map(str::parse::<i8>);
    let mut part = || clock.next()?.ok();
    let (hour, minute, second) = (part()?, part()?, part()?);
    let half = words.next()?.get(..2)?;
    let hour = match (half, hour) {
        ("AM", 12) => 0,
        ("AM", 1..=11) | ("PM", 12) => hour,
        ("PM", 1..=11) => hour + 12,
        _ => return None,
    };
    let time = DateTime::new(year, month, day, hour, minute, second, 0).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_temporary_key_is_read_in_each_form() {
        for (answer, expected) in [
            (
                "{credentials={accessKeyId=ASIA, expiration=May 1, 2024, 9:05:00 PM, sessionToken=x}}",
                Some("2024-05-01T21:05:00Z"),
            ),
            (
                "{credentials={expiration=Dec 31, 2024 12:00:01 AM}}",
                Some("2024-12-31T00:00:01Z"),
            ),
            (
                r#"{"credentials":{"expiration":"Aug 1, 2024, 12:45:21\u202fPM"}}"#,
                None,
            ),
            (
                "{\"credentials\":{\"expiration\": \"Aug 1, 2024, 12:45:21\u{202f}PM\"}}",
                Some("2024-08-01T12:45:21Z"),
            ),
            (
                r#"{"credentials":{"expiration":"2024-05-01T21:05:00Z"}}"#,
                Some("2024-05-01T21:05:00Z"),
            ),
            // The name of a session may have the word, too.
            (
                "{assumedRoleUser={arn=x/expiration=1}, credentials={expiration=May 1, 2024 9:05:00 AM}}",
                Some("2024-05-01T09:05:00Z"),
            ),
            ("{credentials={expiration=May 1, 2024 13:05:00 PM}}", None),
            ("{credentials={expiration=Feb 30, 2024 1:05:00 PM}}", None),
            ("{credentials={expiration=May 1, 2024 1:05 é}}", None),
            ("{credentials={expiration=", None),
            ("{}", None),
        ] {
            let found = ends(answer).map(|time| time.to_string());
            assert_eq!(found.as_deref(), expected, "{answer}");
        }
    }
}
