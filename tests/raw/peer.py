#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Both ends of the wire protocol, written from docs/protocol.md alone: the reference that ours are held
against. The server plays one card whose registers and memory are a few lines of Python.

    peer.py HOST:PORT | PATH      says HELLO, lists what there is, and reads the first register of each
    peer.py --serve PATH          serves the card until it is interrupted"""
import dataclasses
import os
import socket
import struct
import sys
import threading
import time

from frames import (ACCELERATOR, BULK, BUSY, DEVICE, EXCEPTION, EXPLICIT, FRAME, FRAME_MIN, HOLD_MAX,
                    INVALID_PARAM, MAGIC, MESSAGES, MORE, NAMES, NOT_FOUND, NOT_SUPPORTED, OK, ONE_WAY, PAGE,
                    READ_ONLY, REPLY, TRACK, TRACKED, VERSION, BadBody, Connection, Failed, Frame, Malformed,
                    Properties, decode, encode)


def address(text):
    """A socket that is connected to HOST:PORT, vsock:CID:PORT or a path."""
    if "/" in text:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(text)
        return sock
    host, _, port = text.removeprefix("vsock:").rpartition(":")
    if text.startswith("vsock:"):
        sock = socket.socket(socket.AF_VSOCK, socket.SOCK_STREAM)
        sock.connect((int(host), int(port)))
        return sock
    sock = socket.create_connection((host.strip("[]"), int(port)), timeout=20)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


# ---- the client ----

class Client(Connection):
    def __init__(self, sock, timeout=20, program="peer.py"):
        super().__init__(sock, timeout)
        self.program, self.next_id = program, 0
        self.replies, self.pushed = {}, []  # of requests under way: frames; what came unasked

    def hello(self, **other):
        fields = {"magic": MAGIC, "lowest": VERSION, "highest": VERSION, "features": 0, "frame": FRAME,
                  "calls": 64, "program": self.program, **other}
        names = ("version", "features", "frame", "calls", "server", "host", "principal")
        self.agreed = dict(zip(names, self.call("HELLO", 0, *fields.values())))
        return self.agreed

    def start(self, name, obj=0, *values, budget=20000):
        """Sends a request; the id, for finish()."""
        number, kind, form, _ = MESSAGES[name]
        assert kind != "PUSH"
        self.next_id += 1
        self.send(Frame(number, 0, self.next_id, obj, budget, body=encode(form, values)))
        self.replies[self.next_id] = []
        return self.next_id

    def post(self, name, obj, *values):
        number, kind, form, _ = MESSAGES[name]
        assert kind == "POST"
        self.send(Frame(number, ONE_WAY, 0, obj, body=encode(form, values)))

    def take(self):
        """Reads a frame and puts it where it belongs."""
        frame = self.recv()
        if frame.flags & REPLY:
            if frame.id not in self.replies:
                raise Malformed(f"a reply to {frame.id}, which is not under way")
            self.replies[frame.id].append(frame)
            return
        name = NAMES.get(frame.op)
        if not frame.flags & ONE_WAY or frame.id or (name and MESSAGES[name][1] != "PUSH"):
            raise Malformed(f"a server does not send {name or frame.op} so")
        if name:
            self.pushed.append((name, frame.object, decode(MESSAGES[name][3], frame.body)))

    def finish(self, ident):
        """The values of the reply; groups of several frames together."""
        frames = self.replies[ident]
        while not frames or frames[-1].flags & MORE:
            self.take()
        del self.replies[ident]
        last, name = frames[-1], NAMES.get(frames[-1].op, "what is not known")
        if last.word:
            raise Failed(name, last.word, last.error, decode("s", last.body)[0])
        form = MESSAGES[name][3]
        parts = [decode(form, f.body) for f in frames]
        if "(" in form:
            parts[0][-1] = [group for part in parts for group in part[-1]]
        return parts[0]

    def call(self, name, obj=0, *values, budget=20000):
        return self.finish(self.start(name, obj, *values, budget=budget))

    def await_push(self, name):
        """The first of that name that has come, or comes."""
        while not any(p[0] == name for p in self.pushed):
            self.take()
        return self.pushed.pop(next(i for i, p in enumerate(self.pushed) if p[0] == name))

    # What tests want often.

    def enumerate(self, *filters):
        return self.call("ENUMERATE", 0, [[f] for f in filters])[0]

    def open(self, objtype=ACCELERATOR):
        """Opens the first of that type; its handle."""
        ident = next(i for i, _, p in self.enumerate() if p.objtype == objtype)
        return self.call("OPEN", ident, 0)[0]

    def read64(self, handle, offset, region=0):
        return self.call("READ64", handle, region, offset)[0]

    def write64(self, handle, offset, value, region=0):
        self.call("WRITE", handle, [[region, 8, offset, value]])


# ---- the server ----

class Card:
    """A device with one accelerator. Registers are words of 8 bytes; of these do something:
    0x40 adds its value to each byte of every buffer, 0x48 makes as many interrupts, 0x50 cannot be read."""
    DEVICE_ID, ACCELERATOR_ID, REGION = 0x11, 0x22, 0x1000

    def __init__(self):
        self.registers = [0] * (self.REGION // 8)
        self.registers[0] = 0x1000010000000000
        self.owner = None
        self.lock = threading.Lock()

    def objects(self):
        common = {"vendor_id": 0x8086, "device_id": 0xBCCE, "bus": 0xB1, "segment": 0, "device": 0,
                  "function": 0, "interface": 0, "hostname": "peer", "num_errors": 0}
        return {
            self.DEVICE_ID: (0, Properties({**common, "objtype": DEVICE, "object_id": self.DEVICE_ID,
                                            "guid": bytes(16), "num_slots": 1})),
            self.ACCELERATOR_ID: (self.DEVICE_ID, Properties({
                **common, "objtype": ACCELERATOR, "object_id": self.ACCELERATOR_ID,
                "guid": bytes(range(16)), "num_mmio": 1, "num_interrupts": 1,
                "state": int(self.owner is None)}))}


@dataclasses.dataclass
class Buffer:
    memory: bytearray
    twin: bytearray
    handle: int
    flags: int
    held: set = dataclasses.field(default_factory=set)  # of one that is tracked: pages
    claims: list = dataclasses.field(default_factory=list)  # of cut, at, end

    def runs(self, at, end):
        """[from, to) of each run of bytes that differ from the twin."""
        found, inside = [], False
        for i in range(at, end):
            differs = self.memory[i] != self.twin[i]
            if differs and not inside:
                found.append([i, i])
            inside = differs
            if differs:
                found[-1][1] = i + 1
        return found

    def page(self, number):
        return number * PAGE, min((number + 1) * PAGE, len(self.memory))


class Session(Connection):
    """Serves one client. A request's method is named after it and returns the reply's values."""

    def __init__(self, sock, card):
        super().__init__(sock)
        self.card, self.greeted, self.next = card, False, 0x100000000
        self.handles, self.buffers, self.events = {}, {}, {}
        self.failed = {}  # handle: what was posted and failed
        self.features, self.cuts, self.stale = 0, {}, {}  # of handles: the last cut, and the last with STALE
        self.peer_largest = FRAME_MIN

    def run(self):
        try:
            while self.serve(self.recv()):
                pass
        except (Malformed, EOFError, OSError):
            pass
        finally:
            if self.card.owner is self:
                self.card.owner = None
            self.close()

    def reply(self, frame, result, body):
        self.send(Frame(frame.op, REPLY, frame.id, frame.object, result, body=body))

    def push(self, name, obj, *values):
        self.send(Frame(MESSAGES[name][0], ONE_WAY, 0, obj, body=encode(MESSAGES[name][3], values)))

    def serve(self, frame):
        """False: the connection ends."""
        name = NAMES.get(frame.op)
        one_way = bool(frame.flags & ONE_WAY)
        kind = MESSAGES[name][1] if name else "POST"
        if not self.greeted and (name != "HELLO" or one_way or frame.flags & REPLY or not frame.id):
            return False
        if frame.flags & REPLY or kind == "PUSH" or (one_way and kind != "POST") or (
                not one_way and not frame.id):
            return False
        result, body, goes_on = self.outcome(frame, name, one_way)
        if not one_way:
            self.reply(frame, result, body)
        elif result and frame.object in self.handles and frame.object not in self.failed:
            self.failed[frame.object] = result, body
            self.push("FAILED", frame.object)
        return goes_on

    def outcome(self, frame, name, one_way):
        if not name:
            return NOT_SUPPORTED, encode("s", [f"message {frame.op} is not known"]), True
        if not one_way and name != "CLOSE" and frame.object in self.failed:
            return *self.failed.pop(frame.object), True
        try:
            method = getattr(self, name, None)
            values = decode(MESSAGES[name][2], frame.body)
            if not method:
                raise Failed(name, NOT_SUPPORTED, 0, f"{name} is not played here")
            with self.card.lock:
                out = method(frame.object, *values)
            return OK, encode(MESSAGES[name][3], out or []), True
        except BadBody as e:
            if name == "HELLO":
                raise Malformed from e
            return INVALID_PARAM, encode("s", [f"{name}: {e}"]), True
        except Failed as e:
            reason = f"posted {name}: {e.reason}" if one_way else e.reason
            return e.result, encode("s", [reason]), self.greeted

    # ---- messages ----

    def HELLO(self, _, magic, lowest, highest, features, frame, calls, program):
        if magic != MAGIC:
            raise Malformed("no HELLO")
        if self.greeted:
            raise Failed("HELLO", INVALID_PARAM, 0, "HELLO is the first frame alone")
        if not lowest <= VERSION <= highest:
            raise Failed("HELLO", NOT_SUPPORTED, 0, f"version {VERSION} alone is spoken here")
        if frame < FRAME_MIN:
            raise Failed("HELLO", INVALID_PARAM, 0, f"frames of {frame} bytes are too short")
        self.greeted, self.peer_largest = True, frame
        self.features = features & TRACKED
        return [VERSION, self.features, FRAME, max(1, min(calls, 64)), "peer.py", socket.gethostname(),
                "anybody"]

    def PING(self, _):
        pass

    def ENUMERATE(self, _, filters):
        wanted = [f.values for f, in filters]
        return [[[ident, parent, props] for ident, (parent, props) in self.card.objects().items()
                 if not wanted or any(w.items() <= props.values.items() for w in wanted)]]

    def object(self, ident):
        try:
            return self.card.objects()[ident]
        except KeyError:
            raise Failed("", NOT_FOUND, 0, f"there is no object {ident:#x}") from None

    def handle(self, handle):
        if handle not in self.handles:
            raise Failed("", INVALID_PARAM, 0, f"there is no open handle {handle:#x}")
        return self.handles[handle]

    def PROPERTIES(self, ident):
        return [*self.object(ident), [[0x2000, "this card has no subsystem"]]]

    def HANDLE_PROPERTIES(self, handle):
        return self.PROPERTIES(self.handle(handle))

    def OPEN(self, ident, flags):
        parent, props = self.object(ident)
        accelerator = ident == self.card.ACCELERATOR_ID
        if accelerator and self.card.owner:
            raise Failed("OPEN", BUSY, 16, "somebody has it open")
        if accelerator:
            self.card.owner = self
        self.next += 1
        self.handles[self.next] = ident
        return [self.next, parent, props, [[self.card.REGION, 2 | 4 | 8]] if accelerator else []]

    def CLOSE(self, handle):
        if self.handle(handle) == self.card.ACCELERATOR_ID:
            self.card.owner = None
            self.buffers.clear()
            self.events.clear()
        del self.handles[handle]
        self.failed.pop(handle, None)

    def RESET(self, handle):
        self.handle(handle)
        self.card.registers[1:] = [0] * (len(self.card.registers) - 1)

    def QUIESCE(self, handle):
        self.handle(handle)

    def at(self, handle, region, offset, size):
        self.handle(handle)
        if region or offset % size or offset > self.card.REGION - size:
            raise Failed("", INVALID_PARAM, 0, f"region {region}, offset {offset:#x} is outside")
        return offset // 8

    def tell(self):
        """What the device wrote goes ahead of the reply."""
        for wsid, b in self.buffers.items():
            if not b.flags and b.memory != b.twin:
                for at in range(0, len(b.memory), BULK // 4):
                    if b.memory[at:at + BULK // 4] != b.twin[at:at + BULK // 4]:
                        self.push("DATA", b.handle, wsid, at, b.memory[at:at + BULK // 4])
                b.twin[:] = b.memory
        told = {b.handle for wsid, b in self.buffers.items() for page in sorted(b.held)
                if self.tell_page(wsid, b, page)}
        for handle in told:
            self.cuts[handle] = self.cuts.get(handle, 0) + 1
            self.push("CUT", handle, self.cuts[handle])

    def tell_page(self, wsid, b, page):
        """Is there something new?"""
        at, end = b.page(page)
        runs, cut = b.runs(at, end), self.cuts.get(b.handle, 0) + 1
        if len(runs) > 32 or sum(to - start for start, to in runs) > 1024:
            b.held.remove(page)
            self.stale[b.handle] = cut
            self.push("STALE", b.handle, wsid, at, PAGE)
            return True
        for start, to in runs:
            self.push("DATA", b.handle, wsid, start, b.memory[start:to])
            b.twin[start:to] = b.memory[start:to]
            b.claims.append((cut, start, to))
        return bool(runs)

    def READ64(self, handle, region, offset):
        value = self.card.registers[self.at(handle, region, offset, 8)]
        if offset == 0x50:
            raise Failed("READ64", EXCEPTION, 5, "a register that fails")
        self.tell()
        return [value]

    def READ32(self, handle, region, offset):
        value = self.card.registers[self.at(handle, region, offset, 4)]
        self.tell()
        return [value >> 8 * (offset % 8) & 0xFFFFFFFF]

    def READ_BLOCK(self, handle, region, offset, size):
        if not size or size % 8 or size > BULK:
            raise Failed("READ_BLOCK", INVALID_PARAM, 0, f"{size} bytes")
        first = self.at(handle, region, offset, 8)
        self.at(handle, region, offset + size - 8, 8)
        self.tell()
        return [struct.pack(f"<{size // 8}Q", *self.card.registers[first:first + size // 8])]

    def store(self, handle, place, value):
        self.card.registers[place] = value
        if place == 0x40 // 8:
            for b in self.buffers.values():
                b.memory[:] = bytes((byte + value) & 0xFF for byte in b.memory)
        if place == 0x48 // 8 and value:
            for number in self.events:
                self.push("EVENT", handle, number, value)

    def WRITE(self, handle, writes):
        self.handle(handle)
        if not writes:
            raise BadBody("nothing to write")
        first = None
        for region, width, offset, value in writes:
            try:
                if width not in (4, 8) or value >> 8 * width:
                    raise Failed("WRITE", INVALID_PARAM, 0, f"a width of {width} bytes")
                place = self.at(handle, region, offset, width)
            except Failed as e:
                first = first or Failed("WRITE", e.result, 0, f"region {region}, offset {offset:#x}, "
                                        f"value {value:#x}: {e.reason}")
                continue
            shift = 8 * (offset % 8)
            keep = 0 if width == 8 else ~(0xFFFFFFFF << shift) & (1 << 64) - 1
            self.store(handle, place, self.card.registers[place] & keep | value << shift)
        if first:
            raise first

    def WRITE512(self, handle, region, offset, line):
        if len(line) != 64 or offset % 64:
            raise Failed("WRITE512", INVALID_PARAM, 0, f"{len(line)} bytes at {offset:#x}")
        place = self.at(handle, region, offset, 64)
        for n, value in enumerate(struct.unpack("<8Q", line)):
            self.store(handle, place + n, value)

    def POLL(self, handle, region, offset, mask, expected, interval, timeout):
        """A look and no more: nobody else writes here meanwhile."""
        value, = self.READ64(handle, region, offset)
        return [int(value & mask == expected), value]

    def PREPARE(self, handle, size, flags):
        self.handle(handle)
        if not size or size > 1 << 26:
            raise Failed("PREPARE", INVALID_PARAM, 0, f"{size} bytes")
        known = READ_ONLY | EXPLICIT | (TRACK if self.features & TRACKED else 0)
        if flags & ~known or (flags & TRACK and flags & EXPLICIT):
            raise Failed("PREPARE", INVALID_PARAM, 0, f"flags {flags:#x}")
        self.next += 1
        self.buffers[self.next] = Buffer(bytearray(size), bytearray(size), handle, flags)
        return [self.next, self.next << 12]

    def memory(self, handle, wsid, offset, size, missing=NOT_FOUND):
        self.handle(handle)
        if wsid not in self.buffers:
            raise Failed("", missing, 0, f"there is no buffer {wsid}")
        if size > BULK or offset + size > len(self.buffers[wsid].memory):
            raise Failed("", INVALID_PARAM, 0, f"{size} bytes at {offset:#x} are outside")
        return self.buffers[wsid]

    def RELEASE(self, handle, wsid):
        self.memory(handle, wsid, 0, 0, INVALID_PARAM)
        del self.buffers[wsid]

    def PUSH(self, handle, wsid, offset, data):
        b = self.memory(handle, wsid, offset, len(data))
        b.memory[offset:offset + len(data)] = b.twin[offset:offset + len(data)] = data

    def PULL(self, handle, wsid, offset, size):
        b = self.memory(handle, wsid, offset, size)
        b.twin[offset:offset + size] = b.memory[offset:offset + size]
        return [bytes(b.memory[offset:offset + size])]

    def tracked(self, handle, wsid, seen):
        """The client has read that cut."""
        b = self.memory(handle, wsid, 0, 0)
        if not b.flags & TRACK or seen > self.cuts.get(handle, 0):
            raise Failed("", INVALID_PARAM, 0, f"not tracked, or cut {seen} was not sent")
        for each in self.buffers.values():
            if each.handle == handle:
                each.claims = [c for c in each.claims if c[0] > seen]
        return b

    def pages(self, handle, wsid, offset, size, seen):
        b = self.tracked(handle, wsid, seen)
        pages = range(offset // PAGE, (offset + size) // PAGE)
        if b.flags & READ_ONLY or offset % PAGE or size % PAGE or not 0 < size <= HOLD_MAX or (
                pages[-1] * PAGE >= len(b.memory)):
            raise Failed("", INVALID_PARAM, 0, f"{size} bytes at {offset:#x} are no pages to hold")
        return b, pages

    def HOLD(self, handle, wsid, offset, size, seen):
        b, pages = self.pages(handle, wsid, offset, size, seen)
        b.held.difference_update(pages)
        self.tell()
        for at, end in map(b.page, pages):
            if b.memory[at:end] != b.twin[at:end]:
                self.push("DATA", handle, wsid, at, b.memory[at:end])
                b.twin[at:end] = b.memory[at:end]
        b.held.update(pages)
        return [size]

    def DROP(self, handle, wsid, offset, size, seen):
        b, pages = self.pages(handle, wsid, offset, size, seen)
        if not b.held.issuperset(pages) and seen >= self.stale.get(handle, 0):
            raise Failed("DROP", INVALID_PARAM, 0, "they are not held")
        b.held.difference_update(pages)

    # A peer that polls nothing: short changes need not wait for the end of their group.
    def WRITEBACK(self, handle, wsid, offset, seen, more, data):
        end = offset + len(data)
        b = self.memory(handle, wsid, offset, len(data))
        if more > (1 if data else 0) or offset % PAGE or (len(data) % PAGE and end != len(b.memory)):
            raise Failed("WRITEBACK", INVALID_PARAM, 0, "no whole pages")
        b = self.tracked(handle, wsid, seen)
        claimed = {at for _, start, to in b.claims for at in range(start, to)}
        for at, byte in enumerate(data, offset):
            if byte != b.twin[at] and at not in claimed:
                b.memory[at] = b.twin[at] = byte

    def EVENT_REGISTER(self, handle, kind, flags, number):
        self.handle(handle)
        if kind or flags or number in self.events:
            raise Failed("EVENT_REGISTER", INVALID_PARAM, 0, f"type {kind}, flags {flags}")
        self.events[number] = handle

    def EVENT_UNREGISTER(self, handle, kind, number):
        self.handle(handle)
        if self.events.pop(number, None) is None:
            raise Failed("EVENT_UNREGISTER", INVALID_PARAM, 0, f"there is no event {number}")


class Server:
    """One thread for each client; a unix socket. Tests give sessions that behave otherwise."""

    def __init__(self, path, session=Session):
        self.card, self.sessions, self.session = Card(), [], session
        self.listening = socket.socket(socket.AF_UNIX)
        self.listening.bind(str(path))
        self.listening.listen()
        self.thread = threading.Thread(target=self.accept, daemon=True)
        self.thread.start()

    def accept(self):
        while True:
            try:
                sock, _ = self.listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self.session(sock, self.card).run, daemon=True)
            self.sessions.append((sock, thread))
            thread.start()

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.listening.close()
        for sock, thread in self.sessions:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            thread.join()


def show(text):
    with Client(address(text)) as client:
        agreed = client.hello()
        print(f"{agreed['server']} on {agreed['host']}, version {agreed['version']}, "
              f"takes you for {agreed['principal']!r}")
        for ident, parent, props in client.enumerate():
            print(f"{ident:#x} in {parent:#x}: {props.values}")
            if props.objtype != ACCELERATOR:
                continue
            try:
                handle, _, _, regions = client.call("OPEN", ident, 0)
                print(f"    regions {regions}; the first register {client.read64(handle, 0):#x}")
                client.call("CLOSE", handle)
            except Failed as e:
                print(f"    {e}")


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--serve":
        server = Server(sys.argv[2])
        try:
            while True:
                time.sleep(3600)
        except KeyboardInterrupt:
            server.close()
            os.unlink(sys.argv[2])
    elif len(sys.argv) == 2:
        show(sys.argv[1])
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
