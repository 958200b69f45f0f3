# SPDX-License-Identifier: BSD-3-Clause
"""Errors and sysobjects of the local plugin on the kernel's own DFL driver, and the tools that show them."""
import re

import pytest
from rig import BUILD, USER

PROGRAM = BUILD / "tests/vm/guest/vm-test-dfl-objects"
PLUGIN = BUILD / "plugins/local/libxfpga.so"
CONFIG = '{"configurations": {"xfpga": {"enabled": true, "plugin": "libxfpga.so", "configuration": {}}}, ' \
         '"plugins": ["xfpga"]}'
INTERFACE = "e9a1ca2d-c0de-4d5a-9c3f-00000000a001"
NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
RAISE = "/rig/signal a10; n=0; while [ $(cat /sys/class/fpga_region/region*/dfl-{}) = 0x0 ]; do " \
        "n=$((n + 1)); [ $n -lt 200 ]; sleep 0.1; done"


@pytest.fixture(scope="module")
def guest(dfl_vm):
    m = dfl_vm(cards={"a10": {"board": "a10", "faults": "fme-error=0x20,port-error=0x10"}}, dfl=True)
    m.bind("a10", driver="dfl-pci")
    m.include(PLUGIN)
    tests = {"OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP",
             "OPAEX_PLUGIN_DIR": PLUGIN.parent, "OPAE_TEST_CARD": m.address("a10"), "CARD_NAME": "a10"}
    tools = {"LIBOPAE_CFGFILE": "/tmp/opae.cfg", "OPAEX_PLUGIN_DIR": PLUGIN.parent}
    opae, fpgainfo = BUILD / "tools/opae", BUILD / "tools/compat/fpgainfo"
    m.sh("config", f"echo '{CONFIG}' > /tmp/opae.cfg")
    m.add("root", [PROGRAM, "root"], env=tests)
    m.sh("raise", RAISE.format("fme.*/errors/fme_errors") + "; chmod 666 /dev/dfl-*")
    m.add("user", [PROGRAM, "user"], env=tests, uid=USER)
    m.add("errors", [opae, "errors"], env=tools, uid=USER)
    m.add("refused", [opae, "errors", "--clear"], env=tools, uid=USER)
    for words in ("errors all", "fme", "port", "temp", "power", "bmc", "mac", "errors all -c"):
        m.add("fpgainfo:" + words.replace(" ", "-"), [fpgainfo, *words.split()], env=tools)
    m.sh("again", RAISE.format("port.*/errors/errors"))
    m.add("clear", [opae, "errors", "--clear"], env=tools)
    m.add("cleared", [opae, "errors"], env=tools)
    return m.run(deadline_s=600)


def test_errors_and_sysobjects(guest):
    assert guest["root"].tap() == 7


def test_who_may_read_alone(guest):
    assert guest["user"].tap() == 1


def test_opae_errors(guest):
    out = guest["errors"].output
    assert guest["errors"].rc == 1
    assert re.search(r"^  fme_errors +0x20 +can be cleared\n    bit 5   access", out, re.M)
    assert re.search(r"^  errors +0x10 +can be cleared$", out, re.M)
    refused = guest["refused"]
    assert refused.rc == 1
    assert re.search(r"^  fme_errors +0x20 +insufficient privileges: you are uid 1000, and may not write "
                     r"/sys/class/fpga_region/region\d/dfl-fme.\d/errors/fme_errors;", refused.output, re.M)
    out = guest["clear"].good()
    assert re.search(r"^  fme_errors +0x20 +now 0x0$", out, re.M)
    assert re.search(r"^  errors +0x10 +now 0x0$", out, re.M)
    assert re.search(r"^  fme_errors +0x0 +can be cleared$", guest["cleared"].good(), re.M)


def lines(result):
    """What stands before the colon, and what behind it."""
    return dict(re.findall(r"^(.{32}) : (.*)$", result.good(), re.M))


def test_fpgainfo(guest):
    def value(what, label):
        return lines(guest["fpgainfo:" + what.replace(" ", "-")])[label.ljust(32)]

    assert value("fme", "Interface") == "DFL" and value("fme", "PCIe s:b:d.f") == "0000:01:00.0"
    assert value("fme", "Pr Interface Id") == INTERFACE and value("fme", "Ports Num") == "01"
    assert value("port", "Accelerator GUID") == NLB0 and value("port", "Pr Interface Id") == INTERFACE
    assert value("errors all", "Fme Errors") == "0x20" and value("errors all", "Errors") == "0x10"
    assert "\nbit 5 error:access" in guest["fpgainfo:errors-all"].output
    assert value("errors all -c", "Fme Errors") == "0x0" and value("errors all -c", "Errors") == "0x0"
    for what, head, sensors in (("temp", "TEMP", [r"( 1) temperature {39} : 45.00 Celsius"]),
                                ("power", "POWER", [r"( 1) consumed {42} : 23.00 Watts"]),
                                ("bmc", "BMC SENSORS", [r"( 1) temperature {39} : 45.00 Celsius",
                                                        r"( 2) consumed {42} : 23.00 Watts"])):
        out = guest[f"fpgainfo:{what}"].good()
        assert out.startswith(f"//****** {head} ******//\nInterface")
        for line in sensors:
            assert re.search(f"^{re.escape(line[:4])}{line[4:]}$", out, re.M), line
    assert "mac info is not supported" in guest["fpgainfo:mac"].good()
