//! Signs in a record that two records ran into each other: its action, its outcome or its request may be those of the
//! other one.

/// A sign that two records ran into each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seam {
    /// A field occurs twice in it.
    FieldTwice,
    /// A text in it has an escape that JSON does not have.
    Escape,
    /// It is in the request of an object that is no record.
    InRequest,
    /// After its end the text goes on with a member of an object.
    GoesOn,
    /// Its request is a text that begins as JSON, and cannot be read.
    RequestText,
}

impl Seam {
    /// Returns what shows it, as the end of a sentence.
    pub(super) fn shown(self) -> &'static str {
        match self {
            Self::FieldTwice => "it has a field twice",
            Self::Escape => "a text in it has an escape that JSON does not have",
            Self::InRequest => "it is in the request of an object that is no record",
            Self::GoesOn => "the text goes on after its end as if it had not ended",
            Self::RequestText => "the text of its request cannot be read",
        }
    }
}
