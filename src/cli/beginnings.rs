//! The beginnings of an investigation: alerts, and identities in the command line.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::bail;
use trailsift::case::{self, Seed, Seeds};
use trailsift::follow::{Entity, Kind};

use super::args::InvestigateArgs;
use super::terminal;
use super::usage::usage;

/// Number of names of users that a message has.
const NAMES_SHOWN: usize = 10;

/// Returns the beginnings of the case. If the first path is a file or folder of alerts, it is taken from the paths, and a user in
/// the command line selects among the alerts.
pub(super) fn seeds(args: &mut InvestigateArgs) -> anyhow::Result<Seeds> {
    let named = named(args)?;
    let holds_alerts: Vec<bool> = args
        .input
        .paths
        .iter()
        .map(|path| is_of_alerts(path))
        .collect();
    let has_more = args.input.files_from.is_some() || args.input.manifest.is_some();
    let begins_with_alerts = holds_alerts.first() == Some(&true);
    if !begins_with_alerts && !named.is_empty() {
        let seeds = named.into_iter().map(without_time).collect();
        return Ok(Seeds { seeds, n_others: 0 });
    }
    let Some(alerts) = args.input.paths.first().cloned() else {
        return Err(usage("name the alerts of a hunt before the paths, or a --user").into());
    };
    let shown = alerts.display();
    let mut after = args.input.paths.iter().zip(&holds_alerts).skip(1);
    let after = after.find(|(_, holds_alerts)| **holds_alerts);
    if let (false, Some((after, _))) = (begins_with_alerts, after) {
        return Err(usage(&format!(
            "{shown}: it is not a file of alerts, but {} is: name the alerts first, then what is to be read",
            after.display()
        ))
        .into());
    }
    if !begins_with_alerts && alerts.is_dir() {
        return Err(usage(&format!(
            "{shown}: it is a folder, and not one of alerts alone; name the alerts of a hunt before it, or a --user"
        ))
        .into());
    }
    args.input.paths.remove(0);
    if args.input.paths.is_empty() && !has_more {
        return Err(usage("name what is to be read after the alerts").into());
    }
    // The error names the file.
    let Seeds { seeds, n_others } = case::seeds(&alerts)?;
    let seeds = select(seeds, named, &alerts)?;
    Ok(Seeds { seeds, n_others })
}

/// Returns the identities in the command line.
fn named(args: &InvestigateArgs) -> Result<Vec<Entity>, clap::Error> {
    let users = args.user.iter().map(|name| match name.split_once('/') {
        Some((account, name)) => Entity::in_account(Kind::User, account, name),
        None => Entity::by_name(Kind::User, name),
    });
    let keys = args
        .access_key
        .iter()
        .map(|id| Entity::by_name(Kind::AccessKey, id));
    let mut entities: Vec<Entity> = users.chain(keys).collect();
    for arn in &args.arn {
        let is_beginning = |one: &Entity| matches!(one.kind, Kind::User | Kind::Role);
        match Entity::of_arn(arn).filter(is_beginning) {
            Some(entity) => entities.push(entity),
            None => {
                return Err(usage(&format!("{arn}: it is the ARN of no user or role")));
            }
        }
    }
    Ok(entities)
}

fn without_time(entity: Entity) -> Seed {
    Seed { entity, time: None }
}

/// Returns whether a path is a local file or folder of alerts. What is not there is reported when it is read.
fn is_of_alerts(path: &Path) -> bool {
    let is_there = path.is_file() || path.is_dir();
    is_there && case::holds_alerts(path).unwrap_or_default()
}

/// Returns the alerts of the users that the command line names, or all if it names none. Keys and roles, which an alert
/// does not name, are added.
fn select(seeds: Vec<Seed>, named: Vec<Entity>, alerts: &Path) -> anyhow::Result<Vec<Seed>> {
    let (users, others): (Vec<Entity>, Vec<Entity>) =
        named.into_iter().partition(|one| one.kind == Kind::User);
    let is_same = |user: &Entity, seed: &Seed| {
        let is_in_account = user.account.is_empty() || user.account == seed.entity.account;
        user.name == seed.entity.name && is_in_account
    };
    for user in &users {
        if seeds.iter().any(|seed| is_same(user, seed)) {
            continue;
        }
        let names: BTreeSet<&str> = seeds.iter().map(|seed| &*seed.entity.name).collect();
        let shown = names.iter().take(NAMES_SHOWN);
        let mut shown: Vec<String> = shown
            .map(|name| terminal::harmless(name, usize::MAX))
            .collect();
        if names.len() > NAMES_SHOWN {
            shown.push(format!("and {} more", names.len() - NAMES_SHOWN));
        }
        let of_whom = match shown.is_empty() {
            true => "there is none of a quarantine".to_owned(),
            false => format!("the alerts are of {}", shown.join(", ")),
        };
        bail!(
            "{}: no alert is of user {}; {of_whom} (without the alerts, --user begins with the user alone)",
            alerts.display(),
            user.name,
        );
    }
    let has_users = !users.is_empty();
    let selected = seeds
        .into_iter()
        .filter(|seed| !has_users || users.iter().any(|user| is_same(user, seed)));
    Ok(selected
        .chain(others.into_iter().map(without_time))
        .collect())
}
