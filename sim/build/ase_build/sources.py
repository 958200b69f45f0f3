# SPDX-License-Identifier: BSD-3-Clause
"""sources.txt, the list of an AFU's files as OPAE has it.

    # comment                         file.sv  file.v         +incdir+DIR[+DIR]    +define+NAME[=VALUE][+...]
    -F list.txt   C:list.txt          another list            SI:FILE  for simulation alone
    QI:FILE       synthesis alone     afu.json                who the AFU is
    file.mif  file.hex                what memories begin with

Entries are words as of a shell: apart by blanks, with quotes around what has some; a \\ at the end of a
line joins the next one. Paths are relative to the list that they are in; ${NAME} is a variable of the
environment."""
import os
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path

from .complaint import Complaint

RTL = {".sv", ".v"}
HEADERS = {".vh", ".svh", ".h", ".inc"}
C_CODE = {".c", ".cc", ".cpp"}
LISTS = {".txt", ".f", ".lst", ".flist"}
SYNTHESIS = {".qsf", ".tcl", ".sdc", ".qip", ".ip", ".qsys", ".stp", ".qpf", ".md"}
INIT_FILES = {".mif", ".hex"}
VHDL = {".vhd", ".vhdl"}
SIMULATORS = {"-y": "name each file of the library, or use +incdir+", "-v": "name the file by itself"}


@dataclass
class Sources:
    rtl: list = field(default_factory=list)
    c_code: list = field(default_factory=list)
    incdirs: list = field(default_factory=list)
    defines: list = field(default_factory=list)
    json: Path = None
    init_files: list = field(default_factory=list)

    def add_incdir(self, path):
        if path not in self.incdirs:
            self.incdirs.append(path)


def lines_of(text):
    """(the number of its first line, the line) without comments; a \\ at its end joins the next one."""
    whole, first = "", None
    for number, line in enumerate(text.splitlines(), 1):
        line = re.sub(r"(^|\s)(#|//).*", "", line).strip()
        first = first or number
        if line.endswith("\\"):
            whole += line[:-1] + " "
            continue
        yield first, whole + line
        whole, first = "", None
    if whole:
        yield first, whole


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
        for number, line in lines_of(text):
            self.read_line(line, path.parent, f"{path}:{number}")
        self.open_lists.pop()

    def read_line(self, line, folder, where):
        try:
            words = iter(shlex.split(line))
        except ValueError as e:
            raise Complaint(f"{where}: a quote is not closed") from e
        for word in words:
            if word in ("-F", "-f"):
                name = next(words, None)
                if name is None:
                    raise Complaint(f"{where}: {word} is followed by the name of a list")
                self.read_list(self.find(self.expand(name, where), folder, where), where)
            else:
                self.read_entry(self.expand(word, where), folder, where)

    def read_entry(self, entry, folder, where):
        if entry.startswith("+incdir+"):
            for name in filter(None, entry[len("+incdir+"):].split("+")):
                self.sources.add_incdir(self.find(name, folder, where, Path.is_dir, "folder"))
        elif entry.startswith("+define+"):
            self.sources.defines += filter(None, entry[len("+define+"):].split("+"))
        elif entry.startswith(("C:", "SI:")):
            self.read_included(self.find(entry.split(":", 1)[1], folder, where), where)
        elif entry.startswith("QI:"):
            return
        elif entry[:2] in SIMULATORS:
            raise Complaint(f"{where}: there is no {entry[:2]}: {SIMULATORS[entry[:2]]}")
        elif entry[:1] in ("+", "-"):
            raise Complaint(f"{where}: '{entry}' is not understood; there are +incdir+, +define+ and -F")
        elif entry:
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
        elif kind in INIT_FILES:
            self.sources.init_files.append(path)
        elif kind == ".json":
            self.set_json(path, where)
        else:
            raise Complaint(f"{where}: what kind of file is {name}? Known are "
                            f"{' '.join(sorted(RTL | HEADERS | C_CODE | INIT_FILES | {'.json'}))}")

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
