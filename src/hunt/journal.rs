//! The ledger's part in a hunt: the choice of the sources that are read ([`LedgerGate`]), their results ([`Journal`]),
//! and the older outputs that must stay ([`Held`]).

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::config::HuntConfig;
use crate::engine::{Admission, Gate, TICK};
use crate::error::Error;
use crate::input::Source;
use crate::input::source::SourceKind;
use crate::input::source::identity as identity_of;
use crate::ledger::{
    Done, Identity, Ledger, LedgerError, RuleIdentity, SourceStatus, SourceVersion, Waiting,
};
use crate::output::target::{is_there, remove};
use crate::output::{Alert, Column, Written};
use crate::report::{Diagnostic, Outcome, RelatedCounts};
use crate::rule::{PackRule, RuleSet};

/// Opens the requested ledger, and completes the work of a run that was interrupted.
pub(super) fn open(config: &HuntConfig) -> Result<Option<Ledger>, Error> {
    let Some(path) = &config.state else {
        return Ok(None);
    };
    let failed = failed(path);
    let ledger = Ledger::open(path, &identity(config)).map_err(failed)?;
    let intent = ledger.intent().map_err(failed)?;
    if !intent.is_empty() {
        let mut are_there = true;
        for file in &intent {
            are_there &= is_there(file, &config.scan.stores)?;
        }
        let end = if are_there {
            ledger.delivered()
        } else {
            // Its rows will be written again.
            for file in &intent {
                remove(file, &config.scan.stores)?;
            }
            ledger.not_delivered()
        };
        end.map_err(failed)?;
    }
    Ok(Some(ledger))
}

/// Outputs of earlier runs with the same ledger that have rows. These rows are in no other place, so the outputs are
/// not replaced.
#[derive(Default)]
pub(super) struct Held<'a> {
    files: Vec<Written>,
    config: Option<&'a HuntConfig>,
}

impl<'a> Held<'a> {
    pub(super) fn new(config: &'a HuntConfig, ledger: Option<&Ledger>) -> Result<Self, Error> {
        let Some(ledger) = ledger else {
            return Ok(Self::default());
        };
        let mut files = ledger.outputs().map_err(failed(ledger.path()))?;
        files.retain(|file| file.n_rows > 0);
        Ok(Self {
            files,
            config: Some(config),
        })
    }

    /// Returns true if the file of this name is one of them and unchanged.
    pub(super) fn holds(&self, place: Option<&str>) -> Result<bool, Error> {
        let (Some(place), Some(config)) = (place, self.config) else {
            return Ok(false);
        };
        for file in &self.files {
            if is_same_file(&file.place, place) && is_there(file, &config.scan.stores)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns an error if writing a file would replace one of them.
    pub(super) fn refuse(&self, written: &Written) -> Result<(), Error> {
        match self.holds(Some(&written.place))? {
            true => Err(Error::OutputTaken {
                path: PathBuf::from(&written.place),
            }),
            false => Ok(()),
        }
    }
}

/// Returns true if two names refer to the same file, whatever their paths.
fn is_same_file(one: &str, other: &str) -> bool {
    let identity = |name: &str| std::fs::metadata(name).ok().map(|m| identity_of(&m));
    one == other || identity(one).is_some_and(|one| Some(one) == identity(other))
}

/// Adds the path of the ledger to an error.
pub(super) fn failed(path: &Path) -> impl Fn(LedgerError) -> Error + Copy {
    |source| Error::Ledger {
        path: path.to_owned(),
        source,
    }
}

fn identity(config: &HuntConfig) -> Identity {
    let rules = config.rules.iter();
    let exceptions = exceptions_of(&config.rules);
    let rules = rules.map(
        |(
            _,
            PackRule {
                pack, file, rule, ..
            },
        )| RuleIdentity {
            pack: pack.clone(),
            file: file.clone(),
            id: rule.metadata.rule_id.clone(),
            version: rule.metadata.version,
            query: rule.query_text().to_owned(),
        },
    );
    let wanted = &config.scan.wanted;
    Identity {
        rules: rules.collect(),
        exceptions,
        has_related: config.output.related.is_some(),
        has_events: config.output.events.is_some(),
        max_decoded_bytes: config.scan.max_decoded_bytes,
        since: wanted.since.map(|since| since.as_microsecond()),
        until: wanted.until,
        accounts: wanted.accounts.clone(),
        is_account_folders_only: wanted.is_account_folders_only,
        regions: wanted.regions.clone(),
        is_home_region_only: wanted.is_home_region_only,
        names: config.scan.names.words().map(str::to_owned),
    }
}

/// Returns the conditions of the exceptions, each with the rules that it is for.
fn exceptions_of(rules: &RuleSet) -> Vec<String> {
    let texts = rules.exceptions().map(|(exception, _)| {
        let own = rules.infos();
        let own = own.filter(|(_, one)| exception.is_for(one.metadata));
        let own: Vec<String> = own.map(|(_, one)| one.name().to_string()).collect();
        format!("{} for {}", exception.condition(), own.join(", "))
    });
    texts.collect()
}

/// The absolute paths of sources, which do not depend on the folder in which the run began.
#[derive(Debug, Default)]
struct Places {
    /// The root of the last source, as it was typed, and its absolute path. They are kept because making an absolute
    /// path costs a system call.
    root: Vec<u8>,
    absolute: PathBuf,
}

impl Places {
    /// Returns the source version for the ledger, or `None` for a source that can be read only once.
    fn seen(&mut self, source: &Source) -> Option<SourceVersion> {
        let (path, version) = match &source.kind {
            SourceKind::Object(object) => (source.path.clone(), object.meta().version()),
            SourceKind::File => {
                let times = [source.modified?, source.changed?];
                let version = times.map(i64::to_le_bytes).concat();
                (self.absolute(source)?, version)
            }
            SourceKind::Stream | SourceKind::Stdin => return None,
        };
        Some(SourceVersion {
            path: path.into_os_string().into_vec(),
            size: source.stored_bytes,
            version,
            earlier: None,
        })
    }

    fn absolute(&mut self, source: &Source) -> Option<PathBuf> {
        let (path, below_root) = (source.path.as_os_str(), source.below_root.as_os_str());
        let root = path.as_bytes().strip_suffix(below_root.as_bytes());
        let is_root =
            |root: &&[u8]| !below_root.is_empty() && (root.is_empty() || root.ends_with(b"/"));
        let Some(root) = root.filter(is_root) else {
            return std::path::absolute(path).ok();
        };
        if self.absolute.as_os_str().is_empty() || self.root != root {
            let typed = match root {
                [] => Path::new("."),
                _ => Path::new(OsStr::from_bytes(root)),
            };
            self.absolute = std::path::absolute(typed).ok()?;
            root.clone_into(&mut self.root);
        }
        Some(self.absolute.join(below_root))
    }
}

/// A source, and the path by which it was reached.
pub(super) type Reached = (PathBuf, SourceVersion);

/// Admits the sources that are not done according to the ledger.
pub(super) struct LedgerGate<'a> {
    ledger: Option<&'a Ledger>,
    places: Places,
    /// Sources that exist and that an earlier run could not read.
    unread_before: HashSet<Vec<u8>>,
    /// Sources that are done and were read in part only.
    known_partial: &'a mut BTreeSet<Vec<u8>>,
}

impl<'a> LedgerGate<'a> {
    /// Returns a gate that puts the paths of sources that are done and were read in part into `known_partial`.
    pub(super) fn new(
        ledger: Option<&'a Ledger>,
        known_partial: &'a mut BTreeSet<Vec<u8>>,
    ) -> Self {
        Self {
            ledger,
            places: Places::default(),
            unread_before: HashSet::new(),
            known_partial,
        }
    }
}

impl Gate for LedgerGate<'_> {
    type Ticket = Reached;

    fn admit(&mut self, source: &Source) -> Result<Admission<Reached>, Error> {
        let Some((ledger, mut seen)) = self.ledger.zip(self.places.seen(source)) else {
            return Ok(Admission::Read(None));
        };
        let known = ledger.known(&seen).map_err(failed(ledger.path()))?;
        Ok(match known {
            SourceStatus::ToRead(earlier) => {
                if earlier.is_some_and(|earlier| earlier.outcome == Outcome::Failed) {
                    self.unread_before.insert(seen.path.clone());
                }
                seen.earlier = earlier;
                Admission::Read(Some((source.path.clone(), seen)))
            }
            SourceStatus::Done(is_whole) => {
                if !is_whole {
                    self.known_partial.insert(seen.path);
                }
                Admission::Done { is_whole }
            }
            SourceStatus::Waiting(id, is_whole) => Admission::Replay { id, is_whole },
        })
    }

    /// Returns the sources that are unread according to the ledger and that the walk did not find again.
    fn missing(&mut self) -> Result<Vec<PathBuf>, Error> {
        let Some(ledger) = self.ledger else {
            return Ok(Vec::new());
        };
        let mut unread = ledger.unread().map_err(failed(ledger.path()))?;
        unread.retain(|path| !self.unread_before.contains(path));
        let paths = unread.into_iter().map(OsString::from_vec);
        Ok(paths.map(PathBuf::from).collect())
    }
}

/// The results of a turn, on their way into the ledger.
pub(super) struct Journal<'a> {
    ledger: &'a Ledger,
    /// The sources of the turn for which the ledger had another entry.
    changed: BTreeSet<Vec<u8>>,
    /// The alerts of each source that has alerts, by id: the first and the last.
    alerts: Vec<(Vec<u8>, i64, i64)>,
    told: Vec<(PathBuf, Outcome, Vec<Diagnostic>)>,
    /// The counts of the related events of each source of the turn that has any.
    related: BTreeMap<PathBuf, RelatedCounts>,
    committed: Instant,
    /// Number of events that were read since the last commit.
    n_events: u64,
}

impl<'a> Journal<'a> {
    pub(super) fn new(ledger: &'a Ledger) -> Self {
        Self {
            ledger,
            changed: BTreeSet::new(),
            alerts: Vec::new(),
            told: Vec::new(),
            related: BTreeMap::new(),
            committed: Instant::now(),
            n_events: 0,
        }
    }

    fn failed(&self) -> impl Fn(LedgerError) -> Error + Copy + use<'a> {
        failed(self.ledger.path())
    }

    /// Returns the ledger.
    pub(super) fn ledger(&self) -> &'a Ledger {
        self.ledger
    }

    /// Takes a row of a rule over several events, which is of no source: if the run is interrupted, it is decided again.
    pub(super) fn add_decided(&self, row: &Alert) -> Result<(), Error> {
        let added = self.ledger.add_alert(row);
        added.map(drop).map_err(self.failed())
    }

    /// Begins a turn with these sources.
    pub(super) fn begin(&mut self, sources: &[Reached]) {
        let changed = sources.iter().filter(|(_, seen)| seen.earlier.is_some());
        self.changed = changed
            .map(|(path, _)| path.to_string_lossy().into_owned().into_bytes())
            .collect();
    }

    /// Takes a row. Returns false if it is already in an output.
    pub(super) fn take(&mut self, alert: &Alert) -> Result<bool, Error> {
        let source = alert
            .text(Column::LogFilePath)
            .unwrap_or_default()
            .as_bytes();
        let is_again = self.changed.contains(source)
            && self.ledger.is_delivered(alert).map_err(self.failed())?;
        if is_again {
            return Ok(false);
        }
        let id = self.ledger.add_alert(alert).map_err(self.failed())?;
        match self.alerts.last_mut() {
            Some((last, _, to)) if last == source => *to = id,
            _ => self.alerts.push((source.to_owned(), id, id)),
        }
        Ok(true)
    }

    /// Counts related events of a source.
    pub(super) fn count_related(&mut self, source: &Path, counts: RelatedCounts) {
        *self.related.entry(source.to_owned()).or_default() += counts;
    }

    /// Takes the outcome and the diagnostics of a source.
    pub(super) fn report(&mut self, path: &Path, outcome: Outcome, diagnostics: Vec<Diagnostic>) {
        self.told.push((path.to_owned(), outcome, diagnostics));
    }

    /// Ends a turn that is done and was not interrupted.
    pub(super) fn end(&mut self, sources: &[Reached]) -> Result<(), Error> {
        // Sources that can be read only once are in no ledger.
        if !self.alerts.is_empty() {
            let names = sources.iter().map(|(path, _)| path.to_string_lossy());
            let names: BTreeSet<_> = names.collect();
            let is_kept =
                |source: &[u8]| std::str::from_utf8(source).is_ok_and(|s| names.contains(s));
            self.alerts.retain(|(source, ..)| is_kept(source));
        }
        if !self.told.is_empty() {
            let paths: BTreeSet<&Path> = sources.iter().map(|(path, _)| &**path).collect();
            self.told.retain(|(path, ..)| paths.contains(&**path));
        }
        let (mut alerts, mut told) = (
            self.alerts.drain(..).peekable(),
            self.told.drain(..).peekable(),
        );
        for (path, seen) in sources {
            // Most turns have no alerts and no diagnostics.
            let ids = match alerts.len() {
                0 => None,
                _ => {
                    let name = path.to_string_lossy();
                    alerts.next_if(|(source, ..)| source == name.as_bytes())
                }
            };
            let told = match told.len() {
                0 => None,
                _ => told.next_if(|(told, ..)| told.as_os_str() == path.as_os_str()),
            };
            let quiet = match seen.size {
                0 => Outcome::Empty,
                _ => Outcome::Read,
            };
            let (outcome, diagnostics) = told
                .map_or((quiet, Vec::new()), |(_, outcome, diagnostics)| {
                    (outcome, diagnostics)
                });
            self.ledger
                .add(&Done {
                    seen,
                    outcome,
                    alerts: ids.map(|(_, first, last)| (first, last)),
                    related: self.related.remove(path),
                    diagnostics: &diagnostics,
                })
                .map_err(failed(self.ledger.path()))?;
        }
        debug_assert!(
            alerts.next().is_none() && told.next().is_none(),
            "of no source of the turn"
        );
        drop((alerts, told));
        self.related.clear();
        Ok(())
    }

    /// Counts events that were read.
    pub(super) fn count_events(&mut self, n_events: u64) {
        self.n_events += n_events;
    }

    /// Commits finished work if `now` is set or if `TICK` has passed since the last commit. If the process is
    /// killed, uncommitted work is lost.
    pub(super) fn commit(&mut self, now: bool) -> Result<(), Error> {
        if now || self.committed.elapsed() >= TICK {
            if self.n_events > 0 {
                let n_events = std::mem::take(&mut self.n_events);
                self.ledger.add_events(n_events).map_err(self.failed())?;
            }
            self.ledger.commit().map_err(self.failed())?;
            self.committed = Instant::now();
        }
        Ok(())
    }

    /// Passes the waiting alerts of a source to `visit`, and returns what else waits. Each alert must be of one of the
    /// rules of the hunt.
    pub(super) fn waiting(
        &self,
        id: i64,
        n_rules: usize,
        visit: &mut dyn FnMut(Alert) -> Result<(), Error>,
    ) -> Result<Waiting, Error> {
        let waiting = self.ledger.waiting(id).map_err(self.failed())?;
        let Some((mut from, last)) = waiting.alerts else {
            return Ok(waiting);
        };
        loop {
            let alerts = self.ledger.alerts(from, last).map_err(self.failed())?;
            let Some((id, _)) = alerts.last() else {
                return Ok(waiting);
            };
            from = id + 1;
            for (_, alert) in alerts {
                check(&alert, n_rules).map_err(self.failed())?;
                visit(alert)?;
            }
        }
    }

    /// Returns the ids of the sources whose alerts wait.
    pub(super) fn all_waiting(&self) -> Result<Vec<i64>, Error> {
        self.ledger.all_waiting().map_err(self.failed())
    }
}

/// Returns an error for a row of a ledger that no hunt with this number of rules made.
fn check(alert: &Alert, n_rules: usize) -> Result<(), LedgerError> {
    let number = usize::from(alert.rule()) + 1;
    if number > n_rules {
        return Err(LedgerError::UnknownRule { number, n_rules });
    }
    match alert.is_whole() {
        true => Ok(()),
        false => Err(LedgerError::Damaged),
    }
}
