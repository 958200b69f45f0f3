# SPDX-License-Identifier: BSD-3-Clause
"""`opae bench`: its shape and its arithmetic, and that it leaves nothing behind. Never its times."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from conftest import BUILD, SOURCE, TREE, Machine

RAW = sorted((SOURCE / "bench/raw").glob("*.c"))
ROWS = """mmio-read mmio-read-2-threads mmio-write mmio-write-2-threads mmio-read-trapped
mmio-read-trapped-p99 properties enumerate-N-cold enumerate-N-cold-2ms enumerate-N-warm-per-card
enumerate-N-warm-messages buffer-64MiB loopback-1MiB loopback-1MiB-trapped initialize""".split()
NO_TARGET = {"mmio-read-trapped-p99", "loopback-1MiB-trapped"}
TIMES = {"mmio-read-2-threads": 1.2, "mmio-write-2-threads": 1.2, "mmio-read-trapped": 1.25,
         "enumerate-N-cold": 0.7, "enumerate-N-cold-2ms": 0.05, "buffer-64MiB": 1.3,
         "loopback-1MiB": 2}
REMOTE_ROWS = [name.replace("WAY", way) for way in ("unix", "tcp") for name in """mmio-read-WAY
mmio-read-WAY-p99 mmio-write-WAY last-write-WAY last-write-WAY-p99 last-write-asleep-WAY
last-write-asleep-WAY-p99 event-WAY event-WAY-p99 push-4KiB-WAY push-64KiB-WAY pull-4KiB-WAY pull-64KiB-WAY
read-beside-push-WAY-p99 session-of-N-WAY-p99 session-idle-pss-WAY quiet-client-WAY
quiet-server-WAY connect-WAY connect-WAY-p99""".split()] + ["enumerate-N-first", "enumerate-N-later"]
# A build without TLS does not have them.
TLS_ROWS = """mmio-read-tls mmio-read-tls-p99 last-write-tls last-write-tls-p99 last-write-asleep-tls
last-write-asleep-tls-p99 event-tls event-tls-p99 push-4KiB-tls push-64KiB-tls pull-4KiB-tls pull-64KiB-tls
connect-tls connect-tls-p99 strangers-silent-tls-p99 strangers-begun-tls-p99""".split()
# Where pages can be tracked, and everywhere.
TRAP_ROWS = [name.replace("WAY", way) for way in ("unix", "tcp") for name in """memory-read-4KiB-WAY
memory-write-4KiB-WAY memory-input-4KiB-WAY memory-read-random-WAY
memory-write-random-WAY doorbell-64MiB-untouched-WAY
doorbell-64MiB-resident-WAY flag-WAY flag-WAY-p99 flag-late-WAY flag-late-WAY-p99 flag-card-WAY
flag-card-WAY-p99 job-WAY job-register-WAY job-card-WAY job-register-card-WAY""".split()]
EAGER_ROWS = [name.replace("WAY", way) for way in ("unix", "tcp") for name in """memory-write-4KiB-eager-WAY
doorbell-64KiB-eager-WAY flag-eager-WAY flag-eager-WAY-p99 job-eager-WAY
job-register-eager-WAY""".split()]
REMOTE_PLUS = {r"doorbell-.*-(untouched|resident)-\w+": 1000}
REMOTE_TIMES = {r"strangers-.*": 2, r"mmio-read-(unix|tcp|tls|rdma)": 1.25, r"mmio-read-\w+-p99": 1.5,
                r"read-beside-push-.*": 3,
                r"session-of-.*": 2, r"job-(unix|tcp)": 3, r"job-register-(unix|tcp)": 3}
REMOTE_AT_MOST = {r"mmio-write-\w+": 125, r"last-write-(unix|tcp|tls|rdma)": 50, r"connect-.*": 15,
                  r"session-idle-.*": 4, r"quiet-.*": 1}
PLUS = {"mmio-read": 4, "mmio-write": 4}
AT_MOST = {"properties": 60, "enumerate-N-warm-per-card": 5, "enumerate-N-warm-messages": 0,
           "initialize": 2000}


@pytest.fixture
def bench(machine):
    """The benchmark with a private folder for what it makes, as both users."""
    tmp = machine.folder / "tmp"
    tmp.mkdir()
    if machine.user:
        os.chown(tmp, machine.user.pw_uid, machine.user.pw_gid)
    machine.env["TMPDIR"] = str(tmp)
    machine.tmp = tmp
    return machine


def children_of(folder):
    """Processes that have to do with the folder, by command line or environment."""
    found = []
    for p in Path("/proc").glob("[0-9]*"):
        try:
            text = (p / "cmdline").read_bytes() + (p / "environ").read_bytes()
        except OSError:
            continue
        if str(folder).encode() in text and int(p.name) != os.getpid():
            found.append(text.replace(b"\0", b" ").decode(errors="replace"))
    return found


def await_card(bench, process):
    end = time.monotonic() + 30
    while not list(bench.tmp.glob("*/*/card0.sock")):
        assert time.monotonic() < end and process.poll() is None


def nothing_is_left(bench):
    assert list(bench.tmp.iterdir()) == []
    end = time.monotonic() + 30
    while children_of(bench.tmp):
        assert time.monotonic() < end, children_of(bench.tmp)


def test_json(bench):
    out = json.loads(bench.good("opae", "bench", "local", "--quick", "--json"))
    assert list(out) == ["schema", "machine", "rows"] and out["schema"] == 1
    assert re.search(r", \d+ cores, Linux \S+ \S+$", out["machine"])
    names = [re.sub(r"^enumerate-\d+", "enumerate-N", r["name"]) for r in out["rows"]]
    assert names == ROWS
    for name, row in zip(names, out["rows"]):
        assert list(row) == ["name", "unit", "value", "reference", "ratio", "target", "met"]
        value, reference, target = row["value"], row["reference"], row["target"]
        assert reference > 0 and value >= 0 and row["unit"] in ("ns", "us", "messages")
        assert row["ratio"] == pytest.approx(value / reference, rel=1e-9)
        assert row["met"] is (target is None or value <= target)
        assert (target is None) == (name in NO_TARGET)
        if name in TIMES:
            assert target == pytest.approx(reference * TIMES[name], abs=0.001)
        elif name in PLUS:
            assert target == pytest.approx(reference + PLUS[name], abs=0.001)
        elif name in AT_MOST:
            assert target == AT_MOST[name]
    nothing_is_left(bench)


HAS_FABRIC = (BUILD / "bench/raw/exchange-fabric").exists()


def has_tls(machine):
    return "built without TLS" not in machine.run("opae", "cert", "show").stderr


def remote(bench, *args):
    out = json.loads(bench.good("opae", "bench", "remote", "--quick", "--json", *args, timeout=900))
    assert list(out) == ["schema", "machine", "tracker", "rows"]
    nothing_is_left(bench)
    return out


def check_rows(rows):
    for row in rows:
        assert list(row) == ["name", "unit", "value", "reference", "ratio", "target", "met"]
        value, reference, target = row["value"], row["reference"], row["target"]
        assert reference > 0 and value >= 0 and row["unit"] in ("ns", "us", "ms", "MiB", "%")
        assert row["ratio"] == pytest.approx(value / reference, rel=1e-9)
        assert row["met"] is (target is None or value <= target)
        times = next((t for n, t in REMOTE_TIMES.items() if re.fullmatch(n, row["name"])), None)
        most = next((t for n, t in REMOTE_AT_MOST.items() if re.fullmatch(n, row["name"])), None)
        plus = next((t for n, t in REMOTE_PLUS.items() if re.fullmatch(n, row["name"])), None)
        if times:
            assert target == pytest.approx(reference * times, abs=0.001)
        elif plus:
            assert target == pytest.approx(reference + plus, abs=0.001)
        elif re.fullmatch(r"flag-(unix|tcp|rdma)", row["name"]):
            assert target == pytest.approx(2 * reference + 20, abs=0.003)
        elif row["name"].endswith("-first"):
            assert target == pytest.approx(max(reference, 1000) + 50, abs=0.001)
        elif row["name"].endswith("-later"):
            assert target == pytest.approx(1.2 * reference + 20, abs=0.01)
        else:
            assert target == most


def test_remote_json(bench):
    out = remote(bench)
    rows, trap = out["rows"], out["tracker"] == "trap"
    assert trap or out["tracker"].startswith("eager: ")
    names = [re.sub(r"\d+(?=-first|-later|-unix-p99|-tcp-p99)", "N", r["name"]) for r in rows]
    assert sorted(names) == sorted(REMOTE_ROWS + EAGER_ROWS + (TRAP_ROWS if trap else []))
    check_rows(rows)


def test_remote_json_tls(bench):
    if not has_tls(bench):
        pytest.skip("built without TLS")
    only = "mmio-read,last-write,event,push,pull,connect,strangers"
    rows = remote(bench, "--transport", "tls", "--only", only)["rows"]
    assert [r["name"] for r in rows] == TLS_ROWS
    check_rows(rows)


def test_all_transports(bench):
    if not has_tls(bench):
        pytest.skip("built without TLS")
    rows = remote(bench, "--transport", "all", "--only", "connect")["rows"]
    assert [r["name"] for r in rows] == [
        f"connect-{way}{p99}" for way in ("unix", "tcp", "tls") for p99 in ("", "-p99")]


def test_by_rdma(bench):
    if not HAS_FABRIC:
        pytest.skip("built without libfabric")
    rows = remote(bench, "--transport", "rdma", "--only", "mmio-read,push-4KiB,pull-4KiB")["rows"]
    assert [r["name"] for r in rows] == [
        "mmio-read-rdma", "mmio-read-rdma-p99", "push-4KiB-rdma", "pull-4KiB-rdma"]
    check_rows(rows)


def test_rdma_needs_a_build_that_has_it(bench):
    if HAS_FABRIC:
        pytest.skip("this build has RDMA")
    done = bench.run("opae", "bench", "remote", "--quick", "--transport", "rdma")
    assert done.returncode == 1 and "was built without RDMA" in done.stderr and done.stdout == ""
    nothing_is_left(bench)


def test_tls_needs_a_build_that_has_it(bench):
    if has_tls(bench):
        pytest.skip("this build has TLS")
    for transport in ("tls", "all"):
        done = bench.run("opae", "bench", "remote", "--quick", "--transport", transport)
        assert done.returncode == 1 and "was built without TLS" in done.stderr and done.stdout == ""
    nothing_is_left(bench)


def test_some_remote_rows(bench):
    names = [r["name"] for r in remote(bench, "--transport", "unix", "--only", "mmio-read,push-4KiB")["rows"]]
    assert names == ["mmio-read-unix", "mmio-read-unix-p99", "push-4KiB-unix"]
    names = [r["name"] for r in remote(bench, "--transport", "tcp", "--only", "mmio-read-tcp-p99")["rows"]]
    assert names == ["mmio-read-tcp-p99"]


@pytest.mark.parametrize("only, words", [
    ("nothing", "there is no row 'nothing'"), ("mmio-read,,event", "there is no row ''"),
    ("push-5KiB", "none of these rows exists: push-5KiB")])
def test_no_such_remote_row(bench, only, words):
    done = bench.run("opae", "bench", "remote", "--quick", "--only", only)
    assert done.returncode == 1 and words in done.stderr and done.stdout == ""
    nothing_is_left(bench)


def test_table(bench):
    lines = bench.good("opae", "bench", "local", "--quick").splitlines()
    assert lines[0].startswith("machine: ") and lines[1].startswith("value: ")
    head = next(i for i, line in enumerate(lines) if line.startswith("name "))
    rows = [line.split() for line in lines[head + 1:]]
    assert len(rows) == len(ROWS)
    assert all(r[5] in ("yes", "NO") or (r[4], r[5]) == ("-", "-") for r in rows)


def test_a_users_configuration_and_cards_are_left_alone(bench):
    env = bench.config('{"plugins": ["nothing"], "configurations": {"nothing": {"configuration": {},'
                       ' "enabled": true, "plugin": "libnothing.so"}}}')
    bench.start()
    socket = bench.folder / "emu/card0.sock"
    env["OPAEX_INVENTORY_DIR"] = str(bench.folder / "inventory")
    bench.good("opae", "bench", "local", "--quick", env=env)
    assert socket.exists() and not (bench.folder / "inventory").exists()


@pytest.mark.parametrize("sig", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_it_in_order(bench, sig):
    """As soon as it has a card; and once more, from somebody who cannot wait."""
    who = {"user": bench.user.pw_uid, "group": bench.user.pw_gid, "extra_groups": []} \
        if bench.user else {}
    p = subprocess.Popen([bench.bin / "opae", "bench", "local"], env=bench.env,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **who)
    await_card(bench, p)
    p.send_signal(sig)
    p.send_signal(sig)
    out, err = p.communicate(timeout=120)
    assert p.returncode == -sig and "interrupted" in err and out == ""
    nothing_is_left(bench)


def test_a_killed_one_takes_its_programs_along(bench):
    p = subprocess.Popen([bench.bin / "opae", "bench", "local"], env=bench.env,
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    await_card(bench, p)
    p.kill()
    p.wait()
    end = time.monotonic() + 30
    while children_of(bench.tmp):
        assert time.monotonic() < end, children_of(bench.tmp)


@pytest.fixture
def broken(installed, folder):
    """An installed tree of one's own, to take something away from."""
    shutil.copytree(installed, folder / "prefix", symlinks=True)
    m = Machine(folder / "prefix", folder, None)
    m.tmp = folder / "tmp"
    m.tmp.mkdir()
    m.env["TMPDIR"] = str(m.tmp)
    return m


@pytest.mark.parametrize("missing, words", [
    ("libexec/opae/bench/access", "the raw reference 'access' is missing"),
    ("libexec/opae/bench/copy", "the raw reference 'copy' is missing"),
    ("bin/opae-emu", "there is no opae-emu beside this program"),
    ("libexec/opae/bench/exchange", "the raw reference 'exchange' is missing"),
    ("libexec/opae/libbench-device.so", "the device to measure with is missing"),
    ("bin/opaed", "there is no opaed beside this program")])
def test_something_is_missing(broken, missing, words):
    (broken.prefix / missing).unlink()
    which = "remote" if missing.endswith(("exchange", "opaed", ".so")) else "local"
    more = ["--only", "job"] if missing.endswith(".so") else []
    done = broken.run("opae", "bench", which, "--quick", *more)
    assert done.returncode == 1 and words in done.stderr and done.stdout == ""
    nothing_is_left(broken)


@pytest.mark.parametrize("program, words", [
    ("exit 3", "ended without an answer"), ("read go; echo what", "copy: what"),
    ("exec cat", "copy: go")])
def test_a_reference_that_fails(broken, program, words):
    path = broken.prefix / "libexec/opae/bench/copy"
    path.write_text(f"#!/bin/sh\n{program}\n")
    done = broken.run("opae", "bench", "local", "--quick")
    assert done.returncode == 1 and words in done.stderr
    nothing_is_left(broken)


def test_a_card_that_does_not_start(broken):
    path = broken.prefix / "bin/opae-emu"
    path.write_text("#!/bin/sh\necho no card today\n")
    done = broken.run("opae", "bench", "local", "--quick")
    assert done.returncode == 1 and "the emulated card says: no card today" in done.stderr
    nothing_is_left(broken)


def test_usage(here):
    for args in ((), ("nothing",), ("local", "--fast"), ("local", "--only", "mmio-read"), ("subject",),
                 ("hosts",), ("crowd",), ("strangers",), ("remote", "--transport", "pipe"),
                 ("remote", "--only")):
        assert here.run("opae", "bench", *args).returncode in (1, 2)


@pytest.mark.once
@pytest.mark.parametrize("path", RAW, ids=lambda p: p.stem)
def test_raw_references_are_raw(path, tmp_path):
    text = path.read_text()
    fabric = "<rdma/fi_cm.h>" in text
    assert text.count("\n") <= (220 if fabric else 145)  # a connection takes libfabric many words
    assert not re.findall(r'#\s*include\s*"', text)
    assert all("opae" not in header for header in re.findall(r"#\s*include\s*<([^>]*)>", text))
    more = ["-lssl", "-lcrypto"] if "<openssl/ssl.h>" in text else []
    if more and not Path("/usr/include/openssl/ssl.h").exists():
        pytest.skip("no OpenSSL to build it with")
    if fabric and not HAS_FABRIC:
        pytest.skip("no libfabric to build it with")
    more += ["-lfabric"] if fabric else []
    # Nothing of the project is needed to build it, either.
    subprocess.run(["gcc", "-O2", "-D_GNU_SOURCE", "-o", tmp_path / "raw", path, "-ldl", *more], check=True,
                   env={"PATH": os.environ["PATH"]})


def test_all_raw_references_are_installed(here):
    not_built = (set() if has_tls(here) else {"exchange-tls"}) | (
        set() if HAS_FABRIC else {"exchange-fabric"})
    assert TREE and {p.stem for p in RAW} - not_built == {
        p.name for p in (here.prefix / "libexec/opae/bench").iterdir()}
