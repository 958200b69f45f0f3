# SPDX-License-Identifier: BSD-3-Clause
"""Where the parts of a simulation that are not the AFU's are found: in a build tree and installed."""
from pathlib import Path

from .complaint import Complaint

ARCHIVES = ("libase-ccip.a", "libase-tlp.a", "libase-sim.a")


class Places:
    def __init__(self, data, libs):
        self.data, self.libs = data, libs
        self.rtl = data / "sim/rtl"
        self.template = data / "sim/build/template"
        self.system_libraries = ["-ljson-c", "-lz", "-lpthread", "-ldl"]

    def libraries(self):
        found = []
        for name in ARCHIVES:
            at = [p for p in (self.libs / name, self.libs / "host" / name, self.libs / "ccip" / name,
                              self.libs / "tlp" / name)
                  if p.exists()]
            if not at:
                raise Complaint(f"{name} is not in {self.libs}: is the project built and installed whole?")
            found.append(Path(at[0]))
        return found
