# SPDX-License-Identifier: BSD-3-Clause
"""Content of buffers by RDMA, with libfabric's provider tcp: that it is used, what is told where it cannot
be, and what strangers and other clients get. The rest is in test_remote_ways.py and test_litmus.py."""
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time

import pytest
from conftest import SOURCE, needs_tracker
from opaed import Daemon, soon

sys.path.insert(0, str(SOURCE / "tests/raw"))
import peer  # noqa: E402
from frames import EXPLICIT, NOT_SUPPORTED, TRACK, TRACKED, Failed  # noqa: E402

CLEAR = [{"tcp": "127.0.0.1:0", "clear": True}]
FABRIC = 2


@pytest.fixture
def opaed(here):
    started = []

    def start(**config):
        started.append(Daemon(here, **{"listen": CLEAR, "rdma": {"provider": "tcp", "spare": 0}, **config}))
        return started[-1]

    yield start
    for d in started:
        assert d.stop() == 0, d.log


def needs_fabric(d):
    """A build without libfabric's headers says so for each session."""
    with peer.Client(peer.address(f"127.0.0.1:{d.ports[0]}")) as c:
        c.hello()
    if d.lines("no RDMA in this build") or d.lines("libfabric is not installed"):
        pytest.skip("there is no libfabric")


def far(here, d, **more):
    more = {"hosts": [f"127.0.0.1:{d.ports[0]}"], "connect_ms": 60000, "timeout_ms": 60000,
            "data": "rdma", **more}
    return here.config(json.dumps({"plugins": ["far"], "configurations": {
        "far": {"enabled": True, "plugin": "libtcp-opae.so", "configuration": more}}}))


def exercise(here, env):
    return subprocess.run([here.bin / "host_exerciser", "lpbk"], env={**here.env, **env, "LIBOPAE_LOG": "2"},
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def test_it_is_used(here, opaed):
    needs_tracker("trap")
    here.start(board="he-lb")
    d = opaed()
    needs_fabric(d)
    done = exercise(here, far(here, d))
    assert done.returncode == 0 and "Test PASSED" in done.stdout, done.stdout
    assert "content goes by RDMA (tcp)" in done.stdout, done.stdout
    soon(d.is_idle)


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may look at a worker's descriptors")
def test_nobody_is_taken_unawaited(here, opaed):
    """Whoever connects before the peer has asked where to, or behind him, costs no descriptor."""
    needs_tracker("trap")
    here.start(board="he-lb")
    d = opaed()
    needs_fabric(d)
    soon(d.is_idle)
    with subprocess.Popen([here.bin / "host_exerciser", "--continuous", "3600", "-t", "3600000", "lpbk"],
                          env={**here.env, **far(here, d), "LIBOPAE_LOG": "2"}, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as job, contextlib.ExitStack() as end:
        end.callback(job.kill)
        [worker] = soon(d.workers)
        port = soon(lambda: fabric_port(worker, d))
        assert any(b"content goes by RDMA" in line for line in job.stdout)  # and nobody is awaited
        before = len(os.listdir(f"/proc/{worker}/fd"))
        strangers = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(30)]
        soon(lambda: connections(port) > 30)
        time.sleep(0.5)  # for what must not happen
        assert len(os.listdir(f"/proc/{worker}/fd")) <= before + 3 and job.poll() is None
        for s in strangers:
            s.close()
    soon(d.is_idle)


def sockets(state):
    """Local port and inode of the machine's TCP sockets in this state."""
    with open("/proc/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.readlines()[1:]]
    return [(int(r[1].rsplit(":", 1)[1], 16), r[9]) for r in rows if r[3] == state]


def fabric_port(pid, d):
    """Where the worker takes connections; 0: nowhere. One that was just forked has opaed's sockets still."""
    links = [link_of(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")]
    return next((port for port, inode in sockets("0A")
                 if f"socket:[{inode}]" in links and port not in d.ports), 0)


def link_of(path):
    try:
        return os.readlink(path)
    except FileNotFoundError:  # it has just been closed
        return ""


def connections(port):
    return sum(at == port for at, _ in sockets("01"))


@pytest.mark.parametrize("server,client,says", [
    ({"rdma": {"provider": "tcp"}}, {"data": "stream"}, None),
    ({"rdma": {"provider": "verbs"}}, {}, "the server offers none")])
def test_all_goes_by_the_connection(here, opaed, server, client, says):
    needs_tracker("trap")
    here.start(board="he-lb")
    d = opaed(**server)
    done = exercise(here, far(here, d, **client))
    assert done.returncode == 0 and "goes by RDMA" not in done.stdout, done.stdout
    assert not says or says in done.stdout, done.stdout


@pytest.mark.parametrize("rdma,says", [
    ({"provider": "shm"}, '"shm" is none'), ({"provider": 1}, '"provider"'), ({"least": 0}, '"least"'),
    ({"port": 1}, '"port"'), ([], '"rdma"')])
def test_configurations_that_are_refused(here, rdma, says):
    d = Daemon(here, start=False)
    d.write(listen=CLEAR, rdma=rdma)
    done = here.run("opaed", "--check-config", "--config", str(d.file))
    assert done.returncode == 1 and says.strip('"') in done.stderr, done.stderr


@pytest.mark.parametrize("more,says", [
    ({"data": "fast"}, '"data"'), ({"rdma_least": 0}, '"rdma_least"'),
    ({"data_in_clear": 1}, '"data_in_clear"')])
def test_clients_that_are_refused(here, more, says):
    env = here.config(json.dumps({"plugins": ["far"], "configurations": {"far": {
        "enabled": True, "plugin": "libtcp-opae.so", "configuration": {"hosts": ["a"], **more}}}}))
    assert says in here.run("opae", "plugins", env=env).stdout


def test_nobody_else_reads_along(here, opaed):
    """An address of this machine that is not the loopback's: the configuration has to say a word."""
    found = subprocess.run(["hostname", "-I"], text=True, stdout=subprocess.PIPE, timeout=60).stdout.split()
    addresses = [a for a in found if re.fullmatch(r"[0-9.]+", a)]
    if not addresses:
        pytest.skip("this machine has the loopback alone")
    d = opaed(listen=[{"tcp": f"{addresses[0]}:0", "clear": True, "public": True}])
    with peer.Client(peer.address(f"{addresses[0]}:{d.ports[0]}")) as c:
        assert c.hello(features=FABRIC)["features"] == 0
    d.says("data_in_clear")


def test_none_over_a_unix_socket(here, opaed):
    """Its worker may not have what a fabric needs."""
    d = opaed(listen=[{"unix": str(here.folder / "way.sock")}, *CLEAR])
    needs_fabric(d)
    for address, features in ((str(here.folder / "way.sock"), 0), (f"127.0.0.1:{d.ports[0]}", FABRIC)):
        with peer.Client(peer.address(address)) as c:
            assert c.hello(features=FABRIC)["features"] == features


# ---- another's client, and strangers ----

def open_exposed(here, opaed):
    here.start("card", "nlb0")
    d = opaed()
    needs_fabric(d)
    c = peer.Client(peer.address(f"127.0.0.1:{d.ports[0]}"))
    assert c.hello(features=FABRIC | TRACKED)["features"] == FABRIC | TRACKED
    return d, c, c.open()


def test_strangers_at_the_fabric(here, opaed):
    """Whoever finds the port has no token: junk, silence and a flood leave the session as it was."""
    d, c, h = open_exposed(here, opaed)
    with c:
        provider, at, token, proof = c.call("FABRIC")
        assert provider == "tcp" and at.startswith("127.0.0.1:") and len(token) == 16 and any(token)
        assert any(proof) and proof != token
        assert c.call("FABRIC")[2] != token
        port = int(at.rsplit(":", 1)[1])
        strangers = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(20)]
        for n, s in enumerate(strangers):
            s.sendall(os.urandom(n * 50))
        for s in strangers[::2]:
            s.close()
        for _ in range(20):
            c.read64(h, 0)
        for s in strangers:
            s.close()
    soon(d.is_idle)


def test_memory_goes(here, opaed):
    """RELEASE and CLOSE end what was exposed."""
    d, c, h = open_exposed(here, opaed)
    with c:
        wsid = c.call("PREPARE", h, 1 << 20, EXPLICIT)[0]
        key, at, length = c.call("EXPOSE", h, wsid)
        assert length == 1 << 20 and (key or at)
        assert c.call("EXPOSE", h, 0)[2] > 1 << 20
        c.call("RELEASE", h, wsid)
        wsid = c.call("PREPARE", h, 1 << 20, TRACK)[0]
        c.call("EXPOSE", h, wsid)
        c.call("CLOSE", h)
    soon(d.is_idle)


def test_without_consent(here, opaed):
    here.start("card", "nlb0")
    d = opaed()
    with peer.Client(peer.address(f"127.0.0.1:{d.ports[0]}")) as c:
        assert c.hello(features=0)["features"] == 0
        with pytest.raises(Failed) as e:
            c.call("FABRIC")
        assert e.value.result == NOT_SUPPORTED and "no fabric" in str(e.value)
