# SPDX-License-Identifier: BSD-3-Clause
"""What the monitor's scouts find out for rules that show by GUID, and for cards of which nobody knows yet: by
the "plugins" that a session began with, and whatever another session says."""
import contextlib
import os
import threading
import time

import pytest

from conftest import TREE
from opaed import CLOSE, HELLO_AFU, NLB0, open_and_close, opened, soon
from test_faults_policy import GUID, ME, rule, taken_over  # noqa: F401
from test_gate import HOLD, byte_of, lock

HELLO = "guid:850adcc2-6ceb-4b22-9722-d43375b61c66"
AT = "0000:b1:00.0"
MANY = int(os.environ.get("OPAEX_LISTS", 40 if TREE == "plain" else 10))
MOSTLY = 1.5  # seconds, on a machine with much else to do
IN_VAIN = 4.5  # who waits for a scout in vain gives up after 5


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


# ---- a session that says all the time that devices have changed ----

@contextlib.contextmanager
def flood(what):
    done = threading.Event()

    def run():
        while not done.is_set():
            what()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def timed(what):
    before = time.monotonic()
    value = what()
    return value, time.monotonic() - before


def keeps_up(peer, token, rounds=MANY, mostly=MOSTLY):
    """Lists, opens and closes, and waits for nobody in vain; every now and then for a scout."""
    lists, opens = [], []
    for _ in range(rounds):
        found, took = timed(peer.objects)
        assert NLB0 in found
        lists.append(took)
        handle, took = timed(lambda: opened(peer, token))
        assert handle, "it is busy"
        opens.append(took)
        peer.good(CLOSE, b"", handle)
    for name, times in (("list", lists), ("open", opens)):
        print(f"{name}: median {percentile(times, 0.5) * 1e3:.1f} ms, p99 "
              f"{percentile(times, 0.99) * 1e3:.1f} ms, most {max(times) * 1e3:.1f} ms")
    assert percentile(lists, 0.5) < mostly and percentile(opens, 0.5) < mostly


@pytest.fixture
def held(here):
    """Two cards, of which a program of this machine has one, before anybody knows what it is; and that one's
    lock, and its path."""
    card = here.start("card0", "nlb0")
    here.start("card1", "nlb0")
    (here.folder / "inventory").mkdir(mode=0o700)
    with open(here.folder / "inventory/holders", "a+b") as f:
        os.chmod(f.name, 0o600)
        lock(f, byte_of(card, HOLD))
        yield f, card


def finds_new(here, peer):
    here.start("card2", "hello")
    _, took = timed(lambda: soon(lambda: HELLO_AFU in peer.objects()))
    print(f"a new card: {took * 1e3:.1f} ms")
    here.good("opae", "emu", "stop", "card2")
    soon(lambda: HELLO_AFU not in peer.objects())
    assert took < IN_VAIN


@pytest.mark.parametrize("see, how", [(["*"], (5, IN_VAIN)), ([GUID, HELLO], ())], ids=["all", "by GUID"])
def test_fault_28_worker_gone_bad_says_that_devices_changed(here, held, taken_over, see, how):  # noqa: F811
    """Others list and open all the same, and find what is new. Who is shown all looks at the card that is
    held himself, which takes a while."""
    d, bad = taken_over(["*"], tcp=see)
    with d.peer(tcp=True) as p:
        token = p.objects()[NLB0]
        keeps_up(p, token, *how)
        finds_new(here, p)
        with flood(lambda: bad("changed", 1000)):
            keeps_up(p, token, *how)
            finds_new(here, p)


def test_fault_28_peer_opens_and_closes_all_the_time(here, held, opaed):
    """The same of a worker that does as it should."""
    d = opaed(policy=[rule(ME, ["*"]), rule("tcp:127.0.0.1", [GUID, HELLO])])
    here.start("card2", "hello")
    with d.peer(tcp=True) as p, d.peer() as other:
        token, theirs = p.objects()[NLB0], other.objects()[HELLO_AFU]
        with flood(lambda: open_and_close(other, theirs)):
            keeps_up(p, token)


def test_who_is_told_to_look_finds_it(held, taken_over):  # noqa: F811
    """That nothing was found holds for a while; until then nobody is told to look."""
    file, card = held
    _, ask = taken_over([GUID])
    assert ask("connect", card) == "EPERM"
    file.close()
    taken_over.another()("changed", 1)
    ask("looks", 1)
    assert ask("connect", card) == ""
