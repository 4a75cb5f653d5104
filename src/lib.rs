//! trailsift hunts through archives of AWS CloudTrail logs for AWS quarantining a compromised key: the
//! attachment of its policy `AWSCompromisedKeyQuarantine` to an IAM user, by Elastic's prebuilt rule.
//!
//! The modules stand in the order in which the data meets them:
//!
//! ```text
//!  input                                scan                               event     rule      output
//!  discover ▶ open ▶ decompress ──▶ prefilter ▶ frame ▶ parse ▶ envelope ──▶ ECS ──▶ EQL ──▶ alert ▶ file
//!  files      bytes   text              hits      units   values  records     view    yes/no   row
//! ```
//!
//! [`pipeline::run`] is the whole way. What a record means is told by `event` and `rule`; everything before
//! them only makes sure that no record that could match is passed over, and that nothing which could not be
//! read goes unsaid ([`report`]). The command line is no part of the library.
//!
//! The stages' own interfaces are public for tests and benches, and may change before 1.0.
//!
//! ```
//! use std::sync::Arc;
//! use trailsift::config::HuntConfig;
//! use trailsift::input::Root;
//! use trailsift::input::layout::Wanted;
//! use trailsift::output::{Destination, Format, Schema};
//! use trailsift::rule::Rule;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let logs = folder.path().join("logs");
//! # std::fs::create_dir(&logs).unwrap();
//! # let log = r#"{"Records":[{"eventVersion":"1.11","eventTime":"2026-01-01T00:00:00Z","eventName":"ListUsers"}]}"#;
//! # std::fs::write(logs.join("log.json"), log).unwrap();
//! # let alerts = folder.path().join("alerts.parquet");
//! let config = HuntConfig {
//!     run_id: trailsift::config::random_run_id(),
//!     roots: vec![Root::Path(logs)],
//!     followed: None,
//!     destination: Destination::File(alerts),
//!     format: Format::Parquet,
//!     schema: Schema::Flat,
//!     rule: Arc::new(Rule::quarantine()),
//!     n_threads: 2,
//!     map_from_bytes: Some(trailsift::input::open::MAP_BYTES),
//!     block_bytes: trailsift::input::blocks::BLOCK_BYTES,
//!     max_decoded_bytes: None,
//!     related: None,
//!     wanted: Wanted::default(),
//!     allows_no_events: false,
//!     names: trailsift::input::names::Names::default(),
//!     follows_links: false,
//!     own_files: Vec::new(),
//!     own_uris: Vec::new(),
//!     state: None,
//!     stores: Arc::default(),
//!     progress: Arc::default(),
//! };
//! let report = trailsift::pipeline::run(&config, &mut |_notice| ())?;
//! assert!(report.complete && report.alerts == 0, "{report:?}");
//! # Ok::<(), trailsift::Error>(())
//! ```

pub mod config;
pub mod pipeline;
mod worker;
mod binary;
pub mod store;
pub mod input;
pub mod scan;
pub mod event;
pub mod rule;
pub mod follow;
pub mod output;
pub mod ledger;
pub mod case;
pub mod report;
pub mod error;
pub mod synth;

pub use error::Error;
