//! Rules from files and queries, on the command line.

use std::fs;
use std::process::{Command, Output};

use serde_json::{Value, json};

use crate::lake::{Lake, TRAILSIFT, attach, gzip, rows};

/// Runs a command beside an archive.
fn run(lake: &Lake, args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(args);
    command.output().unwrap()
}

#[track_caller]
fn succeeds(lake: &Lake, args: &[&str]) -> String {
    let output = run(lake, args);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (out, err) = (text(output.stdout), text(output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}{err}");
    out + &err
}

#[track_caller]
fn refuses(lake: &Lake, args: &[&str], why: &str) {
    let output = run(lake, args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(why), "{why:?} is not in {stderr}");
}

/// Returns the exit code, and what is printed on both outputs.
fn exit_and_text(lake: &Lake, args: &[&str]) -> (Option<i32>, String) {
    let output = run(lake, args);
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// A record of this user's call.
fn call(id: &str, name: &str, action: &str) -> String {
    json!({
        "eventVersion": "1.09",
        "eventTime": format!("2024-05-0{}T12:00:00Z", 1 + id.len() % 9),
        "eventID": id,
        "eventName": action,
        "eventSource": "iam.amazonaws.com",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "aws-cli/2",
        "recipientAccountId": "111122223333",
        "userIdentity": {
            "type": "IAMUser",
            "userName": name,
            "arn": format!("arn:aws:iam::111122223333:user/{name}"),
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
        },
        "requestParameters": {"userName": "made"},
    })
    .to_string()
}

fn sigma(id: &str, level: &str, action: &str) -> String {
    format!(
        "title: Call of {action}\nid: {id}\nlevel: {level}\nauthor: A. Author, B. Author\n\
         tags: [attack.persistence]\nlogsource: {{product: aws, service: cloudtrail}}\n\
         detection:\n  made: {{eventName: {action}}}\n  condition: made\n"
    )
}

const ELASTIC: &str = r#"
[rule]
author = ["Example"]
name = "A key was made"
rule_id = "key"
risk_score = 47
severity = "medium"
index = ["logs-aws.cloudtrail-*"]
type = "eql"
language = "eql"
tags = ["Tactic: Persistence"]
query = '''
any where event.action == "CreateAccessKey" and event.outcome == "success"
'''
"#;

const UNSUPPORTED: &str = r#"
[rule]
name = "Aggregates"
rule_id = "esql"
risk_score = 47
severity = "high"
type = "esql"
language = "esql"
query = "from logs-aws.cloudtrail-* | stats count()"
"#;

/// An archive with calls, and folders of rules beside it.
fn archive() -> Lake {
    let calls = [
        call("1", "alice", "CreateUser"),
        call("22", "bob", "CreateAccessKey"),
        call("333", "deploy-1", "CreateUser"),
        call("4444", "alice", "ListUsers"),
        attach("q"),
    ];
    let records = format!(r#"{{"Records":[{}]}}"#, calls.join(","));
    let lake = Lake::new().file("a.json.gz", gzip(records.as_bytes()));
    for (name, text) in [
        ("elastic/aws/key.toml", ELASTIC),
        ("elastic/aws/esql.toml", UNSUPPORTED),
        ("sigma/aws/user.yml", &sigma("user", "high", "createuser")),
        ("sigma/aws/list.yml", &sigma("list", "low", "GetUser")),
    ] {
        let path = lake.beside(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    lake
}

const RULES: [&str; 4] = ["--rules", "elastic/aws", "--rules", "sigma/aws"];

/// Hunts with these options, and returns the rows and the report.
fn hunt(lake: &Lake, options: &[&str]) -> (Vec<Value>, Value, String) {
    let outputs = [
        "hunt",
        "logs",
        "-o",
        "alerts.ndjson",
        "--report",
        "report.json",
        "--force",
    ];
    let text = succeeds(lake, &[&outputs[..], options].concat());
    let report = fs::read(lake.beside("report.json")).unwrap();
    let rows = rows(&lake.beside("alerts.ndjson"));
    (rows, serde_json::from_slice(&report).unwrap(), text)
}

/// The rule's and the event's id of each row.
fn found(rows: &[Value]) -> Vec<(String, String)> {
    let text = |row: &Value, key: &str| row[key].as_str().unwrap().to_owned();
    let mut found: Vec<_> = rows
        .iter()
        .map(|row| (text(row, "rule_id"), text(row, "event_id")))
        .collect();
    found.sort();
    found
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    pairs.collect()
}

#[test]
fn rules_of_two_packs_run_in_one_pass_and_name_their_rows() {
    let lake = archive();
    let (rows, report, text) = hunt(&lake, &RULES);
    assert_eq!(
        found(&rows),
        pairs(&[("key", "22"), ("user", "1"), ("user", "333")])
    );
    let row = rows.iter().find(|row| row["rule_id"] == "user").unwrap();
    assert_eq!(row["rule_pack"], "sigma/aws");
    assert_eq!(row["rule_file"], "user.yml");
    assert_eq!(row["severity"], "high");
    assert_eq!(row["rule_authors"], json!(["A. Author", "B. Author"]));
    assert_eq!(row["rule_tags"], json!(["attack.persistence"]));
    assert_eq!(row["matched_field"], "eventName");
    assert_eq!(row["target_user_name"], "made");
    assert_eq!(row["resource"], "made");
    assert!(
        text.contains("3 run, 1 refused (list: trailsift rules list --refused)"),
        "{text}"
    );
    assert!(
        text.contains("2 of 3 rules found something, 1 nothing"),
        "{text}"
    );
    let rules = report["rules"].as_array().unwrap();
    let counts: Vec<_> = rules
        .iter()
        .map(|rule| {
            (
                rule["id"].as_str().unwrap(),
                rule["alerts"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counts, [("key", 1), ("list", 0), ("user", 2)]);
    assert_eq!(rules[2]["distinct_actors"], 2);
    assert_eq!(report["rules_refused"][0]["id"], "esql");
    assert_eq!(report["distinct_events_matched"], 3);
    assert_eq!(report["severities"][0]["severity"], "high");
    assert_eq!(report["severities"][0]["distinct_events"], 2);
    assert_eq!(report["severities"][0]["busiest_day_alerts"], 1);
    assert_eq!(report["events_read"], 5);
}

#[test]
fn rules_are_chosen_by_id_title_severity_and_tag() {
    let lake = archive();
    let chosen = |options: &[&str]| found(&hunt(&lake, &[&RULES[..], options].concat()).0);
    assert_eq!(chosen(&["--rule", "KEY"]), pairs(&[("key", "22")]));
    assert_eq!(
        chosen(&["--rule", "call of *"]),
        pairs(&[("user", "1"), ("user", "333")])
    );
    assert_eq!(chosen(&["--exclude-rule", "user"]), pairs(&[("key", "22")]));
    assert_eq!(
        chosen(&["--min-severity", "high"]),
        pairs(&[("user", "1"), ("user", "333")])
    );
    assert_eq!(chosen(&["--tag", "tactic: *"]), pairs(&[("key", "22")]));
    let with = |options: &[&'static str]| [&["hunt", "logs"], &RULES[..], options].concat();
    refuses(
        &lake,
        &with(&["--rule", "nosuch"]),
        "no rule has the id or name nosuch",
    );
    refuses(
        &lake,
        &with(&["--rule", "esql"]),
        "the rule esql cannot run: esql.toml",
    );
    refuses(
        &lake,
        &with(&["--strict-rules"]),
        "1 of the rules cannot run",
    );
    let one = ["hunt", "logs", "--rules", "elastic/aws/esql.toml"];
    refuses(&lake, &one, "the language \"esql\" is not supported");
}

#[test]
fn a_query_alone_is_a_rule() {
    let lake = archive();
    let query = r#"any where event.action == "CreateUser" and user.name : "deploy-*""#;
    let (rows, ..) = hunt(&lake, &["--query", query]);
    assert_eq!(found(&rows), pairs(&[("query", "333")]));
    let kql = "kql: event.provider: iam.amazonaws.com and not user.name: (alice or deploy-*)";
    let (rows, ..) = hunt(&lake, &["--query", kql, "--query", query]);
    assert_eq!(
        found(&rows),
        pairs(&[("query", "22"), ("query", "q"), ("query-2", "333")])
    );
    let wrong = ["hunt", "logs", "--query", "any where event.action = 'x'"];
    refuses(&lake, &wrong, "column 24");
}

#[test]
fn exceptions_suppress_alerts_and_are_counted() {
    let lake = archive();
    let exceptions = "[[exception]]\nreason = \"the pipeline\"\nrules = [\"user\"]\n\
        kql = 'user.name: deploy-*'\n[[exception]]\nrules = [\"nosuch\"]\nkql = 'user.name: x'\n";
    fs::write(lake.beside("exceptions.toml"), exceptions).unwrap();
    let options = [&RULES[..], &["--exceptions", "exceptions.toml"]].concat();
    let (rows, report, text) = hunt(&lake, &options);
    assert_eq!(found(&rows), pairs(&[("key", "22"), ("user", "1")]));
    assert_eq!(report["rules"][2]["suppressed"], 1);
    assert_eq!(
        report["exceptions"],
        json!([
            {"line": 1, "reason": "the pipeline", "rules": 1, "suppressed": 1},
            {"line": 5, "reason": null, "rules": 0, "suppressed": 0},
        ])
    );
    assert!(
        text.contains("1 alert by the exception in line 1 (the pipeline)\n"),
        "{text}"
    );
    let of_none = "by the exception in line 5: no rule of this run has its id or title";
    assert!(text.contains(of_none), "{text}");
    fs::write(
        lake.beside("exceptions.toml"),
        "[[exception]]\nkql = 'a.*: b'\n",
    )
    .unwrap();
    let args = [&["hunt", "logs"], &options[..]].concat();
    refuses(&lake, &args, "exceptions.toml: line 2: in the query");
}

#[test]
fn rows_beyond_the_maximum_are_counted() {
    let lake = archive();
    let options = [&RULES[..], &["--max-per-rule", "1"]].concat();
    let (rows, report, text) = hunt(&lake, &options);
    assert_eq!(found(&rows), pairs(&[("key", "22"), ("user", "1")]));
    assert_eq!(report["rules"][2]["left_out"], 1);
    assert!(
        text.contains("1 alert beyond the rows that a rule may have"),
        "{text}"
    );
    let none = [&RULES[..], &["--max-per-rule", "0"]].concat();
    let (rows, fewer, _) = hunt(&lake, &none);
    let key = "distinct_events_matched";
    assert_eq!((rows.len(), &fewer[key]), (0, &report[key]));
    assert_eq!(report[key], 3);
    let args = [
        &["hunt", "logs", "--fail-on-alerts", "-o", "b.ndjson"],
        &none[..],
    ]
    .concat();
    assert_eq!(run(&lake, &args).status.code(), Some(5));
}

#[test]
fn a_ledger_is_for_the_same_rules_and_exceptions() {
    let lake = archive();
    let state = [&RULES[..], &["--state", "hunt.state"]].concat();
    let (rows, ..) = hunt(&lake, &state);
    assert_eq!(rows.len(), 3);
    let args = [&["hunt", "logs", "-o", "b.ndjson"], &state[..]].concat();
    let fewer = [&args[..], &["--exclude-rule", "list"]].concat();
    let output = run(&lake, &fewer);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("another rule"), "{stderr}");
    let exceptions = "[[exception]]\nkql = 'user.name: x'\n";
    fs::write(lake.beside("exceptions.toml"), exceptions).unwrap();
    let excepted = [&args[..], &["--exceptions", "exceptions.toml"]].concat();
    let output = run(&lake, &excepted);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("another --exceptions"), "{stderr}");
}

#[test]
fn rules_are_listed_checked_and_explained() {
    let lake = archive();
    let list = succeeds(&lake, &["rules", "list", "elastic/aws", "sigma/aws"]);
    assert!(
        list.contains("high          sigma/aws/user.yml  Call of createuser"),
        "{list}"
    );
    assert!(list.ends_with("3 rules run, 1 cannot\n"), "{list}");
    let refused = succeeds(&lake, &["rules", "list", "--refused", "elastic/aws"]);
    assert!(
        refused.contains("esql.toml: the language \"esql\" is not supported"),
        "{refused}"
    );
    let json = succeeds(&lake, &["rules", "list", "--format", "json"]);
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["pack"], "builtin");
    let explained = succeeds(&lake, &["rules", "explain", "sigma/aws", "--rule", "user"]);
    assert!(explained.contains("actions  createuser"), "{explained}");
    let checked = run(&lake, &["rules", "check", "elastic/aws"]);
    assert_eq!(checked.status.code(), Some(3));
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(
        text.contains("2 rules checked: 1 cannot run, 0 have warnings"),
        "{text}"
    );
    let never = ELASTIC.replace("any where", "file where");
    fs::write(lake.beside("never.toml"), never).unwrap();
    let checked = run(&lake, &["rules", "check", "never.toml"]);
    let text = String::from_utf8(checked.stdout).unwrap();
    assert_eq!(checked.status.code(), Some(3), "{text}");
    assert!(
        text.contains("can never match: its category is that of none"),
        "{text}"
    );
    let misspelt = sigma("misspelt", "low", "ListUsers").replace("eventName", "eventname");
    fs::write(lake.beside("misspelt.yml"), misspelt).unwrap();
    let checked = succeeds(&lake, &["rules", "check", "misspelt.yml"]);
    let expected = "no record has the field `eventname`: probably `eventName` is meant";
    assert!(checked.contains(expected), "{checked}");
    let fine = succeeds(&lake, &["rules", "check", "sigma/aws"]);
    assert!(
        fine.contains("2 rules checked: 0 cannot run, 0 have warnings"),
        "{fine}"
    );
}

#[test]
fn a_test_of_a_rule_says_what_held_in_each_event() {
    let lake = archive();
    let text = succeeds(
        &lake,
        &["rules", "test", "elastic/aws/key.toml", "logs/a.json.gz"],
    );
    assert!(
        text.contains("1 of 5 events match A key was made"),
        "{text}"
    );
    assert!(
        text.contains("held        event.action is \"CreateAccessKey\""),
        "{text}"
    );
    assert!(text.starts_with("match  "), "{text}");
    assert!(
        text.contains("failed      event.action is \"CreateAccessKey\"   (is ListUsers)"),
        "{text}"
    );
    let query = r#"any where event.action == "CreateUser" and source.geo.name == "x""#;
    let text = succeeds(
        &lake,
        &["rules", "test", query, "logs/a.json.gz", "--max", "1"],
    );
    assert!(
        text.contains("no field    source.geo.name is \"x\""),
        "{text}"
    );
    assert!(
        text.contains("and 4 more events (--max N shows more)"),
        "{text}"
    );
    let args = ["rules", "test", "nosuch.toml", "logs/a.json.gz"];
    refuses(&lake, &args, "is neither a file nor a query");
    // The query is on a line of its own, with a mark below the place.
    let args = ["rules", "test", "kql: user.name = bob", "logs/a.json.gz"];
    refuses(
        &lake,
        &args,
        "`field: value`\n  kql: user.name = bob\n       ^\n",
    );
}

#[test]
fn a_test_of_a_rule_says_what_a_hunt_leaves_undecided() {
    let record = r#"{"eventName":"ListUsers","eventSource":"iam.amazonaws.com","eventID":"1","eventTime":"yesterday"}"#;
    let lake = Lake::new().file("a.json", record);
    let query = r#"any where event.action == "ListUsers" and @timestamp >= "2024-05-01""#;
    let (exit, text) = exit_and_text(&lake, &["rules", "test", query, "logs"]);
    assert_eq!(exit, Some(3), "{text}");
    let reason = "\n  the rule compares a time that the event does not have";
    assert!(text.starts_with("undecided  yesterday"), "{text}");
    assert!(text.contains(reason), "{text}");
    assert!(text.ends_with("1 event cannot be decided\n"), "{text}");
    let (exit, _) = exit_and_text(
        &lake,
        &["hunt", "-q", "--query", query, "-o", "a.csv", "logs"],
    );
    assert_eq!(exit, Some(3), "as in a hunt");
    let other = query.replace("ListUsers", "ListRoles");
    let (exit, text) = exit_and_text(&lake, &["rules", "test", &other, "logs"]);
    assert_eq!(exit, Some(0), "{text}");
    assert!(text.starts_with("no match"), "{text}");
}

#[test]
fn a_rule_that_is_excluded_and_does_not_exist_is_told() {
    let lake = archive();
    let hunt = |excluded: &str| {
        let args = ["hunt", "-q", "--rules", "sigma", "--exclude-rule", excluded];
        exit_and_text(&lake, &[&args[..], &["-o", "a.csv", "logs"]].concat())
    };
    let (_, text) = hunt("nosuch*");
    let warning = "warning: --exclude-rule nosuch*: no rule has this id or name\n";
    assert!(text.contains(warning), "{text}");
    let (_, text) = hunt("user");
    assert!(!text.contains("--exclude-rule"), "{text}");
}

#[test]
fn an_explanation_of_rules_that_cannot_run_says_so() {
    let lake = archive();
    let bad = sigma("bad", "low", "A").replace("condition: made", "condition: nosuch");
    fs::write(lake.beside("bad.yml"), bad).unwrap();
    let (exit, text) = exit_and_text(&lake, &["rules", "explain", "bad.yml"]);
    assert_eq!(exit, Some(3), "{text}");
    assert!(text.starts_with("cannot run "), "{text}");
    assert!(
        text.ends_with("0 rules, 0 for which every record must be parsed; 1 cannot run\n"),
        "{text}"
    );
}

#[test]
fn many_rules_find_the_same_in_every_form_of_the_records() {
    // Enough rules that their actions are looked up by their key, and records in forms that name it otherwise.
    let lake = archive();
    let many: String = (0..40)
        .map(|n| sigma(&format!("r{n}"), "low", &format!("Action{n}")) + "---\n")
        .collect();
    fs::write(lake.beside("sigma/aws/many.yml"), many).unwrap();
    let record: Value = serde_json::from_str(&call("5", "alice", "Action7")).unwrap();
    let text = record.to_string();
    let forms = [
        ("plain.json", text.clone()),
        ("spaced.json", serde_json::to_string_pretty(&json!({"Records": [record]})).unwrap()),
        ("lower.json", text.replace("eventName", "eventname")),
        ("quoted.json", json!({"message": text}).to_string()),
        ("twice.json", json!({"event": {"original": json!({"m": text}).to_string()}}).to_string()),
        ("escaped.json", text.replace("Action7", "Acti\\u006fn7")),
        ("key.json", text.replace("eventName", "event\\u004eame")),
        ("small.json", text.replace("Action7", "ACTION7")),
        (
            "ecs.json",
            json!({
                "@timestamp": "2024-05-01T12:00:00Z",
                "event": {"action": "Action7", "provider": "iam.amazonaws.com", "outcome": "success",
                    "dataset": "aws.cloudtrail", "id": "5"},
                "aws": {"cloudtrail": {"event_version": "1.09"}},
            })
            .to_string(),
        ),
        (
            "rows.csv",
            "eventVersion,eventTime,eventID,eventName,eventSource\n\
             1.09,2024-05-01T12:00:00Z,5,Action7,iam.amazonaws.com\n"
                .to_owned(),
        ),
    ];
    for (name, text) in forms {
        let form = Lake::new().file(name, text);
        let rules = lake.beside("sigma/aws");
        let output = Command::new(TRAILSIFT)
            .current_dir(form.beside(""))
            .args(["hunt", "logs", "-q", "-o", "alerts.ndjson", "--rules"])
            .arg(&rules)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{name}: {stderr}");
        let rows = rows(&form.beside("alerts.ndjson"));
        assert_eq!(rows.len(), 1, "{name}: {rows:?}");
        assert_eq!(rows[0]["rule_id"], "r7", "{name}");
    }
}

#[test]
fn a_search_finds_indicators_in_any_field_and_says_which_stood_where() {
    let lake = archive();
    let found = |args: &[&str]| {
        let outputs = ["search", "-q", "-o", "found.ndjson", "--force"];
        succeeds(&lake, &[&outputs[..], args].concat());
        let rows = rows(&lake.beside("found.ndjson"));
        let texts = rows.iter().map(|row| {
            let text = |key: &str| row[key].as_str().unwrap().to_owned();
            (text("event_id"), text("matched_field"))
        });
        texts.collect::<Vec<_>>()
    };
    let pair = |id: &str, place: &str| (id.to_owned(), place.to_owned());
    let bob = "bob in userIdentity.arn";
    assert_eq!(found(&["bob", "logs"]), [pair("22", bob)]);
    assert_eq!(found(&["bo", "logs"]), []);
    fs::write(lake.beside("iocs.txt"), "# list\nbob\ndeploy-1\n").unwrap();
    assert_eq!(
        found(&["--indicators", "iocs.txt", "logs"]),
        [pair("22", bob), pair("333", "deploy-1 in userIdentity.arn")]
    );
    let in_network = found(&["203.0.113.0/24", "logs"]);
    // All five records are from that address.
    assert_eq!(in_network.len(), 5);
    assert_eq!(
        in_network[0],
        pair("1", "203.0.113.0/24 in sourceIPAddress")
    );
    let both = found(&["203.0.113.7", "bob", "logs"]);
    assert_eq!(both.len(), 5);
    let of_bob = "203.0.113.7 in sourceIPAddress, bob in userIdentity.arn";
    assert!(both.contains(&pair("22", of_bob)), "{both:?}");
    refuses(
        &lake,
        &["search", "bob"],
        "no file or folder to search is named",
    );
    refuses(
        &lake,
        &["search", "/nosuch", "logs"],
        "/nosuch: no such file or directory",
    );
    refuses(
        &lake,
        &["search", "logs"],
        "there is no indicator to search for",
    );
    let text = succeeds(&lake, &["search", "-q", "203.0.113.0/33", "logs"]);
    let warning = "warning: 203.0.113.0/33 is no network, and is searched for as it stands\n";
    assert!(text.contains(warning), "{text}");
}

#[test]
fn indicators_as_reports_write_them_are_found() {
    let lake = archive();
    fs::write(
        lake.beside("iocs.txt"),
        "203[.]0[.]113[.]0/24\nhxxp://example[.]com\n",
    )
    .unwrap();
    let args = [
        "search",
        "--indicators",
        "iocs.txt",
        "203[.]0[.]113[.]7",
        "logs",
    ];
    let text = succeeds(&lake, &args);
    let told = "203[.]0[.]113[.]7 is searched for as 203.0.113.7, and so are 2 others\n";
    assert!(text.contains(told), "{text}");
    assert!(
        text.contains("2 of 3 indicators found, in 5 events"),
        "{text}"
    );
    // What is given as a text is that text.
    let args = ["search", "--indicator", "203[.]0[.]113[.]7", "logs"];
    let (_, text) = exit_and_text(&lake, &args);
    assert!(text.contains("0 of 1 indicator found"), "{text}");
}

#[test]
fn a_search_names_the_field_that_is_the_indicator() {
    let request = r#""requestParameters":{"ip":"203.0.113.7","n":12345,"#;
    let record = attach("1").replacen(r#""requestParameters":{"#, request, 1);
    // An address before it contains its text.
    let address = r#""sourceIPAddress":"203.0.113.7"#;
    assert!(record.find(address) < record.find(request));
    let record = record.replacen(address, &format!("{address}0"), 1);
    let lake = Lake::new().file("a", record);
    for (indicator, place) in [
        ("203.0.113.7", "203.0.113.7 in requestParameters.ip"),
        ("12345", "12345 in requestParameters.n"),
    ] {
        let args = [
            "search",
            "-q",
            "-o",
            "found.ndjson",
            "--force",
            indicator,
            "logs",
        ];
        succeeds(&lake, &args);
        let rows = rows(&lake.beside("found.ndjson"));
        assert_eq!(rows[0]["matched_field"], place);
    }
}

#[test]
fn a_search_counts_each_indicator_and_keeps_the_alerts_of_a_hunt() {
    let lake = archive();
    fs::write(lake.beside("alerts.parquet"), "older").unwrap();
    let text = succeeds(&lake, &["search", "bob", "deploy-1", "nobody", "logs"]);
    for line in [
        "indicator  events  first (UTC)  last (UTC)\n",
        "bob             1  ",
        "deploy-1        1  ",
        "2 of 3 indicators found, in 2 events\n\nThe first events\n",
        "written     found.parquet",
    ] {
        assert!(text.contains(line), "{line:?} is not in {text}");
    }
    assert!(!text.contains("severity"), "{text}");
    let older = fs::read(lake.beside("alerts.parquet")).unwrap();
    assert_eq!(older, b"older");
}

#[test]
fn a_condition_alone_is_answered_with_the_form_of_a_query() {
    let bare = "event.action == 'CreateUser'";
    for args in [
        &["hunt", "--query", bare, "logs"][..],
        &["rules", "test", bare, "logs"],
    ] {
        refuses(&archive(), args, "such as: any where event.action ==");
    }
}

#[test]
fn what_does_not_fit_the_terminal_goes_on_below() {
    let lake = archive();
    let hunted = |columns: &str| {
        let mut command = Command::new(TRAILSIFT);
        command.current_dir(lake.beside("")).env("COLUMNS", columns);
        let query = r#"any where event.action == "CreateAccessKey""#;
        command.args([
            "hunt",
            "-o",
            "hits.ndjson",
            "--force",
            "--query",
            query,
            "logs",
        ]);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let (narrow, wide) = (hunted("80"), hunted("300"));
    let longest = |text: &str| text.lines().map(|line| line.chars().count()).max();
    assert!(longest(&wide) > Some(80), "{wide}");
    assert!(longest(&narrow) <= Some(80), "{narrow}");
    assert!(narrow.contains("\n    "), "{narrow}");
}

#[test]
fn a_field_that_no_record_has_is_warned_of_before_it_finds_nothing() {
    let lake = archive();
    let text = succeeds(
        &lake,
        &[
            "hunt",
            "-o",
            "a.csv",
            "--query",
            "kql: eventName: CreateUser",
            "logs",
        ],
    );
    let warning =
        "warning: --query: no record has the field `eventName`: probably `event.action` is meant";
    assert!(text.contains(warning), "{text}");
    let exception = "[[exception]]\nfields = { \"sourceIPAddress\" = \"203.0.113.7\" }\n";
    fs::write(lake.beside("ex.toml"), exception).unwrap();
    let query = r#"any where event.action == "CreateUser""#;
    let args = [
        "hunt",
        "-o",
        "b.csv",
        "--query",
        query,
        "--exceptions",
        "ex.toml",
        "logs",
    ];
    let text = succeeds(&lake, &args);
    let warning = "warning: --exceptions: line 1: no record has the field `sourceIPAddress`: probably `source.";
    assert!(text.contains(warning), "{text}");
}

#[test]
fn a_rule_that_is_approximate_counts_among_those_with_warnings() {
    let lake = archive();
    let rule = ELASTIC.replace(
        "any where event.action == \"CreateAccessKey\"",
        "any where source.as.organization.name == \"x\" and event.action == \"CreateAccessKey\"",
    );
    assert_ne!(rule, ELASTIC);
    fs::write(lake.beside("own.toml"), rule).unwrap();
    let text = succeeds(&lake, &["rules", "check", "own.toml"]);
    assert!(
        text.contains("no record has source.as.organization.name"),
        "{text}"
    );
    assert!(text.contains("0 cannot run, 1 have warnings"), "{text}");
}
