//! `trailsift plan`: writes a manifest of what a hunt would read.

use std::io;

use anyhow::Context as _;
use indicatif::{BinaryBytes, HumanCount};
use trailsift::engine;
use trailsift::input::manifest::{ManifestWriter, Row};
use trailsift::input::source::{Source, SourceKind};
use trailsift::input::walk::Found;
use trailsift::output::Target;

use super::args::PlanArgs;
use super::exit::Exit;
use super::{resolve, terminal};

/// Walks the roots, and writes what is found.
pub(super) fn run(args: &PlanArgs) -> anyhow::Result<Exit> {
    let (config, destination) = resolve::resolve_plan(args)?;
    let context = || args.output.display().to_string();
    let target = Target::open(&destination, &config.stores)?;
    let mut writer = ManifestWriter::new(target).with_context(context)?;
    let (mut n_sources, mut n_bytes, mut is_complete) = (0_u64, 0_u64, true);
    let mut n_excluded = 0_u64;
    let mut result = Ok(());
    let mut add = |row| {
        if result.is_ok() {
            result = writer.add(row);
        }
    };
    engine::plan(&config, &mut |found| {
        let (path, message) = match found {
            Found::Source(source) => match row(&source) {
                Ok(row) => {
                    n_sources += 1;
                    n_bytes += source.stored_bytes;
                    return add(row);
                }
                Err(message) => (source.path, message.to_owned()),
            },
            Found::Defect { path, defect } => (path, defect.message),
            Found::Excluded => {
                n_excluded += 1;
                return;
            }
            Found::PassedOver | Found::Link | Found::Repeated => return,
        };
        is_complete = false;
        terminal::error(&path, &message);
        // The user of the manifest must know what is missing in it.
        add(Row {
            source: path.to_string_lossy().into_owned(),
            below_root: String::new(),
            size_bytes: 0,
            e_tag: None,
            modified_ns: None,
            defect: Some(message),
        });
    });
    result.with_context(context)?;
    let target = writer.finish().map_err(io::Error::other);
    target.with_context(context)?.commit()?;
    terminal::line(&format!(
        "{} sources of {}, {} excluded, listed in {}",
        HumanCount(n_sources),
        BinaryBytes(n_bytes),
        HumanCount(n_excluded),
        terminal::path(&args.output)
    ));
    Ok(match is_complete {
        true => Exit::Complete,
        false => Exit::Incomplete,
    })
}

fn row(source: &Source) -> Result<Row, &'static str> {
    let (e_tag, modified_ns) = match &source.kind {
        SourceKind::File => (None, source.modified),
        SourceKind::Object(object) => {
            let meta = object.meta();
            (meta.e_tag.clone(), meta.modified.checked_mul(1000))
        }
        SourceKind::Stream | SourceKind::Stdin => {
            return Err("a stream can be read once, and has no place in a manifest");
        }
    };
    const NO_TEXT: &str = "its name is not UTF-8, and has no place in a manifest";
    Ok(Row {
        source: source.path.to_str().ok_or(NO_TEXT)?.to_owned(),
        below_root: source.below_root.to_str().ok_or(NO_TEXT)?.to_owned(),
        size_bytes: i64::try_from(source.stored_bytes).unwrap_or(i64::MAX),
        e_tag,
        modified_ns,
        defect: None,
    })
}
