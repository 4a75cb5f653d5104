//! Holes by the rhythm of events, where no digest tells: a hint, and no proof.
//!
//! The weight of an empty run of hours is the sum of -ln(1-p), where p is how often that hour of the day, on a working
//! day or at a weekend, has events in the 28 days on each side.

use std::ops::Range;

/// The number of days on each side from which the rhythm is taken.
const DAYS: usize = 28;
/// The least weight of a hole: less than once in 10,000 times by chance.
const WEIGHT_MIN: f64 = 9.210_340_371_976_182;
/// The number of hours with events that must be there.
const ACTIVE_HOURS_MIN: u32 = 24;
/// The number of hours that must be known on both sides of a run.
const HOURS_BESIDE: usize = 24;
/// How many hours of the overall share are added to those of a class.
const SHRINK: f64 = 4.0;
/// The largest share. Certainty is not to be had.
const SHARE_MAX: f64 = 0.999;
/// Hours of the day, on working days and at weekends.
const CLASSES: usize = 48;

/// What is known of an hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// There are events, or some are missing.
    Active,
    /// It is known that there is nothing.
    Empty,
    /// There is nothing, and nothing tells if something is missing.
    Unknown,
}

/// Returns the runs of unknown hours that are holes by the rhythm. The first hour is hour `first` since 1970.
pub(super) fn holes(first: i64, hours: &[Known]) -> Vec<Range<usize>> {
    let runs = unknown_runs(hours);
    if runs.is_empty() {
        return Vec::new();
    }
    let shares = Shares::new(first, hours);
    let weights: Vec<f64> = runs.iter().map(|run| shares.weight(run)).collect();
    let is_hole = |n: &usize| {
        let run = &runs[*n];
        let is_inside = run.start >= HOURS_BESIDE && run.end + HOURS_BESIDE <= hours.len();
        if weights[*n] < WEIGHT_MIN || !is_inside {
            return false;
        }
        let is_near = |other: &Range<usize>| {
            other.start < run.end + DAYS * 24 && run.start < other.end + DAYS * 24
        };
        let before = (0..*n).rev().take_while(|other| is_near(&runs[*other]));
        let after = (*n + 1..runs.len()).take_while(|other| is_near(&runs[*other]));
        before
            .chain(after)
            .all(|other| weights[*n] >= 2.0 * weights[other])
    };
    let holes = (0..runs.len()).filter(is_hole);
    holes.map(|n| runs[n].clone()).collect()
}

fn unknown_runs(hours: &[Known]) -> Vec<Range<usize>> {
    let mut runs: Vec<Range<usize>> = Vec::new();
    let unknown = hours.iter().enumerate();
    for (hour, _) in unknown.filter(|(_, known)| **known == Known::Unknown) {
        match runs.last_mut() {
            Some(run) if run.end == hour => run.end += 1,
            _ => runs.push(hour..hour + 1),
        }
    }
    runs
}

/// How many hours of each class had events, up to each day.
struct Shares {
    first: i64,
    /// For each day, the sums of all days before it: hours with events, and all hours.
    sums: Vec<[(u32, u32); CLASSES]>,
}

impl Shares {
    fn new(first: i64, hours: &[Known]) -> Self {
        let mut shares = Self {
            first,
            sums: Vec::new(),
        };
        let mut sum = [(0, 0); CLASSES];
        let of_day = usize::try_from(first.rem_euclid(24)).unwrap_or_default();
        let (first_day, others) = hours.split_at(hours.len().min(24 - of_day));
        let mut hour = 0;
        for day in std::iter::once(first_day).chain(others.chunks(24)) {
            shares.sums.push(sum);
            let class = shares.class(hour);
            hour += day.len();
            for ((n_active, n), known) in sum[class..].iter_mut().zip(day) {
                *n_active += u32::from(*known == Known::Active);
                *n += 1;
            }
        }
        shares.sums.push(sum);
        shares
    }

    fn day(&self, hour: usize) -> usize {
        let at = self.first.rem_euclid(24);
        (hour + usize::try_from(at).unwrap_or_default()) / 24
    }

    fn class(&self, hour: usize) -> usize {
        let at = self.first + i64::try_from(hour).unwrap_or_default();
        // The first of January 1970 was a Thursday.
        let is_weekend = matches!((at.div_euclid(24) + 3).rem_euclid(7), 5 | 6);
        usize::try_from(at.rem_euclid(24)).unwrap_or_default() + if is_weekend { 24 } else { 0 }
    }

    fn weight(&self, run: &Range<usize>) -> f64 {
        let last = self.sums.len() - 1;
        let (from, to) = (self.day(run.start), self.day(run.end - 1));
        let before = &self.sums[from.saturating_sub(DAYS)];
        let after = &self.sums[(to + 1 + DAYS).min(last)];
        let mut counts = [(0, 0); CLASSES];
        for (count, (before, after)) in counts.iter_mut().zip(before.iter().zip(after)) {
            *count = (after.0 - before.0, after.1 - before.1);
        }
        // The run itself is no evidence.
        for hour in run.clone() {
            let (_, n) = &mut counts[self.class(hour)];
            *n = n.saturating_sub(1);
        }
        let n_active: u32 = counts.iter().map(|(n_active, _)| n_active).sum();
        let n: u32 = counts.iter().map(|(_, n)| n).sum();
        if n_active < ACTIVE_HOURS_MIN || n == 0 {
            return 0.0;
        }
        let overall = f64::from(n_active) / f64::from(n);
        let weight = |hour| {
            let (n_active, n) = counts[self.class(hour)];
            let share = (f64::from(n_active) + SHRINK * overall) / (f64::from(n) + SHRINK);
            -(1.0 - share.min(SHARE_MAX)).ln()
        };
        run.clone().map(weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use Known::{Active, Empty, Unknown};

    /// Hours with events on working days from 8 to 18, for some weeks.
    fn office(weeks: usize) -> Vec<Known> {
        let is_active = |hour: usize| hour / 24 % 7 < 5 && (8..18).contains(&(hour % 24));
        let hours = 0..weeks * 7 * 24;
        let known = hours.map(|hour| if is_active(hour) { Active } else { Unknown });
        known.collect()
    }

    /// A Monday.
    const MONDAY: i64 = 4 * 24;

    #[test]
    fn a_night_and_a_weekend_are_no_holes_and_a_lost_working_day_is() {
        let mut hours = office(8);
        assert!(holes(MONDAY, &hours).is_empty());
        let day = 3 * 7 * 24 + 24;
        hours[day..day + 24].fill(Unknown);
        let found = holes(MONDAY, &hours);
        assert_eq!(found.len(), 1);
        let has_day = found[0].start <= day + 8 && found[0].end >= day + 18;
        assert!(has_day, "{found:?}");
        // If it is known that there was nothing, there is no hole.
        hours[day - 24..day + 48].fill(Empty);
        assert!(holes(MONDAY, &hours).is_empty());
    }

    #[test]
    fn little_evidence_and_the_ends_give_no_holes() {
        let mut hours = vec![Active; 40];
        hours[25..27].fill(Unknown);
        assert!(holes(0, &hours).is_empty());
        let mut hours = vec![Active; 400];
        hours[200..202].fill(Unknown);
        assert_eq!(holes(0, &hours), vec![200..202]);
        hours[200..202].fill(Active);
        hours[390..].fill(Unknown);
        assert!(holes(0, &hours).is_empty());
    }
}
