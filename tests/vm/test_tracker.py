# SPDX-License-Identifier: BSD-3-Clause
"""How remote buffers are tracked, in guests that have everything: cards, opaed, programs.

Debian's 6.1 cannot track pages: what is compared in their place works there, and what is demanded is refused
with the reason. The newest kernel can, and there the udev rule alone gives an ordinary user the right."""
import json
import os
import re
import sys
from collections import Counter

import pytest
import udev
from rig import BUILD, FPGA, SOURCE, USER

sys.path.append(str(SOURCE / "tests/py"))
from remote_skips import skips  # noqa: E402

RULES = sorted((SOURCE / "packaging").glob("*.rules"))
LIMITS = {"memlock": 512 << 20}
TRACK = BUILD / "tests/unit/test_track"
LITMUS = BUILD / "tests/litmus/litmus"
NODE = "/dev/userfaultfd"
KERNEL = os.environ.get("OPAEX_VM_KERNEL", "stock")
TAP = {"CMOCKA_MESSAGE_OUTPUT": "TAP"}
TOO_OLD = "this kernel has no asynchronous write-protection"
DENIED = f"{NODE}: Permission denied"
# What else there is by eager: test_vsock.py.
EAGER = ["life", "order", "polling", "syscalls"]
TRAP = ["exerciser", "life", "order", "polling", "syscalls"]
# The file system of a guest has O_DIRECT from Linux 6.6 on.
NO_DIRECT = {"syscalls": {"past_the_page_cache": 1}}
MAY = {"uid": USER, "group": FPGA}
OPAED = {"listen": [{"unix": "/tmp/stage/opaed"}],
         "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}],
         "plugins": {"plugins": ["cards"], "configurations": {
             "cards": {"plugin": "libv-opae.so", "enabled": True, "configuration": {}}}}}


def client(tracker):
    return {"plugins": ["far"], "configurations": {"far": {
        "plugin": "libtcp-opae.so", "enabled": True,
        "configuration": {"hosts": [{"unix": "/tmp/stage/opaed"}], "connect_ms": 60000, "timeout_ms": 60000,
                          "tracker": tracker}}}}


def machine(vm):
    m = vm()
    m.include(BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", BUILD / "plugins/tcp/libtcp-opae.so",
              BUILD / "plugins/vfio/libv-opae.so", BUILD / "daemon/opaed", BUILD / "daemon/opaed-worker",
              BUILD / "emu/opae-emu", BUILD / "samples/hello_fpga", BUILD / "tools/opae", LITMUS)
    m.image.text("/etc/opaed.cfg", json.dumps(OPAED))
    for tracker in ("auto", "trap"):
        m.image.text(f"/etc/opae-{tracker}.cfg", json.dumps(client(tracker)))
    return m


def allow(m):
    """The rules of packaging/ are put in force, by udev."""
    udev.install(m, RULES)
    m.sh("rules", udev.applied("misc", ["userfaultfd"]) + f"\nstat -c '%n %a %U:%G' {NODE}")


def programs(m, names, tracker, **who):
    env = {**TAP, "OPAE_EXPLICIT_INITIALIZE": "1", "OPAE_TEST_REMOTE": "unix",
           "OPAE_TEST_TRACKER": tracker, "OPAE_TEST_OPAED": str(BUILD / "daemon/opaed"),
           "OPAEX_EMU_PROGRAM": str(BUILD / "emu/opae-emu")}
    for name in names:
        m.add(name, [BUILD / f"tests/card/test_{name}"], env=env, limit_s=300, limits=LIMITS, **who)


def staged(m, name, tracker, boards, command, **how):
    """A command with cards of these boards and an opaed in front of them, which end with it."""
    start = [f"until grep -q 'card ready' /tmp/stage/{b}.log; do sleep 0.05; done" for b in boards]
    cards = [f"{BUILD}/emu/opae-emu --socket /tmp/stage/{b}.sock --board {b} >/tmp/stage/{b}.log 2>&1 &"
             for b in boards]
    m.sh(name, "\n".join([
        "rm -rf /tmp/stage; mkdir -m 700 /tmp/stage", *cards, *start,
        f"{BUILD}/daemon/opaed --config /etc/opaed.cfg 2>/tmp/stage/opaed.log &",
        "until grep -q 'listening on' /tmp/stage/opaed.log; do sleep 0.05; done",
        command]), env={"OPAEX_EMU_DIR": "/tmp/stage", "OPAEX_INVENTORY_DIR": "/tmp/stage",
                        "LIBOPAE_CFGFILE": f"/etc/opae-{tracker}.cfg"}, limits=LIMITS, **how)


def hello(m, name, tracker, **who):
    staged(m, name, tracker, ["nlb0"], f"LIBOPAE_LOG=2 {BUILD}/samples/hello_fpga", **who)


def doctor(m, name, tracker, **who):
    """Until it comes as far as the buffers: it gives a host 2 s, which a slow guest may need more than, and
    what is said of that on stderr is not its answer."""
    said = "/tmp/stage/doctor"
    staged(m, name, tracker, ["nlb0"], f"until {BUILD}/tools/opae doctor --json >{said} 2>{said}.err; "
           f"grep -q '\"buffers\"' {said}; do sleep 0.05; done; cat {said}", **who)


def buffers(results, name):
    """(result, text, fix) of the doctor's word on remote buffers."""
    host, = [s for s in json.loads(results[name].good())["doctor"]["subjects"] if s["kind"] == "host"]
    step, = [s for s in host["steps"] if s["step"] == "buffers"]
    return step["result"], step["text"], host.get("fix")


# ---- a kernel that cannot ----

@pytest.fixture(scope="module")
def old(vm, with_udev):
    if KERNEL != "stock":
        pytest.skip(f"Debian's own kernel is the one that cannot, not {KERNEL}")
    m = machine(vm)
    allow(m)
    m.add("track", [TRACK], **MAY)
    for tracker in ("auto", "trap"):
        hello(m, f"hello-{tracker}", tracker, **MAY)
        doctor(m, f"doctor-{tracker}", tracker, **MAY)
    doctor(m, "doctor-stranger", "auto", uid=USER)
    programs(m, EAGER, "eager", uid=USER)
    return m.run(deadline_s=900)


def passed(results, program, way, more=None):
    """All but what is skipped by that way on any machine, and `more` in this guest."""
    results[program].tap()
    assert Counter(name for name, _ in results[program].skipped()) == \
        Counter({**skips(program, way), **(more or {})})


def test_an_old_kernel_is_told_of(old):
    old["rules"].good()
    assert TOO_OLD in old["track"].good() and "1..0 # SKIP" in old["track"].output


def test_auto_is_eager_there(old):
    out = old["hello-auto"].good()
    assert f"buffers are compared, and not tracked: {TOO_OLD}" in out and "Test PASSED" in out
    result, text, _ = buffers(old, "doctor-auto")
    assert result == "note" and text.startswith("eager") and TOO_OLD in text and "Linux 6.7" in text


def test_trap_is_refused_there(old):
    out = old["hello-trap"].output
    assert old["hello-trap"].rc == 1 and '"tracker" is "trap", which cannot be had' in out and TOO_OLD in out
    result, text, fix = buffers(old, "doctor-trap")
    assert result == "wrong" and TOO_OLD in text and fix.startswith("uname -r") and '"auto"' in fix


def test_a_right_that_would_not_help_is_not_proposed(old):
    result, text, _ = buffers(old, "doctor-stranger")
    assert result == "note" and "Permission denied" in text and "to have trap: uname -r" in text
    assert "chown" not in text


@pytest.mark.parametrize("program", EAGER)
def test_programs_by_eager(old, program):
    passed(old, program, "unix-eager", NO_DIRECT.get(program))


# ---- one that can ----

@pytest.fixture(scope="module")
def new(tracking_vm, with_udev):
    m = machine(tracking_vm)
    m.add("track-root", [TRACK], env=TAP)
    m.add("track-before", [TRACK], **MAY)
    allow(m)
    m.add("track-group", [TRACK], env=TAP, **MAY)
    m.add("track-stranger", [TRACK], uid=USER)
    for who, may in (("group", MAY), ("stranger", {"uid": USER})):
        hello(m, f"hello-{who}", "trap", **may)
        doctor(m, f"doctor-{who}", "auto", **may)
    staged(m, "litmus", "trap", ["script", "poller"], f"{LITMUS} --tracker trap --programs 20 --runs 2",
           limit_s=300, **MAY)
    programs(m, TRAP, "trap", **MAY)
    return m.run(deadline_s=900)


def test_the_udev_rules(new):
    """Debian's udev finds no mistake in any of ours, and this one says whose the node is."""
    assert f"{NODE} 660 root:fpga" in new["rules"].good()
    assert f"Success: {len(RULES)}" in new["rules"].output


def test_the_rule_alone_gives_the_right(new):
    for who in ("before", "stranger"):
        assert "1..0 # SKIP" in new[f"track-{who}"].good() and DENIED in new[f"track-{who}"].output
    assert new["track-root"].tap() == new["track-group"].tap() > 10
    assert "Test PASSED" in new["hello-group"].good()
    out = new["hello-stranger"].output
    assert new["hello-stranger"].rc == 1 and DENIED in out and "group fpga" in out


def test_doctor(new):
    result, text, _ = buffers(new, "doctor-group")
    assert result == "ok" and text.startswith("trap")
    result, text, _ = buffers(new, "doctor-stranger")
    assert result == "note" and DENIED in text and f"sudo chown {USER} {NODE}" in text
    assert "70-opae-userfaultfd.rules" in text


def test_litmus(new):
    """As an ordinary user; nothing is seen that the model does not allow."""
    found = re.search(r"(\d+) runs, (\d+) outside", new["litmus"].good())
    assert int(found[1]) > 0 and int(found[2]) == 0


@pytest.mark.parametrize("program", TRAP)
def test_programs_by_trap(new, program):
    passed(new, program, "unix-trap")
