# SPDX-License-Identifier: BSD-3-Clause
"""A program that the kernel denies some system calls, as a container's filter does:

    python3 denied.py CALL[,CALL...] PROGRAM [ARGS]

CALL is a name below; "clone" means one that makes namespaces."""
import ctypes
import os
import platform
import struct
import sys

NUMBERS = {  # x86-64, arm64
    "seccomp": (317, 277), "unshare": (272, 97), "setresuid": (117, 147), "clone": (56, 220),
    "mount": (165, 40)}
NAMESPACES = 0x7e020000
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS = 22, 38
LOAD, JUMP_IF_EQUAL, JUMP_IF_SET, RETURN = 0x20, 0x15, 0x45, 0x06
ALLOW, REFUSE = 0x7fff0000, 0x00050001  # with EPERM


def code_for(name):
    """The number is loaded; what is not refused goes on behind."""
    number = NUMBERS[name][platform.machine() == "aarch64"]
    if name != "clone":
        return [(JUMP_IF_EQUAL, 0, 1, number), (RETURN, 0, 0, REFUSE)]
    return [(JUMP_IF_EQUAL, 0, 4, number), (LOAD, 0, 0, 16), (JUMP_IF_SET, 0, 1, NAMESPACES),
            (RETURN, 0, 0, REFUSE), (RETURN, 0, 0, ALLOW)]


def deny(names):
    code = [(LOAD, 0, 0, 0), *(line for name in names for line in code_for(name)), (RETURN, 0, 0, ALLOW)]
    program = b"".join(struct.pack("<HBBI", *line) for line in code)
    lines = ctypes.create_string_buffer(program)
    whole = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(lines)))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) or libc.prctl(PR_SET_SECCOMP, 2, whole, 0, 0):
        raise OSError(ctypes.get_errno(), "no filter")


if __name__ == "__main__":
    deny(sys.argv[1].split(","))
    os.execv(sys.argv[2], sys.argv[2:])
