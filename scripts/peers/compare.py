#!/usr/bin/env python3
"""Runs trailsift and its peers over the same corpora, and says what each finds, misses and takes.

Start it with scripts/peers.sh, which installs the peers. Every peer is a command line whose output is the ids of
the events that it finds or, of one that searches text, the paths of the files. A file without an alert is then
false, and a file counts once, whatever is in it.

The first run of a command is checked against the list of what was planted and warms the page cache. If it takes
over 20 s, its time is the result; else the median of the runs that follow is. Times are of whole processes, as one
types them; for Python's libraries `start-up` tells how much of that goes by before the first file is opened.
All may use the same cores, and as many threads.
"""

import argparse
import csv
import functools
import gzip
import importlib.metadata
import json
import os
import pathlib
import platform
import shlex
import shutil
import statistics
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = pathlib.Path(sys.executable).parent
NEEDLE = "AWSCompromisedKeyQuarantine"
ALERTS = "target/peers.alerts.parquet"
# What a peer looks at.
TEXT, SOME, ALL = "text has the name", "parsed if the text has the name or \\u00", "all parsed"
SLOW = 20.0
# Of a searcher that found nothing, and of xargs when that is what a command of its said.
NOTHING_FOUND = {1, 123}
COLUMNS = [
    *("peer", "version", "corpus", "command", "seconds", "ratio", "found", "missed", "false"),
    *("cores", "cpu", "kernel", "startup"),
]


@dataclass
class Peer:
    """A tool used in one way. `missing` says how to get what it needs, if that is not there."""

    name: str
    version: str
    what: str
    finds: str
    command: str
    start: str = ""
    missing: str = ""


def relative(path):
    """As seen from the repository, where all commands run: no path of this machine is printed."""
    return os.path.relpath(path, REPOSITORY)


def first_line(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0]


def version_of(program):
    """The first word of what it says that begins with a digit: "15.1.0 (rev …)", "zgrep (gzip) 1.12", "jq-1.6"."""
    return next(word for word in first_line(program, "--version").replace("-", " ").split() if word[0].isdigit())


def command_line_peers(cores):
    """Those that are programs. {corpus} stands for its folder."""
    hints = {
        "rg": "apt-get install ripgrep, or cargo install ripgrep",
        "jq": "apt-get install jq",
        "gzip": "apt-get install gzip",
        "zgrep": "apt-get install gzip",
    }
    found = {tool: shutil.which(tool) or shutil.which(tool, path=BIN) for tool in hints}
    versions = {tool: version_of(path) for tool, path in found.items() if path}
    in_venv = found["rg"] and pathlib.Path(found["rg"]).parent == BIN
    rg = f"{relative(found['rg']) if in_venv else 'rg'} -z -uu --threads {cores} --files-with-matches"
    find = "find {corpus} -type f -print0"
    xargs = f"xargs -0 -r -P {cores}"
    jq = "sh -c 'gzip -dc \"$@\" | jq -r --unbuffered -f scripts/peers/attached.jq' -"
    for name, tools, what, finds, command in [
        ("rg", ["rg"], TEXT, "files", f"{rg} -F {NEEDLE} {{corpus}}"),
        ("rg, jq", ["rg", "jq"], SOME, "events", f"{rg} -0 '{NEEDLE}|\\\\u00' {{corpus}} | {xargs} -n 8 {jq}"),
        ("zgrep", ["zgrep"], TEXT, "files", f"{find} | {xargs} -n 50 zgrep -lF {NEEDLE}"),
        ("gzip, jq", ["gzip", "jq"], ALL, "events", f"{find} | {xargs} -n 50 {jq}"),
    ]:
        missing = "; ".join(f"{tool} not found: {hints[tool]}" for tool in tools if not found[tool])
        version = ", ".join(versions.get(tool, "none") for tool in tools)
        yield Peer(name, version, what, finds, command, missing=missing)


def python_peers(cores):
    """Those that are libraries of Python, each in the three ways of engines.py."""
    for engine, package, reads_lines, reads_json in [
        ("duckdb", "duckdb", "read_csv", "read_json"),
        ("clickhouse", "chdb", "LineAsString", "LineAsString"),
        ("polars", "polars", "scan_lines", "scan_ndjson"),
        ("python", None, "gzip", "gzip, json"),
    ]:
        version, missing = platform.python_version(), ""
        if package:
            try:
                version = importlib.metadata.version(package)
                version = version if package == engine else f"{package} {version}"
            except importlib.metadata.PackageNotFoundError:
                version, missing = "none", f"not found: pip install {package}"
        command = f"{relative(sys.executable)} scripts/peers/engines.py {engine}-{{}} {cores}"
        for way, what, finds in [
            ("lines", f"{reads_lines}: {TEXT}", "files"),
            ("filtered", f"{reads_lines}: {SOME}", "events"),
            ("json", f"{reads_json}: {ALL}", "events"),
        ]:
            hunt = f"{command.format(way)} {{corpus}}"
            yield Peer(f"{engine}, {way}", version, what, finds, hunt, command.format("lines"), missing)


def run(command):
    """Seconds and lines of output; an error is raised with the last line of what the command said."""
    begin = time.perf_counter()
    done = subprocess.run(["bash", "-c", command], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begin
    said = done.stderr.strip().split("\n")[-1]
    if done.returncode != 0 and (said or done.returncode not in NOTHING_FOUND):
        raise RuntimeError(said or f"exit code {done.returncode}")
    return seconds, done.stdout.splitlines()


@functools.cache  # an engine starts the same way whatever it then does
def start_up(command, runs):
    return measure(command, runs)[0]


def measure(command, runs):
    """The seconds it takes, and what it found the first time."""
    seconds, found = run(command)
    if seconds <= SLOW:
        seconds = statistics.median(run(command)[0] for _ in range(runs))
    return seconds, found


def alerts():
    """The ids of the events in the file that trailsift wrote, read by DuckDB, which has nothing of ours."""
    try:
        import duckdb
    except ImportError:
        sys.exit("DuckDB reads what trailsift found, and it could not be installed")
    return [row[0] for row in duckdb.execute("SELECT event_id FROM read_parquet($1)", [ALERTS]).fetchall()]


def planted_list(corpus):
    return corpus.with_name(f"{corpus.name}.planted.ndjson")


def planted(corpus):
    """What must be found, by what a peer finds: how often each event and file, and the variant that each is."""
    plants = [json.loads(line) for line in planted_list(corpus).read_text(encoding="utf-8").splitlines()]
    matches = [plant for plant in plants if plant["kind"] == "match"]
    events = Counter({plant["event_id"]: plant["sightings"] for plant in matches})
    variants = {plant["event_id"]: plant["variant"] for plant in matches}
    files = {plant["file"]: plant["variant"] for plant in matches}
    # The list has an event's first place only: its second delivery is looked for.
    twice = [plant for plant in matches if plant["sightings"] > 1]
    for path in corpus.rglob("*.gz") if twice else ():
        text = gzip.decompress(path.read_bytes())
        for plant in twice:
            if plant["event_id"].encode() in text:
                files.setdefault(str(path.relative_to(corpus)), plant["variant"])
    return {"events": (events, variants), "files": (Counter(files.keys()), files)}


def verdict(found, expected, variants):
    """How many of what must be found were, how many of each variant were not, and how many should not have been."""
    found = Counter(found)
    missed = Counter()
    for key, count in (expected - found).items():
        missed[variants[key]] += count
    return (found & expected).total(), missed, (found - expected).total()


def compare(corpus, peers, runs, machine):
    """Compares on one corpus: the rows of the table and of the CSV file. The first peer is trailsift."""
    expected = planted(corpus)
    table, rows = [], []
    ours = None
    for peer in peers:
        row = dict.fromkeys(COLUMNS, "") | {"peer": peer.name, "version": peer.version, "corpus": corpus.name} | machine
        rows.append(row)
        if peer.missing:
            row["version"] = "not found"
            table.append([peer.name, peer.version, peer.missing])
            continue
        row["command"] = peer.command.format(corpus=shlex.quote(relative(corpus)))
        print(f"$ {row['command']}", file=sys.stderr, flush=True)
        try:
            seconds, found = measure(row["command"], runs)
            start = f"{start_up(peer.start, runs):.3f}" if peer.start else ""
        except RuntimeError as error:
            if ours is None:
                sys.exit(f"trailsift: {error}")
            table.append([peer.name, peer.version, f"failed: {error}"])
            continue
        if ours is None:
            ours, found = seconds, alerts()
        if peer.finds == "files":
            found = [os.path.relpath(path, corpus) for path in found]
        right, missed, wrong = verdict(found, *expected[peer.finds])
        row |= {"seconds": f"{seconds:.3f}", "ratio": f"{seconds / ours:.2f}", "startup": start}
        row |= {"found": right, "missed": missed.total(), "false": wrong}
        variants = ", ".join(f"{count} {variant}" for variant, count in missed.items())
        table.append(
            [peer.name, peer.version, peer.what, row["seconds"], start, f"{seconds / ours:.1f}"]
            + [f"{right} {peer.finds}", variants or "0", str(wrong)]
        )
    return table, rows


def print_table(table):
    head = ["peer", "version", "what it does", "seconds", "start-up", "ratio", "found", "missed", "false"]
    # What a row says in place of results may be longer than its column.
    widths = [max(len(row[i]) for row in [head, *table] if i < 2 or len(row) > 3) for i in range(len(head))]
    for row in [head, ["-" * width for width in widths], *table]:
        cells = enumerate(zip(row, widths))
        print("  ".join(f"{cell:{'>' if i in (3, 4, 5) else '<'}{width}}" for i, (cell, width) in cells).rstrip())
    print()


def cpu():
    info = pathlib.Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def corpus_folder(name):
    """The folder of a corpus, made if it is one that scripts/corpora.sh knows."""
    if "/" in name:
        corpus = pathlib.Path(name).absolute()
    else:
        if subprocess.run(["scripts/corpora.sh", name], cwd=REPOSITORY, stdout=sys.stderr, check=False).returncode:
            sys.exit(2)
        corpus = REPOSITORY / "target" / "corpora" / name
    if any(path.is_file() and path.suffix != ".gz" for path in corpus.rglob("*")):
        sys.exit(f"{name}: not all of its files are gzip files, and the peers read no other")
    if not planted_list(corpus).exists():
        sys.exit(f"{name}: the list of what was planted is not beside it")
    return corpus


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/peers.sh", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "corpus",
        nargs="*",
        default=["tree", "tiny"],
        help="one that scripts/corpora.sh makes of deliveries in gzip files, or the path, with a slash in it, of one"
        " that `trailsift synth` made; tree and tiny unless given",
    )
    parser.add_argument("--runs", type=int, default=3, help="how often each is timed (3)")
    parser.add_argument("--cores", type=int, help="how many cores and threads they may use (all)")
    parser.add_argument("--csv", type=pathlib.Path, help="also write the table to this file")
    parser.add_argument("--only", default="", help="only peers with this in their names, beside trailsift")
    parser.add_argument(
        "--program", type=pathlib.Path, default=REPOSITORY / "target/release/trailsift", help="another trailsift"
    )
    return parser.parse_args()


def main():
    options = arguments()
    allowed = sorted(os.sched_getaffinity(0))
    cores = min(options.cores or len(allowed), len(allowed))
    os.sched_setaffinity(0, allowed[:cores])  # all that is started from here inherits it
    corpora = [corpus_folder(name) for name in options.corpus]
    csv_file = options.csv and options.csv.absolute()
    os.chdir(REPOSITORY)

    program = relative(options.program.absolute())
    hunt = f"{shlex.quote(program)} hunt --quiet --threads {cores} -o {ALERTS} {{corpus}}"
    version = first_line(options.program.absolute(), "--version").split()[1]
    peers = [Peer("trailsift", version, "the rule; Parquet written", "events", hunt)]
    peers += [p for p in [*command_line_peers(cores), *python_peers(cores)] if options.only in p.name]

    machine = {"cores": cores, "cpu": cpu(), "kernel": platform.release()}
    print(f"{cores} cores of {machine['cpu']}, Linux {machine['kernel']}; median of {options.runs} runs\n")
    every = []
    for corpus in corpora:
        table, rows = compare(corpus, peers, options.runs, machine)
        print(f"{corpus.name}: {sum(1 for path in corpus.rglob('*.gz')):,} files")
        print_table(table)
        every += rows
    if csv_file:
        with csv_file.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(every)
    if any(row["peer"] == "trailsift" and (row["missed"], row["false"]) != (0, 0) for row in every):
        sys.exit("trailsift itself found something else than what was planted")


if __name__ == "__main__":
    main()
