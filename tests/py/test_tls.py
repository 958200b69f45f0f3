# SPDX-License-Identifier: BSD-3-Clause
"""TLS from end to end: certificates of `opae cert`, opaed's "tls" and the tcp plugin's. Who is refused learns
of it, and the reason is with the side that may know it. The hostile peer is Python's own TLS."""
import json
import os
import re
import resource
import select
import shutil
import socket
import ssl
import time
from pathlib import Path

import pytest
from conftest import TREE
from opaed import EVERYBODY, PING, Daemon, Peer, soon
from test_cert import Site, openssl


def files(site, name, crl=False):
    found = {"ca": str(site.dir / "ca.crt"), "cert": str(site.issued(name)),
             "key": str(site.issued(name, "key"))}
    return {**found, "crl": str(site.dir / "ca.crl")} if crl else found


class Tls:
    """A site with an opaed that has a card, and alice, who is a user of it."""

    def __init__(self, machine, **config):
        self.machine = machine
        self.site = Site(machine)
        self.site.good("init")
        self.site.good("issue", "localhost", "127.0.0.1")
        self.site.good("issue", "--client", "alice")
        self.daemon = Daemon(machine, listen=self.listen(), **config)
        self.port = self.daemon.ports[0]

    def listen(self, name="localhost"):
        return [{"unix": str(self.machine.folder / "opaed.sock")},
                {"tcp": "127.0.0.1:0", "tls": files(self.site, name, crl=True)}]

    def client(self, tls=None, host="localhost", **more):
        host = {"host": host, "port": self.port, "tls": tls or files(self.site, "alice")}
        return self.machine.config(json.dumps({"plugins": ["far"], "configurations": {"far": {
            "enabled": True, "plugin": "libtcp-opae.so",
            "configuration": {"hosts": [host], "connect_ms": 60000, "timeout_ms": 60000, **more}}}}))

    def list(self, **kw):
        """What `opae list` shows and says."""
        done = self.machine.run("opae", "list", env=self.client(**kw))
        return done.stdout, done.stderr

    def works(self, **kw):
        env = self.client(**kw)
        return "NLB0" in self.machine.good("opae", "list", env=env)

    def context(self, name="alice"):
        c = ssl.create_default_context(cafile=str(self.site.dir / "ca.crt"))
        if name:
            c.load_cert_chain(self.site.issued(name), self.site.issued(name, "key"))
        return c

    def connect(self, source="127.0.0.1"):
        return socket.create_connection(("127.0.0.1", self.port), 120, (source, 0))

    def peer(self, name="alice", source="127.0.0.1"):
        """The test's own peer, over TLS."""
        p = Peer.__new__(Peer)
        p.sock = self.context(name).wrap_socket(self.connect(source), server_hostname="localhost")
        p.last, p.pushed = 0, []
        return p


@pytest.fixture
def tls(here):
    with_tls(here)
    here.start()
    started = []

    def start(**config):
        started.append(Tls(here, **config))
        return started[-1]

    yield start
    for t in started:
        assert t.daemon.stop() == 0


def with_tls(machine):
    if "built without TLS" in machine.run("opae", "cert", "show").stderr:
        pytest.skip("built without TLS")


# ---- use ----

def test_a_program_runs_unchanged(tls):
    t = tls()
    assert "Test PASSED" in t.machine.good("hello_fpga", env=t.client())
    assert "tls:opae:alice (127.0.0.1:" in t.daemon.says("session 1: tls")
    soon(t.daemon.is_idle)


def test_by_address_and_by_another_name(tls):
    t = tls()
    assert t.works(host="127.0.0.1")
    t.site.good("issue", "--server", "fpga1.lab")
    t.daemon.reload(listen=t.listen("fpga1.lab"))
    assert t.works(tls={**files(t.site, "alice"), "name": "fpga1.lab"})
    assert "localhost" in t.list()[1] and "NLB0" not in t.list()[0]


def test_policy_is_by_the_name_in_the_certificate(tls):
    t = tls(policy=[{"principal": who, "see": ["*"], "allow": ["*"]}
                    for who in ("tls:opae:alice", "unix:77")])
    t.site.good("issue", "--client", "bob")
    assert t.works()
    shown, said = t.list(tls=files(t.site, "bob"))
    assert "NLB0" not in shown and "has no rule for tls:opae:bob" in said
    assert "tls:opae:bob" in t.daemon.says("is refused")
    sessions = t.machine.run("opae", "sessions", "--to", str(t.daemon.path))
    assert sessions.returncode == 1 and "no rule for unix" in sessions.stderr

def test_the_protocol_is_the_same_behind_it(tls):
    t = tls()
    with t.peer().hello() as p:
        h = p.open(next(iter(p.objects().values())))
        p.write(h, 0x18, 7)
        assert p.read(h, 0x18) is not None
        many = [p.send(PING) for _ in range(200)]  # in several records
        got = []
        while len(got) < len(many):
            got += [f.id for f in [p.frame()] if f.id]  # and what comes by itself
        assert got == many


def test_tools_use_what_is_configured(tls):
    t = tls()
    env = t.client()
    sessions = t.machine.good("opae", "sessions", "--to", f"localhost:{t.port}", env=env)
    assert "tls:opae:alice" in sessions
    done = t.machine.run("opae", "doctor", env=env)
    assert "shows a good certificate" in done.stdout and 'you are "tls:opae:alice" there' in done.stdout
    t.site.good("revoke", "alice")
    time.sleep(0.6)
    done = t.machine.run("opae", "doctor", env=env)
    assert "revoked" in done.stdout and "opae cert show" in done.stdout and done.returncode == 1
    done = t.machine.run("opae", "sessions", "--to", f"localhost:{t.port}", env=env)
    assert "revoked" in done.stderr and done.returncode == 1


def test_doctor_tells_what_is_wrong_with_the_files(tls):
    t = tls()
    os.remove(t.site.issued("alice", "key"))
    done = t.machine.run("opae", "doctor", env=t.client())
    assert "alice.key" in done.stdout and '"tls" of localhost' in done.stdout


# ---- refusals: faults 26 ----

def signed_elsewhere(t, *args):
    other = Site(t.machine, "other")
    other.good("init")
    other.good("issue", *args)
    return other


def by_openssl(t, name, begin, end):
    """A client's certificate of the site's authority that `opae cert` would not make."""
    at = t.machine.folder / "ca"
    at.mkdir()
    (at / "index").write_text("")
    conf = at / "conf"
    conf.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={at}/index\nnew_certs_dir={at}\ndefault_md=sha256\n"
                    "rand_serial=yes\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n"
                    f"[x]\nsubjectAltName=URI:opae:{name}\nkeyUsage=critical,digitalSignature\n"
                    "extendedKeyUsage=clientAuth\nbasicConstraints=critical,CA:false\n"
                    "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
                    "[req]\ndistinguished_name=d\n[d]\n")
    key, csr, crt = (at / f"{name}.{x}" for x in ("key", "csr", "crt"))
    for args in (["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key],
                 ["req", "-new", "-config", conf, "-key", key, "-subj", f"/CN={name}", "-out", csr],
                 ["ca", "-batch", "-notext", "-config", conf, "-in", csr, "-out", crt, "-startdate", begin,
                  "-enddate", end, "-cert", t.site.dir / "ca.crt", "-keyfile", t.site.dir / "ca.key"]):
        done = openssl(*args)
        assert done.returncode == 0, done.stdout
    key.chmod(0o600)
    return {"ca": str(t.site.dir / "ca.crt"), "cert": str(crt), "key": str(key)}


def refused(t, tls_files, client_says, daemon_says, **kw):
    shown, said = t.list(tls=tls_files, **kw)
    assert "NLB0" not in shown
    assert client_says in said, said
    if daemon_says:
        assert "Sanitizer" not in t.daemon.says(daemon_says)
    soon(t.daemon.is_idle)


def test_fault_26_client_of_another_authority(tls):
    t = tls()
    other = signed_elsewhere(t, "--client", "mallory")
    theirs = {**files(other, "mallory"), "ca": str(t.site.dir / "ca.crt")}
    refused(t, theirs, "does not accept", "is not let in: 127.0.0.1:")
    assert "mallory" not in " ".join(t.daemon.lines("session 1: tls:"))


def test_fault_26_server_of_another_authority(tls):
    t = tls()
    other = signed_elsewhere(t, "x.lab")
    mine = {**files(t.site, "alice"), "ca": str(other.dir / "ca.crt")}
    refused(t, mine, "ca.crt", "is not let in")


def test_fault_26_wrong_name(tls):
    t = tls()
    refused(t, {**files(t.site, "alice"), "name": "fpga2.lab"}, "fpga2.lab", "is not let in")


def test_fault_26_expired(tls):
    t = tls()
    gone = by_openssl(t, "old", "20200101000000Z", "20200201000000Z")
    refused(t, gone, "has expired", None)  # the client does not even show it
    with pytest.raises(OSError):
        c = t.context(None)
        c.load_cert_chain(gone["cert"], gone["key"])
        s = c.wrap_socket(t.connect(), server_hostname="localhost")
        s.sendall(b"x" * 64)
        assert s.recv(1)
        raise AssertionError("it was let in")
    assert "expired" in t.daemon.says("is not let in")


def test_fault_26_revoked(tls):
    t = tls()
    assert t.works()
    t.site.good("revoke", "alice")
    time.sleep(0.6)  # the files are looked at twice a second
    refused(t, None, "revoked", "revoked")


def test_fault_26_certificate_that_is_for_no_client(tls):
    t = tls()
    t.site.good("issue", "--server", "srv.lab")
    refused(t, files(t.site, "srv.lab"), "does not accept", "is not let in")


def test_fault_26_without_a_certificate(tls):
    t = tls()
    with pytest.raises(OSError):
        p = t.peer(name=None)
        p.sock.sendall(b"x" * 64)
        p.sock.recv(1) and p.sock.recv(1)
    assert "shows no certificate" in t.daemon.says("is not let in")


def test_fault_26_tls_1_2(tls):
    t = tls()
    c = t.context()
    c.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        c.wrap_socket(t.connect(), server_hostname="localhost")
    assert "no TLS 1.3" in t.daemon.says("is not let in")


def test_clear_text_at_a_tls_listener(tls):
    t = tls()
    p = Peer(("127.0.0.1", t.port))
    p.send(1, b"\0" * 40)
    assert p.is_ended()
    assert "is not TLS" in t.daemon.says("is not let in")


def test_tls_at_a_clear_listener(tls):
    t = tls()
    t.daemon.reload(listen=[{"tcp": "127.0.0.1:0", "clear": True}])
    t.port = int(t.daemon.says("listening on 127.0.0.1:").rsplit(":", 1)[1])
    shown, said = t.list()
    assert "NLB0" not in shown and '"tls"' in said, said


# ---- certificates that change ----

def test_fault_26_certificates_are_renewed_under_load(tls):
    t = tls()
    with t.peer().hello() as p:
        h = p.open(next(iter(p.objects().values())))
        first = None
        for _ in range(3):
            s = t.peer()
            first, was = s.sock.getpeercert()["serialNumber"], first
            s.sock.close()
            assert first != was
            t.site.good("issue", "localhost", "127.0.0.1", "--renew")
            p.read(h, 0)
            time.sleep(0.6)
        p.read(h, 0)
    assert t.daemon.says("are read again")


def test_files_that_go_bad_change_nothing(tls):
    t = tls()
    key = t.site.issued("localhost", "key")
    kept = key.read_bytes()
    key.write_bytes(b"nonsense")
    time.sleep(0.6)
    assert t.works()
    assert "has no private key" in t.daemon.says("the files stay those that were good")
    assert "stays as it was" in "\n".join(t.daemon.reload(listen=t.listen()))
    assert t.works()
    key.write_bytes(kept)
    time.sleep(0.6)
    assert t.works()
    assert t.daemon.says("are read again")


def test_the_name_of_a_listener(tls):
    """Its certificate must be for it; else clients that look for that name would refuse it."""
    t = tls()

    def works():
        with t.peer().hello() as p:
            p.good(PING)

    def named(name):
        unix, tcp = t.listen()
        return [unix, {**tcp, "tls": {**tcp["tls"], "name": name}}]

    assert "is read again" in "\n".join(t.daemon.reload(listen=named("localhost")))
    works()
    said = "\n".join(t.daemon.reload(listen=named("fpga2.lab")))
    assert "stays as it was" in said
    assert 'localhost.crt: the certificate is not for "fpga2.lab"' in said and "DNS:localhost" in said
    works()
    t.site.good("issue", "--server", "other.lab")
    for kind in ("crt", "key"):  # what is put in its place is judged as well
        t.site.issued("localhost", kind).write_bytes(t.site.issued("other.lab", kind).read_bytes())

    def judged():
        works()
        return t.daemon.lines("the files stay those that were good")

    assert 'is not for "localhost"' in soon(judged, 60)[0]


# ---- strangers ----

def test_who_says_nothing_costs_no_process(tls):
    t = tls(limits={"preauth_ms": 3000})  # all are to be there at once
    before = t.daemon.descriptors()
    silent = [t.connect() for _ in range(100)]
    soon(lambda: t.daemon.descriptors() >= before + 100)
    assert not t.daemon.workers()
    assert t.works()
    for s in silent:
        assert s.recv(1) == b""
    soon(lambda: t.daemon.descriptors() <= before + 1)
    assert t.daemon.says("said nothing")


def test_who_comes_and_goes_costs_no_process(tls):
    t = tls()
    before = t.daemon.descriptors()
    silent = [t.connect() for _ in range(50)]
    soon(lambda: t.daemon.descriptors() >= before + 50)
    for s in silent:
        s.close()
    soon(lambda: t.daemon.descriptors() <= before + 1)
    assert t.works()
    assert t.daemon.says("session 1: tls:opae:alice")
    assert not t.daemon.lines("is not let in")


def test_fault_06_a_byte_a_second(tls):
    t = tls(limits={"preauth_ms": 2000})
    s = t.connect()
    started = time.monotonic()
    with pytest.raises(OSError):
        for byte in b"\x16\x03\x01\x01\x00\x01\x00\x00\xfc\x03\x03" + bytes(60):
            s.sendall(bytes([byte]))
            time.sleep(0.3)
    assert 1.5 < time.monotonic() - started < 15
    assert "not done in time" in t.daemon.says("is not let in")
    soon(t.daemon.is_idle)


def test_many_who_begin_and_stop_do_not_keep_others_out(tls):
    t = tls(limits={"preauth_connections": 4})
    begun = [t.connect(f"127.0.0.{1 + i % 2}") for i in range(40)]
    for s in begun:
        s.sendall(b"\x16\x03\x01")
    soon(lambda: len(t.daemon.workers()) == 4)
    assert t.works()
    assert len(t.daemon.workers()) <= 6
    assert t.daemon.lines("waited for their turn") or t.daemon.says("others waited")
    for s in begun:
        s.close()
    soon(t.daemon.is_idle, 30)


def test_who_begin_from_one_address_have_half_of_the_places(tls):
    t = tls(limits={"preauth_connections": 6})
    begun = [t.connect() for _ in range(40)]
    for s in begun:
        s.sendall(b"\x16\x03\x01")
    assert "127.0.0.1 has half of the places" in t.daemon.says("waits for its turn to shake hands")
    soon(lambda: len(t.daemon.workers()) == 3)
    others = [t.connect("127.0.0.2") for _ in range(2)]
    for s in others:
        s.sendall(b"\x16\x03\x01")
    soon(lambda: len(t.daemon.workers()) == 5)
    with t.peer(source="127.0.0.3").hello() as p:
        p.good(PING)
    assert not any(is_closed(s) for s in others)
    assert "others from 127.0.0.1 waited for their turn" in t.daemon.says("ended: others")
    for s in begun + others:
        s.close()
    soon(t.daemon.is_idle, 30)


def test_who_are_silent_from_one_address_have_half_of_the_places(tls):
    t = tls(limits={"preauth_ms": 60000})
    resource.prlimit(t.daemon.process.pid, resource.RLIMIT_NOFILE, (400, 400))
    first = [t.connect("127.0.0.2") for _ in range(10)]
    crowd = [t.connect() for _ in range(120)]
    soon(lambda: sum(is_closed(s) for s in crowd) == 120 - 400 // 4 // 2)
    assert not any(is_closed(s) for s in crowd[-50:])  # those that have waited longest were
    assert not any(is_closed(s) for s in first)
    assert "half of the places" in t.daemon.says("127.0.0.1 has 50 connections")
    with t.peer().hello() as p:  # the address has its share, and goes on
        p.good(PING)
    for s in first + crowd:
        s.close()
    soon(t.daemon.is_idle)


def is_closed(sock):
    """By the other end, which has sent nothing."""
    if not select.select([sock], [], [], 0)[0]:  # recv() would wait as long as the socket's timeout
        return False
    try:
        return sock.recv(1) == b""
    except ConnectionError:
        return True


def has(pid, *wanted):
    """Which of these there are in the memory of the process."""
    found = set()
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(x, 16) for x in line.split()[0].split("-"))
            if "rw" not in line or end - begin > 1 << 28:
                continue
            memory.seek(begin)
            data = memory.read(end - begin)
            found |= {w for w in wanted if w in data}
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look at a worker's memory")
@pytest.mark.skipif(TREE in ("asan", "tsan"), reason="the memory of a sanitizer has no end")
def test_a_worker_forgets_the_key(tls):
    """Whoever takes it over once it has shaken hands cannot pass for this opaed."""
    t = tls()
    pem = t.site.issued("localhost", "key")
    shown = openssl("pkey", "-in", pem, "-noout", "-text").stdout
    number = re.search(r"priv:\s+([0-9a-f:\s]+?)\s+pub:", shown)[1]
    key = bytes.fromhex(re.sub(r"[:\s]", "", number))[-32:]
    with t.peer().hello() as p:
        p.objects()
        worker, = t.daemon.workers()
        assert has(worker, key, key[::-1], pem.read_bytes().split(b"\n")[1], b"tls:opae:alice") == {
            b"tls:opae:alice"}


def test_sessions_show_no_strangers(tls):
    t = tls()
    s = t.connect()
    s.sendall(b"\x16")
    soon(t.daemon.workers)
    assert "127.0.0.1" not in t.machine.good("opae", "sessions", "--to", t.daemon.path)
    s.close()
    soon(t.daemon.is_idle)


@pytest.mark.parametrize("says", [b"GET / HTTP/1.0\r\n\r\n", b"\x16\x03\x01\x00\x02\x01\x00"])
def test_who_cannot_shake_hands_cannot_fill_the_machine(tls, says):
    """Nonsense, and whoever sent it stays: his worker keeps its place until he has had the time to read."""
    t = tls(limits={"preauth_connections": 4})
    strangers = []
    most = 0
    for _ in range(60):
        strangers.append(t.connect())
        strangers[-1].sendall(says)
        most = max(most, len(t.daemon.workers()))
    for _ in range(50):
        most = max(most, len(t.daemon.workers()))
        time.sleep(0.02)
    assert 1 <= most <= 10  # two, and those that are just ended for others
    for s in strangers:
        s.close()
    with t.peer() as p:
        p.hello()
    soon(t.daemon.is_idle)


def test_who_is_refused_cannot_fill_the_machine(tls):
    """A certificate is good, and no rule is for it: who then says nothing costs a worker until hello_ms."""
    t = tls(policy=[{"principal": who, "see": ["*"], "allow": ["*"]}
                    for who in ("tls:opae:alice", "unix:77")],
            limits={"hello_ms": 30000})
    t.site.good("issue", "--client", "bob")
    refused = [t.context("bob").wrap_socket(t.connect(), server_hostname="localhost") for _ in range(24)]
    soon(lambda: t.daemon.lines("has no rule for tls:opae:bob"))
    soon(lambda: len(t.daemon.workers()) <= 8)
    assert t.works()
    for s in refused:
        s.close()
    soon(t.daemon.is_idle, 30)


# ---- configuration ----

@pytest.mark.parametrize("change,says", [
    ({"ca": None}, '"tls" has no "ca"'),
    ({"key": "relative.key"}, '"key" must be the absolute path'),
    ({"nome": "x"}, 'there is no "nome"'),
    ({"clear": True}, '"clear" and "public"'),
    ({"principal": "unix:1"}, "whom its certificate names"),
])
def test_configurations_that_are_refused(here, change, says):
    with_tls(here)
    site = Site(here)
    site.good("init")
    site.good("issue", "localhost")
    tls, entry = files(site, "localhost"), {"tcp": "127.0.0.1:0"}
    for key, value in change.items():
        (entry if key in ("clear", "principal") else tls)[key] = value
    d = Daemon(here, start=False)
    d.write(listen=[{**entry, "tls": {k: v for k, v in tls.items() if v}}], policy=EVERYBODY)
    done = here.run("opaed", "--check-config", "--config", str(d.file))
    assert done.returncode == 1 and says in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("spoil,says", [
    (lambda f: os.chmod(f["key"], 0o644), "chmod 600"),
    (lambda f: os.remove(f["cert"]), "there is no such file"),
    (lambda f: os.truncate(f["ca"], 10), "has no certificate of a CA"),
    (lambda f: f.update(name="fpga2.lab"), 'localhost.crt: the certificate is not for "fpga2.lab"'),
])
def test_files_that_are_refused_at_the_start(here, spoil, says):
    with_tls(here)
    site = Site(here)
    site.good("init")
    site.good("issue", "localhost")
    found = files(site, "localhost", crl=True)
    spoil(found)
    d = Daemon(here, start=False)
    d.write(listen=[{"tcp": "127.0.0.1:0", "tls": found}], policy=EVERYBODY)
    done = here.run("opaed", "--config", str(d.file))
    assert done.returncode == 1 and says in done.stderr and "cannot listen on" in done.stderr


@pytest.mark.parametrize("host,says", [
    ({"host": "a", "tls": {}}, 'has no \"ca\"'.replace("\\", "")),
    ({"host": "a", "tls": True}, '"tls" must be an object'),
    ({"host": "a", "tls": {"cert": "x"}}, '"cert" must be the absolute path'),
    ({"unix": "/x", "tls": {"ca": "/a", "cert": "/b", "key": "/c"}}, 'needs "name"'),
    ({"host": "a", "tls": {"cipher": "x"}}, '"cipher" is unknown'),
])
def test_hosts_that_are_refused(here, host, says):
    env = here.config(json.dumps({"plugins": ["far"], "configurations": {"far": {
        "enabled": True, "plugin": "libtcp-opae.so",
        "configuration": {"hosts": [host], "connect_ms": 60000}}}}))
    assert says in here.run("opae", "plugins", env=env).stdout


# ---- the worker's two programs ----

@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else may look at a worker's memory")
def test_clear_text_does_without_openssl(tls):
    t = tls()
    with t.daemon.peer() as p:
        p.good(PING)
        [worker] = t.daemon.workers()
        assert "libssl" not in Path(f"/proc/{worker}/maps").read_text()


def test_an_installation_without_the_worker_for_tls(here):
    with_tls(here)
    t = Tls(here)
    assert t.daemon.stop() == 0
    folder = here.folder / "bin"
    folder.mkdir()
    for name in ("bin/opaed", "libexec/opae/opaed-worker"):
        shutil.copy(here.prefix / name, folder)
    done = here.run(folder / "opaed", "--config", str(t.daemon.file))
    assert done.returncode == 1 and "there is no opaed-worker-tls" in done.stderr, done.stderr
