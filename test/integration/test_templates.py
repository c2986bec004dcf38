"""What pods are made from: node classes, configuration that rolls, and why a pod is as it is."""

import json

from testbed import daemonset, only_on, wait_until


def annotated(spec, **annotations):
    spec["metadata"]["annotations"] = {
        f"muster.dev/{key.replace('_', '-')}": value for key, value in annotations.items()
    }
    return spec


def uids(pods):
    return {node: pod["metadata"]["uid"] for node, pod in pods.items()}


def environment(pod):
    container = pod["spec"]["containers"][0]
    return {variable["name"]: variable.get("value") for variable in container.get("env", [])}


def why(cluster, *args):
    return cluster.ctl("why", *args).out.splitlines()


def big_gets(level):
    patch = {"name": "main", "env": [{"name": "LEVEL", "value": level}]}
    return json.dumps([{"selector": {"test/tier": "big"}, "containers": [patch]}])


def test_overrides_give_each_class_of_nodes_its_own_pod(cluster, nodes):
    cluster.ctl("label", "node", "node-1", "test/tier=big")
    classes = daemonset("classes", container={"env": [{"name": "LEVEL", "value": "normal"}]})
    cluster.apply(classes)
    plain = cluster.wait_ready("classes", nodes)

    # The plan says what would happen, and nothing does.
    annotated(classes, overrides=big_gets("high"))
    planned = cluster.ctl("plan", "-f", "-", stdin=json.dumps(classes)).out
    assert "in all: replace 1, keep 2" in planned, planned
    assert "main: with LEVEL=high" in planned, planned
    assert uids(cluster.pods("classes")) == uids(plain)

    # Only the pod that turns out differently is replaced.
    cluster.apply(classes)
    def level_of(node, level):
        pod = cluster.pod("classes", node)
        return pod and environment(pod)["LEVEL"] == level

    wait_until(lambda: level_of("node-1", "high"), 30, "node-1 gets what big nodes get")
    overridden = cluster.wait_ready("classes", nodes)
    for node in ("node-2", "node-3"):
        assert uids(overridden)[node] == uids(plain)[node]
        assert environment(overridden[node]) == {"LEVEL": "normal"}
    name = overridden["node-1"]["metadata"]["name"]
    assert cluster.ctl("exec", name, "--", "sh", "-c", "echo $LEVEL").out == "high\n"

    # A node that changes its class gets another pod.
    cluster.ctl("label", "node", "node-2", "test/tier=big")
    wait_until(lambda: level_of("node-2", "high"), 30, "node-2 has become a big node")
    after = cluster.wait_ready("classes", nodes)
    assert uids(after)["node-1"] == uids(overridden)["node-1"]
    assert uids(after)["node-3"] == uids(plain)["node-3"]

    # What cannot be is refused with its place, and nothing changes.
    annotated(classes, overrides='[{"selector": {"a": "b"}, "containers": [{"name": "other"}]}]')
    refused = cluster.apply(classes, check=False)
    assert refused.code == 1
    assert "metadata.annotations[muster.dev/overrides][0].containers[0].name" in refused.err
    assert uids(cluster.pods("classes")) == uids(after)


def test_a_change_of_configuration_rolls_the_pods(cluster, nodes):
    def settings(value):
        return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
                "data": {"level": value}}

    reads = {"envFrom": [{"configMapRef": {"name": "settings"}}]}
    rolls = annotated(daemonset("rolls", container=reads), roll_on_config="true")
    cluster.apply(settings("one"), rolls, daemonset("stays", container=reads))
    before = cluster.wait_ready("rolls", nodes)
    bystanders = cluster.wait_ready("stays", nodes)

    cluster.apply(settings("two"))

    def all_new():
        now = uids(cluster.pods("rolls"))
        return sorted(now) == nodes and not set(now.values()) & set(uids(before).values())

    wait_until(all_new, 60, "every pod was replaced")
    after = cluster.wait_ready("rolls", nodes)
    for pod in after.values():
        name = pod["metadata"]["name"]
        assert cluster.ctl("exec", name, "--", "sh", "-c", "echo $level").out == "two\n"
    assert uids(cluster.pods("stays")) == uids(bystanders)
    revisions = [r for r in cluster.list("controllerrevisions")
                 if r["metadata"]["name"].startswith("rolls-")]
    assert sorted(r["revision"] for r in revisions) == [1, 2]


def test_why_names_the_cause_on_its_first_line(cluster, nodes):
    cluster.apply(daemonset("fine"), daemonset("picky", nodeSelector={"test/disk": "ssd"}),
                  daemonset("crashes", ["sh", "-c", "echo no database; exit 7"],
                            nodeSelector=only_on("node-1")),
                  daemonset("nowhere", container={"image": "nosuch/image:1"},
                            nodeSelector=only_on("node-2")),
                  daemonset("unset", nodeSelector=only_on("node-3"), container={
                      "env": [{"name": "A", "valueFrom": {
                          "configMapKeyRef": {"name": "nosuch", "key": "k"}}}]}))
    running = cluster.wait_ready("fine", nodes)

    name = running["node-1"]["metadata"]["name"]
    assert why(cluster, f"pod/{name}")[0].startswith(f"running: pod default/{name} is ready")
    assert why(cluster, "ds/picky", "--node", "node-1")[0] == (
        "not matched: nodeSelector asks for test/disk=ssd, the node has no label test/disk")
    assert why(cluster, "ds/fine", "--node", "node-9")[0] == (
        "node unknown: there is no node node-9")

    def says(start, *args):
        lines = []

        def said():
            lines[:] = why(cluster, *args)
            return lines[0].startswith(start)

        wait_until(said, 60, f"why {args} begins with {start!r}: {lines}")
        return lines

    crashing = says("crash-looping: container main ended with exit code 7",
                    "ds/crashes", "--node", "node-1")
    assert "    no database" in crashing, crashing
    says("image cannot be pulled: nosuch/image:1: ", "ds/nowhere", "--node", "node-2")
    missing = says("config error: ", "ds/unset", "--node", "node-3")
    assert "nosuch" in missing[0]

    cluster.ctl("taint", "node", "node-3", "test/new=yes:NoSchedule")
    cluster.ctl("delete", "pod", running["node-3"]["metadata"]["name"])
    says("tainted: taint test/new=yes:NoSchedule is not tolerated", "ds/fine", "--node", "node-3")

    overview = dict(line.split(maxsplit=1) for line in why(cluster, "ds/picky"))
    assert sorted(overview) == nodes
