# SPDX-License-Identifier: BSD-3-Clause
"""libopaevfio in a guest: QEMU's edu device, and the virtual functions of its igb."""
import pytest
from rig import BUILD, USER

PROGRAM = BUILD / "tests/vm/guest/vm-test-opaevfio"


@pytest.fixture(scope="module")
def guest(vm):
    m = vm(edu=True, igb=True, hugepages=6)
    m.bind("edu", owner=USER)
    m.bind("igb")
    for who, uid, limits in (("root", 0, {}), ("user", USER, {"memlock": 32 << 20})):
        m.add(who, [PROGRAM, m.address("edu")], uid=uid, limits=limits)
    m.add("few", [PROGRAM, m.address("edu"), "few"])
    m.add("limit", [PROGRAM, m.address("edu"), "limit"], uid=USER, limits={"memlock": 65536})
    m.add("stranger", [PROGRAM, m.address("edu"), "stranger"], uid=USER + 1)
    m.sh("vfs", f"echo 1 >/sys/bus/pci/devices/{m.address('igb')}/sriov_numvfs")
    m.add("functions", [PROGRAM, m.address("igb"), "functions"])
    return m.run()


@pytest.mark.parametrize("who", ["root", "user"])
def test_edu(guest, who):
    assert guest[who].tap() > 80


def test_without_huge_pages(guest):
    assert guest["few"].tap() == 10


def test_locked_memory_is_limited(guest):
    assert guest["limit"].tap() == 5


def test_permission_is_the_groups_node(guest):
    assert guest["stranger"].tap() == 2


def test_virtual_functions(guest):
    guest["vfs"].good()
    assert guest["functions"].tap() == 19
