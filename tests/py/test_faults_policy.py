# SPDX-License-Identifier: BSD-3-Clause
"""Faults of those who are let in: a client that names what is another's, one that wants to know of others,
and a worker that its client has taken over."""
import contextlib
import copy
import errno
import json
import os
import shutil
import socket
import struct
import sys
import threading
import time

import pytest

from conftest import BUILD, SOURCE
from opaed import INVALID_PARAM, NO_ACCESS, NOT_FOUND, OK, ONE_WAY, PING, Peer, SESSIONS, soon

sys.path.insert(0, str(SOURCE / "tests/raw"))
from frames import MESSAGES, encode  # noqa: E402

NLB0 = "d8424dc4a4a3c413f89e433683f9040b"
HELLO_AFU = "850adcc26ceb4b229722d43375b61c66"
GUID = "guid:d8424dc4-a4a3-c413-f89e-433683f9040b"
ME = f"unix:{os.geteuid()}"
CARD0, CARD1 = "8000:00:00.0", "8001:00:00.0"
ALL = ["mmio-read", "mmio-write", "dma", "event", "error", "reconfigure", "admin"]


def say(peer, name, values=(), obj=0):
    """(result, body or reason) of a message by its name"""
    number, _, request, _ = MESSAGES[name]
    return peer.call(number, encode(request, list(values)), obj)


def rule(principal, see, allow=("*",)):
    return {"principal": principal, "see": list(see), "allow": list(allow)}


# ---- 15: what is another client's ----

class Owner:
    """A client with one of everything."""

    def __init__(self, peer, guid):
        self.peer, self.token = peer, peer.objects()[guid]
        self.handle = peer.open(self.token)
        body = peer.good(MESSAGES["PREPARE"][0], struct.pack("<QI", 4096, 0), self.handle)
        self.wsid, self.io = struct.unpack("<QQ", body[:16])
        result, body = say(peer, "HANDLE_OBJECT", ["errors", 0], self.handle)
        self.object = struct.unpack_from("<Q", body)[0] if result == OK else None
        peer.write(self.handle, 0x100, 0x1234)
        peer.good(MESSAGES["PUSH"][0], struct.pack("<QQI", self.wsid, 0, 8) + b"precious", self.handle)

    def is_whole(self):
        content = self.peer.good(MESSAGES["PULL"][0], struct.pack("<QQI", self.wsid, 0, 8), self.handle)
        return content[-8:] == b"precious" and self.peer.read(self.handle, 0x100) == 0x1234


def two_clients(opaed, here):
    """The daemon, its first client, who has card0, and its second, who is shown card1."""
    here.start("card0", "nlb0")
    here.start("card1", "nlb0")
    d = opaed(policy=[rule(ME, [CARD0]), rule("tcp:127.0.0.1", [CARD1])])
    return d, Owner(d.peer(), NLB0), Owner(d.peer(tcp=True), NLB0)


HANDLE_CALLS = {
    "CLOSE": [], "RESET": [], "QUIESCE": [], "HANDLE_PROPERTIES": [], "READ64": [0, 0x100],
    "READ32": [0, 0x100],
    "WRITE": [[[0, 8, 0x100, 7]]], "WRITE512": [0, 0x100, bytes(64)], "POLL": [0, 0x100, 0, 0, 0, 1],
    "READ_BLOCK": [0, 0, 1], "PREPARE": [4096, 0], "EVENT_REGISTER": [0, 0, 1], "EVENT_UNREGISTER": [0, 1],
    "ASSIGN_PORT": [0, 0, 0], "ASSIGN": [0, 0, 0], "UNASSIGN": [0], "RECONF_BEGIN": [0, 64, 0],
    "RECONF_DATA": [0, b"x"], "RECONF_RUN": [], "CLOCK_SET": [1, 1, 0], "CLOCK_GET": [0],
    "HANDLE_OBJECT": ["errors", 0], "METRIC_COUNT": [], "METRIC_INFO": [], "METRIC_READ": [[[0]]],
    "METRIC_READ_NAMED": [[["x"]]], "METRIC_LIMITS": [],
}
BUFFER_CALLS = {"RELEASE": lambda w: [w], "PUSH": lambda w: [w, 0, b"stolen!!"], "PULL": lambda w: [w, 0, 8],
                "HOLD": lambda w: [w, 0, 4096, 0], "DROP": lambda w: [w, 0, 4096, 0],
                "WRITEBACK": lambda w: [w, 0, 4096, 0, bytes(4096)], "EXPOSE": lambda w: [w],
                "LANDED": lambda w: [w, 0, 0, 0, 4096, 0]}


def test_fault_15_handle_of_another_client(opaed, here):
    d, first, second = two_clients(opaed, here)
    assert first.handle != second.handle and first.wsid != second.wsid
    for name, values in HANDLE_CALLS.items():
        result, why = say(second.peer, name, values, first.handle)
        assert result == INVALID_PARAM and f"{first.handle:#x}" in why, (name, result, why)
    for name, values in BUFFER_CALLS.items():
        result, why = say(second.peer, name, values(first.wsid), first.handle)
        assert result == INVALID_PARAM, (name, result, why)
    assert first.is_whole() and second.is_whole()
    line = d.says(f"the handle {first.handle:#x} is not its own")
    assert "session 2: worker: tcp:127.0.0.1: CLOSE" in line


def test_fault_15_handle_of_another_client_one_way(opaed, here):
    """Nobody answers; it is nowhere carried out, and the log tells."""
    d, first, second = two_clients(opaed, here)
    body = struct.pack("<IIQQ", 0, 8, 0x100, 0xdead)
    op = MESSAGES["WRITE"][0]
    head = struct.pack("<IHHIIQII", 32 + len(body), 32, op, ONE_WAY, 0, first.handle, 0, 0)
    second.peer.sock.sendall(head + body)
    second.peer.good(PING)
    assert first.is_whole()
    assert "tcp:127.0.0.1: WRITE" in d.says(f"the handle {first.handle:#x} is not its own")


def test_fault_15_buffer_of_another_client(opaed, here):
    d, first, second = two_clients(opaed, here)
    for name, values in BUFFER_CALLS.items():
        result, why = say(second.peer, name, values(first.wsid), second.handle)
        assert result in (INVALID_PARAM, NOT_FOUND) and f"{first.wsid:#x}" in why, (name, result, why)
    for name in ("PIN", "UNPIN"):
        result, why = say(second.peer, name, [first.handle, first.wsid, first.io], second.handle)
        assert result == INVALID_PARAM, (name, result, why)
        result, why = say(second.peer, name, [second.handle, first.wsid, first.io], first.handle)
        assert result == INVALID_PARAM, (name, result, why)
    assert first.is_whole() and second.is_whole()
    assert "tcp:127.0.0.1" in d.says(f"the buffer {first.wsid:#x} is not its own")


def test_fault_15_token_of_another_client(opaed, here):
    """An accelerator that is not shown is not there, however well its id is known."""
    d, first, second = two_clients(opaed, here)
    for name, values in {"OPEN": [0], "PROPERTIES": [], "TOKEN_OBJECT": ["errors", 0], "ERROR_READ": [0],
                         "ERROR_CLEAR": [0], "ERROR_CLEAR_ALL": [], "ERROR_INFO": [0]}.items():
        result, why = say(second.peer, name, values, first.token)
        assert result == NOT_FOUND and f"{first.token:#x}" in why, (name, result, why)
    result, why = say(second.peer, "ASSIGN", [first.token, 0, 0], second.handle)
    assert result == NOT_FOUND, why
    assert first.is_whole()
    assert "OPEN" in d.says(f"the object {first.token:#x} is not its own")


def test_fault_15_sysobject_and_event_of_another_client(opaed, here):
    d, first, second = two_clients(opaed, here)
    unknown = first.object or 1
    for name, values in {"OBJECT_OBJECT": ["x", 0], "OBJECT_AT": [0], "OBJECT_SIZE": [0],
                         "OBJECT_READ": [0, 8, 0], "OBJECT_READ64": [0], "OBJECT_WRITE64": [1, 0],
                         "OBJECT_DESTROY": []}.items():
        result, why = say(second.peer, name, values, unknown)
        assert result == INVALID_PARAM, (name, result, why)
    d.says(f"the sysobject {unknown:#x} is not its own")
    assert say(first.peer, "EVENT_REGISTER", [0, 0, 77], first.handle)[0] in (OK, 6)
    assert say(second.peer, "EVENT_UNREGISTER", [0, 77], second.handle)[0] == INVALID_PARAM
    if first.object:
        assert say(first.peer, "OBJECT_SIZE", [0], first.object)[0] == OK
    assert first.is_whole()


def test_fault_15_guessed(opaed, here):
    """Ids of one's own lead to no other's; neither do small numbers, nor neighbours."""
    d, first, second = two_clients(opaed, here)
    own = {second.handle}
    guesses = {0, 1, 2, 2**32, 2**32 + 1, 2**64 - 1, first.handle ^ 1, first.handle + 2**32,
               first.handle - 2**32, second.handle + 1, second.handle + 2**32, first.wsid, second.wsid,
               first.token} - own
    for guess in sorted(guesses):
        assert say(second.peer, "READ64", [0, 0x100], guess)[0] == INVALID_PARAM, hex(guess)
    assert first.is_whole()
    assert first.handle >> 32 != second.handle >> 32  # each session counts from somewhere else
    d.says("is not its own")


def test_fault_15_the_log_is_not_flooded(opaed, here):
    """A line a second at most, and how many had none."""
    here.start("card0", "nlb0")
    d = opaed()
    with d.peer() as p:
        for _ in range(3000):
            assert say(p, "READ64", [0, 0], 0x1234)[0] == INVALID_PARAM
        p.good(PING)
    d.says("session 1: ended")
    told = d.lines("is not its own")
    more = [int(line.split("; ")[1].split()[0]) for line in d.lines("more were refused")]
    assert 1 <= len(told) <= 60 and sum(more) + len(told) == 3000


CLASSES = {
    "mmio-read": "READ64 READ32 POLL READ_BLOCK CLOCK_GET", "mmio-write": "RESET QUIESCE WRITE WRITE512",
    "dma": "PREPARE RELEASE PUSH PULL PIN UNPIN HOLD DROP WRITEBACK EXPOSE LANDED",
    "event": "EVENT_REGISTER EVENT_UNREGISTER",
    "error": "ERROR_READ ERROR_CLEAR ERROR_CLEAR_ALL",
    "reconfigure": "ASSIGN_PORT ASSIGN UNASSIGN RECONF_BEGIN RECONF_DATA RECONF_RUN CLOCK_SET",
    "admin": "SESSIONS KICK OBJECT_WRITE64",
}
FREE = ("HELLO PING ENUMERATE PROPERTIES ERROR_INFO OPEN CLOSE HANDLE_PROPERTIES TOKEN_OBJECT "
        "HANDLE_OBJECT OBJECT_OBJECT OBJECT_AT OBJECT_SIZE OBJECT_READ OBJECT_READ64 OBJECT_DESTROY "
        "METRIC_COUNT METRIC_INFO METRIC_READ METRIC_READ_NAMED METRIC_LIMITS FABRIC").split()


@pytest.mark.parametrize("kind", CLASSES)
def test_fault_15_each_class_is_needed(opaed, here, kind):
    """Each message of a class is refused to who has all the others, and to nobody for lack of another."""
    clients = {name for name, (_, way, *_) in MESSAGES.items() if way != "PUSH" or name == "PUSH"}
    assert clients == {n for names in CLASSES.values() for n in names.split()} | set(FREE)
    here.start("card0", "nlb0")
    d = opaed(policy=[rule(ME, [CARD0], [c for c in ALL if c != kind]),
                      rule("tcp:127.0.0.1", [CARD0], [kind])])
    with d.peer() as without:
        with d.peer(tcp=True) as only:
            for p, wanted in ((without, True), (only, False)):
                token = p.objects()[NLB0]
                handle = p.open(token)
                result, body = say(p, "HANDLE_OBJECT", ["errors", 0], handle)
                thing = struct.unpack_from("<Q", body)[0] if result == OK else None
                for name in CLASSES[kind].split():
                    obj = {"ERROR": token, "SESSI": 0, "KICK": 0, "OBJEC": thing}.get(name[:5], handle)
                    if obj is None:
                        continue
                    result, why = p.call(MESSAGES[name][0], b"", obj)
                    denied = result == NO_ACCESS and f'"{kind}", which the policy does not allow' in str(why)
                    assert denied == wanted, (name, result, why)
                p.good(MESSAGES["CLOSE"][0], b"", handle)
            d.says(f'it needs "{kind}"')


# ---- 16: lists ----

def test_fault_16_lists_show_ones_own(opaed, here):
    """Accelerators that are shown, news of these, and sessions of one's own principal."""
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    d = opaed(policy=[rule(ME, [CARD0]), rule("tcp:127.0.0.1", [CARD1])])
    with d.peer() as p, d.peer(tcp=True) as q:
        assert list(p.objects()) == [NLB0] and list(q.objects()) == [HELLO_AFU]
        p.good(MESSAGES["CLOSE"][0], b"", p.open(p.objects()[NLB0]))  # nothing to q, who is told of changes
        q.open(q.objects()[HELLO_AFU])
        q.good(PING)
        for peer, other in ((p, HELLO_AFU), (q, NLB0)):
            peer.good(PING)
            for f in peer.pushed:
                assert bytes.fromhex(other) not in f.body
        mine, theirs = p.good(SESSIONS), q.good(SESSIONS)
        assert mine.count(ME.encode()) == 1 and b"tcp:" not in mine
        assert theirs.count(b"tcp:127.0.0.1\0") <= 1 and b"unix:" not in theirs
        result, why = say(q, "KICK", [1])
        assert result == NOT_FOUND and "no session 1" in why
        p.good(PING)
        d.says("KICK is refused: the session 0x1 is not its own")


def test_fault_16_admins_see_all(opaed):
    d = opaed(policy=[rule(ME, ["*"]), rule("tcp:127.0.0.1", ["*"], [c for c in ALL if c != "admin"])])
    with d.peer() as p, d.peer(tcp=True) as q:
        assert b"tcp:127.0.0.1" in p.good(SESSIONS) and ME.encode() in p.good(SESSIONS)
        result, why = q.call(SESSIONS)
        assert result == NO_ACCESS and "admin" in why
        assert say(q, "KICK", [1])[0] == NO_ACCESS
        p.good(PING)


# ---- a worker that is not ours any more ----

class Captive:
    """The worker that its client has taken over: it asks the monitor for what the client says."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(path)
        self.lines = self.sock.makefile("r")

    def __call__(self, verb, what):
        self.sock.sendall(f"{verb} {what}\n".encode())
        value = int(self.lines.readline())
        return errno.errorcode[-value] if value else ""


@pytest.fixture
def taken_over(here, opaed):
    """Starts an opaed whose workers are captives, but for those of TCP, where there is such a listener."""
    worker = BUILD / "tests/unit/bad-worker"
    machine = copy.copy(here)
    machine.bin = here.folder / "bad/bin"
    for source, to in ((here.bin / "opaed", machine.bin / "opaed"),
                       (worker, here.folder / "bad/libexec/opae/opaed-worker")):
        to.parent.mkdir(parents=True)
        shutil.copy(source, to)
    with contextlib.ExitStack() as stack:
        def start(see, allow=("*",), tcp=None, **more):
            start.listen = [{"unix": str(here.folder / "bad.sock")}]
            policy = [rule(ME, see, allow)]
            if tcp:
                start.listen.append({"tcp": "127.0.0.1:0", "clear": True})
                policy.append(rule("tcp:127.0.0.1", tcp))
            d = opaed(machine, listen=start.listen, policy=policy, **more)
            return d, another()

        def another():
            made = Captive(str(here.folder / "bad.sock"))
            stack.callback(made.sock.close)
            return made

        start.another = another
        yield start


def test_fault_15_worker_gone_bad_asks_for_others_cards(here, taken_over):
    mine, other = here.start("card1", "nlb0"), here.start("card0", "nlb0")
    d, ask = taken_over([CARD1], ["mmio-read"])
    assert ask("connect", mine) == ""
    assert ask("connect", other) == "EPERM"
    assert ask("connect", f"{mine.parent}/../emu/card0.sock") == "EACCES"
    for path in ("/etc/passwd", "/dev/mem", "/proc/self/mem", "/dev/zero", "/sys/kernel/uevent_seqnum"):
        assert ask("open", path) == "EACCES", path
    for path in ("/dev/vfio/0", "/dev/dfl-fme.0", "/dev/dfl-port.0", "/dev/uio0"):
        assert ask("write", path) == "EPERM", path
    assert ask("kick", 1) == "EACCES"
    assert ask("connect", mine) == ""
    assert f"the rule is for {ME}" in d.says("card0.sock: its")
    d.says("may not have /etc/passwd")


def test_fault_15_worker_gone_bad_by_guid(here, taken_over):
    """What an accelerator is, the monitor finds out by itself; and again for another card in its place."""
    mine, other = here.start("card1", "nlb0"), here.start("card0", "hello")
    d, ask = taken_over([GUID])
    assert ask("connect", other) == "EPERM"
    assert ask("connect", mine) == ""
    here.good("opae", "emu", "stop", "card1", "card0")
    here.start("card1", "hello")
    here.start("card0", "nlb0")
    soon(lambda: ask("connect", other) == "")
    assert ask("connect", mine) == "EPERM"
    assert d.process.poll() is None


def test_fault_28_worker_gone_bad_lets_others_look(taken_over):
    """However often it says that devices have changed: they look when they have rested, and miss nothing."""
    _, bad = taken_over(["*"])
    other, done = taken_over.another(), threading.Event()

    def flood():
        while not done.is_set():
            bad("changed", 1000)

    thread = threading.Thread(target=flood)
    thread.start()
    try:
        other("looks", 1)
        before = time.monotonic()
        other("looks", 20)
        assert time.monotonic() - before > 19 * 0.05
    finally:
        done.set()
        thread.join()
    last = taken_over.another()
    for _ in range(10):  # each comes behind what was told just now
        bad("changed", 1)
        last("looks", 1)


def test_fault_28_worker_gone_bad_closes_its_log(taken_over):
    """Its pipe is not looked at for ever."""
    d, bad = taken_over(["*"])
    assert bad("open", "/etc/passwd") == "EACCES"
    before = d.descriptors()
    for fd in (1, 2):
        bad("close", fd)
    soon(lambda: d.descriptors() == before - 1)
    assert bad("open", "/etc/passwd") == "EACCES"


def test_fault_15_worker_gone_bad_with_named_cards(here, taken_over):
    """The addresses of "plugins" count, and what is in the emulator directory has none then."""
    named, hidden = here.start("a", "nlb0"), here.start("card0", "nlb0")
    _, ask = taken_over(["0000:b1:00.0", CARD0], plugins={"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so",
        "configuration": {"sockets": [{"path": str(named), "address": "0000:b1:00.0"}]}}}})
    assert ask("connect", named) == ""
    assert ask("connect", hidden) == "EPERM"


def test_fault_15_worker_gone_bad_after_reload(here, taken_over):
    """A session goes on by the rule that it had; who comes later has the new one."""
    first, second = here.start("card0", "nlb0"), here.start("card1", "nlb0")
    d, ask = taken_over([CARD0])
    assert ask("connect", first) == "" and ask("connect", second) == "EPERM"
    d.reload(listen=[{"unix": str(here.folder / "bad.sock")}], policy=[rule(ME, [CARD1])])
    assert ask("connect", first) == "" and ask("connect", second) == "EPERM"
    later = Captive(str(here.folder / "bad.sock"))
    assert later("connect", first) == "EPERM" and later("connect", second) == ""
    later.sock.close()


def test_a_rule_by_guid_finds_its_card(opaed, here):
    """With nothing known yet, with the card restarted as another, and while somebody has it."""
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    d = opaed(policy=[rule(ME, [GUID]), rule("tcp:127.0.0.1", ["*"])])
    with d.peer() as p:
        handle = p.open(p.objects()[NLB0])
        with d.peer() as q:
            assert list(q.objects()) == [NLB0]
            assert q.try_open(q.objects()[NLB0])[0] == 2
        p.good(MESSAGES["CLOSE"][0], b"", handle)
        with d.peer() as q:
            q.open(q.objects()[NLB0])
    assert not [line for line in d.log if "ended: its worker" in line]
    rows = json.loads(here.good("opae", "sessions", "--json", "--to", f"127.0.0.1:{d.ports[0]}"))["sessions"]
    assert {r["principal"] for r in rows} <= {ME, "tcp:127.0.0.1"}  # who looked around is no session
