//! `trailsift synth`.

use indicatif::{BinaryBytes, HumanCount};

use super::args::SynthArgs;
use super::exit::Exit;
use super::terminal;

/// Creates an archive and reports its content.
pub(super) fn run(args: SynthArgs) -> anyhow::Result<Exit> {
    let config = args.resolve();
    let made = trailsift::synth::run(&config)?;
    terminal::line(&format!(
        "made {} files of {} records ({} of JSON, {} as stored) in {}",
        HumanCount(made.files),
        HumanCount(made.records),
        BinaryBytes(made.json_bytes),
        BinaryBytes(made.stored_bytes),
        terminal::path(&config.out),
    ));
    if made.digests > 0 {
        terminal::line(&format!(
            "made {} digest files; their key is in {}, their signatures are in {}",
            HumanCount(made.digests),
            terminal::path(&config.beside(".public-keys.json")),
            terminal::path(&config.beside(".signatures.json")),
        ));
    }
    let story = match made.story_events {
        0 => String::new(),
        n => format!(", {} other events of a story", HumanCount(n)),
    };
    terminal::line(&format!(
        "planted {} and {}{story}, listed in {}",
        terminal::plural(made.matches, "match", "matches"),
        terminal::plural(made.near_misses, "near miss", "near misses"),
        terminal::path(&config.planted_path()),
    ));
    Ok(Exit::Complete)
}
