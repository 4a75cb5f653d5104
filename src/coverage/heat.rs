//! The map as text for a terminal.

use std::collections::BTreeMap;

use super::cells::{HOUR, n_parts};
use super::map::{CoverageMap, HourState, RegionMap};
use crate::custody::time_text;

/// How the map is drawn.
#[derive(Debug, Clone, Copy)]
pub struct HeatOptions {
    /// The number of columns.
    pub width: usize,
    /// True if only ASCII is used.
    pub is_ascii: bool,
    /// Formats a part of the map, for example with a colour.
    pub format: fn(HeatPart, &str) -> String,
}

/// A part of the map.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeatPart {
    /// The account and region of a row, as the log has them.
    Label,
    /// The days above the rows.
    Days,
    /// Letters for hours in one state.
    Hours(HourState),
}

/// The hours that a letter may stand for.
const UNITS: [(i64, &str); 10] = [
    (1, "an hour"),
    (2, "2 hours"),
    (3, "3 hours"),
    (6, "6 hours"),
    (12, "12 hours"),
    (24, "a day"),
    (48, "2 days"),
    (168, "a week"),
    (336, "2 weeks"),
    (720, "30 days"),
];

/// The number of regions and holes that are shown.
const LINES_MAX: usize = 200;

/// The number of accounts, and of regions, that a hole names.
const NAMES_MAX: usize = 6;

/// The letters: few to many events, quiet, hole, unknown.
struct Letters {
    events: [char; 4],
    quiet: char,
    hole: char,
    unknown: char,
}

const BLOCKS: Letters = Letters {
    events: ['░', '▒', '▓', '█'],
    quiet: '·',
    hole: '!',
    unknown: '?',
};
const ASCII: Letters = Letters {
    events: ['-', '+', '*', '#'],
    quiet: '.',
    hole: '!',
    unknown: '?',
};

/// Draws the map.
#[must_use]
pub fn heat(map: &CoverageMap, options: HeatOptions) -> String {
    let label = |region: &RegionMap| {
        let label = format!("{} {}", name(&region.account), name(&region.region));
        (options.format)(HeatPart::Label, &label)
    };
    let shown = map.regions.iter().take(LINES_MAX);
    let n_label = shown.clone().map(|region| label(region).chars().count());
    let n_label = n_label.max().unwrap_or_default();
    let first = map.regions.iter().map(|region| region.first).min();
    let last = map.regions.iter().map(end_of).max();
    let Some((first, last)) = first.zip(last) else {
        return "no events and no digest files\n".to_owned();
    };
    let n_cells = options.width.saturating_sub(n_label + 2).max(10);
    let most = i64::try_from(n_cells).unwrap_or(i64::MAX);
    let fits = |(hours, _): &&(i64, &str)| n_parts(last - begin(first, *hours), *hours) <= most;
    let unit = UNITS.iter().find(fits);
    let years = n_parts(last - first, most);
    let (hours, unit) = unit.map_or((years, format!("{years} hours")), |(n, s)| {
        (*n, (*s).to_owned())
    });
    let letters = if options.is_ascii { &ASCII } else { &BLOCKS };
    let first = begin(first, hours);
    let events_max = map
        .regions
        .iter()
        .flat_map(|region| sums(region, first, hours))
        .max();
    let mut text = format!("one letter is {unit}, from {} on (UTC)\n", time(first));
    let days = days((first, hours), n_parts(last - first, hours), n_cells);
    if !days.is_empty() {
        let days = (options.format)(HeatPart::Days, &days);
        text += &format!("{:n_label$}  {days}\n", "");
    }
    for region in shown {
        let row = row(
            region,
            (first, hours),
            events_max.unwrap_or_default(),
            letters,
        );
        let row: String = row
            .chunk_by(|(a, _), (b, _)| a == b)
            .map(|run| formatted(run, options.format))
            .collect();
        text += &format!("{:<n_label$}  {row}\n", label(region));
    }
    if map.regions.len() > LINES_MAX {
        let n_more = map.regions.len() - LINES_MAX;
        text += &format!("and {n_more} more regions (--html FILE has all)\n");
    }
    let [few, _, _, many] = letters.events;
    text += &format!(
        "{few}..{many} few to many events   {} quiet   {} hole   {} unknown\n",
        letters.quiet, letters.hole, letters.unknown
    );
    text
}

/// Returns the days at which letters begin, each behind a mark at its letter, as many as have room.
fn days((first, hours): (i64, i64), n_letters: i64, n_chars: usize) -> String {
    let mut text = String::new();
    for (at, letter) in (0..n_letters).enumerate() {
        let hour = first + letter * hours;
        let begins_a_day = hour.rem_euclid(24) == 0;
        let has_gap = text.is_empty() || at > text.len();
        let day = time(hour);
        let day = day.split('T').next().unwrap_or_default();
        if begins_a_day && has_gap && at + day.len() < n_chars {
            text = format!("{text:at$}|{day}");
        }
    }
    text
}

/// Returns letters of the same state, formatted.
fn formatted(run: &[(Option<HourState>, char)], format: fn(HeatPart, &str) -> String) -> String {
    let letters: String = run.iter().map(|(_, letter)| letter).collect();
    match run.first() {
        Some((Some(state), _)) => format(HeatPart::Hours(*state), &letters),
        _ => letters,
    }
}

/// Returns an account or a region, or what stands for one that is not known.
fn name(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

/// Returns the hour after the last one.
fn end_of(region: &RegionMap) -> i64 {
    region.first + i64::try_from(region.states.len()).unwrap_or_default()
}

/// Returns the hour at which the letter begins that contains this hour. Letters begin with a day.
fn begin(hour: i64, hours: i64) -> i64 {
    let unit = hours.clamp(1, 24);
    hour.div_euclid(unit) * unit
}

/// Returns the number of events of each letter.
fn sums(region: &RegionMap, first: i64, hours: i64) -> Vec<u64> {
    let n = usize::try_from(n_parts(end_of(region) - first, hours)).unwrap_or_default();
    let mut sums = vec![0; n];
    for (hour, cell) in &region.cells {
        let at = usize::try_from((hour - first).div_euclid(hours)).unwrap_or_default();
        if let Some(sum) = sums.get_mut(at) {
            *sum += cell.n_events;
        }
    }
    sums
}

/// Returns the letters of a region, each with its state. A hole anywhere in a letter is seen.
fn row(
    region: &RegionMap,
    (first, hours): (i64, i64),
    events_max: u64,
    letters: &Letters,
) -> Vec<(Option<HourState>, char)> {
    let sums = sums(region, first, hours);
    let mut states: Vec<Option<HourState>> = vec![None; sums.len()];
    let rank = |state: HourState| match state {
        HourState::Hole => 3,
        HourState::Covered => 2,
        HourState::Unknown => 1,
        HourState::Quiet => 0,
    };
    for (hour, state) in region.hours() {
        let at = usize::try_from((hour - first).div_euclid(hours)).unwrap_or_default();
        let is_worse = |other: HourState| rank(state) > rank(other);
        if let Some(of_letter) = states.get_mut(at)
            && of_letter.is_none_or(is_worse)
        {
            *of_letter = Some(state);
        }
    }
    let letter = |(state, n): (&Option<HourState>, &u64)| match state {
        None => ' ',
        Some(HourState::Hole) => letters.hole,
        Some(HourState::Quiet) => letters.quiet,
        Some(HourState::Unknown) => letters.unknown,
        Some(HourState::Covered) => letters.events[shade(*n, events_max)],
    };
    let all = states.iter().zip(&sums);
    all.map(|one| (*one.0, letter(one))).collect()
}

/// Returns which of four shades a number of events has. Each is for four times as many.
pub(super) fn shade(n: u64, most: u64) -> usize {
    let mut at_least = most.max(1);
    for shade in [3, 2, 1] {
        at_least = at_least.div_ceil(4);
        if n >= at_least && n > 1 {
            return shade;
        }
    }
    0
}

fn time(hour: i64) -> String {
    time_text(hour * HOUR)
}

/// Returns the number of holes, each of one region.
#[must_use]
pub fn n_holes(map: &CoverageMap) -> usize {
    map.regions.iter().map(|region| region.holes.len()).sum()
}

/// Returns the holes in words. Holes of several regions and accounts at the same time and for the same reason are one
/// sentence: a trail that is stopped makes one in each.
#[must_use]
pub fn holes_in_words(map: &CoverageMap) -> Vec<String> {
    let of_regions = map.regions.iter().flat_map(|region| {
        let account = name(&region.account);
        let holes = region.holes.iter();
        holes.map(move |hole| ((account, *hole), name(&region.region)))
    });
    let of_accounts = grouped(of_regions)
        .into_iter()
        .map(|((account, hole), regions)| ((regions, hole), account));
    let all = grouped(of_accounts).into_iter();
    all.map(|((regions, hole), accounts)| {
        let each = match (accounts.len(), regions.len()) {
            (1, 1) => "",
            _ => " each",
        };
        let logs = match hole.n_missing {
            0 => String::new(),
            1 => format!(", 1 log{each}"),
            n => format!(", {n} logs{each}"),
        };
        format!(
            "{} {} {} to {} ({} h{logs}): {}",
            listed(&accounts),
            listed(&regions),
            time(hole.from),
            time(hole.to),
            hole.to - hole.from,
            hole.reason.words()
        )
    })
    .collect()
}

/// Returns the values of each key, in the order in which the keys come first.
fn grouped<K: Ord + Clone, V>(all: impl Iterator<Item = (K, V)>) -> Vec<(K, Vec<V>)> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<(K, Vec<V>)> = Vec::new();
    for (key, value) in all {
        let place = *places.entry(key.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    groups
}

/// Returns names one after the other, and only the number of those that are too many.
fn listed(names: &[&str]) -> String {
    match names.get(..NAMES_MAX) {
        Some(some) if names.len() > NAMES_MAX => {
            format!("{} and {} more", some.join(", "), names.len() - NAMES_MAX)
        }
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::map::{self, Reason};
    use super::HourState::{Covered, Hole, Quiet, Unknown};
    use super::*;

    fn map(states: Vec<HourState>) -> CoverageMap {
        CoverageMap {
            regions: vec![RegionMap::of_states(0, states)],
            trail_events: Vec::new(),
            has_digests: true,
        }
    }

    #[test]
    fn a_letter_shows_an_hour_or_the_worst_of_several() {
        let options = HeatOptions {
            width: 100,
            is_ascii: true,
            format: |_, text| text.to_owned(),
        };
        let drawn = heat(&map(vec![Covered, Quiet, Hole, Unknown]), options);
        assert!(drawn.contains("us-east-1  -.!?\n"), "{drawn}");
        assert!(
            drawn.starts_with("one letter is an hour, from 1970-01-01T00:00:00Z on"),
            "{drawn}"
        );
        let mut year = vec![Quiet; 366 * 24];
        year[5000] = Hole;
        let drawn = heat(&map(year), options);
        assert!(drawn.starts_with("one letter is a week"), "{drawn}");
        assert_eq!(drawn.matches('!').count(), 2, "{drawn}");
        assert!(
            drawn.lines().all(|line| line.chars().count() <= 100),
            "{drawn}"
        );
        assert!(drawn.is_ascii());
    }

    #[test]
    fn days_are_marked_above_their_letters() {
        assert_eq!(
            days((47, 1), 60, 60),
            " |1970-01-03             |1970-01-04             |1970-01-05"
        );
        assert_eq!(days((0, 24), 30, 40), "|1970-01-01 |1970-01-13 |1970-01-25");
        assert_eq!(days((0, 24), 30, 20), "|1970-01-01");
        assert_eq!(days((1, 1), 5, 100), "");
    }

    #[test]
    fn states_are_formatted_in_runs() {
        let options = HeatOptions {
            width: 100,
            is_ascii: true,
            format: |part, text| match part {
                HeatPart::Hours(state) => format!("<{state:?} {text}>"),
                HeatPart::Label | HeatPart::Days => text.to_owned(),
            },
        };
        let drawn = heat(&map(vec![Quiet, Quiet, Hole, Unknown]), options);
        assert!(
            drawn.contains("  <Quiet ..><Hole !><Unknown ?>\n"),
            "{drawn}"
        );
    }

    #[test]
    fn equal_holes_of_regions_and_accounts_are_one_sentence() {
        let hole = |from, to| map::Hole {
            from,
            to,
            reason: Reason::ChainRestarted,
            n_missing: 0,
        };
        let region = |account: &str, region: &str, holes: Vec<map::Hole>| RegionMap {
            account: account.to_owned(),
            region: region.to_owned(),
            holes,
            ..RegionMap::of_states(0, Vec::new())
        };
        let map = CoverageMap {
            regions: vec![
                region("1", "a", vec![hole(0, 2), hole(5, 6)]),
                region("1", "b", vec![hole(0, 2)]),
                region("2", "a", vec![hole(0, 2)]),
                region("2", "b", vec![hole(0, 2)]),
            ],
            trail_events: Vec::new(),
            has_digests: true,
        };
        let words = holes_in_words(&map);
        let begins = |n: usize, text: &str| words[n].starts_with(text);
        assert_eq!((words.len(), n_holes(&map)), (2, 5), "{words:?}");
        assert!(begins(0, "1, 2 a, b 1970-01-01T00:00:00Z to"), "{words:?}");
        assert!(begins(1, "1 a 1970-01-01T05:00:00Z to"), "{words:?}");
        assert_eq!(listed(&["x"; 8]), "x, x, x, x, x, x and 2 more");
    }

    #[test]
    fn the_most_events_have_the_darkest_shade() {
        let shades = [1, 2, 10, 100].map(|n| shade(n, 100));
        assert_eq!(shades, [0, 1, 2, 3]);
        assert_eq!(shade(1, 1), 0);
    }
}
