# SPDX-License-Identifier: BSD-3-Clause
"""ASE_MODE of ase.cfg with programs: each looks for its accelerator by one session, and opens it by another
one."""
import pytest
import vu
from conftest import BUILD
from sim import CONFIG, SCRATCH, Simulation, wait_until

PROGRAM = BUILD / "tests/unit/fake-sim"
pytestmark = pytest.mark.skipif(not PROGRAM.exists(), reason="built without the unit tests")


@pytest.fixture
def simulate(folder):
    started = []

    def start(config, *options, **kw):
        started.append(Simulation(PROGRAM, folder / kw.pop("name", "work"), *options, config=config, **kw))
        return started[-1]

    yield start
    vu.Client.close_all()
    for s in started:
        s.end()


def look(s):
    """What an enumeration does: memory is enabled, and read."""
    c = vu.Client(s.ready()["socket"])
    c.write(CONFIG, 4, b"\2\0")
    c.read(0, 8, 8)
    c.close()


def write_register(here, s):
    """A program that looks, opens, and writes."""
    return here.run("opae", "mmio", "write", hex(SCRATCH), "0x1234",
                    env={"OPAE_ASE_SOCKET": s.ready()["socket"]})


def test_mode_3_serves_a_whole_program(simulate, here):
    s = simulate("ASE_MODE = 3\n")
    done = write_register(here, s)
    assert done.returncode == 0, done
    assert s.wait() == 0, s.output
    assert "0000000000001234" in s.log("ccip_transactions.tsv")


def test_mode_4_counts_programs(simulate, here):
    over = "until test -e $ASE_WORKDIR/over; do sleep 0.1; done"
    s = simulate("ASE_MODE = 4\nASE_NUM_TESTS = 2\n", env={"ASE_SCRIPT": over})
    for _ in range(2):
        done = write_register(here, s)
        assert done.returncode == 0, done
    (s.folder / "over").touch()
    assert s.wait() == 0, s.output
    assert "all tests have run" in s.output


def test_mode_2_does_not_count_a_program_s_silence(simulate):
    s = simulate("ASE_MODE = 2\nASE_TIMEOUT = 5000\n")
    look(s)
    s.wait_stopped()
    c = s.client()
    c.get(8)
    first = int(s.wait_stopped()["cycle"])  # idle for about as long as ASE_TIMEOUT
    with s.control() as control:
        assert control.ask("step 20000").startswith("ok ")
    assert int(s.status()["cycle"]) >= first + 20000
    assert c.get(8)
    c.close()
    assert s.wait() == 0, s.output
    assert "ASE_MODE 2" in s.output


@pytest.mark.parametrize("mode", ["ASE_MODE = 2\nASE_TIMEOUT = 5000\n", "ASE_MODE = 3\n"])
def test_a_look_ends_nothing(simulate, mode):
    s = simulate(mode)
    for sessions in ("1", "2"):
        look(s)
        wait_until(lambda: s.status()["client"] == "0")
        assert s.wait_stopped()["sessions"] == sessions
    s.client().close()
    assert s.wait() == 0, s.output
