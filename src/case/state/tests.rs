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
fn made(case: &Case) -> Vec<(String, Maker, &'static str)> {
    let states = states(case);
    let made = states[0].made.iter().map(|one| {
        let name = match one.thing {
            Thing::Entity(entity) => entity.name.clone(),
            Thing::Grant { policy, to } => format!("{policy} for {}", to.name),
        };
        let fate = match one.fate {
            Fate::Removed(_) => "removed",
            Fate::SwitchedOff(_) => "off",
            Fate::Present => "there",
            Fate::NotFollowed => "not followed",
            Fate::Unclear => "unclear",
        };
        (name, one.maker, fate)
    });
    made.collect()
}

fn fates(calls: &[Call]) -> Vec<(String, &'static str)> {
    let made = made(&alices(calls)).into_iter();
    made.map(|(name, _, fate)| (name, fate)).collect()
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
    let makers: Vec<(&str, Maker)> = found
        .iter()
        .map(|(name, maker, _)| (name.as_str(), *maker))
        .collect();
    let expected = [
        ("AKIAOLD", Maker::Owner),
        ("own", Maker::Owner),
        ("direct", Maker::Intruder),
        ("by-session", Maker::Intruder),
        ("whose", Maker::Unclear),
        ("AKIAFRESH", Maker::Response),
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
        Maker::Intruder,
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
            KeyEnd::Unclear => "unclear",
        };
        assert_eq!((found, key.end.is_usable()), (expected, is_usable));
        assert!(states[0].has_leaked(key));
    }
}
