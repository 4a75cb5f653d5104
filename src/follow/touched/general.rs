//! What parameters name that the table does not have: by AWS's usual names, `…Name`, `…Id`, `…Arn`, `…Identifier`.

use super::arn::own_kind;
use crate::event::Path;
use crate::follow::TargetRole;

/// Names that contain a secret, a document, a filter or tags, or what only describes a thing, and whatever is inside them.
const NO_THINGS: [&str; 30] = [
    "attribute",
    "client",
    "client_request",
    "client_token",
    "column",
    "contact",
    "display",
    "environment",
    "external",
    "field",
    "file_token",
    "filter",
    "filter_set",
    "filters",
    "first",
    "full",
    "header",
    "last",
    "metadata",
    "metric",
    "parameter",
    "parameters",
    "registry",
    "request",
    "tag",
    "tag_set",
    "tagging",
    "tags",
    "version",
    "statement",
];

/// Words in the names of parameters whose values are never shown as names.
const SECRETS: [&str; 5] = [
    "password",
    "token",
    "credential",
    "private_key",
    "secret_access",
];

/// Words in the names of documents; names inside them are no parameters.
const DOCUMENTS: [&str; 5] = [
    "policy",
    "document",
    "template_body",
    "statement",
    "user_data",
];

/// Kinds of things that a call uses for what it acts on.
const USED: [(&str, &str); 10] = [
    ("account", "account"),
    ("aws_account", "account"),
    ("execution_role", "role"),
    ("iam_role", "role"),
    ("job_role", "role"),
    ("kms_key", "kms_key"),
    ("principal", "principal"),
    ("role", "role"),
    ("service_role", "role"),
    ("region", "region"),
];

/// Endings of the names of parameters that name a thing.
const ENDINGS: [&str; 8] = [
    "_identifiers",
    "_identifier",
    "_names",
    "_name",
    "_arns",
    "_arn",
    "_ids",
    "_id",
];

/// Verbs of calls that make what they name.
const MAKING: [&str; 6] = [
    "Create",
    "Import",
    "Provision",
    "Publish",
    "Register",
    "Upload",
];

/// Returns the role and the kind of what a parameter of a request names, by its name; nothing if it does not seem to
/// name anything. Only parameters of the request itself are considered, and those one level below.
pub(super) fn guess(service: &str, call: &str, path: &Path<'_>) -> Option<(TargetRole, String)> {
    if path.names().nth(2).is_some() || is_in_document(path) {
        return None;
    }
    let name = snake(path.name());
    if SECRETS.iter().any(|word| name.contains(word)) {
        return None;
    }
    let is_bare = ENDINGS.iter().any(|ending| ending.get(1..) == Some(&*name));
    let kind = match is_bare {
        true => noun(call, name.ends_with('s')),
        false => ENDINGS
            .iter()
            .find_map(|end| name.strip_suffix(end))?
            .to_owned(),
    };
    if NO_THINGS.contains(&&*kind) || kind.is_empty() {
        return None;
    }
    if let Some((_, kind)) = USED.iter().find(|(name, _)| *name == kind) {
        return Some((TargetRole::With, (*kind).to_owned()));
    }
    Some((TargetRole::On, own_kind(service, &kind)))
}

/// Returns whether a name is inside tags, filters or a document, whose content is no parameter.
pub(super) fn is_in_document(path: &Path<'_>) -> bool {
    path.names().skip(1).any(|outer| {
        let outer = snake(outer);
        let is_document = DOCUMENTS.iter().any(|word| outer.ends_with(word));
        is_document || NO_THINGS.contains(&&*outer)
    })
}

/// Returns whether a call makes things of a kind: `CreateDBSnapshot` and `db_snapshot`.
pub(super) fn makes(call: &str, kind: &str) -> bool {
    let mut nouns = MAKING.iter().filter_map(|verb| call.strip_prefix(verb));
    nouns.any(|noun| {
        let letters = kind.bytes().filter(|byte| *byte != b'_');
        letters.eq(noun.bytes().map(|byte| byte.to_ascii_lowercase()))
    })
}

/// Returns what a call is about: its name without the verb. `is_plural` is true if the last `s` is dropped.
fn noun(call: &str, is_plural: bool) -> String {
    let call = snake(call);
    let noun = call.split_once('_').map_or("", |(_, noun)| noun);
    let singular = noun.strip_suffix('s').filter(|_| is_plural);
    singular.unwrap_or(noun).to_owned()
}

/// Returns a name in lower case, with underscores between its words: `db_snapshot_identifier` for
/// `dBSnapshotIdentifier`, since CloudTrail makes only the first letter small.
fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut chars = name.chars().peekable();
    // The first letter counts as a capital.
    let mut before = 'A';
    while let Some(c) = chars.next() {
        let is_next_small = chars.peek().is_some_and(|next| next.is_ascii_lowercase());
        let begins = c.is_ascii_uppercase() && (!before.is_ascii_uppercase() || is_next_small);
        if begins && !out.is_empty() && !out.ends_with('_') {
            out.push('_');
        }
        match c {
            '-' | '.' | ' ' => out.push('_'),
            c => out.push(c.to_ascii_lowercase()),
        }
        before = if out.len() == 1 { 'A' } else { c };
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_divided_into_their_words() {
        for (name, expected) in [
            ("dBSnapshotIdentifier", "db_snapshot_identifier"),
            ("aWSAccountId", "aws_account_id"),
            ("webACLId", "web_acl_id"),
            ("detectorId", "detector_id"),
            ("FlowLogId", "flow_log_id"),
            ("name", "name"),
            ("CreateDBInstance", "create_db_instance"),
            ("securityGroupIDs", "security_group_i_ds"),
            ("x-amz-acl", "x_amz_acl"),
        ] {
            assert_eq!(snake(name), expected);
        }
    }

    #[test]
    fn a_call_makes_what_its_name_says() {
        assert!(makes("CreateDBSnapshot", "db_snapshot"));
        assert!(makes("RegisterTaskDefinition", "task_definition"));
        assert!(!makes("CreateDBSnapshot", "db_instance"));
        assert!(!makes("DeleteUser", "user"));
        assert_eq!(noun("CreateTrustAnchor", false), "trust_anchor");
        assert_eq!(noun("GetParameters", true), "parameter");
    }
}
