# SPDX-License-Identifier: BSD-3-Clause
"""The corpora of fuzz_session and fuzz_session_card: see session-peer.h; numbers and bodies are
those of wire/ops.def."""
import struct


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


def pages(op, offset, size, seen, flags=0):
    return said(op, HANDLE, q("tttt", WSID, offset, size, seen), flags)


def back(offset, seen, content, flags=ONE_WAY, more=0):
    return said(49, HANDLE, q("tttu", WSID, offset, seen, more) + data(content), flags)


LOOK = said(30, HANDLE, q("ut", 0, 0x1120))
TRACKED = said(40, HANDLE, q("tu", 6 * 4096 - 100, 4))
COPY = b"".join(said(32, HANDLE, q("uutt", 0, 8, at, value), ONE_WAY)
                for at, value in ((0x1100, 1 << 32), (0x1108, (1 << 32) + 4096), (0x1110, 512), (0x1118, 1)))
SESSION = {
    "tracked": OPEN + TRACKED + pages(47, 0, 8192, 0) + back(0, 0, b"x" * 4096) + COPY + LOOK +
    back(4096, 0, b"y" * 1024 + bytes(3072)) + LOOK + back(4096, 1, b"z" * 1024 + bytes(3072)) +
    pages(48, 0, 4096, 1, ONE_WAY) + LOOK + said(41, HANDLE, q("t", WSID)) + CLOSE,
    "tracked stale": OPEN + TRACKED + pages(47, 0, 6 * 4096, 0) + back(0, 0, b"x" * 4096) +
    said(32, HANDLE, q("uutt", 0, 8, 0x1110, 2048), ONE_WAY) + COPY[:-58] +
    said(32, HANDLE, q("uutt", 0, 8, 0x1118, 1), ONE_WAY) + LOOK + pages(48, 4096, 4096, 0) +
    pages(48, 4096, 4096, 1) + pages(47, 4096, 5 * 4096, 1) + LOOK + CLOSE,
    "tracked runs": OPEN + TRACKED + pages(47, 0, 8192, 0) + back(0, 0, b"x\0" * 2048) + COPY + LOOK +
    back(4096, 0, bytes(4096), 0) + said(42, HANDLE, q("tt", WSID, 4096) + data(b"p" * 64)) +
    said(43, HANDLE, q("ttu", WSID, 4096, 512)) + back(4096, 0, b"q" * 4096) + LOOK,
    "tracked read only": OPEN + said(40, HANDLE, q("tu", 8192, 5)) + back(0, 0, b"x" * 4096) + COPY + LOOK +
    pages(47, 0, 4096, 0) + back(4096, 0, b"x" * 4096, 0),
    "tracked groups": OPEN + TRACKED + pages(47, 0, 8192, 0) + b"".join(
        back(4096 * (i % 5), 0, bytes(i) + b"x" * (1 << i % 12) + bytes(4096 - i - (1 << i % 12)), more=1)
        for i in range(40)) + COPY + back(0, 0, b"y" + bytes(4095), more=1) + LOOK + back(0, 1, b"") +
    back(0, 1, b"", more=1) + back(0, 1, b"z" * 4096, more=2) + back(0, 1, bytes(4096), more=1) + CLOSE,
    "tracked wrongly": OPEN + TRACKED + pages(47, 1, 4096, 0) + pages(47, 0, 1 << 20, 0) +
    pages(47, 0, 4096, 9) + pages(48, 0, 4096, 0) + back(0, 9, b"x" * 4096) + back(7, 0, b"x" * 4096) +
    back(20480, 0, b"x" * 3996) + back(20480, 0, b"x" * 4000) + LOOK + said(40, HANDLE, q("tu", 1, 6)),
    "listing": LIST + happens(0x2c) + LIST + happens(0x20) + LIST + said(11, 0x10) + said(11, 0x11) + said(2),
    "registers": OPEN + said(30, HANDLE, q("ut", 0, 0x40)) + said(31, HANDLE, q("ut", 0, 0x44)) +
    said(32, HANDLE, WRITE * 3) + said(32, HANDLE, WRITE, ONE_WAY) +
    said(33, HANDLE, q("ut", 0, 0x80) + data(b"\1" * 64)) + said(35, HANDLE, q("utu", 0, 0, 256)) +
    said(22, HANDLE) + said(23, HANDLE) + said(24, HANDLE) + CLOSE,
    "posted failure": OPEN + said(32, HANDLE, q("uutt", 0, 8, 0x1000, 1), ONE_WAY) +
    said(30, HANDLE, q("ut", 0, 0)) + said(30, HANDLE, q("ut", 0, 0)),
    "polls": OPEN + said(34, HANDLE, q("uttttt", 0, 0x1008, 7, 5, 0, 1 << 40)) * 9 + CLOSE + said(2),
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
    said(30, HANDLE, q("ut", 0, 0)) * 2 + said(50, HANDLE, q("uut", 0, 1, 77)) + said(3) +
    said(4, 0, q("u", 1)),
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
    "small tracked": said(1, 0, q("I", 0x4541504F) + struct.pack("<HH", 0, 1) + q("tuu", 1, 16384, 0) +
                          text("x")) + OPEN + TRACKED + back(0, 0, b"x" * 4096) +
    b"".join(said(32, HANDLE, q("uutt", 0, 8, at, value), ONE_WAY) for at, value in (
        (0x1100, 1 << 32), (0x1108, (1 << 32) + 4096), (0x1110, 19000), (0x1118, 1))) +
    pages(47, 0, 6 * 4096, 0),
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

# ---- the same for the emulated card ----

ERRORS = b"".join(said(op, o, q("u", n)) for o in (0x10, FIRST) for n in range(6) for op in (16, 13, 14))
SESSION_CARD = {name: SESSION[name] for name in (
    "listing", "registers", "buffers", "bulk", "tracked", "tracked wrongly", "explicit", "too much", "events",
    "changes", "hello")}
SESSION_CARD = {**SESSION_CARD, **{name: b"\0" + d for name, d in {
    "scratch": OPEN + said(32, HANDLE, q("uutt", 0, 8, 0x100, 7), ONE_WAY) +
    said(30, HANDLE, q("ut", 0, 0x100)) + said(30, HANDLE, q("ut", 0, 8)) +
    said(35, HANDLE, q("utu", 0, 0, 64)) +
    said(34, HANDLE, q("uttttt", 0, 0x100, 0xff, 7, 0, 1000)) + CLOSE,
    "poll": OPEN + said(34, HANDLE, q("uttttt", 0, 0x100, 0xff, 9, 0, 1 << 40)) +
    said(32, HANDLE, q("uutt", 0, 8, 0x100, 9), ONE_WAY) + said(2) * 3,
    "errors": LIST + ERRORS + said(15, 0x10) + said(15, FIRST),
    "objects": LIST + said(70, 0x10, text("errors") + q("u", 4)) + said(20, FIRST, q("u", 1)) +
    said(71, HANDLE, text("errors/errors") + q("u", 0)) + said(72, OBJECT, text("fme_errors") + q("u", 0)) +
    b"".join(said(op, o, body) for o in (OBJECT, OBJECT + 1, OBJECT + 2) for op, body in (
        (73, q("t", 0)), (74, q("u", 0)), (75, q("tuu", 0, 8, 0)), (76, q("u", 0)), (77, q("tu", 1, 0)))) +
    CLOSE,
    "both": LIST + said(20, 0x10, q("u", 0)) + said(20, FIRST, q("u", 0)) + said(24, HANDLE) +
    said(24, HANDLE2) + said(80, HANDLE) + said(81, HANDLE) + said(22, HANDLE) + said(22, HANDLE2) + CLOSE,
    "management": LIST + said(20, 0x10, q("u", 0)) + said(60, HANDLE, q("uuu", 0, 0, 0)) +
    said(63, HANDLE, q("utu", 0, 8, 0)) + said(64, HANDLE, q("t", 0) + data(b"bitsbits"), ONE_WAY) +
    said(65, HANDLE) + said(67, HANDLE, q("ttu", 100, 50, 0)) + said(68, HANDLE, q("u", 0)),
}.items()}}
