//! The events that speak of the log itself: of a trail that is stopped or changed, and of its bucket.

use crate::event::Event;

/// The calls on trails, and those on buckets that can stop or remove logs.
const CALLS: [(&str, &str); 17] = [
    ("cloudtrail.amazonaws.com", "CreateTrail"),
    ("cloudtrail.amazonaws.com", "DeleteTrail"),
    ("cloudtrail.amazonaws.com", "PutEventSelectors"),
    ("cloudtrail.amazonaws.com", "PutInsightSelectors"),
    ("cloudtrail.amazonaws.com", "StartLogging"),
    ("cloudtrail.amazonaws.com", "StopLogging"),
    ("cloudtrail.amazonaws.com", "UpdateTrail"),
    ("s3.amazonaws.com", "DeleteBucket"),
    ("s3.amazonaws.com", "DeleteBucketLifecycle"),
    ("s3.amazonaws.com", "DeleteBucketPolicy"),
    ("s3.amazonaws.com", "PutBucketLifecycle"),
    ("s3.amazonaws.com", "PutBucketLifecycleConfiguration"),
    ("s3.amazonaws.com", "PutBucketPolicy"),
    ("s3.amazonaws.com", "PutBucketReplication"),
    ("s3.amazonaws.com", "PutBucketVersioning"),
    ("s3.amazonaws.com", "PutObjectLockConfiguration"),
    ("s3.amazonaws.com", "PutBucketObjectLockConfiguration"),
];

/// An event that speaks of the log itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct TrailEvent {
    /// Its time, as it is written.
    pub time: String,
    /// The account whose log it is in.
    pub account: String,
    /// The region of the call.
    pub region: String,
    /// The call.
    pub call: String,
    /// The trail or bucket.
    pub target: String,
    /// Who called.
    pub user: String,
    /// The error, if it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Returns the names of these calls.
pub(super) fn calls() -> impl Iterator<Item = &'static str> {
    CALLS.iter().map(|(_, call)| *call)
}

/// What follows the time of an event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AfterTime {
    /// The service and the name of one of these calls.
    Call(&'static str),
    /// Those of another call.
    Other,
    /// Other keys than AWS writes there.
    Odd,
}

/// Returns what follows the time of an event as AWS writes it.
pub(super) fn call_after_time(text: &[u8]) -> AfterTime {
    const SERVICES: [&str; 2] = ["cloudtrail.amazonaws.com", "s3.amazonaws.com"];
    const KEY: &[u8; 16] = br#","eventSource":""#;
    // As an array, it is compared in a few instructions.
    let Some((KEY, after)) = text.split_first_chunk() else {
        return AfterTime::Odd;
    };
    // The first two letters are enough for nearly all services.
    if let [first, second, ..] = after
        && first.is_ascii_lowercase()
        && second.is_ascii_alphanumeric()
        && !matches!([*first, *second], [b'c', b'l'] | [b's', b'3'])
    {
        return AfterTime::Other;
    }
    let starts = |service: &&str| after.starts_with(service.as_bytes());
    let Some(service) = SERVICES.into_iter().find(starts) else {
        // An escaped letter may be one of these services.
        let name = after.split(|byte| matches!(byte, b'"' | b'\\')).next();
        let end = name.map_or(0, <[u8]>::len);
        return match after.get(end) {
            Some(b'"') => AfterTime::Other,
            _ => AfterTime::Odd,
        };
    };
    let name = after[service.len()..].strip_prefix(br#"","eventName":""#);
    let Some(name) = name else {
        return AfterTime::Odd;
    };
    let n_letters = name.iter().take_while(|byte| byte.is_ascii_alphanumeric());
    let (name, end) = name.split_at(n_letters.count());
    if end.first() != Some(&b'"') {
        return AfterTime::Odd;
    }
    let is_it = |(of, call): &&(&str, &str)| *of == service && call.as_bytes() == name;
    let found = CALLS.iter().find(is_it);
    found.map_or(AfterTime::Other, |(_, call)| AfterTime::Call(call))
}

impl TrailEvent {
    /// Returns what an event says of the log itself, if it does.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let (service, call) = (event.text("event.provider")?, event.text("event.action")?);
        if !CALLS.contains(&(service.as_str(), call.as_str())) {
            return None;
        }
        let text = |field: &str| event.text(field).unwrap_or_default();
        let parameter = |name| {
            event
                .request_parameter(name)
                .map(std::borrow::Cow::into_owned)
        };
        let targets = ["name", "trailName", "bucketName"];
        let user = event.text("user.name");
        Some(Self {
            time: text("@timestamp"),
            account: event
                .text("aws.cloudtrail.recipient_account_id")
                .unwrap_or_else(|| text("cloud.account.id")),
            region: text("cloud.region"),
            target: targets.into_iter().find_map(parameter).unwrap_or_default(),
            user: user.unwrap_or_else(|| text("aws.cloudtrail.user_identity.arn")),
            error: event.text("aws.cloudtrail.error_code"),
            call,
        })
    }

    /// Returns an event with only a time and a call.
    pub(super) fn cut(time: &str, call: &str) -> Self {
        Self {
            time: time.to_owned(),
            call: call.to_owned(),
            account: String::new(),
            region: String::new(),
            target: String::new(),
            user: String::new(),
            error: None,
        }
    }

    /// Returns true if it is about a bucket.
    pub(super) fn is_of_bucket(&self) -> bool {
        CALLS
            .iter()
            .any(|(service, call)| *service == "s3.amazonaws.com" && *call == self.call)
    }
}
