# SPDX-License-Identifier: BSD-3-Clause
"""What memories begin with: .mif and Intel .hex files, made into text that $readmemh takes.

A memory with words of W bits, which fit into B bytes, reads init/NAME.W or init/NAME.Bbytes of the build's
folder. Its first line says how many words there are. Where there is neither, init/NAME says why."""
from . import intel_hex, mif
from .complaint import Complaint

# Each gives of a file's content {"W" or "Bbytes": (how many words, {address: word})}, and what a memory of
# other words is told.
READERS = {".mif": mif.read, ".hex": intel_hex.read}


def beside(folders):
    """Those that no list need name."""
    return [path for folder in dict.fromkeys(folders) for path in sorted(folder.iterdir())
            if path.suffix.lower() in READERS and path.is_file()]


def convert(path):
    """{"W" or "Bbytes": text}, and what a memory of other words is told."""
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as e:
        raise Complaint(f"{path}: {getattr(e, 'strerror', None) or 'it is no text'}") from e
    by_width, otherwise = READERS[path.suffix.lower()](content, path)
    return {width: text(*words) for width, words in by_width.items()}, otherwise


def text(count, words):
    lines = (f"@{at:x} {word:x}\n" for at, word in sorted(words.items()) if word)
    return f"// {count} words\n" + "".join(lines)


def first_of_each_name(paths):
    """{name: path}, and {name: another path}"""
    found, doubles = {}, {}
    for path in dict.fromkeys(paths):
        if found.setdefault(path.name, path) != path:
            doubles.setdefault(path.name, path)
    return found, doubles


def contents(listed, folders, tell):
    """{name in init/: text}. Nothing here ends a build: no memory may want that file."""
    found, doubles = first_of_each_name(listed)
    others, other_doubles = first_of_each_name(path for path in beside(folders) if path.name not in found)
    doubles.update(other_doubles)
    made = {}
    for name, path in {**others, **found}.items():
        if name in doubles:
            made[name] = f"{path} and {doubles[name]} have one name: name the one that is meant in the list"
            continue
        try:
            by_width, made[name] = convert(path)
            made.update({f"{name}.{width}": content for width, content in by_width.items()})
        except Complaint as e:
            made[name] = str(e)
            if path in listed:
                tell(f"{e}: a memory with this init_file will not begin")
    return made
