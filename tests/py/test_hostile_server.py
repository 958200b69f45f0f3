# SPDX-License-Identifier: BSD-3-Clause
"""A device that may answer anything, against v-opae under the `opae` tool: no answer may crash it,
hang it, or make it believe what is not so. Good cards beside it are still found."""
import errno
import json
import os
import signal
import socket
import struct
import time

import pytest
import vu
from vu import ERROR, REPLY, Server

SOON = 15  # s, on a machine that is loaded; what waits for a device without a deadline never ends

@pytest.fixture
def devices(here, folder):
    """Starts devices written in Python; `opae list` finds them in the emulator directory."""
    started = []
    (folder / "emu").mkdir(mode=0o700)

    def start(script=None, name="fake0"):
        s = Server(str(folder / "emu" / f"{name}.sock"), script)
        started.append(s)
        return s

    yield start
    for s in started:
        s.stop()


def listed(machine, **kw):
    """What `opae list --json` shows; it must end by itself, and cleanly."""
    done = machine.run("opae", "list", "--json", timeout=120, **kw)
    assert done.returncode in (0, 3), done.stderr
    return json.loads(done.stdout)["devices"]


def test_a_good_one_is_found(here, devices):
    devices()
    (d,) = listed(here)
    assert d["guid"] == "d8424dc4-a4a3-c413-f89e-433683f9040b"
    assert (d["vendor_id"], d["device_id"], d["num_interrupts"]) == (0x8086, 0xBCCF, 4)
    assert d["state"] == "free"


def silent(server, header, body, fds):
    """Until the other side has had enough."""
    while server.sock.recv(1):
        pass
    return False


def test_silence_counts_as_held(here, devices):
    devices({vu.VERSION: silent})
    begin = time.monotonic()
    (d,) = listed(here)
    assert d["state"] == "in use" and d["guid"] == "-"
    assert time.monotonic() - begin < SOON


@pytest.mark.parametrize("command", [vu.GET_INFO, vu.GET_REGION_INFO, vu.REGION_READ])
def test_silence_a_little_later_counts_as_held(here, devices, command):
    devices({command: silent})
    begin = time.monotonic()
    (d,) = listed(here)
    assert d["state"] == "in use"
    assert time.monotonic() - begin < SOON


SLOW = 1.6  # s, of a card on a machine that is busy


def test_a_card_that_is_slow_to_begin(here, devices):
    """It is there, and what is in it is known: a program that looks for its accelerator finds it."""
    def slow(server, header, body, fds):
        time.sleep(SLOW)
        return server.answer(header, body)

    devices({vu.VERSION: slow})
    (d,) = listed(here)
    assert d["state"] == "free" and d["guid"] != "-"


def test_time_in_which_the_program_is_not_run(here, devices):
    """As when a machine stands still: the card could not answer meanwhile."""
    def frozen(server, header, body, fds):
        pid = struct.unpack("3i", server.sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))[0]
        os.kill(pid, signal.SIGSTOP)
        time.sleep(3 * SLOW)
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.2)
        return server.answer(header, body)

    devices({vu.VERSION: frozen})
    (d,) = listed(here)
    assert d["state"] == "free" and d["guid"] != "-"


def test_busy_counts_as_held(here, devices):
    devices({vu.VERSION: lambda s, h, b, f: s.refuse(h, errno.EBUSY)})
    assert listed(here)[0]["state"] == "in use"


def test_hanging_up_counts_as_held(here, devices):
    devices({vu.VERSION: lambda *a: False})
    assert listed(here)[0]["state"] == "in use"


VERSIONS = {
    "refused": lambda s, h, b, f: s.refuse(h, errno.EINVAL),
    "major": lambda s, h, b, f: s.send(h, struct.pack("<HH", 7, 0) + vu.CAPS),
    "no NUL": lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + b"{}"),
    "no JSON": lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + b"{{\0"),
    "short": lambda s, h, b, f: s.send(h, b"\0"),
    "long": lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + b" " * 9000 + b"\0"),
    "limits": lambda s, h, b, f: s.send(
        h, struct.pack("<HH", 0, 0) + b'{"capabilities":{"max_msg_fds":-4}}\0'),
    "twin without descriptor": lambda s, h, b, f: s.send(
        h, struct.pack("<HH", 0, 0)
        + b'{"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}}\0'),
    "twin at another index": lambda s, h, b, f: s.send(
        h, struct.pack("<HH", 0, 0)
        + b'{"capabilities":{"twin_socket":{"supported":true,"fd_index":3}}}\0', fds=[1]),
    "a descriptor for nothing": lambda s, h, b, f: s.send(
        h, struct.pack("<HH", 0, 0) + vu.CAPS, fds=[1]),
    "size too small": lambda s, h, b, f: s.send(h, b"", size=3),
    "size too large": lambda s, h, b, f: s.send(h, b"", size=1 << 31),
    "another id": lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + vu.CAPS, msg_id=9),
    "a command": lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + vu.CAPS, flags=0),
    "no type": lambda s, h, b, f: s.send(h, b"", flags=7),
    "an error of 0": lambda s, h, b, f: s.send(h, flags=REPLY | ERROR, error=0),
    "an error of 2^32-1": lambda s, h, b, f: s.send(h, flags=REPLY | ERROR, error=2**32 - 1),
}


@pytest.mark.parametrize("what", VERSIONS)
def test_versions(here, devices, what):
    devices({vu.VERSION: VERSIONS[what]}, "bad")
    devices(name="good1")
    found = listed(here)
    assert [d["state"] for d in found if d["guid"] != "-"] == ["free"]


def info(**change):
    values = {"argsz": 16, "flags": 3, "regions": 9, "irqs": 5, **change}
    return lambda s, h, b, f: s.send(h, struct.pack("<IIII", *values.values()))


def region(index, reply, fds=()):
    """Answers for one region, the others as usual. `reply` is the body."""
    def answer(s, h, b, f):
        if struct.unpack_from("<I", b, 8)[0] != index:
            return s.answer(h, b)
        return s.send(h, reply, fds=fds)
    return {vu.GET_REGION_INFO: answer}


def region_info(argsz=32, flags=3, index=0, cap=0, size=0x8000, offset=0, caps=b""):
    return struct.pack("<IIIIQQ", argsz, flags, index, cap, size, offset) + caps


def sparse(*areas, next_cap=0, count=None):
    return struct.pack("<HHIII", 1, 1, next_cap, len(areas) if count is None else count, 0) + \
        b"".join(struct.pack("<QQ", *a) for a in areas)


PAGE = os.memfd_create("page")
os.ftruncate(PAGE, 0x1000)

LIES = {
    "not PCI": {vu.GET_INFO: info(flags=1)},
    "too many regions": {vu.GET_INFO: info(regions=2**32 - 1)},
    "too many interrupts": {vu.GET_INFO: info(irqs=51)},
    "info too short": {vu.GET_INFO: lambda s, h, b, f: s.send(h, b"\0" * 8)},
    "info too long": {vu.GET_INFO: lambda s, h, b, f: s.send(h, b"\0" * 9000)},
    "another region": region(0, region_info(index=4)),
    "argsz beyond the reply": region(0, region_info(argsz=64)),
    "mappable without descriptor": region(0, region_info(flags=7)),
    "file too short": region(0, region_info(flags=7), [PAGE]),
    "file offset near 2^64": region(0, region_info(flags=7, offset=2**64 - 4096), [PAGE]),
    "file offset not a page": region(0, region_info(flags=7, size=0x1000, offset=8), [PAGE]),
    "two descriptors": region(0, region_info(flags=7, size=0x1000), [PAGE, PAGE]),
    "caps outside": region(0, region_info(flags=15, cap=0x1000), [PAGE]),
    "caps in the head": region(0, region_info(flags=15, cap=8), [PAGE]),
    "a loop of caps": region(0, region_info(64, 15, cap=32, caps=sparse((0, 0x1000), next_cap=32)),
                             [PAGE]),
    "areas beyond the reply": region(0, region_info(64, 15, cap=32,
                                                    caps=sparse((0, 0x1000), count=99)), [PAGE]),
    "area outside": region(0, region_info(64, 15, cap=32, caps=sparse((0x8000, 0x1000))), [PAGE]),
    "area that wraps": region(0, region_info(64, 15, cap=32,
                                             caps=sparse((2**64 - 0x1000, 0x2000))), [PAGE]),
    "areas that overlap": region(0, region_info(80, 15, cap=32, caps=sparse(
        (0, 0x2000), (0x1000, 0x1000))), [PAGE]),
    "a huge region": region(0, region_info(flags=7, size=2**63), [PAGE]),
    "read too short": {vu.REGION_READ: lambda s, h, b, f: s.send(h, b[:16] + b"\0")},
    "read too long": {vu.REGION_READ: lambda s, h, b, f: s.send(h, b[:16] + b"\0" * 200)},
    "read of another length": {vu.REGION_READ: lambda s, h, b, f: s.send(
        h, struct.pack("<QII", 0, 7, 9999) + b"\0" * 64)},
    "read refused": {vu.REGION_READ: lambda s, h, b, f: s.refuse(h, errno.EIO)},
    "write of another length": {vu.REGION_WRITE: lambda s, h, b, f: s.send(
        h, b[:12] + b"\1\0\0\0")},
    "hangs up": {vu.REGION_READ: lambda *a: False},
}


@pytest.mark.parametrize("what", LIES)
def test_lies(here, devices, what):
    devices(LIES[what], "bad")
    devices(name="good1")
    found = listed(here)
    assert len(found) == 1 and found[0]["guid"].startswith("d8424dc4")


def test_four_billion_vectors(here, devices):
    devices({vu.GET_IRQ_INFO: lambda s, h, b, f: s.send(
        h, struct.pack("<IIII", 16, 1, 2, 2**32 - 1))})
    assert listed(here)[0]["num_interrupts"] == 2048  # no device has more
    here.good("opae", "mmio", "read", "0x8")  # opening it allocates no table of that size


def test_no_afu_at_the_start_of_bar0(here, devices):
    devices().memory[0:8] = b"\xff" * 8
    assert listed(here) == []


def test_dma_commands_in_the_middle(here, devices):
    """A device asks for memory that was never mapped, while the program waits for a register."""
    answers = []

    def read(s, h, b, f):
        s.sock.sendall(vu.message(vu.DMA_READ, struct.pack("<QQ", 0x100000, 64), 77))
        got, _, _ = vu.recv_message(s.sock)
        answers.append((got[0], got[1], got[3], got[4]))
        s.sock.sendall(vu.message(vu.DMA_READ, struct.pack("<QQ", 0, 1 << 40), 78))
        answers.append(vu.recv_message(s.sock)[0][4])
        s.sock.sendall(vu.message(vu.DMA_WRITE, struct.pack("<QQ", 0, 8), 79))
        answers.append(vu.recv_message(s.sock)[0][4])
        s.sock.sendall(vu.message(99, b"", 80))
        answers.append(vu.recv_message(s.sock)[0][4])
        s.script = {}
        return s.answer(h, b)

    devices({vu.REGION_READ: read})
    assert listed(here)[0]["state"] == "free"
    assert answers[0] == (77, vu.DMA_READ, 0x21, errno.EFAULT)
    assert answers[1:] == [errno.E2BIG, errno.EINVAL, errno.ENOTSUP]


def test_late_answers_end_by_the_deadline(here, devices):
    def slow(s, h, b, f):
        if struct.unpack_from("<QI", b) == (0x108, 0):
            silent(s, h, b, f)
        return s.answer(h, b)

    server = devices({vu.REGION_READ: slow})
    env = here.config(json.dumps({
        "plugins": ["vfio"], "configurations": {"vfio": {
            "enabled": True, "plugin": "libv-opae.so",
            "configuration": {"sockets": [server.path], "timeout_ms": 300}}}}))
    begin = time.monotonic()
    done = here.run("opae", "mmio", "read", "0x108", env=env)
    assert done.returncode == 1 and "300 ms" in done.stderr and "exception" in done.stderr
    assert time.monotonic() - begin < SOON


def test_flood_of_dma_commands_ends_by_the_deadline(here, devices):
    """A device that asks for memory again and again has not answered."""
    def flood(s, h, b, f):
        if struct.unpack_from("<QI", b) != (0x108, 0):
            return s.answer(h, b)
        ask = vu.message(vu.DMA_READ, struct.pack("<QQ", 0x100000, 64), 77, vu.NO_REPLY) * 100
        while True:
            s.sock.sendall(ask)

    server = devices({vu.REGION_READ: flood})
    env = here.config(json.dumps({
        "plugins": ["vfio"], "configurations": {"vfio": {
            "enabled": True, "plugin": "libv-opae.so",
            "configuration": {"sockets": [server.path], "timeout_ms": 300}}}}))
    begin = time.monotonic()
    done = here.run("opae", "mmio", "read", "0x108", env=env, timeout=120)
    assert done.returncode == 1 and "300 ms" in done.stderr
    assert time.monotonic() - begin < SOON


def only(offset, then):
    """Another answer to a read of one register of BAR0, the rest as it should be."""
    def read(s, h, b, f):
        if struct.unpack_from("<QI", b) != (offset, 0):
            return s.answer(h, b)
        return then(s, h, b)
    return {vu.REGION_READ: read}


def patient(machine, server, timeout_ms=300):
    return machine.config(json.dumps({"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so",
        "configuration": {"sockets": [server.path], "timeout_ms": timeout_ms}}}}))


def drip(s, h, b):
    """The right answer, a byte at a time, and too slowly as a whole."""
    for byte in vu.message(h[1], b[:16] + b"\0" * 8, h[0], REPLY):
        s.sock.sendall(bytes([byte]))
        time.sleep(0.05)


def in_part(s, h, b):
    s.sock.sendall(vu.message(h[1], b[:16], h[0], REPLY, size=40))
    while s.sock.recv(1):
        pass
    return False


def stray(s, h, b):
    vu.send_with_fds(s.sock, vu.message(vu.DMA_READ, struct.pack("<QQ", 0x100000, 64), 7), [PAGE])
    assert vu.recv_message(s.sock)[0][4] in (errno.EINVAL, errno.EFAULT)
    while s.sock.recv(1):
        pass
    return False


BAD_ANSWERS = {
    "another id": (lambda s, h, b: s.send(h, b[:16] + b"\0" * 8, msg_id=h[0] ^ 1), "broke the protocol"),
    "another command": (lambda s, h, b: s.sock.sendall(
        vu.message(vu.REGION_WRITE, b[:16] + b"\0" * 8, h[0], REPLY)), "broke the protocol"),
    "of no type": (lambda s, h, b: s.send(h, b"", flags=7), "broke the protocol"),
    "too long": (lambda s, h, b: s.send(h, b[:16] + b"\0" * 9), "broke the protocol"),
    "one byte short": (lambda s, h, b: s.send(h, b[:16] + b"\0" * 7), "8 bytes with 7"),
    "size of 4 GiB": (lambda s, h, b: s.send(h, b"", size=2**32 - 1), "broke the protocol"),
    "in part, then the end": (lambda s, h, b: s.sock.sendall(
        vu.message(h[1], b[:16], h[0], REPLY, size=40)) or False, "has gone"),
    "in part, then silence": (in_part, "300 ms"),
    "drop by drop": (drip, "300 ms"),
    "a command with a descriptor, then silence": (stray, "300 ms"),
    "an error and a payload": (lambda s, h, b: s.send(h, b"x" * 40, flags=REPLY | ERROR, error=5),
                               "Input/output error"),
}


@pytest.mark.parametrize("what", BAD_ANSWERS)
def test_bad_answers_to_one_access(here, devices, what):
    """The program hears of it by the deadline; the card is lost to it, and to nobody else."""
    answer, reason = BAD_ANSWERS[what]
    server = devices(only(0x108, answer))
    env = patient(here, server)
    begin = time.monotonic()
    done = here.run("opae", "mmio", "read", "0x108", env=env, timeout=120)
    assert done.returncode == 1 and reason in done.stderr, done.stderr
    assert time.monotonic() - begin < SOON
    server.script = {}
    here.good("opae", "mmio", "read", "0x8", env=env)


@pytest.mark.parametrize("count", [1, 16, 40])
def test_descriptors_where_none_belong(here, devices, count):
    """The kernel drops them, for the client has no room for any; the answer is as good as without."""
    server = devices(only(0x108, lambda s, h, b: s.send(h, b[:16] + b"\x05" + b"\0" * 7,
                                                        fds=[PAGE] * count)))
    env = patient(here, server)
    assert here.good("opae", "mmio", "read", "0x108", env=env) == "0x0000000000000005\n"


def test_an_answer_twice(here, devices):
    """The second one is to nothing: the next call must not take it for its own."""
    def twice(s, h, b):
        s.answer(h, b)
        return s.answer(h, b)

    server = devices(only(0x8, twice))
    done = here.run("opae", "mmio", "read", "0x8", env=patient(here, server))
    assert done.returncode in (0, 1, 3) and "Traceback" not in done.stderr
    listed(here, env=patient(here, server))


@pytest.mark.parametrize("size,devices_found", [(32, 0), (64, 1)])
def test_a_server_that_takes_little_at_once(here, devices, size, devices_found):
    caps = b'{"capabilities":{"max_data_xfer_size":%d}}\0' % size
    devices({vu.VERSION: lambda s, h, b, f: s.send(h, struct.pack("<HH", 0, 0) + caps)})
    log = here.folder / "log"
    assert len(listed(here, env={"LIBOPAE_LOG": "2", "LIBOPAE_LOGFILE": str(log)})) == devices_found
    assert devices_found or f"the device's server takes at most {size}" in log.read_text()


# ---- DMA and interrupts: under a program that uses them ----

@pytest.mark.parametrize("command,how", [(c, h) for c in (vu.DMA_MAP, vu.RESET)
                                         for h in ("refuses", "silent", "hangs up", "too long")]
                         + [(vu.DMA_UNMAP, "refuses"), (vu.DMA_UNMAP, "silent")])
def test_dma_and_reset(here, devices, command, how):
    """hello_fpga ends by itself, with a reason, whatever becomes of its buffers."""
    def answer(s, h, b, f):
        for fd in f:
            os.close(fd)
        if how == "refuses":
            return s.refuse(h, errno.ENOSPC)
        if how == "too long":
            return s.send(h, b"\0" * 100)
        if how == "silent":
            while s.sock.recv(1):
                pass
        return False

    env = patient(here, devices({command: answer}))
    done = here.run("hello_fpga", env=env, timeout=120)
    assert done.returncode > 0, (done.returncode, done.stdout)
    assert done.stderr


def twin_reply(s, h, b, f):
    ours, theirs = socket.socketpair()
    s.send(h, struct.pack("<HH", 0, 0)
           + b'{"capabilities":{"twin_socket":{"supported":true,"fd_index":0}}}\0', fds=[theirs.fileno()])
    theirs.close()
    s.twin = ours


TWIN_SAYS = {
    "garbage": b"\xff" * 64,
    "a reply to nothing": vu.message(vu.DMA_READ, b"\0" * 16, 5, REPLY),
    "a flood of questions": vu.message(vu.DMA_READ, struct.pack("<QQ", 0x100000, 64), 1, vu.NO_REPLY) * 400,
    "lies about length and address": vu.message(vu.DMA_WRITE, struct.pack("<QQ", 0x100000, 9), 1)
    + vu.message(vu.DMA_READ, struct.pack("<QQ", 2**64 - 8, 64), 2) + b"\0" * 7,
}


@pytest.mark.parametrize("what", TWIN_SAYS)
def test_twin_socket(here, devices, what):
    """What the watcher reads there may cost the device, never the program."""
    def reset(s, h, b, f):
        try:
            s.twin.settimeout(1)
            s.twin.sendall(TWIN_SAYS[what])
        except OSError:
            pass
        return s.send(h)

    server = devices({vu.VERSION: twin_reply, vu.RESET: reset})
    done = here.run("hello_fpga", env=patient(here, server), timeout=120)
    assert done.returncode > 0 and done.stderr
    server.twin.close()


def test_random_answers(here, devices):
    import random
    rng = random.Random(11)

    def garble(s, h, b, f):
        for fd in f:
            os.close(fd)
        if rng.random() < 0.7:
            return s.answer(h, b)
        s.sock.sendall(vu.message(rng.randrange(20), rng.randbytes(rng.randrange(0, 80)),
                                  h[0] if rng.random() < 0.5 else rng.randrange(65536),
                                  rng.choice([REPLY, REPLY | ERROR, 0, 0x10]),
                                  rng.randrange(200)))
        return rng.random() < 0.9

    commands = (vu.VERSION, vu.GET_INFO, vu.GET_REGION_INFO, vu.GET_IRQ_INFO, vu.REGION_READ,
                vu.REGION_WRITE, vu.SET_IRQS, vu.DMA_MAP)
    for i in range(4):
        devices({c: garble for c in commands}, f"noise{i}")
    env = here.config(json.dumps({
        "plugins": ["vfio"], "configurations": {"vfio": {
            "enabled": True, "plugin": "libv-opae.so", "configuration": {"timeout_ms": 200}}}}))
    for _ in range(12):
        listed(here, env=env)
