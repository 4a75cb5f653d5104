//! The rules of a hunt.

use std::collections::HashSet;
use std::sync::Arc;

use super::Rule;
use crate::report::{BUILTIN_PACK, RuleName};

/// The rules of a hunt, in the order of their alerts for one event. There is at least one rule.
#[derive(Debug, Clone)]
pub struct RuleSet {
    rules: Arc<[PackRule]>,
}

/// A rule and its pack.
#[derive(Debug, Clone)]
pub struct PackRule {
    /// The pack: a collection of rules, in which ids are unique.
    pub pack: String,
    /// The rule.
    pub rule: Rule,
}

impl PackRule {
    /// Returns the name of the rule.
    #[must_use]
    pub fn name(&self) -> RuleName {
        RuleName {
            pack: self.pack.clone(),
            id: self.rule.metadata.rule_id.clone(),
            version: self.rule.metadata.version,
        }
    }
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
    /// Two rules of a pack have the same id.
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
        let pack = pack.to_owned();
        Self {
            rules: Arc::new([PackRule { pack, rule }]),
        }
    }

    /// Returns the set of these rules, in this order.
    ///
    /// # Errors
    /// No rule; more than 65,535 rules; and two rules with the same pack and id.
    pub fn new(rules: Vec<PackRule>) -> Result<Self, RuleSetError> {
        if rules.is_empty() {
            return Err(RuleSetError::Empty);
        }
        if rules.len() > usize::from(u16::MAX) {
            return Err(RuleSetError::TooMany(rules.len()));
        }
        let mut names = HashSet::new();
        for PackRule { pack, rule } in &rules {
            let id = &rule.metadata.rule_id;
            if !names.insert((pack, id)) {
                return Err(RuleSetError::Repeated {
                    pack: pack.clone(),
                    id: id.clone(),
                });
            }
        }
        Ok(Self {
            rules: rules.into(),
        })
    }

    /// Returns the rules, in their order, each with its place in it.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (u16, &PackRule)> {
        let rules = self.rules.iter().enumerate();
        rules.map(|(i, rule)| (u16::try_from(i).unwrap_or(u16::MAX), rule))
    }

    /// Returns the names of the rules.
    #[must_use]
    pub fn names(&self) -> Vec<RuleName> {
        self.rules.iter().map(PackRule::name).collect()
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

    fn rule(pack: &str) -> PackRule {
        PackRule {
            pack: pack.to_owned(),
            rule: Rule::quarantine(),
        }
    }

    #[test]
    fn a_rule_is_in_a_set_once() {
        let error = |rules| RuleSet::new(rules).unwrap_err().to_string();
        assert_eq!(error(vec![]), "there is no rule");
        assert_eq!(
            error(vec![rule("a"), rule("b"), rule("a")]),
            "the pack a has two rules with the id 0b79f5c0-2c31-4fea-86cd-e62644278205"
        );
        let names = RuleSet::new(vec![rule("a"), rule("b")]).unwrap().names();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        assert_eq!(
            names,
            [
                "a/0b79f5c0-2c31-4fea-86cd-e62644278205 version 2",
                "b/0b79f5c0-2c31-4fea-86cd-e62644278205 version 2"
            ]
        );
    }
}
