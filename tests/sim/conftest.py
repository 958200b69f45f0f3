# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: ase-build of the tree under test, and programs that it built, one of each AFU for all tests.

OPAE_BUILD names the build tree (default: build). Without Verilator the tests of this folder are skipped."""
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OPAE_BUILD", SOURCE / "build")).resolve()
sys.path.insert(0, str(SOURCE / "tests/py"))

import programs  # noqa: E402
from simulation import Simulation  # noqa: E402

INTERFACES = ("ccip", "pcie-ss")
COPIES = {"ccip": "samples/afu/copy", "pcie-ss": "samples/afu/copy/pcie-ss"}
STREAMS = {"ccip": "samples/afu/stream", "pcie-ss": "samples/afu/stream/pcie-ss"}
# A simulation is linked to the archives of the tree under test.
SANITIZE = {"asan": {"LDFLAGS": "-fsanitize=address,undefined"}, "tsan": {"LDFLAGS": "-fsanitize=thread"}}
TREE = SANITIZE.get(os.environ.get("OPAE_TREE"), {})


def pytest_collection_modifyitems(items):
    if not shutil.which("verilator"):
        for item in items:
            item.add_marker(pytest.mark.skip(reason="verilator is not installed"))


def ase_build(*args, cwd=None, env=None, good=True):
    done = subprocess.run([BUILD / "sim/ase-build", *args], cwd=cwd, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=600, check=False,
                          env={**os.environ, **TREE, **(env or {})})
    assert (done.returncode == 0) == good, done.stdout + done.stderr
    return done


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """The simulation of a folder with a sources.txt; built at its first use."""
    folder, made = tmp_path_factory.mktemp("built"), {}

    def build(path):
        if path not in made:
            out = folder / path.replace("/", "-")
            ase_build("-o", out, SOURCE / path / "sources.txt")
            made[path] = out
        return made[path]

    return build


@pytest.fixture
def folder():
    """A short path: a socket's has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="opae-sim."))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def simulate(built, folder):
    """Starts the simulation of an AFU; what a test does not end is ended."""
    started = []

    def start(path, *options):
        started.append(Simulation(built(path), folder, *options))
        return started[-1]

    yield start
    for s in started:
        s.end()


@pytest.fixture
def local(folder):
    """Where programs of this host reach the simulation at a path."""
    return lambda path, plugin="ase": programs.Place(folder, "here", programs.by_plugin(plugin, path))


@pytest.fixture
def served(folder):
    """Starts an opaed that serves the simulation at a path; where programs of another host reach it."""
    started = []

    def start(path, *ways):
        started.append(programs.Served(folder, path, *ways))
        return started[-1]

    yield start
    for place in started:
        assert place.daemon.stop() == 0, place.daemon.log
