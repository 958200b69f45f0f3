# SPDX-License-Identifier: BSD-3-Clause
"""The rig itself: what a guest has, and that each way to go wrong is told."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import fetch
import pytest
import rig
from rig import USER, RigError

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def guest(vm):
    cards = {"one": {}, "two": {"board": "n6000"}, "gone": {"faults": "gone"}}
    m = vm(edu=True, cards=cards, igb=True, hugepages=16)
    m.bind("edu")
    m.bind("one", owner=USER)
    m.bind("igb")
    m.sh("code", "echo out; echo err >&2; exit 7")
    m.sh("signal", "kill -SEGV $$")
    m.sh("hangs", "echo before; sleep 77 & sleep 77", limit_s=1)
    m.sh("nothing-left", "ps | grep -v grep | grep -c 'sleep 77' && exit 1; exit 0")
    m.sh("much", "seq 200000")
    m.sh("kernel-talks", "echo a; for i in 1 2 3; do echo '<1>noise' >/dev/kmsg; done; echo b")
    m.sh("user", "id -u; id -g; id -G; ulimit -l; echo $COLOUR; touch /tmp/a /dev/shm/a; ! touch /etc/a",
         uid=USER, env={"COLOUR": "a b'c"}, limits={"memlock": 65536})
    m.sh("groups", "for d in " + " ".join(m.address(d) for d in ("edu", "one", "two", "igb")) +
         "; do readlink -f /sys/bus/pci/devices/$d/iommu_group; done")
    m.sh("owners", "stat -c '%u' /dev/vfio/[0-9]*")
    m.sh("huge", "grep HugePages_Total /proc/meminfo; grep hugetlbfs /proc/mounts")
    m.sh("again", "cd /sys/bus/pci/devices; echo 1 >$CARD/remove; ! test -e $CARD; echo 1 >../rescan; "
         "cat $CARD/device", env={"CARD": m.address("two")})
    m.sh("virtual", f"cd /sys/bus/pci/devices/{m.address('igb')}; echo 2 >sriov_numvfs; "
         "for v in virtfn*; do readlink -f $v/iommu_group; done; echo 0 >sriov_numvfs")
    m.sh("gone", "cd /sys/bus/pci/devices/$CARD; echo 1 >enable; read at rest <resource; "
         "devmem $at 32; /rig/signal gone; until [ $(devmem $at 32) = 0xFFFFFFFF ]; do :; done; echo gone",
         env={"CARD": m.address("gone")}, limit_s=60)
    return m.run()


def test_exit_code_and_output(guest):
    assert (guest["code"].rc, guest["code"].output) == (7, "out\nerr\n")
    assert guest["signal"].rc == 128 + signal.SIGSEGV


def test_a_command_ends_at_its_limit(guest):
    hangs = guest["hangs"]
    assert hangs.late and hangs.output == "before\n" and 0.9 < hangs.seconds < 30
    guest["nothing-left"].good()


def test_long_output_arrives_whole(guest):
    assert guest["much"].good() == "".join(f"{i}\n" for i in range(1, 200001))


def test_the_kernels_messages_are_apart(guest):
    talks = guest["kernel-talks"]
    assert talks.good() == "a\nb\n" and talks.dmesg.count("noise") == 3
    assert "noise" not in guest["code"].dmesg and guest.dmesg.count("noise") == 3


def test_an_ordinary_user(guest):
    uid, gid, gids, memlock, colour = guest["user"].output.split("\n")[:5]
    assert (uid, gid, gids, memlock, colour) == ("1000", "1000", "1000", "64", "a b'c")
    assert guest["user"].rc == 0


def test_each_device_has_its_own_group(guest):
    groups = guest["groups"].good().split()
    assert len(set(groups)) == 4 and all("iommu_groups" in g for g in groups)
    assert sorted(guest["owners"].good().split()) == ["0", "0", "1000"]


def test_a_card_goes_and_comes_back(guest):
    assert guest["again"].good() == "0xbcce\n"


def test_a_card_fails_when_the_guest_says_so(guest):
    assert guest["gone"].good().split("\n")[1] == "gone" and "0xFFFFFFFF" not in guest["gone"].output


def test_virtual_functions_of_a_device_that_vfio_pci_has(guest):
    assert len(set(guest["virtual"].good().split())) == 2


def test_hugepages(guest):
    assert re.search(r"HugePages_Total:\s+16$", guest["huge"].good(), re.M)


def test_a_guest_that_hangs_is_ended(vm):
    """Here what watches over the command is itself stopped; the rest is reported as not finished."""
    m = vm()
    m.sh("hangs", "kill -STOP $PPID", limit_s=1)
    m.sh("never", "exit 0")
    results = m.run(grace_s=2)
    assert results["hangs"].rc is None and results["never"].rc is None
    with pytest.raises(AssertionError, match="did not get to the end"):
        results["hangs"].good()


def test_a_boot_that_takes_too_long_is_ended(vm):
    before = time.monotonic()
    with pytest.raises(RigError, match="did not come up"):
        vm().run(deadline_s=1)
    assert time.monotonic() - before < 60


def test_a_panic_is_told(vm):
    m = vm()
    m.sh("panic", "echo c >/proc/sysrq-trigger")
    results = m.run(deadline_s=300)
    assert results["panic"].rc is None and "anic" in results["panic"].output


def test_a_setup_that_fails_is_told(vm):
    m = vm(edu=True)
    m.bind("edu", driver="no-such-driver")
    with pytest.raises(RigError, match="not bound to no-such-driver"):
        m.run(deadline_s=300)


def children(pid):
    return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_nothing_outlives_a_rig_that_is_killed(vm, tmp_path):
    """Not even by SIGKILL, after which nobody can clean up."""
    script = ("import sys; sys.path.insert(0, sys.argv[1]); import rig\n"
              "m = rig.Machine(cards={'one': {}}); m.sh('x', 'sleep 1000', limit_s=1000); m.run()")
    p = subprocess.Popen([sys.executable, "-c", script, str(HERE)],
                         env={**os.environ, "TMPDIR": str(tmp_path)})
    try:
        end = time.monotonic() + 120
        while len(children(p.pid)) < 2 or not list(tmp_path.glob("*/results")):
            assert time.monotonic() < end and p.poll() is None
            time.sleep(0.05)
        left = children(p.pid)
    finally:
        p.kill()
        p.wait()
    end = time.monotonic() + 60
    while any(alive(pid) for pid in left):
        assert time.monotonic() < end, "QEMU or a card is still there"
        time.sleep(0.05)


def test_a_killed_rigs_folder_goes_later(vm, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (old, dead), (new, held) = rig.work_folder(), rig.work_folder()
    dead.close()
    os.utime(old / "lock", (0, 0))
    os.utime(new / "lock", (0, 0))
    rig.work_folder()[1].close()
    assert not old.exists() and new.exists()
    held.close()


def alive(pid):
    """A zombie that nobody has collected holds nothing any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


# ---- the cache, without a network ----

def test_a_half_made_thing_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setenv("OPAEX_VM_CACHE", str(tmp_path / "cache"))
    calls = []

    def maker(work):
        calls.append(work)
        (work / "out").mkdir()
        if len(calls) == 1:
            raise fetch.Unavailable("cut off")
        return "1:2", work / "out"

    with pytest.raises(fetch.Unavailable):
        fetch.made("thing", "key", maker)
    (tmp_path / "cache/thing.tmp.dead").mkdir()
    made = fetch.made("thing", "key", maker)
    assert made.is_dir() and ":" not in str(made) and made == fetch.made("thing", "key", maker)
    assert len(calls) == 2 and not list((tmp_path / "cache").glob("*.tmp.*"))
    assert fetch.cached("thing", "other recipe") is None


def test_two_that_want_the_same_make_it_once(tmp_path):
    script = ("import sys, time; sys.path.insert(0, sys.argv[1]); import fetch\n"
              "def maker(work):\n"
              "    open(sys.argv[2], 'a').write('x'); time.sleep(0.5); (work / 'out').mkdir()\n"
              "    return '1', work / 'out'\n"
              "fetch.made('thing', 'key', maker)")
    log = tmp_path / "log"
    env = {**os.environ, "OPAEX_VM_CACHE": str(tmp_path / "cache")}
    both = [subprocess.Popen([sys.executable, "-c", script, str(HERE), str(log)], env=env) for _ in "ab"]
    assert [p.wait(30) for p in both] == [0, 0] and log.read_text() == "x"


DEB822 = """Types: deb
# URIs: http://commented.example/debian
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/a.gpg

Types: deb deb-src
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
Enabled: no
URIs: http://off.example/debian
Suites: trixie
Components: main
"""


def test_mirrors_are_the_machines_own(tmp_path):
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d/debian.sources").write_text(DEB822)
    (tmp_path / "sources.list").write_text(
        "# deb http://commented.example/debian sid main\n"
        "deb [arch=amd64 signed-by=/k.gpg] http://line.example/debian sid main\n"
        "deb-src http://s.example/ sid main\n")
    assert fetch.mirrors("bookworm", tmp_path) == (
        "deb [signed-by=/usr/share/keyrings/a.gpg] http://mirror.example/debian",
        "deb http://mirror.example/security")
    assert fetch.mirrors("sid", tmp_path) == ("deb [signed-by=/k.gpg] http://line.example/debian", None)
    with pytest.raises(fetch.Unavailable, match="no source for trixie"):
        fetch.mirrors("trixie", tmp_path)


@pytest.mark.skipif(not shutil.which("apt-get"), reason="there is no apt-get")
def test_no_packages_is_a_reason(tmp_path):
    with pytest.raises(fetch.Unavailable, match="apt-get update failed"):
        fetch.Apt(tmp_path / "apt", ["deb http://127.0.0.1:1/debian trixie main"])
