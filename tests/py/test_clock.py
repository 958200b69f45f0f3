# SPDX-License-Identifier: BSD-3-Clause
"""opae clock, and userclk as OPAE's: what they take, and what they say where there is no clock. With clocks
they run in a virtual machine."""
import json
import re

import pytest

INVALID_PARAM, EXCEPTION, NOT_FOUND, NOT_SUPPORTED = 1, 3, 4, 6


def opae(machine, *args):
    return machine.run("opae", "clock", *args)


@pytest.mark.parametrize("args,word", [
    (["--high"], "--high needs a number"), (["--high", "x"], "'x' is no number"),
    (["--low", "0"], "'0' is no number"), (["--low", "-3"], "'-3' is no number"),
    (["--fast"], "no option '--fast'"),
    (["b1:00.0", "b2:00.0"], "nothing is both"),
])
def test_usage(here, args, word):
    done = opae(here, *args)
    assert done.returncode == 2 and word in done.stderr, done.stderr


def test_nothing_there(here):
    done = opae(here)
    assert done.returncode == 3 and "opae list" in done.stderr
    assert opae(here, "--high", "200").returncode == 3


def test_emulated_card_without_a_kernel(machine):
    """v-opae has no user clock, and says so."""
    machine.start()
    for args in ([], ["--high", "200"], ["8000:00:00.0", "--low", "100", "--high", "200"]):
        done = opae(machine, *args)
        assert done.returncode == 1 and "not supported" in done.stderr and not done.stdout, done
        assert "8000:00:00.0" in done.stderr and "docs/binding.md" in done.stderr
        assert "fpgaSetUserClock" not in done.stderr and "fpgaGetUserClock" not in done.stderr
    done = opae(machine, "--json")
    assert done.returncode == 1 and json.loads(done.stdout) == {"schema": 1, "clocks": []}


def test_one_clock_is_set_at_a_time(here):
    here.start()
    here.start("card1", "hello")
    done = opae(here, "--high", "200")
    assert done.returncode == 2 and "2 accelerators fit" in done.stderr


def test_help(here):
    assert "--high MHZ" in here.good("opae", "clock", "--help")


# ---- userclk ----

def userclk(machine, *args):
    return machine.run("userclk", *args)


def test_userclk_words(here):
    """Codes and output are those of OPAE's program."""
    done = userclk(here)
    assert done.returncode == 1 and "usage: userclk" in done.stdout
    for word in ("-h", "--help"):
        done = userclk(here, word)
        assert done.returncode == EXCEPTION and "-H,--freq-high" in done.stdout
    for word in ("-v", "--version"):
        done = userclk(here, word)
        assert done.returncode == EXCEPTION and re.match(r"userclk \d+\.\d+", done.stdout)
    for words in (["-x"], ["--fast"], ["-H"]):
        done = userclk(here, *words)
        assert done.returncode == EXCEPTION and done.stdout == "Invalid cmdline options.\n"
    for words in (["-H", "fast"], ["-L", "1.5"], ["-B", "q"]):
        done = userclk(here, *words)
        assert done.returncode == EXCEPTION and done.stderr.startswith("userclk: ")


def test_userclk_without_a_card(here):
    done = userclk(here, "-B", "0xb1")
    assert done.returncode == NOT_FOUND and "FPGA Resource not found" in done.stderr
    assert "\n Freq High             : -1\n Freq Low              : -1\n" in done.stdout


def test_userclk_without_a_clock(machine):
    machine.start()
    for words in (["-F", "0"], ["8000:00:00.0"], ["-H", "200"], ["-H400", "--freq-low=200"]):
        done = userclk(machine, *words)
        assert done.returncode == NOT_SUPPORTED and "AFU Resource found.\n" in done.stdout, done
        assert "fpgaGetUserClock: not supported" in done.stderr
    done = userclk(machine, "-H", "300", "-L", "100")
    assert done.returncode == INVALID_PARAM and "(2 * Low freq)" in done.stderr
    done = userclk(machine, "-H", "0")
    assert done.returncode == INVALID_PARAM and "one or both" in done.stderr
