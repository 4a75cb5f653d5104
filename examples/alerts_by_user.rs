//! Hunts through the paths of the command line with a sink of its own, and prints how often each user was quarantined:
//!
//! ```text
//! cargo run --example alerts_by_user -- data/trail
//! ```
//!
//! No file is written. The sink gets the alerts in the order of the archive, and may end the run with an error.

use std::collections::BTreeMap;
use std::io::Write as _;

use trailsift::config::{HuntConfig, ScanConfig};
use trailsift::engine::{self, ReadAll, Sink};
use trailsift::hunt::{Finding, HuntAnalyzer};
use trailsift::input::Root;
use trailsift::output::Column;
use trailsift::report::Diagnostic;

/// Counts alerts by account and user.
#[derive(Default)]
struct Users {
    alerts: BTreeMap<(String, String), u64>,
    /// Everything that could not be read or decided.
    messages: Vec<String>,
}

impl Sink<Finding> for Users {
    fn take(&mut self, output: Finding) -> Result<(), trailsift::Error> {
        // The other findings are related events and their counts.
        if let Finding::Alert(alert) = output {
            let text = |column| alert.text(column).unwrap_or("-").to_owned();
            let user = (text(Column::AccountId), text(Column::TargetUserName));
            *self.alerts.entry(user).or_default() += 1;
        }
        Ok(())
    }

    fn diagnostic(&mut self, diagnostic: &Diagnostic) {
        self.messages.push(diagnostic.to_string());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let roots = std::env::args_os().skip(1);
    let config = HuntConfig {
        scan: ScanConfig {
            roots: roots.map(|path| Root::Path(path.into())).collect(),
            ..ScanConfig::default()
        },
        ..HuntConfig::default()
    };
    let mut users = Users::default();
    let analyzer = HuntAnalyzer::new(&config);
    let report = engine::run(&config.scan, ReadAll, &analyzer, &mut users)?;

    let mut out = std::io::stdout().lock();
    for ((account, user), n_alerts) in &users.alerts {
        writeln!(out, "{account} {user} {n_alerts}")?;
    }
    writeln!(out, "{} events read", report.stats.events_read)?;
    for message in &users.messages {
        writeln!(std::io::stderr(), "{message}")?;
    }
    // Without this, an incomplete run would look like one that found nothing.
    if !report.complete || report.stats.events_read == 0 {
        return Err("not everything was read".into());
    }
    Ok(())
}
