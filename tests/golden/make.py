#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Writes the golden frames of messages that have none: NAME.bin is a request, again as posted where that
goes, and its reply; or the frame of a PUSH row. They are made by the peer that was written from
docs/protocol.md. One that is there is never made anew: it is what other machines speak.

    tests/golden/make.py"""
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "raw"))
from frames import MESSAGES, ONE_WAY, REPLY, Frame, Properties, encode  # noqa: E402

PROPERTIES = Properties({
    "objtype": 1, "segment": 0x8003, "bus": 1, "device": 2, "function": 3, "socket_id": 4,
    "vendor_id": 0x8086, "device_id": 0xBCCE, "subsystem_vendor_id": 5, "subsystem_device_id": 0x1771,
    "guid": bytes(range(16)),
    "object_id": 0x1122334455667788, "num_errors": 6, "interface": 4, "num_slots": 7, "major": 8, "minor": 9,
    "patch": 10, "bbs_id": 11, "state": 1, "num_mmio": 12, "num_interrupts": 13, "hostname": "h\u00f6st"})
VALUES = {"y": 0x01, "q": 0x1234, "u": 0x12345678, "t": 0x123456789ABCDEF0, "g": bytes(range(16)),
          "s": "caf\u00e9", "b": b"bytes", "p": PROPERTIES}
OBJECT, ID, BUDGET = 0x0123456789ABCDEF, 0x01020304, 5000


def body(form):
    plain, _, group = form.partition("(")
    values = [VALUES[x] for x in plain]
    return encode(form, values + ([[[VALUES[x] for x in group[:-1]]] * 2] if group else []))


def golden(name):
    number, kind, request, reply = MESSAGES[name]
    if kind == "PUSH":
        return Frame(number, ONE_WAY, 0, OBJECT, body=body(reply)).encode()
    asked = Frame(number, 0, ID, OBJECT, BUDGET, body=body(request)).encode()
    posted = Frame(number, ONE_WAY, 0, OBJECT, body=body(request)).encode() if kind == "POST" else b""
    return asked + posted + Frame(number, REPLY, ID, OBJECT, body=body(reply)).encode()


def failure():
    """A reply that is not OK: result EXCEPTION, errno EIO, a reason."""
    return Frame(MESSAGES["READ64"][0], REPLY, ID, OBJECT, 3, 5, encode("s", ["it fails"])).encode()


def main():
    made = {f"{name}.bin": golden(name) for name in MESSAGES}
    made["failure.bin"] = failure()
    for name, data in made.items():
        if not (HERE / name).exists():
            (HERE / name).write_bytes(data)
            print(f"made {name}")


if __name__ == "__main__":
    main()
