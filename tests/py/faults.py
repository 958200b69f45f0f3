# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of faults have in common: a program on the C API that is stopped and killed, cards that are
torn away, and a network that is cut."""
import collections
import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading

import pytest
from conftest import BUILD, SOURCE
from opaed import soon

sys.path.insert(0, str(SOURCE / "tests/raw"))

EXCEPTION = 3
GUID = "d8424dc4-a4a3-c413-f89e-433683f9040b"  # of NLB0
Answer = collections.namedtuple("Answer", "result ms value why")


class Card:
    """An emulated card in the emulator directory, in the foreground; what it says stays."""

    def __init__(self, machine, name="card0", board="nlb0", mmio="trap", faults=None):
        folder = machine.folder / "emu"
        folder.mkdir(mode=0o700, exist_ok=True)
        self.said = []
        self.process = subprocess.Popen(
            [BUILD / "emu/opae-emu", "--socket", folder / f"{name}.sock", "--board", board, "--mmio", mmio,
             *(["--faults", faults] if faults else [])],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "card ready" in self.process.stdout.readline()
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        for line in self.process.stderr:
            self.said.append(line.rstrip("\n"))

    def stop(self, number=signal.SIGTERM):
        """All that it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        self.process.wait(60)
        self.reader.join(60)
        self.process.stdout.close()
        assert not [line for line in self.said if "Sanitizer" in line or "runtime error" in line], self.said
        return self.said

    end = stop


class Program:
    """tests/faults/client.c, which carries out a line and says how it went."""

    def __init__(self, machine, config, command=()):
        self.process = subprocess.Popen(
            [*command, BUILD / "tests/faults/fault-client"], env={**machine.env, **config},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.rest = b""
        self.pid = int(self.line(60).split()[1])

    def line(self, seconds):
        out = self.process.stdout.fileno()
        while b"\n" not in self.rest:
            assert select.select([out], [], [], seconds)[0], f"no answer within {seconds} s"
            piece = os.read(out, 65536)
            assert piece, "the program has ended"
            self.rest += piece
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode()

    def start(self, line):
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()

    def answer(self, seconds=60):
        result, ms, value, why = self.line(seconds).split(" ", 3)
        return Answer(int(result), float(ms), int(value), why)

    def has_answered(self, seconds):
        """Within so many."""
        return bool(self.rest or select.select([self.process.stdout], [], [], seconds)[0])

    def call(self, line, seconds=60):
        self.start(line)
        return self.answer(seconds)

    def good(self, line, seconds=60):
        a = self.call(line, seconds)
        assert a.result == 0, (line, a)
        return a.value

    def open(self, guid=GUID):
        self.good(f"open {guid}")
        return self

    def copies(self, size=1 << 20):
        """Opens the loopback accelerator, which then copies for ever."""
        self.open()
        for n in (4096, size, size):
            self.good(f"buffer {n}")
        self.good(f"copy {size // 64}")
        soon(lambda: self.good("read 0x160"))
        return self

    def signal(self, number):
        os.kill(self.pid, number)

    def end(self):
        """Its exit code; None: it had to be killed."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            code = self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        self.process.stdout.close()
        return code


def remote(machine, *hosts, name="opae.cfg", **more):
    """The environment of a program that uses these opaeds."""
    path = machine.folder / name
    path.write_text(json.dumps({"plugins": ["far"], "configurations": {"far": {
        "plugin": "libtcp-opae.so", "enabled": True,
        "configuration": {"hosts": list(hosts), "timeout_ms": 3000, "connect_ms": 60000, **more}}}}))
    return {"LIBOPAE_CFGFILE": str(path)}


def run_out_of_memory(pid, every):
    """tests/faults/malloc-fails.c: from now on each so many-th allocation of the process fails; 0: none."""
    libc = ctypes.CDLL(None, use_errno=True)
    value = ctypes.c_void_p(every)  # of union sigval
    assert libc.sigqueue(pid, signal.SIGUSR2, value) == 0, os.strerror(ctypes.get_errno())


def memory(pid, what="VmRSS"):
    """Bytes, of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return int(re.search(rf"^{what}:\s+(\d+) kB", f.read(), re.M)[1]) << 10


class Network:
    """Two networks with a router between them, each in a namespace: where opaed is, and where programs are.
    The router can be told to lose everything without a word."""
    SERVER, CLIENT = "10.99.1.2", "10.99.2.2"

    def __init__(self):
        self.names = {n: f"opae-{os.getpid()}-{n}" for n in ("server", "router", "client")}
        try:
            self.make()
        except (OSError, subprocess.CalledProcessError) as e:
            self.end()
            pytest.skip(f"no network of its own: {e} {getattr(e, 'stderr', None) or ''}")

    def ip(self, *args):
        subprocess.run(["ip", *args], check=True, stderr=subprocess.PIPE, text=True)

    def make(self):
        for name in self.names.values():
            self.ip("netns", "add", name)
            self.ip("-n", name, "link", "set", "lo", "up")
        router = self.names["router"]
        for side, net in (("server", 1), ("client", 2)):
            name = self.names[side]
            self.ip("-n", name, "link", "add", "eth0", "type", "veth", "peer", "name", f"eth{net}",
                    "netns", router)
            self.ip("-n", name, "address", "add", f"10.99.{net}.2/24", "dev", "eth0")
            self.ip("-n", router, "address", "add", f"10.99.{net}.1/24", "dev", f"eth{net}")
            self.ip("-n", router, "link", "set", f"eth{net}", "up")
            self.ip("-n", name, "link", "set", "eth0", "up")
            self.ip("-n", name, "route", "add", "default", "via", f"10.99.{net}.1")
        self.forward(True)

    def forward(self, on):
        subprocess.run([*self.inside("router"), "/bin/sh", "-c",
                        f"echo {int(on)} >/proc/sys/net/ipv4/ip_forward"],
                       check=True, stderr=subprocess.PIPE, text=True)

    def inside(self, side):
        """What a command begins with that runs there."""
        return ["ip", "netns", "exec", self.names[side]]

    def connect(self, port):
        """A socket of this process that is in the client's network."""
        made = []

        def there():
            with open(f"/run/netns/{self.names['client']}", "rb") as ns:
                if ctypes.CDLL(None).setns(ns.fileno(), 0x40000000) == 0:  # CLONE_NEWNET, of this thread
                    made.append(socket.create_connection((self.SERVER, port), timeout=120))

        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        return made[0]

    def end(self):
        for name in self.names.values():
            subprocess.run(["ip", "netns", "delete", name], check=False, stderr=subprocess.DEVNULL)


def established(pid):
    """TCP connections of the process that are open, for all that its kernel knows."""
    folder = f"/proc/{pid}/fd"
    mine = {os.readlink(f"{folder}/{fd}") for fd in os.listdir(folder)}
    with open(f"/proc/{pid}/net/tcp", encoding="ascii") as f:
        rows = [line.split() for line in f.read().splitlines()[1:]]
    return sum(row[3] == "01" and f"socket:[{row[9]}]" in mine for row in rows)
