//! What is in a bucket, a page at a time.

use std::io;

use object_store::list::PaginatedListOptions;

use super::bucket::{Bucket, ObjectMeta};
use super::key;

/// A page of a list, in the order of the keys' bytes.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// What is on it.
    pub(super) entries: Vec<PageEntry>,
    /// Where the next one begins, if there is one.
    pub(super) next: Option<String>,
}

/// What a list names.
#[derive(Debug)]
pub(super) enum PageEntry {
    /// An object.
    Object(ObjectMeta),
    /// All that begin with this, which ends in a slash.
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
    /// A page of what begins with a prefix: to the next slash, or to the end of each key.
    pub(super) async fn page(
        &self,
        prefix: &str,
        to_slash: bool,
        from: Option<String>,
    ) -> io::Result<Page> {
        // It is never closed.
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
        // One that takes no notice of the prefix would be walked again and again, and its own folders never.
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
        // S3 sorts each kind; not all stores sort at all.
        entries.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(Page {
            entries,
            next: listed.page_token.filter(|token| !token.is_empty()),
        })
    }
}
