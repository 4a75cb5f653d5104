//! The rules of a hunt.

use std::collections::HashSet;
use std::sync::Arc;

use super::condition::Condition;
use super::exceptions::{Exception, Exceptions};
use super::over_time::RuleOverTime;
use super::pack_rule::{PackRule, RuleInfo};
use super::usual::UsualFields;
use super::{Rule, RuleTable, Severity};
use crate::event::{FieldNumbers, Fields};
use crate::report::{BUILTIN_PACK, RuleName};

/// The rules of a hunt: those about one event, in the order of their alerts for it, and after them those over several
/// events. There is at least one rule.
#[derive(Debug, Clone)]
pub struct RuleSet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    rules: Vec<PackRule>,
    over_time: Vec<Arc<RuleOverTime>>,
    table: RuleTable,
    exceptions: Vec<Exception>,
    /// For each rule, the numbers of the exceptions that apply to it.
    exceptions_of: Vec<Vec<u16>>,
    usual: UsualFields,
    /// The number of fields that they name, with the action.
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
        Self::of(vec![PackRule::new(pack, rule)], Vec::new(), Vec::new())
    }

    /// Returns the set of these rules, in this order.
    ///
    /// # Errors
    /// No rule; more than 65,535 rules; and two rules with the same pack, file and id.
    pub fn new(rules: Vec<PackRule>) -> Result<Self, RuleSetError> {
        Self::with_over_time(rules, Vec::new())
    }

    /// Returns the set of these rules about one event, and over several events.
    ///
    /// # Errors
    /// No rule; more than 65,535 rules, or rules inside rules over several events; and two rules with the same pack, file
    /// and id.
    pub fn with_over_time(
        rules: Vec<PackRule>,
        over_time: Vec<Arc<RuleOverTime>>,
    ) -> Result<Self, RuleSetError> {
        let n_parts: usize = over_time.iter().map(|one| one.conditions().len()).sum();
        let n_rules = rules.len() + over_time.len().max(n_parts);
        if n_rules == 0 {
            return Err(RuleSetError::Empty);
        }
        if n_rules > usize::from(u16::MAX) {
            return Err(RuleSetError::TooMany(n_rules));
        }
        let set = Self::of(rules, over_time, Vec::new());
        let mut names = HashSet::new();
        for (_, one) in set.infos() {
            let id = &one.metadata.rule_id;
            if !names.insert((one.pack, one.file, id)) {
                return Err(RuleSetError::Repeated {
                    pack: one.pack.to_owned(),
                    id: id.clone(),
                });
            }
        }
        Ok(set)
    }

    fn of(
        mut rules: Vec<PackRule>,
        over_time: Vec<Arc<RuleOverTime>>,
        mut exceptions: Vec<Exception>,
    ) -> Self {
        let mut numbers = FieldNumbers::default();
        for one in &mut rules {
            one.rule.number_fields(&mut numbers);
        }
        for one in &mut exceptions {
            one.condition.number_fields(&mut numbers);
        }
        let of_rule = |one: RuleInfo<'_>| {
            let numbered = (0..u16::MAX).zip(&exceptions);
            let own = numbered.filter(|(_, exception)| exception.is_for(one.metadata));
            own.map(|(number, _)| number).collect()
        };
        let infos = rules.iter().map(PackRule::info);
        let infos = infos.chain(over_time.iter().map(|one| one.info()));
        let usual = UsualFields::of(&mut numbers);
        Self(Arc::new(Shared {
            usual,
            table: RuleTable::new(rules.iter().map(|one| one.rule.query())),
            exceptions_of: infos.map(of_rule).collect(),
            exceptions,
            n_fields: numbers.len(),
            rules,
            over_time,
        }))
    }

    /// Returns the set with exceptions: an event that one of them is true of is no alert of the rules that it is for.
    #[must_use]
    pub fn with_exceptions(&self, exceptions: Exceptions) -> Self {
        let (rules, over_time) = (self.0.rules.clone(), self.0.over_time.clone());
        Self::of(rules, over_time, exceptions.0)
    }

    /// Returns the rules about one event, in their order, each with its place in it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u16, &PackRule)> {
        let rules = self.0.rules.iter().enumerate();
        rules.map(|(i, rule)| (u16::try_from(i).unwrap_or(u16::MAX), rule))
    }

    /// Returns the rules over several events. Their places are those after all rules about one event.
    #[must_use]
    pub fn over_time(&self) -> &[Arc<RuleOverTime>] {
        &self.0.over_time
    }

    /// Returns the place in the order of a rule over several events, which has this place among them.
    #[must_use]
    pub fn place_over_time(&self, place: usize) -> u16 {
        u16::try_from(self.0.rules.len() + place).unwrap_or(u16::MAX)
    }

    /// Returns what is known of all rules, in their order, each with its place in it.
    pub fn infos(&self) -> impl Iterator<Item = (u16, RuleInfo<'_>)> {
        let over_time = self.0.over_time.iter().map(|one| one.info());
        let infos = self.0.rules.iter().map(PackRule::info).chain(over_time);
        (0..u16::MAX).zip(infos)
    }

    /// Returns the number of rules.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.rules.len() + self.0.over_time.len()
    }

    /// Returns whether there is no rule. There always is one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what is known of the rule at a place in the order.
    #[must_use]
    pub fn info(&self, index: u16) -> Option<RuleInfo<'_>> {
        let index = usize::from(index);
        match index.checked_sub(self.0.rules.len()) {
            None => self.0.rules.get(index).map(PackRule::info),
            Some(place) => self.0.over_time.get(place).map(|one| one.info()),
        }
    }

    /// Returns the severity of the rule at a place in the order; the lowest one if there is no such rule.
    #[must_use]
    pub fn severity(&self, index: u16) -> Severity {
        let info = self.info(index);
        info.map_or(Severity::Informational, |one| one.metadata.severity)
    }

    /// Returns the names of the rules.
    #[must_use]
    pub fn names(&self) -> Vec<RuleName> {
        self.infos().map(|(_, one)| one.name()).collect()
    }

    /// Returns the table that finds the few rules about one event that an event can match.
    #[must_use]
    pub fn table(&self) -> &RuleTable {
        &self.0.table
    }

    /// Returns the usual fields that the rules and exceptions name.
    pub(super) fn usual_fields(&self) -> &UsualFields {
        &self.0.usual
    }

    /// Returns the query of the rule about one event at a place in the order.
    pub(super) fn query(&self, index: u16) -> Option<&Condition> {
        let one = self.0.rules.get(usize::from(index))?;
        Some(one.rule.query())
    }

    /// Returns the number of fields that the rules and exceptions name, with the action. Each has a number below it.
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
            exception.is_some_and(|exception| {
                let condition = exception.condition();
                // What is not known suppresses nothing.
                condition.matches(event)
                    && !(condition.compares_times() && condition.depends_on_unknown_time(event))
            })
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
