# SPDX-License-Identifier: BSD-3-Clause
"""Litmus programs: what is seen on the emulated card, directly and with an opaed between, the model allows.

Few of them, for this runs always; tests/litmus/run takes as long as it is told to."""
import re
import subprocess
import sys
from collections import Counter

import pytest
from conftest import BUILD, SOURCE, TREE, needs_tracker

sys.path.insert(0, str(SOURCE / "tests/litmus"))
from stage import KINDS, TRACKERS, WAYS, Stage, summary  # noqa: E402

LIMIT_S = 600
PROMISES = ["local", *TRACKERS]
SHAPES = 47
PROGRAMS, RUNS = 40, 5
# What a sanitizer finds by TCP it finds by a unix socket or by TLS as well.
REMOTE = WAYS[1:] if TREE == "plain" else [w for w in WAYS[1:] if w != "tcp"]
HOW = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": LIMIT_S}


def litmus(*options):
    return subprocess.run([BUILD / "tests/litmus/litmus", *options], **HOW)


def outcomes(text, tracker):
    done = litmus("--model", "--tracker", tracker, "--program", text)
    assert done.returncode == 0, done.stdout
    return int(re.search(r"allowed: (\d+) outcomes", done.stdout).group(1))


@pytest.mark.parametrize("way,tracker", [("local", "eager")] + [
    (w, t) for w in REMOTE for t in TRACKERS if (w, t) != ("rdma", "eager")])  # nothing of which goes by RDMA
def test_programs(way, tracker):
    needs_tracker(tracker)
    if way == "rdma-plugin" and not (BUILD / "plugins/rdma/librdma-opae.so").exists():
        pytest.skip("built without libfabric's headers, so there is no librdma-opae.so")
    with Stage(BUILD, way, tracker) as stage:
        done = stage.litmus("--runs", str(RUNS), "--programs", str(PROGRAMS), "--seconds", "5",
                            "--seam-us", "0" if way == "local" else "100", **HOW)
    assert done.returncode == 0, done.stdout
    s = summary(done.stdout)
    assert s.named == SHAPES and s.programs >= PROGRAMS and sum(s.kinds) == s.programs
    assert all(s.kinds), f"a kind is missing: {done.stdout}"
    assert s.runs == RUNS * (s.named * s.times + s.programs) and (s.outside, s.hung) == (0, 0)
    assert s.states > 100 * s.programs


@pytest.mark.once
def test_all_shapes_have_a_name_of_their_own():
    names = [line.split()[0] for line in litmus("--shape", "list").stdout.splitlines()]
    assert len(names) == len(set(names)) == SHAPES
    groups = Counter(re.match("[a-z]+", name)[0] for name in names)
    for group in ("mp", "poll", "false", "ring", "queue", "two", "release", "store", "same"):
        assert groups[group] >= 2, group


@pytest.mark.once
@pytest.mark.parametrize("tracker", PROMISES)
def test_the_model_judges_each_shape_and_most_programs(tracker):
    done = litmus("--model", "--tracker", tracker, "--programs", "300")
    assert done.returncode == 0, done.stdout
    s = summary(done.stdout)
    assert (s.named, s.programs, s.runs) == (SHAPES, 300, 0) and sum(s.rejected) < 100
    assert min(s.kinds) > 20


@pytest.mark.once
@pytest.mark.parametrize("kind", KINDS)
def test_programs_of_one_kind(kind):
    done = litmus("--model", "--kind", kind, "--programs", "50")
    s = summary(done.stdout)
    assert s.named > 0 and s.kinds == [50 * (k == kind) for k in KINDS]


def test_what_is_outside_is_told():
    """Two handles have a promise each; the model of one memory does not know that."""
    with Stage(BUILD, "unix", "eager") as stage:
        text = "x@0.0/8 y@2.0/8 | P x=0x1 y=0x2 m0=0x1 | D m0==0x1 ?x ?y"
        done = subprocess.run([BUILD / "tests/litmus/litmus", "--program", text, "--runs", "2",
                               "--tracker", "local"], env=stage.env, **HOW)
    assert done.returncode == 1, done.stdout
    assert f"--program '{text}'" in done.stdout and "D0: ?y=0x0" in done.stdout
    s = summary(done.stdout)
    assert "allowed: 1 outcomes" in done.stdout and (s.named, s.runs, s.outside) == (1, 2, 2)


@pytest.mark.parametrize("shape", ["false-sharing-word", "queue", "queue-event", "two-handles-up"])
def test_a_wrong_end_is_told(shape):
    """Of either accelerator: the program's end is changed behind its back, and the device's is not."""
    with Stage(BUILD, "unix", "eager") as stage:
        done = stage.litmus("--shape", shape, "--runs", "2", "--spoil", **HOW)
    s = summary(done.stdout)
    assert done.returncode == 1 and (s.named, s.runs, s.outside) == (1, 2, 2), done.stdout
    assert "device's end" in done.stdout.split("allowed:")[0]


def test_a_run_without_end_is_no_outcome():
    """Without a register write the eager tracker sends nothing, and this runner makes none."""
    with Stage(BUILD, "unix", "eager") as stage:
        done = subprocess.run([BUILD / "tests/litmus/litmus", "--tracker", "eager", "--patience", "2",
                               "--program", "f@0.0/8 | P f=1 | D f==1"], env=stage.env, **HOW)
    s = summary(done.stdout)
    assert done.returncode == 3 and (s.runs, s.outside, s.hung) == (1, 0, 1), done.stdout
    assert "NO END within 2 s" in done.stdout and "--program 'f@0.0/8 | P f=0x1" in done.stdout


@pytest.mark.once
def test_a_soak_has_a_line_for_each_way():
    done = subprocess.run([SOURCE / "tests/litmus/soak", "--build", BUILD, "--programs", "5", "--runs", "2",
                           "local", "unix-eager"], **HOW)
    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["local", "unix-eager"]
    for line in lines:
        assert f" {SHAPES} by name 1 times" in line and f" {2 * (SHAPES + 5)} runs, 0 outside" in line


@pytest.mark.once
def test_the_rules_are_few():
    """Who doubts them is to read them all."""
    assert len((SOURCE / "tests/litmus/rules.c").read_text(encoding="utf-8").splitlines()) <= 400


# Textbook programs, and how many outcomes each has: on one memory, and with two.
KNOWN = [
    ("x@0.0/8 f@0.4096/8 | P x=1 f=1 | D ?f ?x", 3, 4),  # message passing: not f without x
    ("x@0.4096/8 f@0.0/8 | P x=1 m0=1 | D m0==1 ?x", 1, 1),
    ("x@0.4096/8 f@0.0/8 | P ?f ?x | D x=1 f=1", 3, 3),
    ("x@0.4096/8 | P r4==1 ?x | D x=1 r4=1", 1, 1),
    ("x@0.4096/8 | P event ?x | D x=1 irq", 1, 1),
    ("x@0.0/8 y@0.64/8 | P x=1 ?y | D y=1 ?x", 4, 4),  # store buffering
    ("x@0.0/8 y@0.64/8 | P x=1 fence ?y | D y=1 ?x", 3, 4),
    ("x@0.0/8 y@0.64/8 | P x=1 fence ?y | P y=1 fence ?x | D", 3, 3),
    ("x@0.64/8 f@0.0/8 | P x=1 f=1 | D ?f ?x", 3, 3),  # the flag in front
    ("x@0.0/8 f@0.64/8 | P x=1 f=1 | D ?f ?x", 3, 4),
    ("x@0.0/8 | P ?x ?x | D x=1 x=2", 6, 6),  # one word has one order
    ("x@0.0/1 y@0.1/1 | P x=1 m0=1 ?y | D y=1 m0==1 ?x", 2, 2),
    ("x@0.0/8 f@0.4096/8 | P x=1 m0=1 f=1 | D ?f ?x", 3, 3),  # a register write between is an order
    ("x@2.0/8 f@0.4096/8 | P x=1 m0=1 f=1 | D ?f ?x", 3, 4),  # but not one by the other handle
    ("x@0.0/8 f@0.4096/8 | P x=0x1111 f=1 | D ?f ?x", 3, 3),  # nor does the shorter change overtake
    ("x@0.0/8 f@0.4096/8 | P f=1 x=0x1111 | D ?x ?f", 3, 4),
    ("x@0.0/8 y@1.0/8 | P free0 ?y | D y=1 x=1", 3, 4),
    ("c@0.0/8 d@0.64/8 x@0.4096/8 y@1.0/8 | P x=0x1111 c=1 d==1 ?y | Q c==1 y:=x d=1", 1, 1),
    ("c@0.0/8 d@0.64/8 x@0.4096/8 y@1.0/8 | P x=1 c=1 d==1 ?y | Q c==1 y:=x d=1", 1, 2),
    ("c@0.0/8 d@0.64/8 x@1.0/8 y@1.8/8 | P x=1 m0=1 c=1 event ?y | Q c==1 y:=x d=1 irq", 1, 1),
]


@pytest.mark.once
@pytest.mark.parametrize("text,one,two", KNOWN)
def test_the_model_knows_textbook_programs(text, one, two):
    assert (outcomes(text, "local"), outcomes(text, "trap")) == (one, two)


@pytest.mark.once
def test_eager_has_what_trap_has_and_more():
    for text, _, _ in KNOWN:
        assert outcomes(text, "eager") >= outcomes(text, "trap")
    same = "x@0.64/8 f@0.0/8 | P ?f ?x | D x=0x1 f=0x1"
    shorter = "x@0.64/8 f@0.0/8 | P ?f ?x | D x=0x1111111111111111 f=0x1"
    assert (outcomes(same, "eager"), outcomes(shorter, "eager")) == (4, 3)


@pytest.mark.once
@pytest.mark.parametrize("text,why", [
    ("x@0.0/8 | P ?x | D x==1", "it can get stuck"),
    ("x@0.0/8 | P x=1 m0=1 x=2 m1=1 x=1 | D x=3", "would have to be told apart"),
    ("x@0.0/4 y@0.4/4 | P x=3 y=4 | D x=1 y=2", "would have to be told apart"),
])
def test_a_program_that_is_not_judged_is_not_run(text, why):
    done = litmus("--model", "--tracker", "eager", "--program", text)
    assert done.returncode == 2 and why in done.stdout, done.stdout


@pytest.mark.once
@pytest.mark.parametrize("text,why", [
    ("x@0.0/3 | P", "a place has 1, 2, 4 or 8 bytes"),
    ("x@9.0/8 | P", "there are buffers 0 to 3"),
    ("x@0.0/8 | P z=1", "there is no such step"),
    ("x@0.0/1 | P x=256", "longer than its place"),
    ("x@0.0/8 | P irq", "the other side alone"),
    ("x@0.0/8 | P | P | P", "a section begins with"),
    ("x@0.0/8 c@0.64/8 | Q c==1 x=1", "a poller's steps are"),
    ("c@0.0/8 d@0.64/8 x@0.128/8 | P c=1 | Q c==1 x:=x d=2", "a poller's steps are"),
    ("c@0.0/8 d@0.64/8 x@0.128/8 | P free0 | Q c==1 x:=x d=1", "no buffer of the poller's"),
    ("x@0.0/8 | P ?x | D irq", "for each irq there is one event"),
    ("x@0.0/8 | P event event | D irq", "for each irq there is one event"),
])
def test_a_text_that_is_wrong(text, why):
    done = litmus("--model", "--program", text)
    assert done.returncode == 2 and why in done.stdout, done.stdout
