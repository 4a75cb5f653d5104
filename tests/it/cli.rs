//! The command line: what it takes, prints and gives back.

use std::fs;
use std::process::{Command, Output};

use parquet::file::reader::{FileReader as _, SerializedFileReader};
use trailsift::output::COLUMNS;

use crate::lake::{Lake, TRAILSIFT, attach, gzip, other};

fn trailsift(args: &[&str]) -> Output {
    Command::new(TRAILSIFT).args(args).output().unwrap()
}

#[track_caller]
fn refuses(args: &[&str], why: &str) {
    let output = trailsift(args);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains(why), "{why:?} is not in {stderr}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_read() {
    refuses(&["hunt"], "required");
    refuses(
        &["hunt", "/no/such/path"],
        "/no/such/path: no such file or directory",
    );
    refuses(
        &["hunt", "-o", "alerts.xlsx", "."],
        "does not tell the format",
    );
    refuses(&["hunt", "-o", "-", "--report", "-", "."], "both");
    refuses(
        &["hunt", "-o", "a.json", "--report", "a.json", "."],
        "same file",
    );
    refuses(&["hunt", "-", "-"], "more than once");
    refuses(&["hunt", "--threads", "x", "."], "invalid");
}

#[test]
fn an_output_never_replaces_a_file_that_is_hunted_through() {
    let lake = Lake::new()
        .file("a.ndjson", attach("1"))
        .file("b/c.json", attach("2"));
    std::os::unix::fs::symlink("logs/a.ndjson", lake.beside("link.ndjson")).unwrap();
    for args in [
        &["-o", "logs/a.ndjson", "logs/a.ndjson"][..],
        &["-o", "logs/a.ndjson", "logs"],
        &["-o", "link.ndjson", "logs"],
        &["--report", "logs/b/c.json", "logs"],
    ] {
        let output = Command::new(TRAILSIFT)
            .current_dir(lake.beside(""))
            .arg("hunt")
            .args(args)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("would replace a file that is hunted through"),
            "{stderr}"
        );
    }
    assert_eq!(
        fs::read(lake.logs().join("a.ndjson")).unwrap(),
        attach("1").as_bytes()
    );
    assert_eq!(
        fs::read(lake.logs().join("b/c.json")).unwrap(),
        attach("2").as_bytes()
    );
}

#[test]
fn outputs_of_this_run_are_no_input_and_those_of_others_hold_no_event() {
    let lake = Lake::new().file("a", attach("1"));
    let run = |args: &[&str], n_found: u64| {
        let output = Command::new(TRAILSIFT)
            .current_dir(lake.logs())
            .args(["hunt", "--report", "report.json"])
            .args(args)
            .arg(".")
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{stderr}");
        let report = fs::read(lake.logs().join("report.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        assert_eq!(report["alerts"], 1);
        assert_eq!(report["sources"]["found"], n_found);
    };
    // The default, twice.
    run(&[], 1);
    run(&[], 1);
    run(&["-o", "second.parquet"], 2);
    run(&["-o", "first.ndjson"], 3);
    run(&["-o", "first.ndjson"], 3);
    run(&["-o", "second.ndjson"], 4);
}

#[test]
fn standard_output_holds_data_only() {
    let lake = Lake::new().file("a", attach("1"));
    let output = Command::new(TRAILSIFT)
        .args(["hunt", "-o", "-"])
        .arg(lake.logs())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    let row: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(row["event_id"], "1");
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("everything was read")
    );
}

#[test]
fn the_report_can_go_to_standard_output_and_quiet_says_nothing() {
    let lake = Lake::new().file("a", attach("1"));
    let output = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["hunt", "--quiet", "--report", "-", "logs"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty());
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&report["alerts"], &report["complete"]),
        (&1.into(), &true.into())
    );
    assert_eq!(report["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn parquet_has_the_schema_its_types_and_what_the_run_says_of_itself() {
    for (records, n_alerts) in [(other("1"), 0), (attach("1"), 1)] {
        let lake = Lake::new().file("a", &records);
        let output = Command::new(TRAILSIFT)
            .current_dir(lake.beside(""))
            .args(["hunt", "logs"])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0));
        let file = fs::File::open(lake.beside("alerts.parquet")).unwrap();
        let reader = SerializedFileReader::new(file).unwrap();
        let metadata = reader.metadata().file_metadata();
        assert_eq!(metadata.num_rows(), n_alerts);
        assert!(
            metadata
                .created_by()
                .unwrap()
                .starts_with("trailsift version")
        );
        let fields = metadata.schema().get_fields();
        let names: Vec<_> = fields.iter().map(|field| field.name()).collect();
        assert_eq!(names, COLUMNS.map(|column| column.name));
        let keys: Vec<_> = metadata
            .key_value_metadata()
            .unwrap()
            .iter()
            .map(|kv| kv.key.as_str())
            .collect();
        assert_eq!(
            keys,
            [
                "trailsift.version",
                "trailsift.run_id",
                "trailsift.rule_id",
                "trailsift.rule_version"
            ]
        );
        let schema = format!("{:?}", metadata.schema());
        assert!(schema.contains("\"element\""));
        assert!(
            schema.contains("is_adjusted_to_u_t_c: true") && schema.contains("MICROS"),
            "{schema}"
        );
    }
}

#[test]
fn the_alerts_are_the_same_for_any_number_of_threads_mapped_and_read() {
    let lake = (0..40).fold(Lake::new(), |lake, i| {
        let records: Vec<_> = (0..i % 4).map(|j| attach(&format!("{i}-{j}"))).collect();
        lake.file(&format!("{i}.gz"), gzip(records.concat().as_bytes()))
    });
    let mut outputs = Vec::new();
    for args in [
        &["--threads", "1"][..],
        &["--threads", "8"],
        &["--threads", "3", "--no-mmap"],
    ] {
        let hunt = lake.hunt(args).exits(0);
        assert_eq!(hunt.alerts.len(), 60);
        outputs.push(hunt.alerts);
    }
    assert!(outputs.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn the_rule_is_printed_as_it_is() {
    let output = trailsift(&["rule"]);
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        "0b79f5c0-2c31-4fea-86cd-e62644278205",
        "any where event.dataset == \"aws.cloudtrail\"",
        "stringContains(aws.cloudtrail.request_parameters, \"AWSCompromisedKeyQuarantine\")",
        "T1552",
        "73",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn help_completions_and_manual_come_from_the_same_definitions() {
    let help = String::from_utf8(trailsift(&["hunt", "--help"]).stdout).unwrap();
    assert!(
        help.contains("Examples:") && help.contains("Exit codes:"),
        "{help}"
    );
    let script = String::from_utf8(trailsift(&["completions", "bash"]).stdout).unwrap();
    assert!(script.contains("--no-mmap"));
    let page = String::from_utf8(trailsift(&["man"]).stdout).unwrap();
    assert!(
        page.contains(".TH trailsift") && page.contains("no\\-mmap"),
        "{page}"
    );
    let version = concat!("trailsift ", env!("CARGO_PKG_VERSION"), "\n");
    assert_eq!(trailsift(&["--version"]).stdout, version.as_bytes());
    assert_eq!(
        trailsift(&["hunt", "-V"]).stdout,
        version.replace(' ', "-hunt ").as_bytes()
    );
}

#[test]
fn the_version_in_detail_names_what_the_program_was_built_from() {
    let output = trailsift(&["--version", "--verbose"]);
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), 5, "{text}");
    assert_eq!(
        lines[0],
        concat!("trailsift ", env!("CARGO_PKG_VERSION")),
        "{text}"
    );
    assert!(lines[1].starts_with("commit      "), "{text}");
    assert!(
        lines[2].starts_with(&format!("target      {}-", std::env::consts::ARCH)),
        "{text}"
    );
    assert_eq!(
        lines[3], "features    aws-config, cloud, ledger, page",
        "{text}"
    );
    assert_eq!(
        lines[4], "rule        0b79f5c0-2c31-4fea-86cd-e62644278205, version 2",
        "{text}"
    );
}

#[test]
fn short_help_fits_a_screen_and_begins_with_examples() {
    for command in ["hunt", "investigate"] {
        let output = Command::new(TRAILSIFT)
            .env("COLUMNS", "80")
            .args([command, "-h"])
            .output()
            .unwrap();
        let help = String::from_utf8(output.stdout).unwrap();
        assert!(help.lines().count() <= 40, "{help}");
        assert!(
            help.lines().all(|line| line.chars().count() <= 80),
            "{help}"
        );
        let (before, _) = help.split_once("Usage: ").unwrap();
        let example = format!("\n  trailsift {command} ");
        assert_eq!(before.matches(&example).count(), 3, "{help}");
    }
}

/// The example of a command in its long help would not run if a narrow terminal broke its line.
#[test]
fn commands_in_examples_fit_a_terminal_of_80_columns() {
    for command in [
        "hunt",
        "search",
        "investigate",
        "coverage",
        "verify",
        "plan",
        "synth",
    ] {
        let commands = |columns: &str| {
            let mut program = Command::new(TRAILSIFT);
            program.env("COLUMNS", columns).args([command, "--help"]);
            let help = String::from_utf8(program.output().unwrap().stdout).unwrap();
            let lines = help.lines().map(str::trim);
            let begins = |line: &&str| line.starts_with("trailsift ") || line.starts_with("aws ");
            lines.filter(begins).map(str::to_owned).collect::<Vec<_>>()
        };
        let all = commands("80");
        assert!(!all.is_empty() || command == "plan", "{command}");
        assert_eq!(all, commands("100"), "{command}");
    }
}

#[test]
fn the_old_name_of_an_option_is_refused_with_the_new_one() {
    let output = trailsift(&["hunt", "--region", "us-east-1", "logs"]);
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("use --event-region"), "{told}");
}

#[test]
fn the_rule_is_printed_as_json_too() {
    let json = trailsift(&["rule", "--format", "json"]).stdout;
    let rule: serde_json::Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(rule["version"], 2);
    assert_eq!(rule["severity"], "high");
    assert!(
        rule["query"]
            .as_str()
            .unwrap()
            .contains("event.action == \"AttachUserPolicy\"")
    );
}

#[test]
fn notes_are_shown_if_they_are_wanted() {
    let lake = Lake::new().file("a", "{}");
    let hunt = lake.hunt(&["--allow-empty"]).exits(0);
    assert!(!hunt.stderr.contains("note: "), "{}", hunt.stderr);
    lake.hunt(&["--allow-empty", "--verbose"])
        .exits(0)
        .says("note: ")
        .says("no CloudTrail events were read");
}

#[test]
fn what_synth_plants_is_what_a_hunt_finds() {
    let lake = Lake::new();
    let folder = lake.beside("made");
    let made = Command::new(TRAILSIFT)
        .arg("synth")
        .arg(&folder)
        .args([
            "--files",
            "30",
            "--records-per-file",
            "8",
            "--matches",
            "20",
            "--near-misses",
            "28",
        ])
        .output()
        .unwrap();
    assert_eq!(
        made.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let hunt = lake
        .hunted(lake.command(&[]).arg("made").output().unwrap())
        .exits(0);
    let planted = crate::lake::rows(&lake.beside("made.planted.ndjson"));
    let mut expected: Vec<_> = planted
        .iter()
        .filter(|plant| plant["kind"] == "match")
        .flat_map(|plant| {
            let sightings = usize::try_from(plant["sightings"].as_u64().unwrap()).unwrap();
            std::iter::repeat_n(plant["event_id"].to_string(), sightings)
        })
        .collect();
    let mut found: Vec<_> = hunt
        .alerts
        .iter()
        .map(|row| row["event_id"].to_string())
        .collect();
    expected.sort();
    found.sort();
    assert_eq!(found, expected);
    assert!(expected.len() > 20, "an event is delivered twice");
}

#[test]
fn for_machines_all_that_is_said_is_json() {
    let lake = Lake::new()
        .file("a.json", attach("1"))
        .gzip("cut.json.gz", attach("2"))
        .cut_at("cut.json.gz", 60);
    let said = |hunt: &crate::lake::Hunt| -> Vec<serde_json::Value> {
        let lines = hunt.stderr.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let hunt = lake.hunt(&["--log-format", "json"]).exits(3).finds(&["1"]);
    let lines = said(&hunt);
    let kinds: Vec<_> = lines
        .iter()
        .map(|line| line["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["diagnostic", "report"]);
    assert_eq!(lines[0]["diagnostic"], hunt.report["diagnostics"][0]);
    assert_eq!(lines[1]["report"]["alerts"], 1);
    let hunt = lake
        .hunt(&["--log-format", "json", "--related", "no/where.ndjson"])
        .exits(1);
    let lines = said(&hunt);
    assert_eq!(lines.len(), 1);
    let message = lines[0]["error"].as_str().unwrap();
    assert!(
        message.starts_with("no/where.ndjson: cannot be written"),
        "{message}"
    );
}
