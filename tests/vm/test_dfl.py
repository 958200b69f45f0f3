# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own DFL driver on emulated cards, by bare ioctls: witnesses of the rig without any plugin."""
import re

import pytest
from rig import BUILD, USER

FAULTS = "fme-error=4,port-error=0x10"
INTERFACE = "e9a1ca2dc0de4d5a9c3f00000000a00"  # and the board's number
BOARDS = {"a10": "1", "n6000": "2"}
BOUND = [*BOARDS, "multi", "port"]
ODD = {f"odd-{board}": board for board in BOARDS}


@pytest.fixture(scope="module")
def guest(dfl_vm):
    cards = {board: {"board": board, "faults": FAULTS} for board in BOARDS}
    cards |= {board: {"board": board} for board in ("multi", "port")}
    cards |= {name: {"board": "a10"} for name in ("spare", "vfio")}
    m = dfl_vm(cards=cards, dfl=True, hugepages=4)
    for card in BOUND:
        m.bind(card, driver="dfl-pci", owner=USER)
    m.bind("vfio")
    m.sh("nodes", "stat -c '%n %u' /dev/dfl-*; for c in $CARDS; do d=/sys/bus/pci/devices/$c; "
         "echo $c $(cd $d/fpga_region/region*; ls -d dfl-*.*); done",
         env={"CARDS": " ".join(m.address(c) for c in BOUND)})
    m.sh("others", "cd /sys/bus/pci/devices; ls -d $SPARE/driver || echo none; readlink $VFIO/driver",
         env={"SPARE": m.address("spare"), "VFIO": m.address("vfio")})
    for board, number in BOARDS.items():
        m.add(board, [BUILD / "tests/raw/dfl_raw", m.address(board), board, INTERFACE + number], uid=USER,
              limits={"memlock": 8 << 20})
    m.add("stranger", [BUILD / "tests/raw/dfl_raw", m.address("a10"), "a10", "0"], uid=USER + 1)
    for name, board in ODD.items():
        m.add(name, [BUILD / "tests/raw/dfl_odd", m.address(board)])
    return m, m.run()


def test_each_card_has_its_nodes(guest):
    m, results = guest
    lines = results["nodes"].good().split("\n")
    assert len([line for line in lines if re.match(r"/dev/dfl-fme\.\d+ 1000", line)]) == 3
    assert len([line for line in lines if re.match(r"/dev/dfl-port\.\d+ 1000", line)]) == 7
    counts = {m.address("a10"): (1, 1), m.address("n6000"): (1, 2), m.address("multi"): (1, 3),
              m.address("port"): (0, 1)}
    for address, (fmes, ports) in counts.items():
        line = next(x for x in lines if x.startswith(address))
        assert (line.count("dfl-fme"), line.count("dfl-port")) == (fmes, ports), line


def test_other_cards_are_left_alone(guest):
    """The driver knows them by their ids, and is not to take what was not given to it."""
    spare, vfio = guest[1]["others"].good().strip().split("\n")[-2:]
    assert spare == "none" and vfio.endswith("/vfio-pci")


@pytest.mark.parametrize("board", BOARDS)
def test_driver(guest, board):
    assert guest[1][board].tap() > 50


def test_permission_is_the_nodes(guest):
    stranger = guest[1]["stranger"]
    assert stranger.rc == 1 and "/dev/dfl-fme.0: Permission denied" in stranger.output


@pytest.mark.parametrize("name", ODD)
def test_odd_cases(guest, name):
    assert guest[1][name].tap() > 50
