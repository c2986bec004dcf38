"""From a pod turning Ready to its address in every node's answers.

The readiness of one pod is switched on and off. It counts as Ready when a watch of the API shows
it, which is when anybody could know; on each of three hosts a program asks the agent's name server
again and again, and says when the answer becomes another one. Then the same with 1,000 hollow
agents beside them (hollow_fleet.cc), of which each has a session and takes the table: until the
last one has it. All clocks are this machine's.
"""

import resource
import statistics
import subprocess
import sys
import threading
import time

from testbed import BUILD, REPO, daemonset, wait_until

ABOUT = "from a pod turning Ready to its address in the answers of all nodes"

NODES = ("node-1", "node-2", "node-3")
NAME = "spread.default.svc.cluster.local"
# Prints when the answer has another size, by the clock that all of this machine have.
ASK = """
import socket, struct, sys, time
name = b"".join(bytes([len(p)]) + p.encode() for p in sys.argv[1].split(".")) + b"\\0"
asker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asker.settimeout(1)
asker.connect(("169.254.20.10", 53))
known = None
while True:
    asker.send(struct.pack(">6H", 1, 256, 1, 0, 0, 0) + name + b"\\0\\1\\0\\1")
    try:
        count = struct.unpack(">6H", asker.recv(4096)[:12])[3]
    except OSError:
        continue
    if count != known:
        print(time.monotonic(), count, flush=True)
        known = count
    time.sleep(0.001)
"""


def add_options(group):
    group.add_argument("--spread-rounds", type=int, default=10, metavar="N")
    group.add_argument("--spread-agents", type=int, default=1000, metavar="N",
                       help="hollow agents beside the three hosts; 0: none")


class Follower:
    """Lines of a program, each with the time at which it came."""

    def __init__(self, command, env, **how):
        self.process = subprocess.Popen([str(word) for word in command], env=env,
                                        stdout=subprocess.PIPE, text=True, **how)
        self.lines = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append((time.monotonic(), line))

    def end(self):
        self.process.kill()
        self.process.wait()


class Host(Follower):
    """Of one host: when it answers with how many places."""

    def __init__(self, cluster, host):
        super().__init__([REPO / "test/testbed/cluster.sh", "exec", host, "--", "timeout", "1800",
                          "python3", "-c", ASK, NAME], cluster.env)

    def since(self, begin, count):
        for _, line in list(self.lines):
            at, places = line.split()
            if float(at) >= begin and int(places) == count:
                return float(at)
        return None


class Watch(Follower):
    """Of the pod: when it is said to be Ready."""

    def __init__(self, cluster, pod):
        super().__init__(cluster.ctl_command("get", "pod", pod, "-w", "--no-headers"), cluster.env)

    def since(self, begin, ready):
        for at, line in list(self.lines):
            if at >= begin and line.split()[1] == ready:
                return at
        return None


def remove_some(cluster):
    """Whether there is no hollow node any more. Nobody may remove 1,000 at once."""
    nodes = [node["metadata"]["name"] for node in cluster.list("nodes")]
    hollow = [name for name in nodes if name.startswith("hollow-")]
    if hollow:
        cluster.ctl("delete", "node", *hollow[:50], check=False, timeout=90)
    return not hollow


class Hollow(Follower):
    """1,000 agents without hosts."""

    def __init__(self, cluster, agents):
        words = cluster.ctl("token", "create", "--uses", agents, "--ttl", "2h").out.split()
        target = words[words.index("join") + 1]
        token, ca_hash = words[words.index("--token") + 1], words[words.index("--ca-hash") + 1]
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        super().__init__(
            [REPO / "test/testbed/cluster.sh", "exec", "control", "--",
             # Each of them looks for the coordinator by itself: in /etc/hosts, which takes no time.
             "env", "GRPC_DNS_RESOLVER=native",
             BUILD / "test/bench/hollow_fleet", target, token, ca_hash, agents, "--network"],
            cluster.env, stdin=subprocess.PIPE)
        self.agents = agents
        wait_until(lambda: any(line.startswith("up") for _, line in list(self.lines)), 300,
                   "all hollow agents are connected")

    def since(self, begin):
        """When the last one had what came after `begin`."""
        for _, line in list(self.lines):
            words = line.split()
            if words[0] == "told" and float(words[2]) >= begin:
                return float(words[3])
        return None

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


def spread(values):
    quarters = statistics.quantiles(values, n=4) if len(values) > 1 else [values[0]] * 3
    return f"{statistics.median(values):7.1f}   [{quarters[0]:.1f} .. {quarters[2]:.1f}]   " \
           f"most {max(values):.1f}"


def switch(cluster, pod, ready):
    cluster.ctl("exec", pod, "--", *(("touch", "/tmp/ready") if ready else ("rm", "/tmp/ready")))


def measure(cluster, pod, hosts, watch, hollow, rounds):
    first, last, told = [], [], []
    for number in range(rounds):
        print(f"  ... {number} of {rounds}", file=sys.stderr, flush=True)
        begin = time.monotonic()
        switch(cluster, pod, False)
        wait_until(lambda: all(host.since(begin, 2) for host in hosts), 60, "it is not named")
        begin = time.monotonic()
        switch(cluster, pod, True)
        ready = wait_until(lambda: watch.since(begin, "1/1"), 60, "it is ready")
        seen = wait_until(lambda: (lambda at: all(at) and at)(
            [host.since(begin, 3) for host in hosts]), 60, "all hosts name it")
        first.append((min(seen) - ready) * 1000)
        last.append((max(seen) - ready) * 1000)
        if hollow:
            at = wait_until(lambda: hollow.since(begin), 60, "all hollow agents have it")
            told.append((at - ready) * 1000)
    print(f"  the first of three hosts answers with it   {spread(first)}")
    print(f"  the last of three hosts                    {spread(last)}")
    if told:
        print(f"  the last of {hollow.agents} hollow agents has it       {spread(told)}")


def run(bench):
    options, cluster = bench.options, bench.cluster()
    probe = {"exec": {"command": ["test", "-e", "/tmp/ready"]}, "periodSeconds": 1,
             "failureThreshold": 1}
    for node in NODES:
        cluster.ctl("label", "node", node, "bench/real=yes")
    cluster.apply(
        daemonset("spread",
                  ["sh", "-c", "touch /tmp/ready; trap 'exit 0' TERM; sleep 99999 & wait"],
                  container={"readinessProbe": probe}, nodeSelector={"bench/real": "yes"}),
        {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "spread"},
         "spec": {"clusterIP": "None", "selector": {"app": "spread"}}})
    pod = cluster.wait_ready("spread", NODES)["node-2"]["metadata"]["name"]
    hosts = [Host(cluster, node) for node in NODES]
    watch, hollow = Watch(cluster, pod), None
    print(f"spread: {options.spread_rounds} times, ms after a watch shows the pod Ready, median "
          "[quartiles]\n")
    try:
        wait_until(lambda: all(host.since(0, 3) for host in hosts), 30, "all hosts name it")
        measure(cluster, pod, hosts, watch, None, options.spread_rounds)
        if options.spread_agents:
            hollow = Hollow(cluster, options.spread_agents)
            print(f"\n  with {options.spread_agents} hollow agents")
            measure(cluster, pod, hosts, watch, hollow, options.spread_rounds)
    finally:
        for follower in (*hosts, watch, *([hollow] if hollow else [])):
            follower.end()
        cluster.ctl("delete", "daemonset/spread", "service/spread", timeout=90)
        if hollow:
            wait_until(lambda: remove_some(cluster), 300, "no hollow node is left")
        for node in NODES:
            cluster.ctl("label", "node", node, "bench/real-")
