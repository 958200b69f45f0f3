# SPDX-License-Identifier: BSD-3-Clause
"""A simulation, or the program that uses it, is killed in the middle of a copy."""
import os
import signal

import pytest
from conftest import COPIES, INTERFACES
from opaed import soon
from programs import COPY, Place, finished
from simulation import ask, is_moving

pytestmark = pytest.mark.parametrize("interface", INTERFACES)
# The clock makes so many cycles for each register access, and waits for the next one: the copy is under way.
SLOW = ("--run", "lockstep:1000")


@pytest.mark.parametrize("plugin", ["ase", "vfio"])
def test_a_simulation_that_is_killed(simulate, local, interface, plugin):
    """The program's calls fail at once. The next simulation has the same socket, and all works again."""
    first = simulate(COPIES[interface], *SLOW)
    place = local(first.path, plugin)
    program = place.start(COPY, 4 << 20)
    soon(first.is_moving, 60)
    first.kill()
    said = finished(program)
    assert program.returncode == 1 and "Test FAILED" in said and "is still" not in said, said
    second = simulate(COPIES[interface])
    place.good(COPY, 65536)
    place.counted(2, 64)
    assert second.end() == 0 and second.problems() == [], second.err
    assert not [name for name in os.listdir(second.folder) if name.endswith((".sock", ".ctl", ".pid"))]


def running_in(folder):
    """Processes whose folder it is."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{pid}/cwd") == str(folder):
                found.append(int(pid))
        except OSError:
            pass  # it has ended, or is another user's
    return found


def status_of(folder):
    """Of the simulation that a program has started there; None: it does not serve yet."""
    try:
        return ask(str(folder / "ase.ctl"), "status")
    except OSError:
        return None


@pytest.mark.parametrize("victim", ["simulation", "program"])
def test_one_that_the_program_has_started(built, folder, interface, victim):
    place = Place(folder, "here")
    place.env["OPAE_ASE_EXEC"] = " ".join((str(built(COPIES[interface])), *SLOW))
    program = place.start(COPY, 4 << 20)
    soon(lambda: is_moving(status_of(place.folder)), 60)
    pid = int(status_of(place.folder)["pid"])
    assert pid in running_in(place.folder)
    if victim == "simulation":
        os.kill(pid, signal.SIGKILL)
        said = finished(program)
        assert program.returncode == 1 and "signal 9 (Killed) ended it" in said, said
    else:
        program.kill()
        program.communicate(timeout=60)
    soon(lambda: not running_in(place.folder), 60)
    place.env["OPAE_ASE_EXEC"] = str(built(COPIES[interface]))
    assert "Test PASSED" in place.good(COPY, 65536)
    assert (place.folder / "ccip_warning_and_errors.txt").read_text() == ""
    assert not [name for name in os.listdir(place.folder) if name.endswith((".sock", ".ctl", ".pid"))]


@pytest.mark.parametrize("order", ["strict", "shuffle:5"])
def test_a_program_that_is_killed(simulate, local, interface, order):
    """The simulation goes on. No rule is broken: what the AFU asked for ends with the program's memory."""
    simulation = simulate(COPIES[interface], *SLOW, "--order", order)
    place = local(simulation.path)
    for _ in range(3):
        program = place.start(COPY, 4 << 20)
        soon(simulation.is_moving, 60)
        program.kill()
        program.communicate(timeout=60)
        assert program.returncode == -signal.SIGKILL
        simulation.ask("run idle-stop")
        place.good(COPY, 65536)
        place.counted(2, 64)
        simulation.ask("run lockstep:1000")
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err
    assert (simulation.folder / "ase_memory_error.log").read_text() == ""
