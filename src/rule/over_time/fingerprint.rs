//! What tells a rule over several events from an earlier form of it.

use std::fmt::Write as _;

use super::{Digest, RuleOverTime, Source, digest};

/// A number that changes when what is kept of an event changes. All rules are other ones then.
const FORM: u32 = 1;

impl RuleOverTime {
    /// Returns a hash that is another one if the rule has another name, or can find something else.
    #[must_use]
    pub fn fingerprint(&self) -> Digest {
        let mut text = format!("{FORM}\n");
        self.describe(&mut text);
        digest(&text)
    }

    fn describe(&self, text: &mut String) {
        let name = (&self.pack, &self.file, &self.metadata.rule_id);
        let test = (self.kind, &self.group_by, self.window, &self.test);
        // Writing to a string cannot fail.
        writeln!(text, "{name:?} {test:?}").unwrap_or_default();
        for part in &self.parts {
            let fields = (part.field_names(), part.missing);
            writeln!(text, "part {fields:?}").unwrap_or_default();
            match &part.source {
                Source::Events(rule) => {
                    writeln!(text, "events {}", rule.query()).unwrap_or_default();
                }
                Source::Rule(inner) => inner.describe(text),
            }
        }
    }
}
