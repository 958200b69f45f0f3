# SPDX-License-Identifier: BSD-3-Clause
"""The end-to-end programs, tests and samples, with an opaed between them and the emulated cards.

The same programs run without it by meson (tests/card, tests/cxx), and in virtual machines
(tests/vm/test_ways.py). What they skip here is listed (remote_skips.py), and each says why."""
import os
import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from conftest import needs_tracker
from remote_skips import PROGRAMS, skips

BUILD = Path(os.environ.get("OPAE_BUILD", "build")).resolve()
TREE = os.environ.get("OPAE_TREE", "plain")
RDMA = BUILD / "plugins/rdma/librdma-opae.so"
# With a sanitizer by TLS and RDMA those alone that the way makes a difference to.
FEWER = PROGRAMS if TREE == "plain" else ("card", "life", "handover", "order", "polling")
RUNS = [(program, way) for way in ("unix-trap", "unix-eager") for program in PROGRAMS] + [
    (program, way) for way in ("tls-trap", "rdma-trap", "rdma-plugin-trap") for program in FEWER] + [
    (program, "tcp-trap") for program in ("card", "order", "polling")] + [("syscalls", "tcp-eager")]
LIMIT_S = 600


class Run:
    def __init__(self, program, way, pki):
        folder = "tests/cxx" if program.startswith("cxx") else "tests/card"
        env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_EXPLICIT_INITIALIZE": "1",
               "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu"), "OPAE_TEST_REMOTE": way.rpartition("-")[0],
               "OPAE_TEST_PKI": str(pki), "OPAE_TEST_TRACKER": way.rpartition("-")[2],
               "OPAE_TEST_OPAED": str(BUILD / "daemon/opaed")}
        done = subprocess.run([BUILD / folder / f"test_{program}"], env=env, text=True, timeout=LIMIT_S,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output, self.code = done.stdout, done.returncode
        self.failed = re.findall(r"^not ok(?! \d+ # SKIP).*(?:\n# .*)*", self.output, re.M)
        self.skipped = dict(re.findall(r"^# skipped (\w+): (.*)", self.output, re.M))
        self.skips = Counter(re.findall(r"^# skipped (\w+):", self.output, re.M))
        self.passed = len(re.findall(r"^ok \d", self.output, re.M))
        self.planned = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", self.output, re.M))


@pytest.fixture(scope="module")
def pki(tmp_path_factory):
    """A site's certificates; None where the build has no TLS."""
    folder = tmp_path_factory.mktemp("pki")
    for words in ("init", "issue localhost 127.0.0.1", "issue --client alice"):
        done = subprocess.run([BUILD / "tools/opae", "cert", *words.split(), "--dir", folder], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
        if "built without TLS" in done.stderr:
            return None
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def ran(pki):
    """A program's run by a way, which is made when it is first asked for."""
    runs = {}

    def get(program, way):
        needs_tracker(way.rpartition("-")[2])
        if way.startswith("rdma-plugin") and not RDMA.exists():
            pytest.skip("built without libfabric's headers, so there is no librdma-opae.so")
        if way.startswith("tls") and not pki:
            pytest.skip("built without TLS")
        if (program, way) not in runs:
            runs[program, way] = Run(program, way, pki)
        return runs[program, way]

    return get


@pytest.mark.parametrize("program,way", RUNS)
def test_program(ran, program, way, record_property):
    run = ran(program, way)
    assert not run.failed and run.planned and not run.code, run.output[-8000:]
    assert "Sanitizer: " not in run.output and "runtime error: " not in run.output, run.output[-8000:]
    assert run.skips == Counter(skips(program, way))
    assert run.passed + sum(run.skips.values()) == run.planned, run.output[-8000:]
    record_property("passed", run.passed)


@pytest.mark.parametrize("way,program,case", [(w, p, c) for p, w in RUNS for c in skips(p, w)])
def test_skipped(ran, way, program, case):
    """Nothing but the reason, so that the count of what was skipped has it."""
    pytest.skip(ran(program, way).skipped[case])
