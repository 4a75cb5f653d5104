#!/usr/bin/env python3
"""Has the readers of a data lake read a dataset of alerts, and compares what each of them sees.

usage: scripts/readers.py [--program PATH]

Two runs write a dataset of Parquet; DuckDB, Polars, pandas, PyIceberg (`add_files` into a table of a local catalogue),
delta-rs and ClickHouse (chdb) read it: each must see the rows that pyarrow sees in a stream of Arrow of the same
archive, the time as an instant in UTC. The readers come from PyPI into target/venv-readers.
"""

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
VENV = REPOSITORY / "target/venv-readers"
READERS = ["duckdb", "polars", "pandas", "pyarrow", "pyiceberg[sql-sqlite,pyarrow]", "deltalake", "chdb"]
# A text, a list of texts, numbers of both sizes, and the time.
COLUMNS = ["event_id", "mitre_technique_ids", "risk_score", "byte_offset", "event_time", "account_id", "invoked_by"]


def in_venv() -> None:
    """Goes on in a Python that has the readers."""
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        return
    if not (VENV / "done").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", VENV], check=True)
        subprocess.run([VENV / "bin/pip", "install", "--quiet", *READERS], check=True)
        (VENV / "done").touch()
    os.execv(VENV / "bin/python", [str(VENV / "bin/python"), *sys.argv])


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
        read(pathlib.Path(args.program).resolve(), pathlib.Path(folder))
    return 0


def read(program: pathlib.Path, work: pathlib.Path) -> None:
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
    query = REPOSITORY.joinpath("README.md").read_text().split("-- DuckDB\n")[1].split("```")[0]
    os.chdir(work)
    n_first = sum(row[0] is not None for row in duckdb.sql(query).fetchall())
    assert n_first == len({row[0] for row in expected}), n_first
    print(f"  ok: README's query finds the {n_first} events")


if __name__ == "__main__":
    in_venv()
    sys.exit(main())
