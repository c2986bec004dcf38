#!/usr/bin/python3
"""Which rules of the behavioural specifications have a test. Usage: rows.py ROOT

One list for each specification: daemonset_rows.txt, and pod_lifecycle_rows.txt whose ids begin
with `pod/`. A test names the rules it proves in a comment, `Spec: 5.2/none, pod/4.2/keep`. A rule
that no test names has to stand in untested.txt, which may only shrink: a rule in it that has a test
is a problem too. Prints one line for each problem, exits 1 when there is one.
"""

import os
import re
import sys

# The lists of rules, and what the ids of each begin with.
ROWS = {"test/spec/daemonset_rows.txt": "", "test/spec/pod_lifecycle_rows.txt": "pod/"}
UNTESTED = "test/spec/untested.txt"
ID = re.compile(r"([a-z]+/)?\d+(\.\d+)?/[a-z0-9]+(-[a-z0-9]+)*")
TAG = re.compile(r"(?://|#) Spec: (.*)")
TEST = re.compile(r"^(?:TEST(?:_[FP])?\(|INSTANTIATE_TEST_SUITE_P\(|\s*def test_)", re.MULTILINE)


def read_ids(text, path):
    """({id: line number}, problems) of a file with an id at the start of each line."""
    ids, problems = {}, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name = line.split()[0]
        if not ID.fullmatch(name):
            problems.append(f"{path}:{number}: '{name}' is no rule's id (SECTION/NAME)")
        elif name in ids:
            problems.append(f"{path}:{number}: {name} stands here twice")
        ids.setdefault(name, number)
    return ids, problems


def read_tags(files):
    """({id: [where]}, problems) of test files given as {path: text}."""
    tags, problems = {}, []
    for path, text in sorted(files.items()):
        has_tests = TEST.search(text)
        for number, line in enumerate(text.splitlines(), 1):
            tag = TAG.search(line)
            if not tag:
                continue
            where = f"{path}:{number}"
            if not has_tests:
                problems.append(f"{where}: there is no test in this file that could prove a rule")
            ids = re.split(r"\.(?:\s|$)", tag.group(1))[0]  # Words may follow.
            for name in ids.split(","):
                tags.setdefault(name.strip(), []).append(where)
    return tags, problems


def read_rows(lists):
    """({id: where}, problems) of all lists of rules, given as {path: text}."""
    rows, problems = {}, []
    for path, text in lists.items():
        ids, more = read_ids(text, path)
        problems += more
        for name, number in ids.items():
            rows[name] = f"{path}:{number}"
            form = ID.fullmatch(name)
            if form and (form[1] or "") != ROWS[path]:
                problems.append(f"{path}:{number}: {name} belongs into another list")
    return rows, problems


def check(lists, untested_text, files):
    rows, problems = read_rows(lists)
    untested, more = read_ids(untested_text, UNTESTED)
    problems += more
    tags, more = read_tags(files)
    problems += more
    for name, where in rows.items():
        if name not in tags and name not in untested:
            problems.append(f"{where}: no test names {name}")
    for name, number in untested.items():
        if name not in rows:
            problems.append(f"{UNTESTED}:{number}: there is no rule {name}")
        elif name in tags:
            problems.append(f"{UNTESTED}:{number}: {name} has a test ({tags[name][0]}): delete it")
    for name, places in tags.items():
        if name not in rows:
            problems += [f"{where}: there is no rule '{name}'" for where in places]
    return problems


def read_tests(root):
    files = {}
    for folder, folders, names in os.walk(os.path.join(root, "test")):
        folders[:] = sorted(f for f in folders if f not in ("spec", "__pycache__"))
        for name in names:
            if name.endswith((".cc", ".h", ".py")):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as file:
                    files[os.path.relpath(path, root)] = file.read()
    return files


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8") as file:
        return file.read()


def main():
    root = sys.argv[1]
    lists = {path: read(root, path) for path in ROWS}
    problems = check(lists, read(root, UNTESTED), read_tests(root))
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
