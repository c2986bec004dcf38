"""Pods that a node runs from its own files."""

import shutil

from testbed import stays, wait_until

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
    command: [sh, -c, "trap 'exit 0' TERM; echo %s > /out/said; sleep 1000000 & wait"]
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
