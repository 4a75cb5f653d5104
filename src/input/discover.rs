//! From roots to sources: every file below the roots on the command line, once, in a fixed order.
//!
//! In: [`Root`]s. Out: [`Found`] items, passed on while the walk runs, so that a tree of any size needs no
//! list in memory. The order is that of the roots, and below a root the byte order of the paths (a folder
//! sorts with its `/`), whatever order the file system returns. Symbolic links inside a tree are followed
//! only on request; a root that is a symbolic link is always followed. Only directories are opened here.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use super::entries::{EntryKind, follow, special};
use super::list::List;
use super::manifest::{Manifest, Row};
use super::source::{Source, SourceKind};
use super::walk::{DiscoverOptions, Found, ListAll, Walk};
use crate::store::{Lookup, Uri};

pub use super::entries::{Entry, list};

/// A root: one place to search, as given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Root {
    /// A file or a directory, or the address of an object or of a prefix.
    Path(PathBuf),
    /// `-`.
    Stdin,
    /// The sources in a manifest.
    Manifest(Manifest),
    /// The files and directories in a list.
    List(List),
    /// The sources that an earlier walk found.
    Sources(Vec<Arc<Source>>),
}

impl Root {
    /// Returns the root's name for messages.
    #[must_use]
    pub fn name(&self) -> String {
        let file = |file: &Option<PathBuf>| match file {
            Some(path) => path.display().to_string(),
            None => "-".to_owned(),
        };
        match self {
            Self::Path(path) => path.display().to_string(),
            Self::Stdin => "-".to_owned(),
            Self::Manifest(manifest) => file(&manifest.file),
            Self::List(list) => file(&list.file),
            Self::Sources(sources) => format!("{} files", sources.len()),
        }
    }
}

/// Walks the roots and passes everything found to `visit`, until `visit` breaks.
pub fn discover(
    roots: &[Root],
    options: &DiscoverOptions,
    list_all: ListAll<'_>,
    visit: &mut dyn FnMut(Found) -> ControlFlow<()>,
) -> ControlFlow<()> {
    let remembers_all = options.follows_links
        || roots.len() > 1
        || roots
            .iter()
            .any(|root| matches!(root, Root::List(_) | Root::Manifest(_)));
    let mut walk = Walk::new(options, list_all, visit, remembers_all);
    roots.iter().try_for_each(|root| walk.root(root))
}

/// Number of directories listed at once: enough to keep slow file systems busy, few enough to keep in memory.
const LISTED_AT_ONCE: usize = 64;

/// A directory that the walk is in.
struct Level {
    path: PathBuf,
    below_root: PathBuf,
    /// Its real location, because the name of a link says nothing about the link's target.
    place: PathBuf,
    /// Its entries that are still to be visited.
    entries: vec::IntoIter<Entry>,
    /// Its subdirectories that are still to be listed.
    to_list: vec::IntoIter<PathBuf>,
    /// The listings of the subdirectories before those. Some are made together, before they are needed.
    listed: vec::IntoIter<io::Result<Vec<Entry>>>,
}

impl Level {
    fn next_listing(&mut self, list_all: ListAll<'_>) -> io::Result<Vec<Entry>> {
        if self.listed.as_slice().is_empty() {
            let next: Vec<PathBuf> = self.to_list.by_ref().take(LISTED_AT_ONCE).collect();
            self.listed = list_all(&next).into_iter();
        }
        self.listed
            .next()
            .expect("every directory is listed, in order")
    }
}

/// Number of addresses in a list that are checked at once.
const LOOKED_UP_AHEAD: usize = 64;

/// A path from a list, and its lookup, if one is running.
struct Ahead {
    path: PathBuf,
    lookup: Option<(Lookup, Uri)>,
}

impl Walk<'_> {
    fn root(&mut self, root: &Root) -> ControlFlow<()> {
        let path = match root {
            Root::Path(path) => path,
            Root::List(list) => {
                self.is_listed = true;
                let flow = self.list(list);
                self.is_listed = false;
                return flow;
            }
            Root::Sources(sources) => {
                let mut sources = sources.iter();
                return sources.try_for_each(|source| (self.visit)(Found::Source(source.reopen())));
            }
            Root::Manifest(manifest) => return self.manifest(manifest),
            Root::Stdin => {
                return (self.visit)(Found::Source(Source {
                    path: PathBuf::from("-"),
                    below_root: PathBuf::from("-"),
                    kind: SourceKind::Stdin,
                    stored_bytes: 0,
                    modified: None,
                    changed: None,
                }));
            }
        };
        match Uri::of(path) {
            Some(Ok(uri)) => {
                let lookup = self.look_up(&uri);
                return self.in_bucket(path, &uri, lookup);
            }
            Some(Err(message)) => return self.unreadable(path, &io::Error::other(message)),
            None => {}
        }
        let name = path.file_name().map_or_else(PathBuf::new, PathBuf::from);
        match fs::metadata(path) {
            Err(error) => match Uri::meant(path) {
                Some(meant) => {
                    let message = format!("{error}; write {meant} for an object in a bucket");
                    self.unreadable(path, &io::Error::new(error.kind(), message))
                }
                None => self.unreadable(path, &error),
            },
            Ok(metadata) if metadata.is_dir() => {
                if !self.is_new_directory(&metadata) {
                    return ControlFlow::Continue(());
                }
                self.directory(path)
            }
            Ok(metadata) if metadata.is_file() => match self.leaves_out_root(&name, path) {
                true => (self.visit)(Found::Excluded),
                false => self.file(path, &name, &metadata),
            },
            Ok(_) => (self.visit)(Found::Source(Source {
                path: path.clone(),
                below_root: name,
                kind: SourceKind::Stream,
                stored_bytes: 0,
                modified: None,
                changed: None,
            })),
        }
    }

    /// Walks the paths of a list, in its order.
    fn list(&mut self, list: &List) -> ControlFlow<()> {
        let paths = match list.paths() {
            Ok(paths) => paths,
            Err(error) => return self.unreadable(list.name(), &error),
        };
        // A request for each address takes time, so several run at once. A path that is not an address has no
        // request to wait for.
        let mut ahead: VecDeque<Ahead> = VecDeque::new();
        for path in paths {
            let path = match path {
                Ok(path) => path,
                Err(error) => {
                    ahead.into_iter().try_for_each(|next| self.listed(next))?;
                    return self.unreadable(list.name(), &error);
                }
            };
            let uri = Uri::of(&path).and_then(Result::ok);
            let lookup = uri.and_then(|uri| Some((self.look_up(&uri)?, uri)));
            ahead.push_back(Ahead { path, lookup });
            let is_due = |ahead: &VecDeque<Ahead>| {
                ahead.len() > LOOKED_UP_AHEAD
                    || ahead.front().is_some_and(|next| next.lookup.is_none())
            };
            while is_due(&ahead) {
                ahead
                    .pop_front()
                    .map_or(ControlFlow::Continue(()), |next| self.listed(next))?;
            }
        }
        ahead.into_iter().try_for_each(|next| self.listed(next))
    }

    fn listed(&mut self, next: Ahead) -> ControlFlow<()> {
        match next.lookup {
            Some((lookup, uri)) => self.in_bucket(&next.path, &uri, Some(lookup)),
            None => self.root(&Root::Path(next.path)),
        }
    }

    /// Visits what a manifest contains, in its order. Nothing is looked up again.
    fn manifest(&mut self, manifest: &Manifest) -> ControlFlow<()> {
        let (mut flow, mut is_told) = (ControlFlow::Continue(()), false);
        let read = manifest.read(&mut |row| {
            is_told |= row.defect.is_some();
            flow = self.of_manifest(row);
            flow.is_continue()
        });
        flow?;
        match read.and_then(|()| manifest.n_missing()) {
            Ok(n) if n > 0 && !is_told => {
                // The other shards report which places.
                let message = format!(
                    "not everything could be listed when it was written, and {n} places are missing; plan again"
                );
                self.unreadable(manifest.name(), &io::Error::other(message))
            }
            Ok(_) => ControlFlow::Continue(()),
            Err(error) => self.unreadable(manifest.name(), &error),
        }
    }

    fn of_manifest(&mut self, row: Row) -> ControlFlow<()> {
        let path = PathBuf::from(&row.source);
        let below_root = PathBuf::from(&row.below_root);
        if let Some(defect) = &row.defect {
            let message = format!("it could not be listed when the manifest was written: {defect}");
            return self.unreadable(&path, &io::Error::other(message));
        }
        if self.options.names.leaves_out(&below_root) {
            return (self.visit)(Found::Excluded);
        }
        match Uri::of(&path) {
            Some(Ok(uri)) => self.object_of_manifest(&uri, row, below_root),
            Some(Err(message)) => self.unreadable(&path, &io::Error::other(message)),
            None => match fs::metadata(&path) {
                Ok(metadata)
                    if metadata.is_file() && metadata.len() != row.size_bytes.unsigned_abs() =>
                {
                    let message = "it was changed since the manifest was written; plan again";
                    self.unreadable(&path, &io::Error::other(message))
                }
                Ok(metadata) if metadata.is_file() => self.file(&path, &below_root, &metadata),
                Ok(_) => self.unreadable(&path, &io::Error::other("it is no file any more")),
                Err(error) => self.unreadable(&path, &error),
            },
        }
    }

    /// Walks a directory. Its depth uses no stack, because a tree may be as deep as a path can be long.
    fn directory(&mut self, path: &Path) -> ControlFlow<()> {
        let mut listings = (self.list_all)(&[path.to_owned()]).into_iter();
        let listing = listings.next().expect("one for one");
        let mut levels = Vec::new();
        let place = self.place(path);
        levels.extend(self.enter(path.to_owned(), PathBuf::new(), place, listing)?);
        while let Some(level) = levels.last_mut() {
            let Some(Entry { name, kind }) = level.entries.next() else {
                levels.pop();
                continue;
            };
            let path = level.path.join(&name);
            let below_root = level.below_root.join(&name);
            match kind {
                EntryKind::Directory => {
                    let listing = level.next_listing(self.list_all);
                    let place = level.place.join(&name);
                    if !self.options.follows_links || self.is_new_at(&path) {
                        levels.extend(self.enter(path, below_root, place, listing)?);
                    }
                }
                EntryKind::Followed(Ok(metadata)) if metadata.is_dir() => {
                    if self.is_new_directory(&metadata) {
                        let (listing, place) = (list(&path), self.place(&path));
                        levels.extend(self.enter(path, below_root, place, listing)?);
                    }
                }
                EntryKind::Followed(Ok(metadata)) if !metadata.is_file() => {
                    self.not_a_file(&path, special(metadata.file_type()))?;
                }
                EntryKind::File(_) | EntryKind::Followed(_)
                    if self.options.names.leaves_out(&below_root) =>
                {
                    (self.visit)(Found::Excluded)?;
                }
                EntryKind::File(Ok(metadata)) | EntryKind::Followed(Ok(metadata)) => {
                    self.file(&path, &below_root, &metadata)?;
                }
                EntryKind::File(Err(error)) | EntryKind::Followed(Err(error)) => {
                    self.unreadable(&path, &error)?;
                }
                EntryKind::Link => (self.visit)(Found::Link)?,
                EntryKind::Other(what) => self.not_a_file(&path, what)?,
            }
        }
        ControlFlow::Continue(())
    }

    /// Returns the level of a directory that was listed, if the listing succeeded.
    fn enter(
        &mut self,
        path: PathBuf,
        below_root: PathBuf,
        place: PathBuf,
        listing: io::Result<Vec<Entry>>,
    ) -> ControlFlow<(), Option<Level>> {
        let mut entries = match listing {
            Ok(entries) => entries,
            Err(error) => {
                self.unreadable(&path, &error)?;
                return ControlFlow::Continue(None);
            }
        };
        if let Some(own) = &self.options.own_folder {
            entries.retain(|entry| entry.name != *own);
        }
        if self.options.follows_links {
            follow(&path, &mut entries);
        }
        self.leave_out(&below_root, &mut entries)?;
        self.pass_over(&path, &place, &mut entries)?;
        let is_directory = |e: &&Entry| matches!(e.kind, EntryKind::Directory);
        let directories = entries.iter().filter(is_directory);
        let to_list: Vec<_> = directories.map(|e| path.join(&e.name)).collect();
        ControlFlow::Continue(Some(Level {
            path,
            below_root,
            place,
            to_list: to_list.into_iter(),
            entries: entries.into_iter(),
            listed: Vec::new().into_iter(),
        }))
    }

    /// Returns the real location of a folder, if the selection depends on it.
    fn place(&self, path: &Path) -> PathBuf {
        match self.options.wanted.is_everything() {
            true => PathBuf::new(),
            // A path that cannot be resolved is in no known layout.
            false => fs::canonicalize(path).unwrap_or_default(),
        }
    }

    /// Removes the folders that are excluded by their names.
    fn leave_out(&mut self, below_root: &Path, entries: &mut Vec<Entry>) -> ControlFlow<()> {
        let names = &self.options.names;
        let n_before = entries.len();
        entries.retain(|entry| {
            !entry.is_directory() || !names.leaves_out_folder(&below_root.join(&entry.name))
        });
        (entries.len()..n_before).try_for_each(|_| (self.visit)(Found::Excluded))
    }

    /// Removes the folders that contain nothing selected.
    fn pass_over(
        &mut self,
        path: &Path,
        place: &Path,
        entries: &mut Vec<Entry>,
    ) -> ControlFlow<()> {
        let wanted = &self.options.wanted;
        if wanted.is_everything() {
            return ControlFlow::Continue(());
        }
        let n_before = entries.len();
        entries.retain(|entry| match &entry.kind {
            EntryKind::Directory => wanted.may_lie_below(&place.join(&entry.name)),
            EntryKind::Followed(Ok(metadata)) if metadata.is_dir() => {
                wanted.may_lie_below(&self.place(&path.join(&entry.name)))
            }
            _ => true,
        });
        (entries.len()..n_before).try_for_each(|_| (self.visit)(Found::PassedOver))
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use expect_test::{Expect, expect};
    use tempfile::TempDir;

    use super::*;
    use crate::input::layout::Selection;
    use crate::input::source::identity;

    /// Creates a directory with these files (a name that ends in `/` is a directory), in this order.
    fn tree(names: &[&str]) -> TempDir {
        let tree = tempfile::tempdir().unwrap();
        for name in names {
            let path = tree.path().join(name);
            if name.ends_with('/') {
                fs::create_dir_all(path).unwrap();
            } else {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, name).unwrap();
            }
        }
        tree
    }

    /// Returns what the walk finds below these roots of a tree, up to `n_max` items.
    fn met(tree: &TempDir, roots: &[&str], options: &DiscoverOptions, n_max: usize) -> Vec<String> {
        let roots: Vec<Root> = roots
            .iter()
            .map(|r| Root::Path(tree.path().join(r)))
            .collect();
        let below = |path: &Path| format!("{:?}", path.strip_prefix(tree.path()).unwrap());
        let list_all = |paths: &[PathBuf]| paths.iter().map(|p| list(p)).collect();
        let mut met = Vec::new();
        let flow = discover(&roots, options, &list_all, &mut |found| {
            met.push(match found {
                Found::Source(source) => {
                    format!("{:?} {}", source.kind, below(&source.path)).replace('"', "")
                }
                Found::Defect { path, defect } => format!(
                    "{} {}: {}",
                    defect.code.name(),
                    below(&path),
                    defect.message
                )
                .replace('"', ""),
                Found::Link => "link".to_owned(),
                Found::PassedOver => "passed over".to_owned(),
                Found::Excluded => "excluded".to_owned(),
                Found::Repeated => "repeated".to_owned(),
            });
            if met.len() < n_max {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        });
        assert_eq!(
            flow.is_break(),
            met.len() == n_max,
            "it ends when it is told to"
        );
        met
    }

    #[track_caller]
    fn check(tree: &TempDir, roots: &[&str], follows_links: bool, expected: Expect) {
        let options = DiscoverOptions {
            wanted: Selection::default(),
            follows_links,
            own_files: Vec::new(),
            ..DiscoverOptions::default()
        };
        expected.assert_eq(&(met(tree, roots, &options, usize::MAX).join("\n") + "\n"));
    }

    #[test]
    fn the_order_is_that_of_the_paths_bytes_whatever_was_made_first() {
        let names = [
            "a/x", "a.json", "a-b/z", "a0", "a/b/c", "a/b.json", "a/b-", "B", "ä", "A/",
        ];
        let backwards: Vec<&str> = names.iter().rev().copied().collect();
        for names in [&names[..], &backwards] {
            check(
                &tree(names),
                &[""],
                false,
                expect![[r#"
                File B
                File a-b/z
                File a.json
                File a/b-
                File a/b.json
                File a/b/c
                File a/x
                File a0
                File ä
            "#]],
            );
        }
    }

    #[test]
    fn more_directories_than_are_listed_at_once_keep_their_order() {
        let mut names: Vec<String> = (0..3 * LISTED_AT_ONCE + 1)
            .map(|i| format!("{:03}/{}/x", i * 7 % 193, i % 3))
            .collect();
        let tree = tree(&names.iter().map(String::as_str).collect::<Vec<_>>());
        names.sort();
        let expected: Vec<String> = names.iter().map(|name| format!("File {name}")).collect();
        assert_eq!(
            met(&tree, &[""], &DiscoverOptions::default(), usize::MAX),
            expected
        );
    }

    #[test]
    fn a_tree_as_deep_as_paths_may_be_is_walked() {
        let tree = tempfile::tempdir().unwrap();
        let room = 4_080 - tree.path().as_os_str().len();
        let deep = "a/".repeat(room / 2) + "x";
        fs::create_dir_all(tree.path().join(&deep).parent().unwrap()).unwrap();
        fs::write(tree.path().join(&deep), "").unwrap();
        let found = met(&tree, &[""], &DiscoverOptions::default(), usize::MAX);
        // Deeper than the standard library can remove it, with an open file for each level.
        Command::new("rm")
            .arg("-r")
            .arg(tree.path().join("a"))
            .status()
            .unwrap();
        assert_eq!(found, [format!("File {deep}")]);
    }

    #[test]
    fn a_file_with_two_names_is_met_once() {
        let tree = tree(&["a", "b/", "c"]);
        fs::hard_link(tree.path().join("a"), tree.path().join("b/a")).unwrap();
        check(
            &tree,
            &[""],
            false,
            expect![[r#"
            File a
            repeated
            File c
        "#]],
        );
    }

    /// Creates links to a file, to a directory, to their own directory, to each other, and to nothing.
    fn linked() -> TempDir {
        let tree = tree(&["a.json", "real/x", "real/y", "z/"]);
        for (to, name) in [
            ("real", "a"),
            ("real/x", "b"),
            ("..", "z/loop"),
            ("nothing", "dangling"),
            ("self", "self"),
        ] {
            symlink(to, tree.path().join(name)).unwrap();
        }
        tree
    }

    #[test]
    fn a_link_is_counted_and_not_followed() {
        check(
            &linked(),
            &[""],
            false,
            expect![[r#"
            link
            File a.json
            link
            link
            File real/x
            File real/y
            link
            link
        "#]],
        );
        check(
            &linked(),
            &["a", "b"],
            false,
            expect![[r#"
            File a/x
            File a/y
            repeated
        "#]],
        );
    }

    #[test]
    fn each_file_behind_followed_links_is_met_once_in_the_order_of_the_paths() {
        check(
            &linked(),
            &[""],
            true,
            expect![[r#"
            File a.json
            File a/x
            File a/y
            repeated
            unreadable dangling: cannot be read: No such file or directory (os error 2)
            unreadable self: cannot be read: Too many levels of symbolic links (os error 40)
        "#]],
        );
    }

    #[test]
    fn roots_that_lie_in_each_other_give_each_file_once() {
        let tree = tree(&["a/b/x", "a/y"]);
        check(
            &tree,
            &["a/b", "a", "a/b/x", "a/b"],
            false,
            expect![[r#"
            File a/b/x
            repeated
            File a/y
            repeated
        "#]],
        );
    }

    #[test]
    fn pipes_and_sockets_are_told_and_a_pipe_that_was_typed_is_read() {
        let tree = tree(&["d/x"]);
        let pipe = tree.path().join("d/pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let _socket = UnixListener::bind(tree.path().join("d/socket")).unwrap();
        symlink("pipe", tree.path().join("d/z")).unwrap();
        check(
            &tree,
            &["d"],
            true,
            expect![[r#"
            not_a_file d/pipe: not read, since it is a pipe; name it as a root to read it
            not_a_file d/socket: not read, since it is a socket; name it as a root to read it
            File d/x
            not_a_file d/z: not read, since it is a pipe; name it as a root to read it
        "#]],
        );
        check(
            &tree,
            &["d/pipe", "d/z"],
            false,
            expect![[r#"
            Stream d/pipe
            Stream d/z
        "#]],
        );
    }

    #[test]
    fn what_is_not_there_or_may_not_be_listed_is_told() {
        let tree = tree(&["a/x", "b"]);
        check(
            &tree,
            &["c", "b/x", "b"],
            false,
            expect![[r#"
            unreadable c: cannot be read: No such file or directory (os error 2)
            unreadable b/x: cannot be read: Not a directory (os error 20)
            File b
        "#]],
        );
        fs::set_permissions(tree.path().join("a"), fs::Permissions::from_mode(0o000)).unwrap();
        if fs::read_dir(tree.path().join("a")).is_err() {
            check(
                &tree,
                &[""],
                false,
                expect![[r#"
                unreadable a: cannot be read: Permission denied (os error 13)
                File b
            "#]],
            );
        }
    }

    #[test]
    fn the_runs_own_files_are_passed_over_by_whatever_path() {
        let tree = tree(&["a", "b/", "c"]);
        fs::hard_link(tree.path().join("a"), tree.path().join("b/a")).unwrap();
        let own_files = vec![identity(&fs::metadata(tree.path().join("a")).unwrap())];
        let options = DiscoverOptions {
            wanted: Selection::default(),
            follows_links: false,
            own_files,
            ..DiscoverOptions::default()
        };
        assert_eq!(met(&tree, &["", "a"], &options, usize::MAX), ["File c"]);
    }

    #[test]
    fn the_folder_of_the_runs_own_files_is_not_walked_whatever_lies_in_it() {
        let tree = tree(&["a", "set/.own.tmp/0", "set/.own.tmp2/0", "set/b"]);
        let options = DiscoverOptions {
            own_folder: Some(".own.tmp".into()),
            ..DiscoverOptions::default()
        };
        assert_eq!(
            met(&tree, &[""], &options, usize::MAX),
            ["File a", "File set/.own.tmp2/0", "File set/b"]
        );
    }

    #[test]
    fn a_walk_that_is_broken_off_ends_there() {
        let tree = tree(&["a/b/c", "a/b/d", "a/e", "f"]);
        let all = met(&tree, &["", "f"], &DiscoverOptions::default(), usize::MAX);
        for n in 1..=all.len() {
            assert_eq!(
                met(&tree, &["", "f"], &DiscoverOptions::default(), n),
                all[..n]
            );
        }
    }

    #[test]
    fn a_name_that_is_no_utf8_is_kept_as_it_is() {
        use std::os::unix::ffi::OsStrExt as _;
        let tree = tempfile::tempdir().unwrap();
        let name = Path::new(std::ffi::OsStr::from_bytes(b"a\xff"));
        // Some file systems do not accept this name.
        if fs::write(tree.path().join(name), "").is_ok() {
            let roots = [Root::Path(tree.path().to_owned())];
            let list_all = |paths: &[PathBuf]| paths.iter().map(|p| list(p)).collect();
            let mut found = Vec::new();
            let flow = discover(
                &roots,
                &DiscoverOptions::default(),
                &list_all,
                &mut |item| {
                    found.push(item);
                    ControlFlow::Continue(())
                },
            );
            assert!(flow.is_continue());
            let [Found::Source(source)] = &found[..] else {
                panic!("{found:?}");
            };
            assert_eq!(
                (&*source.below_root, &source.path),
                (name, &tree.path().join(name))
            );
        }
    }
}
