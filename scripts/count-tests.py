#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Adds up test runs and prints the closing line of ./check: `N passed, N failed`.

    count-tests.py FILE...           the JUnit files of the runs; one that is not there has failed
    count-tests.py --failed FILE     what failed in it, a line each, for running it again

Beside Meson's FILE is its testlog.json, which tells whether a program ended well: one that crashed after its
last good case counts as failed. NAME-again.junit.xml beside NAME.junit.xml is a second run of what failed in
the first. What was right then is passed, and listed as unsteady; but what a sanitizer has reported is a
defect however seldom it comes, and stays failed. Skipped cases are counted by their reasons. Exits with 1
when something failed or nothing ran."""
import json
import os
import re
import sys
import xml.etree.ElementTree as ET
from collections import Counter

ENDING = ".junit.xml"
REPORT = re.compile(r"(Address|Thread|Leak|Memory|UndefinedBehavior)Sanitizer|: runtime error: ")
SKIPPED = "skipped"


class Program:
    """What is run again as a whole: one test of Meson's, or one case of pytest's."""

    def __init__(self):
        self.cases = Counter()  # passed, failed, skipped
        self.reasons = Counter()
        self.text = ""

    def add(self, case):
        bad = [x for kind in ("failure", "error") for x in case.findall(kind)]
        skip = case.find(SKIPPED)
        self.text += "".join(x.get("message", "") + "".join(x.itertext()) for x in bad)
        self.cases["failed" if bad else SKIPPED if skip is not None else "passed"] += 1
        if skip is not None and not bad:
            self.reasons[skip.get("message") or "no reason given"] += 1

    def ended_badly(self, text):
        self.text += text
        # A program without cases of its own is one case already.
        self.cases["failed"] = self.cases["failed"] or 1

    def has_failed(self):
        return self.cases["failed"] > 0


def short(name):
    """Meson's suites have the project's name in front of them."""
    return name.rsplit(" / ", 1)[-1].split(":")[-1]


def read(path):
    """{name: Program}"""
    programs = {}
    log = path[:-len(ENDING)] + ".json"
    for suite in ET.parse(path).getroot():
        for case in suite.iter("testcase"):
            # A suite is one program's, or all of those that have no cases of their own.
            whole = suite.get("name") if " / " in suite.get("name") else case.get("name")
            name = short(whole)
            if suite.get("name") == "pytest":
                name = f"{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
            programs.setdefault(name, Program()).add(case)
    if os.path.exists(log):
        with open(log, encoding="utf-8") as lines:
            for test in map(json.loads, lines):
                if test["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
                    said = f"{test.get('stdout') or ''}{test.get('stderr') or ''}"
                    programs.setdefault(short(test["name"]), Program()).ended_badly(said)
    return programs


def settle(first, second):
    """Puts what was right in the second run in the place of what failed in the first; the names."""
    unsteady = [name for name, p in first.items() if p.has_failed() and not REPORT.search(p.text)
                and name in second and second[name].cases["passed"] and not second[name].has_failed()]
    first.update((name, second[name]) for name in unsteady)
    return unsteady


def tree(path):
    return os.path.basename(os.path.dirname(os.path.dirname(os.path.abspath(path))))


def count(path, total, reasons):
    if not os.path.exists(path):
        print(f"{tree(path)}: {os.path.basename(path)} is missing: its tests did not run")
        total["failed"] += 1
        return
    programs = read(path)
    again = path[:-len(ENDING)] + "-again" + ENDING
    for name in settle(programs, read(again) if os.path.exists(again) else {}):
        print(f"{tree(path)}: {name} is unsteady: it failed beside others and passed alone")
    for name, p in programs.items():
        total.update(p.cases)
        reasons.update(p.reasons)
        if p.has_failed():
            print(f"{tree(path)}: {name} failed")


def main():
    if sys.argv[1:2] == ["--failed"]:
        print("".join(f"{name}\n" for name, p in read(sys.argv[2]).items() if p.has_failed()), end="")
        return 0
    total, reasons = Counter(), Counter()
    for path in sys.argv[1:]:
        count(path, total, reasons)
    if reasons:
        print(f"{total[SKIPPED]} skipped")
        for reason, number in reasons.most_common():
            print(f"    {number}: {reason}")
    print(f"{total['passed']} passed, {total['failed']} failed")
    return 0 if total["passed"] and not total["failed"] else 1


if __name__ == "__main__":
    sys.exit(main())
