# SPDX-License-Identifier: BSD-3-Clause
"""From a list of sources to a program: the steps, and the folder that they work in."""
import hashlib
import os
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from . import afu_json, init_files, local_memory, prepass, sources
from .complaint import Complaint
from .verilator import Verilator, verilate


@dataclass
class Interface:
    """How an AFU is connected: the module that it has, ours around it, and the program for that."""
    module: str
    afu_class: str  # in its JSON
    folder: str     # of ours in sim/rtl
    prelude: list   # compiled first
    shell: str
    main: str
    defines: list = field(default_factory=list)
    bare: str = ""  # the program that clocks the design with no host
    memory: bool = False  # the AFU has ports of local memory
    banks: int = 0        # it has so many, always


PCIE_SS = ["ofs_pcie_ss_plat_cfg_pkg.sv", "ofs_pcie_ss_cfg_pkg.sv", "ofs_fim_cfg_pkg.sv",
           "ofs_fim_eth_plat_if_pkg.sv", "pcie_ss_hdr_pkg.sv", "pcie_ss_pkg.sv", "pcie_ss_axis_pkg.sv",
           "pcie_ss_axis_if.sv"]
INTERFACES = {
    "ccip": Interface("ccip_std_afu", "ccip_std_afu", ".", ["platform_if.vh"], "ase_ccip_shell",
                      "ccip-main", bare="ccip-bare"),
    "ccip-local-mem": Interface("ccip_std_afu", "ccip_std_afu_avalon_mm", ".",
                                ["platform_if.vh", "ase_local_mem_bank.sv"], "ase_ccip_shell", "ccip-main",
                                ["AFU_TOP_REQUIRES_LOCAL_MEMORY_AVALON_MM"], memory=True),
    "ccip-local-wires": Interface("ccip_std_afu", "ccip_std_afu_avalon_mm_legacy_wires", ".",
                                  ["platform_if.vh", "ase_local_mem_bank.sv"], "ase_ccip_shell", "ccip-main",
                                  ["AFU_TOP_REQUIRES_LOCAL_MEMORY_AVALON_MM_LEGACY_WIRES_2BANK",
                                   "INCLUDE_DDR4"], memory=True, banks=2),
    # The macro leaves out the afu_main of an AFU that brings one: the shell is in its place.
    "pcie-ss": Interface("port_afu_instances", "afu_main", "pcie-ss", PCIE_SS, "ase_pcie_ss_shell",
                         "tlp-main", ["SHARED_AFU_MAIN_TO_PORT_AFU_INSTANCES"]),
}
QUIET = ["-Wno-fatal", "-Wno-BLKANDNBLK", "-Wno-DECLFILENAME", "-Wno-TIMESCALEMOD",
         "-Wno-PINMISSING"]


@dataclass
class Options:
    list: Path
    out: Path
    top: str = "auto"
    trace: bool = True
    coverage: bool = False
    asserts: bool = True
    lint: bool = False
    jobs: int = 0
    bare: bool = False
    memory: str = ""  # BANKSxSIZE


class Build:
    """One call of ase-build. `places` says where our own files are."""

    def __init__(self, options, places, tell):
        self.options, self.places, self.tell = options, places, tell
        self.folder = Path(f"{options.out}.build").absolute()
        self.objects = self.folder / "obj"
        self.verilator = Verilator()
        self.sources = sources.read(options.list)
        self.afu = afu_json.read(self.sources.json) if self.sources.json else None

    def interface(self):
        wanted = self.options.top
        classes = {i.afu_class: name for name, i in INTERFACES.items()}
        if wanted == "auto" and self.afu and self.afu.top:
            wanted = classes.get(self.afu.top)
            if not wanted:
                raise Complaint(f"{self.sources.json}: an AFU of the class {self.afu.top} cannot be "
                                f"simulated; of {', '.join(classes)} can")
        modules = self.modules()
        found = [name for name, i in INTERFACES.items() if i.module in modules]
        if wanted == "auto":
            wanted = found[0] if found else "ccip"
        if found and wanted not in found:
            has, lacks = INTERFACES[found[0]].module, INTERFACES[wanted].module
            raise Complaint(f"the AFU has no module {lacks}, as --top {wanted} or its JSON wants; it has "
                            f"{has}: --top {found[0]} is for that")
        if self.options.memory and not INTERFACES[wanted].memory:
            raise Complaint("--local-memory is for AFUs of the class ccip_std_afu_avalon_mm; without a JSON "
                            "that says so, --top ccip-local-mem does")
        return INTERFACES[wanted]

    def local_memory(self, interface):
        """What the sources and what the program is told of it, as two lists."""
        if not interface.memory:
            return [], []
        wanted = self.options.memory
        found = local_memory.parse(wanted) if wanted else local_memory.LocalMemory()
        if interface.banks and found.banks != interface.banks:
            raise Complaint(f"--local-memory {wanted}: an AFU of the class "
                            f"{interface.afu_class} has {interface.banks} banks")
        clock = local_memory.check_clock(self.afu.memory_clock, self.sources.json) if self.afu else ""
        return found.defines(clock), [f"-DASE_LOCAL_MEMORY_BANKS={found.banks}",
                                        f"-DASE_LOCAL_MEMORY_BITS={found.address_bits}"]

    def modules(self):
        """The names of the list's modules, but for those that macros make."""
        code = "\n".join(re.sub(r"//[^\n]*|/\*.*?\*/", "", prepass.read(path), flags=re.S)
                         for path in self.sources.rtl)
        return set(re.findall(r"\bmodule\s+(\w+)", code))

    def refuse_blanks(self):
        """make has no way to quote them."""
        for path in [self.folder, self.places.data, self.places.libs, *self.sources.c_code]:
            if re.search(r"\s", str(path)):
                raise Complaint(f"'{path}' has a blank in its name, which make cannot work with: "
                                "choose another folder" + (" by -o" if path == self.folder else ""))

    def write_init_files(self):
        folders = [self.options.list.absolute().parent, *(path.parent for path in self.sources.rtl)]
        made = init_files.contents(self.sources.init_files, folders, self.tell)
        folder = self.folder / "init"
        folder.mkdir(exist_ok=True)
        for path in folder.iterdir():
            if path.name not in made:
                path.unlink()
        for name, text in made.items():
            put(folder / name, text)
        quoted = str(folder).replace("\\", "\\\\").replace('"', '\\"')
        put(self.folder / "ase_init_files.vh", f'`define ASE_INIT_FILES "{quoted}"\n')

    def write_headers(self):
        if not self.afu:
            return
        put(self.folder / "afu_json_info.vh", afu_json.verilog_header(self.afu))
        put(self.folder / "afu_json_info.h", afu_json.c_header(self.afu))

    def arguments(self, interface):
        o, rtl = self.options, self.places.rtl
        fixed = self.folder / "fixed"
        ours = rtl / interface.folder
        own = {p.parent for p in self.sources.rtl}
        incdirs = self.sources.incdirs + sorted(own - set(self.sources.incdirs))
        found = ["--lint-only"] if o.lint else ["--cc", "-O3"]
        found += ["--x-assign", "unique", "--x-initial", "unique"]
        found += ["--prefix", "Vase", "--top-module", interface.shell, "-Mdir", "obj", *QUIET]
        found += ["--assert"] if o.asserts else []
        found += ["--trace-fst"] if o.trace and not o.lint else []
        found += ["--coverage"] if o.coverage and not o.lint else []
        found += [f"-I{d}" for d in [self.folder, *prepass.fixed_incdirs(incdirs, fixed), ours]]
        found += ["-y", str(rtl / "vendor"), "+libext+.sv"]
        found += [f"+define+{d}" for d in ["SIMULATION", "ASE", *interface.defines,
                                      *self.local_memory(interface)[0], *self.sources.defines]]
        found += [str(ours / name) for name in interface.prelude]
        found += map(str, prepass.fixed_sources(self.sources.rtl, fixed))
        return [*found, str(ours / f"{interface.shell}.sv")]

    def runtime_folder(self):
        """Objects of the same compiler, Verilator and options can be used by every build."""
        kind = subprocess.run(["g++", "-v"], stderr=subprocess.PIPE, text=True, check=False).stderr
        options = [(self.objects / "Vase.mk").read_text(), (self.objects / "Vase_classes.mk").read_text(),
                   os.environ.get("CXXFLAGS", ""), os.environ.get("CPPFLAGS", "")]
        options[1] = "".join(line for line in options[1].splitlines()
                             if line.startswith(("VM_", "\tverilated")))
        key = hashlib.sha256("\0".join([kind, self.verilator.version, *options]).encode()).hexdigest()[:16]
        base = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
        return Path(base) / "opae-ase" / key

    def program(self, interface):
        if self.options.bare and not interface.bare:
            raise Complaint(f"--bare is for AFUs with {INTERFACES['ccip'].module} and no local memory")
        return interface.bare if self.options.bare else interface.main

    def compile(self, interface):
        jobs = self.options.jobs or len(os.sched_getaffinity(0))
        name = self.afu.name if self.afu else self.options.list.stem
        command = ["make", f"-j{jobs}", "-f", self.places.data / "sim/verilator/ase.mk", "OPT_FAST=-O2",
                   "OPT_SLOW=-O0", "OPT_GLOBAL=-O1", f"DATA={self.places.data}",
                   f"MAIN={self.program(interface)}", f"DEFINES={' '.join(self.local_memory(interface)[1])}",
                   f"LIBS={' '.join(map(str, self.places.libraries()))}",
                   f"SYSTEM_LIBS={' '.join(self.places.system_libraries)}",
                   f"RUNTIME={self.runtime_folder()}", f"NAME={name}",
                   f"EXTRA={' '.join(map(str, self.sources.c_code))}",
                   f"OBJCACHE={'ccache' if shutil.which('ccache') else ''}",
                   f"OUT={self.options.out.absolute()}", str(self.options.out.absolute())]
        done = subprocess.run(command, cwd=self.objects, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, errors="replace")
        if done.returncode:
            raise Complaint(f"compiling failed in {self.objects}:\n{done.stdout}")

    def tell_clock(self):
        """The vendor's tools put a crossing of clocks round such an AFU."""
        clock = self.afu.ccip_clock if self.afu else ""
        if clock not in ("", "default", "pClk"):
            self.tell(f"{self.sources.json}: CCI-P with the clock {clock}: here it has pClk, as "
                      "PLATFORM_PARAM_CCI_P_CLOCK says to the AFU")

    def run(self):
        interface = self.interface()
        self.tell_clock()
        self.program(interface)
        if not self.options.lint:
            self.refuse_blanks()
        self.objects.mkdir(parents=True, exist_ok=True)
        self.write_headers()
        self.write_init_files()
        verilate(self.verilator, self.arguments(interface), self.objects, self.places.rtl, self.tell)
        if not self.options.lint:
            self.compile(interface)


def put(path, text):
    """Writes a file, and leaves one alone that is as it should be."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
