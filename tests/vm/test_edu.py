# SPDX-License-Identifier: BSD-3-Clause
"""v-opae on devices that are not ours, behind a real kernel's vfio-pci: QEMU's edu and igb."""
import os
import re

import pytest
from rig import BUILD, USER

GUEST = BUILD / "tests/vm/guest"
PLUGIN = BUILD / "plugins/vfio/libv-opae.so"
WAYS = ["group", "iommufd"] if os.environ.get("OPAEX_VM_KERNEL") == "iommufd" else ["group"]


def program(m, name, way, label=None, uid=USER, **kw):
    """A program of guest/ on one of the kernel's ways."""
    m.include(PLUGIN)
    env = {"OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_TEST_WAY": way,
           "OPAEX_PLUGIN_DIR": PLUGIN.parent, "OPAE_TEST_PLUGIN": PLUGIN, **kw.pop("env", {})}
    m.add(f"{label or name}/{way}", [GUEST / f"vm-test-{name}", *kw.pop("args", [])], env=env, uid=uid, **kw)


@pytest.fixture(scope="module")
def one(vm):
    """The first boot: edu alone, and beside an emulated card."""
    m = vm(edu=True, cards={"nlb0": {"board": "nlb0"}}, hugepages=8)
    m.bind("edu", owner=USER)
    m.bind("nlb0", owner=USER)
    for way in WAYS:
        program(m, "edu", way)
        program(m, "gone", way, uid=0)
        program(m, "seam", way, limits={"memlock": 256 << 20})
    return m.run()


@pytest.mark.parametrize("way", WAYS)
def test_edu(one, way):
    assert one[f"edu/{way}"].tap() == 15
    assert re.search(r"DMAR: \[DMA Write.*00:03\.0\]", one[f"edu/{way}"].dmesg)


@pytest.mark.parametrize("way", WAYS)
def test_devices_that_go_and_come(one, way):
    assert one[f"gone/{way}"].tap() == 16


@pytest.mark.parametrize("way", WAYS)
def test_calls_to_the_kernel_that_fail(one, way):
    assert one[f"seam/{way}"].tap() == 4
