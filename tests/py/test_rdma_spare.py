# SPDX-License-Identifier: BSD-3-Clause
"""Workers that are ready with a fabric before their peers come: by them content goes by RDMA beside TLS."""
import contextlib
import os
import signal
import subprocess

import pytest
from conftest import needs_tracker
from opaed import PING, Daemon, comm, pause, soon
from test_metrics import needs_server, when
from test_rdma import CLEAR, FABRIC, Failed, far, needs_fabric, peer
from test_rdma import exercise as by_rdma
from test_tls import Tls, files, with_tls


@pytest.fixture
def tls(here):
    with_tls(here)
    needs_server(here)
    started = []

    def start(rdma=None, board="he-lb", **config):
        here.start(board=board)
        metrics = {"unix": str(here.folder / "metrics.sock")}
        t = Tls(here, metrics=metrics, rdma={"provider": "tcp", **(rdma or {})}, **config)
        started.append(t)
        t.daemon.metrics = metrics
        soon(lambda: ready(t.daemon) or t.daemon.lines("could not be kept ready"), 60)
        if t.daemon.lines("no RDMA in this build") or t.daemon.lines("libfabric is not installed"):
            pytest.skip("there is no libfabric")
        return t

    yield start
    for t in started:
        assert t.daemon.stop() == 0, t.daemon.log


def ready(d):
    return int(when(d, lambda page: True).value("opaed_spare_workers"))


def missed(d):
    return when(d, lambda page: True).value("opaed_spare_workers_missed_total")


def has(d, num):
    soon(lambda: ready(d) == num, 60)


def workers(d):
    """All but opaed-metrics: of which it is known whether they are spare, when there are no sessions."""
    return {pid for pid in d.workers() if comm(pid) not in ("opaed-metrics", "")}


def exercise(t):
    env = t.client(data="rdma")
    return subprocess.run([t.machine.bin / "host_exerciser", "lpbk"],
                          env={**t.machine.env, **env, "LIBOPAE_LOG": "2"}, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)


def test_content_goes_by_rdma_beside_tls(tls):
    needs_tracker("trap")
    t = tls()
    for _ in range(3):
        done = exercise(t)
        assert done.returncode == 0 and "Test PASSED" in done.stdout, done.stdout
        assert "content goes by RDMA (tcp)" in done.stdout, done.stdout
        has(t.daemon, 1)
    assert missed(t.daemon) == 0 and t.daemon.lines("tls:opae:alice")
    soon(lambda: len(workers(t.daemon)) == 1)


@pytest.fixture
def clear(here):
    """A listener in clear text."""
    needs_server(here)
    here.start(board="he-lb")
    metrics = {"unix": str(here.folder / "metrics.sock")}
    d = Daemon(here, listen=CLEAR, rdma={"provider": "tcp"}, metrics=metrics)
    d.metrics = metrics
    needs_fabric(d)
    soon(lambda: ready(d) and len(workers(d)) == 1)
    yield d
    assert d.stop() == 0, d.log


def client(d):
    return peer.Client(peer.address(f"127.0.0.1:{d.ports[0]}"))


def test_in_clear_text(here, clear):
    needs_tracker("trap")
    for _ in range(2):
        [spare] = workers(clear)
        with client(clear) as c:
            c.hello(features=FABRIC)
            assert c.call("FABRIC")[0] == "tcp"
            has(clear, 1)
            assert len(workers(clear)) == 2 and spare in workers(clear)
        soon(lambda: len(workers(clear)) == 1)
    done = by_rdma(here, far(here, clear))
    assert done.returncode == 0 and "content goes by RDMA (tcp)" in done.stdout, done.stdout


def test_many_in_clear_text(clear):
    """Whom none is ready for waits for a worker of his own to open its fabric."""
    with contextlib.ExitStack() as all_of_them:
        peers = [all_of_them.enter_context(client(clear)) for _ in range(4)]
        for c in peers:
            c.hello(features=FABRIC)
            assert c.call("FABRIC")[0] == "tcp"
    assert missed(clear) == 0


def test_who_is_refused_takes_none(clear):
    said = clear.reload(listen=CLEAR, rdma={"provider": "tcp"}, metrics=clear.metrics,
                        policy=[{"principal": "tcp:*", "see": [], "allow": []}])
    assert "is read again" in said[-1], said
    [spare] = soon(lambda: ready(clear) and len(workers(clear)) == 1 and workers(clear))
    with client(clear) as c:
        with pytest.raises(Failed):
            c.hello()
    soon(lambda: workers(clear) == {spare})


def test_none_is_ready(tls):
    """Then the peer is served all the same; and the next one has a fabric again."""
    t = tls()
    d = t.daemon
    [spare] = workers(d)
    with t.peer().hello() as first:
        [later] = soon(lambda: workers(d) - {spare})
        pause(later)
        if ready(d):
            pytest.skip("it was ready before it could be stopped")
        with t.peer().hello() as second:
            assert missed(d) == 1 and d.says("no worker with a fabric was ready")
            second.good(PING)
            first.good(PING)
        os.kill(later, signal.SIGCONT)
        has(d, 1)
        with t.peer().hello() as third:
            assert missed(d) == 1
            third.good(PING)
    soon(lambda: len(workers(d)) == 1)


def test_several_are_ready(tls):
    t = tls(rdma={"spare": 3})
    has(t.daemon, 3)
    peers = [t.peer().hello() for _ in range(3)]
    assert missed(t.daemon) == 0
    for p in peers:
        p.good(PING)
        p.sock.close()
    has(t.daemon, 3)
    soon(lambda: len(workers(t.daemon)) == 3)


def test_one_that_dies_is_replaced(tls):
    t = tls()
    [spare] = workers(t.daemon)
    os.kill(spare, signal.SIGKILL)
    t.daemon.says("could not be kept ready: it died of signal 9")
    soon(lambda: workers(t.daemon) - {spare})
    has(t.daemon, 1)
    t.peer().hello().good(PING)


def test_it_has_the_configuration_in_force(tls):
    """Neither an old policy nor old files: what waits is replaced."""
    t = tls()
    d = t.daemon
    [old] = workers(d)
    said = d.reload(listen=t.listen(), metrics=d.metrics, rdma={"provider": "tcp", "spare": 2}, policy=[
        {"principal": who, "see": ["*"], "allow": ["*"]} for who in ("tls:opae:bob", "unix:*")])
    assert "is read again" in said[-1], said
    has(d, 2)
    assert old not in workers(d)
    result, why = t.peer().try_hello()
    assert result and "no rule for tls:opae:alice" in why
    d.reload(listen=t.listen(), metrics=d.metrics)
    soon(lambda: not workers(d))
    t.peer().hello().good(PING)


def test_it_has_the_files_that_are_there_now(tls):
    t = tls()
    t.site.good("revoke", "alice")

    def refused():
        try:
            t.peer().hello().good(PING)
            return False
        except (OSError, EOFError):
            return True

    soon(refused)
    t.daemon.says("is revoked")
    has(t.daemon, 1)
    assert refused()


ANY = [{"tcp": "0.0.0.0:0", "tls": {}}]


@pytest.mark.parametrize("rdma,listen,says", [
    ({"spare": 9}, None, '"spare"'), ({"spare": -1}, None, '"spare"'),
    ({"address": "a"}, None, "10.0.0.7"), ({"address": "0.0.0.0"}, None, "10.0.0.7"),
    ({"address": "10.0.0.7:1"}, None, "10.0.0.7"),
    ({}, "0.0.0.0:0", 'add "address"'), ({}, "[::]:0", '"spare": 0'),
    ({"address": "127.0.0.1"}, "0.0.0.0:0", None), ({"spare": 0}, "0.0.0.0:0", None)])
def test_configurations(here, rdma, listen, says):
    with_tls(here)
    t = Tls(here)
    try:
        where = [{"tcp": listen, "tls": files(t.site, "localhost")}] if listen else t.listen()
        d = Daemon(here, "other", start=False)
        d.write(listen=where, rdma=rdma)
        done = here.run("opaed", "--check-config", "--config", str(d.file))
        assert done.returncode == (1 if says else 0), done.stderr
        assert not says or says in done.stderr, done.stderr
    finally:
        assert t.daemon.stop() == 0
