# SPDX-License-Identifier: BSD-3-Clause
"""A simulation under test: its process, its client, and what it has logged."""
import fcntl
import mmap
import os
import signal
import socket
import struct
import subprocess

import vu

BAR, CONFIG = 0, 7
COMMAND, MEMORY_AND_MASTER = 4, 6
DMA_READ_WRITE = 3
MEMORY_AT = 0x10000000


def ask(path, line):
    """{key: value} of what the control socket answers."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(60)
        s.connect(path)
        s.sendall(line.encode() + b"\n")
        answer = s.recv(8192).decode().split()
    assert answer[0] == "ok", answer
    return dict(word.split("=", 1) for word in answer[1:])


def is_moving(status):
    """Reads and writes of the AFU are under way."""
    return status is not None and int(status["reads"]) > 0 and int(status["writes"]) > 0


class Simulation:
    def __init__(self, program, folder, *options):
        self.folder = folder
        self.path = str(folder / "s.sock")
        command = [program, "--socket", self.path, "--workdir", folder, *options]
        self.process = subprocess.Popen(command, cwd=folder, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.said = self.process.stdout.readline()
        assert "ready" in self.said, self.said + self.process.communicate()[1]

    def client(self):
        return Client(self.path)

    def ask(self, line):
        return ask(self.path + ".ctl", line)

    def is_moving(self):
        return is_moving(self.ask("status"))

    def kill(self):
        self.process.kill()
        self.process.communicate(timeout=60)

    def end(self):
        """The exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        out, self.err = self.process.communicate(timeout=60)
        self.said += out
        return self.process.returncode

    def problems(self):
        """[(error or warning, rule)]"""
        lines = (self.folder / "ccip_warning_and_errors.txt").read_text().splitlines()
        return [tuple(line.split("\t")[1:3]) for line in lines]


class Client(vu.Client):
    """Registers in BAR 0, and memory that both sides see."""

    def __init__(self, path):
        super().__init__(path)
        self.memory = None
        self.enable()

    def read64(self, offset):
        return struct.unpack("<Q", self.read(BAR, offset, 8))[0]

    def write64(self, offset, value):
        self.write(BAR, offset, struct.pack("<Q", value))

    def enable(self):
        self.write(CONFIG, COMMAND, struct.pack("<H", MEMORY_AND_MASTER))

    def reset(self):
        """What was written to registers before has got there. The device is enabled anew after it."""
        self.read64(0)
        self.call(vu.RESET)
        self.enable()

    def share(self, size, at=MEMORY_AT):
        fd = os.memfd_create("sim", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(fd, size)
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)  # as the library's buffers are
        self.memory = mmap.mmap(fd, size)
        self.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, DMA_READ_WRITE, 0, at, size), fds=[fd])
        os.close(fd)
        return self.memory
