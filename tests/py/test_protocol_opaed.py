# SPDX-License-Identifier: BSD-3-Clause
"""A program of somebody else's, written from docs/protocol.md alone, uses an emulated card behind opaed: over
a unix socket and over TCP, as hello_fpga does with the C API."""
import json
import os
import random
import re
import signal
import struct
import subprocess
import sys
import threading
import time

import pytest
from conftest import BUILD, SOURCE

sys.path.insert(0, str(SOURCE / "tests/raw"))
import peer  # noqa: E402
from frames import BUSY, INVALID_PARAM, NOT_FOUND, Failed, Frame  # noqa: E402
from refusals import fails  # noqa: E402

NLB0 = bytes.fromhex("d8424dc4a4a3c413f89e433683f9040b")
DSM_BASE, SRC, DST, NUM_LINES, CTL, CFG = 0x110, 0x120, 0x128, 0x130, 0x138, 0x140


class Opaed:
    """The daemon of the build tree, with what this card is."""

    def __init__(self, folder, way, card):
        listen = {"unix": str(folder / "opaed.sock")} if way == "unix" else \
            {"tcp": "127.0.0.1:0" if way == "tcp" else "[::1]:0", "clear": True}
        config = folder / "opaed.cfg"
        config.write_text(json.dumps({
            "listen": [listen], "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}],
            "plugins": {"configurations": {"v": {"configuration": {"sockets": [card.path]}, "enabled": True,
                                                 "plugin": "libopae-v.so"}}, "plugins": ["v"]}}))
        self.process = subprocess.Popen(
            [BUILD / "daemon/opaed", "--config", config], stderr=subprocess.PIPE, text=True,
            env={**os.environ, "OPAEX_INVENTORY_DIR": str(folder / "inventory")})
        self.said = ""
        while not (where := re.search(r"listening on (?:unix:)?(\S+)", self.said)):
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line
        self.address = where[1]
        self.rest = threading.Thread(target=self.listen)
        self.rest.start()

    def listen(self):
        for line in self.process.stderr:
            self.said += line

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(timeout=120) == 0, self.said
        self.rest.join()
        self.process.stderr.close()


@pytest.fixture(params=["unix", "tcp", "tcp6"])
def opaed(request, folder, card):
    if request.param == "tcp6" and not os.path.exists("/proc/net/if_inet6"):
        pytest.skip("this machine has no IPv6")
    d = Opaed(folder, request.param, card("nlb0"))
    d.way = request.param
    yield d
    d.stop()


@pytest.fixture
def connect(opaed):
    made = []

    def one():
        made.append(peer.Client(peer.address(opaed.address)))
        made[-1].hello()
        return made[-1]

    yield one
    for c in made:
        c.close()


def open_when_free(c):
    end = time.monotonic() + 60
    while True:
        try:
            return c.open()
        except Failed as e:
            assert e.result == BUSY and time.monotonic() < end


def test_the_card_is_found_and_used_by_one(opaed, connect):
    c, other = connect(), connect()
    assert "opaed" in c.agreed["server"] and c.agreed["principal"]
    if opaed.way == "unix":
        assert str(os.getuid()) in c.agreed["principal"]
    accelerator, = [i for i, _, p in c.enumerate() if p.objtype == peer.ACCELERATOR and p.guid == NLB0]
    assert c.call("PROPERTIES", accelerator)[1].state == 1
    handle, *_ = c.call("OPEN", accelerator, 0)
    other.enumerate()
    fails(BUSY, other.call, "OPEN", accelerator, 0)
    fails(INVALID_PARAM, other.read64, handle, 0)
    low, high = struct.unpack(">QQ", NLB0)
    assert [c.read64(handle, at) for at in (8, 16)] == [high, low]
    c.close()
    h = open_when_free(other)
    assert other.read64(h, 8) == high


class Twin:
    """The client's side of a buffer, as the page has it."""

    def __init__(self, client, handle, size):
        self.client, self.handle = client, handle
        self.wsid, self.io = client.call("PREPARE", handle, size, 0)
        self.memory, self.twin = bytearray(size), bytearray(size)

    def release(self):
        for at in range(0, len(self.memory), 65536):
            piece = bytes(self.memory[at:at + 65536])
            if piece != self.twin[at:at + 65536]:
                self.client.post("PUSH", self.handle, self.wsid, at, piece)
                self.twin[at:at + 65536] = piece

    def take(self):
        """Applies what has come; the program here writes nothing meanwhile."""
        for name, obj, values in self.client.pushed:
            if name == "DATA" and obj == self.handle and values[0] == self.wsid:
                _, at, data = values
                for into in (self.memory, self.twin):
                    into[at:at + len(data)] = data


def start_copy(client, handle, dsm, src, dst, size):
    for offset, value in ((CTL, 0), (DSM_BASE, dsm.io & 0xFFFFFFFF), (DSM_BASE + 4, dsm.io >> 32), (CTL, 1)):
        client.post("WRITE", handle, [[0, 4, offset, value]])
    for offset, value in ((SRC, src.io // 64), (DST, dst.io // 64)):
        client.post("WRITE", handle, [[0, 8, offset, value]])
    client.post("WRITE", handle, [[0, 4, NUM_LINES, size // 64], [0, 4, CFG, 0x42000]])
    for buffer in (dsm, src, dst):
        buffer.release()
    client.post("WRITE", handle, [[0, 4, CTL, 3]])


def test_hello_fpga(connect):
    """The program polls memory for the end, and never asks a register."""
    c, size = connect(), 256 * 1024
    h = c.open()
    dsm, src, dst = (Twin(c, h, n) for n in (4096, size, size))
    src.memory[:] = random.Random(3).randbytes(size)
    start_copy(c, h, dsm, src, dst, size)
    while not dsm.memory[0x40] & 1:
        c.take()
        dsm.take()
    dst.take()
    if dst.memory != src.memory:  # the end was told by itself; what came with it is there behind a read
        c.read64(h, 0)
        dst.take()
    assert dst.memory == src.memory
    for buffer in (dsm, src, dst):
        c.call("RELEASE", h, buffer.wsid)
    c.call("CLOSE", h)


def test_explicit_buffers(connect):
    c, size = connect(), 200 * 1024
    h = c.open()
    wsid, _ = c.call("PREPARE", h, size, 2)
    data = random.Random(4).randbytes(size)
    for at in range(0, size, 65536):
        c.post("PUSH", h, wsid, at, data[at:at + 65536])
    pieces = [c.start("PULL", h, wsid, at, min(65536, size - at)) for at in range(0, size, 65536)]
    assert b"".join(c.finish(i)[0] for i in pieces) == data
    fails(NOT_FOUND, c.call, "PULL", h, wsid + 1, 0, 8)


def test_who_goes_in_the_middle(connect):
    """With a buffer, a copy under way and half a frame sent: the card is clean and free for the next."""
    for cut in (1, 31, 40, 1000):
        c = connect()
        h = open_when_free(c)
        dsm, src, dst = (Twin(c, h, n) for n in (4096, 65536, 65536))
        src.memory[:] = b"\xa5" * 65536
        start_copy(c, h, dsm, src, dst, 65536)
        c.send_raw(Frame(42, 2, 0, h, body=bytes(5000)).encode()[:cut])
        c.close()
    c = connect()
    h = open_when_free(c)
    wsid, _ = c.call("PREPARE", h, 65536, 2)
    assert c.call("PULL", h, wsid, 0, 65536) == [bytes(65536)]


def test_noise(connect, opaed):
    chance = random.Random(6)
    for size in (1, 32, 1000):
        c = peer.Client(peer.address(opaed.address))
        c.send_raw(chance.randbytes(size))
        c.sock.shutdown(peer.socket.SHUT_WR)
        with pytest.raises((EOFError, ConnectionError)):
            c.recv()
        c.close()
    assert connect().enumerate()
