//! The reasons why the page of a case cannot be made.

use super::MissingFeature;

/// An error that prevents the page of a case.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// The program was built without pages.
    #[error(transparent)]
    Missing(#[from] MissingFeature),
    /// The template's error.
    #[cfg(feature = "page")]
    #[error(transparent)]
    Template(#[from] askama::Error),
}
