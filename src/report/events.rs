//! The number of events that were read, and their time range.

use std::ops::AddAssign;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;

use super::Member;

/// The number of events of one log, counted by their time keys, separately for each form, and the first and the last of
/// their times.
///
/// A log mostly has one form, but an event can occur in two: for example, as an Elastic document and as the record in a
/// string of it. So the events of a log are those of its most frequent form.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Records as AWS writes them.
    pub native: u64,
    /// Such records inside strings.
    pub quoted: u64,
    /// Elastic documents.
    pub ecs: u64,
    /// OCSF documents.
    pub ocsf: u64,
    /// Rows of tables.
    pub rows: u64,
    /// Events that were recognized in candidates, in any form.
    pub judged: u64,
    /// Their times.
    pub times: TimeSpan,
}

impl EventCounts {
    /// Returns the number of events in the log.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self {
            native,
            quoted,
            ecs,
            ocsf,
            rows,
            judged,
            times: _,
        } = *self;
        [native, quoted, ecs, ocsf, rows, judged]
            .into_iter()
            .fold(0, u64::max)
    }
}

impl AddAssign for EventCounts {
    fn add_assign(&mut self, other: Self) {
        // Without `..`: if a new counter is not merged, the code does not compile.
        let Self {
            native,
            quoted,
            ecs,
            ocsf,
            rows,
            judged,
            times,
        } = other;
        self.native += native;
        self.quoted += quoted;
        self.ecs += ecs;
        self.ocsf += ocsf;
        self.rows += rows;
        self.judged += judged;
        self.times += times;
    }
}

/// The first and the last of some times, in microseconds since 1970, UTC.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TimeSpan {
    /// Both times, if there is any time.
    ends: Option<(i64, i64)>,
}

impl TimeSpan {
    /// Adds a time.
    pub fn add(&mut self, micros: i64) {
        let (first, last) = self.ends.unwrap_or((micros, micros));
        self.ends = Some((first.min(micros), last.max(micros)));
    }

    /// Returns the first time.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        self.ends.map(|(first, _)| first)
    }

    /// Returns the last time.
    #[must_use]
    pub fn last(&self) -> Option<i64> {
        self.ends.map(|(_, last)| last)
    }
}

impl AddAssign for TimeSpan {
    fn add_assign(&mut self, other: Self) {
        if let Some((first, last)) = other.ends {
            self.add(first);
            self.add(last);
        }
    }
}

/// The fields of a [`TimeSpan`] in JSON.
#[derive(Debug, Serialize, JsonSchema)]
pub struct TimeFields {
    /// The time of the first event.
    #[schemars(with = "Option<String>")]
    first_event_time: Option<jiff::Timestamp>,
    /// The time of the last event.
    #[schemars(with = "Option<String>")]
    last_event_time: Option<jiff::Timestamp>,
}

impl Serialize for TimeSpan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time =
            |micros: Option<i64>| micros.and_then(|m| jiff::Timestamp::from_microsecond(m).ok());
        let fields = TimeFields {
            first_event_time: time(self.first()),
            last_event_time: time(self.last()),
        };
        fields.serialize(serializer)
    }
}

/// The events of a source's logs, added log by log and piece by piece.
#[derive(Debug, Default)]
pub(crate) struct LogEvents {
    /// The first and the last log. Other pieces may contain more of them.
    open: Vec<(Option<Arc<Member>>, EventCounts)>,
    /// The number of logs between them.
    n_closed: u64,
    times: TimeSpan,
}

impl LogEvents {
    /// Adds a part of a log, which comes after everything that was added before.
    pub(crate) fn add(&mut self, log: Option<&Arc<Member>>, counts: EventCounts) {
        if counts == EventCounts::default() {
            return;
        }
        match self.open.last_mut() {
            Some((last, so_far)) if last.as_ref() == log => *so_far += counts,
            _ => {
                if self.open.len() > 1 {
                    self.close_last();
                }
                self.open.push((log.cloned(), counts));
            }
        }
    }

    /// Adds the counts of the next piece.
    pub(crate) fn append(&mut self, next: Self) {
        let Self {
            open,
            n_closed,
            times,
        } = next;
        let mut open = open.into_iter();
        if let Some((log, counts)) = open.next() {
            self.add(log.as_ref(), counts);
        }
        self.n_closed += n_closed;
        self.times += times;
        for (log, counts) in open {
            self.add(log.as_ref(), counts);
        }
    }

    fn close_last(&mut self) {
        if let Some((_, counts)) = self.open.pop() {
            self.n_closed += counts.total();
            self.times += counts.times;
        }
    }

    /// Returns the total number of events, and their time range.
    pub(crate) fn finish(mut self) -> (u64, TimeSpan) {
        while !self.open.is_empty() {
            self.close_last();
        }
        (self.n_closed, self.times)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(index: u64) -> Arc<Member> {
        Arc::new(Member {
            index: vec![index],
            path: index.to_string(),
        })
    }

    fn native(native: u64) -> EventCounts {
        EventCounts {
            native,
            ..EventCounts::default()
        }
    }

    fn quoted(quoted: u64) -> EventCounts {
        EventCounts {
            quoted,
            ..EventCounts::default()
        }
    }

    #[test]
    fn the_events_of_a_log_are_those_of_the_form_that_it_has_most_of() {
        let both = EventCounts {
            judged: 1,
            ecs: 3,
            ..quoted(2)
        };
        assert_eq!(both.total(), 3);
    }

    #[test]
    fn pieces_of_a_log_are_one_log_wherever_it_is_divided() {
        let logs = [
            (1, native(2)),
            (1, quoted(3)),
            (2, native(1)),
            (3, native(5)),
            (3, quoted(6)),
            (4, native(1)),
        ];
        for cut in 0..=logs.len() {
            let mut whole = LogEvents::default();
            for part in [&logs[..cut], &logs[cut..]] {
                let mut piece = LogEvents::default();
                part.iter()
                    .for_each(|(n, counts)| piece.add(Some(&member(*n)), *counts));
                whole.append(piece);
            }
            assert_eq!(whole.finish().0, 3 + 1 + 6 + 1, "{cut}");
        }
    }
}
