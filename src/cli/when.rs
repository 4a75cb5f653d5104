//! Times in the forms that people type.

use jiff::civil::{Date, Time};
use jiff::tz::Offset;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use trailsift::input::layout;

/// The accepted forms, for messages.
const FORMS: &str = "give a time as 2024-05-01T12:00:00Z, a date, or an age such as 30d or 12h";

/// Parses the time from which events are selected. A date means its beginning, UTC.
pub(super) fn since(text: &str) -> Result<Timestamp, String> {
    when(text, Timestamp::now(), Ok)
}

/// Parses the time before which events are selected. A date means its end, UTC.
pub(super) fn until(text: &str) -> Result<Timestamp, String> {
    when(text, Timestamp::now(), |date| {
        date.tomorrow().map_err(|error| error.to_string())
    })
}

fn when(
    text: &str,
    now: Timestamp,
    of_date: fn(Date) -> Result<Date, String>,
) -> Result<Timestamp, String> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(time);
    }
    // Otherwise the library would read a time without a zone as its date.
    if let Ok(date) = text.parse::<Date>()
        && text.len() == "2024-05-01".len()
    {
        let midnight = of_date(date)?.to_datetime(Time::midnight());
        return Offset::UTC
            .to_timestamp(midnight)
            .map_err(|error| error.to_string());
    }
    let age = age(text).map_err(|_| FORMS.to_owned())?;
    now.checked_sub(age).map_err(|error| error.to_string())
}

/// Parses a length of time: a number and `m`, `h`, `d` or `w`.
pub(super) fn age(text: &str) -> Result<SignedDuration, String> {
    let fault = || "give a number and m, h, d or w, such as 30d".to_owned();
    let (number, unit) = text
        .split_at_checked(text.len().saturating_sub(1))
        .ok_or_else(fault)?;
    let minutes = match unit {
        "m" => 1,
        "h" => 60,
        "d" => 24 * 60,
        "w" => 7 * 24 * 60,
        _ => return Err(fault()),
    };
    let number: u32 = number.parse().map_err(|_| fault())?;
    let minutes = i64::from(number) * minutes;
    Ok(SignedDuration::from_secs(minutes * 60))
}

/// Checks an account's id: twelve digits.
pub(super) fn account(text: &str) -> Result<String, String> {
    layout::is_account(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "an account id has twelve digits".to_owned())
}

/// Checks a region's name.
pub(super) fn region(text: &str) -> Result<String, String> {
    layout::is_region(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "a region has a name such as us-east-1".to_owned())
}

/// Parses the IANA name of a time zone.
pub(super) fn timezone(text: &str) -> Result<TimeZone, String> {
    let found = TimeZone::get(text);
    found.map_err(|_| {
        "no time zone of this machine has this name; Europe/Berlin is one, say".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_a_date_and_an_age_are_read() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap();
        let now = time("2024-05-31T12:00:00Z");
        for (text, expected) in [
            ("2024-05-01T12:00:00Z", "2024-05-01T12:00:00Z"),
            ("2024-05-01T14:00:00+02:00", "2024-05-01T12:00:00Z"),
            ("2024-05-01", "2024-05-01T00:00:00Z"),
            ("30d", "2024-05-01T12:00:00Z"),
            ("90m", "2024-05-31T10:30:00Z"),
            ("2w", "2024-05-17T12:00:00Z"),
        ] {
            assert_eq!(when(text, now, Ok), Ok(time(expected)), "{text}");
        }
        for text in [
            "",
            "d",
            "30",
            "-3d",
            "yesterday",
            "2024-05-01T12:00:00",
            "99999999999d",
        ] {
            assert!(when(text, now, Ok).is_err(), "{text}");
        }
        assert_eq!(until("2024-05-01"), Ok(time("2024-05-02T00:00:00Z")));
        assert_eq!(since("2024-05-01"), Ok(time("2024-05-01T00:00:00Z")));
    }

    #[test]
    fn accounts_and_regions_are_checked() {
        assert!(account("011122223333").is_ok());
        assert!(account("11122223333").is_err());
        assert!(region("us-gov-west-1").is_ok());
        assert!(region("us-east").is_err());
        assert!(region("US-EAST-1").is_err());
    }
}
