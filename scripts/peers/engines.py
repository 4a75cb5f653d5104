#!/usr/bin/env python3
"""Hunts with an engine that is a library of Python, and prints what it finds: an event's id or a file's path a line.

usage: engines.py ENGINE THREADS [CORPUS]

ENGINE is `duckdb`, `clickhouse`, `polars` or `python`, a hyphen, and the way it goes:

  lines      the paths of the files with the policy's name in their text
  filtered   the ids of the events that the rule finds, where only lines are parsed that hold the name or a \\u00
             escape, which could hide it
  json       the same, everything parsed

Each is as its manual would have it done. Without CORPUS the engine is started and does nothing, to tell how long
that takes.
"""

import functools
import glob
import gzip
import json
import multiprocessing
import os
import pathlib
import sys

NEEDLE = "AWSCompromisedKeyQuarantine"
ESCAPE = r"\u00"

# One column of whole lines: no byte of JSON is a separator or a quote.
DUCKDB_LINES = (
    r"read_csv($1, columns = {'line': 'VARCHAR'}, delim = '\x01', quote = '', escape = '', header = false,"
    " auto_detect = false, compression = 'gzip', max_line_size = 33554432)"
)
DUCKDB_RECORD = (
    "STRUCT(eventID VARCHAR, eventName VARCHAR, errorCode VARCHAR, errorMessage VARCHAR, requestParameters JSON)[]"
)
DUCKDB_RULE = (
    "record.eventName = 'AttachUserPolicy' AND coalesce(record.errorCode, '') = ''"
    " AND coalesce(record.errorMessage, '') = ''"
    f" AND contains(record.requestParameters::VARCHAR, '{NEEDLE}')"
)
DUCKDB = {
    "lines": f"SELECT DISTINCT filename FROM {DUCKDB_LINES} WHERE contains(line, '{NEEDLE}')",
    "filtered": f"""SELECT record.eventID FROM (
        SELECT unnest(from_json(line, '{{"Records": [{{"eventID": "VARCHAR", "eventName": "VARCHAR",
            "errorCode": "VARCHAR", "errorMessage": "VARCHAR", "requestParameters": "JSON"}}]}}').Records) AS record
        FROM {DUCKDB_LINES} WHERE contains(line, '{NEEDLE}') OR contains(line, '{ESCAPE}')
    ) WHERE {DUCKDB_RULE}""",
    "json": f"""SELECT record.eventID FROM (
        SELECT unnest(Records) AS record
        FROM read_json($1, columns = {{'Records': '{DUCKDB_RECORD}'}}, format = 'newline_delimited')
    ) WHERE {DUCKDB_RULE}""",
}

CLICKHOUSE_RULE = (
    "JSONExtractString(record, 'eventName') = 'AttachUserPolicy' AND JSONExtractString(record, 'errorCode') = ''"
    " AND JSONExtractString(record, 'errorMessage') = ''"
    f" AND position(JSONExtractRaw(record, 'requestParameters'), '{NEEDLE}') > 0"
)
CLICKHOUSE_EVENTS = f"""SELECT JSONExtractString(record, 'eventID') FROM (
        SELECT arrayJoin(JSONExtractArrayRaw(line, 'Records')) AS record
        FROM file('FILES', LineAsString) WHERE FILTER
    ) WHERE {CLICKHOUSE_RULE}"""
CLICKHOUSE = {
    "lines": f"SELECT DISTINCT _path FROM file('FILES', LineAsString) WHERE position(line, '{NEEDLE}') > 0",
    "filtered": CLICKHOUSE_EVENTS.replace(
        "FILTER", f"position(line, '{NEEDLE}') > 0 OR position(line, '\\{ESCAPE}') > 0"
    ),
    "json": CLICKHOUSE_EVENTS.replace("FILTER", "true"),
}


def duckdb(way, threads):
    import duckdb

    connection = duckdb.connect(config={"threads": threads})
    return lambda files: [row[0] for row in connection.execute(DUCKDB[way], [files]).fetchall()]


def clickhouse(way, threads):
    import chdb

    chdb.query("SELECT 1")  # the first query starts it

    def hunt(files):
        query = CLICKHOUSE[way].replace("FILES", os.path.abspath(files))
        return str(chdb.query(f"{query} SETTINGS max_threads = {threads}", "TSV")).splitlines()

    return hunt


def polars(way, threads):
    os.environ["POLARS_MAX_THREADS"] = str(threads)
    import polars as pl

    def has(column, *literals):
        return pl.any_horizontal(pl.col(column).str.contains(literal, literal=True) for literal in literals)

    # It wants a schema, so of the request it looks at the policy's ARN alone.
    text = {field: pl.String for field in ("eventID", "eventName", "errorCode", "errorMessage")}
    delivery = {"Records": pl.List(pl.Struct({**text, "requestParameters": pl.Struct({"policyArn": pl.String})}))}

    def hunt(files):
        lines = pl.scan_lines(files, include_file_paths="file")
        if way == "lines":
            found = lines.filter(has("line", NEEDLE)).select("file").unique()
        else:
            if way == "filtered":
                lines = lines.filter(has("line", NEEDLE, ESCAPE))
                deliveries = lines.select(pl.col("line").str.json_decode(pl.Struct(delivery))).unnest("line")
            else:
                deliveries = pl.scan_ndjson(files, schema=delivery)
            records = (
                deliveries.explode("Records")
                .unnest("Records")
                .filter(
                    pl.col("eventName") == "AttachUserPolicy",
                    pl.col("errorCode").fill_null("") == "",
                    pl.col("errorMessage").fill_null("") == "",
                )
            )
            found = records.unnest("requestParameters").filter(has("policyArn", NEEDLE)).select("eventID")
        return found.collect(engine="streaming").to_series()

    return hunt


def attached(record):
    return (
        record["eventName"] == "AttachUserPolicy"
        and not record.get("errorCode")
        and not record.get("errorMessage")
        and NEEDLE in json.dumps(record["requestParameters"])
    )


def judge(way, file):
    text = gzip.decompress(pathlib.Path(file).read_bytes())
    if way == "lines":
        return [file] if NEEDLE.encode() in text else []
    if way == "filtered" and NEEDLE.encode() not in text and ESCAPE.encode() not in text:
        return []
    return [record["eventID"] for record in json.loads(text)["Records"] if attached(record)]


def python(way, threads):
    def hunt(files):
        with multiprocessing.Pool(threads) as pool:
            found = pool.imap_unordered(functools.partial(judge, way), glob.iglob(files, recursive=True), 16)
            return [finding for findings in found for finding in findings]

    return hunt


def main():
    name, threads, *corpus = sys.argv[1:]
    engine, way = name.split("-")
    hunt = {"duckdb": duckdb, "clickhouse": clickhouse, "polars": polars, "python": python}[engine](way, int(threads))
    if corpus:
        for finding in hunt(f"{corpus[0]}/**/*.gz"):
            print(finding)


if __name__ == "__main__":
    main()
