//! How a page writes times: in UTC, and in a local time zone beside it if one is wanted.

use jiff::tz::TimeZone;
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
                let utc = time.strftime("%Y-%m-%d %H:%M:%SZ").to_string();
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
        let minute = |time: Timestamp| time.strftime("%Y-%m-%d %H:%M").to_string();
        let (from, to) = (minute(first), minute(last));
        let utc = match first.strftime(DAY).to_string() == last.strftime(DAY).to_string() {
            _ if from == to => from,
            true => format!("{from} to {}", last.strftime("%H:%M")),
            false => format!("{from} to {to}"),
        };
        format!("{utc}Z{}", self.local(first, "%H:%M"))
    }
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
