# SPDX-License-Identifier: BSD-3-Clause
"""The end-to-end programs with the ASE plugin in place of v-opae: the card plays a simulation that is named
in the configuration. What they skip is listed, and each says why."""
import os
import re
import subprocess
from collections import Counter

import pytest
from conftest import BUILD

PROGRAMS = {
    "card": (),
    "dfl": ("a_parent_in_another_function", "a_port_without_a_management_engine"),
    "errors": (),
    "exerciser": ("several_at_once",),
    "handover": ("a_card_that_died_is_not_listed",),
    "life": (),
    "order": (),
    "polling": (),
    "syscalls": (),
}
LIMIT_S = 600


@pytest.mark.parametrize("program", PROGRAMS)
def test_program(program):
    env = {**os.environ, "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_EXPLICIT_INITIALIZE": "1",
           "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu"), "OPAE_TEST_SIMULATION": "1"}
    done = subprocess.run([BUILD / f"tests/card/test_{program}"], env=env, text=True, timeout=LIMIT_S,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    out = done.stdout
    assert done.returncode == 0 and not re.findall(r"^not ok(?! \d+ # SKIP)", out, re.M), out[-8000:]
    assert "Sanitizer: " not in out and "runtime error: " not in out, out[-8000:]
    skipped = Counter(re.findall(r"^# skipped (\w+):", out, re.M))
    assert skipped == Counter(PROGRAMS[program]), out[-8000:]
    passed, planned = len(re.findall(r"^ok \d", out, re.M)), int(re.search(r"^1\.\.(\d+)", out, re.M)[1])
    assert passed and passed + len(PROGRAMS[program]) == planned, out[-8000:]
