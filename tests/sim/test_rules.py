# SPDX-License-Identifier: BSD-3-Clause
"""Each rule of CCI-P is broken by the puppet AFU, which plays requests that are packed here by hand; the
simulation must name that rule and no other. And what is right must pass."""
import re
import time

import pytest
from conftest import SOURCE
from simulation import MEMORY_AT

PUPPET = "tests/sim/puppet"
C0_LOW, C0_HIGH, C1_LOW, C1_HIGH, PLAY, ANSWER, IN_RESET = 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x58
LINES_READ, ANSWERED, LAST_C1, LAST_C0, SCRATCH, SILENT, STOP, WIDE = (
    0x60, 0x68, 0x70, 0x78, 0x80, 0x200, 0x208, 0x400)
LINE, NOWHERE = MEMORY_AT // 64, 0x70000000 // 64
MEMORY = 1 << 16
FENCE, INTERRUPT = 4, 6
VL0 = 1


def c0(req=0, line=LINE, cl=0, mdata=7, vc=0):
    return req << 64 | line << 16 | mdata | cl << 68 | vc << 72


def c1(req=0, line=LINE, cl=0, mdata=7, vc=0, sop=None, byte=False, start=0, count=0):
    sop = req not in (FENCE, INTERRUPT) if sop is None else sop
    return (count << 74 | vc << 72 | sop << 71 | byte << 70 | cl << 68 | req << 64 | start << 58 | line << 16
            | mdata)


def play(client, reads=(), writes=(), times=1):
    for low, high, headers in (C0_LOW, C0_HIGH, reads), (C1_LOW, C1_HIGH, writes):
        for header in headers:
            client.write64(low, header & (1 << 64) - 1)
            client.write64(high, header >> 64)
    client.write64(PLAY, times)


def wait_for(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.001)


# rule: (error or warning, requests on channel 0, requests on channel 1)
PLAYED = {
    "c0-reqtype": ("error", [c0(req=4)], []),
    "c0-align": ("error", [c0(line=LINE + 1, cl=1)], []),
    "c0-length": ("error", [c0(cl=2)], []),
    "c0-address-zero": ("warning", [c0(line=0)], []),
    "c1-reqtype": ("error", [], [c1(req=5, sop=False)]),
    "c1-align": ("error", [], [c1(line=LINE + 2, cl=3), c1(line=LINE + 3, cl=3, sop=False),
                               c1(line=LINE + 4, cl=3, sop=False), c1(line=LINE + 5, cl=3, sop=False)]),
    "c1-length": ("error", [], [c1(cl=2)]),
    "c1-address-zero": ("warning", [], [c1(line=0)]),
    "c1-vc-changed": ("warning", [], [c1(cl=1), c1(line=LINE + 1, cl=1, sop=False, vc=2)]),
    "c1-mdata-changed": ("warning", [], [c1(cl=1), c1(line=LINE + 1, cl=1, sop=False, mdata=8)]),
    "c1-address-step": ("error", [], [c1(cl=1), c1(line=LINE + 2, cl=1, sop=False)]),
    "c1-length-changed": ("warning", [], [c1(cl=1), c1(line=LINE + 1, cl=0, sop=False)]),
    "c1-reqtype-changed": ("error", [], [c1(cl=1), c1(req=1, line=LINE + 1, cl=1, sop=False)]),
    "c1-no-sop": ("error", [], [c1(sop=False)]),
    "c1-sop-again": ("error", [], [c1(cl=1), c1(line=LINE + 1, cl=1)]),
    "c1-byte-nonwrite": ("error", [], [c1(req=FENCE, byte=True)]),
    "c1-byte-multiline": ("error", [], [c1(cl=1, byte=True, count=4),
                                        c1(line=LINE + 1, cl=1, sop=False)]),
    "c1-byte-range": ("error", [], [c1(byte=True, start=60, count=5)]),
    "c1-byte-mode": ("error", [], [c1(start=4, count=4)]),
    "c1-fence-in-packet": ("error", [], [c1(cl=1), c1(req=FENCE), c1(line=LINE + 1, cl=1, sop=False)]),
    "c1-fence-sop": ("error", [], [c1(req=FENCE, sop=True)]),
}
# Address 0 is not mapped, which is told as well.
ALSO = {"c0-address-zero": ("error", "memory-read"), "c1-address-zero": ("error", "memory-write")}


def expect(simulation, client, kind, rule, also=None):
    wait_for(lambda: client.read64(SCRATCH) is not None and (kind, rule) in simulation.problems()
             and (also is None or also in simulation.problems()))
    assert set(simulation.problems()) == {(kind, rule)} | ({also} if also else set())
    assert simulation.end() == (1 if kind == "error" or also else 0)
    assert f"{rule}: " in simulation.err


def start(simulate, *options):
    simulation = simulate(PUPPET, *options)
    client = simulation.client()
    client.share(MEMORY)
    return simulation, client


@pytest.mark.parametrize("rule", PLAYED)
def test_a_request_that_breaks_a_rule(simulate, rule):
    kind, reads, writes = PLAYED[rule]
    simulation, client = start(simulate)
    play(client, reads, writes)
    expect(simulation, client, kind, rule, ALSO.get(rule))


def test_a_byte_range_where_the_card_has_none(simulate):
    simulation, client = start(simulate, "+no-byte-range")
    play(client, writes=[c1(byte=True, start=8, count=8)])
    expect(simulation, client, "error", "c1-byte-unsupported")


@pytest.mark.parametrize("rule,reads,writes", [("c0-overflow", [c0()], []), ("c1-overflow", [], [c1()])])
def test_going_on_after_almost_full(simulate, rule, reads, writes):
    simulation, client = start(simulate, "--outstanding", "32")
    play(client, reads, writes, times=400)
    expect(simulation, client, "error", rule)


# The last of them comes when the reset has just ended, and is carried out. Where it goes nothing is mapped,
# which is told whether or not the client is quick enough to enable the device again.
@pytest.mark.parametrize("rule,reads,writes,also", [
    ("c0-reset", [c0(line=NOWHERE)], [], ("error", "memory-read")),
    ("c1-reset", [], [c1(line=NOWHERE)], ("error", "memory-write"))])
def test_requests_in_reset(simulate, rule, reads, writes, also):
    simulation, client = start(simulate)
    play(client, reads, writes, times=0)
    client.write64(IN_RESET, 1)
    client.reset()
    expect(simulation, client, "warning", rule, also)


def test_answers_in_reset(simulate):
    simulation, client = start(simulate)
    client.write64(IN_RESET, 2)
    client.reset()
    expect(simulation, client, "warning", "mmio-reset")


def test_a_register_that_is_never_answered(simulate):
    simulation, client = start(simulate)
    assert client.read64(SILENT) == (1 << 64) - 1
    expect(simulation, client, "error", "mmio-timeout")


def test_an_answer_that_nobody_asked_for(simulate):
    simulation, client = start(simulate)
    client.write64(ANSWER, 33)
    expect(simulation, client, "error", "mmio-unsolicited")


def test_strict_ends_at_the_first(simulate):
    simulation, client = start(simulate, "--strict")
    play(client, [c0(req=4), c0(cl=2)])
    simulation.process.wait(timeout=60)
    assert simulation.end() == 1
    assert simulation.problems() == [("error", "c0-reqtype")]


# 1 $stop, 2 $fatal, 3 an assertion that fails
@pytest.mark.parametrize("how", [1, 2, 3])
def test_a_design_that_stops(simulate, how):
    simulation, client = start(simulate)
    client.write64(STOP, how)
    simulation.process.wait(timeout=60)
    assert simulation.end() == 1
    assert simulation.problems() == [("error", "design-stop")]
    assert "design-stop: " in simulation.err


def test_a_design_that_finishes(simulate):
    simulation, client = start(simulate)
    client.write64(STOP, 4)
    simulation.process.wait(timeout=60)
    good_end(simulation)


@pytest.mark.parametrize("data", [b"\xff", b"\xff" * 2, b"\xff" * 6])
def test_a_register_write_that_is_not_made_of_words(simulate, data):
    simulation, client = start(simulate)
    client.write64(SCRATCH, 5)
    client.write(0, SCRATCH, data)
    assert client.read64(SCRATCH) == 5
    expect(simulation, client, "warning", "mmio-narrow")


# An interrupt of a vector that the program has no event for; CCI-P has no others than the device has.
def test_an_interrupt_that_reaches_nobody(simulate):
    simulation, client = start(simulate)
    play(client, writes=[c1(req=INTERRUPT)])
    expect(simulation, client, "warning", "interrupt-unbound")


# rule: what is played; in each cycle one request of either channel
HAZARDS = {
    "hazard-raw": ([c0(line=LINE + 1), c0()], [c1()]),
    "hazard-war": ([c0()], [c1(line=LINE + 1), c1()]),
    "hazard-waw": ([], [c1(mdata=3), c1(mdata=4)]),
}


@pytest.mark.parametrize("order", ["strict", "shuffle:8"])
@pytest.mark.parametrize("rule", HAZARDS)
def test_two_accesses_to_one_line_at_once(simulate, rule, order):
    simulation, client = start(simulate, "--hazards", "--order", order)
    play(client, *HAZARDS[rule])
    expect(simulation, client, "warning", rule)


@pytest.mark.parametrize("rule", HAZARDS)
def test_nobody_hears_of_hazards_unless_he_asks(simulate, rule):
    simulation, client = start(simulate)
    play(client, *HAZARDS[rule])
    wait_for(lambda: sum(counts(client)) == sum(map(len, HAZARDS[rule])))
    good_end(simulation)


def test_writes_with_a_fence_between_are_no_hazard(simulate):
    simulation, client = start(simulate, "--hazards")
    play(client, writes=[c1(), c1(req=FENCE), c1(), c1(line=LINE + 1)])
    wait_for(lambda: counts(client) == (0, 4))
    good_end(simulation)


# ---- what is right ----

def counts(client):
    return client.read64(LINES_READ), client.read64(ANSWERED)


def good_end(simulation):
    assert simulation.end() == 0, simulation.err
    assert simulation.problems() == []


@pytest.mark.parametrize("cl", [0, 1, 3])
def test_reads_of_one_two_and_four_lines(simulate, cl):
    simulation, client = start(simulate)
    play(client, [c0(req=n, cl=cl, vc=n, mdata=0xBEE0 + n) for n in range(4)])
    wait_for(lambda: counts(client) == (4 * (cl + 1), 0))
    header = client.read64(LAST_C0)
    assert header & 0xFFFF == 0xBEE3 and header >> 16 & 0xF == 0 and header >> 26 == 3
    assert header >> 20 & 3 == cl
    good_end(simulation)


@pytest.mark.parametrize("cl", [0, 1, 3])
@pytest.mark.parametrize("vc", [0, 1, 2, 3])
def test_writes_of_one_two_and_four_lines(simulate, cl, vc):
    """A packet has one answer, but on VL0 one for each line."""
    simulation, client = start(simulate)
    play(client, writes=[c1(line=LINE + n, cl=cl, vc=vc, sop=n == 0, mdata=0x51DE) for n in range(cl + 1)])
    answers = cl + 1 if vc == VL0 else 1
    wait_for(lambda: counts(client) == (0, answers))
    header = client.read64(LAST_C1)
    assert header & 0xFFFF == 0x51DE and header >> 16 & 0xF == 0 and header >> 20 & 3 == cl
    assert header >> 23 & 1 == (cl > 0 and vc != VL0) and header >> 26 == (vc or 2)
    for n in range(cl + 1):
        assert client.memory[n * 64:n * 64 + 4] == bytes([n, 0, 0xED, 0xFE])
    assert client.memory[(cl + 1) * 64:(cl + 2) * 64] == bytes(64)
    good_end(simulation)


def test_a_fence_is_answered(simulate):
    simulation, client = start(simulate)
    play(client, writes=[c1(), c1(req=FENCE, mdata=0xFE)])
    wait_for(lambda: counts(client) == (0, 2))
    header = client.read64(LAST_C1)
    assert header == FENCE << 16 | 0xFE
    good_end(simulation)


def test_any_channel_is_one_after_the_other_when_shuffled(simulate):
    simulation, client = start(simulate, "--order", "shuffle")
    read, written = set(), set()
    for n in range(1, 41):
        play(client, [c0()], [c1(line=LINE + 1)])
        wait_for(lambda n=n: counts(client) == (n, n))
        read.add(client.read64(LAST_C0) >> 26)
        written.add(client.read64(LAST_C1) >> 26)
    assert read == written == {1, 2, 3}
    good_end(simulation)


def test_bytes_of_a_line(simulate):
    simulation, client = start(simulate)
    client.memory[:64] = b"\x11" * 64
    play(client, writes=[c1(byte=True, start=5, count=3), c1(byte=True, start=63, count=1)])
    wait_for(lambda: counts(client) == (0, 2))
    assert client.memory[:64] == b"\x11" * 5 + b"\x00\xed\xfe" + b"\x11" * 55 + b"\xfe"
    good_end(simulation)


def test_registers_of_4_8_and_64_bytes(simulate):
    simulation, client = start(simulate)
    client.write64(SCRATCH, 0x1122334455667788)
    assert client.read(0, SCRATCH, 4) == bytes.fromhex("88776655")
    assert client.read(0, SCRATCH + 4, 4) == bytes.fromhex("44332211")
    client.write(0, SCRATCH + 4, bytes.fromhex("01020304"))
    client.write(0, SCRATCH, bytes.fromhex("05060708"))
    assert client.read(0, SCRATCH, 8) == bytes.fromhex("0506070801020304")
    line = bytes(range(64))
    client.write(0, WIDE, line)
    assert b"".join(client.read(0, WIDE + n, 8) for n in range(0, 64, 8)) == line
    good_end(simulation)


def test_the_rules_are_documented():
    def named(folder, words):
        return {rule for path in (SOURCE / folder).glob("*.c*") for rule in
                re.findall(words, path.read_text(encoding="utf-8"))}
    rules = named("sim/ccip", r'"((?:c0|c1|mmio)-[a-z0-9-]+)"') | named("sim/memory", r'"(lm-[a-z-]+)"')
    for folder in ("sim/host", "sim/verilator"):
        rules |= named(folder, r'host_(?:error|warning)\([^"]*"([a-z-]+)"')
    rules |= named("sim/host", r'"(memory-[a-z]+)"')
    page = (SOURCE / "docs/simulation-ccip.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (`.*?`) \|", page, re.M)
    assert rules == {rule for row in rows for rule in re.findall(r"`([a-z0-9-]+)`", row)}
