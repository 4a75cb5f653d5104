//! `trailsift rules test`.

use std::path::{Path, PathBuf};

use trailsift::config::ScanConfig;
use trailsift::hunt::trial::{Trial, trial};
use trailsift::input::Root;
use trailsift::rule::load::{self, Loaded};
use trailsift::rule::{Outcome, PackRule, Pattern, Step};

use super::super::args::LogFormat;
use super::super::exit::Exit;
use super::super::messages::show_diagnostic;
use super::super::root;
use super::super::terminal::{green, harmless, plural, red, yellow};
use super::super::usage::usage;
use super::{QUERY_PACK, print_folded, query_error, read_rules};

/// Number of characters of a value that are shown.
const VALUE_CHARS: usize = 120;

/// Tries a rule on the events of files, and prints what came of each part.
pub(super) fn run(
    rule: &str,
    id: Option<String>,
    files: &[PathBuf],
    max: u64,
) -> anyhow::Result<Exit> {
    let rule = one_rule(rule, id)?;
    let roots = files.iter().map(|path| root::root(path));
    let scan = ScanConfig {
        roots: roots.collect::<Result<Vec<Root>, _>>()?,
        ..ScanConfig::default()
    };
    // The first events that match or are undecided, and the first of the others.
    let mut shown = [Vec::new(), Vec::new()];
    let (mut n_events, mut n_matches, mut n_undecided) = (0, 0, 0);
    let max_shown = usize::try_from(max).unwrap_or(usize::MAX);
    let report = trial(
        &scan,
        &rule.rule,
        &mut |trial| {
            n_events += 1;
            n_matches += u64::from(trial.matches);
            n_undecided += u64::from(!trial.undecided.is_empty());
            let is_other = !trial.matches && trial.undecided.is_empty();
            let of_kind = &mut shown[usize::from(is_other)];
            if of_kind.len() < max_shown {
                of_kind.push(in_words(&trial));
            }
        },
        &mut |diagnostic| show_diagnostic(diagnostic, LogFormat::Text),
    )?;
    let mut text: String = shown.into_iter().flatten().take(max_shown).collect();
    if n_events > max {
        text += &format!(
            "and {} (--max N shows more)\n",
            plural(n_events - max, "more event", "more events")
        );
    }
    text += &format!(
        "{} of {} match {}\n",
        n_matches,
        plural(n_events, "event", "events"),
        harmless(&rule.rule.metadata.name, usize::MAX)
    );
    if n_undecided > 0 {
        let events = plural(n_undecided, "event", "events");
        text += &format!("{events} cannot be decided\n");
    }
    match print_folded(&text)? {
        Exit::Complete if !report.complete || n_events == 0 || n_undecided > 0 => {
            Ok(Exit::Incomplete)
        }
        exit => Ok(exit),
    }
}

/// Returns the rule that is meant: of a file, or a query.
fn one_rule(rule: &str, id: Option<String>) -> anyhow::Result<PackRule> {
    let path = Path::new(rule);
    if path.symlink_metadata().is_err() {
        let query = load::query(rule);
        let query = query.map_err(|error| {
            let error = query_error(rule, &error);
            usage(&format!("{rule:?} is neither a file nor a query: {error}"))
        })?;
        return Ok(PackRule::new(QUERY_PACK, query));
    }
    let mut loaded = read_rules(&[path.to_owned()])?;
    loaded.leave_out_over_time("which no single event matches");
    let Loaded {
        mut rules,
        mut refused,
        ..
    } = loaded;
    if let Some(id) = &id {
        let pattern = Pattern::new(id);
        rules.retain(|one| pattern.is_of(one));
        // A file that could not be read has no id.
        refused.retain(|one| one.id.is_none() || pattern.is_of_refused(one));
    }
    match (rules.len(), refused.first()) {
        (1, _) => Ok(rules.remove(0)),
        (0, Some(refused)) => Err(usage(&format!("{rule}: {}", refused.reason)).into()),
        (0, None) => Err(usage(&format!("{rule}: no rule has this id or title")).into()),
        (n, _) => {
            let message = format!("{rule} has {n} rules: choose one with --id");
            Err(usage(&message).into())
        }
    }
}

/// Returns an event, and what came of each part of the rule.
fn in_words(trial: &Trial) -> String {
    let verdict = match (trial.matches, &*trial.undecided) {
        (true, []) => green("match"),
        (true, _) => yellow("match, but undecided"),
        (false, []) => "no match".to_owned(),
        (false, _) => yellow("undecided"),
    };
    let shown = |text: &Option<String>| harmless(text.as_deref().unwrap_or("-"), VALUE_CHARS);
    let mut text = format!(
        "{verdict}  {}  {}  {}  {}@{}\n",
        shown(&trial.time),
        shown(&trial.action),
        shown(&trial.event_id),
        harmless(&trial.log, usize::MAX),
        trial.byte_offset
    );
    for reason in &trial.undecided {
        text += &format!("  {}\n", harmless(reason, usize::MAX));
    }
    trial
        .steps
        .iter()
        .for_each(|step| add_step(&mut text, step));
    text.push('\n');
    text
}

fn add_step(text: &mut String, step: &Step) {
    let outcome = match step.outcome {
        Outcome::Held => green("held    "),
        Outcome::Failed => red("failed  "),
        Outcome::NoField => yellow("no field"),
    };
    let values = step.values.join(", ");
    let values = match values.is_empty() {
        true => String::new(),
        false => format!("   (is {})", harmless(&values, VALUE_CHARS)),
    };
    let indent = "  ".repeat(step.depth + 1);
    let part = harmless(&step.text, 4 * VALUE_CHARS);
    *text += &format!("  {outcome}{indent}{part}{values}\n");
}
