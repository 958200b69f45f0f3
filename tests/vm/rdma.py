# SPDX-License-Identifier: BSD-3-Clause
"""RDMA in a guest without hardware: soft RoCE, by Debian's kernel module rdma_rxe.

libfabric is this machine's. What its provider verbs opens for such a device, and the tool that makes one
of a network device, are unpacked into the cache, from packages of this machine's release, to fit it."""
import json
import shlex
import shutil
import subprocess

import fetch
import unpack

PACKAGES = ["ibverbs-providers", "iproute2"]
LIBFABRIC = f"/{unpack.LIBS}/libfabric.so.1"
ADDRESS = "10.8.0.1"
DEVICE = "dummy0"


def make(work):
    suite = fetch.release()
    fetch.say(f"fetching what provider verbs needs from Debian's {suite} (once)")
    debian, _ = fetch.mirrors(suite)
    apt = fetch.Apt(work / "apt", [f"{debian} {suite} main"])
    plan = apt.plan(*PACKAGES)
    for deb in apt.download(plan):
        subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
    unpack.program_bundle(work / "root", next((work / "root").glob("**/bin/rdma")), work / "out")
    (work / "out/verbs").mkdir()
    for file in (work / "root" / unpack.LIBS / "libibverbs").glob("librxe-*.so"):
        shutil.copyfile(file, work / "out/verbs" / file.name)
    (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
    return plan["ibverbs-providers"], work / "out"


def bundle():
    return fetch.made("rdma", fetch.recipe("rdma", fetch.release(), PACKAGES, 1), make)


def tool():
    """What a shell in the guest calls iproute2's rdma by."""
    return shlex.join(unpack.in_place(bundle(), "rdma"))


def install(m, device=DEVICE, address=ADDRESS):
    """Gives machine m, which has rdma=True, the libraries, and an RDMA device, of that network device, at
    this address."""
    folder = bundle()
    for name, to in (("bin", f"{folder}/bin"), ("lib", f"{folder}/lib"),
                     ("verbs", f"/{unpack.LIBS}/libibverbs")):
        for file in (folder / name).iterdir():
            m.image.text(f"{to}/{file.name}", file.read_bytes(), 0o755)
    m.include(LIBFABRIC)
    m.image.text("/etc/libibverbs.d/rxe.driver", "driver rxe\n")
    m.sh("rdma", f"ip addr add {address}/24 dev {device}; ip link set {device} mtu 4500 up\n"
         f"{tool()} link add rxe0 type rxe netdev {device}\n"
         "test -c /dev/infiniband/uverbs0; test -c /dev/infiniband/rdma_cm")
