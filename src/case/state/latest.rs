//! The last of the states that events give to something, in the order of time.

use jiff::Timestamp;

/// The reason why the order of two changes cannot be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doubt {
    /// The time of one of them cannot be read.
    NoTime,
    /// Both have this time. CloudTrail's times have whole seconds.
    SameTime(Timestamp),
}

/// The last state of something. States come in the order of time; those without a time come first.
#[derive(Debug, Clone)]
pub(super) struct Latest<S> {
    state: S,
    /// The time of the event that gave it this state; nothing if none did, or if its time cannot be read.
    at: Option<Timestamp>,
    /// The time of a change to another state that is not known to be earlier.
    tied: Option<Timestamp>,
    n_changes: usize,
    has_undated: bool,
}

impl<S: Copy> Latest<S> {
    /// Creates the state before all events.
    pub(super) fn new(state: S) -> Self {
        Self {
            state,
            at: None,
            tied: None,
            n_changes: 0,
            has_undated: false,
        }
    }

    /// Sets the state by an event at a time. `is_same` says whether two states are the same one, so that their order
    /// does not matter.
    pub(super) fn set(&mut self, state: S, at: Option<Timestamp>, is_same: fn(&S, &S) -> bool) {
        let is_tied = self.n_changes > 0 && at.is_some() && at == self.at;
        if is_tied && !is_same(&self.state, &state) {
            self.tied = at;
        } else if !is_tied {
            self.tied = None;
        }
        self.state = state;
        self.at = at;
        self.n_changes += 1;
        self.has_undated |= at.is_none();
    }

    /// Returns the last state as it was set, although it may not be the last one.
    pub(super) fn last(&self) -> S {
        self.state
    }

    /// Returns whether the last change has this time.
    pub(super) fn is_at(&self, time: Option<Timestamp>) -> bool {
        time.is_some() && self.at == time
    }

    /// Returns the number of changes.
    pub(super) fn n_changes(&self) -> usize {
        self.n_changes
    }

    /// Returns the reason why it is not known whether that is the last state, if there is one.
    pub(super) fn doubt(&self) -> Option<Doubt> {
        let undated = (self.has_undated && self.n_changes > 1).then_some(Doubt::NoTime);
        undated.or(self.tied.map(Doubt::SameTime))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latest(changes: &[(&'static str, i64)]) -> (&'static str, Option<Doubt>) {
        let mut latest = Latest::new("none");
        for (state, second) in changes {
            let at = Timestamp::from_second(*second).ok().filter(|_| *second > 0);
            latest.set(*state, at, |a, b| a == b);
        }
        (latest.last(), latest.doubt())
    }

    #[test]
    fn of_two_changes_at_one_time_the_last_is_not_known() {
        let at = |second| Some(Doubt::SameTime(Timestamp::from_second(second).unwrap()));
        assert_eq!(latest(&[]), ("none", None));
        assert_eq!(latest(&[("on", 5)]), ("on", None));
        assert_eq!(latest(&[("on", 5), ("off", 5)]).1, at(5));
        assert_eq!(latest(&[("on", 5), ("off", 5), ("on", 5)]).1, at(5));
        assert_eq!(latest(&[("on", 5), ("on", 5)]), ("on", None));
        assert_eq!(latest(&[("on", 5), ("off", 5), ("on", 6)]), ("on", None));
        assert_eq!(latest(&[("on", 0), ("off", 5)]).1, Some(Doubt::NoTime));
        assert_eq!(latest(&[("on", 0)]), ("on", None));
    }
}
