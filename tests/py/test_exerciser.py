# SPDX-License-Identifier: BSD-3-Clause
"""The sample host_exerciser on the emulated host exercisers, and what each card is called."""
import json
import os
import re
import signal
import subprocess

import pytest
from opaed import Daemon, soon

KINDS = [("he-lb", "lpbk"), ("he-mem", "mem")]
RUN = re.compile(r"^(\w+) +(cl_\d+) +((?:[a-z]+_\d)?) +"
                 r"(\d+) reads, (\d+) writes, (\d+) clocks, ([\d.]+) GB/s$", re.M)


@pytest.mark.parametrize("mmio", ["trap", "map"])
@pytest.mark.parametrize("board, command", KINDS)
def test_everything(machine, board, command, mmio):
    machine.start(board=board, mmio=mmio)
    out = machine.good("host_exerciser", "--testall", command)
    runs = RUN.findall(out)
    assert len(runs) == 4 * 5 + 6 and "Test PASSED" in out
    for mode, _, atomic, reads, writes, clocks, bandwidth in runs:
        assert int(reads) == (0 if mode == "write" else 1024)
        assert int(writes) == (0 if mode == "read" else 1024)
        assert int(clocks) > 0 and float(bandwidth) > 0
    assert [r[2] for r in runs if r[2]] == ["fadd_4", "fadd_8", "swap_4", "swap_8", "cas_4", "cas_8"]


@pytest.mark.parametrize("options", [
    ["-m", "trput", "--interleave", "2", "--cls", "cl_16", "--interrupt", "3"],
    ["--atomic", "cas_4", "--interrupt", "0"],
    ["-d", "--cls", "cl_4"],
    ["-s", "-t", "5000", "--mode", "write"],
])
@pytest.mark.parametrize("board, command", KINDS)
def test_options(here, board, command, options):
    here.start(board=board)
    assert "Test PASSED" in here.good("host_exerciser", *options, command, "8000:00:00.0")


def test_continuous(here):
    here.start(board="he-lb")
    runs = RUN.findall(here.good("host_exerciser", "--continuous", "1", "--cls", "cl_8", "lpbk"))
    assert len(runs) == 1 and int(runs[0][3]) > 1024
    assert "Test PASSED" in here.good("host_exerciser", "lpbk")  # and it is idle again


@pytest.mark.parametrize("args, word", [
    ([], "usage"),
    (["other"], "usage"),
    (["--cls", "cl_3", "lpbk"], "cl_16"),
    (["--mode", "up", "lpbk"], "trput"),
    (["--atomic", "add", "lpbk"], "fadd_4"),
    (["--atomic", "fadd_4", "-m", "read", "lpbk"], "cl_1"),
    (["--interleave", "3", "lpbk"], "0 to 2"),
    (["--continuous", "0", "lpbk"], "1 to 3600"),
    (["--interleave", "1", "lpbk"], "--mode trput"),
    (["--interleave", "1", "-m", "read", "lpbk"], "--mode trput"),
    (["--testall", "--cls", "cl_4", "lpbk"], "not with --mode, --cls"),
    (["lpbk", "8000:00:00.0", "8001:00:00.0"], "usage"),
    (["-t", "x", "lpbk"], "number"),
    (["--none", "lpbk"], "usage"),
])
def test_bad_use(here, args, word):
    done = here.run("host_exerciser", *args)
    assert done.returncode == 2 and word in done.stderr, done.stderr


def test_no_such_card(here):
    here.start(board="he-lb")
    done = here.run("host_exerciser", "mem")
    assert done.returncode == 1 and "No host exerciser 8568AB4E" in done.stderr
    done = here.run("host_exerciser", "--interrupt", "99", "lpbk")
    assert done.returncode == 1 and "vector 99" in done.stderr and "Test FAILED" in done.stdout


@pytest.fixture
def opaed(here):
    d = Daemon(here)
    yield d
    assert d.stop() == 0, d.log


FAR = {"plugins": ["far"], "configurations": {"far": {"enabled": True, "plugin": "libtcp-opae.so"}}}


def amid_a_run(here, env, args):
    """The program, after its card was killed. A card is in use also while a program only looks at it: a
    program that had not opened it yet says so, and is left."""
    for name in ["card0", "card1", "card2", "card3", "card4"]:
        here.start(name=name, board="he-lb")
        pid = json.loads(here.good("opae", "emu", "list", "--json"))["cards"][0]["pid"]
        job = subprocess.Popen([here.bin / "host_exerciser", "-t", "3600000", *args, "lpbk"], env=env,
                               text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        soon(lambda job=job: job.poll() is not None or "in use" in here.good("opae", "list"), 30)
        os.kill(pid, signal.SIGKILL)
        out, err = job.communicate(timeout=60)
        here.run("opae", "emu", "stop", name)
        if "No host exerciser" not in err and not err.startswith("open: "):
            break
    return job.returncode, out, err


@pytest.mark.parametrize("args", [["--continuous", "3600"], ["--continuous", "3600", "--interrupt", "1"],
                                  ["--testall", "--continuous", "1"]])
@pytest.mark.parametrize("way", ["here", "far"])
def test_a_card_that_dies(here, opaed, way, args):
    """It ends with the reason, long before the time that a run may take."""
    env = dict(here.env)
    if way == "far":
        FAR["configurations"]["far"]["configuration"] = {"hosts": [f"127.0.0.1:{opaed.ports[0]}"]}
        env.update(here.config(json.dumps(FAR)))
    returncode, out, err = amid_a_run(here, env, args)
    assert returncode == 1 and out.endswith("Test FAILED\n") and "exception" in err, out + err
    assert len(err.splitlines()) < 8, err  # and not again for each of the runs that it leaves out


def test_names(here):
    for n, board in enumerate(["he-lb", "he-mem", "script", "poller"]):
        here.start(name=f"card{n}", board=board)
    lines = here.good("opae", "list").splitlines()
    for line, name in zip(lines, ["HE-LB", "HE-MEM", "script", "poller"]):
        assert line.endswith(name)
