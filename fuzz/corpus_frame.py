# SPDX-License-Identifier: BSD-3-Clause
"""The corpus of fuzz_frame: what the top of fuzz_frame.c reads."""
import re
import struct
from pathlib import Path

OPS_DEF = Path(__file__).resolve().parents[1] / "wire/ops.def"
OPS = re.findall(r'^OP\((\d+), (\w+), \w+, (\w+), \w+, "([^"]*)", "([^"]*)"\)$',
                 OPS_DEF.read_text(encoding="utf-8"), re.M)
PROPS = struct.pack("<IIHBBBBHHHH16sQIIIBBHQIII", 0x77FFFF, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, b"g" * 16, 10,
                    11, 1, 12, 13, 14, 15, 16, 1, 17, 18) + b"\x04\0host"
VALUES = {"y": b"\1", "q": b"\2\0", "u": b"\3\0\0\0", "t": struct.pack("<Q", 4), "g": b"g" * 16,
          "s": "\5\0caf\u00e9".encode(), "b": b"\4\0\0\0data", "p": struct.pack("<H", len(PROPS)) + PROPS}


def body(form, groups=2):
    plain, _, group = form.partition("(")
    return b"".join(VALUES[x] for x in plain + group[:-1] * groups)


def frame(op, content=b"", flags=0, ident=1, word=0, tail=b""):
    head = 32 + len(tail)
    return struct.pack("<IHHIIQII", head + len(content), head, op, flags, ident, 9, word, 0) + tail + content


def bulk(op, flags, size, says=None):
    fixed = b"" if op == 43 else struct.pack("<QQ", 2, 4096)
    return frame(op, fixed + struct.pack("<I", size if says is None else says) + b"d" * size, flags)


WHOLE = [frame(int(n), body(req)) for n, _, kind, req, _ in OPS if kind != "PUSH"]
REPLIES = [frame(int(n), body(rep), 2 if kind == "PUSH" else 1) for n, _, kind, _, rep in OPS]
FRAME = {
    "requests": b"\x10" + b"".join(WHOLE),
    "replies": b"\x20" + b"".join(REPLIES),
    "failures": b"\x08" + b"".join(frame(30, VALUES["s"], 1, word=n) for n in range(1, 11)),
    "cut": b"\x30" + b"".join(frame(int(n), body(rep)[:-1], 1) for n, _, _, _, rep in OPS),
    "hello": b"\0" + frame(1, struct.pack("<IHHQII", 0x4541504F, 1, 1, 0, 131072, 64) + b"\4\0demo"),
    "tails": b"\x10" + b"".join(frame(2, b"", tail=b"t" * n) for n in (0, 1, 100, 224, 225)),
    "bulk": b"\x40" + bulk(42, 2, 3000) + bulk(44, 2, 2048) + frame(2),
    "pulled": b"\x90" + bulk(43, 1, 5000) + frame(2),
    "bulk that lies": b"\xa0" + bulk(42, 2, 3000, 3001) + bulk(42, 2, 3000, 2**32 - 1) + bulk(44, 2, 2100, 0),
    "bulk cut": b"\xff" + bulk(42, 2, 6000)[:3000],
    "flags": b"\x10" + frame(30, body("ut"), 1 << 16) + frame(30, b"", 4),
    "oversize": b"\1" + struct.pack("<IHHIIQII", 131073, 32, 30, 0, 1, 9, 0, 0),
    "no UTF-8": b"\x10" + b"".join(frame(70, struct.pack("<H", len(s)) + s + b"\0" * 4) for s in (
        b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"a\0b", b"\xf4\x90\x80\x80", b"x" * 4097)),
    "unknown": b"\x10" + frame(999, b"anything") + frame(0) + frame(65535, b"", 2),
}
