//! The table of parameters: what each names, by service and call.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::event::Path;
use crate::follow::TargetRole;

/// What is known about the parameters of a service.
#[derive(Debug, Default)]
pub(super) struct Service {
    parameters: Vec<Parameter>,
    /// The calls that change the whole account.
    account_calls: Vec<&'static str>,
}

/// A parameter, and what it names.
#[derive(Debug)]
struct Parameter {
    /// Its name, and after it names that lead to it.
    name: Vec<&'static str>,
    /// True if the name is one common word, such as `name`: it is only meant where nothing is round it.
    is_common: bool,
    /// The role and the kind of what it names; nothing if it names nothing that was touched.
    names: Option<(TargetRole, &'static str)>,
    is_in_answer: bool,
    /// The calls that the entry applies to; all calls if there are none.
    calls: Vec<&'static str>,
}

/// The services, by their names in `eventSource`.
static SERVICES: LazyLock<BTreeMap<&'static str, Service>> =
    LazyLock::new(|| read(include_str!("table.txt")));

/// Returns what is known about a service.
pub(super) fn service(name: &str) -> Option<&'static Service> {
    SERVICES.get(name)
}

impl Service {
    /// Returns what is known about the parameters of a call.
    pub(super) fn call(&'static self, call: &str) -> Call {
        let own = self.parameters.iter().filter(|one| one.is_for(call));
        let (answer, request) = own.partition(|one| one.is_in_answer);
        Call {
            request,
            answer,
            is_of_account: self.account_calls.contains(&call),
        }
    }
}

/// What is known about the parameters of a call.
#[derive(Debug, Default)]
pub(super) struct Call {
    request: Vec<&'static Parameter>,
    answer: Vec<&'static Parameter>,
    /// True if the call changes the whole account.
    pub(super) is_of_account: bool,
}

impl Call {
    /// Returns the role and the kind of what a parameter of a request names: nothing if the table does not have it, and
    /// an inner nothing if it names nothing that was touched.
    pub(super) fn in_request(&self, path: &Path<'_>) -> Option<Option<(TargetRole, &'static str)>> {
        let found = self.request.iter().find(|one| one.is_at(path))?;
        Some(found.names)
    }

    /// Returns the kind of what a part of a response names, if the call made it.
    pub(super) fn in_answer(&self, path: &Path<'_>) -> Option<&'static str> {
        let found = self.answer.iter().find(|one| one.is_at(path))?;
        found.names.map(|(_, kind)| kind)
    }

    /// Returns whether a response of the call may name what it made.
    pub(super) fn has_answer(&self) -> bool {
        !self.answer.is_empty()
    }
}

impl Parameter {
    /// Returns whether it is the parameter at a path.
    fn is_at(&self, path: &Path<'_>) -> bool {
        // Nearly always the name alone decides.
        let is_named = |own: &&str| path.is_named(own);
        self.name.first().is_some_and(is_named)
            && (path.is_top() || !self.is_common)
            && path.has_innermost(self.name.iter().copied())
    }

    fn is_for(&self, call: &str) -> bool {
        let is_it = |own: &&str| match own.strip_suffix('*') {
            Some(beginning) => call.starts_with(beginning),
            None => *own == call,
        };
        self.calls.is_empty() || self.calls.iter().any(is_it)
    }
}

/// Reads the table. A line that is no entry is passed over; a test checks that there is none.
fn read(text: &'static str) -> BTreeMap<&'static str, Service> {
    let mut services: BTreeMap<&str, Service> = BTreeMap::new();
    let mut names: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some((heading, _source)) = line.strip_prefix('[').and_then(|l| l.split_once(']')) {
            names = heading.split_whitespace().collect();
        }
        for name in &names {
            let service = services.entry(name).or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("account") => service.account_calls.extend(words),
                Some(role) => service.parameters.extend(parameter(role, words)),
                None => {}
            }
        }
    }
    services
}

/// Returns the entry with this role and these words after it.
fn parameter(role: &str, mut words: impl Iterator<Item = &'static str>) -> Option<Parameter> {
    let (role, is_in_answer) = match role {
        "on" => (Some(TargetRole::On), false),
        "with" => (Some(TargetRole::With), false),
        "made" => (Some(TargetRole::Made), false),
        "answer" => (Some(TargetRole::Made), true),
        "skip" => (None, false),
        _ => return None,
    };
    let name = words.next()?;
    let names = match role {
        Some(role) => Some((role, words.next()?)),
        None => None,
    };
    Some(Parameter {
        // In the table the names that lead to it stand before it.
        name: name.rsplit('.').collect(),
        is_common: name.bytes().all(|byte| byte.is_ascii_lowercase()),
        names,
        is_in_answer,
        calls: words.collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines of the table that are no comments, with their words.
    fn lines() -> Vec<Vec<&'static str>> {
        let lines = include_str!("table.txt").lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines
            .map(|line| line.split_whitespace().collect())
            .collect()
    }

    #[test]
    fn each_line_of_the_table_is_an_entry_of_a_service_with_its_source() {
        let is_name = |text: &str| {
            let mut bytes = text.bytes();
            bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
        };
        let is_kind = |kind: &str| {
            kind.bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
        };
        let is_call = |call: &str| call.starts_with(|c: char| c.is_ascii_uppercase());
        let mut n_entries = 0;
        for words in lines() {
            let line = words.join(" ");
            match *words.as_slice() {
                [first, ..] if first.starts_with('[') => {
                    let source = words.last().unwrap();
                    assert!(source.starts_with("https://docs.aws.amazon.com/"), "{line}");
                }
                ["account", ref calls @ ..] => assert!(calls.iter().all(|c| is_call(c)), "{line}"),
                ["skip", name, ref calls @ ..] => {
                    assert!(is_name(name) && calls.iter().all(|c| is_call(c)), "{line}");
                }
                [
                    "on" | "with" | "made" | "answer",
                    name,
                    kind,
                    ref calls @ ..,
                ] => {
                    let is_right =
                        is_name(name) && is_kind(kind) && calls.iter().all(|c| is_call(c));
                    assert!(is_right, "{line}");
                    n_entries += 1;
                }
                _ => panic!("{line}"),
            }
        }
        assert!(n_entries > 350, "{n_entries}");
    }

    #[test]
    fn no_entry_is_hidden_by_an_earlier_one() {
        for (name, service) in SERVICES.iter() {
            for (n, own) in service.parameters.iter().enumerate() {
                let earlier = service.parameters.iter().take(n);
                let hides = |other: &&Parameter| {
                    let is_same = other.name == own.name && other.is_in_answer == own.is_in_answer;
                    let is_covered = own.calls.iter().all(|call| other.is_for(call));
                    is_same && (other.calls.is_empty() || !own.calls.is_empty() && is_covered)
                };
                assert!(earlier.filter(hides).count() == 0, "{name}: {:?}", own.name);
            }
        }
    }

    #[test]
    fn common_services_are_in_the_table() {
        for name in [
            "iam",
            "sts",
            "ec2",
            "s3",
            "secretsmanager",
            "ssm",
            "kms",
            "lambda",
            "rds",
            "dynamodb",
            "cloudtrail",
            "guardduty",
            "config",
            "logs",
            "organizations",
            "ses",
            "sns",
            "sqs",
            "ecr",
            "ecs",
            "eks",
            "bedrock",
            "cloudformation",
            "route53",
            "athena",
            "glue",
            "redshift",
            "elasticache",
            "backup",
            "sso",
            "identitystore",
            "cloudfront",
            "apigateway",
            "codebuild",
        ] {
            assert!(service(name).is_some(), "{name}");
        }
    }
}
