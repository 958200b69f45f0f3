# SPDX-License-Identifier: BSD-3-Clause
"""The life of a simulation: when its clock runs, how it ends, its logs, clients and control socket.

The design is in C (tests/unit/fake-afu.c), so no Verilator is needed."""
import contextlib
import errno
import os
import socket
import stat
import struct
import subprocess
import time

import pytest
import vu
from conftest import BUILD
from sim import (CONFIG, COPIES, FENCE, GUID, LINES, MUTE, SCRATCH, STATUS, TWICE, Simulation, wait_until)

PROGRAM = BUILD / "tests/unit/fake-sim"


@pytest.fixture
def simulate(folder):
    """Starts simulations; each ends at the end of the test."""
    started = []

    def start(*options, **kw):
        started.append(Simulation(PROGRAM, folder / kw.pop("name", "work"), *options, **kw))
        return started[-1]

    yield start
    vu.Client.close_all()
    for s in started:
        s.end()


# ---- the clock ----

def test_an_idle_simulation_stands_still(simulate):
    s = simulate()
    first = s.wait_stopped()
    assert s.status()["cycle"] == first["cycle"]
    c = s.client()
    assert (c.get(8), c.get(16)) == GUID
    c.copy(100)
    after = s.wait_stopped()
    assert int(after["cycle"]) > int(first["cycle"])
    assert [s.status()["cycle"] for _ in range(20)] == [after["cycle"]] * 20
    assert s.end() == 0, s.output


def test_the_clock_goes_on_for_long_while_a_program_has_it(simulate):
    """An AFU that computes asks for nothing."""
    s = simulate()
    first = int(s.wait_stopped()["cycle"])
    assert first < 100000
    c = s.client()
    c.get(8)
    used = int(s.wait_stopped()["cycle"])
    assert used - first >= 1000000
    c.close()
    wait_until(lambda: s.status()["client"] == "0")
    assert int(s.wait_stopped()["cycle"]) - used < 100000
    with s.control() as control:
        assert control.ask("run idle-stop:5000") == "ok run=idle-stop"
    s.client().get(8)
    assert int(s.wait_stopped()["cycle"]) - used < 100000
    assert s.end() == 0
    assert s.output.count("the clock stands still") == 1


def test_a_paused_clock_is_told_to_who_comes(simulate):
    s = simulate("--run", "paused")
    c = vu.Client(s.ready()["socket"])
    assert c.read(CONFIG, 0, 2) == b"\x86\x80"  # no clock is needed for that
    assert s.end() == 0
    assert "the clock is paused" in s.output


def test_logs_that_cannot_be_written_are_told(simulate, folder):
    (folder / "work").mkdir()
    (folder / "work/ccip_transactions.tsv").symlink_to("/dev/full")
    s = simulate()
    s.client().copy(1)
    s.end()
    assert "the logs are not whole" in s.output


def test_a_free_running_clock_runs(simulate):
    s = simulate("--run", "free")
    before = int(s.status()["cycle"])
    wait_until(lambda: int(s.status()["cycle"]) > before + 100000)
    s.client().copy(100)
    assert s.status()["state"] == "running"
    assert s.end() == 0, s.output


def test_a_client_that_does_not_answer_holds_nothing_up(simulate):
    s = simulate()
    c = s.client()
    c.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, 0x40000000, 0x10000))  # reached by messages
    c.start_copy(1000, src=0x40000000)
    wait_until(lambda: s.status()["client"] == "0")  # one line is waited for, and no other
    c = s.client()
    c.copy(10)
    c.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, 0x40000000, 0x10000))
    c.start_copy(1000, src=0x40000000)
    wait_until(lambda: c.sock.recv(1))  # it is waited for again
    assert s.end() == 0, s.output
    assert "0 errors, 1 warnings" in s.output
    assert s.log("ccip_warning_and_errors.txt").count("client-silent") == 1


def test_a_paused_clock_makes_the_steps_it_is_told(simulate):
    s = simulate("--run", "paused")
    with s.control() as c:
        assert c.ask("step 1000") == "ok cycle=1000"
        assert c.ask("step 1") == "ok cycle=1001"
        assert c.status()["state"] == "stopped"
        assert c.ask("step 0").startswith("error ")
        assert c.ask("step -1").startswith("error ")
        assert c.ask("run idle-stop:100") == "ok run=idle-stop"
        s.client().copy(10)
        assert c.ask("run sometimes").startswith("error ")
        assert c.status()["run"] == "idle-stop"


def test_steps_of_several_end_each_in_its_own_cycle(simulate):
    s = simulate("--run", "paused")
    with s.control() as first, s.control() as second:
        first.sock.sendall(b"step 4000000000\n")
        wait_until(lambda: int(s.status()["cycle"]) > 0)
        assert int(second.ask("step 10").split("=")[1]) < 4000000000
        first.sock.setblocking(False)
        with pytest.raises(BlockingIOError):
            first.sock.recv(1)
        first.sock.shutdown(socket.SHUT_RDWR)
        before = int(s.wait_stopped()["cycle"])
        assert second.ask("step 100") == f"ok cycle={before + 100}"


def test_a_step_of_who_hangs_up_is_not_made(simulate):
    s = simulate("--run", "paused")
    with s.control() as c:
        c.sock.sendall(b"step 4000000000\n")
        wait_until(lambda: int(s.status()["cycle"]) > 0)
    s.wait_stopped()


def program(client):
    """A program that does the same each time."""
    for i in range(20):
        client.set(SCRATCH, i)
    client.memory[:6400] = bytes(range(64)) * 100
    client.start_copy(100, FENCE)
    while client.get(STATUS) & 1:
        pass
    assert client.get(COPIES) == 1
    client.close()


def test_lockstep_gives_the_same_log_twice(simulate):
    logs = []
    for name, order in (("a", "shuffle:3"), ("b", "shuffle:3"), ("c", "shuffle:4"), ("d", "strict")):
        s = simulate("--run", "lockstep:50", "--order", order, "--log", "all", name=name,
                     config="ASE_MODE = 3\n")
        program(s.client())
        assert s.wait() == 0, s.output
        logs.append(s.log("ccip_transactions.tsv"))
    assert logs[0] == logs[1]
    assert len(set(logs)) == 3
    assert logs[0].count("\tread-data\t") == logs[0].count("\twrite-done\t") == 100


def test_lockstep_has_so_many_cycles_for_an_access(simulate):
    s = simulate("--run", "lockstep:77")
    c = s.client()
    cycles = []
    for _ in range(5):
        c.get(8)
        cycles.append(int(s.wait_stopped()["cycle"]))
    assert [b - a for a, b in zip(cycles, cycles[1:])] == [77] * 4


# ---- clients ----

def test_a_second_client_is_told_that_the_device_is_busy(simulate):
    s = simulate()
    c = s.client()
    second = vu.Client(s.ready()["socket"], greet=False)
    assert vu.recv_message(second.sock)[0][4] == errno.EBUSY
    c.copy(10)


def test_clients_come_one_after_the_other_and_find_a_clean_device(simulate):
    s = simulate()
    for i in range(5):
        c = s.client()
        assert c.get(LINES) == 0
        c.copy(10 + i)
        if i % 2:
            c.start_copy(8000)  # it leaves in the middle
        c.close()
    assert int(s.wait_stopped()["sessions"]) == 5
    assert s.log("ccip_transactions.tsv").count("\treset\t") == 5
    assert s.end() == 0, s.output


def test_a_reset_in_the_middle_of_a_copy(simulate):
    s = simulate("--run", "free")
    c = s.client()
    for _ in range(20):
        c.start_copy(8000)
        c.call(vu.RESET)
        before = bytes(c.memory)
        c.write(7, 4, struct.pack("<H", 6))
        assert c.get(COPIES) == 0
        assert bytes(c.memory) == before
    c.copy(100)
    assert s.end() == 0, s.output


def test_one_that_serves_who_started_it_ends_with_him(simulate):
    mine, its = socket.socketpair()
    s = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()])
    its.close()
    mine.sendall(vu.message(vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS, 0))
    assert "socket" not in s.ready()
    assert vu.recv_message(mine)[0][4] == 0
    mine.close()
    assert s.wait() == 0, s.output


@pytest.mark.parametrize("said", ["nothing", "half", "rubbish"])
def test_one_whose_parent_hangs_up_before_it_has_greeted_ends(simulate, said):
    """Nobody else can ever reach it."""
    mine, its = socket.socketpair()
    s = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()])
    its.close()
    mine.sendall({"nothing": b"", "half": vu.message(vu.VERSION)[:9], "rubbish": bytes(64)}[said])
    if said != "rubbish":
        mine.close()
    assert s.wait() == 0, s.output
    assert "ends: nobody is at its socket" in s.output
    mine.close()


def test_one_whose_parent_says_nothing_ends(simulate):
    mine, its = socket.socketpair()
    s = simulate("--fd", str(its.fileno()), "--run", "paused", pass_fds=[its.fileno()])
    its.close()
    assert s.wait() == 0, s.output
    mine.close()


@pytest.mark.parametrize("pause", range(12))
def test_one_that_is_told_to_end_while_it_ends(simulate, pause):
    mine, its = socket.socketpair()
    s = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()])
    its.close()
    mine.sendall(vu.message(vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS, 0))
    s.ready()
    mine.close()
    end = time.monotonic() + pause / 4000
    while time.monotonic() < end:
        pass
    assert s.end() == 0, s.output


def test_two_cannot_serve_one_socket(simulate):
    first = simulate()
    second = simulate("--socket", first.ready()["socket"], name="other")
    assert second.wait() == 1
    assert "another process serves this socket" in second.output
    first.client().copy(1)


def test_one_that_cannot_serve_destroys_no_log(simulate):
    first = simulate()
    first.client().copy(1)
    first.wait_stopped()
    before = {p.name: p.read_bytes() for p in first.folder.iterdir() if p.is_file()}
    second = simulate()
    assert second.wait() == 1
    assert "another process serves this socket" in second.output
    assert {p.name: p.read_bytes() for p in first.folder.iterdir() if p.is_file()} == before


@pytest.mark.parametrize("way", ["socket", "fd"])
def test_two_in_one_folder_leave_each_other_alone(simulate, folder, way):
    mine, its = socket.socketpair()
    first = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()]) if way == "fd" else simulate()
    if way == "fd":
        mine.sendall(vu.message(vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS, 0))
    ready = first.ready()
    started = Simulation(PROGRAM, first.folder, "--socket", folder / "s", "--log", "all")
    path = first.folder / f"ccip_transactions.tsv.{started.process.pid}"
    try:
        wait_until(lambda: (folder / "s.ctl").exists() and path.exists())
        assert first.ready() == ready
        vu.Client(str(folder / "s")).close()
        assert first.status()["pid"] == str(first.process.pid)
    finally:
        assert started.end() == 0, started.output
    assert f"end in .{started.process.pid}" in started.output and "client 1 has left" in started.output
    assert first.ready() == ready and first.status()["sessions"] == ("1" if way == "fd" else "0")
    mine.close()
    its.close()


def test_spawned_ones_in_one_folder_leave_each_other_alone(simulate):
    first = simulate()
    ready = first.ready()
    mine, its = socket.socketpair()
    second = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()])
    its.close()
    mine.sendall(vu.message(vu.VERSION, struct.pack("<HH", 0, 0) + vu.CAPS, 0))
    log = first.folder / f"ccip_transactions.tsv.{second.process.pid}"
    wait_until(lambda: (first.folder / f"ase.ctl.{second.process.pid}").exists() and log.exists())
    assert first.ready() == ready
    assert vu.recv_message(mine)[0][4] == 0
    mine.close()
    assert second.wait() == 0, second.output
    assert first.ready() == ready and first.status()["pid"] == str(first.process.pid)
    assert first.end() == 0 and first.log("ccip_transactions.tsv")


# ---- ends, and what is left ----

def test_the_files_are_those_of_the_original(simulate):
    s = simulate("--seed", "77")
    ready = s.ready()
    assert (int(ready["pid"]), ready["host"]) == (s.process.pid, socket.gethostname())
    assert ready["dir"] == str(s.folder) and set(ready) == {"pid", "host", "dir", "uid", "socket", "control"}
    c = s.client()
    c.get(8)
    c.close()
    s.wait_stopped()
    assert s.end() == 0, s.output
    assert s.log("ase_seed.txt") == "77\n"
    assert "mapped 0x100000 bytes at 0x100000" in s.log("workspace_info.log")
    lines = s.log("ccip_transactions.tsv").splitlines()
    assert lines[0].split("\t") == ["cycle", "what", "address", "bytes", "id", "data"]
    assert any(line.split("\t")[1:4] == ["mmio-read", "0x8", "8"] for line in lines)
    left = {p.name for p in s.folder.iterdir()}
    assert left == {"ase_seed.txt", "workspace_info.log", "ccip_transactions.tsv",
                    "ccip_warning_and_errors.txt", "ase_memory_error.log"}


def test_errors_are_counted_and_make_the_exit_status(simulate):
    s = simulate()
    c = s.client()
    c.get(TWICE)
    c.start_copy(3, src=0x7000)
    wait_until(lambda: not c.get(STATUS) & 1)
    assert c.get(STATUS) >> 32 == 3
    with s.control() as control:
        assert control.ask("rules") == "ok mmio-unsolicited=1/0 memory-read=3/0"
    c.copy(5)  # it lives
    assert s.end() == 1
    assert "memory-read: 3 errors" in s.output and "4 errors" in s.output
    assert s.log("ase_memory_error.log").count("not mapped") == 3
    assert len(s.log("ccip_warning_and_errors.txt").splitlines()) == 4


def test_strict_ends_at_the_first_error(simulate):
    s = simulate("--strict")
    c = s.client()
    c.get(TWICE)
    assert s.wait() == 1
    assert "--strict" in s.output


def test_a_read_that_nobody_answers(simulate):
    s = simulate()
    c = s.client()
    assert c.get(MUTE) == 0xFFFFFFFFFFFFFFFF
    assert c.get(8) == GUID[0]
    assert s.end() == 1 and "mmio-timeout: 1 errors" in s.output


def test_mode_2_ends_when_nothing_happens(simulate):
    s = simulate(config="ASE_MODE = 2\nASE_TIMEOUT = 100000\n")
    s.client().close()
    assert s.wait() == 0, s.output
    assert "ASE_MODE 2" in s.output


def test_mode_4_runs_the_script(simulate):
    script = "test -S $ASE_WORKDIR/ase.sock && touch $ASE_WORKDIR/ran"
    s = simulate(config="ASE_MODE=4\nASE_NUM_TESTS=2\n", env={"ASE_SCRIPT": script})
    assert s.wait() == 0, s.output
    assert (s.folder / "ran").exists()
    s = simulate(config="ASE_MODE=4\n", env={"ASE_SCRIPT": "exit 3"}, name="bad")
    assert s.wait() == 1 and "status 3" in s.output


def test_mode_4_ends_with_the_last_test(simulate):
    s = simulate(config="ASE_MODE = 4\nASE_NUM_TESTS = 2\n",
                 env={"ASE_SCRIPT": "until test -e $ASE_WORKDIR/over; do sleep 0.1; done"})
    for _ in range(2):
        assert s.process.poll() is None
        s.client().close()
        wait_until(lambda: "reset" in s.log("ccip_transactions.tsv") or s.process.poll() is not None)
    (s.folder / "over").touch()
    assert s.wait() == 0, s.output
    assert "all tests have run" in s.output


def test_mode_4_ends_a_script_that_ignores_it(simulate):
    """So that it and what it has started are gone."""
    s = simulate(config="ASE_MODE = 4\n", env={
        "ASE_SCRIPT": "trap '' TERM; echo $$ > $ASE_WORKDIR/pid; while :; do sleep 0.1; done"})
    wait_until(lambda: (s.folder / "pid").exists() and s.log("pid"))
    s.process.terminate()
    assert s.wait() == 1
    with pytest.raises(ProcessLookupError):
        os.kill(int(s.log("pid")), 0)


def test_one_that_a_program_has_started_runs_no_script(simulate):
    mine, its = socket.socketpair()
    s = simulate("--fd", str(its.fileno()), pass_fds=[its.fileno()], config="ASE_MODE=4\nUSR_CLK_MHZ = 500\n")
    its.close()
    s.ready()
    assert s.end() == 0, s.output
    assert "USR_CLK_MHZ is a number up to 400" in s.output
    mine.close()


def test_a_seed_that_is_used_again_comes_before_ase_seed(simulate):
    for order in ("ENABLE_REUSE_SEED = 1\nASE_SEED = 1234\n", "ASE_SEED = 1234\nENABLE_REUSE_SEED = 1\n"):
        s = simulate(config=order, name="again")
        assert s.status()["seed"] == "1234"  # there was none before
        assert s.end() == 0
        (s.folder / "ase_seed.txt").write_text("77\n")
        s = simulate(config=order, name="again")
        assert s.status()["seed"] == "77"
        assert s.end() == 0
        (s.folder / "ase_seed.txt").unlink()


def test_waves_that_cannot_be_written_are_bad_use(simulate):
    s = simulate("--wave", "/nowhere/x.fst", "--wave-from", "1000000")
    assert s.wait() == 2
    assert "waves: /nowhere/x.fst: No such file" in s.output
    s = simulate(env={"ASE_WAVE": "/nowhere/y.fst"}, name="other")
    assert s.wait() == 2
    pipe = s.folder / "pipe"
    os.mkfifo(pipe)
    s = simulate("--wave", str(pipe), name="third")
    assert s.wait() == 2 and f"waves: {pipe}: there is something that is no file" in s.output
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_waves_of_a_window_of_cycles(simulate, folder):
    s = simulate("--run", "paused", "--wave", str(folder / "w"), "--wave-from", "100", "--wave-to", "200")
    with s.control() as c:
        for cycle, wave in ((99, "off"), (100, "on"), (199, "on"), (200, "off"), (300, "off")):
            c.ask(f"step {cycle - int(c.status()['cycle'])}")
            assert (c.status()["cycle"], c.status()["wave"]) == (str(cycle), wave)
    assert (folder / "w").exists()


@pytest.fixture
def crammed(folder):
    """A folder on a disk where there is no room left."""
    path = folder / "crammed"
    path.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", path], check=False).returncode:
        pytest.skip("this user may not mount")
    with contextlib.suppress(OSError), open(path / "all", "wb", buffering=0) as f:
        while True:
            f.write(bytes(4096))
    yield path
    subprocess.run(["umount", path], check=True)


def test_a_disk_without_room_is_told(simulate, crammed, folder):
    s = simulate("--workdir", crammed)
    assert s.wait() == 1
    assert f"{crammed}/ase_seed.txt: No space left on device; --workdir gives another folder" in s.output
    with (s := simulate()).control() as c:
        (crammed / "all").write_bytes(b"")
        assert c.ask(f"wave on {crammed}/w.fst") == "ok"
        with contextlib.suppress(OSError), open(crammed / "all", "wb", buffering=0) as f:
            while True:
                f.write(bytes(4096))
        assert c.ask("wave off") == "ok"
    assert s.end() == 0
    assert f"{crammed}/w.fst: no room is left there, so that the waves may not be whole" in s.output


def test_the_control_socket_says_what_is_wrong(simulate):
    s = simulate()
    with s.control() as c:
        assert c.ask("what").startswith("error there are ")
        assert c.ask("wave").startswith("error ")
        assert c.ask("wave on /nowhere/x").startswith("error /nowhere/x: No such file")
        assert c.ask("wave on /dev/null").startswith("error /dev/null: there is something that is no file")
        assert c.ask(f"wave on {s.folder}/w.fst") == "ok"
        assert c.status()["wave"] == "on"
        assert c.ask("wave on other.fst") == f"error waves go to {s.folder}/w.fst: wave off ends them"
        assert c.ask("wave off") == "ok" and c.status()["wave"] == "off"
        assert c.ask("end") == "ok"
    assert s.wait() == 0, s.output


def test_the_control_socket_bears_anything(simulate):
    s = simulate()
    for junk in (b"\0" * 5000, b"status", os.urandom(3000), b"\n" * 4000):
        with s.control() as c:
            try:
                c.sock.sendall(junk)
            except BrokenPipeError:
                pass
    many = [s.control() for _ in range(4)]
    assert all(c.status()["client"] == "0" for c in many)
    with s.control() as fifth:
        assert fifth.file.readline() == ""
    for c in many:
        c.__exit__()
    wait_until(lambda: s.control().ask("rules") == "ok")
    assert s.end() == 0, s.output


@pytest.mark.parametrize("options,word", [
    (["--run", "walk"], "--run cannot be 'walk'"),
    (["--mmio-gap", "0"], "--mmio-gap is a number from 1 to 1048576, and cannot be '0'; see --help"),
    (["--read-latency", "x"], "--read-latency is a number from 1 to 1048576, and cannot be 'x'; see --help"),
    (["--write-latency", "1048577"], "--write-latency is a number from 1 to 1048576, and cannot be"),
    (["--outstanding", "4"], "--outstanding is a number from 8 to 4096, and cannot be '4'; see --help"),
    (["--order", "shuffle:x"], "--order cannot be"),
    (["file.sv"], "there is no use for 'file.sv'"),
    (["--nonsense"], "nonsense"),
    (["--seed", "-1"], "--seed cannot be '-1'"),
    (["--socket", "/tmp/" + "x" * 200], "--socket cannot be"),
])
def test_bad_use_is_told(simulate, options, word):
    s = simulate(*options)
    assert s.wait() == 2
    assert word in s.output


def test_a_mistake_in_ase_cfg_is_told_and_left_out(simulate):
    s = simulate("+design=1", config="# mine\n ASE_SEED = 5 # five\nASE_MODE=9\nFOO = 1\nASE_TIMEOUT\n")
    assert s.status()["seed"] == "5"
    assert s.end() == 0
    for line in ("ase.cfg:3: ASE_MODE is", "ase.cfg:4: there is no such setting", "ase.cfg:5: it is not"):
        assert line in s.output
