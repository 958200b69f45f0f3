# SPDX-License-Identifier: BSD-3-Clause
"""opae doctor and a card that the kernel's FPGA driver has, or should have: on made trees."""
import json
import os
import subprocess

import pytest
from test_doctor import CARD, Sysfs, config, diagnose, may_all, right, uid, wrong

PORT, FME = "dfl-port.0", "dfl-fme.0"
MODULES = f"lib/modules/{os.uname().release}/modules.dep"


class Dfl(Sysfs):
    """A card with an engine and a port, as the driver shows it; nothing is wrong."""

    def __init__(self, machine):
        super().__init__(machine)
        self.link(CARD, "driver", "../../drivers/dfl-pci")
        self.region = f"sys/devices/pci0000:b0/{CARD}/fpga_region/region0"
        self.part(FME, "dfl-fme")
        self.part(PORT, "dfl-port")
        self.write(f"{self.region}/{FME}/ports_num", "1\n")
        for part in ("mgr.1", "bridge.2", "region.3"):
            self.driver(f"{FME}/dfl-fme-{part}", "dfl-fme-x")
        self.classes = self.root / "sys/class/fpga_region"
        self.classes.mkdir(parents=True)
        (self.classes / "region0").symlink_to(f"../../devices/pci0000:b0/{CARD}/fpga_region/region0")
        self.write("sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "12")

    def driver(self, part, name):
        path = self.root / self.region / part
        path.mkdir(parents=True, exist_ok=True)
        (path / "driver").symlink_to(f"../../bus/platform/drivers/{name}")

    def part(self, name, driver):
        self.driver(name, driver)
        self.write(f"dev/{name}").chmod(0o666)

    def remove(self, path):
        subprocess.run(["rm", "-rf", self.root / path], check=True)


@pytest.fixture
def dfl(machine):
    return Dfl(machine)


@pytest.fixture
def shown(machine, dfl):
    """The card is shown, for an emulated one plays it; and there is the plugin for the driver."""
    path = machine.start()
    env = config(machine, {"sockets": [{"path": str(path), "address": CARD}]})
    whole = json.loads(open(env["LIBOPAE_CFGFILE"], encoding="ascii").read())
    whole["plugins"].append("xfpga")
    whole["configurations"]["xfpga"] = {"enabled": True, "plugin": "libxfpga.so", "configuration": {}}
    return machine.config(json.dumps(whole))


def alone(machine):
    """The plugin for the driver, and no other."""
    return machine.config(json.dumps({"plugins": ["xfpga"], "configurations": {"xfpga": {
        "enabled": True, "plugin": "libxfpga.so", "configuration": {}}}}))


def notes(machine, env):
    _, subjects, _ = diagnose(machine, CARD, env=env)
    return {s["step"]: s["text"] for s in subjects[CARD]["steps"] if s["result"] == "note"}


def test_all_well(machine, shown):
    steps = right(machine, CARD, env=shown)
    assert list(steps) == ["id", "driver", "region", "modules", "permission", "memlock", "huge pages",
                           "plugin", "token"]
    assert steps["driver"] == "dfl-pci" and steps["region"] == f"{FME}, {PORT}"
    assert '"xfpga" serves it' in steps["plugin"] and steps["huge pages"].startswith("12 of 64")


# ---- the driver ----

def test_no_driver(machine, dfl, shown):
    """What can take the card is told, and how; a module that the kernel has not is not proposed."""
    dfl.link(CARD, "driver", None)
    s, _ = wrong(machine, CARD, "driver", "no driver is bound", f"sudo opae bind {CARD}", env=shown)
    assert "dfl-pci" not in s["fix"]
    dfl.write(MODULES, "kernel/drivers/vfio/pci/vfio-pci.ko:\nkernel/drivers/fpga/dfl-pci.ko: kernel/a.ko\n")
    s, _ = wrong(machine, CARD, "driver", "vfio-pci is not loaded, nor is dfl-pci", "sudo modprobe dfl-pci",
                 env=shown)
    assert s["fix"].startswith(f"sudo opae bind {CARD}   # or")
    s, _ = wrong(machine, CARD, "driver", "nor is dfl-pci", "sudo modprobe dfl-pci", env=alone(machine))
    assert s["fix"].startswith("sudo modprobe dfl-pci ")
    (dfl.root / "sys/bus/pci/drivers/dfl-pci").mkdir(parents=True)
    s, _ = wrong(machine, CARD, "driver", "no driver is bound",
                 f"echo {CARD} | sudo tee /sys/bus/pci/drivers/dfl-pci/bind", env=alone(machine))
    assert "nor is" not in s["wrong"]


def test_no_driver_and_no_iommu(machine, dfl, shown):
    """vfio-pci is of no use then, the kernel's driver is."""
    dfl.link(CARD, "driver", None)
    dfl.link(CARD, "iommu_group", None)
    wrong(machine, CARD, "IOMMU", "the IOMMU is off", "intel_iommu=on", env=shown)
    dfl.write(MODULES, "kernel/drivers/fpga/dfl_pci.ko.xz: kernel/a.ko\nkernel/vfio-pci.ko:\n")
    s, _ = wrong(machine, CARD, "driver", "no driver is bound", "sudo modprobe dfl-pci", env=shown)
    assert "opae bind" not in s["fix"]


def test_kernel_without_vfio(machine, dfl, shown):
    dfl.link(CARD, "driver", None)
    dfl.write(MODULES, "kernel/drivers/fpga/dfl-pci.ko: kernel/a.ko\n")
    wrong(machine, CARD, "module", "has no module vfio-pci", "sudo modprobe dfl-pci", env=shown)


def test_another_driver(machine, dfl, shown):
    dfl.link(CARD, "driver", "../../drivers/uio_pci_generic")
    (dfl.root / "sys/bus/pci/drivers/dfl-pci").mkdir(parents=True)
    wrong(machine, CARD, "driver", "uio_pci_generic is bound",
          f"{CARD}/driver/unbind /sys/bus/pci/drivers/dfl-pci/", env=alone(machine))


def test_card_that_the_driver_does_not_know(machine, dfl, shown):
    dfl.device("0000:b2:00.0", ids=(0x1C2C, 0x1000, 0, 0), driver=None, group=8)
    (dfl.root / "sys/bus/pci/drivers/dfl-pci").mkdir(parents=True)
    _, subjects, _ = diagnose(machine, env=shown)
    assert subjects["0000:b2:00.0"]["fix"] == "sudo opae bind 0000:b2:00.0"


# ---- what the driver made of it ----

def test_no_class(machine, dfl, shown):
    dfl.remove("sys/class/fpga_region")
    wrong(machine, CARD, "region", "/sys/class/fpga_region is missing", "sudo modprobe fpga-region",
          env=shown)


def test_nothing_below_the_card(machine, dfl, shown):
    dfl.remove("sys/class/fpga_region/region0")
    wrong(machine, CARD, "region", "neither a management engine nor a port", "sudo dmesg", env=shown)


@pytest.mark.parametrize("part,module", [(FME, "dfl-fme"), (PORT, "dfl-afu")])
def test_module_missing(machine, dfl, shown, part, module):
    dfl.remove(f"{dfl.region}/{part}/driver")
    wrong(machine, CARD, "modules", f"no driver has {part}: the module {module}", f"sudo modprobe {module}",
          env=shown)


def test_modules_for_reconfiguration_missing(machine, dfl, shown):
    """Everything else works without them."""
    dfl.remove(f"{dfl.region}/{FME}/dfl-fme-mgr.1/driver")
    dfl.remove(f"{dfl.region}/{FME}/dfl-fme-region.3/driver")
    text = notes(machine, shown)["modules"]
    assert "dfl-fme-mgr.1, dfl-fme-region.3" in text or "dfl-fme-region.3, dfl-fme-mgr.1" in text
    assert "sudo modprobe -a dfl-fme-mgr dfl-fme-br dfl-fme-region" in text


def test_port_released(machine, dfl, shown):
    dfl.write(f"{dfl.region}/{FME}/ports_num", "3\n")
    assert "2 of its 3 ports are released: fpgaAssignPort" in notes(machine, shown)["ports"]
    dfl.write(f"sys/bus/pci/devices/{CARD}/sriov_numvfs", "2\n")
    assert "2 VFs" in notes(machine, shown)["ports"]
    dfl.write(f"sys/bus/pci/devices/{CARD}/sriov_numvfs", "0\n")
    dfl.remove(f"{dfl.region}/{PORT}")
    s, _ = wrong(machine, CARD, "ports", "all of its 3 ports are released", "dfl-pci/bind", env=shown)
    assert f"echo {CARD} | sudo tee" in s["fix"]
    dfl.write(f"{dfl.region}/{FME}/ports_num", "1\n")
    wrong(machine, CARD, "ports", "its port is released", "dfl-pci/bind", env=shown)
    for text in ("", "many\n", "-1\n", "1000000\n"):
        dfl.write(f"{dfl.region}/{FME}/ports_num", text)
        assert "ports" not in right(machine, CARD, env=shown)


def test_virtual_function(machine, dfl, shown):
    """It has a port, and no engine."""
    dfl.remove(f"{dfl.region}/{FME}")
    assert right(machine, CARD, env=shown)["region"] == PORT


# ---- nodes ----

@pytest.mark.parametrize("node", [FME, PORT])
def test_node_missing(machine, dfl, shown, node):
    dfl.remove(f"dev/{node}")
    s, _ = wrong(machine, CARD, "node", f"/dev/{node} is missing",
                 f"udevadm trigger --sysname-match={node}", env=shown)
    assert f"--device /dev/{node}" in s["fix"]


def test_port_that_is_closed(machine, dfl, shown):
    (dfl.root / "dev" / PORT).chmod(0o640)
    if may_all(machine):
        assert right(machine, CARD, env=shown)["permission"] == "you may open its ports"
        return
    s, _ = wrong(machine, CARD, "permission", f"/dev/{PORT} is of uid {os.geteuid()}, gid",
                 f"sudo chown {uid(machine)} /dev/{PORT}", env=shown)
    assert f"mode 0640, and you are uid {uid(machine)}" in s["wrong"] and "70-opae-dfl.rules" in s["fix"]


def test_engine_that_is_closed(machine, dfl, shown):
    """Accelerators are open all the same."""
    (dfl.root / "dev" / FME).chmod(0)
    if may_all(machine):
        assert "permission" not in notes(machine, shown)
        return
    text = notes(machine, shown)["permission"]
    assert f"/dev/{FME} is of uid" in text and f"sudo chown {uid(machine)} /dev/{FME}" in text


def test_holder(machine, dfl, shown):
    """That a process has it open can be seen; whether alone cannot."""
    dfl.write(f"sys/bus/pci/devices/{CARD}/fpga_region/region0/{PORT}/dev", "240:1\n")
    node = dfl.root / "dev" / PORT
    assert "holder" not in notes(machine, shown)
    who = {"user": machine.user.pw_uid, "group": machine.user.pw_gid} if machine.user else {}
    with open(node, "rb") as f:
        p = subprocess.Popen(["/bin/sleep", "60"], stdin=f, **who)
    try:
        text = notes(machine, shown)["holder"]
    finally:
        p.kill()
        p.wait()
    assert text.startswith(f"process {p.pid} (sleep) has it open")


# ---- memory, and the plugin ----

def test_hugepages(machine, dfl, shown):
    at = "sys/kernel/mm/hugepages/hugepages-2048kB"
    dfl.write(f"{at}/free_hugepages", "0\n")
    text = notes(machine, shown)["huge pages"]
    assert "none of 2 MiB is free (64 are reserved)" in text and "echo 128 | sudo tee" in text
    dfl.remove("sys/kernel/mm")
    assert "echo 64 | sudo tee /proc/sys/vm/nr_hugepages" in notes(machine, shown)["huge pages"]


def test_no_plugin(machine, dfl):
    env = config(machine, {})
    s, _ = wrong(machine, CARD, "plugin", "libxfpga.so", f"sudo opae bind {CARD}", env=env)
    assert "kernel's FPGA driver" in s["wrong"] and env["LIBOPAE_CFGFILE"] in s["fix"]


def test_not_shown(machine, dfl):
    """Every step is right here, but the library looks at this machine."""
    env = alone(machine)
    code, subjects, _ = diagnose(machine, env=env)
    assert code == 1 and "fpgaEnumerate shows nothing" in subjects[CARD]["wrong"]


def test_odd_trees(machine, dfl, shown):
    """Links that lead nowhere, names that are none, files for folders: what is right is told all the same."""
    (dfl.classes / "region1").symlink_to("nowhere")
    (dfl.classes / "region2").write_text("")
    dfl.write(f"{dfl.region}/dfl-port.x")
    dfl.write(f"{dfl.region}/dfl-port.99999999999999999999")
    assert right(machine, CARD, env=shown)["region"] == f"{FME}, {PORT}"
    dfl.remove(f"{dfl.region}/{PORT}")
    dfl.write(f"{dfl.region}/{PORT}")
    wrong(machine, CARD, "modules", f"no driver has {PORT}", "modprobe dfl-afu", env=shown)
