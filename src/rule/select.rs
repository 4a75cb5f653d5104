//! Which of the loaded rules a hunt runs.

use super::condition::{Case, Matcher};
use super::load::{Loaded, Refused};
use super::over_time::RuleOverTime;
use super::pack_rule::PackRule;
use super::{Metadata, Severity};

/// A rule's id, or its name, in which `*` stands for any text. The case of letters does not count.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    matcher: Matcher,
}

impl Pattern {
    /// Returns the pattern with this text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
            matcher: Matcher::stars(text, Case::Ignore),
        }
    }

    /// Returns whether it is the id or the name of a rule.
    #[must_use]
    pub fn is_of(&self, rule: &PackRule) -> bool {
        self.names(&rule.rule.metadata)
    }

    /// Returns whether it is the id or the name of the rule with this metadata.
    #[must_use]
    pub fn names(&self, metadata: &Metadata) -> bool {
        self.is_name(&metadata.rule_id) || self.is_name(&metadata.name)
    }

    /// Returns whether it is the id or the name of a rule that cannot run.
    #[must_use]
    pub fn is_of_refused(&self, rule: &Refused) -> bool {
        let mut names = rule.id.iter().chain(&rule.title);
        names.any(|name| self.is_name(name))
    }

    fn is_name(&self, name: &str) -> bool {
        self.matcher.accepts_text(name)
    }
}

/// A selection of rules. The default selects all.
#[derive(Debug, Clone, Default)]
pub struct RuleSelection {
    /// The rules to run; all of them if this is empty.
    pub rules: Vec<Pattern>,
    /// Rules that are not run.
    pub excluded: Vec<Pattern>,
    /// The lowest severity.
    pub min_severity: Option<Severity>,
    /// A rule must have one of these tags; any rule may if there are none. The case of letters does not count.
    pub tags: Vec<Pattern>,
}

/// The reason why a selection cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SelectionError {
    /// A pattern is of no rule at all.
    #[error("no rule has the id or name {0}")]
    NoSuchRule(String),
    /// A pattern is only of rules that cannot run.
    #[error("the rule {pattern} cannot run: {refused}")]
    CannotRun {
        /// The pattern.
        pattern: String,
        /// The first of these rules, with the reason.
        refused: Box<Refused>,
    },
}

impl RuleSelection {
    /// Returns whether a rule is selected.
    #[must_use]
    pub fn selects(&self, rule: &PackRule) -> bool {
        self.selects_by(&rule.rule.metadata)
    }

    /// Returns whether a rule over several events is selected.
    #[must_use]
    pub fn selects_over_time(&self, rule: &RuleOverTime) -> bool {
        self.selects_by(&rule.metadata)
    }

    fn selects_by(&self, metadata: &Metadata) -> bool {
        let is_of = |patterns: &[Pattern]| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.names(metadata))
        };
        let has_tag = || {
            let mut tags = metadata.tags.iter();
            tags.any(|tag| self.tags.iter().any(|pattern| pattern.is_name(tag)))
        };
        (self.rules.is_empty() || is_of(&self.rules))
            && !is_of(&self.excluded)
            && self
                .min_severity
                .is_none_or(|least| metadata.severity >= least)
            && (self.tags.is_empty() || has_tag())
    }

    /// Returns the patterns of [`RuleSelection::excluded`] that are of no rule, whether it runs or not. There are none if the
    /// id of a refused rule is not known.
    pub fn excluded_in_vain(&self, loaded: &Loaded) -> impl Iterator<Item = &str> {
        let is_of_any = |pattern: &&Pattern| {
            loaded.rules.iter().any(|rule| pattern.is_of(rule))
                || (loaded.over_time.iter()).any(|rule| pattern.names(&rule.metadata))
                || (loaded.refused.iter()).any(|rule| pattern.is_of_refused(rule))
        };
        // A file that cannot be read may have had it.
        let is_known = loaded.refused.iter().all(|rule| rule.id.is_some());
        let excluded = self.excluded.iter().filter(move |_| is_known);
        let in_vain = excluded.filter(move |one| !is_of_any(one));
        in_vain.map(|pattern| &*pattern.text)
    }

    /// Leaves only what is selected. Of refused rules only ids and names are known, so the severity and tags of these do
    /// not count.
    ///
    /// # Errors
    /// A pattern of [`RuleSelection::rules`] that is of no rule, or only of rules that cannot run.
    pub fn apply(&self, loaded: &mut Loaded) -> Result<(), SelectionError> {
        for pattern in &self.rules {
            let mut over_time = loaded.over_time.iter();
            if loaded.rules.iter().any(|rule| pattern.is_of(rule))
                || over_time.any(|rule| pattern.names(&rule.metadata))
            {
                continue;
            }
            let mut refused = loaded.refused.iter();
            return Err(match refused.find(|rule| pattern.is_of_refused(rule)) {
                Some(refused) => SelectionError::CannotRun {
                    pattern: pattern.text.clone(),
                    refused: Box::new(refused.clone()),
                },
                None => SelectionError::NoSuchRule(pattern.text.clone()),
            });
        }
        loaded.rules.retain(|rule| self.selects(rule));
        loaded.over_time.retain(|rule| self.selects_over_time(rule));
        let is_of = |patterns: &[Pattern], rule: &Refused| {
            let mut patterns = patterns.iter();
            patterns.any(|pattern| pattern.is_of_refused(rule))
        };
        loaded.refused.retain(|rule| {
            (self.rules.is_empty() || is_of(&self.rules, rule)) && !is_of(&self.excluded, rule)
        });
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::load::Form;

    fn loaded() -> Loaded {
        let sigma = |id: &str, level: &str, tag: &str, condition: &str| {
            format!(
                "title: Rule {id}\nid: {id}\nlevel: {level}\ntags: [{tag}]\n\
                 logsource: {{product: aws, service: cloudtrail}}\n\
                 detection:\n  a: {{eventName: CreateUser}}\n  condition: {condition}\n---\n"
            )
        };
        let text = [
            sigma("one", "low", "attack.persistence", "a"),
            sigma("two", "high", "attack.impact", "a"),
            sigma("three", "critical", "attack.impact", "a | count() > 3"),
        ];
        let mut loaded = Loaded::default();
        loaded.add_file("pack", "a.yml", Form::Yaml, text.concat().as_bytes());
        assert_eq!((loaded.rules.len(), loaded.refused.len()), (2, 1));
        loaded
    }

    fn patterns(texts: &[&str]) -> Vec<Pattern> {
        texts.iter().map(|text| Pattern::new(text)).collect()
    }

    #[track_caller]
    fn check(selection: &RuleSelection, expected: &str) {
        let mut loaded = loaded();
        let found = match selection.apply(&mut loaded) {
            Ok(()) => {
                let ids = loaded.rules.iter().map(|one| &*one.rule.metadata.rule_id);
                ids.collect::<Vec<_>>().join(" ")
            }
            Err(error) => error.to_string(),
        };
        assert!(found.starts_with(expected), "{found}");
    }

    #[test]
    fn what_excludes_nothing_is_told() {
        let excluded = patterns(&["one", "nosuch", "three", "rule t*", "two*x"]);
        let selection = RuleSelection {
            excluded,
            ..RuleSelection::default()
        };
        let loaded = loaded();
        let in_vain: Vec<&str> = selection.excluded_in_vain(&loaded).collect();
        assert_eq!(in_vain, ["nosuch", "two*x"]);
    }

    #[test]
    fn rules_are_selected_by_id_name_severity_and_tag() {
        let all = RuleSelection::default();
        check(&all, "one two");
        let rules = |texts| RuleSelection {
            rules: patterns(texts),
            ..all.clone()
        };
        check(&rules(&["ONE"]), "one");
        check(&rules(&["rule t*"]), "two");
        check(&rules(&["one", "Rule two"]), "one two");
        check(&rules(&["four"]), "no rule has the id or name four");
        check(&rules(&["three"]), "the rule three cannot run: a.yml:");
        let excluded = patterns(&["rule*wo"]);
        check(
            &RuleSelection {
                excluded,
                ..all.clone()
            },
            "one",
        );
        let min_severity = Some(Severity::Medium);
        check(
            &RuleSelection {
                min_severity,
                ..all.clone()
            },
            "two",
        );
        let tags = patterns(&["attack.PERS*"]);
        check(
            &RuleSelection {
                tags,
                ..all.clone()
            },
            "one",
        );
    }
}
