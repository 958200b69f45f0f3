# SPDX-License-Identifier: BSD-3-Clause
"""The vendors' models, each by a test in SystemVerilog; and that an AFU gets them without listing them."""
import re
import subprocess
from pathlib import Path

from conftest import SOURCE

HERE = Path(__file__).resolve().parent / "vendor"
MODELS = {"altsyncram", "altera_syncram", "scfifo OFF", "scfifo ON", "dcfifo"}


def test_the_models_do_as_their_references(tmp_path):
    (tmp_path / "ase_init_files.vh").write_text('`define ASE_INIT_FILES "."\n')  # as of ase-build
    subprocess.run(["verilator", "--cc", "--exe", "--top-module", "vendor", "--prefix", "Vvendor", "--assert",
                    "-Wno-fatal", "-Wno-lint", "-Mdir", "obj", "-I.", "-y", SOURCE / "sim/rtl/vendor",
                    "+libext+.sv", HERE / "vendor.sv", HERE / "main.cpp"], cwd=tmp_path, check=True)
    subprocess.run(["make", "-s", "-C", "obj", "-f", "Vvendor.mk", "OBJCACHE=", "Vvendor"], cwd=tmp_path,
                   check=True, stdout=subprocess.DEVNULL)
    done = subprocess.run([tmp_path / "obj/Vvendor"], text=True, stdout=subprocess.PIPE, check=False,
                          timeout=60)
    assert done.returncode == 0, done.stdout
    compared = dict(re.findall(r"^(.+) compared (\d+)$", done.stdout, re.M))
    assert set(compared) == MODELS
    assert all(int(n) > 1000 for n in compared.values()), compared
