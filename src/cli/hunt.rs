//! `trailsift hunt`.

use std::io::{BufRead as _, IsTerminal as _};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};

use anyhow::Context as _;
use indicatif::{BinaryBytes, HumanCount};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;
use trailsift::Error;
use trailsift::config::{HuntConfig, Progress, random_run_id};
use trailsift::hunt::{self, Notice, RunOptions};
use trailsift::input::discover::Root;
use trailsift::output::{Alert, Destination, Target};
use trailsift::report::{Report, RuleName, Severity};
use trailsift::rule::load;
use trailsift::store::Uri;

use super::args::{HuntArgs, LogFormat};
use super::exit::Exit;
use super::progress::{Bar, Counted};
use super::table::{AlertTable, FoundByRule, Room};
use super::usage::usage;
use super::{
    dataset, dry_run, messages, next_step, outputs, print_json, print_styled, resolve, summary,
    survey, terminal,
};

/// Runs a hunt and reports the result.
pub(super) fn run(mut args: HuntArgs) -> anyhow::Result<Exit> {
    args.rules.log_format = args.messages.log_format;
    if args.output.overwrite
        && (!dataset::is_folder(&args.output.destination)
            || Uri::of(&args.output.destination).is_some())
    {
        return Err(usage("--overwrite is for an output that is a folder").into());
    }
    let run_id = random_run_id();
    let folder = args.output.destination.clone();
    let is_of_dataset = dataset::is_folder(&folder);
    let replaced = dataset::files_to_replace(&args);
    let replaced = replaced.with_context(|| folder.display().to_string())?;
    let dataset = dataset::name_output(&mut args, &run_id);
    let dataset = dataset.with_context(|| folder.display().to_string())?;
    let config = resolve::resolve(&args, dataset, run_id)?;
    if args.dry_run {
        return dry_run::run(&config.scan, config.state.is_some());
    }
    let hunted = hunt(&args, &config, is_of_dataset).and_then(|exit| {
        // The old files may contain alerts from sources that were not read this time.
        if matches!(exit, Exit::Complete | Exit::Alerts) {
            dataset::remove(&folder, &replaced)?;
        }
        Ok(exit)
    });
    match hunted {
        Err(error) if args.messages.log_format == LogFormat::Json => {
            terminal::json("error", &format!("{error:#}"));
            Ok(Exit::Failed)
        }
        result => result,
    }
}

fn hunt(args: &HuntArgs, config: &HuntConfig, is_of_dataset: bool) -> anyhow::Result<Exit> {
    wait_for_list(config);
    if !args.messages.quiet && args.messages.log_format == LogFormat::Text {
        explain_waiting(config);
        warn_of_fields(args, config);
    }
    // Before there is any file that a signal could leave behind.
    let signal = watch_signals(&config.scan.progress.stop)?;
    let mut wanted = survey::Wanted::new(&args.survey, config)?;
    let options = RunOptions {
        survey: wanted.as_mut().map(survey::Wanted::survey),
        report: open_report(args, config)?,
        spares_older: !args.output.force,
        is_of_dataset,
    };
    let mut shown = Shown::new(args, config);
    let result = {
        let bar = Bar::new(
            &config.scan,
            Counted::Alerts,
            args.messages.log_format,
            !args.messages.quiet,
        );
        hunt::run_with(config, options, &mut |notice| match notice {
            Notice::Alert(alert) => shown.add(alert, config),
            Notice::Related(event) => shown.table.add_related(event),
            // The summary counts notes, and the report contains them.
            Notice::Diagnostic(diagnostic)
                if diagnostic.severity == Severity::Info && !args.messages.verbose => {}
            Notice::Diagnostic(diagnostic) => {
                bar.suspend(|| messages::show_diagnostic(diagnostic, args.messages.log_format))
            }
        })
    };
    let report = match result {
        Ok(report) => report,
        Err(Error::Interrupted) => {
            let output = (&config.output.destination, config.state.as_deref());
            let progress = &config.scan.progress;
            return Ok(say_interrupted(
                progress,
                output,
                args.messages.log_format,
                &signal,
            ));
        }
        Err(Error::OutputClosed) => return Ok(Exit::OutputClosed),
        Err(error) => return Err(error.into()),
    };
    shown.show(args, config, &report)?;
    let surveyed = wanted.map(|wanted| wanted.finish(args, report.complete));
    let surveyed = surveyed.transpose()?.unwrap_or_default();
    Ok(match report.complete {
        _ if surveyed.is_contradicted => Exit::Contradicted,
        false => Exit::Incomplete,
        true if surveyed.has_holes && args.survey.require_coverage => Exit::Incomplete,
        true if args.output.fail_on_alerts && has_alerts(&report) => Exit::Alerts,
        true => Exit::Complete,
    })
}

/// Returns whether there are alerts, also such that `--max-per-rule` left out.
fn has_alerts(report: &Report) -> bool {
    let mut rules = report.rules.rules.iter();
    report.alerts > 0 || rules.any(|rule| rule.left_out > 0)
}

/// What is kept of a hunt's results to be shown when it ends.
#[derive(Default)]
struct Shown {
    table: AlertTable,
    /// What each rule found, if these are others than the built-in one.
    by_rule: Option<FoundByRule>,
    users: next_step::Users,
}

impl Shown {
    fn new(args: &HuntArgs, config: &HuntConfig) -> Self {
        let is_builtin = RuleName::is_one_builtin(&config.rules.names());
        Self {
            by_rule: (!is_builtin).then(|| FoundByRule::new(args.rules.search.as_ref())),
            ..Self::default()
        }
    }

    fn add(&mut self, alert: &Alert, config: &HuntConfig) {
        if let Some(table) = &mut self.by_rule {
            return table.add(alert);
        }
        self.table.add(alert, config.rules.severity(alert.rule()));
        self.users.add(alert);
    }

    /// Prints the report if it goes to standard output, the table, and the summary.
    fn show(self, args: &HuntArgs, config: &HuntConfig, report: &Report) -> anyhow::Result<()> {
        let report_is_on_stdout = is_stdout(args.output.report.as_deref());
        if report_is_on_stdout {
            print_json(report)?;
        }
        match args.messages.log_format {
            _ if args.messages.quiet => outputs::warn(report, args.messages.log_format),
            LogFormat::Text => {
                // What is on standard output is data, if the alerts or the report go there.
                let is_free = !matches!(config.output.destination, Destination::Stdout)
                    && !report_is_on_stdout;
                if is_free {
                    let room = Room::of_stdout(args.wide);
                    if let Some(table) = &self.by_rule {
                        print_styled(&table.text(report, &config.rules, room))?;
                    }
                    let is_first = self.by_rule.is_none();
                    let has_table = self.table.print(room, report.related, is_first);
                    // Files have one of the two alone.
                    if (has_table || !is_first) && terminal::is_for_both() {
                        terminal::line("");
                    }
                }
                summary::show(report, config);
                next_step::show(&args.input, config, report, &self.users);
            }
            LogFormat::Json => {
                let mut report =
                    serde_json::to_value(report).context("the report cannot be encoded")?;
                if let Some(report) = report.as_object_mut() {
                    // Each diagnostic was already reported.
                    report.remove("diagnostics");
                }
                terminal::json("report", &report);
            }
        }
        Ok(())
    }
}

/// Warns of what cannot be meant in a query or an exception, such as fields that no record has: it finds nothing.
fn warn_of_fields(args: &HuntArgs, config: &HuntConfig) {
    let show = |place: &str, warnings: Vec<String>| {
        for warning in warnings {
            let warning = terminal::harmless(&warning, usize::MAX);
            terminal::warn(&format!("{place}: {warning}"));
        }
    };
    let queries = args.rules.query.iter();
    for rule in queries.filter_map(|text| load::query(text).ok()) {
        show("--query", rule.query().warnings());
    }
    for (exception, n_rules) in config.rules.exceptions() {
        let place = format!("--exceptions: line {}", exception.line);
        show(&place, exception.condition().warnings());
        if n_rules == 0 {
            show(&place, vec!["it is for no rule that runs".to_owned()]);
        }
    }
}

fn is_stdout(path: Option<&Path>) -> bool {
    path == Some(Path::new("-"))
}

/// Begins the report, so that write errors are found before anything is read.
fn open_report(args: &HuntArgs, config: &HuntConfig) -> anyhow::Result<Option<Target>> {
    let path = args
        .output
        .report
        .as_ref()
        .filter(|path| !is_stdout(Some(path)));
    let destination = path.map(|path| resolve::written(path)).transpose()?;
    let target = destination.map(|destination| Target::open(&destination, &config.scan.stores));
    target.transpose().context("the report cannot be written")
}

/// Says what a run waits for, if it reads standard input and that is a terminal.
fn explain_waiting(config: &HuntConfig) {
    let reads_stdin = config
        .scan
        .roots
        .iter()
        .any(|root| matches!(root, Root::Stdin));
    if reads_stdin && std::io::stdin().is_terminal() {
        terminal::line(
            "reading CloudTrail logs from the keyboard: end with Ctrl-D, or give a path",
        );
    }
}

/// Waits until a list on standard input begins, if there is a ledger: `trailsift state --failed` may write the list,
/// and uses the same ledger until then.
fn wait_for_list(config: &HuntConfig) {
    let is_on_stdin = |root: &Root| match root {
        Root::List(list) => list.file.is_none(),
        Root::Manifest(manifest) => manifest.file.is_none(),
        Root::Path(_) | Root::Stdin | Root::Sources(_) => false,
    };
    if config.state.is_some() && config.scan.roots.iter().any(is_on_stdin) {
        // An error is reported when the list is read.
        std::io::stdin().lock().fill_buf().ok();
    }
}

/// Lets Ctrl-C, SIGTERM and SIGHUP end the run in an orderly way the first time, and at once the second time. The
/// returned value contains the number of the signal that was received.
pub(super) fn watch_signals(stop: &Arc<AtomicBool>) -> anyhow::Result<Arc<AtomicUsize>> {
    let came = Arc::new(AtomicUsize::new(0));
    let hang_up = is_heard(SIGHUP).then_some(SIGHUP);
    for signal in [SIGINT, SIGTERM].into_iter().chain(hang_up) {
        let number = usize::try_from(signal).expect("signals are positive");
        // Registered first, so that it sees the flag as earlier signals left it.
        flag::register_conditional_shutdown(signal, 128 + signal, Arc::clone(stop))
            .and_then(|_| flag::register_usize(signal, Arc::clone(&came), number))
            .and_then(|_| flag::register(signal, Arc::clone(stop)))
            .context("cannot watch for signals")?;
    }
    Ok(came)
}

/// Returns whether a signal is not ignored; `nohup` ignores SIGHUP. If this cannot be determined, the handling of the
/// signal is not changed.
fn is_heard(signal: i32) -> bool {
    let status = std::fs::read("/proc/self/status").unwrap_or_default();
    let mut lines = status.split(|byte| *byte == b'\n');
    let ignored = lines.find_map(|line| line.strip_prefix(b"SigIgn:"));
    let ignored = ignored.and_then(|mask| std::str::from_utf8(mask).ok());
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 0)
}

pub(super) fn say_interrupted(
    progress: &Progress,
    (destination, state): (&Destination, Option<&Path>),
    format: LogFormat,
    signal: &AtomicUsize,
) -> Exit {
    let more = if progress.all_found.load(Relaxed) {
        ""
    } else {
        " or more"
    };
    let output = match destination {
        Destination::Stdout => "the alerts on standard output are not all".to_owned(),
        Destination::Nowhere => "nothing was written".to_owned(),
        other => {
            let name = terminal::harmless(&other.name(), usize::MAX);
            format!("nothing was written to {name}")
        }
    };
    let kept = state.map_or(String::new(), |state| {
        format!(
            "; what was done is kept in {}, and the same command goes on from there",
            terminal::path(state)
        )
    });
    let what = match destination {
        Destination::Nowhere => "events",
        _ => "alerts",
    };
    let text = format!(
        "{} of {}{more} files were read ({} as stored), {} {what} found; {output}{kept}",
        HumanCount(progress.n_done.load(Relaxed)),
        HumanCount(progress.n_found.load(Relaxed)),
        BinaryBytes(progress.stored_bytes.load(Relaxed)),
        HumanCount(progress.n_results.load(Relaxed)),
    );
    match format {
        LogFormat::Text => terminal::line(&format!("{}: {text}", terminal::red("interrupted"))),
        LogFormat::Json => terminal::json("error", &format!("interrupted: {text}")),
    }
    match i32::try_from(signal.load(Relaxed)) {
        Ok(SIGTERM) => Exit::Terminated,
        Ok(SIGHUP) => Exit::HungUp,
        _ => Exit::Interrupted,
    }
}
