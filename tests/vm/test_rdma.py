# SPDX-License-Identifier: BSD-3-Clause
"""libfabric's provider verbs, by soft RoCE: the unit tests of a fabric, and remote programs whose content, or
all of whose traffic, goes by it, with opaed's processes in their sandbox. By provider tcp: tests/unit,
tests/py/test_rdma*.py."""
import re
import sys
from collections import Counter

import pytest
import rdma
from rdma_ways import EXERCISER, LIMITS, PROGRAMS, USED, WAYS, opaed, program, staged
from rig import BUILD, SOURCE, USER

sys.path.append(str(SOURCE / "tests/py"))
from remote_skips import skips  # noqa: E402

WAY = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_TEST_FABRIC": f"verbs {rdma.ADDRESS}"}
FABRIC = ["fabric", "fabric_moves"]
LITMUS, PUMP = BUILD / "tests/litmus/litmus", BUILD / "tests/faults/rdma-pump"
KILLS = 2
CONFIG = {"tcp": "/etc/opaed.cfg", "rdma": "/etc/opaed-rdma.cfg"}
WHO = {"root": 0, "user": USER}


@pytest.fixture(scope="module")
def alone(rdma_vm):
    m = rdma_vm()
    rdma.install(m)
    for name in FABRIC:
        m.add(name, [BUILD / f"tests/unit/test_{name}"], uid=USER, limits=LIMITS, limit_s=120, env=WAY)
    return m.run(deadline_s=500)


@pytest.mark.parametrize("program", FABRIC)
def test_the_fabric_itself(alone, program, record_property):
    record_property("passed", alone[program].tap())


def killed():
    """Programs that die while they copy. Nothing of theirs or of their workers' is left with the device; who
    listens has nothing registered."""
    return f"""
        for n in $(seq {KILLS}); do
            rm -f /tmp/said; touch /tmp/said
            {EXERCISER} --continuous 3600 -t 3600000 lpbk >>/tmp/said 2>&1 &
            until grep -q '{USED}' /tmp/said; do sleep 0.05; done
            sleep 0.$n
            {rdma.tool()} resource show
            kill -9 $!
            wait $! || true
        done
        until {rdma.tool()} resource show | grep -E 'qp 1 cm_id [0-9]+ mr 0'; do sleep 0.05; done"""


def strangers():
    """One who knocks and does not come, one with a wrong token, many who knock; then a program."""
    at = f"{rdma.ADDRESS}:{WAYS['rdma'][1]}"
    return f"""
        export RDMA_PUMP=verbs
        until set -- $({PUMP} {at} knock 1) && [ "$2" = 0 ]; do sleep 0.05; done
        ! {PUMP} {at} go "$3" {32 * "0"}
        {PUMP} {at} knock 40 | grep -c '^answer [012]'
        {EXERCISER} lpbk"""


@pytest.fixture(scope="module")
def served(tracking_rdma_vm):
    m = tracking_rdma_vm()
    rdma.install(m)
    m.include(*PROGRAMS, LITMUS, PUMP)
    for way in ("tcp", "rdma"):
        opaed(m, CONFIG[way], rdma.ADDRESS, [way])
        program(m, f"/etc/opae-{way}.cfg", rdma.ADDRESS, way)
    m.sh("nodes", "chmod 666 /dev/userfaultfd")
    for way, config in CONFIG.items():
        for who, uid in WHO.items():
            staged(m, f"{way}-{who}", ["he-lb"], f"{EXERCISER} lpbk", uid, [way], config)
    staged(m, "strangers", ["he-lb"], strangers(), 0, ["rdma"], CONFIG["rdma"])
    staged(m, "little", ["he-lb"], f"{EXERCISER} lpbk", USER, limits={"memlock": 64 << 10})
    for way, config in CONFIG.items():
        staged(m, f"killed-{way}", ["he-lb"], killed(), 0, [way], config)
    staged(m, "litmus", ["script", "poller"],
           f"{LITMUS} --tracker trap --kind queues --programs 1 --runs 2", 0)
    m.add("card", [BUILD / "tests/card/test_card"], limit_s=240, limits=LIMITS, env={
        **WAY, "OPAE_EXPLICIT_INITIALIZE": "1", "OPAE_TEST_REMOTE": "rdma", "OPAE_TEST_TRACKER": "trap",
        "OPAE_TEST_OPAED": str(BUILD / "daemon/opaed"), "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu")})
    return m.run(deadline_s=900)


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("way", CONFIG)
def test_it_is_used(served, way, who):
    """By processes in their whole sandbox."""
    out = served[f"{way}-{who}"].good()
    assert USED in out and "Test PASSED" in out
    assert "lacks" not in out and "no namespaces" not in out, out


def test_strangers(served):
    """They are refused, and who comes behind them is served."""
    out = served["strangers"].good()
    refused, answers, _ = out.split("\n", 2)
    assert refused.startswith("refused") and answers == "40", out
    assert USED in out and "Test PASSED" in out, out


def test_memory_that_may_not_be_pinned(served):
    """All goes by the connection, with the reason."""
    out = served["little"].good()
    assert "Test PASSED" in out and USED not in out and "RDMA" in out, out


@pytest.mark.parametrize("way", CONFIG)
def test_nothing_is_left_registered(served, way):
    out = served[f"killed-{way}"].good()
    while_used = [int(n) for n in re.findall(r"mr (\d+)", out)][:KILLS]
    assert len(while_used) == KILLS and min(while_used) > 0, out


def test_litmus(served):
    """As in test_tracker.py: nothing is seen that the model does not allow."""
    out = served["litmus"].good()
    assert USED in out and " 0 outside the model, 0 without end" in out, out


def test_the_card_program(served, record_property):
    record_property("passed", served["card"].tap())
    assert Counter(name for name, _ in served["card"].skipped()) == Counter(skips("card", "rdma-trap"))
