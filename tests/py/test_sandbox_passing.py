# SPDX-License-Identifier: BSD-3-Clause
"""A worker that has gone over to a peer on a unix socket passes him nothing that outlives the session."""
import os
import socket

import pytest
from opaed import soon
from test_gate import BUSY, HOLD, Rig, asks, byte_of, try_lock
from test_sandbox import BUILD, EPERM, place  # noqa: F401

UNFILTERED = BUILD / "tests/sandbox/opaed-attacker-unfiltered"
WAYS = ["pass", "pass-many", "pass-by-long-number", "pass-by-dup", "pass-by-dup2", "pass-by-dup3",
        "pass-by-fcntl", "pass-by-fcntl-cloexec", "pass-by-socketpair"]
TAKING = ["take", "take-many"]
LENT = ["lent", "3"]  # a device's lock, the channel


@pytest.fixture
def rig(place):  # noqa: F811
    r = Rig(place)
    yield r
    r.end()


@pytest.fixture
def open_rig(place):  # noqa: F811
    """Its workers' filter of system calls is none."""
    (place.bin / "opaed-worker").unlink()
    (place.bin / "opaed-worker").write_bytes(UNFILTERED.read_bytes())
    (place.bin / "opaed-worker").chmod(0o755)
    r = Rig(place)
    yield r
    r.end()


def passes(a, what):
    """What comes of it, and the descriptors that come along."""
    a.sock.sendall(f"{what}\n".encode())
    answer, fds = b"", []
    while not answer.endswith(b"\n"):
        piece, more, _, _ = socket.recv_fds(a.sock, 100, 8)
        assert piece, a.daemon.log
        answer += piece
        fds += more
    return answer.decode().strip().lstrip("!"), fds


def holder(rig):
    """An attacker with a device's lock."""
    a = rig.attacker()
    asks(a, f"lock {HOLD} {rig.cards[0]}", "done 0")
    return a


def is_free(rig):
    return try_lock(rig.inventory, byte_of(rig.cards[0], HOLD))


def test_it_passes_nothing(rig):
    a = holder(rig)
    for how in WAYS:
        for what in LENT:
            assert passes(a, f"{how} {what}") == (EPERM, []), (how, what)
    other = rig.attacker()
    asks(other, f"lock {HOLD} {rig.cards[0]}", BUSY)
    a.close()
    soon(lambda: len(rig.opaed.workers()) == 1)
    assert is_free(rig)
    asks(other, f"lock {HOLD} {rig.cards[0]}", "done 0")


def takes(a, how):
    """What comes of it when its peer sends a socket."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        a.sock.sendall(f"{how}\n".encode())
        socket.send_fds(a.sock, [b"!"], [theirs.fileno()])
        return a.answer()


@pytest.mark.parametrize("how", TAKING)
def test_it_takes_nothing(rig, how):
    """Another socket of its peer's would be one that the filter does not know."""
    assert takes(rig.attacker(), how) == EPERM


def test_the_attack_is_sound(open_rig):
    """Without the filter each works, and the device is held when the session is over."""
    for how in WAYS:
        a = holder(open_rig)
        said, fds = passes(a, f"{how} lent")
        assert said == "done 1" and len(fds) == 1, (how, said)
        a.close()
        soon(open_rig.opaed.is_idle)
        assert not is_free(open_rig), how
        os.close(fds[0])
        assert is_free(open_rig), how
    for how in TAKING:
        assert takes(open_rig.attacker(), how) == "done 1", how


def test_the_monitor_keeps_nothing(rig):
    """It has no room for descriptors in what a worker says."""
    a = rig.attacker()
    before = rig.opaed.descriptors()
    assert a.does("pass-up 2000") == "done 0"
    assert a.does("ask stat 0 /dev/null") == "done 0"
    soon(lambda: rig.opaed.descriptors() <= before)

