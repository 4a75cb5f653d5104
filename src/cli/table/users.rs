//! One row per user, if there are many events.

use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use indicatif::HumanCount;
use trailsift::output::{Alert, Column};
use trailsift::rule::Severity;

use super::super::terminal::{harmless, plural};
use super::ROWS_MAX;
use super::events::{NOTHING, actor, colored, formatted, short_policy};
use super::layout::{Room, TableColumn, lines};

/// Maximum number of users that are counted one by one, so that the memory for them is bounded.
const USERS_MAX: usize = 100_000;
/// Maximum number of different values that a cell lists.
const VALUES_MAX: usize = 3;

/// The users that the alerts are about. There may be an alert for every record of an archive, so little is done for one.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// The place of each user in `rows`, by a hash of account and name.
    places: HashMap<u64, usize>,
    rows: Vec<UserRow>,
    /// Whether there are more than [`USERS_MAX`].
    has_more: bool,
}

/// The events of a user.
#[derive(Debug)]
struct UserRow {
    account: String,
    user: String,
    severity: Severity,
    n_events: u64,
    /// Microseconds since 1970.
    first: Option<i64>,
    last: Option<i64>,
    /// Up to one more value than a cell lists.
    policies: Vec<String>,
    actors: Vec<String>,
}

impl Users {
    pub(super) fn add(&mut self, alert: &Alert, severity: Severity) {
        let account = alert.account().unwrap_or(NOTHING);
        let user = alert.text(Column::TargetUserName).unwrap_or(NOTHING);
        let mut hasher = DefaultHasher::new();
        (account, user).hash(&mut hasher);
        let key = hasher.finish();
        let place = match self.places.get(&key) {
            Some(place) => *place,
            None if self.rows.len() >= USERS_MAX => {
                self.has_more = true;
                return;
            }
            None => {
                self.places.insert(key, self.rows.len());
                self.rows.push(UserRow {
                    account: harmless(account, usize::MAX),
                    user: harmless(user, usize::MAX),
                    severity,
                    n_events: 0,
                    first: None,
                    last: None,
                    policies: Vec::new(),
                    actors: Vec::new(),
                });
                self.rows.len() - 1
            }
        };
        let Some(row) = self.rows.get_mut(place) else {
            return;
        };
        let time = alert.time().map(jiff::Timestamp::as_microsecond);
        row.severity = row.severity.max(severity);
        row.n_events += 1;
        row.first = row.first.into_iter().chain(time).min();
        row.last = row.last.into_iter().chain(time).max();
        let policy = alert.text(Column::PolicyName).map(short_policy);
        for (list, value) in [(&mut row.policies, policy), (&mut row.actors, actor(alert))] {
            let value = value.unwrap_or(NOTHING);
            if list.len() <= VALUES_MAX && !list.iter().any(|known| known == value) {
                list.push(harmless(value, usize::MAX));
            }
        }
    }

    /// Returns how many users there are, in words.
    pub(super) fn counted(&self) -> String {
        let n = plural(self.rows.len() as u64, "user", "users");
        match self.has_more {
            true => format!("more than {n}"),
            false => n,
        }
    }

    pub(super) fn n_accounts(&self) -> u64 {
        let accounts: BTreeSet<&str> = self.rows.iter().map(|row| &*row.account).collect();
        accounts.len() as u64
    }

    /// Returns a table of the first users, in the order of their first events.
    pub(super) fn table(&self, room: Room) -> String {
        let mut rows: Vec<&UserRow> = self.rows.iter().collect();
        rows.sort_by_key(|row| (row.first.unwrap_or(i64::MAX), &row.account, &row.user));
        rows.truncate(ROWS_MAX);
        let n_more = self.rows.len() - rows.len();
        let day = |time: Option<i64>| {
            time.map_or_else(|| NOTHING.to_owned(), |time| formatted(time, "%Y-%m-%d"))
        };
        let listed = |values: &[String]| match values.get(..VALUES_MAX) {
            Some(some) if values.len() > VALUES_MAX => format!("{}, …", some.join(", ")),
            _ => values.join(", "),
        };
        let of = |cell: &dyn Fn(&UserRow) -> String| {
            rows.iter().map(|row| cell(row)).collect::<Vec<_>>()
        };
        let columns = [
            TableColumn::whole("account", of(&|row| row.account.clone())),
            TableColumn::important("user", of(&|row| row.user.clone())),
            TableColumn::numbers("events", of(&|row| HumanCount(row.n_events).to_string())),
            TableColumn::whole("first (UTC)", of(&|row| day(row.first))),
            TableColumn::whole("last", of(&|row| day(row.last))),
            TableColumn::optional("policy", of(&|row| listed(&row.policies))),
            TableColumn::flexible("by", of(&|row| listed(&row.actors))),
        ];
        let first = rows.first().map(|row| row.severity);
        let are_alike = rows.iter().all(|row| Some(row.severity) == first);
        let mut text = lines(&columns, room, |row, line| match rows.get(row) {
            Some(user) if !are_alike => colored(user.severity, &line),
            _ => line,
        });
        if n_more > 0 {
            text += &format!("and {}\n", plural(n_more as u64, "more user", "more users"));
        }
        text
    }
}
