//! An S3 server on loopback, for scripts: `serve FOLDER` has the folders of a folder as buckets, `serve --memory FOLDER`
//! takes all files below it into the memory, as the bucket `trail`, whose listing costs the same at any size.
//!
//! It prints its address, and ends when standard input does. Its keys are those of AWS's documentation.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a helper of scripts prints, and may fail"
)]

#[path = "../tests/it/s3/mod.rs"]
#[expect(dead_code, reason = "the tests use more of it")]
mod s3;

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use s3::Server;
use s3::memory::MemoryS3;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let server = match &*args.iter().map(String::as_str).collect::<Vec<_>>() {
        ["--memory", folder] => {
            let mut objects = Vec::new();
            take(Path::new(folder), "", &mut objects);
            Server::of_memory(objects.into_iter().collect::<MemoryS3>())
        }
        [folder] => Server::of_folder(&PathBuf::from(folder)),
        _ => panic!("usage: serve [--memory] FOLDER"),
    };
    println!("http://{}", server.address());
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

fn take(folder: &Path, prefix: &str, objects: &mut Vec<(String, Bytes)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let key = format!("{prefix}{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            take(&entry.path(), &format!("{key}/"), objects);
        } else {
            objects.push((key, fs::read(entry.path()).unwrap().into()));
        }
    }
}
