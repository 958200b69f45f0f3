# SPDX-License-Identifier: BSD-3-Clause
"""vsock between a guest and this machine, without the host's kernel: a process plays the device.

It is Debian's vhost-device-vsock, unpacked into the cache and run in place beside QEMU. For a guest that
connects to CID 2, port P it connects to the unix socket `vsock_P` in the machine's folder."""
import json
import shutil
import subprocess
import time

import fetch
import unpack

SUITE = "forky"
PACKAGE = "vhost-device-vsock"


def make(work):
    fetch.say(f"fetching {PACKAGE} from Debian's {SUITE} (once)")
    debian, _ = fetch.mirrors(fetch.release())
    # This suite's list of packages may be older than it says it should be.
    apt = fetch.Apt(work / "apt", [f"{debian} {SUITE} main"], extra={"Acquire::Check-Valid-Until": "false"})
    plan = apt.plan(PACKAGE)
    for deb in apt.download(plan):
        subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
    unpack.program_bundle(work / "root", "usr/bin/vhost-device-vsock", work / "out")
    (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
    return plan[PACKAGE], work / "out"


def program():
    return fetch.made("vsock", fetch.recipe("vsock", SUITE, 1), make)


def start(folder, cid, leash):
    """The process, when QEMU can connect to it at folder/vhu.sock."""
    bundle = program()
    log = open(folder / "vsock.log", "w")
    p = subprocess.Popen([*leash, bundle / "lib" / unpack.LOADER, "--library-path", bundle / "lib",
                          bundle / "bin/vhost-device-vsock", "--guest-cid", str(cid),
                          "--socket", folder / "vhu.sock", "--uds-path", folder / "vsock"],
                         stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 10
    while not (folder / "vhu.sock").exists():  # it says nothing when it listens
        if p.poll() is not None or time.monotonic() > end:
            p.kill()
            raise RuntimeError(f"{PACKAGE} did not start: {(folder / 'vsock.log').read_text()}")
        time.sleep(0.02)
    return p


def arguments(folder):
    """QEMU's; its memory is shared anyway."""
    return ["-chardev", f"socket,id=vsock,path={folder}/vhu.sock",
            "-device", "vhost-user-vsock-pci,chardev=vsock,addr=0x5"]


def available():
    return shutil.which("setpriv") and program()
