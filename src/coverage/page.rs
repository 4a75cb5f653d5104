//! The map as one HTML page, which needs no network and no script.
//!
//! A region is a row of colours, folded into its account. Neighbours of one colour are drawn once, so that years of
//! hundreds of accounts stay readable.

use std::fmt::Write as _;

use super::cells::{HOUR, n_parts};
use super::heat::{holes_in_words, n_holes, shade};
use super::map::{CoverageMap, HourState, RegionMap};
use crate::custody::time_text;

/// The number of cells of all rows together. More make a page slow.
const CELLS_MAX: i64 = 100_000;
/// The number of cells of a row.
const ROW_CELLS_MAX: i64 = 400;
/// The hours that a cell may stand for.
const UNITS: [(i64, &str); 7] = [
    (1, "an hour"),
    (6, "6 hours"),
    (24, "a day"),
    (168, "a week"),
    (720, "30 days"),
    (2160, "90 days"),
    (8760, "a year"),
];

const STYLE: &str = "\
body{font:14px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1a1a1a;background:#fff}\
table{border-spacing:0 3px}td{padding:0 .8em 0 0;white-space:nowrap;vertical-align:middle}\
svg{display:block;height:14px;width:56rem}summary{cursor:pointer;padding:.3em 0}\
.c0{fill:#c6dbef}.c1{fill:#6baed6}.c2{fill:#2171b5}.c3{fill:#08306b}.q{fill:#d9ead3}.h{fill:#cb181d}.u{fill:#d9d9d9}\
.key svg{display:inline-block;width:12px;margin:0 .3em 0 1em;vertical-align:-2px}.bad{color:#a50f15;font-weight:600}\
th{text-align:left;padding-right:.8em}";

/// Returns the page.
#[must_use]
pub fn page(map: &CoverageMap) -> String {
    let mut html = String::from("<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\">");
    html += "<meta name=\"viewport\" content=\"width=device-width\"><title>What the archive holds</title>";
    html += &format!("<style>{STYLE}</style>\n<h1>What the archive holds</h1>\n");
    let first = map.regions.iter().map(|region| region.first).min();
    let last = map.regions.iter().map(end_of).max();
    let Some((first, last)) = first.zip(last) else {
        return html + "<p>No events and no digest files were read.</p></html>\n";
    };
    let n_rows = i64::try_from(map.regions.len()).unwrap_or(1).max(1);
    let most = ROW_CELLS_MAX.min(CELLS_MAX / n_rows).max(12);
    let (hours, unit) = *UNITS
        .iter()
        .find(|(hours, _)| n_parts(last - first, *hours) <= most)
        .unwrap_or(&UNITS[UNITS.len() - 1]);
    let scale = Scale {
        first: first.div_euclid(hours) * hours,
        last,
        hours,
        events_max: events_max(map, hours),
    };
    html += &format!(
        "<p>From {} to {} (UTC). A cell is {unit}. Point at a cell to see its time.</p>\n",
        time_text(first * HOUR),
        time_text(last * HOUR)
    );
    html += &legend();
    holes(map, &mut html);
    let mut at = 0;
    let mut is_open = map.regions.len() <= 40;
    while let Some(region) = map.regions.get(at) {
        let of_account = map.regions[at..]
            .iter()
            .take_while(|one| one.account == region.account);
        let of_account: Vec<&RegionMap> = of_account.collect();
        at += of_account.len();
        account(&of_account, &scale, is_open, &mut html);
        is_open &= at < 100;
    }
    trail_events(map, &mut html);
    html + "</html>\n"
}

struct Scale {
    first: i64,
    last: i64,
    hours: i64,
    events_max: u64,
}

fn end_of(region: &RegionMap) -> i64 {
    region.first + i64::try_from(region.states.len()).unwrap_or_default()
}

fn events_max(map: &CoverageMap, hours: i64) -> u64 {
    let mut most = 0;
    for region in &map.regions {
        let (mut cell, mut sum) = (i64::MIN, 0);
        for (hour, one) in &region.cells {
            let of = hour.div_euclid(hours);
            sum = if of == cell {
                sum + one.n_events
            } else {
                one.n_events
            };
            cell = of;
            most = most.max(sum);
        }
    }
    most
}

fn legend() -> String {
    let mut html = "<p class=\"key\">".to_owned();
    for (class, text) in [
        ("c0", ""),
        ("c1", ""),
        ("c2", ""),
        ("c3", "events, few to many"),
        ("q", "quiet: digest files say that nothing was delivered"),
        ("h", "hole"),
        ("u", "unknown: nothing tells if something is missing"),
    ] {
        html +=
            &format!("<svg><rect class=\"{class}\" width=\"100%\" height=\"100%\"/></svg>{text}");
    }
    html + "</p>\n"
}

/// Writes all holes in words.
fn holes(map: &CoverageMap, html: &mut String) {
    let holes = holes_in_words(map);
    if holes.is_empty() {
        *html += "<p>No holes were found.</p>\n";
        return;
    }
    let (n, open) = (n_holes(map), if holes.len() <= 20 { " open" } else { "" });
    *html += &format!("<details{open}><summary class=\"bad\">Holes: {n}</summary><ul>");
    for hole in holes {
        *html += &format!("<li>{}", escaped(&hole));
    }
    *html += "</ul></details>\n";
}

fn account(regions: &[&RegionMap], scale: &Scale, is_open: bool, html: &mut String) {
    let name = regions.first().map_or("", |region| &region.account);
    let n = |state| {
        regions
            .iter()
            .map(|region| region.n_hours(state))
            .sum::<usize>()
    };
    let n_holes = n(HourState::Hole);
    let class = if n_holes > 0 { " class=\"bad\"" } else { "" };
    let open = if is_open || n_holes > 0 && regions.len() <= 40 {
        " open"
    } else {
        ""
    };
    let name = if name.is_empty() {
        "unknown account"
    } else {
        name
    };
    *html += &format!(
        "<details{open}><summary><b>{}</b>: {} hours covered, {} quiet, <span{class}>{n_holes} in holes</span>, {} unknown</summary><table>",
        escaped(name),
        n(HourState::Covered),
        n(HourState::Quiet),
        n(HourState::Unknown)
    );
    for region in regions {
        *html += &format!("<tr><td>{}<td>", escaped(&region.region));
        row(region, scale, html);
    }
    *html += "</table></details>\n";
}

/// Draws a region.
fn row(region: &RegionMap, scale: &Scale, html: &mut String) {
    let n_cells = n_parts(scale.last - scale.first, scale.hours).max(1);
    // Writing to a string cannot fail, here and below.
    write!(
        html,
        "<svg viewBox=\"0 0 {n_cells} 1\" preserveAspectRatio=\"none\">"
    )
    .ok();
    let mut run: Option<Run> = None;
    for (cell, class, words) in cells(region, scale) {
        match &mut run {
            Some(run) if run.to == cell && run.class == class => run.to += 1,
            _ => {
                if let Some(run) = run.take() {
                    run.draw(scale, html);
                }
                run = Some(Run {
                    from: cell,
                    to: cell + 1,
                    class,
                    words,
                });
            }
        }
    }
    if let Some(run) = run {
        run.draw(scale, html);
    }
    *html += "</svg>";
}

/// Neighbours of one colour.
struct Run {
    from: i64,
    to: i64,
    class: &'static str,
    words: &'static str,
}

impl Run {
    fn draw(&self, scale: &Scale, html: &mut String) {
        let Self {
            from,
            to,
            class,
            words,
        } = self;
        let time = |cell: i64| {
            let text = time_text((scale.first + cell * scale.hours) * HOUR);
            // All begin with an hour.
            text.replace(":00Z", "").replace('T', " ")
        };
        write!(
            html,
            "<rect class={class} x={from} width={} height=1><title>{} to {}: {words}</title></rect>",
            to - from,
            time(*from),
            time(*to)
        )
        .ok();
    }
}

/// Returns the cells of a region in order, each with its class and what it is. A hole anywhere in a cell is seen.
fn cells(region: &RegionMap, scale: &Scale) -> Vec<(i64, &'static str, &'static str)> {
    const CLASSES: [&str; 4] = ["c0", "c1", "c2", "c3"];
    let mut cells = Vec::new();
    let mut hours = region.hours().peekable();
    while let Some((hour, _)) = hours.peek().copied() {
        let cell = (hour - scale.first).div_euclid(scale.hours);
        let is_of_cell =
            |one: &(i64, HourState)| (one.0 - scale.first).div_euclid(scale.hours) == cell;
        let mut states = [false; 4];
        let mut n_events = 0;
        while let Some((hour, state)) = hours.next_if(is_of_cell) {
            n_events += region.cells.get(&hour).map_or(0, |cell| cell.n_events);
            states[state as usize] = true;
        }
        let has = |state: HourState| states[state as usize];
        cells.push(if has(HourState::Hole) {
            (cell, "h", "hole")
        } else if has(HourState::Covered) {
            (cell, CLASSES[shade(n_events, scale.events_max)], "events")
        } else if has(HourState::Unknown) {
            (cell, "u", "unknown")
        } else {
            (cell, "q", "quiet")
        });
    }
    cells
}

fn trail_events(map: &CoverageMap, html: &mut String) {
    if map.trail_events.is_empty() {
        return;
    }
    *html += "<h2>Events that speak of the log itself</h2><table><tr><th>time<th>account<th>region<th>call<th>trail or bucket<th>user<th>error";
    for event in &map.trail_events {
        let error = event.error.as_deref().unwrap_or_default();
        let cells = [
            &event.time,
            &event.account,
            &event.region,
            &event.call,
            &event.target,
            &event.user,
            error,
        ];
        *html += "<tr>";
        for cell in cells {
            *html += &format!("<td>{}", escaped(cell));
        }
    }
    *html += "</table>\n";
}

/// Returns a text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_of_years_of_many_accounts_is_small_and_its_texts_are_no_markup() {
        let mut regions = Vec::new();
        for n in 0..400 {
            let mut states = vec![HourState::Quiet; 5 * 366 * 24];
            states[n * 100] = HourState::Hole;
            let mut region = RegionMap::of_states(0, states);
            region.account = format!("1111222233{:02}", n / 20);
            region.region = "<script>".to_owned();
            regions.push(region);
        }
        let map = CoverageMap {
            regions,
            trail_events: Vec::new(),
            has_digests: true,
        };
        let page = page(&map);
        assert!(page.len() < 400_000, "{}", page.len());
        assert!(page.contains("class=h ") && !page.contains("<script"));
        assert!(!page.contains("http"));
        assert_eq!(page.matches("<details").count(), 20);
    }
}
