"""What is wrong ends in one message that says what, where and what to do; nothing is changed."""

import json
import re

import pytest
from testbed import BUILD, daemonset, run, wait_until

GOOD = """\
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: good
spec:
  selector: {matchLabels: {app: good}}
  template:
    metadata: {labels: {app: good}}
    spec:
      nodeSelector: {test/nowhere: "yes"}
      containers:
      - name: main
        image: busybox
"""


def everything(cluster):
    """All that is stored, down to the revision of each object."""
    kinds = ("daemonsets", "pods", "configmaps", "secrets", "controllerrevisions")
    objects = [o for kind in kinds for o in cluster.list(kind, "-A")]
    return json.dumps(
        [(o["kind"], o["metadata"]["name"], o["metadata"]["resourceVersion"]) for o in objects])


def refused(cluster, tmp_path, text, *expected, args=(), code=1):
    """Applies `text` behind a good document: each regex is in the message, nothing is stored."""
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    before = everything(cluster)
    result = cluster.ctl("apply", "-f", path, *args, check=False)
    assert result.code == code, result
    for pattern in expected:
        assert re.search(pattern, result.err), f"no {pattern!r} in\n{result.err}"
    assert result.out == "", result
    assert everything(cluster) == before
    return result


@pytest.mark.parametrize("text, expected", [
    pytest.param(GOOD.replace("metadata:\n  name", "metadata:\n   name: x\n  name"),
                 [r"bad\.yaml:5\b"], id="indentation"),
    pytest.param(GOOD.replace("selector: {", "selector: {{"), [r"bad\.yaml:\d+"], id="flow"),
    pytest.param(GOOD + "\tx: 1\n", [r"bad\.yaml:14\b"], id="tab"),
    pytest.param(GOOD.replace("image: busybox", "imagee: busybox"),
                 [r"bad\.yaml:13:9", r"imagee", r"did you mean \W?image\b"], id="misspelt field"),
    pytest.param(GOOD.replace("      containers:", "      containers: 3\n      x:"),
                 [r"bad\.yaml:11\b", r"spec\.template\.spec\.containers"], id="wrong type"),
    pytest.param(GOOD.replace("  name: good\n", "  name: good\n  name: other\n"),
                 [r"bad\.yaml:5\b", r"name"], id="same key twice"),
    pytest.param(GOOD.replace("kind: DaemonSet", "kind: DeamonSet"),
                 [r"bad\.yaml:2\b", r"DeamonSet", r"did you mean \W?DaemonSet"], id="unknown kind"),
    pytest.param(GOOD.replace("kind: DaemonSet\n", ""), [r"bad\.yaml", r"kind"], id="no kind"),
    pytest.param("just text\n", [r"bad\.yaml:1\b"], id="no mapping"),
])
def test_manifests_that_cannot_be_read(cluster, tmp_path, text, expected):
    refused(cluster, tmp_path, text, *expected)


def test_a_file_is_read_whole_before_anything_is_stored(cluster, tmp_path):
    bad = GOOD.replace("good", "second").replace("image: busybox", "imagee: busybox")
    refused(cluster, tmp_path, GOOD + "---\n" + bad, r"bad\.yaml:27:9", "imagee")


def test_every_problem_of_a_manifest_is_told_at_once(cluster, tmp_path):
    bad = GOOD.replace("name: good", "name: Not_Good").replace(
        "matchLabels: {app: good}", "matchLabels: {app: other}").replace(
        "        image: busybox\n", "")
    refused(
        cluster, tmp_path, bad, r'The DaemonSet "Not_Good" is invalid:',
        r"metadata\.name: Invalid value",
        r"spec\.template\.metadata\.labels: Invalid value: .*`selector` does not match template",
        r"spec\.template\.spec\.containers\[0\]\.image: Required value")


def test_a_dry_run_stores_nothing(cluster, tmp_path):
    before = everything(cluster)
    for where in ("client", "server"):
        said = cluster.ctl("apply", "-f", "-", f"--dry-run={where}", stdin=GOOD).out
        suffix = "(dry run)" if where == "client" else "(server dry run)"
        assert said == f"daemonset.apps/good created {suffix}\n"
    assert everything(cluster) == before


def test_what_cannot_change_is_refused(cluster, tmp_path):
    cluster.ctl("apply", "-f", "-", stdin=GOOD)
    changed = GOOD.replace("{app: good}", "{app: changed}")
    wait_until(lambda: cluster.get("ds", "good")["status"].get("observedGeneration") == 1, 10,
               "its status is written")
    refused(cluster, tmp_path, changed, r"spec\.selector: Invalid value: .*: field is immutable")
    assert cluster.get("ds", "good")["spec"]["selector"] == {"matchLabels": {"app": "good"}}


def test_what_is_not_honoured_is_refused_by_name(cluster, tmp_path):
    # Spec: pod/3/unsupported
    volume = """\
      volumes:
      - name: data
        persistentVolumeClaim: {claimName: x}
"""
    refused(cluster, tmp_path, GOOD + volume,
            r"spec\.template\.spec\.volumes\[0\]\.persistentVolumeClaim")


def test_documents_of_other_kinds_are_skipped_unless_strict(cluster, tmp_path):
    role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: x}\n"
    refused(cluster, tmp_path, GOOD + "---\n" + role, r"ClusterRole", args=("--strict",))
    said = cluster.ctl("apply", "-f", "-", stdin=GOOD + "---\n" + role)
    assert "daemonset.apps/good created\n" in said.out
    assert "ClusterRole" in said.err and "skipped" in said.err, said


def test_files_that_are_not_there(cluster):
    missing = cluster.ctl("apply", "-f", "/nowhere.yaml", check=False)
    assert missing.code == 1 and "/nowhere.yaml" in missing.err, missing
    assert cluster.ctl("apply", check=False).code == 64
    assert cluster.ctl("appply", check=False).code == 64
    unknown = cluster.ctl("get", "podz", check=False)
    assert unknown.code == 1 and "podz" in unknown.err, unknown


@pytest.mark.parametrize("server", ["unix:/nowhere/coordinator.sock", "127.0.0.1:1"])
def test_a_coordinator_that_cannot_be_reached(cluster, server):
    result = run(BUILD / "ctl/musterctl", "--server", server, "get", "nodes", env=cluster.env,
                 timeout=30)
    assert result.code == 1, result
    assert server.removeprefix("unix:") in result.err, result
    assert len(result.err.splitlines()) <= 3, result


def test_a_wrong_token_joins_nobody(cluster):
    line = cluster.ctl("token", "create").out.split()
    target, token, ca_hash = line[2], line[4], line[6]
    cluster.testbed("add", "node-6", "--no-join")
    before = [n["metadata"]["name"] for n in cluster.list("nodes")]

    def join(token, ca_hash):
        result = cluster.on("node-6", "muster-agent", "join", target, "--token", token,
                            "--ca-hash", ca_hash, check=False)
        config = cluster.on("node-6", "sh", "-c", "cat /etc/muster/agent.yaml", check=False)
        return result, config.code == 0

    secret = token.split(".")[1]
    wrong, configured = join(token.replace(secret, secret[::-1]), ca_hash)
    assert wrong.code == 1 and "token" in wrong.err and not configured, wrong
    assert "token create" in wrong.err, wrong  # What to do next.

    wrong, configured = join(token, "sha256:" + "0" * 64)
    assert wrong.code == 1 and re.search("CA|certificate", wrong.err) and not configured, wrong

    wrong, configured = join("nonsense", ca_hash)
    assert wrong.code in (1, 64) and not configured, wrong

    right, configured = join(token, ca_hash)
    assert right.code == 0 and configured, right
    # A token is good for one node.
    cluster.on("node-6", "sh", "-c", "rm -rf /etc/muster/* /var/lib/muster/*")
    again, configured = join(token, ca_hash)
    assert again.code == 1 and not configured, again
    assert [n["metadata"]["name"] for n in cluster.list("nodes")
            if n["metadata"]["name"] != "node-6"] == before


def test_a_full_disk_is_named_and_survived(cluster):
    """The coordinator's state on a small file system that runs full in the middle of things."""
    state = "/var/lib/muster/coordinator"
    cluster.ctl("apply", "-f", "-", stdin=GOOD)
    cluster.testbed("stop", "control", "coordinator")
    cluster.on("control", "sh", "-ec", f"""
        mv {state} {state}.real
        mkdir {state}
        mount -t tmpfs -o mode=700,size=8m tmpfs {state}
        cp -a {state}.real/. {state}""")
    try:
        cluster.testbed("start", "control", "coordinator")
        wait_until(cluster.answers, 30)
        cluster.wait_nodes_ready("node-1", "node-2", "node-3")
        fill = f"dd if=/dev/zero of={state}/filler bs=4k 2>/dev/null; true"
        cluster.on("control", "sh", "-c", fill)
        before = everything(cluster)

        result = None
        for number in range(40):  # What the database has already claimed takes a little.
            config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": f"c{number}"},
                      "data": {"big": "x" * 200000}}
            result = cluster.apply(config, check=False)
            if result.code != 0:
                break
            before = everything(cluster)
        assert result.code == 1, result
        assert re.search("full|space", result.err), result
        assert everything(cluster) == before
        assert cluster.ctl("get", "ds", "good").code == 0

        cluster.on("control", "rm", f"{state}/filler")
        assert cluster.apply(daemonset("after", nodeSelector={"test/nowhere": "yes"})).code == 0
    finally:
        cluster.testbed("stop", "control", "coordinator")
        cluster.on("control", "sh", "-ec", f"""
            rm -f {state}/filler
            cp -a {state}/. {state}.real
            umount {state}
            rmdir {state}
            mv {state}.real {state}""")
        cluster.testbed("start", "control", "coordinator")
    wait_until(cluster.answers, 30)
    assert cluster.ctl("get", "ds", "good", "after").code == 0
