//! The plot of a user's activity: one lane for each key, with time from left to right.

use std::collections::BTreeMap;

use jiff::Timestamp;
use plotters::prelude::*;

/// Maximum number of lanes that are drawn; the others, with the fewest events, share the last one.
const LANES_MAX: usize = 16;
/// Maximum number of points in a lane; events that are closer together share one point.
const BINS: i64 = 240;
const WIDTH: u32 = 1000;
const LANE_HEIGHT: u32 = 26;
/// Width of the space for the names of lanes.
const NAMES_WIDTH: u32 = 300;

/// Colours that are replaced by the page's own colours, because the page may be light or dark.
const COLOURS: [(RGBColor, &str, &str); 5] = [
    (RGBColor(1, 0, 0), "#010000", "var(--ink)"),
    (RGBColor(2, 0, 0), "#020000", "var(--faint)"),
    (RGBColor(3, 0, 0), "#030000", "var(--ok)"),
    (RGBColor(4, 0, 0), "#040000", "var(--bad)"),
    (RGBColor(5, 0, 0), "#050000", "var(--mark)"),
];
const INK: RGBColor = COLOURS[0].0;
const FAINT: RGBColor = COLOURS[1].0;
const OK: RGBColor = COLOURS[2].0;
const BAD: RGBColor = COLOURS[3].0;
const MARK: RGBColor = COLOURS[4].0;

/// The result of a call. Later variants are drawn over earlier ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Call {
    /// The call succeeded.
    Done,
    /// The call was refused.
    Refused,
    /// The call created something.
    Made,
}

/// The data of a plot.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// Events by their lane: the time and the result of each.
    pub(super) lanes: BTreeMap<String, Vec<(Timestamp, Call)>>,
    /// The times of quarantines.
    pub(super) marks: Vec<Timestamp>,
}

impl Activity {
    /// Returns an SVG; nothing if no event has a time.
    pub(super) fn draw(&self) -> Option<String> {
        let times = self.lanes.values().flatten().map(|(time, _)| *time);
        let times = times
            .chain(self.marks.iter().copied())
            .map(Timestamp::as_second);
        let (first, last) = (times.clone().min()?, times.max()?);
        let margin = ((last - first) / 50).max(60);
        let (first, last) = (first - margin, last + margin);
        let lanes = self.largest();
        let mut svg = String::new();
        // The text is short, and writing to it cannot fail.
        self.draw_into(&mut svg, &lanes, first..last).ok()?;
        for (_, colour, own) in COLOURS {
            svg = svg.replace(colour, own);
        }
        // The plot is as wide as the page, whatever its width.
        Some(svg.replacen("<svg ", "<svg class=\"plot\" role=\"img\" ", 1))
    }

    fn largest(&self) -> Vec<(String, Vec<(Timestamp, Call)>)> {
        let mut lanes: Vec<_> = self
            .lanes
            .iter()
            .map(|(name, events)| (name.clone(), events.clone()))
            .collect();
        lanes.sort_by_key(|(_, events)| std::cmp::Reverse(events.len()));
        let others = lanes.split_off(lanes.len().min(LANES_MAX));
        if !others.is_empty() {
            let events = others.iter().flat_map(|(_, events)| events.iter().copied());
            lanes.push((format!("{} others", others.len()), events.collect()));
        }
        lanes.sort_by_key(|(_, events)| events.iter().map(|(time, _)| *time).min());
        lanes
    }

    fn draw_into(
        &self,
        svg: &mut String,
        lanes: &[(String, Vec<(Timestamp, Call)>)],
        times: std::ops::Range<i64>,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let n_lanes = u32::try_from(lanes.len())?;
        let size = (WIDTH, LANE_HEIGHT * n_lanes + 50);
        let root = SVGBackend::with_string(svg, size).into_drawing_area();
        let mut chart = ChartBuilder::on(&root)
            .margin(8)
            .x_label_area_size(28)
            .y_label_area_size(NAMES_WIDTH)
            .build_cartesian_2d(times.clone(), 0.0..f64::from(n_lanes))?;
        let text = || ("sans-serif", 12).into_font().color(&INK);
        chart
            .configure_mesh()
            .disable_mesh()
            .axis_style(FAINT)
            .label_style(text())
            .x_labels(6)
            .x_label_formatter(&|second| {
                let time = Timestamp::from_second(*second).unwrap_or_default();
                time.strftime("%Y-%m-%d %H:%M").to_string()
            })
            .y_labels(0)
            .draw()?;
        for mark in &self.marks {
            let at = |y| (mark.as_second(), y);
            let line = PathElement::new([at(0.0), at(f64::from(n_lanes))], MARK.stroke_width(2));
            chart.draw_series([line])?;
        }
        let width = ((times.end - times.start) / BINS).max(1);
        // The first lane is at the top.
        for ((name, events), lane) in lanes.iter().zip((0..n_lanes).rev()) {
            let y = f64::from(lane) + 0.5;
            let left = (10 - i32::try_from(NAMES_WIDTH)?, -6);
            let label = EmptyElement::at((times.start, y)) + Text::new(name.clone(), left, text());
            chart.draw_series([label])?;
            let mut bins: BTreeMap<(Call, i64), usize> = BTreeMap::new();
            for (time, call) in events {
                let bin = time.as_second() / width;
                *bins.entry((*call, bin)).or_default() += 1;
            }
            for ((call, bin), n) in bins {
                let at = (bin * width + width / 2, y);
                let size = 3 + i32::try_from(n.ilog2().min(5)).unwrap_or(0);
                match call {
                    Call::Done => chart.draw_series([Circle::new(at, size, OK.filled())])?,
                    Call::Refused => chart.draw_series([Circle::new(at, size, BAD.filled())])?,
                    Call::Made => {
                        chart.draw_series([TriangleMarker::new(at, size + 2, INK.filled())])?
                    }
                };
            }
        }
        root.present()?;
        Ok(())
    }
}
