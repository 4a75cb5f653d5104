//! Tuples, in the order of the sources -> the rows of what fires.

use std::io;

use super::super::finding::FoundOverTime;
use super::OverTime;
use crate::error::Error;
use crate::output::rules::RowRule;
use crate::output::{Alert, FiredEvents};
use crate::over_time::{Fired, Mark, Rows, Stage};

/// Collects the events of rules over several events, and finds out what fires.
#[derive(Debug)]
pub(in super::super) struct Answers<'a> {
    over_time: &'a OverTime<'a>,
    stage: Stage<'a>,
    /// The number of events taken.
    n_events: u64,
    /// The rows of all events that may be a part of what fires, if they are requested.
    rows: Option<Rows>,
}

/// What fired: its row, and the rows of its events if they are requested.
pub(in super::super) struct Answer {
    pub(in super::super) row: Alert,
    pub(in super::super) events: Vec<Alert>,
}

impl OverTime<'_> {
    /// Returns what collects the events.
    pub(in super::super) fn answers(&self) -> Result<Answers<'_>, Error> {
        let rows = self.keeps_rows.then(Rows::new).transpose();
        Ok(Answers {
            over_time: self,
            stage: Stage::new(&self.plan, self.limits),
            n_events: 0,
            rows: rows.map_err(temporary)?,
        })
    }

    /// Returns the row of what fired.
    fn row(&self, fired: &Fired) -> Option<Alert> {
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
        Some(Alert::of_fired(index, &name, events))
    }
}

impl Answers<'_> {
    /// Takes an event. All events before it in the order of sources must have been taken before.
    pub(in super::super) fn take(&mut self, found: FoundOverTime) -> Result<(), Error> {
        let row = match (&mut self.rows, found.row) {
            (Some(rows), Some(row)) => {
                let row = serde_json::to_vec(&row).map_err(io::Error::from);
                row.and_then(|row| rows.push(&row)).map_err(temporary)?
            }
            _ => 0,
        };
        self.n_events += 1;
        for mut tuple in found.tuples {
            tuple.set_place(self.n_events, row);
            self.stage.push(tuple).map_err(temporary)?;
        }
        Ok(())
    }

    /// Calls `visit` with what fires.
    pub(in super::super) fn finish(
        self,
        visit: &mut dyn FnMut(Answer) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self {
            over_time,
            stage,
            mut rows,
            n_events: _,
        } = self;
        let mut failed = None;
        let finished = stage.finish(&mut |fired| {
            let Some(row) = over_time.row(&fired) else {
                return Ok(());
            };
            let events = match &mut rows {
                Some(rows) => events(rows, &fired.events, &row)?,
                None => Vec::new(),
            };
            visit(Answer { row, events }).map_err(|error| {
                failed = Some(error);
                io::ErrorKind::Other.into()
            })
        });
        match (finished, failed) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(error)) => Err(error),
            (Err(error), None) => Err(temporary(error)),
        }
    }
}

/// Returns the rows of the events of what fired.
fn events(rows: &mut Rows, marks: &[Mark], of: &Alert) -> io::Result<Vec<Alert>> {
    let events = marks.iter().map(|mark| {
        let event: Alert = serde_json::from_slice(&rows.get(mark.row)?)?;
        Ok(event.as_event_of(of))
    });
    events.collect()
}

fn temporary(source: io::Error) -> Error {
    Error::Temporary { source }
}
