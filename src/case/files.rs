//! The files of a case: tables of its events, of its entities, and of the links between them; and timelines.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use arrow_json::ReaderBuilder;
use arrow_schema::ArrowError;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Value, json};

use super::columns::{account, row_with_seen, schema_with_seen, text, time};
use super::event_table::{self, event_schema, is_of_rule, technique_of};
use super::seen::Seen;
use super::sums::sha256;
use super::target_columns::targets_json;
use super::threads::Threads;
use super::{Case, CaseEvent, LaterUse, Neighbour, UserCase, is_of_aws};
use crate::follow::touched::in_words;
use crate::follow::{Entity, EntityRefs, TargetRole};
use crate::output::Column;
use crate::output::documents;
use crate::output::rule_columns::RuleColumns;
use crate::report::BUILTIN_PACK;
use crate::rule::{PackRule, Rule};

/// Number of rows that are encoded at once.
const BATCH_ROWS: usize = 1024;
/// Number of events whose lines are in memory at once.
const LINES_AT_ONCE: usize = 4096;

/// Writes the tables of a case, its timelines and its metadata into an existing folder, and adds their hashes to the
/// metadata. The files are written side by side, on this number of threads.
///
/// # Errors
///
/// The I/O error, or the encoder's error.
pub fn write(
    case: &mut Case,
    rule: &Rule,
    folder: &Path,
    n_threads: usize,
) -> Result<(), ArrowError> {
    let threads = Threads::new(n_threads);
    let columns = RuleColumns::new(
        PackRule::new(BUILTIN_PACK, rule.clone()).info(),
        &case.about.run_id.as_str().into(),
    );
    let evidence = &*case;
    let sums = threads.each(FILES.len(), &|nth| {
        let name = FILES[nth];
        let path = folder.join(name);
        write_evidence(evidence, &columns, &threads, &path)?;
        Ok((name.to_owned(), sha256(&path)?))
    });
    let sums: Result<BTreeMap<String, String>, ArrowError> = sums.into_iter().collect();
    case.about.files.extend(sums?);
    let mut file = BufWriter::new(File::create(folder.join(ABOUT))?);
    serde_json::to_writer_pretty(&mut file, &case.about)
        .map_err(|error| ArrowError::JsonError(error.to_string()))?;
    finish(file)?;
    // Sync the folder, so that the names are on disk too.
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .ok();
    Ok(())
}

/// Writes the table or the timeline that has this name.
fn write_evidence(
    case: &Case,
    rule: &RuleColumns,
    threads: &Threads,
    path: &Path,
) -> Result<(), ArrowError> {
    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
    match name {
        EVENTS => write_events(path, &case.events, rule),
        LATER => write_events(path, &case.later, rule),
        USES => {
            let uses = case.users.iter().flat_map(|user| {
                let uses = user.uses.iter();
                uses.flat_map(|one| later_use(user, one))
            });
            write_table(path, &use_schema(), uses)
        }
        ENTITIES => write_table(path, &entity_schema(), entities(case).into_iter()),
        EDGES => write_table(path, &edge_schema(), edges(case).into_iter()),
        NEIGHBOURS => {
            let neighbours = case.neighbours.iter().map(|one| neighbour(one, case));
            write_table(path, &neighbour_schema(), neighbours)
        }
        TIMELINE => write_lines(path, &case.events, threads, &|event, lines| {
            write_line(&timesketch(event), lines)
        }),
        _ => write_lines(path, &case.events, threads, &|event, lines| {
            let [action, document] = elastic(event, rule);
            write_line(&action, lines)?;
            write_line(&document, lines)
        }),
    }
}

/// The table of events.
pub(super) const EVENTS: &str = "events.parquet";
/// The table of events after the windows of the quarantines.
pub(super) const LATER: &str = "later.parquet";
/// The table of the use of entities after these windows.
pub(super) const USES: &str = "uses.parquet";
/// The table of entities.
const ENTITIES: &str = "entities.parquet";
/// The table of links between entities.
const EDGES: &str = "edges.parquet";
/// The timeline for Timesketch.
const TIMELINE: &str = "timeline.jsonl";
/// The table of other identities at the same addresses.
pub(super) const NEIGHBOURS: &str = "neighbours.parquet";
/// The metadata of a case.
pub const ABOUT: &str = "case.json";

/// All files that contain the evidence of a case; the page is made from them.
pub const FILES: [&str; 8] = [
    EVENTS,
    LATER,
    USES,
    ENTITIES,
    EDGES,
    NEIGHBOURS,
    TIMELINE,
    "elastic.ndjson",
];

/// Writes lines about each event. Events are turned into lines on all threads, some at a time.
fn write_lines(
    path: &Path,
    events: &[CaseEvent],
    threads: &Threads,
    write: &(dyn Fn(&CaseEvent, &mut Vec<u8>) -> io::Result<()> + Sync),
) -> Result<(), ArrowError> {
    let mut file = BufWriter::new(File::create(path)?);
    for some in events.chunks(LINES_AT_ONCE) {
        let parts: Vec<&[CaseEvent]> = some.chunks(LINES_AT_ONCE / 16).collect();
        let parts = threads.each(parts.len(), &|nth| {
            let mut lines = Vec::new();
            let mut events = parts[nth].iter();
            events.try_for_each(|event| write(event, &mut lines))?;
            Ok::<_, io::Error>(lines)
        });
        for lines in parts {
            file.write_all(&lines?)?;
        }
    }
    finish(file)
}

/// Appends a value as a line.
fn write_line(value: &Value, lines: &mut Vec<u8>) -> io::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}

fn finish(file: BufWriter<File>) -> Result<(), ArrowError> {
    let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
    Ok(file.sync_all()?)
}

fn writer(path: &Path, schema: &SchemaRef) -> Result<ArrowWriter<BufWriter<File>>, ArrowError> {
    let level = ZstdLevel::try_new(3).map_err(ArrowError::from)?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("trailsift version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .build();
    let file = BufWriter::new(File::create(path)?);
    // As in the alerts' files, the Parquet types of the file are sufficient.
    let options = ArrowWriterOptions::new()
        .with_skip_arrow_metadata(true)
        .with_properties(properties);
    Ok(ArrowWriter::try_new_with_options(
        file,
        Arc::clone(schema),
        options,
    )?)
}

/// Writes a table of events.
fn write_events(path: &Path, events: &[CaseEvent], rule: &RuleColumns) -> Result<(), ArrowError> {
    let mut writer = writer(path, &event_schema())?;
    for some in events.chunks(BATCH_ROWS) {
        writer.write(&event_table::batch(some, rule)?)?;
    }
    finish(writer.into_inner()?)
}

/// Writes another table.
fn write_table(
    path: &Path,
    schema: &SchemaRef,
    rows: impl Iterator<Item = Value>,
) -> Result<(), ArrowError> {
    let mut writer = writer(path, schema)?;
    let mut decoder = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(BATCH_ROWS)
        // In non-strict mode a field without a column would be lost without an error.
        .with_strict_mode(true)
        .build_decoder()?;
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let some: Vec<Value> = rows.by_ref().take(BATCH_ROWS).collect();
        decoder.serialize(&some)?;
        if let Some(batch) = decoder.flush()? {
            writer.write(&batch)?;
        }
    }
    finish(writer.into_inner()?)
}

fn entity_schema() -> SchemaRef {
    schema_with_seen(vec![
        text("kind"),
        text("account_id"),
        text("name"),
        Field::new("hops", DataType::Int32, true),
        text("country"),
    ])
}

/// Returns the entities in a case: those that belong to it, and others that its events name.
fn entities(case: &Case) -> Vec<Value> {
    let mut seen: BTreeMap<(&str, &str, &str), (Option<u32>, Seen)> = BTreeMap::new();
    for (entity, reach) in case.known.entities() {
        let key = (entity.kind.name(), &*entity.account, &*entity.name);
        seen.entry(key).or_default().0 = Some(reach.hops);
    }
    for event in &case.events {
        let mut keys: Vec<(&str, &str, &str)> = Vec::new();
        for entity in event.story.traces.all() {
            keys.push((entity.kind.name(), &entity.account, &entity.name));
        }
        let beside = [
            ("address", Column::SourceAddress),
            ("user_agent", Column::UserAgent),
        ];
        for (kind, column) in beside {
            keys.extend(event.alert.text(column).map(|name| (kind, "", name)));
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            let is_error = event.story.error_code.is_some();
            let seen = &mut seen.entry(key).or_default().1;
            seen.add(event.alert.time(), is_error);
        }
    }
    let rows = seen
        .into_iter()
        .map(|((kind, account, name), (hops, seen))| {
            let row = json!({
                "kind": kind,
                "account_id": (!account.is_empty()).then_some(account),
                "name": name,
                "hops": hops,
                "country": case.about.countries.get(name).filter(|_| kind == "address"),
            });
            row_with_seen(row, &seen)
        });
    rows.collect()
}

fn neighbour_schema() -> SchemaRef {
    schema_with_seen(vec![
        text("address"),
        text("country"),
        text("kind"),
        text("account_id"),
        text("name"),
    ])
}

fn neighbour(one: &Neighbour, case: &Case) -> Value {
    let row = json!({
        "address": one.address,
        "country": case.about.countries.get(&one.address),
        "kind": one.entity.kind.name(),
        "account_id": account(&one.entity),
        "name": one.entity.name,
    });
    row_with_seen(row, &one.seen)
}

fn use_schema() -> SchemaRef {
    schema_with_seen(vec![
        text("user_kind"),
        text("user_account_id"),
        text("user_name"),
        text("kind"),
        text("account_id"),
        text("name"),
        text("period"),
    ])
}

/// The periods of the rows of later use: after the windows, and after the quarantine was lifted, as far as that is also
/// after the windows.
pub(super) const PERIODS: [&str; 2] = ["after_window", "since_lifted"];

/// Returns a row for each period in which an entity of a user was used later.
fn later_use(user: &UserCase, one: &LaterUse) -> Vec<Value> {
    let begun = &user.beginning.entity;
    let periods = PERIODS.into_iter().zip([&one.seen, &one.since_lifted]);
    let periods = periods.filter(|(_, seen)| seen.n_events > 0);
    let rows = periods.map(|(period, seen)| {
        let row = json!({
            "user_kind": begun.kind.name(),
            "user_account_id": account(begun),
            "user_name": begun.name,
            "kind": one.entity.kind.name(),
            "account_id": account(&one.entity),
            "name": one.entity.name,
            "period": period,
        });
        row_with_seen(row, seen)
    });
    rows.collect()
}

fn edge_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("from_kind"),
        text("from_account_id"),
        text("from_name"),
        text("edge"),
        text("to_kind"),
        text("to_account_id"),
        text("to_name"),
        time("event_time"),
        text("event_id"),
        text("event_action"),
    ]))
}

/// Returns the links between entities: who created what, and who received which key.
fn edges(case: &Case) -> Vec<Value> {
    let mut rows = Vec::new();
    for event in &case.events {
        let traces = &event.story.traces;
        let Some(from) = nearest(case, traces) else {
            continue;
        };
        let made = traces.made.iter().map(|to| ("made", to));
        let given = traces.given.iter().map(|to| ("was_given", to));
        for (edge, to) in made.chain(given) {
            rows.push(json!({
                "from_kind": from.kind.name(),
                "from_account_id": account(from),
                "from_name": from.name,
                "edge": edge,
                "to_kind": to.kind.name(),
                "to_account_id": account(to),
                "to_name": to.name,
                "event_time": event.alert.time(),
                "event_id": event.alert.text(Column::EventId),
                "event_action": event.alert.text(Column::EventAction),
            }));
        }
    }
    rows
}

/// Returns the actor that is nearest to the beginning of the case, if one belongs to it; otherwise the first actor that
/// is named.
fn nearest<'a>(case: &Case, traces: &'a EntityRefs) -> Option<&'a Entity> {
    let known = traces
        .actors
        .iter()
        .filter_map(|actor| Some((case.known.reach(actor)?.hops, actor)));
    let known = known.min().map(|(_, actor)| actor);
    known.or_else(|| traces.actors.first())
}

/// Returns an entry of a timeline in the form that Timesketch reads (its documentation, "Import from JSON or CSV":
/// `message`, `datetime` and `timestamp_desc`).
fn timesketch(event: &CaseEvent) -> Value {
    let column = |name| event.alert.text(name);
    let story = &event.story;
    let mut entry = json!({
        "message": message(event),
        "datetime": event.alert.time().unwrap_or_default(),
        "timestamp_desc": match event.alert.time() {
            Some(_) => "CloudTrail event",
            // Timesketch would reject a line without a time.
            None => "CloudTrail event, at a time that cannot be read",
        },
        "relation": event.relation,
        "hops": event.hops,
        "event_id": column(Column::EventId),
        "event_action": column(Column::EventAction),
        "event_provider": column(Column::EventProvider),
        "account_id": column(Column::AccountId),
        "aws_region": column(Column::AwsRegion),
        "actor": column(Column::ActorArn).or_else(|| column(Column::ActorName)),
        "actor_access_key_id": column(Column::ActorAccessKeyId),
        "source_address": column(Column::SourceAddress),
        "user_agent": column(Column::UserAgent),
        "target": target(event),
        "error_code": story.error_code,
        "request_parameters": column(Column::RequestParameters),
        "mitre_technique_id": technique_of(event),
        "log_file_path": column(Column::LogFilePath),
    });
    documents::without_nulls(&mut entry);
    entry
}

/// Returns what the call touched in words, if anything is named.
fn target(event: &CaseEvent) -> Option<String> {
    Some(in_words(&event.story.touched)).filter(|words| !words.is_empty())
}

/// Returns a sentence with the actor, the action and what it touched.
fn message(event: &CaseEvent) -> String {
    let column = |name| event.alert.text(name);
    let who = column(Column::ActorArn)
        .or_else(|| column(Column::ActorName))
        .unwrap_or("somebody");
    // The log names the user for calls of AWS itself in the user's name, and has no address.
    let is_of_aws = is_of_aws(&event.alert);
    let who = match is_of_aws {
        true => format!("AWS (logged under {who})"),
        false => who.to_owned(),
    };
    let action = column(Column::EventAction).unwrap_or("an event");
    let how = match &event.story.error_code {
        Some(code) => format!("was refused {action} ({code})"),
        None => format!("called {action}"),
    };
    let from = column(Column::SourceAddress).filter(|_| !is_of_aws);
    let from = from.map_or_else(String::new, |a| format!(" from {a}"));
    let mut on = event.story.touched.with_role(TargetRole::On);
    let before = if on.next().is_some() { " on " } else { ", " };
    let target = target(event).map_or_else(String::new, |words| format!("{before}{words}"));
    format!("{who} {how}{target}{from}")
}

/// Returns an event as an ECS document for Elastic's `_bulk`, after the line with the bulk action. Elastic's Timeline
/// shows it.
fn elastic(event: &CaseEvent, rule: &RuleColumns) -> [Value; 2] {
    let story = &event.story;
    let technique = technique_of(event);
    let beside = json!({
        "message": message(event),
        "error": {"code": story.error_code, "message": story.error_message},
        "aws": {"cloudtrail": {
            "error_code": story.error_code,
            "error_message": story.error_message,
            "read_only": story.read_only,
            "response_elements": story.response_elements,
        }},
        "threat": {
            "framework": technique.map(|_| "MITRE ATT&CK"),
            "technique": {"id": technique},
        },
        "trailsift": {
            "relation": event.relation,
            "hops": event.hops,
            "minutes_from_alert": event.minutes_from_alert,
            "target": target(event),
            "targets": targets_json(&story.touched),
        },
    });
    let document = documents::ecs::event(&event.alert, rule, &is_of_rule, beside);
    [documents::ecs::action(&event.alert), document]
}
