//! Capabilities that a program can be built without.

/// A Cargo feature that something needs and that this program was built without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this trailsift was built without the feature \"{0}\"")]
pub struct MissingFeature(pub &'static str);
