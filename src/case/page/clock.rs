//! How a page writes times: in UTC, and in a local time zone beside it if one is wanted.

use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};

/// Writes times.
#[derive(Debug, Clone, Default)]
pub(super) struct Clock {
    zone: Option<TimeZone>,
}

const DAY: &str = "%Y-%m-%d";

impl Clock {
    pub(super) fn new(zone: Option<TimeZone>) -> Self {
        Self { zone }
    }

    /// Returns a sentence about the times on the page.
    pub(super) fn about(&self) -> String {
        let zone = self.zone.as_ref().map(|zone| zone.iana_name());
        match zone {
            None => "Times are UTC.".to_owned(),
            Some(name) => {
                let name = name.unwrap_or("local time");
                format!("Times are UTC, with {name} in parentheses.")
            }
        }
    }

    /// Returns a time, or words that there is none.
    pub(super) fn time(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(
            || "at a time that cannot be read".to_owned(),
            |time| {
                let utc = stamp(time, ' ', true) + "Z";
                utc + &self.local(time, "%H:%M:%S")
            },
        )
    }

    /// Returns a time in the same form, or an empty text if there is no time.
    pub(super) fn time_if_any(&self, time: Option<Timestamp>) -> String {
        time.map_or_else(String::new, |time| self.time(Some(time)))
    }

    /// Returns the local time in parentheses, with the date if it is another day than in UTC.
    fn local(&self, time: Timestamp, format: &str) -> String {
        let Some(zone) = &self.zone else {
            return String::new();
        };
        let local = time.to_zoned_datetime(zone.clone());
        let day = local.strftime(DAY).to_string();
        let day = match day == time.strftime(DAY).to_string() {
            true => String::new(),
            false => day + " ",
        };
        format!(" ({day}{})", local.strftime(&format!("{format} %:z")))
    }

    /// Returns a span of time: "2024-05-01 21:40 to 21:57".
    pub(super) fn span(&self, first: Timestamp, last: Timestamp) -> String {
        let (from, to) = (stamp(first, ' ', false), stamp(last, ' ', false));
        let utc = match (from.split_once(' '), to.split_once(' ')) {
            _ if from == to => from,
            (Some((day, _)), Some((same, clock))) if day == same => format!("{from} to {clock}"),
            _ => format!("{from} to {to}"),
        };
        format!("{utc}Z{}", self.local(first, "%H:%M"))
    }
}

/// Returns a time in UTC, with a sign between the date and the clock. A page has very many
/// times, and a general format takes ten times as long.
pub(super) fn stamp(time: Timestamp, between: char, has_seconds: bool) -> String {
    let civil = Offset::UTC.to_datetime(time);
    let mut text = String::with_capacity(24);
    let mut push = |n: i32, n_digits: u32, before: Option<char>| {
        text.extend(before);
        let digit = |place: u32| n.unsigned_abs() / 10_u32.pow(place) % 10;
        let digits = (0..n_digits).rev().map(digit);
        text.extend(digits.filter_map(|digit| char::from_digit(digit, 10)));
    };
    push(civil.year().into(), 4, (civil.year() < 0).then_some('-'));
    push(civil.month().into(), 2, Some('-'));
    push(civil.day().into(), 2, Some('-'));
    push(civil.hour().into(), 2, Some(between));
    push(civil.minute().into(), 2, Some(':'));
    if has_seconds {
        push(civil.second().into(), 2, Some(':'));
    }
    text
}

/// Returns a length of time in words: "1 day 8 hours".
pub(super) fn length(length: SignedDuration) -> String {
    let minutes = length.as_mins().abs();
    let parts = [
        (minutes / (24 * 60), "day"),
        (minutes / 60 % 24, "hour"),
        (minutes % 60, "minute"),
    ];
    let some = parts.into_iter().skip_while(|(n, _)| *n == 0).take(2);
    let words: Vec<String> = some
        .filter(|(n, _)| *n > 0)
        .map(|(n, one)| match n {
            1 => format!("1 {one}"),
            n => format!("{n} {one}s"),
        })
        .collect();
    match words.is_empty() {
        true => "less than a minute".to_owned(),
        false => words.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_stamp_is_what_the_general_format_gives() {
        for text in [
            "2024-05-01T21:40:05Z",
            "0007-12-31T23:59:59.999Z",
            "9998-01-02T03:04:05Z",
        ] {
            let time = at(text);
            let expected = time.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            assert_eq!(stamp(time, 'T', true), expected);
            let expected = time.strftime("%Y-%m-%d %H:%M").to_string();
            assert_eq!(stamp(time, ' ', false), expected);
        }
    }

    #[test]
    fn a_span_names_the_day_once_and_a_length_has_two_units() {
        let clock = Clock::default();
        let span = |first, last| clock.span(at(first), at(last));
        assert_eq!(
            span("2024-05-01T21:40:05Z", "2024-05-01T21:57:00Z"),
            "2024-05-01 21:40 to 21:57Z"
        );
        assert_eq!(
            span("2024-05-01T21:40:05Z", "2024-05-02T21:57:00Z"),
            "2024-05-01 21:40 to 2024-05-02 21:57Z"
        );
        assert_eq!(
            span("2024-05-01T21:40:05Z", "2024-05-01T21:40:50Z"),
            "2024-05-01 21:40Z"
        );
        let minutes = |n| length(SignedDuration::from_mins(n));
        assert_eq!(minutes(0), "less than a minute");
        assert_eq!(minutes(61), "1 hour 1 minute");
        assert_eq!(minutes(24 * 60), "1 day");
        assert_eq!(minutes(-(2 * 24 * 60 + 8 * 60 + 5)), "2 days 8 hours");
    }

    #[test]
    fn a_local_time_is_beside_utc_with_its_day_if_that_differs() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let clock = Clock::new(Some(zone));
        assert_eq!(
            clock.time(Some(at("2024-05-01T12:00:00Z"))),
            "2024-05-01 12:00:00Z (14:00:00 +02:00)"
        );
        assert_eq!(
            clock.time(Some(at("2024-05-01T23:00:00Z"))),
            "2024-05-01 23:00:00Z (2024-05-02 01:00:00 +02:00)"
        );
        assert!(Clock::default().time(None).contains("cannot be read"));
    }
}
