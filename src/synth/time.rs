//! Points in time in the formats of CloudTrail. All are UTC.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::Offset;

/// The months of a long date.
const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// Returns the seconds since 1970 at the start of a day.
pub(super) fn midnight(date: Date) -> i64 {
    let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0));
    midnight.expect("the configuration was checked").as_second()
}

/// Returns the calendar date and time of a second.
pub(super) fn civil(seconds: i64) -> DateTime {
    let time = Timestamp::from_second(seconds).expect("the configuration was checked");
    Offset::UTC.to_datetime(time)
}

/// Appends `2024-05-01T12:00:00Z`.
pub(super) fn push_iso(time: DateTime, out: &mut Vec<u8>) {
    push_date(time, b"-", out);
    out.push(b'T');
    push_two(time.hour(), out);
    out.push(b':');
    push_two(time.minute(), out);
    out.push(b':');
    push_two(time.second(), out);
    out.push(b'Z');
}

/// Appends `2024/05/01`, as in a delivery folder.
pub(super) fn push_day(time: DateTime, out: &mut Vec<u8>) {
    push_date(time, b"/", out);
}

/// Appends `20240501T1200Z`, as in a delivery file's name.
pub(super) fn push_minute(time: DateTime, out: &mut Vec<u8>) {
    push_date(time, b"", out);
    out.push(b'T');
    push_two(time.hour(), out);
    push_two(time.minute(), out);
    out.push(b'Z');
}

/// Appends `May 1, 2024 1:00:00 PM`, as in a response.
pub(super) fn push_long(time: DateTime, out: &mut Vec<u8>) {
    let month = usize::from(time.month().unsigned_abs()) - 1;
    out.extend_from_slice(MONTHS[month].as_bytes());
    out.push(b' ');
    push_decimal(u64::from(time.day().unsigned_abs()), out);
    out.extend_from_slice(b", ");
    push_decimal(u64::from(time.year().unsigned_abs()), out);
    out.push(b' ');
    let hour = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    push_decimal(u64::from(hour.unsigned_abs()), out);
    out.push(b':');
    push_two(time.minute(), out);
    out.push(b':');
    push_two(time.second(), out);
    out.extend_from_slice(if time.hour() < 12 { b" AM" } else { b" PM" });
}

/// Appends the digits of a number: `write!` costs ten times as much.
pub(super) fn push_decimal(mut number: u64, out: &mut Vec<u8>) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

fn push_date(time: DateTime, between: &[u8], out: &mut Vec<u8>) {
    push_decimal(u64::from(time.year().unsigned_abs()), out);
    out.extend_from_slice(between);
    push_two(time.month(), out);
    out.extend_from_slice(between);
    push_two(time.day(), out);
}

fn push_two(number: i8, out: &mut Vec<u8>) {
    let number = number.unsigned_abs();
    out.extend_from_slice(&[b'0' + number / 10, b'0' + number % 10]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_spelling_is_cloudtrails() {
        let spelled = |push: fn(DateTime, &mut Vec<u8>), time| {
            let mut out = Vec::new();
            push(time, &mut out);
            String::from_utf8(out).unwrap()
        };
        let noon = civil(1_714_564_805);
        assert_eq!(spelled(push_iso, noon), "2024-05-01T12:00:05Z");
        assert_eq!(spelled(push_day, noon), "2024/05/01");
        assert_eq!(spelled(push_minute, noon), "20240501T1200Z");
        assert_eq!(spelled(push_long, noon), "May 1, 2024 12:00:05 PM");
        let night = civil(midnight(jiff::civil::date(1970, 1, 1)));
        assert_eq!(spelled(push_long, night), "Jan 1, 1970 12:00:00 AM");
    }
}
