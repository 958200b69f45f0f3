# SPDX-License-Identifier: BSD-3-Clause
"""A client that gives memory by messages alone and, as QEMU, none while it waits for an answer."""
import os
import select
import struct

import vu


class Lender(vu.Client):
    def lend(self, at, size):
        """The memory at that address; the server reaches it by asking for it."""
        self.far, self.far_at, self.asked = bytearray(os.urandom(size)), at, []
        self.call(vu.DMA_MAP, struct.pack("<IIQQQ", 32, 3, 0, at, size))
        return self.far

    def take(self):
        header, body, _ = vu.recv_message(self.sock)
        if header[1] in (vu.DMA_READ, vu.DMA_WRITE):
            self.asked.append((header, body))
            return None
        return header, body

    def give(self):
        """Answers what it was asked for meanwhile."""
        for (msg_id, command, *_), body in self.asked:
            at, count = struct.unpack_from("<QQ", body)
            at -= self.far_at
            if command == vu.DMA_WRITE:
                self.far[at:at + count] = body[16:]
            data = bytes(self.far[at:at + count]) if command == vu.DMA_READ else b""
            self.sock.sendall(vu.message(command, body[:16] + data, msg_id, vu.REPLY))
        self.asked.clear()

    def reply(self, command):
        if not hasattr(self, "far"):
            return super().reply(command)
        found = None
        while not found:
            found = self.take()
        (msg_id, got, _, _, error), body = found
        assert (msg_id, got, error) == (self.next_id, command, 0)
        self.give()
        return body, []

    def rest(self):
        """Nothing is waited for: what it is asked for it gives at once."""
        while select.select([self.sock], [], [], 0.01)[0]:
            assert not self.take()
            self.give()
