//! Sigma: rules in YAML, which decide on one event each, and correlations of them.
//!
//! In: the text of a file, which may hold several documents. Out: for each what it says about itself, and its condition
//! or correlation, or the reason why it has none.
//!
//! Fields have CloudTrail's own names. Case does not count, except after `cased` and in `re`. `*` and `?` are wildcards,
//! and a backslash before one of these or another backslash makes it a character.
//!
//! Deliberately not supported: other log sources than CloudTrail; what Sigma dropped (`| count()`,
//! `timeframe`); placeholders; numbers other than 1 before `of`; modifiers that are not known. Each is a reason, because
//! a partly understood rule would lose records silently.

mod condition;
mod correlation;
mod detection;
mod modifiers;
mod pcre;
mod yaml;

use super::condition::Condition;
pub(super) use correlation::Correlation;
pub(super) use yaml::Fault;
use yaml::{Data, Yaml};

/// What a document of a file says about itself.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) title: Option<String>,
    pub(super) id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) level: Option<String>,
    pub(super) author: Option<String>,
    pub(super) license: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) references: Vec<String>,
}

/// What a document decides by.
#[derive(Debug)]
pub(super) enum Body {
    Condition(Condition),
    Correlation(Correlation),
}

/// A document with what it decides by.
pub(super) type Read = (Document, Result<Body, Fault>);

/// Reads the documents of a file.
///
/// # Errors
/// Text that is not YAML.
pub(super) fn documents(text: &str) -> Result<Vec<Read>, Fault> {
    let documents = yaml::documents(text)?;
    // A file may end with a line that begins another document.
    let documents = documents.iter().filter(|one| one.data != Data::Null);
    Ok(documents.map(document).collect())
}

fn document(yaml: &Yaml) -> Read {
    let text = |key| yaml.get(key).and_then(Yaml::text);
    let texts = |key| yaml.get(key).map(Yaml::texts).unwrap_or_default();
    let document = Document {
        title: text("title"),
        id: text("id"),
        name: text("name"),
        level: text("level"),
        author: text("author"),
        license: text("license"),
        tags: texts("tags"),
        references: texts("references"),
    };
    (document, body_of(yaml))
}

/// Sigma's levels.
const LEVELS: [&str; 5] = ["informational", "low", "medium", "high", "critical"];

/// Returns true for the name of a level in any case, for none, and for a usual short form of the first one.
fn is_level(name: &str) -> bool {
    let is_one = |level: &&str| level.eq_ignore_ascii_case(name);
    name.is_empty() || name.eq_ignore_ascii_case("info") || LEVELS.iter().any(is_one)
}

fn body_of(yaml: &Yaml) -> Result<Body, Fault> {
    if yaml.map().is_none() || yaml.get("title").and_then(Yaml::text).is_none() {
        return Err(yaml.fault("not a Sigma rule: it has no title"));
    }
    if let Some(level) = yaml.get("level")
        && let Some(name) = level.text().filter(|name| !is_level(name))
    {
        let levels = LEVELS.join(", ");
        return Err(level.fault(format!("`{name}` is no level: {levels}")));
    }
    if let Some(correlation) = yaml.get("correlation") {
        return correlation::correlation(correlation).map(Body::Correlation);
    }
    log_source(yaml)?;
    let Some(detection) = yaml.get("detection") else {
        return Err(yaml.fault("it has no detection"));
    };
    detection::condition(detection).map(Body::Condition)
}

/// Checks that a rule is for CloudTrail.
fn log_source(yaml: &Yaml) -> Result<(), Fault> {
    let Some(source) = yaml.get("logsource") else {
        return Err(yaml.fault("it has no log source"));
    };
    let of = |key| source.get(key).and_then(Yaml::text);
    let (product, service) = (of("product"), of("service"));
    let is_ours = product.as_deref() == Some("aws")
        && matches!(service.as_deref(), None | Some("cloudtrail"));
    if is_ours {
        return Ok(());
    }
    let names = [
        ("product", product),
        ("service", service),
        ("category", of("category")),
    ];
    let names = names
        .iter()
        .filter_map(|(key, name)| Some(format!("{key} {}", name.as_ref()?)));
    let names = names.collect::<Vec<_>>().join(", ");
    Err(source.fault(format!("another log source: {names}")))
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::{Body, Condition, Document, Fault};
    use crate::event::{Fields, Scalar};
    use crate::rule::condition::testing::Event;

    type Conditions = Vec<(Document, Result<Condition, Fault>)>;

    /// Reads the documents of a file that has no correlation.
    fn documents(text: &str) -> Result<Conditions, Fault> {
        let documents = super::documents(text)?.into_iter();
        let conditions = documents.map(|(document, body)| {
            let condition = body.map(|body| match body {
                Body::Condition(condition) => condition,
                Body::Correlation(correlation) => panic!("{correlation:?}"),
            });
            (document, condition)
        });
        Ok(conditions.collect())
    }

    /// Reads a rule with this detection.
    fn reason(detection: &str) -> Option<String> {
        let detection = detection.trim_end().replace('\n', "\n  ");
        let text = format!(
            "title: t\nlogsource:\n  product: aws\n  service: cloudtrail\ndetection:\n  {detection}\n"
        );
        let document = documents(&text).map(|mut all| all.remove(0));
        let fault = document.map_or_else(Some, |(_, condition)| condition.err())?;
        Some(format!("{}:{} {}", fault.line, fault.column, fault.reason))
    }

    #[track_caller]
    fn check(event: &Event, selection: &str, is_match: bool) {
        let text = format!(
            "title: t\nlogsource: {{product: aws}}\ndetection: {{a: {selection}, condition: a}}"
        );
        let document = documents(&text).unwrap().remove(0);
        assert_eq!(document.1.unwrap().matches(event), is_match, "{selection}");
    }

    fn event() -> Event {
        Event::new()
            .text("name", "CreateUser")
            .text("path", r"C:\x*y")
            .text("ip", "203.0.113.7")
            .text("other", "createuser")
            .text("list", "a")
            .text("list", "b")
            .integer("n", 22)
            .boolean("t", true)
    }

    #[test]
    fn a_rule_has_a_level_that_sigma_has_or_none() {
        let of = |level: &str| {
            let text = format!(
                "title: t\nlogsource:\n  product: aws\n  service: cloudtrail\nlevel: {level}\ndetection:\n  a:\n    eventName: b\n  condition: a\n"
            );
            let document = documents(&text).unwrap().remove(0);
            document.1.err().map(|fault| (fault.line, fault.reason))
        };
        for level in ["high", "High", "informational", "info", ""] {
            assert_eq!(of(level), None, "{level}");
        }
        for level in ["severe", "5"] {
            let levels = "informational, low, medium, high, critical";
            let reason = format!("`{level}` is no level: {levels}");
            assert_eq!(of(level), Some((5, reason)));
        }
    }

    #[test]
    fn values_ignore_case_and_have_wildcards() {
        for (selection, is_match) in [
            ("{name: createuser}", true),
            ("{name: Create}", false),
            ("{name: create*}", true),
            ("{name: 'create\\*'}", false),
            ("{name: 'CREATEUSE?'}", true),
            ("{path: 'c:\\x\\*?'}", true),
            ("{path: 'c:\\\\x*'}", true),
            ("{name|cased: createuser}", false),
            ("{name|contains: USER}", true),
            ("{name|contains|cased: USER}", false),
            ("{name|startswith: create, list: b}", true),
            ("{name|startswith: create, list: c}", false),
            ("{name|endswith: [x, er]}", true),
            ("{name|contains|all: [create, x]}", false),
            ("{list|all: [a, b]}", true),
            ("{n: 22}", true),
            ("{n: '22'}", true),
            ("{n|gte: 22}", true),
            ("{n|lt: 22}", false),
            ("{t: true}", true),
            ("{t: yes}", true),
            ("{name|neq: CreateUser}", false),
            ("{missing|neq: x}", true),
            ("[{name: x}, {n: 22}]", true),
        ] {
            check(&event(), selection, is_match);
        }
    }

    #[test]
    fn modifiers_do_what_they_say() {
        for (selection, is_match) in [
            ("{name|re: 'ateU'}", true),
            ("{name|re: 'ateu'}", false),
            ("{name|re|i: 'ateu'}", true),
            ("{ip|cidr: 203.0.113.0/24}", true),
            ("{ip|cidr: ['198.51.100.0/24']}", false),
            ("{name|exists: true}", true),
            ("{missing|exists: false}", true),
            ("{missing: null}", true),
            ("{name: [null, x]}", false),
            ("{missing: ''}", false),
            ("{missing|contains: '*'}", false),
            ("{name|contains: '*'}", true),
            ("{name|fieldref: other}", true),
            ("{name|fieldref|cased: other}", false),
            ("{name|fieldref: missing}", false),
        ] {
            check(&event(), selection, is_match);
        }
        let encoded = Event::new()
            .text("a", "Zm9vYmFy")
            .text("b", "xxb29iYXxx")
            .text("c", "run /flag")
            .text("d", "ZgBvAG8A");
        check(&encoded, "{a|base64: foobar}", true);
        check(&encoded, "{a|base64: FOOBAR}", false);
        check(&encoded, "{b|base64offset|contains: ooba}", true);
        check(&encoded, "{c|windash|contains: ' -flag'}", true);
        check(&encoded, "{d|wide|base64: foo}", true);
    }

    fn conditions(condition: &str) -> bool {
        let text = format!(
            "title: t\nlogsource: {{product: aws}}\ndetection:\n  yes1: {{name: createuser}}\n  \
             yes2: {{n: 22}}\n  no1: {{name: x}}\n  _skip: {{name: y}}\n  condition: {condition}"
        );
        let document = documents(&text).unwrap().remove(0);
        document.1.unwrap().matches(&event())
    }

    #[test]
    fn conditions_join_selections() {
        for (condition, is_match) in [
            ("yes1 and not no1", true),
            ("no1 or yes1 and yes2", true),
            ("not (yes1 and yes2)", false),
            ("NOT no1 AND yes2", true),
            ("1 of yes*", true),
            ("all of yes*", true),
            ("all of them", false),
            ("1 of them", true),
            ("any of no*", false),
            ("[no1, yes1]", true),
            ("not 1 of no* and all of yes*", true),
        ] {
            assert_eq!(conditions(condition), is_match, "{condition}");
        }
    }

    #[track_caller]
    fn check_reasons<const N: usize>(detections: [&str; N], expected: Expect) {
        let reasons = detections.map(|detection| {
            let reason = reason(detection).unwrap_or_else(|| "none".to_owned());
            format!("{detection:?}\n  {reason}\n")
        });
        expected.assert_eq(&reasons.concat());
    }

    #[test]
    fn a_selection_that_is_wrong_or_not_supported_has_a_reason() {
        check_reasons(
            [
                "a: {b: x}\ncondition: a | count() > 5",
                "a: {b: x}\ntimeframe: 5m\ncondition: a",
                "a: {b|expand: '%x%'}\ncondition: a",
                "a: {b|near: x}\ncondition: a",
                "a: {b: []}\ncondition: a",
                "a: {b: {c: d}}\ncondition: a",
                "a: {b|re: '(?=x)'}\ncondition: a",
                "a: {b|cidr: x}\ncondition: a",
                "a: {b|gte: x}\ncondition: a",
                "a: {b|exists: x}\ncondition: a",
                "a: {b|wide: x}\ncondition: a",
                "a: {b|windash: ' -a -b -c -d -e'}\ncondition: a",
                "a: [x, {b: c}]\ncondition: a",
                "a: {}\ncondition: a",
            ],
            expect![[r#"
                "a: {b: x}\ncondition: a | count() > 5"
                  7:14 an aggregation (`| count()`), which Sigma no longer has; write a correlation
                "a: {b: x}\ntimeframe: 5m\ncondition: a"
                  7:3 a timeframe, which belongs to aggregations that Sigma no longer has
                "a: {b|expand: '%x%'}\ncondition: a"
                  6:7 a placeholder (the modifier `expand`)
                "a: {b|near: x}\ncondition: a"
                  6:7 the modifier `near` is not supported
                "a: {b: []}\ncondition: a"
                  6:10 no value for b
                "a: {b: {c: d}}\ncondition: a"
                  6:10 a value that is a map or a list
                "a: {b|re: '(?=x)'}\ncondition: a"
                  6:13 the regular expression cannot be used: look-around, including look-ahead and look-behind, is not supported
                "a: {b|cidr: x}\ncondition: a"
                  6:15 "x" is not a network
                "a: {b|gte: x}\ncondition: a"
                  6:14 "x" is not a number
                "a: {b|exists: x}\ncondition: a"
                  6:17 `exists` takes true or false
                "a: {b|wide: x}\ncondition: a"
                  6:15 UTF-16 without base64 after it
                "a: {b|windash: ' -a -b -c -d -e'}\ncondition: a"
                  6:18 `windash` of a text with more than four dashes
                "a: [x, {b: c}]\ncondition: a"
                  6:6 a list with both maps and texts
                "a: {}\ncondition: a"
                  6:6 an empty selection
            "#]],
        );
    }

    #[test]
    fn a_condition_that_is_wrong_or_not_supported_has_a_reason() {
        check_reasons(
            [
                "a: {b: x}\ncondition: a and",
                "a: {b: x}\ncondition: a)",
                "a: {b: x}\ncondition: (a",
                "a: {b: x}\ncondition: c",
                "a: {b: x}\ncondition: 2 of a*",
                "a: {b: x}\ncondition: 1 of c*",
                "a: {b: x}\ncondition: a a",
                "a: {b: x}",
                "a: {b: x}\n condition: a",
            ],
            expect![[r#"
                "a: {b: x}\ncondition: a and"
                  7:14 the condition ends too early
                "a: {b: x}\ncondition: a)"
                  7:14 the condition goes on with `)`
                "a: {b: x}\ncondition: (a"
                  7:14 the condition lacks a `)`
                "a: {b: x}\ncondition: c"
                  7:14 the condition names `c`, which is no selection
                "a: {b: x}\ncondition: 2 of a*"
                  7:14 `2 of` is not supported
                "a: {b: x}\ncondition: 1 of c*"
                  7:14 no selection is named `c*`
                "a: {b: x}\ncondition: a a"
                  7:14 the condition goes on with `a`
                "a: {b: x}"
                  6:3 the detection has no condition
                "a: {b: x}\n condition: a"
                  7:4 while parsing a block mapping, did not find expected key
            "#]],
        );
    }

    #[test]
    fn a_document_that_is_no_rule_for_cloudtrail_has_a_reason() {
        let reason = |text: &str| documents(text).unwrap().remove(0).1.unwrap_err().reason;
        assert_eq!(reason("a: b"), "not a Sigma rule: it has no title");
        assert_eq!(reason("[a]"), "not a Sigma rule: it has no title");
        assert_eq!(
            reason("title: t\ncorrelation: {type: event_count}"),
            "a correlation names 1 to 1000 rules"
        );
        assert_eq!(
            reason("title: t\nlogsource: {product: windows, category: process_creation}"),
            "another log source: product windows, category process_creation"
        );
        assert_eq!(
            reason("title: t\nlogsource: {product: aws}"),
            "it has no detection"
        );
    }

    /// An event of one text.
    struct OneText(&'static str);

    impl Fields for OneText {
        fn each_value(&self, _: &str, _: &mut dyn FnMut(Scalar<'_>)) {}

        fn each_leaf(&self, visit: &mut dyn FnMut(&str)) {
            visit(self.0);
        }
    }

    #[test]
    fn the_modifiers_of_keywords_count() {
        for (selection, text, is_match) in [
            ("{'|re': al.ce}", "xalice", true),
            ("{'|re': al.ce}", "al.c", false),
            ("{'|cased': ALICE}", "alice", false),
            ("{'|cased': lic}", "alice", true),
            ("{'|startswith': lic}", "alice", false),
            ("{'|endswith': ICE}", "alice", true),
            ("{'|cidr': 203.0.113.0/24}", "203.0.113.7", true),
            ("{'|cidr': 203.0.113.0/24}", "203.0.113.0/24", false),
            (
                "{'|base64offset|contains': foobar}",
                "eyJhIjoiZm9vYmFyIn0=",
                true,
            ),
            ("{'|base64offset|contains': foobar}", "foobar", false),
            ("{'|windash': ' -enc'}", "run /enc x", true),
            ("{'|all': [ali, ice]}", "alice", true),
            ("{'|all': [ali, bob]}", "alice", false),
            ("{'': [bob, ali]}", "alice", true),
        ] {
            let rule = format!(
                "title: t\nlogsource: {{product: aws}}\ndetection: {{a: {selection}, condition: a}}"
            );
            let condition = documents(&rule).unwrap().remove(0).1.unwrap();
            assert_eq!(
                condition.matches(&OneText(text)),
                is_match,
                "{selection} {text}"
            );
        }
        for modifier in ["neq", "exists", "gt", "fieldref"] {
            let detection = format!("a: {{'|{modifier}': x}}\ncondition: a");
            assert!(reason(&detection).is_some(), "{modifier}");
        }
    }

    #[test]
    fn keywords_are_searched_for_anywhere() {
        let text =
            "title: t\nlogsource: {product: aws}\ndetection: {a: [alice, b*b], condition: a}";
        let printed = documents(text).unwrap().remove(0).1.unwrap().to_string();
        expect![[
            r#"any text contains "alice" (case ignored) or any text is like "*b*b*" (case ignored)"#
        ]]
        .assert_eq(&printed);
    }

    #[test]
    fn nesting_and_repeats_have_a_limit() {
        let nested = |n| {
            format!(
                "a: {{b: x}}\ncondition: {}a{}",
                "(".repeat(n),
                ")".repeat(n)
            )
        };
        assert_eq!(reason(&nested(64)), None);
        assert!(reason(&nested(65)).is_some());
        assert!(
            reason(&format!(
                "a: {{b: x}}\ncondition: {}a",
                "not ".repeat(100_000)
            ))
            .is_some()
        );
        let list = vec!["x"; 10_000].join(", ");
        let many = |n| {
            format!(
                "a: {{b|contains: [{list}]}}\ncondition: {}",
                vec!["a"; n].join(" or ")
            )
        };
        assert_eq!(reason(&many(2)), None);
        assert!(reason(&many(1_000)).is_some());
    }
}
