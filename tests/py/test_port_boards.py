# SPDX-License-Identifier: BSD-3-Clause
"""Accelerators in the ports of boards that have a management engine, driven by the samples."""
import pytest


@pytest.mark.parametrize("board", ["a10", "n6000", "port"])
@pytest.mark.parametrize("mmio", ["trap", "map"])
def test_exerciser_in_a_port(here, board, mmio):
    here.good("opae", "emu", "start", "--name", "card0", "--board", board, "--afu", "he-lb", "--mmio", mmio)
    out = here.good("host_exerciser", "lpbk", "--interrupt", "1")
    assert "PASSED" in out, out
    assert "PASSED" in here.good("host_exerciser", "lpbk", "-m", "trput")


def test_two_programs_share_a_board_in_turn(here):
    here.good("opae", "emu", "start", "--name", "card0", "--board", "n6000", "--afu", "nlb0,he-lb")
    for _ in range(3):
        assert "Test PASSED" in here.good("hello_fpga")
        assert "PASSED" in here.good("host_exerciser", "lpbk")


def test_by_object_id(here):
    """Two accelerators of one GUID at one address are told apart by their object ids."""
    here.good("opae", "emu", "start", "--name", "card0", "--board", "multi")
    done = here.run("opae", "mmio", "read", "0x8", "-d", "d8424dc4-a4a3-c413-f89e-433683f9040b")
    ids = [word for word in done.stderr.split() if word.startswith("0x")]
    assert done.returncode == 2 and len(ids) == 2, done.stderr
    for object_id in ids:
        assert here.good("opae", "mmio", "read", "0x8", "-d", object_id) == "0xf89e433683f9040b\n"
