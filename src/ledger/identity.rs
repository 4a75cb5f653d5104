//! What a ledger was begun for.

use serde::{Deserialize, Serialize};

/// What is hunted for. Sources that are done are done for this alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The rule's id, version and query.
    pub rule: (String, u32, String),
    /// Whether the events beside the alerts are written, too.
    pub has_related: bool,
    /// The most text that may come out of a source.
    pub max_decoded_bytes: Option<u64>,
    /// Only events from this time on, in microseconds since 1970. A later run may begin later, not earlier.
    pub since: Option<i64>,
    /// The other limits of what is wanted, in words.
    pub wanted: String,
}

impl Identity {
    /// What of this a ledger, which was begun with another one, does not serve for.
    pub(super) fn differs(&self, begun: &Self) -> Option<&'static str> {
        let starts_earlier = match (self.since, begun.since) {
            (_, None) => false,
            (since, Some(begun)) => since.is_none_or(|since| since < begun),
        };
        let differences = [
            (self.rule != begun.rule, "rule"),
            (self.has_related != begun.has_related, "choice of --related"),
            (
                self.max_decoded_bytes != begun.max_decoded_bytes,
                "--max-decoded",
            ),
            (starts_earlier, "and later --since"),
            (
                self.wanted != begun.wanted,
                "--until, --account, --region or --home-region",
            ),
        ];
        differences
            .into_iter()
            .find_map(|(differs, what)| differs.then_some(what))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_rule_or_other_events_are_refused_and_a_later_beginning_is_not() {
        let begun = Identity {
            rule: ("id".to_owned(), 1, "query".to_owned()),
            has_related: false,
            max_decoded_bytes: None,
            since: Some(10),
            wanted: String::new(),
        };
        let differs = |change: &dyn Fn(&mut Identity)| {
            let mut asked = begun.clone();
            change(&mut asked);
            asked.differs(&begun)
        };
        assert_eq!(differs(&|_| ()), None);
        assert_eq!(differs(&|asked| asked.since = Some(11)), None);
        assert!(differs(&|asked| asked.since = Some(9)).is_some());
        assert!(differs(&|asked| asked.since = None).is_some());
        assert_eq!(differs(&|asked| asked.rule.1 = 2), Some("rule"));
        assert!(differs(&|asked| asked.has_related = true).is_some());
        assert!(differs(&|asked| asked.max_decoded_bytes = Some(1)).is_some());
        assert!(differs(&|asked| asked.wanted = "x".to_owned()).is_some());
    }
}
