"""Runs `trailsift hunt` and reads its alerts as an Arrow stream."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal, Union

from ._program import find_program

if TYPE_CHECKING:
    import pyarrow

Path = Union[str, "os.PathLike[str]"]
Option = Union[None, bool, int, str, "os.PathLike[str]", Iterable[Union[int, str, "os.PathLike[str]"]]]

#: Exit codes of a run that reached its end. 5 is 0 with alerts, and 3 says that something was not read.
_COMPLETE, _INCOMPLETE = (0, 5), 3
#: Options of the program that `hunt` sets itself, or that a table cannot be the result of.
_REFUSED = {
    "color": "messages are not printed",
    "dry_run": "it prints text",
    "format": "the result is a table",
    "log_format": "messages are not printed",
    "output": "the result is a table",
    "quiet": "messages are not printed",
    "report": "it is part of the table's metadata",
    "state": "rows would be marked as delivered before this process has kept them; use the program",
    "verbose": "messages are not printed",
    "wide": "messages are not printed",
}


class TrailsiftError(Exception):
    """The program failed; the text is its message. `exit_code` is negative for a signal that ended it."""

    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class IncompleteError(TrailsiftError):
    """Something could not be read or decided, or no event was read: the alerts may not be all there are.

    `table` has the alerts that were found, `report` the program's report as a dictionary; its `diagnostics` list what
    was not read.
    """

    def __init__(self, message: str, exit_code: int, table: pyarrow.Table, report: dict[str, Any]) -> None:
        super().__init__(message, exit_code)
        self.table = table
        self.report = report


class IncompleteWarning(UserWarning):
    """The same as a warning: see `hunt`."""


def hunt(
    paths: Path | Iterable[Path],
    *,
    on_incomplete: Literal["raise", "warn"] = "raise",
    **options: Option,
) -> pyarrow.Table:
    """Hunts in files, folders and addresses such as `s3://bucket/prefix`, and returns the alerts.

    An option of `trailsift hunt` is an argument with underscores: `since="30d"` for `--since 30d`,
    `home_region=True` for `--home-region`, `account=["111122223333", "444455556666"]` for several values.

    The table has the columns that the program documents. The value of `trailsift.report` in the metadata of its schema
    is the program's report as JSON: how much was read, and what was not.

    Raises IncompleteError if something could not be read; with `on_incomplete="warn"` that is a warning, and the alerts
    that were found are returned. Raises TrailsiftError, with the program's message, if the run failed.
    """
    if on_incomplete not in ("raise", "warn"):
        raise ValueError(f"on_incomplete is 'raise' or 'warn', not {on_incomplete!r}")
    try:
        import pyarrow.ipc
    except ImportError as error:
        raise ImportError("trailsift.hunt needs pyarrow: pip install 'trailsift[arrow]'") from error
    roots = [paths] if isinstance(paths, (str, os.PathLike)) else list(paths)
    with tempfile.TemporaryDirectory(prefix="trailsift-") as folder:
        report_path = os.path.join(folder, "report.json")
        command = [find_program(), "hunt", "--output", "-", "--format", "arrow", "--report", report_path]
        command += ["--quiet", "--color", "never", *_arguments(options), "--", *[os.fspath(root) for root in roots]]
        table, exit_code, message = _run(command, folder)
        if table is None or exit_code not in (*_COMPLETE, _INCOMPLETE):
            raise TrailsiftError(message or f"{command[0]} ended with exit code {exit_code}", exit_code)
        with open(report_path, encoding="utf-8") as file:
            text = file.read()
    report: dict[str, Any] = json.loads(text)
    metadata = {**(table.schema.metadata or {}), b"trailsift.report": text.encode()}
    table = table.replace_schema_metadata(metadata)
    if exit_code == _INCOMPLETE or report["complete"] is not True:
        message = message or "the run is incomplete"
        if on_incomplete == "raise":
            raise IncompleteError(message, exit_code, table, report)
        warnings.warn(message, IncompleteWarning, stacklevel=2)
    return table


def _arguments(options: dict[str, Option]) -> list[str]:
    """Returns the options as the program takes them."""
    arguments = []
    for name, value in options.items():
        if name in _REFUSED:
            raise TypeError(f"trailsift.hunt has no option {name!r}: {_REFUSED[name]}")
        flag = f"--{name.replace('_', '-')}"
        if value is None or value is False:
            continue
        if value is True:
            arguments.append(flag)
        elif isinstance(value, (str, int, os.PathLike)):
            arguments.append(f"{flag}={_text(value)}")
        else:
            arguments += [f"{flag}={_text(item)}" for item in value]
    return arguments


def _text(value: int | str | os.PathLike[str]) -> str:
    return str(value) if isinstance(value, int) else os.fspath(value)


def _run(command: list[str], folder: str) -> tuple[pyarrow.Table | None, int, str]:
    """Returns the table, if the program wrote one, its exit code and its messages."""
    import pyarrow.ipc

    # In a file: a pipe that nobody reads would stop the program when it is full.
    with open(os.path.join(folder, "messages"), "w+b") as messages:
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": messages}
        with subprocess.Popen(command, **pipes) as process:  # type: ignore[call-overload]
            try:
                with pyarrow.ipc.open_stream(process.stdout) as stream:
                    table = stream.read_all()
            except pyarrow.ArrowInvalid:
                # The program failed and wrote nothing, or not all; its exit code decides.
                table = None
            except BaseException:
                process.kill()
                raise
            # What follows the table, if the reader stopped early: the program must not wait for room.
            while process.stdout.read(1 << 16):
                pass
            exit_code = process.wait()
        messages.seek(0)
        return table, exit_code, messages.read().decode(errors="replace").strip()
