# SPDX-License-Identifier: BSD-3-Clause
"""The kernel's own driver of FPGA cards (drivers/fpga, DFL), which Debian's kernels leave out.

It is built from the source package of the very version that the rig boots, beside the unpacked headers of
that kernel. Nothing is patched."""
import json
import os
import re
import shutil
import subprocess

import fetch
import unpack
from fetch import Unavailable

# In the order in which they are loaded; dfl-pci, which takes the cards, comes last. uio is Debian's too,
# but its package need not be fetched again for it.
MODULES = ["fpga-mgr", "fpga-bridge", "fpga-region", "dfl", "dfl-fme-mgr", "dfl-fme-br", "dfl-fme-region",
           "dfl-fme", "dfl-afu", "uio", "uio_dfl", "dfl-pci"]
SOURCES = ["drivers/fpga", "drivers/uio/uio.c", "drivers/uio/uio_dfl.c"]
OPTIONS = ["FPGA", "FPGA_BRIDGE", "FPGA_REGION", "FPGA_DFL", "FPGA_DFL_FME", "FPGA_DFL_FME_MGR",
           "FPGA_DFL_FME_BRIDGE", "FPGA_DFL_FME_REGION", "FPGA_DFL_AFU", "FPGA_DFL_PCI"]
TOOLS = ["make", "gcc", "ld", "strip", "xz"]


def headers(apt, image, version, root):
    """Unpacks the kernel's headers and the tools that go with them; returns the folder to build from."""
    name = image.replace("linux-image-", "linux-headers-")
    plan = apt.plan(f"{name}={version}")
    wanted = [f"{n}={v}" for n, v in plan.items() if re.match("linux-(headers|kbuild)-", n)]
    for deb in apt.download(wanted):
        subprocess.run(["dpkg-deb", "-x", deb, root], check=True)
    folder = root / "usr/src" / name
    top = folder / "Makefile"  # names the common headers by where they would be installed
    top.write_text(top.read_text().replace("/usr/src/", f"{root}/usr/src/"))
    return folder


def source(apt, image, version, folder):
    package = "linux-source-" + re.match(r"linux-image-(\d+\.\d+)", image)[1]
    apt.download([f"{package}={version}"])
    unpack.source_files(next((apt.root / "debs").glob(f"{package}_*.deb")), SOURCES, folder)


def build(folder, tree, out):
    """One folder for all of them, with the kernel's own list of what each is made of."""
    work = tree / "build"
    work.mkdir()
    for path in [*tree.glob("drivers/*/*.[ch]"), tree / "drivers/fpga/Makefile"]:
        shutil.copy(path, work / path.name)
    with open(work / "Makefile", "a") as f:
        f.write("\nobj-m += uio.o uio_dfl.o\n")
    command = ["nice", "-n", "19", "make", f"-j{len(os.sched_getaffinity(0))}", "-C", folder, f"M={work}",
               "CC=gcc", *(f"CONFIG_{o}=m" for o in OPTIONS), "modules"]
    done = subprocess.run(command, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode:
        raise RuntimeError("the DFL driver's build failed:\n" + done.stdout[-3000:])
    out.mkdir()
    for number, name in enumerate(MODULES):
        subprocess.run(["strip", "-g", "-o", out / f"{number:02}-{name}.ko", work / f"{name}.ko"], check=True)


def modules(kernel):
    """The folder of the modules for a kernel of fetch.stock_kernel(), named in the order to load them."""
    (image, version), = json.loads((kernel / "versions.json").read_text()).items()
    if not image.startswith("linux-image-"):
        raise Unavailable(f"the DFL driver is built for Debian's kernels alone, this is {image}")

    def make(work):
        missing = [t for t in TOOLS if not shutil.which(t)]
        if missing:
            raise Unavailable(f"the DFL driver cannot be built, there is no {', '.join(missing)}")
        fetch.say(f"fetching the source of Debian's kernel {version}, and building its DFL driver (once)")
        apt = fetch.Apt(work / "apt", fetch.bookworm())
        try:
            folder = headers(apt, image, version, work / "root")
            source(apt, image, version, work / "src")
        except Unavailable as e:
            raise Unavailable(f"{e}; if {version} is no longer there, tests/vm/fetch.py --renew gets "
                              "a newer kernel") from e
        build(folder, work / "src", work / "out")
        return version, work / "out"

    return fetch.made("dfl", fetch.recipe("dfl", image, version, MODULES, OPTIONS, 1), make)
