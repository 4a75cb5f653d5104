//! The chart of a user's activity: a lane for each key, with time from left to right.
//!
//! Hours of an attack within months of calm would be a single dot, so the axis is broken: times with calls have nearly
//! all of the width, and each break says how long it is. The drawing is SVG by a template, which escapes all names.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use askama::Template;
use jiff::{SignedDuration, Timestamp};

use super::bursts::{Burst, Side, link, spans};
use super::clock::length;
use super::event_text::call;
use super::own::Own;
use super::shown;
use super::verdict::Verdict;
use crate::case::CaseEvent;
use crate::case::state::Party;
use crate::follow::{Kind, Quarantine};
use crate::output::Column;
use crate::report::Relation;

/// Maximum number of lanes that are drawn; the others, with the fewest events, share the last one.
const LANES_MAX: usize = 12;
/// Maximum number of spans between breaks.
const SPANS_MAX: usize = 7;
const WIDTH: f64 = 1000.0;
/// Width of the space for the names of lanes.
const NAMES_WIDTH: f64 = 310.0;
const BREAK_WIDTH: f64 = 26.0;
const LANE_HEIGHT: f64 = 24.0;
const TOP: f64 = 22.0;
/// Width of a point; events that are closer together share one.
const POINT_WIDTH: f64 = 5.0;
/// The least distance of two ticks.
const TICK_WIDTH: f64 = 58.0;

/// Steps between ticks, in seconds: each is round on a clock or a calendar.
const STEPS: [i64; 13] = [
    60,
    5 * 60,
    10 * 60,
    15 * 60,
    30 * 60,
    3600,
    2 * 3600,
    3 * 3600,
    6 * 3600,
    12 * 3600,
    24 * 3600,
    7 * 24 * 3600,
    28 * 24 * 3600,
];

/// The drawing.
#[derive(Debug, Template)]
#[template(
    path = "chart.svg",
    config = "src/case/page/askama.toml",
    escape = "html"
)]
struct Drawing {
    width: String,
    height: String,
    /// The upper and the lower end of the lanes.
    top: String,
    bottom: String,
    /// The height of all lanes.
    depth: String,
    lanes: Vec<Lane>,
    shades: Vec<Shade>,
    breaks: Vec<Text>,
    ticks: Vec<Tick>,
    marks: Vec<Mark>,
}

#[derive(Debug)]
struct Lane {
    y: String,
    name: String,
    is_leaked: bool,
    points: Vec<Point>,
}

#[derive(Debug)]
struct Point {
    x: String,
    y: String,
    size: String,
    class: &'static str,
    title: String,
    link: String,
}

#[derive(Debug)]
struct Shade {
    x: String,
    width: String,
    class: &'static str,
    title: String,
}

#[derive(Debug)]
struct Text {
    x: String,
    text: String,
}

#[derive(Debug)]
struct Tick {
    x: String,
    time: String,
    /// The date, where it is another than at the tick before.
    date: String,
}

#[derive(Debug)]
struct Mark {
    x: String,
    /// Its label; an empty text if the label of the mark before it stands for it, too.
    text: String,
    title: String,
}

/// Returns the chart as SVG; nothing if no event has a time.
pub(super) fn chart(own: &Own<'_>, bursts: &[Burst<'_>], verdict: &Verdict) -> Option<String> {
    let marks = marks(own);
    let events: Vec<(&CaseEvent, Timestamp)> = own
        .done_to_the_end()
        .filter_map(|one| Some((one.event, one.event.alert.time()?)))
        .collect();
    let times = events.iter().map(|(_, time)| *time);
    let response = spans(bursts, Side::Of(Party::Response));
    let others = response.iter().flat_map(|(first, last)| [*first, *last]);
    let marked = marks.iter().map(|(time, ..)| *time);
    let mut times: Vec<Timestamp> = times.chain(others).chain(marked).collect();
    times.sort_unstable();
    let axis = Axis::new(&times)?;
    let lanes = lanes(&events, verdict);
    let n_lanes = f64::from(u32::try_from(lanes.len()).unwrap_or(u32::MAX));
    let bottom = TOP + LANE_HEIGHT * n_lanes.max(1.0);
    let shade = |class, title: &str, (first, last): (Timestamp, Timestamp)| {
        let (x, end) = (axis.x(first) - 3.0, axis.x(last) + 3.0);
        Shade {
            x: number(x),
            width: number(end - x),
            class,
            title: format!("{title}: {}", own.clock.span(first, last)),
        }
    };
    let attack = spans(bursts, Side::Of(Party::Intruder)).into_iter();
    let attack = attack.map(|span| shade("attack", "intruder", span));
    // If nobody is known to be the intruder, that would be all.
    let has_intruder = own.state.has_intruder();
    let unknown = spans(bursts, Side::Of(Party::Unknown)).into_iter();
    let unknown = unknown.filter(|_| has_intruder);
    let unknown = unknown.map(|span| shade("unknown", "unknown, perhaps the intruder", span));
    let response = response.into_iter();
    let response = response.map(|span| shade("answer", "response", span));
    let drawing = Drawing {
        width: number(WIDTH),
        height: number(bottom + 40.0),
        top: number(TOP),
        bottom: number(bottom),
        depth: number(bottom - TOP),
        shades: unknown.chain(attack).chain(response).collect(),
        breaks: axis.breaks(),
        ticks: axis.ticks(),
        marks: labelled(
            marks
                .into_iter()
                .map(|(time, text, title)| (axis.x(time), text, title)),
        ),
        lanes: lanes
            .into_iter()
            .enumerate()
            .map(|(n, (name, is_leaked, events))| {
                let nth = f64::from(u32::try_from(n).unwrap_or(u32::MAX));
                let y = TOP + LANE_HEIGHT * (nth + 0.5);
                Lane {
                    y: number(y),
                    name,
                    is_leaked,
                    points: points(own, &axis, y, &events),
                }
            })
            .collect(),
    };
    drawing.render().ok() // its text is made in memory, so that rendering cannot fail
}

/// Returns a length for SVG.
fn number(length: f64) -> String {
    format!("{length:.1}")
}

/// Returns the quarantines and what lifted them.
fn marks(own: &Own<'_>) -> Vec<(Timestamp, &'static str, String)> {
    let mut marks = Vec::new();
    let all = own.attributed().map(|one| one.event);
    for event in all.filter(|event| own.is_about_user(event)) {
        let is_done = event.story.error_code.is_none();
        let text = match event.story.quarantine {
            Some(Quarantine::Made) => "quarantined",
            Some(Quarantine::Beside(Relation::Detach)) if is_done => "lifted",
            _ => continue,
        };
        if let Some(time) = event.alert.time() {
            marks.push((time, text, format!("{text} {}", own.clock.time(Some(time)))));
        }
    }
    marks
}

/// The room that the label of a mark takes up on the axis.
const LABEL_WIDTH: f64 = 66.0;

/// Returns marks with labels that do not overlap: where two marks are near each other, the first one has both labels.
fn labelled(marks: impl Iterator<Item = (f64, &'static str, String)>) -> Vec<Mark> {
    let mut labelled: Vec<Mark> = Vec::new();
    // The last mark with a label: its place in the list, and on the axis.
    let mut last: Option<(usize, f64)> = None;
    for (x, text, title) in marks {
        let near = last.filter(|(_, last)| x - last < LABEL_WIDTH);
        let before = near.and_then(|(nth, _)| labelled.get_mut(nth));
        let text = match before {
            None => {
                last = Some((labelled.len(), x));
                text.to_owned()
            }
            Some(before) => {
                // A third one has no room: its line has a title.
                if !before.text.contains(',') && before.text != text {
                    before.text = format!("{}, {text}", before.text);
                }
                String::new()
            }
        };
        labelled.push(Mark {
            x: number(x),
            text,
            title,
        });
    }
    labelled
}

type LaneEvents<'a> = (String, bool, Vec<(&'a CaseEvent, Timestamp)>);

/// Returns the lanes in the order of their first events: the name of each, whether its key leaked, and its events.
fn lanes<'a>(events: &[(&'a CaseEvent, Timestamp)], verdict: &Verdict) -> Vec<LaneEvents<'a>> {
    let mut all: BTreeMap<(&str, &str), Vec<(&CaseEvent, Timestamp)>> = BTreeMap::new();
    for (event, time) in events {
        let key = event
            .alert
            .text(Column::ActorAccessKeyId)
            .unwrap_or("no key");
        let actors = event.story.traces.actors.iter();
        let mut named = actors.filter(|one| matches!(one.kind, Kind::User | Kind::Role));
        let name = named.next().map_or("", |one| one.name.as_str());
        all.entry((key, name)).or_default().push((event, *time));
    }
    let mut lanes: Vec<_> = all.into_iter().collect();
    lanes.sort_by_key(|(_, events)| Reverse(events.len()));
    let others = lanes.split_off(lanes.len().min(LANES_MAX));
    let mut lanes: Vec<LaneEvents<'_>> = lanes
        .into_iter()
        .map(|((key, name), events)| {
            let is_leaked = verdict.leaked.iter().any(|one| one.id == key);
            let name = format!("{} {}", cut(key, 20), cut(name, 16));
            (name, is_leaked, events)
        })
        .collect();
    if !others.is_empty() {
        let name = format!("{} others", others.len());
        let mut events: Vec<_> = others.into_iter().flat_map(|(_, events)| events).collect();
        events.sort_by_key(|(_, time)| *time);
        lanes.push((name, false, events));
    }
    lanes.sort_by_key(|(_, _, events)| events.iter().map(|(_, time)| *time).min());
    lanes
}

/// Returns a name with at most so many characters.
fn cut(name: &str, n_chars: usize) -> String {
    let name = shown(name);
    match name.chars().nth(n_chars) {
        None => name,
        Some(_) => name.chars().take(n_chars).chain(['…']).collect(),
    }
}

/// Returns the points of a lane: what was done, then what was refused, then what made something, so that the last are
/// not hidden.
fn points(own: &Own<'_>, axis: &Axis, y: f64, events: &[(&CaseEvent, Timestamp)]) -> Vec<Point> {
    let mut bins: BTreeMap<(u8, u32), Vec<(&CaseEvent, Timestamp)>> = BTreeMap::new();
    for (event, time) in events {
        let rank = match (&event.story.error_code, event.story.traces.made.is_empty()) {
            (None, true) => 0,
            (Some(_), _) => 1,
            (None, false) => 2,
        };
        let bin = (axis.x(*time) / POINT_WIDTH).clamp(0.0, WIDTH);
        // The number is between 0 and the width.
        #[expect(clippy::cast_possible_truncation, reason = "see above")]
        let bin = bin as u32;
        bins.entry((rank, bin)).or_default().push((event, *time));
    }
    let points = bins.into_iter().map(|((rank, bin), events)| {
        let first = events.first().map(|(_, time)| *time).unwrap_or_default();
        let last = events.last().map(|(_, time)| *time).unwrap_or_default();
        let n = u32::try_from(events.len()).unwrap_or(u32::MAX);
        let mut calls: Vec<String> = events
            .iter()
            .take(20)
            .map(|(event, _)| call(event))
            .collect();
        calls.dedup();
        calls.truncate(5);
        let class = match rank {
            0 => "done",
            1 => "refused",
            _ => "made",
        };
        Point {
            x: number((f64::from(bin) + 0.5) * POINT_WIDTH),
            y: number(y),
            size: number(3.0 + f64::from(n.ilog2().min(5))),
            class,
            title: format!(
                "{}: {n} {class}: {}",
                own.clock.span(first, last),
                calls.join(", ")
            ),
            link: link(first, last),
        }
    });
    points.collect()
}

/// A time axis with breaks.
#[derive(Debug)]
struct Axis {
    spans: Vec<Span>,
}

/// A span of time without a break: its seconds, and where it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Span {
    first: i64,
    last: i64,
    x: f64,
    width: f64,
}

impl Axis {
    /// Returns the axis for these times, which are in order; nothing if there are none.
    fn new(times: &[Timestamp]) -> Option<Self> {
        let seconds: Vec<i64> = times.iter().map(|time| time.as_second()).collect();
        let (first, last) = (*seconds.first()?, *seconds.last()?);
        // Breaks are where nothing happened for long; the length of "long" grows until few spans are left.
        let mut gap = i64::max(6 * 3600, (last - first) / 500);
        let spans = loop {
            let spans = split(&seconds, gap);
            if spans.len() <= SPANS_MAX {
                break spans;
            }
            gap *= 2;
        };
        let n = f64::from(u32::try_from(spans.len()).unwrap_or(u32::MAX));
        let room = WIDTH - NAMES_WIDTH - 12.0 - BREAK_WIDTH * (n - 1.0);
        // Half of the width is shared alike, the rest by the roots of the lengths.
        let weight = |(first, last): &(i64, i64)| to_f64(last - first + 600).sqrt();
        let all: f64 = spans.iter().map(weight).sum();
        let mut x = NAMES_WIDTH;
        let mut placed = Vec::new();
        for span in &spans {
            let width = room * (0.5 / n + 0.5 * weight(span) / all);
            // Not so long that two spans overlap.
            let margin = ((span.1 - span.0) / 50).clamp(60, gap / 3);
            placed.push(Span {
                first: span.0 - margin,
                last: span.1 + margin,
                x,
                width,
            });
            x += width + BREAK_WIDTH;
        }
        Some(Self { spans: placed })
    }

    /// Returns where a time is drawn. A time in a break is drawn at the end of the span before it.
    fn x(&self, time: Timestamp) -> f64 {
        let second = time.as_second();
        let next = self.spans.partition_point(|span| span.last < second);
        match self.spans.get(next).or_else(|| self.spans.last()) {
            Some(span) => span.x_of(second),
            None => NAMES_WIDTH,
        }
    }

    fn breaks(&self) -> Vec<Text> {
        let pairs = self.spans.iter().zip(self.spans.iter().skip(1));
        let breaks = pairs.map(|(before, after)| Text {
            x: number(before.x + before.width + BREAK_WIDTH / 2.0),
            text: length(SignedDuration::from_secs(after.first - before.last)),
        });
        breaks.collect()
    }

    fn ticks(&self) -> Vec<Tick> {
        let mut ticks = Vec::new();
        let mut day_before = String::new();
        for span in &self.spans {
            let (step, seconds) = span.ticks();
            for second in seconds {
                let time = Timestamp::from_second(second).unwrap_or_default();
                let day = time.strftime("%Y-%m-%d").to_string();
                ticks.push(Tick {
                    x: number(span.x_of(second)),
                    time: match step >= 24 * 3600 {
                        true => String::new(),
                        false => time.strftime("%H:%M").to_string(),
                    },
                    date: if day == day_before {
                        String::new()
                    } else {
                        day.clone()
                    },
                });
                day_before = day;
            }
        }
        ticks
    }
}

impl Span {
    fn x_of(&self, second: i64) -> f64 {
        let part = to_f64(second - self.first) / to_f64((self.last - self.first).max(1));
        self.x + part.clamp(0.0, 1.0) * self.width
    }

    /// Returns the step between ticks, and the ticks, which are multiples of it. A span without one has a tick at its
    /// first whole minute.
    fn ticks(&self) -> (i64, Vec<i64>) {
        let n_max = (self.width / TICK_WIDTH).floor().max(1.0);
        let length = self.last - self.first;
        let fits = |step: &&i64| to_f64(length / **step) <= n_max;
        let step = STEPS.iter().find(fits).copied();
        let step = step.unwrap_or_else(|| (length / 2 / 86_400).max(1) * 86_400);
        let first = self.first.div_euclid(step) * step + step;
        let mut ticks: Vec<i64> = (0..64).map(|n| first + n * step).collect();
        ticks.retain(|tick| *tick <= self.last);
        if ticks.is_empty() {
            return (60, vec![(self.first + length / 2).div_euclid(60) * 60]);
        }
        (step, ticks)
    }
}

/// Splits times where they are further apart than `gap`.
fn split(seconds: &[i64], gap: i64) -> Vec<(i64, i64)> {
    let mut spans: Vec<(i64, i64)> = Vec::new();
    for second in seconds {
        match spans.last_mut() {
            Some((_, last)) if second - *last <= gap => *last = *second,
            _ => spans.push((*second, *second)),
        }
    }
    spans
}

/// Returns a number of seconds for drawing, where the last digits of a large number do not matter.
fn to_f64(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        format!("2024-{text}:00Z").parse().unwrap()
    }

    #[test]
    fn five_hours_within_sixty_days_have_a_large_part_of_the_axis() {
        let mut times = vec![at("04-01T10:00"), at("04-20T10:00")];
        let attack = [at("05-20T21:40"), at("05-20T23:00"), at("05-21T02:25")];
        times.extend(attack);
        times.push(at("05-31T10:00"));
        let axis = Axis::new(&times).unwrap();
        assert_eq!(axis.spans.len(), 4);
        let width = axis.x(attack[2]) - axis.x(attack[0]);
        assert!(width > 150.0, "{width}");
        let xs: Vec<f64> = times.iter().map(|time| axis.x(*time)).collect();
        assert!(
            xs.is_sorted() && xs[0] >= NAMES_WIDTH && xs[5] <= WIDTH,
            "{xs:?}"
        );
        let breaks: Vec<String> = axis.breaks().into_iter().map(|one| one.text).collect();
        assert_eq!(breaks[0], "18 days 23 hours");
        let attack = axis.spans[2];
        let (step, ticks) = attack.ticks();
        assert!(
            ticks.len() >= 2 && ticks.iter().all(|tick| tick % step == 0),
            "{ticks:?}"
        );
        assert!(STEPS.contains(&step));
    }

    #[test]
    fn labels_of_marks_that_are_near_each_other_are_one() {
        let marks = [
            (100.0, "quarantined"),
            (300.0, "lifted"),
            (305.0, "quarantined"),
            (310.0, "lifted"),
            (366.0, "lifted"),
        ];
        let marks = labelled(marks.into_iter().map(|(x, text)| (x, text, String::new())));
        let texts: Vec<&str> = marks.iter().map(|mark| mark.text.as_str()).collect();
        assert_eq!(
            texts,
            ["quarantined", "lifted, quarantined", "", "", "lifted"]
        );
    }

    #[test]
    fn spans_do_not_overlap_however_long_they_are() {
        let mut times: Vec<Timestamp> = Vec::new();
        // Four hundred days with a call every five hours, and a break of seven hours.
        for n in 0..2000_i64 {
            let pause = if n < 1000 { 0 } else { 7 * 3600 };
            let second = at("01-01T00:00").as_second() + n * 5 * 3600 + pause;
            times.push(Timestamp::from_second(second).unwrap());
        }
        let axis = Axis::new(&times).unwrap();
        let few = Axis::new(&[&times[..500], &times[505..]].concat()).unwrap();
        for axis in [&axis, &few] {
            let pairs = axis.spans.iter().zip(axis.spans.iter().skip(1));
            for (before, after) in pairs {
                assert!(before.last < after.first, "{before:?} {after:?}");
            }
        }
        assert!(few.spans.len() > 1);
    }

    #[test]
    fn an_axis_has_a_tick_in_each_span_whatever_its_length() {
        for minutes in [0, 1, 7, 59, 600, 10_000, 100_000, 10_000_000] {
            let first = at("01-01T10:07");
            let second = |n: i64| first.as_second() + minutes * 60 * n / 100;
            let all = (0..=100).map(|n| Timestamp::from_second(second(n)).unwrap());
            let all: Vec<Timestamp> = all.collect();
            let axis = Axis::new(&all).unwrap();
            for span in &axis.spans {
                let (_, ticks) = span.ticks();
                assert!(
                    !ticks.is_empty() && ticks.len() < 20,
                    "{minutes}: {ticks:?}"
                );
            }
        }
        assert!(Axis::new(&[]).is_none());
    }
}
