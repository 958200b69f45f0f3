# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""
import argparse
import sys
from pathlib import Path

from .complaint import Complaint
from .program import INTERFACES, Build, Options
from .template import make_afu

HELP = """Builds a program that simulates an AFU, out of the list of its sources (sources.txt). The program
serves the AFU on a socket: OPAE_ASE_EXEC=./sim ./my_program runs a host program against it."""


def parser():
    p = argparse.ArgumentParser(prog="ase-build", description=HELP)
    p.add_argument("list", nargs="?", type=Path, metavar="sources.txt",
                   help="the AFU's files, as OPAE lists them")
    p.add_argument("-o", dest="out", type=Path, default=Path("sim"), help="the program (default: sim)")
    p.add_argument("--top", choices=["auto", *INTERFACES], default="auto",
                   help="the AFU's interface (default: as its JSON says)")
    p.add_argument("--trace", action=argparse.BooleanOptionalAction, default=True,
                   help="be able to write waves; costs nothing while none are written (default: yes)")
    p.add_argument("--coverage", action="store_true", help="write coverage.dat at exit; 20 times slower")
    p.add_argument("--no-assert", dest="asserts", action="store_false", help="leave out the AFU's assertions")
    p.add_argument("--lint", action="store_true", help="only look at the sources")
    p.add_argument("-j", dest="jobs", type=int, default=0, help="compilers at a time (default: one a CPU)")
    p.add_argument("--new", metavar="NAME", help="make a folder with an AFU to start from")
    p.add_argument("--sample", metavar="NAME",
                   help="of a sample that comes along: hello_afu, copy, stream or local_mem")
    p.add_argument("--local-memory", metavar="BANKSxSIZE", default="",
                   help="of a card for AFUs of the class ccip_std_afu_avalon_mm (default: 2x4G)")
    p.add_argument("--bare", action="store_true",
                   help="the design alone in a loop, to see what its cycles cost; needs CCI-P")
    return p


def main(arguments, places):
    p = parser()
    a = p.parse_args(arguments)
    if len([given for given in (a.new, a.list, a.sample) if given]) != 1:
        p.error("the list of sources, or --new or --sample and a name, is wanted")
    try:
        if a.new:
            make_afu(a.new, places.template)
        else:
            Build(Options(places.sample(a.sample) if a.sample else a.list, a.out, a.top, a.trace, a.coverage,
                          a.asserts, a.lint, a.jobs, a.bare, a.local_memory), places,
                  lambda text: print(text, file=sys.stderr)).run()
    except Complaint as e:
        print(f"ase-build: {e}", file=sys.stderr)
        return 1
    return 0
