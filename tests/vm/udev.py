# SPDX-License-Identifier: BSD-3-Clause
"""The device manager that reads udev rules, in a guest: Debian 13's, unpacked into the cache."""
import shlex

import fetch
import unpack


def bundle():
    return fetch.program("udev", "trixie", "udev", "usr/bin/udevadm")


def command(name):
    """What a shell in the guest calls the program by: it is udevadm, or by this name systemd-udevd."""
    return shlex.join(unpack.in_place(bundle(), "udevadm", name))


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
