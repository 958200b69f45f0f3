# SPDX-License-Identifier: BSD-3-Clause
"""opae temp and opae power where no kernel has sensors: what they say then. (With a kernel: tests/vm.)"""
import json

import pytest


@pytest.mark.parametrize("command", ["temp", "power"])
def test_no_card(here, command):
    done = here.run("opae", command)
    assert (done.returncode, done.stdout) == (3, "") and "opae list" in done.stderr
    done = here.run("opae", command, "--json")
    assert done.returncode == 3 and json.loads(done.stdout) == {"schema": 1, "cards": []}


@pytest.mark.parametrize("command", ["temp", "power"])
def test_a_card_without_sensors(machine, command):
    machine.good("opae", "emu", "start", "--board", "a10")
    address = json.loads(machine.good("opae", "list", "--json"))["devices"][0]["address"]
    done = machine.run("opae", command)
    assert (done.returncode, done.stdout) == (3, "")
    assert address in done.stderr and "not supported: the plugin" in done.stderr
    assert "docs/binding.md" in done.stderr
    done = machine.run("opae", command, "--json", address)
    card, = json.loads(done.stdout)["cards"]
    assert done.returncode == 3 and card["address"] == address and card["sensors"] == []
    assert "not supported" in card["problem"]


def test_usage(here):
    for args, word in ((["--jsn"], "'--jsn'"), (["0000:b1:00.0", "0000:b2:00.0"], "both")):
        done = here.run("opae", "temp", *args)
        assert done.returncode == 2 and word in done.stderr, args
    assert here.run("opae", "power", "nonsense").returncode == 2
    for command in ("temp", "power"):
        assert f"opae {command} [--json]" in here.good("opae", command, "--help")
        assert f"`opae {command} --help` shows how" in here.run("opae", command, "--x").stderr
    assert "--json" not in here.good("opae", "load", "--help")
