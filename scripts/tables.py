#!/usr/bin/env python3
"""Hunts a Parquet table of two million events, and has DuckDB, and ClickHouse if `chdb` is there, ask it the same.

usage: scripts/tables.py [--program PATH] [--table FILE] [--record FILE]

Makes the table (220 MB, in row groups of 100,000) with DuckDB unless it is there. One event in two million is an
alert; the trail's other calls are those of an account at work. Times are medians of seven, in turn: of a process for
trailsift, inside a process that is running for the others, unless they say otherwise.
"""

import argparse
import csv
import pathlib
import statistics
import subprocess
import sys
import time

import duckdb

N_ROWS = 2_000_000
MAKE = f"""
COPY (
    SELECT '1.09' AS eventversion,
           '{{"type":"AssumedRole","principalId":"AROA' || upper(left(md5('p' || i), 16)) || ':session","arn":'
               || '"arn:aws:sts::111122223333:assumed-role/app-' || (i % 200) || '/' || left(md5('s' || i), 8)
               || '","accountId":"111122223333","accessKeyId":"ASIA' || upper(left(md5('k' || i), 16)) || '"}}'
               AS useridentity,
           TIMESTAMP '2024-05-01 12:00:00' + INTERVAL (i) MILLISECOND AS eventtime,
           CASE WHEN is_iam THEN 'iam.amazonaws.com' ELSE 's3.amazonaws.com' END AS eventsource,
           CASE WHEN i = {N_ROWS // 2} THEN 'AttachUserPolicy' WHEN i % 2000 = 3 THEN 'AttachRolePolicy'
                WHEN is_iam THEN 'GetRole'
                ELSE ['GetObject', 'PutObject', 'DescribeInstances', 'AssumeRole', 'Decrypt'][1 + i % 5] END AS eventname,
           'us-east-1' AS awsregion,
           '203.0.113.' || (hash(i) % 256) AS sourceipaddress,
           'aws-sdk-go-v2/1.' || (hash(i) % 40) || '.0 os/linux lang/go' AS useragent,
           NULL::VARCHAR AS errorcode,
           CASE WHEN i = {N_ROWS // 2}
                THEN '{{"userName":"alice","policyArn":"arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"}}'
                ELSE '{{"bucketName":"bucket-' || (i % 100) || '","key":"data/' || md5('o' || i) || '"}}' END
               AS requestparameters,
           CASE WHEN i % 3 = 0 THEN '{{"x-amz-request-id":"' || md5('r' || i) || '"}}' END AS responseelements,
           md5('q' || i) AS requestid, md5('e' || i) AS eventid, '111122223333' AS recipientaccountid
    FROM (SELECT range AS i, range % 20 = 0 AS is_iam FROM range({N_ROWS}))
) TO 'TABLE' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 100000)
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--table", default="target/corpora/table.parquet")
    parser.add_argument("--record", default="benches/record/tables.csv")
    args = parser.parse_args()
    table = pathlib.Path(args.table)
    table.parent.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect()
    if not table.exists():
        connection.execute(MAKE.replace('TABLE', str(table)))

    def hunt(*more: str) -> int:
        output = table.with_suffix(".ndjson")
        subprocess.run([args.program, "hunt", "--quiet", "-o", output, *more, table], check=True)
        return output.read_bytes().count(b"\n")

    def alone(script: str) -> int:
        return int(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True).stdout)

    where = "eventname = 'AttachUserPolicy' AND errorcode IS NULL"
    ask = f"FROM '{table}' WHERE {where} AND contains(requestparameters, 'AWSCompromisedKeyQuarantine')"
    all_columns = f"SELECT count(COLUMNS(*)::VARCHAR), max(length(COLUMNS(*)::VARCHAR)) FROM '{table}'"
    ways = {
        "trailsift": hunt,
        "trailsift, one thread": lambda: hunt("--threads", "1"),
        "trailsift, every row (--related)": lambda: hunt("--related", str(table.with_suffix(".related.ndjson"))),
        "DuckDB": lambda: len(connection.execute(ask).fetchall()),
        "DuckDB, a process": lambda: alone(f"import duckdb; print(len(duckdb.sql({ask!r}).fetchall()))"),
        "DuckDB, every column": lambda: len(connection.execute(all_columns).fetchall()),
    }
    try:
        import chdb

        query = f"SELECT * FROM file('{table}', Parquet) WHERE {where} AND requestparameters LIKE '%CompromisedKeyQ%'"
        ways["ClickHouse"] = lambda: len(str(chdb.query(query, "CSV")).splitlines())
    except ImportError:
        print("ClickHouse is not asked: chdb is not there", file=sys.stderr)
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(7):
        for name, way in ways.items():
            started = time.monotonic()
            assert way() == 1, name
            times[name].append(time.monotonic() - started)
    rows = [[name, f"{statistics.median(seconds) * 1000:.0f}"] for name, seconds in times.items()]
    with open(args.record, "w", newline="") as file:
        csv.writer(file).writerows([["way", "ms"], *rows])
    for name, ms in rows:
        print(f"{name:36} {ms:>6} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
