//! What events do about the access of outsiders: whom they let in, by the ways that `ways` lists, and whom no longer.

use super::ways::{ALL, Access, Way};
use crate::case::CaseEvent;
use crate::follow::touched::{call_name, service_name};
use crate::follow::{Entity, Kind, Target, TargetRole};
use crate::input::layout::is_account;
use crate::output::Column;

/// What an event does about the access of outsiders to a thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Opening<'a> {
    pub(super) way: Way,
    /// The thing.
    pub(super) on: &'a str,
    pub(super) does: Does<'a>,
}

/// What an event does about access.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Does<'a> {
    /// It lets in these outsiders. The first field is true if all others are no longer let in; the last has those who
    /// are named as removed.
    LetIn(bool, Vec<&'a str>, Vec<&'a str>),
    /// It takes all access back.
    TakeBack,
    /// It takes back what was given with this id.
    TakeBackId,
}

/// Returns what an event that was not refused does about the access of outsiders.
pub(super) fn openings(event: &CaseEvent) -> Vec<Opening<'_>> {
    let text = |column| event.alert.text(column).unwrap_or_default();
    let call = call_name(text(Column::EventAction));
    let service = service_name(text(Column::EventProvider));
    let of_service = ALL.iter().enumerate();
    let of_service = of_service.filter(|(_, access)| access.service == service);
    let openings = of_service.filter_map(|(n, access)| {
        let does = does(event, access, call)?;
        let on = thing(event, access.kinds)?;
        let on = on.strip_prefix("https://").unwrap_or(on);
        let way = Way(n);
        Some(Opening { way, on, does })
    });
    openings.collect()
}

fn does<'a>(event: &'a CaseEvent, access: &Access, call: &str) -> Option<Does<'a>> {
    let is_set = access.set.contains(&call);
    if is_set || access.add.contains(&call) {
        let mut outsiders = outsiders(event);
        let is_itself = access.words.starts_with("sign-in");
        if is_itself {
            outsiders.push("");
        }
        // These calls set one of many attributes.
        let is_other = call.ends_with("Attributes") && outsiders.is_empty() && !names_policy(event);
        return (!is_other).then(|| Does::LetIn(is_set, outsiders, removed(event)));
    }
    let by_id = access.by_id.filter(|(_, calls)| calls.contains(&call));
    match access.remove.contains(&call) {
        true => Some(Does::TakeBack),
        false => by_id.map(|_| Does::TakeBackId),
    }
}

/// Returns whether the request of a call that sets attributes has a policy, which may be empty. Other attributes have
/// longer names: `RedrivePolicy`.
fn names_policy(event: &CaseEvent) -> bool {
    let record = event.alert.text(Column::RawEvent);
    record.is_some_and(|record| record.contains("\"Policy\""))
}

/// Returns the name of the thing that an event opens or closes.
fn thing<'a>(event: &'a CaseEvent, kinds: &[&str]) -> Option<&'a str> {
    let targets = event.story.touched.targets.iter();
    let mut own = targets.filter(|one| one.role != TargetRole::With);
    let found = own.find(|one| kinds.contains(&one.kind.as_str()))?;
    Some(&found.name)
}

/// Returns the role whose trust policy an event set.
pub(super) fn with_trust_policy(event: &CaseEvent) -> Option<&Entity> {
    match event.alert.text(Column::EventAction) {
        Some("CreateRole") => {
            let mut made = event.story.traces.made.iter();
            made.find(|one| one.kind == Kind::Role)
        }
        Some("UpdateAssumeRolePolicy") => {
            let mut on = event.story.traces.on.iter();
            on.find(|one| one.kind == Kind::Role)
        }
        _ => None,
    }
}

/// Returns the id of what a call gave, or that it takes back; an empty text if the record does not show one.
pub(super) fn id_of(event: &CaseEvent, way: Way) -> &str {
    let name = way.access().and_then(|access| access.by_id);
    let record = event.alert.text(Column::RawEvent).unwrap_or_default();
    name.and_then(|(name, _)| text_after(record, &format!("\"{name}\"")))
        .unwrap_or_default()
}

/// Returns the text that comes after a name in a record, if it has none but plain characters.
pub(super) fn text_after<'r>(record: &'r str, name: &str) -> Option<&'r str> {
    let (_, rest) = record.split_once(name)?;
    let rest = rest.trim_start().strip_prefix(':')?;
    let (text, _) = rest.trim_start().strip_prefix('"')?.split_once('"')?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    (!text.is_empty() && text.chars().all(is_plain)).then_some(text)
}

/// Returns the outsiders that an event lets in: accounts by their numbers, the others by their names.
pub(in crate::case) fn outsiders(event: &CaseEvent) -> Vec<&str> {
    let own = event.alert.text(Column::RecipientAccountId);
    let own = own.or_else(|| event.alert.text(Column::AccountId));
    let with = event.story.touched.with_role(TargetRole::With);
    let mut all: Vec<&str> = with
        .filter_map(|one| outsider(one, own.unwrap_or_default()))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// Returns the name of a thing that a call used, if it is an outsider.
fn outsider<'a>(target: &'a Target, own: &str) -> Option<&'a str> {
    const EVERYBODY: &str = "everybody";
    let name = target.name.as_str();
    let is_foreign = |account: &str| is_account(account) && account != own;
    match target.kind.as_str() {
        "outsider" => Some(name),
        "account" | "principal" if matches!(name, "all" | "All" | "*") => Some(EVERYBODY),
        "account" | "principal" => is_foreign(name).then_some(name),
        "root" | "role" | "user" => is_foreign(&target.account).then_some(target.account.as_str()),
        "grantee" if name.ends_with("/AllUsers") || name.ends_with("/AuthenticatedUsers") => {
            Some(EVERYBODY)
        }
        "acl" if name.starts_with("public-") || name == "authenticated-read" => Some(EVERYBODY),
        _ => None,
    }
}

/// Returns those whom a call names as no longer let in.
fn removed(event: &CaseEvent) -> Vec<&str> {
    let with = event.story.touched.with_role(TargetRole::With);
    let removed = with.filter(|one| one.kind == "removed_account");
    removed
        .map(|one| match one.name.as_str() {
            "all" | "All" => "everybody",
            name => name,
        })
        .collect()
}
