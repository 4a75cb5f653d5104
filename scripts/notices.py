#!/usr/bin/env python3
"""Writes the licences of everything that is linked into the program: third-party notices for a release.

usage: scripts/notices.py [--target TRIPLE] [--output FILE]

The crates are those that `cargo tree` lists for the program with its default features, without what is only compiled to
build it. Of each the licence files are taken that its package has, also those of the C libraries that it contains. A
crate without any gets the text that other crates have for the same licence. It is an error if a licence is not one of
ALLOWED, or if a text is missing.

cargo-about would do the same, but has to be compiled (some minutes), and reads no licences of C libraries.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
#: Licences that allow to hand on a program with the notice alone.
ALLOWED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "CDLA-Permissive-2.0", "ISC", "MIT", "MIT-0", "Unicode-3.0", "Unlicense", "Zlib", "bzip2-1.0.6",
}  # fmt: skip
LICENCE_FILE = re.compile(r"(?i)^(un)?(licen[cs]e|copying|copyright|notice)([-_. ].*)?$")
#: Folders of a package whose files are not part of the program.
NOT_LINKED = {"tests", "test", "testdata", "benches", "examples", "fuzz", "target", "doc", "docs"}
#: A text of more is no licence but a list of other things.
FILE_BYTES_MAX = 200_000
HEAD = """\
Third-party notices of trailsift

The program contains the crates below, under these licences. Where a crate offers a choice, its texts are all here.
It also contains parts of Rust's standard library (MIT or Apache-2.0, copyright the Rust project contributors){zig}.
The detection rule is under the Elastic License 2.0: see NOTICE.
"""


def linked(target: str) -> list[dict]:
    """The packages that are linked into the program, sorted by name."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--filter-platform", target]
    metadata = json.loads(subprocess.run(command, cwd=REPOSITORY, capture_output=True, check=True).stdout)
    packages = {(package["name"], package["version"]): package for package in metadata["packages"]}
    command = ["cargo", "tree", "--locked", "--edges", "normal,no-proc-macro", "--target", target, "--prefix", "none"]
    tree = subprocess.run([*command, "--format", "{p}"], cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout
    names = {tuple(re.match(r"(\S+) v(\S+)", line).groups()) for line in tree.splitlines() if line}
    names = {name for name in names if name[0] != "trailsift"}
    return [packages[name] for name in sorted(names)]


def licences(package: dict) -> set[str]:
    """The licences that the package names, each by its SPDX identifier."""
    expression = (package["license"] or "").replace("/", " OR ")
    return {part.strip() for part in re.split(r"\bOR\b|\bAND\b|[()]", expression) if part.strip()}


def choices(expression: str) -> list[set[str]]:
    """What each choice consists of. No crate nests choices deeper than `(a OR b) AND c`."""
    parts = [part.strip(" ()") for part in re.split(r"\bAND\b(?![^(]*\))", expression.replace("/", " OR "))]
    found: list[set[str]] = [set()]
    for part in parts:
        found = [chosen | {p.strip() for p in option.split(" AND ")} for chosen in found for option in part.split(" OR ")]
    return found


def texts(package: dict) -> list[tuple[str, str]]:
    """The licence files of a package: their names and their texts."""
    folder = pathlib.Path(package["manifest_path"]).parent
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if NOT_LINKED.isdisjoint(name.parts[:-1]) and LICENCE_FILE.match(path.name) and path.is_file():
            if path.suffix not in (".rs", ".c", ".h", ".py", ".sh", ".toml", ".html") and path.stat().st_size <= FILE_BYTES_MAX:
                text = path.read_text(errors="replace").strip()
                if text and not NOT_CHOSEN.search(text[:300]):
                    found.append((name.as_posix(), re.sub(r"[ \t]+$", "", text.expandtabs(), flags=re.M)))
    return found


#: What the texts of the licences contain that crates most often name without having a file.
WORDS = {
    "Apache-2.0": "Apache License Version 2.0, January 2004",
    "BSD-3-Clause": "Neither the name of",
    "MIT": "Permission is hereby granted, free of charge",
}
#: Offered as a choice, or for tools and documents that are not linked: zstd's COPYING, xz's COPYING.GPLv2.
NOT_CHOSEN = re.compile(r"GNU (LESSER )?GENERAL PUBLIC LICENSE")


def kind(text: str) -> str | None:
    """The licence of WORDS that a text alone is."""
    found = [licence for licence, words in WORDS.items() if words in text.replace("License,", "License")]
    return found[0] if len(found) == 1 else None


def without_owner(text: str) -> str:
    """The text of a licence without the lines that say who has the copyright."""
    return re.sub(r"(?mi)^\s*copyright (\(c\)|©|\d).*\n?", "", text).strip()


def render(packages: list[dict], target: str) -> tuple[str, list[str]]:
    """The notices, and what is wrong."""
    wrong = []
    users: dict[str, list[str]] = collections.defaultdict(list)
    # Texts that differ in their spaces alone are one.
    same: dict[str, str] = {}
    standard: dict[str, str] = {}
    without = []
    rows = []
    for package in packages:
        name = f"{package['name']} {package['version']}"
        rows.append(f"{name:40} {package['license']}")
        if not any(choice <= ALLOWED for choice in choices(package["license"] or "")):
            wrong.append(f"{name}: its licence is {package['license']}")
        found = texts(package)
        for path, text in found:
            words = " ".join(text.split())
            users[same.setdefault(words, text)].append(f"{name}: {path}")
            if of := kind(words):
                standard.setdefault(of, without_owner(text))
        if not found:
            without.append((name, package))
    for name, package in without:
        of = next((of for of in WORDS if of in licences(package) and of in standard), None)
        if of is None:
            wrong.append(f"{name}: its package has no licence file, and {package['license']} has no text here")
        else:
            authors = ", ".join(package["authors"]) or f"the authors of {package['name']}"
            users[standard[of]].append(f"{name}: {of}, copyright {authors}; its package has no licence file")
    parts = [HEAD.format(zig=", and of Zig's (MIT)" if "linux" in target else ""), "\n".join(rows), ""]
    for text, names in sorted(users.items(), key=lambda item: item[1][0]):
        parts += ["=" * 80, *sorted(names), "-" * 80, text, ""]
    return "\n".join(parts), wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="x86_64-unknown-linux-gnu")
    parser.add_argument("--output", type=pathlib.Path, default=None)
    args = parser.parse_args()
    packages = linked(args.target)
    text, wrong = render(packages, args.target)
    for line in wrong:
        print(f"FAILED: {line}", file=sys.stderr)
    if args.output:
        args.output.write_text(text)
        print(f"{args.output}: {len(packages)} crates, {len(text)} bytes")
    else:
        print(text)
    return 1 if wrong or not packages else 0


if __name__ == "__main__":
    sys.exit(main())
