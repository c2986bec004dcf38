#!/usr/bin/python3
"""How long a pod takes to start, against the bare calls to the runtime that it takes.

    ./dev bench start [ROUNDS]     (30)

One real host, which also runs the coordinator. In turns, so that what disturbs the machine disturbs
both: a DaemonSet is applied through the admin API until its pod is Running, and the same sandbox
and container are made by the three calls of CRI alone. With the host's network and with a network
of its own. The image is there. The runtime's log says when each call reached it.
"""

import datetime
import json
import os
import pathlib
import re
import statistics
import sys

REPO = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("MUSTER_BUILD", str(REPO / "build/release"))
sys.path.insert(0, str(REPO / "test/integration"))

from testbed import BUILD, Cluster  # noqa: E402

RATIO_TARGET, EXTRA_TARGET_MS = 1.15, 10
LOG_LINE = re.compile(r'time="([^"]+)" level=info msg="(.*)"$')
CALLS = ("RunPodSandbox", "CreateContainer", "StartContainer")


def nanoseconds(text):
    """Of a time as containerd writes it: nine digits behind the point, which Python cannot read."""
    seconds, _, fraction = text.rstrip("Z").partition(".")
    whole = datetime.datetime.fromisoformat(seconds).replace(tzinfo=datetime.timezone.utc)
    return int(whole.timestamp()) * 10**9 + int((fraction or "0").ljust(9, "0"))


def read_log(path):
    """[(ns, call, returned)] of the calls that start something."""
    entries = []
    for line in path.read_text(errors="replace").splitlines():
        match = LOG_LINE.match(line)
        call = next((c for c in CALLS if match and match.group(2).startswith(c)), None)
        if call:
            returned = " returns " in match.group(2)
            entries.append((nanoseconds(match.group(1)), call, returned))
    return entries


def with_log(start, entries):
    """Adds when the calls of this start began and ended, in ms after it began."""
    for at, call, returned in entries:
        if start["begun_ns"] <= at <= start["ended_ns"]:
            key = f"{call}{'_end' if returned else ''}"
            start[key] = (at - start["begun_ns"]) / 1e6
    return start


def steps_of(start):
    """What one start through Muster consisted of, in order."""
    marks = [
        ("applied: stored, answered", start["answered_ms"]),
        ("bound, pushed, prepared; asks for the sandbox", start["RunPodSandbox"]),
        ("  RunPodSandbox", start["RunPodSandbox_end"]),
        ("sandbox seen, files made", start["CreateContainer"]),
        ("  CreateContainer", start["CreateContainer_end"]),
        ("between", start["StartContainer"]),
        ("  StartContainer", start["StartContainer_end"]),
        ("seen, reported, stored, told", start["running_ms"]),
    ]
    before, steps = 0.0, []
    for name, at in marks:
        steps.append((name, at - before))
        before = at
    return steps


def own_share(start):
    """What is not a call to the runtime."""
    return sum(value for name, value in steps_of(start) if not name.startswith(" "))


def middle(values):
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return f"{statistics.median(values):7.1f}   [{quarters[0]:.1f} .. {quarters[2]:.1f}]"


def report(title, bare, muster):
    print(f"{title}: {len(bare)} starts each, ms, median [quartiles]\n")
    floor = statistics.median(s["running_ms"] for s in bare)
    print(f"  bare calls to the runtime     {middle([s['running_ms'] for s in bare])}")
    for key, name in (("sandbox_ms", CALLS[0]), ("create_ms", CALLS[1]), ("start_ms", CALLS[2])):
        print(f"    {name:<27} {middle([s[key] for s in bare])}")
    for name, key in (
        ("apply -> the runtime started it", "StartContainer_end"),
        ("apply -> status says Running", "running_ms"),
    ):
        values = [s[key] for s in muster]
        ratio = statistics.median(values) / floor
        print(f"  {name:<31}{middle(values)}   {ratio:.2f} x")
    # The runtime's part is the same work, and most of the noise.
    print(f"  what Muster adds to the calls  {middle([own_share(s) for s in muster])}")
    extra = statistics.median(s["running_ms"] for s in muster) - RATIO_TARGET * floor
    verdict = "met" if extra <= EXTRA_TARGET_MS else "missed"
    target = f"target {RATIO_TARGET} x + {EXTRA_TARGET_MS} ms"
    print(f"  {target}: {verdict} ({RATIO_TARGET} x {extra:+.1f} ms)\n")
    print("  where the time goes:")
    columns = [steps_of(s) for s in muster]
    for steps in zip(*columns):
        print(f"    {steps[0][0]:<46} {middle([value for _, value in steps])}")
    print()


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    state = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-bench")
    cluster = Cluster(state, os.environ.get("MUSTER_TESTBED_INDEX", "92"))
    cluster.testbed("down")
    try:
        cluster.testbed("up", "-n", "1", "--control-on", "node-1", timeout=300)
        out = cluster.on(
            "node-1",
            BUILD / "test/bench/start_rounds",
            "unix:/run/muster/coordinator.sock",
            "unix:///run/containerd/containerd.sock",
            rounds,
            timeout=120 + rounds * 20,
        ).out
        log = read_log(cluster.host_root("node-1") / "var/log/containerd.log")
    finally:
        cluster.testbed("down")
    starts = [with_log(json.loads(line), log) for line in out.splitlines()]
    for title, host_network in (("host network", True), ("own network (CNI bridge)", False)):
        of_kind = [s for s in starts if s["host_network"] == host_network]
        report(
            title,
            [s for s in of_kind if s["by"] == "bare"],
            [s for s in of_kind if s["by"] == "muster"],
        )


if __name__ == "__main__":
    main()
