# SPDX-License-Identifier: BSD-3-Clause
"""What litmus programs run on: two emulated cards, an opaed unless the way is local, and a configuration."""
import collections
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from pathlib import Path

WAYS = ["local", "unix", "tcp", "tls", "rdma", "rdma-plugin"]
TRACKERS = ["eager", "trap"]
KINDS = ["plain", "handles", "events", "frees", "queues"]

Summary = collections.namedtuple("Summary", "named times programs kinds rejected runs outside hung states")


def summary(text):
    """What the runner says at its end, as numbers: kinds and rejected are lists of them."""
    found = re.search(r"^(\d+) by name, (\d+) times; (\d+) random programs:" +
                      "".join(rf" (\d+) {kind}" for kind in KINDS) +
                      r"\nnot judged: (\d+) can get stuck, (\d+) are too large, of (\d+) it is not known"
                      r"\n(\d+) runs, (\d+) outside the model, (\d+) without end; (\d+) states$", text, re.M)
    if not found:
        raise RuntimeError(f"the runner did not come to its summary: {text}")
    n = [int(x) for x in found.groups()]
    return Summary(*n[:3], n[3:3 + len(KINDS)], n[-7:-4], *n[-4:])


class Stage:
    """The cards, the daemon, and the environment in which the runner finds them."""

    def __init__(self, build, way, tracker):
        self.build, self.way, self.tracker = Path(build).resolve(), way, tracker
        self.folder = Path(tempfile.mkdtemp(prefix="opae-lit."))
        self.processes = []
        self.env = {**os.environ, "OPAE_EXPLICIT_INITIALIZE": "1", "OPAEX_EMU_DIR": str(self.folder),
                    "OPAEX_INVENTORY_DIR": str(self.folder), "LIBOPAE_CFGFILE": str(self.folder / "opae.cfg")}

    def __enter__(self):
        try:
            for kind in ("script", "poller"):
                self.start("card ready", self.build / "emu/opae-emu", "--socket",
                           self.folder / f"{kind}.sock", "--board", kind, "--mmio", "trap")
            local = {"plugins": ["cards"], "configurations": {
                "cards": {"plugin": "libv-opae.so", "enabled": True, "configuration": {}}}}
            self.write("opae.cfg", local if self.way == "local" else self.remote(local))
        except BaseException as e:
            self.__exit__(type(e))
            raise
        return self

    def remote(self, local):
        path = str(self.folder / "opaed")
        rdma = self.way.startswith("rdma")
        listen = {"unix": path} if self.way == "unix" else {"tcp": "127.0.0.1:0"}
        if self.way == "rdma-plugin":
            listen = {"rdma": "127.0.0.1:0"}
        if self.way == "tcp" or rdma:
            listen["clear"] = True
        if self.way == "tls":
            self.cert("init")
            listen["tls"] = self.cert("issue", "localhost")
        fabric = {"rdma": {"provider": "tcp", "least": 64}} if rdma else {}
        self.write("opaed.cfg", {"listen": [listen], "plugins": local, **fabric,
                                 "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}]})
        line = self.start("listening on ", self.build / "daemon/opaed", "--config", self.folder / "opaed.cfg")
        host = {"unix": path} if self.way == "unix" else {"host": "127.0.0.1",
                                                          "port": int(line.rsplit(":", 1)[1])}
        if self.way == "tls":
            host = {**host, "host": "localhost", "tls": self.cert("issue", "--client", "alice")}
        more = {"tracker": self.tracker}
        if rdma:  # whatever its size
            more.update({"data": "rdma", "rdma_least": 1})
        return {"plugins": ["far"], "configurations": {"far": {
            "plugin": "librdma-opae.so" if self.way == "rdma-plugin" else "libtcp-opae.so", "enabled": True,
            "configuration": {"hosts": [host], "connect_ms": 60000, "timeout_ms": 60000, **more}}}}

    def cert(self, *words):
        """The files of the name that is issued."""
        pki, name = self.folder / "pki", words[-1]
        subprocess.run([self.build / "tools/opae", "cert", *words, "--dir", pki], check=True, timeout=60,
                       stdout=subprocess.DEVNULL)
        return {"ca": str(pki / "ca.crt"), "cert": str(pki / "issued" / name / f"{name}.crt"),
                "key": str(pki / "issued" / name / f"{name}.key")}

    def write(self, name, config):
        (self.folder / name).write_text(json.dumps(config))

    def start(self, ready, *args):
        """Its first line that says it is ready. Of what follows the end is kept, for faults are told."""
        p = subprocess.Popen(args, env=self.env, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT)
        p.said = collections.deque(maxlen=100)
        self.processes.append(p)
        for line in p.stdout:
            p.said.append(line)
            if ready in line:
                p.reader = threading.Thread(target=lambda: p.said.extend(p.stdout))
                p.reader.start()
                return line.strip()
        raise RuntimeError(f"{args[0]} did not start: {''.join(p.said)}")

    def litmus(self, *options, **how):
        way = ["--tracker", "local" if self.way == "local" else self.tracker]
        # The eager tracker has no release by time.
        if self.way != "local" and self.tracker == "eager":
            way += ["--kicks"]
        return subprocess.run([self.build / "tests/litmus/litmus", *way, *options], env=self.env, **how)

    def end(self, p):
        """What is wrong with its end, or nothing."""
        p.send_signal(signal.SIGTERM)
        try:
            p.wait(30)
        except subprocess.TimeoutExpired:
            p.kill()
            p.wait()
        if hasattr(p, "reader"):
            p.reader.join(30)
        return f"{p.args[0]} ended with {p.returncode}: {''.join(p.said)}" if p.returncode else ""

    def __exit__(self, kind=None, *_):
        wrong = "".join([self.end(p) for p in reversed(self.processes)])
        shutil.rmtree(self.folder, ignore_errors=True)
        if wrong and not kind:
            raise RuntimeError(wrong)
