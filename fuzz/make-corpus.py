#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the corpora of dfl, inventory, client, dev, gbs, session, session_card and remote: what the layouts' own
documents call right, and each thing in them that is most easily wrong. Run it after a target's input format
has changed.

    fuzz/make-corpus.py fuzz/corpus"""
import json
import struct
import sys
from pathlib import Path

# ---- dfl: see the top of fuzz_dfl.c ----


def dfh(kind, ident, after=0):
    return kind << 60 | (0 if after else 1) << 40 | after << 16 | ident


def device(bars, *writes, vectors=8, config_len=4096, failing_read=0, fill=0):
    out = bytes(bars) + struct.pack("<HHHQ", vectors, config_len, failing_read, fill)
    for space, offset, value in writes:
        out += bytes([space]) + offset.to_bytes(3, "little") + struct.pack("<Q", value)
    return out


def port(bar, at, number=0, after=0):
    return [(bar, at, dfh(4, 1, after or 0x1000)), (bar, at + 0x18, 0x4000),
            (bar, at + 0x30, 16 << 8 | number), (bar, at + 0x38, 0x11),
            (bar, at + 0x1000, dfh(3, 0x10, 0x1000)), (bar, at + 0x1038, 1 | 2 << 1),
            (bar, at + 0x2000, dfh(3, 0x12, 0x1000)), (bar, at + 0x2008, 2 | 3 << 12),
            (bar, at + 0x3000, dfh(3, 0x13)),
            (bar, at + 0x4000, dfh(1, 0)), (bar, at + 0x4008, 5), (bar, at + 0x4010, 6)]


def engine(*places, after=0x1000):
    return [(0, 0, dfh(4, 0, after)), (0, 0x60, 7), (0, 0x68, 8),
            (0, 0x1000, dfh(3, 4, 0x1000)), (0, 0x1070, 1 | 1 << 1),
            (0, 0x2000, dfh(3, 5)), (0, 0x20A8, 9), (0, 0x20B0, 10)] + \
        [(0, 0x38 + 8 * n, 1 << 60 | bar << 32 | at) for n, (bar, at) in enumerate(places)]


def vsec(*words):
    words = [len(words), *words, 0]
    body = b"".join(struct.pack("<I", w) for w in words[:2 * (len(words) // 2)])
    return [(7, 0, 0xBCCE8086), (7, 0x100, 0x43 << 32 | 0x1000B)] + \
        [(7, 0x108 + i, struct.unpack_from("<Q", body, i)[0]) for i in range(0, len(body), 8)]


CHAINED = [w for n in range(10) for w in port(0, 0x10000 * (n + 1), n & 3, 0x10000)]
DFL = {
    "whole": device([16, 0, 0, 0, 0, 0], (0, 0, dfh(1, 0)), (0, 8, 1), (0, 16, 2)),
    "port": device([16, 0, 0, 0, 0, 0], *port(0, 0)),
    "fme": device([15, 0, 17, 0, 0, 0], *engine((2, 0), (2, 0x10000)), *port(2, 0),
                  *port(2, 0x10000, 1)),
    "vsec": device([20, 0, 0, 0, 0, 0], *vsec(0, 0x10000), *engine(), *port(0, 0x10000)),
    "chained": device([20, 0, 0, 0, 0, 0], *vsec(0x10000), *CHAINED),
    "loop": device([40, 0, 0, 0, 0, 0], *vsec(0, 0, 0x1000, 7), *engine((0, 0), (0, 0), (3, 0))),
    "endless": device([40, 0, 40, 0, 0, 0], (0, 0, dfh(4, 0, 0x200)), (0, 0x38, 1 << 60 | 2 << 32),
                      (2, 0, dfh(4, 1, 0x8000)), (2, 0x18, 0x4000), (2, 0x4000, dfh(1, 0)),
                      fill=dfh(3, 0x77, 8)),
    "ones": device([16, 0, 16, 0, 0, 0], (0, 0, dfh(4, 0, 0x1000)), (2, 0, dfh(4, 1)),
                   fill=2**64 - 1),
    "changes": device([15, 0, 17, 0, 0, 0], *engine((2, 0)), *port(2, 0), (2, 0, dfh(4, 0)),
                      (2, 0x18, 0xFFFFF8), (2, 0x30, 0xFFFF00), (0, 0x38, 1 << 60 | 6 << 32)),
    "dies": device([15, 0, 17, 0, 0, 0], *engine((2, 0)), *port(2, 0), failing_read=9),
}

# ---- inventory: see the top of fuzz_inventory.c ----

OBJECT = bytes([1, 1, 0, 0, 8, 0, 0, 0, 0, 4])
INVENTORY = {
    "nothing": bytes([0]),
    "garbage": bytes([0]) + b"APAEInv2" + struct.pack("<IIQ", 1, 1, 0) + b"x" * 40,
    "one": bytes([1, 20, 0, 1, 0, 1]) + OBJECT,
    "several": bytes([1]) + (bytes([30, 10, 1, 0, 9]) + OBJECT * 9) * 3,
    "unterminated": bytes([1, 108, 120, 1, 1, 0]),
    "no such BAR": bytes([1, 9, 0, 1, 0, 1, 1, 2, 0, 0, 0, 6, 0, 0, 0, 0]),
    "another head": bytes([2, 12, 1, 20, 0, 1, 0, 1]) + OBJECT,
}

# ---- client: see the top of fuzz_client.c ----

NEXT_ID = 0


def piece(data, fds=0, kind=0):
    return bytes([kind << 4 | fds]) + struct.pack("<H", len(data)) + data


def message(command, body=b"", flags=1, error=0, msg_id=None):
    global NEXT_ID
    if msg_id is None:
        msg_id, NEXT_ID = NEXT_ID, NEXT_ID + 1
    return struct.pack("<HHIII", msg_id, command, 16 + len(body), flags, error) + body


def version(caps=b'{"capabilities":{"max_msg_fds":8}}'):
    global NEXT_ID
    NEXT_ID = 0
    return message(1, struct.pack("<HH", 0, 0) + caps + b"\0")


TWIN = b'{"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}}'


def region(index, size, flags=3, offset=0, cap=0, caps=b""):
    return message(5, struct.pack("<IIIIQQ", 32 + len(caps), flags, index, cap, size, offset) + caps)


def greeting(**kw):
    return piece(version(**kw)) + piece(message(4, struct.pack("<IIII", 16, 3, 9, 5)))


def rest():
    access = struct.pack("<QII", 0, 7, 64)
    return b"".join(piece(m) for m in (
        message(7, struct.pack("<IIII", 16, 1, 2, 4)), message(9, access + b"\0" * 64),
        message(9, struct.pack("<QII", 8, 0, 8) + b"\1" * 8), message(10, struct.pack("<QII", 8, 0, 8)),
        message(2), message(2), message(8), message(3, b"\0" * 24), message(3), message(13)))


SPARSE = struct.pack("<HHIIIQQQQ", 1, 1, 0, 2, 0, 0x1000, 0x1000, 0x4000, 0x2000)
DMA = message(11, struct.pack("<QQ", 0x200000, 64), 0, msg_id=77) + \
    message(12, struct.pack("<QQ", 0x200000, 8) + b"\2" * 8, 0, msg_id=78)
CLIENT = {
    "good": b"\0" + greeting() + piece(region(0, 0x8000)) + piece(region(7, 4096)) + rest(),
    "watched": b"\1" + greeting() + piece(region(0, 0x8000)) + piece(region(7, 4096)) + rest(),
    "mapped": b"\0" + greeting() + piece(region(0, 0x8000, 7), 1) + piece(region(7, 4096)) + rest(),
    "sparse": b"\0" + greeting() + piece(region(0, 0x8000, 15, 0, 32, SPARSE), 1) +
    piece(region(7, 4096)) + rest(),
    "short file": b"\0" + greeting() + piece(region(0, 0x8000, 7), 1, 3),
    "twin": b"\1" + piece(version(TWIN), 1, 1) + piece(message(4, struct.pack("<IIII", 16, 3, 9, 5))),
    "stray": b"\0" + piece(version(), 3) + piece(b"x", 15, 2),
    "dma": b"\0" + greeting() + piece(DMA) + piece(region(0, 0x8000)) + piece(DMA + region(7, 4096)) +
    rest(),
    "refused": b"\0" + piece(message(1, b"", 0x21, 16, 0)),
    "in pieces": b"\0" + b"".join(piece(bytes([b])) for b in version()),
}

# ---- dev: see the top of fuzz_dev.c ----


def described(flags, size, cap, *caps):
    """A region; its size's place is where a container has the offset of its capabilities."""
    return struct.pack("<IIIIQQ", 0, flags, 0, cap, size, 1 << 40) + b"\0" * 32 + b"".join(caps)


def sparse(*areas, after=0, says=None):
    return struct.pack("<HHIII", 1, 1, after, len(areas) if says is None else says, 0) + b"".join(
        struct.pack("<QQ", *a) for a in areas)


def iova_ranges(*ranges, after=0, says=None):
    return sparse(*ranges, after=after, says=says)


DEV = {
    "whole": described(7, 0x10000, 0),
    "sparse": described(15, 0x10000, 64, sparse((0, 0x1000), (0x3000, 0x2000))),
    "crooked": described(15, 0x10000, 64, sparse((0x100, 0x1000), (0xf000, 0x2000), (0x2000, 0),
                                                 (1 << 63, 1 << 63))),
    "cut": described(15, 0x10000, 64, sparse((0, 0x1000), says=0xffffffff)),
    "ring": described(15, 0x10000, 64, sparse((0, 0x1000), after=64)),
    "second": described(15, 0x10000, 64, struct.pack("<HHI", 9, 1, 72), sparse((0, 0x1000))),
    "outside": described(15, 0x10000, 0xfffffff8),
    "container": described(2, 64, 0, iova_ranges((0, 0xfedfffff), (0xfef00000, 0x7fffffffff))),
    "container cut": described(2, 64, 0, iova_ranges((0, 1), says=0xffffffff)),
}

# ---- gbs: a file ----

GUIDS = ("e9a1ca2d-c0de-4d5a-9c3f-00000000a001", "D8424DC4-A4A3-C413-F89E-433683F9040B")


def gbs(metadata, says=None, payload=b"bits"):
    text = metadata if isinstance(metadata, bytes) else json.dumps(metadata).encode()
    return b"XeonFPGA\xb7GBSv001" + struct.pack("<I", len(text) if says is None else says) + text + payload


def image(top=(), **more):
    fields = {key.replace("_", "-"): value for key, value in more.items()}
    return {"version": 1, **dict(top),
            "afu-image": {"magic-no": 488605312, "interface-uuid": GUIDS[0], **fields}}


def cluster(guid=GUIDS[1], **more):
    return {"accelerator-type-uuid": guid, **more}


GBS = {
    "whole": gbs(image({"platform-name": "DCP"}, power=12, clock_frequency_high=312,
                       clock_frequency_low=156.25,
                       accelerator_clusters=[cluster(name="nlb", total_contexts=1)])),
    "several": gbs(image(accelerator_clusters=[cluster(), cluster(GUIDS[0], name="\u00e9\"\\")])),
    "no metadata": gbs(b""),
    "least": gbs(image()),
    "auto": gbs(image(clock_frequency_high="auto-300", clock_frequency_low="auto")),
    "types": gbs(image(power="1", clock_frequency_high=[], accelerator_clusters={"0": None})),
    "deep": gbs(b"[" * 40 + b"]" * 40),
    "apostrophes": gbs(b"{'a\"': 1, 'b': 1, 'b': \"'\"}"),
    "twice": gbs(b'{"afu-image": {}, "afu-image": {"a:": "\\":", "b": 1}}'),
    "control": gbs(image({"platform-name": "\x1b[2J\0"})),
    "too long": gbs(image(), says=0xffffffff),
    "no payload": gbs(image(), payload=b""),
    "no UTF-8": gbs(b'{"afu-image": "\xff\xc0\x80"}'),
    "older format": struct.pack("<I", 0x1d1f8680) + bytes(range(16)) + b"bits",
}

# ---- session: see session-peer.h; numbers and bodies are those of wire/ops.def ----


def said(op, selector=0, body=b"", flags=0):
    return struct.pack("<BBBH", op, selector, flags, len(body)) + body


def raw(data):
    return struct.pack("<BH", 128, len(data)) + data


def frame(op, ident, body=b"", flags=0, size=None, head=32, obj=0):
    return struct.pack("<IHHIIQII", 32 + len(body) if size is None else size, head, op, flags, ident, obj,
                       0, 0) + body


def text(s):
    return struct.pack("<H", len(s)) + s.encode()


def data(b):
    return struct.pack("<I", len(b)) + b


def q(form, *values):
    return struct.pack("<" + form.replace("u", "I").replace("t", "Q"), *values)


def happens(what):
    return bytes([129, what])


ONE_WAY = 2
LIST, FIRST, OTHER = said(10), 0x11, 0x13  # the accelerators of two cards; selectors
HANDLE, HANDLE2, OBJECT = 0x20, 0x21, 0x30
OPEN = LIST + said(20, FIRST, q("u", 0))
WRITE = q("uutt", 0, 8, 0x40, 7)
PREPARED = OPEN + said(40, HANDLE, q("tu", 8192, 0))
WSID = 1 << 32 | 1  # the first buffer of a handle
CLOSE = said(21, HANDLE)
BUFFER_RUN = said(42, HANDLE, q("tt", WSID, 0) + data(b"\x5a" * 64), ONE_WAY) + b"".join(
    said(32, HANDLE, q("uutt", 0, 8, at, value), ONE_WAY)
    for at, value in ((0x1100, 1 << 32), (0x1108, (1 << 32) + 4096), (0x1110, 64), (0x1118, 1)))
SESSION = {
    "listing": LIST + happens(0x2c) + LIST + happens(0x20) + LIST + said(11, 0x10) + said(11, 0x11) + said(2),
    "registers": OPEN + said(30, HANDLE, q("ut", 0, 0x40)) + said(31, HANDLE, q("ut", 0, 0x44)) +
    said(32, HANDLE, WRITE * 3) + said(32, HANDLE, WRITE, ONE_WAY) +
    said(33, HANDLE, q("ut", 0, 0x80) + data(b"\1" * 64)) + said(35, HANDLE, q("utu", 0, 0, 256)) +
    said(22, HANDLE) + said(23, HANDLE) + said(24, HANDLE) + CLOSE,
    "posted failure": OPEN + said(32, HANDLE, q("uutt", 0, 8, 0x1000, 1), ONE_WAY) +
    said(30, HANDLE, q("ut", 0, 0)) + said(30, HANDLE, q("ut", 0, 0)),
    "polls": OPEN + said(34, HANDLE, q("uttttt", 0, 0x1008, 7, 5, 0, 1 << 40)) * 9 + said(21, HANDLE) + said(2),
    "buffers": PREPARED + BUFFER_RUN + said(30, HANDLE, q("ut", 0, 0x1120)) +
    said(43, HANDLE, q("ttu", WSID, 4096, 64)) + said(41, HANDLE, q("t", WSID)) + CLOSE,
    "bulk": PREPARED + said(42, HANDLE, q("tt", WSID, 0) + data(bytes(range(256)) * 12), ONE_WAY) +
    said(42, HANDLE, q("tt", WSID, 4096) + data(b"x" * 4096)) + said(43, HANDLE, q("ttu", WSID, 0, 8192)),
    "explicit": OPEN + said(40, HANDLE, q("tu", 4096, 2)) + said(40, HANDLE, q("tu", 4096, 1)) + BUFFER_RUN,
    "too much": OPEN + said(40, HANDLE, q("tu", 1 << 40, 0)) * 2 + said(40, HANDLE, q("tu", 1 << 20, 0)) * 2,
    "pinned": PREPARED + said(20, OTHER, q("u", 1)) + said(45, HANDLE2, q("ttt", 1 << 32, WSID, 1 << 32)) +
    said(46, HANDLE2, q("ttt", 1 << 32, WSID, 1 << 32)) + CLOSE,
    "events": OPEN + said(50, HANDLE, q("uut", 0, 1, 77)) + happens(0x31) +
    said(51, HANDLE, q("ut", 0, 77)) + said(50, HANDLE, q("uut", 1, 0, 78)) + CLOSE,
    "errors": LIST + said(13, 0x10, q("u", 0)) + said(14, 0x10, q("u", 1)) + said(15, 0x10) +
    said(16, 0x10, q("u", 2)),
    "management": LIST + said(20, 0x10, q("u", 0)) + said(60, HANDLE, q("uuu", 0, 0, 0)) +
    said(61, HANDLE, q("tuu", 0xa000, 0, 0)) + said(62, HANDLE, q("t", 0xa000)) +
    said(63, HANDLE, q("utu", 0, 8, 0)) + said(64, HANDLE, q("t", 0) + data(b"bitsbits"), ONE_WAY) +
    said(65, HANDLE) + CLOSE,
    "clocks": OPEN + said(67, HANDLE, q("ttu", 100, 50, 0)) + said(68, HANDLE, q("u", 0)),
    "objects": OPEN + said(70, 0x10, text("box") + q("u", 4)) + said(71, HANDLE, text("num") + q("u", 0)) +
    said(72, OBJECT, text("a") + q("u", 0)) + said(73, OBJECT, q("t", 0)) + said(74, OBJECT + 1, q("u", 0)) +
    said(71, HANDLE, text("long") + q("u", 0)) + said(75, OBJECT + 4, q("tuu", 70000, 65536, 0)) +
    said(75, OBJECT + 1, q("tuu", 0, 8, 0)) + said(76, OBJECT + 1, q("u", 0)) +
    said(77, OBJECT + 1, q("tu", 5, 0)) + said(78, OBJECT) + CLOSE,
    "metrics": OPEN + said(80, HANDLE) + said(81, HANDLE) + said(82, HANDLE, q("tt", 0, 1)) +
    said(83, HANDLE, text("metric1")) + said(84, HANDLE),
    "not allowed": LIST + said(20, OTHER, q("u", 0)) + said(32, HANDLE, WRITE, ONE_WAY) +
    said(30, HANDLE, q("ut", 0, 0)) * 2 + said(40, HANDLE, q("tu", 4096, 0)) + said(3) + said(4, 0, q("u", 1)),
    "changes": OPEN + happens(0x00) + LIST + happens(0x17) + CLOSE + said(11, 99) + happens(0x43) + LIST,
    "failing": LIST + happens(0x53) + said(20, FIRST, q("u", 0)) + happens(0x61) + happens(0x50) +
    said(20, FIRST, q("u", 0)) + CLOSE + said(20, FIRST, q("u", 1)) * 6,
    "raw": raw(frame(2, 1000)) + raw(frame(2, 1)[:20]) + raw(frame(2, 1)[20:]) +
    raw(frame(999, 2) + frame(999, 0, flags=ONE_WAY) + frame(2, 1, head=32, size=40)),
    "too long": raw(frame(2, 1, size=0xffffffff)),
    "short head": raw(frame(2, 1, head=31)),
    "a reply": said(2, flags=1),
    "a push": said(12, flags=ONE_WAY),
}
HELLOS = {
    "no hello": said(2),
    "hello": said(1, 0, q("I", 0x4541504F) + struct.pack("<HH", 1, 1) + q("tuu", 0, 131072, 1) + text("x")) +
    LIST,
    "newer hello": said(1, 0, q("I", 0x4541504F) + struct.pack("<HH", 2, 9) + q("tuu", 0, 131072, 1) +
                        text("x")),
    "small hello": said(1, 0, q("I", 0x4541504F) + struct.pack("<HH", 0, 1) + q("tuu", 0, 16384, 0) +
                        text("x")) + OPEN + said(35, HANDLE, q("utu", 0, 0, 65536)),
}
SESSION = {**{name: b"\0" + d for name, d in SESSION.items()},
           **{name: b"\1" + d for name, d in HELLOS.items()}}

# ---- session_card: the same, of a card with NLB0 in its one port ----

ERRORS = b"".join(said(op, o, q("u", n)) for o in (0x10, FIRST) for n in range(6) for op in (16, 13, 14))
SESSION_CARD = {name: SESSION[name] for name in (
    "listing", "registers", "buffers", "bulk", "explicit", "too much", "events", "changes", "hello")}
SESSION_CARD = {**SESSION_CARD, **{name: b"\0" + d for name, d in {
    "scratch": OPEN + said(32, HANDLE, q("uutt", 0, 8, 0x100, 7), ONE_WAY) + said(30, HANDLE, q("ut", 0, 0x100)) +
    said(30, HANDLE, q("ut", 0, 8)) + said(35, HANDLE, q("utu", 0, 0, 64)) +
    said(34, HANDLE, q("uttttt", 0, 0x100, 0xff, 7, 0, 1000)) + CLOSE,
    "poll": OPEN + said(34, HANDLE, q("uttttt", 0, 0x100, 0xff, 9, 0, 1 << 40)) +
    said(32, HANDLE, q("uutt", 0, 8, 0x100, 9), ONE_WAY) + said(2) * 3,
    "errors": LIST + ERRORS + said(15, 0x10) + said(15, FIRST),
    "objects": LIST + said(70, 0x10, text("errors") + q("u", 4)) + said(20, FIRST, q("u", 1)) +
    said(71, HANDLE, text("errors/errors") + q("u", 0)) + said(72, OBJECT, text("fme_errors") + q("u", 0)) +
    b"".join(said(op, o, body) for o in (OBJECT, OBJECT + 1, OBJECT + 2) for op, body in (
        (73, q("t", 0)), (74, q("u", 0)), (75, q("tuu", 0, 8, 0)), (76, q("u", 0)), (77, q("tu", 1, 0)))) +
    CLOSE,
    "both": LIST + said(20, 0x10, q("u", 0)) + said(20, FIRST, q("u", 0)) + said(24, HANDLE) + said(24, HANDLE2) +
    said(80, HANDLE) + said(81, HANDLE) + said(22, HANDLE) + said(22, HANDLE2) + CLOSE,
    "management": LIST + said(20, 0x10, q("u", 0)) + said(60, HANDLE, q("uuu", 0, 0, 0)) +
    said(63, HANDLE, q("utu", 0, 8, 0)) + said(64, HANDLE, q("t", 0) + data(b"bitsbits"), ONE_WAY) +
    said(65, HANDLE) + said(67, HANDLE, q("ttu", 100, 50, 0)) + said(68, HANDLE, q("u", 0)),
}.items()}}

# ---- remote: see the top of fuzz_remote.c ----


def says(kind, body=b""):
    return struct.pack("<BH", kind, len(body)) + body


def ok(body=b""):
    return says(0, body)


def remote_props(objtype=1, hostname=""):
    block = struct.pack("<IIHBBBBHHHH16sQIIIBBHQIII", 0x300fff, objtype, 0, 1, 2, 3, 0, 0x8086, 1, 2, 3,
                        bytes(range(16)), 7, 1, 1, 1, 1, 2, 3, 4, 1, 1, 4) + text(hostname)
    return struct.pack("<H", len(block)) + block


def thing(ident=7, parent=8, **kw):
    return struct.pack("<QQ", ident, parent) + remote_props(**kw)


WELCOME = ok(struct.pack("<HQII", 1, 0, 0x20000, 64) + text("opaed") + text("host") + text("you"))
LISTED = WELCOME + ok(thing() + thing(8, 0, objtype=0))
WHY = struct.pack("<I", 1 << 17) + text("no reason")
TOKEN = LISTED + ok(struct.pack("<Q", 8) + remote_props() + WHY) + ok(bytes(8)) + ok(text("errors") + b"\1")
OPENED = TOKEN + ok(struct.pack("<QQ", 1, 8) + remote_props() + struct.pack("<QI", 4096, 14))
REGISTERS = ok(bytes(8)) + ok(bytes(4)) + ok(data(bytes(128))) + ok(bytes(12)) + ok()
READY = OPENED + REGISTERS + ok(struct.pack("<QQ", 3, 0x1000))
NEWS = says(3, b"\x2c\x01\0" + struct.pack("<QQ", 3, 64) + data(b"new" * 20))
EVENT = says(3, b"\x34\x01\0" + struct.pack("<QQ", 1, 1))
PULLED = READY + NEWS + REGISTERS + ok() + ok(data(b"x" * 4096)) + ok()
METRIC = struct.pack("<Q16s", 0, b"g" * 16) + text("q") + text("g") + text("n") + text("u") + bytes(8)
METRICS = ok(METRIC) + \
    ok(struct.pack("<QQB", 0, 5, 1) + struct.pack("<QQB", 1, 6, 0)) + ok(bytes(16))
OBJECT_CALLS = ok(struct.pack("<QI", 5, 2)) + ok(struct.pack("<I", 9)) + ok(data(b"text")) + ok(bytes(8)) + \
    ok()
REMOTE = {
    "nobody": b"",
    "junk": says(4, b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2),
    "refused": says(1, b"\6" + text("another version")),
    "no frames": ok(struct.pack("<HQII", 1, 0, 0, 64) + text("") * 3),
    "listed": LISTED,
    "parts": WELCOME + says(2, thing()) + says(2, thing(9)) + ok(thing(8, 0, objtype=0)),
    "odd list": WELCOME + ok(thing(0) + thing(objtype=9)),
    "changed": WELCOME + says(3, b"\x0c\x07\0" + struct.pack("<IQ", 2, 8) + remote_props()) + ok(thing()),
    "long name": WELCOME + ok(thing(hostname="h" * 255)),
    "token": TOKEN,
    "opened": OPENED + REGISTERS,
    "fails": OPENED + says(1, b"\3" + text("\x1b[31mno")) * 6,
    "short": OPENED + ok(b"1234567") * 20,
    "wrong block": OPENED + ok(bytes(8)) + ok(bytes(4)) + ok(data(bytes(256))) * 2,
    "news": READY + NEWS * 3 + REGISTERS,
    "odd news": READY + says(3, b"\x2c\x01\0" + struct.pack("<QQ", 3, 4090) + data(b"new" * 20)) +
    REGISTERS,
    "pulled": PULLED,
    "pulled too much": READY + REGISTERS + ok() + ok(data(b"x" * 4100)) + ok(),
    "events": PULLED + ok(remote_props()) + EVENT + ok() + EVENT * 2 + ok(),
    "all": PULLED + ok(struct.pack("<Q", 8) + remote_props()) + ok() + EVENT + ok() + METRICS + OBJECT_CALLS +
    ok() * 3,
    "half a frame": LISTED + says(4, struct.pack("<IHH", 4000, 32, 11)),
    "too long": LISTED + says(4, struct.pack("<IHHIIQII", 0xffffffff, 32, 11, 1, 258, 7, 0, 0)),
}

if __name__ == "__main__":
    for target, inputs in (("dfl", DFL), ("inventory", INVENTORY), ("client", CLIENT), ("dev", DEV),
                           ("gbs", GBS), ("session", SESSION),
                           ("session_card", SESSION_CARD), ("remote", REMOTE)):
        folder = Path(sys.argv[1]) / target
        folder.mkdir(exist_ok=True)
        for name, data in inputs.items():
            (folder / name.replace(" ", "-")).write_bytes(data)
