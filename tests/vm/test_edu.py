# SPDX-License-Identifier: BSD-3-Clause
"""v-opae on devices that are not ours, behind a real kernel's vfio-pci: QEMU's edu and igb."""
import os
import re

import pytest
import rig
from rig import BUILD, USER

GUEST = BUILD / "tests/vm/guest"
PLUGIN = BUILD / "plugins/vfio/libv-opae.so"
WAYS = ["group", "iommufd"] if os.environ.get("OPAEX_VM_KERNEL") == "iommufd" else ["group"]


def environment(way, **more):
    return {"OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_TEST_WAY": way,
            "OPAEX_PLUGIN_DIR": PLUGIN.parent, "OPAE_TEST_PLUGIN": PLUGIN, **more}


def program(m, name, way, label=None, uid=USER, **kw):
    """A program of guest/ on one of the kernel's ways."""
    m.include(PLUGIN)
    env = environment(way, **kw.pop("env", {}))
    m.add(f"{label or name}/{way}", [GUEST / f"vm-test-{name}"], env=env, uid=uid, **kw)


@pytest.fixture(scope="module")
def one(vm):
    """The first boot: edu alone, and beside an emulated card."""
    m = vm(edu=True, cards={"nlb0": {"board": "nlb0"}}, hugepages=8)
    m.bind("edu", owner=USER)
    m.bind("nlb0", owner=USER)
    for way in WAYS:
        program(m, "edu", way)
        program(m, "gone", way, uid=0)
        program(m, "sigbus", way)
        program(m, "given", way, uid=0)
        program(m, "seam", way, uid=0, limits={"memlock": 256 << 20}, limit_s=120)
    return m.run(deadline_s=600)


@pytest.mark.parametrize("way", WAYS)
def test_edu(one, way):
    assert one[f"edu/{way}"].tap() == 15
    assert re.search(r"DMAR: \[DMA Write.*00:03\.0\]", one[f"edu/{way}"].dmesg)


@pytest.mark.parametrize("way", WAYS)
def test_devices_that_go_and_come(one, way):
    assert one[f"gone/{way}"].tap() == 17


@pytest.mark.parametrize("way", WAYS)
def test_a_sigbus_of_the_programs_own(one, way):
    assert one[f"sigbus/{way}"].tap() == 1


@pytest.mark.parametrize("way", WAYS)
def test_descriptors_that_somebody_else_opened(one, way):
    assert one[f"given/{way}"].tap() == 2


@pytest.mark.parametrize("way", WAYS)
def test_calls_to_the_kernel_that_fail(one, way):
    assert one[f"seam/{way}"].tap() == 5


# ---- permissions, limits, groups, functions ----

MEMLOCK_KIB, MAPPINGS = 1024, 200
# Behind a conventional bridge all are one group. The last has a driver of the guest's.
BRIDGED = {"edu0": "edu", "edu1": "edu", "spoiler": "virtio-rng-pci"}


class Bridged(rig.Machine):
    """With devices that share a group; they come after all others."""

    def address(self, device):
        if device not in BRIDGED:
            return super().address(device)
        ports = len(self.cards) + bool(self.igb)
        # the port's bus, the bridge, and the bus behind it
        return f"0000:{ports + 2:02x}:{list(BRIDGED).index(device) + 1:02x}.0"

    def _devices(self, folder):
        yield from super()._devices(folder)
        slot = rig.FIRST_PORT + len(self.cards) + bool(self.igb)
        yield f"pcie-root-port,id=port-b,chassis=99,slot=99,addr={slot:#x}"
        yield "pcie-pci-bridge,id=bridge,bus=port-b"
        for n, device in enumerate(BRIDGED.values(), 1):
            yield f"{device},bus=bridge,addr={n}"


def unbind(m, device):
    m.sh(f"unbind/{device}", "echo {0} >/sys/bus/pci/devices/{0}/driver/unbind".format(m.address(device)))


def virtual_functions(m):
    """Of igb; the kernel gives them to vfio-pci, as their physical one is there."""
    pf = f"/sys/bus/pci/devices/{m.address('igb')}"
    m.sh("functions", f"""
        echo 2 >{pf}/sriov_numvfs
        for vf in {pf}/virtfn*; do
            g=$(readlink $vf/iommu_group)
            chown {USER} /dev/vfio/${{g##*/}}
            for c in $vf/vfio-dev/vfio*; do
                n=/dev/vfio/devices/${{c##*/}}
                if [ -e $n ]; then chown {USER} $n; fi
            done
        done""")


@pytest.fixture(scope="module")
def two(vm):
    """The second boot: edu and igb, and two more edu devices in one group with another device."""
    del vm  # it says whether there can be one
    m = Bridged(edu=True, igb=True, hugepages=8)
    for device in ("edu", "igb", "edu0", "edu1"):
        m.bind(device, owner=USER)
    unbind(m, "edu")  # from here on the two are alone
    for way in WAYS:
        node = {"group": "/dev/vfio/", "iommufd": "/dev/vfio/devices/vfio"}[way]
        program(m, "group", way, "stranger", uid=USER + 1,
                env={"OPAE_TEST_REASON": f"you have no permission to open {node}"})
        spoiler = f"{m.address('spoiler')}, which is in it as well, is with the driver virtio-pci"
        program(m, "group", way, "spoiled", env={"OPAE_TEST_REASON": spoiler})
    unbind(m, "spoiler")
    for way in WAYS:
        program(m, "group", way)
    unbind(m, "edu1")
    virtual_functions(m)
    entries = "/sys/module/vfio_iommu_type1/parameters/dma_entry_limit"
    for way in WAYS:
        program(m, "limits", way, "memlock", limits={"memlock": MEMLOCK_KIB << 10},
                env={"OPAE_TEST_KIB": MEMLOCK_KIB})
        program(m, "limits", way, "many", limits={"memlock": 64 << 20}, env={"OPAE_TEST_MAPPINGS": 0})
        program(m, "functions", way, env={"OPAE_TEST_PF": m.address("igb")})
    m.sh("few-mappings", f"echo {MAPPINGS} >{entries}")
    program(m, "limits", "group", "mappings", env={"OPAE_TEST_MAPPINGS": MAPPINGS})
    return m.run()


@pytest.mark.parametrize("way", WAYS)
def test_a_node_of_somebody_else(two, way):
    assert two[f"stranger/{way}"].tap() == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_group_with_a_driver_of_the_host(two, way):
    assert two[f"spoiled/{way}"].tap() == 1


@pytest.mark.parametrize("way", WAYS)
def test_two_devices_of_a_group(two, way):
    assert two[f"group/{way}"].tap() == 3


@pytest.mark.parametrize("way", WAYS)
def test_locked_memory_is_limited(two, way):
    assert two[f"memlock/{way}"].tap() == 1


@pytest.mark.parametrize("way", WAYS)
def test_thousands_of_buffers(two, way):
    assert two[f"many/{way}"].tap() == 1


def test_a_container_takes_so_many_mappings(two):
    assert two["mappings/group"].tap() == 1


@pytest.mark.parametrize("way", WAYS)
def test_virtual_functions(two, way):
    assert two[f"functions/{way}"].tap() == (1 if way == "iommufd" else 3)


# ---- no IOMMU ----

def test_without_an_iommu(vm):
    """vfio-pci takes no device then. The tools tell that, and not of the driver that is missing."""
    m = vm(cards={"nlb0": {"board": "nlb0"}}, append="intel_iommu=off")
    address = m.address("nlb0")
    device = f"/sys/bus/pci/devices/{address}"
    m.sh("vfio-pci", f"echo vfio-pci >{device}/driver_override; echo {address} >/sys/bus/pci/drivers_probe; "
         f"ls {device}/driver")
    m.include(PLUGIN)
    for name in ("doctor", "bind", "list"):
        m.add(name, [BUILD / "tools/opae", name, *([address] if name != "list" else [])],
              env={"OPAEX_PLUGIN_DIR": PLUGIN.parent})
    results = m.run()
    assert results["vfio-pci"].rc != 0
    for name in ("doctor", "bind"):
        assert results[name].rc == 1 and "it is in no IOMMU group: the IOMMU is off" in results[name].output
        assert "intel_iommu=on" in results[name].output
    assert address not in results["list"].output
