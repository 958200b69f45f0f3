# SPDX-License-Identifier: BSD-3-Clause
"""opaed in front of cards that the kernel drives, by vfio-pci and by its FPGA driver: a worker in its sandbox
opens no node and no attribute, and a remote program works on these cards as on others."""
import json

import pytest
from rig import BUILD, USER

TOOL, HELLO = BUILD / "tools/opae", BUILD / "samples/hello_fpga"
EVENTS, AFU = BUILD / "samples/hello_events", BUILD / "samples/hello_afu"
LIMITS = {"memlock": 512 << 20}
PLUGINS = {"dfl": ("plugins/local/libxfpga.so", {}),
           "group": ("plugins/vfio/libv-opae.so", {"kernel": "group"})}
DRIVERS = {"dfl": "dfl-pci", "group": "vfio-pci"}
HELLO_AFU = "850adcc2-6ceb-4b22-9722-d43375b61c66"
CARDS = {"a10": {"board": "a10"}, "hello": {"board": "port", "afu": "hello"}}


def far(stage):
    return {"plugins": ["far"], "configurations": {"far": {
        "plugin": "libtcp-opae.so", "enabled": True,
        "configuration": {"hosts": [{"unix": f"{stage}/opaed"}], "connect_ms": 60000, "timeout_ms": 60000}}}}


def opaed(way, stage, see="*"):
    plugin, configuration = PLUGINS[way]
    cards = {"plugin": plugin.rsplit("/", 1)[1], "enabled": True, "configuration": configuration}
    return {"listen": [{"unix": f"{stage}/opaed"}],
            "policy": [{"principal": "*", "see": [see], "allow": ["*"]}],
            "plugins": {"plugins": ["cards"], "configurations": {"cards": cards}}}


def served(m, name, argv, uid, config=None):
    """A command beside an opaed of this user's, which ends with it; what opaed says is behind its output."""
    stage, config = f"/tmp/stage{uid}", config or f"/etc/opaed{uid}.cfg"
    m.sh(name, "\n".join([
        f"rm -rf {stage}; mkdir -m 700 {stage} {stage}/emu {stage}/inventory",
        f"{BUILD}/daemon/opaed --config {config} 2>{stage}/opaed.log &",
        f"until grep -q 'listening on' {stage}/opaed.log; do sleep 0.05; done",
        "rc=0", f"{' '.join(map(str, argv))} || rc=$?", "kill $!", "wait $! || rc=$?",
        f"cat {stage}/opaed.log", "exit $rc"]),
        env={"OPAEX_EMU_DIR": f"{stage}/emu", "OPAEX_INVENTORY_DIR": f"{stage}/inventory",
             "LIBOPAE_CFGFILE": f"/etc/opae-far{uid}.cfg"}, limits=LIMITS, limit_s=90, uid=uid)


@pytest.fixture(scope="module", params=["group", "dfl"])
def guest(request, vm):
    way = request.param
    if way == "dfl":
        request.getfixturevalue("dfl_vm")
    m = vm(cards=CARDS, hugepages=32, dfl=way == "dfl")
    for card in m.cards:
        m.bind(card, driver=DRIVERS[way], owner=USER)
    m.include(BUILD / "lib/opae", BUILD / PLUGINS[way][0], BUILD / "lib/libopae-c.so.2",
              BUILD / "plugins/tcp/libtcp-opae.so", BUILD / "daemon/opaed", BUILD / "daemon/opaed-worker",
              TOOL, HELLO, EVENTS, AFU)
    for who, uid in (("root", 0), ("user", USER)):
        m.image.text(f"/etc/opaed{uid}.cfg", json.dumps(opaed(way, f"/tmp/stage{uid}")))
        m.image.text(f"/etc/opae-far{uid}.cfg", json.dumps(far(f"/tmp/stage{uid}")))
        served(m, f"list-{who}", [TOOL, "list", "--json"], uid)
        served(m, f"hello_fpga-{who}", [HELLO, m.address("a10")], uid)
        served(m, f"hello_events-{who}", [EVENTS, m.address("a10")], uid)
        served(m, f"hello_afu-{who}", [AFU, m.address("hello")], uid)
        served(m, f"info-{who}", [TOOL, "info", "--json", m.address("a10")], uid)
    for how, see in (("address", m.address("hello")), ("guid", f"guid:{HELLO_AFU}")):
        m.image.text(f"/etc/opaed-{how}.cfg", json.dumps(opaed(way, "/tmp/stage0", see)))
        for name, argv in (("list", [TOOL, "list", "--json"]), ("hello_afu", [AFU, m.address("hello")])):
            served(m, f"{name}-{how}", argv, 0, f"/etc/opaed-{how}.cfg")
    return m, m.run(deadline_s=900)


@pytest.mark.parametrize("who", ["root", "user"])
@pytest.mark.parametrize("sample", ["hello_fpga", "hello_events", "hello_afu"])
def test_sample(guest, sample, who):
    output = guest[1][f"{sample}-{who}"].good()
    assert "PASSED" in output
    assert "lacks" not in output and "may not" not in output and "no namespaces" not in output, output


@pytest.mark.parametrize("who", ["root", "user"])
def test_list(guest, who):
    m, results = guest
    output = results[f"list-{who}"].good()
    assert all(m.address(card) in output for card in CARDS) and "may not" not in output, output


@pytest.mark.parametrize("who", ["root", "user"])
def test_info(guest, who):
    output = guest[1][f"info-{who}"].good()
    assert "may not" not in output, output


@pytest.mark.parametrize("how", ["address", "guid"])
def test_what_a_rule_shows(guest, how):
    """That is found and works, though opaed gives its worker of /sys and /dev no more than that."""
    m, results = guest
    output = results[f"list-{how}"].good()
    assert m.address("hello") in output and m.address("a10") not in output.split("opaed: ")[0], output
    assert HELLO_AFU in output
    assert "PASSED" in results[f"hello_afu-{how}"].good()
