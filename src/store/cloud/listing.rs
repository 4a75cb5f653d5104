//! The content of a bucket, one page at a time.

use std::io;

use object_store::list::PaginatedListOptions;

use super::bucket::Bucket;
use super::{ObjectMeta, key};

/// A page of a list, in the byte order of the keys.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// The entries of the page.
    pub(super) entries: Vec<PageEntry>,
    /// The token of the next page, if there is one.
    pub(super) next: Option<String>,
}

/// An entry of a list.
#[derive(Debug)]
pub(super) enum PageEntry {
    /// An object.
    Object(ObjectMeta),
    /// The common prefix of some keys, which ends in a slash.
    Prefix(String),
}

impl PageEntry {
    fn name(&self) -> &str {
        match self {
            Self::Object(meta) => &meta.key,
            Self::Prefix(prefix) => prefix,
        }
    }
}

impl Bucket {
    /// Returns a page of the keys that begin with a prefix, grouped at the next slash if `to_slash` is set.
    pub(super) async fn page(
        &self,
        prefix: &str,
        to_slash: bool,
        from: Option<String>,
    ) -> io::Result<Page> {
        // The semaphore is never closed.
        let _permit = self
            .limits
            .lists
            .acquire()
            .await
            .map_err(io::Error::other)?;
        let options = PaginatedListOptions {
            delimiter: to_slash.then_some("/".into()),
            page_token: from,
            ..PaginatedListOptions::default()
        };
        let prefix_asked = (!prefix.is_empty()).then_some(prefix);
        let listed = self.lister.list_paginated(prefix_asked, options).await;
        let listed = listed.map_err(|error| self.explain(&error))?;
        let objects = listed.result.objects.into_iter();
        let mut entries: Vec<_> = objects.map(|meta| PageEntry::Object(meta.into())).collect();
        let prefixes = listed.result.common_prefixes.into_iter();
        entries.extend(
            prefixes.map(|path| PageEntry::Prefix(format!("{}/", key::of_path(path.as_ref())))),
        );
        // A store that ignores the prefix would be walked again and again, and its own folders never.
        let is_below = |entry: &PageEntry| match entry {
            PageEntry::Object(meta) => meta.key.starts_with(prefix),
            PageEntry::Prefix(name) => name.len() > prefix.len() && name.starts_with(prefix),
        };
        if let Some(other) = entries.iter().find(|entry| !is_below(entry)) {
            let message = format!(
                "the store lists {:?} there, which lies elsewhere",
                other.name()
            );
            return Err(io::Error::other(message));
        }
        // S3 sorts each kind of entry separately; some stores do not sort at all.
        entries.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Page {
            entries,
            next: listed.page_token.filter(|token| !token.is_empty()),
        })
    }
}
