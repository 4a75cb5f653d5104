//! What is wrong with the input, and where.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// How much a diagnostic weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Nothing is wrong; something about the file is worth knowing.
    Info,
    /// Everything was read and decided; something about it is worth knowing.
    Warning,
    /// Something was not read, or a candidate was not decided: the hunt is not complete.
    Error,
}

/// What kind of defect it is: the stable word of `diagnostics[].code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Code {
    /// A file or directory could not be opened or read.
    Unreadable,
    /// A pipe, socket or device inside a directory: not opened, since reading it could block for ever.
    NotAFile,
    /// The content is a container or encoding that is not read.
    UnsupportedFormat,
    /// The content is encrypted.
    Encrypted,
    /// Containers lie in one another deeper than is looked into.
    NestedTooDeep,
    /// More text came out of the file than was allowed; its rest was not read.
    DecodedLimit,
    /// A compressed stream ends before its end.
    Truncated,
    /// A checksum or length in a compressed stream does not fit what was decoded.
    Checksum,
    /// A compressed stream holds something its format does not allow.
    CorruptStream,
    /// Bytes after the end of a compressed stream that are neither padding nor a further stream.
    TrailingBytes,
    /// A candidate is not valid JSON.
    InvalidJson,
    /// A candidate is cut off: its document ends inside it.
    RecordCut,
    /// A candidate is larger than the largest record that is held in memory.
    RecordTooLarge,
    /// The needle is in the text, but no record that holds it came out.
    NeedleWithoutRecord,
    /// A note, written by somebody for somebody, names the policy, and no event.
    MentionOnly,
    /// An event has the rule's action, is no failure and names the policy, but not in the field that the rule reads:
    /// whether it is an alert cannot be decided.
    Undecided,
    /// A row of a text table that may match does not fit its header: it cannot be decided.
    InvalidRow,
    /// The run read no CloudTrail event at all.
    NoEvents,
    /// A candidate holds bytes that are not UTF-8; it was judged with U+FFFD in their place.
    InvalidUtf8,
    /// A candidate names a field more than once; every reading of it was judged.
    DuplicateKeys,
    /// A candidate is no strict JSON (comments, trailing commas, raw control characters, half a surrogate
    /// pair); it was judged as what it means.
    LenientJson,
    /// An alert's time cannot be read; its `event_time` is null.
    EventTimeUnreadable,
    /// A gzip file has more than one member. CloudTrail delivers files with one: this one was packed again,
    /// or data was added to it.
    GzipMembers,
    /// The content is of a kind that holds no logs, such as a picture; it was searched as it is.
    NotText,
    /// The content, or what comes from a place on, is neither text nor of any kind that is known: damaged,
    /// encrypted, or of a kind that is not read. It was searched as it is.
    UnknownContent,
    /// Behind a text something of another kind is stored, which was read by itself.
    Appended,
    /// UTF-16 and UTF-8 stand in one text, or a byte is missing or too much between two units; it was read as what
    /// it is from place to place.
    MixedEncodings,
    /// The columns of a table are none that CloudTrail is known in; all of them were searched.
    UnknownColumns,
    /// The text is UTF-16; offsets count the bytes of the same text as UTF-8.
    Utf16,
    /// The program failed on this source; the run went on with the next.
    Panic,
}

impl Code {
    /// Its stable word, in snake case.
    #[must_use]
    pub fn name(self) -> String {
        match serde_json::to_value(self) {
            Ok(serde_json::Value::String(name)) => name,
            _ => unreachable!("a unit variant is a string"),
        }
    }

    /// Whether this defect leaves something unread or undecided.
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
            | Self::EventTimeUnreadable => Severity::Warning,
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

/// What the offset of a defect counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Space {
    /// Bytes of the file as it is stored.
    Stored,
    /// Bytes of the decompressed text.
    Text,
    /// Rows of a table.
    Row,
}

/// A log inside a source that is an archive.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    /// How many entries came before it in its archive, with those of the archives round it before that: what
    /// orders what is told of them.
    pub index: Vec<u64>,
    /// Its path inside the source; the paths of archives in archives are joined by `!`.
    pub path: String,
}

/// One thing that is wrong with the input, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Defect {
    /// What kind it is.
    pub code: Code,
    /// The log inside the source that it is in; nothing if it is in the source itself.
    pub member: Option<Arc<Member>>,
    /// Where it starts, if it has a place.
    pub offset: Option<(Space, u64)>,
    /// In words: lower case, no final full stop.
    pub message: String,
}

impl Defect {
    /// A defect with no place inside its source.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: None,
            message: message.into(),
        }
    }

    /// A defect at a byte of the stored file.
    pub fn stored(code: Code, offset: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: Some((Space::Stored, offset)),
            message: message.into(),
        }
    }

    /// A defect at a row of a table.
    pub fn row(code: Code, row: u64, message: impl Into<String>) -> Self {
        Self {
            code,
            member: None,
            offset: Some((Space::Row, row)),
            message: message.into(),
        }
    }

    /// A defect at a byte of the decompressed text.
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
    /// What is worth knowing of a log of so many members of gzip, if it is.
    #[must_use]
    pub fn gzip_members(n_members: u64) -> Option<Self> {
        let message =
            format!("gzip file has {n_members} members; CloudTrail delivers files with one");
        (n_members > 1).then(|| Self::new(Code::GzipMembers, message))
    }

    /// The same in this member, unless it is known to be in one.
    #[must_use]
    pub fn within(mut self, member: Option<&Arc<Member>>) -> Self {
        self.member = self.member.or_else(|| member.cloned());
        self
    }

    /// The same in a text before which another one of `n_bytes` is put.
    #[must_use]
    pub fn shifted_by(mut self, n_bytes: u64) -> Self {
        if let Some((Space::Text, offset)) = &mut self.offset {
            *offset += n_bytes;
        }
        self
    }
}

/// A [`Defect`] and the source it was met in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diagnostic {
    /// `error` where something was not read or not decided, else `warning`.
    pub severity: Severity,
    /// The stable word for its kind.
    pub code: Code,
    /// The path, as it was reached from the root that was typed.
    pub source: String,
    /// The log inside the source, where the source is an archive.
    pub member: Option<String>,
    /// Where it starts.
    pub offset: Option<u64>,
    /// What `offset` counts.
    pub offset_in: Option<Space>,
    /// In words.
    pub message: String,
}

impl Diagnostic {
    /// Places a defect in its source.
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
            write!(f, "@{offset}")?;
        }
        write!(f, ": {}", self.message)
    }
}
