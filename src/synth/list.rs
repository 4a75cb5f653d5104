//! The list of planted events, one line of JSON for each, in the order of the files; then what a case must know of a
//! story, one line for each fact.
//!
//! It is made from the plan, not from the files, and written as a stream. It never contains the name of the policy, so
//! a scan that includes it by mistake finds nothing.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use jiff::civil::DateTime;

use super::Summary;
use super::archive;
use super::plan::{Plan, Planted};
use super::script::{Case, Kind};
use super::story::Told;
use super::time::{self, push_decimal};

/// Writes the list; returns the numbers of matches and near misses in it.
pub(super) fn write(plan: &Plan<'_>, file: File) -> io::Result<Summary> {
    let mut out = BufWriter::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    let mut summary = Summary::default();
    for index in 0..plan.n_files() {
        let file = plan.file(index);
        let mut plants = plan.planted(&file).peekable();
        if plants.peek().is_none() && file.told.is_empty() {
            continue;
        }
        let path = archive::relative_path(plan, &file);
        // The second delivery is counted with the first.
        let told = file.told.iter().enumerate();
        for (nth, told) in told.filter(|_| !file.place.organization) {
            match told.kind {
                Kind::Match => summary.matches += 1,
                Kind::NearMiss => summary.near_misses += 1,
                Kind::Story => summary.story_events += 1,
            }
            line.clear();
            let index = file.before_told(nth) + nth as u64;
            line_of_told(told).push(&path, index, &mut line);
            out.write_all(&line)?;
        }
        for plant in plants {
            if plant.scene.action.matches {
                summary.matches += 1;
            } else {
                summary.near_misses += 1;
            }
            line.clear();
            let index = plant.record + file.n_told_before(plant.record);
            line_of_plant(&plant).push(&path, index, &mut line);
            out.write_all(&line)?;
        }
    }
    for fact in plan.story.facts() {
        out.write_all(fact)?;
        out.write_all(b"\n")?;
    }
    out.flush()?;
    Ok(summary)
}

/// The fields of a line about an event, besides its place.
struct Line<'a> {
    kind: &'static str,
    variant: &'a str,
    event_id: &'a [u8],
    account_id: &'a [u8],
    time: DateTime,
    /// The user that the request names.
    user: Option<Vec<u8>>,
    sightings: u64,
    /// The event's place in the case that an investigation builds.
    case: Option<Case>,
}

fn line_of_told(told: &Told) -> Line<'_> {
    Line {
        kind: match told.kind {
            Kind::Match => "match",
            Kind::NearMiss => "near_miss",
            Kind::Story => "story",
        },
        variant: told.name,
        event_id: &told.event_id,
        account_id: &told.account.id,
        time: time::civil(told.seconds),
        user: told.user.map(|user| user.as_bytes().to_vec()),
        sightings: told.sightings,
        case: told.case,
    }
}

fn line_of_plant<'a>(plant: &'a Planted<'_>) -> Line<'a> {
    let scene = &plant.scene;
    Line {
        kind: match scene.action.matches {
            true => "match",
            false => "near_miss",
        },
        variant: scene.action.key,
        event_id: &scene.event_id,
        account_id: &scene.place.account.id,
        time: scene.time,
        user: scene.action.names_user.then(|| {
            let mut user = Vec::new();
            scene.push_user(&mut user);
            user
        }),
        sightings: plant.sightings,
        case: None,
    }
}

impl Line<'_> {
    fn push(&self, path: &str, record_index: u64, out: &mut Vec<u8>) {
        let mut text = |before: &[u8], text: &[u8]| {
            out.extend_from_slice(before);
            out.extend_from_slice(text);
        };
        text(b"{\"kind\":\"", self.kind.as_bytes());
        text(b"\",\"variant\":\"", self.variant.as_bytes());
        text(b"\",\"event_id\":\"", self.event_id);
        text(b"\",\"account_id\":\"", self.account_id);
        text(b"\",\"event_time\":\"", b"");
        time::push_iso(self.time, out);
        match &self.user {
            Some(user) => {
                out.extend_from_slice(b"\",\"user_name\":\"");
                out.extend_from_slice(user);
                out.push(b'"');
            }
            None => out.extend_from_slice(b"\",\"user_name\":null"),
        }
        out.extend_from_slice(b",\"file\":\"");
        out.extend_from_slice(path.as_bytes());
        out.extend_from_slice(b"\",\"record_index\":");
        push_decimal(record_index, out);
        out.extend_from_slice(b",\"sightings\":");
        push_decimal(self.sightings, out);
        if let Some(Case { relation, hops }) = self.case {
            out.extend_from_slice(b",\"relation\":\"");
            out.extend_from_slice(relation.as_bytes());
            out.extend_from_slice(b"\",\"hops\":");
            push_decimal(hops.into(), out);
        }
        out.extend_from_slice(b"}\n");
    }
}
