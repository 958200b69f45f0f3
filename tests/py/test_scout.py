# SPDX-License-Identifier: BSD-3-Clause
"""What the monitor's scouts find out for rules that show by GUID: by the "plugins" that a session began with."""
import contextlib

from opaed import CLOSE, NLB0, opened, soon
from test_faults_policy import GUID, ME, rule, taken_over  # noqa: F401

HELLO = "guid:850adcc2-6ceb-4b22-9722-d43375b61c66"
AT = "0000:b1:00.0"


def plugins(path, address=AT):
    return {"plugins": ["vfio"], "configurations": {"vfio": {
        "enabled": True, "plugin": "libv-opae.so",
        "configuration": {"sockets": [{"path": str(path), "address": address}]}}}}


# ---- a configuration that is read again ----

def test_who_sees_by_guid_opens_again(here, opaed):
    """Whatever "plugins" names now; a card in the place of the one that he knew as well."""
    mine, other = here.start("card0", "nlb0"), here.start("card1", "hello")
    policy = [rule("*", [GUID])]
    d = opaed(policy=policy, plugins=plugins(mine))
    with d.peer() as p:
        token = p.objects()[NLB0]
        p.good(CLOSE, b"", p.open(token))
        d.reload(policy=policy, plugins=plugins(other))
        p.good(CLOSE, b"", p.open(p.objects()[NLB0]))
        with d.peer() as q:
            assert not q.objects()
        here.good("opae", "emu", "stop", "card0")
        here.start("card0", "nlb0")
        p.good(CLOSE, b"", soon(lambda: opened(p, p.objects().get(NLB0, 0))))
    assert not d.lines("may not have"), d.log


def test_the_same_address_is_another_card(here, taken_over):  # noqa: F811
    """Each session is told of what its own "plugins" has there, however they take turns."""
    first, second = here.start("card0", "nlb0"), here.start("card1", "hello")
    d, old = taken_over([GUID], plugins=plugins(first))
    assert old("connect", first) == ""
    d.reload(listen=taken_over.listen, policy=[rule(ME, [HELLO])], plugins=plugins(second))
    new = taken_over.another()
    for _ in range(3):
        assert old("connect", first) == "" and old("connect", second) == "EPERM"
        assert new("connect", second) == "" and new("connect", first) == "EPERM"
    here.good("opae", "emu", "stop", "card0", "card1")
    here.start("card0", "hello")
    here.start("card1", "nlb0")
    assert soon(lambda: old("connect", first)) == "EPERM"
    assert soon(lambda: new("connect", second)) == "EPERM"


def test_nothing_stays_of_a_configuration_that_nobody_has(here, opaed):
    """Its file and what its scouts found go with its last session."""
    card = here.start("card0", "nlb0")
    policy = [rule("*", [GUID])]
    d = opaed(policy=policy, plugins=plugins(card))
    with d.peer() as p:
        assert NLB0 in p.objects()
    soon(d.is_idle)
    before = d.descriptors()
    for _ in range(3):
        with contextlib.ExitStack() as stack:
            for i in range(10):
                d.reload(policy=policy, plugins=plugins(card, f"0000:{i:02x}:00.0"))
                assert NLB0 in stack.enter_context(d.peer()).objects()
            d.reload(policy=policy, plugins=plugins(card))
        soon(lambda: d.is_idle() and d.descriptors() == before)


def test_the_same_plugins_are_shared(here, opaed):
    """What is known of them stays known, and there is one file."""
    card = here.start("card0", "nlb0")
    policy = [rule("*", [GUID])]
    d = opaed(policy=policy, plugins=plugins(card))
    with d.peer() as p:
        assert NLB0 in p.objects()
        soon(lambda: len(d.workers()) == 1)
        before = d.descriptors()
        for _ in range(5):
            d.reload(policy=policy, plugins=plugins(card), limits={"events": 7})
        soon(lambda: d.descriptors() == before)
