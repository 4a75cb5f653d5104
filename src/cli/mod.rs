//! The command line: from arguments to a configuration, and from a report to text.
//!
//! Only this module prints, reads the environment, handles signals and gives exit codes.

mod args;
mod beginnings;
mod case_summary;
mod config;
mod coverage;
mod dataset;
mod defaults;
mod dry_run;
mod exit;
mod evidence;
mod fold;
mod hunt;
mod investigate;
mod lists;
mod maps;
mod messages;
mod next_step;
mod outputs;
mod own_outputs;
mod plan;
mod progress;
mod report;
mod resolve;
mod root;
mod rule;
mod rules;
mod schema;
mod search;
mod state;
mod stix;
mod summary;
mod survey;
mod synth;
mod table;
mod terminal;
mod usage;
mod values;
mod verdicts;
mod verify;
mod version;
mod when;

use std::env;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::CommandFactory as _;
use serde::Serialize;

use args::{Args, Command, HuntArgs, InvestigateArgs, VerifyArgs};
use exit::Exit;

/// Runs the command line.
pub(crate) fn run() -> ExitCode {
    if version::is_verbose_requested() {
        return match print(version::details().as_bytes()) {
            Ok(exit) => exit.into(),
            Err(error) => exit::explain(&error).into(),
        };
    }
    let (args, words) = match config::parse(env::args_os().collect()) {
        Ok(parsed) => parsed,
        Err(error) => return exit::explain(&error).into(),
    };
    let result = match args.command {
        Command::Hunt(args) => hunt::run(HuntArgs { words, ..*args }),
        Command::Search(mut args) => {
            args.hunt.words = words;
            search::run(*args)
        }
        Command::Investigate(args) => investigate::run(InvestigateArgs { words, ..*args }),
        Command::Schema { of } => schema::run(of),
        Command::Config => config::run(args.config.as_deref(), args.no_config),
        Command::Report(args) => report::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Verify(args) => verify::run(VerifyArgs { words, ..*args }),
        Command::Plan(args) => plan::run(&args),
        Command::Synth(args) => synth::run(*args),
        Command::State {
            file,
            failed,
            null,
            forget,
        } => {
            let separator = if null { b'\0' } else { b'\n' };
            match forget.as_slice() {
                [] => state::run(&file, failed.then_some(separator)),
                sources => state::forget(&file, sources),
            }
        }
        Command::Rule { format } => rule::run(format),
        Command::Rules(command) => rules::run(command),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "trailsift", &mut script);
            print(&script)
        }
        Command::Man => {
            let mut page = Vec::new();
            render_man(&mut page)
                .map_err(anyhow::Error::from)
                .and_then(|()| print(&page))
        }
    };
    match result {
        Ok(exit) => exit.into(),
        Err(error) => exit::explain(&error).into(),
    }
}

/// Writes the manual page of the program, followed by those of its commands.
fn render_man(page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for subcommand in command.get_subcommands().filter(|c| c.get_name() != "help") {
        let name = format!("trailsift-{}", subcommand.get_name());
        let subcommand = subcommand.clone().name(name);
        clap_mangen::Man::new(subcommand).render(page)?;
    }
    Ok(())
}

/// Writes a value to standard output, as JSON for people and programs.
fn print_json(value: &impl Serialize) -> anyhow::Result<Exit> {
    let json = serde_json::to_vec_pretty(value);
    let mut json = json.context("a result cannot be encoded as JSON")?;
    json.push(b'\n');
    print(&json)
}

/// Writes text with colours to standard output, without them where that is no terminal. What in it comes from a log or
/// a rule must be harmless.
fn print_styled(text: &str) -> anyhow::Result<Exit> {
    let mut out = anstream::stdout();
    printed(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes data to standard output.
fn print(data: &[u8]) -> anyhow::Result<Exit> {
    let mut out = io::stdout().lock();
    let written = out.write_all(&terminal::for_stdout(data));
    printed(written.and_then(|()| out.flush()))
}

fn printed(result: io::Result<()>) -> anyhow::Result<Exit> {
    match result {
        Ok(()) => Ok(Exit::Complete),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::OutputClosed),
        Err(error) => Err(error.into()),
    }
}
