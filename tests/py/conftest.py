# SPDX-License-Identifier: BSD-3-Clause
"""Fixtures: the build tree under test, cards, and a program's environment.

OPAE_BUILD names the build tree (default: build); OPAE_TREE its kind (plain, asan, ...)."""
import os
import pwd
import re
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest
from opaed import Daemon

SOURCE = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("OPAE_BUILD", SOURCE / "build")).resolve()
TREE = os.environ.get("OPAE_TREE", "plain")
ORDINARY = "nobody"


def pytest_collection_modifyitems(config, items):
    """What does not depend on the build's kind runs once."""
    again = [i for i in items if TREE != "plain" and i.get_closest_marker("once")]
    items[:] = [i for i in items if i not in again]
    config.hook.pytest_deselected(items=again)


def pytest_configure(config):
    config.addinivalue_line("markers", "once: independent of the kind of build")


def needs_tracker(tracker):
    """Skips where this user may not track pages on this kernel."""
    try:
        may = tracker == "eager" or os.close(os.open("/dev/userfaultfd", os.O_RDWR)) is None
    except OSError:
        may = False
    kernel = tuple(int(n) for n in re.findall(r"\d+", os.uname().release)[:2])
    if not may or (tracker == "trap" and kernel < (6, 7)):
        pytest.skip("/dev/userfaultfd is not this user's, or the kernel is older than 6.7")


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The build, installed where every user can read it."""
    root = Path(tempfile.mkdtemp(prefix="opae-installed."))
    root.chmod(0o755)
    subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root],
                   check=True, stdout=subprocess.DEVNULL)
    prefix = root / "usr/local"
    yield prefix
    shutil.rmtree(root)


@pytest.fixture
def folder():
    """A short path: a socket's has at most 107 bytes."""
    path = Path(tempfile.mkdtemp(prefix="opae-py."))
    yield path
    shutil.rmtree(path, ignore_errors=True)


class Machine:
    """Runs the installed programs as one user, with an emulator directory of its own."""

    def __init__(self, prefix, folder, user):
        self.prefix, self.folder, self.user = prefix, folder, user
        self.bin = prefix / "bin"
        libs = next(prefix.glob("lib*/**/libopae-c.so.2")).parent
        self.plugins = libs / "opae"
        self.env = {
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "LD_LIBRARY_PATH": str(libs),
            "OPAEX_EMU_DIR": str(folder / "emu"),
            "OPAEX_INVENTORY_DIR": str(folder / "inventory"),
            "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", ""),
        }
        if user:
            folder.chmod(0o755)
            os.chown(folder, user.pw_uid, user.pw_gid)

    def run(self, *args, env=None, timeout=120, **kw):
        """The finished process; output as text."""
        who = {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} \
            if self.user else {}
        program = args[0] if os.path.isabs(str(args[0])) else self.bin / args[0]
        return subprocess.run([program, *args[1:]], env={**self.env, **(env or {})}, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                              **who, **kw)

    def good(self, *args, **kw):
        done = self.run(*args, **kw)
        assert done.returncode == 0, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def start(self, name="card0", board="nlb0", mmio="trap"):
        self.good("opae", "emu", "start", "--name", name, "--board", board, "--mmio", mmio)
        return self.folder / "emu" / f"{name}.sock"

    def config(self, text):
        """Also while a program that was just started is about to read the last one."""
        path, new = self.folder / "opae.cfg", self.folder / "opae.cfg.new"
        new.write_text(text)
        new.rename(path)
        return {"LIBOPAE_CFGFILE": str(path)}


@pytest.fixture(params=["this user", "ordinary user"])
def machine(request, installed, folder):
    user = None
    if request.param == "ordinary user":
        if os.geteuid() != 0:
            pytest.skip("this user is ordinary already")
        user = pwd.getpwnam(ORDINARY)
    m = Machine(installed, folder, user)
    yield m
    m.run("opae", "emu", "stop", "--all")


@pytest.fixture
def here(installed, folder):
    """As `machine`, for tests that need not run as two users."""
    m = Machine(installed, folder, None)
    yield m
    m.run("opae", "emu", "stop", "--all")


@pytest.fixture
def opaed(here):
    """Starts daemons of this user; each must end well."""
    started = []

    def start(machine=here, **config):
        started.append(Daemon(machine, f"opaed{len(started)}", **config))
        return started[-1]

    yield start
    for d in started:
        if d.process:
            assert d.stop() in (0, -signal.SIGKILL), d.log


@pytest.fixture
def card(folder):
    """Starts cards from the build tree; each must end cleanly at the end of the test."""
    started = []

    def start(board="nlb0", mmio="trap", name="card"):
        path = folder / f"{name}.sock"
        p = subprocess.Popen([BUILD / "emu/opae-emu", "--socket", path, "--board", board, "--mmio",
                              mmio], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert "card ready" in p.stdout.readline()
        started.append(p)
        p.path = str(path)
        return p

    yield start
    for p in started:
        if p.poll() is None:
            p.send_signal(signal.SIGTERM)
        _, err = ("", "") if p.stdout.closed else p.communicate(timeout=120)
        assert p.returncode == 0, f"the card ended with {p.returncode}\n{err}"
