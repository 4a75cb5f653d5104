//! Exceptions: events that are no alerts of some rules, or of all.
//!
//! They stand in a file of the user's own, so that they survive updates of the rules:
//!
//! ```toml
//! [[exception]]
//! reason = "the pipeline makes these users"
//! rules = ["A user was made*"]              # ids, or names with *; without this line all rules
//! kql = 'user.name: deploy-* and source.ip: 203.0.113.0/24'
//!
//! [[exception]]
//! fields = { "user.name" = ["deploy-*", "backup"], "aws.cloudtrail.recipient_account_id" = "111122223333" }
//! ```
//!
//! Of `fields` all must fit, and of the values of one field one. A `*` in a value stands for any text; without one, times and
//! addresses are compared as KQL compares them.

use serde::Deserialize;
use toml::Spanned;

use super::condition::{self, Case, Condition, Field, Matcher, Network, Node};
use super::kql;
use super::model::Metadata;
use super::select::Pattern;

/// An exception.
#[derive(Debug, Clone)]
pub struct Exception {
    rules: Vec<Pattern>,
    pub(super) condition: Condition,
    /// The reason that the file gives for it.
    pub reason: Option<String>,
    /// Its line in the file, from 1.
    pub line: usize,
}

impl Exception {
    /// Returns whether it is for a rule.
    #[must_use]
    pub fn is_for(&self, rule: &Metadata) -> bool {
        self.rules.is_empty() || self.rules.iter().any(|pattern| pattern.names(rule))
    }

    /// Returns the condition, which is true of the events that are no alerts.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.condition
    }
}

/// The exceptions of a file, in their order.
#[derive(Debug, Clone, Default)]
pub struct Exceptions(pub(super) Vec<Exception>);

/// The reason why a text is not a list of exceptions.
#[derive(Debug, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ExceptionsError {
    /// The line, from 1.
    pub line: usize,
    /// The reason.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    exception: Vec<Spanned<Written>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    rules: Option<Vec<String>>,
    reason: Option<String>,
    kql: Option<Spanned<String>>,
    fields: Option<toml::Table>,
}

impl Exceptions {
    /// Reads the text of a file.
    ///
    /// # Errors
    /// Text that is not TOML, unknown keys, queries that are not KQL, an exception that has neither or both of `kql` and
    /// `fields`, and an empty list of rules.
    pub fn from_toml(text: &str) -> Result<Self, ExceptionsError> {
        let at = |offset: usize, reason: String| ExceptionsError {
            line: line_of(text, offset),
            reason,
        };
        let document: Document = toml::from_str(text).map_err(|error| {
            let offset = error.span().map_or(0, |span| span.start);
            at(offset, error.message().to_owned())
        })?;
        let exceptions = document.exception.into_iter().map(|one| {
            let start = one.span().start;
            let one = one.into_inner();
            let condition = match (&one.kql, &one.fields) {
                (Some(query), None) => kql::parse(query.get_ref())
                    .map_err(|error| at(query.span().start, format!("in the query: {error}"))),
                (None, Some(fields)) => fields_condition(fields).map_err(|error| at(start, error)),
                _ => {
                    let reason = "an exception has either `kql` or `fields`";
                    Err(at(start, reason.to_owned()))
                }
            };
            if one.rules.as_ref().is_some_and(Vec::is_empty) {
                let reason =
                    "`rules` names no rule; without that line the exception is for all rules";
                return Err(at(start, reason.to_owned()));
            }
            Ok(Exception {
                rules: one
                    .rules
                    .iter()
                    .flatten()
                    .map(|text| Pattern::new(text))
                    .collect(),
                condition: condition?,
                reason: one.reason,
                line: line_of(text, start),
            })
        });
        exceptions.collect::<Result<_, _>>().map(Self)
    }

    /// Returns whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    let before = text.get(..offset).unwrap_or(text);
    before.matches('\n').count() + 1
}

/// Returns the condition that each of these fields has one of its values.
fn fields_condition(fields: &toml::Table) -> Result<Condition, String> {
    if fields.is_empty() {
        return Err("`fields` names no field".to_owned());
    }
    let nodes = fields.iter().map(|(name, values)| {
        let values = match values {
            toml::Value::Array(values) if !values.is_empty() => values.iter().collect(),
            toml::Value::Array(_) => return Err(format!("the field {name} has no value")),
            value => vec![value],
        };
        let matchers = values.into_iter().map(|value| matcher(name, value));
        let matchers = matchers.collect::<Result<Vec<_>, _>>()?;
        Ok(Field::ecs(name).value(Matcher::any(matchers)))
    });
    let nodes = nodes.collect::<Result<Vec<Node>, String>>()?;
    Ok(Condition::new(Node::all(nodes)))
}

fn matcher(field: &str, value: &toml::Value) -> Result<Matcher, String> {
    let text = match value {
        toml::Value::String(text) => text.clone(),
        toml::Value::Integer(number) => number.to_string(),
        toml::Value::Boolean(value) => value.to_string(),
        _ => return Err(format!("a value of the field {field} is not text")),
    };
    if text.contains('/')
        && let Some(network) = Network::parse(&text)
    {
        return Ok(Matcher::Networks(vec![network]));
    }
    if text.contains('*') {
        if condition::has_times(&Field::ecs(field)) {
            return Err(format!("the field {field} has times, which have no `*`"));
        }
        return Ok(Matcher::stars(&text, Case::Exact));
    }
    let matcher = condition::equal(&Field::ecs(field), &text, Case::Exact);
    matcher.map_err(|what| format!("the field {field}: not supported: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Rule;
    use crate::rule::condition::testing::Event;

    #[test]
    fn an_exception_is_for_its_rules_and_the_events_that_it_fits() {
        let exceptions = Exceptions::from_toml(
            "[[exception]]\nrules = ['AWS IAM Compromised*']\nkql = 'user.name: deploy-*'\n\n\
             [[exception]]\nreason = 'tests'\n\
             fields = { 'user.name' = ['a*', 'b'], 'source.ip' = '203.0.113.0/24' }\n\n\
             [[exception]]\nrules = ['other']\nkql = 'user.name: *'\n",
        )
        .unwrap();
        let rule = Rule::quarantine().metadata;
        let is_for: Vec<bool> = exceptions.0.iter().map(|one| one.is_for(&rule)).collect();
        assert_eq!(is_for, [true, true, false]);
        assert_eq!(exceptions.0[1].line, 5);
        assert_eq!(exceptions.0[1].reason.as_deref(), Some("tests"));
        let fits = |n: usize, name: &str, address: &str| {
            let event = Event::new().text("user.name", name);
            let event = event.text("source.ip", address);
            exceptions.0[n].condition().matches(&event)
        };
        assert!(fits(0, "deploy-1", "198.51.100.1"));
        assert!(!fits(0, "Deploy-1", "198.51.100.1"));
        assert!(fits(1, "alice", "203.0.113.9"));
        assert!(fits(1, "b", "203.0.113.9"));
        assert!(!fits(1, "bob", "203.0.113.9"));
        assert!(!fits(1, "b", "198.51.100.1"));
    }

    #[test]
    fn times_and_addresses_in_fields_are_no_texts() {
        let event = Event::new()
            .text("@timestamp", "2024-05-01T12:00:00Z")
            .text("source.ip", "2001:db8::1");
        for (fields, fits) in [
            ("'@timestamp' = '2024-05-01'", true),
            ("'@timestamp' = '2024-05-02'", false),
            ("'source.ip' = '2001:DB8:0::1'", true),
            ("'source.ip' = '2001:db8:*'", true),
        ] {
            let text = format!("[[exception]]\nfields = {{ {fields} }}\n");
            let exceptions = Exceptions::from_toml(&text).unwrap();
            assert_eq!(exceptions.0[0].condition.matches(&event), fits, "{fields}");
        }
    }

    #[test]
    fn a_wrong_file_says_where_it_is_wrong() {
        for (text, expected) in [
            (
                "\n[[exception]]\nrules = ['a']\n",
                "line 2: an exception has either `kql` or `fields`",
            ),
            (
                "[[exception]]\nkql = 'a.*: b'\n",
                "line 2: in the query: line 1, column 1",
            ),
            (
                "[[exception]]\nfields = { '@timestamp' = 'now-1d' }\n",
                "line 1: the field @timestamp: not supported: the computed time \"now-1d\"",
            ),
            (
                "[[exception]]\nrule = 'a'\n",
                "line 2: unknown field `rule`",
            ),
            (
                "[[exception]]\nfields = { a = [] }\n",
                "line 1: the field a has no value",
            ),
            (
                "[[exception]]\nfields = {}\n",
                "line 1: `fields` names no field",
            ),
        ] {
            let error = Exceptions::from_toml(text).unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
