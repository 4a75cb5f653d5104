//! Relations to a quarantine of events that are not alerts: names and counts. `rule` decides which relation an event
//! has.

use std::fmt::{self, Display, Formatter};
use std::ops::AddAssign;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The relation of an event to a quarantine.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub enum Relation {
    /// The policy should have been attached to a user, but was not.
    FailedAttach,
    /// The policy was detached from a user, or somebody tried to detach it.
    Detach,
    /// The policy was attached to a role or group, or an inline policy names it.
    OtherAttach,
    /// The inline policy used before 2020 was put on a user.
    LegacyQuarantine,
    /// The policy was read or listed.
    Read,
    /// The policy is named in any other way.
    Mention,
}

impl Relation {
    /// All relations.
    pub const ALL: [Self; 6] = [
        Self::FailedAttach,
        Self::Detach,
        Self::OtherAttach,
        Self::LegacyQuarantine,
        Self::Read,
        Self::Mention,
    ];

    /// Returns its stable word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::FailedAttach => "failed_attach",
            Self::Detach => "detach",
            Self::OtherAttach => "other_attach",
            Self::LegacyQuarantine => "legacy_quarantine",
            Self::Read => "read",
            Self::Mention => "mention",
        }
    }
}

impl Display for Relation {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The number of events of each relation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RelatedCounts {
    /// The policy should have been attached to a user, but was not.
    pub failed_attach: u64,
    /// The policy was detached from a user, or somebody tried to detach it.
    pub detach: u64,
    /// The policy was attached to a role or group, or an inline policy names it.
    pub other_attach: u64,
    /// The inline policy used before 2020 was put on a user.
    pub legacy_quarantine: u64,
    /// The policy was read or listed.
    pub read: u64,
    /// The policy is named in any other way.
    pub mention: u64,
}

impl RelatedCounts {
    /// Counts one event.
    pub fn add(&mut self, relation: Relation) {
        let count = match relation {
            Relation::FailedAttach => &mut self.failed_attach,
            Relation::Detach => &mut self.detach,
            Relation::OtherAttach => &mut self.other_attach,
            Relation::LegacyQuarantine => &mut self.legacy_quarantine,
            Relation::Read => &mut self.read,
            Relation::Mention => &mut self.mention,
        };
        *count += 1;
    }

    /// Returns the number of events of one relation.
    #[must_use]
    pub fn of(&self, relation: Relation) -> u64 {
        match relation {
            Relation::FailedAttach => self.failed_attach,
            Relation::Detach => self.detach,
            Relation::OtherAttach => self.other_attach,
            Relation::LegacyQuarantine => self.legacy_quarantine,
            Relation::Read => self.read,
            Relation::Mention => self.mention,
        }
    }
}

impl AddAssign for RelatedCounts {
    fn add_assign(&mut self, other: Self) {
        // Without `..`: if a new counter is not merged, the code does not compile.
        let Self {
            failed_attach,
            detach,
            other_attach,
            legacy_quarantine,
            read,
            mention,
        } = other;
        self.failed_attach += failed_attach;
        self.detach += detach;
        self.other_attach += other_attach;
        self.legacy_quarantine += legacy_quarantine;
        self.read += read;
        self.mention += mention;
    }
}
