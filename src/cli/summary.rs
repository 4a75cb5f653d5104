//! What came of a hunt, for people: a table of the alerts and a few lines.

use comfy_table::{ContentArrangement, Table, presets};
use indicatif::{BinaryBytes, HumanCount};
use trailsift::output::{Alert, Destination};
use trailsift::report::{Code, Report};

use super::terminal::{self, green, harmless, red, yellow};

/// Characters of a value in the table.
const CELL_CHARS: usize = 60;

/// Shows the table and the summary on standard error.
pub(super) fn show(report: &Report, shown: &[Alert], destination: &Destination) {
    if !shown.is_empty() {
        terminal::line(&table(shown).to_string());
        let n_more = report.alerts - shown.len() as u64;
        if n_more > 0 {
            terminal::line(&format!("and {} more", HumanCount(n_more)));
        }
    }
    for (name, text) in lines(report, destination) {
        terminal::line(&format!("{name:<11} {text}"));
    }
}

fn table(alerts: &[Alert]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header([
            "time",
            "account",
            "user",
            "policy",
            "actor",
            "source address",
        ]);
    if let Some((width, _)) = terminal_size::terminal_size_of(std::io::stderr()) {
        table.set_width(width.0);
    }
    for alert in alerts {
        let actor = ["actor_arn", "actor_name", "invoked_by", "actor_type"];
        let cells = [
            alert.text("event_time_text"),
            alert.text("account_id"),
            alert.text("target_user_name"),
            alert.text("policy_name"),
            actor.iter().find_map(|column| alert.text(column)),
            alert.text("source_address"),
        ];
        table.add_row(cells.map(|cell| cell.map_or("-".into(), |text| harmless(text, CELL_CHARS))));
    }
    table
}

fn lines(report: &Report, destination: &Destination) -> Vec<(&'static str, String)> {
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
        (sources.repeated, "met twice"),
        (sources.links_not_followed, "links not followed"),
    ] {
        if n > 0 {
            files += &format!(", {} {what}", count(n));
        }
    }
    let rate = u128::from(stats.text_bytes) * 1000 / u128::from(report.elapsed_ms.max(1));
    let output = match destination {
        Destination::File(path) => path.display().to_string(),
        Destination::Stdout => "standard output".to_owned(),
    };
    vec![
        ("alerts", alerts),
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
        (
            "candidates",
            format!(
                "{}, {} events in them judged",
                count(stats.candidates),
                count(stats.events_judged)
            ),
        ),
        ("complete", complete(report)),
        ("written", output),
    ]
}

fn complete(report: &Report) -> String {
    let kinds = |by: fn(Code) -> bool| {
        let kinds = report
            .diagnostics_by_code
            .iter()
            .filter(|(code, _)| by(**code));
        kinds
            .map(|(code, n)| format!("{n} {}", code.name()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let is_error = |code: Code| code.severity() == trailsift::report::Severity::Error;
    let is_warning = |code: Code| code.severity() == trailsift::report::Severity::Warning;
    let mut text = match report.complete {
        true => format!("{}: everything was read", green("yes")),
        false => format!("{}: {}", red("no"), kinds(is_error)),
    };
    let warnings = kinds(is_warning);
    if !warnings.is_empty() {
        text += &format!(" ({}: {warnings})", yellow("warnings"));
    }
    text
}
