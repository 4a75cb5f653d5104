//! A step of what to do now, and how its commands are put together.

use crate::case::shell::quoted;

/// A step, with its commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Action {
    pub(super) title: String,
    /// What to know before it.
    pub(super) note: String,
    /// Commands, one a line. A comment names the account that they are for.
    pub(super) commands: Vec<String>,
}

/// Returns a text as one word of a command of the AWS CLI; nothing if it cannot be shown, or if the CLI would read a file
/// of this machine in its place.
pub(super) fn word(text: &str) -> Option<String> {
    let is_file = text.starts_with("file://") || text.starts_with("fileb://");
    quoted(text).filter(|_| !is_file)
}

/// Adds a command whose names are all quoted; nothing if a name has characters that a command cannot show.
pub(super) fn push(commands: &mut Vec<String>, words: &[&str]) {
    let words: Option<Vec<String>> = words.iter().map(|text| word(text)).collect();
    match words {
        Some(words) => commands.push(words.join(" ")),
        None => commands
            .push("# a name has characters that cannot be shown: use the console".to_owned()),
    }
}

/// Adds a comment with the account that the next commands are for.
pub(super) fn in_account(commands: &mut Vec<String>, account: &str) {
    let is_account = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    let comment = format!("# in account {account}");
    let last = commands
        .iter()
        .rev()
        .find(|line| line.starts_with("# in account"));
    if is_account && last != Some(&comment) {
        commands.push(comment);
    }
}
