//! The names of the rules of a run, in its report.

use std::borrow::Cow;
use std::fmt::{self, Display, Formatter};

use schemars::{JsonSchema, SchemaGenerator, json_schema};
use serde::ser::SerializeStruct as _;
use serde::{Serialize, Serializer};

/// The pack of the built-in rules.
pub const BUILTIN_PACK: &str = "builtin";

/// The name of a rule. A pack is a collection of rules; ids are unique only in a pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleName {
    /// The pack that contains the rule.
    pub pack: String,
    /// The rule's id.
    pub id: String,
    /// The rule's version.
    pub version: u32,
}

impl Display for RuleName {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} version {}", self.pack, self.id, self.version)
    }
}

impl RuleName {
    /// Returns the one rule of these, if there is only one.
    #[must_use]
    pub fn only(rules: &[Self]) -> Option<&Self> {
        match rules {
            [rule] => Some(rule),
            _ => None,
        }
    }

    /// Returns whether id and version identify these rules: whether it is one built-in rule. If not, files and reports
    /// also have the list of the rules.
    #[must_use]
    pub fn is_one_builtin(rules: &[Self]) -> bool {
        Self::only(rules).is_some_and(|rule| rule.pack == BUILTIN_PACK)
    }
}

/// A rule of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RuleReport {
    /// Its name.
    #[serde(flatten)]
    pub name: RuleName,
    /// Number of its alert rows.
    pub alerts: u64,
}

/// The rules of a run, in their order.
///
/// In JSON, one rule is the fields `rule_id` and `rule_version` of the report. Unless it is a built-in rule, and for
/// several rules, the report has the list `rules`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleReports(pub Vec<RuleReport>);

impl Serialize for RuleReports {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let names: Vec<RuleName> = self.0.iter().map(|rule| rule.name.clone()).collect();
        let mut fields = serializer.serialize_struct("RuleReports", 3)?;
        if let Some(rule) = RuleName::only(&names) {
            fields.serialize_field("rule_id", &rule.id)?;
            fields.serialize_field("rule_version", &rule.version)?;
        }
        if !RuleName::is_one_builtin(&names) {
            fields.serialize_field("rules", &self.0)?;
        }
        fields.end()
    }
}

impl JsonSchema for RuleReports {
    fn schema_name() -> Cow<'static, str> {
        "RuleReports".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> schemars::Schema {
        let rules = generator.subschema_for::<Vec<RuleReport>>();
        json_schema!({
            "type": "object",
            "properties": {
                "rule_id": {"type": "string", "description": "The id of the only rule."},
                "rule_version": {"type": "integer", "description": "The version of the only rule."},
                "rules": rules,
            },
            "anyOf": [{"required": ["rule_id", "rule_version"]}, {"required": ["rules"]}],
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn rule(pack: &str, id: &str) -> RuleReport {
        RuleReport {
            name: RuleName {
                pack: pack.to_owned(),
                id: id.to_owned(),
                version: 2,
            },
            alerts: 1,
        }
    }

    #[test]
    fn one_builtin_rule_is_two_fields_and_other_rules_are_a_list() {
        let json = |rules: &[RuleReport]| serde_json::to_value(RuleReports(rules.into())).unwrap();
        let listed = |pack| json!({"pack": pack, "id": "a", "version": 2, "alerts": 1});
        assert_eq!(
            json(&[rule("builtin", "a")]),
            json!({"rule_id": "a", "rule_version": 2})
        );
        assert_eq!(
            json(&[rule("own", "a")]),
            json!({"rule_id": "a", "rule_version": 2, "rules": [listed("own")]})
        );
        assert_eq!(
            json(&[rule("builtin", "a"), rule("own", "a")]),
            json!({"rules": [listed("builtin"), listed("own")]})
        );
    }
}
