//! What a compiler does not check: who may use whom, what may stand where, and how long a file may be.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use trailsift::output::columns::Type;
use trailsift::output::{COLUMNS, ColumnDef, OVER_TIME};

/// What each module may name of the others, and why nothing else. Tests may look across.
const EDGES: [(&str, &[&str], &str); 23] = [
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
    (
        "rule_files",
        &["report", "rule"],
        "it finds and reads files of rules; what they mean is decided in `rule`",
    ),
    (
        "over_time",
        &["event", "rule"],
        "which groups of events fire hangs on these events and the rules alone, in whatever order they come",
    ),
    ("binary", &[], "what is no text shows by its bytes alone"),
    ("steps", &[], "steps are counted alike, whatever takes them"),
    (
        "scan",
        &["binary", "event", "report", "steps"],
        "it finds records for any rule: the literals to look for are given to it",
    ),
    (
        "store",
        &["error"],
        "objects are moved alike whatever is in them; that it cannot open a bucket is an error of the build",
    ),
    (
        "input",
        &[
            "binary",
            "report",
            "store",
            "event::time",
            "event::is_own_field",
            "event::names",
        ],
        "bytes are read alike whatever is looked for in them; of events it knows how times are written, which columns \
         are a record's own and how a damaged name looks, for the rows of a table that are passed over",
    ),
    (
        "output",
        &[
            "event",
            "follow",
            "rule",
            "report",
            "error",
            "input::source",
            "store",
        ],
        "a row is made of an event, its rule and what its call touched, however that was found; an output that cannot be \
         written ends the run; of the input it knows how one file is told from another, so as not to \
         hunt through what it writes",
    ),
    (
        "follow",
        &["event", "report", "steps"],
        "who is who shows by events alone, wherever they stand",
    ),
    (
        "hunt",
        &[
            "config",
            "coverage",
            "engine",
            "error",
            "event",
            "input",
            "ledger",
            "output",
            "over_time",
            "report",
            "rule",
            "scan",
        ],
        "it says what a pass is for and what becomes of its events; of the scan it knows how words are found in a text",
    ),
    (
        "case",
        &[
            "config",
            "coverage",
            "engine",
            "error",
            "event",
            "follow",
            "hunt::companion",
            "hunt::row_event",
            "input",
            "output",
            "report",
            "rule",
            "steps",
        ],
        "it makes passes of its own, and knows from the map of the first one where something is missing; of the input it knows what was found, which it reads again; no scanner is known there",
    ),
    (
        "custody",
        &["engine", "error", "event::time", "input", "report"],
        "what is proved of a file hangs on its bytes and its name; of events it knows how times are written, of the input \
         what names say",
    ),
    (
        "coverage",
        &[
            "custody",
            "engine",
            "error",
            "event",
            "input::Source",
            "input::table",
            "report",
            "scan",
        ],
        "it counts events by their times, and knows from digests what should be there; of the scan it knows how the events \
         in a record are found",
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
        &[
            "input",
            "output",
            "over_time::Limits",
            "report::RefusedRule",
            "rule",
            "store",
        ],
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
            "case",
            "config",
            "coverage",
            "custody",
            "engine",
            "follow",
            "hunt",
            "input",
            "ledger",
            "rule",
            "output",
            "report",
            "rule_files",
            "error",
            "store",
            "synth",
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
        &["engine/", "hunt/", "synth/", "error/", "case/threads.rs"],
        "one folder decides what runs in parallel, and a hunt encodes beside that; a case's files and page are made on \
         threads of their own; `error` holds rayon's own error",
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
            "input/log.rs",
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
            "store/cloud/mod.rs",
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
            "case/sums.rs",
            "custody/files.rs",
            "engine/",
            "hunt/journal.rs",
            "over_time/",
            "rule_files.rs",
            "store/cloud/trust.rs",
            "synth/",
            "cli/",
        ],
        "`scan`, `event` and `rule` see bytes, never files; certificates and public keys lie in some",
    ),
    (
        "std::io",
        &[
            "input/",
            "store/",
            "output/",
            "case/",
            "coverage/json.rs",
            "coverage/table.rs",
            "custody/files.rs",
            "custody/table.rs",
            "error/",
            "synth/",
            "cli/",
            "engine/worker/logs.rs",
            "hunt/over_time/answers.rs",
            "over_time/",
            "rule_files.rs",
        ],
        "likewise; what a hunt keeps of events until its end may go to temporary files",
    ),
    (
        "std::env",
        &[
            "store/cloud/open.rs",
            "cli/exit.rs",
            "cli/defaults.rs",
            "cli/mod.rs",
            "cli/table/layout.rs",
            "cli/terminal.rs",
            "cli/version.rs",
        ],
        "what a hunt depends on stands in its configuration; AWS's own is in the environment; `cli` looks whether what \
         was typed can be shown as it is, and what the terminal is; options have defaults there; a version names its system",
    ),
    (
        "Instant",
        &["hunt/", "case/rounds.rs", "store/cloud/bucket.rs", "cli/"],
        "what is found does not depend on a clock; a store is tried for a while",
    ),
    (
        "SystemTime",
        &["store/cloud/credentials.rs"],
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
const UNSAFE: [&str; 6] = [
    "input/decompress/libdeflate.rs",
    "input/open.rs",
    "scan/vectors/beginnings.rs",
    "scan/vectors/mod.rs",
    "scan/vectors/structure.rs",
    "scan/vectors/wide.rs",
];

/// Words that are no part of any name in the folders that read and scan: these serve any analyzer.
const WORDS_OF_ANALYZERS: [&str; 6] = ["rule", "rules", "alert", "alerts", "quarantine", "story"];
const FOLDERS_FOR_ALL: [&str; 3] = ["engine/", "input/", "scan/"];

/// Files that may import each other in a circle, and why they still do.
const CIRCLES: [(&[&str], &str); 4] = [
    (
        &["scan/disguise.rs", "scan/drawn.rs", "scan/ending.rs"],
        "text in another form ends as text does",
    ),
    (
        &[
            "store/cloud/bucket.rs",
            "store/cloud/fetch.rs",
            "store/cloud/ranges.rs",
        ],
        "a bucket and what is fetched from it wait for a store alike",
    ),
    (
        &[
            "synth/action.rs",
            "synth/identity.rs",
            "synth/scene.rs",
            "synth/template.rs",
        ],
        "a template is filled in from a scene, whose actions and identities are templates",
    ),
    (
        &["synth/config.rs", "synth/plan.rs", "synth/story.rs"],
        "a plan has a story, which is laid out as the plan is",
    ),
];

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

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = sources();
    let circles = circles(&imports(&sources));
    let is_within = |circle: &BTreeSet<&str>, allowed: &[&str]| {
        circle.iter().all(|file| allowed.contains(file))
    };
    let is_allowed = |circle: &&BTreeSet<&str>| {
        let mut allowed = CIRCLES.iter();
        allowed.any(|(files, _)| is_within(circle, files))
    };
    let faults: Vec<_> = circles.iter().filter(|one| !is_allowed(one)).collect();
    assert!(
        faults.is_empty(),
        "these files import each other: {faults:#?}"
    );
    for (files, reason) in CIRCLES {
        let is_found = circles.iter().any(|circle| is_within(circle, files));
        assert!(is_found, "no circle any more: {files:?}: {reason}");
    }
}

/// The files that each file imports, by their names. A file may always take what the `mod.rs` of a folder round it
/// has, as any module may take what is its parent's, so this is no import.
fn imports(sources: &[Source]) -> BTreeMap<&str, BTreeSet<&str>> {
    let modules = Modules::new(sources);
    let mut imports = BTreeMap::new();
    for source in sources.iter().filter(|source| !source.is_all_test) {
        let module = module_of(&source.name);
        let own = modules.uses[source.name.as_str()].iter();
        let own = own.filter(|one| !one.is_public).map(|one| &one.path);
        let paths = own.chain(&modules.named[source.name.as_str()]);
        let found = paths.filter_map(|path| modules.file(&modules.absolute(&module, path)?));
        let is_around = |file: &str| {
            let folder = file.strip_suffix("mod.rs");
            folder.is_some_and(|folder| source.name.starts_with(folder))
        };
        let found = found.filter(|file| *file != source.name && !is_around(file));
        imports.insert(source.name.as_str(), found.collect());
    }
    imports
}

/// The sets of files each of which can be reached from each other.
fn circles<'a>(imports: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Vec<BTreeSet<&'a str>> {
    let reached = |from: &str| {
        let mut reached: BTreeSet<&str> = BTreeSet::new();
        let mut next: Vec<&str> = imports[from].iter().copied().collect();
        while let Some(file) = next.pop() {
            if reached.insert(file) {
                next.extend(imports.get(file).into_iter().flatten());
            }
        }
        reached
    };
    let all: BTreeMap<&str, BTreeSet<&str>> = imports.keys().map(|f| (*f, reached(f))).collect();
    let mut circles: Vec<BTreeSet<&str>> = Vec::new();
    for (file, reached) in &all {
        let circle = reached.iter().filter(|other| all[*other].contains(file));
        let circle: BTreeSet<&str> = circle.copied().collect();
        if !circle.is_empty() && !circles.contains(&circle) {
            circles.push(circle);
        }
    }
    circles
}

/// A path that a `use` names, and the name that it gives it.
struct Use {
    path: Vec<String>,
    name: String,
    is_public: bool,
}

/// The modules of `src`, and the paths that each file names.
struct Modules<'a> {
    files: BTreeMap<Vec<String>, &'a str>,
    uses: BTreeMap<&'a str, Vec<Use>>,
    /// The paths outside of `use`.
    named: BTreeMap<&'a str, Vec<Vec<String>>>,
}

impl<'a> Modules<'a> {
    fn new(sources: &'a [Source]) -> Self {
        let mut modules = Self {
            files: BTreeMap::new(),
            uses: BTreeMap::new(),
            named: BTreeMap::new(),
        };
        for source in sources {
            let (uses, named) = paths_in(&source.code.join(" "));
            modules.files.insert(module_of(&source.name), &source.name);
            modules.uses.insert(&source.name, uses);
            modules.named.insert(&source.name, named);
        }
        modules
    }

    /// The same path from the root on, if it leads to a module of ours.
    fn absolute(&self, module: &[String], path: &[String]) -> Option<Vec<String>> {
        let first = path.first()?;
        let (base, rest) = match first.as_str() {
            "crate" | "trailsift" => (&[][..], &path[1..]),
            "self" => (module, &path[1..]),
            "super" => {
                let n_up = path.iter().take_while(|part| *part == "super").count();
                (&module[..module.len().checked_sub(n_up)?], &path[n_up..])
            }
            _ if self
                .files
                .contains_key(&[module, std::slice::from_ref(first)].concat()) =>
            {
                (module, path)
            }
            _ => return None,
        };
        Some([base, rest].concat())
    }

    /// The file that has what a path names: not one that only hands it on by `pub use`.
    fn file(&self, path: &[String]) -> Option<&'a str> {
        let n_module = (0..=path.len()).rev();
        let mut n_module = n_module.filter(|n| self.files.contains_key(&path[..*n]));
        // Nothing else than modules and what is handed on stands at the root.
        let module = &path[..n_module.next()?];
        let file = *self.files.get(module)?;
        let handed_on = path.get(module.len()).and_then(|name| {
            let mut uses = self.uses[file].iter();
            uses.find(|one| one.is_public && one.name == *name)
        });
        match handed_on {
            Some(one) => self.file(&self.absolute(module, &one.path)?),
            None => Some(file),
        }
    }
}

/// The path of the module that a file is: `["scan", "frame"]` for `scan/frame.rs`.
fn module_of(name: &str) -> Vec<String> {
    let mut parts: Vec<&str> = name.strip_suffix(".rs").unwrap().split('/').collect();
    if parts.last() == Some(&"mod") || parts == ["lib"] {
        parts.pop();
    }
    parts.into_iter().map(str::to_owned).collect()
}

/// What the `use` in a code name, and the other paths in it.
fn paths_in(code: &str) -> (Vec<Use>, Vec<Vec<String>>) {
    let (mut uses, mut named) = (Vec::new(), Vec::new());
    for statement in code.split(';') {
        let is_of_tree = |c: char| c.is_alphanumeric() || "_:{}, *".contains(c);
        let tree = statement.rsplit_once("use ").filter(|(before, tree)| {
            tree.chars().all(is_of_tree) && before.chars().last().is_none_or(char::is_whitespace)
        });
        let rest = tree.map_or(statement, |(before, _)| before);
        if let Some((before, tree)) = tree {
            let before = before.trim_end();
            let is_public = before.ends_with("pub") || before.ends_with(')');
            for path in expand(tree.trim()) {
                let (path, name) = path.split_once(" as ").unwrap_or((&path, ""));
                let path = parts_of(path);
                let name = match name.trim() {
                    "" => path.last().cloned().unwrap_or_default(),
                    name => name.to_owned(),
                };
                uses.push(Use {
                    path,
                    name,
                    is_public,
                });
            }
        }
        let is_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let paths = rest.split(|c| !is_of_path(c));
        named.extend(paths.filter(|path| path.contains("::")).map(parts_of));
    }
    (uses, named)
}

/// The parts of a path. A `self` at its end is the module itself.
fn parts_of(path: &str) -> Vec<String> {
    let parts = path.split("::").map(str::trim);
    let parts: Vec<&str> = parts.filter(|p| !p.is_empty() && *p != "*").collect();
    let parts = match &parts[..] {
        [first @ .., "self"] if !first.is_empty() => first,
        all => all,
    };
    parts.iter().map(|part| (*part).to_owned()).collect()
}

/// The paths of a tree: `a::b` and `a::c` of `a::{b, c}`.
fn expand(tree: &str) -> Vec<String> {
    let Some((before, inner)) = tree.split_once('{') else {
        return vec![tree.to_owned()];
    };
    let inner = inner.trim_end().strip_suffix('}').unwrap_or(inner);
    let (mut paths, mut depth, mut from) = (Vec::new(), 0, 0);
    for (at, c) in inner.char_indices().chain([(inner.len(), ',')]) {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                let one = inner[from..at].trim();
                if !one.is_empty() {
                    paths.extend(expand(&format!("{before}{one}")));
                }
                from = at + 1;
            }
            _ => {}
        }
    }
    paths
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
fn unsafe_code_stands_in_few_files() {
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
fn no_function_has_a_name_of_more_than_70_letters() {
    let mut paths = Vec::new();
    for folder in ["src", "tests", "benches"] {
        list(&root().join(folder), &mut paths);
    }
    let mut n_names = 0;
    for path in paths {
        let text = String::from_utf8(fs::read(&path).unwrap()).unwrap();
        for name in text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("fn "))
        {
            let name = name.split(['(', '<']).next().unwrap();
            assert!(name.len() <= 70, "{}: {name}", path.display());
            n_names += 1;
        }
    }
    assert!(n_names > 1_000, "{n_names}");
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
fn the_documentation_has_the_table_of_columns() {
    columns_are_documented("columns", &COLUMNS);
    columns_are_documented("columns over several events", &OVER_TIME);
}

fn columns_are_documented(mark: &str, columns: &[ColumnDef]) {
    const PAGE: &str = "docs/src/outputs.md";
    let begin = format!("<!-- {mark} -->\n\n");
    let end = format!("\n<!-- /{mark} -->\n");
    let mut table = "| column | type | ECS field | what it is |\n|---|---|---|---|\n".to_owned();
    for column in columns {
        let ecs = match column.ecs {
            "" => String::new(),
            ecs => format!("`{ecs}`"),
        };
        let (name, kind, meaning) = (column.name, column.kind.name(), column.meaning);
        assert!(!meaning.contains('|'), "{name}: it would break the table");
        writeln!(table, "| `{name}` | {kind} | {ecs} | {meaning} |").unwrap();
    }
    let page = text(PAGE);
    let (before, rest) = page.split_once(&begin).unwrap();
    let (found, after) = rest.split_once(&end).unwrap();
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        let page = format!("{before}{begin}{table}{end}{after}");
        fs::write(root().join(PAGE), page).unwrap();
    } else {
        assert_eq!(found, table, "UPDATE_EXPECT=1 cargo test writes it anew");
    }
}

#[test]
fn the_table_for_athena_has_the_columns_of_a_file() {
    let script = text("examples/athena.sql");
    let (_, rest) = script
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
            Type::Bool => "boolean",
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

#[test]
fn a_circle_is_seen_through_what_is_handed_on() {
    let code = |name: &str, code: &str| Source {
        name: name.to_owned(),
        module: String::new(),
        depth: 0,
        all: Vec::new(),
        code: vec![code.to_owned()],
        n_lines: 1,
        is_all_test: false,
    };
    let sources = [
        code(
            "a/mod.rs",
            "mod b; pub use b::{B, self as c}; fn f() { b::g(); }",
        ),
        code("a/b.rs", "use super::A; use crate::d::{e::{self}, F as G};"),
        code("d/mod.rs", "pub mod e; pub(crate) use e::F;"),
        code("d/e.rs", "fn f() { crate::a::B::new() }"),
        code("lib.rs", "mod a; mod d;"),
    ];
    let imports = imports(&sources);
    let of = |name: &str| imports[name].iter().copied().collect::<Vec<_>>();
    assert_eq!(of("a/mod.rs"), ["a/b.rs"]);
    assert_eq!(of("a/b.rs"), ["d/e.rs"]);
    assert_eq!(of("d/e.rs"), ["a/b.rs"]);
    let circle = BTreeSet::from(["a/b.rs", "d/e.rs"]);
    assert_eq!(circles(&imports), [circle]);
}
