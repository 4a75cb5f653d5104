//! What a compiler does not check: who may use whom, what may stand where, and how long a file may be.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use trailsift::output::COLUMNS;
use trailsift::output::columns::Type;

/// What each module may name of the others, and why nothing else. Tests may look across.
const EDGES: [(&str, &[&str], &str); 18] = [
    (
        "event",
        &[],
        "what a record says hangs on nothing but the record",
    ),
    (
        "rule",
        &["event", "report"],
        "a rule asks an event; where that came from, and where the answer goes, cannot change the answer",
    ),
    ("binary", &[], "what is no text shows by its bytes alone"),
    (
        "scan",
        &["binary", "event", "report"],
        "it finds records for any rule: the literals to look for are given to it",
    ),
    ("store", &[], "objects are moved alike whatever is in them"),
    (
        "input",
        &[
            "binary",
            "report",
            "store",
            "event::time",
            "event::cloudtrail::is_own_field",
            "event::names",
        ],
        "bytes are read alike whatever is looked for in them; of events it knows how times are written, which columns \
         are a record's own and how a damaged name looks, for the rows of a table that are passed over",
    ),
    (
        "output",
        &["event", "rule", "report", "error", "input::source", "store"],
        "a row is made of an event and its rule, however that was found; an output that cannot be \
         written ends the run; of the input it knows how one file is told from another, so as not to \
         hunt through what it writes",
    ),
    (
        "follow",
        &["event", "report"],
        "who is who shows by events alone, wherever they stand",
    ),
    (
        "hunt",
        &[
            "config", "engine", "error", "event", "input", "ledger", "output", "report", "rule",
            "scan",
        ],
        "it says what a pass is for and what becomes of its events; of the scan it knows how words are found in a text",
    ),
    (
        "case",
        &[
            "config",
            "engine",
            "error",
            "event",
            "follow",
            "hunt::place",
            "input",
            "output",
            "report",
            "rule",
        ],
        "it makes passes of its own; of the input it knows what was found, which it reads again; no scanner is known there",
    ),
    (
        "ledger",
        &["error", "output", "report"],
        "it keeps what sources came to, and rows until they are written; where they come from is told to it",
    ),
    (
        "report",
        &[],
        "anyone may report, so it must not depend on anyone",
    ),
    (
        "error",
        &[],
        "likewise; the ledger's errors are here, so that no circle is made by them",
    ),
    (
        "config",
        &["input", "output", "rule", "store"],
        "plain data in the words of the stages, which get their own slice of it and never see the whole",
    ),
    (
        "engine",
        &["config", "error", "input", "report", "scan"],
        "it alone knows the order of the stages; what is made of an event is the matter of an analyzer",
    ),
    (
        "synth",
        &[],
        "an archive to test the stages with must not be made by them",
    ),
    (
        "cli",
        &[
            "case", "config", "engine", "follow", "hunt", "input", "ledger", "rule", "output",
            "report", "error", "store", "synth",
        ],
        "it tells what was typed and what came of it; no record and no scanner is known there",
    ),
    (
        "main",
        &[],
        "it starts `cli`, its own module, which nothing else can name",
    ),
];

/// Words that stand in few files: where, and why there alone.
const WORDS: [(&str, &[&str], &str); 14] = [
    (
        "rayon",
        &["engine/", "hunt/", "synth/", "error/"],
        "one folder decides what runs in parallel, and a hunt encodes beside that; `error` holds rayon's own error",
    ),
    (
        "tokio",
        &["store/"],
        "futures stay where the network is; everything else has threads",
    ),
    (
        "crossbeam_channel",
        &[
            "engine/",
            "hunt/tables.rs",
            "store/",
            "input/open.rs",
            "input/archive/lent.rs",
            "input/blocks.rs",
            "input/decompress/layer.rs",
            "engine/worker/logs.rs",
        ],
        "likewise; a pipe is read beside the scan so that a wish to stop is heard; what lies in another text or \
         archive gives it back, and tells its faults, from wherever it is dropped",
    ),
    (
        "std::thread",
        &[
            "config.rs",
            "engine/",
            "input/open.rs",
            "store/mod.rs",
            "cli/",
        ],
        "likewise; `cli` draws the progress; a network is waited for beside the scan",
    ),
    (
        "std::fs",
        &[
            "input/",
            "output/hidden.rs",
            "output/older.rs",
            "output/whole_file.rs",
            "output/target.rs",
            "output/parts.rs",
            "case/countries.rs",
            "case/files.rs",
            "case/seeds.rs",
            "case/stored.rs",
            "engine/",
            "hunt/journal.rs",
            "store/trust.rs",
            "synth/",
            "cli/",
        ],
        "`scan`, `event` and `rule` see bytes, never files; certificates lie in one",
    ),
    (
        "std::io",
        &[
            "input/",
            "store/",
            "output/",
            "case/",
            "error/",
            "synth/",
            "cli/",
            "engine/worker/logs.rs",
        ],
        "likewise",
    ),
    (
        "std::env",
        &["store/open.rs", "cli/exit.rs"],
        "what a hunt depends on stands in its configuration; AWS's own is in the environment; `cli` looks whether what \
         was typed can be shown as it is",
    ),
    (
        "Instant",
        &["hunt/", "case/rounds.rs", "store/bucket.rs", "cli/"],
        "what is found does not depend on a clock; a store is tried for a while",
    ),
    (
        "SystemTime",
        &["store/credentials.rs"],
        "likewise; credentials expire",
    ),
    (
        "Timestamp::now",
        &["report/", "cli/"],
        "likewise; what is typed may be an age",
    ),
    (
        "println",
        &[],
        "text for people goes through `cli`, which bears with an output that is gone",
    ),
    ("eprintln", &[], "likewise"),
    ("anyhow", &["cli/"], "the library's errors have types"),
    ("cli", &["main.rs"], "the library has no command line"),
];

/// Where unsafe code is: each needs a measured reason.
const UNSAFE: [&str; 3] = [
    "input/decompress/libdeflate.rs",
    "input/open.rs",
    "scan/vectors.rs",
];

/// Words that are no part of any name in the folders that read and scan: these serve any analyzer.
const WORDS_OF_ANALYZERS: [&str; 6] = ["rule", "rules", "alert", "alerts", "quarantine", "story"];
const FOLDERS_FOR_ALL: [&str; 3] = ["engine/", "input/", "scan/"];

const LINES_MAX: usize = 500;
const ARCHITECTURE_LINES_MAX: usize = 100;

#[test]
fn modules_name_only_what_they_may() {
    let mut faults = Vec::new();
    let mut n_edges = 0;
    for source in sources() {
        let Some((_, allowed, reason)) = EDGES.iter().find(|(from, ..)| *from == source.module)
        else {
            assert_eq!(source.module, "lib", "a module without edges");
            continue;
        };
        for line in &source.code {
            assert!(
                !line.contains("crate::{") && !line.contains("trailsift::{"),
                "{}: one module a line, so that this test sees it: {line}",
                source.name
            );
            for path in paths_from_root(line, source.depth) {
                let is_under = |allowed: &&str| {
                    let rest = path.strip_prefix(*allowed);
                    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
                };
                n_edges += 1;
                if !is_under(&&*source.module) && !allowed.iter().any(is_under) {
                    let name = &source.name;
                    faults.push(format!("{name} names {path}: {reason}"));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
    assert!(n_edges > 50, "only {n_edges} were seen");
}

#[test]
fn files_threads_clocks_and_printing_stand_where_they_may() {
    let mut faults = Vec::new();
    let sources = sources();
    for (word, places, reason) in WORDS {
        for source in &sources {
            let may = places.iter().any(|place| source.name.starts_with(place));
            for line in &source.code {
                if !may && has_word(line, word) {
                    faults.push(format!("{}: {word}: {reason}: {line}", source.name));
                }
            }
        }
        for place in places {
            let is_used = |s: &Source| {
                s.name.starts_with(place) && s.code.iter().any(|line| has_word(line, word))
            };
            if !sources.iter().any(is_used) {
                faults.push(format!("{place} may use {word} and does not"));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

#[test]
fn the_engine_knows_no_analyzer() {
    let mut faults = Vec::new();
    let is_for_all = |source: &&Source| {
        let mut folders = FOLDERS_FOR_ALL.iter();
        folders.any(|folder| source.name.starts_with(folder))
    };
    for source in sources().iter().filter(is_for_all) {
        for line in &source.code {
            let names = words_of(line);
            for word in names.filter(|word| WORDS_OF_ANALYZERS.contains(&word.as_str())) {
                faults.push(format!("{}: {word}: {line}", source.name));
            }
        }
    }
    assert!(faults.is_empty(), "{faults:#?}");
}

/// The words that the names in a line are made of, in lower case.
fn words_of(line: &str) -> impl Iterator<Item = String> {
    let mut spaced = String::new();
    for letter in line.chars() {
        if letter.is_uppercase() || !letter.is_alphanumeric() {
            spaced.push(' ');
        }
        spaced.extend(letter.to_lowercase());
    }
    let words: Vec<String> = spaced
        .split(|letter: char| !letter.is_alphanumeric())
        .map(str::to_owned)
        .collect();
    words.into_iter()
}

#[test]
fn unsafe_code_stands_in_three_files() {
    let has_unsafe = |source: &Source| source.all.iter().any(|line| has_word(line, "unsafe"));
    let found: Vec<String> = sources()
        .into_iter()
        .filter(has_unsafe)
        .map(|source| source.name)
        .collect();
    assert_eq!(found, UNSAFE);
}

#[test]
fn no_file_is_longer_than_500_lines_without_its_tests() {
    let long: Vec<(String, usize)> = sources()
        .into_iter()
        .filter(|source| !source.is_all_test && source.n_lines > LINES_MAX)
        .map(|source| (source.name, source.n_lines))
        .collect();
    assert!(long.is_empty(), "{long:?}");
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest = text("Cargo.toml");
    let mut is_dependencies = false;
    let mut above = "";
    let mut n_dependencies = 0;
    for line in manifest.lines() {
        if line.starts_with('[') {
            is_dependencies = line.ends_with("dependencies]");
        } else if is_dependencies && line.contains('=') {
            n_dependencies += 1;
            assert!(
                line.contains(" # ") || above.starts_with("# "),
                "no reason is given for {line}"
            );
        }
        above = line;
    }
    assert!(n_dependencies > 25, "only {n_dependencies} were seen");
}

#[test]
fn the_architecture_is_told_in_100_lines() {
    let n_lines = text("ARCHITECTURE.md").lines().count();
    assert!(n_lines <= ARCHITECTURE_LINES_MAX, "{n_lines} lines");
}

/// `UPDATE_EXPECT=1` writes the table instead.
#[test]
fn the_readme_has_the_table_of_columns() {
    const BEGIN: &str = "<!-- columns -->\n\n";
    const END: &str = "\n<!-- /columns -->\n";
    let mut table = "| column | type | ECS field | what it is |\n|---|---|---|---|\n".to_owned();
    for column in COLUMNS {
        let ecs = match column.ecs {
            "" => String::new(),
            ecs => format!("`{ecs}`"),
        };
        let (name, kind, meaning) = (column.name, column.kind.name(), column.meaning);
        assert!(!meaning.contains('|'), "{name}: it would break the table");
        writeln!(table, "| `{name}` | {kind} | {ecs} | {meaning} |").unwrap();
    }
    let readme = text("README.md");
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let readme = format!("{before}{BEGIN}{table}{END}{after}");
        fs::write(root().join("README.md"), readme).unwrap();
    } else {
        assert_eq!(found, table, "UPDATE_EXPECT=1 cargo test writes it anew");
    }
}

#[test]
fn the_table_for_athena_has_the_columns_of_a_file() {
    let readme = text("README.md");
    let (_, rest) = readme
        .split_once("CREATE EXTERNAL TABLE quarantines (")
        .unwrap();
    let (declared, _) = rest.split_once(") STORED AS PARQUET").unwrap();
    let declared: Vec<String> = declared
        .split(',')
        .map(|column| column.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let expected = COLUMNS.map(|column| {
        let kind = match column.kind {
            Type::Text => "string",
            Type::Texts => "array<string>",
            Type::Int32 => "int",
            Type::Int64 => "bigint",
            Type::Timestamp => "timestamp",
        };
        format!("{} {kind}", column.name)
    });
    assert_eq!(declared, expected);
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(name: &str) -> String {
    let bytes = fs::read(root().join(name));
    String::from_utf8(bytes.unwrap_or_else(|error| panic!("{name}: {error}"))).unwrap()
}

/// A file of `src`.
struct Source {
    /// From `src` on, with `/`.
    name: String,
    /// The module right under the root that it belongs to.
    module: String,
    /// How deep its own module is: 1 for `scan/mod.rs`, 2 for `scan/frame.rs`.
    depth: usize,
    /// All its lines without comments and the content of strings.
    all: Vec<String>,
    /// The same without its tests.
    code: Vec<String>,
    /// How many lines it has without its tests.
    n_lines: usize,
    /// Whether all of it is for tests.
    is_all_test: bool,
}

/// All files, sorted by name.
fn sources() -> Vec<Source> {
    let mut paths = Vec::new();
    list(&root().join("src"), &mut paths);
    let mut sources: Vec<Source> = paths.iter().map(|path| source(path)).collect();
    sources.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(sources.len() > 30, "only {} files were seen", sources.len());
    sources
}

fn list(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            list(&path, paths);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") {
            paths.push(path);
        }
    }
}

fn source(path: &Path) -> Source {
    let name = path.strip_prefix(root().join("src")).unwrap();
    let name = name.to_str().unwrap().replace('\\', "/");
    let content = text(&format!("src/{name}"));
    let lines: Vec<&str> = content.lines().collect();
    let is_all_test = ["tests.rs", "testing.rs"].contains(&name.rsplit('/').next().unwrap());
    // By custom a file's tests are its end.
    let is_tests_start =
        |pair: &[&str]| pair[0] == "#[cfg(test)]" && pair[1].ends_with("mod tests {");
    let tests_start = lines.windows(2).position(is_tests_start);
    let n_lines = tests_start.unwrap_or(lines.len());
    let all: Vec<String> = lines.iter().map(|line| code_of(line)).collect();
    let mut parts: Vec<&str> = name.strip_suffix(".rs").unwrap().split('/').collect();
    if parts.last() == Some(&"mod") {
        parts.pop();
    }
    Source {
        module: parts[0].to_owned(),
        depth: parts.len(),
        code: match is_all_test {
            true => Vec::new(),
            false => all[..n_lines].to_vec(),
        },
        name,
        all,
        n_lines,
        is_all_test,
    }
}

/// A line without its comment and without what its strings hold.
fn code_of(line: &str) -> String {
    let mut code = String::new();
    let mut chars = line.replace("'\"'", "' '").chars().collect::<Vec<_>>();
    chars.push('\n');
    let (mut is_string, mut i) = (false, 0);
    while chars[i] != '\n' {
        match (is_string, chars[i], chars[i + 1]) {
            (false, '/', '/') => break,
            (true, '\\', next) if next != '\n' => i += 1,
            (_, '"', _) => {
                is_string = !is_string;
                code.push('"');
            }
            (true, ..) => {}
            (false, c, _) => code.push(c),
        }
        i += 1;
    }
    code
}

/// The paths in a line that begin at the library's root, as `a::b::c`: those of `crate::` and
/// `trailsift::`, and those of `super::` that reach it from a module so deep.
fn paths_from_root(line: &str, depth: usize) -> Vec<String> {
    let mut paths = Vec::new();
    for path in line.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':')) {
        let mut parts = path.split("::").peekable();
        let n_up = std::iter::from_fn(|| parts.next_if_eq(&"super")).count();
        let from_root = match n_up {
            0 => parts
                .next_if(|part| ["crate", "trailsift"].contains(part))
                .is_some(),
            n => n >= depth,
        };
        let rest: Vec<&str> = parts.filter(|part| !part.is_empty()).collect();
        if from_root && !rest.is_empty() {
            // `Error` is named at the root too.
            paths.push(rest.join("::").replace("Error", "error"));
        }
    }
    paths
}

/// Whether a word, or a path of words, stands in a line.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

#[test]
fn the_checks_see_what_they_look_for() {
    assert_eq!(
        code_of(r#"let a = "x // \" unsafe"; b('"'); // unsafe"#),
        r#"let a = ""; b(' '); "#
    );
    assert!(has_word("unsafe { x }", "unsafe"));
    assert!(!has_word("#![expect(unsafe_code)]", "unsafe"));
    assert!(has_word("use std::fs::File;", "std::fs"));
    assert_eq!(
        paths_from_root("use crate::input::discover::{Identity, identity};", 2),
        ["input::discover"]
    );
    assert_eq!(
        paths_from_root("use super::super::scan::X;", 2),
        ["scan::X"]
    );
    assert_eq!(paths_from_root("use super::frame;", 2), [""; 0]);
    assert_eq!(paths_from_root("pub(crate) fn f()", 1), [""; 0]);
}
