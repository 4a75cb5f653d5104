//! Turns a store's errors into messages that say what to do.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use super::courier::Notes;

/// Message for an object that is not the version that was found.
pub(super) const CHANGED: &str = "it was changed since it was found; hunt again";

/// The error codes of S3 (its API reference, "Error responses"), and what to do.
const WORDS: [(&str, &str); 20] = [
    ("NoSuchBucket", "there is no bucket of this name"),
    ("NoSuchKey", "it is not there any more"),
    (
        "NotSignedUp",
        "the store does not know the access key: it was deleted, or is another store's",
    ),
    ("AllAccessDisabled", "access to the bucket is disabled"),
    (
        "InvalidAccessKeyId",
        "the store does not know the access key: it was deleted, or is another store's",
    ),
    (
        "SignatureDoesNotMatch",
        "the signature is refused: the secret key is not the one that belongs to the access key",
    ),
    (
        "ExpiredToken",
        "the credentials have expired: get new ones, with `aws sso login` for instance",
    ),
    (
        "TokenRefreshRequired",
        "the credentials have expired: get new ones, with `aws sso login` for instance",
    ),
    (
        "InvalidToken",
        "the session token is refused: get new credentials, with `aws sso login` for instance",
    ),
    (
        "RequestTimeTooSkewed",
        "this machine's clock differs from the store's by more than 15 minutes: set it",
    ),
    (
        "RequestExpired",
        "this machine's clock differs from the store's by more than 15 minutes: set it",
    ),
    (
        "PermanentRedirect",
        "the bucket is in another region: name that with --bucket-region",
    ),
    (
        "AuthorizationHeaderMalformed",
        "the bucket is in another region: name that with --bucket-region",
    ),
    ("InvalidRequest", "the store does not take the request"),
    (
        "InvalidObjectState",
        "it is archived (S3 Glacier or Deep Archive): restore it first, with `aws s3api restore-object` or \
      S3 Batch Operations",
    ),
    (
        "SlowDown",
        "the store goes on refusing because of too many requests: lower --io-concurrency",
    ),
    (
        "ServiceUnavailable",
        "the store goes on saying that it is not available",
    ),
    ("InternalError", "the store goes on failing"),
    ("PreconditionFailed", CHANGED),
    ("NotImplemented", "the store does not know how to do that"),
];

/// The operation that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Act {
    /// A list or read.
    Read,
    /// A write.
    Write,
    /// A deletion.
    Remove,
}

impl Act {
    /// Returns the permissions that the credentials must have.
    fn needs(self) -> &'static str {
        match self {
            Self::Read => {
                "the credentials need s3:ListBucket for the bucket and s3:GetObject (and kms:Decrypt, where it is \
                 encrypted) for what is in it"
            }
            Self::Write => {
                "the credentials need s3:PutObject for the object (and kms:GenerateDataKey and kms:Decrypt, where \
                 the bucket is encrypted by KMS), and s3:AbortMultipartUpload to take back an upload"
            }
            Self::Remove => "the credentials need s3:DeleteObject for the object",
        }
    }
}

/// Explains an error in words.
pub(super) fn explain(error: &object_store::Error, act: Act, notes: &Notes) -> io::Error {
    let (words, is_denied) = words(error, act, notes);
    let words = match &notes.endpoint_path {
        Some(path) => format!(
            "{words}; the endpoint has a path, {path}, and most stores are reached without one, as https://host:port"
        ),
        None => words,
    };
    match is_denied {
        true => io::Error::new(io::ErrorKind::PermissionDenied, words),
        false => io::Error::other(words),
    }
}

/// Returns the message, and whether the error is a missing permission.
fn words(error: &object_store::Error, act: Act, notes: &Notes) -> (String, bool) {
    let text = chain(error);
    let between = |start: &str, end: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split_once(end).map(|(code, _)| code.to_owned())
    };
    let code = between("<Code>", "</Code>");
    let known = |code: &str| WORDS.iter().find(|(known, _)| *known == code);
    let said = code.as_deref().and_then(known).map(|(_, words)| *words);
    // The response to HEAD has no body.
    let is_bare_400 = code.is_none() && text.contains("400 Bad Request");
    let is_region_wrong = text.contains("Received redirect without LOCATION")
        || is_bare_400 && notes.other_region.get().is_some()
        || matches!(
            code.as_deref(),
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed")
        );
    if is_region_wrong {
        // The response may name the region. An address of another store may also be the cause.
        let region = notes.other_region.get().cloned();
        let region = region.or_else(|| between("<Region>", "</Region>"));
        let region = region.or_else(|| between("expecting '", "'"));
        let words = match region {
            Some(region) => {
                format!("the bucket is in another region: add --bucket-region {region}")
            }
            None => "the bucket is in another region: name that with --bucket-region".to_owned(),
        };
        return (words, false);
    }
    if let object_store::Error::Precondition { .. } = error {
        return (CHANGED.to_owned(), false);
    }
    let message = between("<Message>", "</Message>").filter(|message| !message.is_empty());
    // AWS names the missing action in most cases.
    let action = message.as_deref().and_then(|message| {
        let (_, rest) = message.split_once("not authorized to perform: ")?;
        rest.split_whitespace().next()
    });
    let denied = match action {
        Some(action) => format!("access is denied: the credentials need {action}"),
        None => format!("access is denied: {}", act.needs()),
    };
    let is_denied = code.as_deref() == Some("AccessDenied");
    let code = code.map(|code| match &message {
        Some(message) => format!("{code}: {message}"),
        None => code,
    });
    if let (true, Some(code)) = (is_denied, &code) {
        return (format!("{denied} ({code})"), true);
    }
    if let (Some(words), Some(code)) = (said, &code) {
        return (format!("{words} ({code})"), false);
    }
    if let Some(no_credentials) = between(NO_CREDENTIALS, "\n") {
        return (format!("{NO_CREDENTIALS}{no_credentials}"), false);
    }
    if let Some((status, words)) = by_status(&text, &denied) {
        let is_denied = status == FORBIDDEN;
        return (
            format!("{words} ({})", code.as_deref().unwrap_or(status)),
            is_denied,
        );
    }
    (code.unwrap_or_else(|| last(error)), false)
}

/// The status of a response without permission.
const FORBIDDEN: &str = "403 Forbidden";

/// Returns the status of a response that has one of these, and what it means.
fn by_status<'a>(text: &str, denied: &'a str) -> Option<(&'static str, &'a str)> {
    let known = [
        ("404 Not Found", "it is not there"),
        (FORBIDDEN, denied),
        (
            "401 Unauthorized",
            "access is denied: the store takes no request without credentials",
        ),
        (
            "501 Not Implemented",
            "the store does not know how to do that",
        ),
    ];
    known.into_iter().find(|(status, _)| text.contains(status))
}

/// Beginning of the messages about missing credentials.
pub(super) const NO_CREDENTIALS: &str = "no AWS credentials: ";

/// Returns an error and its causes, one per line.
fn chain(error: &object_store::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a string does not fail.
        write!(text, "\n{error}").ok();
        cause = error.source();
    }
    text.push('\n');
    text
}

/// Shortens an error to its last two causes.
fn last(error: &object_store::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        match causes.last_mut() {
            // Many errors repeat their cause's text after what was tried.
            Some(last) if last.ends_with(&text) => *last = text,
            _ => causes.push(text),
        }
        cause = error.source();
    }
    let n_before = causes.len().saturating_sub(2);
    causes.split_off(n_before).join(": ")
}
