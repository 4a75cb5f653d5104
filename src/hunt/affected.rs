//! Whom the alerts of a run are about: distinct events, users and accounts.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher as _};

use crate::output::{Alert, Column};
use crate::report::Affected;

/// Counts what the alerts of a run have in common.
#[derive(Debug, Default)]
pub(super) struct AffectedSets {
    events: HashSet<[u8; 16]>,
    /// A hash of the account and name of each user. There may be one for each row.
    users: HashSet<u64>,
    /// A hash of each account.
    accounts: HashSet<u64>,
}

impl AffectedSets {
    /// Takes the row of an alert.
    pub(super) fn add(&mut self, alert: &Alert) {
        // Each rule counts an event by itself.
        if !self.events.insert(alert.event_key()) {
            return;
        }
        let account = alert.text(Column::RecipientAccountId);
        let account = account.or_else(|| alert.text(Column::AccountId));
        if let Some(account) = account {
            self.accounts.insert(hash(account));
        }
        if let Some(user) = alert.text(Column::TargetUserName) {
            self.users.insert(hash((account.unwrap_or_default(), user)));
        }
    }

    /// Returns the numbers.
    pub(super) fn counts(&self) -> Affected {
        Affected {
            distinct_events: self.events.len() as u64,
            distinct_users: self.users.len() as u64,
            distinct_accounts: self.accounts.len() as u64,
        }
    }
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
