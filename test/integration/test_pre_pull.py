"""Images that are on a node before its old pod is stopped: muster.dev/pre-pull."""

import os
import shutil
import subprocess

import pytest
from testbed import daemonset, identity, wait_until

MEGABYTES = 48  # Of a layer that does not compress.
SHARED = "/var/lib/pre-pull-test"

# Tells when it starts and when it is asked to stop, by the clock that all hosts here share.
TELLS = """
now() { cut -d' ' -f1 /proc/uptime; }
echo "start $V $(now)" >>/shared/log
trap 'echo "stop $V $(now)" >>/shared/log; exit 0' TERM
sleep 1000000 & wait
"""


@pytest.fixture(scope="module")
def push(whole_cluster, tmp_path_factory):
    """push(tag): an image of some size, unlike every other one."""
    root = tmp_path_factory.mktemp("large")
    (root / "bin").mkdir()
    shutil.copy("/bin/busybox", root / "bin/busybox")
    applets = subprocess.run(["/bin/busybox", "--list"], capture_output=True, text=True, check=True)
    for applet in applets.stdout.split():
        if applet != "busybox":
            (root / "bin" / applet).symlink_to("busybox")

    def make(tag):
        (root / "data").write_bytes(os.urandom(MEGABYTES << 20))
        whole_cluster.push(f"test/large:{tag}", root)

    return make


def release(tag, ahead):
    made = daemonset(
        "large", command=["sh", "-c", TELLS],
        container={
            "image": f"test/large:{tag}",
            "env": [{"name": "V", "value": tag}],
            "volumeMounts": [{"name": "shared", "mountPath": "/shared"}],
        },
        volumes=[{"name": "shared", "hostPath": {"path": SHARED, "type": "DirectoryOrCreate"}}])
    if ahead:
        made["metadata"]["annotations"] = {"muster.dev/pre-pull": "true"}
    return made


def roll_out(cluster, tag, ahead):
    cluster.apply(release(tag, ahead))
    cluster.ctl("rollout", "status", "ds/large", "--timeout=120s", timeout=150)


def gap(cluster, node, old, new):
    """Seconds between the end of the old container and the start of the new one."""
    times = {}
    for line in (cluster.host_root(node) / SHARED.lstrip("/") / "log").read_text().splitlines():
        what, version, when = line.split()
        times[what, version] = float(when)
    return times["start", new] - times["stop", old]


def images_of(cluster, node):
    return cluster.on(node, "ctr", "-n", "k8s.io", "images", "ls", "-q").out


def test_the_gap_is_that_of_a_restart_and_not_that_of_a_pull(cluster, nodes, push):
    for tag in ("a1", "a2", "a3"):
        push(tag)
    roll_out(cluster, "a1", ahead=False)
    cluster.wait_ready("large", nodes)

    roll_out(cluster, "a2", ahead=False)
    without = [gap(cluster, node, "a1", "a2") for node in nodes]
    roll_out(cluster, "a3", ahead=True)
    ahead = [gap(cluster, node, "a2", "a3") for node in nodes]

    def shown(gaps):
        return ", ".join(f"{g:.2f} s" for g in gaps)

    print(f"\nno pod runs on a node, image of {MEGABYTES} MB:"
          f"\n  without pre-pull: {shown(without)}\n  with pre-pull:    {shown(ahead)}")
    # On a busy machine a restart alone takes its time, which is part of both.
    assert sum(ahead) < sum(without) * 0.8, (ahead, without)

    # What happened can be read.
    pods = [e["involvedObject"]["name"] for e in cluster.list("events")
            if "ahead of the update" in e["message"] and e["reason"] == "Pulled"]
    assert len(pods) == 3, cluster.ctl("get", "events").text


def test_a_node_that_cannot_pull_keeps_its_pod_and_holds_nobody_up(cluster, nodes, push):
    push("b1")
    push("b2")
    roll_out(cluster, "b1", ahead=True)
    before = cluster.wait_ready("large", nodes)
    registry = cluster.host_address("registry")
    cluster.on("node-1", "ip", "route", "add", "unreachable", registry)

    cluster.apply(release("b2", ahead=True))

    def updated():
        return {n: p["spec"]["containers"][0]["image"] for n, p in cluster.pods("large").items()
                if p["spec"]["containers"][0]["image"].endswith("b2")}

    wait_until(lambda: set(updated()) == {"node-2", "node-3"}, 60, "the others are updated")
    assert identity(cluster.pod("large", "node-1")) == identity(before["node-1"])
    told = cluster.ctl("rollout", "status", "ds/large", "--watch=false", "--nodes").out
    line = next(line for line in told.splitlines() if line.startswith("node-1: "))
    assert line.startswith("node-1: waiting: the image cannot be pulled: test/large:b2: "), told
    why = cluster.ctl("why", "ds/large", "--node", "node-1").out
    assert why.startswith("image cannot be pulled: test/large:b2: "), why
    assert "of an older revision runs on" in why, why
    print("\n" + told + why)
    reasons = {e["reason"]: e["message"] for e in cluster.events("large")}
    assert "Node node-1 keeps its old pod" in reasons["PrePullFailed"], reasons

    cluster.on("node-1", "ip", "route", "del", "unreachable", registry)
    cluster.ctl("rollout", "status", "ds/large", "--timeout=120s", timeout=150)
    assert set(updated()) == set(nodes)


def test_kill_9_of_everybody_while_images_are_pulled(cluster, nodes, push):
    push("c1")
    push("c2")
    roll_out(cluster, "c1", ahead=True)
    cluster.wait_ready("large", nodes)

    cluster.apply(release("c2", ahead=True))
    wait_until(lambda: all("prePull" in pod for pod in cluster.pods("large").values()), 30,
               "the nodes are asked to pull")
    for host, service in [(n, "agent") for n in nodes] + [("control", "coordinator")]:
        cluster.testbed("kill", host, service)
    wait_until(cluster.answers, 30)

    cluster.ctl("rollout", "status", "ds/large", "--all-nodes", "--timeout=120s", timeout=150)
    for node in nodes:
        assert "test/large:c2" in images_of(cluster, node)
        assert gap(cluster, node, "c1", "c2") < 10
