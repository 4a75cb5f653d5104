//! Columns that fit the terminal.

use unicode_width::UnicodeWidthStr as _;

use super::super::terminal::bold;

/// Minimum width of a table; below it each event is a few lines of its own.
const NARROW_CHARS: usize = 80;
/// Minimum width of a column that is cut off.
const CUT_CHARS: usize = 6;
/// Minimum width of such a column while another one can be left out.
const FLEXIBLE_CHARS: usize = 10;
/// Space between two columns.
const GAP: &str = "  ";

/// The space that a table has, in characters per line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Room {
    /// As much as it needs: nothing is cut off.
    Unlimited,
    /// The width of a terminal.
    Chars(usize),
}

impl Room {
    /// Returns the space on standard output: that of the terminal, or what the environment variable `COLUMNS` says. Another
    /// file or a pipe gets everything.
    pub(in super::super) fn of_stdout(is_wide: bool) -> Self {
        match is_wide {
            true => Self::Unlimited,
            false => Self::of(terminal_size::terminal_size_of(std::io::stdout())),
        }
    }

    /// Returns the space on standard error, found in the same way.
    pub(in super::super) fn of_stderr() -> Self {
        Self::of(terminal_size::terminal_size_of(std::io::stderr()))
    }

    fn of(terminal: Option<(terminal_size::Width, terminal_size::Height)>) -> Self {
        let said = std::env::var_os("COLUMNS")
            .and_then(|columns| columns.to_str()?.parse().ok())
            .filter(|n_chars| *n_chars > 0);
        let n_chars = said.or_else(|| Some(usize::from(terminal?.0.0)));
        n_chars.map_or(Self::Unlimited, Self::Chars)
    }

    /// Returns whether a table fits at all.
    pub(super) fn is_table(self) -> bool {
        !matches!(self, Self::Chars(n) if n < NARROW_CHARS)
    }
}

/// A column of a table.
#[derive(Debug)]
pub(super) struct TableColumn {
    pub(super) title: &'static str,
    /// Minimum width, if the column may be cut off to fit.
    least: Option<usize>,
    /// True if it is cut off only when nothing else is left to be.
    is_cut_last: bool,
    /// True if it may be left out to fit.
    may_go: bool,
    /// True if its cells end below each other, as numbers do.
    is_right: bool,
    pub(super) cells: Vec<String>,
}

impl TableColumn {
    /// Returns a column that is never cut off.
    pub(super) fn whole(title: &'static str, cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            title,
            least: None,
            is_cut_last: false,
            may_go: false,
            is_right: false,
            cells: cells.into_iter().collect(),
        }
    }

    /// Returns a column that may be cut off, but not below its title's width.
    pub(super) fn flexible(title: &'static str, cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            least: Some(title.width().max(CUT_CHARS)),
            ..Self::whole(title, cells)
        }
    }

    /// Returns a column that is cut off only if there is no other way.
    pub(super) fn important(title: &'static str, cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            is_cut_last: true,
            ..Self::flexible(title, cells)
        }
    }

    /// Returns a column that may be left out.
    pub(super) fn optional(title: &'static str, cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            may_go: true,
            ..Self::whole(title, cells)
        }
    }

    /// Returns a column of numbers.
    pub(super) fn numbers(title: &'static str, cells: impl IntoIterator<Item = String>) -> Self {
        Self {
            is_right: true,
            ..Self::whole(title, cells)
        }
    }

    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| cell.width());
        cells.chain([self.title.width()]).max().unwrap_or(0)
    }
}

/// Returns the lines of a table, the first with the titles, and a line about columns that are left out. `style` may
/// format a line that is complete. Of columns that may be left out, the first ones go first.
pub(super) fn lines(
    columns: &[TableColumn],
    room: Room,
    style: impl Fn(usize, String) -> String,
) -> String {
    let (columns, left_out) = fitting(columns, room);
    let widths = widths(&columns, room);
    let line = |cell: &dyn Fn(&TableColumn) -> String| {
        let cells = columns.iter().zip(&widths).map(|(column, width)| {
            let text = fitted(&cell(column), *width);
            let padding = " ".repeat(width.saturating_sub(text.width()));
            match column.is_right {
                true => padding + &text,
                false => text + &padding,
            }
        });
        cells.collect::<Vec<_>>().join(GAP).trim_end().to_owned()
    };
    let mut text = bold(&line(&|column| column.title.to_owned())) + "\n";
    let n_rows = columns.first().map_or(0, |column| column.cells.len());
    for row in 0..n_rows {
        let cells = line(&|column| column.cells.get(row).cloned().unwrap_or_default());
        text += &style(row, cells);
        text.push('\n');
    }
    if !left_out.is_empty() {
        text += &format!("columns left out: {} (--wide)\n", left_out.join(", "));
    }
    text
}

/// Returns the columns that fit, and the titles of those that do not.
fn fitting(columns: &[TableColumn], room: Room) -> (Vec<&TableColumn>, Vec<&'static str>) {
    let mut columns: Vec<&TableColumn> = columns.iter().collect();
    let mut left_out = Vec::new();
    let least = |column: &&TableColumn| {
        let least = column.least.filter(|_| !column.is_cut_last);
        least.map_or_else(
            || column.width(),
            |least| least.max(FLEXIBLE_CHARS).min(column.width()),
        )
    };
    let fits = |columns: &[&TableColumn]| match room {
        Room::Unlimited => true,
        Room::Chars(n_chars) => {
            let gaps = GAP.len() * columns.len().saturating_sub(1);
            columns.iter().map(least).sum::<usize>() + gaps <= n_chars
        }
    };
    while !fits(&columns) {
        let Some(first) = columns.iter().position(|column| column.may_go) else {
            break;
        };
        left_out.push(columns.remove(first).title);
    }
    (columns, left_out)
}

/// Returns the width of each column. What does not fit is taken from the widest column that may be cut off.
fn widths(columns: &[&TableColumn], room: Room) -> Vec<usize> {
    let mut widths: Vec<usize> = columns.iter().map(|column| column.width()).collect();
    let Room::Chars(n_chars) = room else {
        return widths;
    };
    let gaps = GAP.len() * columns.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > n_chars {
        let flexible = widths.iter().zip(columns).enumerate();
        let flexible = flexible
            .filter(|(_, (width, column))| column.least.is_some_and(|least| **width > least));
        let widest = flexible.max_by_key(|(_, (width, column))| (!column.is_cut_last, **width));
        let Some((widest, _)) = widest else {
            break;
        };
        widths[widest] -= 1;
    }
    widths
}

/// Returns a text that takes at most this width.
fn fitted(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut shown = String::new();
    for c in text.chars() {
        shown.push(c);
        if shown.width() >= width {
            shown.pop();
            break;
        }
    }
    shown.push('…');
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [TableColumn; 3] {
        let cells = |text: &str| [text.to_owned(), "-".to_owned()];
        [
            TableColumn::whole("time", cells("2024-05-01 12:00:00")),
            TableColumn::flexible("user", cells("a-user-with-a-rather-long-name")),
            TableColumn::flexible("by", cells("日本語のユーザー")),
        ]
    }

    fn plain(columns: &[TableColumn], room: Room) -> String {
        let text = lines(columns, room, |_, line| line);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn numbers_end_below_each_other() {
        let cells = |texts: [&str; 2]| texts.map(str::to_owned);
        let columns = [
            TableColumn::whole("rule", cells(["a", "b"])),
            TableColumn::numbers("events", cells(["1,234", "5"])),
            TableColumn::whole("day", cells(["x", "y"])),
        ];
        assert_eq!(
            plain(&columns, Room::Unlimited),
            "rule  events  day\n\
             a      1,234  x\n\
             b          5  y\n"
        );
    }

    #[test]
    fn a_column_is_left_out_before_an_important_one_is_cut_and_that_is_said() {
        let cells = |text: &str| [text.to_owned()];
        let columns = [
            TableColumn::important("user", cells("a-user-of-twenty-one")),
            TableColumn::optional("policy", cells("AdministratorAccess")),
            TableColumn::flexible("by", cells("a-responder-of-the-team")),
            TableColumn::optional("address", cells("198.51.100.123")),
        ];
        let text = |n_chars| plain(&columns, Room::Chars(n_chars));
        assert!(text(84).contains("a-responder-of-the-team"), "{}", text(84));
        assert!(text(71).contains("  a-responder…  198"), "{}", text(71));
        assert_eq!(
            text(50),
            "user                  by            address\n\
             a-user-of-twenty-one  a-responder…  198.51.100.123\n\
             columns left out: policy (--wide)\n"
        );
        assert_eq!(
            text(34),
            "user                  by\n\
             a-user-of-twenty-one  a-responder…\n\
             columns left out: policy, address (--wide)\n"
        );
        let narrow = text(30);
        assert!(
            narrow.contains("\na-user-of-twenty-one  a-respo…\n"),
            "{narrow}"
        );
    }

    #[test]
    fn a_line_is_never_longer_than_the_terminal() {
        for n_chars in 35..90 {
            let text = plain(&columns(), Room::Chars(n_chars));
            assert!(
                text.lines().all(|line| line.width() <= n_chars),
                "{n_chars}:\n{text}"
            );
            assert!(text.contains("2024-05-01 12:00:00"), "{text}");
        }
    }

    #[test]
    fn with_room_nothing_is_cut_off() {
        let text = plain(&columns(), Room::Unlimited);
        assert_eq!(
            text,
            "time                 user                            by\n\
             2024-05-01 12:00:00  a-user-with-a-rather-long-name  日本語のユーザー\n\
             -                    -                               -\n"
        );
    }
}
