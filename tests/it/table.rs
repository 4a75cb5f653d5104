//! The table of alerts, which people see on standard output.

use std::process::Command;

use crate::lake::{Hunt, Lake, attach, delivery};

/// A match of a user, at a day of May 2024.
fn quarantine(id: &str, user: &str, day: usize) -> String {
    attach(id)
        .replace(
            "\"userName\":\"alice\"",
            &format!("\"userName\":\"{user}\""),
        )
        .replace("2024-05-01", &format!("2024-05-{day:02}"))
}

fn shown(lake: &Lake, args: &[&str], columns: Option<usize>) -> Hunt {
    let mut command: Command = lake.command(args);
    command.arg("logs").env_remove("COLUMNS");
    if let Some(columns) = columns {
        command.env("COLUMNS", columns.to_string());
    }
    lake.hunted(command.output().unwrap()).exits(0)
}

#[test]
fn events_are_shown_once_in_the_order_of_their_times_and_counted() {
    let records = [
        quarantine("1", "bob", 9),
        quarantine("2", "carol", 3).replace("/3\"", "/3\",\"x\":1"),
        quarantine("2", "carol", 3).replace("/3\"", "/3\",\"x\":1"),
    ];
    let by_aws = records[1].replace(
        "\"userName\":\"ops\"}",
        "\"userName\":\"ops\",\"invokedBy\":\"AWS Internal\"}",
    );
    let lake = Lake::new().file("a", delivery(&[records[0].clone(), by_aws.clone(), by_aws]));
    assert_eq!(
        shown(&lake, &[], None).stdout,
        "time (UTC)           account       user   policy  by   source address\n\
         2024-05-03 12:00:00  111122223333  carol  V2      AWS  203.0.113.7\n\
         2024-05-09 12:00:00  111122223333  bob    V2      ops  203.0.113.7\n\
         3 sightings of 2 events, 2 users, 1 account\n"
    );
}

#[test]
fn no_line_is_longer_than_the_terminal_and_no_time_or_account_is_cut() {
    let long = "a-user-whose-name-is-much-longer-than-there-is-room-for-in-any-table";
    let lake = Lake::new().file("a", quarantine("1", long, 1).replace("user/ops", long));
    for columns in [80, 99, 100, 140] {
        let hunt = shown(&lake, &[], Some(columns));
        let table: Vec<_> = hunt.stdout.lines().collect();
        // Where a column is left out, a line says so.
        let says = hunt.stdout.contains("columns left out: policy");
        assert_eq!(table.len(), 3 + usize::from(says), "{}", hunt.stdout);
        assert!(
            table.iter().all(|line| line.chars().count() <= columns),
            "{columns}: {}",
            hunt.stdout
        );
        hunt.shows("2024-05-01 12:00:00  111122223333  a-user-whose-name");
    }
    // Below that an event has lines of its own, and with --wide nothing is cut off.
    shown(&lake, &[], Some(60)).shows(&format!(
        "2024-05-01 12:00:00  {long}\n  account 111122223333\n"
    ));
    shown(&lake, &["--wide"], Some(60)).shows(&format!("111122223333  {long}  V2"));
}

#[test]
fn more_events_than_a_screen_holds_are_grouped_by_user() {
    let records: Vec<_> = (0..60)
        .map(|n| quarantine(&n.to_string(), &format!("user-{:02}", n % 30), 1 + n % 28))
        .collect();
    let hunt = shown(&Lake::new().file("a", delivery(&records)), &[], Some(80));
    assert!(
        hunt.stdout.lines().all(|line| line.len() <= 80),
        "{}",
        hunt.stdout
    );
    assert_eq!(hunt.stdout.lines().count(), 23, "{}", hunt.stdout);
    hunt.shows("account       user     events  first (UTC)  last        policy  by\n")
        .shows("111122223333  user-00       2  2024-05-01   2024-05-03  V2      ops\n")
        .shows("and 10 more users\n60 events, 30 users, 1 account\n");
}

#[test]
fn where_data_goes_to_standard_output_there_is_no_table() {
    let lake = Lake::new().file("a", attach("1"));
    for args in [
        &["hunt", "-o", "-", "logs"][..],
        &["hunt", "--report", "-", "logs"],
        &["hunt", "--log-format", "json", "logs"],
        &["hunt", "--quiet", "logs"],
    ] {
        let mut command = Command::new(crate::lake::TRAILSIFT);
        let output = command
            .current_dir(lake.beside(""))
            .args(args)
            .output()
            .unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert!(!stdout.contains("time (UTC)"), "{args:?}: {stdout}");
    }
    assert!(
        shown(&Lake::new().file("a", crate::lake::other("1")), &[], None)
            .stdout
            .is_empty()
    );
}
