//! `trailsift --version --verbose`.

use std::env::consts::{ARCH, OS};
use std::ffi::OsStr;
use std::fmt::Write as _;

use trailsift::rule::Rule;

/// The commit that the program was built from. A release build sets it; without it nothing is built anew for a commit.
const COMMIT: Option<&str> = option_env!("TRAILSIFT_COMMIT");

/// The Cargo features, and whether the program has them.
const FEATURES: [(&str, bool); 4] = [
    ("aws-config", cfg!(feature = "aws-config")),
    ("cloud", cfg!(feature = "cloud")),
    ("ledger", cfg!(feature = "ledger")),
    ("page", cfg!(feature = "page")),
];

/// Returns whether the command line requests the version with its details: `--version --verbose`, and nothing else.
pub(super) fn is_verbose_requested() -> bool {
    is_verbose(std::env::args_os().skip(1))
}

fn is_verbose<A: AsRef<OsStr>>(args: impl IntoIterator<Item = A>) -> bool {
    let (mut version, mut verbose) = (false, false);
    for arg in args {
        match arg.as_ref().to_str() {
            Some("-V" | "--version") => version = true,
            Some("-v" | "--verbose") => verbose = true,
            Some("-Vv" | "-vV") => (version, verbose) = (true, true),
            _ => return false,
        }
    }
    version && verbose
}

/// Returns the version and what the program was built from.
pub(super) fn details() -> String {
    let libc = if cfg!(target_env = "gnu") {
        "-gnu"
    } else if cfg!(target_env = "musl") {
        "-musl"
    } else if cfg!(target_env = "msvc") {
        "-msvc"
    } else {
        ""
    };
    let features = FEATURES.iter().filter(|(_, has)| *has);
    let features = features.map(|(name, _)| *name).collect::<Vec<_>>();
    let features = if features.is_empty() {
        "none".to_owned()
    } else {
        features.join(", ")
    };
    let rule = Rule::quarantine().metadata;
    let mut text = format!("trailsift {}\n", env!("CARGO_PKG_VERSION"));
    for (name, value) in [
        ("commit", COMMIT.unwrap_or("not recorded by this build")),
        ("target", &format!("{ARCH}-{OS}{libc}")),
        ("features", &features),
        (
            "rule",
            &format!("{}, version {}", rule.rule_id, rule.version),
        ),
    ] {
        // Writing to a string does not fail.
        writeln!(text, "{name:11} {value}").ok();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_need_both_options_and_no_other_argument() {
        for args in [
            &["--version", "--verbose"][..],
            &["--verbose", "--version"],
            &["-V", "-v"],
            &["-vV"],
        ] {
            assert!(is_verbose(args), "{args:?}");
        }
        for args in [
            &[][..],
            &["--version"],
            &["-V", "-V"],
            &["--verbose"],
            &["hunt", "--version", "--verbose"],
            &["--version", "--verbose", "data/trail"],
        ] {
            assert!(!is_verbose(args), "{args:?}");
        }
    }
}
