#!/usr/bin/env python3
"""Has the readers of a data lake read a dataset of alerts, and compares what each of them sees.

usage: scripts/readers.py [--program PATH]

Two runs write a dataset of Parquet; DuckDB, Polars, pandas, PyIceberg (`add_files` into a table of a local catalogue),
delta-rs and ClickHouse (chdb) read it: each must see the rows that pyarrow sees in a stream of Arrow of the same
archive, the time as an instant in UTC. Likewise a dataset that is divided by days. Findings of OCSF are held against the
class's JSON schema, and their Parquet files against what Security Lake asks for. The readers, and the schema of OCSF, come
from PyPI into target/venv-readers.
"""

import argparse
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import own_venv

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
READERS = ["duckdb", "polars", "pandas", "pyarrow", "pyiceberg[sql-sqlite,pyarrow]", "deltalake", "chdb"]
VALIDATORS = ["ocsf-json-schema==1.2.0", "jsonschema"]
# A text, a list of texts, numbers of both sizes, and the time.
COLUMNS = ["event_id", "mitre_technique_ids", "risk_score", "log_offset", "event_time", "account_id", "invoked_by"]


def plain(value: object) -> object:
    """The same value in the same form, whoever read it. A time without a zone would be another value."""
    if isinstance(value, datetime.datetime):
        assert value.utcoffset() is not None, f"{value} has no zone"
        return round(value.timestamp() * 1_000_000)
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    return value


def rows_of(table: object) -> list[list[object]]:
    """The rows of an Arrow table."""
    rows = table.select(COLUMNS).to_pylist()
    return sorted(([plain(row[name]) for name in COLUMNS] for row in rows), key=repr)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", default="target/release/trailsift")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program, work = pathlib.Path(args.program).resolve(), pathlib.Path(folder)
        expected = read(program, work)
        read_days(program, work, expected)
        check_findings(program, work, expected)
    return 0


def read(program: pathlib.Path, work: pathlib.Path) -> list[list[object]]:
    import chdb
    import deltalake
    import duckdb
    import pandas
    import polars
    import pyarrow as pa
    import pyarrow.dataset as ds
    from pyiceberg.catalog.sql import SqlCatalog

    archives = [work / "logs-1", work / "logs-2"]
    dataset, streams = work / "alerts", []
    for n, archive in enumerate(archives):
        synth = [program, "synth", archive, "--files", "50", "--matches", "40", "--seed", str(n + 1)]
        subprocess.run(synth, check=True, capture_output=True)
        subprocess.run([program, "hunt", "--quiet", "--output", f"{dataset}/", archive], check=True)
        stream = subprocess.run(
            [program, "hunt", "--quiet", "--format", "arrow", "--output", "-", archive], check=True, capture_output=True
        )
        streams.append(pa.ipc.open_stream(stream.stdout).read_all())
    expected = rows_of(pa.concat_tables(streams))
    files = sorted(str(file) for file in dataset.glob("*.parquet"))
    assert len(files) == 2 and len(expected) >= 80, (files, len(expected))
    columns = ", ".join(COLUMNS)

    def by_pandas() -> pa.Table:
        frame = pandas.read_parquet(dataset)
        assert str(frame["event_time"].dt.tz) == "UTC", frame["event_time"].dtype
        return pa.Table.from_pandas(frame[COLUMNS], preserve_index=False)

    def by_iceberg() -> pa.Table:
        catalog = SqlCatalog("local", uri=f"sqlite:///{work}/catalog.db", warehouse=f"file://{work}/warehouse")
        catalog.create_namespace("security")
        table = catalog.create_table("security.alerts", schema=ds.dataset(dataset, format="parquet").schema)
        table.add_files(files)
        return table.scan().to_arrow()

    def by_delta() -> pa.Table:
        deltalake.convert_to_deltalake(dataset)
        return pa.table(deltalake.DeltaTable(dataset).to_pyarrow_dataset().to_table())

    def by_clickhouse() -> pa.Table:
        query = f"SELECT {columns} FROM file('{dataset}/*.parquet', Parquet)"
        settings = "SETTINGS output_format_arrow_string_as_string = 1"
        return pa.ipc.open_file(chdb.query(f"{query} {settings}", "Arrow").bytes()).read_all()

    readers = {
        "pyarrow": lambda: ds.dataset(dataset, format="parquet").to_table(),
        "DuckDB": lambda: duckdb.sql(f"SELECT {columns} FROM '{dataset}/*.parquet'").to_arrow_table(),
        "Polars": lambda: polars.read_parquet(dataset).to_arrow(),
        "pandas": by_pandas,
        "PyIceberg": by_iceberg,
        "ClickHouse": by_clickhouse,
        # Last: it puts its log into the folder.
        "delta-rs": by_delta,
    }
    for name, reader in readers.items():
        found = rows_of(reader())
        if found != expected:
            sys.exit(f"FAILED: {name}\n  found    {found[:1]}\n  expected {expected[:1]}")
        print(f"  ok: {name} sees the {len(expected)} rows", flush=True)
    query = REPOSITORY.joinpath("docs/src/outputs.md").read_text().split("-- DuckDB\n")[1].split("```")[0]
    os.chdir(work)
    n_first = sum(row[0] is not None for row in duckdb.sql(query).fetchall())
    assert n_first == len({row[0] for row in expected}), n_first
    print(f"  ok: the documented query finds the {n_first} events")
    return expected


def read_days(program: pathlib.Path, work: pathlib.Path, expected: list[list[object]]) -> None:
    """A dataset with a folder for each day, which engines read as a column."""
    import chdb
    import duckdb
    import polars
    import pyarrow as pa
    import pyarrow.dataset as ds

    dataset = work / "days"
    for archive in (work / "logs-1", work / "logs-2"):
        hunt = [program, "hunt", "--quiet", "--partition-by", "event_date", "--output", f"{dataset}/", archive]
        subprocess.run(hunt, check=True)
    left = [str(path) for path in dataset.rglob("*") if path.is_file() and path.suffix != ".parquet"]
    assert left == [], left
    columns = ", ".join([*COLUMNS, "CAST(event_date AS VARCHAR) AS event_date"])
    in_clickhouse = f"""
        SELECT {", ".join(COLUMNS)}, extract(_path, 'event_date=([^/]+)') AS event_date
        FROM file('{dataset}/*/*.parquet', Parquet) SETTINGS output_format_arrow_string_as_string = 1
    """
    readers = {
        "pyarrow": lambda: ds.dataset(dataset, format="parquet", partitioning="hive").to_table(),
        "DuckDB": lambda: duckdb.sql(f"SELECT {columns} FROM '{dataset}/*/*.parquet'").to_arrow_table(),
        "Polars": lambda: polars.read_parquet(dataset, hive_partitioning=True).to_arrow(),
        "ClickHouse": lambda: pa.ipc.open_file(chdb.query(in_clickhouse, "Arrow").bytes()).read_all(),
    }
    for name, reader in readers.items():
        table = reader()
        if rows_of(table) != expected:
            sys.exit(f"FAILED: {name} sees other rows of days")
        for row in table.select(["event_time", "event_date"]).to_pylist():
            assert str(row["event_date"]) == row["event_time"].strftime("%Y-%m-%d"), (name, row)
        print(f"  ok: {name} sees the {len(expected)} rows, and their days", flush=True)


def check_findings(program: pathlib.Path, work: pathlib.Path, expected: list[list[object]]) -> None:
    """OCSF: each finding is one by the schema, and the files are as Security Lake wants them."""
    import jsonschema
    import pyarrow.parquet as pq
    from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

    schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.3.0")).get_class_schema("detection_finding", ["cloud"])
    validator = jsonschema.Draft202012Validator(schema)
    lake, lines = work / "lake", work / "findings.ndjson"
    hunt = [program, "hunt", "--quiet", "--schema", "ocsf", work / "logs-1", work / "logs-2"]
    subprocess.run([*hunt, "--output", lines], check=True)
    subprocess.run([*hunt, "--output", f"{lake}/"], check=True)
    findings = [json.loads(line) for line in lines.read_text().splitlines()]
    for finding in findings:
        faults = [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(finding)]
        assert faults == [], (faults, finding)
    # The check can fail.
    assert list(validator.iter_errors(findings[0] | {"severity_id": "high"})), "the schema takes anything"
    assert list(validator.iter_errors({k: v for k, v in findings[0].items() if k != "time"})), "the schema takes anything"
    rows = []
    for file in sorted(lake.rglob("*.parquet")):
        region, account, day = (part.split("=") for part in file.relative_to(lake).parts[:-1])
        assert [region[0], account[0], day[0]] == ["region", "accountId", "eventDay"], file
        table = pq.ParquetFile(file)
        of_file = table.read().to_pylist()
        for row in of_file:
            assert validator.is_valid(without_nulls(row)), file
            assert row["cloud"]["region"] == region[1] and row["cloud"]["account"]["uid"] == account[1], file
            time = datetime.datetime.fromtimestamp(row["time"] / 1000, datetime.timezone.utc)
            assert time.strftime("%Y%m%d") == day[1], file
        times = [row["time"] for row in of_file]
        assert times == sorted(times), file
        for group in (table.metadata.row_group(n) for n in range(table.num_row_groups)):
            assert group.total_byte_size <= 256 << 20 and group.column(0).compression == "ZSTD", file
        rows += of_file
    rows = [without_nulls(row) for row in rows]
    for row in [*rows, *findings]:
        assert row["unmapped"].pop("run_id"), row
    in_lines = sorted(json.dumps(finding, sort_keys=True) for finding in findings)
    in_files = sorted(json.dumps(row, sort_keys=True) for row in rows)
    assert in_files == in_lines and len(in_lines) == len(expected), (len(in_files), len(in_lines))
    print(f"  ok: {len(findings)} findings of OCSF 1.3.0, the same as lines and in {len(list(lake.rglob('*.parquet')))} files")


def without_nulls(value: object) -> object:
    """A row as a document: without what has no value, and maps as objects."""
    if isinstance(value, dict):
        kept = {name: without_nulls(field) for name, field in value.items()}
        return {name: field for name, field in kept.items() if field not in (None, {}, [])}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return dict(value)
    return [without_nulls(one) for one in value] if isinstance(value, list) else value


if __name__ == "__main__":
    own_venv.enter("venv-readers", READERS + VALIDATORS)
    sys.exit(main())
