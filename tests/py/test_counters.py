# SPDX-License-Identifier: BSD-3-Clause
"""The emulated card's performance counters, by their registers, against what was done to the card."""
import os
import struct
import time

import pytest
from test_hostile_client import BAR0, CONFIG, dma_map, memfd, wait_word
from vu import DMA_MAP, Client

BAR2, AFU = 2, 0x10000  # of board a10's accelerator
FABRIC, IOMMU, CLOCK = 0x2820, 0x2838, 0x2830
PCIE0_READ, PCIE0_WRITE, MMIO_READ, MMIO_WRITE = 0, 1, 6, 7
LINES = 64


def read64(c, region, offset):
    return struct.unpack("<Q", c.read(region, offset, 8))[0]


def count(c, group, event, port=None):
    ctrl = event << 16 | (0 if port is None else 1 << 23 | port << 20)
    c.write(BAR0, group, struct.pack("<Q", ctrl))
    value = read64(c, BAR0, group + 8)
    assert value >> 60 == event
    return value & (1 << 48) - 1


@pytest.fixture
def client(card):
    c = Client(card("a10").path)
    c.write(CONFIG, 4, b"\x06\x00")
    yield c
    c.close()


def test_register_accesses(client):
    for _ in range(5):
        client.read(BAR2, AFU, 8)
    for _ in range(3):
        client.write(BAR2, AFU + 0x100, struct.pack("<Q", 1))
    client.write(BAR2, AFU + 0x100, bytes(16))  # two words
    assert count(client, FABRIC, MMIO_READ) == 5
    assert count(client, FABRIC, MMIO_WRITE) == 5
    assert count(client, FABRIC, MMIO_READ, port=0) == 5
    assert count(client, FABRIC, MMIO_READ, port=1) == 0  # there is none


def test_dma(client):
    ram = memfd(0x8000)
    client.call(DMA_MAP, dma_map(3, 0, 0, 0x8000), fds=[ram])
    for offset, value, form in ((0x110, 0x6000, "<Q"), (0x138, 0, "<I"), (0x138, 1, "<I"), (0x120, 0, "<Q"),
                                (0x128, 0x2000 >> 6, "<Q"), (0x130, LINES, "<I"), (0x138, 3, "<I")):
        client.write(BAR2, AFU + offset, struct.pack(form, value))
    wait_word(ram, 0x6040)
    assert count(client, FABRIC, PCIE0_READ) == LINES
    end = time.monotonic() + 30
    while count(client, FABRIC, PCIE0_WRITE) <= LINES:  # the status line is counted when it is written
        assert time.monotonic() < end
    assert count(client, IOMMU, 0) >= 1 and count(client, IOMMU, 1) >= 2
    os.close(ram)


def test_the_clock_runs(client):
    first = read64(client, BAR0, CLOCK)
    end = time.monotonic() + 30
    while read64(client, BAR0, CLOCK) == first:
        assert time.monotonic() < end
    assert read64(client, BAR0, CLOCK) > first
