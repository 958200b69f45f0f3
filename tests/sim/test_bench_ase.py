# SPDX-License-Identifier: BSD-3-Clause
"""`opae bench ase`: its rows, their arithmetic, and what it says when it cannot measure. Never its times."""
import json
import os
import subprocess

import pytest
from conftest import BUILD, SOURCE, TREE, ase_build

TIMES = {"cycle-busy": 1 / 0.85, "copy-4MiB-cycles": 1 / 0.98}
AT_MOST = {"mmio-read": 10, "mmio-read-asleep": 10, "copy-4MiB": 4194304 / 450,
          "idle-alone": 0, "idle-connected": 0, "build-hello-afu-first": 8, "build-hello-afu": 8}
SIZES = {"64B": 64, "4KiB": 4096, "64KiB": 65536, "1MiB": 1 << 20, "4MiB": 4 << 20}
NO_REFERENCE = ["idle-alone", "idle-connected", "build-hello-afu-first", "build-hello-afu"]
MMIO = [f"mmio-{kind}{how}{p}" for how in ("", "-asleep") for kind in ("read", "write") for p in ("", "-p99")]
ROWS = ["cycle-free", "cycle-connected", "cycle-busy", *MMIO,
        *[row for size in SIZES for row in (f"copy-{size}", f"copy-{size}-cycles")],
        "idle-alone", "idle-connected"]


def environment(folder):
    (folder / "tmp").mkdir(exist_ok=True)
    return {**os.environ, "TMPDIR": str(folder / "tmp"), **TREE}


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    out = tmp_path_factory.mktemp("bare") / "bare"
    ase_build("--sample", "copy", "--bare", "-o", out, env=environment(out.parent))
    return out


def bench(folder, *arguments, code=0):
    command = [BUILD / "tools/opae", "bench", "ase", "--quick", *arguments]
    done = subprocess.run(command, env=environment(folder), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=600, check=False)
    assert done.returncode == code, done.stdout + done.stderr
    assert list((folder / "tmp").iterdir()) == []
    return done


def check(row):
    name, value, reference, target = (row[key] for key in ("name", "value", "reference", "target"))
    assert list(row) == ["name", "unit", "value", "reference", "ratio", "target", "met"]
    assert (reference > 0) == (name not in NO_REFERENCE) and (value > 0 or name.startswith("idle"))
    assert row["ratio"] == pytest.approx(value / reference if reference else 0, rel=1e-9)
    assert row["met"] is (target is None or value <= target)
    if name in TIMES:
        assert target == pytest.approx(reference * TIMES[name], abs=0.001)
    else:
        assert target == (pytest.approx(AT_MOST[name], abs=0.001) if name in AT_MOST else None)


def test_all_rows(built, bare, folder):
    arguments = "--json", "--sim", built("samples/afu/copy"), "--bare", bare
    rows = {row["name"]: row for row in json.loads(bench(folder, *arguments).stdout)["rows"]}
    assert list(rows) == ROWS
    for row in rows.values():
        check(row)
    for size, count in SIZES.items():
        row = rows[f"copy-{size}-cycles"]
        assert row["reference"] == count / 64 and row["value"] > row["reference"] and row["unit"] == "cycles"


def test_it_builds_what_it_needs(folder):
    out = json.loads(bench(folder, "--json", "--build", "--only", "cycle-busy,build").stdout)
    assert [row["name"] for row in out["rows"]] == ["cycle-busy", "build-hello-afu-first", "build-hello-afu"]
    for row in out["rows"]:
        check(row)


def test_a_table(built, bare, folder):
    said = bench(folder, "--sim", built("samples/afu/copy"), "--bare", bare, "--only", "mmio").stdout
    assert [line.split()[0] for line in said.splitlines() if line.startswith("mmio")] == MMIO


def test_another_design_in_the_bare_loop(built, folder):
    ase_build("--bare", "--sample", "hello_afu", "-o", folder / "other", env=environment(folder))
    arguments = "--sim", built("samples/afu/copy"), "--bare", folder / "other"
    done = bench(folder, *arguments, "--only", "cycle-busy", code=1)
    assert "the bare loop is not that of a copy engine" in done.stderr


def test_another_simulation(built, bare, folder):
    done = bench(folder, "--sim", built("samples/afu/hello_afu"), "--bare", bare, "--only", "mmio", code=1)
    assert "the register has not what was written" in done.stderr


def test_a_program_that_is_not_there(folder):
    done = bench(folder, "--sim", folder / "none", "--bare", folder / "none", code=1)
    assert f"{folder}/none is no program" in done.stderr


def test_the_bare_loop_is_for_one_interface(folder):
    sources = SOURCE / "samples/afu/copy/pcie-ss/sources.txt"
    done = ase_build("--bare", "-o", folder / "bare", sources, good=False)
    assert "--bare is for AFUs with ccip_std_afu" in done.stderr


def test_a_sample_that_is_not_there(folder):
    done = ase_build("--sample", "none", "-o", folder / "sim", good=False)
    assert "there is no sample none; there are copy, hello_afu, local_mem, stream" in done.stderr
