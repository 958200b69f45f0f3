# SPDX-License-Identifier: BSD-3-Clause
"""`opae policy`: what it says is what opaed does."""
import json
import os

import pytest

from opaed import Daemon, NO_ACCESS

NLB0 = "d8424dc4-a4a3-c413-f89e-433683f9040b"
HELLO_AFU = "850adcc2-6ceb-4b22-9722-d43375b61c66"
ME = f"unix:{os.geteuid()}"
RULES = [{"principal": "tcp:10.0.0.*", "see": ["b1:00.0"], "allow": []},
         {"principal": "tls:opae:alice", "see": [f"guid:{NLB0}"], "allow": ["mmio-read", "event"]},
         {"principal": "tls:opae:*", "see": ["8001:00:00.*"], "allow": ["*"]},
         {"principal": "vsock:4", "see": [], "allow": []}]


@pytest.fixture
def policy(here):
    """Writes a configuration, and asks."""
    file = here.folder / "policy.cfg"

    def ask(*args, rules=None, **more):
        file.write_text(json.dumps({"listen": [{"unix": str(here.folder / "x.sock"), "principal": "vsock:4"}],
                                    "policy": rules or RULES, **more}))
        return here.run("opae", "policy", *args, "--config", str(file))

    return ask


def decision(done):
    return json.loads(done.stdout)["policy"]


def test_arguments(here, policy):
    for args, word in (([], "'check'"), (["x"], "'x'"), (["check"], "--principal"),
                       (["check", "--principal"], "--principal"), (["check", "--principal", "x"], "'x'"),
                       (["check", "--principal", "tcp:*"], "'*'"),
                       (["check", "--principal", "unix:bob"], "id -u"),
                       (["check", "--principal", ME, "x:y"], "'x:y'"), (["list", "x"], "'x'"),
                       (["check", "--principal", ME, "--x"], "--x"),
                       (["list", "--principal", "x"], "--principal"), (["list", "--config"], "--config"),
                       (["check", "--principal", ME, "b1:00.0", "b2:00.0"], "b2:00.0")):
        done = here.run("opae", "policy", *args)
        assert done.returncode == 2 and word in done.stderr and not done.stdout, (args, done)
    assert "--principal" in here.good("opae", "policy", "--help")
    done = here.run("opae", "policy", "list", "--config", "/nonexistent/x.cfg")
    assert done.returncode == 1 and "/nonexistent/x.cfg: No such file" in done.stderr
    done = policy("list", rules=[{"principal": "t*", "see": [], "allow": []}])
    assert done.returncode == 1 and "policy[0]" in done.stderr and "of which kind" in done.stderr


def test_list(policy):
    lines = policy("list").stdout.splitlines()
    assert lines[0].endswith("policy.cfg") and len(lines) == 5
    assert lines[2].startswith("policy[1]: ") and json.loads(lines[2].split(" ", 1)[1]) == RULES[1]
    rules = decision(policy("list", "--json"))["rules"]
    assert [r.pop("index") for r in rules] == [0, 1, 2, 3]
    assert rules == [{**RULES[0], "see": ["0000:b1:00.0"]}, *RULES[1:]]


def test_who_has_a_rule(policy):
    done = policy("check", "--principal", "tls:opae:alice")
    assert done.returncode == 0 and "policy[1]" in done.stdout
    assert "allows: mmio-read, event\n" in done.stdout and "denies: mmio-write, dma" in done.stdout
    assert "policy[2] is for it as well, and never decides" in done.stdout
    found = decision(policy("check", "--principal", "tls:opae:alice", "--json"))
    assert found["allowed"] and found["rule"]["index"] == 1 and found["never_decide"] == [2]
    assert found["allows"] == ["mmio-read", "event"] and "dma" in found["denies"]
    assert decision(policy("check", "--principal", "tls:opae:bob", "--json"))["rule"]["index"] == 2
    assert decision(policy("check", "--principal", "tcp:10.0.0.9", "--json"))["rule"]["index"] == 0


def test_who_has_none(policy):
    """The line to add makes it good."""
    for principal in ("tls:10.0.0.9", "tls:opae", "tcp:10.0.1.9", "unix:1000", "vsock:2"):
        done = policy("check", "--principal", principal)
        assert done.returncode == 1 and f"is for {principal}; add" in done.stdout
        added = json.loads(done.stdout.split('"policy": ', 1)[1])
        assert policy("check", "--principal", principal, rules=[*RULES, added]).returncode == 0
    done = policy("check", "--principal", "vsock:4")
    assert done.returncode == 1 and '"see" of policy[3] is empty' in done.stdout


def test_what_is_shown(here, policy):
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    ask = lambda *args: policy("check", "--principal", *args)
    found = decision(ask("tls:opae:alice", "--json"))["devices"]
    shown = {(d["address"], d["guid"]): d.get("see") for d in found if d["type"] == "accelerator"}
    assert shown == {("8000:00:00.0", NLB0): f"guid:{NLB0}", ("8001:00:00.0", HELLO_AFU): None}
    text = ask("tls:opae:bob").stdout
    assert f'yes  8001:00:00.0  accelerator  {HELLO_AFU}  by "8001:00:00.*"' in text
    assert f"no   8000:00:00.0  accelerator  {NLB0}\n" in text
    # an address by a GUID of what is there, and a GUID by where it is
    for who, what, code in (("tls:opae:alice", "8000:00:00.0", 0), ("tls:opae:alice", "8001:00:00.0", 1),
                            ("tls:opae:alice", f"guid:{NLB0}", 0), ("tls:opae:alice", HELLO_AFU, 1),
                            ("tls:opae:bob", HELLO_AFU, 0), ("tls:opae:bob", f"guid:{NLB0}", 1),
                            ("tls:opae:bob", "8001:00:00.7", 0), ("tcp:10.0.0.1", "b1:00.0", 0)):
        done = ask(who, what)
        assert done.returncode == code, (who, what, done)
        assert ("is shown" if code == 0 else 'add to "see" of policy') in done.stdout
        if code:
            pattern = json.loads(done.stdout.rsplit(": ", 1)[1])
            rules = [{**r, "see": [*r["see"], pattern]} for r in RULES]
            assert policy("check", "--principal", who, what, rules=rules).returncode == 0


def test_addresses_are_those_of_opaeds_plugins(here, policy):
    """And not those of this user's opae.cfg."""
    card = str(here.start("card0", "nlb0"))
    plugins = {"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so",
        "configuration": {"sockets": [{"path": card, "address": "0000:b1:00.0"}]}}}}
    found = decision(policy("check", "--principal", "tcp:10.0.0.1", "--json", plugins=plugins))["devices"]
    assert found and all(d["address"] == "0000:b1:00.0" and d["shown"] for d in found)


def test_opaed_does_as_it_says(here):
    here.start("card0", "nlb0")
    here.start("card1", "hello")
    d = Daemon(here, policy=[{"principal": ME, "see": ["8001:00:00.0"], "allow": ["mmio-read"]},
                             {"principal": "vsock:9", "see": ["*"], "allow": ["*"]}],
               listen=[{"unix": str(here.folder / "opaed.sock")}, {"tcp": "127.0.0.1:0", "clear": True,
                                                                   "principal": "vsock:9"},
                       {"unix": str(here.folder / "none.sock"), "principal": "vsock:9"}])
    try:
        said = decision(here.run("opae", "policy", "check", "--principal", ME, "--json", "--config",
                                 str(d.file)))
        with d.peer() as p:
            wanted = {x["guid"].replace("-", "") for x in said["devices"] if x["shown"]}
            assert set(p.objects()) == wanted == {HELLO_AFU.replace("-", "")}
            assert p.call(3)[0] == NO_ACCESS and "admin" in said["denies"]
    finally:
        assert d.stop() == 0


def test_without_a_configuration(here):
    """Its owner alone."""
    if os.path.exists("/etc/opae/opaed.cfg"):
        pytest.skip("this machine has a configuration")
    assert here.run("opae", "policy", "check", "--principal", ME).returncode == 0
    done = here.run("opae", "policy", "check", "--principal", "tcp:127.0.0.1")
    assert done.returncode == 1 and "the built-in configuration" in done.stdout
