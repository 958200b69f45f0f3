# SPDX-License-Identifier: BSD-3-Clause
"""The device is reset in the middle of a copy, again and again."""
import random
import struct
import time

import pytest
import vu
from conftest import COPIES, INTERFACES
from opaed import soon
from simulation import BAR, MEMORY_AT

SOURCE, DESTINATION, LINES, START, STATUS = 0x28, 0x30, 0x38, 0x40, 0x48
BUSY_OR_DONE, DONE = 3, 2
MOST = 1 << 15  # lines
HALF = MOST * 64
RESETS = 60
LATER = 2000  # cycles: what reaches memory after a reset would have done so by then


def copy(client, lines):
    for offset, value in ((SOURCE, MEMORY_AT), (DESTINATION, MEMORY_AT + HALF), (LINES, lines), (START, 1)):
        client.write64(offset, value)


def reset(client, reads):
    """With so many register reads under way, each of which is answered before it, also when it ends them."""
    for i in range(reads):
        body = struct.pack("<QII", STATUS, BAR, 8)
        client.sock.sendall(vu.message(vu.REGION_READ, body, 5000 + i))
    client.next_id += 1
    client.sock.sendall(vu.message(vu.RESET, b"", client.next_id))
    answers = {vu.recv_message(client.sock)[0][:2] for _ in range(reads)}
    assert answers == {(5000 + i, vu.REGION_READ) for i in range(reads)}
    client.reply(vu.RESET)


def cycle(simulation):
    return int(simulation.ask("status")["cycle"])


@pytest.mark.parametrize("order", ["strict", "shuffle"])
@pytest.mark.parametrize("interface", INTERFACES)
@pytest.mark.parametrize("seed", [1, 2])
def test_nothing_is_written_after_a_reset(simulate, interface, order, seed):
    chance = random.Random(seed)
    order = f"shuffle:{seed}" if order == "shuffle" else order
    simulation = simulate(COPIES[interface], "--order", order, "--seed", str(seed))
    client = simulation.client()
    memory, data = client.share(2 * HALF), chance.randbytes(HALF)
    memory[:HALF] = data
    cut = 0
    for i in range(RESETS):
        memory[HALF:] = bytes(HALF)
        copy(client, MOST if i % 2 else 600)
        soon(lambda: any(memory[HALF:HALF + 600 * 64]) or chance.random() < 0.2, 60)
        time.sleep(chance.random() / 500)
        reset(client, 5 if i % 3 == 0 else 0)
        seen = memory[HALF:]
        cut += any(seen) and seen != data
        then = cycle(simulation) + LATER
        soon(lambda then=then: cycle(simulation) >= then, 60)
        assert memory[HALF:] == seen, f"reset {i}"
        client.enable()
    assert cut, "no reset came in the middle of a copy"
    memory[HALF:] = bytes(HALF)
    copy(client, 1000)
    soon(lambda: client.read64(STATUS) & BUSY_OR_DONE == DONE, 60)
    assert memory[HALF:] == data[:64000] + bytes(HALF - 64000)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err
