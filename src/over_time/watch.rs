//! The events of one group, in the order of time -> those with which a rule fires.

use std::collections::{HashMap, HashSet, VecDeque};

use super::tuple::{Mark, Tuple};
use crate::rule::over_time::{Digest, Limit, RuleOverTime, Test};

/// What a rule watches of one group.
#[derive(Debug)]
pub(super) struct Watch<'r> {
    window: Option<i64>,
    /// The most events that are kept to be shown.
    n_events: usize,
    state: State<'r>,
}

#[derive(Debug)]
enum State<'r> {
    Counts(Counts<'r>),
    First {
        last: Option<Mark>,
    },
    Together {
        /// The last event of each part, with its key.
        last: Vec<Option<(Mark, Digest)>>,
    },
    InOrder {
        chains: Vec<Option<Chain>>,
    },
    Sequence {
        stages: Vec<VecDeque<Chain>>,
        fired: Option<Chain>,
    },
}

/// How many events, and how many distinct values of each field, are in the window.
#[derive(Debug)]
struct Counts<'r> {
    limits: &'r [Limit],
    limits_distinct: &'r [Vec<Limit>],
    /// The numbers of events of each time in the window.
    times: VecDeque<(i64, u64)>,
    n: u64,
    distinct: Vec<Distinct>,
    /// The last events of the window.
    last: VecDeque<Mark>,
}

/// The distinct values of a field in the window.
#[derive(Debug, Default)]
struct Distinct {
    /// When each value last occurred.
    last: HashMap<Digest, i64>,
    /// The values in the order of time, each once for a time.
    order: VecDeque<(i64, Digest)>,
}

/// Events of parts that follow each other.
#[derive(Debug, Clone)]
struct Chain {
    start: i64,
    /// The key of the last event.
    key: Digest,
    events: Vec<Mark>,
}

impl<'r> Watch<'r> {
    pub(super) fn new(rule: &'r RuleOverTime, n_events: usize) -> Self {
        let n_parts = rule.parts.len();
        let state = match &rule.test {
            Test::Counts { events, distinct } => State::Counts(Counts {
                limits: events,
                limits_distinct: distinct,
                times: VecDeque::new(),
                n: 0,
                distinct: distinct.iter().map(|_| Distinct::default()).collect(),
                last: VecDeque::new(),
            }),
            Test::First => State::First { last: None },
            Test::Together => State::Together {
                last: vec![None; n_parts],
            },
            Test::InOrder => State::InOrder {
                chains: vec![None; n_parts],
            },
            Test::Sequence => State::Sequence {
                stages: vec![VecDeque::new(); n_parts],
                fired: None,
            },
        };
        Self {
            window: rule.window,
            n_events,
            state,
        }
    }

    /// Takes the next event. `is_new` is false if another part has taken it already. Returns whether the rule fires with
    /// it: whether it completes a window that passes the test.
    pub(super) fn take(&mut self, tuple: &Tuple, is_new: bool) -> bool {
        let time = tuple.mark.time;
        let window = self.window;
        let is_past = |start: i64| window.is_some_and(|window| time.saturating_sub(start) > window);
        let part = usize::from(tuple.part);
        match &mut self.state {
            State::Counts(counts) => {
                counts.forget(&is_past);
                counts.take(tuple, is_new, self.n_events);
                counts.passes()
            }
            State::First { last } => {
                let mark = tuple.mark.clone();
                let before = last.replace(mark);
                before.is_none_or(|before| is_past(before.time))
            }
            State::Together { last } => {
                if let Some(last) = last.get_mut(part) {
                    *last = Some((tuple.mark.clone(), tuple.key));
                }
                let mut times = last
                    .iter()
                    .map(|one| one.as_ref().map(|(mark, _)| mark.time));
                times.all(|time| time.is_some_and(|time| !is_past(time)))
            }
            State::InOrder { chains } => {
                let chain = match part.checked_sub(1) {
                    None => Some(Chain::new(tuple)),
                    Some(before) => {
                        let before = chains.get(before).and_then(Option::as_ref);
                        let before = before.filter(|chain| !is_past(chain.start));
                        before.map(|chain| chain.clone().with(tuple))
                    }
                };
                let is_last = part + 1 == chains.len();
                let is_complete = chain.is_some() && is_last;
                if let (Some(place), Some(chain)) = (chains.get_mut(part), chain) {
                    *place = Some(chain);
                }
                is_complete
            }
            State::Sequence { stages, fired } => {
                if fired.is_some() {
                    return false;
                }
                for stage in stages.iter_mut() {
                    while stage.front().is_some_and(|chain| is_past(chain.start)) {
                        stage.pop_front();
                    }
                }
                step(stages, part, tuple, window.is_some());
                let last = stages.last().and_then(VecDeque::front);
                *fired = last.cloned();
                fired.is_some()
            }
        }
    }

    /// Returns the time of the first event of the window that the last one completed, and the events, at most so many of
    /// the last ones.
    pub(super) fn events(&self) -> (Option<i64>, Vec<Mark>) {
        let (first, mut events) = match &self.state {
            State::Counts(counts) => {
                let first = counts.times.front().map(|(time, _)| *time);
                (first, counts.last.iter().cloned().collect())
            }
            State::First { last } => (None, last.iter().cloned().collect()),
            State::Together { last } => {
                let mut events: Vec<_> = last.iter().flatten().collect();
                events.sort();
                let mut keys = HashSet::new();
                events.retain(|(_, key)| keys.insert(key));
                let marks = events.into_iter().map(|(mark, _)| mark.clone());
                (None, marks.collect())
            }
            State::InOrder { chains } => {
                let chain = chains.last().and_then(Option::as_ref);
                (
                    None,
                    chain.map_or_else(Vec::new, |chain| chain.events.clone()),
                )
            }
            State::Sequence { fired, .. } => {
                let events = fired.as_ref().map(|chain| chain.events.clone());
                (None, events.unwrap_or_default())
            }
        };
        let first = first.or_else(|| events.first().map(|mark| mark.time));
        let n_more = events.len().saturating_sub(self.n_events);
        events.drain(..n_more);
        (first, events)
    }

    /// Returns the numbers of events, and of the distinct values of each field, in the window that the last event
    /// completed.
    pub(super) fn numbers(&self) -> (u64, Vec<u64>) {
        match &self.state {
            State::Counts(counts) => (counts.n, counts.n_distinct().collect()),
            _ => (self.events().1.len() as u64, Vec::new()),
        }
    }
}

/// Moves the chains that an event continues one stage on, or begins one with it.
///
/// A stage has at most one chain for each start: of two, the one that came first goes on no later. If chains do not end
/// by time, the first one is enough.
fn step(stages: &mut [VecDeque<Chain>], part: usize, tuple: &Tuple, is_limited: bool) {
    let continued: Vec<Chain> = match part.checked_sub(1) {
        None => vec![Chain::new(tuple)],
        Some(before) => {
            let Some(stage) = stages.get_mut(before) else {
                return;
            };
            // An event is not two steps of one sequence.
            let (own, others) = std::mem::take(stage)
                .into_iter()
                .partition(|chain| chain.key == tuple.key);
            *stage = own;
            let others: VecDeque<Chain> = others;
            others.into_iter().map(|chain| chain.with(tuple)).collect()
        }
    };
    let Some(stage) = stages.get_mut(part) else {
        return;
    };
    for chain in continued {
        let is_needed = match stage.back() {
            Some(last) => is_limited && last.start != chain.start,
            None => true,
        };
        if is_needed {
            stage.push_back(chain);
        }
    }
}

impl Chain {
    fn new(tuple: &Tuple) -> Self {
        Self {
            start: tuple.mark.time,
            key: tuple.key,
            events: vec![tuple.mark.clone()],
        }
    }

    fn with(mut self, tuple: &Tuple) -> Self {
        if self.key != tuple.key {
            self.events.push(tuple.mark.clone());
        }
        self.key = tuple.key;
        self
    }
}

impl Counts<'_> {
    /// Forgets what is no longer in the window.
    fn forget(&mut self, is_past: &dyn Fn(i64) -> bool) {
        while let Some((_, n)) = self.times.front().filter(|(time, _)| is_past(*time)) {
            self.n -= n;
            self.times.pop_front();
        }
        while self.last.front().is_some_and(|mark| is_past(mark.time)) {
            self.last.pop_front();
        }
        for field in &mut self.distinct {
            while let Some((time, value)) = field.order.front().filter(|(time, _)| is_past(*time)) {
                if field.last.get(value) == Some(time) {
                    field.last.remove(value);
                }
                field.order.pop_front();
            }
        }
    }

    fn take(&mut self, tuple: &Tuple, is_new: bool, n_events: usize) {
        let time = tuple.mark.time;
        if is_new {
            self.n += 1;
            match self.times.back_mut() {
                Some((last, n)) if *last == time => *n += 1,
                _ => self.times.push_back((time, 1)),
            }
            if self.last.len() == n_events {
                self.last.pop_front();
            }
            self.last.push_back(tuple.mark.clone());
        }
        for (field, values) in self.distinct.iter_mut().zip(&tuple.values) {
            for value in values {
                if field.last.insert(*value, time) != Some(time) {
                    field.order.push_back((time, *value));
                }
            }
        }
    }

    fn n_distinct(&self) -> impl Iterator<Item = u64> {
        self.distinct.iter().map(|field| field.last.len() as u64)
    }

    fn passes(&self) -> bool {
        let allows = |limits: &[Limit], n: u64| limits.iter().all(|limit| limit.allows(n));
        let mut fields = self.n_distinct().zip(self.limits_distinct);
        allows(self.limits, self.n) && fields.all(|(n, limits)| allows(limits, n))
    }
}
