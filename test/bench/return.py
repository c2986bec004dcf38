#!/usr/bin/python3
"""How long a fleet takes to be back when its coordinator was killed.

    ./dev bench return [AGENTS] [ROUNDS]     (5000 3)

One coordinator and hollow agents (hollow_fleet.cc) on this machine: each has an identity, a session
with mutual TLS, the agent's own back-off and one assigned pod, and runs nothing. The coordinator is
killed and started at once. Both share the processors, so a fleet on machines of its own is quicker.
"""

import json
import os
import pathlib
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

REPO = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MUSTER_BUILD", REPO / "build/release"))
sys.path.insert(0, str(REPO / "test/integration"))

from testbed import daemonset, run, wait_until  # noqa: E402


def processor_seconds(process):
    """What a process has used so far, in seconds of one processor."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Coordinator:
    """A coordinator of its own, in a directory."""

    def __init__(self, directory):
        self.directory, self.socket = directory, f"{directory}/admin.sock"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"127.0.0.1:{port}"
        settings = {"listen": self.address, "stateDir": f"{directory}/state", "metricsListen": "",
                    "adminSocket": self.socket, "advertiseAddresses": [self.address]}
        pathlib.Path(directory, "coordinator.yaml").write_text(json.dumps(settings))
        self.process = None

    def start(self):
        with open(f"{self.directory}/log", "ab") as log:
            self.process = subprocess.Popen(
                [BUILD / "coordinator/muster-coordinator", "--config",
                 f"{self.directory}/coordinator.yaml"], stdout=log, stderr=log)

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def ctl(self, *args, stdin=None):
        return run(BUILD / "ctl/musterctl", "--server", f"unix:{self.socket}", *args, stdin=stdin,
                   timeout=300)

    def answers(self):
        """the coordinator answers"""
        return self.ctl("version").code == 0

    def memory(self):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0


class Fleet:
    def __init__(self, coordinator, agents):
        made = coordinator.ctl("token", "create", "--uses", str(agents), "--ttl", "2h")
        assert made.code == 0, made
        words = made.out.split()
        token, ca_hash = words[words.index("--token") + 1], words[words.index("--ca-hash") + 1]
        self.process = subprocess.Popen(
            [BUILD / "test/bench/hollow_fleet", coordinator.address, token, ca_hash, str(agents)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def await_line(self, *firsts):
        for line in self.process.stdout:
            if line.split()[0] in firsts:
                return line.split()
        raise SystemExit("error: the hollow agents are gone")

    def await_held(self, objects):
        """How many objects the agents were sent until they hold so many."""
        while True:
            _, sent, _, held = self.await_line("sent")
            if int(held) >= objects:
                return int(sent)

    def end(self):
        self.process.stdin.close()
        self.process.wait()


def main():
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most < agents + 200:
        raise SystemExit(f"error: {agents} agents need as many open files; the limit is {most}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory(prefix="muster-return-") as directory:
        coordinator = Coordinator(directory)
        coordinator.start()
        try:
            wait_until(coordinator.answers, 30)
            applied = coordinator.ctl("apply", "-f", "-", stdin=json.dumps(daemonset("web")))
            assert applied.code == 0, applied
            began = time.monotonic()
            fleet = Fleet(coordinator, agents)
            fleet.await_line("joined")
            print(f"{agents} agents joined in {time.monotonic() - began:.1f} s")
            print(f"all connected {float(fleet.await_line('up')[1]):.1f} s after the first tried")
            sent = fleet.await_held(agents)
            print(f"each has its pod; the coordinator has {coordinator.memory():.0f} MiB RSS")
            for _ in range(rounds):
                used = processor_seconds(fleet.process)
                coordinator.kill()
                killed = time.monotonic()
                coordinator.start()
                fleet.await_line("down")
                fleet.await_line("up")
                took = time.monotonic() - killed
                print(f"killed and started: all back after {took:.1f} s, for which the coordinator "
                      f"used {processor_seconds(coordinator.process):.1f} s of a processor, the "
                      f"agents {processor_seconds(fleet.process) - used:.1f} s; "
                      f"{coordinator.memory():.0f} MiB RSS", flush=True)
            # Each agent gets one more, and before it whatever would be sent again.
            applied = coordinator.ctl("apply", "-f", "-", stdin=json.dumps(daemonset("last")))
            assert applied.code == 0, applied
            print(f"objects sent again: {fleet.await_held(2 * agents) - sent - agents}")
            fleet.end()
        finally:
            coordinator.kill()


if __name__ == "__main__":
    main()
