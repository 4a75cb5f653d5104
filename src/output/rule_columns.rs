//! The columns of a row that are the same for all alerts of a rule.

use std::sync::Arc;

use arrow_schema::ArrowError;

use crate::rule::{Metadata, RuleInfo, RuleSet};

/// The data of the rule and the run, which is copied into each row.
#[derive(Debug, Clone)]
pub struct RuleColumns {
    pub(super) metadata: Metadata,
    pub(super) rule_id: String,
    pub(super) rule_name: String,
    pub(super) rule_version: i32,
    pub(super) severity: String,
    pub(super) risk_score: i32,
    pub(super) mitre_tactic_ids: Vec<String>,
    pub(super) mitre_technique_ids: Vec<String>,
    pub(super) pack: String,
    pub(super) file: Option<String>,
    pub(super) notes: Vec<String>,
    pub(super) run_id: Arc<str>,
}

impl RuleColumns {
    /// Returns the columns of a rule, for the rows of a run.
    #[must_use]
    pub fn new(one: RuleInfo<'_>, run_id: &Arc<str>) -> Self {
        let metadata = one.metadata;
        Self {
            metadata: metadata.clone(),
            rule_id: metadata.rule_id.clone(),
            rule_name: metadata.name.clone(),
            rule_version: i32::try_from(metadata.version).unwrap_or(i32::MAX),
            severity: metadata.severity.to_string(),
            risk_score: i32::from(metadata.risk_score),
            mitre_tactic_ids: metadata
                .threat
                .iter()
                .map(|t| t.tactic.id.clone())
                .collect(),
            mitre_technique_ids: metadata
                .threat
                .iter()
                .flat_map(|t| t.technique.iter().map(|technique| technique.id.clone()))
                .collect(),
            pack: one.pack.to_owned(),
            file: Some(one.file.to_owned()).filter(|file| !file.is_empty()),
            notes: one.notes.to_vec(),
            run_id: Arc::clone(run_id),
        }
    }
}

/// The columns of each rule of a set.
#[derive(Debug, Clone)]
pub struct RuleSetColumns(Vec<RuleColumns>);

impl RuleSetColumns {
    /// Returns the columns of the rules, for the rows of a run.
    #[must_use]
    pub fn new(rules: &RuleSet, run_id: &str) -> Self {
        let (rules, run_id) = (rules.infos(), run_id.into());
        Self(
            rules
                .map(|(_, one)| RuleColumns::new(one, &run_id))
                .collect(),
        )
    }

    /// Returns the columns of a rule, by its place in the set.
    ///
    /// # Errors
    ///
    /// If the row was made with another set of rules.
    pub fn of(&self, rule: u16) -> Result<&RuleColumns, ArrowError> {
        let columns = self.0.get(usize::from(rule));
        columns.ok_or_else(|| {
            let message = format!("a row is of rule {rule}, which the set lacks");
            ArrowError::InvalidArgumentError(message)
        })
    }
}
