# SPDX-License-Identifier: BSD-3-Clause
"""What becomes of a worker whose sandbox lacks something: nobody is served without a user, a filter and
limits of its own, and where "sandbox" is "required" nobody without the rest."""
import json
import os
import socket
import sys

import pytest
from conftest import SOURCE
from opaed import NO_ACCESS, OK, Daemon, Peer, soon
from test_tls import Tls, with_tls

DENIED = SOURCE / "tests/py/denied.py"
NAMESPACES = ("a network namespace", "an ipc namespace", "a uts namespace", "a cgroup namespace",
              "a file system of its own")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="what root alone does")


@pytest.fixture
def denied(machine):
    """Starts an opaed that is denied these calls; each must end well."""
    started = []

    def start(*calls, **config):
        command = [sys.executable, DENIED, ",".join(calls), machine.bin / "opaed"]
        started.append(Daemon(machine, f"opaed{len(started)}", command=command, **config))
        return started[-1]

    yield start
    for d in started:
        assert d.stop() == 0, d.log


def refused(d, piece):
    """He is told, and so is the log; that is all of it, each time."""
    for _ in range(2):
        before = len(d.log)
        with Peer(d.path) as p:
            result, why = p.try_hello()
            assert result == NO_ACCESS and "cannot shut in the process" in why, d.log
        soon(d.is_idle)
        soon(lambda n=before: [line for line in d.log[n:]
                               if f"ended: its worker's sandbox lacks {piece}" in line])
    assert d.said(f"its worker's sandbox lacks {piece}: Operation not permitted; so it will be")


def served(d):
    with Peer(d.path) as p:
        assert p.try_hello()[0] == OK, d.log
    soon(d.is_idle)


# ---- what nobody is served without ----

@pytest.mark.parametrize("config", [{}, {"sandbox": "available"}, {"sandbox": "required"}])
def test_nobody_is_served_without_a_filter(denied, config):
    refused(denied("seccomp", **config), "a filter of system calls")


@needs_root
def test_nobody_is_served_by_root(denied, machine):
    if machine.user:
        pytest.skip("this user stays who he is")
    refused(denied("setresuid"), 'a user without privileges ("worker_user")')


def test_no_hands_are_shaken_without_a_filter(denied, machine):
    """TLS has a word for it, too."""
    with_tls(machine)
    t = Tls(machine)
    t.daemon.stop()
    d = denied("seccomp", listen=t.listen())
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", d.ports[0]), 20) as s:
            s.sendall(b"\x16\x03\x01\x02\x00 the beginning of a handshake")
            assert s.recv(100) == b"\x15\x03\x03\0\x02\x02\x50"  # the alert "internal error"
    soon(lambda: len(d.lines("is not let in: its worker's sandbox lacks a filter of system calls")) == 2)
    soon(d.is_idle)


# ---- what may be lacking ----

@pytest.mark.parametrize("config", [{}, {"sandbox": "available"}])
def test_without_namespaces_it_serves(denied, config):
    """In a container; what it lacks is told once."""
    d = denied("clone", "unshare", **config)
    served(d)
    served(d)
    assert d.said("workers are in no namespaces of their own")
    for piece in (*NAMESPACES, "a pid namespace"):
        assert d.said(f"lacks {piece}")


def test_it_does_not_serve_without_what_is_required(denied):
    d = denied("unshare", sandbox="required")
    refused(d, "a network namespace")
    for piece in NAMESPACES:
        assert d.said(f"lacks {piece}: Operation not permitted; so it")


def test_what_is_required_is_there(opaed, machine):
    """As it is on a stock kernel, for root and for others."""
    d = opaed(machine, sandbox="required")
    served(d)
    assert not d.lines("lacks")


def test_it_does_not_start_without_what_is_required(denied, machine):
    """Nor is it put in force when the file is read again."""
    d = denied("clone")
    log = d.reload(sandbox="required")
    assert any('"sandbox" is "required" and cannot be had: ' in line for line in log), log
    served(d)
    d.write(sandbox="required")
    done = machine.run(*d.command, "--config", d.file)
    assert done.returncode == 1 and "cannot be had" in done.stderr, done.stderr


@pytest.mark.parametrize("value,word", [
    ("required", None), ("available", None), ("off", 'is neither "required" nor "available"'),
    (True, '"sandbox"'), (None, '"sandbox"')])
def test_the_key(here, value, word):
    file = here.folder / "opaed.cfg"
    file.write_text(json.dumps({"listen": [{"unix": f"{here.folder}/s"}], "sandbox": value}))
    done = here.run("opaed", "--check-config", "--config", str(file))
    assert done.returncode == (1 if word else 0) and (not word or word in done.stderr), done.stderr
