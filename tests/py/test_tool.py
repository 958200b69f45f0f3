# SPDX-License-Identifier: BSD-3-Clause
"""The `opae` tool, as a person and as a script use it."""
import json
import os
import re
import signal
import subprocess
import time

NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"


def test_emu_start_list_stop(machine):
    out = machine.good("opae", "emu", "start")
    assert re.match(r"card card0: board nlb0, socket \S+/card0.sock, pid \d+\n", out)
    again = machine.run("opae", "emu", "start")
    assert again.returncode == 1 and "runs already" in again.stderr
    machine.good("opae", "emu", "start", "--name", "second", "--board", "hello")
    cards = json.loads(machine.good("opae", "emu", "list", "--json"))
    assert cards["schema"] == 1
    assert sorted(c["name"] for c in cards["cards"]) == ["card0", "second"]
    assert "card0" in machine.good("opae", "emu", "list")
    assert machine.good("opae", "emu", "stop", "card0") == "card card0 stopped\n"
    assert machine.run("opae", "emu", "stop", "card0").returncode == 3
    machine.good("opae", "emu", "stop", "--all")
    assert json.loads(machine.good("opae", "emu", "list", "--json"))["cards"] == []
    assert os.listdir(machine.folder / "emu") == []


def test_emu_says_what_is_wrong(here):
    for args, word in ((["--board", "none"], "none"), (["--name", "../x"], "../x"),
                       (["--mmio", "fast"], "fast"), (["--mmio"], "--mmio needs an argument"),
                       (["--colour", "red"], "--colour"), (["extra"], "no argument 'extra'"),
                       (["--name", "x", "--none"], "no option '--none'"),
                       (["--faults", "delay=99999"], "from 1 to 10000"),
                       (["--faults", "dma-fail=0"], "from 1 to 4294967295"),
                       (["--faults", "pr-error=0x20"], "from 1 to 0x1f")):
        done = here.run("opae", "emu", "start", *args)
        assert done.returncode != 0 and word in done.stderr, args


def test_emu_usage(here):
    for args, word in (([], "start, stop, list or boards"), (["lits"], "'lits'"), (["stop"], "--all"),
                       (["stop", "--all", "x"], "'x'"), (["list", "x"], "'x'"),
                       (["list", "--json", "x"], "'x'"), (["boards", "x"], "'x'"),
                       (["stop", "../x"], "../x")):
        done = here.run("opae", "emu", *args)
        assert done.returncode == 2 and word in done.stderr, args
    out = here.good("opae", "emu", "--help")
    for word in ("--afu", "--faults", "opae emu boards", "list [--json]"):
        assert word in out


def test_emu_boards(here):
    out = here.good("opae", "emu", "boards")
    assert out == here.good("opae-emu", "--list-boards")
    for word in ("n6000", "he-lb", "dma-fail=N"):
        assert word in out
    done = here.run("opae", "emu", "boards", env={"OPAEX_EMU_PROGRAM": "/nonexistent/emu"})
    assert done.returncode == 1 and "/nonexistent/emu" in done.stderr


def test_emu_list_names_addresses(here):
    """Those that `opae list` has, in the order of the names; each card's stays when others go."""
    for name, board in (("multi", "hello"), ("card3", "nlb0"), ("b-12-x", "hello"), ("a7", "nlb0")):
        here.start(name, board)
    cards = json.loads(here.good("opae", "emu", "list", "--json"))["cards"]
    assert [c["name"] for c in cards] == ["a7", "b-12-x", "card3", "multi"]
    address = {c["name"]: c["address"] for c in cards}
    assert (address["a7"], address["card3"]) == ("8007:00:00.0", "8003:00:00.0")
    assert all(address[n] >= "a000" for n in ("multi", "b-12-x"))
    lines = [line.split() for line in here.good("opae", "emu", "list").splitlines()]
    assert [(line[0], line[1]) for line in lines] == list(address.items())
    shown = [d["address"] for d in json.loads(here.good("opae", "list", "--json"))["devices"]]
    assert shown == sorted(address.values())
    assert here.good("opae", "emu", "stop", "a7", "b-12-x").count("stopped") == 2
    left = json.loads(here.good("opae", "emu", "list", "--json"))["cards"]
    assert {c["name"]: c["address"] for c in left} == {n: address[n] for n in ("card3", "multi")}


def test_emu_directory_with_too_long_a_path(here):
    """The limit is said, and one byte less is enough."""
    most = 77
    path = str(here.folder / "x")
    path += "y" * (most - len(path))
    name = "n" * 24
    env = {"OPAEX_EMU_DIR": path + "y"}
    done = here.run("opae", "emu", "start", env=env)
    assert done.returncode == 1 and f"at most {most} bytes" in done.stderr
    assert "OPAEX_EMU_DIR" in done.stderr
    done = here.run("opae", "list", env=env)
    assert done.returncode == 3 and "opae emu" not in done.stderr and "opae doctor" in done.stderr
    env = {"OPAEX_EMU_DIR": path}
    here.good("opae", "emu", "start", "--name", name, env=env)
    assert "NLB0" in here.good("opae", "list", env=env)
    here.good("opae", "emu", "stop", name, env=env)


def test_emu_after_a_crash(here):
    """A card that was killed leaves files; the next one of that name takes their place."""
    here.start()
    pid = json.loads(here.good("opae", "emu", "list", "--json"))["cards"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 30
    while json.loads(here.good("opae", "emu", "list", "--json"))["cards"]:
        assert time.monotonic() < end
    assert json.loads(here.run("opae", "list", "--json").stdout)["devices"] == []
    here.start()
    assert len(json.loads(here.good("opae", "list", "--json"))["devices"]) == 1


def test_emu_started_twice_at_once(here):
    """One of them becomes the card; the others hear that it runs."""
    args = [here.bin / "opae", "emu", "start"]
    jobs = [subprocess.Popen(args, env=here.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            for _ in range(5)]
    codes = sorted((p.communicate(timeout=120), p.returncode)[1] for p in jobs)
    assert codes == [0, 1, 1, 1, 1]
    assert len(json.loads(here.good("opae", "list", "--json"))["devices"]) == 1


def test_list_at_a_glance(here):
    here.start()
    here.start("card1", "hello", "map")
    lines = here.good("opae", "list").splitlines()
    assert len(lines) == 2
    assert lines[0].split()[:5] == ["8000:00:00.0", "accelerator", "free", "vfio", NLB0]
    assert "NLB0" in lines[0] and "hello_afu" in lines[1]
    assert here.good("opae", "list", NLB0).splitlines() == lines[:1]
    assert here.good("opae", "list", "8001:00:00.0").splitlines() == lines[1:]


def test_list_of_nothing_says_what_to_do(here):
    done = here.run("opae", "list")
    assert done.returncode == 3
    assert "opae emu start" in done.stderr and "opae doctor" in done.stderr
    here.start()
    done = here.run("opae", "list", "0000:b1:00.0")
    assert done.returncode == 3 and "Nothing that fits" in done.stderr and "opae doctor" in done.stderr
    (here.folder / "emu").chmod(0o777)
    done = here.run("opae", "list")
    assert done.returncode == 3 and "opae emu" not in done.stderr and "opae doctor" in done.stderr
    (here.folder / "emu").chmod(0o700)


def test_a_configuration_that_is_not_there_is_told_of(machine):
    """The search goes on, as OPAE's does, but whoever named a file hears that it is not the one in force."""
    machine.start()
    for named in (machine.folder / "none.cfg", machine.folder / "none" / "opae.cfg"):
        env = {"LIBOPAE_CFGFILE": str(named)}
        done = machine.run("opae", "list", env=env)
        assert done.returncode == 0 and NLB0 in done.stdout
        [line] = done.stderr.splitlines()
        assert f"LIBOPAE_CFGFILE names {named}: No such file" in line
        assert "what is built in is in force" in line
    own = machine.folder / ".config/opae/opae.cfg"
    own.parent.mkdir(parents=True)
    own.write_text('{"plugins": [], "configurations": {}}')
    done = machine.run("hello_fpga", env=env)
    assert done.stderr.count("LIBOPAE_CFGFILE") == 1 and f"{own} is in force" in done.stderr
    assert not machine.run("opae", "list", env={"LIBOPAE_CFGFILE": ""}).stderr.count("LIBOPAE_CFGFILE")


def test_devices_are_named_by_all_that_tells_them_apart(here):
    """An address, a GUID, an object id: what is given must all fit."""
    here.start("card0", "multi")
    here.start("card1", "nlb0")
    all_of_them = json.loads(here.good("opae", "info", "--json"))["devices"]
    assert [d["address"] for d in all_of_them] == ["8000:00:00.0"] * 4 + ["8001:00:00.0"]
    assert [d["type"] for d in all_of_them] == ["device"] + ["accelerator"] * 4
    twins = [d for d in all_of_them if d["guid"] == NLB0 and d["address"] == "8000:00:00.0"]
    assert len(twins) == 2 and len(here.good("opae", "list", "8000:00:00.0", NLB0).splitlines()) == 2
    done = here.run("opae", "mmio", "read", "8", "-d", "8000:00:00.0", "-d", NLB0)
    assert done.returncode == 2 and "2 accelerators fit" in done.stderr
    for d in twins:
        ident = f"0x{d['object_id']:016x}"
        line = next(x for x in done.stderr.splitlines() if ident in x)
        assert line.split()[:3] == [d["address"], "accelerator", d["guid"]]
        assert here.good("opae", "info", ident).count("object_id") == 1
        assert len(here.good("opae", "list", ident, NLB0, "8000:00:00.0").splitlines()) == 1
        assert here.good("opae", "mmio", "read", "8", "-d", ident) == "0xf89e433683f9040b\n"
        assert here.run("opae", "list", ident, "8001:00:00.0").returncode == 3
    assert here.good("opae", "mmio", "read", "8", "-d", NLB0, "-d", "8001:00:00.0") == \
        "0xf89e433683f9040b\n"
    for args, word in ((["8000:00:00.0", "8001:00:00.0"], "both"), (["0x12g"], "'0x12g'"),
                       (["x"], "no object id")):
        done = here.run("opae", "list", *args)
        assert done.returncode in (1, 2) and word in done.stderr, args


def test_json_has_a_schema_and_numbers(here):
    here.start()
    for command in ("list", "info"):
        out = json.loads(here.good("opae", command, "--json"))
        (d,) = out["devices"]
        assert out["schema"] == 1 and d["guid"] == NLB0
        assert isinstance(d["object_id"], int) and d["vendor_id"] == 0x8086
        assert d["num_mmio"] == 1 and d["num_interrupts"] == 4
    again = json.loads(here.good("opae", "list", "--json"))["devices"][0]
    assert again["object_id"] == d["object_id"]  # stable from run to run


def test_info_shows_all(here):
    here.start()
    out = here.good("opae", "info")
    assert re.search(r"^vendor_id +0x8086$", out, re.M)
    assert re.search(r"^num_interrupts +4$", out, re.M)


def test_mmio(machine):
    machine.start()
    assert "0xf89e433683f9040b" in machine.good("opae", "mmio", "read", "0x8")
    machine.good("opae", "mmio", "write", "0x108", "0x1122334455667788")
    machine.good("opae", "mmio", "write", "-w", "32", "0x100", "7")
    out = json.loads(machine.good("opae", "mmio", "--json", "read", "-d", NLB0, "0x8"))
    assert out["schema"] == 1 and 0xF89E433683F9040B in out["mmio"].values()
    for args, word in ((["read", "0x7ffc"], "multiple of 8"), (["read", "0x8000"], "outside"),
                       (["read", "-1"], "-1"), (["read", "x"], "x"), (["read"], "an offset"),
                       (["read", "8", "010"], "'010' is too much: mmio read takes an offset"),
                       (["write", "8", "1", "2"], "'2' is too much"),
                       (["read", "-r", "3", "0"], "region 3"), (["write", "0x108"], "a value"),
                       (["read", "-w", "16", "0"], "16"), (["read", "-d", "nobody", "0"], "nobody"),
                       (["write", "-w", "32", "0x100", "0x100000000"], "0x100000000")):
        done = machine.run("opae", "mmio", *args)
        assert done.returncode in (1, 2) and word in done.stderr, (args, done.stderr)


def test_a_write_does_not_outlive_its_handle(here):
    """What the help says of it: the close resets the device."""
    here.start(board="hello")
    here.good("opae", "mmio", "write", "0x80", "0x1234")
    assert here.good("opae", "mmio", "read", "0x80") == "0x0000000000000000\n"
    assert "does not outlive it" in here.good("opae", "mmio", "write", "--help")


def test_plugins(machine):
    env = machine.config(json.dumps({
        "plugins": ["vfio", "gone", "off", "typo"], "configurations": {
            "vfio": {"configuration": {}, "enabled": True, "plugin": "libv-opae.so"},
            "gone": {"configuration": {}, "enabled": True, "plugin": "libgone.so"},
            "off": {"configuration": {}, "enabled": False, "plugin": "libv-opae.so"},
            "typo": {"configuration": {"socket": 1}, "enabled": True,
                     "plugin": "libopae-v.so"}}}))
    text = machine.good("opae", "plugins", env=env)
    assert "opae.cfg" in text.splitlines()[0]
    out = json.loads(machine.good("opae", "plugins", "--json", env=env))
    rows = {p["name"]: p for p in out["plugins"]}
    assert [rows[n]["state"] for n in ("vfio", "gone", "off", "typo")] == \
        ["ready", "failed", "disabled", "failed"]
    assert "libgone.so" in rows["gone"]["reason"]
    assert '"socket" is unknown' in rows["typo"]["reason"]
    assert rows["vfio"]["reason"] == "" and rows["vfio"]["abi_major"] == 1
    machine.start()  # the working one works
    assert machine.run("opae", "list", env=env).returncode == 0


def test_output_that_gets_lost_is_a_failure(here):
    """Also where there is none: what is printed goes into no file that happens to be opened."""
    here.start()
    for command in ("list", "info --json", "doctor", "plugins", "emu list", "--help"):
        for to in (">/dev/full", ">&-"):
            done = here.run("/bin/sh", "-c", f"exec {here.bin}/opae {command} {to}")
            assert done.returncode == 1 and "could not be written" in done.stderr, (command, to)
    here.run("/bin/sh", "-c", f"exec {here.bin}/opae emu start --name quiet <&- >&- 2>&-")
    assert "quiet" in here.good("opae", "emu", "list")
    assert "Test PASSED" in here.good("hello_fpga")


def test_help_anywhere_after_a_command(here):
    for words in ("list", "emu start", "emu stop x", "mmio read", "mmio write 0 1", "bench local",
                  "bench ase", "doctor", "plugins", "info"):
        for option in ("-h", "--help"):
            out = here.good("opae", *words.split(), option)
            assert out.startswith(f"usage: opae {words.split()[0]} ..."), words
    assert "opae emu start" in here.good("opae", "emu", "start", "--name", "x", "--help")


def test_usage(here):
    done = here.run("opae")
    assert done.returncode == 2 and "usage" in done.stderr
    assert "mmio" in here.good("opae", "--help")
    only = here.good("opae", "mmio", "--help")
    assert "opae mmio walk" in only and "opae list" not in only
    done = here.run("opae", "lsit")
    assert done.returncode == 2 and "lsit" in done.stderr


def test_emu_start_leaves_another_cards_socket(here, card):
    """Somebody started it by hand and it serves that name: starting another there fails, and no more."""
    served = here.folder / "emu" / "mine.sock"
    served.parent.mkdir(mode=0o700, exist_ok=True)
    card(name="emu/mine")
    done = here.run("opae", "emu", "start", "--name", "mine")
    assert done.returncode == 1 and "another process serves this socket" in done.stderr
    assert served.is_socket()
    assert "NLB0" in here.good("opae", "list")


def test_version(here):
    out = here.good("opae", "--version")
    assert re.fullmatch(r"opae \d+\.\d+\.\d+, of the OPAE C API \d+\.\d+\.\d+\n", out), out
    assert "--version" in here.good("opae", "--help")


def test_help_explains_the_words_it_uses(here):
    for command, has, has_not in (("doctor", "SOCKET", "OBJECT"), ("list", "OBJECT", "SOCKET"),
                                  ("bind", "ADDRESS", "OBJECT"), ("plugins", "plugins", "ADDRESS"),
                                  ("mmio", "OBJECT", "SOCKET")):
        out = here.good("opae", command, "--help")
        assert has in out and has_not not in out, out
        assert "exit codes: 0 done; 1 " in out and "3 nothing was found" in out


def test_plugins_in_columns(here):
    name = "a-plugin-with-a-long-name"
    env = here.config(json.dumps({"plugins": [name, "vfio"], "configurations": {
        name: {"enabled": True, "plugin": "libgone.so"},
        "vfio": {"enabled": True, "plugin": "libv-opae.so"}}}))
    lines = here.good("opae", "plugins", env=env).splitlines()[1:]
    assert lines[0].startswith(f"{name} failed    libgone.so") and all(x == x.rstrip() for x in lines)
    assert {x[:26].strip() for x in lines} == {name, "", "vfio"}
    assert lines[2].startswith("vfio" + " " * 22 + "ready ")
