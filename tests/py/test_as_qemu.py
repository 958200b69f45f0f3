# SPDX-License-Identifier: BSD-3-Clause
"""The sequence of messages by which QEMU 11.1's vfio-user-pci attaches a device, runs a guest's
firmware and driver on it, resets, and leaves: observed behaviour, replayed message by message."""
import errno
import json
import os
import struct
import time

import pytest
import vu
from test_hostile_client import dma_map, dma_unmap, memfd, set_irqs, start_nlb, wait_word
from vu import Client, Refused

BAR0, CONFIG, INTX, MSIX, ERR = 0, 7, 0, 2, 3
CAPS = json.dumps({"capabilities": {
    "pgsizes": 4096, "max_msg_fds": 16, "max_dma_maps": 65535, "max_data_xfer_size": 1048576,
    "migration": {"max_bitmap_size": 268435456, "pgsize": 4096},
    "write_multiple": True}}, separators=(",", ":")).encode() + b"\0"


def batch(client, *calls):
    """Sends commands without waiting, then reads the replies, as QEMU does for maps."""
    ids = []
    for command, body, fds in calls:
        client.next_id += 1
        ids.append(client.next_id)
        data = vu.message(command, body, client.next_id)
        vu.send_with_fds(client.sock, data, fds) if fds else client.sock.sendall(data)
    errors = []
    for want, (command, _, _) in zip(ids, calls):
        (msg_id, got, _, flags, error), _, _ = vu.recv_message(client.sock)
        assert (msg_id, got) == (want, command)
        errors.append(error if flags & vu.ERROR else 0)
    return errors


def attach(path, ram):
    c = Client(path, caps=CAPS)
    caps = vu.capabilities(c.version)
    assert 16 + len(c.version[0]) <= 214 and c.version[1] == []
    assert set(caps) <= {"max_msg_fds", "max_data_xfer_size", "max_dma_maps", "pgsizes",
                         "write_multiple", "migration"}, "QEMU warns of others"
    assert batch(c, (vu.DMA_MAP, dma_map(3, 0, 0, 0xC0000), [ram]),
                 (vu.DMA_MAP, dma_map(1, 0, 0xC0000, 0x20000), []),
                 (vu.DMA_MAP, dma_map(3, 0x100000, 0x100000, 0x100000), [ram]),
                 (vu.DMA_MAP, dma_map(1, 0, 0xFFFC0000, 0x40000), [])) == [0, 0, 0, 0]
    _, flags, regions, irqs = struct.unpack("<IIII", c.call(
        vu.GET_INFO, struct.pack("<IIII", 16, 0, 0, 0))[0])
    assert flags == 3 and 8 <= regions <= 100 and 3 <= irqs <= 50
    sizes = {}
    for index in (0, 1, 2, 3, 4, 5, 7):
        body, fds = c.call(vu.GET_REGION_INFO, struct.pack("<IIIIQQ", 32, 0, index, 0, 0, 0))
        argsz, flags, _, _, size, _ = struct.unpack("<IIIIQQ", body)
        assert not flags & 8, "no CAPS in a short reply"
        if argsz > 32:
            body, fds = c.call(vu.GET_REGION_INFO,
                               struct.pack("<IIIIQQ", argsz, 0, index, 0, 0, 0))
        assert len(fds) <= 1
        for fd in fds:
            os.close(fd)
        sizes[index] = size
    assert sizes[CONFIG] == 4096
    assert all(size & (size - 1) == 0 for size in sizes.values())
    return c, sizes


def configure(c):
    assert struct.unpack("<IIII", c.call(
        vu.GET_IRQ_INFO, struct.pack("<IIII", 16, 0, ERR, 0))[0])[3] == 1
    config = c.read(CONFIG, 0, 4096)
    c.write(CONFIG, 0x30, struct.pack("<I", 0xFFFFF800))
    assert c.read(CONFIG, 0x30, 4) == b"\0" * 4  # no ROM
    for bar in range(6):
        c.read(CONFIG, 0x10 + 4 * bar, 4)
    at = config[0x34]
    while config[at] != 0x11:
        at = config[at + 1]
        assert at, "no MSI-X"
    for offset, n in ((2, 2), (4, 4), (8, 4)):
        c.read(CONFIG, at + offset, n)
    vectors = struct.unpack("<IIII", c.call(
        vu.GET_IRQ_INFO, struct.pack("<IIII", 16, 0, MSIX, 0))[0])[3]
    assert vectors == (struct.unpack_from("<H", config, at + 2)[0] & 0x7FF) + 1
    assert config[0x3D] == 0  # no INTx pin
    e = os.eventfd(0)
    c.call(vu.SET_IRQS, set_irqs(0x24, ERR, 0, 1), fds=[e])
    os.close(e)
    c.write(CONFIG, 4, b"\0\0")
    c.call(vu.RESET)
    for bar in range(6):
        c.write(CONFIG, 0x10 + 4 * bar, b"\0" * 4)
    return at


def firmware(c, ram):
    """PAM: the first MiB is unmapped and mapped in other pieces, many times."""
    for _ in range(30):
        assert batch(c, (vu.DMA_UNMAP, dma_unmap(0xC0000, 0x20000), []),
                     (vu.DMA_MAP, dma_map(3, 0xC0000, 0xC0000, 0x10000), [ram]),
                     (vu.DMA_MAP, dma_map(1, 0, 0xD0000, 0x10000), [])) == [0, 0, 0]
        assert batch(c, (vu.DMA_UNMAP, dma_unmap(0xC0000, 0x10000), []),
                     (vu.DMA_UNMAP, dma_unmap(0xD0000, 0x10000), []),
                     (vu.DMA_MAP, dma_map(1, 0, 0xC0000, 0x20000), [])) == [0, 0, 0]


def driver(c, ram, msix):
    c.write(CONFIG, 0x10, struct.pack("<II", 0xFE000004, 0))
    c.write(CONFIG, 4, b"\x06\x00")
    c.write(CONFIG, msix + 2, struct.pack("<H", 0x8000))
    c.call(vu.SET_IRQS, set_irqs(0x24, MSIX, 0, 1))  # the dummy that enables
    events = [os.eventfd(0, os.EFD_NONBLOCK) for _ in range(4)]
    for vector, e in enumerate(events):
        c.call(vu.SET_IRQS, set_irqs(0x24, MSIX, vector, 1), fds=[e])
    os.pwrite(ram, os.urandom(4096), 0x110000)
    os.pwrite(ram, b"\0" * 64, 0x114040)
    c.write(BAR0, 0x150, struct.pack("<I", 3))
    c.write(BAR0, 0x138, struct.pack("<I", 1))
    c.write(BAR0, 0x140, struct.pack("<Q", 1 << 29))
    start_nlb(c, 0x110000, 0x112000, 64, 0x114000)
    wait_word(ram, 0x114040)
    assert os.pread(ram, 4096, 0x110000) == os.pread(ram, 4096, 0x112000)
    return events


@pytest.mark.parametrize("mmio", ["trap", "map"])
def test_attach_run_reset_detach(card, mmio):
    process = card("nlb0", mmio)
    for _ in range(3):
        ram = memfd(0x200000)
        c, sizes = attach(process.path, ram)
        assert sizes[0] == 0x8000
        msix = configure(c)
        firmware(c, ram)
        if mmio == "map":  # QEMU maps the BAR at its guest address as well, without descriptor
            c.call(vu.DMA_MAP, dma_map(3, 0, 0xFE000000, 0x8000))
        if mmio == "trap":
            events = driver(c, ram, msix)
            assert os.eventfd_read(events[3]) >= 1
            # Guest reboot: disable, reset, bind anew.
            c.write(CONFIG, msix + 2, b"\0\0")
            c.call(vu.SET_IRQS, set_irqs(0x21, MSIX, 0, 0))
            c.write(CONFIG, 4, b"\0\0")
            c.call(vu.RESET)
            for e in events + driver(c, ram, msix):
                os.close(e)
        with pytest.raises(Refused) as e:  # only QEMU's older forms ask for migration
            c.call(vu.FEATURE, struct.pack("<II", 12, 1 << 16 | 1) + b"\0" * 4)
        assert e.value.args[0] in (errno.ENOTSUP, errno.EINVAL, errno.ENOTTY)
        c.call(vu.DMA_UNMAP, dma_unmap(0, 2**47))
        c.close()
        os.close(ram)


def test_no_interrupt_without_bus_mastering(card):
    """A message interrupt is a write to memory. Linux switches bus mastering off before it resets a
    device, which ends a run that is under way; its interrupt must not be the last thing heard."""
    ram = memfd(0x200000)
    c, _ = attach(card().path, ram)
    driver_events = driver(c, ram, configure(c))
    assert os.eventfd_read(driver_events[3]) >= 1
    c.write(BAR0, 0x138, struct.pack("<I", 0))
    c.write(BAR0, 0x138, struct.pack("<I", 1))
    c.write(BAR0, 0x140, struct.pack("<Q", 1 << 29 | 2))  # without end
    start_nlb(c, 0x110000, 0x112000, 64, 0x114000)
    c.write(CONFIG, 4, b"\x02\x00")
    end = time.monotonic() + 30
    while c.read(BAR0, 0x170, 8) != struct.pack("<Q", 1):
        assert time.monotonic() < end, "it runs on"
    time.sleep(0.05)  # in which nothing may happen
    with pytest.raises(BlockingIOError):
        os.eventfd_read(driver_events[3])
    for e in driver_events:
        os.close(e)
    c.close()
    os.close(ram)


def test_posted_writes_and_floods(card):
    """No_reply writes to a trapped BAR, then 200 in one message as when QEMU's queue is long."""
    c = Client(card().path, caps=CAPS)
    c.write(CONFIG, 4, b"\x06\x00")
    for i in range(2000):
        c.sock.sendall(vu.message(vu.REGION_WRITE, struct.pack("<QIIQ", 0x108, BAR0, 8, i),
                                  i & 0xFFFF, vu.NO_REPLY))
    many = b"".join(struct.pack("<QIIQ", 0x108, BAR0, 8, 5000 + i) for i in range(200))
    c.sock.sendall(vu.message(vu.WRITE_MULTI, struct.pack("<Q", 200) + many, 1, vu.NO_REPLY))
    assert c.read(BAR0, 0x108, 8) == struct.pack("<Q", 5199)
    c.close()


def test_unmaps_of_a_guest_with_an_iommu(card):
    c = Client(card().path, caps=CAPS)
    ram = memfd(0x1000)
    for i in range(1024):
        c.call(vu.DMA_MAP, dma_map(3, 0, 0x40000000 + (i << 12), 0x1000), fds=[ram])
    c.call(vu.DMA_UNMAP, dma_unmap(0x40000000, 1024 << 12))
    c.call(vu.DMA_UNMAP, dma_unmap(0, 2**47))
    c.call(vu.DMA_MAP, dma_map(3, 0, 0x40000000, 0x1000), fds=[ram])
    c.close()
    os.close(ram)
