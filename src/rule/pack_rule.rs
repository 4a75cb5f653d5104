//! A rule, and where it comes from.

use super::Rule;
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
        RuleName {
            pack: self.pack.clone(),
            file: self.file.clone(),
            id: self.rule.metadata.rule_id.clone(),
            version: self.rule.metadata.version,
        }
    }
}
