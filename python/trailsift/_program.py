"""Finds the program that the wheel installed."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig

_NAME = "trailsift" + (sysconfig.get_config_var("EXE") or "")


def find_program() -> str:
    """Returns the path of the program: the one that was installed with this package, else one on PATH.

    Raises FileNotFoundError if there is none.
    """
    package = os.path.dirname(os.path.abspath(__file__))
    folders = [
        sysconfig.get_path("scripts"),
        # `pip install --user`, `--target` and `--prefix`.
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user") if sys.version_info >= (3, 10) else "posix_user"),
        os.path.join(os.path.dirname(package), "bin"),
        os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(package)))), "bin"),
    ]
    for folder in folders:
        path = os.path.join(folder, _NAME)
        if os.path.isfile(path):
            return path
    on_path = shutil.which(_NAME)
    if on_path is None:
        raise FileNotFoundError(f"{_NAME} is neither in {', '.join(folders)} nor on PATH")
    return on_path
