# SPDX-License-Identifier: BSD-3-Clause
"""sources.txt, the list of an AFU's files as OPAE has it.

    # comment                         file.sv  file.v         +incdir+DIR[+DIR]    +define+NAME[=VALUE][+...]
    -F list.txt   C:list.txt          another list            SI:FILE  for simulation alone
    QI:FILE       synthesis alone     afu.json                who the AFU is

Paths are relative to the list that they are in; ${NAME} is a variable of the environment."""
import os
import re
from dataclasses import dataclass, field
from pathlib import Path

from .complaint import Complaint

RTL = {".sv", ".v"}
HEADERS = {".vh", ".svh", ".h", ".inc"}
C_CODE = {".c", ".cc", ".cpp"}
LISTS = {".txt", ".f", ".lst", ".flist"}
SYNTHESIS = {".qsf", ".tcl", ".sdc", ".qip", ".ip", ".qsys", ".stp", ".qpf", ".mif", ".hex", ".md"}
VHDL = {".vhd", ".vhdl"}


@dataclass
class Sources:
    rtl: list = field(default_factory=list)
    c_code: list = field(default_factory=list)
    incdirs: list = field(default_factory=list)
    defines: list = field(default_factory=list)
    json: Path = None

    def add_incdir(self, path):
        if path not in self.incdirs:
            self.incdirs.append(path)


class Reader:
    def __init__(self):
        self.sources = Sources()
        self.open_lists = []

    def read_list(self, path, where=None):
        if path in self.open_lists:
            raise Complaint(f"{where}: {path} lists itself")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            why = getattr(e, "strerror", None) or "it is no text"
            raise Complaint(f"{where + ': ' if where else ''}cannot read the list {path}: {why}") from e
        self.open_lists.append(path)
        for number, line in enumerate(text.splitlines(), 1):
            entry = re.sub(r"(^|\s)(#|//).*", "", line).strip()
            if entry:
                self.read_entry(entry, path.parent, f"{path}:{number}")
        self.open_lists.pop()

    def read_entry(self, entry, folder, where):
        entry = self.expand(entry, where)
        if entry.startswith("+incdir+"):
            for name in filter(None, entry[len("+incdir+"):].split("+")):
                self.sources.add_incdir(self.find(name, folder, where, Path.is_dir, "folder"))
        elif entry.startswith("+define+"):
            self.sources.defines += filter(None, entry[len("+define+"):].split("+"))
        elif re.match(r"-[Ff]\s", entry):
            self.read_list(self.find(entry[2:].strip(), folder, where), where)
        elif entry.startswith(("C:", "SI:")):
            self.read_included(self.find(entry.split(":", 1)[1], folder, where), where)
        elif entry.startswith("QI:"):
            return
        elif entry[0] in "+-":
            raise Complaint(f"{where}: '{entry}' is not understood; there are +incdir+, +define+ and -F")
        else:
            self.read_file(entry, folder, where)

    def read_included(self, path, where):
        if path.suffix.lower() in LISTS:
            self.read_list(path, where)
        else:
            self.read_file(path, path.parent, where)

    def read_file(self, name, folder, where):
        kind = Path(name).suffix.lower()
        if kind in SYNTHESIS:
            return
        if kind in VHDL:
            raise Complaint(f"{where}: {name} is VHDL, and Verilator reads Verilog and SystemVerilog alone")
        path = self.find(name, folder, where)
        if kind in RTL:
            self.sources.rtl.append(path)
        elif kind in HEADERS:
            self.sources.add_incdir(path.parent)
        elif kind in C_CODE:
            self.sources.c_code.append(path)
        elif kind == ".json":
            self.set_json(path, where)
        else:
            raise Complaint(f"{where}: what kind of file is {name}? Known are "
                            f"{' '.join(sorted(RTL | HEADERS | C_CODE | {'.json'}))}")

    def set_json(self, path, where):
        if self.sources.json:
            raise Complaint(f"{where}: {path} is a second AFU description; {self.sources.json} was the first")
        self.sources.json = path

    @staticmethod
    def expand(entry, where):
        def value(match):
            name = match[1] or match[2]
            if name not in os.environ:
                raise Complaint(f"{where}: the variable {name} is not in the environment")
            return os.environ[name]
        return re.sub(r"\$\{(\w+)\}|\$(\w+)", value, entry)

    @staticmethod
    def find(name, folder, where, is_there=Path.is_file, what="file"):
        path = Path(os.path.normpath(folder / name))
        if not is_there(path):
            raise Complaint(f"{where}: there is no {what} {path}")
        return path


def read(path):
    """The Sources of a list."""
    reader = Reader()
    reader.read_list(Path(os.path.abspath(path)))
    if not reader.sources.rtl:
        raise Complaint(f"{path}: it names no .sv or .v file")
    return reader.sources
