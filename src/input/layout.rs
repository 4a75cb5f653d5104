//! Reads from the folders of a CloudTrail archive which accounts, regions and days the files below them
//! belong to, and which files can matter.
//!
//! CloudTrail delivers to `AWSLogs/[o-id/]account/CloudTrail/region/yyyy/mm/dd/` below any prefix (the user
//! guide, "CloudTrail log file names"). A folder whose whole content is outside the selection need not even
//! be listed. A path outside the layout is never skipped.

use std::collections::BTreeSet;
use std::ops::{Range, RangeInclusive};
use std::path::{Component, Path, PathBuf};

use jiff::civil::Date;
use jiff::tz::Offset;
use jiff::{SignedDuration, Timestamp};

use crate::store::Uri;

/// Selection of events. The default selects all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Events from this time on.
    pub since: Option<Timestamp>,
    /// Events before this time.
    pub until: Option<Timestamp>,
    /// Tolerance for the day in a folder's name, which is the day of delivery and may be this much later than
    /// the event. Folders that are this much older than the selection are read too, because no clock is
    /// trusted.
    pub margin: SignedDuration,
    /// Events of these accounts; of all accounts if empty.
    pub accounts: BTreeSet<String>,
    /// True if the folders of other accounts are skipped. An event there may still belong to a selected
    /// account, if that account used a role there.
    pub is_account_folders_only: bool,
    /// Events of these regions; of all regions if empty.
    pub regions: BTreeSet<String>,
    /// Only events delivered under the home region of their partition, which receives IAM's events.
    pub is_home_region_only: bool,
}

/// Home region of each partition, which receives the events of global services (AWS's documentation of
/// partitions), by the prefix of its regions' names. Regions of an unknown partition are read.
const HOME_REGIONS: [(&str, &str); 6] = [
    ("cn-", "cn-north-1"),
    ("us-gov-", "us-gov-west-1"),
    ("us-iso-", "us-iso-east-1"),
    ("us-isob-", "us-isob-east-1"),
    ("eusc-", "eusc-de-east-1"),
    ("", STANDARD_HOME_REGION),
];
const STANDARD_HOME_REGION: &str = "us-east-1";
/// First and second parts of the region names in the standard partition.
const STANDARD_AREAS: [&str; 9] = ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"];
const DIRECTIONS: [&str; 9] = [
    "north",
    "northeast",
    "east",
    "southeast",
    "south",
    "southwest",
    "west",
    "northwest",
    "central",
];

/// Returns the home region of a region's partition, if the partition is known.
fn home_region(region: &str) -> Option<&'static str> {
    let is_standard = || {
        let mut parts = region.split('-');
        let area = parts
            .next()
            .is_some_and(|area| STANDARD_AREAS.contains(&area));
        let direction = parts.next().is_some_and(|part| DIRECTIONS.contains(&part));
        area && direction && parts.count() == 1
    };
    let mut known = HOME_REGIONS.iter();
    let is_of = |start: &str| match start {
        "" => is_standard(),
        start => region.starts_with(start),
    };
    known.find(|(start, _)| is_of(start)).map(|(_, home)| *home)
}

/// The day since which IAM's events are surely delivered under us-east-1 only (the user guide, "Global
/// service events"; the change was in November 2021).
const GLOBAL_EVENTS_AT_HOME: Date = jiff::civil::date(2022, 1, 1);

/// Facts that a folder of the layout reveals about everything below it.
#[derive(Debug, Default, PartialEq, Eq)]
struct Folder<'p> {
    account: Option<&'p str>,
    region: Option<&'p str>,
    /// The first day of delivery, and the day after the last.
    days: Option<Range<Date>>,
}

impl<'p> Folder<'p> {
    /// Parses a path. Returns the default where it is outside the layout.
    fn of(path: &'p Path) -> Self {
        let names: Vec<&str> = path.iter().filter_map(|name| name.to_str()).collect();
        let mut starts = names.iter().enumerate().rev();
        let roots = starts.by_ref().filter(|(_, name)| **name == "AWSLogs");
        let mut folders = roots.map(|(at, _)| Self::below_root(&names[at + 1..]));
        folders
            .find(|folder| folder.account.is_some())
            .unwrap_or_default()
    }

    fn below_root(names: &[&'p str]) -> Self {
        let mut folder = Self::default();
        let mut names = names.iter().copied().peekable();
        names.next_if(|name| name.starts_with("o-"));
        folder.account = names.next().filter(|name| is_account(name));
        if folder.account.is_none() || names.next() != Some("CloudTrail") {
            return folder;
        }
        folder.region = names.next().filter(|name| is_region(name));
        if folder.region.is_none() {
            return folder;
        }
        let mut number = |n_digits| {
            let name = names.next_if(|name| name.len() == n_digits && is_number(name))?;
            name.parse::<i16>().ok()
        };
        let (year, month, day) = (number(4), number(2), number(2));
        folder.days = days(year, month, day);
        folder
    }
}

/// The part of an archive that a file belongs to, as far as its folders show.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin {
    /// The account.
    pub account: Option<String>,
    /// The region.
    pub region: Option<String>,
    /// The year of the delivery.
    pub year: Option<String>,
}

/// Returns a path with all its parent folders, because the root on the command line may be a part of the
/// layout. An object address is complete as it is.
#[must_use]
pub fn whole(path: &Path) -> PathBuf {
    if Uri::of(path).is_some() {
        return path.to_owned();
    }
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut parts = absolute.components();
    if parts.any(|part| part == Component::ParentDir) {
        // Only the file system shows where `..` leads. A path that cannot be resolved is in no known layout.
        return std::fs::canonicalize(&absolute).unwrap_or_default();
    }
    absolute
}

/// Returns when a file was delivered, if it has the name that CloudTrail gives it
/// (`account_CloudTrail_region_yyyymmddThhmmZ_letters.json.gz`; the user guide, "CloudTrail log file names").
#[must_use]
pub(crate) fn delivered_at(path: &Path) -> Option<Timestamp> {
    let time = jiff::civil::DateTime::strptime("%Y%m%dT%H%MZ", named(path)?.minute).ok()?;
    Offset::UTC.to_timestamp(time).ok()
}

/// The parts of the name that CloudTrail gives to a file.
struct Named<'p> {
    account: &'p str,
    region: &'p str,
    minute: &'p str,
}

fn named(path: &Path) -> Option<Named<'_>> {
    let name = path.file_name()?.to_str()?;
    // Archives may have such a name too, and may contain anything.
    let endings = [".json.gz", ".json", ".json.zst"];
    let name = endings
        .iter()
        .find_map(|ending| name.strip_suffix(ending))?;
    let mut parts = name.split('_');
    let account = parts.next().filter(|name| is_account(name))?;
    parts.next().filter(|name| *name == "CloudTrail")?;
    let region = parts.next().filter(|name| is_region(name))?;
    let minute = parts.next()?;
    parts.next()?;
    Some(Named {
        account,
        region,
        minute,
    })
}

impl Origin {
    /// Returns the origin of a file, by the path on which it was reached.
    #[must_use]
    pub fn of(path: &Path) -> Self {
        Self::and_day_of(path).0
    }

    /// Returns the origin of a file, by its folders, or by its name if it is in no such folder.
    #[must_use]
    pub(crate) fn by_folder_or_name(path: &Path) -> Self {
        let origin = Self::of(path);
        if origin.account.is_some() && origin.region.is_some() {
            return origin;
        }
        let named = named(path);
        Self {
            account: named.as_ref().map(|named| named.account.to_owned()),
            region: named.map(|named| named.region.to_owned()),
            ..origin
        }
    }

    /// Returns the origin of a file, and the day on which it was delivered, by its folders or by its name.
    #[must_use]
    pub(crate) fn and_day_of(path: &Path) -> (Self, Option<Date>) {
        let whole = whole(path);
        let folder = Folder::of(whole.parent().unwrap_or(Path::new("")));
        let is_one = |days: &&Range<Date>| days.start.tomorrow().is_ok_and(|next| next == days.end);
        let day = folder.days.as_ref().filter(is_one).map(|days| days.start);
        let of_name = || Some(Offset::UTC.to_datetime(delivered_at(path)?).date());
        let day = day.or_else(of_name);
        let origin = Self {
            account: folder.account.map(str::to_owned),
            region: folder.region.map(str::to_owned),
            year: folder.days.map(|days| days.start.year().to_string()),
        };
        (origin, day)
    }
}

fn is_number(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

/// Reports whether this may be an account ID: twelve digits.
#[must_use]
pub fn is_account(name: &str) -> bool {
    name.len() == 12 && is_number(name)
}

/// Reports whether this may be the name of a region, such as `us-gov-west-1`.
#[must_use]
pub fn is_region(name: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let Some((words, number)) = name.rsplit_once('-') else {
        return false;
    };
    words.contains('-') && words.split('-').all(is_word) && is_number(number)
}

/// Returns the days of a year or of a month, or one day.
fn days(year: Option<i16>, month: Option<i16>, day: Option<i16>) -> Option<Range<Date>> {
    let narrow = |n: i16| i8::try_from(n).ok();
    let year = year?;
    match (month, day) {
        (None, _) => Some(Date::new(year, 1, 1).ok()?..Date::new(year.checked_add(1)?, 1, 1).ok()?),
        (Some(month), None) => {
            let first = Date::new(year, narrow(month)?, 1).ok()?;
            Some(first..first.last_of_month().tomorrow().ok()?)
        }
        (Some(month), Some(day)) => {
            let day = Date::new(year, narrow(month)?, narrow(day)?).ok()?;
            Some(day..day.tomorrow().ok()?)
        }
    }
}

impl Selection {
    /// Reports whether all events are selected.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        *self
            == Self {
                margin: self.margin,
                ..Self::default()
            }
    }

    /// Reports whether a folder, given by its whole path, may contain anything selected.
    #[must_use]
    pub fn may_lie_below(&self, folder: &Path) -> bool {
        let Folder {
            account,
            region,
            days,
        } = Folder::of(folder);
        let is_of_account = !self.is_account_folders_only
            || self.accounts.is_empty()
            || account.is_none_or(|account| self.accounts.contains(account));
        let is_home = |region: &str| home_region(region).is_none_or(|home| home == region);
        is_of_account
            && region.is_none_or(|region| {
                self.may_have_region(region, days.as_ref())
                    && (!self.is_home_region_only || is_home(region))
            })
            && days.is_none_or(|days| self.may_be_delivered(&days))
    }

    /// Reports whether events of a selected region may be delivered under this region: its own events, and
    /// formerly those of global services, which name the home region.
    fn may_have_region(&self, region: &str, days: Option<&Range<Date>>) -> bool {
        if self.regions.is_empty() || self.regions.contains(region) {
            return true;
        }
        let is_old = days.is_none_or(|days| days.start < GLOBAL_EVENTS_AT_HOME);
        match home_region(region) {
            Some(STANDARD_HOME_REGION) => is_old && self.regions.contains(STANDARD_HOME_REGION),
            Some(home) => self.regions.contains(home),
            None => true,
        }
    }

    /// Reports whether the folders of a folder are listed separately: because some may contain nothing
    /// selected, or because each is large enough for its own listing. `None` for a folder outside the layout.
    #[must_use]
    pub fn divides(&self, folder: &Path) -> Option<bool> {
        let mut names = folder.iter().rev().filter_map(|name| name.to_str());
        let last = names.next()?;
        let before = names.next();
        if last == "AWSLogs" || before == Some("AWSLogs") && last.starts_with("o-") {
            return Some(true);
        }
        let Folder {
            account,
            region,
            days,
        } = Folder::of(folder);
        account?;
        let has_times = self.since.is_some() || self.until.is_some();
        let is_month = |days: &Range<Date>| {
            days.end <= days.start.last_of_month().tomorrow().unwrap_or(days.end)
        };
        Some(match (region, days) {
            // Inside an account's folder, the logs of other services are next to CloudTrail's.
            (None, _) => is_account(last) || last == "CloudTrail",
            (Some(_), None) => has_times && is_region(last),
            (Some(_), Some(days)) => has_times && !is_month(&days),
        })
    }

    fn may_be_delivered(&self, days: &Range<Date>) -> bool {
        let midnight =
            |day: Date| Offset::UTC.to_timestamp(day.to_datetime(jiff::civil::Time::midnight()));
        let (Ok(start), Ok(end)) = (midnight(days.start), midnight(days.end)) else {
            return true;
        };
        // A time outside the computable range excludes nothing.
        let is_too_early =
            |since: Timestamp| end.checked_add(self.margin).is_ok_and(|end| end <= since);
        let is_too_late = |until: Timestamp| {
            until
                .checked_add(self.margin)
                .is_ok_and(|until| start >= until)
        };
        !self.since.is_some_and(is_too_early) && !self.until.is_some_and(is_too_late)
    }

    /// Reports whether an event with these times (in microseconds since 1970; the first and the last that
    /// each may be), accounts and regions is selected. Unknown values exclude nothing.
    #[must_use]
    pub fn includes(
        &self,
        times: &[Option<RangeInclusive<i64>>],
        accounts: &[String],
        regions: &[String],
    ) -> bool {
        let is_in_time = |time: &Option<RangeInclusive<i64>>| {
            time.as_ref().is_none_or(|time| {
                let is_after = |since: Timestamp| *time.end() >= since.as_microsecond();
                let is_before = |until: Timestamp| *time.start() < until.as_microsecond();
                self.since.is_none_or(is_after) && self.until.is_none_or(is_before)
            })
        };
        let is_of_account = |account: &String| {
            account_id(account).is_none_or(|account| self.accounts.contains(&account))
        };
        let is_of_region = |region: &String| !is_region(region) || self.regions.contains(region);
        let any_or_none = |n: usize, any: bool| n == 0 || any;
        any_or_none(times.len(), times.iter().any(is_in_time))
            && (self.accounts.is_empty()
                || any_or_none(accounts.len(), accounts.iter().any(is_of_account)))
            && (self.regions.is_empty()
                || any_or_none(regions.len(), regions.iter().any(is_of_region)))
    }
}

/// Restores an account ID that a spreadsheet or a table turned into a number, with its leading zeros. `None`
/// if the text is no longer such a number (1.11122E+11), or never was.
fn account_id(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.trim_start_matches('\'');
    let whole = match text.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|byte| byte == b'0') => whole,
        _ => text,
    };
    // Consoles group the digits.
    let groups = whole.split(['-', ' ']);
    let has_groups = groups.clone().count() > 1;
    let digits = match has_groups && groups.clone().all(|group| group.len() == 4) {
        true => groups.collect(),
        false => whole.to_owned(),
    };
    (is_number(&digits) && digits.len() <= 12).then(|| format!("{digits:0>12}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted() -> Selection {
        Selection {
            margin: SignedDuration::from_hours(48),
            ..Selection::default()
        }
    }

    fn time(text: &str) -> Option<Timestamp> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_folder_says_what_lies_below_it() {
        let day = |text: &str| text.parse::<Date>().unwrap();
        let own = "AWSLogs/111122223333";
        for (below, region, days) in [
            ("", None, None),
            ("/CloudTrail/us-east-1", Some("us-east-1"), None),
            (
                "/CloudTrail/us-gov-west-1/2023",
                Some("us-gov-west-1"),
                Some(["2023-01-01", "2024-01-01"]),
            ),
            (
                "/CloudTrail/us-east-1/2024/02",
                Some("us-east-1"),
                Some(["2024-02-01", "2024-03-01"]),
            ),
            (
                "/CloudTrail/us-east-1/2024/12/31/x",
                Some("us-east-1"),
                Some(["2024-12-31", "2025-01-01"]),
            ),
            ("/CloudTrail/us-east-1/2024/13", Some("us-east-1"), None),
            ("/Config/us-east-1/2024", None, None),
            ("/CloudTrail-Digest/us-east-1/2024", None, None),
        ] {
            let days = days.map(|[start, end]| day(start)..day(end));
            let account = Some("111122223333");
            let folder = Folder {
                account,
                region,
                days,
            };
            let path = format!("/a/{own}{below}");
            assert_eq!(Folder::of(Path::new(&path)), folder, "{path}");
            let path = format!("AWSLogs/copy/AWSLogs/o-ab12cd34ef/111122223333{below}");
            assert_eq!(Folder::of(Path::new(&path)), folder, "{path}");
        }
        for path in [
            "AWSLogs/CloudTrail/us-east-1/2024",
            "logs/111122223333/CloudTrail/us-east-1/2024",
            "AWSLogs/1111/CloudTrail/us-east-1/2024",
        ] {
            assert_eq!(Folder::of(Path::new(path)), Folder::default(), "{path}");
        }
    }

    #[test]
    fn days_are_passed_over_only_beyond_the_margin() {
        let wanted = Selection {
            since: time("2024-05-10T00:00:00Z"),
            until: time("2024-05-12T00:00:00Z"),
            ..wanted()
        };
        let folder = |day: &str| format!("AWSLogs/111122223333/CloudTrail/us-east-1/{day}");
        for (day, may) in [
            ("2024/05/07", false),
            ("2024/05/08", true),
            ("2024/05/13", true),
            ("2024/05/14", false),
            ("2024/04", false),
            ("2024/05", true),
            ("2023", false),
            ("2024", true),
            ("2024/xx", true),
        ] {
            assert_eq!(wanted.may_lie_below(Path::new(&folder(day))), may, "{day}");
        }
    }

    #[test]
    fn accounts_and_regions_are_told_by_their_folders() {
        let path = |account: &str, region: &str| format!("AWSLogs/{account}/CloudTrail/{region}");
        // An event in another account's folder may also belong to the selected account.
        let of_account = Selection {
            accounts: ["111122223333".to_owned()].into(),
            ..wanted()
        };
        assert!(of_account.may_lie_below(Path::new(&path("444455556666", "eu-west-1"))));
        let of_account = Selection {
            is_account_folders_only: true,
            ..of_account
        };
        assert!(of_account.may_lie_below(Path::new(&path("111122223333", "eu-west-1"))));
        assert!(!of_account.may_lie_below(Path::new(&path("444455556666", "eu-west-1"))));
        let of_region = Selection {
            regions: ["eu-west-1".to_owned()].into(),
            ..wanted()
        };
        assert!(of_region.may_lie_below(Path::new(&path("444455556666", "eu-west-1"))));
        assert!(!of_region.may_lie_below(Path::new(&path("444455556666", "us-east-1"))));
    }

    #[test]
    fn the_home_region_is_told_where_the_partition_is_known() {
        let at_home = Selection {
            is_home_region_only: true,
            ..wanted()
        };
        let may = |region: &str| {
            let folder = format!("AWSLogs/444455556666/CloudTrail/{region}");
            at_home.may_lie_below(Path::new(&folder))
        };
        for region in [
            "us-east-1",
            "cn-north-1",
            "us-gov-west-1",
            "us-iso-east-1",
            "eusc-de-east-1",
            // Unknown regions.
            "us-isof-south-1",
            "us-isof-east-1",
            "eu-isoe-west-1",
            "xx-new-east-1",
            "moon-north-1",
            "us-up-1",
        ] {
            assert!(may(region), "{region}");
        }
        for region in [
            "eu-west-1",
            "ap-southeast-7",
            "mx-central-1",
            "cn-northwest-1",
            "us-gov-east-1",
            "us-iso-west-1",
        ] {
            assert!(!may(region), "{region}");
        }
        assert!(at_home.may_lie_below(Path::new("eu-west-1")));
    }

    #[test]
    fn events_of_the_home_region_were_once_delivered_under_others() {
        let at = |wanted: &str, folder: &str| {
            let wanted = Selection {
                regions: [wanted.to_owned()].into(),
                ..super::tests::wanted()
            };
            let folder = format!("AWSLogs/444455556666/CloudTrail/{folder}");
            wanted.may_lie_below(Path::new(&folder))
        };
        assert!(at("us-east-1", "eu-west-1"));
        assert!(at("us-east-1", "eu-west-1/2019/01"));
        assert!(!at("us-east-1", "eu-west-1/2022"));
        assert!(!at("us-east-1", "cn-northwest-1"));
        assert!(at("cn-north-1", "cn-northwest-1/2024"));
        assert!(!at("eu-west-1", "us-east-1"));
        assert!(at("eu-west-1", "us-isof-south-1"));
    }

    #[test]
    fn an_event_is_left_out_by_what_is_known_of_it() {
        let wanted = Selection {
            since: time("1970-01-01T00:00:10Z"),
            until: time("1970-01-01T00:00:20Z"),
            accounts: ["111122223333".to_owned()].into(),
            regions: ["us-east-1".to_owned()].into(),
            ..wanted()
        };
        let some = |text: &str| vec![text.to_owned()];
        let (own, other) = (some("111122223333"), some("444455556666"));
        let (here, there) = (some("us-east-1"), some("eu-west-1"));
        let unclear = vec!["444455556666".to_owned(), "1.11122E+11".to_owned()];
        let none = Vec::new();
        for (seconds, accounts, regions, is_in) in [
            (Some(10), &own, &here, true),
            (Some(9), &own, &here, false),
            (Some(20), &own, &here, false),
            (None, &own, &here, true),
            (Some(10), &other, &here, false),
            (Some(10), &unclear, &here, true),
            (Some(10), &none, &here, true),
            (Some(10), &own, &there, false),
            (Some(10), &own, &none, true),
            (Some(10), &own, &some("global"), true),
        ] {
            let time = seconds.map(|s: i64| s * 1_000_000..=s * 1_000_000);
            assert_eq!(wanted.includes(&[time], accounts, regions), is_in);
        }
        // One event whose time is within these seconds, and one that has two times.
        assert!(wanted.includes(&[Some(0..=10_000_000)], &own, &here));
        assert!(!wanted.includes(&[Some(0..=9_999_999)], &own, &here));
        assert!(wanted.includes(&[Some(0..=0), None], &own, &here));
    }

    #[test]
    fn an_account_that_was_taken_for_a_number_is_known_again() {
        for (text, id) in [
            ("111122223333", Some("111122223333")),
            ("11122223333", Some("011122223333")),
            ("1122223333.0", Some("001122223333")),
            (" '011122223333 ", Some("011122223333")),
            ("1111-2222-3333", Some("111122223333")),
            ("1.11122E+11", None),
            ("111122XXXXXX", None),
            ("1111222233334", None),
            ("-", None),
            ("", None),
        ] {
            assert_eq!(account_id(text).as_deref(), id, "{text}");
        }
    }

    use proptest::prelude::*;

    /// Returns an account ID as exports may write it.
    fn written(account: &str, form: usize) -> String {
        match form {
            0 => account.to_owned(),
            1 => account.trim_start_matches('0').to_owned(),
            2 => format!("{}.0", account.trim_start_matches('0')),
            3 => format!("{}E+11", account.get(..1).unwrap_or_default()),
            _ => format!("'{account}"),
        }
    }

    proptest! {
        #[test]
        fn no_event_is_left_out_that_is_wanted(
            micros in 1_400_000_000_000_000_i64..1_900_000_000_000_000,
            (since, until) in (0_i64..100_000_000, 1_i64..100_000_000),
            form in prop::sample::select(vec![
                "%Y-%m-%dT%H:%M:%S%.6fZ", "%Y-%m-%d %H:%M:%S%.6f UTC", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%s",
                "%b %d, %Y @ %H:%M:%S%.3f", "%m/%d/%Y %I:%M:%S %p", "%d/%m/%Y %H:%M", "%Y%m%d%H%M%S",
            ]),
            account in "[01][0-9]{11}",
            other in "[01][0-9]{11}",
            (of_own, of_other, own_first) in (0_usize..5, 0_usize..5, any::<bool>()),
        ) {
            let time = Timestamp::from_microsecond(micros).unwrap();
            // A text leaves out less than a second, so the limits are whole seconds.
            let second = jiff::Timestamp::from_second(micros / 1_000_000).unwrap();
            let wanted = Selection {
                since: Some(second - SignedDuration::from_secs(since)),
                until: Some(second + SignedDuration::from_secs(until)),
                accounts: [account.clone()].into(),
                regions: ["us-east-1".to_owned()].into(),
                ..wanted()
            };
            let text = time.to_zoned_datetime(jiff::tz::TimeZone::UTC).strftime(form).to_string();
            let times = [crate::event::time::read(&text).map(|time| time.may_be)];
            let mut accounts = vec![written(&account, of_own), written(&other, of_other)];
            if !own_first {
                accounts.reverse();
            }
            prop_assert!(wanted.includes(&times, &accounts, &["us-east-1".to_owned()]), "{text} {accounts:?}");
        }

        #[test]
        fn no_folder_is_passed_over_in_which_an_event_may_be(
            hours in 0_i64..100_000,
            late in 0_i64..=48,
            region in prop::sample::select(vec!["us-east-1", "eu-west-1", "us-isof-south-1", "cn-north-1", "moon-east-1"]),
            account in "[0-9]{12}",
        ) {
            let start: Timestamp = "2014-01-01T00:00:00Z".parse().unwrap();
            let happened = start + SignedDuration::from_hours(hours);
            let delivered = happened + SignedDuration::from_hours(late);
            let wanted = Selection {
                since: Some(happened),
                until: Some(happened + SignedDuration::from_secs(1)),
                accounts: ["111122223333".to_owned()].into(),
                regions: [region.to_owned()].into(),
                ..wanted()
            };
            let day = delivered.to_zoned_datetime(jiff::tz::TimeZone::UTC).strftime("%Y/%m/%d").to_string();
            let folder = format!("x/AWSLogs/{account}/CloudTrail/{region}/{day}");
            prop_assert!(Path::new(&folder).ancestors().all(|folder| wanted.may_lie_below(folder)), "{folder}");
        }
    }
}
