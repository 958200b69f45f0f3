# SPDX-License-Identifier: BSD-3-Clause
"""The samples on emulated cards, as root and as an ordinary user, by way of every configuration."""
import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

WORD_FOR_WORD = '{"configurations": {"vfio": {"configuration": {}, "enabled": true, ' \
    '"plugin": "libv-opae.so"}}, "plugins": ["vfio"]}'


def vfio(configuration, plugin="libv-opae.so"):
    return json.dumps({"plugins": ["vfio"], "configurations": {
        "vfio": {"configuration": configuration, "enabled": True, "plugin": plugin}}})


@pytest.mark.parametrize("mmio", ["trap", "map"])
def test_hello_fpga(machine, mmio):
    machine.start(mmio=mmio)
    for _ in range(3):
        out = machine.good("hello_fpga")
        assert "1048576 bytes copied in" in out and "Test PASSED" in out
        assert "af af af af" in out and "after the copy be" in out


@pytest.mark.parametrize("mmio", ["trap", "map"])
def test_hello_afu(machine, mmio):
    machine.start(board="hello", mmio=mmio)
    out = machine.good("hello_afu")
    assert "read 0x0123456789abcdef" in out and "Test PASSED" in out


def test_hello_afu_tests_the_card_that_it_is_told(machine):
    machine.start("card0", "nlb0")
    machine.start("card1", "hello")
    for address in ("8001:00:00.0", "8001:0:0.0"):
        assert "Test PASSED" in machine.good("hello_afu", address)
    done = machine.run("hello_afu", "8000:00:00.0")
    assert done.returncode == 1 and "No hello_afu" in done.stderr and done.stdout == ""


SAMPLES = [["hello_fpga"], ["hello_afu"], ["hello_events"], ["host_exerciser", "lpbk"]]


@pytest.mark.parametrize("sample", SAMPLES)
def test_what_samples_are_asked(here, sample):
    for option in ("-h", "--help"):
        assert f"usage: {sample[0]}" in here.good(sample[0], option)
    for args in (["--none"], ["b1:00.0", "b2:00.0"]):
        done = here.run(*sample, *args)
        assert done.returncode == 2 and "usage" in done.stderr, args
    for address in ("nonsense", "b1:00.0x", "0000:b1:00", "b1:00.8", "10000:b1:00.0", ""):
        done = here.run(*sample, address)
        assert done.returncode == 1 and f"'{address}' is no address" in done.stderr, address


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_whose_output_gets_lost_fail(here, sample):
    for name, board in enumerate(["nlb0", "hello", "a10", "he-lb"]):
        here.start(f"card{name}", board)
    for to in (">/dev/full", ">&-"):
        done = here.run("/bin/sh", "-c", f"exec {here.bin}/{' '.join(sample)} {to}")
        assert done.returncode == 1 and "could not be written" in done.stderr, to


def test_no_card_is_told(machine):
    done = machine.run("hello_fpga")
    assert done.returncode == 1 and "No NLB0 accelerator" in done.stderr


def test_configuration_word_for_word(machine):
    machine.start()
    env = machine.config(WORD_FOR_WORD)
    assert "Test PASSED" in machine.good("hello_fpga", env=env)
    env = machine.config(WORD_FOR_WORD.replace("libv-opae.so", "libopae-v.so"))
    assert "Test PASSED" in machine.good("hello_fpga", env=env)


def test_newer_form(here):
    here.start()
    env = here.config(json.dumps({"configs": ["ofs"], "configurations": {"ofs": {
        "enabled": True, "platform": "OFS",
        "devices": [{"name": "ofs_vf", "id": ["0x8086", "0xbccf", "0x8086", "0x1771"]}],
        "opae": {"plugin": [
            {"enabled": True, "module": "libxfpga.so", "devices": ["ofs_vf"], "configuration": {}},
            {"enabled": True, "module": "libopae-v.so", "devices": ["ofs_vf"],
             "configuration": {}}],
            "fpgainfo": []}}}}))
    assert "Test PASSED" in here.good("hello_fpga", env=env)


def test_sockets_with_addresses(machine, folder):
    one, two = machine.start("a1"), machine.start("b2")
    env = machine.config(vfio({"sockets": [{"path": str(one), "address": "0000:b1:00.0"},
                                           str(two)]}))
    out = json.loads(machine.good("opae", "list", "--json", env=env))
    assert [d["address"] for d in out["devices"]] == ["0000:b1:00.0", "8001:00:00.0"]
    for address in ("0000:b1:00.0", "b1:00.0", "8001:00:00.0"):
        assert "Test PASSED" in machine.good("hello_fpga", address, env=env)
    done = machine.run("hello_fpga", "0000:b2:00.0", env=env)
    assert done.returncode == 1


@pytest.mark.parametrize("configuration,word", [
    ({"sockets": "x"}, "array"), ({"sockets": ["relative"]}, "absolute"),
    ({"sockets": [{"address": "0000:b1:00.0"}]}, "path"),
    ({"sockets": [{"path": "/x", "address": "b1"}]}, "b1"),
    ({"sockets": [{"path": "/x", "adress": "b1"}]}, "adress"),
    ({"sockets": ["/" + "x" * 200]}, "201 bytes"), ({"sockets": ["/x", "/x"]}, "twice"),
    ({"sockets": [{"path": "/x", "address": "0000:01:00.0"},
                  {"path": "/y", "address": "0000:01:00.0"}]}, "one address"),
    ({"sockets": [{"path": "/x", "address": "0000:-1:00.0"}]}, "-1"),
    ({"timeout_ms": 0}, "timeout_ms"), ({"spin_us": "many"}, "spin_us"), ({"sokets": []}, "sokets"),
])
def test_configurations_that_are_refused(here, configuration, word):
    env = here.config(vfio(configuration))
    out = json.loads(here.good("opae", "plugins", "--json", env=env))
    assert out["plugins"][0]["state"] == "failed" and word in out["plugins"][0]["reason"]


def test_broken_file_is_told_and_the_default_works(here):
    here.start()
    done = here.run("hello_fpga", env=here.config("{ not JSON"))
    assert done.returncode == 0 and "opae.cfg" in done.stderr and "not JSON" in done.stderr


def test_search_order(here, folder):
    """Environment before home."""
    (folder / ".local").mkdir()
    (folder / ".local/opae.cfg").write_text(vfio({"bad": 1}))
    out = json.loads(here.good("opae", "plugins", "--json"))
    assert out["plugins"][0]["state"] == "failed"
    out = json.loads(here.good("opae", "plugins", "--json", env=here.config(WORD_FOR_WORD)))
    assert out["plugins"][0]["state"] == "ready"


def test_a_foreign_emulator_directory_is_not_trusted(installed, folder, here):
    """Others can write to it, so what lies there may be anything."""
    here.start()
    (folder / "emu").chmod(0o777)
    assert here.run("opae", "list").returncode == 3
    (folder / "emu").chmod(0o700)
    assert here.run("opae", "list").returncode == 0


def test_with_ase_asks_for_the_simulation(here, folder):
    """Its own configuration file, searched for in its own places; without one, the plugin of simulations."""
    here.start()
    done = here.run("opae", "list", env={"WITH_ASE": "1"})
    assert done.returncode == 3 and "no simulation is named" in done.stderr
    (folder / ".config/opae").mkdir(parents=True)
    (folder / ".config/opae/opae_ase.cfg").write_text(WORD_FOR_WORD)
    assert here.run("opae", "list", env={"WITH_ASE": "0"}).returncode == 0
    root = folder / "root/share/opae/ase"
    root.mkdir(parents=True)
    (root / "opae_ase.cfg").write_text(vfio({"sockets": []}))
    env = {"WITH_ASE": "1", "OPAE_PLATFORM_ROOT": str(folder / "root")}
    assert here.run("opae", "list", env=env).returncode == 3


def test_boards_that_disagree_about_a_module(here):
    here.start()
    board = lambda c: {"enabled": True, "opae": {"plugin": [  # noqa: E731
        {"enabled": True, "module": "libopae-v.so", "devices": ["d"], "configuration": c}]}}
    env = here.config(json.dumps({"configs": ["a", "b", "c"], "configurations": {
        "a": board({}), "b": board({}), "c": board({"timeout_ms": 9})}}))
    rows = json.loads(here.good("opae", "plugins", "--json", env=env))["plugins"]
    assert [r["state"] for r in rows] == ["ready", "failed"]
    assert "earlier board" in rows[1]["reason"]


def test_two_programs_at_once(here):
    """One gets the accelerator; the other is told that it is in use."""
    here.start()
    jobs = [subprocess.Popen([here.bin / "hello_fpga"], env=here.env, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(6)]
    results = [(p.communicate(timeout=60), p.returncode) for p in jobs]
    assert any(code == 0 for _, code in results)
    for (out, err), code in results:
        assert code == 0 or "resource busy" in err or "another client" in err or \
            "No NLB0" in err, err


def test_looking_disturbs_nobody(here):
    """Many enumerations next to a program that opens again and again: it is never told busy."""
    here.start()
    lookers = [subprocess.Popen(["sh", "-c", "while :; do ./opae list >/dev/null; done"],
                                cwd=here.bin, env=here.env) for _ in range(2)]
    try:
        for _ in range(20):
            here.good("hello_fpga", "8000:00:00.0")
    finally:
        for p in lookers:
            p.kill()
            p.wait()


def test_quiet_by_default(here):
    """A plugin that is missing is a row of `opae plugins` and no line on anybody's terminal."""
    here.start()
    env = here.config(json.dumps({"plugins": ["gone", "vfio"], "configurations": {
        "gone": {"enabled": True, "plugin": "libgone.so"},
        "vfio": {"enabled": True, "plugin": "libv-opae.so"}}}))
    done = here.run("hello_fpga", env=env)
    assert done.returncode == 0 and done.stderr == ""
    log = here.run("hello_fpga", env={**env, "LIBOPAE_LOG": "2"})
    assert "libgone.so" in log.stdout
    assert os.path.exists(here.plugins / "libopae-v.so")


def test_hello_events(machine):
    machine.start("card0", "a10")
    out = machine.good("hello_events")
    assert "event: 1 interrupt" in out and "nonfatal_errors  0x40" in out
    assert out.endswith("Test PASSED\n")
    assert "event: 1 interrupt" in machine.good("hello_events", "-s", "8000:00:00.0")


def test_hello_events_without_a_device(machine):
    machine.start("card0", "nlb0")
    done = machine.run("hello_events")
    assert done.returncode == 1 and "No FPGA device was found" in done.stderr
    done = machine.run("hello_events", "nonsense")
    assert done.returncode == 1 and "'nonsense' is no address" in done.stderr


@pytest.mark.parametrize("program", ["hello_fpga", "hello_events"])
def test_samples_take_the_options_of_opae(here, program):
    """-S, -B, -D and -F choose a card; a number is hexadecimal with 0x and decimal without."""
    here.start("card0", "a10")
    for words in (["-S", "0x8000"], ["--segment=32768", "-B", "0", "-D0", "-F", "0x0"],
                  ["-s", "--bus", "0", "--device", "0", "--function", "0"]):
        assert "Test PASSED" in here.good(program, *words)
    for words in (["-S", "0x8001"], ["-B", "1"], ["-D", "0x1f"], ["--function=7"]):
        done = here.run(program, *words)
        assert done.returncode == 1 and "was found" in done.stderr and done.stdout == ""
    for words, reason in ((["-B", "0x100"], "--bus '0x100' is no number from 0 to 0xff"),
                          (["-S", "99999999999999999999"], "from 0 to 0xffff"),
                          (["-D", "1f"], "--device '1f'"), (["-F", "8"], "from 0 to 0x7"),
                          (["-F", "-1"], "'-1'"), (["-B", "0x"], "'0x'"), (["-S", ""], "--segment ''")):
        done = here.run(program, *words)
        assert done.returncode == 1 and reason in done.stderr and done.stdout == "", words
    done = here.run(program, "-B")
    assert done.returncode == 2 and "requires an argument" in done.stderr
    assert here.good(program, "--version").startswith(program + " 2.")


def test_slow_cards_and_several_lookers(here):
    """Nothing is known and answers are late; each looks at both cards, and who waits gets its turn."""
    for name, board, delay in (("card0", "multi", 2), ("card1", "n6000", 3)):
        here.good("opae", "emu", "start", "--name", name, "--board", board, "--faults",
                  f"delay={delay}")
    for _ in range(3):
        (here.folder / "inventory" / "inventory").unlink(missing_ok=True)
        with ThreadPoolExecutor(5) as pool:
            lists = list(pool.map(lambda _: here.good("opae", "list"), range(5)))
        for text in lists:
            assert len(text.splitlines()) == 7 and "in use" not in text, text
