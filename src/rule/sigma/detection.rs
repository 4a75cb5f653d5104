//! The selections of a rule -> conditions.

use super::condition::{self, Selection};
use super::modifiers::Modifiers;
use super::yaml::{Data, Fault, Yaml};
use crate::rule::condition::{Condition, Field, Node, Test};

/// Reads the detection of a rule.
pub(super) fn condition(detection: &Yaml) -> Result<Condition, Fault> {
    let Some(members) = detection.map() else {
        return Err(detection.fault("the detection is not a map"));
    };
    let (mut selections, mut condition) = (Vec::new(), None);
    for (key, value) in members {
        let name = key.text().unwrap_or_default();
        match name.as_str() {
            "timeframe" => {
                return Err(key
                    .fault("a timeframe, which belongs to aggregations that Sigma no longer has"));
            }
            "condition" => condition = Some(value),
            _ => {
                let node = selection(value)?;
                selections.push(Selection { name, node });
            }
        }
    }
    let Some(condition) = condition else {
        return Err(detection.fault("the detection has no condition"));
    };
    let conditions = match &condition.data {
        Data::List(items) => items.iter().collect(),
        _ => vec![condition],
    };
    let nodes = conditions
        .into_iter()
        .map(|one| condition::parse(one, &selections));
    let nodes = nodes.collect::<Result<Vec<_>, _>>()?;
    match nodes.is_empty() {
        true => Err(condition.fault("the list of conditions is empty")),
        false => Ok(Condition::new(Node::any(nodes))),
    }
}

/// Reads a selection: a map of fields, or a list of such maps, or a list of texts that are searched for anywhere.
fn selection(value: &Yaml) -> Result<Node, Fault> {
    match &value.data {
        Data::Map(members) if members.is_empty() => Err(value.fault("an empty selection")),
        Data::Map(members) => {
            let nodes = members.iter().map(|(key, value)| entry(key, value));
            Ok(Node::all(nodes.collect::<Result<_, _>>()?))
        }
        Data::List(items) if items.is_empty() => Err(value.fault("an empty selection")),
        Data::List(items) => {
            let n_maps = items.iter().filter(|item| item.map().is_some()).count();
            if n_maps == items.len() {
                let nodes = items.iter().map(selection);
                Ok(Node::any(nodes.collect::<Result<_, _>>()?))
            } else if n_maps == 0 {
                keywords(items, &Modifiers::of_plain_keywords())
            } else {
                Err(value.fault("a list with both maps and texts"))
            }
        }
        _ => keywords(std::slice::from_ref(value), &Modifiers::of_plain_keywords()),
    }
}

/// Reads texts that are searched for anywhere in a record.
fn keywords(items: &[Yaml], modifiers: &Modifiers) -> Result<Node, Fault> {
    let nodes = items.iter().map(|item| {
        let text = item.text();
        let text = text.ok_or_else(|| item.fault("a keyword that is not a text"))?;
        let matcher = modifiers.matcher(&text);
        Ok(Node::Anywhere(
            matcher.map_err(|reason| item.fault(reason))?,
        ))
    });
    let nodes = nodes.collect::<Result<Vec<_>, Fault>>()?;
    Ok(match modifiers.is_all() {
        true => Node::all(nodes),
        false => Node::any(nodes),
    })
}

/// Reads a field of a map, with its values.
fn entry(key: &Yaml, value: &Yaml) -> Result<Node, Fault> {
    let Some(name) = key.text() else {
        return Err(key.fault("a key that is not a text"));
    };
    let mut parts = name.split('|');
    let field = parts.next().unwrap_or_default();
    let modifiers = Modifiers::parse(parts).map_err(|reason| key.fault(reason))?;
    let values = match &value.data {
        Data::List(items) => items.as_slice(),
        _ => std::slice::from_ref(value),
    };
    if values.is_empty() {
        return Err(value.fault(format!("no value for {name}")));
    }
    if field.is_empty() {
        let modifiers = modifiers
            .of_keywords()
            .map_err(|reason| key.fault(reason))?;
        return keywords(values, &modifiers);
    }
    let field = Field::cloudtrail(field);
    if modifiers.is_exists() {
        return match &value.data {
            Data::Boolean(true) => Ok(field.test(Test::Present)),
            Data::Boolean(false) => Ok(field.test(Test::Present).negated()),
            _ => Err(value.fault("`exists` takes true or false")),
        };
    }
    let mut nodes = Vec::new();
    for value in values {
        let text = match &value.data {
            Data::Null => {
                nodes.push(field.clone().test(Test::Null));
                continue;
            }
            _ => value
                .text()
                .ok_or_else(|| value.fault("a value that is a map or a list"))?,
        };
        nodes.push(
            modifiers
                .node(&field, &text)
                .map_err(|reason| value.fault(reason))?,
        );
    }
    let node = if modifiers.is_all() {
        Node::all(nodes)
    } else {
        Node::any(nodes)
    };
    Ok(if modifiers.is_negated() {
        node.negated()
    } else {
        node
    })
}
