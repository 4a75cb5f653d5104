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

/// Files that had a fault, by their form, seed and number: an element of `lookup-events` whose record has another action, a
/// document and the record in it as two alerts, a row found twice, a panic of the Parquet crate that hid other row
/// groups, and what a footer says of columns or the pages of a column that are others. In a table of text, the name of the
/// request's column was lost, and `null` with a damaged letter, or an empty text with
/// a line end in it, was read as an error.
#[test]
fn files_that_had_a_fault_have_none() {
    let faulty = [
        ("json", 12, 11997),
        ("json", 131, 1179),
        ("ecs", 12, 6519),
        ("csv", 12, 2383),
        ("csv", 12, 8036),
        ("csv", 31, 1534),
        ("csv", 31, 12714),
        ("parquet", 12, 4159),
        ("parquet", 12, 4943),
        ("parquet", 13, 4120),
        ("parquet", 13, 10815),
        ("parquet", 31, 756),
        ("parquet", 31, 5748),
        ("parquet", 32, 5626),
        ("parquet", 32, 6021),
        // These the reference took for faults: another request or action beside what cannot be read, and texts
        // that are not declared as text.
        ("parquet", 12, 6276),
        ("parquet", 13, 20),
        ("parquet", 13, 1474),
        ("parquet", 13, 7194),
        ("parquet", 13, 8742),
        // An event in `detail` of another one, a document whose user is named like the policy, and where an alert for a
        // record in a string ends.
        ("json", 31, 5431),
        ("json", 31, 9633),
        ("json", 31, 18089),
        // A letter after the name of the request, and a whole record before the rest of another one in a string.
        ("json", 32, 6830),
        ("json", 32, 12172),
        ("ecs", 31, 4486),
        ("ecs", 31, 2643),
        // Another request behind a name inside which its record begins.
        ("json", 4711, 18452),
        // The reference took an alert for a fault: another header of the file has the name that the first one lost.
        ("csv", 4711, 2020),
        // Rows of another table below a header with as many columns.
        ("csv", 5823, 19376),
        // The reference did not find where a record begins before bytes that were swapped.
        ("ecs", 5823, 17080),
        // The name of a request inside which a part of it stands again.
        ("ecs", 6007, 11776),
        // A record in the request of one whose beginning is lost, and two documents that meet inside a text.
        ("json", 9127, 7718),
        ("ocsf", 9127, 5894),
        ("ocsf", 9127, 6742),
        // A document whose outcome is lost, with a damaged original, and one with a damaged dataset.
        ("ecs", 12501, 4229),
        ("ecs", 12501, 12604),
        // A piece of another request in a user agent, and a backslash in the policy's name.
        ("csv", 12501, 13842),
        ("csv", 12501, 15607),
    ];
    for (name, seed, first) in faulty {
        let form = FORMS.iter().position(|form| *form == name).unwrap();
        let options = Options {
            seed,
            files: 1,
            first,
            save: None,
        };
        let mut faults = String::new();
        let sum: Sum = fuzz::run(form, &options, &mut |fault| faults.push_str(fault));
        assert_eq!((sum.files, sum.failed), (1, 0), "{faults}");
    }
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
