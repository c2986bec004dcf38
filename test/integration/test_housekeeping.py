"""What a node tidies up: logs, images, directories, and pods when it runs out of room."""

import contextlib
import os
import subprocess
import uuid

from testbed import (daemonset, identity, is_ready, only_on, stays, wait_until,
                     with_settings)


@contextlib.contextmanager
def agent_settings(cluster, host, text):
    """Runs the host's agent with these settings, and after that as it was."""
    path = cluster.host_etc(host) / "agent.yaml"
    before = path.read_text()

    def restart(content):
        cluster.testbed("stop", host, "agent")
        path.write_text(content)
        cluster.testbed("start", host, "agent")
        cluster.wait_nodes_ready(host)

    restart(with_settings(before, text))
    try:
        yield
    finally:
        restart(before)


def condition(node, kind):
    return next(c for c in node["status"]["conditions"] if c["type"] == kind)


# Numbered lines of some length, about fifty in a second.
COUNTING = ("trap 'exit 0' TERM; i=0; pad=$(printf '%0400d' 0); "
            "while :; do i=$((i+1)); echo $i $pad; sleep 0.02; done")


def numbers(text):
    return [int(line.split()[0]) for line in text.splitlines() if line]


def test_logs_are_rotated_and_a_follower_loses_and_repeats_nothing(cluster):
    # Spec: pod/18/files
    with agent_settings(cluster, "node-1", "containerLogMaxSize: 32Ki\n"
                        "containerLogMaxFiles: 3\ncontainerLogMonitorInterval: 1s\n"):
        cluster.apply(daemonset("counting", ["sh", "-c", COUNTING],
                                nodeSelector=only_on("node-1")))
        pod = cluster.wait_ready("counting", ["node-1"])["node-1"]
        name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
        logs = cluster.host_root("node-1") / f"var/log/pods/default_{name}_{uid}/main"

        seen = []
        with subprocess.Popen(cluster.ctl_command("logs", "-f", name), text=True,
                              stdout=subprocess.PIPE, env=cluster.env) as follower:
            for line in follower.stdout:
                seen.append(int(line.split()[0]))
                if seen[-1] >= 800:
                    break
            follower.kill()
        assert seen == list(range(1, 801))

        def settled():
            files = sorted(os.listdir(logs))
            packed = [f for f in files if f.endswith(".gz")]
            return len(files) == 3 and len(packed) == 1 and files[0] == "0.log" and files

        files = wait_until(settled, 20, "three files, the oldest of them compressed")
        assert all((logs / f).stat().st_size < 200 << 10 for f in files), files
        # Nothing between the file that is written and the one before it.
        wait_until(lambda: (logs / "0.log").exists(), 5)
        tail = numbers(cluster.ctl("logs", name, "--tail=3").out)
        assert tail == list(range(tail[0], tail[0] + len(tail))) and len(tail) <= 3

        # An agent that is killed between renaming and opening anew leaves this to the next one.
        cluster.testbed("kill", "node-1", "agent")
        os.rename(logs / "0.log", logs / "0.log.20200101-000000")
        cluster.testbed("start", "node-1", "agent")
        cluster.wait_nodes_ready("node-1")
        wait_until(lambda: (logs / "0.log").exists(), 20, "the log is there again")
        assert identity(cluster.pod("counting", "node-1")) == identity(pod)


def test_previous_log_of_a_container_that_waits_for_its_restart(cluster):
    cluster.apply(daemonset("failing", ["sh", "-c", "echo last words; exit 1"],
                            nodeSelector=only_on("node-1")))
    name = wait_until(lambda: cluster.pod("failing", "node-1"), 20)["metadata"]["name"]
    wait_until(lambda: cluster.row("pods", "-l", "app=failing")[2] == "CrashLoopBackOff", 30)
    wait_until(lambda: cluster.ctl("logs", "-p", name, check=False).out == "last words\n", 10)


def test_unused_images_go_and_needed_ones_stay(cluster, tmp_path):
    # Spec: pod/18/images-kept
    host = "node-3"

    def images():
        return cluster.on(host, "ctr", "-n", "k8s.io", "images", "ls", "-q").out

    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/sleep").write_bytes(open("/bin/busybox", "rb").read())
    (tmp_path / "bin/sleep").chmod(0o755)
    cluster.push("gc/unused:1", tmp_path)
    unused = daemonset("unused", container={"image": "gc/unused:1",
                                            "command": ["/bin/sleep", "100000"]},
                       nodeSelector=only_on(host))
    cluster.apply(unused, daemonset("used", nodeSelector=only_on(host)))
    cluster.wait_ready("unused", [host])
    before = identity(cluster.wait_ready("used", [host])[host])
    with agent_settings(cluster, host, "imageGCHighThresholdPercent: 1\n"
                        "imageGCLowThresholdPercent: 0\nimageMinimumGCAge: 1s\n"
                        "imageGCPeriod: 1s\n"):
        stays(lambda: "gc/unused:1" in images(), 4, "what is in use stays")
        cluster.ctl("delete", "ds", "unused", timeout=90)
        wait_until(lambda: "gc/unused:1" not in images(), 30, "the image is gone")
        left = images()
        assert "busybox" in left and "pause" in left, left
        events = [e for e in cluster.list("events", "-A")
                  if e["involvedObject"]["kind"] == "Node"
                  and e["involvedObject"]["name"] == host]
        assert any(e["reason"] == "FreeDiskSpaceFailed" for e in events), events
        # The sandbox's image was kept, so a pod can still come.
        cluster.apply(daemonset("later", nodeSelector=only_on(host)))
        cluster.wait_ready("later", [host])
        assert identity(cluster.pod("used", host)) == before


def test_directories_of_pods_that_went_unseen_are_removed(cluster):
    root = cluster.host_root("node-2")
    uid, foreign = str(uuid.uuid4()), str(uuid.uuid4())
    cluster.testbed("stop", "node-2", "agent")
    # As an agent leaves it that is killed in the middle of cleaning up.
    (root / f"var/lib/muster/agent/pods/{uid}/volumes").mkdir(parents=True)
    log = root / f"var/log/pods/default_gone_{uid}/main/0.log"
    log.parent.mkdir(parents=True)
    log.write_text("")
    (root / "var/log/containers").mkdir(parents=True, exist_ok=True)
    link = root / f"var/log/containers/gone_default_main-{uid}.log"
    link.symlink_to(f"/var/log/pods/default_gone_{uid}/main/0.log")
    other = root / f"var/log/pods/default_other_{foreign}"
    other.mkdir()
    try:
        cluster.testbed("start", "node-2", "agent")
        cluster.wait_nodes_ready("node-2")
        wait_until(lambda: not log.parent.parent.exists() and not link.is_symlink(), 20,
                   "logs and links of the pod are gone")
        wait_until(lambda: not (root / f"var/lib/muster/agent/pods/{uid}").exists(), 20)
        assert other.exists(), "it is not ours"
    finally:
        other.rmdir()


def test_a_pod_that_fills_the_disk_is_evicted_and_comes_back_when_there_is_room(cluster):
    # Spec: pod/19/result
    host = "node-2"
    storage = os.statvfs(cluster.host_root(host) / "var/lib/muster/agent")
    threshold = storage.f_bavail * storage.f_frsize - (3 << 30)
    volume = {"name": "tmp", "emptyDir": {}}
    mount = {"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]}
    cluster.apply(
        daemonset("greedy", container=mount, volumes=[volume], nodeSelector=only_on(host)),
        daemonset("modest", container=mount, volumes=[volume], nodeSelector=only_on(host)))
    greedy = cluster.wait_ready("greedy", [host])[host]
    modest = identity(cluster.wait_ready("modest", [host])[host])
    with agent_settings(cluster, host, f"evictionHard: {{nodefs.available: '{threshold}'}}\n"
                        "evictionPressureTransitionPeriod: 5s\nevictionMonitorPeriod: 1s\n"):
        uid, name = greedy["metadata"]["uid"], greedy["metadata"]["name"]
        directory = cluster.host_root(host) / f"var/lib/muster/agent/pods/{uid}/volumes"
        (place,) = directory.glob("*/tmp")
        seen = {}

        def evicted():
            node = cluster.get("node", host)
            if condition(node, "DiskPressure")["status"] == "True":
                seen["condition"] = condition(node, "DiskPressure")
                seen["taints"] = [t["key"] for t in node["spec"].get("taints", [])]
            for pod in cluster.list("pods", "-l", "app=greedy"):
                if pod["status"].get("reason") == "Evicted":
                    seen[pod["metadata"]["name"] == name] = pod["status"]
            return any(e["reason"] == "Evicted" for e in cluster.events(name)) and \
                "condition" in seen and place.exists() is False

        with open(place / "large", "wb") as file:
            os.posix_fallocate(file.fileno(), 0, 4 << 30)
        wait_until(evicted, 60, "the pod is evicted and its files are gone")
        (event,) = [e for e in cluster.events(name) if e["reason"] == "Evicted"]
        assert event["message"].startswith(
            "The node was low on resource: ephemeral-storage. Threshold quantity: "), event
        # Both go as soon as they have failed, so they may not have been met.
        if True in seen:
            assert seen[True]["phase"] == "Failed"
            assert seen[True]["message"] == event["message"]
        if False in seen:
            assert seen[False]["message"] == "The node had condition: [DiskPressure]. "
        assert seen["condition"]["reason"] == "KubeletHasDiskPressure"

        def recovered():
            return condition(cluster.get("node", host), "DiskPressure")["status"] == "False"

        wait_until(recovered, 30, "the pressure is over")
        again = cluster.wait_ready("greedy", [host], timeout=120)[host]
        assert again["metadata"]["uid"] != uid
        assert identity(cluster.pod("modest", host)) == modest


def test_an_empty_dir_beyond_its_limit_takes_its_pod_along(cluster):
    # Spec: pod/14.2/size-limit
    host = "node-2"
    cluster.apply(daemonset(
        "limited", container={"volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}]},
        volumes=[{"name": "tmp", "emptyDir": {"sizeLimit": "1Mi"}}], nodeSelector=only_on(host)))
    pod = cluster.wait_ready("limited", [host])[host]
    name = pod["metadata"]["name"]
    cluster.ctl("exec", name, "--", "dd", "if=/dev/zero", "of=/tmp/x", "bs=1M", "count=3")
    wait_until(lambda: any(e["reason"] == "Evicted" for e in cluster.events(name)), 90)
    messages = [e["message"] for e in cluster.events(name) if e["reason"] == "Evicted"]
    assert messages == ['Usage of EmptyDir volume "tmp" exceeds the limit "1Mi". ']

    def replaced():
        now = cluster.pod("limited", host)
        return now and is_ready(now) and now["metadata"]["uid"] != pod["metadata"]["uid"]

    wait_until(replaced, 60, "another pod takes its place")
