//! The commands that remove what an intruder made, or take back what it changed.

use super::action::{Action, in_account, push, word};
use super::things::{COMMANDS_MAX, Part, Thing};
use super::verdict::Verdict;
use crate::case::state::Change;
use crate::follow::{Entity, Kind};

/// Returns the first things that the intruder is known to have made. What an unknown party made may be the user's own:
/// no command removes it.
pub(super) fn of_intruder(verdict: &Verdict) -> impl Iterator<Item = &Thing> {
    let left = verdict.left.iter().filter(|thing| thing.is_of_intruder);
    left.take(COMMANDS_MAX)
}

/// Returns the steps that remove users, roles, keys and policies that were made and are not known to be removed.
pub(super) fn remove(verdict: &Verdict) -> Option<Action> {
    let mut commands = Vec::new();
    // A user can be deleted once its password and keys are.
    let order = [
        Kind::LoginProfile,
        Kind::AccessKey,
        Kind::User,
        Kind::Role,
        Kind::Policy,
        Kind::Group,
    ];
    for thing in of_intruder(verdict) {
        take_back(&mut commands, thing);
        close(&mut commands, thing, usize::MAX);
    }
    let left = |kind: Kind| {
        let left = of_intruder(verdict);
        left.filter(move |thing| thing.kind == kind && thing.part.is_none())
    };
    for thing in order.into_iter().flat_map(left) {
        let removing = removing(thing);
        if !removing.is_empty() {
            in_account(&mut commands, &thing.account);
        }
        for words in removing {
            push(&mut commands, &[&["aws", "iam"], words.as_slice()].concat());
        }
    }
    (!commands.is_empty()).then(|| Action {
        title: "Remove what was made and is still there".to_owned(),
        note: format!("This is what the log shows. A delete fails until the keys and policies in the lists are detached and deleted.{}", by_hand(verdict)),
        commands,
    })
}

/// Returns the step that looks at what an unknown party made: it may be the user's own, so nothing is removed.
pub(super) fn check(verdict: &Verdict) -> Option<Action> {
    let unknown = verdict.left.iter().filter(|thing| !thing.is_of_intruder);
    let unknown: Vec<&Thing> = unknown.take(COMMANDS_MAX).collect();
    let mut commands = Vec::new();
    for thing in &unknown {
        let words = looking(thing);
        if !words.is_empty() {
            in_account(&mut commands, &thing.account);
            push(&mut commands, &[&["aws"], words.as_slice()].concat());
        }
        // Of several commands the first one only shows it.
        close(&mut commands, thing, 1);
    }
    (!unknown.is_empty()).then(|| Action {
        title: "Ask who made what an unknown party made, and remove it if nobody did".to_owned(),
        note: "The log does not show whether the user, the intruder or somebody else made it. The commands only show it."
            .to_owned(),
        commands,
    })
}

/// Returns the call that shows something, and changes nothing.
fn looking(thing: &Thing) -> Vec<&str> {
    let name = thing.name.as_str();
    match (&thing.part, thing.kind) {
        (Some(Part::PolicyOf(to)), _) => {
            let (attached, inline, option) = match to.kind {
                Kind::Role => (
                    "list-attached-role-policies",
                    "list-role-policies",
                    "--role-name",
                ),
                Kind::Group => (
                    "list-attached-group-policies",
                    "list-group-policies",
                    "--group-name",
                ),
                _ => (
                    "list-attached-user-policies",
                    "list-user-policies",
                    "--user-name",
                ),
            };
            let call = match name.starts_with("arn:") {
                true => attached,
                false => inline,
            };
            vec!["iam", call, option, &to.name]
        }
        (Some(Part::MemberOf(group)), _) => vec!["iam", "get-group", "--group-name", group],
        (Some(Part::Permission(_)), _) => vec![
            "lambda",
            "get-policy",
            "--region",
            &thing.region,
            "--function-name",
            name,
        ],
        (_, Kind::User) => vec!["iam", "get-user", "--user-name", name],
        (_, Kind::Role) => vec!["iam", "get-role", "--role-name", name],
        (_, Kind::AccessKey) => vec!["iam", "get-access-key-last-used", "--access-key-id", name],
        (_, Kind::Policy) => vec!["iam", "list-policy-versions", "--policy-arn", name],
        (_, Kind::Group) => vec!["iam", "get-group", "--group-name", name],
        (_, Kind::LoginProfile) => vec!["iam", "get-login-profile", "--user-name", name],
        (_, Kind::Instance) => vec![
            "ec2",
            "describe-instances",
            "--region",
            &thing.region,
            "--instance-ids",
            name,
        ],
        _ => Vec::new(),
    }
}

/// Returns the calls of IAM that remove something, with those that list what must be removed before.
fn removing(thing: &Thing) -> Vec<Vec<&str>> {
    let name = thing.name.as_str();
    match thing.kind {
        Kind::User => vec![
            vec!["list-access-keys", "--user-name", name],
            vec!["list-attached-user-policies", "--user-name", name],
            vec!["delete-user", "--user-name", name],
        ],
        Kind::Role => vec![
            vec!["list-attached-role-policies", "--role-name", name],
            vec!["list-role-policies", "--role-name", name],
            vec!["delete-role", "--role-name", name],
        ],
        Kind::AccessKey => vec![vec![
            "delete-access-key",
            "--user-name",
            &thing.owner,
            "--access-key-id",
            name,
        ]],
        Kind::Policy => vec![
            vec!["list-entities-for-policy", "--policy-arn", name],
            vec!["delete-policy", "--policy-arn", name],
        ],
        Kind::Group => vec![
            vec!["get-group", "--group-name", name],
            vec!["delete-group", "--group-name", name],
        ],
        Kind::LoginProfile => vec![vec!["delete-login-profile", "--user-name", name]],
        _ => Vec::new(),
    }
}

/// Adds the first `n_max` commands that show and end the access of an outsider; of a single one, which ends it, all or
/// none.
fn close(commands: &mut Vec<String>, thing: &Thing, n_max: usize) {
    let Some(Part::Opened { way, to, id }) = &thing.part else {
        return;
    };
    let all = way.commands();
    if all.len() <= n_max && n_max == 1 {
        return;
    }
    let whom = match to.as_str() {
        "everybody" => "all",
        account => account,
    };
    in_account(commands, &thing.account);
    for command in all.iter().take(n_max) {
        if command.contains(" ID") && id.is_empty() {
            continue;
        }
        let words = command.split(' ').map(|word| match word {
            "NAME" => thing.name.clone(),
            "WHOM" => whom.to_owned(),
            "ID" => id.clone(),
            word => word
                .replace("REGION", &thing.region)
                .replace("ACCOUNT", &thing.account)
                .replace("NAME", &thing.name),
        });
        let words: Vec<String> = std::iter::once("aws".to_owned()).chain(words).collect();
        push(
            commands,
            &words.iter().map(String::as_str).collect::<Vec<_>>(),
        );
    }
}

/// Adds the commands that undo a change of something that was there before.
fn take_back(commands: &mut Vec<String>, thing: &Thing) {
    let name = thing.name.as_str();
    let all: Vec<Vec<&str>> = match &thing.part {
        None | Some(Part::Opened { .. }) => return,
        Some(Part::PolicyOf(to)) => policy_off(name, to).into_iter().collect(),
        Some(Part::MemberOf(group)) => vec![vec![
            "iam",
            "remove-user-from-group",
            "--group-name",
            group,
            "--user-name",
            name,
        ]],
        Some(Part::Changed(Change::Trust)) => {
            vec![vec!["iam", "get-role", "--role-name", name]]
        }
        Some(Part::Changed(Change::Password)) => {
            vec![vec!["iam", "delete-login-profile", "--user-name", name]]
        }
        Some(Part::Changed(Change::Version)) => {
            vec![vec!["iam", "list-policy-versions", "--policy-arn", name]]
        }
        Some(Part::Changed(Change::Activation)) => {
            let (key, owner) = (name, thing.owner.as_str());
            let status = "Inactive";
            let mut words = vec!["iam", "update-access-key", "--access-key-id", key];
            // Without a name it would be the key of whoever runs the command.
            if owner.is_empty() {
                words = vec!["iam", "get-access-key-last-used", "--access-key-id", key];
            } else {
                words.extend(["--status", status, "--user-name", owner]);
            }
            vec![words]
        }
        Some(Part::Permission(statement)) => {
            let of = ["--region", &thing.region, "--function-name", name];
            let mut all = vec![[&["lambda", "get-policy"], &of[..]].concat()];
            if !statement.is_empty() {
                let remove = ["lambda", "remove-permission"];
                all.push([&remove[..], &of, &["--statement-id", statement]].concat());
            }
            all
        }
    };
    if !all.is_empty() {
        in_account(commands, &thing.account);
    }
    for words in all {
        push(commands, &[&["aws"], words.as_slice()].concat());
    }
    if is_trusting(thing) {
        commands.extend(word(name).map(|name| {
            format!(
                "aws iam update-assume-role-policy --role-name {name} --policy-document \"$(cat trust.json)\""
            )
        }));
    }
}

/// Returns whether it is a changed trust policy that lets in outsiders.
fn is_trusting(thing: &Thing) -> bool {
    thing.part == Some(Part::Changed(Change::Trust)) && !thing.outsiders.is_empty()
}

/// Returns the call that takes a policy from what it was given to. A managed policy has an ARN; any other is a part of
/// its user, role or group.
fn policy_off<'t>(policy: &'t str, to: &'t Entity) -> Option<Vec<&'t str>> {
    // What AWS attached stays.
    if policy.contains("AWSCompromisedKeyQuarantine") {
        return None;
    }
    let (detach, delete, option) = match to.kind {
        Kind::User => ("detach-user-policy", "delete-user-policy", "--user-name"),
        Kind::Role => ("detach-role-policy", "delete-role-policy", "--role-name"),
        Kind::Group => ("detach-group-policy", "delete-group-policy", "--group-name"),
        _ => return None,
    };
    let (call, named) = match policy.starts_with("arn:") {
        true => (detach, "--policy-arn"),
        false => (delete, "--policy-name"),
    };
    Some(vec!["iam", call, option, &to.name, named, policy])
}

/// Returns what a responder must do by hand where a command only shows the state, or needs a file.
fn by_hand(verdict: &Verdict) -> String {
    let mut notes = changed_by_hand(verdict).to_owned();
    let is_opened = |thing: &Thing| matches!(thing.part, Some(Part::Opened { .. }));
    if of_intruder(verdict).any(is_opened) {
        notes.push_str(" Access for outsiders: a command that deletes a policy deletes all of it, so keep what the command before it shows, and set your own policy afterwards. Where no command ends the access, remove the outsider from what the command shows.");
    }
    if of_intruder(verdict).any(is_trusting) {
        notes.push_str(" Write your own trust policy into trust.json first.");
    }
    notes
}

fn changed_by_hand(verdict: &Verdict) -> &'static str {
    let mut changed = of_intruder(verdict).filter_map(|thing| match &thing.part {
        Some(Part::Changed(what)) => Some(*what),
        _ => None,
    });
    match changed.any(|what| matches!(what, Change::Trust | Change::Version)) {
        true => {
            " Changed trust policies and policy versions: compare what the command shows with your own sources, then set the right one (update-assume-role-policy, set-default-policy-version) and delete the wrong version."
        }
        false => "",
    }
}

#[cfg(test)]
mod tests {
    use super::super::markdown;
    use crate::case::testing::{Call, OFFICE, STRANGER, case, quarantine, user};
    use crate::follow::{Entity, Kind};
    use crate::output::Column;

    const LEAKED: &str = "AKIALEAKED";

    fn by_stranger(name: &str) -> Call {
        let call = Call::new("05-09 10:00", name).by("alice", LEAKED);
        let call = call.from(STRANGER, "kali");
        call.text(Column::AwsRegion, "eu-west-1")
    }

    /// Returns the text of the page of a case in which a stranger made these calls.
    fn page(calls: Vec<Call>) -> String {
        let call = |at| Call::new(at, "GetCallerIdentity").by("alice", LEAKED);
        let before = [
            call("05-01 10:00").from(OFFICE, "cli"),
            call("05-08 21:40").from(STRANGER, "kali"),
            quarantine("alice"),
        ];
        let case = case(&user("alice"), &[before.to_vec(), calls].concat());
        markdown(&case, None).unwrap().replace('\\', "")
    }

    #[test]
    fn access_for_outsiders_is_in_the_verdict_and_has_commands_that_end_it() {
        let opened = |service: &str, call: &str, kind: &str, with: &str| {
            let call = by_stranger(call).of_service(service).touches(kind, "x");
            call.with("account", with)
        };
        let grant = opened("kms", "CreateGrant", "kms_key", "444455556666");
        let grant = grant.text(Column::RawEvent, r#"{"grantId":"abc"}"#);
        for (call, left, commands) in [
            (
                opened("s3", "PutBucketPolicy", "bucket", "444455556666"),
                "bucket x in 111122223333, open to account 444455556666 (bucket policy)",
                &["s3api delete-bucket-policy --bucket x"][..],
            ),
            (
                opened("ec2", "ModifyImageAttribute", "image", "all"),
                "image x in 111122223333, open to everybody (shared image)",
                &[
                    "ec2 reset-image-attribute --region eu-west-1 --attribute launchPermission --image-id x",
                ],
            ),
            (
                opened("rds", "ModifyDBSnapshotAttribute", "db_snapshot", "all"),
                "db snapshot x in 111122223333, open to everybody (shared database snapshot)",
                &["--db-snapshot-identifier x --attribute-name restore --values-to-remove all"],
            ),
            (
                grant,
                "kms key x in 111122223333, open to account 444455556666 (grant)",
                &["kms revoke-grant --region eu-west-1 --key-id x --grant-id abc"],
            ),
            (
                opened("iam", "CreateSAMLProvider", "saml_provider", "x"),
                "saml provider x in 111122223333 (sign-in for its users)",
                &[
                    "iam delete-saml-provider --saml-provider-arn arn:aws:iam::111122223333:saml-provider/x",
                ],
            ),
        ] {
            let page = page(vec![call]);
            let line = page.lines().find(|line| line.starts_with("| Left behind"));
            assert!(line.is_some_and(|line| line.contains(left)), "{line:?}");
            for command in commands {
                assert!(page.contains(command), "{command}: {page}");
            }
        }
    }

    #[test]
    fn a_role_that_outsiders_may_take_is_named_with_them() {
        let role = || Entity::in_account(Kind::Role, "111122223333", "sync");
        let made = by_stranger("CreateRole").made(role());
        let made = made.with("outsider", "444455556666");
        let found = page(vec![made]);
        let line = "role sync in 111122223333, which account 444455556666 may take";
        assert!(found.contains(line), "{found}");
        assert!(
            found.contains("aws iam delete-role --role-name sync"),
            "{found}"
        );
        let changed = by_stranger("UpdateAssumeRolePolicy").on(role());
        let found = page(vec![changed.with("outsider", "everybody")]);
        let line = "changed trust policy of role sync in 111122223333, which everybody may take";
        assert!(found.contains(line), "{found}");
        let command = "aws iam update-assume-role-policy --role-name sync --policy-document \"$(cat trust.json)\"";
        assert!(found.contains(command), "{found}");
    }

    #[test]
    fn of_many_things_the_first_are_named_and_those_open_to_outsiders_first() {
        let made = |n: usize| {
            let group = Entity::in_account(Kind::Group, "111122223333", &format!("g{n}"));
            by_stranger("CreateGroup").made(group)
        };
        let mut calls: Vec<Call> = (0..50).map(made).collect();
        let open = by_stranger("PutBucketPolicy").of_service("s3");
        calls.push(open.touches("bucket", "x").with("outsider", "everybody"));
        let page = page(calls);
        let line = page.lines().find(|line| line.starts_with("| Left behind"));
        let line = line.unwrap();
        assert!(line.starts_with("| Left behind | bucket x in"), "{line}");
        assert!(line.ends_with("; and 11 more |"), "{line}");
    }
}
