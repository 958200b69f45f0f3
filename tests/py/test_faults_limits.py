# SPDX-License-Identifier: BSD-3-Clause
"""Floods, and ends: what many peers at a time, or one after another, do to the monitor.

OPAEX_CYCLES, OPAEX_FLOOD and OPAEX_FRAMES make them as large as one likes."""
import contextlib
import os
import re
import resource
import signal
import socket
import struct
import threading
import time

import pytest

from conftest import TREE
from opaed import Daemon, HEAD, HELLO, MAGIC, OK, PING, PREPARE, Peer, READ64, left_out, soon, text
from test_tls import Tls, is_closed, with_tls

PLAIN = TREE == "plain"
CYCLES = int(os.environ.get("OPAEX_CYCLES", 500 if PLAIN else 60))
FLOOD = int(os.environ.get("OPAEX_FLOOD", 1500 if PLAIN else 300))
FRAMES = int(os.environ.get("OPAEX_FRAMES", 200000 if PLAIN else 5000))
REFUSED = int(os.environ.get("OPAEX_FLOOD", 600 if PLAIN else 250))
NLB0 = "d8424dc4a4a3c413f89e433683f9040b"
EXPLICIT = 2  # of PREPARE's flags
HELLO_AFU = "850adcc26ceb4b229722d43375b61c66"


@pytest.fixture
def opaed(here):
    started = []

    def start(**config):
        started.append(Daemon(here, f"opaed{len(started)}", **config))
        return started[-1]

    yield start
    for d in started:
        assert d.stop() == 0, d.log


def status(pid, key):
    """A figure of /proc/PID/status, in KiB."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{key}:\s*(\d+)", f.read(), re.M).group(1))


def limit_descriptors(d, most):
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (most, most))


# ---- 19: flood, and no descriptors ----

class Flood(threading.Thread):
    """Connections, many at a time. Half of them say HELLO, and wait for an answer or the end."""

    def __init__(self, address, total, at_once=100):
        super().__init__()
        self.address, self.total, self.at_once = address, total, at_once
        self.done, self.longest = 0, 0.0
        self.hello = HEAD.pack(32 + 35, 32, HELLO, 0, 1, 0, 0, 0)
        self.hello += struct.pack("<IHHQII", MAGIC, 1, 1, 0, 128 << 10, 16) + text("flooding.")

    def connect(self, i):
        s = socket.create_connection(self.address, 60)
        if i % 2:
            with contextlib.suppress(ConnectionError):
                s.sendall(self.hello)
        return s

    def run(self):
        while self.done < self.total:
            crowd = [self.connect(i) for i in range(min(self.at_once, self.total - self.done))]
            before = time.monotonic()
            for s in crowd[1::2]:
                with contextlib.suppress(ConnectionError):
                    s.recv(1)
            self.longest = max(self.longest, time.monotonic() - before)
            for s in crowd:
                s.close()
            self.done += len(crowd)


def is_let_go(address):
    """A connection ends without a word."""
    with socket.create_connection(address, 30) as s:
        try:
            return s.recv(1) == b""
        except ConnectionError:
            return True


def test_fault_19_flood_without_descriptors(opaed, here):
    """Sessions live, devices are opened for them, who may administer gets in, and it recovers alone."""
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    d = opaed(policy=[{"principal": f"unix:{os.geteuid()}", "see": ["*"], "allow": ["*"]},
                      {"principal": "*", "see": ["*"], "allow": ["mmio-read"]}],
              limits={"connections": 1000, "connections_per_principal": 1000})
    tcp = ("127.0.0.1", d.ports[0])
    first, second = d.peer(), d.peer()
    handle = first.open(first.objects()[NLB0])
    limit_descriptors(d, 64)
    crowd = []
    while not d.lines("cannot be taken now"):  # strangers come, and stay
        crowd.append(Peer(tcp))
        assert len(crowd) < 64
        with contextlib.suppress(EOFError, ConnectionError):
            crowd[-1].hello()
    crowd.pop().sock.close()  # who met the limit
    assert len(crowd) > 8
    assert is_let_go(tcp)
    assert "tcp:127.0.0.1" in here.good("opae", "sessions", "--to", d.path)
    second.open(second.objects()[HELLO_AFU])
    flood = Flood(tcp, FLOOD)
    flood.start()
    while flood.is_alive():
        first.read(handle, 8)
        crowd[0].good(PING)
        time.sleep(0.01)
    flood.join()
    assert flood.done == FLOOD and flood.longest < 20
    for p in crowd:
        p.good(PING)  # none of them was given up for those who came later
        p.sock.close()
    soon(lambda: len(d.workers()) == 2, 60)
    with contextlib.ExitStack() as more:
        for _ in range(8):
            p = soon(lambda: served(tcp), 30)
            more.callback(p.sock.close)
            p.good(PING)
    first.read(handle, 8)
    assert d.process.poll() is None and len(d.log) < 1000


def test_fault_19_strangers_over_tls(here):
    """Of whom nobody knows who they are: they take a part of the descriptors, and the rest is for others."""
    with_tls(here)
    here.start()
    t = Tls(here, limits={"preauth_ms": 2000})
    d = t.daemon
    try:
        first = Peer(d.path).hello()
        handle = first.open(first.objects()[NLB0])
        limit_descriptors(d, 64)
        flood = Flood(("127.0.0.1", t.port), FLOOD // 10)
        crowd = [flood.connect(0) for _ in range(80)]
        soon(lambda: sum(is_closed(s) for s in crowd) >= 80 - 64 // 4)
        assert "unix:" in here.good("opae", "sessions", "--to", d.path)
        flood.start()
        while flood.is_alive():
            first.read(handle, 8)
            time.sleep(0.01)
        for s in crowd:
            s.close()
        soon(lambda: len(d.workers()) == 1, 60)

        def is_served():
            with contextlib.suppress(OSError, EOFError), t.peer() as p:
                return p.try_hello()[0] == OK

        soon(is_served, 60)
        first.read(handle, 8)
        assert len(d.log) < 1000
    finally:
        assert d.stop() == 0


def served(address):
    try:
        return Peer(address).hello()
    except (EOFError, ConnectionError):
        return None


def test_a_flood_meets_the_limit_of_connections(opaed):
    """With descriptors enough: who is too much is told so, or let go at once."""
    d = opaed(limits={"connections": 8})
    first = d.peer()
    flood = Flood(("127.0.0.1", d.ports[0]), FLOOD)
    flood.start()
    while flood.is_alive():
        first.good(PING)
        time.sleep(0.01)
    assert flood.done == FLOOD
    soon(lambda: len(d.workers()) == 1, 60)
    d.peer().good(PING)


def test_limits_of_buffers(opaed, here):
    """Of what is kept equal at both ends, and of all; a limit of 0 is none at all."""
    here.start()
    sizes = {"some": (1 << 20, 8192), "none": (0, 0), "explicit alone": (1 << 20, 0)}
    for name, (all_of_them, watched) in sizes.items():
        d = opaed(limits={"buffer_bytes": all_of_them, "watch_bytes": watched})
        with d.peer() as p:
            handle = p.open(p.objects()[NLB0])
            ok = [p.call(PREPARE, struct.pack("<QI", size, flags), handle)[0] == OK
                  for size, flags in ((8193, 0), (8192, 0), (1, 0), (4096, EXPLICIT))]
            assert ok == {"some": [False, True, False, True], "none": [False] * 4,
                          "explicit alone": [False, False, False, True]}[name], name
        soon(d.is_idle)


# ---- 20: the end ----

def test_fault_20_shutdown_with_clients(opaed, here):
    """Those who are served, who have not said who they are, who stop in the middle, and who are refused."""
    here.start()
    d = opaed(limits={"connections": 24, "hello_ms": 60000})
    owner = d.peer()
    handle = owner.open(owner.objects()[NLB0])
    owner.prepare(handle, 1 << 20)
    crowd = [owner, *(d.peer() for _ in range(7))]
    crowd += [Peer(d.path) for _ in range(8)]
    for p in (Peer(d.path) for _ in range(8)):
        p.sock.sendall(HEAD.pack(32 + 100, 32, HELLO, 0, 1, 0, 0, 0) + b"x")
        crowd.append(p)
    soon(lambda: len(d.workers()) == 24)
    crowd += [Peer(d.path) for _ in range(4)]  # too many: their workers wait to tell them
    soon(lambda: len(d.workers()) == 28)
    workers = d.workers()
    before = time.monotonic()
    d.process.send_signal(signal.SIGTERM)
    assert d.process.wait(60) == 0
    took = time.monotonic() - before
    assert took <= (8 if PLAIN else 20), took  # 5 s, and what a loaded machine adds
    for p in crowd:
        assert p.is_ended()
    assert not any(os.path.exists(f"/proc/{w}") for w in workers)
    assert not d.lines("signal 11") and not d.lines("signal 6")
    here.good("opae", "info")  # the card is free, and answers


# ---- 28: the log ----

def bad_frames(p, total):
    """Frames that name what is not there, in pieces; the answers are read beside."""
    def read():
        with contextlib.suppress(OSError):
            while p.sock.recv(1 << 16):
                pass

    body = struct.pack("<IQ", 0, 8)
    reader = threading.Thread(target=read)
    reader.start()
    for at in range(0, total, 1000):
        p.sock.sendall(b"".join(HEAD.pack(32 + len(body), 32, READ64, 0, at + i + 10, 77, 0, 0) + body
                                for i in range(min(1000, total - at))))
    p.sock.shutdown(socket.SHUT_WR)
    reader.join(600)
    assert not reader.is_alive()
    p.sock.close()


def test_fault_28_bad_frames(opaed):
    """Each is answered, or ends its session; the log stays short, and others are served."""
    d = opaed()
    other = d.peer()
    p = d.peer()
    flood = threading.Thread(target=bad_frames, args=(p, FRAMES))
    flood.start()
    while flood.is_alive():
        other.good(PING)
        time.sleep(0.01)
    assert f" {FRAMES + 1} frames" in d.says("session 2: ended", 60)
    before = time.monotonic()
    for _ in range(REFUSED):  # these end the session
        with contextlib.suppress(ConnectionError), Peer(d.path) as p:
            p.sock.sendall(b"\0" * 64)
            assert p.is_ended()
    soon(lambda: len(d.workers()) == 1, 60)
    seconds = time.monotonic() - before
    assert len(d.log) < 2 * (100 + 5 * seconds) + seconds + 40
    soon(lambda: d.lines("about unix:"), 20)
    other.good(PING)


def test_fault_28_refused_connections(opaed):
    """Each that has no line is counted in one."""
    d = opaed(policy=[{"principal": "unix:*", "see": ["*"], "allow": ["*"]},
                      {"principal": "tcp:10.9.9.9", "see": ["*"], "allow": ["*"]}])
    other = d.peer()
    began = time.monotonic()
    for _ in range(REFUSED):
        with contextlib.suppress(ConnectionError):
            socket.create_connection(("127.0.0.1", d.ports[0]), 30).close()
    other.good(PING)

    def told():
        return len(d.lines("is refused: ")) + len(d.lines("closed without a word")) - of_last()

    def of_last():  # the line about what was left out has the last of these in it
        return len([x for x in d.lines("more lines") if "refused" in x or "without a word" in x])

    soon(lambda: told() + left_out(d) >= REFUSED, 60)
    assert told() + left_out(d) == REFUSED
    seconds = time.monotonic() - began
    assert len(d.log) < 2 * (100 + 5 * seconds) + seconds + 20
    d.says("about tcp:127.0.0.1 were left out")
    d.peer().good(PING)
    d.says("session 1:")


def stderr_of(worker):
    """Writes there as the worker does, but waits while it is full."""
    f = open(f"/proc/{worker}/fd/2", "wb", buffering=0)
    os.set_blocking(f.fileno(), True)
    return f


def two_workers(d):
    """The stderr of each of the workers of two sessions, and their peers."""
    first = d.peer()
    [one] = d.workers()
    second = d.peer()
    [two] = set(d.workers()) - {one}
    return stderr_of(one), stderr_of(two), first, second


def test_fault_28_workers_lines(opaed):
    """What a worker writes to its stderr is the monitor's to log: no more than there may be, and escaped."""
    d = opaed()
    one, two, p, _ = two_workers(d)
    with one as f, two:
        f.write(b"evil \x1b[2J\xff\n" + b"opaed: session 9: ended\n" + b"y" * 5000 + b"\n")
        assert d.says("evil") == r"opaed: session 1: worker: evil \x1b[2J\xff"
        assert d.says("session 9") == "opaed: session 1: worker: session 9: ended"
        two.write(b"half a line")
        d.says("y" * 400)
        assert max(map(len, d.log)) < 1100
        for i in range(20):
            f.write(b"".join(b"line %d\n" % n for n in range(i * 1000, (i + 1) * 1000)))
        two.write(b", and the other\n")
    soon(lambda: len(d.lines("worker: line ")) + left_out(d) - len(d.lines("more lines")) >= 20000, 60)
    d.says("about session 1 were left out")
    assert d.says("the other") == "opaed: session 2: worker: half a line, and the other"
    assert len(d.log) < 2000
    p.good(PING)
    d.peer().good(PING)


def test_fault_28_one_workers_lines_hide_no_others(opaed):
    d = opaed()
    one, two, *_ = two_workers(d)
    with one, two:
        flood = threading.Thread(target=lambda: [one.write(b"flood\n" * 10000) for _ in range(10)])
        flood.start()
        for i in range(50):
            two.write(b"of the other, %d\n" % i)
            soon(lambda: f"opaed: session 2: worker: of the other, {i}" in d.log, 60)
        flood.join()
    assert len(d.lines("session 1: worker: flood")) < 1000


def test_fault_28_one_principals_lines_hide_no_others(opaed):
    """Of however many sessions they are."""
    d = opaed()
    other = d.peer()
    [his] = d.workers()
    noisy = [d.peer(tcp=True) for _ in range(20)]
    flood = []
    for worker in set(d.workers()) - {his}:
        flood.append(threading.Thread(target=lambda w=worker: stderr_of(w).write(b"flood\n" * 5000)))
    with stderr_of(his) as f:
        for t in flood:
            t.start()
        for t in flood:
            t.join()
        for i in range(30):
            f.write(b"of the other, %d\n" % i)
            soon(lambda: f"opaed: session 1: worker: of the other, {i}" in d.log, 20)
    soon(lambda: "about tcp:127.0.0.1 were left out" in "".join(d.log))
    for p in (other, *noisy):
        p.good(PING)


def test_fault_28_last_words_of_a_worker(opaed):
    """They come, though it has died before anybody has read them."""
    d = opaed()
    one, two, _, other = two_workers(d)
    worker = d.workers()[0]
    with one, two:
        d.process.send_signal(signal.SIGSTOP)
        two.write(b"the other\n")
        one.write(b"this is\nthe end")
        os.kill(worker, signal.SIGKILL)
    d.process.send_signal(signal.SIGCONT)
    d.says("session 1: ended")
    said = [x for x in d.log if x.startswith("opaed: session 1: ")]
    assert said[-3:-1] == ["opaed: session 1: worker: this is", "opaed: session 1: worker: the end"]
    d.says("session 2: worker: the other")
    other.good(PING)


# ---- 30: connect and kill ----

def cycle(d, n):
    """Peers come and vanish, each in another way; sometimes a worker dies with them."""
    peers = []
    for i in range(n):
        p = Peer(d.path)
        if i % 4:
            p.hello()
        if i % 4 == 2:
            p.sock.sendall(HEAD.pack(32 + 16, 32, PING, 0, 2, 0, 0, 0))
        peers.append(p)
    if n > 3:
        for w in d.workers()[:1]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(w, signal.SIGKILL)
    for p in peers:
        p.sock.close()
    soon(d.is_idle, 60)


def test_fault_30_connect_and_kill(opaed):
    """They leave nothing in the monitor: no memory, no descriptor, no process."""
    d = opaed(limits={"connections": 64})
    pid = d.process.pid
    at_once = 8
    for _ in range(max(64, CYCLES // 10) // at_once):
        cycle(d, at_once)
    memory, files = status(pid, "RssAnon"), d.descriptors()
    began = time.monotonic()
    for _ in range((CYCLES + at_once - 1) // at_once):
        cycle(d, at_once)
    grown = status(pid, "RssAnon") - memory
    took = time.monotonic() - began
    print(f"{CYCLES} cycles in {took:.1f} s: {memory} KiB {grown:+d}, {files} descriptors")
    soon(lambda: d.descriptors() <= files)
    assert not PLAIN or grown <= 64, (memory, grown)  # a sanitizer keeps what was freed
    assert not d.workers()
    d.peer().good(PING)
