//! `trailsift rules list`, `check` and `explain`.

use serde_json::{Value, json};
use trailsift::report::RefusedRule;
use trailsift::rule::{Needles, PackRule};

use super::super::args::{ListFormat, RuleArgs};
use super::super::exit::Exit;
use super::super::terminal::{harmless, plural, red, yellow};
use super::super::{print_json, print_styled};
use super::selected;

/// Lists the rules that run, or those that cannot.
pub(super) fn run(args: &RuleArgs, is_refused: bool, format: ListFormat) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let text = match (format, is_refused) {
        (ListFormat::Json, true) => return print_json(&loaded.refused),
        (ListFormat::Json, false) => {
            return print_json(&loaded.rules.iter().map(as_json).collect::<Vec<_>>());
        }
        (ListFormat::Text, true) => loaded.refused.iter().map(refused_line).collect(),
        (ListFormat::Text, false) => loaded.rules.iter().map(line).collect::<String>(),
    };
    let counts = format!(
        "{} run, {} cannot\n",
        plural(loaded.rules.len() as u64, "rule", "rules"),
        loaded.refused.len()
    );
    print_styled(&(text + &counts))
}

fn line(one: &PackRule) -> String {
    let metadata = &one.rule.metadata;
    let mark = match one.notes.is_empty() {
        true => "",
        false => "  (approximate)",
    };
    format!(
        "{:<13} {}  {}{mark}\n",
        metadata.severity,
        place(&one.pack, &one.file),
        harmless(&metadata.name, usize::MAX)
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
    let metadata = &one.rule.metadata;
    json!({
        "pack": one.pack,
        "file": Some(&one.file).filter(|file| !file.is_empty()),
        "id": metadata.rule_id,
        "title": metadata.name,
        "version": metadata.version,
        "severity": metadata.severity,
        "risk_score": metadata.risk_score,
        "language": metadata.language,
        "tags": metadata.tags,
        "authors": metadata.author,
        "license": metadata.license,
        "query": one.rule.query_text(),
        "notes": one.notes,
    })
}

/// Checks rules.
pub(super) fn check(args: &RuleArgs) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let mut text = String::new();
    let (mut n_warned, mut n_never) = (0_u64, 0_u64);
    for one in &loaded.refused {
        text += &format!("{} {}", red("cannot run"), refused_line(one));
    }
    for one in &loaded.rules {
        let warnings = one.rule.query().warnings();
        n_never += u64::from(warnings.iter().any(|text| text.contains("never match")));
        n_warned += u64::from(!warnings.is_empty());
        for what in warnings.iter().chain(&one.notes) {
            let kind = match what.contains("never match") {
                true => red("error"),
                false => yellow("warning"),
            };
            let place = place(&one.pack, &one.file);
            text += &format!("{kind} {place}: {}\n", harmless(what, usize::MAX));
        }
    }
    text += &format!(
        "{} checked: {} cannot run, {n_warned} have warnings, {n_never} of these can never match\n",
        plural(
            (loaded.rules.len() + loaded.refused.len()) as u64,
            "rule",
            "rules"
        ),
        loaded.refused.len()
    );
    match print_styled(&text)? {
        Exit::Complete if n_never > 0 || !loaded.refused.is_empty() => Ok(Exit::Incomplete),
        exit => Ok(exit),
    }
}

/// Explains how rules are found.
pub(super) fn explain(args: &RuleArgs) -> anyhow::Result<Exit> {
    let loaded = selected(args)?;
    let mut text = String::new();
    let mut n_all = 0_u64;
    for one in &loaded.rules {
        let condition = one.rule.query();
        text += &format!("{}\n", line(one).trim_end());
        let share = condition.share_of_1000();
        match (condition.action_patterns(), condition.needles_in_any_case()) {
            (Some(found), _) if found.patterns.is_empty() => {
                text += &format!("  actions  {}\n", harmless(&found.names.join(", "), 400));
            }
            (Some(found), Needles::AnyOf(_)) => {
                let each = found.names.iter().map(|name| (*name).to_owned());
                let each: Vec<String> = each.chain(found.patterns).collect();
                text += &format!("  patterns {}\n", harmless(&each.join(", "), 400));
            }
            (_, Needles::AnyOf(needles)) => {
                text += &format!("  words    {}\n", harmless(&needles.join(", "), 400));
            }
            (_, Needles::EveryRecord) => {
                n_all += 1;
                text += &format!("  {}\n", yellow("every record must be parsed"));
                continue;
            }
        }
        text += &format!("  share    at most {share} of 1,000 usual records\n");
    }
    text += &format!(
        "{}, {} for which every record must be parsed\n",
        plural(loaded.rules.len() as u64, "rule", "rules"),
        n_all
    );
    print_styled(&text)
}
