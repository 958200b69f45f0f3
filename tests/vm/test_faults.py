# SPDX-License-Identifier: BSD-3-Clause
"""Faults for which opaed needs a real kernel below it, or a virtual machine in front of it: reconfiguration
that goes wrong, devices that are taken away, a limit on locked memory, a machine that is killed.

The numbers are those of docs/testing.md, "Faults"."""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import uuid
from pathlib import Path

import pytest
from rig import BUILD, LEASH, USER

sys.path[:0] = [str(Path(__file__).parents[1] / folder) for folder in ("py", "raw")]
import peer  # noqa: E402
from opaed import soon  # noqa: E402
from frames import BUSY, Failed  # noqa: E402

NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
HELLO = "850adcc2-6ceb-4b22-9722-d43375b61c66"
A10, N6000 = (f"e9a1ca2d-c0de-4d5a-9c3f-00000000a00{n}" for n in (1, 2))
OTHER = "11111111-2222-3333-4444-555555555555"
INVALID_PARAM, EXCEPTION, NOT_FOUND, NO_MEMORY, RECONF_ERROR = 1, 3, 4, 5, 10
CLIENT, OPAED = BUILD / "tests/faults/fault-client", BUILD / "daemon/opaed"
PLUGINS = [BUILD / "plugins/tcp/libtcp-opae.so", BUILD / "plugins/vsock/libvsock-opae.so"]
CID, PORT = 5, 8447
# What a scenario begins with: an opaed of its own, which must end well.
BEGIN = """
"$OPAED" --config /etc/opaed.cfg 2>/tmp/opaed.log & opaed=$!
trap 'kill $opaed; wait $opaed && echo "opaed ended well"; cat /tmp/opaed.log' EXIT
until [ -S /tmp/opaed.sock ]; do sleep 0.05; done
says() { for i in $(seq 1200); do grep -q "$1" "$2" && return; sleep 0.05; done; echo "no $1 in $2"; exit 8; }
"""


def guest(vm, driver, cards, plugin, *files, owner=0):
    m = vm(cards=cards, dfl=driver == "dfl-pci")
    for card in m.cards:
        m.bind(card, driver=driver, owner=owner)
    m.include(BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", BUILD / plugin, *PLUGINS, CLIENT, OPAED,
              BUILD / "daemon/opaed-worker", *files)
    m.image.text("/etc/opaed.cfg", json.dumps({
        "listen": [{"unix": "/tmp/opaed.sock"}],
        "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}],
        "plugins": {"plugins": ["cards"], "configurations": {"cards": {
            "enabled": True, "plugin": Path(plugin).name, "configuration": {}}}}}))
    m.image.text("/etc/opae.cfg", json.dumps({"plugins": ["far"], "configurations": {"far": {
        "enabled": True, "plugin": "libtcp-opae.so",
        "configuration": {"hosts": [{"unix": "/tmp/opaed.sock"}], "timeout_ms": 60000,
                          "connect_ms": 60000}}}}))
    return m


def scenario(m, name, script, uid=0, **kw):
    m.sh(name, BEGIN + script, uid=uid, limit_s=120, **kw,
         env={"OPAED": OPAED, "CLIENT": CLIENT, "LIBOPAE_CFGFILE": "/etc/opae.cfg",
              "OPAEX_INVENTORY_DIR": "/tmp/inventory", **kw.pop("env", {})})


def answers(result):
    """Of each run of the program: the results of its lines."""
    out = result.good()
    assert "opaed ended well" in out, out
    runs = [[]]
    for line in out.splitlines():
        if line.startswith("ready "):
            runs.append([])
        elif found := re.match(r"(\d+) [\d.]+ \d+ ?", line):
            runs[-1].append(int(found[1]))
    return runs[1:]


# ---- 17, 18 ----

@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gbs")

    def make(name, afu, interface, size=65536):
        payload = folder / "payload"
        payload.write_bytes(uuid.UUID(afu).bytes + bytes(size - 16))
        subprocess.run([BUILD / "tools/opae", "gbs", "make", "--interface-id", interface, "--afu-id", afu,
                        "--payload", payload, folder / name], check=True)
        return folder / name

    return {"hello": make("hello.gbs", HELLO, A10), "other": make("other.gbs", HELLO, OTHER),
            "second": make("second.gbs", HELLO, N6000, 400000), "nlb0": make("nlb0.gbs", NLB0, A10, 400000)}


@pytest.fixture(scope="module")
def loads(dfl_vm, files):
    cards = {"a10": {"board": "a10"}, "broken": {"board": "a10", "afu": "he-lb", "faults": "pr-error=0x12"},
             "n6000": {"board": "n6000", "afu": "script,poller"}}
    m = guest(dfl_vm, "dfl-pci", cards, "plugins/local/libxfpga.so", *files.values())
    he_lb, script = "56e203e9-864f-49a7-b94b-12284c31e02b", "d1db1b15-92cd-4b6d-b837-abf910213b89"
    scenario(m, "wrong", f"""
        printf 'device {NLB0}\\nload {files["other"]} 0\\nload {files["hello"]} 9\\n' | "$CLIENT"
        printf 'open {NLB0}\\nread 8\\nwrite 0x120 1\\n' | "$CLIENT"
    """)
    scenario(m, "broken", f"""
        printf 'device {he_lb}\\nload {files["hello"]} 0\\n' | "$CLIENT"
        printf 'open {he_lb}\\nopen {HELLO}\\n' | "$CLIENT"
        printf 'open {NLB0}\\nread 8\\n' | "$CLIENT"
    """)
    scenario(m, "other-slot", f"""
        mkfifo /tmp/in; "$CLIENT" </tmp/in >/tmp/out & exec 3>/tmp/in
        echo 'open {script}' >&3; says '^0 ' /tmp/out; echo 'work 0' >&3
        printf 'device {script}\\nload {files["second"]} 1\\n' | "$CLIENT"
        printf 'open {HELLO}\\nread 8\\nclose\\n' | "$CLIENT"
        [ $(wc -l </tmp/out) = 2 ] || echo "the first one was disturbed: $(cat /tmp/out)"
        kill -9 $!; echo undisturbed
    """)
    scenario(m, "cut", f"""
        for ms in 1 3 10 30 100; do
            printf 'device {NLB0}\\nload {files["nlb0"]} 0\\n' | "$CLIENT" >/dev/null & client=$!
            usleep ${{ms}}000; killall -9 fault-client || true; wait $client || true
        done
        for ms in 5 20 60; do
            printf 'device {NLB0}\\nload {files["nlb0"]} 0\\n' | "$CLIENT" >/dev/null & client=$!
            usleep ${{ms}}000; killall -9 opaed-worker || true; wait $client || true
        done
        printf 'device {NLB0}\\nload {files["nlb0"]} 0\\n' | "$CLIENT"
        printf 'open {NLB0}\\nread 8\\n' | "$CLIENT"
    """)
    return m.run(deadline_s=900)


def test_fault_17_a_bitstream_for_another_interface(loads):
    """FPGA_INVALID_PARAM, and so is a slot that there is none of; the slot is as it was."""
    wrong, after = answers(loads["wrong"])
    assert wrong == [0, INVALID_PARAM, INVALID_PARAM] and after == [0, 0, 0]


def test_fault_17_a_slot_that_was_half_loaded_is_given_to_nobody(loads):
    """The card refuses in the middle: neither the old accelerator nor the new one is there; others are."""
    load, nobody, other = answers(loads["broken"])
    assert load == [0, RECONF_ERROR] and nobody == [NOT_FOUND, NOT_FOUND] and other == [0, 0]


def test_fault_17_who_loads_is_killed(loads):
    """The program or its worker, at some moments: what the slot then has is whole, and can be loaded anew."""
    *_, load, after = answers(loads["cut"])
    assert load == [0, 0] and after == [0, 0]


def test_fault_18_another_slot_is_loaded(loads):
    """Who works with the accelerator in the first one goes on."""
    result = loads["other-slot"]
    load, after = answers(result)
    assert load == [0, 0] and after == [0, 0, 0]
    assert "undisturbed" in result.output and "disturbed:" not in result.output


# ---- 21, 22 ----

@pytest.fixture(scope="module")
def taken(vm):
    cards = {"one": {"board": "nlb0", "mmio": "map"}, "two": {"board": "hello"}}
    m = guest(vm, "vfio-pci", cards, "plugins/vfio/libv-opae.so")
    address = m.address("one")
    for name, way in (("removed", f"echo 1 >/sys/bus/pci/devices/{address}/remove"),
                      ("unbound", f"echo {address} >/sys/bus/pci/drivers/vfio-pci/unbind")):
        back = "echo 1 >/sys/bus/pci/rescan" if name == "removed" else "true"
        for doing, lines in (("registers", ""), ("copies", "buffer 4096\\nbuffer 65536\\nbuffer 65536\\n"
                                                           "copy 1024\\n")):
            scenario(m, f"{name}-{doing}", f"""
                mkfifo /tmp/in-{name}-{doing}; out=/tmp/out-{name}-{doing}
                "$CLIENT" </tmp/in-{name}-{doing} >$out & exec 3>/tmp/in-{name}-{doing}
                printf 'open {NLB0}\\n{lines}' >&3; says '^0 ' $out; echo 'work 0' >&3; sleep 0.3
                {way}
                says '^{EXCEPTION} ' $out; cat $out; sed -i s/^/was:/ $out
                printf 'open {HELLO}\\nread 8\\n' | "$CLIENT"
                echo close >&3; exec 3>&-; wait %2 || true
                {back}
                echo vfio-pci >/sys/bus/pci/devices/{address}/driver_override
                [ -e /sys/bus/pci/devices/{address}/driver ] || echo {address} >/sys/bus/pci/drivers_probe
                printf 'open {NLB0}\\nread 8\\n' | "$CLIENT"
            """)
    return m.run(deadline_s=900)


@pytest.mark.parametrize("doing", ["registers", "copies"])
@pytest.mark.parametrize("how", ["removed", "unbound"])
def test_fault_22_a_device_is_taken_from_the_kernel(taken, how, doing):
    """Its session gets FPGA_EXCEPTION, the other device is served; when it is back it is served as well."""
    first, other, again = answers(taken[f"{how}-{doing}"])
    assert first[0] == 0 and first[-1] == EXCEPTION
    assert other == [0, 0] and again == [0, 0]


@pytest.fixture(scope="module")
def poor(vm):
    m = guest(vm, "vfio-pci", {"one": {"board": "nlb0"}}, "plugins/vfio/libv-opae.so", owner=USER)
    scenario(m, "memlock", f"""
        printf 'open {NLB0}\\nbuffer 4194304\\nbuffer 65536\\nread 8\\n' | "$CLIENT"
        printf 'open {NLB0}\\nbuffer 65536\\n' | "$CLIENT"
    """, uid=USER, limits={"memlock": 1 << 20})
    return m.run(deadline_s=400)


def test_fault_21_the_limit_of_locked_memory(poor):
    """FPGA_NO_MEMORY for what is beyond it, and nothing else."""
    first, second = answers(poor["memlock"])
    assert first == [0, NO_MEMORY, 0, 0] and second == [0, 0]


# ---- 25 ----

class Host:
    """This machine: a card and an opaed, to which a guest comes by vsock, and a thread that kills it."""

    def __init__(self, own):
        self.said, self.killed, self.own = [], None, own

    def start(self, folder):
        """The folder is QEMU's, and goes with it; so does what is returned."""
        emu = self.own / "emu"
        emu.mkdir()
        self.card = subprocess.Popen([*LEASH, BUILD / "emu/opae-emu", "--socket", emu / "card0.sock"],
                                     stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                     stderr=subprocess.PIPE, text=True)
        assert "card ready" in self.card.stdout.readline()
        self.path = f"{self.own}/host.sock"
        config = self.own / "opaed.cfg"
        config.write_text(json.dumps({
            "listen": [{"unix": f"{folder}/vsock_{PORT}", "principal": f"vsock:{CID}"},
                       {"unix": self.path}],
            "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}]}))
        self.opaed = subprocess.Popen([*LEASH, OPAED, "--config", config], text=True,
                                      env={**os.environ, "OPAEX_EMU_DIR": str(emu),
                                           "OPAEX_INVENTORY_DIR": str(self.own)},
                                      stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        assert "listening" in self.opaed.stderr.readline()
        self.folder = folder
        self.ear = threading.Thread(target=self.hear)
        self.thread = threading.Thread(target=self.watch)
        self.ear.start()
        self.thread.start()
        return subprocess.Popen(["sleep", "1000"])

    def end(self):
        """opaed's exit code."""
        self.thread.join(400)
        self.opaed.terminate()
        code = self.opaed.wait(60)
        self.ear.join(20)
        self.card.kill()
        self.card.wait()
        return code

    def hear(self):
        for line in self.opaed.stderr:
            self.said.append(line)

    def qemu(self):
        """Its process, which is a child of this one."""
        for task in os.listdir("/proc/self/task"):
            for pid in Path(f"/proc/self/task/{task}/children").read_text().split():
                if f"{self.folder}/image".encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
                    return int(pid)
        return None

    def watch(self):
        """When the guest's program copies, its machine is killed; what comes of it."""
        try:
            with peer.Client(peer.address(self.path)) as c:
                c.hello()
                soon(lambda: any(row[1] == f"vsock:{CID}" and row[7] > 4 << 20
                                 for row in c.call("SESSIONS")[0]), 300)
                os.kill(self.qemu(), signal.SIGKILL)
                handle = soon(lambda: opened(c), 30)
                self.control = c.read64(handle, 0x138)
                self.content = c.call("PULL", handle, c.call("PREPARE", handle, 1 << 20, 2)[0], 0, 4096)
            self.killed = True
        except Exception as e:  # the test tells of it
            self.killed = e


def opened(c):
    try:
        return c.open()
    except Failed as e:
        assert e.result == BUSY
        return None


@pytest.fixture
def host():
    own = Path(tempfile.mkdtemp(prefix="opae-vm-host."))
    yield Host(own)
    shutil.rmtree(own)


def test_fault_25_a_virtual_machine_is_killed(vsock_vm, host):
    """As when its program is killed: the device stands still and is free for the next; opaed goes on."""
    m = vsock_vm(vsock=CID)
    m.include(BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", *PLUGINS, CLIENT)
    m.image.text("/etc/opae.cfg", json.dumps({"plugins": ["far"], "configurations": {"far": {
        "enabled": True, "plugin": "libvsock-opae.so",
        "configuration": {"connect_ms": 60000, "hosts": [{"cid": 2, "port": PORT}]}}}}))
    m.with_process(host.start)
    m.sh("copies", f"""(printf 'open {NLB0}\\nbuffer 4096\\nbuffer 1048576\\nbuffer 1048576\\ncopy 16384\\n'
        sleep 300) | "$CLIENT" """, env={"CLIENT": CLIENT, "LIBOPAE_CFGFILE": "/etc/opae.cfg"}, limit_s=310)
    try:
        results = m.run(deadline_s=400)
    finally:
        code = host.end()
    assert host.killed is True, (host.killed, host.said)
    assert results["copies"].rc is None and code == 0
    assert host.control & 2 == 0 and host.content == [bytes(4096)]
    assert any("session 2: ended: the peer has gone" in line for line in host.said), host.said
