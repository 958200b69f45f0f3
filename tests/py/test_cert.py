# SPDX-License-Identifier: BSD-3-Clause
"""`opae cert`, judged by the openssl command: what it makes is good for TLS 1.3 between an opaed and its
clients, and what is wrong with a name, a folder or a disk is told and leaves all as it was."""
import datetime
import fcntl
import json
import os
import random
import re
import resource
import select
import signal
import stat
import subprocess
import time

import pytest

OPENSSL = "/usr/bin/openssl"


@pytest.fixture
def site(machine):
    return begin(machine)


@pytest.fixture
def one(here):
    return begin(here)


def begin(machine):
    if "built without TLS" in machine.run("opae", "cert", "show").stderr:
        pytest.skip("built without TLS")
    return Site(machine)


class Site:
    """One authority; its commands by one word."""

    def __init__(self, machine, name="pki"):
        self.machine, self.name, self.dir = machine, name, machine.folder / name

    def run(self, verb, *args, **kw):
        return self.machine.run("opae", "cert", verb, *args, "--dir", self.dir, **kw)

    def good(self, verb, *args, **kw):
        done = self.run(verb, *args, **kw)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def issued(self, name, suffix="crt"):
        return self.dir / "issued" / name / f"{name}.{suffix}"

    def rows(self):
        done = self.run("show", "--json")
        return json.loads(done.stdout)["certificates"]

    def states(self):
        return [(r["name"], r["state"]) for r in self.rows()]


def openssl(*args):
    return subprocess.run([OPENSSL, *args], text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60)


def verify(site, path, *more):
    return openssl("verify", "-x509_strict", "-crl_check", "-crl_check_all", "-CAfile",
                   site.dir / "ca.crt", "-CRLfile", site.dir / "ca.crl", *more, path)


def text_of(path, kind="x509"):
    done = openssl(kind, "-in", path, "-noout", "-text")
    assert done.returncode == 0, done.stdout
    return done.stdout


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def everything(folder):
    """What is there: of each file, its mode and content."""
    return {p: (p.lstat().st_mode, p.read_bytes() if p.is_file() else b"") for p in sorted(folder.rglob("*"))
            if p.name != ".lock"}


# ---- a handshake ----


class Server:
    """openssl s_server with TLS 1.3 that wants a client's certificate, and the list of revoked ones."""

    def __init__(self, site, cert, key, ca=None):
        self.p = subprocess.Popen(
            [OPENSSL, "s_server", "-accept", "127.0.0.1:0", "-tls1_3", "-cert", cert, "-key", key,
             "-CAfile", ca or site.dir / "ca.crt", "-CRL", site.dir / "ca.crl", "-crl_check", "-Verify", "1",
             "-verify_return_error", "-x509_strict", "-rev", "-naccept", "1"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seen = b""
        deadline = time.monotonic() + 60
        while not re.search(rb"ACCEPT .*:\d+\n", seen):
            assert select.select([self.p.stdout], [], [], max(0, deadline - time.monotonic()))[0], seen
            more = os.read(self.p.stdout.fileno(), 4096)
            assert more, seen
            seen += more
        self.port = int(re.search(rb"ACCEPT .*:(\d+)\n", seen).group(1))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.p.kill()
        self.said = self.p.communicate(timeout=60)[0]


def shake(server_site, server, client_site, client, name="localhost", server_key=None):
    """Does an echo come back over TLS 1.3 with both ends' certificates, and what was said?"""
    with Server(server_site, server, server_key or server.with_suffix(".key")) as s:
        verdict = ["-verify_hostname", name] if name[0].isalpha() else ["-verify_ip", name]
        args = [OPENSSL, "s_client", "-connect", f"127.0.0.1:{s.port}", "-tls1_3", "-CAfile",
                client_site.dir / "ca.crt", "-verify_return_error", "-x509_strict", *verdict, "-quiet"]
        if client:
            args += ["-cert", client, "-key", client.with_suffix(".key")]
        p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seen = b""
        try:
            p.stdin.write(b"olleh\n")
            p.stdin.flush()
            while b"hello" not in seen and select.select([p.stdout], [], [], 60)[0]:
                more = os.read(p.stdout.fileno(), 4096)
                if not more:
                    break
                seen += more
        except BrokenPipeError:
            pass
        p.kill()
        seen += p.communicate(timeout=60)[1]
    return b"hello" in seen, (seen + s.said).decode(errors="replace")


def test_two_commands_and_a_handshake(site):
    site.good("init")
    site.good("issue", "localhost", "127.0.0.1")
    done, said = shake(site, site.issued("localhost"), site, site.issued("localhost"))
    assert done, said
    done, said = shake(site, site.issued("localhost"), site, site.issued("localhost"), name="127.0.0.1")
    assert done, said


def test_who_is_refused(one):
    """A handshake goes wrong for one reason at a time; the good pair works before and after."""
    one.good("init", "--name", "lab")
    one.good("issue", "localhost", "--server")
    server = one.issued("localhost")
    other = Site(one.machine, "other")
    other.good("init", "--name", "lab")  # of the same name, and not the same
    other.good("issue", "localhost")
    for name, more in (("alice", ()), ("bob", ()), ("late", ("--days", "0"))):
        one.good("issue", "--client", name, *more)
    assert shake(one, server, one, one.issued("alice"))[0]
    assert shake(one, server, one, one.issued("bob"))[0]
    one.good("revoke", "bob")
    for client, name, word in ((None, "localhost", "peer did not return a certificate"),
                               (one.issued("bob"), "localhost", "certificate revoked"),
                               (one.issued("late"), "localhost", "certificate has expired"),
                               (one.issued("alice"), "elsewhere", "hostname mismatch"),
                               (other.issued("localhost"), "localhost", "unable to get local issuer"),
                               (server, "localhost", "certificate purpose")):
        done, said = shake(one, server, one, client, name=name)
        assert not done and word in said, (client, name, said)
    done, said = shake(one, server, other, one.issued("alice"))
    assert not done and "alert unknown ca" in said, said
    done, said = shake(one, one.issued("alice"), one, one.issued("alice"))  # a client is no server
    assert not done and "certificate purpose" in said, said
    assert shake(one, server, one, one.issued("alice"))[0]


# ---- what is in them ----


def test_the_authority(one):
    out = one.good("init", "--name", "Lab 7", "--days", "100")
    for word in ("Lab 7", "ca.key", "ca.crt", "ca.crl", f"opae cert issue --dir {one.dir}"):
        assert word in out
    text = text_of(one.dir / "ca.crt")
    for word in ("CN = Lab 7 OPAE CA",
                 "X509v3 Basic Constraints: critical\n                CA:TRUE, pathlen:0",
                 "X509v3 Key Usage: critical\n                Certificate Sign, CRL Sign",
                 "Subject Key Identifier", "prime256v1", "ecdsa-with-SHA256"):
        assert word in text, word
    crl = text_of(one.dir / "ca.crl", "crl")
    assert "No Revoked Certificates" in crl and "CRL Number" in crl and "Version 2" in crl
    ends = [re.search(rf"{word} *: (.*)", t).group(1) for word, t in (("Not After", text),
                                                                      ("Next Update", crl))]
    assert ends[0] == ends[1]  # a list that ends sooner would shut everybody out
    check = openssl("crl", "-in", one.dir / "ca.crl", "-CAfile", one.dir / "ca.crt", "-noout")
    assert "verify OK" in check.stdout
    ca = one.dir / "ca.crt"
    assert openssl("verify", "-x509_strict", "-CAfile", ca, ca).returncode == 0


@pytest.mark.parametrize("args,purposes,sans", [
    (("Node7.Lab", "10.0.0.7", "fd00::7"), ("sslserver", "sslclient"),
     "DNS:node7.lab, IP Address:10.0.0.7, IP Address:FD00:0:0:0:0:0:0:7, URI:opae:node7.lab"),
    (("--server", "node7", "x" * 60 + ".example"), ("sslserver",), f"DNS:node7, DNS:{'x' * 60}.example"),
    (("--client", "Alice_B@lab"), ("sslclient",), "URI:opae:Alice_B@lab"),
    (("10.0.0.7",), ("sslserver", "sslclient"), "IP Address:10.0.0.7, URI:opae:10.0.0.7")])
def test_a_certificate(one, args, purposes, sans):
    one.good("init")
    out = one.good("issue", *args)
    path = next((one.dir / "issued").glob("*/[!c]*.crt"), None) or one.issued("Alice_B@lab")
    text = text_of(path)
    for word in (f"Subject Alternative Name: \n                {sans}\n",
                 "critical\n                CA:FALSE",
                 "critical\n                Digital Signature\n", "Authority Key Identifier"):
        assert word in text, word
    for purpose in ("sslserver", "sslclient"):
        assert (verify(one, path, "-purpose", purpose).returncode == 0) == (purpose in purposes), purpose
    assert (f'"tls:opae:{path.stem}"' in out) == ("sslclient" in purposes)


def test_the_lines_for_the_configuration(one):
    one.good("init")
    lines = [json.loads("{" + line + "}")["tls"] for line in one.good("issue", "a").splitlines()
             if '"tls":' in line]
    folder = one.dir / "issued/a"
    want = {"ca": folder / "ca.crt", "crl": folder / "ca.crl", "cert": folder / "a.crt",
            "key": folder / "a.key"}
    assert lines == [{k: str(v) for k, v in want.items()},
                     {k: str(v) for k, v in want.items() if k != "crl"}]
    assert all(p.exists() for p in want.values())
    assert (folder / "ca.crt").read_bytes() == (one.dir / "ca.crt").read_bytes()
    assert one.good("issue", "--client", "b").count('"tls":') == 1
    assert one.good("issue", "--server", "c").count('"tls":') == 1


def test_serials_are_long_and_no_two_are_the_same(one):
    one.good("init")
    for name in ("a", "b", "c"):
        one.good("issue", name)
    serials = {r["serial"] for r in one.rows()}
    assert len(serials) == 4 and all(re.fullmatch("[0-9A-F]{32}", s) for s in serials)


def test_no_secret_is_told(one):
    said = one.good("init") + one.good("issue", "a") + one.good("show") + one.good("revoke", "a")
    for key in (one.dir / "ca.key", one.issued("a", "key")):
        body = key.read_text().splitlines()
        assert body[0] == "-----BEGIN PRIVATE KEY-----" and not any(line in said for line in body)


# ---- files ----


@pytest.mark.parametrize("umask", [0, 0o022, 0o777])
def test_modes_whatever_the_umask(site, umask):
    def mask():
        os.umask(umask)

    site.good("init", preexec_fn=mask)
    site.good("issue", "a", preexec_fn=mask)
    site.good("issue", "b", "--out", site.machine.folder / "out", preexec_fn=mask)
    site.good("revoke", "a", preexec_fn=mask)
    for path, want in (("", 0o700), ("ca.key", 0o600), ("ca.crt", 0o644), ("ca.crl", 0o644), ("index", 0o600),
                       ("issued", 0o700), ("issued/a", 0o700), ("issued/a/a.key", 0o600),
                       ("issued/a/a.crt", 0o644), ("../out", 0o700), ("../out/b.key", 0o600)):
        assert mode(site.dir / path) == want, path


def test_the_default_folder(site):
    m = site.machine
    if not m.user and os.geteuid() == 0:
        pytest.skip("root's is the machine's own")
    for env, place in (({}, m.folder / ".config"),
                       ({"XDG_CONFIG_HOME": str(m.folder / "x")}, m.folder / "x")):
        m.good("opae", "cert", "init", env=env)
        assert (place / "opae/pki/ca.crt").exists() and mode(place) == 0o700
        assert "issue HOSTNAME" not in m.good("opae", "cert", "issue", "a", env=env)
    done = m.run("opae", "cert", "show", env={"HOME": "nowhere"})
    assert done.returncode == 1 and "--dir" in done.stderr


def test_the_default_folder_of_root(one):
    """In a mount namespace, with an /etc that is empty."""
    script = f"mount -t tmpfs -o mode=755 none /etc && umask 077 && {one.machine.bin}/opae cert init && " \
             f"{one.machine.bin}/opae cert issue a && stat -c '%a %n' /etc/opae /etc/opae/pki"
    if os.geteuid() or one.machine.run("/usr/bin/unshare", "-m", "mount", "-t", "tmpfs", "none",
                                       one.machine.folder).returncode:
        pytest.skip("nothing can be mounted here")
    out = one.machine.good("/usr/bin/unshare", "-m", "sh", "-c", script)
    assert out.endswith("755 /etc/opae\n700 /etc/opae/pki\n") and "issue HOSTNAME" in out


def test_nothing_is_overwritten(one):
    one.good("init")
    one.good("issue", "a")
    before = everything(one.dir)
    done = one.run("init")
    assert done.returncode == 1 and str(one.dir) in done.stderr and "stays as it is" in done.stderr
    done = one.run("issue", "a")
    assert done.returncode == 1 and str(one.issued("a")) in done.stderr and "--renew" in done.stderr
    assert everything(one.dir) == before
    file = one.machine.folder / "file"
    file.write_text("mine")
    done = one.machine.run("opae", "cert", "init", "--dir", file)
    assert done.returncode == 1 and "no folder" in done.stderr and file.read_text() == "mine"
    assert [p.name for p in sorted(one.machine.folder.iterdir())] == ["file", "pki"]


def test_an_empty_folder_may_be_there(one):
    one.dir.mkdir(mode=0o755)
    one.machine.good("opae", "cert", "init", "--dir", f"{one.dir}//")
    assert mode(one.dir) == 0o700
    assert one.states() == [("ca", "valid")]


def test_renew(one):
    one.good("init")
    one.good("issue", "a", "--days", "5")
    old = one.issued("a").read_bytes(), one.issued("a", "key").read_bytes()
    assert one.run("show").returncode == 1
    one.good("issue", "a", "--renew")
    assert not {one.issued("a").read_bytes(), one.issued("a", "key").read_bytes()} & set(old)
    assert verify(one, one.issued("a")).returncode == 0
    assert one.states() == [("ca", "valid"), ("a", "replaced"), ("a", "valid")]
    assert one.run("show").returncode == 0
    one.good("revoke", "a")  # by the name: all of them
    assert one.states()[1:] == [("a", "revoked"), ("a", "revoked")]
    assert text_of(one.dir / "ca.crl", "crl").count("Serial Number") == 2


def test_another_authoritys_folder_is_left_alone(one):
    other = Site(one.machine, "other")
    for s in (one, other):
        s.good("init")
    out = one.machine.folder / "out"
    one.good("issue", "a", "--out", out)
    before = everything(out), everything(other.dir)
    done = other.run("issue", "b", "--out", out)
    assert done.returncode == 1 and str(out / "ca.crt") in done.stderr
    assert (everything(out), everything(other.dir)) == before
    one.good("issue", "b", "--out", out)
    assert sorted(p.name for p in out.iterdir()) == ["a.crt", "a.key", "b.crt", "b.key", "ca.crl", "ca.crt"]


HOSTILE = ["", ".", "..", "../x", "a/b", "/etc/x", "-", "ca", "a b", "a\nb", "a,DNS:b", "é", "a\x1b[0m",
           "*.lab", "*", "a..b", "a.", "-a", "10.0.0.256", "10.0.0.1:8447", "x" * 65, "a\tb", "%s%n"]


@pytest.mark.parametrize("kind", [(), ("--client",), ("--server",)])
def test_hostile_names(one, kind):
    one.good("init")
    before = everything(one.machine.folder)
    for name in HOSTILE:
        if kind == ("--client",) and name in ("a..b", "a.", "10.0.0.256"):
            continue  # a user may be called so
        done = one.run("issue", *kind, name)
        assert done.returncode == 2 and done.stderr.startswith("opae: "), (name, done.stdout)
    assert everything(one.machine.folder) == before
    if kind != ("--client",):
        for name in ("a,DNS:b", "x" * 64, "../x"):
            assert one.run("issue", *kind, "good", name).returncode == 2, name
    assert one.run("issue", "--client", "alice", "bob").returncode == 2
    assert one.run("init", "--name", "a\nb").returncode == 2


def test_users_names_stay_in_the_folder(one):
    one.good("init")
    for name in ("a..b", "a.", "10.0.0.256"):
        one.good("issue", "--client", name)
        assert one.issued(name).exists() and verify(one, one.issued(name)).returncode == 0


def test_usage(one):
    one.good("init")
    for args in ((), ("make",), ("init", "x"), ("issue",), ("issue", "a", "--days", "x"), ("issue", "--out"),
                 ("issue", "a", "--days", "36501"), ("issue", "a", "--days", "-1"), ("revoke",),
                 ("revoke", "a", "b"), ("show", "a", "b"), ("show", "--renew"), ("init", "--client")):
        done = one.machine.run("opae", "cert", *args)
        assert done.returncode == 2 and "opae: " in done.stderr and "--help" in done.stderr, args
    assert "opae cert issue NAME..." in one.machine.good("opae", "cert", "--help")


# ---- many at once, and things that go wrong ----


def start(site, *args):
    return subprocess.Popen([site.machine.bin / "opae", "cert", *args, "--dir", site.dir],
                            env=site.machine.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_many_issues_at_once(one):
    one.good("init")
    names = [f"n{i}" for i in range(12)]
    running = [start(one, "issue", n) for n in names] + [start(one, "issue", "same") for _ in range(4)]
    codes = []
    for p in running:
        out, err = p.communicate(timeout=120)
        codes.append(p.returncode)
        assert not p.returncode or "--renew" in err, err
    assert codes[:12] == [0] * 12 and sorted(codes[12:]) == [0, 1, 1, 1]
    assert sorted(s for s in one.states()) == sorted([("ca", "valid"), ("same", "valid")] +
                                                     [(n, "valid") for n in names])
    for name in [*names, "same"]:
        assert verify(one, one.issued(name)).returncode == 0
    assert not [p for p in one.dir.rglob(".*") if p.name != ".lock"]


def waits_for_the_lock(p, site):
    """Has it opened the file? It cannot have got further then."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and p.poll() is None:
        for fd in os.listdir(f"/proc/{p.pid}/fd"):
            try:
                if os.readlink(f"/proc/{p.pid}/fd/{fd}") == str(site.dir / ".lock"):
                    return True
            except FileNotFoundError:
                pass
        time.sleep(0.01)
    return False


def test_the_lock_is_waited_for(one):
    one.good("init")
    before = everything(one.dir)
    with open(one.dir / ".lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        p = start(one, "issue", "a")
        assert waits_for_the_lock(p, one) and everything(one.dir) == before
    out, err = p.communicate(timeout=120)
    assert p.returncode == 0, err
    assert verify(one, one.issued("a")).returncode == 0


@pytest.mark.once
def test_the_lock_is_not_waited_for_for_ever(one):
    one.good("init")
    with open(one.dir / ".lock", "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = one.run("issue", "a", timeout=120)
        assert one.run("show").returncode == 0  # which only reads, and does not wait
    assert done.returncode == 1 and "another `opae cert`" in done.stderr and str(one.dir) in done.stderr
    one.good("issue", "a")


def test_killed_at_any_moment(one):
    """What is there is whole, is in the index, and the next run goes on from it."""
    one.good("init")
    for i in range(30):
        p = start(one, "issue", f"n{i}")
        time.sleep(random.uniform(0, 0.03))  # any moment will do
        p.kill()
        p.communicate(timeout=60)
        known = {r["serial"]: r for r in one.rows()}
        for key in one.dir.rglob("*.key*"):
            assert mode(key) == 0o600, key
        path = one.issued(f"n{i}")
        if path.exists():
            done = openssl("x509", "-in", path, "-noout", "-serial")
            assert done.stdout.strip().split("=")[1] in known and path.with_suffix(".key").exists()
        one.good("issue", f"n{i}", "--renew")
        assert verify(one, path).returncode == 0
    p = start(one, "revoke", "n0")
    p.kill()
    p.communicate(timeout=60)
    one.good("revoke", "n0")
    assert "revoked" in verify(one, one.issued("n0")).stdout


def test_two_inits_at_once(one):
    running = [start(one, "init") for _ in range(4)]
    for p in running:
        p.communicate(timeout=120)
    assert sorted(p.returncode for p in running) == [0, 1, 1, 1]
    assert one.states() == [("ca", "valid")]
    assert [p.name for p in one.machine.folder.iterdir()] == ["pki"]
    one.good("issue", "a")


def no_room(limit):
    """Before the program starts: files cannot grow past so many bytes, as on a disk that is full."""
    def limit_size():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return {"preexec_fn": limit_size, "restore_signals": False}


@pytest.mark.parametrize("limit", [0, 100, 300, 600])
def test_files_that_cannot_grow(one, limit):
    done = one.run("init", **no_room(limit))
    assert done.returncode == 1 and str(one.dir) in done.stderr if limit < 600 else done.returncode == 0
    assert limit == 600 or not list(one.machine.folder.iterdir())
    if limit < 600:
        one.good("init")
    for name in ("a", "b"):
        one.good("issue", name)
    before = everything(one.dir)
    done = one.run("issue", "c", **no_room(limit))
    assert done.returncode == 1 and str(one.dir) in done.stderr
    after = everything(one.dir)
    assert {p: after[p] for p in before} == before and one.states()[1:] == [("a", "valid"), ("b", "valid")]
    assert [p for p in after if p not in before] == [one.dir / "issued/c"]  # and nothing in it
    done = one.run("revoke", "a", **no_room(limit if limit < 300 else 250))
    assert done.returncode == 1 and "run it again" in done.stderr
    one.good("revoke", "a")
    assert verify(one, one.issued("a")).returncode != 0 and verify(one, one.issued("b")).returncode == 0


def test_a_full_disk(one):
    place = one.machine.folder / "disk"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", place],
                      stderr=subprocess.DEVNULL).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        one.dir = place / "pki"
        one.good("init")
        before = everything(one.dir)
        with open(place / "fill", "wb", buffering=0) as f:
            while True:
                try:
                    f.write(bytes(4096))
                except OSError:
                    break
        done = one.run("issue", "a")
        assert done.returncode == 1 and "No space left" in done.stderr and "make room" in done.stderr
        assert {p: v for p, v in everything(one.dir).items() if "issued" not in p.parts} == before
        (place / "fill").unlink()
        one.good("issue", "a")
        assert verify(one, one.issued("a")).returncode == 0
    finally:
        subprocess.run(["umount", place], check=True)


def test_a_folder_of_somebody_else(site):
    m = site.machine
    if not m.user:
        pytest.skip("an ordinary user alone is kept out")
    site.good("init")
    site.good("issue", "a")
    os.chmod(site.dir, 0o500)
    done = site.run("revoke", "a")
    assert done.returncode == 1 and str(site.dir) in done.stderr
    os.chmod(site.dir, 0o777)
    done = site.run("issue", "b")
    assert done.returncode == 1 and f"chmod 700 {site.dir}" in done.stderr
    os.chmod(site.dir, 0o700)
    os.chown(site.dir, 0, 0)
    done = site.run("issue", "b")
    assert done.returncode == 1 and str(site.dir) in done.stderr
    done = m.run("opae", "cert", "init", "--dir", "/proc/pki")
    assert done.returncode == 1 and "/proc/pki" in done.stderr


def test_what_was_spoilt_is_told(one):
    one.good("init")
    one.good("issue", "a")
    odd_state = "# x\n" + "A" * 32 + " 2030-01-01T00:00:00Z odd 2030-01-01T00:00:00Z a b\n"
    for name, content, word in (("index", "# x\nx\n", "line 2"), ("index", "", "not whole"),
                                ("index", "# a\0b\n", "not whole"), ("index", "# a\nb", "not whole"),
                                ("index", odd_state, "line 2"), ("ca.key", "x", "private key"),
                                ("ca.crt", "x", "certificate in PEM"),
                                ("ca.key", one.issued("a", "key").read_text(), "is not the key of")):
        path = one.dir / name
        good = path.read_bytes()
        path.write_text(content)
        done = one.run("issue", "b", "--out", one.machine.folder / "b")
        assert done.returncode == 1 and word in done.stderr and name in done.stderr, (name, done.stderr)
        assert not (one.machine.folder / "b").exists()
        path.write_bytes(good)
    done = one.machine.run("opae", "cert", "show", "--dir", one.machine.folder / "none")
    assert done.returncode == 1 and "opae cert init" in done.stderr


def test_an_encrypted_key_is_refused_and_nobody_is_asked(one):
    one.good("init")
    key = one.dir / "ca.key"
    closed = one.machine.folder / "closed"
    done = openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", closed)
    assert done.returncode == 0, done.stdout
    key.write_bytes(closed.read_bytes())
    done = one.run("issue", "a")
    assert done.returncode == 1 and "password" in done.stderr


# ---- revoke and show ----


def test_revoke(one):
    one.good("init")
    for name in ("a", "b"):
        one.good("issue", name)
    assert verify(one, one.issued("a")).returncode == 0
    serial = one.rows()[1]["serial"]
    out = one.good("revoke", serial.lower())
    assert serial in out and str(one.dir / "ca.crl") in out
    assert "revoked" in verify(one, one.issued("a")).stdout and verify(one, one.issued("b")).returncode == 0
    numbers = [int(re.search(r"CRL Number: *\n *(\d+)", text_of(one.dir / "ca.crl", "crl")).group(1))]
    index = (one.dir / "index").read_bytes()
    for _ in range(3):
        one.good("revoke", "a")  # once more changes nothing but the list's number
        numbers.append(int(re.search(r"CRL Number: *\n *(\d+)", text_of(one.dir / "ca.crl", "crl")).group(1)))
    assert numbers == sorted(set(numbers)) and (one.dir / "index").read_bytes() == index
    done = one.run("revoke", "nobody")
    assert done.returncode == 3 and "nobody" in done.stderr
    one.good("issue", "b", "--renew")
    assert serial in text_of(one.dir / "issued/b/ca.crl", "crl")


def test_show(one):
    one.good("init")
    one.good("issue", "long", "--days", "16")
    done = one.run("show")
    assert done.returncode == 0 and not done.stderr
    one.good("issue", "short", "10.0.0.1", "--days", "13")
    done = one.run("show")
    assert done.returncode == 1 and "--renew" in done.stderr
    rows = {r["name"]: r for r in one.rows()}
    assert (rows["short"]["days_left"], rows["short"]["ends_soon"]) in ((12, True), (13, True))
    assert rows["long"]["ends_soon"] is False
    assert rows["short"]["names"] == "DNS:short,IP:10.0.0.1,URI:opae:short"
    until = datetime.datetime.strptime(rows["short"]["until"], "%Y-%m-%dT%H:%M:%SZ")
    assert f"{until:%b} {until.day:2} {until:%H:%M:%S %Y} GMT" in text_of(one.issued("short"))
    line = next(x for x in done.stdout.splitlines() if x.startswith("short"))
    assert rows["short"]["serial"] in line and " valid " in line
    one.good("revoke", "short")
    assert one.run("show").returncode == 0  # nobody needs it
    one.good("issue", "gone", "--days", "0")
    assert one.run("show").returncode == 1 and one.states()[-1] == ("gone", "expired")


def test_show_a_file(one):
    one.good("init")
    one.good("issue", "a")
    path = one.issued("a")
    done = one.machine.run("opae", "cert", "show", path)
    assert done.returncode == 0 and "URI:opae:a" in done.stdout and " valid " in done.stdout
    one.good("revoke", "a")
    assert " revoked " in one.good("show", path)
    done = one.machine.run("opae", "cert", "show", one.issued("a", "key"))
    assert done.returncode == 1 and "no certificate" in done.stderr and "PRIVATE" not in done.stdout
    for path, word in ((one.dir, "directory"), (one.dir / "none", "No such file"), ("/dev/zero", "regular")):
        done = one.machine.run("opae", "cert", "show", path)
        assert done.returncode == 1 and word in done.stderr, path


def test_a_certificate_from_elsewhere_cannot_steer_the_terminal(one):
    path = one.machine.folder / "odd.pem"
    done = openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                   "-keyout", one.machine.folder / "odd.key", "-out", path, "-days", "100", "-subj", "/CN=x",
                   "-addext", "subjectAltName=URI:a\x1b[31m b,email:x@y,IP:10.0.0.1")
    assert done.returncode == 0, done.stdout
    out = one.machine.good("opae", "cert", "show", path)
    assert "\x1b" not in out and "URI:a?[31m?b,email:x@y,IP:10.0.0.1" in out


def test_an_authority_that_ends(one):
    one.good("init", "--days", "30")
    assert "when the authority ends" in one.good("issue", "a")
    rows = one.rows()
    assert rows[0]["until"] == rows[1]["until"]
    other = Site(one.machine, "other")
    other.good("init", "--days", "0")
    done = other.run("issue", "a")
    assert done.returncode == 1 and "expired" in done.stderr and "opae cert init" in done.stderr
