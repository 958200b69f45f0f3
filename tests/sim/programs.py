# SPDX-License-Identifier: BSD-3-Clause
"""Programs that use a simulation: of this host, or of another one that opaed serves it to."""
import json
import os
import subprocess
import types
from pathlib import Path

from opaed import Daemon

BUILD = Path(os.environ.get("OPAE_BUILD", Path(__file__).resolve().parents[2] / "build")).resolve()
LIBRARIES = {"ase": "ase/libase-opae.so", "vfio": "vfio/libv-opae.so", "tcp": "tcp/libtcp-opae.so"}
COUNTING = Path(__file__).with_name("counting.py")
COPY, STREAM = "samples/afu/afu_copy", "samples/afu/afu_stream"


def plugin(name, configuration):
    """opae.cfg with this one alone."""
    return {"plugins": [name], "configurations": {name: {
        "enabled": True, "plugin": str(BUILD / "plugins" / LIBRARIES[name]), "configuration": configuration}}}


def by_plugin(name, path):
    """How the simulation at the path is reached on its own host."""
    if name == "ase":
        return plugin("ase", {"socket": path})
    return plugin("vfio", {"sockets": [{"path": path, "address": "0000:00:01.0"}]})


def finished(process):
    """What it said; it does not hang."""
    try:
        return process.communicate(timeout=300)[0]
    finally:
        process.kill()


class Place:
    """Where programs run: what they can reach is in its opae.cfg, or in its environment."""

    def __init__(self, folder, name, configuration=None):
        self.folder = folder / name
        self.folder.mkdir()
        self.env = {**os.environ, "OPAEX_INVENTORY_DIR": str(self.folder / "inventory")}
        if configuration:
            (self.folder / "opae.cfg").write_text(json.dumps(configuration))
            self.env["LIBOPAE_CFGFILE"] = str(self.folder / "opae.cfg")

    def start(self, program, *arguments):
        return self.popen(BUILD / program, *map(str, arguments))

    def counted(self, copies, lines):
        """The copies are made and each has its interrupt (counting.py)."""
        process = self.popen("/usr/bin/python3", COUNTING, BUILD / "lib/libopae-c.so", str(copies),
                             str(lines))
        said = finished(process)
        assert process.returncode == 0 and said == f"{copies} copies, {copies} interrupts\n", said

    def popen(self, *command):
        return subprocess.Popen(command, cwd=self.folder, env=self.env,
                                text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def good(self, program, *arguments):
        process = self.start(program, *arguments)
        said = finished(process)
        assert process.returncode == 0 and "Test PASSED" in said, said
        return said


class Served(Place):
    """Another host: opaed has the simulation, and programs here have opaed's address alone."""

    def __init__(self, folder, path, way="tcp", local="ase"):
        machine = types.SimpleNamespace(folder=folder, env=dict(os.environ), user=None)
        self.daemon = Daemon(machine, command=[BUILD / "daemon/opaed"], plugins=by_plugin(local, path))
        host = f"127.0.0.1:{self.daemon.ports[0]}" if way == "tcp" else {"unix": self.daemon.path}
        super().__init__(folder, "client", plugin("tcp", {"hosts": [host]}))
