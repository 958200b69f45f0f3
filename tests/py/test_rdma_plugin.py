# SPDX-License-Identifier: BSD-3-Clause
"""The rdma plugin and opaed's listener of "rdma", by libfabric's provider tcp: everything goes by the fabric.
What programs do by it is in test_remote_ways.py and test_litmus.py."""
import contextlib
import json
import os
import signal
import subprocess

import pytest
from conftest import BUILD, needs_tracker
from opaed import Daemon, comm, pause, soon
from test_cert import Site
from test_tls import files, with_tls

IN_CLEAR = [{"rdma": "127.0.0.1:0", "clear": True}]


@pytest.fixture(scope="module", autouse=True)
def built():
    if not (BUILD / "plugins/rdma/librdma-opae.so").exists():
        pytest.skip("built without libfabric's headers, so there is no librdma-opae.so")


class Far:
    def __init__(self, machine, listen=None, tls=None, **config):
        self.machine, self.tls = machine, tls
        self.daemon = Daemon(machine, listen=listen or IN_CLEAR, **{"rdma": {"provider": "tcp"}, **config})
        self.port = int(self.daemon.says("listening on rdma:").rsplit(":", 1)[1])
        self.at = f"127.0.0.1:{self.port}"

    def env(self, host=None, **more):
        host = {"host": "127.0.0.1", "port": self.port, **({"tls": self.tls} if self.tls else {}),
                **(host or {})}
        return self.machine.config(json.dumps({"plugins": ["far"], "configurations": {"far": {
            "enabled": True, "plugin": "librdma-opae.so",
            "configuration": {"hosts": [host], "connect_ms": 60000, "timeout_ms": 60000, **more}}}}))

    def list(self, **more):
        done = self.machine.run("opae", "list", env=self.env(**more))
        return done.stdout, done.stderr

    @contextlib.contextmanager
    def job(self):
        """A program that uses the accelerator until it is killed."""
        with subprocess.Popen([self.machine.bin / "host_exerciser", "--continuous", "3600", "-t", "3600000",
                               "lpbk"], env={**self.machine.env, **self.env()}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            try:
                yield process
            finally:
                process.kill()


@pytest.fixture
def far(here):
    started = []

    def start(board="nlb0", **config):
        here.start(board=board)
        started.append(Far(here, **config))
        return started[-1]

    yield start
    for f in started:
        assert f.daemon.stop() == 0, f.daemon.log


def test_list_and_registers(far):
    f = far()
    shown, _ = f.list()
    assert "NLB0" in shown
    assert "127.0.0.1" in f.machine.good("opae", "info", env=f.env())
    f.machine.good("opae", "mmio", "write", "0x100", "5", env=f.env())


def test_content_goes_past_the_connection(far):
    needs_tracker("trap")
    f = far(board="he-lb")
    for data, says in (("rdma", True), ("stream", False)):
        done = subprocess.run([f.machine.bin / "host_exerciser", "lpbk"], text=True, timeout=300,
                              env={**f.machine.env, **f.env(data=data), "LIBOPAE_LOG": "2"},
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0 and "Test PASSED" in done.stdout, done.stdout
        assert ("content goes by RDMA (tcp)" in done.stdout) == says, done.stdout


def test_doctor_finds_all_well(far):
    f = far()
    report = json.loads(f.machine.run("opae", "doctor", "--json", env=f.env()).stdout)["doctor"]
    host = next(s for s in report["subjects"] if s["kind"] == "host")
    steps = {s["step"]: s["text"] for s in host["steps"]}
    assert host["name"] == f.at and "somebody listens there" in steps["connection"]
    assert 'you are "' in steps["server"] and "it shows" in steps["devices"]


def workers(f):
    return [pid for pid in f.daemon.workers() if comm(pid) == "opaed-worker"]


def loopbacks(f):
    """Sessions of the program that runs for ever, as `opae sessions` tells."""
    env = f.env()
    rows = json.loads(f.machine.good("opae", "sessions", "--json", "--to", f.at, env=env))["sessions"]
    return [r for r in rows if r["handles"]]


def test_a_worker_that_dies(far):
    needs_tracker("trap")
    f = far(board="he-lb")
    with f.job() as job:
        soon(lambda: loopbacks(f), 60)
        for pid in workers(f):  # also the one that is ready for whoever comes next
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert job.wait(120) != 0
        assert "the connection is lost" in job.stdout.read()
    assert f.at.split(":", maxsplit=1)[0] in f.machine.good("opae", "list", env=f.env())
    assert not loopbacks(f)


def test_programs_that_are_killed(far):
    f = far(board="he-lb")
    for _ in range(3):
        with f.job() as job:
            soon(lambda: loopbacks(f), 60)
            job.kill()
        soon(lambda: not loopbacks(f), 60)


def test_an_opaed_that_stands_still(far):
    f = far()
    pids = [f.daemon.process.pid, *f.daemon.workers()]
    for pid in pids:
        pause(pid)
    shown, said = f.list(connect_ms=500)
    for pid in pids:
        os.kill(pid, signal.SIGCONT)
    assert "NLB0" not in shown and f"{f.at}: " in said or "cannot be reached" in said, said
    assert "NLB0" in f.list()[0]


# ---- TLS ----

@pytest.fixture
def tls(here, far):
    with_tls(here)
    site = Site(here)
    site.good("init")
    site.good("issue", "localhost", "127.0.0.1")
    site.good("issue", "--client", "alice")

    def start(**config):
        f = far(listen=[{"rdma": "127.0.0.1:0", "tls": files(site, "localhost", crl=True)}],
                tls=files(site, "alice"), **config)
        f.site = site
        return f

    return start


def test_by_tls(tls):
    f = tls(policy=[{"principal": "tls:*", "see": ["*"], "allow": ["*"]}])
    assert "NLB0" in f.list()[0]
    assert any("tls:" in line and "alice" in line for line in soon(lambda: f.daemon.lines("alice")))


def test_refused_certificates(tls):
    f = tls()
    shown, said = f.list(host={"tls": {**f.tls, "name": "elsewhere.site"}})
    assert "NLB0" not in shown and "elsewhere.site" in said, said
    other = Site(f.machine, "other")
    other.good("init")
    other.good("issue", "--client", "mallory")
    shown, said = f.list(host={"tls": {**files(other, "mallory"), "ca": f.tls["ca"]}})
    assert "NLB0" not in shown and "does not accept the certificate of this side" in said, said
    f.tls = None
    shown, said = f.list(connect_ms=3000)
    assert "NLB0" not in shown and f"{f.at}" in said, said
