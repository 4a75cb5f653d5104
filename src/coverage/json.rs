//! The map as JSON: one document by days, or a line for each hour.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::cells::HOUR;
use super::map::{CoverageMap, HourState, Reason, RegionMap};
use super::trail::TrailEvent;
use crate::custody::time_text;

/// The version of the document's form.
const SCHEMA_VERSION: u32 = 1;

/// The map as a document.
#[derive(Debug, Serialize)]
pub struct Document<'a> {
    schema: u32,
    accounts: Vec<Account<'a>>,
    trail_events: &'a [TrailEvent],
}

#[derive(Debug, Serialize)]
struct Account<'a> {
    account: &'a str,
    regions: Vec<Region<'a>>,
}

#[derive(Debug, Serialize)]
struct Region<'a> {
    region: &'a str,
    hours: BTreeMap<HourState, usize>,
    days: BTreeMap<String, Day>,
    holes: Vec<HoleFields>,
}

/// A day: a letter for each hour, and the sums.
#[derive(Debug, Serialize)]
struct Day {
    hours: String,
    files: u64,
    bytes: u64,
    events: u64,
    missing: u64,
    first_event: Option<String>,
    last_event: Option<String>,
}

#[derive(Debug, Serialize)]
struct HoleFields {
    from: String,
    to: String,
    why: Reason,
    files_missing: u64,
}

/// Returns the map as a document.
#[must_use]
pub fn document(map: &CoverageMap) -> Document<'_> {
    let mut accounts: Vec<Account<'_>> = Vec::new();
    for region in &map.regions {
        if accounts
            .last()
            .is_none_or(|last| last.account != region.account)
        {
            accounts.push(Account {
                account: &region.account,
                regions: Vec::new(),
            });
        }
        if let Some(account) = accounts.last_mut() {
            account.regions.push(fields(region));
        }
    }
    Document {
        schema: SCHEMA_VERSION,
        accounts,
        trail_events: &map.trail_events,
    }
}

fn fields(region: &RegionMap) -> Region<'_> {
    let states = [
        HourState::Covered,
        HourState::Quiet,
        HourState::Hole,
        HourState::Unknown,
    ];
    Region {
        region: &region.region,
        hours: states
            .into_iter()
            .map(|state| (state, region.n_hours(state)))
            .collect(),
        days: days(region),
        holes: (region.holes.iter())
            .map(|hole| HoleFields {
                from: time_text(hole.from * HOUR),
                to: time_text(hole.to * HOUR),
                why: hole.reason,
                files_missing: hole.n_missing,
            })
            .collect(),
    }
}

fn days(region: &RegionMap) -> BTreeMap<String, Day> {
    let mut days: BTreeMap<i64, Vec<(i64, HourState)>> = BTreeMap::new();
    for (hour, state) in region.hours() {
        days.entry(hour.div_euclid(24))
            .or_default()
            .push((hour, state));
    }
    let days = days.into_iter().map(|(day, states)| {
        let mut letters = [' '; 24];
        for (hour, state) in states {
            let at = usize::try_from(hour.rem_euclid(24)).unwrap_or_default();
            letters[at] = match state {
                HourState::Covered => 'c',
                HourState::Quiet => 'q',
                HourState::Hole => 'h',
                HourState::Unknown => 'u',
            };
        }
        let hours = day * 24..(day + 1) * 24;
        let cells = || region.cells.range(hours.clone()).map(|(_, cell)| cell);
        let day_of = Day {
            hours: letters.iter().collect(),
            files: cells().map(|cell| cell.n_files).sum(),
            bytes: cells().map(|cell| cell.n_bytes).sum(),
            events: cells().map(|cell| cell.n_events).sum(),
            missing: region.missing.range(hours.clone()).map(|(_, n)| n).sum(),
            first_event: cells().map(|cell| cell.first).min().map(time_text),
            last_event: cells().map(|cell| cell.last).max().map(time_text),
        };
        let date = time_text(day * 24 * HOUR);
        (
            date.split('T').next().unwrap_or_default().to_owned(),
            day_of,
        )
    });
    days.collect()
}

/// An hour, as a line or as a row of the table.
#[derive(Debug, Serialize)]
pub(super) struct HourRow<'a> {
    pub(super) account: &'a str,
    pub(super) region: &'a str,
    pub(super) hour: String,
    #[serde(skip)]
    pub(super) seconds: i64,
    pub(super) state: HourState,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<Reason>,
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) events: u64,
    pub(super) missing: u64,
    #[serde(skip)]
    pub(super) times: Option<(i64, i64)>,
    first_event: Option<String>,
    last_event: Option<String>,
}

/// Returns all hours that are not unknown.
pub(super) fn hour_rows(map: &CoverageMap) -> impl Iterator<Item = HourRow<'_>> {
    map.regions.iter().flat_map(|region| {
        let known = region
            .hours()
            .filter(|(_, state)| *state != HourState::Unknown);
        known.map(move |(hour, state)| {
            let cell = region.cells.get(&hour).copied();
            let times = cell.map(|cell| (cell.first, cell.last));
            let cell = cell.unwrap_or_default();
            HourRow {
                account: &region.account,
                region: &region.region,
                hour: time_text(hour * HOUR),
                seconds: hour * HOUR,
                state,
                why: region.reason(hour),
                files: cell.n_files,
                bytes: cell.n_bytes,
                events: cell.n_events,
                missing: region.missing.get(&hour).copied().unwrap_or_default(),
                times,
                first_event: times.map(|(first, _)| time_text(first)),
                last_event: times.map(|(_, last)| time_text(last)),
            }
        })
    })
}

/// Writes a line for each hour that is not unknown.
///
/// # Errors
///
/// The error of the output.
pub fn write_lines(out: &mut dyn Write, map: &CoverageMap) -> io::Result<()> {
    for row in hour_rows(map) {
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}
