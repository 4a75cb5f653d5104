//! Whom a policy of a resource lets in: other accounts, everybody, and identity providers of others.
//!
//! Source: IAM user guide, "AWS JSON policy elements: Principal", "NotPrincipal" and "Grammar of the IAM JSON policy
//! language". A policy may be a text with JSON, or an object in the request.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{Path, each_in_document};

/// The kind of a thing that stands for somebody outside of the account.
pub(super) const OUTSIDER: &str = "outsider";
/// The name of such a thing if anybody is let in.
const EVERYBODY: &str = "everybody";
/// The same if a condition limits that.
const SOME: &str = "everybody who meets its conditions";

/// Returns whether a call may set a policy. The others only read, or try a policy.
pub(super) fn may_set(call: &str) -> bool {
    let trying = ["Check", "Describe", "Get", "List", "Simulate", "Validate"];
    !trying.iter().any(|verb| call.starts_with(verb))
}

/// The policies in a request.
#[derive(Debug, Default)]
pub(super) struct Policies {
    /// The statements of policies that are objects.
    own: Statements,
    /// Those of policies that are texts.
    of_texts: Vec<Statements>,
}

impl Policies {
    /// Takes a text of the request.
    pub(super) fn take(&mut self, path: &Path<'_>, text: &str) {
        if text.starts_with('{') && text.contains("rincipal") {
            let mut statements = Statements::default();
            each_in_document(text, &mut |path, text| statements.take(path, text));
            self.of_texts.push(statements);
        }
        self.own.take(path, text);
    }

    /// Returns those outside of an account who are let in.
    pub(super) fn outsiders(self, account: &str) -> BTreeSet<String> {
        let all = self.of_texts.into_iter().chain([self.own]);
        all.flat_map(|one| one.outsiders(account)).collect()
    }
}

/// The statements of a policy, by the numbers of their objects.
#[derive(Debug, Default)]
struct Statements {
    principals: Vec<(usize, Principal)>,
    /// Whether each allows something.
    allow: BTreeMap<usize, bool>,
    /// Those with a condition.
    limited: BTreeSet<usize>,
}

/// A principal in a statement.
#[derive(Debug)]
enum Principal {
    Aws(String),
    Federated(String),
    /// Everybody except the one that is named.
    Not,
}

impl Statements {
    fn take(&mut self, path: &Path<'_>, text: &str) {
        if let Some(statement) = path.object_with("Effect") {
            *self.allow.entry(statement).or_default() |= text == "Allow";
        } else if let Some(statement) = path.object_with("Condition") {
            self.limited.insert(statement);
        } else if let Some(statement) = path.object_with("NotPrincipal") {
            self.principals.push((statement, Principal::Not));
        } else if let Some(statement) = path.object_with("Principal") {
            let is = |kind: &str| path.name().eq_ignore_ascii_case(kind);
            let principal = if is("AWS") || is("Principal") {
                Principal::Aws(text.to_owned())
            } else if is("Federated") {
                Principal::Federated(text.to_owned())
            } else {
                // AWS's own services. The id of an S3 user does not show its account.
                return;
            };
            self.principals.push((statement, principal));
        }
    }

    fn outsiders(self, account: &str) -> Vec<String> {
        let Self {
            principals,
            allow,
            limited,
        } = self;
        let allowing = principals.into_iter().filter(|(statement, _)| {
            // Without an effect it is no part of a policy.
            allow.get(statement).copied().unwrap_or(false)
        });
        let outsiders = allowing.filter_map(|(statement, principal)| {
            let everybody = match limited.contains(&statement) {
                true => SOME,
                false => EVERYBODY,
            };
            outsider(principal, account, everybody)
        });
        outsiders.collect()
    }
}

/// Returns the name of a principal, if it is outside of an account.
fn outsider(principal: Principal, account: &str, everybody: &str) -> Option<String> {
    let (text, is_federated) = match principal {
        Principal::Not => return Some(everybody.to_owned()),
        Principal::Aws(text) => (text, false),
        Principal::Federated(text) => (text, true),
    };
    if text.contains('*') {
        return Some(everybody.to_owned());
    }
    let of_arn = text.starts_with("arn:").then(|| text.split(':').nth(4));
    let own = of_arn.flatten().unwrap_or(&text);
    match (own == account, is_federated) {
        (true, _) => None,
        (false, true) => Some(text),
        // CloudFront has users with another word in place of an account; principals that were deleted have an id.
        (false, false) if !is_account(own) => None,
        (false, false) => match text.ends_with(":root") {
            true => Some(own.to_owned()),
            false => Some(text),
        },
    }
}

fn is_account(name: &str) -> bool {
    name.len() == 12 && name.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::super::tests::of_call;

    const OWN: &str = "111122223333";

    /// Returns those whom a trust policy with these statements lets in.
    fn let_in(statements: &str) -> Vec<String> {
        let policy = format!(r#"{{"Version":"2012-10-17","Statement":{statements}}}"#);
        let quoted = serde_json::to_string(&policy).unwrap();
        let as_text = format!(r#"{{"roleName":"r","assumeRolePolicyDocument":{quoted}}}"#);
        let as_object = format!(r#"{{"bucketName":"b","bucketPolicy":{policy}}}"#);
        let named = |call: &str, request: &str| -> Vec<String> {
            let all = of_call(call, request, "null").into_iter();
            let outsiders =
                all.filter_map(|one| Some(one.strip_prefix("with outsider ")?.to_owned()));
            outsiders.collect()
        };
        let found = named("iam CreateRole", &as_text);
        assert_eq!(found, named("s3 PutBucketPolicy", &as_object), "{policy}");
        assert!(named("iam SimulateCustomPolicy", &as_text).is_empty());
        found
    }

    #[test]
    fn those_outside_of_the_account_are_let_in_by_statements_that_allow() {
        for (principal, expected) in [
            (r#""*""#, &["everybody"][..]),
            (r#"{"AWS":"*"}"#, &["everybody"]),
            (r#"{"AWS":"444455556666"}"#, &["444455556666"]),
            (
                r#"{"AWS":"arn:aws:iam::444455556666:root"}"#,
                &["444455556666"],
            ),
            (
                r#"{"AWS":["arn:aws:iam::111122223333:root","arn:aws:iam::444455556666:user/eve"]}"#,
                &["arn:aws:iam::444455556666:user/eve"],
            ),
            (
                r#"{"Federated":"accounts.example.com","Service":"ec2.amazonaws.com"}"#,
                &["accounts.example.com"],
            ),
            (
                r#"{"Federated":"arn:aws:iam::111122223333:saml-provider/sso"}"#,
                &[],
            ),
            (r#"{"AWS":"111122223333"}"#, &[]),
            (r#"{"AWS":"AIDAEXAMPLEEXAMPLE"}"#, &[]),
            (r#"{"AWS":"arn:aws:iam::cloudfront:user/origin"}"#, &[]),
            (r#"{"Service":"lambda.amazonaws.com"}"#, &[]),
        ] {
            let statement = format!(r#"{{"Effect":"Allow","Principal":{principal}}}"#);
            assert_eq!(let_in(&statement), expected, "{principal} {OWN}");
            let denied = format!(r#"[{{"Principal":{principal},"Effect":"Deny"}}]"#);
            assert!(let_in(&denied).is_empty(), "{principal}");
        }
    }

    #[test]
    fn each_statement_has_its_own_effect_and_condition() {
        let foreign = r#"{"AWS":"444455556666"}"#;
        let statements = format!(
            r#"[{{"Effect":"Deny","Principal":"*"}},{{"Principal":{foreign},"Effect":"Allow"}},
            {{"Condition":{{"StringEquals":{{"aws:SourceVpce":"vpce-1"}}}},"Effect":"Allow","Principal":"*"}}]"#
        );
        let expected = ["444455556666", "everybody who meets its conditions"];
        assert_eq!(let_in(&statements), expected);
        let not = r#"{"Effect":"Allow","NotPrincipal":{"AWS":"111122223333"}}"#;
        assert_eq!(let_in(not), ["everybody"]);
        assert!(let_in(r#"{"Principal":"*"}"#).is_empty());
    }
}
