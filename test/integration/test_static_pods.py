"""Pods that a node runs from its own files."""

import shutil

import yaml

from testbed import is_ready, stays, wait_until

STATIC = """apiVersion: v1
kind: Pod
metadata:
  name: fixed
  labels: {app: fixed}
spec:
  terminationGracePeriodSeconds: 2
  containers:
  - name: main
    image: busybox
    imagePullPolicy: IfNotPresent
    command: [sh, -c, "trap 'exit 0' TERM; echo %s | tee /out/said; sleep 1000000 & wait"]
    volumeMounts: [{name: out, mountPath: /out}]
  volumes:
  - name: out
    hostPath: {path: /var/lib/fixed, type: DirectoryOrCreate}
"""


def test_static_pods_run_from_their_files_without_a_coordinator(cluster):
    # Spec: pod/21/alone
    host = "node-3"
    folder = cluster.host_etc(host) / "static-pods"
    said = cluster.host_root(host) / "var/lib/fixed/said"

    def says(word):
        return wait_until(lambda: said.exists() and said.read_text() == word + "\n", 30,
                          f"the static pod says {word}")

    try:
        folder.mkdir()
        (folder / ".hidden.yaml").write_text(STATIC % "hidden")
        (folder / "fixed.yaml").write_text(STATIC % "one")
        says("one")

        # It is shown as other pods are, and somebody who deletes it only deletes what is shown.
        def shown():
            pods = cluster.list("pods", "-l", "app=fixed")
            return pods and is_ready(pods[0]) and pods[0]

        pod = wait_until(shown, 20, "the static pod is shown, ready")
        assert pod["metadata"]["name"] == f"fixed-{host}"
        assert pod["metadata"]["ownerReferences"][0]["kind"] == "Node"
        assert pod["metadata"]["annotations"]["kubernetes.io/config.source"] == "file"
        name = f"fixed-{host}"
        assert cluster.row("pods", name)[1:3] == ["1/1", "Running"]
        wide = cluster.ctl("get", "pod", name, "-o", "wide", "--no-headers").out.split()
        assert host in wide and pod["status"]["podIP"] in wide
        whole = yaml.safe_load(cluster.ctl("get", "pod", name, "-o", "yaml").out)
        marks = whole["metadata"]["annotations"]
        assert marks["kubernetes.io/config.mirror"] == marks["kubernetes.io/config.hash"] \
            == whole["metadata"]["uid"]
        assert marks["kubernetes.io/config.seen"]
        assert {"operator": "Exists", "effect": "NoExecute"} in whole["spec"]["tolerations"]
        described = cluster.ctl("describe", "pod", name).out
        owner = next(line for line in described.splitlines() if line.startswith("Controlled By:"))
        assert owner.split()[-1] == f"Node/{host}"
        for reason in ("Pulled", "Created", "Started"):
            assert reason in described
        assert cluster.ctl("logs", name).out == "one\n"
        assert cluster.ctl("exec", name, "--", "cat", "/out/said").out == "one\n"

        tasks = cluster.tasks(host)
        for flags in ((), ("--force", "--grace-period=0")):
            cluster.ctl("delete", "pod", name, *flags, timeout=60)

            def shown_again():
                again = shown()
                return again and not again["metadata"].get("deletionTimestamp")

            wait_until(shown_again, 30, "it is shown again")
            stays(lambda: cluster.tasks(host) == tasks, 2, "the container runs on")
        taken_off = cluster.ctl("annotate", "pod", name, "kubernetes.io/config.mirror-",
                                check=False)
        assert taken_off.code != 0 and "field is immutable" in taken_off.err
        running = cluster.tasks(host)
        cluster.testbed("stop", "control", "coordinator")
        # The next agent finds it as it is; an edited file is another pod, coordinator or not.
        cluster.testbed("kill", host, "agent")
        cluster.testbed("start", host, "agent")
        stays(lambda: cluster.tasks(host) == running, 3, "the container runs on")
        (folder / "fixed.yaml").write_text(STATIC % "two")
        says("two")
        # A reboot without a coordinator.
        said.unlink()
        cluster.testbed("kill", host)
        cluster.testbed("start", host)
        says("two")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        cluster.testbed("start", "control", "coordinator", check=False)
    wait_until(cluster.answers, 30)
    cluster.wait_nodes_ready(host)
    wait_until(lambda: not cluster.tasks(host), 30, "the pod went with its file")
    wait_until(lambda: not cluster.list("pods", "-l", "app=fixed"), 30, "and what is shown of it")
