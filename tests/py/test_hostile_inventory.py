# SPDX-License-Identifier: BSD-3-Clause
"""The inventory in a place that is not as it should be: whatever is wrong with the directory or the
files in it, cards are found and opened as without an inventory, and nothing is written that follows
somebody's link."""
import json
import os
import pwd
import random
import shutil
import struct
import subprocess

import pytest
from conftest import ORDINARY, Machine

GUID = "d8424dc4-a4a3-c413-f89e-433683f9040b"
ROOT = os.geteuid() == 0


@pytest.fixture
def rig(here):
    here.start()
    here.inventory = here.folder / "inventory"
    return here


def works(machine):
    """The card is found, opened, and found again."""
    for _ in range(2):
        (d,) = json.loads(machine.good("opae", "list", "--json"))["devices"]
        assert (d["guid"], d["state"]) == (GUID, "free")
    assert machine.good("opae", "mmio", "read", "0x8").strip() == "0xf89e433683f9040b"


def remembered(machine):
    """The files are as they should be: a new process learns of the card from them."""
    data = (machine.inventory / "inventory").read_bytes()
    assert data[:8] == b"APAEInv2" and b"card0.sock" in data
    assert sorted(os.listdir(machine.inventory)) == ["holders", "inventory"]


def test_it_is_made(rig):
    works(rig)
    remembered(rig)
    assert rig.inventory.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in rig.inventory.iterdir()} == {0o600}


# ---- the directory ----

@pytest.mark.skipif(not ROOT, reason="needs a second user")
def test_of_somebody_else(rig):
    rig.inventory.mkdir(mode=0o700)
    os.chown(rig.inventory, pwd.getpwnam(ORDINARY).pw_uid, 0)
    works(rig)
    assert os.listdir(rig.inventory) == []


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o1777])
def test_others_may_write_there(rig, mode):
    rig.inventory.mkdir()
    rig.inventory.chmod(mode)
    works(rig)
    assert os.listdir(rig.inventory) == []


def test_a_link_in_its_place(rig):
    other = rig.folder / "other"
    other.mkdir(mode=0o700)
    rig.inventory.symlink_to(other)
    works(rig)
    assert os.listdir(other) == []


def test_a_file_in_its_place(rig):
    rig.inventory.write_text("mine")
    works(rig)
    assert rig.inventory.read_text() == "mine"


def test_nothing_can_be_made_there(rig):
    rig.env["OPAEX_INVENTORY_DIR"] = "/proc/no/such"
    works(rig)


def test_read_only(installed, folder):
    """As an ordinary user, for root may write everywhere."""
    m = Machine(installed, folder, pwd.getpwnam(ORDINARY) if ROOT else None)
    try:
        m.start()
        m.inventory = folder / "inventory"
        m.inventory.mkdir()
        if m.user:
            os.chown(m.inventory, m.user.pw_uid, m.user.pw_gid)
        m.inventory.chmod(0o500)
        works(m)
        assert os.listdir(m.inventory) == []
    finally:
        m.run("opae", "emu", "stop", "--all")
        m.inventory.chmod(0o700)


@pytest.mark.skipif(not ROOT, reason="only root mounts")
def test_full(rig):
    rig.inventory.mkdir(mode=0o700)
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k,mode=700", "none",
                            rig.inventory], stderr=subprocess.DEVNULL)
    if mount.returncode:
        pytest.skip("nothing can be mounted here")
    try:
        (rig.inventory / "filler").write_bytes(b"x" * 16384)
        works(rig)
        assert "inventory" not in os.listdir(rig.inventory)
        assert len(os.listdir(rig.inventory)) <= 2  # no half of one either
        (rig.inventory / "filler").unlink()
        works(rig)
        remembered(rig)
    finally:
        subprocess.run(["umount", rig.inventory], check=True)


# ---- the files ----

def test_links_in_place_of_the_files(rig):
    rig.inventory.mkdir(mode=0o700)
    victim = rig.folder / "victim"
    victim.write_text("mine")
    for name in ("inventory", "holders"):
        (rig.inventory / name).symlink_to(victim)
    works(rig)
    assert victim.read_text() == "mine"
    (rig.inventory / "holders").unlink()
    works(rig)
    assert victim.read_text() == "mine"
    remembered(rig)  # the link itself was replaced


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda p: p.symlink_to(p)],
                         ids=["pipe", "directory", "link to itself"])
@pytest.mark.parametrize("name", ["inventory", "holders"])
def test_other_things_in_place_of_the_files(rig, name, make):
    rig.inventory.mkdir(mode=0o700)
    make(rig.inventory / name)
    works(rig)


def cut(data, rng):
    return data[:rng.randrange(len(data))]


def flip(data, rng):
    changed = bytearray(data)
    changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def other_version(data, rng):
    return b"APAEInv2" + data[8:]


def other_records(data, rng):
    return data[:8] + struct.pack("<I", struct.unpack_from("<I", data, 8)[0] - 8) + data[12:]


def more_records(data, rng):
    return data[:12] + struct.pack("<I", 0xFFFFFFFF) + data[16:]


@pytest.mark.parametrize("damage", [cut, flip, other_version, other_records, more_records,
                                    lambda d, r: d + b"\0", lambda d, r: b"", lambda d, r: b"\0" * 9999,
                                    lambda d, r: r.randbytes(5000), lambda d, r: d + d[24:]],
                         ids=["cut", "flip", "version", "record size", "count", "longer", "empty", "zeros",
                              "noise", "twice"])
def test_damaged(rig, damage):
    works(rig)
    path = rig.inventory / "inventory"
    good, rng = path.read_bytes(), random.Random(3)
    for _ in range(6 if damage in (cut, flip) else 1):
        path.write_bytes(damage(good, rng))
        works(rig)
        remembered(rig)


def test_a_file_of_another_boot(rig):
    """The same path, another socket: what was known is of another device."""
    works(rig)
    rig.good("opae", "emu", "stop", "card0")
    rig.start(board="hello")
    (d,) = json.loads(rig.good("opae", "list", "--json"))["devices"]
    assert d["guid"].startswith("850adcc2")


def test_writers_that_died(rig):
    """Halves of files that somebody left behind hurt nobody, and a number that comes again is no obstacle."""
    rig.inventory.mkdir(mode=0o700)
    for pid in range(1, 40000, 7):
        (rig.inventory / f"inventory.{pid}").write_bytes(b"half")
    works(rig)
    assert (rig.inventory / "inventory").read_bytes()[:8] == b"APAEInv2"
    shutil.rmtree(rig.inventory)
