# SPDX-License-Identifier: BSD-3-Clause
"""Rules about the sources that a machine can prove: headers alone, layers, style."""
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SOURCE

pytestmark = pytest.mark.once
HEADERS = sorted(p.name for p in (SOURCE / "include/opae").glob("*.h"))
CXX_HEADERS = sorted(str(p.relative_to(SOURCE / "include"))
                     for p in (SOURCE / "include/opae/cxx").rglob("*.h"))
CXX_WARNINGS = "-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Werror".split()


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("compiler,language", [
    ("gcc", "-std=gnu99"), ("gcc", "-std=gnu11"), ("g++", "-std=c++11"), ("g++", "-std=c++20")])
def test_header_compiles_alone(header, compiler, language):
    kind = "c" if compiler == "gcc" else "c++"
    done = subprocess.run(
        [compiler, language, "-x", kind, "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
         "-pedantic", "-I", SOURCE / "include", "-"], input=f"#include <opae/{header}>\n"
        f"#include <opae/{header}>\n", text=True, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("header", CXX_HEADERS)
@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
def test_cxx_header_compiles_alone(header, standard):
    done = subprocess.run(
        ["g++", f"-std={standard}", "-x", "c++", "-fsyntax-only", *CXX_WARNINGS, "-I",
         SOURCE / "include", "-"], input=f"#include <{header}>\n#include <{header}>\n", text=True,
        stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("standard", ["c++11", "c++14", "c++17", "c++20"])
def test_cxx_programs_compile_in_every_standard(standard):
    """Comparisons above all, of which C++20 has ideas of its own."""
    for source in sorted((SOURCE / "tests/cxx").glob("*.cpp")):
        done = subprocess.run(
            ["g++", f"-std={standard}", "-fsyntax-only", *CXX_WARNINGS, "-D_GNU_SOURCE", "-I",
             SOURCE / "include", "-I", SOURCE, source], text=True, stderr=subprocess.PIPE)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", ["check-layers.py", "check-style.py"])
def test_rules(script):
    done = subprocess.run([sys.executable, SOURCE / "scripts" / script, SOURCE], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("line,script", [
    ('#include "plugins/vfio/vfio.h"', "check-layers.py"),
    ('#include <opae/plugin.h>', "check-layers.py"),
    ("void f(char *p) { strcpy(p, p); }", "check-style.py"),
    ("void f(void) {\n" + "\t;\n" * 80 + "}", "check-style.py")])
@pytest.mark.parametrize("name", ["bad.c", "bad.cpp"])
def test_the_rules_bite(tmp_path, line, script, name):
    """A breach is found: the scripts are no checks that cannot fail."""
    bad = tmp_path / "tools" / name
    bad.parent.mkdir()
    bad.write_text(f"/* SPDX-License-Identifier: BSD-3-Clause */\n{line}\n")
    subprocess.run("git init -q && git add .", shell=True, check=True, cwd=tmp_path)
    done = subprocess.run([sys.executable, SOURCE / "scripts" / script, tmp_path],
                          stdout=subprocess.DEVNULL)
    assert done.returncode == 1


def test_samples_know_nothing_of_the_emulation():
    for sample in Path(SOURCE / "samples").glob("*.c"):
        text = sample.read_text().lower()
        assert not any(word in text for word in ("emu", "vfio", "socket path", "plugin"))
