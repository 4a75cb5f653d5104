//! Tuples, in the order of the sources -> the rows of what fires.

use std::io;

use super::super::finding::FoundOverTime;
use super::OverTime;
use super::kept::{Kept, Loaded, ToTell, is_same};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::output::rules::RowRule;
use crate::output::{Alert, FiredEvents};
use crate::over_time::{Decide, Fired, Mark, Rows, Stage};
use crate::report::Defect;

/// Collects the events of rules over several events, and finds out what fires.
#[derive(Debug)]
pub(in super::super) struct Answers<'a> {
    over_time: &'a OverTime<'a>,
    stage: Stage<'a>,
    /// The number of events taken.
    n_events: u64,
    /// The rows of all events that may be a part of what fires, if they are requested and no ledger has them.
    rows: Option<Rows>,
    /// Keeps the events until the end, and for later runs, if there is a ledger.
    kept: Option<Kept<'a>>,
}

/// What fired: its row, and the rows of its events if they are requested.
pub(in super::super) struct Answer {
    pub(in super::super) row: Alert,
    pub(in super::super) events: Vec<Alert>,
}

/// Takes what fires.
type Visit<'v> = &'v mut dyn FnMut(Answer) -> Result<(), Error>;

/// Tells a ledger that a run has no rules over several events. Returns what is to be reported of that.
pub(in super::super) fn leave(ledger: &Ledger) -> Result<Option<Defect>, Error> {
    Ok(Kept::join(ledger, None)?.changed())
}

impl OverTime<'_> {
    /// Returns what collects the events.
    pub(in super::super) fn answers<'a>(
        &'a self,
        ledger: Option<&'a Ledger>,
    ) -> Result<Answers<'a>, Error> {
        let kept = ledger.map(|ledger| Kept::join(ledger, Some(self)));
        let kept = kept.transpose()?;
        let has_rows = self.keeps_rows && kept.is_none();
        Ok(Answers {
            over_time: self,
            stage: Stage::new(&self.plan, self.limits),
            n_events: 0,
            rows: has_rows
                .then(Rows::new)
                .transpose()
                .map_err(Error::temporary)?,
            kept,
        })
    }

    /// Returns the row of what fired, which is named by a time.
    fn row(&self, fired: &Fired, named: i64) -> Option<Alert> {
        let rule = self.rule(fired.rule)?;
        let values = fired.group.iter();
        let ids = fired.events.iter().filter_map(|mark| mark.id.clone());
        let events = FiredEvents {
            group_fields: rule.group_by.clone(),
            group_values: values
                .map(|value| value.clone().unwrap_or_default())
                .collect(),
            first: fired.first,
            completed: fired.completed,
            last: fired.last,
            count: fired.count,
            distinct: fired.distinct.first().copied(),
            event_ids: ids.collect(),
            is_early: fired.is_early,
        };
        let index = self.set.place_over_time(fired.rule);
        let name = RowRule::name_of(&rule.pack, &rule.file, &rule.metadata.rule_id);
        Some(Alert::of_fired(index, &name, named, events))
    }

    /// Returns an error if the run was stopped.
    fn check_stop(&self) -> Result<(), Error> {
        match self.is_stopped() {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }
}

impl Answers<'_> {
    /// Takes an event. All events before it in the order of sources must have been taken before.
    pub(in super::super) fn take(&mut self, found: FoundOverTime) -> Result<(), Error> {
        if let Some(kept) = &self.kept {
            return kept.take(&self.over_time.plan, found);
        }
        let row = match (&mut self.rows, found.row) {
            (Some(rows), Some(row)) => {
                let row = serde_json::to_vec(&row).map_err(io::Error::from);
                row.and_then(|row| rows.push(&row))
                    .map_err(Error::temporary)?
            }
            _ => 0,
        };
        self.n_events += 1;
        for mut tuple in found.tuples {
            tuple.set_place(self.n_events, row);
            self.stage.push(tuple).map_err(Error::temporary)?;
        }
        Ok(())
    }

    /// Ends a turn whose sources are done.
    pub(in super::super) fn end_turn(&self) -> Result<(), Error> {
        let kept = self.kept.as_ref();
        kept.map_or(Ok(()), Kept::end_turn)
    }

    /// Calls `visit` with what fires. `has_read_all` is false if a source could not be read completely, so that a later
    /// run may read it.
    /// Returns what is to be reported.
    pub(in super::super) fn finish(
        self,
        has_read_all: bool,
        visit: Visit<'_>,
    ) -> Result<Vec<Defect>, Error> {
        let Self {
            over_time,
            mut stage,
            rows,
            kept,
            n_events: _,
        } = self;
        let mut defects = Vec::new();
        let mut loaded = Loaded::default();
        if let Some(kept) = &kept {
            defects.extend(kept.changed());
            let check = || over_time.check_stop();
            loaded = kept.load(&over_time.plan, &mut stage, &check)?;
        }
        let mut decisions = Decisions {
            over_time,
            rows,
            kept: kept.as_ref(),
            visit,
            failed: None,
        };
        if let Err(error) = stage.decide(&mut decisions) {
            let failed = decisions.failed.take();
            return Err(failed.unwrap_or_else(|| Error::temporary(error)));
        }
        if let Some(kept) = &kept {
            let limits = &over_time.limits;
            let late = match has_read_all {
                true => limits.late,
                false => limits.late_unread,
            };
            defects.extend(kept.finish(&loaded, late)?);
        }
        Ok(defects)
    }
}

/// Makes rows of what fires.
struct Decisions<'a, 'v> {
    over_time: &'a OverTime<'a>,
    rows: Option<Rows>,
    kept: Option<&'a Kept<'a>>,
    visit: Visit<'v>,
    /// The error that ended the stage, if it was not its own.
    failed: Option<Error>,
}

impl Decisions<'_, '_> {
    fn fired(&mut self, fired: Fired) -> Result<(), Error> {
        let to_tell = match self.kept {
            Some(kept) => kept.tell(self.over_time, fired)?,
            None => Some(ToTell {
                named: fired.completed,
                shown: Vec::new(),
                fired,
            }),
        };
        let Some(ToTell {
            fired,
            named,
            shown,
        }) = to_tell
        else {
            return Ok(());
        };
        let Some(row) = self.over_time.row(&fired, named) else {
            return Ok(());
        };
        let mut events = Vec::new();
        if self.over_time.keeps_rows {
            let new = fired
                .events
                .iter()
                .filter(|mark| !shown.iter().any(|one| is_same((one, mark))));
            for mark in new {
                events.extend(self.event(mark, &row)?);
            }
        }
        (self.visit)(Answer { row, events })
    }

    /// Returns the row of an event of what fired.
    fn event(&mut self, mark: &Mark, of: &Alert) -> Result<Option<Alert>, Error> {
        let row = match (self.kept, &mut self.rows) {
            (Some(kept), _) => kept.row(mark.row)?,
            (None, Some(rows)) => Some(rows.get(mark.row).map_err(Error::temporary)?),
            (None, None) => None,
        };
        let row = row.map(|row| serde_json::from_slice::<Alert>(&row));
        let row = row
            .transpose()
            .map_err(|error| Error::temporary(error.into()))?;
        Ok(row.map(|row| row.as_event_of(of)))
    }

    /// Keeps an error, and has the stage end.
    fn ended(&mut self, result: Result<(), Error>) -> io::Result<()> {
        result.map_err(|error| {
            self.failed = Some(error);
            io::ErrorKind::Other.into()
        })
    }
}

impl Decide for Decisions<'_, '_> {
    fn fires(&mut self, fired: Fired) -> io::Result<()> {
        let result = self.fired(fired);
        self.ended(result)
    }

    fn spent(&mut self, kept: u64) -> io::Result<()> {
        let result = self.kept.map_or(Ok(()), |ledger| ledger.spend(kept));
        self.ended(result)
    }

    fn check(&mut self) -> io::Result<()> {
        let result = self.over_time.check_stop();
        self.ended(result)
    }
}
