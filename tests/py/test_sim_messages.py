# SPDX-License-Identifier: BSD-3-Clause
"""A simulation whose client, as QEMU, gives no memory while it waits for a register."""
import socket
import struct

import pytest
import vu
from conftest import BUILD
from lender import Lender
from sim import CONFIG, LINES, SCRATCH, STATUS, Device, Simulation, wait_until

FAR, FAR_BYTES = 0x40000000, 0x10000


class Qemu(Lender, Device):
    def __init__(self, path):
        super().__init__(path)
        self.lend(FAR, FAR_BYTES)


@pytest.fixture
def simulate(folder):
    started = []

    def start(*options, **kw):
        started.append(Simulation(BUILD / "tests/unit/fake-sim", folder / "work", *options, **kw))
        return started[-1]

    yield start
    vu.Client.close_all()
    for s in started:
        s.end()


@pytest.mark.parametrize("options", [[], ["--order", "shuffle"], ["--run", "lockstep:1000"]])
def test_registers_are_answered_before_memory_is_given(simulate, options):
    s = simulate(*options)
    c = Qemu(s.ready()["socket"])
    lines = FAR_BYTES // 64
    c.start_copy(lines, src=FAR)

    def ended():
        busy = c.get(STATUS) & 1
        c.rest()
        return not busy

    wait_until(ended)
    assert c.memory[c.size // 2:c.size // 2 + FAR_BYTES] == bytes(c.far)
    assert s.end() == 0, s.output


def test_a_client_that_leaves_a_message_unanswered(simulate):
    """The clock stands already, and the simulation ends with its client."""
    s = simulate("--run", "lockstep:1", config="ASE_MODE = 3\n")
    c = Qemu(s.ready()["socket"])
    c.start_copy(100, src=FAR)
    c.sock.sendall(vu.message(vu.REGION_READ, struct.pack("<QII", SCRATCH, 0, 8), 1000))
    while not (got := c.take()) or got[0][0] != 1000:
        pass
    assert c.asked
    c.close()
    assert s.wait() == 0, s.output


def test_a_reset_while_memory_is_asked_for(simulate):
    s = simulate()
    c = Qemu(s.ready()["socket"])
    c.start_copy(100, src=FAR)
    c.call(vu.RESET)
    c.write(7, 4, struct.pack("<H", 6))
    c.rest()
    assert c.get(LINES) == 0
    c.copy(100)
    assert s.end() == 0, s.output


class Twin(Device):
    """A client that is asked for its memory on a socket of its own, and says nothing there."""

    def __init__(self, path):
        vu.Client.__init__(self, path, caps=b'{"capabilities":{"twin_socket":{"supported":true}}}\0')
        self.write(CONFIG, 4, struct.pack("<H", 6))
        self.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, FAR, FAR_BYTES))
        self.twin = socket.socket(fileno=self.version[1][0])


def test_the_end_waits_for_no_memory(simulate):
    s = simulate()
    c = Twin(s.ready()["socket"])
    c.start_copy(1, src=FAR)
    vu.recv_message(c.twin)
    s.process.terminate()
    assert s.wait() == 0, s.output
    assert "0 errors, 0 warnings" in s.output
    c.twin.close()


@pytest.mark.parametrize("options", [[], ["--run", "lockstep:1000"]])
def test_who_left_much_behind_is_in_nobodys_way(simulate, options):
    s = simulate(*options)
    for _ in range(5):
        c = Device(s.ready()["socket"])
        write = struct.pack("<QIIQ", SCRATCH, 0, 8, 1)
        c.sock.sendall(b"".join(vu.message(vu.REGION_WRITE, write, k, vu.NO_REPLY) for k in range(600)))
        c.close()
        c = Device(s.ready()["socket"])  # refused, it would raise
        c.copy(2)
        c.close()
