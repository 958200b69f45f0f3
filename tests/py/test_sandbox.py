# SPDX-License-Identifier: BSD-3-Clause
"""opaed with another program in its worker's place, in the same sandbox: nothing that it tries may work, and
nothing that it asks its monitor."""
import os
import pwd
import shutil
import signal
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from conftest import BUILD, ORDINARY, TREE
from opaed import Daemon, soon

PLAIN = TREE not in ("asan", "tsan")  # those need some calls themselves
EPERM, ENOENT, EACCES, ENOSYS, KILLED = "refused 1", "refused 2", "refused 13", "refused 38", "killed"
ATTACKER = BUILD / "tests/sandbox/opaed-attacker"

needs_plain = pytest.mark.skipif(not PLAIN, reason="sanitizers need this themselves")


class Attacker:
    """A session whose worker does what it is told."""

    def __init__(self, daemon, tcp=False):
        self.daemon = daemon
        address = ("127.0.0.1", daemon.ports[0]) if tcp else daemon.path
        self.sock = socket.create_connection(address) if tcp else socket.socket(socket.AF_UNIX)
        if not tcp:
            self.sock.connect(address)
        self.sock.settimeout(20)

    def does(self, what):
        """What comes of it; "killed" when the worker dies of it."""
        try:
            self.sock.sendall(f"{what}\n".encode())
            return self.answer()
        except (BrokenPipeError, ConnectionResetError):
            return "killed"

    def answer(self):
        answer = b""
        while not answer.endswith(b"\n"):
            piece = self.sock.recv(100)
            if not piece:
                return "killed"
            answer += piece
        return answer.decode().strip()

    def close(self):
        self.sock.close()


class Place:
    """A folder with opaed and an attacker beside it."""

    def __init__(self, folder, user):
        self.folder, self.user, self.bin = folder, user, folder / "bin"
        self.env = {"PATH": "/usr/bin:/bin", "OPAEX_EMU_DIR": str(folder / "emu"),
                    "OPAEX_INVENTORY_DIR": str(folder / "inventory"),
                    "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "")}
        self.bin.mkdir()
        shutil.copy(BUILD / "daemon/opaed", self.bin / "opaed")
        shutil.copy(ATTACKER, self.bin / "opaed-worker")
        folder.chmod(0o755)
        if user:
            os.chown(folder, user.pw_uid, user.pw_gid)
        for name in ("emu", "inventory"):
            (folder / name).mkdir(mode=0o700)
            if user:
                os.chown(folder / name, user.pw_uid, user.pw_gid)


@pytest.fixture(params=["root", "ordinary user"])
def place(request, folder):
    user = None
    if request.param == "ordinary user" and os.geteuid() == 0:
        user = pwd.getpwnam(ORDINARY)
    elif request.param == "root" and os.geteuid() != 0:
        pytest.skip("this user is not root")
    return Place(folder, user)


@pytest.fixture
def opaed(place):
    d = Daemon(place)
    yield d
    assert d.stop() == 0, d.log


@pytest.fixture
def attacker(opaed):
    a = Attacker(opaed)
    assert a.does("innocent").startswith("done"), opaed.log
    yield a
    a.close()
    soon(opaed.is_idle)


def bare(what):
    """The same without a sandbox."""
    done = subprocess.run([ATTACKER, *what.split(" ", 1)], stdout=subprocess.PIPE, text=True, timeout=60,
                          stderr=subprocess.DEVNULL)
    return done.stdout.strip()


def refused(attacker, opaed, what, how):
    got = attacker.does(what.replace("MONITOR", str(opaed.process.pid)))
    assert got == how, (what, got, opaed.log)
    if how == KILLED:
        opaed.says("its worker died of signal 31")


# ---- what it is ----

def status_of(worker):
    with open(f"/proc/{worker}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


@needs_plain
def test_it_has_no_privileges(attacker, opaed):
    [worker] = opaed.workers()
    status = status_of(worker)
    assert {status[f"Cap{which}"] for which in ("Inh", "Prm", "Eff", "Amb")} == {"0" * 16}
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2" and not status["Groups"].strip()
    assert "0" not in status["Uid"].split() + status["Gid"].split()
    assert status["NSpid"].split()[-1] == "1"


def test_it_is_in_namespaces_of_its_own(attacker, opaed):
    [worker] = opaed.workers()
    for name in ("mnt", "net", "ipc", "uts", "cgroup", "pid"):
        mine, its = (os.readlink(f"/proc/{p}/ns/{name}") for p in ("self", worker))
        assert mine != its, name


@needs_plain
def test_its_root_is_empty(attacker, opaed):
    [worker] = opaed.workers()
    assert os.listdir(f"/proc/{worker}/root") == []
    with open(f"/proc/{worker}/mountinfo", encoding="ascii") as f:
        mounts = [line.split() for line in f]
    assert [m[4] for m in mounts] == ["/"] and "ro" in mounts[0][5].split(",")


def limits_of(worker):
    """{name: [soft, hard]}"""
    with open(f"/proc/{worker}/limits", encoding="ascii") as f:
        return {line[:26].strip(): line[26:].split()[:2] for line in f}


def test_its_limits(attacker, opaed):
    [worker] = opaed.workers()
    limits = limits_of(worker)
    assert limits["Max core file size"] == ["0", "0"]
    assert int(limits["Max open files"][1]) <= 4096 and int(limits["Max processes"][1]) <= 16384
    assert limits["Max file size"][1] != "unlimited" and limits["Max msgqueue size"] == ["0", "0"]


MIB, ALL_CONNECTIONS = 1 << 20, 256


@pytest.mark.parametrize("own", [None, 100 * MIB])
def test_its_memory(place, own):
    """Buffers may take what is theirs; all else that it takes has an end, too."""
    buffers, own_limit = 64 * MIB, {"worker_bytes": own} if own else {}
    d = Daemon(place, limits={"buffer_bytes": buffers, **own_limit})
    a = Attacker(d)
    assert a.does("innocent").startswith("done"), d.log
    limits, most = limits_of(d.workers()[0]), buffers + (own or 1024 * MIB)
    locked = 2 * buffers * (ALL_CONNECTIONS if os.path.exists("/dev/iommu") else 1)
    mine = limits_of(d.process.pid)["Max locked memory"][1]
    locked = locked if mine == "unlimited" else min(locked, int(mine))
    assert limits["Max locked memory"] == [str(locked)] * 2
    assert a.does(f"take-memory {buffers}") == "done 0"
    if PLAIN:
        assert limits["Max data size"] == [str(most)] * 2
        assert a.does(f"take-memory {most}") == "refused 12"
    a.close()
    assert d.stop() == 0, d.log


@pytest.mark.parametrize("mine", [0, 700])
def test_it_goes_before_its_monitor(place, mine):
    """Where memory runs out the kernel ends a worker, and everybody else goes on."""
    d = Daemon(place, command=["/bin/sh", "-c", f'echo {mine} > /proc/self/oom_score_adj; exec "$0" "$@"',
                               place.bin / "opaed"])
    a = Attacker(d)
    assert a.does("innocent").startswith("done"), d.log
    scores = [int(Path(f"/proc/{p}/oom_score_adj").read_text()) for p in (d.process.pid, *d.workers())]
    assert scores == [mine, min(mine + 500, 1000)]
    a.close()
    assert d.stop() == 0, d.log


def test_nothing_is_missing(attacker, opaed):
    assert attacker.does("ask stat 0 /dev/null") == "done 0"  # what came before it is told
    assert not opaed.lines("lacks") and not opaed.lines("no namespaces"), opaed.log


# ---- what it tries ----

FILES = ["open", "open-old", "open2", "stat", "stat-as-fstat", "access"]
SECRETS = ["/etc/passwd", "/etc/shadow", "/root", "/home", "/dev/null", "/dev/mem", "/dev/vfio/vfio",
           "/dev/kmsg", "/proc/MONITOR/mem", "/proc/1/environ", "/proc/self/mem", "/sys/kernel",
           "/run", "/tmp", "."]


@needs_plain
@pytest.mark.parametrize("path", SECRETS)
def test_it_finds_no_file(attacker, opaed, path):
    for call in FILES:
        refused(attacker, opaed, f"{call} {path}", ENOENT)


@needs_plain
@pytest.mark.parametrize("what", ["open-for-writing /tmp/opae-attacked", "open-for-writing /opae-attacked",
                                  "readlink /proc/self/exe", "getdents /", "chdir /",
                                  "open-from-descriptor /etc/passwd"])
def test_it_opens_nothing(attacker, opaed, what):
    refused(attacker, opaed, what, ENOENT)


@pytest.mark.parametrize("what", ["mkdir /x", "unlink /tmp/x", "rename /tmp/x", "symlink /x", "chmod /",
                                  "inotify /"])
def test_it_makes_no_name(attacker, opaed, what):
    refused(attacker, opaed, what, EPERM)


@pytest.mark.parametrize("what", ["mknod /x", "mount /", "new-mount", "umount /", "chroot /", "unshare-user",
                                  "setns", "open-by-handle"])
def test_it_changes_no_file_system(attacker, opaed, what):
    refused(attacker, opaed, what, KILLED)


@needs_plain
@pytest.mark.parametrize("what,how", [("fork", EPERM), ("fork-old", EPERM), ("clone-user", EPERM),
                                      ("clone3", ENOSYS)])
def test_it_starts_no_process(attacker, opaed, what, how):
    for _ in range(100):
        refused(attacker, opaed, what, how)


@pytest.mark.parametrize("what", ["exec /bin/true", "exec /proc/self/exe", "exec-descriptor"])
def test_it_executes_nothing(attacker, opaed, what):
    refused(attacker, opaed, what, KILLED)


@pytest.mark.parametrize("pid", ["MONITOR", "1", "-1", "0"])
@pytest.mark.parametrize("call", [pytest.param("kill", marks=needs_plain), "queue-signal"])
def test_it_signals_nobody(attacker, opaed, call, pid):
    if (call, pid) == ("queue-signal", "1"):
        pytest.skip("that is itself")
    refused(attacker, opaed, f"{call} {pid}", EPERM)


@pytest.mark.parametrize("what,how", [("tgkill MONITOR", EPERM), ("own-descriptor MONITOR", EPERM),
                                      ("priority -5", EPERM), ("pidfd MONITOR", KILLED),
                                      ("read-memory MONITOR", KILLED),
                                      pytest.param("ptrace MONITOR", KILLED, marks=needs_plain),
                                      pytest.param("limits-of MONITOR", EPERM, marks=needs_plain)])
def test_it_touches_no_other_process(attacker, opaed, what, how):
    refused(attacker, opaed, what, how)


@pytest.mark.parametrize("what", ["netlink", "vsock", "socketpair", "connect-tcp 22", "reconnect",
                                  "reconnect-by-sending", "reconnect-by-message", "send-to 22", "listen",
                                  "setsockopt", "ioctl-of-sockets", "type-into-terminal"])
@pytest.mark.parametrize("tcp", [False, True], ids=["unix", "tcp"])
def test_it_has_no_network(opaed, what, tcp):
    a = Attacker(opaed, tcp=tcp)
    refused(a, opaed, what, EPERM)
    a.close()


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_it_connects_to_no_socket(attacker, opaed, place, abstract):
    """Somebody listens there, which others can reach."""
    name = str(place.folder / "other") if not abstract else f"@opae-attacked-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(name if not abstract else "\0" + name[1:])
        s.listen()
        refused(attacker, opaed, f"connect-unix {name}", EPERM)
        assert bare(f"connect-unix {name}").startswith("done")


@pytest.mark.parametrize("what,how", [("map-code", EPERM), ("make-code-by-key", KILLED),
                                      ("userfaultfd", KILLED),
                                      pytest.param("make-code", EPERM, marks=needs_plain)])
def test_it_makes_no_code(attacker, opaed, what, how):
    refused(attacker, opaed, what, how)


@pytest.mark.parametrize("what,how", [
    ("set-user 0", KILLED), ("set-capabilities", KILLED), ("another-filter", KILLED), ("bpf", KILLED),
    ("perf", KILLED), ("io-uring", KILLED), ("add-key", KILLED), ("x32", KILLED), ("int80", KILLED),
    pytest.param("dumpable", EPERM, marks=needs_plain),
    *(pytest.param(f"raise-limit {n}", EPERM, marks=needs_plain) for n in range(16))])
def test_it_gets_no_privilege(attacker, opaed, what, how):
    refused(attacker, opaed, what, how)


@pytest.mark.skipif(os.geteuid() != 0, reason="what root may do")
@pytest.mark.parametrize("what", [
    "open /etc/shadow", "open-old /etc/shadow", "open2 /etc/shadow", "stat /etc", "stat-as-fstat /etc",
    "access /etc", "getdents /", "readlink /proc/self/exe", "exec /bin/true", "exec-descriptor", "fork",
    "fork-old", "clone-user", "clone3", "netlink", "socketpair", "map-code", "make-code", "dumpable",
    "unshare-user", "chroot /", "chdir /", "kill 1", "priority -5", "set-user 0", "perf",
    "limits-of 1"])
def test_the_attack_is_sound(what):
    """Without the sandbox it does work."""
    assert bare(what).startswith("done") or what.startswith("exec"), bare(what)
    assert not what.startswith("exec") or not bare(what)  # another program ran in its place


# ---- what it asks ----

ASKED = [f"ask {call} 0 {path}" for call in ("open", "stat", "lstat", "readlink", "list", "access")
         for path in ("/etc/passwd", "/etc/shadow", "/root", "/home", "/proc/1/environ", "/proc/self/mem",
                      "/sys/../etc/passwd", "/sys/kernel/../../etc", "/dev/../etc/passwd", "/dev/mem",
                      "/dev/kmsg", "/sys/kernel/debug", "/sys/firmware", "//etc/passwd", "/dev/./mem",
                      "sys/devices", "..", "/tmp")]


def test_it_is_told_of_no_place(attacker, opaed):
    for what in ASKED:
        assert attacker.does(what) == EACCES, what


@pytest.mark.parametrize("what,how", [
    ("ask open 2 /sys/devices", EACCES), ("ask open 0o100 /dev/null", EACCES),
    ("ask access 0x7fff /dev/null", "refused 22"), ("ask connect 0 /tmp/x", EACCES),
    ("ask stat 0 /sys/devices/...", EACCES), ("ask list 0 /sys/...", EACCES), ("ask open 0 /...", EACCES),
    ("ask list 0 /sys/devices/none", EACCES), ("ask perf 1", EACCES), ("ask perf -1", EACCES),
    ("ask holder 0 /etc/passwd", EACCES), ("ask unlink 0 /tmp/x", EACCES), ("ask mkdir 0 /tmp/x", EACCES),
    ("ask rename 0 /etc/passwd /tmp/x", EACCES), ("ask link 0 /etc/shadow /tmp/x", EACCES)])
def test_it_gets_nothing_for_odd_questions(attacker, opaed, what, how):
    refused(attacker, opaed, what.replace("0o100", "64"), how)


def test_its_folder_leads_nowhere(attacker, opaed, place):
    """The inventory's folder, of which it may read files."""
    there, secret = place.folder / "inventory", place.folder / "secret"
    secret.write_text("x")
    (there / "way").symlink_to(place.folder)
    (there / "link").symlink_to(secret)
    for path in (f"{there}/../secret", f"{there}/way/secret", f"{there}/.", f"{there}//x", f"{there}-other",
                 f"{there}/way/../secret"):
        for call in ("open", "stat", "list", "readlink", "unlink", "holder"):
            refused(attacker, opaed, f"ask {call} 0 {path}", EACCES)
    refused(attacker, opaed, f"ask open 0 {there}/link", EACCES)
    for name in ("inventory", "holders"):
        (there / name).symlink_to(secret)
        refused(attacker, opaed, f"ask open 0 {there}/{name}", "refused 40")
    refused(attacker, opaed, f"ask rename 0 {secret} {there}/x", EACCES)
    refused(attacker, opaed, f"ask rename 0 {there}/x {secret}", EACCES)
    refused(attacker, opaed, f"ask link 0 {secret} {there}/x", EACCES)
    refused(attacker, opaed, f"ask rename 0 {there}/x", EACCES)
    assert secret.read_text() == "x"
    assert attacker.does(f"ask stat 0 {there}") == "done 0"


def test_a_link_in_the_folder_is_not_followed(attacker, opaed, place):
    """STAT of one tells of nothing outside."""
    there = place.folder / "inventory"
    (there / "link").symlink_to("/etc/passwd")
    refused(attacker, opaed, f"ask stat 0 {there}/link", EACCES)


def test_a_flood_ends_it_and_nobody_waits(opaed):
    """It asks and does not read: its session ends, and others are served meanwhile."""
    flood, other = Attacker(opaed), Attacker(opaed)
    assert other.does("innocent").startswith("done")
    t = threading.Thread(target=flood.does, args=("flood 1000000",))
    t.start()
    for _ in range(20):
        assert other.does("ask stat 0 /dev/null") == "done 0"
    opaed.says("did not take what the monitor told it")
    t.join(20)
    other.close()
    flood.close()


@pytest.mark.parametrize("what", ["ask stat 0 /dev/null", "ask uevents", "ask open 0 /dev/null",
                                  "ask list 0 FOLDER", "ask unlink 0 FOLDER/x"])
def test_whom_nobody_serves_is_told_nothing(place, what):
    """The peer is refused: his worker has nothing to ask for."""
    d = Daemon(place, policy=[{"principal": who, "see": ["*"], "allow": ["*"]}
                              for who in ("unix:77", "tcp:*")])
    a = Attacker(d)
    assert a.does("innocent").startswith("done"), d.log
    assert a.does(what.replace("FOLDER", str(place.folder / "inventory"))) == "killed", d.log
    a.close()
    assert d.stop() == 0, d.log


def test_what_it_says_is_missing_is_told_once(attacker, opaed):
    """It cannot fill the log so."""
    for piece in [*range(-3, 40), 1 << 30] * 3:
        attacker.does(f"ask missing {piece}")
    assert attacker.does("ask stat 0 /dev/null") == "done 0"
    opaed.says("lacks a filter of system calls")
    assert opaed.said("lacks", 10)


# ---- where the kernel does not give all ----

@pytest.mark.skipif(os.geteuid() != 0, reason="needs an ordinary user with fewer rights than the others")
def test_without_user_namespaces_it_is_said(folder):
    """The rest of the sandbox is there all the same."""
    place = Place(folder, None)
    user = pwd.getpwnam(ORDINARY)
    d = Daemon(place, start=False)
    d.write()
    os.chown(folder, user.pw_uid, user.pw_gid)
    opaed = place.bin / "opaed"
    opaed.rename(place.bin / "opaed-real")
    # A user namespace in which none can be made any more.
    opaed.write_text(f"#!/bin/sh\nexec unshare --user --map-current-user --keep-caps sh -c '"
                     f"echo 0 > /proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all "
                     f"--inh-caps -all --no-new-privs {place.bin}/opaed-real \"$@\"' sh \"$@\"\n")
    opaed.chmod(0o755)
    place.user = user
    for name in ("emu", "inventory"):
        os.chown(folder / name, user.pw_uid, user.pw_gid)
    d.start("--config", str(d.file))
    try:
        a = Attacker(d)
        assert a.does("innocent").startswith("done"), d.log
        d.says("workers are in no namespaces of their own")
        for piece in ("a file system", "a network", "a pid"):
            d.says(f"lacks {piece}")
        if PLAIN:
            assert a.does("open /etc/passwd") == ENOENT and a.does("kill 1") == EPERM
        assert a.does("connect-tcp 22") == EPERM
        assert a.does("exec /bin/true") == KILLED
        a.close()
    finally:
        d.process.send_signal(signal.SIGTERM)
        d.stop()
