"""What an agent says of itself on its own host: `muster-agent status` and metrics."""

import json

from testbed import BUILD, daemonset, wait_until

AGENT = str(BUILD / "agent/muster-agent")


def status(cluster, host, *args, check=True):
    return cluster.on(host, AGENT, "status", *args, check=check)


def report(cluster, host):
    return json.loads(status(cluster, host, "-o", "json").out)


def metrics(cluster, host):
    """{name and labels: value}"""
    page = cluster.on(host, "curl", "-sS", "--fail", "--unix-socket",
                      "/run/muster-agent/agent.sock", "http://localhost/metrics").out
    lines = [line for line in page.splitlines() if line and not line.startswith("#")]
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


def test_status_and_metrics_on_the_host_with_and_without_a_coordinator(cluster):
    host = "node-2"
    cluster.apply(daemonset("seen", ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"]))
    pod = cluster.wait_ready("seen", [host, "node-1", "node-3"])[host]
    name = pod["metadata"]["name"]

    text = status(cluster, host).out
    assert f"Node:         {host}, agent " in text
    assert "Coordinator:  connected to " in text
    assert "Runtime:      containerd 1." in text and ", ready" in text
    row = next(line.split() for line in text.splitlines() if name in line)
    assert row[:4] == ["default", name, "1/1", "Running"]

    seen = report(cluster, host)
    assert seen["checkpoint"]["complete"] and seen["checkpoint"]["objects"] >= 1
    one = next(each for each in seen["pods"] if each["name"] == name)
    assert one["uid"] == pod["metadata"]["uid"] and one["ready"]
    assert one["containers"][0]["containerID"] in cluster.tasks(host)

    labels = f'{{namespace="default",pod="{name}",container="main"}}'
    values = metrics(cluster, host)
    assert values["muster_agent_coordinator_connected"] == 1
    assert values["muster_agent_runtime_up"] == 1
    assert values["muster_agent_pod_start_duration_seconds_count"] >= 1
    assert values["muster_agent_container_restarts_total" + labels] == 0
    assert values["container_memory_working_set_bytes" + labels] > 0
    assert values["container_cpu_usage_seconds_total" + labels] > 0
    assert values['muster_agent_cri_call_duration_seconds_count{call="RunPodSandbox"}'] >= 1
    mode = cluster.on(host, "stat", "-c", "%a %u", "/run/muster-agent/agent.sock").out
    assert mode in ("600 0\n", "660 0\n")
    # Images are told to the coordinator, too.
    wait_until(lambda: cluster.get("node", host)["status"].get("images"), 30, "images of the node")

    try:
        cluster.testbed("stop", "control", "coordinator")
        wait_until(lambda: report(cluster, host)["coordinator"]["state"] != "connected", 20)
        assert report(cluster, host)["coordinator"]["lastError"]
        assert name in status(cluster, host).out
        assert metrics(cluster, host)["muster_agent_coordinator_connected"] == 0
    finally:
        cluster.testbed("start", "control", "coordinator", check=False)
    wait_until(cluster.answers, 30)

    cluster.testbed("stop", host, "agent")
    absent = status(cluster, host, check=False)
    assert absent.code == 3 and "no agent is running on this host" in absent.err, absent
    cluster.testbed("start", host, "agent")
    wait_until(lambda: status(cluster, host, check=False).code == 0, 20, "the next agent answers")
    cluster.wait_nodes_ready(host)
