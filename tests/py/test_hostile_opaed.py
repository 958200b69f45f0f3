# SPDX-License-Identifier: BSD-3-Clause
"""A server that may answer anything, against our remote client under the `opae` tool: no answer may crash it,
hang it, or keep it from the good server beside it. The servers are the Python peer's, made from
docs/protocol.md."""
import json
import os
import random
import socket
import struct
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import BUILD, SOURCE

sys.path.insert(0, str(SOURCE / "tests/raw"))
import peer  # noqa: E402
from frames import MESSAGES, MORE, ONE_WAY, REPLY, Frame, encode  # noqa: E402

GOOD, BAD = "0000:b1:00.0", "1000:b1:00.0"  # the second host's segments begin at 0x1000


@pytest.fixture
def serve(folder):
    """Starts servers; tool() runs a command of the tool that knows them all."""
    made = []

    def start(session=peer.Session):
        made.append(peer.Server(folder / f"s{len(made)}", session))
        return made[-1]

    yield start
    for s in made:
        s.close()


def configured(folder):
    """The environment of a tool that knows all servers."""
    hosts = [{"unix": str(folder / f"s{n}"), "segment": 0x1000 * n, "name": f"host{n}"} for n in range(2)
             if (folder / f"s{n}").exists()]
    config = folder / "opae.cfg"
    config.write_text(json.dumps({"configurations": {"far": {
        "configuration": {"hosts": hosts, "timeout_ms": 2000, "connect_ms": 3000}, "enabled": True,
        "plugin": "libtcp-opae.so"}}, "plugins": ["far"]}))
    return {**os.environ, "LIBOPAE_CFGFILE": str(config), "OPAEX_EMU_DIR": str(folder / "emu")}


def tool(folder, *args, env=None):
    """The finished tool. It must end by itself, and cleanly, whatever it says."""
    env = env or configured(folder)
    done = subprocess.run([BUILD / "tools/opae", *args], env=env, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60)
    assert 0 <= done.returncode < 20, (done.returncode, done.stderr)
    return done


def listed(folder):
    return json.loads(tool(folder, "list", "--json").stdout)["devices"]


def test_a_good_one_is_used(serve, folder):
    server = serve()
    kinds = sorted(d["type"] for d in listed(folder))
    assert kinds == ["accelerator", "device"]
    server.card.registers[3] = 0x1122334455667788
    done = tool(folder, "mmio", "read", "0x18", "--json")
    assert json.loads(done.stdout)["mmio"]["value"] == 0x1122334455667788, done.stdout + done.stderr
    assert server.card.owner is None
    done = tool(folder, "mmio", "read", "0x50")
    assert done.returncode and "a register that fails" in done.stderr and "host0" in done.stderr


def replaces(name, make):
    """A session whose reply to this message is what make(session, frame) sends."""
    class Odd(peer.Session):
        def reply(self, frame, result, body):
            if frame.op == MESSAGES[name][0]:
                make(self, frame, body)
            else:
                super().reply(frame, result, body)
    return Odd


def before(name, make):
    """The same, and the reply behind it."""
    def both(session, frame, body):
        make(session, frame, body)
        peer.Session.reply(session, frame, 0, body)
    return replaces(name, both)


class Closes(peer.Session):
    def run(self):
        self.close()


class Silent(peer.Session):
    def run(self):
        try:
            while self.sock.recv(65536):
                pass
        except OSError:
            pass
        self.close()


class Noisy(peer.Session):
    def run(self):
        try:
            self.sock.sendall(random.Random(1).randbytes(100000))
        except OSError:
            pass
        self.close()


def answer(**other):
    def make(session, frame, body):
        given = {"flags": REPLY, "id": frame.id, "object": frame.object, "word": 0, "error": 0, "body": body}
        given.update({key: value(frame, body) if callable(value) else value for key, value in other.items()})
        session.send(Frame(other.get("op", frame.op), **{k: v for k, v in given.items() if k != "op"}))
    return make


def raw(data):
    return lambda session, frame, body: session.send_raw(data)


def hang_up(session, frame, body):
    session.sock.shutdown(socket.SHUT_RDWR)


def header(size, head, op=10, flags=REPLY, ident=2):
    return struct.pack("<IHHIIQII", size, head, op, flags, ident, 0, 0, 0)


def without_end(session, frame):
    """Many at a time, or this process would do nothing else."""
    try:
        while True:
            session.send_raw(frame.encode() * 1000)
    except OSError:
        pass


def endless(session, frame, body):
    """Parts of a reply, and never the last."""
    without_end(session, Frame(frame.op, REPLY | MORE, frame.id, frame.object, body=body))


def news(session, frame, body):
    """What the server says by itself, without end, and no reply."""
    op, _, _, form = MESSAGES["PROGRESS"]
    without_end(session, Frame(op, ONE_WAY, 0, 5, body=encode(form, [6, 7])))


def many(session, frame, body):
    session.send(Frame(frame.op, REPLY, frame.id, frame.object, body=body * 300))


def hello(*values):
    return answer(body=encode("qtuusss", values))


PROPS = peer.Properties({"objtype": 1, "object_id": 0x77, "guid": bytes(16)})
ODD = {
    "closes": Closes, "silent": Silent, "noisy": Noisy,
    "hangs up at hello": replaces("HELLO", hang_up),
    "another version": replaces("HELLO", hello(2, 0, 131072, 64, "x", "y", "z")),
    "no version": replaces("HELLO", hello(0, 0, 131072, 64, "x", "y", "z")),
    "features that nobody asked for": replaces("HELLO", hello(1, 2**64 - 1, 131072, 64, "x", "y", "z")),
    "frames of nothing": replaces("HELLO", hello(1, 0, 0, 64, "x", "y", "z")),
    "no calls": replaces("HELLO", hello(1, 0, 131072, 0, "x", "y", "z")),
    "hello cut": replaces("HELLO", answer(body=lambda f, b: b[:20])),
    "hello refused": replaces("HELLO", answer(word=6, body=encode("s", ["\u00e9" * 2000]))),
    "hello refused without words": replaces("HELLO", answer(word=6, body=b"")),
    "hello refused by what is no result": replaces("HELLO", answer(word=2**32 - 1, body=encode("s", ["x"]))),
    "hello without end": replaces("HELLO", endless),
    "another id": replaces("ENUMERATE", answer(id=lambda f, b: f.id + 1)),
    "id 0": replaces("ENUMERATE", answer(id=0)),
    "another message": replaces("ENUMERATE", answer(op=30)),
    "a request": replaces("ENUMERATE", answer(flags=0)),
    "one-way": replaces("ENUMERATE", answer(flags=ONE_WAY)),
    "twice": before("ENUMERATE", answer()),
    "flags": replaces("ENUMERATE", answer(flags=REPLY | 8)),
    "no answer": replaces("ENUMERATE", lambda *_: None),
    "hangs up": replaces("ENUMERATE", hang_up),
    "list cut": replaces("ENUMERATE", answer(body=lambda f, b: b[:-1])),
    "list without end": replaces("ENUMERATE", endless),
    "news at hello": replaces("HELLO", news),
    "news without end": replaces("ENUMERATE", news),
    "list of too many": replaces("ENUMERATE", many),
    "list of rubbish": replaces("ENUMERATE", answer(body=b"\xff" * 1000)),
    "list of the same": replaces("ENUMERATE", answer(body=encode("(ttp)", [[[7, 7, PROPS]] * 20]))),
    "too long": replaces("ENUMERATE", raw(header(131073, 32))),
    "too short": replaces("ENUMERATE", raw(header(31, 32))),
    "head too long": replaces("ENUMERATE", raw(header(300, 257))),
    "half a frame": replaces("ENUMERATE", raw(header(500, 32) + bytes(40))),
    "pushes": before("ENUMERATE", lambda s, f, b: [s.push(*p) for p in [
        ("CHANGED", 0x77, 3, 0, PROPS), ("CHANGED", 0x77, 2, 0, PROPS), ("CHANGED", 0x77, 9, 0, PROPS),
        ("EVENT", 5, 6, 7), ("PROGRESS", 5, 6, 7)]]),
    "data of nothing": before("ENUMERATE", lambda s, f, b: s.push("DATA", 5, 6, 7, b"x" * 5000)),
    "unknown push": before("ENUMERATE", raw(Frame(999, ONE_WAY, body=b"x").encode())),
    "open without a handle": replaces("OPEN", answer(body=b"")),
    "open of too many regions": replaces("OPEN", answer(body=lambda f, b: b + b[-12:] * 500)),
    "open of huge regions": replaces("OPEN", answer(body=lambda f, b: b[:-12] + b"\xff" * 12)),
    "open hangs up": replaces("OPEN", hang_up),
    "a value cut": replaces("READ64", answer(body=b"1234567")),
    "no value": replaces("READ64", lambda *_: None),
    "half a value": replaces("READ64", raw(header(40, 32, 30, REPLY, 4))),
    "a failure without words": replaces("READ64", answer(word=3, body=b"")),
    "a failure that is none": replaces("READ64", answer(word=77, error=2**32 - 1, body=b"\xff\xff")),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_servers(serve, folder, name):
    serve()
    serve(ODD[name])
    env, read = configured(folder), ["mmio", "read", "0", "-t", "accelerator", "-d"]
    with ThreadPoolExecutor() as pool:  # beside each other, for each may have to wait for the odd one
        found, good, bad = pool.map(lambda words: tool(folder, *words, env=env),
                                    (["list", "--json"], [*read, GOOD], [*read, BAD]))
    found = json.loads(found.stdout)["devices"]
    assert {"accelerator", "device"} <= {d["type"] for d in found if d["address"] == GOOD}, found
    assert good.returncode == 0 and "0x1000010000000000" in good.stdout, good.stdout + good.stderr
    assert bad.returncode == 0 or bad.stderr


@pytest.mark.parametrize("name", ["silent", "news at hello", "list without end", "news without end",
                                  "no answer"])
def test_the_doctor_is_not_held(serve, folder, name):
    """It gives up who says nothing, or nothing else, and comes to the next one."""
    serve(ODD[name])
    serve()
    done = tool(folder, "doctor", "--json")
    hosts = [s for s in json.loads(done.stdout)["doctor"]["subjects"] if s["kind"] == "host"]
    assert len(hosts) == 2, done.stdout
    assert "it says nothing for" in json.dumps(hosts[0]) and "it shows 2 to you" in json.dumps(hosts[1])


def test_flipped_bits(serve, folder):
    """Each of the odd one's frames may have bits turned over."""
    chance = random.Random(7)

    class Flips(peer.Session):
        def send(self, frame):
            data = bytearray(frame.encode())
            if chance.randrange(2):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
            self.send_raw(bytes(data))

    serve()
    serve(Flips)
    for _ in range(12):
        assert len([d for d in listed(folder) if d["address"] == GOOD]) == 2
        tool(folder, "mmio", "read", "0", "-d", BAD, "-t", "accelerator")


def test_what_a_server_says_is_escaped(serve, folder):
    """A terminal does nothing odd with it."""
    serve(replaces("HELLO", answer(word=9, body=struct.pack("<H", 9) + b"\x1b[2J evil")))
    said = tool(folder, "doctor").stdout
    assert r"it refuses: \x1b[2J evil" in said and "\x1b" not in said
    done = tool(folder, "sessions", "--to", str(folder / "s0"))
    assert done.returncode == 1 and r"\x1b[2J evil" in done.stderr and "\x1b" not in done.stderr
