# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures for tests that boot a kernel.

OPAE_BUILD names the build tree, OPAEX_VM_KERNEL the kernel (stock, iommufd). Where there can be no
rig the tests are skipped, with the reason; OPAEX_VM=require makes that a failure."""
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import fetch  # noqa: E402
import rig  # noqa: E402


@pytest.fixture(scope="session")
def vm():
    """Machine, if it can run here."""
    try:
        fetch.qemu()
        fetch.KERNELS[os.environ.get("OPAEX_VM_KERNEL", "stock")]()
    except fetch.Unavailable as e:
        if os.environ.get("OPAEX_VM") == "require":
            raise
        pytest.skip(f"no virtual machine: {e}")
    return rig.Machine
