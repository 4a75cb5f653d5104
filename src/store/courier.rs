//! Between `object_store` and the network: signs requests to S3, counts them, and carries keys that `object_store` has
//! no path for.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use object_store::ClientOptions;
use object_store::aws::{AwsAuthorizer, AwsCredentialProvider};
use object_store::client::{
    HttpClient, HttpConnector, HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService,
    ReqwestConnector,
};
use quick_xml::escape::{escape, unescape};

use super::{Traffic, key};

/// What was learnt of a bucket on the way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Whether any answer came from there.
    has_answered: AtomicBool,
    /// The region that the bucket is in, as the answer to a request to another one says.
    pub(super) other_region: OnceLock<String>,
}

/// How requests to S3 are signed.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) credentials: AwsCredentialProvider,
    pub(super) region: String,
    pub(super) is_requester_pays: bool,
}

/// Makes couriers.
#[derive(Debug)]
pub(super) struct CourierConnector {
    /// Without it requests go as they are.
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) notes: Arc<Notes>,
}

impl HttpConnector for CourierConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Courier {
            client: ReqwestConnector::default().connect(options)?,
            signer: self.signer.clone(),
            traffic: Arc::clone(&self.traffic),
            notes: Arc::clone(&self.notes),
        }))
    }
}

#[derive(Debug)]
struct Courier {
    client: HttpClient,
    signer: Option<Arc<Signer>>,
    traffic: Arc<Traffic>,
    notes: Arc<Notes>,
}

#[async_trait::async_trait]
impl HttpService for Courier {
    async fn call(&self, mut request: HttpRequest) -> Result<HttpResponse, HttpError> {
        address(&mut request)?;
        if let Some(signer) = &self.signer {
            // Each attempt anew: a signature holds for some minutes.
            let credential = signer.credentials.get_credential().await.map_err(refused)?;
            // What is written has a checksum among its signed headers.
            let is_read = request.method().is_safe();
            AwsAuthorizer::new(&credential, "s3", &signer.region)
                .with_sign_payload(is_read)
                .with_request_payer(signer.is_requester_pays)
                .try_authorize(&mut request, None)
                .map_err(refused)?;
        }
        let query = request.uri().query().unwrap_or("");
        let is_list = query.split('&').any(|pair| pair == "list-type=2");
        self.traffic.n_requests.fetch_add(1, Relaxed);
        let answer = self.client.execute(request).await;
        let response = answer.map_err(|error| self.failed(error))?;
        self.notes.has_answered.store(true, Relaxed);
        let status = response.status();
        if status.is_server_error() || status.as_u16() == 429 {
            self.traffic.n_retries.fetch_add(1, Relaxed);
        }
        let region = response.headers().get("x-amz-bucket-region");
        if let Some(region) = region.and_then(|region| region.to_str().ok()) {
            let signed_for = self.signer.as_ref().map(|signer| signer.region.as_str());
            if signed_for.is_some_and(|signed_for| signed_for != region) {
                self.notes.other_region.get_or_init(|| region.to_owned());
            }
        }
        if !is_list || !status.is_success() {
            return Ok(response);
        }
        let (parts, body) = response.into_parts();
        let body = body.bytes().await?;
        let body = match escaped(&body) {
            Cow::Borrowed(_) => body,
            Cow::Owned(text) => Bytes::from(text),
        };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }
}

impl Courier {
    /// Whether a failure is tried again is decided by its kind.
    fn failed(&self, error: HttpError) -> HttpError {
        let kind = match error.kind() {
            // Where nobody ever answered, it is the address that is wrong, and a minute of trying would not help.
            HttpErrorKind::Connect if !self.notes.has_answered.load(Relaxed) => {
                HttpErrorKind::Unknown
            }
            kind => kind,
        };
        if !matches!(kind, HttpErrorKind::Unknown | HttpErrorKind::Decode) {
            self.traffic.n_retries.fetch_add(1, Relaxed);
        }
        HttpError::new(kind, error)
    }
}

/// Not to be tried again.
fn refused(error: object_store::Error) -> HttpError {
    HttpError::new(HttpErrorKind::Unknown, error)
}

/// Puts the key itself into the address.
fn address(request: &mut HttpRequest) -> Result<(), HttpError> {
    let uri = request.uri();
    let refused = |message: String| HttpError::new_boxed(HttpErrorKind::Unknown, message.into());
    let Some(path) = key::in_url(uri.path()).map_err(|m| refused(m.to_owned()))? else {
        return Ok(());
    };
    let query = uri
        .query()
        .map(|query| format!("?{query}"))
        .unwrap_or_default();
    let scheme = uri.scheme_str().unwrap_or("https");
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let address = format!("{scheme}://{authority}{path}{query}");
    *request.uri_mut() = address
        .parse()
        .map_err(|_| refused(format!("{address}: no address")))?;
    Ok(())
}

/// What a key cannot be taken from as it stands in a list.
const ODD: [&[u8]; 9] = [
    b"//",
    b"/./",
    b"/../",
    b"/.<",
    b"/..<",
    b"<Key>/",
    b"<Key>.",
    b"&#",
    "\u{F8FF}".as_bytes(),
];

/// A list whose keys are all such that `object_store` has a path for them.
fn escaped(list: &[u8]) -> Cow<'_, [u8]> {
    let find = |text: &[u8]| memchr::memmem::find(list, text);
    // The head of a list holds the address of its schema, which has two slashes.
    let start = find(b"<Contents>")
        .into_iter()
        .chain(find(b"<CommonPrefixes>"))
        .min();
    let Some(start) = start else {
        return Cow::Borrowed(list);
    };
    let (head, entries) = list.split_at(start);
    let ends_in_slash = memchr::memmem::find(entries, b"/</Key>").is_some();
    let is_odd = ODD
        .iter()
        .any(|odd| memchr::memmem::find(entries, odd).is_some());
    let Ok(entries) = str::from_utf8(entries) else {
        return Cow::Borrowed(list);
    };
    if !is_odd && !ends_in_slash {
        return Cow::Borrowed(list);
    }
    let mut out = head.to_vec();
    let mut rest = entries;
    let tags = [("<Key>", "</Key>", ""), ("<Prefix>", "</Prefix>", "/")];
    while let Some((at, tag)) = tags
        .iter()
        .filter_map(|tag| rest.find(tag.0).map(|at| (at + tag.0.len(), tag)))
        .min_by_key(|(at, _)| *at)
    {
        let (before, from) = rest.split_at(at);
        let n = from.find(tag.1).unwrap_or(from.len());
        let (text, behind) = from.split_at(n);
        out.extend_from_slice(before.as_bytes());
        let name = unescape(text).unwrap_or(Cow::Borrowed(text));
        let (name, end) = match name.strip_suffix(tag.2) {
            Some(name) => (name, tag.2),
            None => (&*name, ""),
        };
        out.extend_from_slice(escape(&*key::to_path(name)).as_bytes());
        out.extend_from_slice(end.as_bytes());
        rest = behind;
    }
    out.extend_from_slice(rest.as_bytes());
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_list_is_left_as_it_is_and_an_odd_key_is_escaped() {
        let list = |key: &str, prefix: &str| {
            format!(
                "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/\">\
                 <Prefix></Prefix><Contents><Key>{key}</Key><Size>1</Size></Contents><CommonPrefixes>\
                 <Prefix>{prefix}</Prefix></CommonPrefixes></ListBucketResult>"
            )
        };
        let usual = list("a/b&amp;c", "a/");
        assert!(matches!(escaped(usual.as_bytes()), Cow::Borrowed(_)));
        for (key, prefix, expected) in [
            ("/a&amp;b", "a/", list("\u{F8FF}-/a&amp;b", "a/")),
            ("a//b", "a//", list("a/\u{F8FF}-/b", "a/\u{F8FF}-/")),
            ("a/", "a/", list("a/\u{F8FF}-", "a/")),
            ("a&#10;b", "a/", list("a\u{F8FF}0ab", "a/")),
            ("a/..", "a/", list("a/\u{F8FF}2e\u{F8FF}2e", "a/")),
        ] {
            let found = escaped(list(key, prefix).as_bytes()).into_owned();
            assert_eq!(String::from_utf8(found).unwrap(), expected);
        }
    }
}
