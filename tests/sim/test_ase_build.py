# SPDX-License-Identifier: BSD-3-Clause
"""ase-build: the language of sources.txt, the JSON, what is put right in copies, and each message."""
import json
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from conftest import BUILD, SOURCE, ase_build

sys.path.insert(0, str(SOURCE / "sim/build"))

from ase_build import afu_json, prepass, sources  # noqa: E402
from ase_build.complaint import Complaint  # noqa: E402

HELLO = SOURCE / "samples/afu/hello_afu"


def write(folder, **files):
    for name, text in files.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "sources.txt"


@pytest.fixture
def afu(tmp_path):
    """A copy of hello_afu, to be changed."""
    shutil.copytree(HELLO, tmp_path / "afu")
    return tmp_path / "afu"


def change(path, before, after):
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))


def lint(folder, good=True, **env):
    return ase_build("--lint", "-o", folder / "l", folder / "sources.txt", good=good, env=env).stderr


# ---- sources.txt ----

def test_the_language_of_the_list(tmp_path, monkeypatch):
    monkeypatch.setenv("LIBRARY", str(tmp_path / "lib"))
    path = write(
        tmp_path, sources_dot_txt="# an AFU\n\n top.sv   # the top\nC:${LIBRARY}/lib.txt\nSI:sim.sv\n"
        "SI:more.txt\nQI:par/pins.qsf\nQI:nowhere.txt\ntiming.sdc\n-F rest/list.f\n+incdir+inc+inc2\n"
        "+define+A+B=2\nhead/x.vh\n",
        top_dot_sv="", sim_dot_sv="", lib__lib_dot_txt="lib.sv // of it\n+incdir+.\n", lib__lib_dot_sv="",
        more_dot_txt="m.v\n", m_dot_v="", rest__list_dot_f="r.sv\n../afu.json\n", rest__r_dot_sv="",
        afu_dot_json="{}", inc__a_dot_vh="", inc2__b_dot_vh="", head__x_dot_vh="")
    found = sources.read(path)
    assert found.rtl == [tmp_path / n for n in ("top.sv", "lib/lib.sv", "sim.sv", "m.v", "rest/r.sv")]
    assert found.incdirs == [tmp_path / n for n in ("lib", "inc", "inc2", "head")]
    assert found.defines == ["A", "B=2"]
    assert found.json == tmp_path / "afu.json"


def test_words_of_the_list_are_a_shells(tmp_path, monkeypatch):
    monkeypatch.setenv("BLANK", "with blank")
    path = write(
        tmp_path, sources_dot_txt="a.sv 'b.sv' # two\n\"my c.sv\" \\\n  d.sv \\ # and\n e.sv\n"
        "${BLANK}/f.sv +define+A=\\\"x\\\" -f l.f +incdir+inc\ng.sv \\",
        a_dot_sv="", b_dot_sv="", d_dot_sv="", e_dot_sv="", g_dot_sv="", l_dot_f="h.sv\n", h_dot_sv="",
        inc__a_dot_vh="", **{"my c_dot_sv": "", "with blank__f_dot_sv": ""})
    found = sources.read(path)
    assert found.rtl == [tmp_path / n for n in ("a.sv", "b.sv", "my c.sv", "d.sv", "e.sv", "with blank/f.sv",
                                                "h.sv", "g.sv")]
    assert found.defines == ['A="x"'] and found.incdirs == [tmp_path / "inc"]


@pytest.mark.parametrize("text,message", [
    ("a.sv\nmissing.sv\n", "sources.txt:2: there is no file {}/missing.sv"),
    ("+incdir+none\n", "sources.txt:1: there is no folder {}/none"),
    ("-F none.txt\n", "sources.txt:1: there is no file {}/none.txt"),
    ("\n-F sources.txt\n", "sources.txt:2: {}/sources.txt lists itself"),
    ("a.sv\n${NO_SUCH_VARIABLE}/x.sv\n",
     "sources.txt:2: the variable NO_SUCH_VARIABLE is not in the environment"),
    ("old.vhd\n", "sources.txt:1: old.vhd is VHDL, and Verilator reads"),
    ("-wrong\n", "sources.txt:1: '-wrong' is not understood"),
    ("what.xyz\n", "sources.txt:1: what kind of file is what.xyz?"),
    ("a.sv\na.json\na.json\n",
     "sources.txt:3: {0}/a.json is a second AFU description; {0}/a.json was the first"),
    ("a.sv missing.sv\n", "sources.txt:1: there is no file {}/missing.sv"),
    ("a.sv \\\na.sv\n\nmissing.sv\n", "sources.txt:4: there is no file {}/missing.sv"),
    ("'a.sv\n", "sources.txt:1: a quote is not closed"),
    ("a.sv -f\n", "sources.txt:1: -f is followed by the name of a list"),
    ("-y lib\n", "sources.txt:1: there is no -y: name each file of the library"),
    ("-v lib.v\n", "sources.txt:1: there is no -v: name the file by itself"),
    ("# nothing\n", "it names no .sv or .v file")])
def test_what_is_wrong_in_the_list_is_named_with_its_line(tmp_path, text, message):
    path = write(tmp_path, sources_dot_txt=text, a_dot_sv="", old_dot_vhd="", what_dot_xyz="",
                 a_dot_json="{}")
    with pytest.raises(Complaint) as e:
        sources.read(path)
    assert message.format(tmp_path) in str(e.value)


def test_a_list_that_is_not_there(tmp_path):
    assert "cannot read the list" in ase_build(tmp_path / "none.txt", good=False).stderr


# ---- JSON ----

def test_the_headers_of_the_json():
    found = afu_json.read(HELLO / "hello_afu.json")
    assert (found.name, found.top) == ("hello_afu", "ccip_std_afu")
    who = "850adcc2-6ceb-4b22-9722-d43375b61c66"
    assert found.uuid == uuid.UUID(who)
    assert f"`define AFU_ACCEL_UUID 128'h{who.replace('-', '')}\n" in afu_json.verilog_header(found)
    c = afu_json.c_header(found)
    for line in (f'AFU_ACCEL_UUID "{who.upper()}"', 'AFU_ACCEL_NAME "hello_afu"', "AFU_IMAGE_POWER 0",
                 'AFU_TOP_IFC "ccip_std_afu"'):
        assert f"#define {line}\n" in c


@pytest.mark.parametrize("path,value,message", [
    (["afu-image"], 5, "afu-image is missing or of another type"),
    (["afu-image", "accelerator-clusters"], [], "accelerator-clusters has no entry"),
    (["afu-image", "accelerator-clusters", 0, "name"], "a\"b", "has characters that no name has"),
    (["afu-image", "accelerator-clusters", 0, "accelerator-type-uuid"], "12", "'12' is no UUID")])
def test_what_is_wrong_in_the_json(tmp_path, path, value, message):
    whole = json.loads((HELLO / "hello_afu.json").read_text())
    at = whole
    for key in path[:-1]:
        at = at[key]
    at[path[-1]] = value
    (tmp_path / "a.json").write_text(json.dumps(whole))
    with pytest.raises(Complaint) as e:
        afu_json.read(tmp_path / "a.json")
    assert message in str(e.value) and "a.json" in str(e.value)


def test_json_that_is_none(tmp_path):
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(Complaint, match="a.json"):
        afu_json.read(tmp_path / "a.json")


def test_an_interface_that_cannot_be_simulated(afu):
    change(afu / "hello_afu.json", '"ccip_std_afu"', '"ofs_plat_afu"')
    assert "an AFU of the class ofs_plat_afu cannot be simulated; of ccip_std_afu" in lint(afu, good=False)


@pytest.mark.parametrize("afu,wrong,right,modules", [
    ("hello_afu", "pcie-ss", "ccip", ("port_afu_instances", "ccip_std_afu")),
    ("hello_afu/pcie-ss", "ccip", "pcie-ss", ("ccip_std_afu", "port_afu_instances"))])
def test_the_module_says_which_interface_it_is(tmp_path, afu, wrong, right, modules):
    path = SOURCE / "samples/afu" / afu / "sources.txt"
    said = ase_build("--lint", "--top", wrong, "-o", tmp_path / "l", path, good=False).stderr
    assert said == (f"ase-build: the AFU has no module {modules[0]}, as --top {wrong} or its JSON wants; it "
                    f"has {modules[1]}: --top {right} is for that\n")


def test_the_interface_of_an_afu_without_json(tmp_path):
    path = write(tmp_path, sources_dot_txt="a.sv\n", a_dot_sv="// module ccip_std_afu\nmodule "
                 "port_afu_instances (input logic no_such_port);\nendmodule\n")
    said = ase_build("--lint", "-o", tmp_path / "l", path, good=False).stderr
    assert "ase_pcie_ss_shell" in said


def test_the_header_of_a_json_that_is_not_there(afu):
    path = afu / "sources.txt"
    path.write_text(path.read_text().replace("hello_afu.json", ""))
    said = lint(afu, good=False)
    assert said == (f"ase-build: {afu}/hello_afu.sv:4: afu_json_info.vh is made of the AFU's .json, and the "
                    "list names none\n")


def test_a_folder_with_a_blank(afu, tmp_path):
    """Of the sources it may be, but not where make works."""
    blank = tmp_path / "with blank"
    shutil.copytree(afu, blank)
    assert lint(blank) == ""
    said = ase_build("-o", blank / "sim", afu / "sources.txt", good=False).stderr
    assert said == (f"ase-build: '{blank}/sim.build' has a blank in its name, which make cannot work with: "
                    "choose another folder by -o\n")


# ---- what is put right ----

@pytest.mark.parametrize("before,after", [
    ("x = 'h123456789;", "x = 33'h123456789;"),
    ("x = 'hFFFF_FFFF;", "x = 'hFFFF_FFFF;"),
    ("x = 'h0000000012345678;", "x = 'h0000000012345678;"),
    ("x = 64'h123456789a;", "x = 64'h123456789a;"),
    ("x = 64 'h123456789a;", "x = 64 'h123456789a;"),
    ("x = `W'h123456789a;", "x = `W'h123456789a;"),
    ("x = 'sh123456789;", "x = 34'sh123456789;"),
    ("x = 'd5000000000;", "x = 33'd5000000000;"),
    ("x = 5000000000;", "x = 34'sd5000000000;"),
    ("x = 48'd5000000000;", "x = 48'd5000000000;"),
    ("x = 'b" + "1" * 40 + ";", "x = 40'b" + "1" * 40 + ";"),
    ("x = 1e10; y = 1.5; z = 10000000000.0;", "x = 1e10; y = 1.5; z = 10000000000.0;"),
    ("// 'h123456789\n/* 'h123456789 */", "// 'h123456789\n/* 'h123456789 */"),
    (r'$display("a\m\n \"\\ \x41 'r"'h123456789"'");', r'$display("am\n \"\\ \x41 'r"'h123456789"'");'),
    (r'"\\m"', r'"\\m"')])
def test_what_older_verilators_refuse(before, after):
    assert prepass.fix(before) == after
    assert prepass.fix(after) == after


def test_copies_keep_names_and_lines(afu):
    """A literal too wide for an older Verilator, in a file and in one it includes; a warning after it."""
    change(afu / "hello_afu.sv", "logic [63:0] scratch;",
           "`include \"wide.vh\"\nlogic [63:0] scratch;\nlogic [63:0] wide = 'h123456789ab;\n"
           "logic [3:0] narrow;\nassign narrow = scratch[7:0];")
    (afu / "wide.vh").write_text("logic [63:0] wider = 'hfedcba987654;\n")
    line = (afu / "hello_afu.sv").read_text().splitlines().index("assign narrow = scratch[7:0];") + 1
    said = lint(afu)
    assert f"{afu}/hello_afu.sv:{line}: warning: " in said
    assert "[WIDTH" in said
    assert "l.build/fixed" not in said
    assert "'hfedcba987654" in (afu / "wide.vh").read_text(), "the AFU's own files are left as they are"
    shadow = afu / "l.build/fixed"
    assert [p.name for p in shadow.glob("*")] and list(shadow.glob("include*/wide.vh"))
    change(afu / "wide.vh", "'hfedcba987654", "64'h1")  # and what needs no copy any more has none
    lint(afu)
    assert not list(shadow.glob("include*/wide.vh"))


@pytest.mark.parametrize("clock,told", [("uClk_usr", True), ("pClk", False), ("default", False)])
def test_the_clock_of_ccip(afu, clock, told):
    path, = afu.glob("*.json")
    ports = f'"module-ports": [{{"class": "cci-p", "params": {{"clock": "{clock}"}}}}]'
    change(path, '"class": "ccip_std_afu"', f'"class": "ccip_std_afu", {ports}')
    assert (f"CCI-P with the clock {clock}: here it has pClk" in lint(afu)) == told


# ---- messages ----

@pytest.mark.parametrize("before,after,message", [
    ("logic [63:0] scratch;", "logic [63:0] scratch;\nfoo bar (.x(pClk));",
     "hello_afu.sv:26: no file of the list has the module foo"),
    ('`include "afu_json_info.vh"', '`include "afu_json_info.vh"\n`include "none.vh"',
     "hello_afu.sv:5: there is no file none.vh to include; does the list lack a +incdir+?"),
    ("module ccip_std_afu", "module my_afu", "the AFU has no module ccip_std_afu"),
    ("logic [63:0] scratch;", "logic [63:0] scratch\n;;; endfunction", "hello_afu.sv:26: syntax error"),
    ("logic [63:0] scratch;", "logic [63:0] scratch;\nassert property (@(posedge pClk) s_eventually pClk);",
     "this cannot be simulated by Verilator")])
def test_errors_of_the_design(afu, before, after, message):
    change(afu / "hello_afu.sv", before, after)
    said = lint(afu, good=False)
    assert message in said
    assert "%Error" not in said


def test_warnings_are_shown_and_not_fatal(afu):
    change(afu / "hello_afu.sv", "logic [63:0] scratch;",
           "logic [63:0] scratch;\nlogic [3:0] n;\nassign n = scratch;")
    assert f"{afu}/hello_afu.sv:27: warning: " in lint(afu)


def test_our_own_samples_have_none(tmp_path):
    for name in "hello_afu", "copy", "stream", "local_mem":
        path = SOURCE / "samples/afu" / name / "sources.txt"
        assert ase_build("--lint", "-o", tmp_path / "l", path).stderr == ""


@pytest.mark.parametrize("memory", [
    "scfifo #(.lpm_width(8)) f (.clock(pClk), .data(8'h0), .wrreq(1'b0), .rdreq(1'b0), .q(q));",
    "altsyncram #(.width_a(8), .widthad_a(4), .operation_mode(\"ROM\")) f (.clock0(pClk), .q_a(q));"])
def test_an_afu_with_a_vendors_memory(afu, memory):
    change(afu / "hello_afu.sv", "logic [63:0] scratch;",
           f"logic [63:0] scratch;\nlogic [7:0] q;\n{memory}")
    assert lint(afu) == ""


def test_an_afu_that_waits_for_times(afu):
    change(afu / "hello_afu.sv", "logic [63:0] scratch;",
           "logic [63:0] scratch;\ninitial forever @(posedge pClk);")
    assert lint(afu) == ""


@pytest.mark.parametrize("verilator,message", [
    (None, "verilator is not installed"), ("echo Verilator 4.038 2020-07-11", "5.006 or newer is needed")])
def test_a_verilator_that_does_not_do(afu, tmp_path, verilator, message):
    places = tmp_path / "bin"
    places.mkdir()
    for name in "python3", "make", "env", "sh":
        (places / name).symlink_to(f"/usr/bin/{name}")
    if verilator:
        (places / "verilator").write_text(f"#!/bin/sh\n{verilator}\n")
        (places / "verilator").chmod(0o755)
    assert message in lint(afu, good=False, PATH=str(places))


def test_use_that_is_wrong():
    for arguments in [], ["--new", "a", "sources.txt"], ["--top", "none", "sources.txt"]:
        done = subprocess.run([BUILD / "sim/ase-build", *arguments], stderr=subprocess.PIPE, text=True,
                              check=False)
        assert done.returncode == 2 and "usage: ase-build" in done.stderr


def test_every_ase_build_of_the_build_tree_runs():
    found = list((BUILD / "sim").rglob("ase-build"))
    assert found
    for path in found:
        assert subprocess.run([path, "--help"], stdout=subprocess.PIPE, text=True,
                              check=True).stdout.startswith("usage: ase-build")


# ---- whole builds ----

def test_a_new_afu_builds_and_its_program_compiles(tmp_path):
    ase_build("--new", "adder", cwd=tmp_path)
    folder = tmp_path / "adder"
    assert sorted(p.name for p in folder.iterdir()) == ["Makefile", "adder.c", "adder.json", "adder.sv",
                                                        "sources.txt"]
    ase_build("-o", "sim", "sources.txt", cwd=folder)
    assert subprocess.run([folder / "sim", "--help"], stdout=subprocess.PIPE, text=True,
                          check=True).stdout.startswith("usage: adder ")
    subprocess.run(["gcc", "-fsyntax-only", "-Werror", "-Isim.build", f"-I{SOURCE}/include", "adder.c"],
                   cwd=folder, check=True)
    again = ase_build("--new", "adder", cwd=tmp_path, good=False).stderr
    assert "cannot make the folder adder: File exists" in again
    assert "'1x' is no name" in ase_build("--new", "1x", cwd=tmp_path, good=False).stderr


def test_a_second_build_makes_nothing_anew(afu):
    ase_build("-o", afu / "sim", afu / "sources.txt")
    before = (afu / "sim").stat().st_mtime_ns
    ase_build("-o", afu / "sim", afu / "sources.txt")
    assert (afu / "sim").stat().st_mtime_ns == before
    change(afu / "hello_afu.sv", "SCRATCH = 16'h20", "SCRATCH = 16'h30")
    ase_build("-o", afu / "sim", afu / "sources.txt")
    assert (afu / "sim").stat().st_mtime_ns != before


def test_two_builds_at_a_time_share_a_new_cache(afu, tmp_path):
    env = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    both = [subprocess.Popen([BUILD / "sim/ase-build", "-o", afu / f"sim{n}", afu / "sources.txt"], env=env)
            for n in range(2)]
    assert [p.wait(timeout=600) for p in both] == [0, 0]
    kept = {p.name for p in Path(tmp_path / "cache/opae-ase").glob("*/*")}
    assert "verilated.o" in kept and not [n for n in kept if ".o." in n]
