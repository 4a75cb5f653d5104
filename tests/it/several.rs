//! Several records in one text that is parsed at once: each has an id, an offset and a text of its own.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::lake::{Lake, attach, delivery};

/// Texts with two records, as they are found in a string.
fn texts(first: &str, second: &str) -> Vec<String> {
    vec![
        delivery(&[first.to_owned(), second.to_owned()]),
        format!("[{first}, {second}]"),
        format!("[{{\"x\":[0,\"}}{{\"]}},\n  {first},\n  {second}\n]"),
        format!("{first}\n{second}\n"),
        format!("{first}{second}"),
        format!("2024-05-01 one: {first} two: {second}"),
        json!({"a": {"b": first}})
            .to_string()
            .replace("\"b\"", "\"c\":1,\"b\"")
            + second,
    ]
}

fn unlike(alerts: &[Value], column: &str) -> BTreeSet<String> {
    alerts
        .iter()
        .map(|alert| alert[column].to_string())
        .collect()
}

#[test]
fn records_in_one_string_have_ids_offsets_and_texts_of_their_own() {
    // The same record twice is two rows as well.
    for (first, second) in [("1", "2"), ("1", "1")] {
        for text in texts(&attach(first), &attach(second)) {
            let in_string = json!({"timestamp": 1, "message": text}).to_string();
            let twice = json!({"log": in_string}).to_string();
            for stored in [in_string, twice] {
                let n_bytes = stored.len() as u64;
                let lake = Lake::new().file("a.json", &stored);
                let hunt = lake.hunt(&[]).exits(0).finds(&[first, second]);
                for column in ["alert_id", "log_offset"] {
                    assert_eq!(unlike(&hunt.alerts, column).len(), 2, "{column}: {stored}");
                }
                for (alert, id) in hunt.alerts.iter().zip([first, second]) {
                    assert_eq!(alert["raw_event"], attach(id), "{stored}");
                    assert!(alert["log_offset"].as_u64().unwrap() < n_bytes);
                }
            }
        }
    }
}

#[test]
fn the_index_of_a_record_in_a_string_is_that_in_the_array_round_it() {
    let text = format!("{{\"Records\":[{{}},{},[],{}]}}", attach("1"), attach("2"));
    let lake = Lake::new().file("a.json", json!({"message": text}).to_string());
    let hunt = lake.hunt(&[]).exits(0).finds(&["1", "2"]);
    let index: Vec<_> = hunt
        .alerts
        .iter()
        .map(|alert| alert["record_index"].clone())
        .collect();
    assert_eq!(index, [1, 3]);
}

#[test]
fn a_word_that_a_rule_searches_for_in_the_name_of_a_column_is_no_doubt() {
    let query = r#"any where stringContains(aws.cloudtrail.request_parameters, "publicAccess")"#;
    let table = |column: &str| {
        format!(
            "eventVersion,eventTime,eventSource,eventName,eventID,{column}\n\
             1.08,2024-05-01T12:00:00Z,rds.amazonaws.com,ModifyDBInstance,1,true\n"
        )
    };
    let hunt = |column: &str| {
        let lake = Lake::new().file("a.csv", table(column));
        lake.hunt(&["--query", query])
    };
    hunt("requestParameters.inner.publicAccess").exits(0);
    // A table may have a column for each value.
    for column in [
        "requestParameters.name_arn:aws:publicAccess",
        "publicAccess",
        "eventName_publicAccess",
    ] {
        hunt(column).exits(3);
    }
}
