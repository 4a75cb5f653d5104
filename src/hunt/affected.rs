//! Whom the alerts of a run are about: distinct events, users and accounts.

use std::collections::HashSet;

use crate::output::{Alert, Column};
use crate::report::Affected;

/// Counts what the alerts of a run have in common.
#[derive(Debug, Default)]
pub(super) struct AffectedSets {
    events: HashSet<[u8; 16]>,
    /// Account and name of each user.
    users: HashSet<(String, String)>,
    accounts: HashSet<String>,
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
            self.accounts.insert(account.to_owned());
        }
        if let Some(user) = alert.text(Column::TargetUserName) {
            let account = account.unwrap_or_default().to_owned();
            self.users.insert((account, user.to_owned()));
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
