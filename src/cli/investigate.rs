//! `trailsift investigate`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::json;
use trailsift::Error;
use trailsift::case::{self, Case, CaseConfig, Countries, Seed, Seeds, Unseen, Window};
use trailsift::config::{ScanConfig, random_run_id};
use trailsift::error::{MissingFeature, PageError};
use trailsift::follow::{Entity, Kind};
use trailsift::output::{Destination, HiddenFolder};
use trailsift::report::Severity;
use trailsift::rule::Rule;

use super::args::{InvestigateArgs, LogFormat};
use super::exit::Exit;
use super::progress::{Bar, Counted};
use super::terminal::plural;
use super::usage::{uri, usage};
use super::{beginnings, case_summary, hunt, messages, resolve, terminal};

/// The name of the page in a case's folder.
pub(super) const PAGE: &str = "report.html";

/// Maximum number of names in a message.
const NAMES_SHOWN: usize = 5;

/// Runs an investigation and reports the result.
pub(super) fn run(mut args: InvestigateArgs) -> anyhow::Result<Exit> {
    let Some(seeds) = seeds(&mut args)? else {
        return Ok(Exit::Complete);
    };
    let countries = args.geoip.as_deref().map(countries).transpose()?;
    let folder = case_folder(&args.output)?;
    let scan = resolve::resolve_case(&args, &folder, begins(&args, &seeds))?;
    let draft = Draft::new(folder)?;
    let config = CaseConfig {
        run_id: random_run_id(),
        rule: Arc::new(Rule::quarantine()),
        scan,
        seeds,
        window: Window {
            before: args.before,
            after: args.after,
        },
        hops_max: args.max_hops,
        max_identities: args.max_identities,
        countries,
    };
    let signal = hunt::watch_signals(&config.scan.progress.stop)?;
    let bar = Bar::new(
        &config.scan,
        Counted::Events,
        args.messages.log_format,
        !args.messages.quiet,
    );
    let result = case::run(&config, &mut |diagnostic| {
        if diagnostic.severity != Severity::Info {
            bar.suspend(|| messages::show_diagnostic(diagnostic, args.messages.log_format));
        }
    });
    let mut case = match result {
        Ok(case) => case,
        Err(Error::Interrupted) => {
            drop(bar);
            let nowhere = (&Destination::Nowhere, None);
            let progress = &config.scan.progress;
            return Ok(hunt::say_interrupted(
                progress,
                nowhere,
                args.messages.log_format,
                &signal,
            ));
        }
        Err(error) => return Err(error.into()),
    };
    if case.events.is_empty() && case.about.unseen.len() == case.about.beginnings.len() {
        drop(bar);
        warn(&case, None, args.messages.log_format);
        return Ok(Exit::Incomplete);
    }
    bar.begin_to_write();
    case.about.command.clone_from(&args.words);
    let unwritten = draft.finish(&mut case, &config.scan, args.timezone.as_ref());
    drop(bar);
    let unwritten = unwritten.with_context(|| args.output.display().to_string())?;
    warn(&case, unwritten, args.messages.log_format);
    if !args.messages.quiet {
        report(&case, &args, unwritten.is_none())?;
    }
    Ok(if case.about.complete {
        Exit::Complete
    } else {
        Exit::Incomplete
    })
}

/// Returns the beginnings of the case, and reports alerts that are none. Returns nothing if there is no beginning: for a
/// job that investigates after each hunt this is no failure.
fn seeds(args: &mut InvestigateArgs) -> anyhow::Result<Option<Vec<Seed>>> {
    let Seeds { seeds, n_others } = beginnings::seeds(args)?;
    if seeds.is_empty() {
        let why = match n_others {
            0 => "no alert names a user".to_owned(),
            n => format!(
                "no alert is of a quarantine, {} of other rules (to investigate a user, name it in their place: --user NAME)",
                plural(n, "is", "are")
            ),
        };
        let text = format!("{why}: there is nothing to investigate, and no case was written");
        note(args, &text);
        return Ok(None);
    }
    if n_others > 0 {
        let alerts = plural(
            n_others,
            "alert of another rule is",
            "alerts of other rules are",
        );
        let text = format!("{alerts} left out: a case begins with quarantines, or with --user");
        note(args, &text);
    }
    Ok(Some(seeds))
}

/// Prints a note.
fn note(args: &InvestigateArgs, text: &str) {
    match args.messages.log_format {
        _ if args.messages.quiet => {}
        LogFormat::Text => terminal::line(text),
        LogFormat::Json => {
            terminal::json("diagnostic", &json!({"severity": "info", "message": text}));
        }
    }
}

/// Reports the result in the form that was asked for.
fn report(case: &Case, args: &InvestigateArgs, has_page: bool) -> anyhow::Result<()> {
    let page = has_page.then(|| args.output.join(PAGE));
    match args.messages.log_format {
        LogFormat::Text => case_summary::show(case, &args.output, page.as_deref()),
        LogFormat::Json => {
            let mut about = serde_json::to_value(&case.about)?;
            if let Some(about) = about.as_object_mut() {
                // Each diagnostic was already reported.
                about.remove("diagnostics");
                about.insert("verdicts".to_owned(), case_summary::verdicts(case).into());
            }
            terminal::json("case", &about);
        }
    }
    Ok(())
}

fn countries(path: &Path) -> anyhow::Result<Arc<Countries>> {
    let countries = Countries::open(path);
    let countries = countries.with_context(|| path.display().to_string())?;
    Ok(Arc::new(countries))
}

/// Returns the first time of events that can matter. There is no last one: later events show how the case ended.
fn begins(args: &InvestigateArgs, seeds: &[Seed]) -> Option<Timestamp> {
    let times = seeds.iter().map(|seed| seed.time);
    let first = times.min().flatten()?;
    first.checked_sub(args.before).ok()
}

/// Returns the real path of a case's folder: links and dots are resolved in the part that exists.
fn case_folder(path: &Path) -> Result<PathBuf, clap::Error> {
    let refuse = |message: &str| usage(&format!("{}: {message}", path.display()));
    if uri(path)?.is_some() {
        let message = "a case is a folder on this machine; copy it to the bucket when it is there";
        return Err(refuse(message));
    }
    let absolute = std::path::absolute(path).map_err(|error| refuse(&error.to_string()))?;
    let mut there = absolute.as_path();
    let mut missing = Vec::new();
    loop {
        match there.canonicalize() {
            Ok(real) => {
                return Ok(missing
                    .iter()
                    .rev()
                    .fold(real, |path, name| path.join(name)));
            }
            Err(_) if there.is_symlink() => {
                return Err(refuse("it is a link to what is not there"));
            }
            Err(error) => match (there.file_name(), there.parent()) {
                (Some(name), Some(parent)) => {
                    missing.push(name);
                    there = parent;
                }
                // The path has `..` after a part that does not exist.
                _ => return Err(refuse(&error.to_string())),
            },
        }
    }
}

/// The folder of a case until it has its name: a hidden folder, which is removed when this value is dropped.
struct Draft {
    /// The hidden folder is beside the folder to be created. If that folder exists and is empty, the hidden folder is
    /// inside it and its files are moved: the existing folder may be a mount point with its own owner and mode.
    hidden: HiddenFolder,
    folder: PathBuf,
    is_there: bool,
}

impl Draft {
    /// Creates the hidden folder, so that write errors are found before anything is read.
    fn new(folder: PathBuf) -> anyhow::Result<Self> {
        let context = || folder.display().to_string();
        let name = folder.file_name();
        let name = name.context("the case's folder has no name")?;
        let is_there = folder.try_exists().with_context(context)?;
        let hidden = match (is_there, folder.parent()) {
            (false, Some(parent)) => {
                std::fs::create_dir_all(parent).with_context(context)?;
                HiddenFolder::create(parent, name)
            }
            _ => HiddenFolder::create(&folder, name),
        };
        let hidden = hidden.with_context(context)?;
        if is_there {
            // At this point, files that a killed run left in it have been removed.
            for entry in std::fs::read_dir(&folder).with_context(context)? {
                if entry.with_context(context)?.path() != hidden.path() {
                    bail!(
                        "{}: it is not empty; a case needs a folder of its own: name another with --output",
                        folder.display()
                    );
                }
            }
        }
        Ok(Self {
            hidden,
            folder,
            is_there,
        })
    }

    /// Writes the case, and gives it its name. If the folder exists, the files get their names one by one, the page
    /// last. Returns why there is no page, if the program was built without pages.
    fn finish(
        &self,
        case: &mut Case,
        scan: &ScanConfig,
        zone: Option<&TimeZone>,
    ) -> anyhow::Result<Option<MissingFeature>> {
        let hidden = self.hidden.path();
        case::write(case, &Rule::quarantine(), hidden, scan.n_threads)?;
        let (page, unwritten) = match case::page::render(case, zone, scan.n_threads) {
            Ok(page) => (Some(page), None),
            Err(PageError::Missing(feature)) => (None, Some(feature)),
            Err(error) => return Err(error.into()),
        };
        if let Some(page) = &page {
            std::fs::write(hidden.join(PAGE), page)?;
        }
        case::write_sums(hidden, &case.about.files, &[case::ABOUT, PAGE])?;
        if !self.is_there {
            self.hidden.rename(&self.folder)?;
            return Ok(unwritten);
        }
        let page = page.map(|_| PAGE);
        for name in case::FILES
            .into_iter()
            .chain([case::ABOUT, case::SUMS])
            .chain(page)
        {
            std::fs::rename(hidden.join(name), self.folder.join(name))?;
        }
        Ok(unwritten)
    }
}

/// Reports what the user must always know about a case: that something was not followed, has changed, or is missing.
fn warn(case: &Case, unwritten: Option<MissingFeature>, format: LogFormat) {
    let about = &case.about;
    let say = |is_error: bool, text: &str| match format {
        LogFormat::Json => {
            let level = if is_error { "error" } else { "warning" };
            terminal::json("diagnostic", &json!({"severity": level, "message": text}));
        }
        LogFormat::Text if is_error => {
            terminal::line(&format!("{}: {text}", terminal::red("error")));
        }
        LogFormat::Text => terminal::warn(text),
    };
    if let Some(feature) = unwritten {
        say(false, &format!("{PAGE} was not written: {feature}"));
    }
    if about.max_hops_bit {
        say(false, &not_followed(about.max_hops, &case.not_followed()));
    }
    if about.later_cut {
        let text = "so much was made after the windows (--after) that not all of it is in the case";
        say(false, text);
    }
    if about.archive_changed {
        let text = "files of the archive changed during the run, so events may be missing";
        say(true, text);
    }
    for one in &about.unseen {
        say(true, &unseen(one));
    }
    if let Some(text) = not_found(&about.not_found) {
        say(true, &text);
    }
}

/// Returns the message about quarantines of the alerts that are not in what was read.
fn not_found(users: &[Entity]) -> Option<String> {
    let name = |user: &Entity| terminal::harmless(&user.name, usize::MAX);
    match users {
        [] => None,
        [one] => Some(format!(
            "the alerts have a quarantine of {} that is not in what was read",
            name(one)
        )),
        many => {
            let mut names: Vec<String> = many.iter().take(NAMES_SHOWN).map(name).collect();
            if many.len() > NAMES_SHOWN {
                names.push(format!("{} more", many.len() - NAMES_SHOWN));
            }
            Some(format!(
                "the alerts have quarantines of {} users that are not in what was read: {}",
                many.len(),
                names.join(", ")
            ))
        }
    }
}

/// Returns the message about what was not followed.
fn not_followed(hops_max: u32, left_out: &BTreeSet<&Entity>) -> String {
    let names = left_out.iter().take(NAMES_SHOWN);
    let mut names: Vec<String> = names
        .map(|one| {
            let kind = one.kind.name().replace('_', " ");
            format!("{kind} {}", terminal::harmless(&one.name, usize::MAX))
        })
        .collect();
    if left_out.len() > NAMES_SHOWN {
        names.push(format!("{} more", left_out.len() - NAMES_SHOWN));
    }
    let names = match names.is_empty() {
        true => String::new(),
        false => format!(": {}", names.join(", ")),
    };
    format!(
        "what is more than {hops_max} steps away from the user was not followed{names}; see --max-hops"
    )
}

/// Returns the message about an identity that no event names, with the names that are near.
fn unseen(one: &Unseen) -> String {
    let quoted = |name: &String| terminal::harmless(name, usize::MAX);
    let kind = one.entity.kind.name().replace('_', " ");
    let name = quoted(&one.entity.name);
    let account = match one.entity.account.as_str() {
        "" => String::new(),
        account => format!(" in account {account}"),
    };
    let near: Vec<String> = one.near.iter().map(quoted).collect();
    let near = match (near.is_empty(), one.entity.kind) {
        (true, Kind::User | Kind::AccessKey) => "; no name in the archive is near it".to_owned(),
        (true, _) => String::new(),
        (false, _) => format!("; names in the archive that are near: {}", near.join(", ")),
    };
    format!("no event names {kind} {name}{account}{near}")
}
