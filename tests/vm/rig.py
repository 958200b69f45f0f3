# SPDX-License-Identifier: BSD-3-Clause
"""Boots a real kernel in QEMU, with emulated cards and QEMU's own devices, and runs programs in it.

    m = Machine(edu=True, cards={"nlb0": {"board": "nlb0"}})
    m.bind("edu"); m.bind("nlb0", owner=1000)
    m.add("registers", [BUILD / "tests/...", m.address("nlb0")], uid=1000)
    results = m.run()
    results["registers"].good()

Nothing outlives run(): QEMU and the cards end with it, also when this process is killed."""
import fcntl
import json
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import dfl as dfl_driver
import fetch
import unpack
import vsock as vsock_device
from image import Image

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
BUILD = Path(os.environ.get("OPAE_BUILD", SOURCE / "build")).resolve()
USER = 1000
FPGA = 990  # the group of that name, of which the user is a member where a command is told so
FIRST_PORT = 0x10  # the slot on the root bus of the first root port
ENDED = (0x21 << 1) | 1  # what QEMU exits with when the guest's init has come to its end
# The kernel kills its child when this process dies, however it dies.
LEASH = ["setpriv", "--pdeathsig", "KILL", "--"]


class RigError(Exception):
    """The rig itself failed: no result of any command can be trusted."""


class Result:
    """What came of one command. rc: the exit code, 128 + N for signal N, None if it never ended."""

    def __init__(self, name, rc=None, output="", seconds=0.0, late=False, dmesg=""):
        self.name, self.rc, self.output, self.seconds, self.late = name, rc, output, seconds, late
        self.dmesg = dmesg

    def __repr__(self):
        return f"<{self.name}: {self.reason()}>"

    def reason(self):
        if self.rc is None:
            return "the guest did not get to the end of it"
        return f"ended at its limit after {self.seconds:.1f} s" if self.late else f"exit code {self.rc}"

    def not_ok(self):
        """The failed cases of a program that prints TAP. cmocka says "not ok ... # SKIP" of others."""
        return re.findall(r"^not ok(?! \d+ # SKIP).*(?:\n# .*)*", self.output, re.M)

    def skipped(self):
        """(name, reason) of each case that a program of tests/card skipped."""
        return re.findall(r"^# skipped (\w+): (.*)", self.output, re.M)

    def good(self):
        """Fails unless the command ended well; returns its output."""
        if self.rc != 0 or self.late or self.not_ok():
            cases = "\n".join(self.not_ok())
            raise AssertionError(f"{self.name}: {self.reason()}\n{cases}\n"
                                 f"--- output\n{self.output[-6000:]}\n--- kernel\n{self.dmesg[-3000:]}")
        return self.output

    def tap(self):
        """As good(), for a program that prints TAP: it must have run all that it planned, or said
        why not. How many cases passed."""
        text = self.good()
        plan = sum(int(n) for n in re.findall(r"^1\.\.(\d+)", text, re.M))
        ok = len(re.findall(r"^ok \d", text, re.M))
        assert plan and ok + len(self.skipped()) == plan, f"{self.name}: {ok} of {plan} cases\n{text[-6000:]}"
        return ok


class Results(dict):
    """By name; besides: the kernel's messages, the serial log, how long it took."""
    dmesg = serial = ""
    seconds = ready_s = 0.0
    image_bytes = 0


class Machine:
    """One boot. cards: {name: options of opae-emu, or {"simulation": command, "signal": it ends by}}.

    append: more of the kernel's command line. shared: the cards see the guest's memory, or ask QEMU for it.
    dfl: the kernel's driver of FPGA cards is loaded, and takes the cards that `bind` gives it.
    rdma: the modules of soft RoCE are loaded; rdma.py has the rest.
    vsock: the guest's CID on a vsock with this machine, whose ends here are unix sockets: vsock.py.
    net: (folder, 1 or 2): eth0, on a cable to the machine that has the other number, in no other folder."""

    def __init__(self, kernel=None, edu=False, cards=None, igb=False, dfl=False, hugepages=0,
                 memory_mib=1024, cpus=2, append="", accel=None, vsock=None, rdma=False,
                 net=None, shared=True):
        self.kernel_name = kernel or os.environ.get("OPAEX_VM_KERNEL", "stock")
        self.qemu = fetch.qemu()
        self.kernel = fetch.KERNELS[self.kernel_name]()
        self.dfl_modules = dfl_driver.modules(self.kernel) if dfl else None
        self.rdma_modules = self.kernel / "rdma" if rdma else None
        self.accel = accel or os.environ.get("OPAEX_VM_ACCEL", "tcg")
        self.edu, self.cards, self.igb = edu, dict(cards or {}), igb
        self.hugepages, self.memory_mib, self.cpus = hugepages, memory_mib, cpus
        self.append, self.vsock, self.net, self.shared = append, vsock, net, shared
        self.beside = []
        self.image = Image()
        self.bound, self.commands, self.limits = {}, {}, {}
        self.shell = False

    # ---- what is in it ----

    def address(self, device):
        """A device's PCI address in the guest: "edu", "igb", or a card's name."""
        if device == "edu":
            return "0000:00:03.0"
        behind = list(self.cards) + (["igb"] if self.igb else [])
        return f"0000:{behind.index(device) + 1:02x}:00.0"

    def bind(self, device, driver="vfio-pci", owner=0):
        """Before the first command. `owner` gets the device's nodes: of its group and its own, or of dfl-pci,
        and with these the attributes that can be written."""
        self.bound[self.address(device)] = (driver, owner)

    def include(self, *paths):
        """Files and folders of the host, at the same path in the guest; with the libraries that they link."""
        for path in paths:
            self.image.add(path)

    def add(self, name, argv, env=None, uid=0, limit_s=120, limits=None, group=None):
        """A command; they run in the order of the calls. group: one that the user is in besides his own.

        A program that is a Path is one of the host, and comes along with what it links."""
        if not re.fullmatch(r"[\w.+:/=-]+", name) or name in self.commands:
            raise ValueError(f"{name!r} is no name for a command, or there is one already")
        if isinstance(argv[0], Path):
            self.include(argv[0])
        words = ["/rig/one", "-n", name, "-u", str(uid), "-t", str(limit_s)]
        words += ["-g", str(group)] if group else []
        for key, value in (env or {}).items():
            words += ["-e", f"{key}={value}"]
        for key, value in (limits or {}).items():
            words += ["-r", f"{key}={value}"]
        self.limits[name] = limit_s
        self.commands[name] = shlex.join(words + ["--"] + [str(a) for a in argv])

    def sh(self, name, script, **kw):
        self.add(name, ["/bin/sh", "-ec", script], **kw)

    def with_process(self, start):
        """start(folder) gives a process of this machine's; it is started before QEMU is, and ended after."""
        self.beside.append(start)

    # ---- running it ----

    def run(self, deadline_s=300, grace_s=20):
        """Boots, runs the commands, and gives their results.

        The guest is ended when deadline_s have passed, or when a command's result is grace_s later
        than its limit allows: then the guest hangs."""
        start = time.monotonic()
        folder, lock = work_folder()
        started = []
        try:
            size = self._write_image(folder)
            for name, board in self.cards.items():
                started.append(self._card(folder, name, board))
            cards = list(started)
            if self.vsock:
                started.append(vsock_device.start(folder, self.vsock, LEASH))
            for process in self.beside:
                started.append(process(folder))
            qemu = self._start(folder)
            started.append(qemu)
            self._wait(qemu, cards, folder, start + deadline_s, grace_s)
            if self.shell:
                return Results()
            results = self._results(folder, qemu)
            results.seconds, results.image_bytes = time.monotonic() - start, size
            for p in cards:
                self._end_card(p)
            return results
        finally:
            for p in reversed(started):  # QEMU first, then what it is connected to
                p.kill()
                p.wait()
            shutil.rmtree(folder, ignore_errors=True)
            lock.close()

    def _write_image(self, folder):
        image = self.image
        for path in ("/proc", "/sys", "/dev", "/run", "/etc", "/root"):
            image.folder(path)
        image.folder("/tmp", 0o1777)
        image.character("/dev/console", 5, 1)
        image.character("/dev/null", 1, 3, 0o666)
        busybox = self.qemu / "bin/busybox"
        image.add(busybox, "/bin/busybox")
        applets = subprocess.run([busybox, "--list"], check=True, text=True, stdout=subprocess.PIPE)
        for applet in set(applets.stdout.split()) - {"busybox"}:
            image.link(f"/bin/{applet}", "busybox")
        image.text("/etc/passwd", "root:x:0:0::/root:/bin/sh\n"
                   f"user:x:{USER}:{USER}::/tmp:/bin/sh\n"
                   "nobody:x:65534:65534::/tmp:/bin/sh\n")
        image.text("/etc/group", f"root:x:0:\nuser:x:{USER}:\nfpga:x:{FPGA}:\nnogroup:x:65534:\n")
        image.text("/rig/signal", (HERE / "guest/signal.sh").read_text(), 0o755)
        image.text("/init", (HERE / "guest/init.sh").read_text(), 0o755)
        image.add(BUILD / "tests/vm/guest/vm-one", "/rig/one")
        for name, modules in (("modules", self.kernel / "modules"), ("dfl", self.dfl_modules),
                              ("rdma", self.rdma_modules)):
            for module in sorted(modules.iterdir()) if modules else []:
                image.text(f"/rig/{name}/{module.name}", module.read_bytes())
        plan = {self.address(d): ("none", 0) for d in
                list(self.cards) + ["edu"] * self.edu + ["igb"] * self.igb} | self.bound
        image.text("/rig/plan", "".join(f"{a} {d} {o}\n" for a, (d, o) in plan.items()))
        lines = [c.replace("/rig/one", '/rig/one -p "$PORT"', 1) for c in self.commands.values()]
        if self.shell:
            lines.append("setsid cttyhack sh")
        image.text("/rig/commands", "\n".join(lines) + "\n")
        return image.write(folder / "image")

    def _card(self, folder, name, options):
        """The process of a card or a simulation, when it listens."""
        args = options.get("simulation")
        if not args:
            args = [BUILD / "emu/opae-emu"]
            for key, value in {"board": "nlb0", "mmio": "trap", **options}.items():
                args += [f"--{key}", str(value)]
        args = [*args, "--socket", folder / f"{name}.sock"]
        with open(folder / f"{name}.log", "w") as log:
            p = subprocess.Popen([*LEASH, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                 stderr=log, text=True)
        p.name, p.log, p.signal = name, folder / f"{name}.log", options.get("signal", 0)
        if not select.select([p.stdout], [], [], 60)[0] or "ready" not in p.stdout.readline():
            p.kill()
            p.wait()
            raise RigError(f"the card {name} did not start: {p.log.read_text()}")
        return p

    def _end_card(self, p):
        p.send_signal(signal.SIGTERM)
        try:
            rc = p.wait(60)
        except subprocess.TimeoutExpired:
            raise RigError(f"the card {p.name} did not end") from None
        if rc != -p.signal:
            raise RigError(f"the card {p.name} ended with {rc}: {p.log.read_text()[-2000:]}")

    def _devices(self, folder):
        yield "isa-debug-exit,iobase=0x501,iosize=1"
        yield "intel-iommu,intremap=on,caching-mode=on"
        yield "virtio-serial-pci,addr=0x4"
        yield "virtserialport,chardev=results,name=results"
        if self.edu:
            yield "edu,addr=0x3"
        behind = [{"driver": "vfio-user-pci",
                   "socket": {"path": f"{folder}/{name}.sock", "type": "unix"}} for name in self.cards]
        if self.igb:
            behind.append({"driver": "igb"})
        if self.net:
            behind.append({"driver": "igb", "netdev": "net", "mac": f"52:54:00:00:00:0{self.net[1]}"})
        for n, device in enumerate(behind):
            yield f"pcie-root-port,id=port{n},chassis={n + 1},slot={n + 1},addr={FIRST_PORT + n:#x}"
            yield json.dumps({**device, "bus": f"port{n}"})

    def _arguments(self, folder):
        memory = "memory-backend-memfd,share=on" if self.shared else "memory-backend-ram"
        args = [*unpack.in_place(self.qemu, "qemu-system-x86_64"),
                "-L", self.qemu / "share", "-nodefaults", "-no-user-config", "-display", "none",
                "-no-reboot", "-machine", "q35,kernel-irqchip=split,memory-backend=mem0",
                "-accel", self.accel, "-cpu", "max", "-smp", self.cpus, "-m", f"{self.memory_mib}M",
                "-object", f"{memory},id=mem0,size={self.memory_mib}M",
                "-kernel", self.kernel / "vmlinux", "-initrd", folder / "image",
                "-chardev", f"file,id=results,path={folder}/results",
                "-serial", "mon:stdio" if self.shell else f"file:{folder}/serial",
                "-append", "console=ttyS0 quiet loglevel=4 mitigations=off nokaslr panic=-1 no_timer_check "
                "intel_iommu=on vfio_pci.enable_sriov=1 "
                f"hugepages={self.hugepages} {self.append}"]
        for device in self._devices(folder):
            args += ["-device", device]
        args += vsock_device.arguments(folder) if self.vsock else []
        args += self._cable() if self.net else []
        return [*LEASH, *(str(a) for a in args)]

    def _cable(self):
        """Each end may come and go when it likes; what is sent to nobody is lost."""
        folder, own = self.net
        return ["-netdev", f"dgram,id=net,local.type=unix,local.path={folder}/{own},"
                f"remote.type=unix,remote.path={folder}/{3 - own}"]

    def _start(self, folder):
        # QEMU would look for its modules on the machine, which has another QEMU or none.
        env = {**os.environ, "QEMU_MODULE_DIR": str(self.qemu / "modules")}
        if self.shell:
            return subprocess.Popen(self._arguments(folder), env=env)
        with open(folder / "qemu.log", "w") as log:
            return subprocess.Popen(self._arguments(folder), env=env, stdin=subprocess.DEVNULL, stdout=log,
                                    stderr=subprocess.STDOUT)

    def _wait(self, qemu, cards, folder, deadline, grace_s):
        """Until QEMU ends, or has to be ended. Does meanwhile what the guest asks for by /rig/signal."""
        cards = {p.name: p for p in cards}
        port, seen, handled, last = folder / "results", 0, 0, deadline
        limits = list(self.limits.values()) + [10]
        while not self.shell and qemu.poll() is None:
            size = port.stat().st_size if port.exists() else 0
            if size > seen:  # one record when the guest is ready, one for each command
                records = [r.name for r in parse(port.read_bytes())]
                for name in records[handled:]:
                    if name.startswith("!signal/"):
                        cards[name.split("/")[1]].send_signal(signal.SIGUSR1)
                ended = sum(not name.startswith("!signal/") for name in records)
                limit = limits[min(max(ended, 1), len(limits)) - 1]
                seen, handled, last = size, len(records), time.monotonic() + limit + grace_s
            if time.monotonic() > min(deadline, last) or self._stopped(folder):
                qemu.kill()
            time.sleep(0.02)
        qemu.wait()

    def _stopped(self, folder):
        """QEMU does not end when KVM gives up, it only stops."""
        return self.accel == "kvm" and "KVM internal error" in (folder / "qemu.log").read_text()

    def _results(self, folder, qemu):
        results = Results()
        read = {k: (folder / k).read_text(errors="replace") if (folder / k).exists() else ""
                for k in ("serial", "qemu.log")}
        port = folder / "results"
        records = list(parse(port.read_bytes())) if port.exists() else []
        results.serial = read["serial"]
        tail = f"{read['qemu.log'][-2000:]}\n{results.serial[-4000:]}"
        found = {r.name: r for r in records}
        if "!setup" in found:
            raise RigError(f"the guest could not be set up: {found['!setup'].output}\n{tail}")
        ready = re.search(r"^RIG ready (\S+)", results.serial, re.M)
        if not ready:
            raise RigError(f"the guest did not come up; QEMU ended with {qemu.returncode}\n{tail}")
        results.ready_s = float(ready[1])
        results.dmesg = found["!dmesg"].output if "!dmesg" in found else ""
        pieces = dict(re.findall(r"rig: begin (\S+)\n(.*?)(?=^[^\n]*rig: begin |\Z)", results.dmesg,
                                 re.S | re.M))
        for name in self.commands:
            results[name] = found.get(name, Result(name, output=tail))
            results[name].dmesg = pieces.get(name, "")
        if qemu.returncode != ENDED and all(r.rc is not None for r in results.values()):
            raise RigError(f"QEMU ended with {qemu.returncode} after all commands\n{tail}")
        return results


def work_folder():
    """A new folder and the lock that says it is in use.

    The path is short: a socket's has at most 107 bytes. Folders whose process was killed go."""
    top = Path(tempfile.gettempdir())
    for old in top.glob("opae-vm.*/lock"):
        try:
            with open(old) as f:
                fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if time.time() - os.fstat(f.fileno()).st_mtime > 60:  # it may be on its way to its lock
                    shutil.rmtree(old.parent, ignore_errors=True)
        except OSError:
            continue
    folder = Path(tempfile.mkdtemp(prefix="opae-vm."))
    lock = open(folder / "lock", "w")
    fcntl.flock(lock, fcntl.LOCK_EX)
    return folder, lock


def parse(data):
    """The records that guest/one.c writes; one that was cut off is none."""
    at = 0
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            return
        mark, name, rc, late, us, length = data[at:end].split()
        at = end + 1 + int(length)
        if mark != b"@" or len(data) <= at:
            return
        yield Result(name.decode(), int(rc), data[end + 1:at].decode(errors="replace"),
                     int(us) / 1e6, late == b"1")
        at += 1
