//! What the program's exit code says.

use std::process::ExitCode;

use super::terminal;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exit {
    /// All was read and decided.
    Complete,
    /// The run failed.
    Failed,
    /// What was typed makes no sense.
    Usage,
    /// It ran to its end, but something could not be read or decided.
    Incomplete,
    /// All was read and decided, and there are alerts, for which `--fail-on-alerts` asks. What was not read comes first: see
    /// [`Exit::Incomplete`], with which there may be alerts, too.
    Alerts,
    /// SIGHUP: the terminal is gone.
    HungUp,
    /// Ctrl-C.
    Interrupted,
    /// The reader of standard output went away, as `head` does.
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
            // 4 is kept for another meaning.
            Exit::Alerts => 5,
            // 128 and the signal's number, as shells have it.
            Exit::HungUp => 129,
            Exit::Interrupted => 130,
            Exit::OutputClosed => 141,
            Exit::Terminated => 143,
        })
    }
}

/// Says what went wrong, once, with its causes.
pub(super) fn explain(error: &anyhow::Error) -> Exit {
    if let Some(usage) = error.downcast_ref::<clap::Error>() {
        // What was typed may be the name of a file, which somebody else gave it.
        if std::env::args_os().any(|arg| terminal::may_be_obeyed(&arg.to_string_lossy())) {
            let text = usage.to_string();
            text.lines()
                .for_each(|line| terminal::line(&terminal::harmless(line, usize::MAX)));
        } else {
            // Nothing can be done about a standard error that takes no text.
            usage.print().ok();
        }
        return match usage.exit_code() {
            0 => Exit::Complete,
            _ => Exit::Usage,
        };
    }
    let text = terminal::harmless(&format!("{error:#}"), usize::MAX);
    terminal::line(&format!("{}: {text}", terminal::red("error")));
    Exit::Failed
}
