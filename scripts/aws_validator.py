#!/usr/bin/env python3
"""Has AWS's own validator check an archive that `trailsift synth --digests` makes, and compares `trailsift verify` with it.

usage: scripts/aws_validator.py PROGRAM

The validator is that of `aws cloudtrail validate-logs`, from awscli, which PyPI has. It is given a bucket that is a
folder, so nothing is fetched. It checks the archive as it was made, and with a log removed, a log changed and a digest
removed; and an archive of a trail that was stopped for some hours. The last line is "N passed, N failed".
"""

import collections
import datetime
import gzip
import io
import json
import pathlib
import subprocess
import sys
import tempfile

import own_venv

PACKAGES = ["awscli==1.46.3"]
BUCKET = "example-trail"


class Bucket:
    """A folder as a bucket, for the validator."""

    def __init__(self, folder, signatures):
        self.folder, self.signatures = folder, signatures

    def get_client(self, _name):
        return self

    def get_paginator(self, _name):
        return self

    def paginate(self, Bucket, Marker, Prefix):  # noqa: N803, the names are boto's
        del Bucket
        files = (path for path in self.folder.rglob("*") if path.is_file())
        keys = sorted(path.relative_to(self.folder).as_posix() for path in files)
        self.found = [key for key in keys if key.startswith(Prefix) and key > Marker]
        return self

    def search(self, _expression):
        return iter(self.found)

    def get_object(self, Bucket, Key):  # noqa: N803
        del Bucket
        path = self.folder / Key
        if not path.is_file():
            from botocore.exceptions import ClientError

            raise ClientError({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        metadata = {}
        if Key in self.signatures:
            metadata = {"signature": self.signatures[Key], "signature-algorithm": "SHA256withRSA"}
        return {"Body": io.BytesIO(path.read_bytes()), "Metadata": metadata}


class Keys:
    """The public keys, as CloudTrail's client gives them."""

    def __init__(self, keys):
        self.keys = keys

    def list_public_keys(self, **_range):
        return self.keys


def validate(folder, signatures, keys):
    """What the validator says: numbers by word."""
    from awscli.customizations.cloudtrail import validation

    counts = collections.Counter()
    bucket = Bucket(folder, signatures)
    command = validation.CloudTrailValidateLogs.__new__(validation.CloudTrailValidateLogs)
    command.s3_client_provider = bucket
    command._valid_logs = 0
    command._write_status = lambda *_args, **_more: None

    def count(word):
        return lambda *_args, **_more: counts.update([word])

    command._on_log_trailing_data = command._on_log_invalid = count("logs invalid")
    command._on_missing_log = count("logs missing")
    command._on_invalid_log_format = count("logs invalid")
    chains = set()
    for path in folder.rglob("*_CloudTrail-Digest_*"):
        account, _, region, *trail, home, _time = path.name.split("_")
        chains.add((account, region, "_".join(trail), home, "o-exampleorg" in path.parts))
    for account, region, trail, home, is_organization in sorted(chains):
        traverser = validation.create_digest_traverser(
            cloudtrail_client=Keys(keys),
            organization_client=None,
            s3_client_provider=bucket,
            trail_arn=f"arn:aws:cloudtrail:{home}:{account}:trail/{trail}",
            trail_source_region=region,
            on_invalid=count("digests invalid"),
            on_gap=count("gaps"),
            on_missing=count("digests missing"),
            bucket=BUCKET,
            account_id=account,
        )
        if is_organization:
            traverser.digest_provider.organization_id = "o-exampleorg"
        utc = datetime.timezone.utc
        begin, end = datetime.datetime(2026, 2, 27, tzinfo=utc), datetime.datetime(2026, 3, 9, tzinfo=utc)
        for digest in traverser.traverse_digests(begin, end):
            counts["digests valid"] += 1
            for log in digest["logFiles"]:
                command._download_log(log)
    counts["logs valid"] = command._valid_logs
    return {word: n for word, n in sorted(counts.items()) if n}


def verify(program, folder, beside):
    """What the program says, in the validator's words."""
    report = beside / "report.json"
    command = [program, "verify", folder, "--report", report, "--quiet"]
    command += ["--public-keys", f"{folder}.public-keys.json", "--signatures", f"{folder}.signatures.json"]
    done = subprocess.run(command, capture_output=True, text=True)
    said = json.loads(report.read_text())
    counts = collections.Counter({"digests valid": said["digests"].get("proved", 0), "logs valid": said["logs"].get("proved", 0)})
    counts["digests missing"] = said["digests"].get("missing", 0)
    counts["digests invalid"] = said["digests"].get("altered", 0)
    counts["gaps"] = sum(gap["why"] == "chain_restarted" for gap in said["gaps"])
    counts["logs missing"] = said["logs"].get("missing", 0)
    counts["logs invalid"] = said["logs"].get("altered", 0)
    return done.returncode, {word: n for word, n in sorted(counts.items()) if n}


def make(program, folder, *more):
    """Makes an archive. Returns its signatures by key, and the public keys."""
    command = [program, "synth", folder, "--digests", "--days", "2", "--start", "2026-03-01", "--files", "150"]
    command += ["--accounts", "2", "--regions", "us-east-1,eu-west-1", "--matches", "8", *more]
    subprocess.run(command, check=True, capture_output=True)
    signatures = json.loads(pathlib.Path(f"{folder}.signatures.json").read_text())
    signatures = {one["Path"]: one["Metadata"]["signature"] for one in signatures}
    return signatures, json.loads(pathlib.Path(f"{folder}.public-keys.json").read_text())


def main():
    program = pathlib.Path(sys.argv[1]).resolve()
    own_venv.enter("venv-awscli", PACKAGES)
    n_passed = n_failed = 0
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        folder = work / "trail"
        signatures, keys = make(program, folder)
        logs = sorted(path for path in folder.rglob("*_CloudTrail_*") if "o-exampleorg" not in path.parts)
        digests = sorted(folder.rglob("*_CloudTrail-Digest_us-east-1_*"))
        changes = {
            "as it was made": (0, lambda: None),
            "without a log": (4, logs[5].unlink),
            "with a log that was changed": (4, lambda: logs[9].write_bytes(gzip.compress(gzip.decompress(logs[9].read_bytes()) + b" "))),
            "without a digest": (4, digests[20].unlink),
        }
        stopped = work / "stopped"
        made = {folder: (signatures, keys), stopped: make(program, stopped, "--stopped-hours", "5")}
        # Each chain begins again after the stop, which the validator tells as a gap.
        changes["a trail that was stopped"] = (3, lambda: None)
        for name, (code, change) in changes.items():
            change()
            folder = stopped if name.endswith("stopped") else folder
            theirs = validate(folder, *made[folder])
            returned, ours = verify(program, folder, work)
            is_right = theirs == ours and returned == code
            n_passed, n_failed = n_passed + is_right, n_failed + (not is_right)
            print(f"{name}: {ours}" if is_right else f"FAIL {name}: AWS's validator says {theirs}, verify says {ours} and exits {returned}")
    print(f"{n_passed} passed, {n_failed} failed")
    return 1 if n_failed or n_passed < len(changes) else 0


if __name__ == "__main__":
    sys.exit(main())
