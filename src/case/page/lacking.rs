//! The questions about a case that its archive cannot answer.

use jiff::civil::Date;

use super::shown;
use super::words::plural;
use crate::case::{AccountCoverage, Case};

/// Number of gaps that are named; further ones are only counted.
const GAPS_MAX: usize = 6;

/// Returns a sentence for each thing that the archive cannot show.
pub(super) fn lacking(case: &Case) -> Vec<String> {
    let about = &case.about;
    let archive = &about.archive;
    let mut lacking = Vec::new();
    if !about.all_read {
        lacking.push("Not all could be read: see below.".to_owned());
    }
    for user in &about.not_found {
        lacking.push(format!(
            "The quarantine of {}, of which the alerts tell, is not in what was read: this is another archive, or not all of it.",
            shown(&user.name)
        ));
    }
    lacking.push(match (about.since, about.until) {
        (None, None) => "Events of all times were looked at.".to_owned(),
        _ => format!(
            "What lies before the times named at each user, or outside of --since and --until, was not looked at (--before, --since, --until): {} of other days. What lies after them counts only for the state at the end of the log.",
            plural(archive.folders_passed_over, "folder")
        ),
    });
    lacking.extend(later_cut(case));
    if archive.is_part {
        let text = "Only a part of the archive was asked for (accounts, regions, or a shard): what is said here holds for that part.";
        lacking.push(text.to_owned());
    }
    let missing = &archive.accounts_without_files;
    for account in missing.iter().take(GAPS_MAX) {
        let account = shown(account);
        lacking.push(format!(
            "The case leads to account {account}, of which there is no file in CloudTrail's layout."
        ));
    }
    if missing.len() > GAPS_MAX {
        let n = missing.len() - GAPS_MAX;
        lacking.push(format!(
            "And to {}, likewise.",
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
                "Of account {} {} of {} files have no day in their paths, so which days are missing is not known.",
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
    if archive.files_outside_layout > 0 {
        lacking.push(format!(
            "Outside of CloudTrail's layout there is {}: of which account and day was not asked.",
            plural(archive.files_outside_layout, "file")
        ));
    }
    lacking.push(
        "What was read and written in buckets, tables and functions is logged only where a trail records data events."
            .to_owned(),
    );
    lacking
}

fn days_lacking(account: &AccountCoverage, from: Date, to: Date) -> Option<String> {
    let gaps = &account.days_without_files;
    if gaps.is_empty() {
        return None;
    }
    let n_days = |from: Date, to: Date| i64::from((to - from).get_days()) + 1;
    let n: i64 = gaps.iter().map(|(first, last)| n_days(*first, *last)).sum();
    let named = gaps.iter().take(GAPS_MAX);
    let named = named.map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    let mut named: Vec<String> = named.collect();
    if gaps.len() > GAPS_MAX {
        named.push(format!("and {} more times", gaps.len() - GAPS_MAX));
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
    let note = "So much was made after the windows (--after) that not all of it is in this case: more may be left than this page names.";
    case.about.later_cut.then(|| note.to_owned())
}
