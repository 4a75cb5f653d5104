#!/usr/bin/env python3
"""Writes the inputs from which the fuzz targets start into inputs/TARGET/ beside it.

usage: seed.py

Every account, name, key, address and event in them is invented. The same bytes come out each time (those that are
compressed, as long as the compression libraries are the same). Files of other names are left as they are: they
are inputs that were found, see README.md.
"""

import bz2
import csv
import io
import json
import lzma
import pathlib
import struct
import tarfile
import zipfile
import zlib

INPUTS = pathlib.Path(__file__).resolve().parent / "inputs"
BYTES_MAX = 4096

ARN = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV2"


def record(event_id, **changed):
    """A record that matches, but for what is changed."""
    return {
        "eventVersion": "1.09",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLE",
            "arn": "arn:aws:iam::111122223333:user/alice",
            "accountId": "111122223333",
            "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
            "userName": "alice",
        },
        "eventTime": "2024-05-01T12:00:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "AttachUserPolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "203.0.113.7",
        "userAgent": "AWS Internal",
        "requestParameters": {"policyArn": ARN, "userName": "alice"},
        "responseElements": None,
        "requestID": "r-" + event_id,
        "eventID": event_id,
        "readOnly": False,
        "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    } | changed


def near(event_id):
    """A record that holds the needle and does not match."""
    return record(event_id, errorCode="AccessDenied")


def other(event_id):
    """A record without the needle."""
    return record(event_id, eventName="ListUsers", requestParameters=None)


def compact(value):
    return json.dumps(value, separators=(",", ":"))


def delivery(*records):
    return compact({"Records": list(records)})


def escaped(text):
    """The JSON with some letters of what is looked for as escapes."""
    return text.replace("AWSComp", r"\u0041WSComp").replace("Quarantine", r"Quar\u0061ntine").replace("eventName", r"event\u004eame")


def lookup_events():
    events = [{"EventId": r["eventID"], "EventName": r["eventName"], "CloudTrailEvent": compact(r)} for r in (record("l1"), other("l2"))]
    return compact({"Events": events})


def cloudwatch():
    events = [{"id": "1", "timestamp": 1714564800000, "message": compact(record("w1"))}]
    return compact(
        {
            "messageType": "DATA_MESSAGE",
            "owner": "111122223333",
            "logGroup": "trail",
            "logStream": "111122223333_CloudTrail_us-east-1",
            "subscriptionFilters": ["all"],
            "logEvents": events,
        }
    )


def eventbridge():
    return compact(
        {
            "version": "0",
            "id": "b1",
            "detail-type": "AWS API Call via CloudTrail",
            "source": "aws.iam",
            "account": "111122223333",
            "detail": record("b1"),
        }
    )


def elastic_nested():
    request = "{policyArn=" + ARN + ", userName=alice}"
    document = {
        "@timestamp": "2024-05-01T12:00:00.000Z",
        "event": {
            "dataset": "aws.cloudtrail",
            "provider": "iam.amazonaws.com",
            "action": "AttachUserPolicy",
            "outcome": "success",
            "id": "n1",
        },
        "aws": {"cloudtrail": {"request_parameters": request, "user_identity": {"type": "IAMUser"}}},
        "user": {"name": "alice", "target": {"name": "alice"}},
        "source": {"ip": "203.0.113.7"},
    }
    return compact({"hits": {"total": 1, "hits": [{"_index": "logs-aws.cloudtrail-default", "_source": document}]}})


def elastic_dotted():
    document = {
        "@timestamp": "2024-05-01T12:00:00.000Z",
        "event.action": "AttachUserPolicy",
        "event.outcome": "success",
        "event.provider": "iam.amazonaws.com",
        "event.id": "d1",
        "aws.cloudtrail.flattened.request_parameters": {"policyArn": ARN, "userName": "alice"},
        "aws.cloudtrail.user_identity.access_key_id": "AKIAIOSFODNN7EXAMPLE",
        "user.name": "alice",
    }
    fields = {name: [value] for name, value in document.items() if isinstance(value, str)}
    fields["aws.cloudtrail.request_parameters"] = ["{policyArn=" + ARN + ", userName=alice}"]
    return compact({"hits": {"hits": [{"_source": document}, {"fields": fields}]}})


def ocsf():
    return compact(
        {
            "class_uid": 3001,
            "metadata": {"product": {"name": "CloudTrail", "version": "1.09"}, "uid": "o1"},
            "api": {
                "operation": "AttachUserPolicy",
                "service": {"name": "iam.amazonaws.com"},
                "request": {"uid": "r-o1", "data": compact({"policyArn": ARN, "userName": "alice"})},
                "response": None,
            },
            "status": "Success",
            "time": 1714564800000,
            "actor": {"user": {"name": "alice", "type": "IAMUser"}},
        }
    )


def rows():
    """A table as consoles export it: objects in cells, with their quotes doubled."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(["eventname", "errorcode", "requestparameters", "eventid", "eventsource"])
    for r, error in ((record("c1"), ""), (near("c2"), "AccessDenied"), (other("c3"), "")):
        request = r["requestParameters"]
        cell = "" if request is None else json.dumps(request)
        writer.writerow([r["eventName"], error, cell, r["eventID"], r["eventSource"]])
    writer.writerow(["AttachUserPolicy", "", "two\nlines, " + ARN, "c4", "iam.amazonaws.com"])
    return file.getvalue()


def gzip(data):
    """One member, whose header says nothing of the time or the system."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = deflate.compress(data) + deflate.flush()
    return b"\x1f\x8b\x08\0\0\0\0\0\x02\xff" + body + struct.pack("<II", zlib.crc32(data), len(data))


def zstd(data):
    """One frame with one block that is stored as it is (RFC 8878, 3.1.1)."""
    return b"\x28\xb5\x2f\xfd\x60" + struct.pack("<H", len(data) - 256) + struct.pack("<I", len(data) << 3 | 1)[:3] + data


def tar(*files):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in files:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
        end = archive.offset
    # tarfile fills up to 10 KiB; two empty blocks are the end.
    return file.getvalue()[:end] + bytes(1024)


class Pipe(io.RawIOBase):
    """Where nobody can go back."""

    def __init__(self):
        self.data = bytearray()

    def writable(self):
        return True

    def seekable(self):
        return False

    def write(self, data):
        self.data += data
        return len(data)


def zip_into(file, method, files):
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in files:
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            entry.create_system = 3
            archive.writestr(entry, data)


def zipped(method, *files):
    file = io.BytesIO()
    zip_into(file, method, files)
    return file.getvalue()


def zip_streamed(*files):
    """As written to a pipe: lengths and checksums stand behind the entries."""
    pipe = Pipe()
    zip_into(pipe, zipfile.ZIP_DEFLATED, files)
    return bytes(pipe.data)


def texts():
    plain = delivery(other("a1"), record("a2"), near("a3"))
    return {
        "delivery": plain,
        "ndjson": "\n".join(compact(r) for r in (record("j1"), other("j2"), near("j3"))) + "\n",
        "pretty": json.dumps({"Records": [other("p1"), record("p2")]}, indent=2) + "\n",
        "back-to-back": compact(record("k1")) + compact(near("k2")) + compact(record("k3")),
        "escaped": escaped(delivery(record("e1"), other("e2"))),
        "lookup-events": lookup_events(),
        "cloudwatch": cloudwatch(),
        "eventbridge": eventbridge(),
        "elastic-nested": elastic_nested(),
        "elastic-dotted": elastic_dotted(),
        "ocsf": ocsf(),
        "duplicates": compact(record("u1"))[:-1] + ',"errorCode":"x","eventName":"ListUsers"}',
        "quoted-twice": compact({"Message": compact({"Message": compact(record("q1"))})}),
    }


def damaged_texts():
    whole = compact(record("x1"))
    return {
        "cut": delivery(record("t1"), record("t2"))[:-200],
        "lost-quote": whole.replace('"alice"', '"alice', 1) + "\n" + compact(record("x2")) + "\n",
        "needle-in-prose": "found " + ARN + " in a log\n" + whole,
        "stray-brackets": "}]\n[[" + whole + "]}}\n" + whole[1:] + "\n{" + whole,
    }


def coded(plain):
    member = gzip(plain)
    wrong = bytearray(member)
    wrong[-8] ^= 1
    half = len(plain) // 2
    text = plain.decode()
    return {
        "plain": plain,
        "gzip": member,
        "gzip-two-members": gzip(plain[:half]) + gzip(plain[half:]),
        "gzip-cut": member[: len(member) * 2 // 3],
        "gzip-wrong-crc": bytes(wrong),
        "gzip-foreign-end": member + b"foreign",
        "gzip-damaged-first": member[:60] + b"\x55" * 20 + member[80:] + member,
        "zstd": zstd(plain),
        "zstd-two-frames": zstd(plain[:half]) + b"\x50\x2a\x4d\x18\x04\0\0\0skip" + zstd(plain[half:]),
        "bzip2": bz2.compress(plain),
        "bzip2-two-streams": bz2.compress(plain[:half]) + bz2.compress(plain[half:]),
        "xz": lzma.compress(plain),
        "xz-cut": lzma.compress(plain)[:-40],
        "utf16le": b"\xff\xfe" + text.encode("utf-16-le"),
        "utf16be": b"\xfe\xff" + text.encode("utf-16-be"),
    }


def archives(plain):
    files = ("AWSLogs/a.json", plain), ("AWSLogs/b.json.gz", gzip(plain))
    tar_gz = gzip(tar(("AWSLogs/a.json.gz", gzip(plain)), ("README", b"no events here\n")))
    damaged = bytearray(tar(*files))
    damaged[10] ^= 1
    deflated = zipped(zipfile.ZIP_DEFLATED, *files)
    return {
        "tar": tar(*files),
        "tar-damaged": bytes(damaged),
        "tar-gz-of-json-gz": tar_gz,
        "zip-stored": zipped(zipfile.ZIP_STORED, *files),
        "zip-deflated": deflated,
        "zip-streamed": zip_streamed(*files),
        "zip-cut": deflated[:-100],
        "zip-in-tar-gz": gzip(tar(("logs.zip", deflated))),
        "tar-gz-in-zip": zipped(zipfile.ZIP_STORED, ("logs.tar.gz", tar_gz)),
        "gzip-in-gzip": gzip(gzip(plain)),
    }


QUERIES = {
    "rule": """any where event.dataset == "aws.cloudtrail"
   and event.action == "AttachUserPolicy"
   and event.outcome == "success"
   and stringContains(aws.cloudtrail.request_parameters, "AWSCompromisedKeyQuarantine")
""",
    "operators": 'iam where (event.action in ("a", 1, null) or not a.b >= 1.5) and ?c != true and 7 < `my-field` // why\n',
    "strings": '"my events" where a == """raw"s""" or b not in ("\\u{41}\\t\\"", "x") /* or not */ or stringContains(c, "y")',
    "constants": "any where (true and null) or not (false or (a and (b or c)))",
    "numbers": "any where a == -1 or b >= 9223372036854775807 or c < 1e10 or d == 0.1",
    "sequence": 'sequence by a [any where b == "c"] [any where d]',
}


def inputs():
    """The inputs of each target, by their names."""
    plain = delivery(other("a1"), record("a2")).encode()
    short = compact(record("s1")).encode()
    json_texts = {name + ".json": text.encode() for name, text in texts().items()}
    of_one_value = {name: text for name, text in json_texts.items() if name not in ("ndjson.json", "back-to-back.json")}
    odd_json = {
        "numbers.json": b"[0,-0,1e3,-1.5E-7,18446744073709551615,-9223372036854775808,0.1,true,false,null]",
        "strings.json": rb'["\u0041\u00e9\ud83d\ude00\"\\\/\b\f\n\r\t","' + "é😀".encode() + b'",""]',
        "deep.json": b"[" * 120 + b"]" * 120,
    }
    all_texts = json_texts | {name + ".txt": text.encode() for name, text in damaged_texts().items()} | {"rows.csv": rows().encode()}
    all_coded, all_archives = coded(plain), archives(short)
    some = ["gzip", "gzip-two-members", "gzip-cut", "gzip-wrong-crc", "zstd-two-frames", "bzip2", "xz", "utf16le"]
    return {
        "decompress": all_coded,
        "archive": all_archives,
        "frame": all_texts,
        "parse": of_one_value | odd_json,
        "envelope": of_one_value,
        "eql": {name + ".eql": query.encode() for name, query in QUERIES.items()},
        "end_to_end": all_texts | {name: all_coded[name] for name in some} | all_archives,
    }


def main():
    for target, files in inputs().items():
        folder = INPUTS / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, data in files.items():
            assert len(data) < BYTES_MAX, f"{target}/{name} has {len(data)} bytes"
            (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
