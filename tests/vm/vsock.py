# SPDX-License-Identifier: BSD-3-Clause
"""vsock between a guest and this machine, without the host's kernel: a process plays the device.

It is Debian's vhost-device-vsock, unpacked into the cache and run in place beside QEMU. For a guest that
connects to CID 2, port P it connects to the unix socket `vsock_P` in the machine's folder."""
import shutil
import subprocess
import time

import fetch
import unpack

PROGRAM = "vhost-device-vsock"


def program():
    # This suite's list of packages may be older than it says it should be.
    return fetch.program("vsock", "forky", PROGRAM, f"usr/bin/{PROGRAM}",
                         {"Acquire::Check-Valid-Until": "false"})


def start(folder, cid, leash):
    """The process, when QEMU can connect to it at folder/vhu.sock."""
    with open(folder / "vsock.log", "w") as log:
        p = subprocess.Popen([*leash, *unpack.in_place(program(), PROGRAM), "--guest-cid", str(cid),
                              "--socket", folder / "vhu.sock", "--uds-path", folder / "vsock"],
                             stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    end = time.monotonic() + 60
    while not (folder / "vhu.sock").exists():  # it says nothing when it listens
        if p.poll() is not None or time.monotonic() > end:
            p.kill()
            raise RuntimeError(f"{PROGRAM} did not start: {(folder / 'vsock.log').read_text()}")
        time.sleep(0.02)
    return p


def arguments(folder):
    """QEMU's; its memory is shared anyway."""
    return ["-chardev", f"socket,id=vsock,path={folder}/vhu.sock",
            "-device", "vhost-user-vsock-pci,chardev=vsock,addr=0x5"]


def available():
    return shutil.which("setpriv") and program()
