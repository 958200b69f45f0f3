# SPDX-License-Identifier: BSD-3-Clause
"""opaed under test, and a peer of its protocol that says just what these tests need."""
import collections
import json
import os
import re
import signal
import socket
import struct
import subprocess
import threading
import time

OK, INVALID_PARAM, BUSY, NOT_FOUND, NO_ACCESS = 0, 1, 2, 4, 9
HELLO, PING, SESSIONS, ENUMERATE, CHANGED, OPEN, CLOSE = 1, 2, 3, 10, 12, 20, 21
READ64, WRITE, PREPARE = 30, 32, 40
NLB0 = "d8424dc4a4a3c413f89e433683f9040b"
HELLO_AFU = "850adcc26ceb4b229722d43375b61c66"
CTL, STATUS0 = 0x138, 0x160  # registers of NLB0
MAGIC = 0x4541504F
HEAD = struct.Struct("<IHHIIQII")  # size, head, op, flags, id, object, budget or result, error
REPLY, ONE_WAY, MORE = 1, 2, 4

Frame = collections.namedtuple("Frame", "op flags id object result error body")


def text(value):
    return struct.pack("<H", len(value.encode())) + value.encode()


def texts(body, at=0):
    """The strings that follow each other in the body."""
    out = []
    while at + 2 <= len(body):
        n = struct.unpack_from("<H", body, at)[0]
        out.append(body[at + 2:at + 2 + n].decode())
        at += 2 + n
    return out


class Peer:
    """One connection. `address` is a path, or (host, port), or a socket that is connected."""

    def __init__(self, address, timeout=60, family=None):
        if isinstance(address, socket.socket):
            self.sock = address
        else:
            self.sock = socket.socket(family or (socket.AF_INET if isinstance(address, tuple)
                                                 else socket.AF_UNIX))
        self.sock.settimeout(timeout)
        if self.sock is not address:
            self.sock.connect(address)
        self.last, self.pushed = 0, []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def send(self, op, body=b"", obj=0):
        self.last += 1
        self.sock.sendall(HEAD.pack(32 + len(body), 32, op, 0, self.last, obj, 0, 0) + body)
        return self.last

    def exactly(self, n):
        data = b""
        while len(data) < n:
            piece = self.sock.recv(n - len(data))
            if not piece:
                raise EOFError("opaed hung up")
            data += piece
        return data

    def frame(self):
        size, head, *rest = HEAD.unpack(self.exactly(32))
        self.exactly(head - 32)
        return Frame(*rest, self.exactly(size - head))

    def call(self, op, body=b"", obj=0):
        """(result, body or reason); what is pushed meanwhile goes to .pushed"""
        wanted, out = self.send(op, body, obj), b""
        while True:
            f = self.frame()
            if f.id != wanted:
                self.pushed.append(f)
                continue
            if f.result:
                return f.result, (texts(f.body) or [""])[0]
            out += f.body
            if not f.flags & MORE:
                return OK, out

    def good(self, op, body=b"", obj=0):
        result, out = self.call(op, body, obj)
        assert result == OK, out
        return out

    def try_hello(self, program="test"):
        return self.call(HELLO, struct.pack("<IHHQII", MAGIC, 1, 1, 0, 128 << 10, 16) + text(program))

    def hello(self, program="test"):
        """The principal that the peer is taken for."""
        result, body = self.try_hello(program)
        assert result == OK, body
        self.principal = texts(body, 18)[2]
        return self

    def objects(self):
        """{GUID without hyphens: object id} of what there is to see"""
        body, at, found = self.good(ENUMERATE), 0, {}
        while at < len(body):
            object_id, _, n = struct.unpack_from("<QQH", body, at)
            props = body[at + 18:at + 18 + n]
            found[props[22:38].hex()] = object_id
            at += 18 + n
        return found

    def try_open(self, object_id):
        return self.call(OPEN, struct.pack("<I", 0), object_id)

    def open(self, object_id):
        return struct.unpack_from("<Q", self.good(OPEN, struct.pack("<I", 0), object_id))[0]

    def write(self, handle, offset, value, width=8):
        self.good(WRITE, struct.pack("<IIQQ", 0, width, offset, value), handle)

    def read(self, handle, offset):
        return struct.unpack("<Q", self.good(READ64, struct.pack("<IQ", 0, offset), handle))[0]

    def prepare(self, handle, size):
        """The device's address of a new buffer."""
        return struct.unpack_from("<QQ", self.good(PREPARE, struct.pack("<QI", size, 0), handle))[1]

    def is_ended(self):
        """Waits for the end of the connection."""
        try:
            while True:
                self.pushed.append(self.frame())
        except (EOFError, ConnectionResetError):
            return True


def opened(peer, token):
    """The handle, or None."""
    result, body = peer.try_open(token)
    return struct.unpack_from("<Q", body)[0] if result == OK else None


def open_and_close(peer, token):
    handle = opened(peer, token)
    if handle:
        peer.good(CLOSE, b"", handle)
    return handle


def copy_for_ever(peer, handle):
    """The loopback accelerator copies one buffer to another until it is stopped."""
    dsm, src, dst = (peer.prepare(handle, n) for n in (4096, 1 << 20, 1 << 20))
    for offset, value, width in ((CTL, 0, 4), (CTL, 1, 4), (0x110, dsm, 8), (0x120, src // 64, 8),
                                 (0x128, dst // 64, 8), (0x130, 1 << 14, 4), (0x140, 0x42002, 4),
                                 (CTL, 3, 4)):
        peer.write(handle, offset, value, width)
    soon(lambda: peer.read(handle, STATUS0))


def soon(what, seconds=30, log=()):
    """Waits until what() is true; its value. Time is a loaded machine's; a failure shows the log's end."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        assert time.monotonic() < end, "\n".join(["it has not come to pass", *log[-40:]])
        time.sleep(0.005)


def comm(pid):
    """What runs there; an empty text of what has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="ascii") as f:
            return f.read().strip()
    except OSError:
        return ""


def left_out(d):
    """How many lines the log says it does not have."""
    return sum(int(n) for n in re.findall(r"^opaed: (\d+) more lines", "\n".join(d.log), re.M))


def pause(pid):
    """Stops a process; it has done its last when this returns."""
    os.kill(pid, signal.SIGSTOP)

    def stands():
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "T"

    soon(stands)


EVERYBODY = [{"principal": "*", "see": ["*"], "allow": ["*"]}]


class Daemon:
    """An opaed that listens on a unix socket and, unless told otherwise, on the loopback of tcp.

    `command`: what is started, when it is not the installed opaed as it is."""

    def __init__(self, machine, name="opaed", start=True, command=None, env=None, **config):
        self.machine = machine
        self.command, self.env = command or [machine.bin / "opaed"], {**machine.env, **(env or {})}
        self.file = machine.folder / f"{name}.cfg"
        self.path = str(machine.folder / f"{name}.sock")
        self.log, self.process, self.ports = [], None, []
        if start:
            self.write(**config)
            self.start("--config", str(self.file))

    def write(self, listen=None, policy=EVERYBODY, **more):
        listen = listen or [{"unix": self.path}, {"tcp": "127.0.0.1:0", "clear": True}]
        config = {"listen": listen, **({"policy": policy} if policy else {}), **more}
        self.file.write_text(json.dumps(config))
        os.chmod(self.file, 0o644)

    def start(self, *args, listeners=None, env=None):
        who = self.machine.user
        self.process = subprocess.Popen(
            [*self.command, *args], stderr=subprocess.PIPE, text=True, env={**self.env, **(env or {})},
            **({"user": who.pw_uid, "group": who.pw_gid, "extra_groups": []} if who else {}))
        self.log = []
        self.reader = threading.Thread(target=self.read, args=(self.process,))
        self.reader.start()
        count = listeners or len(json.loads(self.file.read_text())["listen"])
        soon(lambda: len(self.lines("opaed: listening on ")) >= count or self.process.poll() is not None, 60)
        assert self.process.poll() is None, self.log
        found = [re.search(r"listening on [0-9.]+:(\d+)$", line) for line in self.log]
        self.ports = [int(m[1]) for m in found if m]
        return self

    def read(self, process):
        for line in process.stderr:
            self.log.append(line.rstrip("\n"))

    def lines(self, word):
        return [line for line in self.log if word in line]

    def says(self, word, seconds=60):
        return soon(lambda: self.lines(word), seconds, self.log)[-1]

    def said(self, word, times=1):
        """So often, and no more until now; what it says comes a little after what it does."""
        soon(lambda: len(self.lines(word)) >= times, 60, self.log)
        return len(self.lines(word)) == times

    def peer(self, tcp=False):
        return Peer(("127.0.0.1", self.ports[0]) if tcp else self.path).hello()

    def reload(self, **config):
        self.write(**config)
        before = len(self.log)
        self.process.send_signal(signal.SIGHUP)
        soon(lambda: [x for x in self.log[before:]
                      if "is read again" in x or "stays as it was" in x], 60)
        return self.log[before:]

    def workers(self):
        pid = self.process.pid
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
            return [int(p) for p in f.read().split()]

    def descriptors(self):
        """At least those that stay: one that is being passed on may be among them."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def is_idle(self):
        """No session, no zombie."""
        return not self.workers()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(60)
        self.reader.join(60)
        assert not self.lines("Sanitizer") and not self.lines("runtime error"), self.log
        return self.process.returncode
