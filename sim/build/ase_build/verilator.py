# SPDX-License-Identifier: BSD-3-Clause
"""Runs Verilator and says what it found in the words of who wrote the AFU."""
import re
import shutil
import subprocess
from pathlib import Path

from .complaint import Complaint

OLDEST = (5, 6)
MESSAGE = re.compile(r"^%(?P<level>Error|Warning)(?:-(?P<code>\w+))?: (?:(?P<file>[^\s:]+):(?P<line>\d+)"
                     r"(?::\d+)?: )?(?P<text>.*)$")
JSON_HEADERS = "afu_json_info.vh", "afu_json_info.h"
NO_JSON = " is made of the AFU's .json, and the list names none"
LOCAL_MEMORY = re.compile(r"'(avalon_mem_if|local_mem_cfg_pkg)'")
NO_LOCAL_MEMORY = ("the AFU has ports of local memory: the class ccip_std_afu_avalon_mm in its JSON, or "
                   "--top ccip-local-mem, is for that")
# A design this large is unrolled less, or the C++ compiler takes minutes.
LARGE = 5_000_000
LESS_UNROLLING = ["--unroll-count", "4", "--unroll-stmts", "64"]


class Verilator:
    def __init__(self):
        self.program = shutil.which("verilator")
        if not self.program:
            raise Complaint("verilator is not installed: apt-get install verilator")
        said = subprocess.run([self.program, "--version"], stdout=subprocess.PIPE, text=True, check=False)
        found = re.search(r"Verilator (\d+)\.(\d+)", said.stdout)
        if not found or tuple(map(int, found.groups())) < OLDEST:
            raise Complaint(f"{self.program} is '{said.stdout.strip()}'; 5.006 or newer is needed")
        self.version = f"{found[1]}.{found[2]}"

    def run(self, arguments, cwd):
        """(whether it went well, its messages)"""
        done = subprocess.run([self.program, *arguments], cwd=cwd, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, check=False, errors="replace")
        return done.returncode == 0, done.stdout


class Messages:
    """Verilator's output, by message: the first line of each and those that belong to it."""

    def __init__(self, output, version, ours):
        self.version, self.ours = version, ours
        self.found = []
        for line in output.splitlines():
            m = MESSAGE.match(line)
            if m:
                self.found.append((m, []))
            elif self.found and line.strip():
                self.found[-1][1].append(line)

    def has(self, code):
        return any(m["code"] == code for m, _ in self.found)

    def is_ours(self, m):
        return m["file"] is not None and Path(m["file"]).is_relative_to(self.ours)

    def warnings(self):
        for m, more in self.found:
            if m["level"] == "Warning" and m["file"] and not self.is_ours(m):
                more = [line for line in more if "... " not in line]
                yield "\n".join([f"{place(m)}warning: {m['text']} [{m['code']}]", *more])

    def errors(self):
        """What comes after a header that is not made follows from that."""
        for m, _ in self.found:
            if m["level"] == "Error" and not m["text"].startswith(("Exiting due to", "Command Failed")):
                text = self.explain(m)
                yield place(m) + text
                if text.endswith(NO_JSON):
                    return

    def explain(self, m):
        text = m["text"]
        module = re.search(r"(?:Cannot find file containing module|Can't resolve module reference): '(.*?)'",
                           text)
        include = re.search(r"Cannot find include file: '?([^']+)'?", text)
        if LOCAL_MEMORY.search(text) and m["code"] in (None, "PKGNODECL"):
            return NO_LOCAL_MEMORY
        if module:
            return self.no_module(module[1])
        if include and include[1] in JSON_HEADERS:
            return include[1] + NO_JSON
        if include:
            return f"there is no file {include[1]} to include; does the list lack a +incdir+?"
        if m["code"] == "UNSUPPORTED" or text.startswith("Unsupported"):
            text = re.sub(r"^Unsupported:? *", "", text)
            return f"this cannot be simulated by Verilator {self.version}: {text}"
        return text

    @staticmethod
    def no_module(name):
        if name == "ccip_std_afu":
            return "the AFU has no module ccip_std_afu, which is the top of an AFU with CCI-P"
        if name == "port_afu_instances":
            return "the AFU has no module port_afu_instances, which is the top of one with PCIe SS streams"
        return (f"no file of the list has the module {name}. Of a vendor's models there are altsyncram, "
                "altera_syncram, scfifo and dcfifo")


def place(m):
    return f"{m['file']}:{m['line']}: " if m["file"] else ""


def generated_size(folder):
    return sum(f.stat().st_size for f in folder.glob("*.cpp"))


def verilate(verilator, arguments, folder, ours, tell):
    """The design as C++ in `folder`, or a lint of it."""
    extra = ["--no-timing"]
    while True:
        well, output = verilator.run([*arguments, *extra], folder.parent)
        messages = Messages(output, verilator.version, ours)
        if messages.has("STMTDLY") or messages.has("NEEDTIMINGOPT") or messages.has("NOTIMING"):
            if extra[0] == "--no-timing":
                extra[0] = "--timing"
                continue
        if well and generated_size(folder) > LARGE and len(extra) == 1:
            extra += LESS_UNROLLING
            continue
        break
    for text in messages.warnings():
        tell(text)
    if not well:
        errors = list(dict.fromkeys(messages.errors()))
        raise Complaint("\n".join(errors) or f"Verilator failed:\n{output}")
