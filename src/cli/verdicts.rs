//! Verdicts on an archive, for people.

use std::path::Path;

use anyhow::Context as _;
use indicatif::HumanCount;
use serde::Serialize;
use trailsift::case;
use trailsift::custody::{DigestStatus, LogStatus, Needed, Verdicts};
use trailsift::store::{Stores, Uri};

use super::lists;
use super::terminal::{green, harmless, plural, red, yellow};

/// Returns the signature in the metadata of a digest's object, if it is in a bucket and has one.
pub(super) fn signature_of(path: &Path, stores: &Stores) -> anyhow::Result<Option<String>> {
    let Some(Ok(uri)) = Uri::of(path) else {
        return Ok(None);
    };
    let bucket = stores.bucket(&uri)?;
    let signature = bucket.user_metadata(uri.key(), "signature");
    signature.with_context(|| uri.to_string())
}

/// Returns what many findings of one kind may mean.
pub(super) fn hint(verdicts: &Verdicts) -> Option<&'static str> {
    const MANY: u64 = 10;
    let n_unlisted = verdicts.counts.logs.get(&LogStatus::Unlisted).copied();
    (n_unlisted.unwrap_or_default() >= MANY).then_some(
        "many logs are unlisted: a second trail without log file validation may deliver to the same folders",
    )
}

pub(super) fn line(name: &str, text: String) {
    lists::line(name, &text);
}

/// Prints the verdicts. `is_complete` is true if everything could be read.
pub(super) fn show(verdicts: &Verdicts, is_complete: bool, has_keys: bool) {
    line("verdict", verdict(verdicts, is_complete, has_keys));
    let counts = &verdicts.counts;
    let words = |counts: Vec<(String, u64)>| match counts.is_empty() {
        true => "none".to_owned(),
        false => {
            let words = counts
                .iter()
                .map(|(word, n)| format!("{} {word}", HumanCount(*n)));
            words.collect::<Vec<_>>().join(", ")
        }
    };
    let digests = counts.digests.iter();
    let digests = digests.map(|(status, n)| (digest_word(*status).to_owned(), *n));
    line("digests", words(digests.collect()));
    let logs = counts
        .logs
        .iter()
        .map(|(status, n)| (log_word(*status).to_owned(), *n));
    line("logs", words(logs.collect()));
    let findings = verdicts.findings.iter().map(|finding| {
        let hours = finding.hours.map_or(String::new(), |n| format!(" ({n} h)"));
        format!(
            "{} {}{hours}",
            word(&finding.code),
            harmless(&finding.key, usize::MAX)
        )
    });
    let gaps = verdicts.gaps.iter().map(|gap| {
        let value = serde_json::to_value(gap).unwrap_or_default();
        let text = |name: &str| value[name].as_str().unwrap_or_default().to_owned();
        format!(
            "{} {} {} to {}: {}",
            gap.account,
            gap.region,
            text("from"),
            text("to"),
            text("why")
        )
    });
    lists::each("finding", findings.collect());
    lists::each("gap", gaps.collect());
    if let Some(hint) = hint(verdicts) {
        line("note", hint.to_owned());
    }
    let (signatures, of_keys): (Vec<_>, Vec<_>) = verdicts
        .needed
        .iter()
        .partition(|needed| matches!(needed, Needed::Signature { .. }));
    if !of_keys.is_empty() {
        let text = "fetch the public keys that are missing, then add --public-keys keys:";
        line("to do", text.to_owned());
        commands("keys", of_keys);
    }
    if !signatures.is_empty() {
        let n = signatures.len() as u64;
        let what = plural(n, "digest has no signature", "digests have no signature");
        let where_it_is =
            "it is in the metadata of the object; fetch it, then add --signatures signatures:";
        line("to do", format!("{what} here; {where_it_is}"));
        commands("signatures", signatures);
    }
}

/// Prints the commands that fetch what is needed into a folder. They are not folded, so that they can be copied.
fn commands(folder: &str, needed: Vec<&Needed>) {
    let make_folder = format!("mkdir -p {folder}");
    let all = std::iter::once(make_folder).chain(needed.into_iter().map(command));
    lists::each_whole(all.collect());
}

fn verdict(verdicts: &Verdicts, is_complete: bool, has_keys: bool) -> String {
    let n_digests: u64 = verdicts.counts.digests.values().sum();
    if verdicts.has_contradiction() {
        return red("something contradicts what AWS signed");
    }
    if n_digests == 0 {
        return yellow("nothing can be proved: there is no digest file in the archive");
    }
    if !has_keys {
        return yellow(
            "nothing is proved: without public keys, hashes and links hold, but anybody could have made them",
        );
    }
    if !is_complete {
        return yellow("not everything could be read");
    }
    match verdicts.is_all_proved() {
        true => green("all logs and digests are as AWS signed them, and none is missing"),
        false => yellow("nothing contradicts what AWS signed, but not everything is proved"),
    }
}

/// Returns the command that fetches what is needed.
fn command(needed: &Needed) -> String {
    match needed {
        Needed::PublicKeys { region, from, to } => {
            let region = quoted(region);
            format!(
                "aws cloudtrail list-public-keys --region {region} --start-time {from} --end-time {to} > keys/{region}.json"
            )
        }
        Needed::Signature { bucket, key } => {
            let name = key.rsplit('/').next().unwrap_or_default();
            format!(
                "aws s3api head-object --bucket {} --key {} > signatures/{}",
                quoted(bucket),
                quoted(key),
                quoted(&format!("{name}.json"))
            )
        }
    }
}

/// Returns a word for a shell. Somebody else may have written it.
fn quoted(word: &str) -> String {
    case::quoted(word).unwrap_or_else(|| harmless(word, usize::MAX))
}

/// Returns the stable word of a value.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

fn digest_word(status: DigestStatus) -> &'static str {
    match status {
        DigestStatus::Proved => "proved",
        DigestStatus::Unproved => "not proved",
        DigestStatus::Altered => "altered",
        DigestStatus::Missing => "missing",
    }
}

fn log_word(status: LogStatus) -> &'static str {
    match status {
        LogStatus::Proved => "proved",
        LogStatus::Listed => "as an unproved digest says",
        LogStatus::Uncovered => "of a time without digests",
        LogStatus::Outside => "outside of what was copied",
        LogStatus::Unlisted => "named by no digest",
        LogStatus::Missing => "missing",
        LogStatus::Altered => "altered",
    }
}
