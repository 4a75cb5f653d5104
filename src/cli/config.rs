//! Default options: how they get into a command line, and `trailsift config`.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ErrorKind};
use clap::{ArgMatches, Command, CommandFactory as _, FromArgMatches as _, Parser as _};

use super::args::{self, Args};
use super::defaults::{self, Added, Sources, own_file};
use super::exit::Exit;
use super::{print, terminal};

/// Parses a command line, with the default options that it does not have. Returns its words with them.
pub(super) fn parse(words: Vec<OsString>) -> anyhow::Result<(Args, Vec<String>)> {
    let args = Args::try_parse_from(&words).map_err(without_tip)?;
    terminal::set_color(args.color);
    // It shows the options itself.
    if args.no_config || matches!(args.command, args::Command::Config) {
        return Ok((args, named(&words)));
    }
    let sources = Sources::read(args.config.as_deref())?;
    if sources.is_empty() {
        return Ok((args, named(&words)));
    }
    let mut all = Args::command();
    all.build();
    warn_of_unknown(&sources, &all);
    let typed = all.clone().try_get_matches_from(&words)?;
    let added = added(&all, &typed, &sources)?;
    if added.is_empty() {
        return Ok((args, named(&words)));
    }
    let name = typed.subcommand_name().unwrap_or_default();
    let words = defaults::with_added(&words, name, &added);
    let parsed = all
        .try_get_matches_from(&words)
        .and_then(|matches| Args::from_arg_matches(&matches));
    match parsed {
        Ok(args) => {
            terminal::set_color(args.color);
            Ok((args, named(&words)))
        }
        Err(error) => {
            let told = added.iter().map(told);
            let told: Vec<String> = told.collect();
            terminal::line(&format!(
                "with the default options {} (leave them out: --no-config)",
                told.join(", ")
            ));
            Err(error.into())
        }
    }
}

/// Returns an error without the tip to write an unknown option after two hyphens: that would make it a path.
fn without_tip(mut error: clap::Error) -> clap::Error {
    if error.kind() == ErrorKind::UnknownArgument {
        error.remove(ContextKind::Suggested);
    }
    error
}

/// Returns the default options that a command line does not have.
fn added(all: &Command, typed: &ArgMatches, sources: &Sources) -> anyhow::Result<Vec<Added>> {
    let Some((name, matches)) = typed.subcommand() else {
        return Ok(Vec::new());
    };
    let Some(command) = all.find_subcommand(name) else {
        return Ok(Vec::new());
    };
    Ok(sources.of(all, command)?.missing_in(command, matches))
}

fn warn_of_unknown(sources: &Sources, all: &Command) {
    for name in sources.unknown_variables(all) {
        let name = terminal::harmless(name, usize::MAX);
        terminal::warn(&format!("the environment variable {name} is for no option"));
    }
}

/// Returns a command line as text, with the name of the program and not its path, which says nothing.
fn named(words: &[OsString]) -> Vec<String> {
    let words = words.iter().skip(1);
    let words = words.map(|word| word.to_string_lossy().into_owned());
    ["trailsift".to_owned()].into_iter().chain(words).collect()
}

fn told(added: &Added) -> String {
    format!("{} ({})", added.word.to_string_lossy(), added.origin)
}

/// Shows where options come from, and which each command gets.
pub(super) fn run(file: Option<&Path>, is_off: bool) -> anyhow::Result<Exit> {
    if is_off {
        return print(b"no default options: --no-config\n");
    }
    let mut all = Args::command();
    all.build();
    let sources = Sources::read(file)?;
    warn_of_unknown(&sources, &all);
    let mut text = match (sources.file(), own_file()) {
        (Some(file), _) => format!("file: {}\n", file.display()),
        (None, Some(own)) => format!("no file: {} is not there\n", own.display()),
        (None, None) => "no file\n".to_owned(),
    };
    let mut is_empty = true;
    for command in all.get_subcommands() {
        let options = sources.of(&all, command)?.all();
        if options.is_empty() {
            continue;
        }
        is_empty = false;
        text += &format!("\ntrailsift {}\n", command.get_name());
        for one in options {
            text += &format!("  {}\n", told(&one));
        }
    }
    if is_empty {
        text += "no command has default options\n";
    }
    print(text.as_bytes())
}
