# SPDX-License-Identifier: BSD-3-Clause
"""The plugins tcp, vsock and rdma as a user meets them: their configuration, what `opae` shows and the doctor
tells. The servers are those of tests/raw, written from docs/protocol.md alone."""
import json
import os
import socket
import sys
import threading

import pytest
from conftest import BUILD, SOURCE

sys.path.insert(0, str(SOURCE / "tests/raw"))
import frames  # noqa: E402
import peer  # noqa: E402

GUID = "00010203-0405-0607-0809-0a0b0c0d0e0f"


def config(machine, *plugins):
    """Each plugin is a file and its configuration; the first is called p0."""
    return machine.config(json.dumps({
        "plugins": [f"p{i}" for i in range(len(plugins))],
        "configurations": {f"p{i}": {"enabled": True, "plugin": file, "configuration": text}
                           for i, (file, text) in enumerate(plugins)}}))


def tcp(*hosts, **more):
    return "libtcp-opae.so", {"hosts": list(hosts), **more}


@pytest.fixture
def serve(here):
    started = []

    def start(name="s"):
        path = here.folder / name
        started.append(peer.Server(path))
        return str(path)

    yield start
    for s in started:
        s.close()


# ---- use ----

def test_list_and_registers(here, serve):
    env = config(here, tcp({"unix": serve(), "segment": 0x1000, "name": "far"}))
    shown = here.good("opae", "list", env=env)
    assert "1000:b1:00.0" in shown and GUID in shown
    info = here.good("opae", "info", env=env)
    assert "far" in info
    assert "0x1000010000000000" in here.good("opae", "mmio", "read", "0", env=env)
    here.good("opae", "mmio", "write", "0x18", "5", env=env)


def test_one_plugin_twice(here, serve):
    env = config(here, tcp({"unix": serve("a"), "segment": 1}), tcp({"unix": serve("b"), "segment": 2}))
    shown = here.good("opae", "list", env=env)
    assert shown.count(GUID) == 2 and "0001:b1:00.0" in shown and "0002:b1:00.0" in shown


def test_list_tells_hosts_apart(here, serve):
    """Two hosts with the same card, and one of this machine: each line says where it is."""
    here.start()
    far = tcp({"unix": serve("a"), "name": "rack 7"}, {"unix": serve("b"), "name": "rack 9"})
    env = config(here, far, ("libv-opae.so", {}))
    head, *lines = here.good("opae", "list", env=env).splitlines()
    assert head.split() == ["ADDRESS", "TYPE", "STATE", "GUID", "NAME", "HOST"]
    at = head.index("HOST")
    assert [line[at:] for line in lines] == ["-"] + ["rack 7"] * 2 + ["rack 9"] * 2
    assert all(len(line) <= 100 for line in lines)
    rows = json.loads(here.good("opae", "list", "--json", env=env))["devices"]
    assert [r.get("hostname") for r in rows] == [None] + ["rack 7"] * 2 + ["rack 9"] * 2
    done = here.run("opae", "mmio", "read", "0", "-d", GUID, env=env)
    assert done.returncode == 2 and "rack 7" in done.stderr and "rack 9" in done.stderr
    lines = here.good("opae", "list", "8000:00:00.0", env=env).splitlines()
    assert len(lines) == 1 and lines[0].startswith("8000:00:00.0")  # nothing here is remote


def test_list_of_hosts_with_long_names(here, serve):
    """What does not fit into the line has one of its own."""
    path = serve("socket-with-a-long-name")
    lines = here.good("opae", "list", env=config(here, tcp({"unix": path}))).splitlines()
    assert all(len(line) <= 100 for line in lines) and len(lines) == 4
    assert [line.split() for line in lines[1::2]] == [["on", f"unix:{path}"]] * 2


def test_object_ids_keep_their_digits(here, serve):
    """Most readers of JSON take numbers for doubles, and ids have 64 bits."""
    env = config(here, tcp({"unix": serve()}))
    for d in json.loads(here.good("opae", "info", "--json", env=env))["devices"]:
        assert d["object_id_hex"] == f"0x{d['object_id']:016x}"
        assert here.good("opae", "info", d["object_id_hex"], env=env).count("object_id") == 1


def test_a_command_in_a_far_reason_is_for_that_machine(here, serve, monkeypatch):
    def refuse(self, *_):
        raise frames.Failed("OPEN", frames.BUSY, 0, "it is open; `opae doctor 0000:b1:00.0` names who")

    monkeypatch.setattr(peer.Session, "OPEN", refuse)
    done = here.run("opae", "mmio", "read", "0", env=config(here, tcp({"unix": serve(), "name": "rack 7"})))
    assert "rack 7: it is open; `opae doctor 0000:b1:00.0` names who (on that machine)" in done.stderr


def test_over_tcp(here, serve):
    """IPv4, and a name; the server's own socket is a unix one."""
    path = serve()
    gate = socket.create_server(("127.0.0.1", 0))

    def carry(a, b):
        while data := a.recv(65536):
            b.sendall(data)
        b.shutdown(socket.SHUT_WR)

    def forward():
        while True:
            try:
                outer, _ = gate.accept()
            except OSError:
                return
            inner = peer.address(path)
            for pair in ((outer, inner), (inner, outer)):
                threading.Thread(target=carry, args=pair, daemon=True).start()

    threading.Thread(target=forward, daemon=True).start()
    port = gate.getsockname()[1]
    for host in ({"host": "127.0.0.1", "port": port}, {"host": "localhost", "port": port},
                 f"127.0.0.1:{port}"):
        assert GUID in here.good("opae", "list", env=config(here, tcp(host)))
    gate.shutdown(socket.SHUT_RDWR)
    gate.close()


# ---- configuration ----

WRONG = [
    ({}, '"hosts"'),
    ({"hosts": []}, "there is no host"),
    ({"hosts": {}}, '"hosts" must be an array'),
    ({"hosts": ["http://a:8447"]}, "no slashes"),
    ({"hosts": ["a"], "spin": 1}, '"spin" is unknown'),
    ({"hosts": ["a"], "spin_us": -1}, '"spin_us" must be 0 to 1000000'),
    ({"hosts": ["a"], "timeout_ms": "5"}, '"timeout_ms" must be 1 to'),
    ({"hosts": ["a"], "connect_ms": 0}, '"connect_ms" must be 1 to'),
    ({"hosts": ["a"], "mmio_write": "fast"}, '"posted" or "sync"'),
    ({"hosts": ["a"], "buffers": True}, '"auto" or "explicit"'),
    ({"hosts": ["a"], "tracker": "lazy"}, '"tracker" must be "auto", "trap" or "eager"'),
    ({"hosts": ["a"], "tracker": 1}, '"tracker" must be'),
    ({"hosts": ["a", 5]}, '"hosts"[1]: an entry is'),
    ({"hosts": [{"host": "a", "prot": 1}]}, '"prot" is unknown'),
    ({"hosts": [{"host": "a", "port": 70000}]}, '"port" must be 1 to 65535'),
    ({"hosts": [{"host": "a:8447"}, {"host": "b/c"}]}, '"host" must be a name'),
    ({"hosts": [{"host": ""}]}, '"host" must be'),
    ({"hosts": [{"host": "a", "unix": "/s"}]}, '"unix" must be'),
    ({"hosts": [{"unix": "s"}]}, '"unix" must be the absolute path'),
    ({"hosts": [{"unix": "/" + "s" * 108}]}, '"unix" must be'),
    ({"hosts": [{"host": "a", "segment": 65536}]}, '"segment" must be 0 to 65535'),
    ({"hosts": [{"host": "a", "name": ""}]}, '"name" must be'),
    ({"hosts": [{"port": 8447}]}, "nothing of where that is"),
    ({"hosts": ["vsock:2:8447"]}, "libvsock-opae.so"),
    ({"hosts": ["a:b"]}, '"hosts"[0]: "a:b"'),
    ({"hosts": ["a", {"host": "a", "port": 8447}]}, "is there twice"),
]
WRONG_VSOCK = [
    ({"hosts": ["a:8447"]}, "libtcp-opae.so"),
    ({"hosts": [{"cid": 0}]}, '"cid" must be 1 to'),
    ({"hosts": [{"cid": 4294967295}]}, '"cid" must be'),
    ({"hosts": [{"port": 8447}]}, "nothing of where that is"),
    ({"hosts": [{"cid": 2, "host": "a"}]}, '"host" is unknown'),
    ({"hosts": ["vsock:any:8447"]}, "nobody is there"),
]
WRONG_RDMA = [
    ({"hosts": ["vsock:2:8447"]}, "libvsock-opae.so"),
    ({"hosts": ["unix:/s"]}, "libtcp-opae.so"),
    ({"hosts": [{"unix": "/s"}]}, '"unix" is unknown'),
    ({"hosts": [{"port": 8448}]}, "nothing of where that is"),
    ({"hosts": [{"host": "a", "port": 0}]}, '"port" must be 1 to 65535'),
    ({"hosts": [{"host": "a", "provider": ""}]}, '"tcp" or "verbs"'),
    ({"hosts": [{"host": "a", "provider": "tcp;ofi_rxm"}]}, '"tcp" or "verbs"'),
    ({"hosts": [{"host": "a", "provider": 1}]}, '"tcp" or "verbs"'),
    ({"hosts": ["a", {"host": "a", "port": 8448}]}, "is there twice"),
    ({"hosts": ["a"], "data": "tcp"}, '"stream" or "rdma"'),
]


@pytest.fixture(scope="module")
def rdma_built():
    if not (BUILD / "plugins/rdma/librdma-opae.so").exists():
        pytest.skip("built without libfabric's headers, so there is no librdma-opae.so")


@pytest.mark.parametrize("plugin, wrong, why", [("libtcp-opae.so", *w) for w in WRONG] +
                         [("libvsock-opae.so", *w) for w in WRONG_VSOCK] +
                         [("librdma-opae.so", *w) for w in WRONG_RDMA])
def test_what_is_wrong_is_named(here, request, plugin, wrong, why):
    if "rdma" in plugin:
        request.getfixturevalue("rdma_built")
    shown = here.run("opae", "plugins", "--json", env=config(here, (plugin, wrong)))
    row = json.loads(shown.stdout)["plugins"][0]
    assert row["state"] == "failed" and why in row["reason"], row


@pytest.mark.parametrize("plugin, right", [
    ("libtcp-opae.so", {"hosts": ["[::1]:8447", "a", {"host": "::1", "port": 1}, "unix:/s", "10.0.0.1:1"]}),
    ("libtcp-opae.so", {"hosts": ["a"], "spin_us": 0, "timeout_ms": 1, "connect_ms": 1, "mmio_write": "sync",
                        "buffers": "explicit", "tracker": "trap"}),
    ("libtcp-opae.so", {"hosts": ["a"], "tracker": "auto"}),
    ("libvsock-opae.so", {"hosts": ["vsock:2:8447"], "tracker": "eager"}),
    ("libvsock-opae.so", {"hosts": ["vsock:2:8447", {"cid": 3, "segment": 1, "name": "vm"}]}),
    ("librdma-opae.so", {"hosts": ["a", "a:8447", "[::1]", {"host": "b", "provider": "verbs"}],
                         "data": "stream", "rdma_least": 1, "data_in_clear": True})])
def test_what_is_right(here, request, plugin, right):
    if "rdma" in plugin:
        request.getfixturevalue("rdma_built")
    shown = here.run("opae", "plugins", "--json", env=config(here, (plugin, right)))
    assert json.loads(shown.stdout)["plugins"][0]["state"] == "ready", shown.stdout


# ---- the doctor ----

def diagnose(machine, env):
    env = {"OPAEX_DOCTOR_ROOT": str(machine.folder / "root"), **env}
    report = json.loads(machine.run("opae", "doctor", "--json", env=env).stdout)["doctor"]
    text = machine.run("opae", "doctor", env=env).stdout
    return report, {s["name"]: s for s in report["subjects"] if s["kind"] == "host"}, text


def test_doctor_finds_all_well(here, serve):
    path = serve()
    report, hosts, text = diagnose(here, config(here, tcp({"unix": path})))
    steps = {s["step"]: s["text"] for s in hosts[f"unix:{path}"]["steps"]}
    assert list(steps) == ["connection", "server", "devices", "buffers"]
    assert "it shows 2 to you" in steps["devices"]
    assert report["verdict"] == "ok" and report["devices"] == 2 and "2 of 2 devices" in text


def wrong(machine, env, name, step, why, mend):
    report, hosts, text = diagnose(machine, env)
    s = hosts[name]
    assert report["verdict"] == "wrong" and s["steps"][-1]["step"] == step
    assert why in s["wrong"] and mend in s["fix"], s
    assert f"  wrong: {s['wrong']}\n  fix:   {s['fix']}\n" in text


def test_doctor_host_refuses(here, serve):
    good, none = serve(), str(here.folder / "none")
    env = config(here, tcp({"unix": good}, {"unix": none}))
    wrong(here, env, f"unix:{none}", "connection", "No such file", "opaed --config")
    assert GUID in here.good("opae", "list", env=env)


def test_doctor_name_is_not_known(here):
    wrong(here, config(here, tcp("no-such-host.invalid")), "no-such-host.invalid:8447", "connection",
          "no-such-host.invalid", "ping no-such-host.invalid")


@pytest.mark.parametrize("host, at, says, mend", [
    ("127.0.0.1:1", "127.0.0.1:1", ": Connection refused", 'does its "listen" name 127.0.0.1:1'),
    ("no-such-host.invalid", "no-such-host.invalid:8448", ": ", "ping no-such-host.invalid"),
    ({"host": "127.0.0.1", "provider": "no-such"}, "127.0.0.1:8448", ': provider "no-such" of libfabric',
     '"provider" of 127.0.0.1:8448')])
def test_doctor_fabric(here, rdma_built, host, at, says, mend):
    env = config(here, ("librdma-opae.so", {"hosts": [host]}))
    wrong(here, env, at, "connection", at + says, mend)
    done = here.run("opae", "list", env=env)
    assert at + says in done.stderr, done


def test_doctor_fabric_finds_no_opaed(here, rdma_built):
    """Whoever listens there with a fabric, and accepts nobody by the rules of ours."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        env = config(here, ("librdma-opae.so", {"hosts": [f"127.0.0.1:{port}"], "connect_ms": 100}))
        wrong(here, env, f"127.0.0.1:{port}", "connection", "no answer in time", "ping 127.0.0.1")


def test_doctor_no_permission(here, serve):
    if os.geteuid() == 0:
        pytest.skip("root may open every socket")
    path = serve()
    os.chmod(path, 0)
    wrong(here, config(here, tcp({"unix": path})), f"unix:{path}", "connection", "Permission denied", "ls -l")


def listen(path, say):
    """Says this to each client, and hangs up; None: says nothing."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(path)
    listening.listen()
    kept = []

    def run():
        while True:
            try:
                sock, _ = listening.accept()
            except OSError:
                return
            kept.append(sock)
            if say is not None:
                sock.recv(4096)
                sock.sendall(say)
                sock.shutdown(socket.SHUT_RDWR)

    threading.Thread(target=run, daemon=True).start()
    return listening


@pytest.mark.parametrize("say, why, mend", [
    (None, "it says nothing", "to be restarted"),
    (b"", "it hangs up", "which program"),
    (b"HTTP/1.1 400 Bad Request\r\n\r\n....", "does not speak our protocol", "which program")])
def test_doctor_other_servers(here, say, why, mend):
    path = str(here.folder / "other")
    listening = listen(path, say)
    try:
        wrong(here, config(here, tcp({"unix": path}, connect_ms=100)), f"unix:{path}", "server", why, mend)
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def test_doctor_is_refused(here, serve, monkeypatch):
    def refuse(self, *_):
        raise frames.Failed("HELLO", frames.NO_ACCESS, 0, "no policy lets you in")

    monkeypatch.setattr(peer.Session, "HELLO", refuse)
    path = serve()
    wrong(here, config(here, tcp({"unix": path})), f"unix:{path}", "server", "no policy lets you in",
          "opaed.cfg")


def steps_of(subject):
    return {x["step"]: (x["result"], x["text"]) for x in subject["steps"]}


def asked(machine, env, what, code):
    """The report on one thing, its subjects by name."""
    env = {"OPAEX_DOCTOR_ROOT": str(machine.folder / "root"), **env}
    done = machine.run("opae", "doctor", "--json", what, env=env)
    assert done.returncode == code, done.stdout
    report = json.loads(done.stdout)["doctor"]
    text = machine.run("opae", "doctor", what, env=env).stdout
    return report, {s["name"]: s for s in report["subjects"]}, text


def test_doctor_of_a_far_address(here, serve):
    """Each host is asked, with the segment that the configuration adds."""
    a, b = serve("a"), serve("b")
    env = config(here, tcp({"unix": a, "segment": 0x1000, "name": "rack 7"}, {"unix": b}))
    report, subjects, text = asked(here, env, "1000:b1:00.0", 0)
    assert report["devices"] == report["shown"] == 2 and "2 of 2" in text
    assert GUID in steps_of(subjects[f"unix:{a}"])["token"][1]
    assert steps_of(subjects[f"unix:{a}"])["configured"] == ("ok", 'as "rack 7"')
    assert subjects[f"unix:{a}"]["hostname"] == "rack 7"
    assert steps_of(subjects[f"unix:{b}"])["token"] == ("note", "it has nothing at 1000:b1:00.0")
    assert asked(here, env, "0000:b1:00.0", 0)[0]["devices"] == 2
    report, subjects, text = asked(here, env, "0000:77:00.0", 3)
    assert "no PCI device and no socket is at 0000:77:00.0, and none of the 2 hosts shows one" in text


def test_doctor_of_a_far_address_and_a_dead_host(here, serve):
    """One that is found is found; what is not, may be on the host that does not answer."""
    none = str(here.folder / "none")
    env = config(here, tcp({"unix": none}, {"unix": serve("b")}))
    report, subjects, _ = asked(here, env, "0000:77:00.0", 1)
    assert "No such file" in subjects[f"unix:{none}"]["wrong"]
    assert asked(here, env, "0000:b1:00.0", 1)[0]["shown"] == 2


def test_doctor_of_a_host(here, serve):
    """By its name, its address, or the path of its socket; also before a configuration names it."""
    a, b = serve("a"), serve("b")
    env = config(here, tcp({"unix": a, "name": "rack 7"}, {"unix": str(here.folder / "none")}))
    for name in ("rack 7", f"unix:{a}", a):
        report, subjects, _ = asked(here, env, name, 0)
        assert [s["kind"] for s in subjects.values()] == ["configuration", "host"] and report["shown"] == 2
    _, subjects, _ = asked(here, env, f"unix:{b}", 0)
    result, why = steps_of(subjects[f"unix:{b}"])["configured"]
    assert result == "note" and '"hosts"' in why and "opae.cfg" in why
    assert steps_of(subjects[f"unix:{b}"])["devices"][0] == "ok"


def test_doctor_leaves_this_machines_cards_alone(here, serve):
    """A configuration of hosts alone does not take them: that is meant, and no mistake."""
    card = str(here.start())
    far = tcp({"unix": serve()})
    remote = {"enabled": True, "plugin": far[0], "configuration": far[1]}
    disabled = {"enabled": False, "plugin": "libv-opae.so"}
    for local, mend in (({}, "libv-opae.so"), ({"vfio": disabled}, 'say "enabled": true for "vfio"')):
        env = here.config(json.dumps({"plugins": ["far", *local],
                                      "configurations": {"far": remote, **local}}))
        result, why = steps_of(asked(here, env, card, 0)[1][card])["plugin"]
        assert result == "note" and "remote" in why and "opae.cfg" in why and mend in why
        done = here.run("opae", "doctor", env={"OPAEX_DOCTOR_ROOT": str(here.folder / "root"), **env})
        assert done.returncode == 0 and "2 of 3 devices" in done.stdout and "WRONG" not in done.stdout
    # and where it is served as well, it is shown
    env = config(here, far, ("libv-opae.so", {}))
    assert asked(here, env, card, 0)[0]["shown"] == 1


def test_doctor_names_what_is_disabled(here):
    """When nothing is found, that is what to mend."""
    env = {"OPAEX_DOCTOR_ROOT": str(here.folder / "root"), **here.config(json.dumps({
        "plugins": ["far"], "configurations": {"far": {
            "enabled": False, "plugin": "libtcp-opae.so", "configuration": {"hosts": ["a"]}}}}))}
    done = here.run("opae", "doctor", env=env)
    assert "plugin is disabled" in done.stdout and "opae emu start" not in done.stdout
    assert 'say "enabled": true for "far"' in done.stdout.split("nothing was found")[1], done.stdout


# ---- a host that goes ----

class Going(peer.Session):
    """Has eleven accelerators, and hangs up when the first is opened; nobody comes in then."""

    def ENUMERATE(self, _, filters):
        _, props = next(o for o in self.card.objects().values() if o[1].values["objtype"] == peer.ACCELERATOR)
        return [[[100 + i, 0, props] for i in range(11)]]

    def serve(self, frame):
        if frames.NAMES.get(frame.op) == "OPEN":
            os.unlink(self.sock.getsockname())
            return False
        return super().serve(frame)


def test_a_host_that_is_gone_is_told_once(here):
    """Not again for each of the devices that it had shown: that it is lost, and that it is not back."""
    path = f"{here.folder}/s"
    server = peer.Server(path, Going)
    done = here.run("opae", "clock", env=config(here, tcp({"unix": path})))
    server.close()
    told = done.stderr.splitlines()
    assert done.returncode == 1 and 1 <= len(told) <= 2 and all(f"unix:{path}: " in x for x in told), told
