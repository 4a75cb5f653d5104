//! Archives in a bucket, where the signatures are in the metadata of the objects: the verdicts are those on files with
//! signatures beside them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use super::trail::{self, REGIONS, START, Trail, base64, log};
use super::{on_disk, verify};
use crate::lake::{Lake, TRAILSIFT, gzip};
use crate::s3::Server;

type Stored = BTreeMap<String, Vec<u8>>;

/// Gives the digests of an archive their metadata, as the server keeps that of objects in files.
fn keep_metadata(lake: &Lake, trail: &Trail, stored: &Stored) {
    let encoded = |text: &str| {
        let text = base64(text.as_bytes()).replace('+', "-").replace('/', "_");
        text.trim_end_matches('=').to_owned()
    };
    let signed = trail.signatures.iter();
    for (key, signature) in signed.filter(|(key, _)| stored.contains_key(*key)) {
        let file = format!(
            ".bucket-{}.object-{}.metadata.json",
            encoded("logs"),
            encoded(key)
        );
        let metadata = serde_json::json!({"user_metadata": {"signature": signature}});
        fs::write(lake.beside(&file), metadata.to_string()).unwrap();
    }
}

/// Changes an archive.
type Change = fn(&Trail, &mut Stored);

fn change_text(stored: &mut Stored, trail: &Trail, key: &str, from: &str, to: &str) {
    let text = trail.texts[key].replacen(from, to, 1);
    assert_ne!(text, trail.texts[key]);
    stored.insert(key.to_owned(), gzip(text.as_bytes()));
}

fn swap(stored: &mut Stored, one: &str, other: &str) {
    let (first, second) = (stored[one].clone(), stored[other].clone());
    stored.insert(one.to_owned(), second);
    stored.insert(other.to_owned(), first);
}

/// The kinds of changes, each with the exit code.
const CHANGES: [(&str, i32, Change); 19] = [
    ("nothing", 0, |_, _| ()),
    ("a log is changed", 4, |trail, stored| {
        change_text(stored, trail, &trail.logs[5].0, "alice", "bobby");
    }),
    ("a log is removed", 4, |trail, stored| {
        stored.remove(&trail.logs[5].0);
    }),
    ("a log is emptied", 4, |trail, stored| {
        stored.insert(trail.logs[5].0.clone(), Vec::new());
    }),
    ("a log is cut off", 4, |trail, stored| {
        let log = stored.get_mut(&trail.logs[5].0).unwrap();
        log.truncate(log.len() / 2);
    }),
    ("a member is appended to a log", 4, |trail, stored| {
        let log = stored.get_mut(&trail.logs[5].0).unwrap();
        log.extend(gzip(b"{\"Records\":[]}"));
    }),
    ("two logs have each other's names", 4, |trail, stored| {
        swap(stored, &trail.logs[3].0, &trail.logs[4].0);
    }),
    ("a log is added", 4, |_, stored| {
        let (key, text) = log(REGIONS[0], START + 4 * trail::HOUR + 60, 2);
        stored.insert(key, gzip(text.as_bytes()));
    }),
    ("a copy differs", 4, |trail, stored| {
        let (_, text) = log(REGIONS[0], START + 60, 1);
        stored.insert(format!("copy/{}", trail.logs[5].0), gzip(text.as_bytes()));
    }),
    ("logs are compressed anew", 0, |trail, stored| {
        for (key, ..) in &trail.logs {
            stored.insert(key.clone(), crate::lake::zstd(trail.texts[key].as_bytes()));
        }
    }),
    ("a digest is changed", 4, |trail, stored| {
        let digest = &trail.digests[0][4];
        change_text(stored, trail, digest, "withRSA", "withRSB");
    }),
    ("the newest digest is changed", 4, |trail, stored| {
        let digest = &trail.digests[0][trail::N_DIGESTS - 1];
        change_text(stored, trail, digest, "withRSA", "withRSB");
    }),
    ("a digest is removed", 4, |trail, stored| {
        stored.remove(&trail.digests[0][4]);
    }),
    ("the first digests are removed", 3, |trail, stored| {
        trail.digests[1][..3]
            .iter()
            .for_each(|key| _ = stored.remove(key));
    }),
    (
        "the newest digests of a region are removed",
        3,
        |trail, stored| {
            trail.digests[1][6..]
                .iter()
                .for_each(|key| _ = stored.remove(key));
        },
    ),
    ("a member is appended to a digest", 4, |trail, stored| {
        let digest = stored.get_mut(&trail.digests[0][4]).unwrap();
        digest.extend(gzip(b"{}"));
    }),
    ("two digests have each other's names", 4, |trail, stored| {
        swap(stored, &trail.digests[0][3], &trail.digests[0][5]);
    }),
    ("a digest is no digest", 4, |trail, stored| {
        stored.insert(trail.digests[0][4].clone(), b"nothing at all".to_vec());
    }),
    ("all digests are removed", 3, |trail, stored| {
        trail
            .digests
            .iter()
            .flatten()
            .for_each(|key| _ = stored.remove(key));
    }),
];

/// Runs `verify` on the bucket that a folder is.
fn verify_bucket(lake: &Lake) -> (Option<i32>, Value, String) {
    let server = Server::of_folder(&lake.beside(""));
    let mut command = Command::new(TRAILSIFT);
    command
        .current_dir(lake.beside(""))
        .args(["verify", "s3://logs/", "--public-keys", "keys"])
        .args(["--report", "bucket.json"]);
    let done = server.serves(&mut command).output().unwrap();
    let report = fs::read(lake.beside("bucket.json")).unwrap();
    (
        done.status.code(),
        serde_json::from_slice(&report).unwrap(),
        String::from_utf8(done.stderr).unwrap(),
    )
}

#[test]
fn each_change_gives_the_same_verdicts_in_a_bucket_as_on_disk() {
    let trail = Trail::new();
    for (name, exit, change) in CHANGES {
        let mut stored = trail.stored();
        change(&trail, &mut stored);
        let lake = on_disk(&trail, &stored);
        keep_metadata(&lake, &trail, &stored);
        let proofs = ["--public-keys", "keys", "--signatures", "heads"];
        let (on_disk, expected, said) = verify(&lake, &proofs);
        assert_eq!(on_disk, Some(exit), "{name}: {said}");
        let (in_bucket, found, said) = verify_bucket(&lake);
        assert_eq!(in_bucket, Some(exit), "{name}: {said}");
        for field in ["digests", "logs", "gaps", "findings"] {
            assert_eq!(found[field], expected[field], "{name}: {field}");
        }
    }
}

/// The newest digest of a region has its signature in the metadata of its object alone.
#[test]
fn from_a_bucket_the_newest_digests_are_proved_by_their_metadata() {
    let trail = Trail::new();
    let stored = trail.stored();
    let lake = on_disk(&trail, &stored);
    let (exit, _, said) = verify_bucket(&lake);
    assert_eq!(exit, Some(3), "{said}");
    keep_metadata(&lake, &trail, &stored);
    let (exit, _, said) = verify_bucket(&lake);
    assert_eq!(exit, Some(0), "{said}");
    assert!(said.contains("digests     18 proved"), "{said}");
    // A hunt reads them too.
    let server = Server::of_folder(&lake.beside(""));
    let mut command = lake.command(&["--public-keys", "keys", "s3://logs/"]);
    let hunt = lake.hunted(server.serves(&mut command).output().unwrap());
    let hunt = hunt.exits(0);
    assert_eq!(
        hunt.report["evidence"]["digests"]["proved"], 18,
        "{}",
        hunt.stderr
    );
}
