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

use super::{Traffic, key, list_text, redirect};

/// What was learnt of a bucket on the way.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// Whether any answer came from there.
    has_answered: AtomicBool,
    /// The region that the bucket is in, as the answer to a request to another one says.
    pub(super) other_region: OnceLock<String>,
    /// The path of the endpoint, if it has one.
    pub(super) endpoint_path: Option<String>,
}

impl Notes {
    /// Of a bucket of which nothing is known but the path of its endpoint, if that has one.
    pub(super) fn of(endpoint_path: Option<String>) -> Self {
        Self {
            endpoint_path,
            ..Self::default()
        }
    }
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
    /// What sends requests to S3; for other stores one is made of their options.
    pub(super) client: Option<HttpClient>,
    /// Without it requests go as they are.
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
        if redirect::is_one(status.as_u16()) {
            let region = self.signer.as_ref().map(|signer| &*signer.region);
            return Err(redirect::refusal(response, region).await);
        }
        if !is_list || !status.is_success() {
            return Ok(response);
        }
        self.list(response).await
    }
}

impl Courier {
    /// A list, if the answer is a whole one. `object_store` asks again where it is not.
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
