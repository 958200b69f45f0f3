# SPDX-License-Identifier: BSD-3-Clause
"""opae list and opae doctor where the kernel's DFL driver has the card: each step is spoiled in turn, and
what the doctor proposes mends it."""
import json
import re

import pytest
from rig import BUILD, USER

CONFIG = {"configurations": {"xfpga": {"enabled": True, "plugin": "libxfpga.so", "configuration": {}}},
          "plugins": ["xfpga"]}
ENV = {"LIBOPAE_CFGFILE": "/tmp/opae.cfg", "OPAEX_EMU_DIR": "/tmp/none"}
NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
FIXES = {  # what is amiss, the step that says so, and what is typed
    "closed": ("permission", f"chown {USER} /dev/dfl-port.0"),
    "module": ("modules", "modprobe dfl-afu"),
    "unbound": ("driver", "tee /sys/bus/pci/drivers/dfl-pci/bind"),
}


@pytest.fixture(scope="module")
def guest(dfl_vm):
    m = dfl_vm(cards={"card": {"board": "a10"}}, dfl=True)
    m.bind("card", driver="dfl-pci")
    m.include(BUILD / "lib/opae", BUILD / "plugins/local/libxfpga.so", BUILD / "tools/opae")
    m.sh("config", f"echo '{json.dumps(CONFIG)}' > /tmp/opae.cfg; chmod 600 /dev/dfl-*")
    address = m.address("card")

    def look(name):
        m.add(name, [BUILD / "tools/opae", "doctor", "--json", address], uid=USER, env=ENV)
        m.add(f"{name}-list", [BUILD / "tools/opae", "list", "--json"], uid=USER, env=ENV)

    def mend(name):
        """Types what the doctor says, as root."""
        m.sh(f"{name}-mend", f"fix=$({BUILD}/tools/opae doctor {address} | sed -n 's/^  fix: *//p'); "
             'eval "$(echo "$fix" | sed "s/sudo //g")"', env=ENV)

    look("closed")
    m.add("closed-text", [BUILD / "tools/opae", "list"], uid=USER, env=ENV)
    m.sh("closed-mend", f"chown {USER} /dev/dfl-port.0")
    look("opened")
    m.sh("held", f"exec 3<>/dev/dfl-port.0; {BUILD}/tools/opae doctor {address}; exit $?", uid=USER, env=ENV)
    m.sh("pages", "echo 4 > /proc/sys/vm/nr_hugepages")
    look("pages-there")
    m.sh("spoil-module", "rmmod dfl-afu")
    look("module")
    m.sh("module-mend", "insmod /rig/dfl/*-dfl-afu.ko; chown " + str(USER) + " /dev/dfl-port.0")
    look("module-mended")
    m.sh("spoil-driver", f"echo {address} > /sys/bus/pci/drivers/dfl-pci/unbind")
    look("unbound")
    mend("unbound")
    m.sh("chown", f"for i in /dev/dfl-*; do chown {USER} $i; done")
    look("mended")
    return m, m.run()


def report(results, name):
    doctor = json.loads(results[name].output)["doctor"]
    subject, = [s for s in doctor["subjects"] if s["kind"] == "pci"]
    return subject, {s["step"]: s["text"] for s in subject["steps"]}


def listed(results, name):
    return {d["type"]: d for d in json.loads(results[f"{name}-list"].output)["devices"]}


@pytest.mark.parametrize("name", FIXES)
def test_the_first_that_is_wrong_is_told(guest, name):
    step, fix = FIXES[name]
    subject, _ = report(guest[1], name)
    assert guest[1][name].rc == 1 and subject["steps"][-1]["step"] == step, subject
    assert fix in subject["fix"], subject


def test_the_card_is_listed_all_the_same(guest):
    """What this user may not open is shown, and why nothing is known of its state."""
    m, results = guest
    card = listed(results, "closed")["accelerator"]
    assert (card["address"], card["guid"], card["state"]) == (m.address("card"), NLB0, "-")
    assert "/dev/dfl-port.0: this user may not open it" in card["state_reason"]
    lines = results["closed-text"].good().split("\n")
    at = next(i for i, line in enumerate(lines) if NLB0 in line)
    assert re.match(r" +/dev/dfl-port.0: this user may not open it", lines[at + 1])
    card = listed(results, "opened")["accelerator"]
    assert card["state"] == "free" and "state_reason" not in card


def test_all_well_when_mended(guest):
    for name in ("opened", "module-mended", "mended"):
        subject, steps = report(guest[1], name)
        assert guest[1][name].rc == 0 and "wrong" not in subject, subject
        assert re.fullmatch(r"dfl-fme\.\d, dfl-port\.\d", steps["region"]) and NLB0 in steps["token"]
        assert listed(guest[1], name)["accelerator"]["state"] == "free"


def test_engine_that_is_closed_is_a_note(guest):
    assert "/dev/dfl-fme.0 is of uid 0, gid 0, mode 0600" in \
        next(s["text"] for s in report(guest[1], "opened")[0]["steps"] if s["result"] == "note")


def test_module_that_is_missing(guest):
    """The node is there without the driver behind it, and the list says what opening it gave."""
    subject, _ = report(guest[1], "module")
    assert "the module dfl-afu is not loaded" in subject["wrong"]
    assert "/dev/dfl-port.0: " in listed(guest[1], "module")["accelerator"]["state_reason"]


def test_holder(guest):
    assert re.search(r"note +holder +process \d+ \(sh\) has it open", guest[1]["held"].good())


def test_hugepages(guest):
    assert "none of 2 MiB is free" in report(guest[1], "opened")[1]["huge pages"]
    assert report(guest[1], "pages-there")[1]["huge pages"].startswith("4 of 4 of 2 MiB are free")
