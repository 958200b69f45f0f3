# SPDX-License-Identifier: BSD-3-Clause
"""opaed as a service: these tests play systemd, with its sockets, its variables and its watchdog."""
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from conftest import SOURCE
from opaed import Daemon, PING, Peer, pause, soon
from test_metrics import needs_server
from test_sandbox_metrics import DENIED

# Puts descriptors at 3 and on, says so as systemd does, and becomes the program.
LAUNCH = """
import os, sys
fds = [int(n) for n in sys.argv[1].split(",") if n]
away = [os.dup(n) for n in fds]
high = [__import__("fcntl").fcntl(n, 0, 100) for n in away]
for i, n in enumerate(high):
    os.dup2(n, 3 + i)
if fds:
    os.environ.setdefault("LISTEN_PID", str(os.getpid()))
    os.environ["LISTEN_FDS"] = str(len(fds))
os.environ["JOURNAL_STREAM"] = "%d:%d" % (os.fstat(2).st_dev, os.fstat(2).st_ino) \\
    if os.environ.get("JOURNAL_STREAM") else ""
os.execv(sys.argv[2], sys.argv[2:])
"""


class Service(Daemon):
    """An opaed with sockets handed over, and a socket that it tells of itself."""

    def __init__(self, machine, name="opaed", command=None, **config):
        super().__init__(machine, name, start=False, command=command)
        self.notify = str(machine.folder / f"{name}.notify")
        self.hears = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.hears.settimeout(60)
        self.write(**config)

    def launch(self, *sockets, notify=None, **env):
        """Without waiting for anything."""
        if notify != "":
            notify = notify or self.notify
            if self.hears.getsockname() in ("", b""):
                self.hears.bind("\0" + notify[1:] if notify[0] == "@" else notify)
            env["NOTIFY_SOCKET"] = notify
        self.process = subprocess.Popen(
            ["/usr/bin/python3", "-c", LAUNCH, ",".join(str(s.fileno()) for s in sockets),
             *self.command, "--config", self.file], stderr=subprocess.PIPE, text=True,
            pass_fds=[s.fileno() for s in sockets], env={**self.machine.env, **env})
        self.log = []
        self.reader = threading.Thread(target=self.read, args=(self.process,))
        self.reader.start()
        return self

    def told(self, word):
        """The next message with this word; those before it are passed over."""
        end = time.monotonic() + 60
        while time.monotonic() < end:
            text = self.hears.recv(4096).decode()
            if word in text:
                return text
        raise AssertionError(f"{word} was not told")

    def is_silent(self, seconds):
        """Nothing comes for so long, when what was under way has been read."""
        self.hears.settimeout(0)
        try:
            while True:
                self.hears.recv(4096)
        except BlockingIOError:
            self.hears.settimeout(seconds)
        try:
            self.hears.recv(4096)
            return False
        except TimeoutError:
            return True
        finally:
            self.hears.settimeout(60)


@pytest.fixture
def service(here):
    started = []

    def start(**config):
        started.append(Service(here, f"opaed{len(started)}", **config))
        return started[-1]

    yield start
    for d in started:
        d.hears.close()
        if d.process:
            assert d.stop() in (0, 1, -signal.SIGKILL), d.log


def listening(folder, name="given.sock"):
    """A socket that systemd made, and its entry in the configuration."""
    path = str(folder / name)
    s = socket.socket(socket.AF_UNIX)
    s.bind(path)
    s.listen(16)
    return s, path


# ---- readiness ----

@pytest.mark.parametrize("abstract", [False, True])
def test_it_tells_when_it_is_ready(service, here, abstract):
    d = service()
    d.launch(notify=f"@opae-test-{os.getpid()}" if abstract else None)
    assert "READY=1" in d.told("READY=1")
    with Peer(d.path) as p:  # at once
        p.hello().good(PING)
        assert "STATUS=1 sessions" in d.told("STATUS=1")
    assert "STATUS=0 sessions" in d.told("STATUS=0")
    d.process.send_signal(signal.SIGHUP)
    text = d.told("RELOADING=1")
    stamp = int(re.search(r"^MONOTONIC_USEC=(\d+)$", text, re.M).group(1))
    assert abs(time.monotonic() - stamp / 1e6) < 60
    d.told("READY=1")
    d.process.send_signal(signal.SIGTERM)
    d.told("STOPPING=1")
    assert d.stop() == 0


def test_a_reload_that_fails_ends_as_well(service):
    d = service().launch()
    d.told("READY=1")
    d.file.write_text("{")
    d.process.send_signal(signal.SIGHUP)
    d.told("RELOADING=1")
    d.told("READY=1")
    d.says("stays as it was")


def test_one_that_cannot_start_is_not_ready(service):
    d = service(listen=[{"unix": "/nonexistent/x.sock"}]).launch()
    assert d.process.wait(60) == 1
    assert d.is_silent(0.1)


@pytest.mark.parametrize("to", ["relative", "/" + "x" * 200, "@"])
def test_a_socket_that_cannot_be_told(service, to):
    """It serves without."""
    d = service().launch(notify="", NOTIFY_SOCKET=to)
    assert "NOTIFY_SOCKET" in d.says("systemd is told nothing")
    d.says("listening on")
    Peer(d.path).hello().good(PING)


def test_nobody_hears(service):
    """systemd is starting itself anew: opaed goes on, and tells it later."""
    d = service()
    d.hears.bind(d.notify)
    os.unlink(d.notify)
    d.launch(notify="", NOTIFY_SOCKET=d.notify)
    d.says("listening on 127")
    Peer(d.path).hello().good(PING)


def test_a_socket_that_is_full(service):
    """What it does not take is told when it does."""
    d = service()
    d.hears.bind(d.notify)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                s.sendto(b"X=1", d.notify)
    d.launch()
    d.says("listening on 127")
    Peer(d.path).hello().good(PING)
    d.told("READY=1")


# ---- watchdog ----

def test_the_watchdog_hears_of_a_loop_that_runs(service):
    d = service().launch(WATCHDOG_USEC="2000000")
    d.told("READY=1")
    d.told("WATCHDOG=1")
    before = time.monotonic()
    d.told("WATCHDOG=1")
    assert time.monotonic() - before < 10  # it is to be 1 s, on a machine that has time
    pause(d.process.pid)
    assert d.is_silent(2.5)
    d.process.send_signal(signal.SIGCONT)
    d.told("WATCHDOG=1")


@pytest.mark.parametrize("env,said", [({"WATCHDOG_PID": "1", "WATCHDOG_USEC": "100000"}, ""),
                                      ({"WATCHDOG_USEC": "soon"}, "WATCHDOG_USEC=soon"),
                                      ({"WATCHDOG_USEC": "-5"}, "WATCHDOG_USEC=-5"), ({}, "")])
def test_no_watchdog(service, env, said):
    d = service().launch(**env)
    d.told("READY=1")
    assert d.is_silent(0.5)
    assert not said or d.says(said)


# ---- sockets ----

def test_sockets_are_taken_over(service, here):
    """By where they listen, whatever their order; and they outlive opaed."""
    unix, path = listening(here.folder)
    inode = os.stat(path).st_ino
    tcp = socket.create_server(("127.0.0.1", 0))
    at = tcp.getsockname()
    d = service(listen=[{"tcp": f"127.0.0.1:{at[1]}", "clear": True}, {"unix": path, "mode": "0600"}])
    os.chmod(path, 0o666)
    early = Peer(path)  # waits in the socket already
    d.launch(unix, tcp, LISTEN_FDNAMES="opaed.socket:tcp")
    d.told("READY=1")
    assert early.hello().principal == f"unix:{os.geteuid()}"
    assert Peer(at).hello().principal == "tcp:127.0.0.1"
    assert os.stat(path).st_mode & 0o777 == 0o666  # the unit's
    assert "LISTEN" not in open(f"/proc/{d.workers()[0]}/environ", encoding="ascii").read()
    d.process.send_signal(signal.SIGTERM)
    d.told("STOPPING=1")
    assert d.stop() == 0
    assert os.stat(path).st_ino == inode
    late = Peer(path)
    d.launch(unix, tcp)
    late.hello().good(PING)


def test_they_stay_at_a_reload(service, here):
    unix, path = listening(here.folder)
    own = {"unix": str(here.folder / "own.sock")}
    d = service(listen=[{"unix": path}, own])
    d.launch(unix)
    d.told("READY=1")
    with Peer(path).hello() as p:
        d.reload(listen=[own])
        assert "stop its socket unit" in d.says(f"no longer listening on unix:{path}")
        d.reload(listen=[own, {"unix": path}])
        p.good(PING)
        Peer(path).hello().good(PING)
    assert d.stop() == 0
    assert os.path.exists(path) and not os.path.exists(own["unix"])


def test_a_socket_for_the_metrics(service, here):
    """The service has no network and no folder of its own that others reach: it must be handed over, too."""
    if not (here.prefix / "libexec/opae/opaed-metrics").exists():
        pytest.skip("built without libmicrohttpd")
    unix, path = listening(here.folder)
    metrics, scraped = listening(here.folder, "metrics.sock")
    d = service(listen=[{"unix": path}], metrics={"unix": scraped})
    d.launch(metrics, unix)
    d.told("READY=1")
    d.says(f"metrics at unix:{scraped}")
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(20)
        s.connect(scraped)
        s.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
    Peer(path).hello().good(PING)
    assert d.stop() == 0
    assert os.path.exists(scraped)


def test_addresses_in_another_form(service, here):
    """A path by a link to its folder, and an IPv6 address with zeros."""
    unix, path = listening(here.folder)
    os.symlink(here.folder, here.folder / "link")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as tcp:
        at = tcp.getsockname()
        d = service(listen=[{"unix": str(here.folder / "link/given.sock")},
                            {"tcp": f"[0:0:0:0:0:0:0:1]:{at[1]}", "clear": True}])
        d.launch(unix, tcp)
        d.told("READY=1")
        Peer(path).hello().good(PING)
        Peer(at[:2], family=socket.AF_INET6).hello().good(PING)


def test_a_socket_that_no_entry_names(service, here):
    unix, path = listening(here.folder)
    d = service().launch(unix, LISTEN_FDNAMES="mine\x1b[31m")
    assert d.process.wait(60) == 1
    line = d.says("no entry of \"listen\" is for it, nor \"metrics\"")
    assert f"unix:{path}" in line and r"mine\x1b[31m" in line
    assert os.path.exists(path)


def refused(service, *sockets, **env):
    d = service().launch(*sockets, **env)
    assert d.process.wait(60) == 1
    d.reader.join(60)
    return "\n".join(d.log)


def test_what_is_no_such_socket(service, here):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        assert "descriptor 3" in refused(service, s)
    with socket.socket(socket.AF_UNIX) as s:
        assert "ListenStream=" in refused(service, s)  # nobody listens
    with open("/dev/null", encoding="ascii") as f:
        assert "no stream socket" in refused(service, f)
    a, b = socket.socketpair()
    with a, b:
        assert "Accept=no" in refused(service, a)
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(f"\0opae-test-abstract-{os.getpid()}")
        s.listen(1)
        assert "descriptor 3" in refused(service, s)
    for n in ("-1", "65", "x", "99999999999999999999"):
        d = service()
        d.process = subprocess.Popen(
            ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$0" "$@"', here.bin / "opaed", "--config", d.file],
            stderr=subprocess.PIPE, text=True, env={**here.env, "LISTEN_FDS": n})
        assert "LISTEN_FDS" in d.process.communicate(timeout=120)[1] and d.process.returncode == 1
        d.process = None


def test_those_of_another_process(service, here):
    unix, path = listening(here.folder)
    d = service().launch(unix, LISTEN_PID="1")
    d.told("READY=1")
    Peer(d.path).hello().good(PING)


# ---- the journal ----

def test_the_journal_is_told_how_bad_it_is(service, here):
    d = service().launch(JOURNAL_STREAM="yes")
    d.told("READY=1")
    assert d.says("listening on").startswith("<6>listening on")
    d.file.write_text("{")
    d.process.send_signal(signal.SIGHUP)
    assert d.says("stays as it was").startswith("<4>the configuration")
    assert d.says(str(d.file)).startswith("<3>")
    with Peer(d.path) as p:
        p.hello("evil\n<0>opaed: gone")
    assert r"evil\x0a<0>opaed" in d.says("session 1: ended")
    assert all(re.match("<[346]>", line) for line in d.log)


def test_opaed_metrics_tells_it_as_well(service, here):
    needs_server(here)
    d = service(metrics={"unix": str(here.folder / "metrics.sock")},
                command=[sys.executable, DENIED, "clone,unshare", here.bin / "opaed"])
    d.launch(JOURNAL_STREAM="yes").told("READY=1")
    assert d.says("sandbox lacks a network namespace").startswith("<4>opaed-metrics: its sandbox lacks")
    assert all(re.match("<[346]>", line) for line in d.log)


def test_stderr_that_is_not_the_journal(service):
    d = service().launch(JOURNAL_STREAM="")
    d.told("READY=1")
    assert d.says("listening on").startswith("opaed: listening on")


# ---- what is installed ----

UNITS = ("opaed.service", "opaed.socket")


@pytest.fixture
def units(installed):
    return installed / "lib/systemd/system"


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/usr/bin/systemd-analyze"), reason="there is no systemd-analyze")
def test_the_service_is_sealed_off(units):
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20",
                           units / "opaed.service"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    level = float(re.search(r"Overall exposure level for opaed.service: ([\d.]+)", done.stdout).group(1))
    assert done.returncode == 0 and level <= 2.0, done.stdout
    assert "ignoring" not in done.stdout


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/usr/bin/systemd-analyze"), reason="there is no systemd-analyze")
def test_systemd_understands_the_units(units, tmp_path):
    for name in UNITS:
        text = (units / name).read_text().replace("/usr/local/bin/opaed", "/bin/true")
        (tmp_path / name).write_text(text)
    done = subprocess.run(["systemd-analyze", "verify", *(tmp_path / n for n in UNITS)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert "opaed" not in done.stdout, done.stdout


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/usr/bin/systemd-sysusers"), reason="there is no systemd-sysusers")
def test_the_users_are_made(installed, tmp_path):
    (tmp_path / "etc").mkdir()
    subprocess.run(["systemd-sysusers", f"--root={tmp_path}", installed / "lib/sysusers.d/opaed.conf"],
                   check=True)
    group = (tmp_path / "etc/group").read_text()
    assert re.search(r"^fpga:x:\d+:opaed$", group, re.M) and re.search(r"^opaed:x:", group, re.M)
    users = (tmp_path / "etc/passwd").read_text()
    assert re.search(r"^opaed:x:\d+:\d+:[^:]*:/:/usr/sbin/nologin$", users, re.M)


@pytest.mark.once
def test_the_units_are_of_one_piece(units, installed):
    """What they name is what is installed, and what docs/daemon.md says."""
    service, sock = ((units / n).read_text() for n in UNITS)
    assert "ExecStart=/usr/local/bin/opaed --config /etc/opae/opaed.cfg\n" in service
    assert "\nMemoryMax=75%\n" in service and "\nOOMPolicy=continue\n" in service
    assert "SocketGroup=fpga" in sock and "SocketMode=0660" in sock
    path = re.search(r"^ListenStream=(.*)$", sock, re.M).group(1)
    example = json.loads((installed / "share/opae/opaed.cfg").read_text())
    assert {"unix": path, "mode": "0660"} in example["listen"]
    page = (SOURCE / "docs/daemon.md").read_text()
    assert path in page and "systemctl enable" in page and "ListenStream=" in page


def ids(text):
    return {(int(v, 16), int(d, 16)) for v, d in re.findall(r"\{ 0x(\w{4}), 0x(\w{4}),", text)}


def spread(pattern):
    """What a pattern of a udev rule or a shell with [..] in it matches."""
    m = re.search(r"\[([^]]*)\]", pattern)
    if not m:
        return {pattern}
    chars = re.sub(r"(\w)-(\w)", lambda r: "".join(map(chr, range(ord(r[1]), ord(r[2]) + 1))), m[1])
    return {p for c in chars for p in spread(pattern[:m.start()] + c + pattern[m.end():])}


@pytest.mark.once
def test_the_rule_for_vfio_knows_every_card():
    known = ids((SOURCE / "dev/pci-ids.c").read_text())
    rules = (SOURCE / "packaging/70-opae-vfio.rules").read_text().replace("\\\n", "")
    case = re.search(r"in (0x\S+)\) ;;", rules).group(1)
    groups = {tuple(int(x, 16) for x in one.split(":")) for p in case.split("|") for one in spread(p)}
    nodes = {(int(v, 16), int(one, 16))
             for v, ds in re.findall(r'ATTRS\{vendor\}=="(\w+)",\s*ATTRS\{device\}=="([^"]*)"', rules)
             for p in ds.split("|") for one in spread(p)}
    assert known and groups == known and nodes == known


@pytest.mark.once
@pytest.mark.parametrize("devices,given", [
    (["0x8086:0xbcce"], True), (["0x8086:0xbccf", "0x8086:0x09c4"], True), (["0x10de:0xbcce"], False),
    (["0x8086:0xbcce", "0x8086:0x10fb"], False), ([], False)])
def test_a_group_is_given_when_all_of_it_is_fpgas(tmp_path, devices, given):
    rules = (SOURCE / "packaging/70-opae-vfio.rules").read_text().replace("\\\n", "")
    script = re.search(r"PROGRAM==\"/bin/sh -c '([^']*)'\"", rules).group(1)
    group = tmp_path / "7/devices"
    group.mkdir(parents=True)
    for i, device in enumerate(devices):
        (group / f"0000:b1:00.{i}").mkdir()
        for key, value in zip(("vendor", "device"), device.split(":")):
            (group / f"0000:b1:00.{i}" / key).write_text(value + "\n")
    script = script.replace("$$", "$").replace("%k", "7").replace("/sys/kernel/iommu_groups", str(tmp_path))
    done = subprocess.run(["/bin/sh", "-c", script], stderr=subprocess.DEVNULL)
    assert (done.returncode == 0) == given


@pytest.mark.once
@pytest.mark.skipif(not os.path.exists("/usr/bin/udevadm"), reason="there is no udevadm")
def test_udev_understands_the_rules():
    rules = sorted((SOURCE / "packaging").glob("*.rules"))
    done = subprocess.run(["udevadm", "verify", "--resolve-names=never", *rules], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if "Unknown command" in done.stdout:
        pytest.skip("it is older than the verb verify")
    assert done.returncode == 0, done.stdout
