# SPDX-License-Identifier: BSD-3-Clause
"""The end-to-end programs over virtio-vsock: by a guest's loopback, and from a guest to this machine.

In the first the guest has everything: cards, opaed, programs. In the second the cards and an opaed are on
this machine, and the guest has programs alone."""
import json
import os
import select
import subprocess
from collections import Counter

import pytest
from rig import BUILD, LEASH, USER

CID = 4
PORT = 8447
LIMITS = {"memlock": 512 << 20}
# Each program, and how often it skips which case.
PROGRAMS = {
    "card": {"pointers_to_mapped_registers": 1, "no_pointer_to_trapped_registers": 1},
    "dfl": {},
    "errors": {},
    "handover": {},
}
LIBRARY = [BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", BUILD / "plugins/vsock/libvsock-opae.so",
           BUILD / "plugins/vfio/libv-opae.so"]


def client(cid):
    return json.dumps({"plugins": ["far"], "configurations": {"far": {
        "enabled": True, "plugin": "libvsock-opae.so",
        "configuration": {"connect_ms": 60000, "hosts": [{"cid": cid, "port": PORT}]}}}})


@pytest.fixture(scope="module")
def loopback(vsock_vm):
    m = vsock_vm()
    m.include(*LIBRARY, BUILD / "daemon/opaed", BUILD / "daemon/opaed-worker", BUILD / "emu/opae-emu")
    env = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_EXPLICIT_INITIALIZE": "1", "OPAE_TEST_REMOTE": "vsock",
           "OPAE_TEST_TRACKER": "eager",  # this kernel can no other
           "OPAE_TEST_OPAED": str(BUILD / "daemon/opaed"), "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu")}
    m.sh("nodes", "chmod 666 /dev/vsock")
    for name in PROGRAMS:
        m.add(name, [BUILD / f"tests/card/test_{name}"], uid=USER, env=env, limit_s=200, limits=LIMITS)
    return m.run(deadline_s=600)


@pytest.mark.parametrize("program", PROGRAMS)
def test_loopback(loopback, program, record_property):
    result = loopback[program]
    record_property("passed", result.tap())
    assert Counter(name for name, _ in result.skipped()) == Counter(PROGRAMS[program])


@pytest.mark.parametrize("program,case", [(p, c) for p, cases in PROGRAMS.items() for c in cases])
def test_skipped(loopback, program, case):
    """Nothing but the reason, so that the count of what was skipped has it."""
    pytest.skip(dict(loopback[program].skipped())[case])


def cards(folder):
    """Two of this machine's; who asked for them ends them."""
    emu = folder / "emu"
    emu.mkdir()
    for name, board in (("card0", "nlb0"), ("card1", "hello")):
        p = subprocess.Popen([*LEASH, BUILD / "emu/opae-emu", "--socket", emu / f"{name}.sock",
                              "--board", board, "--mmio", "map"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert "card ready" in p.stdout.readline()
        yield p


def opaed(folder):
    """It takes the guest's connections where the vsock device brings them: the guest is vsock:4 for it."""
    config = folder / "opaed.cfg"
    config.write_text(json.dumps({
        "listen": [{"unix": f"{folder}/vsock_{PORT}", "principal": f"vsock:{CID}"}],
        "policy": [{"principal": f"vsock:{CID}", "see": ["*"],
                    "allow": ["mmio-read", "mmio-write", "dma"]}]}))
    env = {**os.environ, "OPAEX_EMU_DIR": str(folder / "emu"), "OPAEX_INVENTORY_DIR": str(folder)}
    p = subprocess.Popen([*LEASH, BUILD / "daemon/opaed", "--config", config], env=env, text=True,
                         stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert select.select([p.stderr], [], [], 60)[0] and "listening" in p.stderr.readline()
    return p


@pytest.fixture(scope="module")
def from_guest(vsock_vm):
    m = vsock_vm(vsock=CID)
    m.include(*LIBRARY)
    m.image.text("/etc/opae.cfg", client(2))
    env = {"LIBOPAE_CFGFILE": "/etc/opae.cfg"}
    m.sh("nodes", "chmod 666 /dev/vsock")
    started = []

    def start(folder):
        started.extend(cards(folder))
        return opaed(folder)

    m.with_process(start)
    for name, argv in (("list", [BUILD / "tools/opae", "list", "--json"]),
                       ("hello_afu", [BUILD / "samples/hello_afu"]),
                       ("hello_fpga", [BUILD / "samples/hello_fpga"])):
        m.add(name, argv, uid=USER, env=env, limit_s=120, limits=LIMITS)
    try:
        yield m.run(deadline_s=400)
    finally:
        for p in started:
            p.kill()
            p.wait()


def test_a_guest_lists_the_machines_cards(from_guest):
    devices = json.loads(from_guest["list"].good())["devices"]
    assert len(devices) == 2
    assert {d["guid"] for d in devices} == {"d8424dc4-a4a3-c413-f89e-433683f9040b",
                                            "850adcc2-6ceb-4b22-9722-d43375b61c66"}


@pytest.mark.parametrize("sample", ["hello_afu", "hello_fpga"])
def test_a_guests_programs_run_on_them(from_guest, sample):
    assert "Test PASSED" in from_guest[sample].good()
