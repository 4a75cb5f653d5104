#!/usr/bin/env python3
"""Kills a hunt with a ledger at random moments, takes it up again, and compares with a hunt that was left alone.

usage: scripts/kills.py [--times N] [--program PATH] [--seed N]

Each time a hunt is started, killed (SIGKILL) after a random part of the time that a whole one takes, also while its
output gets its name, up to three times in a row, and then run to its end. The output must be that of the hunt that was
left alone, byte for byte; where the killed one had just written it, the next run must say that there is nothing left.
Exits with 1 if any differs.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def rows(path: pathlib.Path) -> bytes:
    """The rows of a file, without the id of the run that wrote them."""
    return re.sub(rb'"run_id":"[0-9a-f]{32}"', b"", path.read_bytes())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=200)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--files", type=int, default=4000)
    args = parser.parse_args()
    chance = random.Random(args.seed)
    program = pathlib.Path(args.program).resolve()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="kills-"))
    try:
        archive = ["synth", folder / "logs", "--files", args.files, "--records-per-file", 20, "--matches", 300]
        subprocess.run([program, *map(str, archive)], check=True, capture_output=True)

        def hunt(output: str) -> list[str]:
            state = ["--state", folder / "ledger", "-o", folder / output]
            return [str(part) for part in [program, "hunt", "--quiet", *state, folder / "logs"]]

        def forget() -> None:
            for name in ["ledger", "ledger-wal", "ledger-shm", "out.ndjson"]:
                (folder / name).unlink(missing_ok=True)

        started = time.monotonic()
        subprocess.run(hunt("whole.ndjson"), check=True)
        whole = time.monotonic() - started
        n_rows = len((folder / "whole.ndjson").read_bytes().splitlines())
        counts = {"killed": 0, "ended before": 0, "output was there": 0, "rows waited": 0}
        for n in range(args.times):
            forget()
            for _ in range(chance.randint(1, 3)):
                process = subprocess.Popen(hunt("out.ndjson"), stderr=subprocess.DEVNULL)
                time.sleep(chance.uniform(0, 1.1) * whole)
                process.send_signal(signal.SIGKILL)
                code = process.wait()
                counts["killed" if code == -signal.SIGKILL else "ended before"] += 1
                if (folder / "out.ndjson").exists():
                    break
            if (folder / "ledger").exists() and not (folder / "out.ndjson").exists():
                state = subprocess.run([program, "state", folder / "ledger"], capture_output=True, text=True)
                counts["rows waited"] += "waiting     0 rows" not in state.stdout
            if (folder / "out.ndjson").exists():
                # The name was given: the rest must know it.
                counts["output was there"] += 1
                subprocess.run(hunt("rest.ndjson"), check=True)
                if (folder / "rest.ndjson").read_bytes():
                    print(f"time {n}, seed {args.seed}: rows are there twice", file=sys.stderr)
                    return 1
            else:
                subprocess.run(hunt("out.ndjson"), check=True)
            left = [path.name for path in folder.glob(".out.ndjson.*")]
            if left and not (folder / "rest.ndjson").exists():
                print(f"time {n}, seed {args.seed}: a killed run's files are left: {left}", file=sys.stderr)
                return 1
            (folder / "rest.ndjson").unlink(missing_ok=True)
            for name in left:
                (folder / name).unlink()
            if rows(folder / "out.ndjson") != rows(folder / "whole.ndjson"):
                print(f"time {n}, seed {args.seed}: the outputs differ", file=sys.stderr)
                return 1
        told = ", ".join(f"{count} {name}" for name, count in counts.items())
        print(f"{args.times} times the same {n_rows} rows as in {whole:.2f} s left alone: {told}")
        return 0
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    sys.exit(main())
