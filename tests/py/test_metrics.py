# SPDX-License-Identifier: BSD-3-Clause
"""opaed's metrics, as Prometheus would read them, and as nobody should."""
import ctypes
import json
import math
import os
import pwd
import re
import signal
import socket
import stat
import struct
import time

import pytest
from conftest import ORDINARY, SOURCE, TREE
from opaed import CLOSE, Daemon, NO_ACCESS, PING, Peer, WRITE, left_out, soon
from test_tls import Tls, with_tls

NLB0 = "d8424dc4a4a3c413f89e433683f9040b"
NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf"({NAME})(?:\{{(.*)\}})? (\S+)")
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\n"])*)"')


def needs_server(machine):
    if not (machine.prefix / "libexec/opae/opaed-metrics").exists():
        pytest.skip("this build has no opaed-metrics: there is no libmicrohttpd-dev")


@pytest.fixture
def opaed(here):
    """Starts daemons of this user that have metrics; each must end well."""
    needs_server(here)
    started = []

    def start(metrics=None, **config):
        number = len(started)
        metrics = metrics or {"unix": str(here.folder / f"metrics{number}.sock"), "mode": "0660"}
        d = Daemon(here, f"opaed{number}", start=False)
        started.append(d)
        d.write(metrics=metrics, **config)
        d.start("--config", str(d.file))
        d.metrics = metrics
        return d

    yield start
    for d in started:
        if d.process:
            assert d.stop() in (0, -signal.SIGKILL), d.log


# ---- reading ----

def address_of(d):
    if "unix" in d.metrics:
        return d.metrics["unix"]
    said = soon(lambda: d.lines("metrics at 127.0.0.1:"))  # it is ready before, if that is slow
    return "127.0.0.1", int(said[-1].rsplit(":", 1)[1])


def connect(address, timeout=60):
    s = socket.socket(socket.AF_UNIX if isinstance(address, str) else socket.AF_INET)
    s.settimeout(timeout)
    s.connect(address)
    return s


def everything(sock):
    data = b""
    while True:
        piece = sock.recv(65536)
        if not piece:
            return data
        data += piece


def http(d, request=b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"):
    """(status, headers, body)"""
    with connect(address_of(d)) as s:
        s.sendall(request)
        head, _, body = everything(s).partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines)}
    return int(first.split()[1]), headers, body.decode()


class Page:
    """The text, judged by the rules of the format and by the conventions for names."""

    def __init__(self, text):
        self.types, self.samples, self.text = {}, {}, text
        assert text.endswith("\n") and "\n\n" not in text and text.isascii()
        helped = current = None
        for line in text[:-1].split("\n"):
            if line.startswith("# HELP "):
                helped, words = line[7:].split(" ", 1)
                assert words and words[0].isupper() and words.endswith("."), line
            elif line.startswith("# TYPE "):
                current, kind = line[7:].split(" ")
                assert current == helped and current not in self.types, line
                assert kind in ("counter", "gauge", "histogram"), line
                self.types[current] = kind
            else:
                self.add(current, line)
        assert {self.family(name) for name, _ in self.samples} == set(self.types)
        self.check_names()
        self.check_histograms()

    def family(self, name):
        base = re.sub(r"_(bucket|sum|count)$", "", name)
        return base if self.types.get(base) == "histogram" else name

    def add(self, current, line):
        match = SAMPLE.fullmatch(line)
        assert match, line
        name, labels, value = match.groups()
        assert self.family(name) == current, f"{line}: not behind its TYPE"
        found = LABEL.findall(labels or "")
        assert ",".join(f'{k}="{v}"' for k, v in found) == (labels or ""), line
        key = name, tuple(sorted(found))
        assert len(dict(found)) == len(found) and key not in self.samples, line
        self.samples[key] = float(value)
        assert math.isfinite(self.samples[key]) and self.samples[key] >= 0, line

    def check_names(self):
        for name, kind in self.types.items():
            assert re.match(r"(opaed|process)_[a-z_]+$", name), name
            assert name.endswith("_total") == (kind == "counter"), name
            assert not re.search(r"_(ms|us|ns|kb|mb|kib|mib|milliseconds|microseconds)(_|$)", name), name
        for name, labels in self.samples:
            assert "le" not in dict(labels) or name.endswith("_bucket")

    def check_histograms(self):
        for name in (n for n, kind in self.types.items() if kind == "histogram"):
            series = {}
            for (sample, labels), value in self.samples.items():
                if sample == name + "_bucket":
                    rest = tuple(x for x in labels if x[0] != "le")
                    series.setdefault(rest, []).append((float(dict(labels)["le"]), value))
            assert series
            for rest, buckets in series.items():
                assert buckets == sorted(buckets), f"{name}: buckets are cumulative, and in order"
                assert [v for _, v in buckets] == sorted(v for _, v in buckets)
                assert buckets[-1] == (math.inf, self.samples[name + "_count", rest])
                total = self.samples[name + "_sum", rest]
                assert (total > 0) == (buckets[-1][1] > 0)

    def value(self, name, **labels):
        return self.samples[name, tuple(sorted(labels.items()))]

    def sum(self, name):
        return sum(v for (n, _), v in self.samples.items() if n == name)

    def counters(self):
        """All that may never go down."""
        return {(name, labels): v for (name, labels), v in self.samples.items()
                if self.types[self.family(name)] != "gauge"}


def scrape(d):
    """What there is now: an answer may be 50 ms old."""
    status, headers, body = http(d)
    assert status == 200, body
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Page(body)


def when(d, holds, seconds=20):
    """The first page of which it holds."""
    def look():
        page = scrape(d)
        return page if holds(page) else None
    return soon(look, seconds)


def not_less(before, after):
    for key, value in before.counters().items():
        assert after.samples[key] >= value, (key, value, after.samples[key])


def server_of(d):
    """The process that answers."""
    def look():
        for pid in d.workers():
            try:
                with open(f"/proc/{pid}/comm", encoding="ascii") as f:
                    if f.read() == "opaed-metrics\n":
                        return pid
            except OSError:
                pass
        return None
    return soon(look)


def workers(d):
    server = server_of(d)
    return [p for p in d.workers() if p != server]


# ---- what is told ----

def test_the_page(opaed):
    page = scrape(opaed({"tcp": "127.0.0.1:0"}))
    assert page.types["opaed_request_duration_seconds"] == "histogram"
    assert page.value("opaed_sessions_active", kind="unix") == 0
    assert page.value("process_open_fds") > 3
    assert 1e6 < page.value("process_resident_memory_bytes") < 1e9
    assert abs(page.value("process_start_time_seconds") - time.time()) < 600
    [version] = [dict(labels)["version"] for name, labels in page.samples if name == "opaed_build_info"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", version)
    assert len(page.samples) < 300


def test_the_documentation_has_every_name(opaed):
    section = (SOURCE / "docs/daemon.md").read_text().split("\n## Metrics\n", 1)[1].split("\n## ", 1)[0]
    told = scrape(opaed()).types
    table = {name: kind for name, kind in re.findall(r"^\| `([a-z_]+)` \| (\w+) \|", section, re.M)}
    assert table == told


def test_sessions_are_counted(opaed):
    d = opaed()
    before = scrape(d)
    with d.peer() as p, d.peer(tcp=True) as q:
        for _ in range(10):
            p.good(PING)
        q.good(PING)
        page = when(d, lambda x: x.value("opaed_frames_total", direction="sent") == 13)
        assert page.value("opaed_frames_total", direction="received") == 13  # HELLO is one, too
        assert page.value("opaed_frame_bytes_total", direction="received") > 13 * 32
        assert page.value("opaed_sessions_active", kind="unix") == 1
        assert page.value("opaed_sessions_active", kind="tcp") == 1
        assert page.value("opaed_workers") == 2
    page = when(d, lambda x: x.value("opaed_sessions_ended_total", reason="peer_gone") == 2)
    not_less(before, page)
    assert page.value("opaed_frames_total", direction="received") == 13
    assert page.value("opaed_connections_accepted_total", kind="unix") == 1
    assert page.sum("opaed_sessions_active") == 0 and page.value("opaed_workers") == 0
    assert page.value("opaed_session_cleanup_duration_seconds_count") == 2
    assert page.value("opaed_request_duration_seconds_count", **{"class": "other"}) == 11


def test_reasons(opaed):
    rule = {"principal": f"unix:{os.geteuid()}", "see": ["*"], "allow": ["event"]}
    d = opaed(policy=[rule, {"principal": "tcp:127.0.0.2", "see": ["*"], "allow": ["*"]}],
              limits={"connections_per_principal": 1, "hello_ms": 300})
    with Peer(("127.0.0.1", d.ports[0])) as stranger:
        assert stranger.try_hello()[0] == NO_ACCESS
    with d.peer() as p, Peer(d.path) as second:
        assert second.try_hello()[0] == NO_ACCESS
        assert p.call(3)[0] == NO_ACCESS  # SESSIONS
        page = when(d, lambda x: x.value("opaed_policy_denials_total", of="request") == 1)
        assert page.value("opaed_sessions_refused_total", reason="policy") == 1
        assert page.value("opaed_sessions_refused_total", reason="limit") == 1
        assert page.value("opaed_requests_failed_total") == 1
        p.sock.sendall(bytes(32))  # no frame
        assert p.is_ended()
    d.says("session 2: ended")
    silent = Peer(d.path)
    assert silent.is_ended()
    silent.sock.close()
    page = when(d, lambda x: x.value("opaed_sessions_ended_total", reason="timeout") == 1)
    assert page.value("opaed_sessions_ended_total", reason="protocol") == 1
    assert page.sum("opaed_sessions_started_total") == page.sum("opaed_sessions_ended_total") == 2
    assert page.sum("opaed_connections_accepted_total") == 4


def test_buffers_and_devices(opaed, here):
    here.start()
    d = opaed()
    with d.peer() as p:
        handle = p.open(soon(lambda: p.objects().get(NLB0)))
        p.prepare(handle, 1 << 20)
        page = when(d, lambda x: x.value("opaed_pinned_bytes"))
        assert page.value("opaed_pinned_bytes") == 2 << 20  # and its twin
        assert page.value("opaed_watched_bytes") == 1 << 20
        assert page.value("opaed_open_handles") == 1
        for _ in range(5):
            p.read(handle, 0)
        page = when(d, lambda x: x.value("opaed_request_duration_seconds_count", **{"class": "mmio"}) == 5)
        assert page.value("opaed_request_duration_seconds_count", **{"class": "buffer"}) == 1
        assert page.value("opaed_request_duration_seconds_count", **{"class": "manage"}) == 1
        assert p.call(WRITE, struct.pack("<IIQQ", 0, 8, 1 << 40, 0), handle)[0]
        p.good(CLOSE, b"", handle)
        page = when(d, lambda x: not x.value("opaed_open_handles"))
        assert page.value("opaed_pinned_bytes") == page.value("opaed_watched_bytes") == 0
        p.open(p.objects()[NLB0])
    page = when(d, lambda x: x.value("opaed_session_cleanup_duration_seconds_count") == 1)
    assert page.value("opaed_open_handles") == 0
    assert page.value("opaed_request_duration_seconds_count", **{"class": "mmio"}) == 6


def test_strangers(here):
    """Who is not known has no session, and is counted once."""
    needs_server(here)
    with_tls(here)
    metrics = {"unix": str(here.folder / "metrics.sock")}
    t = Tls(here, metrics=metrics, limits={"preauth_ms": 500})
    d = t.daemon
    d.metrics = metrics
    try:
        with t.peer().hello() as known:
            known.good(PING)
            silent, noisy = t.connect(), t.connect()
            noisy.sendall(bytes(100))
            page = when(d, lambda x: x.value("opaed_sessions_refused_total", reason="tls") == 1)
            assert page.value("opaed_sessions_started_total", kind="tcp") == 1
            assert page.sum("opaed_sessions_active") == 1
            page = when(d, lambda x: x.value("opaed_sessions_refused_total", reason="silent") == 1)
            silent.close()
            noisy.close()
            assert page.sum("opaed_sessions_refused_total") == 2
            assert page.value("opaed_connections_accepted_total", kind="tcp") == 3
            assert page.value("opaed_frames_total", direction="received") == 2
        page = when(d, lambda x: x.sum("opaed_sessions_ended_total"))
        assert page.value("opaed_sessions_ended_total", reason="peer_gone") == 1
    finally:
        assert d.stop() == 0


def test_lines_that_the_log_leaves_out(opaed):
    """As many as it says itself."""
    d = opaed()
    assert scrape(d).value("opaed_log_lines_suppressed_total") == 0
    with d.peer():
        [worker] = workers(d)
        with open(f"/proc/{worker}/fd/2", "wb", buffering=0) as f:
            os.set_blocking(f.fileno(), True)
            f.write(b"a line\n" * 1000)
        soon(lambda: left_out(d) and left_out(d) + d.log.count("opaed: session 1: worker: a line") == 1000)
        page = when(d, lambda x: x.value("opaed_log_lines_suppressed_total"))
        assert page.value("opaed_log_lines_suppressed_total") == left_out(d)


def test_nothing_goes_down(opaed, here):
    """Whatever ends, and however."""
    d = opaed()
    pages = [scrape(d)]
    for how in ("close", "kill", "stop", "close", "kill"):
        before = set(workers(d))
        p = d.peer()
        for _ in range(20):
            p.good(PING)
        [worker] = set(workers(d)) - before
        pages.append(scrape(d))
        if how == "kill":
            os.kill(worker, signal.SIGKILL)
        elif how == "stop":
            d.reload(metrics={"unix": str(here.folder / "elsewhere.sock")})
            d.metrics = {"unix": str(here.folder / "elsewhere.sock")}
            pages.append(scrape(d))
        p.sock.close()
        soon(lambda: worker not in d.workers())
        pages.append(scrape(d))
    for a, b in zip(pages, pages[1:]):
        not_less(a, b)
    page = when(d, lambda x: x.sum("opaed_sessions_ended_total") == 5)
    assert page.value("opaed_worker_deaths_total", signal="SIGKILL") == 2
    assert page.value("opaed_sessions_ended_total", reason="died") == 2
    assert page.value("opaed_frames_total", direction="received") == 5 * 21
    assert page.value("opaed_config_reloads_total", result="good") == 1


def test_a_scrape_waits_for_no_worker(opaed):
    d = opaed()
    p = d.peer()
    [worker] = workers(d)
    os.kill(worker, signal.SIGSTOP)
    try:
        page = scrape(d)
        assert page.value("opaed_sessions_active", kind="unix") == 1
        assert page.value("opaed_frames_total", direction="received") == 1
    finally:
        os.kill(worker, signal.SIGCONT)
    p.good(PING)


# ---- the configuration ----

@pytest.mark.parametrize("metrics, word", [
    ({}, "it must have one of"),
    ({"unix": "/x", "tcp": "127.0.0.1:1"}, "it must have one of"),
    ({"unix": "x"}, "no absolute path"),
    ({"unix": "/" + "x" * 200}, "at most"),
    ({"unix": "/x", "mode": "660"}, '"0660"'),
    ({"tcp": "127.0.0.1:9447", "mode": "0660"}, "for unix sockets"),
    ({"tcp": "0.0.0.0:9447"}, "reached from other machines"),
    ({"tcp": "10.0.0.1:9447"}, "reached from other machines"),
    ({"tcp": "[::]:9447"}, "reached from other machines"),
    ({"tcp": "localhost:9447"}, "no IPv4 or IPv6 address"),
    ({"tcp": 5}, '"tcp"'),
    ({"vsock": 1}, "the keys are"),
    ({"unix": "/a.sock"}, "the same as listen[0]"),
    ([], "metrics"),
])
def test_mistakes(here, metrics, word):
    file = here.folder / "bad.cfg"
    file.write_text(json.dumps({"listen": [{"unix": "/a.sock"}], "metrics": metrics}))
    done = here.run("opaed", "--check-config", "--config", str(file))
    assert done.returncode == 1 and word in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr


def test_reload(opaed, here):
    d = opaed({"tcp": "127.0.0.1:0"})
    scrape(d)
    old, port = server_of(d), address_of(d)
    d.reload(metrics=d.metrics)
    assert server_of(d) == old and address_of(d) == port
    before = d.descriptors()
    taken = {"unix": str(here.folder / "no-such-folder" / "x.sock")}
    assert "stays as it was" in d.reload(metrics=taken)[-1]
    page = when(d, lambda x: not x.value("opaed_config_last_reload_successful"))  # where it was
    assert page.value("opaed_config_reloads_total", result="bad") == 1
    # the metrics could be, but not the rest
    path = str(here.folder / "m.sock")
    assert "stays as it was" in d.reload(metrics={"unix": path}, listen=[{"unix": taken["unix"]}])[-1]
    assert not os.path.exists(path)
    scrape(d)
    soon(lambda: d.descriptors() <= before)
    d.reload()  # without
    soon(d.is_idle)
    with pytest.raises(ConnectionRefusedError):
        connect(port)
    d.reload(metrics={"unix": path, "mode": "0600"})
    d.metrics = {"unix": path}
    when(d, lambda x: x.value("opaed_config_last_reload_successful"))
    mode = os.stat(path).st_mode
    d.reload(metrics={"unix": path, "mode": "0660"})
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o660 and stat.S_IMODE(mode) == 0o600
    scrape(d)
    d.stop()
    assert not os.path.exists(path)


def test_who_may(opaed, here):
    """The socket's mode says who; the process that answers is root's in nothing."""
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    d = opaed()
    assert stat.S_IMODE(os.stat(d.metrics["unix"]).st_mode) == 0o660
    os.chmod(here.folder, 0o755)
    who = pwd.getpwnam(ORDINARY)
    pid = os.fork()
    if not pid:
        try:
            os.setgroups([])
            os.setgid(who.pw_gid)
            os.setuid(who.pw_uid)
            connect(d.metrics["unix"])
            os._exit(1)
        except PermissionError:
            os._exit(0)
        except BaseException:
            os._exit(2)
    assert os.waitpid(pid, 0)[1] == 0
    scrape(d)
    with open(f"/proc/{server_of(d)}/status", encoding="ascii") as f:
        status = dict(line.split(":\t", 1) for line in f.read().splitlines() if ":\t" in line)
    assert "0" not in status["Uid"].split() and "0" not in status["Gid"].split()
    assert not status["Groups"].strip() and status["NoNewPrivs"] == "1"
    assert not int(status["CapEff"], 16) and not int(status["CapPrm"], 16)


# ---- who is not a scraper ----

@pytest.mark.parametrize("request_, status", [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"GET /metrics/../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"GET /metricsx HTTP/1.1\r\nHost: x\r\n\r\n", 404),
    (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc", 405),
    (b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\nabc", 405),
    (b"DELETE /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 405),
    (b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n", 200),
    (b"GET /metrics HTTP/1.0\r\n\r\n", 200),
    (b"GET /metrics?x=1 HTTP/1.1\r\nHost: x\r\n\r\n", 200),
])
def test_requests(opaed, request_, status):
    d = opaed()
    got, headers, body = http(d, request_)
    assert got == status
    assert headers["connection"] == "close"
    assert bool(body) != request_.startswith(b"HEAD")


# Bytes; sanitizers keep for a while what was freed.
MORE = 4 << 20 if TREE == "plain" else 64 << 20


def resident(pid):
    with open(f"/proc/{pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def poke(address, data):
    """Sends what may not be taken, and waits for the end."""
    try:
        with connect(address) as s:
            s.sendall(data)
            everything(s)
    except (ConnectionError, TimeoutError):
        pass


def test_garbage(opaed):
    d = opaed({"tcp": "127.0.0.1:0"})
    p = d.peer()
    scrape(d)
    address, server = address_of(d), server_of(d)
    before = resident(server), resident(d.process.pid)
    for data in (b"\0" * 1000, b"\xff" * 100000, b"GET", b"\r\n" * 50000, b"GET /metrics HTTP/9.9\r\n\r\n",
                 b"GET /" + b"x" * 1000000 + b" HTTP/1.1\r\n\r\n",
                 b"GET /metrics HTTP/1.1\r\nX: " + b"y" * 1000000 + b"\r\n\r\n",
                 b"GET /metrics HTTP/1.1\r\n" + b"a: b\r\n" * 100000 + b"\r\n",
                 b"GET /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                 b"GET /%00%2e HTTP/1.1\r\nHost: \x80\r\n\r\n",
                 b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"):
        for _ in range(2):
            poke(address, data if len(data) > 50 else data + b"\r\n\r\n")
    assert server_of(d) == server  # it has not died
    assert resident(server) - before[0] < MORE and resident(d.process.pid) - before[1] < MORE
    scrape(d)
    p.good(PING)


def test_many_connections(opaed):
    """A thousand that say half of something: the session goes on, and so does who scrapes, soon."""
    d = opaed()
    p = d.peer()
    first = scrape(d)
    server = server_of(d)
    before = resident(server), resident(d.process.pid), d.descriptors()
    crowd = []
    for i in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.setblocking(False)
        try:
            s.connect(d.metrics["unix"])
            s.send(b"GET /metrics HTTP/1.1\r\nHo"[:i % 26])
            crowd.append(s)
        except BlockingIOError:  # the queue is full
            s.close()
        if not i % 100:
            p.good(PING)
    assert len(crowd) > 64
    page = when(d, lambda x: True, 60)
    not_less(first, page)
    assert page.value("opaed_metrics_server_starts_total") == 1
    assert resident(server) - before[0] < MORE and resident(d.process.pid) - before[1] < MORE
    soon(lambda: d.descriptors() <= before[2])
    with open(f"/proc/{server}/limits", encoding="ascii") as f:
        assert re.search(r"Max open files +96 +96", f.read())
    for s in crowd:
        s.close()
    p.good(PING)
    scrape(d)


def test_who_does_not_go(opaed):
    """One byte a second, or a request and no reading: the connection ends by itself."""
    d = opaed()
    with connect(d.metrics["unix"]) as slow, connect(d.metrics["unix"]) as full:
        full.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n")
        end = time.monotonic() + 30

        def is_cut():
            try:
                slow.send(b"G")
            except (BrokenPipeError, ConnectionResetError):
                return True
            slow.settimeout(0.3)
            try:
                return slow.recv(100) is not None
            except TimeoutError:
                return False
            except ConnectionResetError:
                return True
        soon(is_cut, 30)
        assert time.monotonic() < end
        full.settimeout(30)
        everything(full)
    scrape(d)


def test_killed(opaed):
    """The server of metrics comes back by itself, ever more slowly; nobody else notices."""
    d = opaed()
    p = d.peer()
    pages = [scrape(d)]
    for _ in range(3):
        old = server_of(d)
        os.kill(old, signal.SIGKILL)
        soon(lambda: server_of(d) != old)
        pages.append(scrape(d))
        not_less(*pages[-2:])
    assert pages[-1].value("opaed_metrics_server_starts_total") == 4
    pauses = [int(x.rsplit(" ", 2)[1]) for x in d.lines("opaed-metrics died of signal 9")]
    assert pauses == [100, 200, 400]
    p.good(PING)


def test_kill_9_of_the_monitor(opaed):
    d = opaed()
    scrape(d)
    server = server_of(d)
    d.process.kill()
    soon(lambda: not os.path.exists(f"/proc/{server}"))


# ---- who is not to be believed ----

def channel_of(pid):
    """A socket of ours that is the process's channel to its monitor."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(pid)
    fd = libc.syscall(438, pidfd, 3, 0)  # pidfd_getfd
    os.close(pidfd)
    if fd < 0:
        pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fd)


def test_a_server_that_says_something_else(opaed):
    d = opaed()
    p = d.peer()
    scrape(d)
    old = server_of(d)
    with channel_of(old) as channel:
        channel.send(b"xx")
    d.says("opaed-metrics died of signal 9")
    soon(lambda: server_of(d) != old)
    scrape(d)
    p.good(PING)


def test_a_server_that_asks_all_the_time(opaed):
    """The monitor makes but few answers, and never waits for one to be read."""
    d = opaed()
    p = d.peer()
    scrape(d)
    old = server_of(d)
    with channel_of(old) as channel:
        os.kill(old, signal.SIGSTOP)
        channel.settimeout(20)
        try:
            for _ in range(100000):
                channel.send(b"?")
        except (BrokenPipeError, ConnectionResetError):
            pass
        p.good(PING)
    soon(lambda: server_of(d) != old)
    scrape(d)


def counters_of(worker):
    """Where the worker has the memory that the monitor reads."""
    with open(f"/proc/{worker}/maps", encoding="ascii") as f:
        for line in f:
            if "opaed-counts" in line:
                return int(line.split("-")[0], 16)
    raise AssertionError("there is no such memory")


@pytest.mark.parametrize("lie", ["ones", "zeros", "gauges", "noise"])
def test_a_worker_that_lies(opaed, lie):
    d = opaed()
    p = d.peer()
    [worker] = workers(d)
    honest = d.peer()
    for _ in range(10):
        p.good(PING)
    honest.good(PING)
    before = when(d, lambda x: x.value("opaed_frames_total", direction="sent") == 13)
    at = counters_of(worker)
    totals = 14 + 4 * 24
    os.kill(worker, signal.SIGSTOP)
    try:
        memory = os.open(f"/proc/{worker}/mem", os.O_RDWR)
    except PermissionError:
        os.kill(worker, signal.SIGCONT)
        pytest.skip("this user may not write to another process")
    written = {"ones": b"\xff" * 8 * (totals + 4), "zeros": bytes(8 * totals),
               "gauges": os.pread(memory, 8 * totals, at) + b"\xff" * 32,
               "noise": b"\x7f\x01" * 4 * (totals + 4)}[lie]
    os.pwrite(memory, written, at)
    os.close(memory)
    page = when(d, lambda x: x.value("opaed_worker_counters_rejected_total") == 1)
    os.kill(worker, signal.SIGCONT)
    not_less(before, page)
    assert page.value("opaed_pinned_bytes") == page.value("opaed_watched_bytes") == 0
    d.says("its worker's counters make no sense")
    p.good(PING)
    for _ in range(7):
        honest.good(PING)
    page = when(d, lambda x: x.value("opaed_frames_total", direction="received") == 20)
    p.sock.close()
    honest.sock.close()
    last = when(d, lambda x: x.sum("opaed_sessions_ended_total") == 2)
    not_less(page, last)
    assert last.value("opaed_frames_total", direction="received") == 20
    assert d.said("make no sense")


def test_sessions_leave_nothing(opaed):
    """Their memory goes with them."""
    d = opaed()

    def some(n):
        for _ in range(n):
            with d.peer() as p:
                p.good(PING)
        soon(lambda: not workers(d))

    def memories():
        with open(f"/proc/{d.process.pid}/maps", encoding="ascii") as f:
            return f.read().count("opaed-counts")

    some(1)
    soon(lambda: not memories())
    before = d.descriptors()
    with d.peer():
        assert memories() == 1
    some(20)
    soon(lambda: not memories() and d.descriptors() <= before)
