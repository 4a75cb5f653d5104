#!/usr/bin/env python3
"""Times investigations beside a hunt over the same archive: their first rounds, and all of them.

usage: scripts/investigations.py [--program PATH] [--archive FOLDER] [--record FILE]

The archive is made by `trailsift synth` unless it is there: 4,000 gzip deliveries with a million records and the story
of a leaked key. A first round reads what a hunt reads, with other needles: the ratio of the two is what they cost. Times
are medians of five, in turn; the peak is the largest resident memory of the process, mapped files among it.
"""

import argparse
import csv
import json
import os
import pathlib
import platform
import random
import shutil
import statistics
import string
import subprocess
import sys
import tempfile
import time

SYNTH = ["--scenario", "leaked-key", "--files", "4000", "--records-per-file", "250", "--days", "365", "--seed", "7"]
TIMES = 5


def run(command: list[object]) -> tuple[float, float]:
    """How long a command took, in seconds, and its largest resident memory, in MiB."""
    started = time.monotonic()
    child = os.posix_spawn(command[0], [str(word) for word in command], os.environ)
    _, status, usage = os.wait4(child, 0)
    # 3 would be an archive of which not all could be read.
    assert os.waitstatus_to_exitcode(status) == 0, command
    return time.monotonic() - started, usage.ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--archive", default="target/corpora/leaked-key", type=pathlib.Path)
    parser.add_argument("--record", default="benches/record/investigations.csv")
    args = parser.parse_args()
    program = str(pathlib.Path(args.program).resolve())
    if not args.archive.exists():
        args.archive.parent.mkdir(parents=True, exist_ok=True)
        args.archive.with_suffix(".planted.ndjson").unlink(missing_ok=True)
        subprocess.run([program, "synth", args.archive, *SYNTH], check=True)
    chance = random.Random(1)
    keys = ["AKIA" + "".join(chance.choices(string.ascii_uppercase + "234567", k=16)) for _ in range(1000)]
    names = ["".join(chance.choices(string.ascii_lowercase, k=7)) for _ in range(1000)]
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        alerts, report, case = work / "alerts.parquet", work / "report.json", work / "case"
        hunt = [program, "hunt", "--quiet", "--report", report, "-o", alerts, args.archive]
        run(hunt)
        # Whom it begins with.
        ways = {
            "the leaked key": [alerts],
            "a user called admin": ["--user", "admin"],
            "a user called Role, a word of most records": ["--user", "Role"],
            "1,000 access keys": [word for key in keys for word in ("--access-key", key)],
            "30 users": [word for name in names[:30] for word in ("--user", name)],
            "1,000 users": [word for name in names for word in ("--user", name)],
        }
        hunts: list[float] = []
        told: dict[str, list[tuple[float, float, float, int, int]]] = {name: [] for name in ways}
        for _ in range(TIMES):
            run(hunt)
            hunts.append(json.loads(report.read_bytes())["elapsed_ms"])
            for name, beginning in ways.items():
                shutil.rmtree(case, ignore_errors=True)
                command = [program, "investigate", "--quiet", "--output", case, *beginning, args.archive]
                seconds, peak = run(command)
                about = json.loads((case / "case.json").read_bytes())
                rounds = about["rounds"]
                told[name].append((rounds[0]["elapsed_ms"], seconds * 1000, peak, len(rounds), about["events"]))
    hunt_ms = statistics.median(hunts)
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), platform.machine())
    head = ["begins with", "hunt_ms", "first_round_ms", "ratio", "all_ms", "rounds", "events", "peak_mib", "cpu", "threads"]
    rows = []
    for name, runs in told.items():
        first, total, peak = (statistics.median(run[i] for run in runs) for i in range(3))
        _, _, _, n_rounds, n_events = runs[0]
        ratio = f"{first / hunt_ms:.2f}"
        row = [name, f"{hunt_ms:.0f}", f"{first:.0f}", ratio, f"{total:.0f}", n_rounds, n_events, f"{peak:.0f}"]
        rows.append([*row, cpu, os.cpu_count()])
        print(f"{name:44} first round {first:6.0f} ms, {ratio} of a hunt; all {total:6.0f} ms, {n_rounds} rounds")
    with open(args.record, "w", newline="") as file:
        csv.writer(file).writerows([head, *rows])
    return 0


if __name__ == "__main__":
    sys.exit(main())
