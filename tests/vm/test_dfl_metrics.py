# SPDX-License-Identifier: BSD-3-Clause
"""Sensors, counters and alarms of the local plugin on the kernel's own DFL driver."""
import json
import re

import pytest
from rig import BUILD, USER

GUEST = BUILD / "tests/vm/guest"
OPAE = BUILD / "tools/opae"
PLUGIN = BUILD / "plugins/local/libxfpga.so"


@pytest.fixture(scope="module")
def guest(dfl_vm):
    m = dfl_vm(cards={"a10": {"board": "a10", "faults": "heat=95,surge=80"}}, dfl=True, hugepages=8)
    m.bind("a10", driver="dfl-pci", owner=USER)
    m.include(PLUGIN)
    env = {"OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAEX_PLUGIN_DIR": PLUGIN.parent,
           "OPAE_TEST_CARD": m.address("a10"), "OPAE_TEST_NAME": "a10"}
    m.add("plain", [GUEST / "vm-test-dfl-metrics"], env={**env, "OPAE_TEST_PLAIN": "1"}, uid=USER)
    m.include(OPAE)
    config = {"configurations": {"xfpga": {"enabled": True, "plugin": "libxfpga.so", "configuration": {}}},
              "plugins": ["xfpga"]}
    m.sh("configuration", f"echo '{json.dumps(config)}' > /tmp/opae.cfg")
    tool = {"LIBOPAE_CFGFILE": "/tmp/opae.cfg", "OPAEX_PLUGIN_DIR": PLUGIN.parent}
    m.add("temp", [OPAE, "temp"], env=tool, uid=USER)
    m.add("power", [OPAE, "power", "--json", m.address("a10")], env=tool, uid=USER)
    m.add("metrics", [GUEST / "vm-test-dfl-metrics"], env=env)
    m.sh("hot", f"/rig/signal a10; until {OPAE} temp | grep ALARM; do :; done", env=tool)
    return m.address("a10"), m.run()


def test_metrics_and_alarms(guest):
    assert guest[1]["metrics"].tap() == 7


def test_counters_need_permission(guest):
    assert guest[1]["plain"].tap() == 3


def test_the_tool(guest):
    address, results = guest
    assert re.fullmatch(rf"{address}\n +SENSOR +VALUE UNIT +HIGH +CRIT +FATAL\n"
                        r" +temperature +45\.0 Celsius +90\.0 +93\.0 +100\.0\n", results["temp"].good())
    card, = json.loads(results["power"].good())["cards"]
    assert card == {"address": address, "problem": None, "sensors": [
        {"name": "consumed", "unit": "Watts", "value": 23, "limits": {"high": 75, "critical": 100},
         "alarm": None}]}
    assert re.search(r"temperature +95\.0 .*ALARM: above its critical limit", results["hot"].good())
