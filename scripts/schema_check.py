#!/usr/bin/env python3
"""Checks what the program writes with the JSON Schemas that it prints.

usage: scripts/schema_check.py PROGRAM

Alerts as JSON lines, reports and cases of the sample archive, and of an archive with damage, are validated by
`jsonschema`, which is installed into target/venv-schema if it is not there. A schema that accepts anything fails: each
document is also changed in ways that its schema must refuse.
"""

import copy
import json
import pathlib
import subprocess
import sys
import tempfile

import own_venv

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def run(program, *args, codes=(0,)):
    done = subprocess.run([program, *args], capture_output=True, text=True)
    if done.returncode not in codes:
        sys.exit(f"FAILED: {args} gave {done.returncode}\n{done.stderr}")
    return done.stdout


def check(validator, documents, what):
    for document in documents:
        errors = list(validator.iter_errors(document))
        if errors:
            sys.exit(f"FAILED: {what}: {errors[0].json_path}: {errors[0].message}")
    print(f"  ok: {len(documents)} {what}")


def check_refusals(validator, document, required, what):
    """A document with a field of another type, or without one that is required, is refused."""
    for name in required:
        without = copy.deepcopy(document)
        del without[name]
        other = copy.deepcopy(document)
        other[name] = {"not": ["this"]}
        for changed in (without, other):
            if validator.is_valid(changed):
                sys.exit(f"FAILED: the schema of {what} accepts any `{name}`")
    print(f"  ok: the schema of {what} refuses what is none")


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    import jsonschema

    validators = {}
    for of in ("alerts", "report", "case"):
        schema = json.loads(run(program, "schema", of))
        jsonschema.Draft202012Validator.check_schema(schema)
        validators[of] = jsonschema.Draft202012Validator(schema)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        trail = REPOSITORY / "data" / "trail"
        damaged = work / "damaged"
        damaged.mkdir()
        (damaged / "cut.json").write_text('{"Records":[{"eventVersion":"1.08","eventName":"Atta')
        (damaged / "empty.json").write_text("")
        reports, rows = [], []
        for archive, codes in ((trail, (0,)), (damaged, (3,))):
            report, alerts = work / "report.json", work / "alerts.ndjson"
            options = ["--quiet", "--force", "--output", alerts, "--report", report]
            run(program, "hunt", *options, archive, codes=codes)
            reports.append(json.loads(report.read_text()))
            rows += [json.loads(line) for line in alerts.read_text().splitlines()]
        assert len(rows) >= 10 and reports[1]["diagnostics"], (len(rows), reports[1])
        check(validators["report"], reports, "reports")
        check(validators["alerts"], rows, "rows of alerts")
        run(program, "hunt", "--quiet", "--output", work / "alerts.ndjson", trail)
        told = work / "told"
        run(program, "synth", told, "--scenario", "role-chain", "--files", "5")
        run(program, "hunt", "--quiet", "--output", work / "told.ndjson", told)
        cases = []
        for alerts, archive in (("alerts.ndjson", trail), ("told.ndjson", told)):
            case = work / f"case-{alerts}"
            run(program, "investigate", "--quiet", "--output", case, work / alerts, archive, codes=(0, 3))
            cases.append(json.loads((case / "case.json").read_text()))
        check(validators["case"], cases, "cases")
        check_refusals(validators["alerts"], rows[0], ["alert_id", "run_id", "rule_version"], "alerts")
        check_refusals(validators["report"], reports[0], ["schema_version", "complete", "sources", "outputs"], "reports")
        check_refusals(validators["case"], cases[0], ["run_id", "beginnings", "files", "archive"], "cases")


if __name__ == "__main__":
    own_venv.enter("venv-schema", ["jsonschema==4.*"])
    main()
