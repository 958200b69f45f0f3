# SPDX-License-Identifier: BSD-3-Clause
"""Litmus programs: what is seen on the emulated card, directly and with an opaed between, the model allows.

Few of them, for this runs always; tests/litmus/run takes as long as it is told to."""
import re
import subprocess
import sys

import pytest
from conftest import BUILD, SOURCE, needs_tracker

sys.path.insert(0, str(SOURCE / "tests/litmus"))
from stage import TRACKERS, WAYS, Stage  # noqa: E402

LIMIT_S = 240
HOW = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "timeout": LIMIT_S}


def litmus(*options):
    return subprocess.run([BUILD / "tests/litmus/litmus", *options], **HOW)


def seen(done):
    """(programs, runs, outside) of the closing lines"""
    found = re.search(r"(\d+) programs,.*; (\d+) runs, (\d+) outside", done.stdout)
    assert found, done.stdout
    return tuple(int(n) for n in found.groups())


def outcomes(text, tracker):
    done = litmus("--model", "--tracker", tracker, "--program", text)
    assert done.returncode == 0, done.stdout
    return int(re.search(r"allowed: (\d+) outcomes", done.stdout).group(1))


@pytest.mark.parametrize("way,tracker", [("local", "eager")] + [(w, t) for w in WAYS[1:] for t in TRACKERS])
def test_programs(way, tracker):
    needs_tracker(tracker)
    with Stage(BUILD, way, tracker) as stage:
        done = stage.litmus("--runs", "5", "--seconds", "5", "--seam-us", "0" if way == "local" else "100",
                            **HOW)
    assert done.returncode == 0, done.stdout
    programs, runs, outside = seen(done)
    assert programs >= 30 and runs == 5 * programs and outside == 0


def test_what_is_outside_is_told():
    """Two handles have a promise each; the model of one memory does not know that."""
    with Stage(BUILD, "unix", "eager") as stage:
        text = "x@0.0/8 y@2.0/8 | P x=0x1 y=0x2 m0=0x1 | D m0==0x1 ?x ?y"
        done = subprocess.run([BUILD / "tests/litmus/litmus", "--program", text, "--runs", "2",
                               "--tracker", "local"], env=stage.env, **HOW)
    assert done.returncode == 1, done.stdout
    assert f"--program '{text}'" in done.stdout and "D0: ?y=0x0" in done.stdout
    assert "allowed: 1 outcomes" in done.stdout and seen(done)[1:] == (2, 2)


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
def test_a_program_that_can_get_stuck_is_not_run():
    assert "it can get stuck" in litmus("--model", "--program", "x@0.0/8 | P ?x | D x==1").stdout


@pytest.mark.once
@pytest.mark.parametrize("text,why", [
    ("x@0.0/3 | P", "a place has 1, 2, 4 or 8 bytes"),
    ("x@9.0/8 | P", "there are buffers 0 to 3"),
    ("x@0.0/8 | P z=1", "there is no such step"),
    ("x@0.0/1 | P x=256", "longer than its place"),
    ("x@0.0/8 | P irq", "the other side alone"),
    ("x@0.0/8 | P | P | P", "a section begins with"),
    ("x@0.0/8 c@0.64/8 | Q c==1 x=1", "a poller's steps are"),
])
def test_a_text_that_is_wrong(text, why):
    done = litmus("--model", "--program", text)
    assert done.returncode == 2 and why in done.stdout, done.stdout
