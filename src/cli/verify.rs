//! `trailsift verify`.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use serde::Serialize;
use trailsift::custody::{self, Chains, Collection, EvidenceAnalyzer, Verdicts};
use trailsift::input::Root;
use trailsift::report::{Diagnostic, PassReport};

use super::args::{LogFormat, VerifyArgs};
use super::exit::Exit;
use super::verdicts::{hint, line, show, signature_of};
use super::{evidence, lists, print_json, resolve, terminal};

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

fn exit(verdicts: &Verdicts, pass: &PassReport) -> Exit {
    if verdicts.has_contradiction() {
        Exit::Contradicted
    } else if verdicts.is_all_proved() && pass.complete {
        Exit::Complete
    } else {
        Exit::Incomplete
    }
}
