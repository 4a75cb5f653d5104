//! The list of what was planted, one line of JSON for each plant, in the order of the files.
//!
//! It is made from the plan, not from the files, and streamed. It never holds the name of the policy, so
//! that a scan which strays into it finds nothing.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::Summary;
use super::archive;
use super::plan::{Plan, Planted};
use super::time::{self, push_decimal};

/// Writes the list; gives how many matches and near misses it names.
pub(super) fn write(plan: &Plan<'_>, file: File) -> io::Result<Summary> {
    let mut out = BufWriter::with_capacity(64 * 1024, file);
    let mut line = Vec::new();
    let mut summary = Summary::default();
    for index in 0..plan.config.files {
        let file = plan.file(index);
        let mut plants = plan.planted(&file).peekable();
        if plants.peek().is_none() {
            continue;
        }
        let path = archive::relative_path(plan, &file);
        for plant in plants {
            if plant.scene.action.matches {
                summary.matches += 1;
            } else {
                summary.near_misses += 1;
            }
            line.clear();
            push_line(&plant, &path, &mut line);
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    Ok(summary)
}

fn push_line(plant: &Planted<'_>, path: &str, line: &mut Vec<u8>) {
    let scene = &plant.scene;
    let kind = match scene.action.matches {
        true => "match",
        false => "near_miss",
    };
    line.extend_from_slice(b"{\"kind\":\"");
    line.extend_from_slice(kind.as_bytes());
    line.extend_from_slice(b"\",\"variant\":\"");
    line.extend_from_slice(scene.action.key.as_bytes());
    line.extend_from_slice(b"\",\"event_id\":\"");
    line.extend_from_slice(&scene.event_id);
    line.extend_from_slice(b"\",\"account_id\":\"");
    line.extend_from_slice(&scene.place.account.id);
    line.extend_from_slice(b"\",\"event_time\":\"");
    time::push_iso(scene.time, line);
    line.extend_from_slice(b"\",\"user_name\":");
    if scene.action.names_user {
        line.push(b'"');
        scene.push_user(line);
        line.push(b'"');
    } else {
        line.extend_from_slice(b"null");
    }
    line.extend_from_slice(b",\"file\":\"");
    line.extend_from_slice(path.as_bytes());
    line.extend_from_slice(b"\",\"record_index\":");
    push_decimal(plant.record, line);
    line.extend_from_slice(b",\"sightings\":");
    push_decimal(plant.sightings, line);
    line.extend_from_slice(b"}\n");
}
