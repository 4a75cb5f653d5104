//! The list of what was planted, one line of JSON for each plant, in the order of the files.
//!
//! It is made from the plan, not from the files, and streamed. It never holds the name of the policy, so
//! that a scan which strays into it finds nothing.

use std::fs::File;
use std::io::{self, BufWriter, Write};

use super::Summary;
use super::archive;
use super::plan::{Plan, Planted};
use super::story::{Kind, Told};
use super::time::{self, push_decimal};

/// Writes the list; gives how many matches and near misses it names.
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
            push_told(told, &path, file.before_told(nth) + nth as u64, &mut line);
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
            push_line(&plant, &path, index, &mut line);
            out.write_all(&line)?;
        }
    }
    out.flush()?;
    Ok(summary)
}

/// What is told names its part in the case, too, if it has one.
fn push_told(told: &Told, path: &str, record_index: u64, line: &mut Vec<u8>) {
    let kind = match told.kind {
        Kind::Match => "match",
        Kind::NearMiss => "near_miss",
        Kind::Story => "story",
    };
    let mut fields = format!(
        r#"{{"kind":"{kind}","variant":"{}","event_id":"{}","account_id":"{}","event_time":""#,
        told.name,
        String::from_utf8_lossy(&told.event_id),
        String::from_utf8_lossy(&told.account.id),
    )
    .into_bytes();
    time::push_iso(time::civil(told.seconds), &mut fields);
    line.append(&mut fields);
    let user = told
        .user
        .map_or_else(|| "null".to_owned(), |user| format!("\"{user}\""));
    let case = told.case.map_or_else(String::new, |case| {
        format!(r#","relation":"{}","hops":{}"#, case.relation, case.hops)
    });
    let rest = format!(
        "\",\"user_name\":{user},\"file\":\"{path}\",\"record_index\":{record_index},\"sightings\":{}{case}}}\n",
        told.sightings,
    );
    line.extend_from_slice(rest.as_bytes());
}

fn push_line(plant: &Planted<'_>, path: &str, record_index: u64, line: &mut Vec<u8>) {
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
    push_decimal(record_index, line);
    line.extend_from_slice(b",\"sightings\":");
    push_decimal(plant.sightings, line);
    line.extend_from_slice(b"}\n");
}
