# SPDX-License-Identifier: BSD-3-Clause
"""vfio-user by hand: packed from the specification, so that it cannot share an error with the C code.

Client is a peer that may send anything; Server is a device that may answer anything."""
import array
import json
import os
import socket
import struct
import threading

VERSION, DMA_MAP, DMA_UNMAP, GET_INFO, GET_REGION_INFO, GET_REGION_IO_FDS = 1, 2, 3, 4, 5, 6
GET_IRQ_INFO, SET_IRQS, REGION_READ, REGION_WRITE, DMA_READ, DMA_WRITE = 7, 8, 9, 10, 11, 12
RESET, WRITE_MULTI, FEATURE = 13, 15, 16
HEADER = struct.Struct("<HHIII")
REPLY, NO_REPLY, ERROR = 0x1, 0x10, 0x20

CAPS = b'{"capabilities":{"max_msg_fds":8,"max_data_xfer_size":1048576}}\0'


def message(command, body=b"", msg_id=1, flags=0, error=0, size=None):
    return HEADER.pack(msg_id, command, 16 + len(body) if size is None else size, flags, error) + body


def recv_exactly(sock, n):
    data = b""
    while len(data) < n:
        piece = sock.recv(n - len(data))
        if not piece:
            raise EOFError("the peer hung up")
        data += piece
    return data


def recv_message(sock):
    """(header tuple, body, fds)"""
    head, ancillary, _, _ = sock.recvmsg(16, socket.CMSG_SPACE(64 * 4))
    if not head:
        raise EOFError("the peer hung up")
    fds = array.array("i")
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    head += recv_exactly(sock, 16 - len(head))
    header = HEADER.unpack(head)
    return header, recv_exactly(sock, header[2] - 16), list(fds)


def send_with_fds(sock, data, fds):
    sock.sendmsg([data], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))])


class Refused(Exception):
    """An error reply; args[0] is the errno."""


class Client:
    alive = []  # so that a test may forget them: close_all()

    def __init__(self, path, greet=True, caps=CAPS):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        Client.alive.append(self)
        self.sock.connect(path)
        self.next_id = -1  # the first is 0, as a refusal that comes before it is heard says
        if greet:
            self.version = self.call(VERSION, struct.pack("<HH", 0, 0) + caps)

    def call(self, command, body=b"", fds=(), flags=0, size=None):
        """Sends a command and returns (body, fds) of its reply."""
        self.next_id += 1
        data = message(command, body, self.next_id, flags, size=size)
        if fds:
            send_with_fds(self.sock, data, fds)
        else:
            self.sock.sendall(data)
        return self.reply(command)

    def reply(self, command):
        (msg_id, got, _, flags, error), body, fds = recv_message(self.sock)
        assert (msg_id, got) == (self.next_id, command), "a reply to something else"
        assert flags & 0xF == REPLY
        if flags & ERROR:
            assert body == b"", "an error reply has no payload"
            for fd in fds:
                os.close(fd)
            raise Refused(error)
        return body, fds

    def read(self, region, offset, count):
        body, _ = self.call(REGION_READ, struct.pack("<QII", offset, region, count))
        assert struct.unpack_from("<QII", body) == (offset, region, count)
        return body[16:]

    def write(self, region, offset, data):
        self.call(REGION_WRITE, struct.pack("<QII", offset, region, len(data)) + data)

    def close(self):
        self.sock.close()

    @classmethod
    def close_all(cls):
        while cls.alive:
            cls.alive.pop().close()


class Server:
    """A device on a socket, on a thread of its own. `script` maps a command to a function
    (server, header, body, fds) that answers in its place; default answers make a card with an
    AFU at BAR0. What `handle` returns False for ends the connection."""

    guid = (0xF89E433683F9040B, 0xD8424DC4A4A3C413)

    def __init__(self, path, script=None):
        self.path = path
        self.script = script or {}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(path)
        self.listener.listen(8)
        self.stopping = False
        self.seen = []
        self.memory = bytearray(0x8000)
        struct.pack_into("<QQQ", self.memory, 0, 0x1000010000000000, *self.guid)
        self.config = bytearray(4096)
        struct.pack_into("<HH", self.config, 0, 0x8086, 0xBCCF)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping:
            try:
                self.sock, _ = self.listener.accept()
            except OSError:
                return
            try:
                while self.handle(*recv_message(self.sock)) is not False:
                    pass
            except (OSError, EOFError, struct.error):
                pass
            self.sock.close()

    def handle(self, header, body, fds):
        self.seen.append(header[1])
        answer = self.script.get(header[1])
        if answer:
            return answer(self, header, body, fds)
        for fd in fds:
            os.close(fd)
        return self.answer(header, body)

    def send(self, header, body=b"", flags=REPLY, error=0, fds=(), size=None, msg_id=None):
        data = message(header[1], body, header[0] if msg_id is None else msg_id, flags, error, size)
        if fds:
            send_with_fds(self.sock, data, fds)
        else:
            self.sock.sendall(data)

    def refuse(self, header, error):
        self.send(header, flags=REPLY | ERROR, error=error)

    def answer(self, header, body):
        command = header[1]
        if command == VERSION:
            self.send(header, struct.pack("<HH", 0, 0) + CAPS)
        elif command == GET_INFO:
            self.send(header, struct.pack("<IIII", 16, 3, 9, 5))
        elif command == GET_REGION_INFO:
            index = struct.unpack_from("<I", body, 8)[0]
            size = {0: len(self.memory), 7: len(self.config)}.get(index, 0)
            self.send(header, struct.pack("<IIIIQQ", 32, 3 if size else 0, index, 0, size, 0))
        elif command == GET_IRQ_INFO:
            index = struct.unpack_from("<I", body, 8)[0]
            self.send(header, struct.pack("<IIII", 16, 1, index, 4 if index == 2 else 0))
        elif command == REGION_READ:
            offset, region, count = struct.unpack_from("<QII", body)
            source = self.config if region == 7 else self.memory
            self.send(header, body[:16] + bytes(source[offset : offset + count]))
        elif command == REGION_WRITE:
            offset, region, count = struct.unpack_from("<QII", body)
            target = self.config if region == 7 else self.memory
            target[offset : offset + count] = body[16:]
            self.send(header, body[:16])
        else:
            self.send(header, body if command == DMA_UNMAP else b"")

    def stop(self):
        """Ends the thread before its descriptors go: a number may be another's at once."""
        self.stopping = True
        for sock in (self.listener, getattr(self, "sock", None)):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except (OSError, AttributeError):
                pass
        self.thread.join(10)
        assert not self.thread.is_alive()
        self.listener.close()


def capabilities(reply):
    text = reply[0][4:]
    assert text.endswith(b"\0")
    return json.loads(text[:-1])["capabilities"]
