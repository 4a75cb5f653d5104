//! Events and queries for the tests: made by hand, and made by proptest.

use std::borrow::Cow;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::{Condition, Field, Literal, Operator, Query};
use crate::event::{Fields, Scalar};

/// An event given by its fields' values.
#[derive(Debug, Clone, Default)]
pub(in crate::rule) struct Event(Vec<(String, Scalar<'static>)>);

impl Event {
    pub(in crate::rule) fn new() -> Self {
        Self::default()
    }

    pub(in crate::rule) fn text(self, field: &str, value: &str) -> Self {
        self.with(field, Scalar::Text(Cow::Owned(value.to_owned())))
    }

    pub(in crate::rule) fn integer(self, field: &str, value: i64) -> Self {
        self.with(field, Scalar::Integer(value))
    }

    pub(in crate::rule) fn float(self, field: &str, value: f64) -> Self {
        self.with(field, Scalar::Float(value))
    }

    pub(in crate::rule) fn boolean(self, field: &str, value: bool) -> Self {
        self.with(field, Scalar::Boolean(value))
    }

    pub(in crate::rule) fn without(mut self, field: &str) -> Self {
        self.0.retain(|(name, _)| name != field);
        self
    }

    /// The text of the fields that `stands` admits, with a separator that is in no run.
    pub(in crate::rule) fn concat_text(&self, stands: impl Fn(&str) -> bool) -> String {
        let texts = self.0.iter().filter_map(|(field, value)| match value {
            Scalar::Text(text) if stands(field) => Some(text.as_ref()),
            _ => None,
        });
        texts.collect::<Vec<_>>().join("|")
    }

    fn with(mut self, field: &str, value: Scalar<'static>) -> Self {
        self.0.push((field.to_owned(), value));
        self
    }
}

impl Fields for Event {
    fn each_value(&self, field: &str, visit: &mut dyn FnMut(Scalar<'_>)) {
        for (_, value) in self.0.iter().filter(|(name, _)| name == field) {
            visit(value.clone());
        }
    }
}

/// Few names and few words, so that random queries are often true of random events.
fn field_name() -> impl Strategy<Value = String> {
    select(vec![
        "event.action",
        "user.name",
        "aws.cloudtrail.request_parameters",
        "event.outcome",
        "my-field",
        "a`b.where",
        "6",
        "",
    ])
    .prop_map(str::to_owned)
}

fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["AttachUserPolicy", "AWSCompromised", "policy/AWS", "true", "1e10", ""])
            .prop_map(str::to_owned),
        1 => "(?s).{0,6}",
    ]
}

pub(in crate::rule) fn event() -> impl Strategy<Value = Event> {
    let value = prop_oneof![
        6 => (word(), word()).prop_map(|(a, b)| Scalar::Text(Cow::Owned(a + &b))),
        6 => word().prop_map(|text| Scalar::Text(Cow::Owned(text))),
        1 => (-2_i64..3).prop_map(Scalar::Integer),
        1 => any::<bool>().prop_map(Scalar::Boolean),
    ];
    vec((field_name(), value), 0..8).prop_map(Event)
}

pub(in crate::rule) fn query() -> impl Strategy<Value = Query> {
    let category = prop_oneof![
        4 => Just(None),
        1 => prop_oneof![word(), Just("any".to_owned()), Just("iam".to_owned())].prop_map(Some),
    ];
    (category, condition()).prop_map(|(category, condition)| Query {
        category,
        condition,
    })
}

fn condition() -> impl Strategy<Value = Condition> {
    let field =
        || (field_name(), any::<bool>()).prop_map(|(name, optional)| Field { name, optional });
    let leaf = prop_oneof![
        1 => proptest::option::of(any::<bool>()).prop_map(Condition::Constant),
        3 => (field(), select(Operator::ALL.to_vec()), literal()).prop_map(
            |(field, operator, literal)| Condition::Compare { field, operator, literal }
        ),
        2 => (field(), vec(literal(), 1..4))
            .prop_map(|(field, literals)| Condition::In { field, literals }),
        3 => (field(), word()).prop_map(|(field, literal)| Condition::Contains { field, literal }),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..4).prop_map(Condition::And),
            vec(inner.clone(), 2..4).prop_map(Condition::Or),
            inner.prop_map(|operand| Condition::Not(Box::new(operand))),
        ]
    })
}

fn literal() -> impl Strategy<Value = Literal> {
    prop_oneof![
        6 => word().prop_map(Literal::Text),
        1 => prop_oneof![-2_i64..3, any::<i64>()].prop_map(Literal::Integer),
        1 => any::<f64>()
            .prop_filter("literals are finite", |float| float.is_finite())
            .prop_map(Literal::Float),
        1 => any::<bool>().prop_map(Literal::Boolean),
        1 => Just(Literal::Null),
    ]
}
