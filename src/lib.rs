//! trailsift searches archives of AWS CloudTrail logs for compromised keys that AWS has quarantined: it looks for the
//! attachment of the policy `AWSCompromisedKeyQuarantine` to an IAM user, as defined by Elastic's prebuilt rule.
//!
//! The modules are in the order in which the data passes through them:
//!
//! ```text
//!  input                                scan                               event     rule      output
//!  discover ▶ open ▶ decompress ──▶ prefilter ▶ frame ▶ parse ▶ envelope ──▶ ECS ──▶ EQL ──▶ alert ▶ file
//!  files      bytes   text              hits      units   values  records     view    yes/no   row
//! ```
//!
//! [`engine::run`] makes one pass over an archive, for any [`engine::Analyzer`]. [`hunt::run`] is a complete hunt,
//! with its outputs and its ledger. Only `event` and `rule` decide what a record means. The stages before them make
//! sure that no record that could match is missed, and that everything that could not be read is reported
//! ([`report`]). The command line is not part of the library.
//!
//! The interfaces of the stages are public for tests and benches. They may change before 1.0.
//!
//! ```
//! use trailsift::config::{HuntConfig, ScanConfig};
//! use trailsift::input::Root;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let logs = folder.path().join("logs");
//! # std::fs::create_dir(&logs).unwrap();
//! # let log = r#"{"Records":[{"eventVersion":"1.11","eventTime":"2026-01-01T00:00:00Z","eventName":"ListUsers"}]}"#;
//! # std::fs::write(logs.join("log.json"), log).unwrap();
//! let scan = ScanConfig { roots: vec![Root::Path(logs)], ..ScanConfig::default() };
//! let config = HuntConfig { scan, ..HuntConfig::default() };
//! let report = trailsift::hunt::run(&config, &mut |_notice| ())?;
//! assert!(report.complete && report.alerts == 0, "{report:?}");
//! # Ok::<(), trailsift::Error>(())
//! ```
//!
//! Your own sink takes the alerts one by one. It ends the pass with an error when it has enough:
//!
//! ```
//! use trailsift::config::{HuntConfig, ScanConfig};
//! use trailsift::engine::{ReadAll, run};
//! use trailsift::{Error, hunt, input::Root};
//!
//! let scan = ScanConfig { roots: vec![Root::Path("data/trail".into())], ..ScanConfig::default() };
//! let config = HuntConfig { scan, ..HuntConfig::default() };
//! let mut alerts = Vec::new();
//! let mut sink = |finding| {
//!     if let hunt::Finding::Alert(alert) = finding {
//!         alerts.push(alert);
//!     }
//!     if alerts.len() < 3 { Ok(()) } else { Err(Error::Interrupted) }
//! };
//! let stopped = run(&config.scan, ReadAll, &hunt::HuntAnalyzer::new(&config), &mut sink);
//! assert!(matches!(stopped, Err(Error::Interrupted)) && alerts.len() == 3);
//! ```

pub mod config;
pub mod engine;
mod binary;
mod steps;
pub mod store;
pub mod input;
pub mod scan;
pub mod event;
pub mod rule;
pub mod rule_files;
pub mod over_time;
pub mod follow;
pub mod output;
pub mod ledger;
pub mod custody;
pub mod coverage;
pub mod hunt;
pub mod case;
pub mod report;
pub mod error;
pub mod synth;

pub use error::Error;
