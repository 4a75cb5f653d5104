//! Events beside the alerts: counted always, shown where an analyst must see them, written where asked for.

use crate::lake::{Lake, attach, rows};

fn with(id: &str, action: &str) -> String {
    attach(id).replace("AttachUserPolicy", action)
}

fn failed(id: &str, action: &str) -> String {
    with(id, action).replace(r#""readOnly":false"#, r#""errorCode":"AccessDenied""#)
}

fn legacy(id: &str, action: &str) -> String {
    let arn = r#""policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2""#;
    let name = r#""policyName":"AWSExposedCredentialPolicy_DO_NOT_REMOVE""#;
    with(id, action).replace(arn, name)
}

fn lake() -> Lake {
    Lake::new().gzip(
        "a.json.gz",
        [
            attach("alert"),
            failed("failed", "AttachUserPolicy"),
            with("lifted", "DetachUserPolicy"),
            with("role", "AttachRolePolicy"),
            with("group", "AttachGroupPolicy"),
            with("read", "GetPolicy"),
            with("created", "CreatePolicy"),
            legacy("legacy", "PutUserPolicy"),
            legacy("unlegacy", "DeleteUserPolicy"),
        ]
        .join("\n"),
    )
}

#[test]
fn related_events_are_counted_and_the_lifted_and_failed_ones_shown() {
    let hunt = lake().hunt(&[]).exits(0).finds(&["alert"]);
    let expected = serde_json::json!({
        "failed_attach": 1, "detach": 2, "other_attach": 2, "legacy_quarantine": 1, "read": 1, "mention": 1,
    });
    assert_eq!(hunt.report["related"], expected);
    hunt.says("related     1 failed_attach, 2 detach, 2 other_attach, 1 legacy_quarantine,\n            1 read, 1 mention\n")
        .shows("Not alerts, but check these")
        .shows("failed_attach  2024-05-01 12:00:00");
}

#[test]
fn related_events_have_the_columns_of_alerts_and_a_relation() {
    let lake = lake();
    let hunt = lake
        .hunt(&["--related", "related.ndjson"])
        .exits(0)
        .finds(&["alert"]);
    let hunt = hunt.says("written     alerts.ndjson, related.ndjson");
    let related = rows(&lake.beside("related.ndjson"));
    let text = |row: &serde_json::Value, name: &str| row[name].as_str().unwrap().to_owned();
    let found: Vec<_> = related
        .iter()
        .map(|row| {
            (
                text(row, "event_id"),
                text(row, "relation"),
                text(row, "matched_field"),
            )
        })
        .collect();
    let arn = "requestParameters.policyArn";
    let name = "requestParameters.policyName";
    let expected = [
        ("failed", "failed_attach", arn),
        ("lifted", "detach", arn),
        ("role", "other_attach", arn),
        ("group", "other_attach", arn),
        ("read", "read", arn),
        ("created", "mention", arn),
        ("legacy", "legacy_quarantine", name),
        ("unlegacy", "detach", name),
    ];
    let expected = expected.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
    assert_eq!(found, expected);
    assert_eq!(related[0]["rule_id"], hunt.alerts[0]["rule_id"]);
    assert_eq!(
        related[6]["policy_name"],
        "AWSExposedCredentialPolicy_DO_NOT_REMOVE"
    );
}

#[test]
fn a_mention_elsewhere_in_the_record_says_where() {
    let record = crate::lake::other("1").replace(
        r#""responseElements":null"#,
        r#""responseElements":{"policies":[{"arn":"AWSCompromisedKeyQuarantineV3"}]}"#,
    );
    let lake = Lake::new().file("a", record);
    lake.hunt(&["--related", "related.ndjson"])
        .exits(0)
        .finds(&[]);
    let related = rows(&lake.beside("related.ndjson"));
    assert_eq!(
        related[0]["matched_field"],
        "responseElements.policies[0].arn"
    );
    assert_eq!(related[0]["relation"], "read");
}

#[test]
fn an_escape_that_hides_nothing_is_no_related_event() {
    let record = crate::lake::other("1").replace("ListUsers", r"List\u0055sers");
    let lake = Lake::new().file("a", record);
    let hunt = lake.hunt(&["--related", "related.ndjson"]).exits(0);
    assert_eq!(hunt.report["events_judged"], 1);
    assert!(rows(&lake.beside("related.ndjson")).is_empty());
}

#[test]
fn related_events_come_in_the_same_order_for_any_number_of_threads() {
    let text: Vec<String> = (0..9000)
        .map(|i| failed(&format!("{i:05}"), "AttachUserPolicy"))
        .collect();
    let lake = Lake::new()
        .file("a", text.join("\n"))
        .file("b", text[..50].join("\n"));
    let written = |threads: &str| {
        lake.hunt(&["--threads", threads, "--related", "related.ndjson"])
            .exits(0)
            .shows("and 9,030 more");
        rows(&lake.beside("related.ndjson"))
    };
    let one = written("1");
    assert!(one == written("4"));
    // Where they are not written, the first of them are shown all the same.
    let shown = |threads: &str| {
        let hunt = lake
            .hunt(&["--threads", threads])
            .exits(0)
            .shows("and 9,030 more");
        let is_row = |line: &&str| line.starts_with("failed_attach  ");
        hunt.stdout
            .lines()
            .filter(is_row)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(shown("1").len(), 20);
    assert_eq!(shown("1"), shown("4"));
}

#[test]
fn a_file_for_related_events_that_makes_no_sense_is_refused() {
    for args in [
        ["--related", "alerts.ndjson"],
        ["--related", "report.json"],
        ["--related", "related.txt"],
        ["--related", "-"],
    ] {
        let hunt = lake().hunt(&args);
        assert_eq!(hunt.exit, Some(2), "{args:?}: {}", hunt.stderr);
    }
}
