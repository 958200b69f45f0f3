# SPDX-License-Identifier: BSD-3-Clause
"""Where the parts of a simulation that are not the AFU's are found: in a build tree and installed."""
from .complaint import Complaint


class Places:
    system_libraries = ["-ljson-c", "-lz", "-lpthread"]

    def __init__(self, data, libs):
        self.data, self.libs = data, libs
        self.rtl = data / "sim/rtl"
        self.template = data / "sim/build/template"

    def library(self):
        path = self.libs / "libase.a"
        if not path.exists():
            raise Complaint(f"{path} is not there: is the project built and installed whole?")
        return path
