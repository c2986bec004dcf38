#!/usr/bin/python3
"""A node to which bad things happen, one after the other, from a seed; and what must hold.

    ./dev chaos [--minutes 30] [--seed N]

Agent, runtime and coordinator are killed and stopped, containers are killed, the disk with the
agent's state runs full, the agent's wall clock jumps by up to a day, DaemonSets come and go. All
the time, and at the end:

- no container ends but those that were killed, and each kill is one restart; more are counted only
  when agent or runtime were killed in the middle of a start;
- no container runs twice;
- nothing is left of what was deleted: no container, control group, network namespace or file;
- no line of a log is missing.

The same seed chooses the same faults in the same order. The hosts share the clock of this machine;
that of the agent alone jumps, for it is preloaded with one of its own (test/testbed/wall_clock.c).
"""

import argparse
import gzip
import os
import random
import re
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from testbed import REPO, Cluster, daemonset, run, wait_until, with_settings  # noqa: E402

NODE = "node-1"
STATE = "/var/lib/muster/agent"
# Numbered lines; WHO tells it from others in the list of processes.
COUNTING = ("trap 'exit 0' TERM; i=0; while :; do i=$((i+1)); echo line $i; "
            "sleep 0.05; done")
STEADY = ("steady", "neighbour", "layered")
# Every line of a log is kept. That the disk of the state gets full is no reason here to evict pods,
# which would be right where it is the pods' disk as well.
SETTINGS = """containerLogMaxSize: 64Ki
containerLogMaxFiles: 500
containerLogMonitorInterval: 1s
evictionHard: {nodefs.available: "0", nodefs.inodesFree: "0"}
"""


class Violation(AssertionError):
    """Something happened that must not."""


def counting(name, **pod_spec):
    container = {"env": [{"name": "WHO", "value": f"{name}/main"}],
                 "volumeMounts": [{"name": "scratch", "mountPath": "/scratch"}]}
    return daemonset(name, ["sh", "-c", COUNTING], container,
                     nodeSelector={"kubernetes.io/hostname": NODE},
                     volumes=[{"name": "scratch", "emptyDir": {}}], **pod_spec)


def with_sidecar(name):
    wanted = counting(name)
    spec = wanted["spec"]["template"]["spec"]
    sidecar = dict(spec["containers"][0], name="side", restartPolicy="Always",
                   env=[{"name": "WHO", "value": f"{name}/side"}])
    setup = dict(spec["containers"][0], name="setup", command=["true"], env=[])
    spec["initContainers"] = [sidecar, setup]
    return wanted


class SmallDisk:
    """The agent's state on a small file system of its own, for as long as this is used."""

    def __init__(self, cluster):
        self.cluster = cluster

    def __enter__(self):
        config = self.cluster.host_etc(NODE) / "agent.yaml"
        self.config, self.text = config, config.read_text()
        self.cluster.testbed("stop", NODE, "agent")
        config.write_text(with_settings(self.text, SETTINGS))
        self.cluster.on(NODE, "sh", "-ec", f"""
            mv {STATE} {STATE}.real && mkdir {STATE}
            mount -t tmpfs -o mode=700,size=8m tmpfs {STATE}
            cp -a {STATE}.real/. {STATE}""")
        self.cluster.testbed("start", NODE, "agent")
        return self

    def __exit__(self, *_):
        self.cluster.testbed("stop", NODE, "agent")
        self.config.write_text(self.text)
        self.cluster.on(NODE, "sh", "-ec", f"""
            rm -f {STATE}/filler
            cp -a {STATE}/checkpoint {STATE}/pki {STATE}.real/
            umount -l {STATE} && rmdir {STATE} && mv {STATE}.real {STATE}""")
        self.cluster.testbed("start", NODE, "agent")


class OwnClock:
    """The agent has a wall clock of its own, for as long as this is used."""

    DIRECTORY = "var/lib/own-clock"  # Of the host.

    def __init__(self, cluster):
        self.cluster = cluster
        self.service = cluster.host_root(NODE) / "testbed/services/agent"
        self.directory = cluster.host_root(NODE) / self.DIRECTORY

    def __enter__(self):
        self.text = self.service.read_text()
        self.directory.mkdir(parents=True, exist_ok=True)
        library = self.directory / "wall_clock.so"
        made = run("cc", "-O1", "-shared", "-fPIC", "-o", library,
                   REPO / "test/testbed/wall_clock.c")
        assert made.code == 0, made
        (self.directory / "ahead").write_bytes(struct.pack("q", 0))
        start = self.text.index("exec ")
        self.restart(f"{self.text[:start]}export WALL_CLOCK_FILE=/{self.DIRECTORY}/ahead\n"
                     f"export LD_PRELOAD=/{self.DIRECTORY}/{library.name}\n{self.text[start:]}")
        return self

    def __exit__(self, *_):
        self.restart(self.text)
        self.cluster.on(NODE, "rm", "-r", f"/{self.DIRECTORY}")

    def restart(self, text):
        self.cluster.testbed("stop", NODE, "agent")
        self.service.write_text(text)
        self.cluster.testbed("start", NODE, "agent")

    def set(self, seconds):
        """How far the agent is ahead of everybody else."""
        with open(self.directory / "ahead", "r+b") as file:
            file.write(struct.pack("q", seconds * 10**9))


class Chaos:
    """The faults, and the books that are kept about them."""

    def __init__(self, cluster, clock, seed, tell=print):
        self.cluster = cluster
        self.clock = clock
        self.dice = random.Random(seed)
        self.tell = tell
        self.started = time.monotonic()
        self.known = {}  # Container id: (who, pid) of what was seen running.
        self.killed = {}  # Who: how often it was killed.
        self.unstarted = {}  # Who: how often its start may have been cut short.
        self.churned = 0
        self.counts = {}  # Fault: how often.
        self.looks = 0

    # What is looked at.

    def running(self):
        """{id: (who, pid)} of our containers, by their processes: the runtime need not answer."""
        script = """
            for p in /proc/[0-9]*; do
                who=$(tr '\\0' '\\n' < $p/environ 2>/dev/null | sed -n 's/^WHO=//p')
                [ -n "$who" ] && grep -q '^NSpid:.*[[:space:]]1$' $p/status || continue
                echo "$(sed -n '1s,.*/,,p' $p/cgroup) ${p#/proc/} $who"
            done 2>/dev/null"""
        lines = self.cluster.on(NODE, "sh", "-c", script, check=False).out.splitlines()
        return {id_: (who, int(pid)) for id_, pid, who in (line.split() for line in lines)}

    def look(self):
        """Nothing has ended that was not killed, and nothing runs twice."""
        found = self.running()
        self.looks += 1
        everybody = [who for who, _ in found.values()]
        twice = {who for who in everybody if everybody.count(who) > 1}
        if twice:
            raise Violation(f"runs twice: {sorted(twice)}")
        for id_, (who, pid) in list(self.known.items()):
            if id_ in found:
                continue
            raise Violation(f"{who} ({id_[:12]}, pid {pid}) has ended and nobody killed it")
        self.known.update({i: w for i, w in found.items() if w[0].split("/")[0] in STEADY})

    def watch(self, seconds):
        end = time.monotonic() + seconds
        while True:
            self.look()
            if time.monotonic() >= end:
                return
            time.sleep(0.3)

    # What happens.

    def about_to_interrupt(self):
        """Whoever is just being started may have to be started once more, which counts."""
        running = {who for who, _ in self.running().values()}
        for who in self.wanted() - running:
            self.unstarted[who] = self.unstarted.get(who, 0) + 1

    def kill_agent(self):
        self.about_to_interrupt()
        self.cluster.testbed("kill", NODE, "agent")

    def stop_agent(self):
        self.about_to_interrupt()
        self.cluster.testbed("stop", NODE, "agent")
        self.watch(self.dice.uniform(0, 5))
        self.cluster.testbed("start", NODE, "agent")

    def kill_runtime(self):
        self.about_to_interrupt()
        self.cluster.testbed("kill", NODE, "containerd")

    def stop_runtime(self):
        self.about_to_interrupt()
        self.cluster.testbed("stop", NODE, "containerd")
        time.sleep(self.dice.uniform(0, 5))
        self.cluster.testbed("start", NODE, "containerd")

    def kill_coordinator(self):
        self.cluster.testbed("kill", "control", "coordinator")

    def cut_network(self):
        self.cluster.testbed("cut", NODE)
        self.watch(self.dice.uniform(0, 4))
        self.cluster.testbed("heal", NODE)

    def kill_container(self):
        found = self.running()
        ours = sorted((who, id_, pid) for id_, (who, pid) in found.items()
                      if id_ in self.known)
        if not ours:
            return
        who, id_, pid = self.dice.choice(ours)
        del self.known[id_]
        self.killed[who] = self.killed.get(who, 0) + 1
        self.cluster.on(NODE, "kill", "-9", str(pid))
        self.tell(f"          {who}")

    def fill_disk(self):
        self.cluster.on(NODE, "sh", "-c",
                        f"dd if=/dev/zero of={STATE}/filler bs=4k 2>/dev/null; true")
        if self.dice.random() < 0.5:
            self.kill_agent()
        self.watch(self.dice.uniform(1, 6))
        self.cluster.on(NODE, "rm", "-f", f"{STATE}/filler")

    def move_clock(self):
        """It jumps, and back again now or at some later jump."""
        seconds = self.dice.choice((1, -1)) * self.dice.choice((3, 60, 3_600, 86_400))
        self.tell(f"          by {seconds} s")
        self.clock.set(seconds)
        if self.dice.random() < 0.3:
            self.kill_agent()
        self.watch(self.dice.uniform(0, 5))
        if self.dice.random() < 0.7:
            self.clock.set(0)

    def churn(self):
        """A DaemonSet that comes, and goes in the middle of whatever it is at."""
        self.churned += 1
        name = f"churn-{self.churned}"
        if self.cluster.apply(counting(name), check=False).code != 0:
            return  # The coordinator is just being killed.
        time.sleep(self.dice.uniform(0, 2))
        if self.dice.random() < 0.5:
            self.kill_agent()
        wait_until(lambda: self.cluster.ctl("delete", "daemonset", name, "--ignore-not-found",
                                            "--wait=false", check=False).code == 0, 60)

    def step(self):
        faults = {self.kill_agent: 6, self.stop_agent: 2, self.kill_runtime: 2,
                  self.stop_runtime: 2, self.kill_coordinator: 1, self.cut_network: 1,
                  self.kill_container: 4, self.fill_disk: 2, self.churn: 3, self.move_clock: 3}
        (fault,) = self.dice.choices(list(faults), list(faults.values()))
        name = fault.__name__.replace("_", " ")
        self.counts[name] = self.counts.get(name, 0) + 1
        self.tell(f"{time.monotonic() - self.started:8.1f}  {name}")
        fault()
        self.watch(self.dice.choice((0, 0.2, 1, 3)))

    # What has to come out of it.

    def settle(self):
        self.clock.set(0)
        wait_until(self.cluster.answers, 60)
        self.cluster.wait_nodes_ready(NODE, timeout=120)
        wait_until(lambda: {p["metadata"]["labels"]["app"] for p in self.cluster.list("pods")} ==
                   set(STEADY), 180, "only the steady ones have pods")
        # A container that was killed several times may have to wait for five minutes.
        for name in STEADY:
            self.cluster.wait_ready(name, [NODE], timeout=360)
        wait_until(lambda: set(w for w, _ in self.running().values()) == self.wanted(), 60,
                   "the runtime runs what is wanted")
        self.watch(2)

    @staticmethod
    def wanted():
        return {"steady/main", "neighbour/main", "layered/main", "layered/side"}

    def check_restarts(self, uids):
        for name in STEADY:
            pod = self.cluster.pod(name, NODE)
            if pod["metadata"]["uid"] != uids[name]:
                raise Violation(f"{name} has another pod than before")
            for status in pod["status"]["containerStatuses"] + \
                    pod["status"].get("initContainerStatuses", []):
                if status["name"] == "setup":
                    continue
                who = f"{name}/{status['name']}"
                killed, unstarted = self.killed.get(who, 0), self.unstarted.get(who, 0)
                if not killed <= status["restartCount"] <= killed + unstarted:
                    raise Violation(f"{who}: {status['restartCount']} restarts, killed {killed} "
                                    f"times, and {unstarted} starts that may have been cut short")

    def check_nothing_left(self, uids):
        script = f"""
            ctr -n k8s.io containers ls -q | wc -l
            find /sys/fs/cgroup -type d -path '*kubepods*/pod*' | sed 's,.*/pod,,; s,/.*,,' \
                | sort -u
            echo ==; ls {STATE}/pods; echo ==; ls /var/log/pods | sed 's/.*_//'; echo ==
            ls /run/netns | wc -l; ls /var/log/containers | wc -l"""

        def tidy():
            first, files, logs, last = self.cluster.on(NODE, "sh", "-c", script).out.split("==\n")
            containers, *groups = first.split()
            netns, links = last.split()
            mine = sorted(uids.values())
            found = (sorted(groups), sorted(files.split()), sorted(logs.split()), netns)
            # Three sandboxes and five containers, and for each container that was killed at most
            # one more; neighbour has the host's network.
            dead = len(self.killed)
            return found == (mine, mine, mine, "2") and \
                8 <= int(containers) <= 8 + dead and 5 <= int(links) <= 5 + dead

        try:
            wait_until(tidy, 60)
        except AssertionError:
            raise Violation("left on the host:\n" +
                            self.cluster.on(NODE, "sh", "-c", script).out) from None

    def check_logs(self):
        """Every line of every instance whose log is still there."""
        root = self.cluster.host_root(NODE) / "var/log/pods"
        lines = 0
        for container in sorted(root.glob("*/*")):
            instances = {}
            for path in sorted(container.iterdir()):
                instances.setdefault(path.name.split(".")[0], []).append(path)
            for instance, paths in instances.items():
                numbers = []
                for path in paths:
                    numbers += numbers_in(path)
                numbers.sort()
                if numbers != list(range(1, len(numbers) + 1)):
                    gaps = [(a, b) for a, b in zip([0] + numbers, numbers) if b != a + 1]
                    raise Violation(f"{container.parent.name}/{container.name}/{instance}: lines "
                                    f"are missing or twice: {gaps[:5]}")
                lines += len(numbers)
        return lines

    def run(self, seconds):
        self.cluster.apply(counting("steady"), counting("neighbour", hostNetwork=True),
                           with_sidecar("layered"))
        uids = {name: self.cluster.wait_ready(name, [NODE], timeout=90)[NODE]["metadata"]["uid"]
                for name in STEADY}
        wait_until(lambda: set(w for w, _ in self.running().values()) == self.wanted(), 30,
                   "everything runs")
        self.look()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step()
        self.settle()
        self.check_restarts(uids)
        self.check_nothing_left(uids)
        lines = self.check_logs()
        faults = ", ".join(f"{count} x {name}" for name, count in sorted(self.counts.items()))
        self.tell(f"\n{sum(self.counts.values())} faults ({faults}), {self.looks} looks\n"
                  f"{sum(self.killed.values())} containers killed and restarted, 0 without cause; "
                  f"0 duplicates; 0 orphans; {lines} log lines, 0 lost")
        return self


def numbers_in(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        return [int(m[1]) for m in re.finditer(r" F line (\d+)$", file.read(), re.MULTILINE)]


def main():
    parser = argparse.ArgumentParser(prog="./dev chaos")
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4), "big"))
    args = parser.parse_args()
    cluster = Cluster(os.environ.get("MUSTER_TESTBED", "/var/tmp/muster-chaos"),
                      os.environ.get("MUSTER_TESTBED_INDEX", "94"))
    cluster.testbed("down")
    print(f"seed {args.seed}", flush=True)
    try:
        cluster.testbed("up", "-n", "1", timeout=300)
        with SmallDisk(cluster), OwnClock(cluster) as clock:
            chaos = Chaos(cluster, clock, args.seed, lambda line: print(line, flush=True))
            chaos.run(args.minutes * 60)
    except Violation:
        print(cluster.logs_of(NODE, "agent")[-8000:], flush=True)
        raise
    finally:
        if not os.environ.get("MUSTER_KEEP_CLUSTER"):
            cluster.testbed("down")


if __name__ == "__main__":
    main()
