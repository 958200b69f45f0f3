# SPDX-License-Identifier: BSD-3-Clause
"""Sensors, counters and alarms of the local plugin on the kernel's own DFL driver."""
import pytest
from rig import BUILD, USER

GUEST = BUILD / "tests/vm/guest"
PLUGIN = BUILD / "plugins/local/libxfpga.so"


@pytest.fixture(scope="module")
def guest(dfl_vm):
    m = dfl_vm(cards={"a10": {"board": "a10", "faults": "heat=95,surge=80"}}, dfl=True, hugepages=8)
    m.bind("a10", driver="dfl-pci", owner=USER)
    m.include(PLUGIN)
    env = {"OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAEX_PLUGIN_DIR": PLUGIN.parent,
           "OPAE_TEST_CARD": m.address("a10"), "OPAE_TEST_NAME": "a10"}
    m.add("plain", [GUEST / "vm-test-dfl-metrics"], env={**env, "OPAE_TEST_PLAIN": "1"}, uid=USER)
    m.add("metrics", [GUEST / "vm-test-dfl-metrics"], env=env)
    return m.run()


def test_metrics_and_alarms(guest):
    assert guest["metrics"].tap() == 6


def test_counters_need_permission(guest):
    assert guest["plain"].tap() == 3
