//! The rules that rows are made for.

use crate::rule::Rule;

/// A rule that rows are made for.
#[derive(Debug, Clone)]
pub struct RowRule<'a> {
    pub(super) rule: &'a Rule,
    /// The literals whose place in the record is the row's `matched_field`.
    pub(super) literals: Vec<&'a str>,
}

impl<'a> RowRule<'a> {
    /// Creates the rule of rows whose `matched_field` is the place of a literal that the rule searches for.
    #[must_use]
    pub fn new(rule: &'a Rule) -> Self {
        Self {
            rule,
            literals: rule.literals(),
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

    /// Returns the literals whose place in a record is the row's `matched_field`.
    #[must_use]
    pub fn literals(&self) -> &[&'a str] {
        &self.literals
    }
}
