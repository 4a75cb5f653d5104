//! Tuples in any order -> what fired.

use std::collections::{BTreeMap, HashSet};
use std::io;

use serde::{Deserialize, Serialize};

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
    /// How much later than the newest event an event may come and still be decided as if it had come in time, in
    /// microseconds. It matters only from run to run.
    pub late: i64,
    /// The same after a run that could not read everything, so that a later run may read it.
    pub late_unread: i64,
}

/// A day in microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            held_bytes: 256 * 1024 * 1024,
            n_events: 50,
            late: 2 * DAY,
            late_unread: 30 * DAY,
        }
    }
}

/// What earlier runs left of the tuples that they took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Earlier {
    /// Of events from this time on nothing is gone; of earlier ones there is what windows after it need. `None` if
    /// nothing is gone.
    pub from: Option<i64>,
}

/// Takes what a stage finds out. An error ends the stage.
pub trait Decide {
    /// Takes what fires.
    ///
    /// # Errors
    /// Any, which ends the stage.
    fn fires(&mut self, fired: Fired) -> io::Result<()>;

    /// Takes the number of a kept tuple that no later run needs.
    ///
    /// # Errors
    /// Any, which ends the stage.
    fn spent(&mut self, _kept: u64) -> io::Result<()> {
        Ok(())
    }

    /// Runs before each tuple.
    ///
    /// # Errors
    /// Any, which ends the stage.
    fn check(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Takes what fires, and nothing else.
struct Fires<'v>(&'v mut dyn FnMut(Fired) -> io::Result<()>);

impl Decide for Fires<'_> {
    fn fires(&mut self, fired: Fired) -> io::Result<()> {
        (self.0)(fired)
    }
}

/// A group of events with which a rule fires.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// The earliest time that is known to a rule of the list, where this is another one.
    begins: BTreeMap<usize, i64>,
    earlier: Earlier,
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
            begins: BTreeMap::new(),
            earlier: Earlier::default(),
        }
    }

    /// Goes on from what earlier runs left.
    pub fn go_on(&mut self, earlier: Earlier) {
        self.earlier = earlier;
    }

    /// Takes the earliest time that is known to a rule of the list, if that is another one than for all of them.
    pub fn rule_begins_by(&mut self, listed: usize, time: i64) {
        self.begins.insert(listed, time);
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
    pub fn finish(self, visit: &mut dyn FnMut(Fired) -> io::Result<()>) -> io::Result<()> {
        self.decide(&mut Fires(visit))
    }

    /// Decides everything, in the order of rules and groups.
    ///
    /// # Errors
    /// A temporary file cannot be written or read, and errors of `by`.
    pub fn decide(mut self, by: &mut dyn Decide) -> io::Result<()> {
        for level in 0..self.levels.len() {
            let Some(sorter) = self.levels.get_mut(level) else {
                break;
            };
            let tuples = std::mem::replace(sorter, Sorter::new(0)).finish()?;
            let mut current: Option<Watched<'_>> = None;
            for tuple in tuples {
                by.check()?;
                let tuple = tuple?;
                let mut watched = match current.take() {
                    Some(watched) if watched.is_of(&tuple) => watched,
                    other => {
                        let fired = other.and_then(Watched::end);
                        fired.map_or(Ok(()), |fired| by.fires(fired))?;
                        match self.plan.get(tuple.rule) {
                            Some(planned) => self.watched(planned, &tuple),
                            None => continue,
                        }
                    }
                };
                let taken = watched.take(&tuple);
                if taken.is_firing
                    && let Some(feed) = &watched.planned.feed
                {
                    self.push(feed.tuple(&tuple.group, tuple.mark, tuple.key))?;
                }
                current = Some(watched);
                let spent = taken.spent.filter(|kept| *kept > 0);
                spent.map_or(Ok(()), |kept| by.spent(kept))?;
                taken.alone.map_or(Ok(()), |fired| by.fires(fired))?;
            }
            let last = current.and_then(Watched::end);
            last.map_or(Ok(()), |fired| by.fires(fired))?;
        }
        Ok(())
    }

    /// Begins a group.
    fn watched(&self, planned: &'p Planned, tuple: &Tuple) -> Watched<'p> {
        let own = planned.listed.and_then(|listed| self.begins.get(&listed));
        let lead = planned.lead;
        let from = self.earlier.from.zip(lead);
        Watched {
            planned,
            number: tuple.rule,
            group: tuple.group.clone(),
            watch: Watch::new(&planned.rule, self.limits.n_events),
            begin: own.copied().or(self.begin).unwrap_or(i64::MIN),
            from: from.map(|(from, lead)| from.saturating_sub(lead)),
            time: i64::MIN,
            taken: HashSet::new(),
            events: HashSet::new(),
            last_before: None,
            fired: None,
        }
    }
}

/// A group whose events are being read.
struct Watched<'p> {
    planned: &'p Planned,
    number: u32,
    group: Group,
    watch: Watch<'p>,
    /// The earliest time that is known to the rule.
    begin: i64,
    /// Of events from this time on, and in the window before them, nothing is gone.
    from: Option<i64>,
    /// The events of the time that was reached: which of them were taken, and for which parts.
    time: i64,
    taken: HashSet<(Digest, u16)>,
    events: HashSet<Digest>,
    /// The kept number of the last tuple before `from`.
    last_before: Option<u64>,
    fired: Option<Fired>,
}

/// What came of a tuple.
#[derive(Default)]
struct Taken {
    /// What fires with this event alone.
    alone: Option<Fired>,
    /// True if the rule fires with it.
    is_firing: bool,
    /// The kept number of a tuple that no later run needs.
    spent: Option<u64>,
}

impl<'p> Watched<'p> {
    fn is_of(&self, tuple: &Tuple) -> bool {
        self.number == tuple.rule && self.group == tuple.group
    }

    /// Takes the next tuple.
    fn take(&mut self, tuple: &Tuple) -> Taken {
        let mut result = Taken::default();
        if tuple.mark.time != self.time {
            self.time = tuple.mark.time;
            self.taken.clear();
            self.events.clear();
        }
        if !self.taken.insert((tuple.key, tuple.part)) {
            result.spent = Some(tuple.kept);
            return result;
        }
        result.spent = self.spent(tuple);
        let is_new = self.planned.rule.parts.len() == 1 || self.events.insert(tuple.key);
        if !self.watch.take(tuple, is_new) || !self.can_decide(tuple) {
            return result;
        }
        result.is_firing = true;
        let Some(rule) = self.planned.listed else {
            return result;
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
            None => self.fired = Some(self.watch_fired(rule, tuple)),
        }
        let is_alone = self.planned.rule.test == Test::First;
        result.alone = self.fired.take_if(|_| is_alone);
        result
    }

    fn is_before(&self, time: i64) -> bool {
        self.from.is_some_and(|from| time < from)
    }

    /// Returns whether it is decided that the rule fires with this event. Where a part of the window may be gone, this is
    /// so if the rule would fire with more events too.
    fn can_decide(&self, tuple: &Tuple) -> bool {
        !self.is_before(tuple.mark.time) || self.planned.rule.test.only_grows()
    }

    /// Returns the kept number of a tuple that no later run needs, now that this one came.
    fn spent(&mut self, tuple: &Tuple) -> Option<u64> {
        match self.planned.rule.test {
            // Of what was before, only the last one matters to what comes after.
            Test::First if self.is_before(tuple.mark.time) => self.last_before.replace(tuple.kept),
            // A sequence fires once.
            Test::Sequence => {
                let fired = self.fired.as_ref();
                let is_over = fired.is_some_and(|fired| self.is_before(fired.completed));
                is_over.then_some(tuple.kept)
            }
            _ => None,
        }
    }

    fn watch_fired(&self, rule: usize, tuple: &Tuple) -> Fired {
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
            is_early: is_first && time.saturating_sub(self.begin) < window,
        }
    }

    fn end(self) -> Option<Fired> {
        self.fired
    }
}
