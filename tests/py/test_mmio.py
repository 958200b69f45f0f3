# SPDX-License-Identifier: BSD-3-Clause
"""opae mmio walk and dump, on a device whose registers the test writes."""
import json
import os
import random
import struct
import subprocess

import pytest
from vu import REGION_READ, Server

GUID = (0x1122334455667788, 0x99AABBCCDDEEFF00)  # low, high
GUID_TEXT = "99aabbcc-ddee-ff00-1122-334455667788"
NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
AFU, BBB, PRIVATE, FIU = 1, 2, 3, 4


def dfh(kind, fid, following=0, eol=False, revision=0, version=0):
    return kind << 60 | version << 52 | eol << 40 | following << 16 | revision << 12 | fid


@pytest.fixture
def device(here, folder):
    """device(offset=[words], ...) serves a card whose BAR0 begins with an AFU header of 0x1000."""
    (folder / "emu").mkdir(mode=0o700)
    started = []

    def start(words, first=dfh(AFU, 0, 0x1000)):
        s = Server(str(folder / "emu" / "fake0.sock"))
        started.append(s)
        struct.pack_into("<Q", s.memory, 0, first)
        for offset, values in words.items():
            struct.pack_into(f"<{len(values)}Q", s.memory, offset, *values)
        return s

    yield start
    for s in started:
        s.stop()


def walk(machine, *args):
    """(features, problem), and the exit code that goes with it."""
    done = machine.run("opae", "mmio", "walk", "--json", *args)
    out = json.loads(done.stdout)
    assert out["schema"] == 1
    w = out["walk"]
    assert done.returncode == (1 if w["problem"] else 0)
    assert (w["problem"] or "") in done.stderr
    return w["features"], w["problem"]


def test_emulated_card(machine):
    machine.start()
    (f,), problem = walk(machine)
    assert problem is None
    assert (f["offset"], f["type"], f["guid"], f["name"], f["eol"]) == \
        (0, "AFU", NLB0, "NLB0 loopback", True)
    assert NLB0 in machine.good("opae", "mmio", "walk", "-d", NLB0, "-t", "accelerator", "-r", "0")


def test_names_and_guids(here, device):
    device({0x1000: [dfh(FIU, 0, 0x100), *GUID, 0x40],
            0x1100: [dfh(PRIVATE, 1, 8, revision=3)], 0x1108: [dfh(PRIVATE, 4, 0x18)],
            0x1120: [dfh(PRIVATE, 5, 0x20)], 0x1140: [dfh(PRIVATE, 0x12, 0xEC0)],
            0x2000: [dfh(FIU, 1, 0x100), *GUID, 0x3000],
            0x2100: [dfh(PRIVATE, 0x10, 8)], 0x2108: [dfh(PRIVATE, 0x12, 8)],
            0x2110: [dfh(PRIVATE, 0x13, 8)], 0x2118: [dfh(PRIVATE, 0x14, 8)],
            0x2120: [dfh(BBB, 7, 0x20), *GUID], 0x2140: [dfh(PRIVATE, 0xABC, 0x7000, eol=True)]})
    found, problem = walk(here)
    assert problem is None
    assert [(f["offset"], f["type"], f["name"]) for f in found] == [
        (0, "AFU", "NLB0 loopback"), (0x1000, "FIU", "FME"), (0x1100, "private",
        "thermal management"), (0x1108, "private", "global error"),
        (0x1120, "private", "partial reconfiguration"),
        (0x1140, "private", "board controller (PMCI)"), (0x2000, "FIU", "port"),
        (0x2100, "private", "port error"), (0x2108, "private", "user interrupt"),
        (0x2110, "private", "signal tap"), (0x2118, "private", "user clock"),
        (0x2120, "BBB", ""), (0x2140, "private", "")]
    assert found[1]["guid"] == GUID_TEXT and found[1]["afu"] == 0x1040
    assert found[6]["afu"] == 0x5000 and found[2]["revision"] == 3
    assert "guid" not in found[2] and found[11]["guid"] == GUID_TEXT
    assert found[12]["eol"] and found[12]["id"] == 0xABC
    lines = here.good("opae", "mmio", "walk").splitlines()
    assert len(lines) == 13 + 2  # two name their AFU
    assert "FME" in lines[1] and GUID_TEXT in lines[1] and "its AFU is at 0x1040" in lines[2]
    assert [f["offset"] for f in walk(here, "-o", "0x2118")[0]] == [0x2118, 0x2120, 0x2140]
    assert walk(here, "-o", "0x2108")[0][0]["name"] == "user interrupt"


def test_version_1(here, device):
    device({0x1000: [dfh(PRIVATE, 0x15, 0x100, version=1), *GUID, 0x40,
                     0x2000 << 32 | 1 << 31 | 5 << 16 | 9,
                     2 << 35 | 1, 3 << 32 | 4,           # MSI-X: 3 from 4 on
                     2 << 35 | 1 << 32 | 7 << 16 | 0x77, 0xDADA],
            0x1100: [dfh(PRIVATE, 0x23, 0, version=1), *GUID, 0xFEED0001, 0x10 << 32]})
    (_, one, two), problem = walk(here)
    assert problem is None
    assert (one["csr_address"], one["csr_absolute"], one["csr_size"]) == (0x20, False, 0x2000)
    assert (one["instance"], one["group"], one["guid"]) == (9, 5, GUID_TEXT)
    msix, other = one["parameters"]
    assert (msix["msix_start"], msix["msix_count"]) == (4, 3)
    assert (other["id"], other["version"], other["data"]) == (0x77, 7, 0xDADA)
    assert (two["csr_address"], two["csr_absolute"]) == (0xFEED0000, True)
    assert "parameters" not in two
    text = here.good("opae", "mmio", "walk")
    assert "MSI-X: 3 vectors from 4 on" in text and "instance 9, group 5" in text
    assert "address 0xfeed0000, 0x10 bytes" in text and "parameter 0x77, version 7" in text


def test_children_of_an_afu(here, device):
    device({0x18: [0, 1 << 31, 5 << 35 | 1 << 32 | 2, *GUID, *GUID]},
           first=dfh(AFU, 0, 0, eol=True, version=1))
    (f,), problem = walk(here)
    assert problem is None and f["parameters"][0]["children"] == [GUID_TEXT] * 2
    assert here.good("opae", "mmio", "walk").count("child " + GUID_TEXT) == 2


V1 = dfh(PRIVATE, 0x15, 0, eol=True, version=1)
BROKEN = {
    "unaligned": ({0x1000: [dfh(PRIVATE, 1, 0x14)]}, 2, "+0x14, which is no multiple of 8"),
    "past the end": ({0x1000: [dfh(PRIVATE, 1, 0x7000)]}, 2, "at 0x8000, past the end of the region"),
    "far past the end": ({0x1000: [dfh(PRIVATE, 1, 0xFFFFF8)]}, 2, "past the end of the region"),
    "all ones": ({0x1000: [2**64 - 1]}, 1, "0x1000 is all ones"),
    "zero": ({}, 1, "0x1000 is zero"),
    "too many": ({o: [dfh(PRIVATE, 1, 8)] for o in range(0x1000, 0x8000, 8)}, 256,
                 "not ended after 256 features"),
    "GUID cut off": ({0x1000: [dfh(PRIVATE, 1, 0x6FF8)], 0x7FF8: [dfh(BBB, 1)]}, 3,
                     "0x8000 is past the end"),
    "version 1 cut off": ({0x1000: [dfh(PRIVATE, 1, 0x6FE0)], 0x7FE0: [V1, 0, 0, 0]}, 3,
                          "0x8000 is past the end"),
    "parameter without a next": ({0x1000: [V1, *GUID, 0, 1 << 31, 0x77]}, 2,
                                 "0x1028 is not the last, but names no next one"),
    "parameter past the end": ({0x1000: [V1, *GUID, 0, 1 << 31, 2**29 - 1 << 35 | 0x77]}, 2,
                               "is past the end of the region"),
    "parameter of ones": ({0x1000: [V1, *GUID, 0, 1 << 31, 2**64 - 1]}, 2, "all ones"),
    "parameters without end": ({0x1000: [V1, *GUID, 0, 1 << 31] + [1 << 35] * 100}, 2,
                               "more than 32 parameter blocks"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_broken_chains(here, device, what):
    words, count, reason = BROKEN[what]
    device(words)
    found, problem = walk(here)
    assert len(found) == count and reason in problem
    done = here.run("opae", "mmio", "walk")
    assert done.returncode == 1 and reason in done.stderr
    assert done.stdout.splitlines()[0].startswith("0x000000  v0 AFU")


def test_random_registers(here, device):
    """Whatever lies there, the walk ends by itself, with a reason unless the chain has an end."""
    server = device({})
    rng = random.Random(3)
    for _ in range(30):
        for offset in range(0, len(server.memory), 8):
            word = rng.choice([dfh(rng.randrange(6), rng.randrange(0x30), 8 * rng.randrange(1, 40),
                                   rng.random() < 0.02, version=rng.randrange(2)),
                               1 << 31, rng.randrange(6) << 35 | rng.randrange(3), rng.getrandbits(64)])
            struct.pack_into("<Q", server.memory, offset, word)
        # Who it is stays, or the token would be of another accelerator than the one that is opened.
        struct.pack_into("<3Q", server.memory, 0, dfh(AFU, 0, 0x20), 1, 2)
        found, problem = walk(here)
        assert problem or found[-1]["eol"] or not found[-1]["next"]


def test_a_device_that_goes_away_in_the_middle(here, device):
    def read(s, h, b, f):
        offset, region = struct.unpack_from("<QI", b)
        return False if (region, offset) == (0, 0x1008) else s.answer(h, b)

    server = device({0x1000: [dfh(PRIVATE, 1, 8)], 0x1008: [dfh(PRIVATE, 2)]})
    server.script[REGION_READ] = read
    found, problem = walk(here)
    assert len(found) == 2 and "0x1008 cannot be read: " in problem
    done = here.run("opae", "mmio", "dump", "-o", "0x1000", "-c", "4")
    assert done.returncode == 1 and "0 of 4 words were read" in done.stderr


def test_dump(here, device, folder):
    server = device({0x1000: [1, 2, 3], 0x1400: [4]})
    lines = here.good("opae", "mmio", "dump", "-o", "0x1000", "-c", "0x83").splitlines()
    assert lines == ["00001000  0000000000000001 0000000000000002",
                     "00001010  0000000000000003 0000000000000000",
                     "00001020  0000000000000000 0000000000000000", "*",
                     "00001400  0000000000000004 0000000000000000",
                     "00001410  0000000000000000", "00001418"]
    out = folder / "out.bin"
    here.good("opae", "mmio", "dump", "-f", "bin", "-O", str(out))
    assert out.read_bytes() == server.memory[:0x1000]  # 512 words, unless told
    here.good("opae", "mmio", "dump", "-f", "bin", "-O", str(out), "-c", "4096")
    assert out.read_bytes() == server.memory
    here.good("opae", "mmio", "dump", "-f", "bin", "-O", str(out), "-o", "0x7ff0")
    assert out.read_bytes() == server.memory[0x7FF0:]
    raw = subprocess.run([here.bin / "opae", "mmio", "dump", "-f", "bin", "-c", "2"], env=here.env,
                         stdout=subprocess.PIPE, check=True).stdout
    assert raw == server.memory[:16]


def test_output_that_gets_lost_is_a_failure(here, device):
    device({})
    done = here.run("opae", "mmio", "dump", "-O", "/dev/full")
    assert done.returncode == 1 and "/dev/full" in done.stderr
    done = here.run("/bin/sh", "-c", f"exec {here.bin}/opae mmio dump >/dev/full")
    assert done.returncode == 1 and "could not be written" in done.stderr
    read_end, write_end = os.pipe()
    os.close(read_end)
    p = subprocess.run([here.bin / "opae", "mmio", "dump"], env=here.env, stdout=write_end,
                       timeout=60)
    os.close(write_end)
    assert p.returncode != 0


def test_what_is_asked_wrong(here, device):
    device({0x1000: [dfh(PRIVATE, 1)]})
    for args, word in ((["walk", "-o", "0x8000"], "outside region 0"), (["walk", "-o", "4"], "of 8"),
                       (["walk", "-o"], "needs an argument"), (["walk", "7"], "no more words"),
                       (["walk", "-c", "1"], "'-c'"), (["walk", "-r", "1"], "region 1"),
                       (["walk", "-r", "0x100000000"], "out of range"),
                       (["walk", "-t", "fme"], "'fme'"), (["walk", "-o", "99999999999999999999"],
                        "no number"), (["dump", "--json"], "--json"), (["dump", "-c", "0"], "is 0"),
                       (["dump", "-c", "4097"], "4096 words"), (["dump", "-f", "oct"], "'oct'"),
                       (["dump", "-c", "18446744073709551615"], "4096 words"),
                       (["dump", "-O", "/no/such/folder/x"], "/no/such/folder/x"),
                       (["dump", "-o", "0xfffffffffffffff8"], "outside region 0"),
                       (["dump", "-x"], "'-x'"), (["jump"], "walk or dump"),
                       (["read", "-o", "0", "0"], "'-o'"), ([], "walk or dump")):
        done = here.run("opae", "mmio", *args)
        assert done.returncode in (1, 2) and word in done.stderr, (args, done.stderr)
        assert done.stdout == ""
    assert here.run("opae", "mmio", "walk", "-t", "device").returncode == 3
