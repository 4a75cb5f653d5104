//! What stores and those between do wrong: nothing of it is taken for an empty folder, or for a whole object.

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

use bytes::Bytes;

use crate::lake::{Hunt, Lake, TRAILSIFT, attach, other, rows};
use crate::s3::memory::MemoryS3;
use crate::s3::proxy::{self, Fate};
use crate::s3::{self, Server};

fn memory(objects: &[(&str, &str)]) -> Server {
    let objects = objects
        .iter()
        .map(|(key, text)| ((*key).to_owned(), Bytes::copy_from_slice(text.as_bytes())));
    Server::of_memory(objects.collect::<MemoryS3>())
}

fn hunt(lake: &Lake, address: SocketAddr, args: &[&str]) -> Hunt {
    let mut command = lake.command(args);
    command.args(["--retry-time", "1"]);
    lake.hunted(s3::serves(address, &mut command).output().unwrap())
}

/// Two accounts, one event each.
fn two_accounts() -> Server {
    memory(&[
        ("AWSLogs/111122223333/CloudTrail/a", &attach("1")),
        ("AWSLogs/444455556666/CloudTrail/a", &attach("2")),
    ])
}

const IN_HTML: &str = "<!DOCTYPE html><html><body><h1>Please log in</h1></body></html>";

/// Answers that are no list, and what is said of each.
const NO_LISTS: [(Fate, &str); 9] = [
    (
        Fate::Says(
            "<Error><Code>InternalError</Code><Message>We encountered an error.</Message></Error>",
        ),
        "the store goes on failing (InternalError: We encountered an error.)",
    ),
    (
        Fate::Says(
            "<?xml version=\"1.0\"?>\n<Error><Code>OperationAborted</Code><Message>Again.</Message></Error>",
        ),
        "OperationAborted: Again.",
    ),
    (
        Fate::Says(IN_HTML),
        "no list of a bucket; it begins with `<!DOCTYPE html>",
    ),
    (
        Fate::Says(""),
        "the store answered with nothing where it should list",
    ),
    (Fate::Says("{\"message\":\"busy\"}"), "no list of a bucket"),
    (
        Fate::Says("<ListAllMyBucketsResult><Name>trail</Name></ListAllMyBucketsResult>"),
        "no list of a bucket",
    ),
    (
        Fate::Says("<ListBucketResult></ListBucketResult>"),
        "the store's list says nothing",
    ),
    (
        Fate::Says("<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>"),
        "its list goes on, and not where",
    ),
    (Fate::Short, "the store's list ends early"),
];

#[test]
fn an_answer_that_is_no_list_is_no_empty_folder() {
    let server = two_accounts();
    let lake = Lake::new();
    for (fate, words) in NO_LISTS {
        let n_asked = Arc::new(AtomicUsize::new(0));
        let asked = Arc::clone(&n_asked);
        let proxy = proxy::before(server.address(), move |_, line, _| {
            if line.contains("444455556666") && line.contains("list-type") {
                asked.fetch_add(1, Ordering::Relaxed);
                fate
            } else {
                Fate::Whole
            }
        });
        hunt(&lake, proxy, &["s3://trail"])
            .exits(3)
            .finds(&["1"])
            .tells(&["unreadable"])
            .says("s3://trail/AWSLogs/444455556666/: cannot be read: ")
            .says(words);
        assert!(
            n_asked.load(Ordering::Relaxed) > 1,
            "not tried again: {fate:?}"
        );
    }
}

#[test]
fn a_list_that_comes_at_last_is_read() {
    let server = two_accounts();
    let lake = Lake::new();
    for (fate, _) in NO_LISTS {
        let met = Mutex::new(HashMap::<String, usize>::new());
        let proxy = proxy::before(server.address(), move |_, line, _| {
            let mut met = met.lock().unwrap();
            let n = met.entry(line.to_owned()).or_default();
            *n += 1;
            let is_due = *n == 1 && line.contains("list-type");
            if is_due { fate } else { Fate::Whole }
        });
        let mut command = lake.command(&["s3://trail", "--retry-time", "20"]);
        lake.hunted(s3::serves(proxy, &mut command).output().unwrap())
            .exits(0)
            .finds(&["1", "2"]);
    }
}

/// As a store that gives the same token with each page.
fn goes_on(list: &str) -> String {
    let next =
        "<IsTruncated>true</IsTruncated><NextContinuationToken>again</NextContinuationToken>";
    list.replace("<IsTruncated>false</IsTruncated>", next)
}

#[test]
fn a_list_without_an_end_ends_with_an_error() {
    let server = two_accounts();
    let lake = Lake::new();
    let proxy = proxy::before(server.address(), move |_, line, _| {
        let is_due = line.contains("444455556666%2FCloudTrail") && line.contains("list-type");
        if is_due {
            Fate::Altered(goes_on)
        } else {
            Fate::Whole
        }
    });
    hunt(&lake, proxy, &["s3://trail"])
        .exits(3)
        .tells(&["unreadable"])
        .says("s3://trail/AWSLogs/444455556666/CloudTrail/: cannot be read: its list has no end");
}

#[test]
fn a_folder_that_was_named_and_is_empty_then_is_told() {
    let server = two_accounts();
    let lake = Lake::new();
    for (list, words) in [
        (
            "<ListBucketResult><Name>trail</Name><IsTruncated>false</IsTruncated></ListBucketResult>",
            "then as an empty one",
        ),
        (
            "<ListBucketResult><IsTruncated>false</IsTruncated><CommonPrefixes><Prefix>AWSLogs/</Prefix>\
             </CommonPrefixes></ListBucketResult>",
            "the store lists \"AWSLogs/\" there",
        ),
    ] {
        let proxy = proxy::before(server.address(), move |_, line, _| {
            let is_due = line.contains("444455556666") && line.contains("list-type");
            if is_due {
                Fate::Says(list)
            } else {
                Fate::Whole
            }
        });
        hunt(&lake, proxy, &["s3://trail"])
            .exits(3)
            .finds(&["1"])
            .tells(&["unreadable"])
            .says(words);
    }
}

#[test]
fn keys_with_control_characters_and_spaces_are_read_each_by_its_own_name() {
    let keys = [
        " lead.json",
        "AWSLogs/a\u{1}b.json",
        "AWSLogs/a\tb.json",
        "AWSLogs/a\nb.json",
        "AWSLogs/a\rb.json",
        "AWSLogs/a\u{1b}[31mb.json",
        "AWSLogs/a\u{7f}b.json",
        "AWSLogs/a\u{85}b.json",
        "AWSLogs/plain.json",
        "\tx/y",
        "tail ",
    ];
    let texts: Vec<String> = (0..keys.len()).map(|n| attach(&n.to_string())).collect();
    let mut sorted: Vec<(&str, &str)> = keys
        .iter()
        .zip(&texts)
        .map(|(key, text)| (*key, &**text))
        .collect();
    sorted.sort_unstable();
    let server = memory(&sorted);
    let lake = Lake::new();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let proxy = proxy::before(server.address(), move |_, line, _| {
        seen.lock().unwrap().push(line.to_owned());
        Fate::Whole
    });
    let found = hunt(&lake, proxy, &["s3://trail"]).exits(0);
    assert_eq!(found.alerts.len(), keys.len(), "{}", found.stderr);
    let lines = lines.lock().unwrap();
    for escape in ["a%1B%5B31mb", "a%7Fb", "a%0Ab", "a%0Db", "a%09b"] {
        let is_asked = lines.iter().any(|line| line.contains(escape));
        assert!(is_asked, "no request with {escape}: {lines:?}");
    }
}

/// A tab as it is, which XML allows; s3s may write it as a reference.
fn with_raw_tab(list: &str) -> String {
    list.replace("&#9;", "\t").replace("&#x9;", "\t")
}

#[test]
fn a_key_that_cannot_be_had_leaves_the_others() {
    let record = attach("1");
    let server = memory(&[("a\tb", &record), ("a/../b", &record), ("c", &record)]);
    let lake = Lake::new();
    let proxy = proxy::before(server.address(), |_, line, _| {
        let is_list = line.contains("list-type");
        if is_list {
            Fate::Altered(with_raw_tab)
        } else {
            Fate::Whole
        }
    });
    hunt(&lake, proxy, &["s3://trail"])
        .exits(3)
        .finds(&["1", "1"])
        .tells(&["unreadable"])
        .says("s3://trail/a/../b: cannot be read");
}

#[test]
fn a_connection_that_ends_again_and_again_brings_an_object_bit_by_bit() {
    let mut text: String = (0..400).map(|_| other("0") + "\n").collect();
    text += &attach("last");
    let server = memory(&[("a.ndjson", &text)]);
    let lake = Lake::new();
    let n_bytes = text.len();
    let proxy = proxy::before(server.address(), move |_, line, _| {
        if line.contains("a.ndjson") && line.starts_with("GET") {
            Fate::CutAfter(n_bytes / 7)
        } else {
            Fate::Whole
        }
    });
    let mut command = lake.command(&["s3://trail", "--retry-time", "3"]);
    lake.hunted(s3::serves(proxy, &mut command).output().unwrap())
        .exits(0)
        .finds(&["last"]);
}

fn hunt_with_state(lake: &Lake, address: SocketAddr, output: &str) -> Hunt {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "hunt",
        "--state",
        "ledger",
        "--report",
        "report.json",
        "--retry-time",
        "1",
        "-o",
        output,
        "s3://trail/logs",
    ]);
    let hunt = lake.hunted(s3::serves(address, &mut command).output().unwrap());
    Hunt {
        alerts: rows(&lake.beside(output)),
        ..hunt
    }
}

#[test]
fn an_object_that_is_gone_before_it_was_read_keeps_a_ledger_incomplete() {
    let (first, second) = (attach("1"), attach("2"));
    let lake = Lake::new();
    let before = memory(&[("logs/a", &first), ("logs/vanished", &second)]);
    hunt_with_state(&lake, before.address(), "1.ndjson")
        .exits(3)
        .finds(&["1"])
        .tells(&["unreadable"])
        .says("s3://trail/logs/vanished: cannot be read: it is not there any more");
    // It is listed no more, and nobody has read it.
    let after = memory(&[("logs/a", &first)]);
    for n in 2..4 {
        hunt_with_state(&lake, after.address(), &format!("{n}.ndjson"))
            .exits(3)
            .finds(&[])
            .tells(&["unreadable"])
            .says(
                "s3://trail/logs/vanished: cannot be read: an earlier run could not read it either",
            );
    }
    // It is there again, and is read.
    fs::create_dir_all(lake.beside("trail/logs")).unwrap();
    fs::write(lake.beside("trail/logs/a"), first).unwrap();
    fs::write(lake.beside("trail/logs/vanished"), second).unwrap();
    let again = Server::of_folder(&lake.beside(""));
    hunt_with_state(&lake, again.address(), "4.ndjson")
        .exits(0)
        .finds(&["2"]);
    hunt_with_state(&lake, after.address(), "5.ndjson").exits(0);
}

#[test]
fn a_changed_or_refused_object_is_read_by_the_next_run_with_a_ledger() {
    let (first, second) = (attach("1"), attach("2"));
    let server = memory(&[("logs/a", &first), ("logs/b", &second)]);
    let denied = Fate::Refused("403 Forbidden", "AccessDenied", "<Message>No.</Message>");
    let changed = Fate::Refused("412 Precondition Failed", "PreconditionFailed", "");
    for (fate, words) in [
        (
            denied,
            "access is denied: the credentials need s3:ListBucket",
        ),
        (changed, "it was changed since it was found"),
    ] {
        let lake = Lake::new();
        let proxy = proxy::before(server.address(), move |_, line, _| {
            if line.contains("/logs/b") {
                fate
            } else {
                Fate::Whole
            }
        });
        for n in 0..2 {
            let ids: &[&str] = if n == 0 { &["1"] } else { &[] };
            hunt_with_state(&lake, proxy, &format!("{n}.ndjson"))
                .exits(3)
                .finds(ids)
                .tells(&["unreadable"])
                .says(words);
        }
        hunt_with_state(&lake, server.address(), "last.ndjson")
            .exits(0)
            .finds(&["2"]);
    }
}

#[test]
fn credentials_go_to_no_other_host_and_a_redirect_names_the_region() {
    let server = two_accounts();
    let lake = Lake::new().file("here.json", attach("3"));
    let met = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&met);
    let elsewhere = proxy::before(server.address(), move |_, line, headers| {
        seen.lock().unwrap().push(format!("{line} {headers}"));
        Fate::Whole
    });
    let to_elsewhere: &'static str =
        format!("307 Temporary Redirect\r\nLocation: http://{elsewhere}/trail/").leak();
    let to_region = "301 Moved Permanently\r\nLocation: https://trail.s3.eu-west-1.amazonaws.com/";
    for (status, words) in [
        (to_elsewhere, format!("(http://{elsewhere})")),
        (to_region, "add --bucket-region eu-west-1".to_owned()),
    ] {
        let proxy = proxy::before(server.address(), move |_, _, _| {
            Fate::Refused(status, "TemporaryRedirect", "<Message>Elsewhere.</Message>")
        });
        let mut command = lake.command(&["s3://trail/", "logs"]);
        s3::serves(proxy, &mut command).env("AWS_SESSION_TOKEN", "secret");
        lake.hunted(command.output().unwrap())
            .exits(3)
            .finds(&["3"])
            .tells(&["unreadable"])
            .says(&words);
    }
    assert_eq!(*met.lock().unwrap(), Vec::<String>::new());
}

#[test]
fn a_redirect_at_the_same_place_is_followed() {
    let server = two_accounts();
    let lake = Lake::new();
    let n_redirected = Arc::new(AtomicUsize::new(0));
    let redirected = Arc::clone(&n_redirected);
    let proxy = proxy::before(server.address(), move |_, line, _| {
        let path = line.split(' ').nth(1).unwrap();
        if redirected.fetch_add(1, Ordering::Relaxed) > 0 {
            return Fate::Whole;
        }
        let status: &'static str = format!("307 Temporary Redirect\r\nLocation: {path}").leak();
        Fate::Refused(status, "TemporaryRedirect", "")
    });
    hunt(&lake, proxy, &["s3://trail"])
        .exits(0)
        .finds(&["1", "2"]);
}

/// What a hunt says that writes to a bucket.
fn refused_output(lake: &Lake, address: SocketAddr) -> String {
    let mut command = Command::new(TRAILSIFT);
    command.current_dir(lake.beside("")).args([
        "hunt",
        "logs",
        "-o",
        "s3://trail/out.ndjson",
        "--retry-time",
        "1",
    ]);
    let output = s3::serves(address, &mut command).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    stderr
}

#[test]
fn a_refusal_to_write_names_the_permission_to_write() {
    let lake = Lake::new().file("a.json", attach("1"));
    let server = memory(&[]);
    let kms = "<Message>User: arn:aws:iam::111122223333:user/ops is not authorized to perform: kms:GenerateDataKey on \
               resource: arn:aws:kms:us-east-1:111122223333:key/1</Message>";
    let denied = "<Message>Access Denied</Message>";
    for (message, is_read_refused, words) in [
        (denied, false, "the credentials need s3:PutObject"),
        // Who may write only may still not see what is there.
        (denied, true, "the credentials need s3:PutObject"),
        (kms, false, "the credentials need kms:GenerateDataKey ("),
    ] {
        let proxy = proxy::before(server.address(), move |_, line, _| {
            let is_read = line.starts_with("HEAD") || line.starts_with("GET");
            match is_read && !is_read_refused {
                true => Fate::Whole,
                false => Fate::Refused("403 Forbidden", "AccessDenied", message),
            }
        });
        let said = refused_output(&lake, proxy);
        assert!(said.contains(words), "{said}");
        assert!(
            !said.contains("s3:GetObject") && !said.contains("s3:ListBucket"),
            "{said}"
        );
        if message == denied {
            assert!(said.contains("s3:AbortMultipartUpload"), "{said}");
        }
    }
}

#[test]
fn who_may_only_write_can_write_and_replaces_nothing_unseen() {
    let lake = Lake::new().file("a.json", attach("1"));
    fs::create_dir(lake.beside("trail")).unwrap();
    let server = Server::of_folder(&lake.beside(""));
    let proxy = proxy::before(server.address(), |_, line, _| {
        match line.starts_with("HEAD") {
            true => Fate::Refused("403 Forbidden", "AccessDenied", ""),
            false => Fate::Whole,
        }
    });
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["hunt", "logs", "-o", "s3://trail/out.ndjson"]);
    let output = s3::serves(proxy, &mut command).output().unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{stderr}");
    assert_eq!(rows(&lake.beside("trail/out.ndjson")).len(), 1);
}

#[test]
fn an_address_in_another_form_is_told_in_the_right_one() {
    let lake = Lake::new().file("a.json", attach("1"));
    for (typed, right) in [
        ("https://b.s3.amazonaws.com/k", "s3://b/k"),
        ("https://s3.eu-west-1.amazonaws.com/b/k", "s3://b/k"),
        ("arn:aws:s3:::b/k", "s3://b/k"),
        ("S3://b/k", "s3://b/k"),
        ("s3:/b/k", "s3://b/k"),
        ("s3//b/k", "s3://b/k"),
        ("s3:///b/k", "s3://b/k"),
    ] {
        let words = format!("write {right}");
        let read = lake.command(&[typed]).output().unwrap();
        let written = lake
            .command(&["logs", "--related", typed])
            .output()
            .unwrap();
        let folder = Command::new(TRAILSIFT)
            .current_dir(lake.beside(""))
            .args(["hunt", "logs", "-o", &format!("{typed}/")])
            .output()
            .unwrap();
        for output in [read, written, folder] {
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{typed}: {stderr}");
            assert!(stderr.contains(&words), "{typed}: {stderr}");
        }
        fs::write(lake.beside("list"), format!("{typed}\nlogs\n")).unwrap();
        let listed = lake.command(&["--files-from", "list"]).output().unwrap();
        lake.hunted(listed).exits(3).finds(&["1"]).says(&words);
    }
    // A file may be called so.
    fs::create_dir_all(lake.beside("s3/b")).unwrap();
    fs::write(lake.beside("s3/b/k"), attach("2")).unwrap();
    let output = lake.command(&["s3//b/k"]).output().unwrap();
    lake.hunted(output).exits(0).finds(&["2"]);
}

#[test]
fn an_endpoint_is_an_address_without_query_and_a_path_is_told_of() {
    let server = two_accounts();
    let lake = Lake::new();
    let address = server.address();
    for (surplus, words) in [
        ("/?x=1", "has a query"),
        ("?x-id=ListBuckets", "has a query"),
        ("/#a", "a part behind the `#`"),
    ] {
        let endpoint = format!("http://{address}{surplus}");
        let output = lake
            .command(&["s3://trail", "--endpoint-url", &endpoint])
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(stderr.contains(words), "{stderr}");
        assert!(
            stderr.contains(&format!("such as http://{address}")),
            "{stderr}"
        );
    }
    let endpoint = format!("http://{address}/trail");
    hunt(&lake, address, &["s3://trail", "--endpoint-url", &endpoint])
        .exits(3)
        .says("the endpoint has a path, /trail,");
    let endpoint = format!("http://{address}/");
    hunt(&lake, address, &["s3://trail", "--endpoint-url", &endpoint]).exits(0);
}
