#!/usr/bin/python3
"""Sums test results: prints "PASSED FAILED SKIPPED" of one results file.

The file is meson's testlog.json or a JUnit file (pytest). A GoogleTest program counts as many
tests as it ran, any other program as one; a program that died counts at least one failure.
"""

import json
import re
import sys
import xml.etree.ElementTree

PASSED = re.compile(r"^\[  PASSED  \] (\d+) tests?\.", re.M)
FAILED = re.compile(r"^\[  FAILED  \] (\d+) tests?, listed below:", re.M)
SKIPPED = re.compile(r"^\[  SKIPPED \] (\d+) tests?, listed below:", re.M)


def number(pattern, text):
    match = pattern.search(text)
    return int(match.group(1)) if match else 0


def tally_meson(path):
    passed = failed = skipped = 0
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            test = json.loads(line)
            result = test["result"]
            output = test.get("stdout") or ""
            ran = tuple(number(p, output) for p in (PASSED, FAILED, SKIPPED))
            if result == "SKIP":
                skipped += 1
                print(f"skipped: {test['name']}", file=sys.stderr)
            elif result == "OK":
                passed += ran[0] if ran[0] or ran[2] else 1
                skipped += ran[2]
            else:
                passed += ran[0]
                failed += max(ran[1], 1)
                skipped += ran[2]
                print(f"FAILED: {test['name']} ({result.lower()})", file=sys.stderr)
    return passed, failed, skipped


def tally_junit(path):
    passed = failed = skipped = 0
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            failed += 1
        elif case.find("skipped") is not None:
            skipped += 1
            print(f"skipped: {case.get('name')}", file=sys.stderr)
        else:
            passed += 1
    return passed, failed, skipped


def main():
    path = sys.argv[1]
    tally = tally_junit if path.endswith(".xml") else tally_meson
    try:
        print(*tally(path))
    except (OSError, ValueError, xml.etree.ElementTree.ParseError) as problem:
        print(f"no results in {path}: {problem}", file=sys.stderr)
        print(0, 1, 0)  # A run that left no results has failed.


if __name__ == "__main__":
    main()
