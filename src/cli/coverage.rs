//! `trailsift coverage`.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::RangeInclusive;
use std::path::Path;

use indicatif::HumanCount;
use trailsift::coverage::{
    CoverageMap, HeatOptions, HeatPart, HourState, Survey, heat, holes_in_words, n_holes, page,
};

use super::args::{CoverageArgs, LogFormat};
use super::exit::Exit;
use super::table::Room;
use super::terminal::{dim, green, harmless, plural, red, yellow};
use super::{evidence, lists, maps, print_styled, resolve, terminal};

/// The number of columns of the map where there is no terminal.
const WIDTH: usize = 100;
/// The fewest and the most columns of the map on a terminal.
const WIDTHS: RangeInclusive<usize> = 60..=200;

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
        width: width(Room::of_stdout(false)),
        is_ascii: args.ascii,
        format: formatted,
    };
    print_styled(&heat(&map, options))?;
    if !args.messages.quiet && args.messages.log_format == LogFormat::Text {
        show(&map, n_events, args);
    }
    Ok(match pass.complete {
        true => Exit::Complete,
        false => Exit::Incomplete,
    })
}

/// Returns the width of the map.
fn width(room: Room) -> usize {
    match room {
        Room::Chars(n_chars) => n_chars.clamp(*WIDTHS.start(), *WIDTHS.end()),
        Room::Unlimited => WIDTH,
    }
}

fn formatted(part: HeatPart, text: &str) -> String {
    match part {
        HeatPart::Label => harmless(text, usize::MAX),
        HeatPart::Hours(HourState::Hole) => red(text),
        HeatPart::Days | HeatPart::Hours(HourState::Unknown | HourState::Quiet) => dim(text),
        HeatPart::Hours(HourState::Covered) => text.to_owned(),
    }
}

/// Returns the number of events and the times that they cover.
fn events(map: &CoverageMap, n_events: u64) -> String {
    let cells = || map.regions.iter().flat_map(|region| region.cells.values());
    let first = cells().map(|cell| cell.first).min();
    let last = cells().map(|cell| cell.last).max();
    let n = HumanCount(n_events);
    let time = |seconds: Option<i64>| {
        let time = jiff::Timestamp::from_second(seconds?).ok()?;
        Some(time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    };
    match time(first).zip(time(last)) {
        Some((first, last)) => format!("{n}, from {first} to {last}"),
        None => n.to_string(),
    }
}

/// Returns how many hours of all regions are in each state.
fn hours(map: &CoverageMap) -> String {
    let states = || map.regions.iter().flat_map(|region| &region.states);
    let accounts = map.regions.iter().map(|region| &region.account);
    let accounts: BTreeSet<&String> = accounts.collect();
    let n = |state: HourState| HumanCount(states().filter(|one| **one == state).count() as u64);
    format!(
        "{} covered, {} quiet, {} in holes, {} unknown, of {} of {}",
        n(HourState::Covered),
        n(HourState::Quiet),
        n(HourState::Hole),
        n(HourState::Unknown),
        plural(map.regions.len() as u64, "region", "regions"),
        plural(accounts.len() as u64, "account", "accounts"),
    )
}

fn show(map: &CoverageMap, n_events: u64, args: &CoverageArgs) {
    let line = |name: &str, text: String| lists::line(name, &text);
    if terminal::is_for_both() {
        terminal::line("");
    }
    line("events", events(map, n_events));
    line("hours", hours(map));
    let holes = holes_in_words(map);
    match n_holes(map) {
        0 => line("holes", green("none")),
        n => line("holes", red(&HumanCount(n as u64).to_string())),
    }
    let harmless = |text: String| harmless(&text, usize::MAX);
    lists::each("hole", holes.into_iter().map(harmless).collect());
    if !map.has_digests {
        let text = "there are no digest files: an hour without events is unknown, or a hole if there usually are some";
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
