//! Counts events in any pass.

use std::collections::BTreeMap;

use super::cells::{Counted, Hours, Part};
use super::count::{Counter, parsed};
use super::trail::TrailEvent;
use crate::custody::{NameKey, Origin, is_delivered, log_name, place_of};
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Log};
use crate::engine::{RawRecord, Search, TextPart};
use crate::event::Event;
use crate::input::Source;
use crate::input::table::RowCriteria;
use crate::scan::each_event;

/// Counts the events of an archive by account, region and hour.
#[derive(Debug, Clone, Copy, Default)]
pub struct CoverageAnalyzer {
    /// True if only files with names as CloudTrail delivers them are counted.
    pub is_of_delivered: bool,
}

impl Analyzer for CoverageAnalyzer {
    type Output = Counted;
    type Local<'a> = LocalCoverage;

    fn interest(&self) -> Interest {
        Interest {
            search: Search::Nothing,
            rows: RowCriteria::default(),
            records: !self.is_of_delivered,
            text: true,
        }
    }

    fn wants_text(&self, source: &Source) -> bool {
        !self.is_of_delivered || is_delivered(&source.below_root.to_string_lossy())
    }

    fn local(&self) -> LocalCoverage {
        LocalCoverage::new(self.is_of_delivered)
    }
}

/// The state of the analyzer on one thread.
#[derive(Debug, Default)]
pub struct LocalCoverage {
    is_of_delivered: bool,
    n_bytes: u64,
    /// True if the log is begun, and `origin` is what its name says.
    is_begun: bool,
    /// The account and region of the log, if its name says so.
    origin: Option<Origin>,
    counter: Counter,
    /// The events by a parse, if the count may be wrong.
    parsed: Option<(Hours, Vec<TrailEvent>)>,
    /// The events of a log without a name that says what it is of.
    parts: BTreeMap<Origin, Hours>,
}

impl LocalCoverage {
    fn new(is_of_delivered: bool) -> Self {
        Self {
            is_of_delivered,
            ..Self::default()
        }
    }

    /// Begins a log, with its first text or record.
    fn begin(&mut self, log: &Log<'_>) {
        let is_begun = std::mem::replace(&mut self.is_begun, true);
        let is_passed_over = self.is_of_delivered && log.member.is_some();
        if !is_begun && !is_passed_over {
            self.origin = origin_of(log);
        }
    }
}

/// Returns the account and the region that the name of a log says.
fn origin_of(log: &Log<'_>) -> Option<Origin> {
    let of_source;
    let name = match log.member {
        Some(member) => member.path.as_str(),
        None => {
            of_source = log.source.below_root.to_string_lossy();
            &of_source
        }
    };
    let name = log_name(name)?;
    Some((name.account.to_owned(), name.region.to_ascii_lowercase()))
}

/// Returns the account and the region of an event.
fn origin_of_event(event: &Event<'_>) -> Origin {
    let account = event.text("aws.cloudtrail.recipient_account_id");
    let account = account.or_else(|| event.text("cloud.account.id"));
    let region = event.text("cloud.region");
    (account.unwrap_or_default(), region.unwrap_or_default())
}

impl Local for LocalCoverage {
    type Output = Counted;

    fn event(&mut self, _: &Candidate<'_>, _: &Location<'_>, _: &mut Emit<'_, Counted>) {}

    fn wants_records(&self, log: &Log<'_>) -> bool {
        !self.is_of_delivered && origin_of(log).is_none()
    }

    fn record(&mut self, record: &RawRecord<'_>, at: &Location<'_>, out: &mut Emit<'_, Counted>) {
        self.begin(&at.log);
        if self.origin.is_some() || self.is_of_delivered {
            return;
        }
        let parts = &mut self.parts;
        // What is no JSON is reported by those who look for something in it.
        each_event(record.bytes, &mut |event| {
            if let Some(micros) = event.time_micros() {
                let hours = parts.entry(origin_of_event(event)).or_default();
                hours.add(micros.div_euclid(1_000_000));
            }
            if let Some(event) = TrailEvent::of(event) {
                out.output(Counted(Part::Event(Box::new(event))));
            }
        });
    }

    fn text(&mut self, text: &TextPart<'_>, log: &Log<'_>, _: &mut Emit<'_, Counted>) {
        self.begin(log);
        let is_first = self.n_bytes == 0;
        let TextPart { bytes: text, times } = *text;
        self.n_bytes += text.len() as u64;
        if self.origin.is_none() {
            return;
        }
        match times {
            Some(times) => self.counter.add_whole(text, times),
            None => self.counter.add(text),
        }
        // Nearly every log comes as a whole.
        let is_doubtful = is_first && self.counter.is_doubtful(text);
        self.parsed = is_doubtful.then(|| parsed(text)).flatten();
    }

    fn end_of_log(&mut self, log: &Log<'_>, out: &mut Emit<'_, Counted>) {
        let state = std::mem::replace(self, Self::new(self.is_of_delivered));
        let name = state.origin.as_ref().map(|_| NameKey::of(&place_of(log)));
        let mut parts: Vec<(Origin, Hours)> = match state.origin {
            Some(origin) => {
                let mut counter = state.counter;
                counter.finish();
                let (hours, events) = state.parsed.unwrap_or((counter.hours, counter.events));
                for mut event in events {
                    if event.account.is_empty() {
                        event.account.clone_from(&origin.0);
                    }
                    if event.region.is_empty() {
                        event.region.clone_from(&origin.1);
                    }
                    out.output(Counted(Part::Event(Box::new(event))));
                }
                vec![(origin, hours)]
            }
            None => state.parts.into_iter().collect(),
        };
        parts.retain(|(_, hours)| !hours.0.is_empty());
        if let Some((_, hours)) = parts.first_mut() {
            hours.count_file(state.n_bytes);
            out.output(Counted(Part::Log { name, parts }));
        }
    }

    fn end(&mut self, _: &mut Emit<'_, Counted>) {
        *self = Self::new(self.is_of_delivered);
    }
}
