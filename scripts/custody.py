#!/usr/bin/env python3
"""Runs `verify` over the archives with digests that a script in the folder beside the repository makes.

usage: scripts/custody.py PROGRAM [--cases FOLDER] [--only CASE[,CASE]] [--packed]

The script makes archives with chains of digests that AWS's own validator accepts, and changes them; each has what is
expected of it. Each archive is checked as files and, with --packed, also as one tar, with the metadata of the objects
and without it. FOLDER has archives that were made before. The last line is "N passed, N failed".
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
MAKER = REPOSITORY.parent / "shared/custody/make_digests.py"
PACKAGES = ["cryptography==48.0.0"]


def outcome(program, source, case, with_metadata, work):
    """What the program says of an archive, in the form of what is expected."""
    report = work / "report.json"
    command = [program, "verify", source, "--report", report, "--quiet"]
    keys = case / "public-keys"
    if keys.is_dir():
        command += ["--public-keys", keys]
    if with_metadata == "head":
        command += ["--signatures", case / "meta/head"]
    elif with_metadata:
        command += ["--signatures", case / "meta/rclone-lsjson.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode not in (0, 3, 4):
        return {"exit": done.returncode, "error": done.stderr[-500:]}
    said = json.loads(report.read_text())
    assert said["exit_code"] == done.returncode, said["exit_code"]
    return {"exit": done.returncode, **{name: said[name] for name in ("digests", "logs", "gaps", "findings")}}


def differences(found, expected):
    for name in ("exit", "digests", "logs"):
        if found.get(name) != expected[name]:
            yield f"{name} {found.get(name)}, expected {expected[name]}"
    for name in ("gaps", "findings"):
        order = lambda one: json.dumps(one, sort_keys=True)
        mine, theirs = sorted(found.get(name, []), key=order), sorted(expected[name], key=order)
        more = [one for one in mine if one not in theirs]
        less = [one for one in theirs if one not in mine]
        if mine != theirs:
            yield f"{name}: {len(mine)} of {len(theirs)}; too many: {more[:3]}, lacking: {less[:3]}"
    if "error" in found:
        yield found["error"]


def check(program, case, work, packed):
    expected = json.loads((case / "expected.json").read_text())
    sources = {"files": case / "archive"}
    if packed:
        sources["tar"] = work / "archive.tar"
        with tarfile.open(sources["tar"], "w") as tar:
            tar.add(case / "archive", ".")
    for form, source in sources.items():
        for metadata in ("head", "list", None):
            wanted = expected["with_metadata" if metadata else "without_metadata"]
            found = outcome(program, source, case, metadata, work)
            lines = list(differences(found, wanted))
            name = f"{case.name} ({form}, {metadata or 'no metadata'})"
            yield name, lines


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--cases", type=pathlib.Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--packed", action="store_true")
    options = parser.parse_args()
    program = options.program.resolve()
    n_passed = n_failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        cases = options.cases
        if cases is None:
            sys.path.insert(0, str(REPOSITORY / "scripts"))
            try:
                import cryptography  # noqa: F401
            except ImportError:
                from own_venv import enter

                enter("venv-custody", PACKAGES)
            cases = work / "cases"
            subprocess.run([sys.executable, MAKER, cases], check=True, capture_output=True)
        only = set(filter(None, options.only.split(",")))
        for case in sorted(cases.iterdir()):
            if only and case.name not in only:
                continue
            for name, lines in check(program, case, work, options.packed):
                n_passed, n_failed = n_passed + (not lines), n_failed + bool(lines)
                for line in lines:
                    print(f"FAIL {name}: {line}")
    print(f"{n_passed} passed, {n_failed} failed")
    return 1 if n_failed or not n_passed else 0


if __name__ == "__main__":
    sys.exit(main())
