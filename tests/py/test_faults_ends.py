# SPDX-License-Identifier: BSD-3-Clause
"""Programs, daemons and cards that die or are stopped in the middle of their work, between real ones: the
device stands still before its memory goes, who is left is told within its time-out, and the next is served.

The numbers are those of docs/testing.md, "Faults"."""
import os
import signal
import struct
import sys
import time

import pytest
from conftest import SOURCE
from faults import EXCEPTION, GUID, Card, Program, remote
from opaed import (CTL, HELLO_AFU, NLB0, OK, PING, PREPARE, copy_for_ever, open_and_close, opened, pause,
                   soon)

sys.path.insert(0, str(SOURCE / "tests/raw"))
import peer  # noqa: E402
from frames import INVALID_PARAM, ONE_WAY, Failed, Frame  # noqa: E402

KILLED, PULL = -signal.SIGKILL, 43


@pytest.fixture
def programs(here):
    """Starts programs, and cards; what is left is ended."""
    started = []

    def start(kind, *args, **kw):
        started.append(kind(here, *args, **kw))
        return started[-1]

    yield start
    ends = [(one.end(), one) for one in reversed(started)]
    assert not [code for code, one in ends if isinstance(one, Program) and code not in (0, KILLED)], ends


def hosts(d, way):
    return {"unix": d.path} if way == "unix" else f"127.0.0.1:{d.ports[0]}"


def can_write(client):
    client.good("write32 0x138 1")  # out of reset
    client.good("write 0x120 77")
    return client.good("read 0x120") == 77


# ---- 1 ----

def unmapped(said):
    """What the card had to say of DMA to memory that had gone. That its bus mastering was taken away under a
    copy is how it is brought to a stand."""
    return [line for line in said if line.startswith("DMA fault:") and "bus mastering is off" not in line]


@pytest.mark.parametrize("way,faults", [("unix", None), ("tcp", None), ("tcp", "delay=50")])
def test_fault_01_a_client_is_killed_while_the_device_copies(opaed, here, programs, way, faults):
    """The device is still before its memory goes, which it would complain of; the next one has it soon, with
    registers as after power-on and buffers of zeros."""
    card = programs(Card, faults=faults)
    d = opaed()
    client = programs(Program, remote(here, hosts(d, way)))
    client.copies()
    witness = d.peer()
    token = witness.objects()[NLB0]
    client.signal(signal.SIGKILL)
    began = time.monotonic()
    handle = soon(lambda: opened(witness, token))
    took = time.monotonic() - began
    assert took < (20 if faults else 5), took  # on any machine; else a second
    assert witness.read(handle, CTL) == 0 and witness.read(handle, 0x120) == 0
    assert client.process.wait(60) == KILLED
    for size in (4096, 1 << 20, 1 << 20):  # those that the dead one had
        wsid, _ = struct.unpack("<QQ", witness.good(PREPARE, struct.pack("<QI", size, 2), handle))
        body = witness.good(PULL, struct.pack("<QQI", wsid, 0, 4096), handle)
        assert body[4:] == bytes(4096)
    soon(lambda: len(d.workers()) == 1)
    witness.sock.close()
    soon(d.is_idle)
    assert unmapped(card.stop()) == []


def test_fault_01_each_of_many_clients_that_are_killed(opaed, here, programs):
    """Killed at different moments of a copy of 16 MiB; nothing is left of any of them."""
    card = programs(Card)
    d = opaed()
    witness = d.peer()
    token = witness.objects()[NLB0]
    before = d.descriptors()
    for n in range(5):
        client = programs(Program, remote(here, hosts(d, "unix")))
        client.copies(16 << 20)
        time.sleep(0.01 * n)  # not a wait, but the moment that is tried
        client.signal(signal.SIGKILL)
        client.process.wait(60)
        soon(lambda: open_and_close(witness, token))
    soon(lambda: len(d.workers()) == 1)
    soon(lambda: d.descriptors() <= before)
    witness.sock.close()
    soon(d.is_idle)
    assert unmapped(card.stop()) == []


# ---- 2: see test_faults_waits.py for the 30 s in a debugger ----

@pytest.mark.parametrize("way", ["unix", "tcp"])
def test_fault_02_a_client_that_was_stopped_and_is_no_longer_let_in(opaed, here, programs, way):
    """Ended meanwhile, it finds every later call refused, and its successor notices nothing of it."""
    programs(Card)
    d = opaed()
    client = programs(Program, remote(here, hosts(d, way)))
    client.copies()
    pause(client.pid)
    here.good("opae", "kick", "1", "--to", d.path)
    successor = d.peer()
    token = successor.objects()[NLB0]
    handle = soon(lambda: opened(successor, token))
    copy_for_ever(successor, handle)
    client.signal(signal.SIGCONT)
    for line in ("read 0", "write 0x100 5", "read 0", "buffer 4096", "reset", "read 0x100"):
        a = client.call(line)
        assert a.result == EXCEPTION and a.why or line.startswith("write "), (line, a)
    assert successor.read(handle, CTL) & 3 == 3  # which the other's reset would have ended
    assert client.call("close").result in (OK, EXCEPTION)
    assert client.call(f"open {GUID}").result == 2  # BUSY: it is the successor's
    successor.good(PING)


# ---- 3 ----

@pytest.mark.parametrize("way", ["unix", "tcp"])
@pytest.mark.parametrize("who", ["opaed", "worker"])
def test_fault_03_the_server_is_killed(opaed, here, programs, way, who):
    """Calls fail with FPGA_EXCEPTION within their time-out; after a restart the same program opens anew."""
    programs(Card)
    address = "127.0.77.1"  # nobody who connects takes its port meanwhile, as of 127.0.0.1
    d = opaed(listen=[{"unix": str(here.folder / "opaed0.sock")}, {"tcp": f"{address}:0", "clear": True}])
    tcp = f"{address}:{d.ports[0]}"
    client = programs(Program, remote(here, {"unix": d.path} if way == "unix" else tcp))
    client.copies()
    client.start("work")
    if who == "opaed":
        d.process.kill()
        d.process.wait()
        d.reader.join(60)
    else:
        [worker] = d.workers()
        os.kill(worker, signal.SIGKILL)
    a = client.answer()
    assert a.result == EXCEPTION and a.why, a
    for line in ("read 0", "reset", "buffer 4096", "read 0x160"):
        a = client.call(line)
        assert a.result == EXCEPTION and a.why and a.ms < 5000, (line, a)
    client.good("peek 2 0")  # what it has is there
    client.call("close")
    if who == "opaed":
        d.write(listen=[{"unix": d.path}, {"tcp": tcp, "clear": True}])
        d.start("--config", str(d.file))
    soon(lambda: client.call(f"open {GUID}").result == OK)
    assert can_write(client)
    client.good("close")


@pytest.mark.parametrize("who", ["opaed", "worker"])
def test_fault_03_a_call_is_under_way(opaed, here, programs, who):
    """The answer of the register takes 2 s; who waits for it is told at once."""
    programs(Card, faults="delay=100")
    d = opaed()
    client = programs(Program, remote(here, hosts(d, "tcp"), timeout_ms=60000))
    client.open()
    [worker] = d.workers()
    client.start("work")
    os.kill(worker if who == "worker" else d.process.pid, signal.SIGKILL)
    a = client.answer(40)
    assert a.result == EXCEPTION and a.ms < 30000, a
    if who == "opaed":
        d.process.wait()
        d.reader.join(60)


def test_fault_03_a_server_that_answers_nobody(opaed, here, programs):
    """Its worker is stopped: a call ends at its time-out, not later."""
    programs(Card)
    d = opaed()
    client = programs(Program, remote(here, hosts(d, "unix"), timeout_ms=1000))
    client.open()
    [worker] = d.workers()
    pause(worker)
    a = client.call("read 0", 30)
    assert a.result == EXCEPTION and a.why and a.ms >= 900, a
    os.kill(worker, signal.SIGKILL)


# ---- 17, which is in tests/vm/test_faults.py as well ----

@pytest.mark.parametrize("sent", [0, 1, 65536, 200000])
def test_fault_17_a_bitstream_that_is_cut(opaed, here, programs, sent):
    """A slot is not touched before all of it is there: who goes meanwhile leaves the slot as it was."""
    programs(Card, board="a10")
    d = opaed()
    with peer.Client(peer.address(d.path)) as c, peer.Client(peer.address(d.path)) as other:
        c.hello()
        other.hello()
        device = c.open(peer.DEVICE)
        c.call("RECONF_BEGIN", device, 0, 262144, 0)
        for at in range(0, sent, 65536):
            c.post("RECONF_DATA", device, at, bytes(min(65536, sent - at)))
        with pytest.raises(Failed) as e:
            c.call("RECONF_RUN", device)
        assert e.value.result == INVALID_PARAM and e.value.reason, e.value
        c.post("RECONF_DATA", device, sent, bytes(5))
        c.send_raw(Frame(64, ONE_WAY, 0, device, body=bytes(60000)).encode()[:30000])
        c.close()
        soon(lambda: len(d.workers()) == 1)
        handle = other.open()
        assert other.read64(handle, 8) == int(NLB0[16:], 16)
        other.call("CLOSE", handle)
        other.call("CLOSE", other.open(peer.DEVICE))


# ---- 22 ----

def is_usable(peer, guid):
    token = peer.objects().get(guid)
    return token and open_and_close(peer, token)


@pytest.mark.parametrize("how", ["killed", "stopped and killed"])
@pytest.mark.parametrize("doing", ["registers", "copies"])
def test_fault_22_the_device_is_torn_away(opaed, here, programs, how, doing):
    """Its session gets FPGA_EXCEPTION; the daemon and other devices live, and one that comes in its place is
    served to the same program."""
    card = programs(Card)
    programs(Card, name="card1", board="hello")
    d = opaed()
    client = programs(Program, remote(here, hosts(d, "unix")))
    other = d.peer()
    if doing == "copies":
        client.copies()
    else:
        client.open()
    client.start("work")
    if how != "killed":
        pause(card.process.pid)
    card.stop(signal.SIGKILL)
    a = client.answer(40)
    assert a.result == EXCEPTION and a.why, a
    for line in ("read 0", "reset", "buffer 4096"):
        a = client.call(line, 40)
        assert a.result == EXCEPTION and a.why, (line, a)
    other.good(PING)
    assert is_usable(other, HELLO_AFU)
    client.call("close", 40)
    (here.folder / "emu/card0.sock").unlink(missing_ok=True)
    programs(Card)
    soon(lambda: is_usable(other, NLB0))
    soon(lambda: client.call(f"open {GUID}", 40).result == OK)
    assert can_write(client)
    assert len(d.lines("opaed: session")) == len(d.lines("session 1:") + d.lines("session 2:"))


@pytest.mark.parametrize("doing", ["registers", "copies"])
def test_fault_22_the_device_falls_off_the_bus(opaed, here, programs, doing):
    """What is read is all-ones, as on a real bus, or FPGA_EXCEPTION; nothing waits for it."""
    card = programs(Card, faults="gone")
    programs(Card, name="card1", board="hello")
    d = opaed()
    client = programs(Program, remote(here, hosts(d, "unix")))
    other = d.peer()
    if doing == "copies":
        client.copies()
    else:
        client.open()
    card.process.send_signal(signal.SIGUSR1)

    def is_gone():
        a = client.call("read 8", 40)
        return a.result == EXCEPTION or a.value == 2**64 - 1

    soon(is_gone)
    for line in ("reset", "close"):
        a = client.call(line, 40)
        assert a.result in (OK, EXCEPTION) and a.ms < 20000, (line, a)
    other.good(PING)
    assert is_usable(other, HELLO_AFU)
