#!/usr/bin/env python3
"""Hunts the sample archive and reads the alerts back with DuckDB, an engine that has nothing of ours.

usage: read_back.py [BINARY] [ARCHIVE] [PLANTED]

BINARY is target/release/trailsift unless given, ARCHIVE data/trail, and PLANTED the list that `trailsift
synth` wrote beside it, data/trail.planted.ndjson. DuckDB is installed into target/venv if this Python does
not have it. Every check prints a line; the first that fails ends the script.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
VENV = REPOSITORY / "target" / "venv"
DUCKDB = "duckdb>=1.2,<3"

TEXT, TEXTS, INT32, INT64, TIME = "VARCHAR", "VARCHAR[]", "INTEGER", "BIGINT", "TIMESTAMP WITH TIME ZONE"
COLUMNS = [
    ("rule_id", TEXT),
    ("rule_name", TEXT),
    ("rule_version", INT32),
    ("severity", TEXT),
    ("risk_score", INT32),
    ("mitre_tactic_ids", TEXTS),
    ("mitre_technique_ids", TEXTS),
    ("rule_pack", TEXT),
    ("rule_file", TEXT),
    ("rule_authors", TEXTS),
    ("rule_tags", TEXTS),
    ("rule_notes", TEXTS),
    ("alert_id", TEXT),
    ("event_time", TIME),
    ("event_time_text", TEXT),
    ("event_id", TEXT),
    ("event_action", TEXT),
    ("event_provider", TEXT),
    ("event_outcome", TEXT),
    ("event_version", TEXT),
    ("account_id", TEXT),
    ("recipient_account_id", TEXT),
    ("aws_region", TEXT),
    ("target_user_name", TEXT),
    ("policy_arn", TEXT),
    ("policy_name", TEXT),
    ("resource", TEXT),
    ("matched_field", TEXT),
    ("actor_type", TEXT),
    ("actor_name", TEXT),
    ("actor_arn", TEXT),
    ("actor_principal_id", TEXT),
    ("actor_account_id", TEXT),
    ("actor_access_key_id", TEXT),
    ("invoked_by", TEXT),
    ("source_address", TEXT),
    ("source_ip", TEXT),
    ("user_agent", TEXT),
    ("request_id", TEXT),
    ("shared_event_id", TEXT),
    ("request_parameters", TEXT),
    ("raw_event", TEXT),
    ("log_file_path", TEXT),
    ("log_file_member", TEXT),
    ("log_status", TEXT),
    ("record_index", INT64),
    ("log_offset", INT64),
    ("sighting", INT64),
    ("run_id", TEXT),
]
RULE_ID = "0b79f5c0-2c31-4fea-86cd-e62644278205"


def import_duckdb():
    """DuckDB, from this Python or else from the venv, which is made if it is not there."""
    try:
        import duckdb

        return duckdb
    except ImportError:
        pass
    python = VENV / "bin" / "python"
    if pathlib.Path(sys.prefix).resolve() == VENV.resolve():
        sys.exit(f"DuckDB was installed and cannot be imported: remove {VENV} and try again")
    if not python.exists() or subprocess.run([python, "-c", "import duckdb"], capture_output=True).returncode:
        print(f"installing {DUCKDB} into {VENV.relative_to(REPOSITORY)}", flush=True)
        make = [sys.executable, "-m", "venv", "--clear", VENV]
        pip = [python, "-m", "pip"]
        if subprocess.run(make, capture_output=True).returncode:
            # Debian has `ensurepip` in a package of its own: this Python's pip then installs into the venv.
            subprocess.run([*make, "--without-pip"], check=True)
            pip = [sys.executable, "-m", "pip", "--python", python]
        subprocess.run([*pip, "install", "--quiet", DUCKDB], check=True)
    os.execv(python, [python, *sys.argv])


def check(what, found, expected):
    """Says that a check passed, or ends the script."""
    if found != expected:
        sys.exit(f"FAILED: {what}\n  found    {found!r}\n  expected {expected!r}")
    print(f"  ok: {what}")


def hunt(binary, archive, alerts, *options):
    """Hunts; everything in the archive must have been read."""
    command = [binary, "hunt", "--quiet", "--output", alerts, *options, archive]
    check(f"hunt of {archive.name} exits 0", subprocess.run(command).returncode, 0)


def micros(iso):
    """Microseconds since 1970 of a time such as 2024-05-01T12:00:00Z."""
    time = datetime.datetime.fromisoformat(iso.replace("Z", "+00:00"))
    return (time - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) // datetime.timedelta(microseconds=1)


def check_file(duckdb, file, version, n_rows):
    """What holds for every file of alerts, whatever is in it."""

    def ask(query):
        return duckdb.execute(query, [str(file)]).fetchall()

    described = ask("SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_parquet($1))")
    check(f"{len(COLUMNS)} columns of these names and types", described, COLUMNS)
    check(f"{n_rows} rows", ask("SELECT count(*) FROM read_parquet($1)"), [(n_rows,)])
    made = ask("SELECT created_by, num_rows FROM parquet_file_metadata($1)")
    check("who created it, and the rows by the footer", made, [(f"trailsift version {version}", n_rows)])

    metadata = {key.decode(): value.decode() for key, value in ask("SELECT key, value FROM parquet_kv_metadata($1)")}
    run_id = metadata.pop("trailsift.run_id", "")
    check("a run id of 32 hexadecimal digits", len(run_id) == 32 and int(run_id, 16) > 0, True)
    # Arrow's own copy of the schema, ARROW:schema, would show here.
    rule = {"trailsift.version": version, "trailsift.rule_id": RULE_ID, "trailsift.rule_version": "2"}
    check("no other metadata than the program's and the rule's", metadata, rule)

    schema = ask("SELECT name, num_children, repetition_type FROM parquet_schema($1)")
    columns = {name for name, _ in COLUMNS}
    nested = [row for row in schema[1:] if row[0] not in columns]
    three_levels = [("list", 1, "REPEATED"), ("element", None, "OPTIONAL")]
    check("lists are of three levels, their elements called `element`", nested, three_levels * 5)
    codecs = ask("SELECT DISTINCT compression FROM parquet_metadata($1) WHERE compression IS NOT NULL")
    check("every column is zstd", codecs, [("ZSTD",)] if n_rows else [])


def check_rows(duckdb, file, planted):
    """The rows against the list of what was planted."""
    rows = duckdb.execute(
        "SELECT event_id, epoch_us(event_time), account_id, target_user_name, sighting, log_file_path, record_index"
        " FROM read_parquet($1)",
        [str(file)],
    ).fetchall()
    plants = [
        (plant["event_id"], micros(plant["event_time"]), plant["account_id"], plant["user_name"], sighting)
        for plant in planted
        for sighting in range(1, plant["sightings"] + 1)
    ]
    check("events by id", sorted({row[0] for row in rows}), sorted({plant[0] for plant in plants}))
    check("instants, accounts, users and sightings", sorted(row[:5] for row in rows), sorted(plants))
    for plant in planted:
        places = [(row[5].endswith(plant["file"]), row[6]) for row in rows if row[0] == plant["event_id"]]
        if (True, plant["record_index"]) not in places:
            sys.exit(f"FAILED: {plant['event_id']} stands in {plant['file']}, the rows say otherwise: {places}")
    print("  ok: files and places in them")
    lists = duckdb.execute(
        "SELECT DISTINCT mitre_tactic_ids, mitre_technique_ids, rule_version FROM read_parquet($1)", [str(file)]
    ).fetchall()
    check("lists come back as lists", lists, [(["TA0006"], ["T1552"], 2)])


def main():
    duckdb = import_duckdb()
    given = [pathlib.Path(argument) for argument in sys.argv[1:]]
    defaults = [
        REPOSITORY / "target" / "release" / "trailsift",
        REPOSITORY / "data" / "trail",
        REPOSITORY / "data" / "trail.planted.ndjson",
    ]
    binary, archive, list_path = given + defaults[len(given) :]
    print(f"DuckDB {duckdb.__version__}")
    planted = [json.loads(line) for line in list_path.read_text(encoding="utf-8").splitlines()]
    matches = [plant for plant in planted if plant["kind"] == "match"]
    check("the list has matches and near misses", 0 < len(matches) < len(planted), True)
    version = subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]

    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        alerts = folder / "alerts.parquet"
        hunt(binary, archive, alerts)
        check_file(duckdb, alerts, version, sum(plant["sightings"] for plant in matches))
        check_rows(duckdb, alerts, matches)

        nothing = folder / "nothing"
        nothing.mkdir()
        (nothing / "a.json").write_text('{"Records":[]}')
        alerts = folder / "none.parquet"
        hunt(binary, nothing, alerts, "--allow-empty")
        check_file(duckdb, alerts, version, 0)


if __name__ == "__main__":
    main()
