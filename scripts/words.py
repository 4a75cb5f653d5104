#!/usr/bin/env python3
"""Measures how often words occur in CloudTrail records, and prints the table src/rule/condition/words.txt.

usage: scripts/words.py FOLDER... >src/rule/condition/words.txt

Each FOLDER is a collection of CloudTrail files by somebody else: JSON, plain or gzip, in any wrapping. A word is a run
of ASCII letters; its share is the mean, over the collections, of the share of their records that contain it. A word is
listed where it occurs in six collections at least, so that no name of anybody's is in the table, and in one record of
200 on average. Words that no rule asks for by themselves are left to the rule: the table has what is common.
"""

import collections
import gzip
import json
import pathlib
import re
import sys

# Of fewer records a share says little.
RECORDS_LEAST = 20
COLLECTIONS_LEAST = 6
SHARE_LEAST = 0.005
WORD = re.compile(r"[A-Za-z]{4,}")
DECODER = json.JSONDecoder()


def records(value):
    """The records in a value, however they are wrapped."""
    if isinstance(value, dict):
        if "eventName" in value and "eventSource" in value and "userIdentity" in value:
            yield value
        else:
            for inner in value.values():
                yield from records(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from records(inner)
    elif isinstance(value, str) and '"eventName"' in value:
        yield from of_text(value)


def of_text(text):
    """The records of a text of one or more JSON values."""
    at = 0
    while (at := text.find("{", at)) >= 0:
        begin = text.rfind("[", 0, at) if text[:at].strip() == "[" else at
        try:
            value, at = DECODER.raw_decode(text, max(begin, 0))
        except ValueError:
            at += 1
            continue
        yield from records(value)


def shares(folder):
    """How many records a collection has, and how many of them contain each word."""
    n, found = 0, collections.Counter()
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        content = path.read_bytes()
        if content.startswith(b"\x1f\x8b"):
            content = gzip.decompress(content)
        for record in of_text(content.decode("utf-8", errors="ignore")):
            n += 1
            found.update(set(WORD.findall(json.dumps(record))))
    return n, found


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    n_collections, sums, seen = 0, collections.Counter(), collections.Counter()
    for folder in map(pathlib.Path, sys.argv[1:]):
        n, found = shares(folder)
        print(f"{folder.name}: {n} records", file=sys.stderr)
        if n < RECORDS_LEAST:
            continue
        n_collections += 1
        for word, count in found.items():
            sums[word] += count / n
            seen[word] += 1
    print(f"# Words of CloudTrail records, and how many of 1,000 contain each: the mean of {n_collections} collections.")
    print("# Made by scripts/words.py.")
    for word in sorted(sums):
        share = sums[word] / n_collections
        if seen[word] >= COLLECTIONS_LEAST and share >= SHARE_LEAST:
            print(word, round(1000 * share))


if __name__ == "__main__":
    main()
