# SPDX-License-Identifier: BSD-3-Clause
"""The samples on PCIe SS streams, driven by the programs that drive them on CCI-P."""
import os
import subprocess

import pytest
from conftest import BUILD
from simulation import Simulation

ORDERS = {
    "strict": (),
    "pauses": ("+tlp-stall=30", "+tlp-split=50"),
    "shuffled": ("--order", "shuffle:7", "--seed", "7"),
    "shuffled-pauses": ("--order", "shuffle:8", "+tlp-stall=40", "+tlp-split=60"),
}


@pytest.fixture(params=ORDERS)
def run(request, built, folder):
    def start(afu, *program):
        command = [built(f"samples/afu/{afu}/pcie-ss"), *ORDERS[request.param]]
        env = {**os.environ, "OPAE_ASE_EXEC": " ".join(map(str, command))}
        done = subprocess.run([BUILD / "samples" / program[0], *program[1:]], cwd=folder, env=env, text=True,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=300, check=False)
        assert done.returncode == 0, done.stdout
        assert (folder / "ccip_warning_and_errors.txt").read_text() == ""
        assert (folder / "ase_memory_error.log").read_text() == ""
        return done.stdout

    return start


def test_hello_afu(run):
    run("hello_afu", "hello_afu")


@pytest.mark.parametrize("size", [64, 4096, 192 * 1024 + 64])
def test_copy(run, size):
    assert f"{size} bytes in " in run("copy", "afu/afu_copy", str(size))


def test_stream(run):
    assert "Test PASSED" in run("stream", "afu/afu_stream", "12800", "77")


@pytest.mark.parametrize("option", ["+tlp-stall=200", "+tlp-split=x"])
def test_an_option_that_is_wrong(built, folder, option):
    with pytest.raises(AssertionError) as e:
        Simulation(built("samples/afu/hello_afu/pcie-ss"), folder, option)
    assert str(e.value) == f"hello_afu: {option}: a number from 0 to 99 is wanted\n"
