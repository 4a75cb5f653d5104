//! Reports again what an earlier run could not read, as long as it keeps the runs after it from being complete.

use std::collections::BTreeSet;

use super::{Notice, journal};
use crate::error::Error;
use crate::ledger::Ledger;
use crate::report::{Diagnostic, PassReport, Severity};

/// Reports the errors of these sources, as the ledger has them.
pub(super) fn report(
    ledger: Option<&Ledger>,
    known_partial: &BTreeSet<Vec<u8>>,
    report: &mut PassReport,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<(), Error> {
    let Some(ledger) = ledger.filter(|_| !known_partial.is_empty()) else {
        return Ok(());
    };
    let mut report_one = |mut diagnostic: Diagnostic| {
        diagnostic.message = format!("known from an earlier run: {}", diagnostic.message);
        notify(Notice::Diagnostic(&diagnostic));
        report.add_diagnostic(diagnostic);
    };
    let visited = ledger.each_failure(&mut |path, diagnostics| {
        let errors = diagnostics.into_iter();
        let errors = errors.filter(|one| one.severity == Severity::Error);
        if known_partial.contains(&path) {
            errors.for_each(&mut report_one);
        }
    });
    visited.map_err(journal::failed(ledger.path()))
}
