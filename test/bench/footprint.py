#!/usr/bin/python3
"""What an agent costs its host when nothing happens: ten pods, the session up.

    ./dev bench footprint [SECONDS]     (60)

The floor is a process that holds the same two connections by the same libraries and does nothing
else (grpc_floor.cc), measured on the same host over the same time. Beside them stands what asks the
runtime every second for all that it has (relist_floor.cc), as kubelet does, on the same pods.
"""

import os
import pathlib
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
os.environ.setdefault("MUSTER_BUILD", str(REPO / "build/release"))
sys.path.insert(0, str(REPO / "test/integration"))

from testbed import BUILD, Cluster, daemonset  # noqa: E402

PODS = 10
SETTLE_SECONDS = 80  # A minute after its start the agent lets go of the code that was for that.
NODE = "node-1"
SOCKET = "/run/containerd/containerd.sock"
# Files of /proc/PID in one go; of the threads, what the kernel counts for each.
LOOK = (
    "cd /proc/$0 && cat smaps_rollup status io && echo == && cat task/*/schedstat && echo == && "
    "cat task/*/status"
)


def numbers(lines):
    found = {}
    for line in lines:
        key, _, value = line.partition(":")
        words = value.split()
        if words and words[0].isdigit():
            found[key.strip()] = found.get(key.strip(), 0) + int(words[0])
    return found


class Look:
    """One look at a process."""

    def __init__(self, cluster, pid):
        self.at = time.monotonic()
        whole, times, threads = cluster.on(NODE, "sh", "-c", LOOK, pid).out.split("==\n")
        self.whole = numbers(whole.splitlines())
        self.cpu_seconds = sum(int(line.split()[0]) for line in times.splitlines()) / 1e9
        switches = numbers(threads.splitlines())
        self.switches = switches["voluntary_ctxt_switches"] + switches["nonvoluntary_ctxt_switches"]


def compare(first, last):
    """What a process is, and what it did between two looks."""
    seconds = last.at - first.at
    whole = last.whole
    return {
        "anonymous MiB": whole["Anonymous"] / 1024,
        "RSS MiB": whole["Rss"] / 1024,
        "PSS MiB": whole["Pss"] / 1024,
        "threads": whole["Threads"],
        "CPU % of a core": 100 * (last.cpu_seconds - first.cpu_seconds) / seconds,
        "wake-ups per second": (last.switches - first.switches) / seconds,
        "bytes to disk per minute": 60
        * (whole["write_bytes"] - first.whole["write_bytes"])
        / seconds,
    }


TARGETS = {
    "anonymous MiB": 6,
    "RSS MiB": 24,
    "CPU % of a core": 0.1,
    "bytes to disk per minute": 0,
}


def service_pid(cluster, name):
    return (cluster.host_root(NODE) / f"run/testbed/{name}.pid").read_text().strip()


def start_beside(cluster, program, argument):
    """A program of ours on the node: (process, its pid there)."""
    started = subprocess.Popen(
        [
            str(REPO / "test/testbed/cluster.sh"), "exec", NODE, "--",
            str(BUILD / "test/bench" / program), argument,
        ],
        env=cluster.env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )
    return started, started.stdout.readline().strip()


def over(cluster, pids, seconds):
    """What each of these processes did in that time."""
    first = {name: Look(cluster, pid) for name, pid in pids.items()}
    time.sleep(seconds)
    return {name: compare(first[name], Look(cluster, pid)) for name, pid in pids.items()}


def end(started):
    started.stdin.close()
    started.wait(10)


def measure(cluster, seconds):
    names = [f"quiet-{number}" for number in range(PODS)]
    cluster.apply(*(daemonset(name) for name in names))
    for name in names:
        cluster.wait_ready(name, [NODE])
    runtime = {"containerd": service_pid(cluster, "containerd")}
    floor, floor_pid = start_beside(cluster, "grpc_floor", SOCKET)
    time.sleep(SETTLE_SECONDS)
    agent_pid = service_pid(cluster, "agent")
    found = over(cluster, {"agent": agent_pid, "floor": floor_pid, **runtime}, seconds)
    end(floor)
    cluster.testbed("stop", NODE, "agent")
    alone = over(cluster, runtime, seconds)["containerd"]
    relist, relist_pid = start_beside(cluster, "relist_floor", "unix://" + SOCKET)
    asked = over(cluster, {"relist": relist_pid, **runtime}, seconds)
    end(relist)
    return {**found, "relist": asked["relist"]}, alone, asked["containerd"]


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    state = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-bench")
    cluster = Cluster(state, os.environ.get("MUSTER_TESTBED_INDEX", "92"))
    cluster.testbed("down")
    try:
        cluster.testbed("up", "-n", "1", timeout=300)
        found, alone, asked = measure(cluster, seconds)
    finally:
        cluster.testbed("down")
    agent, floor, relist = found["agent"], found["floor"], found["relist"]
    print(f"an agent with {PODS} pods that nothing happens to, over {seconds} s:\n")
    print(f"  {'':<26}{'agent':>8}{'floor':>8}{'ratio':>8}{'relist':>8}{'target':>8}")
    for name, value in agent.items():
        ratio = f"{value / floor[name]:.1f} x" if floor[name] else "-"
        target = TARGETS.get(name)
        verdict = "" if target is None else "met" if round(value, 3) <= target else "missed"
        print(
            f"  {name:<26}{value:>8.2f}{floor[name]:>8.2f}{ratio:>8}{relist[name]:>8.2f}"
            f"{'' if target is None else target:>8}  {verdict}"
        )
    key = "CPU % of a core"
    print(
        f"\n  containerd meanwhile: {found['containerd'][key]:.2f} % of a core, and "
        f"{alone[key]:.2f} % while no agent runs; {asked[key]:.2f} % while it is asked every second"
    )


if __name__ == "__main__":
    main()
