# SPDX-License-Identifier: BSD-3-Clause
"""Inputs of fuzz_tlp: see its top. A packet's type is a place in its table."""

MRD32, MRD64, MWR32, MWR64, CPL, CPLD, INTERRUPT, ADD32, SWAP64, CAS32, CAS64, *_ = range(16)
TX_A, TX_B, ACCESS, RESET, FALL = 3, 4, 5, 6, 7


def start(seed=0, stall=0, split=0):
    return bytes([seed, stall << 4 | split])


def packet(kind, stream=TX_A, tag=1, words=16, first=0xf, last=0xf, page=1, dm=False, whole=False, end=True,
           run=3):
    return bytes([stream | run << 3, kind | dm << 4, tag, last << 4 | first, words, page, 0, whole, end])


def beat(data, stream=1, last=True, dm=False, keep=0, run=3):
    return bytes([stream | run << 3, len(data), last, dm, keep]) + data


def access(write, page=0, wide=True, tag=0, run=8):
    return bytes([ACCESS | run << 3, write | wide << 1, page, tag])


TLP = {
    "reads": start() + b"".join(packet(MRD32, tag=t, words=128, run=20) for t in range(8)),
    "reads of the data mover": start(1, 2, 9) + b"".join(packet(MRD64, TX_B, t, 77, dm=True)
                                                         for t in range(8)),
    "one tag": start() + packet(MRD32, words=128) * 3,
    "a write": start() + packet(MWR32, words=8, run=30),
    "a long write": start(1) + packet(MWR64, words=40, whole=True, end=False) + beat(bytes(63), last=False) +
                    beat(bytes(63), keep=64),
    "too early": start() + packet(MWR32, words=40, whole=True),
    "atomics": start(1) + b"".join(packet(k, words=w, last=0xf if w > 1 else 0, run=31)
                                   for k, w in ((ADD32, 1), (SWAP64, 2), (CAS32, 2), (CAS64, 4))),
    "a register": start() + access(0, 1, tag=9) + packet(CPLD, tag=9, words=2, page=0) + access(1),
    "interrupts": start(1) + packet(INTERRUPT, TX_B, dm=True) * 2 + packet(INTERRUPT, dm=True, page=70),
    "behind writes": start(1) + packet(MWR32, words=8) + packet(MRD32) + packet(ADD32, words=1, last=0),
    "reset": start() + packet(MRD32, words=128) + bytes([RESET | 31 << 3]) * 2 + packet(MRD32, words=128),
    "withdrawn": start() + packet(MRD32, run=0) + bytes([FALL]) + packet(MWR32, TX_B),
    "nothing": start(),
}
