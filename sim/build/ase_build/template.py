# SPDX-License-Identifier: BSD-3-Clause
"""ase-build --new: a folder with an AFU that works, and the program for it."""
import re
import uuid
from pathlib import Path

from .complaint import Complaint


def make_afu(name, template):
    folder = Path(name)
    if not re.fullmatch(r"[A-Za-z]\w*", folder.name):
        raise Complaint(f"'{folder.name}' is no name for an AFU: letters, digits and _ are")
    try:
        folder.mkdir()
    except OSError as e:
        raise Complaint(f"cannot make the folder {folder}: {e.strerror}") from e
    who = str(uuid.uuid4())
    for path in sorted(template.iterdir()):
        text = path.read_text(encoding="utf-8").replace("my_afu", folder.name).replace("MY_AFU_UUID", who)
        made = path.name.removesuffix(".in").replace("my_afu", folder.name)
        (folder / made).write_text(text, encoding="utf-8")
    print(f"{folder}: `ase-build -o sim sources.txt` builds the simulation, `make` the program, and "
          f"`OPAE_ASE_EXEC=./sim ./{folder.name}` runs the one against the other")
