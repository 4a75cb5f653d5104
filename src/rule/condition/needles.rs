//! A condition -> the literals that must be in a record for the condition to be true.
//!
//! Only text that *must* be in the record counts. Every doubtful case therefore gives "no needle", which costs time but
//! never loses a record. `not`, `!=`, order comparisons, `null`, numbers and computed fields give no needle. An `and`
//! gives the needles of the operand whose needles are in the fewest records. An `or` and a list need the needles of
//! all operands.
//!
//! Of a literal, only a run of ASCII letters and digits is certain to be in the record's bytes: JSON may write `/` as
//! `\/` and `"` as `\"`, and the `=`, `,` and braces of Elastic's text form of an object are not in the JSON. The
//! prefilter handles letters that are written as `\u0041`.

use std::cmp::Reverse;

use super::matcher::Matcher;
use super::words::share;
use super::{Case, Field, Names, Node, Test};
use crate::event::{TextFidelity, ecs_name, text_fidelity};

/// Shorter runs are in so many records that searching for them costs more than it saves.
const RUN_BYTES_MIN: usize = 4;

/// The search terms of the prefilter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needles {
    /// One of these is in every record that can match, plainly or with `\uXXXX` for some of its characters. Not empty;
    /// each has at least four ASCII letters and digits.
    AnyOf(Vec<String>),
    /// No such literals are known: every record must be judged.
    EveryRecord,
}

pub(super) fn needles(node: &Node) -> Needles {
    needles_for(node, Letters::AsTheyStand)
}

/// Returns the needles for a search in which the case of letters does not count.
pub(super) fn needles_in_any_case(node: &Node) -> Needles {
    needles_for(node, Letters::InAnyCase)
}

fn needles_for(node: &Node, letters: Letters) -> Needles {
    let Some(mut runs) = alternatives(node, letters) else {
        return Needles::EveryRecord;
    };
    let has_other_form = |run: &&str| run.contains(['k', 'K', 's', 'S']);
    if letters == Letters::InAnyCase && runs.iter().any(has_other_form) {
        runs.extend(OTHER_FORMS);
    }
    Needles::AnyOf(runs.into_iter().map(str::to_owned).collect())
}

/// The Kelvin sign and the long s, which are the only other letters whose small or capital form is a letter of ASCII:
/// as they are, and as JSON may write them. No record has them in practice.
const OTHER_FORMS: [&str; 4] = ["\u{212a}", "\u{17f}", "\\u212a", "\\u017f"];

/// How the prefilter compares letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Letters {
    /// With their case.
    AsTheyStand,
    /// ASCII letters without their case.
    InAnyCase,
}

/// Returns runs, one of which must be in the record, without repeats; `None` if no run is required.
fn alternatives(node: &Node, letters: Letters) -> Option<Vec<&str>> {
    match node {
        Node::And(nodes) => cheapest(nodes.iter().filter_map(|node| alternatives(node, letters))),
        Node::Or(nodes) => union(nodes.iter().map(|node| alternatives(node, letters))),
        Node::Test {
            field,
            test: Test::Value(matcher),
        } => {
            let (runs, fidelity) = (runs_of(matcher, fidelity(field), letters), fidelity(field));
            let may_be_missing =
                |run: &&str| fidelity == TextFidelity::ElasticText && is_word_of_json(run);
            runs.filter(|runs| !runs.iter().any(may_be_missing))
        }
        Node::Not(_)
        | Node::Constant(_)
        | Node::Test { .. }
        | Node::Related { .. }
        | Node::Anywhere(_) => None,
    }
}

/// Returns runs, one of which is in the record if a value passes.
pub(super) fn runs_of(
    matcher: &Matcher,
    fidelity: TextFidelity,
    letters: Letters,
) -> Option<Vec<&str>> {
    let one = |text, case| Some(vec![run(text, fidelity, case, letters)?]);
    let part = |text, case| one(text, case).filter(|_| !is_of_number(text));
    match matcher {
        Matcher::AnyOf(matchers) => {
            union(matchers.iter().map(|one| runs_of(one, fidelity, letters)))
        }
        Matcher::Texts(set) => union(set.texts().iter().map(|text| one(text, set.case()))),
        Matcher::Part { text, case, .. } => part(text, *case),
        Matcher::Wildcard(wildcard) if wildcard.texts().all(is_of_number) => None,
        Matcher::Wildcard(wildcard) => cheapest(
            wildcard
                .texts()
                .filter_map(|text| one(text, wildcard.case())),
        ),
        Matcher::Pattern(pattern) => {
            let case = match pattern.ignores_case() {
                true => Case::Ignore,
                false => Case::Exact,
            };
            union(pattern.parts().iter().map(|text| part(text, case)))
        }
        Matcher::Ordered(..)
        | Matcher::Time(..)
        | Matcher::Address(..)
        | Matcher::Networks(_)
        | Matcher::Indicators(_) => None,
    }
}

fn cheapest<'c>(parts: impl Iterator<Item = Vec<&'c str>>) -> Option<Vec<&'c str>> {
    parts.min_by_key(|runs| (cost(runs), Reverse(runs.iter().map(|run| run.len()).min())))
}

/// Returns how the value of a field relates to the bytes of any record.
pub(super) fn fidelity(field: &Field) -> TextFidelity {
    match field.names {
        Names::Ecs => text_fidelity(&field.name),
        // Its numbers and objects are printed anew, but not as Elastic does; what is sure of the one is so of the other.
        Names::CloudTrail => match ecs_name(&field.name) {
            Some(name) => text_fidelity(&name),
            None => TextFidelity::Derived,
        },
    }
}

/// Returns the cost of searching for these runs. Each run is compared with all text, and each record that contains one
/// is parsed. Parsing one in 1,000 records takes a quarter of the time that searching for one more run takes. Of many
/// runs, which another search finds at once, one more costs next to nothing.
fn cost(runs: &[&str]) -> usize {
    const COST_OF_RUN: usize = 4;
    const RUNS_MAX: usize = 16;
    let shares = runs.iter().map(|run| share(run)).sum::<u32>();
    COST_OF_RUN * runs.len().min(RUNS_MAX) + shares as usize
}

/// Returns all runs of all parts; `None` if one part has none, or if there are no parts.
fn union<'q>(parts: impl Iterator<Item = Option<Vec<&'q str>>>) -> Option<Vec<&'q str>> {
    let mut all = Vec::new();
    for run in parts.collect::<Option<Vec<_>>>()?.into_iter().flatten() {
        if !all.contains(&run) {
            all.push(run);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

/// Returns the rarest run of `literal`, and of equally rare ones the longest, that is in the record if `literal` is in
/// a text of this fidelity. If case does not count in the test, but in the search, only digits are sure.
pub(super) fn run(
    literal: &str,
    fidelity: TextFidelity,
    case: Case,
    letters: Letters,
) -> Option<&str> {
    let stands: fn(&str) -> bool = match fidelity {
        TextFidelity::Verbatim => |_| true,
        TextFidelity::ElasticText => |run| !is_number_text(run),
        TextFidelity::Derived => return None,
    };
    if is_number_of_many_forms(literal) {
        return None;
    }
    let is_sure_in_case = case == Case::Exact || letters == Letters::InAnyCase;
    let has_case = |run: &str| is_sure_in_case || run.bytes().all(|b| b.is_ascii_digit());
    literal
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|run| run.len() >= RUN_BYTES_MIN && stands(run) && has_case(run))
        .min_by_key(|run| (share(run), Reverse(run.len())))
}

/// Returns whether a text is a number that JSON may write in several ways: one with a fraction or an exponent.
fn is_number_of_many_forms(text: &str) -> bool {
    is_of_number(text) && !text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Returns whether a text may be a part of such a number.
fn is_of_number(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || b"+-.Ee".contains(&byte))
}

/// Returns whether `run` may be a part of a number that Java writes differently from JSON: JSON's `1e10` is Java's
/// `1.0E10`, its `1e999` is `Infinity`. (`NaN` is shorter than any run.)
fn is_number_text(run: &str) -> bool {
    run.bytes()
        .all(|byte| byte.is_ascii_digit() || byte.eq_ignore_ascii_case(&b'e'))
        || "Infinity".contains(run)
}

/// Returns whether `run` may be a part of a word of JSON, in any case of letters. Where a table has an object as Python
/// prints it, the record's bytes have Python's words: `True`, `False` and `None`.
fn is_word_of_json(run: &str) -> bool {
    let run = run.to_ascii_lowercase();
    ["true", "false", "null"]
        .iter()
        .any(|word| word.contains(&run))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::testing::{self, eql};
    use super::Needles;
    use crate::event::{TextFidelity, text_fidelity};

    const PARAMETERS: &str = "aws.cloudtrail.request_parameters";

    #[track_caller]
    fn check(condition: &str, expected: &[&str]) {
        let condition = condition.replace("PARAMETERS", PARAMETERS);
        let found = match eql(&condition).needles() {
            Needles::AnyOf(literals) => literals,
            Needles::EveryRecord => Vec::new(),
        };
        assert_eq!(found, expected, "{condition}");
    }

    #[test]
    fn a_literal_gives_its_rarest_run() {
        check(
            r#"event.action == "AttachUserPolicy""#,
            &["AttachUserPolicy"],
        );
        check(
            r#""AttachUserPolicy" == event.action"#,
            &["AttachUserPolicy"],
        );
        check(r#"event.provider == "iam.amazonaws.com""#, &["amazonaws"]);
        check(r#"stringContains(PARAMETERS, "policy/AWSx")"#, &["AWSx"]);
        check(r#"stringContains(PARAMETERS, "a=bcde, f")"#, &["bcde"]);
        check(r#"stringContains(user.name, "née-élan")"#, &[]);
        check(r#"event.action == "Abc""#, &[]);
        check(r#"user.name regex ".+:assumed-role/aws:.+""#, &["assumed"]);
        check(r#"user.name regex~ "x|Mallory""#, &[]);
        check(
            r#"user.name regex "(Alice|Mallory)[0-9]""#,
            &["Alice", "Mallory"],
        );
        check(r#"event.action == """#, &[]);
    }

    #[test]
    fn what_can_be_true_without_a_literal_gives_none() {
        check("true", &[]);
        check("event.action == null", &[]);
        check(r#"event.action != "AttachUserPolicy""#, &[]);
        check(r#"not event.action == "AttachUserPolicy""#, &[]);
        check(r#"event.action not in ("AttachUserPolicy")"#, &[]);
        check(r#"event.action >= "AttachUserPolicy""#, &[]);
        check(r#"event.outcome == "success""#, &[]);
        check(r#"event.dataset == "aws.cloudtrail""#, &[]);
    }

    #[test]
    fn a_run_that_java_may_have_made_of_a_number_is_not_sure_to_stand() {
        check(r#"stringContains(PARAMETERS, "1000")"#, &[]);
        check(r#"stringContains(PARAMETERS, "0E10")"#, &[]);
        check(r#"stringContains(PARAMETERS, "Infinity")"#, &[]);
        check(r#"stringContains(PARAMETERS, "finit")"#, &[]);
        check(r#"stringContains(PARAMETERS, "Infinity1")"#, &["Infinity1"]);
        check(
            r#"stringContains(PARAMETERS, "enabled=true")"#,
            &["enabled"],
        );
        check(r#"stringContains(PARAMETERS, "10000000 abcd")"#, &["abcd"]);
        check(r#"cloud.account.id == "123456789012""#, &["123456789012"]);
        check("cloud.account.id == 123456789012", &["123456789012"]);
        // JSON may have `1.2345675e6`.
        check("user.name == 1234567.5", &[]);
        check(r#"user.name == "1234567.5""#, &[]);
        check(r#"user.name == "1234567.5a""#, &["1234567"]);
        check(r#"user.name == "1e2345""#, &[]);
        check(r#"user.name : "*1234567*""#, &[]);
        check(r#"user.name : "*1234567*.5""#, &[]);
        check(r#"user.name : "a*1234567*""#, &["1234567"]);
        check(r#"startsWith(user.name, "1234567.")"#, &[]);
        check(r#"user.name regex ".*1234567.*""#, &[]);
        check(r#"user.name regex "a-1234567.*""#, &["1234567"]);
    }

    #[test]
    fn a_word_of_json_that_python_has_another_for_is_not_sure_to_stand() {
        check(r#"stringContains(PARAMETERS, "=true,")"#, &[]);
        check(r#"stringContains(PARAMETERS, "=null}")"#, &[]);
        check(r#"stringContains(PARAMETERS, "=NULL}")"#, &[]);
        check(r#"stringContains(PARAMETERS, "nabled=alse")"#, &["nabled"]);
        check(r#"stringContains(PARAMETERS, "untrue")"#, &["untrue"]);
    }

    #[test]
    fn and_takes_the_best_operand() {
        check(
            r#"event.action == "AttachUserPolicy" and event.provider == "iam.amazonaws.com""#,
            &["AttachUserPolicy"],
        );
        check(
            r#"event.action in ("AttachUserPolicy", "AttachRolePolicy") and user.name == "Mallory""#,
            &["Mallory"],
        );
        // Text in nearly every record is not chosen as a needle, however long it is.
        check(
            r#"event.action == "GetUser" and event.provider == "iam.amazonaws.com""#,
            &["GetUser"],
        );
        check(
            r#"event.action in ("GetUser", "PutUser", "AddUser") and event.provider == "iam.amazonaws.com""#,
            &["GetUser", "PutUser", "AddUser"],
        );
        check(
            r#"event.action == "GetUser" and not user.name == "alice""#,
            &["GetUser"],
        );
        check(
            r#"event.outcome == "success" and event.kind == "event""#,
            &[],
        );
    }

    #[test]
    fn a_search_without_case_has_needles_for_tests_without_case() {
        for (condition, expected) in [
            (r#"user.name : "Mallory""#, &["mallory"][..]),
            (r#"user.name == "Mallory""#, &["Mallory"]),
            (r#"user_agent.original : "*aws-cli*python*""#, &["python"]),
            (r#"user.name != "Mallory""#, &[]),
        ] {
            let found = match eql(condition).needles_in_any_case() {
                Needles::AnyOf(literals) => literals,
                Needles::EveryRecord => Vec::new(),
            };
            let small = found
                .iter()
                .filter(|text| !super::OTHER_FORMS.contains(&text.as_str()));
            let small: Vec<String> = small.map(|text| text.to_ascii_lowercase()).collect();
            let expected: Vec<String> = expected
                .iter()
                .map(|text| text.to_ascii_lowercase())
                .collect();
            assert_eq!(small, expected, "{condition}");
        }
        // The Kelvin sign is a capital of k for Sigma.
        let text = "title: A\nid: b\nlogsource: {product: aws, service: cloudtrail}\n\
            detection:\n  a: {userAgent|contains: kali}\n  condition: a\n";
        let mut loaded = crate::rule::load::Loaded::default();
        let form = crate::rule::load::Form::Yaml;
        loaded.add_file("pack", "a.yml", form, text.as_bytes());
        let expected = ["kali", "\u{212a}", "\u{17f}", "\\u212a", "\\u017f"];
        assert_eq!(
            loaded.rules[0].rule.query().needles_in_any_case(),
            Needles::AnyOf(expected.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn or_and_in_need_all_of_their_parts() {
        check(
            r#"event.action == "AttachUserPolicy" or user.name == "alice""#,
            &["AttachUserPolicy", "alice"],
        );
        check(
            r#"event.action == "AttachUserPolicy" or event.outcome == "success""#,
            &[],
        );
        check(
            r#"event.action in ("GetUser", "PutUser", "GetUser")"#,
            &["GetUser", "PutUser"],
        );
        check(r#"event.action in ("GetUser", "Put")"#, &[]);
        check(r#"event.action in ("GetUser", 1)"#, &[]);
        check(r#"event.action in ("GetUser", null)"#, &["GetUser"]);
        check("event.action in (null)", &[]);
    }

    proptest! {
        // Few random queries both have a needle and match. With the usual 256 cases, the test did not find needles
        // taken from under a `not`.
        #![proptest_config(ProptestConfig::with_cases(2_048))]
        #[test]
        fn a_match_holds_a_needle(query in testing::condition(), event in testing::event()) {
            if query.matches(&event) && let Needles::AnyOf(literals) = query.needles() {
                let text = event.concat_text(|field| text_fidelity(field) != TextFidelity::Derived);
                prop_assert!(literals.iter().any(|literal| text.contains(literal)), "{query}");
            }
            if query.matches(&event) && let Needles::AnyOf(literals) = query.needles_in_any_case() {
                let text = event.concat_text(|field| text_fidelity(field) != TextFidelity::Derived);
                let text = text.to_ascii_lowercase();
                let is_there = |literal: &String| text.contains(&literal.to_ascii_lowercase());
                prop_assert!(literals.iter().any(is_there), "{query}");
            }
        }
    }
}
