# SPDX-License-Identifier: BSD-3-Clause
"""A program that has the copy engine copy, and counts its interrupts: counting.py LIBOPAE COPIES LINES

Each copy has other data. It polls no register: what tells that a copy is done is the event alone."""
import ctypes
import os
import random
import select
import sys
import uuid

GUID = uuid.UUID("4ECD5F6A-2D3C-4B1B-9A55-0F3A9A5C7A10").bytes
ACCELERATOR, INTERRUPT = 1, 0
SOURCE, DESTINATION, LINES, START = 0x28, 0x30, 0x38, 0x40
START_WITH_INTERRUPT = 3
WAIT_S = 60

opae = ctypes.CDLL(sys.argv[1])


def call(name, *args):
    result = getattr(opae, name)(*args)
    assert result == 0, f"{name}: {result}"


def found():
    properties, token, matches = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_uint32()
    call("fpgaGetProperties", None, ctypes.byref(properties))
    call("fpgaPropertiesSetObjectType", properties, ACCELERATOR)
    call("fpgaPropertiesSetGUID", properties, GUID)
    call("fpgaEnumerate", ctypes.byref(properties), 1, ctypes.byref(token), 1, ctypes.byref(matches))
    assert matches.value == 1
    call("fpgaDestroyProperties", ctypes.byref(properties))
    return token


class Buffer:
    def __init__(self, handle, size):
        at, self.wsid, io = ctypes.c_void_p(), ctypes.c_uint64(), ctypes.c_uint64()
        call("fpgaPrepareBuffer", handle, ctypes.c_uint64(size), ctypes.byref(at), ctypes.byref(self.wsid), 0)
        call("fpgaGetIOAddress", handle, self.wsid, ctypes.byref(io))
        self.at, self.io, self.size = at.value, io.value, size

    def put(self, data):
        ctypes.memmove(self.at, data, len(data))

    def get(self):
        return ctypes.string_at(self.at, self.size)


def copy(handle, event, number, source, destination):
    data = random.Random(number).randbytes(source.size)
    source.put(data)
    destination.put(bytes(source.size))
    for offset, value in ((SOURCE, source.io), (DESTINATION, destination.io), (LINES, source.size // 64),
                          (START, START_WITH_INTERRUPT)):
        call("fpgaWriteMMIO64", handle, 0, ctypes.c_uint64(offset), ctypes.c_uint64(value))
    assert select.select([event], [], [], WAIT_S)[0], "no interrupt has come"
    times = int.from_bytes(os.read(event, 8), sys.byteorder)
    assert destination.get() == data, f"copy {number} is not what was copied"
    return times


def main():
    handle, event, fd = ctypes.c_void_p(), ctypes.c_void_p(), ctypes.c_int()
    size, copies, token = int(sys.argv[3]) * 64, int(sys.argv[2]), found()
    call("fpgaOpen", token, ctypes.byref(handle), 0)
    call("fpgaReset", handle)
    call("fpgaCreateEventHandle", ctypes.byref(event))
    call("fpgaRegisterEvent", handle, INTERRUPT, event, 0)
    call("fpgaGetOSObjectFromEventHandle", event, ctypes.byref(fd))
    buffers = Buffer(handle, size), Buffer(handle, size)
    times = sum(copy(handle, fd.value, n, *buffers) for n in range(copies))
    print(f"{copies} copies, {times} interrupts")
    for buffer in buffers:
        call("fpgaReleaseBuffer", handle, buffer.wsid)
    call("fpgaUnregisterEvent", handle, INTERRUPT, event)
    call("fpgaDestroyEventHandle", ctypes.byref(event))
    call("fpgaClose", handle)
    call("fpgaDestroyToken", ctypes.byref(token))


main()
