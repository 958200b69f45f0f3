# SPDX-License-Identifier: BSD-3-Clause
"""A client that may send anything, against the server half inside the emulated card. After each
attack the card serves the next client as if nothing had been."""
import contextlib
import errno
import os
import select
import socket
import struct
import threading
import time
from pathlib import Path

import pytest
import vu
from opaed import soon
from vu import Client, Refused, message

EINVAL, BAR0, MSIX_BAR, CONFIG, MSIX = errno.EINVAL, 0, 4, 7, 2


def fds_of(process):
    return len(os.listdir(f"/proc/{process.pid}/fd"))


def memory_kib(process):
    for line in Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture
def nlb(card):
    process = card()
    process.idle_sockets = sockets_of(process)
    # What a client costs once (its twin-less inbox, the C library's arenas) is not a leak.
    Client(process.path).close()
    wait_free(process)
    before = fds_of(process)
    yield process
    Client.close_all()
    c = serves_again(process)
    c.close()
    wait_free(process)
    soon(lambda: fds_of(process) <= before)


def sockets_of(process):
    links = []
    for fd in os.listdir(f"/proc/{process.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{process.pid}/fd/{fd}"))
    return sum(link.startswith("socket:") for link in links)


def client_of(process):
    """One that is let in, when the card is free."""
    def one():
        with contextlib.suppress(Refused, OSError, EOFError):
            return Client(process.path)
    return soon(one)


def wait_free(process):
    """The card lets a client in, and has closed all connections."""
    client_of(process).close()
    soon(lambda: sockets_of(process) == process.idle_sockets)


def serves_again(process):
    c = client_of(process)
    c.write(CONFIG, 4, b"\x06\x00")
    assert c.read(BAR0, 8, 8) == struct.pack("<Q", 0xF89E433683F9040B)
    return c


def refused(client, command, body=b"", fds=(), error=EINVAL, size=None):
    with pytest.raises(Refused) as e:
        client.call(command, body, fds, size=size)
    assert e.value.args[0] == error, os.strerror(e.value.args[0])


def hangs_up(sock):
    """The server ends the connection; an error reply may come first."""
    sock.settimeout(30)
    try:
        while sock.recv(4096):
            pass
    except ConnectionResetError:
        pass


# ---- negotiation ----

def test_reply_fits_what_qemu_takes(nlb):
    c = Client(nlb.path)
    body = c.version[0]
    assert 16 + len(body) <= 214
    caps = vu.capabilities(c.version)
    assert caps["max_msg_fds"] <= 16 and caps["pgsizes"] == 4096 and caps["write_multiple"] is True
    c.close()


@pytest.mark.parametrize("caps", [b"", b"{}\0", vu.CAPS,
                                  b'{"capabilities":{"migration":{"pgsize":4096},"new":1}}\0'])
def test_versions_that_are_fine(nlb, caps):
    Client(nlb.path, caps=caps).close()


@pytest.mark.parametrize("body", [
    b"", b"\0\0\0", struct.pack("<HH", 999, 0) + vu.CAPS, struct.pack("<HH", 0, 0) + b"{}",
    struct.pack("<HH", 0, 0) + b"{\0", struct.pack("<HH", 0, 0) + b'"\0',
    struct.pack("<HH", 0, 0) + b'{"capabilities":"x"}\0',
    struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":"8"}}\0',
    struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":-1}}\0',
    struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":1025}}\0',
    struct.pack("<HH", 0, 0) + b'{"capabilities":{"twin_socket":[]}}\0',
    struct.pack("<HH", 0, 0) + b"[" * 3000 + b"\0",
    struct.pack("<HH", 0, 0) + b" " * 100000 + b"\0",
])
def test_versions_that_are_refused(nlb, body):
    c = Client(nlb.path, greet=False)
    refused(c, vu.VERSION, body)
    hangs_up(c.sock)


@pytest.mark.parametrize("command", [0, 2, 4, 9, 13, 999, 65535])
def test_version_comes_first(nlb, command):
    c = Client(nlb.path, greet=False)
    refused(c, command, b"\0" * 64)
    hangs_up(c.sock)


def test_version_comes_once(nlb):
    c = Client(nlb.path)
    refused(c, vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS)
    c.read(CONFIG, 0, 4)


def test_silence_ends_after_two_seconds(nlb):
    c = Client(nlb.path, greet=False)
    begin = time.monotonic()
    hangs_up(c.sock)
    assert 1 < time.monotonic() - begin < 8


def test_second_client_hears_busy_at_once(nlb):
    c = Client(nlb.path)
    begin = time.monotonic()
    second = Client(nlb.path, greet=False)
    (_, command, size, flags, error), _, _ = vu.recv_message(second.sock)
    assert (command, size, flags, error) == (vu.VERSION, 16, 0x21, errno.EBUSY)
    assert time.monotonic() - begin < 1
    c.read(CONFIG, 0, 4)


def test_twin_socket_only_when_asked(nlb):
    c = Client(nlb.path)
    assert c.version[1] == [] and "twin_socket" not in vu.capabilities(c.version)
    c.close()
    wait_free(nlb)
    c = Client(nlb.path, caps=b'{"capabilities":{"max_msg_fds":1,"twin_socket":'
                              b'{"supported":true}}}\0')
    caps = vu.capabilities(c.version)
    assert caps["twin_socket"] == {"supported": True, "fd_index": 0} and len(c.version[1]) == 1
    os.close(c.version[1][0])
    c.close()


# ---- framing ----

@pytest.mark.parametrize("size", [0, 1, 15, 16 + (1 << 20) + 65, (1 << 32) - 1])
def test_sizes_that_cannot_be(nlb, size):
    c = Client(nlb.path)
    c.sock.sendall(message(vu.REGION_READ, b"\0" * 16, size=size))
    (_, _, got, flags, error), _, _ = vu.recv_message(c.sock)
    assert (got, flags, error) == (16, 0x21, EINVAL)
    hangs_up(c.sock)


def test_header_and_body_in_pieces_of_one_byte(nlb):
    c = Client(nlb.path)
    c.next_id = 5
    for byte in message(vu.REGION_READ, struct.pack("<QII", 0, CONFIG, 4), 5):
        c.sock.sendall(bytes([byte]))
        time.sleep(0.001)
    body, _ = c.reply(vu.REGION_READ)
    assert body[16:] == struct.pack("<HH", 0x8086, 0xBCCF)


def test_half_a_message_blocks_nobody(nlb):
    c = Client(nlb.path)
    c.sock.sendall(message(vu.REGION_WRITE, b"\0" * 10, size=100))
    second = Client(nlb.path, greet=False)
    assert vu.recv_message(second.sock)[0][4] == errno.EBUSY
    c.close()


def test_reply_that_nobody_asked_for(nlb):
    c = Client(nlb.path)
    c.sock.sendall(message(vu.DMA_READ, b"\0" * 16, flags=vu.REPLY))
    hangs_up(c.sock)


@pytest.mark.parametrize("kind", [2, 3, 15])
def test_message_of_no_type(nlb, kind):
    c = Client(nlb.path)
    c.sock.sendall(message(vu.GET_INFO, b"\0" * 16, flags=kind))
    hangs_up(c.sock)


@pytest.mark.parametrize("command", [0, 14, 17, 18, 19, 200, 65535])
def test_unknown_commands(nlb, command):
    c = Client(nlb.path)
    refused(c, command, error=errno.ENOTSUP)
    c.read(CONFIG, 0, 4)


@pytest.mark.parametrize("command", [vu.DMA_READ, vu.DMA_WRITE])
def test_commands_of_the_other_side(nlb, command):
    c = Client(nlb.path)
    refused(c, command, struct.pack("<QQ", 0, 8) + b"\0" * 8, error=errno.ENOTSUP)
    c.read(CONFIG, 0, 4)


def test_questions_that_want_no_answer(nlb):
    """A flag that makes no sense on them: nothing is answered, and nothing is kept."""
    c = Client(nlb.path)
    for command in (vu.GET_INFO, vu.GET_REGION_INFO, vu.REGION_READ, vu.VERSION, vu.DMA_MAP, 99):
        c.sock.sendall(message(command, b"\0" * 32, 9, vu.NO_REPLY))
    e = os.eventfd(0)
    before = fds_of(nlb)
    for _ in range(30):
        vu.send_with_fds(c.sock, message(vu.SET_IRQS, b"\0" * 20, 9, vu.NO_REPLY), [e])
    c.read(CONFIG, 0, 4)
    soon(lambda: fds_of(nlb) == before)
    os.close(e)


def test_command_that_says_it_is_an_error(nlb):
    c = Client(nlb.path)
    c.sock.sendall(message(vu.GET_INFO, b"\0" * 16, 1, vu.ERROR, error=5))
    assert vu.recv_message(c.sock)[0][0] == 1
    c.read(CONFIG, 0, 4)


def test_descriptors_in_the_middle_of_a_message(nlb):
    """Some with the header, some with each piece of the body: they are one message's all the same."""
    c = Client(nlb.path)
    e = [os.eventfd(0) for _ in range(4)]
    body = set_irqs(0x24, 2, 0, 2)
    data = message(vu.SET_IRQS, body, 1)
    before = fds_of(nlb)
    vu.send_with_fds(c.sock, data[:10], e[:1])
    vu.send_with_fds(c.sock, data[10:20], e[1:2])
    c.sock.sendall(data[20:])
    assert vu.recv_message(c.sock)[0][4] == 0
    c.call(vu.SET_IRQS, set_irqs(0x21, 2, 0, 0))
    soon(lambda: fds_of(nlb) == before)
    for n in range(5):  # seventeen in all
        vu.send_with_fds(c.sock, data[n:n + 1], e[:4] if n else e[:1])
    c.sock.sendall(data[5:])
    hangs_up(c.sock)
    for fd in e:
        os.close(fd)


def test_version_with_descriptors(nlb):
    c = Client(nlb.path, greet=False)
    e = os.eventfd(0)
    before = fds_of(nlb)
    vu.send_with_fds(c.sock, message(vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS), [e] * 3)
    try:
        vu.recv_message(c.sock)
    except EOFError:
        pass
    soon(lambda: fds_of(nlb) <= before + 1)  # the connection, if it was not accepted yet; none of the three
    os.close(e)


def test_end_in_the_middle_of_a_header(nlb):
    for n in range(1, 16):
        c = Client(nlb.path)
        c.sock.sendall(message(vu.GET_INFO, b"\0" * 16)[:n])
        c.close()
        wait_free(nlb)


def test_random_bytes(nlb):
    import random
    rng = random.Random(7)
    for _ in range(200):
        try:
            c = Client(nlb.path, greet=rng.random() < 0.8)
            for _ in range(rng.randrange(1, 6)):
                body = rng.randbytes(rng.choice([0, 8, 16, 20, 24, 32, 40]))
                data = bytearray(message(rng.randrange(0, 20), body, rng.randrange(65536)))
                for _ in range(rng.randrange(0, 3)):
                    data[rng.randrange(len(data))] = rng.randrange(256)
                c.sock.sendall(data)
            c.close()
        except (OSError, EOFError, Refused):
            pass
    assert nlb.poll() is None


def test_flood_of_posted_writes_grows_nothing(nlb):
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    before = memory_kib(nlb)
    one = message(vu.REGION_WRITE, struct.pack("<QIIQ", 0x108, BAR0, 8, 3), flags=vu.NO_REPLY)
    for _ in range(200):
        c.sock.sendall(one * 200)
    assert c.read(BAR0, 0x108, 8) == struct.pack("<Q", 3)  # all of them came before
    assert memory_kib(nlb) - before < 4096


def test_replies_that_nobody_reads_grow_nothing(nlb):
    c = Client(nlb.path)
    before = memory_kib(nlb)
    c.sock.settimeout(0.5)
    ask = message(vu.REGION_READ, struct.pack("<QII", 0, CONFIG, 4096))
    try:
        for _ in range(100000):
            c.sock.sendall(ask * 50)
    except (socket.timeout, BlockingIOError):
        pass
    assert memory_kib(nlb) - before < 8192
    second = Client(nlb.path, greet=False)  # and others are still heard
    assert vu.recv_message(second.sock)[0][4] == errno.EBUSY


# ---- what the device is ----

@pytest.mark.parametrize("command,size", [(vu.GET_INFO, 16), (vu.GET_REGION_INFO, 32),
                                          (vu.GET_REGION_IO_FDS, 16), (vu.GET_IRQ_INFO, 16),
                                          (vu.SET_IRQS, 20), (vu.DMA_MAP, 32), (vu.DMA_UNMAP, 24),
                                          (vu.REGION_READ, 16), (vu.REGION_WRITE, 16)])
def test_payloads_that_are_too_short(nlb, command, size):
    c = Client(nlb.path)
    for n in (0, 1, 8, size - 1):
        refused(c, command, b"\0" * n)
    if command not in (vu.REGION_READ, vu.REGION_WRITE):
        refused(c, command, struct.pack("<I", size - 1) + b"\0" * (size - 4))  # argsz


def test_info(nlb):
    c = Client(nlb.path)
    assert c.call(vu.GET_INFO, struct.pack("<IIII", 16, 0, 0, 0))[0] == \
        struct.pack("<IIII", 16, 3, 9, 5)
    for index, count in ((0, 0), (1, 0), (2, 4), (3, 1), (4, 1)):
        body, _ = c.call(vu.GET_IRQ_INFO, struct.pack("<IIII", 16, 0, index, 0))
        assert struct.unpack("<IIII", body)[2:] == (index, count)
    refused(c, vu.GET_IRQ_INFO, struct.pack("<IIII", 16, 0, 5, 0))
    refused(c, vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 9, 0, 0, 0))
    body, fds = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 0, 0, 0, 0))
    assert struct.unpack("<IIIIQQ", body) == (32, 3, 0, 0, 0x8000, 0) and fds == []
    body, _ = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 8, 0, 0, 0))
    assert struct.unpack("<IIIIQQ", body)[1:5] == (0, 8, 0, 0)
    body, _ = c.call(vu.GET_REGION_IO_FDS, struct.pack("<IIII", 16, 0, 0, 0))
    assert struct.unpack("<IIII", body)[3] == 0
    refused(c, vu.GET_REGION_IO_FDS, struct.pack("<IIII", 16, 1, 0, 0))
    refused(c, vu.GET_REGION_IO_FDS, struct.pack("<IIII", 16, 0, 512, 0))


def test_sparse_region_and_its_short_reply(card):
    c = Client(card("bench", "map").path)
    body, fds = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, 0, 0, 0, 0))
    argsz, flags, _, cap, size, _ = struct.unpack("<IIIIQQ", body)
    assert (argsz, flags, cap, size, fds) == (64, 7, 0, 0x8000, [])
    body, fds = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 64, 0, 0, 0, 0, 0))
    argsz, flags, _, cap, _, _ = struct.unpack_from("<IIIIQQ", body)
    assert (argsz, flags, cap, len(fds), len(body)) == (64, 15, 32, 1, 64)
    assert struct.unpack_from("<HHIIIQQ", body, 32) == (1, 1, 0, 1, 0, 0x1000, 0x1000)
    os.close(fds[0])


# ---- accesses ----

@pytest.mark.parametrize("offset,region,count", [
    (0x8000, 0, 8), (0x7FF9, 0, 8), (2**64 - 1, 0, 8), (2**64 - 8, 0, 8), (0, 0, 2**32 - 1),
    (0, 0, 0x8001), (0, 1, 1), (0, 9, 1), (0, 2**32 - 1, 1), (4096, 7, 1), (4095, 7, 2),
    (2**64 - 1, 0, 256)])
def test_accesses_outside(nlb, offset, region, count):
    c = Client(nlb.path)
    refused(c, vu.REGION_READ, struct.pack("<QII", offset, region, count))
    refused(c, vu.REGION_WRITE, struct.pack("<QII", offset, region, min(count, 4096))
            + b"\0" * min(count, 4096) if count <= 4096 else
            struct.pack("<QII", offset, region, count))


def test_accesses_of_odd_shapes(nlb):
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    assert c.read(BAR0, 0, 0) == b""
    c.write(BAR0, 0x108, b"")
    c.write(BAR0, 0x108, bytes(range(1, 9)))
    assert c.read(BAR0, 0x10A, 3) == b"\x03\x04\x05"
    assert len(c.read(BAR0, 0, 0x8000)) == 0x8000
    refused(c, vu.REGION_WRITE, struct.pack("<QII", 0, 0, 8) + b"\0" * 7)
    refused(c, vu.REGION_WRITE, struct.pack("<QII", 0, 0, 8) + b"\0" * 9)


def test_memory_that_is_off_reads_as_ones(nlb):
    c = Client(nlb.path)
    assert c.read(BAR0, 0, 8) == b"\xff" * 8
    c.write(BAR0, 0x108, b"\1" * 8)
    c.write(CONFIG, 4, b"\x02\x00")
    assert c.read(BAR0, 0x108, 8) == b"\0" * 8


def multi(*writes):
    return struct.pack("<Q", len(writes)) + b"".join(
        struct.pack("<QII8s", o, r, n, d) for o, r, n, d in writes)


def test_write_multiple(nlb):
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    body, _ = c.call(vu.WRITE_MULTI, multi((0x108, 0, 8, b"abcdefgh"), (0x100, 0, 4, b"1234")))
    assert struct.unpack("<Q", body)[0] == 2
    assert c.read(BAR0, 0x100, 16) == b"1234\0\0\0\0abcdefgh"
    refused(c, vu.WRITE_MULTI, struct.pack("<Q", 2**61))
    refused(c, vu.WRITE_MULTI, struct.pack("<Q", 2**61 + 1) + b"\0" * 24)
    refused(c, vu.WRITE_MULTI, multi((0, 0, 9, b"")))
    refused(c, vu.WRITE_MULTI, multi((0, 0, 0, b"")))
    refused(c, vu.WRITE_MULTI, multi((2**64 - 4, 0, 8, b"")))
    refused(c, vu.WRITE_MULTI, multi((0, 0, 8, b""))[:-1])
    refused(c, vu.WRITE_MULTI, b"\0" * 4)


# ---- configuration space ----

def test_bar_sizing(nlb):
    c = Client(nlb.path)
    for offset, want in ((0x10, 0xFFFF8004), (0x14, 0xFFFFFFFF), (0x20, 0xFFFFF000), (0x18, 0),
                         (0x30, 0)):
        c.write(CONFIG, offset, b"\xff" * 4)
        assert struct.unpack("<I", c.read(CONFIG, offset, 4))[0] == want
    c.write(CONFIG, 0, b"\0" * 4)
    assert c.read(CONFIG, 0, 4) == struct.pack("<HH", 0x8086, 0xBCCF)
    assert c.read(CONFIG, 0x2C, 4) == struct.pack("<HH", 0x8086, 0x1771)


def capability(c, want):
    at = c.read(CONFIG, 0x34, 1)[0]
    for _ in range(48):
        if not at:
            break
        ident, at_next = c.read(CONFIG, at, 2)
        if ident == want:
            return at
        at = at_next
    raise AssertionError(f"no capability {want}")


def test_capabilities_and_function_level_reset(nlb):
    c = Client(nlb.path)
    assert struct.unpack("<H", c.read(CONFIG, 6, 2))[0] & 0x10
    msix = capability(c, 0x11)
    assert struct.unpack("<HII", c.read(CONFIG, msix + 2, 10)) == (3, 4, 0x804)
    express = capability(c, 0x10)
    assert struct.unpack("<I", c.read(CONFIG, express + 4, 4))[0] & (1 << 28)
    c.write(CONFIG, 4, b"\x06\x00")
    c.write(BAR0, 0x108, b"\7" * 8)
    c.write(CONFIG, express + 8, struct.pack("<H", 0x8000))
    assert c.read(CONFIG, 4, 2) == b"\0\0"
    c.write(CONFIG, 4, b"\x06\x00")
    assert c.read(BAR0, 0x108, 8) == b"\0" * 8


# ---- interrupts ----

def set_irqs(flags, index, start, count, data=b"", argsz=None):
    return struct.pack("<IIIII", 20 + len(data) if argsz is None else argsz, flags, index, start,
                       count) + data


@pytest.mark.parametrize("body", [
    b"", b"\0" * 8, set_irqs(0x24, 2, 0, 1, argsz=3), set_irqs(0x24, 5, 0, 1),
    set_irqs(0x24 | 8, 2, 0, 1), set_irqs(0x23, 2, 0, 1), set_irqs(0x20, 2, 0, 1),
    set_irqs(0x21, 2, 3, 2), set_irqs(0x21, 2, 5, 1), set_irqs(0x21, 2, 2, 0xFFFFFFFF),
    set_irqs(0x21, 2, 0xFFFFFFFF, 2), set_irqs(0x09, 3, 0, 1), set_irqs(0x21, 3, 0, 2),
    set_irqs(0x21, 2, 1, 0), set_irqs(0x09, 2, 0, 0), set_irqs(0x22, 2, 0, 0),
    set_irqs(0x22, 2, 0, 2, b"\1"), set_irqs(0x22, 2, 0, 2, b"\1\1\1"), set_irqs(0x61, 2, 0, 1),
    set_irqs(0x21, 0, 0, 1)])
def test_interrupt_requests_that_are_refused(nlb, body):
    refused(Client(nlb.path), vu.SET_IRQS, body)


def test_descriptors_that_do_not_fit(nlb):
    c = Client(nlb.path)
    r, w = os.pipe()
    e = [os.eventfd(0) for _ in range(2)]
    before = fds_of(nlb)
    refused(c, vu.SET_IRQS, set_irqs(0x24, 2, 0, 2), fds=e[:1])
    refused(c, vu.SET_IRQS, set_irqs(0x24, 2, 0, 1), fds=e)
    refused(c, vu.SET_IRQS, set_irqs(0x22, 2, 0, 1, b"\1"), fds=e[:1])
    refused(c, vu.SET_IRQS, set_irqs(0x21, 2, 0, 1), fds=e[:1])
    refused(c, vu.SET_IRQS, set_irqs(0x21, 2, 0, 0), fds=e[:1])
    refused(c, vu.SET_IRQS, set_irqs(0x24, 2, 0, 1), fds=[w])  # not an eventfd
    for command in (vu.GET_INFO, vu.REGION_READ, vu.DMA_UNMAP, vu.RESET, 77):
        with pytest.raises(Refused):
            c.call(command, b"\0" * 32, fds=e[:1])
    soon(lambda: fds_of(nlb) == before)
    vu.send_with_fds(c.sock, message(vu.GET_INFO, b"\0" * 16), e * 9)  # 18: over the limit
    hangs_up(c.sock)
    for fd in (r, w, *e):
        os.close(fd)


def test_interrupts_fire_and_mask(nlb):
    c = Client(nlb.path)
    e = os.eventfd(0, os.EFD_NONBLOCK)
    c.call(vu.SET_IRQS, set_irqs(0x24, 2, 0, 1))  # QEMU's first: a vector without descriptor
    c.call(vu.SET_IRQS, set_irqs(0x24, 2, 3, 1), fds=[e])
    c.call(vu.SET_IRQS, set_irqs(0x21, 2, 3, 1))
    assert os.eventfd_read(e) == 1
    c.call(vu.SET_IRQS, set_irqs(0x22, 2, 2, 2, b"\1\0"))
    c.call(vu.SET_IRQS, set_irqs(0x09, 2, 3, 1))
    c.call(vu.SET_IRQS, set_irqs(0x21, 2, 3, 1))
    assert not select.select([e], [], [], 0.02)[0]
    c.call(vu.SET_IRQS, set_irqs(0x11, 2, 3, 1))
    assert os.eventfd_read(e) == 1
    c.call(vu.SET_IRQS, set_irqs(0x21, 2, 0, 0))
    c.call(vu.SET_IRQS, set_irqs(0x21, 2, 3, 1))
    assert not select.select([e], [], [], 0.02)[0]
    os.close(e)


# ---- DMA ----

def memfd(size):
    fd = os.memfd_create("dma")
    os.ftruncate(fd, size)
    return fd


def dma_map(flags, offset, address, size):
    return struct.pack("<IIQQQ", 32, flags, offset, address, size)


def dma_unmap(address, size, flags=0):
    return struct.pack("<IIQQ", 24, flags, address, size)


@pytest.mark.parametrize("body", [
    dma_map(3, 0, 0, 0), dma_map(3, 0, 2**64 - 4096, 8192), dma_map(3, 0, 1, 4096),
    dma_map(3, 0, 0, 4095), dma_map(3, 0, 0, 0x5000), dma_map(3, 2**64 - 4096, 0, 4096),
    dma_map(3, 0x4000, 0, 4096), dma_map(4, 0, 0, 4096), dma_map(11, 0, 0, 4096),
    dma_map(3, 2**63, 0, 4096)])
def test_maps_that_are_refused(nlb, body):
    c = Client(nlb.path)
    fd = memfd(0x4000)
    before = fds_of(nlb)
    refused(c, vu.DMA_MAP, body, fds=[fd])
    soon(lambda: fds_of(nlb) == before)
    os.close(fd)


def test_maps_of_what_is_no_memory(nlb, folder):
    """Descriptors of every kind: what cannot be mapped is refused, what can is only that."""
    c = Client(nlb.path)
    r, w = os.pipe()
    s = socket.socket()
    d = os.open(folder, os.O_RDONLY)
    (folder / "short").write_bytes(b"x" * 100)
    f = os.open(folder / "short", os.O_RDWR)
    p = os.open(folder / "short", os.O_PATH)
    before = fds_of(nlb)
    for fd in (r, w, s.fileno(), d, f, p, os.open("/dev/null", os.O_RDWR)):
        with pytest.raises(Refused):
            c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])
        soon(lambda: fds_of(nlb) == before)
        s.close() if fd == s.fileno() else os.close(fd)


def test_maps_of_a_file_that_is_only_read(nlb, folder):
    c = Client(nlb.path)
    (folder / "page").write_bytes(b"\0" * 0x4000)
    fd = os.open(folder / "page", os.O_RDONLY)
    with pytest.raises(Refused):
        c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])
    c.call(vu.DMA_MAP, dma_map(1, 0, 0x10000, 0x4000), fds=[fd])
    c.write(CONFIG, 4, b"\x06\x00")
    start_nlb(c, 0x10000, 0x11000, 1, 0x12000)  # it may not write there, and does not
    c.call(vu.RESET)
    assert (folder / "page").read_bytes() == b"\0" * 0x4000
    os.close(fd)


def test_maps_and_unmaps(nlb):
    c = Client(nlb.path)
    fd = memfd(0x10000)
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])
    refused(c, vu.DMA_MAP, dma_map(3, 0, 0x13000, 0x2000), fds=[fd], error=errno.EEXIST)
    refused(c, vu.DMA_MAP, dma_map(3, 0, 0xF000, 0x10000), fds=[fd], error=errno.EEXIST)
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])  # the same again
    c.call(vu.DMA_MAP, dma_map(1, 0, 0x14000, 0x1000))  # no descriptor
    refused(c, vu.DMA_MAP, dma_map(3, 0, 0x20000, 0x1000), fds=[fd, fd])
    body, _ = c.call(vu.DMA_UNMAP, dma_unmap(0x14000, 0x1000))
    assert body == dma_unmap(0x14000, 0x1000)
    refused(c, vu.DMA_UNMAP, dma_unmap(0x10000, 0x2000))  # half of one
    refused(c, vu.DMA_UNMAP, dma_unmap(0x11000, 0x8000))
    refused(c, vu.DMA_UNMAP, dma_unmap(0, 0))
    refused(c, vu.DMA_UNMAP, dma_unmap(2**64 - 4096, 8192))
    refused(c, vu.DMA_UNMAP, dma_unmap(0x1000, 0x1000, 2))
    refused(c, vu.DMA_UNMAP, dma_unmap(0, 0, 1))
    c.call(vu.DMA_UNMAP, dma_unmap(0x40000, 0x1000))  # nothing there: fine, as QEMU needs
    c.call(vu.DMA_UNMAP, dma_unmap(0, 2**47))  # all that lie inside
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])
    c.call(vu.DMA_UNMAP, dma_unmap(0, 0, 2))
    for i in range(2000):
        c.call(vu.DMA_MAP, dma_map(3, 0, i << 12, 0x1000))
    c.call(vu.DMA_UNMAP, dma_unmap(0, 2000 << 12))
    os.close(fd)


def start_nlb(c, src, dst, lines, dsm):
    c.write(BAR0, 0x110, struct.pack("<Q", dsm))
    c.write(BAR0, 0x138, struct.pack("<I", 0))
    c.write(BAR0, 0x138, struct.pack("<I", 1))
    c.write(BAR0, 0x120, struct.pack("<Q", src >> 6))
    c.write(BAR0, 0x128, struct.pack("<Q", dst >> 6))
    c.write(BAR0, 0x130, struct.pack("<I", lines))
    c.write(BAR0, 0x138, struct.pack("<I", 3))


def wait_word(fd, offset, seconds=30):
    end = time.monotonic() + seconds
    while not os.pread(fd, 1, offset)[0] & 1:
        assert time.monotonic() < end, "the status line never came"
        time.sleep(0.001)
    return os.pread(fd, 64, offset)


def test_loopback_through_a_descriptor(nlb):
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    fd = memfd(0x4000)
    os.pwrite(fd, bytes(range(256)) * 16, 0)
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x4000), fds=[fd])
    start_nlb(c, 0x10000, 0x11000, 64, 0x12000)
    line = wait_word(fd, 0x2040)
    assert struct.unpack_from("<IIQII", line)[3:] == (64, 64)
    assert os.pread(fd, 4096, 0x1000) == bytes(range(256)) * 16
    os.close(fd)


def test_faults_are_on_record(card):
    """A wrong address costs the card nothing, and its log tells a user where the data went."""
    process = card()
    c = Client(process.path)
    c.write(CONFIG, 4, b"\x06\x00")
    fd = memfd(0x1000)
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x1000), fds=[fd])
    for _ in range(20):
        os.pwrite(fd, b"\0" * 64, 0x40)
        start_nlb(c, 0x66600000, 0x10000, 1, 0x10000)
        wait_word(fd, 0x40)
    c.close()
    os.close(fd)
    process.terminate()
    _, log = process.communicate(timeout=120)
    assert log.count("DMA fault: read of 64 bytes at 0x66600000: no such address") == 16
    assert "20 DMA faults in all, the last one a read at 0x66600000" in log


def test_file_cut_short_under_a_run(nlb):
    """The copy meets pages that are no more: a fault on record, and no SIGBUS."""
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    fd, dsm = memfd(0x400000), memfd(0x1000)
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x1000000, 0x400000), fds=[fd])
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x10000, 0x1000), fds=[dsm])
    os.ftruncate(fd, 0)
    start_nlb(c, 0x1000000, 0x1200000, 0x200000 // 64, 0x10000)
    assert struct.unpack_from("<II", wait_word(dsm, 0x40))[1] == 1
    os.close(fd)
    os.close(dsm)


def answer_dma(sock, memory, base, count_reads):
    """The client's side of message DMA; stops at the end of the connection."""
    try:
        while True:
            (msg_id, command, _, _, _), body, _ = vu.recv_message(sock)
            address, count = struct.unpack_from("<QQ", body)
            at = address - base
            assert 0 <= at and at + count <= len(memory) and count <= 65536
            if command == vu.DMA_READ:
                count_reads.append(count)
                sock.sendall(message(command, body[:16] + bytes(memory[at:at + count]), msg_id,
                                     vu.REPLY))
            else:
                memory[at:at + count] = body[16:]
                sock.sendall(message(command, body[:16], msg_id, vu.REPLY))
    except (OSError, EOFError):
        pass


def test_message_dma_on_the_twin(nlb):
    c = Client(nlb.path, caps=b'{"capabilities":{"twin_socket":{"supported":true}}}\0')
    twin = socket.socket(fileno=c.version[1][0])
    memory, reads = bytearray(0x100000), []
    memory[:0x40000] = os.urandom(0x40000)
    t = threading.Thread(target=answer_dma, args=(twin, memory, 0x100000, reads))
    t.start()
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x100000))
    start_nlb(c, 0x100000, 0x140000, 0x40000 // 64, 0x1F0000)
    end = time.monotonic() + 30
    while not memory[0xF0040] & 1:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert memory[:0x40000] == memory[0x40000:0x80000]
    c.close()
    t.join(10)
    twin.close()


class MainSocketDma(Client):
    """Without a twin the device's commands come between the replies on the one socket."""

    def __init__(self, path, memory, base):
        super().__init__(path)
        self.memory, self.base, self.deaf = memory, base, False

    def reply(self, command):
        while True:
            got, body, fds = vu.recv_message(self.sock)
            if got[3] & 0xF == vu.REPLY:
                assert (got[0], got[1]) == (self.next_id, command)
                if got[3] & vu.ERROR:
                    raise Refused(got[4])
                return body, fds
            self.serve(got, body)

    def serve(self, header, body):
        if self.deaf:
            return
        address, count = struct.unpack_from("<QQ", body)
        at = address - self.base
        if header[1] == vu.DMA_READ:
            body = body[:16] + bytes(self.memory[at:at + count])
        else:
            self.memory[at:at + count] = body[16:]
        self.sock.sendall(message(header[1], body[:16] if header[1] == vu.DMA_WRITE else body,
                                  header[0], vu.REPLY))


def test_message_dma_between_replies(nlb):
    memory = bytearray(0x20000)
    memory[:0x1000] = os.urandom(0x1000)
    c = MainSocketDma(nlb.path, memory, 0x100000)
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x20000))
    start_nlb(c, 0x100000, 0x108000, 64, 0x110000)
    end = time.monotonic() + 30
    while not memory[0x10040] & 1:
        c.read(BAR0, 0x168, 8)
        assert time.monotonic() < end
    assert memory[:0x1000] == memory[0x8000:0x9000]


def test_reset_does_not_wait_for_a_client_that_will_not_answer(nlb):
    c = MainSocketDma(nlb.path, bytearray(0x20000), 0x100000)
    c.deaf = True
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x20000))
    start_nlb(c, 0x100000, 0x108000, 64, 0x110000)
    begin = time.monotonic()
    c.call(vu.RESET)
    assert time.monotonic() - begin < 2
    c.write(CONFIG, 4, b"\x06\x00")
    assert c.read(BAR0, 0x110, 8) == b"\0" * 8


@pytest.mark.parametrize("reply", [
    lambda h, b: message(h[1], b[:16], h[0] + 1, vu.REPLY),           # another id
    lambda h, b: message(vu.DMA_WRITE, b[:16], h[0], vu.REPLY),       # another command
    lambda h, b: message(h[1], b[:16] + b"\0" * 5, h[0], vu.REPLY),   # too short
    lambda h, b: message(h[1], b[:16] + b"\0" * 9999, h[0], vu.REPLY),
])
def test_dma_answers_that_lie(nlb, reply):
    c = Client(nlb.path)
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x20000))
    start_nlb(c, 0x100000, 0x108000, 64, 0x110000)
    header, body, _ = vu.recv_message(c.sock)
    assert header[1] == vu.DMA_READ
    c.sock.sendall(reply(header, body))
    hangs_up(c.sock)


def test_reset_does_not_wait_for_a_twin_that_is_deaf(nlb):
    c = Client(nlb.path, caps=b'{"capabilities":{"twin_socket":{"supported":true}}}\0')
    twin = socket.socket(fileno=c.version[1][0])
    memory = bytearray(0x20000)
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x20000))
    start_nlb(c, 0x100000, 0x108000, 64, 0x110000)
    late = vu.recv_message(twin)  # the question arrives, the answer does not
    begin = time.monotonic()
    c.call(vu.RESET)
    assert time.monotonic() - begin < 2
    # Later it answers after all, and the next run is not confused by it.
    (msg_id, command, _, _, _), body, _ = late
    twin.sendall(message(command, body[:16] + b"\7" * 4096, msg_id, vu.REPLY))
    t = threading.Thread(target=answer_dma, args=(twin, memory, 0x100000, []))
    t.start()
    memory[:4096] = os.urandom(4096)
    c.write(CONFIG, 4, b"\x06\x00")
    start_nlb(c, 0x100000, 0x108000, 64, 0x110000)
    end = time.monotonic() + 30
    while not memory[0x10040] & 1:
        assert time.monotonic() < end
        time.sleep(0.005)
    assert memory[0x8000:0x9000] == memory[:0x1000]
    c.close()
    t.join(10)
    twin.close()


def test_messages_never_mix_on_a_full_socket(nlb):
    """Replies that nobody reads have nearly filled the socket when a DMA command and more replies
    are due. What the client reads in the end must still be whole messages, in their order."""
    memory = bytearray(0x40000)
    c = MainSocketDma(nlb.path, memory, 0x100000)
    source = memfd(0x20000)
    c.write(CONFIG, 4, b"\x06\x00")
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x1000000, 0x20000), fds=[source])
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x40000))
    os.pwrite(source, b"\xa5" * 0x10000, 0)
    ask = struct.pack("<QII", 0, CONFIG, 4096)
    first = c.next_id + 1
    for i in range(30):
        c.sock.sendall(message(vu.REGION_READ, ask, first + i))
    time.sleep(0.2)
    for offset, value, n in ((0x110, 0x130000, 8), (0x138, 0, 4), (0x138, 1, 4),
                             (0x120, 0x1000000 >> 6, 8), (0x128, 0x100000 >> 6, 8),
                             (0x130, 0x10000 // 64, 4), (0x138, 3, 4)):
        data = value.to_bytes(n, "little")
        c.sock.sendall(message(vu.REGION_WRITE, struct.pack("<QII", offset, 0, n) + data,
                               flags=vu.NO_REPLY))
    time.sleep(0.2)  # the engine's first DMA_WRITE leaves, in part
    for i in range(30, 60):
        c.sock.sendall(message(vu.REGION_READ, ask, first + i))
    replies, seen = 0, set()
    end = time.monotonic() + 60
    while replies < 60 or not memory[0x30040] & 1:
        assert time.monotonic() < end
        header, body, _ = vu.recv_message(c.sock)
        if header[3] & 0xF == vu.REPLY:
            assert header[0] == first + replies and len(body) == 16 + 4096
            replies += 1
        else:
            assert header[1] in (vu.DMA_READ, vu.DMA_WRITE)
            seen.add(header[1])
            c.serve(header, body)
    assert memory[:0x10000] == b"\xa5" * 0x10000 and vu.DMA_WRITE in seen
    c.close()
    os.close(source)


def test_registers_cannot_be_cut_short(card):
    c = Client(card("nlb0", "map").path)
    _, fds = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 64, 0, 0, 0, 0, 0))
    with pytest.raises(PermissionError):
        os.ftruncate(fds[0], 0)
    os.close(fds[0])
    c.close()


def test_disconnect_in_the_middle_of_everything(nlb):
    for _ in range(20):
        c = Client(nlb.path)
        c.write(CONFIG, 4, b"\x06\x00")
        fd = memfd(0x800000)
        c.call(vu.DMA_MAP, dma_map(3, 0, 0x1000000, 0x800000), fds=[fd])
        c.call(vu.DMA_MAP, dma_map(3, 0, 0x100000, 0x20000))
        start_nlb(c, 0x1000000, 0x1400000, 0x400000 // 64, 0x110000)
        c.sock.sendall(message(vu.REGION_WRITE, b"\0" * 5, size=60))
        c.close()
        os.close(fd)
        wait_free(nlb)
