# SPDX-License-Identifier: BSD-3-Clause
"""docs/protocol.md says what wire/ops.def and the headers say, and the golden frames what the page says."""
import re
import sys

import pytest
from conftest import SOURCE

sys.path.insert(0, str(SOURCE / "tests/golden"))
import make  # noqa: E402

pytestmark = pytest.mark.once
PAGE = (SOURCE / "docs/protocol.md").read_text(encoding="utf-8")
OPS = re.findall(r'^OP\((\d+), (\w+), (\w+), (\w+), (\w+), "([^"]*)", "([^"]*)"\)$',
                 (SOURCE / "wire/ops.def").read_text(encoding="utf-8"), re.M)
PLUGIN = (SOURCE / "include/opae/plugin.h").read_text(encoding="utf-8")
ENUMS = (SOURCE / "include/opae/types_enum.h").read_text(encoding="utf-8")
EXT = (SOURCE / "include/opae/ext.h").read_text(encoding="utf-8")


def cells(line):
    return [c.strip().strip("`") for c in line.strip("|").split("|")]


def table(*head):
    """The rows of every table with these columns."""
    lines, rows = PAGE.splitlines(), []
    for n, line in enumerate(lines):
        if line.startswith("|") and cells(line) == list(head):
            for row in lines[n + 2:]:
                if not row.startswith("|"):
                    break
                rows.append(cells(row))
    return rows


def macro(path, name):
    text = (SOURCE / path).read_text(encoding="utf-8")
    value = re.search(rf"#define {name} \(?([^/\n]*?)\)?\s*(?:/\*.*)?$", text, re.M)[1]
    return eval(re.sub(r"(?<=\d)u\b|(?<=[0-9a-f])u\b", "", value), {})  # a product of numbers


def test_every_message():
    """Number, name, what it is on, kind, right and both forms; and no message that there is not."""
    rows = table("number", "name", "on", "kind", "right", "request", "reply")
    assert len(OPS) > 50
    assert [tuple(r) for r in rows] == OPS


@pytest.mark.parametrize("name", [op[1] for op in OPS])
def test_every_message_is_explained(name):
    """Beside its row there are words on it; one that has no body needs none but its name."""
    prose = "\n".join(x for x in PAGE.splitlines() if not x.startswith("|"))
    assert re.search(rf"\b{name}\b", prose)


def test_fields_of_hello():
    request = table("field of the request", "meaning")
    reply = table("field of the reply", "meaning")
    letters = {"u16": "q", "u32": "u", "u64": "t", "string": "s"}
    forms = ["".join(letters[t] for row in rows for t in re.findall(r"\b(u16|u32|u64|string)\b", row[0]))
             for rows in (request, reply)]
    hello = next(op for op in OPS if op[1] == "HELLO")
    assert forms == list(hello[5:])


def c_enum(text, name, prefix):
    body = re.search(rf"enum {name} \{{(.*?)\}}", text, re.S)[1]
    body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
    found, value = {}, -1
    for entry in filter(None, (e.strip() for e in body.split(","))):
        key, _, given = (x.strip() for x in entry.partition("="))
        shift = re.match(r"\(?1u << (\d+)\)?", given)
        value = 1 << int(shift[1]) if shift else int(given, 0) if given else value + 1
        found[key.removeprefix(prefix)] = value
    return found


@pytest.mark.parametrize("row,enum,prefix", [
    ("objtype", "fpga_objtype", "FPGA_"), ("interface", "fpga_interface", "FPGA_IFC_"),
    ("state", "fpga_accelerator_state", "FPGA_ACCELERATOR_"),
    ("event type", "fpga_event_type", "FPGA_EVENT_"),
    ("sysobject flags", "fpga_sysobject_flags", "FPGA_OBJECT_"),
    ("sysobject type", "fpga_sysobject_type", "FPGA_OBJECT_"),
    ("metric type", "fpga_metric_type", "FPGA_METRIC_TYPE_"),
    ("metric datatype", "fpga_metric_datatype", "FPGA_METRIC_DATATYPE_")])
def test_enumerations(row, enum, prefix):
    values = next(v for name, v in table("enumeration", "values") if name == row)
    told = {name: int(n) for n, name in re.findall(r"(\d+) ([A-Z_]+)", values)}
    assert told == c_enum(ENUMS, enum, prefix)


def test_results():
    rows = [c for row in table("result", "", "", "") for c in row if c]
    told = {name: int(n) for n, name in (c.split(" ") for c in rows)}
    assert told == c_enum(ENUMS, "fpga_result", "FPGA_")


def test_rights():
    names = dict(re.findall(r'WIRE_RIGHT_(\w+), "([a-z-]+)"',
                            (SOURCE / "wire/ops.c").read_text(encoding="utf-8")))
    assert len(names) == 7
    assert dict(table("right", "word of the policy")) == names


def test_properties():
    """Bits as in the plugin header; places without gaps, as long as the page says."""
    bits = c_enum(PLUGIN, "opae_prop_bit", "OPAE_PROP_")
    rows = table("at", "size", "member", "bit in *valid*")
    told = {int(bit, 16) for *_, bit in rows if bit}
    assert told == set(bits.values()) - {bits["PARENT"]}
    at = 0
    for place, size, *_ in rows[:-1]:
        assert int(place) == at
        at += int(size)
    assert rows[-1][0] == str(at) and f"A block is {at} bytes and the string" in PAGE


def test_region_flags():
    told = re.search(r"u32 flags: ([^.]*?readable, 8\s+writable)", PAGE)[1]
    told = {name.upper(): int(n) for n, name in re.findall(r"(\d+)\s+(\w+)", told)}
    flags = c_enum(EXT, "opaex_mmio_flags", "OPAEX_MMIO_")
    assert told == {"MAPPED": flags["MAPPED"], "TRAPPED": flags["TRAPPED"],
                    "READABLE": flags["READ"], "WRITABLE": flags["WRITE"]}


def test_limits():
    rows = dict(table("what", "at most"))
    assert rows["header"].startswith(str(macro("wire/limits.h", "WIRE_HEAD_MAX")) + " ")
    assert str(macro("wire/limits.h", "WIRE_FRAME_MAX")) in rows["frame"]
    bulk = next(v for k, v in rows.items() if k.startswith("bytes of one PUSH"))
    assert bulk.startswith(str(macro("wire/limits.h", "WIRE_BULK")))
    assert rows["bytes of one HOLD or DROP"] == str(macro("wire/limits.h", "WIRE_HOLD_MAX"))
    assert rows["bytes in the DATA of one cut, together"] == str(macro("wire/limits.h", "WIRE_CUT_MAX"))
    assert f"to use: {macro('wire/limits.h', 'WIRE_FEATURE_TRACKED')} [tracked buffers]" in PAGE
    assert rows["string"].startswith(str(macro("wire/limits.h", "WIRE_STRING_MAX")))
    assert str(macro("wire/limits.h", "WIRE_REASON_MAX")) in rows["string"]
    assert str(macro("wire/limits.h", "WIRE_CALLS_MAX")) in rows["requests under way"]
    assert f"at least {macro('wire/limits.h', 'WIRE_FRAME_MIN')}" in PAGE
    assert f"{macro('wire/frame.h', 'WIRE_MAGIC'):#x}".lower() in PAGE.lower()
    assert f"this page is {macro('wire/frame.h', 'WIRE_VERSION')} " in PAGE
    assert f"{macro('transport/address.h', 'ADDRESS_PORT')} unless" in PAGE


def test_header():
    """The same places and sizes as in wire/frame.h."""
    header = (SOURCE / "wire/frame.h").read_text(encoding="utf-8")
    there = [(int(at), int(bits) // 8, name)
             for at, bits, name in re.findall(r"^ \*\s+(\d+)\s+u(\d+)\s+(\w+)", header, re.M)]
    rows = [(int(at), int(size), re.match(r"\w+", field)[0])
            for at, size, field, _ in table("at", "size", "field", "meaning")]
    assert rows == there and len(rows) == 8
    flags = {name: int(v, 16) for name, v, _ in table("flag", "value", "meaning")}
    assert flags == {"REPLY": 1, "ONE_WAY": 2, "MORE": 4}
    assert [flags[f] for f in ("REPLY", "ONE_WAY", "MORE")] == [
        1 << int(re.search(rf"WIRE_{f} = 1u << (\d+)", header)[1]) for f in ("REPLY", "ONE_WAY", "MORE")]


@pytest.mark.parametrize("name", [op[1] for op in OPS])
def test_golden_frames(name):
    """A released frame does not change; who made a new message made its frames."""
    assert (SOURCE / f"tests/golden/{name}.bin").read_bytes() == make.golden(name)


def test_golden_failure():
    assert (SOURCE / "tests/golden/failure.bin").read_bytes() == make.failure()
    assert len(list((SOURCE / "tests/golden").glob("*.bin"))) == len(OPS) + 1
