"""What clients of a host port notice of updates."""

import json
import statistics
import subprocess
import sys
import time

from testbed import REPO, daemonset, only_on

ABOUT = "updates of a daemon with a host port under load: the gap, with zero-gap and without"
NODE = "node-1"
PORT = 18099
# Answers with the name of its pod. It goes on for a moment when it is to stop, as servers do that
# finish what they have begun.
SERVER = """mkdir -p /www && echo $HOSTNAME > /www/index.html
httpd -f -p 8080 -h /www & server=$!
trap 'kill $server; exit 0' TERM
wait"""
# The readiness probe asks when this is over: otherwise its first question mostly comes a moment too
# early, and the next one a second later.
LISTENS = "until grep -q ':1F90 ' /proc/net/tcp /proc/net/tcp6; do usleep 5000; done"


def add_options(group):
    group.add_argument("--updates", type=int, default=100, help="of the zero-gap daemon (100)")
    group.add_argument("--plain-updates", type=int, default=10, help="of the other one (10)")
    group.add_argument("--rate", type=float, default=50, help="requests per second (50)")


def web(version, zero_gap):
    made = daemonset(
        "web", ["sh", "-c", SERVER], nodeSelector=only_on(NODE), terminationGracePeriodSeconds=5,
        container={
            "ports": [{"containerPort": 8080, "hostPort": PORT}],
            "env": [{"name": "VERSION", "value": str(version)}],
            "lifecycle": {"postStart": {"exec": {"command": ["sh", "-c", LISTENS]}}},
            "readinessProbe": {"httpGet": {"port": 8080, "path": "/"}, "periodSeconds": 1}})
    if zero_gap:
        made["metadata"]["annotations"] = {"muster.dev/zero-gap": "true"}
        made["spec"]["updateStrategy"] = {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}}
    return made


def measure(cluster, options, updates, zero_gap):
    """Updates under load from the host itself; what http_load.py says, and the time of each."""
    cluster.apply(web(0, zero_gap))
    cluster.wait_ready("web", [NODE])
    load = subprocess.Popen(
        [REPO / "test/testbed/cluster.sh", "exec", NODE, "--", "python3",
         REPO / "test/integration/http_load.py", str(options.rate), f"127.0.0.1:{PORT}"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=cluster.env, text=True)
    assert load.stdout.readline() == "started\n"
    took = []
    for version in range(1, updates + 1):
        began = time.monotonic()
        cluster.apply(web(version, zero_gap))
        cluster.ctl("rollout", "status", "daemonset/web", "--timeout=120s", timeout=130)
        took.append(time.monotonic() - began)
        if version % 50 == 0:
            print(f"  ... {version} of {updates}, {sum(took):.0f} s", file=sys.stderr, flush=True)
    out, _ = load.communicate(timeout=60)
    cluster.ctl("delete", "daemonset", "web", timeout=90)
    return list(json.loads(out).values())[0], took


def run(bench):
    options = bench.options
    print(f"hostport: updates under {options.rate:g} requests a second from the host itself\n")
    print(f"  {'':<26}{'updates':>8}{'each [s]':>10}{'requests':>10}{'failed':>8}"
          f"{'longest without an answer [s]':>32}")
    for name, zero_gap, updates in (("zero-gap, maxSurge 1", True, options.updates),
                                    ("mapping of the runtime", False, options.plain_updates)):
        load, took = measure(bench.cluster(), options, updates, zero_gap)
        print(f"  {name:<26}{updates:8}{statistics.median(took):10.2f}{load['asked']:10}"
              f"{len(load['failed']):8}{load['longest']:32.3f}")
        pods = len(load["answers"])
        if pods != updates + 1:
            print(f"    only {pods} of {updates + 1} pods were seen")
        for when, why in load["failed"][:3] if zero_gap else ():
            print(f"    failed after {when} s: {why}")
