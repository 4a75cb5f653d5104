//! `trailsift coverage`.

use std::io::Write as _;
use std::path::Path;

use indicatif::HumanCount;
use trailsift::coverage::{CoverageMap, HeatOptions, Survey, heat, holes_in_words, page};

use super::args::{CoverageArgs, LogFormat};
use super::exit::Exit;
use super::terminal::{green, harmless, red, yellow};
use super::{evidence, lists, maps, print, resolve, terminal};

/// The number of columns of the map.
const WIDTH: usize = 100;

/// Reads an archive, and shows what it holds.
pub(super) fn run(args: &CoverageArgs) -> anyhow::Result<Exit> {
    let form = args.output.as_deref().map(maps::form).transpose()?;
    let outputs: Vec<&Path> = args
        .output
        .iter()
        .chain(&args.html)
        .map(|path| &**path)
        .collect();
    let config = resolve::resolve_evidence(&args.input, &args.performance, &outputs)?;
    let output = lists::open(args.output.as_deref(), &config)?;
    let html = lists::open(args.html.as_deref(), &config)?;
    let mut survey = Survey::default();
    let analyzer = survey.analyzer();
    let pass = evidence::pass(&config, &analyzer, &mut survey, &args.messages)?;
    let pass = match pass {
        Ok(pass) => pass,
        Err(exit) => return Ok(exit),
    };
    let n_events = survey.n_events();
    let map = survey.into_map();
    if let (Some(output), Some(form)) = (output, form) {
        maps::write(output, form, &map)?;
    }
    if let Some(mut html) = html {
        html.write_all(page(&map).as_bytes())?;
        html.commit()?;
    }
    let options = HeatOptions {
        width: WIDTH,
        is_ascii: args.ascii,
    };
    print(heat(&map, options).as_bytes())?;
    if !args.messages.quiet && args.messages.log_format == LogFormat::Text {
        show(&map, n_events, args);
    }
    Ok(match pass.complete {
        true => Exit::Complete,
        false => Exit::Incomplete,
    })
}

fn show(map: &CoverageMap, n_events: u64, args: &CoverageArgs) {
    let line = |name: &str, text: String| terminal::line(&format!("{name:<11} {text}"));
    line("events", HumanCount(n_events).to_string());
    let holes = holes_in_words(map);
    match holes.len() {
        0 => line("holes", green("none")),
        n => line("holes", red(&HumanCount(n as u64).to_string())),
    }
    let harmless = |text: String| harmless(&text, usize::MAX);
    lists::each("hole", holes.into_iter().map(harmless).collect());
    if !map.has_digests {
        let text = "there are no digest files: hours without events are unknown, or holes by the rhythm alone";
        line("note", yellow(text));
    }
    let events = map.trail_events.iter().map(|event| {
        let error = event
            .error
            .as_ref()
            .map_or(String::new(), |error| format!(" (failed: {error})"));
        format!(
            "{} {} {} {} {} by {}{error}",
            event.time, event.account, event.region, event.call, event.target, event.user
        )
    });
    lists::each("log changed", events.map(harmless).collect());
    for path in [&args.output, &args.html].into_iter().flatten() {
        line("written", terminal::path(path));
    }
}
