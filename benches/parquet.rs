//! From alerts to a file's bytes on one thread, where every record alerts: as Parquet, and as NDJSON for comparison.
//!
//! Throughput is of the text that the alerts come from.
#![expect(clippy::unwrap_used, reason = "a bench may fail")]

mod corpus;

use std::fs::File;
use std::io::{self, Seek as _, Write};
use std::path::Path;
use std::sync::Arc;

use corpus::{ALL, Corpus};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use trailsift::output::rule_columns::RuleSetColumns;
use trailsift::output::rules::RowRule;
use trailsift::output::{Alert, AlertSink, Format, Kind, Place, RowEvent, RunIdentity, Schema};
use trailsift::rule::{Rule, RuleSet};
use trailsift::synth::Shape;

fn alerts(rule: &Rule, corpus: &Corpus) -> Vec<Alert> {
    let mut alerts = Vec::new();
    let rule = RowRule::new(rule);
    let path = Path::new("AWSLogs/111122223333/CloudTrail/us-east-1/2024/05/01/all.ndjson");
    corpus::scan(
        &mut corpus::scanner(rule.rule()),
        &corpus.text,
        &mut |candidate| {
            let place = Place {
                source: path,
                below_root: path,
                member: None,
                record_index: candidate.unit.record_index,
                byte_offset: candidate.unit.start,
            };
            let (event, raw) = (&candidate.event, candidate.raw);
            alerts.push(Alert::new(
                &rule,
                &RowEvent {
                    event,
                    fields: event,
                    raw,
                    place,
                },
            ));
        },
    );
    alerts
}

/// Encodes and writes as the pipeline does, but on one thread.
fn write<W: Write + Send>(alerts: Vec<Alert>, rules: &RuleSet, format: Format, out: W) -> W {
    let run = RunIdentity {
        run_id: "bench".to_owned(),
        rules: rules.names(),
    };
    let mut sink = AlertSink::new(
        out,
        format,
        Kind::Alerts(Schema::Flat),
        Arc::new(RuleSetColumns::new(rules, "run")),
        &run,
    )
    .unwrap();
    let encoder = sink.encoder();
    for alert in alerts {
        if let Some(group) = sink.append(alert) {
            sink.write(encoder.encode(group).unwrap()).unwrap();
        }
    }
    sink.finish().unwrap()
}

/// How many rows a reader sees.
fn n_rows(mut file: File, format: Format) -> u64 {
    match format {
        Format::Parquet => {
            let reader = SerializedFileReader::new(file).unwrap();
            reader.metadata().file_metadata().num_rows().unsigned_abs()
        }
        Format::Ndjson => {
            file.rewind().unwrap();
            io::read_to_string(file).unwrap().lines().count() as u64
        }
        Format::Csv(_) | Format::Arrow => unreachable!("they are not timed"),
    }
}

fn parquet(criterion: &mut Criterion) {
    let rules = RuleSet::quarantine();
    let corpus = corpus::corpus(ALL, Shape::Ndjson);
    let alerts = alerts(&Rule::quarantine(), &corpus);
    let mut group = corpus::group(criterion, "parquet");
    group.throughput(Throughput::Bytes(corpus.text.len() as u64));
    for (name, format) in [("parquet", Format::Parquet), ("ndjson", Format::Ndjson)] {
        let file = write(
            alerts.clone(),
            &rules,
            format,
            tempfile::tempfile().unwrap(),
        );
        assert_eq!(n_rows(file, format), corpus.n_matches, "{name}");
        group.bench_function(format!("all/{name}"), |bencher| {
            bencher.iter_batched(
                || alerts.clone(),
                |alerts| write(alerts, &rules, format, io::sink()),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = corpus::settings();
    targets = parquet
}
criterion_main!(benches);
