//! Selects the files to read by their names.
//!
//! Excluded files are counted. By default only files are excluded that other programs are known to create
//! next to logs and that cannot contain logs.

use std::path::Path;

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

use crate::report::Member;

/// Files that other programs create next to logs: Finder's view settings of a folder, Hadoop's checksums and
/// its marker of a finished job, Athena's list of a result's columns, and macOS metadata of files in a zip
/// (AppleDouble).
pub const EXCLUDED_BY_DEFAULT: [&str; 5] = [
    ".DS_Store",
    ".*.crc",
    "_SUCCESS",
    "*.csv.metadata",
    "**/__MACOSX/**/._*",
];

/// Patterns of the names that are excluded and included.
///
/// A pattern without a slash matches the names of files and folders at any depth. One with a slash matches
/// paths below the root. Everything inside a matching folder is excluded or included too.
#[derive(Debug, Clone)]
pub struct Names {
    excluded: GlobSet,
    excluded_by_default: GlobSet,
    /// If `None`, everything is included.
    included: Option<GlobSet>,
    /// Description of the patterns, unless they are the default.
    words: Option<String>,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(&[], &[], true).expect("the default patterns are right")
    }
}

impl Names {
    /// Excludes what one of the first patterns matches. If there are `include` patterns, also excludes what
    /// none of them matches.
    ///
    /// # Errors
    ///
    /// Returns what is wrong with a pattern.
    pub fn new(exclude: &[String], include: &[String], has_defaults: bool) -> Result<Self, String> {
        let defaults = EXCLUDED_BY_DEFAULT.map(str::to_owned);
        let is_default = exclude.is_empty() && include.is_empty() && has_defaults;
        Ok(Self {
            excluded: set(exclude)?,
            excluded_by_default: match has_defaults {
                true => set(&defaults)?,
                false => GlobSet::empty(),
            },
            included: match include {
                [] => None,
                include => Some(set(include)?),
            },
            words: (!is_default).then(|| format!("{exclude:?} {include:?} {has_defaults}")),
        })
    }

    /// Returns a description of the patterns, equal for equal patterns. `None` if they are the default.
    #[must_use]
    pub fn words(&self) -> Option<&str> {
        self.words.as_deref()
    }

    /// Reports whether the walk skips a folder with this path below the root.
    #[must_use]
    pub fn leaves_out_folder(&self, below_root: &Path) -> bool {
        self.excluded.is_match(below_root)
    }

    /// Reports whether a file with this path below the root is excluded.
    #[must_use]
    pub fn leaves_out(&self, below_root: &Path) -> bool {
        self.excluded_by_default.is_match(below_root) || self.leaves_out_named(&[below_root])
    }

    /// Reports whether a file that the user named explicitly is excluded, by any of its paths. Only the
    /// user's own patterns apply to its name.
    #[must_use]
    pub fn leaves_out_named(&self, paths: &[&Path]) -> bool {
        let fits = |set: &GlobSet| paths.iter().any(|path| set.is_match(path));
        fits(&self.excluded) || !self.included.as_ref().is_none_or(fits)
    }

    /// Reports whether an entry of an archive is excluded. The patterns that include files do not apply to
    /// entries inside an archive.
    #[must_use]
    pub fn leaves_out_entry(&self, member: Option<&Member>) -> bool {
        let Some(member) = member else {
            return false;
        };
        let mut paths = member.path.split('!');
        // A name may itself contain a `!`. Then it is unclear which part is whose name.
        let is_sure = paths.clone().count() == member.index.len();
        is_sure
            && paths
                .any(|path| self.excluded_by_default.is_match(path) || self.excluded.is_match(path))
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, String> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        let trimmed = pattern.trim_matches('/');
        let is_path = pattern.trim_end_matches('/').contains('/');
        let start = if is_path { "" } else { "**/" };
        for form in [format!("{start}{trimmed}"), format!("{start}{trimmed}/**")] {
            let mut glob = GlobBuilder::new(&form);
            let glob = glob.literal_separator(true).build();
            set.add(glob.map_err(|error| format!("{pattern}: {}", error.kind()))?);
        }
    }
    set.build().map_err(|error| error.to_string())
}

/// Checks that a pattern is valid.
///
/// # Errors
///
/// Returns what is wrong with it.
pub fn check(pattern: &str) -> Result<String, String> {
    if pattern.trim_matches('/').is_empty() {
        return Err("a pattern is needed, such as '*.csv'".to_owned());
    }
    set(&[pattern.to_owned()]).map(|_| pattern.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(exclude: &[&str], include: &[&str]) -> Names {
        let owned = |all: &[&str]| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        Names::new(&owned(exclude), &owned(include), true).unwrap()
    }

    #[test]
    fn a_pattern_with_a_slash_is_of_paths_and_one_without_of_names() {
        for (pattern, path, fits) in [
            ("*.csv", "a.csv", true),
            ("*.csv", "x/y/a.csv", true),
            ("*.csv", "a.csv.gz", false),
            ("old", "old/a/b", true),
            ("old", "x/old/b", true),
            ("old/", "x/old/b", true),
            ("old", "older", false),
            ("x/*.csv", "x/a.csv", true),
            ("x/*.csv", "y/x/a.csv", false),
            ("x/*.csv", "x/y/a.csv", false),
            ("/x", "x/y/a.csv", true),
            ("/x", "y/x/a.csv", false),
            ("**/2019/**", "a/2019/01/b", true),
            ("a[0-9].{json,gz}", "p/a7.gz", true),
            ("A.csv", "a.csv", false),
        ] {
            let is_out = names(&[pattern], &[]).leaves_out(Path::new(path));
            assert_eq!(is_out, fits, "{pattern} {path}");
            let is_out = names(&[], &[pattern]).leaves_out(Path::new(path));
            assert_eq!(is_out, !fits, "{pattern} {path}");
        }
        assert!(check("a[").is_err());
        assert!(check("/").is_err());
        assert!(check("*.csv").is_ok());
    }

    #[test]
    fn what_can_hold_no_events_is_left_out_and_nothing_that_could() {
        let default = Names::default();
        for path in [
            ".DS_Store",
            "x/.DS_Store",
            "x/.part-0.json.crc",
            "x/_SUCCESS",
            "x/0a1b.csv.metadata",
            "x/__MACOSX/logs/._a.json",
            "__MACOSX/._a.json",
        ] {
            assert!(default.leaves_out(Path::new(path)), "{path}");
            assert!(!default.leaves_out_named(&[Path::new(path)]), "{path}");
        }
        for path in [
            "x/DS_Store",
            "part-0.json.crc",
            "x/_SUCCESS.json",
            "x/0a1b.csv",
            "metadata",
            "._a.json",
            "__MACOSX/a.json",
            ".hidden.json",
            "_delta_log/0.json",
        ] {
            assert!(!default.leaves_out(Path::new(path)), "{path}");
        }
        assert_eq!(default.words(), None);
        assert!(names(&["x"], &[]).words().is_some());
    }

    #[test]
    fn an_entry_is_left_out_by_its_path_in_each_archive() {
        let member = |path: &str, n_deep: usize| Member {
            index: vec![0; n_deep],
            path: path.to_owned(),
        };
        let names = names(&["*.tar"], &["*.zip"]);
        for (path, n_deep, is_out) in [
            ("a.json", 1, false),
            ("x/.DS_Store", 1, true),
            ("b.tar!a.json", 2, true),
            ("b.zip!x/.DS_Store", 2, true),
            // One file whose name contains a `!`.
            ("b.tar!a.json", 1, false),
        ] {
            let member = member(path, n_deep);
            assert_eq!(names.leaves_out_entry(Some(&member)), is_out, "{path}");
        }
        assert!(!names.leaves_out_entry(None));
    }
}
