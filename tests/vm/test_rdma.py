# SPDX-License-Identifier: BSD-3-Clause
"""libfabric's provider verbs, by soft RoCE: the unit tests of a fabric."""
import pytest
import rdma
from rig import BUILD, USER

FABRIC = ["fabric", "fabric_moves"]
LIMITS = {"memlock": 512 << 20}


@pytest.fixture(scope="module")
def guest(rdma_vm):
    m = rdma_vm()
    rdma.install(m)
    for name in FABRIC:
        m.add(name, [BUILD / f"tests/unit/test_{name}"], uid=USER, limits=LIMITS, limit_s=120,
              env={"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_TEST_FABRIC": f"verbs {rdma.ADDRESS}"})
    return m.run(deadline_s=500)


@pytest.mark.parametrize("program", FABRIC)
def test_the_fabric_itself(guest, program, record_property):
    record_property("passed", guest[program].tap())
