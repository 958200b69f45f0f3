# SPDX-License-Identifier: BSD-3-Clause
"""User clocks by the kernel's DFL driver: a new card's, whose registers are a UIO device, and an old one's,
of which the driver shows the counter. What is set is what the emulated PLL then gives."""
import json

import pytest
from rig import BUILD, USER

OPAE, USERCLK = BUILD / "tools/opae", BUILD / "tools/compat/userclk"
CONFIG = {"configurations": {"xfpga": {"enabled": True, "plugin": "libxfpga.so", "configuration": {}}},
          "plugins": ["xfpga"]}
ENV = {"LIBOPAE_CFGFILE": "/tmp/opae.cfg"}
UNIT = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_EXPLICIT_INITIALIZE": "1"}
NOT_SUPPORTED = 6
LOW, HIGH = 156250000, 312500000
NLB0, HELLO = "d8424dc4-a4a3-c413-f89e-433683f9040b", "850adcc2-6ceb-4b22-9722-d43375b61c66"


@pytest.fixture(scope="module")
def guest(dfl_vm):
    m = dfl_vm(cards={"new": {"board": "n6000"}, "old": {"board": "a10"}}, dfl=True)
    for card in m.cards:
        m.bind(card, driver="dfl-pci", owner=USER)
    m.include(BUILD / "lib/opae", BUILD / "plugins/local/libxfpga.so")
    m.sh("config", f"echo '{json.dumps(CONFIG)}' > /tmp/opae.cfg; ls /dev/uio*")
    new, old = m.address("new"), m.address("old")
    port = f"/sys/bus/pci/devices/{new}/fpga_region/region*/dfl-port.*"

    def tool(name, *args, uid=USER):
        m.add(name, [OPAE, "clock", *args], uid=uid, env=ENV)

    tool("closed", new)
    m.sh("open", f"for d in {port}/dfl_dev.*/uio/uio*; do chown {USER} /dev/${{d##*/}}; done")
    tool("all", "--json")
    for high, low in ((400, 200), (30, 15), (800, 400), (300, 200)):
        tool(f"set-{high}", "--json", "--high", str(high), "--low", str(low), new, NLB0)
    tool("other", "--json", new, HELLO)
    tool("one-given", "--json", "--high", "250", new, NLB0)
    tool("too-fast", "--high", "801", new, NLB0)
    tool("too-slow", "--high", "24", new, NLB0)
    tool("nearest", "--json", "--high", "287", new, NLB0)
    tool("old", old)
    tool("old-set", "--high", "200", old)
    m.add("userclk", [USERCLK, old], uid=USER, env=ENV)
    m.add("userclk-set", [USERCLK, "-B", str(int(new.split(":")[1], 16)), "-L", "100"], uid=USER, env=ENV)
    m.add("userclk-old", [USERCLK, old, "-H", "200", "-L", "100"], uid=USER, env=ENV)
    m.add("several", [BUILD / "tests/vm/guest/vm-test-dfl-clock"], env={**UNIT, "OPAE_TEST_CARD": new})
    m.sh("no-uio", f"for d in {port}/dfl_dev.*/uio; do p=${{d%/uio}}; echo ${{p##*/}} > "
         "/sys/bus/dfl/drivers/uio_dfl/unbind; done")
    tool("without-uio", new, NLB0, uid=0)
    return m, m.run()


def clocks(result):
    return {c["address"] + c["guid"][:3]: (c["high_hz"], c["low_hz"])
            for c in json.loads(result.good())["clocks"]}


def failed(result, *words):
    assert result.rc == 1 and all(w in result.output for w in words), result.output


def test_measured(guest):
    m, results = guest
    new, old = m.address("new"), m.address("old")
    assert clocks(results["all"]) == {at: (HIGH, LOW) for at in (f"{new}d84", f"{new}850", f"{old}d84")}
    assert "high  312.50 MHz   low  156.25 MHz" in results["old"].good()


def test_permission(guest):
    failed(guest[1]["closed"], "/dev/uio", "Permission denied")


@pytest.mark.parametrize("high,low", [(400, 200), (30, 15), (800, 400), (300, 200)])
def test_set(guest, high, low):
    m, results = guest
    assert clocks(results[f"set-{high}"]) == {m.address("new") + "d84": (high * 10**6, low * 10**6)}


def test_other_ports_stay_as_they_are(guest):
    m, results = guest
    assert clocks(results["other"]) == {m.address("new") + "850": (HIGH, LOW)}


def test_one_follows_the_other(guest):
    m, results = guest
    assert clocks(results["one-given"]) == {m.address("new") + "d84": (250 * 10**6, 125 * 10**6)}


def test_not_above_what_was_asked(guest):
    (high, low), = clocks(guest[1]["nearest"]).values()
    assert 286 * 10**6 <= high <= 287 * 10**6 and abs(high - 2 * low) <= 20000


def test_range(guest):
    failed(guest[1]["too-fast"], "Agilex 7 go from 25 to 800 MHz, not to 801")
    failed(guest[1]["too-slow"], "at least 25 MHz")


def test_old_card_cannot_be_set(guest):
    failed(guest[1]["old-set"], "not supported", "dfl*/userclk/frequency")


def test_userclk(guest):
    results = guest[1]
    shown = results["userclk"].good()
    assert "\nApproximate frequency:\nHigh clock = 312.5 MHz\nLow clock  = 156.2 MHz\n" in shown
    assert "High clock = 200.0 MHz\nLow clock  = 100.0 MHz\n" in results["userclk-set"].good()
    assert results["userclk-old"].rc == NOT_SUPPORTED


def test_several_at_a_time(guest):
    assert guest[1]["several"].tap() == 3


def test_without_the_driver_of_the_feature(guest):
    failed(guest[1]["without-uio"], "modprobe uio_dfl")
