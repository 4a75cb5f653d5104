//! The rules of a hunt.

use std::collections::HashSet;
use std::sync::Arc;

use super::exceptions::{Exception, Exceptions};
use super::pack_rule::PackRule;
use super::{Rule, RuleTable, Severity};
use crate::event::{FieldNumbers, Fields};
use crate::report::{BUILTIN_PACK, RuleName};

/// The rules of a hunt, in the order of their alerts for one event. There is at least one rule.
#[derive(Debug, Clone)]
pub struct RuleSet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rules: Vec<PackRule>,
    table: RuleTable,
    exceptions: Vec<Exception>,
    /// For each rule, the numbers of the exceptions that apply to it.
    exceptions_of: Vec<Vec<u16>>,
    /// The number of fields that they name.
    n_fields: usize,
}

/// The reason why rules are not a set.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleSetError {
    /// There is no rule.
    #[error("there is no rule")]
    Empty,
    /// There are more rules than a row can refer to.
    #[error("there are {0} rules; at most {max} are possible", max = u16::MAX)]
    TooMany(usize),
    /// Two rules of a file, or of a pack without files, have the same id.
    #[error("the pack {pack} has two rules with the id {id}")]
    Repeated {
        /// The pack.
        pack: String,
        /// The id.
        id: String,
    },
}

impl RuleSet {
    /// Returns the set with only the quarantine rule.
    #[must_use]
    pub fn quarantine() -> Self {
        Self::from_rule(BUILTIN_PACK, Rule::quarantine())
    }

    /// Returns a set with one rule.
    #[must_use]
    pub fn from_rule(pack: &str, rule: Rule) -> Self {
        Self::of(vec![PackRule::new(pack, rule)], Vec::new())
    }

    /// Returns the set of these rules, in this order.
    ///
    /// # Errors
    /// No rule; more than 65,535 rules; and two rules with the same pack, file and id.
    pub fn new(rules: Vec<PackRule>) -> Result<Self, RuleSetError> {
        if rules.is_empty() {
            return Err(RuleSetError::Empty);
        }
        if rules.len() > usize::from(u16::MAX) {
            return Err(RuleSetError::TooMany(rules.len()));
        }
        let mut names = HashSet::new();
        for one in &rules {
            let id = &one.rule.metadata.rule_id;
            if !names.insert((&one.pack, &one.file, id)) {
                return Err(RuleSetError::Repeated {
                    pack: one.pack.clone(),
                    id: id.clone(),
                });
            }
        }
        Ok(Self::of(rules, Vec::new()))
    }

    fn of(mut rules: Vec<PackRule>, mut exceptions: Vec<Exception>) -> Self {
        let mut numbers = FieldNumbers::default();
        for one in &mut rules {
            one.rule.number_fields(&mut numbers);
        }
        for one in &mut exceptions {
            one.condition.number_fields(&mut numbers);
        }
        let of_rule = |one: &PackRule| {
            let numbered = (0..u16::MAX).zip(&exceptions);
            let own = numbered.filter(|(_, exception)| exception.is_for(one));
            own.map(|(number, _)| number).collect()
        };
        Self(Arc::new(Shared {
            table: RuleTable::new(rules.iter().map(|one| one.rule.query())),
            exceptions_of: rules.iter().map(of_rule).collect(),
            exceptions,
            n_fields: numbers.len(),
            rules,
        }))
    }

    /// Returns the set with exceptions: an event that one of them is true of is no alert of the rules that it is for.
    #[must_use]
    pub fn with_exceptions(&self, exceptions: Exceptions) -> Self {
        Self::of(self.0.rules.clone(), exceptions.0)
    }

    /// Returns the rules, in their order, each with its place in it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u16, &PackRule)> {
        let rules = self.0.rules.iter().enumerate();
        rules.map(|(i, rule)| (u16::try_from(i).unwrap_or(u16::MAX), rule))
    }

    /// Returns the number of rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rules.len()
    }

    /// Returns whether there is no rule. There always is one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.rules.is_empty()
    }

    /// Returns the rule at a place in the order.
    #[must_use]
    pub fn get(&self, index: u16) -> Option<&PackRule> {
        self.0.rules.get(usize::from(index))
    }

    /// Returns the severity of the rule at a place in the order; the lowest one if there is no such rule.
    #[must_use]
    pub fn severity(&self, index: u16) -> Severity {
        let rule = self.get(index);
        rule.map_or(Severity::Informational, |one| one.rule.metadata.severity)
    }

    /// Returns the names of the rules.
    #[must_use]
    pub fn names(&self) -> Vec<RuleName> {
        self.0.rules.iter().map(PackRule::name).collect()
    }

    /// Returns the table that finds the few rules that an event can match.
    #[must_use]
    pub fn table(&self) -> &RuleTable {
        &self.0.table
    }

    /// Returns the number of fields that the rules and exceptions name. Each has a number below it.
    #[must_use]
    pub fn n_fields(&self) -> usize {
        self.0.n_fields
    }

    /// Returns the exceptions, each with the number of rules that it is for.
    pub fn exceptions(&self) -> impl Iterator<Item = (&Exception, usize)> {
        let numbered = (0..u16::MAX).zip(&self.0.exceptions);
        numbered.map(|(number, exception)| {
            let of_rules = self.0.exceptions_of.iter();
            let n_rules = of_rules.filter(|own| own.contains(&number)).count();
            (exception, n_rules)
        })
    }

    /// Returns the number of the first exception by which an event is no alert of the rule at this place.
    #[must_use]
    pub fn excepted(&self, index: u16, event: &dyn Fields) -> Option<u16> {
        let own = self.0.exceptions_of.get(usize::from(index))?;
        let is_true = |number: &&u16| {
            let exception = self.0.exceptions.get(usize::from(**number));
            exception.is_some_and(|exception| exception.condition().matches(event))
        };
        own.iter().find(is_true).copied()
    }
}

impl Default for RuleSet {
    /// Returns the set with only the quarantine rule.
    fn default() -> Self {
        Self::quarantine()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_in_a_set_once() {
        let rule = |pack| PackRule::new(pack, Rule::quarantine());
        let error = |rules| RuleSet::new(rules).unwrap_err().to_string();
        assert_eq!(error(vec![]), "there is no rule");
        assert_eq!(
            error(vec![rule("a"), rule("b"), rule("a")]),
            "the pack a has two rules with the id 0b79f5c0-2c31-4fea-86cd-e62644278205"
        );
        let other_file = PackRule {
            file: "iam/keys.toml".to_owned(),
            ..rule("a")
        };
        let names = RuleSet::new(vec![rule("a"), other_file]).unwrap().names();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "a/0b79f5c0-2c31-4fea-86cd-e62644278205 version 2",
                "a/iam/keys.toml 0b79f5c0-2c31-4fea-86cd-e62644278205 version 2"
            ]
        );
    }
}
