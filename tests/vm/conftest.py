# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures for tests that boot a kernel.

OPAE_BUILD names the build tree, OPAEX_VM_KERNEL the kernel (stock, iommufd). Where there can be no
rig the tests are skipped, with the reason; OPAEX_VM=require makes that a failure."""
import functools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import dfl  # noqa: E402
import fetch  # noqa: E402
import rdma  # noqa: E402
import rig  # noqa: E402
import udev  # noqa: E402
import vsock  # noqa: E402

KERNEL = os.environ.get("OPAEX_VM_KERNEL", "stock")


def need(what, *makers):
    """Calls them one after the other, or skips."""
    try:
        for maker in makers:
            maker()
    except fetch.Unavailable as e:
        if os.environ.get("OPAEX_VM") == "require":
            raise
        pytest.skip(f"{what}: {e}")


@pytest.fixture(scope="session")
def vm():
    """Machine, if it can run here."""
    need("no virtual machine", fetch.qemu, fetch.KERNELS[KERNEL])
    return rig.Machine


@pytest.fixture(scope="session")
def dfl_vm(vm):
    """The same, if its kernel can have the DFL driver: Machine(dfl=True)."""
    if KERNEL != "stock":
        pytest.skip(f"the DFL driver is built for Debian's kernel alone, not for {KERNEL}")
    need("no DFL driver", lambda: dfl.modules(fetch.stock_kernel()))
    return vm


@pytest.fixture(scope="session")
def vsock_vm(vm):
    """The same, if it can have a vsock with this machine: Machine(vsock=CID)."""
    if KERNEL != "stock":
        pytest.skip(f"vsock is tested with Debian's kernel alone, not with {KERNEL}")
    need("no vsock", vsock.program)
    return vm


@pytest.fixture(scope="session")
def rdma_vm(vm):
    """The same with soft RoCE, for rdma.install(): Machine(rdma=True)."""
    if KERNEL != "stock":
        pytest.skip(f"RDMA is tested with Debian's kernel alone, not with {KERNEL}")
    if not (rig.BUILD / "tests/unit/test_fabric").exists():
        pytest.skip("this build has no fabric")
    need("no RDMA", rdma.bundle)
    return functools.partial(vm, rdma=True)


@pytest.fixture(scope="session")
def tracking_rdma_vm(rdma_vm, tracking_vm):
    """The same with Debian's newest kernel for this rig, for what goes by RDMA is tracked mostly."""
    del rdma_vm  # it has looked whether it can be
    return functools.partial(tracking_vm, rdma=True)


@pytest.fixture(scope="session")
def with_udev():
    """udev can be had, for a guest whose test wants it."""
    need("no udev", udev.bundle)


@pytest.fixture(scope="session")
def tracking_vm(vm):
    """The same with a kernel that can track pages: Debian's newest for this rig, or the own one."""
    if KERNEL != "stock":
        return vm
    need("no newest kernel", fetch.newest_kernel)
    return functools.partial(rig.Machine, kernel="newest")
