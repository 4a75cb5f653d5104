//! The map as text for a terminal.

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
    let label = |region: &RegionMap| format!("{} {}", name(&region.account), name(&region.region));
    let n_label = map
        .regions
        .iter()
        .map(|region| label(region).chars().count());
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
    for region in map.regions.iter().take(LINES_MAX) {
        let row = row(
            region,
            (first, hours),
            events_max.unwrap_or_default(),
            letters,
        );
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

/// Returns the letters of a region. A hole anywhere in a letter is seen.
fn row(
    region: &RegionMap,
    (first, hours): (i64, i64),
    events_max: u64,
    letters: &Letters,
) -> String {
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
    states.iter().zip(&sums).map(letter).collect()
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

/// Returns each hole in words.
#[must_use]
pub fn holes_in_words(map: &CoverageMap) -> Vec<String> {
    let holes = map.regions.iter().flat_map(|region| {
        region.holes.iter().map(move |hole| {
            let n_hours = hole.to - hole.from;
            let logs = match hole.n_missing {
                0 => String::new(),
                1 => ", 1 log".to_owned(),
                n => format!(", {n} logs"),
            };
            format!(
                "{} {} {} to {} ({n_hours} h{logs}): {}",
                name(&region.account),
                name(&region.region),
                time(hole.from),
                time(hole.to),
                hole.reason.words()
            )
        })
    });
    holes.collect()
}

#[cfg(test)]
mod tests {
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
    fn the_most_events_have_the_darkest_shade() {
        let shades = [1, 2, 10, 100].map(|n| shade(n, 100));
        assert_eq!(shades, [0, 1, 2, 3]);
        assert_eq!(shade(1, 1), 0);
    }
}
