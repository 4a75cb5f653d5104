//! Times as logs and exports write them.

/// A time as microseconds since 1970, UTC: ISO 8601 with a zone or, as UTC, without one; or a number of
/// seconds or milliseconds since 1970, which some exports make of it.
pub(crate) fn micros(text: &str) -> Option<i64> {
    /// Numbers from this on are milliseconds: as seconds this is the year 5138.
    const MILLISECONDS_FROM: i64 = 100_000_000_000;
    let text = text.trim();
    if let Ok(number) = text.parse::<i64>() {
        let unit = if number.abs() < MILLISECONDS_FROM {
            1_000_000
        } else {
            1_000
        };
        return number.checked_mul(unit);
    }
    let time = text.parse::<jiff::Timestamp>().or_else(|_| {
        let civil: jiff::civil::DateTime = text.parse()?;
        jiff::tz::Offset::UTC.to_timestamp(civil)
    });
    // That it cannot be read is told by the pipeline, which sees no time beside the text.
    time.ok().map(|time| time.as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_in_any_zone_and_without_one() {
        let noon = 1_714_564_800_000_000;
        for text in [
            "2024-05-01T12:00:00Z",
            "2024-05-01T12:00:00.000Z",
            "2024-05-01T14:00:00+02:00",
            "2024-05-01T12:00:00",
            "2024-05-01 12:00:00",
            "1714564800",
            "1714564800000",
        ] {
            assert_eq!(micros(text), Some(noon), "{text}");
        }
        assert_eq!(micros("2024-05-01T12:00:00.123456Z"), Some(noon + 123_456));
        assert_eq!(micros("yesterday"), None);
        assert_eq!(micros(""), None);
    }
}
