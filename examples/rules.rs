//! Which rules match which records, without any prefilter: one line for each match.
//!
//! `cargo run --example rules -- FOLDER_OF_RULES... < RECORDS`. Each line of the input is a JSON value with one
//! record. Each line of the output is the number of the input's line, the file of the rule and its id, with tabs between
//! them. What cannot run is listed on standard error.

#![expect(clippy::print_stderr, reason = "it is a program for a terminal")]

use std::error::Error;
use std::fs;
use std::io::{self, BufRead as _, BufWriter, Write as _};
use std::path::{Path, PathBuf};

use trailsift::rule::load::{Form, Loaded};
use trailsift::scan::each_event;

fn main() -> Result<(), Box<dyn Error>> {
    let mut loaded = Loaded::default();
    for root in std::env::args_os().skip(1).map(PathBuf::from) {
        add(&root, &root, &mut loaded)?;
    }
    loaded.resolve();
    for refused in &loaded.refused {
        eprintln!("refused\t{}\t{refused}", refused.pack);
    }
    for one in &loaded.rules {
        for note in &one.notes {
            eprintln!("note\t{}\t{}: {note}", one.pack, one.file);
        }
    }
    eprintln!(
        "{} rules, {} refused",
        loaded.rules.len(),
        loaded.refused.len()
    );
    let mut out = BufWriter::new(io::stdout().lock());
    for (n, line) in io::stdin().lock().split(b'\n').enumerate() {
        let mut matches = Vec::new();
        let is_parsed = each_event(&line?, &mut |event| {
            let rules = loaded.rules.iter();
            matches.extend(rules.filter(|one| one.rule.matches(event)));
        });
        if !is_parsed {
            eprintln!("line {} is not JSON", n + 1);
        }
        for one in matches {
            writeln!(out, "{n}\t{}\t{}", one.file, one.rule.metadata.rule_id)?;
        }
    }
    Ok(out.flush()?)
}

/// Adds the rules of a file, or of all files in a folder, in the order of their names.
fn add(root: &Path, path: &Path, loaded: &mut Loaded) -> io::Result<()> {
    if path.is_dir() {
        let entries = fs::read_dir(path)?.map(|entry| Ok(entry?.path()));
        let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
        entries.sort();
        return entries
            .iter()
            .try_for_each(|entry| add(root, entry, loaded));
    }
    let file = path
        .strip_prefix(root.parent().unwrap_or(root))
        .unwrap_or(path);
    let file = file.to_string_lossy();
    if let Some(form) = Form::from_name(&file) {
        let pack = root.file_name().unwrap_or_default().to_string_lossy();
        loaded.add_file(&pack, &file, form, &fs::read(path)?);
    }
    Ok(())
}
