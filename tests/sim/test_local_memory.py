# SPDX-License-Identifier: BSD-3-Clause
"""Local memory: each rule of its ports is broken by the puppet AFU, which plays requests of a list to bank 0
in the bank's own clock; and what is right must pass. The sample with two and with four banks."""
import json
import re
import shutil
import socket
import struct
import subprocess

import pytest
from conftest import SOURCE, TREE, ase_build
from simulation import Simulation
from test_afus import run
from test_rules import SCRATCH, expect, good_end, wait_for

PUPPET, SAMPLE = "tests/sim/puppet-memory", "samples/afu/local_mem"
ENABLES, DATA, REQUEST, PLAY, EMPTY, IN_RESET, CAME, PLAYED, FIRSTS, LAST = (
    0x28, 0x30, 0x38, 0x48, 0x50, 0x58, 0x60, 0x68, 0x400, 0x600)
LINES = 1 << 26  # of a bank
ALL = (1 << 64) - 1
READ, WRITE, PATIENT = 1, 2, 4


def entry(kind, address=0, burst=1, data=0, enables=ALL):
    return kind << 40 | burst << 32 | address, data, enables


def read(address=0, burst=1):
    return entry(READ | PATIENT, address, burst)


def write(address=0, burst=1, data=0, enables=ALL):
    return entry(WRITE | PATIENT, address, burst, data, enables)


def begin(client, *entries):
    """Plays a list. Its number."""
    client.write64(EMPTY, 0)
    for request, data, enables in entries:
        client.write64(ENABLES, enables)
        client.write64(DATA, data)
        client.write64(REQUEST, request)
    number = (client.read64(PLAYED) + 1) % 256
    client.write64(PLAY, number)
    return number


def play(client, *entries):
    number = begin(client, *entries)
    wait_for(lambda: client.read64(PLAYED) == number)


def start(simulate, *options):
    simulation = simulate(PUPPET, *options)
    return simulation, simulation.client()


def came(client, count):
    """The first words of so many lines, the first that came."""
    wait_for(lambda: client.read64(CAME) == count)
    return [client.read64(FIRSTS + 8 * n) for n in range(count)]


def status(simulation):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(simulation.path + ".ctl")
        s.sendall(b"status\n")
        return s.makefile().readline()


# rule: (error or warning, entries, options)
BROKEN = {
    "lm-both": ("error", [entry(READ | WRITE | PATIENT)], []),
    "lm-burst": ("error", [read(burst=0)], []),
    "lm-address": ("error", [read(LINES - 1, burst=2)], []),
    "lm-burst-changed": ("warning", [write(burst=2), write(burst=3)], []),
    "lm-read-in-burst": ("error", [write(burst=2), read(), write(burst=2)], []),
    "lm-withdrawn": ("error", [entry(READ), entry(0)] * 30, ["+lm-stall=60"]),
    "lm-changed": ("error", [entry(READ, n) for n in range(30)] + [read(29)], ["+lm-stall=60"]),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_request_that_breaks_a_rule(simulate, rule):
    kind, entries, options = BROKEN[rule]
    simulation, client = start(simulate, *options)
    play(client, *entries)
    expect(simulation, client, kind, rule)


def test_data_that_change_while_they_wait(simulate):
    simulation, client = start(simulate, "+lm-stall=60")
    play(client, *[entry(WRITE, data=n) for n in range(30)], write(data=29))
    expect(simulation, client, "error", "lm-changed")


def test_a_burst_that_is_too_long(simulate):
    simulation, client = start(simulate)
    play(client, read(burst=65))
    expect(simulation, client, "error", "lm-burst")


def test_a_write_past_the_end(simulate):
    """What lies within the bank is written."""
    simulation, client = start(simulate)
    play(client, write(LINES - 1, 2, 0x11), write(0, 2, 0x22), read(LINES - 1))
    assert came(client, 1) == [0x11]
    expect(simulation, client, "error", "lm-address")


def test_a_request_in_reset(simulate):
    simulation, client = start(simulate)
    play(client, read())
    client.write64(IN_RESET, 1)
    client.reset()
    expect(simulation, client, "warning", "lm-reset")


# ---- what is right ----

ORDERS = [(), ("--order", "shuffle:5"), ("+lm-stall=70", "+lm-latency=3")]


@pytest.mark.parametrize("options", ORDERS)
def test_bursts_and_their_order(simulate, options):
    simulation, client = start(simulate, *options)
    writes = [write(0x123456, 20, data=100 + n) for n in range(20)]
    backwards = [read(0x123456 + 19 - n) for n in range(20)]
    play(client, *writes, read(0x123456, 20), read(0x123456 + 7, 2), *backwards)
    data = list(range(100, 120))
    assert came(client, 42) == data + [107, 108] + data[::-1]
    good_end(simulation)


@pytest.mark.parametrize("options", ORDERS)
def test_a_read_sees_what_was_written_before_it(simulate, options):
    simulation, client = start(simulate, *options)
    play(client, *[e for n in range(40) for e in (write(5, data=n), read(5))])
    assert came(client, 40) == list(range(40))
    good_end(simulation)


def test_byte_enables(simulate):
    simulation, client = start(simulate)
    play(client, write(9, data=0x1111111111111111), write(9, data=ALL, enables=0x8000000000000106), read(9))
    came(client, 1)
    line = struct.pack("<8Q", *[client.read64(LAST + 8 * n) for n in range(8)])
    assert line == bytes(0xff if 0x8000000000000106 >> n & 1 else 0x11 for n in range(64))
    good_end(simulation)


def test_what_was_never_written_is_random_by_the_seed(built, folder):
    def lines(seed):
        simulation = Simulation(built(PUPPET), folder, "--seed", seed)
        client = simulation.client()
        play(client, read(0, 3), read(0, 3), read(LINES - 3, 3))
        found = came(client, 9)
        good_end(simulation)
        return found

    first = lines("1")
    assert first[:3] == first[3:6] and len(set(first)) == 6
    assert lines("1") == first
    assert not set(lines("2")) & set(first)


def test_reset_leaves_what_is_written(simulate):
    simulation, client = start(simulate)
    play(client, write(77, data=0x5afe))
    client.reset()
    play(client, read(77))
    assert came(client, 1) == [0x5afe]
    client.close()
    client = simulation.client()  # nor does it go with the program
    play(client, read(77))
    assert came(client, 2)[1] == 0x5afe
    good_end(simulation)


def test_memory_keeps_the_clock_going(simulate):
    """The host is asked for nothing meanwhile, and the list takes longer than it would wait for that."""
    simulation, client = start(simulate, "--run", "idle-stop:100", "+lm-stall=95")
    number = begin(client, *[read(n) for n in range(100)])
    client.read64(SCRATCH)  # the number has got there
    wait_for(lambda: " state=stopped " in status(simulation))
    assert (client.read64(PLAYED), client.read64(CAME)) == (number, 100)
    good_end(simulation)


def test_banks_in_a_clock_that_the_json_names(folder):
    shutil.copytree(SOURCE / PUPPET, folder / "afu")
    path = folder / "afu/puppet_memory.json"
    whole = json.loads(path.read_text())
    ports = [{"class": "cci-p"}, {"class": "local-memory", "params": {"clock": "uClk_usr"}}]
    whole["afu-image"]["afu-top-interface"]["module-ports"] = ports
    path.write_text(json.dumps(whole))
    ase_build("-o", folder / "sim", folder / "afu/sources.txt")
    simulation = Simulation(folder / "sim", folder, "--order", "shuffle")
    client = simulation.client()
    play(client, *[e for n in range(20) for e in (write(n, data=n), read(n))], read(0, 20))
    assert came(client, 40) == [*range(20), *range(20)]
    good_end(simulation)


# ---- the sample ----

@pytest.mark.parametrize("options", [(), ("--order", "shuffle:7"), ("--outstanding", "16", "+lm-stall=50")])
@pytest.mark.parametrize("size", ["64", "4096", str(192 * 1024 + 64)])
def test_the_sample(simulate, size, options):
    said = run(simulate(SAMPLE, *options), "local_mem", size)
    assert f"{size} bytes from bank 1 in " in said


def test_the_sample_with_four_banks(folder):
    ase_build("--local-memory", "4x64M", "-o", folder / "sim", SOURCE / SAMPLE / "sources.txt")
    said = run(Simulation(folder / "sim", folder), "local_mem")
    assert "from bank 3 in " in said and "bank 4" not in said


def with_wires(sample, folder):
    """A copy of a sample, as an AFU of the class that has wires."""
    shutil.copytree(SOURCE / "samples/afu" / sample, folder)
    path = folder / f"{sample}.json"
    path.write_text(re.sub('"ccip_std_afu(_avalon_mm)?"', '"ccip_std_afu_avalon_mm_legacy_wires"',
                           path.read_text()))
    return folder / "sources.txt"


def test_the_sample_with_wires(folder):
    path = with_wires("local_mem", folder / "afu")
    rtl = folder / "afu/local_mem.sv"
    rtl.write_text(rtl.read_text().replace("module ccip_std_afu", "module mover"))
    path.write_text(path.read_text() + f"{SOURCE}/tests/sim/wires.sv\n")
    ase_build("-o", folder / "sim", path)
    said = run(Simulation(folder / "sim", folder, "--order", "shuffle"), "local_mem", "65536")
    assert "from bank 1 in " in said


def test_an_afu_that_leaves_the_wires_alone(folder):
    """They are not among its ports: the banks are asked for nothing."""
    ase_build("-o", folder / "sim", with_wires("hello_afu", folder / "afu"))
    for seed in "1", "2", "3":
        run(Simulation(folder / "sim", folder, "--seed", seed), "hello_afu")


def test_wires_are_those_of_two_banks(tmp_path):
    said = ase_build("--lint", "--local-memory", "4x1G", "-o", tmp_path / "l",
                     with_wires("hello_afu", tmp_path / "afu"), good=False).stderr
    assert said == ("ase-build: --local-memory 4x1G: an AFU of the class "
                    "ccip_std_afu_avalon_mm_legacy_wires has 2 banks\n")


@pytest.mark.parametrize("option,most", [("+lm-latency=x", 1000000), ("+lm-latency=", 1000000),
                                         ("+lm-latency=-1", 1000000), ("+lm-stall=100", 99)])
def test_an_option_that_is_wrong(built, folder, option, most):
    with pytest.raises(AssertionError) as e:
        Simulation(built(PUPPET), folder, option)
    assert str(e.value).startswith(f"puppet_memory: {option}: a number from 0 to {most} is wanted\n")


@pytest.mark.skipif(bool(TREE), reason="a sanitizer takes all addresses")
def test_memory_that_there_is_not(built, folder):
    """Only addresses lack: those of a bank are there at once, and its pages when they are written."""
    command = f"ulimit -v 3000000; exec {built(PUPPET)}"
    done = subprocess.run(["sh", "-c", command], cwd=folder, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("puppet_memory: local memory of 2 banks of 4096 MiB: Cannot allocate memory; "
                           "ase-build --local-memory makes a card with less\n")


# ---- ase-build ----

@pytest.mark.parametrize("text", ["2", "0x4G", "9x4G", "2x3G", "2x128G", "2x512K", "x4G", "2x4G "])
def test_sizes_that_there_are_not(tmp_path, text):
    said = ase_build("--lint", "--local-memory", text, "-o", tmp_path / "l", SOURCE / SAMPLE / "sources.txt",
                     good=False).stderr
    assert said.startswith(f"ase-build: --local-memory {text}: it is BANKSxSIZE")


def test_an_afu_without_local_memory(tmp_path):
    said = ase_build("--lint", "--local-memory", "2x4G", "-o", tmp_path / "l",
                     SOURCE / "samples/afu/hello_afu/sources.txt", good=False).stderr
    assert "--local-memory is for AFUs of the class ccip_std_afu_avalon_mm" in said


@pytest.mark.parametrize("imports", [True, False])
def test_ports_of_local_memory_that_the_class_does_not_have(tmp_path, imports):
    shutil.copytree(SOURCE / SAMPLE, tmp_path / "afu")
    path = tmp_path / "afu/local_mem.json"
    path.write_text(path.read_text().replace("ccip_std_afu_avalon_mm", "ccip_std_afu"))
    if not imports:
        rtl = tmp_path / "afu/local_mem.sv"
        rtl.write_text(re.sub(r"(?s)module ccip_std_afu #.*endmodule", "module ccip_std_afu (\n"
                              "avalon_mem_if.to_fiu local_mem[2]);\nendmodule", rtl.read_text()))
    said = ase_build("--lint", "-o", tmp_path / "l", tmp_path / "afu/sources.txt", good=False).stderr
    assert "local_mem.sv:" in said and "the AFU has ports of local memory: the class ccip_std" in said
    assert "package" not in said.lower()


@pytest.mark.parametrize("clock,message", [
    ("uClk_usr", None), ("default", None), ("fast", "local memory with the clock fast; there are pClk,")])
def test_the_clock_of_the_json(tmp_path, clock, message):
    shutil.copytree(SOURCE / SAMPLE, tmp_path / "afu")
    path = tmp_path / "afu/local_mem.json"
    whole = json.loads(path.read_text())
    whole["afu-image"]["afu-top-interface"]["module-ports"][0]["params"]["clock"] = clock
    path.write_text(json.dumps(whole))
    said = ase_build("--lint", "-o", tmp_path / "l", tmp_path / "afu/sources.txt", good=not message).stderr
    assert (message or "") in said
