//! The archive as the first round found it: what later rounds read of it, and what of an account's days it lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::Offset;
use serde::{Deserialize, Serialize};

use crate::input::Root;
use crate::input::layout::{Origin, Wanted, day_of};
use crate::input::source::{Source, SourceKind, is_as_found};

/// All files and objects that the first round found, in their order.
#[derive(Debug, Default)]
pub(super) struct Archive {
    sources: Vec<Source>,
}

impl Archive {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self { sources }
    }

    /// Those that may hold events from a time on.
    pub(super) fn from(&self, since: Option<Timestamp>, wanted: &Wanted) -> Root {
        let wanted = Wanted {
            since: wanted.since.max(since),
            ..wanted.clone()
        };
        let may_matter = |source: &&Source| {
            let path = std::path::absolute(&source.path);
            let folder = path
                .as_ref()
                .map_or(source.path.parent(), |path| path.parent());
            folder.is_none_or(|folder| wanted.may_lie_below(folder))
        };
        let sources: Vec<Source> = self.sources.iter().filter(may_matter).cloned().collect();
        Root::Sources(Arc::from(sources))
    }

    /// Whether a file is not what it was when it was found. Objects are asked for as they were.
    pub(super) fn has_changed(&self) -> bool {
        let mut files = self.sources.iter();
        files.any(|source| source.kind == SourceKind::File && !is_as_found(source))
    }

    /// What there is of the accounts of a case.
    pub(super) fn coverage(&self, wanted: &Wanted, accounts: &BTreeSet<String>) -> Coverage {
        let mut coverage = Coverage::default();
        let mut all: BTreeMap<String, (u64, BTreeSet<String>, BTreeSet<Date>)> = BTreeMap::new();
        for source in &self.sources {
            let origin = Origin::of(&source.path);
            let (Some(account), Some(region)) = (origin.account, origin.region) else {
                coverage.files_outside_layout += 1;
                continue;
            };
            let (n_files, regions, days) = all.entry(account).or_default();
            *n_files += 1;
            regions.insert(region);
            days.extend(day_of(&source.path));
        }
        let all_days = || all.values().flat_map(|(_, _, days)| days);
        let of = |time: Option<Timestamp>| time.map(|time| Offset::UTC.to_datetime(time).date());
        coverage.from = of(wanted.since).or_else(|| all_days().min().copied());
        // The end itself is not wanted any more.
        let last = wanted
            .until
            .and_then(|until| until.checked_sub(jiff::Span::new().seconds(1)).ok());
        coverage.to = of(last).or_else(|| all_days().max().copied());
        let regions = all.values().flat_map(|(_, regions, _)| regions.clone());
        coverage.regions = regions.collect();
        for account in accounts {
            let Some((files, regions, days)) = all.get(account) else {
                coverage.accounts_without_files.push(account.clone());
                continue;
            };
            let lacking = coverage
                .from
                .zip(coverage.to)
                .map(|(from, to)| gaps(days, from, to));
            coverage.accounts.push(AccountCoverage {
                account_id: account.clone(),
                files: *files,
                regions_without_files: coverage.regions.difference(regions).cloned().collect(),
                days_without_files: lacking.unwrap_or_default(),
            });
        }
        coverage
    }
}

/// What of an archive there was to read, as far as its folders say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coverage {
    /// The first day that matters; nothing where no time is known.
    pub from: Option<Date>,
    /// The last one.
    pub to: Option<Date>,
    /// All regions that have files.
    pub regions: BTreeSet<String>,
    /// The accounts of the case.
    pub accounts: Vec<AccountCoverage>,
    /// Accounts of the case of which the archive has nothing in CloudTrail's layout.
    pub accounts_without_files: Vec<String>,
    /// Files outside that layout, whose days are not known.
    pub files_outside_layout: u64,
}

/// What there is of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCoverage {
    /// Which one.
    pub account_id: String,
    /// Its files.
    pub files: u64,
    /// Regions of the archive in which it has none.
    pub regions_without_files: Vec<String>,
    /// Days on which nothing was delivered for it, each as the first and the last of several on end.
    pub days_without_files: Vec<(Date, Date)>,
}

/// The days from one to another that are not there, as the first and last of each gap.
fn gaps(days: &BTreeSet<Date>, from: Date, to: Date) -> Vec<(Date, Date)> {
    let mut gaps = Vec::new();
    let mut next = from;
    for day in days.range(from..=to.max(from)) {
        if let (true, Ok(last)) = (next < *day, day.yesterday()) {
            gaps.push((next, last));
        }
        match day.tomorrow() {
            Ok(tomorrow) => next = tomorrow,
            Err(_) => return gaps,
        }
    }
    if next <= to {
        gaps.push((next, to));
    }
    gaps
}

/// Whether a name is an account's id.
pub(super) fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn days_that_are_not_there_are_told_from_first_to_last() {
        let day = |day| date(2024, 5, day);
        let days = |days: &[i8]| days.iter().map(|n| day(*n)).collect::<BTreeSet<_>>();
        for (there, expected) in [
            (days(&[]), vec![(day(1), day(9))]),
            (days(&[1, 2, 3, 4, 5, 6, 7, 8, 9]), vec![]),
            (
                days(&[3, 4, 8]),
                vec![(day(1), day(2)), (day(5), day(7)), (day(9), day(9))],
            ),
            (days(&[1, 9, 20]), vec![(day(2), day(8))]),
        ] {
            assert_eq!(gaps(&there, day(1), day(9)), expected);
        }
    }
}
