//! Real servers of the S3 protocol, which check signatures, on loopback.

pub(crate) mod memory;
pub(crate) mod proxy;
pub(crate) mod tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Command;

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::path::S3Path;
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Result, s3_error};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use memory::MemoryS3;

/// The keys that the servers know: AWS's own example.
pub(crate) const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A server, until it is dropped.
pub(crate) struct Server {
    address: SocketAddr,
    /// Its connections are served here.
    _runtime: Runtime,
}

impl Server {
    /// Serves the folders of a folder as buckets.
    pub(crate) fn of_folder(folder: &Path) -> Self {
        Self::of(
            s3s_fs::FileSystem::new(folder).unwrap(),
            Objects(folder.to_owned()),
        )
    }

    /// Serves objects from memory.
    pub(crate) fn of_memory(objects: MemoryS3) -> Self {
        Self::of(objects, Signed)
    }

    fn of(s3: impl S3, access: impl S3Access) -> Self {
        let mut service = S3ServiceBuilder::new(s3);
        service.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        service.set_access(access);
        let service = service.build();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let listener = runtime.block_on(listener).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    return;
                };
                let service = service.clone();
                tokio::spawn(async move {
                    let server = Builder::new(TokioExecutor::new());
                    // A client that goes away is none of the test's business.
                    server
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        Self {
            address,
            _runtime: runtime,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Has a command use this server, with the right keys.
    pub(crate) fn serves<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        serves(self.address, command)
    }
}

/// Takes signed requests only.
struct Signed;

#[async_trait::async_trait]
impl S3Access for Signed {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        match cx.credentials() {
            Some(_) => Ok(()),
            None => Err(s3_error!(AccessDenied, "Signature is required")),
        }
    }
}

/// Takes signed requests only, and has no object where there is a folder, as S3 itself: `s3s_fs` would answer with an
/// error of the server, which is asked again and again for half a minute.
struct Objects(PathBuf);

#[async_trait::async_trait]
impl S3Access for Objects {
    async fn check(&self, cx: &mut S3AccessContext<'_>) -> S3Result<()> {
        Signed.check(cx).await?;
        match cx.s3_path() {
            S3Path::Object { bucket, key }
                if cx.s3_op().name() == "HeadObject"
                    && self.0.join(&**bucket).join(&**key).is_dir() =>
            {
                Err(s3_error!(NoSuchKey))
            }
            _ => Ok(()),
        }
    }
}

/// Has a command use the server at an address, with the right keys and nothing of the machine's own configuration.
pub(crate) fn serves(address: SocketAddr, command: &mut Command) -> &mut Command {
    let nothing = PathBuf::from("/dev/null");
    command
        .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
        .env("AWS_ENDPOINT_URL", format!("http://{address}"))
        .env("AWS_CONFIG_FILE", &nothing)
        .env("AWS_SHARED_CREDENTIALS_FILE", &nothing)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN")
        .env_remove("AWS_REGION")
}
