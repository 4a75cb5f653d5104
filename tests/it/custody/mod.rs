//! What digest files prove: archives with a chain of digests, changed in all ways.

mod buckets;
mod hunted;
pub(crate) mod trail;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Read as _;
use std::process::Command;

use proptest::prelude::*;
use serde_json::Value;
use trailsift::config::ScanConfig;
use trailsift::custody::keys::Keys;
use trailsift::custody::signatures::Signatures;
use trailsift::custody::{
    Chains, Collection, DigestStatus, EvidenceAnalyzer, FindingCode, LogStatus, Verdicts, Why,
    judge,
};
use trailsift::engine::{ReadAll, run};
use trailsift::input::Root;

use crate::lake::{Lake, TRAILSIFT, gzip};
use trail::{REGIONS, START, Trail, base64, log, public_keys, spki};

/// The verdicts on an archive of stored objects.
fn verdicts_of(
    stored: &BTreeMap<String, Vec<u8>>,
    keys: &Keys,
    signatures: &Signatures,
) -> Verdicts {
    let lake = stored
        .iter()
        .fold(Lake::new(), |lake, (key, bytes)| lake.file(key, bytes));
    let config = ScanConfig {
        roots: vec![Root::Path(lake.logs())],
        n_threads: 2,
        ..ScanConfig::default()
    };
    let mut collection = Collection::default();
    let analyzer = EvidenceAnalyzer::new(keys, true);
    run(&config, ReadAll, &analyzer, &mut collection).unwrap();
    let chains = Chains::new(&collection, keys, signatures);
    judge(&collection, &chains, keys)
}

fn keys() -> Keys {
    let mut keys = Keys::default();
    assert_eq!(keys.add_all(public_keys().as_bytes()), 1);
    keys
}

fn signatures(trail: &Trail) -> Signatures {
    let mut signatures = Signatures::default();
    for (name, head) in trail.heads() {
        assert_eq!(signatures.add_all(head.as_bytes(), &name), 1);
    }
    signatures
}

fn verdicts(stored: &BTreeMap<String, Vec<u8>>) -> Verdicts {
    verdicts_of(stored, &keys(), &signatures(&Trail::new()))
}

/// The codes of the findings, each with the key that it is about.
fn codes(verdicts: &Verdicts) -> Vec<(FindingCode, &str)> {
    let findings = verdicts.findings.iter();
    findings
        .map(|finding| (finding.code, finding.key.as_str()))
        .collect()
}

fn n_logs(verdicts: &Verdicts, status: LogStatus) -> u64 {
    verdicts
        .counts
        .logs
        .get(&status)
        .copied()
        .unwrap_or_default()
}

fn n_digests(verdicts: &Verdicts, status: DigestStatus) -> u64 {
    verdicts
        .counts
        .digests
        .get(&status)
        .copied()
        .unwrap_or_default()
}

#[test]
fn a_whole_archive_is_proved_except_its_newest_digests_without_metadata() {
    let trail = Trail::new();
    let with = verdicts(&trail.stored());
    assert!(
        with.is_all_proved() && !with.has_contradiction(),
        "{with:?}"
    );
    let n = trail.logs.len() as u64;
    assert_eq!(n_logs(&with, LogStatus::Proved), n);
    let without = verdicts_of(&trail.stored(), &keys(), &Signatures::default());
    assert!(!without.is_all_proved() && !without.has_contradiction());
    assert_eq!(
        n_digests(&without, DigestStatus::Unproved),
        REGIONS.len() as u64
    );
    let last = trail::N_DIGESTS - 1;
    let of_last = trail
        .logs
        .iter()
        .filter(|(_, _, digest)| *digest == last)
        .count() as u64;
    assert_eq!(n_logs(&without, LogStatus::Listed), of_last);
    assert_eq!(n_logs(&without, LogStatus::Proved), n - of_last);
    // Without keys hashes hold, and prove nothing.
    let bare = verdicts_of(&trail.stored(), &Keys::default(), &signatures(&trail));
    assert_eq!(
        bare.counts.digests.keys().collect::<Vec<_>>(),
        [&DigestStatus::Unproved]
    );
    assert_eq!(n_logs(&bare, LogStatus::Listed), n);
    assert!(codes(&bare).is_empty() && bare.gaps.is_empty());
}

#[test]
fn no_layout_changes_what_is_proved() {
    let trail = Trail::new();
    let name = |key: &str| key.rsplit('/').next().unwrap().to_owned();
    type Places<'a> = &'a dyn Fn(&str) -> Vec<String>;
    let layouts: [(&str, Places<'_>); 6] = [
        ("flat", &|key| vec![name(key)]),
        ("hive", &|key| {
            vec![format!("logs/region={}/{}", key.len() % 3, name(key))]
        }),
        ("lower case", &|key| vec![key.to_lowercase()]),
        ("twice", &|key| vec![format!("a/{key}"), format!("b/{key}")]),
        ("logs first", &|key| {
            vec![match key.contains("Digest") {
                true => format!("z/{key}"),
                false => format!("a/{key}"),
            }]
        }),
        ("renamed", &|key| {
            vec![format!("{}.json.gz", trail::hex(name(key).as_bytes()))]
        }),
    ];
    for (layout, places) in layouts {
        let mut stored = BTreeMap::new();
        for (key, bytes) in trail.stored() {
            for place in places(&key) {
                stored.insert(place, bytes.clone());
            }
        }
        let found = verdicts(&stored);
        assert!(found.is_all_proved(), "{layout}: {found:?}");
        assert_eq!(
            n_logs(&found, LogStatus::Proved),
            trail.logs.len() as u64,
            "{layout}"
        );
    }
    let mut tar = tar::Builder::new(Vec::new());
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (key, bytes) in trail.stored() {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, &key, &bytes[..]).unwrap();
        zip.start_file(&key, zip::write::SimpleFileOptions::default())
            .unwrap();
        std::io::Write::write_all(&mut zip, &bytes).unwrap();
    }
    let packed = [
        ("x.tar", tar.into_inner().unwrap()),
        ("x.zip", zip.finish().unwrap().into_inner()),
    ];
    for (name, bytes) in packed {
        let found = verdicts(&BTreeMap::from([(name.to_owned(), bytes)]));
        assert!(found.is_all_proved(), "{name}: {found:?}");
        assert_eq!(
            n_logs(&found, LogStatus::Proved),
            trail.logs.len() as u64,
            "{name}"
        );
    }
}

#[test]
fn a_recompressed_or_unpacked_copy_is_as_good_as_the_original() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    for (n, (key, text)) in trail.texts.iter().enumerate() {
        let text = text.as_bytes();
        let (start, end) = text.split_at(text.len() / 2);
        let bytes = match n % 3 {
            0 => text.to_vec(),
            1 => crate::lake::zstd(text),
            _ => [gzip(start), gzip(end)].concat(),
        };
        stored.insert(key.clone(), bytes);
    }
    let found = verdicts(&stored);
    assert!(found.is_all_proved(), "{found:?}");
}

#[test]
fn what_is_appended_to_a_log_or_a_digest_is_found() {
    let trail = Trail::new();
    let (key, region, n) = &trail.logs[5];
    let (_, more) = log(REGIONS[0], START + 5000, 1);
    let extra = [
        gzip(more.as_bytes()),
        more.clone().into_bytes(),
        b"\x01\x02\x03 not text \x00\x01\x02".repeat(40),
    ];
    for extra in extra {
        let mut stored = trail.stored();
        stored.get_mut(key).unwrap().extend(&extra);
        let found = verdicts(&stored);
        assert_eq!(codes(&found), [(FindingCode::LogAppended, key.as_str())]);
        assert_eq!(n_logs(&found, LogStatus::Altered), 1);
    }
    let digest = &trail.digests[*region][*n];
    let mut stored = trail.stored();
    stored
        .get_mut(digest)
        .unwrap()
        .extend(gzip(more.as_bytes()));
    let found = verdicts(&stored);
    assert_eq!(
        codes(&found),
        [(FindingCode::DigestAppended, digest.as_str())]
    );
    // Among copies one that fits is enough for the verdict on the log, and the other is told.
    let mut stored = trail.stored();
    stored.insert(format!("other/{key}"), gzip(more.as_bytes()));
    let found = verdicts(&stored);
    assert_eq!(codes(&found), [(FindingCode::CopiesDiffer, key.as_str())]);
    assert!(found.has_contradiction());
    assert_eq!(n_logs(&found, LogStatus::Altered), 0);
}

#[test]
fn digests_may_be_lines_of_one_file() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    let mut lines = String::new();
    for key in trail.digests.iter().flatten() {
        stored.remove(key);
        lines += &format!("{}\n", trail.texts[key]);
    }
    stored.insert("all.ndjson".to_owned(), lines.into_bytes());
    let found = verdicts(&stored);
    assert!(found.is_all_proved(), "{found:?}");
}

#[test]
fn a_file_that_is_emptied_cut_off_or_replaced_is_found() {
    let trail = Trail::new();
    let (log, region, n) = &trail.logs[6];
    let digest = &trail.digests[*region][*n];
    for key in [log, digest] {
        let whole = trail.stored()[key].clone();
        let contents = [
            Vec::new(),
            whole[..whole.len() / 2].to_vec(),
            b"no log at all".to_vec(),
            gzip(b""),
        ];
        for content in contents {
            let mut stored = trail.stored();
            stored.insert(key.clone(), content.clone());
            let found = verdicts(&stored);
            assert!(found.has_contradiction(), "{key}: {}", content.len());
            let keys: Vec<&str> = codes(&found).into_iter().map(|(_, key)| key).collect();
            assert_eq!(keys, [key.as_str()], "{}", content.len());
        }
    }
}

#[test]
fn digests_with_each_other_s_names_are_altered() {
    let trail = Trail::new();
    let (one, other) = (&trail.digests[0][3], &trail.digests[0][5]);
    let mut stored = trail.stored();
    let (first, second) = (stored[one].clone(), stored[other].clone());
    stored.insert(one.clone(), second);
    stored.insert(other.clone(), first);
    let found = verdicts(&stored);
    let altered = [one, other].map(|key| (FindingCode::DigestAltered, key.as_str()));
    assert_eq!(codes(&found), altered);
}

#[test]
fn logs_with_each_other_s_names_are_found() {
    let trail = Trail::new();
    let (one, other) = (&trail.logs[3].0, &trail.logs[4].0);
    let mut stored = trail.stored();
    let (first, second) = (stored[one].clone(), stored[other].clone());
    stored.insert(one.clone(), second);
    stored.insert(other.clone(), first);
    let found = verdicts(&stored);
    let expected: BTreeSet<_> = [one, other]
        .map(|key| (FindingCode::LogMisnamed, key.as_str()))
        .into();
    assert_eq!(codes(&found).into_iter().collect::<BTreeSet<_>>(), expected);
    assert!(found.has_contradiction());
}

#[test]
fn a_log_that_no_digest_names_is_unlisted_or_uncovered() {
    let trail = Trail::new();
    let inside = log(REGIONS[0], START + 4 * trail::HOUR + 60, 2);
    let late = log(REGIONS[0], START + 9 * trail::HOUR - 60, 2);
    let mut stored = trail.stored();
    for (key, text) in [&inside, &late] {
        stored.insert(key.clone(), gzip(text.as_bytes()));
    }
    let found = verdicts(&stored);
    assert_eq!(
        codes(&found),
        [(FindingCode::LogUnlisted, inside.0.as_str())]
    );
    assert_eq!(n_logs(&found, LogStatus::Uncovered), 1);
}

/// A chain that somebody wrote anew after a change proves nothing: the signatures are those of AWS.
#[test]
fn a_chain_with_new_hashes_and_old_signatures_is_altered() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    let mut before: Option<String> = None;
    for key in &trail.digests[0][3..] {
        let text = trail.texts[key].replace("\\/", "/");
        let mut digest: Value = serde_json::from_str(&text).unwrap();
        match &before {
            None => {
                digest["logFiles"].as_array_mut().unwrap().remove(0);
            }
            Some(before) => digest["previousDigestHashValue"] = before.clone().into(),
        }
        let (text, _) = trail::sign_digest(&digest);
        before = Some(trail::hex(&<sha2::Sha256 as sha2::Digest>::digest(
            text.as_bytes(),
        )));
        stored.insert(key.clone(), gzip(text.as_bytes()));
    }
    let found = verdicts(&stored);
    let n = (trail::N_DIGESTS - 3) as u64;
    assert_eq!(n_digests(&found, DigestStatus::Altered), n);
    let without = verdicts_of(&stored, &keys(), &Signatures::default());
    assert_eq!(n_digests(&without, DigestStatus::Altered), n - 1);
    assert_eq!(n_digests(&without, DigestStatus::Unproved), 2);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Any byte of any log or digest.
    #[test]
    fn any_single_byte_that_is_changed_is_found(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1_u8..128) {
        let trail = Trail::new();
        let key = which.get(&trail.texts.keys().collect::<Vec<_>>()).to_string();
        let mut text = trail.texts[&key].clone().into_bytes();
        let at = at.index(text.len());
        text[at] ^= flip;
        let mut stored = trail.stored();
        stored.insert(key.clone(), gzip(&text));
        let found = verdicts(&stored);
        prop_assert!(found.has_contradiction());
        let is_about_it = found.findings.iter().any(|finding| finding.key == key || finding.key.ends_with(&key));
        prop_assert!(is_about_it, "{key}: {:?}", found.findings);
    }

    /// Any logs and any digests.
    #[test]
    fn what_is_removed_is_found_or_was_told_by_no_digest(gone in prop::collection::vec(any::<prop::sample::Index>(), 1..6)) {
        let trail = Trail::new();
        let all: Vec<&String> = trail.texts.keys().collect();
        let gone: BTreeSet<&String> = gone.iter().map(|index| *index.get(&all)).collect();
        let mut stored = trail.stored();
        stored.retain(|key, _| !gone.contains(key));
        let found = verdicts(&stored);
        let codes: BTreeSet<_> = codes(&found).into_iter().collect();
        for (key, region, n) in &trail.logs {
            let digest = &trail.digests[*region][*n];
            let is_missing = codes.contains(&(FindingCode::LogMissing, key.as_str()));
            prop_assert_eq!(is_missing, gone.contains(key) && !gone.contains(digest), "{}", key);
        }
        for digests in &trail.digests {
            for (n, key) in digests.iter().enumerate().filter(|(_, key)| gone.contains(key)) {
                let next = digests[n..].iter().find(|key| !gone.contains(key));
                let is_first = digests[..n].iter().all(|key| gone.contains(key));
                let is_told = match (next, is_first) {
                    (Some(next), true) => codes.contains(&(FindingCode::ChainBeginsInside, next.as_str())),
                    (Some(next), false) => {
                        let before = digests.iter().take_while(|key| *key != next).last().unwrap();
                        codes.contains(&(FindingCode::DigestMissing, before.as_str()))
                    }
                    // The newest ones: only the other region tells.
                    (None, _) => true,
                };
                prop_assert!(is_told, "{key}: {codes:?}");
            }
        }
        // The newest digests of a region are missed if the other one has later ones.
        let last = |region: usize| trail.digests[region].iter().rposition(|key| !gone.contains(key));
        for (region, other) in [(0, 1), (1, 0)] {
            let is_early = found.gaps.iter().any(|gap| {
                gap.why == Why::ChainEndsEarly && gap.region == REGIONS[region]
            });
            let (Some(last), Some(latest)) = (last(region), last(other)) else { continue };
            prop_assert!(is_early || last >= latest, "{}: {:?}", region, found.gaps);
        }
        prop_assert!(!found.is_all_proved() || stored.is_empty());
    }

    /// Any byte of any file as it is stored. What is proved has the text that AWS signed.
    #[test]
    fn any_byte_of_a_stored_file_that_changes_its_text_is_found(which in any::<prop::sample::Index>(), at in any::<prop::sample::Index>(), flip in 1_u8..=255) {
        let trail = Trail::new();
        let mut stored = trail.stored();
        let key = which.get(&stored.keys().collect::<Vec<_>>()).to_string();
        let bytes = stored.get_mut(&key).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        // Whatever its header and its checksum say.
        let mut text = Vec::new();
        let deflated = flate2::read::DeflateDecoder::new(&bytes[10..]).read_to_end(&mut text);
        let is_same = deflated.is_ok() && text == trail.texts[&key].as_bytes();
        let found = verdicts(&stored);
        let is_about_it = found.findings.iter().any(|finding| finding.key == key);
        prop_assert!(is_about_it || is_same && found.is_all_proved(), "{} at {}: {:?}", key, at, found);
    }
}

#[test]
fn the_newest_digests_of_one_region_are_missed_by_those_of_the_other() {
    let trail = Trail::new();
    let mut stored = trail.stored();
    for key in &trail.digests[1][6..] {
        stored.remove(key);
    }
    let found = verdicts(&stored);
    let gaps: Vec<String> = found
        .gaps
        .iter()
        .map(|gap| format!("{} {:?}", gap.region, gap.why))
        .collect();
    assert_eq!(gaps, ["eu-west-1 ChainEndsEarly"]);
    assert!(!found.is_all_proved());
}

/// A folder with an archive, keys and signatures.
fn on_disk(trail: &Trail, stored: &BTreeMap<String, Vec<u8>>) -> Lake {
    let lake = stored
        .iter()
        .fold(Lake::new(), |lake, (key, bytes)| lake.file(key, bytes));
    fs::create_dir(lake.beside("keys")).unwrap();
    fs::write(lake.beside("keys/us-east-1.json"), public_keys()).unwrap();
    for (name, head) in trail.heads() {
        let path = lake.beside("heads").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, head).unwrap();
    }
    lake
}

/// Runs `verify` beside an archive: the exit code, the report and what is said.
fn verify(lake: &Lake, args: &[&str]) -> (Option<i32>, Value, String) {
    let done = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(["verify", "logs", "--report", "report.json"])
        .args(args)
        .output()
        .unwrap();
    let report = fs::read(lake.beside("report.json")).unwrap();
    let report = serde_json::from_slice(&report).unwrap();
    (
        done.status.code(),
        report,
        String::from_utf8(done.stderr).unwrap(),
    )
}

#[test]
fn the_exit_code_says_if_all_is_proved_or_something_contradicts() {
    let trail = Trail::new();
    let lake = on_disk(&trail, &trail.stored());
    let proofs = ["--public-keys", "keys", "--signatures", "heads"];
    let (exit, report, said) = verify(&lake, &proofs);
    assert_eq!(exit, Some(0), "{said}");
    assert_eq!(report["digests"]["proved"], 18);
    assert_eq!(report["logs"]["proved"], trail.logs.len());
    assert!(
        said.contains("all logs and digests are as AWS signed them"),
        "{said}"
    );
    let (exit, report, said) = verify(&lake, &[]);
    assert_eq!((exit, &report["exit_code"]), (Some(3), &3.into()));
    assert!(
        said.contains("nothing is proved: without public keys"),
        "{said}"
    );
    let command = "aws cloudtrail list-public-keys --region eu-west-1 --start-time 2026-03-01T22:04:21Z --end-time 2026-03-02T06:04:21Z";
    assert!(said.contains(command), "{said}");
    assert!(!said.contains("verified"), "{said}");
    let (exit, _, said) = verify(&lake, &["--public-keys", "keys"]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(
        said.contains("aws s3api head-object --bucket example-trail --key AWSLogs/"),
        "{said}"
    );
    fs::remove_file(lake.logs().join(&trail.logs[2].0)).unwrap();
    let (exit, report, said) = verify(&lake, &proofs);
    assert_eq!(exit, Some(4), "{said}");
    assert_eq!(report["findings"][0]["code"], "log_missing");
    assert_eq!(report["findings"][0]["key"], trail.logs[2].0);
    // A part of an archive proves nothing.
    let done = Command::new(TRAILSIFT)
        .args(["verify", "--since", "1d"])
        .arg(lake.logs())
        .output()
        .unwrap();
    assert_eq!(done.status.code(), Some(2));
}

#[test]
fn keys_are_read_in_every_form_in_which_they_are_printed() {
    let value: Value = serde_json::from_str(&public_keys()).unwrap();
    let value = value["PublicKeyList"][0]["Value"]
        .as_str()
        .unwrap()
        .to_owned();
    let lines = |text: &str| {
        let lines = text.as_bytes().chunks(64);
        lines
            .map(|line| String::from_utf8(line.to_vec()).unwrap() + "\n")
            .collect::<String>()
    };
    let forms = [
        public_keys(),
        format!(
            "PublicKeyList:\n- Fingerprint: {}\n  Value: {value}\n",
            trail::FINGERPRINT
        ),
        format!(
            "PUBLICKEYLIST\t{}\t2026-03-01\t{value}\n",
            trail::FINGERPRINT
        ),
        format!(r#"{{"PublicKeyList":[{{"Value":"{}"}}]}}"#, base64(&spki())),
        format!(
            "-----BEGIN PUBLIC KEY-----\n{}-----END PUBLIC KEY-----\n",
            lines(&base64(&spki()))
        ),
    ];
    for form in forms {
        let mut keys = Keys::default();
        assert_eq!(keys.add_all(form.as_bytes()), 1, "{form}");
        assert!(keys.has(trail::FINGERPRINT), "{form}");
    }
}

#[test]
fn the_table_has_a_row_for_each_digest_and_log() {
    let trail = Trail::new();
    let lake = on_disk(&trail, &trail.stored());
    let (exit, _, said) = verify(&lake, &["--public-keys", "keys", "-o", "files.parquet"]);
    assert_eq!(exit, Some(3), "{said}");
    let file = fs::File::open(lake.beside("files.parquet")).unwrap();
    let reader =
        parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let n: usize = reader
        .build()
        .unwrap()
        .map(|batch| batch.unwrap().num_rows())
        .sum();
    assert_eq!(n, trail.texts.len());
}

/// Runs the program beside an archive: the exit code, and what is said.
fn run_beside(lake: &Lake, args: &[&str]) -> (Option<i32>, String) {
    let done = Command::new(TRAILSIFT)
        .current_dir(lake.beside(""))
        .args(args)
        .output()
        .unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

/// Archives that `synth` makes are what AWS's own validator accepts; see `scripts/aws_validator.py`.
#[test]
fn an_archive_that_synth_makes_with_digests_is_proved() {
    let lake = Lake::new();
    let run = |args: &[&str]| run_beside(&lake, args);
    for (name, threads) in [("one", "1"), ("other", "3")] {
        let fixed = [
            "--digests",
            "--days",
            "1",
            "--files",
            "30",
            "--regions",
            "us-east-1,eu-west-1",
        ];
        let args = [&["synth", name, "--threads", threads], &fixed[..]].concat();
        let (exit, said) = run(&args);
        assert_eq!(exit, Some(0), "{said}");
    }
    let read = |name: &str| fs::read(lake.beside(name)).unwrap();
    assert_eq!(read("one.signatures.json"), read("other.signatures.json"));
    let proofs = [
        "--public-keys",
        "one.public-keys.json",
        "--signatures",
        "one.signatures.json",
    ];
    let (exit, said) = run(&[&["verify", "one"], &proofs[..]].concat());
    assert_eq!(exit, Some(0), "{said}");
    // They have nothing to do with AWS's keys.
    fs::write(lake.beside("keys.json"), public_keys()).unwrap();
    let (exit, said) = run(&["verify", "one", "--public-keys", "keys.json"]);
    assert_eq!(exit, Some(3), "{said}");
    assert!(said.contains("key_missing"), "{said}");
    let (exit, said) = run(&["synth", "lines", "--digests", "--shape", "ndjson"]);
    assert_eq!(exit, Some(1), "{said}");
}

/// A chain that begins again is no contradiction, and the map has a hole with its reason.
#[test]
fn a_trail_that_synth_stops_has_a_gap_and_nothing_contradicts() {
    let lake = Lake::new();
    let run = |args: &[&str]| run_beside(&lake, args);
    let stopped = [
        "synth",
        "stopped",
        "--digests",
        "--days",
        "2",
        "--files",
        "200",
        "--accounts",
        "1",
        "--start",
        "2026-03-01",
        "--regions",
        "us-east-1,eu-west-1",
        "--stopped-hours",
        "5",
    ];
    let (exit, said) = run(&stopped);
    assert_eq!(exit, Some(0), "{said}");
    let proofs_of_stopped = [
        "--public-keys",
        "stopped.public-keys.json",
        "--signatures",
        "stopped.signatures.json",
    ];
    let (exit, said) = run(&[&["verify", "stopped"], &proofs_of_stopped[..]].concat());
    assert_eq!(exit, Some(3), "{said}");
    assert!(
        !said.contains("finding") && !said.contains("without digests"),
        "{said}"
    );
    let gap = "gap         111122223333 us-east-1 2026-03-02T00:20:00Z to 2026-03-02T04:20:00Z: chain_restarted";
    assert!(said.contains(gap), "{said}");
    let (_, said) = run(&["coverage", "stopped"]);
    for expected in [
        "hole        111122223333 us-east-1 2026-03-02T01:00:00Z to",
        "logging was stopped, or the trail was deleted",
        "StopLogging account-trail by mallory",
        "StartLogging account-trail by mallory",
    ] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    let (exit, said) = run(&["synth", "x", "--days", "2", "--stopped-hours", "5"]);
    assert_eq!(exit, Some(1), "{said}");
}
