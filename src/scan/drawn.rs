//! Detects drawn tables, of lines and bars, in which a cell breaks or is cut: names in it are not seen.
//!
//! In: the beginning of a text. Out: the place of the first such cell. A drawn table whose cells are whole is read like
//! any other text.

use memchr::memmem;

use super::ending::string_end;

/// The least length of a line between rows.
const BORDER_LEAST: usize = 6;

/// The beginning of the name of a resource, and the least length of the rest of one.
const RESOURCE: &str = "arn:";
const REST_LEAST: usize = 3;

/// Names of columns or keys, one of which every table of events has, as they are without blanks and underscores.
const NAMES: [&str; 6] = [
    "eventname",
    "eventversion",
    "eventtime",
    "cloudtrailevent",
    "lookupevents",
    "requestparameters",
];

/// A line between two newlines.
struct Line {
    /// Its start in the text.
    at: usize,
    /// Its text, in which all bars between cells are the same.
    text: String,
}

impl Line {
    /// Returns true if the line is one that is drawn between rows.
    fn is_border(&self) -> bool {
        let text = self.text.trim();
        let is_drawn = |c: char| {
            matches!(
                c,
                '-' | '+' | '|' | '=' | ':' | ' ' | '\u{2500}'..='\u{257f}'
            )
        };
        let is_dash = |c: &char| matches!(c, '-' | '=' | '─' | '━' | '═');
        text.chars().all(is_drawn) && text.chars().filter(is_dash).count() >= BORDER_LEAST
    }

    fn cells(&self) -> Vec<&str> {
        self.text.split('|').collect()
    }
}

/// Returns the start of the first line of a drawn table in which a cell goes on in the next line, or is cut.
pub(super) fn broken(head: &[u8]) -> Option<usize> {
    if !["|", "│", "┃", "║"]
        .into_iter()
        .any(|bar| memmem::find(head, bar.as_bytes()).is_some())
    {
        return None;
    }
    let lines = lines(head);
    let begins = |line: &Line| line.is_border() || line.text.trim_start().starts_with('|');
    let first = lines.iter().position(begins)?;
    // A row comes after its header or its border. The title of a table may be before it.
    let rows = &lines[first.saturating_sub(1)..];
    let has_bars = rows
        .iter()
        .any(|line| !line.is_border() && line.text.contains('|'));
    if !has_bars || !names_events(head) {
        return None;
    }
    let is_broken = |nth: &usize| {
        let next = rows.get(nth + 1);
        is_open(&rows[*nth])
            || is_cut(&rows[*nth])
            || next.is_some_and(|next| goes_on(&rows[*nth], next))
    };
    (0..rows.len()).find(is_broken).map(|nth| rows[nth].at)
}

/// Returns the complete lines of a text.
fn lines(head: &[u8]) -> Vec<Line> {
    let (mut lines, mut at) = (Vec::new(), 0);
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let bars = ['│', '┃', '║'];
        if line.ends_with(b"\n") {
            let text = String::from_utf8_lossy(line).replace(bars, "|");
            lines.push(Line { at, text });
        }
        at += line.len();
    }
    lines
}

fn names_events(head: &[u8]) -> bool {
    let letters = head.iter().filter(|b| !matches!(b, b' ' | b'_'));
    let letters: Vec<u8> = letters.map(u8::to_ascii_lowercase).collect();
    let has = |name: &str| memmem::find(&letters, name.as_bytes()).is_some();
    NAMES.into_iter().any(has)
}

/// Returns true if an object begins in a row and does not end there.
fn is_open(row: &Line) -> bool {
    let text = row.text.as_bytes();
    let start = memmem::find(text, b"{\"").filter(|_| row.text.contains('|'));
    let Some(start) = start else {
        return false;
    };
    let (mut depth, mut at) = (0_usize, start);
    while let Some(byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 1 => return false,
            b'}' => depth -= 1,
            b'"' => match string_end(text, at) {
                Some(end) => at = end + 1,
                None => return true,
            },
            _ => {}
        }
    }
    true
}

/// Returns true if a cell ends in dots that stand for the rest of it, or for the rows that are left out.
fn is_cut(row: &Line) -> bool {
    let is_cut = |cell: &str| {
        let cell = cell.trim();
        let is_token = !cell.contains(char::is_whitespace);
        cell == "·" || is_token && (cell.ends_with('…') || cell.ends_with("..."))
    };
    row.text.contains('|') && row.cells().into_iter().any(is_cut)
}

/// Returns true if the name of a resource, such as a policy, goes on in the next line: its cell is full, the next line has
/// the rest of it, and others have nothing there.
fn goes_on(row: &Line, next: &Line) -> bool {
    let (cells, more) = (row.cells(), next.cells());
    if cells.len() < 2 || cells.len() != more.len() || row.is_border() || next.is_border() {
        return false;
    }
    let is_blank = |cell: &str| cell.trim().is_empty();
    let is_full = |cell: &str| !is_blank(cell) && cell.trim_end().len() + 2 >= cell.len();
    let is_rest = |cell: &str| {
        let cell = cell.trim();
        cell.len() >= REST_LEAST && !cell.contains(' ') && !cell.starts_with(RESOURCE)
    };
    let mut pairs = cells.iter().zip(&more);
    let all_full = pairs
        .clone()
        .all(|(cell, more)| is_blank(more) || is_full(cell));
    let has_blank = pairs
        .clone()
        .any(|(cell, more)| is_blank(more) && !is_blank(cell));
    let is_divided = |(cell, more): (&&str, &&str)| cell.contains(RESOURCE) && is_rest(more);
    all_full && has_blank && pairs.any(is_divided)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECORD: &str = r#"{"eventVersion":"1.08","eventName":"AttachUserPolicy","requestParameters":{"policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}}"#;

    /// Returns a table of one row in these characters, each cell of which is divided among lines of this width.
    fn table(cells: &[&str], width: usize, bar: char, dash: &str) -> String {
        let names = ["EventName", "CloudTrailEvent", "Username"];
        let rows = [&names[..cells.len()], cells];
        let widest = rows
            .iter()
            .flat_map(|row| row.iter())
            .map(|cell| cell.len())
            .max();
        let width = width.min(widest.unwrap());
        let border = format!(
            "+{}\n",
            format!("{}+", dash.repeat(width + 2)).repeat(cells.len())
        );
        let mut text = border.clone();
        for row in rows {
            let n_lines = row
                .iter()
                .map(|cell| cell.len().div_ceil(width))
                .max()
                .unwrap();
            for line in 0..n_lines {
                for cell in row {
                    let part: String = cell.chars().skip(line * width).take(width).collect();
                    text.push_str(&format!("{bar} {part:width$} "));
                }
                text.push(bar);
                text.push('\n');
            }
            text.push_str(&border);
        }
        text
    }

    #[test]
    fn a_table_whose_cells_are_whole_is_not_broken() {
        for (bar, dash) in [('|', "-"), ('│', "─"), ('┃', "━"), ('|', "=")] {
            for cells in [
                &["AttachUserPolicy", RECORD, "alice"][..],
                &["GetUser", "", ""],
                &["GetUser", "{}", "a [S3Console/0.4, ...]"],
                &["GetUser"],
            ] {
                let text = table(cells, 1000, bar, dash);
                assert_eq!(broken(text.as_bytes()), None, "{text}");
            }
        }
    }

    #[test]
    fn rows_with_empty_cells_are_no_rest_of_the_row_before() {
        let arn = "arn:aws:iam::111122223333:user/alice";
        let rows = [
            ["2024-05-01T12:00:00Z", "GetUser", arn, "AccessDenied"],
            ["2024-05-01T12:00:01Z", "GetUser", arn, ""],
            ["2024-05-01T12:00:02Z", "GetUser", "-", ""],
            ["2024-05-01T12:00:03Z", "GetUser", "", ""],
        ];
        let mut text =
            "| eventTime | eventName | arn | errorCode |\n|---|---|---|---|\n".to_owned();
        text.extend(rows.map(|row| format!("| {} |\n", row.join(" | "))));
        assert_eq!(broken(text.as_bytes()), None);
    }

    #[test]
    fn a_cell_that_goes_on_in_the_next_line_is_found() {
        let arn = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2";
        for (bar, dash) in [('|', "-"), ('│', "─")] {
            for width in 16..60 {
                let cells = ["AttachUserPolicy", RECORD, "alice"];
                let text = table(&cells, width, bar, dash);
                assert!(broken(text.as_bytes()).is_some(), "{text}");
            }
            for width in 16..arn.len() - REST_LEAST {
                let text = table(&["AttachUserPolicy", arn], width, bar, dash);
                assert!(broken(text.as_bytes()).is_some(), "{text}");
                let is_row = |line: &&str| line.starts_with(bar);
                let rows: Vec<&str> = text.lines().filter(is_row).chain([""]).collect();
                assert!(broken(rows.join("\n").as_bytes()).is_some(), "{text}");
            }
        }
    }

    #[test]
    fn a_cell_that_is_cut_is_found() {
        let cut: String = RECORD.chars().take(60).collect();
        for cell in [
            &*cut,
            "arn:aws:iam::aws:policy/AWSCom…",
            "arn:aws:iam::aws:policy/A...",
            "·",
        ] {
            let text = table(&["AttachUserPolicy", cell], 1000, '|', "-");
            assert!(broken(text.as_bytes()).is_some(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_drawn_tables() {
        let wrapped = table(&["AttachUserPolicy", RECORD], 40, '|', "-");
        for text in [
            "",
            "----",
            "eventName|requestParameters\nGetUser|{\"a\n",
            "-----------\n",
            "a note | of eventName\n--------\nand more {\"eventName\n",
            // Tables about something else.
            &wrapped
                .replace("event", "e")
                .replace("Event", "E")
                .replace("requestP", "p"),
            // A list in YAML, and one with remarks.
            "---\n- EventName: GetUser\n  Resources: []\n",
            "# ---------\neventName,requestParameters\nGetUser,{\"a\n",
        ] {
            assert_eq!(broken(text.as_bytes()), None, "{text}");
        }
    }
}
