//! A small run of the damage fuzz, so that it cannot rot: `cargo run --release --example damage` is the long one.

#[path = "../damage/mod.rs"]
mod fuzz;

use fuzz::{FORMS, Options, Sum};

#[track_caller]
fn loses_nothing(name: &str) {
    let form = FORMS.iter().position(|form| *form == name).unwrap();
    let options = Options {
        seed: 18,
        files: 500,
        first: 0,
        save: None,
    };
    let mut faults = String::new();
    let sum: Sum = fuzz::run(form, &options, &mut |fault| faults.push_str(fault));
    let table = format!("{}\n{}", Sum::head(), sum.row(name));
    assert_eq!(
        (sum.failed, sum.silent_losses()),
        (0, 0),
        "{table}\n{faults}"
    );
    // It must have had something to lose.
    assert!(sum.alerts > 500 && sum.complete > 50, "{sum:?}");
}

#[test]
fn damaged_json_loses_nothing_in_silence() {
    loses_nothing("json");
}

#[test]
fn damaged_documents_of_elastic_lose_nothing_in_silence() {
    loses_nothing("ecs");
}

#[test]
fn damaged_documents_of_security_lake_lose_nothing_in_silence() {
    loses_nothing("ocsf");
}

#[test]
fn damaged_rows_lose_nothing_in_silence() {
    loses_nothing("csv");
}

#[test]
fn damaged_tables_lose_nothing_in_silence() {
    loses_nothing("parquet");
}
