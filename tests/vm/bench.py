#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""What v-opae costs on a device behind the kernel's vfio-pci, beside the bare means, and the local plugin
on a card behind the kernel's FPGA driver, beside v-opae: prints the tables that docs/benchmark.md explains.
It passes no judgement; OPAEX_VM_KERNEL=iommufd takes the other kernel."""
import json
import os

from rig import BUILD, Machine

GUID = "6564752d-0000-4000-8000-000000000000"


def configuration(way):
    device = {"device": "1234:11e8", "guid": GUID}
    return json.dumps({"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so",
        "configuration": {"sockets": [], "devices": [device], "kernel": way}}}})


def table(way, hugepages):
    m = Machine(edu=True, hugepages=hugepages)
    m.bind("edu", owner=1000)
    m.include(BUILD / "lib/opae", BUILD / "plugins/vfio/libv-opae.so")
    if way == "iommufd":
        m.sh("iommu", "chown 1000 /dev/iommu")
    m.image.text("/opae.cfg", configuration(way))
    m.add("bench", [BUILD / "tests/vm/guest/vm-bench-edu"], env={"LIBOPAE_CFGFILE": "/opae.cfg"}, uid=1000,
          limit_s=120, limits={"memlock": 256 << 20})
    return m.run()["bench"].good()


def drivers():
    """Two like cards, the one with the FPGA driver and the other with vfio-pci."""
    card = {"board": "a10", "mmio": "map"}
    m = Machine(cards={"dfl": card, "vfio": card}, dfl=True)
    m.bind("dfl", driver="dfl-pci", owner=1000)
    m.bind("vfio", owner=1000)
    m.include(BUILD / "lib/opae", BUILD / "plugins/vfio/libv-opae.so", BUILD / "plugins/local/libxfpga.so")
    m.add("bench", [BUILD / "tests/vm/guest/vm-bench-dfl"], uid=1000, limit_s=120)
    return m.run()["bench"].good()


def main():
    ways = ["group", "iommufd"] if os.environ.get("OPAEX_VM_KERNEL") == "iommufd" else ["group"]
    for way in ways:
        for pages in (0, 48):
            print(f"way: {way}; huge pages: {pages}\n{table(way, pages)}")
    if ways == ["group"]:
        print(f"two drivers\n{drivers()}")


if __name__ == "__main__":
    main()
