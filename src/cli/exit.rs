//! The program's exit codes.

use std::process::ExitCode;

use trailsift::Error;

use super::terminal;

/// The result of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// Everything was read and decided.
    Complete,
    /// The run failed.
    Failed,
    /// The command line is invalid.
    Usage,
    /// The run reached its end, but something could not be read or decided.
    Incomplete,
    /// Something contradicts what AWS signed.
    Contradicted,
    /// Everything was read and decided, and there are alerts; used only with `--fail-on-alerts`. If something was not
    /// read, [`Exit::Incomplete`] is used instead; in that case there may be alerts too.
    Alerts,
    /// SIGHUP: the terminal was closed.
    HungUp,
    /// Ctrl-C.
    Interrupted,
    /// The reader of standard output stopped reading, as `head` does.
    OutputClosed,
    /// SIGTERM.
    Terminated,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Complete => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Incomplete => 3,
            Exit::Contradicted => 4,
            Exit::Alerts => 5,
            // 128 plus the signal's number, as in shells.
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::OutputClosed => 141,
            Exit::Terminated => 143,
        })
    }
}

/// Reports an error once, with its causes.
pub(super) fn explain(error: &anyhow::Error) -> Exit {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        // An argument may be the name of a file, which somebody else chose.
        if std::env::args_os().any(|arg| terminal::may_be_obeyed(&arg.to_string_lossy())) {
            let text = usage.to_string();
            text.lines()
                .for_each(|line| terminal::line(&terminal::harmless(line, usize::MAX)));
        } else {
            // If standard error cannot be written, nothing can be done about it.
            usage.print().ok();
        }
        return match usage.exit_code() {
            0 => Exit::Complete,
            _ => Exit::Usage,
        };
    }
    let text = terminal::harmless_message(&format!("{error:#}"));
    terminal::line(&format!("{}: {text}", terminal::red("error")));
    match error.downcast_ref() {
        Some(Error::NoRelated { .. }) => Exit::Usage,
        _ => Exit::Failed,
    }
}
