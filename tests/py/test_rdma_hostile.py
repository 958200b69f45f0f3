# SPDX-License-Identifier: BSD-3-Clause
"""A client that was let in to the fabric of its worker and reaches for what is not its own, and fabrics that
break. It is tests/raw/fabric_odd.c, by libfabric alone."""
import os
import signal
import subprocess
import time

import pytest
from conftest import BUILD, TREE, needs_tracker
from faults import Card
from opaed import soon
from test_rdma import (FABRIC, TRACKED, connections, exercise, fabric_port, far, needs_fabric,
                       opaed)  # noqa: F401  (a fixture)

import peer
from frames import EXPLICIT, READ_ONLY, TRACK

ODD = BUILD / "tests/raw/fabric_odd"
PAGE = 4096
pytestmark = pytest.mark.skipif(not ODD.exists(), reason="this build has no libfabric")


class Far:
    """A session, and a peer at its fabric that does what it is told."""

    def __init__(self, d, card=0):
        self.c = peer.Client(peer.address(f"127.0.0.1:{d.ports[0]}"))
        assert self.c.hello(features=FABRIC | TRACKED)["features"] == FABRIC | TRACKED
        ident = sorted(found[0] for found in self.c.enumerate())[card]
        self.h, self.odd = self.c.call("OPEN", ident, 0)[0], None

    def connect(self):
        provider, at, token, proof = self.c.call("FABRIC")
        host, port = at.rsplit(":", 1)
        self.odd = subprocess.Popen([ODD, provider, host, port, token.hex()], text=True,
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.odd.stdout.readline() == f"connected {proof.hex()}\n"
        return self

    def tell(self, *words):
        self.odd.stdin.write(" ".join(str(w) for w in words) + "\n")
        self.odd.stdin.flush()
        return self.odd.stdout.readline().split()

    def exposed(self, flags, size=1 << 20):
        """A buffer: its wsid, key and address."""
        wsid = self.c.call("PREPARE", self.h, size, flags)[0]
        key, at, length = self.c.call("EXPOSE", self.h, wsid)
        assert length == size
        return wsid, key, at

    def goes_on(self):
        self.c.read64(self.h, 0)
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.c.close()
        if self.odd:
            self.odd.stdin.close()
            self.odd.wait(60)
            self.odd.stdout.close()


@pytest.fixture
def served(here, opaed):  # noqa: F811
    for n in range(2):
        here.start(f"card{n}", "nlb0")
    d = opaed()
    needs_fabric(d)
    return d


def refused(far, *words):
    """It is not done, it costs the fabric's connection, and the session does not mind."""
    assert far.tell(*words) == ["lost"], words
    assert far.odd.wait(60) == 0
    far.odd.stdin.close()
    far.odd.stdout.close()
    far.goes_on().connect()


def test_what_is_offered_is_reached(served):
    with Far(served) as far:
        wsid, key, at = far.connect().exposed(EXPLICIT)
        assert far.tell("write", key, at, 1 << 20, 0x5a)[0] == "done"
        assert far.c.call("PULL", far.h, wsid, (1 << 20) - 8, 8)[0] == bytes([0x5a]) * 8
        done = far.tell("read", key, at + PAGE, PAGE)
        assert done[0] == "done" and done[2] == str(0x5a)


def test_beside_what_is_offered(served):
    with Far(served) as far, Far(served, 1) as other:
        _, key, at = far.connect().exposed(EXPLICIT)
        other.connect()
        _, theirs, there = other.exposed(EXPLICIT)
        assert other.tell("write", theirs, there, PAGE, 7)[0] == "done"
        for words in (("read", key ^ 1, at, 8), ("write", key ^ 1, at, 8, 1), ("read", 0, 0, 8),
                      ("read", key, at + (1 << 20) - 4, 8), ("write", key, at + (1 << 20) - 4, 8, 1),
                      ("read", key, at + (1 << 20), 1), ("read", key, (at - 1) % 2**64, 1),
                      ("write", key, 2**64 - 8, 16, 1), ("read", theirs, there, 8),
                      ("write", theirs, there, PAGE, 1)):
            refused(far, *words)
        assert other.tell("read", theirs, there, PAGE)[2] == "7"
        assert far.tell("read", key, at, 8)[0] == "done"
        other.goes_on()


def test_what_may_only_be_read(served):
    """The twin of a buffer that travels by itself; and one that the device only reads is not offered."""
    with Far(served) as far:
        far.connect()
        far.c.call("EXPOSE", far.h, 0)
        _, key, at = far.exposed(TRACK)
        assert far.tell("read", key, at, PAGE)[0] == "done"
        refused(far, "write", key, at, 8, 1)
        with pytest.raises(peer.Failed):
            far.exposed(TRACK | READ_ONLY)


@pytest.mark.parametrize("flags", [EXPLICIT, TRACK])
@pytest.mark.parametrize("end", ["RELEASE", "CLOSE"])
def test_what_was_taken_back(served, flags, end):
    with Far(served) as far:
        wsid, key, at = far.connect().exposed(flags)
        assert far.tell("read", key, at, PAGE)[0] == "done"
        if end == "CLOSE":
            far.c.call("CLOSE", far.h)
            far.h = far.c.open()
        else:
            far.c.call("RELEASE", far.h, wsid)
        refused(far, "read", key, at, PAGE)
        for again in range(4):  # the next ones may lie at the same place
            _, new, there = far.exposed(flags)
            assert new != key
            assert far.tell("read", new, there, PAGE)[0] == "done"
        refused(far, "read", key, at, PAGE)


def test_writes_that_go_on_behind_a_release(served):
    """What is under way when a buffer goes reaches nothing that comes after it."""
    with Far(served) as far:
        for _ in range(20):
            wsid, key, at = far.connect().exposed(EXPLICIT, 8 << 20)
            assert far.tell("begin", key, at, 8 << 20, 0xee) == ["begun"]
            far.c.call("RELEASE", far.h, wsid)
            wsid = far.c.call("PREPARE", far.h, 8 << 20, EXPLICIT)[0]
            for offset in range(0, 8 << 20, 1 << 20):
                assert not any(far.c.call("PULL", far.h, wsid, offset, 4096)[0])
            far.c.call("RELEASE", far.h, wsid)
            far.odd.kill()
            far.odd.wait(60)
            far.odd.stdin.close()
            far.odd.stdout.close()
        far.connect()


def test_connects_and_kills(served):
    """Of those that were killed in the middle of it nothing stays: no process, descriptor or memory."""
    soon(served.is_idle)
    before = served.descriptors()
    for _ in range(100 if TREE == "plain" else 15):
        far = Far(served)
        _, key, at = far.connect().exposed(EXPLICIT)
        assert far.tell("begin", key, at, 1 << 20, 1) == ["begun"]
        far.odd.kill()
        far.c.close()
        far.odd.wait(60)
        far.odd.stdin.close()
        far.odd.stdout.close()
    soon(served.is_idle)
    soon(lambda: served.descriptors() <= before)
    with Far(served) as far:
        assert far.connect().exposed(EXPLICIT)


def test_reads_while_the_device_is_asked(here, opaed):  # noqa: F811
    """A device that takes two seconds for an answer holds up its register access alone."""
    card = Card(here)
    d = opaed()
    needs_fabric(d)
    with Far(d) as far:
        _, key, at = far.connect().exposed(EXPLICIT)
        far.tell("read", key, at, PAGE)
        os.kill(card.process.pid, signal.SIGSTOP)
        try:
            asked = far.c.start("READ64", far.h, 0, 0)
            end, times = time.monotonic() + 2, []
            while time.monotonic() < end:
                done = far.tell("read", key, at, 1 << 20)
                assert done[0] == "done"
                times.append(int(done[1]))
        finally:
            os.kill(card.process.pid, signal.SIGCONT)
        far.c.finish(asked)
        assert sorted(times)[len(times) // 2] < 250000, times
        far.goes_on()
    card.stop()


def test_the_fabric_breaks(here, opaed):  # noqa: F811
    """Its connection alone is cut in the middle of a push: the program is told, and the card is free for the
    next one."""
    here.start(board="he-lb")
    d = opaed()
    needs_fabric(d)
    env = {**here.env, **far(here, d, buffers="explicit")}
    soon(lambda: "HE-LB" in here.run("opae", "list", env=env).stdout)  # one that is slow comes late
    soon(d.is_idle)
    with subprocess.Popen([here.bin / "opae", "bench", "subject", "move", "push", str(64 << 20), "100000"],
                          env=env, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as job:
        job.stdin.write("go\n")
        job.stdin.flush()
        [worker] = soon(d.workers)
        port = soon(lambda: fabric_port(worker, d))
        soon(lambda: connections(port))
        time.sleep(0.3)  # it is at work
        assert job.poll() is None
        cut = subprocess.run(["ss", "-K", "state", "established", f"( sport = :{port} )"], timeout=60,
                             text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if connections(port):
            job.kill()
            pytest.skip(f"this kernel, or this user, ends no connection of others: {cut.stdout}")
        try:
            told, _ = job.communicate(timeout=60)
        finally:
            job.kill()
        assert job.returncode > 0 and "opaex_push" in told, "\n".join([told, *d.log])
    soon(d.is_idle)
    needs_tracker("trap")
    done = exercise(here, far(here, d))
    assert done.returncode == 0 and "content goes by RDMA (tcp)" in done.stdout, done.stdout
