//! The result of a hunt, for people: a few lines.

use indicatif::{BinaryBytes, HumanCount};
use trailsift::config::HuntConfig;
use trailsift::report::{Code, RelatedCounts, Relation, Report, RuleReports, Severity, Stats};

use super::fold::folded;
use super::outputs;
use super::table::Room;
use super::terminal::{self, green, harmless, red, yellow};

/// Prints the summary to standard error.
pub(super) fn show(report: &Report, config: &HuntConfig) {
    let room = Room::of_stderr();
    for (name, text) in lines(report, config) {
        let mut label = name;
        let lines = match name {
            "related" => super::case_summary::wrapped(&text),
            _ => vec![text],
        };
        for line in lines {
            let line = folded(&format!("{label:<11} {line}"), INDENT, room);
            terminal::line(&line.replace(NO_BREAK, " "));
            label = "";
        }
    }
}

/// Number of columns before a text.
const INDENT: usize = 12;
/// A space at which no line ends.
const NO_BREAK: &str = "\u{a0}";

fn related(counts: &RelatedCounts) -> String {
    let all = Relation::ALL.map(|relation| (relation, counts.of(relation)));
    let some = all.iter().filter(|(_, n)| *n > 0);
    let words: Vec<_> = some
        .map(|(relation, n)| format!("{}{NO_BREAK}{relation}", HumanCount(*n)))
        .collect();
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    }
}

fn lines(report: &Report, config: &HuntConfig) -> Vec<(&'static str, String)> {
    let count = HumanCount;
    let (sources, stats) = (&report.sources, &report.stats);
    let alerts = match report.alerts {
        0 => "none".to_owned(),
        n => red(&count(n).to_string()),
    };
    let mut files = format!("{} read", count(sources.read + sources.empty));
    for (n, what) in [
        (sources.empty, "of them empty"),
        (sources.partial, "read in part"),
        (sources.failed, "not read"),
        (sources.known, "done before"),
        (sources.known_partial, "of these only in part"),
        (sources.repeated, "under two paths"),
        (sources.links_not_followed, "links not followed"),
        (sources.folders_passed_over, "folders passed over"),
        (sources.without_events, "without events"),
        (sources.excluded, "excluded"),
        (stats.entries_excluded, "entries of archives excluded"),
    ] {
        if n > 0 {
            files += &format!(", {} {what}", count(n));
        }
    }
    let rate = u128::from(stats.text_bytes) * 1000 / u128::from(report.elapsed_ms.max(1));
    let output = &config.output;
    let beside = output.related.iter().chain(&output.events);
    let beside = beside.map(|(destination, _)| destination);
    let destinations = std::iter::once(&output.destination).chain(beside);
    let outputs = report.outputs.iter().zip(destinations);
    let outputs = outputs.map(|(placed, to)| outputs::text(placed, &to.name(), report));
    let outputs: Vec<String> = outputs.map(|text| harmless(&text, usize::MAX)).collect();
    let mut lines = vec![("alerts", alerts)];
    if report.rules.is_listed() {
        lines.push(("rules", rules(report)));
    }
    lines.extend([
        ("events", events(report) + of_all(config)),
        ("files", files),
        (
            "bytes",
            format!(
                "{} as stored, {} of text",
                BinaryBytes(stats.stored_bytes),
                BinaryBytes(stats.text_bytes)
            ),
        ),
        (
            "time",
            format!(
                "{:.3} s, {}/s of text",
                std::time::Duration::from_millis(report.elapsed_ms).as_secs_f64(),
                BinaryBytes(u64::try_from(rate).unwrap_or(u64::MAX))
            ),
        ),
        ("candidates", candidates(stats)),
    ]);
    lines.extend(report.related.iter().map(|n| ("related", related(n))));
    lines.extend([
        ("complete", complete(report)),
        ("written", outputs.join(", ")),
    ]);
    lines
}

fn rules(report: &Report) -> String {
    let RuleReports { rules, refused, .. } = &report.rules;
    let mut text = format!("{} run", HumanCount(rules.len() as u64));
    let n_approximate = rules.iter().filter(|rule| !rule.notes.is_empty()).count();
    if n_approximate > 0 {
        text += &format!(
            ", {} of them approximately",
            HumanCount(n_approximate as u64)
        );
    }
    if !refused.is_empty() {
        text += &format!(
            ", {} refused (list: trailsift rules list --refused)",
            HumanCount(refused.len() as u64)
        );
    }
    text
}

fn candidates(stats: &Stats) -> String {
    let mut text = format!(
        "{} that may match, {} events in them checked",
        HumanCount(stats.candidates),
        HumanCount(stats.events_judged)
    );
    if stats.events_outside > 0 {
        text += &format!(
            ", {} of them of other times, accounts or regions",
            HumanCount(stats.events_outside)
        );
    }
    text
}

/// Returns whose events are counted, if only those of some accounts or regions are judged: events are counted without
/// being parsed.
fn of_all(config: &HuntConfig) -> &'static str {
    let wanted = &config.scan.wanted;
    match (wanted.accounts.is_empty(), wanted.regions.is_empty()) {
        (true, true) => "",
        (false, true) => ", of all accounts in these files",
        (true, false) => ", of all regions in these files",
        (false, false) => ", of all accounts and regions in these files",
    }
}

fn events(report: &Report) -> String {
    let (sources, stats) = (&report.sources, &report.stats);
    let n_events = match stats.events_read {
        0 if sources.known > 0 && sources.known == sources.found => {
            return "none: all files were read by earlier runs".to_owned();
        }
        0 => return yellow("no CloudTrail events were read"),
        n => HumanCount(n),
    };
    let time = |micros: Option<i64>| {
        let time = jiff::Timestamp::from_microsecond(micros?).ok()?;
        Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    let times = &stats.event_times;
    match (time(times.first()), time(times.last())) {
        (Some(first), Some(last)) => format!("{n_events} read, from {first} to {last}"),
        _ => format!("{n_events} read, without times that can be read"),
    }
}

fn complete(report: &Report) -> String {
    let severity_of = |code: &Code| match code {
        // If a run without events is allowed, this is a note.
        Code::NoEvents if report.complete => Severity::Info,
        code => code.severity(),
    };
    let kinds = |severity: Severity| {
        let kinds = report.diagnostics_by_code.iter();
        let kinds = kinds.filter(|(code, _)| severity_of(code) == severity);
        kinds
            .map(|(code, n)| format!("{n} {}", code.name()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let mut text = match report.complete {
        true => format!("{}: everything was read", green("yes")),
        false => {
            let before = (report.sources.known_partial > 0).then(|| {
                "earlier runs read some files only in part (list: trailsift state --failed)"
                    .to_owned()
            });
            let now = Some(kinds(Severity::Error)).filter(|kinds| !kinds.is_empty());
            let reasons: Vec<String> = now.into_iter().chain(before).collect();
            format!("{}: {}", red("no"), reasons.join("; "))
        }
    };
    let (warnings, notes) = (kinds(Severity::Warning), kinds(Severity::Info));
    if !warnings.is_empty() {
        text += &format!(" ({}: {warnings})", yellow("warnings"));
    }
    if !notes.is_empty() {
        text += &format!(" (notes: {notes})");
    }
    text
}
