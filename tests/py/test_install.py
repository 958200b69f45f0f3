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

CXX_CONSUMER = """
#include <opae/cxx/core.h>
#include <iostream>
using namespace opae::fpga::types;
int main()
{
	properties::ptr_t filter = properties::get(FPGA_ACCELERATOR);
	filter->bus = 3;
	try {
		filter->guid.parse("no guid");
		return 1;
	} catch (const invalid_param &e) {
		if (static_cast<fpga_result>(e) != FPGA_INVALID_PARAM) return 2;
	}
	try {
		handle::open(fpga_token(nullptr), 0);
		return 3;
	} catch (const except &e) {
		if (typeid(e) != typeid(invalid_param)) return 4;
	}
	std::cout << token::enumerate({filter}).size() << " accelerators: success" << std::endl;
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


def in_map(path):
    text = re.sub(r"/\*.*?\*/", "", (SOURCE / path).read_text(), flags=re.S)
    return set(re.findall(r"^\t(\w+);", text, re.M))


def test_exports_are_the_map_are_the_headers(installed):
    assert exported(library(installed)) == in_map("lib/libopae-c.map") == declared()


# The low-level libraries: their headers, and what OPAE 2.14 has in them.
LOW_LEVEL = {"opaemem": (["mem_alloc.h", "hash_map.h"], """
    mem_alloc_init mem_alloc_destroy mem_alloc_add_free mem_alloc_get mem_alloc_put
    mem_alloc_apply_constraint opae_hash_map_init opae_hash_map_add opae_hash_map_find
    opae_hash_map_remove opae_hash_map_destroy opae_hash_map_is_empty opae_u64_key_hash
    opae_u64_key_compare"""),
    "opaevfio": (["vfio.h"], """
    opae_vfio_dev_busy opae_vfio_open opae_vfio_secure_open opae_vfio_apply_group_constraint
    opae_vfio_region_get opae_vfio_buffer_allocate opae_vfio_buffer_allocate_ex
    opae_vfio_buffer_info opae_vfio_buffer_free opae_vfio_buffer_map opae_vfio_buffer_unmap
    opae_vfio_irq_enable opae_vfio_irq_disable opae_vfio_irq_mask opae_vfio_irq_unmask
    opae_vfio_close""")}


@pytest.mark.parametrize("name", LOW_LEVEL)
def test_low_level_libraries_export_what_opae_has(installed, name):
    headers, want = LOW_LEVEL[name]
    text = "".join((SOURCE / "include/opae" / h).read_text() for h in headers)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    prototypes = set(re.findall(r"^\w[\w ]*?[ *](\w+)\(", text, re.M))
    symbols = exported(library(installed, f"lib{name}.so.2"))
    assert symbols == in_map(f"{name}/lib{name}.map") == prototypes == set(want.split())


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


def test_the_cxx_layer_exports_its_classes_alone(installed):
    """Nothing of the standard library's; typeinfo of what is thrown is there to be caught by."""
    lines = output("nm", "-DC", "--defined-only", library(installed, "libopae-cxx-core.so.2"))
    names = {line.split(None, 2)[2].split("@")[0] for line in lines.splitlines()
             if line.split()[1] != "A"}
    ours = re.compile(r"^((typeinfo|typeinfo name|vtable) for )?opae::fpga::types::")
    assert [n for n in names if not ours.match(n)] == []
    for result in ("invalid_param", "busy", "exception", "not_found", "no_memory", "not_supported",
                   "no_driver", "no_daemon", "no_access", "reconf_error", "except"):
        assert f"typeinfo for opae::fpga::types::{result}" in names


# As they are linked by programs that were compiled against OPAE's own headers.
CXX_SYMBOLS_2_14 = """
_ZN4opae4fpga5types10properties3getEPh _ZN4opae4fpga5types10properties3getEv
_ZN4opae4fpga5types10properties3getE12fpga_objtype _ZN4opae4fpga5types10properties4noneE
_ZN4opae4fpga5types10properties3getEPv _ZN4opae4fpga5types10properties3getESt10shared_ptrINS1_5tokenEE
_ZN4opae4fpga5types10properties3getESt10shared_ptrINS1_6handleEE
_ZN4opae4fpga5types5token9enumerateERKSt6vectorISt10shared_ptrINS1_10propertiesEESaIS6_EE
_ZNK4opae4fpga5types5token10get_parentEv _ZN4opae4fpga5types6handle4openEPvi
_ZN4opae4fpga5types6handle4openESt10shared_ptrINS1_5tokenEEi _ZN4opae4fpga5types6handle5closeEv
_ZN4opae4fpga5types6handle5resetEv _ZNK4opae4fpga5types6handle10read_csr64Emj
_ZNK4opae4fpga5types6handle10read_csr32Emj _ZN4opae4fpga5types6handle11write_csr32Emjj
_ZN4opae4fpga5types6handle11write_csr64Emmj _ZN4opae4fpga5types6handle12write_csr512EmPKvj
_ZNK4opae4fpga5types6handle8mmio_ptrEmj _ZN4opae4fpga5types6handle11reconfigureEjPKhmi
_ZNK4opae4fpga5types6handle9get_tokenEv _ZN4opae4fpga5types6handle8bind_svaEv
_ZN4opae4fpga5types13shared_buffer8allocateESt10shared_ptrINS1_6handleEEmb
_ZN4opae4fpga5types13shared_buffer6attachESt10shared_ptrINS1_6handleEEPhmb
_ZN4opae4fpga5types13shared_buffer7releaseEv _ZN4opae4fpga5types13shared_buffer4fillEi
_ZNK4opae4fpga5types13shared_buffer7compareESt10shared_ptrIS2_Em
_ZN4opae4fpga5types5event14register_eventESt10shared_ptrINS1_6handleEENS2_6type_tEi
_ZNK4opae4fpga5types5event9os_objectEv _ZN4opae4fpga5types5error3getESt10shared_ptrINS1_5tokenEEj
_ZN4opae4fpga5types5error10read_valueEv _ZN4opae4fpga5types7version9as_structEv
_ZN4opae4fpga5types7version9as_stringB5cxx11Ev _ZN4opae4fpga5types7version5buildB5cxx11Ev
_ZN4opae4fpga5types12src_locationC1EPKcS4_i _ZN4opae4fpga5types12src_locationC1ERKS2_
_ZNK4opae4fpga5types12src_location4fileEv _ZNK4opae4fpga5types6except4whatEv
_ZN4opae4fpga5types6exceptC2E11fpga_resultPKcNS1_12src_locationE
_ZN4opae4fpga5types6exceptC1ENS1_12src_locationE _ZN4opae4fpga5types9sysobject3getEi
_ZNK4opae4fpga5types9sysobject6read64Ei _ZNK4opae4fpga5types9sysobject7write64Emi
_ZNK4opae4fpga5types9sysobject5bytesEi _ZNK4opae4fpga5types9sysobject5bytesEjji
_ZNK4opae4fpga5types9sysobject4sizeEv _ZNK4opae4fpga5types9sysobject4typeEv
_ZTIN4opae4fpga5types6exceptE _ZTVN4opae4fpga5types6exceptE
""".split()


def test_programs_in_cxx_find_what_they_were_linked_with(installed):
    assert set(CXX_SYMBOLS_2_14) <= exported(library(installed, "libopae-cxx-core.so.2"))


@pytest.mark.parametrize("name", ["libopae-c.so.2", "libv-opae.so", "libopae-cxx-core.so.2",
                                  "libopaemem.so.2", "libopaevfio.so.2"])
def test_hardened(installed, name):
    dynamic = output("readelf", "-dlW", library(installed, name))
    assert "GNU_RELRO" in dynamic and "NOW" in dynamic
    if name.endswith(".so.2"):
        assert f"[{name}]" in re.search(r"SONAME.*", dynamic).group()
    if name == "libopae-c.so.2":
        needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
        assert needed <= {"libjson-c.so.5", "libc.so.6", "libuuid.so.1", "ld-linux-x86-64.so.2"}


def test_headers_are_installed(installed):
    ours = {p.name for p in (SOURCE / "include/opae").glob("*.h")}
    assert {p.name for p in (installed / "include/opae").glob("*.h")} == ours
    core = {p.name for p in (SOURCE / "include/opae/cxx/core").glob("*.h")}
    assert {p.name for p in (installed / "include/opae/cxx/core").glob("*.h")} == core
    assert (installed / "include/opae/cxx/core.h").exists()


def test_libopaevfio_finds_libopaemem_beside_it(installed):
    dynamic = output("readelf", "-d", library(installed, "libopaevfio.so.2"))
    assert "[libopaemem.so.2]" in dynamic and "libopae-c" not in dynamic
    assert re.search(r"RUNPATH.*\[\$ORIGIN\]", dynamic)


def run_consumer(program, installed):
    env = {**os.environ, "LD_LIBRARY_PATH": str(library(installed).parent),
           "OPAEX_EMU_DIR": "/nonexistent"}
    assert output(program, env=env) == "0 accelerators: success\n"


PROGRAMS = ["ase-build", "fpgaconf", "fpgainfo", "hello_afu", "hello_events", "hello_fpga", "host_exerciser",
            "opae", "opae-emu", "opaed", "userclk"]
# Those that bear the name of a program of OPAE's end with its code after --help.
HELP_ENDS_WITH = {"fpgaconf": 1, "userclk": 3}


def test_programs_find_the_library_by_themselves(installed):
    """No LD_LIBRARY_PATH, no ldconfig: the prefix may be anywhere."""
    assert sorted(p.name for p in (installed / "bin").iterdir()) == PROGRAMS
    for program in PROGRAMS:
        done = subprocess.run([installed / "bin" / program, "--help"], text=True, stdout=subprocess.PIPE,
                              env={})
        assert "usage" in done.stdout.lower() and done.returncode == HELP_ENDS_WITH.get(program, 0), program


@pytest.mark.parametrize("name,rules", [("70-opae-dfl", 4), ("70-opae-userfaultfd", 1), ("70-opae-vfio", 5)])
def test_the_udev_rules_are_there_to_be_copied(installed, name, rules):
    text = (installed / f"share/opae/{name}.rules").read_text()
    lines = [line for line in text.replace("\\\n", "").splitlines() if line and line[0] != "#"]
    key = r"[A-Z]+(\{\w+\})?(==|=|\+=)\"[^\"]*\""
    assert len(lines) == rules and all(re.fullmatch(rf"{key}(,\s*{key})*", line) for line in lines)


def test_the_cxx_layer_finds_the_library_beside_it(installed, tmp_path):
    """A program's own path says where the layer is, and nothing of what the layer needs."""
    (tmp_path / "c.cpp").write_text(CXX_CONSUMER)
    libs = library(installed).parent
    subprocess.run(["g++", "-I", installed / "include", "-o", tmp_path / "c", tmp_path / "c.cpp",
                    "-L", libs, "-lopae-cxx-core", "-lopae-c", "-Wl,--enable-new-dtags",
                    f"-Wl,-rpath,{libs}"], check=True)
    elf = output("readelf", "-d", library(installed, "libopae-cxx-core.so.2"))
    assert re.search(r"RUNPATH.*\[\$ORIGIN\]", elf)
    assert output(tmp_path / "c", env={"OPAEX_EMU_DIR": "/nonexistent"}).endswith("success\n")


LANGUAGES = [("c", "gcc", "libopae-c", "opae::opae-c", CONSUMER),
             ("cpp", "g++", "libopae-cxx-core", "opae::opae-cxx-core", CXX_CONSUMER)]


MEM_CONSUMER = """
#include <opae/mem_alloc.h>
#include <stdio.h>
int main(void)
{
	struct mem_alloc m;
	uint64_t at = 0;
	mem_alloc_init(&m);
	if (mem_alloc_add_free(&m, 0x1000, 0x1000) || mem_alloc_get(&m, &at, 0x1000)) return 1;
	mem_alloc_destroy(&m);
	return puts("0 accelerators: success") < 0 || at != 0x1000;
}
"""
LANGUAGES.append(("c", "gcc", "libopaemem", "opae::opaemem", MEM_CONSUMER))
VFIO_CONSUMER = """
#include <opae/vfio.h>
#include <iostream>
int main()
{
	struct opae_vfio v;
	if (opae_vfio_open(&v, "ffff:ff:1f.7") != 1) return 1;
	opae_vfio_close(&v);
	std::cout << "0 accelerators: success" << std::endl;
}
"""
LANGUAGES.append(("cpp", "g++", "libopaevfio", "opae::opaevfio", VFIO_CONSUMER))


@pytest.mark.parametrize("suffix,compiler,package,target,text", LANGUAGES)
def test_pkg_config_consumer(installed, tmp_path, suffix, compiler, package, target, text):
    source = tmp_path / f"c.{suffix}"
    source.write_text(text)
    env = {**os.environ, "PKG_CONFIG_PATH": str(next(installed.glob("lib*/**/pkgconfig"))),
           "PKG_CONFIG_SYSROOT_DIR": str(installed.parents[1])}
    flags = output("pkg-config", "--cflags", "--libs", package, env=env).split()
    assert output("pkg-config", "--modversion", package, env=env).strip() == "2.14.0"
    subprocess.run([compiler, "-Wall", "-Werror", "-fvisibility=hidden", "-o", tmp_path / "c",
                    source, *flags], check=True)
    run_consumer(tmp_path / "c", installed)


@pytest.mark.parametrize("suffix,compiler,package,target,text", LANGUAGES)
def test_cmake_consumer(installed, tmp_path, suffix, compiler, package, target, text):
    (tmp_path / f"c.{suffix}").write_text(text)
    language = "C" if suffix == "c" else "CXX"
    (tmp_path / "CMakeLists.txt").write_text(
        f"cmake_minimum_required(VERSION 3.14)\nproject(consumer {language})\n"
        f"find_package(opae 2 REQUIRED)\nadd_executable(c c.{suffix})\n"
        f"target_link_libraries(c {target})\n")
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
