//! Layer between `object_store` and the network: signs requests to S3, counts them, and transmits keys that
//! `object_store` cannot represent as a path.

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

use super::{Traffic, key, list_text, redirect};

/// Status of the response to a request that the store does not support. To repeat it would not help.
const NOT_IMPLEMENTED: u16 = 501;

/// Facts learnt about a bucket from its responses.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// True once the store has sent any response.
    has_answered: AtomicBool,
    /// The bucket's region, as reported in the response to a request sent to another region.
    pub(super) other_region: OnceLock<String>,
    /// The path of the endpoint, if it has one.
    pub(super) endpoint_path: Option<String>,
}

impl Notes {
    /// Creates notes on a bucket, with its endpoint's path, if that has one, and nothing else.
    pub(super) fn of(endpoint_path: Option<String>) -> Self {
        Self {
            endpoint_path,
            ..Self::default()
        }
    }
}

/// Signing of requests to S3.
#[derive(Debug)]
pub(super) struct Signer {
    pub(super) credentials: AwsCredentialProvider,
    pub(super) region: String,
    pub(super) is_requester_pays: bool,
}

/// Creates couriers.
#[derive(Debug)]
pub(super) struct CourierConnector {
    /// The client that sends requests to S3; for other stores one is made from their options.
    pub(super) client: Option<HttpClient>,
    /// The signer; without one requests are sent unsigned.
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) traffic: Arc<Traffic>,
    pub(super) notes: Arc<Notes>,
}

impl HttpConnector for CourierConnector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        Ok(HttpClient::new(Courier {
            client: match &self.client {
                Some(client) => client.clone(),
                None => ReqwestConnector::default().connect(options)?,
            },
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
            // Each attempt is signed anew, because a signature is valid for only a few minutes.
            let credential = signer.credentials.get_credential().await.map_err(refused)?;
            // A write request has a checksum among its signed headers.
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
        if status.is_server_error() && status.as_u16() != NOT_IMPLEMENTED || status.as_u16() == 429
        {
            self.traffic.n_retries.fetch_add(1, Relaxed);
        }
        let region = response.headers().get("x-amz-bucket-region");
        if let Some(region) = region.and_then(|region| region.to_str().ok()) {
            let signed_for = self.signer.as_ref().map(|signer| signer.region.as_str());
            if signed_for.is_some_and(|signed_for| signed_for != region) {
                self.notes.other_region.get_or_init(|| region.to_owned());
            }
        }
        if redirect::is_one(status.as_u16()) {
            let region = self.signer.as_ref().map(|signer| &*signer.region);
            return Err(redirect::refusal(response, region).await);
        }
        if status.as_u16() == NOT_IMPLEMENTED {
            // `object_store` would repeat it, as it repeats all requests that are answered with 5xx.
            let body = response.into_body().bytes().await.unwrap_or_default();
            let message = format!("{status}: {}", String::from_utf8_lossy(&body));
            return Err(HttpError::new_boxed(HttpErrorKind::Unknown, message.into()));
        }
        if !is_list || !status.is_success() {
            return Ok(response);
        }
        self.list(response).await
    }
}

impl Courier {
    /// Checks that the response is a complete list. If it is not, `object_store` sends the request again.
    async fn list(&self, response: HttpResponse) -> Result<HttpResponse, HttpError> {
        let (parts, body) = response.into_parts();
        let again = |error| self.failed(HttpError::new_boxed(HttpErrorKind::Interrupted, error));
        let body = body.bytes().await.map_err(|error| again(error.into()))?;
        let body = match list_text::checked(&body).map_err(|message| again(message.into()))? {
            Cow::Borrowed(_) => body,
            Cow::Owned(text) => Bytes::from(text),
        };
        Ok(HttpResponse::from_parts(parts, body.into()))
    }

    /// Sets the kind of a failure, which decides whether it is retried.
    fn failed(&self, error: HttpError) -> HttpError {
        let kind = match error.kind() {
            // If no host ever answered, the address is wrong, and retrying for a minute would not help.
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

/// Makes an error that is not retried.
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
