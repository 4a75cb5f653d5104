//! One rule tried on the events of some files: for each event, which part of the condition held.

use crate::config::ScanConfig;
use crate::engine::{
    self, Analyzer, Candidate, Emit, Interest, Local, Location, ReadAll, Search, Sink, SizeBytes,
};
use crate::error::Error;
use crate::input::table::RowCriteria;
use crate::report::{Diagnostic, PassReport};
use crate::rule::{Condition, Step};

/// What came of a rule for one event.
#[derive(Debug)]
pub struct Trial {
    /// The file, and the log in it if it is an archive.
    pub log: String,
    /// The offset of the record in the text, in bytes.
    pub byte_offset: u64,
    /// The event's id, if it has one.
    pub event_id: Option<String>,
    /// The event's time, as the record has it.
    pub time: Option<String>,
    /// The event's action.
    pub action: Option<String>,
    /// Whether the rule matches.
    pub matches: bool,
    /// The parts of the condition, and what came of each.
    pub steps: Vec<Step>,
}

impl SizeBytes for Trial {
    fn size_bytes(&self) -> usize {
        let steps = self.steps.iter();
        let texts = steps.map(|step| {
            let values: usize = step.values.iter().map(String::len).sum();
            size_of::<Step>() + step.text.len() + values
        });
        size_of::<Self>() + self.log.len() + texts.sum::<usize>()
    }
}

/// Tries a condition on every event of an archive, in the order of the sources. `visit` gets what came of it.
///
/// # Errors
/// Those of a pass: no thread can be started, or the run was stopped. What cannot be read is in the report, and given
/// to `report`.
pub fn trial(
    scan: &ScanConfig,
    condition: &Condition,
    visit: &mut dyn FnMut(Trial),
    report: &mut dyn FnMut(&Diagnostic),
) -> Result<PassReport, Error> {
    let analyzer = Trier(condition);
    let mut sink = TrialSink { visit, report };
    engine::run(scan, ReadAll, &analyzer, &mut sink)
}

/// Tries a condition, on any thread.
#[derive(Clone, Copy)]
struct Trier<'a>(&'a Condition);

struct TrialSink<'a> {
    visit: &'a mut dyn FnMut(Trial),
    report: &'a mut dyn FnMut(&Diagnostic),
}

impl Analyzer for Trier<'_> {
    type Output = Trial;
    type Local<'a>
        = Trier<'a>
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        Interest {
            search: Search::Everything,
            rows: RowCriteria::default(),
            records: false,
            text: false,
        }
    }

    fn local(&self) -> Trier<'_> {
        *self
    }
}

impl Local for Trier<'_> {
    type Output = Trial;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Trial>) {
        let file = at.log.source.path.display();
        let log = match at.log.member {
            Some(member) => format!("{file}!{}", member.path),
            None => file.to_string(),
        };
        let event = &event.event;
        out.output(Trial {
            log,
            byte_offset: at.byte_offset,
            event_id: event.text("event.id"),
            time: event.text("@timestamp"),
            action: event.text("event.action"),
            matches: self.0.matches(event),
            steps: self.0.trace(event),
        });
    }
}

impl Sink<Trial> for TrialSink<'_> {
    fn take(&mut self, trial: Trial) -> Result<(), Error> {
        (self.visit)(trial);
        Ok(())
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        (self.report)(diagnostic);
    }
}
