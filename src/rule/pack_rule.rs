//! A rule, and where it comes from.

use super::over_time::RuleOverTime;
use super::{Metadata, Rule};
use crate::report::RuleName;

/// A rule, and where it comes from.
#[derive(Debug, Clone)]
pub struct PackRule {
    /// The pack: a collection of rules.
    pub pack: String,
    /// The path of its file in the pack; empty if it has none. Ids are unique only in a file.
    pub file: String,
    /// The rule.
    pub rule: Rule,
    /// How the rule differs from what its author meant, where it must.
    pub notes: Vec<String>,
}

impl PackRule {
    /// Returns the rule of a pack that has no files.
    #[must_use]
    pub fn new(pack: &str, rule: Rule) -> Self {
        Self {
            pack: pack.to_owned(),
            file: String::new(),
            rule,
            notes: Vec::new(),
        }
    }

    /// Returns the name of the rule.
    #[must_use]
    pub fn name(&self) -> RuleName {
        self.info().name()
    }

    /// Returns what it has in common with rules over several events.
    #[must_use]
    pub fn info(&self) -> RuleInfo<'_> {
        RuleInfo {
            pack: &self.pack,
            file: &self.file,
            metadata: &self.rule.metadata,
            notes: &self.notes,
            over_time: None,
        }
    }
}

impl RuleOverTime {
    /// Returns the name of the rule.
    #[must_use]
    pub fn name(&self) -> RuleName {
        self.info().name()
    }

    /// Returns what it has in common with rules about one event.
    #[must_use]
    pub fn info(&self) -> RuleInfo<'_> {
        RuleInfo {
            pack: &self.pack,
            file: &self.file,
            metadata: &self.metadata,
            notes: &self.notes,
            over_time: Some(self),
        }
    }
}

/// What rules about one event and rules over several events have in common.
#[derive(Debug, Clone, Copy)]
pub struct RuleInfo<'a> {
    /// The pack: a collection of rules.
    pub pack: &'a str,
    /// The path of its file in the pack; empty if it has none.
    pub file: &'a str,
    /// The metadata.
    pub metadata: &'a Metadata,
    /// How the rule differs from what its author meant, where it must.
    pub notes: &'a [String],
    /// The rule, if several events decide it.
    pub over_time: Option<&'a RuleOverTime>,
}

impl RuleInfo<'_> {
    /// Returns the name of the rule.
    #[must_use]
    pub fn name(&self) -> RuleName {
        RuleName {
            pack: self.pack.to_owned(),
            file: self.file.to_owned(),
            id: self.metadata.rule_id.clone(),
            version: self.metadata.version,
        }
    }
}
