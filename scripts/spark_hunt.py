#!/usr/bin/env python3
"""Hunts on a Spark cluster, in one of three modes; Spark writes what is found.

usage: spark-submit scripts/spark_hunt.py --program PATH --output DIR [--shards N] [--max-incomplete N] [--mode MODE] ROOT... [-- OPTION...]
       spark-submit scripts/spark_hunt.py --program PATH --output DIR --content ROOT... [-- OPTION...]
       spark-submit scripts/spark_hunt.py --program PATH --output DIR --table NAME [--where SQL] [-- OPTION...]

The program is shipped to the executors.

By paths (the first): the driver lists, and each task hunts one shard, which the program reads by itself, with
credentials of the executors: paths that all of them reach, or s3://bucket/prefix. Options behind `--` go to
`trailsift plan` and so decide what is listed (--home-region, --since 30d); those that choose events go to the hunt, too.

--content: Spark lists and reads the objects, by its own credentials, and the tasks hand them to the program. Spark passes
over names that begin with `.` or `_`; an object that it cannot read, or of 2 GiB or more, ends the job.

--table: the rows of any table that Spark can read (Delta, Iceberg, Security Lake, parquet.`path`) go to the program as
lines of JSON. --where chooses rows, and so partitions; without it all are read. In the alerts `log_file_path` is the table;
`log_offset` means nothing, and `alert_id`, which is made of it, is not the same in each run. `hunt_table` does the same
with any DataFrame.

DIR/alerts gets the alerts, DIR/diagnostics what could not be read, both as Parquet; what could not be listed is on
standard error. Where one of them is there already, nothing is hunted; with --mode overwrite both are replaced, once all is
found. Exit codes are those of `trailsift hunt`: 0 if all was read, 3 if not, 2 if the command makes no sense. More
diagnostics of severity `error` than --max-incomplete are exit code 1.

Works with PySpark 3.5 and 4, and needs pyarrow on the executors.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet
from pyspark import SparkFiles
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.pandas.types import from_arrow_schema
from pyspark.sql.types import ArrayType, BinaryType, DataType, MapType, StringType, StructField, StructType

#: Beside the columns of an alert: a diagnostic as JSON, in rows that hold nothing else.
DIAGNOSTIC = "diagnostic"
MANIFEST = "manifest.parquet"
#: What is written, each to a folder of the output.
FOLDERS = ("alerts", "diagnostics")
#: The exit codes after which another try would end in the same way: what was typed makes no sense.
USAGE = 2
#: A shard takes some seconds to begin: it should be worth that.
SHARD_BYTES = 4 << 30
#: Contents that are hunted through at once lie on the executor's disk.
CONTENT_BYTES = 256 << 20
#: Options that the hunt of a shard must have, too; each has a value.
OF_EVENTS = {"--since", "--until", "--account", "--region", "--late", "--endpoint-url", "--bucket-region"}

Batches = Iterator[pa.RecordBatch]


def shards(program: str, n_shards: int, options: list[str], schema: pa.Schema) -> Callable[[Batches], Batches]:
    """What a task does with the numbers of its shards."""

    def run(batches: Batches) -> Batches:
        for number in (number for batch in batches for number in batch.column(0).to_pylist()):
            shard = f"{number}/{n_shards}"
            inputs = ["--manifest", SparkFiles.get(MANIFEST), "--shard", shard]
            yield from hunt(program, [*inputs, *options], schema, f"shard {shard}")

    return run


def contents(program: str, roots: list[str], options: list[str], schema: pa.Schema) -> Callable[[Batches], Batches]:
    """What a task does with objects: their addresses and their bytes. They are read from folders that look like the
    roots, so that rows are the same as if the program had read these."""

    def run(batches: Batches) -> Batches:
        objects = ((path.as_py(), bytes_) for batch in batches for path, bytes_ in zip(*batch.columns))
        is_last = False
        while not is_last:
            with tempfile.TemporaryDirectory() as folder:
                names: dict[str, str] = {}
                below: dict[str, None] = {}
                n_bytes = 0
                while n_bytes < CONTENT_BYTES:
                    address, content = next(objects, (None, None))
                    is_last = address is None
                    if is_last:
                        break
                    data = content.as_buffer()
                    root, path = put(pathlib.Path(folder), roots, plain(address), data, len(names))
                    names[path], below[root] = plain(address), None
                    n_bytes += data.size
                if names:
                    inputs = [*options, "--", *below]
                    yield from hunt(program, inputs, schema, "contents", renamed=lambda path: names.get(path, path))

    return run


def put(folder: pathlib.Path, roots: list[str], address: str, data: pa.Buffer, number: int) -> tuple[str, str]:
    """Writes an object to a folder that stands for its root, with all that the root is called: what lies where in an
    archive of CloudTrail tells of which account, region and day it is."""
    root = max((root for root in roots if address.startswith(root)), key=len, default="")
    if root == address:
        root = address.rpartition("/")[0]
    # One key may be the prefix of another, or stand for no path: such a one gets a folder of its own.
    for base in (folder / "0", folder / f"1-{number}"):
        top = base / re.sub("[^/]+://|/[.]+(?=/)", "/", f"/{root}/").strip("/")
        path = top / re.sub("(^|/)[.]+(?=/|$)", "", address[len(root) :]).strip("/")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("xb") as file:
                file.write(data)
            return str(top), str(path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError):
            continue
    raise RuntimeError(f"{address}: it cannot be written below {folder}")


def plain(address: str) -> str:
    """An address as the program would have it: of the ways in which Hadoop writes a scheme, the common one."""
    address = re.sub(r"^(file|dbfs):/+", "/", re.sub(r"^s3[an]://", "s3://", address))
    return address if "://" in address else os.path.abspath(address)


def rows(program: str, table: str, options: list[str], schema: pa.Schema) -> Callable[[Batches], Batches]:
    """What a task does with rows of a table, as JSON."""

    def run(batches: Batches) -> Batches:
        def feed(stdin: BinaryIO) -> None:
            for batch in batches:
                for line in batch.column(0).to_pylist():
                    stdin.write(line.encode() + b"\n")

        yield from hunt(program, ["-", *options], schema, table, renamed=lambda path: table, feed=feed)

    return run


def hunt(
    program: str,
    arguments: list[str],
    schema: pa.Schema,
    what: str,
    renamed: Callable[[str], str] = str,
    feed: Callable[[BinaryIO], None] | None = None,
) -> Batches:
    """Runs the program, and gives its alerts and diagnostics."""
    binary = pathlib.Path(SparkFiles.get(program))
    binary.chmod(0o755)
    with tempfile.TemporaryDirectory() as folder:
        report, log = pathlib.Path(folder, "report.json"), pathlib.Path(folder, "log")
        # A part of what is hunted through may well hold no event.
        options = ["--quiet", "--allow-empty", "--format", "arrow", "--output", "-", "--report", report]
        command = [binary, "hunt", *options, *arguments]
        stdin = subprocess.PIPE if feed else subprocess.DEVNULL
        with log.open("wb") as stderr, subprocess.Popen(command, stdin=stdin, stdout=subprocess.PIPE, stderr=stderr) as process:
            # Whoever writes what the program reads must not wait for whoever reads what it writes.
            feeder = Feeder(feed, process.stdin) if feed else None
            broken: BaseException | None = None
            try:
                with pa.ipc.open_stream(process.stdout) as stream:
                    for batch in stream:
                        yield widened(batch, schema, renamed)
            except (pa.ArrowException, OSError) as error:
                broken = error
                process.stdout.close()
            code = process.wait()
            if feeder:
                broken = feeder.end() or broken
        # Why a stream is broken the exit code and the log know better than the stream.
        if code not in (0, 3) or broken:
            kind = "the command makes no sense" if code == USAGE else "it may go better again"
            said = log.read_text(errors="replace")[-2000:]
            raise RuntimeError(f"{what}: exit code {code} ({kind}): {said}") from broken
        told = json.loads(report.read_text())
        listed = [one | {"source": renamed(one["source"])} for one in told["diagnostics"]]
        n_not_listed = sum(told["diagnostics_by_code"].values()) - len(listed)
        if n_not_listed:
            # A report lists the first 10,000.
            severity = "warning" if told["complete"] else "error"
            message = f"{n_not_listed} more: {json.dumps(told['diagnostics_by_code'])}"
            listed.append({"severity": severity, "code": "not_listed", "source": what, "message": message})
        if listed:
            yield diagnostics([json.dumps(one) for one in listed], schema)


class Feeder(threading.Thread):
    """Writes what the program reads."""

    def __init__(self, feed: Callable[[BinaryIO], None], stdin: BinaryIO) -> None:
        super().__init__(daemon=True)
        self.feed, self.stdin, self.error = feed, stdin, None
        self.start()

    def run(self) -> None:
        try:
            with self.stdin:
                self.feed(self.stdin)
        except BaseException as error:
            self.error = error

    def end(self) -> BaseException | None:
        """Waits for it, and gives what kept it from writing all."""
        self.join()
        return self.error


def widened(batch: pa.RecordBatch, schema: pa.Schema, renamed: Callable[[str], str]) -> pa.RecordBatch:
    """A batch of alerts with no diagnostic. Spark goes by the places of columns, so their names are compared here."""
    if batch.schema.names != schema.names[:-1]:
        raise RuntimeError(f"the program gives other columns than the driver's: {batch.schema.names}")
    columns = dict(zip(schema.names, batch.columns))
    columns["log_file_path"] = pa.array([renamed(source) for source in columns["log_file_path"].to_pylist()], pa.string())
    return pa.RecordBatch.from_arrays([*columns.values(), pa.nulls(batch.num_rows, pa.string())], schema=schema)


def diagnostics(told: list[str], schema: pa.Schema) -> pa.RecordBatch:
    columns = [pa.nulls(len(told), field.type) for field in list(schema)[:-1]]
    return pa.RecordBatch.from_arrays([*columns, pa.array(told, pa.string())], schema=schema)


def columns_of(program: str) -> pa.Schema:
    """The columns of alerts, as the program gives them, and a place for a diagnostic; in a fleet each may be null."""
    command = [os.path.abspath(program), "hunt", "--quiet", "--files-from", "/dev/null", "--format", "arrow", "--output", "-"]
    told = subprocess.run(command, capture_output=True)
    # 3: that it read no event is no news.
    if told.returncode not in (0, 3):
        raise Refused(f"--program {program}: exit code {told.returncode}: {told.stderr.decode(errors='replace')[-2000:]}")
    stream = pa.ipc.open_stream(told.stdout)
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


def hunt_contents(spark: SparkSession, program: str, roots: list[str], options: list[str]) -> DataFrame:
    """Alerts and diagnostics of objects that Spark reads; the program must have been added to the session's files."""
    # One content may be as long as a batch can be.
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", 1)
    reader = spark.read.format("binaryFile").option("recursiveFileLookup", "true")
    # Whatever the session has: what cannot be read must not be missing in silence.
    reader = reader.option("ignoreCorruptFiles", "false").option("ignoreMissingFiles", "false")
    # A root is no pattern.
    objects = reader.load([re.sub(r"([\[\]{}*?\\])", r"\\\1", root) for root in roots])
    schema = columns_of(program)
    run = contents(pathlib.Path(program).name, [plain(root) for root in roots], options, schema)
    return objects.select("path", "content").mapInArrow(run, from_arrow_schema(schema))


def hunt_table(table: DataFrame, name: str, program: str, options: list[str]) -> DataFrame:
    """Alerts and diagnostics of rows that Spark reads; the program must have been added to the session's files."""
    texts = [F.col(f"`{field.name}`").cast(with_texts(field.dataType)).alias(field.name) for field in table.schema.fields]
    # Times as the instants they are, to the microsecond.
    as_json = F.to_json(F.struct(*texts), {"timestampFormat": "yyyy-MM-dd'T'HH:mm:ss.SSSSSSXXX"})
    schema = columns_of(program)
    run = rows(pathlib.Path(program).name, name, options, schema)
    return table.select(as_json.alias("row")).mapInArrow(run, from_arrow_schema(schema))


def with_texts(kind: DataType) -> DataType:
    """The type with text wherever it has bytes, of which JSON would make base64."""
    match kind:
        case BinaryType():
            return StringType()
        case StructType():
            return StructType([StructField(field.name, with_texts(field.dataType)) for field in kind.fields])
        case ArrayType():
            return ArrayType(with_texts(kind.elementType))
        case MapType():
            return MapType(with_texts(kind.keyType), with_texts(kind.valueType))
    return kind


class Refused(Exception):
    """The command makes no sense; nothing was hunted."""


def check_program(program: str) -> None:
    """Sees that there is a program, before a cluster is asked for anything."""
    if not os.path.isfile(program):
        raise Refused(f"--program {program}: there is no trailsift program: no such file")
    try:
        told = subprocess.run([os.path.abspath(program), "--version"], capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise Refused(f"--program {program}: this is no trailsift program that runs here: {error.strerror}") from error
    if not told.stdout.startswith("trailsift "):
        raise Refused(f"--program {program}: this is no trailsift program: it does not tell its version")


def is_there(spark: SparkSession, folder: str) -> bool:
    path = spark._jvm.org.apache.hadoop.fs.Path(folder)
    return path.getFileSystem(spark.sparkContext._jsc.hadoopConfiguration()).exists(path)


def check_output(spark: SparkSession, output: str, mode: str) -> None:
    """Sees that nothing is replaced that nobody wants replaced, before hours are spent."""
    taken = [f"{output}/{name}" for name in FOLDERS if is_there(spark, f"{output}/{name}")]
    if taken and mode == "error":
        raise Refused(f"{taken[0]}: it is there already; name another --output, or replace it with --mode overwrite")


def plainly(error: AnalysisException) -> str:
    """What Spark says of a path or a table that is not there, in a line."""
    line = str(error).strip().splitlines()[0]
    missing = re.search(r"Path does not exist: (.+?)[.]?( SQLSTATE.*)?$", line)
    return f"{missing[1]}: no such file or folder" if missing else line


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True)
    parser.add_argument("--output", required=True)
    parser.add_argument("--mode", choices=("error", "overwrite"), default="error", help="what to do where output is [default: error]")
    parser.add_argument("--shards", type=int, help="[default: one for each 4 GiB, and at least one a core]")
    parser.add_argument("--max-incomplete", type=int, metavar="N")
    parser.add_argument("--content", action="store_true")
    parser.add_argument("--table", metavar="NAME")
    parser.add_argument("--where", metavar="SQL")
    parser.add_argument("roots", nargs="*", metavar="ROOT")
    own, options = sys.argv[1:], []
    if "--" in own:
        own, options = own[: own.index("--")], own[own.index("--") + 1 :]
    args = parser.parse_args(own)
    if bool(args.roots) == bool(args.table) or args.where and not args.table or args.content and args.table:
        parser.error("either roots are hunted through or a --table, of which --where chooses rows")
    try:
        check_program(args.program)
        return run(args, options)
    except Refused as error:
        told: object = error
    except AnalysisException as error:
        told = plainly(error)
    print(f"spark_hunt.py: {told}", file=sys.stderr)
    return USAGE


def run(args: argparse.Namespace, options: list[str]) -> int:
    spark = SparkSession.builder.appName("trailsift").getOrCreate()
    check_output(spark, args.output, args.mode)
    # Spark's own default is the type of before 2018, which other readers take for a time without a zone.
    spark.conf.set("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")
    spark.sparkContext.addFile(args.program)
    if args.table:
        spark.conf.set("spark.sql.session.timeZone", "UTC")
        table = spark.table(args.table)
        table = table.where(args.where) if args.where else table
        return write(hunt_table(table, args.table, args.program, options), args)
    if args.content:
        return write(hunt_contents(spark, args.program, args.roots, options), args)
    with tempfile.TemporaryDirectory() as folder:
        manifest = pathlib.Path(folder, MANIFEST)
        planned = subprocess.run([os.path.abspath(args.program), "plan", "--output", manifest, *options, "--", *args.roots])
        if planned.returncode not in (0, 3):
            return planned.returncode
        sizes = pa.parquet.read_table(manifest, columns=["size_bytes"])["size_bytes"].to_pylist()
        by_bytes = sum(sizes) // SHARD_BYTES
        n_shards = args.shards or max(1, min(len(sizes), max(by_bytes, spark.sparkContext.defaultParallelism)))
        spark.sparkContext.addFile(str(manifest))
        schema = columns_of(args.program)
        task = shards(pathlib.Path(args.program).name, n_shards, options_of_events(options), schema)
        # So many partitions, each with one number.
        found = spark.range(0, n_shards, 1, n_shards).mapInArrow(task, from_arrow_schema(schema))
        return write(found, args, is_listed=planned.returncode == 0)


def write(found: DataFrame, args: argparse.Namespace, is_listed: bool = True) -> int:
    output, max_incomplete = args.output, args.max_incomplete
    # Each task runs once, whatever is asked of what it found.
    found = found.persist()
    if args.mode == "overwrite":
        # Spark takes away what was there before it has anything to write: not before all is found.
        found.count()
    alerts = found.where(F.col(DIAGNOSTIC).isNull()).drop(DIAGNOSTIC)
    told = found.where(F.col(DIAGNOSTIC).isNotNull()).select(
        *(F.get_json_object(DIAGNOSTIC, f"$.{name}").alias(name) for name in ("severity", "code", "source", "member")),
        F.get_json_object(DIAGNOSTIC, "$.offset").cast("long").alias("offset"),
        *(F.get_json_object(DIAGNOSTIC, f"$.{name}").alias(name) for name in ("offset_in", "message")),
    )
    for name, rows_of_it in zip(FOLDERS, (alerts, told)):
        rows_of_it.write.mode(args.mode).parquet(f"{output}/{name}")
    # What could not be listed the driver has told by itself.
    n_errors = told.where(F.col("severity") == "error").count() + (not is_listed)
    print(f"{alerts.count()} alerts in {output}/alerts, {told.count()} diagnostics in {output}/diagnostics", file=sys.stderr)
    if max_incomplete is not None and n_errors > max_incomplete:
        print(f"{n_errors} things could not be read; {max_incomplete} are allowed", file=sys.stderr)
        return 1
    return 0 if n_errors == 0 else 3


if __name__ == "__main__":
    sys.exit(main())
