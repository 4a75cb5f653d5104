//! Finds a table's columns, and those among them that decide which rows matter.

use parquet::basic::Type;
use parquet::schema::types::{ColumnDescriptor, SchemaDescriptor};

use crate::event::is_own_field;

/// The relevant columns of a table.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Columns {
    /// The column that contains the event's action, one value per row, if the other fields of the event are
    /// next to it.
    pub(super) action: Option<usize>,
    /// The columns that contain the request of the same event, or something that is no field of a record and
    /// may be the whole record.
    pub(super) request: Vec<usize>,
    /// The column that contains the time of the same event.
    pub(super) time: Option<usize>,
    /// True if these are columns of a CloudTrail table.
    pub(super) is_known: bool,
}

/// Known layouts: the column of the action, what must be next to it (below the same path, one column begins
/// with one of these), and the event's time.
const LAYOUTS: [(&str, &[&str], &str); 2] = [
    // Athena and Glue, whose columns are in lower case, and Spark, which keeps CloudTrail's names.
    ("eventname", &["requestparameters"], "eventtime"),
    // OCSF, which Security Lake uses.
    (
        "api.operation",
        &["api.request.data", "unmapped", "raw_data"],
        "time",
    ),
];

impl Columns {
    pub(super) fn of(schema: &SchemaDescriptor) -> Self {
        let path = |column: &ColumnDescriptor| column.path().string().to_ascii_lowercase();
        let paths: Vec<String> = schema.columns().iter().map(|c| path(c)).collect();
        let is_below = |path: &str, prefix: &str| {
            let rest = path.strip_prefix(prefix);
            // A request may be spread over several columns, separated by any of these characters.
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '_', '/']))
        };
        let (mut found, mut request, mut time) = (Vec::new(), Vec::new(), None);
        for (leaf, column) in schema.columns().iter().enumerate() {
            let is_text = column.physical_type() == Type::BYTE_ARRAY && column.max_rep_level() == 0;
            for (name, beside, when) in LAYOUTS {
                let Some(before) = paths[leaf].strip_suffix(name) else {
                    continue;
                };
                let is_name = before.is_empty() || before.ends_with('.');
                let prefixes = beside.iter().map(|one| format!("{before}{one}"));
                let prefixes: Vec<String> = prefixes.collect();
                let is_of_request = |path: &str| prefixes.iter().any(|one| is_below(path, one));
                let leaves = (0..paths.len()).filter(|leaf| is_of_request(&paths[*leaf]));
                let mut leaves: Vec<usize> = leaves.collect();
                if is_text && is_name && !leaves.is_empty() {
                    found.push(leaf);
                    // OCSF has a column for the record itself.
                    let is_foreign = |leaf: &usize| {
                        let own = paths[*leaf]
                            .strip_prefix(before)
                            .map(|rest| rest.split('.').next());
                        let is_own = own.flatten().is_some_and(is_own_field);
                        let column = schema.column(*leaf);
                        !is_own && column.physical_type() == Type::BYTE_ARRAY
                    };
                    if name == "eventname" {
                        leaves.extend((0..paths.len()).filter(is_foreign));
                        leaves.sort_unstable();
                        leaves.dedup();
                    }
                    request = with_whole_lists(schema, leaves);
                    time = paths
                        .iter()
                        .position(|path| *path == format!("{before}{when}"));
                }
            }
        }
        Self {
            // If there are two, it is unclear which one belongs to an event.
            action: found.first().copied().filter(|_| found.len() == 1),
            request,
            time: time.filter(|_| found.len() == 1),
            is_known: !found.is_empty(),
        }
    }
}

/// Adds, to each column of a list or a map, all other columns below the same root, because no part of a map
/// can be read alone.
fn with_whole_lists(schema: &SchemaDescriptor, leaves: Vec<usize>) -> Vec<usize> {
    let root = |leaf: &usize| schema.get_column_root_idx(*leaf);
    let is_in_list = |leaf: &&usize| schema.column(**leaf).max_rep_level() > 0;
    let roots: Vec<usize> = leaves.iter().filter(is_in_list).map(root).collect();
    (0..schema.num_columns())
        .filter(|leaf| leaves.contains(leaf) || roots.contains(&root(leaf)))
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parquet::schema::parser::parse_message_type;

    use super::*;

    fn action(columns: &str) -> Option<String> {
        let schema = parse_message_type(&format!("message m {{ {columns} }}")).unwrap();
        let schema = SchemaDescriptor::new(Arc::new(schema));
        let leaf = Columns::of(&schema).action?;
        Some(schema.column(leaf).path().string())
    }

    #[test]
    fn a_foreign_map_is_taken_as_a_whole() {
        let text = "optional binary";
        let columns = format!(
            "{text} eventname (UTF8); {text} requestparameters (UTF8); optional group mine (MAP) {{ \
             repeated group key_value {{ required int32 key; {text} value; }} }} optional int32 other;"
        );
        let schema = parse_message_type(&format!("message m {{ {columns} }}")).unwrap();
        let schema = SchemaDescriptor::new(Arc::new(schema));
        assert_eq!(Columns::of(&schema).request, [1, 2, 3]);
    }

    #[test]
    fn the_action_is_found_in_the_tables_of_athena_spark_and_security_lake() {
        let text = "optional binary";
        for (columns, expected) in [
            (
                format!("{text} eventname (UTF8); {text} requestparameters (UTF8);"),
                "eventname",
            ),
            (
                format!(
                    "{text} eventName (UTF8); optional group requestParameters {{ {text} policyArn (UTF8); }}"
                ),
                "eventName",
            ),
            (
                format!("optional group detail {{ {text} eventName; {text} requestParameters; }}"),
                "detail.eventName",
            ),
            (
                format!(
                    "optional group api {{ {text} operation; optional group request {{ {text} data; }} }}"
                ),
                "api.operation",
            ),
        ] {
            assert_eq!(action(&columns).as_deref(), Some(expected), "{columns}");
        }
        for columns in [
            // No column of the request: what the rule checks may be anywhere.
            format!("{text} eventname; {text} raw;"),
            format!("{text} value;"),
            // Several events per row.
            format!("repeated group Records {{ {text} eventName; {text} requestParameters; }}"),
            // Two action columns.
            format!("{text} eventname; {text} eventName; {text} requestparameters;"),
            format!("{text} myeventname; {text} requestparameters;"),
            "optional int32 eventname; optional binary requestparameters;".to_owned(),
        ] {
            assert_eq!(action(&columns), None, "{columns}");
        }
    }
}
