//! A store's errors in words that say what to do.

use std::error::Error;
use std::fmt::Write as _;
use std::io;

use super::courier::Notes;

/// Of an object that is not the one that was found.
pub(super) const CHANGED: &str = "it was changed since it was found; hunt again";

/// The codes of S3 (its API reference, "Error responses"), and what to do.
const WORDS: [(&str, &str); 21] = [
    ("NoSuchBucket", "there is no bucket of this name"),
    ("NoSuchKey", "it is not there any more"),
    (
        "AccessDenied",
        "access is denied: the credentials need s3:ListBucket for the bucket and s3:GetObject (and kms:Decrypt, \
      where it is encrypted) for what is in it",
    ),
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

/// What went wrong, in words.
pub(super) fn explain(error: &object_store::Error, notes: &Notes) -> io::Error {
    let text = chain(error);
    let between = |start: &str, end: &str| {
        let (_, rest) = text.split_once(start)?;
        rest.split_once(end).map(|(code, _)| code.to_owned())
    };
    let code = between("<Code>", "</Code>");
    let known = |code: &str| WORDS.iter().find(|(known, _)| *known == code);
    let said = code.as_deref().and_then(known).map(|(_, words)| *words);
    let is_region_wrong = text.contains("Received redirect without LOCATION")
        || matches!(
            code.as_deref(),
            Some("PermanentRedirect" | "AuthorizationHeaderMalformed")
        );
    if is_region_wrong {
        // The answer may name it, and an address of another store may be behind it.
        let region = notes.other_region.get().cloned();
        let region = region.or_else(|| between("<Region>", "</Region>"));
        let region = region.or_else(|| between("expecting '", "'"));
        return io::Error::other(match region {
            Some(region) => {
                format!("the bucket is in another region: add --bucket-region {region}")
            }
            None => "the bucket is in another region: name that with --bucket-region".to_owned(),
        });
    }
    if let object_store::Error::Precondition { .. } = error {
        return io::Error::other(CHANGED);
    }
    let code = code.map(|code| match between("<Message>", "</Message>") {
        Some(message) => format!("{code}: {message}"),
        None => code,
    });
    if let (Some(words), Some(code)) = (said, &code) {
        return io::Error::other(format!("{words} ({code})"));
    }
    if let Some(no_credentials) = between(NO_CREDENTIALS, "\n") {
        return io::Error::other(format!("{NO_CREDENTIALS}{no_credentials}"));
    }
    let by_status = [
        ("404 Not Found", "it is not there"),
        (
            "403 Forbidden",
            "access is denied: see what the credentials in use are allowed to do",
        ),
        (
            "401 Unauthorized",
            "access is denied: the store takes no request without credentials",
        ),
    ];
    if let Some((status, words)) = by_status.iter().find(|(status, _)| text.contains(status)) {
        return io::Error::other(format!("{words} ({})", code.as_deref().unwrap_or(status)));
    }
    io::Error::other(code.unwrap_or_else(|| last(error)))
}

/// Begins what is said where there are no credentials.
pub(super) const NO_CREDENTIALS: &str = "no AWS credentials: ";

/// An error and its causes, a line each.
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

/// What an error comes down to: its last two causes.
fn last(error: &object_store::Error) -> String {
    let mut causes: Vec<String> = Vec::new();
    let mut cause: Option<&dyn Error> = Some(error);
    while let Some(error) = cause {
        let text = error.to_string();
        match causes.last_mut() {
            // Many say what their cause says, behind what was tried.
            Some(last) if last.ends_with(&text) => *last = text,
            _ => causes.push(text),
        }
        cause = error.source();
    }
    let n_before = causes.len().saturating_sub(2);
    causes.split_off(n_before).join(": ")
}
