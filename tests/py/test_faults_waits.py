# SPDX-License-Identifier: BSD-3-Clause
"""Peers that are slow, stopped, or cut off without a word. What is promised here takes long, so that all of
it is begun together, and each test looks at its own end of it.

The numbers are those of docs/testing.md, "Faults"."""
import contextlib
import os
import shutil
import signal
import struct
import tempfile
import threading
import time
from pathlib import Path

import pytest
from conftest import Machine
from faults import EXCEPTION, GUID, Card, Network, Program, established, memory, remote
from opaed import HEAD, NLB0, OK, PING, Daemon, Peer, opened, soon

IN_A_DEBUGGER = 30  # s
TAKES_NOTHING = 60  # s: a peer that does not is given up
GONE = 10  # s: a peer whose network is gone
LOGIN = 10  # s, at most, for HELLO
ID_LOW = int.from_bytes(bytes.fromhex(NLB0)[8:], "big")


class Begun:
    """Daemons, cards and programs that live until the tests here are done."""

    def __init__(self, installed, folder):
        self.here, self.ends = Machine(installed, folder, None), contextlib.ExitStack()
        self.codes = []

    def card(self, **kw):
        self.ends.callback(Card(self.here, **kw).stop)

    def daemon(self, name, **kw):
        d = Daemon(self.here, name, **kw)
        self.ends.callback(lambda: self.codes.append(d.stop()))
        return d

    def program(self, name, *hosts, command=(), **more):
        p = Program(self.here, remote(self.here, *hosts, name=f"{name}.cfg", **more), command)
        self.ends.callback(lambda: self.codes.append(p.end()))
        return p


@pytest.fixture
def site(installed):
    folder = Path(tempfile.mkdtemp(prefix="opae-py."))
    b = Begun(installed, folder)
    yield b
    b.ends.close()
    shutil.rmtree(folder, ignore_errors=True)
    assert set(b.codes) <= {0}


class Stopped:
    """Programs, each in the middle of something else, that are stopped for half a minute."""

    def __init__(self, b):
        for n in range(4):
            b.card(name=f"card{n}")
        self.d = b.daemon("stopped")
        unix, tcp = {"unix": self.d.path}, f"127.0.0.1:{self.d.ports[0]}"
        self.idle = [b.program("idle", tcp).open(), b.program("idle-unix", unix).open()]
        self.copies = b.program("copies", tcp).copies()
        self.works = b.program("works", tcp, timeout_ms=60000).open()  # a call may be stopped as it begins
        self.works.start("work")
        self.everybody = [*self.idle, self.copies, self.works]
        for p in self.everybody:
            p.signal(signal.SIGSTOP)
        self.since = time.monotonic()


class Slow:
    """Asks without end and reads nothing, until no more of it is taken."""

    def __init__(self, b):
        b.card(name="card9")
        self.d, self.other = b.daemon("slow"), b.daemon("quick")
        self.witness = self.d.peer()
        [spared] = self.d.workers()
        self.peer = self.d.peer(tcp=True)
        [self.worker] = set(self.d.workers()) - {spared}
        self.before = memory(self.worker)
        self.sent, one = 0, HEAD.pack(32, 32, PING, 0, 1, 0, 0, 0)
        self.peer.sock.settimeout(1)
        with contextlib.suppress(TimeoutError):
            while self.sent < 1 << 30:
                self.sent += self.peer.sock.send(one * 2000)
        self.since = time.monotonic()


class Dribbles:
    """A byte of a HELLO each second."""

    def __init__(self, b):
        self.d = b.daemon("dribbles")
        self.peer = Peer(("127.0.0.1", self.d.ports[0]))
        self.took = None
        self.since = time.monotonic()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        b.ends.callback(self.thread.join)

    def run(self):
        hello = HEAD.pack(100, 32, 1, 0, 1, 0, 0, 0)
        self.peer.sock.settimeout(1)
        for n in range(30):
            with contextlib.suppress(TimeoutError):
                try:
                    self.peer.sock.send(hello[n:n + 1])
                    assert self.peer.sock.recv(1) == b""
                except (BrokenPipeError, ConnectionResetError):
                    pass
                self.took = time.monotonic() - self.since
                return


@pytest.fixture(scope="module")
def long_waits(installed):
    """They pass while the other tests here run."""
    folder = Path(tempfile.mkdtemp(prefix="opae-py."))
    b = Begun(installed, folder)
    try:
        b.dribbles, b.slow, b.stopped = Dribbles(b), Slow(b), Stopped(b)
        yield b
    finally:
        b.ends.close()
        shutil.rmtree(folder, ignore_errors=True)
    assert set(b.codes) <= {0}


# ---- 6 ----

@pytest.mark.parametrize("gap", [0.01, 0.1])
def test_fault_06_bytes_that_come_one_by_one_before_hello(opaed, gap):
    """The time for HELLO counts from the beginning, not from the last byte."""
    d = opaed(limits={"hello_ms": 1000})
    began = time.monotonic()
    with Peer(d.path) as p, d.peer() as witness:
        hello = HEAD.pack(16384, 32, 1, 0, 1, 0, 0, 0) + bytes(16384)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for byte in hello:
                p.sock.send(bytes([byte]))
                time.sleep(gap)
                assert time.monotonic() - began < 20
        assert time.monotonic() - began >= 0.9 and p.is_ended()
        assert "no HELLO within 1000 ms" in d.says("ended")
        witness.good(PING)


def test_fault_06_a_hello_that_comes_in_time(opaed):
    """One by one as well: it is as good as another."""
    d = opaed()
    body = struct.pack("<IHHQII", 0x4541504F, 1, 1, 0, 131072, 16) + b"\4\0slow"
    with Peer(d.path) as p:
        for byte in HEAD.pack(32 + len(body), 32, 1, 0, 1, 0, 0, 0) + body:
            p.sock.send(bytes([byte]))
            time.sleep(0.001)
        assert p.frame().result == OK
        p.last = 1
        p.good(PING)


@pytest.mark.once
def test_fault_06_a_byte_a_second(long_waits):
    """With the time that is set when nobody sets one."""
    w = long_waits.dribbles
    w.thread.join(40)
    assert w.took and 1 < w.took < LOGIN + 2
    assert "no HELLO within" in w.d.says("session 1: ended")


# ---- 5 ----

def p99(peers):
    """Of pings to each in turn."""
    took = [[] for _ in peers]
    for _ in range(400):
        for times, peer in zip(took, peers):
            began = time.perf_counter()
            peer.good(PING)
            times.append(time.perf_counter() - began)
    return [sorted(times)[int(len(times) * 0.99)] for times in took]


@pytest.mark.once
def test_fault_05_others_of_a_peer_that_does_not_read(long_waits):
    """They answer as soon as those of a daemon without such a peer, and what is kept for it has a bound."""
    w = long_waits.slow
    assert w.sent < 64 << 20  # no more of it was taken
    assert memory(w.worker) - w.before < 16 << 20
    with w.other.peer() as undisturbed:
        for _ in range(10):  # the machine may do something else just now
            with_it, without = p99([w.witness, undisturbed])
            if with_it < 2 * without:
                break
        else:
            pytest.fail(f"99 of 100 pings within {with_it * 1e6:.0f} us, of others {without * 1e6:.0f} us")
    assert w.d.says("session 2:") and not w.d.lines("session 2: ended")


# ---- 2 ----

@pytest.mark.once
def test_fault_02_a_program_in_a_debugger_keeps_its_session(long_waits):
    """Stopped for 30 s, idle, in a call or with the device at work: it goes on as if nothing had been."""
    w = long_waits.stopped
    time.sleep(max(0, w.since + IN_A_DEBUGGER - time.monotonic()))
    assert not w.d.lines("ended"), w.d.log
    for p in w.everybody:
        assert "State:\tT" in Path(f"/proc/{p.pid}/status").read_text()
        p.signal(signal.SIGCONT)
    for p in (*w.idle, w.copies):
        assert p.good("read 8") == ID_LOW
        p.good("buffer 4096")
    assert w.copies.good("read 0x160")  # the device still does
    w.copies.good("close")
    assert not w.works.has_answered(1)
    assert not w.d.lines("ended"), w.d.log
    w.d.process.send_signal(signal.SIGTERM)
    a = w.works.answer(30)
    assert a.result == EXCEPTION and a.value > 0, a


# ---- 5, which takes longest ----

@pytest.mark.once
def test_fault_05_a_peer_that_takes_nothing_is_left(long_waits):
    """After a minute, with the reason, and it alone; its worker is gone."""
    w = long_waits.slow
    assert w.d.says("session 2: ended", TAKES_NOTHING + 30)
    took = time.monotonic() - w.since
    assert took > TAKES_NOTHING - 10
    w.witness.good(PING)
    soon(lambda: not os.path.exists(f"/proc/{w.worker}"))
    assert not w.d.lines("session 1: ended")


# ---- 4 ----

@pytest.fixture
def network(site):
    if os.geteuid() != 0:
        pytest.skip("takes networks of its own")
    if not shutil.which("ip"):
        pytest.skip("takes the ip command of iproute2")
    n = Network()
    site.ends.callback(n.end)
    return n


def test_fault_04_a_network_that_loses_everything(site, network):
    """From one moment on no packet arrives, in either direction, and nobody is told so: both ends find out
    within 10 s, idle or with data under way; when it is back, the programs open anew."""
    for n in range(4):
        site.card(name=f"card{n}")
    d = site.daemon("opaed", command=[*network.inside("server"), site.here.bin / "opaed"],
                    listen=[{"tcp": f"{network.SERVER}:0", "clear": True, "public": True}])
    host = f"{network.SERVER}:{d.ports[0]}"

    def program(name):
        return site.program(name, host, command=network.inside("client"), timeout_ms=60000).open()

    idle, busy = program("idle"), program("busy")
    quiet, waits = (Peer(network.connect(d.ports[0])).hello() for _ in range(2))
    handle = soon(lambda: next(filter(None, (opened(waits, t) for t in waits.objects().values())), None))
    waits.send(34, struct.pack("<IQQQQQ", 0, 8, 0, 1, 0, 1500000), handle)  # its answer will find no way
    busy.start("work")
    assert established(idle.pid) == 1 and established(busy.pid) == 1 and not d.lines("ended")
    network.forward(False)
    began = time.monotonic()
    found = {}

    def look():
        now = time.monotonic() - began
        for n in range(1, 5):
            if d.lines(f"session {n}: ended"):
                found.setdefault(f"opaed, session {n}", now)
        if not established(idle.pid):
            found.setdefault("idle", now)
        if not established(busy.pid):
            found.setdefault("busy", now)
        return len(found) == 6

    with contextlib.suppress(AssertionError):
        soon(look, GONE + 20)
    assert len(found) == 6 and max(found.values()) < GONE + 0.5, (found, d.log)
    a = busy.answer(5)
    assert a.result == EXCEPTION and a.why, a
    a = idle.call("read 0", 5)
    assert a.result == EXCEPTION and a.ms < 1000, a
    quiet.sock.close()
    waits.sock.close()
    network.forward(True)
    soon(d.is_idle, 30)
    for p in (idle, busy):
        p.call("close", 70)
        soon(lambda: p.call(f"open {GUID}").result == OK, 30)
        p.good("read 8")
