# SPDX-License-Identifier: BSD-3-Clause
"""RDMA between two machines, by soft RoCE: cards and opaed in one guest, programs in another, and a cable."""
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pytest
import rdma
from rdma_ways import EXERCISER, LIMITS, PROGRAMS, USED, WAYS, certificates, env, opaed, program, staged

CARDS, USER = "10.8.0.1", "10.8.0.2"
READY, DONE = 4711, 4712  # ports at which the machine of the cards waits for a word
HOLDS_S = 600


def with_cards(vm, folder, pki):
    m = vm(net=(folder, 1))
    rdma.install(m, "eth0", CARDS)
    m.include(*PROGRAMS)
    certificates(m, pki, CARDS)
    opaed(m, "/etc/opaed.cfg", CARDS, WAYS)
    m.sh("nodes", "chmod 666 /dev/userfaultfd")
    words = f"for port in {READY} {DONE}; do nc -l -p $port </dev/null; done"
    staged(m, "served", ["he-lb"], words, 0, list(WAYS), limit_s=HOLDS_S)
    return m


def with_programs(vm, folder, pki):
    m = vm(net=(folder, 2))
    rdma.install(m, "eth0", USER)
    m.include(*PROGRAMS)
    certificates(m, pki, CARDS)
    m.sh("ready", f"until nc {CARDS} {READY} </dev/null; do sleep 0.2; done", limit_s=HOLDS_S)
    for way in WAYS:
        program(m, f"/etc/opae-{way}.cfg", CARDS, way)
        m.add(f"by-{way}", [EXERCISER, "lpbk"], env=env(way), limits=LIMITS)
    m.sh("done", f"nc {CARDS} {DONE} </dev/null")
    return m


@pytest.fixture(scope="module")
def both(tracking_rdma_vm, tmp_path_factory):
    """(the machine of the cards, that of the programs)"""
    pki = tmp_path_factory.mktemp("two") / "pki"
    with tempfile.TemporaryDirectory(prefix="opae-net.") as folder, ThreadPoolExecutor(2) as pool:
        machines = [make(tracking_rdma_vm, folder, pki) for make in (with_cards, with_programs)]
        return [run.result() for run in [pool.submit(m.run, deadline_s=900) for m in machines]]


@pytest.mark.parametrize("way", WAYS)
def test_a_program_of_another_machine(both, way):
    out = both[1][f"by-{way}"].good()
    assert USED in out and "Test PASSED" in out, out


def test_opaed_knows_who_it_was(both):
    """By address in clear text, by certificate else; in a sandbox that lacks nothing."""
    out = both[0]["served"].good()
    for way in WAYS.values():
        who = "tls:opae:alice" if way[2] else f"tcp:{USER}"
        assert f"{who} ({USER}:" in out, out
    assert "lacks" not in out and "ended: the peer has gone" in out, out
