//! Lists that are not too long, and outputs that hold all of them.

use std::path::Path;

use indicatif::HumanCount;
use trailsift::config::ScanConfig;
use trailsift::output::Target;

use super::fold::folded;
use super::table::Room;
use super::{resolve, terminal};

/// The number of lines of a list that are printed.
const LINES_MAX: usize = 20;

/// Opens an output, unless it goes to standard output.
pub(super) fn open(path: Option<&Path>, config: &ScanConfig) -> anyhow::Result<Option<Target>> {
    let path = path.filter(|path| path.as_os_str() != "-");
    let destination = path.map(resolve::written).transpose()?;
    let target = destination.map(|destination| Target::open(&destination, &config.stores));
    Ok(target.transpose()?)
}

/// Number of columns before a text.
const INDENT: usize = 12;

/// Prints a text after a label, in lines that fit the terminal.
pub(super) fn line(name: &str, text: &str) {
    let line = format!("{name:<11} {text}");
    terminal::line(&folded(&line, INDENT, Room::of_stderr()));
}

/// Prints the first lines of a list.
pub(super) fn each(name: &str, lines: Vec<String>) {
    let n_more = lines.len().saturating_sub(LINES_MAX);
    for text in lines.into_iter().take(LINES_MAX) {
        line(name, &text);
    }
    say_more(name, n_more);
}

/// Prints the first lines of a list of commands, each as one line.
pub(super) fn each_whole(lines: Vec<String>) {
    let n_more = lines.len().saturating_sub(LINES_MAX);
    for text in lines.into_iter().take(LINES_MAX) {
        terminal::line(&format!("{:<11} {text}", ""));
    }
    say_more("", n_more);
}

fn say_more(name: &str, n_more: usize) {
    if n_more > 0 {
        let n_more = HumanCount(n_more as u64);
        terminal::line(&format!(
            "{name:<11} and {n_more} more (the outputs have all)"
        ));
    }
}
