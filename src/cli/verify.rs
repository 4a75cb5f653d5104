//! `trailsift verify`.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use indicatif::HumanCount;
use serde::Serialize;
use trailsift::case;
use trailsift::custody::{
    self, Chains, Collection, DigestStatus, EvidenceAnalyzer, LogStatus, Needed, Verdicts,
};
use trailsift::input::Root;
use trailsift::report::{Diagnostic, PassReport};
use trailsift::store::{Stores, Uri};

use super::args::{LogFormat, VerifyArgs};
use super::exit::Exit;
use super::terminal::{self, green, harmless, plural, red, yellow};
use super::{evidence, lists, print_json, resolve};

/// The version of the report's form.
const SCHEMA_VERSION: u32 = 1;

/// The result, as JSON.
#[derive(Serialize)]
struct VerifyReport<'a> {
    schema_version: u32,
    version: &'static str,
    command: &'a [String],
    inputs: Vec<String>,
    /// True if everything was read.
    complete: bool,
    exit_code: u8,
    public_keys: usize,
    #[serde(flatten)]
    verdicts: &'a Verdicts,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
    sources: trailsift::report::Sources,
    diagnostics: &'a [Diagnostic],
}

/// Checks an archive, and reports the result.
pub(super) fn run(args: VerifyArgs) -> anyhow::Result<Exit> {
    let outputs: Vec<&Path> = args
        .report
        .iter()
        .chain(&args.output)
        .map(|path| &**path)
        .collect();
    let config = resolve::resolve_evidence(&args.input, &args.performance, &outputs)?;
    let keys = custody::read_keys(&args.public_keys)?;
    let mut signatures = custody::read_signatures(&args.signatures)?;
    let report = lists::open(args.report.as_deref(), &config)?;
    let table = lists::open(args.output.as_deref(), &config)?;
    let mut collection = Collection::default();
    let analyzer = EvidenceAnalyzer::new(&keys, true);
    let pass = match evidence::pass(&config, &analyzer, &mut collection, &args.messages)? {
        Ok(pass) => pass,
        Err(exit) => return Ok(exit),
    };
    let mut chains = Chains::new(&collection, &keys, &signatures);
    if !keys.is_empty() {
        let fetch = &mut |path: &Path| signature_of(path, &config.stores);
        if chains.fetch_signatures(&collection, &mut signatures, fetch)? > 0 {
            chains = Chains::new(&collection, &keys, &signatures);
        }
    }
    let verdicts = custody::judge(&collection, &chains, &keys);
    let exit = exit(&verdicts, &pass);
    if let Some(mut table) = table {
        custody::write_table(&mut table, &collection, &chains, &verdicts)
            .context("the table cannot be written")?;
        table.commit()?;
    }
    let result = VerifyReport {
        schema_version: SCHEMA_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        command: &args.words,
        inputs: config.roots.iter().map(name_of).collect(),
        complete: pass.complete,
        exit_code: match exit {
            Exit::Complete => 0,
            Exit::Contradicted => 4,
            _ => 3,
        },
        public_keys: keys.len(),
        hint: hint(&verdicts),
        verdicts: &verdicts,
        sources: pass.sources,
        diagnostics: &pass.diagnostics,
    };
    if let Some(mut report) = report {
        report.write_all(&serde_json::to_vec_pretty(&result)?)?;
        report.write_all(b"\n")?;
        report.commit()?;
    } else if args.report.is_some() {
        print_json(&result)?;
    }
    match args.messages.log_format {
        LogFormat::Json => terminal::json("report", &result),
        LogFormat::Text if args.messages.quiet => {}
        LogFormat::Text => {
            show(&verdicts, pass.complete, !keys.is_empty());
            for path in [&args.report, &args.output].into_iter().flatten() {
                line("written", terminal::path(path));
            }
        }
    }
    Ok(exit)
}

fn name_of(root: &Root) -> String {
    match root {
        Root::Path(path) => path.to_string_lossy().into_owned(),
        Root::Stdin => "-".to_owned(),
        Root::List(list) => list.name().to_string_lossy().into_owned(),
        Root::Manifest(manifest) => manifest.name().to_string_lossy().into_owned(),
        Root::Sources(_) => String::new(),
    }
}

/// Returns the signature in the metadata of a digest's object, if it is in a bucket and has one.
pub(super) fn signature_of(path: &Path, stores: &Stores) -> anyhow::Result<Option<String>> {
    let Some(Ok(uri)) = Uri::of(path) else {
        return Ok(None);
    };
    let bucket = stores.bucket(&uri)?;
    let signature = bucket.user_metadata(uri.key(), "signature");
    signature.with_context(|| uri.to_string())
}

fn exit(verdicts: &Verdicts, pass: &PassReport) -> Exit {
    if verdicts.has_contradiction() {
        Exit::Contradicted
    } else if verdicts.is_all_proved() && pass.complete {
        Exit::Complete
    } else {
        Exit::Incomplete
    }
}

/// Returns what many findings of one kind may mean.
fn hint(verdicts: &Verdicts) -> Option<&'static str> {
    const MANY: u64 = 10;
    let n_unlisted = verdicts.counts.logs.get(&LogStatus::Unlisted).copied();
    (n_unlisted.unwrap_or_default() >= MANY).then_some(
        "many logs are unlisted: a second trail without log file validation may deliver to the same folders",
    )
}

fn line(name: &str, text: String) {
    terminal::line(&format!("{name:<11} {text}"));
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
        line(
            "to do",
            "fetch the public keys that are missing:".to_owned(),
        );
        lists::each("", of_keys.into_iter().map(command).collect());
    }
    if !signatures.is_empty() {
        let n = signatures.len() as u64;
        let what = plural(n, "digest has no signature", "digests have no signature");
        line(
            "to do",
            format!("{what} here; it is in the metadata of the object:"),
        );
        lists::each("", signatures.into_iter().map(command).collect());
    }
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
