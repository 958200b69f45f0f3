# SPDX-License-Identifier: BSD-3-Clause
"""Where the parts of a simulation that are not the AFU's are found: in a build tree and installed."""
from .complaint import Complaint

ARCHIVES = ("libase-ccip.a", "ccip"), ("libase-tlp.a", "tlp"), ("libase-memory.a", "memory"), \
    ("libase-sim.a", "host")


class Places:
    system_libraries = ["-ljson-c", "-lz", "-lpthread"]

    def __init__(self, data, libs):
        self.data, self.libs = data, libs
        self.rtl = data / "sim/rtl"
        self.template = data / "sim/build/template"

    def libraries(self):
        """The adapters' archives and the host's; in the build tree each is in a folder of its own."""
        found = []
        for name, folder in ARCHIVES:
            at = [p for p in (self.libs / name, self.libs / folder / name) if p.exists()]
            if not at:
                raise Complaint(f"{name} is not in {self.libs}: is the project built and installed whole?")
            found.append(at[0])
        return found

    def sample(self, name):
        samples = self.data / "samples/afu"
        found = sorted(path.parent.name for path in samples.glob("*/sources.txt"))
        if name not in found:
            raise Complaint(f"there is no sample {name}; there are {', '.join(found)}")
        return samples / name / "sources.txt"
