# SPDX-License-Identifier: BSD-3-Clause
"""`opae errors` and `fpgainfo` on emulated cards behind v-opae. tests/vm/test_dfl_objects.py has them behind
the kernel's driver, where there are sensors, too."""
import json
import os
import re
import signal
import time

import pytest

BOARDS = {"a10": ("e9a1ca2d-c0de-4d5a-9c3f-00000000a001", 1),  # interface id, ports
          "n6000": ("e9a1ca2d-c0de-4d5a-9c3f-00000000a002", 2)}
FME = ["catfatal_errors", "first_error", "fme_errors", "inject_errors", "next_error", "nonfatal_errors",
       "pcie0_errors", "pcie1_errors"]
PORT = ["errors", "first_error", "first_malformed_req"]
CLEARED = {"fme_errors", "inject_errors", "pcie0_errors", "pcie1_errors", "errors"}


def start(machine, board, name="card2"):
    machine.good("opae", "emu", "start", "--name", name, "--board", board, "--faults",
                 "fme-error=0x20,port-error=0x10")


def errors(machine, *args):
    """The exit code, and the registers by type of device and name."""
    done = machine.run("opae", "errors", "--json", *args)
    out = json.loads(done.stdout)
    assert out["schema"] == 1
    by = {}
    for device in out["devices"]:
        by.setdefault(device["type"], []).append({r["name"]: r for r in device["errors"]})
    return done.returncode, by


def raise_errors(machine):
    """The card does it when it gets the signal."""
    card = json.loads(machine.good("opae", "emu", "list", "--json"))["cards"][0]
    os.kill(card["pid"], signal.SIGUSR1)
    end = time.monotonic() + 60
    while True:
        _, by = errors(machine)
        if by["device"][0]["fme_errors"]["value"] and any(r["errors"]["value"] for r in by["accelerator"]):
            return by
        assert time.monotonic() < end


@pytest.mark.parametrize("board", BOARDS)
def test_seen_and_cleared(machine, board):
    start(machine, board)
    rc, by = errors(machine)
    assert rc == 0
    assert [list(d) for d in by["device"]] == [FME] and all(list(d) == PORT for d in by["accelerator"])
    for r in [r for d in by["device"] + by["accelerator"] for r in d.values()]:
        assert r["value"] == 0 and r["bits"] == [] and r["can_clear"] == (r["name"] in CLEARED)
        assert "now" not in r

    by = raise_errors(machine)
    assert by["device"][0]["fme_errors"]["value"] == 0x20
    assert by["device"][0]["fme_errors"]["bits"][0]["bit"] == 5
    assert "wrong function" in by["device"][0]["fme_errors"]["bits"][0]["means"]
    done = machine.run("opae", "errors")
    assert done.returncode == 1
    assert re.search(r"^  fme_errors +0x20 +can be cleared\n    bit 5   access", done.stdout, re.M)
    assert re.search(r"^  errors +0x10 +can be cleared$", done.stdout, re.M)
    assert not re.search(r" $", done.stdout, re.M)

    done = machine.run("opae", "errors", "--clear")
    assert done.returncode == 0
    assert re.search(r"^  fme_errors +0x20 +now 0x0$", done.stdout, re.M)  # what was, and what is
    rc, by = errors(machine)
    assert rc == 0 and not by["device"][0]["fme_errors"]["value"]
    assert not any(d["errors"]["value"] for d in by["accelerator"])
    rc, by = errors(machine, "--clear")
    assert rc == 0 and by["device"][0]["fme_errors"]["now"] == 0


def test_one_of_several(here):
    start(here, "a10")
    here.start("card1", "hello")
    out = here.good("opae", "errors", "8001:00:00.0")
    assert out == "8001:00:00.0 accelerator 850adcc2-6ceb-4b22-9722-d43375b61c66: no error registers\n"
    rc, by = errors(here, BOARDS["a10"][0])
    assert rc == 0 and len(by["device"]) == 1 and "accelerator" not in by
    done = here.run("opae", "errors", "0000:b1:00.0")
    assert done.returncode == 3 and "opae list" in done.stderr
    for args, word in ((["--none"], "--none"), (["0000:b1:00.0", "0000:b2:00.0"], "nothing is both"),
                       (["--clear", "x"], "'x' is no PCI address")):
        done = here.run("opae", "errors", *args)
        assert done.returncode == 2 and word in done.stderr, args
    assert "Exit code 1 when there are errors" in here.good("opae", "errors", "--help")


# ---- fpgainfo ----


def fields(text):
    """The lines between two headlines, by headline."""
    parts = {}
    for line in text.splitlines():
        if line.startswith("//"):
            here = parts.setdefault(line.strip("/* "), [])
            continue
        if not line.startswith(("bit ", "(")) and " : " in line:
            assert len(line.split(" : ")[0]) == 32, line
            here.append([part.strip() for part in line.split(" : ")])
        else:
            here.append([line])
    return parts


OWN = ["Interface", "Object Id", "PCIe s:b:d.f", "Vendor Id", "Device Id", "SubVendor Id", "SubDevice Id",
       "Socket Id"]
DEVICE = ["Ports Num", "Bitstream Id", "Bitstream Version", "Pr Interface Id"]


@pytest.mark.parametrize("board", BOARDS)
def test_fpgainfo_fme_and_port(machine, board):
    start(machine, board)
    interface, slots = BOARDS[board]
    fme = fields(machine.good("fpgainfo", "fme"))["FME"]
    assert [f[0] for f in fme] == OWN + DEVICE
    by = dict(fme)
    listed = json.loads(machine.good("opae", "info", "--json", interface))["devices"][0]
    assert by["Interface"] == "VFIO" and by["PCIe s:b:d.f"] == "8002:00:00.0"
    assert int(by["Object Id"], 16) == listed["object_id"]
    assert by["Vendor Id"] == "0x8086" and by["Device Id"] == f"0x{listed['device_id']:04X}"
    assert by["Socket Id"] == f"0x{listed['socket_id']:02X}" and by["Ports Num"] == f"{slots:02}"
    bbs = listed["bbs_id"]
    assert int(by["Bitstream Id"], 16) == bbs
    assert by["Bitstream Version"] == f"{bbs >> 56 & 15}.{bbs >> 52 & 15}.{bbs >> 48 & 15}"
    assert by["Pr Interface Id"] == interface
    port = fields(machine.good("fpgainfo", "port"))["PORT"]
    assert [f[0] for f in port] == (OWN + DEVICE + ["Accelerator GUID"]) * slots
    assert dict(port)["Pr Interface Id"] == interface  # that of the device that it belongs to


def test_fpgainfo_port_without_a_device(here):
    here.start("card1", "hello")
    port = fields(here.good("fpgainfo", "port"))["PORT"]
    assert [f[0] for f in port] == OWN + ["Accelerator GUID"]
    assert port[-1][1] == "850adcc2-6ceb-4b22-9722-d43375b61c66"
    done = here.run("fpgainfo", "fme")
    assert done.returncode == 70 and "No FPGA resources found" in done.stderr


def test_fpgainfo_errors(machine):
    start(machine, "a10")
    raise_errors(machine)
    labels = ["Catfatal Errors", "First Error", "Fme Errors", "Inject Errors", "Next Error",
              "Nonfatal Errors", "PCIe0 Errors", "PCIe1 Errors"]
    out = fields(machine.good("fpgainfo", "errors", "all"))
    assert list(out) == ["FME", "FME ERRORS", "PORT ERRORS"]
    assert [f[0] for f in out["FME ERRORS"] if len(f) == 2] == labels
    assert ["Fme Errors", "0x20"] in out["FME ERRORS"]
    assert any(re.match(r"bit 5 error:access", f[0]) for f in out["FME ERRORS"])
    assert [f[0] for f in out["PORT ERRORS"]] == ["Errors", "First Error", "First Malformed Req"]
    assert fields(machine.good("fpgainfo", "errors")) == out
    assert list(fields(machine.good("fpgainfo", "errors", "fme"))) == ["FME", "FME ERRORS"]
    assert list(fields(machine.good("fpgainfo", "-B", "0", "errors", "port"))) == ["PORT", "PORT ERRORS"]
    out = fields(machine.good("fpgainfo", "errors", "-c", "fme", "8002:00:00.0"))  # cleared, and then shown
    assert ["Fme Errors", "0x0"] in out["FME ERRORS"]
    out = fields(machine.good("fpgainfo", "errors", "port"))
    assert ["Errors", "0x10"] in out["PORT ERRORS"]
    out = fields(machine.good("fpgainfo", "errors", "all", "--force"))
    assert ["Errors", "0x0"] in out["PORT ERRORS"]


def test_fpgainfo_of_what_v_opae_has_not(here):
    start(here, "a10")
    for args, head, line, rc in ((["temp"], "TEMP", "temp info is not supported", 0),
                                 (["power"], "POWER", "power info is not supported", 0),
                                 (["bmc"], "BMC SENSORS", "bmc info is not supported", 0),
                                 (["mac"], "MAC", "mac info is not supported", 0),
                                 (["phy", "-G", "all"], "PHY", "phy group info is not supported", 0),
                                 (["security"], "SEC", "Sec info is not supported", 0),
                                 (["events", "-a"], "EVENTS", "event log is not supported", 70)):
        done = here.run("fpgainfo", *args)
        part = fields(done.stdout)[head]
        assert done.returncode == rc and part[-1] == [line] and part[0] == ["Interface", "VFIO"], args


def test_fpgainfo_arguments(here):
    start(here, "a10")
    for args, word in (([], None), (["none"], "'none'"), (["-x", "fme"], "-- 'x'"),
                       (["errors", "none"], "'none'"), (["errors", "all", "fme"], "'fme' is too much"),
                       (["fme", "extra"], "'extra'"), (["temp", "-c"], "-- 'c'"),
                       (["phy", "-G", "3"], "'3' is no group"), (["phy", "-G"], "'G'"),
                       (["events", "-b", "x"], "'x' is no number"), (["-B", "x", "fme"], "'x' is no number"),
                       (["-B", "0x100", "fme"], "too large"), (["-B"], "needs a number"),
                       (["-S", "1"], "subcommand is missing")):
        done = here.run("fpgainfo", *args)
        assert done.returncode == 64 and (word or "") in done.stderr, args
    for args in (["fme", "0000:b1:00.0"], ["-B", "7", "fme"], ["errors", "fme", "-D", "3"]):
        done = here.run("fpgainfo", *args)
        assert done.returncode == 70 and "No FPGA resources found" in done.stderr and not done.stdout, args
    assert "SUBCOMMAND" in here.good("fpgainfo", "-h")
    assert "errors [all|fme|port]" in here.good("fpgainfo", "--help")
    assert "--group 0|1|all" in here.good("fpgainfo", "phy", "-h")
    assert re.match(r"fpgainfo \S+, of the OPAE C API ", here.good("fpgainfo", "-v"))
