//! Rows of text: written in the dialects that they are found in, and read the slow way, by their dialect to the letter.

use super::json::Style;
use super::make::Made;
use super::random::Random;
use super::records::Record;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    pub(crate) quote: u8,
    /// Whether a quote in quotes has a backslash before it; else it is doubled.
    pub(crate) is_escaped: bool,
}

const COLUMNS: [&str; 13] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "sourceIPAddress",
    "userAgent",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "eventID",
    "recipientAccountId",
];
/// Columns that are no column of CloudTrail's.
const BESIDE: [&str; 4] = ["_time", "", "year", "host"];
/// Columns that hold whole records.
const WHOLE: [&str; 3] = ["_raw", "eventData", "message"];
/// Columns without which a table shows nothing.
const NEEDED: [&str; 6] = [
    "eventTime",
    "eventName",
    "errorCode",
    "errorMessage",
    "requestParameters",
    "eventID",
];

/// What the rows of a file have in common.
struct Table {
    dialect: Dialect,
    columns: Vec<&'static str>,
    is_lower: bool,
    quotes_all: bool,
    has_index: bool,
    is_map: bool,
    is_pretty: bool,
    newline: &'static str,
}

/// CSV and its like.
pub(crate) fn csv(random: &mut Random, records: &[Record]) -> Made {
    let (table, label) = table(random);
    let mut made = Made::of(label);
    made.dialect = Some(table.dialect);
    if random.chance(5) {
        made.frame("\u{feff}");
    }
    if random.chance(6) {
        made.frame(random.pick::<&str>(&["Events of May\n", "# made by a tool\n\n"]));
    }
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|name| match table.is_lower {
            true => name.to_ascii_lowercase(),
            false => (*name).to_owned(),
        })
        .collect();
    let mut header: Vec<String> = names.iter().map(|name| table.cell(name)).collect();
    if table.has_index {
        header.insert(0, String::new());
    }
    made.frame(&table.row(&header));
    made.frame(table.newline);
    made.body = made.text.len();
    for (n, record) in records.iter().enumerate() {
        let cells = table.columns.iter().map(|name| table.value(record, name));
        let mut cells: Vec<String> = cells.map(|cell| table.cell(&cell)).collect();
        if table.has_index {
            cells.insert(0, n.to_string());
        }
        made.record(record, &table.row(&cells));
        // The last row need not have an end.
        if n + 1 < records.len() || !random.chance(10) {
            made.frame(table.newline);
        }
    }
    made
}

fn table(random: &mut Random) -> (Table, String) {
    let kind = *random.pick(&[
        "athena",
        "athena",
        "whole records",
        "quote all",
        "minimal",
        "minimal",
        "spark",
        "pandas",
        "tabs",
        "semicolons",
    ]);
    let (delimiter, is_escaped) = match kind {
        "tabs" => (b'\t', false),
        "semicolons" => (b';', false),
        "spark" => (b',', true),
        _ => (b',', false),
    };
    let mut columns = if kind == "whole records" {
        vec!["_time", "host", *random.pick(&WHOLE)]
    } else {
        let mut columns = COLUMNS.to_vec();
        if random.chance(50) {
            columns.retain(|name| NEEDED.contains(name) || random.chance(60));
        }
        if random.chance(20) {
            columns.push("year");
        }
        columns
    };
    if random.chance(30) {
        random.shuffle(&mut columns);
    }
    let table = Table {
        dialect: Dialect {
            delimiter,
            quote: b'"',
            is_escaped,
        },
        columns,
        is_lower: kind == "athena" || kind != "whole records" && random.chance(50),
        quotes_all: kind == "athena" || kind == "quote all" || random.chance(10),
        has_index: kind == "pandas",
        is_map: kind != "whole records" && random.chance(15),
        is_pretty: random.chance(8),
        newline: if random.chance(15) { "\r\n" } else { "\n" },
    };
    let words = [
        kind,
        if table.quotes_all { ", all quoted" } else { "" },
        if table.is_map { ", maps" } else { "" },
        if table.is_pretty {
            ", cells of lines"
        } else {
            ""
        },
        if table.newline == "\n" { "" } else { ", crlf" },
    ];
    (table, words.concat())
}

impl Table {
    /// What a cell says.
    fn value(&self, record: &Record, name: &str) -> String {
        let style = if self.is_pretty {
            Style::Pretty(0)
        } else {
            Style::Compact
        };
        let cloudtrail = record.cloudtrail();
        match name {
            "requestParameters" if record.request.is_empty() => String::new(),
            "requestParameters" if self.is_map => record.request_map(),
            "_time" => record.time.clone(),
            "year" => "2024".to_owned(),
            "host" => "log-7".to_owned(),
            name if WHOLE.contains(&name) => cloudtrail.write(style),
            name => cloudtrail
                .all(name)
                .next()
                .map_or_else(String::new, |value| {
                    let text = value.as_text().map(str::to_owned);
                    text.unwrap_or_else(|| match value.is_hollow() {
                        true => String::new(),
                        false => value.write(style),
                    })
                }),
        }
    }

    fn cell(&self, text: &str) -> String {
        let Dialect {
            delimiter,
            quote,
            is_escaped,
        } = self.dialect;
        let quote = char::from(quote);
        let special = [char::from(delimiter), quote, '\n', '\r'];
        let is_quoted = self.quotes_all || text.contains(special);
        if !is_quoted {
            return text.to_owned();
        }
        let inside = match is_escaped {
            true => text
                .replace('\\', "\\\\")
                .replace(quote, &format!("\\{quote}")),
            false => text.replace(quote, &format!("{quote}{quote}")),
        };
        format!("{quote}{inside}{quote}")
    }

    fn row(&self, cells: &[String]) -> String {
        cells.join(&char::from(self.dialect.delimiter).to_string())
    }
}

/// A row that was read: its cells, and where it ends.
pub(crate) struct Row {
    pub(crate) cells: Vec<String>,
    pub(crate) end: usize,
}

/// The row that begins at `start`, if every cell of it is either without quotes or wholly in them.
pub(crate) fn read(text: &[u8], start: usize, dialect: Dialect) -> Option<Row> {
    let (mut cells, mut at) = (Vec::new(), start);
    loop {
        let mut cell = Vec::new();
        if text.get(at) == Some(&dialect.quote) {
            at += 1;
            loop {
                let byte = *text.get(at)?;
                let next = text.get(at + 1).copied();
                at += 1;
                if byte == dialect.quote && !dialect.is_escaped && next == Some(dialect.quote)
                    || byte == b'\\' && dialect.is_escaped && next.is_some()
                {
                    cell.extend(next);
                    at += 1;
                } else if byte == dialect.quote {
                    break;
                } else {
                    cell.push(byte);
                }
            }
        } else {
            while let Some(&byte) = text.get(at)
                && byte != dialect.delimiter
                && byte != b'\n'
            {
                if byte == dialect.quote {
                    return None;
                }
                cell.push(byte);
                at += 1;
            }
            if cell.last() == Some(&b'\r') && matches!(text.get(at), None | Some(b'\n')) {
                cell.pop();
                at -= 1;
            }
        }
        cells.push(String::from_utf8_lossy(&cell).into_owned());
        let rest = &text[at..];
        if rest.first() == Some(&dialect.delimiter) {
            at += 1;
            continue;
        }
        let is_end = rest.is_empty()
            || rest == b"\r"
            || rest.starts_with(b"\n")
            || rest.starts_with(b"\r\n");
        return is_end.then_some(Row { cells, end: at });
    }
}

/// The column that a name is, whatever the case of its letters.
pub(crate) fn column(name: &str) -> Option<&'static str> {
    let all = COLUMNS.iter().chain(&WHOLE).chain(&BESIDE);
    all.copied()
        .find(|column| column.eq_ignore_ascii_case(name.trim()))
}

/// Whether cells are the names of columns: more than half are known, and one of them is a column of events.
pub(crate) fn is_header(cells: &[String]) -> bool {
    let known: Vec<_> = cells.iter().filter_map(|cell| column(cell)).collect();
    // A row that a header ran into is none.
    let is_value = |cell: &String| cell.trim_start().starts_with('{');
    known.len() * 2 > cells.len()
        && known.iter().any(|name| !BESIDE.contains(name))
        && !cells.iter().any(is_value)
}
