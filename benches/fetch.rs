//! Small objects of a bucket: what the program makes of them, beside a bare loop of concurrent GETs with the same
//! settings, against a server on loopback in the same process. The server takes the greater part of both cores, so
//! that what differs is what the program adds.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may fail"
)]

#[path = "../tests/it/s3/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod s3;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use bytes::Bytes;
use object_store::aws::AmazonS3Builder;
use object_store::path::Path as Key;
use object_store::{ClientOptions, ObjectStore, ObjectStoreExt as _};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use trailsift::store::{CONCURRENT_FETCHES, Object, ObjectMeta, StoreOptions, Stores, Uri};

use s3::memory::{BUCKET, MemoryS3};
use s3::{ACCESS_KEY, SECRET_KEY, Server};

// As in the program: both loops get it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How often each is timed, in turns.
const N_TIMES: usize = 7;

fn main() {
    // The credentials come by the environment, which is set for a process of its own.
    let has = |word: &str| std::env::args().any(|arg| arg == word);
    // Without it, under `cargo test`, all is done once and little of it.
    let is_timed = has("--bench");
    if !has("--served") {
        let me = std::env::current_exe().unwrap();
        let mut command = std::process::Command::new(me);
        let nowhere = ([127, 0, 0, 1], 9).into();
        command.arg("--served").args(is_timed.then_some("--bench"));
        let done = s3::serves(nowhere, &mut command).status().unwrap();
        assert!(done.success());
        return;
    }
    // The bare loop comes before the program's, which would choose it.
    drop(rustls::crypto::ring::default_provider().install_default());
    println!(
        "{:>8} {:>8} {:>12} {:>12} {:>6}",
        "bytes", "objects", "bare/s", "fetched/s", "ratio"
    );
    let (n_times, share) = if is_timed { (N_TIMES, 1) } else { (1, 100) };
    for (n_bytes, n_objects) in [(2_000, 20_000 / share), (200_000, 2_000 / share)] {
        let keys: Vec<String> = (0..n_objects)
            .map(|n| format!("a/{n:06}.json.gz"))
            .collect();
        let content = Bytes::from(vec![b'x'; n_bytes]);
        let objects = keys.iter().map(|key| (key.clone(), content.clone()));
        let server = Server::of_memory(objects.collect::<MemoryS3>());
        let url = format!("http://{}", server.address());
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..n_times {
            times[0].push(bare(&url, &keys, n_bytes));
            times[1].push(fetched(&url, &keys, n_bytes));
        }
        let [bare, fetched] = times.map(|mut times| {
            times.sort();
            f64::from(n_objects) / times[n_times / 2].as_secs_f64()
        });
        println!(
            "{n_bytes:>8} {n_objects:>8} {bare:>12.0} {fetched:>12.0} {:>6.2}",
            fetched / bare
        );
    }
}

/// A loop that does nothing else.
fn bare(url: &str, keys: &[String], n_bytes: usize) -> Duration {
    let n_cores = std::thread::available_parallelism().unwrap().get();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(n_cores.div_ceil(2))
        .enable_all()
        .build()
        .unwrap();
    let store = AmazonS3Builder::new()
        .with_bucket_name(BUCKET)
        .with_endpoint(url)
        .with_region("us-east-1")
        .with_access_key_id(ACCESS_KEY)
        .with_secret_access_key(SECRET_KEY)
        .with_client_options(ClientOptions::new().with_allow_http(true))
        .build()
        .unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(store);
    let started = Instant::now();
    runtime.block_on(async {
        let permits = Arc::new(Semaphore::new(CONCURRENT_FETCHES));
        let mut tasks = JoinSet::new();
        for key in keys {
            let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
            let (store, key) = (Arc::clone(&store), Key::from(key.as_str()));
            tasks.spawn(async move {
                let bytes = store.get(&key).await.unwrap().bytes().await.unwrap();
                assert_eq!(bytes.len(), n_bytes);
                drop(permit);
            });
        }
        tasks.join_all().await;
    });
    started.elapsed()
}

/// What a hunt does, but for the scan: objects are found by one thread and taken in their order by another.
fn fetched(url: &str, keys: &[String], n_bytes: usize) -> Duration {
    let stores = Stores::new(StoreOptions {
        endpoint_url: Some(url.to_owned()),
        ..StoreOptions::default()
    });
    let started = Instant::now();
    let uri = Uri::of(format!("s3://{BUCKET}/").as_ref())
        .unwrap()
        .unwrap();
    let bucket = stores.bucket(&uri).unwrap();
    let stop = AtomicBool::new(false);
    let (sender, objects) = crossbeam_channel::bounded::<Object>(256);
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for key in keys {
                let meta = ObjectMeta {
                    key: key.clone(),
                    size: n_bytes as u64,
                    e_tag: None,
                    modified: 0,
                };
                let object = Object::new(&bucket, meta);
                object.fetch();
                sender.send(object).unwrap();
            }
        });
        for object in objects {
            assert_eq!(object.take(&stop).unwrap().bytes().len(), n_bytes);
        }
    });
    started.elapsed()
}
