//! What a hunt says of the archive: `hunt --coverage`, `--require-coverage` and `--public-keys`.

use std::path::Path;
use std::sync::Arc;

use anyhow::bail;
use trailsift::config::HuntConfig;
use trailsift::coverage::{Proof, Survey, holes_in_words, n_holes};
use trailsift::custody;
use trailsift::output::Target;

use super::args::{HuntArgs, LogFormat, SurveyArgs};
use super::maps::{Form, form, write};
use super::terminal::{green, harmless, red};
use super::usage::usage;
use super::{lists, terminal, verdicts};

/// What a hunt says of the archive at its end.
pub(super) struct Wanted {
    survey: Survey,
    output: Option<(Target, Form)>,
}

impl Wanted {
    /// Reads the keys and opens the output, if a map or the verdicts are requested.
    pub(super) fn new(args: &SurveyArgs, config: &HuntConfig) -> anyhow::Result<Option<Self>> {
        if !args.is_requested() {
            return Ok(None);
        }
        if !config.scan.wanted.is_everything() {
            bail!(usage(
                "with a choice of times, accounts or regions files are left out, which would then seem to be missing; leave out the filters, or --coverage and --public-keys"
            ));
        }
        let form = args.coverage.as_deref().map(form).transpose()?;
        let output = lists::open(args.coverage.as_deref(), &config.scan)?;
        Ok(Some(Self {
            survey: survey(args, config)?,
            output: output.zip(form),
        }))
    }

    pub(super) fn survey(&mut self) -> &mut Survey {
        &mut self.survey
    }

    /// Writes the map, and shows the verdicts and the holes. `is_complete` is true if everything could be read.
    pub(super) fn finish(self, args: &HuntArgs, is_complete: bool) -> anyhow::Result<Surveyed> {
        let is_shown = !args.messages.quiet && args.messages.log_format == LogFormat::Text;
        let found = self.survey.verdicts();
        if let (true, Some(found)) = (is_shown, found) {
            verdicts::show(found, is_complete, true);
        }
        let is_contradicted = found.is_some_and(custody::Verdicts::has_contradiction);
        if !args.survey.has_map() {
            return Ok(Surveyed {
                has_holes: false,
                is_contradicted,
            });
        }
        let map = self.survey.into_map();
        if let Some((output, form)) = self.output {
            write(output, form, &map)?;
        }
        let holes = holes_in_words(&map);
        let has_holes = !holes.is_empty();
        if is_shown {
            let holes_text = match n_holes(&map) {
                0 => green("no holes"),
                n => red(&terminal::plural(n as u64, "hole", "holes")),
            };
            let written = args.survey.coverage.as_deref();
            let written = written.map_or(String::new(), |path| {
                format!(", written to {}", terminal::path(path))
            });
            terminal::line(&format!("coverage    {holes_text}{written}"));
            let harmless = |text: String| harmless(&text, usize::MAX);
            lists::each("hole", holes.into_iter().map(harmless).collect());
        }
        Ok(Surveyed {
            has_holes,
            is_contradicted,
        })
    }
}

/// What the survey of a hunt found.
#[derive(Debug, Default)]
pub(super) struct Surveyed {
    /// True if a map was requested and has holes.
    pub(super) has_holes: bool,
    /// True if something contradicts what AWS signed.
    pub(super) is_contradicted: bool,
}

fn survey(args: &SurveyArgs, config: &HuntConfig) -> anyhow::Result<Survey> {
    if args.public_keys.is_empty() {
        return Ok(Survey::default());
    }
    let stores = Arc::clone(&config.scan.stores);
    // The digest is then not proved, as if it had no signature.
    let fetch = move |path: &Path| match verdicts::signature_of(path, &stores) {
        Ok(signature) => signature,
        Err(error) => {
            terminal::error(path, &format!("its signature cannot be read: {error:#}"));
            None
        }
    };
    Ok(Survey::proving(Proof {
        keys: custody::read_keys(&args.public_keys)?,
        signatures: custody::read_signatures(&args.signatures)?,
        fetch: Box::new(fetch),
    }))
}
