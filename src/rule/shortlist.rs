//! Which rules can match an event, by its usual fields. What their values leave of the rules is determined once for each
//! combination, and kept.
//!
//! A rule is left out only if it is false whatever the other fields are. Which field is asked next depends on the rules
//! that are left: one that decides nothing is not asked.

use std::collections::HashMap;

use foldhash::fast::RandomState;

use super::set::RuleSet;
use super::usual::{ACTION, Usual};
use crate::event::Fields;

/// The most combinations that are kept.
const BRANCHES_MAX: usize = 1 << 13;
/// Longer values are not asked for.
const KEY_BYTES_MAX: usize = 512;

/// The rules about one event that are left for combinations of usual values.
#[derive(Debug)]
pub struct Shortlist<'s> {
    set: &'s RuleSet,
    /// The first one is that of all events.
    branches: Vec<Branch>,
    /// The branch that follows another one, by its number and the values that it asks for.
    next: HashMap<Box<[u8]>, usize, RandomState>,
    key: Vec<u8>,
}

/// What is known of some events.
#[derive(Debug)]
struct Branch {
    /// The usual fields whose values are the same in all of these events.
    known: Usual,
    /// The usual fields that are asked next; none if no other decides anything.
    asked: Usual,
    /// The rules that may match these events, in their order.
    rules: Vec<u16>,
}

impl<'s> Shortlist<'s> {
    /// Makes the list for a set of rules.
    #[must_use]
    pub fn new(set: &'s RuleSet) -> Self {
        let rules: Vec<u16> = set.iter().map(|(number, _)| number).collect();
        let all = Branch {
            known: 0,
            asked: if rules.is_empty() { 0 } else { ACTION },
            rules,
        };
        Self {
            set,
            branches: vec![all],
            next: HashMap::default(),
            key: Vec::new(),
        }
    }

    /// Returns the places of the rules that may match an event, in their order.
    pub fn candidates(&mut self, event: &dyn Fields) -> &[u16] {
        if self.branches.len() > BRANCHES_MAX {
            self.branches.truncate(1);
            self.next.clear();
        }
        let mut at = 0;
        while self.asks(at, event) {
            at = match self.next.get(&*self.key) {
                Some(next) => *next,
                None => self.grow(at, event),
            };
        }
        &self.branches[at].rules
    }

    /// Writes the key of the branch that follows one for an event. Returns false if none does.
    fn asks(&mut self, at: usize, event: &dyn Fields) -> bool {
        let asked = self.branches[at].asked;
        self.key.clear();
        self.key.extend(at.to_le_bytes());
        let usual = self.set.usual_fields();
        usual.append_values(asked, event, &mut self.key);
        asked != 0 && self.key.len() <= KEY_BYTES_MAX
    }

    /// Adds the branch that follows one for an event, and returns its number.
    fn grow(&mut self, at: usize, event: &dyn Fields) -> usize {
        let (set, parent) = (self.set, &self.branches[at]);
        let known = parent.known | parent.asked;
        let mut rules = Vec::new();
        match parent.known {
            0 => set.table().candidates(event, &mut rules),
            _ => rules.clone_from(&parent.rules),
        }
        let mut open = 0;
        rules.retain(|number| {
            let mut open_here = 0;
            let decided = set.query(*number).and_then(|query| {
                query.decided(event, &mut |field| {
                    let bit = set.usual_fields().bit(field);
                    open_here |= bit & !known;
                    bit & known != 0
                })
            });
            if decided.is_none() {
                open |= open_here;
            }
            decided != Some(false)
        });
        let number = self.branches.len();
        self.branches.push(Branch {
            known,
            asked: set.usual_fields().first_of(open),
            rules,
        });
        self.next.insert(self.key.as_slice().into(), number);
        number
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::rule::condition::testing::{self, Event, eql};
    use crate::rule::{Condition, PackRule, Rule, load};

    /// Returns the set of rules with these queries.
    fn set(queries: &[Condition]) -> RuleSet {
        let rules = queries.iter().enumerate().map(|(n, query)| {
            let mut metadata = load::query("any where true").unwrap().metadata;
            metadata.rule_id = n.to_string();
            let rule = Rule::new(metadata, query.clone(), String::new());
            PackRule::new("pack", rule)
        });
        RuleSet::new(rules.collect()).unwrap()
    }

    #[test]
    fn usual_fields_leave_the_rules_that_they_do_not_exclude() {
        let queries = [
            r#"event.action == "A" and event.provider == "x""#,
            r#"event.action : "A*" and user_agent.original : "*tool*""#,
            r#"user.name == "alice""#,
            r#"event.action == "B""#,
            r#"event.provider == "x" and user.name == "bob""#,
        ];
        let set = set(&queries.map(eql));
        let mut list = Shortlist::new(&set);
        let event = |action: &str, provider: &str, agent: &str| {
            let event = Event::new().text("event.action", action);
            let event = event.text("event.provider", provider);
            event.text("user_agent.original", agent)
        };
        // The second time they are kept.
        for _ in 0..2 {
            let mut left = |action: &str, provider: &str, agent: &str| {
                list.candidates(&event(action, provider, agent)).to_vec()
            };
            assert_eq!(left("A", "x", "a tool"), [0, 1, 2, 4]);
            assert_eq!(left("A", "y", "a tool"), [1, 2]);
            assert_eq!(left("A", "y", "other"), [2]);
            assert_eq!(left("B", "y", "a tool"), [2, 3]);
            assert_eq!(left("C", "x", "a tool"), [2, 4]);
            let long = "a tool".repeat(KEY_BYTES_MAX);
            assert_eq!(left("A", "y", &long), [1, 2]);
            assert_eq!(left(&long, "y", ""), [0, 1, 2, 3, 4]);
        }
        for n in 0..2 * BRANCHES_MAX {
            list.candidates(&event("A", "x", &n.to_string()));
            assert!(list.branches.len() <= BRANCHES_MAX + 4);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]
        #[test]
        fn no_rule_that_matches_is_missing(
            conditions in proptest::collection::vec(testing::condition(), 1..5),
            events in proptest::collection::vec(testing::event(), 1..9),
        ) {
            let set = set(&conditions);
            let mut list = Shortlist::new(&set);
            for event in &events {
                let found = list.candidates(event).to_vec();
                prop_assert!(found.is_sorted());
                for (number, one) in set.iter() {
                    let is_there = found.contains(&number);
                    prop_assert!(is_there || !one.rule.matches(event), "{}", one.rule.query());
                }
            }
        }
    }
}
