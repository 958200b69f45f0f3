# SPDX-License-Identifier: BSD-3-Clause
"""The guest's file system: one uncompressed cpio archive.

The form is "newc" (Documentation/driver-api/early-userspace/buffer-format.rst of Linux). A file of
the host has the same path in the guest, so that run paths, configuration files and messages mean
the same on both sides. Programs and libraries bring along what they link."""
import os
import re
import stat
import subprocess
from functools import lru_cache
from pathlib import Path

ELF = b"\x7fELF"


@lru_cache(maxsize=None)
def linked(path, stamp):
    """The libraries and the loader that a program or library needs, by the host's own loader."""
    del stamp  # a file that was built anew is looked at anew
    done = subprocess.run(["ldd", path], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    missing = re.findall(r"^\s*(\S+) => not found", done.stdout, re.M)
    if missing:
        raise RuntimeError(f"{path} needs {', '.join(missing)}, which is not on this machine")
    return re.findall(r"^\s*(?:\S+ => )?(/\S+) \(0x", done.stdout, re.M)


class Image:
    def __init__(self):
        self.entries = {}

    def _put(self, path, mode, data=b"", device=(0, 0)):
        for parent in reversed(Path(path).parents):
            if str(parent) not in (".", "/"):
                self.entries.setdefault(str(parent), (stat.S_IFDIR | 0o755, b"", (0, 0)))
        self.entries[path] = (mode, data, device)

    def folder(self, path, mode=0o755):
        self._put(path, stat.S_IFDIR | mode)

    def text(self, path, text, mode=0o644):
        self._put(path, stat.S_IFREG | mode, text.encode() if isinstance(text, str) else text)

    def link(self, path, target):
        self._put(path, stat.S_IFLNK | 0o777, target.encode())

    def character(self, path, major, minor, mode=0o600):
        self._put(path, stat.S_IFCHR | mode, device=(major, minor))

    def add(self, path, to=None):
        """A file or folder of the host; links are followed. `to`: another path in the guest."""
        path, to = os.path.abspath(path), str(to or os.path.abspath(path))
        if os.path.isdir(path):
            self.folder(to)
            for name in sorted(os.listdir(path)):
                self.add(os.path.join(path, name), os.path.join(to, name))
            return
        if to in self.entries:
            return
        with open(path, "rb") as f:
            data = f.read()
        info = os.stat(path)
        self._put(to, stat.S_IFREG | stat.S_IMODE(info.st_mode) | 0o444, data)
        if data[:4] == ELF:
            for other in linked(path, info.st_mtime_ns):
                self.add(other)

    def write(self, file):
        """Returns the archive's size."""
        total = 0
        everything = list(self.entries.items()) + [("TRAILER!!!", (0, b"", (0, 0)))]
        with open(file, "wb") as f:
            for number, (path, (mode, data, device)) in enumerate(everything, 1):
                name = path.lstrip("/").encode() + b"\0"
                links = 2 if stat.S_ISDIR(mode) else 1
                fields = (number, mode, 0, 0, links, 0, len(data), 0, 0, *device, len(name), 0)
                head = b"070701" + b"".join(b"%08X" % v for v in fields) + name
                total += f.write(head + bytes(-len(head) % 4) + data + bytes(-len(data) % 4))
        return total
