# SPDX-License-Identifier: BSD-3-Clause
"""The installed tree, as a packager and as another project's build see it."""
import os
import re
import subprocess

import pytest
from conftest import SOURCE

pytestmark = pytest.mark.once

CONSUMER = """
#include <opae/fpga.h>
#include <stdio.h>
int main(void)
{
	fpga_properties filter = NULL;
	uint32_t n = 0;
	if (fpgaGetProperties(NULL, &filter) != FPGA_OK) return 1;
	if (fpgaEnumerate(&filter, 1, NULL, 0, &n) != FPGA_OK) return 2;
	printf("%u accelerators: %s\\n", n, fpgaErrStr(FPGA_OK));
	return fpgaDestroyProperties(&filter) != FPGA_OK;
}
"""


def output(*args, **kw):
    return subprocess.run(args, check=True, text=True, stdout=subprocess.PIPE, **kw).stdout


def library(prefix, name="libopae-c.so.2"):
    return next(prefix.glob(f"lib*/**/{name}"))


def exported(path):
    lines = output("nm", "-D", "--defined-only", path).splitlines()
    return {line.split()[2].split("@")[0] for line in lines if line.split()[1] != "A"}


def declared():
    names = set()
    for header in (SOURCE / "include/opae").glob("*.h"):
        if header.name == "plugin.h":
            continue
        text = re.sub(r"/\*.*?\*/", "", header.read_text(), flags=re.S)
        text = re.sub(r"^\s*#(?:.*\\\n)*.*$", "", text, flags=re.M)
        names |= set(re.findall(r"\b(fpga[A-Z]\w*|opaex_\w+|opae_print)\s*\(", text))
    return names


def test_exports_are_the_map_are_the_headers(installed):
    text = re.sub(r"/\*.*?\*/", "", (SOURCE / "lib/libopae-c.map").read_text(), flags=re.S)
    in_map = set(re.findall(r"^\t(\w+);", text, re.M))
    assert exported(library(installed)) == in_map == declared()


# The public functions of OPAE 2.14, so that one forgotten in header and map alike is noticed.
API_2_14 = """
AssignPortToInterface AssignToInterface BindSVA ClearAllErrors ClearError ClearProperties
CloneProperties CloneToken Close CreateEventHandle DestroyEventHandle DestroyObject
DestroyProperties DestroyToken Enumerate ErrStr Finalize GetChildren GetErrorInfo GetIOAddress
GetMetricsByIndex GetMetricsByName GetMetricsInfo GetMetricsThresholdInfo GetNumMetrics GetNumUmsg
GetOPAECBuildString GetOPAECVersion GetOPAECVersionString GetOSObjectFromEventHandle GetProperties
GetPropertiesFromHandle GetUmsgPtr GetUserClock HandleGetObject Initialize MapMMIO ObjectGetObject
ObjectGetObjectAt ObjectGetSize ObjectGetType ObjectRead ObjectRead64 ObjectWrite64 Open
PrepareBuffer ReadError ReadMMIO32 ReadMMIO64 ReconfigureSlot RegisterEvent ReleaseBuffer
ReleaseFromInterface Reset SetUmsgAttributes SetUserClock TokenGetObject TriggerUmsg UnmapMMIO
UnregisterEvent UpdateProperties WriteMMIO32 WriteMMIO512 WriteMMIO64
""".split()
PROPERTIES_2_14 = """
Parent ObjectType Segment Bus Device Function SocketID VendorID DeviceID GUID ObjectID NumErrors
Interface SubsystemVendorID SubsystemDeviceID NumSlots BBSID BBSVersion AcceleratorState NumMMIO
NumInterrupts Model LocalMemorySize Capabilities
""".split()


def test_every_function_of_the_api_is_there(installed):
    want = {f"fpga{n}" for n in API_2_14} | {"opae_print"}
    want |= {f"fpgaProperties{v}{n}" for n in PROPERTIES_2_14 for v in ("Get", "Set")}
    assert want <= exported(library(installed))


def test_plugins_export_two_symbols_and_do_not_link_the_library(installed):
    plugin = library(installed, "libv-opae.so")
    assert exported(plugin) == {"opae_plugin_info", "opae_plugin_configure"}
    needed = output("readelf", "-d", plugin)
    assert "libopae-c" not in needed
    assert os.path.realpath(library(installed, "libopae-v.so")) == str(plugin)


@pytest.mark.parametrize("name", ["libopae-c.so.2", "libv-opae.so"])
def test_hardened(installed, name):
    dynamic = output("readelf", "-dlW", library(installed, name))
    assert "GNU_RELRO" in dynamic and "NOW" in dynamic
    if name == "libopae-c.so.2":
        assert re.search(r"SONAME.*\[libopae-c\.so\.2\]", dynamic)
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
        assert needed <= {"libjson-c.so.5", "libc.so.6", "libuuid.so.1", "ld-linux-x86-64.so.2"}


def test_headers_are_installed(installed):
    ours = {p.name for p in (SOURCE / "include/opae").glob("*.h")}
    assert {p.name for p in (installed / "include/opae").glob("*.h")} == ours


def run_consumer(program, installed):
    env = {**os.environ, "LD_LIBRARY_PATH": str(library(installed).parent),
           "OPAEX_EMU_DIR": "/nonexistent"}
    assert output(program, env=env) == "0 accelerators: success\n"


def test_pkg_config_consumer(installed, tmp_path):
    (tmp_path / "c.c").write_text(CONSUMER)
    env = {**os.environ, "PKG_CONFIG_PATH": str(next(installed.glob("lib*/**/pkgconfig"))),
           "PKG_CONFIG_SYSROOT_DIR": str(installed.parents[1])}
    flags = output("pkg-config", "--cflags", "--libs", "libopae-c", env=env).split()
    assert output("pkg-config", "--modversion", "libopae-c", env=env).strip() == "2.14.0"
    subprocess.run(["gcc", "-Wall", "-Werror", "-o", tmp_path / "c", tmp_path / "c.c", *flags],
                   check=True)
    run_consumer(tmp_path / "c", installed)


def test_cmake_consumer(installed, tmp_path):
    (tmp_path / "c.c").write_text(CONSUMER)
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.14)\nproject(consumer C)\n"
        "find_package(opae 2 REQUIRED)\nadd_executable(c c.c)\n"
        "target_link_libraries(c opae::opae-c)\n")
    for args in (["-G", "Ninja", "-S", tmp_path, "-B", tmp_path / "b",
                  f"-DCMAKE_PREFIX_PATH={installed}"],
                 ["--build", tmp_path / "b"]):
        subprocess.run(["cmake", *args], check=True, stdout=subprocess.DEVNULL)
    run_consumer(tmp_path / "b/c", installed)


def test_program_without_symbol_versions(installed, tmp_path):
    """As one that was linked with OPAE's own library, which has none."""
    (tmp_path / "c.c").write_text(CONSUMER)
    (tmp_path / "stub.c").write_text("".join(
        f"int {n}(void) {{ return 0; }}\n" for n in
        ("fpgaGetProperties", "fpgaEnumerate", "fpgaErrStr", "fpgaDestroyProperties")))
    subprocess.run(["gcc", "-shared", "-fPIC", "-Wl,-soname,libopae-c.so.2", "-o",
                    tmp_path / "libopae-c.so", tmp_path / "stub.c"], check=True)
    subprocess.run(["gcc", "-I", SOURCE / "include", "-o", tmp_path / "c", tmp_path / "c.c", "-L",
                    tmp_path, "-lopae-c"], check=True)
    run_consumer(tmp_path / "c", installed)
