//! What `trailsift investigate` says at its end: the verdict, then where the page is, then what was searched.

use std::path::Path;
use std::time::Duration;

use indicatif::HumanCount;
use serde_json::{Value, json};
use trailsift::case::state::states;
use trailsift::case::{Case, LookedFor, Summary, summaries};

use super::terminal::{self, plural};

/// Maximum number of users with something open whose verdicts are shown; the page has all.
const USERS_SHOWN: usize = 5;
/// Number of columns of a line. More would be wider than many terminals.
const COLUMNS: usize = 80;
/// Number of columns before a text.
const INDENT: usize = 12;

/// Shows the result of an investigation.
pub(super) fn show(case: &Case, output: &Path, page: Option<&Path>) {
    let summaries = summaries(case, &states(case));
    verdict(case, &summaries);
    if let Some(page) = page {
        // A path is one word, however long it is: it can be copied.
        terminal::line(&format!("page        {}", terminal::path(page)));
    }
    let about = &case.about;
    lines("events", &events(case));
    let n_others = case.neighbours.len();
    if about.addresses.max_identities > 0 {
        let others = plural(n_others as u64, "identity", "identities");
        lines("others", &format!("{others} at the same addresses"));
    }
    lines("searches", &searches(case));
    if about.sources.excluded > 0 {
        let n = HumanCount(about.sources.excluded);
        lines("excluded", &format!("{n} files or folders"));
    }
    lines("complete", &complete(case));
    terminal::line(&format!("written     {}", terminal::path(output)));
}

/// Returns the verdicts about all users, as JSON.
pub(super) fn verdicts(case: &Case) -> Vec<Value> {
    let all = summaries(case, &states(case)).into_iter();
    let all = all.map(|one| {
        json!({
            "kind": one.entity.kind.name(),
            "account_id": one.entity.account,
            "name": one.entity.name,
            "verdict": one.verdict,
            "open": one.is_open,
        })
    });
    all.collect()
}

/// Shows the verdicts, those with something open first.
fn verdict(case: &Case, summaries: &[Summary]) {
    let texts = verdict_texts(case, summaries);
    let is_open = summaries.iter().any(|one| one.is_open);
    let label = format!("{:INDENT$}", "verdict");
    let label = match (is_open, case.about.complete) {
        (true, _) => terminal::red(&label),
        (false, true) => terminal::green(&label),
        (false, false) => terminal::yellow(&label),
    };
    let mut before = label;
    let has_many = texts.len() > 2;
    for (n, text) in texts.iter().enumerate() {
        // The first line is about all; each of the others about a user, or some.
        let (mark, room) = match has_many && n > 0 {
            true => ("- ", INDENT + 2),
            false => ("", INDENT),
        };
        let mut mark = mark.to_owned();
        for line in wrapped_after(room, text) {
            terminal::line(&format!("{before}{mark}{line}"));
            before = " ".repeat(INDENT);
            mark = " ".repeat(room - INDENT);
        }
    }
}

fn verdict_texts(case: &Case, summaries: &[Summary]) -> Vec<String> {
    if summaries.iter().all(|one| one.is_missing) {
        return vec!["none: no quarantine of the alerts is in what was read".to_owned()];
    }
    let text = |one: &Summary| {
        let name = terminal::harmless(&one.entity.name, usize::MAX);
        let account = match one.entity.account.as_str() {
            "" => String::new(),
            account => format!(" in {}", terminal::harmless(account, usize::MAX)),
        };
        let verdict = terminal::harmless(&one.verdict, usize::MAX);
        format!("{name}{account}: {verdict}")
    };
    if let [one] = summaries {
        let mut texts = vec![text(one)];
        texts.extend(further_back(case, summaries));
        return texts;
    }
    let n_open = summaries.iter().filter(|one| one.is_open).count();
    let n = HumanCount(summaries.len() as u64);
    let mut texts = vec![match n_open {
        0 => format!("nothing is open for the {n} users, as far as the log shows"),
        1 => format!("1 of {n} users needs action"),
        n_open => format!("{} of {n} users need action", HumanCount(n_open as u64)),
    }];
    let is_named = |one: &&Summary| one.is_open && !one.is_key_unknown;
    let n_named = summaries.iter().filter(is_named).count();
    let named = summaries.iter().filter(is_named).take(USERS_SHOWN);
    texts.extend(named.map(text));
    if let Some(n @ 1..) = n_named.checked_sub(USERS_SHOWN) {
        texts.push(format!("and {} more", HumanCount(n as u64)));
    }
    texts.extend(further_back(case, summaries));
    let n_missing = summaries.iter().filter(|one| one.is_missing).count();
    if n_missing > 0 {
        let users = plural(n_missing as u64, "user", "users");
        texts.push(format!(
            "no verdict about {users}: the quarantine is not in what was read"
        ));
    }
    texts
}

/// Returns what to do about quarantined users of whom no long-term key was seen, if there are any.
fn further_back(case: &Case, summaries: &[Summary]) -> Option<String> {
    let unknown = summaries.iter().filter(|one| one.is_key_unknown);
    let names: Vec<String> = unknown
        .map(|one| terminal::harmless(&one.entity.name, usize::MAX))
        .collect();
    let begins = case.about.beginnings.iter();
    let has_window = begins.filter(|one| one.quarantined().is_some()).count() > 0;
    let look = match has_window {
        true => format!(
            ", or look for them with {}",
            case.about.window.further_back()
        ),
        false => String::new(),
    };
    match names.as_slice() {
        [] => None,
        [_] if summaries.len() == 1 => Some(format!("make all its keys inactive{look}")),
        names => {
            let mut shown: Vec<String> = names.iter().take(USERS_SHOWN).cloned().collect();
            if names.len() > USERS_SHOWN {
                shown.push(format!("{} more", names.len() - USERS_SHOWN));
            }
            Some(format!(
                "{} quarantined, and no long-term key was seen: make all their keys inactive{look}: {}",
                plural(names.len() as u64, "user is", "users are"),
                shown.join(", ")
            ))
        }
    }
}

/// Returns whether the case rests on everything that was to be read, and if not, why.
fn complete(case: &Case) -> String {
    let about = &case.about;
    if about.complete {
        let read = format!("{}: everything was read", terminal::green("yes"));
        return match lacking(case) {
            None => read,
            Some(lacking) => format!("{read}; {lacking} (see the page)"),
        };
    }
    let mut reasons = Vec::new();
    for (n, what) in [
        (about.sources.partial, "read in part"),
        (about.sources.failed, "not read"),
    ] {
        if n > 0 {
            reasons.push(format!("{} {what}", plural(n, "file", "files")));
        }
    }
    if reasons.is_empty() && !about.all_read {
        reasons.push("not everything could be read".to_owned());
    }
    if about.archive_changed {
        reasons.push("files changed while they were read".to_owned());
    }
    if !about.not_found.is_empty() {
        let n = plural(about.not_found.len() as u64, "quarantine", "quarantines");
        reasons.push(format!("{n} of the alerts not in what was read"));
    }
    if !about.unseen.is_empty() {
        reasons.push("no event has a name that was given".to_owned());
    }
    format!(
        "{}: {}; the verdict may be wrong",
        terminal::red("no"),
        reasons.join("; ")
    )
}

/// Returns what the archive lacks in the days of the case, if anything.
fn lacking(case: &Case) -> Option<String> {
    let archive = &case.about.archive;
    let without = archive.accounts_without_files.len();
    let days = archive.accounts.iter();
    let n_cut = days
        .filter(|one| !one.days_without_files.is_empty())
        .count();
    let n_holes = archive.holes.as_ref().map_or(0, Vec::len);
    let accounts = |n: usize| plural(n as u64, "account", "accounts");
    let mut lacking = Vec::new();
    if without > 0 {
        lacking.push(format!("no file of {}", accounts(without)));
    }
    if n_cut > 0 {
        lacking.push(format!("days without a file of {}", accounts(n_cut)));
    }
    if n_holes > 0 {
        lacking.push(plural(n_holes as u64, "hole", "holes"));
    }
    let lacking = lacking.join(", ");
    (!lacking.is_empty()).then(|| terminal::yellow(&format!("the archive has gaps: {lacking}")))
}

fn events(case: &Case) -> String {
    let about = &case.about;
    let n_found: u64 = about
        .rounds
        .iter()
        .filter(|round| round.looked_for == LookedFor::Names)
        .map(|round| round.events)
        .sum();
    let n_users = plural(case.users.len() as u64, "user", "users");
    let n = HumanCount(case.events.len() as u64);
    // An event found for one user may be near the quarantine of another.
    let far = match n_found.saturating_sub(about.events) {
        0 => String::new(),
        n => format!(
            "; {} outside of the user's time range (--before, --after)",
            plural(n, "more event is", "more events are")
        ),
    };
    format!("{n} of {n_users} and of what the keys led to{far}")
}

/// Returns what was searched for, how often, and how long that took.
fn searches(case: &Case) -> String {
    let rounds = &case.about.rounds;
    let sum = |of: LookedFor| {
        let rounds = rounds.iter().filter(|round| round.looked_for == of);
        rounds.fold(0_usize, |sum, round| sum.saturating_add(round.needles))
    };
    let names = plural(
        sum(LookedFor::Names) as u64,
        "name or key",
        "names and keys",
    );
    // An address may be searched for in several forms.
    let addresses = match case.about.addresses.searched {
        0 => String::new(),
        n => format!(", then for {}", plural(n, "address", "addresses")),
    };
    let n_files = rounds.first().map_or(0, |round| round.sources);
    let files = plural(n_files, "file", "files");
    let elapsed_ms = rounds.iter().map(|round| round.elapsed_ms).sum();
    let elapsed = Duration::from_millis(elapsed_ms).as_secs_f64();
    let times = plural(rounds.len() as u64, "time", "times");
    format!("{files} read up to {times} in {elapsed:.1} s, for {names}{addresses}")
}

/// Shows a text after a label.
fn lines(label: &str, text: &str) {
    let mut label = label;
    for line in wrapped(text) {
        terminal::line(&format!("{label:INDENT$}{line}"));
        label = "";
    }
}

/// Returns a text in lines that are not too wide. A longer word has a line of its own.
pub(super) fn wrapped(text: &str) -> Vec<String> {
    wrapped_after(INDENT, text)
}

/// Returns a text in lines that fit behind so many columns.
fn wrapped_after(indent: usize, text: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let width = |text: &str| text.chars().count();
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if indent + width(line) + 1 + width(word) <= COLUMNS => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_between_words_before_they_are_too_wide() {
        let word = "x".repeat(100);
        let text = format!("{} {word} end", "four ".repeat(20).trim_end());
        let lines = wrapped(&text);
        assert_eq!(lines.join(" "), text);
        assert_eq!(lines[0].len(), 64);
        assert_eq!(lines[2], word);
        assert_eq!(wrapped(""), [""]);
    }
}
