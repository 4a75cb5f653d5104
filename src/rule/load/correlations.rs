//! Correlations of Sigma -> rules over time: the rules that they name are looked up, in all files.
//!
//! A name is a rule's id, name or title. Several rules may have the same: one of the same file comes before one of the
//! same pack, and that before any other; among these the first one counts.

use std::sync::Arc;

use super::{Loaded, Reason, Refused};
use crate::rule::condition::Field;
use crate::rule::model::{Metadata, Rule};
use crate::rule::over_time::{Missing, Part, RuleOverTime, Source};
use crate::rule::sigma::Correlation;

/// How deep correlations can be inside each other.
const DEPTH_MAX: usize = 8;
/// The most correlations that are inside one.
const RULES_MAX: usize = 1_000;

/// A rule of Sigma that a correlation can name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) pack: String,
    pub(super) file: String,
    /// Its id, name and title.
    pub(super) names: Vec<String>,
    pub(super) rule: Rule,
}

/// A correlation whose rules are not looked up yet.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) pack: String,
    pub(super) file: String,
    pub(super) names: Vec<String>,
    pub(super) metadata: Metadata,
    pub(super) correlation: Correlation,
}

/// What a correlation can name.
enum Found {
    Rule(usize),
    Correlation(usize),
}

/// Makes rules of the correlations that wait for it, or refuses them.
pub(super) fn resolve(loaded: &mut Loaded) {
    let pending = std::mem::take(&mut loaded.pending);
    let mut resolver = Resolver {
        named: &loaded.named,
        made: pending.iter().map(|_| None).collect(),
        pending: &pending,
    };
    for (i, one) in pending.iter().enumerate() {
        match resolver.rule(i, 0) {
            Ok(rule) => loaded.over_time.push(rule),
            Err(reason) => loaded.refused.push(refused(one, reason)),
        }
    }
}

fn too_deep() -> String {
    format!("correlations are inside each other more than {DEPTH_MAX} deep")
}

fn refused(one: &Pending, reason: String) -> Refused {
    let fault = Reason::from(one.correlation.fault(reason));
    Refused {
        pack: one.pack.clone(),
        file: one.file.clone(),
        line: fault.line,
        column: fault.column,
        id: Some(one.metadata.rule_id.clone()),
        title: Some(one.metadata.name.clone()),
        reason: fault.text,
    }
}

struct Resolver<'l> {
    named: &'l [Named],
    pending: &'l [Pending],
    /// The rules of correlations that were made so far, or why they cannot be.
    made: Vec<Option<Result<Arc<RuleOverTime>, String>>>,
}

impl Resolver<'_> {
    /// Returns the rule of the correlation at this place, which is inside of so many others.
    fn rule(&mut self, at: usize, depth: usize) -> Result<Arc<RuleOverTime>, String> {
        if let Some(Some(made)) = self.made.get(at) {
            return made.clone();
        }
        if depth > DEPTH_MAX {
            return Err(too_deep());
        }
        let made = self.make(at, depth).map(Arc::new);
        if let Some(place) = self.made.get_mut(at) {
            *place = Some(made.clone());
        }
        made
    }

    fn make(&mut self, at: usize, depth: usize) -> Result<RuleOverTime, String> {
        let Some(one) = self.pending.get(at) else {
            return Err("the correlation is not there".to_owned());
        };
        let correlation = &one.correlation;
        let mut parts = Vec::new();
        let mut n_rules = 1;
        for name in &correlation.rules {
            let (source, names) = match self.find(one, name) {
                Some(Found::Rule(i)) => {
                    let named = self.named.get(i);
                    let named = named.ok_or_else(|| format!("no rule is named {name}"))?;
                    (Source::Events(Box::new(named.rule.clone())), &named.names)
                }
                Some(Found::Correlation(i)) => {
                    let inner = self.rule(i, depth + 1);
                    let inner = inner.map_err(|reason| match depth {
                        0 => format!("the rule {name}: {reason}"),
                        _ => reason,
                    })?;
                    if inner.depth() >= DEPTH_MAX {
                        return Err(too_deep());
                    }
                    n_rules += inner.n_rules;
                    let names = self.pending.get(i).map_or(&one.names, |one| &one.names);
                    (Source::Rule(inner), names)
                }
                None => return Err(format!("no rule that can run is named {name}")),
            };
            parts.push(part(correlation, source, name, names)?);
        }
        if n_rules > RULES_MAX {
            return Err(format!("more than {RULES_MAX} correlations are inside it"));
        }
        Ok(RuleOverTime {
            pack: one.pack.clone(),
            file: one.file.clone(),
            metadata: one.metadata.clone(),
            kind: correlation.kind,
            query_text: String::new(),
            parts,
            group_by: correlation.group_by.clone(),
            window: Some(correlation.timespan),
            test: correlation.test.clone(),
            notes: Vec::new(),
            n_rules,
        })
    }

    fn find(&self, one: &Pending, name: &str) -> Option<Found> {
        let is_named = |names: &[String]| names.iter().any(|own| own == name);
        let rank = |pack: &str, file: &str| match (pack == one.pack, file == one.file) {
            (true, true) => 0,
            (true, false) => 1,
            (false, _) => 2,
        };
        let rules = self.named.iter().enumerate();
        let rules = rules.filter(|(_, rule)| is_named(&rule.names));
        let rules = rules.map(|(i, rule)| (rank(&rule.pack, &rule.file), Found::Rule(i)));
        let others = self.pending.iter().enumerate();
        let others = others.filter(|(_, other)| is_named(&other.names));
        let others =
            others.map(|(i, other)| (rank(&other.pack, &other.file), Found::Correlation(i)));
        let nearest = rules.chain(others).min_by_key(|(rank, _)| *rank);
        nearest.map(|(_, found)| found)
    }
}

/// Returns the part of a correlation that is about a rule, which it names so and which has these names.
fn part(
    correlation: &Correlation,
    source: Source,
    name: &str,
    names: &[String],
) -> Result<Part, String> {
    let field = |grouped: &String| {
        let fields = correlation.aliases.get(grouped).into_iter().flatten();
        let mut fields = fields.filter(|(rule, _)| rule == name || names.contains(rule));
        let own = fields.next().map_or(grouped, |(_, field)| field);
        Field::cloudtrail(own.clone())
    };
    let part = Part {
        source,
        group: correlation.group_by.iter().map(field).collect(),
        values: correlation.counted.iter().map(field).collect(),
        missing: Missing::IsGroup,
    };
    // Of a correlation inside another nothing is known but its group.
    if let Source::Rule(inner) = &part.source {
        let (group, values) = part.field_names();
        let mut fields = group.into_iter().chain(values);
        let is_unknown = |field: &&str| !inner.group_by.iter().any(|own| own == field);
        if let Some(field) = fields.find(is_unknown) {
            return Err(format!(
                "the correlation {name} does not group by {field}, by which this one does"
            ));
        }
    }
    Ok(part)
}
