# SPDX-License-Identifier: BSD-3-Clause
"""Partial reconfiguration by the kernel's DFL driver: fpgaReconfigureSlot, `opae load`, fpgaconf."""
import json
import re
import subprocess
import uuid

import pytest
from rig import BUILD, USER

NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
HELLO = "850adcc2-6ceb-4b22-9722-d43375b61c66"
A10, N6000 = (f"e9a1ca2d-c0de-4d5a-9c3f-00000000a00{n}" for n in (1, 2))
OTHER = "11111111-2222-3333-4444-555555555555"
TOOL, FPGACONF = BUILD / "tools/opae", BUILD / "tools/compat/fpgaconf"
ENV = {"LIBOPAE_CFGFILE": "/etc/opae-local.cfg", "CMOCKA_MESSAGE_OUTPUT": "TAP"}
CONFIG = '{"plugins": ["local"], "configurations": {"local": {"enabled": true, "plugin": "libxfpga.so"}}}'
PATIENT = 120


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Each a GBS by its name; the emulated card knows an accelerator by the payload's beginning."""
    folder = tmp_path_factory.mktemp("gbs")

    def make(name, afu, size, *more, interface=A10, body=None):
        payload = folder / "payload"
        payload.write_bytes(uuid.UUID(body or afu).bytes + bytes(size - 16))
        subprocess.run([TOOL, "gbs", "make", "--interface-id", interface, "--afu-id", afu, "--payload",
                        payload, *more, folder / name], check=True)
        return folder / name

    return {"nlb0": make("nlb0.gbs", NLB0, 262144), "hello": make("hello.gbs", HELLO, 4096),
            "other": make("other.gbs", HELLO, 4096, interface=OTHER),
            "unknown": make("unknown.gbs", HELLO, 4096, body=OTHER),
            "clock": make("clock.gbs", HELLO, 4096, "--clock-high", "200", "--clock-low", "100",
                          interface=N6000),
            "no-clock": make("noclock.gbs", HELLO, 4096, "--clock-high", "200")}


def machine(dfl_vm, files, **cards):
    m = dfl_vm(cards=cards, dfl=True)
    for card in m.cards:
        m.bind(card, driver="dfl-pci", owner=USER)
    m.image.text("/etc/opae-local.cfg", CONFIG)
    m.include(BUILD / "lib/opae", BUILD / "plugins/local/libxfpga.so", BUILD / "lib/libopae-c.so.2",
              *files.values())
    return m


@pytest.fixture(scope="module")
def api(dfl_vm, files):
    m = machine(dfl_vm, files, a10={"board": "a10"})
    m.add("load", [BUILD / "tests/vm/guest/vm-test-load"], uid=USER, limit_s=PATIENT,
          env={**ENV, "OPAE_TEST_GBS": files["nlb0"], "OPAE_TEST_HELLO": files["hello"],
               "OPAE_TEST_OTHER": files["other"]})
    return m.run(deadline_s=600)


@pytest.fixture(scope="module")
def tools(dfl_vm, files):
    m = machine(dfl_vm, files, a10={"board": "a10"}, broken={"board": "a10", "faults": "pr-error=0x12"},
                n6000={"board": "n6000"})
    a10, broken, n6000 = (m.address(c) for c in m.cards)

    def add(name, *argv, uid=USER):
        m.add(name, argv, uid=uid, env=ENV, limit_s=PATIENT)

    def load(name, file, *more, **kw):
        add(name, TOOL, "load", files[file], *more, **kw)

    load("several", "hello")
    load("dry", "hello", a10, "--dry-run")
    load("good", "hello", a10)
    add("listed", TOOL, "list", a10)
    load("wrong", "other", a10)
    m.sh("busy", f'exec 3<>/dev/dfl-port.0; if "$OPAE" load "$GBS" {a10}; then exit 9; fi; '
         f'"$OPAE" load --force "$GBS" {a10}', uid=USER, env={**ENV, "OPAE": TOOL, "GBS": files["nlb0"]},
         limit_s=PATIENT)
    load("no-clock", "no-clock", a10)
    load("unknown", "unknown", a10)
    load("after", "hello", a10)
    add("held", TOOL, "list", a10)
    add("held-doctor", TOOL, "doctor", a10)
    load("broken", "hello", broken)
    add("fpgaconf-wrong", FPGACONF, files["other"])
    load("slot-1", "clock", "--slot", "1", "--skip-clock", n6000)
    add("slots", TOOL, "list", n6000)
    load("clock", "clock", n6000, uid=0)  # the clock's UIO device is root's
    add("clocks", TOOL, "clock", "--json", n6000, uid=0)
    add("fpgaconf", FPGACONF, "-V", "--skip-usrclk", "-B", f"0x{n6000[5:7]}", files["clock"])
    return {"results": m.run(deadline_s=600), "a10": a10, "broken": broken, "n6000": n6000}


def test_api(api, record_property):
    assert api["load"].tap() == 5
    lines = re.findall(r"# (\d+ bytes: bare ioctl .*)", api["load"].output)
    assert len(lines) == 2
    for line in lines:
        record_property("reconfiguration", line)


def test_a_good_one(tools):
    r = tools["results"]
    assert "nothing was loaded" in r["dry"].good()
    out = r["good"].good()
    end = r"^loading\nloaded in \d+\.\d{3} s\naccelerator +" + HELLO + "  hello_afu$"
    assert re.search(end, out, re.M), out
    assert HELLO in r["listed"].good()


def test_one_of_several_must_be_named(tools):
    several = tools["results"]["several"]
    assert several.rc == 2 and tools["a10"] in several.output and tools["broken"] in several.output
    assert tools["n6000"] not in several.output


def test_another_interface_is_refused(tools):
    wrong = tools["results"]["wrong"]
    assert wrong.rc == 1 and OTHER in wrong.output and A10 in wrong.output and "loading" not in wrong.output


def test_a_slot_in_use(tools):
    busy = tools["results"]["busy"].good()
    assert "resource busy: " in busy and "/dev/dfl-port.0 is open" in busy
    assert busy.rstrip().endswith(f"{NLB0}  NLB0 loopback")


def test_a_clock_that_cannot_be_set(tools):
    """This board's port has the registers of a first revision, of which Linux shows the counter alone."""
    r = tools["results"]["no-clock"]
    assert r.rc == 1 and "not supported: " in r.output and "there is no dfl*/userclk/frequency" in r.output
    assert "loaded in" not in r.output


@pytest.mark.parametrize("name,words", [("unknown", "reconfig incompatible image"),
                                        ("broken", "reconfig CRC error;reconfig fifo overflow error")])
def test_what_the_card_does_not_take(tools, name, words):
    r = tools["results"][name]
    assert r.rc == 1 and "reconfiguration error: " in r.output and words in r.output
    assert "unbind the card from dfl-pci" in r.output


def test_a_slot_that_is_held_in_reset_is_told(tools):
    after = tools["results"]["after"]
    assert after.rc == 1 and "the bitstream is loaded, but the driver holds the slot in reset" in after.output
    held = tools["results"]["held"].good()
    assert re.search(r"accelerator +free +dfl +-\n +dfl-port\.0: the driver holds it in reset; ", held), held
    assert "opae doctor" not in held
    assert re.search(r"note +token .* whose GUID is not known: dfl-port\.0: the driver holds",
                     tools["results"]["held-doctor"].output)


def test_the_slot_that_was_named(tools):
    r = tools["results"]
    assert HELLO in r["slot-1"].good()
    guids = [line.split()[4] for line in r["slots"].good().splitlines() if "accelerator" in line]
    assert guids.count(HELLO) == 1 and len(guids) == 2


def test_with_a_clock(tools):
    r = tools["results"]
    assert "high 200 MHz, low 100 MHz" in r["clock"].good() and HELLO in r["clock"].output
    assert [200000000, 100000000] in [[c.get("high_hz"), c.get("low_hz")]
                                      for c in json.loads(r["clocks"].good())["clocks"]]


def test_fpgaconf(tools):
    r = tools["results"]
    assert r["fpgaconf-wrong"].rc == 4 and OTHER in r["fpgaconf-wrong"].output
    assert r["fpgaconf"].good().splitlines()[-2:] == ["Loading the bitstream", "Done"]
