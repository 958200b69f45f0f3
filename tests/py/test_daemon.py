# SPDX-License-Identifier: BSD-3-Clause
"""opaed: its configuration, who is let in and sees what, limits, reload, and that nothing is left behind."""
import contextlib
import ctypes
import fcntl
import json
import os
import pwd
import random
import re
import resource
import signal
import socket
import stat
import struct
import subprocess
import threading

import pytest

from conftest import ORDINARY, SOURCE, TREE
from opaed import (BUSY, CHANGED, CLOSE, CTL, Daemon, HELLO_AFU, NLB0, NO_ACCESS, NOT_FOUND, OK, PING, Peer,
                   READ64, SESSIONS, STATUS0, WRITE, copy_for_ever, open_and_close, opened, pause, soon)


# ---- arguments and configuration ----

def test_arguments(here):
    assert "--check-config" in here.good("opaed", "--help")
    assert re.match(r"opaed \d+\.\d+\.\d+\n", here.good("opaed", "--version"))
    for args, word in ((["--colour"], "--colour"), (["x"], "'x'"), (["--config"], "--config")):
        done = here.run("opaed", *args)
        assert done.returncode == 2 and word in done.stderr
    done = here.run("opaed", "--config", "/nonexistent/opaed.cfg")
    assert done.returncode == 1 and "/nonexistent/opaed.cfg: No such file" in done.stderr


def test_a_worker_is_started_by_opaed_alone(here):
    done = here.run(here.prefix / "libexec/opae/opaed-worker")
    assert done.returncode == 2 and "start opaed" in done.stderr


def test_check_config_names_each_mistake(here):
    file = here.folder / "opaed.cfg"
    file.write_text('{"listen": [{"tcp": "127.0.0.1:1"}, {"unix": "x"}], "polcy": []}')
    done = here.run("opaed", "--check-config", "--config", str(file))
    lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) == 3 and done.stdout == ""
    assert all(line.startswith(f"opaed: {file}: ") for line in lines)
    for word in ('"polcy"', '"clear": true', "absolute path"):
        assert word in done.stderr
    assert here.run("opaed", "--config", str(file)).returncode == 1
    file.write_text('{"listen": [{"unix": "/tmp/x.sock"}]}')
    out = here.good("opaed", "--check-config", "--config", str(file))
    assert "good" in out and "/tmp/x.sock" in out and not os.path.exists("/tmp/x.sock")


@pytest.mark.once
def test_the_example_is_good(here):
    here.good("opaed", "--check-config", "--config", str(SOURCE / "packaging/opaed.cfg"))


@pytest.mark.once
def test_the_page_has_every_key(here):
    """What the program says it knows is what docs/daemon.md explains."""
    page = (SOURCE / "docs/daemon.md").read_text()
    file = here.folder / "opaed.cfg"
    for text in ('{"x": 0}', '{"listen": [{"x": 0}]}', '{"listen": [{"unix": "/x"}], "policy": [{"x": 0}]}',
                 '{"listen": [{"unix": "/x"}], "limits": {"x": 0}}',
                 '{"listen": [{"unix": "/x"}], "metrics": {"x": 0}}'):
        file.write_text(text)
        said = here.run("opaed", "--check-config", "--config", str(file)).stderr
        keys = re.findall(r'"(\w+)"', said.split("the keys are ", 1)[1].split("\n")[0])
        assert keys and [k for k in keys if f"`{k}`" not in page] == []


def test_without_a_configuration_its_owner_alone(machine):
    if os.path.exists("/etc/opae/opaed.cfg"):
        pytest.skip("this machine has a configuration")
    if not machine.user and os.geteuid() == 0:
        pytest.skip("root's socket is the machine's own")
    machine.folder.chmod(0o755)
    run = {"XDG_RUNTIME_DIR": str(machine.folder)}
    d = Daemon(machine, start=False)
    d.start(listeners=1, env=run)
    path = machine.folder / "opae/opaed.sock"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    uid = machine.user.pw_uid if machine.user else os.geteuid()
    listed = machine.good("opae", "sessions", env=run)
    assert f"unix:{uid}" in listed
    if os.geteuid() == 0:  # whom no mode stops
        result, why = Peer(str(path)).try_hello()
        assert result == NO_ACCESS and "unix:0" in why and "policy" in why
    assert d.stop() == 0
    assert not path.exists()


def test_tools_without_a_daemon(here):
    for args, word in ((["sessions", "--to", str(here.folder / "none")], "none"),
                       (["kick", "3", "--to", str(here.folder / "none")], "none")):
        done = here.run("opae", *args)
        assert done.returncode == 1 and word in done.stderr and "opaed" in done.stderr
    for args, word in ((["kick"], "ID"), (["kick", "x"], "'x'"), (["sessions", "x"], "'x'"),
                       (["sessions", "--to"], "--to"), (["sessions", "--to", "a:b:c"], "a:b:c")):
        done = here.run("opae", *args)
        assert done.returncode == 2 and word in done.stderr


@pytest.mark.once
def test_workers_find_the_library_by_themselves(opaed, here):
    del here.env["LD_LIBRARY_PATH"]
    opaed().peer().good(PING)


# ---- who ----

def test_identities(opaed, here):
    fixed = str(here.folder / "vm.sock")
    d = opaed(listen=[{"tcp": "127.0.0.1:0", "clear": True}, {"unix": str(here.folder / "opaed0.sock")},
                      {"unix": fixed, "principal": "vsock:4"}])
    assert d.peer().principal == f"unix:{os.geteuid()}"
    assert d.peer(tcp=True).principal == "tcp:127.0.0.1"
    assert Peer(fixed).hello().principal == "vsock:4"


@pytest.mark.skipif(os.geteuid() != 0, reason="takes two users")
def test_other_users(opaed, here):
    """Whom the mode lets in is judged by the kernel's word for who he is."""
    uid = pwd.getpwnam(ORDINARY).pw_uid
    here.folder.chmod(0o755)
    path = str(here.folder / "opaed0.sock")
    d = opaed(listen=[{"unix": path, "mode": "0666"}],
              policy=[{"principal": f"unix:{uid}", "see": ["*"], "allow": ["mmio-read"]}])
    done = subprocess.run(["/usr/bin/python3", "-c", (SOURCE / "tests/py/opaed.py").read_text() +
                           f"\nprint(Peer({path!r}).hello().principal)"], user=uid, text=True,
                          stdout=subprocess.PIPE, cwd="/", check=True)
    assert done.stdout == f"unix:{uid}\n"
    result, why = Peer(path).try_hello()
    assert result == NO_ACCESS and "unix:0" in why
    d.says("is refused")


def test_policy(opaed, here):
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    me = f"unix:{os.geteuid()}"
    d = opaed(policy=[{"principal": me, "see": [f"guid:{NLB0[:8]}-{NLB0[8:12]}-{NLB0[12:16]}-{NLB0[16:20]}-"
                                                f"{NLB0[20:]}"], "allow": ["mmio-read"]},
                      {"principal": "tcp:127.0.0.1", "see": ["8001:00:00.0"], "allow": ["*"]}])
    with d.peer() as p, d.peer(tcp=True) as q:
        assert list(p.objects()) == [NLB0]
        assert list(q.objects()) == [HELLO_AFU]
        assert p.try_open(q.objects()[HELLO_AFU])[0] == NOT_FOUND
        handle = p.open(p.objects()[NLB0])
        p.good(READ64, struct.pack("<IQ", 0, 8), handle)
        result, why = p.call(WRITE, struct.pack("<IIQQ", 0, 8, 0x100, 1), handle)
        assert result == NO_ACCESS and "mmio-write" in why
        handle = q.open(q.objects()[HELLO_AFU])
        q.good(WRITE, struct.pack("<IIQQ", 0, 8, 0x100, 1), handle)
        done = here.run("opae", "sessions", "--to", d.path)
        assert done.returncode == 1 and "admin" in done.stderr
    assert not d.lines("no-inventory")  # of who looks which GUIDs there are: nobody need worry


def test_nobody_is_served_without_a_rule(opaed):
    d = opaed(policy=[{"principal": "tcp:10.9.9.9", "see": ["*"], "allow": ["*"]},
                      {"principal": "unix:*", "see": [], "allow": []}])
    for address in (d.path, ("127.0.0.1", d.ports[0])):
        with Peer(address) as p:
            result, why = p.try_hello()
            assert result == NO_ACCESS and "policy" in why
            assert p.is_ended()
    soon(d.is_idle)


# ---- limits ----

def test_connections(opaed):
    d = opaed(limits={"connections": 3, "connections_per_principal": 2})
    first, second = d.peer(), d.peer()
    result, why = Peer(d.path).try_hello()
    assert result == NO_ACCESS and "connections_per_principal" in why
    with d.peer(tcp=True):
        result, why = Peer(("127.0.0.1", d.ports[0])).try_hello()
        assert result == NO_ACCESS and '"connections"' in why
    first.sock.close()
    d.says("session 1: ended")
    d.peer().good(PING)
    second.good(PING)


def test_many_that_are_refused(opaed):
    """Each is told why, or left; they cost the monitor nothing that stays."""
    d = opaed(limits={"connections": 1, "hello_ms": 60000})
    first = d.peer()
    before = d.descriptors()
    crowd = [Peer(d.path) for _ in range(30)]
    d.says("without a word")  # before the first of those that are to be told has gone
    for p in crowd:
        try:
            assert p.try_hello()[0] == NO_ACCESS
        except (EOFError, ConnectionResetError, BrokenPipeError):
            pass
        p.sock.close()
    soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)
    first.good(PING)


def test_who_says_nothing_is_left(opaed):
    d = opaed(limits={"hello_ms": 200})
    with Peer(d.path) as silent:
        assert silent.is_ended()
    assert "no HELLO within 200 ms" in d.says("ended")


def limit_descriptors(d, most):
    """The monitor's, as ulimit -n would."""
    hard = resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (most or hard, hard))


def numbers(d):
    return {int(fd) for fd in os.listdir(f"/proc/{d.process.pid}/fd")}


def test_no_descriptor_for_a_connection(opaed):
    """It waits a little, and is let go then; who is there is served."""
    d = opaed()
    first = d.peer()
    limit_descriptors(d, min(set(range(100)) - numbers(d)))
    late = Peer(d.path)
    assert "Too many open files" in d.says("a connection cannot be taken now")
    assert any("stays as it was" in line for line in d.reload())
    first.good(PING)
    assert late.is_ended()
    assert "1 connections were closed" in d.says("no descriptors for them")
    limit_descriptors(d, None)
    Peer(d.path).hello().good(PING)
    assert not any("stays as it was" in line for line in d.reload())
    assert d.said("cannot be taken now")  # told once, however often it was tried
    d.peer().good(PING)


def test_no_descriptor_for_a_worker(opaed):
    """Who comes waits, or is let go; when others have gone there is room again."""
    d = opaed()
    crowd = [d.peer() for _ in range(16)]
    before = d.descriptors()
    limit_descriptors(d, max(numbers(d)) + 1)
    late = Peer(d.path)
    d.says("Too many open files")
    soon(lambda: d.descriptors() <= before)  # the log comes first
    for p in crowd:
        p.good(PING)
        p.sock.close()

    def is_served():
        with contextlib.suppress(EOFError, ConnectionError), Peer(d.path) as p:
            return p.try_hello()[0] == OK

    soon(is_served, 30)
    late.sock.close()
    soon(d.is_idle)


def test_other_protocols(opaed):
    d = opaed()
    for said in (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n" + b" " * 32, b"\0" * 64, os.urandom(4096)):
        with Peer(d.path) as p:
            p.sock.sendall(said)
            assert p.is_ended()
    soon(d.is_idle)


def test_the_log_stays_lines(opaed):
    d = opaed()
    with Peer(d.path) as p:
        p.hello("evil\x1b[2J\nopaed: session 9: ended")
    line = d.says("session 1: ended")
    assert r"evil\x1b[2J\x0aopaed" in line and "\x1b" not in line


def test_a_log_that_nobody_reads(here):
    """Its pipe is full, and opaed serves on."""
    file, path = here.folder / "opaed.cfg", str(here.folder / "opaed.sock")
    file.write_text(json.dumps({"listen": [{"unix": path}]}))
    readable, writable = os.pipe()
    fcntl.fcntl(writable, 1031, 4096)  # F_SETPIPE_SZ
    with subprocess.Popen([here.bin / "opaed", "--config", str(file)], env=here.env, stderr=writable) as d:
        os.close(writable)
        try:
            soon(lambda: os.path.exists(path))
            for _ in range(60):  # two lines each
                with Peer(path) as p:
                    p.hello("a program with a name that makes the pipe full sooner")
            d.terminate()
            assert d.wait(60) == 0
        finally:
            d.kill()
    assert len(os.read(readable, 65536)) <= 4096
    os.close(readable)


# ---- reload ----

def test_reload(opaed, here):
    d = opaed()
    other = str(here.folder / "other.sock")
    old = d.peer()
    log = d.reload(listen=[{"unix": d.path}, {"unix": other}],
                   policy=[{"principal": "vsock:1", "see": ["*"], "allow": ["*"]},
                           {"principal": "unix:*", "see": [], "allow": []}])
    assert any(f"listening on unix:{other}" in x for x in log)
    assert any("no longer listening on 127.0.0.1" in x for x in log)
    old.good(PING)  # as it was
    assert Peer(other).try_hello()[0] == NO_ACCESS
    with pytest.raises(ConnectionRefusedError):
        d.peer(tcp=True)
    d.reload(listen=[{"unix": d.path, "mode": "0660"}])
    assert stat.S_IMODE(os.stat(d.path).st_mode) == 0o660 and not os.path.exists(other)
    d.peer().good(PING)
    old.good(PING)


def test_a_socket_whose_file_is_replaced(opaed, here):
    """What somebody else put in its place is neither followed nor removed; what is missing is made anew."""
    d = opaed()
    victim, moved = here.folder / "victim", here.folder / "moved.sock"
    victim.write_text("")
    victim.chmod(0o600)
    os.rename(d.path, moved)
    os.symlink(victim, d.path)
    log = d.reload(listen=[{"unix": d.path, "mode": "0666"}])
    assert "stays as it was" in log[-1] and any(d.path in x for x in log)
    assert stat.S_IMODE(victim.stat().st_mode) == 0o600
    Peer(str(moved)).hello().good(PING)
    os.unlink(d.path)
    d.reload(listen=[{"unix": d.path, "mode": "0666"}])
    assert stat.S_IMODE(os.lstat(d.path).st_mode) == 0o666
    d.peer().good(PING)
    os.unlink(d.path)
    os.symlink(victim, d.path)
    assert d.stop() == 0
    assert os.path.islink(d.path)


def test_a_folder_of_others_is_not_used(machine):
    if os.path.exists("/etc/opae/opaed.cfg") or (not machine.user and os.geteuid() == 0):
        pytest.skip("root's socket is the machine's own")
    run = {"XDG_RUNTIME_DIR": str(machine.folder)}
    folder = machine.folder / "opae"
    folder.mkdir()
    folder.chmod(0o777)
    (folder / "opaed.sock").touch()
    for program in (["opaed"], ["opae", "sessions"]):
        done = machine.run(*program, env=run)
        assert done.returncode == 1 and f"{folder} is not a directory that only" in done.stderr


def test_a_broken_file_changes_nothing(opaed):
    d = opaed()
    old, before = d.peer(), d.descriptors()
    for config, word in (({"limits": {"x": 1}}, '"x"'),
                         ({"listen": [{"unix": "/nonexistent/a.sock"}, {"unix": d.path}]}, "/nonexistent"),
                         ({"listen": [{"tcp": "127.0.0.1:5"}]}, '"clear"')):
        log = d.reload(**config)
        assert any(word in x for x in log) and "stays as it was" in log[-1]
        old.good(PING)
        with d.peer(tcp=True) as p:
            p.good(PING)
        soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)


def test_the_rule_that_is_proposed_lets_one_in(opaed):
    """The reason and the log have a rule for the peer alone; as it stands it is one that works."""
    others = [{"principal": p, "see": ["*"], "allow": ["*"]} for p in ("unix:*", "tcp:10.0.0.7")]
    d = opaed(policy=others)
    result, why = Peer(("127.0.0.1", d.ports[0])).try_hello()
    rule = json.loads(why[why.index("{"):])
    assert result == NO_ACCESS and rule["principal"] == "tcp:127.0.0.1"
    assert "*" not in rule["see"] + rule["allow"]
    assert "tcp:127.0.0.1" in d.says("is refused: opaed's policy has no rule for")
    d.reload(policy=[rule, *others])
    with d.peer(tcp=True) as p:
        p.good(PING)


# ---- sessions ----

def test_sessions_and_kick(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    p, q = d.peer(), d.peer(tcp=True)
    p.open(p.objects()[NLB0])
    rows = json.loads(here.good("opae", "sessions", "--to", d.path, "--json"))
    assert rows["schema"] == 1
    rows = {r["id"]: r for r in rows["sessions"]}
    assert len(rows) == 3  # the tool's own among them
    assert rows[1]["handles"] == 1 and rows[1]["principal"] == f"unix:{os.geteuid()}"
    assert rows[2]["principal"] == "tcp:127.0.0.1" and rows[2]["program"] == "test"
    out = here.good("opae", "sessions", "--to", f"127.0.0.1:{d.ports[0]}")
    head, *lines = out.splitlines()
    columns = ["ID", "PRINCIPAL", "PEER", "TIME", "REQUESTS", "OPEN", "BUFFERS", "PROGRAM"]
    assert head.split() == columns and len(lines) == 3 and all(len(x) <= 100 for x in [head, *lines])
    line = next(x for x in lines if x.startswith("2 "))
    assert line[head.index("PROGRAM"):] == "test" and line.split()[1] == "tcp:127.0.0.1"
    assert re.search(r" \d+ s +\d+ +0 +0 KiB  test$", line), line
    told = here.good("opae", "sessions", "--help")
    assert all(f"{c}: " in told for c in columns[1:])
    assert here.good("opae", "kick", "1", "--to", d.path) == "session 1 is ended\n"
    assert p.is_ended()
    d.says("session 1: ended: it was kicked")
    q.open(q.objects()[NLB0])
    done = here.run("opae", "kick", "1", "--to", d.path)
    assert done.returncode == 3 and "no session 1" in done.stderr


def test_sessions_of_others_are_not_shown(opaed, here):
    """Who does not see everything knows of his own sessions alone."""
    d = opaed(policy=[{"principal": "tcp:*", "see": ["*"], "allow": ["*"]},
                      {"principal": "unix:*", "see": ["8000:00:00.0"], "allow": ["admin"]}])
    p, q = d.peer(), d.peer(tcp=True)

    def ids(to):
        rows = json.loads(here.good("opae", "sessions", "--to", to, "--json"))["sessions"]
        return {r["id"] for r in rows} & {1, 2}

    tcp = f"127.0.0.1:{d.ports[0]}"
    assert ids(d.path) == {1} and ids(tcp) == {1, 2}
    assert here.run("opae", "kick", "2", "--to", d.path).returncode == 3
    q.good(PING)
    here.good("opae", "kick", "1", "--to", d.path)
    assert p.is_ended()


def test_a_worker_that_hangs_is_told_of_and_kicked(opaed, here):
    """One that answers nobody holds up nobody else."""
    d = opaed()
    p = d.peer()
    [worker] = d.workers()
    pause(worker)
    rows = json.loads(here.good("opae", "sessions", "--to", d.path, "--json"))["sessions"]
    assert {r["id"] for r in rows} >= {1}
    here.good("opae", "kick", "1", "--to", d.path)
    assert p.is_ended()
    assert "killed" in d.says("session 1: its worker")
    soon(d.is_idle)


def test_two_programs_and_one_accelerator(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    p, q = d.peer(), d.peer(tcp=True)
    token = p.objects()[NLB0]
    assert q.objects()[NLB0] == token
    handle = p.open(token)
    result, why = q.try_open(token)
    assert result == BUSY and why
    p.good(CLOSE, b"", handle)
    handle = q.open(token)
    assert p.try_open(token)[0] == BUSY
    q.sock.close()
    soon(lambda: p.try_open(token)[0] == OK)


def test_who_has_it_is_named(opaed, here):
    """To programs of this machine and to peers, whom no path of this machine is of use."""
    here.start("card0", "nlb0")
    d = opaed()
    p = d.peer()
    token = p.objects()[NLB0]
    p.open(token)
    [worker] = d.workers()
    name = f"process {worker} (opaed-worker)"
    done = here.run("hello_fpga")
    assert done.returncode == 1 and name in done.stderr
    result, why = d.peer(tcp=True).try_open(token)
    assert result == BUSY and name in why and "opae doctor" not in why


def test_changes_are_told(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    p, q = d.peer(), d.peer()
    token = p.objects()[NLB0]
    q.objects()
    p.open(token)

    def heard():
        q.good(PING)
        return [f for f in q.pushed if f.op == CHANGED and f.object == token]

    soon(heard)
    q.pushed.clear()
    p.sock.close()
    soon(heard)


# ---- workers that are not to be believed ----

def channel_of(worker):
    """A socket of ours that is the worker's channel to its monitor."""
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(worker)
    fd = libc.syscall(438, pidfd, 3, 0)  # pidfd_getfd
    os.close(pidfd)
    if fd < 0:
        pytest.skip(f"pidfd_getfd: {os.strerror(ctypes.get_errno())}")
    return socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET, fileno=fd)


@pytest.mark.parametrize("said", [b"x", b"\xff" * 16, b"\x01" + bytes(15), b"\x06" + bytes(64),
                                  bytes(100000)])
def test_a_worker_that_breaks_the_rules(opaed, said):
    d = opaed()
    p = d.peer()
    [worker] = d.workers()
    q = d.peer()
    with channel_of(worker) as channel:
        channel.send(said)
    assert p.is_ended()
    assert "broke the rules" in d.says("session 1: ended")
    q.good(PING)


@pytest.mark.parametrize("path", ["/etc/passwd", "/dev/zero", "/sys/../etc/passwd", "/proc/1/mem"])
def test_a_worker_that_asks_for_what_it_may_not_have(opaed, path):
    d = opaed()
    p = d.peer()
    [worker] = d.workers()
    with channel_of(worker) as channel:
        channel.send(struct.pack("<IIqiI1024s", 6, 12345, 0, os.O_RDONLY, 0, path.encode()))
    d.says(f"session 1: its worker may not have {path}")
    p.good(PING)


# ---- the end ----

def test_sigterm(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    p = d.peer()
    p.open(p.objects()[NLB0])
    d.process.send_signal(signal.SIGTERM)
    assert p.is_ended()
    assert d.process.wait(60) == 0
    assert not os.path.exists(d.path)
    assert d.stop() == 0 and d.lines("opaed: ended")  # whose reader has seen the end


def test_sigterm_and_a_worker_that_hangs(opaed):
    d = opaed()
    p = d.peer()
    pause(d.workers()[0])
    d.process.send_signal(signal.SIGTERM)
    assert p.is_ended()
    assert d.process.wait(60) == 0


def test_kill_9_of_a_worker(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    witness = d.peer()
    [spared] = d.workers()
    token = witness.objects()[NLB0]
    before = d.descriptors()
    for _ in range(5):
        p = d.peer(tcp=True)
        p.open(p.objects()[NLB0])
        [worker] = set(d.workers()) - {spared}
        os.kill(worker, signal.SIGKILL)
        assert p.is_ended()
        soon(lambda: open_and_close(witness, token))
        soon(lambda: d.workers() == [spared])
    soon(lambda: len(d.lines("signal 9")) == 5)
    soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)


def test_kill_9_of_a_worker_before_hello(opaed):
    d = opaed()
    witness = d.peer()
    [spared] = d.workers()
    before = d.descriptors()
    for _ in range(10):
        with Peer(d.path) as p:
            [worker] = soon(lambda: set(d.workers()) - {spared})
            os.kill(worker, signal.SIGKILL)
            assert p.is_ended()
        soon(lambda: d.workers() == [spared])
    soon(lambda: len(d.lines("signal 9")) == 10)
    soon(lambda: d.descriptors() <= before)
    assert witness.good(SESSIONS).count(b"unix:") == 1  # its own principal
    d.peer().good(PING)


@pytest.mark.parametrize("who", ["client", "worker", "monitor", "kick"])
def test_dma_is_stopped(opaed, here, who):
    """Whoever dies while the device copies: it stands still, and the next program has it within a second."""
    here.start("card0", "nlb0")
    d = opaed()
    p = d.peer()
    copy_for_ever(p, p.open(p.objects()[NLB0]))
    [worker] = d.workers()
    if who == "client":
        p.sock.close()
    elif who == "worker":
        os.kill(worker, signal.SIGKILL)
    elif who == "kick":
        here.good("opae", "kick", "1", "--to", d.path)
    else:
        d.process.kill()
        d.process.wait()
        d.reader.join(60)
        d.start("--config", str(d.file))
    q = d.peer()
    token = q.objects()[NLB0]
    handle = soon(lambda: opened(q, token))
    assert q.read(handle, CTL) & 2 == 0 and q.read(handle, STATUS0) == 0
    copy_for_ever(q, handle)


def test_kill_9_of_the_monitor(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    p = d.peer()
    p.open(p.objects()[NLB0])
    [worker] = d.workers()
    d.process.kill()
    assert p.is_ended()
    soon(lambda: not os.path.exists(f"/proc/{worker}"))
    d.process.wait()
    d.reader.join(60)
    assert os.path.exists(d.path)  # and in nobody's way
    d.start("--config", str(d.file))
    q = d.peer()
    q.open(q.objects()[NLB0])


def test_kill_9_of_a_client(opaed, here):
    here.start("card0", "nlb0")
    d = opaed()
    witness = d.peer()
    token = witness.objects()[NLB0]
    before = d.descriptors()
    script = (SOURCE / "tests/py/opaed.py").read_text() + f"""
p = Peer({d.path!r}).hello()
p.open(p.objects()[{NLB0!r}])
print("open", flush=True)
p.is_ended()
"""
    for _ in range(3):
        with subprocess.Popen(["/usr/bin/python3", "-c", script], stdout=subprocess.PIPE,
                              text=True) as client:
            assert client.stdout.readline() == "open\n"
            assert witness.try_open(token)[0] == BUSY
            client.kill()
        soon(lambda: open_and_close(witness, token))
    soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)


ROUNDS = int(os.environ.get("OPAE_TEST_ROUNDS", 200 if TREE == "plain" else 12))


def test_killed_at_any_moment(opaed, here):
    """A program at work over opaed, and one of the three killed somewhere on the way; ROUNDS times."""
    here.start("card0", "nlb0")
    d = opaed()
    chance = random.Random(ROUNDS)
    config = here.config(json.dumps({"plugins": ["tcp"], "configurations": {"tcp": {
        "plugin": "libtcp-opae.so", "enabled": True,
        "configuration": {"hosts": [{"unix": d.path}], "connect_ms": 60000}}}}))
    before = d.descriptors()
    for _ in range(ROUNDS):
        client = subprocess.Popen([here.bin / "hello_fpga"], env={**here.env, **config}, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:  # not a wait for something, but the moment that is tried
            client.wait(chance.uniform(0, 0.15))
        except subprocess.TimeoutExpired:
            pass
        kill_one(d, client, chance.choice(("client", "worker", "monitor")))
        client.communicate(timeout=120)
        with d.peer() as p:
            token = p.objects()[NLB0]
            soon(lambda: open_and_close(p, token))
    soon(d.is_idle)
    soon(lambda: d.descriptors() <= before)
    assert "Test PASSED" in here.good("hello_fpga", env=config)


def kill_one(d, client, who):
    if who == "client":
        client.kill()
    elif who == "worker":
        for worker in d.workers():
            with contextlib.suppress(ProcessLookupError):  # its program was done just now
                os.kill(worker, signal.SIGKILL)
    else:
        d.process.kill()
        d.process.wait()
        d.reader.join(60)
        d.start("--config", str(d.file))


@pytest.mark.skipif(os.geteuid() != 0, reason="takes a network of its own")
def test_a_peer_that_vanishes(here):
    """The network is taken away from under an open session: found out within 10 s, without a byte sent."""
    file = here.folder / "opaed.cfg"
    file.write_text(json.dumps({"listen": [{"tcp": "127.0.0.1:0", "clear": True}],
                                "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}]}))
    done = here.run("/usr/bin/unshare", "--net", "/usr/bin/python3", "-c",
                    (SOURCE / "tests/py/opaed.py").read_text() + VANISH, here.bin / "opaed", str(file))
    if "unshare" in done.stderr:
        pytest.skip(done.stderr)
    assert done.returncode == 0, done.stderr
    took = float(done.stdout)
    assert took < 10


# In a network namespace: a session over its loopback, which is then switched off.
VANISH = """
import fcntl, sys
def loopback(on):
    with socket.socket() as s:
        request = struct.pack("16sH14x", b"lo", 1 if on else 0)  # IFF_UP
        fcntl.ioctl(s, 0x8914, request)  # SIOCSIFFLAGS
loopback(True)
d = subprocess.Popen(sys.argv[1:2] + ["--config", sys.argv[2]], stderr=subprocess.PIPE, text=True)
port = int(d.stderr.readline().rsplit(":", 1)[1])
p = Peer(("127.0.0.1", port)).hello()
p.good(PING)
loopback(False)
began = time.monotonic()
for line in d.stderr:
    if "ended" in line:
        break
print(time.monotonic() - began)
d.terminate()
d.communicate()
sys.exit(d.returncode)
"""


def test_vsock(opaed, here):
    """By the loopback of vsock, where the machine has it; the CID is the kernel's word."""
    port = 20000 + os.getpid() % 10000
    try:
        with socket.socket(socket.AF_VSOCK) as s:
            s.bind((1, port))
            s.listen()
            with socket.socket(socket.AF_VSOCK) as other:
                other.connect((1, port))
    except OSError as e:
        pytest.skip(f"vsock: {e}")
    opaed(listen=[{"vsock": port}])
    with Peer((1, port), family=socket.AF_VSOCK) as p:
        assert p.hello().principal == "vsock:1"
        p.good(PING)


def test_two_daemons_and_one_socket(opaed, here):
    d = opaed()
    done = here.run("opaed", "--config", str(d.file))
    assert done.returncode == 1 and d.path in done.stderr and "another opaed" in done.stderr
    d.peer().good(PING)
    assert d.stop() == 0
    other = opaed(listen=[{"unix": d.path}])
    assert other.lines(d.path)


def test_sessions_that_come_and_go(opaed):
    """Nothing of them stays, whoever ends them and when."""
    d = opaed()
    d.peer().good(PING)
    soon(d.is_idle)
    before = d.descriptors()

    def churn():
        for i in range(10):
            with Peer(d.path) as p:
                if i % 3:
                    p.hello()
                if i % 3 == 2:
                    p.good(PING)

    threads = [threading.Thread(target=churn) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    soon(d.is_idle)
    soon(lambda: d.descriptors() <= before)
