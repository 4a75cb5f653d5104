//! The times and the number of events of something.

use jiff::Timestamp;

/// The times and the number of events of something.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// The first time.
    pub first: Option<Timestamp>,
    /// The last time.
    pub last: Option<Timestamp>,
    /// The number of events.
    pub n_events: u64,
    /// The number of events that were refused.
    pub n_errors: u64,
}

impl Seen {
    /// Adds an event.
    pub(super) fn add(&mut self, time: Option<Timestamp>, is_error: bool) {
        self.first = self.first.into_iter().chain(time).min();
        self.last = self.last.max(time);
        self.n_events += 1;
        self.n_errors += u64::from(is_error);
    }

    /// Adds the events of another.
    pub(super) fn join(&mut self, other: &Self) {
        self.first = self.first.into_iter().chain(other.first).min();
        self.last = self.last.max(other.last);
        self.n_events += other.n_events;
        self.n_errors += other.n_errors;
    }
}
