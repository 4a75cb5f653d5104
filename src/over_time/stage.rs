//! Tuples in any order -> what fired.

use std::collections::HashSet;
use std::io;

use super::plan::{Plan, Planned};
use super::sort::Sorter;
use super::tuple::{Mark, Tuple};
use super::watch::Watch;
use crate::rule::over_time::{Digest, Group, Test};

/// What a stage may hold and show.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The bytes of tuples that are held in memory; more go to temporary files.
    pub held_bytes: usize,
    /// The most events that are shown of a group.
    pub n_events: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_bytes: 256 * 1024 * 1024,
            n_events: 50,
        }
    }
}

/// A group of events with which a rule fires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fired {
    /// The place of the rule in the list that the plan was made of.
    pub rule: usize,
    /// The values of the fields by which events are grouped.
    pub group: Group,
    /// The time of the first event of the first window that fires, in microseconds since 1970, UTC.
    pub first: i64,
    /// The time of the event that completes this window.
    pub completed: i64,
    /// The time of the last event with which the rule fires.
    pub last: i64,
    /// The most events of a window that fires.
    pub count: u64,
    /// The most distinct values of each counted field, in a window that fires.
    pub distinct: Vec<u64>,
    /// The events of the first window that fires, at most so many of the last ones.
    pub events: Vec<Mark>,
    /// True if what was before the event is known for less than the rule's window, so that it may not be the first one.
    pub is_early: bool,
}

/// Takes tuples, and finds out what fires.
#[derive(Debug)]
pub struct Stage<'p> {
    plan: &'p Plan,
    limits: Limits,
    /// Sorters for the rules of each level.
    levels: Vec<Sorter>,
    /// The earliest time that is known.
    begin: Option<i64>,
}

impl<'p> Stage<'p> {
    /// Makes the stage of a plan.
    #[must_use]
    pub fn new(plan: &'p Plan, limits: Limits) -> Self {
        let n_levels = plan.n_levels();
        let sorters = (0..n_levels).map(|_| Sorter::new(limits.held_bytes / n_levels));
        Self {
            plan,
            limits,
            levels: sorters.collect(),
            begin: None,
        }
    }

    /// Takes a tuple.
    ///
    /// # Errors
    /// A temporary file cannot be written.
    pub fn push(&mut self, tuple: Tuple) -> io::Result<()> {
        self.begins_by(tuple.mark.time);
        let level = self.plan.get(tuple.rule).map(|planned| planned.level);
        match level.and_then(|level| self.levels.get_mut(level)) {
            Some(sorter) => sorter.push(tuple),
            None => Ok(()),
        }
    }

    /// Takes a time of which events are known, whether they match or not. What is first is only known from a while after
    /// the earliest of these.
    pub fn begins_by(&mut self, time: i64) {
        self.begin = Some(self.begin.map_or(time, |begin| begin.min(time)));
    }

    /// Calls `visit` with what fires, in the order of rules and groups.
    ///
    /// # Errors
    /// A temporary file cannot be written or read, and errors of `visit`.
    pub fn finish(mut self, visit: &mut dyn FnMut(Fired) -> io::Result<()>) -> io::Result<()> {
        for level in 0..self.levels.len() {
            let Some(sorter) = self.levels.get_mut(level) else {
                break;
            };
            let tuples = std::mem::replace(sorter, Sorter::new(0)).finish()?;
            let mut current: Option<Watched<'_>> = None;
            for tuple in tuples {
                let tuple = tuple?;
                let mut watched = match current.take() {
                    Some(watched) if watched.is_of(&tuple) => watched,
                    other => {
                        other.and_then(Watched::end).map_or(Ok(()), &mut *visit)?;
                        match self.plan.get(tuple.rule) {
                            Some(planned) => Watched::new(planned, &tuple, self.limits),
                            None => continue,
                        }
                    }
                };
                let begin = self.begin.unwrap_or(i64::MIN);
                let (alone, is_firing) = watched.take(&tuple, begin);
                if is_firing && let Some(feed) = &watched.planned.feed {
                    self.push(feed.tuple(&tuple.group, tuple.mark, tuple.key))?;
                }
                current = Some(watched);
                alone.map_or(Ok(()), &mut *visit)?;
            }
            let last = current.and_then(Watched::end);
            last.map_or(Ok(()), &mut *visit)?;
        }
        Ok(())
    }
}

/// A group whose events are being read.
struct Watched<'p> {
    planned: &'p Planned,
    number: u32,
    group: Group,
    watch: Watch<'p>,
    /// The events of the time that was reached: which of them were taken, and for which parts.
    time: i64,
    taken: HashSet<(Digest, u16)>,
    events: HashSet<Digest>,
    fired: Option<Fired>,
}

impl<'p> Watched<'p> {
    fn new(planned: &'p Planned, tuple: &Tuple, limits: Limits) -> Self {
        Self {
            planned,
            number: tuple.rule,
            group: tuple.group.clone(),
            watch: Watch::new(&planned.rule, limits.n_events),
            time: i64::MIN,
            taken: HashSet::new(),
            events: HashSet::new(),
            fired: None,
        }
    }

    fn is_of(&self, tuple: &Tuple) -> bool {
        self.number == tuple.rule && self.group == tuple.group
    }

    /// Takes the next tuple. Returns what fires with this event alone, and whether the rule fires with it.
    fn take(&mut self, tuple: &Tuple, begin: i64) -> (Option<Fired>, bool) {
        if tuple.mark.time != self.time {
            self.time = tuple.mark.time;
            self.taken.clear();
            self.events.clear();
        }
        if !self.taken.insert((tuple.key, tuple.part)) {
            return (None, false);
        }
        let is_new = self.planned.rule.parts.len() == 1 || self.events.insert(tuple.key);
        if !self.watch.take(tuple, is_new) {
            return (None, false);
        }
        let Some(rule) = self.planned.listed else {
            return (None, true);
        };
        match &mut self.fired {
            Some(fired) => {
                let (count, distinct) = self.watch.numbers();
                fired.last = tuple.mark.time;
                fired.count = fired.count.max(count);
                for (most, n) in fired.distinct.iter_mut().zip(distinct) {
                    *most = n.max(*most);
                }
            }
            None => self.fired = Some(self.watch_fired(rule, tuple, begin)),
        }
        let is_alone = self.planned.rule.test == Test::First;
        (self.fired.take_if(|_| is_alone), true)
    }

    fn watch_fired(&self, rule: usize, tuple: &Tuple, begin: i64) -> Fired {
        let (first, events) = self.watch.events();
        let (count, distinct) = self.watch.numbers();
        let time = tuple.mark.time;
        let window = self.planned.rule.window.unwrap_or(i64::MAX);
        let is_first = self.planned.rule.test == Test::First;
        Fired {
            rule,
            group: self.group.clone(),
            first: first.unwrap_or(time),
            completed: time,
            last: time,
            count,
            distinct,
            events,
            is_early: is_first && time.saturating_sub(begin) < window,
        }
    }

    fn end(self) -> Option<Fired> {
        self.fired
    }
}
