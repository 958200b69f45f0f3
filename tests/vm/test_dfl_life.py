# SPDX-License-Identifier: BSD-3-Clause
"""The local plugin on the kernel's own DFL driver: who may open what, and what goes and comes back."""
import pytest
from rig import BUILD

PROGRAM = BUILD / "tests/vm/guest/vm-test-dfl-life"
PLUGIN = BUILD / "plugins/local/libxfpga.so"


def run(dfl_vm, what):
    m = dfl_vm(cards={"a10": {"board": "a10"}}, dfl=True, hugepages=8)
    m.bind("a10", driver="dfl-pci")
    m.include(PLUGIN)
    m.add(what, [PROGRAM, what], limit_s=60, env={
        "OPAE_EXPLICIT_INITIALIZE": "1", "CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAEX_PLUGIN_DIR": PLUGIN.parent,
        "OPAE_TEST_CARD": m.address("a10")})
    return m.run(deadline_s=400)[what]


@pytest.mark.parametrize("what, cases", [("life", 6), ("unbound", 1), ("removed", 1)])
def test_what_goes_and_comes_back(dfl_vm, what, cases):
    assert run(dfl_vm, what).tap() == cases
