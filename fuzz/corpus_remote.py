# SPDX-License-Identifier: BSD-3-Clause
"""The corpus of fuzz_remote: what the top of fuzz_remote.c reads."""
import struct

from corpus_session import data, text


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
