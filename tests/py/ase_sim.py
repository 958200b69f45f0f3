#!/usr/bin/python3
# SPDX-License-Identifier: BSD-3-Clause
"""Plays a simulation with an emulated card: ase_sim.py EMU [card's options] [its own] --fd N

What comes on descriptor N goes to the card and back, with the descriptors that come along, until one side
hangs up. --mark FILE is given a line with the process's id at each start; --stay lives on after the other
side has hung up, and --deaf ignores SIGTERM too; --silent never answers; --exit CODE ends at once."""
import array
import ctypes
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

PR_SET_PDEATHSIG = 1


def take(args, name, value=True):
    if name not in args:
        return None
    at = args.index(name)
    found = args[at + 1] if value else name
    del args[at:at + (2 if value else 1)]
    return found


def pump(near, far):
    ends = {near: far, far: near}
    while True:
        for s in select.select(list(ends), [], [])[0]:
            try:
                data, ancillary, _, _ = s.recvmsg(1 << 20, socket.CMSG_SPACE(64 * 4))
            except ConnectionError:
                return
            if not data:
                return
            fds = array.array("i")
            for level, kind, body in ancillary:
                if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                    fds.frombytes(body[:len(body) - len(body) % fds.itemsize])
            sent = socket.send_fds(ends[s], [data], fds) if fds else ends[s].send(data)
            ends[s].sendall(data[sent:])
            for fd in fds:
                os.close(fd)


def main():
    args = sys.argv[1:]
    near = socket.socket(fileno=int(take(args, "--fd")))
    near.setblocking(True)
    mark, code = take(args, "--mark"), take(args, "--exit")
    stay, deaf, silent = (take(args, name, False) for name in ("--stay", "--deaf", "--silent"))
    if mark:
        with open(mark, "a", encoding="ascii") as f:
            f.write(f"{os.getpid()}\n")
    print("hello from the simulation", flush=True)
    if code:
        sys.exit(int(code))
    if deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if silent:
        signal.pause()
    folder = tempfile.mkdtemp(prefix="ase-sim.")
    card = subprocess.Popen([args[0], "--socket", folder + "/s", *args[1:]], stdout=subprocess.PIPE,
                            preexec_fn=lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL))
    assert b"card ready" in card.stdout.readline()
    far = socket.socket(socket.AF_UNIX)
    far.connect(folder + "/s")
    shutil.rmtree(folder)
    pump(near, far)
    far.close()
    card.terminate()
    card.wait()
    while stay or deaf:
        signal.pause()
    print("the simulation has ended", flush=True)


main()
