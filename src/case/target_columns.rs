//! The columns of a case's events with what each call touched.

use arrow_schema::{DataType, Field};
use serde_json::{Value, json};

use crate::follow::{Entity, Kind, TargetRole, Touched};

/// The column with all things that a call touched, each with its role.
pub(super) const TARGETS: &str = "targets";
/// The column with the number of things that are left out there.
pub(super) const LEFT_OUT: &str = "targets_left_out";

/// Returns the two columns.
pub(super) fn target_fields() -> [Field; 2] {
    let names = ["role", "kind", "account_id", "name", "data"];
    let fields = names.map(|name| Field::new(name, DataType::Utf8, true));
    let element = Field::new("element", DataType::Struct(fields.to_vec().into()), true);
    [
        Field::new_list(TARGETS, element, true),
        Field::new(LEFT_OUT, DataType::Int64, true),
    ]
}

/// Returns the things that a call touched.
pub(super) fn targets(touched: &Touched) -> Value {
    let targets = touched.targets.iter().map(|one| {
        json!({
            "role": one.role.name(),
            "kind": one.kind,
            "account_id": one.account,
            "name": one.name,
            "data": one.data.map(|data| data.name()),
        })
    });
    targets.collect()
}

/// Returns the entities of a part of an event, and after them the things that the call touched in that part: those of
/// kinds that are no entities. So when a case is read back, the entities in the list are those that it follows.
pub(super) fn with_things(part: &str, entities: &[Entity], touched: &Touched) -> Value {
    let role = match part {
        "acted_on" => Some(TargetRole::On),
        "made" => Some(TargetRole::Made),
        _ => None,
    };
    let of_part = touched.targets.iter().filter(|one| Some(one.role) == role);
    let things = of_part.filter(|one| Kind::from_name(&one.kind).is_none());
    let things =
        things.map(|one| json!({"kind": one.kind, "account_id": one.account, "name": one.name}));
    entities
        .iter()
        .map(|one| json!(one))
        .chain(things)
        .collect()
}
