# SPDX-License-Identifier: BSD-3-Clause
"""The sample AFUs, driven by their own programs through libopae-c and v-opae; waves and coverage of them."""
import json
import os
import shutil
import subprocess

import pytest
from conftest import BUILD, SOURCE, ase_build
from simulation import Simulation

PROGRAMS = {"hello_afu": "samples/hello_afu", "copy": "samples/afu/afu_copy",
            "stream": "samples/afu/afu_stream", "local_mem": "samples/afu/afu_local_mem"}


def run(simulation, name, *arguments):
    folder = simulation.folder
    config = {"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": str(BUILD / "plugins/vfio/libv-opae.so"),
        "configuration": {"sockets": [{"path": simulation.path, "address": "0000:00:01.0"}]}}}}
    (folder / "opae.cfg").write_text(json.dumps(config))
    env = {**os.environ, "LIBOPAE_CFGFILE": str(folder / "opae.cfg"),
           "OPAEX_INVENTORY_DIR": str(folder / "inv")}
    done = subprocess.run([BUILD / PROGRAMS[name], *arguments], env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=300, check=False)
    assert done.returncode == 0 and "Test PASSED" in done.stdout, done.stdout
    assert simulation.end() == 0, simulation.err
    assert simulation.problems() == []
    return done.stdout


@pytest.mark.parametrize("order", ["strict", "shuffle:7"])
@pytest.mark.parametrize("name,arguments", [("hello_afu", []), ("copy", ["64"]), ("copy", ["1048576"]),
                                            ("stream", ["64"]), ("stream", ["65536", "99"])])
def test_a_sample_and_its_program(simulate, name, arguments, order):
    run(simulate(f"samples/afu/{name}", "--order", order), name, *arguments)


def test_the_copy_engine_copies_a_line_a_cycle(simulate):
    said = run(simulate("samples/afu/copy"), "copy", "4194304")
    assert float(said.split(", ")[1].split()[0]) >= 0.98


def test_a_slow_memory_holds_the_engines_back(simulate):
    """Almost full comes and goes all the time; nothing is lost."""
    run(simulate("samples/afu/copy", "--outstanding", "16", "--order", "shuffle"), "copy", "262144")


def test_packets_where_there_is_little_room(simulate):
    run(simulate("samples/afu/stream", "--outstanding", "16", "--order", "shuffle"), "stream", "16384")


def test_waves_are_written(simulate):
    s = simulate("samples/afu/hello_afu", "--wave", "w.fst")
    run(s, "hello_afu")
    assert (s.folder / "w.fst").stat().st_size > 300


def test_coverage_is_written_at_the_end(folder):
    ase_build("--coverage", "--no-trace", "-o", folder / "sim", SOURCE / "samples/afu/hello_afu/sources.txt")
    s = Simulation(folder / "sim", folder)
    run(s, "hello_afu")
    assert "hello_afu.sv" in (folder / "coverage.dat").read_text(errors="replace")


def test_a_combinational_loop_is_named(folder):
    """Verilator aborts then. What it said last is what a program is told; and the logs are whole."""
    shutil.copytree(SOURCE / "samples/afu/hello_afu", folder / "afu")
    path = folder / "afu/hello_afu.sv"
    text = path.read_text().replace("logic [63:0] scratch;", "logic [63:0] scratch;\nlogic loop;\n"
                                    "assign loop = scratch == 64'd1 & ~loop;")
    path.write_text(text.replace("default: return 64'h0;", "default: return 64'(loop);"))
    built = ase_build("-j1", "-o", folder / "sim", folder / "afu/sources.txt")
    assert "[UNOPTFLAT]" in built.stderr
    sim = Simulation(folder / "sim", folder)
    client = sim.client()
    with pytest.raises((OSError, EOFError)):
        client.write64(0x80, 1)
        client.read64(0x80)
    out, err = sim.process.communicate(timeout=60)
    assert "did not converge" in out + err
    assert err.splitlines()[-1] == ("[SIM]  the design cannot go on: see the last %Error. One that did not "
                                    "converge is a combinational loop: ase-build warns of it, UNOPTFLAT")
    assert "\t0x80\t" in (folder / "ccip_transactions.tsv").read_text()
