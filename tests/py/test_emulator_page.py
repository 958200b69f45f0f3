# SPDX-License-Identifier: BSD-3-Clause
"""docs/emulator.md says what the emulated card says of itself."""
import re
import subprocess

from conftest import BUILD, SOURCE

PAGE = (SOURCE / "docs/emulator.md").read_text(encoding="utf-8")


def emu(*args):
    return subprocess.run([BUILD / "emu/opae-emu", *args], check=True, text=True,
                          stdout=subprocess.PIPE).stdout


def test_boards_and_accelerators():
    boards, rest = emu("--list-boards").split("Accelerators:\n")
    afus, faults = rest.split("\nFaults:\n")
    assert faults and faults in emu("--help")
    rows = re.findall(r"^(\S+) +([0-9a-f]{4}:[0-9a-f]{4})", boards, re.M)
    assert len(rows) > 5
    for name, pci in rows:
        line = next(x for x in PAGE.splitlines() if x.startswith("|") and f"`{name}`" in x)
        assert pci in line, line
    for name in re.findall(r"^(\S+)", afus, re.M):
        assert re.search(rf"^\| `{name}` \| [0-9a-f-]{{36}} \|", PAGE, re.M), name


def test_faults():
    names = re.findall(r"^  ([a-z-]+)(?:=[A-Z]+)?  +", emu("--help"), re.M)
    names = [n for n in names if not n.startswith("--")]
    assert len(names) == 12
    for name in names:
        assert re.search(rf"`{name}[=`]", PAGE), name


def test_registers():
    """Offsets and opcodes of the page are those of the headers."""
    script = (SOURCE / "emu/afu-script.h").read_text(encoding="utf-8")
    for name in ["CTL", "COUNT", "PROGRAM", "LIMIT", "STATE", "PC", "ERROR", "STEPS", "LAST", "RUNS",
                 "R0", "MAILBOX0", "TRACE", "WINDOW"]:
        offset = re.search(rf"SCRIPT_{name} = (0x[0-9a-f]+)", script)[1]
        assert re.search(rf"^\| {offset} \| {name}\b", PAGE, re.M), name
    enum = script[script.index("enum script_opcode"):script.index("SCRIPT_NUM_OPCODES")]
    opcodes = re.findall(r"^\tSCRIPT_(\w+),", enum, re.M)
    assert len(opcodes) == 14
    for n, name in enumerate(opcodes):
        assert re.search(rf"^\| [\d, ]*\b{n}\b[\d, ]* \| [\w, ]*\b{name}\b", PAGE, re.M), name
    poller = (SOURCE / "emu/afu-poller.h").read_text(encoding="utf-8")
    for name, offset in re.findall(r"POLLER_(\w+) = (0x[0-9a-f]+)", poller):
        assert re.search(rf"^\| [^|]*{offset}\b[^|]* \| [^|]*\b{name}\b", PAGE, re.M), name
