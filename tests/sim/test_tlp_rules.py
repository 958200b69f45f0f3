# SPDX-License-Identifier: BSD-3-Clause
"""Each rule of PCIe SS streams is broken by a puppet AFU, which plays beats that are packed here by hand; the
simulation must name that rule and no other. And what is right must pass."""
import contextlib
import ctypes
import multiprocessing
import re
import struct
import time

import pytest
from conftest import SOURCE
from simulation import MEMORY_AT

PUPPET = "tests/sim/puppet-tlp"
WORDS, SCRATCH, KEEP, PUT, PLAY, MODE, INVERT = 0x40, 0x80, 0x88, 0x90, 0x98, 0xa0, 0xa8
COUNT_A, COUNT_B, LAST_A, LAST_B, HOLD_B, SILENT = 0xb0, 0xb8, 0xc0, 0x100, 0x140, 0x200
WITHDRAW, CHANGE, VALID_IN_RESET = 1, 2, 4
MEMORY = 1 << 16
ONES = (1 << 64) - 1
MRD32, CPL, MRD64, INTERRUPT, MWR32, CPLD, ADD32, CAS32, MWR64, ADD64 = (
    0x00, 0x0a, 0x20, 0x30, 0x40, 0x4a, 0x4c, 0x4e, 0x60, 0x6c)
HIGH = 1 << 40  # an address above 4 GiB
AT_32 = struct.pack("<Q", 1 << 32)
SEQ_CST = 5  # of C


def dwords(*dw):
    return struct.pack("<8I", *dw, *[0] * (8 - len(dw)))


VF0 = 1 << 14


def pu(kind, address=MEMORY_AT, words=16, tag=1, first=0xf, last=None, function=VF0):
    last = (0xf if words > 1 else 0) if last is None else last
    where = (address >> 32, address & 0xffffffff) if kind & 0x20 else (address, 0)
    return dwords(kind << 24 | (tag >> 9) << 23 | (tag >> 8 & 1) << 19 | words,
                  (tag & 0xff) << 8 | last << 4 | first, *where, 0, function)


def dm(kind, address=MEMORY_AT, size=64, tag=1):
    dw1 = (address & 3) << 30 | (size >> 12) << 18 | (size & 3) << 16 | tag << 8
    return dwords(kind << 24 | size >> 2 & 0x3ff, dw1, address >> 32, address & 0xfffffffc, 0, VF0)


def interrupt(vector):
    return dwords(INTERRUPT << 24, 0, vector, 0, 0, VF0)


def beats(header, data=b"", user=0):
    """[(bytes, tkeep, tuser, tlast)] of a packet."""
    whole = header + data
    cut = [whole[n:n + 64] for n in range(0, len(whole), 64)]
    return [(c.ljust(64, b"\0"), (1 << len(c)) - 1, user, c is cut[-1]) for c in cut]


def put(client, beat, tx_b=False):
    data, keep, user, last = beat
    for n, word in enumerate(struct.unpack("<8Q", data)):
        client.write64(WORDS + 8 * n, word)
    client.write64(KEEP, keep)
    client.write64(PUT, user | last << 16 | tx_b << 17)


def play(client, *packets, tx_b=False):
    for packet in packets:
        for beat in packet:
            put(client, beat, tx_b)
    client.write64(PLAY, 1)


def wait_for(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.001)


def start(simulate, *options):
    simulation = simulate(PUPPET, *options)
    client = simulation.client()
    client.share(MEMORY)
    return simulation, client


def expect(simulation, client, rule, kind="error", also=()):
    due = {(kind, rule), *also}
    wait_for(lambda: client.read64(SCRATCH) is not None and due <= set(simulation.problems()))
    assert set(simulation.problems()) == due
    assert simulation.end() == (1 if "error" in {k for k, _ in due} else 0)
    assert f"{rule}: " in simulation.err


def good_end(simulation):
    assert simulation.end() == 0, simulation.err
    assert simulation.problems() == []


def early(packet):
    """The packet without its last beat, whose tlast the one before has."""
    *rest, (data, keep, user, _), _ = packet
    return [*rest, (data, keep, user, True)]


def late(packet):
    *rest, (data, _, user, _) = packet
    return [*rest, (data, ONES, user, False), (data, ONES, user, True)]


def hole(packet):
    *rest, (data, keep, user, last) = packet
    return [*rest, (data, keep & ~2, user, last)]


WRITE = pu(MWR32, words=32)
# rule: packets on TX-A, or on TX-B
BROKEN = {
    "tlp-type": [beats(pu(0x04))],
    "tlp-encoding": [beats(interrupt(0))],
    "tlp-length": [beats(pu(MRD32, words=0))],
    "tlp-max-payload": [beats(pu(MWR32, words=129), bytes(516))],
    "tlp-max-read": [beats(pu(MRD32, words=129))],
    "tlp-4k": [beats(pu(MRD32, MEMORY_AT + 4092, 2))],
    "tlp-address": [beats(pu(MRD64, MEMORY_AT))],
    "tlp-enables": [beats(pu(MRD32, words=1, last=0xf))],
    "tlp-atomic": [beats(pu(ADD32, words=4), bytes(16))],
    "tlp-tag": [beats(pu(MRD32, tag=256))],
    "tlp-tag-used": [beats(pu(MRD32, words=128)), beats(pu(MRD32))],
    "tlp-keep": [hole(beats(WRITE, bytes(128)))],
    "tlp-last-early": [early(beats(WRITE, bytes(128)))],
    "tlp-last-late": [late(beats(WRITE, bytes(128)))],
    "cpl-unexpected": [beats(dwords(CPLD << 24 | 2, 8, 0x10 << 16), bytes(8))],
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_packet_that_breaks_a_rule(simulate, rule):
    simulation, client = start(simulate)
    play(client, *BROKEN[rule])
    expect(simulation, client, rule)


def test_a_write_on_tx_b(simulate):
    simulation, client = start(simulate)
    play(client, beats(pu(MWR32, words=1), b"word"), tx_b=True)
    expect(simulation, client, "tlp-channel")


def test_another_function(simulate):
    simulation, client = start(simulate)
    play(client, beats(pu(MRD32, function=0)))
    expect(simulation, client, "tlp-function", "warning")


def test_tkeep_beyond_the_length(simulate):
    simulation, client = start(simulate)
    (data, _, user, last), = beats(pu(MWR32, words=1), b"word")
    play(client, [(data, ONES, user, last)])
    expect(simulation, client, "tlp-keep-extra", "warning")


# An answer's header with these bits inverted; the read gets no answer then, and is told as late.
@pytest.mark.parametrize("rule,inverted", [("cpl-length", 4), ("cpl-address", 4 << 32),
                                           ("cpl-requester", 1 << 48), ("cpl-status", 1 << 13)])
def test_a_completion_that_is_wrong(simulate, rule, inverted):
    simulation, client = start(simulate)
    client.write64(INVERT, inverted)
    assert client.read64(SCRATCH) == ONES
    expect(simulation, client, rule, also=[("error", "mmio-timeout")])


# With pauses, some beat has to wait.
@pytest.mark.parametrize("rule,mode", [("axis-withdrawn", WITHDRAW), ("axis-changed", CHANGE)])
def test_a_beat_that_does_not_wait(simulate, rule, mode):
    simulation, client = start(simulate, "+tlp-stall=60")
    client.write64(MODE, mode)
    play(client, *[beats(WRITE, bytes(128))] * 10)
    wait_for(lambda: ("error", rule) in simulation.problems())
    client.write64(MODE, 0)
    expect(simulation, client, rule)


def test_valid_in_reset(simulate):
    simulation, client = start(simulate)
    put(client, beats(interrupt(0), user=1)[0], tx_b=True)  # it is taken when reset ends
    client.write64(MODE, VALID_IN_RESET)
    client.read64(SCRATCH)  # reset drops writes that the AFU has not seen
    client.reset()
    expect(simulation, client, "axis-reset", also=[("warning", "interrupt-unbound")])


def test_a_register_that_is_never_answered(simulate):
    simulation, client = start(simulate)
    assert client.read64(SILENT) == ONES
    expect(simulation, client, "mmio-timeout")


# rule: what is played on TX-A and, at the same time, on TX-B. The write is whole before the last read comes.
OTHER_READS = [beats(pu(MRD32, MEMORY_AT + 0x1000, tag=tag)) for tag in range(2, 6)]
HAZARDS = {
    "hazard-raw": ([beats(pu(MWR32), bytes(64))], [*OTHER_READS, beats(pu(MRD32))]),
    "hazard-war": ([beats(pu(MRD32)), beats(pu(MWR32), bytes(64))], []),
}


@pytest.mark.parametrize("order", ["strict", "shuffle:8"])
@pytest.mark.parametrize("rule", HAZARDS)
def test_two_accesses_to_one_line_at_once(simulate, rule, order):
    simulation, client = start(simulate, "--hazards", "--order", order)
    on_a, on_b = HAZARDS[rule]
    for packet in on_a:
        for beat in packet:
            put(client, beat)
    play(client, *on_b, tx_b=True)
    expect(simulation, client, rule, "warning")


@pytest.mark.parametrize("order", ["strict", "shuffle:8"])
def test_what_tx_a_orders_is_no_hazard(simulate, order):
    simulation, client = start(simulate, "--hazards", "--order", order)
    play(client, beats(pu(MWR32), bytes(64)), beats(pu(MWR32), PATTERN[:64]), beats(pu(MRD32)))
    wait_for(lambda: (client.read64(COUNT_A), client.read64(COUNT_B)) == (1, 2))
    assert first_beat(client, LAST_A)[32:] == PATTERN[:32]
    good_end(simulation)


# ---- what is right ----

PATTERN = bytes(n * 11 & 0xff for n in range(MEMORY))


def first_beat(client, at):
    return struct.pack("<8Q", *[client.read64(at + 8 * n) for n in range(8)])


def fields(beat, *where):
    dw = struct.unpack("<16I", beat)
    return tuple(dw[n] >> low & (1 << high - low + 1) - 1 for n, high, low in where)


PU_COMPLETION = (0, 31, 24), (0, 9, 0), (1, 11, 0), (2, 15, 8), (2, 6, 0)


def test_a_read(simulate):
    simulation, client = start(simulate)
    client.memory[:] = PATTERN
    play(client, beats(pu(MRD32, MEMORY_AT + 0x104, 3, tag=0x42, first=0xe, last=0x7)))
    wait_for(lambda: client.read64(COUNT_A) == 1)
    got = first_beat(client, LAST_A)
    assert fields(got, *PU_COMPLETION) == (CPLD, 3, 10, 0x42, 5)
    assert got[32:44] == PATTERN[0x104:0x110]
    good_end(simulation)


def test_a_read_by_the_data_mover(simulate):
    simulation, client = start(simulate)
    client.memory[:] = PATTERN
    play(client, beats(dm(MRD64, MEMORY_AT + 0x2003, 29, tag=7), user=1), tx_b=True)
    wait_for(lambda: client.read64(COUNT_A) == 1)
    got = first_beat(client, LAST_A)
    assert fields(got, (0, 31, 24), (0, 9, 0), (3, 17, 16)) == (CPLD, 29 >> 2, 29 & 3)
    assert fields(got, (3, 31, 22), (3, 21, 21)) == (7, 1)
    assert fields(got, (2, 7, 0), (3, 15, 0)) == (3, MEMORY_AT + 0x2003 >> 8 & 0xffff)
    assert got[32:61] == PATTERN[0x2003:0x2003 + 29]
    good_end(simulation)


def test_a_read_of_what_is_not_mapped(simulate):
    simulation, client = start(simulate)
    play(client, beats(pu(MRD64, HIGH)))
    wait_for(lambda: client.read64(COUNT_A) == 1)
    assert fields(first_beat(client, LAST_A), (0, 31, 24), (1, 15, 13), (2, 15, 8)) == (CPL, 1, 1)
    expect(simulation, client, "memory-read")


@pytest.mark.parametrize("order", ["strict", "shuffle:5"])
def test_a_write_and_its_commit(simulate, order):
    simulation, client = start(simulate, "--order", order)
    play(client, beats(pu(MWR32, MEMORY_AT + 0x1000, 128, tag=9, first=0x8, last=0x1), PATTERN[:512]))
    wait_for(lambda: client.read64(COUNT_B) == 1)
    assert fields(first_beat(client, LAST_B), (0, 31, 24), (0, 9, 0), (2, 15, 8)) == (CPL, 128, 9)
    assert client.memory[0x1000:0x1200] == bytes(3) + PATTERN[3:509] + bytes(3)
    good_end(simulation)


def test_a_write_without_a_commit(simulate):
    simulation, client = start(simulate)
    play(client, beats(pu(MWR32, words=1), b"word", user=0x200), beats(pu(MWR32, MEMORY_AT + 64, 1), b"next"))
    wait_for(lambda: client.read64(COUNT_B) == 1)
    assert client.memory[:4] == b"word" and client.memory[64:68] == b"next"
    good_end(simulation)


@pytest.mark.parametrize("order", ["strict", "shuffle:6"])
def test_atomics(simulate, order):
    simulation, client = start(simulate, "--order", order)
    client.memory[:8] = struct.pack("<II", 40, 7)
    play(client, beats(pu(MWR32, MEMORY_AT, 1), struct.pack("<I", 41)),
         beats(pu(ADD32, MEMORY_AT, 1), struct.pack("<I", 1)),
         beats(pu(CAS32, MEMORY_AT + 4, 2, tag=2), struct.pack("<II", 7, 9)))
    wait_for(lambda: client.read64(COUNT_A) == 2)
    assert struct.unpack("<II", client.memory[:8]) == (42, 9)
    assert first_beat(client, LAST_A)[32:36] == struct.pack("<I", 7)
    good_end(simulation)


def add_ones(memory):
    """A program that adds one to the first word until the third is set. The second says how often it did."""
    add = ctypes.CDLL("libatomic.so.1").__atomic_fetch_add_8
    add.argtypes, add.restype = (ctypes.c_void_p, ctypes.c_uint64, ctypes.c_int), ctypes.c_uint64
    words = (ctypes.c_uint64 * 3).from_buffer(memory)
    while not words[2]:
        add(ctypes.addressof(words), 1, SEQ_CST)
        words[1] += 1


@contextlib.contextmanager
def adding(memory):
    program = multiprocessing.get_context("fork").Process(target=add_ones, args=(memory,))
    program.start()
    try:
        yield
    finally:
        memory[16] = 1
        program.join(60)
        program.kill()


@pytest.mark.parametrize("order", ["strict", "shuffle:7"])
def test_a_program_adds_to_the_same_word(simulate, order):
    """No sum is lost, neither the program's nor the AFU's. The latency is time for the program to add in."""
    simulation, client = start(simulate, "--order", order, "--read-latency", "20000")
    with adding(client.memory):
        for n in range(1, 6):
            before = client.memory[8:16]
            play(client, *[beats(pu(ADD32, words=2, tag=tag), AT_32) for tag in range(8)])
            wait_for(lambda n=n: client.read64(COUNT_A) == 8 * n)
            wait_for(lambda before=before: client.memory[8:16] != before)
    total, added = struct.unpack("<QQ", client.memory[:16])
    assert (total >> 32, total & 0xffffffff) == (5 * 8, added)
    good_end(simulation)


def test_registers_of_4_8_and_64_bytes(simulate):
    simulation, client = start(simulate)
    client.write64(SCRATCH, 0x1122334455667788)
    assert client.read(0, SCRATCH, 4) == bytes.fromhex("88776655")
    assert client.read(0, SCRATCH + 4, 4) == bytes.fromhex("44332211")
    client.write(0, SCRATCH + 4, bytes.fromhex("01020304"))
    assert client.read(0, SCRATCH, 8) == bytes.fromhex("8877665501020304")
    client.write(0, 0x400, bytes(64))
    assert client.read64(SCRATCH) == 0x0403020155667788
    good_end(simulation)


def test_commits_that_are_not_taken_stop_writes(simulate):
    """The 257th write waits; nothing is lost."""
    simulation, client = start(simulate)
    client.write64(HOLD_B, 1)
    for n in range(6):
        play(client, *[beats(pu(MWR32, MEMORY_AT + (n * 48 + i) * 4, 1), struct.pack("<I", n * 48 + i))
                       for i in range(48)])
        if n < 5:
            wait_for(lambda n=n: client.memory[(n * 48 + 47) * 4:][:4] == struct.pack("<I", n * 48 + 47))
    client.write64(HOLD_B, 0)
    wait_for(lambda: client.read64(COUNT_B) == 288)
    assert client.memory[:288 * 4] == struct.pack("<288I", *range(288))
    good_end(simulation)


def test_the_rules_are_documented():
    named = set()
    for path in (SOURCE / "sim/tlp").glob("*.c"):
        named |= set(re.findall(r'"((?:axis|tlp|cpl)-[a-z0-9-]+)"', path.read_text(encoding="utf-8")))
    page = (SOURCE / "docs/simulation-pcie-ss.md").read_text(encoding="utf-8")
    assert named == set(re.findall(r"^\| `((?:axis|tlp|cpl)-[a-z0-9-]+)` \|", page, re.M))
