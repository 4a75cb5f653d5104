//! The rounds of an investigation: each a hunt through the same archive with other needles.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use super::about::{LookedFor, Round};
use super::archive::Archive;
use crate::config::HuntConfig;
use crate::error::Error;
use crate::follow::{Followed, Sought};
use crate::output::Alert;
use crate::pipeline::{self, Notice};
use crate::report::{DIAGNOSTICS_KEPT, Diagnostic, Report};

/// What the rounds came to so far.
pub(super) struct Rounds<'a> {
    hunt: &'a HuntConfig,
    notify: &'a mut dyn FnMut(Notice<'_>),
    /// What the first one found to read.
    pub(super) archive: Archive,
    pub(super) done: Vec<Round>,
    /// The report of the first one, which read all there is.
    pub(super) first: Option<Report>,
    /// Whether each read all that it was to read.
    pub(super) is_whole: bool,
    pub(super) diagnostics: Vec<Diagnostic>,
    /// By their texts: each round meets them again.
    told: BTreeSet<String>,
}

impl<'a> Rounds<'a> {
    pub(super) fn new(hunt: &'a HuntConfig, notify: &'a mut dyn FnMut(Notice<'_>)) -> Self {
        Self {
            hunt,
            notify,
            archive: Archive::default(),
            done: Vec::new(),
            first: None,
            is_whole: true,
            diagnostics: Vec::new(),
            told: BTreeSet::new(),
        }
    }

    /// Looks for something in what may hold events from a time on, and gives what is found to `visit`.
    pub(super) fn run(
        &mut self,
        followed: Followed,
        since: Option<Timestamp>,
        visit: &mut dyn FnMut(&Alert),
    ) -> Result<(), Error> {
        let looked_for = match followed.sought {
            Sought::Known(_) => LookedFor::Names,
            Sought::From(_) => LookedFor::Addresses,
        };
        let needles = followed.needles.len();
        let mut hunt = self.hunt.clone();
        hunt.followed = Some(Arc::new(followed));
        hunt.wanted.since = hunt.wanted.since.max(since);
        hunt.progress.begin_again();
        let mut listed = self.first.is_none().then(Vec::new);
        if self.first.is_some() {
            hunt.roots = vec![self.archive.from(since, &self.hunt.wanted)];
        }
        let Self {
            notify,
            diagnostics,
            told,
            ..
        } = self;
        let report = pipeline::run_and_list(&hunt, listed.as_mut(), &mut |notice| {
            if let Notice::Alert(alert) = &notice {
                return visit(alert);
            }
            if let Notice::Diagnostic(diagnostic) = &notice {
                if !told.insert(diagnostic.to_string()) {
                    return;
                }
                if diagnostics.len() < DIAGNOSTICS_KEPT {
                    diagnostics.push((*diagnostic).clone());
                }
            }
            notify(notice);
        })?;
        if let Some(sources) = listed {
            self.archive = Archive::new(sources);
        }
        self.done.push(Round {
            looked_for,
            needles,
            sources: report.sources.found,
            events: 0,
            elapsed_ms: report.elapsed_ms,
        });
        self.is_whole &= report.complete;
        self.first.get_or_insert(report);
        Ok(())
    }

    /// Says how many events the last one found.
    pub(super) fn found(&mut self, n_events: u64) {
        if let Some(round) = self.done.last_mut() {
            round.events = n_events;
        }
    }
}
