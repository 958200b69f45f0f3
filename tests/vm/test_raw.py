# SPDX-License-Identifier: BSD-3-Clause
"""QEMU's edu device and the emulated card by bare VFIO: witnesses of the rig without any v-opae."""
import pytest
from rig import BUILD, USER

EDU_RAW = BUILD / "tests/raw/edu_raw"
NLB_RAW = BUILD / "tests/raw/nlb_raw"


@pytest.fixture(scope="module")
def guest(vm):
    m = vm(edu=True, cards={"trap": {}, "map": {"mmio": "map"}})
    for device in ("edu", "trap", "map"):
        m.bind(device, owner=USER)
    m.add("root", [EDU_RAW, m.address("edu")])
    m.add("user", [EDU_RAW, m.address("edu")], uid=USER)
    m.add("stranger", [EDU_RAW, m.address("edu")], uid=USER + 1)
    m.add("memlock", [EDU_RAW, m.address("edu")], uid=USER, limits={"memlock": 4096})
    for card in ("trap", "map"):
        m.add(card, [NLB_RAW, m.address(card)], uid=USER, limits={"memlock": 8 << 20})
    return m.run()


@pytest.mark.parametrize("who", ["root", "user"])
def test_edu(guest, who):
    assert guest[who].tap() > 15


@pytest.mark.parametrize("mmio", ["trap", "map"])
def test_card(guest, mmio):
    """Mapped registers are the guest's memory, through QEMU and two mappings."""
    assert guest[mmio].tap() > 10


def test_an_unmapped_address_is_a_fault_in_the_log(guest):
    """The first one is; how many more, the kernel limits."""
    assert "fault addr 0x5000000 " in guest["root"].dmesg, guest.dmesg


def test_permission_is_the_groups_node(guest):
    assert guest["stranger"].rc == 1 and "Permission denied" in guest["stranger"].output


def test_locked_memory_is_limited(guest):
    assert guest["memlock"].rc == 1 and "not ok 1 - memory is mapped" in guest["memlock"].output
