"""What musterctl shows and does, on the demo's own manifest and on small ones."""

import json
import re
import subprocess

from testbed import REPO, daemonset, only_on, wait_until

DEMO = REPO / "test/data/demo"
NAME = "daemonset-demo-prometheus"
AGE = r"\d+s"


def test_the_demo_manifest_in_every_cell(cluster, nodes):
    applied = cluster.ctl("apply", "-f", "daemonset_demo.yml", "--record", cwd=DEMO)
    assert applied.out == f"daemonset.apps/{NAME} created\n"
    assert applied.err == \
        "Flag --record has been deprecated, --record will be removed in the future\n"

    def all_ready():
        return cluster.row("daemonsets", NAME)[1:6] == ["3"] * 5

    wait_until(all_ready, 60, "3 3 3 3 3")
    header, row = cluster.ctl("get", "daemonsets", NAME, "-o", "wide").out.splitlines()
    assert re.split(r" {2,}", header.strip()) == [
        "NAME", "DESIRED", "CURRENT", "READY", "UP-TO-DATE", "AVAILABLE", "NODE SELECTOR", "AGE",
        "CONTAINERS", "IMAGES", "SELECTOR"]
    assert re.fullmatch(
        rf"{NAME} +3 +3 +3 +3 +3 +<none> +{AGE} +prometheus +prom/node-exporter"
        r" +name=prometheus-exporter,tier=monitoring", row.rstrip()), row
    # Cells stand under their headings.
    assert row.index("prom/node-exporter") == header.index("IMAGES")

    header, *rows = cluster.ctl("get", "pods", "-o", "wide").out.splitlines()
    assert re.split(r" {2,}", header.strip()) == [
        "NAME", "READY", "STATUS", "RESTARTS", "AGE", "IP", "NODE", "NOMINATED NODE",
        "READINESS GATES"]
    assert len(rows) == 3
    for node, row in zip(nodes, sorted(rows, key=lambda r: r.split()[6])):
        number = node.removeprefix("node-")
        assert re.fullmatch(
            rf"{NAME}-[bcdfghjklmnpqrstvwxz2456789]{{5}} +1/1 +Running +0 +{AGE} +10\.\d+\."
            rf"{number}\.\d+ +{node} +<none> +<none>", row.rstrip()), row

    text = cluster.ctl("describe", "daemonset", NAME).out
    assert [line.split(":")[0] for line in text.splitlines() if re.match(r"[A-Z]", line)] == [
        "Name", "Namespace", "Selector", "Node-Selector", "Labels", "Annotations",
        "Desired Number of Nodes Scheduled", "Current Number of Nodes Scheduled",
        "Number of Nodes Scheduled with Up-to-date Pods",
        "Number of Nodes Scheduled with Available Pods", "Number of Nodes Misscheduled",
        "Pods Status", "Pod Template", "Conditions", "Events"]
    for line in (
        rf"Name: +{NAME}", "Namespace: +default",
        "Selector: +name=prometheus-exporter,tier=monitoring", "Node-Selector: +<none>",
        "Labels: +<none>", "Annotations: +deprecated.daemonset.template.generation: 1",
        " +kubernetes.io/change-cause: musterctl apply --filename=daemonset_demo.yml --record=true",
        "Desired Number of Nodes Scheduled: 3", "Current Number of Nodes Scheduled: 3",
        "Number of Nodes Scheduled with Up-to-date Pods: 3",
        "Number of Nodes Scheduled with Available Pods: 3", "Number of Nodes Misscheduled: 0",
        "Pods Status: +3 Running / 0 Waiting / 0 Succeeded / 0 Failed",
        " +Image: +prom/node-exporter", " +Port: +80/TCP", " +Host Port: +0/TCP",
    ):
        assert re.search(rf"^{line}$", text, re.M), f"no line {line!r} in\n{text}"
    created = re.findall(
        rf"^  Normal +SuccessfulCreate +{AGE} +daemonset-controller +Created pod: (\S+)$",
        text, re.M)
    assert sorted(created) == sorted(
        p["metadata"]["name"] for p in cluster.list("pods")), text

    revisions = cluster.list("controllerrevisions")
    assert [r["revision"] for r in revisions] == [1]
    cause = revisions[0]["metadata"]["annotations"]["kubernetes.io/change-cause"]
    assert cause == "musterctl apply --filename=daemonset_demo.yml --record=true"

    said = cluster.ctl("rollout", "status", f"ds/{NAME}").out
    assert said == f'daemon set "{NAME}" successfully rolled out\n'

    again = cluster.ctl("apply", "-f", "daemonset_demo.yml", "--record", cwd=DEMO).out
    assert again == f"daemonset.apps/{NAME} unchanged\n"

    deleted = cluster.ctl("delete", "-f", "daemonset_demo.yml", cwd=DEMO).out
    assert deleted == f'daemonset.apps "{NAME}" deleted\n'
    wait_until(lambda: not cluster.list("pods"), 60, "the pods are gone")
    empty = cluster.ctl("get", "pods")
    assert (empty.out, empty.err) == ("", "No resources found in default namespace.\n")


def test_nodes_show_what_they_are(cluster, nodes):
    header, *rows = cluster.ctl("get", "nodes", "-o", "wide").out.splitlines()
    assert re.split(r" {2,}", header.strip()) == [
        "NAME", "STATUS", "ROLES", "AGE", "VERSION", "INTERNAL-IP", "EXTERNAL-IP", "OS-IMAGE",
        "KERNEL-VERSION", "CONTAINER-RUNTIME"]
    assert [row.split()[0] for row in rows] == nodes
    address = cluster.host_address("node-1")
    kernel = cluster.on("node-1", "uname", "-r").out.strip()
    assert re.search(rf" Ready +<none> .* {address} +<none> .* {re.escape(kernel)} +containerd://",
                     rows[0]), rows[0]
    node = cluster.get("node", "node-1")
    assert node["metadata"]["labels"]["kubernetes.io/hostname"] == "node-1"
    assert node["metadata"]["labels"]["kubernetes.io/os"] == "linux"
    assert int(node["status"]["capacity"]["pods"]) == 110
    memory = int(cluster.on("node-1", "sed", "-n", "s/^MemTotal: *\\([0-9]*\\).*/\\1/p",
                            "/proc/meminfo").out)
    assert node["status"]["capacity"]["memory"] == f"{memory}Ki"


def test_lists_in_every_form(cluster, nodes):
    cluster.apply(daemonset("one", meta={"labels": {"team": "a"}}), daemonset("two"))
    cluster.wait_ready("one", nodes)
    cluster.wait_ready("two", nodes)
    assert cluster.ctl("get", "ds", "-o", "name").out == \
        "daemonset.apps/one\ndaemonset.apps/two\n"
    assert cluster.ctl("get", "ds", "-l", "team=a", "-o", "name").out == "daemonset.apps/one\n"
    assert cluster.row("ds", "-l", "team!=a")[0] == "two"
    header, *rows = cluster.ctl("get", "pods", "-A").out.splitlines()
    assert header.startswith("NAMESPACE   NAME ")
    assert len(rows) == 6 and all(row.startswith("default     ") for row in rows)
    document = json.loads(cluster.ctl("get", "ds", "one", "-o", "json").out)
    assert document["kind"] == "DaemonSet" and document["apiVersion"] == "apps/v1"
    assert document["status"]["numberReady"] == 3
    text = cluster.ctl("get", "ds", "one", "-o", "yaml").out
    assert text.startswith("apiVersion: apps/v1\nkind: DaemonSet\n")
    # What is printed can be applied as it is, and restarts nothing.
    cluster.ctl("apply", "-f", "-", stdin=text)
    assert cluster.get("ds", "one")["metadata"]["generation"] == 1
    missing = cluster.ctl("get", "ds", "nobody", check=False)
    assert missing.code == 1
    assert missing.err == \
        'Error from server (NotFound): daemonsets.apps "nobody" not found\n'


def test_watching_sees_what_happens(cluster):
    watch = subprocess.Popen(
        [str(w) for w in cluster.ctl_command("get", "pods", "-w", "--no-headers")],
        env=cluster.env, stdout=subprocess.PIPE, text=True)
    try:
        cluster.apply(daemonset("seen", nodeSelector=only_on("node-1")))
        cluster.wait_ready("seen", ["node-1"])
        states = []
        while "Running" not in states:
            states.append(watch.stdout.readline().split()[2])
        assert states[0] == "Pending", states
        assert "ContainerCreating" in states, states
        cluster.ctl("delete", "ds", "seen")
        while "Terminating" not in states:
            states.append(watch.stdout.readline().split()[2])
    finally:
        watch.terminate()
        watch.wait(10)
        watch.stdout.close()


def test_logs_of_a_container(cluster):
    # What is written to both streams at one time has no order.
    script = "trap 'exit 0' TERM; for i in 1 2 3; do echo line $i; done; sleep 1; " \
             "echo problem >&2; while :; do sleep 1; echo tick; done"
    cluster.apply(daemonset("talks", command=["sh", "-c", script], nodeSelector=only_on("node-1")))
    pod = cluster.wait_ready("talks", ["node-1"])["node-1"]
    name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]

    wait_until(lambda: "tick\n" in cluster.ctl("logs", name).out, 10, "it ticks")
    lines = cluster.ctl("logs", name).out.splitlines()
    assert lines[:3] == ["line 1", "line 2", "line 3"] and "problem" in lines[:5], lines
    assert cluster.ctl("logs", name, "--tail=1").out == "tick\n"
    stamped = cluster.ctl("logs", name, "--timestamps").out.splitlines()[0]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(Z|[+-]\d\d:\d\d) line 1", stamped)

    follow = subprocess.Popen([str(w) for w in cluster.ctl_command("logs", "-f", name)],
                              env=cluster.env, stdout=subprocess.PIPE, text=True)
    try:
        seen = [follow.stdout.readline() for _ in range(7)]
        assert seen[0] == "line 1\n" and seen.count("tick\n") >= 3, seen
    finally:
        follow.terminate()
        follow.wait(10)
        follow.stdout.close()

    # Where other tools look for them.
    log = f"var/log/pods/default_{name}_{uid}/main/0.log"
    assert "line 1" in (cluster.host_root("node-1") / log).read_text()
    links = cluster.on("node-1", "sh", "-c", "cat /var/log/containers/*").out
    assert "line 1" in links

    wrong = cluster.ctl("logs", name, "-c", "nothere", check=False)
    assert wrong.code == 1 and "nothere" in wrong.err and name in wrong.err, wrong


def test_exec_in_a_container(cluster):
    cluster.apply(daemonset("shell", nodeSelector=only_on("node-1")))
    pod = cluster.wait_ready("shell", ["node-1"])["node-1"]
    name = pod["metadata"]["name"]
    assert cluster.ctl("exec", name, "--", "hostname").out == name + "\n"
    both = cluster.ctl("exec", name, "--", "sh", "-c", "echo out; echo err >&2; exit 42",
                       check=False)
    assert both.out == "out\n" and both.err.startswith("err\n")
    assert both.code == 42
    text = "".join(f"line {i}\n" for i in range(20000))
    copied = cluster.ctl("exec", "-i", name, "--", "cat", stdin=text)
    assert copied.out == text
    missing = cluster.ctl("exec", name, "--", "nosuchprogram", check=False)
    assert missing.code != 0 and "nosuchprogram" in missing.err, missing
    gone = cluster.ctl("exec", "nobody", "--", "true", check=False)
    assert gone.code == 1 and '"nobody" not found' in gone.err, gone


def test_pods_and_nodes_are_described(cluster):
    cluster.apply(daemonset("told", nodeSelector=only_on("node-1")))
    name = cluster.wait_ready("told", ["node-1"])["node-1"]["metadata"]["name"]
    pod = cluster.ctl("describe", "pod", name).out
    for line in (rf"Name: +{name}", "Namespace: +default", "Node: +node-1/10\\.[0-9.]+",
                 "Status: +Running", "IP: +10\\.[0-9.]+", "Controlled By: +DaemonSet/told",
                 " +Image: +busybox", " +State: +Running", " +Ready: +True",
                 " +Restart Count: +0"):
        assert re.search(rf"^{line}$", pod, re.M), f"no line {line!r} in\n{pod}"
    for reason in ("Scheduled", "Created", "Started"):
        assert re.search(rf"^  Normal +{reason} ", pod, re.M), pod
    node = cluster.ctl("describe", "node", "node-1").out
    assert re.search(r"^Name: +node-1$", node, re.M)
    assert re.search(r"^ +Ready +True ", node, re.M), node
    assert name in node


def test_version_and_help(cluster):
    assert re.search(r"\d+\.\d+\.\d+", cluster.ctl("version").out)
    help_text = cluster.ctl("--help").out
    for verb in ("apply", "get", "describe", "delete", "logs", "exec", "rollout", "label", "taint",
                 "token", "version"):
        assert re.search(rf"^ +{verb}\b", help_text, re.M), verb
