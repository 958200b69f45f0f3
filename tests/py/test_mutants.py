# SPDX-License-Identifier: BSD-3-Clause
"""Litmus programs find each mistake that base/mutant.h can build in, with either tracker, within a minute,
and nothing where there is none."""
import sys

import pytest
from conftest import BUILD, SOURCE, needs_tracker

sys.path.insert(0, str(SOURCE / "tests/litmus"))
from mutant import CONTROL, LIMIT_S, MUTANTS, build, control, find  # noqa: E402
from stage import TRACKERS  # noqa: E402

TREE = BUILD.with_name(f"{BUILD.name}-mutants")


@pytest.mark.once
@pytest.mark.parametrize("tracker", TRACKERS)
def test_without_a_mistake(tracker):
    needs_tracker(tracker)
    build(TREE, CONTROL)
    found, s = control(TREE, "unix", tracker)
    assert not found, found
    assert s.named > 40 and s.programs >= 50 and s.runs == 10 * (s.named * s.times + s.programs)


@pytest.mark.once
def test_there_are_six():
    assert len(MUTANTS) == 6


@pytest.mark.once
@pytest.mark.parametrize("mutant,tracker", [(m, t) for m in MUTANTS for t in TRACKERS])
def test_mutant(mutant, tracker):
    needs_tracker(tracker)
    build(TREE, mutant)
    found = find(TREE, "unix", tracker)
    assert found and found.seconds < LIMIT_S


@pytest.mark.once
@pytest.mark.parametrize("mutant,tracker", [("push_first", "trap"), ("whole_page", "eager")])
def test_programs_of_the_poller_find_it_alone(mutant, tracker):
    needs_tracker(tracker)
    build(TREE, mutant)
    found = find(TREE, "unix", tracker, "--kind", "queues")
    assert found and found.seconds < LIMIT_S and "| Q " in found.what
