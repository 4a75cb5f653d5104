//! What a ledger was begun for.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What is hunted for. Sources that are done are done for this alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The rules.
    pub rules: Vec<RuleIdentity>,
    /// Whether the events beside the alerts are written, too.
    pub has_related: bool,
    /// The most text that may come out of a source, in bytes.
    pub max_decoded_bytes: Option<u64>,
    /// Only events from this time on, in microseconds since 1970. A later run may begin later, not earlier.
    pub since: Option<i64>,
    /// Only events before this time.
    pub until: Option<Timestamp>,
    /// Only events of these accounts; of all if it is empty.
    pub accounts: BTreeSet<String>,
    /// Whether the folders of other accounts are passed over.
    pub is_account_folders_only: bool,
    /// Only events of these regions; of all if it is empty.
    pub regions: BTreeSet<String>,
    /// Whether only the home region of each partition is read.
    pub is_home_region_only: bool,
    /// Which files are read by their names, in words that are the same for the same choice.
    pub names: Option<String>,
}

/// Which rule it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleIdentity {
    /// The pack that it is of.
    pub pack: String,
    /// Its id.
    pub id: String,
    /// Its version.
    pub version: u32,
    /// Its query.
    pub query: String,
}

/// What a ledger has of what it was begun for.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Begun {
    Current(Identity),
    /// As versions wrote it that knew one rule, and kept filters as one text.
    Earlier {
        rule: (String, u32, String),
        has_related: bool,
        max_decoded_bytes: Option<u64>,
        since: Option<i64>,
        wanted: String,
    },
}

impl Identity {
    /// What of this a ledger does not serve for, which was begun for something else.
    pub(super) fn differs(&self, begun: &Begun) -> Option<&'static str> {
        let differences = match begun {
            Begun::Current(begun) => [
                (self.rules != begun.rules, "rule"),
                (self.has_related != begun.has_related, "choice of --related"),
                (
                    self.max_decoded_bytes != begun.max_decoded_bytes,
                    "--max-decoded",
                ),
                (self.begins_before(begun.since), "and later --since"),
                (self.until != begun.until, "--until"),
                (self.accounts != begun.accounts, "--account"),
                (
                    self.is_account_folders_only != begun.is_account_folders_only,
                    "choice of --account-folders",
                ),
                (self.regions != begun.regions, "--region"),
                (
                    self.is_home_region_only != begun.is_home_region_only,
                    "choice of --home-region",
                ),
                (
                    self.names != begun.names,
                    "--exclude, --include or --no-default-excludes",
                ),
            ]
            .to_vec(),
            Begun::Earlier {
                rule: (id, version, query),
                has_related,
                max_decoded_bytes,
                since,
                wanted,
            } => {
                let is_rule = |own: &RuleIdentity| {
                    (&own.id, own.version, &own.query) == (id, *version, query)
                };
                let is_same_rule = matches!(&self.rules[..], [own] if is_rule(own));
                [
                    (!is_same_rule, "rule"),
                    (self.has_related != *has_related, "choice of --related"),
                    (
                        self.max_decoded_bytes != *max_decoded_bytes,
                        "--max-decoded",
                    ),
                    (self.begins_before(*since), "and later --since"),
                    (
                        self.filters_as_text() != *wanted,
                        "choice of events or files (--until, --account, --region, --exclude and their like)",
                    ),
                ]
                .to_vec()
            }
        };
        let mut differences = differences.into_iter();
        differences.find_map(|(differs, what)| differs.then_some(what))
    }

    /// Whether earlier events are wanted than those from `since` on.
    fn begins_before(&self, since: Option<i64>) -> bool {
        since.is_some_and(|begun| self.since.is_none_or(|since| since < begun))
    }

    /// The filters as earlier versions kept them.
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
    use super::*;

    fn identity() -> Identity {
        Identity {
            rules: vec![RuleIdentity {
                pack: "builtin".to_owned(),
                id: "id".to_owned(),
                version: 1,
                query: "query".to_owned(),
            }],
            has_related: false,
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
            Some("--region")
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
