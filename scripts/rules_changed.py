#!/usr/bin/env python3
"""Changes records at random and compares which rules match them with what an independent program says.

  rules_changed.py PROGRAM RULES [RECORDS [SEED]]

PROGRAM and RULES are as for rules_check.py. Of each record (2,000 if RECORDS is not given) one to five parts get another
value: of another type, with other letters, with a word of the rules, or from another record. Prints each difference with
its record, and exits with 1 if there is one. The seed is printed, so that a run can be repeated.
"""
import collections
import copy
import json
import os
import random
import re
import sys

import rules_check

NUMBERS = [0, 1, -1, 3, 22, 443, 2**31, 2**53 + 1, 12345678901234567890, 1.0, 1.5, 1e3, 1e-7, 1e22, 0.1, -0.0]
ENDINGS = [" ", "*", "?", "\n", "\\", '"', "/", ".", "x", "é", "\0", "\t"]
# Fields that exports write as text. trailsift reads such texts, and what is written there for nothing is nothing; the
# other program knows records as AWS writes them alone.
OBJECTS = ["userIdentity", "requestParameters", "responseElements", "additionalEventData", "resources", "tlsDetails"]
TEXTS = ["errorCode", "errorMessage", "userAgent", "sourceIPAddress", "awsRegion", "eventType", "eventCategory",
         "recipientAccountId", "eventSource"]


def words_of(rules):
    """The words and quoted texts of all rules, in a fixed order."""
    found = set()
    for pack in rules_check.PACKS:
        for folder, _, files in os.walk(os.path.join(rules, pack)):
            for name in files:
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    text = file.read()
                found.update(re.findall(r'"([^"\n]{2,60})"', text))
                found.update(re.findall(r"[A-Za-z][A-Za-z0-9.:/*_-]{3,40}", text))
    return sorted(found)


def places_in(value, at=()):
    """The paths of all values inside a value."""
    if isinstance(value, dict):
        inside = value.items()
    elif isinstance(value, list):
        inside = enumerate(value)
    else:
        return []
    return [place for key, one in inside for place in [(*at, key), *places_in(one, (*at, key))]]


def value_at(value, place):
    for key in place:
        value = value[key]
    return value


class Changes:
    """Changes records at random."""

    def __init__(self, seed, words, records):
        self.random = random.Random(seed)
        self.words = words
        self.records = records

    def other_value(self, value):
        choose, word = self.random.choice, self.random.choice(self.words)
        text = value if isinstance(value, str) else json.dumps(value)
        middle = len(text) // 2
        ways = [
            lambda: choose(NUMBERS), lambda: choose([True, False, None]), lambda: choose(["", " ", "203.0.113.7", "2001:db8::1"]),
            lambda: choose([[], {}]), lambda: [value], lambda: [value, word], lambda: [word, value], lambda: [[value]],
            lambda: [None, value], lambda: {"a": value}, lambda: {word.replace(".", "_"): value},
            lambda: "".join(choose([letter.upper(), letter.lower()]) for letter in text),
            text.upper, text.lower, text.swapcase, lambda: text + choose(ENDINGS), lambda: choose(ENDINGS) + text,
            lambda: text.replace("k", "\u212a").replace("s", "\u017f"), lambda: text.replace("a", "ä"),
            lambda: word, lambda: word.replace("*", "zz"), lambda: text + word, lambda: word + text,
            lambda: text[:middle], lambda: text[:middle] + word + text[middle:], lambda: json.dumps(value), lambda: str(len(text)),
        ]
        return choose(ways)()

    def change(self, record):
        """Changes one part of a record."""
        choose = self.random.choice
        place = choose(places_in(record))
        around, key = value_at(record, place[:-1]), place[-1]
        kind = self.random.random()
        if kind < 0.65:
            around[key] = self.other_value(around[key])
        elif kind < 0.72:
            del around[key]
        elif kind < 0.8 and isinstance(around, dict):
            other = choose(self.records)
            part = choose(places_in(other))
            around[str(part[-1])] = copy.deepcopy(value_at(other, part))
        elif kind < 0.9:
            other = choose(self.records)
            for name in OBJECTS:
                if name in other and self.random.random() < 0.4:
                    record[name] = copy.deepcopy(other[name])
        else:
            name = choose(TEXTS)
            record[name] = self.other_value(record.get(name, choose(self.words)))

    def changed(self):
        record = copy.deepcopy(self.random.choice(self.records))
        for _ in range(self.random.choice([1, 1, 1, 2, 3, 5])):
            if record:
                self.change(record)
        return record


def main():
    program, rules, *rest = sys.argv[1:]
    n_records = int(rest[0]) if rest else 2_000
    seed = int(rest[1]) if len(rest) > 1 else random.SystemRandom().randrange(1 << 32)
    sys.path.insert(0, os.path.join(rules, "oracle"))
    import rules_oracle as oracle

    packs = [os.path.join(rules, pack) for pack in rules_check.PACKS]
    loaded, _, _ = oracle.load(packs)
    made = [record for pack in rules_check.PACKS
            for _, record in oracle.file_records(os.path.join(rules, "synthetic", f"{pack}.ndjson"))]
    changes = Changes(seed, words_of(rules), made)
    records, expected = [], collections.defaultdict(set)
    while len(records) < n_records:
        text = oracle.json_text(changes.changed())
        record = oracle.DEC.decode(text)
        if not oracle.is_ct(record) or any(isinstance(record.get(name), str) for name in OBJECTS):
            continue
        key = (str(len(records)), text)
        records.append((key, text))
        fields = oracle.derive(record, 5)
        matches = (rule for rule in loaded if rule.test(fields if rule.view == "ecs" else record))
        expected[key] = {(rule.rel, rule.id) for rule in matches}
    found = rules_check.run(program, rules, rules_check.PACKS, records)
    return 1 if rules_check.compare(f"changed records, seed {seed}", expected, found, {}) else 0


if __name__ == "__main__":
    sys.exit(main())
