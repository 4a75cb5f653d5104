//! Times in rules, as Elasticsearch reads the text that a field of dates is compared with.
//!
//! A text that leaves out the end of a time, such as `2024-05`, means all of it: a time is equal to it in all of May,
//! greater after May, and less before May.

use std::fmt::{self, Display, Formatter};

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, ToSpan as _};

use super::comparison::Comparison;
use crate::event::time;

/// The time that a rule names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct Moment {
    text: String,
    /// The first microsecond since 1970 of what the text means, and the last one.
    first: i64,
    last: i64,
}

impl Moment {
    /// Reads a time of a rule: an ISO 8601 date with or without its month, its day, a time of day and a zone (else
    /// UTC), or a number of milliseconds since 1970.
    ///
    /// # Errors
    ///
    /// Why it is no such time.
    pub(in crate::rule) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("now") || text.contains("||") {
            return Err(format!(
                "the computed time {text:?}: what it is depends on when the query runs; give a date"
            ));
        }
        let read = iso(text).or_else(|| since_1970(text));
        let (first, last) = read.ok_or_else(|| {
            format!("the time {text:?}, which is neither like 2024-05-01 or 2024-05-01T12:00:00Z, nor milliseconds since 1970")
        })?;
        Ok(Self {
            text: text.to_owned(),
            first,
            last,
        })
    }

    /// Returns whether the text of a time compares so with this one; without a comparison, whether it is in it.
    pub(super) fn accepts(&self, comparison: Option<Comparison>, text: &str) -> bool {
        time::micros(text).is_some_and(|time| match comparison {
            None => (self.first..=self.last).contains(&time),
            Some(Comparison::Less) => time < self.first,
            Some(Comparison::LessOrEqual) => time <= self.last,
            Some(Comparison::Greater) => time > self.last,
            Some(Comparison::GreaterOrEqual) => time >= self.first,
        })
    }
}

impl Display for Moment {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts of a time that a text may leave out, from its end on.
const WHOLE: &str = "0000-01-01T00:00:00";

fn iso(text: &str) -> Option<(i64, i64)> {
    let (local, zone) = match text.contains('T') {
        true => zone(text)?,
        false => (text, Offset::UTC),
    };
    let length: Span = match local.len() {
        4 => 1.year(),
        7 => 1.month(),
        10 => 1.day(),
        13 => 1.hour(),
        16 => 1.minute(),
        19 => 1.second(),
        // Elasticsearch keeps milliseconds.
        21..=29 => 1.millisecond(),
        _ => return None,
    };
    let is_like = |(byte, of_whole): (u8, u8)| match of_whole.is_ascii_digit() {
        true => byte.is_ascii_digit(),
        false => byte == of_whole,
    };
    if !local.bytes().zip(WHOLE.bytes()).all(is_like) {
        return None;
    }
    let left_out = WHOLE.get(local.len()..).unwrap_or_default();
    let first: DateTime = format!("{local}{left_out}").parse().ok()?;
    let micros = |time: DateTime| Some(zone.to_timestamp(time).ok()?.as_microsecond());
    Some((micros(first)?, micros(first.checked_add(length).ok()?)? - 1))
}

/// Returns a time without its zone, and the zone: UTC if there is none.
fn zone(text: &str) -> Option<(&str, Offset)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, Offset::UTC));
    }
    let at = text.find('T')?;
    let Some(sign) = text.get(at..)?.find(['+', '-']) else {
        return Some((text, Offset::UTC));
    };
    let (local, zone) = text.split_at_checked(at + sign)?;
    let digits: String = zone.split(':').collect();
    let (hours, minutes) = digits.get(1..)?.split_at_checked(2)?;
    let minutes = match minutes {
        "" => 0,
        minutes => two_digits(minutes)?,
    };
    let minutes = two_digits(hours)? * 60 + minutes;
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    Some((local, Offset::from_seconds(sign * minutes * 60).ok()?))
}

fn two_digits(text: &str) -> Option<i32> {
    let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_number)
}

fn since_1970(text: &str) -> Option<(i64, i64)> {
    let (whole, _) = text.split_once('.').unwrap_or((text, ""));
    let milliseconds: i64 = whole.parse().ok()?;
    let is_number = text.parse::<f64>().is_ok_and(f64::is_finite);
    let first = milliseconds.checked_mul(1000).filter(|_| is_number)?;
    Some((first, first.checked_add(999)?))
}

#[cfg(test)]
mod tests {
    use super::Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    use super::*;

    fn accepts(moment: &str, comparison: Option<Comparison>, time: &str) -> bool {
        Moment::parse(moment).unwrap().accepts(comparison, time)
    }

    #[test]
    fn a_time_that_leaves_out_its_end_means_all_of_it() {
        let inside = ["2024-05-01T00:00:00Z", "2024-05-31T23:59:59Z"];
        for moment in ["2024-05", "2024-05-01", "2024", "2024-05-01T00"] {
            assert!(accepts(moment, None, inside[0]), "{moment}");
            assert!(accepts(moment, Some(LessOrEqual), inside[0]), "{moment}");
            assert!(accepts(moment, Some(GreaterOrEqual), inside[0]), "{moment}");
            assert!(!accepts(moment, Some(Greater), inside[0]), "{moment}");
            assert!(!accepts(moment, Some(Less), inside[0]), "{moment}");
        }
        assert!(accepts("2024-05", Some(LessOrEqual), inside[1]));
        assert!(accepts("2024-05-01", Some(Greater), inside[1]));
        assert!(!accepts("2024-05-01", None, inside[1]));
        assert!(accepts("2024-06", Some(Less), inside[1]));
    }

    #[test]
    fn times_in_any_zone_and_form_are_compared_as_times() {
        let noon = [
            "2024-05-01T12:00:00Z",
            "2024-05-01T12:00",
            "2024-05-01T12",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T14:00:00.000+0200",
            "2024-05-01T07:00-05",
            "1714564800000",
        ];
        for moment in noon {
            for time in [
                "2024-05-01T12:00:00Z",
                "2024-05-01T12:00:00.000Z",
                "1714564800000",
            ] {
                assert!(accepts(moment, None, time), "{moment} {time}");
            }
            assert!(
                accepts(moment, Some(Greater), "2024-05-01T13:00:00Z"),
                "{moment}"
            );
            assert!(!accepts(moment, None, "2024-05-01T13:00:00Z"), "{moment}");
        }
        assert!(!accepts("2024", Some(GreaterOrEqual), "no time"));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "yesterday",
            "20240501x",
            "2024-5-1",
            "2024-13-01",
            "2024-05-01T25",
            "05/01/2024",
            "2024-05-01 12:00:00",
            "2024-05-01T12:00:00+2",
            "2024-05-01T12:00:00.",
            "T12",
        ] {
            let error = Moment::parse(text).unwrap_err();
            assert!(error.contains("neither"), "{text}: {error}");
        }
        for text in ["now", "now-1d/d", "2024-05-01||+1M"] {
            assert!(
                Moment::parse(text).unwrap_err().contains("computed"),
                "{text}"
            );
        }
    }
}
