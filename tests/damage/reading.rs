//! What the rule says of a JSON value, read aloud. Each schema by the names that its writers give.

use super::json::{self, Json};
use super::records::{ACTION, NEEDLE};

/// What is to come of something that names the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verdict {
    /// No event is there.
    NoRecord,
    /// An event that is no match, whatever way it is read.
    No,
    /// The rule's action, no failure, and the policy is named, but not in the field that is read.
    Undecided,
    Match,
}

/// What must come of a value: the most that any event in it comes to.
pub(crate) fn verdict(value: &Json) -> Verdict {
    if let Some((own, fails)) = record_verdict(value) {
        // A log shipper's document may hold the whole record beside its own fields, which then tells. But a document
        // that says itself that the call failed is one with a failure, whatever became of the record in it.
        return match (fails, original(value, verdict)) {
            (true, _) => own,
            // What the document leaves open the record decides.
            (false, Verdict::No) if own == Verdict::Undecided => Verdict::No,
            (false, original) => own.max(original),
        };
    }
    inside(value, verdict)
}

/// What a row of a table comes to, of which a column is known by its letters: one for errors that is written in another
/// way, or damaged between its letters, still says that the call failed.
pub(crate) fn verdict_of_row(row: &Json) -> Verdict {
    let Json::Object(members) = row else {
        return verdict(row);
    };
    let spelt = |(name, value): &(String, Json)| {
        let letters = letters(name);
        let is_error = letters == "errorcode" || letters == "errormessage";
        (if is_error { letters } else { name.clone() }, value.clone())
    };
    verdict(&Json::Object(members.iter().map(spelt).collect()))
}

/// The letters and digits of a name, in lower case.
fn letters(name: &str) -> String {
    let letters = name.chars().filter(char::is_ascii_alphanumeric);
    letters.map(|c| c.to_ascii_lowercase()).collect()
}

/// The most that can come of it, for a reader that bears with much.
pub(crate) fn support(value: &Json) -> Verdict {
    match record_verdict(value) {
        Some((own, _)) => own.max(original(value, support)).max(loosely(value)),
        None => inside(value, support),
    }
}

/// What an event comes to if its names are taken by their letters alone, if Elastic's flattened request counts beside
/// its text, and if a whole event in a document is one.
fn loosely(event: &Json) -> Verdict {
    let Json::Object(members) = event else {
        return Verdict::NoRecord;
    };
    let by_letters = members
        .iter()
        .map(|(name, value)| (letters(name), value.clone()));
    let by_letters = cloudtrail(&Json::Object(by_letters.collect()));
    let without_text = without(event, "aws.cloudtrail.request_parameters");
    let flattened = ecs(&without_text);
    let most = by_letters
        .into_iter()
        .chain(flattened)
        .map(|(verdict, _)| verdict);
    // What belongs to the schema is data of the event. Anything else may be a whole event that ran into this one: with
    // the name of the lost end of it, such as EventBridge's `detail`.
    let (is_trail, is_ecs) = (cloudtrail(event).is_some(), ecs(event).is_some());
    let is_foreign = |name: &str| match is_trail {
        true => !OWN.contains(&&*letters(name)),
        false => is_ecs && !name.starts_with("aws"),
    };
    let foreign = members.iter().filter(|(name, _)| is_foreign(name));
    let nested = foreign.map(|(_, value)| support(value));
    most.chain(nested).max().unwrap_or(Verdict::NoRecord)
}

/// A document without what stands at a path.
fn without(document: &Json, path: &str) -> Json {
    let Json::Object(members) = document else {
        return document.clone();
    };
    let kept = members.iter().filter(|(name, _)| name != path);
    let kept = kept.map(|(name, value)| {
        let rest = path
            .strip_prefix(&**name)
            .and_then(|rest| rest.strip_prefix('.'));
        let value = rest.map_or_else(|| value.clone(), |rest| without(value, rest));
        (name.clone(), value)
    });
    Json::Object(kept.collect())
}

fn inside(value: &Json, verdict: fn(&Json) -> Verdict) -> Verdict {
    match value {
        Json::Object(members) => {
            let verdicts = members.iter().map(|(_, value)| verdict(value));
            verdicts.max().unwrap_or(Verdict::NoRecord)
        }
        Json::List(elements) => {
            let verdicts = elements.iter().map(verdict);
            verdicts.max().unwrap_or(Verdict::NoRecord)
        }
        Json::Text(text) => text_verdict(text, verdict),
        Json::Plain(_) => Verdict::NoRecord,
    }
}

/// What the record comes to that a document was made of, if it has one.
fn original(document: &Json, verdict: fn(&Json) -> Verdict) -> Verdict {
    let originals = originals(document).into_iter();
    let verdicts = originals.map(|text| text_verdict(text, verdict));
    verdicts.max().unwrap_or(Verdict::NoRecord)
}

/// A text that is JSON, or has it behind a time or the like.
fn text_verdict(text: &str, verdict: fn(&Json) -> Verdict) -> Verdict {
    let Some(start) = text.find('{') else {
        return Verdict::NoRecord;
    };
    json::whole(&text.as_bytes()[start..]).map_or(Verdict::NoRecord, |value| verdict(&value))
}

/// The texts in which documents carry the record that they were made of.
fn originals(document: &Json) -> Vec<&str> {
    let mut found = at(document, "event.original");
    for name in ["_raw", "raw_data", "message"] {
        found.extend(document.all(name));
    }
    found.into_iter().filter_map(Json::as_text).collect()
}

/// Whether a value is an event by itself.
pub(crate) fn is_record(value: &Json) -> bool {
    record_verdict(value).is_some()
}

/// What an event comes to by its own fields, and whether they say that the call failed.
fn record_verdict(value: &Json) -> Option<(Verdict, bool)> {
    let Json::Object(_) = value else {
        return None;
    };
    cloudtrail(value)
        .or_else(|| ecs(value))
        .or_else(|| ocsf(value))
}

/// What the four things that the rule asks come to.
fn decide(record: &Json, acts: bool, outcome: Option<bool>, names: bool) -> (Verdict, bool) {
    let verdict = if !acts || outcome == Some(false) {
        Verdict::No
    } else if names && outcome == Some(true) {
        Verdict::Match
    } else if record.any_text(&mentions) {
        Verdict::Undecided
    } else {
        Verdict::No
    };
    (verdict, outcome == Some(false))
}

/// Whether a text names the policy, behind whatever escapes.
fn mentions(text: &str) -> bool {
    let (plain, _) = plain_text(text.as_bytes());
    memchr::memmem::find(&plain, NEEDLE.as_bytes()).is_some()
}

/// Whether a text names the policy, and not only in a whole record that says no, with which it begins.
pub(crate) fn mentions_outside_others(text: &str) -> bool {
    let record = text.find('{');
    let record = record.and_then(|start| json::parse(text.as_bytes(), start));
    let rest = match &record {
        Some((record, end)) if is_record(record) && verdict(record) == Verdict::No => {
            text.get(*end..).unwrap_or_default()
        }
        _ => text,
    };
    mentions(rest)
}

/// A text with JSON's escapes of letters read, however often they were escaped, and where each byte of it stood.
pub(crate) fn plain_text(text: &[u8]) -> (Vec<u8>, Vec<usize>) {
    let (mut plain, mut places, mut at) = (Vec::new(), Vec::new(), 0);
    while at < text.len() {
        let n_backslashes = text[at..].iter().take_while(|b| **b == b'\\').count();
        let code = text.get(at + n_backslashes..at + n_backslashes + 5);
        let code = code.filter(|code| n_backslashes > 0 && code.starts_with(b"u00"));
        let digits = code.and_then(|code| std::str::from_utf8(&code[3..]).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            plain.push(byte);
            places.push(at);
            at += n_backslashes + 5;
        } else {
            plain.push(text[at]);
            places.push(at);
            at += 1;
        }
    }
    (plain, places)
}

/// The members of CloudTrail's own name, as AWS spells it or all in lower case.
fn field<'a>(record: &'a Json, name: &'a str) -> impl Iterator<Item = &'a Json> {
    let Json::Object(members) = record else {
        unreachable!("an event is an object");
    };
    members.iter().filter_map(move |(key, value)| {
        (key == name || *key == name.to_ascii_lowercase()).then_some(value)
    })
}

const BESIDE: [&str; 9] = [
    "eventVersion",
    "eventSource",
    "eventTime",
    "eventID",
    "userIdentity",
    "requestParameters",
    "awsRegion",
    "sourceIPAddress",
    "recipientAccountId",
];

/// The fields of a record that events made here have, by their letters.
const OWN: [&str; 17] = [
    "awsregion",
    "errorcode",
    "errormessage",
    "eventid",
    "eventname",
    "eventsource",
    "eventtime",
    "eventtype",
    "eventversion",
    "readonly",
    "recipientaccountid",
    "requestparameters",
    "resources",
    "responseelements",
    "sourceipaddress",
    "useragent",
    "useridentity",
];

fn cloudtrail(record: &Json) -> Option<(Verdict, bool)> {
    let names: Vec<&str> = field(record, "eventName")
        .filter_map(Json::as_text)
        .collect();
    let is_record = !names.is_empty()
        && BESIDE
            .iter()
            .any(|name| field(record, name).next().is_some())
        && field(record, "CloudTrailEvent").next().is_none();
    if !is_record {
        return None;
    }
    // Of a field that stands twice any value may be the one that is meant.
    let succeeds = ["errorCode", "errorMessage"].iter().all(|name| {
        let mut values = field(record, name).peekable();
        values.peek().is_none() || values.any(Json::is_hollow)
    });
    let requests = field(record, "requestParameters").any(|request| request.any_text(&mentions));
    let Json::Object(members) = record else {
        return None;
    };
    // Some exports spread the request over the record.
    let spread = members.iter().any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        let rest = key.strip_prefix("requestparameters");
        let is_part = rest.is_some_and(|rest| rest.starts_with(['.', '_', '/']));
        is_part && (mentions(&key) || value.any_text(&mentions))
    });
    let acts = names.contains(&ACTION);
    // Beside AWS's own names one with a capital is a field of somebody else's; and where the request is whole, AWS's other
    // fields change nothing.
    let is_whole = record
        .all("requestParameters")
        .any(|request| matches!(request, Json::Object(_)));
    let mut known: Vec<&str> = Vec::new();
    if record.all("eventName").next().is_some() {
        known.push("RequestParameters");
    }
    if is_whole {
        known.extend(BESIDE.iter().filter(|name| **name != "requestParameters"));
        known.extend(["userAgent", "responseElements", "readOnly", "eventType"]);
    }
    let rest = known
        .iter()
        .fold(record.clone(), |rest, name| without(&rest, name));
    Some(decide(&rest, acts, Some(succeeds), requests || spread))
}

/// All values at a path, whichever of its dots are in names.
fn at<'a>(value: &'a Json, path: &str) -> Vec<&'a Json> {
    let Json::Object(members) = value else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for (key, value) in members {
        if key == path {
            found.push(value);
        } else if let Some(rest) = path.strip_prefix(&**key)
            && let Some(rest) = rest.strip_prefix('.')
        {
            found.extend(at(value, rest));
        }
    }
    found
}

/// Whether anything stands at a path or below it.
fn is_under(value: &Json, path: &str) -> bool {
    let Json::Object(members) = value else {
        return false;
    };
    members.iter().any(|(key, value)| {
        let below = |long: &str, short: &str| {
            long.strip_prefix(short)
                .is_some_and(|rest| rest.starts_with('.'))
        };
        key == path
            || below(key, path)
            || below(path, key) && is_under(value, &path[key.len() + 1..])
    })
}

/// The texts at a path, also those in a list.
fn texts<'a>(value: &'a Json, path: &str) -> Vec<&'a str> {
    let mut found = Vec::new();
    for value in at(value, path) {
        match value {
            Json::List(elements) => found.extend(elements.iter().filter_map(Json::as_text)),
            value => found.extend(value.as_text()),
        }
    }
    found.retain(|text| !text.is_empty());
    found
}

fn ecs(document: &Json) -> Option<(Verdict, bool)> {
    let actions = texts(document, "event.action");
    let mut datasets = texts(document, "event.dataset");
    datasets.extend(texts(document, "data_stream.dataset"));
    let providers = texts(document, "event.provider");
    let is_record = !actions.is_empty()
        && (is_under(document, "aws.cloudtrail")
            || datasets.contains(&"aws.cloudtrail")
            || providers
                .iter()
                .any(|provider| provider.ends_with(".amazonaws.com")));
    if !is_record {
        return None;
    }
    let of_trail = datasets.is_empty() || datasets.contains(&"aws.cloudtrail");
    let outcomes = texts(document, "event.outcome");
    let outcome = match outcomes.is_empty() {
        // What the record said of an error stands beside it.
        true => ["aws.cloudtrail.error_code", "aws.cloudtrail.error_message"]
            .iter()
            .any(|path| !texts(document, path).is_empty())
            .then_some(false),
        false => Some(outcomes.contains(&"success")),
    };
    let requests = at(document, "aws.cloudtrail.request_parameters");
    let flattened = at(document, "aws.cloudtrail.flattened.request_parameters");
    let mut names = requests.iter().any(|request| request.any_text(&mentions));
    // The rule reads Elastic's text; the flattened fields stand for it where that is missing.
    if requests.is_empty() {
        names |= flattened.iter().any(|request| request.any_text(&mentions));
        names |= below(document, "aws.cloudtrail.flattened.request_parameters");
    }
    let acts = actions.contains(&ACTION) && of_trail;
    // Where the request is whole, it changes nothing who called from where with which program: each may be named like
    // the policy.
    let is_whole = requests
        .iter()
        .filter_map(|request| request.as_text())
        .any(|text| text.starts_with('{') && text.ends_with('}'));
    let caller: &[&str] = if is_whole {
        &["user", "source", "user_agent"]
    } else {
        &[]
    };
    let rest = caller.iter().fold(document.clone(), |rest, name| {
        let Json::Object(members) = rest else {
            return rest;
        };
        let is_below = |key: &str| {
            key.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let kept = members.into_iter().filter(|(key, _)| !is_below(key));
        Json::Object(kept.collect())
    });
    Some(decide(&rest, acts, outcome, names))
}

/// Whether a name below a path, written with dots, has a value that names the policy.
fn below(value: &Json, path: &str) -> bool {
    let Json::Object(members) = value else {
        return false;
    };
    members.iter().any(|(key, value)| {
        if let Some(rest) = key.strip_prefix(path) {
            return rest.starts_with('.') && value.any_text(&mentions);
        }
        let rest = path
            .strip_prefix(&**key)
            .and_then(|rest| rest.strip_prefix('.'));
        rest.is_some_and(|rest| below(value, rest))
    })
}

fn ocsf(document: &Json) -> Option<(Verdict, bool)> {
    let operations = texts(document, "api.operation");
    let products = texts(document, "metadata.product.name");
    let classes = ["3001", "3002", "3005", "6003"];
    let is_class = at(document, "class_uid")
        .iter()
        .any(|class| matches!(class, Json::Plain(n) if classes.contains(&&**n)));
    let is_record = match products.first() {
        Some(product) => product.to_ascii_lowercase().contains("cloudtrail"),
        None => is_class,
    };
    if operations.is_empty() || !is_record {
        return None;
    }
    let fails = texts(document, "status")
        .iter()
        .any(|status| status.eq_ignore_ascii_case("failure"))
        || ["api.response.error", "api.response.message"]
            .iter()
            .any(|path| at(document, path).iter().any(|value| !value.is_hollow()))
        || at(document, "status_id").iter().any(|id| match id {
            Json::Plain(n) => n.parse() == Ok(2.0),
            id => id.as_text() == Some("2"),
        });
    let names = at(document, "api.request.data")
        .iter()
        .any(|data| data.any_text(&mentions))
        || below(document, "unmapped.requestParameters")
        || at(document, "unmapped.requestParameters")
            .iter()
            .any(|request| request.any_text(&mentions));
    let acts = operations.contains(&ACTION);
    Some(decide(document, acts, Some(!fails), names))
}
