"""Tests of the Python package: python -m unittest discover -s python/tests, where the wheel is installed.

TRAILSIFT_DATA is the folder of the sample data, `data` of the repository by default.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

import trailsift

DATA = pathlib.Path(os.environ.get("TRAILSIFT_DATA", pathlib.Path(__file__).resolve().parents[2] / "data"))
TRAIL = DATA / "trail"


class Complete(unittest.TestCase):
    def test_all_alerts_are_rows(self) -> None:
        table = trailsift.hunt(TRAIL)
        self.assertEqual(table.num_rows, 13)
        self.assertIn("alice", table["target_user_name"].to_pylist())
        report = json.loads(table.schema.metadata[b"trailsift.report"])
        self.assertTrue(report["complete"])
        self.assertEqual(report["events_read"], 2867)
        self.assertIn(b"trailsift.run_id", table.schema.metadata)

    def test_no_alert_is_a_table_without_rows(self) -> None:
        table = trailsift.hunt([str(TRAIL)], account="000000000000")
        self.assertEqual(table.num_rows, 0)
        self.assertIn("target_user_name", table.column_names)

    def test_options_are_those_of_the_program(self) -> None:
        accounts = sorted(set(trailsift.hunt(TRAIL)["account_id"].to_pylist()))
        table = trailsift.hunt(TRAIL, account=accounts[:2], threads=1, no_mmap=True, follow=False, until=None)
        self.assertEqual(sorted(set(table["account_id"].to_pylist())), accounts[:2])
        self.assertEqual(trailsift.hunt(TRAIL, fail_on_alerts=True).num_rows, 13)

    def test_the_program_is_the_one_that_was_installed_with_the_package(self) -> None:
        program = trailsift.find_program()
        self.assertEqual(pathlib.Path(program).parent, pathlib.Path(sys.executable).parent)
        command = [sys.executable, "-m", "trailsift", "--version"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.assertEqual(done.stdout.split()[0], "trailsift")


class Failed(unittest.TestCase):
    def test_a_failure_has_the_message_and_the_exit_code_of_the_program(self) -> None:
        with self.assertRaisesRegex(trailsift.TrailsiftError, "no such file or directory") as caught:
            trailsift.hunt("/no/such/folder")
        self.assertEqual(caught.exception.exit_code, 2)
        self.assertNotIsInstance(caught.exception, trailsift.IncompleteError)
        with self.assertRaisesRegex(trailsift.TrailsiftError, "--sinse"):
            trailsift.hunt(TRAIL, sinse="30d")

    def test_options_that_a_table_cannot_come_from_are_refused(self) -> None:
        for name in ("output", "format", "report", "state", "dry_run"):
            with self.assertRaisesRegex(TypeError, name):
                trailsift.hunt(TRAIL, **{name: "x"})
        with self.assertRaises(ValueError):
            trailsift.hunt(TRAIL, on_incomplete="ignore")  # type: ignore[arg-type]

    def test_a_path_that_looks_like_an_option_is_a_path(self) -> None:
        with self.assertRaisesRegex(trailsift.TrailsiftError, "--help"):
            trailsift.hunt("--help")


class Incomplete(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.trail = pathlib.Path(folder.name) / "trail"
        shutil.copytree(TRAIL, self.trail)
        self.cut = sorted(self.trail.rglob("*.gz"))[0]
        self.cut.write_bytes(self.cut.read_bytes()[:200])

    def test_it_raises_with_the_alerts_that_were_found(self) -> None:
        with self.assertRaisesRegex(trailsift.IncompleteError, "ends early") as caught:
            trailsift.hunt(self.trail)
        error = caught.exception
        self.assertEqual(error.exit_code, 3)
        self.assertGreaterEqual(error.table.num_rows, 12)
        self.assertEqual([d["source"] for d in error.report["diagnostics"]], [str(self.cut)])

    def test_it_can_be_a_warning(self) -> None:
        with self.assertWarnsRegex(trailsift.IncompleteWarning, "ends early"):
            table = trailsift.hunt(self.trail, on_incomplete="warn")
        self.assertFalse(json.loads(table.schema.metadata[b"trailsift.report"])["complete"])

    def test_a_folder_without_events_is_incomplete(self) -> None:
        with tempfile.TemporaryDirectory() as empty:
            with self.assertRaises(trailsift.IncompleteError) as caught:
                trailsift.hunt(empty)
            self.assertEqual(caught.exception.table.num_rows, 0)
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                self.assertEqual(trailsift.hunt(empty, allow_empty=True).num_rows, 0)


if __name__ == "__main__":
    unittest.main()
