//! The alerts of a hunt as a table for people, on standard output.

mod events;
mod indicators;
mod layout;
mod rules;
mod users;

use std::collections::HashSet;
use std::io::Write as _;

use super::terminal::plural;
use indicatif::HumanCount;
use trailsift::output::Alert;
use trailsift::report::{RelatedCounts, Relation};
use trailsift::rule::Severity;

use events::Shown;
use users::Users;

pub(super) use layout::Room;
pub(super) use rules::FoundByRule;

/// Maximum number of rows of a table; the output contains all alerts.
const ROWS_MAX: usize = 20;

/// Relations of events that an analyst must see, though they are not alerts.
const SEEN: [Relation; 2] = [Relation::FailedAttach, Relation::Detach];

/// The alerts of a hunt, collected while it runs.
#[derive(Debug, Default)]
pub(super) struct AlertTable {
    n_sightings: u64,
    /// The keys of the events, to show each once.
    keys: HashSet<[u8; 16]>,
    /// The events, if there are not too many to show each.
    events: Vec<Shown>,
    users: Users,
    /// Related events that an analyst must see: quarantines that were lifted or that failed.
    beside: Vec<Shown>,
}

impl AlertTable {
    /// Takes an alert, in the order of the sources.
    pub(super) fn add(&mut self, alert: &Alert, severity: Severity) {
        self.n_sightings += 1;
        if !self.keys.insert(alert.event_key()) {
            return;
        }
        self.users.add(alert, severity);
        // One more than are shown tells that there are too many.
        if self.events.len() <= ROWS_MAX {
            self.events.push(Shown::new(alert, severity));
        }
    }

    /// Takes an event related to a quarantine.
    pub(super) fn add_related(&mut self, event: &Alert) {
        let must_be_seen = event
            .relation()
            .is_some_and(|relation| SEEN.contains(&relation));
        if must_be_seen && self.beside.len() < ROWS_MAX {
            self.beside.push(Shown::new(event, Severity::Low));
        }
    }

    /// Writes the table to standard output. A reader that went away is not an error: the alerts themselves are in a file.
    /// Returns whether there was something to write. `is_first` is true if nothing was written before.
    pub(super) fn print(self, room: Room, related: Option<RelatedCounts>, is_first: bool) -> bool {
        let text = self.text(room, related.unwrap_or_default());
        let text = match is_first {
            true => text.trim_start_matches('\n'),
            false => &text,
        };
        // See above.
        anstream::stdout().write_all(text.as_bytes()).ok();
        !text.is_empty()
    }

    fn text(mut self, room: Room, related: RelatedCounts) -> String {
        let mut text = String::new();
        if self.n_sightings > 0 {
            text += &match self.events.len() > ROWS_MAX {
                true => self.users.table(room),
                false => events::table(&mut self.events, room),
            };
            text += &self.counts();
            text.push('\n');
        }
        let n_all: u64 = SEEN.iter().map(|relation| related.of(*relation)).sum();
        if n_all > 0 {
            text.push('\n');
            text += "Not alerts, but check these: quarantines that were lifted, or that failed.\n";
            let n_more = HumanCount(n_all.saturating_sub(self.beside.len() as u64));
            if self.beside.is_empty() {
                // Without a file of related events, a stopped run leaves only their number.
                text += &format!(
                    "{n_more} that a stopped run found; a run with --related and without --state lists them\n"
                );
            } else {
                text += &events::table(&mut self.beside, room);
                if n_more.0 > 0 {
                    text += &format!("and {n_more} more\n");
                }
            }
        }
        text
    }

    /// Returns how many events, users and accounts the alerts are about.
    fn counts(&self) -> String {
        let n_events = self.keys.len() as u64;
        let events = match self.n_sightings == n_events {
            true => plural(n_events, "event", "events"),
            false => format!(
                "{} of {}",
                plural(self.n_sightings, "sighting", "sightings"),
                plural(n_events, "event", "events")
            ),
        };
        let accounts = plural(self.users.n_accounts(), "account", "accounts");
        format!("{events}, {}, {accounts}", self.users.counted())
    }
}
