use super::*;
use crate::case::testing::{Call, OFFICE, STRANGER, case, key, lifts, quarantine, user};
use crate::follow::{Entity, Kind};

const LEAKED: &str = "AKIALEAKED";

/// Returns calls after which the key is known to have leaked.
fn leaked() -> Vec<Call> {
    let call = |at| Call::new(at, "GetCallerIdentity").by("alice", LEAKED);
    vec![
        call("05-01 10:00").from(OFFICE, "cli"),
        call("05-08 21:40").from(STRANGER, "kali"),
        quarantine("alice"),
    ]
}

fn by_stranger(at: &str, name: &str) -> Call {
    Call::new(at, name)
        .by("alice", LEAKED)
        .from(STRANGER, "kali")
}

fn by_responder(at: &str, name: &str) -> Call {
    Call::new(at, name)
        .by("responder", "AKIARESPONDER")
        .from("192.0.2.9", "console")
}

fn alices(calls: &[Call]) -> Case {
    case(&user("alice"), &[&leaked(), calls].concat())
}

fn thing(kind: Kind, name: &str) -> Entity {
    let account = match kind {
        Kind::AccessKey | Kind::Policy | Kind::Instance => "",
        _ => crate::case::testing::ACCOUNT,
    };
    Entity::in_account(kind, account, name)
}

/// Returns each thing that was made, its maker and its fate in a word.
fn made(case: &Case) -> Vec<(String, Party, &'static str)> {
    let states = states(case);
    let made = states[0].made.iter().map(|one| {
        let name = match one.thing {
            Thing::Entity(entity) => entity.name.clone(),
            Thing::Grant { policy, to } => format!("{policy} for {}", to.name),
            Thing::Member { user, group } => format!("{} in {}", user.name, group.name),
            Thing::Change { what, on } => format!("{what:?} of {}", on.name),
            Thing::Permission {
                function,
                statement,
            } => format!("{statement} of {function}"),
            Thing::Opened { way, on, to, .. } => format!("{} of {on} for {to}", way.words()),
        };
        let fate = match one.fate {
            Fate::Removed(_) => "removed",
            Fate::SwitchedOff(_) => "off",
            Fate::Present => "there",
            Fate::NotFollowed => "not followed",
            Fate::Unclear(_) => "unclear",
            Fate::Replaced(_) => "replaced",
        };
        (name, one.by.party, fate)
    });
    made.collect()
}

fn fates(calls: &[Call]) -> Vec<(String, &'static str)> {
    let made = made(&alices(calls)).into_iter();
    made.map(|(name, _, fate)| (name, fate)).collect()
}

#[test]
fn the_key_of_a_session_of_a_made_role_is_among_the_keys() {
    let role = thing(Kind::Role, "sync");
    let case = alices(&[
        by_stranger("05-08 21:45", "CreateRole").made(role.clone()),
        Call::new("05-09 10:00", "ListBuckets")
            .actor(role)
            .by_session("ASIASYNC"),
    ]);
    let states = states(&case);
    let found = states[0].keys.iter().find(|one| one.key.name == "ASIASYNC");
    assert_eq!(found.map(|one| one.seen.n_events), Some(1));
}

#[test]
fn what_lifts_a_quarantine_after_the_window_counts() {
    let case = alices(&[
        by_stranger("06-20 10:00", "GetCallerIdentity"),
        lifts("06-19 10:00", "alice"),
    ]);
    let state = &states(&case)[0];
    let Standing::Lifted(event) = state.standing else {
        panic!("{:?}", state.standing);
    };
    assert_eq!(
        event.alert.time().unwrap().to_string(),
        "2024-06-19T10:00:00Z"
    );
    // The events themselves are those near the quarantine.
    assert_eq!(case.events.len(), 3);
    assert_eq!(case.later.len(), 1);
    assert_eq!(state.log_ends.unwrap().to_string(), "2024-06-20T10:00:00Z");
}

#[test]
fn each_kind_of_thing_is_removed_by_its_own_call() {
    for (kind, name, make, remove) in [
        (Kind::User, "backup", "CreateUser", "DeleteUser"),
        (
            Kind::AccessKey,
            "AKIABACKDOOR",
            "CreateAccessKey",
            "DeleteAccessKey",
        ),
        (
            Kind::LoginProfile,
            "bob",
            "CreateLoginProfile",
            "DeleteLoginProfile",
        ),
        (Kind::Role, "sync", "CreateRole", "DeleteRole"),
        (
            Kind::Policy,
            "arn:aws:iam::111122223333:policy/p",
            "CreatePolicy",
            "DeletePolicy",
        ),
        (Kind::Group, "admins", "CreateGroup", "DeleteGroup"),
        (
            Kind::InstanceProfile,
            "web",
            "CreateInstanceProfile",
            "DeleteInstanceProfile",
        ),
        (
            Kind::Instance,
            "i-0123456789abcdef0",
            "RunInstances",
            "TerminateInstances",
        ),
    ] {
        let thing = || thing(kind, name);
        let make = |at| by_stranger(at, make).made(thing());
        let remove = |at| by_responder(at, remove).on(thing());
        let fate = |calls: &[Call]| fates(calls).remove(0).1;
        assert_eq!(fate(&[make("05-09 10:00")]), "there", "{name}");
        let removed = [make("05-09 10:00"), remove("05-10 14:00")];
        assert_eq!(fate(&removed), "removed", "{name}");
        let later = [make("05-09 10:00"), remove("07-10 14:00")];
        assert_eq!(fate(&later), "removed", "{name}: after the window");
        let refused = [make("05-09 10:00"), remove("05-10 14:00").refused()];
        assert_eq!(fate(&refused), "there", "{name}: refused");
        let again = [
            make("05-09 10:00"),
            remove("05-09 11:00"),
            make("05-09 12:00"),
        ];
        assert_eq!(fate(&again), "there", "{name}: made again");
        let undated = [make("05-09 10:00"), remove("")];
        assert_eq!(fate(&undated), "unclear", "{name}: at an unknown time");
        let other = by_responder("05-10 14:00", "TagUser").on(thing());
        assert_eq!(
            fate(&[make("05-09 10:00"), other]),
            "there",
            "{name}: another call"
        );
    }
}

#[test]
fn a_user_takes_its_keys_password_and_policies_with_it() {
    let backup = || user("backup");
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let calls = [
        by_stranger("05-09 10:00", "CreateUser")
            .on(backup())
            .made(backup()),
        by_stranger("05-09 10:01", "CreateAccessKey")
            .on(backup())
            .made(key("AKIABACKDOOR")),
        by_stranger("05-09 10:02", "CreateLoginProfile")
            .on(backup())
            .made(thing(Kind::LoginProfile, "backup")),
        by_stranger("05-09 10:03", "AttachUserPolicy")
            .on(backup())
            .policy(admin),
        by_responder("05-10 14:00", "DeleteUser").on(backup()),
    ];
    let fates = fates(&calls);
    assert_eq!(fates.len(), 4);
    assert!(
        fates.iter().all(|(_, fate)| *fate == "removed"),
        "{fates:?}"
    );
    let case = alices(&calls);
    let states = states(&case);
    let of_backdoor = states[0]
        .keys
        .iter()
        .find(|one| one.key.name == "AKIABACKDOOR");
    assert!(matches!(of_backdoor.unwrap().end, KeyEnd::UserDeleted(_)));
    assert_eq!(states[0].left_behind().count(), 0);
}

#[test]
fn policies_are_attached_and_taken_away() {
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let attach = by_stranger("05-09 10:00", "AttachUserPolicy")
        .on(user("alice"))
        .policy(admin);
    let named = format!("{admin} for alice");
    assert_eq!(
        fates(std::slice::from_ref(&attach)),
        [(named.clone(), "there")]
    );
    let detach = by_responder("05-10 14:00", "DetachUserPolicy").on(user("alice"));
    let other = detach
        .clone()
        .policy("arn:aws:iam::aws:policy/ReadOnlyAccess");
    assert_eq!(fates(&[attach.clone(), other]), [(named.clone(), "there")]);
    assert_eq!(fates(&[attach, detach.policy(admin)]), [(named, "removed")]);
    // Nobody searched for what was done to a role that is not part of the case.
    let to_role = by_stranger("05-09 10:00", "AttachRolePolicy");
    let to_role = to_role.on(thing(Kind::Role, "ops")).policy(admin);
    assert_eq!(
        fates(&[to_role]),
        [(format!("{admin} for ops"), "not followed")]
    );
}

#[test]
fn keys_and_instances_can_be_switched_off_and_on() {
    let instance = || thing(Kind::Instance, "i-0123456789abcdef0");
    let backdoor = || key("AKIABACKDOOR");
    let made = [
        by_stranger("05-09 10:00", "RunInstances").made(instance()),
        by_stranger("05-09 10:01", "CreateAccessKey")
            .on(user("bob"))
            .made(backdoor()),
    ];
    let off = [
        by_responder("05-10 14:00", "StopInstances").on(instance()),
        by_responder("05-10 14:01", "UpdateAccessKey")
            .on(backdoor())
            .status("Inactive"),
    ];
    let on = [
        by_responder("05-10 15:00", "StartInstances").on(instance()),
        by_responder("05-10 15:01", "UpdateAccessKey")
            .on(backdoor())
            .status("Active"),
    ];
    let words = |calls: &[&[Call]]| -> Vec<&str> {
        fates(&calls.concat())
            .iter()
            .map(|(_, fate)| *fate)
            .collect()
    };
    assert_eq!(words(&[&made, &off]), ["off", "off"]);
    assert_eq!(words(&[&made, &off, &on]), ["there", "there"]);
}

#[test]
fn what_strangers_made_is_told_from_what_the_response_made() {
    let session = "ASIASESSION";
    let case = alices(&[
        // An administrator, and the user itself, long before.
        by_responder("05-02 10:00", "CreateAccessKey")
            .on(user("alice"))
            .made(key("AKIAOLD")),
        Call::new("05-03 10:00", "CreateRole")
            .by("alice", LEAKED)
            .from(OFFICE, "cli")
            .made(thing(Kind::Role, "own")),
        by_stranger("05-09 10:00", "CreateRole").made(thing(Kind::Role, "direct")),
        by_stranger("05-09 10:01", "GetSessionToken").given(key(session)),
        Call::new("05-09 10:02", "CreateRole")
            .by_session(session)
            .from("192.0.2.77", "other")
            .made(thing(Kind::Role, "by-session")),
        // The leaked key at the usual address, after strangers had it.
        Call::new("05-09 11:00", "CreateRole")
            .by("alice", LEAKED)
            .from(OFFICE, "cli")
            .made(thing(Kind::Role, "whose")),
        by_responder("05-10 14:00", "CreateAccessKey")
            .on(user("alice"))
            .made(key("AKIAFRESH")),
    ]);
    let found = made(&case);
    let makers: Vec<(&str, Party)> = found
        .iter()
        .map(|(name, party, _)| (name.as_str(), *party))
        .collect();
    let expected = [
        ("AKIAOLD", Party::Other),
        ("own", Party::User),
        ("direct", Party::Intruder),
        ("by-session", Party::Intruder),
        ("whose", Party::Unknown),
        ("AKIAFRESH", Party::Response),
    ];
    assert_eq!(makers, expected);
    let states = states(&case);
    let left: Vec<_> = states[0].left_behind().map(|one| one.thing).collect();
    assert_eq!(left.len(), 3, "{left:?}");
}

#[test]
fn what_was_made_after_the_window_is_there_and_was_not_followed() {
    let instance = thing(Kind::Instance, "i-0123456789abcdef0");
    let case = alices(&[by_stranger("07-01 10:00", "RunInstances").made(instance)]);
    let expected = (
        "i-0123456789abcdef0".to_owned(),
        Party::Intruder,
        "not followed",
    );
    assert_eq!(made(&case), [expected]);
}

#[test]
fn a_key_has_its_state_at_the_end_of_the_log() {
    let change = |at: &str, name: &str| by_responder(at, name).on(user("alice")).on(key(LEAKED));
    let off = |at| change(at, "UpdateAccessKey").status("Inactive");
    let on = |at| change(at, "UpdateAccessKey").status("Active");
    let gone = |at| change(at, "DeleteAccessKey");
    for (calls, expected, is_usable) in [
        (vec![], "active", true),
        (vec![off("05-10 14:00")], "inactive", false),
        (vec![off("05-10 14:00"), on("05-10 15:00")], "again", true),
        (vec![off("05-10 14:00"), on("07-10 15:00")], "again", true),
        (vec![gone("07-10 14:00")], "deleted", false),
        (vec![gone("07-10 14:00").refused()], "active", true),
        (vec![off(""), on("05-10 15:00")], "unclear", true),
        (vec![gone("")], "deleted", false),
    ] {
        let case = alices(&calls);
        let states = states(&case);
        let key = states[0]
            .keys
            .iter()
            .find(|one| one.key.name == LEAKED)
            .unwrap();
        let found = match key.end {
            KeyEnd::Active => "active",
            KeyEnd::ActiveAgain(_) => "again",
            KeyEnd::Inactive(_) => "inactive",
            KeyEnd::Deleted(_) => "deleted",
            KeyEnd::UserDeleted(_) => "user",
            KeyEnd::OfSession => "session",
            KeyEnd::Unclear(_) => "unclear",
        };
        assert_eq!((found, key.end.is_usable()), (expected, is_usable));
        assert!(states[0].has_leaked(key));
    }
}

#[test]
fn of_two_changes_at_one_time_the_order_is_not_known() {
    let at = "05-10 14:00";
    let same = Doubt::SameTime("2024-05-10T14:00:00Z".parse().unwrap());
    // A quarantine that is lifted and made again, in either order of the log.
    let again =
        || quarantine("alice").text(crate::output::Column::EventTimeText, "2024-05-10T14:00:00Z");
    for order in [[lifts(at, "alice"), again()], [again(), lifts(at, "alice")]] {
        let case = alices(&order);
        let states = states(&case);
        let Standing::Unclear(doubt) = states[0].standing else {
            panic!("{:?}", states[0].standing);
        };
        assert_eq!(doubt, same);
    }
    // A later change settles it.
    let settled = alices(&[lifts(at, "alice"), again(), lifts("05-10 14:01", "alice")]);
    assert!(matches!(states(&settled)[0].standing, Standing::Lifted(_)));
    // A key.
    let change = |status: &str| {
        let call = by_responder(at, "UpdateAccessKey");
        call.on(user("alice")).on(key(LEAKED)).status(status)
    };
    for order in [["Active", "Inactive"], ["Inactive", "Active"]] {
        let case = alices(&order.map(change));
        let states = states(&case);
        let mut keys = states[0].keys.iter();
        let key = keys.find(|one| one.key.name == LEAKED).unwrap();
        assert!(
            matches!(key.end, KeyEnd::Unclear(doubt) if doubt == same),
            "{:?}",
            key.end
        );
        assert!(key.end.is_usable());
    }
    // A policy.
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let attach = || {
        by_stranger(at, "AttachUserPolicy")
            .on(user("alice"))
            .policy(admin)
    };
    let detach = || {
        by_responder(at, "DetachUserPolicy")
            .on(user("alice"))
            .policy(admin)
    };
    for order in [[attach(), detach()], [detach(), attach()]] {
        let case = alices(&order);
        let found = made(&case);
        assert_eq!(found[0].2, "unclear", "{found:?}");
        assert_eq!(states(&case)[0].left_behind().count(), 1);
    }
    // An instance is never removed before it was made.
    let instance = || thing(Kind::Instance, "i-0123456789abcdef0");
    let run = || by_stranger(at, "RunInstances").made(instance());
    let end = || by_responder(at, "TerminateInstances").on(instance());
    for order in [[run(), end()], [end(), run()]] {
        assert_eq!(fates(&order)[0].1, "removed");
    }
}

/// Changes of something older, each with its name, what undoes it, and what becomes of it then.
fn changes_of_older_things() -> Vec<(Call, &'static str, Call, &'static str)> {
    let (bob, role) = (|| user("bob"), || thing(Kind::Role, "ops"));
    let (group, policy) = (
        || thing(Kind::Group, "admins"),
        || thing(Kind::Policy, "arn:aws:iam::111122223333:policy/p"),
    );
    let password = || thing(Kind::LoginProfile, "bob");
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    let old_key = || key("AKIAOLDBOB");
    let change = |name: &str| by_stranger("05-09 10:00", name);
    let undo = |name: &str| by_responder("05-10 14:00", name);
    let key_on = || {
        change("UpdateAccessKey")
            .on(bob())
            .on(old_key())
            .status("Active")
    };
    vec![
        (
            change("AddUserToGroup").on(bob()).on(group()),
            "bob in admins",
            undo("RemoveUserFromGroup").on(bob()).on(group()),
            "removed",
        ),
        (
            change("AttachGroupPolicy").on(group()).policy(admin),
            "arn:aws:iam::aws:policy/AdministratorAccess for admins",
            undo("DetachGroupPolicy").on(group()).policy(admin),
            "removed",
        ),
        (
            change("UpdateAssumeRolePolicy").on(role()),
            "Trust of ops",
            undo("UpdateAssumeRolePolicy").on(role()),
            "replaced",
        ),
        (
            change("CreatePolicyVersion").on(policy()),
            "Version of arn:aws:iam::111122223333:policy/p",
            undo("SetDefaultPolicyVersion").on(policy()),
            "replaced",
        ),
        (
            change("UpdateLoginProfile").on(bob()).on(password()),
            "Password of bob",
            undo("DeleteLoginProfile").on(bob()).on(password()),
            "removed",
        ),
        (
            key_on(),
            "Activation of AKIAOLDBOB",
            undo("UpdateAccessKey")
                .on(bob())
                .on(old_key())
                .status("Inactive"),
            "off",
        ),
        (
            key_on(),
            "Activation of AKIAOLDBOB",
            undo("DeleteUser").on(bob()),
            "removed",
        ),
    ]
}

#[test]
fn what_was_changed_in_something_older_is_left_until_it_is_changed_back() {
    for (change, name, undo, fate) in changes_of_older_things() {
        let case = alices(std::slice::from_ref(&change));
        let found = made(&case);
        assert_eq!(found, [(name.to_owned(), Party::Intruder, "not followed")]);
        assert_eq!(states(&case)[0].left_behind().count(), 1, "{name}");
        let refused = change.clone().refused();
        assert_eq!(made(&alices(&[refused])), [], "{name}: refused");
        // What was done to alice's own things is searched for; here all is given.
        let undone = alices(&[change, undo.on(user("alice"))]);
        let found = made(&undone);
        assert_eq!(found[0], (name.to_owned(), Party::Intruder, fate));
        assert_eq!(
            states(&undone)[0].left_behind().count(),
            0,
            "{name}: undone"
        );
    }
}

#[test]
fn a_permission_to_call_a_function_ends_with_its_statement_or_function() {
    let of = |call: Call, statement: &str| {
        let record = format!(r#"{{"requestParameters":{{"statementId": "{statement}"}}}}"#);
        let call = call.text(crate::output::Column::RawEvent, &record);
        call.touches("function", "sync").on(user("alice"))
    };
    let permit = |statement| {
        of(
            by_stranger("05-09 10:00", "AddPermission20150331v2"),
            statement,
        )
    };
    let forbid = |statement| {
        of(
            by_responder("05-10 14:00", "RemovePermission20150331v2"),
            statement,
        )
    };
    assert_eq!(
        fates(&[permit("a")]),
        [("a of sync".to_owned(), "not followed")]
    );
    assert_eq!(fates(&[permit("a"), forbid("b")])[0].1, "not followed");
    assert_eq!(fates(&[permit("a"), forbid("a")])[0].1, "removed");
    let deleted = of(by_responder("05-10 14:00", "DeleteFunction20150331"), "x");
    assert_eq!(fates(&[permit("a"), deleted])[0].1, "removed");
}

/// Returns what of these calls lasts: each thing that was opened, for whom, and its fate.
fn opened(calls: &[(&str, &str, &str, &str, &str)]) -> Vec<(String, &'static str)> {
    let calls = calls.iter().enumerate().map(|(n, one)| {
        let (service, call, thing, with, record) = *one;
        let at = format!("05-09 10:{n:02}");
        let (kind, name) = thing.split_once(' ').unwrap();
        let call = by_stranger(&at, call).of_service(service);
        let call = call.touches(kind, name).text(Column::RawEvent, record);
        match with.split_once(' ') {
            Some((kind, name)) => call.with(kind, name),
            None => call,
        }
    });
    fates(&calls.collect::<Vec<_>>())
}

const OTHER: &str = "account 444455556666";

#[test]
fn what_is_opened_to_outsiders_is_left_until_that_is_taken_back() {
    let set = (
        "s3",
        "PutBucketPolicy",
        "bucket b",
        "outsider everybody",
        "",
    );
    let left = |fate| vec![("bucket policy of b for everybody".to_owned(), fate)];
    assert_eq!(opened(&[set]), left("not followed"));
    for after in [
        ("s3", "DeleteBucketPolicy", "bucket b", "", ""),
        ("s3", "PutBucketPolicy", "bucket b", "", ""),
        ("s3", "DeleteBucket", "bucket b", "", ""),
    ] {
        assert_eq!(opened(&[set, after]), left("removed"), "{}", after.1);
    }
    for after in [
        ("s3", "DeleteBucketPolicy", "bucket other", "", ""),
        ("s3", "GetBucketPolicy", "bucket b", "", ""),
        ("dynamodb", "DeleteResourcePolicy", "bucket b", "", ""),
    ] {
        assert_eq!(opened(&[set, after]), left("not followed"), "{}", after.1);
    }
    let own = (
        "ec2",
        "ModifySnapshotAttribute",
        "snapshot s",
        "account 111122223333",
        "",
    );
    assert!(opened(&[own]).is_empty());
    let set = (
        "sqs",
        "SetQueueAttributes",
        "queue q",
        "outsider everybody",
        "",
    );
    let emptied = |record| [set, ("sqs", "SetQueueAttributes", "queue q", "", record)];
    let fate = |record| opened(&emptied(record))[0].1;
    assert_eq!(fate(r#"{"attributes":{"Policy":""}}"#), "removed");
    let other = r#"{"attributes":{"RedrivePolicy":""},"userAgent":"\"Policy\""}"#;
    assert_eq!(fate(other), "not followed");
    let no_policy = ("sqs", "SetQueueAttributes", "queue q", "", "");
    assert!(opened(&[no_policy]).is_empty());
}

#[test]
fn access_is_given_by_the_first_who_gives_it() {
    let set = |call: Call| {
        let call = call.of_service("s3").touches("bucket", "b");
        call.with("outsider", "everybody").on(user("alice"))
    };
    let before = set(by_responder("05-09 09:00", "PutBucketPolicy"));
    let intruders = set(by_stranger("05-09 10:00", "PutBucketPolicy"));
    let after = set(by_responder("05-11 10:00", "PutBucketPolicy"));
    let party = |calls: &[Call]| made(&alices(calls))[0].1;
    assert_eq!(party(&[intruders.clone(), after]), Party::Intruder);
    assert_eq!(party(&[before, intruders]), Party::Other);
}

#[test]
fn each_outsider_and_each_grant_is_taken_back_by_itself() {
    let share = ("ec2", "ModifySnapshotAttribute", "snapshot s", OTHER, "");
    let all = (
        "ec2",
        "ModifySnapshotAttribute",
        "snapshot s",
        "account all",
        "",
    );
    let back = (
        "ec2",
        "ModifySnapshotAttribute",
        "snapshot s",
        "removed_account all",
        "",
    );
    let name = |to: &str| format!("shared snapshot of s for {to}");
    assert_eq!(
        opened(&[share, all, back]),
        [
            (name("444455556666"), "not followed"),
            (name("everybody"), "removed"),
        ]
    );
    let grant = |id| {
        (
            "kms",
            "CreateGrant",
            "kms_key k",
            "principal 444455556666",
            id,
        )
    };
    let revoke = |id| ("kms", "RevokeGrant", "kms_key k", "", id);
    let (one, two) = (r#"{"grantId":"one"}"#, r#"{"grantId":"two"}"#);
    let fates = opened(&[grant(one), grant(two), revoke(two)]);
    let fates: Vec<&str> = fates.iter().map(|(_, fate)| *fate).collect();
    assert_eq!(fates, ["not followed", "removed"]);
    let fates = opened(&[grant(""), revoke("")]);
    assert_eq!(fates[0].1, "not followed");
    let provider = ("iam", "CreateSAMLProvider", "saml_provider p", "", "");
    let gone = ("iam", "DeleteSAMLProvider", "saml_provider p", "", "");
    assert_eq!(opened(&[provider])[0].1, "not followed");
    assert_eq!(opened(&[provider, gone])[0].1, "removed");
}

#[test]
fn who_may_take_a_role_is_known_by_its_last_trust_policy() {
    let role = || thing(Kind::Role, "sync");
    let made = by_stranger("05-09 10:00", "CreateRole").made(role());
    let made = made.with("outsider", "444455556666");
    let update = |at, name: &str| {
        let call = by_stranger(at, "UpdateAssumeRolePolicy").on(role());
        call.with("outsider", name)
    };
    let outsiders = |calls: &[Call]| -> Vec<String> {
        let case = alices(calls);
        let states = states(&case);
        let left = states[0].left_behind();
        let all = left.flat_map(|one| states[0].outsiders_of(one));
        all.map(str::to_owned).collect()
    };
    assert_eq!(outsiders(std::slice::from_ref(&made)), ["444455556666"]);
    let other = update("05-09 11:00", "everybody");
    assert_eq!(outsiders(&[made.clone(), other]), ["everybody"; 2]);
    let own = by_stranger("05-09 11:00", "UpdateAssumeRolePolicy").on(role());
    assert!(outsiders(&[made.clone(), own]).is_empty());
    let gone = by_stranger("05-09 11:00", "DeleteRole").on(role());
    assert!(outsiders(&[made, gone]).is_empty());
}
