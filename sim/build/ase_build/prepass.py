# SPDX-License-Identifier: BSD-3-Clause
"""What older Verilators refuse although simulators at large take it, put right in copies.

The copies keep the line numbers, and begin with a `line that names the original, so that messages do too."""
import re

from .complaint import Complaint

# Comments and strings, which the other rules must not touch.
TOKEN = re.compile(r'(?P<comment>//[^\n]*|/\*.*?\*/)|(?P<string>"(?:\\.|[^"\\\n])*")'
                   r"|(?P<based>(?<![\w$'])(?P<size>\d[\d_]*\s*)?'(?P<sign>[sS]?)(?P<base>[hHdDbBoO])\s*"
                   r"(?P<digits>[0-9a-fA-FxXzZ?_]+))"
                   r"|(?P<plain>(?<![\w$'.])\d[\d_]*(?![\w.']))", re.S)
BITS = {"h": 4, "o": 3, "b": 1}
UNKNOWN_ESCAPE = re.compile(r"\\(\\|[^\\])", re.S)
KNOWN = set('ntvfax"\\`\n\r01234567%')


def fix_string(text):
    """An escape that means nothing, as "\\m", is the character itself."""
    return UNKNOWN_ESCAPE.sub(lambda m: m[0] if m[1] in KNOWN else m[1], text)


def literal_bits(base, digits):
    digits = digits.replace("_", "").lower()
    if base == "d":
        return int(digits).bit_length() if digits.isdigit() else 32
    digits = digits.lstrip("0")
    if not digits:
        return 0
    first = int(digits[0], 16).bit_length() if digits[0] in "0123456789abcdef" else BITS[base]
    return first + BITS[base] * (len(digits) - 1)


def fix_based(m):
    """A literal without a size that needs more than 32 bits is given the size that it needs."""
    bits = literal_bits(m["base"].lower(), m["digits"])
    if m["size"] or bits <= 32:
        return m[0]
    return f"{bits + (1 if m['sign'] else 0)}{m[0]}"


def fix_plain(m):
    digits = m[0].replace("_", "")
    bits = int(digits).bit_length()
    return m[0] if bits < 32 else f"{bits + 1}'sd{digits}"


def fix_token(m):
    if m["string"]:
        return fix_string(m[0])
    if m["based"]:
        return fix_based(m)
    if m["plain"]:
        return fix_plain(m)
    return m[0]


def fix(text):
    return TOKEN.sub(fix_token, text)


def read(path):
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError as e:
        raise Complaint(f"cannot read {path}: {e.strerror}") from e


def copy_if_needed(path, target):
    """Writes a copy to `target` if `path` has to be changed. The file that is to be compiled."""
    before = read(path)
    after = fix(before)
    if after == before:
        target.unlink(missing_ok=True)  # of an earlier build
        return path
    target.parent.mkdir(parents=True, exist_ok=True)
    content = f'`line 1 "{path}" 0\n' + after
    if not target.exists() or read(target) != content:
        target.write_text(content, encoding="utf-8", errors="surrogateescape")
    return target


def fixed_sources(files, folder):
    return [copy_if_needed(path, folder / f"{n}-{path.name}") for n, path in enumerate(files)]


def fixed_incdirs(incdirs, folder):
    """The folders to search, each behind one with copies of those of its files that had to be changed."""
    found = []
    for n, incdir in enumerate(incdirs):
        shadow = folder / f"include{n}"
        changed = [path for path in sorted(incdir.iterdir())
                   if path.suffix in (".vh", ".svh", ".h", ".inc", ".sv", ".v") and path.is_file()
                   and copy_if_needed(path, shadow / path.name) != path]
        found += [shadow, incdir] if changed else [incdir]
    return found
