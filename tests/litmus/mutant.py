# SPDX-License-Identifier: BSD-3-Clause
"""The mistakes of base/mutant.h: building them in, and looking for them with litmus programs."""
import re
import subprocess
import time
from pathlib import Path

from stage import Stage

SOURCE = Path(__file__).resolve().parents[2]
MUTANTS = re.findall(r"#ifndef MUTANT_(\w+)", (SOURCE / "base/mutant.h").read_text())
TARGETS = ["tests/litmus/litmus", "emu/opae-emu", "daemon/opaed", "daemon/opaed-worker",
           "plugins/vfio/libv-opae.so", "plugins/tcp/libtcp-opae.so"]
LIMIT_S = 60


def said(*command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-3000:]}")


def build(tree, mutant):
    if not (tree / "build.ninja").exists():
        said("meson", "setup", tree, "-Dtests=enabled", cwd=SOURCE)
    said("meson", "configure", tree, f"-Dmutant={mutant}")
    said("ninja", "-C", tree, *TARGETS)


def find(tree, way, tracker):
    """The seconds until it was found, and by which program; or None."""
    with Stage(tree, way, tracker) as stage:
        begin = time.monotonic()
        done = stage.litmus("--stop", "--seam-us", "100", "--runs", "10", "--seconds", str(LIMIT_S),
                            stdout=subprocess.PIPE, text=True)
        took = time.monotonic() - begin
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stdout)
    return (took, re.search(r"--program .*", done.stdout).group()) if done.returncode else None
