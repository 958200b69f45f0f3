# SPDX-License-Identifier: BSD-3-Clause
"""The mistakes of base/mutant.h: building them in, and looking for them with litmus programs."""
import collections
import re
import subprocess
import time
from pathlib import Path

from stage import Stage, summary

SOURCE = Path(__file__).resolve().parents[2]
MUTANTS = re.findall(r"#ifndef MUTANT_(\w+)", (SOURCE / "base/mutant.h").read_text())
CONTROL = ""  # no mistake
TARGETS = ["tests/litmus/litmus", "emu/opae-emu", "daemon/opaed", "daemon/opaed-worker",
           "plugins/vfio/libv-opae.so", "plugins/tcp/libtcp-opae.so"]
LIMIT_S, CONTROL_S = 60, 15
PATIENCE_S = 20  # of a run: what is lost may have it wait for ever
PROGRAMS = ["--stop", "--seam-us", "100", "--runs", "10", "--again", "10"]

Found = collections.namedtuple("Found", "seconds what")


def said(*command, **how):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **how)
    if done.returncode:
        raise RuntimeError(f"{command[0]} failed: {done.stdout[-3000:]}")


def build(tree, mutant):
    if not (tree / "build.ninja").exists():
        said("meson", "setup", tree, "-Dtests=enabled", cwd=SOURCE)
    said("meson", "configure", tree, f"-Dmutant={mutant}")
    said("ninja", "-C", tree, *TARGETS)


def run(tree, way, tracker, *options):
    """(what was found wrong or None, summary)"""
    with Stage(tree, way, tracker) as stage:
        begin = time.monotonic()
        done = stage.litmus(*PROGRAMS, *options, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        took = time.monotonic() - begin
    if done.returncode not in (0, 1, 3):
        raise RuntimeError(done.stdout)
    end = " (without end)" if done.returncode == 3 else ""
    found = Found(took, re.search(r"--program .*", done.stdout).group() + end) if done.returncode else None
    return found, summary(done.stdout)


def find(tree, way, tracker, *options):
    """The first that is wrong, or None."""
    return run(tree, way, tracker, "--seconds", str(LIMIT_S), "--patience", str(PATIENCE_S), *options)[0]


def control(tree, way, tracker):
    """The same programs, where nothing is to be found; all that have a name are among them, twice."""
    return run(tree, way, tracker, "--seconds", str(CONTROL_S), "--programs", "50", "--again", "50")
