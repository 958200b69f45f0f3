# SPDX-License-Identifier: BSD-3-Clause
"""The corpus of fuzz_client_pages: what the tops of fuzz_client_pages.c and pages-peer.h read."""
import struct


def part(kind, first, page, *rest):
    return struct.pack("<BBH", kind, first, page) + bytes(rest)


def touch(page, store=0, buf=0):
    return part(0, buf, page, store)


def walk(page, num, store=0, buf=0):
    return part(1, buf, page, store, num)


def prepare(how):
    return bytes([2, how])


def release(buf=0):
    return bytes([3, buf])


def move(page, pages, pull, buf=0):
    return part(7, buf, page, pages * 2 + pull)


def listen(fails=0):
    return bytes([8, fails])


def data(page, at=0, size=8, wsid=1):
    return part(9, wsid, page, at, size)


def much(page, pages, wsid=1):
    return part(10, wsid, page, pages)


def stale(page, pages=1, wsid=1):
    return part(11, wsid, page, pages)


def cut(wrong=0):
    return bytes([12, wrong])


def reply(how=255, result=0, which=0):
    return bytes([13, which, result, how])


def frame(op, body, flags=2):
    return bytes([14, op, flags, len(body)]) + body


def raw(b):
    return bytes([15, len(b)]) + b


WRITE, READ, TICK = b"\4", b"\5", b"\6"
GIVE = reply() * 6
NEWS = data(0) + data(2, 8, 100) + stale(1) + cut()
RING = b"".join(touch(page, 1) + WRITE + data(page + 1) + cut() + listen() for page in range(0, 12, 2))
EACH = b"".join(touch(page) for page in range(0, 700, 100))
PAGES = {
    "touches": prepare(3) + touch(0) + touch(40, 1) + TICK + READ + WRITE + release(),
    "sequence": prepare(6) + walk(0, 250) + walk(250, 250, 1) + WRITE + READ + walk(500, 200, 1),
    "far apart": prepare(7) + EACH + walk(800, 200, 1) + EACH + TICK,
    "again and again": prepare(6) + (walk(0, 200, 1) + WRITE) * 4 + walk(0, 200),
    "rests": prepare(3) + walk(0, 20, 1) + WRITE * 20 + walk(0, 20, 1) + WRITE * 40 + walk(0, 8) + TICK,
    "cut": prepare(3) + walk(0, 16, 1) + NEWS + listen() + walk(0, 16) + READ,
    "one word": prepare(3) + walk(0, 4, 1) + data(3, 0, 4) + data(3, 0, 8) + cut() + TICK + listen() +
    touch(3),
    "ring": prepare(3) + RING + TICK,
    "news first": prepare(3) + touch(0) + NEWS + much(0, 15) + GIVE + walk(0, 40) + NEWS + READ,
    "stale on the way": prepare(6) + walk(0, 40) + stale(16, 64) + cut() + GIVE + walk(16, 100, 1),
    "kept over a drop": prepare(6) + walk(0, 100) + stale(0, 200) + listen() + READ + walk(0, 30) + cut() +
    READ,
    "stale over and over": prepare(5) + walk(0, 16) + stale(0, 250) * 3 + cut() + listen() + touch(0),
    "little by little": prepare(4) + touch(0) + b"".join(map(reply, (0, 1, 0, 3, 0, 0, 200))) + walk(0, 200),
    "too much": prepare(4) + touch(0) + reply(254),
    "half a page": prepare(4) + touch(9) + reply(253),
    "refused": prepare(4) + touch(0) + reply(0, 6) + walk(0, 50),
    "busy": prepare(5) + walk(0, 64) + reply(0, 5) * 3 + walk(64, 100),
    "another cut": prepare(3) + walk(0, 16) + cut(1) + READ,
    "outside": prepare(1) + touch(0) + data(2, 255, 200) + listen(),
    "several": prepare(0) + prepare(11) + prepare(6) + prepare(2) + walk(0, 200, 1, 1) + walk(0, 250, 1, 2) +
    WRITE + stale(0, 3, 3) + data(0, 0, 9, 4) + cut() + READ + release(2) + prepare(4) + walk(0, 99, 1, 3) +
    TICK,
    "given back amid news": prepare(3) + walk(0, 16, 1) + data(0) + stale(3) + data(9) + listen() +
    release() + prepare(1) + touch(0) + cut() + walk(0, 3, 1) + listen(),
    "only read": prepare(15) + walk(0, 250, 1) + WRITE + walk(100, 250, 1) + READ + data(0) + cut() + TICK,
    "push and pull": prepare(4) + walk(0, 100, 1) + move(0, 20, 1) + touch(3, 1) + move(1, 90, 0) +
    NEWS + READ,
    "lost": prepare(6) + walk(0, 100, 1) + raw(b"") + walk(0, 200, 1) + WRITE + READ,
    "short frames": prepare(3) + touch(0) + frame(55, bytes(23)) + READ,
    "failing": b"".join(prepare(5) + listen(n) + walk(0, 100, 1) + WRITE for n in (3, 9, 30)),
    "unknown": prepare(3) + frame(58, b"what") + walk(0, 20) + frame(56, struct.pack("<Q", 1)) + READ,
}
