# SPDX-License-Identifier: BSD-3-Clause
"""Memory that runs out: in a worker, in the monitor, and where a limit of the kernel is reached. A request
fails with its reason, and nobody ends who has begun.

The numbers are those of docs/testing.md, "Faults"."""
import contextlib
import os
import pwd
import shutil
import subprocess
import sys

import pytest
from conftest import BUILD, SOURCE
from faults import memory, run_out_of_memory
from opaed import NLB0, PING, Peer, open_and_close, soon

sys.path.insert(0, str(SOURCE / "tests/raw"))
import peer  # noqa: E402
from frames import EXCEPTION, NO_MEMORY, RESULTS, TRACKED, Failed  # noqa: E402

WITHOUT = BUILD / "tests/faults/opaed-worker-without-memory"


@pytest.fixture
def allocator():
    if not WITHOUT.exists():
        pytest.skip("the sanitizer has an allocator of its own")


@pytest.fixture
def poor(allocator, opaed, here):
    """An opaed whose workers can be told to run out of memory."""
    here.start("card0", "n6000")
    folder = here.folder / "bin"
    folder.mkdir()
    shutil.copy(here.bin / "opaed", folder)
    shutil.copy(WITHOUT, folder / "opaed-worker")
    return opaed(command=[folder / "opaed"])


def work(c):
    """Everything that takes memory, once; what failed and how."""
    failed = []

    def one(name, *args):
        try:
            return c.call(name, *args)
        except Failed as e:
            assert 0 < e.result < len(RESULTS), e
            failed.append((name, e.result))
            return None

    one("SESSIONS")
    listed = one("ENUMERATE", 0, [])
    for ident, _, props in listed[0] if listed else []:
        one("PROPERTIES", ident)
        one("ERROR_INFO", ident, 0)
        one("ERROR_READ", ident, 0)
        if props.objtype != peer.ACCELERATOR:
            continue
        one("TOKEN_OBJECT", ident, "name", 0)
        opened = one("OPEN", ident, 0)
        if not opened:
            continue
        h = opened[0]
        buffers = [one("PREPARE", h, 65536, flags) for flags in (0, 1, 2, 4, 5)]
        one("READ64", h, 0, 8)
        one("POLL", h, 0, 8, 0, 1, 10, 1000)
        one("EVENT_REGISTER", h, 0, 0, 5)
        for b in filter(None, buffers):
            one("PUSH", h, b[0], 0, bytes(4096))
            one("PULL", h, b[0], 0, 4096)
        if buffers[3]:
            one("HOLD", h, buffers[3][0], 0, 8192, 0)
            one("WRITEBACK", h, buffers[3][0], 0, 0, 0, bytes(8192))
        one("METRIC_INFO", h)
        for b in filter(None, buffers):
            one("RELEASE", h, b[0])
        one("CLOSE", h)
    one("PING")
    return failed


def test_fault_21_a_worker_without_memory(poor):
    """Each so many-th allocation fails, from all to few: error replies, and the session goes on; afterwards
    it works as before, and another's always did."""
    witness = poor.peer()
    [spared] = poor.workers()
    c = peer.Client(peer.address(poor.path))
    c.hello(features=TRACKED)
    [worker] = set(poor.workers()) - {spared}
    assert not [f for f in work(c) if f[1] == NO_MEMORY]
    seen = set()
    for every in [*range(1, 40), 50, 70, 100, 150, 220, 400]:
        run_out_of_memory(worker, every)
        try:
            failed = work(c)
        except EOFError:
            pytest.fail(f"with each {every}th: {poor.says('session 2: ended')}")
        run_out_of_memory(worker, 0)
        seen |= set(failed)
        assert worker in poor.workers() and not poor.lines("ended"), (every, poor.log[-3:])
        witness.good(PING)
    assert len({name for name, result in seen if result in (NO_MEMORY, EXCEPTION)}) >= 3, seen
    assert not [f for f in work(c) if f[1] == NO_MEMORY]
    c.close()
    token = witness.objects()[NLB0]
    soon(lambda: open_and_close(witness, token))


def test_fault_21_a_worker_without_memory_at_its_end(poor):
    """Its device is stopped and free all the same."""
    witness = poor.peer()
    [spared] = poor.workers()
    token = witness.objects()[NLB0]
    for every in (1, 2, 3, 7):
        with contextlib.closing(peer.Client(peer.address(poor.path))) as c:
            c.hello(features=TRACKED)
            h = c.open()
            c.call("PREPARE", h, 65536, 4)
            [worker] = set(poor.workers()) - {spared}
            run_out_of_memory(worker, every)
        soon(lambda: open_and_close(witness, token), 30)
    soon(lambda: poor.workers() == [spared])
    assert not poor.lines("signal"), poor.log


def is_loaded(worker):
    """Is it in its sandbox? Before, json-c reads the configuration, and does not look at what malloc says."""
    with open(f"/proc/{worker}/status", encoding="ascii") as f:
        return "Seccomp:\t2" in f.read()


def test_fault_21_a_worker_without_memory_before_hello(poor):
    witness = poor.peer()
    [spared] = poor.workers()
    for every in range(1, 12):
        with Peer(poor.path) as p:
            [worker] = soon(lambda: set(poor.workers()) - {spared})
            soon(lambda: is_loaded(worker))
            with contextlib.suppress(EOFError, ConnectionError, ProcessLookupError, AssertionError):
                run_out_of_memory(worker, every)
                assert p.try_hello()[0] in (0, NO_MEMORY, EXCEPTION)
        soon(lambda: poor.workers() == [spared])
    assert not poor.lines("signal 11") and not poor.lines("signal 6"), poor.log
    witness.good(PING)


def test_fault_21_a_monitor_without_memory(allocator, opaed, here):
    """Connections may fail while it lasts; sessions go on, and afterwards all is as before."""
    here.start("card0", "nlb0")
    d = opaed(env={"LD_PRELOAD": str(BUILD / "tests/faults/libmalloc-fails.so")})
    witness = d.peer()
    token = witness.objects()[NLB0]
    before = d.descriptors()
    for every in (1, 2, 3, 5, 8, 13, 21, 34):
        run_out_of_memory(d.process.pid, every)
        for _ in range(3):
            with contextlib.suppress(EOFError, ConnectionError), Peer(d.path, timeout=20) as p:
                p.try_hello()
        here.run("opae", "sessions", "--to", d.path)
        d.reload()
        witness.good(PING)
        open_and_close(witness, token)
        run_out_of_memory(d.process.pid, 0)
        assert d.process.poll() is None, d.log
        soon(lambda: len(d.workers()) == 1, 30)
    d.reload()
    with d.peer() as p:
        p.good(PING)
    soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)
    soon(lambda: open_and_close(witness, token))


def limit_memory(pid, size):
    """As whom the process runs: nobody else may, without privileges of their own."""
    nobody = pwd.getpwnam("nobody")
    as_whom = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    subprocess.run(["prlimit", f"--as={size}:", f"--pid={pid}"], check=True, timeout=20, **as_whom)


def test_fault_21_an_address_space_that_is_full(allocator, opaed, here):
    """What a worker may map is limited, as a cgroup or RLIMIT_AS would: a buffer is refused, and no more."""
    here.start("card0", "nlb0")
    d = opaed()
    c = peer.Client(peer.address(d.path))
    c.hello(features=TRACKED)
    h = c.open()
    [worker] = d.workers()
    limit_memory(worker, memory(worker, "VmSize") + (8 << 20))
    for flags in (0, 1, 2, 4):
        with pytest.raises(Failed) as e:
            c.call("PREPARE", h, 64 << 20, flags)
        assert e.value.result == NO_MEMORY and e.value.reason, e.value
    wsid = c.call("PREPARE", h, 4096, 0)[0]
    assert c.call("PULL", h, wsid, 0, 8) == [bytes(8)]
    limit_memory(worker, "unlimited")
    c.call("PREPARE", h, 64 << 20, 0)
    c.close()


def test_fault_21_more_buffers_than_a_session_may_have(opaed, here):
    """The limit of opaed itself: FPGA_NO_MEMORY; what is given back can be had again."""
    here.start("card0", "nlb0")
    d = opaed(limits={"buffer_bytes": 1 << 20})
    c = peer.Client(peer.address(d.path))
    c.hello()
    h = c.open()
    first = c.call("PREPARE", h, 1 << 20, 2)[0]
    with pytest.raises(Failed) as e:
        c.call("PREPARE", h, 4096, 2)
    assert e.value.result == NO_MEMORY and e.value.reason
    c.call("RELEASE", h, first)
    c.call("PREPARE", h, 1 << 20, 2)
    c.close()
