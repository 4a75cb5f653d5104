//! The sink's side: the turns, emptied in their order.

use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;

use crossbeam_channel::Receiver;

use super::{Message, Notice, Turn};
use crate::config::HuntConfig;
use crate::error::Error;
use crate::output::Alert;
use crate::output::destination::Output;
use crate::report::{Defect, Diagnostic, Outcome, Report, Stats, Tally};
use crate::worker::SourceReport;

/// Writes the alerts and tells the defects of all turns.
pub(super) fn collect(
    turns: Receiver<Turn>,
    output: &mut Output,
    report: &mut Report,
    config: &HuntConfig,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<(), Error> {
    let mut sink = Sink {
        output,
        report,
        config,
        notify,
    };
    for turn in turns {
        match turn {
            Turn::Batch(messages) => sink.messages(&messages, None)?,
            Turn::Large(path, pieces) => {
                let mut whole = SourceReport::default();
                for messages in pieces {
                    sink.messages(&messages, Some(&mut whole))?;
                }
                sink.source(&path, whole);
            }
            Turn::Defect(path, defect) => {
                let mut tally = Tally::default();
                tally.add(Outcome::Failed, Stats::default());
                sink.report.add_sources(&tally);
                sink.tell(&path, defect);
            }
            Turn::Link => sink.report.sources.links_not_followed += 1,
            Turn::Repeated => sink.report.sources.repeated += 1,
        }
        sink.check_stop()?;
    }
    Ok(())
}

struct Sink<'a> {
    output: &'a mut Output,
    report: &'a mut Report,
    config: &'a HuntConfig,
    notify: &'a mut dyn FnMut(Notice<'_>),
}

impl Sink<'_> {
    fn messages(
        &mut self,
        messages: &Receiver<Message>,
        mut whole: Option<&mut SourceReport>,
    ) -> Result<(), Error> {
        for message in messages {
            self.check_stop()?;
            match message {
                Message::Alerts(alerts) => {
                    for alert in alerts {
                        self.alert(alert)?;
                    }
                }
                Message::Tally(tally) => self.report.add_sources(&tally),
                Message::Source(path, source) => self.source(&path, source),
                Message::Piece(piece) => {
                    if let Some(whole) = &mut whole {
                        whole.add(piece);
                    }
                }
            }
        }
        Ok(())
    }

    fn check_stop(&self) -> Result<(), Error> {
        match self.config.progress.stop.load(Relaxed) {
            true => Err(Error::Interrupted),
            false => Ok(()),
        }
    }

    fn alert(&mut self, alert: Alert) -> Result<(), Error> {
        (self.notify)(Notice::Alert(&alert));
        self.output.append(alert)?;
        self.report.alerts += 1;
        Ok(())
    }

    fn source(&mut self, path: &Path, source: SourceReport) {
        let (outcome, stats, defects) = source.finish();
        let mut tally = Tally::default();
        tally.add(outcome, stats);
        self.report.add_sources(&tally);
        for defect in defects {
            self.tell(path, defect);
        }
    }

    fn tell(&mut self, path: &Path, defect: Defect) {
        let diagnostic = Diagnostic::new(&path.to_string_lossy(), defect);
        (self.notify)(Notice::Diagnostic(&diagnostic));
        self.report.add_diagnostic(diagnostic);
    }
}
