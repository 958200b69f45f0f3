# SPDX-License-Identifier: BSD-3-Clause
"""The ways from a program to an opaed whose RDMA is verbs, and what both need in a guest: certificates,
configurations, cards, the programs themselves."""
import json
import subprocess

from rig import BUILD

LIMITS = {"memlock": 512 << 20}
EXERCISER = BUILD / "samples/host_exerciser"
PROGRAMS = [BUILD / "lib/opae", BUILD / "lib/libopae-c.so.2", BUILD / "plugins/tcp/libtcp-opae.so",
            BUILD / "plugins/rdma/librdma-opae.so", BUILD / "plugins/vfio/libv-opae.so",
            BUILD / "daemon/opaed", BUILD / "daemon/opaed-worker", BUILD / "daemon/opaed-rdma",
            BUILD / "emu/opae-emu", EXERCISER]
TLS_WORKER = BUILD / "daemon/opaed-worker-tls"
HAS_TLS = TLS_WORKER.exists()
# The kind of listener, its port, TLS. Content goes by RDMA in all of them.
WAYS = {"tcp": ("tcp", 8447, False), "rdma": ("rdma", 8448, False)}
if HAS_TLS:
    PROGRAMS.append(TLS_WORKER)
    WAYS |= {"tcp-tls": ("tcp", 8457, True), "rdma-tls": ("rdma", 8458, True)}
USED = "content goes by RDMA (verbs)"
PKI = "/etc/pki"


def certificates(m, folder, address):
    """An authority, what opaed shows at this address, and what its client shows, into the guest m. They are
    made in the folder, once for all guests."""
    if not HAS_TLS:
        return
    opae = BUILD / "tools/opae"
    if not (folder / "ca.crt").exists():
        for words in (["init"], ["issue", "card", address], ["issue", "--client", "alice"]):
            subprocess.run([opae, "cert", *words, "--dir", folder], check=True, stdout=subprocess.DEVNULL)
    m.image.text(f"{PKI}/ca.crt", (folder / "ca.crt").read_bytes())
    for name in ("card", "alice"):
        for suffix, mode in (("crt", 0o644), ("key", 0o600)):
            m.image.text(f"{PKI}/{name}.{suffix}",
                         (folder / f"issued/{name}/{name}.{suffix}").read_bytes(), mode)


def shown(name):
    return {"ca": f"{PKI}/ca.crt", "cert": f"{PKI}/{name}.crt", "key": f"{PKI}/{name}.key"}


def opaed(m, path, address, ways):
    """The configuration of one that listens for all of these."""
    clear = {"clear": True, "public": True}
    listen = [{kind: f"{address}:{port}", **({"tls": shown("card")} if tls else clear)}
              for kind, port, tls in (WAYS[w] for w in ways)]
    m.image.text(path, json.dumps({
        "listen": listen, "rdma": {"provider": "verbs", "least": 64, "data_in_clear": True},
        "policy": [{"principal": "*", "see": ["*"], "allow": ["*"]}],
        "plugins": {"plugins": ["cards"], "configurations": {
            "cards": {"plugin": "libv-opae.so", "enabled": True, "configuration": {}}}}}))


def program(m, path, address, way):
    """The configuration of a program that goes this way."""
    kind, port, tls = WAYS[way]
    host = {"host": address, "port": port, **({"provider": "verbs"} if kind == "rdma" else {}),
            **({"tls": shown("alice")} if tls else {})}
    m.image.text(path, json.dumps({"plugins": ["far"], "configurations": {"far": {
        "plugin": f"lib{kind}-opae.so", "enabled": True, "configuration": {
            "hosts": [host], "connect_ms": 60000, "timeout_ms": 60000, "data": "rdma",
            "rdma_least": 1, "data_in_clear": True, "tracker": "trap"}}}}))


def env(way):
    return {"LIBOPAE_CFGFILE": f"/etc/opae-{way}.cfg", "LIBOPAE_LOG": "2"}


def staged(m, name, boards, script, uid, ways=("tcp",), config="/etc/opaed.cfg", **how):
    """A script beside cards of these boards and an opaed of this user's, which end with it; what opaed says
    follows its output. It begins when opaed listens for all of these ways; the first one is the program's."""
    stage = f"/tmp/stage{uid}"
    cards = [f"{BUILD}/emu/opae-emu --socket {stage}/{b}.sock --board {b} >{stage}/{b}.log 2>&1 &\n"
             f"until grep -q 'card ready' {stage}/{b}.log; do sleep 0.05; done" for b in boards]
    m.sh(name, "\n".join([
        f"rm -rf {stage}; mkdir -m 700 {stage}", *cards,
        f"{BUILD}/daemon/opaed --config {config} 2>{stage}/opaed.log &",
        "opaed=$! rc=0",
        f"until [ $(grep -c 'listening on' {stage}/opaed.log) = {len(ways)} ]; do",
        f"    sleep 0.05; kill -0 $opaed || {{ cat {stage}/opaed.log; exit 1; }}", "done",
        "(", script, ") || rc=$?", "kill $opaed", "wait $opaed || rc=$?",
        f"cat {stage}/opaed.log", "exit $rc"]),
        env={"OPAEX_EMU_DIR": stage, "OPAEX_INVENTORY_DIR": stage, **env(ways[0])},
        **{"limits": LIMITS, "uid": uid, **how})
