//! Reports an account or a region that a run selects but that has no file: a typing error would otherwise
//! look like an answer.
//!
//! Events are counted without being parsed, so the accounts of events are not known. Those of the files are: CloudTrail
//! writes the account and the region into folders and names. Where files are outside of that layout, nothing is said,
//! because they may have events of any account.

use std::collections::BTreeSet;

use super::Notice;
use super::journal::{LedgerGate, Reached};
use crate::config::{HuntConfig, ScanConfig};
use crate::engine::{Admission, Gate};
use crate::error::Error;
use crate::input::layout::Origin;
use crate::input::{Root, Source};
use crate::report::{Code, Defect, Diagnostic, PassReport};

/// The accounts and regions of the files that were found, by their folders and names.
#[derive(Debug, Default)]
pub(super) struct Origins {
    /// True if they are collected.
    is_on: bool,
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    n_files: u64,
    n_outside: u64,
}

impl Origins {
    /// Returns an empty collection. A run over all accounts and regions needs none.
    pub(super) fn new(scan: &ScanConfig) -> Self {
        Self {
            is_on: !scan.wanted.accounts.is_empty() || !scan.wanted.regions.is_empty(),
            ..Self::default()
        }
    }

    fn add(&mut self, source: &Source) {
        let origin = Origin::by_folder_or_name(&source.path);
        match origin.account.zip(origin.region) {
            None => self.n_outside += 1,
            Some((account, region)) => {
                self.n_files += 1;
                for (all, one) in [(&mut self.accounts, account), (&mut self.regions, region)] {
                    if !all.contains(&one) {
                        all.insert(one);
                    }
                }
            }
        }
    }

    /// Reports each account and region that was asked for and that no file is of.
    pub(super) fn report(
        &self,
        config: &HuntConfig,
        report: &mut PassReport,
        notify: &mut dyn FnMut(Notice<'_>),
    ) {
        let is_part =
            |root: &Root| matches!(root, Root::Manifest(manifest) if manifest.shard.is_some());
        let roots = &config.scan.roots;
        if self.n_files == 0 || self.n_outside > 0 || roots.iter().any(is_part) {
            return;
        }
        let names = roots.iter().map(Root::name).collect::<Vec<_>>().join(", ");
        let wanted = &config.scan.wanted;
        for (kind, wanted, seen) in [
            ("account", &wanted.accounts, &self.accounts),
            ("region", &wanted.regions, &self.regions),
        ] {
            for one in wanted.difference(seen) {
                let message = format!(
                    "no file is of {kind} {one}, by the folders and names of what was found: {} of {}",
                    files(self.n_files),
                    some(seen)
                );
                let defect = Defect::new(Code::SelectionNotFound, message);
                let diagnostic = Diagnostic::new(&names, defect);
                notify(Notice::Diagnostic(&diagnostic));
                report.add_diagnostic(diagnostic);
            }
        }
    }
}

/// Maximum number of names in a message.
const NAMES_MAX: usize = 10;

fn files(n: u64) -> String {
    match n {
        1 => "1 file".to_owned(),
        n => format!("{n} files"),
    }
}

fn some(names: &BTreeSet<String>) -> String {
    let shown = names.iter().take(NAMES_MAX).map(String::as_str);
    let mut shown: Vec<&str> = shown.collect();
    let more = format!("{} more", names.len().saturating_sub(NAMES_MAX));
    if names.len() > NAMES_MAX {
        shown.push(&more);
    }
    shown.join(", ")
}

/// The gate of a hunt, which also notes where each source that is found is from.
pub(super) struct NotingGate<'a> {
    pub(super) gate: LedgerGate<'a>,
    pub(super) origins: &'a mut Origins,
}

impl Gate for NotingGate<'_> {
    type Ticket = Reached;

    fn admit(&mut self, source: &Source) -> Result<Admission<Reached>, Error> {
        if self.origins.is_on {
            self.origins.add(source);
        }
        self.gate.admit(source)
    }

    fn missing(&mut self) -> Result<Vec<std::path::PathBuf>, Error> {
        self.gate.missing()
    }
}
