"""What the kernel and the disk of a host show of a pod's resources and groups."""

import json

from testbed import container_status, daemonset, identity, is_ready, only_on, wait_until

HOST = "node-1"


def container(name, requests=None, limits=None):
    resources = {"requests": requests or {}, "limits": limits or {}}
    return {"name": name, "image": "busybox", "imagePullPolicy": "IfNotPresent",
            "command": ["sh", "-c", "trap 'exit 0' TERM; sleep 1000000 & wait"],
            "resources": resources}


def pods_of(name, *containers, **pod_spec):
    wanted = daemonset(name, nodeSelector=only_on(HOST), **pod_spec)
    wanted["spec"]["template"]["spec"]["containers"] = list(containers)
    return wanted


class Groups:
    """Files of the control groups of a host, whichever version it has."""

    NAMES = {"shares": ("cpu", "cpu.shares", "cpu.weight"),
             "quota": ("cpu", "cpu.cfs_quota_us", "cpu.max"),
             "memory": ("memory", "memory.limit_in_bytes", "memory.max")}

    def __init__(self, cluster):
        self.cluster = cluster
        self.v2 = cluster.on(HOST, "test", "-e", "/sys/fs/cgroup/cgroup.controllers",
                             check=False).code == 0

    def read(self, group, what):
        """The value as a number; -1 where there is no limit; None where there is no group."""
        controller, v1, v2 = self.NAMES[what]
        path = f"/sys/fs/cgroup{group}/{v2}" if self.v2 else \
            f"/sys/fs/cgroup/{controller}{group}/{v1}"
        result = self.cluster.on(HOST, "cat", path, check=False)
        if result.code != 0:
            return None
        word = result.out.split()[0]
        value = -1 if word == "max" else int(word)
        return -1 if what == "memory" and value > 1 << 60 else value

    def shares(self, value):
        return 1 + (value - 2) * 9999 // 262142 if self.v2 else value

    def expect(self, group, shares, quota, memory):
        wanted = (self.shares(shares), quota, memory)
        found = None

        def there():
            nonlocal found
            found = tuple(self.read(group, what) for what in ("shares", "quota", "memory"))
            return found == wanted

        try:
            wait_until(there, 15)
        except AssertionError:
            raise AssertionError(f"{group}: {found}, not {wanted}") from None


def test_control_groups_of_pods_have_what_their_containers_have_together(cluster):
    # Spec: pod/17.2/values, pod/17.2/place, pod/17.2/guaranteed-and-burstable
    groups = Groups(cluster)
    half = {"cpu": "500m", "memory": "32Mi"}
    cluster.apply(
        pods_of("sure", container("one", half, half), container("two", half, half)),
        pods_of("some", container("one", {"cpu": "100m"}, {"cpu": "200m", "memory": "16Mi"}),
                container("two", {"cpu": "150m"}, {"memory": "16Mi"})),
        pods_of("none", container("one")))
    uids = {name: cluster.wait_ready(name, [HOST])[HOST]["metadata"]["uid"]
            for name in ("sure", "some", "none")}
    of = {"sure": f"/kubepods/pod{uids['sure']}",
          "some": f"/kubepods/burstable/pod{uids['some']}",
          "none": f"/kubepods/besteffort/pod{uids['none']}"}
    groups.expect(of["sure"], 1024, 100_000, 64 << 20)
    # Without a limit of cpu on one of them there is none on the pod; the memory is limited. A
    # request of memory is the limit where none is given.
    groups.expect(of["some"], 256, -1, 32 << 20)
    groups.expect(of["none"], 2, -1, -1)
    groups.expect("/kubepods/burstable", 256, -1, -1)
    groups.expect("/kubepods/besteffort", 2, -1, -1)

    # They go with their pods, and the class has less.
    cluster.ctl("delete", "daemonset", "some", "none", timeout=90)
    for name in ("some", "none"):
        wait_until(lambda n=name: groups.read(of[n], "shares") is None, 30, f"{of[name]} is gone")
    groups.expect("/kubepods/burstable", 2, -1, -1)
    # Another agent finds all as it is.
    cluster.testbed("kill", HOST, "agent")
    cluster.wait_nodes_ready(HOST)
    groups.expect(of["sure"], 1024, 100_000, 64 << 20)
    cluster.ctl("delete", "daemonset", "sure", timeout=90)


def test_volumes_belong_to_the_fs_group(cluster):
    # Spec: pod/14.4/fs-group
    volumes = [{"name": "scratch", "emptyDir": {}},
               {"name": "memory", "emptyDir": {"medium": "Memory"}},
               {"name": "config", "configMap": {"name": "grouped", "defaultMode": 0o400}},
               {"name": "host", "hostPath": {"path": "/var/lib/grouped",
                                             "type": "DirectoryOrCreate"}}]
    wanted = pods_of("grouped", container("main"), volumes=volumes,
                     securityContext={"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 2345,
                                      "fsGroupChangePolicy": "OnRootMismatch"})
    wanted["spec"]["template"]["spec"]["containers"][0]["volumeMounts"] = [
        {"name": v["name"], "mountPath": f"/{v['name']}"} for v in volumes]
    cluster.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "grouped"},
                   "data": {"key": "one"}}, wanted)
    name = cluster.wait_ready("grouped", [HOST])[HOST]["metadata"]["name"]

    def inside(command):
        return cluster.ctl("exec", name, "--", "sh", "-c", command).out.split()

    assert inside("id -G") == ["1234", "2345"]
    assert inside("stat -c %g:%a /scratch /memory") == ["2345:2777"] * 2
    assert inside("stat -L -c %g:%a /config/key") == ["2345:440"]
    assert inside("cat /config/key") == ["one"]
    assert inside("touch /scratch/f /memory/f; stat -c %u:%g /scratch/f /memory/f") == \
        ["1234:2345"] * 2
    assert inside("stat -c %u:%g:%a /host") == ["0:0:755"]
    cluster.ctl("delete", "daemonset", "grouped", timeout=90)
    cluster.ctl("delete", "configmap", "grouped")


def resized(cluster, name, requests, limits):
    """The pod with other resources, put in the place of what is there."""
    pod = cluster.get("pod", name)
    del pod["metadata"]["resourceVersion"], pod["status"]  # The agent may just write another.
    pod["spec"]["containers"][0]["resources"] = {"requests": requests, "limits": limits}
    return cluster.ctl("replace", "-f", "-", stdin=json.dumps(pod), check=False)


def test_resources_of_a_running_pod_change_in_place(cluster):
    # Spec: pod/24/resize
    groups = Groups(cluster)
    wanted = pods_of("elastic", container("main", {"cpu": "100m", "memory": "16Mi"},
                                          {"cpu": "200m", "memory": "32Mi"}))
    wanted["spec"]["template"]["spec"]["containers"][0]["resizePolicy"] = [
        {"resourceName": "cpu", "restartPolicy": "NotRequired"},
        {"resourceName": "memory", "restartPolicy": "RestartContainer"}]
    cluster.apply(wanted)
    pod = cluster.wait_ready("elastic", [HOST])[HOST]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
    of_pod = f"/kubepods/burstable/pod{uid}"
    first = identity(pod)
    assert container_status(pod)["resources"]["limits"] == {"cpu": "200m", "memory": "32Mi"}

    def of_container():
        status = container_status(cluster.pod("elastic", HOST))
        return f"{of_pod}/{status['containerID'].split('://')[1]}"

    def shows(limits):
        def shown():
            now = cluster.pod("elastic", HOST)
            conditions = [c["type"] for c in now["status"]["conditions"]]
            return is_ready(now) and container_status(now)["resources"]["limits"] == limits and \
                "PodResizeInProgress" not in conditions
        wait_until(shown, 40, f"the status shows {limits}")

    # More and less cpu: the same instance goes on.
    for cpu, quota, shares in (("400m", 40_000, 204), ("150m", 15_000, 153)):
        request = f"{shares * 1000 // 1024 + 1}m"
        result = resized(cluster, name, {"cpu": request, "memory": "16Mi"},
                         {"cpu": cpu, "memory": "32Mi"})
        assert result.code == 0, result
        shows({"cpu": cpu, "memory": "32Mi"})
        groups.expect(of_container(), shares, quota, 32 << 20)
        groups.expect(of_pod, shares, quota, 32 << 20)
        assert identity(cluster.pod("elastic", HOST)) == first

    # Nor does another agent start it anew.
    cluster.testbed("kill", HOST, "agent")
    cluster.wait_nodes_ready(HOST)
    shows({"cpu": "150m", "memory": "32Mi"})
    assert identity(cluster.pod("elastic", HOST)) == first

    # Memory is for another instance, with less and with more.
    for memory, restarts in (("24Mi", 1), ("48Mi", 2)):
        result = resized(cluster, name, {"cpu": "150m", "memory": "16Mi"},
                         {"cpu": "150m", "memory": memory})
        assert result.code == 0, result
        shows({"cpu": "150m", "memory": memory})
        groups.expect(of_container(), 153, 15_000, int(memory[:-2]) << 20)
        groups.expect(of_pod, 153, 15_000, int(memory[:-2]) << 20)
        now = cluster.pod("elastic", HOST)
        assert container_status(now)["restartCount"] == restarts
        assert now["metadata"]["uid"] == uid

    refused = resized(cluster, name, {"cpu": "150m", "memory": "48Mi"},
                      {"cpu": "150m", "memory": "48Mi"})
    assert refused.code != 0 and "Pod QOS Class may not change" in refused.err, refused
    cluster.ctl("delete", "daemonset", "elastic", timeout=90)


def test_more_than_the_node_can_give_is_waited_for(cluster):
    # Spec: pod/24/resize
    allocatable = cluster.get("node", HOST)["status"]["allocatable"]["cpu"]
    whole = int(allocatable[:-1]) if allocatable.endswith("m") else int(allocatable) * 1000
    half = f"{whole // 2}m"
    cluster.apply(pods_of("grows", container("main", {"cpu": "100m"})),
                  pods_of("other", container("main", {"cpu": half})))
    cluster.wait_ready("other", [HOST])
    pod = cluster.wait_ready("grows", [HOST])[HOST]
    name, first = pod["metadata"]["name"], identity(pod)
    of_pod = f"/kubepods/burstable/pod{pod['metadata']['uid']}"

    def pending():
        now = cluster.pod("grows", HOST)
        return [(c["reason"], c["message"]) for c in now["status"]["conditions"]
                if c["type"] == "PodResizePending"]

    def asks_for(cpu, reason, message):
        result = resized(cluster, name, {"cpu": cpu}, {})
        assert result.code == 0, result
        wait_until(lambda: pending() and pending()[0][0] == reason, 20, reason)
        assert message in pending()[0][1], pending()
        assert container_status(cluster.pod("grows", HOST))["allocatedResources"]["cpu"] == "100m"

    asks_for(f"{whole + 1}m", "Infeasible",
             f"Node didn't have enough capacity: cpu, requested: {whole + 1}, capacity: {whole}")
    asks_for(f"{whole // 2 + 100}m", "Deferred",
             f"Node didn't have enough resource: cpu, requested: {whole // 2 + 100}")
    cluster.testbed("kill", HOST, "agent")
    cluster.wait_nodes_ready(HOST)
    assert pending()[0][0] == "Deferred"
    groups = Groups(cluster)
    groups.expect(of_pod, 102, -1, -1)

    cluster.ctl("delete", "daemonset", "other", timeout=90)
    wait_until(lambda: not pending(), 30, "there is room now")
    groups.expect(of_pod, (whole // 2 + 100) * 1024 // 1000, -1, -1)
    assert identity(cluster.pod("grows", HOST)) == first
    cluster.ctl("delete", "daemonset", "grows", timeout=90)
