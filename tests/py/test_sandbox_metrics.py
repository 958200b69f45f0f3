# SPDX-License-Identifier: BSD-3-Clause
"""opaed with another program in the place of opaed-metrics, in the same sandbox: nothing that it tries may
work; and the real one in it."""
import os
import shutil
import sys

import pytest
from conftest import BUILD, SOURCE
from opaed import Daemon, comm, soon
from test_metrics import http, needs_server
from test_sandbox import (ENOENT, ENOSYS, EPERM, KILLED, PLAIN, Attacker, limits_of, needs_plain, place,
                          status_of)
from test_sandbox_passing import TAKING, WAYS

__all__ = ["place"]  # a fixture
ATTACKER = BUILD / "tests/sandbox/opaed-metrics-attacker"
DENIED = SOURCE / "tests/py/denied.py"


class Scraper(Attacker):
    """Who connects where metrics are."""

    def __init__(self, daemon, path):
        daemon.path = path
        super().__init__(daemon)


def the_process(d):
    """Once it has begun."""
    return soon(lambda: next((p for p in d.workers() if comm(p) == "opaed-metrics"), None))


@pytest.fixture
def opaed(place):
    shutil.copy(ATTACKER, place.bin / "opaed-metrics")
    d = Daemon(place, metrics={"unix": str(place.folder / "metrics.sock")})
    yield d
    assert d.stop() == 0, d.log


@pytest.fixture
def attacker(opaed, place):
    a = Scraper(opaed, str(place.folder / "metrics.sock"))
    assert a.does("take-memory 4096") == "done 0", opaed.log
    yield a
    a.close()


@needs_plain
def test_it_is_nobody_and_sees_nothing(attacker, opaed):
    [pid] = opaed.workers()
    status = status_of(pid)
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and not status["Groups"].strip()
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    assert os.listdir(f"/proc/{pid}/root") == []
    for name in ("mnt", "net", "ipc", "uts", "cgroup", "pid"):
        assert os.readlink(f"/proc/self/ns/{name}") != os.readlink(f"/proc/{pid}/ns/{name}"), name
    limits = limits_of(pid)
    assert limits["Max data size"] == [str(64 << 20)] * 2
    for name in ("core file size", "file size", "processes", "locked memory"):
        assert limits[f"Max {name}"] == ["0", "0"], name


@pytest.mark.parametrize("what,how", [
    *(pytest.param(f"{call} /etc/passwd", ENOENT, marks=needs_plain)
      for call in ("open", "open2", "access", "open-for-writing")),
    pytest.param("stat /etc/passwd", ENOENT, marks=needs_plain),
    ("unlink /tmp/x", EPERM), ("mkdir /x", EPERM), ("symlink /x", EPERM), ("mount /", KILLED),
    ("chroot /", KILLED), ("unshare-user", KILLED), ("setns", KILLED), ("exec /bin/true", KILLED),
    ("netlink", EPERM), ("vsock", EPERM), ("socketpair", EPERM),
    ("connect-tcp 22", EPERM), ("reconnect", EPERM), ("reconnect-by-sending", EPERM),
    ("reconnect-by-message", EPERM), ("send-to 22", EPERM), ("listen", EPERM), ("setsockopt", EPERM),
    ("ioctl-of-sockets", EPERM), ("type-into-terminal", EPERM), ("own-descriptor MONITOR", EPERM),
    ("queue-signal MONITOR", EPERM), ("pidfd MONITOR", KILLED), ("read-memory MONITOR", KILLED),
    *((f"{how} 3", EPERM) for how in [*WAYS, *TAKING, "pass-up"]),
    ("map-code", EPERM), ("make-code-by-key", KILLED), ("userfaultfd", KILLED), ("set-user 0", KILLED),
    ("set-capabilities", KILLED), ("another-filter", KILLED), ("bpf", KILLED), ("perf", KILLED),
    ("io-uring", KILLED), ("add-key", KILLED), ("x32", KILLED), ("int80", KILLED),
    *(pytest.param(what, how, marks=needs_plain) for what, how in [
        ("fork", EPERM), ("clone-user", EPERM), ("clone3", ENOSYS), ("kill MONITOR", EPERM),
        ("kill -1", EPERM), ("ptrace MONITOR", KILLED), ("make-code", EPERM), ("dumpable", EPERM),
        ("raise-limit 7", EPERM), (f"take-memory {64 << 20}", "refused 12")])])
def test_it_gets_nothing(attacker, opaed, what, how):
    assert attacker.does(what.replace("MONITOR", str(opaed.process.pid))) == how, opaed.log
    if how == KILLED:
        opaed.says("opaed-metrics died of signal 31; it is started again")


def test_the_real_one(here):
    """It is in the sandbox, and answers all the same; of the log it has nothing any more."""
    needs_server(here)
    d = Daemon(here, metrics={"unix": str(here.folder / "m.sock")}, sandbox="required")
    d.metrics = {"unix": str(here.folder / "m.sock")}
    assert http(d)[0] == 200
    pid = the_process(d)
    status = status_of(pid)
    assert status["Seccomp"] == "2" and status["NSpid"].split()[-1] == "1" and "lacks" not in str(d.log)
    if PLAIN:
        assert os.listdir(f"/proc/{pid}/root") == []
        assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in range(3)} == {"/dev/null"}
    assert d.stop() == 0


@pytest.mark.parametrize("calls,config,word", [
    ("seccomp", {}, "a filter of system calls"), ("unshare", {"sandbox": "required"}, "a network namespace"),
    ("setresuid", {}, "a user without privileges")])
def test_it_answers_nobody_without(here, calls, config, word):
    needs_server(here)
    if calls == "setresuid" and os.geteuid():
        pytest.skip("this user stays who he is")
    path = here.folder / "m.sock"
    d = Daemon(here, metrics={"unix": str(path)}, **config,
               command=[sys.executable, DENIED, calls, here.bin / "opaed"])
    d.says(f"opaed-metrics: its sandbox lacks {word}")
    d.says("opaed-metrics ended with code 1; it is started again")
    soon(lambda: not d.workers())
    assert d.stop() == 0


def test_it_answers_in_a_container(here):
    needs_server(here)
    d = Daemon(here, metrics={"unix": str(here.folder / "m.sock")},
               command=[sys.executable, DENIED, "clone,unshare", here.bin / "opaed"])
    d.metrics = {"unix": str(here.folder / "m.sock")}
    assert http(d)[0] == 200
    d.says("opaed-metrics: its sandbox lacks a network namespace")
    assert d.stop() == 0
