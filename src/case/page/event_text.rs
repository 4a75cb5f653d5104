//! How a page writes what an event says: its actor, its call, its target, and its columns.

use super::clock::Clock;
use super::shown;
use crate::case::state::{Change, Doubt};
use crate::case::{CaseEvent, is_of_aws};
use crate::follow::touched::in_words;
use crate::follow::{Entity, Kind};
use crate::output::Column;

/// Returns a column of an event, or an empty text if it has no value.
pub(super) fn text(event: &CaseEvent, column: Column) -> String {
    shown(event.alert.text(column).unwrap_or_default())
}

/// Returns the call of an event.
pub(super) fn call(event: &CaseEvent) -> String {
    text(event, Column::EventAction)
}

/// Returns what an event touched, as far as it names that; an empty text if it does not.
pub(super) fn target(event: &CaseEvent) -> String {
    shown(&in_words(&event.story.touched))
}

/// Returns who acted, as far as the event names it.
pub(super) fn who(event: &CaseEvent) -> String {
    if is_of_aws(&event.alert) {
        return format!("AWS (logged under {})", text(event, Column::ActorArn));
    }
    let named =
        [Column::ActorArn, Column::ActorName, Column::InvokedBy].map(|column| text(event, column));
    named
        .into_iter()
        .find(|name| !name.is_empty())
        .unwrap_or_else(|| "somebody".to_owned())
}

/// Returns who acted in a few words, with the account if it is another one than this: `user alice`, `role deploy
/// (session alice) in 111122223333`.
pub(super) fn actor(event: &CaseEvent, home: Option<&str>) -> String {
    if is_of_aws(&event.alert) {
        return "AWS itself".to_owned();
    }
    let arn = event.alert.text(Column::ActorArn).unwrap_or_default();
    let mut parts = arn.splitn(6, ':').skip(4);
    let (Some(account), Some(resource)) = (parts.next(), parts.next()) else {
        return who(event);
    };
    let account = match account.is_empty() || Some(account) == home {
        true => String::new(),
        false => format!(" in {}", shown(account)),
    };
    let mut names = resource.splitn(3, '/');
    let words = match (names.next(), names.next(), names.next()) {
        (Some("assumed-role"), Some(role), Some(session)) => {
            format!("role {} (session {})", shown(role), shown(session))
        }
        // A path may stand before the name of a user.
        (Some(kind @ ("user" | "role")), Some(_), _) => {
            let name = resource.rsplit('/').next().unwrap_or_default();
            format!("{kind} {}", shown(name))
        }
        _ => shown(resource),
    };
    words + &account
}

/// Returns a kind of entity in words.
pub(super) fn kind(kind: Kind) -> String {
    kind.name().replace('_', " ")
}

/// Returns an entity in words.
pub(super) fn entity_words(entity: &Entity) -> String {
    in_account(&kind(entity.kind), &entity.name, &entity.account)
}

/// Returns a kind and a name, and the account if it is known.
pub(super) fn in_account(kind: &str, name: &str, account: &str) -> String {
    match account {
        "" => format!("{kind} {}", shown(name)),
        account => format!("{kind} {} in {}", shown(name), shown(account)),
    }
}

/// Returns what was changed, in words that fit before the name of an entity.
pub(super) fn changed(what: Change) -> &'static str {
    match what {
        Change::Trust => "changed trust policy",
        Change::Password => "new console password",
        Change::Version => "new version in use",
        Change::Activation => "activation",
    }
}

/// Returns the reason why an order cannot be told.
pub(super) fn doubt_words(doubt: Doubt, clock: &Clock) -> String {
    match doubt {
        Doubt::NoTime => "the time of an event cannot be read".to_owned(),
        Doubt::SameTime(at) => format!(
            "both events are at {}, and the log does not show which came first",
            clock.time(Some(at))
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::testing::{Call, case, quarantine, user};

    #[test]
    fn an_actor_is_named_in_a_few_words() {
        for (arn, expected) in [
            ("arn:aws:iam::111122223333:user/alice", "user alice"),
            ("arn:aws:iam::111122223333:user/team/a/alice", "user alice"),
            (
                "arn:aws:sts::222233334444:assumed-role/deploy/run/1",
                "role deploy (session run/1) in 222233334444",
            ),
            ("arn:aws:iam::222233334444:root", "root in 222233334444"),
            (
                "arn:aws:sts::111122223333:federated-user/bob",
                "federated-user/bob",
            ),
            ("nothing", "nothing"),
            ("", "somebody"),
        ] {
            let call = Call::new("05-10 11:00", "GetUser").text(Column::ActorArn, arn);
            let case = case(
                &user("alice"),
                &[call.on(user("alice")), quarantine("alice")],
            );
            let event = &case.events[0];
            assert_eq!(actor(event, Some("111122223333")), expected);
        }
    }
}
