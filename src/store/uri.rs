//! Addresses of objects: `s3://bucket/key`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The schemes that are known, and what they are of.
const SCHEMES: [(&str, Scheme); 4] = [
    ("s3", Scheme::S3),
    ("s3a", Scheme::S3),
    ("gs", Scheme::Gcs),
    ("az", Scheme::Azure),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    S3,
    Gcs,
    Azure,
}

/// The address of an object, or of all that begin with a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    pub(super) scheme: Scheme,
    name: &'static str,
    bucket: String,
    key: String,
}

impl Uri {
    /// What a path says, if it has one of the known schemes: `Err` says what is wrong with it.
    #[must_use]
    pub fn of(path: &Path) -> Option<Result<Self, String>> {
        let bytes = path.as_os_str().as_bytes();
        let at = memchr::memmem::find(bytes, b"://")?;
        let known = SCHEMES
            .iter()
            .find(|(name, _)| name.as_bytes() == &bytes[..at]);
        let (name, scheme) = *known?;
        let Ok(rest) = str::from_utf8(&bytes[at + 3..]) else {
            return Some(Err("a key is UTF-8, and this is not".to_owned()));
        };
        let (bucket, key) = rest.split_once('/').unwrap_or((rest, ""));
        Some(match bucket {
            "" => Err("it names no bucket".to_owned()),
            _ => Ok(Self {
                scheme,
                name,
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }),
        })
    }

    /// The bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The key, or what keys begin with.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The address of the bucket, with no slash at its end.
    #[must_use]
    pub fn bucket_uri(&self) -> String {
        format!("{}://{}", self.name, self.bucket)
    }
}

impl std::fmt::Display for Uri {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.bucket_uri(), self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_all_behind_the_first_slash_as_it_was_typed() {
        let of = |text: &str| Uri::of(Path::new(text));
        let key = |text: &str| of(text).unwrap().unwrap().key;
        assert_eq!(key("s3://logs"), "");
        assert_eq!(key("s3://logs/"), "");
        assert_eq!(key("s3://logs//a//b/"), "/a//b/");
        assert_eq!(key("gs://logs/a?b#c%20"), "a?b#c%20");
        let uri = of("s3a://logs/a").unwrap().unwrap();
        assert_eq!(
            (uri.bucket(), uri.to_string().as_str()),
            ("logs", "s3a://logs/a")
        );
        assert!(of("s3:///a").unwrap().is_err());
        for path in [
            "s3:/logs/a",
            "/s3://logs",
            "./s3://logs",
            "http://logs/a",
            "s3",
        ] {
            assert!(of(path).is_none(), "{path}");
        }
    }
}
