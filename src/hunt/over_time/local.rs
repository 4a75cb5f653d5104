//! Events -> tuples, on each thread.

use super::super::finding::{Finding, FoundOverTime};
use super::super::judge::{Judged, Verdict, candidates};
use super::super::tally::Suppressed;
use super::OverTime;
use crate::engine::Emit;
use crate::output::{Alert, RowEvent};
use crate::over_time::{Moment, Plan};
use crate::report::{Code, Defect};
use crate::rule::over_time::digest;

/// The state of rules over several events on one thread.
#[derive(Debug)]
pub(in super::super) struct LocalOverTime<'a> {
    over_time: &'a OverTime<'a>,
    /// The places of the parts that the event may match.
    candidates: Vec<u16>,
}

impl OverTime<'_> {
    /// Returns the state for one thread.
    pub(in super::super) fn local(&self) -> LocalOverTime<'_> {
        LocalOverTime {
            over_time: self,
            candidates: Vec::new(),
        }
    }
}

impl LocalOverTime<'_> {
    /// Takes an event.
    pub(in super::super) fn event(
        &mut self,
        judged: &Judged<'_>,
        suppressed: &mut Suppressed,
        out: &mut Emit<'_, Finding>,
    ) {
        let over_time = self.over_time;
        let parts = &over_time.parts;
        let found = &mut self.candidates;
        candidates(parts.len(), judged, found, |found| {
            over_time.table.candidates(judged.event(), found);
        });
        let mut tuples = Vec::new();
        let mut moment: Option<Option<Moment>> = None;
        let mut row = None;
        for number in found.iter() {
            let Some(part) = parts.get(usize::from(*number)) else {
                continue;
            };
            if part.rule.judge(over_time.set, judged, suppressed, out) != Verdict::Alert {
                continue;
            }
            let Some(moment) = moment.get_or_insert_with(|| moment_of(&judged.row(), out)) else {
                continue;
            };
            let of = part.of;
            let mut add = |tuple| tuples.push(tuple);
            Plan::tuples_of(of.rule, of.place, of.part, judged.fields, moment, &mut add);
            if over_time.keeps_rows && row.is_none() {
                row = Some(Alert::new(&part.rule.row, &judged.row()));
            }
        }
        if !tuples.is_empty() {
            out.output(Finding::OverTime(Box::new(FoundOverTime { tuples, row })));
        }
    }
}

/// Returns when an event happened. If this is not known, it is reported.
fn moment_of(row: &RowEvent<'_>, out: &mut Emit<'_, Finding>) -> Option<Moment> {
    let id = row.event.text("event.id").filter(|id| !id.is_empty());
    let key = match &id {
        Some(id) => digest(&format!("id:{id}")),
        None => digest(&format!("record:{}", String::from_utf8_lossy(row.raw))),
    };
    let Some(time) = row.event.time_micros() else {
        let message = "a rule over several events is about an event whose time cannot be read";
        let code = Code::EventTimeUnreadable;
        out.report(Defect::text(
            code,
            row.place.byte_offset,
            message.to_owned(),
        ));
        return None;
    };
    Some(Moment {
        time,
        // It is known when the events come in their order.
        place: 0,
        key,
        id,
    })
}
