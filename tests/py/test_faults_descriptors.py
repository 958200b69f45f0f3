# SPDX-License-Identifier: BSD-3-Clause
"""Descriptors that the kernel passes on to nobody any more, because a user has too many on their way; and a
process that is killed and does not die."""
import ctypes
import os
import subprocess
import sys

import pytest
from opaed import OK, PING, open_and_close, soon
from test_metrics import needs_server
from test_sandbox_metrics import the_process

CLOG = """
import socket, sys
ends = socket.socketpair()
for _ in range(4):
    socket.send_fds(ends[0], [b"x"], [0] * 250)
print("clogged", flush=True)
sys.stdin.read()
"""
FILES = 256  # of opaed: as many of its user's may be on their way


@pytest.fixture
def clog(machine):
    """Another program of opaed's user, which has more on their way than opaed may. Called, it ends."""
    if os.geteuid() == 0 and not machine.user:
        pytest.skip("the kernel does not count for root")
    who = {"user": machine.user.pw_uid} if machine.user else {}
    started = []

    def start():
        p = subprocess.Popen([sys.executable, "-c", CLOG], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, **who)
        started.append(p)
        assert p.stdout.readline() == b"clogged\n"
        return lambda: p.communicate(timeout=20)

    yield start
    for p in started:
        if p.poll() is None:
            p.communicate(timeout=20)


def test_a_worker_that_cannot_be_given_a_descriptor_asks_again(machine, opaed, clog):
    machine.start("card0", "nlb0")
    d = opaed(machine, command=["/usr/bin/prlimit", f"--nofile={FILES}", machine.bin / "opaed"])
    with d.peer() as p:
        token = next(iter(p.objects().values()))
        assert open_and_close(p, token)
        unclog = clog()
        assert p.try_open(token)[0] != OK  # it has tried for long enough
        p.good(PING)
        with d.peer() as other:  # starts meanwhile
            other.good(PING)
        unclog()
        soon(lambda: open_and_close(p, token))
    assert not d.lines("did not take what the monitor told it")
    soon(d.is_idle)


PTRACE_SEIZE, WALL = 0x4206, 0x40000000


@pytest.mark.skipif(os.geteuid() != 0, reason="takes the right to trace")
def test_a_process_that_does_not_die_is_not_waited_for(opaed, here):
    """Who traces a process has it stay until he has heard of its end."""
    needs_server(here)
    d = opaed( metrics={"unix": str(here.folder / "m.sock")})
    pid = the_process(d)
    assert not ctypes.CDLL(None, use_errno=True).ptrace(PTRACE_SEIZE, pid, None, None), ctypes.get_errno()
    assert any("is read again" in line for line in d.reload())
    with d.peer() as p:
        p.good(PING)
    assert os.waitpid(pid, WALL)[0] == pid
    soon(d.is_idle)
