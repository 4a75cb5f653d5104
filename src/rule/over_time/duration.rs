//! Texts such as `15m` -> microseconds.

/// Returns the microseconds of a number and a unit, from `ms` to weeks, such as `15m`.
pub(in crate::rule) fn micros(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(end)?;
    let in_unit: i64 = match unit {
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        "w" => 604_800_000_000,
        _ => return None,
    };
    number.parse::<i64>().ok()?.checked_mul(in_unit)
}

/// Returns the microseconds of a text such as `now-6m`.
pub(in crate::rule) fn micros_before_now(text: &str) -> Option<i64> {
    micros(text.trim().strip_prefix("now-")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_number_and_a_unit() {
        for (text, expected) in [
            ("15m", Some(900_000_000)),
            (" 1s ", Some(1_000_000)),
            ("500ms", Some(500_000)),
            ("2h", Some(7_200_000_000)),
            ("7d", Some(604_800_000_000)),
            ("1w", Some(604_800_000_000)),
            ("1M", None),
            ("15", None),
            ("m", None),
            ("-5m", None),
            ("", None),
            ("99999999999999d", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
        assert_eq!(micros_before_now("now-6m"), Some(360_000_000));
        assert_eq!(micros_before_now("6m"), None);
    }
}
