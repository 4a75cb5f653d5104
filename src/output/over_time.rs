//! The row of a rule over several events: what fired, and the columns for it.
//!
//! It has the columns of an alert where they have a meaning: those of the rule, the time when the rule's window was
//! complete, and those that the group's fields are about. The columns of [`OVER_TIME`] come after them. A row of a rule
//! about one event has no values there.

use std::convert::Infallible;

use super::alert::{Alert, fired_id};
use super::columns::{Cell, Column, OVER_TIME};
use super::fired::FiredEvents;
use super::kind::Kind;
use crate::report::Relation;

/// The fields of a group that a column is about, beside the ECS fields that the columns name.
const GROUPED: [(&str, Column); 17] = [
    ("recipientAccountId", Column::RecipientAccountId),
    ("awsRegion", Column::AwsRegion),
    ("eventName", Column::EventAction),
    ("eventSource", Column::EventProvider),
    ("sourceIPAddress", Column::SourceAddress),
    ("userAgent", Column::UserAgent),
    ("userIdentity.type", Column::ActorType),
    ("userIdentity.userName", Column::ActorName),
    ("userIdentity.arn", Column::ActorArn),
    ("userIdentity.principalId", Column::ActorPrincipalId),
    ("userIdentity.accountId", Column::ActorAccountId),
    ("userIdentity.accessKeyId", Column::ActorAccessKeyId),
    ("userIdentity.invokedBy", Column::InvokedBy),
    ("requestParameters.userName", Column::TargetUserName),
    (
        "aws.cloudtrail.user_identity.account_id",
        Column::ActorAccountId,
    ),
    ("sharedEventID", Column::SharedEventId),
    ("requestParameters.policyArn", Column::PolicyArn),
];

/// Returns the column that a field of a group is about.
fn column_of(field: &str) -> Option<Column> {
    let own = GROUPED.iter().find(|(name, _)| *name == field);
    let own = own.map(|(_, column)| *column);
    // `alert_id` and its like are about no field.
    let mut all = Column::ALL.into_iter();
    own.or_else(|| all.find(|column| column.def().ecs == field))
}

impl Alert {
    /// Creates the row of what fired, for a rule with this name and this place in its set. Its id is made of the rule, the
    /// group and the time `named`: when the first window was complete, as far as that was known when the id was given.
    #[must_use]
    pub fn of_fired(rule: u16, rule_name: &str, named: i64, fired: FiredEvents) -> Self {
        let id = fired_id(rule_name, &fired.group_values, named);
        let value = |column: Column| {
            let mut fields = fired.group_fields.iter().zip(&fired.group_values);
            let found = fields.find(|(field, _)| column_of(field) == Some(column));
            found
                .map(|(_, value)| value)
                .filter(|value| !value.is_empty())
        };
        let text = |name: &str| {
            Ok::<_, Infallible>(match Column::from_name(name) {
                Some(Column::AlertId) => Some(id.clone()),
                Some(Column::EventTimeText) | None => None,
                Some(Column::AccountId) => {
                    let own = value(Column::AccountId);
                    own.or_else(|| value(Column::RecipientAccountId)).cloned()
                }
                Some(column) => value(column).cloned(),
            })
        };
        let Ok(mut alert) = Self::read_back(&text, (0, 0));
        alert.event_time = Some(fired.completed);
        alert.set_rule(rule);
        // The id is that of the rule, wherever it is in its set.
        alert.name_by_id();
        alert.fired = Some(Box::new(fired));
        alert
    }

    /// Returns the row of the same event as an event of an alert, which is of the rule with this place in its set.
    #[must_use]
    pub fn as_event_of(&self, alert: &Self) -> Self {
        let text = |name: &str| {
            Ok::<_, Infallible>(match Column::from_name(name) {
                Some(Column::AlertId) => alert.text(Column::AlertId).map(str::to_owned),
                column => column
                    .and_then(|column| self.text(column))
                    .map(str::to_owned),
            })
        };
        let Ok(mut event) = Self::read_back(&text, self.place());
        event.set_rule(alert.rule());
        event
    }

    /// Returns the events that fired, if this is the row of a rule over several events.
    #[must_use]
    pub fn fired(&self) -> Option<&FiredEvents> {
        self.fired.as_deref()
    }

    /// Returns the cells that come after those of all rows, in a file of this kind.
    pub(super) fn cells_after(&self, kind: Kind) -> Vec<Cell<'_>> {
        match kind {
            Kind::Alerts(_) => Vec::new(),
            Kind::OverTime => self.fired_cells().to_vec(),
            Kind::Related => vec![Cell::Text(self.relation.map(Relation::name))],
        }
    }

    /// Returns the cells of [`OVER_TIME`].
    pub(super) fn fired_cells(&self) -> [Cell<'_>; OVER_TIME.len()] {
        let fired = self.fired();
        let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        let texts = |texts: fn(&FiredEvents) -> &Vec<String>| {
            Cell::Texts(fired.map_or(&[], |fired| texts(fired).as_slice()))
        };
        [
            Cell::Timestamp(fired.map(|fired| fired.first)),
            Cell::Timestamp(fired.map(|fired| fired.last)),
            Cell::Int64(fired.map(|fired| number(fired.count))),
            Cell::Int64(fired.and_then(|fired| fired.distinct).map(number)),
            texts(|fired| &fired.group_fields),
            texts(|fired| &fired.group_values),
            texts(|fired| &fired.event_ids),
            Cell::Bool(fired.map(|fired| fired.is_early)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fired(fields: &[(&str, &str)]) -> FiredEvents {
        let of = |text: fn(&(&str, &str)) -> String| fields.iter().map(text).collect();
        FiredEvents {
            group_fields: of(|(field, _)| (*field).to_owned()),
            group_values: of(|(_, value)| (*value).to_owned()),
            first: 1,
            completed: 2,
            last: 3,
            count: 4,
            distinct: None,
            event_ids: vec!["a".to_owned()],
            is_early: false,
        }
    }

    #[test]
    fn a_row_has_the_columns_that_its_group_is_about() {
        let row = Alert::of_fired(
            3,
            "rule",
            2,
            fired(&[
                ("userIdentity.arn", "arn:aws:iam::111122223333:user/alice"),
                ("source.ip", "203.0.113.7"),
                ("recipientAccountId", ""),
                ("requestParameters.instanceType", "p4d.24xlarge"),
            ]),
        );
        let columns = Column::ALL.into_iter();
        let texts = columns.filter(|column| row.text(*column).is_some());
        assert_eq!(
            texts.collect::<Vec<_>>(),
            [Column::AlertId, Column::ActorArn, Column::SourceIp]
        );
        assert_eq!((row.event_time, row.rule()), (Some(2), 3));
    }

    #[test]
    fn what_fires_at_another_time_or_in_another_group_has_another_id() {
        let id = |rule: &str, value: &str, completed: i64| {
            let fired = FiredEvents {
                completed,
                ..fired(&[("user.name", value)])
            };
            let row = Alert::of_fired(0, rule, completed, fired);
            (
                row.text(Column::AlertId).map(str::to_owned),
                row.event_key(),
            )
        };
        let one = id("rule", "alice", 2);
        assert_eq!(id("rule", "alice", 2), one);
        for other in [
            id("other", "alice", 2),
            id("rule", "bob", 2),
            id("rule", "alice", 3),
        ] {
            assert!(other.0 != one.0 && other.1 != one.1, "{other:?}");
        }
    }
}
