#!/usr/bin/env python3
"""Runs all hard cases of the folder that lies beside the repository, if it does, and has the last word on each failure.

usage: scripts/cases.py PROGRAM [SHARED]

A case that fails only by its number of alerts is asked of the independent oracle in the same folder: where that counts
as many as the program found, the case's own expectation is what is wrong, which is said and is no failure. The last
line is "N passed, N failed".
"""

import json
import pathlib
import re
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
# Only the number of alerts differs, and nothing else.
ONLY_ALERTS = re.compile(r"FAIL (\S+): alerts: (\d+), expected [^;]*")


def n_by_oracle(shared, case):
    command = [sys.executable, shared / "oracle/oracle.py", "--json", shared / "cases" / case / "input"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])["alert"]


def main():
    program = sys.argv[1]
    shared = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else REPOSITORY.parent / "shared"
    command = [sys.executable, shared / "check_cases.py", program]
    done = subprocess.run(command, capture_output=True, text=True)
    *failures, last = done.stdout.splitlines() or [""]
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed", last)
    if not counts:
        sys.exit(f"the cases did not run to their end: {done.stdout}{done.stderr}")
    n_passed, n_failed = map(int, counts.groups())
    for failure in failures:
        found = ONLY_ALERTS.fullmatch(failure)
        if found and n_by_oracle(shared, found[1]) == int(found[2]):
            print(f"{found[1]}: the oracle counts {found[2]} as well, and not what the case expects")
            n_passed, n_failed = n_passed + 1, n_failed - 1
        else:
            print(failure)
    print(f"{n_passed} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
