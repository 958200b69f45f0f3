# SPDX-License-Identifier: BSD-3-Clause
"""The closing lines of ./check: what failed or did not run must not be lost in the counting."""
import json
import subprocess
import sys

import pytest
from conftest import SOURCE

pytestmark = pytest.mark.once
SKIPPED = '<skipped type="pytest.skip" message="no virtual machine: no network">at a line</skipped>'
RACE = '<failure message="assert 66 == 0">WARNING: ThreadSanitizer: data race (pid=7)</failure>'
SUMS = "opae.opae:unit / sums"
LINE = "plain: {} is unsteady: it failed beside others and passed alone"


def suite(name, *cases):
    """Cases a, b, c ... of one file, or of one program."""
    inside = "".join(f'<testcase classname="test_x" name="{chr(97 + i)}">{c}</testcase>'
                     for i, c in enumerate(cases))
    return f'<testsuites><testsuite name="{name}">{inside}</testsuite></testsuites>'


def script(*args):
    done = subprocess.run([sys.executable, SOURCE / "scripts/count-tests.py", *args], text=True,
                          stdout=subprocess.PIPE)
    return done.returncode, done.stdout.split("\n")[:-1]


def log(name, result, stderr=""):
    return json.dumps({"result": result, "name": f"opae:unit / {name}", "stderr": stderr}) + "\n"


@pytest.fixture
def count(tmp_path):
    def made(files, *expected):
        logs = tmp_path / "plain/meson-logs"
        logs.mkdir(parents=True)
        for name, text in files.items():
            (logs / name).write_text(text)
        runs = [name for name in files if name.endswith(".xml") and "again" not in name]
        return script(*(logs / name for name in expected or runs))
    return made


def test_all_kinds_are_added_up(count):
    rc, lines = count({
        "testlog.junit.xml": suite(SUMS, "", "", "<failure/>"),
        "pytest.junit.xml": suite("pytest", "", "<error/>"),
        "vm.junit.xml": suite("pytest", "", SKIPPED, SKIPPED),
        "testlog.json": log("sums", "FAIL") + log("crashed", "FAIL")})
    assert lines == ["plain: sums failed", "plain: crashed failed", "plain: test_x.py::b failed", "2 skipped",
                     "    2: no virtual machine: no network", "4 passed, 3 failed"] and rc == 1


def test_a_program_that_failed_is_counted_by_its_cases(count):
    rc, lines = count({"testlog.junit.xml": suite(SUMS, "", "<failure/>", "<failure/>"),
                       "testlog.json": log("sums", "FAIL")})
    assert lines == ["plain: sums failed", "1 passed, 2 failed"] and rc == 1


def test_a_run_of_virtual_machines_alone(count):
    assert count({"vm.junit.xml": suite("pytest", "", "")}) == (0, ["2 passed, 0 failed"])


def test_nothing_run_is_a_failure(count):
    assert count({"vm.junit.xml": suite("pytest", SKIPPED)})[0] == 1


def test_a_run_that_left_nothing_is_a_failure(count):
    rc, lines = count({"vm.junit.xml": suite("pytest", "")}, "vm.junit.xml", "pytest.junit.xml")
    assert rc == 1
    assert lines == ["plain: pytest.junit.xml is missing: its tests did not run", "1 passed, 1 failed"]


def test_what_passes_alone_is_told(count):
    rc, lines = count({"pytest.junit.xml": suite("pytest", "<failure/>", "<failure/>", ""),
                       "pytest-again.junit.xml": suite("pytest", "", "<failure/>")})
    assert rc == 1
    assert lines == [LINE.format("test_x.py::a"), "plain: test_x.py::b failed", "2 passed, 1 failed"]


def test_programs_are_run_again_whole(count):
    files = {"testlog.junit.xml": suite(SUMS, "", "<failure/>"),
             "testlog.json": log("sums", "FAIL"),
             "testlog-again.junit.xml": suite(SUMS, "", "", ""),
             "testlog-again.json": log("sums", "OK")}
    assert count(files) == (0, [LINE.format("sums"), "3 passed, 0 failed"])


def test_programs_without_cases(count):
    case = '<testcase name="opae:fuzz / {}">{}</testcase>'
    whole = f'<testsuites><testsuite name="opae">{case}</testsuite></testsuites>'
    files = {"testlog.junit.xml": whole.format("frames", "<failure/>"), "testlog.json": log("frames", "FAIL")}
    assert count(files) == (1, ["plain: frames failed", "0 passed, 1 failed"])


def test_a_second_run_that_crashes_is_none(count):
    rc, lines = count({"testlog.junit.xml": suite(SUMS, "<failure/>"), "testlog.json": log("sums", "FAIL"),
                       "testlog-again.junit.xml": suite(SUMS, ""), "testlog-again.json": log("sums", "FAIL")})
    assert lines == ["plain: sums failed", "0 passed, 1 failed"] and rc == 1


def test_a_second_run_that_skips_is_none(count):
    assert count({"pytest.junit.xml": suite("pytest", "<failure/>", ""),
                  "pytest-again.junit.xml": suite("pytest", SKIPPED)})[0] == 1


@pytest.mark.parametrize("files", [
    {"pytest.junit.xml": suite("pytest", RACE, ""), "pytest-again.junit.xml": suite("pytest", "")},
    {"testlog.junit.xml": suite(SUMS, "", ""),
     "testlog.json": log("sums", "FAIL", "x.c:3: runtime error: shift"),
     "testlog-again.junit.xml": suite(SUMS, "", ""), "testlog-again.json": log("sums", "OK")},
])
def test_a_sanitizer_is_right_the_first_time(count, files):
    rc, lines = count(files)
    assert lines[-1].endswith("1 failed") and not any("unsteady" in line for line in lines) and rc == 1


def test_what_is_to_be_run_again(tmp_path):
    file = tmp_path / "testlog.junit.xml"
    file.write_text(suite("pytest", "", "<error/>", "<failure/>"))
    assert script("--failed", file) == (0, ["test_x.py::b", "test_x.py::c"])
    file.write_text(suite(SUMS, "", "<failure/>"))
    (tmp_path / "testlog.json").write_text(log("sums", "FAIL") + log("crashed", "FAIL") + log("good", "OK"))
    assert script("--failed", file) == (0, ["sums", "crashed"])
