//! Options that are not on the command line: from a file and from environment variables.

use std::fs;
use std::process::{Command, Output};

use crate::lake::{Lake, TRAILSIFT, attach, rows};

/// Runs the program in the folder of a lake, with variables, and with this folder as the user's home.
fn trailsift(lake: &Lake, variables: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args(args);
    command
        .env("HOME", lake.beside(""))
        .env_remove("XDG_CONFIG_HOME");
    command.envs(variables.iter().copied()).output().unwrap()
}

fn with_file(text: &str) -> Lake {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::create_dir_all(lake.beside(".config/trailsift")).unwrap();
    fs::write(lake.beside(".config/trailsift/trailsift.toml"), text).unwrap();
    lake
}

#[track_caller]
fn refused(output: &Output, expected: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(expected), "{told}");
    assert!(!told.contains("Usage:"), "{told}");
}

#[test]
fn the_command_line_wins_over_variables_and_these_over_the_file() {
    let file = "quiet = true\n[hunt]\noutput = \"file.ndjson\"\nreport = \"report.json\"\n";
    let lake = with_file(file);
    let written = |name: &str| rows(&lake.beside(name)).len();
    assert!(trailsift(&lake, &[], &["hunt", "logs"]).status.success());
    assert_eq!(written("file.ndjson"), 1);
    let report = fs::read(lake.beside("report.json")).unwrap();
    let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
    let command = [
        "trailsift",
        "hunt",
        "--output=file.ndjson",
        "--quiet",
        "--report=report.json",
        "logs",
    ];
    assert_eq!(report["command"], serde_json::json!(command));
    let general = ("TRAILSIFT_OUTPUT", "all.ndjson");
    trailsift(&lake, &[general], &["hunt", "logs"]);
    assert_eq!(written("all.ndjson"), 1);
    let own = ("TRAILSIFT_HUNT_OUTPUT", "own.ndjson");
    trailsift(&lake, &[own, general], &["hunt", "logs"]);
    assert_eq!(written("own.ndjson"), 1);
    trailsift(
        &lake,
        &[own, general],
        &["hunt", "-o", "typed.ndjson", "logs"],
    );
    assert_eq!(written("typed.ndjson"), 1);
    fs::remove_file(lake.beside("file.ndjson")).unwrap();
    trailsift(&lake, &[], &["--no-config", "hunt", "logs"]);
    assert_eq!(
        (
            written("file.ndjson"),
            lake.beside("alerts.parquet").is_file()
        ),
        (0, true)
    );
}

#[test]
fn config_shows_which_options_come_from_where() {
    let lake = with_file("threads = 3\n[hunt]\nexclude = [\"*.tmp\", \"x\"]\nfollow = false\n");
    let output = trailsift(&lake, &[("TRAILSIFT_VERBOSE", "yes")], &["config"]);
    let text = String::from_utf8(output.stdout).unwrap();
    let hunt = text
        .split("\n\n")
        .find(|part| part.starts_with("trailsift hunt"))
        .unwrap();
    for expected in [
        "--exclude=*.tmp (",
        "--exclude=x (",
        "--threads=3 (",
        ".config/trailsift/trailsift.toml)",
        "--verbose ($TRAILSIFT_VERBOSE)",
    ] {
        assert!(hunt.contains(expected), "{expected} is not in {hunt}");
    }
    assert!(!hunt.contains("follow"), "{hunt}");
    let investigate = text
        .split("\n\n")
        .find(|part| part.starts_with("trailsift investigate"));
    assert!(!investigate.unwrap().contains("exclude"), "{text}");
    assert!(!text.contains("trailsift state"), "{text}");
    // Once, and not for each command.
    let output = trailsift(&lake, &[("TRAILSIFT_TREADS", "1")], &["config"]);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(told.matches("is for no option").count(), 1, "{told}");
}

#[test]
fn a_configuration_may_have_the_name_of_a_command() {
    let lake = with_file("");
    fs::write(lake.beside("hunt"), "output = \"a.ndjson\"").unwrap();
    trailsift(&lake, &[], &["--config", "hunt", "hunt", "--quiet", "logs"]);
    assert_eq!(rows(&lake.beside("a.ndjson")).len(), 1);
}

#[test]
fn a_file_in_the_current_folder_is_not_read() {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::write(lake.beside("trailsift.toml"), "exclude = [\"*\"]").unwrap();
    fs::write(lake.logs().join("trailsift.toml"), "exclude = [\"*\"]").unwrap();
    trailsift(&lake, &[], &["hunt", "--quiet", "-o", "a.ndjson", "logs"]);
    assert_eq!(rows(&lake.beside("a.ndjson")).len(), 1);
    let named = [
        "--config",
        "trailsift.toml",
        "hunt",
        "-o",
        "b.ndjson",
        "logs",
    ];
    let output = trailsift(&lake, &[], &named);
    assert_eq!(output.status.code(), Some(3), "it reads nothing");
}

#[test]
fn what_is_wrong_in_a_file_or_a_variable_is_told_with_its_place() {
    for (text, expected) in [
        (
            "threads = 2\n thread = 3\n",
            "trailsift.toml:2:2: no command has an option --thread",
        ),
        (
            "[hunt]\nfail_on_alerts = true\n",
            "an option --fail_on_alerts; options are written with hyphens: fail-on-alerts",
        ),
        (
            "[hunter]\n",
            "trailsift.toml:1:2: there is no command hunter",
        ),
        (
            "[hunt]\nseed = 1\n",
            "trailsift.toml:2:1: `hunt` does not have an option --seed",
        ),
        (
            "quiet = 1\n",
            "trailsift.toml:1:9: quiet must be true or false",
        ),
        (
            "threads = [1]\n",
            "trailsift.toml:1:11: threads must be a text or a number",
        ),
        ("threads = \n", "trailsift.toml:1:11: "),
        ("config = \"x\"\n", "no command has an option --config"),
    ] {
        let lake = with_file(text);
        refused(&trailsift(&lake, &[], &["hunt", "logs"]), expected);
    }
    let lake = with_file("");
    let hunt = ["hunt", "logs"];
    let typo = trailsift(&lake, &[("TRAILSIFT_TREADS", "1")], &hunt);
    let told = String::from_utf8_lossy(&typo.stderr);
    assert!(
        typo.status.success() && told.contains("TRAILSIFT_TREADS is for no option"),
        "{told}"
    );
    refused(
        &trailsift(&lake, &[("TRAILSIFT_QUIET", "perhaps")], &hunt),
        "neither true nor false",
    );
    let gone = trailsift(&lake, &[("TRAILSIFT_CONFIG", "gone.toml")], &hunt);
    assert_eq!(gone.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&gone.stderr).contains("gone.toml"));
    let invalid = trailsift(&lake, &[("TRAILSIFT_THREADS", "many")], &hunt);
    let told = String::from_utf8_lossy(&invalid.stderr);
    assert!(
        told.contains("--threads=many ($TRAILSIFT_THREADS)"),
        "{told}"
    );
    assert!(told.contains("invalid value 'many'"), "{told}");
}
