"""Where pods run as nodes come and go and change: nodes, labels, taints."""

from testbed import daemonset, is_ready, stays, wait_until


def counts(cluster, name):
    status = cluster.get("daemonset", name)["status"]
    keys = ("desiredNumberScheduled", "currentNumberScheduled", "numberMisscheduled", "numberReady")
    return tuple(status.get(key, 0) for key in keys)


def settles(cluster, name, *expected):
    """The counts desired, current, misscheduled, ready become these."""
    wait_until(lambda: counts(cluster, name) == expected, 30,
               f"{name} has {expected}, at last {counts(cluster, name)}")


def test_a_node_that_joins_after_the_apply_gets_the_pod(cluster, nodes):
    cluster.apply(daemonset("everywhere"))
    before = cluster.wait_ready("everywhere", nodes)

    cluster.testbed("add", "node-4")
    after = cluster.wait_ready("everywhere", nodes + ["node-4"])

    settles(cluster, "everywhere", 4, 4, 0, 4)
    for node in nodes:  # The others did not notice.
        assert after[node]["metadata"]["uid"] == before[node]["metadata"]["uid"]

    # Its Node object is deleted while the agent is there: the agent stops what it ran.
    cluster.ctl("delete", "node", "node-4")
    wait_until(lambda: not cluster.containers("node-4"), 60, "node-4 runs nothing any more")
    cluster.wait_ready("everywhere", nodes, timeout=120)
    settles(cluster, "everywhere", 3, 3, 0, 3)


def test_pods_of_a_node_that_vanished_are_collected(cluster, nodes):
    cluster.testbed("add", "node-5")
    cluster.apply(daemonset("everywhere"))
    before = cluster.wait_ready("everywhere", nodes + ["node-5"])

    cluster.testbed("remove", "node-5")
    cluster.ctl("delete", "node", "node-5")

    after = cluster.wait_ready("everywhere", nodes, timeout=120)
    settles(cluster, "everywhere", 3, 3, 0, 3)
    for node in nodes:
        assert after[node]["metadata"]["uid"] == before[node]["metadata"]["uid"]


def test_a_pod_is_deleted_when_its_node_loses_the_label(cluster):
    assert cluster.ctl("label", "node", "node-1", "test/disk=ssd").out == "node/node-1 labeled\n"
    cluster.ctl("label", "node", "node-2", "test/disk=ssd")
    cluster.apply(daemonset("fast", nodeSelector={"test/disk": "ssd"}))
    before = cluster.wait_ready("fast", ["node-1", "node-2"])

    assert cluster.ctl("label", "node", "node-1", "test/disk-").out == "node/node-1 unlabeled\n"

    after = cluster.wait_ready("fast", ["node-2"])
    assert after["node-2"]["metadata"]["uid"] == before["node-2"]["metadata"]["uid"]
    wait_until(lambda: not cluster.containers("node-1"), 30, "its containers are gone")
    settles(cluster, "fast", 1, 1, 0, 1)

    cluster.ctl("label", "node", "node-1", "test/disk=ssd")
    cluster.wait_ready("fast", ["node-1", "node-2"])


def test_noschedule_keeps_what_runs_and_noexecute_does_not(cluster, nodes):
    cluster.apply(daemonset("shy"))
    before = cluster.wait_ready("shy", nodes)

    said = cluster.ctl("taint", "node", "node-1", "test/new=yes:NoSchedule").out
    assert said == "node/node-1 tainted\n"
    cluster.ctl("taint", "node", "node-2", "test/bad=yes:NoExecute")

    after = cluster.wait_ready("shy", ["node-1", "node-3"])
    for node in ("node-1", "node-3"):
        assert after[node]["metadata"]["uid"] == before[node]["metadata"]["uid"]
    settles(cluster, "shy", 1, 1, 1, 1)  # node-1 has one that would not be put there now.

    # Deleted by hand it does not come back to the tainted node.
    cluster.ctl("delete", "pod", after["node-1"]["metadata"]["name"])
    settles(cluster, "shy", 1, 1, 0, 1)
    stays(lambda: "node-1" not in cluster.pods("shy"), 2, "a pod came to a tainted node")

    # Whoever tolerates both, runs everywhere.
    cluster.apply(daemonset("bold", tolerations=[{"operator": "Exists"}]))
    cluster.wait_ready("bold", nodes)

    assert cluster.ctl("taint", "node", "node-1", "test/new-").out == "node/node-1 untainted\n"
    cluster.ctl("taint", "node", "node-2", "test/bad-")
    cluster.wait_ready("shy", nodes)
    settles(cluster, "shy", 3, 3, 0, 3)


def test_a_host_port_is_reachable_and_taken_only_once(cluster):
    web = dict(
        command=["httpd", "-f", "-p", "8080", "-h", "/etc"],
        container={"ports": [{"containerPort": 8080, "hostPort": 18080}]},
        nodeSelector={"kubernetes.io/hostname": "node-1"},
    )
    cluster.apply(daemonset("web", **web))
    cluster.wait_ready("web", ["node-1"])
    address = cluster.host_address("node-1")

    def fetch():
        url = f"http://{address}:18080/passwd"
        return cluster.on("node-2", "curl", "-sf", "--max-time", "2", url, check=False).out

    assert "root" in wait_until(fetch, 10, "the port of the host answers")

    cluster.apply(daemonset("rival", **web))
    pending = wait_until(lambda: list(cluster.pods("rival").values()), 10, "the rival's pod")[0]
    name = pending["metadata"]["name"]
    wait_until(lambda: any("free ports" in e["message"] for e in cluster.events(name)), 10,
               "an event says why the rival does not run")
    assert not is_ready(cluster.get("pod", name))
    assert cluster.row("pods", "-l", "app=rival")[2] == "Pending"

    cluster.ctl("delete", "daemonset", "web")  # The port is free again.
    cluster.wait_ready("rival", ["node-1"])


def priority_class(name, value):
    return {"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
            "metadata": {"name": name}, "value": value}


def test_a_pod_of_higher_priority_takes_the_room_of_a_lower_one(cluster, nodes):
    cpus = cluster.get("node", "node-1")["status"]["allocatable"]["cpu"]
    millis = int(cpus[:-1]) if cpus.endswith("m") else 1000 * int(cpus)
    most = {"resources": {"requests": {"cpu": f"{millis * 6 // 10}m"}}}
    here = {"nodeSelector": {"kubernetes.io/hostname": "node-1"}}
    cluster.apply(priority_class("test-low", 10), priority_class("test-high", 1000))
    try:
        cluster.apply(daemonset("modest", container=most, priorityClassName="test-low", **here))
        victim = cluster.wait_ready("modest", ["node-1"])["node-1"]
        # One of equal priority waits, and says for what.
        cluster.apply(daemonset("equal", container=most, priorityClassName="test-low", **here))
        waits = wait_until(lambda: list(cluster.pods("equal").values()), 10, "the equal one")[0]
        wait_until(lambda: any("Insufficient cpu" in e["message"]
                               for e in cluster.events(waits["metadata"]["name"])), 10,
                   "an event says why it waits")
        wait_until(lambda: any(
            e["reason"] == "FailedPlacement" and
            e["message"] == 'failed to place pod on "node-1": Insufficient cpu'
            for e in cluster.events("equal")), 10, "so does its DaemonSet")
        cluster.ctl("delete", "daemonset", "equal")

        cluster.apply(daemonset("urgent", container=most, priorityClassName="test-high", **here))
        winner = cluster.wait_ready("urgent", ["node-1"])["node-1"]
        assert winner["spec"]["priority"] == 1000
        told = {e["reason"]: e["message"] for e in cluster.events(victim["metadata"]["name"])}
        assert winner["metadata"]["name"] in told["Preempted"], told
        # Its successor waits until there is room again.
        pending = wait_until(lambda: [p for p in cluster.pods("modest").values()
                                      if not p["metadata"].get("deletionTimestamp")], 20,
                             "the next one of lower priority")[0]
        assert pending["metadata"]["uid"] != victim["metadata"]["uid"]
        assert not pending["spec"].get("nodeName")
        assert [c["reason"] for c in pending["status"]["conditions"]
                if c["type"] == "PodScheduled"] == ["Unschedulable"]
        why = cluster.ctl("why", "ds/modest", "--node", "node-1").out
        assert why.startswith("does not fit: ") and "cpu" in why.splitlines()[0], why
        cluster.ctl("delete", "daemonset", "urgent")
        cluster.wait_ready("modest", ["node-1"])
    finally:
        cluster.ctl("delete", "priorityclass", "test-low", "test-high", check=False)
