//! What a hunt would read, written down once and read by many.

#![expect(
    clippy::disallowed_types,
    reason = "what a proxy met is remembered by the threads of its connections"
)]

use std::fs::File;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

use crate::lake::{Lake, TRAILSIFT, attach, delivery, other, rows};
use crate::s3::proxy::{self, Fate};
use crate::s3::{self, Server};

fn archive() -> Lake {
    let mut lake = Lake::new();
    for n in 0..60 {
        let text = match n % 3 {
            0 => delivery(&[attach(&n.to_string()), other("0")]),
            _ => delivery(&vec![other("0"); n]),
        };
        lake = lake.gzip(&format!("{:02}/{n}.json.gz", n / 7), text);
    }
    lake
}

fn run(lake: &Lake, args: &[&str]) -> Command {
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(args)
        .stdin(Stdio::null());
    command
}

fn succeeds(command: &mut Command) {
    let output = command.output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
}

#[test]
fn the_shards_of_a_manifest_give_the_rows_of_one_hunt_in_order() {
    let lake = archive();
    succeeds(&mut run(
        &lake,
        &["plan", "logs", "--output", "manifest.parquet"],
    ));
    succeeds(&mut run(
        &lake,
        &["hunt", "logs", "-q", "-o", "whole.ndjson"],
    ));
    let whole = rows(&lake.beside("whole.ndjson"));
    assert_eq!(whole.len(), 20);
    for n in [1, 4, 100] {
        let mut found = Vec::new();
        let mut shards_with_rows = 0;
        for i in 0..n {
            let shard = format!("{i}/{n}");
            let args = [
                "hunt",
                "-q",
                "--manifest",
                "manifest.parquet",
                "--shard",
                &shard,
                "-o",
                "part.ndjson",
            ];
            // A shard without events leaves an older output as it was.
            std::fs::remove_file(lake.beside("part.ndjson")).ok();
            succeeds(&mut run(&lake, &args));
            let part = rows(&lake.beside("part.ndjson"));
            shards_with_rows += u32::from(!part.is_empty());
            found.extend(part);
        }
        // Ids among them: a place below the root is the same in a shard.
        assert_eq!(found, whole, "{n}");
        assert!(n == 1 || shards_with_rows > 1, "{n}");
    }
}

#[test]
fn a_bucket_is_listed_once_and_rows_of_a_manifest_may_be_lines() {
    let lake = archive();
    let server = Server::of_folder(lake.logs().parent().unwrap());
    succeeds(server.serves(&mut run(
        &lake,
        &["plan", "s3://logs/", "--output", "manifest.parquet"],
    )));
    let met = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&met);
    let proxy = proxy::before(server.address(), move |_, line, _| {
        seen.lock().unwrap().push(line.to_owned());
        Fate::Whole
    });
    let mut command = run(
        &lake,
        &[
            "hunt",
            "-q",
            "--manifest",
            "manifest.parquet",
            "-o",
            "a.ndjson",
        ],
    );
    succeeds(s3::serves(proxy, &mut command));
    let found = rows(&lake.beside("a.ndjson"));
    assert_eq!(found.len(), 20);
    let met = met.lock().unwrap();
    assert_eq!(met.len(), 60, "a request for each object");
    assert!(
        met.iter().all(|line| line.starts_with("GET /logs/")),
        "{met:?}"
    );

    let reader = File::open(lake.beside("manifest.parquet")).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(reader, 1024).unwrap();
    let mut lines = arrow_json::LineDelimitedWriter::new(Vec::new());
    reader.for_each(|batch| lines.write(&batch.unwrap()).unwrap());
    let mut command = run(&lake, &["hunt", "-q", "--manifest", "-", "-o", "b.ndjson"]);
    server.serves(&mut command).stdin(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(&lines.into_inner())
        .unwrap();
    assert!(child.wait().unwrap().success());
    let of_lines: Vec<Value> = rows(&lake.beside("b.ndjson"));
    assert_eq!(of_lines, found);
}

#[test]
fn what_is_no_manifest_is_told_and_so_is_what_has_gone_since() {
    let lake = archive().file("manifest.parquet", "PAR1");
    let hunt = lake
        .command(&["--manifest", "logs/manifest.parquet"])
        .output()
        .unwrap();
    lake.hunted(hunt)
        .exits(3)
        .tells(&["unreadable", "no_events"])
        .says("logs/manifest.parquet: cannot be read");
    succeeds(&mut run(
        &lake,
        &["plan", "logs/00", "--output", "manifest.parquet"],
    ));
    std::fs::remove_file(lake.logs().join("00/3.json.gz")).unwrap();
    let hunt = lake
        .command(&["--manifest", "manifest.parquet"])
        .output()
        .unwrap();
    lake.hunted(hunt)
        .exits(3)
        .finds(&["0", "6"])
        .tells(&["unreadable"])
        .says("00/3.json.gz: cannot be read: No such file");
    for shard in ["4/4", "1", "x/2", "-1/2"] {
        let args = ["hunt", "--manifest", "manifest.parquet", "--shard", shard];
        assert_eq!(
            run(&lake, &args).output().unwrap().status.code(),
            Some(2),
            "{shard}"
        );
    }
}

#[test]
fn what_could_not_be_listed_is_missing_in_every_hunt_by_the_manifest() {
    let lake = archive();
    std::fs::write(lake.beside("list"), "logs/00\nlogs/gone\nlogs/01\n").unwrap();
    let args = [
        "plan",
        "--files-from",
        "list",
        "--output",
        "manifest.parquet",
    ];
    let planned = run(&lake, &args).output().unwrap();
    assert_eq!(planned.status.code(), Some(3));
    for shard in [&[][..], &["--shard", "0/2"], &["--shard", "1/2"]] {
        let args = [&["--manifest", "manifest.parquet"], shard].concat();
        let hunt = lake.hunted(lake.command(&args).output().unwrap());
        let hunt = hunt.exits(3).tells(&["unreadable"]);
        assert!(hunt.alerts.len() >= 2, "{shard:?}");
    }
    // Rows as lines tell which.
    let reader = File::open(lake.beside("manifest.parquet")).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReader::try_new(reader, 1024).unwrap();
    let mut lines = arrow_json::LineDelimitedWriter::new(Vec::new());
    reader.for_each(|batch| lines.write(&batch.unwrap()).unwrap());
    std::fs::write(lake.beside("manifest.ndjson"), lines.into_inner()).unwrap();
    let mut command = lake.command(&["--manifest", "manifest.ndjson"]);
    lake.hunted(command.output().unwrap())
        .exits(3)
        .tells(&["unreadable"])
        .says("logs/gone");
}
