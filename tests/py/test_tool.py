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
                       (["--mmio", "fast"], "fast"), (["--mmio"], "needs an argument"),
                       (["--colour", "red"], "--colour")):
        done = here.run("opae", "emu", "start", *args)
        assert done.returncode != 0 and word in done.stderr, args


def test_emu_after_a_crash(here):
    """A card that was killed leaves files; the next one of that name takes their place."""
    here.start()
    pid = json.loads(here.good("opae", "emu", "list", "--json"))["cards"][0]["pid"]
    os.kill(pid, signal.SIGKILL)
    end = time.monotonic() + 5
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
    codes = sorted((p.communicate(timeout=30), p.returncode)[1] for p in jobs)
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
    assert done.returncode == 3 and "opae emu start" in done.stderr


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
                       (["read", "-r", "3", "0"], "region 3"), (["write", "0x108"], "a value"),
                       (["read", "-w", "16", "0"], "16"), (["read", "-d", "nobody", "0"], "nobody"),
                       (["write", "-w", "32", "0x100", "0x100000000"], "0x100000000")):
        done = machine.run("opae", "mmio", *args)
        assert done.returncode in (1, 2) and word in done.stderr, (args, done.stderr)


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
                  "doctor", "plugins", "info"):
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
