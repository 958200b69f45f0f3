# SPDX-License-Identifier: BSD-3-Clause
"""`opae gbs`, `opae load` and `fpgaconf`, as far as they go without a card that can be reconfigured: v-opae
does not do that (tests/vm/test_load.py has the driver that does)."""
import json
import os
import pty
import struct
import subprocess
import uuid

import pytest

INTERFACE = "e9a1ca2d-c0de-4d5a-9c3f-00000000a001"  # board a10's
OTHER = "11111111-2222-3333-4444-555555555555"
NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"


def make(machine, *more, interface=INTERFACE, name="x.gbs", payload=b"\xaa" * 5000):
    """A GBS with the beginning that the emulated card knows an accelerator by."""
    body = machine.folder / "payload"
    body.write_bytes(uuid.UUID(NLB0).bytes + payload)
    path = machine.folder / name
    machine.good("opae", "gbs", "make", "--interface-id", interface, "--afu-id", NLB0, "--payload", body,
                 *more, path)
    return path


def raw(metadata, says=None):
    text = json.dumps(metadata).encode() if metadata else b""
    return b"XeonFPGA\xb7GBSv001" + struct.pack("<I", len(text) if says is None else says) + text + b"bits"


# ---- opae gbs ----


def test_make_and_show(machine):
    path = make(machine, "--name", "né b", "--clock-high", "300", "--clock-low", "0x64", "--power", "7",
                "--platform", "emu")
    assert [line.split(None, 1 if line[0] in "iap" else 2) for line in
            machine.good("opae", "gbs", "show", path).splitlines()] == [
        ["interface", INTERFACE], ["accelerator", f"{NLB0}  né b"], ["clock", "high", "300 MHz"],
        ["clock", "low", "100 MHz"], ["power", "7 W"], ["platform", "emu"], ["version", "1"],
        ["payload", "5016 bytes"]]
    out = json.loads(machine.good("opae", "gbs", "show", "--json", path))
    assert out["schema"] == 1 and out["gbs"]["payload_bytes"] == 5016
    image = out["gbs"]["metadata"]["afu-image"]
    assert image["magic-no"] == 488605312 and image["interface-uuid"] == INTERFACE
    assert image["clock-frequency-high"] == 300 and image["power"] == 7
    assert image["accelerator-clusters"] == [
        {"name": "né b", "total-contexts": 1, "accelerator-type-uuid": NLB0}]


def test_the_file_is_laid_out_as_opae_has_it(here):
    data = make(here).read_bytes()
    assert data[:16] == uuid.UUID("58656F6E-4650-4741-B747-425376303031").bytes
    length = struct.unpack_from("<I", data, 16)[0]
    assert json.loads(data[20:20 + length])["afu-image"]["interface-uuid"] == INTERFACE
    assert data[20 + length:] == (here.folder / "payload").read_bytes()


def test_payload(machine):
    path, out = make(machine), machine.folder / "out"
    machine.good("opae", "gbs", "payload", path, out)
    assert out.read_bytes() == (machine.folder / "payload").read_bytes()
    machine.good("opae", "gbs", "payload", path, path)  # it was read before it is written
    assert path.read_bytes() == out.read_bytes()
    done = machine.run("opae", "gbs", "payload", out, out)
    assert done.returncode == 1 and "byte 0" in done.stderr and str(out) in done.stderr


def test_payload_to_standard_output(here):
    done = subprocess.run([here.bin / "opae", "gbs", "payload", make(here), "-"], env=here.env, check=True,
                          stdout=subprocess.PIPE)
    assert done.stdout == (here.folder / "payload").read_bytes()


def test_output_that_gets_lost_is_a_failure(here):
    for args in (["gbs", "payload", make(here), "/dev/full"],
                 ["gbs", "make", "--interface-id", INTERFACE, "--afu-id", NLB0, "--payload",
                  here.folder / "payload", "/dev/full"]):
        done = here.run("opae", *args)
        assert done.returncode == 1 and "No space left" in done.stderr
    with open("/dev/full", "wb") as full:
        done = subprocess.run([here.bin / "opae", "gbs", "payload", make(here), "-"], env=here.env,
                              stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 1 and "could not be written" in done.stderr


def test_show_without_metadata(here):
    path = here.folder / "bare.gbs"
    path.write_bytes(raw(None))
    assert here.good("opae", "gbs", "show", path) == "metadata      none\npayload       4 bytes\n"
    assert json.loads(here.good("opae", "gbs", "show", "--json", path))["gbs"]["metadata"] is None


def test_show_says_what_is_wrong(here):
    path = here.folder / "bad.gbs"
    for data, word in ((b"", "empty"), (b"XeonFPGA", "ends at byte 8"), (raw({}, says=9000), "byte 16"),
                       (raw({"afu-image": 1}), '"afu-image" must be an object')):
        path.write_bytes(data)
        done = here.run("opae", "gbs", "show", path)
        assert done.returncode == 1 and word in done.stderr and str(path) in done.stderr
    done = here.run("opae", "gbs", "show", here.folder)
    assert done.returncode == 1 and "no regular file" in done.stderr
    done = here.run("opae", "gbs", "show", here.folder / "none")
    assert done.returncode == 1 and "No such file" in done.stderr


def test_make_says_what_is_wrong(here):
    ids = ["--interface-id", INTERFACE, "--afu-id", NLB0]
    body = here.folder / "payload"
    body.write_bytes(b"1")
    most = ["--payload", body, here.folder / "x.gbs"]
    for args, code, word in (
            (["--interface-id", INTERFACE, *most], 2, "needs --afu-id"),
            (["--interface-id", "7", "--afu-id", NLB0, *most], 2, "'7' is no GUID"),
            ([*ids, "--payload"], 2, "--payload needs an argument"),
            ([*ids, "--payload", body], 2, "the file to write"),
            ([*ids, here.folder / "x"], 2, "needs --payload"),
            ([*ids, *most, "more"], 2, "'more' is too much"),
            ([*ids, "--colour", "red", *most], 2, "--colour"),
            ([*ids, "--power", "-1", *most], 2, "--power '-1'"),
            ([*ids, "--clock-low", "4294967597", *most], 2, "--clock-low"),
            ([*ids, "--clock-high", "10001", *most], 1, "from 0 to 10000"),
            ([*ids, "--name", "a\nb", *most], 1, "control character 0x0a"),
            ([*ids, "--name", "x" * 9000, *most], 1, "8191 are the most"),
            ([*ids, "--payload", here.folder / "none", "x"], 1, "No such file")):
        done = here.run("opae", "gbs", "make", *args)
        assert done.returncode == code and word in done.stderr, (args, done.stderr)
    assert not (here.folder / "x.gbs").exists()


def test_gbs_usage(here):
    for args, word in (([], "show, make or payload"), (["sow"], "not 'sow'"), (["show"], "one file"),
                       (["show", "a", "b"], "one file"), (["payload", "a"], "two files")):
        done = here.run("opae", "gbs", *args)
        assert done.returncode == 2 and word in done.stderr, args


# ---- opae load ----


@pytest.fixture
def device(here):
    """Two cards with a management engine each, and a third without."""
    here.start("card0", "a10")
    here.start("card1", "hello")
    return here


def test_load_tells_what_it_would_do(device):
    path = make(device, "--clock-high", "300", "--name", "nlb")
    out = device.good("opae", "load", "--dry-run", path)
    for word in (str(path), "5016 bytes", f"{NLB0}  nlb", "8000:00:00.0, slot 0", INTERFACE, "high 300 MHz",
                 "nothing was loaded"):
        assert word in out
    assert "left as it is" in device.good("opae", "load", "--dry-run", "--skip-clock", path, "8000:00:00.0")


def test_load_of_a_card_that_cannot(device):
    """v-opae has no way to reconfigure: it says so, and the tool hands it on."""
    done = device.run("opae", "load", make(device))
    assert done.returncode == 1 and "load: not supported" in done.stderr
    assert "loading" in done.stdout and "loaded" not in done.stdout


def test_load_for_another_interface(device):
    path = make(device, interface=OTHER)
    for args in ([], ["8000:00:00.0"], ["--force"]):
        done = device.run("opae", "load", path, *args)
        assert done.returncode == 1 and OTHER in done.stderr and INTERFACE in done.stderr
        assert "loading" not in done.stdout


def test_load_of_what_does_not_say(device):
    path = device.folder / "bare.gbs"
    path.write_bytes(raw(None))
    done = device.run("opae", "load", path)
    assert done.returncode == 1 and "--force" in done.stderr and done.stdout == ""
    assert "does not say its own" in device.good("opae", "load", "--force", "--dry-run", path)


def test_load_needs_one_device(device):
    path = make(device)
    device.start("card2", "a10")
    done = device.run("opae", "load", "--dry-run", path)
    assert done.returncode == 2 and "8000:00:00.0" in done.stderr and "8002:00:00.0" in done.stderr
    assert "8002:00:00.0" in device.good("opae", "load", "--dry-run", path, "8002:00:00.0")
    done = device.run("opae", "load", path, "8001:00:00.0")
    assert done.returncode == 3 and "opae list" in done.stderr


def test_load_says_what_is_wrong(device):
    path = make(device)
    for args, code, word in (([], 2, "needs a file"), ([path, "b1:00.0", "b2:00.0"], 2, "both"),
                             ([path, "--slot"], 2, "--slot"), ([path, "--slot", "x"], 2, "--slot"),
                             ([path, "--slot", "4294967296"], 2, "--slot"), ([path, "--fast"], 2, "--fast"),
                             ([path, "x"], 2, "no PCI address"), ([device.folder], 1, "no regular file"),
                             ([path, "--slot", "7"], 1, "no slot 7; the last one is 0")):
        done = device.run("opae", "load", *args)
        assert done.returncode == code and word in done.stderr, (args, done.stderr)


def test_load_asks_a_person(device):
    """On a terminal; what is typed is the answer, and -y is one."""
    path = make(device)
    for answer, args, word in ((b"n\n", [], b"nothing was loaded"), (b"y\n", [], b"loading ..."),
                               (b"\x04", [], b"nothing was loaded"), (b"", ["-y"], b"loading ...")):
        ours, theirs = pty.openpty()
        p = subprocess.Popen([device.bin / "opae", "load", path, *args], env=device.env, stdin=theirs,
                             stdout=theirs, stderr=theirs)
        os.close(theirs)
        out = b""
        while True:
            try:
                more = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            out += more
            if b"[y/N]" in more:
                os.write(ours, answer)
        os.close(ours)
        assert p.wait(timeout=120) == 1 and word in out
        assert (b"[y/N]" in out) == (not args)


# ---- fpgaconf ----


def test_fpgaconf_exit_codes(device):
    """Those that scripts know from OPAE's program."""
    good, other = make(device), make(device, interface=OTHER, name="other.gbs")
    bare = device.folder / "bare.gbs"
    bare.write_bytes(raw(None))
    for args, code, word in (
            (["-n", good], 0, "would be loaded into 8000:00:00.0"),
            (["-n", "-B", "0", "-D0x0", "--function=0", "--segment", "0x8000", good], 0, "would be loaded"),
            (["8000:00:00.0", "--dry-run", good], 0, "would be loaded"),
            (["-h"], 1, "usage"), (["-v"], 1, "0.1.0"), ([], 1, "missing"), ([good, "x"], 1, "'x'"),
            (["--colour", good], 1, "colour"),
            ([device.folder / "none"], 2, "No such file"), ([bare], 2, "no metadata"),
            ([device.folder / "payload"], 2, "no GBS"),
            ([other], 4, INTERFACE), ([other], 4, OTHER), (["-B", "1", good], 4, INTERFACE),
            ([good], 5, "not supported"), (["--force", "--skip-usrclk", good], 5, "not supported"),
            (["-B", good], 7, "is no number"), (["-B", "256", good], 7, "too large"),
            (["-D", "32", good], 7, "too large"), (["-F"], 7, "needs a number"),
            (["-S", "-1", good], 7, "no number"),
            (["-S", "0x10000", good], 7, "too large"), (["-F", "010", good], 7, "too large")):
        done = device.run("fpgaconf", *args)
        assert done.returncode == code and word in done.stdout + done.stderr, (args, done)
    device.start("card2", "a10")
    done = device.run("fpgaconf", "-n", good)
    assert done.returncode == 5 and "8000:00:00.0" in done.stderr and "8002:00:00.0" in done.stderr
    device.good("fpgaconf", "-n", "8002:00:00.0", good)


def test_fpgaconf_tells_its_steps(device):
    done = device.run("fpgaconf", "-V", make(device))
    assert done.stdout.splitlines() == ["Reading the bitstream", "Looking for the device",
                                        "Opening the device", "Loading the bitstream"]
    assert done.stderr.startswith("fpgaconf: load: not supported: ")


def test_fpgaconf_leaves_words_behind_two_hyphens(device):
    done = device.run("fpgaconf", "-n", "--", "-B")
    assert done.returncode == 2 and "-B: No such file" in done.stderr
