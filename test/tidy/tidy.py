#!/usr/bin/python3
"""Checks the rules of the tree that no compiler knows. Usage: tidy.py ROOT

Prints one line for each problem, path:line: what; exits 1 when there is one.
"""

import os
import re
import sys

PROGRAMS = ("agent", "coordinator", "ctl")

# Decisions live here: values in, values out. No I/O, no clock, no log, no gRPC.
PURE = (
    "agent/dns/answer_cache",
    "agent/dns/message",
    "agent/dns/zone",
    "agent/hygiene",
    "agent/metrics",
    "agent/network/own_pods",
    "agent/network/pod_network",
    "agent/network/ruleset",
    "agent/network/service_env",
    "agent/network/service_rules",
    "agent/network/service_table",
    "agent/report",
    "agent/translate",
    "agent/workload",
    "common/model",
    "coordinator/authz",
    "coordinator/daemonjob",
    "coordinator/daemonset",
    "coordinator/explain",
    "coordinator/nodes",
    "coordinator/placement",
    "coordinator/podsecurity",
    "coordinator/policy",
    "coordinator/services",
    "coordinator/templates",
)
IMPURE_INCLUDES = re.compile(
    r"grpc|spdlog/|systemd/|sqlite3|openssl/|common/daemon/|common/base/text_file"
    r"|(fstream|iostream|filesystem|thread|mutex|condition_variable|random)$"
    r"|(unistd|fcntl|pthread|stdio|dirent|netdb)\.h$|(sys|netinet|arpa|linux)/"
)
CLOCK_READS = re.compile(r"_clock::now\(|absl::Now\(|\btime\((nullptr|NULL|0)\)|gettimeofday\(")

# What travels on wires stays where the wires end.
GRPC_EDGES = (
    "agent/enrol/enrol_call",
    "agent/link", "agent/probe/net/grpc_health", "agent/tunnel/rpc",
    "agent/runtime/cri",
    "common/pki/grpc_credentials",
    "coordinator/api",
    "coordinator/rpc",
    "coordinator/session",
    "ctl",
)
# Carries session messages between two edges as they are.
WIRE_EDGES = GRPC_EDGES + ("coordinator/tunnel",)
GRPC_INCLUDES = re.compile(r"^grpc(pp)?/|\.grpc\.pb\.h$")
WIRE_INCLUDES = re.compile(r"^(runtime|cri|grpc/health|muster/(admin|session))/.*\.pb\.h$")

LINES_MAX = 600
TEST_LINES_MAX = 1000
COLUMNS_MAX = 100

# Written in pieces, or this file would be the first one to break its rule.
FORBIDDEN_WORDS = re.compile(
    "|".join(
        (
            r"\bTO" r"DO\b",
            r"\bFIX" r"ME\b",
            r"\bXX" r"X\b",
            "/wo" "rk/",
            r"\.\./sha" "red",
        )
    )
)
SLEEPS = re.compile(r"\bsleep_for\(|\bsleep_until\(|(?<![.>\w])(nano|u)?sleep\(|absl::SleepFor\(")
SWITCHED_OFF_TESTS = re.compile(r"\bDISABLED_")

SKIPPED_FOLDERS = {".git", "build", "__pycache__", ".cache"}
INCLUDE = re.compile(r'^\s*#\s*include\s+["<]([^">]+)[">]')


def read_tree(root):
    """All text files as {path from the root: lines}."""
    tree = {}
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
        for name in sorted(names):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                continue
            try:
                with open(path, encoding="utf-8") as file:
                    tree[os.path.relpath(path, root)] = file.read().splitlines()
            except (UnicodeDecodeError, OSError):
                continue
    return tree


def within(path, places):
    """Places are folders, or files without their ending."""
    return any(path.startswith((place + "/", place + ".")) for place in places)


def includes(lines):
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if match:
            yield number, match.group(1)


def is_cpp(path):
    return path.endswith((".cc", ".h"))


def check_includes(path, lines):
    program = path.split("/")[0]
    for number, included in includes(lines):
        target = included.split("/")[0]
        if program in PROGRAMS and target in PROGRAMS and target != program:
            yield number, f"{program} must not include {target}"
        if program == "common" and target in PROGRAMS:
            yield number, f"common must not include {target}"
        if program in PROGRAMS + ("common",) and target == "test":
            yield number, "what ships must not include tests"
        if within(path, PURE) and IMPURE_INCLUDES.search(included):
            yield number, f"a pure folder must not include {included}"
        if program in PROGRAMS + ("common",) and os.path.basename(path) != "main.cc":
            for pattern, edges in ((GRPC_INCLUDES, GRPC_EDGES), (WIRE_INCLUDES, WIRE_EDGES)):
                if pattern.search(included) and not within(path, edges):
                    yield number, f"{included} belongs to the edges only ({', '.join(edges)})"


def check_text(path, lines):
    shipped = path.split("/")[0] in PROGRAMS + ("common",)
    for number, line in enumerate(lines, 1):
        word = FORBIDDEN_WORDS.search(line)
        if word:
            yield number, f"'{word.group(0)}' has no place in the tree"
        if is_cpp(path):
            if within(path, PURE) and CLOCK_READS.search(line):
                yield number, "a pure folder reads no clock: take the time as an argument"
            if shipped and SLEEPS.search(line):
                yield number, "wait for an event instead of sleeping"
            if SWITCHED_OFF_TESTS.search(line):
                yield number, "a test is either there or not, it is not switched off"
        if path.endswith((".py", ".sh")) and len(line) > COLUMNS_MAX:  # C++ has clang-format.
            yield number, f"{len(line)} columns; {COLUMNS_MAX} is the most"


def check_shape(path, lines):
    most = TEST_LINES_MAX if path.startswith("test/") else LINES_MAX
    if path.endswith((".cc", ".h", ".py", ".sh")) and len(lines) > most:
        yield most, f"{len(lines)} lines: look for the second idea in it"
    if path.endswith(".h") and "#pragma once" not in lines:
        yield 1, "a header says #pragma once"
    for part in path.split("/"):
        if re.fullmatch(r"utils?(\.\w+)?", part):
            yield 1, "'util' says nothing: name the subject"


def check_built(path, tree):
    """A source file that no meson.build names is dead."""
    if not path.endswith(".cc"):
        return
    folder = os.path.dirname(path)
    while True:
        below = os.path.relpath(path, folder) if folder else path
        recipe = tree.get(os.path.join(folder, "meson.build"), [])
        stem = below[: -len(".cc")]  # Recipes may list tests by name and add the ending.
        names = (below, stem, stem.removesuffix("_test"))
        if any(f"'{name}'" in line for line in recipe for name in names):
            return
        if not folder:
            break
        folder = os.path.dirname(folder)
    yield 1, "no meson.build names this file"


def folder_cycles(tree):
    """Folders of what ships that include each other round in a circle."""
    arrows = {}
    for path, lines in tree.items():
        if not is_cpp(path) or path.split("/")[0] not in PROGRAMS + ("common",):
            continue
        source = os.path.dirname(path)
        for _, included in includes(lines):
            target = os.path.dirname(included)
            if included in tree and target != source and os.path.basename(path) != "main.cc":
                arrows.setdefault(source, {})[target] = path
    finished, cycles = set(), []

    def walk(folder, trail):
        if folder in trail:
            circle = trail[trail.index(folder):] + [folder]
            cycles.append((arrows[trail[-1]][folder], " -> ".join(circle)))
        elif folder not in finished:
            for target in sorted(arrows.get(folder, {})):
                walk(target, trail + [folder])
            finished.add(folder)

    for folder in sorted(arrows):
        walk(folder, [])
    return cycles


def problems(tree):
    for path, lines in tree.items():
        if path == "LICENSE":
            continue
        checks = [check_text(path, lines), check_shape(path, lines), check_built(path, tree)]
        if is_cpp(path):
            checks.append(check_includes(path, lines))
        for check in checks:
            for number, what in check:
                yield f"{path}:{number}: {what}"
    for path, circle in folder_cycles(tree):
        yield f"{path}:1: folders include each other in a circle: {circle}"


def main():
    found = list(problems(read_tree(sys.argv[1])))
    for line in found:
        print(line)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
