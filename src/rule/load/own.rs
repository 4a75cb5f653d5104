//! trailsift's own TOML, as in `quarantine.toml`.

use super::elastic::reason_of;
use super::{Adding, Reason};
use crate::rule::model::{Rule, RuleError};

pub(super) fn add(text: &str, adding: &mut Adding<'_>) {
    match Rule::from_toml(text) {
        Ok(rule) => adding.add(rule),
        Err(RuleError::Document(_)) if has_exceptions(text) => {
            let reason = "it has exceptions, and no rule: give it with --exceptions";
            adding.refuse(None, None, Reason::new(reason));
        }
        Err(RuleError::Document(error)) => adding.refuse(None, None, reason_of(text, &error)),
        Err(RuleError::Query(error)) => {
            let (id, name) = names(text);
            adding.refuse(id, name, Reason::new(format!("in the query: {error}")));
        }
    }
}

/// Returns whether a text is a file of exceptions.
fn has_exceptions(text: &str) -> bool {
    toml::from_str::<toml::Table>(text).is_ok_and(|table| table.contains_key("exception"))
}

/// Returns the id and the name of a rule whose query is wrong.
fn names(text: &str) -> (Option<String>, Option<String>) {
    let table = toml::from_str::<toml::Table>(text).ok();
    let name = |key: &str| {
        let value = table.as_ref()?.get("metadata")?.get(key)?;
        value.as_str().map(str::to_owned)
    };
    (name("rule_id"), name("name"))
}
