"""Kill anything at any time: what runs goes on running, and what was asked for comes true."""

import json
import os
import random
import signal
import subprocess
import time

import pytest
from testbed import container_status, daemonset, identity, is_ready, only_on, stays, wait_until


def pids(cluster, nodes):
    """Containers and their processes as the nodes' own runtimes tell them."""
    return {node: cluster.tasks(node) for node in nodes}


def test_killing_the_agent_twenty_times_changes_nothing_that_runs(cluster, nodes):
    # Spec: pod/23/adopt
    cluster.apply(daemonset("steady"), daemonset("neighbour", hostNetwork=True))
    names = ("steady", "neighbour")
    before = {n: {k: identity(p) for k, p in cluster.wait_ready(n, nodes).items()} for n in names}
    processes = pids(cluster, nodes)
    assert all(len(tasks) == 4 for tasks in processes.values()), processes
    chance = random.Random(20)

    for _ in range(20):
        cluster.testbed("kill", "node-1", "agent")
        # Killed in every phase of its start: while it connects, adopts, and once it has settled.
        time.sleep(chance.choice((0, 0.05, 0.2, 0.5, 1.5)))
        cluster.testbed("start", "node-1", "agent")

    cluster.wait_nodes_ready(*nodes)
    assert pids(cluster, nodes) == processes
    for name in names:
        after = {k: identity(p) for k, p in cluster.wait_ready(name, nodes).items()}
        assert after == before[name]

    # And it still does its work.
    cluster.ctl("delete", "daemonset", "neighbour")
    wait_until(lambda: len(cluster.tasks("node-1")) == 2, 30, "the neighbour is stopped")


def test_an_apply_that_meets_a_killed_coordinator_is_whole_or_not_there(cluster):
    objects = 25
    took = None
    outcomes = set()
    for attempt in range(14):
        label = f"round-{attempt}"
        text = "".join(
            "---\n" + json.dumps(daemonset(
                f"{label}-{i}", nodeSelector={"test/nowhere": "yes"},
                meta={"labels": {"round": label}})) + "\n"
            for i in range(objects))
        pid = cluster.coordinator_pid()
        started = time.monotonic()
        apply = subprocess.Popen(
            [str(w) for w in cluster.ctl_command("apply", "-f", "-")], env=cluster.env, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        apply.stdin.write(text)
        apply.stdin.close()
        if attempt == 0:  # Undisturbed: how long it takes.
            assert apply.wait(30) == 0, apply.stdout.read()
            took = time.monotonic() - started
        else:
            time.sleep(max(0, took * attempt / 12 - (time.monotonic() - started)))
            os.kill(pid, signal.SIGKILL)
            apply.wait(60)
        said = apply.stdout.read()
        apply.stdout.close()

        wait_until(cluster.answers, 30)
        there = cluster.ctl("get", "daemonsets", "-l", f"round={label}", "-o", "name").out.split()
        assert len(there) in (0, objects), f"attempt {attempt}: {len(there)} of {objects}\n{said}"
        if apply.returncode == 0:  # What was acknowledged is durable.
            assert len(there) == objects, f"attempt {attempt} was acknowledged and is lost\n{said}"
        else:
            assert "error" in said, said
        outcomes.add((apply.returncode == 0, len(there) == objects))
        if there:
            cluster.ctl("delete", *there)
    assert len(outcomes) > 1, f"every kill came at the same moment: {outcomes}"


def killed_and_restarted(cluster, node):
    """Kills the one container on a node; returns when the runtime runs another one."""
    sandbox_and_container = cluster.tasks(node)
    victim = [c for c in sandbox_and_container if is_busybox(cluster, node, c)][0]
    cluster.on(node, "kill", "-9", str(sandbox_and_container[victim]))
    wait_until(lambda: victim not in cluster.tasks(node), 10, "it is dead")
    return wait_until(
        lambda: [c for c in cluster.tasks(node) if c not in sandbox_and_container], 20,
        f"{node} restarted its container")


def is_busybox(cluster, node, container):
    listed = cluster.on(node, "ctr", "-n", "k8s.io", "containers", "ls").out.splitlines()
    return any(line.startswith(container) and "busybox" in line for line in listed)


def test_the_agent_restarts_containers_while_the_coordinator_is_unreachable(cluster, nodes):
    # Spec: pod/22/heartbeat-lost
    cluster.apply(daemonset("lonely"))
    before = cluster.wait_ready("lonely", nodes)

    cluster.testbed("stop", "control", "coordinator")
    cluster.testbed("cut", "node-2")
    killed_and_restarted(cluster, "node-1")
    killed_and_restarted(cluster, "node-2")
    cluster.testbed("heal", "node-2")
    cluster.testbed("start", "control", "coordinator")
    wait_until(cluster.answers, 30)

    after = cluster.wait_ready("lonely", nodes)
    for node, restarts in (("node-1", 1), ("node-2", 1), ("node-3", 0)):
        assert after[node]["metadata"]["uid"] == before[node]["metadata"]["uid"]

        def reported(node=node, restarts=restarts):
            return container_status(cluster.pod("lonely", node))["restartCount"] == restarts

        wait_until(reported, 20, f"{restarts} restarts on {node}")


def test_a_node_that_reboots_alone_starts_its_pods_from_its_own_disk(cluster, nodes):
    # Spec: pod/23/reboot
    cluster.apply(daemonset("alone"))
    before = cluster.wait_ready("alone", nodes)

    cluster.testbed("stop", "control", "coordinator")
    cluster.testbed("kill", "node-2")
    cluster.testbed("start", "node-2")
    wait_until(lambda: len(cluster.tasks("node-2")) == 2, 60, "its pod runs again")

    cluster.testbed("start", "control", "coordinator")
    wait_until(cluster.answers, 30)
    after = cluster.wait_ready("alone", nodes)
    assert after["node-2"]["metadata"]["uid"] == before["node-2"]["metadata"]["uid"]
    assert identity(after["node-1"]) == identity(before["node-1"])


@pytest.mark.parametrize("how", ["killed", "stopped for a while"])
def test_pods_are_adopted_when_containerd_comes_back(cluster, nodes, how):
    # Spec: pod/23/runtime-restart, pod/26/restart
    cluster.apply(daemonset("adopted"))
    before = cluster.wait_ready("adopted", nodes)
    processes = pids(cluster, nodes)

    if how == "killed":
        cluster.testbed("kill", "node-1", "containerd")
    else:
        cluster.testbed("stop", "node-1", "containerd")
        time.sleep(3)  # Long enough for the agent to look and find nobody.
        cluster.testbed("start", "node-1", "containerd")
    wait_until(lambda: cluster.on("node-1", "ctr", "version", check=False).code == 0, 30,
               "containerd answers")

    def same():
        pod = cluster.pod("adopted", "node-1")
        return is_ready(pod) and identity(pod) == identity(before["node-1"])

    stays(same, 5, "the pod on node-1 was touched")
    assert pids(cluster, nodes) == processes

    # The agent is on speaking terms with the new containerd.
    cluster.apply(daemonset("later", nodeSelector=only_on("node-1")))
    cluster.wait_ready("later", ["node-1"])


def test_a_killed_coordinator_changes_nothing_that_runs(cluster, nodes):
    cluster.apply(daemonset("steady"))
    before = {k: identity(p) for k, p in cluster.wait_ready("steady", nodes).items()}
    processes = pids(cluster, nodes)

    for _ in range(5):
        cluster.testbed("kill", "control", "coordinator")
        wait_until(cluster.answers, 30)

    cluster.wait_nodes_ready(*nodes)
    assert pids(cluster, nodes) == processes
    assert {k: identity(p) for k, p in cluster.wait_ready("steady", nodes).items()} == before
