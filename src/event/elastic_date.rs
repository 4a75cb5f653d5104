//! Times as Elasticsearch reads them where a field of dates is compared with a text: its format
//! `strict_date_optional_time||epoch_millis`.

use std::ops::RangeInclusive;

use jiff::civil::DateTime;
use jiff::tz::Offset;
use jiff::{Span, Timestamp, ToSpan as _};

use super::time;

/// What a text leaves out, from the end on.
const WHOLE: &str = "0000-01-01T00:00:00";

/// Reads a time: an ISO 8601 date with or without a time of day and a zone (else UTC), or a number of milliseconds since
/// 1970. Returns the first and the last microsecond since 1970, UTC, that it means.
///
/// A time of day that is left out, or a part of it, means all of it. A month or a day that is left out is the first one
/// (Elasticsearch's range query, "Missing date components"): `2024-05` is the first of May.
pub(crate) fn read(text: &str) -> Option<RangeInclusive<i64>> {
    iso(text).or_else(|| since_1970(text))
}

fn iso(text: &str) -> Option<RangeInclusive<i64>> {
    let (local, zone) = zone(text)?;
    let length: Span = match local.len() {
        4 | 7 | 10 => 1.day(),
        13 => 1.hour(),
        16 => 1.minute(),
        19 => 1.second(),
        21..=29 => 1.millisecond(),
        _ => return None,
    };
    let is_like = |(byte, of_whole): (u8, u8)| match of_whole.is_ascii_digit() {
        true => byte.is_ascii_digit(),
        false => byte == of_whole,
    };
    let is_whole = local.bytes().zip(WHOLE.bytes()).all(is_like);
    let fraction = local.get(WHOLE.len()..).unwrap_or_default();
    let is_fraction = match fraction.strip_prefix('.') {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_digit()),
        None => fraction.is_empty(),
    };
    if !is_whole || !is_fraction {
        return None;
    }
    let left_out = WHOLE.get(local.len()..).unwrap_or_default();
    // Elasticsearch keeps milliseconds.
    let kept = local.get(..local.len().min(WHOLE.len() + ".000".len()))?;
    let first: DateTime = format!("{kept}{left_out}").parse().ok()?;
    // The last days of the year 9999 are beyond what a timestamp can be.
    let micros = |time: DateTime| {
        let time = zone.to_timestamp(time).unwrap_or(Timestamp::MAX);
        time.as_microsecond()
    };
    let end = micros(first.saturating_add(length));
    let first = micros(first);
    Some(first..=first.max(end - 1))
}

const MILLISECOND: i64 = 1000;

/// Returns a time without its zone, and the zone: UTC if there is none.
fn zone(text: &str) -> Option<(&str, Offset)> {
    let Some(at) = text.find('T') else {
        return Some((text, Offset::UTC));
    };
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, Offset::UTC));
    }
    let Some(sign) = text.get(at..)?.find(['+', '-']) else {
        return Some((text, Offset::UTC));
    };
    let (local, zone) = text.split_at_checked(at + sign)?;
    let zone = match zone.len() {
        3 => time::offset(&format!("{zone}00")),
        5 => time::offset(zone),
        6 if zone.get(3..4) == Some(":") => time::offset(zone),
        _ => None,
    };
    Some((local, zone?))
}

fn since_1970(text: &str) -> Option<RangeInclusive<i64>> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let milliseconds: i64 = whole.parse().ok()?;
    let first = milliseconds.checked_mul(MILLISECOND)?;
    let last = first.checked_add(MILLISECOND - 1)?;
    (is_number(digits) && is_number(fraction)).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, first: &str, last: &str) {
        let micros = |text: &str| time::micros(text).unwrap();
        assert_eq!(read(text), Some(micros(first)..=micros(last)), "{text}");
    }

    #[test]
    fn a_time_of_day_that_is_left_out_means_all_of_it() {
        let last = "2024-05-01T23:59:59.999999Z";
        check("2024-05-01", "2024-05-01T00:00:00Z", last);
        check("2024-05-01T23", "2024-05-01T23:00:00Z", last);
        check("2024-05-01T23:59", "2024-05-01T23:59:00Z", last);
        check("2024-05-01T23:59:59", "2024-05-01T23:59:59Z", last);
        check("2024-05-01T23:59:59.9991", "2024-05-01T23:59:59.999Z", last);
    }

    #[test]
    fn a_month_or_a_day_that_is_left_out_is_the_first() {
        check(
            "2024-05",
            "2024-05-01T00:00:00Z",
            "2024-05-01T23:59:59.999999Z",
        );
        check(
            "2024",
            "2024-01-01T00:00:00Z",
            "2024-01-01T23:59:59.999999Z",
        );
    }

    #[test]
    fn times_have_a_zone_or_are_a_number_of_milliseconds() {
        for text in [
            "2024-05-01T12:00Z",
            "2024-05-01T12:00",
            "2024-05-01T14:00+02:00",
            "2024-05-01T14:00+0200",
            "2024-05-01T07:00-05",
        ] {
            check(text, "2024-05-01T12:00:00Z", "2024-05-01T12:00:59.999999Z");
        }
        let last = "2024-05-01T12:00:00.000999Z";
        check("1714564800000", "2024-05-01T12:00:00Z", last);
        check("1714564800000.5", "2024-05-01T12:00:00Z", last);
        assert_eq!(read("-1"), Some(-1000..=-1));
    }

    #[test]
    fn the_end_of_all_years_is_later_than_any_event() {
        for text in ["9999", "9999-12", "9999-12-31", "9999-12-31T23:59:59Z"] {
            let range = read(text).unwrap();
            assert!(
                *range.start() > time::micros("9998-12-31T00:00:00Z").unwrap(),
                "{text}"
            );
            assert!(range.end() >= range.start(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_time() {
        for text in [
            "",
            "yesterday",
            "20240501x",
            "2024-5-1",
            "2024-13-01",
            "2024-02-30",
            "2024-05-01T25",
            "05/01/2024",
            "2024-05-01 12:00:00",
            "2024-05-01T12:00:00+2",
            "2024-05-01T12:00:00+02:99x",
            "2024-05-01T12:00:00+0:2:0",
            "2024-05-01T12:00:00+02:00Z",
            "2024-05-01T12:00:00[EST]",
            "2024-05-01T12:00:00.",
            "T12",
            "+5",
            "1.7e12",
            "99999999999999999999",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
