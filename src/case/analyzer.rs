//! The analyzer for a pass of an investigation. It selects the events of the case and extracts the entities in each.

use std::sync::atomic::Ordering::Relaxed;

use crate::config::Progress;
use crate::engine::{Analyzer, Candidate, Emit, Interest, Local, Location, Search, SizeBytes};
use crate::event::Event;
use crate::follow::touched::touched;
use crate::follow::{CaseDetails, PassQuery, PassTarget, Quarantine};
use crate::hunt::companion::{Relations, row_rule};
use crate::hunt::row_event;
use crate::input::table::RowCriteria;
use crate::output::Alert;
use crate::output::rules::RowRule;
use crate::rule::Rule;

/// An event of a case, as a pass finds it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// Its row.
    pub(super) alert: Alert,
    /// Its data besides the row.
    pub(super) story: CaseDetails,
}

impl SizeBytes for Found {
    fn size_bytes(&self) -> usize {
        self.alert.size_bytes() + self.story.touched.size_bytes()
    }
}

/// Finds the events that belong to a case.
pub(super) struct CaseAnalyzer<'a> {
    followed: PassQuery,
    rule: RowRule<'a>,
    relations: Relations,
    progress: &'a Progress,
}

impl<'a> CaseAnalyzer<'a> {
    pub(super) fn new(followed: PassQuery, rule: &'a Rule, progress: &'a Progress) -> Self {
        Self {
            followed,
            rule: row_rule(rule),
            relations: Relations::new(rule),
            progress,
        }
    }

    /// Returns the relation of an event to a quarantine.
    fn quarantine(&self, event: &Event<'_>) -> Option<Quarantine> {
        if self.rule.rule().matches(event) {
            return Some(Quarantine::Made);
        }
        let relation = self.relations.of(event, &|| false);
        relation.map(Quarantine::Beside)
    }
}

impl Analyzer for CaseAnalyzer<'_> {
    type Output = Found;
    type Local<'a>
        = &'a Self
    where
        Self: 'a;

    fn interest(&self) -> Interest {
        Interest {
            search: Search::Names(self.followed.needles.clone()),
            // Any row may be related to a case.
            rows: RowCriteria::default(),
            records: false,
            text: false,
        }
    }

    fn local(&self) -> &Self {
        self
    }
}

impl Local for &CaseAnalyzer<'_> {
    type Output = Found;

    fn event(&mut self, event: &Candidate<'_>, at: &Location<'_>, out: &mut Emit<'_, Found>) {
        let Some(mut story) = self.followed.story(&event.event) else {
            return;
        };
        story.quarantine = self.quarantine(&event.event);
        // Of others at an address it is not shown.
        if matches!(self.followed.sought, PassTarget::CaseGraph(_)) {
            story.touched = touched(&event.event);
        }
        self.progress.n_results.fetch_add(1, Relaxed);
        let alert = Alert::new(&self.rule, &row_event(event, at));
        out.output(Found { alert, story });
    }
}
