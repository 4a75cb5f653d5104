//! What a ledger keeps from run to run, so that windows may begin in one run and end in another.
//!
//! ```text
//! tuples of this run ─▶ ledger ─▶ those of earlier runs too ─▶ stage ─▶ what fires ─▶ is it told? ─▶ rows
//!                         ▲ what no window needs is deleted      what earlier rows say ┘
//! ```
//!
//! A tuple is kept as long as its rule, or one that it is inside of, can still need it for an event that is at most
//! [`late`](crate::over_time::Limits::late) older than the newest one. A group that fires is compared with what earlier
//! rows say of it. If nothing is new there is no row; otherwise there is one, with the `alert_id` of the earlier ones. So
//! the last rows of all ids, over all runs, are those of one run over everything. Where events come late there is one
//! exception: a row of new terms stays, though a late event shows that it was not the first.
//!
//! What is not decided again: first events, and counts with an upper limit, before the time from which on all is kept.
//! There a part of the window may be gone. All other tests pass with more events if they pass with fewer.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::super::finding::FoundOverTime;
use super::super::journal::failed;
use super::OverTime;
use crate::error::Error;
use crate::ledger::{Joined, JoinedRule, Ledger, LedgerError, NewlyTold, ToKeep};
use crate::output::rules::RowRule;
use crate::over_time::{Earlier, Fired, Mark, Plan, Stage, Tuple};
use crate::report::{Code, Defect};
use crate::rule::over_time::{Digest, Group, Test, digest};

/// The place of what is said of a group that has one row, whenever its first window was complete.
const OF_GROUP: i64 = i64::MIN;

/// The most rules that a message names.
const NAMES_MAX: usize = 5;

/// The ledger's part in rules over several events.
#[derive(Debug)]
pub(super) struct Kept<'a> {
    ledger: &'a Ledger,
    joined: Joined,
    /// The place in the list of each rule, by the ledger's id.
    places: HashMap<i64, usize>,
}

/// What a run read of a ledger.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    /// The time of the newest event.
    newest: Option<i64>,
    base: Option<i64>,
    begins: Vec<(i64, Option<i64>)>,
    /// The number of events that came too late.
    n_late: u64,
}

/// What a row is to say of a group that fires.
#[derive(Debug)]
pub(super) struct ToTell {
    pub(super) fired: Fired,
    /// The time by which the group is named.
    pub(super) named: i64,
    /// The events that an earlier row already has.
    pub(super) shown: Vec<Mark>,
}

/// What rows say of a group.
#[derive(Debug, Serialize, Deserialize)]
struct Told {
    named: i64,
    fired: Fired,
}

impl<'a> Kept<'a> {
    /// Tells a ledger which rules the run has.
    pub(super) fn join(
        ledger: &'a Ledger,
        over_time: Option<&OverTime<'_>>,
    ) -> Result<Self, Error> {
        let rules = over_time.map_or(&[][..], |over_time| over_time.set.over_time());
        let rules = rules.iter().map(|rule| JoinedRule {
            hash: rule.fingerprint(),
            name: RowRule::name_of(&rule.pack, &rule.file, &rule.metadata.rule_id),
        });
        let rules: Vec<JoinedRule> = rules.collect();
        let joined = ledger.join(&rules).map_err(failed(ledger.path()))?;
        let ids = joined.rules.iter().map(|(id, ..)| *id);
        Ok(Self {
            ledger,
            places: ids.zip(0..).collect(),
            joined,
        })
    }

    fn failed(&self) -> impl Fn(LedgerError) -> Error + Copy + use<'a> {
        failed(self.ledger.path())
    }

    /// Returns the ledger's id of a rule in the list.
    fn id(&self, listed: usize) -> Option<i64> {
        self.joined.rules.get(listed).map(|(id, ..)| *id)
    }

    /// Keeps an event.
    pub(super) fn take(&self, plan: &Plan, found: FoundOverTime) -> Result<(), Error> {
        let mut tuples = Vec::new();
        for mut tuple in found.tuples {
            let number = tuple.rule();
            let place = plan.place_of(number);
            let Some((id, inner)) = place.and_then(|(root, inner)| Some((self.id(root)?, inner)))
            else {
                continue;
            };
            let reach = plan.reach(number);
            let until = reach.map_or(i64::MAX, |reach| tuple.time().saturating_add(reach));
            tuple.set_rule(inner);
            tuples.push(ToKeep {
                rule: id,
                until,
                tuple: tuple.to_bytes().map_err(Error::temporary)?,
            });
        }
        let row = found.row.map(|row| serde_json::to_vec(&row)).transpose();
        let row = row.map_err(|error| Error::temporary(error.into()))?;
        let kept = self.ledger.keep(&tuples, row.as_deref());
        kept.map_err(self.failed())
    }

    /// Ends a turn whose sources are done.
    pub(super) fn end_turn(&self) -> Result<(), Error> {
        self.ledger.end_kept().map_err(self.failed())
    }

    /// Gives a stage all that is kept. `check` may end it.
    pub(super) fn load(
        &self,
        plan: &Plan,
        stage: &mut Stage<'_>,
        check: &dyn Fn() -> Result<(), Error>,
    ) -> Result<Loaded, Error> {
        let (decided, base) = self.ledger.decided().map_err(self.failed())?;
        stage.go_on(Earlier { from: base });
        let mut loaded = Loaded {
            newest: None,
            base,
            begins: Vec::new(),
            n_late: 0,
        };
        let rules = &self.joined.rules;
        // What a rule knew of before is in its own time.
        let mut begins = Begins::new(rules.iter().map(|(_, joined, _)| decided.max(*joined)));
        let (mut after, mut last_event) = (0, 0);
        loop {
            check()?;
            let kept = self.ledger.kept(after).map_err(self.failed())?;
            let Some(last) = kept.last() else {
                break;
            };
            after = last.id;
            for one in kept {
                let tuple = Tuple::from_bytes(&one.tuple);
                let mut tuple = tuple.map_err(|_| self.failed()(LedgerError::Damaged))?;
                let time = tuple.time();
                loaded.newest = loaded.newest.max(Some(time));
                begins.take(one.id, time);
                let is_new = one.id > decided && one.event != last_event;
                last_event = one.event;
                loaded.n_late += u64::from(is_new && base.is_some_and(|base| time < base));
                let listed = self.places.get(&one.rule);
                let place = listed.map(|listed| (*listed, tuple.rule()));
                let Some(number) = place.and_then(|place| plan.number_at(place)) else {
                    continue;
                };
                tuple.set_rule(number);
                tuple.set_place(one.event.unsigned_abs(), one.event.unsigned_abs());
                tuple.set_kept(one.id.unsigned_abs());
                stage.push(tuple).map_err(Error::temporary)?;
            }
        }
        for (listed, (id, joined, begin)) in rules.iter().enumerate() {
            let own = begins.after(decided.max(*joined));
            let begin = begin.iter().copied().chain(own).min();
            loaded.begins.push((*id, begin));
            if let Some(begin) = begin {
                stage.rule_begins_by(listed, begin);
            }
        }
        Ok(loaded)
    }

    /// Returns what a row is to say of what fires; nothing if earlier rows say all of it. It is recorded as pending.
    pub(super) fn tell(
        &self,
        over_time: &OverTime<'_>,
        fired: Fired,
    ) -> Result<Option<ToTell>, Error> {
        let rule = over_time.rule(fired.rule).zip(self.id(fired.rule));
        let Some((rule, id)) = rule else {
            return Ok(None);
        };
        let group = key(&fired.group).map_err(|error| self.json(error))?;
        let at = match rule.test {
            Test::First => fired.completed,
            _ => OF_GROUP,
        };
        let earlier = self.ledger.told(id, &group, at).map_err(self.failed())?;
        let earlier = earlier.map(|text| serde_json::from_str::<Told>(&text));
        let earlier = earlier.transpose().map_err(|error| self.json(error))?;
        let mut to_tell = ToTell {
            named: fired.completed,
            shown: Vec::new(),
            fired,
        };
        if let Some(Told { named, fired }) = earlier {
            let mut new = merged(&rule.test, &fired, to_tell.fired);
            // A copy may have taken the place of an event that is kept no more.
            let both = new.events.iter().zip(&fired.events);
            if new.events.len() == fired.events.len() && both.into_iter().all(is_same) {
                new.events.clone_from(&fired.events);
            }
            if new
                == (Fired {
                    rule: new.rule,
                    ..fired.clone()
                })
            {
                return Ok(None);
            }
            to_tell = ToTell {
                named,
                shown: fired.events,
                fired: new,
            };
        }
        let told = Told {
            named: to_tell.named,
            fired: to_tell.fired.clone(),
        };
        let told = serde_json::to_string(&told).map_err(|error| self.json(error))?;
        let newly = NewlyTold {
            rule: id,
            group: &group,
            at,
            told: &told,
        };
        self.ledger.tell(&newly).map_err(self.failed())?;
        Ok(Some(to_tell))
    }

    fn json(&self, error: serde_json::Error) -> Error {
        self.failed()(LedgerError::Json(error))
    }

    /// Records that no later run needs a tuple.
    pub(super) fn spend(&self, kept: u64) -> Result<(), Error> {
        let spent = self.ledger.spend(kept.cast_signed());
        spent.map_err(self.failed())
    }

    /// Returns the row of an event, if it is kept.
    pub(super) fn row(&self, event: u64) -> Result<Option<Vec<u8>>, Error> {
        let row = self.ledger.kept_row(event.cast_signed());
        row.map_err(self.failed())
    }

    /// Ends the decisions. Events may come later by `late` than the newest one. Returns what is to be reported.
    pub(super) fn finish(&self, loaded: &Loaded, late: i64) -> Result<Option<Defect>, Error> {
        // A time in the future, where a clock was wrong, says nothing of what is still to come.
        let now = crate::report::now().as_microsecond();
        let newest = loaded.newest;
        let base = newest.map(|newest| newest.min(now).saturating_sub(late));
        let decided = self.ledger.decide(base.max(loaded.base), &loaded.begins);
        decided.map_err(self.failed())?;
        Ok(too_late(loaded.n_late))
    }

    /// Returns what is to be reported of the rules, if they are not those of earlier runs.
    pub(super) fn changed(&self) -> Option<Defect> {
        let Joined {
            new, gone, is_late, ..
        } = &self.joined;
        let new: &[String] = if *is_late { new } else { &[] };
        let mut parts = Vec::new();
        if !new.is_empty() {
            parts.push(format!(
                "{} of these rules over several events are new to the ledger and know nothing of what was read before ({})",
                new.len(),
                names(new)
            ));
        }
        if !gone.is_empty() {
            parts.push(format!(
                "{} of them are not in this run, and what was kept for them is deleted ({})",
                gone.len(),
                names(gone)
            ));
        }
        (!parts.is_empty()).then(|| Defect::new(Code::RulesChanged, parts.join("; ")))
    }
}

/// The earliest times of the tuples after each of some numbers.
struct Begins {
    /// The numbers in ascending order, each with the earliest time of the tuples up to the next one.
    times: Vec<(i64, Option<i64>)>,
}

impl Begins {
    fn new(numbers: impl Iterator<Item = i64>) -> Self {
        let mut numbers: Vec<i64> = numbers.collect();
        numbers.sort_unstable();
        numbers.dedup();
        Self {
            times: numbers.into_iter().map(|number| (number, None)).collect(),
        }
    }

    fn take(&mut self, number: i64, time: i64) {
        let mut before = self.times.iter_mut().rev();
        if let Some((_, earliest)) = before.find(|(after, _)| number > *after) {
            *earliest = Some(earliest.map_or(time, |earliest| earliest.min(time)));
        }
    }

    fn after(&self, number: i64) -> Option<i64> {
        let own = self.times.iter().filter(|(after, _)| *after >= number);
        own.filter_map(|(_, time)| *time).min()
    }
}

/// Returns what stands for a group.
fn key(group: &Group) -> Result<Digest, serde_json::Error> {
    Ok(digest(&serde_json::to_string(group)?))
}

/// Returns whether two marks are of one event.
pub(super) fn is_same((one, other): (&Mark, &Mark)) -> bool {
    let is_known = one.id.is_some() || one.place == other.place;
    is_known && (one.time, &one.id) == (other.time, &other.id)
}

/// Joins what earlier rows say of a group with what fires now. A part of what fired before may be gone.
fn merged(test: &Test, old: &Fired, new: Fired) -> Fired {
    let has_first = (new.completed, new.first) <= (old.completed, old.first);
    let (last, count) = (old.last.max(new.last), old.count.max(new.count));
    let both = old.distinct.iter().zip(&new.distinct);
    let distinct = both.map(|(old, new)| *old.max(new)).collect();
    let old = Fired {
        rule: new.rule,
        ..old.clone()
    };
    match (test, has_first) {
        // It fires once. An event that is first fires once, too.
        (Test::Sequence | Test::First, true) => new,
        (Test::Sequence | Test::First, false) => old,
        // What fired before is decided anew, with events that came late.
        (Test::Together | Test::InOrder, true) => Fired { last, ..new },
        (_, true) => Fired {
            last,
            count,
            distinct,
            ..new
        },
        (_, false) => Fired {
            last,
            count,
            distinct,
            ..old
        },
    }
}

fn names(names: &[String]) -> String {
    let shown: Vec<&str> = names.iter().take(NAMES_MAX).map(String::as_str).collect();
    let more = if names.len() > NAMES_MAX { ", …" } else { "" };
    format!("{}{more}", shown.join(", "))
}

fn too_late(n_events: u64) -> Option<Defect> {
    let message = format!(
        "{n_events} events that rules over several events are about are older than what a ledger keeps for late ones; rows \
         of theirs may be missing"
    );
    (n_events > 0).then(|| Defect::new(Code::EventsTooLate, message))
}
