"""A virtual environment of a script's own, for packages that are not on the machine."""

import os
import pathlib
import subprocess
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def enter(name: str, packages: list[str]) -> None:
    """Goes on in a Python that has the packages: that of target/NAME, which is made if it is not there or has others."""
    folder = REPOSITORY / "target" / name
    if pathlib.Path(sys.prefix).resolve() == folder.resolve():
        return
    stamp = folder / "done"
    if not stamp.exists() or stamp.read_text() != "\n".join(packages):
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        subprocess.run([folder / "bin/pip", "install", "--quiet", *packages], check=True)
        stamp.write_text("\n".join(packages))
    python = folder / "bin/python"
    os.execv(python, [str(python), *sys.argv])
