//! Times in rules, with which fields of dates are compared.

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
        let (first, last) = (*self.micros.start(), *self.micros.end());
        time_of(value).is_some_and(|time| match comparison {
            None => self.micros.contains(&time),
            Some(Comparison::Less) => time < first,
            Some(Comparison::LessOrEqual) => time <= last,
            Some(Comparison::Greater) => time > last,
            Some(Comparison::GreaterOrEqual) => time >= first,
        })
    }
}

/// Reads the time of a value, in microseconds since 1970.
pub(super) fn time_of(value: &str) -> Option<i64> {
    // A date alone is midnight in documents of Elastic.
    let time = time::micros(value).or_else(|| Some(*elastic_date::read(value)?.start()))?;
    // Elasticsearch keeps milliseconds.
    Some(time - time.rem_euclid(1000))
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
            ("2024-05-02", [false, true, true, true, false]),
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
    fn what_is_no_time_is_refused_with_the_reason() {
        let error = |text: &str| Period::parse(text).unwrap_err();
        assert!(error("yesterday").contains("neither"));
        for text in ["now", "now-1d/d", "2024-05-01||+1M"] {
            assert!(error(text).contains("computed"), "{text}");
        }
    }
}
