//! `trailsift search`: a hunt for indicators.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use trailsift::rule::Indicators;

use super::args::{HuntArgs, LogFormat, SearchArgs};
use super::exit::Exit;
use super::usage::{uri, usage};
use super::{hunt, messages, stix, terminal};

/// Searches, and reports the result.
pub(super) fn run(args: SearchArgs) -> anyhow::Result<Exit> {
    let SearchArgs {
        indicators,
        column,
        indicator,
        mut hunt,
    } = args;
    let rules = &hunt.rules;
    if !rules.rules.is_empty() || !rules.query.is_empty() {
        return Err(usage("a search has no rules; hunt with --rules or --query").into());
    }
    let (mut words, mut live) = (Vec::new(), Live::default());
    hunt.input.paths = paths(&hunt, &mut words)?;
    if hunt.input.paths.is_empty()
        && hunt.input.files_from.is_none()
        && hunt.input.manifest.is_none()
    {
        let message = "no file or folder to search is named; the words are taken for indicators";
        return Err(usage(message).into());
    }
    let format = hunt.messages.log_format;
    let mut all = indicator;
    all.extend(words.into_iter().map(|word| live.form(word)));
    for path in &indicators {
        all.extend(of_file(path, column.as_deref(), &mut live, format)?);
    }
    if !hunt.messages.quiet && format == LogFormat::Text {
        live.tell();
    }
    let found = Indicators::new(&all).map_err(|error| usage(&error.to_string()))?;
    for text in found.no_networks() {
        let text = format!("{text} is no network, and is searched for as it stands");
        messages::warn(&text, format);
    }
    hunt.rules.search = Some(found);
    hunt::run(hunt)
}

/// Gives indicators that are written so that nobody follows them, such as `203[.]0[.]113[.]7`, their own form.
#[derive(Debug, Default)]
struct Live {
    /// The first of them, and its own form.
    first: Option<(String, String)>,
    n_others: u64,
}

impl Live {
    /// Returns the own form of an indicator.
    fn form(&mut self, text: String) -> String {
        let Some(live) = live(&text) else { return text };
        match self.first {
            None => self.first = Some((text, live.clone())),
            Some(_) => self.n_others += 1,
        }
        live
    }

    /// Says what was done.
    fn tell(self) {
        let Some((written, live)) = self.first else {
            return;
        };
        let [written, live] = [written, live].map(|text| terminal::harmless(&text, usize::MAX));
        let others = match self.n_others {
            0 => String::new(),
            n => format!(", and so are {}", terminal::plural(n, "other", "others")),
        };
        terminal::line(&format!("{written} is searched for as {live}{others}"));
    }
}

/// Returns the own form of an indicator that is written so that nobody follows it; nothing if it is in its own form.
fn live(text: &str) -> Option<String> {
    const WRITTEN: [(&str, &str); 10] = [
        ("[.]", "."),
        ("(.)", "."),
        ("{.}", "."),
        ("[dot]", "."),
        ("(dot)", "."),
        ("[:]", ":"),
        ("[://]", "://"),
        ("[@]", "@"),
        ("[at]", "@"),
        ("(at)", "@"),
    ];
    const SCHEMES: [(&str, &str); 2] = [("hxxps://", "https://"), ("hxxp://", "http://")];
    let mut live = text.trim().to_owned();
    for (written, own) in WRITTEN {
        for written in [written.to_owned(), written.to_ascii_uppercase()] {
            live = live.replace(&written, own);
        }
    }
    for (written, own) in SCHEMES {
        let scheme = live.get(..written.len());
        if scheme.is_some_and(|scheme| scheme.eq_ignore_ascii_case(written)) {
            live.replace_range(..written.len(), own);
        }
    }
    (live != text.trim()).then_some(live)
}

/// Returns the words that name what is searched, and adds the others to the indicators.
fn paths(args: &HuntArgs, indicators: &mut Vec<String>) -> anyhow::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for path in &args.input.paths {
        let is_path = path.as_os_str() == "-" || path.symlink_metadata().is_ok();
        match path.to_str() {
            Some(text) if !is_path && uri(path).ok().flatten().is_none() => {
                // A mistyped path would be searched for and never found.
                if text.starts_with(['/', '.', '~']) {
                    let message = format!(
                        "{text}: no such file or directory (--indicator {text} searches for it)"
                    );
                    return Err(usage(&message).into());
                }
                indicators.push(text.to_owned());
            }
            _ => paths.push(path.clone()),
        }
    }
    Ok(paths)
}

/// Returns the indicators of a file.
fn of_file(
    path: &Path,
    column: Option<&str>,
    live: &mut Live,
    format: LogFormat,
) -> anyhow::Result<Vec<String>> {
    let failed = |message: String| usage(&format!("{}: {message}", path.display()));
    let bytes = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("the file is not UTF-8".to_owned()))?;
    let text = text.trim_start_matches('\u{feff}');
    let found = match column {
        Some(column) => {
            let cells = of_column(text, column).map_err(failed)?.into_iter();
            cells.map(|cell| live.form(cell)).collect()
        }
        None if text.trim_start().starts_with('{') => {
            let bundle: Value =
                serde_json::from_str(text).map_err(|error| failed(error.to_string()))?;
            let found = of_bundle(&bundle);
            for other in found.not_searched {
                let text = format!("{}: not searched for: {other}", path.display());
                messages::warn(&text, format);
            }
            found.values
        }
        None => of_lines(text)
            .into_iter()
            .map(|line| live.form(line))
            .collect(),
    };
    if found.is_empty() {
        terminal::line(&format!("{} has no indicator", terminal::path(path)));
    }
    Ok(found)
}

fn of_lines(text: &str) -> Vec<String> {
    let lines = text.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(str::to_owned).collect()
}

fn of_column(text: &str, column: &str) -> Result<Vec<String>, String> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| error.to_string())?;
    let place = header.iter().position(|name| name.trim() == column);
    let place = place.ok_or_else(|| {
        let names: Vec<&str> = header.iter().collect();
        format!("it has no column {column}; it has {}", names.join(", "))
    })?;
    let cells = reader.records().map(|row| {
        let row = row.map_err(|error| error.to_string())?;
        Ok(row.get(place).unwrap_or_default().trim().to_owned())
    });
    cells.collect()
}

/// Returns the values in the patterns of a STIX bundle, or of one of its objects.
fn of_bundle(bundle: &Value) -> stix::Found {
    let objects = bundle["objects"].as_array();
    let objects = objects.map_or(std::slice::from_ref(bundle), Vec::as_slice);
    let patterns = objects.iter().filter_map(|one| one["pattern"].as_str());
    let mut all = stix::Found::default();
    for pattern in patterns {
        let found = stix::values(pattern);
        all.values.extend(found.values);
        all.not_searched.extend(found.not_searched);
    }
    all
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn indicators_that_nobody_shall_follow_get_their_own_form() {
        for (written, own) in [
            ("203[.]0[.]113[.]7", "203.0.113.7"),
            ("203(.)0[dot]113{.}7/32", "203.0.113.7/32"),
            ("hxxps[://]example[.]com/a", "https://example.com/a"),
            ("HXXP://example.com", "http://example.com"),
            (" hxxp://example[DOT]com", "http://example.com"),
            ("alice[@]example[.]com", "alice@example.com"),
            ("2001[:]db8[:][:]1", "2001:db8::1"),
        ] {
            assert_eq!(live(written).as_deref(), Some(own), "{written}");
        }
        for text in [
            "203.0.113.7",
            "a[0].b",
            "hxxp",
            "",
            "é",
            "[.",
            "http://example.com",
        ] {
            assert_eq!(live(text), None, "{text}");
        }
    }

    #[test]
    fn indicators_are_read_from_lines_columns_and_bundles() {
        assert_eq!(
            of_lines("# list\n\n203.0.113.7 \nalice\n"),
            ["203.0.113.7", "alice"]
        );
        let csv = "name,ip\n\"a, b\",203.0.113.7\nc,198.51.100.1\n";
        assert_eq!(
            of_column(csv, "ip").unwrap(),
            ["203.0.113.7", "198.51.100.1"]
        );
        assert_eq!(
            of_column(csv, "x").unwrap_err(),
            "it has no column x; it has name, ip"
        );
        let bundle = json!({"type": "bundle", "objects": [
            {"type": "indicator", "pattern": "[ipv4-addr:value = '203.0.113.7' OR url:value = 'it\\'s']"},
            {"type": "identity", "name": "x"},
        ]});
        assert_eq!(of_bundle(&bundle).values, ["203.0.113.7", "it's"]);
        assert_eq!(of_bundle(&bundle["objects"][0]).values.len(), 2);
    }
}
