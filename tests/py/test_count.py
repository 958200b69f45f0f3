# SPDX-License-Identifier: BSD-3-Clause
"""The closing lines of ./check: what failed or did not run must not be lost in the counting."""
import json
import subprocess
import sys

import pytest
from conftest import SOURCE

pytestmark = pytest.mark.once
SKIPPED = '<skipped type="pytest.skip" message="no virtual machine: no network">at a line</skipped>'


def suite(name, *cases):
    inside = "".join(f'<testcase name="c">{c}</testcase>' for c in cases)
    return f'<testsuites><testsuite name="{name}">{inside}</testsuite></testsuites>'


def count(folder, files):
    logs = folder / "plain/meson-logs"
    logs.mkdir(parents=True)
    for name, text in files.items():
        (logs / name).write_text(text)
    done = subprocess.run([sys.executable, SOURCE / "scripts/count-tests.py", logs], text=True,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout.split("\n")[:-1]


def test_all_kinds_are_added_up(tmp_path):
    rc, lines = count(tmp_path, {
        "testlog.junit.xml": suite("opae.unit", "", "", "<failure/>"),
        "pytest.junit.xml": suite("pytest", "", "<error/>"),
        "vm.junit.xml": suite("pytest", "", SKIPPED, SKIPPED),
        "testlog.json": json.dumps({"result": "FAIL", "name": "opae:unit / crashed"}) + "\n"})
    assert lines == ["plain: crashed failed", "2 skipped", "    2: no virtual machine: no network",
                     "4 passed, 3 failed"] and rc == 1


def test_a_run_of_virtual_machines_alone(tmp_path):
    assert count(tmp_path, {"vm.junit.xml": suite("pytest", "", "")}) == (0, ["2 passed, 0 failed"])


def test_nothing_run_is_a_failure(tmp_path):
    assert count(tmp_path, {"vm.junit.xml": suite("pytest", SKIPPED)})[0] == 1
