"""Containers that will not start, will not stay, or need something: images, restarts, volumes."""

import base64
import shutil

from testbed import container_status, daemonset, is_ready, only_on, wait_until, waiting_reason


def test_a_missing_image_is_named_and_pulled_once_it_is_there(cluster, tmp_path):
    # Spec: pod/7/pull-error
    container = {"image": "late/arrival:1", "command": ["/bin/sleep", "100000"]}
    cluster.apply(daemonset("late", container=container, nodeSelector=only_on("node-1")))

    def shows(reason):
        def shown():
            pod = cluster.pod("late", "node-1")
            return pod and waiting_reason(pod) == reason and pod
        return wait_until(shown, 30, reason)

    pod = shows("ErrImagePull")
    shows("ImagePullBackOff")
    wait_until(lambda: cluster.row("pods", "-l", "app=late")[2] == "ImagePullBackOff", 30,
               "the table says it too")
    row = cluster.row("pods", "-l", "app=late")
    assert row[1] == "0/1" and row[3] == "0", row
    messages = [e["message"] for e in cluster.events(pod["metadata"]["name"])]
    assert any('Failed to pull image "late/arrival:1"' in m for m in messages), messages
    assert any('Back-off pulling image "late/arrival:1"' in m for m in messages), messages

    (tmp_path / "bin").mkdir()
    shutil.copy("/bin/busybox", tmp_path / "bin/sleep")
    cluster.push("late/arrival:1", tmp_path)
    ready = cluster.wait_ready("late", ["node-1"], timeout=90)
    assert ready["node-1"]["metadata"]["uid"] == pod["metadata"]["uid"]
    assert container_status(ready["node-1"])["restartCount"] == 0


def test_a_container_that_exits_is_restarted_at_growing_intervals(cluster):
    # It writes down when it started, by a clock that no status passes through.
    cluster.apply(daemonset(
        "crashing", command=["sh", "-c", "cat /proc/uptime >> /starts/list; exit 3"],
        container={"volumeMounts": [{"name": "starts", "mountPath": "/starts"}]},
        nodeSelector=only_on("node-1"),
        volumes=[{"name": "starts", "hostPath": {
            "path": "/var/lib/starts", "type": "DirectoryOrCreate"}}]))
    path = cluster.host_root("node-1") / "var/lib/starts/list"

    def starts():
        lines = path.read_text().splitlines() if path.exists() else []
        return [float(line.split()[0]) for line in lines]

    # It runs so briefly that what is left to see is the exit and the wait.
    def waits():
        pod = cluster.pod("crashing", "node-1")
        return pod and waiting_reason(pod) == "CrashLoopBackOff" and pod

    pod = wait_until(waits, 20, "CrashLoopBackOff")
    assert cluster.row("pods", "-l", "app=crashing")[2] == "CrashLoopBackOff"
    waiting = container_status(pod)["state"]["waiting"]
    assert waiting["message"].startswith("back-off 10s restarting failed container=main pod=")
    last = container_status(pod)["lastState"]["terminated"]
    assert (last["exitCode"], last["reason"]) == (3, "Error")

    wait_until(lambda: len(starts()) >= 4, 45, "four starts")
    gaps = [b - a for a, b in zip(starts(), starts()[1:])]
    # The first restart comes at once, the next ones after 10 s and 20 s.
    for gap, expected in zip(gaps, (0, 10, 20)):
        assert expected - 0.5 <= gap <= expected + 4, f"gaps between starts: {gaps}"
    wait_until(lambda: container_status(cluster.pod("crashing", "node-1"))["restartCount"] == 3,
               10, "three restarts are reported")
    messages = [e["message"] for e in cluster.events(pod["metadata"]["name"])]
    assert any("restarting failed container" in m for m in messages), messages


def test_a_single_crash_is_reported_and_restarted_at_once(cluster):
    script = "[ -e /once/x ] && { trap 'exit 0' TERM; sleep 100000 & wait; }; touch /once/x; exit 7"
    cluster.apply(daemonset(
        "once", command=["sh", "-c", script],
        container={"volumeMounts": [{"name": "once", "mountPath": "/once"}]},
        nodeSelector=only_on("node-1"), volumes=[{"name": "once", "emptyDir": {}}]))

    def restarted():
        pod = cluster.pod("once", "node-1")
        return pod and is_ready(pod) and container_status(pod)["restartCount"] == 1 and pod

    status = container_status(wait_until(restarted, 20, "it runs the second time"))
    assert status["lastState"]["terminated"]["exitCode"] == 7
    row = cluster.row("pods", "-l", "app=once")
    assert row[1:4] == ["1/1", "Running", "1"] and row[5] == "ago)", row  # "1 (3s ago)"


def test_config_maps_and_secrets_come_as_files_and_variables(cluster):
    # Spec: pod/13/field-ref, pod/14.3/modes
    config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"},
              "data": {"level": "debug", "app.conf": "one\ntwo\n"}}
    secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys"},
              "data": {"token": base64.b64encode(b"s3cret").decode()},
              "stringData": {"user": "me"}}
    container = {
        "env": [
            {"name": "PLAIN", "value": "a"},
            {"name": "EXPANDED", "value": "$(PLAIN)b $$(PLAIN)"},
            {"name": "LEVEL", "valueFrom": {"configMapKeyRef": {"name": "settings",
                                                                "key": "level"}}},
            {"name": "TOKEN", "valueFrom": {"secretKeyRef": {"name": "keys", "key": "token"}}},
            {"name": "NODE", "valueFrom": {"fieldRef": {"fieldPath": "spec.nodeName"}}},
            {"name": "POD_IP", "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
        ],
        "envFrom": [{"prefix": "S_", "secretRef": {"name": "keys"}}],
        "volumeMounts": [
            {"name": "config", "mountPath": "/config"},
            {"name": "keys", "mountPath": "/keys", "readOnly": True},
        ],
    }
    volumes = [
        {"name": "config", "configMap": {
            "name": "settings", "items": [{"key": "app.conf", "path": "etc/app.conf"}]}},
        {"name": "keys", "secret": {"secretName": "keys", "defaultMode": 0o400}},
    ]
    # The DaemonSet may come first: the pod waits for what it mentions, and says so.
    cluster.apply(daemonset("configured", container=container, volumes=volumes,
                            nodeSelector=only_on("node-1")))
    pod = wait_until(lambda: cluster.pod("configured", "node-1"), 10, "the pod is bound")
    name = pod["metadata"]["name"]
    wait_until(lambda: any("settings" in e["message"] and "not found" in e["message"]
                           for e in cluster.events(name)), 20, "an event names what is missing")
    said = cluster.apply(config, secret).out
    assert said == "configmap/settings created\nsecret/keys created\n"
    pod = cluster.wait_ready("configured", ["node-1"], timeout=150)["node-1"]

    def inside(command):
        return cluster.ctl("exec", name, "--", "sh", "-c", command).out

    assert inside("echo $PLAIN,$EXPANDED,$LEVEL,$TOKEN,$NODE,$S_user") == \
        "a,ab $(PLAIN),debug,s3cret,node-1,me\n"
    assert inside("echo $POD_IP").strip() == pod["status"]["podIP"]
    assert inside("cat /config/etc/app.conf") == "one\ntwo\n"
    assert inside("ls /config") == "etc\n"
    assert inside("cat /keys/token /keys/user") == "s3cretme"
    assert inside("stat -L -c %a /keys/token").strip() == "400"

    # The value of a Secret is not for describing.
    described = cluster.ctl("describe", "pod", name).out
    assert "s3cret" not in described
    assert "keys" in described


def test_resource_limits_reach_the_kernel(cluster):
    # Spec: pod/17.1/memory
    cluster.apply(daemonset(
        "limited", container={"resources": {"limits": {"memory": "32Mi", "cpu": "500m"}}},
        nodeSelector=only_on("node-1")))
    name = cluster.wait_ready("limited", ["node-1"])["node-1"]["metadata"]["name"]
    script = ("cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max "
              "2>/dev/null")
    assert cluster.ctl("exec", name, "--", "sh", "-c", script, check=False).out.split() == \
        ["33554432"]
    greedy = cluster.ctl("exec", name, "--", "sh", "-c", "head -c 100m /dev/zero | tail",
                         check=False)
    assert greedy.code == 137, greedy
