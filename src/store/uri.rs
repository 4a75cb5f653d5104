//! Addresses of objects: `s3://bucket/key`.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

/// The known URI schemes, and the providers they belong to.
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

/// The address of an object, or of all objects whose keys begin with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uri {
    pub(super) scheme: Scheme,
    name: &'static str,
    bucket: String,
    key: String,
}

impl Uri {
    /// Parses a path, if it has one of the known schemes. `Err` says what is wrong with it.
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
            "" => Err(match key.trim_start_matches('/') {
                "" => "it names no bucket".to_owned(),
                key => format!("it names no bucket; write {name}://{key}"),
            }),
            _ => Ok(Self {
                scheme,
                name,
                bucket: bucket.to_owned(),
                key: key.to_owned(),
            }),
        })
    }

    /// Returns the address, as `s3://bucket/key`, that a path seems to mean although it is not one: a form
    /// used by browsers, the console and policies, or a typing mistake. It may still be a file's path.
    #[must_use]
    pub fn meant(path: &Path) -> Option<String> {
        let text = path.to_str()?;
        let lower = text.to_ascii_lowercase();
        let behind = |start: &str| {
            let is_so = lower.starts_with(start);
            is_so.then(|| text.get(start.len()..)).flatten()
        };
        if let Some(rest) = behind("https://").or_else(|| behind("http://")) {
            return of_web(rest);
        }
        if lower.starts_with("arn:aws") {
            // arn:aws:s3:::bucket/key
            let (service, rest) = lower
                .split_once(':')?
                .1
                .split_once(':')?
                .1
                .split_once(':')?;
            let name = text.get(text.len() - rest.len()..)?.strip_prefix("::");
            return (service == "s3").then(|| name.and_then(said)).flatten();
        }
        for (name, _) in SCHEMES.iter().chain(&[("s3n", Scheme::S3)]) {
            let Some(rest) = behind(name) else { continue };
            let is_right = text.starts_with(&format!("{name}://")) && *name != "s3n";
            let rest = match rest.strip_prefix(':') {
                Some(rest) => rest.trim_start_matches('/'),
                // `s3//bucket` means a bucket, but `s3/bucket` is the name of a folder.
                None => match rest.strip_prefix("//") {
                    Some(rest) => rest.trim_start_matches('/'),
                    None => continue,
                },
            };
            let name = if *name == "s3n" { "s3" } else { name };
            if !is_right && !rest.is_empty() {
                return Some(format!("{name}://{rest}"));
            }
        }
        None
    }

    /// Returns the bucket's name.
    #[must_use]
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// Returns the key, or the prefix of keys.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the address of the bucket, without a slash at the end.
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

/// Returns the address of a bucket, with what follows its name.
fn said(rest: &str) -> Option<String> {
    let rest = rest.trim_start_matches('/');
    (!rest.is_empty()).then(|| format!("s3://{rest}"))
}

/// Returns the address that a web address represents: `bucket.s3.amazonaws.com/key`,
/// `s3.region.amazonaws.com/bucket/key`, or one of the console.
fn of_web(rest: &str) -> Option<String> {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let path = plain(path);
    let host = host.to_ascii_lowercase();
    let host = host.split(':').next()?;
    let name = host
        .strip_suffix(".amazonaws.com")
        .or_else(|| host.strip_suffix(".amazonaws.com.cn"));
    let Some(name) = name else {
        let is_console =
            host.ends_with("console.aws.amazon.com") || host.ends_with("console.amazonaws.cn");
        let bucket = path
            .strip_prefix("s3/buckets/")
            .or_else(|| path.strip_prefix("s3/object/"));
        let bucket = bucket.filter(|_| is_console)?;
        let key = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("prefix="));
        return said(&format!("{bucket}/{}", plain(key.unwrap_or_default())));
    };
    let is_s3 = |label: &&str| *label == "s3" || label.starts_with("s3-");
    let labels: Vec<&str> = name.split('.').collect();
    let at = labels.iter().position(is_s3)?;
    match labels.get(..at) {
        Some([]) | None => said(&path),
        Some(bucket) => said(&format!("{}/{path}", bucket.join("."))),
    }
}

/// Decodes the percent escapes in an address.
fn plain(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        let digits = behind.get(..2).and_then(|two| str::from_utf8(two).ok());
        let byte = digits.and_then(|two| u8::from_str_radix(two, 16).ok());
        match (first, byte) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &behind[2..];
            }
            _ => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
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

    #[test]
    fn what_people_write_for_an_address_is_known() {
        for (typed, meant) in [
            ("https://b.s3.amazonaws.com/k/l", "s3://b/k/l"),
            ("https://b.c.s3.eu-west-1.amazonaws.com/k", "s3://b.c/k"),
            (
                "https://b.s3-eu-west-1.amazonaws.com/k%20l?versionId=3",
                "s3://b/k l",
            ),
            ("https://b.s3.dualstack.eu-west-1.amazonaws.com", "s3://b/"),
            ("https://s3.eu-west-1.amazonaws.com/b/k", "s3://b/k"),
            ("https://s3.amazonaws.com/b", "s3://b"),
            ("HTTPS://S3.cn-north-1.amazonaws.com.cn/b/k", "s3://b/k"),
            (
                "https://s3.console.aws.amazon.com/s3/buckets/b?region=x&prefix=AWSLogs/",
                "s3://b/AWSLogs/",
            ),
            ("arn:aws:s3:::b/k:l", "s3://b/k:l"),
            ("arn:aws-us-gov:s3:::b", "s3://b"),
            ("S3://b/K", "s3://b/K"),
            ("s3:/b/k", "s3://b/k"),
            ("s3:b/k", "s3://b/k"),
            ("s3//b/k", "s3://b/k"),
            ("s3:///b/k", "s3://b/k"),
            ("s3n://b/k", "s3://b/k"),
            ("GS://b/k", "gs://b/k"),
        ] {
            let found = Uri::meant(Path::new(typed));
            // A surplus slash is reported elsewhere.
            let expected = (!typed.starts_with("s3:///")).then(|| meant.to_owned());
            assert_eq!(found, expected, "{typed}");
            assert!(
                Uri::of(Path::new(meant)).is_some_and(|uri| uri.is_ok()),
                "{meant}"
            );
        }
        for typed in [
            "s3://b/k",
            "s3",
            "s3/b",
            "logs/s3:/b",
            "https://example.com/a",
            "https://",
            "arn:aws:iam::aws:policy/A",
            "arn:aws",
            "https://ec2.amazonaws.com/x",
            "s3.json",
            "s3:",
            "é",
        ] {
            assert_eq!(Uri::meant(Path::new(typed)), None, "{typed}");
        }
    }
}
