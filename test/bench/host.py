#!/usr/bin/python3
"""What happens to a host's daemons when the host, or what looks after them, is started anew.

    ./dev bench host [ROUNDS]     (5)

Hosts with systemd, Muster from its packages:
  offline boot   without a coordinator: from containerd being up to all ten daemons Running
  upgrade gap    an agent, or the coordinator, is upgraded and downgraded by package: how long there
                 was no session, of all agents the longest
  coordinator    is restarted: from its serving again to the last agent's session
  watchdog       an agent stands still (SIGSTOP): until another one is ready in its place
"""

import os
import pathlib
import re
import statistics
import subprocess
import sys
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(REPO / "test/system"), str(REPO / "test/integration")]

from machines import AGENT, COORDINATOR, Machines  # noqa: E402
from testbed import daemonset, only_on, wait_until  # noqa: E402

STATE = os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-bench-host")
INDEX = os.environ.get("MUSTER_TESTBED_INDEX", "93")
NODE = "node-1"
NODES = (NODE, "node-2")
DAEMONS = 10
SESSION = re.compile(r"^([0-9.]+) .* node (node-[0-9]+): session (of agent|ends)")
SERVES = re.compile(r"^([0-9.]+) .* serves agents on port")


def monotonic(machines, unit, name):
    return int(machines.show(NODE, unit, name)[name]) / 1e6


def offline_boot(machines):
    machines.on("control", "systemctl", "stop", COORDINATOR)
    machines.reboot(NODE)
    wait_until(lambda: machines.is_active(NODE, "muster-node-ready.target"), 120)
    up = monotonic(machines, "containerd.service", "ActiveEnterTimestampMonotonic")
    ready = monotonic(machines, "muster-node-ready.target", "ActiveEnterTimestampMonotonic")
    machines.on("control", "systemctl", "start", COORDINATOR)
    wait_until(machines.answers, 30)
    machines.wait_nodes_ready(*NODES)
    return ready - up


def log(machines, since):
    return machines.on("control", "journalctl", "-q", "--no-pager", "-o", "short-unix",
                       f"_SYSTEMD_UNIT={COORDINATOR}", "--since", f"@{since}").out.splitlines()


def connected(machines):
    wait_until(lambda: machines.status_text("control", COORDINATOR).endswith(
        f"; {len(NODES)} agents connected"), 60)


def upgrade_gap(machines, host, unit, debs):
    since = machines.now("control")
    pid = machines.pid(host, unit)
    machines.install(host, unit.removesuffix(".service"), debs=debs)
    machines.await_new_pid(host, unit, pid)
    connected(machines)
    ended, longest = {}, 0
    for line in log(machines, since):
        if not (match := SESSION.match(line)):
            continue
        if match[3] == "ends":
            ended.setdefault(match[2], float(match[1]))
        elif match[2] in ended:
            longest = max(longest, float(match[1]) - ended.pop(match[2]))
    return longest


def coordinator_restart(machines):
    since = machines.now("control")
    machines.on("control", "systemctl", "kill", "-s", "KILL", COORDINATOR)
    wait_until(lambda: sum("session of agent" in line for line in log(machines, since))
               >= len(NODES), 60)
    serves = last = None
    for line in log(machines, since):
        if match := SERVES.match(line):
            serves = float(match[1])
        elif match := SESSION.match(line):
            last = float(match[1])
    return last - serves


def watchdog(machines):
    pid = machines.pid(NODE, AGENT)
    began = time.monotonic()
    machines.on(NODE, "kill", "-STOP", str(pid))
    machines.await_new_pid(NODE, AGENT, pid, timeout=90)
    took = time.monotonic() - began
    machines.wait_nodes_ready(*NODES)
    return took


def show(name, figures):
    low, middle, high = min(figures), statistics.median(figures), max(figures)
    print(f"  {name:<58}{middle:8.2f}   [{low:.2f} .. {high:.2f}]")


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    if not os.environ.get("MUSTER_DEBS"):
        for kind in ("deb", "deb-next"):
            subprocess.run([REPO / "packaging/package.sh", kind], check=True)
    machines = Machines(STATE, INDEX)
    machines.testbed("down")
    machines.testbed("up", "--systemd", "-n", len(NODES), timeout=600)
    try:
        for n in range(DAEMONS):
            gated = daemonset(f"d{n}", nodeSelector=only_on(NODE))
            gated["spec"]["template"]["metadata"]["annotations"] = {"muster.dev/gate": "true"}
            machines.apply(gated)
        for n in range(DAEMONS):
            machines.wait_ready(f"d{n}", [NODE])
        tasks = machines.tasks(NODE)
        back_and_forth = (machines.next_debs(), machines.debs()) * rounds
        gaps = [upgrade_gap(machines, NODE, AGENT, debs) for debs in back_and_forth]
        away = [upgrade_gap(machines, "control", COORDINATOR, debs) for debs in back_and_forth]
        found = [coordinator_restart(machines) for _ in range(rounds)]
        dogs = [watchdog(machines) for _ in range(min(rounds, 2))]
        untouched = machines.tasks(NODE) == tasks
        boots = [offline_boot(machines) for _ in range(rounds)]
    finally:
        machines.testbed("down")
    print(f"{DAEMONS} daemons, seconds, median [lowest .. highest]")
    show("offline boot: containerd up to all daemons Running", boots)
    show("agent upgraded or downgraded: without a session", gaps)
    show("coordinator upgraded or downgraded: without a session", away)
    show("coordinator killed: serving again to the last session", found)
    show("agent stands still: another one is ready (WatchdogSec=20)", dogs)
    print("  no container was restarted but by the boots" if untouched
          else "  CONTAINERS WERE RESTARTED")


if __name__ == "__main__":
    main()
