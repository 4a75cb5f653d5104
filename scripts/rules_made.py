#!/usr/bin/env python3
"""Makes rules at random in EQL, KQL and Sigma and compares which records they match with what an independent program says.

  rules_made.py PROGRAM RULES [N_RULES [SEED]]

PROGRAM is trailsift; RULES is as for rules_check.py. Each rule (600 if N_RULES is not given) asks for values that the
records have, or for these with other letters, wildcards, escapes, or a part left out, in conditions of random shape. The
records are the made ones, changed at random. Prints each difference with its record and its rule, and exits with 1 if
there is one, or if trailsift refuses a rule that the other program accepts. The seed is printed, so that a run can be
repeated.
"""
import collections
import json
import os
import random
import re
import sys
import tempfile

import rules_changed
import rules_check

N_RECORDS = 500
PACKS = ("elastic", "sigma")
ERRORS = ("errorCode", "errorMessage")
NUMBERS = [0, 1, 22, 443, 1.5, -1]
NETWORKS = ["203.0.113.0/24", "10.0.0.0/8", "0.0.0.0/0", "2001:db8::/32"]
# Elastic compares these as addresses and times, which the other program does not know.
NOT_TEXT = re.compile(r"@timestamp|source\.ip|.*creation_date")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Maker:
    """Makes values and conditions at random. `values` has the texts of each field."""

    def __init__(self, seed, values):
        self.random = random.Random(seed)
        self.choose = self.random.choice
        self.values = {field: texts for field, texts in values.items() if texts}
        self.fields = sorted(self.values)

    def chance(self, share):
        return self.random.random() < share

    def cut(self, text, n_max):
        """A part of a text."""
        start = self.random.randrange(len(text) + 1)
        return text[start:start + self.random.randrange(n_max)]

    def with_signs(self, text, signs):
        """A text in which some letters are replaced by one of the signs, or have it before them."""
        for _ in range(self.choose([1, 1, 2])):
            at = self.random.randrange(len(text) + 1)
            text = text[:at] + self.choose(signs) + text[at + self.choose([0, 1, 1, 3, 8, len(text)]):]
        return text

    def value(self, field, signs):
        text = CONTROL.sub("", self.choose(self.values[field]))[:80]
        ways = [
            lambda: text, lambda: text, lambda: text, lambda: text.swapcase(), lambda: self.cut(text, 50),
            lambda: "".join(self.choose([letter.upper(), letter.lower()]) for letter in text),
            lambda: self.with_signs(text, signs), lambda: self.with_signs(text, signs), lambda: self.with_signs(text, signs),
            lambda: text + self.choose([" ", "\\", '"', "*", "?", "é"]),
            lambda: self.choose(["", "*", "?", "**", "\\", "\\*", "null", "true", "22", "1.0", "-5", "a b"]),
        ]
        return self.choose(ways)()

    def tree(self, leaf, depth, words):
        """A condition of leaves. `words` are those for not, and, or."""
        kind = self.random.random()
        if depth == 0 or kind < 0.3:
            return leaf()
        if kind < 0.5:
            return f"{words[0]} {self.choose([leaf(), f'({self.tree(leaf, depth - 1, words)})'])}"
        parts = [self.tree(leaf, depth - 1, words) for _ in range(self.choose([2, 2, 3]))]
        return f"({f' {self.choose(words[1:])} '.join(parts)})"


class Eql(Maker):
    """Makes conditions in EQL."""

    def quoted(self, text):
        if self.chance(0.1) and '"' not in text and not text.endswith("\\"):
            return f'"""{text}"""'
        escaped = text.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'

    def literal(self, field, signs=("*", "?")):
        return self.quoted(self.value(field, signs))

    def list(self, field):
        return f"({', '.join(self.literal(field) for _ in range(self.choose([1, 2, 3])))})"

    def pattern(self, field):
        text = CONTROL.sub(".", self.choose(self.values[field]))[:25]
        text = re.sub(r"[^A-Za-z0-9]", lambda sign: "\\" + sign.group() if self.chance(0.7) else ".", text)
        return self.quoted(self.choose([text, text + ".*", ".*" + text, f"({text}|x.*)", text[:5].rstrip("\\") + "[a-zA-Z0-9_.:-]*"]))

    def call(self, field):
        name = self.choose(["stringContains", "startsWith", "endsWith"]) + self.choose(["", "~"])
        literal = self.literal(field, ["*", "?", "\\", "\\*"])
        what = self.choose(self.fields) if self.chance(0.15) else literal
        return f"{name}({field}, {what}){self.choose(['', '', '', ' == true', ' == false', ' != true'])}"

    def leaf(self):
        field = self.choose(self.fields)
        name = self.choose(["", "", "", "?"]) + field
        one_or_more = self.choose([self.literal(field), self.list(field)])
        ways = [
            lambda: f"{name} {self.choose(['==', '!='])} {self.literal(field)}",
            lambda: f"{name} : {one_or_more}",
            lambda: f"{name} {self.choose(['like', 'like~'])} {one_or_more}",
            lambda: f"{name} {self.choose(['in', 'in~', 'not in', 'not in~'])} {self.list(field)}",
            lambda: f"{name} {self.choose(['==', '!='])} {self.choose(['null', 'true', 'false', *map(str, NUMBERS)])}",
            lambda: f"{name} {self.choose(['<', '>', '<=', '>='])} {self.choose([self.literal(field), '22', '1.5', '-1'])}",
            lambda: self.call(field), lambda: self.call(field),
            lambda: f"{name} {self.choose(['regex', 'regex~'])} {self.pattern(field)}",
            lambda: self.choose(["true", "false", *(f'cidrMatch(source.ip, "{network}", "192.0.2.0/24")' for network in NETWORKS)]),
        ]
        return self.choose(ways)()

    def query(self):
        return f"{self.choose(['any', 'any', 'any', 'iam'])} where {self.tree(self.leaf, 3, ['not', 'and', 'or'])}"


class Kql(Maker):
    """Makes conditions in KQL."""

    def literal(self, field, signs=("*",)):
        text = self.value(field, signs)
        if self.chance(0.4) or not text.strip():
            escaped = text.replace("\\", "\\\\").replace('"', '\\"')
            return f'"{escaped}"'
        return "".join(self.written(letter) for letter in text.strip())

    def written(self, letter):
        is_escaped = letter in '\\():<>"{}' or letter == "*" and self.chance(0.3)
        return f"\\{letter}" if is_escaped else letter

    def leaf(self):
        field = self.choose(self.fields)
        values = [self.choose(["", "", "not "]) + self.literal(field) for _ in range(self.choose([1, 2, 3]))]
        # trailsift refuses a wildcard in a range.
        bounds = [one for one in (self.literal(field, ["x"]), "22", "1.5") if "*" not in one]
        ways = [
            lambda: f"{field}{self.choose([':', ': ', ' : '])}{self.literal(field)}",
            lambda: f"{field}:*",
            lambda: f"{field.rsplit('.', 1)[0]}:*",
            lambda: f"{field} {self.choose(['<', '>', '<=', '>='])} {self.choose(bounds)}",
            lambda: f"{field}: ({self.choose([' or ', ' and ', ' OR ']).join(values)})",
        ]
        return self.choose(ways)()

    def query(self):
        return self.tree(self.leaf, 3, [self.choose(["not", "NOT"]), "and", "or"])


class Sigma(Maker):
    """Makes rules of Sigma."""

    def some(self, field):
        signs = ["*", "?", "\\*", "\\\\", "\\"]
        return self.choose(NUMBERS) if self.chance(0.06) else self.value(field, signs)

    def line(self):
        """A field with modifiers, and the value or values that it is compared with."""
        field, choose = self.choose(self.fields), self.choose
        text = re.sub("[^ -~]", ".", choose(self.values[field]))[:20]
        ways = [
            (0.05, lambda: {f"{field}|exists": choose([True, False])}),
            (0.05, lambda: {field: None}),
            (0.05, lambda: {f"{field}|{choose(['lt', 'lte', 'gt', 'gte'])}": choose(NUMBERS)}),
            (0.05, lambda: {f"{field}|cidr": choose(NETWORKS)}),
            (0.05, lambda: {f"{field}|fieldref{choose(['', '|contains', '|startswith', '|endswith'])}": choose(self.fields)}),
            (0.05, lambda: {f"{field}|re{choose(['', '|i', '|s'])}": choose([re.escape(text), "^" + re.escape(text[:4]), re.escape(text[-4:]) + "$"])}),
            (0.04, lambda: {f"{field}|{choose(['base64', 'base64offset|contains', 'wide|base64offset|contains'])}": text}),
        ]
        kind = self.random.random()
        for share, way in ways:
            if kind < share:
                return way()
            kind -= share
        modifiers = choose(["", "|contains", "|startswith", "|endswith", "|windash|contains"]) + choose(["", "", "", "", "|cased", "|neq"])
        if self.chance(0.5):
            return {field + modifiers: self.some(field)}
        values = [self.some(field) for _ in range(choose([1, 2, 3]))]
        # With `all` the other program asks for each of the dashes too.
        every = "" if "windash" in modifiers else choose(["", "", "|all"])
        return {field + modifiers + every: values}

    def selection(self):
        kind = self.random.random()
        if kind < 0.6:
            return {key: value for _ in range(self.choose([1, 1, 2, 3])) for key, value in self.line().items()}
        if kind < 0.8:
            return [self.line() for _ in range(self.choose([1, 2]))]
        keywords = [str(self.some(self.choose(self.fields))) or "x" for _ in range(self.choose([1, 2]))]
        return keywords if kind < 0.95 else {"|all": keywords}

    def detection(self):
        names = [self.choose(["sel", "filter", "selection_a", "x_main"]) + str(n) for n in range(self.choose([1, 2, 2, 3]))]

        def leaf():
            some = self.choose(["1 of ", "all of ", "any of "]) + self.choose(["them", self.choose(names)[:3] + "*"])
            return self.choose([*names, some])

        return {name: self.selection() for name in names} | {"condition": self.tree(leaf, 2, ["not", "and", "or"])}


def texts_of(value, path, found):
    """Adds the texts of all values inside a record, by their paths as Sigma writes them."""
    if isinstance(value, dict):
        for key, one in value.items():
            texts_of(one, f"{path}.{key}" if path else key, found)
    elif isinstance(value, list):
        for one in value:
            texts_of(one, path, found)
    elif value is not None and path.count(".") < 5 and re.fullmatch(r"[A-Za-z0-9_.-]+", path):
        found[path].append(json.dumps(value) if isinstance(value, bool) else str(value))


def is_plain(record, names, errors):
    """Whether both programs see the same in a record. In what AWS does not write so, trailsift sees an export: names
    beside `names`, no request, several types of caller, JSON as text. And it leaves open whether a call failed
    whose error is none of `errors`."""
    texts = [record.get(name) for name in rules_changed.OBJECTS]
    has_json = any(isinstance(value, str) and value.lstrip()[:1] in ('"', "{", "[") for value in record.values())
    caller = record.get("userIdentity")
    has_one_type = isinstance(caller, dict) and isinstance(caller.get("type"), str)
    is_as_written = record.keys() <= names and "requestParameters" in record and has_one_type and not has_json
    return is_as_written and not any(isinstance(text, str) for text in texts) and all(
        record.get(name) is None or str(record[name]) in errors for name in ERRORS)


def changed_records(oracle, rules, seed):
    """Made records that were changed: the text of each, its record, and its fields."""
    made = [record for pack in rules_check.PACKS
            for _, record in oracle.file_records(os.path.join(rules, "synthetic", f"{pack}.ndjson"))]
    names = {name for record in made for name in record}
    errors = {str(record.get(name)) for record in made for name in ERRORS} - {"Success"}
    changes = rules_changed.Changes(seed, rules_changed.words_of(rules), made)
    records = []
    while len(records) < N_RECORDS:
        text = oracle.json_text(changes.changed())
        record = oracle.DEC.decode(text)
        has_exponent = re.search(r"[0-9]e[-+]?[0-9]", text) is not None
        if oracle.is_ct(record) and is_plain(record, names, errors) and not has_exponent:
            records.append((text, record, oracle.derive(record, 5)))
    return records


def write_rules(folder, makers, n_rules):
    """Writes the rules, a file each. Returns the query or detection of each file."""
    queries = {}
    for n in range(n_rules):
        language = ("eql", "kql", "sigma")[n % 3]
        maker = makers[language]
        if language == "sigma":
            file, query = f"sigma/{n}.yml", maker.detection()
            # JSON is YAML.
            text = json.dumps({"title": f"rule {n}", "id": f"rule-{n}", "level": "low", "detection": query,
                               "logsource": {"product": "aws", "service": "cloudtrail"}}, ensure_ascii=False)
        else:
            kind, name = {"eql": ("eql", "eql"), "kql": ("query", "kuery")}[language]
            file, query = f"elastic/{n}.toml", maker.query()
            text = (f'[metadata]\nintegration = ["aws"]\n[rule]\nname = "rule {n}"\nrule_id = "rule-{n}"\nseverity = "low"\n'
                    f'type = "{kind}"\nlanguage = "{name}"\nindex = ["logs-aws.cloudtrail-*"]\nquery = {json.dumps(query)}\n')
        path = os.path.join(folder, file)
        with open(path, "w", encoding="utf-8") as out:
            out.write(text)
        queries[file] = query
    return queries


def without_refused(oracle, folder, queries):
    """The rules that the other program accepts. The files of all others are removed."""
    accepted = []
    for file in queries:
        path = os.path.join(folder, file)
        loaded, refused, _ = oracle.load([path])
        if refused:
            os.remove(path)
        for rule in loaded:
            rule.rel = file
            accepted.append(rule)
    return accepted


def main():
    program, rules, *rest = sys.argv[1:]
    n_rules = int(rest[0]) if rest else 600
    seed = int(rest[1]) if len(rest) > 1 else random.SystemRandom().randrange(1 << 32)
    sys.path.insert(0, os.path.join(rules, "oracle"))
    import rules_oracle as oracle

    records = changed_records(oracle, rules, seed)
    named = oracle.load([os.path.join(rules, pack) for pack in rules_check.PACKS])[0]
    known = {field for rule in named for field in rule.fields if not NOT_TEXT.fullmatch(field)}
    ecs, own = collections.defaultdict(list), collections.defaultdict(list)
    for _, record, fields in records:
        for field in known & fields.keys():
            ecs[field].extend(fields[field])
        texts_of(record, "", own)
    makers = {"eql": Eql(seed, ecs), "kql": Kql(seed + 1, ecs), "sigma": Sigma(seed + 2, own)}
    with tempfile.TemporaryDirectory() as folder:
        for pack in PACKS:
            os.mkdir(os.path.join(folder, pack))
        queries = write_rules(folder, makers, n_rules)
        accepted = without_refused(oracle, folder, queries)
        expected = collections.defaultdict(set)
        for n, (_, record, fields) in enumerate(records):
            expected[(str(n),)] = {(rule.rel, rule.id) for rule in accepted if rule.test(fields if rule.view == "ecs" else record)}
        lines = [((str(n),), text) for n, (text, _, _) in enumerate(records)]
        found = rules_check.hunt(program, folder, PACKS, lines, "--strict-rules")
    print(f"{len(accepted)} rules, {len(queries) - len(accepted)} more that the other program refuses")
    is_same = rules_check.compare(f"made rules, seed {seed}", expected, found, {}) == 0
    different = {file for key in expected for file, _ in expected[key] ^ found[key]}
    for file in sorted(different):
        print(file, queries[file])
    return 0 if is_same else 1


if __name__ == "__main__":
    sys.exit(main())
