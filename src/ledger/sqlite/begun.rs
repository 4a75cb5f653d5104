//! The identity that is recorded in a ledger, compared with that of a run.

use jiff::Timestamp;
use serde::Deserialize;

use super::{Identity, LedgerError, RuleIdentity};

/// The identity that is recorded in a ledger.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Begun {
    Current(Identity),
    /// The form written by earlier versions, which knew one rule and kept the filters as one text.
    Earlier {
        rule: (String, u32, String),
        has_related: bool,
        max_decoded_bytes: Option<u64>,
        since: Option<i64>,
        wanted: String,
    },
}

impl Begun {
    /// Returns the start of the ledger's time range.
    fn since(&self) -> Option<Timestamp> {
        let (Self::Current(Identity { since, .. }) | Self::Earlier { since, .. }) = self;
        Timestamp::from_microsecond((*since)?).ok()
    }
}

/// The option for the start of the time range.
const SINCE: &str = "--since";

impl Identity {
    /// Returns the error that the ledger cannot serve this identity, if that is so.
    pub(super) fn refusal(&self, begun: &Begun) -> Option<LedgerError> {
        let what = self.differs(begun)?;
        Some(match begun.since() {
            Some(since) if what == SINCE => LedgerError::Since { since },
            _ => LedgerError::Identity { what },
        })
    }

    /// Returns the part of this identity that the ledger cannot serve, because the ledger was created for something
    /// else.
    fn differs(&self, begun: &Begun) -> Option<&'static str> {
        let (begun, has_other_filters) = match begun {
            Begun::Current(begun) => (begun.clone(), false),
            Begun::Earlier {
                rule,
                has_related,
                max_decoded_bytes,
                since,
                wanted,
            } => {
                let (id, version, query) = rule.clone();
                let own = self.rules.first();
                let rule = RuleIdentity {
                    // There were no packs.
                    pack: own.map(|own| own.pack.clone()).unwrap_or_default(),
                    file: String::new(),
                    id,
                    version,
                    query,
                };
                // The filters are known as text only, and compared as text.
                let begun = Self {
                    rules: vec![rule],
                    has_related: *has_related,
                    has_events: false,
                    max_decoded_bytes: *max_decoded_bytes,
                    since: *since,
                    ..self.clone()
                };
                (begun, self.filters_as_text() != *wanted)
            }
        };
        let differences = [
            (self.rules != begun.rules, "rule"),
            (self.exceptions != begun.exceptions, "--exceptions"),
            (self.has_related != begun.has_related, "choice of --related"),
            (self.has_events != begun.has_events, "choice of --events"),
            (
                self.max_decoded_bytes != begun.max_decoded_bytes,
                "--max-decoded",
            ),
            (self.begins_before(begun.since), SINCE),
            (self.until != begun.until, "--until"),
            (self.accounts != begun.accounts, "--account"),
            (
                self.is_account_folders_only != begun.is_account_folders_only,
                "choice of --account-folders",
            ),
            (self.regions != begun.regions, "--event-region"),
            (
                self.is_home_region_only != begun.is_home_region_only,
                "choice of --home-region",
            ),
            (
                self.names != begun.names,
                "--exclude, --include or --no-default-excludes",
            ),
            (
                has_other_filters,
                "choice of events or files (--until, --account, --region, --exclude and their like)",
            ),
        ];
        let mut differences = differences.into_iter();
        differences.find_map(|(differs, what)| differs.then_some(what))
    }

    /// Returns whether this identity selects events before `since`, the start of the ledger's time range.
    fn begins_before(&self, since: Option<i64>) -> bool {
        since.is_some_and(|begun| self.since.is_none_or(|since| since < begun))
    }

    /// Returns the filters as earlier versions kept them.
    fn filters_as_text(&self) -> String {
        let folders = match self.is_account_folders_only {
            true => " account folders",
            false => "",
        };
        let names = self.names.as_ref().map(|names| format!(" {names}"));
        format!(
            "{:?} {:?} {:?} {}{folders}{}",
            self.until,
            self.accounts,
            self.regions,
            self.is_home_region_only,
            names.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use jiff::Timestamp;

    use super::*;

    fn identity() -> Identity {
        Identity {
            rules: vec![RuleIdentity {
                pack: "builtin".to_owned(),
                file: String::new(),
                id: "id".to_owned(),
                version: 1,
                query: "query".to_owned(),
            }],
            exceptions: Vec::new(),
            has_related: false,
            has_events: false,
            max_decoded_bytes: None,
            since: Some(10),
            until: None,
            accounts: BTreeSet::new(),
            is_account_folders_only: false,
            regions: BTreeSet::new(),
            is_home_region_only: false,
            names: None,
        }
    }

    fn differs(begun: &Begun, change: &dyn Fn(&mut Identity)) -> Option<&'static str> {
        let mut requested = identity();
        change(&mut requested);
        requested.differs(begun)
    }

    #[test]
    fn another_rule_or_other_events_are_refused_and_a_later_beginning_is_not() {
        let begun = Begun::Current(identity());
        let differs = |change: &dyn Fn(&mut Identity)| differs(&begun, change);
        assert_eq!(differs(&|_| ()), None);
        assert_eq!(differs(&|asked| asked.since = Some(11)), None);
        assert!(differs(&|asked| asked.since = Some(9)).is_some());
        assert!(differs(&|asked| asked.since = None).is_some());
        assert_eq!(differs(&|asked| asked.rules[0].version = 2), Some("rule"));
        assert_eq!(differs(&|asked| asked.rules.clear()), Some("rule"));
        assert!(differs(&|asked| asked.has_related = true).is_some());
        assert!(differs(&|asked| asked.has_events = true).is_some());
        assert!(differs(&|asked| asked.max_decoded_bytes = Some(1)).is_some());
        assert_eq!(
            differs(&|asked| asked.until = Some(Timestamp::UNIX_EPOCH)),
            Some("--until")
        );
        let account = || BTreeSet::from(["111122223333".to_owned()]);
        assert_eq!(
            differs(&|asked| asked.accounts = account()),
            Some("--account")
        );
        assert_eq!(
            differs(&|asked| asked.regions = account()),
            Some("--event-region")
        );
        assert!(differs(&|asked| asked.is_account_folders_only = true).is_some());
        assert!(differs(&|asked| asked.is_home_region_only = true).is_some());
        assert!(differs(&|asked| asked.names = Some("x".to_owned())).is_some());
    }

    #[test]
    fn a_ledger_of_an_earlier_version_goes_on_with_the_same_filters_alone() {
        let of = |wanted: &str| -> Begun {
            let text = format!(
                r#"{{"rule":["id",1,"query"],"has_related":false,"max_decoded_bytes":null,"since":10,"wanted":{wanted:?}}}"#
            );
            serde_json::from_str(&text).unwrap()
        };
        let begun = of("None {} {} false");
        assert_eq!(differs(&begun, &|_| ()), None);
        assert_eq!(
            differs(&begun, &|asked| asked.rules[0].version = 2),
            Some("rule")
        );
        assert!(differs(&begun, &|asked| asked.is_home_region_only = true).is_some());
        let filtered = of(
            "Some(2024-05-01T12:00:00Z) {\"111122223333\"} {\"us-east-1\"} true account folders exclude a",
        );
        let all = |asked: &mut Identity| {
            asked.until = Some("2024-05-01T12:00:00Z".parse().unwrap());
            asked.accounts = BTreeSet::from(["111122223333".to_owned()]);
            asked.regions = BTreeSet::from(["us-east-1".to_owned()]);
            asked.is_home_region_only = true;
            asked.is_account_folders_only = true;
            asked.names = Some("exclude a".to_owned());
        };
        assert_eq!(differs(&filtered, &all), None);
        assert!(differs(&filtered, &|_| ()).is_some());
    }
}
