#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up test runs and prints the closing line of ./check: `N passed, N failed`.

Takes the meson-logs folders of the runs. Single cases come from the JUnit files (Meson's, and
pytest's beside it); whether a program ended well comes from testlog.json, so that one which
crashed after its last good case counts as failed. Skipped cases are counted by their reasons. Exits
with 1 when something failed or nothing ran."""
import json
import os
import sys
import xml.etree.ElementTree as ET
from collections import Counter

JUNIT = ("testlog.junit.xml", "pytest.junit.xml", "vm.junit.xml", "vm-ways.junit.xml")


def count_cases(folder, reasons):
    """(passed, failed, skipped) by suite name, without the project's prefix."""
    suites = {}
    files = (os.path.join(folder, f) for f in JUNIT)
    for suite in (s for f in files if os.path.exists(f) for s in ET.parse(f).getroot()):
        name = suite.get("name").split(".", 1)[-1]
        passed, failed, skipped = suites.get(name, (0, 0, 0))
        for case in suite.iter("testcase"):
            if case.find("failure") is not None or case.find("error") is not None:
                failed += 1
            elif case.find("skipped") is not None:
                skipped += 1
                reasons[case.find("skipped").get("message") or "no reason given"] += 1
            else:
                passed += 1
        suites[name] = (passed, failed, skipped)
    return suites


def programs_that_failed(folder):
    path = os.path.join(folder, "testlog.json")
    if not os.path.exists(path):
        return  # a run of pytest alone
    with open(path, encoding="utf-8") as log:
        for line in log:
            test = json.loads(line)
            if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
                yield test["name"].rsplit(" / ", 1)[-1].split(":")[-1]


def main():
    passed = failed = skipped = 0
    reasons = Counter()
    for folder in sys.argv[1:]:
        suites = count_cases(folder, reasons)
        passed += sum(s[0] for s in suites.values())
        failed += sum(s[1] for s in suites.values())
        skipped += sum(s[2] for s in suites.values())
        for name in programs_that_failed(folder):
            print(f"{os.path.basename(os.path.dirname(folder))}: {name} failed")
            # A test without cases of its own is one case already.
            failed += 0 if suites.get(name, (0, 0, 0))[1] else 1
    if skipped:
        print(f"{skipped} skipped")
        for reason, number in reasons.most_common():
            print(f"    {number}: {reason}")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
