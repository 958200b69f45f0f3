#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the corpora of dfl, inventory, client, dev, gbs, frame, remote, client_pages, session and
session_card: what the layouts' own documents call right, and each thing in them that is most easily wrong.
Run it after an input format has changed.

    fuzz/make-corpus.py fuzz/corpus"""
import json
import struct
import sys
from pathlib import Path

import corpus_frame
import corpus_pages
import corpus_remote
import corpus_session
import corpus_tlp

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

if __name__ == "__main__":
    for target, inputs in (("dfl", DFL), ("inventory", INVENTORY), ("client", CLIENT), ("dev", DEV),
                           ("gbs", GBS),
                           ("frame", corpus_frame.FRAME), ("remote", corpus_remote.REMOTE),
                           ("client_pages", corpus_pages.PAGES), ("session", corpus_session.SESSION),
                           ("session_card", corpus_session.SESSION_CARD), ("tlp", corpus_tlp.TLP)):
        folder = Path(sys.argv[1]) / target
        folder.mkdir(exist_ok=True)
        for name, data in inputs.items():
            (folder / name.replace(" ", "-")).write_bytes(data)
