# SPDX-License-Identifier: BSD-3-Clause
"""What a worker that has gone over to its peer gets of its monitor: the inventory's files, locks of devices,
what /sys tells, counters. In the worker's place is the program of tests/sandbox."""
import errno
import fcntl
import json
import os
import socket
import struct
import subprocess
import sys
import threading

import pytest
from opaed import BUSY as BUSY_RESULT
from opaed import CLOSE, NLB0, Daemon, soon
from test_sandbox import EACCES, EPERM, Attacker, Place, place  # noqa: F401

PCI = "/sys/bus/pci/devices"
FUNCTIONS = sorted(os.listdir(PCI)) if os.path.isdir(PCI) else []
BUSY = "refused 16"
HOLD, LOOK = 0, 1

needs_pci = pytest.mark.skipif(not FUNCTIONS, reason="this machine has no PCI")


class Rig:
    """An opaed with two sockets of cards, and attackers."""

    def __init__(self, place, see=("*",), **config):
        self.place, self.inventory = place, place.folder / "inventory"
        self.cards = [place.folder / f"emu/card{i}.sock" for i in range(2)]
        self.sockets = [socket.socket(socket.AF_UNIX) for _ in self.cards]
        for s, path in zip(self.sockets, self.cards):
            s.bind(str(path))
            s.listen()
        self.opaed = Daemon(place, policy=[{"principal": "*", "see": list(see), "allow": ["*"]}], **config)
        self.attackers = []

    def attacker(self):
        a = Attacker(self.opaed)
        self.attackers.append(a)
        assert a.does("innocent").startswith("done"), self.opaed.log
        return a

    def end(self):
        for a in self.attackers:
            a.close()
        for s in self.sockets:
            s.close()
        assert self.opaed.stop() == 0, self.opaed.log


@pytest.fixture
def rig(place):
    r = Rig(place)
    yield r
    r.end()


@pytest.fixture
def bound(place):
    """Its rule shows the second card alone."""
    r = Rig(place, see=["8001:00:00.0"])
    yield r
    r.end()


def asks(attacker, what, how):
    """Again while a scout is out, or somebody has just searched for a holder."""
    later = [f"refused {e}" for e in (errno.EINPROGRESS, errno.EAGAIN)]
    got = soon(lambda: (answer := attacker.does(f"ask {what}")) not in later and answer, 20)
    assert got == how, (what, attacker.daemon.log)


# ---- the inventory's folder ----

@pytest.mark.parametrize("name", ["inventory", "holders", "vf-token", "other"])
def test_it_writes_nothing(rig, name):
    a, path = rig.attacker(), rig.inventory / name
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_CREAT | os.O_EXCL | os.O_RDWR,
                  os.O_RDONLY | os.O_CREAT, os.O_WRONLY | os.O_TRUNC):
        asks(a, f"open {flags} {path}", EACCES)
    assert not path.exists()
    path.write_text("x")
    path.chmod(0o600)
    if rig.place.user:
        os.chown(path, rig.place.user.pw_uid, -1)
    for flags in (os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREAT, os.O_RDONLY | os.O_TRUNC):
        asks(a, f"open {flags} {path}", EACCES)
    assert path.read_text() == "x"


@pytest.mark.parametrize("what", ["unlink 0 FOLDER/inventory", "rename 0 FOLDER/inventory FOLDER/holders",
                                  "rename 0 FOLDER/inventory FOLDER/x", "link 0 FOLDER/inventory FOLDER/x",
                                  "mkdir 0 FOLDER"])
def test_it_makes_and_removes_no_name(rig, what):
    a = rig.attacker()
    (rig.inventory / "inventory").write_text("mine")
    (rig.inventory / "holders").write_text("")
    before = sorted(os.listdir(rig.inventory))
    asks(a, what.replace("FOLDER", str(rig.inventory)), EACCES)
    assert sorted(os.listdir(rig.inventory)) == before
    assert (rig.inventory / "inventory").read_text() == "mine"


def test_it_reads_what_is_known(rig):
    path = rig.inventory / "inventory"
    path.write_text("x")
    path.chmod(0o600)
    if rig.place.user:
        os.chown(path, rig.place.user.pw_uid, -1)
    asks(rig.attacker(), f"open 0 {path}", "done 0")


def test_it_gets_no_token_that_it_does_not_need(rig):
    """No function here has virtual ones, or is one."""
    path = rig.inventory / "vf-token"
    path.write_bytes(b"0123456789abcdef")
    path.chmod(0o600)
    if rig.place.user:
        os.chown(path, rig.place.user.pw_uid, -1)
    asks(rig.attacker(), f"open 0 {path}", EPERM)


# ---- locks ----

def byte_of(path, which):
    h = 0xcbf29ce484222325
    for c in str(path).encode():
        h = (h ^ c) * 0x100000001b3 & 0xffffffffffffffff
    return (h >> 3 << 1) + which


def lock(file, byte):
    """As a program of this machine does."""
    fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, byte, 1, 0))


def try_lock(inventory, byte):
    """It is let go at once."""
    with open(inventory / "holders", "r+b") as f:
        try:
            lock(f, byte)
            return True
        except BlockingIOError:
            return False


ABUSES = ["lock", "lock-by-waiting", "lock-of-process", "lease", "flock", "write", "truncate", "allocate",
          "map"]


@pytest.mark.parametrize("how", ABUSES)
def test_it_locks_nothing_by_what_it_is_given(rig, how):
    """Neither by the file, which it may read, nor by a lock that it has."""
    a = rig.attacker()
    for what in (f"open 0 {rig.inventory}/holders", f"lock {HOLD} {rig.cards[0]}"):
        asks(a, what, "done 0")
        assert a.does(f"abuse {how}").startswith("refused"), (what, how)
    assert (rig.inventory / "holders").stat().st_size == 0
    assert try_lock(rig.inventory, 4711)


def test_a_lock_is_there_as_long_as_the_session(rig):
    """However it ends; and for one at a time."""
    for how in ("close", "kill"):
        a, other = rig.attacker(), rig.attacker()
        asks(a, f"lock {HOLD} {rig.cards[0]}", "done 0")
        asks(other, f"lock {HOLD} {rig.cards[0]}", BUSY)
        assert not try_lock(rig.inventory, byte_of(rig.cards[0], HOLD))
        assert try_lock(rig.inventory, byte_of(rig.cards[0], LOOK))
        asks(other, f"lock {HOLD} {rig.cards[1]}", "done 0")
        if os.geteuid() == 0 and not rig.place.user:  # another cannot look into a worker
            asks(other, f"holder 0 {rig.cards[0]}", "done 0")
        a.close() if how == "close" else a.does("mount /")
        soon(lambda: try_lock(rig.inventory, byte_of(rig.cards[0], HOLD)))
        other.close()
        soon(lambda: try_lock(rig.inventory, byte_of(rig.cards[1], HOLD)))


def test_a_lock_of_this_machine_is_respected(rig):
    a = rig.attacker()
    asks(a, f"lock {HOLD} {rig.cards[1]}", "done 0")  # the file is there then
    with open(rig.inventory / "holders", "r+b") as f:
        lock(f, byte_of(rig.cards[0], HOLD))
        asks(a, f"lock {HOLD} {rig.cards[0]}", BUSY)
        asks(a, f"lock {LOOK} {rig.cards[0]}", "done 0")
    asks(a, f"lock {HOLD} {rig.cards[0]}", "done 0")


def test_it_locks_what_its_rule_shows(bound):
    a = bound.attacker()
    for which in (HOLD, LOOK):
        asks(a, f"lock {which} {bound.cards[0]}", EPERM)
        asks(a, f"lock {which} {bound.cards[1]}", "done 0")
        asks(a, f"lock {which} 0000:00:00.0", EPERM)
    assert try_lock(bound.inventory, byte_of(bound.cards[0], HOLD))
    asks(a, f"holder 0 {bound.cards[0]}", EPERM)


@pytest.mark.parametrize("what", ["lock 2 CARD", "lock -1 CARD", "lock 0 /etc/passwd", "lock 0 x", "lock 0 ",
                                  "lock 0 CARD/../card1.sock", "holder 0 /etc/passwd", "holder 0 x"])
def test_it_locks_nothing_odd(rig, what):
    a = rig.attacker()
    asks(a, what.replace("CARD", str(rig.cards[0])), EACCES)


# ---- who holds a device ----

CROWD = """
import os, resource, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
most = 20000 if most == resource.RLIM_INFINITY else min(most, 20000)
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
go_on, end = os.pipe()
for _ in range(most - 20):
    os.dup(0)
for _ in range(min(2000000 // most, 400)):
    if not os.fork():
        os.close(end)
        os.read(go_on, 1)
        os._exit(0)
print("there", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def crowd(place):
    """Processes with two million descriptors, through which a search takes seconds."""
    who = {"user": place.user.pw_uid, "group": place.user.pw_gid, "extra_groups": []} if place.user else {}
    with subprocess.Popen([sys.executable, "-c", CROWD], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          **who) as p:
        assert p.stdout.readline() == b"there\n"
        yield
        p.stdin.close()


def test_a_search_for_a_holder_keeps_nobody_waiting(rig, crowd):
    """One asks for it again and again. Neither he nor others wait for long, and who comes is served."""
    hostile, other = rig.attacker(), rig.attacker()
    asks(other, f"lock {HOLD} {rig.cards[1]}", "done 0")  # the file of locks is there then
    slowest = []
    flood = threading.Thread(target=lambda: slowest.append(
        hostile.does(f"again 3000 holder 0 {rig.cards[0]}")))
    flood.start()
    rig.attacker()
    slowest.append(other.does("again 2000 stat 0 /dev/null"))
    flood.join()
    assert all(s.startswith("done") and int(s.split()[1]) < 1500 for s in slowest), slowest


# ---- /sys ----

@pytest.mark.parametrize("path", ["/sys/devices/system", "/sys/devices/system/cpu/online", "/sys/class/net",
                                  "/sys/class/net/lo/address", "/sys/devices/virtual/net/lo/address",
                                  "/sys/class/mem/null/uevent", "/sys/bus", "/sys/bus/pci", "/sys/devices",
                                  "/sys/bus/platform/devices", "/sys/class/dmi/id/product_uuid"])
def test_it_is_told_of_fpgas_alone(rig, path):
    if not os.path.exists(path):
        pytest.skip("this machine has none")
    a = rig.attacker()
    for call in ("open", "stat", "lstat", "list", "access"):
        asks(a, f"{call} 0 {path}", EACCES)


@needs_pci
def test_it_is_told_of_functions_that_are_shown(place):
    """Of others only what they are: a worker looks for its own among them."""
    shown, other = FUNCTIONS[0], FUNCTIONS[-1]
    assert shown != other
    rig = Rig(place, see=[shown])
    try:
        a = rig.attacker()
        asks(a, f"list 0 {PCI}", "done 0")
        for name in ("vendor", "device"):
            asks(a, f"open 0 {PCI}/{shown}/{name}", "done 0")
            asks(a, f"open 0 {PCI}/{other}/{name}", "done 0")
        for name in ("uevent", "modalias", "irq"):
            asks(a, f"open 0 {PCI}/{shown}/{name}", "done 0")
            asks(a, f"open 0 {PCI}/{other}/{name}", EPERM)
            asks(a, f"stat 0 {PCI}/{other}/{name}", EPERM)
        asks(a, f"list 0 {PCI}/{other}/power", EPERM)
        asks(a, f"list 0 {PCI}/{shown}/power", "done 0")
    finally:
        rig.end()


@needs_pci
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may read it, and mounts")
def test_it_reads_nothing_that_is_roots_alone(folder):
    """As root the monitor could."""
    place, secret = Place(folder, None), folder / "secret"
    secret.write_text("x")
    at = f"{PCI}/{FUNCTIONS[0]}/modalias"
    script = f'mount --bind {secret} {at} && exec {place.bin}/opaed "$@"'
    for mode, how in ((0o400, EACCES), (0o440, EACCES), (0o444, "done 0")):
        secret.chmod(mode)
        d = Daemon(place, command=["unshare", "--mount", "sh", "-c", script, "sh"])
        a = Attacker(d)
        asks(a, f"open 0 {at}", how)
        a.close()
        assert d.stop() == 0, d.log


@needs_pci
def test_it_reads_no_configuration_space(rig):
    """Who opens it as root reads 4096 bytes of it, and others 64: it needs none of them."""
    a = rig.attacker()
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY):
        asks(a, f"open {flags} {PCI}/{FUNCTIONS[0]}/config", EACCES)


# ---- what is none of its business ----

LOOKS = ["open", "stat", "lstat", "readlink", "list", "access"]


def answers(attacker, path):
    return [attacker.does(f"ask {call} 0 {path}") for call in LOOKS]


@pytest.mark.parametrize("path,name", [
    ("/dev", "mem"), ("/dev", "shm"), ("/dev", "fd"), ("/dev", "stdin"), ("/dev/fd", "2"), ("/dev/fd/2", "x"),
    ("/proc/self/fd", "2"), ("/proc/self", "maps"), ("/", "root"), ("/root", ".profile"),
    ("/sys/class", "net"), ("/sys/class/net", "lo"), ("/sys/class/net/lo", "address"), ("/sys/bus", "pci"),
    ("/sys/bus/pci", "drivers_probe"), ("/sys/devices", "system"), ("/sys/devices/system/cpu", "online"),
    ("/sys/devices/virtual/net/lo", "address"), ("/sys/kernel", "mm"), ("/sys/class/mem/null", "uevent")])
def test_it_is_not_told_what_there_is(rig, path, name):
    a = rig.attacker()
    for there in (f"{path}/{name}", f"{path}/{name}/more", f"{path}/{name}/", f"{path}/none-{name}",
                  f"{path}/none-{name}/more"):
        assert answers(a, there) == [EACCES] * len(LOOKS), there


def test_links_in_dev_are_none_of_its_business(rig, tmp_path):
    """Everybody may make some in one place there, and root would follow them."""
    a, link = rig.attacker(), f"/dev/shm/opae-gate-{os.getpid()}"
    (tmp_path / "there").write_text("x")
    os.symlink(tmp_path, link)
    try:
        for name in ("there", "none"):
            assert answers(a, f"{link}/{name}") == [EACCES] * len(LOOKS)
    finally:
        os.unlink(link)


@needs_pci
def test_it_is_not_told_what_a_function_has(bound):
    a, path = bound.attacker(), f"{PCI}/{FUNCTIONS[0]}"
    for name in ("irq", "none", "power", "power/control", "power/none", "none/none", "resource0",
                 "resource9", "rom", "config"):
        assert answers(a, f"{path}/{name}") == [EPERM] * len(LOOKS), name


@pytest.mark.parametrize("node", ["vfio/7", "vfio/devices/vfio7", "dfl-port.7", "uio7"])
def test_it_is_not_told_which_nodes_there_are(bound, node):
    assert answers(bound.attacker(), f"/dev/{node}") == [EPERM] * len(LOOKS)


def test_a_path_may_only_be_so_long(rig):
    """However much of it there is."""
    way = "/sys/bus/pci/devices" if FUNCTIONS else "/sys/class"
    for path in (way + "/x" * 100, "/sys/" + "bus/" * 40 + "x", "/dev/vfio" + "/x" * 100):
        assert answers(rig.attacker(), path) == [EACCES] * len(LOOKS), path


def test_what_is_above_its_folders_is_looked_at_alone(rig):
    """Whose they are decides whether they can be trusted; what is in there is something else."""
    a = rig.attacker()
    for folder in (rig.inventory, rig.place.folder / "emu"):
        for call in ("stat", "lstat"):
            asks(a, f"{call} 0 {folder}/..", "done 0")
        for call in ("list", "readlink", "access", "open"):
            asks(a, f"{call} 0 {folder}/..", EACCES)


def test_a_folder_that_others_may_change_is_looked_at_alone(rig):
    a = rig.attacker()
    asks(a, f"list 0 {rig.inventory}", "done 0")
    rig.inventory.chmod(0o777)
    for how in ("list", "access"):
        asks(a, f"{how} 0 {rig.inventory}", EACCES)
    asks(a, f"stat 0 {rig.inventory}", "done 0")


# ---- a configuration that is read again ----

def test_a_session_keeps_its_sockets(place):
    """What "plugins" named when it began is its own; what is named later is not."""
    old, new = (str(place.folder / name) for name in ("old.sock", "new.sock"))

    def plugins(path):
        return {"plugins": ["v"], "configurations": {"v": {"plugin": "libv-opae.so", "enabled": True,
                                                           "configuration": {"sockets": [path]}}}}

    d = Daemon(place, plugins=plugins(old))
    with socket.socket(socket.AF_UNIX) as s, socket.socket(socket.AF_UNIX) as t:
        for sock, path in ((s, old), (t, new)):
            sock.bind(path)
            sock.listen()
            os.chmod(path, 0o666)
        a = Attacker(d)
        asks(a, f"connect 0 {old}", "done 0")
        d.reload(plugins=plugins(new))
        b = Attacker(d)
        asks(a, f"connect 0 {old}", "done 0")
        asks(a, f"connect 0 {new}", EACCES)
        asks(b, f"connect 0 {new}", "done 0")
        asks(b, f"connect 0 {old}", EACCES)
        a.close()
        b.close()
    assert d.stop() == 0, d.log


# ---- a worker as it is ----

def test_what_a_scout_saw_all_are_told(here, opaed):
    """Of a card that one session holds the others know what it is, and so do programs of this machine."""
    here.start()
    d = opaed()
    with d.peer() as one, d.peer() as two:
        handle = one.open(one.objects()[NLB0])
        assert sorted(os.listdir(here.folder / "inventory")) == ["holders", "inventory"]
        assert two.try_open(two.objects()[NLB0])[0] == BUSY_RESULT
        [local] = json.loads(here.good("opae", "list", "--json"))["devices"]
        assert local["guid"].replace("-", "") == NLB0 and local["state"] != "free"
        one.good(CLOSE, b"", handle)
        two.open(two.objects()[NLB0])
    assert not d.lines("may not have"), d.log


def test_who_holds_it_on_this_machine_keeps_it(here, opaed):
    here.start()
    d = opaed()
    [card] = (here.folder / "emu").glob("*.sock")
    with d.peer() as one, open(here.folder / "inventory/holders", "a+b") as f:
        token = one.objects()[NLB0]
        lock(f, byte_of(card, HOLD))
        assert one.try_open(token)[0] == BUSY_RESULT
    with d.peer() as one:
        one.open(one.objects()[NLB0])
