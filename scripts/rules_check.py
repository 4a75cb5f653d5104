#!/usr/bin/env python3
"""Compares which rules match which records with what an independent program says.

  rules_check.py PROGRAM RULES [CORPORA]

PROGRAM is trailsift itself, whose `hunt --rules` runs over the records, gzipped; or the example `rules`
(`cargo build --example rules`), which has no prefilter. RULES is a folder with packs of rules, made records in
`synthetic`, an oracle in `oracle/rules_oracle.py`, and what it expects (`expected-*.ndjson`). With CORPORA, the records of
those files are compared too, and trailsift finds in the log of each detonation there the rules that `data/stratus-by-technique.json`
names. Prints each difference, and exits with 1 if there is one.
"""
import collections
import gzip
import json
import os
import subprocess
import sys
import tempfile

PACKS = ("elastic", "sigma", "suzaku")
# Kinds of rules that decide on one record.
KINDS = ("eql", "kql", "sigma")
SHOWN_MAX = 40
DETONATIONS = "DataDog__stratus-red-team/docs/detonation-logs"
# A sequence of which only the second step is in the log: it is expected by its steps, and rightly does not fire.
ONE_STEP_ALONE = {("aws.impact.bedrock-invoke-model", "discovery_bedrock_model_recon_and_invocation_via_long_term_key")}


def expected_of(path):
    """The expected matches of a file: (file, index) -> {(rule file, id)}."""
    found = collections.defaultdict(set)
    with open(path, encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["kind"] in KINDS:
                key = (line["file"], line["index"])
                found[key].add((line["rule_file"], line["rule"]))
    return found


def hunt(program, rules, packs, records, *more_options):
    """What a hunt finds in records, each a (key, text): key -> {(rule file, id)}."""
    keys, offset = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        archive, alerts = os.path.join(folder, "records.ndjson.gz"), os.path.join(folder, "alerts.ndjson")
        with gzip.open(archive, "wb", 1) as out:
            for key, text in records:
                line = text.encode("utf-8", "replace") + b"\n"
                keys[offset] = key
                offset += len(line)
                out.write(line)
        options = [part for pack in packs for part in ("--rules", os.path.join(rules, pack))]
        command = [program, "hunt", "--no-config", "--single-event", *options, *more_options, "--format", "ndjson", "-o", alerts, archive]
        done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        summary = done.stderr.decode().splitlines()
        errors = [line for line in summary if line.startswith("error:")]
        if not os.path.exists(alerts):
            sys.exit("\n".join(["the hunt wrote no file", *errors]))
        print(*(line for line in summary if line.split(" ")[0] in ("rules", "time", "candidates")), f"{len(errors)} errors", sep="; ")
        found = collections.defaultdict(set)
        with open(alerts, encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                found[keys[row["log_offset"]]].add((f"{row['rule_pack']}/{row['rule_file']}", row["rule_id"]))
    return found


def run(program, rules, packs, records):
    """The program's matches of records, each a (key, text): key -> {(rule file, id)}."""
    if os.path.basename(program) != "rules":
        return hunt(program, rules, packs, records)
    packs = [os.path.join(rules, pack) for pack in packs]
    keys = []
    with tempfile.TemporaryFile() as stdin:
        for key, text in records:
            keys.append(key)
            stdin.write(text.encode("utf-8", "replace") + b"\n")
        stdin.seek(0)
        done = subprocess.run([program, *packs], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
    found = collections.defaultdict(set)
    for line in done.stdout.decode().splitlines():
        n, file, rule = line.split("\t")
        found[keys[int(n)]].add((file, rule))
    for line in done.stderr.decode().splitlines():
        if line.startswith("line "):
            print(keys[int(line.split()[1]) - 1], "is not JSON")
    print(len(keys), "records,", done.stderr.decode().splitlines()[-1])
    return found


def compare(name, expected, found, events):
    """Prints what is in one of the two alone."""
    n_same = n_different = 0
    for key in sorted(set(expected) | set(found)):
        n_same += len(expected[key] & found[key])
        for sign, rules in (("missed", expected[key] - found[key]), ("false", found[key] - expected[key])):
            for rule in sorted(rules):
                n_different += 1
                if n_different <= SHOWN_MAX:
                    print(sign, name, *key, events.get(key), *rule)
    print(f"{name}: {n_same} matches are the same, {n_different} differ")
    return n_different


def detonations(program, rules, logs):
    """Prints which rules ought to fire over the log of a detonation and do not, and returns how many."""
    with open(os.path.join(rules, "data/stratus-by-technique.json"), encoding="utf-8") as file:
        expected = json.load(file)
    options = [part for pack in PACKS for part in ("--rules", os.path.join(rules, pack))]
    n_fired = n_missed = 0
    for technique, packs in expected.items():
        command = [program, "hunt", "--no-config", "--quiet", *options, "--format", "ndjson", "-o", "-"]
        # What is damaged in a log is no concern here.
        done = subprocess.run([*command, os.path.join(logs, f"{technique}.json")], capture_output=True, check=False)
        rows = map(json.loads, done.stdout.decode().splitlines())
        fired = {(row["rule_pack"], os.path.splitext(os.path.basename(row["rule_file"]))[0]) for row in rows}
        for pack, names in packs.items():
            for name in names:
                if (pack.rstrip("+"), name) in fired:
                    n_fired += 1
                elif (technique, name) not in ONE_STEP_ALONE:
                    n_missed += 1
                    print("missed", technique, pack, name)
    print(f"{len(expected)} detonations: {n_fired} rules fire that ought to, {n_missed} do not")
    return n_missed


def main():
    program, rules, *corpora = sys.argv[1:]
    sys.path.insert(0, os.path.join(rules, "oracle"))
    import rules_oracle as oracle

    n_different = 0
    for pack in PACKS:
        folder = os.path.join(rules, "synthetic")
        name = f"{pack}.ndjson"
        read = oracle.file_records(os.path.join(folder, name))
        records = [((name, n), oracle.json_text(record)) for n, (_, record) in enumerate(read)]
        expected = expected_of(os.path.join(folder, f"{pack}-expected.ndjson"))
        n_different += compare(name, expected, run(program, rules, [pack], records), {})
    for root in corpora:
        records, events = [], {}
        for path in oracle.walk([root]):
            counts = collections.Counter()
            try:
                for file, record in oracle.file_records(path):
                    key = (os.path.relpath(file, root), counts[file])
                    counts[file] += 1
                    events[key] = (record.get("eventName"), record.get("eventID"))
                    records.append((key, oracle.json_text(record)))
            except Exception as error:  # as the oracle does
                print(path, error)
        expected = expected_of(os.path.join(rules, "expected-shared.ndjson"))
        for key, found in expected_of(os.path.join(rules, "expected-shared-suzaku.ndjson")).items():
            expected[key] |= found
        n_different += compare(root, expected, run(program, rules, PACKS, records), events)
        logs = os.path.join(root, DETONATIONS)
        if os.path.isdir(logs) and os.path.basename(program) != "rules":
            n_different += detonations(program, rules, logs)
    return 1 if n_different else 0


if __name__ == "__main__":
    sys.exit(main())
