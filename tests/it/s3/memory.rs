//! A store in memory: it has what the one of files has not: any key, ETags in lists, archived objects, and pages of
//! large lists at once.

#![expect(
    clippy::cast_possible_truncation,
    reason = "what is in memory has a size that fits"
)]

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use s3s::dto::{
    CommonPrefix, ETag, GetObjectInput, GetObjectOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, Object, StreamingBlob, Timestamp,
};
use s3s::{Body, S3, S3Request, S3Response, S3Result, s3_error};

/// The one bucket that there is.
pub(crate) const BUCKET: &str = "trail";
/// Keys with this in them are archived.
const ARCHIVED: &str = "glacier";
/// An object with this in its key is another one each time it is asked for.
const CHANGING: &str = "changing";

/// An object with this in its key is listed, and is gone when it is asked for.
const GONE: &str = "vanished";

/// A store that cannot be written.
#[derive(Clone, Default)]
pub(crate) struct MemoryS3(Arc<BTreeMap<String, Bytes>>);

impl FromIterator<(String, Bytes)> for MemoryS3 {
    fn from_iter<T: IntoIterator<Item = (String, Bytes)>>(objects: T) -> Self {
        Self(Arc::new(objects.into_iter().collect()))
    }
}

/// What changes with the content: here its length will do, and a key's own mark.
fn e_tag(key: &str, bytes: &Bytes) -> ETag {
    ETag::Strong(format!("{}-{}", key.len(), bytes.len()))
}

fn now() -> Timestamp {
    std::time::SystemTime::UNIX_EPOCH.into()
}

impl MemoryS3 {
    fn find(&self, bucket: &str, key: &str) -> S3Result<Bytes> {
        if bucket != BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        let found = self.0.get(key).filter(|_| !key.contains(GONE));
        found.cloned().ok_or_else(|| s3_error!(NoSuchKey))
    }
}

#[async_trait::async_trait]
impl S3 for MemoryS3 {
    async fn get_object(
        &self,
        request: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = request.input;
        let bytes = self.find(&input.bucket, &input.key)?;
        if input.key.contains(ARCHIVED) {
            return Err(s3_error!(
                InvalidObjectState,
                "The operation is not valid for the object's storage class"
            ));
        }
        let e_tag = match input.key.contains(CHANGING) {
            true => ETag::Strong("another".to_owned()),
            false => e_tag(&input.key, &bytes),
        };
        if let Some(condition) = &input.if_match
            && condition
                .as_etag()
                .is_some_and(|asked| asked.value() != e_tag.value())
        {
            return Err(s3_error!(PreconditionFailed));
        }
        let whole = bytes.len();
        let (bytes, content_range) = match input.range {
            None => (bytes, None),
            Some(range) => {
                let range = range.check(whole as u64)?;
                let text = format!("bytes {}-{}/{whole}", range.start, range.end - 1);
                let (start, end) = (range.start as usize, range.end as usize);
                (bytes.slice(start..end), Some(text))
            }
        };
        Ok(S3Response::new(GetObjectOutput {
            content_length: Some(bytes.len() as i64),
            content_range,
            body: Some(StreamingBlob::from(Body::from(bytes))),
            e_tag: Some(e_tag),
            last_modified: Some(now()),
            ..GetObjectOutput::default()
        }))
    }

    async fn head_object(
        &self,
        request: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = request.input;
        let bytes = self.find(&input.bucket, &input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(bytes.len() as i64),
            e_tag: Some(e_tag(&input.key, &bytes)),
            last_modified: Some(now()),
            ..HeadObjectOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        request: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = request.input;
        if input.bucket != BUCKET {
            return Err(s3_error!(NoSuchBucket));
        }
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone().unwrap_or_default();
        let mut from = match &input.continuation_token {
            Some(token) => Bound::Excluded(token.clone()),
            None => Bound::Included(prefix.clone()),
        };
        let (mut contents, mut common_prefixes) = (Vec::new(), Vec::new());
        let mut last = String::new();
        let mut is_truncated = false;
        loop {
            let mut range = self.0.range::<String, _>((from.as_ref(), Bound::Unbounded));
            let Some((key, bytes)) = range.next().filter(|(key, _)| key.starts_with(&prefix))
            else {
                break;
            };
            if contents.len() + common_prefixes.len() == 1000 {
                is_truncated = true;
                break;
            }
            let rest = key.strip_prefix(&prefix).unwrap_or(key);
            let n = (!delimiter.is_empty())
                .then(|| rest.find(&delimiter))
                .flatten();
            if let Some(n) = n {
                let (folder, _) = key.split_at(prefix.len() + n + delimiter.len());
                // Behind all that begins so.
                last = format!("{folder}\u{10FFFF}");
                common_prefixes.push(CommonPrefix {
                    prefix: Some(folder.to_owned()),
                });
            } else {
                last = key.clone();
                contents.push(Object {
                    key: Some(key.clone()),
                    size: Some(bytes.len() as i64),
                    e_tag: Some(e_tag(key, bytes)),
                    last_modified: Some(now()),
                    ..Object::default()
                });
            }
            from = Bound::Excluded(last.clone());
        }
        Ok(S3Response::new(ListObjectsV2Output {
            is_truncated: Some(is_truncated),
            next_continuation_token: is_truncated.then_some(last),
            contents: Some(contents),
            common_prefixes: Some(common_prefixes),
            name: Some(input.bucket),
            prefix: input.prefix,
            ..ListObjectsV2Output::default()
        }))
    }
}
