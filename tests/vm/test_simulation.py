# SPDX-License-Identifier: BSD-3-Clause
"""Simulations of the copy engine as devices of a guest, whose kernel drives the RTL by its own vfio-pci. The
program is the one of the host.

That a simulation ends with exit code 0, and so has seen no broken rule, the rig asks of each."""
import json
import shutil
import signal
import subprocess

import pytest
from rig import BUILD, SOURCE, USER

COPY = BUILD / "samples/afu/afu_copy"
GUID = "4ecd5f6a-2d3c-4b1b-9a55-0f3a9a5c7a10"
BYTES = [64, 4096, 1 << 18]
ENV = {"LIBOPAE_CFGFILE": "/etc/opae-guest.cfg", "OPAEX_INVENTORY_DIR": "/tmp/inventory"}
# A copy takes longer than any test: it is never at its end when the simulation goes.
SLOW = ["--read-latency", str(1 << 20), "--outstanding", "8"]
DEVICES = {"ccip": ("ccip", []), "shuffle": ("ccip", ["--order", "shuffle"]),
           "streams": ("pcie-ss", ["--order", "shuffle"]), "slow": ("ccip", SLOW)}
# QEMU 11.1 does not survive ECONNRESET from a device, only the end of the connection.
QEMU_ENDED = "error_setv: Assertion `*errp == NULL' failed"
# What is copied when the interrupts have been counted.
BESIDE = {"ccip": ["beside"], "streams": ["streams/found"]}
COPIED = ["ccip", "shuffle", "streams"]


@pytest.fixture(scope="module")
def built(vm, tmp_path_factory):
    """The simulations' programs, by their interface."""
    del vm  # it says whether there can be one
    if not shutil.which("verilator"):
        pytest.skip("verilator is not installed")
    folder = tmp_path_factory.mktemp("built")
    for name, path in {"ccip": "copy", "pcie-ss": "copy/pcie-ss"}.items():
        done = subprocess.run([BUILD / "sim/ase-build", "-o", folder / name,
                               SOURCE / "samples/afu" / path / "sources.txt"], timeout=600, check=False,
                              text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert not done.returncode, done.stdout
    return folder


class Simulations:
    """Of one machine: their folders on this host, and the programs that are run on them."""

    def __init__(self, vm, built, folder, names, **machine):
        self.folders = {name: folder / name for name in names}
        cards = {}
        for name in names:
            self.folders[name].mkdir()
            afu, options = DEVICES[name]
            cards[name] = {"simulation": [built / afu, "--workdir", self.folders[name], *options],
                           "signal": signal.SIGUSR1 if name == "slow" else 0}
        self.machine = m = vm(cards=cards, **machine)
        if m.kernel_name == "stock":  # writes down each interrupt; the others are built without
            m.sh("trace", "mount -t tracefs tracefs /sys/kernel/tracing\n"
                 "echo 1 >/sys/kernel/tracing/events/irq/irq_handler_entry/enable")
        m.include(BUILD / "lib/opae", BUILD / "plugins/vfio/libv-opae.so", BUILD / "lib/libopae-c.so.2",
                  COPY)
        for name in names:
            m.bind(name, owner=USER)
            self.configure(f"/etc/{name}.cfg", {"devices": [m.address(name)]})
        self.configure("/etc/opae-guest.cfg", {})

    def configure(self, path, plugin):
        entry = {"enabled": True, "plugin": "libv-opae.so", "configuration": plugin}
        text = json.dumps({"plugins": ["cards"], "configurations": {"cards": entry}})
        self.machine.image.text(path, text)

    def env(self, name):
        return {**ENV, "LIBOPAE_CFGFILE": f"/etc/{name}.cfg"}

    def copy(self, label, name, size):
        self.machine.add(label, [COPY, size], uid=USER, env=self.env(name), limit_s=100)

    def interrupts(self, label):
        if self.machine.kernel_name == "stock":
            self.machine.sh(label, "cat /sys/kernel/tracing/trace")

    def events(self, name):
        """What its log has of registers, interrupts and resets: [(what, address)]"""
        log = "log_ase_events.tsv" if DEVICES[name][0] == "pcie-ss" else "ccip_transactions.tsv"
        lines = (self.folders[name] / log).read_text().splitlines()
        return [tuple(line.split("\t")[1:3]) for line in lines]


def reset_by_sysfs(m, name):
    m.sh(f"reset/{name}", f"echo 1 >/sys/bus/pci/devices/{m.address(name)}/reset", limit_s=30)


def found_anew(m, name):
    """The device is removed and found again, and vfio-pci takes it."""
    address = m.address(name)
    device = f"/sys/bus/pci/devices/{address}"
    m.sh("found", f"""
        echo 1 >{device}/remove
        ! [ -e {device} ]
        echo 1 >/sys/bus/pci/rescan
        echo vfio-pci >{device}/driver_override
        echo {address} >/sys/bus/pci/drivers_probe
        chown {USER} /dev/vfio/$(basename $(readlink {device}/iommu_group))
        for c in {device}/vfio-dev/vfio*; do
            if [ -e /dev/vfio/devices/${{c##*/}} ]; then chown {USER} /dev/vfio/devices/${{c##*/}}; fi
        done""", limit_s=60)


def killed_in_a_copy(sims, name):
    """The simulation goes when the program sleeps, waiting for its interrupt."""
    m = sims.machine
    m.sh("killed", f"""
        {COPY} {4 << 20} &
        until grep -q 'vfio-msix.*{m.address(name)}' /proc/interrupts && grep -q ') S ' /proc/$!/stat; do
            kill -0 $!
            sleep 0.01
        done
        /rig/signal {name}
        wait $!""", uid=USER, env=sims.env(name), limit_s=100)


def copies(sims, name):
    for size in BYTES:
        sims.copy(f"{name}/{size}", name, size)
    reset_by_sysfs(sims.machine, name)
    sims.copy(f"{name}/after", name, 4096)


@pytest.fixture(scope="module")
def guest(vm, built, tmp_path_factory):
    """A machine whose memory QEMU shares with the simulations; and the results."""
    sims = Simulations(vm, built, tmp_path_factory.mktemp("shared"), list(DEVICES))
    m = sims.machine
    m.add("list", [BUILD / "tools/opae", "list", "--json"], uid=USER, env=ENV)
    for name in COPIED:
        copies(sims, name)
    sims.interrupts("interrupts")
    found_anew(m, "streams")
    sims.copy("streams/found", "streams", 4096)
    m.add("doctor", [BUILD / "tools/opae", "doctor", "--json", m.address("ccip")], uid=USER, env=ENV)
    killed_in_a_copy(sims, "slow")
    sims.copy("gone", "slow", 4096)
    sims.copy("beside", "ccip", 4096)
    return sims, m.run()


@pytest.fixture(scope="module")
def apart(vm, built, tmp_path_factory):
    """One with memory that QEMU keeps to itself: simulations reach it by messages, and not while a processor
    of the guest waits for a register."""
    sims = Simulations(vm, built, tmp_path_factory.mktemp("apart"), COPIED, shared=False)
    for name in COPIED:
        copies(sims, name)
    sims.interrupts("interrupts")
    return sims, sims.machine.run()


@pytest.fixture(params=["guest", "apart"])
def copied(request):
    return request.getfixturevalue(request.param)


def test_list_has_each_simulation(guest):
    sims, results = guest
    listed = json.loads(results["list"].good())["devices"]
    assert {d["address"] for d in listed} == {sims.machine.address(name) for name in DEVICES}
    assert all(d["guid"] == GUID for d in listed)


@pytest.mark.parametrize("name", COPIED)
@pytest.mark.parametrize("size", BYTES)
def test_copy(copied, name, size):
    output = copied[1][f"{name}/{size}"].good()
    assert f"{size} bytes in" in output and "Test PASSED" in output


@pytest.mark.parametrize("name", COPIED)
def test_copy_after_a_reset_by_the_kernel(copied, name):
    sims, results = copied
    results[f"reset/{name}"].good()
    assert "Test PASSED" in results[f"{name}/after"].good()
    assert sims.machine.address(name) not in results[f"reset/{name}"].dmesg + results[f"{name}/after"].dmesg
    assert ("reset", "0x0") in sims.events(name)


@pytest.mark.parametrize("name", COPIED)
def test_interrupts(copied, name):
    """One a copy, and each gets to the guest's kernel."""
    sims, results = copied
    expected = len(BYTES) + 1
    later = [results[label].rc for label in BESIDE.get(name, []) if label in results]
    assert [what for what, _ in sims.events(name)].count("interrupt") == expected + later.count(0)
    assert not (sims.folders[name] / "ccip_warning_and_errors.txt").read_text()
    if sims.machine.kernel_name != "stock":
        pytest.skip("this kernel is built without traces")
    line = f"name=vfio-msix[0]({sims.machine.address(name)})"
    assert results["interrupts"].good().count(line) == expected


def test_a_device_that_is_removed_and_found_again(guest):
    guest[1]["found"].good()
    assert "Test PASSED" in guest[1]["streams/found"].good()


def test_doctor_finds_nothing_wrong(guest):
    assert json.loads(guest[1]["doctor"].good())["doctor"]["verdict"] == "ok"


def test_a_simulation_that_is_killed(guest):
    """The program is told, and so is the next one; another simulation goes on."""
    results = guest[1]
    killed = results["killed"]
    if killed.rc is None and QEMU_ENDED in killed.output:
        pytest.skip("QEMU has ended itself: the simulation had not read all that was sent to it")
    assert killed.rc == 1 and not killed.late, killed.output
    assert "the device is gone" in killed.output and "Test FAILED" in killed.output
    gone = results["gone"]
    assert gone.rc == 1 and not gone.late and "open: exception" in gone.output, gone.output
    assert "Test PASSED" in results["beside"].good()
