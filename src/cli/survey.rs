//! The coverage of a hunt: `hunt --coverage` and `--require-coverage`.

use anyhow::bail;
use trailsift::config::HuntConfig;
use trailsift::coverage::{Survey, holes_in_words};
use trailsift::output::Target;

use super::args::{HuntArgs, LogFormat, SurveyArgs};
use super::maps::{Form, form, write};
use super::terminal::{green, harmless, red};
use super::usage::usage;
use super::{lists, terminal};

/// A map that a hunt makes.
pub(super) struct Wanted {
    survey: Survey,
    output: Option<(Target, Form)>,
}

impl Wanted {
    /// Opens the output, if a map is requested.
    pub(super) fn new(args: &SurveyArgs, config: &HuntConfig) -> anyhow::Result<Option<Self>> {
        if !args.is_requested() {
            return Ok(None);
        }
        if !config.scan.wanted.is_everything() {
            bail!(usage(
                "with a choice of times, accounts or regions files are left out, which would then seem to be missing; leave out the filters, or --coverage"
            ));
        }
        let form = args.coverage.as_deref().map(form).transpose()?;
        let output = lists::open(args.coverage.as_deref(), &config.scan)?;
        Ok(Some(Self {
            survey: Survey::default(),
            output: output.zip(form),
        }))
    }

    pub(super) fn survey(&mut self) -> &mut Survey {
        &mut self.survey
    }

    /// Writes the map, and shows the holes. Returns true if there is one.
    pub(super) fn finish(self, args: &HuntArgs) -> anyhow::Result<bool> {
        let map = self.survey.into_map();
        if let Some((output, form)) = self.output {
            write(output, form, &map)?;
        }
        let holes = holes_in_words(&map);
        let has_holes = !holes.is_empty();
        if !args.messages.quiet && args.messages.log_format == LogFormat::Text {
            let holes_text = match holes.len() {
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
        Ok(has_holes)
    }
}
