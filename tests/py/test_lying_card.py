# SPDX-License-Identifier: BSD-3-Clause
"""A card whose registers lie, against v-opae under the `opae` tool. Each lie costs the object that it
is about, or the device; the rest is found, the log tells the reason, and nothing waits for long."""
import errno
import json
import os
import struct
import time

import pytest
import vu
from vu import Server

AFU, PRIVATE, FIU = 1, 3, 4
FME, PORT = 0, 1
FME_ERRORS, FME_PR, PORT_ERRORS, USER_IRQ, TAP = 0x4, 0x5, 0x10, 0x12, 0x13
GUIDS = ["11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-aaaaaaaaaaaa"]
PORT_BAR, AFU_AT, AFU_KIB = 2, 0x4000, 16
LATER = 0x8000  # where a second port is in its BAR


def dfh(kind, ident, after=0, end=False):
    return kind << 60 | (1 if end or not after else 0) << 40 | after << 16 | ident


class Card(Server):
    """An FME in BAR0 and two ports in BAR2, each with an accelerator; all true until it is changed."""

    vectors = 8

    def __init__(self, path, script=None):
        self.bars = {0: bytearray(0x8000), PORT_BAR: bytearray(0x10000)}
        self.sizes, self.unreadable, self.stuck = {}, set(), False
        self.reads = 0
        super().__init__(path, script)
        self.memory = self.bars[0]
        self.head(0, FIU, FME, 0x1000)
        for n, offset in enumerate((0, LATER)):
            self.put(0, 0x38 + 8 * n, self.place(PORT_BAR, offset))
            self.port(offset, n)
        self.put(0, 0x60, 0x0610000000000001)
        self.head(0x1000, PRIVATE, FME_ERRORS, 0x1000)
        self.put(0, 0x1070, 1 | 0 << 1)
        self.head(0x2000, PRIVATE, FME_PR)
        self.put(0, 0x20A8, 0x1234)

    def port(self, at, number):
        self.head(at, FIU, PORT, 0x1000, bar=PORT_BAR)
        self.put(PORT_BAR, at + 0x18, AFU_AT)
        self.put(PORT_BAR, at + 0x30, AFU_KIB << 8 | number)
        self.head(at + 0x1000, PRIVATE, PORT_ERRORS, 0x1000, bar=PORT_BAR)
        self.put(PORT_BAR, at + 0x1038, 1 | (1 + number) << 1)
        self.head(at + 0x2000, PRIVATE, USER_IRQ, bar=PORT_BAR)
        self.put(PORT_BAR, at + 0x2008, 2 | (3 + 2 * number) << 12)
        self.head(at + AFU_AT, AFU, 0, bar=PORT_BAR)
        high, low = (int(GUIDS[number].replace("-", "")[i:i + 16], 16) for i in (0, 16))
        self.put(PORT_BAR, at + AFU_AT + 8, low)
        self.put(PORT_BAR, at + AFU_AT + 16, high)

    @staticmethod
    def place(bar, offset, implemented=1):
        return implemented << 60 | bar << 32 | offset

    def put(self, bar, at, value):
        struct.pack_into("<Q", self.bars[bar], at, value)

    def head(self, at, kind, ident, after=0, bar=0, end=False):
        self.put(bar, at, dfh(kind, ident, after, end))

    def vsec(self, *words, count=None, at=0x100, after=0, length=None):
        """Intel's capability that names lists: words are offset | BAR."""
        length = 12 + 4 * len(words) if length is None else length
        struct.pack_into("<IIi", self.config, at, after << 20 | 1 << 16 | 0x0B,
                         length << 20 | 0x43, len(words) if count is None else count)
        struct.pack_into(f"<{len(words)}I", self.config, at + 12, *words)

    def answer(self, header, body):
        command = header[1]
        if command == vu.GET_REGION_INFO:
            index = struct.unpack_from("<I", body, 8)[0]
            size = len(self.config) if index == 7 else len(self.bars.get(index, b""))
            size = self.sizes.get(index, size)
            flags = 0 if not size or index in self.unreadable else 3
            self.send(header, struct.pack("<IIIIQQ", 32, flags, index, 0, size, 0))
        elif command == vu.GET_IRQ_INFO:
            index = struct.unpack_from("<I", body, 8)[0]
            self.send(header, struct.pack("<IIII", 16, 1, index, self.vectors if index == 2 else 0))
        elif command in (vu.REGION_READ, vu.REGION_WRITE):
            self.access(header, body)
        else:
            super().answer(header, body)

    def access(self, header, body):
        offset, region, count = struct.unpack_from("<QII", body)
        space = self.config if region == 7 else self.bars.get(region, bytearray())
        if offset + count > len(space):
            return self.refuse(header, errno.EINVAL)
        if header[1] == vu.REGION_READ:
            self.reads += region != 7
            return self.send(header, body[:16] + bytes(space[offset:offset + count]))
        if region == PORT_BAR and offset & 0xFFF == 0x38:  # reset, and its acknowledgment
            v = struct.unpack_from("<Q", body, 16)[0]
            body = body[:16] + struct.pack("<Q", v & ~0x10 | (0x10 if v & 1 or self.stuck else 0))
        if region != 7 or offset >= 64 or offset == 4:
            space[offset:offset + count] = body[16:]
        return self.send(header, body[:16])


@pytest.fixture
def cards(here, folder):
    started = []
    (folder / "emu").mkdir(mode=0o700)

    def start(script=None, name="fake0", make=Card):
        s = make(str(folder / "emu" / f"{name}.sock"), script)
        started.append(s)
        return s

    yield start
    for s in started:
        s.stop()


class Seen:
    """What an enumeration found, and what it said of it."""

    def __init__(self, machine, timeout_ms=1000):
        log = machine.folder / "log"
        log.unlink(missing_ok=True)
        self.machine = machine
        self.env = machine.config(json.dumps({"plugins": ["vfio"], "configurations": {"vfio": {
            "enabled": True, "plugin": "libv-opae.so",
            "configuration": {"timeout_ms": timeout_ms}}}}))
        begin = time.monotonic()
        done = machine.run("opae", "list", "--json", timeout=120, env={
            **self.env, "LIBOPAE_LOG": "2", "LIBOPAE_LOGFILE": str(log)})
        self.seconds = time.monotonic() - begin
        assert done.returncode in (0, 3), done.stderr
        assert self.seconds < 30
        self.devices = json.loads(done.stdout)["devices"]
        self.log = log.read_text() if log.exists() else ""

    def guids(self):
        return {d["guid"] for d in self.devices if d["type"] == "accelerator"}

    def engines(self):
        return [d for d in self.devices if d["type"] != "accelerator"]

    def open_all(self):
        """Each accelerator that is listed can be opened, or it is said why not."""
        said = ""
        for guid in self.guids():
            done = self.machine.run("opae", "mmio", "read", "-d", guid, "0x8", env=self.env,
                                    timeout=120)
            assert done.returncode == 0 or len(done.stderr) > 20
            said += done.stderr
        return said


def test_the_truth(here, cards):
    cards()
    seen = Seen(here)
    assert seen.guids() == set(GUIDS) and len(seen.engines()) == 1
    assert seen.log == "" and seen.open_all() == ""


BOTH, FIRST, SECOND, NONE = set(GUIDS), {GUIDS[0]}, {GUIDS[1]}, set()
ONES = 2**64 - 1


def put(*writes):
    """(BAR, offset, value) each."""
    def change(c):
        for w in writes:
            c.put(*w)
    return change


def chain(c, at, step, n, bar=0):
    for i in range(n):
        c.head(at + i * step, PRIVATE, 0x77, step, bar)


def hundreds(c):
    chain(c, 0x1000, 8, 600)


def many_ports(c):
    """Twenty along one list, each with an accelerator of its own."""
    c.bars[0] = bytearray(0x40000)
    c.head(0, FIU, FME, 0x1000)
    for i in range(20):
        at = 0x1000 * (i + 1)
        c.head(at, FIU, PORT, 0x1000)
        c.put(0, at + 0x18, 0x800)
        c.put(0, at + 0x30, 1 << 8 | i & 3)
        c.head(at + 0x800, AFU, 0)
        c.put(0, at + 0x808, i)


def tap_past_the_end(c):
    c.head(LATER + 0x2000, PRIVATE, USER_IRQ, 0x5FF8, bar=PORT_BAR)
    c.head(LATER + 0x7FF8, PRIVATE, TAP, bar=PORT_BAR)


def at_the_end(ident, bar=0):
    """The last feature has its header in the BAR and the rest past it."""
    def change(c):
        before, end = (0x2000, 0x8000) if bar == 0 else (LATER + 0x2000, 0x10000)
        c.head(before, PRIVATE, 0x77, end - 8 - before, bar)
        c.head(end - 8, PRIVATE, ident, bar=bar)
    return change


def second_engine(c):
    c.head(0x2000, PRIVATE, FME_PR, 0x1000)
    c.head(0x3000, FIU, FME)


def only_bar0(size):
    def change(c):
        c.bars = {0: c.bars[0][:size]} if size else {}
    return change


def config_of(size):
    def change(c):
        c.config = c.config[:size]
    return change


def port_at(bar, offset, n=0):
    return put((0, 0x38 + 8 * n, Card.place(bar, offset)))


def stuck(c):
    c.stuck = True
    c.put(PORT_BAR, 0x38, 0x11)


# What is done to the card, which accelerators are left, how many engines, and the reason.
LIES = {
    "next past the BAR": (put((0, 0, dfh(FIU, FME, 0xFFFFF8))), BOTH, 1,
                          "leads to 0xfffff8 of BAR0, which is not there"),
    "next unaligned": (put((0, 0, dfh(FIU, FME, 0x1004))), BOTH, 1,
                       "leads to 0x1004 of BAR0, which is unaligned"),
    "next into the middle": (put((0, 0, dfh(FIU, FME, 8))), BOTH, 1,
                             "header at 0x8 of BAR0 is zero"),
    "header all-ones": (put((0, 0x1000, ONES)), BOTH, 1, "at 0x1000 of BAR0 is all-ones"),
    "header zero": (put((0, 0x1000, 0)), BOTH, 1, "at 0x1000 of BAR0 is zero"),
    "BAR0 begins with ones": (put((0, 0, ONES)), NONE, 0, "header is 0xffffffffffffffff"),
    "BAR0 begins with zero": (put((0, 0, 0)), NONE, 0, "header is 0x0"),
    "no BAR0": (only_bar0(0), NONE, 0, "no BAR0 in which a feature list could begin"),
    "BAR0 of 16 bytes": (only_bar0(16), NONE, 0, "no BAR0 in which"),
    "BAR0 ends in the engine": (only_bar0(0x40), NONE, 0, "engine at 0x0 ends past BAR0"),
    "a second engine": (second_engine, BOTH, 1, "second management engine, at 0x3000"),
    "port in an absent BAR": (port_at(3, 0), SECOND, 1, "port 0 should be at 0x0 of BAR3"),
    "port in BAR 6": (port_at(6, 0), SECOND, 1, "port 0 should be at 0x0 of BAR6"),
    "port past its BAR": (port_at(2, 0xFFFFF8), SECOND, 1, "port 0 should be at 0xfffff8 of BAR2"),
    "port cut by its BAR": (port_at(2, 0xFFC8), SECOND, 1, "port 0 should be at 0xffc8 of BAR2"),
    "port unaligned": (port_at(2, 4), SECOND, 1, "port 0 should be at 0x4 of BAR2"),
    "two ports at one place": (port_at(2, 0, 1), FIRST, 1, "port 1 is where something else is"),
    "port at the engine": (port_at(0, 0), SECOND, 1, "port 0 is where something else is"),
    "port at another feature": (port_at(0, 0x1000), SECOND, 1, "port 0 should begin at 0x1000 of BAR0"),
    "port at an accelerator": (port_at(2, AFU_AT), SECOND, 1, "port 0 should begin at 0x4000 of BAR2"),
    "no accelerator there": (put((2, AFU_AT, dfh(PRIVATE, 5))), SECOND, 1,
                             "at 0x4000 of BAR2 an accelerator should begin"),
    "accelerator of ones": (put((2, AFU_AT, ONES)), SECOND, 1, "header is 0xffffffffffffffff"),
    "accelerator of no length": (put((2, 0x30, 0)), SECOND, 1, "accelerator of 0x0 bytes"),
    "accelerator unaligned": (put((2, 0x18, AFU_AT + 4)), SECOND, 1, "0x4004 of BAR2, which is unaligned"),
    "accelerator past the BAR": (put((2, 0x18, 0xFFFFF8)), SECOND, 1, "does not fit in BAR2"),
    "accelerator too long": (put((2, 0x30, 0xFFFF << 8)), SECOND, 1, "does not fit in BAR2"),
    "error vector beyond": (put((0, 0x1070, 1 | 0xFFF << 1)), BOTH, 1, "interrupt 4095, but"),
    "user vectors beyond": (put((2, 0x2008, 0xFFF | 0xFFF << 12)), BOTH, 1, "but the device has 8"),
    "user vectors over the end": (put((2, 0x2008, 3 | 6 << 12)), BOTH, 1, "interrupts 6 to 8, but"),
    "errors past the BAR": (at_the_end(FME_ERRORS), BOTH, 1, "error feature at 0x7ff8 ends past"),
    "reconfiguration past the BAR": (at_the_end(FME_PR), BOTH, 1, "feature at 0x7ff8 ends past"),
    "port errors past the BAR": (at_the_end(PORT_ERRORS, 2), BOTH, 1, "error feature at 0xfff8 ends"),
    "interrupts past the BAR": (at_the_end(USER_IRQ, 2), BOTH, 1, "feature at 0xfff8 ends past"),
    "tap past the BAR": (tap_past_the_end, BOTH, 1, "signal tap feature at 0xfff8 ends past BAR2"),
    "hundreds of features": (hundreds, NONE, 1, "more than 256 features"),
    "twenty ports": (many_ports, NONE, 1, "more than 9 objects"),
    "never leaves reset": (stuck, BOTH, 1, "port 0 does not leave its reset"),
    "a port without accelerator": (put((0, 0, dfh(FIU, PORT)), (0, 0x18, 0)), NONE, 0,
                                   "lead to no management engine and no accelerator"),
    "an interface of no kind": (put((0, 0, dfh(FIU, 9))), NONE, 0, "lead to no management engine"),
    "lists in BAR 7": (lambda c: c.vsec(7, 0x1000 | 6), NONE, 0, "leads to 0x0 of BAR7"),
    "lists past the BAR": (lambda c: c.vsec(0xFFFFFFF8), NONE, 0, "leads to 0xfffffff8 of BAR0"),
    "a list twice": (lambda c: c.vsec(0, 0), BOTH, 1, "second management engine"),
    "four billion lists": (lambda c: c.vsec(0, count=-1), BOTH, 1, "second management engine"),
    "a config space of 40 bytes": (config_of(40), NONE, 0, "configuration space has only 40 bytes"),
}


@pytest.mark.parametrize("what", LIES)
def test_lies(here, cards, what):
    change, accelerators, engines, reason = LIES[what]
    card = cards()
    change(card)
    seen = Seen(here)
    if what != "twenty ports":
        assert seen.guids() == accelerators
    else:
        assert len(seen.guids()) == 8
    assert len(seen.engines()) == engines
    assert reason in seen.log
    assert card.reads < 2000
    seen.open_all()


def loop_of_capabilities(c):
    struct.pack_into("<I", c.config, 0x100, 0x200 << 20 | 1 << 16 | 1)
    struct.pack_into("<I", c.config, 0x200, 0x100 << 20 | 1 << 16 | 1)


def huge(*bars):
    def change(c):
        for bar in bars:
            c.sizes[bar] = 2**64 - 1
    return change


# Nothing is lost by these, so nothing need be said.
ODD = {
    "a loop of capabilities": loop_of_capabilities,
    "a capability that leads out": lambda c: struct.pack_into("<I", c.config, 0x100, 0xFFC1000B),
    "capabilities of ones": lambda c: struct.pack_into("<I", c.config, 0x100, 2**32 - 1),
    "a capability cut by the end": lambda c: struct.pack_into("<III", c.config, 0x100,
                                                              0xFF8 << 20 | 1, 0, 0)
    or struct.pack_into("<II", c.config, 0xFF8, 0x1000B, 0x43),
    "a config space of 256 bytes": config_of(256),
    "a config space cut at the capability": config_of(0x104),
    "no lists in the capability": lambda c: c.vsec(),
    "BARs of 2^64 bytes": huge(0, 2),
    "other BARs of 2^64 bytes": huge(1, 5),
    "no interrupts from 4000 on": put((2, 0x2008, 0 | 0xFA0 << 12)),
}


@pytest.mark.parametrize("what", ODD)
def test_what_costs_nothing(here, cards, what):
    ODD[what](cards())
    seen = Seen(here)
    assert seen.guids() == BOTH and len(seen.engines()) == 1
    assert seen.log == "" and seen.open_all() == ""


def test_unreadable_bar(here, cards):
    cards().unreadable.add(PORT_BAR)
    seen = Seen(here)
    assert seen.guids() == NONE and len(seen.engines()) == 1
    assert "port 0 should be at 0x0 of BAR2, which is not there" in seen.log


def test_endless_lists(here, cards):
    """Every register of endless BARs is a feature, the next one 8 bytes on; two ports lead there."""
    def read(s, h, b, f):
        offset, region, count = struct.unpack_from("<QII", b)
        if region == 7 or (region == 0 and offset < 0x1000):
            return s.answer(h, b)
        s.reads += 1
        kind, ident = (FIU, PORT) if offset in (0, LATER) else (PRIVATE, 0x77)
        return s.send(h, b[:16] + struct.pack("<Q", dfh(kind, ident, 8)))

    card = cards({vu.REGION_READ: read})
    card.sizes = {0: 2**40, PORT_BAR: 2**40}
    seen = Seen(here)
    assert "more than 256 features" in seen.log and len(seen.engines()) == 1
    assert card.reads < 2000


def after(n, then, region=None):
    """Answers n reads of BARs as it should, and what comes later in another way."""
    left = [n]

    def read(s, h, b, f):
        if struct.unpack_from("<QI", b)[1] == 7 or left[0] > 0:
            left[0] -= struct.unpack_from("<QI", b)[1] != 7
            return s.answer(h, b)
        return then(s, h, b)
    return {vu.REGION_READ: read}


def test_refuses_in_the_middle(here, cards):
    cards(after(12, lambda s, h, b: s.refuse(h, errno.EIO)))
    seen = Seen(here)
    assert seen.devices == [] and "refused REGION_READ: Input/output error" in seen.log


def test_hangs_up_in_the_middle(here, cards):
    cards(after(12, lambda s, h, b: False))
    seen = Seen(here)
    assert seen.devices == [] and "has gone (during REGION_READ)" in seen.log


def test_falls_silent_in_the_middle(here, cards):
    def silence(s, h, b):
        s.sock.settimeout(20)
        while s.sock.recv(1):
            pass
        return False

    cards(after(12, silence))
    seen = Seen(here)
    (d,) = seen.devices  # as one that somebody else holds
    assert d["state"] == "in use" and d["guid"] == "-"
    assert "did not answer REGION_READ within 1000 ms" in seen.log
    assert seen.seconds < 15


def test_drips(here, cards):
    """Each answer comes in time, but there are hundreds of them: the whole has a deadline too."""
    def late(s, h, b):
        time.sleep(0.15)
        return s.answer(h, b)

    card = cards(after(0, late))
    chain(card, 0x1000, 8, 250)
    seen = Seen(here)
    assert "what is in it took longer than" in seen.log
    assert seen.seconds < 25
    done = here.run("opae", "mmio", "read", "0x8", env=seen.env, timeout=120)
    assert done.returncode == 1 and "what is in it took longer than" in done.stderr
    done = here.run("hello_fpga", env=seen.env, timeout=120)
    assert done.returncode == 1
    assert "1 of 1 devices did not tell what is in them: " in done.stderr
    assert "what is in it took longer than" in done.stderr


def test_one_that_is_held_is_told_of(here, cards):
    """A program that looks for an accelerator by its id cannot find it there, and hears why."""
    held = vu.Client(cards().path)
    done = here.run("hello_fpga", timeout=120)
    held.close()
    assert done.returncode == 1
    assert "No NLB0 accelerator" in done.stderr and "1 of 1 devices did not tell" in done.stderr


# ---- one thing at the first look, another at the second ----

def test_another_accelerator_by_the_time_it_is_opened(here, cards):
    card = cards()
    seen = Seen(here)
    card.put(PORT_BAR, AFU_AT + 8, 1)
    done = here.run("opae", "mmio", "read", "-d", GUIDS[0], "0x8", env=seen.env)
    assert done.returncode == 1 and "not in the device any more" in done.stderr
    here.good("opae", "mmio", "read", "-d", GUIDS[1], "0x8", env=seen.env)


def test_a_shorter_bar_by_the_time_it_is_opened(here, cards):
    card = cards()
    seen = Seen(here)
    card.sizes[PORT_BAR] = 0x2000
    done = here.run("opae", "mmio", "read", "-d", GUIDS[0], "0x8", env=seen.env)
    assert done.returncode == 1 and "not in the device any more" in done.stderr


def test_nothing_in_it_by_the_time_it_is_opened(here, cards):
    card = cards()
    seen = Seen(here)
    card.put(0, 0, ONES)
    done = here.run("opae", "mmio", "read", "-d", GUIDS[0], "0x8", env=seen.env)
    assert done.returncode == 1 and "header is 0xffffffffffffffff" in done.stderr


def test_registers_that_are_never_the_same_twice(here, cards):
    import random
    rng = random.Random(5)
    odd = [0, ONES, dfh(FIU, FME, 0x1000), dfh(FIU, PORT, 0x1000), dfh(PRIVATE, USER_IRQ, 8),
           dfh(PRIVATE, FME_ERRORS, 16), dfh(AFU, 0), 1 << 60 | PORT_BAR << 32, AFU_AT]

    def read(s, h, b, f):
        offset, region, count = struct.unpack_from("<QII", b)
        if region == 7 or count != 8 or rng.random() < 0.7:
            return s.answer(h, b)
        value = rng.choice(odd) if rng.random() < 0.7 else rng.getrandbits(64)
        return s.send(h, b[:16] + struct.pack("<Q", value))

    for i in range(3):
        cards({vu.REGION_READ: read}, f"noise{i}")
    for _ in range(12):
        for name in here.folder.glob("inventory/inventory"):
            name.unlink()
        seen = Seen(here, 300)
        done = here.run("opae", "mmio", "read", "-d", GUIDS[0], "0x8", env=seen.env)
        assert done.returncode in (0, 1, 2, 3) and (done.returncode == 0 or done.stderr)


# ---- mapped registers ----

class Mapped(Card):
    """The accelerators' BAR is a file that the client maps; it is cut short when DMA is turned on."""

    def answer(self, header, body):
        command = header[1]
        if not hasattr(self, "file"):
            self.file = os.memfd_create("bar2")
            os.write(self.file, self.bars[PORT_BAR])
        if command == vu.GET_REGION_INFO and struct.unpack_from("<I", body, 8)[0] == PORT_BAR:
            return self.send(header, struct.pack("<IIIIQQ", 32, 7, PORT_BAR, 0, 0x10000, 0),
                             fds=[self.file])
        super().answer(header, body)
        if command == vu.GET_REGION_INFO and struct.unpack_from("<I", body, 8)[0] == 5 and \
                self.config[4] & 4:
            os.ftruncate(self.file, 0)

    def stop(self):
        super().stop()
        os.close(self.file)


def test_registers_that_are_cut_short_while_they_are_used(here, cards):
    cards(make=Mapped)
    seen = Seen(here)
    assert seen.guids() == BOTH
    done = here.run("opae", "mmio", "read", "-d", GUIDS[0], "0x8", env=seen.env)
    assert done.returncode == 1 and "exception" in done.stderr, (done.returncode, done.stderr)
