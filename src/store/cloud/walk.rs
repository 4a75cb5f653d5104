//! Walks all objects below a prefix, in the byte order of their keys, with several lists in flight.
//!
//! A list returns a thousand keys, and the next page can be requested only after the one before it. So a
//! bucket is listed folder by folder as far as its layout divides it, with some folders listed ahead, and
//! below that as one sequence of pages.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::bucket::Bucket;
use super::fetch::PATIENCE;
use super::listing::PageEntry;
use super::{Below, ObjectMeta, Survey, WalkItem};

/// A running walk, which returns its items one after the other.
#[derive(Debug)]
pub struct Walk {
    met: Receiver<WalkItem>,
    runtime: Handle,
}

impl Walk {
    /// Returns the next item. Returns `None` at the end, and when the run should stop, because a failing list
    /// is retried for a while.
    pub fn next(&mut self, stop: &AtomicBool) -> Option<WalkItem> {
        self.runtime.block_on(async {
            loop {
                match tokio::time::timeout(PATIENCE, self.met.recv()).await {
                    Ok(met) => return met,
                    Err(_) if stop.load(Relaxed) => return None,
                    Err(_) => {}
                }
            }
        })
    }
}

/// Number of subfolders that are listed ahead, by level. Each level of folders multiplies what is in flight,
/// and only the first two levels divide an archive into many folders.
const AHEAD: [usize; 3] = [8, 8, 2];
/// Maximum number of empty pages in sequence: a list has one for each 1,000 deleted objects of a bucket with
/// versions.
const EMPTY_PAGES: usize = 100_000;
/// Number of pages that each list keeps waiting.
const PAGES: usize = 1;

impl Bucket {
    /// Walks everything below a prefix, which is empty or ends in a slash.
    #[must_use]
    pub fn walk(self: &Arc<Self>, prefix: &str, survey: Arc<Survey>) -> Walk {
        Walk {
            met: self.start(prefix.to_owned(), 0, 0, survey),
            runtime: self.runtime.clone(),
        }
    }

    fn start(
        self: &Arc<Self>,
        prefix: String,
        n_deep: usize,
        n_branched: usize,
        survey: Arc<Survey>,
    ) -> Receiver<WalkItem> {
        let (met, receiver) = channel(PAGES);
        let (told, listed) = (met.clone(), prefix.clone());
        let folder = Folder {
            bucket: Arc::clone(self),
            prefix,
            n_deep,
            n_branched,
            survey,
            met,
        };
        let listing = self.runtime.spawn(folder.list());
        self.runtime.spawn(async move {
            // A list that ends this way would look like an empty one.
            if listing.await.is_err() {
                let error = io::Error::other("the program failed over its list; please report it");
                // If the receiver is gone, nobody needs the item.
                told.send(WalkItem::Failed(listed, error)).await.ok();
            }
        });
        receiver
    }
}

/// A folder that is being listed.
struct Folder {
    bucket: Arc<Bucket>,
    prefix: String,
    /// Number of folders above it.
    n_deep: usize,
    /// Number of those that have several subfolders.
    n_branched: usize,
    survey: Arc<Survey>,
    met: Sender<WalkItem>,
}

impl Folder {
    /// Lists it to its end, or until the receiver is gone.
    fn list(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let failed = self.pages().await.err().flatten();
            if let Some(error) = failed {
                // If the receiver is gone, nobody needs the error.
                self.met
                    .send(WalkItem::Failed(self.prefix, error))
                    .await
                    .ok();
            }
        })
    }

    /// Lists the pages. Returns `Err` with the error if it could not be listed to its end, or with `None` if
    /// the receiver is gone.
    async fn pages(&self) -> Result<(), Option<io::Error>> {
        let to_slash = (self.survey)(&self.prefix, self.n_deep) == Below::Folders;
        let mut from = None;
        let mut tokens = BTreeSet::new();
        let (mut is_empty, mut n_empty) = (true, 0);
        loop {
            let page = self.bucket.page(&self.prefix, to_slash, from).await;
            let page = page.map_err(Some)?;
            n_empty = match page.entries.is_empty() {
                true => n_empty + 1,
                false => 0,
            };
            is_empty &= page.entries.is_empty();
            self.give(page.entries).await.ok_or(None)?;
            let Some(next) = page.next else { break };
            let is_new = tokens.insert(next.clone());
            if !is_new || n_empty >= EMPTY_PAGES {
                let message = "its list has no end: the store goes on to where it has been";
                return Err(Some(io::Error::other(message)));
            }
            from = Some(next);
        }
        // The list of the parent folder named it, because it contained something.
        if is_empty && self.n_deep > 0 {
            let message =
                "it was listed as a folder that holds something, and then as an empty one";
            return Err(Some(io::Error::new(io::ErrorKind::NotFound, message)));
        }
        Ok(())
    }

    /// Sends what is on a page, and what is below it. Returns `None` if the receiver is gone.
    async fn give(&self, entries: Vec<PageEntry>) -> Option<()> {
        let is_wanted = |prefix: &str| (self.survey)(prefix, self.n_deep + 1) != Below::Nothing;
        let wanted = entries.iter().filter_map(|entry| match entry {
            PageEntry::Prefix(prefix) if is_wanted(prefix) => Some(prefix.clone()),
            _ => None,
        });
        let mut to_list: VecDeque<String> = wanted.collect();
        let is_branch = usize::from(to_list.len() > 1);
        let n_ahead = AHEAD[self.n_branched.min(AHEAD.len() - 1)];
        let mut ahead = VecDeque::new();
        let mut objects = Vec::new();
        for entry in entries {
            match entry {
                PageEntry::Object(meta) => objects.push(meta),
                PageEntry::Prefix(prefix) => {
                    self.objects(&mut objects).await?;
                    if !is_wanted(&prefix) {
                        self.met.send(WalkItem::PassedOver).await.ok()?;
                        continue;
                    }
                    while ahead.len() < n_ahead
                        && let Some(next) = to_list.pop_front()
                    {
                        let n_branched = self.n_branched + is_branch;
                        let survey = Arc::clone(&self.survey);
                        ahead.push_back(self.bucket.start(
                            next,
                            self.n_deep + 1,
                            n_branched,
                            survey,
                        ));
                    }
                    let mut below = ahead.pop_front()?;
                    while let Some(met) = below.recv().await {
                        self.met.send(met).await.ok()?;
                    }
                }
            }
        }
        self.objects(&mut objects).await
    }

    async fn objects(&self, objects: &mut Vec<ObjectMeta>) -> Option<()> {
        if objects.is_empty() {
            return Some(());
        }
        self.met
            .send(WalkItem::Objects(std::mem::take(objects)))
            .await
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{StoreOptions, Stores, Uri};

    #[test]
    fn a_list_that_the_program_fails_over_is_told() {
        let stores = Stores::new(StoreOptions {
            endpoint_url: Some("http://127.0.0.1:9".to_owned()),
            is_unsigned: true,
            ..StoreOptions::default()
        });
        let uri = Uri::of(std::path::Path::new("s3://trail/"))
            .unwrap()
            .unwrap();
        let bucket = stores.bucket(&uri).unwrap();
        let mut walk = bucket.walk(
            "logs/",
            Arc::new(|_, _| panic!("as a fault of the program would")),
        );
        let never = AtomicBool::new(false);
        let met: Vec<WalkItem> = std::iter::from_fn(|| walk.next(&never)).collect();
        let [WalkItem::Failed(prefix, error)] = &met[..] else {
            panic!("{met:?}");
        };
        assert_eq!(prefix, "logs/");
        assert!(error.to_string().contains("please report it"), "{error}");
    }
}
