#!/usr/bin/env python3
"""Runs trailsift and the bare programs in turn, and tells the ratios of their times and what memory they take.

Start it with scripts/limits.sh, which builds both and makes the corpora. Times are of whole processes, with the
page cache warm; a ratio is of the two medians. Memory is RssAnon, looked at each millisecond.
"""

import argparse
import csv
import datetime
import hashlib
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
OURS = "target/release/trailsift"
BARE = "target/release/examples/bare"
CORPORA = pathlib.Path("target/corpora")
OUTPUT = pathlib.Path("target/limits")
COLUMNS = ["point", "what", "threads", "bare", "ours", "unit", "value", "aim", "limit", "met", "bare_command", "our_command"]
MET = COLUMNS.index("met")
ABOUT = ["date", "cpu", "cores", "kernel", "rustc", "trailsift"]


@dataclass
class Ratio:
    """A corpus, the bare program that does the least of it, and how many times as long a hunt may take.

    `target` is what was aimed at, where `limit` is above it since it was not reached: benches/README.md says why.
    """

    point: str
    what: str
    mode: str
    corpus: str
    limit: float
    n_runs: int = 15
    target: float | None = None


RATIOS = [
    Ratio("1", "delivery tree", "tree", "tree", 1.08, 31),
    Ratio("2", "tiny files", "inflate", "tiny", 1.2, 21),
    # Beside the ratios to what only decodes, those to what searches and counts as well.
    Ratio("2", "tiny files, the bare one searches", "tree", "tiny", 1.2, 21),
    Ratio("3", "one NDJSON file, mapped", "map", "ndjson", 1.15, 21),
    Ratio("4", "many zstd files", "zstd", "zstd", 1.08, 31),
    Ratio("4", "one zstd file, frames of 4 MB", "zstd", "lines", 1.25, 31, target=1.08),
    Ratio("4", "one zstd file, each delivery a frame", "zstd", "frames", 1.3, 31, target=1.08),
    Ratio("4", "many zstd files, the bare one searches", "zstd-search", "zstd", 1.08, 31),
    Ratio("4", "frames of 4 MB, the bare one searches", "zstd-search", "lines", 1.25, 31, target=1.08),
    Ratio("4", "frames, the bare one searches", "zstd-search", "frames", 1.3, 31, target=1.08),
    # At most 1 / 0.95 of the time is at least 0.95 of the speed.
    Ratio("5", "one gzip member of 2 GB", "gzip", "gzip", 1 / 0.95, 5),
    Ratio("5", "many members, against one stream", "gzip", "members", 0.55, 5),
    Ratio("5", "many members, side by side", "members", "members", 1.25, target=1 / 0.95),
    Ratio("6", "1 % of the records hold the name", "parse", "one", 2.0),
    Ratio("6", "all records hold the name", "parse", "near", 2.0),
    Ratio("6", "all records are alerts", "parse", "all", 16, 5, target=2.0),
    # Beside it the ratio to what hashes and compresses the records as well.
    Ratio("6", "all are alerts, the bare one hashes and compresses", "rows", "all", 6, 5, target=2.0),
]
# Actions of the tree, which 6 % of its records have, and those that half of them have.
FEW = """AttachUserPolicy CreateRole ConsoleLogin AttachRolePolicy CreateUser CreateAccessKey GetPolicyVersion CreateDBSnapshot
DescribeOrganization ListAccessKeys SendCommand TerminateInstances ListAttachedUserPolicies AuthorizeSecurityGroupIngress
ListAttachedRolePolicies ListTopics RunInstances GetTrailStatus GetRole GetUser DescribeSecret DescribeDBClusters GetBucketPolicy
DescribeCluster ListBuckets DescribeConfigRules""".split()
HALF = FEW + """DescribeInstances AssumeRole Decrypt PutObject GetObject GenerateDataKey GetBucketAcl""".split()


@dataclass
class Rules:
    """So many rules over the delivery tree, none of which matches, and the bare program that does the least of it."""

    what: str
    n_rules: int
    actions: list
    mode: str
    limit: float
    target: float


RULES = [
    Rules("174 rules, 6 % of the records pass", 174, FEW, "keys", 3, 1.35),
    Rules("914 rules, half of the records pass", 914, HALF, "keys-parse", 5, 1.5),
]
# What AWS's digests prove, against a bare loop that inflates and hashes: at least 0.92 of its speed. The map of what the
# archive holds, against the hunt alone.
VERIFY_LIMIT, VERIFY_AIM = 1.25, 1 / 0.92
COVERAGE_LIMIT, COVERAGE_AIM = 1.15, 1.08
# Two threads against one.
SCALING = [("7", "tree"), ("7", "zstd"), ("7", "lines"), ("7", "one"), ("7", "near")]
SCALING_AIM = 1.9
# Of what the bare program gains by the second thread: no machine gives all of it.
SCALING_SHARE = 0.8
MEMORY = ["tree", "tiny", "ndjson", "zstd", "frames", "lines", "gzip", "members"]
MIB = 1 << 20
# A record of the corpus is some 1.4 kB, so this is a matter of what is held for each thread, not of the document.
DOCUMENT_LIMIT = 32
SAME = ["tree", "tiny", "ndjson", "zstd", "frames", "lines", "gzip", "members", "one", "near", "all", "document"]
START_LIMIT = 10.0


def first_file(corpus):
    return next(path for path in sorted((CORPORA / corpus).rglob("*")) if path.is_file())


def bare(mode, corpus, threads):
    is_file = mode in ("map", "gzip", "members", "parse", "rows")
    path = first_file(corpus) if is_file else CORPORA / corpus
    return [BARE, mode, str(threads), str(path)]


def hunt(path, threads, output="alerts.parquet", *options):
    return [OURS, "hunt", "--quiet", "--threads", str(threads), "--output", str(OUTPUT / output), *options, str(path)]


def seconds(command, codes):
    start = time.perf_counter()
    returned = subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode
    taken = time.perf_counter() - start
    if returned not in codes:
        sys.exit(f"{command} exits with {returned}")
    return taken


def in_turn(commands, n_runs, codes=(0,)):
    """The median time of each command, all run in turn so that what disturbs one disturbs all."""
    times = [[] for _ in commands]
    for _ in range(n_runs + 1):
        for command, taken in zip(commands, times):
            taken.append(seconds(command, codes))
    # The first run only warms up.
    return [statistics.median(taken[1:]) for taken in times]


def rss_anon(command):
    """The most anonymous memory of a process, in MiB, as often as it can be looked at."""
    most = 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        status = pathlib.Path(f"/proc/{process.pid}/status")
        while process.poll() is None:
            found = re.search(r"RssAnon:\s+(\d+) kB", status.read_text())
            most = max(most, int(found[1]) * 1024 if found else 0)
            time.sleep(0.001)
    if process.returncode:
        sys.exit(f"{command} exits with {process.returncode}")
    return most / MIB


def planted(corpus):
    """How many alerts a hunt must find."""
    with open(CORPORA / f"{corpus}.planted.ndjson", encoding="utf-8") as lines:
        plants = [json.loads(line) for line in lines]
    return sum(plant["sightings"] for plant in plants if plant["kind"] == "match")


def report_of(command):
    path = OUTPUT / "report.json"
    subprocess.run([*command, "--report", str(path)], check=True)
    return json.loads(path.read_text())


class Record:
    """The table: printed as it grows, and kept."""

    def __init__(self):
        self.rows = []

    def add(
        self, point, what, threads, value, limit, *, is_least=False, target=None, unit="", times=(), commands=("", "")
    ):
        met = value >= limit if is_least else value <= limit
        shown = [f"{t * 1e3:.1f}" for t in times] + [""] * (2 - len(times))
        aim = target or limit
        row = [point, what, threads, *shown, unit, f"{value:.3f}", f"{aim:.3f}", f"{limit:.3f}", "yes" if met else "NO"]
        self.rows.append([*row, *(" ".join(map(str, c)) if c else "" for c in commands)])
        sign = ">=" if is_least else "<="
        measured = " ".join(f"{text:>8}" for text in shown)
        reached = value >= aim if is_least else value <= aim
        verdict = "MISSED" if not met else "" if reached else f"short of the aim, {aim:.3f}"
        line = f"{point:2} {what:38} {threads:2} {measured} {value:9.3f} {sign} {limit:7.3f} {unit:6} {verdict}"
        print(line.rstrip(), flush=True)

    def n_missed(self):
        return sum(row[MET] == "NO" for row in self.rows)


def check_ratios(record, wanted, threads, factor):
    for ratio in RATIOS:
        if ratio.point not in wanted:
            continue
        commands = [bare(ratio.mode, ratio.corpus, threads), hunt(CORPORA / ratio.corpus, threads)]
        # A hunt that is quick and wrong is worth nothing.
        n_alerts, n_planted = report_of(commands[1])["alerts"], planted(ratio.corpus)
        if n_alerts != n_planted:
            sys.exit(f"{ratio.corpus}: {n_alerts} alerts, {n_planted} were planted")
        times = in_turn(commands, max(1, round(ratio.n_runs * factor)))
        record.add(
            ratio.point,
            ratio.what,
            threads,
            times[1] / times[0],
            ratio.limit,
            target=ratio.target,
            times=times,
            commands=commands,
        )


def write_rules(rules):
    """Writes the rules as Sigma's, one in twenty by a pattern of actions, one in twenty about any action. Returns the
    file, and one with the actions of the others."""
    documents, names = [], list(rules.actions)
    for n in range(rules.n_rules):
        name = f"ModifyThing{n}"
        if n % 20 == 18:
            selection = f"{{eventName|startswith: Forget{n}, errorCode: Never}}"
        elif n % 20 == 19 and n < 500:
            selection = f"{{userAgent|contains: {chr(97 + n // 20)}xtool{n}}}"
        else:
            own = [rules.actions[n % len(rules.actions)], name]
            names.append(name)
            selection = f"{{eventName: [{', '.join(own)}], errorCode: Never}}"
        documents.append(
            f"title: Rule {n}\nid: rule-{n}\nlevel: low\nlogsource: {{product: aws, service: cloudtrail}}\n"
            f"detection:\n  selection: {selection}\n  condition: selection\n"
        )
    stem = OUTPUT / f"rules-{rules.n_rules}"
    paths = stem.with_suffix(".yml"), stem.with_suffix(".names")
    paths[0].write_text("---\n".join(documents))
    paths[1].write_text("".join(f"{name}\n" for name in names))
    return paths


def check_rules(record, wanted, threads, factor):
    if "10" not in wanted:
        return
    for rules in RULES:
        path, names = write_rules(rules)
        options = ("--strict-rules", "--rules", str(path))
        command = hunt(CORPORA / "tree", threads, "alerts.parquet", *options)
        report = report_of(command)
        n_run = len(report["rules"])
        if report["alerts"] or n_run != rules.n_rules:
            sys.exit(f"{rules.what}: {report['alerts']} alerts of {n_run} rules")
        commands = [[*bare(rules.mode, "tree", threads), str(names)], command]
        times = in_turn(commands, max(1, round(15 * factor)))
        ratio = times[1] / times[0]
        record.add("10", rules.what, threads, ratio, rules.limit, target=rules.target, times=times, commands=commands)


def check_evidence(record, wanted, threads, factor):
    if "11" not in wanted:
        return
    verify = [OURS, "verify", "--quiet", "--threads", str(threads), str(CORPORA / "tree")]
    alone = hunt(CORPORA / "tree", threads)
    mapped = hunt(CORPORA / "tree", threads, "alerts.parquet", "--coverage", str(OUTPUT / "coverage.parquet"))
    for what, commands, limit, target in [
        ("verify, against inflating and hashing", [bare("hash", "tree", threads), verify], VERIFY_LIMIT, VERIFY_AIM),
        ("hunt --coverage, against the hunt", [alone, mapped], COVERAGE_LIMIT, COVERAGE_AIM),
    ]:
        # There is no digest in the tree, so nothing is proved, which is exit code 3.
        times = in_turn(commands, max(1, round(21 * factor)), (0, 3))
        record.add("11", what, threads, times[1] / times[0], limit, target=target, times=times, commands=commands)


def check_scaling(record, wanted, factor):
    for point, corpus in SCALING:
        if point in wanted:
            # The bare program is shown beside it: it tells what the machine itself gives.
            ratio = next(ratio for ratio in RATIOS if ratio.corpus == corpus)
            commands = [hunt(CORPORA / corpus, n) for n in (1, 2)] + [bare(ratio.mode, corpus, n) for n in (1, 2)]
            one, two, bare_one, bare_two = in_turn(commands, max(1, round(15 * factor)))
            gain = bare_one / bare_two
            what = f"{corpus}: by a second thread (bare: {gain:.2f})"
            limit = SCALING_SHARE * gain
            record.add(
                point,
                what,
                2,
                one / two,
                limit,
                is_least=True,
                target=SCALING_AIM,
                times=(one, two),
                commands=commands[:2],
            )


def check_memory(record, wanted, threads):
    if "8" not in wanted:
        return
    for corpus in MEMORY:
        for mapped, options in (("mapped", ()), ("read", ("--no-mmap",))):
            command = hunt(CORPORA / corpus, threads, "alerts.parquet", *options)
            limit = 64 + 24 * threads
            record.add("8", f"RssAnon, {corpus}, {mapped}", threads, rss_anon(command), limit, unit="MiB", commands=("", command))
    command = hunt(CORPORA / "document", threads)
    record.add("8", "RssAnon, 60 MB on one line", threads, rss_anon(command), DOCUMENT_LIMIT, unit="MiB", commands=("", command))


def check_start(record, wanted, threads):
    if "9" in wanted:
        empty = OUTPUT / "empty"
        empty.mkdir(exist_ok=True)
        command = hunt(empty, threads, "alerts.parquet", "--allow-empty")
        [taken] = in_turn([command], 50)
        record.add("9", "an empty folder", threads, taken * 1e3, START_LIMIT, unit="ms", commands=("", command))


def digest(path):
    """Of an output, without the id of its run, which is made anew for each and is in each row."""
    content = path.read_bytes()
    run_ids = set(re.findall(rb"run_id[^0-9a-f]{1,8}([0-9a-f]{32})", content))
    for run_id in run_ids:
        content = content.replace(run_id, b"0" * 32)
    return hashlib.sha256(content).hexdigest()


def check_same(record, wanted):
    """Whether the output is the same, byte for byte, for 1 and for 8 threads, mapped and read."""
    if "same" not in wanted:
        return
    for corpus in SAME:
        for output in ("alerts.parquet", "alerts.ndjson"):
            digests = set()
            for threads in (1, 8):
                for options in ((), ("--no-mmap",)):
                    subprocess.run(hunt(CORPORA / corpus, threads, output, *options), check=True)
                    digests.add(digest(OUTPUT / output))
            what = f"different {output}, {corpus}"
            record.add("=", what, 8, len(digests), 1, unit="files")


def about():
    def first_line(*command):
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\n")[0]

    cpu = re.search(r"model name\s*:\s*(.*)", pathlib.Path("/proc/cpuinfo").read_text())
    date = datetime.date.today().isoformat()
    name = cpu[1] if cpu else platform.machine()
    return [date, name, os.cpu_count(), platform.release(), first_line("rustc", "--version"), first_line(OURS, "--version")]


def main():
    points = [*"123456789", "10", "11", "same"]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("points", nargs="*", metavar="POINT", help="1 to 11 or `same`; all unless given")
    parser.add_argument("--csv", type=pathlib.Path, help="write the table there too")
    parser.add_argument("--threads", type=int, default=2, help="of both (default: 2)")
    parser.add_argument("--runs", type=float, default=1, metavar="FACTOR", help="so many times the usual runs")
    given = parser.parse_args()
    wanted = given.points or points
    if not set(wanted) <= set(points):
        parser.error(f"points are {' '.join(points)}")
    target = given.csv and given.csv.resolve()
    os.chdir(REPOSITORY)
    OUTPUT.mkdir(exist_ok=True)

    machine = about()
    print(*(f"{name}: {value}" for name, value in zip(ABOUT, machine)), sep="\n")
    print(f"{'':2} {'what':38} {'t':2} {'bare ms':>8} {'ours ms':>8} {'value':>9}    {'limit':>7}")
    record = Record()
    check_ratios(record, wanted, given.threads, given.runs)
    check_scaling(record, wanted, given.runs)
    check_memory(record, wanted, given.threads)
    check_start(record, wanted, given.threads)
    check_rules(record, wanted, given.threads, given.runs)
    check_evidence(record, wanted, given.threads, given.runs)
    check_same(record, wanted)
    if target:
        with open(target, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow([*ABOUT, *COLUMNS])
            writer.writerows([*machine, *row] for row in record.rows)
    n_missed = record.n_missed()
    print(f"{len(record.rows) - n_missed} of {len(record.rows)} limits met")
    sys.exit(1 if n_missed else 0)


if __name__ == "__main__":
    main()
