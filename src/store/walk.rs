//! All objects below a prefix, in the order of their keys' bytes, with several lists in flight.
//!
//! A list gives a thousand keys, and the next page can be asked for only with the one before it. So a bucket is listed
//! folder by folder as far as its layout divides it, some folders ahead of their turn, and from there on as it comes.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::bucket::{Bucket, ObjectMeta};
use super::fetch::PATIENCE;
use super::listing::PageEntry;

/// What lies below a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    /// Nothing that is wanted.
    Nothing,
    /// Folders, which are asked for one by one.
    Folders,
    /// What is listed as it comes.
    All,
}

/// What is told of a prefix that ends in a slash, and how many folders it lies below the first.
pub type Survey = dyn Fn(&str, usize) -> Below + Send + Sync;

/// What a walk meets.
#[derive(Debug)]
pub enum WalkItem {
    /// Objects.
    Objects(Vec<ObjectMeta>),
    /// A folder that holds nothing that is wanted.
    PassedOver,
    /// A prefix that could not be listed, or not to its end.
    Failed(String, io::Error),
}

/// What a walk meets, one after the other.
#[derive(Debug)]
pub struct Walk {
    met: Receiver<WalkItem>,
    runtime: Handle,
}

impl Walk {
    /// What it meets next; nothing at its end, and when the run should stop: a list is tried for a while.
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

/// Folders of a folder that are listed ahead of their turn. Each level of folders multiplies what is in flight, and
/// only the first two divide an archive into many.
const AHEAD: [usize; 3] = [8, 8, 2];
/// Pages without anything, one after the other, that a list may have: one for each 1,000 deleted objects of a bucket
/// with versions.
const EMPTY_PAGES: usize = 100_000;
/// Pages that wait for their turn, of each list.
const PAGES: usize = 1;

impl Bucket {
    /// Walks through what lies below a prefix, which is empty or ends in a slash.
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
            // A list that ends so would look like one of nothing.
            if listing.await.is_err() {
                let error = io::Error::other("the program failed over its list; please report it");
                // One who is gone wants it no more.
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
    /// How many folders lie above it.
    n_deep: usize,
    /// How many of them have several folders.
    n_branched: usize,
    survey: Arc<Survey>,
    met: Sender<WalkItem>,
}

impl Folder {
    /// Lists it to its end, or until nobody wants to know.
    fn list(self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let failed = self.pages().await.err().flatten();
            if let Some(error) = failed {
                // One who is gone wants it no more.
                self.met
                    .send(WalkItem::Failed(self.prefix, error))
                    .await
                    .ok();
            }
        })
    }

    /// The same; `Err` is why it could not be listed to its end, or nothing when nobody wants to know.
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
        // The list of the folder above named it since it held something.
        if is_empty && self.n_deep > 0 {
            let message =
                "it was listed as a folder that holds something, and then as an empty one";
            return Err(Some(io::Error::new(io::ErrorKind::NotFound, message)));
        }
        Ok(())
    }

    /// Gives what is on a page, and below it; nothing when nobody wants to know.
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
