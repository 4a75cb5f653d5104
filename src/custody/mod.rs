//! Custody: what AWS's digest files prove about an archive.
//!
//! In: a pass over an archive, AWS's public keys, and signatures that were copied beside the archive. Out: a verdict
//! for each digest file and each log, the gaps in the chains of digests, and findings.
//!
//! CloudTrail writes an hourly digest file that names each log it delivered, with the SHA-256 of the log's text. Each
//! digest also has the hash and the signature of the digest before it. The signature of the newest one is only in the
//! metadata of its object.
//!
//! ```text
//! text ─▶ Local (hash, parse digests, open signatures) ─▶ Collection ─▶ chains ─▶ verdict ─▶ report, table
//! ```
//!
//! Files are matched by the last part of their names, and then by their content. So the layout does not matter. Nothing
//! is fetched: keys and signatures are files.

mod analyzer;
mod chains;
mod collection;
mod digest;
mod files;
pub mod keys;
mod name;
mod report;
mod rows;
mod rsa;
pub mod signatures;
mod table;
mod verdict;

pub(crate) use analyzer::place_of;
pub use analyzer::{EvidenceAnalyzer, Seen};
pub(crate) use chains::time_text;
pub use chains::{Chains, Gap, Origin};
pub use collection::Collection;
pub use files::{read_keys, read_signatures};
pub use name::LogKey;
pub(crate) use name::{NameKey, is_delivered, log_name};
pub use report::Verdicts;
pub use rows::marked_logs;
pub use table::write_table;
pub use verdict::{MissingLog, judge, missing_logs};

pub use crate::report::evidence::{
    Counts, DigestStatus, Finding, FindingCode, LogStatus, Needed, Why,
};
