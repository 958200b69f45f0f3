#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Proves the layering: an include of ours may only go down (docs/architecture.md).

    check-layers.py [SOURCE]      prints each include that goes up or sideways; exit code 1 then

A folder that is not in the table below is an error too: whoever adds one says where it belongs."""
import re
import subprocess
import sys
from pathlib import Path

# folder: the folders that its files may include from, besides its own and include/opae.
MAY_INCLUDE = {
    "include": set(),
    "base": set(),
    "dev": {"base"},
    "gbs": {"base"},
    "lib": {"base"},
    "opaemem": set(),
    "opaevfio": {"base", "dev"},
    "cxx": set(),
    "vfio-user": {"base"},
    "plugins/vfio": {"base", "dev", "vfio-user"},
    "plugins/ase": {"base", "dev", "plugins/vfio"},
    "plugins/local": {"base", "dev", "gbs"},
    "wire": {"base"},
    "transport": {"base"},
    "track": {"base"},
    "rpc": {"base", "wire", "transport"},
    "rpc/client": {"base", "wire", "transport", "track", "rpc"},
    "rpc/server": {"base", "wire", "transport", "rpc"},
    "plugins/tcp": {"base", "transport", "rpc/client"},
    "plugins/vsock": {"base", "transport", "rpc/client"},
    "plugins/rdma": {"base", "transport", "rpc/client"},
    "daemon": {"base", "dev", "wire", "transport", "rpc", "rpc/server"},
    "emu": {"base", "vfio-user"},
    "sim/host": {"base", "vfio-user"},
    "sim/ccip": {"base", "sim/host"},
    "sim/memory": {"base", "sim/host"},
    "sim/tlp": {"base", "sim/host"},
    "sim/verilator": {"sim/ccip", "sim/host", "sim/memory", "sim/tlp"},
    "bench": {"base", "emu", "wire", "transport", "track", "rpc"},
    "bench/raw": set(),
    "bench/device": {"base", "emu"},
    "tools": {"base", "bench", "daemon", "dev", "gbs", "vfio-user", "wire", "transport", "rpc", "track"},
    "samples": set(),
    "fuzz": {"base", "dev", "gbs", "lib", "vfio-user", "emu", "plugins/local", "plugins/vfio",
             "wire", "transport", "track", "rpc", "rpc/client", "rpc/server", "daemon", "sim/host", "sim/tlp",
             "tests"},
    "tests/raw": set(),
    "tests/vm/guest": {"dev", "tests"},
    "tests": {"base", "dev", "gbs", "lib", "vfio-user", "plugins/local", "plugins/vfio", "emu",
              "wire", "transport", "track", "rpc", "rpc/client", "rpc/server", "daemon", "sim/host",
              "sim/ccip", "sim/memory", "sim/tlp"},
}
# Public headers that plugins and the library's inside alone may include.
PRIVATE_PUBLIC = {"opae/plugin.h": {"lib", "plugins/local", "plugins/vfio", "plugins/tcp", "plugins/vsock",
	"plugins/rdma",
	"wire",
                                    "rpc", "rpc/client", "rpc/server", "daemon", "bench/device", "tests",
                                    "fuzz"}}
# Of a folder's headers, those that other folders may not include.
INTERNAL = re.compile(r"-internal\.h$")

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<])([^">]+)[">]', re.M)


def folder_of(path, folders):
    best = [f for f in folders if path == f or path.startswith(f + "/")]
    return max(best, key=len) if best else None


def problems(source):
    listing = subprocess.run(["git", "-C", source, "ls-files", "*.c", "*.h", "*.cpp"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout.split()
    for path in listing:
        if not (Path(source) / path).exists():
            continue
        here = folder_of(path, MAY_INCLUDE)
        if here is None:
            yield f"{path}: its folder is not in the table of scripts/check-layers.py"
            continue
        text = (Path(source) / path).read_text(encoding="utf-8")
        for quote, target in INCLUDE.findall(text):
            if target in PRIVATE_PUBLIC and here not in PRIVATE_PUBLIC[target]:
                yield f"{path}: {target} is for plugins"
            there = folder_of(target, MAY_INCLUDE)
            if quote == "<" or there is None or there == here:
                if quote == '"' and there is None and (here not in ("tools", "samples")
                                                       or "/" in target):
                    yield f"{path}: \"{target}\" is not a path from the top of the tree"
                continue
            if there not in MAY_INCLUDE[here]:
                yield f"{path}: {here} may not include {target}"
            elif INTERNAL.search(target) and here not in ("tests", "fuzz"):
                yield f"{path}: {target} is internal to {there}"


def main():
    source = sys.argv[1] if len(sys.argv) > 1 else "."
    found = list(problems(source))
    print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
