# SPDX-License-Identifier: BSD-3-Clause
"""An Intel HEX file as the vendor's tools have it: lines of :NNAAAATTDD..CC, which are a number of bytes, an
address, a type, the bytes and a checksum. An address is that of a word, which has as many bytes as the
memory's words need, the highest first; a record has one word or several. The memory says how it is read."""
import re
from math import gcd

from .complaint import Complaint

DATA, END, SEGMENT, START_SEGMENT, LINEAR, START_LINEAR = range(6)
BASE_SHIFT = {SEGMENT: 4, LINEAR: 16}
MOST_WORDS = 1 << 24


def record(line, where):
    """(type, address, bytes)"""
    if not re.fullmatch(r":([0-9a-fA-F]{2}){5,}", line):
        raise Complaint(f"{where}: it is no record of Intel HEX, which is ':' and pairs of hex digits")
    found = bytes.fromhex(line[1:])
    if found[0] != len(found) - 5:
        raise Complaint(f"{where}: the record says {found[0]} bytes and has {len(found) - 5}")
    if sum(found) % 256:
        right = (found[-1] - sum(found)) % 256
        raise Complaint(f"{where}: the checksum is {found[-1]:02X}, and {right:02X} would be right")
    return found[3], int.from_bytes(found[1:3], "big"), found[4:-1]


def parse(text, path):
    """[(address, bytes)] of the data"""
    records, base = [], 0
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        where = f"{path}:{number}"
        kind, address, data = record(line.strip(), where)
        if kind == DATA and data:
            records.append((base + address, data))
        elif kind in BASE_SHIFT:
            base = int.from_bytes(data, "big") << BASE_SHIFT[kind]
        elif kind == END:
            break
        elif kind > START_LINEAR:
            raise Complaint(f"{where}: there is no record of the type {kind:02X}")
        if base + address + len(data) > MOST_WORDS:
            raise Complaint(f"{where}: its address is above {MOST_WORDS:X}, which no memory here has")
    else:
        raise Complaint(f"{path}: the record :00000001FF, which is the last, is missing")
    if not records:
        raise Complaint(f"{path}: it has no data")
    return records


def counts_bytes(records):
    """Each record begins as many addresses after the one before as that has bytes."""
    pairs = list(zip(records, records[1:]))
    return bool(pairs) and all(after - at == len(data) for (at, data), (after, _) in pairs)


def words(records, size):
    """How many there are, and {address: word}, if a word has `size` bytes."""
    found = {}
    for address, data in records:
        for n in range(0, len(data), size):
            found[address + n // size] = int.from_bytes(data[n:n + size], "big")
    return max(found) + 1, found


def read(text, path):
    records = parse(text, path)
    unit = gcd(*(len(data) for _, data in records))
    if counts_bytes(records):
        return {"1bytes": words(records, 1)}, (
            f"{path} has an address for each byte, and is for words of 8 bits; for others the vendor's tools "
            "write one address a word")
    sizes = [n for n in range(1, unit + 1) if unit % n == 0]
    return {f"{n}bytes": words(records, n) for n in sizes}, (
        f"{path} has records of {unit} bytes, which are no whole words of this memory")
