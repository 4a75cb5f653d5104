//! Hunts through buckets, over the network's own protocol.

#![expect(
    clippy::disallowed_types,
    reason = "what a proxy met is remembered by the threads of its connections"
)]

use std::collections::HashMap;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::lake::{Hunt, Lake, attach, delivery, other, rows};
use crate::s3::memory::MemoryS3;
use crate::s3::proxy::{self, Fate};
use crate::s3::{self, Server};

const KEY: &str = "AWSLogs/111122223333/CloudTrail/us-east-1/2024/05";

/// The lake's archive in a bucket of the same name, hunted.
fn hunt(lake: &Lake, server: &Server, args: &[&str]) -> Hunt {
    let mut command = lake.command(args);
    lake.hunted(server.serves(&mut command).output().unwrap())
}

fn served(lake: &Lake) -> Server {
    Server::of_folder(lake.logs().parent().unwrap())
}

fn memory(objects: &[(&str, &[u8])]) -> Server {
    let objects = objects
        .iter()
        .map(|(key, bytes)| ((*key).to_owned(), Bytes::copy_from_slice(bytes)));
    Server::of_memory(objects.collect::<MemoryS3>())
}

/// Rows without what differs from run to run, and with paths below the root only.
fn same(mut rows: Vec<Value>) -> Vec<Value> {
    for row in &mut rows {
        let row = row.as_object_mut().unwrap();
        row.remove("log_file_path");
        row.retain(|name, _| !name.starts_with("run_"));
    }
    rows
}

#[test]
fn a_bucket_gives_the_alerts_of_the_same_files() {
    let mut lake = Lake::new();
    // More than two pages of a list.
    for n in 0..2600 {
        let text = match n % 500 {
            7 => delivery(&[other("0"), attach(&format!("{n}"))]),
            _ => delivery(&[other("0")]),
        };
        lake = lake.gzip(&format!("{KEY}/{:02}/{n}.json.gz", 1 + n / 1000), text);
    }
    lake = lake
        .file("zz/last.json", attach("last"))
        .file("a.json", attach("first"));
    let local = lake.hunt(&[]).exits(0);
    let server = served(&lake);
    let far = hunt(&lake, &server, &["s3://logs"]).exits(0).says("2,602");
    assert_eq!(far.alerts.len(), 8);
    assert_eq!(same(far.alerts), same(local.alerts));
    assert_eq!(far.report["sources"], local.report["sources"]);
    for root in [format!("s3://logs/{KEY}"), format!("s3://logs/{KEY}/")] {
        let hunt = hunt(&lake, &server, &[&root]).exits(0);
        assert_eq!(hunt.alerts.len(), 6, "{root}");
    }
    hunt(&lake, &server, &["s3://logs/a.json", "logs/zz"])
        .exits(0)
        .finds(&["first", "last"]);
}

#[test]
fn a_large_object_comes_in_ranges_and_is_read_like_a_file() {
    let mut text = String::new();
    for n in 0..40_000 {
        let record = if n % 13_000 == 9 {
            attach(&n.to_string())
        } else {
            other("0")
        };
        text += &record;
        text.push('\n');
    }
    assert!(text.len() > 20 << 20);
    let lake = Lake::new()
        .file("large.ndjson", &text)
        .gzip("large.ndjson.gz", &text);
    let local = lake.hunt(&[]).exits(0);
    let server = served(&lake);
    let far = hunt(&lake, &server, &["s3://logs/"]).exits(0);
    assert_eq!(far.alerts.len(), 8);
    assert_eq!(same(far.alerts), same(local.alerts));
}

#[test]
fn whatever_the_network_does_alerts_are_those_of_files_or_it_is_told() {
    let mut lake = Lake::new();
    for n in 0..60 {
        lake = lake.gzip(
            &format!("{KEY}/01/{n:02}.json.gz"),
            delivery(&[attach(&format!("{n}"))]),
        );
    }
    let lines: String = (0..12_000)
        .map(|n| if n == 11_000 { attach("l") } else { other("0") } + "\n")
        .collect();
    lake = lake.file("large.ndjson", lines);
    let local = lake.hunt(&[]).exits(0);
    let its_server = served(&lake);
    let fates = [
        Fate::SlowDown,
        Fate::Failure,
        Fate::Cut,
        Fate::Closed,
        Fate::Slow,
        Fate::Reset,
        Fate::Stalled,
        Fate::Short,
    ];
    let (server, expected) = (its_server.address(), &local.alerts);
    // Most of the time is spent waiting, so several are met at once.
    for fates in fates.chunks(4) {
        std::thread::scope(|scope| {
            for fate in fates {
                scope.spawn(|| a_failure_that_passes_changes_nothing(server, *fate, expected));
            }
        });
        std::thread::scope(|scope| {
            // To answer slowly is no failure.
            for fate in fates.iter().filter(|fate| !matches!(fate, Fate::Slow)) {
                scope.spawn(|| a_failure_that_stays_is_told(server, *fate));
            }
        });
    }
}

fn a_failure_that_passes_changes_nothing(server: SocketAddr, fate: Fate, expected: &[Value]) {
    // The first time of each request, and so also of each page, range and object.
    let met = Mutex::new(HashMap::<String, usize>::new());
    let proxy = proxy::before(server, move |_, line, _| {
        let mut met = met.lock().unwrap();
        let n = met.entry(line.to_owned()).or_default();
        *n += 1;
        // Lists come one after the other: to wait for each would take long.
        let is_due = *n == 1 && !(matches!(fate, Fate::Stalled) && line.contains("list-type"));
        if is_due { fate } else { Fate::Whole }
    });
    let outputs = Lake::new();
    let mut command = outputs.command(&["s3://logs"]);
    let hunt = outputs
        .hunted(s3::serves(proxy, &mut command).output().unwrap())
        .exits(0);
    assert_eq!(same(hunt.alerts), same(expected.to_vec()), "{fate:?}");
}

fn a_failure_that_stays_is_told(server: SocketAddr, fate: Fate) {
    let n_tries = Arc::new(AtomicUsize::new(0));
    let tries = Arc::clone(&n_tries);
    let proxy = proxy::before(server, move |_, line, _| {
        if line.contains("/07.json.gz") {
            tries.fetch_add(1, Ordering::Relaxed);
            fate
        } else {
            Fate::Whole
        }
    });
    let outputs = Lake::new();
    let mut command = outputs.command(&["s3://logs", "--retry-time", "4"]);
    let begun = Instant::now();
    let hunt = outputs.hunted(s3::serves(proxy, &mut command).output().unwrap());
    assert!(
        begun.elapsed() >= Duration::from_secs(4),
        "{fate:?}: given up early"
    );
    assert!(n_tries.load(Ordering::Relaxed) > 1, "{fate:?}");
    let hunt = hunt
        .exits(3)
        .tells(&["unreadable"])
        .says("01/07.json.gz: cannot be read");
    assert_eq!(hunt.alerts.len(), 60, "{fate:?}");
}

#[test]
fn any_key_is_read() {
    let record = attach("1");
    let keys = [
        "/lead",
        "a b+c%20?#&é.json",
        "logs//AWSLogs/x",
        "tail/",
        "x/\u{F8FF}",
        "y/'\"<>*!()~",
    ];
    let objects: Vec<(&str, &[u8])> = keys.iter().map(|key| (*key, record.as_bytes())).collect();
    let server = memory(&objects);
    let lake = Lake::new();
    let hunt_all = hunt(&lake, &server, &["s3://trail"]).exits(0);
    let sources: Vec<_> = hunt_all
        .alerts
        .iter()
        .map(|row| row["log_file_path"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = keys.iter().map(|key| format!("s3://trail/{key}")).collect();
    assert_eq!(sources, expected);
    for uri in &expected {
        hunt(&lake, &server, &[uri]).exits(0).finds(&["1"]);
    }
    // Libraries take such parts out of an address: it must not be another object that is read.
    let server = memory(&[("a/../b", record.as_bytes()), ("b", record.as_bytes())]);
    hunt(&lake, &server, &["s3://trail"])
        .exits(3)
        .says("s3://trail/a/../b: cannot be read: its key has a part");
}

#[test]
fn what_cannot_be_had_is_told_in_words_and_the_rest_is_read() {
    let record = attach("1");
    let stored = record.as_bytes();
    let server = memory(&[("a", stored), ("changing", stored), ("glacier", stored)]);
    let lake = Lake::new().file("here.json", attach("2"));
    hunt(&lake, &server, &["s3://trail"])
        .exits(3)
        .finds(&["1"])
        .tells(&["unreadable", "unreadable"])
        .says("s3://trail/changing: cannot be read: it was changed")
        .says("s3://trail/glacier: cannot be read: it is archived (S3 Glacier");
    for (root, words) in [
        (
            "s3://trail/none",
            "s3://trail/none: cannot be read: no object has this key",
        ),
        ("s3://nobody", "there is no bucket of this name"),
    ] {
        hunt(&lake, &server, &[root, "logs"])
            .exits(3)
            .finds(&["2"])
            .says(words);
    }
    let refused = |change: &dyn Fn(&mut Command)| {
        let mut command = lake.command(&["s3://trail", "logs"]);
        server.serves(&mut command);
        change(&mut command);
        lake.hunted(command.output().unwrap())
            .exits(3)
            .finds(&["2"])
    };
    refused(&|command| {
        command.env("AWS_SECRET_ACCESS_KEY", "another");
    })
    .says("the secret key is not the one that belongs to the access key");
    refused(&|command| {
        command.env("AWS_ACCESS_KEY_ID", "AKIAI44QH8DHBEXAMPLE");
    })
    .says("the store does not know the access key");
    refused(&|command| {
        command
            .env_remove("AWS_ACCESS_KEY_ID")
            .env_remove("AWS_SECRET_ACCESS_KEY");
    })
    .says("no AWS credentials: none were found; set AWS_PROFILE and run `aws sso login`");
    refused(&|command| {
        command.arg("--no-sign-request");
    })
    .says("access is denied");
    // Nobody listens there; a minute of trying would not help.
    refused(&|command| {
        command.args(["--endpoint-url", "http://127.0.0.1:9"]);
    })
    .says("onnect");
}

#[test]
fn a_refusal_says_what_to_do() {
    let server = memory(&[("a", attach("1").as_bytes())]);
    for (fate, words) in [
        (
            Fate::Refused(
                "301 Moved Permanently\r\nx-amz-bucket-region: eu-west-1",
                "PermanentRedirect",
                "<Message>Use the specified endpoint.</Message>",
            ),
            "the bucket is in another region: add --bucket-region eu-west-1",
        ),
        (
            Fate::Refused(
                "400 Bad Request",
                "AuthorizationHeaderMalformed",
                "<Message>the region 'us-east-1' is wrong; expecting 'eu-west-1'</Message>",
            ),
            "the bucket is in another region: add --bucket-region eu-west-1",
        ),
        (
            Fate::Refused(
                "403 Forbidden",
                "RequestTimeTooSkewed",
                "<Message>The difference is too large.</Message>",
            ),
            "this machine's clock differs from the store's by more than 15 minutes: set it",
        ),
        (
            Fate::Refused(
                "400 Bad Request",
                "ExpiredToken",
                "<Message>Expired.</Message>",
            ),
            "the credentials have expired: get new ones, with `aws sso login`",
        ),
        (
            Fate::Refused("403 Forbidden", "AccessDenied", "<Message>No.</Message>"),
            "access is denied: the credentials need s3:ListBucket",
        ),
    ] {
        let lake = Lake::new().file("here.json", attach("2"));
        let proxy = proxy::before(server.address(), move |_, _, _| fate);
        let mut command = lake.command(&["s3://trail/", "logs"]);
        let hunt = lake.hunted(s3::serves(proxy, &mut command).output().unwrap());
        let hunt = hunt
            .exits(3)
            .finds(&["2"])
            .tells(&["unreadable"])
            .says(words);
        assert!(
            !hunt.stderr.contains("<Error>") && !hunt.stderr.contains("retries"),
            "a dump: {}",
            hunt.stderr
        );
    }
}

/// The trail of an organisation, with something beside it.
fn two_accounts() -> MemoryS3 {
    let record = attach("1");
    let object = |key: &str| (key.to_owned(), Bytes::copy_from_slice(record.as_bytes()));
    let mut objects = Vec::new();
    for account in ["111122223333", "444455556666"] {
        for region in ["eu-west-1", "us-east-1"] {
            for day in [
                "2023/12/31",
                "2024/04/30",
                "2024/05/01",
                "2024/05/02",
                "2024/05/09",
            ] {
                objects.push(object(&format!(
                    "p/AWSLogs/o-1/{account}/CloudTrail/{region}/{day}/a"
                )));
            }
        }
        objects.push(object(&format!(
            "p/AWSLogs/o-1/{account}/Config/us-east-1/2024/1/1/a"
        )));
    }
    objects.push(object("p/other/a"));
    objects.into_iter().collect()
}

#[test]
fn only_the_folders_that_can_matter_are_listed() {
    let server = Server::of_memory(two_accounts());
    let lake = Lake::new();
    let listed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&listed);
    let proxy = proxy::before(server.address(), move |_, line, _| {
        if let Some((_, query)) = line.split_once("prefix=") {
            seen.lock()
                .unwrap()
                .push(query.split(['&', ' ']).next().unwrap().replace("%2F", "/"));
        }
        Fate::Whole
    });
    let hunt = |args: &[&str]| {
        listed.lock().unwrap().clear();
        let mut command = lake.command(args);
        lake.hunted(s3::serves(proxy, &mut command).output().unwrap())
            .exits(0)
    };
    let all = hunt(&["s3://trail"]);
    assert_eq!(all.report["sources"]["found"], 23);
    let some = hunt(&[
        "s3://trail",
        "--account",
        "111122223333",
        "--account-folders",
        "--home-region",
        "--since",
        "2024-05-01",
        "--until",
        "2024-05-01",
        "--late",
        "0h",
    ]);
    assert_eq!(
        some.report["sources"]["found"], 3,
        "the day, the other service, what is outside"
    );
    let listed = listed.lock().unwrap().clone();
    assert!(
        listed
            .iter()
            .any(|p| p == "p/AWSLogs/o-1/111122223333/CloudTrail/us-east-1/2024/05/"),
        "{listed:?}"
    );
    for nothing in ["444455556666", "eu-west-1", "2023", "2024/04"] {
        assert!(
            listed.iter().all(|prefix| !prefix.contains(nothing)),
            "{listed:?}"
        );
    }
}

#[test]
fn a_dry_run_tells_what_a_hunt_would_take() {
    let server = Server::of_memory(two_accounts());
    let lake = Lake::new();
    let mut command = Command::new(crate::lake::TRAILSIFT);
    command.args(["hunt", "--dry-run", "--home-region", "s3://trail/p"]);
    let output = server
        .serves(command.current_dir(lake.beside("")))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for expected in [
        "│ 444455556666 ┆ us-east-1 ┆ 2024 ┆     4 ┆",
        "13 files, ",
        "would be read;\n2 folders passed over",
        "128 at once; 13 requests to list",
        " and 13 to fetch",
    ] {
        assert!(text.contains(expected), "{expected:?} is not in {text}");
    }
}

#[test]
fn requests_are_signed_for_the_region_and_say_who_pays() {
    let server = memory(&[("a", attach("1").as_bytes()), ("b", attach("2").as_bytes())]);
    let lake = Lake::new();
    let met = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&met);
    let proxy = proxy::before(server.address(), move |_, _, headers| {
        seen.lock().unwrap().push(headers.to_lowercase());
        Fate::Whole
    });
    let mut command = lake.command(&[
        "--bucket-region",
        "eu-west-1",
        "--request-payer",
        "s3://trail",
    ]);
    command.args(["--io-concurrency", "1"]);
    let hunt = lake.hunted(s3::serves(proxy, &mut command).output().unwrap());
    hunt.exits(0).finds(&["1", "2"]);
    let met = met.lock().unwrap();
    assert!(met.len() >= 3, "a list and two objects: {met:?}");
    for headers in met.iter() {
        assert!(headers.contains("/eu-west-1/s3/aws4_request"), "{headers}");
        assert!(
            headers.contains("x-amz-request-payer: requester"),
            "{headers}"
        );
    }
}

#[test]
fn lists_name_objects_and_prefixes_and_each_is_read_once() {
    let record = attach("1");
    let server = memory(&[("a", record.as_bytes()), ("b/c", record.as_bytes())]);
    let lake = Lake::new().file("here.json", attach("2"));
    fs::write(
        lake.beside("list"),
        "s3://trail/b/\nlogs/here.json\ns3://trail/a\ns3://trail/b/c\n",
    )
    .unwrap();
    let hunt = hunt(&lake, &server, &["--files-from", "list"])
        .exits(0)
        .finds(&["1", "2", "1"]);
    assert_eq!(hunt.report["sources"]["repeated"], 1);
}

#[test]
fn addresses_in_a_list_are_asked_for_side_by_side_and_read_in_its_order() {
    const N: usize = 16;
    let records: Vec<(String, String)> = (0..N)
        .map(|n| (format!("{}", (n * 7) % N), attach(&n.to_string())))
        .collect();
    let objects = records.iter().map(|(key, text)| (&**key, text.as_bytes()));
    let server = memory(&objects.collect::<Vec<_>>());
    let lake = Lake::new();
    let list: String = records
        .iter()
        .map(|(key, _)| format!("s3://trail/{key}\n"))
        .collect();
    fs::write(lake.beside("list"), list).unwrap();
    // No answer comes before all are asked for.
    let n_asked = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&n_asked);
    let proxy = proxy::before(server.address(), move |_, line, _| {
        if line.starts_with("HEAD") {
            n_asked.fetch_add(1, Ordering::Relaxed);
            let begun = Instant::now();
            while n_asked.load(Ordering::Relaxed) < N && begun.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Fate::Whole
    });
    let begun = Instant::now();
    let mut command = lake.command(&["--files-from", "list"]);
    let hunt = lake.hunted(s3::serves(proxy, &mut command).output().unwrap());
    let ids: Vec<String> = (0..N).map(|n| n.to_string()).collect();
    hunt.exits(0)
        .finds(&ids.iter().map(|id| &**id).collect::<Vec<_>>());
    assert_eq!(seen.load(Ordering::Relaxed), N);
    assert!(
        begun.elapsed() < Duration::from_secs(20),
        "one after the other"
    );
}

#[test]
fn a_large_output_goes_up_in_parts() {
    let long = "a".repeat(3 << 20);
    let record = |n: usize| attach(&n.to_string()).replace("aws-internal/3", &long);
    let mut lake = Lake::new();
    for n in 0..14 {
        lake = lake.file(&format!("{n:02}.json"), record(n));
    }
    fs::create_dir(lake.beside("out")).unwrap();
    let server = served(&lake);
    let mut command = Command::new(crate::lake::TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "-o", "s3://out/alerts.ndjson"]);
    let output = server.serves(&mut command).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    let file = lake.beside("out/alerts.ndjson");
    let n_bytes = fs::metadata(&file).unwrap().len();
    assert!(n_bytes > 40 << 20, "{n_bytes} bytes are no two parts");
    let found = rows(&file);
    let ids: Vec<_> = found
        .iter()
        .map(|row| row["event_id"].as_str().unwrap())
        .collect();
    let expected: Vec<_> = (0..14).map(|n| n.to_string()).collect();
    assert_eq!(ids, expected);
}

#[test]
fn output_and_report_go_to_a_bucket_whole_or_not_at_all() {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::create_dir(lake.beside("out")).unwrap();
    let server = served(&lake);
    let mut command = Command::new(crate::lake::TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "hunt",
        "s3://logs",
        "-o",
        "s3://out/x/alerts.ndjson",
        "--report",
        "s3://out/report.json",
        "--related",
        "s3://out/related.parquet",
    ]);
    // Twice: it replaces what it wrote.
    for _ in 0..2 {
        let output = server.serves(&mut command).output().unwrap();
        assert_eq!(
            output.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let alerts = rows(&lake.beside("out/x/alerts.ndjson"));
        assert_eq!(alerts[0]["log_file_path"], "s3://logs/a.json");
        let report: Value =
            serde_json::from_slice(&fs::read(lake.beside("out/report.json")).unwrap()).unwrap();
        assert_eq!(report["alerts"], 1);
        assert!(
            fs::read(lake.beside("out/related.parquet"))
                .unwrap()
                .starts_with(b"PAR1")
        );
    }
}

#[test]
fn evidence_is_not_replaced_and_what_cannot_be_written_is_known_at_once() {
    let lake = Lake::new().file("a.json", attach("1"));
    let server = served(&lake);
    let refused = |output: &str, code: i32, words: &str| {
        let mut command = Command::new(crate::lake::TRAILSIFT);
        command.current_dir(lake.beside("")).args([
            "hunt",
            "s3://logs",
            "--format",
            "ndjson",
            "-o",
            output,
        ]);
        let output = server.serves(&mut command).output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
    };
    refused(
        "s3://logs/a.json",
        2,
        "would replace an object that is hunted through",
    );
    assert_eq!(
        fs::read(lake.logs().join("a.json")).unwrap(),
        attach("1").as_bytes()
    );
    // Where nothing can be written, that is known before anything is read.
    let cannot = memory(&[]);
    let mut command = lake.command(&["logs", "--related", "s3://trail/x.parquet"]);
    let hunt = lake
        .hunted(cannot.serves(&mut command).output().unwrap())
        .exits(1);
    hunt.says("s3://trail/x.parquet: cannot be written: the store does not know how to do that");
    // Its own output below the root is no input.
    let mut command = lake.command(&["s3://logs"]);
    command.args(["--related", "s3://logs/b.ndjson"]);
    for _ in 0..2 {
        let hunt = lake
            .hunted(server.serves(&mut command).output().unwrap())
            .exits(0);
        assert_eq!(hunt.report["sources"]["found"], 1);
    }
}

#[test]
fn addresses_that_make_no_sense_are_refused_before_the_run() {
    let lake = Lake::new();
    lake.hunt(&["s3:///key"])
        .exits(2)
        .says("it names no bucket");
    for output in ["s3://out", "s3://out/x/"] {
        lake.hunt(&["--related", output])
            .exits(2)
            .says("it names no object");
    }
    lake.hunt(&["--io-concurrency", "0"]).exits(2);
    lake.hunt(&["--request-payer", "--no-sign-request"])
        .exits(2);
}

#[test]
fn an_endpoint_that_is_no_address_is_no_empty_bucket() {
    let lake = Lake::new();
    for endpoint in [
        "running 1 test",
        "localhost:9000",
        "//host",
        "ftp://host",
        "http://",
    ] {
        let typed = lake
            .command(&["s3://trail/", "--endpoint-url", endpoint])
            .output()
            .unwrap();
        assert_eq!(typed.status.code(), Some(2), "{endpoint}");
        let mut command = lake.command(&["s3://trail/"]);
        command
            .env("AWS_ENDPOINT_URL", endpoint)
            .env("AWS_ACCESS_KEY_ID", s3::ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", s3::SECRET_KEY);
        lake.hunted(command.output().unwrap())
            .exits(3)
            .says("is no address such as https://host:port");
    }
}
