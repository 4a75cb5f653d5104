//! One row per indicator, for a search.

use std::collections::{BTreeMap, HashSet};

use indicatif::HumanCount;
use trailsift::output::{Alert, Column};

use super::super::terminal::{harmless, plural};
use super::events::{NOTHING, formatted};
use super::layout::{Room, TableColumn, lines};

/// Maximum number of indicators that are shown.
const ROWS_MAX: usize = 30;
/// Maximum number of characters of an indicator that are shown.
const CHARS_MAX: usize = 60;

/// In how many events each indicator was found, collected while a search runs.
#[derive(Debug)]
pub(super) struct FoundByIndicator {
    by_name: BTreeMap<String, Found>,
    /// The keys of the events, to count each once.
    keys: HashSet<[u8; 16]>,
}

/// What was found of an indicator.
#[derive(Debug, Default)]
struct Found {
    n_events: u64,
    /// Microseconds since 1970.
    first: Option<i64>,
    last: Option<i64>,
}

impl FoundByIndicator {
    pub(super) fn new<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self {
            by_name: names
                .map(|name| (name.to_owned(), Found::default()))
                .collect(),
            keys: HashSet::new(),
        }
    }

    /// Counts the indicators of an event, which its `matched_field` names.
    pub(super) fn add(&mut self, alert: &Alert) {
        let Some(text) = alert.text(Column::MatchedField) else {
            return;
        };
        if !self.keys.insert(alert.event_key()) {
            return;
        }
        let time = alert.time().map(jiff::Timestamp::as_microsecond);
        for name in named(text) {
            if let Some(found) = self.by_name.get_mut(name) {
                found.n_events += 1;
                found.first = found.first.into_iter().chain(time).min();
                found.last = found.last.into_iter().chain(time).max();
            }
        }
    }

    /// Returns the table of the indicators that were found, those of the most events first, and how many were not.
    pub(super) fn table(&self, room: Room) -> String {
        let found = self.by_name.iter().filter(|(_, one)| one.n_events > 0);
        let mut rows: Vec<(&String, &Found)> = found.collect();
        rows.sort_by_key(|(name, one)| (u64::MAX - one.n_events, *name));
        let n_found = rows.len();
        rows.truncate(ROWS_MAX);
        let of =
            |cell: &dyn Fn(&(&String, &Found)) -> String| rows.iter().map(cell).collect::<Vec<_>>();
        let day = |time: Option<i64>| {
            time.map_or_else(|| NOTHING.to_owned(), |time| formatted(time, "%Y-%m-%d"))
        };
        let columns = [
            TableColumn::flexible("indicator", of(&|(name, _)| harmless(name, CHARS_MAX))),
            TableColumn::numbers(
                "events",
                of(&|(_, one)| HumanCount(one.n_events).to_string()),
            ),
            TableColumn::whole("first (UTC)", of(&|(_, one)| day(one.first))),
            TableColumn::whole("last (UTC)", of(&|(_, one)| day(one.last))),
        ];
        let mut text = match rows.is_empty() {
            true => String::new(),
            false => lines(&columns, room, |_, line| line),
        };
        if n_found > ROWS_MAX {
            let n_more = (n_found - ROWS_MAX) as u64;
            text += &format!(
                "and {}\n",
                plural(n_more, "more indicator", "more indicators")
            );
        }
        let n_all = self.by_name.len() as u64;
        text + &format!(
            "{} of {} found, in {}\n",
            HumanCount(n_found as u64),
            plural(n_all, "indicator", "indicators"),
            plural(self.keys.len() as u64, "event", "events"),
        )
    }
}

/// Returns the indicators in a text such as `alice in userIdentity.arn, 203.0.113.7 in sourceIPAddress`.
fn named(matched: &str) -> impl Iterator<Item = &str> {
    let parts = matched.split(", ");
    parts.map(|part| part.rsplit_once(" in ").map_or(part, |(name, _)| name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indicators_are_read_from_the_matched_field() {
        let names = |text: &'static str| named(text).collect::<Vec<_>>();
        assert_eq!(
            names("alice in userIdentity.arn, 203.0.113.0/24 in sourceIPAddress"),
            ["alice", "203.0.113.0/24"]
        );
        assert_eq!(
            names("one in two in userAgent, three"),
            ["one in two", "three"]
        );
    }

    #[test]
    fn what_was_not_found_is_counted() {
        let mut found = FoundByIndicator::new(["alice", "bob"].into_iter());
        assert_eq!(
            found.table(Room::Unlimited),
            "0 of 2 indicators found, in 0 events\n"
        );
        found.by_name.get_mut("bob").unwrap().n_events = 1234;
        let text = anstream::adapter::strip_str(&found.table(Room::Unlimited)).to_string();
        assert_eq!(
            text,
            "indicator  events  first (UTC)  last (UTC)\n\
             bob         1,234  -            -\n\
             1 of 2 indicators found, in 0 events\n"
        );
    }
}
