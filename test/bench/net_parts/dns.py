"""Answers of the agent's name server, against a bare UDP echo of the same size, each on one core.

The agent of a real host answers for a headless Service with three places, as programs on the host
and pods ask it. Server and client have a core each. In turns, so that what disturbs the machine
disturbs both.
"""

import json
import os
import statistics
import subprocess

from testbed import BUILD, REPO, daemonset, wait_until

ABOUT = "answers per second and p99 of the name server, against a bare UDP echo"

SERVER_CORE, CLIENT_CORE = 0, 1
HOST, DNS, PORT = "node-1", "169.254.20.10", 53
NAME = "dns-bench.default.svc.cluster.local"
ECHO_PORT = 5300


def add_options(group):
    group.add_argument("--dns-rounds", type=int, default=3, metavar="N")
    group.add_argument("--dns-seconds", type=int, default=3, metavar="S",
                       help="of each measurement")
    group.add_argument("--dns-windows", type=int, nargs="+", default=[1, 64], metavar="W",
                       help="questions under way at once")


def load(cluster, address, port, options, window):
    return json.loads(cluster.on(
        HOST, "taskset", "-c", CLIENT_CORE, BUILD / "test/bench/dns_load", address, port, NAME,
        "A", options.dns_seconds, window, timeout=options.dns_seconds + 30).out)


def start_echo(cluster, size):
    echo = subprocess.Popen(
        [str(word) for word in (
            REPO / "test/testbed/cluster.sh", "exec", HOST, "--", "timeout", "3600", "taskset",
            "-c", SERVER_CORE, BUILD / "test/bench/dns_load", "--echo", "127.0.0.1", ECHO_PORT,
            size)],
        stdout=subprocess.PIPE, env=cluster.env, text=True)
    assert echo.stdout.readline() == "ready\n"
    return echo


def stop_echo(cluster, echo):
    cluster.on(HOST, "pkill", "-x", "dns_load", check=False)
    echo.wait(10)


def table(rows):
    """[(what, [measurement, ...])]"""
    for what, them in rows:
        cells = [statistics.median(one[key] for one in them)
                 for key in ("per_second", "p50_us", "p99_us")]
        lost = sum(one["lost"] for one in them)
        print(f"  {what:<20} {cells[0]:>9,.0f} /s   p50 {cells[1]:>7.1f} us   "
              f"p99 {cells[2]:>7.1f} us" + (f"   {lost} lost" if lost else ""))


def run(bench):
    options, cluster = bench.options, bench.cluster()
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("error: server and client need a core each")
    cluster.apply(daemonset("dns-bench"),
                  {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "dns-bench"},
                   "spec": {"clusterIP": "None", "selector": {"app": "dns-bench"}}})
    cluster.wait_ready("dns-bench", ["node-1", "node-2", "node-3"])
    wait_until(lambda: len(cluster.on(HOST, "dig", "+short", f"@{DNS}", NAME).out.split()) == 3,
               20, "the name server knows the places")
    agent = cluster.on(HOST, "pidof", "muster-agent").out.strip()
    cluster.on(HOST, "taskset", "-a", "-c", "-p", SERVER_CORE, agent)
    size = load(cluster, DNS, PORT, options, 1)["bytes"]
    echo = start_echo(cluster, size)
    print(f"dns: {options.dns_rounds} rounds of {options.dns_seconds} s, answers of {size} bytes, "
          "medians\n")
    try:
        for window in options.dns_windows:
            floor, ours = [], []
            for _ in range(options.dns_rounds):
                floor.append(load(cluster, "127.0.0.1", ECHO_PORT, options, window))
                ours.append(load(cluster, DNS, PORT, options, window))
            asked = "one question at a time" if window == 1 else f"{window} questions at a time"
            print(f"  {asked}")
            table([("  bare UDP echo", floor), ("  muster-agent", ours)])
            rate = (statistics.median(one["per_second"] for one in ours) /
                    statistics.median(one["per_second"] for one in floor))
            tail = (statistics.median(one["p99_us"] for one in ours) /
                    statistics.median(one["p99_us"] for one in floor))
            print(f"    {rate:.2f} x the answers, {tail:.2f} x the p99")
    finally:
        stop_echo(cluster, echo)
        cluster.on(HOST, "taskset", "-a", "-c", "-p", f"0-{os.cpu_count() - 1}", agent)
        cluster.ctl("delete", "daemonset/dns-bench", "service/dns-bench", timeout=90)
