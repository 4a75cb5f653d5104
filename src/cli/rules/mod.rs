//! The rules that a command line names, and `trailsift rules`.

mod list;
mod try_out;

use std::fs;
use std::path::{Path, PathBuf};

use trailsift::report::{BUILTIN_PACK, RefusedRule};
use trailsift::rule::load::{self, Loaded};
use trailsift::rule::{
    Exceptions, PackRule, ParseError, Pattern, Rule, RuleSelection, RuleSet, SelectionError,
};
use trailsift::rule_files;

use super::args::{LogFormat, RuleArgs, RulesCommand};
use super::exit::Exit;
use super::fold::folded;
use super::table::Room;
use super::usage::usage;
use super::{messages, print_styled};

/// The pack of queries that are typed.
const QUERY_PACK: &str = "query";
/// The pack of a search for indicators.
const SEARCH_PACK: &str = "search";
/// Number of rules that cannot run that an error names.
const REFUSED_NAMED: usize = 10;

/// Number of spaces before what does not fit on the line of a rule.
const INDENT: usize = 4;

/// Prints lines about rules, folded to fit the terminal.
fn print_folded(text: &str) -> anyhow::Result<Exit> {
    print_styled(&folded(text, INDENT, Room::of_stdout(false)))
}

/// Returns the error of a query that cannot be parsed. Who writes a bare condition may not know the two languages.
fn query_error(text: &str, error: &ParseError) -> String {
    let has_form = text.starts_with("kql:") || text.split_whitespace().any(|word| word == "where");
    if text.trim_start().starts_with("sequence") {
        return format!(
            "{error}\n  a sequence is a rule of its own: write it to a file, and name that with --rules"
        );
    }
    match has_form {
        true => error.to_string(),
        false => format!(
            "{error}\n  a query is EQL, such as: any where event.action == \"CreateUser\"\n  \
             or KQL after kql:, such as: kql: event.action: CreateUser"
        ),
    }
}

/// The rules of a hunt.
pub(super) struct Chosen {
    pub(super) set: RuleSet,
    /// Rules that were asked for and cannot run.
    pub(super) refused: Vec<RefusedRule>,
}

/// Runs `trailsift rules`.
pub(super) fn run(command: RulesCommand) -> anyhow::Result<Exit> {
    let with = |paths: Vec<PathBuf>, rules: RuleArgs| RuleArgs {
        rules: [rules.rules, paths].concat(),
        ..rules
    };
    match command {
        RulesCommand::List {
            paths,
            rules,
            refused,
            format,
        } => list::run(&with(paths, *rules), refused, format),
        RulesCommand::Check { paths, rules } => list::check(&with(paths, *rules)),
        RulesCommand::Explain { paths, rules } => list::explain(&with(paths, *rules)),
        RulesCommand::Test {
            rule,
            files,
            id,
            max,
        } => try_out::run(&rule, id, &files, max),
    }
}

/// Returns the rules that a command line asks for, and those that cannot run, for a list of them.
fn selected(args: &RuleArgs) -> anyhow::Result<Loaded> {
    let mut loaded = match args.rules.is_empty() {
        true => load(args)?,
        // A file whose rules cannot run is what a list shows.
        false => read_rules(&args.rules)?,
    };
    let selection = selection(args);
    warn_of_excluded(&selection, &loaded, args.log_format);
    match selection.apply(&mut loaded) {
        Ok(()) | Err(SelectionError::CannotRun { .. }) => {}
        Err(error) => return Err(usage(&error.to_string()).into()),
    }
    leave_out(args, &mut loaded);
    Ok(loaded)
}

/// Returns the rules that a command line asks for.
pub(super) fn choose(args: &RuleArgs) -> anyhow::Result<Chosen> {
    let mut loaded = load(args)?;
    let selection = selection(args);
    warn_of_excluded(&selection, &loaded, args.log_format);
    selection
        .apply(&mut loaded)
        .map_err(|error| usage(&error.to_string()))?;
    if args.strict_rules && !loaded.refused.is_empty() {
        return Err(usage(&refused_text(&loaded.refused)).into());
    }
    leave_out(args, &mut loaded);
    let Loaded {
        rules,
        over_time,
        refused,
        ..
    } = loaded;
    if rules.is_empty() && over_time.is_empty() {
        let message = match refused.is_empty() {
            true => "no rule is left to hunt with".to_owned(),
            false => format!("no rule can run; {}", refused_text(&refused)),
        };
        return Err(usage(&message).into());
    }
    let set = RuleSet::with_over_time(rules, over_time);
    let set = set.map_err(|error| usage(&error.to_string()))?;
    let set = match &args.exceptions {
        Some(path) => set.with_exceptions(exceptions(path)?),
        None => set,
    };
    Ok(Chosen { set, refused })
}

/// Warns of rules that are excluded and do not exist: a rule with a similar name may run.
fn warn_of_excluded(selection: &RuleSelection, loaded: &Loaded, format: LogFormat) {
    for name in selection.excluded_in_vain(loaded) {
        let text = format!("--exclude-rule {name}: no rule has this id or name");
        messages::warn(&text, format);
    }
}

/// Leaves out the rules over several events if this is requested.
fn leave_out(args: &RuleArgs, loaded: &mut Loaded) {
    if args.single_event {
        loaded.leave_out_over_time("left out by --single-event");
    }
}

/// Reads all rules, with those that are not selected.
pub(super) fn load(args: &RuleArgs) -> anyhow::Result<Loaded> {
    if let Some(indicators) = &args.search {
        let mut loaded = Loaded::default();
        let rule = load::search(indicators.clone());
        loaded.rules.push(PackRule::new(SEARCH_PACK, rule));
        return Ok(loaded);
    }
    if args.rules.is_empty() && args.query.is_empty() {
        let mut loaded = Loaded::default();
        let rule = PackRule::new(BUILTIN_PACK, Rule::quarantine());
        loaded.rules.push(rule);
        return Ok(loaded);
    }
    let mut loaded = read_files(args)?;
    for (n, text) in args.query.iter().enumerate() {
        let rule = load::query(text);
        let mut rule =
            rule.map_err(|error| usage(&format!("--query: {}", query_error(text, &error))))?;
        if n > 0 {
            rule.metadata.rule_id = format!("{QUERY_PACK}-{}", n + 1);
        }
        loaded.rules.push(PackRule::new(QUERY_PACK, rule));
    }
    Ok(loaded)
}

/// Reads the rules of files and folders. A file that is named must have a rule that can run.
fn read_files(args: &RuleArgs) -> anyhow::Result<Loaded> {
    let files = args.rules.iter().filter(|path| !path.is_dir());
    for file in files {
        let own = read_rules(std::slice::from_ref(file))?;
        if own.rules.is_empty()
            && own.over_time.is_empty()
            && let Some(refused) = own.refused.first()
        {
            let place = format!("{}{}", file.display(), refused.position());
            return Err(usage(&format!("{place}: {}", refused.reason)).into());
        }
        if args.rules.len() == 1 {
            return Ok(own);
        }
    }
    match args.rules.is_empty() {
        true => Ok(Loaded::default()),
        false => read_rules(&args.rules),
    }
}

/// Reads the rules of files and folders.
fn read_rules(paths: &[PathBuf]) -> anyhow::Result<Loaded> {
    Ok(rule_files::read(paths).map_err(unreadable)?)
}

/// Returns the error of a command line whose rules cannot be read.
fn unreadable(error: rule_files::RuleFilesError) -> clap::Error {
    usage(&format!("{:#}", anyhow::Error::new(error)))
}

fn selection(args: &RuleArgs) -> RuleSelection {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    RuleSelection {
        rules: patterns(&args.rule),
        excluded: patterns(&args.exclude_rule),
        min_severity: args.min_severity.map(Into::into),
        tags: patterns(&args.tag),
    }
}

fn exceptions(path: &Path) -> anyhow::Result<Exceptions> {
    let failed = |message: String| usage(&format!("{}: {message}", path.display()));
    let text = fs::read(path).map_err(|error| failed(error.to_string()))?;
    let text = String::from_utf8(text).map_err(|_| failed("the file is not UTF-8".to_owned()))?;
    let exceptions = Exceptions::from_toml(&text);
    Ok(exceptions.map_err(|error| failed(error.to_string()))?)
}

fn refused_text(refused: &[RefusedRule]) -> String {
    let named = refused.iter().take(REFUSED_NAMED);
    let named = named.map(|one| format!("\n  {}/{one}", one.pack));
    let more = match refused.len().saturating_sub(REFUSED_NAMED) {
        0 => String::new(),
        n => format!("\n  and {n} more"),
    };
    format!(
        "{} of the rules cannot run:{}{more}",
        refused.len(),
        named.collect::<String>()
    )
}
