# SPDX-License-Identifier: BSD-3-Clause
"""The protocol from outside: a client written from docs/protocol.md alone, against its own server and against
ours, which serves the model of the unit tests. First what is lawful, then what is not."""
import dataclasses
import random
import re
import struct
import subprocess
import sys
import time

import pytest
from conftest import BUILD, SOURCE

sys.path.insert(0, str(SOURCE / "tests/raw"))
import frames  # noqa: E402
import peer  # noqa: E402
from frames import (BUSY, EXCEPTION, INVALID_PARAM, MESSAGES, MORE, NOT_FOUND, NOT_SUPPORTED,  # noqa: E402
                    ONE_WAY, REPLY, TRACK, TRACKED, Failed, Frame, encode)
from refusals import ended, fails  # noqa: E402

PAGE = (SOURCE / "docs/protocol.md").read_text(encoding="utf-8")


class Ours:
    """Our server with its model. It says so when the model was not left as it had been."""
    def __init__(self, path):
        self.process = subprocess.Popen([BUILD / "tests/unit/serve-fake", path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def close(self):
        self.process.stdin.close()
        out = self.process.stdout.read()
        assert self.process.wait(timeout=60) == 0, out
        self.process.stdout.close()


@pytest.fixture(params=["python", "ours"])
def server(request, folder):
    s = (peer.Server if request.param == "python" else Ours)(folder / "s")
    s.path, s.ours = str(folder / "s"), request.param == "ours"
    yield s
    s.close()


@pytest.fixture
def connect(server):
    """Clients; what is still open is closed before the server is."""
    made = []

    def one(hello=True, **other):
        made.append(peer.Client(peer.address(server.path)))
        if hello:
            made[-1].hello(**other)
        return made[-1]

    yield one
    for c in made:
        c.close()


@pytest.fixture
def client(connect):
    return connect()


def still_served(connect):
    """Whatever happened, the next client is."""
    c = connect()
    assert len(c.enumerate()) >= 2
    c.call("PING")
    c.close()


# ---- the page's examples ----

def dump(name):
    text = re.search(rf"^```{name}\n(.*?)^```", PAGE, re.M | re.S)[1]
    return b"".join(bytes.fromhex(re.match(r"((?:[0-9a-f]{2} )*[0-9a-f]{2})(?=\s|$)", line)[1])
                    for line in text.splitlines())


HANDLE = 0x100000000


@pytest.mark.once
@pytest.mark.parametrize("name,frame", [
    ("hello", Frame(1, 0, 1, body=encode("uqqtuus", [peer.MAGIC, 1, 1, 0, 131072, 256, "demo"]))),
    ("read64", Frame(30, 0, 2, HANDLE, 5000, body=encode("ut", [0, 0x28]))),
    ("read64-reply", Frame(30, REPLY, 2, HANDLE, body=encode("t", [0x1122334455667788]))),
    ("write", Frame(32, ONE_WAY, 0, HANDLE, body=encode("(uutt)", [[[0, 8, 0x18, 0x1000],
                                                                   [0, 4, 0x20, 1]]]))),
    ("failure", Frame(30, REPLY, 3, HANDLE, 1, body=encode("s", ["posted WRITE: no region 0."])))])
def test_examples_of_the_page(name, frame):
    assert dump(name) == frame.encode()


def test_the_examples_work(connect):
    """Sent as they stand on the page."""
    c = connect(hello=False)
    c.send_raw(dump("hello"))
    c.replies[1] = []
    version, _, frame, calls, *_ = c.finish(1)
    assert version == 1 and frame >= 16384 and 1 <= calls <= 256
    c.send_raw(dump("write") + dump("read64"))  # of a handle that is not there
    c.replies[2] = []
    assert "0x100000000" in fails(INVALID_PARAM, c.finish, 2)


# ---- sessions ----

def test_hello(connect):
    c = connect(highest=40, features=2**64 - 1)
    assert c.agreed["version"] == 1 and c.agreed["features"] == 1
    assert c.agreed["frame"] >= 16384 and 1 <= c.agreed["calls"] <= 64
    assert c.agreed["server"] and c.agreed["host"]
    fails(INVALID_PARAM, c.hello)
    c.call("PING")


@pytest.mark.parametrize("other,result,word", [
    ({"lowest": 2, "highest": 9}, NOT_SUPPORTED, "version"),
    ({"lowest": 0, "highest": 0}, NOT_SUPPORTED, "version"),
    ({"frame": 16383}, INVALID_PARAM, "16383")])
def test_hello_is_refused_with_a_reason(connect, other, result, word):
    c = connect(hello=False)
    assert word in fails(result, c.hello, **other)
    assert ended(c)
    still_served(connect)


@pytest.mark.parametrize("first", [
    Frame(2, 0, 1), Frame(1, ONE_WAY, 0, body=b"OPAE"), Frame(1, 0, 0, body=dump("hello")[32:]),
    Frame(1, 0, 1, body=b"EAPO" + dump("hello")[36:]), Frame(1, 0, 1, body=dump("hello")[32:-1]),
    Frame(1, REPLY, 1, body=dump("hello")[32:]), Frame(999, 0, 1), Frame(30, 0, 1, 7)])
def test_what_is_no_hello(connect, first):
    c = connect(hello=False)
    c.send(first)
    assert ended(c)
    still_served(connect)


def test_a_hello_that_has_grown(connect):
    """Of a newer peer: values behind the known ones, a header with a tail, flags of the upper half."""
    c = connect(hello=False)
    c.replies[1] = []
    c.send(Frame(1, 1 << 16, 1, body=dump("hello")[32:] + b"more", tail=bytes(224)))
    assert c.finish(1)[0] == 1


# ---- what there is ----

def test_enumeration_and_properties(client):
    found = client.enumerate()
    kinds = [p.objtype for _, _, p in found]
    assert peer.DEVICE in kinds and peer.ACCELERATOR in kinds
    ids = {ident for ident, *_ in found}
    for ident, parent, props in found:
        assert props.object_id == ident and (parent in ids) == (props.objtype == peer.ACCELERATOR)
        again, now, reasons = client.call("PROPERTIES", ident)
        assert (again, now.values) == (parent, props.values)
        for bit, why in reasons:
            assert bit & (bit - 1) == 0 and why
    only = client.enumerate(frames.Properties({"objtype": peer.DEVICE}))
    assert {ident for ident, *_ in only} == {i for i, _, p in found if p.objtype == peer.DEVICE}
    fails(NOT_FOUND, client.call, "PROPERTIES", 0x7777)


def test_open_and_close(client, connect):
    ident, = [i for i, _, p in client.enumerate() if p.objtype == peer.ACCELERATOR][:1]
    handle, parent, props, regions = client.call("OPEN", ident, 0)
    assert parent and props.object_id == ident
    assert regions and regions[0][0] >= 4096 and regions[0][1] & 12 == 12
    assert client.call("HANDLE_PROPERTIES", handle)[1].object_id == ident
    other = connect()
    fails(BUSY, other.call, "OPEN", ident, 0)
    fails(INVALID_PARAM, other.read64, handle, 0)  # a handle is its session's alone
    client.call("CLOSE", handle)
    fails(INVALID_PARAM, client.call, "CLOSE", handle)
    again = other.call("OPEN", ident, 0)[0]
    client.close()
    other.call("PING")
    other.call("CLOSE", again)
    assert other.call("OPEN", ident, 0)[0] != again


def open_when_free(c):
    """The end of the session that had it is found at once, but this one may have begun before."""
    end = time.monotonic() + 60
    while True:
        try:
            return c.open()
        except Failed as e:
            assert e.result == BUSY and time.monotonic() < end


def test_who_goes_leaves_it_free(client, connect):
    client.open()
    client.close()
    open_when_free(connect())


# ---- registers ----

def test_registers(client):
    h = client.open()
    client.write64(h, 0x18, 0x1122334455667788)
    assert client.read64(h, 0x18) == 0x1122334455667788
    assert client.call("READ32", h, 0, 0x18) == [0x55667788]
    assert client.call("READ32", h, 0, 0x1C) == [0x11223344]
    client.call("WRITE", h, [[0, 4, 0x1C, 5], [0, 8, 0x20, 6]])
    assert client.call("READ_BLOCK", h, 0, 0x18, 16) == [struct.pack("<QQ", 0x555667788, 6)]
    client.call("WRITE512", h, 0, 0x80, bytes(range(64)))
    assert client.call("READ_BLOCK", h, 0, 0x80, 64) == [bytes(range(64))]
    assert client.call("POLL", h, 0, 0x20, 0xFF, 6, 0, 10**6) == [1, 6]
    assert client.call("POLL", h, 0, 0x20, 0xFF, 7, 10, 1000) == [0, 6]
    for name, *args in [("READ64", 9, 0), ("READ64", 0, 1), ("READ64", 0, 2**64 - 8), ("READ32", 0, 2),
                        ("WRITE512", 0, 8, bytes(64)), ("WRITE512", 0, 0, bytes(63)), ("READ_BLOCK", 0, 0, 0),
                        ("READ_BLOCK", 0, 0, 12), ("READ_BLOCK", 0, 0, 65544), ("WRITE", []),
                        ("WRITE", [[0, 3, 0, 0]]), ("WRITE", [[0, 4, 0, 1 << 32]])]:
        fails(INVALID_PARAM, client.call, name, h, *args)


def test_posted_writes_are_done_before_what_follows(client):
    h = client.open()
    for n in range(1, 2001):
        client.post("WRITE", h, [[0, 8, 0x18, n], [0, 8, 0x20, n]])
    assert client.read64(h, 0x20) == 2000
    many = [[0, 8, 0x100 + 8 * n, n] for n in range(80)]
    client.post("WRITE", h, many)
    block, = client.call("READ_BLOCK", h, 0, 0x100, 640)
    assert struct.unpack("<80Q", block) == tuple(range(80))


def test_a_posted_failure_is_told_once(client):
    h = client.open()
    client.post("WRITE", h, [[0, 8, 0x18, 1], [0, 8, 0x123456788, 0xABCDE], [0, 8, 0x20, 2]])
    client.post("WRITE", h, [[7, 8, 0, 0]])  # a second one is not told
    client.post("WRITE", h, [[0, 8, 0x28, 3]])
    client.call("PING")  # is not about the handle
    reason = fails(INVALID_PARAM, client.call, "WRITE", h, [[0, 8, 0x18, 99]])
    assert "WRITE" in reason and "0x123456788" in reason and "0xabcde" in reason
    assert [client.read64(h, at) for at in (0x18, 0x20, 0x28)] == [1, 2, 3]
    client.post("WRITE", h, [[7, 8, 0, 0]])
    client.call("CLOSE", h)  # goes all the same


def test_many_calls_at_once(client):
    """Replies belong to their requests, whatever their order."""
    h = client.open()
    client.post("WRITE", h, [[0, 8, 0x200 + 8 * n, n * n] for n in range(32)])
    ids = [client.start("READ64", h, 0, 0x200 + 8 * n) for n in range(32)]
    for n in reversed(range(32)):
        assert client.finish(ids[n]) == [n * n]


# ---- memory and events ----

def change(server, client, h, wsid, io, size):
    """The device adds one to each byte (the Python card), or copies the first half over the second."""
    if server.ours:
        for at, value in ((0x1100, io), (0x1108, io + size // 2), (0x1110, size // 2), (0x1118, 1)):
            client.post("WRITE", h, [[0, 8, at, value]])
    else:
        client.post("WRITE", h, [[0, 8, 0x40, 1]])


def changed(server, data):
    return data[:len(data) // 2] * 2 if server.ours else bytes((b + 1) & 255 for b in data)


def test_push_and_pull(server, client):
    h, size = client.open(), 200 * 1024
    wsid, io = client.call("PREPARE", h, size, 2)
    data = random.Random(1).randbytes(size)
    assert client.call("PULL", h, wsid, size - 8, 8) == [bytes(8)]
    for at in range(0, size, 65536):
        client.post("PUSH", h, wsid, at, data[at:at + 65536])
    change(server, client, h, wsid, io, size)
    ids = [client.start("PULL", h, wsid, at, min(65536, size - at)) for at in range(0, size, 65536)]
    got = b"".join(client.finish(i)[0] for i in ids)
    assert got == changed(server, data)
    assert not [p for p in client.pushed if p[0] == "DATA"]  # explicit: nothing comes by itself
    for name, *args in [("PULL", wsid, size - 4, 65536), ("PULL", wsid, 0, 65537),
                        ("PULL", wsid, 2**64 - 4, 8), ("PUSH", wsid, 2**64 - 4, bytes(8)),
                        ("RELEASE", wsid + 77)]:
        fails(INVALID_PARAM, client.call, name, h, *args)
    fails(NOT_FOUND, client.call, "PUSH", h, wsid + 77, 0, b"x")
    client.call("RELEASE", h, wsid)
    fails(NOT_FOUND, client.call, "PULL", h, wsid, 0, 8)


def test_what_the_device_wrote_comes_before_the_reply(server, client):
    h, size = client.open(), 16384
    wsid, io = client.call("PREPARE", h, size, 0)
    data = random.Random(2).randbytes(size)
    client.post("PUSH", h, wsid, 0, data)
    change(server, client, h, wsid, io, size)
    client.read64(h, 0)
    twin = bytearray(data)
    for obj, (number, at, piece) in [rest for name, *rest in client.pushed if name == "DATA"]:
        assert (obj, number) == (h, wsid)
        twin[at:at + len(piece)] = piece
    assert twin == changed(server, data)


SIZE = frames.PAGE  # of what is held


def apply(client, wsid, view):
    """Puts into the view what was told of the buffer since: the last cut's number, and stale pages."""
    cut, stale = 0, set()
    for name, _, values in client.pushed:
        if name == "CUT":
            assert values[0] > cut
            cut, = values
        elif name in ("DATA", "STALE"):
            number, at, what = values
            assert number == wsid
            if name == "DATA":
                view[at:at + len(what)] = what
            else:
                stale.update(range(at, at + what, SIZE))
    client.pushed = []
    return cut, stale


def test_pages_that_change_much_are_asked_for_again(server, connect):
    c = connect(features=TRACKED)
    h, size = c.open(), 2 * SIZE
    wsid, io = c.call("PREPARE", h, size, TRACK)
    data = random.Random(3).randbytes(size)
    c.post("WRITEBACK", h, wsid, 0, 0, 0, data)
    assert c.call("HOLD", h, wsid, 0, size, 0) == [size]
    assert not [p for p in c.pushed if p[0] == "DATA"]  # both ends have the same
    view = bytearray(data)
    change(server, c, h, wsid, io, size)
    c.read64(h, 0)
    cut, stale = apply(c, wsid, view)
    assert cut and SIZE in stale and view != changed(server, data)
    c.call("DROP", h, wsid, SIZE, SIZE, 0)  # by one who had not read of it
    fails(INVALID_PARAM, c.call, "DROP", h, wsid, SIZE, SIZE, cut)
    assert c.call("HOLD", h, wsid, 0, size, cut) == [size]
    apply(c, wsid, view)
    assert view == changed(server, data)


def test_what_was_told_is_not_undone_by_what_is_older(server, connect):
    c = connect(features=TRACKED)
    h, data = c.open(), bytes(range(1, 17))
    wsid, io = c.call("PREPARE", h, len(data), TRACK)
    c.call("WRITEBACK", h, wsid, 0, 0, 0, data)
    assert c.call("HOLD", h, wsid, 0, SIZE, 0) == [SIZE]
    change(server, c, h, wsid, io, len(data))
    c.read64(h, 0)
    view = bytearray(data)
    cut, stale = apply(c, wsid, view)
    assert view == changed(server, data) and not stale
    for seen, expected in (0, changed(server, data)), (cut, data):
        c.post("WRITEBACK", h, wsid, 0, seen, 0, data)
        assert c.call("PULL", h, wsid, 0, len(data)) == [expected]


def test_tracking_against_the_rules(server, connect):
    c = connect(features=TRACKED)
    h, data = c.open(), bytes(SIZE)
    fails(INVALID_PARAM, c.call, "PREPARE", h, SIZE, 6)
    plain, readable, wsid = (c.call("PREPARE", h, SIZE, flags)[0] for flags in (0, 5, 4))
    for name in "HOLD", "DROP":
        for buffer, at, size, seen in [(plain, 0, SIZE, 0), (readable, 0, SIZE, 0), (wsid, 1, SIZE, 0),
                                       (wsid, 0, SIZE - 1, 0), (wsid, 0, 0, 0), (wsid, SIZE, SIZE, 0),
                                       (wsid, 0, SIZE, 1)]:
            fails(INVALID_PARAM, c.call, name, h, buffer, at, size, seen)
    fails(INVALID_PARAM, c.call, "DROP", h, wsid, 0, SIZE, 0)
    for buffer, at, seen, more, content in [
            (plain, 0, 0, 0, data), (wsid, 1, 0, 0, data[1:]), (wsid, 0, 1, 0, data), (wsid, 0, 0, 1, b""),
            (wsid, 0, 0, 2, data), (wsid, 0, 0, 0, data[1:]), (readable, SIZE, 0, 0, data)]:
        fails(INVALID_PARAM, c.call, "WRITEBACK", h, buffer, at, seen, more, content)
    c.call("WRITEBACK", h, readable, 0, 0, 0, data)
    fails(NOT_FOUND, c.call, "HOLD", h, wsid + 77, 0, SIZE, 0)
    other = connect()
    c.call("CLOSE", h)
    fails(INVALID_PARAM, other.call, "PREPARE", other.open(), SIZE, TRACK)  # was not agreed on


def test_events(server, client):
    h = client.open()
    client.call("EVENT_REGISTER", h, 0, 0, 4711)
    fails(INVALID_PARAM, client.call, "EVENT_REGISTER", h, 0, 0, 4711)
    client.post("WRITE", h, [[0, 8, 0x1128 if server.ours else 0x48, 3]])
    came = 0
    while came < 3:
        _, obj, (number, count) = client.await_push("EVENT")
        assert (obj, number) == (h, 4711) and count
        came += count
    assert came == 3
    client.call("EVENT_UNREGISTER", h, 0, 4711)
    fails(INVALID_PARAM, client.call, "EVENT_UNREGISTER", h, 0, 4711)


# ---- what is not lawful ----

def test_unknown_messages(client):
    client.replies[50] = []
    client.send(Frame(999, ONE_WAY))
    client.send(Frame(999, 0, 50, 7, body=b"anything"))
    assert "999" in fails(NOT_SUPPORTED, client.finish, 50)
    client.call("PING")


@pytest.mark.parametrize("frame", [
    Frame(2, REPLY, 1), Frame(44, ONE_WAY, 0), Frame(44, 0, 5), Frame(52, ONE_WAY), Frame(2, ONE_WAY),
    Frame(30, ONE_WAY, 0, 1, body=bytes(12)), Frame(2, 0, 0), Frame(2, MORE, 5), Frame(2, REPLY | ONE_WAY, 5),
    Frame(2, 8, 5), Frame(2, 1 << 15, 5)])
def test_what_ends_the_connection(client, connect, frame):
    client.send(frame)
    assert ended(client)
    still_served(connect)


@pytest.mark.parametrize("size,head", [
    (0, 32), (31, 32), (32, 0), (32, 31), (32, 33), (300, 257), (131073, 32), (2**32 - 1, 32), (64, 65535)])
def test_headers_that_cannot_be(client, connect, size, head):
    """Judged by themselves: no body is sent, and none is waited for."""
    client.send_raw(frames.HEADER.pack(size, head, 2, 0, 5, 0, 0, 0))
    assert ended(client)
    still_served(connect)


def sample(letter):
    if letter == "p":
        return frames.Properties({"objtype": 1})
    return {"g": bytes(16), "s": "name", "b": bytes(64)}.get(letter, 8)


def sample_body(form):
    plain, _, group = form.partition("(")
    values = [sample(x) for x in plain]
    return encode(form, values + ([[[sample(x) for x in group[:-1]]]] if group else []))


REQUESTS = [n for n, (_, kind, *_) in MESSAGES.items() if kind != "PUSH" and n != "HELLO"]


@pytest.mark.parametrize("name", REQUESTS)
def test_bodies_that_are_cut(client, name):
    """At every byte, of every message, on an open handle: an answer each time, and the session goes on."""
    number, _, form, _ = MESSAGES[name]
    h, ident = client.open(), client.enumerate()[0][0]
    body = sample_body(form)
    plain = form.partition("(")[0]
    for cut in range(len(body)):
        for obj in (h, ident, 0):
            if obj and name in ("CLOSE", "KICK"):
                continue
            client.next_id += 1
            client.replies[client.next_id] = []
            client.send(Frame(number, 0, client.next_id, obj, 100, body=body[:cut]))
            try:
                client.finish(client.next_id)
                assert not plain or cut >= len(encode(plain, [sample(x) for x in plain]))
            except Failed as e:
                assert e.reason
    client.call("PING")


@pytest.mark.parametrize("name,cut", [("READ64", 10), ("WRITE", 33), ("PUSH", 60), ("ENUMERATE", 31)])
def test_who_goes_in_the_middle_of_a_frame(client, connect, name, cut):
    number, kind, form, _ = MESSAGES[name]
    h = client.open()
    flags = ONE_WAY if kind == "POST" else 0
    client.send_raw(Frame(number, flags, 0 if flags else 99, h, body=sample_body(form)).encode()[:cut])
    client.close()
    still_served(connect)


def test_strings_that_are_none(client):
    ident = client.enumerate()[0][0]
    for bad in (b"\xff", b"a\0b", b"\xc0\x80", b"\xed\xa0\x80", b"x" * 4097):
        body = struct.pack("<H", len(bad)) + bad + bytes(4)
        client.next_id += 1
        client.replies[client.next_id] = []
        client.send(Frame(70, 0, client.next_id, ident, body=body))
        with pytest.raises(Failed):
            client.finish(client.next_id)


def test_flipped_bits(connect):
    """A lawful conversation, with bits turned over: the server answers or ends it, and serves the next."""
    chance = random.Random(4)
    for _ in range(150):
        c = connect()
        h = open_when_free(c)
        talk = bytearray(b"".join(f.encode() for f in (
            Frame(32, ONE_WAY, 0, h, body=sample_body("(uutt)")), Frame(30, 0, 100, h, body=bytes(12)),
            Frame(24, 0, 101, h), Frame(10, 0, 102, body=sample_body("(p)")),
            Frame(31, 0, 103, h, body=bytes(12)))))
        for _ in range(1 + chance.randrange(3)):
            talk[chance.randrange(len(talk))] ^= 1 << chance.randrange(8)
        c.send_raw(bytes(talk))
        c.sock.shutdown(peer.socket.SHUT_WR)
        try:
            while True:
                c.recv()
        except (EOFError, ConnectionError):
            pass
        c.close()
    still_served(connect)


def test_noise(connect):
    chance = random.Random(5)
    for size in (1, 31, 32, 33, 500, 70000):
        c = connect(hello=False)
        try:
            c.send_raw(chance.randbytes(size))
            c.sock.shutdown(peer.socket.SHUT_WR)
        except OSError:
            pass
        assert ended(c)
    still_served(connect)


def test_a_peer_that_does_not_read(client, connect):
    """Requests without end and nobody who takes the replies: it is left, and others are served meanwhile."""
    client.sock.settimeout(30)
    request = Frame(2, 0, 1).encode() * 1000
    with pytest.raises((TimeoutError, ConnectionError)):
        client.sock.settimeout(0.2)
        while True:
            client.send_raw(request)
    still_served(connect)


def test_a_register_that_fails(server, client):
    h = client.open()
    assert "fails" in fails(EXCEPTION, client.read64, h, 0x1000 if server.ours else 0x50)
    assert client.read64(h, 0x18) == 0


@pytest.mark.once
def test_the_codec_is_its_own_inverse():
    for name, (_, _, request, reply) in MESSAGES.items():
        for form in (request, reply):
            plain, _, group = form.partition("(")
            values = [sample(x) for x in plain] + ([[[sample(x) for x in group[:-1]]] * 3] if group else [])
            again = frames.decode(form, encode(form, values))
            assert encode(form, again) == encode(form, values), name
    f = Frame(30, REPLY, 7, 8, 9, 10, b"body", b"tail....")
    size, head, back = frames.judge(f.encode()[:32], 131072)
    assert (size, head) == (44, 40)
    assert dataclasses.replace(back, body=b"body", tail=b"tail....") == f
