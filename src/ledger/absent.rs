//! The place of `sqlite` in a program that was built without it: no ledger can be opened.
//!
//! Nobody can have a [`Ledger`]. So nothing here can ever run, except the functions that open one.
#![expect(
    missing_docs,
    reason = "the methods are documented where they can be used, in `sqlite`"
)]

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use super::{
    Done, Identity, Joined, JoinedRule, Kept, LedgerError, NewlyTold, SourceStatus, SourceVersion,
    Summary, ToKeep, Waiting,
};
use crate::error::MissingFeature;
use crate::output::{Alert, Written};
use crate::report::Diagnostic;

/// The feature that is missing.
const LEDGER: MissingFeature = MissingFeature("ledger");

#[derive(Debug)]
pub struct Ledger(Infallible);

impl Ledger {
    /// Refuses to open a ledger.
    ///
    /// # Errors
    ///
    /// Always returns the missing feature.
    pub fn open(_: &Path, _: &Identity) -> Result<Self, LedgerError> {
        Err(LEDGER.into())
    }

    /// Refuses to open a ledger.
    ///
    /// # Errors
    ///
    /// Always returns the missing feature.
    pub fn open_to_read(_: &Path) -> Result<Self, LedgerError> {
        Err(LEDGER.into())
    }

    pub fn path(&self) -> &Path {
        match self.0 {}
    }

    pub fn known(&self, _: &SourceVersion) -> Result<SourceStatus, LedgerError> {
        match self.0 {}
    }

    pub fn add_alert(&self, _: &Alert) -> Result<i64, LedgerError> {
        match self.0 {}
    }

    pub fn add(&self, _: &Done<'_>) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn commit(&self) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn add_events(&self, _: u64) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn has_events(&self) -> Result<bool, LedgerError> {
        match self.0 {}
    }

    pub fn intent(&self) -> Result<Vec<Written>, LedgerError> {
        match self.0 {}
    }

    pub fn outputs(&self) -> Result<Vec<Written>, LedgerError> {
        match self.0 {}
    }

    pub fn intend(&self, _: &[Written]) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn delivered(&self) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn not_delivered(&self) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn summary(&self) -> Result<Summary, LedgerError> {
        match self.0 {}
    }

    pub fn each_failure(
        &self,
        _: &mut dyn FnMut(Vec<u8>, Vec<Diagnostic>),
    ) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn forget(&self, _: &[u8]) -> Result<bool, LedgerError> {
        match self.0 {}
    }

    pub fn unread(&self) -> Result<Vec<Vec<u8>>, LedgerError> {
        match self.0 {}
    }

    pub fn is_delivered(&self, _: &Alert) -> Result<bool, LedgerError> {
        match self.0 {}
    }

    pub fn waiting(&self, _: i64) -> Result<Waiting, LedgerError> {
        match self.0 {}
    }

    pub fn alerts(&self, _: i64, _: i64) -> Result<Vec<(i64, Alert)>, LedgerError> {
        match self.0 {}
    }

    pub fn all_waiting(&self) -> Result<Vec<i64>, LedgerError> {
        match self.0 {}
    }

    pub fn join(&self, _: &[JoinedRule]) -> Result<Joined, LedgerError> {
        match self.0 {}
    }

    pub fn keep(&self, _: &[ToKeep], _: Option<&[u8]>) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn end_kept(&self) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn kept(&self, _: i64) -> Result<Vec<Kept>, LedgerError> {
        match self.0 {}
    }

    pub fn decided(&self) -> Result<(i64, Option<i64>), LedgerError> {
        match self.0 {}
    }

    pub fn kept_row(&self, _: i64) -> Result<Option<Vec<u8>>, LedgerError> {
        match self.0 {}
    }

    pub fn told(&self, _: i64, _: &[u8; 16], _: i64) -> Result<Option<String>, LedgerError> {
        match self.0 {}
    }

    pub fn tell(&self, _: &NewlyTold<'_>) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn spend(&self, _: i64) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn decide(&self, _: Option<i64>, _: &[(i64, Option<i64>)]) -> Result<(), LedgerError> {
        match self.0 {}
    }

    pub fn sightings(&self, _: bool) -> Result<HashMap<[u8; 16], u32>, LedgerError> {
        match self.0 {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opening_a_ledger_names_the_missing_feature_and_makes_no_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let said = r#"this trailsift was built without the feature "ledger""#;
        let opened = Ledger::open(&path, &Identity::default());
        assert_eq!(opened.unwrap_err().to_string(), said);
        assert_eq!(Ledger::open_to_read(&path).unwrap_err().to_string(), said);
        assert!(!path.try_exists().unwrap());
    }
}
