//! What `verify` and `coverage` have in common: a pass over everything, and lists that are not too long.

use std::path::Path;

use indicatif::HumanCount;
use trailsift::Error;
use trailsift::config::ScanConfig;
use trailsift::engine::{self, Analyzer, ReadAll, Sink};
use trailsift::output::{Destination, Target};
use trailsift::report::{Diagnostic, Outcome, PassReport, Severity};

use super::args::Messages;
use super::exit::Exit;
use super::progress::{Bar, Counted};
use super::{hunt, resolve, terminal};

/// The number of lines of a list that are printed.
const LINES_MAX: usize = 20;

/// Makes a pass, and shows its progress and what could not be read. Returns the exit code if it was stopped.
pub(super) fn pass<A: Analyzer>(
    config: &ScanConfig,
    analyzer: &A,
    sink: &mut dyn Sink<A::Output>,
    messages: &Messages,
) -> anyhow::Result<Result<PassReport, Exit>> {
    let signal = hunt::watch_signals(&config.progress.stop)?;
    let pass = {
        let bar = Bar::new(
            config,
            Counted::Nothing,
            messages.log_format,
            !messages.quiet,
        );
        let mut sink = Shown {
            sink,
            notify: &mut |diagnostic| {
                if diagnostic.severity > Severity::Info || messages.verbose {
                    bar.suspend(|| hunt::show_diagnostic(diagnostic, messages.log_format));
                }
            },
        };
        engine::run(config, ReadAll, analyzer, &mut sink)
    };
    match pass {
        Ok(pass) => Ok(Ok(pass)),
        Err(Error::Interrupted) => {
            let nowhere = (&Destination::Nowhere, None);
            let format = messages.log_format;
            Ok(Err(hunt::say_interrupted(
                &config.progress,
                nowhere,
                format,
                &signal,
            )))
        }
        Err(error) => Err(error.into()),
    }
}

/// Opens an output, unless it goes to standard output.
pub(super) fn open(path: Option<&Path>, config: &ScanConfig) -> anyhow::Result<Option<Target>> {
    let path = path.filter(|path| path.as_os_str() != "-");
    let destination = path.map(resolve::written).transpose()?;
    let target = destination.map(|destination| Target::open(&destination, &config.stores));
    Ok(target.transpose()?)
}

/// Passes everything on to a sink, and shows the diagnostics.
struct Shown<'a, T> {
    sink: &'a mut dyn Sink<T>,
    notify: &'a mut dyn FnMut(&Diagnostic),
}

impl<T> Sink<T> for Shown<'_, T> {
    fn take(&mut self, output: T) -> Result<(), Error> {
        self.sink.take(output)
    }

    fn begin(&mut self, tickets: &[()]) {
        self.sink.begin(tickets);
    }

    fn source(&mut self, path: &Path, outcome: Outcome, diagnostics: &[Diagnostic]) {
        self.sink.source(path, outcome, diagnostics);
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        (self.notify)(diagnostic);
    }
}

/// Prints the first lines of a list.
pub(super) fn each(name: &str, lines: Vec<String>) {
    let n_more = lines.len().saturating_sub(LINES_MAX);
    for text in lines.into_iter().take(LINES_MAX) {
        terminal::line(&format!("{name:<11} {text}"));
    }
    if n_more > 0 {
        let n_more = HumanCount(n_more as u64);
        terminal::line(&format!(
            "{name:<11} and {n_more} more (the outputs have all)"
        ));
    }
}
