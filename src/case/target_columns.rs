//! What each call touched, in the forms of a case's files.

use serde_json::{Value, json};

use crate::follow::{Entity, Kind, TargetRole, Touched};

/// Returns the things that a call touched: of each its role, kind, account, name, and the data in it that was touched.
pub(super) fn targets(touched: &Touched) -> impl Iterator<Item = [Option<&str>; 5]> {
    touched.targets.iter().map(|one| {
        [
            Some(one.role.name()),
            Some(&*one.kind),
            Some(&*one.account),
            Some(&*one.name),
            one.data.map(|data| data.name()),
        ]
    })
}

/// Returns the same as JSON.
pub(super) fn targets_json(touched: &Touched) -> Value {
    let targets = targets(touched).map(|[role, kind, account, name, data]| {
        json!({
            "role": role,
            "kind": kind,
            "account_id": account,
            "name": name,
            "data": data,
        })
    });
    targets.collect()
}

/// Returns the entities of a part of an event, and after them the things that the call touched in that part: those of
/// kinds that are no entities. So when a case is read back, the entities in the list are those that it follows. Each has
/// its kind, account and name.
pub(super) fn with_things<'a>(
    part: &str,
    entities: &'a [Entity],
    touched: &'a Touched,
) -> impl Iterator<Item = [&'a str; 3]> {
    let role = match part {
        "acted_on" => Some(TargetRole::On),
        "made" => Some(TargetRole::Made),
        _ => None,
    };
    let of_part = touched.targets.iter();
    let of_part = of_part.filter(move |one| Some(one.role) == role);
    let things = of_part.filter(|one| Kind::from_name(&one.kind).is_none());
    let things = things.map(|one| [&*one.kind, &*one.account, &*one.name]);
    let entities = entities.iter();
    let entities = entities.map(|one| [one.kind.name(), &*one.account, &*one.name]);
    entities.chain(things)
}
