#!/usr/bin/env python3
"""Runs scripts/spark_hunt.py on real Spark and compares what it gives with a local hunt.

usage: scripts/spark_check.py [--program PATH] [--serve PATH]

A standalone master and two workers on loopback (Spark 4): an archive on disk and in an S3 server, a worker that is
killed in mid-job, a program that dies on each shard's first try, a file that cannot be read, an output, a program and
a file that are not what they should be. The same script in local
mode with Spark 3.5. Spark comes from PyPI into target/, a Java 17 from the system's packages if none is there.
"""

import argparse
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
SCRIPT = REPOSITORY / "scripts/spark_hunt.py"
# What differs from run to run, and counts within a shard.
IGNORED = {"sighting", "run_id"}
# Where a row was found. A table that Spark reads has no files.
PLACES = {"alert_id", "log_file_path", "log_file_member", "record_index", "log_offset"}
# A time as Spark and as the program write it in JSON.
TIMES = {"event_time_text", "raw_event"}
KEYS = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "AWS_REGION": "us-east-1",
}


def java() -> None:
    if shutil.which("java"):
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    subprocess.run([*root, "apt-get", "update", "-qq"], check=True)
    subprocess.run([*root, "apt-get", "install", "-y", "-qq", "openjdk-17-jre-headless"], check=True)


def venv(version: str) -> pathlib.Path:
    """A Python with this Spark."""
    folder = REPOSITORY / f"target/venv-spark-{version}"
    if not (folder / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        wanted = [f"pyspark=={version}.*", "pandas>=2.2,<3", "pyarrow>=15", "setuptools<81"]
        subprocess.run([folder / "bin/pip", "install", "--quiet", *wanted], check=True)
        (folder / "done").touch()
    return folder


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


class Cluster:
    """A standalone master and two workers on loopback."""

    def __init__(self, python: pathlib.Path, work: pathlib.Path) -> None:
        home = subprocess.run(
            [python / "bin/python", "-c", "import pyspark; print(pyspark.__path__[0])"],
            check=True, capture_output=True, text=True,
        ).stdout.strip()
        self.environment = os.environ | KEYS | {
            "SPARK_HOME": home, "SPARK_LOCAL_IP": "127.0.0.1", "SPARK_LOCAL_HOSTNAME": "localhost",
            "PYSPARK_PYTHON": str(python / "bin/python"), "PYSPARK_DRIVER_PYTHON": str(python / "bin/python"),
        }
        self.home, self.work, self.python = pathlib.Path(home), work, python
        port = free_port()
        self.url = f"spark://127.0.0.1:{port}"
        self.processes = [self.start("master.Master", "--host", "127.0.0.1", "--port", str(port))]
        time.sleep(4)
        for n in range(2):
            self.processes.append(self.start(
                "worker.Worker", "--host", "127.0.0.1", "--cores", "2", "--memory", "1g",
                "--work-dir", str(work / f"worker{n}"), self.url,
            ))
        time.sleep(4)

    def start(self, name: str, *args: str) -> subprocess.Popen:
        log = (self.work / f"{name}.log").open("ab")
        command = [self.home / "bin/spark-class", f"org.apache.spark.deploy.{name}", "--webui-port", "0", *args]
        return subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def submit(self, *args: object) -> subprocess.Popen:
        command = [self.home / "bin/spark-submit", "--master", self.url, *CONF, SCRIPT, *args]
        return subprocess.Popen([str(part) for part in command], env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def stop(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


CONF = [
    "--conf", "spark.ui.enabled=false", "--conf", "spark.driver.bindAddress=127.0.0.1",
    "--conf", "spark.driver.host=127.0.0.1", "--conf", "spark.driver.memory=1g",
    "--conf", "spark.executor.memory=768m", "--conf", "spark.executor.cores=1",
    "--conf", "spark.log.level=ERROR", "--conf", "spark.sql.shuffle.partitions=2",
]


def rows_of(python: pathlib.Path, folder: pathlib.Path) -> list[dict]:
    """The rows of a folder of Parquet, read by pyarrow."""
    script = (
        "import sys, json, pyarrow.dataset as ds;"
        "rows = ds.dataset(sys.argv[1], format='parquet').to_table().to_pylist();"
        "print(json.dumps(rows, default=str))"
    )
    command = [python / "bin/python", "-c", script, folder]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def sorted_rows(rows: list[dict], ignored: set[str] = IGNORED) -> list[str]:
    return sorted(json.dumps({k: v for k, v in row.items() if k not in ignored}, sort_keys=True) for row in rows)


def tables(python: pathlib.Path, logs: pathlib.Path, athena: pathlib.Path, lines: pathlib.Path) -> None:
    """The records of an archive as tables: with the columns of Athena's, and as bytes in a column's field."""
    script = """
import gzip, json, pathlib, sys, pyarrow as pa, pyarrow.parquet as pq
logs, athena, lines = map(pathlib.Path, sys.argv[1:])
records = [r for f in sorted(logs.rglob("*.json.gz")) for r in json.loads(gzip.open(f).read())["Records"]]
text = lambda value: None if value is None else value if isinstance(value, str) else json.dumps(value)
rows = []
for r in records:
    row = {k.lower(): text(v) for k, v in r.items() if k not in ("userIdentity", "resources")}
    row["useridentity"] = {k.lower(): text(v) for k, v in r.get("userIdentity", {}).items() if k != "sessionContext"}
    row["eventtime_"] = row.pop("eventtime")
    rows.append(row)
names = sorted({name for row in rows for name in row})
users = sorted({name for row in rows for name in row["useridentity"]})
columns = {n: pa.array([row.get(n) for row in rows], pa.struct([(u, pa.string()) for u in users]) if n == "useridentity" else pa.string()) for n in names}
times = columns.pop("eventtime_").cast(pa.timestamp("us", "UTC"))
table = pa.table(columns | {"eventtime": times})
for at in range(0, len(table), 3000):
    pq.write_table(table.slice(at, 3000), athena / f"{at}.parquet", row_group_size=1000)
value = [{"body": json.dumps(r).encode()} for r in records]
pq.write_table(pa.table({"value": value}), lines / "0.parquet", row_group_size=1000)
"""
    athena.mkdir()
    lines.mkdir()
    subprocess.run([python / "bin/python", "-c", script, logs, athena, lines], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    parser.add_argument("--serve", default="target/debug/examples/serve")
    args = parser.parse_args()
    program = pathlib.Path(args.program).resolve()
    java()
    spark_4, spark_35 = venv("4.0"), venv("3.5")
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        check(program, pathlib.Path(args.serve).resolve(), spark_4, spark_35, work)
    return 0


def check(program: pathlib.Path, serve: pathlib.Path, spark_4: pathlib.Path, spark_35: pathlib.Path, work: pathlib.Path) -> None:
    logs = work / "buckets/trail"
    synth = [program, "synth", logs, "--files", "400", "--records-per-file", "40", "--matches", "60", "--near-misses", "20"]
    subprocess.run(synth, check=True, capture_output=True)
    hunted = 0

    def local(root: object, environment: dict | None = None, ignored: set[str] = IGNORED) -> list[str]:
        nonlocal hunted
        hunted += 1
        output = work / f"local-{hunted}.parquet"
        subprocess.run([program, "hunt", "--quiet", "--output", output, root], check=True, env=environment)
        return sorted_rows(rows_of(spark_4, output), ignored)

    def same(
        name: str, job: subprocess.Popen, output: pathlib.Path, expected: list[str], code: int = 0, ignored: set[str] = IGNORED
    ) -> list[dict]:
        log, _ = job.communicate(timeout=900)
        assert job.returncode == code, f"{name}: exit code {job.returncode}\n{log[-6000:]}"
        found = sorted_rows(rows_of(spark_4, output / "alerts"), ignored)
        assert found == expected, f"{name}: other rows, such as\n{set(found) - set(expected) or '-'}\n{set(expected) - set(found) or '-'}"
        print(f"{name}: the {len(expected)} rows of a local hunt", flush=True)
        return rows_of(spark_4, output / "diagnostics")

    def refused(name: str, job: subprocess.Popen, words: str) -> None:
        log, _ = job.communicate(timeout=900)
        assert job.returncode == 2, f"{name}: exit code {job.returncode}\n{log[-6000:]}"
        assert words in log and "Traceback" not in log, f"{name}:\n{log[-6000:]}"
        print(f"{name}: refused", flush=True)

    expected = local(logs)
    assert len(expected) >= 60
    server = subprocess.Popen([serve, work / "buckets"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    endpoint = {"AWS_ENDPOINT_URL": server.stdout.readline().strip()}
    cluster = Cluster(spark_4, work)
    cluster.environment |= endpoint
    try:
        output = work / "disk"
        job = cluster.submit("--program", program, "--output", output, "--shards", 7, logs)
        assert same("on disk", job, output, expected) == []

        # What is there is replaced only if that is wanted.
        job = cluster.submit("--program", program, "--output", output, "--shards", 7, logs)
        refused("an output that is there", job, f"{output}/alerts: it is there already")
        assert sorted_rows(rows_of(spark_4, output / "alerts")) == expected
        job = cluster.submit("--program", program, "--output", output, "--mode", "overwrite", "--shards", 7, logs)
        assert same("an output that is replaced", job, output, expected) == []
        job = cluster.submit("--program", work / "none", "--output", work / "none-1", logs)
        refused("no program", job, "there is no trailsift program: no such file")
        job = cluster.submit("--program", "/bin/false", "--output", work / "none-2", logs)
        refused("another program", job, "this is no trailsift program")
        job = cluster.submit("--program", program, "--output", work / "none-3", work / "nowhere")
        refused("no such file", job, "nowhere: no such file or directory")
        job = cluster.submit("--program", program, "--output", work / "none-4", "--content", work / "nowhere")
        refused("no such content", job, "nowhere: no such file or folder")

        # Executors get the environment of their worker, which has no endpoint: it is an option.
        output = work / "s3"
        options = ["--", "--endpoint-url", endpoint["AWS_ENDPOINT_URL"]]
        job = cluster.submit("--program", program, "--output", output, "--shards", 5, "s3://trail/", *options)
        in_bucket = local("s3://trail/", os.environ | KEYS | endpoint)
        assert same("in a bucket", job, output, in_bucket) == []

        output = work / "content"
        job = cluster.submit("--program", program, "--output", output, "--content", logs)
        assert same("contents that Spark reads", job, output, expected) == []

        athena, lines = work / "athena", work / "lines"
        tables(spark_4, logs, athena, lines)
        for name, folder, differ in (("a table like Athena's", athena, TIMES), ("a table of bytes", lines, set())):
            ignored = IGNORED | PLACES | differ
            in_table = local(folder, ignored=ignored)
            assert len(in_table) == len(expected), name
            output = work / f"rows-{folder.name}"
            job = cluster.submit("--program", program, "--output", output, "--table", f"parquet.`{folder}`")
            assert same(name, job, output, in_table, ignored=ignored) == []

        # Under the same name as the program, it dies where it has not been for a shard.
        dying = work / "dying/trailsift"
        dying.parent.mkdir()
        marks = work / "marks"
        marks.mkdir()
        dying.write_text(
            f'#!/bin/sh\ncase "$*" in *--shard*)\n  mark={marks}/$(echo "$*" | sed "s/.*--shard //; s/[^0-9].*//")\n'
            f'  if mkdir "$mark" 2>/dev/null; then {program} "$@" | head -c 3000; kill -9 $$; fi ;;\nesac\n'
            f'exec {program} "$@"\n'
        )
        dying.chmod(0o755)
        output = work / "died"
        job = cluster.submit("--program", dying, "--output", output, "--shards", 3, logs)
        assert same("a program that dies on each first try", job, output, expected) == []
        assert len(list(marks.iterdir())) == 3, "nothing died"

        # Slow enough that a worker can be killed while it hunts.
        slow = work / "slow/trailsift"
        slow.parent.mkdir()
        slow.write_text(f'#!/bin/sh\ncase "$*" in *--shard*) sleep 2 ;; esac\nexec {program} "$@"\n')
        slow.chmod(0o755)
        output = work / "killed"
        executors = set((work / "worker0").glob("app-*/*/trailsift"))
        job = cluster.submit("--program", slow, "--output", output, "--shards", 16, logs)
        deadline = time.monotonic() + 120
        while set((work / "worker0").glob("app-*/*/trailsift")) <= executors:
            if time.monotonic() > deadline:
                sys.exit("FAILED: no task began on the worker that is to be killed")
            time.sleep(0.2)
        time.sleep(3)
        # Its executors see that it is gone, and end.
        cluster.processes[1].kill()
        time.sleep(1)
        assert job.poll() is None, "the job had ended before the worker was killed"
        assert same("a worker that is killed", job, output, expected) == []

        truncated = logs / "cut.json.gz"
        whole = next(logs.rglob("*.json.gz")).read_bytes()
        truncated.write_bytes(whole[: len(whole) // 2])
        output = work / "cut"
        job = cluster.submit("--program", program, "--output", output, "--shards", 4, logs)
        told = same("a file that is cut off", job, output, expected, code=3)
        assert [(one["code"], one["source"]) for one in told] == [("truncated", str(truncated))], told
        output = work / "cut-content"
        job = cluster.submit("--program", program, "--output", output, "--content", logs)
        told = same("a content that is cut off", job, output, expected, code=3)
        assert [(one["code"], one["source"]) for one in told] == [("truncated", str(truncated))], told
        output = work / "cut-not-allowed"
        job = cluster.submit("--program", program, "--output", output, "--max-incomplete", 0, logs)
        same("a file that is cut off and may not be", job, output, expected, code=1)
        truncated.unlink()
    finally:
        cluster.stop()
        server.communicate("")

    environment = os.environ | {"PYSPARK_PYTHON": str(spark_35 / "bin/python"), "SPARK_LOCAL_IP": "127.0.0.1"}
    command = [spark_35 / "bin/spark-submit", "--master", "local[2]", *CONF, SCRIPT]
    command += ["--program", program, "--output"]
    for mode, options in (("shards", ["--shards", "3", logs]), ("contents", ["--content", logs])):
        output = work / f"spark-3.5-{mode}"
        job = subprocess.Popen(
            [str(part) for part in [*command, output, *options]], env=environment, stderr=subprocess.PIPE, text=True
        )
        assert same(f"Spark 3.5, in local mode, {mode}", job, output, expected) == []
    query = (REPOSITORY / "examples/spark.sql").read_text().split("-- Spark\n")[1].split(";")[0]
    script = (
        "import sys; from pyspark.sql import SparkSession;"
        "rows = SparkSession.builder.getOrCreate().sql(sys.argv[1]).collect();"
        "print(sum(row['times'] for row in rows))"
    )
    asked = [spark_35 / "bin/python", "-c", script, query.replace("`alerts`", f"`{output}/alerts`")]
    answer = subprocess.run(asked, check=True, capture_output=True, text=True, env=environment).stdout
    assert int(answer.split()[-1]) == len(expected), answer
    print("the query of examples/spark.sql finds them", flush=True)


if __name__ == "__main__":
    sys.exit(main())
