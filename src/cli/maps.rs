//! Files with the map of an archive.

use std::ffi::OsStr;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use trailsift::coverage::{CoverageMap, document, write_lines, write_table};
use trailsift::output::Target;

use super::usage::usage;

/// The form of the output.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Table,
    Lines,
    Document,
}

/// Returns the form that a file's name implies.
pub(super) fn form(path: &Path) -> anyhow::Result<Form> {
    match path.extension().and_then(OsStr::to_str) {
        Some("parquet") => Ok(Form::Table),
        Some("ndjson" | "jsonl") => Ok(Form::Lines),
        Some("json") => Ok(Form::Document),
        _ => {
            let message = "its name does not tell the format; end it in .parquet, .ndjson or .json";
            Err(usage(&format!("{}: {message}", path.display())).into())
        }
    }
}

/// Writes a map.
pub(super) fn write(mut output: Target, form: Form, map: &CoverageMap) -> anyhow::Result<()> {
    match form {
        Form::Table => {
            write_table(&mut output, map).context("the map cannot be written")?;
        }
        Form::Lines => write_lines(&mut output, map)?,
        Form::Document => {
            serde_json::to_writer(&mut output, &document(map))?;
            output.write_all(b"\n")?;
        }
    }
    Ok(output.commit()?)
}
