# SPDX-License-Identifier: BSD-3-Clause
"""opae bind and release on made trees: refusals, dry runs, records, the way back.

A plain tree does not answer to writes. Where the whole way is walked, a thread of the test plays the kernel
just so far that drivers come and go; real devices are bound in the virtual machine (tests/vm)."""
import json
import os
import signal
import stat
import subprocess
import threading
import time

import pytest

CARD, SECOND, PF = "0000:b1:00.0", "0000:b1:00.1", "0000:c0:00.0"
USER = 4321 if os.geteuid() == 0 else os.geteuid()
IDS = ("vendor", "device", "subsystem_vendor", "subsystem_device")


class Tree:
    """/sys, /dev and /proc of a small machine, and what its kernel does in them."""

    def __init__(self, machine):
        self.machine, self.root = machine, machine.folder / "root"
        self.pci = self.root / "sys/bus/pci"
        self.refuse, self.stopped, self.paused = set(), False, False
        self.write("proc/sys/kernel/random/boot_id", "boot-1\n")
        self.write("sys/bus/pci/drivers_probe")
        self.write("dev/vfio/vfio").chmod(0o666)
        for name in ("vfio-pci", "igb", "e1000e"):
            self.write(f"sys/bus/pci/drivers/{name}/bind")
            self.write(f"sys/bus/pci/drivers/{name}/unbind")
        self.thread = threading.Thread(target=self.play)

    # -- making --
    def write(self, path, text=""):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def device(self, address, driver="igb", group=7, ids=(0x8086, 0xBCCE, 0x8086, 0x1771), cls=0x120000):
        for name, value in zip(IDS, ids):
            self.write(f"sys/bus/pci/devices/{address}/{name}", f"{value:#06x}\n")
        self.attribute(address, "class", f"{cls:#08x}\n")
        self.attribute(address, "driver_override", "(null)\n")
        if group is not None:
            members = self.root / f"sys/kernel/iommu_groups/{group}/devices"
            members.mkdir(parents=True, exist_ok=True)
            (members / address).symlink_to("../../../../bus/pci/devices/" + address)
            self.link(address, "iommu_group", f"../../../../kernel/iommu_groups/{group}")
        if driver:
            self.attach(address, driver)

    def attribute(self, address, name, text):
        return self.write(f"sys/bus/pci/devices/{address}/{name}", text)

    def link(self, address, name, target):
        at = self.pci / "devices" / address / name
        at.unlink(missing_ok=True)
        if target:
            at.symlink_to(target)

    def below(self, cls, name, address, **attributes):
        """An entry of a class that hangs below the device."""
        for key, text in attributes.items():
            self.write(f"sys/devices/pci0000:b0/{address}/{cls}/{name}/{key}", text)
        where = self.root / "sys/class" / cls
        where.mkdir(parents=True, exist_ok=True)
        (where / name).symlink_to(f"../../devices/pci0000:b0/{address}/{cls}/{name}")

    # -- looking --
    def driver(self, address):
        try:
            return os.path.basename(os.readlink(self.pci / "devices" / address / "driver"))
        except FileNotFoundError:
            return None

    def override(self, address):
        text = (self.pci / "devices" / address / "driver_override").read_text().split("\n")[0]
        return text if text != "(null)" else ""

    def group(self, address):
        return os.path.basename(os.readlink(self.pci / "devices" / address / "iommu_group"))

    def node(self, address):
        return self.root / "dev/vfio" / self.group(address)

    def record(self, address):
        return self.root / "run/opae/bind" / address

    def records(self):
        at = self.root / "run/opae/bind"
        return sorted(p.name for p in at.iterdir() if p.name != ".lock") if at.exists() else []

    def files(self):
        """All that is in the tree: paths, contents, owners and modes."""
        seen = {}
        for at in sorted(self.root.rglob("*")):
            st = at.lstat()
            what = os.readlink(at) if at.is_symlink() else at.read_text() if at.is_file() else ""
            seen[str(at)] = (what, st.st_uid, st.st_gid, st.st_mode)
        return seen

    # -- the kernel's part --
    def attach(self, address, driver):
        self.link(address, "driver", f"../../drivers/{driver}")
        (self.pci / "drivers" / driver).mkdir(parents=True, exist_ok=True)
        (self.pci / "drivers" / driver / address).symlink_to(f"../../devices/{address}")
        if driver == "vfio-pci" and not self.node(address).exists():
            self.write(f"dev/vfio/{self.group(address)}").chmod(0o600)

    def detach(self, address):
        driver = self.driver(address)
        if not driver:
            return
        (self.pci / "drivers" / driver / address).unlink()
        self.link(address, "driver", None)
        members = os.listdir(self.root / f"sys/kernel/iommu_groups/{self.group(address)}/devices")
        if not any(self.driver(m) == "vfio-pci" for m in members):
            self.node(address).unlink(missing_ok=True)

    def taken(self, path):
        try:
            text = path.read_text().strip()
            if text:
                path.write_text("")
            return text
        except FileNotFoundError:  # a test may take a driver away at any time
            return ""

    def unbinds(self):
        for driver in (self.pci / "drivers").iterdir():
            address = self.taken(driver / "unbind")
            if address:
                self.detach(address)

    def put(self, address, driver):
        self.unbinds()  # what was written before this
        if driver and driver not in self.refuse and not self.driver(address):
            self.attach(address, driver)

    def step(self):
        self.unbinds()
        address = self.taken(self.pci / "drivers_probe")
        if address:
            self.put(address, self.override(address))
        for driver in list((self.pci / "drivers").iterdir()):
            address = self.taken(driver / "bind")
            if address:
                self.put(address, driver.name)
        self.vfs()

    def vfs(self):
        at = self.pci / "devices" / PF
        if not (at / "sriov_numvfs").exists():
            return
        want = int((at / "sriov_numvfs").read_text().strip() or 0)
        have = len(list(at.glob("virtfn*")))
        for i in range(have, want):
            address = f"0000:c0:10.{i}"
            self.device(address, driver=None, group=20 + i)
            self.link(address, "physfn", f"../{PF}")
            if self.driver(PF) == "vfio-pci":
                self.attribute(address, "driver_override", "vfio-pci\n")
                self.attach(address, "vfio-pci")
            self.link(PF, f"virtfn{i}", f"../{address}")
        for i in range(want, have):
            address = f"0000:c0:10.{i}"
            self.detach(address)
            self.link(PF, f"virtfn{i}", None)
            subprocess.run(["rm", "-r", self.pci / "devices" / address], check=True)
            (self.root / f"sys/kernel/iommu_groups/{20 + i}/devices" / address).unlink()

    def play(self):
        while not self.stopped:
            if not self.paused:
                self.step()
            time.sleep(0.001)

    def pf(self, driver="igb", total=4):
        self.device(PF, driver=driver, group=11)
        self.attribute(PF, "sriov_totalvfs", f"{total}\n")
        self.attribute(PF, "sriov_numvfs", "0\n")
        self.attribute(PF, "sriov_drivers_autoprobe", "1\n")

    # -- the tool --
    def run(self, *args, **kw):
        return self.machine.run("opae", *args, env={"OPAEX_DOCTOR_ROOT": str(self.root), **kw})

    def good(self, *args, **kw):
        done = self.run(*args, **kw)
        assert (done.returncode, done.stderr) == (0, ""), done
        return done.stdout

    def refused(self, word, mend, *args):
        """It is not done, for this reason, and nothing is changed, by a dry run either."""
        before = self.files()
        for more in ((), ("--dry-run",)):
            done = self.run(*args, *more)
            assert done.returncode == 1 and done.stdout == "", done
            assert word in done.stderr and "  fix:   " in done.stderr and mend in done.stderr, done.stderr
            after = {k: v for k, v in self.files().items() if "/root/run" not in k}
            assert after == {k: v for k, v in before.items() if "/root/run" not in k}

    def bind(self, *args):
        return self.good("bind", "--user", str(USER), *args)


@pytest.fixture
def tree(here):
    """Without a kernel: nothing answers."""
    t = Tree(here)
    t.device(CARD)
    return t


@pytest.fixture
def kernel(tree):
    tree.thread.start()
    yield tree
    tree.stopped = True
    tree.thread.join()


def eventually(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.002)


def expect_steps(tree, out, *wanted):
    """The commands of a dry run, with the tree's folder left out."""
    lines = [x.replace(str(tree.root), "") for x in out.splitlines() if not x.startswith("#")]
    assert lines == list(wanted)


# ---- arguments ----

def test_usage(here):
    for args, word in ((["bind"], "address"), (["release"], "address"), (["bind", "x"], "'x'"),
                       (["bind", "b1:00.9"], "b1:00.9"), (["bind", "--user"], "--user needs"),
                       (["bind", "--user", "no-such-user", CARD], "no-such-user"),
                       (["bind", "--user", "4294967295", CARD], "4294967295"),
                       (["bind", "--vfs", "0", CARD], "'0'"), (["bind", "--vfs", "65", CARD], "'65'"),
                       (["bind", "--vfs", "2", CARD, SECOND], "one device"),
                       (["bind", "--force", CARD], "--force"), (["release", "--user", "1", CARD], "--user")):
        done = here.run("opae", *args)
        assert done.returncode == 2 and word in done.stderr, done
    for command in ("bind", "release"):
        assert "--dry-run" in here.good("opae", command, "--help")


def test_ordinary_user_is_told(machine):
    if not machine.user and os.geteuid() == 0:
        pytest.skip("root may")
    for command in ("bind", "release"):
        done = machine.run("opae", command, CARD)
        assert done.returncode == 1 and "use sudo" in done.stderr and "--dry-run" in done.stderr


# ---- dry runs ----

def test_dry_run_tells_the_steps_and_takes_none(machine):
    t = Tree(machine)
    t.device(CARD)
    before = t.files()
    out = t.good("bind", "--user", "77", "--dry-run", "b1:0.0")
    at = f"/sys/bus/pci/devices/{CARD}"
    expect_steps(t, out, f"echo vfio-pci > {at}/driver_override", f"echo {CARD} > {at}/driver/unbind",
                 f"echo {CARD} > /sys/bus/pci/drivers_probe", "chown 77 /dev/vfio/7")
    assert t.files() == before
    report = json.loads(t.good("bind", "--dry-run", "--json", CARD, SUDO_UID="1234"))["bind"]
    assert report["dry_run"] and report["devices"] == [
        {"address": CARD, "state": "planned", "user": 1234, "driver_before": "igb", "nodes": []}]
    assert report["steps"][-1] == f"chown 1234 {t.root}/dev/vfio/7" and t.files() == before
    assert subprocess.run(["sh", "-n"], input=out, text=True).returncode == 0


def test_dry_run_leaves_out_what_needs_not_be_done(tree):
    tree.device(SECOND, driver=None, group=8)
    tree.attribute(SECOND, "driver_override", "vfio-pci\n")
    out = tree.bind("--dry-run", SECOND)
    expect_steps(tree, out, f"echo {SECOND} > /sys/bus/pci/drivers_probe", f"chown {USER} /dev/vfio/8")


def test_dry_run_where_the_module_is_not_loaded(tree):
    subprocess.run(["rm", "-r", tree.pci / "drivers/vfio-pci"], check=True)
    tree.device(SECOND)
    tree.write("dev/iommu")
    lines = tree.bind("--dry-run", CARD, SECOND).splitlines()
    assert [x for x in lines if not x.startswith("#")][0] == "modprobe vfio-pci"
    assert sum("modprobe" in x for x in lines) == 1
    node = f"{tree.root}/dev/vfio/devices/$(ls {tree.pci}/devices/{CARD}/vfio-dev)"
    assert f"chown {USER} {node}" in lines
    done = tree.run("bind", CARD, SECOND)  # no module is loaded into this machine for a made tree
    assert done.returncode == 1 and "the driver vfio-pci is not there" in done.stderr
    assert tree.driver(CARD) == "igb" and tree.records() == []


def test_dry_run_of_vfs(tree):
    tree.pf()
    out = tree.bind("--dry-run", "--vfs", "1", PF)
    at = f"/sys/bus/pci/devices/{PF}"
    lines = [x.replace(str(tree.root), "") for x in out.splitlines() if not x.startswith("#")]
    assert lines == [f"echo 0 > {at}/sriov_drivers_autoprobe", f"echo 1 > {at}/sriov_numvfs",
                     f"echo 1 > {at}/sriov_drivers_autoprobe",
                     f"echo vfio-pci > {at}/virtfn0/driver_override",
                     f"echo $(basename $(readlink {at}/virtfn0)) > /sys/bus/pci/drivers_probe",
                     f"chown {USER} /dev/vfio/$(basename $(readlink {at}/virtfn0/iommu_group))"]


# ---- refusals ----

def test_no_such_device(tree):
    tree.refused("there is no such PCI device", "lspci", "bind", "0000:77:00.0")
    tree.refused("there is no such PCI device", "lspci", "bind", "--vfs", "1", "0000:77:00.0")


def test_refuses_without_iommu(tree):
    tree.link(CARD, "iommu_group", None)
    tree.refused("the IOMMU is off", "intel_iommu=on", "bind", CARD)


def test_refuses_a_group_with_others(tree):
    tree.device(SECOND, driver="e1000e")
    tree.refused(f"{SECOND}, which is in IOMMU group 7 as well, is bound to e1000e",
                 f"sudo opae bind {CARD} {SECOND}", "bind", CARD)
    assert tree.bind("--dry-run", CARD, SECOND).count("drivers_probe") == 2


def test_refuses_a_bridge(tree):
    tree.device("0000:b0:00.0", driver="pcieport", group=3, cls=0x060400)
    tree.refused("it is a bridge", "lspci -t", "bind", "0000:b0:00.0")


def test_refuses_a_driver_that_does_not_let_go(tree):
    (tree.pci / "drivers/igb/unbind").unlink()
    tree.refused("its driver igb does not let go", "modprobe.blacklist=igb", "bind", CARD)


def test_refuses_without_driver_override(tree):
    (tree.pci / "devices" / CARD / "driver_override").unlink()
    tree.refused("no driver_override", "kernel", "bind", CARD)


def test_refuses_an_interface_that_is_up(tree):
    tree.below("net", "eth7", CARD, flags="0x1003\n")
    tree.below("net", "lo", "0000:00:00.0", flags="0x1003\n")
    tree.refused("its network interface eth7 is up", "ip link set eth7 down", "bind", CARD)
    tree.write(f"sys/devices/pci0000:b0/{CARD}/net/eth7/flags", "0x1002\n")
    assert tree.bind("--dry-run", CARD)


def test_refuses_a_card_that_a_program_drives_by_the_kernels_driver(tree):
    """dfl-pci's nodes: /dev/dfl-fme.N and /dev/dfl-port.N, by the regions below the device."""
    tree.write(f"sys/devices/pci0000:b0/{CARD}/fpga_region/region0/dfl-port.3/dev", "240:1\n")
    tree.write(f"sys/bus/pci/devices/{CARD}/fpga_region/region0/dfl-port.3/dev", "240:1\n")
    node = tree.write("dev/dfl-port.3")
    assert tree.bind("--dry-run", CARD)
    with open(node):
        tree.refused(f"process {os.getpid()} (", "end that program first", "bind", CARD)
    assert tree.bind("--dry-run", CARD)


@pytest.mark.parametrize("table,line,how", [
    ("mountinfo", "30 1 8:17 / /home rw - ext4 /dev/sdb1 rw\n", "mounted"),
    ("mountinfo", "30 1 0:33 / /home rw - btrfs /dev/sdb1 rw\n", "mounted"),
    ("swaps", "Filename Type\n/dev/sdb1 partition 1 0 -2\n", "swapped to"),
    ("holders", "", "in a volume")])
def test_refuses_a_disk_in_use(tree, table, line, how):
    tree.write("proc/self/mountinfo", "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n")
    tree.write("proc/swaps", "Filename Type\n")
    tree.below("block", "sdb", CARD, dev="8:16\n")
    tree.below("block", "sdb1", CARD, dev="8:17\n")
    assert tree.bind("--dry-run", CARD)
    if table == "holders":
        tree.write(f"sys/devices/pci0000:b0/{CARD}/block/sdb1/holders/dm-0")
    else:
        at = tree.root / ("proc/swaps" if table == "swaps" else "proc/self/mountinfo")
        at.write_text(at.read_text() + line)
    tree.refused(f"its disk sdb1 is {how}", "lsblk /dev/sdb1", "bind", CARD)


def test_refuses_an_nvme_that_is_mounted(tree):
    """Its disk does not hang below the controller, but a path to it does."""
    tree.write("proc/self/mountinfo", "22 1 259:3 / / rw - ext4 /dev/nvme1n1p2 rw\n")
    tree.write("proc/swaps", "Filename Type\n")
    tree.below("block", "nvme1c0n1", CARD, size="8\n")
    for name, dev in (("nvme1n1", "259:0"), ("nvme1n1p2", "259:3"), ("nvme1n12", "259:9")):
        tree.write(f"sys/devices/virtual/nvme-subsystem/nvme-subsys1/{name}/dev", f"{dev}\n")
        (tree.root / "sys/class/block" / name).symlink_to(
            f"../../devices/virtual/nvme-subsystem/nvme-subsys1/{name}")
    tree.refused("its disk nvme1n1p2 is mounted", "lsblk", "bind", CARD)
    tree.write("proc/self/mountinfo", "22 1 259:9 / / rw - ext4 /dev/nvme1n12 rw\n")
    assert tree.bind("--dry-run", CARD)


def test_refuses_the_console(tree):
    tree.attribute(CARD, "boot_vga", "1\n")
    tree.refused("graphics card of the console", "another card", "bind", CARD)
    tree.attribute(CARD, "boot_vga", "0\n")
    tree.below("graphics", "fb0", CARD)
    (tree.root / f"sys/devices/pci0000:b0/{CARD}/graphics/fb0").mkdir(parents=True)
    tree.refused("frame buffer fb0", "another card", "bind", CARD)


def test_refuses_what_has_vfs(tree):
    tree.pf()
    tree.attribute(PF, "sriov_numvfs", "2\n")
    tree.refused("it has 2 VFs, which would go with its driver igb", "sriov_numvfs", "bind", PF)


def test_refuses_vfs(tree):
    tree.refused("it cannot have VFs", "without --vfs", "bind", "--vfs", "1", CARD)
    tree.pf()
    tree.link(PF, "iommu_group", None)
    tree.refused("the IOMMU is off", "intel_iommu=on", "bind", "--vfs", "2", PF)
    tree.link(PF, "iommu_group", "../../../../kernel/iommu_groups/11")
    tree.refused("it can have 4 VFs, not 5", "--vfs 4", "bind", "--vfs", "5", PF)
    tree.attribute(PF, "sriov_numvfs", "3\n")
    tree.device("0000:c0:10.0", driver="e1000e", group=20)
    tree.link(PF, "virtfn0", "../0000:c0:10.0")
    tree.refused("it has 3 VFs already", "--vfs 3", "bind", "--vfs", "2", PF)
    assert "0000:c0:10.0 is bound to e1000e" in tree.run("bind", "--vfs", "2", PF).stderr
    tree.link("0000:c0:10.0", "physfn", f"../{PF}")
    tree.refused(f"a VF itself, of {PF}", "physical", "bind", "--vfs", "1", "0000:c0:10.0")


def test_refuses_vfs_of_a_pf_without_the_right_driver(tree):
    tree.pf(driver=None)
    tree.refused("without one it can have no VFs", f"opae bind {PF}", "bind", "--vfs", "1", PF)
    tree.attach(PF, "vfio-pci")
    tree.refused("enable_sriov", "parameters/enable_sriov", "bind", "--vfs", "1", PF)
    tree.write("sys/module/vfio_pci/parameters/enable_sriov", "N\n")
    tree.refused("enable_sriov", "vfio_pci enable_sriov=1", "bind", "--vfs", "1", PF)
    tree.write("sys/module/vfio_pci/parameters/enable_sriov", "Y\n")
    assert "virtfn0/iommu_group" in tree.bind("--dry-run", "--vfs", "1", PF)


def test_release_without_record(tree):
    """What is to be done by hand is what the present state needs."""
    tree.refused("there is no such PCI device", "lspci", "release", "0000:77:00.0")
    tree.refused("did not bind it, and igb has it", "opae doctor", "release", CARD)
    tree.device(SECOND, driver=None, group=8)
    tree.refused("nobody has noted how it was", f"by hand: echo {SECOND} | sudo tee /sys/bus/pci/drivers_p",
                 "release", SECOND)
    tree.attribute(SECOND, "driver_override", "vfio-pci\n")
    at = f"/sys/bus/pci/devices/{SECOND}"
    tree.refused("nobody has noted", f"by hand: echo | sudo tee {at}/driver_override; echo {SECOND} | sudo "
                 "tee /sys/bus/pci/drivers_probe", "release", SECOND)
    tree.attach(SECOND, "vfio-pci")
    tree.refused("nobody has noted", f"by hand: echo {SECOND} | sudo tee {at}/driver/unbind; echo | sudo tee "
                 f"{at}/driver_override; echo", "release", SECOND)


# ---- the whole way ----

def test_bind_and_release(kernel):
    before = {k: v for k, v in kernel.files().items() if "/root/run" not in k}
    out = kernel.bind(CARD)
    assert out == f"{CARD} is bound to vfio-pci for uid {USER}: /dev/vfio/7 (before: igb)\n"
    assert (kernel.driver(CARD), kernel.override(CARD)) == ("vfio-pci", "vfio-pci")
    st = kernel.node(CARD).stat()
    assert (st.st_uid, stat.S_IMODE(st.st_mode)) == (USER, 0o600)
    record = kernel.record(CARD)
    assert stat.S_IMODE(record.stat().st_mode) == 0o644 and json.loads(record.read_text())["driver"] == "igb"
    again = kernel.files()
    assert "bound already" in kernel.bind(CARD) and kernel.files() == again
    steps = kernel.good("release", "--dry-run", CARD)
    at = f"/sys/bus/pci/devices/{CARD}"
    expect_steps(kernel, steps, f"echo {CARD} > {at}/driver/unbind", f"echo > {at}/driver_override",
                 f"echo {CARD} > /sys/bus/pci/drivers/igb/bind")
    assert kernel.files() == again
    assert kernel.good("release", CARD) == f"{CARD} is as it was before: bound to igb\n"
    kernel.attribute(CARD, "driver_override", kernel.override(CARD) + "(null)\n")
    eventually(lambda: {k: v for k, v in kernel.files().items() if "/root/run" not in k} == before)
    assert kernel.records() == []
    assert kernel.run("release", CARD).returncode == 1


def test_device_without_driver_stays_without(kernel):
    kernel.device(SECOND, driver=None, group=8)
    assert "(before: no driver)" in kernel.bind(SECOND)
    assert "without a driver" in kernel.good("release", SECOND)
    eventually(lambda: not kernel.driver(SECOND))
    assert kernel.override(SECOND) == "" and not kernel.node(SECOND).exists()


def test_bound_by_hand_is_given_and_taken_back(tree):
    """There is no kernel in this: only the node changes."""
    tree.device(SECOND, driver="vfio-pci", group=8)
    before = tree.node(SECOND).stat()
    out = tree.bind(SECOND)
    assert "(before: vfio-pci)" in out and tree.node(SECOND).stat().st_uid == USER
    expect_steps(tree, tree.good("release", "--dry-run", SECOND),
                 *([f"chown {before.st_uid}:{before.st_gid} /dev/vfio/8"] if os.geteuid() == 0 else []))
    tree.good("release", SECOND)
    assert tree.node(SECOND).stat()[:6] == before[:6] and tree.driver(SECOND) == "vfio-pci"


def test_node_with_a_mode_of_no_use(tree):
    tree.device(SECOND, driver="vfio-pci", group=8)
    tree.node(SECOND).chmod(0o440)
    tree.bind(SECOND)
    assert stat.S_IMODE(tree.node(SECOND).stat().st_mode) == 0o640
    tree.good("release", SECOND)
    assert stat.S_IMODE(tree.node(SECOND).stat().st_mode) == 0o440


def test_node_of_the_device_itself(tree):
    """Kernels with iommufd: both nodes are given, and what /dev/iommu needs is said."""
    tree.device(SECOND, driver="vfio-pci", group=8)
    tree.attribute(SECOND, "vfio-dev/vfio3/dev", "511:3\n")
    own = tree.write("dev/vfio/devices/vfio3")
    tree.write("dev/iommu").chmod(0o660)
    user = 4322 if os.geteuid() == 0 else USER
    if os.geteuid():
        (tree.root / "dev/iommu").chmod(0o440)
    out = tree.good("bind", "--user", str(user), SECOND)
    assert "/dev/vfio/8 /dev/vfio/devices/vfio3" in out and own.stat().st_uid == user
    assert "may not open /dev/iommu" in out and "setfacl" in out and "vfio/vfio (" not in out
    (tree.root / "dev/vfio/vfio").chmod(0o600 if os.geteuid() == 0 else 0o400)
    tree.good("release", SECOND)
    assert own.stat().st_uid == os.geteuid()
    assert "may not open /dev/vfio/vfio" in tree.good("bind", "--user", str(user), SECOND)


def test_several_devices_of_a_group(kernel):
    kernel.device(SECOND, driver="e1000e")
    assert kernel.bind(CARD, SECOND).count(" is bound ") == 2
    kernel.good("release", CARD)
    assert kernel.driver(CARD) == "igb" and kernel.node(SECOND).stat().st_uid == USER
    kernel.good("release", SECOND)
    assert kernel.driver(SECOND) == "e1000e" and not kernel.node(SECOND).exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives nodes away")
def test_group_has_one_owner_and_the_last_gives_it_back(kernel):
    kernel.device(SECOND, driver="vfio-pci")
    kernel.bind(CARD)
    other = kernel.run("bind", "--user", "88", SECOND)
    assert other.returncode == 1 and f"bound for uid {USER}, by {CARD}" in other.stderr
    kernel.bind(SECOND)
    kernel.good("release", CARD)
    assert kernel.node(SECOND).stat().st_uid == USER
    kernel.good("release", SECOND)
    assert kernel.node(SECOND).stat().st_uid == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives nodes away")
@pytest.mark.parametrize("spoil", [lambda t: t.good("bind", "--user", "65534", CARD),
                                   lambda t: os.chown(t.node(CARD), 99, 0),
                                   lambda t: t.node(CARD).chmod(0o400)])
def test_owner_is_mended_and_release_leads_to_the_beginning(kernel, spoil):
    kernel.device(SECOND, driver="vfio-pci")
    os.chown(kernel.node(CARD), 12, 34)
    kernel.bind(CARD)
    spoil(kernel)
    spoilt = kernel.files()
    steps = [x for x in kernel.bind("--dry-run", CARD).splitlines() if not x.startswith("#")]
    assert len(steps) == 1 and steps[0].startswith("ch") and kernel.files() == spoilt
    assert kernel.bind(CARD) == f"{CARD} is bound to vfio-pci for uid {USER}: /dev/vfio/7 (before: igb)\n"
    st = kernel.node(CARD).stat()
    assert st.st_uid == USER and st.st_mode & 0o600 == 0o600
    record = json.loads(kernel.record(CARD).read_text())
    assert record["user"] == USER and record["nodes"][0]["uid"] == 12
    assert "bound already" in kernel.bind(CARD)
    kernel.good("release", CARD)
    st = kernel.node(SECOND).stat()
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (12, 34, 0o600)


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives nodes away")
def test_those_of_a_group_change_their_owner_together(kernel):
    kernel.device(SECOND, driver="e1000e")
    kernel.bind(CARD, SECOND)
    kernel.refused(f"bound for uid {USER}, by {SECOND}", f"--user 88 {CARD} {SECOND}", "bind", "--user",
                   "88", CARD)
    assert kernel.good("bind", "--user", "88", CARD, SECOND).count("for uid 88") == 2
    assert kernel.node(CARD).stat().st_uid == 88


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives nodes away")
def test_failed_change_of_owner_is_taken_back(kernel):
    kernel.device(SECOND, driver="e1000e", group=8)
    kernel.bind(CARD)
    kernel.refuse.add("vfio-pci")
    done = kernel.run("bind", "--user", "88", CARD, SECOND)
    assert done.returncode == 1 and done.stderr.count("it is as it was before") == 2
    assert kernel.node(CARD).stat().st_uid == USER
    assert json.loads(kernel.record(CARD).read_text())["user"] == USER


# ---- what goes wrong on the way ----

def test_failed_step_is_told_and_all_is_put_back(kernel):
    (kernel.pci / "drivers_probe").unlink()
    done = kernel.run("bind", CARD)
    assert done.returncode == 1 and "it is as it was before" in done.stderr
    assert f"writing {CARD} to {kernel.root}/sys/bus/pci/drivers_probe failed: No such file" in done.stderr
    assert kernel.driver(CARD) == "igb" and kernel.override(CARD) == "" and kernel.records() == []


def test_driver_that_does_not_come(kernel):
    kernel.device(SECOND, driver="e1000e", group=8)
    kernel.refuse.add("vfio-pci")
    done = kernel.run("bind", SECOND)
    assert done.returncode == 1 and "vfio-pci: it did not get this driver within 5 s" in done.stderr
    assert "as it was before" in done.stderr and kernel.driver(SECOND) == "e1000e"


def test_second_device_takes_the_first_back(kernel):
    kernel.device(SECOND, driver="e1000e", group=8)
    (kernel.pci / "devices" / SECOND / "driver_override").chmod(0o444)
    if os.geteuid() == 0:
        (kernel.pci / "devices" / SECOND / "driver_override").unlink()
        (kernel.pci / "devices" / SECOND / "driver_override").mkdir()
    done = kernel.run("bind", CARD, SECOND)
    assert done.returncode == 1 and done.stderr.count("as it was before") == 2
    assert kernel.driver(CARD) == "igb" and kernel.driver(SECOND) == "e1000e" and kernel.records() == []


def test_killed_in_the_middle(kernel):
    kernel.paused = True
    p = subprocess.Popen([kernel.machine.bin / "opae", "bind", CARD], stderr=subprocess.PIPE,
                         env={**kernel.machine.env, "OPAEX_DOCTOR_ROOT": str(kernel.root)})
    eventually(lambda: (kernel.pci / "drivers/igb/unbind").read_text() == CARD)
    p.send_signal(signal.SIGSTOP)  # it has 5 s for this step, which are not to pass before its end
    second = kernel.run("bind", CARD)
    assert second.returncode == 1 and "another bind or release is at work" in second.stderr
    p.send_signal(signal.SIGKILL)
    p.communicate(timeout=120)
    kernel.paused = False
    eventually(lambda: not kernel.driver(CARD))
    done = kernel.run("bind", CARD)
    assert done.returncode == 1 and "broken off" in done.stderr and f"release {CARD}" in done.stderr
    kernel.good("release", CARD)
    assert kernel.driver(CARD) == "igb" and kernel.override(CARD) == "" and kernel.records() == []


@pytest.mark.parametrize("driver,override", [(None, "vfio-pci"), (None, "(null)"), ("igb", "vfio-pci"),
                                             ("igb", "(null)"), ("vfio-pci", "vfio-pci")])
def test_release_from_wherever_it_was_broken_off(kernel, driver, override):
    kernel.bind(CARD)
    kernel.detach(CARD)
    kernel.attribute(CARD, "driver_override", override + "\n")
    if driver:
        kernel.attach(CARD, driver)
    kernel.good("release", CARD)
    assert kernel.driver(CARD) == "igb" and kernel.override(CARD) == "" and kernel.records() == []


def test_driver_that_is_gone(kernel):
    kernel.bind(CARD)
    (kernel.pci / "drivers/igb").rename(kernel.root / "igb")
    done = kernel.run("release", CARD)
    assert done.returncode == 1 and "its driver igb is not there any more" in done.stderr
    assert "modprobe igb" in done.stderr and kernel.records() == [CARD]
    (kernel.root / "igb").rename(kernel.pci / "drivers/igb")
    kernel.good("release", CARD)
    assert kernel.driver(CARD) == "igb"


# ---- records ----

def test_another_device_is_there_now(kernel):
    kernel.bind(CARD)
    kernel.attribute(CARD, "device", "0x1234\n")
    for command in ("bind", "release"):
        kernel.refused("8086:bcce; now there is 8086:1234", f"sudo rm {kernel.record(CARD)}", command, CARD)


def test_device_that_is_gone(kernel):
    kernel.bind(CARD)
    subprocess.run(["rm", "-r", kernel.pci / "devices" / CARD], check=True)
    kernel.refused("the device is gone", "sudo rm", "release", CARD)


def test_somebody_bound_another_driver(kernel):
    kernel.bind(CARD)
    kernel.detach(CARD)
    kernel.attach(CARD, "e1000e")
    kernel.refused("somebody has bound it to e1000e", "sudo rm", "release", CARD)
    kernel.refused("changed its driver (e1000e)", f"release {CARD}", "bind", "--user",
                   str(USER), CARD)


def test_record_of_another_boot(kernel):
    kernel.bind(CARD)
    kernel.write("proc/sys/kernel/random/boot_id", "boot-2\n")
    kernel.detach(CARD)
    kernel.attach(CARD, "igb")
    kernel.attribute(CARD, "driver_override", "(null)\n")
    kernel.good("release", CARD)
    assert kernel.records() == [] and kernel.driver(CARD) == "igb"


BAD_RECORDS = ["", "{", "[]", "{}", "x" * 9000, '{"schema": 1}',
               lambda r: {**r, "schema": 2}, lambda r: {**r, "address": SECOND},
               lambda r: {**r, "driver": "../../x"}, lambda r: {**r, "id": "8086"},
               lambda r: {**r, "nodes": [{"path": "/etc/passwd", "uid": 0, "gid": 0, "mode": 0}]},
               lambda r: {**r, "nodes": [{**r["nodes"][0], "path": "/dev/vfio/../mem"}]},
               lambda r: {**r, "nodes": r["nodes"] * 3}, lambda r: {**r, "user": -1},
               lambda r: {**r, "driver_override": "y" * 64}, lambda r: {**r, "nodes": [7]}]


@pytest.mark.parametrize("number", range(len(BAD_RECORDS)))
def test_record_that_is_none(kernel, number):
    kernel.bind(CARD)
    bad = BAD_RECORDS[number]
    record = json.loads(kernel.record(CARD).read_text())
    kernel.record(CARD).write_text(bad if isinstance(bad, str) else json.dumps(bad(record)))
    kernel.refused(str(kernel.record(CARD)), "sudo rm", "release", CARD)
    assert kernel.driver(CARD) == "vfio-pci"


def test_record_that_others_can_write(kernel):
    kernel.bind(CARD)
    kernel.record(CARD).chmod(0o666)
    kernel.refused("can be written by others", "sudo rm", "release", CARD)
    kernel.record(CARD).unlink()
    kernel.record(CARD).symlink_to("/dev/null")
    assert kernel.run("release", CARD).returncode == 1


def test_folder_that_others_can_write(tree):
    tree.write("run/opae/bind/x").parent.chmod(0o777)
    done = tree.run("bind", CARD)
    assert done.returncode == 1 and "no folder that root alone can write to" in done.stderr
    assert tree.driver(CARD) == "igb" and not tree.record(CARD).exists()


# ---- who has it open ----

def test_release_while_a_process_has_it(kernel):
    kernel.bind(CARD)
    with open(kernel.node(CARD)):
        kernel.refused(f"process {os.getpid()} (", "end it", "release", CARD)
    kernel.good("release", CARD)


# ---- VFs ----

@pytest.mark.parametrize("driver", ["igb", "vfio-pci"])
def test_vfs(kernel, driver):
    kernel.pf(driver=driver)
    kernel.write("sys/module/vfio_pci/parameters/enable_sriov", "Y\n")
    out = kernel.bind("--vfs", "2", PF)
    vfs = ["0000:c0:10.0", "0000:c0:10.1"]
    assert out.count("is bound to vfio-pci") == 2 and ("VF token" in out) == (driver == "vfio-pci")
    assert "before" not in out  # they were not there
    for vf in vfs:
        assert kernel.driver(vf) == "vfio-pci" and kernel.node(vf).stat().st_uid == USER
    assert kernel.driver(PF) == driver and kernel.records() == [PF, *vfs]
    at = kernel.pci / "devices" / PF
    assert (at / "sriov_drivers_autoprobe").read_text().strip() == "1"
    assert kernel.bind("--vfs", "2", PF).count("bound already") == 2
    kernel.refused("it has 2 VFs already", "--vfs 2", "bind", "--vfs", "1", PF)
    with open(kernel.node(vfs[1])):
        kernel.refused(f"{vfs[1]}: process", "end it", "release", PF)
    kernel.good("release", vfs[0])
    assert kernel.records() == [PF, vfs[1]]
    kernel.good("release", PF)
    eventually(lambda: not (kernel.pci / "devices" / vfs[0]).exists())
    assert kernel.records() == [] and kernel.driver(PF) == driver
    assert (at / "sriov_numvfs").read_text().strip() == "0"


def test_vfs_of_a_pf_that_is_bound_too(kernel):
    kernel.pf()
    kernel.write("sys/module/vfio_pci/parameters/enable_sriov", "Y\n")
    kernel.bind(PF)
    kernel.bind("--vfs", "1", PF)
    assert kernel.records() == [PF, "0000:c0:10.0"]
    if os.geteuid() == 0:
        assert "for uid 88" in kernel.good("bind", "--vfs", "1", "--user", "88", PF)
        assert kernel.node("0000:c0:10.0").stat().st_uid == 88 and kernel.node(PF).stat().st_uid == USER
    assert kernel.records() == [PF, "0000:c0:10.0"] and kernel.driver("0000:c0:10.0") == "vfio-pci"
    kernel.good("release", PF)
    assert kernel.driver(PF) == "igb" and kernel.records() == []


def test_vfs_that_were_there_before_stay(kernel):
    kernel.pf()
    kernel.attribute(PF, "sriov_numvfs", "1\n")
    eventually(lambda: (kernel.pci / "devices" / PF / "virtfn0").is_symlink())
    assert "(before: no driver)" in kernel.bind("--vfs", "1", PF)
    assert kernel.driver("0000:c0:10.0") == "vfio-pci"
    kernel.good("release", PF)
    eventually(lambda: not kernel.driver("0000:c0:10.0"))
    assert kernel.records() == [] and (kernel.pci / "devices/0000:c0:10.0").exists()


def test_vfs_that_cannot_be_bound_go_again(kernel):
    kernel.pf()
    kernel.refuse.add("vfio-pci")
    done = kernel.run("bind", "--vfs", "1", PF)
    assert done.returncode == 1 and "its VFs are as they were before" in done.stderr
    eventually(lambda: not (kernel.pci / "devices/0000:c0:10.0").exists())
    assert kernel.records() == [] and kernel.driver(PF) == "igb"


def test_release_leaves_another_number_of_vfs_alone(kernel):
    """Somebody has removed those of bind, and made others."""
    kernel.pf()
    kernel.bind("--vfs", "2", PF)
    kernel.attribute(PF, "sriov_numvfs", "0\n")
    eventually(lambda: not (kernel.pci / "devices" / PF / "virtfn0").is_symlink())
    kernel.attribute(PF, "sriov_numvfs", "1\n")
    eventually(lambda: (kernel.pci / "devices" / PF / "virtfn0").is_symlink())
    kernel.refused("1 VFs that `opae bind` did not make", "sriov_numvfs", "release", PF)
    kernel.attribute(PF, "sriov_numvfs", "0\n")
    eventually(lambda: not (kernel.pci / "devices" / PF / "virtfn0").is_symlink())
    kernel.good("release", PF)
    assert kernel.records() == []


def test_json_of_both(kernel):
    bound = json.loads(kernel.bind("--json", CARD))
    assert bound["schema"] == 1 and not bound["bind"]["dry_run"]
    assert bound["bind"]["devices"] == [{"address": CARD, "state": "bound", "user": USER,
                                         "driver_before": "igb", "nodes": ["/dev/vfio/7"]}]
    assert len(bound["bind"]["steps"]) >= 3 and bound["bind"]["notes"] == []
    released = json.loads(kernel.good("release", "--json", CARD))["release"]
    assert released["devices"] == [{"address": CARD, "state": "released", "driver": "igb"}]


def test_release_leaves_vfs_of_others_alone(kernel):
    kernel.pf()
    kernel.bind(PF)
    kernel.attribute(PF, "sriov_numvfs", "1\n")
    eventually(lambda: (kernel.pci / "devices" / PF / "virtfn0").is_symlink())
    kernel.refused("1 VFs that `opae bind` did not make", "sriov_numvfs", "release", PF)
