# SPDX-License-Identifier: BSD-3-Clause
"""What memories begin with: .mif and Intel .hex files, in a simulation and by themselves."""
import os
import shutil
import subprocess
import sys

import pytest
from conftest import SOURCE, ase_build
from simulation import Simulation

sys.path.insert(0, str(SOURCE / "sim/build"))

from ase_build import init_files, intel_hex, mif  # noqa: E402
from ase_build.complaint import Complaint  # noqa: E402

AT, ROM, WORDS, TWELVE, HALVES, PAIRS = 0x80, 0x100, 0x108, 0x110, 0x118, 0x120
MIF = [0x1111, 0x2222, 0x1111, 0x2222, 0xabcd, 1, 2, 0xf00f] + [0] * 8
HEX = [0xdeadbeef, 0x1234567, 0xcafef00d, 0x8badf00d] + [0] * 11 + [1]


@pytest.fixture(scope="module")
def roms(tmp_path_factory):
    """The AFU, to be changed, and its simulation."""
    folder = tmp_path_factory.mktemp("roms")
    shutil.copytree(SOURCE / "tests/sim/roms", folder / "afu")
    build(folder)
    return folder


def build(folder):
    return ase_build("-o", folder / "sim", folder / "afu/sources.txt").stderr


def word_at(client, memory, address):
    client.write64(AT, address)
    return client.read64(memory)


def test_memories_begin_with_their_files(roms, folder):
    """Wherever the simulation runs."""
    simulation = Simulation(roms / "sim", folder)
    client = simulation.client()
    for memory, words in ((ROM, MIF), (WORDS, HEX), (TWELVE, range(0xf00, 0xef0, -1)), (PAIRS, MIF),
                          (HALVES, [half for word in MIF[:8] for half in (word & 0xff, word >> 8)])):
        assert [word_at(client, memory, n) for n in range(16)] == list(words), hex(memory)
    assert simulation.end() == 0, simulation.err


def refusal(roms, folder):
    """What the simulation says that does not begin. It leaves no socket, and has told nobody of it."""
    env = {**os.environ, "ASE_WORKDIR": str(folder)}
    done = subprocess.run([roms / "sim", "--socket", folder / "s.sock"], cwd="/", env=env, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert not {"s.sock", "s.sock.ctl", ".ase_ready.pid"} & {path.name for path in folder.iterdir()}
    return done.stderr


# (file, its content or None: there is none, what is said of it)
UNFIT = {
    "missing": ("rom.mif", None, "there is no such file: name the .mif or .hex in sources.txt, or put it"),
    "another width": ("rom.mif", "WIDTH = 32; DEPTH = 1; CONTENT BEGIN 0 : 0; END;",
                      "rom.mif has WIDTH = 32, and the memory has another width"),
    "a width of as many bytes": ("rom.mif", "WIDTH = 12; DEPTH = 1; CONTENT BEGIN 0 : 0; END;",
                                 "rom.mif has WIDTH = 12, and the memory has another width"),
    "too many": ("words.hex", ":0400100000000000EC\n:00000001FF\n",
                 "it has 17 words: make the file shorter or the memory larger"),
    "narrow": ("words.hex", ":020000000000FE\n:00000001FF\n",
               "words.hex has records of 2 bytes, which are no whole words of this memory"),
    "bytes": ("words.hex", ":0400000000000000FC\n:0400040000000000F8\n:00000001FF\n",
              "words.hex has an address for each byte, and is for words of 8 bits"),
    "broken": ("words.hex", "0000\n", "words.hex:1: it is no record of Intel HEX"),
}


@pytest.mark.parametrize("case", UNFIT)
def test_a_file_that_a_memory_cannot_begin_with(roms, folder, case):
    name, content, message = UNFIT[case]
    path = roms / "afu" / name
    before = path.read_text()
    try:
        path.unlink()
        if content is not None:
            path.write_text(content)
        told = build(roms)
        said = refusal(roms, folder)
    finally:
        path.write_text(before)
    assert 'init_file "' in said and message in said, said
    assert (message in told) == (case == "broken"), "what no width would help is told by the build as well"
    build(roms)
    simulation = Simulation(roms / "sim", folder)
    assert simulation.end() == 0


# ---- .mif ----

def dense(words):
    count, by_address = words
    assert max(by_address, default=0) < count
    return [by_address.get(n, 0) for n in range(count)]


def mif_of(text):
    ((bits, words),) = mif.read(text, "a.mif")[0].items()
    return int(bits), dense(words)


@pytest.mark.parametrize("settings,entries,words", [
    ("WIDTH=8;DEPTH=4;", "0:1;1:a;2:FF;3:0;", [1, 10, 255, 0]),
    ("width = 8;\ndepth = 4;\naddress_radix = dec;\ndata_radix = uns;", "[1..3] : 10;", [0, 10, 10, 10]),
    ("WIDTH=4;DEPTH=10;ADDRESS_RADIX=BIN;DATA_RADIX=OCT;", "[0..1] : 17; 1000 : 1 2;",
     [15, 15, 0, 0, 0, 0, 0, 0, 1, 2]),
    ("DATA_RADIX=DEC;WIDTH=8;DEPTH=3;", "0 : -1 -128 127;", [255, 128, 127]),
    ("WIDTH=8;DEPTH=3;DATA_RADIX=BIN;", "-- 0 : 11; \n% 1 : 1;\n2 : 1; % 0 : 101;", [5, 0, 0]),
    ("WIDTH=65;DEPTH=1;", "0:1FFFFFFFFFFFFFFFF;", [(1 << 65) - 1])])
def test_mif(settings, entries, words):
    assert mif_of(f"{settings} CONTENT BEGIN {entries} END;\n")[1] == words


@pytest.mark.parametrize("text,message", [
    ("WIDTH=8;\nCONTENT BEGIN END;", "a.mif:2: DEPTH is to be given before CONTENT, as a number from 1"),
    ("WIDTH=8;DEPTH=99999999999; CONTENT BEGIN END;", "a.mif:1: DEPTH is to be given"),
    ("WIDTH=8 DEPTH=4;", "a.mif:1: 'DEPTH' where ; is wanted"),
    ("DATA_RADIX=XYZ;", "a.mif:1: DATA_RADIX is one of HEX, BIN"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN\n4:0;", "a.mif:2: 4 is not within 0 and 3"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN\n0:100;", "a.mif:2: 100 is not within 0 and 255"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN\n\n0:0X;", "a.mif:3: '0X' is no number of DATA_RADIX = HEX"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN 3:0 1;", "a.mif:1: there are more values than DEPTH = 4 has room for"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN [2..1]:0;", "a.mif:1: the range ends before it begins"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN\n0:1", "a.mif:2: it ends where more is wanted"),
    ("WIDTH=8;DEPTH=4;CONTENT BEGIN 0:1;", "a.mif:1: it ends where more is wanted"),
    ("", "it ends where WIDTH or DEPTH")])
def test_a_mif_that_is_broken(text, message):
    with pytest.raises(Complaint) as e:
        mif.read(text, "a.mif")
    assert message in str(e.value)


# ---- Intel HEX ----

LAST = ":00000001FF\n"


def test_a_hex_file_is_read_as_the_memory_is_wide():
    by_bytes, _ = intel_hex.read(":0400000001020304F2\n:0400020005060708E0\n" + LAST, "a.hex")
    assert dense(by_bytes["4bytes"]) == [0x1020304, 0, 0x5060708]
    assert dense(by_bytes["2bytes"]) == [0x102, 0x304, 0x506, 0x708]
    assert sorted(by_bytes) == ["1bytes", "2bytes", "4bytes"]


@pytest.mark.parametrize("base", [":020000021000EC\n", ":020000040001F9\n"])
def test_addresses_of_more_than_16_bits(base):
    by_bytes, _ = intel_hex.read(base + ":0100020007F6\n" + LAST, "a.hex")
    assert by_bytes["1bytes"] == (0x10003, {0x10002: 7})


@pytest.mark.parametrize("text,message", [
    (":0100000007F7\n" + LAST, "a.hex:1: the checksum is F7, and F8 would be right"),
    ("\n:0200000007F7\n" + LAST, "a.hex:2: the record says 2 bytes and has 1"),
    (":01\n" + LAST, "a.hex:1: it is no record of Intel HEX"),
    ("@0 1234\n", "a.hex:1: it is no record of Intel HEX"),
    (":0000000 7F9\n", "a.hex:1: it is no record"),
    (":00000007F9\n", "a.hex:1: there is no record of the type 07"),
    (":0100000007F8\n", "a.hex: the record :00000001FF, which is the last, is missing"),
    (":02000004FFFFFC\n:0100000007F8\n" + LAST, "a.hex:1: its address is above 1000000"),
    (LAST, "a.hex: it has no data")])
def test_a_hex_file_that_is_broken(text, message):
    with pytest.raises(Complaint) as e:
        intel_hex.read(text, "a.hex")
    assert message in str(e.value)


# ---- which file ----

def test_files_of_one_name(tmp_path):
    """That of the list goes before those beside the sources; of two others neither is taken."""
    for folder in "a", "b":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.hex").write_text(":0100000007F8\n" + LAST)
    a, b = tmp_path / "a", tmp_path / "b"
    told = []
    assert "x.hex.1bytes" in init_files.contents([a / "x.hex"], [b], told.append)
    made = init_files.contents([], [a, b, a], told.append)
    assert list(made) == ["x.hex"]
    assert "have one name: name the one that is meant in the list" in made["x.hex"]
    assert not told
