# SPDX-License-Identifier: BSD-3-Clause
"""opae bind and opae release on real devices: edu, and igb with virtual functions."""
import os

from rig import BUILD, HERE


def test_bind_and_release(vm):
    """The script leaves each device as it found it; without a module where vfio-pci is part of the kernel."""
    m = vm(edu=True, igb=True)
    m.include(BUILD / "tools/opae", BUILD / "lib/opae", BUILD / "plugins/vfio/libv-opae.so")
    m.image.text("/bind.sh", (HERE / "guest/bind.sh").read_text())
    stock = os.environ.get("OPAEX_VM_KERNEL", "stock") == "stock"
    module = "/rig/modules/*-vfio_pci.ko" if stock else ""
    m.sh("bind", f"exec /bin/sh /bind.sh {m.address('edu')} {m.address('igb')} {module}",
         env={"PATH": f"{BUILD}/tools:/bin"}, limit_s=90)
    assert "FAILED" not in m.run()["bind"].good()
