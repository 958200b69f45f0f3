# SPDX-License-Identifier: BSD-3-Clause
"""Litmus programs find each mistake that base/mutant.h can build in, with either tracker, within a minute."""
import sys

import pytest
from conftest import BUILD, SOURCE, needs_tracker

sys.path.insert(0, str(SOURCE / "tests/litmus"))
from mutant import LIMIT_S, MUTANTS, build, find  # noqa: E402
from stage import TRACKERS  # noqa: E402

TREE = BUILD.with_name(f"{BUILD.name}-mutants")


@pytest.mark.once
@pytest.mark.parametrize("mutant,tracker", [(m, t) for m in MUTANTS for t in TRACKERS])
def test_mutant(mutant, tracker):
    needs_tracker(tracker)
    build(TREE, mutant)
    found = find(TREE, "unix", tracker)
    assert found and found[0] < LIMIT_S
