//! Assembles records whose parts are separate in an answer: names in one place and values in another, or each value
//! in a wrapper with its type.
//!
//! In: a value that is not a record. Out: the objects that it means, as JSON, for the recogniser to judge like any
//! other: Athena's result sets, rows of CloudTrail Lake, fields of Logs Insights, columns and rows of Sentinel and
//! ES|QL, typed items of DynamoDB.

use crate::event::json::Value;
use crate::event::names::is_field;

/// The part of a value that the objects were built from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MadeOf {
    /// All of it.
    Whole,
    /// Its columns and rows.
    Rows,
}

/// Returns true if a member with that name is part of what objects are built from.
pub(super) fn is_of_rows(name: &str) -> bool {
    const NAMES: [&str; 8] = [
        "Rows",
        "rows",
        "values",
        "data",
        "columns",
        "Columns",
        "QueryResultRows",
        "ResultSetMetadata",
    ];
    NAMES.contains(&name)
}

/// Calls `visit` with each object that `value` means. Returns `None` if it means only itself.
pub(super) fn each_made(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> Option<MadeOf> {
    if result_set(value, visit) || table(value, visit) || lake(value, visit) {
        return Some(MadeOf::Rows);
    }
    (fields(value, visit) || typed(value, visit)).then_some(MadeOf::Whole)
}

fn member<'v>(object: Value<'v>, names: &[&str]) -> Option<Value<'v>> {
    let mut members = object.members();
    members.find_map(|(key, value)| names.contains(&key).then_some(value))
}

/// Returns the names of columns, which are texts or objects with a name.
fn names<'v>(columns: Value<'v>) -> Vec<&'v str> {
    let name = |column: Value<'v>| {
        let named = || member(column, &["name", "Name", "ColumnName", "columnName"])?.as_str();
        column.as_str().or_else(named).unwrap_or_default()
    };
    columns.elements().map(name).collect()
}

/// Reads Athena's form: `{"ResultSet":{"Rows":[{"Data":[{"VarCharValue":"x"}]}]}}`. The first row of the first page
/// has the names.
fn result_set(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> bool {
    let Some(rows) = member(value, &["Rows"]) else {
        return false;
    };
    let data = |row: Value<'_>| member(row, &["Data"]).is_some_and(Value::is_array);
    if !rows.elements().next().is_some_and(data) {
        return false;
    }
    let mut rows = rows.elements().map(|row| {
        let cells = member(row, &["Data"]).into_iter().flat_map(Value::elements);
        cells
            .map(|cell| member(cell, &["VarCharValue"]))
            .collect::<Vec<_>>()
    });
    let columns = member(value, &["ResultSetMetadata"]).and_then(|m| member(m, &["ColumnInfo"]));
    let mut columns = columns.map(names).unwrap_or_default();
    let texts = |row: &[Option<Value<'_>>]| -> Vec<String> {
        row.iter()
            .map(|cell| cell.and_then(Value::as_str).unwrap_or_default().to_owned())
            .collect()
    };
    let first = rows.next().unwrap_or_default();
    let header = texts(&first);
    if columns.is_empty() {
        columns = header.iter().map(String::as_str).collect();
    } else if columns != header {
        visit(object(columns.iter().copied().zip(first)));
    }
    rows.for_each(|row| visit(object(columns.iter().copied().zip(row))));
    true
}

/// Reads columns and rows, or columns and their values, as in Sentinel, Kusto, ES|QL, Elasticsearch's SQL and pandas.
fn table(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> bool {
    let Some(columns) = member(value, &["columns", "Columns"]).filter(|c| c.is_array()) else {
        return false;
    };
    let rows = member(value, &["rows", "Rows", "values", "data"]).filter(|rows| rows.is_array());
    let names = names(columns);
    let Some(rows) = rows.filter(|rows| rows.elements().all(Value::is_array)) else {
        return false;
    };
    let n_rows = rows.elements().count();
    if names.is_empty() || n_rows == 0 {
        return false;
    }
    let is_by_row = rows
        .elements()
        .all(|row| row.elements().count() == names.len());
    if n_rows != names.len() || is_by_row && !is_by_column(&names, rows) {
        for row in rows.elements() {
            visit(object(names.iter().copied().zip(row.elements().map(Some))));
        }
        return true;
    }
    let columns: Vec<Vec<Value<'_>>> = rows.elements().map(|c| c.elements().collect()).collect();
    for n in 0..columns.iter().map(Vec::len).max().unwrap_or(0) {
        let cells = columns.iter().map(|column| column.get(n).copied());
        visit(object(names.iter().copied().zip(cells)));
    }
    true
}

/// Returns true if the lists of a table are its columns, where there are as many lists as names. Then the actions are
/// all in one list, and not at the same place in each list.
fn is_by_column(names: &[&str], lists: Value<'_>) -> bool {
    let is_action = |value: Value<'_>| {
        let text = value.as_str().unwrap_or_default();
        text.starts_with(|c: char| c.is_ascii_uppercase())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let of_action = |name: &&str| is_field(name, "eventName") || **name == *"event.action";
    let Some(at) = names.iter().position(of_action) else {
        return false;
    };
    let by_row = |list: Value<'_>| list.elements().nth(at).is_some_and(is_action);
    let column = lists.elements().nth(at);
    !lists.elements().all(by_row) && column.is_some_and(|column| column.elements().all(is_action))
}

/// Reads CloudTrail Lake's form: `{"QueryResultRows":[[{"eventName":"x"},{"errorCode":"y"}]]}`.
fn lake(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> bool {
    let Some(rows) = member(value, &["QueryResultRows"]) else {
        return false;
    };
    for row in rows.elements() {
        let cells = row.elements().flat_map(Value::members);
        visit(object(cells.map(|(name, value)| (name, Some(value)))));
    }
    true
}

/// Reads a row of Logs Insights: `[{"field":"eventName","value":"x"}]`.
fn fields(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> bool {
    let cell = |cell: Value<'_>| member(cell, &["field"])?.as_str().map(|_| ());
    if value.elements().next().is_none() || !value.elements().all(|one| cell(one).is_some()) {
        return false;
    }
    let cells = value.elements().filter_map(|cell| {
        let name = member(cell, &["field"])?.as_str()?;
        Some((name, member(cell, &["value"])))
    });
    visit(object(cells));
    true
}

/// The types of DynamoDB's values.
const TYPES: [&str; 10] = ["S", "N", "B", "BOOL", "NULL", "M", "L", "SS", "NS", "BS"];

/// Returns the type and the content of the wrapper of a typed value.
fn unwrapped<'v>(value: Value<'v>) -> Option<(&'v str, Value<'v>)> {
    let mut members = value.members();
    let first = members.next().filter(|(name, _)| TYPES.contains(name))?;
    members.next().is_none().then_some(first)
}

/// Reads an item of DynamoDB: `{"eventName":{"S":"x"}}`.
fn typed(value: Value<'_>, visit: &mut dyn FnMut(Vec<u8>)) -> bool {
    let is_event = value.members().any(|(name, value)| {
        let is_action = is_field(name, "eventName") || matches!(name, "event.action");
        is_action && unwrapped(value).is_some()
    });
    if is_event {
        let mut json = Vec::new();
        write_plain(value, &mut json);
        visit(json);
    }
    is_event
}

/// Writes a value without the wrappers of types.
fn write_plain(value: Value<'_>, out: &mut Vec<u8>) {
    match unwrapped(value) {
        Some(("NULL", _)) => out.extend_from_slice(b"null"),
        Some(("M", map)) => write_members(map.members(), out, &write_plain),
        Some((_, inner)) => write_plain(inner, out),
        None if value.is_object() => write_members(value.members(), out, &write_plain),
        None if value.is_array() => write_elements(value, out, &write_plain),
        None => write(value, out),
    }
}

fn object<'v>(cells: impl Iterator<Item = (&'v str, Option<Value<'v>>)>) -> Vec<u8> {
    let mut json = Vec::new();
    let cells = cells.filter_map(|(name, value)| Some((name, value?)));
    write_members(cells, &mut json, &write);
    json
}

fn write(value: Value<'_>, out: &mut Vec<u8>) {
    if let Some(text) = value.as_str() {
        write_text(text, out);
    } else if value.is_object() {
        write_members(value.members(), out, &write);
    } else if value.is_array() {
        write_elements(value, out, &write);
    } else if let Some(node) = value.as_static() {
        out.extend_from_slice(node.to_string().as_bytes());
    }
}

fn write_members<'v>(
    members: impl Iterator<Item = (&'v str, Value<'v>)>,
    out: &mut Vec<u8>,
    write: &dyn Fn(Value<'_>, &mut Vec<u8>),
) {
    out.push(b'{');
    for (i, (name, value)) in members.enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b"," });
        write_text(name, out);
        out.push(b':');
        write(value, out);
    }
    out.push(b'}');
}

fn write_elements(value: Value<'_>, out: &mut Vec<u8>, write: &dyn Fn(Value<'_>, &mut Vec<u8>)) {
    out.push(b'[');
    for (i, element) in value.elements().enumerate() {
        out.extend_from_slice(if i == 0 { b"" } else { b"," });
        write(element, out);
    }
    out.push(b']');
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a string can always be written");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(json: &str) -> Vec<String> {
        let mut bytes = json.as_bytes().to_vec();
        let tape = simd_json::to_tape(&mut bytes).unwrap();
        let mut found = Vec::new();
        let is_made = each_made(Value::of(&tape), &mut |json| {
            found.push(String::from_utf8(json).unwrap());
        });
        assert_eq!(is_made.is_some(), !found.is_empty());
        found
    }

    #[test]
    fn names_and_values_that_stand_apart_are_put_together() {
        let expected = [r#"{"a":"1","b":"2"}"#, r#"{"a":"3"}"#];
        for json in [
            r#"{"Rows":[{"Data":[{"VarCharValue":"a"},{"VarCharValue":"b"}]},{"Data":[{"VarCharValue":"1"},{"VarCharValue":"2"}]},{"Data":[{"VarCharValue":"3"},{}]}]}"#,
            r#"{"Rows":[{"Data":[{"VarCharValue":"1"},{"VarCharValue":"2"}]},{"Data":[{"VarCharValue":"3"},{}]}],"ResultSetMetadata":{"ColumnInfo":[{"Name":"a"},{"Name":"b"}]}}"#,
            r#"{"QueryResultRows":[[{"a":"1"},{"b":"2"}],[{"a":"3"}]]}"#,
        ] {
            assert_eq!(made(json), expected, "{json}");
        }
        let expected = [r#"{"a":1,"b":{"c":[null,1.5]}}"#];
        for json in [
            r#"{"columns":[{"name":"a"},{"name":"b"}],"rows":[[1,{"c":[null,1.5]}]]}"#,
            r#"{"columns":["a","b"],"values":[[1],[{"c":[null,1.5]}]]}"#,
            r#"[{"field":"a","value":1},{"field":"b","value":{"c":[null,1.5]}}]"#,
        ] {
            assert_eq!(made(json), expected, "{json}");
        }
        // If there are as many rows as columns, the actions decide.
        for lists in [r#"[["A",1],["B",2]]"#, r#"[["A","B"],[1,2]]"#] {
            let square = format!(r#"{{"columns":["eventName","a"],"values":{lists}}}"#);
            let expected = [r#"{"eventName":"A","a":1}"#, r#"{"eventName":"B","a":2}"#];
            assert_eq!(made(&square), expected);
        }
        let square = made(r#"{"columns":["a","b"],"values":[["A",2],["B",4]]}"#);
        assert_eq!(square, [r#"{"a":"A","b":2}"#, r#"{"a":"B","b":4}"#]);
    }

    #[test]
    fn the_types_of_dynamodb_are_taken_off() {
        assert_eq!(
            made(
                r#"{"eventName":{"S":"x"},"a":{"M":{"b":{"N":"1"},"c":{"NULL":true}}},"l":{"L":[{"S":"y"}]},"s":{"SS":["z"]}}"#
            ),
            [r#"{"eventName":"x","a":{"b":"1","c":null},"l":["y"],"s":["z"]}"#]
        );
    }

    #[test]
    fn other_values_mean_themselves() {
        for json in [
            "{}",
            "[]",
            r#"{"columns":[],"rows":[]}"#,
            r#"{"columns":3}"#,
            r#"{"a":{"S":"x"}}"#,
            r#"[{"field":1}]"#,
            r#"{"Rows":[{"a":1}]}"#,
        ] {
            assert_eq!(made(json), [""; 0], "{json}");
        }
    }
}
