"""The verbs of kubectl on real hosts: back and forth, away and back, and what they say."""

import json
import re
import subprocess

from testbed import BUILD, RUN_FOREVER, daemonset, identity, only_on, run, wait_until


def restartless(before, after, nodes):
    for node in nodes:
        assert identity(after[node]) == identity(before[node]), node


# Spec: 12.6/history, 12.6/undo, 6/equal-template
def test_undo_in_the_middle_of_a_rollout_restarts_only_what_was_changed(cluster, nodes):
    good = json.dumps(daemonset("web"))
    cluster.ctl("apply", "-f", "-", "--record", stdin=good)
    before = cluster.wait_ready("web", nodes)

    bad = json.dumps(daemonset("web", container={"image": "nosuch:1"}))
    differs = cluster.ctl("diff", "-f", "-", stdin=bad, check=False)
    assert differs.code == 1, differs
    assert re.search(r"^-\s+(- )?image: busybox$", differs.out, re.M), differs
    assert re.search(r"^\+\s+(- )?image: nosuch:1$", differs.out, re.M), differs
    assert cluster.ctl("apply", "-f", "-", stdin=bad).out == "daemonset.apps/web configured\n"
    assert cluster.ctl("diff", "-f", "-", stdin=bad).out == ""

    def in_work():
        pods = cluster.pods("web")
        return [n for n in nodes if n not in pods or
                pods[n]["metadata"]["uid"] != before[n]["metadata"]["uid"]]

    wait_until(lambda: len(in_work()) == 1 and len(cluster.pods("web")) == 3, 30,
               "one node has the bad release")
    changed = in_work()
    assert cluster.ctl("rollout", "undo", "ds/web").out == "daemonset.apps/web rolled back\n"
    after = cluster.wait_ready("web", nodes)
    restartless(before, after, set(nodes) - set(changed))
    assert cluster.ctl("rollout", "history", "ds/web").out == (
        "daemonset.apps/web \n"
        "REVISION  CHANGE-CAUSE\n"
        "2         <none>\n"
        "3         musterctl apply --filename=- --record=true\n"
        "\n")
    one = cluster.ctl("rollout", "history", "ds/web", "--revision=2").out
    assert one.startswith("daemonset.apps/web with revision #2\nPod Template:\n  Labels:"), one
    assert "nosuch:1" in one
    again = cluster.ctl("rollout", "undo", "ds/web", "--to-revision=3").out
    assert again == ("daemonset.apps/web skipped rollback (current template already matches "
                     "revision 3)\n")
    missing = cluster.ctl("rollout", "undo", "ds/web", "--to-revision=9", check=False)
    assert (missing.code, missing.err) == \
        (1, "error: unable to find specified revision 9 in history\n")


# Spec: 12.6/restart-and-pause
def test_restart_and_a_new_image_replace_every_pod(cluster, nodes):
    cluster.apply(daemonset("web"))
    before = cluster.wait_ready("web", nodes)
    assert cluster.ctl("rollout", "restart", "ds/web").out == "daemonset.apps/web restarted\n"
    cluster.ctl("rollout", "status", "ds/web", timeout=90)
    restarted = cluster.wait_ready("web", nodes)
    assert not {p["metadata"]["uid"] for p in restarted.values()} & \
        {p["metadata"]["uid"] for p in before.values()}

    said = cluster.ctl("set", "image", "ds/web", "main=busybox:latest").out
    assert said == "daemonset.apps/web image updated\n"
    cluster.ctl("rollout", "status", "ds/web", timeout=90)
    waited = cluster.ctl("wait", "ds/web", "--for=jsonpath={.status.numberReady}=3")
    assert waited.out == "daemonset.apps/web condition met\n"
    images = cluster.ctl("get", "pods", "-l", "app=web", "-o",
                         "jsonpath={.items[*].spec.containers[0].image}").out
    assert set(images.split()) == {"busybox:latest"}


# Spec: 11.3/cordon, 11.3/drain-refuses, 11.3/drain-ignores
def test_cordon_and_drain(cluster, nodes):
    cluster.apply(daemonset("web"))
    before = cluster.wait_ready("web", nodes)
    bare = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "bare"},
            "spec": {"nodeName": "node-1", "terminationGracePeriodSeconds": 2,
                     "containers": [{"name": "main", "image": "busybox", "command": RUN_FOREVER}]}}
    cluster.apply(bare)
    cluster.ctl("wait", "pod/bare", "--for=condition=Ready", "--timeout=60s", timeout=90)

    assert cluster.ctl("cordon", "node-1").out == "node/node-1 cordoned\n"
    assert cluster.ctl("cordon", "node-1").out == "node/node-1 already cordoned\n"
    assert cluster.row("node", "node-1")[1] == "Ready,SchedulingDisabled"

    refused = cluster.ctl("drain", "node-1", check=False)
    name = before["node-1"]["metadata"]["name"]
    assert refused.code == 1
    assert "cannot delete DaemonSet-managed Pods (use --ignore-daemonsets to ignore): " \
        f"default/{name}" in refused.err, refused
    assert "cannot delete Pods that declare no controller (use --force to override): " \
        "default/bare" in refused.err, refused
    assert sorted(p["metadata"]["name"] for p in cluster.list("pods")) == \
        sorted([p["metadata"]["name"] for p in before.values()] + ["bare"])

    drained = cluster.ctl("drain", "node-1", "--ignore-daemonsets", "--force", "--timeout=60s",
                          timeout=90)
    assert drained.out == ("node/node-1 already cordoned\nevicting pod default/bare\n"
                           "pod/bare evicted\nnode/node-1 drained\n")
    assert drained.err == f"Warning: ignoring DaemonSet-managed Pods: default/{name}; deleting " \
        "Pods that declare no controller: default/bare\n"
    after = cluster.wait_ready("web", nodes)
    restartless(before, after, nodes)
    assert cluster.ctl("uncordon", "node-1").out == "node/node-1 uncordoned\n"


# Spec: 4.2/orphan, 4.2/foreground
def test_orphans_are_taken_over_without_a_restart(cluster, nodes):
    cluster.apply(daemonset("web"))
    before = cluster.wait_ready("web", nodes)
    assert cluster.ctl("delete", "ds", "web", "--cascade=orphan").out == \
        'daemonset.apps "web" deleted\n'
    orphans = cluster.pods("web")
    assert all("ownerReferences" not in pod["metadata"] for pod in orphans.values())
    restartless(before, orphans, nodes)

    cluster.apply(daemonset("web"))
    uid = cluster.get("ds", "web")["metadata"]["uid"]

    def adopted():
        return all(owner["uid"] == uid for pod in cluster.pods("web").values()
                   for owner in pod["metadata"].get("ownerReferences", [{"uid": ""}]))

    wait_until(adopted, 20, "the pods are adopted")
    cluster.ctl("rollout", "status", "ds/web")
    restartless(before, cluster.pods("web"), nodes)

    # Foreground: when the DaemonSet is gone, so are its pods.
    cluster.ctl("delete", "ds", "web", "--cascade=foreground", timeout=90)
    assert cluster.pods("web") == {}


def test_waiting_and_looking(cluster, nodes):
    cluster.apply(daemonset("seen", nodeSelector=only_on("node-2")))
    ready = cluster.ctl("wait", "nodes", "--all", "--for=condition=Ready")
    assert ready.out == "".join(f"node/{node} condition met\n" for node in nodes)
    cluster.wait_ready("seen", ["node-2"])
    on_node = cluster.ctl("get", "pods", "--field-selector=spec.nodeName=node-2", "-o", "name").out
    assert on_node.startswith("pod/seen-")
    assert cluster.ctl("get", "pods", "--field-selector=spec.nodeName=node-1", "-o", "name").out \
        == ""
    columns = cluster.ctl("get", "nodes", "--sort-by=.metadata.name", "-o",
                          "custom-columns=NAME:.metadata.name,READY:.status.conditions"
                          "[?(@.type==\"Ready\")].status").out
    assert columns == "NAME     READY\n" + "".join(f"{node}   True\n" for node in nodes)
    hosts = cluster.ctl("get", "nodes", "-L", "kubernetes.io/hostname").out.splitlines()
    assert hosts[0].split()[-1] == "HOSTNAME" and hosts[1].split()[-1] == "node-1"
    events = cluster.ctl("events", "--for", "ds/seen").out.splitlines()
    assert re.fullmatch(r"LAST SEEN +TYPE +REASON +OBJECT +MESSAGE", events[0])
    assert re.fullmatch(r"\S+ +Normal +SuccessfulCreate +daemonset/seen +Created pod: seen-\S+",
                        events[1]), events
    late = cluster.ctl("wait", "ds/seen", "--for=jsonpath={.status.numberReady}=5", "--timeout=1s",
                       check=False)
    assert (late.code, late.err) == \
        (3, "error: timed out waiting for the condition on daemonsets/seen\n")
    pod = on_node.strip()
    cluster.ctl("delete", "ds", "seen", "--wait=false")
    gone = cluster.ctl("wait", pod, "--for=delete", "--timeout=60s", timeout=90)
    assert gone.out == f"{pod} condition met\n"


def test_apply_removes_what_it_set_and_keeps_what_others_set(cluster):
    first = daemonset("web", nodeSelector={"kubernetes.io/os": "none", "test/a": "b"},
                      container={"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]})
    cluster.apply(first)
    cluster.ctl("label", "ds", "web", "team=infra")
    cluster.ctl("set", "image", "ds/web", "main=busybox:other")
    second = daemonset("web", nodeSelector={"kubernetes.io/os": "none"},
                       container={"env": [{"name": "B", "value": "3"}]})
    second["spec"]["template"]["spec"]["containers"][0].pop("image")
    problems = cluster.apply(second, check=False)
    assert problems.code == 1 and "containers[0].image: Required value" in problems.err, problems
    second["spec"]["template"]["spec"]["containers"][0]["image"] = "busybox:other"
    cluster.apply(second)
    merged = cluster.get("ds", "web")
    assert merged["metadata"]["labels"] == {"team": "infra"}
    spec = merged["spec"]["template"]["spec"]
    assert spec["nodeSelector"] == {"kubernetes.io/os": "none"}
    assert spec["containers"][0]["env"] == [{"name": "B", "value": "3"}]

    # An object made in another way: nothing is known of what it once said.
    cluster.ctl("create", "-f", "-", stdin=json.dumps(dict(second, metadata={"name": "made"})))
    twice = cluster.ctl("create", "-f", "-", check=False,
                        stdin=json.dumps(dict(second, metadata={"name": "made"})))
    assert twice.code == 1 and twice.err.startswith(
        'Error from server (AlreadyExists): error when creating "-": daemonsets.apps "made" '
        'already exists'), twice
    applied = cluster.ctl("apply", "-f", "-", stdin=json.dumps(dict(second,
                                                                    metadata={"name": "made"})))
    assert applied.err.startswith("Warning: daemonsets/made was not made by apply"), applied


def test_a_connection_that_fails_says_why_in_one_line(cluster, tmp_path):
    stranger = ("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                "ec_paramgen_curve:prime256v1", "-nodes", "-subj", "/CN=stranger", "-days", "1",
                "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem")
    assert run(*stranger).code == 0
    config = tmp_path / "config.yaml"
    config.write_text("".join(f"{key}: {tmp_path / file}\n" for key, file in (
        ("certificateAuthority", "cert.pem"), ("clientCertificate", "cert.pem"),
        ("clientKey", "key.pem"))))
    server = f"{cluster.host_address('control')}:7440"
    wrong = run(BUILD / "ctl/musterctl", "--server", server, "get", "nodes",
                env=dict(cluster.env, MUSTER_CONFIG=str(config)), timeout=40)
    assert wrong.code == 1, wrong
    assert wrong.err.startswith(f"error: cannot reach the coordinator at {server}: who answers "
                                "there is not the coordinator that certificateAuthority vouches")
    assert len(wrong.err.splitlines()) == 1, wrong

    cluster.apply(daemonset("seen", nodeSelector=only_on("node-1")))
    watch = subprocess.Popen([str(w) for w in cluster.ctl_command("get", "ds", "-w")],
                             env=cluster.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             text=True)
    try:
        assert watch.stdout.readline().startswith("NAME")
        cluster.testbed("kill", "control", "coordinator")
        assert watch.wait(20) == 1
        lost = watch.stderr.read()
        assert "the connection was lost" in lost and len(lost.splitlines()) == 1, lost
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
        watch.stderr.close()
        cluster.testbed("start", "control", "coordinator")
    wait_until(cluster.answers, 30)
