# SPDX-License-Identifier: BSD-3-Clause
"""opae doctor: every cause of "my FPGA is not shown" is told from the others, with its fix."""
import errno
import json
import os
import random
import signal
import socket
import struct
import subprocess
import time

import pytest
import vu

NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
CARD = "0000:b1:00.0"


def diagnose(machine, *args, env=None, runner=()):
    """(code, subjects by name, text); what both forms of the report must agree on is checked."""
    env = {"OPAEX_DOCTOR_ROOT": str(machine.folder / "root"), **(env or {})}
    done = machine.run("opae", "doctor", "--json", *args, env=env)
    report = json.loads(done.stdout)["doctor"]
    assert done.returncode == {"ok": 0, "wrong": 1, "nothing": 3}[report["verdict"]]
    subjects = {s["name"]: s for s in report["subjects"]}
    for s in subjects.values():
        bad = [step["text"] for step in s["steps"] if step["result"] == "wrong"]
        assert (s.get("wrong"), "fix" in s) == ((bad or [None])[0], bool(bad))
    shown = machine.run("opae", "doctor", *args, env=env)
    assert shown.returncode == done.returncode
    return done.returncode, subjects, shown.stdout


def wrong(machine, name, step, word, mend, *args, env=None):
    """The subject goes wrong at this step, for this reason, with this fix, and the text says so."""
    for _ in range(5):  # on a loaded machine a card may be silent for the half second that it has
        code, subjects, text = diagnose(machine, *args, env=env)
        s = subjects[name]
        if word in s.get("wrong", "") or "it says nothing for" not in s.get("wrong", ""):
            break
    assert code == 1
    assert s["steps"][-1]["step"] == step or s["kind"] == "configuration", s["steps"]
    assert word in s["wrong"] and mend in s["fix"], s
    assert f"  wrong: {s['wrong']}\n  fix:   {s['fix']}\n" in text
    return s, text


def right(machine, name, *args, env=None):
    code, subjects, text = diagnose(machine, *args, env=env)
    assert code == 0, text
    return {step["step"]: step["text"] for step in subjects[name]["steps"]}


def config(machine, configuration, **entry):
    return machine.config(json.dumps({"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so", "configuration": configuration, **entry}}}))


def may_all(machine):
    return not machine.user and os.geteuid() == 0


def uid(machine):
    return machine.user.pw_uid if machine.user else os.geteuid()


def own(machine, path):
    """Gives what root has made to the user of the machine."""
    if machine.user:
        os.chown(path, machine.user.pw_uid, machine.user.pw_gid)


@pytest.fixture
def emu_dir(machine):
    path = machine.folder / "emu"
    path.mkdir(mode=0o700)
    own(machine, path)
    return path


@pytest.fixture
def serve(machine, emu_dir):
    """Starts a device written in Python in the emulator directory; returns its socket's path."""
    started = []

    def start(script=None, name="fake0"):
        s = vu.Server(str(emu_dir / f"{name}.sock"), script)
        own(machine, s.path)
        started.append(s)
        return s

    yield start
    for s in started:
        s.stop()


# ---- nothing, and all well ----

def test_nothing_at_all(machine):
    code, subjects, text = diagnose(machine)
    assert code == 3 and "opae emu start" in text and "nothing was found" in text
    assert "no emulated card was started" in text and str(machine.folder / "emu") in subjects


def test_directory_without_sockets(machine, emu_dir):
    code, subjects, text = diagnose(machine)
    assert code == 3 and "none is in it" in text and "no emulated card was started" not in text


def test_all_well(machine):
    path = str(machine.start())
    steps = right(machine, path)
    assert list(steps) == ["file", "permission", "listener", "device", "header", "plugin",
                           "configured", "token"]
    assert "8000:00:00.0" in steps["token"] and NLB0 in steps["token"]
    assert steps["token"].endswith("free")
    assert "1 of 1" in diagnose(machine)[2]
    assert right(machine, path, path) == right(machine, path, "8000:00:00.0") == steps


def test_several_cards_have_the_addresses_that_are_told(machine):
    """What the doctor says of the way of a card's address is what the plugin makes of it."""
    for name in ("card2", "other", "card1", "x2"):
        machine.start(name, "hello")
    code, subjects, _ = diagnose(machine)
    assert code == 0 and len(subjects) == 7


def test_asked_for_something_that_is_not_there(machine):
    code, _, text = diagnose(machine, "0000:77:00.0")
    assert code == 3 and "0000:77:00.0" in text


def test_usage(here):
    for args in (["--colour"], ["a", "b"], [""], ["b1:00.9"], ["x", "::::"]):
        done = here.run("opae", "doctor", *args)
        assert done.returncode == 2 and args[-1] in done.stderr


def test_relative_path_from_the_root(here):
    """It is one path, though the folder's ends in a slash."""
    done = here.run("opae", "doctor", "no-such-thing", cwd="/", env={"OPAEX_DOCTOR_ROOT": str(here.folder)})
    assert done.returncode == 1 and "socket /no-such-thing\n" in done.stdout


# ---- the emulator directory ----

def test_directory_that_others_write_to(machine):
    machine.start()
    path = machine.folder / "emu"
    path.chmod(0o777)
    wrong(machine, str(path), "directory", "others can write to it (mode 0777)", f"chmod go-w {path}")
    path.chmod(0o700)
    assert diagnose(machine)[0] == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="root alone gives a directory away")
def test_directory_of_somebody_else(machine, emu_dir):
    os.chown(emu_dir, 4321, 4321)
    wrong(machine, str(emu_dir), "directory", "belongs to uid 4321", "OPAEX_EMU_DIR=")


def test_directory_whose_parent_others_write_to(machine, emu_dir):
    machine.folder.chmod(0o777)
    wrong(machine, str(emu_dir), "directory", "its parent", "chmod go-w")


def test_directory_that_cannot_be_reached(machine):
    closed = machine.folder / "closed"
    closed.mkdir(mode=0)
    path = str(closed / "emu")
    if may_all(machine):
        assert diagnose(machine, env={"OPAEX_EMU_DIR": path})[0] == 3
    else:
        wrong(machine, path, "directory", "cannot be reached", "OPAEX_EMU_DIR",
              env={"OPAEX_EMU_DIR": path})
    closed.chmod(0o700)


def test_directory_that_is_a_link(machine, emu_dir):
    (machine.folder / "real").mkdir()
    emu_dir.rmdir()
    emu_dir.symlink_to("real")
    wrong(machine, str(emu_dir), "directory", "no directory", f"rm {emu_dir}")


# ---- sockets ----

def test_socket_that_is_not_there(machine):
    path = str(machine.folder / "gone.sock")
    env = config(machine, {"sockets": [path]})
    wrong(machine, path, "file", "no such file", f"$EDITOR {env['LIBOPAE_CFGFILE']}", env=env)
    wrong(machine, path, "file", "no such file", "opae doctor ", path)
    (machine.folder / "emu").mkdir(mode=0o700)
    own(machine, machine.folder / "emu")
    link = machine.folder / "emu/card5.sock"
    link.symlink_to(path)
    wrong(machine, str(link), "file", "no such file", f"rm {link}")


def test_file_that_is_no_socket(machine):
    path = machine.folder / "plain.sock"
    path.write_text("")
    env = config(machine, {"sockets": [str(path)]})
    wrong(machine, str(path), "file", "no socket", f"$EDITOR {env['LIBOPAE_CFGFILE']}", env=env)
    wrong(machine, str(path), "file", "no socket", f"file {path}", str(path))


def test_stale_socket(machine):
    path = str(machine.start())
    pid = json.loads(machine.good("opae", "emu", "list", "--json"))["cards"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while json.loads(machine.good("opae", "emu", "list", "--json"))["cards"]:
        assert time.monotonic() < end
    wrong(machine, path, "listener", "nobody serves this socket", f"rm {path}")


def test_socket_without_permission(machine, serve):
    server = serve()
    os.chmod(server.path, 0)
    if may_all(machine):
        assert diagnose(machine)[0] == 0
        return
    s, _ = wrong(machine, server.path, "permission", f"it is of uid {uid(machine)}, gid",
                 f"setfacl -m u:{uid(machine)}:rw {server.path}")
    assert f"mode 0000, and you are uid {uid(machine)}" in s["wrong"]


def test_socket_in_a_closed_directory(machine):
    closed = machine.folder / "closed"
    closed.mkdir(mode=0)
    path = str(closed / "card.sock")
    env = config(machine, {"sockets": [path]})
    if may_all(machine):
        wrong(machine, path, "file", "no such file", "$EDITOR", env=env)
    else:
        wrong(machine, path, "file", "may not enter", f"namei -m {path}", env=env)
    closed.chmod(0o700)


def test_path_that_is_too_long(machine):
    path = str(machine.folder / ("x" * 120))
    listener = socket.socket(socket.AF_UNIX)
    here = os.open(machine.folder, os.O_RDONLY)
    listener.bind(f"/proc/self/fd/{here}/short")
    os.rename(machine.folder / "short", path)
    wrong(machine, path, "file", "at most 107 bytes", "ln -s", path)
    os.close(here)
    listener.close()


def test_silent_listener(machine, emu_dir):
    path = str(emu_dir / "mute.sock")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(8)
    own(machine, path)
    wrong(machine, path, "listener", "says nothing", f"ss -xp src {path}")
    listener.close()


def test_held_by_another_client(machine):
    path = str(machine.start())
    client = vu.Client(path)
    steps = right(machine, path)
    assert "another client holds" in steps["listener"] and steps["token"].endswith("in use")
    client.close()


REFUSALS = {
    "version": (lambda s, h, b, f: s.send(h, struct.pack("<HH", 7, 0) + vu.CAPS), "7.0"),
    "refused": (lambda s, h, b, f: s.refuse(h, errno.EPROTO), "rotocol"),
    "denied": (lambda s, h, b, f: s.refuse(h, errno.EACCES), "ermission denied"),
    "noise": (lambda s, h, b, f: s.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), ""),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_no_vfio_user_device(machine, serve, what):
    answer, word = REFUSALS[what]
    server = serve({vu.VERSION: answer})
    s, _ = wrong(machine, server.path, "protocol", "no vfio-user device", f"ss -xlp src {server.path}")
    assert word in s["wrong"]


@pytest.mark.parametrize("command,step", [(vu.GET_INFO, "listener"), (vu.REGION_READ, "device")])
def test_silence_later(here, folder, command, step):
    (folder / "emu").mkdir(mode=0o700)
    server = vu.Server(str(folder / "emu/fake0.sock"), {command: lambda *a: None})
    wrong(here, server.path, step, "500 ms", "")
    server.stop()


def test_random_answers(here, folder):
    """Whatever servers say, the doctor ends by itself and says something of each."""
    rng = random.Random(5)

    def garble(s, h, b, f):
        for fd in f:
            os.close(fd)
        if rng.random() < 0.7:
            return s.answer(h, b)
        s.sock.sendall(vu.message(rng.randrange(20), rng.randbytes(rng.randrange(80)), h[0],
                                  rng.choice([vu.REPLY, vu.REPLY | vu.ERROR, 0]),
                                  rng.randrange(200)))
        return rng.random() < 0.9

    (folder / "emu").mkdir(mode=0o700)
    commands = (vu.VERSION, vu.GET_INFO, vu.GET_REGION_INFO, vu.REGION_READ, vu.REGION_WRITE)
    servers = [vu.Server(str(folder / f"emu/noise{i}.sock"), {c: garble for c in commands})
               for i in range(4)]
    for _ in range(8):
        done = here.run("opae", "doctor")
        assert done.returncode in (0, 1) and done.stderr == ""
        assert all(f"socket {s.path}\n" in done.stdout for s in servers)
    for s in servers:
        s.stop()


def test_device_that_cannot_be_read(machine, serve):
    server = serve({vu.REGION_READ: lambda s, h, b, f: s.refuse(h, errno.EIO)})
    wrong(machine, server.path, "device", "cannot be read",
          "opae emu stop fake0; opae emu start --name fake0")


@pytest.mark.parametrize("header", [0, 2**64 - 1, 0x3000010000000001, 0x4000000000000009])
def test_device_that_is_no_fpga(machine, serve, header):
    server = serve()
    struct.pack_into("<Q", server.memory, 0, header)
    wrong(machine, server.path, "header", f"0x{header:016x}", "opae emu start")


def test_device_without_bar0(machine, serve):
    server = serve()
    del server.memory[:]
    wrong(machine, server.path, "header", "has 0 bytes", "opae emu start")


def test_feature_list_that_a_vsec_names(machine, serve):
    """The header is looked for where the device says it is; a chain that loops ends."""
    server = serve()
    struct.pack_into("<QQ", server.memory, 0, 0, 0)
    struct.pack_into("<Q", server.memory, 0x1000, 0x4000000000000000)
    struct.pack_into("<I", server.config, 0x100, 0x200 << 20 | 1 << 16 | 1)
    struct.pack_into("<IIII", server.config, 0x200, 1 << 16 | 0xB, 0x43, 1, 0x1000)
    _, subjects, _ = diagnose(machine)
    steps = {s["step"]: s for s in subjects[server.path]["steps"]}
    assert steps["header"]["result"] == "ok" and "BAR0+0x1000" in steps["header"]["text"]
    struct.pack_into("<I", server.config, 0x200, 0x100 << 20 | 1 << 16 | 1)
    wrong(machine, server.path, "header", "no feature header", "image")


def test_configuration_that_names_other_sockets(machine):
    path = str(machine.start())
    other = str(machine.start("other"))
    env = config(machine, {"sockets": [{"path": other, "address": CARD}]})
    s, text = wrong(machine, path, "configured", "no working plugin's configuration leads",
                    "$EDITOR", env=env)
    assert path in s["fix"] and env["LIBOPAE_CFGFILE"] in s["fix"] and "1 of 2" in text
    assert CARD in right(machine, other, CARD, env=env)["token"]
    assert CARD in right(machine, other, "b1:00.0", env=env)["token"]


def test_socket_that_nothing_names(machine):
    machine.start()
    moved = machine.folder / "elsewhere.sock"
    (machine.folder / "emu/card0.sock").rename(moved)
    machine.start("other", "hello")
    link = machine.folder / "emu/elsewhere.sock"
    s, _ = wrong(machine, str(moved), "configured", "no working plugin's configuration leads",
                 f"ln -s {moved} {link}", str(moved))
    assert machine.run("/bin/sh", "-c", s["fix"]).returncode == 0
    assert NLB0 in right(machine, str(link), str(moved))["token"]  # the fix mends it
    out = machine.good("opae", "list")
    assert NLB0 in out and "hello_afu" in out  # and hides nothing


def test_fix_is_quoted_for_a_shell(machine):
    """A path is one word of the command that is copied, whatever is in it."""
    path = machine.folder / "it's $HOME; touch owned"
    path.write_text("")
    s, _ = wrong(machine, str(path), "file", "no socket", "file '", str(path))
    command = s["fix"].replace("file ", "ls ", 1)
    assert machine.good("/bin/sh", "-c", command, cwd=machine.folder).strip() == str(path)
    assert not (machine.folder / "owned").exists()


# ---- the configuration ----

def test_configuration_that_is_not_json(machine):
    machine.start()
    env = machine.config('{"plugins": ["vfio"],\n  "configurations": }')
    path = env["LIBOPAE_CFGFILE"]
    s, text = wrong(machine, "(built in)", "file", "not JSON", f"python3 -m json.tool {path}", env=env)
    assert f"{path}: not JSON" in s["wrong"] and "at byte 42" in s["wrong"]
    assert "1 of 1 devices is shown" in text


def test_configuration_of_another_form(machine):
    env = machine.config('{"plugins": ["vfio"]}')
    wrong(machine, "(built in)", "file", 'no object "configurations"', "$EDITOR", env=env)


def test_configuration_that_is_not_there(machine):
    env = {"LIBOPAE_CFGFILE": str(machine.folder / "gone.cfg")}
    wrong(machine, "(built in)", "file", "LIBOPAE_CFGFILE names", "unset LIBOPAE_CFGFILE", env=env)


def test_configuration_that_may_not_be_read(machine):
    path = machine.folder / ".config/opae/opae.cfg"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    path.chmod(0)
    if may_all(machine):
        wrong(machine, "(built in)", "file", "no object", "$EDITOR")
    else:
        wrong(machine, "(built in)", "file", "Permission denied", f"chmod a+r {path}")


def test_configuration_that_is_a_fifo(machine):
    path = machine.folder / "opae.cfg"
    os.mkfifo(path)
    own(machine, path)
    env = {"LIBOPAE_CFGFILE": str(path)}
    wrong(machine, "(built in)", "file", f"{path}: ", "unset LIBOPAE_CFGFILE", env=env)


def test_configuration_that_is_a_folder(machine):
    env = {"LIBOPAE_CFGFILE": str(machine.folder)}
    wrong(machine, "(built in)", "file", "Is a directory", "unset LIBOPAE_CFGFILE   # or name", env=env)
    path = machine.folder / ".config/opae/opae.cfg"
    path.mkdir(parents=True)
    own(machine, path.parent)
    s, _ = wrong(machine, "(built in)", "file", "Is a directory", f"mv {path} {path}.old")
    assert machine.run("/bin/sh", "-c", s["fix"]).returncode == 0 and diagnose(machine)[0] == 3


def test_mistakes_in_the_entry_of_a_plugin(machine):
    """Nothing was loaded, so nothing is to be installed: the file is to be mended, and where."""
    def told(name, word, mend, text):
        env = machine.config(json.dumps(text))
        s, _ = wrong(machine, env["LIBOPAE_CFGFILE"], name, word, mend, env=env)
        assert s["fix"].startswith(f"$EDITOR {env['LIBOPAE_CFGFILE']}   # ")

    entry = {"enabled": True, "plugin": "libv-opae.so", "configuration": {}}
    told("vfio", "true or false", 'say "enabled": true for "vfio", or false',
         {"plugins": ["vfio"], "configurations": {"vfio": {**entry, "enabled": "yes"}}})
    told("vfoi", '"plugins" names "vfoi"', 'has it: "vfio", "other"',
         {"plugins": ["vfoi"], "configurations": {"vfio": entry, "other": entry}})
    told("vfio", "name of a plugin file", '"plugin": "libv-opae.so"',
         {"plugins": ["vfio"], "configurations": {"vfio": {"enabled": True}}})
    module = {"enabled": True, "module": "libopae-v.so", "devices": ["b"], "configuration": {}}
    board = {"enabled": True, "devices": [{"name": "a", "id": ["0x8086", "0xbcce", "*", "*"]}],
             "opae": {"plugin": [module]}}
    told("libopae-v.so", 'the device "b"', 'as the board\'s "devices" have it',
         {"configs": ["ofs"], "configurations": {"ofs": board}})
    told("plugins", "names no plugin", 'say "enabled": true for it: "ofs"',
         {"configs": ["osf"], "configurations": {"ofs": board}})


def test_built_in_plugin_that_is_missing(here, folder):
    """There is no file to be edited."""
    prefix = folder / "p"
    subprocess.run(["cp", "-r", here.prefix, prefix], check=True)
    libs = next(prefix.glob("lib*/**/libopae-c.so.2")).parent
    for file in (libs / "opae").glob("lib*v*opae*.so*"):
        file.unlink()
    for file in (libs / "opae").glob("libopae-v.so*"):
        file.unlink()
    env = {"LD_LIBRARY_PATH": str(libs), "HOME": str(folder)}
    s, _ = wrong(here, "(built in)", "vfio", "no such plugin file", "install the stack again", env=env)
    assert "EDITOR" not in s["fix"]


def test_both_forms_are_named(machine):
    machine.start()
    env = config(machine, {})
    assert "classic" in right(machine, env["LIBOPAE_CFGFILE"], env=env)["form"]
    env = machine.config(json.dumps({"configs": ["ofs"], "configurations": {"ofs": {
        "enabled": True, "opae": {"plugin": [{"enabled": True, "module": "libopae-v.so",
                                              "devices": [], "configuration": {}}]}}}}))
    assert "2.1" in right(machine, env["LIBOPAE_CFGFILE"], env=env)["form"]


def test_plugin_file_that_is_missing(machine):
    path = str(machine.start())
    env = config(machine, {}, plugin="libgone.so")
    cfg = env["LIBOPAE_CFGFILE"]
    wrong(machine, cfg, "vfio", "libgone.so: no such plugin file", "OPAEX_PLUGIN_DIR=", env=env)
    wrong(machine, path, "plugin", "no plugin in force serves", "libv-opae.so", env=env)


def test_foreign_plugin(machine):
    path = machine.folder / "libtheirs.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", path], check=True, text=True,
                   input="int opae_plugin_configure(void *t, const char *j) { return !t || !j; }")
    env = config(machine, {}, plugin=str(path))
    wrong(machine, env["LIBOPAE_CFGFILE"], "vfio", "foreign", '"plugin": "libv-opae.so"', env=env)


def test_plugin_that_refuses_its_configuration(machine):
    path = str(machine.start())
    env = config(machine, {"socket": path})
    cfg = env["LIBOPAE_CFGFILE"]
    wrong(machine, cfg, "vfio", '"socket" is unknown', f"$EDITOR {cfg}", env=env)
    wrong(machine, path, "plugin", '"socket" is unknown', f"$EDITOR {cfg}", env=env)


def test_plugin_that_is_disabled(machine):
    path = str(machine.start())
    env = config(machine, {}, enabled=False)
    wrong(machine, path, "plugin", "disabled", '"enabled": true', env=env)


def test_no_plugin_for_this_kind(machine):
    path = str(machine.start())
    env = machine.config('{"plugins": [], "configurations": {}}')
    wrong(machine, env["LIBOPAE_CFGFILE"], "plugins", "names no plugin", "$EDITOR", env=env)
    wrong(machine, path, "plugin", "no plugin in force serves", "libv-opae.so", env=env)


def test_library_that_waits_to_be_initialized(machine):
    path = str(machine.start())
    env = {"OPAE_EXPLICIT_INITIALIZE": "1"}
    assert "token" in right(machine, path, env=env)
    assert "fpgaInitialize()" in diagnose(machine, env=env)[2]


# ---- PCI cards ----

class Sysfs:
    """A small tree in which every step up to the token is right, to be spoiled by a test."""

    def __init__(self, machine):
        self.machine, self.root = machine, machine.folder / "root"
        self.devices = self.root / "sys/bus/pci/devices"
        self.device(CARD)
        for node in ("vfio", "7"):
            self.write(f"dev/vfio/{node}").chmod(0o666)
        self.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "64")

    def write(self, path, text=""):
        path = self.root / path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def device(self, address, ids=(0x8086, 0xBCCE, 0x8086, 0x1771), driver="vfio-pci", group=7):
        at = f"sys/bus/pci/devices/{address}"
        for name, value in zip(("vendor", "device", "subsystem_vendor", "subsystem_device"), ids):
            self.write(f"{at}/{name}", f"{value:#06x}\n")
        self.link(address, "driver", driver and f"../../drivers/{driver}")
        members = self.root / f"sys/kernel/iommu_groups/{group}/devices"
        members.mkdir(parents=True, exist_ok=True)
        (members / address).symlink_to("../../../../bus/pci/devices/" + address)
        self.link(address, "iommu_group", f"../../../../kernel/iommu_groups/{group}")

    def link(self, address, name, target):
        at = self.devices / address / name
        at.unlink(missing_ok=True)
        if target:
            at.symlink_to(target)


@pytest.fixture
def sysfs(machine):
    return Sysfs(machine)


@pytest.fixture
def shown(machine, sysfs):
    """A card of that address which the plugin shows: the emulated one plays it."""
    path = machine.start()
    return config(machine, {"sockets": [{"path": str(path), "address": CARD}]})


def test_pci_all_well(machine, sysfs, shown):
    steps = right(machine, CARD, env=shown)
    assert list(steps) == ["id", "driver", "IOMMU", "group", "node", "permission", "memlock",
                           "plugin", "token"]
    assert "OFS, N6001" in steps["id"] and "group 7" in steps["IOMMU"]
    assert "you may open it" in steps["permission"]
    assert right(machine, CARD, "B1:0.0", env=shown) == steps


def test_pci_card_that_the_plugin_does_not_show(machine, sysfs):
    wrong(machine, CARD, "token", "fpgaEnumerate shows nothing at " + CARD, "LIBOPAE_LOG=2 opae list")


def test_pci_other_devices_are_not_candidates(machine, sysfs):
    sysfs.device("0000:00:1f.0", ids=(0x8086, 0xA1A2, 0, 0), driver="i801_smbus", group=1)
    assert "0000:00:1f.0" not in diagnose(machine)[1]
    wrong(machine, "0000:00:1f.0", "id", "8086:a1a2", "lspci -nns 0000:00:1f.0", "00:1f.0")


def test_pci_unknown_subsystem(machine, sysfs, shown):
    sysfs.device("0000:b2:00.0", ids=(0x8086, 0xBCCE, 0x8086, 0x9999), driver=None, group=8)
    _, subjects, _ = diagnose(machine, env=shown)
    first = subjects["0000:b2:00.0"]["steps"][0]
    assert first["result"] == "note" and "8086:9999 is not known" in first["text"]


def test_pci_without_driver(machine, sysfs):
    sysfs.link(CARD, "driver", None)
    s, _ = wrong(machine, CARD, "driver", "no driver is bound", f"sudo opae bind {CARD}")
    assert "vfio-pci is not loaded" in s["wrong"]
    (sysfs.root / "sys/bus/pci/drivers/vfio-pci").mkdir(parents=True)
    s, _ = wrong(machine, CARD, "driver", "no driver is bound", f"sudo opae bind {CARD}")
    assert "not loaded" not in s["wrong"]


def test_pci_with_another_driver(machine, sysfs):
    sysfs.link(CARD, "driver", "../../drivers/uio_pci_generic")
    wrong(machine, CARD, "driver", "uio_pci_generic is bound", f"sudo opae bind {CARD}")


def test_pci_without_iommu(machine, sysfs):
    sysfs.link(CARD, "iommu_group", None)
    wrong(machine, CARD, "IOMMU", "the IOMMU is off", "intel_iommu=on")
    sysfs.link(CARD, "driver", None)  # without it no driver can be bound: it comes first
    s, _ = wrong(machine, CARD, "IOMMU", "the IOMMU is off", "intel_iommu=on")
    assert s["steps"][-2]["text"].startswith("no driver is bound to it")


GRUB = 'A=1\nGRUB_CMDLINE_LINUX_DEFAULT="quiet intel_iommu=off x"\nGRUB_CMDLINE_LINUX="a iommu=off b"\n'


def test_pci_iommu_by_the_command_line(machine, sysfs):
    """What is said last on the kernel's command line counts, and so the fix takes it away."""
    sysfs.link(CARD, "iommu_group", None)
    sysfs.write("proc/cmdline", "root=/dev/sda1 intel_iommu=on iommu=pt intel_iommu=off quiet\n")
    s, _ = wrong(machine, CARD, "IOMMU", "command line says intel_iommu=off", "intel_iommu=on")
    assert s["fix"].endswith("in the firmware")
    grub = sysfs.write("grub", GRUB)
    command = s["fix"].split("&&")[0].replace("sudo ", "").replace("/etc/default/grub", str(grub))
    subprocess.run(["sh", "-c", command], check=True)
    assert grub.read_text() == \
        'A=1\nGRUB_CMDLINE_LINUX_DEFAULT="quiet  x"\nGRUB_CMDLINE_LINUX="a  b intel_iommu=on iommu=pt"\n'
    bound = machine.run("opae", "bind", "--dry-run", CARD, env={"OPAEX_DOCTOR_ROOT": str(sysfs.root)})
    assert f"{CARD}: {s['wrong']}\n  fix:   {s['fix']}\n" in bound.stderr
    sysfs.write("proc/cmdline", "intel_iommu=on iommu=pt quiet\n")
    s, _ = wrong(machine, CARD, "IOMMU", "command line says intel_iommu=on", "in the firmware")
    assert "sed" not in s["fix"]
    sysfs.write("proc/cmdline", "quiet\n")
    s, _ = wrong(machine, CARD, "IOMMU", "the IOMMU is off", "sudo sed")
    assert s["wrong"].endswith("the IOMMU is off")


def test_pci_where_the_kernel_has_no_vfio(machine, sysfs):
    modules = sysfs.write(f"lib/modules/{os.uname().release}/modules.dep", "kernel/drivers/net/igb.ko:\n")
    sysfs.link(CARD, "driver", None)
    wrong(machine, CARD, "module", "has no module vfio-pci", "linux-image-amd64")
    modules.write_text("kernel/a.ko:\nkernel/drivers/vfio/pci/vfio-pci.ko.xz: kernel/b.ko\n")
    wrong(machine, CARD, "driver", "vfio-pci is not loaded", f"sudo opae bind {CARD}")


def test_pci_group_that_is_not_whole(machine, sysfs, shown):
    sysfs.device("0000:b0:00.0", ids=(0x8086, 1, 0, 0), driver="pcieport")
    assert right(machine, CARD, env=shown)  # a bridge's driver does no harm
    sysfs.device("0000:b1:00.1", ids=(0x8086, 2, 0, 0), driver="e1000e")
    s, _ = wrong(machine, CARD, "group", "0000:b1:00.1", "sudo opae bind 0000:b1:00.1")
    assert "e1000e" in s["wrong"]


@pytest.mark.parametrize("node,mend", [("vfio", "modprobe vfio"), ("7", "udevadm trigger")])
def test_pci_without_node(machine, sysfs, node, mend):
    (sysfs.root / "dev/vfio" / node).unlink()
    wrong(machine, CARD, "node", f"/dev/vfio/{node} is missing", mend)


def test_pci_without_permission(machine, sysfs, shown):
    (sysfs.root / "dev/vfio/7").chmod(0)
    if may_all(machine):
        assert "you may open it" in right(machine, CARD, env=shown)["permission"]
        return
    s, _ = wrong(machine, CARD, "permission", "mode 0000", f"opae bind --user {uid(machine)} {CARD}")
    assert f"/dev/vfio/7 is of uid {os.geteuid()}" in s["wrong"]
    assert "| sudo tee -a /etc/udev/rules.d/90-vfio.rules" in s["fix"]


def test_pci_container_without_permission(machine, sysfs):
    if may_all(machine):
        pytest.skip("root may open everything")
    (sysfs.root / "dev/vfio/vfio").chmod(0o600)
    s, _ = wrong(machine, CARD, "permission", "/dev/vfio/vfio is of uid", "chmod 0666 /dev/vfio/vfio")
    sysfs.write(f"sys/bus/pci/devices/{CARD}/driver_override", "\n")
    sysfs.write(f"sys/bus/pci/devices/{CARD}/class", "0x120000\n")
    bound = machine.run("opae", "bind", "--dry-run", CARD, env={"OPAEX_DOCTOR_ROOT": str(sysfs.root)})
    assert s["fix"] in bound.stdout  # one remedy, whoever tells it


def with_iommufd(sysfs):
    """As a kernel with nodes of the devices themselves."""
    sysfs.write(f"sys/bus/pci/devices/{CARD}/vfio-dev/vfio3/dev", "511:3\n")
    for node in ("iommu", "vfio/devices/vfio3"):
        sysfs.write(f"dev/{node}").chmod(0o666)


def test_pci_by_iommufd_alone(machine, sysfs, shown):
    """Either way is enough: the group's nodes may be missing, or closed."""
    with_iommufd(sysfs)
    assert right(machine, CARD, env=shown)["node"] == "/dev/vfio/7, /dev/vfio/devices/vfio3"
    (sysfs.root / "dev/vfio/7").unlink()
    steps = right(machine, CARD, env=shown)
    assert steps["node"] == "/dev/vfio/devices/vfio3" and "/dev/iommu" in steps["permission"]
    (sysfs.root / "dev/iommu").unlink()
    wrong(machine, CARD, "node", "/dev/vfio/7 is missing", "udevadm", env=shown)


def test_pci_iommufd_without_permission(machine, sysfs, shown):
    if may_all(machine):
        pytest.skip("root may open everything")
    with_iommufd(sysfs)
    (sysfs.root / "dev/vfio/7").chmod(0)
    assert "/dev/iommu" in right(machine, CARD, env=shown)["permission"]
    (sysfs.root / "dev/iommu").chmod(0o600)
    s, _ = wrong(machine, CARD, "permission", "for the other way /dev/iommu is of uid",
                 f"opae bind --user {uid(machine)} {CARD}", env=shown)
    (sysfs.root / "dev/vfio/7").unlink()
    wrong(machine, CARD, "permission", "/dev/iommu is of uid", "setfacl", env=shown)
    (sysfs.root / "dev/vfio/devices/vfio3").chmod(0)
    wrong(machine, CARD, "permission", "/dev/vfio/devices/vfio3 is of uid", "opae bind", env=shown)


def by_kernel(shown, way):
    """The same configuration, but with this way to the kernel's devices."""
    with open(shown["LIBOPAE_CFGFILE"], encoding="ascii") as f:
        whole = json.load(f)
    whole["configurations"]["vfio"]["configuration"]["kernel"] = way
    with open(shown["LIBOPAE_CFGFILE"], "w", encoding="ascii") as f:
        json.dump(whole, f)
    return shown


def test_pci_way_that_the_configuration_wants(machine, sysfs, shown):
    """Another way that would be open helps nobody."""
    env = by_kernel(shown, "iommufd")
    cfg = env["LIBOPAE_CFGFILE"]
    s, _ = wrong(machine, CARD, "node", "/dev/iommu is missing", f"$EDITOR {cfg}", env=env)
    assert f'"kernel" in {cfg} is "iommufd"' in s["wrong"] and '"auto"' in s["fix"]
    (sysfs.root / "dev/vfio/7").unlink()
    wrong(machine, CARD, "node", "/dev/iommu is missing", "sudo modprobe iommufd", env=env)
    sysfs.write("dev/vfio/7")
    sysfs.write("dev/iommu").chmod(0o666)
    wrong(machine, CARD, "node", "no node of their own", f"$EDITOR {cfg}", env=env)
    with_iommufd(sysfs)
    (sysfs.root / "dev/vfio/devices/vfio3").unlink()
    wrong(machine, CARD, "node", "own node in /dev/vfio/devices is missing", "udevadm trigger", env=env)
    with_iommufd(sysfs)
    assert right(machine, CARD, env=env)["node"] == "/dev/vfio/devices/vfio3"
    if not may_all(machine):
        (sysfs.root / "dev/vfio/devices/vfio3").chmod(0)
        s, _ = wrong(machine, CARD, "permission", "/dev/vfio/devices/vfio3 is of uid", "opae bind", env=env)
        assert "other way" not in s["wrong"]
    by_kernel(shown, "auto")
    (sysfs.root / "dev/vfio/7").chmod(0o666)
    assert right(machine, CARD, env=env)
    by_kernel(shown, "group")
    assert right(machine, CARD, env=env)["node"] == "/dev/vfio/7"
    (sysfs.root / "dev/vfio/7").unlink()
    wrong(machine, CARD, "node", "/dev/vfio/7 is missing", "udevadm trigger", env=env)


@pytest.mark.parametrize("entry", [CARD, "b1:00.0", "1234:5678", "1234:5678:9:FFFF",
                                   {"device": "1234:5678", "guid": NLB0}])
def test_pci_named_by_the_configuration(machine, sysfs, entry):
    """Whatever its ids are, it is ours; and it is among those that are looked at."""
    path = machine.start()
    for name, value in zip(("vendor", "device", "subsystem_vendor", "subsystem_device"),
                           (0x1234, 0x5678, 9, 10)):
        sysfs.write(f"sys/bus/pci/devices/{CARD}/{name}", f"{value:#06x}\n")
    env = config(machine, {"sockets": [{"path": str(path), "address": CARD}], "devices": [entry]})
    first = diagnose(machine, env=env)[1][CARD]["steps"][0]
    assert (first["step"], first["result"]) == ("id", "ok")
    assert f'named by "devices" in {env["LIBOPAE_CFGFILE"]}' in first["text"]
    assert right(machine, CARD, env=env)
    env = config(machine, {"sockets": [], "devices": [entry]})
    if isinstance(entry, dict):
        wrong(machine, CARD, "token", "every step before is right", "LIBOPAE_LOG=2", env=env)
    else:
        s, _ = wrong(machine, CARD, "token", "its registers tell no GUID", "$EDITOR", env=env)
        assert f'{{"device": "{CARD}", "guid": "..."}}' in s["fix"]


@pytest.mark.parametrize("entry", ["0000:b1:00.1", "8086:bccf", "8086:bcce:8086:1772", "8086:bcce:8087:ffff"])
def test_pci_that_the_configuration_leaves_out(machine, sysfs, shown, entry):
    env = config(machine, {"sockets": [], "devices": [entry, "ffff:ffff"]})
    cfg = env["LIBOPAE_CFGFILE"]
    s, text = wrong(machine, CARD, "devices", f'"devices" in {cfg} does not name it', f"$EDITOR {cfg}",
                    env=env)
    assert f'add "{CARD}" to "devices"' in s["fix"]
    assert f'2 of the 2 in "devices" of "vfio" fit no PCI device that is there: "{entry}", "ffff' in text
    env = config(machine, {"sockets": [], "devices": ["ffff:ffff", CARD]})
    text = diagnose(machine, env=env)[2]
    assert '1 of the 2 in "devices" of "vfio" fits no PCI device that is there: "ffff:ffff"\n' in text
    assert "does not name it" not in text


def test_pci_that_a_process_holds(machine, sysfs, shown):
    """Whoever may see the process is told which; it is no fault."""
    node = str(sysfs.root / "dev/vfio/7")
    user = {"user": machine.user.pw_uid, "group": machine.user.pw_gid, "extra_groups": []} \
        if machine.user else {}
    p = subprocess.Popen(["sleep", "60"], stdin=open(node), **user)
    assert f"process {p.pid} (" in right(machine, CARD, env=shown)["holder"]
    p.kill()
    p.wait()
    assert "holder" not in right(machine, CARD, env=shown)


def test_pci_vf_of_a_pf_on_vfio(machine, sysfs, shown):
    sysfs.device("0000:b2:00.0", group=9)
    sysfs.link(CARD, "physfn", "../0000:b2:00.0")
    assert "0000:b2:00.0 is vfio-pci's as well" in right(machine, CARD, CARD, env=shown)["VF token"]
    sysfs.link("0000:b2:00.0", "driver", "../../drivers/igb")
    assert "VF token" not in right(machine, CARD, CARD, env=shown)


def test_pci_that_vanishes(machine, sysfs):
    (sysfs.devices / CARD / "device").unlink()
    wrong(machine, CARD, "id", "its ids cannot be read", "lspci", CARD)


def test_pci_memlock(machine, sysfs, shown):
    env = {**shown, "OPAEX_DOCTOR_ROOT": str(sysfs.root)}
    done = machine.run("/bin/sh", "-c", f"ulimit -l 64; exec {machine.bin}/opae doctor {CARD}",
                       env=env)
    assert done.returncode == 0
    if may_all(machine):
        assert "no limit" in done.stdout
        return
    assert "note   memlock      you may lock 64 KiB" in done.stdout
    done = machine.run("/bin/sh", "-c", f"ulimit -l 0; exec {machine.bin}/opae doctor {CARD}", env=env)
    assert done.returncode == 1 and "you may lock no memory at all" in done.stdout
    assert "prlimit --pid $$ --memlock=unlimited" in done.stdout


def test_verdict_counts_what_is_enumerated(machine, sysfs, shown):
    """Whatever a check says of it."""
    sysfs.link(CARD, "driver", None)
    code, subjects, text = diagnose(machine, env=shown)
    assert code == 1 and "wrong" in subjects[CARD] and "2 of 2 devices are shown" in text
    text = diagnose(machine, env=config(machine, {"sockets": []}))[2]
    assert "0 of 2 devices are shown" in text


def test_pci_notes(machine, sysfs, shown):
    """What is no fault is a note: the card is shown all the same."""
    sysfs.write(f"sys/bus/pci/devices/{CARD}/sriov_totalvfs", "3\n")
    sysfs.write(f"sys/bus/pci/devices/{CARD}/sriov_numvfs", "0\n")
    sysfs.write("sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "0\n")
    steps = right(machine, CARD, env=shown)
    assert "it can have 3 and has none" in steps["VFs"]
    assert f"opae bind --vfs 3 {CARD}" in steps["VFs"]
    assert "small ones" in steps["huge pages"]
    sysfs.write(f"sys/bus/pci/devices/{CARD}/sriov_numvfs", "3\n")
    assert "VFs" not in right(machine, CARD, env=shown)


def test_pci_plugin_is_disabled(machine, sysfs):
    env = config(machine, {}, enabled=False)
    wrong(machine, CARD, "plugin", "disabled", '"enabled": true', env=env)


def test_each_device_has_its_own_verdict(machine, sysfs, shown):
    sysfs.device("0000:b2:00.0", driver=None, group=8)
    code, subjects, text = diagnose(machine, env=shown)
    assert code == 1 and "wrong" not in subjects[CARD] and "wrong" in subjects["0000:b2:00.0"]
    assert "2 of 3 devices are shown" in text
