//! Defects of the input, and their places.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The severity of a diagnostic.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong; note something about the file.
    Info,
    /// Everything was read and decided; note something about it.
    Warning,
    /// Something was not read, or a candidate was not decided: the hunt is not complete.
    Error,
}

/// The kind of a defect: the stable word in `diagnostics[].code`.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// A file or directory could not be opened or read.
    Unreadable,
    /// A pipe, socket or device inside a directory. It is not opened, because reading it could block forever.
    NotAFile,
    /// The content is a container or encoding that is not supported.
    UnsupportedFormat,
    /// The content is encrypted.
    Encrypted,
    /// Containers are nested deeper than the limit.
    NestedTooDeep,
    /// The text from the file is larger than the limit; the rest of the file was not read.
    DecodedLimit,
    /// A compressed stream is cut off before its end.
    Truncated,
    /// A checksum or length in a compressed stream does not match the decoded data.
    Checksum,
    /// A compressed stream contains something that its format does not allow.
    CorruptStream,
    /// The end of a compressed stream is followed by bytes that are neither padding nor another stream.
    TrailingBytes,
    /// A candidate is not valid JSON.
    InvalidJson,
    /// A candidate is cut off: its document ends inside it.
    RecordCut,
    /// A candidate is larger than the largest record that is kept in memory.
    RecordTooLarge,
    /// The search term is in the text, but no record that contains it was found.
    NeedleWithoutRecord,
    /// A note that a person wrote names the policy, but it is not an event.
    MentionOnly,
    /// An event has the rule's action, did not fail and names the policy, but not in the field that the rule reads.
    /// Whether it is an alert cannot be decided.
    Undecided,
    /// A row of a text table that may match does not fit its header, so it cannot be decided.
    InvalidRow,
    /// The run read no CloudTrail event at all.
    NoEvents,
    /// No file is of an account or a region that the run asks for, by the folders and names of the files.
    SelectionNotFound,
    /// A candidate contains bytes that are not UTF-8; it was judged with U+FFFD in their place.
    InvalidUtf8,
    /// A candidate contains a field more than once; every reading of it was judged.
    DuplicateKeys,
    /// A candidate is not strict JSON (comments, trailing commas, raw control characters, half a surrogate pair); it
    /// was judged by its evident meaning.
    LenientJson,
    /// An alert's time cannot be parsed; its `event_time` is null.
    EventTimeUnreadable,
    /// A gzip file has more than one member. CloudTrail delivers files with one: this file was compressed again, or
    /// data was added to it.
    GzipMembers,
    /// The content is of a type that contains no logs, such as a picture; it was searched as plain bytes.
    NotText,
    /// The content, or its rest from some place on, is neither text nor of a known type: it is damaged, encrypted, or
    /// of an unsupported type. It was searched as plain bytes.
    UnknownContent,
    /// A text is followed by data of another type, which was read separately.
    Appended,
    /// A text contains both UTF-16 and UTF-8, or has a missing or an extra byte between two units. Each part was read
    /// in its own encoding.
    MixedEncodings,
    /// The columns of a table do not match any known form of CloudTrail; all of them were searched.
    UnknownColumns,
    /// The text is UTF-16; offsets count the bytes of the same text in UTF-8.
    Utf16,
    /// Events came later than a ledger keeps for rules over several events what they need.
    EventsTooLate,
    /// The rules over several events are not those of earlier runs with the same ledger.
    RulesChanged,
    /// The program failed on this source; the run continued with the next source.
    Panic,
}

impl Code {
    /// Returns its stable word, in snake case.
    #[must_use]
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => unreachable!("a unit variant is a string"),
        }
    }

    /// Returns the severity, which says whether this defect leaves something unread or undecided.
    #[must_use]
    pub fn severity(self) -> Severity {
        match self {
            Self::GzipMembers | Self::Utf16 => Severity::Info,
            Self::InvalidUtf8
            | Self::DuplicateKeys
            | Self::LenientJson
            | Self::NotText
            | Self::Appended
            | Self::MixedEncodings
            | Self::UnknownColumns
            | Self::MentionOnly
            | Self::SelectionNotFound
            | Self::EventTimeUnreadable
            | Self::EventsTooLate
            | Self::RulesChanged => Severity::Warning,
            Self::Unreadable
            | Self::NotAFile
            | Self::UnsupportedFormat
            | Self::UnknownContent
            | Self::Encrypted
            | Self::NestedTooDeep
            | Self::DecodedLimit
            | Self::Truncated
            | Self::Checksum
            | Self::CorruptStream
            | Self::TrailingBytes
            | Self::InvalidJson
            | Self::RecordCut
            | Self::RecordTooLarge
            | Self::NeedleWithoutRecord
            | Self::Undecided
            | Self::InvalidRow
            | Self::NoEvents
            | Self::Panic => Severity::Error,
        }
    }
}

/// The unit that the offset of a defect counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Bytes of the stored file.
    Stored,
    /// Bytes of the decompressed text.
    Text,
    /// Rows of a table.
    Row,
}

/// A log inside a source that is an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// The number of entries before it in its archive, after the same numbers for the archives that contain it. It
    /// determines the order of what is reported of members.
    pub index: Vec<u64>,
    /// Its path inside the source; paths of nested archives are joined by `!`.
    pub path: String,
}

/// One defect of the input, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// The kind of the defect.
    pub code: Code,
    /// The log inside the source that contains the defect; nothing if the defect is in the source itself.
    pub member: Option<Arc<Member>>,
    /// The start of the defect, if it has a place.
    pub offset: Option<(Space, u64)>,
    /// The message: lower case, without a full stop at the end.
    pub message: String,
}

impl Defect {
    /// Creates a defect that has no place inside its source.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: None,
            message: message.into(),
        }
    }

    /// Creates a defect at a byte of the stored file.
    pub fn stored(code: Code, offset: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: Some((Space::Stored, offset)),
            message: message.into(),
        }
    }

    /// Creates a defect at a row of a table.
    pub fn row(code: Code, row: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: Some((Space::Row, row)),
            message: message.into(),
        }
    }

    /// Creates a defect at a byte of the decompressed text.
    pub fn text(code: Code, offset: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: Some((Space::Text, offset)),
            message: message.into(),
        }
    }
}

impl Defect {
    /// Creates the note about a log with this number of gzip members, if one is needed.
    #[must_use]
    pub fn gzip_members(n_members: u64) -> Option<Self> {
        let message =
            format!("gzip file has {n_members} members; CloudTrail delivers files with one");
        (n_members > 1).then(|| Self::new(Code::GzipMembers, message))
    }

    /// Returns the same defect in this member, unless it already has a member.
    #[must_use]
    pub fn within(mut self, member: Option<&Arc<Member>>) -> Self {
        self.member = self.member.or_else(|| member.cloned());
        self
    }

    /// Returns the same defect in a text that another text of `n_bytes` is put before.
    #[must_use]
    pub fn shifted_by(mut self, n_bytes: u64) -> Self {
        if let Some((Space::Text, offset)) = &mut self.offset {
            *offset += n_bytes;
        }
        self
    }
}

/// A defect and the source that contains it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Diagnostic {
    /// `error` if something was not read or not decided, otherwise `warning`.
    pub severity: Severity,
    /// The stable word for its kind.
    pub code: Code,
    /// The path, as reached from the root in the command line.
    pub source: String,
    /// The log inside the source, if the source is an archive.
    pub member: Option<String>,
    /// The start of the defect.
    pub offset: Option<u64>,
    /// The unit of `offset`.
    pub offset_in: Option<Space>,
    /// The message.
    pub message: String,
}

impl Diagnostic {
    /// Adds the source to a defect.
    #[must_use]
    pub fn new(source: &str, defect: Defect) -> Self {
        let Defect {
            code,
            member,
            offset,
            message,
        } = defect;
        Self {
            severity: code.severity(),
            code,
            source: source.to_owned(),
            member: member.map(|member| member.path.clone()),
            offset: offset.map(|(_, bytes)| bytes),
            offset_in: offset.map(|(space, _)| space),
            message,
        }
    }
}

impl std::fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.source)?;
        if let Some(member) = &self.member {
            write!(f, "!{member}")?;
        }
        if let Some(offset) = self.offset {
            match self.offset_in {
                Some(Space::Text) => write!(f, "@{offset} of the text")?,
                Some(Space::Row) => write!(f, "@row {offset}")?,
                Some(Space::Stored) | None => write!(f, "@{offset}")?,
            }
        }
        write!(f, ": {}", self.message)
    }
}
