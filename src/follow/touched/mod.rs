//! What a call touched: which things its record names, and in which role.
//!
//! In: an event. Out: its [`Touched`]: what the call acted on, what it used for that, and what it made. `table` knows
//! the parameters of common services, `general` the usual names of parameters of all others, `arn` what an ARN names,
//! `data` which calls touch the data in a thing, and `outsiders` whom the
//! policies of resources let in. Nothing here reads tags or secrets; names come from the log and are not trusted.

mod arn;
mod data;
mod general;
mod outsiders;
mod table;

use std::collections::BTreeSet;

use crate::event::{Event, Path};
use crate::follow::{Target, TargetRole, Touched};
use outsiders::{OUTSIDER, Policies};
use table::Call;

/// Maximum number of things of each role that are kept; further ones are counted.
const TARGETS_MAX: usize = 20;
/// Maximum number of bytes of a name that are kept.
const NAME_BYTES_MAX: usize = 256;
/// Maximum number of bytes of a kind.
const KIND_BYTES_MAX: usize = 40;
/// Number of names of a role in a text; further ones are counted.
const NAMES_IN_WORDS: usize = 3;

/// Kinds whose names are unique without an account.
const KINDS_WITHOUT_ACCOUNT: [&str; 16] = [
    "access_key",
    "account",
    "acl",
    "address_range",
    "bucket",
    "grantee",
    "instance",
    "instance_type",
    "object",
    "outsider",
    "policy",
    "principal",
    "region",
    "removed_account",
    "service_principal",
    "session",
];

/// Returns what the call of an event touched.
pub(crate) fn touched(event: &Event<'_>) -> Touched {
    let [action, provider] = call_of(event);
    let mut found = Found::new(event, &action, &provider);
    let mut policies = (found.is_success && outsiders::may_set(found.call)).then(Policies::default);
    event.each_in_request(&mut |path, text| {
        found.in_request(path, text);
        if let Some(policies) = &mut policies {
            policies.take(path, text);
        }
    });
    if let Some(policies) = policies {
        found.let_in(policies.outsiders(&found.account));
    }
    found.in_answer_of(event);
    found.qualify_objects();
    found.without_request(event);
    found.finish()
}

/// Returns the name of the first thing that the call of an event acted on; if there is none, of the first that it made.
pub(crate) fn main_name(event: &Event<'_>) -> Option<String> {
    let [action, provider] = call_of(event);
    let mut found = Found::new(event, &action, &provider);
    found.is_with_wanted = false;
    event.each_in_request(&mut |path, text| found.in_request(path, text));
    let has = |found: &Found<'_>, role| found.targets.iter().any(|one| one.role == role);
    if !has(&found, TargetRole::On) {
        found.in_answer_of(event);
    }
    found.qualify_objects();
    found.without_request(event);
    let role = match has(&found, TargetRole::On) {
        true => TargetRole::On,
        false => TargetRole::Made,
    };
    let mut targets = found.targets.into_iter();
    Some(targets.find(|one| one.role == role)?.name)
}

/// Returns the action and the provider of an event, empty if it has none.
fn call_of(event: &Event<'_>) -> [String; 2] {
    ["event.action", "event.provider"].map(|field| event.text(field).unwrap_or_default())
}

/// Returns the name of a service in its `eventSource`.
pub(crate) fn service_name(provider: &str) -> &str {
    provider.split('.').next().unwrap_or_default()
}

/// Returns the name of a call without the version of the API that some services add: `CreateFunction20150331v2`,
/// `CreateDistribution2020_05_31`.
pub(crate) fn call_name(action: &str) -> &str {
    let is_of_version = |c: char| c.is_ascii_digit() || matches!(c, '_' | 'v');
    let name = action.trim_end_matches(is_of_version);
    let version = action.get(name.len()..).unwrap_or_default();
    let begins_with_year = version.starts_with("20") || version.starts_with("19");
    match begins_with_year && version.len() >= 8 {
        true => name,
        false => action,
    }
}

/// What was found so far.
struct Found<'a> {
    call: &'a str,
    service: &'a str,
    table: Option<Call>,
    account: String,
    is_success: bool,
    targets: Vec<Target>,
    /// What is beyond the most that are kept.
    left_out: BTreeSet<(TargetRole, String, String)>,
    /// False if what the call used for its work is not asked for.
    is_with_wanted: bool,
}

impl<'a> Found<'a> {
    fn new(event: &Event<'_>, action: &'a str, provider: &'a str) -> Self {
        let account = event
            .text("aws.cloudtrail.recipient_account_id")
            .or_else(|| event.text("cloud.account.id"));
        let (call, service) = (call_name(action), service_name(provider));
        Self {
            call,
            service,
            table: table::service(service).map(|table| table.call(call)),
            account: account.unwrap_or_default(),
            is_success: event.text("event.outcome").as_deref() == Some("success"),
            targets: Vec::new(),
            left_out: BTreeSet::new(),
            is_with_wanted: true,
        }
    }
}

impl Found<'_> {
    /// Adds what a parameter of the request names.
    fn in_request(&mut self, path: &Path<'_>, text: &str) {
        let table = self.table.as_ref();
        let known = table.and_then(|table| table.in_request(path));
        match known {
            Some(None) => {}
            Some(Some(_)) if general::is_in_document(path) && !self.is_from_filter(path) => {}
            Some(Some((role, kind))) => self.add(role, kind, text),
            None => {
                let guessed = general::guess(self.service, self.call, path);
                // What is not known to be a name is taken for one only if it looks like one.
                if let Some((role, kind)) = guessed.filter(|_| is_plain(text)) {
                    self.add(role, &kind, text);
                }
            }
        }
    }

    /// Adds what a part of the response names.
    fn in_response(&mut self, path: &Path<'_>, text: &str) {
        let table = self.table.as_ref();
        if let Some(kind) = table.and_then(|table| table.in_answer(path)) {
            self.add(TargetRole::Made, kind, text);
        }
    }

    /// Adds what the response of a call that succeeded names.
    fn in_answer_of(&mut self, event: &Event<'_>) {
        let has_answer = self.table.as_ref().is_some_and(Call::has_answer);
        if has_answer && self.is_success {
            event.each_in_response(&mut |path, text| self.in_response(path, text));
        }
    }

    /// Adds what a call acted on if its request and response do not name it: the record's resources, or the account.
    fn without_request(&mut self, event: &Event<'_>) {
        if !self.has_main() {
            event.each_resource_arn(&mut |arn| self.add(TargetRole::On, "resource", arn));
        }
        let is_of_account = self.table.as_ref().is_some_and(|table| table.is_of_account);
        if !self.has_main() && is_of_account {
            let account = self.account.clone();
            self.add(TargetRole::On, "account", &account);
        }
    }

    /// Returns whether a parameter is the value of a filter, which the table has where a call names things only so.
    fn is_from_filter(&self, path: &Path<'_>) -> bool {
        path.ends_with("filters.values") || path.ends_with("parameterFilters.values")
    }

    /// Adds a thing by the text that names it.
    fn add(&mut self, role: TargetRole, kind: &str, text: &str) {
        if role == TargetRole::With && !self.is_with_wanted {
            return;
        }
        let Some(name) = name(text) else {
            return;
        };
        let of_arn = arn::named(&name);
        let (kind, account, name) = match of_arn {
            Some(named) => (named.kind, named.account, named.name),
            None => match kind {
                "queue" => queue(&name),
                "object" => (
                    kind.to_owned(),
                    String::new(),
                    name.trim_start_matches('/').to_owned(),
                ),
                "hosted_zone" => {
                    let id = name.strip_prefix("/hostedzone/").unwrap_or(&name);
                    (kind.to_owned(), String::new(), id.to_owned())
                }
                _ => (kind.to_owned(), String::new(), name),
            },
        };
        let kind = clean_kind(&kind);
        let account = match account.as_str() {
            _ if KINDS_WITHOUT_ACCOUNT.contains(&&*kind) => String::new(),
            "" => self.account.clone(),
            _ => cut(&account, KIND_BYTES_MAX),
        };
        let role = match role {
            TargetRole::On if self.is_success && general::makes(self.call, &kind) => {
                TargetRole::Made
            }
            // A call that failed made nothing.
            TargetRole::Made if !self.is_success => TargetRole::On,
            role => role,
        };
        let name = cut(&name, NAME_BYTES_MAX);
        let of_role = || self.targets.iter().filter(|one| one.role == role);
        let is_seen = || of_role().any(|one| one.kind == kind && one.name == name);
        if name.is_empty() || is_seen() {
            return;
        }
        if of_role().count() >= TARGETS_MAX {
            self.left_out.insert((role, kind, name));
            return;
        }
        let data = data::data(&kind, self.call).filter(|_| self.is_success);
        let target = Target {
            role,
            kind,
            account,
            name,
            data,
        };
        self.targets.push(target);
    }

    /// Adds those whom a policy lets in.
    fn let_in(&mut self, outsiders: BTreeSet<String>) {
        for name in outsiders {
            let name = cut(&name, NAME_BYTES_MAX);
            let kind = OUTSIDER.to_owned();
            if self.targets.iter().filter(|one| one.kind == kind).count() >= TARGETS_MAX {
                self.left_out.insert((TargetRole::With, kind, name));
                continue;
            }
            self.targets.push(Target {
                role: TargetRole::With,
                kind,
                account: String::new(),
                name,
                data: None,
            });
        }
    }

    /// Puts the name of the bucket before the names of its objects. The bucket is then in their names.
    fn qualify_objects(&mut self) {
        if !self.targets.iter().any(|one| one.kind == "object_key") {
            return;
        }
        let is_bucket = |one: &Target| one.kind == "bucket" && one.role == TargetRole::On;
        let bucket = self.targets.iter().find(|one| is_bucket(one));
        let bucket = bucket.map_or_else(String::new, |one| format!("{}/", one.name));
        self.targets.retain(|one| !is_bucket(one));
        let keys = self
            .targets
            .iter_mut()
            .filter(|one| one.kind == "object_key");
        for one in keys {
            one.kind = "object".to_owned();
            one.account = String::new();
            one.name = cut(&format!("{bucket}{}", one.name), NAME_BYTES_MAX);
            one.data = data::data("object", self.call).filter(|_| self.is_success);
        }
    }

    /// Returns whether something was found that the call acted on or made.
    fn has_main(&self) -> bool {
        self.targets.iter().any(|one| one.role != TargetRole::With)
    }

    fn finish(mut self) -> Touched {
        self.targets.sort_by_key(|one| one.role);
        Touched {
            targets: self.targets,
            n_left_out: self.left_out.len() as u64,
        }
    }
}

/// Returns a text as a name; nothing if it is a document or a placeholder for a secret.
fn name(text: &str) -> Option<String> {
    let text = text.trim();
    let hidden = [
        "HIDDEN_DUE_TO_SECURITY_REASONS",
        "<sensitiveDataRemoved>",
        "null",
        "...",
    ];
    let is_document = text.starts_with(['{', '[']) || text.contains('\n');
    if text.is_empty() || is_document || hidden.contains(&text) || text.starts_with("***") {
        return None;
    }
    // Some services have parts of an address in place of parameters.
    if text
        .get(..7)
        .is_some_and(|start| start.eq_ignore_ascii_case("arn%3aa"))
    {
        let plain = text.replace("%3A", ":").replace("%3a", ":");
        return Some(plain.replace("%2F", "/").replace("%2f", "/"));
    }
    Some(text.to_owned())
}

/// Returns whether a text looks like a name and not like prose.
fn is_plain(text: &str) -> bool {
    text.len() <= NAME_BYTES_MAX && !text.chars().any(|c| c.is_control() || c == '"')
}

/// Returns the kind, account and name of a queue, whose name may be a URL: `https://sqs.…/111122223333/orders`.
fn queue(name: &str) -> (String, String, String) {
    let mut parts = name.rsplit('/');
    let (last, account) = (parts.next().unwrap_or_default(), parts.next());
    let account = account.filter(|account| account.bytes().all(|b| b.is_ascii_digit()));
    let account = account.unwrap_or_default().to_owned();
    ("queue".to_owned(), account, last.to_owned())
}

/// Returns a kind with no other characters than kinds have.
fn clean_kind(kind: &str) -> String {
    let clean = |c: char| {
        if c.is_ascii_alphanumeric() {
            c.to_ascii_lowercase()
        } else {
            '_'
        }
    };
    kind.chars().take(KIND_BYTES_MAX).map(clean).collect()
}

/// Returns a text with at most `n_bytes` bytes, with a mark if it was longer.
fn cut(text: &str, n_bytes: usize) -> String {
    if text.len() <= n_bytes {
        return text.to_owned();
    }
    const MARK: char = '…';
    let mut end = n_bytes.saturating_sub(MARK.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let (kept, _) = text.split_at(end);
    format!("{kept}{MARK}")
}

/// Returns what a call touched in words: `user alice, with policy AdministratorAccess`. The names in it are from the
/// log: whoever shows it must make it safe. It is empty if nothing is named.
#[must_use]
pub fn in_words(touched: &Touched) -> String {
    let mut parts = Vec::new();
    let mut n_more = touched.n_left_out;
    for (role, before) in [
        (TargetRole::On, ""),
        (TargetRole::Made, "made "),
        (TargetRole::With, "with "),
    ] {
        let names: Vec<String> = touched.with_role(role).map(target_in_words).collect();
        let (shown, others) = names.split_at(names.len().min(NAMES_IN_WORDS));
        n_more += others.len() as u64;
        if !shown.is_empty() {
            parts.push(format!("{before}{}", shown.join(", ")));
        }
    }
    if n_more > 0 {
        parts.push(format!("and {n_more} more"));
    }
    parts.join(", ")
}

/// Returns a thing in words: `policy AdministratorAccess`. The name in it is from the log.
#[must_use]
pub fn target_in_words(target: &Target) -> String {
    let name = match target.kind.as_str() {
        "policy" => target.name.rsplit('/').next().unwrap_or_default(),
        _ => &target.name,
    };
    format!("{} {name}", target.kind.replace('_', " "))
}

#[cfg(test)]
mod tests;
