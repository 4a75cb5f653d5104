//! The place of `page` in a program that was built without it: no page can be made.

use jiff::tz::TimeZone;

use super::Case;
use crate::error::{MissingFeature, PageError};

/// The feature that is missing.
const PAGE: MissingFeature = MissingFeature("page");

/// Text by which reports are recognized: this program makes none, and recognizes none.
pub const MARKS: [&str; 0] = [];

/// Refuses to render the page.
///
/// # Errors
///
/// Always returns the missing feature.
pub fn render(_: &Case, _: Option<&TimeZone>, _: usize) -> Result<String, PageError> {
    Err(PAGE.into())
}

/// Refuses to render the same in Markdown.
///
/// # Errors
///
/// Always returns the missing feature.
pub fn markdown(_: &Case, _: Option<&TimeZone>) -> Result<String, PageError> {
    Err(PAGE.into())
}
