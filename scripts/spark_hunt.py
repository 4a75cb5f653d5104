#!/usr/bin/env python3
"""Hunts on a Spark cluster: the driver lists, each task hunts one shard, Spark writes what they find.

usage: spark-submit scripts/spark_hunt.py --program PATH --output DIR [--shards N] [--max-incomplete N] ROOT... [-- OPTION...]

The program is shipped to the executors, which read the roots themselves, with credentials of their own: paths that all
of them reach, or s3://bucket/prefix. Options behind `--` go to `trailsift plan` and so decide what is listed
(--home-region, --since 30d); --since, --until, --account and --region go to the hunt, too.

DIR/alerts gets the alerts, DIR/diagnostics what a shard could not read, both as Parquet; what could not be listed is on
standard error. Exit codes are those of
`trailsift hunt`: 0 if all was read, 3 if not. More diagnostics of severity `error` than --max-incomplete are exit code 1.

Works with PySpark 3.5 and 4, and needs pyarrow on the executors.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet
from pyspark import SparkFiles
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema

#: Beside the columns of an alert: a diagnostic as JSON, in rows that hold nothing else.
DIAGNOSTIC = "diagnostic"
MANIFEST = "manifest.parquet"
#: The exit codes after which another try would end in the same way: what was typed makes no sense.
USAGE = 2
#: A shard takes some seconds to begin: it should be worth that.
SHARD_BYTES = 4 << 30
#: Options that the hunt of a shard must have, too; each has a value.
OF_EVENTS = {"--since", "--until", "--account", "--region", "--late", "--endpoint-url", "--bucket-region"}


def hunt_shard(program: str, n_shards: int, options: list[str], schema: pa.Schema):
    """What a task does with the number of its shard."""

    def run(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for shard in (number for batch in batches for number in batch.column(0).to_pylist()):
            yield from hunt(f"{shard}/{n_shards}")

    def hunt(shard: str) -> Iterator[pa.RecordBatch]:
        binary = pathlib.Path(SparkFiles.get(program))
        binary.chmod(0o755)
        with tempfile.TemporaryDirectory() as folder:
            report, log = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "log")
            command = [binary, "hunt", "--quiet", "--format", "arrow", "--output", "-", "--report", report]
            command += ["--manifest", SparkFiles.get(MANIFEST), "--shard", shard, *options]
            with log.open("wb") as stderr, subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr) as process:
                broken = None
                try:
                    with pa.ipc.open_stream(process.stdout) as stream:
                        for batch in stream:
                            yield widened(batch, schema)
                except pa.ArrowInvalid as error:
                    broken = error
                code = process.wait()
            # Why a stream is broken the exit code and the log know better than the stream.
            if code not in (0, 3) or broken:
                kind = "the command makes no sense" if code == USAGE else "it may go better again"
                raise RuntimeError(f"shard {shard}: exit code {code} ({kind}): {log.read_text()[-2000:]}") from broken
            told = json.loads(report.read_text())
            listed = told["diagnostics"]
            if not told["complete"] and all(one["severity"] != "error" for one in listed):
                # A report lists the first 10,000.
                listed.append({"severity": "error", "code": "not_listed", "source": f"shard {shard}",
                               "message": json.dumps(told["diagnostics_by_code"])})
            if listed:
                yield diagnostics([json.dumps(one) for one in listed], schema)

    return run


def widened(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch of alerts with no diagnostic. Spark goes by the places of columns, so their names are compared here."""
    if batch.schema.names != schema.names[:-1]:
        raise RuntimeError(f"the program gives other columns than the driver's: {batch.schema.names}")
    return pa.RecordBatch.from_arrays([*batch.columns, pa.nulls(batch.num_rows, pa.string())], schema=schema)


def diagnostics(told: list[str], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.nulls(len(told), field.type) for field in list(schema)[:-1]]
    return pa.RecordBatch.from_arrays([*columns, pa.array(told, pa.string())], schema=schema)


def columns_of(program: str) -> pa.Schema:
    """The columns of alerts, as the program gives them, and a place for a diagnostic; in a fleet each may be null."""
    command = [program, "hunt", "--quiet", "--files-from", "/dev/null", "--format", "arrow", "--output", "-"]
    stream = pa.ipc.open_stream(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    fields = [field.with_nullable(True) for field in stream.schema]
    return pa.schema([*fields, pa.field(DIAGNOSTIC, pa.string())])


def options_of_events(options: list[str]) -> list[str]:
    kept: list[str] = []
    for option, value in zip(options, [*options[1:], ""]):
        if option in OF_EVENTS:
            kept += [option, value]
        elif option.split("=")[0] in OF_EVENTS or option in {"--no-sign-request", "--request-payer"}:
            kept.append(option)
    return kept


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--shards", type=int, help="[default: one for each 4 GiB, and at least one a core]")
    parser.add_argument("--max-incomplete", type=int, metavar="N")
    parser.add_argument("roots", nargs="+", metavar="ROOT")
    own, options = sys.argv[1:], []
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    args = parser.parse_args(own)
    spark = SparkSession.builder.appName("trailsift").getOrCreate()
    # Spark's own default is the type of before 2018, which other readers take for a time without a zone.
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    schema = columns_of(args.program)
    with tempfile.TemporaryDirectory() as folder:
        manifest = pathlib.Path(folder, MANIFEST)
        planned = subprocess.run([args.program, "plan", "--out", manifest, *options, "--", *args.roots])
        if planned.returncode not in (0, 3):
            return planned.returncode
        sizes = pa.parquet.read_table(manifest, columns=["size_bytes"])["size_bytes"].to_pylist()
        by_bytes = sum(sizes) // SHARD_BYTES
        n_shards = args.shards or max(1, min(len(sizes), max(by_bytes, spark.sparkContext.defaultParallelism)))
        spark.sparkContext.addFile(args.program)
        spark.sparkContext.addFile(str(manifest))
        run = hunt_shard(pathlib.Path(args.program).name, n_shards, options_of_events(options), schema)
        # So many partitions, each with one number.
        found = spark.range(0, n_shards, 1, n_shards).mapInArrow(run, from_arrow_schema(schema)).persist()
        return write(found, args.output, args.max_incomplete, is_listed=planned.returncode == 0)


def write(found: DataFrame, output: str, max_incomplete: int | None, is_listed: bool) -> int:
    alerts = found.where(F.col(DIAGNOSTIC).isNull()).drop(DIAGNOSTIC)
    told = found.where(F.col(DIAGNOSTIC).isNotNull()).select(
        *(F.get_json_object(DIAGNOSTIC, f"$.{name}").alias(name) for name in ("severity", "code", "source", "member")),
        F.get_json_object(DIAGNOSTIC, "$.offset").cast("long").alias("offset"),
        *(F.get_json_object(DIAGNOSTIC, f"$.{name}").alias(name) for name in ("offset_in", "message")),
    )
    alerts.write.mode("append").parquet(f"{output}/alerts")
    told.write.mode("append").parquet(f"{output}/diagnostics")
    # What could not be listed the driver has told by itself.
    n_errors = told.where(F.col("severity") == "error").count() + (not is_listed)
    print(f"{alerts.count()} alerts in {output}/alerts, {told.count()} diagnostics in {output}/diagnostics", file=sys.stderr)
    if max_incomplete is not None and n_errors > max_incomplete:
        print(f"{n_errors} things could not be read; {max_incomplete} are allowed", file=sys.stderr)
        return 1
    return 0 if n_errors == 0 else 3


if __name__ == "__main__":
    sys.exit(main())
