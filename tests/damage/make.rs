//! Files as they are found, from a seed: with matches, near misses and failures, in every form and dialect.

use super::json::{Json, Style, object, plain, quoted, text};
use super::random::Random;
use super::records::{self, Kind, Record};
use super::rows::Dialect;

/// The tag of a byte that belongs to no record.
pub(crate) const FRAME: u32 = u32::MAX;
/// The tag of a byte that damage put there.
pub(crate) const PUT: u32 = u32::MAX - 1;

/// A record of a file, as it stands in it.
#[derive(Debug, Clone)]
pub(crate) struct Planted {
    pub(crate) id: String,
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
}

/// A text, and for each byte which record it belongs to.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    /// What it is, in words.
    pub(crate) label: String,
    pub(crate) text: Vec<u8>,
    pub(crate) tags: Vec<u32>,
    pub(crate) planted: Vec<Planted>,
    /// How its rows are written, if it has rows.
    pub(crate) dialect: Option<Dialect>,
    /// Where its rows begin; in Parquet, where the metadata does.
    pub(crate) body: usize,
    /// Whether it is Parquet.
    pub(crate) is_stored: bool,
}

impl Made {
    pub(crate) fn of(label: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            ..Self::default()
        }
    }

    pub(crate) fn frame(&mut self, text: &str) {
        self.text.extend(text.bytes());
        self.tags.resize(self.text.len(), FRAME);
    }

    pub(crate) fn record(&mut self, record: &Record, bytes: &str) {
        let tag = u32::try_from(self.planted.len()).unwrap();
        self.text.extend(bytes.bytes());
        self.tags.resize(self.text.len(), tag);
        self.planted.push(Planted {
            id: record.id.clone(),
            kind: record.kind,
            bytes: bytes.into(),
        });
    }

    /// Each record, with a text between two.
    fn joined<'a>(
        &mut self,
        records: impl IntoIterator<Item = (&'a Record, String)>,
        between: &str,
    ) {
        for (n, (record, bytes)) in records.into_iter().enumerate() {
            if n > 0 {
                self.frame(between);
            }
            self.record(record, &bytes);
        }
    }
}

/// JSON as CloudTrail's own records are found in it.
pub(crate) fn json(random: &mut Random, records: &[Record]) -> Made {
    let shape = *random.pick(&[
        "delivery",
        "delivery",
        "delivery, pretty",
        "delivery, a record a line",
        "array",
        "ndjson",
        "ndjson",
        "ndjson, crlf",
        "pretty documents",
        "concatenated",
        "lookup-events",
        "cloudwatch",
        "export of logs",
        "eventbridge",
    ]);
    let style = match shape {
        "delivery, pretty" => Style::Pretty(2),
        "pretty documents" => Style::Pretty(0),
        _ if random.chance(15) => Style::Spaced,
        _ => Style::Compact,
    };
    let is_shuffled = random.chance(20);
    let is_spelled = random.chance(15);
    let written: Vec<(&Record, String)> = records
        .iter()
        .map(|record| {
            let mut json = record.cloudtrail();
            if let Json::Object(members) = &mut json
                && is_shuffled
            {
                random.shuffle(members);
            }
            let json = json.write(style);
            let json = if is_spelled {
                records::spelled(random, &json)
            } else {
                json
            };
            (record, json)
        })
        .collect();
    json_of(random, shape, written)
}

#[expect(clippy::too_many_lines, reason = "a shape after the other")]
fn json_of(random: &mut Random, shape: &'static str, written: Vec<(&Record, String)>) -> Made {
    let mut made = Made::of(shape);
    let end = *random.pick(&["", "\n"]);
    match shape {
        "delivery" => {
            made.frame("{\"Records\":[");
            made.joined(written, ",");
            made.frame("]}");
        }
        "delivery, pretty" => {
            made.frame("{\n  \"Records\": [\n    ");
            made.joined(written, ",\n    ");
            made.frame("\n  ]\n}");
        }
        "delivery, a record a line" => {
            made.frame("{\"Records\":[\n");
            made.joined(written, ",\n");
            made.frame("\n]}");
        }
        "array" => {
            made.frame("[");
            made.joined(written, ", ");
            made.frame("]");
        }
        "ndjson, crlf" => made.joined(written, "\r\n"),
        "concatenated" => made.joined(written, ""),
        "lookup-events" => {
            made.frame("{\"Events\":[");
            for (n, (record, json)) in written.into_iter().enumerate() {
                let comma = if n > 0 { "," } else { "" };
                let name = record.action;
                made.frame(&format!(
                    "{comma}{{\"EventId\":\"x\",\"EventName\":\"{name}\",\"CloudTrailEvent\":"
                ));
                made.record(record, &quoted(&json));
                made.frame("}");
            }
            made.frame("]}");
        }
        "cloudwatch" => {
            for some in written.chunks(4) {
                made.frame(
                    "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"111122223333\",\"logEvents\":[",
                );
                for (n, (record, json)) in some.iter().enumerate() {
                    made.frame(if n > 0 { "," } else { "" });
                    made.frame("{\"id\":\"1\",\"timestamp\":1714564800000,\"message\":");
                    made.record(record, &quoted(json));
                    made.frame("}");
                }
                made.frame("]}");
                made.frame(end);
            }
        }
        "export of logs" => {
            for (record, json) in written {
                made.frame("2024-05-01T12:00:00.000Z ");
                made.record(record, &json);
                made.frame("\n");
            }
        }
        "eventbridge" => {
            for (record, json) in written {
                made.frame("{\"detail-type\":\"AWS API Call via CloudTrail\",\"detail\":");
                made.record(record, &json);
                made.frame("}\n");
            }
        }
        _ => made.joined(written, "\n"),
    }
    made.frame(end);
    made
}

/// Documents of Elastic.
pub(crate) fn ecs(random: &mut Random, records: &[Record]) -> Made {
    let shape = *random.pick(&[
        "ecs lines",
        "ecs hits, a line each",
        "ecs answer to a search",
        "ecs array",
    ]);
    let is_dotted = random.chance(40);
    let (has_original, is_flattened) = (random.chance(30), random.chance(40));
    let style = match random.below(10) {
        0 => Style::Spaced,
        1 if shape != "ecs lines" && shape != "ecs hits, a line each" => Style::Pretty(3),
        _ => Style::Compact,
    };
    let written = records.iter().map(|record| {
        let original = has_original.then(|| record.cloudtrail().write(Style::Compact));
        let mut document = record.ecs(original, is_flattened);
        if is_dotted {
            document = records::dotted(&document);
        }
        if shape.contains("hits") || shape.contains("search") {
            document = object([
                (
                    "_index",
                    text(".ds-logs-aws.cloudtrail-default-2024.05.01-000001"),
                ),
                ("_id", text(&record.id)),
                ("_score", plain("1")),
                ("_source", document),
            ]);
        }
        (record, document.write(style))
    });
    let words = [
        shape,
        if is_dotted { ", dotted" } else { "" },
        if has_original {
            ", with the original"
        } else {
            ""
        },
        if is_flattened { ", flattened" } else { "" },
    ];
    let mut made = Made::of(words.concat());
    match shape {
        "ecs answer to a search" => {
            made.frame(
                "{\"took\":1,\"hits\":{\"total\":{\"value\":9,\"relation\":\"eq\"},\"hits\":[",
            );
            made.joined(written, ",");
            made.frame("]}}");
        }
        "ecs array" => {
            made.frame("[");
            made.joined(written, ",\n");
            made.frame("]\n");
        }
        _ => {
            made.joined(written, "\n");
            made.frame("\n");
        }
    }
    made
}

/// Documents of Security Lake.
pub(crate) fn ocsf(random: &mut Random, records: &[Record]) -> Made {
    let is_second = random.chance(60);
    let is_dotted = random.chance(15);
    let is_array = random.chance(30);
    let style = if random.chance(15) {
        Style::Spaced
    } else {
        Style::Compact
    };
    let written = records.iter().map(|record| {
        let document = record.ocsf(is_second);
        let document = if is_dotted {
            records::dotted(&document)
        } else {
            document
        };
        (record, document.write(style))
    });
    let words = [
        if is_second { "ocsf 1.1" } else { "ocsf rc.2" },
        if is_dotted { ", dotted" } else { "" },
        if is_array { ", array" } else { "" },
    ];
    let mut made = Made::of(words.concat());
    if is_array {
        made.frame("[");
    }
    made.joined(written, if is_array { "," } else { "\n" });
    made.frame(if is_array { "]" } else { "\n" });
    made
}
