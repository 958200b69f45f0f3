# SPDX-License-Identifier: BSD-3-Clause
"""The end-to-end programs, tests and samples, on the emulated cards by way of the kernel's vfio-pci, and of
its FPGA driver.

The same test programs run without a machine by vfio-user (tests/card, tests/cxx). What they skip here is
listed, and each says why: docs/testing.md has the table."""
import json
import os
from collections import Counter

import pytest
from rig import BUILD, USER

KERNEL = os.environ.get("OPAEX_VM_KERNEL", "stock")
WAYS = ["group", "iommufd"] if KERNEL == "iommufd" else ["group", "dfl"]
PLUGINS = {"dfl": "plugins/local/libxfpga.so"}
PLUGIN = "plugins/vfio/libv-opae.so"
# Boards that have a port; the kernel's FPGA driver takes no others.
WITH_PORT = {"port", "a10", "n6000", "multi"}
LIMITS = {"memlock": 512 << 20}  # two of the largest buffers and their copies


def both(board):
    return {f"{board}-{mmio}": {"board": board, "mmio": mmio} for mmio in ("trap", "map")}


# Two machines, for a root bus has no room for so many cards. The faults are those the tests ask for.
MACHINES = {
    "loopback": {**both("nlb0"), **both("a10"), "bench": {"board": "bench", "mmio": "map"},
                 "n6000": {"board": "n6000"}, "port": {"board": "port"}, "multi": {"board": "multi"},
                 "hello": {"board": "hello"},
                 "errors": {"board": "a10", "faults": "fme-error=4,port-error=0x10"},
                 "stuck": {"board": "a10", "afu": "hello", "faults": "reset-stuck"},
                 "gone": {"board": "a10", "afu": "hello", "faults": "gone"}},
    "engines": {**both("he-lb"), **both("he-mem"), **both("script"), **both("poller")},
}

# Each program's machine, and how often it skips which case there.
PROGRAMS = {
    "card": ("loopback", {"no_pointer_to_trapped_registers": 1}),
    "dfl": ("loopback", {"a_parent_in_another_function": 1}),
    "children": ("loopback", {"children_work": 2, "one_by_one": 2, "children_are_of_the_same_card": 1,
                              "a_child_that_is_missing": 1, "a_child_that_is_held": 1,
                              "preallocated_memory": 1, "finalize_with_children_open": 1}),
    "errors": ("loopback", {}),
    "life": ("loopback", {"killed_in_the_middle": 1, "silent_in_the_middle": 1,
                          "killed_under_a_pointer": 1, "a_card_that_never_was": 1}),
    "handover": ("loopback", {"a_card_that_died_is_not_listed": 1}),
    "crowd": ("loopback", {}),
    "syscalls": ("loopback", {}),
    "cxx_card": ("loopback", {"no_pointer_to_messages": 1, "a_card_that_dies_is_an_exception": 1}),
    "exerciser": ("engines", {"a_card_that_dies": 2}),
    "polling": ("engines", {}),
    "order": ("engines", {}),
}
# What else is skipped by way of the kernel's FPGA driver.
BY_DRIVER = {
    "card": {"preallocated": 2, "quiesce_stops_dma_and_reset_allows_it": 2},
    "dfl": {"quiesce_is_the_ports_own": 1, "a_port_that_never_acknowledges": 1,
            "a_token_of_what_is_no_more": 1},
    "children": {"preallocated_memory": 1},
    "errors": {"without_error_registers": 1},
    "cxx_card": {"attached_memory_stays_the_callers": 1, "what_is_not_there_is_not_supported": 1},
    "order": {"order_of_messages": 2},
}
# The file system of a guest has O_DIRECT from Linux 6.6 on.
BY_STOCK = {"syscalls": {"past_the_page_cache": 1}}
EXERCISERS = [("lpbk", "he-lb-trap"), ("mem", "he-mem-map")]
TOOL = BUILD / "tools/opae"


def skipped(program, way):
    return Counter(PROGRAMS[program][1]) + Counter(BY_DRIVER.get(program, {}) if way == "dfl" else {}) + \
        Counter(BY_STOCK.get(program, {}) if KERNEL == "stock" else {})


def for_driver(card):
    """A card like it that the kernel's FPGA driver takes: a virtual function that has a port."""
    return card if card["board"] in WITH_PORT else {**card, "board": "port", "afu": card["board"]}


def devices(m, cards):
    """What tests/card/machine.c reads: the cards as tests ask for them."""
    return " ".join(";".join([m.address(name), name, c["board"], c.get("mmio", "trap"), c.get("afu", ""),
                              c.get("faults", "")]) for name, c in cards.items())


def programs(m, names, cards, way):
    env = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "OPAE_EXPLICIT_INITIALIZE": "1",
           "OPAE_TEST_DEVICES": devices(m, cards), "OPAE_TEST_KERNEL": way}
    for name in names:
        path = BUILD / ("tests/cxx" if name.startswith("cxx") else "tests/card") / f"test_{name}"
        m.add(name, [path], uid=USER, env=env, limit_s=60, limits=LIMITS)


def samples(m, way):
    """The programs of a user, with no more than the plugin and the kernel's way in their configuration."""
    entry = {"enabled": True, "plugin": "libxfpga.so", "configuration": {}} if way == "dfl" else \
        {"enabled": True, "plugin": "libv-opae.so", "configuration": {"kernel": way}}
    m.image.text("/etc/opae-way.cfg", json.dumps({"plugins": ["cards"], "configurations": {"cards": entry}}))
    env = {"LIBOPAE_CFGFILE": "/etc/opae-way.cfg", "OPAEX_INVENTORY_DIR": "/tmp/inventory"}

    def add(name, *argv):
        m.add(name, argv, uid=USER, env=env, limit_s=60, limits=LIMITS)

    if "nlb0-trap" in m.cards:
        for card in ("nlb0-trap", "nlb0-map", "a10-trap"):
            add(f"hello_fpga-{card}", BUILD / "samples/hello_fpga", m.address(card))
        add("hello_afu", BUILD / "samples/hello_afu", m.address("hello"))
        add("hello_events", BUILD / "samples/hello_events", m.address("a10-trap"))
        add("list", TOOL, "list", "--json")
        add("info", TOOL, "info", "--json", m.address("n6000"))
        add("read", TOOL, "mmio", "read", "8", "-d", m.address("nlb0-trap"))
        if way != "dfl":  # which keeps an FPGA_DEVICE's registers
            add("walk", TOOL, "mmio", "walk", "--json", "-d", m.address("n6000"), "-t", "device")
        add("dump", TOOL, "mmio", "dump", "-c", "4", "-d", m.address("bench"))
        add("doctor", TOOL, "doctor", "--json", m.address("nlb0-map"))
    else:
        for mode, card in EXERCISERS:
            add(f"host_exerciser-{card}", BUILD / "samples/host_exerciser", "--testall", mode,
                m.address(card))


@pytest.fixture(scope="module")
def guest(request, vm):
    """The results of a machine by a way; it is booted when one of them is first asked for."""
    done = {}

    def boot(machine, way):
        driver = way == "dfl"
        cards = MACHINES[machine]
        m = vm(cards={n: for_driver(c) if driver else c for n, c in cards.items()}, hugepages=64, dfl=driver)
        for card in m.cards:
            m.bind(card, driver="dfl-pci" if driver else "vfio-pci", owner=USER)
        m.include(BUILD / "lib/opae", BUILD / PLUGINS.get(way, PLUGIN), BUILD / "lib/libopae-c.so.2")
        samples(m, way)
        programs(m, [p for p, (where, _) in PROGRAMS.items() if where == machine], cards, way)
        return m, m.run(deadline_s=900)

    def get(machine, way):
        if way == "dfl":
            request.getfixturevalue("dfl_vm")
        if (machine, way) not in done:
            done[machine, way] = boot(machine, way)
        return done[machine, way]

    return get


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("way", WAYS)
def test_program(guest, way, program, record_property):
    skips = skipped(program, way)
    result = guest(PROGRAMS[program][0], way)[1][program]
    passed = result.tap()
    record_property("passed", passed)
    print(f"{program} by {way}: {passed} passed, {sum(skips.values())} skipped, {result.seconds:.1f} s")
    assert Counter(name for name, _ in result.skipped()) == skips


@pytest.mark.parametrize("way,program,case",
                         [(way, p, c) for way in WAYS for p in PROGRAMS for c in skipped(p, way)])
def test_skipped(guest, way, program, case):
    """Nothing but the reason, so that the count of what was skipped has it."""
    reasons = dict(guest(PROGRAMS[program][0], way)[1][program].skipped())
    pytest.skip(reasons[case])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("sample", ["hello_fpga-nlb0-trap", "hello_fpga-nlb0-map", "hello_fpga-a10-trap",
                                    "hello_afu"])
def test_sample(guest, way, sample):
    assert "Test PASSED" in guest("loopback", way)[1][sample].good()


@pytest.mark.parametrize("way", WAYS)
def test_hello_events(guest, way):
    assert "PASSED" in guest("loopback", way)[1]["hello_events"].good()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("card", [card for _, card in EXERCISERS])
def test_host_exerciser(guest, way, card):
    assert "PASSED" in guest("engines", way)[1][f"host_exerciser-{card}"].good()


@pytest.mark.parametrize("way", WAYS)
def test_list_has_each_card(guest, way):
    m, results = guest("loopback", way)
    listed = json.loads(results["list"].good())["devices"]
    assert {d["address"] for d in listed} == {m.address(card) for card in m.cards}


@pytest.mark.parametrize("way", WAYS)
def test_tool(guest, way):
    m, results = guest("loopback", way)
    info = json.loads(results["info"].good())["devices"]
    assert len(info) == 3 and all(d["address"] == m.address("n6000") for d in info)
    assert "0xf89e433683f9040b" in results["read"].good()
    if way != "dfl":
        assert "bfaf2ae9-4a52-46e3-82fe-38f0f9e17764" in results["walk"].good()  # the management engine's
    assert "bc0de1f23345" in results["dump"].good()


@pytest.mark.parametrize("way", WAYS)
def test_doctor_finds_nothing_wrong(guest, way):
    assert json.loads(guest("loopback", way)[1]["doctor"].good())["doctor"]["verdict"] == "ok"
