//! The rule as a value: its metadata, its query, and the text of both for a reader.

use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use super::condition::{Condition, Needles};
use super::eql;
use super::syntax::ParseError;
use crate::event::{FieldNumbers, Fields};

/// The id of Elastic's rule for AWSCompromisedKeyQuarantine, which is the built-in one.
pub const QUARANTINE_ID: &str = "0b79f5c0-2c31-4fea-86cd-e62644278205";

/// A detection rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The rule's metadata.
    pub metadata: Metadata,
    query: Condition,
    query_text: String,
    needles: Needles,
}

impl Rule {
    /// Returns the rule that trailsift hunts with: Elastic's rule for AWSCompromisedKeyQuarantine.
    #[must_use]
    pub fn quarantine() -> Self {
        Self::from_toml(include_str!("quarantine.toml"))
            .expect("the embedded rule is tested to be one")
    }

    /// Reads a rule in the format of `quarantine.toml`.
    ///
    /// # Errors
    /// Text that is not TOML; a key that is unknown, missing or of the wrong type; and a query that is not EQL or not
    /// supported.
    pub fn from_toml(text: &str) -> Result<Self, RuleError> {
        let Document { metadata, query } = toml::from_str(text)?;
        let query_text = query.trim_end().to_owned();
        let query = eql::parse(&query_text)?;
        Ok(Self::new(metadata, query, query_text))
    }

    /// Returns the rule with this condition, whose text is `query_text`.
    pub(super) fn new(metadata: Metadata, query: Condition, query_text: String) -> Self {
        Self {
            needles: query.needles(),
            metadata,
            query,
            query_text,
        }
    }

    /// Gives the fields of its query numbers.
    pub(super) fn number_fields(&mut self, numbers: &mut FieldNumbers) {
        self.query.number_fields(numbers);
    }

    /// Returns whether `event` is a finding.
    pub fn matches(&self, event: &dyn Fields) -> bool {
        self.query.matches(event)
    }

    /// Returns the search terms of the prefilter, derived from the query.
    #[must_use]
    pub fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Returns the query.
    #[must_use]
    pub fn query(&self) -> &Condition {
        &self.query
    }

    /// Returns the literals that the query searches for in the text of fields.
    #[must_use]
    pub fn literals(&self) -> Vec<&str> {
        let atoms = self.query.contains_atoms().into_iter();
        atoms.map(|(_, literal)| literal).collect()
    }

    /// Returns the query as its author wrote it, without white space at its end.
    #[must_use]
    pub fn query_text(&self) -> &str {
        &self.query_text
    }

    /// Returns the rule as lines of text for people.
    #[must_use]
    pub fn render(&self) -> String {
        self.to_string()
    }
}

/// The reason why a text is not a rule.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuleError {
    /// The text is not TOML, or does not have the keys and types of a rule.
    #[error("not a rule")]
    Document(#[from] toml::de::Error),
    /// The query cannot be parsed; its position is in the query's own text, not in the document.
    #[error("not a query this program can judge")]
    Query(#[from] ParseError),
}

/// The TOML document.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    metadata: Metadata,
    query: String,
}

/// The metadata of a rule. It does not change which events are found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// Elastic's identifier, the same in all versions.
    pub rule_id: String,
    /// The name of an alert.
    pub name: String,
    /// The version of the rule.
    pub version: u32,
    /// `eql`: one event makes an alert.
    #[serde(rename = "type")]
    pub rule_type: String,
    /// The query's language.
    pub language: String,
    /// The severity of an alert.
    pub severity: Severity,
    /// The risk score, from 0 to 100.
    pub risk_score: u8,
    /// The Elasticsearch indices that the rule is made for.
    pub index: Vec<String>,
    /// The schedule on which Elastic runs the rule.
    pub schedule: Schedule,
    /// The attacker's actions, in the terms of a framework.
    #[serde(default)]
    pub threat: Vec<Threat>,
    /// The categories of the rule.
    #[serde(default)]
    pub tags: Vec<String>,
    /// URLs of further reading.
    #[serde(default)]
    pub references: Vec<String>,
    /// The authors of the rule.
    pub author: Vec<String>,
    /// The licence under which the rule is included here.
    pub license: String,
}

impl Metadata {
    /// Returns whether this is a version of Elastic's rule for AWSCompromisedKeyQuarantine.
    #[must_use]
    pub fn is_quarantine(&self) -> bool {
        self.rule_id == QUARANTINE_ID
    }
}

/// The severity of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// `informational`
    Informational,
    /// `low`
    Low,
    /// `medium`
    Medium,
    /// `high`
    High,
    /// `critical`
    Critical,
}

impl Display for Severity {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        })
    }
}

/// The schedule on which Elastic runs the rule on live data. A hunt over history ignores it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// The time between runs, such as `5m`.
    pub interval: String,
    /// The start of the time range of a run, such as `now-6m`.
    pub from: String,
    /// The maximum number of alerts of one run.
    pub max_signals: u32,
}

/// A tactic of a framework, and its techniques.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threat {
    /// `MITRE ATT&CK`
    pub framework: String,
    /// The attacker's goal.
    pub tactic: Attack,
    /// The attacker's methods.
    #[serde(default)]
    pub technique: Vec<Attack>,
}

/// A tactic or a technique.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attack {
    /// The id, such as `TA0006` or `T1552`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The URL that describes it.
    pub reference: String,
}

impl Display for Attack {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ({})", self.id, self.name, self.reference)
    }
}

impl Display for Rule {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let metadata = &self.metadata;
        let schedule = &metadata.schedule;
        writeln!(f, "{}", metadata.name)?;
        writeln!(f)?;
        for line in self.query_text.lines() {
            writeln!(f, "    {line}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "rule        {}, version {}",
            metadata.rule_id, metadata.version
        )?;
        writeln!(
            f,
            "type        {}, language {}",
            metadata.rule_type, metadata.language
        )?;
        writeln!(f, "severity    {}", metadata.severity)?;
        writeln!(f, "risk score  {}", metadata.risk_score)?;
        for threat in &metadata.threat {
            writeln!(f, "framework   {}", threat.framework)?;
            writeln!(f, "tactic      {}", threat.tactic)?;
            for technique in &threat.technique {
                writeln!(f, "technique   {technique}")?;
            }
        }
        write_list(f, "index", &metadata.index)?;
        writeln!(
            f,
            "schedule    every {}, from {}, at most {} alerts a run (live data only; not applied here)",
            schedule.interval, schedule.from, schedule.max_signals
        )?;
        write_list(f, "tags", &metadata.tags)?;
        write_list(f, "references", &metadata.references)?;
        write_list(f, "author", &metadata.author)?;
        writeln!(f, "license     {}", metadata.license)?;
        match &self.needles {
            Needles::AnyOf(literals) => write_list(f, "needles", literals),
            Needles::EveryRecord => writeln!(f, "needles     none: every record is judged"),
        }
    }
}

/// Writes one item per line, with the title before the first.
fn write_list(f: &mut Formatter<'_>, title: &str, items: &[String]) -> fmt::Result {
    let titles = std::iter::once(title).chain(std::iter::repeat(""));
    for (title, item) in titles.zip(items) {
        writeln!(f, "{title:<12}{item}")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::super::testing::Event;
    use super::{Needles, Rule, Severity};

    fn attachment() -> Event {
        Event::new()
            .text("event.dataset", "aws.cloudtrail")
            .text("event.action", "AttachUserPolicy")
            .text("event.outcome", "success")
            .text(
                "aws.cloudtrail.request_parameters",
                "{policyArn=arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2, userName=alice}",
            )
    }

    #[test]
    fn the_built_in_rule_finds_an_attachment_and_no_near_miss() {
        let rule = Rule::quarantine();
        assert!(rule.matches(&attachment()));
        for (field, near) in [
            ("event.dataset", "aws.s3access"),
            ("event.action", "AttachRolePolicy"),
            ("event.action", "attachuserpolicy"),
            ("event.outcome", "failure"),
            ("aws.cloudtrail.request_parameters", "{userName=alice}"),
            (
                "aws.cloudtrail.request_parameters",
                "{policyArn=arn:aws:iam::aws:policy/awscompromisedkeyquarantine}",
            ),
        ] {
            assert!(
                !rule.matches(&attachment().without(field).text(field, near)),
                "{near}"
            );
            assert!(!rule.matches(&attachment().without(field)), "no {field}");
        }
    }

    #[test]
    fn the_built_in_rule_is_elastics() {
        let rule = Rule::quarantine();
        assert!(rule.metadata.is_quarantine());
        assert_eq!(rule.metadata.severity, Severity::High);
        let needle = "AWSCompromisedKeyQuarantine".to_owned();
        assert_eq!(*rule.needles(), Needles::AnyOf(vec![needle]));
        assert_eq!(
            rule.query().contains_atoms(),
            [(
                "aws.cloudtrail.request_parameters",
                "AWSCompromisedKeyQuarantine"
            )]
        );
        expect![[r#"
            AWS IAM CompromisedKeyQuarantine Policy Attached to User

                any where event.dataset == "aws.cloudtrail"
                   and event.action == "AttachUserPolicy"
                   and event.outcome == "success"
                   and stringContains(aws.cloudtrail.request_parameters, "AWSCompromisedKeyQuarantine")

            rule        0b79f5c0-2c31-4fea-86cd-e62644278205, version 2
            type        eql, language eql
            severity    high
            risk score  73
            framework   MITRE ATT&CK
            tactic      TA0006 Credential Access (https://attack.mitre.org/tactics/TA0006/)
            technique   T1552 Unsecured Credentials (https://attack.mitre.org/techniques/T1552/)
            index       filebeat-*
                        logs-aws.cloudtrail-*
            schedule    every 5m, from now-6m, at most 100 alerts a run (live data only; not applied here)
            tags        Domain: Cloud
                        Data Source: AWS
                        Data Source: Amazon Web Services
                        Data Source: AWS IAM
                        Resources: Investigation Guide
                        Use Case: Identity and Access Audit
                        Tactic: Credential Access
            references  https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantine.html
                        https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AWSCompromisedKeyQuarantineV2.html
            author      Elastic
            license     Elastic License v2
            needles     AWSCompromisedKeyQuarantine
        "#]].assert_eq(&rule.render());
    }

    #[test]
    fn every_version_of_the_querys_head_is_read() {
        let toml = include_str!("quarantine.toml");
        for head in ["iam where event.dataset", "iam where data_stream.dataset"] {
            let rule = Rule::from_toml(&toml.replace("any where event.dataset", head)).unwrap();
            let event = attachment()
                .text("event.category", "iam")
                .text("data_stream.dataset", "aws.cloudtrail");
            assert!(rule.matches(&event));
            assert!(!rule.matches(&event.without("event.category")));
        }
    }

    #[test]
    fn a_wrong_rule_says_where_it_is_wrong() {
        let toml = include_str!("quarantine.toml");
        let error = |from, to| {
            let error = Rule::from_toml(&toml.replacen(from, to, 1)).unwrap_err();
            let source = std::error::Error::source(&error).unwrap();
            format!("{error}: {source}")
        };
        expect![[r#"
            not a query this program can judge: line 2, column 21: `=` does not compare; write `==`
                 and event.action = "AttachUserPolicy"
                                  ^"#]]
        .assert_eq(&error("event.action ==", "event.action ="));
        expect![[r#"
            not a rule: TOML parse error at line 22, column 14
               |
            22 | risk_score = 730
               |              ^^^
            invalid value: integer `730`, expected u8
        "#]]
        .assert_eq(&error("risk_score = 73", "risk_score = 730"));
        expect![[r#"
            not a rule: TOML parse error at line 22, column 1
               |
            22 | risk_scores = 73
               | ^^^^^^^^^^^
            unknown field `risk_scores`, expected one of `rule_id`, `name`, `version`, `type`, `language`, `severity`, `risk_score`, `index`, `schedule`, `threat`, `tags`, `references`, `author`, `license`
        "#]].assert_eq(&error("risk_score", "risk_scores"));
        expect![[r#"
            not a rule: TOML parse error at line 21, column 12
               |
            21 | severity = "grave"
               |            ^^^^^^^
            unknown variant `grave`, expected one of `informational`, `low`, `medium`, `high`, `critical`
        "#]]
        .assert_eq(&error("\"high\"", "\"grave\""));
    }
}
