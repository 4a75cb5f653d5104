//! `trailsift rules list`, `check` and `explain`.

use indicatif::HumanCount;
use serde_json::{Value, json};
use trailsift::report::RefusedRule;
use trailsift::rule::load::Loaded;
use trailsift::rule::over_time::RuleOverTime;
use trailsift::rule::{Condition, Needles, PackRule, RuleInfo};

use super::super::args::{ListFormat, RuleArgs};
use super::super::exit::Exit;
use super::super::print_json;
use super::super::terminal::{harmless, plural, red, yellow};
use super::{print_folded, selected};

/// Lists the rules that run, or those that cannot.
pub(super) fn run(args: &RuleArgs, is_refused: bool, format: ListFormat) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let text = match (format, is_refused) {
        (ListFormat::Json, true) => return print_json(&loaded.refused),
        (ListFormat::Json, false) => {
            let over_time = loaded.over_time.iter().map(|one| over_time_as_json(one));
            let all = loaded.rules.iter().map(as_json).chain(over_time);
            return print_json(&all.collect::<Vec<_>>());
        }
        (ListFormat::Text, true) => loaded.refused.iter().map(refused_line).collect(),
        (ListFormat::Text, false) => infos(&loaded).map(line).collect::<String>(),
    };
    let counts = format!(
        "{} run, {} cannot\n",
        plural(infos(&loaded).count() as u64, "rule", "rules"),
        loaded.refused.len()
    );
    print_folded(&(text + &counts))
}

/// Returns what is known of all rules that run, each with its conditions on events.
fn with_conditions(loaded: &Loaded) -> impl Iterator<Item = (RuleInfo<'_>, Vec<&Condition>)> {
    let rules = loaded.rules.iter();
    let rules = rules.map(|one| (one.info(), vec![one.rule.query()]));
    let over_time = loaded.over_time.iter();
    rules.chain(over_time.map(|one| (one.info(), one.conditions())))
}

/// Returns what is known of all rules that run.
fn infos(loaded: &Loaded) -> impl Iterator<Item = RuleInfo<'_>> {
    let over_time = loaded.over_time.iter().map(|one| one.info());
    loaded.rules.iter().map(PackRule::info).chain(over_time)
}

fn line(one: RuleInfo<'_>) -> String {
    let metadata = one.metadata;
    let kind = one.over_time.map(|rule| format!("  [{}]", rule.kind));
    let mark = match one.notes.is_empty() {
        true => "",
        false => "  (approximate)",
    };
    format!(
        "{:<13} {}  {}{}{mark}\n",
        metadata.severity,
        place(one.pack, one.file),
        harmless(&metadata.name, usize::MAX),
        kind.unwrap_or_default(),
    )
}

fn refused_line(one: &RefusedRule) -> String {
    let text = format!("{}/{one}", one.pack);
    format!("{}\n", harmless(&text, usize::MAX))
}

fn place(pack: &str, file: &str) -> String {
    let place = match file.is_empty() {
        true => pack.to_owned(),
        false => format!("{pack}/{file}"),
    };
    harmless(&place, usize::MAX)
}

fn as_json(one: &PackRule) -> Value {
    info_as_json(one.info(), one.rule.query_text())
}

fn over_time_as_json(one: &RuleOverTime) -> Value {
    let mut value = info_as_json(one.info(), &one.query_text);
    value["over_time"] = json!({
        "kind": one.kind,
        "group_by": one.group_by,
        "window_seconds": one.window.map(|micros| micros / 1_000_000),
    });
    value
}

fn info_as_json(one: RuleInfo<'_>, query: &str) -> Value {
    let metadata = one.metadata;
    json!({
        "pack": one.pack,
        "file": Some(one.file).filter(|file| !file.is_empty()),
        "id": metadata.rule_id,
        "title": metadata.name,
        "version": metadata.version,
        "severity": metadata.severity,
        "risk_score": metadata.risk_score,
        "language": metadata.language,
        "tags": metadata.tags,
        "authors": metadata.author,
        "license": metadata.license,
        "query": query,
        "notes": one.notes,
    })
}

/// Checks rules.
pub(super) fn check(args: &RuleArgs) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let mut text = String::new();
    let (mut n_warned, mut n_never) = (0_u64, 0_u64);
    text.extend(loaded.refused.iter().map(cannot_run));
    for (one, conditions) in with_conditions(&loaded) {
        let mut warnings: Vec<String> = conditions.iter().flat_map(|one| one.warnings()).collect();
        warnings.dedup();
        n_never += u64::from(warnings.iter().any(|text| text.contains("never match")));
        n_warned += u64::from(!warnings.is_empty() || !one.notes.is_empty());
        for what in warnings.iter().chain(one.notes) {
            let kind = match what.contains("never match") {
                true => red("error"),
                false => yellow("warning"),
            };
            let place = place(one.pack, one.file);
            text += &format!("{kind} {place}: {}\n", harmless(what, usize::MAX));
        }
    }
    text += &format!(
        "{} checked: {} cannot run, {n_warned} have warnings, {n_never} of these can never match\n",
        plural(
            (infos(&loaded).count() + loaded.refused.len()) as u64,
            "rule",
            "rules"
        ),
        loaded.refused.len()
    );
    match print_folded(&text)? {
        Exit::Complete if n_never > 0 || !loaded.refused.is_empty() => Ok(Exit::Incomplete),
        exit => Ok(exit),
    }
}

/// Explains how rules are found.
pub(super) fn explain(args: &RuleArgs) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let mut text = String::new();
    let mut n_all = 0_u64;
    for (one, conditions) in with_conditions(&loaded) {
        text += &format!("{}\n", line(one).trim_end());
        let mut is_any = false;
        for condition in conditions {
            is_any |= add_explanation(&mut text, condition);
        }
        n_all += u64::from(is_any);
    }
    let n_rules = infos(&loaded).count();
    if n_rules == 0 {
        // Else they are what `rules check` is for.
        text.extend(loaded.refused.iter().map(cannot_run));
    }
    text += &format!(
        "{}, {n_all} for which every record must be parsed",
        plural(n_rules as u64, "rule", "rules")
    );
    text += &match loaded.refused.len() {
        0 => "\n".to_owned(),
        n => format!("; {n} cannot run\n"),
    };
    match print_folded(&text)? {
        Exit::Complete if n_rules == 0 => Ok(Exit::Incomplete),
        exit => Ok(exit),
    }
}

/// Returns the line of a rule that cannot run, among those of other rules.
fn cannot_run(one: &RefusedRule) -> String {
    format!("{} {}", red("cannot run"), refused_line(one))
}

/// Adds how the events of a condition are found. Returns true if every record must be parsed.
fn add_explanation(text: &mut String, condition: &Condition) -> bool {
    match (condition.action_patterns(), condition.needles_in_any_case()) {
        (Some(found), _) if found.patterns.is_empty() => {
            *text += &format!("  actions  {}\n", harmless(&found.names.join(", "), 400));
        }
        (Some(found), Needles::AnyOf(_)) => {
            let each = found.names.iter().map(|name| (*name).to_owned());
            let each: Vec<String> = each.chain(found.patterns).collect();
            *text += &format!("  patterns {}\n", harmless(&each.join(", "), 400));
        }
        (_, Needles::AnyOf(needles)) => {
            // The others are rare letters that count as letters of the words if case does not count.
            let is_word = |word: &&String| word.bytes().all(|b| b.is_ascii_alphanumeric());
            let words: Vec<&str> = needles.iter().filter(is_word).map(|word| &**word).collect();
            *text += &format!("  words    {}\n", harmless(&words.join(", "), 400));
        }
        (_, Needles::EveryRecord) => {
            *text += &format!("  {}\n", yellow("every record must be parsed"));
            return true;
        }
    }
    let share = HumanCount(condition.share_of_1000().into());
    *text += &format!("  share    at most {share} of 1,000 usual records\n");
    false
}
