//! Which rules can match an event, by its action. Nearly all rules name the actions that they are about, so that of a
//! thousand rules a few are left for an event.

use std::collections::HashMap;

use super::condition::Condition;
use crate::event::{Fields, OwnValue, Scalar};

/// The largest number of rules about any action that are kept beside those of each action.
const MERGED_MAX: usize = 1 << 20;

/// Rules by the actions that they are about.
#[derive(Debug, Default)]
pub struct RuleTable {
    /// The rules of each action, whose letters are small.
    by_action: HashMap<String, Vec<u16>>,
    /// Rules about any action.
    others: Vec<u16>,
    /// True if these are also among the rules of each action, which saves the time to merge them.
    is_merged: bool,
    n_rules: u16,
}

impl RuleTable {
    /// Makes the table of at most 65,535 conditions, each with its number in their order.
    #[must_use]
    pub fn new<'c>(conditions: impl IntoIterator<Item = &'c Condition>) -> Self {
        let mut table = Self::default();
        for (number, condition) in (0..u16::MAX).zip(conditions) {
            table.n_rules = number + 1;
            let actions = condition.actions().unwrap_or_default();
            if actions.is_empty() {
                table.others.push(number);
            }
            for action in actions {
                // A letter that is not of ASCII may have other letters as its capital, so that any action might match.
                match action.is_ascii() {
                    true => table.add(action, number),
                    false => push(&mut table.others, number),
                }
            }
        }
        table.is_merged = table.others.len() * table.by_action.len() <= MERGED_MAX;
        if table.is_merged {
            let rules = table.by_action.values_mut();
            rules.for_each(|rules| merge(rules, &table.others));
        }
        table
    }

    fn add(&mut self, action: &str, number: u16) {
        let rules = self
            .by_action
            .entry(action.to_ascii_lowercase())
            .or_default();
        push(rules, number);
    }

    /// Returns the number of rules that are about any action.
    #[must_use]
    pub fn n_unpinned(&self) -> usize {
        self.others.len()
    }

    /// Returns the number of different actions.
    #[must_use]
    pub fn n_actions(&self) -> usize {
        self.by_action.len()
    }

    /// Writes the numbers of the rules that may match an event to `found`, in their order.
    pub fn candidates(&self, event: &dyn Fields, found: &mut Vec<u16>) {
        found.clear();
        found.extend_from_slice(&self.others);
        let mut is_any = false;
        let mut last: Option<String> = None;
        let mut look_up = |action: &str| {
            is_any |= !action.is_ascii();
            // Usually both names of the field have the same value.
            if last
                .as_deref()
                .is_some_and(|last| action.eq_ignore_ascii_case(last))
            {
                return;
            }
            let last = last.get_or_insert_default();
            last.clear();
            last.push_str(action);
            last.make_ascii_lowercase();
            match self.by_action.get(last.as_str()) {
                Some(rules) if self.is_merged && *found == self.others => found.clone_from(rules),
                Some(rules) => merge(found, rules),
                None => {}
            }
        };
        event.each_value("event.action", &mut |value| match value {
            Scalar::Text(action) => look_up(&action),
            other => look_up(&other.to_text()),
        });
        event.each_own_value("eventName", &mut |value| {
            if let OwnValue::Text(action) = value {
                look_up(&action);
            }
        });
        if is_any {
            found.clear();
            found.extend(0..self.n_rules);
        }
    }
}

/// Adds numbers to others. Both are in order, and so is what becomes of them.
fn merge(found: &mut Vec<u16>, others: &[u16]) {
    found.extend_from_slice(others);
    found.sort_unstable();
    found.dedup();
}

fn push(rules: &mut Vec<u16>, number: u16) {
    if rules.last() != Some(&number) {
        rules.push(number);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::RuleTable;
    use crate::rule::condition::testing::{self, Event};
    use crate::rule::eql;

    #[test]
    fn an_action_leaves_the_rules_that_are_about_it() {
        let conditions = [
            r#"any where event.action == "CreateUser""#,
            r#"any where event.action in~ ("createuser", "DeleteUser")"#,
            r#"any where user.name == "alice""#,
            r#"any where event.action == "DeleteRole""#,
        ];
        let conditions = conditions.map(|query| eql::parse(query).unwrap());
        let table = RuleTable::new(&conditions);
        let candidates = |action: &str| {
            let mut found = vec![7];
            table.candidates(&Event::new().text("event.action", action), &mut found);
            found
        };
        assert_eq!((table.n_actions(), table.n_unpinned()), (3, 1));
        assert_eq!(candidates("CreateUser"), [0, 1, 2]);
        assert_eq!(candidates("DELETEUSER"), [1, 2]);
        assert_eq!(candidates("ListUsers"), [2]);
        assert_eq!(candidates("\u{212a}"), [0, 1, 2, 3]);
    }

    #[test]
    fn an_empty_action_is_an_action() {
        let conditions = ["\"\"", "\"CreateUser\""];
        let conditions = conditions
            .map(|name| eql::parse(&format!("any where event.action == {name}")).unwrap());
        let mut found = Vec::new();
        let event = Event::new().text("event.action", "");
        RuleTable::new(&conditions).candidates(&event, &mut found);
        assert_eq!(found, [0]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_024))]
        #[test]
        fn no_rule_that_matches_is_left_out(
            conditions in proptest::collection::vec(testing::condition(), 1..5),
            event in testing::event(),
        ) {
            let mut found = Vec::new();
            RuleTable::new(&conditions).candidates(&event, &mut found);
            for (number, condition) in (0_u16..).zip(&conditions) {
                let is_left = found.contains(&number);
                prop_assert!(is_left || !condition.matches(&event), "{condition}");
            }
        }
    }
}
