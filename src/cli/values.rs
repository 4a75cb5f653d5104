//! Parsers for values in the command line, with their error messages.

use trailsift::input::manifest::Shard;
use trailsift::store::check_endpoint;

/// Parses a number that is not 0.
pub(super) fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least 1 is needed".to_owned()),
        Ok(n) => Ok(n),
        Err(error) => Err(format!("{error}")),
    }
}

/// Checks an address that requests can be sent to.
pub(super) fn endpoint(text: &str) -> Result<String, String> {
    check_endpoint(text).map(|()| text.to_owned())
}

/// Parses the shard of a manifest: its number and the number of shards.
pub(super) fn shard(text: &str) -> Result<Shard, String> {
    let parts = text.split_once('/');
    let parts = parts.and_then(|(i, n)| Some((i.parse::<u64>().ok()?, n.parse::<u64>().ok()?)));
    match parts {
        Some((index, count)) if index < count => Ok(Shard { index, count }),
        _ => Err("it is I/N, with I from 0 and less than N".to_owned()),
    }
}

/// Refuses the name that `--event-region` had before.
pub(super) fn not_a_region(_: &str) -> Result<String, String> {
    Err(
        "--region was renamed: use --event-region for events of these regions, --bucket-region for the region of the bucket"
            .to_owned(),
    )
}

/// Parses a number of bytes, with or without a unit.
pub(super) fn size(text: &str) -> Result<u64, String> {
    text.parse().map(|size: bytesize::ByteSize| size.0)
}
