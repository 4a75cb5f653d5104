#!/usr/bin/env python3
"""Hunts a tree of a million small files: without a ledger, with one, again, and killed in the middle and taken up.

usage: scripts/million.py [--program PATH] [--bucket SERVE] [--folder FOLDER] [--record FILE]

Makes the tree below FOLDER (4 GB of blocks, some minutes of one core) unless it is there, and prints a table:
seconds, the most memory, the ledger's bytes for each file, alerts. The rows of all ways must be the same.
With --bucket, the path of the example `serve`, the same are objects of a server on loopback.
"""

import argparse
import csv
import gzip
import os
import pathlib
import re
import resource
import signal
import subprocess
import sys
import time

ACCOUNTS, DAYS, FILES_A_DAY = 10, 100, 1000
ALERT_EVERY = 10_000
RECORD = (
    '{"Records":[{"eventVersion":"1.09","eventTime":"2024-05-01T12:00:00Z","eventSource":"iam.amazonaws.com",'
    '"eventName":"%s","awsRegion":"us-east-1","eventID":"%d","requestParameters":{"userName":"alice",'
    '"policyArn":"arn:aws:iam::aws:policy/%s"}}]}'
)


def make(logs: pathlib.Path) -> None:
    quiet = gzip.compress((RECORD % ("ListUsers", 0, "ReadOnlyAccess")).encode())
    n = 0
    for account in range(111122223330, 111122223330 + ACCOUNTS):
        for day in range(DAYS):
            month, of_month = 1 + day // 10, 1 + day % 10
            folder = logs / f"AWSLogs/{account}/CloudTrail/us-east-1/2024/{month:02}/{of_month:02}"
            folder.mkdir(parents=True)
            for minute in range(FILES_A_DAY):
                n += 1
                text = quiet
                if n % ALERT_EVERY == 0:
                    text = gzip.compress((RECORD % ("AttachUserPolicy", n, "AWSCompromisedKeyQuarantineV2")).encode())
                name = f"{account}_CloudTrail_us-east-1_2024{month:02}{of_month:02}T{minute:04}Z_AbCdEfGh{n:08}"
                (folder / f"{name}.json.gz").write_bytes(text)


def without_run(rows: bytes) -> bytes:
    """Rows without the id of the run that wrote them."""
    return re.sub(rb'"run_id":"[0-9a-f]{32}"', b"", rows)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--folder", default="target/corpora/million")
    parser.add_argument("--bucket")
    parser.add_argument("--record")
    args = parser.parse_args()
    record = args.record or f"benches/record/million{'-objects' if args.bucket else ''}.csv"
    program, folder = pathlib.Path(args.program).resolve(), pathlib.Path(args.folder)
    logs, ledger = folder / "logs", folder / "ledger"
    if not logs.exists():
        make(logs)
    rows = []
    root, server = str(logs), None
    if args.bucket:
        command = [args.bucket, "--memory", str(logs)]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        os.environ |= {
            "AWS_ENDPOINT_URL": server.stdout.readline().strip(),
            "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        }
        root = "s3://trail"

    def hunt(way: str, output: str, state: bool, kill_after: float = 0) -> None:
        (folder / output).unlink(missing_ok=True)
        command = [program, "hunt", "--quiet", "-o", folder / output, *(["--state", ledger] if state else []), root]
        started = time.monotonic()
        process = subprocess.Popen([str(part) for part in command])
        if kill_after:
            time.sleep(kill_after)
            process.send_signal(signal.SIGKILL)
        _, status, usage = os.wait4(process.pid, 0)
        assert bool(kill_after) == os.WIFSIGNALED(status), (way, status)
        seconds = time.monotonic() - started
        n_alerts = (folder / output).read_bytes().count(b"\n") if (folder / output).exists() else ""
        n_bytes = ledger.stat().st_size / (ACCOUNTS * DAYS * FILES_A_DAY) if state and not kill_after else ""
        rows.append([way, f"{seconds:.2f}", usage.ru_maxrss // 1024, n_bytes and f"{n_bytes:.0f}", n_alerts])

    def forget() -> None:
        for name in ["ledger", "ledger-wal"]:
            (folder / name).unlink(missing_ok=True)

    forget()
    hunt("to fill the cache", "plain.ndjson", state=False)
    rows.clear()
    hunt("without a ledger", "plain.ndjson", state=False)
    hunt("with a ledger", "first.ndjson", state=True)
    hunt("again, nothing is new", "again.ndjson", state=True)
    forget()
    hunt("killed", "resumed.ndjson", state=True, kill_after=float(rows[1][1]) / 2)
    hunt("taken up", "resumed.ndjson", state=True)
    forget()
    plain = (folder / "plain.ndjson").read_bytes()
    assert without_run(plain) == without_run((folder / "first.ndjson").read_bytes())
    assert without_run(plain) == without_run((folder / "resumed.ndjson").read_bytes())
    assert (folder / "again.ndjson").read_bytes() == b""
    head = ["way", "seconds", "peak_mib", "ledger_bytes_a_file", "alerts"]
    if server:
        server.communicate("")
    with open(record, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([head, *rows])
    for row in [head, *rows]:
        print("{:24} {:>8} {:>9} {:>20} {:>7}".format(*map(str, row)))
    return 0


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.chdir(pathlib.Path(__file__).resolve().parent.parent)
    sys.exit(main())
