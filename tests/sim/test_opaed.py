# SPDX-License-Identifier: BSD-3-Clause
"""The samples' simulations, served by opaed to programs of another host: registers, buffers, interrupts."""
import signal

import pytest
from conftest import COPIES, INTERFACES, STREAMS
from opaed import soon
from programs import COPY, STREAM, finished

pytestmark = pytest.mark.parametrize("interface", INTERFACES)


@pytest.mark.parametrize("way,local", [("tcp", "ase"), ("unix", "ase"), ("tcp", "vfio")])
def test_the_samples_programs(simulate, served, interface, way, local):
    simulation = simulate(COPIES[interface], "--order", "shuffle:7")
    place = served(simulation.path, way, local)
    for size in (64, 4096, 192 * 1024 + 64):
        assert f"{size} bytes in " in place.good(COPY, size)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err


def test_the_stream(simulate, served, interface):
    simulation = simulate(STREAMS[interface], "--order", "shuffle:7")
    place = served(simulation.path)
    place.good(STREAM, 12800, 77)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err


def test_each_copy_has_its_interrupt(simulate, served, interface):
    simulation = simulate(COPIES[interface])
    served(simulation.path).counted(20, 300)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err


def test_programs_one_after_the_other(simulate, served, local, interface):
    """Of this host and of the other one, in both orders."""
    simulation = simulate(COPIES[interface], "--order", "shuffle:3")
    here, there = local(simulation.path), served(simulation.path)
    for place in (here, there, here, there, there):
        place.good(COPY, 65536)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err


def test_the_simulation_is_killed_in_mid_copy(simulate, served, interface):
    """The program is told and ends; opaed goes on, and serves the simulation that is there next."""
    # The clock makes a few cycles for each register access, and waits for the next one.
    first = simulate(COPIES[interface], "--run", "lockstep:1000")
    place = served(first.path)
    before = place.daemon.descriptors()
    program = place.start(COPY, 4 << 20)
    soon(first.is_moving, 60)
    first.kill()
    said = finished(program)
    assert program.returncode == 1 and "Test FAILED" in said, said
    soon(place.daemon.is_idle, 60)
    second = simulate(COPIES[interface])
    assert second.path == first.path
    place.good(COPY, 65536)
    place.counted(2, 64)
    soon(place.daemon.is_idle, 60)
    soon(lambda: place.daemon.descriptors() <= before, 60)
    assert second.end() == 0 and second.problems() == [], second.err


def test_the_program_is_killed_in_mid_copy(simulate, served, interface):
    simulation = simulate(COPIES[interface], "--run", "lockstep:1000")
    place = served(simulation.path)
    program = place.start(COPY, 4 << 20)
    soon(simulation.is_moving, 60)
    program.kill()
    program.communicate(timeout=60)
    assert program.returncode == -signal.SIGKILL
    simulation.ask("run idle-stop")
    place.good(COPY, 65536)
    place.counted(2, 64)
    assert simulation.end() == 0 and simulation.problems() == [], simulation.err
