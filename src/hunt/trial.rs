//! One rule tried on the events of some files: for each event, what a hunt makes of it, and which part of the condition
//! held.

use super::companion;
use super::judge::{HuntRule, Judged, Verdict};
use crate::config::ScanConfig;
use crate::engine::{
    self, Analyzer, Candidate, Emit, Interest, Local, Location, ReadAll, Search, Sink, SizeBytes,
};
use crate::error::Error;
use crate::input::table::RowCriteria;
use crate::report::{Diagnostic, PassReport};
use crate::rule::{Rule, Step};

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
    /// Whether it is an alert of the rule.
    pub matches: bool,
    /// Why it cannot be decided whether the event is an alert. Empty if it can.
    pub undecided: Vec<String>,
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
        let undecided = self.undecided.iter().map(String::len);
        size_of::<Self>() + self.log.len() + texts.chain(undecided).sum::<usize>()
    }
}

/// Tries a rule on every event of an archive, in the order of the sources. `visit` gets what came of it.
///
/// # Errors
/// Those of a pass: no thread can be started, or the run was stopped. What cannot be read is in the report, and given
/// to `report`.
pub fn trial(
    scan: &ScanConfig,
    rule: &Rule,
    visit: &mut dyn FnMut(Trial),
    report: &mut dyn FnMut(&Diagnostic),
) -> Result<PassReport, Error> {
    let analyzer = Trier(HuntRule::new(companion::row_rule(rule), String::new()));
    let mut sink = TrialSink { visit, report };
    engine::run(scan, ReadAll, &analyzer, &mut sink)
}

/// Tries a rule, on any thread.
struct Trier<'a>(HuntRule<'a>);

struct TrialSink<'a> {
    visit: &'a mut dyn FnMut(Trial),
    report: &'a mut dyn FnMut(&Diagnostic),
}

impl Analyzer for Trier<'_> {
    type Output = Trial;
    type Local<'a>
        = &'a Self
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

    fn local(&self) -> &Self {
        self
    }
}

impl Local for &Trier<'_> {
    type Output = Trial;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Trial>) {
        let file = at.log.source.path.display();
        let log = match at.log.member {
            Some(member) => format!("{file}!{}", member.path),
            None => file.to_string(),
        };
        let (verdict, undecided) = self.0.verdict(&Judged::new(event, at, &event.event));
        let event = &event.event;
        out.output(Trial {
            log,
            byte_offset: at.byte_offset,
            event_id: event.text("event.id"),
            time: event.text("@timestamp"),
            action: event.text("event.action"),
            matches: verdict == Verdict::Alert,
            undecided,
            steps: self.0.row.rule().query().trace(event),
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
