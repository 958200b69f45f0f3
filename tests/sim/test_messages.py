# SPDX-License-Identifier: BSD-3-Clause
"""A copy between memory that is reached by messages alone, while its client reads registers."""
import pytest
from conftest import COPIES, INTERFACES
from lender import Lender
from simulation import Client

SOURCE, DESTINATION, LINES, START, STATUS = 0x28, 0x30, 0x38, 0x40, 0x48
BUSY, DONE = 1, 2
FAR, HALF = 0x40000000, 0x10000


class Guest(Lender, Client):
    pass


@pytest.mark.parametrize("order", ["strict", "shuffle"])
@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("outstanding", ["8", "256"])
def test_registers_are_answered(simulate, interface, order, outstanding):
    options = "--outstanding", outstanding, "--mmio-gap", "64", "--order", order
    simulation = simulate(COPIES[interface], *options)
    guest = Guest(simulation.path)
    memory = guest.lend(FAR, 2 * HALF)
    for offset, value in ((SOURCE, FAR), (DESTINATION, FAR + HALF), (LINES, HALF // 64), (START, 1)):
        guest.write64(offset, value)
    seen = {BUSY}
    while DONE not in seen:
        seen.add(guest.read64(STATUS))
        guest.rest()
    assert seen == {BUSY, DONE}
    assert memory[HALF:] == memory[:HALF]
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err
