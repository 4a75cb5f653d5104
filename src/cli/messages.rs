//! What is said of single things while a run goes on.

use serde_json::json;
use trailsift::report::{Diagnostic, Severity};

use super::args::LogFormat;
use super::terminal;

/// Shows a warning on standard error.
pub(super) fn warn(text: &str, format: LogFormat) {
    match format {
        LogFormat::Json => {
            terminal::json(
                "diagnostic",
                &json!({"severity": "warning", "message": text}),
            );
        }
        LogFormat::Text => terminal::warn(&terminal::harmless(text, usize::MAX)),
    }
}

/// Shows a diagnostic on standard error.
pub(super) fn show_diagnostic(diagnostic: &Diagnostic, format: LogFormat) {
    if format == LogFormat::Json {
        return terminal::json("diagnostic", diagnostic);
    }
    let severity = match diagnostic.severity {
        Severity::Info => "note".to_owned(),
        Severity::Warning => terminal::yellow("warning"),
        Severity::Error => terminal::red("error"),
    };
    let text = terminal::harmless(&diagnostic.to_string(), usize::MAX);
    terminal::line(&format!("{severity}: {text} [{}]", diagnostic.code.name()));
}
