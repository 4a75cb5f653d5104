//! Options that are not on the command line: from environment variables and a configuration file.
//!
//! In: the words of a command line. Out: the same words with the options that it does not have, each as if it had been
//! typed. The file is named by `--config` or `TRAILSIFT_CONFIG`, or is the user's own. The current folder is never
//! searched: it may hold evidence, which must not decide what is read.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind};
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::usage::usage;

/// What the names of environment variables begin with.
const PREFIX: &str = "TRAILSIFT_";
/// The variable with the path of the file.
const FILE_VARIABLE: &str = "TRAILSIFT_CONFIG";
/// The file in the user's folder of configurations.
const OWN_FILE: &str = "trailsift/trailsift.toml";
/// Options that only a command line can have.
const NEVER: [&str; 4] = ["config", "no-config", "help", "version"];

/// An option that a command line does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Added {
    /// The word that stands for it, such as `--threads=4`.
    pub(super) word: OsString,
    /// The file or the variable that it comes from.
    pub(super) origin: String,
}

/// The options that a command gets unless its command line has them.
#[derive(Debug, Default)]
pub(super) struct Defaults {
    /// By the name of the option.
    options: BTreeMap<String, Vec<Added>>,
}

/// Where options may come from.
#[derive(Debug)]
pub(super) struct Sources {
    table: Option<Table>,
    variables: Vec<(String, String)>,
}

/// A configuration file that was read.
#[derive(Debug)]
struct Table {
    text: String,
    path: PathBuf,
}

impl Sources {
    /// Reads the environment and the file that is named, or the user's own.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or was named and is not there.
    pub(super) fn read(named: Option<&Path>) -> anyhow::Result<Self> {
        let by_variable = env::var_os(FILE_VARIABLE).filter(|path| !path.is_empty());
        let named = named.map(Path::to_owned).or(by_variable.map(PathBuf::from));
        let is_named = named.is_some();
        let path = named.or_else(own_file);
        let text = path.as_ref().map(|path| read(path));
        let table = match (text, path) {
            (Some(Ok(text)), Some(path)) => Some(Table { text, path }),
            // Nor is there one in a folder that this user may not enter.
            (Some(Err(error)), Some(path)) if !is_named && is_absent(&path, &error) => None,
            (Some(Err(error)), Some(path)) => {
                return Err(error).with_context(|| path.display().to_string());
            }
            _ => None,
        };
        let variables = env::vars_os().filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let is_option = name.starts_with(PREFIX) && name != FILE_VARIABLE;
            is_option.then(|| (name, value.to_string_lossy().into_owned()))
        });
        let mut variables: Vec<_> = variables.collect();
        variables.sort();
        Ok(Self { table, variables })
    }

    /// Returns the path of the configuration file, if there is one.
    pub(super) fn file(&self) -> Option<&Path> {
        self.table.as_ref().map(|table| &*table.path)
    }

    /// Returns the names of the variables that are for no option of any command.
    pub(super) fn unknown_variables<'a>(&'a self, all: &Command) -> Vec<&'a str> {
        let names = self.variables.iter().map(|(name, _)| name.as_str());
        let is_known = |name: &str| {
            let mut commands = all.get_subcommands();
            commands.any(|command| option_of(name, all, command).is_some())
        };
        names.filter(|name| !is_known(name)).collect()
    }

    /// Returns true if there are no options.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_none() && self.variables.is_empty()
    }

    /// Returns the options of a command.
    ///
    /// # Errors
    ///
    /// If the file or a variable names an option that no command has, or if a value has the wrong type.
    pub(super) fn of(&self, all: &Command, command: &Command) -> anyhow::Result<Defaults> {
        let mut defaults = Defaults::default();
        if let Some(table) = &self.table {
            table.add(all, command, &mut defaults)?;
        }
        // A variable replaces what the file says.
        for (name, value) in &self.variables {
            let Some((option, is_of_command)) = option_of(name, all, command) else {
                continue;
            };
            let words = match option_kind(all, command, &option) {
                Kind::Flag => flag(&option, value).with_context(|| name.clone())?,
                Kind::Value | Kind::Values => vec![word(&option, value)],
                // It is an option of another command.
                Kind::None => continue,
            };
            let origin = format!("${name}");
            let added = words.into_iter().map(|word| Added {
                word,
                origin: origin.clone(),
            });
            let is_overruled = |one: &Added| one.origin.starts_with('$') && !is_of_command;
            let is_set = defaults
                .options
                .get(&option)
                .is_some_and(|set| set.iter().any(is_overruled));
            if !is_set {
                defaults.options.insert(option, added.collect());
            }
        }
        Ok(defaults)
    }
}

impl Table {
    /// Adds the options of a command: those at the top, then those in its own table.
    fn add(&self, all: &Command, command: &Command, to: &mut Defaults) -> anyhow::Result<()> {
        let root = DeTable::parse(&self.text)
            .map_err(|error| self.fault(error.span().unwrap_or_default(), error.message()))?;
        let mut own = None;
        for (key, value) in root.get_ref() {
            let name = key.get_ref().as_ref();
            if let DeValue::Table(table) = value.get_ref() {
                let Some(named) = all.find_subcommand(name) else {
                    return Err(self.fault(key.span(), &format!("there is no command {name}")));
                };
                for (key, _) in table {
                    self.check(all, Some(named), key)?;
                }
                if named.get_name() == command.get_name() {
                    own = Some(table);
                }
                continue;
            }
            self.check(all, None, key)?;
            self.option(all, command, (key, value), to)?;
        }
        for pair in own.into_iter().flatten() {
            self.option(all, command, pair, to)?;
        }
        Ok(())
    }

    /// Checks that a command, or any command, has the option that a key names.
    fn check(
        &self,
        all: &Command,
        command: Option<&Command>,
        key: &Spanned<std::borrow::Cow<'_, str>>,
    ) -> anyhow::Result<()> {
        let name = key.get_ref().as_ref();
        let of_command = match command {
            Some(command) => is_option(all, command, name),
            None => all.get_subcommands().any(|one| is_option(all, one, name)),
        };
        if of_command {
            return Ok(());
        }
        let who = command.map_or("no command".to_owned(), |one| {
            format!("`{}` does not", one.get_name())
        });
        let has = if command.is_some() { "have" } else { "has" };
        let dashed = name.replace('_', "-");
        let tip = match command.is_none_or(|one| is_option(all, one, &dashed)) && dashed != name {
            true => format!("; options are written with hyphens: {dashed}"),
            false => String::new(),
        };
        Err(self.fault(key.span(), &format!("{who} {has} an option --{name}{tip}")))
    }

    fn option(
        &self,
        all: &Command,
        command: &Command,
        (key, value): (&Spanned<std::borrow::Cow<'_, str>>, &Spanned<DeValue<'_>>),
        to: &mut Defaults,
    ) -> anyhow::Result<()> {
        let name = key.get_ref().as_ref();
        let kind = option_kind(all, command, name);
        let wrong =
            |expected: &str| self.fault(value.span(), &format!("{name} must be {expected}"));
        let words = match (kind, value.get_ref()) {
            (Kind::None, _) => return Ok(()),
            (Kind::Flag, DeValue::Boolean(true)) => vec![OsString::from(format!("--{name}"))],
            (Kind::Flag, DeValue::Boolean(false)) => Vec::new(),
            (Kind::Flag, _) => return Err(wrong("true or false")),
            (Kind::Values, DeValue::Array(values)) => {
                let texts = values.iter().map(|value| text(value.get_ref()));
                let texts: Option<Vec<String>> = texts.collect();
                let texts = texts.ok_or_else(|| wrong("a list of texts or numbers"))?;
                texts.iter().map(|text| word(name, text)).collect()
            }
            (Kind::Value | Kind::Values, value) => match text(value) {
                Some(text) => vec![word(name, &text)],
                None => return Err(wrong("a text or a number")),
            },
        };
        let origin = self.path.display().to_string();
        let added = words.into_iter().map(|word| Added {
            word,
            origin: origin.clone(),
        });
        to.options.insert(name.to_owned(), added.collect());
        Ok(())
    }

    /// Returns the error at a place in the file.
    fn fault(&self, span: Range<usize>, message: &str) -> anyhow::Error {
        let before = self.text.get(..span.start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        let path = self.path.display();
        usage(&format!("{path}:{line}:{column}: {message}")).into()
    }
}

impl Defaults {
    /// Returns all options, by their names.
    pub(super) fn all(self) -> Vec<Added> {
        self.options.into_values().flatten().collect()
    }

    /// Returns the options that a command line does not have.
    pub(super) fn missing_in(self, command: &Command, typed: &ArgMatches) -> Vec<Added> {
        let is_typed = |name: &str| {
            let mut options = command.get_arguments();
            let option = options.find(|option| option.get_long() == Some(name));
            let source = option.map(|option| typed.value_source(option.get_id().as_str()));
            source.flatten() == Some(ValueSource::CommandLine)
        };
        let missing = self.options.into_iter().filter(|(name, _)| !is_typed(name));
        missing.flat_map(|(_, added)| added).collect()
    }
}

/// Returns the option of a command that a variable is for, and whether its name has the command: `TRAILSIFT_THREADS`,
/// or `TRAILSIFT_HUNT_OUTPUT`.
fn option_of(variable: &str, all: &Command, command: &Command) -> Option<(String, bool)> {
    let name = variable.strip_prefix(PREFIX)?;
    let name = name.to_ascii_lowercase().replace('_', "-");
    let own = name.strip_prefix(&format!("{}-", command.get_name()));
    if let Some(option) = own.filter(|option| is_option(all, command, option)) {
        return Some((option.to_owned(), true));
    }
    is_option(all, command, &name).then_some((name, false))
}

/// Returns a command line with options behind the name of the command.
pub(super) fn with_added(words: &[OsString], command: &str, added: &[Added]) -> Vec<OsString> {
    let at = words.iter().enumerate().position(|(at, word)| {
        // Before it there may be options for all commands; the value of one may be the same word.
        let before = at.checked_sub(1).and_then(|before| words.get(before));
        let is_value = before.is_some_and(|before| before == "--color" || before == "--config");
        word == command && !is_value
    });
    let at = at.map_or(words.len(), |at| at + 1);
    let (before, behind) = words.split_at(at);
    let added = added.iter().map(|one| &one.word);
    before.iter().chain(added).chain(behind).cloned().collect()
}

fn is_absent(path: &Path, error: &io::Error) -> bool {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => true,
        ErrorKind::PermissionDenied => path.symlink_metadata().is_err(),
        _ => false,
    }
}

/// Reads a file of text.
fn read(path: &Path) -> io::Result<String> {
    let bytes = fs::read(path)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

/// Returns the path of the user's own file, whether it is there or not.
pub(super) fn own_file() -> Option<PathBuf> {
    let folder = env::var_os("XDG_CONFIG_HOME").filter(|path| Path::new(path).is_absolute());
    let home = || env::var_os("HOME").filter(|path| !path.is_empty());
    let folder = folder.map(PathBuf::from);
    let folder = folder.or_else(|| Some(PathBuf::from(home()?).join(".config")))?;
    Some(folder.join(OWN_FILE))
}

/// What an option of a command takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The command has no such option.
    None,
    Flag,
    Value,
    Values,
}

fn option_kind(all: &Command, command: &Command, name: &str) -> Kind {
    let is_it = |option: &&clap::Arg| option.get_long() == Some(name) && !NEVER.contains(&name);
    let of_all = all.get_arguments().filter(|option| option.is_global_set());
    let mut options = command.get_arguments().chain(of_all);
    match options.find(is_it).map(clap::Arg::get_action) {
        None => Kind::None,
        Some(ArgAction::SetTrue | ArgAction::SetFalse | ArgAction::Count) => Kind::Flag,
        Some(ArgAction::Append) => Kind::Values,
        Some(_) => Kind::Value,
    }
}

fn is_option(all: &Command, command: &Command, name: &str) -> bool {
    option_kind(all, command, name) != Kind::None
}

fn word(option: &str, value: &str) -> OsString {
    format!("--{option}={value}").into()
}

/// Returns the words for a flag's value in a variable.
fn flag(option: &str, value: &str) -> anyhow::Result<Vec<OsString>> {
    match value {
        "1" | "true" | "yes" => Ok(vec![format!("--{option}").into()]),
        "" | "0" | "false" | "no" => Ok(Vec::new()),
        _ => bail!(usage(&format!("{value:?} is neither true nor false"))),
    }
}

fn text(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Datetime(time) => Some(time.to_string()),
        _ => None,
    }
}
