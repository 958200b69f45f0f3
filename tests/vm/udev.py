# SPDX-License-Identifier: BSD-3-Clause
"""The device manager that reads udev rules, in a guest: Debian 13's, unpacked into the cache."""
import json
import shlex
import subprocess

import fetch
import unpack

SUITE = "trixie"
PACKAGE = "udev"


def make(work):
    fetch.say(f"fetching {PACKAGE} from Debian's {SUITE} (once)")
    debian, _ = fetch.mirrors(fetch.release())
    apt = fetch.Apt(work / "apt", [f"{debian} {SUITE} main"])
    plan = apt.plan(PACKAGE)
    for deb in apt.download(plan):
        subprocess.run(["dpkg-deb", "-x", deb, work / "root"], check=True)
    unpack.program_bundle(work / "root", "usr/bin/udevadm", work / "out")
    (work / "out/versions.json").write_text(json.dumps(plan, indent=1))
    return plan[PACKAGE], work / "out"


def bundle():
    return fetch.made("udev", fetch.recipe("udev", SUITE, 1), make)


def command(name):
    """What a shell in the guest calls the program by: it is udevadm, or by this name systemd-udevd."""
    folder = bundle()
    return shlex.join([str(folder / "lib" / unpack.LOADER), "--argv0", name, "--library-path",
                       str(folder / "lib"), str(folder / "bin/udevadm")])


def install(m, rules):
    """Puts the rules into machine m, as a packager would."""
    for file in bundle().rglob("*"):
        if file.is_file():  # as it is: its libraries are beside it
            m.image.text(str(file), file.read_bytes(), 0o755)
    for path in rules:
        m.image.text(f"/etc/udev/rules.d/{path.name}", path.read_text())


def applied(subsystem, names):
    """A script: the rules, which must have no mistakes, are put in force for these devices."""
    adm = command("udevadm")
    return "\n".join([
        f"{adm} verify --no-style /etc/udev/rules.d",
        f"{command('systemd-udevd')} --daemon",
        f"{adm} trigger --action=add --subsystem-match={subsystem} "
        + " ".join(f"--sysname-match={n}" for n in names),
        f"{adm} settle --timeout=20"])
