//! When something was seen, and how often.

use jiff::Timestamp;

/// When something was seen, and how often.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// First.
    pub first: Option<Timestamp>,
    /// Last.
    pub last: Option<Timestamp>,
    /// In how many events.
    pub n_events: u64,
    /// In how many that were refused.
    pub n_errors: u64,
}

impl Seen {
    /// Takes in an event.
    pub(super) fn add(&mut self, time: Option<Timestamp>, is_error: bool) {
        self.first = self.first.into_iter().chain(time).min();
        self.last = self.last.max(time);
        self.n_events += 1;
        self.n_errors += u64::from(is_error);
    }
}
