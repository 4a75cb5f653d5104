//! Files of rules -> rules that can run, and those that cannot with the reason.
//!
//! In: the text of a file and its name. Out: [`Loaded`]. Three kinds of files are known by what is in them: Elastic's
//! TOML as in its repository of detection rules, trailsift's own TOML as in `quarantine.toml`, and Sigma's YAML, with
//! several documents a file. [`query`] makes a rule of a query alone.
//!
//! A rule that cannot run is [`Refused`], with its place and the reason; nothing is passed over. A rule that can run, but
//! not just as its author meant it, has notes.
//!
//! A rule that several events decide is a [`RuleOverTime`], beside the others.
//!
//! Ids are unique neither among packs nor among files, so a rule is known by its pack, file and id.
//!
//! Deliberately not here: reading files.

mod correlations;
mod elastic;
mod own;
mod query;
mod sigma;

use std::collections::HashSet;
use std::sync::Arc;

use super::condition::Condition;
use super::model::{Metadata, Rule, Schedule, Severity};
use super::over_time::RuleOverTime;
use super::pack_rule::PackRule;
pub use crate::report::RefusedRule as Refused;
use correlations::{Named, Pending};
pub use query::{query, search};

/// What is known about a rule: it cannot run, or not in full.
pub(super) struct Reason {
    pub(super) line: Option<usize>,
    pub(super) column: Option<usize>,
    pub(super) text: String,
}

/// The rules of files.
#[derive(Debug, Default)]
pub struct Loaded {
    /// Rules that can run, in the order of the files.
    pub rules: Vec<PackRule>,
    /// Rules that several events decide. Correlations are among them after [`Loaded::resolve`].
    pub over_time: Vec<Arc<RuleOverTime>>,
    /// Rules that cannot run, and files that could not be read as rules.
    pub refused: Vec<Refused>,
    /// The rules that correlations can name.
    named: Vec<Named>,
    /// Correlations whose rules are not looked up yet.
    pending: Vec<Pending>,
    /// The ids of the rules of the file that was added last, with its pack and name.
    ids: (String, String, HashSet<String>),
}

/// The form of a file of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Elastic's TOML, or trailsift's own.
    Toml,
    /// Sigma's YAML.
    Yaml,
}

impl Form {
    /// Returns the form of a file by its name; `None` if it is no file of rules.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let (_, extension) = name.rsplit_once('.')?;
        match extension.to_ascii_lowercase().as_str() {
            "toml" => Some(Self::Toml),
            "yml" | "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

impl Loaded {
    /// Adds the rules of a file, whose path in the pack is `file`.
    pub fn add_file(&mut self, pack: &str, file: &str, form: Form, text: &[u8]) {
        let (last_pack, last_file, ids) = &mut self.ids;
        if (&**last_pack, &**last_file) != (pack, file) {
            (*last_pack, *last_file) = (pack.to_owned(), file.to_owned());
            ids.clear();
        }
        let mut adding = Adding {
            loaded: self,
            pack,
            file,
        };
        let Ok(text) = std::str::from_utf8(text) else {
            return adding.refuse(None, None, Reason::new("the file is not UTF-8"));
        };
        match form {
            Form::Toml if elastic::is_form(text) => elastic::add(text, &mut adding),
            Form::Toml => own::add(text, &mut adding),
            Form::Yaml => sigma::add(text, &mut adding),
        }
    }

    /// Returns the number of rules that were read so far, with those that cannot run.
    #[must_use]
    pub fn n_read(&self) -> usize {
        self.rules.len() + self.over_time.len() + self.pending.len() + self.refused.len()
    }

    /// Looks up the rules that correlations name. To be called when all files were added.
    pub fn resolve(&mut self) {
        correlations::resolve(self);
    }

    /// Leaves out the rules over time, with the reason that the list of rules that do not run has for each.
    pub fn leave_out_over_time(&mut self, reason: &str) {
        let refused = self.over_time.drain(..).map(|one| Refused {
            pack: one.pack.clone(),
            file: one.file.clone(),
            line: None,
            column: None,
            id: Some(one.metadata.rule_id.clone()),
            title: Some(one.metadata.name.clone()),
            reason: format!("a rule over several events ({}), {reason}", one.kind),
        });
        self.refused.extend(refused);
    }
}

/// The place where the rules of a file are added.
struct Adding<'l> {
    loaded: &'l mut Loaded,
    pack: &'l str,
    file: &'l str,
}

impl Adding<'_> {
    /// Refuses a rule that is to be added if the file has another one with its id. Returns whether it does.
    fn is_known(&mut self, metadata: &Metadata) -> bool {
        let (_, _, ids) = &mut self.loaded.ids;
        let is_known = !ids.insert(metadata.rule_id.clone());
        if is_known {
            let (id, name) = (metadata.rule_id.clone(), metadata.name.clone());
            let reason = Reason::new("the file has another rule with this id");
            self.refuse(Some(id), Some(name), reason);
        }
        is_known
    }

    fn add_over_time(&mut self, rule: RuleOverTime) {
        if !self.is_known(&rule.metadata) {
            self.loaded.over_time.push(Arc::new(RuleOverTime {
                pack: self.pack.to_owned(),
                file: self.file.to_owned(),
                ..rule
            }));
        }
    }

    fn add(&mut self, rule: Rule) {
        if self.is_known(&rule.metadata) {
            return;
        }
        self.loaded.rules.push(PackRule {
            pack: self.pack.to_owned(),
            file: self.file.to_owned(),
            notes: notes(rule.query(), &rule.metadata.language),
            rule,
        });
    }

    fn refuse(&mut self, id: Option<String>, name: Option<String>, reason: Reason) {
        self.loaded.refused.push(Refused {
            pack: self.pack.to_owned(),
            file: self.file.to_owned(),
            line: reason.line,
            column: reason.column,
            id,
            title: name,
            reason: reason.text,
        });
    }
}

impl Reason {
    fn new(text: impl Into<String>) -> Self {
        Self {
            line: None,
            column: None,
            text: text.into(),
        }
    }

    /// Returns the reason with the position of a byte in a file.
    fn at(file: &str, offset: usize, text: impl Into<String>) -> Self {
        let before = file.get(..offset).unwrap_or(file);
        let line = before.rsplit('\n').next().unwrap_or(before);
        Self {
            line: Some(before.matches('\n').count() + 1),
            column: Some(line.chars().count() + 1),
            text: text.into(),
        }
    }
}

/// The beginnings of fields that come from databases beside the record, or from other systems.
const UNAVAILABLE: [&str; 16] = [
    "source.as.",
    "source.geo.",
    "user_agent.name",
    "user_agent.version",
    "user_agent.os.",
    "user_agent.device.",
    "threat.",
    "host.",
    "process.",
    "file.",
    "registry.",
    "dns.",
    "destination.",
    "email.",
    "kibana.",
    "event.ingested",
];

fn is_unavailable(field: &str) -> bool {
    let mut beginnings = UNAVAILABLE.iter();
    beginnings.any(|beginning| field.starts_with(beginning))
}

/// Returns how a rule differs from what its author meant.
fn notes(query: &Condition, language: &str) -> Vec<String> {
    let mut notes = Vec::new();
    for (field, is_negated) in query.fields() {
        if !is_unavailable(field) {
            continue;
        }
        notes.push(match is_negated {
            true => format!("no record has {field}, which would exclude events: more events match"),
            false => format!("no record has {field}, which the rule tests: fewer events match"),
        });
    }
    let is_kql = language == "kuery";
    let fields = query.fields_with_wildcards().into_iter();
    for field in fields.filter(|_| is_kql) {
        if field.starts_with("aws.cloudtrail.flattened.") {
            notes.push(format!(
                "Elasticsearch has no wildcards on {field} (elasticsearch#157064); here they count"
            ));
        }
    }
    notes
}

/// Returns metadata in which only this is known.
fn metadata(id: String, name: String, language: &str, severity: Severity) -> Metadata {
    Metadata {
        rule_id: id,
        name,
        version: 1,
        rule_type: language.to_owned(),
        language: language.to_owned(),
        severity,
        risk_score: risk_score(severity),
        index: Vec::new(),
        schedule: Schedule {
            interval: "5m".to_owned(),
            from: "now-6m".to_owned(),
            max_signals: 100,
        },
        threat: Vec::new(),
        tags: Vec::new(),
        references: Vec::new(),
        author: Vec::new(),
        license: String::new(),
    }
}

/// Returns the risk score that Elastic gives a severity.
fn risk_score(severity: Severity) -> u8 {
    match severity {
        Severity::Informational => 1,
        Severity::Low => 21,
        Severity::Medium => 47,
        Severity::High => 73,
        Severity::Critical => 99,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::super::over_time::Source;
    use super::*;

    const ELASTIC: &str = r#"
[metadata]
maturity = "production"

[rule]
author = ["Example"]
name = "A user was made"
rule_id = "id-1"
risk_score = 47
severity = "medium"
index = ["logs-aws.cloudtrail-*"]
type = "eql"
language = "eql"
tags = ["Tactic: Persistence"]
query = '''
iam where event.action == "CreateUser"
  and event.outcome == "success"
'''

[[rule.threat]]
framework = "MITRE ATT&CK"

[[rule.threat.technique]]
id = "T1136"
name = "Create Account"
reference = "https://attack.mitre.org/techniques/T1136/"

[rule.threat.tactic]
id = "TA0003"
name = "Persistence"
reference = "https://attack.mitre.org/tactics/TA0003/"
"#;

    const SIGMA: &str = "title: A user was made\nid: id-2\nlevel: informational\nauthor: A, B\n\
        logsource: {product: aws, service: cloudtrail}\n\
        detection:\n  made: {eventName: CreateUser}\n  condition: made\n";

    fn load(file: &str, text: &str) -> Loaded {
        let mut loaded = Loaded::default();
        loaded.add_file(
            "pack",
            file,
            Form::from_name(file).unwrap(),
            text.as_bytes(),
        );
        loaded
    }

    #[track_caller]
    fn check_refused(file: &str, text: &str, expected: Expect) {
        let loaded = load(file, text);
        let refused = loaded.refused.iter().map(|one| format!("{one}\n"));
        expected.assert_eq(&refused.collect::<String>());
    }

    #[test]
    fn a_rule_of_each_form_is_loaded() {
        let loaded = load("a.toml", ELASTIC);
        let [one] = loaded.rules.as_slice() else {
            panic!("{loaded:?}");
        };
        let metadata = &one.rule.metadata;
        assert_eq!(metadata.rule_id, "id-1");
        assert_eq!(metadata.severity, Severity::Medium);
        assert_eq!(metadata.threat[0].technique[0].id, "T1136");
        assert_eq!(one.notes, [""; 0]);

        let text = format!("{SIGMA}---\n{}", SIGMA.replace("id-2", "id-3"));
        let loaded = load("a.yml", &text);
        let ids = loaded
            .rules
            .iter()
            .map(|one| one.rule.metadata.rule_id.as_str());
        assert_eq!(ids.collect::<Vec<_>>(), ["id-2", "id-3"]);
        assert_eq!(loaded.rules[0].rule.metadata.author, ["A", "B"]);
        assert_eq!(
            loaded.rules[0].rule.metadata.severity,
            Severity::Informational
        );

        let loaded = load("a.toml", include_str!("../quarantine.toml"));
        assert!(loaded.rules[0].rule.metadata.is_quarantine());
    }

    #[test]
    fn an_error_in_a_query_has_its_line_in_the_file() {
        let text = ELASTIC.replace("event.outcome ==", "event.outcome =");
        check_refused(
            "a.toml",
            &text,
            expect![[r#"
            a.toml:17:21: `=` does not compare; write `==` (A user was made)
        "#]],
        );
        let text = ELASTIC
            .replace("'''", "\"\"\"")
            .replace("\"CreateUser\"", "\\\"x\\\" |");
        check_refused(
            "a.toml",
            &text,
            expect![[r#"
            a.toml:16:27: not supported: pipes (A user was made)
        "#]],
        );
        check_refused(
            "a.toml",
            &ELASTIC.replace("severity = ", "severity "),
            expect![[r#"
                a.toml:10:10: key with no value, expected `=`
            "#]],
        );
        check_refused(
            "a.toml",
            "[rule]\nname = 1\n",
            expect![[r#"
            a.toml:2:8: invalid type: integer `1`, expected a string
        "#]],
        );
        check_refused(
            "a.toml",
            "a = 1\n",
            expect![[r#"
            a.toml:1:1: unknown field `a`, expected `metadata` or `query`
        "#]],
        );
        check_refused(
            "a.yml",
            &SIGMA.replace("condition: made", "condition: none"),
            expect![[r#"
                a.yml:8:14: the condition names `none`, which is no selection (A user was made)
            "#]],
        );
        check_refused(
            "a.yml",
            "a: [",
            expect![[r#"
            a.yml:2:1: while parsing a node, did not find expected node content
        "#]],
        );
    }

    #[test]
    fn a_rule_without_a_language_has_that_of_its_type() {
        let text = ELASTIC.replace("language = \"eql\"\n", "");
        assert_ne!(text, ELASTIC);
        let loaded = load("a.toml", &text);
        assert_eq!(loaded.rules[0].rule.metadata.language, "eql");
    }

    #[test]
    fn what_is_not_supported_is_refused() {
        let with_type = |name| ELASTIC.replace("type = \"eql\"", &format!("type = {name:?}"));
        check_refused(
            "a.toml",
            &with_type("machine_learning"),
            expect![[r#"
            a.toml: rules of the type "machine_learning" are not supported (A user was made)
        "#]],
        );
        check_refused(
            "a.toml",
            &with_type("query"),
            expect![[r#"
            a.toml: the language "eql" is not supported (A user was made)
        "#]],
        );
        let esql = with_type("esql").replace("language = \"eql\"", "language = \"esql\"");
        check_refused(
            "a.toml",
            &esql,
            expect![[r#"
            a.toml: the language "esql" is not supported (A user was made)
        "#]],
        );
        let other = ELASTIC.replace("logs-aws.cloudtrail-*", "winlogbeat-*");
        check_refused(
            "a.toml",
            &other,
            expect![[r#"
            a.toml: it reads other indices than CloudTrail's (A user was made)
        "#]],
        );
        let filtered = format!("{ELASTIC}\n[[rule.filters]]\nquery = {{}}\n");
        check_refused(
            "a.toml",
            &filtered,
            expect![[r#"
            a.toml: filters beside the query are not supported (A user was made)
        "#]],
        );
        let sample = ELASTIC.replace("iam where", "sample by user.id [iam where");
        check_refused(
            "a.toml",
            &sample,
            expect![[r#"
            a.toml:16:1: not supported: sequences, samples and joins (A user was made)
        "#]],
        );
        check_refused(
            "a.yml",
            &format!("{SIGMA}---\n{SIGMA}"),
            expect![[r#"
            a.yml: the file has another rule with this id (A user was made)
        "#]],
        );
    }

    #[track_caller]
    fn check_over_time(file: &str, text: &str, expected: Expect) {
        let mut loaded = load(file, text);
        loaded.resolve();
        let rules = loaded.over_time.iter().map(|one| {
            let parts = one.parts.iter().map(|part| match part.source() {
                Source::Events(rule) => format!("{} {:?}", rule.query(), part.field_names()),
                Source::Rule(rule) => format!("{} {:?}", rule.metadata.name, part.field_names()),
            });
            let parts = parts.collect::<Vec<_>>().join("; ");
            let window = one.window.map(|window| window / 1_000_000);
            let notes = one.notes.join("; ");
            format!("{} {:?} {window:?} {parts} [{notes}]\n", one.kind, one.test)
        });
        let refused = loaded.refused.iter().map(|one| format!("{one}\n"));
        expected.assert_eq(&rules.chain(refused).collect::<String>());
    }

    /// Returns a rule of this type, in KQL.
    fn kuery(kind: &str, rest: &str) -> String {
        let (before, after) = ELASTIC.split_once("query = '''").unwrap();
        let (_, after) = after.split_once("'''").unwrap();
        let typed = format!("type = {kind:?}\nfrom = \"now-9m\"");
        let before = before.replace("type = \"eql\"", &typed);
        let before = before.replace("\"eql\"", "\"kuery\"");
        format!("{before}query = 'event.action: A*'{after}\n{rest}")
    }

    #[test]
    fn elastics_thresholds_and_new_terms_are_loaded() {
        let threshold = |rest: &str| kuery("threshold", &format!("[rule.threshold]\n{rest}"));
        check_over_time(
            "a.toml",
            &threshold("field = 'user.name'\nvalue = 5"),
            expect![[r#"
                threshold Counts { events: [Limit { relation: AtLeast, number: 5 }], distinct: [] } Some(540) event.action begins with "A" (["user.name"], []) []
            "#]],
        );
        check_over_time(
            "a.toml",
            &threshold(
                "field = ['a', 'source.geo.name']\nvalue = 1\n\
                 [[rule.threshold.cardinality]]\nfield = 'b'\nvalue = 20",
            ),
            expect![[r#"
                threshold Counts { events: [Limit { relation: AtLeast, number: 1 }], distinct: [[Limit { relation: AtLeast, number: 20 }]] } Some(540) event.action begins with "A" (["a", "source.geo.name"], ["b"]) [no record has source.geo.name, by which the rule groups or counts: it cannot fire]
            "#]],
        );
        let new_terms = |start: &str| {
            kuery(
                "new_terms",
                &format!(
                    "[rule.new_terms]\nfield = 'new_terms_fields'\nvalue = ['user.name', 'a']\n\
                     [[rule.new_terms.history_window_start]]\nfield = 'x'\nvalue = '{start}'"
                ),
            )
        };
        check_over_time(
            "a.toml",
            &new_terms("now-10d"),
            expect![[r#"
                new_terms First Some(864000) event.action begins with "A" (["user.name", "a"], []) []
            "#]],
        );
        check_over_time(
            "a.toml",
            &new_terms("now-10M"),
            expect![[r#"
            a.toml: the start "now-10M" is not one such as `now-6m` (A user was made)
        "#]],
        );
        check_over_time(
            "a.toml",
            &kuery("threshold", ""),
            expect![[r#"
            a.toml: it has no threshold (A user was made)
        "#]],
        );
    }

    #[test]
    fn elastics_sequences_are_loaded() {
        let begun = ELASTIC.replace(
            "iam where",
            "sequence by user.id with maxspan=1h [iam where",
        );
        let ended = |end: &str| {
            begun.replace(
                "\"success\"",
                &format!("\"success\"] [any where true]{end}"),
            )
        };
        check_over_time(
            "a.toml",
            &ended(""),
            expect![[r#"
                sequence Sequence Some(3600) (event.action is "CreateUser" and event.outcome is "success") and event.category is "iam" (["user.id"], []); true (["user.id"], []) []
            "#]],
        );
        check_over_time(
            "a.toml",
            &ended(" until [any where true]"),
            expect![[r#"
            a.toml:17:52: not supported: `until` (A user was made)
        "#]],
        );
    }

    #[test]
    fn correlations_name_rules_by_id_name_or_title() {
        let correlation = |title: &str, rest: &str| {
            format!("---\ntitle: {title}\ncorrelation: {{timespan: 5m, {rest}}}\n")
        };
        let named = SIGMA.replace("id: id-2", "id: id-3\nname: made");
        let text = [
            SIGMA.to_owned(),
            format!("---\n{named}"),
            correlation(
                "Ordered",
                "type: temporal_ordered, rules: [id-2, made, A user was made], group-by: u, \
                 aliases: {u: {made: userName, id-2: userIdentity.arn}}",
            ),
            correlation(
                "Values",
                "type: value_count, rules: [Count], group-by: [b], condition: {gt: 1, lte: 9, field: a}",
            ),
            correlation(
                "Count",
                "type: event_count, rules: made, group-by: [a, b], condition: {gte: 3}, generate: true",
            ),
            correlation("Missing", "type: temporal, rules: [id-2, id-9]"),
            correlation("Circle", "type: temporal, rules: [id-2, Circle]"),
            correlation(
                "Other",
                "type: value_avg, rules: [id-2], condition: {gte: 3}",
            ),
            correlation(
                "Condition",
                "type: temporal, rules: [id-2], condition: {gte: 3}",
            ),
            correlation("Member", "type: temporal, rules: [id-2], until: x"),
            correlation(
                "Field",
                "type: event_count, rules: [id-2], condition: {gte: 3, field: a}",
            ),
            correlation("Values", "type: temporal, rules: [id-2]"),
            correlation("Group", "type: temporal, rules: [Count], group-by: [c]"),
        ];
        check_over_time(
            "a.yml",
            &text.concat(),
            expect![[r#"
                temporal_ordered InOrder Some(300) eventName is "CreateUser" (case ignored) (["userIdentity.arn"], []); eventName is "CreateUser" (case ignored) (["userName"], []); eventName is "CreateUser" (case ignored) (["userIdentity.arn"], []) []
                value_count Counts { events: [], distinct: [[Limit { relation: More, number: 1 }, Limit { relation: AtMost, number: 9 }]] } Some(300) Count (["b"], ["a"]) []
                event_count Counts { events: [Limit { relation: AtLeast, number: 3 }], distinct: [] } Some(300) eventName is "CreateUser" (case ignored) (["a", "b"], []) []
                a.yml:36:14: correlations of the type "value_avg" are not supported (Other)
                a.yml:39:71: a condition of `temporal` (Condition)
                a.yml:42:60: the member `until` of a correlation is not supported (Member)
                a.yml:45:74: `event_count` counts no field (Field)
                a.yml: the file has another rule with this id (Values)
                a.yml:30:14: no rule that can run is named id-9 (Missing)
                a.yml:33:14: the rule Circle: correlations are inside each other more than 8 deep (Circle)
                a.yml:51:14: the correlation Count does not group by c, by which this one does (Group)
            "#]],
        );
    }

    #[test]
    fn a_correlation_names_rules_of_other_files() {
        let mut loaded = Loaded::default();
        let mut add =
            |pack, file, text: &str| loaded.add_file(pack, file, Form::Yaml, text.as_bytes());
        let of = |name: &str| SIGMA.replace("CreateUser", name);
        let correlation = "title: C\ncorrelation: {type: temporal, rules: [id-2], timespan: 1s}";
        add("other", "c.yml", &of("Other"));
        add("pack", "b.yml", correlation);
        add("pack", "c.yml", &of("Near"));
        add("other", "d.yml", correlation);
        loaded.resolve();
        let parts = loaded
            .over_time
            .iter()
            .map(|one| match one.parts[0].source() {
                Source::Events(rule) => rule.query().to_string(),
                Source::Rule(_) => String::new(),
            });
        let parts: Vec<String> = parts.collect();
        assert!(
            parts[0].contains("Near") && parts[1].contains("Other"),
            "{parts:?}"
        );
    }

    #[test]
    fn another_field_can_be_the_category() {
        let text = ELASTIC.replace(
            "language",
            "event_category_override = \"event.type\"\nlanguage",
        );
        let loaded = load("a.toml", &text);
        let fields = loaded.rules[0].rule.query().fields();
        assert!(fields.contains(&("event.type", false)), "{fields:?}");
    }

    #[test]
    fn fields_that_no_record_has_are_noted() {
        let kql = |query| {
            let text = ELASTIC
                .replace("\"eql\"", "\"kuery\"")
                .replace("type = \"kuery\"", "type = \"query\"");
            let (before, rest) = text.split_once("'''").unwrap();
            let (_, after) = rest.split_once("'''").unwrap();
            let loaded = load("a.toml", &format!("{before}'{query}'{after}"));
            loaded.rules[0].notes.join("; ")
        };
        assert_eq!(kql("event.action: x"), "");
        assert!(kql("event.action: x and not source.as.number: 1").contains("more events match"));
        assert!(kql("source.as.number: 1").contains("fewer events match"));
        let wildcard = kql("aws.cloudtrail.flattened.request_parameters.a: x*");
        assert!(wildcard.contains("elasticsearch#157064"), "{wildcard}");
    }
}
