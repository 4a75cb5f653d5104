//! Converts the command line to a configuration. All errors in it are reported here, before any file is opened.

use std::ffi::OsStr;
use std::fs::File;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::bail;
use jiff::Timestamp;
use trailsift::config::{HuntConfig, OutputConfig, ScanConfig};
use trailsift::input::Root;
use trailsift::input::layout::Selection;
use trailsift::input::list::List;
use trailsift::input::manifest::{Manifest, Shard};
use trailsift::input::names::Names;
use trailsift::input::open::MAP_BYTES;
use trailsift::output::{
    Column, CsvColumns, Dataset, Destination, Format, Schema, incomplete_name,
};
use trailsift::rule::RuleSet;
use trailsift::store::{StoreOptions, Stores, Uri};

use super::args::{
    FormatArg, HuntArgs, InputArgs, InvestigateArgs, OutputArgs, Performance, PlanArgs, SchemaArg,
};
use super::own_outputs::{holds, own_files, own_uris};
use super::root::root;
use super::usage::{uri, usage};
use super::{dataset, outputs, rules};

/// Returns a hunt's configuration.
pub(super) fn resolve(
    args: &HuntArgs,
    dataset: Option<Dataset>,
    run_id: String,
) -> anyhow::Result<HuntConfig> {
    let input = &args.input;
    let roots = roots(input)?;
    let destination = match dataset {
        Some(dataset) => Destination::Dataset(dataset),
        None if args.output.destination.as_os_str() == "-" => Destination::Stdout,
        None => written(&args.output.destination)?,
    };
    if let Some(path) = args
        .output
        .report
        .as_ref()
        .filter(|path| path.as_os_str() != "-")
    {
        written(path)?;
    }
    let report_to_stdout = args.output.report.as_deref() == Some(Path::new("-"));
    if report_to_stdout && destination == Destination::Stdout {
        bail!(usage("alerts and report cannot both go to standard output"));
    }
    outputs::check(args)?;
    let format = format(args, &destination)?;
    let schema = schema(args, &destination, format)?;
    check_terminal(&destination, format)?;
    let output = &args.output;
    let related = beside(args, output.related.as_deref(), "related events")?;
    let events = beside(args, output.events.as_deref(), "events of alerts")?;
    let formats = related.iter().chain(&events).map(|(_, format)| *format);
    check_csv_options(args, formats.chain([format]))?;
    let tables = output.related.iter().chain(&output.events);
    let tables = tables.chain([&output.destination]);
    let beside: Vec<PathBuf> = tables.clone().map(|path| incomplete_name(path)).collect();
    let outputs = args.output.report.iter().chain(tables).chain(&beside);
    let outputs: Vec<&Path> = outputs.map(|path| &**path).collect();
    let mut own_files = own_files(&outputs, &roots)?;
    if let Some(state) = &args.output.state {
        check_ledger(state)?;
        // SQLite's log is beside the ledger.
        let mut log = state.clone().into_os_string();
        log.push("-wal");
        own_files.extend([state.clone(), PathBuf::from(log)]);
    }
    let stores = stores(input);
    let own_uris = own_uris(&outputs, &roots, &stores)?;
    let chosen = rules::choose(&args.rules)?;
    check_events(args, &chosen.set)?;
    let config = HuntConfig {
        run_id,
        command: args.words.clone(),
        rules: chosen.set,
        refused: chosen.refused,
        max_per_rule: args.max_per_rule,
        over_time: Default::default(),
        scan: ScanConfig {
            own_files,
            own_uris,
            n_threads: n_threads(args.performance.threads),
            map_from_bytes: (!args.performance.no_mmap).then_some(MAP_BYTES),
            max_decoded_bytes: args.max_decoded,
            ..scan(input, roots, stores)?
        },
        output: OutputConfig {
            destination,
            format,
            schema,
            related,
            events,
        },
        state: args.output.state.clone(),
        allows_no_events: args.allow_empty,
    };
    Ok(with_limits(args, config))
}

/// Returns a configuration with the limits of rules over several events.
fn with_limits(args: &HuntArgs, mut config: HuntConfig) -> HuntConfig {
    let limits = &mut config.over_time;
    limits.held_bytes = usize::try_from(args.events_memory).unwrap_or(usize::MAX);
    limits.n_events = usize::try_from(args.output.max_event_ids).unwrap_or(usize::MAX);
    config
}

/// Returns the configuration for reading an archive, with the options that all commands share.
fn scan(input: &InputArgs, roots: Vec<Root>, stores: Stores) -> Result<ScanConfig, clap::Error> {
    Ok(ScanConfig {
        roots,
        stores: Arc::new(stores),
        wanted: wanted(input)?,
        names: names(input)?,
        follows_links: input.follow,
        ..ScanConfig::default()
    })
}

/// Returns the configuration with which files are checked or counted, and what is written about them. All files are
/// read, because a part of them proves nothing.
pub(super) fn resolve_evidence(
    input: &InputArgs,
    performance: &Performance,
    outputs: &[&Path],
) -> anyhow::Result<ScanConfig> {
    let (roots, stores) = (roots(input)?, stores(input));
    let outputs = outputs
        .iter()
        .copied()
        .filter(|path| path.as_os_str() != "-");
    let outputs: Vec<&Path> = outputs.collect();
    let config = ScanConfig {
        own_files: own_files(&outputs, &roots)?,
        own_uris: own_uris(&outputs, &roots, &stores)?,
        n_threads: n_threads(performance.threads),
        map_from_bytes: (!performance.no_mmap).then_some(MAP_BYTES),
        ..scan(input, roots, stores)?
    };
    if !config.wanted.is_everything() {
        bail!(usage(
            "a choice of times, accounts or regions leaves out files, which would then seem to be missing; leave out the filters"
        ));
    }
    Ok(config)
}

/// Returns the configuration of a walk that opens nothing, and the destination of its results.
pub(super) fn resolve_plan(args: &PlanArgs) -> anyhow::Result<(ScanConfig, Destination)> {
    let input = &args.input;
    let (roots, stores) = (roots(input)?, stores(input));
    let destination = written(&args.output)?;
    let config = ScanConfig {
        own_files: own_files(&[&args.output], &roots)?,
        own_uris: own_uris(&[&args.output], &roots, &stores)?,
        n_threads: n_threads(0),
        ..scan(input, roots, stores)?
    };
    Ok((config, destination))
}

/// Returns the configuration with which an investigation reads an archive, restricted to events from this time on.
pub(super) fn resolve_case(
    args: &InvestigateArgs,
    folder: &Path,
    since: Option<Timestamp>,
) -> anyhow::Result<ScanConfig> {
    let input = &args.input;
    let mut config = scan(input, roots(input)?, stores(input))?;
    let wanted = &mut config.wanted;
    wanted.since = wanted.since.max(since);
    let roots = &config.roots;
    // A list of names may come through a pipe: later passes read the sources that the first one found.
    if roots
        .iter()
        .any(|root| *root == Root::Stdin || is_stream(root))
    {
        let message =
            "a pipe can be read once, and an investigation reads several times: name files";
        bail!(usage(message));
    }
    // The next investigation would treat the files of the case as evidence. Sources in a manifest were listed before.
    let named = roots
        .iter()
        .filter(|root| !matches!(root, Root::Manifest(_)));
    let is_on_stdin = |root: &Root| matches!(root, Root::List(list) if list.file.is_none());
    if named
        .clone()
        .any(|root| !is_on_stdin(root) && holds(root, folder))
    {
        let message = "the case would lie in what is read; name a folder outside of it";
        bail!(usage(&format!("{}: {message}", args.output.display())));
    }
    config.n_threads = n_threads(args.performance.threads);
    config.map_from_bytes = (!args.performance.no_mmap).then_some(MAP_BYTES);
    Ok(config)
}

fn roots(input: &InputArgs) -> anyhow::Result<Vec<Root>> {
    let typed = input.paths.iter().map(|path| root(path));
    let listed = input
        .files_from
        .iter()
        .map(|path| Ok(list(path, input.null)?));
    let named = input
        .manifest
        .iter()
        .map(|path| Ok(manifest(path, input.shard)?));
    let roots = typed.chain(listed).chain(named);
    let roots = roots.collect::<anyhow::Result<Vec<_>>>()?;
    if roots.iter().filter(|root| is_stdin(root)).count() > 1 {
        bail!(usage("`-` (standard input) is named more than once"));
    }
    Ok(roots)
}

fn manifest(path: &Path, shard: Option<Shard>) -> Result<Root, clap::Error> {
    let file = (path.as_os_str() != "-").then(|| path.to_owned());
    if let Some(Err(error)) = file.as_ref().map(|file| opened(file)) {
        return Err(usage(&format!("{}: {error}", path.display())));
    }
    Ok(Root::Manifest(Manifest { file, shard }))
}

fn stores(input: &InputArgs) -> Stores {
    Stores::new(StoreOptions {
        endpoint_url: input.endpoint_url.clone(),
        bucket_region: input.bucket_region.clone(),
        profile: input.profile.clone(),
        is_unsigned: input.no_sign_request,
        is_requester_pays: input.request_payer,
        n_concurrent: input.io_concurrency,
        retry_time: std::time::Duration::from_secs(input.retry_time),
    })
}

/// Returns the selection of events.
fn wanted(input: &InputArgs) -> Result<Selection, clap::Error> {
    let wanted = Selection {
        since: input.since,
        until: input.until,
        margin: input.late,
        accounts: input.account.iter().cloned().collect(),
        is_account_folders_only: input.account_folders,
        regions: input.event_region.iter().cloned().collect(),
        is_home_region_only: input.home_region,
    };
    match (wanted.since, wanted.until) {
        (Some(since), Some(until)) if since >= until => Err(usage(&format!(
            "no event is from --since {since} on and before --until {until}{}",
            match until.as_second() % 86_400 {
                0 => " (a date given to --until means its end)",
                _ => "",
            }
        ))),
        _ => Ok(wanted),
    }
}

fn names(input: &InputArgs) -> Result<Names, clap::Error> {
    Names::new(&input.exclude, &input.include, !input.no_default_excludes).map_err(|e| usage(&e))
}

/// Returns the destination of an output that does not go to standard output.
pub(super) fn written(path: &Path) -> Result<Destination, clap::Error> {
    match uri(path)? {
        Some(uri) if uri.key().is_empty() || uri.key().ends_with('/') => {
            Err(usage(&format!("{uri}: it names no object")))
        }
        Some(uri) => Ok(Destination::Object(uri)),
        None => Ok(Destination::File(path.to_owned())),
    }
}

fn list(path: &Path, is_zero_separated: bool) -> Result<Root, clap::Error> {
    let file = (path.as_os_str() != "-").then(|| path.to_owned());
    if let Some(Err(error)) = file.as_ref().map(|file| opened(file)) {
        return Err(usage(&format!("{}: {error}", path.display())));
    }
    Ok(Root::List(List {
        file,
        is_zero_separated,
    }))
}

/// Checks that a file can be opened. A pipe can be opened only once, so this is left to its reader.
fn opened(path: &Path) -> std::io::Result<()> {
    match std::fs::metadata(path)?.is_file() {
        true => File::open(path).map(|_| ()),
        false => Ok(()),
    }
}

/// Returns whether this is neither a file nor a folder.
fn is_stream(root: &Root) -> bool {
    let Root::Path(path) = root else { return false };
    let is_other = |metadata: std::fs::Metadata| !metadata.is_file() && !metadata.is_dir();
    std::fs::metadata(path).is_ok_and(is_other)
}

fn is_stdin(root: &Root) -> bool {
    match root {
        Root::Stdin => true,
        Root::List(list) => list.file.is_none(),
        Root::Manifest(manifest) => manifest.file.is_none(),
        Root::Path(_) | Root::Sources(_) => false,
    }
}

/// Returns the schema of a row, if the output can have this schema.
fn schema(
    args: &HuntArgs,
    destination: &Destination,
    format: Format,
) -> Result<Schema, clap::Error> {
    let is_dataset = matches!(destination, Destination::Dataset(_));
    let refusal = match (args.output.schema, format, args.output.partition_by) {
        (SchemaArg::Ocsf, _, Some(_)) => {
            "--schema ocsf has folders of its own, those of Security Lake: leave out --partition-by"
        }
        (_, _, Some(_)) if !is_dataset => {
            "--partition-by is for an output that is a folder, or a prefix with a / at its end"
        }
        (SchemaArg::Ocsf, Format::Csv(_), _) => {
            "--schema ocsf is nested, and CSV is flat: name a file that ends in .parquet, .ndjson or .arrows"
        }
        (SchemaArg::Ecs, Format::Parquet | Format::Csv(_) | Format::Arrow, _) => {
            "--schema ecs is lines of JSON: name a file that ends in .ndjson, or add --format ndjson"
        }
        (SchemaArg::Flat, ..) => return Ok(Schema::Flat),
        (SchemaArg::Ecs, ..) => return Ok(Schema::Ecs),
        (SchemaArg::Ocsf, ..) => return Ok(Schema::Ocsf),
    };
    Err(usage(refusal))
}

fn format(args: &HuntArgs, destination: &Destination) -> Result<Format, clap::Error> {
    let path = &args.output.destination;
    let format = match (args.output.format, destination) {
        (Some(format), _) => format,
        (None, Destination::Dataset(_)) => dataset::format(args),
        (None, Destination::Stdout | Destination::Nowhere) => FormatArg::Ndjson,
        (None, Destination::File(_) | Destination::Object(_)) => {
            let message =
                "its name does not tell the format; add --format parquet, ndjson, csv or arrow";
            let format = format_of(path, &args.output)?;
            return format.ok_or_else(|| usage(&format!("{}: {message}", path.display())));
        }
    };
    Ok(match format {
        FormatArg::Parquet => Format::Parquet,
        FormatArg::Ndjson => Format::Ndjson,
        FormatArg::Csv => Format::Csv(csv_columns(&args.output)?),
        FormatArg::Arrow => Format::Arrow,
    })
}

/// Returns the format that a file's name implies.
fn format_of(path: &Path, args: &OutputArgs) -> Result<Option<Format>, clap::Error> {
    let extension = path.extension().and_then(OsStr::to_str);
    Ok(match extension.unwrap_or_default() {
        "parquet" => Some(Format::Parquet),
        "ndjson" | "jsonl" | "json" => Some(Format::Ndjson),
        "csv" => Some(Format::Csv(csv_columns(args)?)),
        "arrow" | "arrows" => Some(Format::Arrow),
        _ => None,
    })
}

/// Refuses a format of bytes for a terminal.
fn check_terminal(destination: &Destination, format: Format) -> Result<(), clap::Error> {
    let is_bytes = matches!(format, Format::Parquet | Format::Arrow);
    match *destination == Destination::Stdout && is_bytes && std::io::stdout().is_terminal() {
        true => Err(usage(
            "this format is not for a terminal; name a file, or add --format ndjson",
        )),
        false => Ok(()),
    }
}

/// Refuses options for CSV if no output is CSV.
fn check_csv_options(
    args: &HuntArgs,
    mut formats: impl Iterator<Item = Format>,
) -> Result<(), clap::Error> {
    let has_csv = formats.any(|format| matches!(format, Format::Csv(_)));
    if !has_csv && (args.output.raw || !args.output.columns.is_empty()) {
        return Err(usage(
            "--columns and --raw are for CSV: add --format csv, or name a file that ends in .csv",
        ));
    }
    Ok(())
}

/// Returns the columns of CSV.
fn csv_columns(args: &OutputArgs) -> Result<CsvColumns, clap::Error> {
    let column = |name: &String| {
        let unknown = || {
            let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
            let names = names.join(", ");
            usage(&format!("--columns: no column {name}; there are {names}"))
        };
        Column::from_name(name).ok_or_else(unknown)
    };
    let columns = match args.columns.as_slice() {
        [] => CsvColumns::default(),
        names => CsvColumns::new(names.iter().map(column).collect::<Result<Vec<_>, _>>()?),
    };
    Ok(match args.raw {
        true => columns.with_raw_event(),
        false => columns,
    })
}

/// Refuses an output for events without rules over several events.
fn check_events(args: &HuntArgs, rules: &RuleSet) -> Result<(), clap::Error> {
    match &args.output.events {
        Some(path) if rules.over_time().is_empty() => Err(usage(&format!(
            "{}: no rule of this hunt is over several events; leave out --events",
            path.display()
        ))),
        _ => Ok(()),
    }
}

/// Returns the destination of rows beside the alerts.
fn beside(
    args: &HuntArgs,
    path: Option<&Path>,
    what: &str,
) -> Result<Option<(Destination, Format)>, clap::Error> {
    let Some(path) = path else {
        return Ok(None);
    };
    if path.as_os_str() == "-" {
        return Err(usage(&format!(
            "{what} go to a file; name one that ends in .parquet, .ndjson, .csv or .arrows"
        )));
    }
    let destination = written(path)?;
    match format_of(path, &args.output)? {
        Some(format) => Ok(Some((destination, format))),
        None => Err(usage(&format!(
            "{}: {what} go to a file, not a folder; end its name in .parquet, .ndjson, .csv or .arrows",
            path.display()
        ))),
    }
}

/// Refuses an address as the place of a ledger.
fn check_ledger(state: &Path) -> Result<(), clap::Error> {
    let is_address = Uri::of(state).is_some() || Uri::meant(state).is_some();
    match is_address {
        true => Err(usage(&format!(
            "{}: a ledger is a local file",
            state.display()
        ))),
        false => Ok(()),
    }
}

fn n_threads(asked: usize) -> usize {
    match asked {
        0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        n => n,
    }
}
