//! The rules that rows are made for.

use crate::report::BUILTIN_PACK;
use crate::rule::Rule;

/// A rule that rows are made for.
#[derive(Debug, Clone)]
pub struct RowRule<'a> {
    pub(super) rule: &'a Rule,
    /// The place of the rule in its set.
    pub(super) index: u16,
    /// The name of the rule, which is a part of the `alert_id`.
    pub(super) name: String,
    /// The literals whose place in the record is the row's `matched_field`.
    pub(super) literals: Vec<&'a str>,
}

impl<'a> RowRule<'a> {
    /// Creates the rule of rows whose `matched_field` is the place of a literal that the rule searches for. The rule is
    /// built in, and is the only rule.
    #[must_use]
    pub fn new(rule: &'a Rule) -> Self {
        Self {
            rule,
            index: 0,
            name: rule.metadata.rule_id.clone(),
            literals: rule.literals(),
        }
    }

    /// Sets the place of the rule in its set, and its pack and file.
    #[must_use]
    pub fn in_set(self, index: u16, pack: &str, file: &str) -> Self {
        Self {
            index,
            name: Self::name_of(pack, file, &self.rule.metadata.rule_id),
            ..self
        }
    }

    /// Returns the name of a rule, which is a part of the `alert_id`.
    #[must_use]
    pub fn name_of(pack: &str, file: &str, id: &str) -> String {
        // No id contains a zero byte.
        match (pack, file) {
            (BUILTIN_PACK, _) => id.to_owned(),
            (pack, "") => format!("{pack}\0{id}"),
            (pack, file) => format!("{pack}\0{file}\0{id}"),
        }
    }

    /// Adds literals whose place is the `matched_field` of a record without the rule's own literals.
    #[must_use]
    pub fn or_literals(mut self, literals: &[&'a str]) -> Self {
        self.literals.extend(literals);
        self
    }

    /// Returns the rule.
    #[must_use]
    pub fn rule(&self) -> &'a Rule {
        self.rule
    }

    /// Returns the place of the rule in its set.
    #[must_use]
    pub fn index(&self) -> u16 {
        self.index
    }

    /// Returns the literals whose place in a record is the row's `matched_field`.
    #[must_use]
    pub fn literals(&self) -> &[&'a str] {
        &self.literals
    }
}
