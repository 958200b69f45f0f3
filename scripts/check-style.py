#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""House rules that a machine can uphold: banned calls, file and function sizes, licence lines.

    check-style.py [SOURCE]      prints what breaks a rule; exit code 1 then"""
import json
import re
import subprocess
import sys
from pathlib import Path

FILE_LINES, FUNCTION_LINES = 600, 60
LONG_LINE = 110

# What no code of ours calls; and what libraries and plugins alone must not.
BANNED = "strcpy strcat sprintf vsprintf strtok atoi atol gets alloca rand random".split()
BANNED_IN_LIBRARIES = "getenv exit abort assert printf ioctl mmap open perror system popen".split()
LIBRARIES = ("base/", "lib/", "cxx/", "opaemem/", "opaevfio/", "vfio-user/", "plugins/")
SOURCES = (".c", ".h", ".cpp")
# The seam itself; and what bears OPAE's name for something else.
EXCEPTIONS = {("base/sys.c", "ioctl"), ("base/sys.c", "mmap"), ("base/sys.c", "open"),
              ("cxx/handle.cpp", "open")}
TESTS_MAY = {"alloca", "rand"}
CALL = re.compile(r"(?<![\w.>])([a-z_]\w*)\s*\(")


def tracked(source):
    out = subprocess.run(["git", "-C", source, "ls-files"], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    return [p for p in out.split("\n") if p and (Path(source) / p).exists()]


def without_comments(text):
    text = re.sub(r'"(\\.|[^"\\\n])*"', '""', text)
    blank = lambda m: "\n" * m.group().count("\n")  # noqa: E731 - keeps line numbers
    text = re.sub(r"/\*.*?\*/", blank, text, flags=re.S)
    return re.sub(r"//.*", "", text)


def banned_calls(path, text):
    names = set(BANNED)
    if path.startswith(("tests/", "fuzz/")):
        names -= TESTS_MAY
    if path.startswith(LIBRARIES):
        names |= set(BANNED_IN_LIBRARIES)
    for number, line in enumerate(without_comments(text).split("\n"), 1):
        for name in CALL.findall(line):
            if name in names and (path, name) not in EXCEPTIONS and "(*" + name not in line:
                yield f"{path}:{number}: {name}() is banned here"


def long_functions(source, files):
    out = subprocess.run(["ctags", "--languages=C,C++", "--kinds-C=f", "--kinds-C++=f", "--fields=+ne",
                          "--output-format=json", "-f", "-", *files], cwd=source, check=True,
                         text=True, stdout=subprocess.PIPE).stdout
    for line in out.splitlines():
        tag = json.loads(line)
        lines = tag.get("end", 0) - tag["line"] + 1
        if lines > FUNCTION_LINES:
            yield f"{tag['path']}: {tag['name']}() has {lines} lines; {FUNCTION_LINES} are enough"


def problems(source):
    files = tracked(source)
    c_files = [f for f in files if f.endswith(SOURCES)]
    for path in files:
        if not path.endswith((*SOURCES, ".py", ".sh")) and path not in ("check", "demo"):
            continue
        text = (Path(source) / path).read_text(encoding="utf-8")
        if "SPDX-License-Identifier: BSD-3-Clause" not in text[:200]:
            yield f"{path}: there is no SPDX line"
        lines = text.count("\n")
        if lines > FILE_LINES and not path.startswith("tests/py/"):
            yield f"{path}: {lines} lines; past {FILE_LINES} something wants its own file"
        for number, line in enumerate(text.split("\n"), 1):
            if len(line.expandtabs(8)) > LONG_LINE:
                yield f"{path}:{number}: the line is {len(line.expandtabs(8))} columns wide"
        if path.endswith(SOURCES):
            yield from banned_calls(path, text)
    yield from long_functions(source, c_files)


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else "."
    found = list(problems(source))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
