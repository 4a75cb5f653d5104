//! How many events were read, and of which times.

use std::ops::AddAssign;
use std::sync::Arc;

use serde::Serialize;
use serde::ser::SerializeStruct as _;

use super::Member;

/// The events of one log, counted by the keys of their times, form by form, and the first and last time among them.
///
/// A log mostly has one form, but an event can show in two: as a document of Elastic's and as the record in a string
/// of it, say. So the events of a log are those of the form that it has most of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// Records as AWS writes them.
    pub native: u64,
    /// Such records in strings.
    pub quoted: u64,
    /// Documents of Elastic.
    pub ecs: u64,
    /// Documents of OCSF.
    pub ocsf: u64,
    /// Rows of tables.
    pub rows: u64,
    /// Events that were recognised in candidates, whatever their form.
    pub judged: u64,
    /// Their times.
    pub times: TimeSpan,
}

impl EventCounts {
    /// How many events the log holds.
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
        // Without `..`: a new counter that is not merged does not compile.
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
    /// Both, if there is any time.
    ends: Option<(i64, i64)>,
}

impl TimeSpan {
    /// Takes in a time.
    pub fn add(&mut self, micros: i64) {
        let (first, last) = self.ends.unwrap_or((micros, micros));
        self.ends = Some((first.min(micros), last.max(micros)));
    }

    /// The first time.
    #[must_use]
    pub fn first(&self) -> Option<i64> {
        self.ends.map(|(first, _)| first)
    }

    /// The last time.
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

impl Serialize for TimeSpan {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let time =
            |micros: Option<i64>| micros.and_then(|m| jiff::Timestamp::from_microsecond(m).ok());
        let mut fields = serializer.serialize_struct("TimeSpan", 2)?;
        fields.serialize_field("first_event_time", &time(self.first()))?;
        fields.serialize_field("last_event_time", &time(self.last()))?;
        fields.end()
    }
}

/// The events of a source's logs, taken in log after log and piece after piece.
#[derive(Debug, Default)]
pub(crate) struct LogEvents {
    /// The first and the last log: of both, another piece may have more.
    open: Vec<(Option<Arc<Member>>, EventCounts)>,
    /// The logs between them.
    n_closed: u64,
    times: TimeSpan,
}

impl LogEvents {
    /// Takes in a part of a log, which comes after all that was taken in.
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

    /// Takes in what the next piece counted.
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

    /// How many events there are in all, and of which times.
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
