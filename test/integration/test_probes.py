"""Probes, hooks and sidecars on real hosts: what they gate, restart, and keep."""

import json
import time

from testbed import container_status, daemonset, identity, is_ready, stays, wait_until


def shell(text):
    return {"exec": {"command": ["sh", "-c", text]}}


def host_file(path):
    """A hostPath volume with its mount, through which a test and a container see each other."""
    return (
        {"name": "shared", "hostPath": {"path": path, "type": "DirectoryOrCreate"}},
        {"name": "shared", "mountPath": "/shared"},
    )


def test_readiness_gates_the_ready_column_and_the_rollout(cluster, nodes):
    volume, mount = host_file("/var/tmp/gate")
    probe = {**shell("test -f /shared/ready"), "periodSeconds": 1, "failureThreshold": 1}
    wanted = daemonset(
        "gated", container={"readinessProbe": probe, "volumeMounts": [mount]}, volumes=[volume])
    said = cluster.apply(wanted).text
    assert "readinessProbe" not in said, said

    def running():
        pods = cluster.pods("gated")
        return len(pods) == 3 and all(
            "running" in container_status(p).get("state", {}) for p in pods.values())

    wait_until(running, 60, "three containers run")
    assert not any(is_ready(p) for p in cluster.pods("gated").values())
    pod = cluster.pod("gated", "node-1")["metadata"]["name"]
    assert cluster.row("pod", pod)[1:3] == ["0/1", "Running"]

    for node in nodes[:2]:
        cluster.on(node, "touch", "/var/tmp/gate/ready")
    wait_until(lambda: cluster.get("daemonset", "gated")["status"]["numberReady"] == 2, 20)
    assert cluster.get("daemonset", "gated")["status"]["numberAvailable"] == 2
    waited = cluster.ctl("rollout", "status", "ds/gated", "--timeout=2s", check=False)
    assert waited.code != 0 and "2 of 3" in waited.text, waited
    cluster.on("node-3", "touch", "/var/tmp/gate/ready")
    cluster.wait_ready("gated", nodes)

    # A kill of the agent says nothing about the pods, even when the probe would fail at once.
    before = identity(cluster.pod("gated", "node-1"))
    for _ in range(3):
        cluster.testbed("kill", "node-1", "agent")
        cluster.testbed("start", "node-1", "agent")
        stays(lambda: identity(cluster.pod("gated", "node-1")) == before, 2, "it flapped")

    cluster.on("node-1", "rm", "/var/tmp/gate/ready")
    wait_until(lambda: not is_ready(cluster.pod("gated", "node-1")), 20, "node-1 is not ready")
    reasons = {(e["reason"], e["message"].split(":")[0]) for e in cluster.events(pod)}
    assert ("Unhealthy", "Readiness probe failed") in reasons, reasons
    assert container_status(cluster.pod("gated", "node-1"))["restartCount"] == 0


def test_liveness_restarts_after_pre_stop_and_within_its_own_grace(cluster):
    volume, mount = host_file("/var/tmp/alive")
    command = ["sh", "-c",
               "echo start >>/shared/log; trap 'echo term >>/shared/log; exit 0' TERM; "
               "while :; do sleep 0.1; done"]
    container = {
        "volumeMounts": [mount],
        "livenessProbe": {**shell("test ! -f /shared/bad"), "periodSeconds": 1,
                          "failureThreshold": 2, "terminationGracePeriodSeconds": 5},
        "lifecycle": {"postStart": shell("echo post >>/shared/log"),
                      "preStop": shell("rm -f /shared/bad; echo pre >>/shared/log")},
    }
    cluster.apply(daemonset("alive", command, container, volumes=[volume],
                            nodeSelector={"kubernetes.io/hostname": "node-2"}))
    pod = cluster.wait_ready("alive", ["node-2"])["node-2"]
    cluster.on("node-2", "touch", "/var/tmp/alive/bad")

    def restarted():
        status = container_status(cluster.pod("alive", "node-2"))
        return status["restartCount"] == 1 and status["ready"] and status

    status = wait_until(restarted, 30, "restarted once")
    assert status["lastState"]["terminated"]["exitCode"] == 0, status

    def log():
        return cluster.on("node-2", "cat", "/var/tmp/alive/log").out.split()

    wait_until(lambda: len(log()) == 6, 10, "start post pre term start post")
    words = log()
    assert sorted(words[:2]) == ["post", "start"], words
    assert words[2:4] == ["pre", "term"], words
    messages = [e["message"] for e in cluster.events(pod["metadata"]["name"])]
    assert "Container main failed liveness probe, will be restarted" in messages, messages

    cluster.ctl("delete", "daemonset", "alive")
    wait_until(lambda: log()[6:] == ["pre", "term"], 20, "preStop runs before the signal")


def test_sidecars_start_first_and_stop_last(cluster):
    volume, mount = host_file("/var/tmp/order")

    def telling(name, ending=""):
        return ["sh", "-c",
                f"echo +{name} >>/shared/log; trap '{ending} echo -{name} >>/shared/log; exit 0' "
                "TERM; while :; do sleep 0.1; done"]

    common = {"image": "busybox", "imagePullPolicy": "IfNotPresent", "volumeMounts": [mount]}
    init = [
        {"name": "proxy", "restartPolicy": "Always", "command": telling("proxy"), **common,
         "startupProbe": {**shell("test -f /shared/go"), "periodSeconds": 1,
                          "failureThreshold": 60}},
        {"name": "setup", "command": ["sh", "-c", "echo setup >>/shared/log"], **common},
    ]
    cluster.apply(daemonset(
        "order", telling("main", "sleep 1;"), common, initContainers=init, volumes=[volume],
        terminationGracePeriodSeconds=10, nodeSelector={"kubernetes.io/hostname": "node-3"}))

    def log():
        return cluster.on("node-3", "cat", "/var/tmp/order/log", check=False).out.split()

    wait_until(lambda: log() == ["+proxy"], 60, "the sidecar runs")
    stays(lambda: log() == ["+proxy"], 2, "setup waits for the startup probe of the sidecar")
    cluster.on("node-3", "touch", "/var/tmp/order/go")
    pod = cluster.wait_ready("order", ["node-3"])["node-3"]
    assert log() == ["+proxy", "setup", "+main"]
    assert cluster.row("pod", pod["metadata"]["name"])[1] == "2/2"

    started = time.monotonic()
    cluster.ctl("delete", "daemonset", "order")
    wait_until(lambda: len(log()) == 5, 20, "both have ended")
    assert log()[3:] == ["-main", "-proxy"], json.dumps(log())
    assert time.monotonic() - started < 10
