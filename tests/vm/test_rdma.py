# SPDX-License-Identifier: BSD-3-Clause
"""libfabric's provider verbs, by soft RoCE: the unit tests of a fabric, and remote programs whose content
goes by it, with a worker in its sandbox. By provider tcp: tests/unit, tests/py/test_rdma.py."""
import json
import re
import sys
from collections import Counter

import pytest
import rdma
from rig import BUILD, SOURCE, USER

sys.path.append(str(SOURCE / "tests/py"))
from remote_skips import skips  # noqa: E402

LIMITS = {"memlock": 512 << 20}
WAY = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_TEST_FABRIC": f"verbs {rdma.ADDRESS}"}
FABRIC = ["fabric", "fabric_moves"]
EXERCISER, LITMUS = BUILD / "samples/host_exerciser", BUILD / "tests/litmus/litmus"
PORT = 8447
KILLS = 2
OPAED = {"listen": [{"tcp": f"{rdma.ADDRESS}:{PORT}", "clear": True, "public": True}],
         "rdma": {"provider": "verbs", "least": 64, "data_in_clear": True},
         "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}],
         "plugins": {"plugins": ["cards"], "configurations": {
             "cards": {"plugin": "libv-opae.so", "enabled": True, "configuration": {}}}}}
FAR = {"plugins": ["far"], "configurations": {"far": {
    "plugin": "libtcp-opae.so", "enabled": True, "configuration": {
        "hosts": [f"{rdma.ADDRESS}:{PORT}"], "connect_ms": 60000, "timeout_ms": 60000, "data": "rdma",
        "rdma_least": 1, "data_in_clear": True, "tracker": "trap"}}}}
WHO = {"root": 0, "user": USER}
USED = "content goes by RDMA (verbs)"


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


def staged(m, name, boards, script, uid, **how):
    """A script beside cards of these boards and an opaed of this user's, which end with it; what opaed says
    follows its output."""
    stage = f"/tmp/stage{uid}"
    cards = [f"{BUILD}/emu/opae-emu --socket {stage}/{b}.sock --board {b} >{stage}/{b}.log 2>&1 &\n"
             f"until grep -q 'card ready' {stage}/{b}.log; do sleep 0.05; done" for b in boards]
    m.sh(name, "\n".join([
        f"rm -rf {stage}; mkdir -m 700 {stage}", *cards,
        f"{BUILD}/daemon/opaed --config /etc/opaed.cfg 2>{stage}/opaed.log &",
        f"until grep -q 'listening on' {stage}/opaed.log; do sleep 0.05; done",
        "opaed=$! rc=0", "(", script, ") || rc=$?", "kill $opaed", "wait $opaed || rc=$?",
        f"cat {stage}/opaed.log", "exit $rc"]),
        env={"OPAEX_EMU_DIR": stage, "OPAEX_INVENTORY_DIR": stage, "LIBOPAE_CFGFILE": "/etc/opae.cfg",
             "LIBOPAE_LOG": "2"}, **{"limits": LIMITS, "uid": uid, **how})


def killed():
    """Programs that die while they copy. Nothing of theirs or of their workers' is left with the device."""
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


@pytest.fixture(scope="module")
def served(tracking_rdma_vm):
    m = tracking_rdma_vm()
    rdma.install(m)
    m.include(BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", BUILD / "plugins/tcp/libtcp-opae.so",
              BUILD / "plugins/vfio/libv-opae.so", BUILD / "daemon/opaed", BUILD / "daemon/opaed-worker",
              BUILD / "emu/opae-emu", EXERCISER, LITMUS)
    for name, config in (("opaed", OPAED), ("opae", FAR)):
        m.image.text(f"/etc/{name}.cfg", json.dumps(config))
    m.sh("nodes", "chmod 666 /dev/userfaultfd")
    for who, uid in WHO.items():
        staged(m, f"exercise-{who}", ["he-lb"], f"{EXERCISER} lpbk", uid)
    staged(m, "little", ["he-lb"], f"{EXERCISER} lpbk", USER, limits={"memlock": 64 << 10})
    staged(m, "killed", ["he-lb"], killed(), 0)
    staged(m, "litmus", ["script", "poller"],
           f"{LITMUS} --tracker trap --kind queues --programs 1 --runs 2", 0)
    m.add("card", [BUILD / "tests/card/test_card"], limit_s=240, limits=LIMITS, env={
        **WAY, "OPAE_EXPLICIT_INITIALIZE": "1", "OPAE_TEST_REMOTE": "rdma", "OPAE_TEST_TRACKER": "trap",
        "OPAE_TEST_OPAED": str(BUILD / "daemon/opaed"), "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu")})
    return m.run(deadline_s=900)


@pytest.mark.parametrize("who", WHO)
def test_it_is_used(served, who):
    """By a worker in its whole sandbox."""
    out = served[f"exercise-{who}"].good()
    assert USED in out and "Test PASSED" in out
    assert "lacks" not in out and "no namespaces" not in out, out


def test_memory_that_may_not_be_pinned(served):
    """All goes by the connection, with the reason."""
    out = served["little"].good()
    assert "Test PASSED" in out and USED not in out and "RDMA" in out, out


def test_nothing_is_left_registered(served):
    out = served["killed"].good()
    while_used = [int(n) for n in re.findall(r"mr (\d+)", out)][:KILLS]
    assert len(while_used) == KILLS and min(while_used) > 0, out


def test_litmus(served):
    """As in test_tracker.py: nothing is seen that the model does not allow."""
    out = served["litmus"].good()
    assert USED in out and " 0 outside the model, 0 without end" in out, out


def test_the_card_program(served, record_property):
    record_property("passed", served["card"].tap())
    assert Counter(name for name, _ in served["card"].skipped()) == Counter(skips("card", "rdma-trap"))
