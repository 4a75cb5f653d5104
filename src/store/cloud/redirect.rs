//! Redirects.
//!
//! A signature is for one host, and credentials are for one store: neither is sent to another host. So no
//! request follows a redirect to another host. What the response says about the target is reported.

use object_store::client::{HttpError, HttpErrorKind, HttpResponse};
use reqwest::Url;
use reqwest::redirect::{Action, Attempt};

/// Maximum number of redirects that one request follows.
const N_MAX: usize = 5;

/// Reports whether a response with this status is a redirect.
pub(super) fn is_one(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Follows a redirect only on the same host, for example from `http` to `https`, and never from `https` to
/// `http`.
pub(super) fn follow(attempt: Attempt<'_>) -> Action {
    let is_same = attempt
        .previous()
        .last()
        .is_some_and(|from| is_same_place(from, attempt.url()));
    match is_same && attempt.previous().len() <= N_MAX {
        true => attempt.follow(),
        false => attempt.stop(),
    }
}

fn is_same_place(from: &Url, to: &Url) -> bool {
    let place = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    let is_upgrade = place(from) == ("http".to_owned(), Some(80))
        && place(to) == ("https".to_owned(), Some(443));
    from.host() == to.host() && (place(from) == place(to) || is_upgrade)
}

/// Returns the error for a redirect that is not followed. It is not retried.
pub(super) async fn refusal(response: HttpResponse, signed_for: Option<&str>) -> HttpError {
    let header = |name: &str| {
        let value = response.headers().get(name)?.to_str().ok()?;
        Some(value.to_owned())
    };
    let (told, location) = (header("x-amz-bucket-region"), header("location"));
    let place = location.and_then(|location| Url::parse(&location).ok());
    // Without the body there is less to report, but nothing is lost.
    let body = response.into_body().bytes().await.unwrap_or_default();
    let message = words(
        told,
        place.as_ref(),
        &String::from_utf8_lossy(&body),
        signed_for,
    );
    HttpError::new_boxed(HttpErrorKind::Unknown, message.into())
}

fn words(
    told: Option<String>,
    place: Option<&Url>,
    body: &str,
    signed_for: Option<&str>,
) -> String {
    let between = |start: &str, end: &str| {
        let (_, rest) = body.split_once(start)?;
        rest.split_once(end).map(|(text, _)| text.trim().to_owned())
    };
    let host = place.and_then(Url::host_str).map(str::to_owned);
    let host = host.or_else(|| between("<Endpoint>", "</Endpoint>"));
    let region = told
        .or_else(|| between("<Region>", "</Region>"))
        .or_else(|| host.as_deref().and_then(region_of).map(str::to_owned));
    match (region, host) {
        (Some(region), _) if signed_for != Some(&*region) => {
            format!("the bucket is in another region: add --bucket-region {region}")
        }
        (_, Some(host)) => format!(
            "the store sends the request on to another place ({}), where no credentials are sent: if that is the \
             bucket's store, name it with --endpoint-url, or the bucket's region with --bucket-region",
            place.map_or(host, |place| place.origin().ascii_serialization())
        ),
        _ => "the bucket is in another region: name that with --bucket-region".to_owned(),
    }
}

/// Returns the region in the host name of AWS: `s3.eu-west-1.amazonaws.com`,
/// `bucket.s3-eu-west-1.amazonaws.com`.
fn region_of(host: &str) -> Option<&str> {
    let name = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"))?;
    let last = name.rsplit('.').next()?;
    let region = last.strip_prefix("s3-").unwrap_or(last);
    let is_region = region.split('-').count() >= 3
        && region.ends_with(|c: char| c.is_ascii_digit())
        && region.starts_with(|c: char| c.is_ascii_lowercase());
    is_region.then_some(region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_stays_at_its_host_and_is_never_less_safe() {
        for (from, to, is_same) in [
            ("http://a/x", "http://a/y", true),
            ("http://a/x", "https://a/x", true),
            ("https://a/x", "https://a:443/y", true),
            ("https://a/x", "http://a/x", false),
            ("http://a:9000/x", "http://a:9001/x", false),
            ("http://a:9000/x", "https://a/x", false),
            ("https://a/x", "https://b/x", false),
            ("https://a/x", "https://a.b/x", false),
        ] {
            let url = |text: &str| Url::parse(text).unwrap();
            assert_eq!(is_same_place(&url(from), &url(to)), is_same, "{from} {to}");
        }
    }

    #[test]
    fn a_redirect_names_the_region_wherever_it_stands() {
        let place = |text: &str| Some(Url::parse(text).unwrap());
        for (told, to, body) in [
            (Some("eu-west-1"), None, ""),
            (None, place("https://b.s3-eu-west-1.amazonaws.com/k"), ""),
            (None, place("https://s3.eu-west-1.amazonaws.com/b/k"), ""),
            (
                None,
                None,
                "<Error><Endpoint>b.s3.eu-west-1.amazonaws.com</Endpoint></Error>",
            ),
            (None, None, "<Error><Region>eu-west-1</Region></Error>"),
        ] {
            let words = words(
                told.map(str::to_owned),
                to.as_ref(),
                body,
                Some("us-east-1"),
            );
            assert!(words.ends_with("add --bucket-region eu-west-1"), "{words}");
        }
        let elsewhere = words(None, place("http://203.0.113.7:9/k").as_ref(), "", None);
        assert!(elsewhere.contains("(http://203.0.113.7:9)"), "{elsewhere}");
        for host in [
            "s3.amazonaws.com",
            "b.s3.amazonaws.com",
            "a-b-c1.example.com",
        ] {
            assert_eq!(region_of(host), None, "{host}");
        }
    }
}
