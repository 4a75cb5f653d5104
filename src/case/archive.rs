//! The archive as the first pass found it: the sources that later passes read, and the gaps in the days of an account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::ScanConfig;
use crate::coverage::{CoverageMap, HourState, RegionMap, is_delivered};
use crate::input::Root;
use crate::input::layout::{Origin, delivered_at};
use crate::input::source::{Source, SourceKind, is_as_found};
use crate::report::PassReport;

/// All files and objects that the first pass found, in their order.
#[derive(Debug, Default)]
pub(super) struct Archive {
    sources: Vec<Arc<Source>>,
    /// True if a file contains events that are later than the delivery time in its name.
    pub(super) names_lie: bool,
}

impl Archive {
    pub(super) fn new(sources: Vec<Source>) -> Self {
        Self {
            sources: sources.into_iter().map(Arc::new).collect(),
            names_lie: false,
        }
    }

    /// Returns the sources that can be read only once.
    pub(super) fn streams(&self) -> impl Iterator<Item = &Source> {
        let sources = self.sources.iter().map(Arc::as_ref);
        sources.filter(|source| is_stream(source))
    }

    /// Returns the sources that may contain events from a time on. Files that CloudTrail delivered before that time
    /// contain none; other files, including archives, may contain any events, whatever folder they are in.
    pub(super) fn from(&self, since: Option<Timestamp>, margin: SignedDuration) -> Root {
        // If the time is too early to be computed, all sources are kept.
        let since = since.and_then(|since| since.checked_sub(margin).ok());
        let may_matter = |source: &&Arc<Source>| {
            let delivered = delivered_at(&source.path).filter(|_| !self.names_lie);
            let is_too_early = delivered.zip(since).is_some_and(|(at, since)| at < since);
            !is_stream(source) && !is_too_early
        };
        Root::Sources(self.sources.iter().filter(may_matter).cloned().collect())
    }

    /// Returns whether all files that may be logs have names as CloudTrail delivers them.
    pub(super) fn is_delivered(&self) -> bool {
        let mut logs = self.sources.iter().filter(|source| is_log(source));
        logs.all(|source| is_delivered(&source.path.to_string_lossy()))
    }

    /// Returns whether a file has changed since it was found. Objects do not need this check, because the version that
    /// was found is requested.
    pub(super) fn has_changed(&self) -> bool {
        let mut files = self.sources.iter();
        files.any(|source| source.kind == SourceKind::File && !is_as_found(source))
    }

    /// Returns the coverage of the accounts of a case, up to the start of the first pass. `map` is what that pass shows, if
    /// all files have the names that CloudTrail gives them.
    pub(super) fn coverage(
        &self,
        scan: &ScanConfig,
        map: Option<&CoverageMap>,
        accounts: &BTreeSet<String>,
        first: &PassReport,
    ) -> Coverage {
        let wanted = &scan.wanted;
        let is_shard = |root: &Root| matches!(root, Root::Manifest(one) if one.shard.is_some());
        let mut coverage = Coverage {
            is_part: scan.names.words().is_some()
                || !wanted.accounts.is_empty()
                || !wanted.regions.is_empty()
                || wanted.is_home_region_only
                || scan.roots.iter().any(is_shard),
            folders_passed_over: first.sources.folders_passed_over,
            ..Coverage::default()
        };
        let mut all;
        (all, coverage.files_outside_layout) = self.by_account();
        let map = map.filter(|_| !coverage.is_part);
        for (account, day) in map.into_iter().flat_map(quiet_days) {
            if let Some(own) = all.get_mut(account) {
                own.quiet_days.insert(day);
            }
        }
        let all_days = || all.values().flat_map(|own| &own.days);
        let of = |time: Option<Timestamp>| time.map(|time| Offset::UTC.to_datetime(time).date());
        coverage.from = of(wanted.since).or_else(|| all_days().min().copied());
        // The end time itself is excluded, and future files have not been delivered yet.
        let last = wanted
            .until
            .and_then(|until| until.checked_sub(SignedDuration::from_secs(1)).ok());
        let last = last.map(|last| last.min(first.started_at));
        coverage.to = of(last).or_else(|| all_days().max().copied());
        let regions = all.values().flat_map(|own| own.regions.clone());
        coverage.regions = regions.collect();
        let is_wanted =
            |account: &&String| wanted.accounts.is_empty() || wanted.accounts.contains(*account);
        for account in accounts.iter().filter(is_wanted) {
            let Some(own) = all.get(account) else {
                coverage.accounts_without_files.push(account.clone());
                continue;
            };
            let window = coverage
                .from
                .zip(coverage.to)
                .filter(|_| own.n_undated == 0);
            // An account is in one partition of AWS, and has no logs in the regions of others.
            let partitions: BTreeSet<&str> = own.regions.iter().map(|r| partition(r)).collect();
            let regions = coverage.regions.difference(&own.regions);
            let regions = regions.filter(|region| partitions.contains(partition(region)));
            coverage.accounts.push(AccountCoverage {
                account_id: account.clone(),
                files: own.n_files,
                files_without_day: own.n_undated,
                regions_without_files: regions.cloned().collect(),
                days_without_files: window
                    .map(|(from, to)| gaps(&(&own.days | &own.quiet_days), from, to))
                    .unwrap_or_default(),
            });
        }
        let window = coverage.from.zip(coverage.to);
        coverage.holes = map.zip(window).map(|(map, (from, to))| {
            let holes = map
                .regions
                .iter()
                .filter(|region| accounts.contains(&region.account));
            holes
                .flat_map(|region| holes_of(region, from, to))
                .collect()
        });
        coverage
    }
}

impl Archive {
    /// Returns what the paths of files say of each account, and the number of files whose paths say nothing.
    fn by_account(&self) -> (BTreeMap<String, OfAccount>, u64) {
        let mut all: BTreeMap<String, OfAccount> = BTreeMap::new();
        let mut n_outside = 0;
        for source in self.sources.iter().filter(|source| is_log(source)) {
            let (origin, day) = Origin::and_day_of(&source.path);
            let (Some(account), Some(region)) = (origin.account, origin.region) else {
                n_outside += 1;
                continue;
            };
            let own = all.entry(account).or_default();
            own.n_files += 1;
            own.regions.insert(region);
            match day {
                Some(day) => _ = own.days.insert(day),
                None => own.n_undated += 1,
            }
        }
        (all, n_outside)
    }
}

/// Returns the days for which digests say that nothing was delivered in some region, with the account.
fn quiet_days(map: &CoverageMap) -> impl Iterator<Item = (&str, Date)> {
    map.regions.iter().flat_map(|region| {
        let hours = (region.first..).zip(&region.states);
        let quiet = hours.filter(|(_, state)| **state == HourState::Quiet);
        quiet.filter_map(|(hour, _)| {
            let time = Timestamp::from_second(hour * 3600).ok()?;
            Some((
                region.account.as_str(),
                Offset::UTC.to_datetime(time).date(),
            ))
        })
    })
}

/// Returns the holes of a region from one day to another, with both days.
fn holes_of(region: &RegionMap, from: Date, to: Date) -> impl Iterator<Item = CaseHole> {
    let hour = |date: Date| {
        let midnight = Offset::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok();
        midnight.map(|time| time.as_second().div_euclid(3600))
    };
    let first = hour(from).unwrap_or(i64::MIN);
    let end = to.tomorrow().ok().and_then(hour).unwrap_or(i64::MAX);
    region.holes.iter().filter_map(move |hole| {
        let (from, to) = (hole.from.max(first), hole.to.min(end));
        let time = |hour: i64| Timestamp::from_second(hour.checked_mul(3600)?).ok();
        (from < to).then_some(())?;
        Some(CaseHole {
            account_id: region.account.clone(),
            region: region.region.clone(),
            from: time(from)?,
            to: time(to)?,
            reason: hole.reason.words().to_owned(),
            missing_logs: hole.n_missing,
        })
    })
}

/// The files of an account.
#[derive(Debug, Default)]
struct OfAccount {
    n_files: u64,
    n_undated: u64,
    regions: BTreeSet<String>,
    days: BTreeSet<Date>,
    /// Days on which digests say that nothing was delivered in some region.
    quiet_days: BTreeSet<Date>,
}

/// Returns the partition of AWS that a region is in (AWS general reference, "Amazon Resource Names"; AWS's SDKs have the
/// same beginnings of regions in `partitions.json`).
fn partition(region: &str) -> &'static str {
    const PARTITIONS: [(&str, &str); 6] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-isob-", "aws-iso-b"),
        ("us-isof-", "aws-iso-f"),
        ("us-iso-", "aws-iso"),
        ("eusc-", "aws-eusc"),
    ];
    let mut found = PARTITIONS.iter();
    let found = found.find(|(beginning, _)| region.starts_with(beginning));
    found.map_or("aws", |(_, partition)| partition)
}

/// Returns whether a source can be read only once.
fn is_stream(source: &Source) -> bool {
    matches!(source.kind, SourceKind::Stream | SourceKind::Stdin)
}

/// Returns whether a file may be a log at all. Files that operating systems leave in folders are not.
fn is_log(source: &Source) -> bool {
    let name = source.path.file_name();
    let is_hidden = name.is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    source.stored_bytes > 0 && !is_hidden
}

/// The part of an archive that was available to read, as far as its folders show it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Coverage {
    /// Number of folders of days that are too far from all quarantines, or outside the requested times; they were
    /// skipped.
    #[serde(default)]
    pub folders_passed_over: u64,
    /// True if only a part was to be read: some accounts, regions or file names, or a shard. The other fields then
    /// apply only to that part.
    pub is_part: bool,
    /// The first day that matters; nothing if no time is known.
    #[schemars(with = "Option<String>")]
    pub from: Option<Date>,
    /// The last day that matters.
    #[schemars(with = "Option<String>")]
    pub to: Option<Date>,
    /// All regions that have files.
    pub regions: BTreeSet<String>,
    /// The accounts of the case.
    pub accounts: Vec<AccountCoverage>,
    /// Accounts of the case for which the archive has no files in CloudTrail's layout.
    pub accounts_without_files: Vec<String>,
    /// Number of files outside that layout, whose days are not known.
    pub files_outside_layout: u64,
    /// The times, between these days, in which something of the accounts is missing, as the map of the archive has them.
    /// Nothing if there is no map: files have other names than CloudTrail gives them, or only a part was to be read.
    #[serde(default)]
    pub holes: Option<Vec<CaseHole>>,
}

/// A time in which something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CaseHole {
    /// The account.
    pub account_id: String,
    /// The region.
    pub region: String,
    /// Its beginning.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// Its end.
    #[schemars(with = "String")]
    pub to: Timestamp,
    /// The reason, in words.
    pub reason: String,
    /// The number of logs that digest files name and that are missing.
    pub missing_logs: u64,
}

/// The coverage of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccountCoverage {
    /// The account's id.
    pub account_id: String,
    /// Number of its files.
    pub files: u64,
    /// Number of its files whose day is not known. If there are any, no day is known to be without files.
    pub files_without_day: u64,
    /// Regions of the archive in which it has no files, except those of other partitions of AWS.
    pub regions_without_files: Vec<String>,
    /// Days without files for this account, and without a digest file that says that there were none, each entry with the first and the last of consecutive days.
    #[schemars(with = "Vec<(String, String)>")]
    pub days_without_files: Vec<(Date, Date)>,
}

/// Returns the days in a range that are missing, as the first and the last day of each gap.
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

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;
    use crate::input::discover::{discover, list};
    use crate::input::walk::{DiscoverOptions, Found};

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

    #[test]
    fn a_file_that_was_changed_after_it_was_found_is_known() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.json");
        let source = || {
            let mut found = Vec::new();
            let options = DiscoverOptions::default();
            let roots = [Root::Path(path.clone())];
            let list_all =
                |folders: &[std::path::PathBuf]| folders.iter().map(|f| list(f)).collect();
            let walk = discover(&roots, &options, &list_all, &mut |one| {
                if let Found::Source(source) = one {
                    found.push(source);
                }
                std::ops::ControlFlow::Continue(())
            });
            assert!(walk.is_continue());
            Archive::new(found)
        };
        std::fs::write(&path, "{}").unwrap();
        let found = source();
        assert!(!found.has_changed());
        std::fs::write(&path, "{ }").unwrap();
        assert!(found.has_changed());
        let found = source();
        std::fs::remove_file(&path).unwrap();
        assert!(found.has_changed());
    }

    #[test]
    fn a_region_of_another_partition_is_not_missing() {
        let source = |account: &str, region: &str| {
            let path = format!(
                "AWSLogs/{account}/CloudTrail/{region}/2024/05/01/{account}_CloudTrail_{region}_20240501T0005Z_a.json.gz"
            );
            Source {
                path: path.clone().into(),
                below_root: path.into(),
                kind: SourceKind::File,
                stored_bytes: 1,
                modified: None,
                changed: None,
            }
        };
        let (one, china, gov) = ("111122223333", "222233334444", "333344445555");
        let archive = Archive::new(vec![
            source(one, "us-east-1"),
            source("444455556666", "eu-west-1"),
            source(china, "cn-north-1"),
            source("444455556666", "cn-northwest-1"),
            source(gov, "us-gov-west-1"),
        ]);
        let accounts = [one, china, gov].map(str::to_owned).into();
        let scan = ScanConfig::default();
        let first = PassReport {
            started_at: "2024-05-02T00:00:00Z".parse().unwrap(),
            ..PassReport::default()
        };
        let coverage = archive.coverage(&scan, None, &accounts, &first);
        let missing = |account: &str| {
            let mut accounts = coverage.accounts.iter();
            let own = accounts.find(|one| one.account_id == account).unwrap();
            own.regions_without_files.clone()
        };
        assert_eq!(missing(one), ["eu-west-1"]);
        assert_eq!(missing(china), ["cn-northwest-1"]);
        assert_eq!(missing(gov), [""; 0]);
    }

    #[test]
    fn only_what_cloudtrail_delivered_before_is_passed_over() {
        let source = |path: &str| Source {
            path: path.into(),
            below_root: path.into(),
            kind: SourceKind::File,
            stored_bytes: 1,
            modified: None,
            changed: None,
        };
        let day = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01";
        let delivered = "111122223333_CloudTrail_us-east-1_20240501T0005Z_abc.json.gz";
        let archive = Archive::new(vec![
            source(&format!("{day}/{delivered}")),
            source(&format!("flat/{delivered}")),
            source(&format!("{day}/may.zip")),
            source(&format!("{day}/{}", delivered.replace("0501T", "0509T"))),
        ]);
        let n_left = |since: &str| {
            let since = Some(since.parse().unwrap());
            match archive.from(since, SignedDuration::from_hours(48)) {
                Root::Sources(sources) => sources.len(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!(n_left("2024-05-03T00:00:00Z"), 4);
        assert_eq!(n_left("2024-05-03T00:06:00Z"), 2);
        assert_eq!(n_left("2024-06-01T00:00:00Z"), 1);
    }
}
