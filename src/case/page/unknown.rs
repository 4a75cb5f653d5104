//! What to do about users who were quarantined and of whom no long-term key was seen: each key that they have may have
//! leaked.

use super::action::{Action, in_account, word};
use super::words::plural;
use crate::follow::Entity;

/// The title of the step for one user.
pub(super) const TITLE: &str = "Make all keys of the user inactive";
/// The note of the step for one user.
pub(super) const NOTE: &str = "No long-term key of the user was seen in this case, so each key that the user has may have leaked. Programs that use a key stop at once.";

/// Returns the command that makes all keys of some users of one account inactive, and tells which keys these are.
pub(super) fn all_off(users: &[&str]) -> String {
    let words: Option<Vec<String>> = users.iter().map(|user| word(user)).collect();
    let Some(words) = words else {
        return "# a name has characters that cannot be shown: use the console".to_owned();
    };
    format!(
        "for user in {}; do for key in $(aws iam list-access-keys --user-name \"$user\" --query 'AccessKeyMetadata[].AccessKeyId' \
         --output text); do echo \"$user $key\"; aws iam update-access-key --user-name \"$user\" --access-key-id \"$key\" \
         --status Inactive; done; done",
        words.join(" ")
    )
}

/// Returns one step for all users that have no part of their own on the page.
pub(super) fn step(mut users: Vec<&Entity>) -> Option<Action> {
    users.sort_unstable();
    let mut commands = Vec::new();
    for of_account in users.chunk_by(|a, b| a.account == b.account) {
        if let Some(first) = of_account.first() {
            in_account(&mut commands, &first.account);
        }
        let names: Vec<&str> = of_account.iter().map(|user| user.name.as_str()).collect();
        commands.push(all_off(&names));
    }
    (!users.is_empty()).then(|| Action {
        title: format!(
            "Make all keys of {} inactive",
            plural(users.len() as u64, "user")
        ),
        note: "They were quarantined, and no long-term key of theirs was seen in this case, so each key that they have may have leaked. Programs that use a key stop at once.".to_owned(),
        commands,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::follow::Kind;

    #[test]
    fn the_step_has_a_command_for_the_users_of_each_account() {
        let user = |account: &str, name: &str| Entity::in_account(Kind::User, account, name);
        let users = [
            user("222233334444", "bob"),
            user("111122223333", "it's"),
            user("111122223333", "alice"),
        ];
        let step = step(users.iter().collect()).unwrap();
        assert_eq!(step.title, "Make all keys of 3 users inactive");
        let starts = [
            "# in account 111122223333",
            r"for user in alice 'it'\''s'; do for key in $(aws iam list-access-keys --user-name",
            "# in account 222233334444",
            "for user in bob; do ",
        ];
        assert_eq!(step.commands.len(), starts.len());
        for (line, start) in step.commands.iter().zip(starts) {
            assert!(line.starts_with(start), "{line}");
        }
        assert_eq!(super::step(Vec::new()), None);
    }
}
