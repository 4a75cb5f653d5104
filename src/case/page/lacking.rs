//! The questions about a case that its archive cannot answer.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;

use super::own::Own;
use super::shown;
use super::words::plural;
use crate::case::{AccountCoverage, Case, CaseHole, Coverage};

/// Number of gaps that are named; further ones are only counted.
const GAPS_MAX: usize = 6;

/// Returns a sentence for each thing that the archive cannot show.
pub(super) fn lacking(case: &Case) -> Vec<String> {
    let about = &case.about;
    let archive = &about.archive;
    let mut lacking = Vec::new();
    if !about.all_read {
        lacking.push("Not all files could be read: see below.".to_owned());
    }
    for user in &about.not_found {
        lacking.push(format!(
            "The quarantine of {} is in the alerts, but not in the files that were read: this is another archive, or only a part of it.",
            shown(&user.name)
        ));
    }
    lacking.push(match (about.since, about.until) {
        (None, None) => "Events of all times were searched.".to_owned(),
        _ => format!(
            "Events before the time range of each user, or outside of --since and --until, were not searched (--before, --since, --until); {} skipped because of their days. Events after the time range count only for the state at the end of the log.",
            match archive.folders_passed_over {
                1 => "1 folder was".to_owned(),
                n => format!("{n} folders were"),
            }
        ),
    });
    lacking.extend(later_cut(case));
    if archive.is_part {
        let text = "Only a part of the archive was searched (accounts, regions, file names, or a shard). This page applies to that part.";
        lacking.push(text.to_owned());
    }
    lacking.extend(accounts_lacking(archive));
    lacking.extend(holes_lacking(archive));
    if archive.files_outside_layout > 0 {
        lacking.push(format!(
            "{} outside of CloudTrail's folder layout: their accounts and days are not known.",
            match archive.files_outside_layout {
                1 => "1 file is".to_owned(),
                n => format!("{n} files are"),
            }
        ));
    }
    lacking.push(
        "Reads and writes of objects in buckets, items in tables, and calls of functions are logged only where a trail records data events."
            .to_owned(),
    );
    lacking
}

/// Returns a sentence for each time in which something of the accounts is missing, as the map of the archive has it.
fn holes_lacking(archive: &Coverage) -> Vec<String> {
    let holes = archive.holes.as_deref().unwrap_or_default();
    let mut lacking: Vec<String> = holes
        .iter()
        .take(GAPS_MAX)
        .map(|hole| {
            let logs = match hole.missing_logs {
                0 => String::new(),
                n => format!(", {}", plural(n, "log")),
            };
            format!(
                "Account {}, {}: something is missing from {} to {}{logs}: {}.",
                shown(&hole.account_id),
                shown(&hole.region),
                hole.from,
                hole.to,
                hole.reason
            )
        })
        .collect();
    if holes.len() > GAPS_MAX {
        let n = (holes.len() - GAPS_MAX) as u64;
        lacking.push(format!(
            "The same applies to {} (trailsift coverage lists all).",
            plural(n, "more time")
        ));
    }
    lacking
}

/// Returns a sentence for each thing that the archive lacks of the accounts of the case.
fn accounts_lacking(archive: &Coverage) -> Vec<String> {
    let mut lacking = Vec::new();
    let missing = &archive.accounts_without_files;
    for account in missing.iter().take(GAPS_MAX) {
        let account = shown(account);
        lacking.push(format!(
            "The case leads to account {account}, but the archive has no file of it in CloudTrail's folder layout."
        ));
    }
    if missing.len() > GAPS_MAX {
        let n = missing.len() - GAPS_MAX;
        lacking.push(format!(
            "The same applies to {}.",
            plural(n as u64, "more account")
        ));
    }
    let days = archive.from.zip(archive.to);
    for account in &archive.accounts {
        if let Some((from, to)) = days {
            lacking.extend(days_lacking(account, from, to));
        }
        if account.files_without_day > 0 {
            lacking.push(format!(
                "Account {}: {} of {} files have no day in their paths, so it is not known which days are missing.",
                shown(&account.account_id),
                account.files_without_day,
                account.files
            ));
        }
        if !account.regions_without_files.is_empty() {
            lacking.push(format!(
                "Account {} has no file in {}.",
                shown(&account.account_id),
                account.regions_without_files.join(", ")
            ));
        }
    }
    lacking
}

/// Returns a sentence for each gap of the archive that bears on what a verdict says of a user: what could not be read, and
/// days without files up to the end of the log. Nothing if no gap is seen; nothing at all if gaps cannot be seen.
pub(super) fn gaps(own: &Own<'_>) -> Option<Vec<String>> {
    let about = own.about;
    let archive = &about.archive;
    let mut gaps = Vec::new();
    let sources = &about.sources;
    for (n, what) in [
        (sources.failed, "could not be read"),
        (sources.partial, "could be read only in part"),
    ] {
        if n > 0 {
            gaps.push(format!("{} {what}", plural(n, "file")));
        }
    }
    if !about.all_read && gaps.is_empty() {
        gaps.push("a pass could not read all files".to_owned());
    }
    if about.archive_changed {
        gaps.push("files changed while they were read".to_owned());
    }
    if archive.is_part {
        gaps.push("only some accounts, regions or files were searched".to_owned());
    }
    let accounts = own.accounts();
    // Files outside of the layout may be of any account.
    let is_laid_out = archive.files_outside_layout == 0;
    let without = archive.accounts_without_files.iter();
    let without = without.filter(|account| is_laid_out && accounts.contains(*account));
    for account in without {
        gaps.push(format!("no file of account {}", shown(account)));
    }
    let day = |time: Timestamp| Offset::UTC.to_datetime(time).date();
    let from = own.since.map(day).max(archive.from);
    let to = own
        .state
        .log_ends
        .map(day)
        .into_iter()
        .chain(archive.to)
        .min();
    let of_accounts = archive.accounts.iter();
    let of_accounts = of_accounts.filter(|one| accounts.contains(&one.account_id));
    let mut has_days = false;
    for account in of_accounts {
        has_days |= account.files_without_day == 0;
        if let (Some(from), Some(to)) = (from, to) {
            gaps.extend(days_without(account, from, to));
        }
    }
    let holes = archive.holes.as_deref().unwrap_or_default();
    let ends = own.state.log_ends;
    let of_case = holes.iter().filter(|hole| {
        let is_within = own.since.is_none_or(|since| hole.to > since)
            && ends.is_none_or(|ends| hole.from <= ends);
        is_within && accounts.contains(&hole.account_id)
    });
    let of_case: Vec<&CaseHole> = of_case.collect();
    if let Some(last) = of_case.iter().max_by_key(|hole| hole.to) {
        gaps.push(format!(
            "{} in the map of the archive, the last of them in account {}, {}, from {} to {}: {}",
            plural(of_case.len() as u64, "hole"),
            shown(&last.account_id),
            shown(&last.region),
            last.from,
            last.to,
            last.reason
        ));
    }
    has_days |= archive.holes.is_some();
    (has_days || !gaps.is_empty()).then_some(gaps)
}

/// Returns the number of days without files in a range; nothing if there are none.
fn days_without(account: &AccountCoverage, from: Date, to: Date) -> Option<String> {
    let cut = account.days_without_files.iter();
    let cut = cut.map(|(first, last)| ((*first).max(from), (*last).min(to)));
    let cut: Vec<(Date, Date)> = cut.filter(|(first, last)| first <= last).collect();
    let n: i64 = cut.iter().map(|(first, last)| n_days(*first, *last)).sum();
    let (_, last) = cut.last()?;
    Some(format!(
        "no file of account {} on {n} of the {} from {from} to {to}, the last of them {last}",
        shown(&account.account_id),
        plural(n_days(from, to).unsigned_abs(), "day"),
    ))
}

fn n_days(from: Date, to: Date) -> i64 {
    i64::from((to - from).get_days()) + 1
}

fn days_lacking(account: &AccountCoverage, from: Date, to: Date) -> Option<String> {
    let gaps = &account.days_without_files;
    if gaps.is_empty() {
        return None;
    }
    let n: i64 = gaps.iter().map(|(first, last)| n_days(*first, *last)).sum();
    let named = gaps.iter().take(GAPS_MAX);
    let named = named.map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let mut named: Vec<String> = named.collect();
    if gaps.len() > GAPS_MAX {
        named.push(format!("and {} more", gaps.len() - GAPS_MAX));
    }
    Some(format!(
        "Account {} has no file delivered on {n} of the {} days from {from} to {to}: {}.",
        shown(&account.account_id),
        n_days(from, to),
        named.join(", ")
    ))
}

/// Returns the note that later events were left out, if they were.
fn later_cut(case: &Case) -> Option<String> {
    let note = "Too much was made after the time range (--after) to keep all of it: more may be left behind than this page names.";
    case.about.later_cut.then(|| note.to_owned())
}
