# SPDX-License-Identifier: BSD-3-Clause
"""opae doctor on the buffers of remote accelerators: by which tracker they are kept, and why.

Whether this kernel and this user can track pages depends on the machine; kernels that can and that cannot,
and the udev rule, have their tests in virtual machines: tests/vm/test_tracker.py."""
import errno
import os

import pytest
import test_remote_plugins as remote
from test_remote_plugins import config, diagnose, tcp

import peer  # by the path that test_remote_plugins has added

NODE = "/dev/userfaultfd"
# What whoever has eager is to know: what it does not promise.
LACKS = "a device that polls memory sees what a program stores at its next register write, and not before"
KERNEL = tuple(int(n) for n in os.uname().release.split("-")[0].split(".")[:2])


@pytest.fixture
def server(machine):
    path = machine.folder / "s"
    s = peer.Server(path)
    os.chmod(path, 0o666)
    yield str(path)
    s.close()


def buffers(machine, path, **more):
    """(result, text, fix, the verdict) of the only host."""
    report, hosts, text = diagnose(machine, config(machine, tcp({"unix": path}, **more)))
    host = hosts[f"unix:{path}"]
    step = host["steps"][-1]
    assert step["step"] == "buffers" and step["text"] in text
    return step["result"], step["text"], host.get("fix"), report["verdict"]


def why_not(machine):
    """What stands in the way here, as the kernel says it; None: nothing that this test knows of."""
    done = machine.run("/usr/bin/python3", "-c", f"import os; os.close(os.open('{NODE}', os.O_RDWR))")
    if done.returncode:
        known = [os.strerror(n) for n in (errno.EACCES, errno.EPERM, errno.ENOENT)]
        return next(text for text in known if text in done.stderr)
    return "no asynchronous write-protection" if KERNEL < (6, 7) else None


def test_what_can_be_had(machine, server):
    why = why_not(machine)
    result, text, fix, verdict = buffers(machine, server)
    assert (result, verdict, fix) == ("note" if why else "ok", "ok", None)
    if why:
        assert text.startswith("eager") and LACKS in text and why in text and "; to have trap: " in text
    else:
        assert text.startswith("trap: ") and LACKS not in text


def test_what_is_demanded(machine, server):
    why = why_not(machine)
    result, text, fix, verdict = buffers(machine, server, tracker="trap")
    assert (result, verdict) == (("wrong", "wrong") if why else ("ok", "ok"))
    if why:
        assert why in text and f"$EDITOR {machine.folder}/opae.cfg" in fix and '"auto"' in fix
    else:
        assert text.startswith("trap: ") and not fix


def test_who_may_not_open_it_is_told_of_the_rule(machine, server):
    if why_not(machine) != os.strerror(errno.EACCES) or KERNEL < (6, 7):
        pytest.skip(f"this user may open {NODE}, or there would be no use in it")
    uid = machine.user.pw_uid if machine.user else os.geteuid()
    for text in (buffers(machine, server)[1], buffers(machine, server, tracker="trap")[2]):
        assert f"sudo chown {uid} {NODE}" in text and "fpga" in text and "70-opae-userfaultfd.rules" in text


def test_what_is_chosen(machine, server):
    result, text, _, verdict = buffers(machine, server, tracker="eager")
    assert (result, verdict) == ("ok", "ok") and '"tracker"' in text and text.startswith("eager")
    assert LACKS in text and "\n" not in text
    assert text.endswith(f'$EDITOR {machine.folder}/opae.cfg, and say "auto"') and "; to have trap: " in text
    result, text, _, verdict = buffers(machine, server, buffers="explicit", tracker="trap")
    assert (result, verdict) == ("ok", "ok") and '"explicit"' in text


def test_an_older_server(machine, server, monkeypatch):
    monkeypatch.setattr(peer, "TRACKED", 0)  # it has no such feature
    result, text, _, verdict = buffers(machine, server)
    assert (result, verdict) == ("note", "ok") and "its opaed knows only" in text and "update it" in text
    assert text.startswith("eager") and LACKS in text and "\n" not in text
    result, text, fix, verdict = buffers(machine, server, tracker="trap")
    assert (result, verdict) == ("wrong", "wrong") and "its opaed knows only" in text and "update it" in fix


def test_a_host_that_no_configuration_names(machine, server):
    env = config(machine, tcp({"unix": str(machine.folder / "none")}))
    _, subjects, _ = remote.asked(machine, env, f"unix:{server}", 0)
    steps = remote.steps_of(subjects[f"unix:{server}"])
    assert steps["buffers"][1].startswith("eager" if why_not(machine) else "trap")


def test_a_host_without_devices_has_no_buffers(machine, server, monkeypatch):
    monkeypatch.setattr(peer.Session, "ENUMERATE", lambda self, *_: [[]])
    report, hosts, _ = diagnose(machine, config(machine, tcp({"unix": server})))
    assert hosts[f"unix:{server}"]["steps"][-1]["step"] == "devices" and report["verdict"] != "wrong"
