# SPDX-License-Identifier: BSD-3-Clause
"""opae doctor on the folders it depends on: the emulator directory, the inventory's, the home directory."""
import json
import os
import signal
import time

import pytest
from test_doctor import config, diagnose, emu_dir, may_all, own, right, wrong  # noqa: F401 - a fixture


# ---- the emulator directory ----

def test_plain_file_in_the_directory(machine, emu_dir):  # noqa: F811
    path = emu_dir / "card3.sock"
    path.write_text("")
    s, _ = wrong(machine, str(path), "file", "no socket", f"rm {path}")
    assert machine.run("/bin/sh", "-c", s["fix"]).returncode == 0
    assert diagnose(machine)[0] == 3


def test_directory_that_nobody_looks_in(machine, emu_dir):  # noqa: F811
    """A note, and which of the reasons it is."""
    def told(env):
        step = diagnose(machine, env=env)[1][str(emu_dir)]["steps"][0]
        assert step["result"] == "note"
        return step["text"]

    assert "its configuration names sockets" in told(config(machine, {"sockets": []}))
    assert 'the plugin "vfio" has failed' in told(config(machine, {"socket": 1}))
    assert 'the plugin "vfio" is disabled' in told(config(machine, {}, enabled=False))
    assert "no plugin in force" in told(machine.config('{"plugins": [], "configurations": {}}'))
    env = config(machine, {"socket": 1})
    assert "plugin has failed: " in diagnose(machine, env=env)[2]


def test_directory_with_too_long_a_path(machine):
    path = str(machine.folder / ("x" * 100))
    env = {"OPAEX_EMU_DIR": path}
    s, text = wrong(machine, path, "directory", "at most 77", "OPAEX_EMU_DIR=$HOME/.opae-emu", env=env)
    assert "see above" in text
    done = machine.run("/bin/sh", "-c", f"PATH={machine.bin}:$PATH; {s['fix']}", env=env)
    assert done.returncode == 0, done.stderr
    env = {"OPAEX_EMU_DIR": str(machine.folder / ".opae-emu")}
    assert diagnose(machine, env=env)[0] == 0
    machine.good("opae", "emu", "stop", "--all", env=env)


def test_no_home_to_put_a_directory_in(machine, emu_dir):  # noqa: F811
    emu_dir.rmdir()
    emu_dir.write_text("")
    env = {"HOME": "/nonexistent"}
    s, _ = wrong(machine, str(emu_dir), "directory", "no directory", "rm", env=env)
    long = {**env, "OPAEX_EMU_DIR": str(machine.folder / ("x" * 100))}
    s, _ = wrong(machine, long["OPAEX_EMU_DIR"], "directory", "at most", "$(mktemp -d)/emu", env=long)
    words = s["fix"].replace("opae emu start", "echo $OPAEX_EMU_DIR; opae emu start; opae emu stop --all")
    done = machine.run("/bin/sh", "-c", f"PATH={machine.bin}:$PATH; {words}", env=long)
    assert done.returncode == 0, done.stderr
    made = done.stdout.splitlines()[0]
    os.rmdir(made)
    os.rmdir(os.path.dirname(made))


def test_home_of_somebody_else(machine):
    """What cannot be looked at is told as it is, and the fix mends it."""
    machine.start()
    home = machine.folder / "home"
    home.mkdir(mode=0)
    env = {"HOME": str(home)}
    if may_all(machine):
        assert diagnose(machine, env=env)[0] == 0
    else:
        s, _ = wrong(machine, "(built in)", "file", "Permission denied", "unset HOME", env=env)
        command = f"{s['fix'].split('#')[0]}; {machine.bin}/opae doctor"
        env["OPAEX_DOCTOR_ROOT"] = str(machine.folder / "root")
        done = machine.run("/bin/sh", "-c", command, env=env)
        assert done.returncode == 0, done.stdout
    home.chmod(0o700)


def test_card_that_fell_off_the_bus(machine):
    machine.good("opae", "emu", "start", "--name", "card4", "--faults", "gone")
    path = str(machine.folder / "emu/card4.sock")
    assert diagnose(machine)[0] == 0
    os.kill(json.loads(machine.good("opae", "emu", "list", "--json"))["cards"][0]["pid"], signal.SIGUSR1)
    end = time.monotonic() + 30
    while machine.run("opae", "doctor").returncode == 0:
        assert time.monotonic() < end
    s, _ = wrong(machine, path, "device", "fallen off the bus",
                 "opae emu stop card4; opae emu start --name card4")
    done = machine.run("/bin/sh", "-c", f"PATH={machine.bin}:$PATH; {s['fix']}")
    assert done.returncode == 0 and diagnose(machine)[0] == 0


# ---- the inventory ----

def inventory(machine, env=None):
    """(name, result, text) of its line; whatever it is, the cards are shown."""
    code, subjects, _ = diagnose(machine, env=env)
    (s,) = [s for s in subjects.values() if s["kind"] == "inventory"]
    (step,) = s["steps"]
    assert code == 0
    return s["name"], step["result"], step["text"]


def test_inventory_in_force(machine):
    machine.start()
    path = machine.folder / "inventory"
    assert inventory(machine) == (str(path), "ok", "is made at the first look")
    machine.good("opae", "list")
    assert inventory(machine) == (
        str(path), "ok", "what is known of cards is kept here: $OPAEX_INVENTORY_DIR names it")


def test_inventory_without_a_name(machine):
    machine.start()
    env = {"OPAEX_INVENTORY_DIR": "", "XDG_RUNTIME_DIR": str(machine.folder / "run")}
    if not os.path.exists("/run/opae"):
        name, result, text = inventory(machine, env)
        assert name == f"{machine.folder}/run/opae" and result == "note" and "cannot be made" in text


def test_inventory_that_is_not_used(machine):
    machine.start()
    path = machine.folder / "inventory"
    path.mkdir(mode=0o777)
    own(machine, path)
    path.chmod(0o777)
    name, result, text = inventory(machine)
    assert result == "note" and "others can write to it (mode 0777)" in text and "chmod go-w" in text
    path.chmod(0o700)
    (path / "inventory").mkdir()
    assert "inventory in it is no file" in inventory(machine)[2]
    (path / "inventory").rmdir()
    (path / "holders").unlink()
    (path / "holders").mkdir()
    assert "holders in it is no file" in inventory(machine)[2]
    (path / "holders").rmdir()
    if not may_all(machine):
        path.chmod(0o500)
        assert "you may not write" in inventory(machine)[2]
        path.chmod(0o700)
    for file in path.iterdir():
        file.unlink()
    path.rmdir()
    path.symlink_to(machine.folder)
    assert "no directory, or a link" in inventory(machine)[2]
    env = {"OPAEX_INVENTORY_DIR": "/" + "x" * 300}
    assert "too long" in inventory(machine, env)[2]
    env = {"OPAEX_INVENTORY_DIR": "/nonexistent/x"}
    assert "cannot be made" in inventory(machine, env)[2]


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives a directory away")
def test_inventory_of_somebody_else(machine):
    machine.start()
    path = machine.folder / "inventory"
    path.mkdir(mode=0o700)
    os.chown(path, 4321, 4321)
    assert "belongs to uid 4321" in inventory(machine)[2]


def test_inventory_of_no_plugin(machine):
    _, subjects, _ = diagnose(machine, env=config(machine, {}, enabled=False))
    assert "inventory" not in {s["kind"] for s in subjects.values()}


def test_inventory_when_all_is_well(machine):
    path = str(machine.start())
    assert "token" in right(machine, path)
