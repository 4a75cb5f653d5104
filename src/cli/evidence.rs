//! A pass over everything, for `verify` and `coverage`.

use std::path::Path;

use trailsift::Error;
use trailsift::config::ScanConfig;
use trailsift::engine::{self, Analyzer, ReadAll, Sink};
use trailsift::output::Destination;
use trailsift::report::{Diagnostic, Outcome, PassReport, Severity};

use super::args::Messages;
use super::exit::Exit;
use super::hunt;
use super::messages::show_diagnostic;
use super::progress::{Bar, Counted};

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
                    bar.suspend(|| show_diagnostic(diagnostic, messages.log_format));
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
