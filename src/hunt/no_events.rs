//! Reports a run that read no CloudTrail event, because its result of zero alerts then proves nothing.

use std::path::Path;

use super::{Notice, journal};
use crate::config::HuntConfig;
use crate::error::Error;
use crate::input::Root;
use crate::ledger::Ledger;
use crate::report::{Code, Defect, Diagnostic, PassReport, Severity};

/// Reports that no event was read, unless that is expected.
pub(super) fn report(
    config: &HuntConfig,
    ledger: Option<&Ledger>,
    report: &mut PassReport,
    n_alerts: u64,
    notify: &mut dyn FnMut(Notice<'_>),
) -> Result<(), Error> {
    let has_earlier = ledger.map_or(Ok(false), Ledger::has_events);
    let state = config.state.as_deref().unwrap_or(Path::new(""));
    let has_earlier = has_earlier.map_err(journal::failed(state))?;
    if let Some(diagnostic) = diagnostic(report, n_alerts, config, has_earlier) {
        notify(Notice::Diagnostic(&diagnostic));
        report.add_diagnostic(diagnostic);
    }
    Ok(())
}

/// Returns the diagnostic of a run without events, unless that is expected: for a shard, or for a night on which
/// nothing is new after runs that read events (`has_earlier`).
fn diagnostic(
    report: &PassReport,
    n_alerts: u64,
    config: &HuntConfig,
    has_earlier: bool,
) -> Option<Diagnostic> {
    let is_shard = |root: &Root| match root {
        Root::Manifest(manifest) => manifest.shard.is_some_and(|shard| shard.count > 1),
        Root::Path(_) | Root::Stdin | Root::List(_) | Root::Sources(_) => false,
    };
    let roots = &config.scan.roots;
    if has_earlier || roots.iter().any(is_shard) {
        return None;
    }
    let reason = reason(report, n_alerts, config)?;
    let roots = roots.iter().map(Root::name).collect::<Vec<_>>();
    let defect = Defect::new(Code::NoEvents, reason);
    let mut diagnostic = Diagnostic::new(&roots.join(", "), defect);
    if config.allows_no_events {
        diagnostic.severity = Severity::Info;
    }
    Some(diagnostic)
}

/// Returns the reason why the run has no event on which it could report, or `None` if it has such events.
fn reason(report: &PassReport, n_alerts: u64, config: &HuntConfig) -> Option<String> {
    let (sources, stats) = (&report.sources, &report.stats);
    let times = &stats.event_times;
    if stats.events_read > 0 {
        if n_alerts > 0 {
            // Events whose time cannot be read are selected, too.
            return None;
        }
        let (first, last) = (times.first()?, times.last()?);
        let wanted = &config.scan.wanted;
        let is_before = (wanted.since).is_some_and(|since| last < since.as_microsecond());
        let is_after = (wanted.until).is_some_and(|until| first >= until.as_microsecond());
        let time = |micros| jiff::Timestamp::from_microsecond(micros).map(|time| time.to_string());
        return (is_before || is_after).then(|| {
            format!(
                "no CloudTrail event is of the requested times: those that were read are from {} to {}",
                time(first).unwrap_or_default(),
                time(last).unwrap_or_default()
            )
        });
    }
    let n_read = sources.read + sources.partial;
    let why = if sources.found == 0 && sources.folders_passed_over > 0 {
        format!(
            "all of it was filtered out ({} folders were passed over)",
            sources.folders_passed_over
        )
    } else if sources.found == 0 {
        "nothing was found".to_owned()
    } else if n_read == 0 && sources.failed > 0 {
        "nothing could be read".to_owned()
    } else if n_read == 0 {
        "what was found is empty".to_owned()
    } else if stats.documents_without_events > 0 {
        "what was read holds other documents, such as digests or notifications".to_owned()
    } else {
        "what was read is not CloudTrail, or holds no event".to_owned()
    };
    Some(format!("no CloudTrail events were read: {why}"))
}
