# SPDX-License-Identifier: BSD-3-Clause
"""Programs and tools on simulations: where they are looked for, what is said of those that cannot be had, the
control socket, and opaed in between. The simulation is that of tests/unit/fake-sim.c, or a card that plays
one (ase_sim.py)."""
import json
import os
import signal
import socket
import subprocess
import threading

import pytest
from conftest import BUILD, SOURCE
from opaed import soon

FAKE = BUILD / "tests/unit/fake-sim"
PLAYED = f"{SOURCE}/tests/py/ase_sim.py {BUILD}/emu/opae-emu --board"
GUID = "5c0ffee0-1122-4466-a5a0-b2d0c9d8e711"
HELLO = "850adcc2-6ceb-4b22-9722-d43375b61c66"
SCRATCH, CONTROL, TWICE = "0x28", "0x48", "0x78"

pytestmark = pytest.mark.skipif(not FAKE.exists(), reason="built without the unit tests")


class Simulation:
    def __init__(self, folder, *args, name="sim"):
        self.folder = folder / name
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self.path = str(self.folder / "s.sock")
        self.process = subprocess.Popen([FAKE, "--socket", self.path, "--workdir", self.folder, *args],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)
        self.log = []
        self.reader = threading.Thread(target=self.read)
        self.reader.start()
        self.ready = self.folder / ".ase_ready.pid"
        soon(lambda: self.process.poll() is not None or self.is_ready(), 60)
        assert self.process.poll() is None

    def read(self):
        for line in self.process.stdout:
            self.log.append(line)

    def is_ready(self):
        return self.ready.exists() and f"pid = {self.process.pid}\n" in self.ready.read_text()

    def end(self, sig=signal.SIGTERM):
        self.process.send_signal(sig)
        self.process.wait(60)
        self.reader.join(60)
        return self.process.returncode


@pytest.fixture
def simulation(folder):
    started = []

    def start(*args, **kw):
        started.append(Simulation(folder, *args, **kw))
        return started[-1]

    yield start
    for s in started:
        if s.process.poll() is None:
            assert s.end() == 0, s.log


def ase(machine, configuration, name="opae_ase.cfg"):
    """The simulation's configuration file, where WITH_ASE looks for it."""
    folder = machine.folder / ".config/opae"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(json.dumps({"plugins": ["ase"], "configurations": {"ase": {
        "enabled": True, "plugin": "libase-opae.so", "configuration": configuration}}}))


def shown(machine, **env):
    """(the GUIDs that are listed, what was said)"""
    done = machine.run("opae", "list", "--json", env=env, cwd=machine.folder)
    rows = json.loads(done.stdout)["devices"] if done.stdout else []
    return [r["guid"] for r in rows if r["type"] == "accelerator"], done.stderr


# ---- programs that know of nothing ----

@pytest.mark.parametrize("program,board", [("hello_afu", "hello"), ("hello_fpga", "nlb0"),
                                           ("host_exerciser lpbk", "he-lb")])
def test_samples_start_it(here, program, board):
    done = here.run(*program.split(), env={"OPAE_ASE_EXEC": f"{PLAYED} {board}"})
    assert done.returncode == 0 and "Test PASSED" in done.stdout, done
    assert done.stderr == "[SIM] hello from the simulation\n[SIM] the simulation has ended\n"


def test_silence(here):
    done = here.run("hello_afu", env={"OPAE_ASE_EXEC": f"{PLAYED} hello", "ASE_LOG": "0"})
    assert done.returncode == 0 and not done.stderr


@pytest.mark.parametrize("log", ["0", "1"])
def test_one_that_dies_under_a_program(here, folder, log):
    """The program need not ask why, and ASE_LOG=0 is no wish not to know."""
    env = {"OPAE_ASE_EXEC": f"'{FAKE}' --quiet --run paused", "ASE_LOG": log}
    program = subprocess.Popen([here.bin / "opae", "list"], cwd=folder, text=True, stderr=subprocess.PIPE,
                               stdout=subprocess.PIPE, env={**here.env, **env})
    soon(lambda: here.run("opae", "ase", "status", cwd=folder).returncode == 0, 60)
    said = json.loads(here.good("opae", "ase", "status", "--json", cwd=folder))["simulation"]
    os.kill(said["pid"], signal.SIGKILL)
    told = program.communicate(timeout=120)[1]
    assert told.count("signal 9 (Killed) ended it") == 1, told


@pytest.mark.parametrize("log", ["0", "1"])
def test_one_that_found_errors(here, folder, log):
    """The program's exit status knows nothing of them. A register of the fake is answered twice."""
    env = {"OPAE_ASE_EXEC": f"'{FAKE}'", "ASE_LOG": log}
    done = here.run("opae", "mmio", "read", TWICE, "-d", GUID, env=env, cwd=folder)
    assert done.returncode == 0
    told = "the simulation did not end well: it ended with exit code 1; see ccip_warning_and_errors.txt"
    assert done.stderr.count(told) == 1, done.stderr
    assert "mmio-unsolicited" in (folder / "ccip_warning_and_errors.txt").read_text()
    done = here.run("opae", "mmio", "read", "0", "-d", GUID, env=env, cwd=folder)
    assert done.returncode == 0 and "end well" not in done.stderr


def test_an_afu_that_goes_to_memory_too_early(here, folder):
    """Its author is told what is missing in the program. The fake is to write its flag at address 0."""
    env = {"OPAE_ASE_EXEC": f"'{FAKE}'"}

    def is_told():  # the simulation may end before the AFU has come so far
        here.run("opae", "mmio", "write", CONTROL, "0x9", "-d", GUID, env=env, cwd=folder)
        return "the program has prepared no buffer" in (folder / "ase_memory_error.log").read_text()

    soon(is_told, 60)


def test_settings_before_the_command(here, folder):
    env = {"OPAE_ASE_EXEC": f"ONE=1 '{FAKE}' --workdir '{folder}' --quiet"}
    assert shown(here, **env) == ([GUID], "")


def test_a_card_beside_it_is_not_shown(here):
    here.start(board="hello")
    assert shown(here) == ([HELLO], "")
    assert shown(here, OPAE_ASE_EXEC=f"'{FAKE}' --quiet") == ([GUID], "")


def test_beside_other_plugins(here, simulation):
    """Named in opae.cfg it is one plugin of several."""
    here.start(board="hello")
    sim = simulation()
    env = here.config(json.dumps({"plugins": ["vfio", "ase"], "configurations": {
        "vfio": {"enabled": True, "plugin": "libv-opae.so", "configuration": {}},
        "ase": {"enabled": True, "plugin": "libase-opae.so", "configuration": {"socket": sim.path}}}}))
    assert sorted(shown(here, **env)[0]) == [GUID, HELLO]
    assert "a5e0:00:00.0" in here.good("opae", "list", GUID, env=env)


# ---- the order ----

def test_order(here, folder, simulation):
    """What is named first is taken, and the others are left alone."""
    first, second, third = (simulation(name=n) for n in ("first", "second", "third"))
    mark = folder / "mark"
    everything = {"OPAE_ASE_SOCKET": first.path, "ASE_WORKDIR": str(second.folder), "WITH_ASE": "1",
                  "OPAE_ASE_EXEC": f"{PLAYED} hello --mark {mark}"}
    ase(here, {"socket": third.path, "exec": f"{PLAYED} nlb0 --mark {mark}"})

    def clients():
        return [json.loads(here.good("opae", "ase", "status", "--json", "--socket", s.path))["simulation"]
                ["sessions"] for s in (first, second, third)]

    for i, name in enumerate(("OPAE_ASE_SOCKET", "ASE_WORKDIR")):
        assert shown(here, **everything)[0] == [GUID]
        assert clients() == [1] * (i + 1) + [0] * (2 - i)
        del everything[name]
    assert shown(here, **everything)[0] == [GUID]
    assert clients() == [1, 1, 1] and not mark.exists()
    third.end()
    assert shown(here, **everything)[0] == [HELLO]
    del everything["OPAE_ASE_EXEC"]
    assert shown(here, **everything)[0] == ["d8424dc4-a4a3-c413-f89e-433683f9040b"]
    assert len(mark.read_text().split()) == 2


def test_relative_socket(here, folder, simulation):
    simulation()
    assert shown(here, OPAE_ASE_SOCKET="sim/s.sock") == ([GUID], "")
    done = here.run("opae", "list", env={"OPAE_ASE_SOCKET": "x" * 120})
    assert done.returncode == 3 and "at most 107" in done.stderr


def test_workdir(here, simulation):
    sim = simulation()
    env = {"WITH_ASE": "1", "ASE_WORKDIR": str(sim.folder)}
    assert shown(here, **env) == ([GUID], "")
    sim.end()
    guids, said = shown(here, **env)
    assert not guids and "no simulation is ready there" in said


def test_workdir_without_with_ase(here, folder):
    """As with OPAE it leads to no simulation; that is said, unless the configuration has the plugin."""
    env = {"ASE_WORKDIR": str(folder)}
    told = "ASE_WORKDIR is set, and WITH_ASE is not"
    assert shown(here, **env)[1].count(told) == 1
    assert told not in shown(here, **env, WITH_ASE="1")[1]
    env |= here.config(json.dumps({"plugins": ["ase"], "configurations": {"ase": {
        "enabled": True, "plugin": "libase-opae.so", "configuration": {}}}}))
    assert told not in shown(here, **env)[1]


@pytest.mark.parametrize("text,word", [
    ("pid = 4194303999\nsocket = s\n", "no such file"), ("", "no such file"),
    ("pid = GONE\nsocket = s.sock\n", "stale"),
    ("pid = HERE\nhost = elsewhere\nsocket = s.sock\n", "runs on host elsewhere"),
    ("pid = HERE\ndir = /\nuid = SR-6.4.0\n", "another environment"),
    ("pid = HERE\ncontrol = c\n", "only the program that started it"),
    ("pid = HERE\nsocket = " + "x" * 200 + "\n", "at most 107"),
    ("pid = HERE\nsocket = none.sock\n", "none.sock"),
    ("\0\n=\n = \npid =\nsocket=" + "y" * 9000, "no such file")])
def test_workdir_that_leads_nowhere(here, folder, text, word):
    """It is said, and the next one is taken: never a wait, never a crash."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    (folder / "w").mkdir()
    text = text.replace("HERE", str(os.getpid())).replace("GONE", str(gone.pid))
    (folder / "w/.ase_ready.pid").write_text(text)
    env = {"WITH_ASE": "1", "ASE_WORKDIR": str(folder / "w")}
    guids, said = shown(here, **env)
    assert not guids and word in said, said
    if "none.sock" in text:  # somebody says that it is there: it is not passed over
        return
    guids, said = shown(here, **env, OPAE_ASE_EXEC=f"'{FAKE}' --quiet")
    assert guids == [GUID] and word in said


def test_workdir_for_the_logs_of_one_that_is_started(here, folder):
    """Nothing runs there yet, and nothing need be said."""
    (folder / "w").mkdir()
    env = {"ASE_WORKDIR": str(folder / "w"), "OPAE_ASE_EXEC": f"'{FAKE}' --quiet"}
    for _ in range(2):
        assert shown(here, **env) == ([GUID], "")
    assert (folder / "w/workspace_info.log").exists()


def test_workdir_of_a_killed_simulation(here, simulation):
    """Nobody removes the file then."""
    sim = simulation()
    sim.end(signal.SIGKILL)
    assert sim.ready.exists()
    guids, said = shown(here, WITH_ASE="1", ASE_WORKDIR=str(sim.folder))
    assert not guids and f"its process {sim.process.pid} is gone" in said
    again = simulation()
    assert shown(here, WITH_ASE="1", ASE_WORKDIR=str(again.folder)) == ([GUID], "")


@pytest.mark.parametrize("configuration,word", [
    ({"socket": "relative"}, "absolute path"), ({"socket": 5}, "absolute path"),
    ({"socket": "/" + "x" * 120}, "at most 107"),
    ({"socket": {"path": "/a", "address": "x"}}, "no address"),
    ({"socket": {"path": "/a", "x": 1}}, "unknown"),
    ({"exec": ""}, "command"), ({"timeout_ms": 0}, "timeout_ms"), ({"what": 1}, '"exec"')])
def test_configuration_that_is_wrong(here, configuration, word):
    ase(here, configuration)
    done = here.run("opae", "plugins", "--json", env={"WITH_ASE": "1"})
    row = json.loads(done.stdout)["plugins"][0]
    assert row["state"] == "failed" and word in row["reason"]


def test_opaes_own_file(here, simulation):
    """The newer form, with the name that OPAE gives its plugin, and ids."""
    sim = simulation()
    folder = here.folder / ".local"
    folder.mkdir()
    (folder / "opae_ase.cfg").write_text(json.dumps({"configs": ["ase"], "configurations": {"ase": {
        "enabled": True, "devices": [{"name": "pf", "id": ["0x8086", "0x0a5e", "0x8086", "0x0a5e"]}],
        "opae": {"plugin": [{"enabled": True, "module": "libase.so", "devices": ["pf"],
                             "configuration": {}}]}}}}))
    assert shown(here, WITH_ASE="1", ASE_WORKDIR=str(sim.folder)) == ([GUID], "")


# ---- what cannot be had ----

def test_one_that_does_not_start(here):
    done = here.run("hello_afu", env={"OPAE_ASE_EXEC": "./none --x"})
    assert done.returncode == 1 and 'the simulation "./none --x" did not start' in done.stderr
    assert "No such file" in done.stderr
    done = here.run("hello_afu", env={"OPAE_ASE_EXEC": f"{PLAYED} hello --exit 3"})
    assert "exit code 3" in done.stderr and "hello from the simulation" in done.stderr


def diagnose(machine, *args, **env):
    done = machine.run("opae", "doctor", "--json", *args, env=env)
    subjects = {s["kind"]: s for s in json.loads(done.stdout)["doctor"]["subjects"]}
    return done.returncode, subjects.get("simulation")


def test_doctor(here, folder, simulation):
    sim = simulation()
    for env in ({"OPAE_ASE_SOCKET": sim.path}, {"WITH_ASE": "1", "ASE_WORKDIR": str(sim.folder)},
                {"OPAE_ASE_EXEC": f"'{FAKE}' --quiet --workdir '{folder}'"}):
        for args in ((), ("a5e0:00:00.0",)):
            code, s = diagnose(here, *args, **env)
            assert code == 0 and s["shown"] and "wrong" not in s, s
    code, s = diagnose(here, sim.path, OPAE_ASE_SOCKET=sim.path)
    assert code == 0 and s["shown"]
    sim.end()
    for env, word, fix in (({"OPAE_ASE_SOCKET": sim.path}, "no such file", "--socket"),
                           ({"WITH_ASE": "1"}, "no simulation is named", "OPAE_ASE_EXEC"),
                           ({"OPAE_ASE_EXEC": "./none"}, "does not start", "./none --help")):
        code, s = diagnose(here, **env)
        assert code == 1 and word in s["wrong"] and fix in s["fix"], s
    assert diagnose(here)[1] is None  # nobody asked for one


# ---- opae ase ----

def test_status(here, simulation):
    sim = simulation("--seed", "77")
    env = {"OPAE_ASE_SOCKET": sim.path}
    said = json.loads(here.good("opae", "ase", "status", "--json", env=env))["simulation"]
    assert said["pid"] == sim.process.pid and said["seed"] == 77 and said["client"] == 0
    text = here.good("opae", "ase", "status", "--workdir", sim.folder)
    assert any(line.split() == ["seed", "77"] for line in text.splitlines())
    for args in (("--socket", sim.path), ("--socket", sim.path + ".ctl")):
        assert here.good("opae", "ase", "status", *args)
    assert here.run("opae", "ase", "status", cwd=sim.folder).returncode == 0
    assert here.run("opae", "ase", "status", cwd=here.folder).returncode == 3


def test_status_of_one_that_was_killed(here, simulation):
    """What it left behind is named, with --workdir as well; also when its process's id is another's."""
    sim = simulation()
    sim.end(signal.SIGKILL)
    for args in ((), ("--workdir", sim.folder)):
        done = here.run("opae", "ase", "status", *args, cwd=sim.folder)
        assert done.returncode == 3 and f"is stale: its process {sim.process.pid} is gone" in done.stderr
    sim.ready.write_text(sim.ready.read_text().replace(str(sim.process.pid), str(os.getpid())))
    for _ in range(2):
        done = here.run("opae", "ase", "status", cwd=sim.folder)
        assert done.returncode == 3 and ".ase_ready.pid is stale: nobody serves" in done.stderr
        for path in sim.folder.glob("*.ctl"):
            path.unlink()


def test_step_and_run(here, simulation):
    sim = simulation("--run", "paused")
    env = {"OPAE_ASE_SOCKET": sim.path}

    def cycle():
        return json.loads(here.good("opae", "ase", "status", "--json", env=env))["simulation"]["cycle"]

    before = cycle()
    assert here.good("opae", "ase", "step", "1000", env=env).split() == ["cycle", str(before + 1000)]
    assert cycle() == before + 1000
    assert here.good("opae", "ase", "run", "free", env=env).split() == ["run", "free"]
    soon(lambda: cycle() > before + 2000)
    done = here.run("opae", "ase", "run", "sideways", env=env)
    assert done.returncode == 1 and "lockstep" in done.stderr


def test_wave(here, folder, simulation):
    """A relative name is of the folder of who asks."""
    sim = simulation()
    env = {"OPAE_ASE_SOCKET": sim.path}
    here.good("opae", "ase", "wave", "on", "my waves.fst", env=env, cwd=folder)
    assert "wave       on" in here.good("opae", "ase", "status", env=env)
    soon(lambda: any(f"waves go to {folder}/my waves.fst" in line for line in sim.log))
    here.good("opae", "ase", "wave", "off", env=env)
    assert "wave       off" in here.good("opae", "ase", "status", env=env)


def test_one_that_a_program_has_started(here, folder):
    """Its control socket is found in the folder where it runs. Its clock stands, and so does the program."""
    program = subprocess.Popen([here.bin / "opae", "list"], cwd=folder, text=True, stdout=subprocess.PIPE,
                               env={**here.env, "OPAE_ASE_EXEC": f"'{FAKE}' --quiet --run paused"})
    soon(lambda: here.run("opae", "ase", "status", cwd=folder).returncode == 0, 60)
    said = json.loads(here.good("opae", "ase", "status", "--json", cwd=folder))["simulation"]
    assert said["model"] == "fake-sim" and said["run"] == "paused" and program.poll() is None
    here.good("opae", "ase", "run", "free", cwd=folder)
    assert GUID in program.communicate(timeout=120)[0] and program.returncode == 0
    assert not os.path.exists(f"/proc/{said['pid']}")


def test_end(here, simulation):
    sim = simulation()
    here.good("opae", "ase", "end", "--socket", sim.path)
    assert sim.process.wait(60) == 0
    sim.reader.join(60)
    done = here.run("opae", "ase", "status", "--socket", sim.path)
    assert done.returncode == 3 and "No such file" in done.stderr


@pytest.mark.parametrize("args", [
    [], ["what"], ["status", "x"], ["step"], ["step", "0"], ["step", "-1"], ["step", "x"], ["wave"],
    ["wave", "on"], ["wave", "on", "a", "b"], ["wave", "on", "a\nb"], ["run"], ["run", "a\nb"], ["--none"],
    ["status", "--socket", "x" * 120], ["status", "--socket", "/a", "--workdir", "/b"]])
def test_what_opae_ase_is_asked(here, args):
    done = here.run("opae", "ase", *args)
    assert done.returncode == 2 and done.stderr.startswith("opae: ") and "opae ase --help" in done.stderr


@pytest.mark.parametrize("answer,word", [
    (b"error it is so\n", "it is so"), (b"", "has ended"), (b"what\n", "Bad message"),
    (b"ok " + b"x" * 9000, "too long")])
def test_a_control_socket_that_says_anything(here, folder, answer, word):
    path = str(folder / "c.ctl")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen(1)

        def serve():
            peer = listener.accept()[0]
            peer.recv(100)
            peer.sendall(answer)
            peer.close()

        server = threading.Thread(target=serve)
        server.start()
        done = here.run("opae", "ase", "run", "free", "--socket", path)
        server.join(60)
    assert done.returncode == 1 and word in done.stderr


# ---- another host ----

def served(simulation, opaed, here, configuration=None, **config):
    sim = simulation()
    d = opaed(**config, plugins={"plugins": ["ase"], "configurations": {"ase": {
        "enabled": True, "plugin": "libase-opae.so",
        "configuration": configuration or {"socket": sim.path}}}})
    env = here.config(json.dumps({"plugins": ["tcp"], "configurations": {"tcp": {
        "enabled": True, "plugin": "libtcp-opae.so",
        "configuration": {"hosts": [f"127.0.0.1:{d.ports[0]}"]}}}}))
    return sim, d, env


def test_served_by_opaed(here, simulation, opaed):
    sim, _, env = served(simulation, opaed, here)
    assert shown(here, **env)[0] == [GUID]
    assert "sim-vfio" in here.good("opae", "info", GUID, env=env)
    assert "0x1000010000000000" in here.good("opae", "mmio", "read", "0", "-d", GUID, env=env)
    here.good("opae", "mmio", "write", SCRATCH, "0x1234", "-d", GUID, env=env)
    sim.end(signal.SIGKILL)
    assert here.run("opae", "mmio", "read", "0", "-d", GUID, env=env).returncode != 0


@pytest.mark.parametrize("see,guids", [("a5e0:00:00.0", [GUID]), (f"guid:{GUID}", [GUID]),
                                       ("8000:00:00.0", [])])
def test_policy_of_a_served_one(here, simulation, opaed, see, guids):
    """By its address or its GUID it is shown, or not."""
    _, _, env = served(simulation, opaed, here, listen=[{"tcp": "127.0.0.1:0", "clear": True}], policy=[
        {"principal": "tcp:127.0.0.1", "see": [see], "allow": ["mmio-read"]}])
    soon(lambda: shown(here, **env)[0] == guids, 60)


def test_a_worker_starts_none(here, simulation, opaed):
    """A peer must not have programs started on another machine."""
    mark = here.folder / "mark"
    _, _, env = served(simulation, opaed, here, {"exec": f"{PLAYED} hello --mark {mark}"})
    assert shown(here, **env)[0] == [] and not mark.exists()
