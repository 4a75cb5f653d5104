#!/usr/bin/env python3
"""Runs two programs over the same archives and compares all that they give: outputs byte by byte, reports, what they
say on standard error, exit codes, ledgers and cases. For a change that must not be seen from outside.

usage: scripts/same_as_before.py BEFORE AFTER [--cases FOLDER]

It goes over the sample archive, a generated archive of each shape and compression, one with a story, and the input of
each hard case, if there are any. What differs from run to run is taken out first: times, durations and the run's id.
Exits with 1 if anything else differs.
"""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SHAPES = ["delivery", "ndjson", "pretty", "concatenated", "array"]
COMPRESSIONS = ["none", "gzip", "zstd"]

# What differs from run to run, on standard error and in JSON.
VOLATILE = [
    (re.compile(rb'"(run_id|started_at|elapsed_ms)":\s*("[^"]*"|[\d.]+)'), rb'"\1":0'),
    (re.compile(rb"\b[0-9a-f]{32}\b"), b"RUN"),
    (re.compile(rb"\d+(\.\d+)?\s?(ms|s|min|h|[KMG]i?B/s|B/s)\b"), b"N"),
]


def settled(text):
    for pattern, replacement in VOLATILE:
        text = pattern.sub(replacement, text)
    return text


def run(program, folder, *arguments):
    """What a run gives: its exit code, what it printed, and each file that it wrote."""
    command = [program, *map(str, arguments)]
    done = subprocess.run(command, cwd=folder, capture_output=True, check=False)
    files = {}
    for path in sorted(folder.rglob("*")):
        # A ledger has times in it; what it says shows in what the next run does.
        if path.is_file() and not path.name.startswith("ledger"):
            files[str(path.relative_to(folder))] = path.read_bytes()
    return done.returncode, settled(done.stdout), settled(done.stderr), files


def without_run_id(files):
    """Parquet has the run's id in its footer, and JSON has more that is of one run."""
    ids = re.compile(rb"\b[0-9a-f]{32}\b")
    found = {}
    for name, content in files.items():
        if name.endswith((".json", ".ndjson", ".html", ".md", ".csv")):
            content = settled(content)
        elif name.endswith(".parquet"):
            ours = [one for one in ids.findall(content) if content.count(one) == 1]
            at = content.rfind(b"run_id")
            content = ids.sub(lambda one: b"0" * 32 if one.start() > at > 0 and one[0] in ours else one[0], content)
        found[name] = content
    return found


def hunts(archive):
    """The commands that an archive is hunted with, one after the other in one folder."""
    usual = ["hunt", "--threads", "2", archive]
    yield "parquet", [[*usual, "-o", "a.parquet", "--report", "r.json"]]
    yield "ndjson", [[*usual, "--format", "ndjson", "-o", "a.ndjson", "--related", "b.ndjson", "--report", "r.json"]]
    yield "read, one thread", [["hunt", "--threads", "1", "--no-mmap", archive, "--schema", "ecs", "-o", "a.ndjson"]]
    yield "dataset", [[*usual, "--partition-by", "account", "-o", "set"]]
    again = [*usual, "--state", "ledger", "--report", "r.json"]
    yield "ledger", [[*again, "-o", "a.parquet"], [*again, "-o", "b.parquet"], [*usual, "--state", "ledger", "--related", "c", "-o", "d"]]
    yield "filters", [[*usual, "--since", "2023-06-01", "--until", "2024-01-01", "--account", "111122223333", "-o", "a.ndjson"]]


def compare(before, after, name, commands):
    """How many of the commands give something else, which is printed."""
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        folders = [pathlib.Path(one), pathlib.Path(other)]
        for command in commands:
            given = [run(program, folder, *command) for program, folder in zip((before, after), folders)]
            given = [(code, out, err, without_run_id(files)) for code, out, err, files in given]
            if given[0] == given[1]:
                continue
            what = [part for part, old, new in zip(("exit code", "stdout", "stderr"), *given) if old != new]
            names = sorted(given[0][3].keys() | given[1][3].keys())
            what += [one for one in names if given[0][3].get(one) != given[1][3].get(one)]
            print(f"DIFFERS {name}: {', '.join(what)}: {' '.join(map(str, command))}")
            if given[0][2] != given[1][2]:
                print(given[0][2].decode(errors="replace"), "---", given[1][2].decode(errors="replace"), sep="\n")
            return 1
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("before", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("after", type=lambda path: str(pathlib.Path(path).resolve()))
    parser.add_argument("--cases", type=pathlib.Path, default=REPOSITORY.parent / "shared/cases")
    args = parser.parse_args()
    n_run = n_other = 0

    def check(name, commands):
        nonlocal n_run, n_other
        n_run += 1
        n_other += compare(args.before, args.after, name, commands)

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        archives = {"sample": REPOSITORY / "data/trail"}
        for shape in SHAPES:
            for compression in COMPRESSIONS:
                archives[f"{shape} {compression}"] = folder / f"{shape}-{compression}"
                options = ["--files", "30", "--matches", "10", "--near-misses", "14", "--shape", shape]
                made = [args.before, "synth", *options, "--compression", compression, folder / f"{shape}-{compression}"]
                subprocess.run(made, check=True, capture_output=True)
        archives["one large file"] = folder / "large"
        options = ["--files", "1", "--records-per-file", "40000", "--density", "0.01", "--near-miss-density", "0.01"]
        made = [args.before, "synth", *options, "--compression", "none", folder / "large"]
        subprocess.run(made, check=True, capture_output=True)
        for name, archive in archives.items():
            for how, commands in hunts(archive):
                check(f"{name}, {how}", commands)
        story = folder / "story"
        made = [args.before, "synth", "--scenario", "leaked-key", story]
        subprocess.run(made, check=True, capture_output=True)
        check("story, plan", [["plan", "--output", "m.parquet", story], ["hunt", "--dry-run", story]])
        for options in ([], ["--threads", "1", "--max-hops", "1"]):
            investigate = ["investigate", *options, "-o", "case", "a.ndjson", story]
            check(f"story {options}", [["hunt", story, "--format", "ndjson", "-o", "a.ndjson"], investigate])
        cases = sorted(args.cases.glob("*/input")) if args.cases.is_dir() else []
        for case in cases:
            usual = ["hunt", case, "--format", "ndjson", "-o", "a.ndjson", "--related", "b.ndjson", "--report", "r.json"]
            check(f"case {case.parent.name}", [usual, ["hunt", "--threads", "1", case, "-o", "a.parquet"]])
    print(f"{n_run} comparisons, {n_other} differ")
    return 1 if n_other else 0


if __name__ == "__main__":
    sys.exit(main())
