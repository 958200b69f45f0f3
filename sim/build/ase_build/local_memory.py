# SPDX-License-Identifier: BSD-3-Clause
"""The card's local memory: how much there is, and what the AFU's sources are told of it."""
import re
from dataclasses import dataclass

from .complaint import Complaint

MOST_BANKS = 8
LEAST, MOST = 1 << 20, 1 << 36  # bytes of a bank
LINE = 64
UNITS = {"M": 20, "G": 30}
CLOCKS = "pClk", "pClkDiv2", "pClkDiv4", "uClk_usr", "uClk_usrDiv2"


@dataclass
class LocalMemory:
    banks: int = 2
    size: int = 4 << 30  # bytes of each

    @property
    def address_bits(self):
        return (self.size // LINE).bit_length() - 1

    def is_possible(self):
        power_of_two = not self.size & self.size - 1
        return 1 <= self.banks <= MOST_BANKS and LEAST <= self.size <= MOST and power_of_two

    def defines(self, clock):
        ports = {"BANKS": self.banks, "ADDR_WIDTH": self.address_bits, "DATA_WIDTH": LINE * 8,
                 "BURST_CNT_WIDTH": 7}
        if clock:
            ports["CLOCK"] = clock
        return ["PLATFORM_PROVIDES_LOCAL_MEMORY=1",
                *(f"PLATFORM_PARAM_LOCAL_MEMORY_{name}={value}" for name, value in ports.items())]


def parse(text):
    """Of BANKSxSIZE, as 2x4G."""
    m = re.fullmatch(r"(\d{1,2})x(\d{1,4})([MG])", text)
    if m:
        found = LocalMemory(int(m[1]), int(m[2]) << UNITS[m[3]])
        if found.is_possible():
            return found
    raise Complaint(f"--local-memory {text}: it is BANKSxSIZE, as 2x4G: 1 to {MOST_BANKS} banks, of 1M to "
                    "64G each, a power of two")


def check_clock(clock, path):
    """'default' is a clock of the memory's own, as none is."""
    if clock in ("", "default"):
        return ""
    if clock not in CLOCKS:
        raise Complaint(f"{path}: local memory with the clock {clock}; there are {', '.join(CLOCKS)}")
    return clock
