//! Times in rules, with which fields of dates are compared.

use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::ops::RangeInclusive;

use super::comparison::Comparison;
use crate::event::{elastic_date, time};

/// The time that a rule names: as long as the text leaves it open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::rule) struct Period {
    text: String,
    /// Its first and its last microsecond since 1970.
    micros: RangeInclusive<i64>,
}

impl Period {
    /// Reads the time of a rule.
    ///
    /// # Errors
    ///
    /// Why it cannot be compared with.
    pub(in crate::rule) fn parse(text: &str) -> Result<Self, String> {
        if text.starts_with("now") || text.contains("||") {
            return Err(format!("the computed time {text:?}; write the date itself"));
        }
        let micros = elastic_date::read(text).ok_or_else(|| {
            format!("the time {text:?}, which is neither like 2024-05-01 or 2024-05-01T12:00:00Z, nor milliseconds since 1970")
        })?;
        Ok(Self {
            text: text.to_owned(),
            micros,
        })
    }

    /// Returns whether the time that a value states is before or after this one, as the comparison asks; without a
    /// comparison, whether it is inside.
    pub(super) fn accepts(&self, comparison: Option<Comparison>, value: &str) -> bool {
        time::read(value).is_some_and(|time| self.has(comparison, time.micros))
    }

    /// Returns whether a value passes. Returns `None` if it is not a time, or if the answer depends on something that
    /// the value does not say, such as its zone.
    pub(super) fn decides(&self, comparison: Option<Comparison>, value: &str) -> Option<bool> {
        let (first, last) = time::read(value)?.may_be.into_inner();
        (self.place(first) == self.place(last)).then(|| self.has(comparison, first))
    }

    fn has(&self, comparison: Option<Comparison>, time: i64) -> bool {
        let place = self.place(time);
        comparison.map_or(place.is_eq(), |comparison| comparison.accepts(place))
    }

    /// Returns whether a time is before this one, inside it or after it. Elasticsearch keeps milliseconds.
    fn place(&self, time: i64) -> Ordering {
        let time = time - time.rem_euclid(1000);
        if time < *self.micros.start() {
            Ordering::Less
        } else if time > *self.micros.end() {
            Ordering::Greater
        } else {
            Ordering::Equal
        }
    }
}

impl Display for Period {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::Comparison::{Greater, GreaterOrEqual, Less, LessOrEqual};
    use super::*;

    #[test]
    fn a_time_is_compared_with_the_first_or_the_last_moment_of_another() {
        let day = Period::parse("2024-05-02").unwrap();
        for (time, fitting) in [
            ("2024-05-01T23:59:59Z", [true, true, false, false, false]),
            ("2024-05-02T00:00:00Z", [false, true, true, true, false]),
            ("2024-05-02T23:59:59Z", [false, true, true, true, false]),
            ("1714694400000", [false, false, false, true, true]),
            ("2024-05-02", [false; 5]),
            ("no time", [false; 5]),
        ] {
            let all = [
                Some(Less),
                Some(LessOrEqual),
                None,
                Some(GreaterOrEqual),
                Some(Greater),
            ];
            assert_eq!(all.map(|one| day.accepts(one, time)), fitting, "{time}");
        }
    }

    #[test]
    fn a_time_that_may_be_another_one_decides_only_what_both_decide() {
        let day = Period::parse("2024-05-02").unwrap();
        let in_some_zone = |day: &str| format!("May {day}, 2024 @ 12:00:00.000");
        for (time, decided) in [
            ("2024-05-02T00:00:00Z".to_owned(), Some(true)),
            (in_some_zone("1"), None),
            (in_some_zone("2"), None),
            (in_some_zone("5"), Some(true)),
            ("2024-05-02".to_owned(), None),
            ("45413.5".to_owned(), None),
        ] {
            assert_eq!(day.decides(Some(GreaterOrEqual), &time), decided, "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused_with_the_reason() {
        let error = |text: &str| Period::parse(text).unwrap_err();
        assert!(error("yesterday").contains("neither"));
        for text in ["now", "now-1d/d", "2024-05-01||+1M"] {
            assert!(error(text).contains("computed"), "{text}");
        }
    }
}
