//! What a case leaves behind: tables of its events, of who is who, and of what led to what; and a timeline.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;
use arrow::json::ReaderBuilder;
use jiff::Timestamp;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use serde_json::{Map, Value, json};

use super::techniques::technique;
use super::{Case, CaseEvent};
use crate::follow::{Entity, Traces};
use crate::output::Schema::Flat;
use crate::output::alert::RuleColumns;
use crate::output::columns::{COLUMNS, Kind, UTC_AS_OFFSET, schema_in};
use crate::output::documents::as_json;
use crate::rule::Rule;

/// Rows that are encoded at once.
const BATCH_ROWS: usize = 1024;

/// The files of a case, in its folder.
#[derive(Debug, Clone)]
pub struct CaseFiles {
    /// `events.parquet`.
    pub events: PathBuf,
    /// `entities.parquet`.
    pub entities: PathBuf,
    /// `edges.parquet`.
    pub edges: PathBuf,
    /// `timeline.ndjson`.
    pub timeline: PathBuf,
}

/// Writes a case into a folder that is there.
///
/// # Errors
///
/// What the system says, or the encoder.
pub fn write(case: &Case, rule: &Rule, folder: &Path) -> Result<CaseFiles, ArrowError> {
    let files = CaseFiles {
        events: folder.join("events.parquet"),
        entities: folder.join("entities.parquet"),
        edges: folder.join("edges.parquet"),
        timeline: folder.join("timeline.ndjson"),
    };
    let columns = RuleColumns::new(rule);
    let events = case.events.iter().map(|event| row(event, &columns));
    write_table(&files.events, &event_schema(), events)?;
    write_table(
        &files.entities,
        &entity_schema(),
        entities(case).into_iter(),
    )?;
    write_table(&files.edges, &edge_schema(), edges(case).into_iter())?;
    let mut timeline = BufWriter::new(File::create(&files.timeline)?);
    for event in &case.events {
        writeln!(timeline, "{}", entry(event))?;
    }
    timeline.flush()?;
    for file in [
        &files.events,
        &files.entities,
        &files.edges,
        &files.timeline,
    ] {
        File::open(file)?.sync_all()?;
    }
    fs::File::open(folder)
        .and_then(|folder| folder.sync_all())
        .ok();
    Ok(files)
}

fn write_table(
    path: &Path,
    schema: &SchemaRef,
    rows: impl Iterator<Item = Value>,
) -> Result<(), ArrowError> {
    let level = ZstdLevel::try_new(3).map_err(ArrowError::from)?;
    let properties = WriterProperties::builder()
        .set_created_by(format!("trailsift version {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(level))
        .build();
    let file = BufWriter::new(File::create(path)?);
    // As alerts are: the file's own types tell all.
    let options = ArrowWriterOptions::new()
        .with_skip_arrow_metadata(true)
        .with_properties(properties);
    let mut writer = ArrowWriter::try_new_with_options(file, Arc::clone(schema), options)?;
    let mut decoder = ReaderBuilder::new(Arc::clone(schema))
        .with_batch_size(BATCH_ROWS)
        // A field without a column would be lost in silence.
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
    let mut file = writer.into_inner()?;
    Ok(file.flush()?)
}

fn text(name: &str) -> Field {
    Field::new(name, DataType::Utf8, true)
}

fn long(name: &str) -> Field {
    Field::new(name, DataType::Int64, true)
}

fn time(name: &str) -> Field {
    let zone = Some(UTC_AS_OFFSET.into());
    Field::new(name, DataType::Timestamp(TimeUnit::Microsecond, zone), true)
}

/// The columns of alerts, but for those of the rule and of sightings, and what an investigation adds.
fn event_schema() -> SchemaRef {
    let alerts = schema_in(Kind::Alerts(Flat), UTC_AS_OFFSET);
    let own = alerts
        .fields()
        .iter()
        .filter(|field| !is_of_rule(field.name()));
    let own = own.map(|field| field.as_ref().clone());
    let techniques = Field::new_list("mitre_technique_ids", text("element"), true);
    let more = [
        text("relation"),
        Field::new("hops", DataType::Int32, true),
        long("minutes_from_alert"),
        text("error_code"),
        text("error_message"),
        Field::new("read_only", DataType::Boolean, true),
        text("response_elements"),
        techniques,
        long("sightings"),
    ];
    Arc::new(Schema::new(own.chain(more).collect::<Vec<_>>()))
}

/// Whether a column of alerts is of the rule, which events of a case need not match, or counts on in an output.
fn is_of_rule(column: &str) -> bool {
    let columns = [
        "rule_id",
        "rule_name",
        "rule_version",
        "severity",
        "risk_score",
        "mitre_tactic_ids",
        "mitre_technique_ids",
        "sighting",
    ];
    columns.contains(&column)
}

fn row(event: &CaseEvent, rule: &RuleColumns) -> Value {
    let mut row = Map::new();
    for (column, cell) in COLUMNS.iter().zip(event.alert.cells(rule)) {
        if is_of_rule(column.name) {
            continue;
        }
        row.insert(column.name.to_owned(), as_json(cell));
    }
    let story = event.story();
    let mut add = |name: &str, value: Value| row.insert(name.to_owned(), value);
    add("relation", json!(event.relation));
    add("hops", json!(event.hops));
    add("minutes_from_alert", json!(event.minutes_from_alert));
    add("error_code", json!(story.error_code));
    add("error_message", json!(story.error_message));
    add("read_only", json!(story.read_only));
    add("response_elements", json!(story.response_elements));
    let techniques: Vec<&str> = technique_of(event).into_iter().collect();
    add("mitre_technique_ids", json!(techniques));
    add("sightings", json!(event.n_sightings));
    Value::Object(row)
}

fn technique_of(event: &CaseEvent) -> Option<&'static str> {
    let service = event.alert.text("event_provider").unwrap_or_default();
    let call = event.alert.text("event_action")?;
    technique(service, call).map(|technique| technique.id)
}

/// When something was seen, and how often.
#[derive(Debug, Clone, Default)]
struct Seen {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    n_events: u64,
    n_errors: u64,
}

impl Seen {
    fn add(&mut self, event: &CaseEvent) {
        let time = event.alert.time();
        self.first = self.first.into_iter().chain(time).min();
        self.last = self.last.max(time);
        self.n_events += 1;
        self.n_errors += u64::from(event.story().error_code.is_some());
    }
}

fn entity_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("kind"),
        text("account_id"),
        text("name"),
        Field::new("hops", DataType::Int32, true),
        time("first_seen"),
        time("last_seen"),
        long("events"),
        long("errors"),
    ]))
}

/// Who is who in a case: what belongs to it, and what its events name beside.
fn entities(case: &Case) -> Vec<Value> {
    let mut seen: BTreeMap<(&str, &str, &str), (Option<u32>, Seen)> = BTreeMap::new();
    for (entity, hops) in case.known.entities() {
        let key = (entity.kind.name(), &*entity.account, &*entity.name);
        seen.entry(key).or_default().0 = Some(hops);
    }
    for event in &case.events {
        let mut keys: Vec<(&str, &str, &str)> = Vec::new();
        for entity in event.story().traces.all() {
            keys.push((entity.kind.name(), &entity.account, &entity.name));
        }
        let beside = [("address", "source_address"), ("user_agent", "user_agent")];
        for (kind, column) in beside {
            keys.extend(event.alert.text(column).map(|name| (kind, "", name)));
        }
        keys.sort_unstable();
        keys.dedup();
        for key in keys {
            seen.entry(key).or_default().1.add(event);
        }
    }
    let rows = seen
        .into_iter()
        .map(|((kind, account, name), (hops, seen))| {
            json!({
                "kind": kind,
                "account_id": (!account.is_empty()).then_some(account),
                "name": name,
                "hops": hops,
                "first_seen": seen.first,
                "last_seen": seen.last,
                "events": seen.n_events,
                "errors": seen.n_errors,
            })
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

/// What led to what: who made what, and who was given which key.
fn edges(case: &Case) -> Vec<Value> {
    let mut rows = Vec::new();
    for event in &case.events {
        let traces = &event.story().traces;
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
                "event_id": event.alert.text("event_id"),
                "event_action": event.alert.text("event_action"),
            }));
        }
    }
    rows
}

fn account(entity: &Entity) -> Option<&str> {
    (!entity.account.is_empty()).then_some(&entity.account)
}

/// Who acted, as far as it belongs to the case: the nearest to its beginning; else the first that is named.
fn nearest<'a>(case: &Case, traces: &'a Traces) -> Option<&'a Entity> {
    let known = traces
        .actors
        .iter()
        .filter_map(|actor| Some((case.known.hops(actor)?, actor)));
    let known = known.min().map(|(_, actor)| actor);
    known.or_else(|| traces.actors.first())
}

/// An entry of a timeline, as Timesketch reads it (its documentation, "Import from JSON or CSV": `message`, `datetime` and
/// `timestamp_desc`).
fn entry(event: &CaseEvent) -> Value {
    let column = |name| event.alert.text(name);
    let story = event.story();
    let who = column("actor_arn")
        .or_else(|| column("actor_name"))
        .unwrap_or("somebody");
    let action = column("event_action").unwrap_or("an event");
    let how = match &story.error_code {
        Some(code) => format!("was refused {action} ({code})"),
        None => format!("called {action}"),
    };
    let from = column("source_address").map_or_else(String::new, |a| format!(" from {a}"));
    let mut entry = json!({
        "message": format!("{who} {how}{from}"),
        "datetime": event.alert.time(),
        "timestamp_desc": "CloudTrail event",
        "relation": event.relation,
        "hops": event.hops,
        "event_id": column("event_id"),
        "event_action": action,
        "event_provider": column("event_provider"),
        "account_id": column("account_id"),
        "aws_region": column("aws_region"),
        "actor": who,
        "access_key_id": column("access_key_id"),
        "source_address": column("source_address"),
        "user_agent": column("user_agent"),
        "error_code": story.error_code,
        "request_parameters": column("request_parameters"),
        "mitre_technique_id": technique_of(event),
        "source": column("source"),
    });
    if let Some(fields) = entry.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    entry
}
