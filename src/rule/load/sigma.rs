//! Sigma's YAML.

use super::correlations::{Named, Pending};
use super::{Adding, Reason, metadata};
use crate::rule::model::{Metadata, Rule, Severity};
use crate::rule::sigma::{Body, Document, Fault, documents};

impl From<Fault> for Reason {
    fn from(fault: Fault) -> Self {
        Self {
            line: Some(fault.line),
            column: Some(fault.column),
            text: fault.reason,
        }
    }
}

pub(super) fn add(text: &str, adding: &mut Adding<'_>) {
    let documents = match documents(text) {
        Ok(documents) => documents,
        Err(fault) => return adding.refuse(None, None, fault.into()),
    };
    if documents.is_empty() {
        adding.refuse(None, None, Reason::new("the file has no rule"));
    }
    for (document, body) in documents {
        let id = id(&document);
        let names = names(&document);
        match body {
            Ok(Body::Condition(condition)) => {
                let query = condition.to_string();
                let rule = Rule::new(metadata_of(document, id), condition, query);
                adding.loaded.named.push(Named {
                    pack: adding.pack.to_owned(),
                    file: adding.file.to_owned(),
                    names,
                    rule: rule.clone(),
                });
                adding.add(rule);
            }
            Ok(Body::Correlation(correlation)) => {
                let (pack, file) = (adding.pack.to_owned(), adding.file.to_owned());
                let metadata = metadata_of(document, id);
                if adding.is_known(&metadata) {
                    continue;
                }
                adding.loaded.pending.push(Pending {
                    pack,
                    file,
                    names,
                    metadata,
                    correlation,
                });
            }
            Err(fault) => {
                let id = Some(id).filter(|id| !id.is_empty());
                adding.refuse(id, document.title, fault.into());
            }
        }
    }
}

/// Returns the id of a rule, or what others can name it by.
fn id(document: &Document) -> String {
    names(document).into_iter().next().unwrap_or_default()
}

/// Returns what others can name a rule by.
fn names(document: &Document) -> Vec<String> {
    let names = [&document.id, &document.name, &document.title];
    names.into_iter().flatten().cloned().collect()
}

fn metadata_of(document: Document, id: String) -> Metadata {
    let level = document.level.as_deref().unwrap_or_default();
    let severity = match &*level.to_ascii_lowercase() {
        "critical" => Severity::Critical,
        "high" => Severity::High,
        "low" => Severity::Low,
        "informational" | "info" => Severity::Informational,
        // A rule without a level.
        _ => Severity::Medium,
    };
    let author = document.author.unwrap_or_default();
    let authors = author
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty());
    Metadata {
        tags: document.tags,
        references: document.references,
        author: authors.map(str::to_owned).collect(),
        license: document.license.unwrap_or_default(),
        ..metadata(id, document.title.unwrap_or_default(), "sigma", severity)
    }
}
