//! `trailsift rule`.

use serde::Serialize;
use trailsift::rule::{Metadata, Rule};

use super::args::RuleFormat;
use super::exit::Exit;
use super::{print, print_json};

/// A rule as JSON.
#[derive(Debug, Serialize)]
struct Printed<'a> {
    #[serde(flatten)]
    metadata: &'a Metadata,
    query: &'a str,
}

/// Prints the rule.
pub(super) fn run(format: RuleFormat) -> anyhow::Result<Exit> {
    let rule = Rule::quarantine();
    match format {
        RuleFormat::Text => print(rule.render().as_bytes()),
        RuleFormat::Json => {
            let printed = Printed {
                metadata: &rule.metadata,
                query: rule.query_text(),
            };
            print_json(&printed)
        }
    }
}
