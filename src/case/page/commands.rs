//! What to do now: the commands of the AWS CLI that a responder runs, in the order of AWS's published advice.
//!
//! Source: AWS re:Post, "What do I do if I notice unauthorized activity in my AWS account?": make the keys unusable,
//! end sessions, remove what is not recognised, then answer AWS Support. The quarantine is left as it is: AWS asks to
//! keep it until Support's steps are done. Every name goes through [`quoted`].

use std::collections::BTreeSet;

use super::action::{Action, in_account, push, word};
use super::removal::{check, of_intruder, remove};
use super::things::Thing;
use super::unknown;
use super::verdict::Verdict;
use crate::follow::{Entity, Kind};

/// The name of the inline policy that ends sessions.
const POLICY: &str = "deny-sessions-before-response";

/// Returns the steps for a user.
pub(super) fn actions(user: &Entity, verdict: &Verdict) -> Vec<Action> {
    let mut actions: Vec<Action> = Vec::new();
    actions.extend(ask(user, verdict));
    if verdict.is_false_alarm {
        return actions;
    }
    actions.extend(keys_off(user, verdict));
    actions.extend(end_sessions(user, verdict));
    actions.extend(console(user));
    actions.extend(remove(verdict));
    actions.extend(instances(verdict));
    actions.extend(check(verdict));
    actions.extend(secrets(verdict));
    actions.extend(others(verdict));
    actions.extend(logging(verdict));
    actions.extend((verdict.attached_by.is_none()).then(|| support(user, verdict)));
    actions
}

/// Returns the step for a policy that AWS did not attach.
fn ask(user: &Entity, verdict: &Verdict) -> Option<Action> {
    let by = verdict.attached_by.as_ref()?;
    let mut commands = Vec::new();
    if verdict.deleted.is_none() {
        in_account(&mut commands, &user.account);
        for call in ["list-access-keys", "list-attached-user-policies"] {
            push(
                &mut commands,
                &["aws", "iam", call, "--user-name", &user.name],
            );
        }
    }
    let then = match (verdict.is_false_alarm, verdict.deleted.is_some()) {
        (true, true) => {
            "If it was a test, nothing leaked, and nothing is left to do: the user was deleted."
        }
        (true, false) => "If it was a test, nothing leaked, and the policy can be detached.",
        (false, _) => "The person may have seen the same that this page shows.",
    };
    Some(Action {
        title: "Ask the person who attached the policy for the reason".to_owned(),
        note: format!("It was {by}, not AWS, so there may be no support case about it. {then}"),
        commands,
    })
}

fn keys_off(user: &Entity, verdict: &Verdict) -> Option<Action> {
    if user.kind != Kind::User {
        return None;
    }
    let mut commands = Vec::new();
    in_account(&mut commands, &user.account);
    let usable = verdict.leaked.iter().filter(|key| key.is_usable);
    let usable = usable.map(|key| &key.id).chain(&verdict.candidates);
    for id in usable {
        push(
            &mut commands,
            &[
                "aws",
                "iam",
                "update-access-key",
                "--user-name",
                &user.name,
                "--access-key-id",
                id,
                "--status",
                "Inactive",
            ],
        );
    }
    if verdict.is_key_unknown {
        commands.push(unknown::all_off(&[&user.name]));
    }
    push(
        &mut commands,
        &["aws", "iam", "list-access-keys", "--user-name", &user.name],
    );
    if verdict.deleted.is_some() {
        return Some(Action {
            title: "Check that the user is gone".to_owned(),
            note: "The log shows that the user was deleted, and its keys with it. The error NoSuchEntity confirms that; the other commands for this user then give the same error.".to_owned(),
            commands,
        });
    }
    let has_usable = verdict.leaked.iter().any(|key| key.is_usable);
    let (title, note) = match has_usable {
        false if !verdict.candidates.is_empty() => (
            "Deactivate each key of the user",
            "Nothing says which of them leaked. Programs that use a key stop at once.",
        ),
        false if verdict.is_key_unknown => (unknown::TITLE, unknown::NOTE),
        true => (
            "Deactivate the leaked key",
            "Programs that use the key stop at once. Delete it once nothing needs it: an inactive key can be activated again.",
        ),
        false => (
            "Check that no key of the user is usable",
            "The log shows no usable key that leaked. Compare the list with the keys on this page.",
        ),
    };
    Some(Action {
        title: title.to_owned(),
        note: note.to_owned(),
        commands,
    })
}

/// Returns the command that denies all requests with session keys from before now. Long-term keys have no
/// `aws:TokenIssueTime`, so it does not touch them.
fn deny(commands: &mut Vec<String>, kind: &str, option: &str, name: &str) {
    let Some(name) = word(name) else {
        return push(commands, &["\u{0}"]);
    };
    commands.push(format!(
        "aws iam {kind} {option} {name} --policy-name {POLICY} --policy-document \"{{\\\"Version\\\":\\\"2012-10-17\\\",\
         \\\"Statement\\\":[{{\\\"Effect\\\":\\\"Deny\\\",\\\"Action\\\":\\\"*\\\",\\\"Resource\\\":\\\"*\\\",\\\"Condition\\\":\
         {{\\\"DateLessThan\\\":{{\\\"aws:TokenIssueTime\\\":\\\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\\\"}}}}}}]}}\""
    ));
}

fn end_sessions(user: &Entity, verdict: &Verdict) -> Option<Action> {
    let mut commands = Vec::new();
    if user.kind == Kind::User {
        in_account(&mut commands, &user.account);
        deny(&mut commands, "put-user-policy", "--user-name", &user.name);
    }
    for role in &verdict.roles {
        in_account(&mut commands, &role.account);
        deny(&mut commands, "put-role-policy", "--role-name", &role.name);
    }
    let (title, note) = match verdict.roles.is_empty() {
        true => (
            "End the sessions of the user",
            "Deactivating a key does not end the sessions that it opened.",
        ),
        false => (
            "End the sessions that were opened",
            "Deactivating a key does not end the sessions that it opened. Others who use these roles must open new sessions after this.",
        ),
    };
    (!commands.is_empty()).then(|| Action {
        title: title.to_owned(),
        note: note.to_owned(),
        commands,
    })
}

fn console(user: &Entity) -> Option<Action> {
    if user.kind != Kind::User {
        return None;
    }
    let mut commands = Vec::new();
    in_account(&mut commands, &user.account);
    push(
        &mut commands,
        &[
            "aws",
            "iam",
            "delete-login-profile",
            "--user-name",
            &user.name,
        ],
    );
    push(
        &mut commands,
        &["aws", "iam", "list-mfa-devices", "--user-name", &user.name],
    );
    Some(Action {
        title: "Remove the console password".to_owned(),
        note: "The error NoSuchEntity means that the user has no password.".to_owned(),
        commands,
    })
}

fn instances(verdict: &Verdict) -> Option<Action> {
    let is_instance = |thing: &&Thing| thing.kind == Kind::Instance;
    let mut commands = Vec::new();
    for one in of_intruder(verdict).filter(is_instance) {
        in_account(&mut commands, &one.account);
        push(
            &mut commands,
            &[
                "aws",
                "ec2",
                "describe-instances",
                "--region",
                &one.region,
                "--instance-ids",
                &one.name,
            ],
        );
        push(
            &mut commands,
            &[
                "aws",
                "ec2",
                "stop-instances",
                "--region",
                &one.region,
                "--instance-ids",
                &one.name,
            ],
        );
    }
    (!commands.is_empty()).then(|| Action {
        title: "Stop the instances that were started".to_owned(),
        note: "A stopped instance keeps its volumes as evidence. Terminate it after that. If AWS answers OperationNotPermitted, the instance is protected: run aws ec2 modify-instance-attribute with --no-disable-api-stop, and with --no-disable-api-termination, first."
            .to_owned(),
        commands,
    })
}

fn logging(verdict: &Verdict) -> Option<Action> {
    let mut commands = Vec::new();
    for place in &verdict.logs {
        in_account(&mut commands, &place.account);
        let region = ["--region", &place.region];
        let mut add = |words: &[&str]| push(&mut commands, &[words, &region[..]].concat());
        for trail in &place.trails {
            add(&["aws", "cloudtrail", "get-trail-status", "--name", trail]);
        }
        add(&[
            "aws",
            "cloudtrail",
            "describe-trails",
            "--query",
            "trailList[].[Name,HomeRegion]",
            "--output",
            "text",
        ]);
        add(&["aws", "guardduty", "list-detectors"]);
    }
    (!verdict.logging.is_empty()).then(|| Action {
        title: "Check that logs are still written".to_owned(),
        note: "The log has calls against logs or detectors; whether they were taken back was not searched for. Where get-trail-status answers IsLogging false, run aws cloudtrail start-logging.".to_owned(),
        commands,
    })
}

fn secrets(verdict: &Verdict) -> Option<Action> {
    let mut commands = Vec::new();
    for secret in &verdict.secrets {
        in_account(&mut commands, &secret.account);
        // A comma would divide the name.
        if secret.is_parameter && secret.name.contains(',') {
            continue;
        }
        let filter = format!("Key=Name,Values={}", secret.name);
        let (service, call, option, value) = match secret.is_parameter {
            true => (
                "ssm",
                "describe-parameters",
                "--parameter-filters",
                filter.as_str(),
            ),
            false => (
                "secretsmanager",
                "describe-secret",
                "--secret-id",
                secret.name.as_str(),
            ),
        };
        push(
            &mut commands,
            &[
                "aws",
                service,
                call,
                "--region",
                &secret.region,
                option,
                value,
            ],
        );
    }
    (!commands.is_empty()).then(|| Action {
        title: "Replace the secrets that were read".to_owned(),
        note: "Change the password or key that each secret holds, then store the new one. The answers show when each secret was last changed.".to_owned(),
        commands,
    })
}

fn others(verdict: &Verdict) -> Option<Action> {
    let mut commands = Vec::new();
    // Each once, from however many addresses it came.
    let users = verdict.others.iter().map(|other| &other.who);
    let users: BTreeSet<&Entity> = users.filter(|who| who.kind == Kind::User).collect();
    for user in &users {
        in_account(&mut commands, &user.account);
        push(
            &mut commands,
            &["aws", "iam", "list-access-keys", "--user-name", &user.name],
        );
    }
    commands.extend(investigations(users));
    (!verdict.others.is_empty()).then(|| Action {
        title: "Check the other identities at the foreign addresses".to_owned(),
        note: "Their keys may have leaked as well. trailsift investigate makes the same page for a user: write the archive's path in place of ARCHIVE.".to_owned(),
        commands,
    })
}

/// Returns the commands that investigate users, with a comment before them.
fn investigations(users: BTreeSet<&Entity>) -> Vec<String> {
    let mut commands = Vec::new();
    for user in users {
        let name = match user.account.as_str() {
            "" => user.name.clone(),
            account => format!("{account}/{}", user.name),
        };
        let folder = format!("case-{}", user.name.replace('/', "-"));
        let words = [
            "trailsift",
            "investigate",
            "--output",
            &folder,
            "--user",
            &name,
            "ARCHIVE",
        ];
        push(&mut commands, &words);
    }
    if !commands.is_empty() {
        commands.insert(0, "# here, with the logs".to_owned());
    }
    commands
}

fn support(user: &Entity, verdict: &Verdict) -> Action {
    let mut commands = Vec::new();
    if user.kind == Kind::User {
        in_account(&mut commands, &user.account);
        push(
            &mut commands,
            &[
                "aws",
                "iam",
                "list-attached-user-policies",
                "--user-name",
                &user.name,
            ],
        );
    }
    let (title, note) = match verdict.is_lifted {
        true => (
            "Answer AWS Support",
            "The quarantine was lifted in this log. With a quarantine AWS opens a support case: check in the Support Center that it is closed.",
        ),
        false => (
            "Answer AWS Support, and leave the quarantine as it is",
            "With a quarantine AWS opens a support case: look in the Support Center. Do not detach AWSCompromisedKeyQuarantine before its steps are done; AWS may suspend the account otherwise.",
        ),
    };
    Action {
        title: title.to_owned(),
        note: note.to_owned(),
        commands,
    }
}

#[cfg(test)]
mod tests {
    use super::super::things::Part;
    use super::super::verdict::LeakedKey;
    use super::*;
    use crate::case::state::Change;

    fn thing(kind: Kind, name: &str, account: &str) -> Thing {
        Thing {
            kind,
            name: name.to_owned(),
            account: account.to_owned(),
            region: "eu-central-1".to_owned(),
            owner: String::new(),
            is_of_intruder: true,
            part: None,
            outsiders: Vec::new(),
            doubt: "",
        }
    }

    fn grant(policy: &str) -> Thing {
        Thing {
            part: Some(Part::PolicyOf(Entity::in_account(
                Kind::User,
                "111122223333",
                "bob",
            ))),
            ..thing(Kind::Policy, policy, "111122223333")
        }
    }

    #[test]
    fn what_an_unknown_party_made_is_looked_at_and_not_removed() {
        let user = Entity::in_account(Kind::User, "111122223333", "bob");
        let unknown = |thing: Thing| Thing {
            is_of_intruder: false,
            ..thing
        };
        let verdict = Verdict {
            left: vec![
                unknown(grant("arn:aws:iam::aws:policy/ReadOnlyAccess")),
                unknown(thing(Kind::User, "support", "111122223333")),
                unknown(thing(Kind::Instance, "i-0123456789abcdef0", "333344445555")),
            ],
            ..Verdict::default()
        };
        let actions = actions(&user, &verdict);
        let mut found = actions
            .iter()
            .filter(|one| one.title.starts_with("Ask who made"));
        assert_eq!(
            found.next().unwrap().commands,
            [
                "# in account 111122223333",
                "aws iam list-attached-user-policies --user-name bob",
                "aws iam get-user --user-name support",
                "# in account 333344445555",
                "aws ec2 describe-instances --region eu-central-1 --instance-ids i-0123456789abcdef0",
            ]
        );
        assert!(
            actions
                .iter()
                .all(|one| !one.title.starts_with("Remove what"))
        );
    }

    #[test]
    fn the_commands_come_in_the_order_of_the_playbook_with_quoted_names() {
        let user = Entity::in_account(Kind::User, "111122223333", "it's bot");
        let verdict = Verdict {
            leaked: vec![LeakedKey {
                id: "AKIAIOSFODNN7EXAMPLE".to_owned(),
                reasons: Vec::new(),
                at_end: String::new(),
                is_usable: true,
            }],
            roles: vec![thing(Kind::Role, "deploy", "222233334444")],
            left: vec![
                thing(Kind::User, "a\nb", "333344445555"),
                thing(Kind::Instance, "i-0123456789abcdef0", "333344445555"),
                grant("arn:aws:iam::aws:policy/AdministratorAccess"),
                grant("arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"),
                grant("own"),
                grant("file:///etc/passwd"),
            ],
            ..Verdict::default()
        };
        let actions = actions(&user, &verdict);
        let titles: Vec<&str> = actions.iter().map(|one| one.title.as_str()).collect();
        assert_eq!(
            titles,
            [
                "Deactivate the leaked key",
                "End the sessions that were opened",
                "Remove the console password",
                "Remove what was made and is still there",
                "Stop the instances that were started",
                "Answer AWS Support, and leave the quarantine as it is",
            ]
        );
        let all: Vec<&str> = actions
            .iter()
            .flat_map(|one| &one.commands)
            .map(String::as_str)
            .collect();
        assert_eq!(
            all[1],
            r"aws iam update-access-key --user-name 'it'\''s bot' --access-key-id AKIAIOSFODNN7EXAMPLE --status Inactive"
        );
        assert!(all.contains(&"# in account 222233334444"));
        assert!(all.contains(&"# a name has characters that cannot be shown: use the console"));
        assert!(all.contains(
            &"aws ec2 stop-instances --region eu-central-1 --instance-ids i-0123456789abcdef0"
        ));
        assert!(all.contains(
            &"aws iam detach-user-policy --user-name bob --policy-arn arn:aws:iam::aws:policy/AdministratorAccess"
        ));
        assert!(all.contains(&"aws iam delete-user-policy --user-name bob --policy-name own"));
        assert!(!all.iter().any(|line| line.contains("file:")));
        // Nothing lifts the quarantine, and nothing has more than one line.
        let is_harmless = |line: &&str| !line.contains("Quarantine") && !line.contains('\n');
        assert!(all.iter().all(is_harmless));
    }

    #[test]
    fn what_was_changed_in_something_older_has_its_command() {
        let part = |kind: Kind, name: &str, part: Part| Thing {
            part: Some(part),
            owner: "bob".to_owned(),
            ..thing(kind, name, "111122223333")
        };
        let of_nobody = Thing {
            owner: String::new(),
            ..part(
                Kind::AccessKey,
                "AKIALOST",
                Part::Changed(Change::Activation),
            )
        };
        let policy = "arn:aws:iam::111122223333:policy/p";
        let verdict = Verdict {
            left: vec![
                part(Kind::User, "bob", Part::MemberOf("admins".to_owned())),
                part(Kind::Role, "ops", Part::Changed(Change::Trust)),
                part(Kind::User, "bob", Part::Changed(Change::Password)),
                part(Kind::Policy, policy, Part::Changed(Change::Version)),
                part(
                    Kind::AccessKey,
                    "AKIAOLD",
                    Part::Changed(Change::Activation),
                ),
                of_nobody,
                part(Kind::Service, "sync", Part::Permission("a".to_owned())),
            ],
            ..Verdict::default()
        };
        let action = remove(&verdict).unwrap();
        let expected = [
            "# in account 111122223333",
            "aws iam remove-user-from-group --group-name admins --user-name bob",
            "aws iam get-role --role-name ops",
            "aws iam delete-login-profile --user-name bob",
            "aws iam list-policy-versions --policy-arn arn:aws:iam::111122223333:policy/p",
            "aws iam update-access-key --access-key-id AKIAOLD --status Inactive --user-name bob",
            "aws iam get-access-key-last-used --access-key-id AKIALOST",
            "aws lambda get-policy --region eu-central-1 --function-name sync",
            "aws lambda remove-permission --region eu-central-1 --function-name sync --statement-id a",
        ];
        assert_eq!(action.commands, expected);
        assert!(
            action.note.contains("update-assume-role-policy"),
            "{}",
            action.note
        );
    }

    #[test]
    fn the_policy_that_ends_sessions_is_json_once_a_shell_has_read_it() {
        let mut commands = Vec::new();
        deny(&mut commands, "put-role-policy", "--role-name", "deploy");
        let (_, document) = commands[0].split_once("--policy-document ").unwrap();
        let output = std::process::Command::new("sh")
            .args(["-c", &format!("printf %s {document}")])
            .output();
        let document: serde_json::Value = serde_json::from_slice(&output.unwrap().stdout).unwrap();
        assert_eq!(document["Statement"][0]["Effect"], "Deny");
        let time = &document["Statement"][0]["Condition"]["DateLessThan"]["aws:TokenIssueTime"];
        assert!(time.as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
}
