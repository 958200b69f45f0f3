# SPDX-License-Identifier: BSD-3-Clause
"""A simulation's program and who asks it: its process, its control socket, and a client of its device.

Registers are those of tests/unit/fake-afu.h."""
import mmap
import os
import socket
import struct
import subprocess
import time

import vu

BAR0, CONFIG = 0, 7
SCRATCH, SRC, DST, LINES, CTL, STATUS, FLAG = 0x28, 0x30, 0x38, 0x40, 0x48, 0x50, 0x58
COPIES, MUTE, TWICE = 0x60, 0x70, 0x78
START, FENCE = 1, 2
GUID = (0xA5A0B2D0C9D8E711, 0x5C0FFEE011224466)
MINUTE = 60


def wait_until(what, *args):
    """Returns what(*args) as soon as it is true; there is a minute for it."""
    end = time.monotonic() + MINUTE
    while time.monotonic() < end:
        found = what(*args)
        if found:
            return found
        time.sleep(0.002)
    raise AssertionError(f"{what} did not become true")


class Simulation:
    def __init__(self, program, folder, *options, env=None, pass_fds=(), config=None):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        if config is not None:
            (folder / "ase.cfg").write_text(config)
        self.process = subprocess.Popen(
            [program, "--workdir", folder, *options], env={**os.environ, **(env or {})}, text=True,
            pass_fds=pass_fds, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.output = None

    def ready(self):
        """What .ase_ready.pid says, once it is there."""
        path = self.folder / ".ase_ready.pid"
        wait_until(lambda: path.exists() or self.process.poll() is not None)
        if not path.exists():
            raise AssertionError(f"it has ended: {self.process.communicate()[0]}")
        return dict(line.split(" = ", 1) for line in path.read_text().splitlines())

    def client(self):
        return Device(self.ready()["socket"])

    def control(self):
        return Control(self.ready()["control"])

    def status(self):
        with self.control() as c:
            return c.status()

    def wait_stopped(self):
        return wait_until(lambda: (lambda s: s if s["state"] == "stopped" else None)(self.status()))

    def log(self, name):
        return (self.folder / name).read_text()

    def wait(self):
        """The exit status of one that ends by itself."""
        self.output, _ = self.process.communicate(timeout=MINUTE)
        return self.process.returncode

    def end(self):
        if self.process.poll() is None:
            self.process.terminate()
        return self.wait()


class Control:
    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(MINUTE)
        self.sock.connect(path)
        self.file = self.sock.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()
        self.sock.close()

    def ask(self, line):
        self.sock.sendall(line.encode() + b"\n")
        return self.file.readline().rstrip("\n")

    def status(self):
        answer = self.ask("status")
        assert answer.startswith("ok "), answer
        return dict(word.split("=", 1) for word in answer.split()[1:])


class Device(vu.Client):
    """A client of the device, with 1 MiB of memory mapped at 0x100000."""

    iova, size = 0x100000, 1 << 20

    def __init__(self, path):
        super().__init__(path)
        self.write(CONFIG, 4, struct.pack("<H", 6))
        fd = os.memfd_create("sim")
        os.ftruncate(fd, self.size)
        self.memory = mmap.mmap(fd, self.size)
        self.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, self.iova, self.size), [fd])
        os.close(fd)

    def get(self, offset):
        return struct.unpack("<Q", self.read(BAR0, offset, 8))[0]

    def set(self, offset, value):
        self.write(BAR0, offset, struct.pack("<Q", value))

    def start_copy(self, lines, ctl=START, src=None):
        self.set(SRC, self.iova if src is None else src)
        self.set(DST, self.iova + self.size // 2)
        self.set(LINES, lines)
        self.set(CTL, ctl | START)

    def copy(self, lines, ctl=START):
        """Copies and checks; the client asks for the end again and again."""
        data = os.urandom(64 * lines)
        self.memory[:len(data)] = data
        self.start_copy(lines, ctl)
        wait_until(lambda: not self.get(STATUS) & 1)
        assert self.memory[self.size // 2:self.size // 2 + len(data)] == data
