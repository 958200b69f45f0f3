# SPDX-License-Identifier: BSD-3-Clause
"""Frames and types of the wire protocol, written from docs/protocol.md alone: nothing here is taken from the
tables that ours are made of."""
import dataclasses
import struct

MAGIC, VERSION = 0x4541504F, 1
REPLY, ONE_WAY, MORE = 1, 2, 4
HEADER = struct.Struct("<IHHIIQII")
BULK, FRAME_MIN, FRAME, STRING_MAX, HEAD_MAX = 65536, 16384, 131072, 4096, 256
TRACKED = 1  # a feature
READ_ONLY, EXPLICIT, TRACK = 1, 2, 4  # flags of PREPARE
PAGE, HOLD_MAX, CUT_MAX = 4096, 1 << 20, 65536

RESULTS = ("OK INVALID_PARAM BUSY EXCEPTION NOT_FOUND NO_MEMORY NOT_SUPPORTED NO_DRIVER NO_DAEMON NO_ACCESS "
           "RECONF_ERROR").split()
(OK, INVALID_PARAM, BUSY, EXCEPTION, NOT_FOUND, NO_MEMORY, NOT_SUPPORTED, NO_DRIVER, NO_DAEMON, NO_ACCESS,
 RECONF_ERROR) = range(11)
DEVICE, ACCELERATOR = 0, 1

# name: number, kind, request, reply
MESSAGES = {name: (number, kind, request, reply) for number, name, kind, request, reply in [
    (1, "HELLO", "CALL", "uqqtuus", "qtuusss"), (2, "PING", "CALL", "", ""),
    (3, "SESSIONS", "CALL", "", "(usssttut)"), (4, "KICK", "CALL", "u", ""),
    (10, "ENUMERATE", "CALL", "(p)", "(ttp)"), (11, "PROPERTIES", "CALL", "", "tp(us)"),
    (12, "CHANGED", "PUSH", "", "utp"), (13, "ERROR_READ", "CALL", "u", "t"),
    (14, "ERROR_CLEAR", "CALL", "u", ""), (15, "ERROR_CLEAR_ALL", "CALL", "", ""),
    (16, "ERROR_INFO", "CALL", "u", "sy"),
    (20, "OPEN", "LONG", "u", "ttp(tu)"), (21, "CLOSE", "LONG", "", ""), (22, "RESET", "CALL", "", ""),
    (23, "QUIESCE", "CALL", "", ""), (24, "HANDLE_PROPERTIES", "CALL", "", "tp(us)"),
    (25, "FAILED", "PUSH", "", ""),
    (30, "READ64", "CALL", "ut", "t"), (31, "READ32", "CALL", "ut", "u"), (32, "WRITE", "POST", "(uutt)", ""),
    (33, "WRITE512", "POST", "utb", ""), (34, "POLL", "WAIT", "uttttt", "ut"),
    (35, "READ_BLOCK", "CALL", "utu", "b"),
    (40, "PREPARE", "CALL", "tu", "tt"), (41, "RELEASE", "CALL", "t", ""), (42, "PUSH", "POST", "ttb", ""),
    (43, "PULL", "CALL", "ttu", "b"), (44, "DATA", "PUSH", "", "ttb"), (45, "PIN", "CALL", "ttt", ""),
    (46, "UNPIN", "CALL", "ttt", ""), (47, "HOLD", "CALL", "tttt", "t"), (48, "DROP", "POST", "tttt", ""),
    (49, "WRITEBACK", "POST", "tttub", ""),
    (50, "EVENT_REGISTER", "CALL", "uut", ""), (51, "EVENT_UNREGISTER", "CALL", "ut", ""),
    (52, "EVENT", "PUSH", "", "tt"), (55, "STALE", "PUSH", "", "ttt"), (56, "CUT", "PUSH", "", "t"),
    (60, "ASSIGN_PORT", "LONG", "uuu", ""), (61, "ASSIGN", "LONG", "tuu", ""),
    (62, "UNASSIGN", "LONG", "t", ""), (63, "RECONF_BEGIN", "CALL", "utu", ""),
    (64, "RECONF_DATA", "POST", "tb", ""), (65, "RECONF_RUN", "LONG", "", ""),
    (66, "PROGRESS", "PUSH", "", "tt"), (67, "CLOCK_SET", "LONG", "ttu", ""),
    (68, "CLOCK_GET", "CALL", "u", "tt"),
    (70, "TOKEN_OBJECT", "CALL", "su", "tu"), (71, "HANDLE_OBJECT", "CALL", "su", "tu"),
    (72, "OBJECT_OBJECT", "CALL", "su", "tu"), (73, "OBJECT_AT", "CALL", "t", "tu"),
    (74, "OBJECT_SIZE", "CALL", "u", "u"), (75, "OBJECT_READ", "CALL", "tuu", "b"),
    (76, "OBJECT_READ64", "CALL", "u", "t"), (77, "OBJECT_WRITE64", "CALL", "tu", ""),
    (78, "OBJECT_DESTROY", "CALL", "", ""),
    (80, "METRIC_COUNT", "CALL", "", "t"), (81, "METRIC_INFO", "CALL", "", "(tgssssuu)"),
    (82, "METRIC_READ", "CALL", "(t)", "(tty)"), (83, "METRIC_READ_NAMED", "CALL", "(s)", "(tty)"),
    (84, "METRIC_LIMITS", "CALL", "", "(ssutsutsutsutsutsutsut)"),
    (90, "FABRIC", "CALL", "", "ssgg"), (91, "EXPOSE", "CALL", "t", "ttt"),
    (92, "FETCH", "PUSH", "", "ttt"), (93, "LANDED", "POST", "tttuut", "")]}
NAMES = {number: name for name, (number, *_) in MESSAGES.items()}


class Malformed(Exception):
    """What the other end sent is against the page; the connection ends."""


class BadBody(Exception):
    """A body that does not fit its form."""


class Failed(Exception):
    """A reply whose result is not OK."""

    def __init__(self, name, result, error, reason):
        super().__init__(f"{name}: {RESULTS[result] if result < len(RESULTS) else result}: {reason}")
        self.result, self.error, self.reason = result, error, reason


# ---- types ----

# member, its letter, its bit in valid
MEMBERS = [("objtype", "I", 0x1), ("segment", "H", 0x2), ("bus", "B", 0x4), ("device", "B", 0x8),
           ("function", "B", 0x10), ("socket_id", "B", 0x20), ("vendor_id", "H", 0x40),
           ("device_id", "H", 0x80), ("subsystem_vendor_id", "H", 0x1000),
           ("subsystem_device_id", "H", 0x2000), ("guid", "16s", 0x100), ("object_id", "Q", 0x200),
           ("num_errors", "I", 0x400), ("interface", "I", 0x800), ("num_slots", "I", 0x10000),
           ("major", "B", 0x40000), ("minor", "B", 0x40000), ("patch", "H", 0x40000),
           ("bbs_id", "Q", 0x20000), ("state", "I", 0x100000), ("num_mmio", "I", 0x200000),
           ("num_interrupts", "I", 0x400000)]
BLOCK = struct.Struct("<I" + "".join(letter for _, letter, _ in MEMBERS))
HOSTNAME = 0x4000
RANGES = {"objtype": 2, "interface": 5, "state": 2}


@dataclasses.dataclass
class Properties:
    """Those that are set, by name; "hostname" is text."""
    values: dict = dataclasses.field(default_factory=dict)

    def __getattr__(self, name):
        return self.__dict__["values"].get(name)

    def encode(self):
        valid = sum({bit for name, _, bit in MEMBERS if name in self.values})
        valid |= HOSTNAME if "hostname" in self.values else 0
        numbers = [self.values.get(name, bytes(16) if letter == "16s" else 0) for name, letter, _ in MEMBERS]
        return BLOCK.pack(valid, *numbers) + encode("s", [self.values.get("hostname", "")])

    @classmethod
    def decode(cls, block):
        if len(block) < BLOCK.size:
            raise BadBody("a block of properties is too short")
        valid, *numbers = BLOCK.unpack_from(block)
        hostname, = decode("s", block[BLOCK.size:])
        values = {}
        for (name, _, bit), number in zip(MEMBERS, numbers):
            if not valid & bit:
                continue
            if name in RANGES and number >= RANGES[name]:
                raise BadBody(f"{name} is {number}")
            values[name] = number
        if valid & HOSTNAME:
            values["hostname"] = hostname
        return cls(values)


NUMBERS = {"y": "<B", "q": "<H", "u": "<I", "t": "<Q"}


def encode_one(letter, value):
    if letter in NUMBERS:
        return struct.pack(NUMBERS[letter], value)
    if letter == "g":
        return bytes(value)
    if letter == "s":
        text = value.encode()
        return struct.pack("<H", len(text)) + text
    if letter == "b":
        return struct.pack("<I", len(value)) + bytes(value)
    block = value.encode()
    return struct.pack("<H", len(block)) + block


def encode(form, values):
    """Groups are the last value: a list of lists."""
    plain, _, group = form.partition("(")
    out = b"".join(encode_one(letter, value) for letter, value in zip(plain, values))
    assert len(values) == len(plain) + bool(group), (form, values)
    for members in values[len(plain)] if group else []:
        out += encode(group[:-1], members)
    return out


class Reader:
    def __init__(self, body):
        self.body, self.at = body, 0

    def take(self, size):
        if size > len(self.body) - self.at:
            raise BadBody(f"{size} bytes are wanted, and {len(self.body) - self.at} are there")
        self.at += size
        return self.body[self.at - size:self.at]

    def number(self, letter):
        layout = NUMBERS[letter]
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def one(self, letter):
        if letter in NUMBERS:
            return self.number(letter)
        if letter == "g":
            return self.take(16)
        if letter == "b":
            return self.take(self.number("u"))
        if letter == "p":
            return Properties.decode(self.take(self.number("q")))
        text = self.take(self.number("q"))
        if len(text) > STRING_MAX or b"\0" in text:
            raise BadBody("a string is too long, or has a NUL")
        try:
            return text.decode()
        except UnicodeDecodeError as e:
            raise BadBody("a string is no UTF-8") from e


def decode(form, body):
    """The values; what is behind them is ignored, unless the form ends in groups."""
    plain, _, group = form.partition("(")
    reader = Reader(body)
    values = [reader.one(letter) for letter in plain]
    if group:
        groups = []
        while reader.at < len(body):
            groups.append([reader.one(letter) for letter in group[:-1]])
        values.append(groups)
    return values


# ---- frames ----

@dataclasses.dataclass
class Frame:
    op: int
    flags: int = 0
    id: int = 0
    object: int = 0
    word: int = 0  # budget or result
    error: int = 0
    body: bytes = b""
    tail: bytes = b""

    def encode(self):
        head = HEADER.size + len(self.tail)
        return HEADER.pack(head + len(self.body), head, self.op, self.flags, self.id, self.object, self.word,
                           self.error) + self.tail + self.body


def judge(header, largest):
    """(size, head, Frame without its body), or Malformed."""
    size, head, op, flags, ident, obj, word, error = HEADER.unpack(header)
    if head < HEADER.size or head > HEAD_MAX or size < head or size > largest:
        raise Malformed(f"a frame of {size} bytes with a header of {head}")
    if flags & 0xFFFF not in (0, REPLY, ONE_WAY, REPLY | MORE):
        raise Malformed(f"flags {flags:#x}")
    return size, head, Frame(op, flags, ident, obj, word, error)


class Connection:
    """Frames over a socket. Its timeout bounds every wait."""

    def __init__(self, sock, timeout=20):
        self.sock, self.largest, self.buffer = sock, FRAME, b""
        sock.settimeout(timeout)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, frame):
        self.sock.sendall(frame.encode())

    def send_raw(self, data):
        self.sock.sendall(data)

    def _exactly(self, size):
        while len(self.buffer) < size:
            try:
                data = self.sock.recv(max(65536, size - len(self.buffer)))
            except ConnectionResetError:
                data = b""
            if not data:
                raise EOFError("the connection has ended")
            self.buffer += data
        data, self.buffer = self.buffer[:size], self.buffer[size:]
        return data

    def recv(self):
        size, head, frame = judge(self._exactly(HEADER.size), self.largest)
        rest = self._exactly(size - HEADER.size)
        frame.tail, frame.body = rest[:head - HEADER.size], rest[head - HEADER.size:]
        return frame
