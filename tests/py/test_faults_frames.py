# SPDX-License-Identifier: BSD-3-Clause
"""Frames that are not lawful, said to a real opaed with a card behind it: an error reply or the end of that
connection, and nothing else. A witness on a connection of his own is served all the time.

Every single bit of every message in every state is turned over by fuzz/flips.c; here are samples.

The numbers are those of docs/testing.md, "Faults"."""
import array
import os
import random
import socket
import struct
import sys

import pytest
from conftest import SOURCE
from faults import memory
from opaed import NLB0, open_and_close, soon

sys.path.insert(0, str(SOURCE / "tests/raw"))
import frames  # noqa: E402
import peer  # noqa: E402
from frames import (BUSY, INVALID_PARAM, MESSAGES, NO_MEMORY, NOT_FOUND, NOT_SUPPORTED,  # noqa: E402
                    ONE_WAY, REPLY, TRACK, TRACKED, Failed, Frame, encode)
from refusals import ended, fails  # noqa: E402

HUGE = 2**64 - 8


@pytest.fixture
def site(opaed, here):
    """An opaed with a card, and who connects to it by unix or tcp."""
    here.start("card0", "nlb0")
    s = Site(opaed())
    yield s
    s.end()


class Site:
    def __init__(self, daemon):
        self.daemon, self.made = daemon, []
        self.witness = daemon.peer()
        self.token = self.witness.objects()[NLB0]
        [self.spared] = daemon.workers()

    def client(self, hello=True, tcp=False, **other):
        at = f"127.0.0.1:{self.daemon.ports[0]}" if tcp else self.daemon.path
        c = peer.Client(peer.address(at))
        self.made.append(c)
        if hello:
            c.hello(**other)
        return c

    def worker(self):
        """Of the last connection, when it is the only one besides the witness's."""
        [pid] = soon(lambda: set(self.daemon.workers()) - {self.spared})
        soon(lambda: is_in_its_sandbox(pid))
        return pid

    def end(self):
        """No worker died of it, the accelerator is free, and the witness is served."""
        for c in self.made:
            c.close()
        soon(lambda: open_and_close(self.witness, self.token), 30)
        soon(lambda: self.daemon.workers() == [self.spared], 30)
        assert not self.daemon.lines("signal"), self.daemon.log


def raw_call(c, name, obj, body):
    """A request with that body, whatever it is."""
    c.next_id += 1
    c.replies[c.next_id] = []
    c.send(Frame(MESSAGES[name][0], 0, c.next_id, obj, 1000, body=body))
    return c.finish(c.next_id)


def sample(letter):
    if letter == "p":
        return frames.Properties({"objtype": 1})
    return {"g": bytes(16), "s": "name", "b": bytes(64)}.get(letter, 8)


def sample_body(form):
    plain, _, group = form.partition("(")
    values = [sample(x) for x in plain]
    return encode(form, values + ([[[sample(x) for x in group[:-1]]]] if group else []))


REQUESTS = [n for n, (_, kind, *_) in MESSAGES.items() if kind != "PUSH"]

# ---- 7 ----


@pytest.mark.parametrize("state", ["before HELLO", "greeted", "open", "buffers"])
def test_fault_07_a_bit_of_a_frame_is_turned_over(site, state):
    """Of each message some bits: an answer or the end; then the same connection or a new one goes on."""
    chance = random.Random(state)
    c = None
    for name in REQUESTS:
        number, kind, form, _ = MESSAGES[name]
        for _ in range(2):
            if c is None:
                c = site.client(hello=state != "before HELLO", tcp=bool(chance.randrange(2)))
                handle = open_when_free(c) if state in ("open", "buffers") else 0x100000000
                wsid = c.call("PREPARE", handle, 8192, 0)[0] if state == "buffers" else 8
            body = sample_body(form).replace(struct.pack("<Q", 8), struct.pack("<Q", wsid), 1)
            one_way = kind == "POST" and chance.randrange(2)
            frame = bytearray(Frame(number, ONE_WAY if one_way else 0, 0 if one_way else 777, handle, 50,
                                    body=body).encode())
            frame[chance.randrange(len(frame))] ^= 1 << chance.randrange(8)
            c.send_raw(bytes(frame))
            c = goes_on(c, state)


def open_when_free(c):
    def one():
        try:
            return c.open()
        except Failed as e:
            assert e.result == BUSY
    return soon(one, 30)


def is_in_its_sandbox(pid):
    """It has loaded all that it needs, then."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return "\nSeccomp:\t2\n" in f.read()


def goes_on(c, state):
    """The connection, or None when it has ended. A length that was turned over may make it wait for more."""
    c.replies.update({777: [], 778: []})
    c.next_id = 1000
    try:
        c.send_raw(Frame(2, 0, 778).encode() * 2)  # PING, which may be swallowed by a frame that has grown
        c.sock.settimeout(0.3)
        while not c.replies[778]:
            frame = c.recv()
            if frame.flags & REPLY:
                c.replies.setdefault(frame.id, []).append(frame)
        if state == "before HELLO":
            pytest.fail("a PING before HELLO has an answer")
    except (EOFError, ConnectionError, TimeoutError):
        pass
    c.close()


# ---- 8 ----

@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 0, 31, 131073])
@pytest.mark.parametrize("hello", [False, True])
def test_fault_08_a_length_that_cannot_be(site, size, hello):
    """The connection ends before anything is allocated for it, or waited for."""
    c = site.client(hello=hello, tcp=True)
    pid = site.worker()
    before = memory(pid, "VmPeak")
    c.send_raw(frames.HEADER.pack(size, 32, 1 if not hello else 2, 0, 5, 0, 0, 0) + bytes(64))
    try:
        grown = memory(pid, "VmPeak") - before
    except (FileNotFoundError, ProcessLookupError, TypeError):
        grown = 0  # it has ended by now
    assert ended(c) and grown < 64 << 20
    assert site.daemon.says("session 2: ended")


@pytest.mark.parametrize("head", [0, 31, 257, 65535])
def test_fault_08_a_header_of_another_length(site, head):
    c = site.client()
    c.send_raw(frames.HEADER.pack(64, head, 2, 0, 5, 0, 0, 0) + bytes(32))
    assert ended(c)


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 65537, 65])
def test_fault_08_lengths_inside_a_frame(site, size):
    """Bytes that are not there, of each message that has some."""
    c = site.client(features=TRACKED)
    h = open_when_free(c)
    wsid = c.call("PREPARE", h, 65536 * 2, 0)[0]
    tracked = c.call("PREPARE", h, 65536 * 2, TRACK)[0]
    n = struct.pack("<I", size) + bytes(64)
    for name, body in (("PUSH", struct.pack("<QQ", wsid, 0) + n), ("WRITE512", struct.pack("<IQ", 0, 64) + n),
                       ("WRITEBACK", struct.pack("<QQQI", tracked, 0, 0, 0) + n)):
        fails(INVALID_PARAM, raw_call, c, name, h, body)
    if size != 65:
        fails(INVALID_PARAM, c.call, "PULL", h, wsid, 0, size)
        fails(INVALID_PARAM, c.call, "READ_BLOCK", h, 0, 0, size & ~7)
    c.call("PING")


@pytest.mark.parametrize("size", [0, 2**63, 2**64 - 1, 2**64 - 4095, 2**40])
def test_fault_08_buffers_of_a_size_that_cannot_be(site, size):
    c = site.client(features=TRACKED)
    h = open_when_free(c)
    before = memory(site.worker())
    for flags in (0, 1, 2, TRACK, TRACK | 1):
        fails((INVALID_PARAM, NO_MEMORY), c.call, "PREPARE", h, size, flags)
    assert memory(site.worker()) - before < 16 << 20
    c.call("PREPARE", h, 4096, 0)


# ---- 9 ----

def test_fault_09_offsets_that_wrap(site):
    """Offset and length are judged together, also where their sum is small again."""
    c = site.client(features=TRACKED)
    h = open_when_free(c)
    size = 16384
    wsid, tracked = c.call("PREPARE", h, size, 0)[0], c.call("PREPARE", h, size, TRACK)[0]
    for offset in (HUGE, 2**64 - 4, 2**63, 2**32 * 16, 2**64 - 4096):
        for name, *args in (("READ64", 0, offset), ("READ32", 0, offset & ~3),
                            ("WRITE512", 0, offset & ~63, bytes(64)),
                            ("WRITE", [[0, 8, offset & ~7, 1]]), ("WRITE", [[0, 4, offset & ~3, 1]]),
                            ("READ_BLOCK", 0, offset & ~7, 4096),
                            ("POLL", 0, offset & ~7, 1, 1, 0, 1000),
                            ("PUSH", wsid, offset, bytes(8192)), ("PULL", wsid, offset, 8192),
                            ("HOLD", tracked, offset & ~4095, 8192, 0),
                            ("DROP", tracked, offset & ~4095, 8192, 0),
                            ("HOLD", tracked, 4096, offset & ~4095, 0),
                            ("WRITEBACK", tracked, offset & ~4095, 0, 0, bytes(8192))):
            fails(INVALID_PARAM, c.call, name, h, *args)
        fails((INVALID_PARAM, NOT_FOUND), c.call, "PIN", h, h, wsid, offset)
        fails(INVALID_PARAM, c.call, "RECONF_DATA", h, offset, bytes(64))
    for offset, n in ((size - 4, 8), (size, 1), (0, size + 1), (size + 4096, 1)):
        fails(INVALID_PARAM, c.call, "PUSH", h, wsid, offset, bytes(n))
        fails(INVALID_PARAM, c.call, "PULL", h, wsid, offset, n)
    for number in (1, 7, 2**31, 2**32 - 1):  # regions
        fails(INVALID_PARAM, c.call, "READ64", h, number, 0)
    assert c.call("PULL", h, wsid, 0, size) == [bytes(size)]  # nothing was written


def test_fault_09_posted_offsets_that_wrap(site):
    """What is sent without waiting fails for who asks next, and writes nothing."""
    c = site.client()
    h = open_when_free(c)
    wsid, _ = c.call("PREPARE", h, 16384, 2)
    for name, *args in (("WRITE", [[0, 8, HUGE, 1]]), ("PUSH", wsid, 2**64 - 4, bytes(range(1, 200))),
                        ("WRITE512", 0, 2**64 - 64, bytes(64))):
        c.post(name, h, *args)
        assert name in fails(INVALID_PARAM, c.read64, h, 0)
    assert c.call("PULL", h, wsid, 0, 16384) == [bytes(16384)]


def test_fault_09_interrupts_that_there_are_none_of(site):
    c = site.client()
    h = open_when_free(c)
    for number in (4, 2**31 - 1, 2**31, 2**32 - 1):
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), c.call, "EVENT_REGISTER", h, 0, number, 1)
    for kind in (3, 2**31, 2**32 - 1):
        fails((INVALID_PARAM, NOT_SUPPORTED), c.call, "EVENT_REGISTER", h, kind, 0, 1)


# ---- 10 ----

NEGATIVE = (2**32 - 1, 2**31, 2**31 - 1)


def test_fault_10_counts_that_are_negative_or_huge(site):
    c = site.client()
    h = open_when_free(c)
    ident = next(i for i, _, p in c.enumerate() if p.objtype == peer.ACCELERATOR)
    wsid = c.call("PREPARE", h, 65536, 0)[0]
    for n in NEGATIVE:
        fails(INVALID_PARAM, c.call, "PULL", h, wsid, 0, n)
        fails(INVALID_PARAM, c.call, "READ_BLOCK", h, 0, 0, n & ~7)
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), c.call, "ERROR_READ", ident, n)
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), c.call, "ERROR_INFO", ident, n)
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), c.call, "ERROR_CLEAR", ident, n)
        fails((INVALID_PARAM, NOT_SUPPORTED, NO_MEMORY), c.call, "RECONF_BEGIN", h, n, 2**64 - n, 0)
    for n in (2**64 - 1, 2**63):
        fails((INVALID_PARAM, NOT_SUPPORTED, NO_MEMORY), c.call, "RECONF_BEGIN", h, 0, n, 0)
        fails(INVALID_PARAM, c.call, "RELEASE", h, n)
    c.call("PING")


def test_fault_10_arrays_that_are_too_long_or_not_whole(site):
    """Arrays have no count of their own: they end with the frame."""
    c = site.client()
    h = open_when_free(c)
    group = struct.pack("<IIQQ", 0, 8, 0x120, 1)
    for body in (b"", group[:-1], group + b"x", group * 3 + group[:12]):
        fails(INVALID_PARAM, raw_call, c, "WRITE", h, body)
    filters = encode("p", [frames.Properties({"objtype": 1})])
    fails(INVALID_PARAM, raw_call, c, "ENUMERATE", 0, filters * 65)
    fails(INVALID_PARAM, raw_call, c, "ENUMERATE", 0, filters + filters[:-1])
    assert raw_call(c, "ENUMERATE", 0, filters * 64)[0]
    longest = (131072 - 32) // 8
    for name, body in (("METRIC_READ", struct.pack("<Q", 2**64 - 1) * longest),
                       ("METRIC_READ_NAMED", b"\0\0" * (longest * 4 - 4)), ("METRIC_READ", bytes(7))):
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED, NO_MEMORY), raw_call, c, name, h, body)
    c.call("PING")


def test_fault_10_a_sysobject_far_behind_the_last(site):
    c = site.client()
    ident = next(i for i, _, p in c.enumerate() if p.objtype == peer.ACCELERATOR)
    try:
        obj, _ = c.call("TOKEN_OBJECT", ident, "*", 2)
    except Failed as e:
        assert e.result in (NOT_FOUND, NOT_SUPPORTED)
        obj = 1
    for index in (2**64 - 1, 2**63, 2**32):
        fails((INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), c.call, "OBJECT_AT", obj, index)
    for n in NEGATIVE:
        fails((INVALID_PARAM, NOT_SUPPORTED), c.call, "OBJECT_READ", obj, 0, n, 0)
        fails((INVALID_PARAM, NOT_SUPPORTED), c.call, "OBJECT_READ", obj, 2**64 - 4, 8, 0)


# ---- 11 ----

def test_fault_11_names_in_names(site):
    """A body has one level of groups, and properties hold no properties: what could be deep is a path."""
    c = site.client()
    ident = next(i for i, _, p in c.enumerate() if p.objtype == peer.ACCELERATOR)
    for path in ("/".join("a" * 2048), "../" * 1365, "*/" * 2048, "[" * 4096, "{" * 4096, "*" * 4096):
        for flags in (0, 2, 2 | 16, 8, 16):
            try:
                c.call("TOKEN_OBJECT", ident, path[:4096], flags)
                pytest.fail(f"there is no {path[:9]}...")
            except Failed as e:
                assert e.result in (INVALID_PARAM, NOT_FOUND, NOT_SUPPORTED), e
    c.call("PING")


@pytest.mark.parametrize("depth", [33, 1000, 100000])
def test_fault_11_json_that_is_too_deep(here, depth):
    """Configurations and the metadata of a bitstream are refused, with a line, and recursion has an end."""
    file = here.folder / "opaed.cfg"
    file.write_text('{"listen": [{"unix": "/tmp/x.sock"}], "policy": ' + "[" * depth + "]" * depth + "}")
    done = here.run("opaed", "--check-config", "--config", str(file))
    assert done.returncode == 1 and f"{file}: line 1: not JSON: nesting too deep" in done.stderr, done
    deep = b'{"afu-image": ' + b'{"a": ' * depth + b"1" + b"}" * (depth + 1)
    gbs = here.folder / "deep.gbs"
    gbs.write_bytes(b"XeonFPGA\xb7GBSv001" + struct.pack("<I", len(deep)) + deep + bytes(64))
    done = here.run("opae", "gbs", "show", str(gbs))
    why = "no JSON: nesting too deep" if len(deep) < 8192 else f"length is {len(deep)}, and 8191 is the most"
    assert done.returncode == 1 and why in done.stderr, done


# ---- 12 ----

def test_fault_12_data_before_its_request(site):
    """Of a bitstream or a buffer that was not begun: refused; the handle is as before."""
    c = site.client(features=TRACKED)
    h = open_when_free(c)
    fails(INVALID_PARAM, c.call, "RECONF_DATA", h, 0, bytes(64))
    fails((INVALID_PARAM, NOT_SUPPORTED), c.call, "RECONF_RUN", h)
    for name, *args in (("PUSH", 5, 0, bytes(64)), ("PULL", 5, 0, 64), ("HOLD", 5, 0, 4096, 0),
                        ("DROP", 5, 0, 4096, 0), ("WRITEBACK", 5, 0, 0, 0, bytes(4096))):
        fails(NOT_FOUND, c.call, name, h, *args)
    c.post("PUSH", h, 5, 0, bytes(64))
    assert "PUSH" in fails(NOT_FOUND, c.read64, h, 8)
    c.read64(h, 8)


@pytest.mark.parametrize("frame", [
    Frame(30, REPLY, 5, body=bytes(8)), Frame(44, ONE_WAY, body=bytes(20)), Frame(44, 0, 5, body=bytes(20)),
    Frame(52, ONE_WAY, body=bytes(16)), Frame(56, ONE_WAY, body=bytes(8)),
    Frame(12, ONE_WAY, body=bytes(20))],
    ids=lambda f: f"op {f.op} flags {f.flags}")
def test_fault_12_what_only_a_server_sends(site, frame):
    c = site.client()
    frame.object = open_when_free(c)
    c.send(frame)
    assert ended(c)


def test_fault_12_anything_before_hello(site):
    for name in REQUESTS:
        if name == "HELLO":
            continue
        c = site.client(hello=False)
        c.send(Frame(MESSAGES[name][0], 0, 1, 0x100000000, body=sample_body(MESSAGES[name][2])))
        assert ended(c)
        c.close()


def test_fault_12_an_id_that_is_under_way(site):
    """Each has its answer; nothing is lost or mixed up on the server's side."""
    c = site.client()
    h = open_when_free(c)
    c.replies[9] = []
    poll = encode("uttttt", [0, 8, 0, 1, 0, 300000])  # never so
    c.send(Frame(34, 0, 9, h, 5000, body=poll))
    c.send(Frame(34, 0, 9, h, 5000, body=poll))
    c.send(Frame(30, 0, 9, h, 5000, body=encode("ut", [0, 8])))
    while len(c.replies[9]) < 3:
        c.take()
    assert sorted(f.op for f in c.replies.pop(9)) == [30, 34, 34]
    c.next_id = 10
    assert c.read64(h, 8)


def test_fault_12_another_session(site):
    """Handles, buffers, events and sysobjects of one session mean nothing in another."""
    a, b = site.client(), site.client()
    h = open_when_free(a)
    wsid = a.call("PREPARE", h, 4096, 2)[0]
    for handle in (h, h + 1, 0, 1, 2**64 - 1):
        for name, *args in (("READ64", 0, 8), ("PULL", wsid, 0, 8), ("RESET",), ("CLOSE",), ("RELEASE", wsid),
                            ("PREPARE", 4096, 0), ("HANDLE_PROPERTIES",)):
            fails(INVALID_PARAM, b.call, name, handle, *args)
    ident = a.enumerate()[0][0]
    fails(BUSY, b.call, "OPEN", next(i for i, _, p in b.enumerate() if p.objtype == peer.ACCELERATOR), 0)
    assert a.call("PULL", h, wsid, 0, 8) == [bytes(8)] and b.call("PROPERTIES", ident)


# ---- 13 ----

NO_STRINGS = {"with a NUL": b"a\0b", "not ended by one": b"name\0", "no UTF-8": b"\xff\xfe",
              "cut UTF-8": b"\xe2\x82", "overlong": b"\xc0\xaf", "surrogate": b"\xed\xa0\x80",
              "beyond Unicode": b"\xf4\x90\x80\x80",
              "4097": b"x" * 4097, "64 KiB": b"x" * 65535}


@pytest.mark.parametrize("kind", NO_STRINGS)
def test_fault_13_strings_that_are_none(site, kind):
    """In each message that has one."""
    c = site.client()
    h = open_when_free(c)
    ident = next(i for i, _, p in c.enumerate() if p.objtype == peer.ACCELERATOR)
    bad = NO_STRINGS[kind]
    s = struct.pack("<H", len(bad)) + bad
    for name, obj in (("TOKEN_OBJECT", ident), ("HANDLE_OBJECT", h)):
        fails(INVALID_PARAM, raw_call, c, name, obj, s + bytes(4))
    fails((INVALID_PARAM, NOT_SUPPORTED), raw_call, c, "METRIC_READ_NAMED", h, s)
    block = frames.Properties({"objtype": 1}).encode()[:-2] + s
    if len(block) < 65536:
        fails(INVALID_PARAM, raw_call, c, "ENUMERATE", 0, struct.pack("<H", len(block)) + block)
    c.call("PING")


@pytest.mark.parametrize("kind", NO_STRINGS)
def test_fault_13_a_program_with_such_a_name(site, kind):
    bad = NO_STRINGS[kind]
    c = site.client(hello=False)
    c.send(Frame(1, 0, 1, body=struct.pack("<IHHQII", frames.MAGIC, 1, 1, 0, 131072, 16) +
                 struct.pack("<H", len(bad)) + bad))
    assert ended(c)


def test_fault_13_a_string_that_is_longer_than_its_frame(site):
    c = site.client()
    ident = c.enumerate()[0][0]
    for n in (5, 4096, 65535):
        fails(INVALID_PARAM, raw_call, c, "TOKEN_OBJECT", ident, struct.pack("<H", n) + b"name")


# ---- 27 ----

HELLO_FORM = "IHHQII"


def test_fault_27_a_peer_of_the_other_byte_order(site):
    """Its HELLO is none: the connection ends at once, and the log has the reason."""
    body = struct.pack(">" + HELLO_FORM, frames.MAGIC, 1, 1, 0, 131072, 16) + struct.pack(">H", 4) + b"name"
    for head in (struct.pack(">IHHIIQII", 32 + len(body), 32, 1, 0, 1, 0, 0, 0),
                 struct.pack("<IHHIIQII", 32 + len(body), 32, 1, 0, 1, 0, 0, 0)):
        c = site.client(hello=False)
        c.send_raw(head + body)
        assert ended(c)
        c.close()
    soon(lambda: len(site.daemon.lines(": ended: ")) == 2)
    said = " ".join(site.daemon.lines(": ended: "))
    assert "it speaks another protocol" in said


@pytest.mark.parametrize("lowest,highest,good", [(1, 1, True), (0, 1, True), (1, 2, True), (0, 65535, True),
                                                 (2, 9, False), (0, 0, False), (65535, 65535, False),
                                                 (2, 0, False)])
def test_fault_27_older_and_newer_versions(site, lowest, highest, good):
    """The version that both have, or a reason that says which ones there are, and the end."""
    c = site.client(hello=False)
    if good:
        assert c.hello(lowest=lowest, highest=highest, features=2**64 - 1)["version"] == 1
        assert c.agreed["features"] == TRACKED and c.enumerate()
        return
    assert "version 1" in fails(NOT_SUPPORTED, lambda: c.hello(lowest=lowest, highest=highest))
    assert ended(c)


def test_fault_27_a_newer_minor(site):
    """Longer bodies and headers, flags and messages that are not known yet: read over, or said to be so."""
    c = site.client(hello=False)
    c.replies[1] = []
    hello = encode("uqqtuus", [frames.MAGIC, 1, 3, 2**63, 2**31, 2**32 - 1, "new"]) + b"and more"
    c.send(Frame(1, 1 << 31 | 1 << 16, 1, body=hello, tail=bytes(range(224))))
    assert c.finish(1)[0] == 1
    c.next_id = 1
    h = open_when_free(c)
    c.replies = {50: [], 51: []}
    c.send(Frame(30, 1 << 20, 50, h, 100, body=encode("ut", [0, 8]) + b"more", tail=bytes(8)))
    assert c.finish(50)[0]
    c.send(Frame(400, 0, 51, h, body=b"a message of the future"))
    fails(NOT_SUPPORTED, c.finish, 51)
    c.send(Frame(400, ONE_WAY, 0, h, body=b"and one without an answer"))
    c.next_id = 60
    assert c.read64(h, 8)


def test_fault_27_a_peer_of_32_bits(site):
    """It takes short frames and few calls at a time, and gets no more than that."""
    c = site.client(frame=16384, calls=1)
    c.largest = 16384
    h = open_when_free(c)
    wsid = c.call("PREPARE", h, 65536, 2)[0]
    fails(INVALID_PARAM, c.call, "PULL", h, wsid, 0, 65536)
    assert c.call("PULL", h, wsid, 0, 8192) == [bytes(8192)]


# ---- 29 ----

def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


BODIES = {"a good request": Frame(2, 0, 1).encode(), "a bad one": frames.HEADER.pack(5, 32, 2, 0, 5, 0, 0, 0),
          "half a header": bytes(16), "an unknown one": Frame(999, 0, 1).encode()}


@pytest.mark.parametrize("said", BODIES)
@pytest.mark.parametrize("hello", [False, True])
def test_fault_29_a_request_that_carries_descriptors(site, said, hello):
    """They are closed: neither worker nor monitor keeps one, and who is at the other end of one sees it."""
    c = site.client(hello=hello)
    if hello:
        c.call("PING")
    pid = site.worker()
    soon(lambda: descriptors(pid) >= 5)
    before, monitor = descriptors(pid), site.daemon.descriptors()
    for _ in range(20):
        mine, theirs = socket.socketpair()
        try:
            c.sock.sendmsg([BODIES[said]], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                             array.array("i", [theirs.fileno()] * 100))])
        except (BrokenPipeError, ConnectionResetError):
            pass
        theirs.close()
        mine.settimeout(20)
        assert mine.recv(1) == b""  # the last of them was closed
        mine.close()
    if hello and said in ("a good request", "an unknown one"):
        assert descriptors(pid) == before  # whose session goes on
    soon(lambda: site.daemon.descriptors() <= monitor)
