# SPDX-License-Identifier: BSD-3-Clause
"""The monitor waits for others without a processor of its own."""
import os
import time

import pytest
from conftest import BUILD
from opaed import PING, Peer, soon

SLOW_EXEC = BUILD / "tests/faults/libexec-waits.so"


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as f:
        user, system = f.read().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.skipif(not SLOW_EXEC.exists(), reason="a sanitizer's program cannot be loaded before")
def test_a_session_ends_while_another_begins(opaed):
    """A new worker has copies of the monitor's descriptors until it has become its program. Those of a
    session that ends meanwhile are nothing that the monitor would wake for, again and again."""
    d = opaed(env={"LD_PRELOAD": str(SLOW_EXEC)})
    first = d.peer()
    [gone] = d.workers()
    with Peer(d.path) as second:
        soon(lambda: len(d.workers()) == 2)
        first.sock.close()
        soon(lambda: gone not in d.workers())
        used = processor_seconds(d.process.pid)
        begin = time.monotonic()
        second.hello()
        assert time.monotonic() - begin > 0.3, "the new worker was not slow: nothing was tested"
        assert processor_seconds(d.process.pid) - used < 0.2
        second.good(PING)
    soon(d.is_idle)
