//! Times as logs and exports write them. This is the only place where they are read; `elastic_date` reads those of rules.

use std::ops::RangeInclusive;

use jiff::civil::{self, DateTime};
use jiff::fmt::rfc2822;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

/// The time when something happened, as far as its text says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Time {
    /// Microseconds since 1970, UTC: the first moment that the text can mean. A time without a zone is taken as UTC.
    pub(crate) micros: i64,
    /// The first and the last moment that it may be. A text may omit the seconds, or be in the zone of whoever saved
    /// it.
    pub(crate) may_be: RangeInclusive<i64>,
}

/// Returns a time as microseconds since 1970, UTC.
pub(crate) fn micros(text: &str) -> Option<i64> {
    Some(read(text)?.micros)
}

/// Reads a time: ISO 8601 with a zone or, as UTC, without one; RFC 2822; a number of seconds, milliseconds,
/// microseconds or nanoseconds since 1970; and the forms in which Athena, Kibana, consoles and spreadsheets show it
/// to people.
///
/// A text that may mean two things, or omits the time of day, is not read: an event with an unknown time is kept, but
/// one with a wrong time may be lost.
pub(crate) fn read(text: &str) -> Option<Time> {
    let text = text.trim();
    if let Some(micros) = usual(text) {
        return Some(Time::of(micros, 1));
    }
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return Some(Time::of(number(text)?, 1));
    }
    if let Some(time) = iso(text) {
        return Some(time);
    }
    if let Ok(time) = rfc2822::DateTimeParser::new().parse_timestamp(text) {
        let has_seconds = text.matches(':').count() > 1;
        return Some(Time::of(
            time.as_microsecond(),
            if has_seconds { 1 } else { MINUTE },
        ));
    }
    let text = text.replace(['\u{202f}', '\u{a0}'], " ");
    let (rest, zone) = without_zone(text);
    let civil: Option<(DateTime, i64)> = rest.parse().ok().zip(length(&rest));
    let (civil, length) = civil.or_else(|| named(&rest)).or_else(|| numeric(&rest))?;
    let time = zone.unwrap_or(Offset::UTC).to_timestamp(civil).ok()?;
    let time = Time::of(time.as_microsecond(), length);
    Some(match zone {
        Some(_) => time,
        // Text made for people is in their own zone, which is unknown.
        None => Time {
            may_be: time.micros.saturating_sub(14 * HOUR)
                ..=time.may_be.end().saturating_add(12 * HOUR),
            ..time
        },
    })
}

const MINUTE: i64 = 60_000_000;
const HOUR: i64 = 60 * MINUTE;

impl Time {
    /// Returns a time that is `length` microseconds long.
    fn of(micros: i64, length: i64) -> Self {
        Self {
            micros,
            may_be: micros..=micros.saturating_add(length - 1),
        }
    }
}

/// Reads `2024-05-01T12:00:00Z`. AWS writes this form, and so nearly all times have it.
fn usual(text: &str) -> Option<i64> {
    let &[
        y1,
        y2,
        y3,
        y4,
        b'-',
        m1,
        m2,
        b'-',
        d1,
        d2,
        b'T',
        h1,
        h2,
        b':',
        n1,
        n2,
        b':',
        s1,
        s2,
        b'Z',
    ] = text.as_bytes()
    else {
        return None;
    };
    let digit = |byte: u8| byte.is_ascii_digit().then(|| i16::from(byte - b'0'));
    let year = digit(y1)? * 1000 + digit(y2)? * 100 + digit(y3)? * 10 + digit(y4)?;
    let two = |tens, ones| i8::try_from(digit(tens)? * 10 + digit(ones)?).ok();
    let (month, day) = (two(m1, m2)?, two(d1, d2)?);
    let civil = DateTime::new(
        year,
        month,
        day,
        two(h1, h2)?,
        two(n1, n2)?,
        two(s1, s2)?,
        0,
    );
    Some(Offset::UTC.to_timestamp(civil.ok()?).ok()?.as_microsecond())
}

/// Reads a number of seconds, milliseconds, microseconds or nanoseconds since 1970. Its size shows the unit: with at
/// most one of these units, a number is a time in these years. All other numbers are not times.
fn number(text: &str) -> Option<i64> {
    /// The years 2000 to 2099, in nanoseconds.
    const YEARS: std::ops::Range<i128> =
        946_684_800_000_000_000_i128..4_102_444_800_000_000_000_i128;
    const UNITS: [i128; 4] = [1_000_000_000, 1_000_000, 1000, 1];
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    // Digits below a nanosecond are ignored.
    let fraction = fraction.get(..fraction.len().min(9))?;
    let whole: i128 = whole.parse().ok()?;
    let nanoseconds = |unit: i128| whole.checked_mul(unit);
    let is_plausible = |unit: &i128| nanoseconds(*unit).is_some_and(|time| YEARS.contains(&time));
    let unit = UNITS.into_iter().find(is_plausible)?;
    let parts = 10_i128.pow(u32::try_from(fraction.len()).ok()?);
    let beyond = fraction.parse::<i128>().ok()? * unit / parts;
    i64::try_from((nanoseconds(unit)? + beyond) / 1000).ok()
}

/// Reads ISO 8601 with a zone, or without one.
fn iso(text: &str) -> Option<Time> {
    let length = length(text)?;
    let time = text.parse::<Timestamp>().or_else(|_| {
        let civil: DateTime = text.parse()?;
        Offset::UTC.to_timestamp(civil)
    });
    // The pipeline reports a time that cannot be read, since it sees no time beside the text.
    Some(Time::of(time.ok()?.as_microsecond(), length))
}

/// Returns how many microseconds a time of ISO 8601 covers, by the last part that is present; `None` if that is a
/// day.
fn length(text: &str) -> Option<i64> {
    let (_, time) = text.split_once(['T', 't', ' '])?;
    let is_of_clock = |byte: &u8| byte.is_ascii_digit() || *byte == b':';
    let clock = time.bytes().take_while(is_of_clock);
    match clock.filter(u8::is_ascii_digit).count() {
        0 | 1 => None,
        2 | 3 => Some(HOUR),
        4 | 5 => Some(MINUTE),
        _ => Some(1),
    }
}

/// Returns a time without the zone that is written beside it, and that zone.
fn without_zone(text: String) -> (String, Option<Offset>) {
    let (mut rest, mut zone) = (text, None);
    // AWS's console: `(UTC+02:00)`.
    if let Some((before, of_zone)) = rest
        .strip_suffix(')')
        .and_then(|rest| rest.split_once("(UTC"))
    {
        let offset = match of_zone {
            "" => Some(Offset::UTC),
            of_zone => offset(of_zone),
        };
        if offset.is_some() {
            (rest, zone) = (before.trim_end().to_owned(), offset);
        }
    }
    for name in [" UTC", " GMT", " Z"] {
        if let Some(before) = rest.strip_suffix(name) {
            (rest, zone) = (before.trim_end().to_owned(), Some(Offset::UTC));
        } else if let Some((before, behind)) = rest.split_once(&format!("{name} ")) {
            // Java's form, with the year at the end.
            (rest, zone) = (format!("{before} {behind}"), Some(Offset::UTC));
        }
    }
    if let Some(at) = rest.rfind(" +").or_else(|| rest.rfind(" -"))
        && let Some(offset) = offset(rest.get(at + 1..).unwrap_or_default())
    {
        rest.truncate(at);
        zone = Some(offset);
    }
    (rest, zone)
}

/// Reads a zone such as `+02:00` or `+0200`.
pub(super) fn offset(text: &str) -> Option<Offset> {
    let (is_west, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (false, digits),
        ("-", digits) => (true, digits),
        _ => return None,
    };
    let digits = digits.replace(':', "");
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    let seconds = (number / 100 * 60 + number % 100) * 60;
    let seconds = if is_west { -seconds } else { seconds };
    Offset::try_from(SignedDuration::from_secs(seconds)).ok()
}

/// The forms with a named month, or with the year first: those of Kibana, of consoles and of web servers.
const NAMED: [&str; 9] = [
    "%b %d, %Y @ CLOCK",
    "%b %d, %Y, CLOCK",
    "%b %d, %Y CLOCK",
    "%d %b %Y CLOCK",
    "%d-%b-%Y CLOCK",
    "%d/%b/%Y:CLOCK",
    "%a %b %d CLOCK %Y",
    "%Y/%m/%d CLOCK",
    "%Y/%m/%d, CLOCK",
];

/// The forms of the time of day, each with the number of microseconds that it covers.
const CLOCKS: [(&str, i64); 4] = [
    ("%H:%M:%S%.f", 1),
    ("%I:%M:%S%.f %p", 1),
    ("%H:%M", MINUTE),
    ("%I:%M %p", MINUTE),
];

/// The first year with four digits.
const FULL_YEAR: i16 = 1000;

fn named(text: &str) -> Option<(DateTime, i64)> {
    let forms = NAMED.iter().flat_map(|date| {
        let months = [date.to_string(), date.replace("%b", "%B")];
        months.into_iter()
    });
    let mut forms =
        forms.flat_map(|date| CLOCKS.map(|(clock, length)| (date.replace("CLOCK", clock), length)));
    let found =
        forms.find_map(|(form, length)| Some((DateTime::strptime(&form, text).ok()?, length)));
    // Of `5/1/24` it is not known which number is the year.
    found.filter(|(time, _)| time.year() >= FULL_YEAR)
}

/// Reads day and month as numbers, in either order, if the order is certain.
fn numeric(text: &str) -> Option<(DateTime, i64)> {
    let (date, clock) = text.split_once(' ')?;
    let date = date.trim_end_matches(',');
    let separator = date.find(['/', '.', '-'])?;
    let mut parts = date.split(char::from(*date.as_bytes().get(separator)?));
    let mut part = |lengths: RangeInclusive<usize>| {
        let part = parts.next().filter(|part| lengths.contains(&part.len()))?;
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<i16>().ok().filter(|_| is_number)
    };
    let (first, second, year) = (part(1..=2)?, part(1..=2)?, part(4..=4)?);
    if parts.next().is_some() {
        return None;
    }
    let (month, day) = match (first > 12, second > 12) {
        (false, true) => (first, second),
        (true, false) => (second, first),
        (false, false) if first == second => (first, second),
        _ => return None,
    };
    let narrow = |n: i16| i8::try_from(n).ok();
    let date = civil::Date::new(year, narrow(month)?, narrow(day)?).ok()?;
    CLOCKS.iter().find_map(|(form, length)| {
        let clock = civil::Time::strptime(form, clock.trim()).ok()?;
        Some((date.to_datetime(clock), *length))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOON: i64 = 1_714_564_800_000_000;

    proptest! {
        /// Numbers beyond those of a calendar too.
        #[test]
        fn the_form_that_aws_writes_is_read_as_iso_8601(
            (y, m, d) in (0..=9999, 0..=13, 0..=32),
            (h, n, s) in (0..=25, 0..=61, 0..=61),
        ) {
            let text = format!("{y:04}-{m:02}-{d:02}T{h:02}:{n:02}:{s:02}Z");
            let expected = iso(&text);
            if s < 60 {
                prop_assert_eq!(usual(&text), expected.map(|time| time.micros));
            } else {
                // A second that is inserted is left to the others.
                prop_assert_eq!(usual(&text), None);
                prop_assert_eq!(read(&text).is_some(), expected.is_some());
            }
        }
    }

    #[test]
    fn times_are_read_in_any_zone_and_without_one() {
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01T12:00:00.000Z",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T14:00:00.000+0200",
            "2024-05-01T12:00:00",
            "2024-05-01 12:00:00",
            "20240501T120000Z",
            "2024-05-01T12:00:00Z[UTC]",
            "2024-05-01 12:00:00.000 UTC",
            "2024-05-01 12:00:00 Z",
            "2024-05-01 14:00:00.000 +02:00",
            "2024-05-01 12:00:00 +0000 UTC",
            "2024-05-01 07:00:00 -0500",
            "Wed, 1 May 2024 12:00:00 +0000",
            "Wed, 01 May 2024 12:00:00 GMT",
            "May 01, 2024, 14:00:00 (UTC+02:00)",
            "May 1, 2024, 12:00:00 PM UTC",
            "Wed May 01 12:00:00 UTC 2024",
            "01/May/2024:12:00:00 +0000",
            "2024/05/01 12:00:00 UTC",
            "1714564800",
            "1714564800.0",
            "1714564800000",
            "1714564800000.000",
            "1714564800000000",
            "1714564800000000000",
        ] {
            assert_eq!(read(text), Some(Time::of(NOON, 1)), "{text}");
        }
        assert_eq!(micros("2024-05-01T12:00:00.123456Z"), Some(NOON + 123_456));
        assert_eq!(micros("1714564800.123456"), Some(NOON + 123_456));
        assert_eq!(micros("1714564800123.456"), Some(NOON + 123_456));
    }

    #[test]
    fn what_is_made_for_people_is_read_and_may_be_in_any_zone() {
        for text in [
            "May 1, 2024 @ 12:00:00.000",
            "May 1, 2024, 12:00:00 PM",
            "May 1, 2024, 12:00:00\u{202f}PM",
            "May 1, 2024 12:00:00",
            "1 May 2024 12:00:00",
            "Wed May  1 12:00:00 2024",
        ] {
            let time = read(text).expect(text);
            assert_eq!(time.micros, NOON, "{text}");
            assert_eq!(time.may_be, NOON - 14 * HOUR..=NOON + 12 * HOUR, "{text}");
        }
        // The day is too large to be a month.
        for text in [
            "5/13/2024 12:00:00 PM",
            "5/13/2024, 12:00:00.000 PM",
            "13/05/2024 12:00:00",
            "13.05.2024 12:00:00",
        ] {
            assert_eq!(micros(text), Some(NOON + 12 * 24 * HOUR), "{text}");
        }
        assert_eq!(micros("5/5/2024 12:00"), Some(NOON + 4 * 24 * HOUR));
    }

    #[test]
    fn what_leaves_out_the_seconds_may_be_any_of_them() {
        for (text, length) in [
            ("2024-05-01T12:00Z", MINUTE),
            ("2024-05-01 12:00", MINUTE),
            ("2024-05-01T12", HOUR),
            ("Wed, 1 May 2024 12:00 +0000", MINUTE),
            ("May 1, 2024 12:00 PM UTC", MINUTE),
        ] {
            assert_eq!(read(text), Some(Time::of(NOON, length)), "{text}");
        }
    }

    #[test]
    fn what_may_mean_two_things_is_no_time() {
        for text in [
            "yesterday",
            "",
            "-",
            ".",
            "null",
            // A day has no time of day.
            "2024-05-01",
            "20240501",
            "20240501120000",
            "5/1/2024 12:00:00 PM",
            "05.01.2024 12:00:00",
            // Any of the three may be the year.
            "5/1/24 12:00",
            "5/1/24, 12:00 PM",
            "24/05/13 12:00",
            "May 13, 24 12:00",
            // Numbers of a spreadsheet, of Windows and of .NET.
            "45413.5",
            "133590384000000000",
            "638501616000000000",
            "1.7145648E9",
            "12",
            "99999999999999999999999999999999999999999999",
            "2024-05-01 12:00:00 CEST",
            "Thu, 1 May 2024 12:00:00 +0000",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_number_is_read_back_in_every_unit(micros in 946_684_800_000_000_i64..4_102_444_800_000_000) {
            let (seconds, rest) = (micros / 1_000_000, micros % 1_000_000);
            prop_assert_eq!(super::micros(&seconds.to_string()), Some(seconds * 1_000_000));
            prop_assert_eq!(super::micros(&format!("{seconds}.{rest:06}")), Some(micros));
            prop_assert_eq!(super::micros(&(micros / 1000).to_string()), Some(micros / 1000 * 1000));
            prop_assert_eq!(super::micros(&micros.to_string()), Some(micros));
            prop_assert_eq!(super::micros(&(i128::from(micros) * 1000 + 999).to_string()), Some(micros));
        }

        #[test]
        fn what_a_text_may_be_holds_the_time_that_it_was_made_of(
            micros in 946_684_800_000_000_i64..4_102_444_800_000_000,
            zone in -12_i8..=14,
        ) {
            let offset = jiff::tz::Offset::constant(zone);
            let time = Timestamp::from_microsecond(micros).unwrap();
            let civil = offset.to_datetime(time);
            for form in [
                "%Y-%m-%dT%H:%M:%S%.6f%:z", "%Y-%m-%d %H:%M:%S%.6f %z", "%Y-%m-%dT%H:%M%:z", "%a, %d %b %Y %H:%M:%S %z",
                "%d/%b/%Y:%H:%M:%S %z",
            ] {
                let text = time.to_zoned_datetime(offset.to_time_zone()).strftime(form).to_string();
                let read = read(&text);
                let may_be = read.map(|time| *time.may_be.start()..=*time.may_be.end() + 1_000_000);
                prop_assert!(may_be.is_some_and(|may_be| may_be.contains(&micros)), "{}", text);
            }
            for form in ["%b %d, %Y @ %H:%M:%S%.3f", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M", "%B %d, %Y, %H:%M:%S"] {
                let text = civil.strftime(form).to_string();
                if let Some(time) = read(&text) {
                    let may_be = *time.may_be.start()..=*time.may_be.end() + 1_000_000;
                    prop_assert!(may_be.contains(&micros), "{}", text);
                }
            }
        }
    }
}
